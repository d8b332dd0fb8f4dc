"""The study of learning from replay measures what its page says."""

import importlib
import math
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch

from neurornn import tasks

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "gallery"


@pytest.fixture(autouse=True)
def _beside_the_study(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)


@pytest.fixture
def study():
    return importlib.import_module("replay")


@pytest.fixture
def settings():
    return importlib.import_module("replay_settings")


@pytest.fixture
def runs():
    return importlib.import_module("replay_runs")


@pytest.fixture
def figures():
    return importlib.import_module("replay_figures")


def test_recall_in_order_gives_the_gradient_and_in_another_order_does_not(runs, settings):
    whole, broken = (runs.point(settings.Pointing(500, 5, broken, 0)) for broken in (False, True))
    assert whole["mistaken"] == 0
    assert whole["cosine"] == pytest.approx(1.0, abs=1e-9)
    assert broken["mistaken"] > 0.3
    assert abs(broken["cosine"]) < 0.5


def test_solved_is_for_good(study):
    updates = [0, 10, 20, 30, 40]
    assert study.solved({"update": updates, "performance": [0, 0.5, 1, 1, 1]}) == 20
    assert study.solved({"update": updates, "performance": [1, 0.5, 1, 1, 0.5]}) == math.inf
    assert study.solved({"update": updates, "performance": [0, 1, 0.5, 1, 1]}) == math.inf  # two are too few
    assert study.late({"update": updates, "performance": [0, 1, 1, 0.25, 0.75]}) == 0.75


def test_what_learns(runs, settings):
    task = tasks.make("counting-language")
    small, whole = settings.SETTINGS["counting"], settings.SETTINGS["counting, default weights"]
    for rule in ("exact", "reservoir"):
        little, much = (
            runs.learner(settings.Learning("counting", rule, 0, each), task)[0] for each in (small, whole)
        )
        torch.testing.assert_close(10 * little.input.raw, much.input.raw)
    network, _ = runs.learner(settings.Learning("counting", "reservoir", 0, small), task)
    assert {name for name, each in network.named_parameters() if each.requires_grad} == {
        "readout.raw",
        "bias_out",
    }


def test_recalled_inputs_change_nothing_where_recall_is_right(runs, settings):
    """The same updates to the last weight, from inputs that were kept and from inputs that were recalled."""
    task = tasks.make("counting-language")
    trials = task.sample(8, seed=0)
    found = []
    for name in ("aligned", "recalled"):
        network, rule = runs.learner(
            settings.Learning("counting", name, 0, settings.SETTINGS["counting"]), task
        )
        rule.backward(network, trials)
        found.append([each.grad for each in network.parameters()])
    for kept, recalled in zip(*found, strict=True):
        torch.testing.assert_close(kept, recalled, rtol=1e-9, atol=1e-15)


def test_every_panel_is_drawn_from_the_runs(study, figures, settings):
    planned = settings.planned(1)
    results = []
    for run in planned:
        if isinstance(run, settings.Recalling):
            results.append({"step": list(range(1, 21)), "overlap": torch.eye(20).tolist()})
        elif isinstance(run, settings.Holding):
            results.append({"n_patterns": [5, 10], "in_order": [1.0, 0.5]})
        elif isinstance(run, settings.Pointing):
            results.append({"cosine": 0.5, "mistaken": 0.1})
        else:
            results.append({"update": [0, 1, 2], "performance": [0.0, 1.0, 1.0], "final": 1.0})
    figure = figures.draw(study.table(planned, results), planned, results)
    titles = {ax.get_title() for ax in figure.axes}
    assert set(figures.TITLES.values()) <= titles
    assert all(
        ax.get_xlabel() and ax.get_ylabel()
        for ax in figure.axes
        if ax.axison and ax.get_label() != "<colorbar>"
    )
    plt.close("all")


def test_the_table_says_what_the_page_says(settings):
    rows = pd.read_csv(FOLDER / "replay.csv")
    assert set(rows.what) >= set(settings.SETTINGS)
    solved = rows[rows.rule.notna()].assign(yes=lambda r: r.solved_at < math.inf)
    counts = solved.groupby(["what", "rule"]).yes.agg(["sum", "size"])
    assert counts.loc["counting", "exact"].tolist() == [5, 5]
    assert counts.loc["counting", "aligned"].tolist() == [5, 5]
    assert counts.loc["counting", "RFLO"].tolist() == [0, 5]
    assert counts.loc["counting, default weights", "RFLO"].tolist() == [5, 5]
    assert counts.loc["longer counting", "exact"].tolist() == [5, 5]
