"""Tasks made of symbols that follow each other at a fixed pace, as in the literature on long time lags."""

__all__ = ["AbstractSymbolTask", "answered", "largest", "mean_during", "place_in", "whole"]

import math
from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.tasks._behaviour import as_array, epoch_average
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import to_steps
from neurornn.trials import Trials


@dataclass(frozen=True, kw_only=True)
class AbstractSymbolTask(AbstractTask, ABC):
    """A task whose time is counted in symbols; the trials are the same sequences at any time step.

    By default a symbol lasts one step, as in the sources of these tasks. With a smaller ``dt`` it lasts several. Lengths,
    positions and lags are numbers of symbols.

    Attributes:
        dt: Time step in ms.
        symbol: Duration of a symbol in ms, at least one step.
    """

    dt: float = 50.0
    symbol: float = 50.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not (math.isfinite(self.symbol) and self.symbol >= self.dt):
            raise ValueError(
                f"dt must be at most as long as a symbol: got dt={self.dt:g} ms and symbol={self.symbol:g} ms. "
                "Reduce dt or lengthen symbol."
            )

    def _lay_out(self, counts: Mapping[str, NDArray[np.int64]]) -> Epochs:
        """Consecutive epochs of some numbers of symbols."""
        edges = np.cumsum([np.zeros_like(next(iter(counts.values()))), *counts.values()], axis=0)
        steps = np.diff(to_steps(edges * self.symbol, self.dt), axis=0)
        return Epochs(self.dt, dict(zip(counts, steps, strict=True)))

    def _number(self, n_steps: int) -> NDArray[np.int64]:
        """Number of the symbol shown in each step, counted from 0."""
        edges = to_steps(np.arange(1, math.ceil(n_steps * self.dt / self.symbol) + 2) * self.symbol, self.dt)
        return np.searchsorted(edges, np.arange(n_steps), side="right").astype(np.int64)

    def _shown(self, values: NDArray[np.generic], epochs: Epochs) -> NDArray[np.generic]:
        """Values of each symbol, ``(batch, symbol, ...)``, step by step; what lies after the last symbol repeats it."""
        return values[:, np.minimum(self._number(epochs.n_steps), values.shape[1] - 1)]


def place_in(
    place: NDArray[np.float64], low: NDArray[np.int64], high: NDArray[np.int64]
) -> NDArray[np.int64]:
    """A whole number between two bounds, both included.

    Args:
        place: Where between the bounds, in [0, 1].
        low: Lower bound for each trial.
        high: Upper bound for each trial.

    Returns:
        One number for each trial; all are equally likely if ``place`` is uniform.

    Raises:
        ValueError: If a place lies outside [0, 1].
    """
    if np.any((place < 0) | (place > 1)):
        raise ValueError(f"A place within a window lies in [0, 1]: got {place.min():g} to {place.max():g}.")
    return np.minimum(low + np.floor(place * (high - low + 1)).astype(np.int64), high)


def whole(name: str, values: NDArray[np.generic], lowest: int) -> NDArray[np.int64]:
    """Numbers that count something.

    Args:
        name: What they count, for the error message.
        values: Numbers.
        lowest: Smallest that makes sense.

    Returns:
        The same numbers as integers.

    Raises:
        ValueError: If one is not whole or too small.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if np.any((numbers != np.round(numbers)) | (numbers < lowest)):
        raise ValueError(f"{name} must be a whole number, {lowest} or more: got {values.tolist()[:4]}.")
    return numbers.astype(np.int64)


def mean_during(
    task: AbstractSymbolTask, trials: Trials, output: Float[Tensor, "batch time output"], n_symbols: int
) -> NDArray[np.float64]:
    """Mean output during each symbol.

    Args:
        task: The task.
        trials: Trials of the task.
        output: Outputs in these trials.
        n_symbols: Symbols to average, from the first.

    Returns:
        Means ``(batch, n_symbols, output)``.
    """
    y = as_array(trials, output)
    number = task._number(y.shape[1])
    edges = np.searchsorted(number, np.arange(n_symbols + 1))
    parts = np.add.reduceat(y[:, : edges[-1]], edges[:-1], axis=1)
    return parts / np.diff(edges)[:, None]


def answered(
    trials: Trials, output: Float[Tensor, "batch time output"], epoch: str = "answer"
) -> NDArray[np.int64]:
    """Number of the output that is largest on average in an epoch; -1 if several are equally large or one is NaN.

    Args:
        trials: Trials.
        output: Outputs in these trials.
        epoch: Name of the epoch.

    Returns:
        One number for each trial.
    """
    return largest(epoch_average(trials, output, epoch))


def largest(y: NDArray[np.float64]) -> NDArray[np.int64]:
    """Position of the one largest value along the last axis; -1 if it is not alone or there is a NaN."""
    best = y.max(-1, keepdims=True)
    alone = (y == best).sum(-1) == 1
    return np.where(alone & np.isfinite(y).all(-1), y.argmax(-1), -1)
