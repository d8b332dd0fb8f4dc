"""Consecutive epochs of a batch of trials, as whole arrays."""

__all__ = ["Epochs", "either", "repeated"]

import functools
from collections.abc import Mapping
from functools import cached_property
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from neurornn.tasks._timing import to_steps

_T = TypeVar("_T", bound=np.generic)
_Step: TypeAlias = int | NDArray[np.int64]


class Epochs:
    """Epochs that follow one another, with one length for each trial.

    Everything it returns is ``(batch, time)``, made by broadcasting; time runs to the end of the longest trial.

    Args:
        dt: Time step in ms.
        steps: Length of each epoch in steps, in order: one array of length ``batch`` for each.

    Attributes:
        n_trials: Number of trials.
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
        lengths = [np.asarray(each, dtype=np.int64) for each in steps.values()]
        self.n_trials = max(each.size for each in lengths)
        self._edges: dict[str, tuple[_Step, _Step]] = {}
        end: _Step = 0
        for name, length in zip(steps, lengths, strict=True):
            start, end = end, end + _step(length)
            self._edges[name] = start, end
        self._end = end
        self.n_steps = end if isinstance(end, int) else int(end.max())

    @cached_property
    def total(self) -> NDArray[np.int64]:
        """Number of steps of each trial."""
        return self._each(self._end)

    @cached_property
    def start(self) -> dict[str, NDArray[np.int64]]:
        """First step of each epoch, for each trial."""
        return {name: self._each(start) for name, (start, _) in self._edges.items()}

    @cached_property
    def stop(self) -> dict[str, NDArray[np.int64]]:
        """First step after each epoch."""
        return {name: self._each(stop) for name, (_, stop) in self._edges.items()}

    @cached_property
    def step(self) -> NDArray[np.int32]:
        """Number of each step, ``(1, time)``; short, because comparisons are most of the work."""
        return np.arange(self.n_steps, dtype=np.int32)[None, :]

    def mark(self, name: str, start: NDArray[np.int64], stop: NDArray[np.int64]) -> None:
        """Name a stretch of time that overlaps the epochs, for instance a cue within a delay.

        Args:
            name: Name of the stretch.
            start: First step in each trial.
            stop: First step after it; the trial does not become longer.

        Raises:
            ValueError: If the name is taken, or a stretch does not lie within its trial.
        """
        if name in self._edges:
            raise ValueError(f"There is an epoch '{name}' already.")
        first = np.broadcast_to(np.asarray(start, dtype=np.int64), self.total.shape)
        last = np.broadcast_to(np.asarray(stop, dtype=np.int64), self.total.shape)
        if (first < 0).any() or (first > last).any() or (last > self.total).any():
            raise ValueError(f"'{name}' must lie within the trial, start before stop.")
        self._edges[name] = _step(first), _step(last)
        self.start[name], self.stop[name] = first, last

    @property
    def bounds(self) -> dict[str, NDArray[np.float64]]:
        """Start and end of each epoch in ms, ``(batch, 2)``, as :class:`~neurornn.Trials` wants them."""
        found: dict[str, NDArray[np.float64]] = {}
        dt = float(self.dt)
        for name, (start, stop) in self._edges.items():
            each = found[name] = np.empty((self.n_trials, 2))
            each[:, 0], each[:, 1] = start * dt, stop * dt
        return found

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Which steps lie inside the trial."""
        return self._between(0, self._end)

    @property
    def padded(self) -> bool:
        """Whether some trial is shorter than another."""
        return not isinstance(self._end, int) and bool((self._end < self.n_steps).any())

    def during(self, *names: str, after: float = 0.0) -> NDArray[np.bool_]:
        """Which steps belong to one of some epochs.

        Args:
            names: Names of the epochs.
            after: Time in ms left out at the start of each, for instance a grace period.

        Returns:
            Booleans ``(batch, time)``, to look at and not to write to.
        """
        skip = _steps(after, self.dt)
        parts = [self._between(self._edges[name][0] + skip, self._edges[name][1]) for name in names]
        return either(*parts) if parts else self._between(0, 0)

    def before(self, name: str) -> NDArray[np.bool_]:
        """Which steps come before an epoch.

        Args:
            name: Name of the epoch.

        Returns:
            Booleans ``(batch, time)``, to look at and not to write to.
        """
        return self._between(0, self._edges[name][0])

    def outlasts(self, name: str, time: float) -> bool:
        """Whether an epoch goes on after some time in every trial.

        Args:
            name: Name of the epoch.
            time: Time in ms after its start.

        Returns:
            Whether at least one step is left in each.
        """
        start, stop = self._edges[name]
        return bool(np.all(stop - start > _steps(time, self.dt)))

    def pulse(self, name: str, width: float) -> NDArray[np.bool_]:
        """Which steps lie in a pulse at the start of an epoch.

        Args:
            name: Name of the epoch.
            width: Width of the pulse in ms, at least one step.

        Returns:
            Booleans ``(batch, time)``, to look at and not to write to.
        """
        start = self._edges[name][0]
        return self._between(start, start + max(_steps(width, self.dt), 1))

    def elapsed(self, name: str) -> NDArray[np.float64]:
        """Time since the start of an epoch.

        Args:
            name: Name of the epoch.

        Returns:
            Time in ms ``(batch, time)``, negative before the epoch, to look at and not to write to.
        """
        start = self._edges[name][0]
        since = self.step - (start if isinstance(start, int) else start[:, None])
        return repeated((since * float(self.dt)).astype(np.float64), self.n_trials)

    def _each(self, step: _Step) -> NDArray[np.int64]:
        return repeated(np.array([step]), self.n_trials) if isinstance(step, int) else step

    def _between(self, start: _Step, stop: _Step) -> NDArray[np.bool_]:
        if isinstance(start, int) and isinstance(stop, int):
            return repeated(_row(self.n_steps, start, stop), self.n_trials)
        late = self.step < _column(stop)
        if not (isinstance(start, int) and start == 0):
            late &= self.step >= _column(start)
        return late


def either(*steps: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Steps that are among some or others: ``a | b``, without a copy for each trial where all trials are alike.

    Args:
        steps: Booleans ``(batch, time)``.

    Returns:
        Booleans ``(batch, time)``, to look at and not to write to.
    """
    if len(steps) == 1:
        return steps[0]
    return repeated(functools.reduce(np.logical_or, map(_once, steps)), len(steps[0]))


def repeated(values: NDArray[_T], n: int) -> NDArray[_T]:
    """One row for all trials, without a copy for each; as many rows as trials stay what they are.

    Args:
        values: One row, or one for each trial.
        n: Number of trials.

    Returns:
        A row for each trial; where they are one and the same, an array to look at and not to write to.
    """
    if len(values) == n:
        return values
    view: NDArray[_T] = np.ndarray(
        (n, *values.shape[1:]), values.dtype, values, strides=(0, *values.strides[1:])
    )
    view.flags.writeable = False
    return view


def _once(values: NDArray[_T]) -> NDArray[_T]:
    """The one row of an array that :func:`repeated` made, and any other array as it is."""
    return values[:1] if values.strides[0] == 0 else values


def _step(values: NDArray[np.int64]) -> _Step:
    """A number that all trials have, or one for each."""
    return int(values[0]) if values.strides[0] == 0 or values.size == 1 else values


def _column(step: _Step) -> NDArray[np.int32]:
    return np.asarray(step, dtype=np.int32).reshape(-1, 1)


@functools.lru_cache(maxsize=256)
def _row(n_steps: int, start: int, stop: int) -> NDArray[np.bool_]:
    """Where a stretch of time is that all trials share; asked for in every batch."""
    row = np.zeros((1, n_steps), dtype=bool)
    row[:, start:stop] = True
    row.flags.writeable = False
    return row


def _steps(ms: float, dt: float) -> int:
    return int(to_steps(ms, dt)) if ms else 0
