"""Are there lines, rings or planes on which the network lingers?"""

__all__ = ["Attractors"]

from collections.abc import Mapping

import xarray as xr
from typing_extensions import override

from neurornn.analysis import attractors
from neurornn.report._dissect import situations_of
from neurornn.report._page import Section
from neurornn.report._panels import clean, panels, words
from neurornn.report.examinations._base import AbstractExamination, Subject
from neurornn.report.examinations._legends import legend_above


class Attractors(AbstractExamination):
    """Continuous attractors, exact and approximate, and how fast states drift along them."""

    name = "attractors"
    heading = "Continuous attractors"

    @override
    def examine(self, subject: Subject) -> Mapping[str, xr.Dataset]:
        found = attractors.find(subject.still, subject.points, within=subject.data)
        return {"objects": found}

    @override
    def section(self, found: Mapping[str, xr.Dataset], tree: xr.DataTree) -> Section:
        objects = found["objects"]
        contexts = situations_of(tree)
        figure, axes = panels(len(contexts), height=4.2)
        components = tree["components"].to_dataset()
        for k, (ax, name) in enumerate(zip(axes, contexts, strict=True)):
            attractors.plot_attractors(objects, components, context=name, ax=ax)
            legend_above(ax, name)
            if k % 2:
                ax.set_ylabel("")
        verdicts = dict(
            zip(map(str, objects["search"].values), map(str, objects["verdict"].values), strict=True)
        )
        return Section(
            self.heading,
            clean(figure),
            "Continuous attractors in the first two principal components, coloured by the speed of the drift along them.",
            "Curves and surfaces that states fall onto and then move along slowly, whether all their points rest or a few "
            "fixed points are linked by slow motion. What counts as slow: longer than 3 time scales of the network, and 3 times slower "
            "along than across.",
            table={words(name): verdicts[name] for name in contexts},
            text="\n".join(
                f"{words(context)}: {summary}"
                for context, summary in zip(objects["context"].values, objects["summary"].values, strict=True)
            ),
        )
