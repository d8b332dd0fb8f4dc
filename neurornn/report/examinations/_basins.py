"""Where does the network go from where it has been?"""

__all__ = ["Basins"]

from collections.abc import Mapping

import numpy as np
import xarray as xr
from typing_extensions import override

from neurornn.analysis import landscape
from neurornn.report._page import Section
from neurornn.report._panels import clean, panels, words
from neurornn.report.examinations._base import AbstractExamination, Subject

_GRID, _STATES = 41, 512


class Basins(AbstractExamination):
    """Basins of attraction on the plane of the first two components, and their shares of the states visited."""

    name = "basins"
    heading = "Basins of attraction"

    @override
    def examine(self, subject: Subject) -> Mapping[str, xr.Dataset]:
        states = (
            subject.data["state"].where(subject.data["valid"] > 0).values.reshape(-1, subject.network.n_units)
        )
        states = states[np.isfinite(states).all(1)]
        plane = landscape.Plane.from_pca(subject.tree["components"].to_dataset())
        extent = plane.extent(subject.data["state"].where(subject.data["valid"] > 0))
        points = subject.points
        found = {}
        for name, held in subject.situations.items():
            here = (
                (points["context"].values == name)
                & (points["kind"].values == "fixed")
                & points["stable_map"].values.astype(bool)
                & ~points["marginal"].values.astype(bool)
            )
            known = points["state"].values[here]
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
        landscape.side_by_side(maps, axes=axes)
        return Section(
            self.heading,
            clean(figure),
            "The attractor that each state of the plane of the first two principal components flows to.",
            "Colours: the attractor that each state of the plane flows to without noise while the input is held, in the network as it is "
            "simulated; states leave the plane on their way. Grey: no fixed point reached. Below: shares of the states "
            "that the trials visited, with 95 % intervals.",
            table={name: _told(ds) for name, ds in shares.items()},
        )


def _told(ds: xr.Dataset) -> str:
    said = []
    for k, name in enumerate(ds["basin_name"].values if "basin_name" in ds else ds["basin"].values):
        if int(ds["count"][k]):
            low, high = 100 * float(ds["fraction_low"][k]), 100 * float(ds["fraction_high"][k])
            said.append(f"{name}: {100 * float(ds['fraction'][k]):.0f} % ({low:.0f} to {high:.0f})")
    return ", ".join(said)
