"""What happens to the fixed points on the way from one situation to another?"""

__all__ = ["Continuation"]

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis import continuation
from neurornn.report._page import Section
from neurornn.report._panels import clean, panels, words
from neurornn.report.examinations._base import AbstractExamination, Subject

_MOST_POINTS = 2000
_SPECIAL = ("fold", "pitchfork", "transcritical", "branch point", "hopf", "kink")


class Continuation(AbstractExamination):
    """Fixed points, followed while the input of the first situation turns into that of each other one."""

    name = "continuation"
    heading = "From situation to situation"

    @override
    def examine(self, subject: Subject) -> Mapping[str, xr.Dataset]:
        (first, origin), *others = subject.situations.items()
        if not others:
            raise ValueError(f"There is one situation only, '{first}': no way leads anywhere.")
        components = subject.tree["components"].to_dataset()
        axis = components["component_vector"].isel(component=0)
        middle = float(axis.values @ components["mean"].values)
        found = {}
        for name, held in others:
            path = continuation.InputPath(origin, held, name=f"from {words(first)} to {words(name)}")
            ends = [_fixed(subject, each) for each in (first, name)]
            begin = int(len(ends[1]) > len(ends[0]))
            if not len(ends[begin]):
                raise ValueError(f"There is no fixed point in '{first}' or '{name}' to start from.")
            diagram = continuation.trace(
                subject.still, path, ends[begin], at=float(begin), max_points=_MOST_POINTS
            )
            found[name] = diagram.assign(axis=("unit", axis.values)).assign_attrs(
                begun_in=(first, name)[begin], middle=middle
            )
        return found

    @override
    def section(self, found: Mapping[str, xr.Dataset], tree: xr.DataTree) -> Section:
        figure, axes = panels(len(found), height=4.0, share=False, per_row=1 if len(found) == 1 else 2)
        for ax, diagram in zip(axes, found.values(), strict=True):
            axis, middle = diagram["axis"].values, diagram.attrs["middle"]
            continuation.plot_diagram(
                diagram,
                projection=lambda states, axis=axis, middle=middle: states @ axis - middle,  # type: ignore[misc]
                name="PC 1",
                ax=ax,
            )
        return Section(
            self.heading,
            clean(figure),
            "The first principal component of the fixed points against the position between two inputs.",
            "Fixed points of that of two situations which has more of them, followed while the held input turns into that of the "
            "other (pseudo-arclength continuation, around folds, on all branches that connect). What is not connected to them is not "
            "shown.",
            table={f"to {words(name)}": _told(diagram) for name, diagram in found.items()},
        )


def _fixed(subject: Subject, situation: str) -> NDArray[np.float64]:
    points = subject.points
    here = (points["context"].values == situation) & (points["kind"].values == "fixed")
    return np.asarray(points["state"].values[here])


def _told(diagram: xr.Dataset) -> str:
    kinds = diagram["special_kind"].values.astype(str)
    counts = [f"{(kinds == kind).sum()} × {kind}" for kind in _SPECIAL if (kinds == kind).any()]
    ends = np.unique(np.concatenate([diagram["curve_first_end"].values, diagram["curve_last_end"].values]))
    n = diagram.sizes["curve"]
    branches = f"{n} branch" if n == 1 else f"{n} branches"
    return f"begun in {words(diagram.attrs['begun_in'])}: {branches}; {', '.join(counts) or 'no bifurcation'}; ends: {', '.join(map(str, ends))}"
