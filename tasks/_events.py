"""Events at random times, such as clicks: the same at any time step."""

__all__ = ["count_events", "event_times"]

import numpy as np
from numpy.typing import NDArray

from neurornn.tasks._draws import TrialDraws


def event_times(
    draws: TrialDraws, name: str, rate: NDArray[np.float64], duration: float
) -> NDArray[np.float64]:
    r"""Times of a Poisson process in each trial.

    The intervals are :math:`-\log(u) / \lambda`, each from a uniform number of its own.

    Args:
        draws: Random quantities of the batch.
        name: Name of the stream.
        rate: Rate :math:`\lambda` of each trial in Hz.
        duration: Time in ms until which every event is given.

    Returns:
        Times in ms ``(batch, event)`` in order; those past the duration are infinite.

    Examples:
        >>> draws = TrialDraws(0, np.arange(4000), dt=20.0)
        >>> times = event_times(draws, "clicks", np.full(4000, 30.0), 1000.0)
        >>> abs(float(np.isfinite(times).sum(1).mean()) - 30.0) < 0.4
        True
    """
    per_ms = np.maximum(np.asarray(rate, dtype=np.float64), 0.0)[:, None] / 1000.0
    mean = float(per_ms.max(initial=0.0)) * duration
    most = int(np.ceil(mean + 8.0 * np.sqrt(mean) + 16.0))
    with np.errstate(divide="ignore"):
        times = np.cumsum(-np.log(draws.uniforms(name, most)[..., 0]) / per_ms, axis=1)
    return np.where(times < duration, times, np.inf)


def count_events(
    times: NDArray[np.float64], start: NDArray[np.int64], n_steps: int, dt: float
) -> NDArray[np.float64]:
    """Number of events in each time step.

    Args:
        times: Times in ms ``(batch, event)``, infinite where there is none.
        start: Step of each trial at which time 0 lies.
        n_steps: Number of steps.
        dt: Time step in ms.

    Returns:
        Counts ``(batch, n_steps)``; events beyond are left out.

    Examples:
        >>> count_events(np.array([[0.0, 5.0, 21.0, np.inf]]), np.array([1]), 4, 10.0).tolist()
        [[0.0, 2.0, 0.0, 1.0]]
    """
    trial, event = np.nonzero(np.isfinite(times))
    step = start[trial] + np.floor(times[trial, event] / dt + 1e-9).astype(np.int64)
    inside = step < n_steps
    flat = trial[inside] * n_steps + step[inside]
    counted = np.bincount(flat, minlength=times.shape[0] * n_steps).astype(np.float64)
    return counted.reshape(times.shape[0], n_steps)
