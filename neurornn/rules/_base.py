"""The contract of a learning rule."""

__all__ = ["AbstractRule"]

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from neurornn.networks import AbstractNetwork
from neurornn.objective import Objective
from neurornn.trials import Trials


class AbstractRule(ABC):
    r"""Turns a batch of trials into gradients.

    A rule runs the network, adds its gradient (always :math:`+\partial L/\partial\theta` or an approximation of
    it, so that any optimiser descends) to ``.grad`` of the parameters and returns the loss. Final subclasses are
    frozen dataclasses of hyperparameters.
    """

    @abstractmethod
    def backward(
        self,
        network: AbstractNetwork,
        trials: Trials,
        *,
        objective: Objective = Objective(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Fill the gradients.

        Args:
            network: Network to train.
            trials: One batch.
            objective: What to descend.
            generator: Source of the recurrent noise.

        Returns:
            The value of the objective, a detached scalar.
        """
