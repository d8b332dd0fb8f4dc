"""The studies of the gallery compute what their pages say, and go on where they were."""

import importlib
import math
from dataclasses import dataclass, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from neurornn import rules

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "gallery"


@pytest.fixture
def study(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module


@dataclass(frozen=True)
class Square:
    n: int


@pytest.fixture
def square():
    done = []

    def execute(run):
        done.append(run.n)
        if run.n < 0:
            raise KeyboardInterrupt
        return {"value": run.n**2}

    return execute, done


def test_finished_runs_are_kept_and_given_in_order(study, square, tmp_path):
    execute, done = square
    runs = study("_runs").Runs(tmp_path / "kept", n_processes=1)
    with pytest.raises(KeyboardInterrupt):
        runs.finished(execute, [Square(3), Square(2), Square(-1), Square(5)])
    assert done == [3, 2, -1]
    found = runs.finished(execute, [Square(5), Square(2), Square(3)])
    assert [each["value"] for each in found] == [25, 4, 9]
    assert done == [3, 2, -1, 5]  # what was finished is not done again, what was interrupted left nothing


def test_a_run_with_another_setting_is_another_run(study, square, tmp_path):
    execute, done = square
    runs = study("_runs").Runs(tmp_path, n_processes=1)
    runs.finished(execute, [Square(2)])
    runs.finished(execute, [Square(4)])
    assert done == [2, 4]


def test_murray_target_is_one_period(study):
    target = study("murray").target(400)
    assert target.mean() == pytest.approx(0.0, abs=1e-12)
    assert np.square(target).mean() == pytest.approx((1 + 1 / 4 + 1 / 16) / 2)
    assert target[99] == pytest.approx(1.0)  # a quarter of the period
    spectrum = np.abs(np.fft.rfft(target)) / 200
    np.testing.assert_allclose(spectrum[:6], [0, 1, 0.5, 0, 0.25, 0], atol=1e-12)


def test_murray_network_is_that_of_the_paper(study):
    murray = study("murray")
    network, trials = murray.setting(murray.Run("RFLO", 20, 0))
    assert (network.n_inputs, network.n_units, network.n_outputs, network.form) == (0, 50, 1, "rate")
    assert network.alpha.item() == pytest.approx(0.1)
    assert network.initial_state(1).unique().item() == pytest.approx(0.1)
    assert torch.linalg.eigvals(network.W_rec).abs().max().item() == pytest.approx(1.5, rel=1e-4)
    assert trials.n_steps == 200


def test_murray_rules_start_alike_and_learn(study):
    murray = study("murray")
    found = {rule: murray.learn(murray.Run(rule, 5, seed=0, n_trials=200)) for rule in murray.COLOURS}
    for each in found.values():
        assert each["trial"][-1] == 200
        assert each["loss"][-1] < 0.8 * each["loss"][0]
    assert found["RFLO"]["loss"][0] == pytest.approx(found["BPTT"]["loss"][0])
    assert found["RFLO"]["loss"][-1] != pytest.approx(found["BPTT"]["loss"][-1], rel=1e-3)
    assert (
        found["RFLO"]["cosine"][-1] > found["RFLO"]["cosine"][0] + 0.02
    )  # the read-out turns to the feedback


def test_murray_reports_what_diverges(study):
    murray = study("murray")
    found = murray.learn(murray.Run("BPTT", 1, seed=0, n_trials=200, rate=1e30, clip=1e30))
    assert not math.isfinite(found["loss"][-1])
    assert found["trial"][-1] < 200


def test_murray_counts_seeds_and_ratios(study):
    murray = study("murray")
    runs = [murray.Run(rule, 10, seed) for rule in ("RFLO", "BPTT") for seed in range(2)]
    losses = (4e-4, 2e-3, 4e-4, 4e-4)
    results = [
        {"trial": [0, 100], "loss": [1.0, loss], "cosine": [0.0, 0.5], "output": [0.0] * 100}
        for loss in losses
    ]
    found = murray.findings(murray.table(runs, results))
    assert found["RFLO, 10 tau: loss below 1e-3"].startswith("1 of 2 seeds")
    assert found["loss of RFLO / loss of BPTT, medians, 10 tau"] == "3"
    figure = murray.draw(runs, results)
    assert [ax.get_xlabel() for ax in figure.axes][1:3] == ["time (τ)", "length of a trial (τ)"]
    plt.close("all")


def test_marschall_lags_and_floors(study):
    coins = study("marschall").coins()
    trials = coins.sample(2, seed=0)
    heads, wanted = trials.inputs[:, :, 0], trials.targets[:, :, 0]
    np.testing.assert_array_equal(wanted[:, 5:], 0.5 + 0.5 * heads[:, 2:-3] - 0.25 * heads[:, :-5])
    assert trials.mask.sum(1).tolist() == [100.0, 100.0]
    floors = coins.floors()
    assert [round(floors[name], 4) for name in ("none", "first", "both")] == [0.6616, 0.5192, 0.4545]


def test_marschall_rules_move_the_weights_in_every_step(study):
    marschall = study("marschall")
    online = {name: rule for name, rule in marschall.compared(0).items() if "BPTT" not in name}
    assert all(rule.update_every == 1 for rule in online.values())
    assert set(marschall.compared(0)) == set(marschall.COLOURS)
    assert isinstance(marschall.compared(0)["RFLO, random"].feedback, rules.Random)
    network = marschall.network_of(marschall.Run("RTRL", 0))
    W = network.W_rec.detach()
    torch.testing.assert_close(W @ W.t(), torch.eye(32))
    assert network.alpha.item() == 1.0


def test_marschall_read_out_only_leaves_the_rest(study):
    marschall = study("marschall")
    run = marschall.Run("read-out only", 0, n_stretches=1)
    learns = {name for name, each in marschall.network_of(run).named_parameters() if each.requires_grad}
    assert learns == {"readout.raw", "bias_out"}
    everything = {name for name, each in marschall.network_of(replace(run, rule="RTRL")).named_parameters()
                  if each.requires_grad}  # fmt: skip
    assert everything == {"readout.raw", "bias_out", "recurrent.raw", "input.raw", "bias"}


def test_marschall_rules_learn_differently(study):
    marschall = study("marschall")
    found = {
        rule: marschall.learn(marschall.Run(rule, 0, n_stretches=2))["nats"]
        for rule in ("RTRL", "read-out only")
    }
    assert len(found["RTRL"]) == 2
    assert found["RTRL"][0] == found["read-out only"][0]
    assert 0.4545 < found["RTRL"][-1] < found["read-out only"][-1] - 0.02 < found["RTRL"][0]


def test_marschall_places_each_network_below_its_floor(study):
    marschall = study("marschall")
    losses = {"RTRL": 0.45, "DNI": 0.5, "UORO": 0.6, "RFLO, random": 0.7, "BPTT": math.nan}
    runs = [marschall.Run(rule, 0) for rule in losses]
    results = [{"step": [0, 105], "nats": [1.0, loss]} for loss in losses.values()]
    rows = marschall.table(runs, results)
    placed = dict(zip(rows.rule, rows.below_floor_of, strict=True))
    assert placed == {
        "RTRL": "both coins",
        "DNI": "coin 3 steps ago",
        "UORO": "no coin",
        "RFLO, random": "",
        "BPTT": "",
    }


@pytest.mark.parametrize("name", ["murray", "marschall"])
def test_committed_tables_are_those_of_the_study(study, name):
    module = study(name)
    found = pd.read_csv(FOLDER / f"{name}.csv", keep_default_na=False)
    planned = module.planned(found.seed.nunique())
    assert {(run.rule, run.seed) for run in planned} == set(zip(found.rule, found.seed, strict=True))
    assert len(found) == len(planned)
