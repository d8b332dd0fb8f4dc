"""The perceptual tasks are what their docstrings say: stimuli, labels, timing, behaviour, and observers of the inputs."""

import dataclasses

import numpy as np
import pytest
import torch

from neurornn import tasks
from neurornn.tasks import _registry
from neurornn.testing import check_task

NAMES = [
    "perceptual-decision-variable",
    "perceptual-decision-delayed",
    "perceptual-decision-rt",
    "multisensory-decision",
    "poisson-clicks",
    "pulse-accumulation",
    "post-decision-wager",
    "economic-choice",
    "probabilistic-reasoning",
    "flexible-categorisation",
]
N = 10_000
TOLERANCE = 4 * 0.5 / np.sqrt(N)  # four standard errors of a proportion of a half
VARIANTS = [
    ("perceptual-decision-variable", {"p_catch": 0.3, "held_out_coherences": (-0.064, 0.064)}),
    ("perceptual-decision-rt", {"p_catch": 0.3, "stimulus": tasks.Uniform(600.0, 1500.0)}),
    ("multisensory-decision", {"rates": (9.0, 12.5, 16.0), "delay": 300.0}),
    ("poisson-clicks", {"stimulus": tasks.Choice((200.0, 500.0)), "log_ratios": (-2.0, 0.0, 2.0), "dt": 10.0}),
    ("pulse-accumulation", {"n_bins": 3, "p_more": 1.0, "p_less": 0.0, "bin_width": 100.0}),
    ("post-decision-wager", {"sure_reward": 0.55, "delay": 800.0}),
    ("economic-choice", {"relative_value": 2.0, "stimulus": 500.0}),
    ("probabilistic-reasoning", {"noisy_teacher": False, "shape_weights": (-0.5, 0.5)}),
    ("flexible-categorisation", {"motion_angles": (-90.0, 0.0, 90.0), "delay": 200.0}),
]  # fmt: skip


def quiet(name, n=400, seed=0, conditions=None, **fields):
    task = tasks.make(name, sigma_in=0.0, **fields)
    return task, task.sample(n, seed=seed, conditions=conditions)


def channel(trials, name):
    return trials.inputs[..., trials.info.input_names.index(name)].numpy()


def integral(trials, name, epoch):
    """Input times ms of each trial in an epoch."""
    return (channel(trials, name) * trials.during(epoch).numpy()).sum(1) * trials.info.dt


def answer(trials, side, epoch="decision"):
    """Outputs of a subject that chooses a side (-1, +1) in each trial."""
    output = torch.zeros_like(trials.targets)
    rows = torch.arange(trials.n_trials)
    chosen = torch.as_tensor((np.asarray(side) > 0).astype(np.int64))
    output[rows, :, chosen] = trials.during(epoch).to(output)
    return output


@pytest.mark.parametrize(("name", "fields"), VARIANTS)
def test_the_contract_holds_with_other_parameters(name, fields):
    check_task(tasks.make(name, **fields))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "post-decision-wager"])
def test_swapped_outputs_are_always_wrong(name):
    task, trials = quiet(name, 300)
    swapped = task.ideal_output(trials).flip(2)
    score = task.performance(trials, swapped)
    assert np.nanmax(score) == 0 and np.isfinite(score).sum() > 200


def test_every_time_is_that_of_the_docstring():
    published = {
        "perceptual-decision-rt": {"fixation": 300, "stimulus": 1500},
        "multisensory-decision": {"fixation": 500, "stimulus": 1000, "decision": 300},
        "pulse-accumulation": {"fixation": 500, "stimulus": 1500, "decision": 500},
        "post-decision-wager": {"fixation": 750, "decision": 500},
        "economic-choice": {"fixation": 750, "decision": 750},
        "probabilistic-reasoning": {
            "fixation": 500,
            **{f"stimulus_{k}": 500 for k in (1, 2, 3, 4)},
            "decision": 500,
        },
        "flexible-categorisation": {"fixation": 500, "cue": 1000, "decision": 1000},
    }
    for name, epochs in published.items():
        _, trials = quiet(name, 8, dt=10.0)
        for epoch, length in epochs.items():
            assert (np.diff(trials.epochs[epoch]) == length).all(), (name, epoch)


@pytest.mark.parametrize(
    ("name", "epoch", "timing"),
    [
        ("perceptual-decision-variable", "stimulus", tasks.TruncatedExponential(330.0, 80.0, 1500.0)),
        ("post-decision-wager", "stimulus", tasks.TruncatedExponential(180.0, 100.0, 900.0)),
        ("post-decision-wager", "delay", tasks.TruncatedExponential(1350.0, 1200.0, 1800.0)),
        ("economic-choice", "stimulus", tasks.Uniform(1000.0, 2000.0)),
        ("poisson-clicks", "stimulus", tasks.Uniform(100.0, 1000.0)),
    ],
)
def test_durations_have_their_distribution(name, epoch, timing):
    task = tasks.make(name, sigma_in=0.0, dt=10.0)
    length = np.sort(np.diff(task.sample(N, seed=1).epochs[epoch])[:, 0])
    u = (np.arange(N) + 0.5) / N
    assert timing.lower - 5.0 <= length[0] and length[-1] <= timing.upper + 5.0
    spread = timing.quantile(np.array([0.975]))[0] - timing.quantile(np.array([0.025]))[0]
    # the mean within four standard errors and half a rounding; deciles within what 10,000 trials scatter
    assert abs(length.mean() - timing.mean) < 4 * spread / 3 / np.sqrt(N) + 1.0
    assert np.abs(length[500::500] - timing.quantile(u[500::500])).max() < 0.05 * spread + 5.0


def test_delays_are_eight_and_grids_visit_each():
    task = tasks.make("perceptual-decision-delayed")
    delays = {300.0, 500.0, 700.0, 900.0, 1200.0, 2000.0, 3200.0, 4000.0}
    grid = task.sample(80, seed=0, balanced=True).conditions
    assert set(grid["delay"]) == delays and not grid["catch"].any()
    assert len(set(zip(grid["delay"], grid["coherence"], strict=True))) == 80


@pytest.mark.parametrize("name", ["perceptual-decision-variable", "perceptual-decision-delayed"])
def test_catch_trials_come_at_their_rate_and_ask_for_nothing(name):
    task, trials = quiet(name, N, dt=50.0)
    catch = trials.conditions["catch"]
    assert abs(catch.mean() - 0.09) < 4 * np.sqrt(0.09 * 0.91 / N)
    few = trials.select(np.flatnonzero(catch)[:50])
    assert not few.inputs[..., 1:].any() and bool((few.inputs[..., 0] == few.valid).all())
    found = task.behaviour(few, answer(few, np.ones(50)))
    assert not found["choice"].any() and np.isnan(found["performance"]).all()


def test_what_is_held_out_is_never_trained():
    for name, field, condition, values in (
        ("perceptual-decision-variable", "held_out_coherences", "coherence", (-0.064, 0.064)),
        ("perceptual-decision-rt", "held_out_coherences", "coherence", (-0.064, 0.064)),
        ("multisensory-decision", "held_out_rates", "event_rate", (12.0, 13.0)),
        ("poisson-clicks", "held_out_log_ratios", "log_ratio", (-1.5, 1.5)),
        ("post-decision-wager", "held_out_coherences", "coherence", (0.032,)),
    ):
        task = tasks.make(name, **{field: values})
        train, test = (
            set(task.sample(300, seed=0, split=split).conditions[condition]) for split in ("train", "test")
        )
        assert not train & set(values) and test == set(values), name


# ------------------------------------------------------------------------------------------------ reaction time


def crossing(trials, at, side):
    """Outputs at the low target that cross 1 at a time (ms from the start of the trial), on a side."""
    output = torch.full_like(trials.targets, 0.2)
    for row, (time, which) in enumerate(zip(at, side, strict=True)):
        if np.isfinite(time):
            output[row, int(time // trials.info.dt) :, which] = 1.2
    return output


def test_the_first_crossing_is_the_choice_and_its_time_the_reaction_time():
    task = tasks.make("perceptual-decision-rt", dt=10.0)
    trials = task.sample(5, seed=0, conditions={"coherence": [0.5, 0.5, -0.5, -0.5, 0.5]})
    output = crossing(trials, [700.0, 900.0, 800.0, 200.0, np.nan], [1, 0, 0, 0, 1])
    output[2, 120:, 1] = 1.5  # the other output later: too late
    found = task.behaviour(trials, output)
    assert found["choice"].tolist() == [1, -1, -1, 0, 0]
    # linear between the step before, at 0.2, and the one at 1.2: 0.2 of a step before it
    assert found["reaction_time"][:3] == pytest.approx([398.0, 598.0, 498.0], abs=1e-4)
    assert np.isnan(found["reaction_time"][3:]).all()
    assert found["premature"].tolist() == [False, False, False, True, False]
    assert found["performance"].tolist() == [1, 0, 1, 0, 0]
    assert found["correct"].tolist() == [True, False, True, False, False]


def test_an_answer_in_a_catch_trial_is_premature_and_no_choice():
    task = tasks.make("perceptual-decision-rt")
    trials = task.sample(2, seed=0, conditions={"catch": [True, True], "coherence": 0.5})
    found = task.behaviour(trials, crossing(trials, [800.0, np.nan], [1, 1]))
    assert found["premature"].tolist() == [True, False] and not found["choice"].any()
    assert np.isnan(found["reaction_time"]).all() and np.isnan(found["performance"]).all()
    assert bool((trials.inputs[..., 0] > 0.0).any()) and bool((trials.mask == 1).all())


def test_reaction_times_do_not_depend_on_the_time_step():
    """A ramp crosses at the same time at any step, because the crossing is interpolated."""
    times = []
    for dt in (1.0, 10.0, 50.0):
        task = tasks.make("perceptual-decision-rt", dt=dt)
        trials = task.sample(1, seed=0, conditions={"coherence": 0.5})
        ramp = torch.as_tensor(np.arange(trials.n_steps) * dt - 300.0).clamp(min=0) / 640.0
        output = torch.stack([torch.zeros_like(ramp), ramp], dim=-1)[None].float()
        times.append(float(task.behaviour(trials, output)["reaction_time"][0]))
    assert times == pytest.approx([640.0] * 3, abs=0.01)


def test_the_go_cue_of_the_reaction_time_task_is_its_motion():
    _, trials = quiet("perceptual-decision-rt", 100)
    moving = trials.during("stimulus").numpy()
    assert np.array_equal(channel(trials, "fixation") == 1, ~moving)
    assert np.array_equal(channel(trials, "motion_left") > 0, moving)
    late = trials.during("stimulus").numpy() & (trials.time - trials.epochs["stimulus"][:, :1] >= 300.0)
    assert np.array_equal(trials.mask.numpy() == 1, trials.during("fixation").numpy() | late)


def test_a_bounded_accumulator_of_the_inputs_decides_well_and_faster_on_strong_motion():
    task = tasks.make("perceptual-decision-rt", sigma_in=0.3)
    trials = task.grid(60, seed=2)
    evidence = channel(trials, "motion_right") - channel(trials, "motion_left")
    total = np.cumsum(evidence * trials.during("stimulus").numpy(), axis=1) * task.dt / 1000
    output = torch.as_tensor(np.stack([-total, total], -1) / 0.15).float()  # crosses 1 at a bound of 0.15
    found = task.behaviour(trials, output)
    strength = np.abs(trials.conditions["coherence"])
    strong, weak = strength > 0.5, strength < 0.04
    assert np.nanmean(found["reaction_time"][strong]) < 0.6 * np.nanmean(found["reaction_time"][weak])
    answered = found["choice"] != 0
    assert found["correct"][strong].mean() > 0.95 > 0.8 > found["correct"][weak & answered].mean() > 0.5


# --------------------------------------------------------------------------------------------------- multisensory


def test_each_sense_tells_the_rate_and_only_the_senses_given_do():
    _, trials = quiet("multisensory-decision", 600)
    c = trials.conditions
    for sense in ("visual", "auditory"):
        given = (c["modality"] == sense) | (c["modality"] == "both")
        up, down = (integral(trials, f"{sense}_{way}", "stimulus") / 1000.0 for way in ("up", "down"))
        assert np.allclose(up, given * (0.4 + 0.8 * (c["event_rate"] - 9.0) / 7.0), atol=1e-6)
        assert np.allclose(down, given * (1.2 - 0.8 * (c["event_rate"] - 9.0) / 7.0), atol=1e-6)
        outside = ~trials.during("stimulus").numpy()
        assert not channel(trials, f"{sense}_up")[outside].any()
    assert np.array_equal(c["correct_choice"], np.where(c["event_rate"] > 12.5, 1, -1))
    assert {m: (c["modality"] == m).sum() > 150 for m in ("visual", "auditory", "both")} == dict.fromkeys(
        ("visual", "auditory", "both"), True
    )


def test_an_observer_of_both_senses_is_as_precise_as_the_docstring_says():
    """Averaging the noise of the inputs over the stimulus: the standard deviation is known in closed form."""
    task = tasks.make("multisensory-decision")
    trials = task.sample(3000, seed=3)
    c = trials.conditions
    estimate = {}
    for sense in ("visual", "auditory"):
        up, down = (integral(trials, f"{sense}_{way}", "stimulus") / 1000.0 for way in ("up", "down"))
        estimate[sense] = 12.5 + (up - down) * 3.5 / 0.8
    one = task.sigma_in * np.sqrt(2 * 100 / 1000) * np.sqrt(2) * 3.5 / 0.8  # 0.83 events per second
    assert one == pytest.approx(0.83, abs=0.01)
    for sense, other in (("visual", "auditory"), ("auditory", "visual")):
        rows = c["modality"] != other
        assert np.std(estimate[sense][rows] - c["event_rate"][rows]) == pytest.approx(one, rel=0.06)
    rows = c["modality"] == "both"
    mean = (estimate["visual"] + estimate["auditory"])[rows] / 2
    assert np.std(mean - c["event_rate"][rows]) == pytest.approx(one / np.sqrt(2), rel=0.08)
    better = task.performance(trials, answer(trials, np.sign(mean_of(estimate, c) - 12.5)))
    assert better[rows].mean() > better[~rows].mean() > 0.85


def mean_of(estimate, c):
    both = (estimate["visual"] + estimate["auditory"]) / 2
    return np.select(
        [c["modality"] == "visual", c["modality"] == "auditory"],
        [estimate["visual"], estimate["auditory"]],
        both,
    )


# ------------------------------------------------------------------------------------------------ clicks and pulses


def test_clicks_are_poisson_and_the_side_with_more_is_correct():
    task, trials = quiet("poisson-clicks", N, stimulus=500.0)
    c = trials.conditions
    left, right = (integral(trials, f"clicks_{side}", "stimulus") / task.area for side in ("left", "right"))
    assert np.allclose(left, c["n_left"], atol=1e-4) and np.allclose(right, c["n_right"], atol=1e-4)
    assert np.array_equal(c["click_difference"], c["n_right"] - c["n_left"])
    ahead = c["click_difference"] != 0
    assert np.array_equal(c["correct_choice"][ahead], np.sign(c["click_difference"])[ahead])
    assert abs(c["correct_choice"][~ahead].mean()) < 4 / np.sqrt((~ahead).sum()) and (~ahead).any()
    total = c["n_left"] + c["n_right"]
    assert abs(total.mean() - 20.0) < 4 * np.sqrt(20.0 / N)  # Poisson: the variance is the mean
    assert abs(total.var() / 20.0 - 1.0) < 4 * np.sqrt(2.0 / N)
    for ratio in task.log_ratios:
        rows = c["log_ratio"] == ratio
        expected = 20.0 / (1.0 + np.exp(-ratio))
        assert abs(c["n_right"][rows].mean() - expected) < 4 * np.sqrt(expected / rows.sum()), ratio


def test_clicks_are_the_same_at_any_time_step():
    fine, coarse = (quiet("poisson-clicks", 200, stimulus=600.0, dt=dt)[1] for dt in (1.0, 50.0))
    for name in ("n_left", "n_right", "correct_choice"):
        assert np.array_equal(fine.conditions[name], coarse.conditions[name])
    for side in ("left", "right"):
        a, b = (
            np.where(each.during("stimulus").numpy(), channel(each, f"clicks_{side}"), 0.0).cumsum(1)
            for each in (fine, coarse)
        )
        ends = np.rint(coarse.epochs["stimulus"][0, 0] + 50.0 * np.arange(1, 13)).astype(int)
        assert np.allclose(a[:, ends - 1], 50.0 * b[:, ends // 50 - 1], atol=1e-3)


def test_a_counter_of_the_inputs_is_right_but_for_ties():
    for name, side in (("poisson-clicks", "clicks"), ("pulse-accumulation", "pulses")):
        task, trials = quiet(name, 1000)
        c = trials.conditions
        difference = integral(trials, f"{side}_right", "stimulus") - integral(
            trials, f"{side}_left", "stimulus"
        )
        score = task.performance(trials, answer(trials, np.sign(np.round(difference, 2)) + 0.5))
        tied = c["n_left"] == c["n_right"]
        assert score[~tied].min() == 1 and 0.3 < score[tied].mean() < 0.7


def test_pulses_come_in_their_bins_with_their_probabilities():
    _, trials = quiet("pulse-accumulation", N, dt=10.0)
    c = trials.conditions
    start = int(trials.epochs["stimulus"][0, 0] // 10)
    favoured = c["favoured"] == 1
    shown = {
        side: channel(trials, f"pulses_{side}")[:, start : start + 150].reshape(N, 6, 25)
        for side in ("left", "right")
    }
    for side, more in (("right", favoured), ("left", ~favoured)):
        there = shown[side][:, :, 0] > 0
        assert (np.abs(there[more].mean(0) - 0.7) < TOLERANCE * np.sqrt(2)).all()
        assert (np.abs(there[~more].mean(0) - 0.3) < TOLERANCE * np.sqrt(2)).all()
        assert np.array_equal(there.sum(1), c[f"n_{side}"])
        assert np.array_equal(shown[side][:, :, :5] > 0, np.repeat(there[:, :, None], 5, 2))  # 50 ms
        assert not shown[side][:, :, 5:].any()
    assert abs(np.corrcoef(shown["left"][:, 0, 0], shown["left"][:, 1, 0])[0, 1]) < 0.2 + TOLERANCE
    for dt in (10.0, 20.0, 50.0):
        _, other = quiet("pulse-accumulation", 50, dt=dt)
        assert np.allclose(
            integral(other, "pulses_right", "stimulus"), 50.0 * other.conditions["n_right"], rtol=1e-5
        )


# ------------------------------------------------------------------------------------------------------- wagering


def test_the_sure_option_is_offered_in_half_of_the_trials_after_its_onset():
    _, trials = quiet("post-decision-wager", N, dt=50.0)
    c = trials.conditions
    offered = c["sure_offered"]
    assert abs(offered.mean() - 0.5) < TOLERANCE
    sure = channel(trials, "sure") > 0
    assert np.array_equal(sure.any(1), offered)
    onset = np.argmax(sure[offered], 1) * 50.0 - trials.epochs["stimulus"][offered, 1]
    assert np.array_equal(onset, c["sure_onset"][offered])
    assert onset.min() == 500.0 and onset.max() == 750.0
    last = np.rint(trials.epochs["decision"][:, 1] / 50.0).astype(int) - 1
    assert np.array_equal(sure[np.arange(N), last], offered)  # it stays on
    told = trials.targets[trials.during("decision").bool()][:, 2].unique().tolist()
    assert told == pytest.approx([0.0, 0.7])
    assert abs(np.mean(c["coherence"] == 0.0) - 1 / 11) < TOLERANCE


def test_taking_the_sure_option_pays_and_decides_nothing():
    task, trials = quiet(
        "post-decision-wager", 6, conditions={"sure_offered": [True] * 3 + [False] * 3, "coherence": 0.5}
    )
    output = torch.zeros_like(trials.targets)
    for row, which in enumerate((2, 1, 0, 2, 1, 0)):
        output[row, :, which] = 1.0
    found = task.behaviour(trials, output)
    assert found["choice"].tolist() == [0, 1, -1, 0, 1, -1]
    assert found["waived"].tolist() == [True, False, False, False, False, False]
    assert found["reward"].tolist() == [0.7, 1.0, 0.0, 0.0, 1.0, 0.0]
    assert np.array_equal(found["performance"], [np.nan, 1, 0, 0, 1, 0], equal_nan=True)
    nothing = task.behaviour(trials, torch.zeros_like(output))
    assert not nothing["choice"].any() and not nothing["waived"].any() and nothing["reward"].max() == 0


def test_the_best_estimate_of_the_rewards_waives_what_is_uncertain():
    """An observer of the inputs that puts the posterior mean reward on each output earns more than one that never waives."""
    task = tasks.make("post-decision-wager", sigma_in=0.3)
    trials = task.sample(3000, seed=4)
    shown = trials.during("stimulus").numpy()
    total = ((channel(trials, "motion_right") - channel(trials, "motion_left")) * shown).sum(1) * task.dt
    time = shown.sum(1) * task.dt
    size = np.array([c for c in task.coherences if c >= 0])
    variance = task.sigma_in**2 * 2 * 100 * 2 * time[:, None]  # of the integral of two noisy channels
    right, left = (
        np.exp(-((total[:, None] - sign * task.scale * size * time[:, None]) ** 2) / (2 * variance)).sum(1)
        for sign in (1, -1)
    )
    p_right = right / (right + left)
    rewards = np.stack([1 - p_right, p_right, task.sure_reward * trials.conditions["sure_offered"]], 1)
    output = torch.as_tensor(rewards)[:, None].expand_as(trials.targets).float()
    found = task.behaviour(trials, output)
    stubborn = output.clone()
    stubborn[..., 2] = -1.0
    offered = trials.conditions["sure_offered"]
    never = task.behaviour(trials, stubborn)
    assert found["reward"][offered].mean() > never["reward"][offered].mean() + 0.03
    strength = np.abs(trials.conditions["coherence"])
    weak, strong = offered & (strength < 0.05), offered & (strength > 0.2)
    assert found["waived"][weak].mean() > 0.5 > 0.3 > found["waived"][strong].mean()
    kept = offered & ~found["waived"]
    assert np.nanmean(found["performance"][kept]) > never["correct"][offered].mean() + 0.03


# ------------------------------------------------------------------------------------------------ economic choice


def test_the_better_offer_is_correct_wherever_it_is():
    task, trials = quiet("economic-choice", N, dt=50.0)
    c = trials.conditions
    offers = {(1, 0), (3, 1), (2, 1), (1, 1), (1, 2), (1, 3), (1, 4), (1, 6), (0, 2)}
    assert set(zip(c["n_a"].astype(int), c["n_b"].astype(int), strict=True)) == offers
    assert abs((c["side_of_a"] == "left").mean() - 0.5) < TOLERANCE
    takes_a = np.array([a > 0 and (b == 0 or b / a < 2.2) for a, b in zip(c["n_a"], c["n_b"], strict=True)])
    assert np.array_equal(c["correct_choice"] == -1, takes_a == (c["side_of_a"] == "left"))
    some = trials.select(np.arange(200))
    left_a, left = integral(some, "left_is_a", "stimulus") > 0, integral(some, "left_quantity", "stimulus")
    right = integral(some, "right_quantity", "stimulus")
    length = np.diff(some.epochs["stimulus"])[:, 0] / 5.0
    assert np.allclose(np.where(left_a, left, right) / length, some.conditions["n_a"], atol=1e-4)
    assert np.allclose(np.where(left_a, right, left) / length, some.conditions["n_b"], atol=1e-4)
    assert np.array_equal(left_a, some.conditions["side_of_a"] == "left")
    found = task.behaviour(some, answer(some, some.conditions["correct_choice"]))
    assert np.array_equal(found["juice"] == -1, takes_a[:200]) and found["performance"].min() == 1


# ---------------------------------------------------------------------------------------------------- reasoning


def test_shapes_say_what_their_weights_are():
    task, trials = quiet("probabilistic-reasoning", N, dt=50.0, grace=150.0)
    c = trials.conditions
    weights = np.stack([c[f"weight_{k}"] for k in (1, 2, 3, 4)], 1)
    for each in task.shape_weights:
        assert (np.abs((weights == each).mean(0) - 0.1) < 4 * np.sqrt(0.09 / N)).all()
    assert np.allclose(c["log_ratio"], weights.sum(1), atol=1e-8)
    clear = np.abs(weights.sum(1)) > 1e-6
    assert np.array_equal(c["correct_choice"][clear], np.sign(weights.sum(1))[clear])
    assert (c["log_ratio"][~clear] == 0).all() and abs(c["correct_choice"][~clear].mean()) < 4 / np.sqrt(
        (~clear).sum()
    )
    p = 1 / (1 + 10.0 ** -c["log_ratio"])
    for low, high in ((0.02, 0.3), (0.3, 0.7), (0.7, 0.98)):
        rows = (p > low) & (p < high)
        assert abs((c["rewarded"][rows] == 1).mean() - p[rows].mean()) < 4 * 0.5 / np.sqrt(rows.sum())
    high = (trials.targets[np.arange(N), (trials.valid.sum(1) - 1).long()] == task.high).numpy()
    steps = np.diff(trials.epochs["delay"])[:, 0] / 50.0  # 450 to 550 ms, rounded
    assert (np.abs(np.bincount(steps.astype(int))[9:] / N - [0.25, 0.5, 0.25]) < TOLERANCE).all()
    assert np.array_equal(high[:, 1], c["rewarded"] == 1)  # the teacher is the reward
    _, taught = quiet("probabilistic-reasoning", 200, noisy_teacher=False, dt=50.0)
    last = taught.targets[np.arange(200), (taught.valid.sum(1) - 1).long()]
    assert np.array_equal((last[:, 1] > 0.5).numpy(), taught.conditions["correct_choice"] == 1)


def test_a_reader_of_the_shapes_adds_up_their_weights():
    task, trials = quiet("probabilistic-reasoning", 500)
    c = trials.conditions
    step = np.rint(trials.epochs["stimulus_4"][:, 1] / task.dt).astype(int) - 1
    shown = trials.inputs[np.arange(500), step, 1:].numpy().reshape(500, 4, 10)
    assert (shown.sum(2) == 1).all()  # one shape at each location
    total = np.round((shown * np.array(task.shape_weights)).sum((1, 2)), 9)
    assert np.allclose(total, c["log_ratio"], atol=1e-5)
    score = task.performance(trials, answer(trials, total))
    assert score[c["log_ratio"] != 0].min() == 1
    for k in (1, 2, 3, 4):  # they come one by one, and the k-th has the k-th weight
        at = np.rint(trials.epochs[f"stimulus_{k}"][:, 0] / task.dt).astype(int)
        now, before = (trials.inputs[np.arange(500), at - back, 1:].numpy() for back in (0, 1))
        assert (now.sum(1) == k).all() and (before.sum(1) == k - 1).all()
        new = (now - before).reshape(500, 4, 10).sum(1) @ np.array(task.shape_weights)
        assert np.allclose(new, c[f"weight_{k}"], atol=1e-5)
    first = trials.inputs[
        np.arange(500), np.rint(trials.epochs["stimulus_1"][:, 0] / task.dt).astype(int), 1:
    ]
    place = first.reshape(500, 4, 10).sum(2).argmax(1).bincount(minlength=4)
    assert place.min() > 125 - 4 * np.sqrt(500 * 0.1875)
    late = trials.during("delay").bool() | trials.during("decision").bool()
    assert not trials.inputs[..., 1:][late].any()


# ------------------------------------------------------------------------------------------------ categorisation


def test_the_cue_says_which_feature_is_sorted():
    _, trials = quiet("flexible-categorisation", 2000)
    c = trials.conditions
    relevant = np.where(np.isin(c["cue"], ("motion_1", "motion_2")), c["motion_angle"], c["colour_angle"])
    assert np.array_equal(c["correct_choice"], np.sign(relevant))
    assert np.array_equal(c["feature"], [name[:6] for name in c["cue"]])
    cued = trials.during("cue").numpy()
    for name in ("motion_1", "motion_2", "colour_1", "colour_2"):
        assert np.array_equal(channel(trials, f"cue_{name}") == 1, cued & (c["cue"] == name)[:, None])
    for low, high, angle in (
        ("motion_down", "motion_up", "motion_angle"),
        ("colour_green", "colour_red", "colour_angle"),
    ):
        up, down = (integral(trials, name, "decision") / 1000.0 for name in (high, low))
        assert np.allclose(up - down, np.sin(np.deg2rad(c[angle])), atol=1e-6)
        assert np.allclose(up + down, 1.0, atol=1e-6)
        assert not channel(trials, high)[~trials.during("decision").numpy()].any()
    assert np.array_equal(channel(trials, "fixation") == 0, trials.during("decision").numpy())


# --------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("perceptual-decision-rt", {"threshold": 0.1}, "either side of the threshold, 0 <= low < threshold <= high: got low=0.2, threshold=0.1"),
        ("perceptual-decision-rt", {"grace": 1500.0}, "leave a step of the stimulus to train: got grace=1500"),
        ("perceptual-decision-rt", {"coherences": (2.0,)}, "coherences needs different signed strengths"),
        ("perceptual-decision-variable", {"held_out_coherences": (0.3,)}, "held-out values of 'coherence'"),
        ("multisensory-decision", {"rates": (9.0,)}, "at least two different rates"),
        ("multisensory-decision", {"boundary": 20.0}, "boundary must lie between the lowest and the highest rate: got 20.0"),
        ("poisson-clicks", {"log_ratios": ()}, "log_ratios needs different finite numbers"),
        ("poisson-clicks", {"area": 0.0}, "total_rate and area must be finite and above 0"),
        ("pulse-accumulation", {"n_bins": 0}, "n_bins must be a whole number of at least 1: got 0"),
        ("pulse-accumulation", {"p_more": 0.2}, "0 <= p_less < p_more <= 1: got 0.3 and 0.2"),
        ("pulse-accumulation", {"pulse": 300.0}, "fit into its bin"),
        ("post-decision-wager", {"sure_reward": 1.0}, "sure_reward must lie between 0 and 1"),
        ("post-decision-wager", {"sure_onset": 1300.0}, "sure option must come before the go cue.* up to 1300 ms and 1200 ms"),
        ("post-decision-wager", {"grace": 500.0}, "leave a step of the decision epoch to judge"),
        ("economic-choice", {"offers": ((0, 0),)}, "not both 0"),
        ("economic-choice", {"offers": ((1, 1), (1, 1))}, "offers must be different"),
        ("economic-choice", {"relative_value": 0.0}, "relative_value and scale must be finite and above 0"),
        ("probabilistic-reasoning", {"shape_weights": (float("inf"), 0.5)}, "Let 10 stand for certainty"),
        ("flexible-categorisation", {"motion_angles": (120.0,)}, "motion_angles needs different angles within 90 degrees"),
        ("flexible-categorisation", {"scale": 0.0}, "scale must be finite and above 0"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(name, fields, message):
    with pytest.raises(ValueError, match=message):
        tasks.make(name, **fields)


def test_the_tasks_are_found_by_name():
    assert {f"{name}-v1" for name in NAMES} <= set(tasks.names())
    for name in NAMES:
        assert dataclasses.is_dataclass(_registry._find(name)) and set(tasks.make(name).measures)
