"""The training on 20 tasks goes on where it was, and its figure and table are made from what it learned."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from neurornn import CTRNN
from neurornn.tasks.suites import MultiTask

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "gallery"


@pytest.fixture
def yang20(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    study = importlib.import_module("yang20")
    for name, value in {
        "CHECKED_EVERY": 4,
        "N_CHECK": 2,
        "N_TEST": 2,
        "N_STILL": 4,
        "HALVED_EVERY": 4,
    }.items():
        monkeypatch.setattr(study, name, value)
    return study


def network(task):
    return CTRNN(task.n_inputs, 12, task.n_outputs, form="rate", sigma_rec=0.05, seed=0)


def test_a_training_in_two_parts_is_the_training_in_one(yang20, tmp_path):
    task = MultiTask()
    once, twice = network(task), network(task)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = yang20.learn(once, task, 8, tmp_path / "a")
    yang20.learn(twice, task, 4, tmp_path / "b")
    again = network(task)
    parts = yang20.learn(again, task, 8, tmp_path / "b")
    assert all(torch.equal(a, b) for a, b in zip(once.parameters(), again.parameters(), strict=True))
    assert not torch.equal(once.W_rec, twice.W_rec)
    np.testing.assert_allclose(whole.to_numpy(), parts.to_numpy(), atol=1e-3)
    assert whole["step"].tolist() == [4, 8] and list(whole)[2:] == list(task.members)
    loaded = network(task)
    yang20.learn(loaded, task, 8, tmp_path / "b")  # nothing left to do
    assert torch.equal(loaded.W_rec, once.W_rec)


def test_the_learning_rate_halves_with_the_steps_done(yang20):
    net = network(MultiTask())
    adam, rates = yang20.optimiser(net), []
    for _ in range(9):
        net.W_rec.sum().backward()
        adam.step()
        rates.append(adam.param_groups[0]["lr"])
    np.testing.assert_allclose(rates, [yang20.RATE * 0.5 ** (k / 4) for k in range(9)])


def test_it_stops_when_the_worst_task_is_learned(yang20):
    row = {"step": 4, "mean": 0.99, **dict.fromkeys(MultiTask.members, 0.95)}
    assert yang20.learned(pd.DataFrame([row]))
    assert not yang20.learned(pd.DataFrame([{**row, "dm1": 0.91}]))
    assert not yang20.learned(pd.DataFrame({"step": [0]}))


def test_the_figure_shows_every_task(yang20, tmp_path):
    task = MultiTask()
    net = network(task)
    progress = pd.DataFrame([{"step": k, "mean": 0.5, **dict.fromkeys(task.members, 0.5)} for k in (4, 8)])
    datasets = yang20.without_noise(net, task)
    assert all(ds.attrs["sigma_rec"] == 0.0 for ds in datasets.values()) and net.sigma_rec == 0.05
    yang20.draw(progress, yang20.measured(net, task), datasets, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 10_000
