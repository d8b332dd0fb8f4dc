"""Produced intervals and the Bayesian observer: closed forms, planted parameters, limits, messages."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from scipy.integrate import quad

from neurornn.analysis.behaviour import (
    BayesianTiming,
    ProducedIntervals,
    bayesian_timing,
    plot_bayesian_timing,
    plot_produced_intervals,
    produced_intervals,
)
from neurornn.analysis.behaviour._bayesian_fit import estimates

LEVELS = np.linspace(600.0, 1000.0, 7)


def trials(sample, produced, **more):
    columns = {"interval": sample, "target_interval": sample, "produced_interval": produced, **more}
    return xr.Dataset({name: ("trial", values) for name, values in columns.items()})


def observer(rng, w_m, w_p, offset=0.0, n_each=60, levels=LEVELS, gain=1.0):
    """A Bayesian observer, its estimate by brute force on a table."""
    sample = np.repeat(levels, n_each)
    table = np.linspace(levels[0] * (1 - 5 * w_m), levels[-1] * (1 + 5 * w_m), 400)
    t = np.linspace(levels[0], levels[-1], 2001)
    likelihood = np.exp(-0.5 * ((table[:, None] - t) / (w_m * t)) ** 2) / t
    estimate = np.interp(
        sample * (1 + w_m * rng.standard_normal(sample.size)), table, (likelihood @ t) / likelihood.sum(1)
    )
    return sample, gain * estimate * (1 + w_p * rng.standard_normal(sample.size)) + offset


@pytest.mark.parametrize("w_m", [0.01, 0.1, 0.4])
@pytest.mark.parametrize("measured", [520.0, 610.0, 800.0, 1150.0])
def test_the_estimate_is_the_mean_of_the_posterior(w_m, measured):
    def density(t):
        return np.exp(-0.5 * ((measured - t) / (w_m * t)) ** 2 + 0.5 * top) / t

    top = min(((measured - t) / (w_m * t)) ** 2 for t in np.linspace(600.0, 1000.0, 401))
    edge = np.clip(measured, 600.0, 1000.0)
    parts = [edge - 20.0, edge + 20.0] if w_m < 0.05 else []
    points = [p for p in parts if 600 < p < 1000] or None
    norm = quad(density, 600.0, 1000.0, points=points, limit=400)[0]
    mean = quad(lambda t: t * density(t), 600.0, 1000.0, points=points, limit=400)[0] / norm
    assert estimates(np.array([measured]), w_m, 600.0, 1000.0)[0] == pytest.approx(mean, abs=0.2)


def test_the_observer_is_recovered_within_its_intervals():
    """40 data sets: a binomial of 0.95 and 40 falls below 34 in 3 of 1000 cases."""
    truth = {"w_m": 0.12, "w_p": 0.07, "offset": 20.0}
    rng = np.random.default_rng(0)
    inside = dict.fromkeys(truth, 0)
    for _ in range(40):
        fit = bayesian_timing(trials(*observer(rng, **truth)))
        assert bool(fit.converged) and not fit.at_bound.any()
        for name, value in truth.items():
            low, high = fit[f"{name}_interval"].values
            inside[name] += bool(low <= value <= high)
            assert low <= float(fit[name]) <= high
    assert min(inside.values()) >= 34


def test_more_noise_of_measurement_regresses_more():
    rng = np.random.default_rng(1)
    noisy, sharp = (produced_intervals(trials(*observer(rng, w, 0.03, n_each=200))) for w in (0.2, 0.03))
    assert float(noisy.slope) < 0.6 < 0.9 < float(sharp.slope)
    assert 700 < float(noisy.indifference) < 900


def test_groups_have_their_own_prior_and_gain():
    rng = np.random.default_rng(2)
    parts = [observer(rng, 0.1, 0.05, levels=np.linspace(*ends, 5), n_each=150, gain=g) for ends, g in (((480, 800), 1.0), ((800, 1200), 1.5))]  # fmt: skip
    sample, made = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    prior = np.repeat(["short", "long"], 750)
    fit = bayesian_timing(
        trials(sample, made, prior=prior, gain=np.repeat([1.0, 1.5], 750)), by="prior", gain="gain"
    )
    assert fit.group.values.tolist() == ["long", "short"]
    assert np.abs(fit.w_m.values - 0.1).max() < 0.03 and np.abs(fit.w_p.values - 0.05).max() < 0.02
    ignored = bayesian_timing(trials(sample, made, prior=prior), by="prior", gain=1.0)
    assert (
        float(ignored.offset.sel(group="long")) > 300 > 60 > np.abs(fit.offset.values).max()
    )  # the gain in disguise
    wide = bayesian_timing(trials(sample, made, prior=prior), by="prior", gain=1.0, prior=(100.0, 3000.0))
    assert float(wide.log_likelihood.sel(group="short")) < float(fit.log_likelihood.sel(group="short")) - 10


def test_a_subject_without_noise_is_said_to_be_at_the_bound():
    sample = np.repeat(LEVELS, 5)
    fit = bayesian_timing(trials(sample, sample))
    assert fit.at_bound.sel(parameter=["w_m", "w_p"]).all()
    assert float(fit.w_m) < 0.01 and abs(float(fit.offset)) < 2.0


def test_missing_responses_are_counted():
    sample, made = observer(np.random.default_rng(3), 0.1, 0.05)
    made[:7] = np.nan
    assert int(bayesian_timing(trials(sample, made)).n_excluded) == 7
    assert int(produced_intervals(trials(sample, made)).n_excluded) == 7


def test_the_regression_recovers_its_parameters():
    """95 % intervals hold the truth in at least 88 % of 100 data sets: 3.2 standard deviations below 95 %."""
    rng = np.random.default_rng(4)
    truth = {"slope": 0.7, "intercept": 240.0, "weber": 0.08, "indifference": 800.0}
    inside = dict.fromkeys(truth, 0)
    for _ in range(100):
        t = np.repeat(LEVELS, 30)
        fit = produced_intervals(
            trials(t, 240.0 + 0.7 * t + 0.08 * t * rng.standard_normal(t.size)), n_bootstrap=200
        )
        for name, value in truth.items():
            low, high = fit[f"{name}_interval"].values
            inside[name] += bool(low <= value <= high)
    assert min(inside.values()) >= 88


def test_bias_and_variability_make_up_the_error():
    sample, made = observer(np.random.default_rng(5), 0.1, 0.05)
    fit = produced_intervals(trials(sample, made))
    assert float(fit.bias) ** 2 + float(fit.variability) ** 2 == pytest.approx(np.mean((made - sample) ** 2))
    assert float(fit.gain) == pytest.approx(np.mean(made / sample))
    by_hand = [made[sample == t] for t in LEVELS]
    assert np.allclose(fit["mean"], [each.mean() for each in by_hand])
    assert np.allclose(fit["cv"], [each.std(ddof=1) / each.mean() for each in by_hand])
    weighted = np.polyfit(sample, made, 1, w=1 / sample)  # NumPy as second opinion
    assert np.allclose([float(fit.slope), float(fit.intercept)], weighted)
    shuffled = np.random.default_rng(0).permutation(sample.size)
    assert float(produced_intervals(trials(sample[shuffled], made[shuffled])).weber) == pytest.approx(
        float(fit.weber)
    )


def test_the_log_likelihood_is_that_of_the_model():
    sample, made = observer(np.random.default_rng(6), 0.1, 0.05, n_each=20)
    fit = produced_intervals(trials(sample, made), n_bootstrap=0)
    residual = made - float(fit.intercept) - float(fit.slope) * sample
    w = np.sqrt(np.mean((residual / sample) ** 2))
    direct = np.sum(-0.5 * (residual / (w * sample)) ** 2 - np.log(w * sample) - 0.5 * np.log(2 * np.pi))
    assert float(fit.log_likelihood) == pytest.approx(direct)


def test_many_targets_are_shown_in_bins():
    rng = np.random.default_rng(7)
    t = rng.uniform(500.0, 1000.0, 400)
    fit = produced_intervals(trials(t, t))
    assert fit.sizes["interval_asked"] == 8 and float(fit.slope) == pytest.approx(1.0)
    assert np.isnan(float(fit.indifference)) and int(fit.n.sum()) == 400


@pytest.mark.parametrize("by", [None, "context"])
def test_what_is_drawn(by):
    rng = np.random.default_rng(8)
    sample, made = observer(rng, 0.12, 0.06)
    ds = trials(sample, made, context=np.where(np.arange(sample.size) % 2, "a", "b"))
    n = 1 if by is None else 2
    for measure, draw in (
        (ProducedIntervals(by=by), plot_produced_intervals),
        (BayesianTiming(by=by), plot_bayesian_timing),
    ):
        result = measure.apply(ds)
        axes = measure.plot(result)
        assert "interval" in axes.get_xlabel() and axes.get_ylabel() == "produced interval (ms)"
        assert len(axes.containers) == n and len(axes.get_legend().get_texts()) == n
        assert draw(result, ax=axes) is axes
        plt.close(axes.figure)


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda: produced_intervals(trials(LEVELS, LEVELS), sample="x"), "'x' is not a variable of the trials"),
        (lambda: produced_intervals(trials(-LEVELS, LEVELS)), "Intervals must be above 0 ms"),
        (lambda: produced_intervals(trials(np.full(9, 800.0), np.full(9, 800.0))), "at least two target intervals"),
        (lambda: bayesian_timing(trials(LEVELS, LEVELS)), "at least 10 responses"),
        (lambda: bayesian_timing(trials(np.full(20, 800.0), np.full(20, 800.0))), "at least two sample intervals"),
        (lambda: bayesian_timing(trials(LEVELS, LEVELS), prior=(900.0, 800.0)), "shortest and a longer interval"),
        (lambda: bayesian_timing(trials(LEVELS, LEVELS), gain=0.0), "gains must be above 0"),
    ],
)  # fmt: skip
def test_errors_say_what_is_wrong(act, message):
    with pytest.raises(ValueError, match=message):
        act()
