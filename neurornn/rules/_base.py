"""The contract of a learning rule."""

__all__ = [
    "AbstractFinishedRule",
    "AbstractOnlineRule",
    "AbstractPiecewiseRule",
    "AbstractRule",
    "UnsuitableNetwork",
    "plain_descent",
]

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from typing_extensions import override

from neurornn.networks import AbstractNetwork
from neurornn.objective import Objective
from neurornn.trials import Trials


class UnsuitableNetwork(TypeError):
    """A rule is given a network of a family that it is not derived for."""


class AbstractRule(ABC):
    r"""Turns a batch of trials into gradients.

    A rule runs the network, adds its gradient (always :math:`+\partial L/\partial\theta` or an approximation of
    it, so that any optimiser descends) to ``.grad`` of the parameters and returns the loss. Final subclasses are
    frozen dataclasses of hyperparameters.

    Attributes:
        clip_norm: Norm that training scales larger gradients down to, unless it is told another; None never does.
        finished: Whether what is left in ``.grad`` is no direction but the whole change of the weights, to be subtracted as
            it is: training then insists on plain gradient descent with rate 1 and on no clipping.
    """

    clip_norm: ClassVar[float | None] = 1.0
    finished: ClassVar[bool] = False

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

    def parts(
        self,
        network: AbstractNetwork,
        trials: Trials,
        *,
        objective: Objective = Objective(),
        generator: torch.Generator | None = None,
    ) -> Iterator[Tensor]:
        """The gradients of a batch in as many parts as the rule wants updates.

        Each time a part of the loss is yielded its gradient has been added to ``.grad``, and whoever asked may move
        the weights and clear the gradients before asking for the next part.

        Args:
            network: Network to train.
            trials: One batch.
            objective: What to descend.
            generator: Source of the recurrent noise.

        Yields:
            Parts of the objective, detached scalars that add up to the whole.
        """
        yield self.backward(network, trials, objective=objective, generator=generator)

    def for_task(self, task: Any) -> "AbstractRule":  # noqa: ANN401
        """The rule as it is used to train on a task.

        Training asks once. A rule that needs more of a task than its trials, such as its judgement of what was done,
        answers with a copy that holds the task.

        Args:
            task: Task that is trained.

        Returns:
            The rule itself unless it says otherwise.
        """
        del task
        return self

    def optimizer(self, network: AbstractNetwork) -> torch.optim.Optimizer:
        """The optimiser that training uses unless it is given another.

        Args:
            network: Network that is going to be trained.

        Returns:
            ``torch.optim.Adam`` with learning rate 0.001, unless the rule is made for another.
        """
        return torch.optim.Adam(_trained(network), lr=1e-3, fused=True)

    def memory(self, network: AbstractNetwork) -> dict[str, Tensor]:
        """What the rule carries from batch to batch for a network, such as feedback weights that learn.

        A checkpoint saves it beside the weights. The tensors are changed in place by the rule.

        Args:
            network: Network that is trained.

        Returns:
            Named tensors, the same objects in every call; empty for a rule without memory.
        """
        of_network = _MEMORIES.setdefault(network, {})
        if self not in of_network:
            of_network[self] = self.initial_memory(network)
        return of_network[self]

    def initial_memory(self, network: AbstractNetwork) -> dict[str, Tensor]:
        """What the memory holds before the first batch.

        Args:
            network: Network that is going to be trained.

        Returns:
            Named tensors, nothing unless the rule says otherwise.
        """
        return {}


class AbstractFinishedRule(AbstractRule):
    """A rule that leaves no direction in ``.grad`` but the whole change of the weights."""

    clip_norm: ClassVar[float | None] = None
    finished: ClassVar[bool] = True

    @override
    def optimizer(self, network: AbstractNetwork) -> torch.optim.Optimizer:
        return plain_descent(network)


class AbstractPiecewiseRule(AbstractRule):
    """A rule that makes its gradient in parts, between which the weights may move."""

    @abstractmethod
    @override
    def parts(
        self,
        network: AbstractNetwork,
        trials: Trials,
        *,
        objective: Objective = Objective(),
        generator: torch.Generator | None = None,
    ) -> Iterator[Tensor]: ...

    @override
    def backward(
        self,
        network: AbstractNetwork,
        trials: Trials,
        *,
        objective: Objective = Objective(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        return torch.stack(list(self.parts(network, trials, objective=objective, generator=generator))).sum()


class AbstractOnlineRule(AbstractPiecewiseRule):
    """A rule that runs forward in time with the network and can change the weights within a trial.

    Attributes:
        update_every: Steps between updates; None for one update after the trial.
    """

    update_every: int | None


def plain_descent(network: AbstractNetwork, rate: float = 1.0) -> torch.optim.Optimizer:
    """The optimiser that subtracts gradients times a rate, and nothing else.

    Args:
        network: Network that is going to be trained.
        rate: The rate; 1 takes a gradient for the whole change.

    Returns:
        Plain gradient descent.
    """
    return torch.optim.SGD(_trained(network), lr=rate)


def _trained(network: AbstractNetwork) -> list[torch.nn.Parameter]:
    return [each for each in network.parameters() if each.requires_grad]


_MEMORIES: Final[WeakKeyDictionary[AbstractNetwork, dict[AbstractRule, dict[str, Tensor]]]] = (
    WeakKeyDictionary()
)
