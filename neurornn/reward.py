"""A number for each trial that says how good it was: what reward-driven rules learn from."""

__all__ = ["AbsoluteError", "AbstractReward", "AngularReward", "NegativeLoss", "PerformanceReward"]

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.objective import AbstractLoss, CrossEntropy, SquaredError
from neurornn.trials import Trials


@runtime_checkable
class Judged(Protocol):
    """Anything that says what a subject did in trials; every task does."""

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

    def for_task(self, task: Judged) -> "AbstractReward":
        """The reward as it is used in trials of a task; training asks for it.

        Args:
            task: The task.

        Returns:
            The reward itself unless it needs the judgement of a task and has none yet.
        """
        del task
        return self


@dataclass(frozen=True)
class AbsoluteError(AbstractLoss):
    r"""Absolute error, averaged over outputs: :math:`\frac{1}{O}\sum_k |y_k - y^*_k|`.

    Examples:
        >>> AbsoluteError().error(torch.tensor([[[1.0, 3.0]]]), torch.tensor([[[0.0, 0.0]]])).item()
        2.0
    """

    @override
    def error(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).abs().mean(-1)


@dataclass(frozen=True)
class PerformanceReward(AbstractReward):
    """How well the task says a trial was done, between 0 and 1: in a choice task 1 if it was correct.

    Attributes:
        neither: Reward of trials in which there is nothing to get right, such as catch trials.
        task: The task the trials are of; None for the one that is trained.

    Raises:
        ValueError: If the reward of such trials is not finite.

    Examples:
        >>> from neurornn import tasks
        >>> task = tasks.make("perceptual-decision")
        >>> trials = task.sample(4, seed=0)
        >>> PerformanceReward(task=task)(trials, trials.targets).tolist()
        [1.0, 1.0, 1.0, 1.0]
    """

    neither: float = 0.0
    task: Judged | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.neither, int | float) or not math.isfinite(self.neither):
            raise ValueError(
                f"neither must be a finite number: got {self.neither!r}. A task goes in as task=..."
            )

    @override
    def for_task(self, task: Judged) -> "PerformanceReward":
        return self if self.task is not None else replace(self, task=task)

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
        width: Width :math:`w` in degrees; None for the cosine.
        error: Name of that error in the behaviour.
        task: A task that reports an angular error; None for the one that is trained.

    Raises:
        ValueError: If the width is no angle.
    """

    width: float | None = None
    error: str = "angular_error"
    task: Judged | None = None

    def __post_init__(self) -> None:
        if self.width is None:
            return
        if not isinstance(self.width, int | float) or not 0 < self.width < math.inf:
            raise ValueError(
                f"width must be finite and above 0 degrees, or None: got {self.width!r}. A task goes in as task=..."
            )

    @override
    def for_task(self, task: Judged) -> "AngularReward":
        return self if self.task is not None else replace(self, task=task)

    @override
    def __call__(self, trials: Trials, output: Float[Tensor, "batch time output"]) -> Float[Tensor, " batch"]:
        delta = _variable(self.task, trials, output, self.error)
        if self.width is None:
            reward = 0.5 * (1 + np.cos(np.deg2rad(delta)))
        else:
            reward = np.exp(-0.5 * (delta / self.width) ** 2)
        return torch.as_tensor(np.where(np.isnan(delta), 0.0, reward)).to(output)


def _variable(task: Judged | None, trials: Trials, output: Tensor, name: str) -> NDArray[np.float64]:
    """A variable of the behaviour, after checking that the trials are of the task and it tells the variable."""
    if task is None:
        raise ValueError(
            f"A reward for '{name}' needs the judgement of a task, and this one has none yet. Training gives it the task that "
            "is trained; to use it by yourself, construct it with task=..., or ask it for_task(task)."
        )
    of = getattr(task, "name", trials.info.task)
    if trials.info.task != of:
        raise ValueError(
            f"The trials are of task '{trials.info.task}' and the reward of '{of}'. Reward them by their own task."
        )
    _check_shape(trials, output)
    found = task.behaviour(trials, output.detach())
    if name not in found:
        raise ValueError(f"Task '{of}' does not tell '{name}' in its behaviour: it tells {', '.join(found)}.")
    return np.asarray(found[name], dtype=np.float64)


def _check_shape(trials: Trials, output: Tensor) -> None:
    if output.shape != trials.targets.shape:
        raise ValueError(
            f"output must have the shape of the targets of task '{trials.info.task}', {tuple(trials.targets.shape)}: "
            f"got {tuple(output.shape)}."
        )
