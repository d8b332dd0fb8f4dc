"""Where does the network go from where it has been?"""

__all__ = ["Basins"]

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from typing_extensions import override

from neurornn.analysis import landscape
from neurornn.report._page import Section
from neurornn.report._panels import clean, panels, words
from neurornn.report.examinations._base import AbstractExamination, Subject
from neurornn.report.examinations._legends import legend_above

_POINT = "point {}"
_GRID, _STATES = 41, 512


class Basins(AbstractExamination):
    """Basins of attraction on the plane of the first two components, and their shares of the states visited."""

    name = "basins"
    heading = "Basins of attraction"

    @override
    def examine(self, subject: Subject) -> Mapping[str, xr.Dataset]:
        states = subject.visited
        plane = landscape.Plane.from_pca(subject.tree["components"].to_dataset())
        extent = plane.extent(subject.data["state"].where(subject.data["valid"] > 0))
        found = {}
        for name, held in subject.situations.items():
            known = subject.stable_points(name)
            given = known if len(known) else None
            found[f"map of {name}"] = landscape.basins(
                subject.still, plane, extent=extent, n=_GRID, input=held, attractors=given
            )
            found[f"shares of {name}"] = landscape.basin_fractions(
                subject.still,
                landscape.Given(states),
                n=min(_STATES, len(states)),
                seed=subject.seed,
                input=held,
                attractors=given,
            )
        return found

    @override
    def section(self, found: Mapping[str, xr.Dataset], tree: xr.DataTree) -> Section:
        maps = {
            words(key.removeprefix("map of ")): ds for key, ds in found.items() if key.startswith("map of ")
        }
        shares = {
            words(key.removeprefix("shares of ")): ds
            for key, ds in found.items()
            if key.startswith("shares of ")
        }
        figure, axes = panels(len(maps), height=4.6)
        figure.set_layout_engine("compressed")  # the one that keeps room around panels of equal scale
        landscape.side_by_side(maps, axes=axes)
        for ax, (name, ds) in zip(axes, maps.items(), strict=True):
            legend_above(ax, name, handles=_patches(ax, ds))
        return Section(
            self.heading,
            clean(figure),
            "The attractor that each state of the plane of the first two principal components flows to.",
            "Colours: the stable fixed point that each state of the plane flows to, with its share of the area, without noise while the input is held, in the network as it is "
            "simulated; states leave the plane on their way. Circles: the fixed points, open if they lie off the plane. Grey: no fixed point reached. Below: shares of the states "
            "that the trials visited, with 95 % intervals.",
            table={name: _told(ds) for name, ds in shares.items()},
        )


def _patches(ax: Axes, ds: xr.Dataset) -> list[Patch]:
    """What the colours of a map stand for, read from its picture, for what has an area on it."""
    picture = np.asarray(ax.images[0].get_array())
    which, outcome = ds["attractor"].values, ds["outcome"].values
    numbers, kinds = np.unique(which[which >= 0]), np.unique(outcome[which < 0])
    areas = [(_POINT.format(k), which == k) for k in numbers]
    areas += [(str(ds["outcome_kind"].values[k]), (which < 0) & (outcome == k)) for k in kinds]
    return [
        Patch(facecolor=tuple(picture[where][0]), label=f"{name} ({100 * where.mean():.0f} %)")
        for name, where in areas
    ]


def _told(ds: xr.Dataset) -> str:
    said = []
    for k, name in enumerate(ds["basin_name"].values if "basin_name" in ds else ds["basin"].values):
        if int(ds["count"][k]):
            low, high = 100 * float(ds["fraction_low"][k]), 100 * float(ds["fraction_high"][k])
            known = str(name).replace("attractor ", _POINT.format(""))
            said.append(f"{known}: {100 * float(ds['fraction'][k]):.0f} % ({low:.0f} to {high:.0f})")
    return ", ".join(said)
