"""What the time loop is asked to do, in terms that every implementation of it shares."""

__all__ = [
    "Circuit",
    "Credit",
    "DiagonalHop",
    "ExactHop",
    "FixedHop",
    "Hop",
    "NoHop",
    "Noise",
    "Request",
    "Run",
    "run_of",
]

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, cast

import torch
from jaxtyping import Float
from torch import Tensor

from neurornn.activations import Activation
from neurornn.kernels._numbers import normal_numbers


class Circuit(NamedTuple):
    """A leaky network as the time loop sees it: effective weights and nothing about where they come from.

    Attributes:
        W_rec: Recurrent matrix ``(post, pre)``.
        W_in: Input matrix ``(unit, input)``.
        bias: Bias of the units, or None.
        W_out: Read-out matrix ``(output, unit)``.
        bias_out: Bias of the outputs, or None.
        alpha: ``dt / tau``, one number or one for each unit.
        activation: Transfer function.
        form: ``"current"`` or ``"rate"``.
    """

    W_rec: Tensor
    W_in: Tensor
    bias: Tensor | None
    W_out: Tensor
    bias_out: Tensor | None
    alpha: Tensor
    activation: Activation
    form: Literal["current", "rate"]


@dataclass(frozen=True, eq=False)
class Noise:
    r"""Recurrent noise of a run: :math:`\sqrt{2/\alpha}\,\sigma\,\xi` with the input or :math:`\sqrt{2\alpha}\,\sigma\,\xi` on the state.

    Attributes:
        sigma: :math:`\sigma`.
        place: ``"input"`` or ``"state"``.
        key: Key of the normal numbers, which are then drawn where they are used; None if they are given.
        values: The normal numbers ``(batch, time, unit)``, if they are given.
        first_step: Number of the first step of the run; a run cut in pieces sees the noise of the whole.
    """

    sigma: float
    place: Literal["input", "state"]
    key: int | None = None
    values: Tensor | None = None
    first_step: int = 0

    def scales(self, alpha: Tensor, form: Literal["current", "rate"]) -> tuple[Tensor, Tensor]:
        """Factors of the normal numbers inside the activation and on the state.

        In current form noise with the input is noise on the state.

        Args:
            alpha: ``dt / tau``.
            form: Form of the network.

        Returns:
            Two tensors of the shape of ``alpha``.
        """
        if form == "rate" and self.place == "input":
            return self.sigma * torch.sqrt(2 / alpha), torch.zeros_like(alpha)
        return torch.zeros_like(alpha), self.sigma * torch.sqrt(2 * alpha)

    def numbers(
        self, n_trials: int, n_steps: int, n_units: int, like: Tensor
    ) -> Float[Tensor, "batch time unit"]:
        """The normal numbers themselves.

        Args:
            n_trials: Number of trials.
            n_steps: Number of steps.
            n_units: Number of units.
            like: A tensor of the wanted type and device.

        Returns:
            The numbers.
        """
        if self.values is not None:
            return self.values
        return normal_numbers(self.key or 0, n_trials, n_steps, n_units, like, self.first_step)


@dataclass(frozen=True)
class ExactHop:
    r"""Credit travels one synapse back exactly: :math:`H(m) = W^\top(\ldots)`, back-propagation through time."""


@dataclass(frozen=True)
class NoHop:
    """No credit travels through recurrent synapses: each unit keeps its own, as in RFLO and e-prop."""


@dataclass(frozen=True, eq=False)
class FixedHop:
    """Credit travels back through another matrix, as in recurrent feedback alignment.

    Attributes:
        matrix: ``(post, pre)``, in place of the recurrent matrix.
    """

    matrix: Tensor


@dataclass(frozen=True)
class DiagonalHop:
    """Credit travels back through the autapses alone, as in SnAp-1."""


Hop = ExactHop | NoHop | FixedHop | DiagonalHop


@dataclass(frozen=True, eq=False)
class Credit:
    r"""How the backward recursion :math:`m_t = S_t + F_{t+1} \odot m_{t+1} + H(m_{t+1})` hands credit back.

    Attributes:
        hop: :math:`H`.
        feedback: Matrix ``(output, unit)`` that carries output errors into :math:`S`; None is the read-out matrix.
    """

    hop: Hop = ExactHop()
    feedback: Tensor | None = None

    @property
    def exact(self) -> bool:
        """Whether this is the gradient, and no approximation of it."""
        return isinstance(self.hop, ExactHop) and self.feedback is None


@dataclass(frozen=True, eq=False)
class Request:
    """What a run is asked to do, and with which network.

    Attributes:
        circuit: The network.
        noise: Recurrent noise, or None.
        credit: How gradients are handed back.
        record: Whether states and rates are wanted.
        costs: Whether the sizes and squares of the rates are.
        checkpoint_every: Keep no activity for the backward pass but the states so many steps apart, and compute the rest again.
        watched: Whether autograd is watching.
    """

    circuit: Circuit
    noise: Noise | None
    credit: Credit = Credit()
    record: bool = True
    costs: bool = False
    checkpoint_every: int | None = None
    watched: bool = field(default_factory=torch.is_grad_enabled)

    def tensors(self, inputs: Tensor, start: Tensor) -> tuple[Tensor | None, ...]:
        """All that a run can be differentiated by.

        Args:
            inputs: Inputs ``(batch, time, input)``.
            start: States before the first step ``(batch, unit)``.

        Returns:
            ``W_rec, W_in, bias, W_out, bias_out, alpha, inputs, start``, with one ``alpha`` for each unit.
        """
        W_rec, W_in, bias, W_out, bias_out, alpha, *_ = self.circuit
        return W_rec, W_in, bias, W_out, bias_out, alpha.expand(W_rec.shape[0]), inputs, start


class Run(NamedTuple):
    """What the time loop gives.

    Attributes:
        output: Read-out, ``(batch, time, output)``.
        final: State after the last step, ``(batch, unit)``.
        state: States, ``(batch, time, unit)``; None unless recorded.
        rate: Rates, ``(batch, time, unit)``; None unless recorded.
        mean_abs_rate: Mean size of the rates in each step, ``(batch, time)``; None unless asked for.
        mean_square_rate: Mean square of the rates in each step, ``(batch, time)``; None unless asked for.
    """

    output: Tensor
    final: Tensor
    state: Tensor | None
    rate: Tensor | None
    mean_abs_rate: Tensor | None
    mean_square_rate: Tensor | None


def run_of(results: Sequence[Tensor | None]) -> Run:
    """A run from what a node of the autograd graph gives.

    Args:
        results: Output, final state, states, rates unless they are the states, and the means of sizes and squares of the
            rates, stacked last.

    Returns:
        The run.
    """
    output, final, state, rate, mean = results
    sizes = (None, None) if mean is None else mean.unbind(-1)
    return Run(cast(Tensor, output), cast(Tensor, final), state, state if rate is None else rate, *sizes)
