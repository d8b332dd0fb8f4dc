"""When an output crosses a threshold, between steps by linear interpolation."""

__all__ = ["crossing_time", "first_crossing"]

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from neurornn.tasks._behaviour import as_array, window
from neurornn.tasks._timing import to_steps
from neurornn.trials import Trials


def crossing_time(
    trials: Trials, y: NDArray[np.float64], epochs: Sequence[str], *, threshold: float = 1.0
) -> NDArray[np.float64]:
    """When a signal is first at or above a threshold. One that is above it from the start crosses at 0.

    Args:
        trials: Trials.
        y: The signal ``(batch, time)``.
        epochs: Epochs in which it is looked for, in order; the time counts from the start of the first.
        threshold: The threshold.

    Returns:
        Time in ms for each trial; NaN where the signal stays below.
    """
    return _crossings(trials, y[..., None], epochs, threshold)[0][:, 0]


def first_crossing(
    trials: Trials, output: Float[Tensor, "batch time output"], epoch: str, threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The output that first reaches a threshold in an epoch, and when; of several at the same time the largest.

    Args:
        trials: Trials.
        output: Outputs in these trials.
        epoch: Name of the epoch.
        threshold: What counts as crossing, reached from below.

    Returns:
        Index of the output in each trial, -1 if none crosses, and the time since the start of the epoch in ms, NaN
        if none does.
    """
    time, height = _crossings(trials, as_array(trials, output), (epoch,), threshold)
    time = np.where(np.isnan(time), np.inf, time)
    soonest = time.min(axis=1)
    which = np.where(time == soonest[:, None], height, -np.inf).argmax(axis=1)
    some = np.isfinite(soonest)
    return np.where(some, which, -1), np.where(some, soonest, np.nan)


def _crossings(
    trials: Trials, y: NDArray[np.float64], epochs: Sequence[str], threshold: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Time of the first crossing of each signal ``(batch, signal)`` of ``(batch, time, signal)``, and its height then."""
    inside = np.any([window(trials, epoch) for epoch in epochs], axis=0)
    above = inside[..., None] & (y >= threshold)
    first, dt = above.argmax(axis=1), trials.info.dt
    since = first - to_steps(trials.epochs[epochs[0]][:, :1], dt)
    trial, signal = np.indices(first.shape)
    now, previous = y[trial, first, signal], y[trial, np.maximum(first - 1, 0), signal]
    with np.errstate(divide="ignore", invalid="ignore"):
        back = np.where((since > 0) & (previous < threshold), (now - threshold) / (now - previous), 0.0)
    return np.where(above.any(axis=1), (since - back) * dt, np.nan), now
