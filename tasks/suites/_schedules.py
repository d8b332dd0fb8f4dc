"""Which task each trial of a suite is: a function of its number, so that a trial needs no history."""

__all__ = ["AbstractSchedule", "Blocked", "Interleaved", "Sequential"]

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.tasks._draws import TrialDraws


class AbstractSchedule(ABC):
    """Chooses a rule for each trial."""

    @abstractmethod
    def choose(self, draws: TrialDraws, n_rules: int) -> NDArray[np.int64]:
        """The rule of each trial.

        Args:
            draws: Random quantities of the trials.
            n_rules: Number of rules.

        Returns:
            A number from 0 to ``n_rules - 1`` for each trial.

        Raises:
            ValueError: If there are weights and not one for each rule.
        """


@dataclass(frozen=True)
class Interleaved(AbstractSchedule):
    """A rule at random in each trial.

    Attributes:
        weights: How often each rule comes, relative to the others; all equally often if empty.

    Raises:
        ValueError: If a weight is negative or all are 0.
    """

    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _check_weights(self.weights)

    @override
    def choose(self, draws: TrialDraws, n_rules: int) -> NDArray[np.int64]:
        return _weighted(draws, self.weights, n_rules)


@dataclass(frozen=True)
class Blocked(AbstractSchedule):
    """A rule at random in each block of trials; with blocks as long as a batch, each batch is one task.

    Attributes:
        n_trials: Trials in a block.
        weights: How often each rule comes, relative to the others; all equally often if empty.

    Raises:
        ValueError: If a block has no trial, a weight is negative or all are 0.
    """

    n_trials: int = 64
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        _check_length(self.n_trials)
        _check_weights(self.weights)

    @override
    def choose(self, draws: TrialDraws, n_rules: int) -> NDArray[np.int64]:
        blocks = TrialDraws(
            draws.seed, draws.index // self.n_trials, dt=draws.dt, task=draws.task, split=draws.split
        )
        return _weighted(blocks, self.weights, n_rules)


@dataclass(frozen=True)
class Sequential(AbstractSchedule):
    """One rule after the other: rule ``k`` in trials ``k * n_trials`` to ``(k + 1) * n_trials - 1``, then the last one.

    Attributes:
        n_trials: Trials for which each rule lasts: training steps times the size of a batch.

    Raises:
        ValueError: If a rule has no trial.
    """

    n_trials: int

    def __post_init__(self) -> None:
        _check_length(self.n_trials)

    @override
    def choose(self, draws: TrialDraws, n_rules: int) -> NDArray[np.int64]:
        return np.minimum(draws.index // self.n_trials, n_rules - 1)


def _weighted(draws: TrialDraws, weights: Sequence[float], n_rules: int) -> NDArray[np.int64]:
    if weights and len(weights) != n_rules:
        raise ValueError(
            f"The schedule has {len(weights)} weights for {n_rules} rules: give one for each, or none."
        )
    edges = np.cumsum(weights or np.ones(n_rules))
    place = draws.uniforms("scheduled rule", 1)[:, 0, 0] * edges[-1]
    return np.minimum(np.searchsorted(edges, place, side="right"), n_rules - 1)


def _check_weights(weights: Sequence[float]) -> None:
    if weights and not (all(0 <= each < math.inf for each in weights) and sum(weights) > 0):
        raise ValueError(f"Weights must be at least 0, finite, and not all 0: got {weights}.")


def _check_length(n_trials: int) -> None:
    if isinstance(n_trials, bool) or not isinstance(n_trials, int | np.integer) or n_trials < 1:
        raise ValueError(f"n_trials must be a whole number of at least 1: got {n_trials!r}.")
