"""Laws of the random quantities of a batch: functions of (task, seed, trial number), with the right distributions."""

import numpy as np
import pytest
from scipy import stats

from neurornn.tasks import Choice, Epochs, Fixed, TrialDraws, TruncatedExponential, Uniform
from neurornn.tasks._timing import as_timing, to_steps


def make(n=8, first=0, seed=0, **kwargs):
    return TrialDraws(seed, first + np.arange(n), dt=kwargs.pop("dt", 20.0), **kwargs)


def one_of_each(draws):
    return {
        "uniform": draws.uniform("u", 2.0, 3.0),
        "choice": draws.choice("c", ("a", "b", "c")),
        "rows": np.stack(draws.together(("x", "y"), [(1, 2), (3, 4), (5, 6)])),
        "duration": draws.duration("d", Uniform(100.0, 900.0)),
        "chance": draws.chance("rare", 0.3),
        "coin": draws.coin("tie"),
        "uniforms": draws.uniforms("many", 5, 2),
        "normal": draws.normal("noise", 5, 2),
    }


def test_a_trial_does_not_depend_on_its_batch():
    whole, part = one_of_each(make(40)), one_of_each(make(7, first=21))
    for name, values in part.items():
        trial_last = name == "rows"
        expected = whole[name][:, 21:28] if trial_last else whole[name][21:28]
        assert np.array_equal(values, expected), name
        assert not np.array_equal(values, whole[name][:, :7] if trial_last else whole[name][:7]), name


def test_a_new_stream_changes_none_of_the_others():
    plain, more = make(), make()
    more.uniform("something else")
    more.normal("more noise", 50, 3)
    expected, found = one_of_each(plain), one_of_each(more)
    for name, values in expected.items():
        assert np.array_equal(values, found[name]), name


@pytest.mark.parametrize("change", [{"seed": 1}, {"task": "other-v1"}])
def test_seeds_and_tasks_share_no_numbers(change):
    a, b = make(4000).uniform("u"), make(4000, **change).uniform("u")
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.05
    assert not np.isin(a, b).any()


def test_noise_does_not_depend_on_padding_or_channels():
    small, large = make().normal("noise", 5, 2), make().normal("noise", 9, 4)
    assert np.array_equal(small, large[:, :5, :2])


def test_noise_is_white_and_normal():
    noise = make(300).normal("noise", 40, 5)
    assert stats.kstest(noise.ravel(), "norm").pvalue > 1e-3
    for axis in range(3):
        lagged = np.mean(
            np.take(noise, range(1, noise.shape[axis]), axis)
            * np.take(noise, range(noise.shape[axis] - 1), axis)
        )
        assert abs(lagged) < 4.5 / np.sqrt(noise.size), axis


def test_draws_have_their_distributions():
    draws = make(20_000)
    assert stats.kstest(draws.uniform("u", -1.0, 3.0), stats.uniform(-1, 4).cdf).pvalue > 1e-3
    counts = np.unique(draws.choice("c", (0, 1, 2, 3, 4)), return_counts=True)[1]
    assert stats.chisquare(counts).pvalue > 1e-3
    assert stats.binomtest(int(draws.chance("rare", 0.1).sum()), 20_000, 0.1).pvalue > 1e-3
    assert stats.binomtest(int((draws.coin("tie") > 0).sum()), 20_000, 0.5).pvalue > 1e-3
    x, y = draws.together(("x", "y"), [(1, 2), (3, 4)])
    assert np.array_equal(y, x + 1)


TIMINGS = [
    Fixed(300.0),
    Uniform(200.0, 700.0),
    TruncatedExponential(330.0, 80.0, 1500.0),
    TruncatedExponential(1e5, 100.0, 200.0),
    TruncatedExponential(1.0, 100.0, 2000.0),
    TruncatedExponential(50.0, 100.0, 100.0),
    Choice((200.0, 400.0, 1600.0)),
]


@pytest.mark.parametrize("timing", TIMINGS, ids=str)
def test_quantile_mean_and_bounds_agree(timing):
    u = (np.arange(300_000) + 0.5) / 300_000
    values = timing.quantile(u)
    assert np.all(np.diff(values) >= 0) or isinstance(timing, Choice)
    assert timing.lower <= values.min() and values.max() <= timing.upper
    assert values.mean() == pytest.approx(timing.mean, rel=1e-4)
    reached = timing.quantile(np.array([1e-12, 1 - 1e-12]))
    assert reached[0] == pytest.approx(timing.lower, rel=1e-4)
    if timing != TIMINGS[4]:  # its upper bound is 1900 decay constants away
        assert reached[1] == pytest.approx(timing.upper, rel=1e-4)


def test_truncated_exponential_is_scipys():
    timing = TruncatedExponential(330.0, 80.0, 1500.0)
    u = np.linspace(0.01, 0.99, 50)
    expected = stats.truncexpon((1500 - 80) / 330, loc=80, scale=330)
    assert np.allclose(timing.quantile(u), expected.ppf(u))
    assert timing.mean == pytest.approx(expected.mean())


def test_durations_are_drawn_in_time_and_rounded_to_steps():
    fine, coarse = (make(500, dt=dt).duration("d", Uniform(100.0, 900.0)) * dt for dt in (1.0, 50.0))
    assert np.abs(fine - coarse).max() <= 25.5
    assert len(np.unique(fine)) > 200
    assert to_steps(np.array([30.0, 29.9, 0.0]), 20.0).tolist() == [2, 1, 0]
    assert to_steps(0.3, 0.1) == 3


def test_a_balanced_batch_is_the_cross_product_whatever_the_seed():
    def cells(seed, first):
        draws = make(12, first, seed, balanced=True)
        columns = [
            draws.choice("a", (1, 2, 3)),
            draws.duration("d", Choice((100.0, 200.0))),
            draws.choice("b", ("x", "y")),
        ]
        assert draws.n_cells == 12 and draws.factors == ["a", "d", "b"]
        return list(zip(*(column.tolist() for column in columns), strict=True))

    assert len(set(cells(0, 0))) == 12
    assert cells(0, 0) == cells(5, 24)
    assert cells(0, 0)[:4] == [(1, 5, "x"), (2, 5, "x"), (3, 5, "x"), (1, 10, "x")]


def test_a_condition_that_is_set_leaves_the_grid_and_the_other_draws():
    draws = make(4, balanced=True, conditions={"a": 7})
    assert draws.choice("a", (1, 2, 3)).tolist() == [7, 7, 7, 7]
    assert draws.choice("b", ("x", "y")).tolist() == ["x", "y", "x", "y"]
    assert draws.n_cells == 2
    free, given = make(50), make(50, conditions={"a": 1})
    free.choice("a", (1, 2, 3))
    given.choice("a", (1, 2, 3))
    assert np.array_equal(free.choice("b", ("x", "y")), given.choice("b", ("x", "y")))


def test_balanced_batches_keep_nuisance_random_and_have_no_rare_trials():
    draws = make(64, balanced=True)
    nuisance = draws.choice("n", (0, 1, 2), factor=False)
    assert draws.n_cells == 1 and len(np.unique(nuisance)) == 3
    assert not draws.chance("rare", 0.9).any()
    assert make(4, balanced=True, conditions={"rare": True}).chance("rare", 0.0).all()


def test_conditions_set_by_trial_and_of_any_value():
    draws = make(3, conditions={"c": [0.5, 0.25, 0.125], "d": 130.0, "s": "b"})
    assert draws.choice("c", (1, 2)).tolist() == [0.5, 0.25, 0.125]
    assert draws.duration("d", 400.0).tolist() == [7, 7, 7]
    assert draws.conditions["d"].tolist() == [140.0] * 3  # what the trial has, after rounding
    assert draws.choice("s", ("a", "b", "longer")).tolist() == ["b"] * 3


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: (d := make(), d.choice("a", (1, 2)), d.choice("a", (1, 2))), "'a' was drawn twice"),
        (lambda: make().choice("a", ()), "'a' needs a list of at least one value"),
        (lambda: make().together(("x", "y"), [(1, 2, 3)]), "x, y need rows of 2 numbers"),
        (lambda: make().chance("rare", 1.5), r"probability of 'rare' must lie in \[0, 1\]: got 1.5"),
        (lambda: make().duration("d", 10.0), "dt must be at most as long as the shortest epoch: got dt=20 ms and 'd' of 10 ms"),
        (lambda: make().duration("d", Uniform(0.0, 90.0)), "shortest epoch: got dt=20 ms and 'd' of 0 ms"),
        (lambda: make(conditions={"d": -1.0}).duration("d", 90.0), "'d' of -1 ms"),
        (lambda: make(conditions={"u": [1.0, 2.0]}).uniform("u"), r"'u' has shape \(2,\) for 8 trials"),
        (lambda: make(conditions={"u": np.nan}).uniform("u"), "'u' needs finite numbers: got nan"),
        (lambda: make(conditions={"u": "x"}).uniform("u"), "'u' needs finite numbers: got 'x'"),
        (lambda: make(conditions={"s": "rigth"}).choice("s", ("left", "right")), r"must be one of \['left', 'right'\]: got 'rigth'. Did you mean 'right'\?"),
        (lambda: make(first=-1), r"Trial numbers must lie in \[0, 2\^34\)"),
        (lambda: make(first=2**34), r"Trial numbers must lie in \[0, 2\^34\)"),
        (lambda: make().normal("n", 2**18 + 1), "up to 262144 steps"),
        (lambda: Uniform(300.0, 200.0), "low <= high: got"),
        (lambda: Fixed(float("nan")), "Fixed needs durations in ms, finite"),
        (lambda: TruncatedExponential(0.0, 1.0, 2.0), "finite scale above 0"),
        (lambda: Choice(()), "at least one duration"),
        (lambda: as_timing("100"), "A duration is a number of ms or a distribution .* got '100'"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(act, message):
    with pytest.raises(ValueError, match=message):
        act()


def test_an_optional_epoch_may_have_length_zero():
    assert make(3).duration("delay", 0.0, optional=True).tolist() == [0, 0, 0]
    steps = make(400).duration("jitter", Uniform(0.0, 60.0), optional=True)
    assert np.unique(steps).tolist() == [0, 1, 2, 3]


def test_trial_numbers_up_to_the_limit_are_distinct():
    far = make(3, first=2**34 - 3).normal("n", 4, 2)
    assert len(np.unique(far)) == far.size
    assert not np.isin(far, make(3).normal("n", 4, 2)).any()


def test_epochs_partition_each_trial():
    rng = np.random.default_rng(0)
    steps = {name: rng.integers(0, 9, 50) for name in "abc"}
    epochs = Epochs(20.0, steps)
    cover = sum(epochs.during(name).astype(int) for name in "abc")
    assert np.array_equal(cover, epochs.valid.astype(int))
    for name in "abc":
        assert np.array_equal(epochs.during(name).sum(1), steps[name])
        assert np.array_equal(np.diff(epochs.bounds[name])[:, 0], steps[name] * 20.0)
    assert np.array_equal(epochs.before("b").sum(1), steps["a"])
    assert np.array_equal(epochs.during("a", "b", after=40.0).sum(1), np.maximum(steps["a"] - 2, 0) + np.maximum(steps["b"] - 2, 0))  # fmt: skip
    assert np.array_equal(epochs.elapsed("c")[epochs.during("c")] >= 0, np.ones(steps["c"].sum(), dtype=bool))


def test_a_pulse_has_its_width_at_any_dt():
    for dt in (10.0, 20.0, 50.0):
        epochs = Epochs(dt, {"wait": np.array([3]), "go": np.array([40])})
        pulse = epochs.pulse("go", 100.0)
        assert pulse.sum() * dt == 100.0 and pulse[0, 3]
