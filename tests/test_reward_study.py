"""The study of learning from reward has the trials it says it has, counts rightly, and gives the control the rewards of others."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "gallery"


@pytest.fixture
def reward(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("reward")


@pytest.mark.parametrize("rule", ["node", "hebbian"])
def test_trials_are_those_of_the_publication(reward, rule):
    run = next(each for each in reward.planned(3) if each.rule == rule)
    task = reward.task_of(run)
    trials = task.sample(task.n_conditions, seed=0, balanced=True)
    assert trials.n_trials == 4 and trials.n_steps * task.dt == 1000
    shown = trials.inputs[:, :, 1:].sum(-1) > 0.5
    times = trials.time[shown[0].numpy()]
    first, second = times[times < 300], times[times > 300]
    assert len(first) * task.dt == len(second) * task.dt == 200
    assert second[0] - first[-1] - task.dt == pytest.approx(200)
    late = trials.during("decision") * trials.mask
    assert trials.time[late[0].numpy() > 0][0] == pytest.approx(800)
    same = trials.conditions["sample"] == trials.conditions["test"]
    assert np.array_equal(trials.conditions["correct_choice"], np.where(same, -1, 1))
    assert torch.equal(
        trials.inputs, task.sample(4, seed=5, balanced=True).inputs
    )  # nothing in them is random


def test_the_control_hears_of_other_trials(reward):
    task = reward.task_of(reward.Run("shuffled", 0, 120))
    trials = task.sample(8, seed=0)
    output = torch.randn(trials.targets.shape, generator=torch.Generator().manual_seed(0))
    own, others = reward.NegativeLoss()(trials, output), reward.Shuffled()(trials, output)
    assert torch.equal(own.sort().values, others.sort().values) and not (own == others).any()


def test_errors_are_those_of_the_last_200_ms(reward):
    task = reward.task_of(reward.Run("node", 0, 120))
    trials = task.sample(4, seed=0, balanced=True)
    kept = reward.Recorded(reward.NegativeLoss())
    silent = kept(trials, torch.zeros_like(trials.targets))
    output = trials.targets.clone()
    output[:, trials.time >= 800] += 0.25
    output[:, (trials.time > 100) & (trials.time < 800)] = 7.0
    kept(trials, output)
    assert kept.errors == pytest.approx([0.98] * 4 + [0.25] * 4)
    assert torch.equal(silent, reward.NegativeLoss()(trials, torch.zeros_like(trials.targets)))


def test_criteria(reward):
    assert reward.chosen({"trial": list(range(8)), "correct": [0.5, 1.0, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0]}) == 3
    assert reward.chosen({"trial": [0, 1, 2, 3], "correct": [1.0] * 4}) is None
    assert reward.reached({"errors": [0.6] * 120 + [0.4] * 95}) == 215
    assert reward.reached({"errors": [0.6] * 120 + [0.4] * 94}) is None
    assert reward.reached({"errors": [0.4] * 100}) == 100


@pytest.mark.parametrize("rule", ["node", "shuffled", "weight"])
def test_course_of_a_short_run(reward, rule):
    settings = reward.SETTINGS[rule]
    found = reward.learn(reward.Run(rule, 0, 240, settings))
    assert found["trial"] == [120, 240] and len(found["errors"]) == 240
    assert set(found["output"]) == {"A, A", "A, B", "B, A", "B, B"}
    assert reward.reached(found) is None and reward.chosen(found) is None
    assert found != reward.learn(reward.Run(rule, 1, 240, settings))


def test_reward_alone_teaches_by_node_perturbation_and_that_of_other_trials_does_not(reward):
    """The criterion of the publication within 3,000 trials, and nothing learned from the same rewards in another order."""
    learned, told_wrong = (
        reward.learn(reward.Run(rule, 41, 720, reward.SETTINGS["node"])) for rule in ("node", "shuffled")
    )
    assert reward.reached(learned) is not None and learned["correct"][-1] == 1.0
    assert np.mean(learned["errors"][-100:]) < 0.5 * np.mean(learned["errors"][:100])
    assert reward.reached(told_wrong) is None and reward.chosen(told_wrong) is None
    assert np.mean(told_wrong["errors"][-100:]) > 0.6 * np.mean(told_wrong["errors"][:100])


def test_stimuli_are_as_high_as_in_the_publication(reward):
    """What a stimulus adds to the drive of a unit is a number between -1 and 1."""
    run = reward.planned(1)[0]
    task = reward.task_of(run)
    trials, W_in = task.sample(4, seed=0, balanced=True), reward.network_of(run, task).W_in.detach()
    drive = (trials.inputs @ W_in.T).abs().amax((0, 1))
    assert 0.95 < float(drive.max()) <= 1.0 and float(drive[[1, 2, 3]].max()) == 0.0


@pytest.mark.parametrize("rule", ["node", "hebbian"])
def test_the_network_is_that_of_the_publication(reward, rule):
    """A unit is the output, three are biases, and recurrent weights alone learn, but for those onto the biases."""
    run = next(each for each in reward.planned(1) if each.rule == rule)
    task = reward.task_of(run)
    network = reward.network_of(run, task)
    assert [name for name, each in network.named_parameters() if each.requires_grad] == ["recurrent.raw"]
    rates = torch.randn(3, network.n_units, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network.read_out(rates), rates[:, :1] * torch.tensor([-1.0, 1.0]))
    trials = task.sample(4, seed=0, balanced=True)
    state = network(trials.inputs).state
    assert (state[:, :, [1, 2, 3]] == torch.tensor([1.0, 1.0, -1.0])).all() and state[:, :, 4:].std(1).all()
    before = network.W_rec.detach().clone()
    rule, _, errors = reward.rule_of(run)
    if rule.finished:
        rule = reward.rules.RewardHebbian(rule.reward, baseline=rule.baseline, n_first=0)
    optimizer = rule.optimizer(network)
    for k in range(5):
        rule.backward(
            network, task.sample(1, seed=0, first=k % 2), generator=torch.Generator().manual_seed(k)
        )
    optimizer.step()
    moved = network.W_rec.detach() != before
    assert moved[[0, 4, 5]].any(1).all() and not moved[[1, 2, 3]].any() and len(errors) == 5
