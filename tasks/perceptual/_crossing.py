"""When an output first crosses a threshold."""

__all__ = ["first_crossing"]

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from neurornn.tasks._behaviour import as_array, window
from neurornn.tasks._timing import to_steps
from neurornn.trials import Trials


def first_crossing(
    trials: Trials, output: Float[Tensor, "batch time output"], epoch: str, threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The output that first reaches a threshold in an epoch, and when; of several at once the earliest or largest.

    The time is interpolated between the last step below the threshold and the first above it. An output that is
    above it from the start crosses at 0.

    Args:
        trials: Trials.
        output: Outputs in these trials.
        epoch: Name of the epoch.
        threshold: What counts as crossing, reached from below.

    Returns:
        Index of the output in each trial, -1 if none crosses, and the time since the start of the epoch in ms, NaN
        if none does.
    """
    y, dt = as_array(trials, output), trials.info.dt
    above = (y >= threshold) & window(trials, epoch)[..., None]
    crossed = np.any(above, axis=1)
    first = above.argmax(axis=1)  # (batch, output)
    trial, channel = np.indices(first.shape)
    now, before = y[trial, first, channel], y[trial, np.maximum(first - 1, 0), channel]
    since = first - to_steps(trials.epochs[epoch][:, :1], dt)
    with np.errstate(divide="ignore", invalid="ignore"):
        back = np.where((since > 0) & (before < threshold), (now - threshold) / (now - before), 0.0)
    time = np.where(crossed, (since - back) * dt, np.inf)
    tied = np.where(time == time.min(axis=1, keepdims=True), np.where(crossed, now, -np.inf), -np.inf)
    rows = np.arange(len(y))
    which = tied.argmax(axis=1)
    some = np.any(crossed, axis=1)
    return np.where(some, which, -1), np.where(some, time[rows, which], np.nan)
