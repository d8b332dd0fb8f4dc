"""Psychometric curves, choice weights, accuracy: known observers, independent fits, published numbers."""

import logging

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import minimize
from scipy.special import expit, xlog1py, xlogy
from sklearn.linear_model import LogisticRegression

from neurornn.analysis import behaviour
from neurornn.analysis.behaviour import CumulativeGaussian, Logistic, Weibull
from neurornn.analysis.behaviour._binomial_fit import fit_binomial

LEVELS = np.array([-0.5, -0.25, -0.1, -0.05, 0.05, 0.1, 0.25, 0.5])


def observer(
    n_each: int,
    *,
    bias: float = 0.0,
    slope: float = 12.0,
    low: float = 0.0,
    high: float = 0.0,
    seed: int = 0,
    function: behaviour.AbstractPsychometricFunction | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Stimuli and choices (+1 or -1) of an observer with known parameters."""
    shape = Logistic() if function is None else function
    stimulus = np.repeat(LEVELS, n_each)
    p = low + (1 - low - high) * shape.cdf(slope * (stimulus - bias))
    return stimulus, np.where(np.random.default_rng(seed).random(stimulus.size) < p, 1, -1)


def exact(p: NDArray[np.float64], n_each: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Trials whose proportions at the levels are p to within rounding."""
    k = np.round(p * n_each).astype(int)
    choice = np.concatenate([np.arange(n_each) < chosen for chosen in k])
    return np.repeat(LEVELS, n_each), choice


# ---------------------------------------------------------------------------------------- psychometric curves


@pytest.mark.parametrize("function", [Logistic(), CumulativeGaussian()])
def test_curve_recovers_the_observer_that_made_the_choices(
    function: behaviour.AbstractPsychometricFunction,
) -> None:
    truth = {"bias": 0.04, "slope": 14.0, "lapse_low": 0.03, "lapse_high": 0.08}
    stimulus, choice = observer(400, bias=0.04, slope=14.0, low=0.03, high=0.08, seed=1, function=function)
    found = behaviour.psychometric(stimulus, choice, function=function)
    assert bool(found.converged) and not found.at_bound.any()
    for name, value in truth.items():
        low, high = found[f"{name}_interval"].values
        assert low <= value <= high, name
        assert low <= found[name] <= high, name
    assert found.slope == pytest.approx(14.0, rel=0.2)
    true_curve = 0.03 + 0.89 * function.cdf(14.0 * (found.curve.values - 0.04))
    inside = (found.fitted_interval[:, 0] <= true_curve) & (true_curve <= found.fitted_interval[:, 1])
    assert inside.mean() > 0.8


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    hits = np.zeros(2)
    for seed in range(100):
        found = behaviour.psychometric(
            *observer(50, bias=0.03, slope=15.0, seed=seed), lapses=False, n_bootstrap=100, seed=seed
        )
        for i, (name, value) in enumerate((("bias", 0.03), ("slope", 15.0))):
            low, high = found[f"{name}_interval"].values
            hits[i] += low <= value <= high
    assert (hits >= 86).all() and (hits <= 100).all()


def test_ignoring_lapses_makes_the_curve_look_shallow() -> None:
    stimulus, choice = observer(500, slope=20.0, low=0.1, high=0.1, seed=2)
    honest = behaviour.psychometric(stimulus, choice)
    naive = behaviour.psychometric(stimulus, choice, lapses=False)
    assert honest.slope_interval[0] <= 20.0 <= honest.slope_interval[1]
    assert naive.slope < 0.6 * honest.slope
    assert naive.slope_interval[1] < honest.slope_interval[0]
    assert (naive.lapse_low, naive.lapse_high) == (0, 0)
    assert honest.log_likelihood > naive.log_likelihood + 10


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("function", [Logistic(), CumulativeGaussian()])
def test_no_other_optimiser_finds_a_better_curve(
    function: behaviour.AbstractPsychometricFunction, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    stimulus, choice = observer(
        int(rng.integers(6, 40)),
        bias=rng.normal() * 0.1,
        slope=rng.uniform(-5, 40),
        low=rng.uniform(0, 0.15),
        high=rng.uniform(0, 0.15),
        seed=seed,
        function=function,
    )
    k = np.array([(choice[stimulus == x] == 1).sum() for x in LEVELS])
    n = len(stimulus) // len(LEVELS)

    def cost(theta: NDArray[np.float64]) -> float:
        a, b, low, high = theta
        p = low + (1 - low - high) * function.cdf(a + b * LEVELS)
        q = high + (1 - low - high) * function.sf(a + b * LEVELS)
        return -float((k * np.log(p + 1e-300) + (n - k) * np.log(q + 1e-300)).sum())

    starts = [np.r_[rng.normal(), rng.normal() * 20, rng.uniform(0, 0.2, 2)] for _ in range(8)]
    box = [(-300, 300), (-200, 200), (0, 0.2), (0, 0.2)]
    best = min(minimize(cost, start, bounds=box, method="L-BFGS-B").fun for start in starts)
    found = behaviour.psychometric(stimulus, choice, function=function, n_bootstrap=0)
    assert -float(found.log_likelihood) <= best + 1e-6
    bias, slope = float(found.bias), float(found.slope)
    own = cost(np.array([-bias * slope, slope, float(found.lapse_low), float(found.lapse_high)]))
    assert own == pytest.approx(-float(found.log_likelihood), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_a_step_between_many_stimuli_does_not_hold_up_the_lapse_rates(seed: int) -> None:
    """They are at their maximum, given the curve, in the fit and in each replicate of the bootstrap."""
    rng = np.random.default_rng(seed)
    stimulus = rng.uniform(-0.8, 0.8, 600)
    up = rng.random(600) < np.where(stimulus > 0.0, 0.95, 0.05)
    design = np.stack([np.ones(600), stimulus], axis=1)
    drawn = rng.random((20, 600)) < np.where(stimulus > 0.0, 0.95, 0.05)
    far = np.array([2e4, 1200.0])
    fit = fit_binomial(
        design, drawn.astype(float), np.ones((20, 600)), sigmoid=Logistic(), start=np.tile([0.0, 1200.0, 0.1, 0.1], (20, 1)),
        lower=np.array([*-far, 0.0, 0.0]), upper=np.array([*far, 0.2, 0.2]),
    )  # fmt: skip
    assert fit.converged.all()
    for theta, value, chosen in zip(fit.theta, fit.log_likelihood, drawn, strict=True):
        F = expit(design @ theta[:2])

        def cost(lapses: NDArray[np.float64], F=F, chosen=chosen) -> float:
            p = lapses[0] + (1 - lapses.sum()) * F
            return -float(np.log(np.where(chosen, p, 1 - p)).sum())

        best = minimize(
            cost, [0.05, 0.05], bounds=[(1e-9, 0.2)] * 2, method="L-BFGS-B", options={"ftol": 1e-14}
        )
        assert value >= -best.fun - 1e-4
    assert bool(behaviour.psychometric(stimulus, up, n_bootstrap=0).converged)


def test_log_likelihood_is_that_of_the_binomial_without_its_coefficient() -> None:
    stimulus, choice = observer(30, slope=10.0, low=0.05, seed=3)
    found = behaviour.psychometric(stimulus, choice, n_bootstrap=0)
    k = np.array([(choice[stimulus == x] == 1).sum() for x in LEVELS])
    p = float(found.lapse_low) + (1 - float(found.lapse_low) - float(found.lapse_high)) * expit(
        float(found.slope) * (LEVELS - float(found.bias))
    )
    coefficient = stats.binom.logpmf(k, 30, 0.5) - 30 * np.log(0.5)
    assert found.log_likelihood == pytest.approx((stats.binom.logpmf(k, 30, p) - coefficient).sum(), rel=1e-9)


def test_rescaling_the_stimulus_rescales_bias_and_slope_only() -> None:
    stimulus, choice = observer(60, bias=0.05, slope=13.0, low=0.04, seed=4)
    plain = behaviour.psychometric(stimulus, choice)
    scaled = behaviour.psychometric(200.0 * stimulus + 7.0, choice)
    np.testing.assert_allclose(scaled.bias, 200 * plain.bias + 7, rtol=1e-5)
    np.testing.assert_allclose(scaled.slope, plain.slope / 200, rtol=1e-5)
    np.testing.assert_allclose(scaled.slope_interval, plain.slope_interval / 200, rtol=1e-4)
    np.testing.assert_allclose(scaled.lapse_low, plain.lapse_low, atol=1e-6)
    np.testing.assert_allclose(scaled.fitted, plain.fitted, atol=1e-6)
    assert scaled.log_likelihood == pytest.approx(float(plain.log_likelihood))


def test_mirrored_choices_mirror_the_curve() -> None:
    stimulus, choice = observer(60, bias=0.05, slope=13.0, low=0.08, seed=5)
    plain = behaviour.psychometric(stimulus, choice, n_bootstrap=0)
    mirrored = behaviour.psychometric(-stimulus, -choice, n_bootstrap=0)
    assert mirrored.bias == pytest.approx(-float(plain.bias), abs=1e-6)
    assert mirrored.slope == pytest.approx(float(plain.slope), rel=1e-5)
    assert mirrored.lapse_high == pytest.approx(float(plain.lapse_low), abs=1e-6)
    falling = behaviour.psychometric(-stimulus, choice, n_bootstrap=0)
    assert falling.slope == pytest.approx(-float(plain.slope), rel=1e-5)
    assert falling.log_likelihood == pytest.approx(float(plain.log_likelihood))


def test_symmetric_data_have_no_bias_and_equal_lapses() -> None:
    half = np.array([0.05, 0.1, 0.25, 0.4])
    found = behaviour.psychometric(*exact(np.concatenate([half, 1 - half[::-1]]), 100))
    assert found.bias == pytest.approx(0, abs=1e-6)
    assert found.lapse_low == pytest.approx(float(found.lapse_high), abs=1e-5)
    assert found.bias_interval[0] < 0 < found.bias_interval[1]


def test_weibull_fit_of_the_pooled_choices_of_two_monkeys() -> None:
    # Correct and wrong choices by coherence, Table 2 of Roitman & Shadlen (2002),
    # https://doi.org/10.1523/JNEUROSCI.22-21-09475.2002; threshold and slope found with another program.
    counts = {3.2: (660, 368), 6.4: (796, 229), 12.8: (963, 60), 25.6: (1021, 5), 51.2: (1028, 0)}
    stimulus = np.concatenate([np.full(sum(pair), c) for c, pair in counts.items()])
    correct = np.concatenate([np.arange(sum(pair)) < pair[0] for pair in counts.values()])
    found = behaviour.psychometric(stimulus, correct, function=Weibull(), lapses=False)
    assert found.bias == pytest.approx(7.387, abs=1e-3) and found.slope == pytest.approx(1.295, abs=1e-3)
    assert found.bias.attrs["long_name"] == "threshold" and found.slope.attrs["units"] == "1"
    assert found.lapse_low == 0.5
    # trials without motion hold no information on the curve that starts at the guess rate
    more = behaviour.psychometric(
        np.append(stimulus, np.zeros(4)),
        np.append(correct, [True, False] * 2),
        function=Weibull(),
        lapses=False,
    )
    assert more.slope == pytest.approx(float(found.slope), rel=1e-6)
    assert more.fitted[0] == pytest.approx(0.5, abs=1e-9)
    assert more.log_likelihood == pytest.approx(float(found.log_likelihood) + 4 * np.log(0.5))


@pytest.mark.parametrize("function", [Logistic(), CumulativeGaussian(), Weibull(guess=0.25)])
def test_functions_are_distributions_with_their_density(
    function: behaviour.AbstractPsychometricFunction,
) -> None:
    eta = np.linspace(-6, 3, 61)
    np.testing.assert_allclose(function.cdf(eta) + function.sf(eta), 1, atol=1e-14)
    h = 1e-6
    np.testing.assert_allclose(
        function.pdf(eta), (function.cdf(eta + h) - function.cdf(eta - h)) / (2 * h), atol=1e-8
    )
    assert function.sf(np.array([8.0]))[0] > 0 or isinstance(function, Weibull)
    x = np.array([0.5, 2.0])
    np.testing.assert_allclose(function.untransform(function.transform(x)), x)


def test_bootstrap_repeats_with_its_seed_and_changes_with_another() -> None:
    stimulus, choice = observer(40, seed=6)
    first, again, other = (behaviour.psychometric(stimulus, choice, seed=seed) for seed in (0, 0, 1))
    xr.testing.assert_equal(first, again)
    assert not np.array_equal(first.slope_interval, other.slope_interval)
    assert first.slope == other.slope
    order = np.random.default_rng(0).permutation(stimulus.size)
    xr.testing.assert_equal(first, behaviour.psychometric(stimulus[order], choice[order]))
    bare = behaviour.psychometric(stimulus, choice, n_bootstrap=0)
    assert bool(bare.slope_interval.isnull().all()) and bare.slope == first.slope


def test_more_trials_give_narrower_intervals() -> None:
    widths = []
    for n_each in (30, 480):
        found = behaviour.psychometric(*observer(n_each, seed=7), lapses=False)
        widths.append(float(np.diff(found.slope_interval)[0]))
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.5)  # the square root of 16


@pytest.mark.parametrize("function", [Logistic(), CumulativeGaussian()])
@pytest.mark.parametrize("sign", [1, -1])
def test_perfect_separation_is_a_step_and_says_so(
    function: behaviour.AbstractPsychometricFunction, sign: int
) -> None:
    stimulus = np.repeat(LEVELS, 10)
    found = behaviour.psychometric(stimulus, sign * stimulus > sign * 0.07, function=function)
    assert found.at_bound.sel(parameter="slope") and not found.at_bound.sel(parameter="bias")
    assert 0.05 < found.bias < 0.1 and np.sign(found.slope) == sign
    assert found.log_likelihood == pytest.approx(0, abs=0.1)
    assert np.isfinite(found.slope) and np.isfinite(found.fitted).all()
    graded = behaviour.psychometric(*observer(50, seed=8), function=function)
    assert not graded.at_bound.any()


def test_lapses_and_bias_beyond_their_range_are_flagged() -> None:
    wild = behaviour.psychometric(*exact(np.r_[np.full(4, 0.35), np.full(4, 0.65)], 200), n_bootstrap=0)
    assert wild.at_bound.sel(parameter=["lapse_low", "lapse_high"]).all()
    aside = behaviour.psychometric(*exact(expit(3 * LEVELS - 3), 400), lapses=False, n_bootstrap=0)
    assert aside.at_bound.sel(parameter="bias") and aside.bias == pytest.approx(1.0, rel=0.1)


def test_choices_all_the_same_leave_nothing_to_fit(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        found = behaviour.psychometric(LEVELS, np.ones(8))
    assert "all choices are the same" in caplog.text
    assert np.isnan(found.bias) and np.isnan(found.slope_interval).all() and found.at_bound.all()
    np.testing.assert_array_equal(found.proportion, 1.0)
    assert found.proportion_interval[0, 0] < 0.5
    behaviour.plot_psychometric(found)


def test_trials_without_choice_or_stimulus_are_left_out_and_counted() -> None:
    stimulus, choice = observer(20, seed=9)
    spoiled_choice, spoiled_stimulus = choice.astype(float), stimulus.copy()
    spoiled_choice[:3], spoiled_choice[3:5], spoiled_stimulus[5] = 0, np.nan, np.nan
    found = behaviour.psychometric(spoiled_stimulus, spoiled_choice)
    assert (found.n_excluded, found.n_trials) == (6, stimulus.size - 6)
    clean = behaviour.psychometric(stimulus[6:], choice[6:])
    assert found.slope == clean.slope


def test_codings_of_the_choice() -> None:
    stimulus, choice = observer(20, seed=10)
    by_sign, by_truth = (
        behaviour.psychometric(stimulus, coded, n_bootstrap=0) for coded in (choice, choice > 0)
    )
    assert by_sign.slope == by_truth.slope
    with pytest.raises(ValueError, match=r"no -1, so 0 could mean the other choice or none"):
        behaviour.psychometric(stimulus, (choice > 0).astype(int))
    with pytest.raises(ValueError, match=r"Pass, for instance, choice == 'right'"):
        behaviour.psychometric(stimulus, np.where(choice > 0, "right", "left"))
    with pytest.raises(ValueError, match=r"got \[1, 2\]"):
        behaviour.psychometric(stimulus, np.where(choice > 0, 2, 1))
    with pytest.raises(ValueError, match="No trial has a choice"):
        behaviour.psychometric(stimulus, np.full(stimulus.size, np.nan))


def test_wrong_requests_are_refused() -> None:
    stimulus, choice = observer(5)
    with pytest.raises(ValueError, match=r"at least two stimuli: got \[0\.5\]"):
        behaviour.psychometric(np.full(4, 0.5), [1, -1, 1, -1])
    with pytest.raises(ValueError, match=r"at least two stimuli above 0"):
        behaviour.psychometric([0.0, 0.0, 0.5], [True, False, True], function=Weibull())
    with pytest.raises(ValueError, match=r"one value for each trial: got shapes \(39,\) and \(40,\)"):
        behaviour.psychometric(stimulus[1:], choice)
    with pytest.raises(ValueError, match=r"of at least 0: got -0\.5"):
        behaviour.psychometric(stimulus, choice, function=Weibull())
    with pytest.raises(ValueError, match="infinity"):
        behaviour.psychometric(np.where(stimulus > 0.4, np.inf, stimulus), choice)
    with pytest.raises(ValueError, match="n_bootstrap must be at least 0"):
        behaviour.psychometric(stimulus, choice, n_bootstrap=-1)
    with pytest.raises(ValueError, match=r"guess must lie in \[0, 1\)"):
        Weibull(guess=1.0)


def test_continuous_stimuli_are_fitted_as_they_are_and_shown_in_bins() -> None:
    rng = np.random.default_rng(11)
    stimulus = rng.normal(size=1200)
    choice = rng.random(1200) < expit(3 * stimulus)
    found = behaviour.psychometric(stimulus, choice, lapses=False, n_bootstrap=50)
    assert found.sizes["stimulus"] == 12 and int(found.n.sum()) == 1200 and (found.n == 100).all()
    assert float((found.n * found.proportion).sum()) == pytest.approx(choice.sum())
    model = LogisticRegression(C=np.inf, tol=1e-10).fit(stimulus[:, None], choice)
    assert found.slope == pytest.approx(model.coef_[0, 0], rel=1e-5)
    assert found.bias == pytest.approx(-model.intercept_[0] / model.coef_[0, 0], abs=1e-6)


def two_contexts(seed: int = 12) -> xr.Dataset:
    """An observer that follows motion in one context and colour in the other, on a grid of both."""
    rng = np.random.default_rng(seed)
    grid = np.array([-0.5, -0.15, -0.05, 0.05, 0.15, 0.5])
    motion, colour = (part.ravel() for part in np.meshgrid(grid, grid))
    motion, colour = np.tile(motion, 40), np.tile(colour, 40)
    context = np.repeat(["colour", "motion"], motion.size // 2)
    by_motion = context == "motion"
    evidence = np.where(by_motion, 12 * motion + 1.5 * colour, -1.0 * motion + 9 * colour)
    choice = np.where(rng.random(motion.size) < expit(evidence), 1, -1)
    correct = np.sign(np.where(by_motion, motion, colour)) == choice
    unitless = {"units": "1"}
    return xr.Dataset(
        coords={
            "motion_coherence": ("trial", motion, {"long_name": "motion coherence", **unitless}),
            "colour_coherence": ("trial", colour, {"long_name": "colour coherence", **unitless}),
            "context": ("trial", context, {"long_name": "context", **unitless}),
            "choice": ("trial", choice, {"long_name": "choice", **unitless}),
            "performance": ("trial", correct.astype(float)),
        }
    )


def test_curves_by_context_are_the_curves_of_each_context() -> None:
    ds = two_contexts()
    both = behaviour.psychometric_by(ds, "motion_coherence", by="context")
    assert both.slope.dims == ("group",) and both.group.values.tolist() == ["colour", "motion"]
    for context in ("colour", "motion"):
        part = ds.where(ds.context == context, drop=True)
        alone = behaviour.psychometric(part.motion_coherence, part.choice)
        one = both.sel(group=context)
        np.testing.assert_allclose(one.slope, alone.slope)
        np.testing.assert_allclose(one.fitted, alone.fitted)
        np.testing.assert_array_equal(one.n, alone.n)
    assert both.slope.sel(group="motion") > 5 > 2 > abs(both.slope.sel(group="colour"))
    low, high = both.slope_interval.sel(group="motion").values
    assert low < both.slope.sel(group="motion") < high
    assert both.bias.attrs == {"long_name": "bias", "units": "1"} and both.attrs["by"] == "context"
    everyone = behaviour.psychometric_by(ds, "motion_coherence", by=None)
    xr.testing.assert_equal(everyone, behaviour.psychometric(ds.motion_coherence, ds.choice))


def test_a_context_without_data_of_its_own_is_named() -> None:
    ds = two_contexts()
    fixed = xr.where(ds.context == "colour", 0.5, ds.motion_coherence)
    with pytest.raises(ValueError, match=r"With context=colour: .*at least two stimuli: got \[0\.5\]"):
        behaviour.psychometric_by(ds.assign_coords(motion_coherence=fixed), "motion_coherence", by="context")
    with pytest.raises(ValueError, match="no variable 'speed'"):
        behaviour.psychometric_by(ds, "speed", by="context")
    with pytest.raises(ValueError, match="'cue' is not a variable of the trials"):
        behaviour.psychometric_by(ds, "motion_coherence", by="cue")


def test_a_context_lacks_a_level_that_another_has() -> None:
    ds = two_contexts()
    ds = ds.isel(trial=~((ds.context == "motion") & (ds.motion_coherence == 0.5)).values)
    both = behaviour.psychometric_by(ds, "motion_coherence", by="context", n_bootstrap=10)
    missing = both.sel(group="motion", stimulus=0.5)
    assert missing.n == 0 and np.isnan(missing.proportion) and np.isnan(missing.proportion_interval).all()
    assert both.sel(group="colour", stimulus=0.5).n > 0


def test_results_survive_netcdf(tmp_path: object) -> None:
    ds = two_contexts()
    results = {
        "curve": behaviour.psychometric_by(ds, "motion_coherence", by="context", n_bootstrap=5),
        "weights": behaviour.choice_weights(
            ds, ["motion_coherence", "colour_coherence"], by="context", n_bootstrap=5
        ),
        "accuracy": behaviour.accuracy(ds, by="context"),
    }
    for name, result in results.items():
        result.to_netcdf(f"{tmp_path}/{name}.nc", engine="h5netcdf")
        with xr.open_dataset(f"{tmp_path}/{name}.nc", engine="h5netcdf") as back:
            xr.testing.assert_equal(back, result)


# ---------------------------------------------------------------------------------------- Wilson, accuracy


def test_wilson_interval_solves_the_equation_that_defines_it() -> None:
    k, n = np.array([0, 1, 7, 20]), 20
    ends = behaviour.wilson_interval(k, n)
    z = stats.norm.ppf(0.975)
    for p, (low, high) in zip(k / n, ends, strict=True):
        for end in (low, high):
            assert abs(p - end) == pytest.approx(z * np.sqrt(end * (1 - end) / n), abs=1e-9)
    assert ends[0, 0] == 0 and ends[-1, 1] == 1
    reference = stats.binomtest(7, 20).proportion_ci(method="wilson")
    np.testing.assert_allclose(ends[2], [reference.low, reference.high])
    wide = behaviour.wilson_interval(7, 20, confidence=0.99)
    assert wide[0] < ends[2, 0] and wide[1] > ends[2, 1]
    assert np.isnan(behaviour.wilson_interval(0, 0)).all()


def test_accuracy_counts_each_context_and_leaves_out_what_cannot_be_right() -> None:
    ds = xr.Dataset(
        {"performance": ("trial", [1.0, 1, 0, np.nan, 0, 1])},
        coords={"context": ("trial", [0, 0, 0, 0, 1, 1])},
    )
    found = behaviour.accuracy(ds, by="context")
    np.testing.assert_allclose(found.accuracy, [2 / 3, 1 / 2])
    np.testing.assert_array_equal(found.n, [3, 2])
    np.testing.assert_array_equal(found.n_excluded, [1, 0])
    np.testing.assert_allclose(found.accuracy_interval, behaviour.wilson_interval([2, 1], [3, 2]))
    assert behaviour.accuracy(ds).accuracy == pytest.approx(0.6)
    right = ds.assign(correct=ds.performance == 1)
    assert behaviour.accuracy(right, outcome="correct").n == 6
    with pytest.raises(ValueError, match=r"must be 0 or 1 .*such as 0\.5"):
        behaviour.accuracy(ds.assign(performance=0.5 * ds.performance))
    with pytest.raises(ValueError, match="'score' is not a variable"):
        behaviour.accuracy(ds, outcome="score")
    nothing = behaviour.accuracy(ds.assign(performance=np.nan * ds.performance))
    assert np.isnan(nothing.accuracy) and nothing.n == 0 and nothing.n_excluded == 6


# ---------------------------------------------------------------------------------------- choice weights

BOTH = ["motion_coherence", "colour_coherence"]


def test_planted_weights_and_their_ratio_are_recovered() -> None:
    found = behaviour.choice_weights(two_contexts(), BOTH, by="context")
    truth = xr.DataArray(
        [[-1.0, 9.0], [12.0, 1.5]],
        coords={"group": ["colour", "motion"], "regressor": BOTH},
        dims=("group", "regressor"),
    )
    low, high = found.weight_interval.sel(interval="low"), found.weight_interval.sel(interval="high")
    assert ((low < truth) & (truth < high)).all()
    assert (found.bias_interval[:, 0] < 0).all() and (found.bias_interval[:, 1] > 0).all()
    assert found.relevant.values.tolist() == ["colour_coherence", "motion_coherence"]
    w = found.weight
    np.testing.assert_allclose(found.ratio, [abs(w[0, 1] / w[0, 0]), abs(w[1, 0] / w[1, 1])])
    for k, ratio in enumerate((9.0, 8.0)):
        assert found.ratio_interval[k, 0] < ratio < found.ratio_interval[k, 1]
    assert bool(found.converged.all()) and not found.separated.any()


@pytest.mark.parametrize("ridge", [0.0, 5.0])
def test_weights_agree_with_scikit_learn(ridge: float) -> None:
    ds = two_contexts().isel(trial=slice(0, 300))
    X = np.stack([ds[name] for name in BOTH], 1)
    z = (X - X.mean(0)) / X.std(0)
    model = LogisticRegression(C=1 / ridge if ridge else np.inf, tol=1e-10).fit(z, ds.choice)
    found = behaviour.choice_weights(ds, BOTH, ridge=ridge, n_bootstrap=0)
    np.testing.assert_allclose(found.weight, model.coef_[0] / X.std(0), rtol=1e-5)
    expected = model.intercept_[0] - (model.coef_[0] / X.std(0)) @ X.mean(0)
    assert found.bias == pytest.approx(expected, abs=1e-5)
    p = model.predict_proba(z)[:, 1]
    k = ds.choice.values == 1
    assert found.log_likelihood == pytest.approx((xlogy(k, p) + xlog1py(~k, -p)).sum(), rel=1e-6)


def test_default_ridge_is_too_weak_to_matter() -> None:
    ds = two_contexts()
    free, default = (behaviour.choice_weights(ds, BOTH, ridge=r, n_bootstrap=0) for r in (0.0, 1e-3))
    np.testing.assert_allclose(default.weight, free.weight, rtol=1e-4)
    assert not np.array_equal(default.weight, free.weight)


def test_weights_scale_with_their_regressor() -> None:
    ds = two_contexts()
    scaled = ds.assign_coords({
        name: (ds[name] * 100).assign_attrs(units="%", long_name=name) for name in BOTH
    })
    plain, percent = (behaviour.choice_weights(each, BOTH, by="context") for each in (ds, scaled))
    np.testing.assert_allclose(100 * percent.weight, plain.weight, rtol=1e-6)
    np.testing.assert_allclose(percent.ratio_interval, plain.ratio_interval, rtol=1e-5)
    assert percent.weight.attrs["units"] == "1/(%)"
    with pytest.raises(ValueError, match="different units"):
        behaviour.choice_weights(ds.assign_coords(motion_coherence=scaled.motion_coherence.variable), BOTH)


def test_separated_choices_are_flagged_and_refused_without_a_ridge() -> None:
    ds = two_contexts()
    follows = np.where(ds.context == "motion", ds.motion_coherence, ds.colour_coherence)
    ds = ds.assign_coords(choice=("trial", np.sign(follows)))
    found = behaviour.choice_weights(ds, BOTH, by="context")
    assert found.separated.all() and np.isfinite(found.weight).all() and (found.ratio > 20).all()
    with pytest.raises(ValueError, match=r"With context=colour: the stimuli predict every choice"):
        behaviour.choice_weights(ds, BOTH, by="context", ridge=0.0)


def test_relevance_is_said_or_read_from_the_names_or_left_out() -> None:
    ds = two_contexts()
    numbered = ds.assign_coords(context=("trial", (ds.context == "motion").values.astype(int)))
    assert "ratio" not in behaviour.choice_weights(numbered, BOTH, by="context", n_bootstrap=5)
    assert "ratio" not in behaviour.choice_weights(ds, BOTH, n_bootstrap=5)
    told = behaviour.choice_weights(numbered, BOTH, by="context", relevant={0: BOTH[1], 1: BOTH[0]})
    np.testing.assert_allclose(told.ratio, behaviour.choice_weights(ds, BOTH, by="context").ratio)
    swapped = behaviour.choice_weights(numbered, BOTH, by="context", relevant={0: BOTH[0], 1: BOTH[1]})
    np.testing.assert_allclose(swapped.ratio * told.ratio, 1.0)
    with pytest.raises(ValueError, match=r"for 1 it says None"):
        behaviour.choice_weights(numbered, BOTH, by="context", relevant={0: BOTH[0]})
    with pytest.raises(ValueError, match="pass by= too"):
        behaviour.choice_weights(ds, BOTH, relevant={"motion": BOTH[0]})


def test_bootstrap_of_weights_repeats_with_its_seed() -> None:
    ds = two_contexts()
    first, again, other = (behaviour.choice_weights(ds, BOTH, by="context", seed=seed) for seed in (0, 0, 1))
    xr.testing.assert_equal(first, again)
    assert not np.array_equal(first.weight_interval, other.weight_interval)


def test_bootstrap_width_is_that_of_the_inverse_information() -> None:
    ds = two_contexts()
    found = behaviour.choice_weights(ds, BOTH, n_bootstrap=400, ridge=0.0)
    design = np.column_stack([np.ones(ds.sizes["trial"]), *(ds[name] for name in BOTH)])
    p = expit(design @ np.r_[found.bias, found.weight])
    error = np.sqrt(np.diag(np.linalg.inv(design.T @ (design * (p * (1 - p))[:, None]))))[1:]
    width = np.diff(found.weight_interval, axis=1)[:, 0]
    np.testing.assert_allclose(width, 2 * 1.96 * error, rtol=0.25)


def test_wrong_regressions_are_refused() -> None:
    ds = two_contexts()
    twin = ds.assign_coords(colour_coherence=-2 * ds.motion_coherence)
    with pytest.raises(ValueError, match="do not vary independently"):
        behaviour.choice_weights(twin, BOTH)
    with pytest.raises(ValueError, match="'speed' is not a variable of the trials"):
        behaviour.choice_weights(ds, ["speed"])
    with pytest.raises(ValueError, match="must be different names"):
        behaviour.choice_weights(ds, [BOTH[0], BOTH[0]])
    with pytest.raises(ValueError, match="at least 0: got -1"):
        behaviour.choice_weights(ds, BOTH, ridge=-1)
    with pytest.raises(ValueError, match="no trial has a choice and a value of every regressor"):
        behaviour.choice_weights(ds.assign_coords(motion_coherence=np.nan * ds.motion_coherence), BOTH)


def test_one_sided_choices_have_no_weights(caplog: pytest.LogCaptureFixture) -> None:
    ds = two_contexts()
    with caplog.at_level(logging.WARNING):
        found = behaviour.choice_weights(ds.assign_coords(choice=("trial", np.ones(len(ds.choice)))), BOTH)
    assert "choices are the same" in caplog.text and np.isnan(found.weight).all() and found.separated


# ---------------------------------------------------------------------------------------- pictures


def test_psychometric_plot_shows_points_curve_and_band() -> None:
    found = behaviour.psychometric_by(two_contexts(), "motion_coherence", by="context")
    ax = behaviour.plot_psychometric(found)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("motion coherence", "P(choice = +1)")
    curves = [line for line in ax.lines if len(line.get_xdata()) == found.sizes["curve"]]
    np.testing.assert_allclose(curves[1].get_ydata(), found.fitted.sel(group="motion"))
    points = [line for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(points[0].get_ydata(), found.proportion.sel(group="colour"))
    assert curves[0].get_color() == points[0].get_color() != curves[1].get_color()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["colour", "motion"]
    assert len(ax.containers) == 2 and len(ax.collections) == 4  # two bands, two sets of bars
    single = behaviour.plot_psychometric(found.isel(group=0))
    assert single.get_legend() is None


def test_weight_plot_shows_weights_and_ratio() -> None:
    import matplotlib.pyplot as plt

    found = behaviour.choice_weights(two_contexts(), BOTH, by="context")
    _, ax = plt.subplots()
    assert behaviour.plot_choice_weights(found, ax=ax) is ax
    heights = sorted(patch.get_height() for patch in ax.patches)
    np.testing.assert_allclose(heights, np.sort(found.weight.values.ravel()))
    ticks = [tick.get_text() for tick in ax.get_xticklabels()]
    assert ticks[0] == f"colour\nratio {float(found.ratio[0]):.3g}"
    assert ax.get_ylabel() == "weight on the choice"
    pooled = behaviour.plot_choice_weights(behaviour.choice_weights(two_contexts(), BOTH))
    assert len(pooled.patches) == 2


def test_trials_without_any_stimulus_are_named():
    with pytest.raises(ValueError, match="None of the 4 trials has both a stimulus and a choice"):
        behaviour.psychometric(np.full(4, np.nan), np.array([1, -1, 1, -1]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5, 3), "got 5 of 3"),
        ((-1, 3), "got -1 of 3"),
        ((1, 3, 95), "confidence is a probability between 0 and 1: got 95"),
    ],
)
def test_an_interval_needs_possible_counts(arguments, message):
    with pytest.raises(ValueError, match=message):
        behaviour.wilson_interval(*arguments[:2], **({"confidence": arguments[2]} if arguments[2:] else {}))
