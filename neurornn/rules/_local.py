"""Rules in which each unit keeps its own credit, and their relatives with another way through the recurrent synapses."""

__all__ = ["RFLO", "AbstractLocalRule", "EProp", "FeedbackAlignment", "SnAp1"]

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from typing_extensions import override

from neurornn._threads import single_threaded
from neurornn.kernels import Credit, DiagonalHop, FixedHop, NoHop
from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.objective import Objective
from neurornn.rules._checks import check_decay, check_size, fitting, leaky
from neurornn.rules._feedback import AbstractFeedback, Random, Symmetric, random_matrix
from neurornn.rules._recording import Recording
from neurornn.rules._recursion import propagate
from neurornn.rules._reverse import AbstractFeedbackRule
from neurornn.trials import Trials

Hop = NoHop | DiagonalHop | FixedHop


class AbstractLocalRule(AbstractFeedbackRule):
    """A rule that is a setting of the backward kernel: a way through the recurrent synapses, and feedback weights.

    Where no credit crosses synapses a backward step has no product with a recurrent matrix. Penalties on rates act on
    each unit directly; those on weights, and the read-out, are differentiated exactly.
    """

    @abstractmethod
    def hop(self, network: CTRNN) -> Hop:
        """How credit crosses recurrent synapses.

        Args:
            network: Network that is trained.

        Returns:
            One of the hops of :mod:`neurornn.kernels`.
        """

    def smoothed(self, output: Tensor) -> Tensor:
        """Outputs whose errors the rule filters on their way back.

        Args:
            output: Outputs of a run, ``(batch, time, output)``.

        Returns:
            The same values.
        """
        return output

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
        trials = fitting(network, trials)
        credit = Credit(self.hop(network), self.feedback.matrix(network, memory))
        with single_threaded(), self.feedback.learning(network, memory):
            run = network.outputs(
                trials.inputs, generator=generator, costs=objective.costs_rates, credit=credit
            )
            loss = objective(network, trials, run._replace(output=self.smoothed(run.output)))
            loss.backward()
        return loss.detach()

    @override
    def adjoint(self, network: CTRNN, recording: Recording, memory: Mapping[str, Tensor]) -> Tensor:
        signal = recording.signal(self.feedback.matrix(network, memory))
        match self.hop(network):
            case FixedHop(matrix):
                return propagate(recording, signal, matrix)
            case DiagonalHop():
                return propagate(recording, signal, recording.circuit.W_rec.diagonal().diag())
        return propagate(recording, signal, None)


@dataclass(frozen=True)
class RFLO(AbstractLocalRule):
    r"""Random-feedback online learning: local traces of activity times a broadcast error.

    .. math::
        \Delta W_{ab} &= \sum_t L_a(t)\, \varepsilon_{ab}(t), \qquad L(t) = B^\top e(t) \\
        \text{rate:}\quad \varepsilon_{ab}(t) &= (1-\alpha_a)\,\varepsilon_{ab}(t-1) + \alpha_a\,\phi'(a_a(t))\,r_b(t-1) \\
        \text{current:}\quad \varepsilon_{ab}(t) &= \phi'(x_a(t))\,P_{ab}(t), \quad P_{ab}(t) = (1-\alpha_a)P_{ab}(t-1) + \alpha_a r_b(t-1)

    where :math:`e` is the gradient with respect to the outputs, :math:`r_b` the presynaptic rate, and :math:`a_a` or :math:`x_a` the
    potential of the unit. Local: each synapse needs the activity of its two cells and the signal broadcast to its unit.
    Dropped: whatever reaches the loss through another unit, so credit fades with the time constant of the unit.
    The traces are never formed: summed over a trial they are a filter that runs backwards in time and one product.

    Attributes:
        feedback: Through which matrix the errors reach the units.

    References:
        Local online learning in recurrent networks with random feedback (Murray, 2019)
        https://doi.org/10.7554/eLife.43299

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> task = tasks.make("perceptual-decision")
        >>> network = CTRNN(task.n_inputs, 20, task.n_outputs)
        >>> loss = RFLO(Random(seed=1)).backward(network, task.sample(8, seed=0))
        >>> bool(loss > 0), all(p.grad is not None for p in network.parameters())
        (True, True)
    """

    feedback: AbstractFeedback = field(default_factory=Random)

    @override
    def hop(self, network: CTRNN) -> Hop:
        return NoHop()


@dataclass(frozen=True)
class EProp(AbstractLocalRule):
    r"""e-prop: eligibility traces times a learning signal.

    .. math:: \Delta W_{ab} = \sum_t L_a(t)\, \bar\varepsilon_{ab}(t), \qquad \bar\varepsilon_{ab}(t) = \kappa\,\bar\varepsilon_{ab}(t-1) + \varepsilon_{ab}(t)

    For leaky units without further hidden states the eligibility trace :math:`\varepsilon` is that of :class:`RFLO`, and
    the two rules differ in what they are used with: here the feedback is symmetric unless said otherwise, and traces can
    be filtered once more.

    The filter belongs to a leaky read-out, :math:`z_t = \kappa z_{t-1} + y_t`: if the errors :math:`e_t` are those of
    :math:`z_t`, the update with :math:`\kappa` is what the rule without it does to that longer chain, for every parameter,
    the read-out included. It is applied as its mirror image, a filter of the errors that runs backwards:
    :math:`\bar e_t = e_t + \kappa\, \bar e_{t+1}`. The network's own outputs do not leak; with :math:`\kappa > 0` the
    gradient of the read-out is therefore that of a read-out that does.

    Local: activity of the two cells, and the signal broadcast to the unit. Dropped: whatever reaches the
    loss through another unit; also a unit's effect on itself through its autapse, which :class:`SnAp1` keeps.

    Attributes:
        feedback: Through which matrix the errors reach the units.
        kappa: :math:`\kappa`, what the filter keeps in each step, at least 0 and below 1.

    Raises:
        ValueError: If the filter would not forget.

    References:
        A solution to the learning dilemma for recurrent networks of spiking neurons (Bellec et al., 2020)
        https://doi.org/10.1038/s41467-020-17236-y
    """

    feedback: AbstractFeedback = field(default_factory=Symmetric)
    kappa: float = 0.0

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        check_decay("kappa", self.kappa)

    @override
    def hop(self, network: CTRNN) -> Hop:
        return NoHop()

    @override
    def smoothed(self, output: Tensor) -> Tensor:
        return _Smoothed.apply(output, self.kappa) if self.kappa else output  # type: ignore[no-untyped-call]

    @override
    def adjoint(self, network: CTRNN, recording: Recording, memory: Mapping[str, Tensor]) -> Tensor:
        errors = _filtered_back(recording.errors, self.kappa)
        return super().adjoint(network, recording._replace(errors=errors), memory)


@dataclass(frozen=True)
class SnAp1(AbstractLocalRule):
    r"""Sparse one-step approximation: forward-mode learning that keeps the influence of a synapse on its own unit.

    .. math::
        \text{rate:}\quad \varepsilon_{ab}(t) &= \left[1-\alpha_a + \alpha_a\phi'(a_a(t))\,W_{aa}\right]\varepsilon_{ab}(t-1) + \alpha_a\,\phi'(a_a(t))\,r_b(t-1) \\
        \text{current:}\quad P_{ab}(t) &= \left[1-\alpha_a + \alpha_a W_{aa}\,\phi'(x_a(t-1))\right]P_{ab}(t-1) + \alpha_a r_b(t-1)

    This is :class:`RFLO` with the effect of a unit on itself through its autapse :math:`W_{aa}`; without autapses, as under Dale's law, the two are
    the same.

    Attributes:
        feedback: Through which matrix the errors reach the units.

    References:
        A practical sparse approximation for real time recurrent learning (Menick et al., 2021)
        https://arxiv.org/abs/2006.07232
    """

    feedback: AbstractFeedback = field(default_factory=Symmetric)

    @override
    def hop(self, network: CTRNN) -> Hop:
        return DiagonalHop()


@dataclass(frozen=True)
class FeedbackAlignment(AbstractLocalRule):
    r"""Recurrent feedback alignment: credit travels through time, but through a fixed random matrix.

    The recursion of back-propagation with :math:`V` in place of :math:`W_{rec}`,

    .. math:: q_t = B^\top e_t + V^\top A_{t+1}, \qquad V_{ij} = g\, \xi_{ij} / \sqrt{N}

    with standard normal :math:`\xi`; see :mod:`neurornn.kernels` for how :math:`q` becomes the credit :math:`A`. No weight is transported, but
    credit crosses synapses backwards in time, so the rule is not local. It separates what random weights cost from what locality costs.

    Attributes:
        feedback: Through which matrix the errors reach the units.
        gain: :math:`g`; 0 lets nothing through, and above about 1 credit may grow without bound over long trials.
        seed: Seed of the recurrent matrix.

    Raises:
        ValueError: If the gain is negative or not finite.

    References:
        Random synaptic feedback weights support error backpropagation for deep learning (Lillicrap et al., 2016)
        https://doi.org/10.1038/ncomms13276

        Local online learning in recurrent networks with random feedback (Murray, 2019), where it is the rule with random feedback
        and without locality https://doi.org/10.7554/eLife.43299
    """

    feedback: AbstractFeedback = field(default_factory=Random)
    gain: float = 1.0
    seed: int = 0

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("gain", self.gain)

    @override
    def hop(self, network: CTRNN) -> Hop:
        n = network.n_units
        V = torch.from_numpy(random_matrix(self.seed, "recurrent feedback", n, n))
        return FixedHop(V.to(next(network.parameters())) * (self.gain / math.sqrt(n)))


class _Smoothed(torch.autograd.Function):
    """The identity, whose gradient is filtered backwards in time."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, kappa: float) -> Tensor:  # noqa: ANN401
        ctx.kappa = kappa
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        return _filtered_back(gradients[0], ctx.kappa), None


def _filtered_back(errors: Tensor, kappa: float) -> Tensor:
    if kappa == 0:
        return errors
    last, sequence = torch.zeros_like(errors[:, 0]), []
    for error in reversed(errors.unbind(1)):
        last = error + kappa * last
        sequence.append(last)
    return torch.stack(sequence[::-1], 1)
