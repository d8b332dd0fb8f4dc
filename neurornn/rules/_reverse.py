"""Rules whose update is a filter that runs backwards in time and one matrix product."""

__all__ = ["AbstractFeedbackRule", "AbstractReverseRule", "credit_sequence"]

from abc import abstractmethod
from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn._threads import single_threaded
from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.objective import Objective
from neurornn.rules._base import AbstractRule
from neurornn.rules._checks import leaky
from neurornn.rules._feedback import AbstractFeedback
from neurornn.rules._hand_over import penalise
from neurornn.rules._recording import Recording, record
from neurornn.rules._recursion import credit_of, fill
from neurornn.trials import Trials


class AbstractReverseRule(AbstractRule):
    """A rule for leaky networks whose update is a filter that runs backwards in time and one matrix product."""

    @abstractmethod
    def adjoint(
        self, network: CTRNN, recording: Recording, memory: Mapping[str, Tensor]
    ) -> Float[Tensor, "batch time+1 unit"]:
        r"""What the rule takes for the gradient of the objective with respect to each state: :math:`m`.

        Args:
            network: Network that is trained.
            recording: What it did.
            memory: Memory of the rule.

        Returns:
            The adjoint of every state, the one before the first step included.
        """


class AbstractFeedbackRule(AbstractReverseRule):
    """A reverse rule whose learning signal comes through feedback weights.

    Attributes:
        feedback: Through which matrix the errors reach the units.

    Raises:
        TypeError: If the feedback is no feedback.
    """

    feedback: AbstractFeedback

    def __post_init__(self) -> None:
        if not isinstance(self.feedback, AbstractFeedback):
            raise TypeError(
                f"feedback must be an object such as rules.Symmetric(), rules.Random() or rules.Given(matrix): got {self.feedback!r}."
            )

    @override
    def initial_memory(self, network: AbstractNetwork) -> dict[str, Tensor]:
        return self.feedback.initial_memory(leaky(self, network))

    @override
    def backward(
        self,
        network: AbstractNetwork,
        trials: Trials,
        *,
        objective: Objective = Objective(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        network, memory = leaky(self, network), self.memory(network)
        recording = record(network, trials, objective, generator)
        with single_threaded(), self.feedback.learning(network, memory):
            fill(network, recording, self.adjoint(network, recording, memory))
            return recording.loss + penalise(network, objective)


def credit_sequence(
    rule: AbstractRule,
    network: AbstractNetwork,
    trials: Trials,
    objective: Objective = Objective(),
    generator: torch.Generator | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    r"""The credit a rule gives to each unit at each step, and what it is multiplied with.

    The gradient of the effective recurrent matrix is :math:`\sum_{b,t} A_{bt} r_{b,t-1}^\top`, penalties on weights aside,
    and its terms show where in a trial a rule departs from another. Nothing is changed: neither gradients nor the
    memory of the rule.

    Args:
        rule: A rule whose update is a filter that runs backwards in time.
        network: A leaky network.
        trials: A batch.
        objective: What is descended.
        generator: Source of the recurrent noise.

    Returns:
        Credit ``(batch, time, unit)``, the rates before each step ``(batch, time, unit)``, and the inputs.

    Raises:
        TypeError: If the rule has no such sequence, or the network is not leaky.

    Examples:
        >>> from neurornn import CTRNN, rules, tasks
        >>> task = tasks.make("perceptual-decision")
        >>> network = CTRNN(task.n_inputs, 10, task.n_outputs)
        >>> A, rates, inputs = credit_sequence(rules.RFLO(), network, task.sample(4, seed=0))
        >>> A.shape == rates.shape, A.shape[:2] == inputs.shape[:2]
        (True, True)
    """
    if not isinstance(rule, AbstractReverseRule):
        raise TypeError(
            f"{type(rule).__name__} is no filter that runs backwards in time, so it gives no credit to single steps."
        )
    network = leaky(rule, network)
    recording = record(network, trials, objective, generator)
    with single_threaded(), torch.no_grad():
        adjoint = rule.adjoint(network, recording, rule.memory(network))
        return credit_of(recording, adjoint), recording.rate[:, :-1], recording.inputs
