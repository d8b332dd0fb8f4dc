"""Does the state go downhill?"""

__all__ = ["Energy"]

from collections.abc import Mapping

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis import fixed_points, landscape
from neurornn.networks import CTRNN
from neurornn.report._page import Section
from neurornn.report._panels import clean, panels, words
from neurornn.report.examinations._base import AbstractExamination, Subject

_SHOWN = 16  # trials; the first ones visit the conditions in turn
_RELEASED, _SPANS = 64, 10  # states, and for how many time constants they are followed
_ROUNDING = 1e-5  # of the range of the energy


class Energy(AbstractExamination):
    """The energy of a network with symmetric weights along trials and on the way to its memories."""

    name = "energy"
    heading = "Energy"

    @override
    def examine(self, subject: Subject) -> Mapping[str, xr.Dataset]:
        network, found = subject.still, {}
        if not isinstance(network, CTRNN):
            raise ValueError(
                f"The energy is that of leaky networks with symmetric weights: a {type(network).__name__} has none known."
            )
        for name, held in subject.situations.items():
            data = subject.trials_in(name).isel(trial=slice(_SHOWN))
            states = data["state"].where(data["valid"] > 0)
            found[f"trials of {name}"] = landscape.energy(network, states, input=held)
            free = landscape.energy(network, _released(subject, held), input=held)
            found[f"released in {name}"] = free
            memories = xr.DataArray(subject.stable_points(name), dims=("memory", "unit"))
            found[f"memories of {name}"] = landscape.energy(network, memories, input=held)
        return found

    @override
    def section(self, found: Mapping[str, xr.Dataset], tree: xr.DataTree) -> Section:
        names = [key.removeprefix("trials of ") for key in found if key.startswith("trials of ")]
        figure, axes = panels(len(names), height=3.8, share=False)
        for ax, name in zip(axes, names, strict=True):
            landscape.plot_energy(found[f"trials of {name}"], ax=ax)
            for level in found[f"memories of {name}"]["energy"].values:
                ax.axhline(level, color="#D55E00", linewidth=1.0, linestyle="--")
            ax.set_title(words(name), fontsize="medium")
        return Section(
            self.heading,
            clean(figure),
            "Energy against time in held-out trials; dashed: that of the stable fixed points.",
            f"The energy of symmetric networks while the input of a situation is held (Hopfield, 1984), of the states in up to {_SHOWN} "
            "held-out trials. Dashed: stable fixed points. In trials the input changes and noise is added, so the energy may rise. Below: "
            f"how often it falls when the network is left to itself, from {_RELEASED} states near those visited.",
            table={
                words(name): _told(
                    found[f"released in {name}"]["energy"].values,
                    found[f"memories of {name}"]["energy"].values,
                )
                for name in names
            },
        )


def _released(subject: Subject, held: NDArray[np.float64]) -> xr.DataArray:
    """States of the network without noise while the input is held."""
    like = next(subject.still.parameters())
    starts = fixed_points.candidates_from(subject.data, _RELEASED, seed=subject.seed).values
    n_steps = max(2, round(_SPANS * subject.network.slowest / subject.network.dt))
    with torch.no_grad():
        run = subject.still.evolve(
            torch.as_tensor(held).to(like).expand(len(starts), -1),
            n_steps,
            torch.as_tensor(starts).to(like),
            record_every=1,
        )
    time = subject.network.dt * np.arange(1, n_steps + 1)
    return xr.DataArray(
        run.state.double().cpu().numpy(),
        dims=("trial", "time", "unit"),
        coords={"time": ("time", time, {"long_name": "time", "units": "ms"})},
    )


def _told(free: NDArray[np.float64], memories: NDArray[np.float64]) -> str:
    rise = np.diff(free, axis=1)
    known = np.isfinite(rise)
    span = float(np.ptp(free[np.isfinite(free)])) if np.isfinite(free).any() else 0.0
    falls = int((rise[known] <= _ROUNDING * span).sum())
    levels = f"{memories.min():.4g} to {memories.max():.4g}" if len(memories) else "none found"
    return f"falls in {falls} of {int(known.sum())} steps; stable fixed points at {levels}"
