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


@pytest.fixture
def study(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("replay")


def test_recall_in_order_gives_the_gradient_and_in_another_order_does_not(study):
    whole, broken = (study.point(study.Pointing(500, 5, broken, 0)) for broken in (False, True))
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


def test_what_learns(study):
    task = tasks.make("counting-language")
    small, whole = study.SETTINGS["counting"], study.SETTINGS["counting, default weights"]
    for rule in ("exact", "reservoir"):
        little, much = (
            study.learner(study.Learning("counting", rule, 0, each), task)[0] for each in (small, whole)
        )
        torch.testing.assert_close(10 * little.input.raw, much.input.raw)
    network, _ = study.learner(study.Learning("counting", "reservoir", 0, small), task)
    assert {name for name, each in network.named_parameters() if each.requires_grad} == {
        "readout.raw",
        "bias_out",
    }


def test_recalled_inputs_change_nothing_where_recall_is_right(study):
    """The same updates to the last weight, from inputs that were kept and from inputs that were recalled."""
    task = tasks.make("counting-language")
    trials = task.sample(8, seed=0)
    found = []
    for name in ("aligned", "recalled"):
        network, rule = study.learner(study.Learning("counting", name, 0, study.SETTINGS["counting"]), task)
        rule.backward(network, trials)
        found.append([each.grad for each in network.parameters()])
    for kept, recalled in zip(*found, strict=True):
        torch.testing.assert_close(kept, recalled, rtol=1e-9, atol=1e-15)


def test_every_panel_is_drawn_from_the_runs(study):
    runs = study.planned(1)
    results = []
    for run in runs:
        if isinstance(run, study.Recalling):
            results.append({"step": list(range(1, 21)), "overlap": torch.eye(20).tolist()})
        elif isinstance(run, study.Holding):
            results.append({"n_patterns": [5, 10], "in_order": [1.0, 0.5]})
        elif isinstance(run, study.Pointing):
            results.append({"cosine": 0.5, "mistaken": 0.1})
        else:
            results.append({"update": [0, 1, 2], "performance": [0.0, 1.0, 1.0], "final": 1.0})
    figure = study.draw(runs, results)
    titles = {ax.get_title() for ax in figure.axes}
    assert set(study.TITLES.values()) <= titles
    assert all(ax.get_xlabel() and ax.get_ylabel() for ax in figure.axes if ax.get_label() != "<colorbar>")
    plt.close("all")


def test_the_table_says_what_the_page_says(study):
    rows = pd.read_csv(FOLDER / "replay.csv")
    assert set(rows.what) >= set(study.SETTINGS)
    solved = rows[rows.rule.notna()].assign(yes=lambda r: r.solved_at < math.inf)
    counts = solved.groupby(["what", "rule"]).yes.agg(["sum", "size"])
    assert counts.loc["counting", "exact"].tolist() == [5, 5]
    assert counts.loc["counting", "aligned"].tolist() == [5, 5]
    assert counts.loc["counting", "RFLO"].tolist() == [0, 5]
    assert counts.loc["counting, default weights", "RFLO"].tolist() == [5, 5]
    assert counts.loc["longer counting", "exact"].tolist() == [5, 5]
