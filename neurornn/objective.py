"""What training minimises: a masked loss and penalties."""

__all__ = ["AbstractLoss", "CrossEntropy", "Objective", "SquaredError"]

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.networks import AbstractNetwork, Outputs, Trajectory
from neurornn.trials import Trials


class AbstractLoss(ABC):
    """An error for each trial and step."""

    @abstractmethod
    def error(
        self, output: Float[Tensor, "batch time output"], target: Float[Tensor, "batch time output"]
    ) -> Float[Tensor, "batch time"]:
        """Error of each step.

        Args:
            output: What the network said.
            target: What it should have said.

        Returns:
            One number for each trial and step.
        """


@dataclass(frozen=True)
class SquaredError(AbstractLoss):
    r"""Squared error, averaged over outputs: :math:`\frac{1}{O}\sum_k (y_k - y^*_k)^2`.

    Examples:
        >>> SquaredError().error(torch.tensor([[[1.0, 3.0]]]), torch.tensor([[[0.0, 0.0]]])).item()
        5.0
    """

    @override
    def error(self, output: Tensor, target: Tensor) -> Tensor:
        return (output - target).square().mean(-1)


@dataclass(frozen=True)
class CrossEntropy(AbstractLoss):
    r"""Cross-entropy of the soft-maxed outputs, in nats: :math:`-\sum_k y^*_k \log \mathrm{softmax}(y)_k`.

    Examples:
        >>> loss = CrossEntropy().error(torch.zeros(1, 1, 4), torch.tensor([[[1.0, 0.0, 0.0, 0.0]]]))
        >>> round(loss.item(), 5)  # log 4
        1.38629
    """

    @override
    def error(self, output: Tensor, target: Tensor) -> Tensor:
        return -(target * torch.log_softmax(output, -1)).sum(-1)


_BY_NAME = {"squared_error": SquaredError(), "cross_entropy": CrossEntropy()}


@dataclass(frozen=True)
class Objective:
    r"""The number a learning rule descends.

    .. math::
        L = \frac{\sum_{b,t} m_{bt}\, \ell_{bt}}{\sum_{b,t} m_{bt}}
          + \frac{\lambda_1 \sum |r| + \lambda_2 \sum r^2}{N \sum_{b,t} v_{bt}}
          + \frac{\kappa_1 \sum |W_{rec}| + \kappa_2 \sum W_{rec}^2}{N^2}

    where :math:`m` is the mask, :math:`\ell` the error of each step, :math:`v` is 1 inside a trial and 0 in its
    padding, :math:`r` are the rates of the :math:`N` units and :math:`W_{rec}` is the effective matrix.

    Attributes:
        loss: Error of each step; None takes the one the task declares.
        rate_l1: :math:`\lambda_1`, metabolic cost of firing.
        rate_l2: :math:`\lambda_2`.
        weight_l1: :math:`\kappa_1`.
        weight_l2: :math:`\kappa_2`.

    Raises:
        ValueError: If a penalty is negative or not finite.
    """

    loss: AbstractLoss | None = None
    rate_l1: float = 0.0
    rate_l2: float = 0.0
    weight_l1: float = 0.0
    weight_l2: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name != "loss" and not 0 <= getattr(self, field.name) < math.inf:
                raise ValueError(
                    f"{field.name} must be finite and at least 0: got {getattr(self, field.name)}."
                )

    @property
    def costs_rates(self) -> bool:
        """Whether firing rates are penalised."""
        return bool(self.rate_l1 or self.rate_l2)

    @property
    def costs_weights(self) -> bool:
        """Whether recurrent weights are penalised."""
        return bool(self.weight_l1 or self.weight_l2)

    def __call__(self, network: AbstractNetwork, trials: Trials, trajectory: Trajectory | Outputs) -> Tensor:
        """The whole objective.

        Args:
            network: The network that made the trajectory.
            trials: The trials it ran.
            trajectory: What it did.

        Returns:
            A differentiable scalar.
        """
        value = self.of_steps(trials, trajectory)
        return value + self.of_weights(network) if self.costs_weights else value

    def of_steps(self, trials: Trials, trajectory: Trajectory | Outputs, start: int = 0) -> Tensor:
        """The part that is a sum over steps, for a stretch of a trial.

        Every stretch is normalised by the whole trial, so stretches that tile the trial add up to the whole.

        Args:
            trials: Whole trials.
            trajectory: A stretch of what the network did.
            start: Step of the trial at which the stretch starts.

        Returns:
            A differentiable scalar.

        Raises:
            ValueError: If no step of any trial counts, the outputs do not fit the targets, or rates are penalised and their
                sizes were not asked for.
        """
        here = slice(start, start + trajectory.output.shape[1])
        target = trials.targets[:, here]
        if trajectory.output.shape != target.shape:
            raise ValueError(
                f"The network's output has shape {tuple(trajectory.output.shape)} but the targets of task "
                f"'{trials.info.task}' have {tuple(target.shape)}. Build it with n_outputs={target.shape[2]}."
            )
        total = trials.mask.sum()
        if not total > 0:
            raise ValueError(
                f"The mask of task '{trials.info.task}' is zero everywhere, so the loss would be 0/0. "
                "Give the steps that count a positive mask."
            )
        loss = _BY_NAME[trials.info.loss] if self.loss is None else self.loss
        weight = trials.mask[:, here] / total
        value = (weight * loss.error(trajectory.output, target)).sum()
        if self.costs_rates:
            sizes, squares = trajectory.mean_abs_rate, trajectory.mean_square_rate
            if sizes is None or squares is None:
                raise ValueError(
                    "A penalty on the rates needs their sizes: ask for network.outputs(..., costs=True)."
                )
            cost = self.rate_l1 * sizes + self.rate_l2 * squares
            value = value + (trials.valid[:, here] * cost).sum() / trials.valid.sum()
        return value

    def of_weights(self, network: AbstractNetwork) -> Tensor:
        """The part that depends on the weights alone.

        Args:
            network: The network.

        Returns:
            A scalar, differentiable unless it is 0 for want of penalties.
        """
        if not self.costs_weights:
            return next(network.parameters()).new_zeros(())
        W = network.W_rec
        return self.weight_l1 * W.abs().mean() + self.weight_l2 * W.square().mean()
