"""Is the network chaotic?"""

__all__ = ["Lyapunov"]

from collections.abc import Mapping

import numpy as np
import xarray as xr
from typing_extensions import override

from neurornn.analysis import lyapunov
from neurornn.report._page import Section
from neurornn.report._panels import clean, panels, words
from neurornn.report.examinations._base import AbstractExamination, Subject

_SPANS = 1000  # time constants that count
_MOST = 10  # exponents


class Lyapunov(AbstractExamination):
    """The largest Lyapunov exponents of the map that is simulated, while the input of each situation is held."""

    name = "lyapunov"
    heading = "Lyapunov exponents"

    @override
    def examine(self, subject: Subject) -> Mapping[str, xr.Dataset]:
        states = subject.data["state"].values[:, -1]
        usable = np.isfinite(states).all(1)
        start = states[usable].mean(0)
        tau = subject.network.slowest
        found = lyapunov.spectrum(
            subject.still,
            start=np.repeat(start[None], len(subject.situations), axis=0),
            inputs=np.stack(list(subject.situations.values())),
            duration=_SPANS * tau,
            n_exponents=min(_MOST, subject.network.n_units),
            seed=subject.seed,
        )
        return {"spectrum": found.assign_coords(situation=("trajectory", list(subject.situations)))}

    @override
    def section(self, found: Mapping[str, xr.Dataset], tree: xr.DataTree) -> Section:
        spectra = found["spectrum"]
        names = [str(name) for name in spectra["situation"].values]
        figure, axes = panels(len(names), height=3.4, share=False)
        for ax, k, name in zip(axes, spectra["trajectory"].values, names, strict=True):
            lyapunov.plot_convergence(spectra, trajectory=int(k), n_exponents=3, ax=ax)
            ax.set_title(words(name), fontsize="medium")
        return Section(
            self.heading,
            clean(figure),
            "The average growth rate of small differences so far, against time, for each situation.",
            "Growth rates of small differences between states while the input of a situation is held, in the network as it is "
            "simulated, without noise: positive means chaos, negative that states come together. Bands: standard error of the final "
            "value. Dashed: the first exponent again, from two trajectories and no derivative.",
            table={words(name): _verdict(spectra.isel(trajectory=k)) for k, name in enumerate(names)},
        )


def _verdict(one: xr.Dataset) -> str:
    if not bool(one["finite"]):
        return "the trajectory left for infinity"
    first, error = float(one["exponent"][0]), float(one["standard_error"][0])
    kind = {1: "chaos", 0: "not told from 0", -1: "no chaos"}[int(one["sign"][0])]
    doubts = [
        text
        for fine, text in (
            (bool(one["converged"]), "not converged"),
            (bool(one["check_passed"]), "the two-trajectory check disagrees"),
        )
        if not fine
    ]
    return ", ".join([f"{kind}: first exponent {1e3 * first:.2f} ± {1e3 * error:.2f} /s", *doubts])
