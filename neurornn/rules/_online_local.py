r"""RFLO and e-prop as they were meant: a trace at each synapse and a broadcast error, while the trial goes on."""

__all__ = ["OnlineEProp", "OnlineRFLO"]

from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import torch
from torch import Tensor
from typing_extensions import override

from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.rules._checks import check_decay
from neurornn.rules._feedback import AbstractFeedback, Random, Symmetric
from neurornn.rules._footprint import check_fits
from neurornn.rules._online import AbstractForwardRule
from neurornn.rules._steps import AbstractTraces, Setting, Step


class AbstractOnlineLocalRule(AbstractForwardRule):
    """A trace that decays with the leak of the postsynaptic unit, times a broadcast error.

    Attributes:
        feedback: Weights through which the errors reach the units.
    """

    feedback: AbstractFeedback

    @property
    def output_leak(self) -> float:
        """What a read-out that integrates keeps of its value in a step."""
        return 0.0

    @override
    def initial_memory(self, network: AbstractNetwork) -> dict[str, Tensor]:
        return self.feedback.initial_memory(network) if isinstance(network, CTRNN) else {}

    @override
    def _learning(self, network: CTRNN) -> AbstractContextManager[None]:
        return self.feedback.learning(network, self.memory(network))

    @override
    def _traces(self, network: CTRNN, setting: Setting) -> AbstractTraces:
        shared = setting.circuit.form == "current" and setting.circuit.alpha.ndim == 0
        return (_SharedTrace if shared else _SynapseTraces)(setting, self, network)


@dataclass(frozen=True)
class OnlineRFLO(AbstractOnlineLocalRule):
    r"""Random feedback local online learning, forward in time.

    .. math::
        p_{ab}(t) = (1 - \alpha_a)\, p_{ab}(t-1) + I_{ab}(t), \qquad
        \Delta\theta_{ab} = \sum_t d_a(t)\, L_a(t)\, p_{ab}(t), \qquad L(t) = B^\top e_t

    where :math:`I` is the immediate influence (:math:`\alpha_a r_b` in current form, :math:`\alpha_a \phi'(a_a) r_b` in rate
    form), :math:`e_t` is the derivative of the loss with respect to the outputs, :math:`B` the feedback and :math:`d` the slope
    of the rate (1 in rate form). A synapse needs its presynaptic rate, the potential of its unit and one error.
    Dropped: everything that reaches a unit through recurrent synapses.

    With weights that rest during a trial the sum is that of the filter in reverse time, :class:`~neurornn.rules.RFLO`; here the weights may
    move within the trial. In current form with one time constant for all units the trace has no postsynaptic index,
    :math:`p_{ab} = p_b`: the rule carries ``batch x units`` numbers. Otherwise it carries one for each trial and synapse.

    Attributes:
        feedback: Weights :math:`B` through which the errors reach the units.
        update_every: Steps between updates; None for one update after the trial.

    Raises:
        ValueError: If ``update_every`` is no positive number of steps.
        MemoryError: If the traces are larger than the memory of the machine.

    References:
        Local online learning in recurrent networks with random feedback (Murray, 2019)
        https://doi.org/10.7554/eLife.43299

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> task = tasks.make("perceptual-decision")
        >>> network = CTRNN(task.n_inputs, 8, task.n_outputs)
        >>> optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
        >>> n_updates = 0
        >>> for loss in OnlineRFLO(update_every=10).parts(network, task.sample(4, seed=0)):
        ...     optimizer.step()
        ...     optimizer.zero_grad()
        ...     n_updates += 1
        >>> n_updates == -(-task.sample(4, seed=0).n_steps // 10)
        True
    """

    feedback: AbstractFeedback = field(default_factory=Random)
    update_every: int | None = None


@dataclass(frozen=True)
class OnlineEProp(AbstractOnlineLocalRule):
    r"""Eligibility propagation, forward in time.

    .. math::
        e_{ab}(t) = d_a(t)\, p_{ab}(t), \qquad \bar e_{ab}(t) = \kappa\, \bar e_{ab}(t-1) + e_{ab}(t), \qquad
        \Delta\theta_{ab} = \sum_t L_a(t)\, \bar e_{ab}(t)

    with the traces :math:`p` of :class:`OnlineRFLO`: for a leaky rate unit, whose recurrence runs through its visible
    rate, the two rules differ in the filter :math:`\kappa` alone. It belongs to a read-out that leaks,
    :math:`z_t = \kappa z_{t-1} + y_t`; the read-out is trained as if it did. Penalties on rates do not pass through the
    read-out and meet the trace without the filter. With :math:`\kappa = 0` in current form with one time constant the rule carries
    ``batch x units`` numbers, otherwise one or two for each trial and synapse. The sum over a trial is that of
    :class:`~neurornn.rules.EProp`.

    Attributes:
        feedback: Weights :math:`B` through which the errors reach the units.
        kappa: Decay of the read-out in a step, from 0 up to 1.
        update_every: Steps between updates; None for one update after the trial.

    Raises:
        ValueError: If ``update_every`` is no positive number of steps, or kappa is not in [0, 1).
        MemoryError: If the traces are larger than the memory of the machine.

    References:
        A solution to the learning dilemma for recurrent networks of spiking neurons (Bellec et al., 2020)
        https://doi.org/10.1038/s41467-020-17236-y

    Examples:
        >>> from neurornn import CTRNN, rules, tasks
        >>> task = tasks.make("perceptual-decision")
        >>> network = CTRNN(task.n_inputs, 8, task.n_outputs, dtype=torch.float64)
        >>> found = []
        >>> for rule in (OnlineEProp(kappa=0.5), rules.EProp(kappa=0.5)):
        ...     network.zero_grad()
        ...     loss = rule.backward(network, task.sample(4, seed=0))
        ...     found.append(network.bias.grad.clone())
        >>> torch.allclose(*found)
        True
    """

    feedback: AbstractFeedback = field(default_factory=Symmetric)
    kappa: float = 0.0
    update_every: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_decay("kappa", self.kappa)

    @property
    @override
    def output_leak(self) -> float:
        return self.kappa


class _AbstractLocalTraces(AbstractTraces):
    """What both kinds of traces do with the errors."""

    def __init__(self, setting: Setting, rule: AbstractOnlineLocalRule, network: CTRNN) -> None:
        self.feedback, self.network, self.memory = rule.feedback, network, rule.memory(network)
        self.leak = rule.output_leak
        n_units, n_columns = setting.columns.n_units, setting.columns.total
        self.filtered = (
            setting.zeros(n_units, n_columns) if self.leak else None
        )  # what a leaky read-out has seen
        self.seen, self.ones = setting.zeros(n_units), setting.state.new_zeros(())
        self.circuit, self.B = setting.circuit, setting.circuit.W_out

    def signal(self, step: Step) -> Tensor:
        """What the errors tell each unit, through the feedback as it is now."""
        if step.circuit is not self.circuit:  # the weights may have moved
            B = self.feedback.matrix(self.network, self.memory)
            self.circuit, self.B = step.circuit, step.circuit.W_out if B is None else B
        return step.error @ self.B

    @override
    def read_out(self, step: Step) -> tuple[Tensor, Tensor]:
        self.seen, self.ones = self.leak * self.seen + step.rate, self.leak * self.ones + 1
        return step.error.t() @ self.seen, step.error.sum(0) * self.ones


class _SharedTrace(_AbstractLocalTraces):
    """One trace for each presynaptic value, where all units forget alike."""

    def __init__(self, setting: Setting, rule: AbstractOnlineLocalRule, network: CTRNN) -> None:
        super().__init__(setting, rule, network)
        self.trace = setting.zeros(setting.columns.total)
        if setting.columns.start:
            self.trace[:, -1] = 1.0

    @override
    def advance(self, step: Step) -> Tensor:
        self.trace *= step.keep
        self.trace[:, : step.columns.synaptic] += step.circuit.alpha * step.presynaptic
        L = self.signal(step)
        if self.filtered is None:
            return (step.slope * (L + step.direct)).t() @ self.trace
        self.filtered.mul_(self.leak).add_(step.slope[:, :, None] * self.trace[:, None, :])
        return _taught(L, self.filtered) + (step.slope * step.direct).t() @ self.trace


class _SynapseTraces(_AbstractLocalTraces):
    """One trace for each synapse."""

    def __init__(self, setting: Setting, rule: AbstractOnlineLocalRule, network: CTRNN) -> None:
        check_fits(
            f"The traces of {type(rule).__name__}",
            (setting.n_trials, setting.columns.n_units, setting.columns.total),
            setting.state,
            copies=3,
            advice="Use fewer trials in a batch, or the filter in reverse time, which needs no traces.",
        )
        super().__init__(setting, rule, network)
        self.traces = setting.first_traces()

    @override
    def advance(self, step: Step) -> Tensor:
        keep = step.keep.expand(step.columns.n_units)
        self.traces.mul_(keep[:, None]).add_(step.local)
        L = self.signal(step)
        if self.filtered is None:
            return _taught(step.slope * (L + step.direct), self.traces)
        self.filtered.mul_(self.leak).add_(step.slope[:, :, None] * self.traces)
        return _taught(L, self.filtered) + _taught(step.slope * step.direct, self.traces)


def _taught(signal: Tensor, traces: Tensor) -> Tensor:
    """Signal of each unit times its traces, summed over trials."""
    return torch.einsum("ba,bap->ap", signal, traces)
