"""Back-propagation in which credit crosses a limited number of synapses."""

__all__ = ["KHop"]

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor
from typing_extensions import override

from neurornn.networks import CTRNN
from neurornn.rules._feedback import AbstractFeedback, Symmetric
from neurornn.rules._recording import Recording
from neurornn.rules._recursion import propagate
from neurornn.rules._reverse import AbstractFeedbackRule


@dataclass(frozen=True)
class KHop(AbstractFeedbackRule):
    r"""The part of the gradient in which credit crosses at most ``k`` recurrent synapses.

    .. math:: m = \sum_{j=0}^{k} m^{(j)}, \qquad m^{(0)}_t = S_t + F_{t+1} \odot m^{(0)}_{t+1}, \qquad m^{(j)}_t = F_{t+1} \odot m^{(j)}_{t+1} + H(m^{(j-1)}_{t+1})

    where :math:`S` is the learning signal, :math:`F` the leak and :math:`H` the exact way back through a synapse, an autapse included. Time is not
    truncated: within a unit credit travels as far as the leak allows. With symmetric feedback ``KHop(0)`` is
    symmetric :class:`RFLO`, and with as many hops as a trial has steps it is :class:`BPTT`.

    Dropped: effects that need more than ``k`` synapses. For ``k`` above 0 the rule is not local: it says how much a circuit would gain that could
    send credit so far. Cost: ``k`` times the backward pass of back-propagation.

    Attributes:
        k: Number of recurrent synapses, at least 0.
        feedback: Through which matrix the errors reach the units.

    Raises:
        ValueError: If the number is negative, or exceeds the steps of a trial.

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> task = tasks.make("perceptual-decision")
        >>> network = CTRNN(task.n_inputs, 20, task.n_outputs)
        >>> bool(KHop(2).backward(network, task.sample(8, seed=0)) > 0)
        True
    """

    k: int
    feedback: AbstractFeedback = field(default_factory=Symmetric)

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.k, int | np.integer) or self.k < 0:
            raise ValueError(f"KHop needs a whole number of synapses, at least 0: got k={self.k}.")

    @override
    def adjoint(self, network: CTRNN, recording: Recording, memory: Mapping[str, Tensor]) -> Tensor:
        n_steps = recording.inputs.shape[1]
        if self.k > n_steps:
            raise ValueError(
                f"Credit cannot cross {self.k} synapses in trials of {n_steps} steps. Use rules.BPTT(), or k of at most "
                f"{n_steps}."
            )
        signal = recording.signal(self.feedback.matrix(network, memory))
        return propagate(recording, signal, recording.circuit.W_rec, self.k)
