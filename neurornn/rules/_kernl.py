"""Kernel RNN learning: how a perturbation spreads is learned from perturbations."""

__all__ = ["KeRNL"]

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from typing_extensions import override

from neurornn.kernels import integrate, normal_numbers
from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.random import derive_seed
from neurornn.rules._footprint import check_fits
from neurornn.rules._online import AbstractForwardRule
from neurornn.rules._steps import AbstractTraces, Setting, Step


@dataclass(frozen=True)
class KeRNL(AbstractForwardRule):
    r"""Kernel RNN learning: sensitivities and time scales in place of the propagation of influence.

    The influence of unit :math:`a` on unit :math:`i` after :math:`k` steps is taken to be :math:`A_{ia} (1 - \gamma_a)^k`:

    .. math::
        P_{ab}(t) = (1 - \gamma_a) P_{ab}(t-1) + I_{ab}(t), \qquad
        \Delta\theta_{ab} = \sum_t \Big(\sum_i \frac{\partial \ell_t}{\partial s_i} A_{ia}\Big) P_{ab}(t)

    with the immediate influence :math:`I`. The sensitivities :math:`A` and decays :math:`\gamma` are learned beside the weights from
    a twin of the network that sees the same inputs and noise and whose states are kicked by :math:`\sigma \zeta_t` in each step:

    .. math::
        \Omega(t) = (1 - \gamma) \odot \Omega(t-1) + \zeta_t, \qquad
        \text{error} = A\,\Omega - \frac{\tilde s - s}{\sigma}

    by gradient descent on the squared error, each step divided by the mean squared length of its regressors so that
    rates below 2 are stable whatever the size of the network. At first :math:`A` is the identity and :math:`\gamma = \alpha`: the rule
    starts as RFLO with symmetric feedback.

    Local but for the feedback, which runs through :math:`A` and the read-out. Dropped: paths whose time course is no
    exponential of the sending unit. A step costs :math:`O(B N (N + I))`, as does the memory. :math:`A` and :math:`\gamma` are kept
    in the memory of the rule; the perturbations follow from the key that the generator gives.

    Attributes:
        rate: Learning rate of :math:`A` and :math:`\gamma`; 0 leaves them as they are.
        sigma: Size of the perturbations, in units of the state.
        update_every: Steps between updates; None for one update after the trial.

    Raises:
        ValueError: If ``update_every`` is no positive number of steps, the rate is not in [0, 2), sigma is not positive, or there is no
            generator.
        MemoryError: If the traces are larger than the memory of the machine.

    References:
        Kernel RNN learning (KeRNL) (Roth, Kanitscheider & Fiete, 2019), as laid out in: A unified framework of online learning
        algorithms for training recurrent neural networks (Marschall, Cho & Savin, 2020)
        https://arxiv.org/abs/1907.02649

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> task, rule = tasks.make("perceptual-decision"), KeRNL()
        >>> network = CTRNN(task.n_inputs, 8, task.n_outputs)
        >>> loss = rule.backward(network, task.sample(4, seed=0), generator=torch.Generator().manual_seed(0))
        >>> {name: tuple(value.shape) for name, value in rule.memory(network).items()}
        {'kernel': (8, 8), 'decay': (8,)}
    """

    _draws: ClassVar[bool] = True

    rate: float = 0.1
    sigma: float = 1e-3
    update_every: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.rate < 2:
            raise ValueError(f"The learning rate of the kernel must lie in [0, 2): got {self.rate}.")
        if not 0 < self.sigma < math.inf:
            raise ValueError(
                f"The twin network needs perturbations of a size sigma above 0: got {self.sigma}."
            )

    @override
    def initial_memory(self, network: AbstractNetwork) -> dict[str, Tensor]:
        if not isinstance(network, CTRNN):
            return {}
        with torch.no_grad():
            like = network.W_rec
            return {
                "kernel": torch.eye(network.n_units, dtype=like.dtype, device=like.device),
                "decay": network.alpha.detach().expand(network.n_units).clone(),
            }

    @override
    def _traces(self, network: CTRNN, setting: Setting) -> AbstractTraces:
        return _Kernel(self, setting, self.memory(network))


class _Kernel(AbstractTraces):
    def __init__(self, rule: KeRNL, setting: Setting, memory: Mapping[str, Tensor]) -> None:
        n = setting.columns.n_units
        check_fits(
            "The traces of KeRNL",
            (setting.n_trials, n, setting.columns.total),
            setting.state,
            copies=2,
            advice="Use fewer trials in a batch or fewer units.",
        )
        self.rule, self.A, self.decay = rule, memory["kernel"], memory["decay"]
        self.key = derive_seed(setting.key or 0, "twin")
        self.traces = setting.first_traces()
        self.twin, self.filtered, self.slope = setting.state, setting.zeros(n), setting.zeros(n)

    @override
    def advance(self, step: Step) -> Tensor:
        keep = 1 - self.decay
        self.traces.mul_(keep[:, None]).add_(step.local)
        gradient = torch.einsum("ba,bap->ap", step.signal @ self.A, self.traces)
        if self.rule.rate:
            self._learn(step, keep)
        return gradient

    def _learn(self, step: Step, keep: Tensor) -> None:
        """Compare the twin with what the kernel predicts of it."""
        zeta = normal_numbers(self.key, len(self.twin), 1, self.twin.shape[1], self.twin, step.t)[:, 0]
        kick = self.rule.sigma * zeta
        self.twin = integrate(
            self.twin,
            step.drive[:, None],
            step.circuit.W_rec,
            step.circuit.alpha,
            activation=step.circuit.activation,
            form=step.circuit.form,
            kick=(kick if step.kick is None else kick + step.kick)[:, None],
        )[:, 0]
        self.slope = keep * self.slope - self.filtered
        self.filtered = keep * self.filtered + zeta
        predicted = self.filtered @ self.A.t()
        error = step.valid[:, None] * (predicted - (self.twin - step.state) / self.rule.sigma)
        sensitivity = self.A.square().sum(0)
        length = (step.valid[:, None] * (self.filtered**2 + sensitivity * self.slope**2)).sum()
        if length > 0:
            towards = ((error @ self.A) * self.slope).sum(0)
            self.A.sub_(self.rule.rate / length * (error.t() @ self.filtered))
            self.decay.sub_(self.rule.rate / length * towards)
            self.decay.clamp_(0, 1)
