"""A batch of trials: what fits together is accepted, what does not is refused, padding is told from trial."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neurornn import TrialInfo, Trials


def make_trials(n_trials=3, n_steps=10, dt=20.0, **changes):
    """Trials of unequal length: trial ``i`` lasts ``(n_steps - i) * dt`` ms."""
    end = dt * (n_steps - np.arange(n_trials, dtype=np.float64))
    middle = np.full(n_trials, 3 * dt)
    parts = {
        "inputs": torch.arange(n_trials * n_steps * 2.0).reshape(n_trials, n_steps, 2),
        "targets": torch.ones(n_trials, n_steps, 1),
        "mask": torch.ones(n_trials, n_steps),
        "conditions": {"coherence": np.linspace(-1, 1, n_trials)},
        "epochs": {
            "fixation": np.stack([np.zeros(n_trials), middle], 1),
            "response": np.stack([middle, end], 1),
        },
        "info": TrialInfo("toy-v1", dt, 0, ("left", "right"), ("choice",)),
    }
    return Trials(**(parts | changes))


def test_time_and_sizes():
    trials = make_trials()
    assert (trials.n_trials, trials.n_steps) == (3, 10)
    assert trials.time.tolist() == [20.0 * k for k in range(10)]
    assert trials.duration.tolist() == [200.0, 180.0, 160.0]


def test_epochs_of_one_trial_tile_it_and_padding_belongs_to_none():
    trials = make_trials()
    fixation, response = trials.during("fixation"), trials.during("response")
    assert fixation.dtype == torch.bool
    assert not (fixation & response).any()
    assert torch.equal((fixation | response).to(trials.mask), trials.valid)
    assert trials.valid.sum(1).tolist() == [10, 9, 8]
    assert fixation.sum(1).tolist() == [3, 3, 3]


@pytest.mark.parametrize("dt", [0.1, 1 / 3, 7.0])
def test_epoch_bounds_survive_rounding(dt):
    """Bounds that are sums of floats still fall on the step they name."""
    n_steps = 50
    end = np.full((1,), sum([dt] * 30))  # 30 dt with accumulated rounding
    trials = make_trials(
        n_trials=1,
        n_steps=n_steps,
        dt=dt,
        epochs={"on": np.stack([np.zeros(1), end], 1), "off": np.stack([end, np.full(1, dt * n_steps)], 1)},
    )
    assert trials.during("on").sum() == 30
    assert trials.during("off").sum() == 20


@pytest.mark.parametrize("dt", [0.1, 1 / 3, 7.0])
def test_the_end_of_a_trial_survives_rounding(dt):
    end = np.array([[0.0, sum([dt] * k)] for k in range(5, 45)])
    trials = make_trials(n_trials=40, n_steps=50, dt=dt, conditions={}, epochs={"trial": end})
    assert trials.valid.sum(1).tolist() == list(range(5, 45))
    assert torch.equal(trials.during("trial").to(trials.mask), trials.valid)


def test_trials_without_epochs_have_no_padding():
    trials = make_trials(epochs={})
    assert trials.valid.all()
    assert trials.duration.tolist() == [200.0] * 3


def test_an_unknown_epoch_lists_the_known_ones():
    with pytest.raises(KeyError, match=r"No epoch 'delay' in task 'toy-v1'\. It has: fixation, response"):
        make_trials().during("delay")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": torch.zeros(3, 10)}, r"need inputs \(batch, time, input\)"),
        ({"mask": torch.ones(3, 10, 1)}, r"need inputs \(batch, time, input\)"),
        ({"mask": torch.ones(3, 9)}, "mask covers 3 trials x 9 steps but inputs covers 3 x 10"),
        ({"targets": torch.ones(2, 10, 1)}, "targets covers 2 trials x 10 steps"),
        ({"targets": torch.ones(3, 10, 2)}, r"info.output_names has 1 names for 2 channels"),
        ({"inputs": torch.zeros(3, 10, 3)}, r"info.input_names has 2 names for 3 channels"),
        ({"targets": torch.full((3, 10, 1), torch.nan)}, "targets must be finite, masked steps included"),
        ({"mask": -torch.ones(3, 10)}, "mask must be finite and at least 0: its smallest value is -1"),
        ({"mask": torch.full((3, 10), torch.inf)}, "mask must be finite"),
        ({"conditions": {"side": np.zeros((3, 1))}}, r"Condition 'side' has shape \(3, 1\)"),
        ({"epochs": {"cue": np.zeros((2, 3))}}, r"Epoch 'cue' has shape \(2, 3\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make_trials(**changes)


@pytest.mark.parametrize(
    "index", [slice(1, None), [2, 0], np.array([True, False, True]), slice(None, None, -1)]
)
def test_select_takes_every_field_of_the_same_trials(index):
    trials = make_trials()
    chosen = trials.select(index)
    rows = np.arange(3)[index].copy()
    assert chosen.n_trials == rows.size
    for name in ("inputs", "targets", "mask"):
        assert torch.equal(getattr(chosen, name), getattr(trials, name)[rows])
    assert np.array_equal(chosen.conditions["coherence"], trials.conditions["coherence"][rows])
    assert np.array_equal(chosen.duration, trials.duration[rows])
    assert torch.equal(chosen.valid, trials.valid[rows])
    assert chosen.info is trials.info


def test_selecting_all_in_pieces_gives_the_whole():
    trials = make_trials()
    pieces = [trials.select([k]) for k in range(3)]
    assert torch.equal(torch.cat([piece.inputs for piece in pieces]), trials.inputs)


def test_to_follows_a_tensor_and_is_free_when_nothing_changes():
    trials = make_trials()
    assert trials.to(torch.zeros(1)) is trials
    double = trials.to(torch.zeros(1, dtype=torch.float64))
    assert {x.dtype for x in (double.inputs, double.targets, double.mask, double.valid)} == {torch.float64}
    assert torch.equal(double.inputs, trials.inputs.double())
    mixed = replace(trials, targets=trials.targets.double())
    assert mixed.to(torch.zeros(1)).targets.dtype == torch.float32
