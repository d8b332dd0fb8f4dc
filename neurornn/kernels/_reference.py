"""The time loop in plain PyTorch: slow, differentiable by autograd, and the oracle of every faster one."""

__all__ = ["integrate", "run_reference", "run_segments"]

from dataclasses import replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from neurornn.activations import Activation
from neurornn.kernels._problem import Circuit, Credit, DiagonalHop, ExactHop, FixedHop, NoHop, Noise, Run


def integrate(
    state: Float[Tensor, "batch unit"],
    drive: Float[Tensor, "batch time unit"],
    W_rec: Float[Tensor, "unit unit"],
    alpha: Float[Tensor, "*unit"],
    *,
    activation: Activation,
    form: Literal["current", "rate"],
    kick: Float[Tensor, "batch time unit"] | None = None,
    credit: Credit = Credit(),
) -> Float[Tensor, "batch time unit"]:
    r"""Run a leaky network through time.

    .. math::
        \text{current:}\quad x_t &= (1-\alpha)\,x_{t-1} + \alpha\,(W \phi(x_{t-1}) + d_t) + k_t \\
        \text{rate:}\quad r_t &= (1-\alpha)\,r_{t-1} + \alpha\,\phi(W r_{t-1} + d_t) + k_t

    Args:
        state: State before the first step.
        drive: :math:`d_t`, everything that reaches the units but the recurrent input.
        W_rec: Effective recurrent matrix, rows postsynaptic.
        alpha: :math:`dt/\tau`, one number or one for each unit.
        activation: :math:`\phi`.
        form: Which of the two equations.
        kick: :math:`k_t`, noise added to the state, or None.
        credit: Through which matrix gradients go back in time.

    Returns:
        The state after every step.
    """
    states = []
    keep = 1 - alpha
    W = W_rec.t()
    back = _hop_matrix(W_rec, credit)
    steps = drive.unbind(1)
    kicks = None if kick is None else kick.unbind(1)
    for t, d in enumerate(steps):
        rate = activation(state) if form == "current" else state
        current = (
            torch.addmm(d, rate, W) if back is None else torch.addmm(d, rate.detach(), W) + _echo(rate, back)
        )
        state = keep * state + alpha * (current if form == "current" else activation(current))
        if kicks is not None:
            state = state + kicks[t]
        states.append(state)
    return torch.stack(states, 1)


def run_reference(
    circuit: Circuit,
    inputs: Tensor,
    start: Tensor,
    noise: Noise | None,
    credit: Credit = Credit(),
    *,
    costs: bool = False,
) -> Run:
    """A whole run: drive, loop, read-out.

    Args:
        circuit: The network.
        inputs: Inputs ``(batch, time, input)``.
        start: States before the first step ``(batch, unit)``.
        noise: Recurrent noise, or None.
        credit: How gradients are handed back.
        costs: Whether the sizes and squares of the rates are asked for.

    Returns:
        The run; every array is differentiable.
    """
    alpha = circuit.alpha
    drive = torch.nn.functional.linear(inputs, circuit.W_in, circuit.bias)
    kick = None
    if noise is not None:
        xi = noise.numbers(inputs.shape[0], inputs.shape[1], circuit.W_rec.shape[0], inputs)
        inside, outside = noise.scales(alpha, circuit.form)
        if circuit.form == "rate" and noise.place == "input":
            drive = drive + inside * xi
        else:
            kick = outside * xi
    state = integrate(
        start,
        drive,
        circuit.W_rec,
        alpha,
        activation=circuit.activation,
        form=circuit.form,
        kick=kick,
        credit=credit,
    )
    rate = circuit.activation(state) if circuit.form == "current" else state
    if credit.feedback is None:
        output = torch.nn.functional.linear(rate, circuit.W_out, circuit.bias_out)
    else:
        output = torch.nn.functional.linear(rate.detach(), circuit.W_out, circuit.bias_out) + _echo(
            rate, credit.feedback
        )
    sizes = (rate.abs().mean(-1), rate.square().mean(-1)) if costs else (None, None)
    return Run(output, state[:, -1], state, rate, *sizes)


def run_segments(
    circuit: Circuit,
    inputs: Tensor,
    start: Tensor,
    noise: Noise | None,
    credit: Credit = Credit(),
    *,
    every: int,
    costs: bool = False,
) -> Run:
    """A run that keeps only the states ``every`` so many steps and computes the rest again in the backward pass.

    Args:
        circuit: The network.
        inputs: Inputs ``(batch, time, input)``.
        start: States before the first step ``(batch, unit)``.
        noise: Recurrent noise, or None.
        credit: How gradients are handed back.
        every: Steps of a segment.
        costs: Whether the sizes and squares of the rates are asked for.

    Returns:
        The run, without states and rates.
    """

    def segment(state: Tensor, first: int, stop: int) -> tuple[Tensor | None, ...]:
        part = noise
        if noise is not None:
            values = None if noise.values is None else noise.values[:, first:stop]
            part = replace(noise, values=values, first_step=noise.first_step + first)
        run = run_reference(circuit, inputs[:, first:stop], state, part, credit, costs=costs)
        return run.final, run.output, run.mean_abs_rate, run.mean_square_rate

    state, parts = start, []
    for first in range(0, inputs.shape[1], every):
        stop = min(first + every, inputs.shape[1])
        state, *rest = checkpoint(segment, state, first, stop, use_reentrant=False, preserve_rng_state=False)
        parts.append(rest)
    output, *sizes = zip(*parts, strict=True)
    whole = [None if each[0] is None else torch.cat(each, 1) for each in sizes]
    return Run(torch.cat(output, 1), state, None, None, *whole)


def _hop_matrix(W_rec: Tensor, credit: Credit) -> Tensor | None:
    """The matrix credit goes back through, None for the weights themselves."""
    match credit.hop:
        case ExactHop():
            return None
        case NoHop():
            return torch.zeros_like(W_rec)
        case DiagonalHop():
            return W_rec.detach().diagonal().diag()
        case FixedHop(matrix):
            return matrix.detach()


def _echo(rate: Tensor, matrix: Tensor) -> Tensor:
    """Zero, with the gradient of ``matrix @ rate``."""
    return (rate - rate.detach()) @ matrix.t()
