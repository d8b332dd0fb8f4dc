"""Consecutive epochs of a batch of trials, as whole arrays."""

__all__ = ["Epochs"]

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from neurornn.tasks._timing import to_steps


class Epochs:
    """Epochs that follow one another, with one length for each trial.

    Everything it returns is ``(batch, time)``, made by broadcasting; time runs to the end of the longest trial.

    Args:
        dt: Time step in ms.
        steps: Length of each epoch in steps, in order: one array of length ``batch`` for each.

    Attributes:
        start: First step of each epoch, for each trial.
        stop: First step after each epoch.
        n_steps: Number of steps of the longest trial.

    Examples:
        >>> epochs = Epochs(20.0, {"fixation": np.array([1, 2]), "stimulus": np.array([2, 2])})
        >>> epochs.during("stimulus").astype(int)
        array([[0, 1, 1, 0],
               [0, 0, 1, 1]])
        >>> epochs.bounds["stimulus"]
        array([[20., 60.],
               [40., 80.]])
    """

    def __init__(self, dt: float, steps: Mapping[str, NDArray[np.int64]]) -> None:
        self.dt = dt
        ends = np.cumsum([np.asarray(each, dtype=np.int64) for each in steps.values()], axis=0)
        starts = np.concatenate([np.zeros_like(ends[:1]), ends[:-1]])
        self.start = dict(zip(steps, starts, strict=True))
        self.stop = dict(zip(steps, ends, strict=True))
        self.total: NDArray[np.int64] = ends[-1]
        self.n_trials = int(self.total.size)
        self.n_steps = int(self.total.max())
        self.step = np.arange(self.n_steps, dtype=np.int32)[
            None, :
        ]  # short: comparisons are most of the work

    def mark(self, name: str, start: NDArray[np.int64], stop: NDArray[np.int64]) -> None:
        """Name a stretch of time that overlaps the epochs, for instance a cue within a delay.

        Args:
            name: Name of the stretch.
            start: First step in each trial.
            stop: First step after it; the trial does not become longer.

        Raises:
            ValueError: If the name is taken, or a stretch does not lie within its trial.
        """
        if name in self.start:
            raise ValueError(f"There is an epoch '{name}' already.")
        first = np.broadcast_to(np.asarray(start, dtype=np.int64), self.total.shape)
        last = np.broadcast_to(np.asarray(stop, dtype=np.int64), self.total.shape)
        if (first < 0).any() or (first > last).any() or (last > self.total).any():
            raise ValueError(f"'{name}' must lie within the trial, start before stop.")
        self.start[name], self.stop[name] = first, last

    @property
    def bounds(self) -> dict[str, NDArray[np.float64]]:
        """Start and end of each epoch in ms, ``(batch, 2)``, as :class:`~neurornn.Trials` wants them."""
        return {
            name: np.stack([self.start[name], self.stop[name]], axis=1) * float(self.dt)
            for name in self.start
        }

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Which steps lie inside the trial."""
        return self.step < _column(self.total)

    @property
    def padded(self) -> bool:
        """Whether some trial is shorter than another."""
        return bool((self.total < self.n_steps).any())

    def during(self, *names: str, after: float = 0.0) -> NDArray[np.bool_]:
        """Which steps belong to one of some epochs.

        Args:
            names: Names of the epochs.
            after: Time in ms left out at the start of each, for instance a grace period.

        Returns:
            Booleans ``(batch, time)``.
        """
        skip = to_steps(after, self.dt)
        inside = None
        for name in names:
            here = self.step >= _column(self.start[name] + skip)
            here &= self.step < _column(self.stop[name])
            inside = here if inside is None else np.logical_or(inside, here, out=inside)
        return np.zeros((self.n_trials, self.n_steps), dtype=bool) if inside is None else inside

    def before(self, name: str) -> NDArray[np.bool_]:
        """Which steps come before an epoch.

        Args:
            name: Name of the epoch.

        Returns:
            Booleans ``(batch, time)``.
        """
        return self.step < _column(self.start[name])

    def pulse(self, name: str, width: float) -> NDArray[np.bool_]:
        """Which steps lie in a pulse at the start of an epoch.

        Args:
            name: Name of the epoch.
            width: Width of the pulse in ms, at least one step.

        Returns:
            Booleans ``(batch, time)``.
        """
        since = self.step - self.start[name][:, None]
        return (since >= 0) & (since < np.maximum(to_steps(width, self.dt), 1))

    def elapsed(self, name: str) -> NDArray[np.float64]:
        """Time since the start of an epoch.

        Args:
            name: Name of the epoch.

        Returns:
            Time in ms ``(batch, time)``, negative before the epoch.
        """
        return (self.step - self.start[name][:, None]) * float(self.dt)


def _column(steps: NDArray[np.int64]) -> NDArray[np.int32]:
    return steps.astype(np.int32)[:, None]
