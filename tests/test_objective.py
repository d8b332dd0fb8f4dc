"""The objective: closed forms, masks that only weigh, stretches that tile, and refusals."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch.nn import functional as F
from toys import toy_trials

from neurornn import CTRNN, Dale, Objective
from neurornn.networks import Trajectory
from neurornn.objective import AbstractLoss, CrossEntropy, SquaredError

FULL = Objective(rate_l1=0.3, rate_l2=0.2, weight_l1=0.5, weight_l2=0.4)


def make_run(trials, seed=1):
    """Any trajectory will do: the objective only reads it."""
    generator = torch.Generator().manual_seed(seed)
    rate = torch.randn(trials.n_trials, trials.n_steps, 5, generator=generator, dtype=trials.mask.dtype)
    output = torch.randn(trials.targets.shape, generator=generator, dtype=trials.mask.dtype)
    return Trajectory(rate, rate, output, rate[:, -1])


def stretch(run, start, end):
    return Trajectory(*(part[:, start:end] for part in run[:3]), run.final)


def network():
    return CTRNN(2, 5, 2, dale=Dale(), dtype=torch.float64)


def test_squared_error_in_closed_form():
    trials = toy_trials(3, 6)
    run = make_run(trials)
    total, weight = 0.0, 0.0
    for b in range(3):
        for t in range(6):
            error = sum((run.output[b, t, k] - trials.targets[b, t, k]).item() ** 2 for k in range(2)) / 2
            total += trials.mask[b, t].item() * error
            weight += trials.mask[b, t].item()
    assert Objective()(network(), trials, run).item() == pytest.approx(total / weight, rel=1e-12)


def test_cross_entropy_is_that_of_torch():
    trials = toy_trials(3, 6, n_outputs=4, loss="cross_entropy")
    run = make_run(trials)
    error = CrossEntropy().error(run.output, trials.targets)
    expected = F.cross_entropy(run.output.flatten(0, 1), trials.targets.flatten(0, 1), reduction="none")
    torch.testing.assert_close(error.flatten(), expected)
    weighted = (trials.mask.flatten() * expected).sum() / trials.mask.sum()
    torch.testing.assert_close(Objective().of_steps(trials, run), weighted)


def test_cross_entropy_survives_large_outputs():
    output = torch.tensor([[[1e4, -1e4]]])
    assert CrossEntropy().error(output, torch.tensor([[[1.0, 0.0]]])).item() == 0.0
    assert CrossEntropy().error(output, torch.tensor([[[0.0, 1.0]]])).item() == 2e4


def test_the_task_declares_the_loss_unless_the_user_does():
    trials = toy_trials(3, 6, loss="cross_entropy")
    run = make_run(trials)
    declared, explicit, other = (
        Objective(loss).of_steps(trials, run) for loss in (None, CrossEntropy(), SquaredError())
    )
    assert declared == explicit != other


def test_a_loss_of_ones_own():
    class Absolute(AbstractLoss):
        def error(self, output, target):
            return (output - target).abs().sum(-1)

    trials = toy_trials(3, 6)
    run = make_run(trials)
    expected = (trials.mask * (run.output - trials.targets).abs().sum(-1)).sum() / trials.mask.sum()
    torch.testing.assert_close(Objective(Absolute()).of_steps(trials, run), expected)


def test_penalties_in_closed_form():
    trials, net = toy_trials(3, 6), network()
    run = make_run(trials)
    inside, n_inside = trials.valid[..., None], trials.valid.sum()
    rate, W = run.rate, net.W_rec.detach()
    for options, expected in (
        ({"rate_l1": 2.0}, 2 * (inside * rate.abs()).sum() / (5 * n_inside)),
        ({"rate_l2": 3.0}, 3 * (inside * rate**2).sum() / (5 * n_inside)),
        ({"weight_l1": 5.0}, 5 * W.abs().sum() / 25),
        ({"weight_l2": 7.0}, 7 * (W**2).sum() / 25),
    ):
        found = Objective(**options)(net, trials, run) - Objective()(net, trials, run)
        torch.testing.assert_close(found.detach(), expected)


@pytest.mark.parametrize("factor", [0.1, 7.0])
def test_only_the_relative_mask_matters(factor):
    trials = toy_trials(3, 6)
    scaled = replace(trials, mask=factor * trials.mask)
    run = make_run(trials)
    torch.testing.assert_close(FULL.of_steps(scaled, run), FULL.of_steps(trials, run))


def test_masked_steps_and_padding_do_not_count():
    trials = toy_trials(3, 6)
    run = make_run(trials)
    silenced = replace(trials, mask=trials.mask * (torch.arange(6) != 2))
    wild = run._replace(output=run.output.clone())
    wild.output[:, 2] = 1e6
    assert torch.equal(Objective().of_steps(silenced, wild), Objective().of_steps(silenced, run))
    assert not torch.equal(Objective().of_steps(trials, wild), Objective().of_steps(trials, run))
    outside = trials.valid == 0
    assert outside.any()
    noisy = run._replace(rate=torch.where(outside[..., None], 1e6, run.rate))
    assert torch.equal(FULL.of_steps(trials, noisy), FULL.of_steps(trials, run))


def test_padding_a_batch_changes_nothing():
    trials = toy_trials(3, 6)
    run = make_run(trials)
    padded = replace(
        trials,
        inputs=F.pad(trials.inputs, (0, 0, 0, 4)),
        targets=F.pad(trials.targets, (0, 0, 0, 4), value=9.0),
        mask=F.pad(trials.mask, (0, 4)),
    )
    longer = Trajectory(*(F.pad(part, (0, 0, 0, 4), value=5.0) for part in run[:3]), run.final)
    torch.testing.assert_close(FULL.of_steps(padded, longer), FULL.of_steps(trials, run))


@pytest.mark.parametrize("cuts", [(0, 6), (0, 3, 6), (0, 1, 2, 6), (0, 5, 6)])
def test_stretches_that_tile_the_trial_add_up_to_the_whole(cuts):
    trials = toy_trials(3, 6)
    run = make_run(trials)
    parts = [FULL.of_steps(trials, stretch(run, a, b), start=a) for a, b in pairwise(cuts)]
    torch.testing.assert_close(sum(parts), FULL.of_steps(trials, run))


def test_steps_and_weights_are_the_whole():
    trials, net = toy_trials(3, 6), network()
    run = make_run(trials)
    torch.testing.assert_close(FULL(net, trials, run), FULL.of_steps(trials, run) + FULL.of_weights(net))


def test_the_weight_penalty_is_on_the_effective_matrix():
    net = network()
    with torch.no_grad():
        net.recurrent.raw.neg_()  # the same effective matrix under |V|
        net.recurrent.raw.fill_diagonal_(100.0)  # synapses that do not exist
    torch.testing.assert_close(FULL.of_weights(net), FULL.of_weights(network()))
    FULL.of_weights(net).backward()
    assert not net.recurrent.raw.grad.diagonal().any()


def test_a_mask_of_zeros_is_refused():
    trials = toy_trials(3, 6)
    empty = replace(trials, mask=torch.zeros_like(trials.mask))
    with pytest.raises(
        ValueError, match=r"mask of task 'toy-v1' is zero everywhere, so the loss would be 0/0"
    ):
        Objective().of_steps(empty, make_run(trials))


@pytest.mark.parametrize(
    ("n_outputs", "n_steps", "message"),
    [
        (
            3,
            6,
            r"output has shape \(3, 6, 3\) but the targets of task 'toy-v1' have \(3, 6, 2\)\. Build it with n_outputs=2",
        ),
        (2, 7, r"output has shape \(3, 7, 2\)"),
        (1, 6, r"output has shape \(3, 6, 1\)"),
    ],
)
def test_outputs_that_do_not_fit_the_targets_are_refused(n_outputs, n_steps, message):
    with pytest.raises(ValueError, match=message):
        Objective().of_steps(toy_trials(3, 6), make_run(toy_trials(3, n_steps, n_outputs=n_outputs)))


@pytest.mark.parametrize("name", ["rate_l1", "rate_l2", "weight_l1", "weight_l2"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_impossible_penalties_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} must be finite and at least 0: got {value}"):
        Objective(**{name: value})
