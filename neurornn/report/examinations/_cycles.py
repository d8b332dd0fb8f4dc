"""Does the network oscillate while its input is held?"""

__all__ = ["Cycles"]

from collections.abc import Mapping

import numpy as np
import xarray as xr
from typing_extensions import override

from neurornn.analysis import cycles, fixed_points
from neurornn.report._page import Section
from neurornn.report._panels import clean, panels, words
from neurornn.report.examinations._base import AbstractExamination, Subject
from neurornn.report.examinations._legends import legend_above

_STARTS = 4
_MOST_LISTED = 3


class Cycles(AbstractExamination):
    """Limit cycles near the states visited, stable and unstable, while the input of each situation is held."""

    name = "cycles"
    heading = "Limit cycles"

    @override
    def examine(self, subject: Subject) -> Mapping[str, xr.Dataset]:
        starts = fixed_points.candidates_from(subject.data, _STARTS, seed=subject.seed)
        return {
            name: cycles.find_cycles(subject.still, starts, input=held)
            for name, held in subject.situations.items()
        }

    @override
    def section(self, found: Mapping[str, xr.Dataset], tree: xr.DataTree) -> Section:
        shown = {name: ds for name, ds in found.items() if ds.sizes["cycle"]}
        figure = None
        if shown:
            figure, axes = panels(len(shown), height=4.2, share=False)
            for ax, (name, ds) in zip(axes, shown.items(), strict=True):
                cycles.plot_cycles(ds, projection=tree["components"].to_dataset(), ax=ax)
                legend_above(ax, name, columns=2)
            clean(figure)
        one = next(iter(found.values()))
        return Section(
            self.heading,
            figure,
            "Limit cycles in the first two principal components; dashed ones are unstable." if shown else "",
            f"Periodic motion of the network without noise while the input is held, sought from {one.attrs['n_candidates']} states near those visited, "
            f"along up to {one.attrs['duration'] / 1e3:.3g} s forwards and backwards in time. It is that of the differential equation, free of the time step of the simulation. Cycles "
            "that none of these trajectories came near are not found.",
            table={words(name): _told(ds) for name, ds in found.items()},
        )


def _told(ds: xr.Dataset) -> str:
    listed = []
    for k in range(min(_MOST_LISTED, ds.sizes["cycle"])):
        one = ds.isel(cycle=k)
        kind = "stable" if one["stable"] else "marginal" if one["marginal"] else "unstable"
        largest = np.abs(one["multiplier"].values[1:]).max(initial=0.0)
        listed.append(
            f"{kind}, period {float(one['period']):.4g} ms ({float(one['frequency']):.3g} Hz), largest multiplier {largest:.3g}"
        )
    more = ds.sizes["cycle"] - len(listed)
    return "; ".join([ds.attrs["verdict"], *listed, *([f"and {more} more"] if more else [])])
