"""The suites of Yang et al. and of Driscoll et al.: every rule stated a second time, as a policy that sees only inputs."""

import numpy as np
import pytest
import torch
import xarray as xr

from neurornn import tasks
from neurornn.tasks.suites import (
    YANG_WEIGHTS,
    Blocked,
    DriscollTasks,
    Interleaved,
    MultiTask,
    Sequential,
)
from neurornn.testing import check_task

YANG, DRISCOLL = MultiTask(sigma_in=0.0), DriscollTasks(sigma_in=0.0)
RULES = tuple(MultiTask.members)
GRID = np.arange(0.0, 360.0, 1.0)  # directions that the policy can tell apart, degrees
NOGO = np.nan

# what each rule asks for: the family, which modality counts (0: either or both), and whether the answer is reversed
MEANING = {
    "fdgo": ("go", 0, False), "reactgo": ("react", 0, False), "delaygo": ("go", 0, False),
    "fdanti": ("go", 0, True), "reactanti": ("react", 0, True), "delayanti": ("go", 0, True),
    "dm1": ("stronger", 1, False), "dm2": ("stronger", 2, False),
    "contextdm1": ("stronger", 1, False), "contextdm2": ("stronger", 2, False), "multidm": ("stronger", 0, False),
    "delaydm1": ("successive", 1, False), "delaydm2": ("successive", 2, False),
    "contextdelaydm1": ("successive", 1, False), "contextdelaydm2": ("successive", 2, False),
    "multidelaydm": ("successive", 0, False),
    "dmsgo": ("same", 0, False), "dmsnogo": ("same", 0, True),
    "dmcgo": ("category", 0, False), "dmcnogo": ("category", 0, True),
}  # fmt: skip
DRISCOLL_RULES = dict(zip(DriscollTasks.members, [*list(MEANING)[:6], *list(MEANING)[11:]], strict=True))


def strengths(task, u):
    """How strongly each direction of GRID is shown in each modality, ``(trial, time, modality, direction)``, no conditions."""
    n = task.code.n_channels
    blocks = u[..., 1 : 1 + 2 * n * task._n_places].reshape(*u.shape[:2], 2, task._n_places, n)
    template = task.code.encode(GRID).astype(np.float32)
    seen = blocks @ template.T / (template**2).sum(1)
    return seen.max(3)  # of the two places of a modality, the one that shows more


def policy(task, rules, u, *, meaning=MEANING, wait=True):
    """Respond from the inputs ``u`` alone, with the rule of each trial as a name; whole arrays over the trials of a rule."""
    answer, start = np.full(len(u), NOGO), np.zeros(len(u), dtype=int)
    for rule in sorted(set(rules)):
        rows = np.flatnonzero(rules == rule)
        family, modality, reverse = meaning[rule]
        fixation, seen = u[rows, :, 0] > 0.5, strengths(task, u[rows])
        on = seen.max((2, 3)) > (0.1 if task.sigma_in == 0 else 0.3)
        rising = on & ~np.pad(on, ((0, 0), (1, 0)))[:, :-1]
        run = np.cumsum(rising, axis=1) * on  # 0 nothing, 1 the first stimulus, 2 the second
        shown = seen.sum(2) if modality == 0 else seen[:, :, modality - 1]

        def mean(which, run=run, shown=shown):
            weight = (run == which)[..., None]
            return (shown * weight).sum(1) / np.maximum(weight.sum(1), 1)

        first, second = mean(1), mean(2)
        one, two = GRID[first.argmax(1)], GRID[second.argmax(1)]
        by_cue = family in {"go", "stronger", "successive"}
        start[rows] = (~fixation if by_cue else run == (1 if family == "react" else 2)).argmax(1)
        apart = np.abs((one - two + 180) % 360 - 180)
        answer[rows] = {
            "go": (one + 180 * reverse) % 360,
            "react": (one + 180 * reverse) % 360,
            "stronger": one,
            "successive": np.where(first.max(1) > second.max(1), one, two),
            "same": np.where((apart < 10) != reverse, two, NOGO),
            "category": np.where(((one < 180) == (two < 180)) != reverse, two, NOGO),
        }[family]
    going = (np.arange(u.shape[1]) >= start[:, None] * wait) & ~np.isnan(answer)[:, None]
    y = np.zeros((*u.shape[:2], 1 + task.code.n_channels))
    y[..., 0] = np.where(going, 0.05, 0.85)
    y[..., 1:] = going[..., None] * task.code.encode(np.nan_to_num(answer))[:, None]
    return torch.as_tensor(y, dtype=torch.float32)


def score(task, trials, rules, **options):
    output = policy(task, rules, trials.inputs.numpy(), **options)
    return task.performance(trials, output)


@pytest.fixture(scope="module")
def mixed():
    return YANG.sample(400, seed=0)


@pytest.mark.parametrize("rule", RULES)
def test_a_policy_that_sees_only_the_inputs_of_the_task_alone_is_always_right(rule):
    task = YANG.tasks[rule]
    assert task.name == f"yang-{rule}-v1"
    trials = task.sample(150, seed=1)
    assert score(task, trials, np.full(150, rule)).mean() == 1.0


def test_the_policy_reads_the_rule_from_the_cues(mixed):
    cues = mixed.inputs[:, :, 65:].numpy()
    np.testing.assert_array_equal(
        cues.sum(2), mixed.valid
    )  # one cue, on from the start to the end of the trial
    rules = np.array(RULES)[cues[:, 0].argmax(1)]
    np.testing.assert_array_equal(rules, mixed.conditions["rule"])
    assert score(YANG, mixed, rules).mean() == 1.0


def test_with_the_noise_of_the_paper_the_policy_still_does_every_rule():
    task = MultiTask()
    trials = task.sample(600, seed=0, balanced=True)
    right = score(task, trials, trials.conditions["rule"])
    for rule in RULES:
        assert right[trials.conditions["rule"] == rule].mean() >= 0.9, rule


@pytest.mark.parametrize("rule", tuple(DRISCOLL_RULES))
def test_the_policy_does_the_tasks_of_driscoll(rule):
    task = DRISCOLL.tasks[rule]
    trials = task.sample(100, seed=2)
    signed = trials.conditions.get("signed_coherence", np.ones(100))
    right = score(task, trials, np.full(100, DRISCOLL_RULES[rule]))
    assert (
        right[np.abs(signed) > 0.01].mean() == 1.0
    )  # a direction of GRID is up to half a degree off: cos 0.5 deg is 4e-5


@pytest.mark.parametrize("rule", RULES)
def test_cosines_and_sines_carry_every_rule_too(rule):
    task = MultiTask(sigma_in=0.0, code=tasks.CosineCode()).tasks[rule]
    trials = task.sample(80, seed=1)
    assert score(task, trials, np.full(80, rule)).mean() == 1.0


def test_another_rule_scores_nothing_or_chance(mixed):
    rules = mixed.conditions["rule"]
    swapped = {
        name: (family, {1: 2, 2: 1}.get(m, 0), not reverse) for name, (family, m, reverse) in MEANING.items()
    }
    right = score(YANG, mixed, rules, meaning=swapped)
    family = np.array([MEANING[rule][0] for rule in rules])
    assert right[np.isin(family, ["go", "react", "same", "category"])].max() == 0.0
    context = np.isin(rules, ["contextdm1", "contextdm2", "contextdelaydm1", "contextdelaydm2"])
    assert abs(right[context].mean() - 0.5) < 4 * 0.5 / np.sqrt(
        context.sum()
    )  # the other modality says the same half the time


def test_who_does_not_wait_for_the_go_cue_breaks_fixation(mixed):
    right = score(YANG, mixed, mixed.conditions["rule"], wait=False)
    asked = ~np.isnan(mixed.conditions["correct_direction"])
    assert right[asked].max() == 0.0
    assert right[~asked].min() == 1.0  # withholding is still right


@pytest.mark.parametrize("error, right", [(35.0, 1.0), (-35.0, 1.0), (37.0, 0.0), (180.0, 0.0)])
def test_a_response_counts_within_36_degrees(error, right):
    task = YANG.tasks["delaygo"]
    trials = task.sample(50, seed=0)
    y = trials.targets.numpy().copy()
    direction = trials.conditions["correct_direction"] + error
    going = y[..., 0] < 0.5
    y[..., 1:] = np.where(going[..., None], 0.05 + task.code.encode(direction)[:, None], 0.05)
    behaviour = task.behaviour(trials, torch.as_tensor(y))
    np.testing.assert_array_equal(behaviour["performance"], right)
    np.testing.assert_allclose(np.abs(behaviour["response_error"]), abs(error), atol=1e-4)


def test_a_short_blink_of_the_fixation_output_is_forgiven_and_a_long_one_is_not():
    task = YANG.tasks["fdgo"]
    trials = task.sample(20, seed=0)
    for steps, held in (
        (2, True),
        (4, False),
    ):  # mean over 5 steps: (3 * 0.85 + 2 * 0) / 5 = 0.51, (0.85) / 5 = 0.17
        y = trials.targets.clone()
        y[:, 10 : 10 + steps, 0] = 0.0
        np.testing.assert_array_equal(task.behaviour(trials, y)["fixation_held"], held)


def test_targets_and_weights_in_the_loss_are_those_of_the_paper():
    task = YANG.tasks["delaygo"]
    trials = task.sample(30, seed=0)
    response, before = trials.during("response"), (trials.valid > 0) & ~trials.during("response")
    y, mask = trials.targets, trials.mask
    assert set(y[..., 0][before].tolist()) == {np.float32(0.85)}
    assert set(y[..., 0][response].tolist()) == {np.float32(0.05)}
    assert set(y[before][:, 1:].flatten().tolist()) == {np.float32(0.05)}
    on_a_channel = task.sample(1, seed=0, conditions={"direction": 90.0})
    np.testing.assert_allclose(on_a_channel.targets[0, -1, 1:].max(), 0.85, atol=1e-6)
    assert int(on_a_channel.targets[0, -1, 1:].argmax()) == 8  # 90 / 11.25
    elapsed = trials.time[None] - trials.epochs["response"][:, :1]
    np.testing.assert_array_equal(mask[response], np.where(elapsed[response] < 100, 0.0, 5.0))
    np.testing.assert_array_equal(
        mask[before], np.broadcast_to(np.where(trials.time < 100, 0.0, 1.0), mask.shape)[before]
    )


@pytest.mark.parametrize("rule", RULES)
def test_the_fixation_input_goes_off_at_the_go_cue_and_stays_on_where_the_stimulus_is_the_cue(rule):
    trials = YANG.tasks[rule].sample(40, seed=3)
    by_stimulus = MEANING[rule][0] in ("react", "same", "category")
    expected = trials.valid.bool() if by_stimulus else trials.valid.bool() & ~trials.during("response")
    assert torch.equal(trials.inputs[..., 0], expected.float())


def test_timings_and_conditions_are_those_of_the_paper():
    n = 10_000
    draw = {
        rule: YANG.tasks[rule].plan(_draws(n, f"yang-{rule}-v1")).conditions
        for rule in ("delaygo", "fdgo", "reactgo", "dm1", "dmsgo", "dmcgo")
    }
    four_sigma = 4 * np.sqrt(0.25 / n)  # of a proportion of one half; of one third or quarter it is less
    for rule, name, values in (
        ("delaygo", "fixation", (300, 500, 700)), ("delaygo", "stimulus", (200, 400, 600)),
        ("delaygo", "delay", (200, 400, 800, 1600)), ("delaygo", "modality", (1, 2)),
        ("dm1", "stimulus", (400, 800, 1600)), ("dm1", "coherence", (0.01, 0.02, 0.04, 0.08)), ("dm1", "stronger", (1, 2)),
        ("dmsgo", "is_match", (False, True)), ("dmsgo", "delay", (200, 400, 800, 1600)),
        ("dmcgo", "response", (200, 400, 600)), ("dmcgo", "first_direction", tuple(18.0 + 36 * k for k in range(10))),
    ):  # fmt: skip
        found, counts = np.unique(draw[rule][name], return_counts=True)
        np.testing.assert_array_equal(found, np.array(values), err_msg=f"{rule} {name}")
        np.testing.assert_allclose(counts / n, 1 / len(values), atol=four_sigma, err_msg=f"{rule} {name}")
    for rule, name, low, high in (
        ("fdgo", "fixation", 300, 700), ("fdgo", "stimulus", 500, 1500), ("reactgo", "fixation", 500, 2500),
        ("fdgo", "direction", 0, 360), ("dm1", "fixation", 100, 400), ("dm1", "mean_strength", 0.8, 1.2),
        ("dm1", "separation", 90, 270), ("dmsgo", "separation", 20, 340),
    ):  # fmt: skip
        values, width = draw[rule][name], high - low
        assert low <= values.min() < low + 0.02 * width and high >= values.max() > high - 0.02 * width, (
            rule,
            name,
        )
        np.testing.assert_allclose(values.mean(), (low + high) / 2, atol=4 * width / np.sqrt(12 * n) + 1e-9)
    same = draw["dmcgo"]["is_match"].mean()
    assert abs(same - 0.5) < four_sigma
    first, second = (
        np.searchsorted([180.0], draw["dmcgo"][f"{which}_direction"], side="right")
        for which in ("first", "second")
    )
    np.testing.assert_array_equal(draw["dmcgo"]["is_match"], first == second)


def test_a_direction_on_the_boundary_is_of_one_category_as_sample_and_as_test():
    conditions = {
        "first_direction": [180.0, 179.0, 0.0, 359.0],
        "second_direction": [181.0, 180.0, 10.0, 0.0],
    }
    trials = YANG.tasks["dmcgo"].sample(4, seed=0, conditions=conditions)
    assert trials.conditions["is_match"].tolist() == [True, False, True, False]


def test_strengths_in_the_inputs_are_mean_plus_and_minus_coherence():
    trials = YANG.tasks["dm2"].sample(200, seed=0, conditions={"first_direction": 90.0, "separation": 180.0})
    middle = trials.inputs[np.arange(200), (trials.epochs["stimulus"][:, 0] / 20).astype(int)].numpy()
    assert not middle[:, 1:33].any()
    first, second = middle[:, 33 + 8], middle[:, 33 + 24]
    np.testing.assert_allclose((first + second) / 1.6, trials.conditions["mean_strength"], atol=1e-6)
    np.testing.assert_allclose((first - second) / 1.6, trials.conditions["signed_coherence"], atol=1e-6)
    both = YANG.tasks["multidm"].sample(
        200, seed=0, conditions={"first_direction": 90.0, "separation": 180.0}
    )
    middle = both.inputs[np.arange(200), (both.epochs["stimulus"][:, 0] / 20).astype(int)].numpy()
    one, two = middle[:, 1 + 8] / 0.8, middle[:, 33 + 8] / 0.8
    contrast = np.abs(one - two) / ((one + two) / 2)
    np.testing.assert_allclose(contrast, both.conditions["contrast_1"], atol=1e-5)
    assert contrast.min() >= 0.2 and contrast.max() <= 0.8


def test_a_suite_holds_the_trials_of_its_tasks():
    task = MultiTask()  # with noise
    trials = task.sample(120, seed=5, first=7)
    for rule, alone in task.tasks.items():
        rows = np.flatnonzero(trials.conditions["rule"] == rule)
        assert rows.size
        single = alone.sample(120, seed=5, first=7).select(rows)
        n_steps = min(single.n_steps, trials.n_steps)
        for name, width in (("inputs", 65), ("targets", 33), ("mask", None)):
            mine, theirs = getattr(trials, name)[rows], getattr(single, name)
            assert torch.equal(
                mine[:, :n_steps, :width] if width else mine[:, :n_steps], theirs[:, :n_steps]
            ), (rule, name)
        for name, values in single.conditions.items():
            np.testing.assert_array_equal(
                trials.conditions[name][rows], values.astype(float), err_msg=f"{rule} {name}"
            )
        for name, bounds in single.epochs.items():
            np.testing.assert_array_equal(trials.epochs[name][rows], bounds)


def test_a_suite_judges_a_response_like_its_tasks():
    for rule, alone in YANG.tasks.items():
        mine = YANG.sample(30, seed=5, conditions={"rule": rule})
        single = alone.sample(30, seed=5)
        noise = 0.4 * torch.randn(single.targets.shape, generator=torch.Generator().manual_seed(0))
        expected = alone.performance(single, single.targets + noise)
        np.testing.assert_array_equal(YANG.performance(mine, mine.targets + noise), expected)
        assert 0 < expected.mean() < 1, rule


def test_both_codes_tell_of_the_same_trials():
    ring, cosine = MultiTask(), MultiTask(code=tasks.CosineCode())
    a, b = ring.sample(100, seed=1), cosine.sample(100, seed=1)
    for name, values in a.conditions.items():
        np.testing.assert_array_equal(values, b.conditions[name])
    assert torch.equal(a.mask, b.mask)
    going = ~np.isnan(a.conditions["correct_direction"])
    last = (a.epochs["response"][:, 1] / 20).astype(int) - 1
    for task, trials in ((ring, a), (cosine, b)):
        decoded = task.code.decode(trials.targets[np.arange(100), last, 1:].numpy())
        np.testing.assert_allclose(decoded[going], a.conditions["correct_direction"][going], atol=1e-3)
    assert cosine.n_inputs == 1 + 8 + 20


@pytest.mark.parametrize("schedule", [Interleaved(), Interleaved(YANG_WEIGHTS), Blocked(8), Sequential(2)])
def test_the_suite_keeps_the_contract_in_each_mode(schedule):
    check_task(MultiTask(schedule=schedule), n_trials=48)


def test_one_rule_alone_keeps_the_contract_with_all_cues():
    task = MultiTask(rules=("dmcnogo",), code=tasks.CosineCode(), dt=50.0)
    check_task(task)
    trials = task.sample(4, seed=0)
    assert trials.inputs[0, 0, -1] != trials.inputs[0, 0, -2] and task.n_inputs == 29
    assert set(trials.conditions["rule"]) == {"dmcnogo"}


def test_schedules_choose_the_rule_from_the_number_of_the_trial():
    n = 10_000
    rule = MultiTask(schedule=Interleaved(YANG_WEIGHTS)).plan(_draws(n)).conditions["rule"]
    for name, weight in zip(RULES, YANG_WEIGHTS, strict=True):
        p = weight / 28
        assert abs((rule == name).mean() - p) < 4 * np.sqrt(p * (1 - p) / n), name
    assert dict(zip(RULES, YANG_WEIGHTS, strict=True))["contextdm1"] == 5.0
    blocked = MultiTask(schedule=Blocked(50)).plan(_draws(n)).conditions["rule"].reshape(-1, 50)
    assert (blocked == blocked[:, :1]).all()
    assert len(set(blocked[:, 0])) == 20  # each is missed by 200 blocks with probability 0.95^200 = 4e-5
    chosen = ("dm2", "fdgo", "dm1")
    stages = MultiTask(rules=chosen, schedule=Sequential(4)).sample(16, seed=0).conditions["rule"]
    assert stages.tolist() == ["dm2"] * 4 + ["fdgo"] * 4 + ["dm1"] * 8


def _draws(n, name="yang-20-v1"):
    return tasks.TrialDraws(0, np.arange(n), dt=20.0, task=name)


def test_a_validation_visits_every_rule_whatever_the_schedule():
    rule = MultiTask(schedule=Sequential(10**9)).sample(60, seed=0, balanced=True).conditions["rule"]
    assert np.unique(rule, return_counts=True)[1].tolist() == [3] * 20


def test_conditions_of_the_rules_can_be_set_where_they_exist():
    trials = YANG.grid(2, rule=["fdgo", "delayanti"], direction=[0.0, 90.0, 180.0])
    cells = list(zip(trials.conditions["rule"], trials.conditions["direction"], strict=True))
    assert len(cells) == 12 and len(set(cells)) == 6
    expected = trials.conditions["direction"] + np.where(trials.conditions["rule"] == "delayanti", 180.0, 0.0)
    np.testing.assert_array_equal(trials.conditions["correct_direction"], expected % 360)
    with pytest.raises(ValueError, match="'yang-dm1-v1' has no condition 'direction'"):
        YANG.sample(4, seed=0, conditions={"rule": "dm1", "direction": 0.0})


@pytest.mark.parametrize("rule", ["fdgo", "contextdm1", "dmsgo", "dmcgo"])
def test_directions_that_are_held_out_are_shown_in_tests_alone(rule):
    task = MultiTask(held_out_directions=(80.0, 130.0)).tasks[rule]
    name = "direction" if rule == "fdgo" else "first_direction"
    train, test = (task.sample(500, seed=0, split=split).conditions[name] for split in ("train", "test"))
    assert not ((train > 80) & (train < 130)).any()
    assert ((test >= 80) & (test <= 130)).all()


def test_accuracy_is_measured_by_rule_in_the_order_of_the_suite():
    some = YANG.sample(100, seed=0, balanced=True)
    output = policy(YANG, some.conditions["rule"], some.inputs.numpy())
    output[some.conditions["rule"] == "dm2"] = 0.0
    judged = xr.Dataset(
        coords={
            "rule": ("trial", some.conditions["rule"]),
            **{name: ("trial", values) for name, values in YANG.behaviour(some, output).items()},
        }
    )
    results = YANG.analyse(judged)
    found = results["accuracy by rule"].to_dataset()
    assert tuple(found["group"].values) == RULES
    np.testing.assert_array_equal(found["accuracy"], [float(rule != "dm2") for rule in RULES])
    axes = YANG.plot(results).axes[0]
    assert tuple(text.get_text() for text in axes.get_yticklabels()) == RULES and axes.yaxis_inverted()


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match=r"has no rule 'fdgoo'\. Did you mean 'fdgo'"):
        MultiTask(rules=("fdgoo",))
    with pytest.raises(ValueError, match="2 weights for 20 rules"):
        MultiTask(schedule=Interleaved((1.0, 2.0)))
    with pytest.raises(ValueError, match="Weights must be at least 0"):
        Interleaved((0.0, 0.0))
    with pytest.raises(ValueError, match="n_trials must be a whole number"):
        Blocked(0)
    with pytest.raises(ValueError, match="once"):
        MultiTask(rules=("fdgo", "fdgo"))
    with pytest.raises(ValueError, match="either coherences or the two bounds"):
        tasks.make("yang-dm1", coherence_range=(0.1, 0.2))
    with pytest.raises(ValueError, match=r"above 0 and at most at 0\.8"):
        tasks.make("yang-dm1", coherences=(0.9,))
    with pytest.raises(ValueError, match="held_out_directions needs two bounds"):
        tasks.make("yang-fdgo", held_out_directions=(10.0,))
    with pytest.raises(ValueError, match="None of the directions"):
        tasks.make("yang-dmcgo", held_out_directions=(20.0, 30.0))
    with pytest.raises(ValueError, match=r"judged at 0\.5"):
        tasks.make("yang-fdgo", baseline=0.6)
