"""The Add task: its coins, its targets, what a network can know, and a rule that learns it."""

import itertools
import math

import numpy as np
import pytest
import torch

import neurornn
from neurornn import CTRNN, tasks
from neurornn.connectivity import Orthogonal
from neurornn.rules import BPTT, RTRL
from neurornn.testing import check_task


def entropy(p):
    return -sum(each * math.log(each) for each in (p, 1 - p) if each > 0)


def test_the_floors_are_the_entropies_of_what_is_left_unknown():
    y = {(a, b): 0.5 + 0.5 * a - 0.25 * b for a, b in itertools.product((0, 1), repeat=2)}
    mean = sum(y.values()) / 4
    by_first = [(y[a, 0] + y[a, 1]) / 2 for a in (0, 1)]
    by_second = [(y[0, b] + y[1, b]) / 2 for b in (0, 1)]
    floors = tasks.make("add").floors()
    assert floors["none"] == pytest.approx(entropy(mean)) == pytest.approx(0.6616, abs=5e-5)
    assert (
        floors["first"] == pytest.approx(sum(map(entropy, by_first)) / 2) == pytest.approx(0.5192, abs=5e-5)
    )
    assert (
        floors["both"] == pytest.approx(sum(map(entropy, y.values())) / 4) == pytest.approx(0.4545, abs=5e-5)
    )
    assert floors["second"] == pytest.approx(sum(map(entropy, by_second)) / 2)


def test_the_floors_are_reached_by_whoever_knows_as_much():
    task = tasks.make("add", report=4000.0)
    trials = task.sample(100, seed=1)
    x = trials.inputs[..., 0]
    first, second = (torch.nn.functional.pad(x, (lag, 0))[:, : x.shape[1]] for lag in (3, 5))
    guesses = {
        "none": torch.full_like(x, 0.625),
        "first": 0.375 + 0.5 * first,
        "second": 0.75 - 0.25 * second,
        "both": 0.5 + 0.5 * first - 0.25 * second,
    }
    for known, p in guesses.items():
        output = torch.stack([p, 1 - p], -1).clamp(1e-9).log() + 3.0  # soft-max does not see the 3
        nats = task.behaviour(trials, output)["cross_entropy"].mean()
        assert nats == pytest.approx(task.floors()[known], abs=0.005), known


def test_coins_are_fair_independent_and_shown_on_two_channels():
    task = tasks.make("add", report=10_000.0)
    trials = task.sample(50, seed=0)
    x = trials.inputs[..., 0].numpy()
    assert set(np.unique(x)) == {0.0, 1.0}
    assert np.array_equal(trials.inputs[..., 1].numpy(), 1 - x)
    limit = 4 / math.sqrt(x.size)
    assert abs(x.mean() - 0.5) < limit / 2
    for lag in range(1, 8):
        assert abs(np.corrcoef(x[:, lag:].ravel(), x[:, :-lag].ravel())[0, 1]) < limit
    assert abs(np.corrcoef(x)[0, 1:]).max() < 5 / math.sqrt(x.shape[1])


def test_the_target_is_a_sum_over_two_coins_of_the_past():
    task = tasks.make("add")
    trials = task.sample(20, seed=3)
    x, y = trials.inputs[..., 0].numpy(), trials.targets[..., 0].numpy()
    for trial, t in itertools.product(range(20), range(5, trials.n_steps)):
        assert y[trial, t] == 0.5 + 0.5 * x[trial, t - 3] - 0.25 * x[trial, t - 5]
    assert np.array_equal(trials.targets.sum(-1), np.ones_like(y))
    assert not trials.mask[:, :5].any() and trials.mask[:, 5:].all()
    assert trials.info.loss == "cross_entropy"


@pytest.mark.parametrize(("dt", "toss", "every"), [(10.0, 20.0, 2), (20.0, 60.0, 3), (5.0, 20.0, 4)])
def test_a_coin_stays_until_the_next_toss_whatever_the_time_step(dt, toss, every):
    task = tasks.make("add", dt=dt, toss=toss)
    check_task(task)
    x = task.sample(30, seed=0).inputs[..., 0].numpy()
    changes = np.diff(x, axis=1) != 0
    assert not changes[:, np.arange(1, x.shape[1]) % every != 0].any()
    assert 0.4 < changes[:, every - 1 :: every].mean() < 0.6
    coarse = tasks.make("add", dt=toss, toss=toss, first_lag=toss, second_lag=2 * toss).sample(30, seed=0)
    n = min(x[:, ::every].shape[1], coarse.n_steps)
    assert np.array_equal(x[:, ::every][:, :n], coarse.inputs[:, :n, 0].numpy())


def test_performance_counts_the_levels_that_are_told():
    task = tasks.make("add")
    trials = task.sample(100, seed=0)
    assert task.performance(trials, task.ideal_output(trials)).min() == 1
    assert task.performance(trials, torch.zeros_like(trials.targets)).mean() == pytest.approx(0.25, abs=0.03)
    x = trials.inputs[..., 0]
    first = torch.nn.functional.pad(x, (3, 0))[:, : x.shape[1]]
    p = 0.4 + 0.5 * first  # knows one coin and guesses the other
    one = torch.stack([p, 1 - p], -1).log()
    assert task.performance(trials, one).mean() == pytest.approx(0.5, abs=0.03)
    lost = torch.full_like(trials.targets, torch.nan)
    assert task.performance(trials, lost).max() == 0
    assert task.behaviour(trials, task.ideal_output(trials))["cross_entropy"].mean() == pytest.approx(
        0.4545, abs=0.01
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"first_lag": -20.0}, "lags must be finite and at least 0 ms: got -20.0 and 100.0"),
        ({"second_lag": 60.0}, "in different steps: got lags of 60 and 60 ms at dt=20 ms"),
        ({"second_lag": 65.0}, "in different steps: got lags of 60 and 65 ms"),
        (
            {"toss": 10.0},
            "dt must be at most as long as the time between tosses: got dt=20 ms and toss=10 ms",
        ),
        ({"toss": math.inf}, "toss=inf ms"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        tasks.make("add", **fields)


def test_there_is_no_grid_of_conditions():
    with pytest.raises(ValueError, match="'add-v1' has no balanced condition grid"):
        tasks.make("add").sample(4, seed=0, balanced=True)


def test_rtrl_learns_to_use_both_coins_and_a_read_out_alone_does_not():
    """A short run; how far each rule comes is the matter of the study."""
    task = tasks.make("add", report=400.0)
    reached = []
    for everything in (True, False):
        network = CTRNN(
            2, 32, 2, tau=20.0, dt=20.0, activation="tanh", form="rate", init=Orthogonal(), seed=0
        )
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(everything or name in ("readout.raw", "bias_out"))
        optimizer = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=1e-2)
        options = {"batch_size": 8, "clip_norm": None, "n_validation": 20, "n_steps": 60}
        rule = RTRL() if everything else BPTT()
        loss = neurornn.train(network, task, rule=rule, optimizer=optimizer, **options).history.loss.values
        assert loss[0] > 0.6
        reached.append(loss[-10:].mean())
    assert reached[0] < 0.5 < 0.52 < reached[1]
