"""The long-range tasks: their statistics, their timing, and policies that see the inputs and nothing else."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest

from neurornn import tasks
from neurornn.tasks import long_range

ARITHMETIC = {
    "addition": lambda a, b: (a + b) / 2,
    "multiplication": lambda a, b: a * b,
    "xor": lambda a, b: a != b,
}
SYMBOLIC = ["addition", "multiplication", "xor", "temporal-order", "temporal-order-3-bit", "random-permutation",
            "memorisation-5-bit", "memorisation-20-bit", "counting-language", "t-maze", "reverse-reconstruction", "row-images"]  # fmt: skip
N = 10_000


def scored(task, trials, output):
    return task.performance(trials, torch.as_tensor(np.asarray(output, dtype=np.float32)))


def even(values, options):
    """Whether the options are equally likely, at one in ten thousand."""
    counts = [(np.asarray(values) == each).sum() for each in options]
    return sum(counts) == len(values) and chisquare(counts).pvalue > 1e-4


# two marked numbers


@pytest.mark.parametrize("name", ARITHMETIC)
def test_marks_and_lengths_are_where_the_thesis_has_them(name):
    task = tasks.make(name, length=30)
    trials = task.sample(N, seed=0)
    mark, c = trials.inputs[..., 1].numpy(), trials.conditions
    assert even(c["length"], [30, 31, 32, 33])
    assert np.array_equal(trials.duration, 50.0 * c["length"])
    assert np.array_equal(trials.epochs["answer"][:, 0], 50.0 * (c["length"] - 1))
    _, step = np.nonzero(mark == 1)
    first, second = step.reshape(N, 2).T
    assert np.array_equal(first, c["first"]) and np.array_equal(second, c["second"])
    assert even(first, [1, 2, 3]) and np.all(first <= c["length"] // 10)
    assert set(second) == set(range(4, 17))
    assert np.all((second > c["length"] // 10) & (second <= c["length"] // 2))
    assert even(second[c["length"] == 33], range(4, 17))
    _, step = np.nonzero(mark == -1)
    assert np.array_equal(step.reshape(N, 2), np.stack([np.zeros(N), c["length"] - 1], 1))
    assert np.array_equal(c["lag"], c["length"] - 1 - first)
    assert torch.equal(trials.mask.sum(1), torch.ones(N))


@pytest.mark.parametrize("name", ARITHMETIC)
def test_whoever_reads_the_marks_knows_the_answer(name):
    task = tasks.make(name)
    trials = task.sample(500, seed=1)
    u, mark = trials.inputs.numpy().transpose(2, 0, 1)
    a, b = u[mark == 1].reshape(-1, 2).T
    answer = ARITHMETIC[name](a, b).astype(float)
    output = answer[:, None, None] * np.ones((1, trials.n_steps, 1))
    if name == "xor":
        output = np.concatenate([1 - output, output], 2)
        assert scored(task, trials, output[..., ::-1].copy()).mean() == 0  # negative control
    else:
        assert scored(task, trials, output + 0.039).mean() == 1
        assert scored(task, trials, output - 0.041).mean() == 0
    assert scored(task, trials, output).mean() == 1


def test_the_numbers_are_uniform_and_a_guess_is_right_as_often_as_it_must():
    """|(a + b)/2 - 1/2| <= 0.04 has probability 1 - 0.92^2; four standard errors of 10,000 trials are 0.0144."""
    task = tasks.make("addition", length=20)
    trials = task.sample(N, seed=3)
    assert kstest(trials.inputs[:, :20, 0].numpy().ravel()[::7], "uniform").pvalue > 1e-4
    guess = scored(task, trials, np.full(trials.targets.shape, 0.5))
    assert guess.mean() == pytest.approx(1 - 0.92**2, abs=0.0144)
    bits = tasks.make("xor").sample(N, seed=3)
    assert set(np.unique(bits.inputs[..., 0])) == {0.0, 1.0}
    assert even(2 * bits.conditions["first_value"] + bits.conditions["second_value"], range(4))


def test_longer_sequences_than_trained_can_be_asked_for():
    task = tasks.make("addition", length=20, held_out_lengths=[22])
    assert set(task.sample(300, seed=0).conditions["length"]) == {20, 21}
    assert set(task.sample(30, seed=0, split="test").conditions["length"]) == {22}
    far = task.grid(3, length=[100, 200])
    assert far.n_steps == 200 and set(far.conditions["length"]) == {100, 200}
    assert task.performance(far, far.targets).mean() == 1


# symbols among distractors


@pytest.mark.parametrize(("name", "windows"), [
    ("temporal-order", ((1, 10), (40, 50))),
    ("temporal-order-3-bit", ((1, 10), (30, 40), (50, 60))),
])  # fmt: skip
def test_special_symbols_lie_in_their_windows_and_name_the_class(name, windows):
    task = tasks.make(name, length=100, stretch=1.0)
    trials = task.sample(N, seed=0)
    symbol = trials.inputs.argmax(2).numpy()
    assert torch.equal(trials.inputs.sum(2), torch.ones(N, 100))
    assert np.all(symbol[:, 0] == 6) and np.all(symbol[:, -1] == 7)
    special = np.isin(symbol, (4, 5))
    assert np.all(special.sum(1) == len(windows))
    places = np.nonzero(special)[1].reshape(N, -1)
    for k, (low, high) in enumerate(windows):
        assert even(places[:, k], range(low, high + 1))
    assert even(symbol[~special & (symbol < 6)], range(4))
    spelled = np.array(["X", "Y"])[symbol[special].reshape(N, -1) - 4]
    said = ["".join(each) for each in spelled]
    assert even(said, ["".join(each) for each in itertools.product("XY", repeat=len(windows))])
    output = np.zeros(trials.targets.shape)
    output[np.arange(N), :, [task.output_names.index(each) for each in said]] = 1
    assert scored(task, trials, output).mean() == 1
    assert scored(task, trials, np.roll(output, 1, 2)).mean() == 0
    assert scored(task, trials, np.zeros_like(output)).mean() == 0  # no answer is no guess


def test_windows_of_other_generators():
    task = tasks.make("temporal-order", length=100, stretch=1.0, windows=[[0.1, 0.2], [0.5, 0.6]])
    c = task.sample(2000, seed=0).conditions
    assert (c["first"].min(), c["first"].max(), c["second"].min(), c["second"].max()) == (10, 20, 50, 60)


def test_the_permutation_problem_can_only_be_solved_from_its_first_symbol():
    task = tasks.make("random-permutation")
    trials = task.sample(2000, seed=0)
    symbol = trials.inputs.argmax(2).numpy()
    assert trials.inputs.shape == (2000, 50, 100) and trials.mask.min() == 1
    assert even(symbol[:, 0], [0, 1]) and even(symbol[:, 1:].ravel(), range(2, 100))
    output = np.zeros(trials.targets.shape)
    output[np.arange(2000), -1, symbol[:, 0]] = 1
    assert scored(task, trials, output).mean() == 1
    output[:, -1, [0, 1]] = output[:, -1, [1, 0]]
    assert scored(task, trials, output).mean() == 0


@pytest.mark.parametrize(("name", "n", "letters"), [("memorisation-5-bit", 5, 2), ("memorisation-20-bit", 10, 5)])  # fmt: skip
def test_lists_come_back_after_the_trigger(name, n, letters):
    task = tasks.make(name, delay=30)
    trials = task.sample(N, seed=0)
    symbol = trials.inputs.argmax(2).numpy()
    assert trials.n_steps == 30 + 2 * n
    assert even(symbol[:, :n].ravel(), range(letters))
    assert np.all(symbol[:, n + 29] == letters + 1)  # symbol T + n, counted from 1
    silent = np.delete(symbol[:, n:], 29, axis=1)
    assert np.all(silent == letters)
    remembered = np.full((N, trials.n_steps), letters)
    remembered[:, -n:] = symbol[:, :n]
    output = np.eye(letters + 1)[remembered]
    assert scored(task, trials, output).mean() == 1
    assert not task.behaviour(trials, torch.as_tensor(output))["n_blank_errors"].any()
    output[:, -1] = np.roll(output[:, -1], 1, axis=-1)
    forgot = task.behaviour(trials, torch.as_tensor(output))
    assert forgot["performance"].max() == 0 and not forgot[f"recalled_{n}"].any()
    assert np.allclose(forgot["fraction_recalled"], 1 - 1 / n)


def test_the_five_bits_are_thirty_two_lists():
    task = tasks.make("memorisation-5-bit", delay=200, only_recall=True)
    trials = task.sample(32, seed=0, balanced=True)
    assert task.n_conditions == 32
    assert len({tuple(row) for row in trials.inputs[:, :5].argmax(2).tolist()}) == 32
    assert torch.equal(trials.mask.nonzero()[:, 1].unique(), torch.arange(205, 210))


def test_serial_position_shows_what_is_forgotten():
    task = tasks.make("memorisation-20-bit")
    trials = task.sample(400, seed=0)
    rng = np.random.default_rng(0)
    output = trials.targets.numpy().copy()
    lost = rng.random((400, 10)) < np.linspace(0, 0.9, 10)
    output[:, -10:][lost] = 0
    behaviour = task.behaviour(trials, torch.as_tensor(output))
    import xarray as xr

    ds = xr.Dataset({name: ("trial", values) for name, values in {**trials.conditions, **behaviour}.items()})
    results = task.analyse(ds)
    curve = results["serial position"].to_dataset()
    assert curve["position"].values.tolist() == list(range(1, 11))
    assert np.allclose(curve["accuracy"], 1 - lost.mean(0))
    figure = task.plot(results)
    assert figure.axes[0].get_xlabel() == "position"
    assert figure.axes[0].get_ylabel() == "fraction correct"


def test_a_sequence_comes_back_in_reverse():
    task = tasks.make("reverse-reconstruction")
    trials = task.sample(300, seed=0)
    symbol = trials.inputs.argmax(2).numpy()
    assert trials.n_steps == 41 and even(symbol[:, :20].ravel(), range(6))
    output = np.eye(7)[np.concatenate([np.full((300, 21), 6), symbol[:, 19::-1]], 1)]
    assert scored(task, trials, output).mean() == 1
    output[:, 21:] = output[:, :20:-1].copy()
    assert scored(task, trials, output).mean() == 0
    few = dataclasses.replace(task, n_lists=3)
    lists = {tuple(row) for row in few.sample(200, seed=0).inputs[:, :20].argmax(2).tolist()}
    assert len(lists) == 3 and lists == {tuple(row) for row in few.sample(200, seed=9).inputs[:, :20].argmax(2).tolist()}  # fmt: skip
    assert lists != {tuple(row) for row in dataclasses.replace(few, list_seed=1).sample(200, seed=0).inputs[:, :20].argmax(2).tolist()}  # fmt: skip


# counting, the maze, the images


def counter(inputs, count=True):
    """Predict a until the break, then as many b as there were a."""
    output = np.zeros(inputs.shape)
    for i, row in enumerate(inputs.argmax(2)):
        n, left = 0, None
        for t, symbol in enumerate(row):
            if symbol == 0:
                n, said = n + 1, 0
            elif symbol == 2:
                left, said = n, 1
            else:
                left -= 1
                said = 1 if left > 0 or not count else 2
            output[i, t, said] = 1
    return output


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_counter_solves_the_counting_language(split):
    task = tasks.make("counting-language")
    trials = task.sample(400, seed=0, split=split)
    assert even(trials.conditions["n"], [1, 2, 3, 4] if split == "train" else [6, 7, 8, 9])
    assert np.array_equal(trials.duration, 50.0 * (2 * trials.conditions["n"] + 1))
    text = ["".join("ab|"[k] for k in row[row.sum(1) > 0].argmax(1)) for row in trials.inputs.numpy()]
    assert text == ["a" * n + "|" + "b" * n for n in trials.conditions["n"]]
    output = counter(trials.inputs.numpy())
    found = task.behaviour(trials, torch.as_tensor(output))
    assert found["performance"].min() == 1 and found["counted"].all()
    assert np.all(found["n_wrong"] == 1)  # the end of the a cannot be known
    careless = task.behaviour(trials, torch.as_tensor(counter(trials.inputs.numpy(), count=False)))
    assert careless["performance"].max() == 0 and not careless["counted"].any()


def walk(cue, delay, branch, side):
    """The maze as a map: what is seen on the way of an animal that follows the cue, and where the reward lies."""
    grid = {(x, 0): 0 for x in range(cue + delay + 1)}
    grid |= {(x, 0): 1 if side == "left" else 2 for x in range(cue)}
    grid |= {(cue + delay, y): 4 for y in range(-branch, branch + 1)} | {(cue + delay, 0): 3}
    goal = (cue + delay, -branch if side == "left" else branch)
    here, action, rows = (0, 0), 1, []
    while True:
        row = np.zeros(11)
        row[[action, 4 + (here == goal), 6 + grid[here]]] = 1
        rows.append(row)
        if here == goal:
            return np.array(rows)
        action = 3 if here[0] < cue + delay else (0 if side == "left" else 2)
        here = (here[0] + (action == 3), here[1] + {0: -1, 2: 1}.get(action, 0))


def test_the_maze_is_a_maze():
    task = tasks.make("t-maze", sigma_in=0.0)
    trials = task.sample(60, seed=0)
    c = trials.conditions
    for i in range(60):
        rows = walk(*(int(c[name][i]) for name in ("cue", "delay", "branch")), c["side"][i])
        n = len(rows) - 1
        assert np.array_equal(trials.inputs[i, :n], rows[:-1]) and np.array_equal(
            trials.targets[i, :n], rows[1:]
        )
        assert trials.duration[i] == 50.0 * n
    many = task.sample(3000, seed=0).conditions
    assert even(many["cue"], range(20, 24)) and even(many["delay"], range(50, 56))
    assert even(many["branch"], range(20, 26)) and even(many["side"], ["left", "right"])


def test_who_follows_the_cue_solves_the_maze_and_who_does_not_fails_half_of_it():
    task = tasks.make("t-maze")
    trials = task.sample(200, seed=0)
    seen = trials.inputs[..., 6:].numpy() > 0.5
    left = seen[:, 0, 1]
    turned = np.cumsum(seen[..., 3], axis=1) > 0
    output = np.zeros(trials.targets.shape)
    output[..., 3] = ~turned
    output[..., 0], output[..., 2] = turned & left[:, None], turned & ~left[:, None]
    assert scored(task, trials, output).mean() == 1
    output[..., [0, 2]] = output[..., [2, 0]]
    wrong = task.behaviour(trials, torch.as_tensor(output))
    assert not wrong["turn_correct"].any() and 0.7 < wrong["fraction_actions"].mean() < 0.8


def test_the_noise_of_the_maze_is_that_of_the_source():
    task = tasks.make("t-maze")
    noise = task.sample(200, seed=0).inputs - dataclasses.replace(task, sigma_in=0.0).sample(200, seed=0).inputs  # fmt: skip
    assert noise[:, :90].std().item() == pytest.approx(0.01, rel=0.02)


def test_images_come_row_by_row_and_train_and_test_share_none():
    from sklearn.datasets import load_digits

    data = load_digits()
    task = tasks.make("row-images")
    train, test = task.sample(3000, seed=0), task.sample(1000, seed=0, split="test")
    for trials in (train, test):
        image = trials.conditions["image"]
        assert np.allclose(trials.inputs, data.images[image] / 16)
        assert np.array_equal(trials.conditions["label"], data.target[image])
    assert not set(train.conditions["image"]) & set(test.conditions["image"])
    assert even(train.conditions["label"], range(10))
    # the nearest training image, from the inputs alone, knows the label
    flat = [each.inputs.reshape(each.n_trials, -1) for each in (train, test)]
    nearest = torch.cdist(flat[1], flat[0]).argmin(1).numpy()
    output = np.eye(10)[train.conditions["label"][nearest]][:, None] * np.ones((1, 8, 1))
    assert scored(task, test, output).mean() > 0.93
    assert tasks.make("row-images", skip_rows=3).sample(2, seed=0).n_steps == 5


def test_images_of_your_own():
    images = np.arange(6 * 4 * 3, dtype=float).reshape(6, 4, 3)
    task = long_range.RowImages(images=images, labels=["a", "a", "a", "b", "b", "b"], held_out=0.34)
    assert task.input_names == ("column_1", "column_2", "column_3") and task.output_names == (
        "label_a",
        "label_b",
    )
    trials = task.sample(50, seed=0)
    assert set(trials.conditions["image"]) == {0, 1, 3, 4}
    assert set(task.sample(50, seed=0, split="test").conditions["image"]) == {2, 5}
    assert np.allclose(trials.inputs, images[trials.conditions["image"]] / 71)
    assert task == dataclasses.replace(task) and "array" not in repr(task)


@pytest.mark.parametrize("n", [1, 5])
def test_blank_rows_come_after_the_image_and_the_answer_is_due_at_the_last(n):
    plain, blank = (tasks.make("row-images", blank_rows=k) for k in (0, n))
    image, trials = plain.sample(20, seed=0), blank.sample(20, seed=0)
    assert np.array_equal(trials.inputs[:, :8], image.inputs) and not trials.inputs[:, 8:].any()
    assert trials.n_steps == 8 + n and np.array_equal(trials.conditions["image"], image.conditions["image"])
    assert not trials.mask[:, :-1].any() and trials.mask[:, -1].all()
    assert np.array_equal(trials.targets[:, -1], image.targets[:, -1])
    output = torch.zeros(trials.targets.shape)
    output[:, -2] = 3 * torch.roll(image.targets[:, -1], 1, 1)  # what was said before does not count
    output[:, -1] = trials.targets[:, -1]
    assert scored(blank, trials, output).all()


# time


@pytest.mark.parametrize("name", SYMBOLIC)
def test_a_symbol_lasts_as_many_steps_as_fit(name):
    task = tasks.make(name)
    task = dataclasses.replace(task, sigma_in=0.0)
    coarse, fine, between = (dataclasses.replace(task, dt=dt).sample(6, seed=2) for dt in (50.0, 10.0, 20.0))
    for part in ("inputs", "targets"):
        a, b = getattr(coarse, part).numpy(), getattr(fine, part).numpy()
        assert np.array_equal(np.repeat(a, 5, axis=1)[:, : b.shape[1]], b)
        steps = np.arange(between.n_steps)
        number = np.floor((steps * 20.0 + 10.0 - 1e-9) / 50.0).astype(int)  # half a step rounds up
        assert np.array_equal(a[:, np.minimum(number, a.shape[1] - 1)], getattr(between, part).numpy())


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: tasks.make("addition", dt=100.0), "as long as a symbol: got dt=100 ms and symbol=50 ms"),
        (lambda: tasks.make("addition", length=9), "10 or more, and stretch at least 1: got length=9"),
        (lambda: tasks.make("addition", stretch=0.9), "got length=50 and stretch=0.9"),
        (lambda: tasks.make("addition").sample(1, seed=0, conditions={"length": 20.5}), "length must be a whole number, 10 or more"),
        (lambda: tasks.make("addition").sample(1, seed=0, conditions={"first_place": 2.0}), r"place within a window lies in \[0, 1\]"),
        (lambda: tasks.make("xor").sample(1, seed=0, conditions={"first_value": 2}), "A bit is 0 or 1"),
        (lambda: tasks.make("temporal-order", windows=((0.0, 0.6), (0.4, 0.5))), "rising fractions of the length"),
        (lambda: tasks.make("temporal-order", length=11), "12 or more"),
        (lambda: tasks.make("random-permutation", n_symbols=2), "n_symbols must be a whole number, 3 or more"),
        (lambda: tasks.make("random-permutation").sample(1, seed=0, conditions={"first_symbol": 5}), "first symbol is 0 or 1"),
        (lambda: tasks.make("memorisation-5-bit", delay=0), "delay must be a whole number, 1 or more: got 0"),
        (lambda: tasks.make("memorisation-5-bit").sample(1, seed=0, conditions={"item_2": 3}), "from 0 to 1"),
        (lambda: tasks.make("counting-language", counts=(1, 6)), "different whole numbers"),
        (lambda: tasks.make("t-maze", cue=(3, 2)), "cue must be the fewest and the most places"),
        (lambda: tasks.make("reverse-reconstruction", n_lists=0), "n_lists must be a whole number"),
        (lambda: tasks.make("row-images", skip_rows=7), "leave at least two of the 8 rows"),
        (lambda: tasks.make("row-images", blank_rows=-1), "blank_rows must be a whole number"),
        (lambda: tasks.make("row-images", held_out=1.0), "held_out must be a fraction"),
        (lambda: long_range.RowImages(images=np.ones((2, 3, 3))), "images and labels go together"),
        (lambda: long_range.RowImages(images=np.ones((2, 3, 3)), labels=[1]), "with one label each"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(act, message):
    with pytest.raises(ValueError, match=message):
        act()
