"""Averages over conditions and scales of units: against plain loops, resampling and each other."""

import numpy as np
import pytest

import neurornn
from neurornn import analysis, recordings, tasks
from neurornn.recordings import _blocks


@pytest.fixture
def rates():
    """Units of two sessions, unequal trials, ragged ends, one trial without a condition."""
    rng = np.random.default_rng(0)
    values = rng.gamma(2.0, 10.0, (40, 6, 5))
    session, own = np.repeat([0, 1], 20), np.array([0, 0, 1, 1, 1])
    values[np.broadcast_to((session[:, None] != own)[:, None], values.shape)] = np.nan
    for i, end in enumerate(rng.integers(3, 7, 40)):
        values[i, end:] = np.nan
    coherence = rng.choice([0.0, 6.4, 25.6], 40)
    coherence[7] = np.nan
    choice = rng.choice(["left", "right"], 40)
    choice[(session == 1) & (coherence == 25.6)] = "right"  # a condition that session 1 lacks
    return recordings.binned(
        values,
        np.arange(6) * 10.0,
        conditions={"coherence": coherence, "choice": choice},
        session=session,
        unit_session=own,
        about_units={"area": list("aabbb")},
    )


def test_averages_are_those_of_a_plain_loop(rates, monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", 8 * 30 * 7)  # seven trials at a time
    mean = recordings.average(rates, by=["coherence", "choice"])
    assert mean.sizes == {"condition": 6, "time": 6, "unit": 5}
    for k in range(6):
        mine = (rates.coherence == mean.coherence[k]) & (rates.choice == mean.choice[k])
        for j in range(5):
            here = rates.rate.values[mine.values][:, :, j]
            assert int(mean.n_trials[k, j]) == np.isfinite(here).any(1).sum()
            for t in range(6):
                values = here[np.isfinite(here[:, t]), t]
                assert int(mean.n_values[k, t, j]) == values.size
                expected = values.mean() if values.size else np.nan
                np.testing.assert_allclose(mean.rate[k, t, j], expected, rtol=1e-12)
                expected = values.std(ddof=1) / np.sqrt(values.size) if values.size > 1 else np.nan
                np.testing.assert_allclose(mean.rate_sem[k, t, j], expected, rtol=1e-9)
    assert mean.attrs["n_trials_excluded"] == 1
    missing = int(((rates.session == 1) & (rates.coherence == 25.6) & (rates.choice == "left")).sum()) == 0
    assert missing and mean.attrs["n_cells_missing"] == 3 and mean.attrs["n_units_complete"] == 2
    assert mean.area.values.tolist() == list("aabbb")


def test_a_pseudo_population_is_the_units_averaged_alone(rates):
    together = recordings.average(rates, by="coherence")
    for unit in range(5):
        trials = rates.session.values == rates.unit_session.values[unit]
        alone = recordings.average(recordings.select(rates, trial=trials, unit=[unit]), by="coherence")
        np.testing.assert_allclose(together.rate[..., unit], alone.rate[..., 0], rtol=1e-12)


def test_cells_with_too_few_trials_are_nan_and_still_counted(rates):
    every = recordings.average(rates, by="coherence")
    strict = recordings.average(rates, by="coherence", min_trials=6)
    few = every.n_trials.values < 6
    assert few.any() and not few.all()
    np.testing.assert_array_equal(strict.n_trials, every.n_trials)
    np.testing.assert_array_equal(strict.rate.isnull().all("time"), few)
    assert strict.attrs["n_cells_missing"] == few.sum()


def test_the_standard_error_is_that_of_resampled_trials():
    rng = np.random.default_rng(2)
    values = rng.gamma(2.0, 5.0, (60, 1, 1))
    mean = recordings.average(recordings.binned(values, [0.0], conditions={"one": np.ones(60)}), by="one")
    draws = values[rng.integers(0, 60, (4000, 60)), 0, 0].mean(1)
    assert abs(mean.rate_sem.item() / draws.std() - np.sqrt(60 / 59)) < 0.04


def test_large_offsets_do_not_cancel(monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", 64)
    values = 1e8 + np.random.default_rng(3).standard_normal((50, 1, 1))
    mean = recordings.average(recordings.binned(values, [0.0], conditions={"one": np.ones(50)}), by="one")
    np.testing.assert_allclose(mean.rate_sem, values.std(ddof=1) / np.sqrt(50), rtol=1e-6)


def test_networks_average_by_the_same_call_and_padding_never_counts():
    task = tasks.make("context-decision")
    ds = neurornn.simulate(
        neurornn.CTRNN(task.n_inputs, 5, task.n_outputs), task.sample(30, seed=1), task=task
    )
    mean = recordings.average(ds, by="context", variable="state")
    reference = analysis._conditions.condition_average(
        analysis._conditions.activity(ds, "state")[0], ["context"]
    )
    np.testing.assert_allclose(mean.state, reference, rtol=1e-6)
    np.testing.assert_array_equal(mean.context, reference.context)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "contrast"}, "'contrast' is not a variable of the trials. They have: choice, coherence"),
        ({"by": []}, "at least one name"),
        ({"by": "choice", "min_trials": 0}, "min_trials at least 1"),
        ({"by": "choice", "variable": "counts"}, "no variable 'counts'. It has: rate"),
    ],
)
def test_what_cannot_be_averaged_is_said_in_words(rates, options, message):
    with pytest.raises(ValueError, match=message):
        recordings.average(rates, **options)
    with pytest.raises(ValueError, match="No trial has a value for 'choice' and 'never'"):
        recordings.average(rates.assign_coords(never=("trial", np.full(40, np.nan))), by=["choice", "never"])


# ----------------------------------------------------------------------------------------------- normalisation


def test_z_scores_have_mean_0_and_sd_1_over_trials_and_times(rates, monkeypatch):
    monkeypatch.setattr(_blocks, "BLOCK", 8 * 30 * 9)
    z = recordings.zscore(rates)
    np.testing.assert_allclose(np.nanmean(z.rate, (0, 1)), 0, atol=1e-12)
    np.testing.assert_allclose(np.nanstd(z.rate, (0, 1)), 1, rtol=1e-12)
    np.testing.assert_array_equal(z.rate.isnull(), rates.rate.isnull())
    back = z.rate * z.rate_scale + z.rate_center
    np.testing.assert_allclose(back, rates.rate, rtol=1e-12)
    recordings.check(z)


def test_parameters_of_training_trials_serve_held_out_ones(rates):
    train, test = (
        recordings.select(rates, trial=slice(0, None, 2)),
        recordings.select(rates, trial=slice(1, None, 2)),
    )
    for normalise in (recordings.zscore, recordings.soft_normalise):
        fitted = normalise(train)
        held_out = normalise(test, like=fitted)
        expected = (test.rate - fitted.rate_center) / fitted.rate_scale
        np.testing.assert_array_equal(held_out.rate, expected)
        np.testing.assert_array_equal(held_out.rate_scale, fitted.rate_scale)
        assert not np.allclose(held_out.rate, normalise(test).rate, equal_nan=True)
        again = normalise(train, like=fitted)
        np.testing.assert_array_equal(again.rate, fitted.rate)


def test_soft_normalisation_divides_by_range_plus_constant(rates):
    soft = recordings.soft_normalise(rates)
    span = np.nanmax(rates.rate, (0, 1)) - np.nanmin(rates.rate, (0, 1))
    np.testing.assert_allclose(soft.rate, rates.rate / (span + 5.0), rtol=1e-12)
    hard = recordings.soft_normalise(rates, constant=0.0)
    np.testing.assert_allclose(np.nanmax(hard.rate, (0, 1)) - np.nanmin(hard.rate, (0, 1)), 1.0)
    mean = recordings.average(rates, by="coherence")
    assert recordings.soft_normalise(mean).rate.dims == ("condition", "time", "unit")


def test_silent_and_unrecorded_units_stay_themselves(rates):
    values = rates.rate.values.copy()
    values[:, :, 0] = np.where(np.isnan(values[:, :, 0]), np.nan, 3.1)
    values[:, :, 4] = np.nan
    z = recordings.zscore(rates.assign(rate=(rates.rate.dims, values)))
    assert z.attrs["n_units_constant"] == 1
    first = z.rate.values[:, :, 0]
    assert np.abs(first[np.isfinite(first)]).max() < 1e-12 and np.isnan(z.rate.values[:, :, 4]).all()
    soft = recordings.soft_normalise(rates.assign(rate=(rates.rate.dims, values)))
    assert np.isnan(soft.rate_scale.values).tolist() == [False] * 4 + [True]


def test_what_cannot_be_normalised_is_said_in_words(rates):
    with pytest.raises(ValueError, match=r"no 'rate_center'\. Pass the result"):
        recordings.zscore(rates, like=rates)
    with pytest.raises(ValueError, match=r"units of like \(5\) are not those of the data \(2\)"):
        recordings.zscore(recordings.select(rates, unit=[0, 1]), like=recordings.zscore(rates))
    with pytest.raises(ValueError, match="or come in another order"):
        recordings.zscore(recordings.select(rates, unit=[1, 0, 2, 3, 4]), like=recordings.zscore(rates))
    with pytest.raises(ValueError, match="constant must be at least 0: got -1"):
        recordings.soft_normalise(rates, constant=-1)
