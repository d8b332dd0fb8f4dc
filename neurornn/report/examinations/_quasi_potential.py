"""Where does noise take the network, and how often?"""

__all__ = ["QuasiPotential"]

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis import landscape
from neurornn.report._page import Section
from neurornn.report._panels import clean, panels, words
from neurornn.report.examinations._base import AbstractExamination, Subject

_RUNS = 16  # from each of four starts
_SPANS, _MOST_STEPS = 200, 4000  # time constants that are run, if that is not too many steps
_BURN_IN = 0.2  # of these, run first and thrown away
_EVERY = 0.2  # time constants between two samples
_BINS = 30
_LEVEL = 0.05


class QuasiPotential(AbstractExamination):
    """Minus the logarithm of how often noise takes the state to each place of the plane of two components."""

    name = "quasi-potential"
    heading = "Quasi-potential"

    @override
    def examine(self, subject: Subject) -> Mapping[str, xr.Dataset]:
        network = subject.network
        if not network.sigma_rec > 0:
            raise ValueError(
                f"The network has no noise (sigma_rec={network.sigma_rec:g}): without noise its state rests where it ends. Train one "
                "with --sigma-rec above 0."
            )
        plane = landscape.Plane.from_pca(subject.tree["components"].to_dataset())
        starts = _outermost(subject, plane)
        tau = network.slowest
        duration = network.dt * min(_MOST_STEPS, max(10, round(_SPANS * tau / network.dt)))
        found = {}
        for name, held in subject.situations.items():
            states = landscape.noisy_states(
                network,
                input=held,
                starts=starts,
                duration=(1 - _BURN_IN) * duration,
                burn_in=_BURN_IN * duration,
                every=max(network.dt, _EVERY * tau),
                n_runs=_RUNS,
                seed=subject.seed,
            )
            ds = landscape.quasi_potential(states, plane, bins=_BINS, seed=subject.seed)
            found[name] = ds.assign_attrs(duration=(1 - _BURN_IN) * duration, burn_in=_BURN_IN * duration)
        return found

    @override
    def section(self, found: Mapping[str, xr.Dataset], tree: xr.DataTree) -> Section:
        figure, axes = panels(len(found), height=4.4, share=False)
        for ax, (name, ds) in zip(axes, found.items(), strict=True):
            landscape.plot_quasi_potential(ds, ax=ax)
            ax.set_title("", loc="right")
            ax.set_title(words(name), fontsize="medium")
            ax.set_aspect("auto")
            _close_in(ax, ds)
        one = next(iter(found.values()))
        return Section(
            self.heading,
            clean(figure),
            "Minus the logarithm of the density of states in the plane of the first two principal components.",
            f"How rarely the network's own noise takes the state to each place while the input is held, as minus the logarithm of the density: "
            f"{one.attrs['n_runs']} runs of {one.attrs['duration'] / 1e3:.3g} s after {one.attrs['burn_in'] / 1e3:.3g} s, from the outermost states of the trials. "
            "Where runs still differ between their halves, or by where they started, this is no equilibrium and the depths say how the runs "
            "began. It is an energy for gradient systems alone.",
            table={words(name): _told(ds) for name, ds in found.items()},
        )


def _outermost(subject: Subject, plane: landscape.Plane) -> NDArray[np.float64]:
    """The four states visited that lie furthest along the two axes, to both sides."""
    visited = subject.visited
    where = plane.coordinates(visited)
    return visited[[int(k) for column in where.T for k in (column.argmin(), column.argmax())]]


def _close_in(ax: Axes, ds: xr.Dataset) -> None:
    """Show the places that are drawn and no more."""
    drawn = np.isfinite(np.asarray(ax.collections[0].get_array(), dtype=np.float64)).reshape(
        ds.sizes["y"], -1
    )
    for dim, axis, along in (("x", 0, ax.set_xlim), ("y", 1, ax.set_ylim)):
        where = ds[dim].values[drawn.any(axis)]
        if where.size:
            width = float(ds[dim][1] - ds[dim][0])
            along(where.min() - width, where.max() + width)


def _told(ds: xr.Dataset) -> str:
    halves, starts = float(ds.attrs["p_halves"]), float(ds.attrs["p_starts"])
    doubts = [
        f"{what} (p = {p:.2g})"
        for what, p in (("the halves of the runs", halves), ("runs from different starts", starts))
        if p < _LEVEL
    ]
    if doubts:
        return f"not an equilibrium: {' and '.join(doubts)} differ"
    return f"no sign against an equilibrium: halves of the runs p = {halves:.2g}, different starts p = {starts:.2g}"
