"""Held-out trials, held-out values, grids, and the behaviour that comes with a task."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

import neurornn
from neurornn import tasks
from neurornn.analysis.behaviour import Psychometric
from neurornn.tasks._draws import TrialDraws


@dataclass(frozen=True, kw_only=True)
class Held(tasks.AbstractTask):
    """A task that holds out a level and a stretch of values."""

    name = "held-v1"
    input_names = ("x",)
    output_names = ("y",)
    held: tuple[float, ...] = (2.0,)

    def _generate(self, draws):
        level = draws.choice("level", (1.0, 2.0, 3.0), held_out=self.held)
        value = draws.uniform("value", 0.0, 10.0, held_out=(4.0, 6.0))
        epochs = tasks.Epochs(self.dt, {"all": draws.duration("all", 100.0)})
        x = (level * value)[:, None] * epochs.during("all")
        return self._assemble(draws, epochs, inputs={"x": x}, targets={"y": x}, mask=epochs.valid)

    def behaviour(self, trials, output):
        right = np.isclose(output.numpy()[:, 0, 0], trials.targets.numpy()[:, 0, 0])
        return {"performance": right.astype(float)}

    def probe_inputs(self):
        return {"on": torch.ones(1)}


def test_training_never_sees_what_is_held_out_and_a_test_sees_nothing_else():
    task = Held()
    train, test, everything = (task.sample(2000, seed=0, split=split) for split in ("train", "test", "all"))
    assert set(train.conditions["level"]) == {1.0, 3.0} and set(test.conditions["level"]) == {2.0}
    assert set(everything.conditions["level"]) == {1.0, 2.0, 3.0}
    value = train.conditions["value"]
    assert not ((value > 4) & (value < 6)).any()
    assert abs((value < 4).mean() - 0.5) < 0.04  # both sides in proportion to their lengths
    assert ((test.conditions["value"] > 4) & (test.conditions["value"] < 6)).all()
    assert 0.15 < ((everything.conditions["value"] > 4) & (everything.conditions["value"] < 6)).mean() < 0.25


@pytest.mark.parametrize("name", tasks.names())
def test_the_splits_of_a_seed_share_no_trial(name):
    task = tasks.make(name)
    train, test, everything = (task.sample(64, seed=3, split=split) for split in ("train", "test", "all"))
    shared = min(train.n_steps, test.n_steps, everything.n_steps)
    if torch.equal(train.inputs[0, :shared], train.inputs[1, :shared]):
        pytest.skip("all trials of this task are the same")
    assert not torch.equal(train.inputs[:, :shared], test.inputs[:, :shared])
    assert not torch.equal(everything.inputs[:, :shared], test.inputs[:, :shared])


def test_a_grid_visits_every_combination_equally_often():
    task = tasks.make("context-decision")
    trials = task.grid(3, motion_coherence=[-0.3, 0.0, 0.3, 0.9])
    cells = list(
        zip(*(trials.conditions[n] for n in ("context", "motion_coherence", "colour_coherence")), strict=True)
    )
    assert trials.n_trials == 2 * 4 * 6 * 3 == len(cells)
    assert {cells.count(cell) for cell in set(cells)} == {3} and len(set(cells)) == 48
    everything = Held().grid(2)
    assert sorted(everything.conditions["level"].tolist()) == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]
    two = Held().grid(value=[1.0, 5.0], level=[9.0])
    assert two.conditions["value"].tolist() == [1.0, 5.0] and set(two.conditions["level"]) == {9.0}


def test_bad_grids_and_splits_are_refused():
    task = tasks.make("perceptual-decision")
    with pytest.raises(ValueError, match="n_repeats >= 1: got 0"):
        task.grid(0)
    with pytest.raises(ValueError, match="no condition 'coherense'"):
        task.grid(coherense=[0.1])
    with pytest.raises(ValueError, match="'coherence' needs a list of at least one value"):
        task.grid(coherence=[])
    with pytest.raises(ValueError, match="follows from the others"):
        task.grid(correct_choice=[1])
    with pytest.raises(ValueError, match="no balanced condition grid"):
        tasks.make("add").grid()
    with pytest.raises(ValueError, match="split must be 'train', 'test' or 'all': got 'validation'"):
        task.sample(4, seed=0, split="validation")
    with pytest.raises(ValueError, match="some, not all"):
        Held(held=(1.0, 2.0, 3.0))
    with pytest.raises(ValueError, match="some, not all"):
        Held(held=(7.0,))


def test_clicks_are_the_same_at_any_time_step_and_poisson():
    draws = TrialDraws(0, np.arange(6000), dt=20.0)
    times = tasks.event_times(draws, "clicks", np.full(6000, 40.0), 500.0)
    fine = tasks.count_events(times, np.zeros(6000, dtype=np.int64), 50, 10.0)
    coarse = tasks.count_events(times, np.zeros(6000, dtype=np.int64), 25, 20.0)
    assert np.array_equal(fine.reshape(6000, 25, 2).sum(2), coarse)
    total = coarse.sum(1)
    assert abs(total.mean() - 20.0) < 0.2 and abs(total.var() / 20.0 - 1) < 0.06
    assert abs(np.corrcoef(fine[:, 3], fine[:, 4])[0, 1]) < 0.05
    none = tasks.event_times(TrialDraws(0, np.arange(3), dt=20.0), "none", np.zeros(3), 500.0)
    assert not np.isfinite(none).any()


def test_a_marked_stretch_overlaps_the_epochs_and_stays_in_the_trial():
    epochs = tasks.Epochs(20.0, {"delay": np.array([5, 8])})
    epochs.mark("cue", np.array([1, 2]), np.array([3, 4]))
    assert epochs.during("cue").sum(1).tolist() == [2, 2] and epochs.bounds["cue"][1].tolist() == [40.0, 80.0]
    with pytest.raises(ValueError, match="within the trial"):
        epochs.mark("late", np.array([4, 4]), np.array([6, 8]))
    with pytest.raises(ValueError, match="already"):
        epochs.mark("cue", np.array([1, 1]), np.array([2, 2]))


def test_a_direction_survives_any_encoding():
    angle = np.linspace(0, 350, 36)
    for activity in (tasks.ring(angle, 32), tasks.ring(angle, 16), tasks.cosine(angle)):
        assert np.allclose(tasks.angular_error(tasks.angle_of(activity), angle), 0, atol=1e-4)
    assert np.isnan(tasks.angle_of(np.zeros(8))) and np.isnan(tasks.angle_of(np.ones(8)))
    assert tasks.angular_error(np.array(350.0), np.array(10.0)) == -20.0


def test_analyse_measures_what_the_paper_did_and_says_what_failed():
    task = tasks.make("perceptual-decision")
    trials = task.grid(20)
    network = task.recipe.network(task)
    ds = neurornn.simulate(network, trials, task=task)
    strength = trials.conditions["coherence"]
    rng = np.random.default_rng(0)
    ds["choice"] = ("trial", np.where(rng.logistic(size=200) < 20 * strength, 1, -1), ds["choice"].attrs)
    found = task.analyse(ds)
    alone = Psychometric("coherence").apply(ds)
    assert found["psychometric"].to_dataset().equals(alone) and 10 < float(alone["slope"]) < 40
    figure = task.plot(found)
    assert len(figure.axes) == len(task.measures)
    ds["coherence"] = ("trial", np.zeros(200), ds["coherence"].attrs)
    failed = task.analyse(ds)
    assert "at least two stimuli" in failed["psychometric"].attrs["failed"]
    shown = task.plot(failed).axes[0].texts[0].get_text()
    assert shown.split() == failed["psychometric"].attrs["failed"].split()
    with pytest.raises(ValueError, match="trials are of task 'perceptual-decision-v1'"):
        tasks.make("context-decision").analyse(ds)
