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
    task = reward.task_of(reward.Run("shuffled", 0, 96))
    trials = task.sample(8, seed=0)
    output = torch.randn(trials.targets.shape, generator=torch.Generator().manual_seed(0))
    own, others = reward.NegativeLoss()(trials, output), reward.Shuffled()(trials, output)
    assert torch.equal(own.sort().values, others.sort().values) and not (own == others).any()


def test_criterion_and_course_of_a_short_run(reward):
    found = reward.learn(reward.Run("node", 0, 192))
    assert found["trial"] == [0, 96, 192] and np.shape(found["error"]) == (3, 4)
    assert set(found["output"]) == {"A, A", "A, B", "B, A", "B, B"}
    assert reward.reached(found) is None and reward.chosen(found) is None
    long = {"trial": list(range(8)), "correct": [0.5, 1.0, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0]}
    assert reward.chosen(long) == 3
    found["error"][1], found["correct"][1] = [0.4] * 4, 1.0
    assert reward.reached(found) == 96
    found["error"][1] = [0.4, 0.4, 0.4, 0.6]
    assert reward.reached(found) is None


def test_the_hebbian_network_changes_its_recurrent_weights_alone(reward):
    run = reward.Run("hebbian", 0, 8, reward.HEBBIAN)
    network = reward.network_of(run, reward.task_of(run))
    assert [name for name, each in network.named_parameters() if each.requires_grad] == ["recurrent.raw"]
    rates = torch.randn(3, network.n_units, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network.read_out(rates), rates[:, :2])
