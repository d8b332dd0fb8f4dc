"""Unbiased estimates of real-time recurrent learning from random signs."""

__all__ = ["UORO", "KroneckerRTRL", "ReverseKroneckerRTRL"]

import math
from dataclasses import dataclass
from typing import ClassVar, Final

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.kernels import normal_numbers
from neurornn.networks import CTRNN
from neurornn.random import derive_seed
from neurornn.rules._footprint import check_fits
from neurornn.rules._online import AbstractForwardRule
from neurornn.rules._steps import AbstractTraces, Setting, Step

_BLOCK: Final = 32  # steps whose signs are drawn at once


@dataclass(frozen=True)
class UORO(AbstractForwardRule):
    r"""Unbiased online recurrent optimisation: a rank-one estimate of the influence matrix.

    .. math::
        A_t = p_0 J_t A_{t-1} + p_1 \nu_t, \qquad
        B_t = \frac{B_{t-1}}{p_0} + \frac{\nu_t \odot I_t}{p_1}, \qquad
        \frac{\partial \ell_t}{\partial \theta_{ab}} \approx \Big(\frac{\partial \ell_t}{\partial s_t} \cdot A_t\Big) B_{t,ab}

    with fresh random signs :math:`\nu_t` for each unit, trial and step, so that :math:`E[A_i B_{ab}] = M_{i,ab}`, the
    influence that RTRL carries. The scales :math:`p_0 = \sqrt{\|B\|/\|JA\|}` and :math:`p_1 = \sqrt{\|I\|/\|\nu\|}` make the
    variance small and do not depend on the signs of their step.

    Dropped: nothing on average; the price is variance. Not local: the learning signal and the scales are sums over all units.
    A step costs :math:`O(B N (N + I))`, as does the memory.

    The signs are a function of the key that the generator gives, the trial, the step and the unit, and the noise of the network is
    that of every other rule with the same generator.

    Attributes:
        update_every: Steps between updates; None for one update after the trial.

    Raises:
        ValueError: If ``update_every`` is no positive number of steps, or there is no generator.
        MemoryError: If the estimates are larger than the memory of the machine.

    References:
        Unbiased online recurrent optimization (Tallec & Ollivier, 2017) https://arxiv.org/abs/1702.05043

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> task = tasks.make("perceptual-decision")
        >>> network = CTRNN(task.n_inputs, 8, task.n_outputs)
        >>> signs = torch.Generator().manual_seed(0)
        >>> loss = UORO().backward(network, task.sample(4, seed=0), generator=signs)
        >>> bool(network.bias.grad.any())
        True
    """

    _draws: ClassVar[bool] = True

    update_every: int | None = None

    @override
    def _traces(self, network: CTRNN, setting: Setting) -> AbstractTraces:
        return _RankOne(setting, "UORO")


@dataclass(frozen=True)
class KroneckerRTRL(AbstractForwardRule):
    r"""KF-RTRL: an estimate of the influence matrix as a Kronecker product of a row and a matrix.

    .. math::
        A_t = \nu_0 p_0 A_{t-1} + \nu_1 p_1 \hat r_t, \qquad
        B_t = \frac{\nu_0 J_t B_{t-1}}{p_0} + \frac{\nu_1\, \mathrm{diag}(h_t)}{p_1}, \qquad
        M_{i,ab} \approx B_{ia} A_b

    with two random signs for each trial and step, :math:`\hat r_t = [r_{t-1}, u_t, 1]` and :math:`h_t` the slope of the
    update. Scales :math:`p_0 = \sqrt{\|JB\|/\|A\|}`, :math:`p_1 = \sqrt{\|h\|/\|\hat r\|}`. Learned time constants and a trained initial
    state do not have this form; their influence, one column for each unit, is carried exactly at the same cost.

    Unbiased, with less variance than :class:`UORO`. Not local. A step costs :math:`O(B N^3)`, the memory is
    :math:`O(B N^2)`. Signs are drawn as in :class:`UORO`.

    Attributes:
        update_every: Steps between updates; None for one update after the trial.

    Raises:
        ValueError: If ``update_every`` is no positive number of steps, or there is no generator.
        MemoryError: If the estimates are larger than the memory of the machine.

    References:
        Approximating real-time recurrent learning with random Kronecker factors (Mujika, Meier & Steger, 2018)
        https://arxiv.org/abs/1805.10842

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> task = tasks.make("perceptual-decision")
        >>> network = CTRNN(task.n_inputs, 8, task.n_outputs)
        >>> signs = torch.Generator().manual_seed(0)
        >>> loss = KroneckerRTRL().backward(network, task.sample(4, seed=0), generator=signs)
        >>> bool(network.bias.grad.any())
        True
    """

    _draws: ClassVar[bool] = True

    update_every: int | None = None

    @override
    def _traces(self, network: CTRNN, setting: Setting) -> AbstractTraces:
        return _Kronecker(setting)


@dataclass(frozen=True)
class ReverseKroneckerRTRL(AbstractForwardRule):
    r"""r-KF-RTRL: the Kronecker product the other way round, a number for each unit and a matrix.

    .. math::
        A_t = p_0 A_{t-1} + p_1 \nu_t, \qquad
        B_t = \frac{J_t B_{t-1}}{p_0} + \frac{\nu_t \odot I_t}{p_1}, \qquad
        M_{i,ab} \approx A_a B_{ib}

    with a random sign :math:`\nu_t` for each unit, trial and step. Scales :math:`p_0 = \sqrt{\|JB\|/\|A\|}`,
    :math:`p_1 = \sqrt{\|I\|/\|\nu\|}`.

    Unbiased. Not local. A step costs :math:`O(B N^2 (N + I))`, the memory is :math:`O(B N (N + I))`. Signs are drawn as in
    :class:`UORO`.

    Attributes:
        update_every: Steps between updates; None for one update after the trial.

    Raises:
        ValueError: If ``update_every`` is no positive number of steps, or there is no generator.
        MemoryError: If the estimates are larger than the memory of the machine.

    References:
        A unified framework of online learning algorithms for training recurrent neural networks
        (Marschall, Cho & Savin, 2020) https://arxiv.org/abs/1907.02649

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> task = tasks.make("perceptual-decision")
        >>> network = CTRNN(task.n_inputs, 8, task.n_outputs)
        >>> signs = torch.Generator().manual_seed(0)
        >>> loss = ReverseKroneckerRTRL().backward(network, task.sample(4, seed=0), generator=signs)
        >>> bool(network.bias.grad.any())
        True
    """

    _draws: ClassVar[bool] = True

    update_every: int | None = None

    @override
    def _traces(self, network: CTRNN, setting: Setting) -> AbstractTraces:
        return _ReverseKronecker(setting, "ReverseKroneckerRTRL")


class _Signs:
    """Random signs, each a function of key, trial, step and place."""

    def __init__(self, setting: Setting, purpose: str, width: int) -> None:
        self.key = derive_seed(setting.key or 0, "signs", purpose)
        self.like, self.shape = setting.state, (setting.n_trials, width)
        self.first, self.block = -_BLOCK, setting.state

    def at(self, t: int) -> Float[Tensor, "batch place"]:
        """Signs of a step."""
        if not 0 <= t - self.first < _BLOCK:
            self.first = t - t % _BLOCK
            n_trials, width = self.shape
            numbers = normal_numbers(self.key, n_trials, _BLOCK, width, self.like, self.first)
            self.block = torch.where(numbers < 0, -1.0, 1.0).to(self.like)
        return self.block[:, t - self.first]


class _SignedUnits(AbstractTraces):
    """Traces with a random sign for each unit and step: a number for each unit, and a matrix."""

    def __init__(self, setting: Setting, name: str) -> None:
        _check_fits(name, setting, setting.columns.total)
        self.signs = _Signs(setting, "step", setting.columns.n_units)
        self.A = _Signs(setting, "start", setting.columns.n_units).at(0)
        self.B = setting.first_traces(self.A)


class _RankOne(_SignedUnits):
    @override
    def advance(self, step: Step) -> Tensor:
        nu, local, pushed = self.signs.at(step.t), step.local, step.push(self.A)
        p0 = _scale(_norm(self.B), _norm(pushed))
        p1 = _scale(_norm(local), math.sqrt(local.shape[1]))
        self.A = p0[:, None] * pushed + p1[:, None] * nu
        self.B = self.B / p0[:, None, None] + (nu / p1[:, None])[:, :, None] * local
        return torch.einsum("b,bap->ap", (step.signal * self.A).sum(1), self.B)


class _Kronecker(AbstractTraces):
    def __init__(self, setting: Setting) -> None:
        columns = setting.columns
        own = columns.total - columns.synaptic
        _check_fits("KroneckerRTRL", setting, columns.n_units * (1 + own))
        self.signs = _Signs(setting, "step", 2)
        self.A = setting.zeros(columns.synaptic)
        self.B = setting.zeros(columns.n_units, columns.n_units)
        self.own = setting.zeros(columns.n_units, columns.n_units, own)
        if columns.start:
            self.own[..., -1].diagonal(dim1=1, dim2=2).fill_(1.0)

    @override
    def advance(self, step: Step) -> Tensor:
        keep, fresh = self.signs.at(step.t).unbind(1)
        J = step.jacobian
        pushed = J @ self.B
        p0 = _scale(_norm(pushed), _norm(self.A))
        p1 = _scale(_norm(step.gain), _norm(step.presynaptic))
        self.A = (keep * p0)[:, None] * self.A + (fresh * p1)[:, None] * step.presynaptic
        self.B = (keep / p0)[:, None, None] * pushed
        self.B.diagonal(dim1=1, dim2=2).add_((fresh / p1)[:, None] * step.gain)
        gradient = torch.einsum("bi,bia->ba", step.signal, self.B).t() @ self.A
        if self.own.shape[-1] == 0:
            return gradient
        self.own = (J @ self.own.flatten(2)).view_as(self.own)
        if step.pace is not None:
            self.own[..., 0].diagonal(dim1=1, dim2=2).add_(step.pace)
        return torch.cat([gradient, torch.einsum("bi,biap->ap", step.signal, self.own)], 1)


class _ReverseKronecker(_SignedUnits):
    @override
    def advance(self, step: Step) -> Tensor:
        nu, local = self.signs.at(step.t), step.local
        pushed = step.jacobian @ self.B
        p0 = _scale(_norm(pushed), _norm(self.A))
        p1 = _scale(_norm(local), math.sqrt(local.shape[1]))
        self.A = p0[:, None] * self.A + p1[:, None] * nu
        self.B = pushed / p0[:, None, None] + (nu / p1[:, None])[:, :, None] * local
        return self.A.t() @ torch.einsum("bi,bip->bp", step.signal, self.B)


def _norm(value: Tensor) -> Float[Tensor, " batch"]:
    return value.flatten(1).norm(dim=1)


def _scale(large: Tensor, small: Tensor | float) -> Float[Tensor, " batch"]:
    """Square root of a ratio, and 1 where it says nothing."""
    ratio = (large / small).sqrt()
    return torch.where(ratio.isfinite() & (ratio > 0), ratio, torch.ones_like(ratio))


def _check_fits(name: str, setting: Setting, width: int) -> None:
    check_fits(
        f"The estimates of {name}",
        (setting.n_trials, setting.columns.n_units, width),
        setting.state,
        copies=3,
        advice="Use fewer trials in a batch or fewer units.",
    )
