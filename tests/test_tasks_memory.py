"""Memory tasks: what is shown, asked and judged; observers that read the inputs alone; the statistics of many trials."""

import dataclasses

import numpy as np
import pytest
import torch
import xarray as xr

import neurornn
from neurornn import tasks
from neurornn.tasks import memory
from neurornn.testing import check_task

MATCH = [
    "delayed-match-to-sample",
    "delayed-non-match-to-sample",
    "rotated-match",
    "delayed-match-to-category",
]


def quiet(name, n=300, seed=0, conditions=None, **fields):
    task = tasks.make(name, sigma_in=0.0, **fields)
    return task, task.sample(n, seed=seed, conditions=conditions)


def channels(trials, prefix):
    """Input channels whose name starts with a prefix, (batch, time, channel)."""
    index = [k for k, name in enumerate(trials.info.input_names) if name.startswith(prefix)]
    return trials.inputs.numpy()[..., index]


def mean_during(x, trials, epoch):
    """Mean of channels over an epoch; 0 where it has no length."""
    inside = trials.during(epoch).numpy()[..., None]
    return (x * inside).sum(1) / np.maximum(inside.sum(1), 1)


def seen(trials, prefix, epoch):
    """Direction that a ring of channels shows in an epoch."""
    return np.round(tasks.angle_of(mean_during(channels(trials, prefix), trials, epoch)), 6)


def item(trials, prefix, epoch):
    """Number of the one-hot channel that is on in an epoch, -1 if none is."""
    shown = mean_during(channels(trials, prefix), trials, epoch)
    return np.where(shown.max(1) > 0, shown.argmax(1), -1)


def apart(a, b):
    return np.abs(tasks.angular_error(a, b))


def say(trials, *answers):
    """Outputs that answer +1 or -1 in the last steps of each decision epoch."""
    output = torch.zeros_like(trials.targets)
    names = (
        ["decision"] if "decision" in trials.epochs else [f"decision_{k + 1}" for k in range(len(answers))]
    )
    for name, answer in zip(names, answers, strict=True):
        inside = trials.during(name)[..., None]
        sides = torch.as_tensor(np.stack([answer < 0, answer > 0], 1), dtype=output.dtype)
        output = torch.where(inside, sides[:, None], output)
    return output


# ------------------------------------------------------------------- observers that read nothing but the inputs


def of_match(task, trials):
    return say(
        trials, np.where(apart(seen(trials, "ring", "sample"), seen(trials, "ring", "test")) < 1, 1, -1)
    )


def of_non_match(task, trials):
    return say(
        trials, np.where(apart(seen(trials, "ring", "sample"), seen(trials, "ring", "test")) < 1, -1, 1)
    )


def of_rotation(task, trials):
    rotation = np.array(task.rotations)[item(trials, "rotation", "test")]
    sample, test = (np.exp(1j * np.deg2rad(seen(trials, "ring", epoch))) for epoch in ("sample", "test"))
    return say(trials, np.where(np.abs(sample * np.exp(1j * np.deg2rad(rotation)) - test) < 0.01, 1, -1))


def of_category(task, trials):
    sides = [np.sin(np.deg2rad(seen(trials, "ring", epoch) - task.boundary)) for epoch in ("sample", "test")]
    return say(trials, np.sign(sides[0] * sides[1]))


def of_pair(task, trials):
    return say(trials, np.where(item(trials, "sample", "sample") == item(trials, "test", "test"), 1, -1))


def of_change(task, trials):
    sample, test = (mean_during(channels(trials, "place"), trials, epoch) for epoch in ("sample", "test"))
    return say(trials, np.where(np.abs(sample - test).max(1) > 0.5, 1, -1))


def of_membership(task, trials):
    probe = item(trials, "digit", "decision")
    listed = [item(trials, "digit", f"item_{k + 1}") == probe for k in range(max(task.set_sizes))]
    return say(trials, np.where(np.any(listed, axis=0), 1, -1))


def of_frequency(task, trials):
    up = channels(trials, "frequency_up")
    return say(trials, np.sign(mean_during(up, trials, "second") - mean_during(up, trials, "first"))[:, 0])


def of_sequence(task, trials):
    sample = seen(trials, "ring", "sample")
    return say(
        trials,
        *(
            np.where(apart(seen(trials, "ring", f"test_{k + 1}"), sample) < 1, 1, -1)
            for k in range(task.n_tests)
        ),
    )


def of_dual(task, trials):
    samples = np.stack([seen(trials, prefix, "sample") for prefix in ("first", "second")], 1)
    answers = []
    for k in (1, 2):
        cued = samples[np.arange(len(samples)), item(trials, "cue", f"cue_{k}")]
        answers.append(np.where(apart(seen(trials, "test", f"test_{k}"), cued) < 1, 1, -1))
    return say(trials, *answers)


def of_stream(task, trials):
    lag = np.array(task.lags)[item(trials, "lag", "item_1")]
    shown = [item(trials, "item", f"item_{k + 1}") for k in range(task.n_stream)]
    answers = []
    for k in range(task.n_stream):
        back = np.array([shown[k - n][i] if n <= k else -1 for i, n in enumerate(lag)])
        answers.append(np.where(shown[k] == back, 1, -1))
    return say(trials, *answers)


def point(task, trials, direction):
    output = torch.zeros_like(trials.targets)
    pointing = trials.during("response")
    output[..., 0] = (~pointing).to(output.dtype)
    code = torch.as_tensor(task.code.encode(direction), dtype=output.dtype)
    output[..., 1:] = code[:, None] * pointing[..., None]
    return output


def of_direction(task, trials):
    return point(task, trials, seen(trials, "stimulus", "stimulus"))


def of_probed(task, trials):
    place = item(trials, "probe", "probe") + 1
    angles = np.stack([seen(trials, f"place_{k + 1}", "stimulus") for k in range(task.n_places)], 1)
    return point(task, trials, angles[np.arange(place.size), place - 1])


def of_list(task, trials):
    longest = max(task.list_lengths)
    listed = np.stack([item(trials, "item", f"item_{k + 1}") for k in range(longest)], 1)
    back = channels(trials, "backward")[:, 0, 0] == 1
    output = torch.zeros_like(trials.targets)
    for i, row in enumerate(listed):
        kept = [int(each) for each in row if each >= 0]
        for k, each in enumerate(kept[::-1] if back[i] else kept):
            output[i, trials.during(f"recall_{k + 1}")[i], 1 + each] = 1.0
    return output


def of_patterns(task, trials):
    output = torch.zeros_like(trials.targets)
    for k in range(max(task.lengths)):
        signs = torch.as_tensor(mean_during(channels(trials, "bit"), trials, f"item_{k + 1}"))
        output += signs[:, None] * trials.during(f"recall_{k + 1}")[..., None]
    return output


def of_association(task, trials):
    longest = max(task.numbers_of_pairs)
    pairs = [
        (item(trials, "letter", f"letter_{k + 1}"), item(trials, "digit", f"digit_{k + 1}"))
        for k in range(longest)
    ]
    query = item(trials, "letter", "query")
    output = torch.zeros_like(trials.targets)
    for i, letter in enumerate(query):
        digit = {int(a[i]): int(b[i]) for a, b in pairs if a[i] >= 0}[int(letter)]
        output[i, trials.during("decision")[i], digit] = 1.0
    return output


OBSERVERS = {
    "delayed-match-to-sample": of_match,
    "delayed-non-match-to-sample": of_non_match,
    "rotated-match": of_rotation,
    "delayed-match-to-category": of_category,
    "paired-association": of_pair,
    "change-detection": of_change,
    "sternberg": of_membership,
    "delayed-comparison": of_frequency,
    "match-abba": of_sequence,
    "match-abca": of_sequence,
    "dual-delayed-match": of_dual,
    "n-back": of_stream,
    "ring-memory": of_direction,
    "multi-item-memory": of_probed,
    "serial-recall": of_list,
    "delayed-copy": of_patterns,
    "associative-retrieval": of_association,
}


def test_every_memory_task_has_an_observer():
    names = {getattr(memory, each).name.rpartition("-v")[0] for each in memory.__all__}
    assert names == set(OBSERVERS)


@pytest.mark.parametrize("name", OBSERVERS)
def test_who_reads_the_inputs_is_always_right_and_who_turns_the_answer_round_never(name):
    task, trials = quiet(name, 120)
    output = OBSERVERS[name](task, trials)
    assert task.performance(trials, output).min() == 1
    wrong = output.clone()
    if name in {"ring-memory", "multi-item-memory"}:
        wrong[..., 1:] = wrong[..., 1:].roll(wrong.shape[2] // 2, 2)
    elif name == "delayed-copy":
        wrong = -output
    else:
        first = int(name == "serial-recall")  # its output 0 means to wait
        wrong[..., first:] = wrong[..., first:].roll(1, 2)
    assert task.performance(trials, wrong).max() == 0


@pytest.mark.parametrize("name", OBSERVERS)
def test_fixation_goes_off_where_the_answer_is_and_before_it_targets_rest(name):
    _, trials = quiet(name, 100)
    off = (channels(trials, "fixation")[..., 0] == 0) & (trials.valid.numpy() > 0)
    answering = np.zeros_like(off)
    for epoch in trials.epochs:
        if epoch.split("_")[0] in {"decision", "recall"} or epoch == "response":
            asked = trials.conditions.get(epoch.replace("decision", "asked"), np.ones(100))
            answering |= trials.during(epoch).numpy() & (asked != 0)[:, None]
    assert np.array_equal(off, answering) and answering.any(1).all()
    steps = np.arange(trials.n_steps)
    start = off.argmax(1)[:, None]
    resting = trials.targets.numpy()[(steps < start)]
    assert (resting == resting[0]).all()
    # the first steps of each answer are graced, the last one counts
    counted = trials.mask.numpy() > 0
    assert not counted[np.arange(100), start[:, 0]].any()
    last = steps.size - 1 - off[:, ::-1].argmax(1)
    assert counted[np.arange(100), last].all()


VARIANTS = [
    ("delayed-match-to-sample", {"held_out_samples": (45.0,), "held_out_distances": (90.0, 270.0)}),
    ("delayed-comparison", {"delay": tasks.Uniform(2500.0, 3500.0)}),
    ("rotated-match", {"rotations": (90.0,)}),
    ("delayed-match-to-category", {"boundary": 0.0, "n_directions": 8}),
    ("match-abba", {"n_tests": 5, "delay": tasks.Uniform(200.0, 900.0)}),
    ("match-abca", {"n_tests": 1}),
    ("dual-delayed-match", {"n_directions": 3}),
    ("n-back", {"lags": (2,), "n_stream": 5, "p_match": 0.5}),
    ("paired-association", {"n_pairs": 5}),
    ("ring-memory", {"code": tasks.CosineCode()}),
    ("ring-memory", {"delay": tasks.Choice((1000.0, 2000.0, 4000.0, 8000.0)), "held_out_directions": (0.0, 90.0)}),
    ("multi-item-memory", {"code": tasks.CosineCode(), "set_sizes": (1,)}),
    ("change-detection", {"set_sizes": (4,), "delay": tasks.Uniform(300.0, 1500.0)}),
    ("sternberg", {"set_sizes": (1, 9), "item_shown": 200.0}),
    ("serial-recall", {"orders": ("backward",), "list_lengths": (1, 8)}),
    ("delayed-copy", {"n_bits": 1, "lengths": (6,)}),
    ("associative-retrieval", {"numbers_of_pairs": (3,), "symbol": 200.0}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "fields"), VARIANTS)
def test_other_parameters_keep_the_contract_and_can_be_read_from_the_inputs(name, fields):
    check_task(tasks.make(name, **fields))
    task, trials = quiet(name, 60, **fields)
    assert task.performance(trials, OBSERVERS[name](task, trials)).min() == 1


TIMES = [
    ("delayed-match-to-sample", {"fixation": 300, "sample": 500, "delay": 1000, "test": 500, "decision": 900}),
    ("delayed-match-to-category", {"fixation": 300, "sample": 500, "delay": 1000, "test": 500, "decision": 900}),
    ("rotated-match", {"fixation": 500, "sample": 500, "delay": 1000, "test": 500, "decision": 500}),
    ("match-abba", {"fixation": 500, "sample": 400, "delay": 400, "test_1": 400, "decision_1": 400}),
    ("dual-delayed-match", dict.fromkeys(("sample", "delay_1", "cue_1", "test_1", "delay_2", "cue_2", "test_2"), 500)),
    ("paired-association", {"sample": 1000, "delay": 2000, "test": 1000, "response_delay": 1000, "decision": 500}),
    ("change-detection", {"sample": 100, "delay": 900, "test": 1000, "decision": 1000}),
    ("sternberg", {"item_1": 1200, "delay": 2000}),
    ("delayed-comparison", {"first": 500, "delay": 3000, "second": 500, "decision": 300}),
    ("ring-memory", {"response": 500}),
    ("serial-recall", {"item_1": 400, "delay": 500, "recall_1": 400}),
    ("delayed-copy", {"item_1": 300, "delay": 500, "recall_1": 300}),
    ("associative-retrieval", {"letter_1": 100, "digit_1": 100, "question": 200, "query": 100, "decision": 300}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "times"), TIMES)
def test_epochs_last_as_documented(name, times):
    trials = tasks.make(name).sample(50, seed=0)
    for epoch, duration in times.items():
        assert set(np.diff(trials.epochs[epoch])[:, 0]) == {duration}, epoch


# ------------------------------------------------------------------- statistics of 10,000 trials

N = 10_000
SHORT = {"fixation": 50.0, "delay": 50.0, "dt": 50.0, "grace": 0.0}


def many(name, **fields):
    wanted = {key: value for key, value in (SHORT | fields).items() if value is not None}
    return tasks.make(name, sigma_in=0.0, **wanted).sample(N, seed=7)


def assert_even(values, options, p=None):
    """Counts within 4.5 standard deviations of what equal (or given) probabilities expect."""
    p = np.full(len(options), 1 / len(options)) if p is None else np.asarray(p)
    counts = np.array([(values == each).sum() for each in options])
    assert counts.sum() == values.size
    assert (np.abs(counts - values.size * p) <= 4.5 * np.sqrt(values.size * p * (1 - p))).all(), counts


def test_matches_are_half_and_all_directions_come_as_often():
    short = SHORT | {"sample_shown": 50.0, "test_shown": 50.0, "decision": 50.0}
    for name in MATCH:
        c = many(name, **short).conditions
        directions = tasks.make(name)._directions
        assert_even(c["match"], (True, False))
        assert_even(c["sample"], directions)
        matching = c["correct_choice"] == (-1 if "non-match" in name else 1)
        assert np.array_equal(matching, c["match"])
        if name == "delayed-match-to-category":
            assert_even(c["test"], directions)
        else:
            sought = c["sample"] + c.get("rotation", 0.0)
            turned = (c["test"] - sought)[~c["match"]] % 360
            assert_even(turned, np.arange(1, 8) * 45.0)
            assert (c["test_distance"] == 0).sum() == c["match"].sum()
    assert_even(many("rotated-match", **short).conditions["rotation"], (0.0, 45.0, 90.0, 180.0))


def test_one_rule_sorts_samples_and_tests():
    trials = many("delayed-match-to-category", sample_shown=50.0, test_shown=50.0, decision=50.0)
    c = trials.conditions
    of_sample = dict(zip(c["sample"].tolist(), c["category"].tolist(), strict=True))
    of_test = dict(zip(c["test"].tolist(), c["test_category"].tolist(), strict=True))
    assert of_sample == of_test and len(of_sample) == 12
    # 45 to 225 degrees, counted by hand
    assert sorted(k for k, v in of_sample.items() if v == 1) == [60.0, 90.0, 120.0, 150.0, 180.0, 210.0]
    assert sorted(np.unique(np.abs(c["boundary_distance"])).tolist()) == [15.0, 45.0, 75.0]
    assert np.array_equal(np.sign(c["boundary_distance"]), c["category"])
    with pytest.raises(ValueError, match=r"on the boundary \(45 or 225 degrees\) has no category"):
        tasks.make("delayed-match-to-category").sample(1, seed=0, conditions={"sample": 225.0})


def test_a_category_is_reported_by_what_is_called_a_match():
    task, trials = quiet("delayed-match-to-category")
    found = task.behaviour(trials, of_category(task, trials))
    assert np.array_equal(found["reported_category"], trials.conditions["category"])
    opposite = task.behaviour(trials, of_category(task, trials).flip(2))
    assert np.array_equal(opposite["reported_category"], -trials.conditions["category"])


def test_only_abba_repeats_distractors_and_only_the_last_two():
    for name in ("match-abba", "match-abca"):
        c = many(name, sample_shown=50.0, test_shown=50.0, decision=50.0).conditions
        tests = np.stack([c[f"test_direction_{k}"] for k in (1, 2, 3)], 1)
        assert_even(c["match_position"], (0, 1, 2, 3))
        for sample, position, repeated, row in zip(
            c["sample"], c["match_position"], c["repeated"], tests, strict=True
        ):
            shown = row[~np.isnan(row)].tolist()
            assert len(shown) == (position or 3)
            assert [each == sample for each in shown].count(True) == (position > 0)
            distractors = [each for each in shown if each != sample]
            assert position == 0 or shown[-1] == sample
            if repeated:
                assert len(distractors) >= 2 and distractors[-1] == distractors[-2]
            assert len(set(distractors)) == len(distractors) - bool(repeated)
        can = c["n_distractors"] >= 2
        if name == "match-abba":
            assert_even(c["repeated"][can], (True, False))
        assert not c["repeated"][~can].any() and (name == "match-abba") == c["repeated"].any()


def test_a_trial_of_several_tests_ends_with_its_match():
    task, trials = quiet("match-abba", 200)
    position = trials.conditions["match_position"]
    n = np.where(position == 0, 3, position)
    assert np.array_equal(trials.duration, 500 + 400 + 400 + n * 800)
    always_no = say(trials, *[-np.ones(200)] * 3)
    found = task.behaviour(trials, always_no)
    assert np.array_equal(found["correct"], position == 0)
    assert np.isnan(found["correct_3"]).sum() == np.isin(position, (1, 2)).sum()
    assert np.nanmin(found["second_rejected"]) == 1


def test_lures_are_the_sample_that_was_not_cued():
    c = many(
        "dual-delayed-match", sample_shown=50.0, cue_shown=50.0, test_shown=50.0, decision=50.0
    ).conditions
    assert (c["sample_1"] != c["sample_2"]).all()
    for k in (1, 2):
        cued = np.where(c[f"cue_{k}"] == 1, c["sample_1"], c["sample_2"])
        other = np.where(c[f"cue_{k}"] == 1, c["sample_2"], c["sample_1"])
        test = c[f"test_direction_{k}"]
        assert np.array_equal(test == cued, c[f"match_{k}"])
        assert np.array_equal(test == other, c[f"lure_{k}"])
        assert_even(c[f"match_{k}"], (True, False))
        assert_even(c[f"lure_{k}"][~c[f"match_{k}"]], (True, False))
    assert_even(c["switch"], (True, False))


def test_matches_in_a_stream_have_their_probability_at_each_lag():
    c = many("n-back", item_shown=50.0, decision=50.0, delay=None).conditions
    asked = np.stack([c[f"asked_{k + 1}"] for k in range(10)], 1)
    shown = np.stack([c[f"shown_{k + 1}"] for k in range(10)], 1)
    assert_even(c["lag"], (1, 2, 3))
    for lag in (1, 2, 3):
        rows = c["lag"] == lag
        assert not asked[rows, :lag].any() and asked[rows, lag:].all()
        same = shown[rows, lag:] == shown[rows, :-lag]
        assert np.array_equal(same, asked[rows, lag:] == 1)
        assert_even(same.ravel(), (True, False), (1 / 3, 2 / 3))
    assert_even(shown[:, 0], range(1, 9))


def test_the_performance_of_a_stream_is_graded_and_always_no_knows_nothing():
    task, trials = quiet("n-back", 400)
    no = task.performance(trials, say(trials, *[-np.ones(400)] * 10))
    assert no.mean() == pytest.approx(2 / 3, abs=0.04)
    ds = trials_with_behaviour(task, trials, say(trials, *[-np.ones(400)] * 10))
    found = task.measures["sensitivity and criterion by lag"].apply(ds)
    assert np.abs(found.sensitivity).max() < 0.3 and found.at_bound.all()


def test_pairs_lists_and_sets_have_their_sizes():
    c = many(
        "paired-association", sample_shown=50.0, test_shown=50.0, response_delay=50.0, decision=50.0
    ).conditions
    assert_even(c["paired"], (True, False))
    assert_even(c["test"], (1, 2))
    assert np.array_equal(c["paired"], c["sample"] == c["test"])
    c = many("change-detection", sample_shown=50.0, test_shown=50.0, decision=50.0).conditions
    assert_even(c["set_size"], (1, 2, 3, 4, 6))
    assert_even(c["changed_place"][c["change"]], range(1, 7))
    c = many("sternberg", item_shown=50.0, decision=50.0).conditions
    assert_even(c["present"], (True, False))
    six = (c["set_size"] == 6) & c["present"]
    assert_even(c["position"][six], range(1, 7))
    assert_even(c["probe"], range(10))
    c = many("associative-retrieval", symbol=50.0, decision=50.0, fixation=None, delay=None).conditions
    assert_even(c["lag"][c["n_pairs"] == 8], range(8))
    assert_even(c["answer"], range(10))
    c = many("serial-recall", item_shown=50.0, recall=50.0, pulse=50.0).conditions
    assert_even(c["order"], ("forward", "backward"))
    assert_even(c["list_length"], (2, 3, 4, 5))
    assert_even(c["shown_1"], range(1, 9))
    trials = many("delayed-copy", item_shown=50.0, recall=50.0)
    first = trials.inputs[trials.during("item_1")][:, 1:].numpy()
    assert_even((first > 0).ravel(), (True, False))
    assert_even(trials.conditions["n_patterns"], (1, 2, 3, 4))


def test_ring_memories_have_the_delays_and_directions_of_their_source():
    trials = tasks.make("ring-memory", dt=50.0, code=tasks.CosineCode()).sample(N, seed=3)
    c = trials.conditions
    assert_even(c["fixation"], (300.0, 500.0, 700.0))
    assert_even(c["stimulus"], (200.0, 400.0, 600.0))
    assert_even(c["delay"], (200.0, 400.0, 800.0, 1600.0))
    assert_even(np.floor(c["direction"] / 30), range(12))
    multi = many("multi-item-memory", code=tasks.CosineCode(), stimulus=50.0, probe=50.0, response=50.0)
    m = multi.conditions
    assert_even(m["set_size"], (1, 2, 3, 4))
    assert_even(m["target_place"], (1, 2, 3, 4))
    others = np.stack([m[f"non_target_{k}"] for k in (1, 2, 3)], 1)
    assert np.array_equal((~np.isnan(others)).sum(1), m["set_size"] - 1)
    assert_even(np.floor(others[m["set_size"] == 4].ravel() / 30), range(12))
    shown = mean_during(channels(multi, "place"), multi, "stimulus").reshape(N, 4, 2)
    assert np.array_equal((np.hypot(*np.moveaxis(shown, 2, 0)) > 0.5).sum(1), m["set_size"])


# ------------------------------------------------------------------- held out, judged, measured


def test_what_is_held_out_is_shown_in_tests_alone():
    task = tasks.make("delayed-match-to-sample", held_out_samples=(45.0,), held_out_distances=(90.0,))
    train, test = (task.sample(600, seed=0, split=split).conditions for split in ("train", "test"))
    assert 45.0 not in train["sample"] and set(test["sample"]) == {45.0}
    assert 90.0 not in (train["test"] - train["sample"]) % 360
    assert set(((test["test"] - test["sample"]) % 360).tolist()) == {0.0, 90.0}
    ring = tasks.make("ring-memory", code=tasks.CosineCode(), held_out_directions=(90.0, 180.0))
    for split, inside in (("train", 0), ("test", 1)):
        direction = ring.sample(600, seed=0, split=split).conditions["direction"]
        assert ((direction > 90) & (direction < 180)).mean() == inside


def test_a_ring_response_needs_fixation_a_response_and_a_small_error():
    task, trials = quiet("ring-memory", 100)
    direction = trials.conditions["direction"]
    for turn, right in ((0.0, 1), (30.0, 1), (-30.0, 1), (40.0, 0), (180.0, 0)):
        found = task.behaviour(trials, point(task, trials, direction + turn))
        assert np.allclose((found["angular_error"] - turn + 180) % 360, 180, atol=1e-3)
        assert (found["performance"] == right).all()
    broken = point(task, trials, direction)
    broken[..., 0] = 0.0  # never fixates
    found = task.behaviour(trials, broken)
    assert not found["fixated"].any() and np.isnan(found["angular_error"]).all()
    stuck = point(task, trials, direction)
    stuck[..., 0] = 1.0  # never lets go
    found = task.behaviour(trials, stuck)
    assert found["fixated"].all() and not found["responded"].any() and found["performance"].max() == 0
    lost = task.behaviour(trials, torch.full_like(trials.targets, float("nan")))
    assert np.isnan(lost["angular_error"]).all() and lost["performance"].max() == 0


@pytest.mark.parametrize("code", [tasks.RingCode(32), tasks.CosineCode()])
def test_both_codes_tell_the_same_directions(code):
    _, trials = quiet("ring-memory", 50, code=code)
    assert np.allclose(
        apart(seen(trials, "stimulus", "stimulus"), trials.conditions["direction"]), 0, atol=0.1
    )
    inside = trials.during("response")
    asked = np.stack([trials.targets[k, inside[k]][0, 1:] for k in range(50)])
    assert np.allclose(apart(tasks.angle_of(asked), trials.conditions["direction"]), 0, atol=0.1)


def test_a_reaction_time_is_when_the_outputs_come_apart():
    task, trials = quiet("sternberg", 40)
    side = trials.conditions["correct_choice"]
    late = torch.zeros_like(trials.targets)
    elapsed = trials.time[None] - trials.epochs["decision"][:, :1]
    on = torch.as_tensor((elapsed >= 300) & (trials.during("decision").numpy()))
    late[..., 1] = on * torch.as_tensor(side)[:, None]
    found = task.behaviour(trials, late)
    assert set(found["reaction_time"]) == {320.0} and found["performance"].min() == 1
    never = task.behaviour(trials, 0.3 * late)
    assert np.isnan(never["reaction_time"]).all() and never["performance"].min() == 1


def test_serial_positions_are_those_of_the_list_in_both_orders():
    task, trials = quiet("serial-recall", 200, conditions={"list_length": 4})
    output = of_list(task, trials)
    first = trials.during("recall_1")
    output[first] = 0.0
    output[..., 0] += first.to(output.dtype)  # waits when the first item is due
    found = task.behaviour(trials, output)
    back = trials.conditions["order"] == "backward"
    assert np.array_equal(found["correct_1"] == 0, ~back) and np.array_equal(found["correct_4"] == 0, back)
    assert (found["recalled_1"] == 0).all() and np.allclose(found["performance"], 0.75)
    assert np.isnan(found["correct_5"]).all()


def trials_with_behaviour(task, trials, output):
    columns = {**trials.conditions, **task.behaviour(trials, output)}
    units = trials.info.units
    return xr.Dataset({k: ("trial", v, {"units": units.get(k, "1")}) for k, v in columns.items()})


@pytest.mark.parametrize("name", OBSERVERS)
def test_measures_apply_to_a_subject_that_sometimes_errs(name):
    """Noise on the inputs that the observer reads; every measure gives numbers, with units, and can be drawn."""
    task, trials = quiet(name, 600)
    output = OBSERVERS[name](task, trials)
    rng = np.random.default_rng(0)
    if name in {"ring-memory", "multi-item-memory"}:
        direction = trials.conditions["direction"] + 10 * rng.standard_normal(600)
        output = point(task, trials, direction)
    else:
        astray = torch.as_tensor(rng.random(600) < 0.2)
        output[astray] = output[astray].roll(1, 2)
    ds = trials_with_behaviour(task, trials, output)
    results = task.analyse(ds)
    assert not [node.attrs["failed"] for node in results.children.values() if "failed" in node.attrs]
    figure = task.plot(results)
    panels = [ax.get_title() for ax in figure.axes if ax.get_title()]  # a colour bar has axes, too
    assert [each.lower() for each in panels] == [title.lower() for title in task.measures]
    assert all(ax.get_ylabel() for ax in figure.axes)


def test_networks_are_analysed_end_to_end():
    task = tasks.make("delayed-match-to-sample")
    network = neurornn.CTRNN(task.n_inputs, 10, task.n_outputs, dt=task.dt)
    found = task.analyse(neurornn.simulate(network, task.sample(60, seed=0), task=task))
    assert set(found.children) == set(task.measures)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: tasks.make("rotated-match", rotations=(0.0, 360.0)), "rotations needs different finite angles"),
        (lambda: tasks.make("rotated-match").sample(1, seed=0, conditions={"rotation": 10.0}), "A rotation has a cue only if"),
        (lambda: tasks.make("delayed-match-to-category", n_directions=7), "even n_directions"),
        (lambda: tasks.make("delayed-match-to-category").sample(1, seed=0, conditions={"test_offset": 180.0}), "above 0 and below 180"),
        (lambda: tasks.make("delayed-non-match-to-sample").sample(1, seed=0, conditions={"match": False, "non_match_distance": 360.0}), "must not be 0"),
        (lambda: tasks.make("match-abba", n_tests=8), "below n_directions"),
        (lambda: tasks.make("match-abba").sample(1, seed=0, conditions={"match_position": 4}), "from 0 .* to n_tests=3: got"),
        (lambda: tasks.make("match-abca", grace=400.0), "leave a step of the decision epochs to judge"),
        (lambda: tasks.make("match-abca").sample(1, seed=0, conditions={"decision": 100.0}), "must outlast the grace period of 100 ms"),
        (lambda: tasks.make("n-back", low=1.0), "high target must exceed the low one"),
        (lambda: tasks.make("dual-delayed-match", n_directions=2), "n_directions >= 3: got 2"),
        (lambda: tasks.make("dual-delayed-match").sample(1, seed=0, conditions={"cue_1": 3}), "names sample 1 or sample 2"),
        (lambda: tasks.make("n-back", lags=(0,)), "whole numbers of at least 1"),
        (lambda: tasks.make("n-back", n_stream=3), "longer than the largest lag"),
        (lambda: tasks.make("n-back", p_match=1.0), "p_match must lie between 0 and 1: got 1"),
        (lambda: tasks.make("n-back").sample(1, seed=0, conditions={"lag": 4}), "A lag has a cue only if"),
        (lambda: tasks.make("paired-association", n_pairs=1), "n_pairs must be a whole number of at least 2"),
        (lambda: tasks.make("paired-association").sample(1, seed=0, conditions={"sample": 3}), "from 1 to n_pairs=2"),
        (lambda: tasks.make("ring-memory", code="ring"), r"code must be RingCode\(...\) or CosineCode\(...\): got 'ring'"),
        (lambda: tasks.make("ring-memory", grace=500.0), "leave a step of the response epoch to judge"),
        (lambda: tasks.make("ring-memory", threshold=0.9), "threshold must lie between low and high"),
        (lambda: tasks.make("multi-item-memory", set_sizes=(5,)), "from 1 to n_places=4: got"),
        (lambda: tasks.make("multi-item-memory").sample(1, seed=0, conditions={"set_size": 5}), "set_size is a whole number from 1 to 4"),
        (lambda: tasks.make("change-detection", n_colours=1), "n_colours >= 2: got 1"),
        (lambda: tasks.make("change-detection", set_sizes=()), "set_sizes needs different numbers"),
        (lambda: tasks.make("sternberg", set_sizes=(10,)), "from 1 to below n_items=10"),
        (lambda: tasks.make("sternberg").sample(1, seed=0, conditions={"set_size": 7}), "from 1 to 6"),
        (lambda: tasks.make("serial-recall", orders=("sideways",)), "orders needs some of"),
        (lambda: tasks.make("serial-recall", list_lengths=(9,)), "list_lengths needs different whole numbers of at least 1 and at most 8"),
        (lambda: tasks.make("serial-recall", pulse=10.0), "the pulse must last from dt"),
        (lambda: tasks.make("delayed-copy", n_bits=0), "n_bits must be at least 1"),
        (lambda: tasks.make("delayed-copy", grace=300.0), "leave a step of the recall epochs"),
        (lambda: tasks.make("associative-retrieval", n_digits=1), "fewer than two digits: got 1"),
        (lambda: tasks.make("associative-retrieval", numbers_of_pairs=(27,)), "at most 26"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(act, message):
    with pytest.raises(ValueError, match=message):
        act()


def test_fields_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        tasks.make("n-back").p_match = 0.5
