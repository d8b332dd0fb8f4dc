"""Laws of the recording simulator: the process is exact, its randomness is counted, its bookkeeping is complete."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from neurornn import CTRNN, simulate, tasks
from neurornn.connectivity import Dale
from neurornn.recordings import (
    GainDrift,
    NegativeBinomial,
    Sessions,
    align,
    check,
    load,
    observe,
    observe_counts,
    save,
    to_counts,
    to_rates,
)
from neurornn.recordings._process import _poisson


def network(rate, *, dt=10.0, **coords):
    """Trials of given rates ``(trial, time, unit)``."""
    rate = np.asarray(rate, dtype=np.float64)
    known = {"trial": np.arange(rate.shape[0]), "time": np.arange(rate.shape[1]) * dt}
    return xr.Dataset(
        {"rate": (("trial", "time", "unit"), rate)}, known | {k: ("trial", v) for k, v in coords.items()}
    )


def constant(n_trials, n_steps=50, n_units=3):
    return network(np.ones((n_trials, n_steps, n_units)))


def counts_of(ds):
    n_units = ds.sizes["unit"]
    cell = ds.spike_trial.values * n_units + ds.spike_unit.values
    return np.bincount(cell, minlength=ds.sizes["trial"] * n_units).reshape(-1, n_units)


def fits(observed, probabilities):
    """p value of a chi-square test, rare counts pooled."""
    n = observed.sum()
    keep = n * probabilities > 5
    seen = np.append(observed[keep], n - observed[keep].sum())
    expected = np.append(n * probabilities[keep], n * (1 - probabilities[keep].sum()))
    return stats.chisquare(seen, expected).pvalue


@pytest.mark.parametrize("hz", [0.4, 6.0, 90.0])
def test_counts_are_poisson(hz):
    counts = counts_of(observe(constant(4000), rate_scale=hz, seed=1)).ravel()
    mean = hz * 0.5
    error = np.sqrt(2 / counts.size + 1 / (mean * counts.size))
    assert abs(counts.mean() - mean) < 4 * np.sqrt(mean / counts.size)
    assert abs(counts.var(ddof=1) / counts.mean() - 1) < 4 * error
    n = counts.max() + 1
    assert fits(np.bincount(counts), stats.poisson(mean).pmf(np.arange(n))) > 1e-3


def test_counts_are_negative_binomial_with_the_stated_fano_factor():
    dispersion, mean = 3.0, 6.0
    ds = observe_counts(
        constant(6000), rate_scale=12.0, observation=NegativeBinomial(dispersion), bin_width=250.0
    )
    whole = ds.counts.sum("time").values.ravel().astype(int)
    law = stats.nbinom(dispersion, dispersion / (dispersion + mean))
    assert fits(np.bincount(whole), law.pmf(np.arange(whole.max() + 1))) > 1e-3
    assert whole.var() / whole.mean() == pytest.approx(1 + mean / dispersion, rel=0.06)
    half = ds.counts.values[:, 0].ravel()
    assert half.var() / half.mean() == pytest.approx(1 + mean / 2 / dispersion, rel=0.06)
    first, second = ds.counts.values[:, 0, 0], ds.counts.values[:, 1, 0]
    expected = (3.0**2 / dispersion) / (3.0 + 3.0**2 / dispersion)
    assert np.corrcoef(first, second)[0, 1] == pytest.approx(expected, abs=4 / np.sqrt(first.size))


def test_the_inversion_is_that_of_the_distribution():
    rng = np.random.default_rng(0)
    mean = np.concatenate([np.zeros(50), rng.exponential(0.5, 2000), rng.uniform(0, 300, 2000)])
    u = rng.uniform(size=mean.size)
    u[:4], u[60:64] = [1e-16, 0.3, 0.9, 1 - 1e-16], [1e-16, 1e-9, 1 - 1e-9, 1 - 1e-15]
    assert (_poisson(mean, u) == stats.poisson.ppf(u, np.where(mean > 0, mean, 1e-300))).all()


def test_intervals_are_exponential_at_a_constant_rate():
    ds = observe(constant(200, 2000, 1), rate_scale=25.0)
    gaps = np.diff(ds.spike_time)[np.diff(ds.spike_trial) == 0]
    assert gaps.size > 50_000
    assert stats.kstest(gaps, "expon", args=(0, 40.0)).pvalue > 1e-3
    assert abs(np.corrcoef(gaps[1:], gaps[:-1])[0, 1]) < 4 / np.sqrt(gaps.size)


def test_rescaled_by_the_rate_any_course_has_exponential_intervals():
    t = np.arange(300)
    course = np.where((t // 25) % 3 == 1, 0.0, 1 + np.sin(t / 9))
    ds = observe(network(np.tile(course[None, :, None], (300, 1, 2))), rate_scale=50.0)
    edges = np.concatenate([[0.0], np.cumsum(course * 0.5)])
    rescaled = np.interp(ds.spike_time, np.arange(301) * 10.0, edges)
    cell = ds.spike_trial.values * 2 + ds.spike_unit.values
    gaps = np.diff(rescaled)[np.diff(cell) == 0]
    first = np.searchsorted(cell, np.arange(600))
    gaps = gaps[gaps < 20]
    assert stats.kstest(rescaled[first], "expon").pvalue > 1e-3
    assert abs(gaps.mean() - 1) < 0.02
    step = (ds.spike_time.values // 10).astype(int)
    assert (course[step] > 0).all()
    assert stats.kstest(ds.spike_time.values % 10, "uniform", args=(0, 10)).pvalue > 1e-3


def test_rates_come_back_from_many_trials():
    rng = np.random.default_rng(3)
    rate = rng.gamma(2.0, 10.0, size=(40, 4))
    ds = observe(network(np.tile(rate, (800, 1, 1))), rate_scale=1.0)
    found = to_rates(ds, bin_width=10.0, window=(0.0, 400.0)).rate.mean("trial").values
    z = (found - rate) / np.sqrt(rate / 0.01 / 800)
    assert abs(z.mean()) < 0.35 and 0.75 < z.std() < 1.25


def test_trials_and_units_are_independent():
    counts = observe_counts(constant(3000, 50, 12), rate_scale=20.0, bin_width=250.0).counts.values
    flat = counts.reshape(3000, -1)
    r = np.corrcoef(flat.T)[np.triu_indices(24, 1)] * np.sqrt(3000)
    assert abs(r).max() < 4.5 and 0.85 < r.std() < 1.15
    whole = counts.sum(1)
    lagged = [np.corrcoef(whole[:-1, k], whole[1:, k])[0, 1] for k in range(12)]
    assert np.abs(lagged).max() < 4.5 / np.sqrt(3000)


def test_the_same_seed_gives_the_same_bytes_and_a_trial_does_not_know_the_others():
    rng = np.random.default_rng(0)
    ds = network(rng.gamma(2.0, 1.0, size=(30, 20, 8)))
    options = {
        "rate_scale": 20.0,
        "drift": GainDrift(0.4, 5.0),
        "observation": NegativeBinomial(2.0),
        "seed": 5,
    }
    whole = observe(ds, **options)
    again = observe(ds, **options)
    assert whole.drop_attrs().identical(again.drop_attrs())
    assert not np.array_equal(observe(ds, **options | {"seed": 6}).spike_time, whole.spike_time)
    some = observe(ds.isel(trial=[17, 4]), **options)
    for k, trial in enumerate([17, 4]):
        mine, theirs = some.spike_trial == k, whole.spike_trial == trial
        assert mine.sum() > 10
        assert np.array_equal(some.spike_time[mine], whole.spike_time[theirs])
        assert np.array_equal(some.spike_unit[mine], whole.spike_unit[theirs])
    few = observe(ds, n_units=3, **options)
    chosen = few.unit.values
    assert set(chosen) < set(observe(ds, n_units=5, **options).unit.values)
    for k, unit in enumerate(chosen):
        assert np.array_equal(few.spike_time[few.spike_unit == k], whole.spike_time[whole.spike_unit == unit])


def test_drift_has_the_stated_sd_and_autocorrelation():
    drift = GainDrift(0.5, 10.0)
    gains = drift.gains(np.arange(4000), np.arange(40), seed=2)
    z = np.log(gains)
    assert z.std() == pytest.approx(0.5, rel=0.03)
    assert gains.mean() == pytest.approx(1.0, abs=0.02)
    z = z - z.mean()
    for lag in (1, 10, 25):
        found = (z[lag:] * z[:-lag]).mean() / (z**2).mean()
        assert found == pytest.approx(np.exp(-lag / 10), abs=0.02)
    starts = np.log([drift.gains(np.arange(1), np.arange(500), seed=s)[0] for s in range(20)])
    assert starts.std() == pytest.approx(0.5, rel=0.03)
    among = np.corrcoef(z.T)[np.triu_indices(40, 1)]
    assert np.abs(among).mean() < 0.05


def test_drift_reaches_the_counts_and_each_session_has_its_own():
    ds = constant(400, 50, 6)
    still = observe_counts(ds, rate_scale=200.0, bin_width=500.0).counts.values[:, 0]
    moved = observe_counts(ds, rate_scale=200.0, bin_width=500.0, drift=GainDrift(0.4, 30.0)).counts.values[
        :, 0
    ]
    expected = np.log(1 + still.var() / still.mean() ** 2) + 0.4**2  # variances of independent logs add
    assert np.log(moved).var(0).mean() == pytest.approx(expected, rel=0.35)
    assert np.corrcoef(moved[:-1, 0], moved[1:, 0])[0, 1] > 0.7
    split = observe_counts(ds, rate_scale=200.0, sessions=Sessions(2, 2, 200), drift=GainDrift(0.4, 30.0))
    rate = split.counts.sum("time", skipna=False).values
    assert np.isnan(rate[:200, 2:]).all() and np.isnan(rate[200:, :2]).all()
    assert abs(np.corrcoef(rate[:200, 0], rate[200:, 2])[0, 1]) < 0.8


def test_units_are_drawn_uniformly():
    ds = constant(1, 1, 20).assign_attrs(dt=10.0)
    drawn = np.concatenate([
        observe(ds, n_units=5, rate_scale=1.0, seed=seed).unit.values for seed in range(400)
    ])
    assert stats.chisquare(np.bincount(drawn, minlength=20)).pvalue > 1e-3


def test_sessions_make_a_valid_pseudo_population():
    rng = np.random.default_rng(1)
    side = np.tile([-1, 1], 300)
    tuning = rng.uniform(5, 40, size=(2, 30))
    ds = network(np.repeat(tuning[(side > 0).astype(int)][:, None], 40, axis=1), side=side)
    recording = observe(ds, rate_scale=1.0, sessions=Sessions(10, 3, 60), seed=3)
    counts = check(recording)
    assert (counts.n_sessions, counts.n_units, counts.n_trials) == (10, 30, 600)
    assert (counts.n_trials_of_unit == 60).all()
    assert np.unique(recording.unit).size == 30 and np.unique(recording.trial).size == 600
    rates = to_rates(recording, bin_width=400.0, window=(0.0, 400.0))
    here = rates.session.values[:, None] == rates.unit_session.values
    assert (np.isfinite(rates.rate.values[:, 0]) == here).all()
    assert (recording.side.values == side[recording.trial.values]).all()
    for k, value in enumerate([-1, 1]):
        mine = rates.rate.isel(trial=rates.side.values == value, time=0)
        truth = tuning[k, rates.unit.values]
        z = (mine.mean("trial") - truth) / np.sqrt(truth / 0.4 / np.isfinite(mine).sum("trial"))
        assert abs(z.mean()) < 0.7 and 0.6 < z.std() < 1.4
    assert not np.array_equal(np.sort(recording.trial[:60]), recording.trial[:60])
    one = observe(ds, rate_scale=1.0, sessions=Sessions(1, 5, 100), seed=3)
    mean = counts_of(one).reshape(100, 5) / 0.4
    truth = tuning[(one.side.values > 0).astype(int)][:, one.unit.values]
    assert abs(((mean - truth) / np.sqrt(truth / 0.4)).std() - 1) < 0.2


def test_counts_are_the_spikes_in_bins_also_of_trials_of_different_length():
    rng = np.random.default_rng(2)
    ds = network(rng.gamma(2.0, 1.0, size=(25, 33, 7)), dt=0.7)
    length = rng.integers(5, 34, size=25)
    ds["valid"] = (("trial", "time"), (np.arange(33) < length[:, None]).astype(float))
    ds["rate"] = ds.rate.where(ds.valid > 0)  # padding may hold anything
    options = {"rate_scale": 80.0, "sessions": Sessions(3, 2, 8), "drift": GainDrift(0.2, 3.0), "seed": 1}
    spikes = observe(ds, **options)
    check(spikes)
    assert (spikes.stop - spikes.start).values == pytest.approx(length[spikes.trial.values] * 0.7)
    for steps in (1, 4):
        counts = observe_counts(ds, bin_width=0.7 * steps, **options)
        check(counts)
        n = 33 // steps
        same = to_counts(spikes, bin_width=0.7 * steps, window=(0.0, 0.7 * steps * n))
        np.testing.assert_array_equal(counts.counts, same.counts)
        assert counts.counts.sum() > 50


@pytest.mark.parametrize(("baseline", "least"), [(0.0, 0.0), (0.0, 2.0), (4.0, 1.0), (-10.0, 0.5)])
def test_the_mean_rate_is_met(baseline, least):
    rng = np.random.default_rng(4)
    ds = network(rng.normal(size=(60, 40, 20)))
    found = observe(ds, mean_rate=12.0, baseline=baseline, min_rate=least, n_units=10)
    rate = np.maximum(
        found.attrs["rate_scale"] * ds.rate.isel(unit=found.unit.values).values + baseline, least
    )
    assert rate.mean() == pytest.approx(12.0, rel=1e-9)
    raised = (found.attrs["rate_scale"] * ds.rate.isel(unit=found.unit.values) + baseline < least).mean()
    assert found.attrs["share_at_min_rate"] == pytest.approx(float(raised))
    seen = found.sizes["spike"] / (60 * 0.4 * 10)
    assert seen == pytest.approx(12.0, abs=4 * np.sqrt(12.0 / (60 * 0.4 * 10)))


def test_everything_known_about_trials_and_units_is_carried_over():
    task = tasks.make("context-decision")
    net = CTRNN(task.n_inputs, 20, task.n_outputs, dale=Dale())
    ds = simulate(net, task.sample(12, seed=0), task=task)
    before = ds.copy(deep=True)
    spikes = observe(ds, mean_rate=10.0, baseline=2.0, n_units=8)
    assert ds.identical(before)
    for name, each in ds.coords.items():
        if each.dims == ("trial",):
            np.testing.assert_array_equal(spikes[name], each)
    assert set(ds.cell_type.values) == {"E", "I"}
    np.testing.assert_array_equal(spikes.cell_type, ds.cell_type.isel(unit=spikes.unit.values))
    epochs = [str(name)[6:] for name in ds.coords if str(name).startswith("epoch_")]
    event = next(name for name in epochs if name.endswith("_start") and (ds[f"epoch_{name}"] > 0).any())
    rates = to_rates(spikes, bin_width=20.0, align=event, window=(-100.0, 100.0))
    there = align(ds, event, window=(-100.0, 100.0))
    assert rates.time.attrs["aligned_to"] == there.time.attrs["aligned_to"] == event


def test_what_cannot_be_observed_is_refused():
    ds = constant(10, 5, 4)
    with pytest.raises(ValueError, match="got neither"):
        observe(ds)
    with pytest.raises(ValueError, match="got both"):
        observe(ds, rate_scale=1.0, mean_rate=1.0)
    with pytest.raises(ValueError, match="n_units must lie between 1 and the 4 units"):
        observe(ds, rate_scale=1.0, n_units=5)
    with pytest.raises(ValueError, match="needs 6 units and there are 4"):
        observe(ds, rate_scale=1.0, sessions=Sessions(2, 3, 5))
    with pytest.raises(ValueError, match=r"needs 12 trials and there are 10.*Simulate more trials"):
        observe(ds, rate_scale=1.0, sessions=Sessions(2, 2, 6))
    with pytest.raises(ValueError, match="n_units or sessions, not both"):
        observe(ds, rate_scale=1.0, n_units=2, sessions=Sessions(2, 2, 5))
    with pytest.raises(ValueError, match="Fano factor is 1 \\+ mean count"):
        NegativeBinomial(0.0)
    with pytest.raises(ValueError, match="timescale"):
        GainDrift(0.1, 0.0)
    with pytest.raises(ValueError, match="n must be at least 1: got 0"):
        Sessions(0, 1, 1)
    with pytest.raises(ValueError, match="whole number of steps of 10 ms: got 15 ms"):
        observe_counts(ds, rate_scale=1.0, bin_width=15.0)
    with pytest.raises(ValueError, match="Two trials have the same number"):
        observe(xr.concat([ds, ds], "trial"), rate_scale=1.0)
    with pytest.raises(ValueError, match="mean_rate must exceed baseline and min_rate"):
        observe(ds, mean_rate=3.0, min_rate=3.0)
    with pytest.raises(ValueError, match="No rate of the network is above 0"):
        observe(-ds, mean_rate=3.0)
    with pytest.raises(ValueError, match="not finite, such as trial 3"):
        observe(ds.assign(rate=ds.rate.where(ds.trial != 3)), rate_scale=1.0)
    with pytest.raises(ValueError, match=r"'rate' \(trial, time, unit\) is needed"):
        observe(ds.drop_vars("rate"), rate_scale=1.0)
    with pytest.raises(ValueError, match="same length"):
        observe(ds.assign_coords(time=[0, 1, 2, 3, 5]), rate_scale=1.0)
    with pytest.raises(ValueError, match="Reduce the rate scale"):
        observe(ds, rate_scale=1e12)
    with pytest.raises(ValueError, match="'session', which recordings use themselves"):
        observe(ds.assign_coords(session=("trial", np.arange(10))), rate_scale=1.0)


def test_a_simulated_recording_goes_through_a_file(tmp_path):
    ds = network(
        np.random.default_rng(0).gamma(2.0, 1.0, size=(20, 10, 6)), side=np.tile(["left", "right"], 10)
    )
    for made in (observe, observe_counts):
        recording = made(ds, rate_scale=30.0, sessions=Sessions(2, 2, 7), drift=GainDrift(0.2, 5.0), seed=2)
        save(recording, tmp_path / "recording.nc")
        again = load(tmp_path / "recording.nc")
        again.load()
        check(again)
        for name in recording.variables:
            np.testing.assert_array_equal(again[name], recording[name])
        assert again.attrs["sessions"] == "Sessions(n=2, units_per_session=2, trials_per_session=7)"
        again.close()


def test_a_trial_without_any_valid_step_is_a_trial_without_a_span():
    ds = constant(4, 5, 2)
    valid = np.ones((4, 5))
    valid[2] = 0
    ds["valid"] = (("trial", "time"), valid)
    spikes = observe(ds, rate_scale=100.0)
    assert np.isnan(spikes.start[2]) and int(check(spikes).n_trials_empty) == 1
    assert 2 not in spikes.spike_trial and np.isnan(observe_counts(ds, rate_scale=100.0).counts[2]).all()
    valid[1, 2] = 0
    with pytest.raises(ValueError, match="1 trials is not one stretch"):
        observe(ds, rate_scale=100.0)
