"""What an intervention does to a step of a network, in terms that all of them share."""

__all__ = ["AbstractIntervention", "Action", "Equations", "Readout", "Subject", "clamped", "pushed"]

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from neurornn.analysis.systems import HasDrift
from neurornn.kernels import Circuit
from neurornn.networks import AbstractNetwork
from neurornn.trials import Trials

Subject = AbstractNetwork | HasDrift
"""What is intervened upon."""
Readout = ArrayLike | Tensor | Callable[[Tensor], Tensor]
"""A matrix ``(output, unit)`` applied to the state, or a function from states to outputs."""


class Equations(NamedTuple):
    """The right-hand side of a network during a step.

    Attributes:
        circuit: Weights, biases, ``alpha`` and activation.
        sigma: Strength of the recurrent noise.
    """

    circuit: Circuit
    sigma: float


class Action(NamedTuple):
    """An intervention bound to a network and trials.

    Attributes:
        active: Steps in which it acts, ``(batch, time)``.
        change: From the equations of a leaky network to those while it acts.
        edit: Makes the same change in a copy of any other network.
        current: Current added beside the input, ``(unit,)``.
        velocity: Velocity added to that of the state in 1/ms, ``(unit,)``.
        clamp: From the state after a step and the state before it to the state that is imposed, ``(batch, unit)``.
        silent: Units whose rate is held at 0, ``(unit,)``.
    """

    active: Tensor
    change: Callable[[Equations], Equations] | None = None
    edit: Callable[[Any], None] | None = None
    current: Tensor | None = None
    velocity: Tensor | None = None
    clamp: Callable[[Tensor, Tensor | None], Tensor] | None = None
    silent: Tensor | None = None


class AbstractIntervention(ABC):
    """Something done to a network during an epoch of its trials; the network itself is not touched."""

    @abstractmethod
    def bind(self, network: Subject, trials: Trials) -> Action:
        """Work out what it means for these units and these steps.

        Args:
            network: The network.
            trials: The trials, in the type and on the device of the network.

        Returns:
            What to do in which steps.

        Raises:
            TypeError: If the network does not have what it acts on.
            ValueError: If it makes no sense for this network or these trials.
        """


def clamped(actions: list[Action], k: int, state: Tensor, before: Tensor | None) -> Tensor:
    """States after a step with the coordinates that are imposed.

    Args:
        actions: What is done.
        k: Number of the step.
        state: States after it.
        before: States before it, None before the first.

    Returns:
        The states.
    """
    for each in actions:
        if each.clamp is not None:
            state = torch.where(each.active[:, k, None], each.clamp(state, before), state)
    return state


def pushed(actions: list[Action], k: int, state: Tensor, dt: float) -> Tensor:
    """States after a step in which something was added to their velocity.

    Args:
        actions: What is done.
        k: Number of the step.
        state: States after it.
        dt: Its duration in ms.

    Returns:
        The states.
    """
    for each in actions:
        if each.velocity is not None:
            state = torch.where(each.active[:, k, None], state + dt * each.velocity, state)
    return state
