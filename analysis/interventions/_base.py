"""What an intervention does to a step of a network, in terms that all of them share."""

__all__ = ["AbstractIntervention", "Action", "Equations"]

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from neurornn.kernels import Circuit
from neurornn.networks import CTRNN
from neurornn.trials import Trials


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
        change: From the equations of the network to those while it acts.
        current: Current added beside the input, ``(unit,)``.
        clamp: From the state after a step and the state before it to the state that is imposed, ``(batch, unit)``.
        silent: Units whose rate is held at 0, ``(unit,)``.
    """

    active: Tensor
    change: Callable[[Equations], Equations] | None = None
    current: Tensor | None = None
    clamp: Callable[[Tensor, Tensor | None], Tensor] | None = None
    silent: Tensor | None = None


class AbstractIntervention(ABC):
    """Something done to a network during an epoch of its trials; the network itself is not touched."""

    @abstractmethod
    def bind(self, network: CTRNN, trials: Trials) -> Action:
        """Work out what it means for these units and these steps.

        Args:
            network: The network.
            trials: The trials, in the type and on the device of the network.

        Returns:
            What to do in which steps.

        Raises:
            ValueError: If it makes no sense for this network or these trials.
        """
