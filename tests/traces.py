"""Learning rules as they are told: traces that run forward in time, one for each pair of cells, in plain loops."""

from types import SimpleNamespace

import torch

from neurornn import CTRNN, Objective
from neurornn.networks import Trajectory

PLAIN = Objective()
PARAMETERS = {
    "recurrent.raw": "W_rec",
    "input.raw": "W_in",
    "readout.raw": "W_out",
    "time_constant.raw": "alpha",
}


def roll_out(network, trials, objective, seed=0):
    """What a network does, step by step, and what the loss says about outputs and rates."""
    n_trials, n_steps = trials.n_trials, trials.n_steps
    xi = network.draw_noise(n_trials, n_steps, torch.Generator().manual_seed(seed))
    W, U, phi, slope = (
        network.W_rec.detach(),
        network.W_in.detach(),
        network.activation,
        network.activation.derivative,
    )
    alpha = network.alpha.detach().expand(network.n_units)
    b = torch.zeros(network.n_units).double() if network.bias is None else network.bias.detach()
    current, sigma = network.form == "current", network.sigma_rec
    states, immediate_alpha, slopes = [network.initial_state(n_trials).detach()], [], []
    for t in range(n_steps):
        x = states[-1]
        noise = torch.zeros_like(x) if xi is None else xi[:, t]
        a = (phi(x) if current else x) @ W.T + trials.inputs[:, t] @ U.T + b
        kick = sigma * (2 * alpha).sqrt() * noise
        if not current and network.noise == "input":
            inside, kick = sigma * (2 / alpha).sqrt() * noise, torch.zeros_like(x)
            a = a + inside
        moved = a if current else phi(a)
        states.append((1 - alpha) * x + alpha * moved + kick)
        at_alpha = moved - x + kick / (2 * alpha)
        if not current and network.noise == "input":
            at_alpha = at_alpha - slope(a) * inside / 2
        immediate_alpha.append(at_alpha)
        slopes.append(slope(a))
    state = torch.stack(states, 1)
    rate = phi(state) if current else state
    leaf = rate[:, 1:].clone().requires_grad_()
    output = network.read_out(leaf.detach()).detach().requires_grad_()
    loss = objective.of_steps(trials, Trajectory(state[:, 1:], leaf, output, state[:, -1]))
    e, direct = torch.autograd.grad(loss, [output, leaf], allow_unused=True)
    return SimpleNamespace(
        W=W, alpha=alpha, C=network.W_out.detach(), current=current, state=state, rate=rate, slope_x=slope(state), slope_a=slopes,
        z=torch.cat([rate[:, :-1], trials.inputs, torch.ones(n_trials, n_steps, 1).double()], 2), at_alpha=immediate_alpha,
        e=e, direct=torch.zeros_like(leaf) if direct is None else direct, loss=loss.detach(), n_units=network.n_units,
    )  # fmt: skip


def forward_gradients(run, signal, *, autapses=False, kappa=0.0, hops=None):
    """Sum over time of learning signal times trace: ``W_rec``, ``W_in``, ``bias``, ``alpha`` and ``start``, effective values.

    The traces are full influence tensors (batch, hop, affected unit, unit, presynaptic) if ``hops`` is not None, with one tensor for
    each number of synapses crossed; otherwise each unit has its own only.
    """
    n, layers = run.n_units, 1 if hops is None else hops + 1
    n_trials, n_steps, n_pre = run.z.shape
    eye = torch.eye(n).double()
    influence = torch.zeros(n_trials, layers, n, n, n_pre + 2).double()
    influence[:, 0, :, :, -1] = eye  # of the state before the first step
    smoothed, total = torch.zeros_like(influence), torch.zeros(n_trials, n, n_pre + 2).double()
    for t in range(n_steps):
        gain = 1.0 if run.current else run.slope_a[t]
        crossing = (
            run.alpha[:, None] * run.W * (run.slope_x[:, t, None, :] if run.current else gain[:, :, None])
        )
        before = influence
        influence = (1 - run.alpha)[None, None, :, None, None] * before
        if hops is not None:
            influence[:, 1:] += torch.einsum("bil,bklac->bkiac", crossing, before[:, :-1])
        if autapses:
            influence += torch.diagonal(crossing, dim1=1, dim2=2)[:, None, :, None, None] * before
        immediate = (run.alpha * gain).expand(n_trials, n)[:, :, None] * run.z[:, t, None, :]
        influence[:, 0, :, :, :-2] += eye[None, :, :, None] * immediate[:, :, None, :]
        influence[:, 0, :, :, -2] += eye * run.at_alpha[t][:, :, None]
        reaching = (
            influence
            * (run.slope_x[:, t + 1] if run.current else torch.ones_like(run.state[:, 0]))[
                :, None, :, None, None
            ]
        )
        smoothed = kappa * smoothed + reaching
        total += torch.einsum("bi,bkiac->bac", signal[:, t], smoothed)
    whole = total.sum(0)
    return {
        "W_rec": whole[:, :n], "W_in": whole[:, n : n_pre - 1], "bias": whole[:, n_pre - 1], "alpha": whole[:, -2], "start": whole[:, -1],
    }  # fmt: skip


def readout_gradients(run, kappa=0.0):
    """Error times filtered rate."""
    trace, W_out = torch.zeros_like(run.rate[:, 0]), 0.0
    weight, bias_out = 0.0, 0.0
    for t in range(run.e.shape[1]):
        trace, weight = kappa * trace + run.rate[:, t + 1], kappa * weight + 1
        W_out = W_out + run.e[:, t].T @ trace
        bias_out = bias_out + weight * run.e[:, t].sum(0)
    return {"W_out": W_out, "bias_out": bias_out}


def of_parameters(network, effective, objective=None):
    """Gradients of the trained parameters from those of the effective values, penalties on weights included."""
    found = {}
    weights = torch.zeros(()) if objective is None else objective.of_weights(network)
    for name, parameter in network.named_parameters():
        if name in PARAMETERS:
            value = getattr(network, PARAMETERS[name])
            grad = effective[PARAMETERS[name]].sum_to_size(value.shape)
            (found[name],) = torch.autograd.grad(value, parameter, grad)
        else:
            found[name] = effective[name]
    if weights.requires_grad:
        found["recurrent.raw"] = (
            found["recurrent.raw"] + torch.autograd.grad(weights, network.recurrent.raw)[0]
        )
    return found


def gradients_of(rule, network, trials, objective=PLAIN, seed=0):
    """What a rule leaves in ``.grad``."""
    network.zero_grad()
    rule.backward(network, trials, objective=objective, generator=torch.Generator().manual_seed(seed))
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def assert_gradients_agree(found, expected, tolerance=1e-12):
    """To a fraction of the largest entry of each gradient."""
    assert found.keys() == expected.keys()
    for name, grad in expected.items():
        scale = grad.abs().max().item()
        assert scale > 1e-8, f"the reference of {name} is zero and anything would pass"
        error = (found[name] - grad).abs().max().item() / scale
        assert error < tolerance, f"{name} is off by {error:.3g}"


def assert_gradients_differ(one, other, *names, by=1e-3):
    """At least by a fraction of the second, in every parameter named."""
    for name in names or ("recurrent.raw",):
        distance = ((one[name] - other[name]).norm() / other[name].norm()).item()
        assert distance > by, f"{name} differs by {distance:.3g} only"


def random_network(form="current", seed=1, **options):
    """Five units with biases, start and read-out away from zero."""
    network = CTRNN(2, 5, 2, form=form, seed=seed, dtype=torch.float64, **({"activation": "tanh"} | options))
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    return network
