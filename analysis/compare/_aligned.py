"""A network and a recording brought to the same conditions and bins, for any analysis of both."""

__all__ = ["aligned"]

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis.compare._clock import Align
from neurornn.analysis.compare._match import Translation
from neurornn.analysis.compare._models import Candidate, Model, candidates_of
from neurornn.analysis.compare._prepare import prepare, recorded_variable
from neurornn.analysis.compare._side import Side


def aligned(
    model: Model,
    recording: xr.Dataset,
    *,
    by: str | Sequence[str],
    conditions: Mapping[str, Translation] | None = None,
    unmatched: Literal["raise", "drop"] = "raise",
    align: Align | None = None,
    window: tuple[float, float] | None = None,
    bin_width: float | None = None,
    min_trials: int = 1,
    variable: str = "rate",
    n_trials: int = 500,
    seed: int = 0,
    averaged: bool = False,
) -> tuple[xr.Dataset, xr.Dataset]:
    """A network and a recording with the same conditions under the same names and in the same bins.

    Args:
        model: Simulated trials, or a pair ``(network, task)``.
        recording: Binned recording.
        by: Condition variables, as the network has them.
        conditions: What the recording calls them.
        unmatched: Conditions that one side lacks are an error or dropped.
        align: Event at time 0.
        window: First and last edge in ms.
        bin_width: Width of the bins in ms.
        min_trials: Trials a unit of the recording needs in every condition at every bin; the others are left out, and
            ``attrs["n_units_excluded"]`` counts them.
        variable: Activity of the network.
        n_trials: Trials simulated where a pair is given.
        seed: Seed of trials and noise.
        averaged: Whether each condition is one trial, the average of its trials. A recording larger than memory can be
            averaged and not held.

    Returns:
        Both, with ``rate (trial, time, unit)``, NaN where there is none, and the conditions along ``trial``.

    Raises:
        ValueError: If conditions, times or units do not match.
    """
    names = [by] if isinstance(by, str) else list(by)
    (candidate,) = candidates_of([model], False, names, n_trials=n_trials, seed=seed)
    bare = candidate.trained.drop_vars("inputs", errors="ignore")
    sides, match, base, _ = prepare(
        [Candidate(bare, None)],
        recording,
        names,
        conditions=conditions or {},
        drop=unmatched == "drop",
        align=align,
        window=window,
        bin_width=bin_width,
        variable=variable,
        brain_variable=recorded_variable(recording),
    )
    time = ("time", base.start, {"units": "ms", "long_name": f"time from {base.event.replace('_', ' ')}"})
    found = []
    for side, least in zip(sides, (1, max(1, min_trials)), strict=True):
        units = side.whole_units(least)
        if not units.size:
            raise ValueError(
                f"{side.who} has no unit with {least} trials or more in every condition at every bin. Choose a shorter window or "
                "fewer conditions."
            )
        rows = np.flatnonzero(side.member >= 0)
        of = np.arange(match.n) if averaged else side.member[rows]
        coords: dict[str, Any] = {
            "time": time,
            "unit": side.ids[units],
            "trial": np.arange(match.n) if averaged else rows,
        }
        for name, values in match.levels.items():
            about = side.ds[name].attrs if name in side.ds.variables else candidate.trained[name].attrs
            coords[name] = ("trial", values[of], about)
        attrs = {"n_units_excluded": side.n_units - units.size, "n_trials": rows.size}
        about = {"long_name": "firing rate", "units": str(side.ds[side.variable].attrs.get("units", "1"))}
        rates = side.mean[:, :, units] if averaged else _trials(side, units, rows.size)
        found.append(xr.Dataset({"rate": (("trial", "time", "unit"), rates, about)}, coords, attrs))
    return found[0], found[1]


def _trials(side: Side, units: NDArray[np.intp], n: int) -> NDArray[np.float32]:
    out = np.empty((n, side.n_bins, units.size), dtype=np.float32)
    first = 0
    for rows, values in side.blocks(side.order[units]):
        out[first : first + rows.size] = values
        first += rows.size
    return out
