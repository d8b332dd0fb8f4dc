r"""The backward recursion in plain PyTorch: the general form of every rule that is a filter and one product.

With :math:`q_t = L_t + V^\top A_{t+1}`, what reaches the rate of a unit from the outputs and through the recurrent matrix
:math:`V` of the rule,

.. math::
    \text{current:}\quad m_t &= (1-\alpha)\, m_{t+1} + \phi'(x_t)\, q_t, & A_t &= \alpha\, m_t \\
    \text{rate:}\quad m_t &= (1-\alpha)\, m_{t+1} + q_t, & A_t &= \alpha\, \phi'(a_t)\, m_t

where :math:`a_t` is the noisy potential. The credit :math:`A_t` of the current into a unit gives
:math:`\Delta W_{rec} = \sum_t A_t r_{t-1}^\top`, :math:`\Delta W_{in} = \sum_t A_t u_t^\top` and :math:`\Delta b = \sum_t A_t`.
"""

__all__ = [
    "AbstractFeedbackRule",
    "AbstractReverseRule",
    "Recording",
    "credit_of",
    "credit_sequence",
    "modulated",
    "propagate",
    "record",
]

from abc import abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn import kernels
from neurornn._threads import single_threaded
from neurornn.networks import CTRNN, AbstractNetwork, Trajectory
from neurornn.objective import Objective
from neurornn.rules._base import AbstractRule
from neurornn.rules._checks import leaky
from neurornn.rules._feedback import AbstractFeedback
from neurornn.rules._hand_over import hand_over, penalise, product
from neurornn.trials import Trials


class Recording(NamedTuple):
    """What one run left behind for a backward recursion; nothing in it is differentiable.

    States are counted from the one before the first step, so step ``k`` leads from state ``k`` to state ``k + 1``.

    Attributes:
        inputs: Inputs, ``(batch, time, input)``.
        state: States, ``(batch, time + 1, unit)``.
        rate: Rates, ``(batch, time + 1, unit)``.
        slope: Slope of the activation, at the state in current form and at the potential that led to it in rate form,
            ``(batch, time + 1, unit)``.
        errors: Gradient of the objective with respect to the outputs, ``(batch, time, output)``.
        direct: Gradient with respect to the rates that is not by way of the outputs, ``(batch, time, unit)``.
        inside: Noise inside the activation, ``(batch, time, unit)``, or None.
        outside: Noise on the state, or None.
        circuit: The network.
        loss: Value of the objective, penalties on weights aside.
    """

    inputs: Tensor
    state: Tensor
    rate: Tensor
    slope: Tensor
    errors: Tensor
    direct: Tensor
    inside: Tensor | None
    outside: Tensor | None
    circuit: kernels.Circuit
    loss: Tensor

    def signal(self, feedback: Tensor | None) -> Float[Tensor, "batch time+1 unit"]:
        """Learning signal of each unit at each state, 0 before the first step.

        Args:
            feedback: Matrix ``(output, unit)``; None is the read-out.

        Returns:
            The signal.
        """
        B = self.circuit.W_out if feedback is None else feedback
        return torch.nn.functional.pad(self.errors @ B + self.direct, (0, 0, 1, 0))

    def during(self, first: int, stop: int) -> "Recording":
        """The part from one state to another.

        Args:
            first: Number of the first state.
            stop: Number of the state after the last.

        Returns:
            A recording of its steps.
        """
        return self._replace(
            **{name: getattr(self, name)[:, first:stop] for name in ("state", "rate", "slope")},
            **{name: getattr(self, name)[:, first : stop - 1] for name in ("inputs", "errors", "direct")},
        )


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
            _fill(network, recording, self.adjoint(network, recording, memory))
            return recording.loss + penalise(network, objective)


def record(
    network: CTRNN, trials: Trials, objective: Objective, generator: torch.Generator | None
) -> Recording:
    """Run a batch and keep what a backward recursion needs.

    Args:
        network: The network.
        trials: The batch.
        objective: What is descended.
        generator: Source of the recurrent noise.

    Returns:
        The recording.
    """
    network.check_trials(trials)
    trials = trials.to(next(network.parameters()))
    xi = network.draw_noise(trials.n_trials, trials.n_steps, generator)
    with single_threaded(), torch.no_grad():
        circuit = network.circuit()
        run = network(trials.inputs, noise=xi)
        state = torch.cat([network.initial_state(trials.n_trials).unsqueeze(1), run.state], 1)
        rate = network.rate(state)
        inside = outside = None
        if xi is not None:
            scales = kernels.Noise(network.sigma_rec, network.noise).scales(circuit.alpha, circuit.form)
            inside, outside = (scale * xi for scale in scales)
        if circuit.form == "current":
            slope = circuit.activation.derivative(state)
        else:
            potential = torch.nn.functional.linear(rate[:, :-1], circuit.W_rec, circuit.bias)
            potential += trials.inputs @ circuit.W_in.t()
            if inside is not None:
                potential += inside
            slope = torch.nn.functional.pad(circuit.activation.derivative(potential), (0, 0, 1, 0))
    with single_threaded(), torch.enable_grad():
        output, leaf = run.output.requires_grad_(), run.rate.requires_grad_()
        loss = objective.of_steps(trials, Trajectory(run.state, leaf, output, run.final))
        errors, direct = torch.autograd.grad(loss, [output, leaf], allow_unused=True)
    zero = torch.zeros(())
    return Recording(
        trials.inputs,
        state,
        rate,
        slope,
        torch.zeros_like(output) if errors is None else errors,
        zero.to(leaf).expand_as(leaf) if direct is None else direct,
        inside,
        outside,
        circuit,
        loss.detach(),
    )


def propagate(
    recording: Recording,
    signal: Float[Tensor, "batch time+1 unit"],
    matrix: Float[Tensor, "unit unit"] | None,
    n_hops: int | None = None,
) -> Float[Tensor, "batch time+1 unit"]:
    r"""The recursion from the last state to the first.

    With a limit of :math:`k` crossings there is one adjoint for each number of crossings allowed, and what crosses a synapse comes from
    the one with a crossing less: :math:`q^{(j)}_t = L_t + V^\top A^{(j-1)}_{t+1}`, :math:`q^{(0)}_t = L_t`.

    Args:
        recording: What the network did.
        signal: :math:`L`.
        matrix: :math:`V`, ``(post, pre)``; None lets no credit through the recurrent synapses.
        n_hops: :math:`k`, how often credit may cross a recurrent synapse; None for as often as it takes.

    Returns:
        The adjoint of each state, :math:`m`.
    """
    current, alpha = recording.circuit.form == "current", recording.circuit.alpha
    layers = 1 if n_hops is None else n_hops + 1
    slopes, keep = recording.slope.unbind(1), 1 - alpha
    m = torch.zeros_like(signal[:, 0]).repeat(layers, 1, 1)
    sequence: list[Tensor] = []
    for t in range(signal.shape[1] - 1, -1, -1):
        reaching = signal[:, t].expand_as(m)
        if matrix is not None and sequence:
            through = alpha * (m if current else slopes[t + 1] * m) @ matrix
            if n_hops is not None:
                through = torch.cat([torch.zeros_like(m[:1]), through[:-1]])
            reaching = reaching + through
        m = keep * m + (slopes[t] * reaching if current else reaching)
        sequence.append(m[-1])
    return torch.stack(sequence[::-1], 1)


def credit_of(
    recording: Recording, adjoint: Float[Tensor, "batch time+1 unit"]
) -> Float[Tensor, "batch time unit"]:
    r"""Credit of the current into each unit at each step, :math:`A`.

    Args:
        recording: What the network did.
        adjoint: Adjoint of its states.

    Returns:
        The credit.
    """
    m = recording.circuit.alpha * adjoint[:, 1:]
    return m if recording.circuit.form == "current" else recording.slope[:, 1:] * m


def modulated(
    signal: Float[Tensor, "batch time+1 unit"],
    credit: Float[Tensor, "batch time unit"],
    matrix: Float[Tensor, "unit unit"],
) -> Float[Tensor, "batch time+1 unit"]:
    r"""A learning signal with what the recurrent synapses add to it: :math:`L_t + V^\top A_{t+1}`.

    Args:
        signal: :math:`L`.
        credit: :math:`A`.
        matrix: :math:`V`, ``(post, pre)``.

    Returns:
        The signal of each unit at each state.
    """
    return signal + torch.nn.functional.pad(credit @ matrix, (0, 0, 0, 1))


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


def _fill(network: CTRNN, recording: Recording, adjoint: Tensor) -> None:
    """Hand the gradients that follow from the adjoint to the parameters, through their effective values."""
    credit, before = credit_of(recording, adjoint), recording.rate[:, :-1]
    with torch.enable_grad():
        circuit, start = network.circuit(), network.initial_state(len(adjoint))
    hand_over([
        (circuit.W_rec, product(credit, before)),
        (circuit.W_in, product(credit, recording.inputs)),
        (circuit.bias, credit.sum((0, 1))),
        (circuit.W_out, product(recording.errors, recording.rate[:, 1:])),
        (circuit.bias_out, recording.errors.sum((0, 1))),
        (circuit.alpha, _at_alpha(recording, adjoint, credit)),
        (start, adjoint[:, 0]),
    ])


def _at_alpha(recording: Recording, adjoint: Tensor, credit: Tensor) -> Tensor:
    r"""Gradient of :math:`dt/\tau`; the scales of the noise depend on it too."""
    alpha = recording.circuit.alpha
    move = recording.state.diff(dim=1)
    if recording.outside is not None:
        move = move - recording.outside / 2
    total = adjoint[:, 1:] * move / alpha
    if recording.inside is not None:
        total = total - credit * recording.inside / (2 * alpha)
    return total.sum((0, 1)).sum_to_size(alpha.shape)
