"""A number for each trial that says how good it was: what reward-driven rules learn from."""

__all__ = ["AbstractReward", "AngularReward", "NegativeLoss", "PerformanceReward"]

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.objective import AbstractLoss, CrossEntropy, SquaredError
from neurornn.trials import Trials


class Judged(Protocol):
    """Anything that says what a subject did in trials; every task does."""

    @property
    def name(self) -> str:
        """Name of the task."""

    def behaviour(self, trials: Trials, output: Tensor) -> dict[str, NDArray[Any]]:
        """Behavioural variables, one value for each trial."""


class AbstractReward(ABC):
    """Turns any supervised task into one that is learned from reward: a number for each trial, and nothing else.

    A reward carries no gradient. It is computed from outputs alone, so that a rule cannot see more than a subject is told.
    """

    @abstractmethod
    def __call__(self, trials: Trials, output: Float[Tensor, "batch time output"]) -> Float[Tensor, " batch"]:
        """The reward of each trial.

        Args:
            trials: Trials.
            output: Outputs of a network in these trials.

        Returns:
            One number for each trial, larger is better, in the type and on the device of the outputs.
        """


@dataclass(frozen=True)
class PerformanceReward(AbstractReward):
    """How well the task says a trial was done, between 0 and 1.

    Attributes:
        task: The task the trials are of.
        neither: Reward of trials in which there is nothing to get right, such as catch trials.

    Examples:
        >>> from neurornn import tasks
        >>> task = tasks.make("perceptual-decision")
        >>> trials = task.sample(4, seed=0)
        >>> PerformanceReward(task)(trials, trials.targets).tolist()
        [1.0, 1.0, 1.0, 1.0]
    """

    task: Judged
    neither: float = 0.0

    @override
    def __call__(self, trials: Trials, output: Float[Tensor, "batch time output"]) -> Float[Tensor, " batch"]:
        score = _variable(self.task, trials, output, "performance")
        return torch.as_tensor(np.where(np.isnan(score), self.neither, score)).to(output)


@dataclass(frozen=True)
class NegativeLoss(AbstractReward):
    r"""Minus the loss of each trial on its own.

    .. math:: R_b = -\frac{\sum_t m_{bt}\, \ell_{bt}}{\sum_t m_{bt}}

    where :math:`m` is the mask and :math:`\ell` the error of each step. Trials of one length have the mean reward :math:`-L`.

    Attributes:
        loss: Error of each step, for instance ``objective.loss``; None takes the one the task declares. Penalties on rates
            and weights are no part of a reward: outputs do not tell them.

    Examples:
        >>> from neurornn import tasks
        >>> trials = tasks.make("flip-flop", sigma_in=0.0).sample(2, seed=0)
        >>> NegativeLoss()(trials, trials.targets + 0.5).tolist()
        [-0.25, -0.25]
    """

    loss: AbstractLoss | None = None

    @override
    def __call__(self, trials: Trials, output: Float[Tensor, "batch time output"]) -> Float[Tensor, " batch"]:
        _check_shape(trials, output)
        declared = CrossEntropy() if trials.info.loss == "cross_entropy" else SquaredError()
        loss = declared if self.loss is None else self.loss
        mask, target = trials.mask.to(output), trials.targets.to(output)
        total = mask.sum(1)
        if not bool((total > 0).all()):
            empty = int(torch.argmin(total))
            raise ValueError(
                f"The mask of trial {empty} of task '{trials.info.task}' is zero everywhere: it has no loss to reward."
            )
        with torch.no_grad():
            error = loss.error(output, target)
            return -torch.where(mask > 0, mask * error, 0.0).sum(1) / total


@dataclass(frozen=True)
class AngularReward(AbstractReward):
    r"""How near a direction came to the right one.

    .. math:: R = \tfrac12 (1 + \cos \delta), \qquad\text{or with a width } w \qquad R = e^{-\delta^2 / 2 w^2}

    where :math:`\delta` is the angular error that the task reports, in degrees. Without a direction the reward is 0.

    Attributes:
        task: A task that reports an angular error.
        width: Width :math:`w` in degrees; None for the cosine.
        error: Name of that error in the behaviour.
    """

    task: Judged
    width: float | None = None
    error: str = "angular_error"

    def __post_init__(self) -> None:
        if self.width is not None and not 0 < self.width < math.inf:
            raise ValueError(f"width must be finite and above 0 degrees, or None: got {self.width}.")

    @override
    def __call__(self, trials: Trials, output: Float[Tensor, "batch time output"]) -> Float[Tensor, " batch"]:
        delta = _variable(self.task, trials, output, self.error)
        if self.width is None:
            reward = 0.5 * (1 + np.cos(np.deg2rad(delta)))
        else:
            reward = np.exp(-0.5 * (delta / self.width) ** 2)
        return torch.as_tensor(np.where(np.isnan(delta), 0.0, reward)).to(output)


def _variable(task: Judged, trials: Trials, output: Tensor, name: str) -> NDArray[np.float64]:
    """A variable of the behaviour, after checking that the trials are of the task and it tells the variable."""
    if trials.info.task != task.name:
        raise ValueError(
            f"The trials are of task '{trials.info.task}' and the reward of '{task.name}'. Reward them by their own task."
        )
    _check_shape(trials, output)
    found = task.behaviour(trials, output.detach())
    if name not in found:
        raise ValueError(
            f"Task '{task.name}' does not tell '{name}' in its behaviour: it tells {', '.join(found)}."
        )
    return np.asarray(found[name], dtype=np.float64)


def _check_shape(trials: Trials, output: Tensor) -> None:
    if output.shape != trials.targets.shape:
        raise ValueError(
            f"output must have the shape of the targets of task '{trials.info.task}', {tuple(trials.targets.shape)}: "
            f"got {tuple(output.shape)}."
        )
