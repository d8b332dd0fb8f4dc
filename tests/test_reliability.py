"""Laws of noise ceilings: they bracket what is true, and know only what the trials say."""

import numpy as np
import pytest
import xarray as xr

from neurornn.analysis.selectivity import (
    explainable_variance,
    half_averages,
    half_correlations,
    normalised_correlation,
    signal_power,
    spearman_brown,
    split_half,
)


def dataset(values, member, **units):
    return xr.Dataset(
        {"rate": (("trial", "time", "unit"), values)},
        {"condition": ("trial", member)} | {name: ("unit", each) for name, each in units.items()},
    )


def simulated(gain, counts, *, n_times=12, n_units=120, seed=0):
    """Poisson counts of known rates; returns them, the condition of each trial and the rates."""
    rng = np.random.default_rng(seed)
    truth = gain * np.exp(0.7 * rng.normal(size=(len(counts), n_times, n_units)))
    member = np.repeat(np.arange(len(counts)), counts)
    return rng.poisson(truth[member]).astype(float), member, truth


def averages(values, member):
    return np.stack([np.nanmean(values[member == c], axis=0) for c in range(member.max() + 1)])


def correlations(one, other):
    x, y = (each.reshape(-1, each.shape[-1]) for each in (one, other))
    x, y = x - x.mean(0), y - y.mean(0)
    return (x * y).sum(0) / np.sqrt((x**2).sum(0) * (y**2).sum(0))


@pytest.mark.parametrize("counts", [[10] * 6, [4, 6, 9, 11, 14, 16]])
@pytest.mark.parametrize("gain", [0.1, 0.4, 1.5, 6.0, 25.0])
def test_ceilings_bracket_the_truth(gain, counts):
    values, member, truth = simulated(gain, counts)
    ds = dataset(values, member)
    reached = correlations(averages(values, member), truth)  # what the perfect model scores
    found = split_half(ds, by="condition", n_splits=60)
    share = explainable_variance(ds, by="condition").explainable_variance
    error = 3 * reached.std() / np.sqrt(reached.size) + 0.012
    assert found.ceiling.mean() == pytest.approx(reached.mean(), abs=error)
    assert share.mean() == pytest.approx((reached**2).mean(), abs=2 * error)
    assert found.reliability.mean() == pytest.approx((reached**2).mean(), abs=2 * error)
    # without the correction, the ceiling of halves is too low; with the data against itself, too high
    assert np.sqrt(found.half_correlation.clip(0)).mean() < reached.mean() < 1.0


def test_signal_power_is_without_bias_for_unequal_trials_and_noise_with_memory():
    rng = np.random.default_rng(3)
    counts = np.array([2, 3, 5, 9])
    member = np.repeat(np.arange(4), counts)
    truth = rng.normal(size=(4, 6, 1))
    shared, own = 1.3, 0.8  # of the noise: constant within a trial, and new in every step
    noise = shared * rng.normal(size=(19, 1, 4000)) + own * rng.normal(size=(19, 6, 4000))
    signal, power, total = signal_power(truth[member] + noise, member)
    for estimate, expected in ((signal, truth.var()), (power, shared**2 + own**2)):
        assert abs(estimate.mean() - expected) < 4 * estimate.std() / np.sqrt(estimate.size)
    assert total.mean() > truth.var() + 4 * total.std() / np.sqrt(total.size)


def test_signal_power_of_equal_trials_and_no_memory_is_that_of_sahani_and_linden():
    values, member, _ = simulated(3.0, [8] * 5, n_times=400, n_units=3)
    signal, noise, _ = signal_power(values, member)
    n = 8
    whole = averages(values, member).reshape(-1, 3).var(0)
    each = np.stack([values[np.arange(5) * 8 + k].reshape(-1, 3).var(0) for k in range(n)]).mean(0)
    expected = (n * whole - each) / (n - 1)
    assert signal == pytest.approx(expected, rel=0.01)
    assert noise == pytest.approx(each - expected, rel=0.01)


def test_a_perfect_model_has_a_normalised_correlation_of_one():
    values, member, truth = simulated(1.0, [5, 6, 7, 8], n_units=400)
    found = normalised_correlation(truth, values, member)
    assert np.median(found) == pytest.approx(1.0, abs=0.02)
    assert correlations(averages(values, member), truth).mean() < 0.95
    assert normalised_correlation(7 * truth + 3, values, member) == pytest.approx(found)
    blind = np.random.default_rng(0).permutation(truth.reshape(-1)).reshape(truth.shape)
    assert abs(np.nanmean(normalised_correlation(blind, values, member))) < 0.05


def test_units_without_signal_have_no_reliability_on_average():
    rng = np.random.default_rng(0)
    values = rng.poisson(3.0, size=(48, 10, 600)).astype(float)
    member = np.repeat(np.arange(4), 12)
    found = split_half(dataset(values, member), by="condition", n_splits=30)
    assert abs(found.half_correlation.mean()) < 0.02
    share = explainable_variance(dataset(values, member), by="condition").explainable_variance
    assert abs(share.median()) < 0.1


def test_repeated_trials_are_perfectly_reliable_and_constant_units_have_no_answer():
    member = np.repeat(np.arange(3), 4)
    values = np.random.default_rng(1).normal(size=(3, 5, 2))[member]
    values[..., 1] = 2.7
    found = split_half(dataset(values, member), by="condition", n_splits=7)
    assert found.reliability[0] == pytest.approx(1.0) and np.isnan(found.reliability[1])
    assert found.n_splits_defined.values.tolist() == [7, 0]
    share = explainable_variance(dataset(values, member), by="condition")
    assert share.explainable_variance[0] == pytest.approx(1.0)
    assert share.noise_power[0] == pytest.approx(0.0, abs=1e-12)


def test_halves_are_halves():
    values, member, _ = simulated(2.0, [4, 7, 2], n_units=3)
    sizes = np.array([4, 7, 2])
    total = np.stack([values[member == c].sum(0) for c in range(3)])
    seen = set()
    for one, other in half_averages(values, member, n_splits=40):
        fits = [np.allclose(one[1] * k + other[1] * (7 - k), total[1]) for k in (3, 4)]
        assert sum(fits) == 1  # three trials in one half, four in the other
        seen.add(3 + fits.index(True))
        for c in (0, 2):
            assert one[c] + other[c] == pytest.approx(total[c] * 2 / sizes[c])
    assert seen == {3, 4}
    early = [pair[0] for pair in half_averages(values, member, n_splits=3, seed=4)]
    late = [pair[0] for pair in half_averages(values, member, n_splits=9, seed=4)]
    np.testing.assert_array_equal(early, late[:3])
    other = next(half_averages(values, member, n_splits=1, seed=5))[0]
    assert not np.array_equal(other, early[0])


def test_ceilings_do_not_depend_on_gains_offsets_or_the_order_of_units():
    values, member, _ = simulated(1.0, [6] * 5, n_units=8)
    found = split_half(dataset(values, member), by="condition", n_splits=20)
    scale, shift = np.linspace(0.1, 40, 8), np.linspace(-5, 90, 8)
    moved = split_half(dataset(values * scale + shift, member), by="condition", n_splits=20)
    np.testing.assert_allclose(moved.reliability, found.reliability)
    turned = split_half(dataset(values[..., ::-1], member), by="condition", n_splits=20)
    np.testing.assert_allclose(turned.reliability[::-1], found.reliability)
    share = explainable_variance(dataset(values, member), by="condition")
    wide = explainable_variance(dataset(values * scale + shift, member), by="condition")
    np.testing.assert_allclose(wide.explainable_variance, share.explainable_variance)
    np.testing.assert_allclose(wide.signal_power, share.signal_power * scale**2)


def test_units_of_other_sessions_and_padding_do_not_matter():
    values, member, _ = simulated(1.0, [8] * 4, n_units=6)
    alone = split_half(dataset(values, member), by="condition", n_splits=25)
    mixed = np.full((64, 15, 12), np.nan)
    mixed[:32, :12, :6] = values
    mixed[32:, :12, 6:] = values
    both = split_half(dataset(mixed, np.tile(member, 2), area=list("AB" * 6)), by="condition", n_splits=25)
    np.testing.assert_allclose(both.reliability[:6], alone.reliability)
    assert abs(both.reliability[6:] - alone.reliability.values).max() < 0.15  # other splits of the same
    assert both.n_trials.values.tolist() == [32] * 12 and both.area.values.tolist() == list("AB" * 6)
    share = explainable_variance(dataset(mixed, np.tile(member, 2)), by="condition").explainable_variance
    np.testing.assert_allclose(share[:6], share[6:])


def test_gaps_within_trials_are_left_out():
    values, member, truth = simulated(4.0, [12] * 4, n_units=60)
    rng = np.random.default_rng(0)
    length = rng.integers(6, 13, size=48)
    length[::6] = 12  # some trials of each condition are whole
    holes = np.where(np.arange(12)[:, None] < length[:, None, None], values, np.nan)
    found = split_half(dataset(holes, member), by="condition", n_splits=30)
    reached = correlations(averages(holes, member), truth)
    assert found.ceiling.mean() == pytest.approx(reached.mean(), abs=0.02)
    assert found.reliability.mean() < split_half(dataset(values, member), by="condition").reliability.mean()


def test_conditions_with_one_trial_and_trials_without_condition_are_counted_out():
    values, member, _ = simulated(2.0, [6, 6, 1, 6], n_units=4)
    member = member.astype(float)
    member[0] = np.nan
    found = split_half(dataset(values, member), by="condition", n_splits=10)
    assert (found.n_conditions == 3).all() and (found.n_trials == 17).all()
    assert found.attrs["n_trials_without_condition"] == 1 and found.attrs["n_conditions"] == 4
    kept = np.isfinite(member) & (member != 2)
    same = explainable_variance(dataset(values[kept], member[kept]), by="condition")
    whole = explainable_variance(dataset(values, member), by="condition")
    np.testing.assert_allclose(whole.signal_power, same.signal_power)


def test_spearman_brown_is_the_prophecy():
    signal, noise = 2.0, 3.0
    for k in (2.0, 5.0):
        assert spearman_brown(signal / (signal + noise), k) == pytest.approx(signal / (signal + noise / k))
    assert spearman_brown([-1.0, -0.9, 0.0]).tolist() == [-1.0, -1.0, 0.0]
    assert np.isnan(spearman_brown(np.nan))


def test_what_cannot_be_split_is_refused():
    values, member, truth = simulated(1.0, [3, 3], n_units=2)
    with pytest.raises(ValueError, match="n_splits must be at least 1: got 0"):
        split_half(dataset(values, member), by="condition", n_splits=0)
    with pytest.raises(ValueError, match="'colour' is not a variable of the trials"):
        split_half(dataset(values, member), by="colour")
    with pytest.raises(ValueError, match="no variable 'counts'"):
        split_half(dataset(values, member), "counts", by="condition")
    with pytest.raises(ValueError, match="one condition for each trial"):
        half_correlations(values, member[:-1])
    with pytest.raises(ValueError, match="prediction has shape"):
        normalised_correlation(truth[:1], values, member)
