"""Whole and truncated back-propagation: where they agree, where they must differ, what each promises."""

import pytest
import torch
from online import PENALTIES, assert_same, gradients
from toys import toy_trials

from neurornn import CTRNN, Dale, LearnedTau, Objective
from neurornn.rules import BPTT, TruncatedBPTT

T, N = 8, 5


def make_network(form="current", **options):
    options = {
        "activation": "tanh",
        "sigma_rec": 0.2,
        "tau": LearnedTau(60.0),
        "train_initial_state": True,
    } | options
    return CTRNN(2, N, 2, form=form, seed=4, dtype=torch.float64, **options)


def contributions(network, trials, seed=0):
    """``G[t][s]``: gradient of the loss of step ``t`` through the use of ``W_rec`` at step ``s`` alone."""
    noise = network.draw_noise(trials.n_trials, trials.n_steps, torch.Generator().manual_seed(seed))
    copies = [network.W_rec.detach().clone().requires_grad_() for _ in range(trials.n_steps)]
    alpha, W_in = network.alpha.detach(), network.W_in.detach()
    x, losses = network.initial_state(trials.n_trials).detach(), []
    for t, W in enumerate(copies):
        drive = trials.inputs[:, t] @ W_in.T + network.bias.detach() + (2 / alpha).sqrt() * 0.2 * noise[:, t]
        x = (1 - alpha) * x + alpha * (torch.tanh(x) @ W.T + drive)
        error = network.read_out(torch.tanh(x)).sub(trials.targets[:, t]).square().mean(-1)
        losses.append((trials.mask[:, t] * error).sum() / trials.mask.sum())
    zero = torch.zeros_like(copies[0])
    table = []
    for loss in losses:
        row = torch.autograd.grad(loss, copies, retain_graph=True, allow_unused=True)
        table.append([zero if grad is None else grad.detach() for grad in row])
    return table


# Exactness


@pytest.mark.parametrize("form", ["current", "rate"])
@pytest.mark.parametrize("dale", [None, Dale()])
@pytest.mark.parametrize("rule", [TruncatedBPTT(T), TruncatedBPTT(T, 1)])
def test_truncation_at_the_length_of_the_trial_is_exact(form, dale, rule):
    network, trials = make_network(form, dale=dale), toy_trials(3, T)
    assert_same(gradients(rule, network, trials), gradients(BPTT(), network, trials))


@pytest.mark.parametrize(("depth", "every"), [(1, 1), (2, 2), (3, 3), (4, 2), (5, 1), (5, 3), (6, 4), (T, 3)])
def test_the_loss_of_a_block_travels_depth_steps_back_and_no_further(depth, every):
    """Against the table of all (loss step, weight step) pairs: the rule keeps those within reach of the block."""
    network, trials = make_network(sigma_rec=0.2), toy_trials(3, T)
    table = contributions(network, trials)
    expected = torch.zeros(N, N, dtype=torch.float64)
    for t in range(T):
        end = (t // every + 1) * every
        for s in range(max(0, end - depth), t + 1):
            expected += table[t][s]
    found = gradients(TruncatedBPTT(depth, every), network, trials, Objective())[1]["recurrent.raw"]
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("window", [1, 3, 4])
def test_equal_depth_and_block_are_independent_windows(window):
    """The same as stepping by hand and detaching the state between windows."""
    network, trials = make_network("rate"), toy_trials(3, T)
    noise = network.draw_noise(3, T, torch.Generator().manual_seed(0))
    network.zero_grad()
    state, total = network.initial_state(3), 0.0
    for t in range(T):
        if t % window == 0 and t > 0:
            state = state.detach()
        state = network.step(state, trials.inputs[:, t], noise[:, t])
        error = (network.read_out(state) - trials.targets[:, t]).square().mean(-1)
        total = total + (trials.mask[:, t] * error).sum() / trials.mask.sum()
    total.backward()
    expected = total.detach(), {name: p.grad.clone() for name, p in network.named_parameters()}
    assert_same(gradients(TruncatedBPTT(window), network, trials, Objective()), expected)


def test_depth_moves_the_gradient_towards_the_exact_one():
    network, trials = make_network(tau=100.0), toy_trials(4, 20)
    exact = gradients(BPTT(), network, trials)[1]["recurrent.raw"]
    distance = []
    for depth in (1, 2, 5, 10, 20):
        found = gradients(TruncatedBPTT(depth, every=1), network, trials)[1]["recurrent.raw"]
        distance.append(((found - exact).norm() / exact.norm()).item())
    assert distance == sorted(distance, reverse=True)
    assert distance[0] > 0.1
    assert distance[-1] < 1e-12


def test_overlap_lets_gradients_reach_further():
    """At equal depth, smaller blocks reach further back on average."""
    network, trials = make_network(tau=100.0), toy_trials(4, 20)
    exact = gradients(BPTT(), network, trials)[1]["recurrent.raw"]
    windows, overlap = (
        (gradients(TruncatedBPTT(5, every), network, trials)[1]["recurrent.raw"] - exact).norm()
        for every in (5, 1)
    )
    assert overlap < windows


# What is not truncated


@pytest.mark.parametrize("rule", [TruncatedBPTT(3), TruncatedBPTT(4, 2), TruncatedBPTT(1)])
def test_the_loss_is_the_whole_objective_whatever_the_truncation(rule):
    network, trials = make_network(), toy_trials(3, T)
    run = network(trials.inputs, generator=torch.Generator().manual_seed(0))
    expected = PENALTIES(network, trials, run).detach()
    torch.testing.assert_close(gradients(rule, network, trials)[0], expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("rule", [BPTT(), TruncatedBPTT(T), TruncatedBPTT(3), TruncatedBPTT(4, 2)])
def test_weight_penalties_count_once(rule):
    network, trials = make_network(dale=Dale()), toy_trials(3, T)
    without = gradients(rule, network, trials, Objective())
    with_penalty = gradients(rule, network, trials, Objective(weight_l1=0.5, weight_l2=0.4))
    W = network.W_rec.detach()
    raw = network.recurrent.raw.detach()
    expected = raw.sign() * (W != 0) * (0.5 + 0.8 * W.abs()) / N**2
    torch.testing.assert_close(with_penalty[1]["recurrent.raw"] - without[1]["recurrent.raw"], expected)
    for name in ("input.raw", "readout.raw", "bias"):
        torch.testing.assert_close(with_penalty[1][name], without[1][name])


@pytest.mark.parametrize("rule", [TruncatedBPTT(3), TruncatedBPTT(4, 2)])
def test_the_read_out_gradient_is_exact_under_any_truncation(rule):
    """The read-out has no past, so truncation cannot touch it."""
    network, trials = make_network(), toy_trials(3, T)
    exact, truncated = (gradients(r, network, trials, Objective())[1] for r in (BPTT(), rule))
    for name in ("readout.raw", "bias_out"):
        torch.testing.assert_close(truncated[name], exact[name])
    assert not torch.allclose(truncated["recurrent.raw"], exact["recurrent.raw"])


@pytest.mark.parametrize("rule", [BPTT(), TruncatedBPTT(3), TruncatedBPTT(4, 2)])
def test_padding_changes_nothing(rule):
    network, trials = make_network(sigma_rec=0.0), toy_trials(3, T)
    padded = toy_trials(3, T + 4)
    for name in ("inputs", "targets", "mask"):
        whole = getattr(padded, name)
        whole[:, :T] = getattr(trials, name)
        whole[:, T:] = 7.0 if name != "mask" else 0.0
    padded.epochs["trial"][:] = trials.epochs["trial"]
    assert_same(gradients(rule, network, padded), gradients(rule, network, trials))


# Refusals


@pytest.mark.parametrize(("depth", "every"), [(0, None), (3, 0), (3, 4), (-1, None)])
def test_impossible_truncations_are_refused(depth, every):
    with pytest.raises(ValueError, match=f"1 <= every <= depth: got depth={depth} and every={every}"):
        TruncatedBPTT(depth, every)


def test_a_truncation_longer_than_the_trial_is_refused():
    with pytest.raises(ValueError, match=f"of {T + 1} steps is longer than the trials of {T} steps"):
        gradients(TruncatedBPTT(T + 1, 1), make_network(), toy_trials(3, T))


@pytest.mark.parametrize("rule", [BPTT(), TruncatedBPTT(2)])
def test_trials_of_another_time_step_are_refused(rule):
    with pytest.raises(
        ValueError, match=r"'toy-v1' was sampled with dt=10 ms but the network steps by dt=20 ms"
    ):
        gradients(rule, make_network(), toy_trials(3, T, dt=10.0))


@pytest.mark.parametrize("rule", [BPTT(), TruncatedBPTT(2)])
def test_noise_needs_a_generator(rule):
    with pytest.raises(ValueError, match="noise needs an explicit source"):
        rule.backward(make_network(), toy_trials(3, T))


def test_trials_follow_the_precision_of_the_network():
    network = make_network().float()
    loss, grads = gradients(BPTT(), network, toy_trials(3, T, dtype=torch.float64))
    assert {loss.dtype, *(grad.dtype for grad in grads.values())} == {torch.float32}
