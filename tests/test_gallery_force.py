"""The study of least-squares rules computes what its page says."""

import importlib
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "gallery"


@pytest.fixture
def force(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    study = importlib.import_module("force")
    for name, value in {"PERIOD": 150, "TRAINED": 6, "ROUNDS": 1, "TOLD": 6, "ALONE": 4}.items():
        monkeypatch.setattr(study, name, value)
    return study


def test_signals_are_those_of_the_page(force):
    y = force.four_sines(2)
    assert len(y) == 300 and np.allclose(y[:150], y[150:])
    chirps = force.chirps(3)
    u, f = chirps.inputs[0, :, 0].numpy(), chirps.targets[0, :, 0].numpy()
    assert u.sum() == 150 and (u[:50] == 1).all() and u[50] == 0
    assert np.allclose(f[:2000], f[2000:4000]) and np.allclose(f[:1000], -f[1999:999:-1])
    crossings = np.flatnonzero(np.diff(np.signbit(f[1:1000]))) / 1000
    assert np.allclose((1 + 2 * crossings) * crossings, [0.5, 1.0, 1.5, 2.0, 2.5], atol=0.01)  # cycles so far


def test_the_state_after_being_told_is_that_of_a_network_that_says_the_target(force):
    network = force.generator(force.Run("chirp", force.FORCE, 20, 0), n_inputs=1, feedback=1.0)
    network.W_out = 0.3 * torch.ones(1, 20)
    trials = force.chirps(1)
    trials = force.Trials(
        *(each[:, :200] for each in (trials.inputs, trials.targets, trials.mask)), {}, {}, trials.info
    )
    network.start.zero_()  # so that it says 0 before the first step, as it is told
    with torch.no_grad():
        run = network(trials.inputs)
    own = force.Trials(trials.inputs, run.output, trials.mask, {}, {}, trials.info)
    state = force.told_state(network, network.recurrent(), network.W_fb, own)
    torch.testing.assert_close(state, run.final, rtol=0, atol=1e-4)


def test_a_small_study_is_run_drawn_and_written(force):
    runs = [run for run in force.planned(1) if run.task == "memory" and run.alpha == force.WEAK]
    runs = [run for run in runs if run.n_units == 50 or run.spectral_radius in {0.2, 0.95}]
    runs += [
        force.Run("sines", force.FORCE, 1000, 0),
        force.Run("sines", force.OPEN, 1000, 0),
        force.Run("chirp", force.FORCE, 300, 0),
        force.Run("chirp", force.FULL, 300, 0, 0.0),
    ]
    small = {
        run: run if run.task == "memory" else force.Run(run.task, run.rule, 200, 0, run.spectral_radius)
        for run in runs
    }
    results = [force.execute(each) for each in small.values()]
    rows = force.table(runs, results)
    sines = rows[rows.task == "sines"].set_index("rule").error
    assert sines[force.FORCE] < 0.1 < sines[force.OPEN]
    share = rows.assign(share=rows.capacity / rows.n_units)
    share = share[rows.activation == "identity"].set_index(["n_units", "spectral_radius"]).share
    assert 0.5 < share[100, 0.95] < share[50, 0.95] < 1.01 and share[100, 0.2] < 0.5 * share[100, 0.95]
    assert any("full-FORCE, 300 units" in name for name in force.findings(rows))
    figure = force.draw(runs, results)
    assert [ax.get_title(loc="left") for ax in figure.axes] == list("acebdf")
    assert figure.axes[0].lines[-1].get_label() == "target"
    plt.close(figure)
