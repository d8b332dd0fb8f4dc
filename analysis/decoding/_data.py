"""Activity in bins, folds of trials, and pseudo-trials of units that were not recorded together."""

__all__ = ["Binned", "binned", "folds_of", "presence_patterns", "pseudo_trials"]

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis._conditions import activity
from neurornn.random import counter_uniform, derive_seed


class Binned(NamedTuple):
    """Activity averaged in bins of time.

    Attributes:
        values: ``(trial, bin, unit)``; NaN where any step of the bin has no value.
        time: Mean time of each bin.
        n_steps: Steps in a bin.
        n_left: Steps at the end that fill no bin.
    """

    values: NDArray[np.float64]
    time: NDArray[np.float64]
    n_steps: int
    n_left: int


def binned(ds: xr.Dataset, variable: str, bin_width: float | None) -> Binned:
    """Average activity in consecutive bins.

    Args:
        ds: Trials.
        variable: Variable ``(trial, time, unit)``.
        bin_width: Width of a bin in the units of ``time``; None for one step.

    Returns:
        The bins.

    Raises:
        ValueError: If the times are not evenly spaced or the bins do not fit.
    """
    data, _ = activity(ds, variable)
    n_times = data.sizes["time"]
    time = (
        np.asarray(data["time"].values, dtype=np.float64)
        if "time" in data.coords
        else np.arange(n_times, dtype=float)
    )
    per_bin = 1
    if bin_width is not None:
        gaps = np.diff(time)
        if not gaps.size or not np.allclose(gaps, gaps[0], rtol=1e-6):
            raise ValueError("bin_width needs evenly spaced times; leave it out to decode at every time.")
        per_bin = round(bin_width / gaps[0]) if np.isfinite(bin_width) else 0
        if per_bin < 1 or per_bin > n_times or abs(per_bin * gaps[0] - bin_width) > 1e-6 * bin_width:
            raise ValueError(
                f"bin_width must be a multiple of the time step {gaps[0]:g}, at most {n_times * gaps[0]:g}: got {bin_width:g}."
            )
    n_bins = n_times // per_bin
    used = n_bins * per_bin
    values = data.values[:, :used].reshape(data.sizes["trial"], n_bins, per_bin, -1).mean(2)
    return Binned(values, time[:used].reshape(n_bins, per_bin).mean(1), per_bin, n_times - used)


def presence_patterns(present: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Number the distinct rows of a presence table.

    Args:
        present: Which unit has a value in which trial, ``(trial, unit)``.

    Returns:
        For each row the number of its pattern.
    """
    return np.asarray(np.unique(present, axis=0, return_inverse=True)[1], dtype=np.intp).reshape(-1)


def folds_of(
    target: NDArray[np.float64], stratum: NDArray[np.intp], n_folds: int, key: int, *, classes: bool
) -> NDArray[np.intp]:
    """Deal trials to folds so that each holds the same share of every class, or of every range of a continuous target.

    Args:
        target: Class number or value of each trial.
        stratum: Trials of different strata are dealt apart.
        n_folds: Number of folds.
        key: Key of the random order.
        classes: Whether the target is a class.

    Returns:
        The fold of each trial.
    """
    n = target.size
    shuffle = counter_uniform(key, np.arange(n, dtype=np.uint64))
    fold = np.empty(n, dtype=np.intp)
    if classes:
        order = np.lexsort((shuffle, target, stratum))
        start = np.argsort(counter_uniform(key + 1, np.arange(n_folds, dtype=np.uint64)))
        fold[order] = start[np.arange(n) % n_folds]
        return fold
    order = np.lexsort((shuffle, target, stratum))
    for first in range(0, n, n_folds):
        rows = order[first : first + n_folds]  # neighbours in value go to different folds, in random order
        fold[rows] = np.argsort(
            counter_uniform(derive_seed(key, first), np.arange(n_folds, dtype=np.uint64))
        )[: rows.size]
    return fold


def pseudo_trials(
    values: NDArray[np.float64],
    present: NDArray[np.bool_],
    target: NDArray[np.float64],
    rows: NDArray[np.bool_],
    n_each: int,
    key: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Join units that were not recorded together into trials of one class.

    Units that are present in the same trials were recorded together and are drawn together, so their correlations stay;
    those of different sessions are drawn independently, with replacement.

    Args:
        values: Activity ``(trial, bin, unit)``.
        present: Which unit has a value in all bins of which trial, ``(trial, unit)``.
        target: Class of each trial.
        rows: Trials to draw from.
        n_each: Pseudo-trials of each class.
        key: Key of the draws.

    Returns:
        Activity ``(pseudo-trial, bin, unit)`` without gaps, and the classes.

    Raises:
        ValueError: If a session has no trial of a class among the rows.
    """
    sessions = presence_patterns(present.T)
    levels = np.unique(target)
    out = np.empty((levels.size * n_each, *values.shape[1:]))
    for session in range(sessions.max() + 1):
        units = np.flatnonzero(sessions == session)
        there = rows & present[:, units[0]]
        for k, level in enumerate(levels):
            pool = np.flatnonzero(there & (target == level))
            if not pool.size:
                raise ValueError(
                    f"Units {units[:4].tolist()}... have no trial of class {int(level)} in a fold: {units.size} units were "
                    "recorded in too few trials. Use fewer folds or leave these units out."
                )
            draw = counter_uniform(derive_seed(key, session, k), np.arange(n_each, dtype=np.uint64))
            chosen = pool[(draw * pool.size).astype(np.intp)]
            out[k * n_each : (k + 1) * n_each, :, units] = values[chosen][:, :, units]
    return out, np.repeat(levels, n_each)
