"""A leaky network step by step, with interventions in its equations."""

__all__ = ["run_leaky"]

import torch
from torch import Tensor

from neurornn import kernels
from neurornn.analysis.interventions._base import Action, Equations, clamped, pushed
from neurornn.analysis.interventions._variants import Variants
from neurornn.networks import CTRNN
from neurornn.networks._trajectory import Trajectory

_STRETCH = 128  # steps whose noise is in memory at a time


def run_leaky(network: CTRNN, inputs: Tensor, key: int, actions: list[Action]) -> Trajectory:
    """Run trials of a leaky network.

    Args:
        network: The network.
        inputs: Inputs, ``(batch, time, input)``.
        key: Key of the noise.
        actions: What is done to it.

    Returns:
        What it did.
    """
    n_trials, n_steps, _ = inputs.shape
    plain = Equations(network.circuit(), network.sigma_rec)
    equations = Variants(
        plain, [(each.active, each.change) for each in actions if each.change is not None], inputs.device
    )
    noisy = any(each.sigma > 0 for each in equations.all())
    state = network.initial_state(n_trials).clone()
    state = clamped(actions, 0, state, None)
    state, rate = _silenced(actions, 0, state, network)
    states, rates = (inputs.new_empty(n_trials, n_steps, network.n_units) for _ in range(2))
    outputs = inputs.new_empty(n_trials, n_steps, network.n_outputs)
    for k in range(n_steps):
        if k % _STRETCH == 0 and noisy:
            size = min(_STRETCH, n_steps - k)
            noise = kernels.normal_numbers(key, n_trials, size, network.n_units, inputs, k)
        xi = noise[:, k % _STRETCH] if noisy else None
        extra = _current(actions, k)
        before = state
        for rows, each in equations.at(k):
            after = _advance(network, each, before, rate, inputs[:, k], extra, xi)
            state = after if rows is None else torch.where(rows[:, None], after, state)
        state = clamped(actions, k, pushed(actions, k, state, network.dt), before)
        state, rate = _silenced(actions, k, state, network)
        for rows, each in equations.at(k):
            read = torch.nn.functional.linear(rate, each.circuit.W_out, each.circuit.bias_out)
            outputs[:, k] = read if rows is None else torch.where(rows[:, None], read, outputs[:, k])
        states[:, k], rates[:, k] = state, rate
    return Trajectory(states, rates, outputs, state)


def _advance(
    network: CTRNN,
    equations: Equations,
    state: Tensor,
    rate: Tensor,
    input: Tensor,
    extra: Tensor | None,
    xi: Tensor | None,
) -> Tensor:
    circuit = equations.circuit
    alpha, linear = circuit.alpha, torch.nn.functional.linear
    drive = linear(rate, circuit.W_rec) + linear(input, circuit.W_in, circuit.bias)
    if extra is not None:
        drive = drive + extra
    kick: Tensor | float = 0.0
    if xi is not None:
        inside, outside = kernels.Noise(equations.sigma, network.noise).scales(alpha, circuit.form)
        drive, kick = drive + inside * xi, outside * xi
    target = drive if circuit.form == "current" else circuit.activation(drive)
    return (1 - alpha) * state + alpha * target + kick


def _current(actions: list[Action], k: int) -> Tensor | None:
    parts = [each.active[:, k, None] * each.current for each in actions if each.current is not None]
    return torch.stack(parts).sum(0) if parts else None


def _silenced(actions: list[Action], k: int, state: Tensor, network: CTRNN) -> tuple[Tensor, Tensor]:
    rate = network.rate(state)
    for each in actions:
        if each.silent is not None:
            rate = rate.masked_fill(each.active[:, k, None] & each.silent, 0.0)
    return (rate, rate) if network.form == "rate" else (state, rate)
