"""Each task is what its docstring says: means, labels, go cue, mask, behaviour."""

import numpy as np
import pytest
import torch

from neurornn import tasks


def quiet(name, n=200, seed=0, conditions=None, **fields):
    task = tasks.make(name, sigma_in=0.0, **fields)
    return task, task.sample(n, seed=seed, conditions=conditions)


def channel(trials, name):
    return trials.inputs[..., trials.info.input_names.index(name)].numpy()


def mean_during(trials, name, epoch):
    inside = trials.during(epoch).numpy()
    return np.sum(channel(trials, name) * inside, 1) / inside.sum(1)


TWO_CHOICE = ["context-decision", "perceptual-decision", "delayed-comparison", "delayed-match-to-sample"]


@pytest.mark.parametrize("name", TWO_CHOICE)
def test_fixation_goes_off_at_the_decision_and_only_then_is_a_choice_asked(name):
    task, trials = quiet(name)
    deciding = trials.during("decision").numpy()
    assert np.array_equal(channel(trials, "fixation") == 0, deciding)
    high = trials.targets.numpy() == np.float32(task.high)
    assert np.array_equal(high.any(2), deciding)
    assert not high.all(2).any() and (trials.targets.numpy()[~high] == np.float32(task.low)).all()
    side = trials.conditions["correct_choice"]
    assert np.array_equal(high[..., 1].any(1), side == 1) and np.array_equal(high[..., 0].any(1), side == -1)
    assert 0.4 < (side == 1).mean() < 0.6
    grace = (np.cumsum(deciding, 1) * task.dt <= task.grace) & deciding
    counted = trials.during("fixation").numpy() | (deciding & ~grace)
    assert np.array_equal(trials.mask.numpy() == 1, counted) and grace.any()


@pytest.mark.parametrize("name", TWO_CHOICE)
def test_the_larger_output_after_the_grace_period_is_the_choice(name):
    task, trials = quiet(name)
    swapped = trials.targets.flip(2)
    behaviour = task.behaviour(trials, swapped)
    assert np.array_equal(behaviour["choice"], -trials.conditions["correct_choice"])
    assert behaviour["performance"].max() == 0 and not behaviour["correct"].any()
    early = trials.targets.clone()
    late = trials.mask[..., None].bool()
    early = torch.where(late, early, 10 * swapped)  # what happens before does not count
    assert np.nanmin(task.performance(trials, early)) == 1
    lost = torch.full_like(early, float("nan"))
    assert task.behaviour(trials, lost)["choice"].tolist() == [0] * 200
    assert task.performance(trials, lost).max() == 0


def test_context_says_which_evidence_counts():
    task, trials = quiet("context-decision", 2000)
    c = trials.conditions
    relevant = np.where(c["context"] == "motion", c["motion_coherence"], c["colour_coherence"])
    assert np.array_equal(c["correct_choice"], np.sign(relevant))
    assert np.array_equal(c["congruent"], np.sign(c["motion_coherence"]) == np.sign(c["colour_coherence"]))
    for modality, minus, plus in (
        ("motion", "motion_left", "motion_right"),
        ("colour", "colour_green", "colour_red"),
    ):
        low, high = (mean_during(trials, name, "stimulus") for name in (minus, plus))
        assert np.allclose(high - low, task.scale * c[f"{modality}_coherence"], atol=1e-6)
        assert np.allclose(high + low, task.scale, atol=1e-6) and low.min() >= 0
        cue = channel(trials, f"context_{modality}")
        assert np.array_equal(
            cue == 1, trials.during("stimulus").numpy() & (c["context"] == modality)[:, None]
        )
    silent = ~trials.during("stimulus").numpy()
    assert not trials.inputs.numpy()[silent][:, 1:].any()


def test_the_probe_inputs_of_context_decision_are_its_mean_inputs():
    task, trials = quiet("context-decision", 2, conditions={"motion_coherence": 0.0, "colour_coherence": 0.0, "context": ["motion", "colour"]})  # fmt: skip
    step = int(trials.during("stimulus")[0].int().argmax())
    for row, name in enumerate(("motion context", "colour context")):
        assert torch.equal(task.probe_inputs()[name], trials.inputs[row, step])


@pytest.mark.parametrize("name", ["context-decision", "perceptual-decision"])
def test_a_coin_settles_a_coherence_of_0(name):
    zero = (
        {"coherence": 0.0} if name.startswith("perc") else {"motion_coherence": 0.0, "colour_coherence": 0.0}
    )
    _, trials = quiet(name, 1000, conditions=zero)
    assert set(trials.conditions["correct_choice"]) == {-1, 1}
    assert abs(trials.conditions["correct_choice"].mean()) < 0.1


def test_catch_trials_have_no_stimulus_no_go_cue_and_no_performance():
    task, trials = quiet("perceptual-decision", 600, p_catch=0.25)
    catch = trials.conditions["catch"]
    assert 0.2 < catch.mean() < 0.3 and np.array_equal(trials.conditions["correct_choice"] == 0, catch)
    caught = trials.select(catch)
    assert not channel(caught, "motion_left").any() and not channel(caught, "motion_right").any()
    assert (channel(caught, "fixation") == 1).all() and (caught.mask == 1).all()
    assert (caught.targets == task.low).all()
    assert np.array_equal(np.isnan(task.performance(trials, trials.targets)), catch)
    assert (channel(trials.select(~catch), "motion_right") > 0).any(1).all()


def test_a_variable_stimulus_has_its_distribution():
    timing = tasks.TruncatedExponential(330.0, 80.0, 1500.0)
    _, trials = quiet("perceptual-decision", 10_000, stimulus=timing)
    duration = np.diff(trials.epochs["stimulus"])[:, 0]
    assert np.array_equal(duration, trials.conditions["stimulus"])
    assert duration.min() == 80.0 and duration.max() <= 1500.0
    assert duration.mean() == pytest.approx(timing.mean, abs=4 * 300 / 100)


def test_vibrations_rise_and_fall_with_frequency():
    _, trials = quiet("delayed-comparison", 400)
    c = trials.conditions
    pairs = set(zip(c["f1"].tolist(), c["f2"].tolist(), strict=True))
    assert len(pairs) == 10 and {(b, a) for a, b in pairs} == pairs
    assert np.array_equal(c["correct_choice"], np.sign(c["f2"] - c["f1"]))
    for epoch, name in (("first", "f1"), ("second", "f2")):
        up, down = (mean_during(trials, f"frequency_{way}", epoch) for way in ("up", "down"))
        assert np.allclose(up, 0.4 + 0.8 * (c[name] - 10) / 24, atol=1e-6)
        assert np.allclose(up + down, 1.6, atol=1e-6)
    quiet_steps = trials.during("delay").numpy()
    assert not channel(trials, "frequency_up")[quiet_steps].any()
    assert (np.diff(trials.epochs["delay"]) == 3000.0).all()


def test_the_test_direction_matches_in_half_of_the_trials():
    task, trials = quiet("delayed-match-to-sample", 3000)
    c = trials.conditions
    assert np.array_equal(c["match"], c["test"] == c["sample"])
    assert abs(c["match"].mean() - 0.5) < 0.03
    turned = (c["test"] - c["sample"])[~c["match"]] % 360
    assert np.array_equal(np.unique(turned), np.arange(1, 8) * 45.0)
    preferred = np.arange(task.n_ring) * 360 / task.n_ring
    for epoch, direction in (("sample", "sample"), ("test", "test")):
        inside = trials.during(epoch).numpy()
        ring = trials.inputs.numpy()[..., 1:]
        bump = np.stack([each[here][0] for each, here in zip(ring, inside, strict=True)])
        assert np.array_equal(preferred[bump.argmax(1)], c[direction]) and bump.max() == np.float32(0.8)


def test_the_ring_is_a_bump_that_turns_with_the_angle():
    n = 16
    bumps = tasks.ring(np.arange(n) * 360.0 / n, n)
    assert np.allclose(bumps, np.stack([np.roll(bumps[0], k) for k in range(n)]))
    assert bumps[0, 1] == pytest.approx(0.8 * np.exp(-0.5)) and bumps[0, 1] == pytest.approx(bumps[0, -1])
    assert np.allclose(tasks.ring(np.array([-45.0, 405.0]), n), bumps[[14, 2]])


def replay(inputs):
    """The memory a flip-flop should have, one step and one bit at a time."""
    state = np.zeros((len(inputs), inputs.shape[2]))
    remembered = []
    for k in range(inputs.shape[1]):
        state = np.where(inputs[:, k] != 0, inputs[:, k], state)
        remembered.append(state)
    return np.stack(remembered, 1)


@pytest.mark.parametrize("dt", [10.0, 20.0, 50.0])
def test_flip_flop_targets_remember_the_last_pulse(dt):
    task, trials = quiet("flip-flop", 100, dt=dt)
    assert np.array_equal(replay(trials.inputs.numpy()), trials.targets.numpy())
    assert np.array_equal(trials.mask.bool(), trials.during("hold"))
    start = np.stack([trials.conditions[f"start_{i}"] for i in (1, 2, 3)], 1)
    assert np.array_equal(trials.inputs[:, 0].numpy(), start)
    pulses = np.abs(trials.inputs.numpy())
    onsets = (np.diff(pulses, axis=1) > 0).sum(1)
    # a pulse and the mean gap last about 0.1 + 0.55 s, so 2 s hold about 3 further pulses
    assert 2.0 < onsets.mean() < 4.0
    padded = np.pad(pulses, ((0, 0), (1, 1), (0, 0)))
    begin, end = (np.argwhere(np.diff(padded, axis=1).transpose(0, 2, 1) * sign > 0) for sign in (1, -1))
    width = (end - begin)[:, 2] * dt
    cut = end[:, 2] == trials.n_steps  # a pulse that the end of the trial cuts
    assert (width[~cut] == task.pulse).all() and (width[cut] <= task.pulse).all()
    same = (begin[1:, :2] == begin[:-1, :2]).all(1)
    assert ((begin[1:, 2] - end[:-1, 2])[same] * dt >= 200.0 - dt).all()


def test_flip_flop_judges_each_bit_after_its_own_grace():
    task, trials = quiet("flip-flop", 60, grace=100.0)
    target = trials.targets
    late = torch.cat([target[:, :5], target[:, :-5]], 1)  # every switch comes 100 ms late
    assert task.performance(trials, late).min() == 1
    later = torch.cat([target[:, :6], target[:, :-6]], 1)
    assert 0.9 < task.performance(trials, later).mean() < 1
    two_of_three = target.clone()
    two_of_three[..., 2] *= -1
    assert abs(task.performance(trials, two_of_three).mean() - 2 / 3) < 0.02
    assert not task.behaviour(trials, two_of_three)["correct"].any()


def test_ready_set_go_ramps_to_the_threshold_at_the_interval():
    task, trials = quiet("ready-set-go", 50, gain=1.5)
    c = trials.conditions
    for name, epoch in (("ready", "measure"), ("set", "produce")):
        on = channel(trials, name)
        assert np.array_equal(on.argmax(1) * 20.0, trials.epochs[epoch][:, 0])
        assert (on.sum(1) == 4).all()
    ready, go = trials.epochs["measure"][:, 0], trials.epochs["overrun"][:, 0]
    assert np.array_equal(trials.epochs["produce"][:, 0] - ready, c["interval"])
    assert np.allclose(go - trials.epochs["produce"][:, 0], 1.5 * c["interval"], atol=10.0)
    behaviour = task.behaviour(trials, trials.targets)
    assert np.array_equal(behaviour["produced_interval"], c["target_interval"])


@pytest.mark.parametrize(
    ("speed", "correct"), [(1.0, True), (1.15, True), (1.3, False), (0.85, True), (0.7, False)]
)
def test_a_faster_ramp_produces_a_shorter_interval(speed, correct):
    task, trials = quiet("ready-set-go", 30, overrun=1000.0)
    behaviour = task.behaviour(trials, speed * trials.targets)
    assert np.allclose(
        behaviour["produced_interval"], trials.conditions["target_interval"] / speed, atol=1e-2
    )
    assert (behaviour["correct"] == correct).all() and (behaviour["performance"] == correct).all()


def test_an_output_that_never_or_always_crosses_is_wrong():
    task, trials = quiet("ready-set-go", 5)
    never = task.behaviour(trials, 0.5 * trials.targets)
    assert np.isnan(never["produced_interval"]).all() and never["performance"].max() == 0
    always = task.behaviour(trials, torch.ones_like(trials.targets))
    assert (always["produced_interval"] == 0).all() and always["performance"].max() == 0


@pytest.mark.parametrize("name", tasks.names())
def test_input_noise_has_its_strength_in_every_channel(name):
    task = tasks.make(name, sigma_in=0.2)
    _, still = quiet(name, 60)
    noise = (task.sample(60, seed=0).inputs - still.inputs)[still.valid.bool()]
    sigma, n = 0.2 * np.sqrt(2 * 100 / task.dt), len(noise)
    assert noise.std(0).numpy() == pytest.approx(sigma, rel=max(0.05, 5 / np.sqrt(2 * n)))
    assert noise.mean(0).abs().max() < max(0.05, 5 * sigma / np.sqrt(n))
