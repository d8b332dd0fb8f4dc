"""What the points of a context amount to, in one word of a fixed list, and which of them stands for it."""

__all__ = ["VERDICTS", "choose_reference", "verdict_of"]

import numpy as np
import xarray as xr
from numpy.typing import NDArray

VERDICTS = {
    "line attractor": "a continuous line of fixed points",
    "continuous attractor": "a continuum of fixed points of two dimensions or more",
    "approximate line attractor": "points along one direction that is slower than all others",
    "several stable states": "stable states, and no direction that is slower than all others",
    "one stable state": "one stable state, and no direction that is slower than all others",
    "slow points only": "no fixed point was found; the network lingers at slow points",
    "no stable state": "fixed points, none of them stable: the network oscillates, wanders or runs away",
    "nothing found": "neither fixed nor slow points were found",
}
"""Verdict -> what it says. They are about the points found, and as complete as the search was."""


def verdict_of(here: xr.Dataset, separation: float) -> str:
    """Name the arrangement of the points of one context.

    Args:
        here: Points of one context with their slow modes.
        separation: By how much the slow mode must be slower than every other at the reference point.

    Returns:
        A key of :data:`VERDICTS`.
    """
    n = here.sizes["fixed_point"]
    if n == 0:
        return "nothing found"
    fixed = here["kind"].values == "fixed"
    if "isolated" in here and (~here["isolated"].values.astype(bool) & fixed).any():
        dimension = int(here["nullity"].values[~here["isolated"].values.astype(bool)].max())
        return "line attractor" if dimension <= 1 else "continuous attractor"
    if fixed.any() and not here["stable_ode"].values[fixed].any():
        return "no stable state"
    place = choose_reference(here, np.arange(n))
    slow_line = place >= 0 and not bool(here["rotating"][place]) and _apart(here, place) >= separation
    if slow_line and here["n_unstable"].values[place] <= 1:
        return "approximate line attractor"
    n_stable = int((fixed & here["stable_ode"].values).sum())
    if n_stable == 0:
        return "slow points only"
    return "several stable states" if n_stable > 1 else "one stable state"


def choose_reference(ds: xr.Dataset, rows: NDArray[np.intp]) -> int:
    """The point at which contexts are compared: the slowest saddle, without one the slowest point.

    Args:
        ds: Points with their slow modes.
        rows: Those of one context.

    Returns:
        Its place among all points, or -1 if none has a real mode.
    """
    real = rows[ds["slow_mode"].values[rows] >= 0]
    saddles = real[(ds["kind"].values[real] == "fixed") & (ds["n_unstable"].values[real] == 1)]
    among = saddles if saddles.size else real
    return int(among[np.abs(ds["slow_eigenvalue"].values[among]).argmin()]) if among.size else -1


def _apart(here: xr.Dataset, place: int) -> float:
    """How much slower the slow mode is than the next; at a slow point its passage counts, not its zero eigenvalue."""
    if here["kind"].values[place] != "slow":
        return float(here["separation"][place])
    passage, other = float(here["passage_time"][place]), float(here["next_time_constant"][place])
    if not np.isfinite(passage):
        return 0.0
    return (
        passage / (np.pi * other) if np.isfinite(other) else np.inf
    )  # without another mode there is only the line
