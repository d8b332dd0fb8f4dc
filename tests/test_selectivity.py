"""Laws of single-unit statistics: textbook values, nominal error rates, planted effects found, invariances."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from neurornn.analysis.selectivity import (
    bits_per_spike,
    choice_probability,
    false_discovery_rate,
    null_rates,
    poisson_bits,
    roc_area,
    selectivity,
    tuning,
)


def dataset(values, variable="rate", **conditions):
    """One number for each trial and unit, as trials of one step."""
    return xr.Dataset(
        {variable: (("trial", "time", "unit"), np.asarray(values, dtype=float)[:, None])},
        {"time": ("time", [0.0], {"units": "ms"})} | {k: ("trial", v) for k, v in conditions.items()},
    )


def crossed(repeats, *levels):
    """Every combination of the levels, each repeated."""
    grid = np.stack([each.ravel() for each in np.meshgrid(*map(np.arange, levels), indexing="ij")])
    return [np.repeat(each, repeats) for each in grid]


# --- analysis of variance ---------------------------------------------------------------------------------------------


def test_one_factor_is_the_textbook_test():
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], [5, 9, 7])
    Y = rng.normal(size=(21, 4)) + group[:, None] * [0, 0.3, 1, 3]
    found = selectivity(dataset(Y, group=group), "group", n_permutations=0)
    f, p = stats.f_oneway(*(Y[group == k] for k in range(3)))
    np.testing.assert_allclose(found.f[0], f)
    np.testing.assert_allclose(found.p_value[0], p)
    total = ((Y - Y.mean(0)) ** 2).sum(0)
    within = sum(((Y[group == k] - Y[group == k].mean(0)) ** 2).sum(0) for k in range(3))
    np.testing.assert_allclose(found.partial_variance[0], 1 - within / total)


def test_a_number_is_the_textbook_regression():
    rng = np.random.default_rng(1)
    x = rng.normal(size=30)
    Y = rng.normal(size=(30, 3)) + x[:, None] * [0, 0.5, 2]
    found = selectivity(dataset(Y, x=x), "x", numeric=["x"], n_permutations=0)
    for k in range(3):
        line = stats.linregress(x, Y[:, k])
        assert float(found.coefficient[0, k]) == pytest.approx(line.slope)
        assert float(found.p_value[0, k]) == pytest.approx(line.pvalue)
        assert float(found.partial_variance[0, k]) == pytest.approx(line.rvalue**2)


def test_balanced_factors_share_the_variance_out():
    a, b = crossed(6, 3, 4)
    Y = np.random.default_rng(2).normal(size=(72, 5)) + (a * b)[:, None]
    found = selectivity(dataset(Y, a=a, b=b), ["a", "b"], n_permutations=0)
    assert found.term.values.tolist() == ["a", "b", "a x b"]
    assert found.degrees[:, 0].values.tolist() == [2, 3, 6]
    cell = Y.reshape(3, 4, 6, 5)
    grand = Y.mean(0)
    of_a, of_b, of_ab = cell.mean((1, 2)), cell.mean((0, 2)), cell.mean(2)
    squares = [
        24 * ((of_a - grand) ** 2).sum(0),
        18 * ((of_b - grand) ** 2).sum(0),
        6 * ((of_ab - of_a[:, None] - of_b[None] + grand) ** 2).sum((0, 1)),
    ]
    left = ((cell - of_ab[:, :, None]) ** 2).sum((0, 1, 2))
    for k, ss in enumerate(squares):
        np.testing.assert_allclose(found.partial_variance[k], ss / (ss + left))
    np.testing.assert_allclose(sum(squares) + left, ((Y - grand) ** 2).sum(0))


def test_effects_are_those_on_equally_weighted_means_however_many_trials():
    # Cell means 0, 2 / 2, 0: neither variable has an effect on the mean over the other, though its trials' mean differs.
    a, b = np.repeat([0, 0, 1, 1], [40, 4, 4, 40]), np.repeat([0, 1, 0, 1], [40, 4, 4, 40])
    Y = np.random.default_rng(3).normal(size=(88, 3000)) + 2.0 * (a != b)[:, None]
    found = selectivity(dataset(Y, a=a, b=b), ["a", "b"], n_permutations=0)
    assert (found.p_value[:2] < 0.05).mean() == pytest.approx(0.05, abs=0.012)
    assert (found.p_value[2] < 0.05).mean() > 0.99


@pytest.mark.parametrize("noise", ["normal", "poisson", "skewed"])
def test_errors_are_made_at_the_nominal_rate(noise):
    rng = np.random.default_rng(4)
    a, b = np.repeat([0, 1, 2], [14, 10, 12]), np.tile([0, 1], 18)
    mean = np.where(b == 1, 8.0, 6.0)[:, None]  # b has an effect; a and the interaction have none
    n = 2000
    if noise == "normal":
        Y = mean + rng.normal(size=(36, n))
    elif noise == "poisson":
        Y = rng.poisson(mean, size=(36, n))
    else:
        Y = mean + rng.gamma(0.3, 3.0, size=(36, n))
    found = selectivity(dataset(Y, a=a, b=b), ["a", "b"], n_permutations=199)
    for term in ("a", "a x b"):
        for alpha in (0.05, 0.2):
            rate = float((found.p_value.sel(term=term) <= alpha).mean())
            assert abs(rate - alpha) < 4 * np.sqrt(alpha * (1 - alpha) / n), (term, alpha)
    assert (found.p_value.sel(term="b") <= 0.05).mean() > 0.15


def test_permuted_p_values_agree_with_the_f_distribution_for_normal_noise():
    a, b = crossed(5, 2, 3)
    Y = np.random.default_rng(5).normal(size=(30, 60)) + 0.3 * a[:, None]
    found = selectivity(dataset(Y, a=a, b=b), ["a", "b"], n_permutations=2000)
    assert np.abs(found.p_value - found.p_normal).max() < 0.05
    assert not np.array_equal(found.p_value, found.p_normal)
    again = selectivity(dataset(Y, a=a, b=b), ["a", "b"], n_permutations=2000)
    np.testing.assert_array_equal(found.p_value, again.p_value)


def test_planted_classes_are_found():
    a, b = crossed(25, 2, 2)
    a, b = 2 * a - 1, 2 * b - 1
    n = 40
    plans = [0 * a, a, b, a + b, a * b, a + b + a * b]
    truth = np.repeat(["none", "pure", "pure", "linear mixed", "nonlinear mixed", "nonlinear mixed"], n)
    mean = np.concatenate([np.repeat((10 + 3.0 * each)[:, None], n, 1) for each in plans], axis=1)
    Y = np.random.default_rng(6).poisson(mean)
    found = selectivity(dataset(Y, a=a, b=b), ["a", "b"], n_permutations=1000)
    right = found.selectivity_class.values == truth
    assert right.mean() > 0.9
    shares = found.share.values[:4]
    np.testing.assert_allclose(shares, [1 / 6, 1 / 3, 1 / 6, 1 / 3], atol=0.05)
    assert shares.sum() == pytest.approx(1.0) and found.n_units.sum() == 240
    assert ((found.interval[:4, 0] < shares) & (shares < found.interval[:4, 1])).all()
    only = found.partial_variance_adjusted.sel(term="a")[n : 2 * n]
    assert float(only.mean()) == pytest.approx(
        9 / (9 + 10), abs=0.04
    )  # variance of the signal and of the noise
    assert abs(float(found.partial_variance_adjusted.sel(term="b")[:n].mean())) < 0.01
    assert float(found.partial_variance.sel(term="b")[:n].mean()) > 0.005  # without adjustment, chance counts


def test_the_false_discovery_rate_is_kept():
    rng = np.random.default_rng(7)
    assert false_discovery_rate([0.005, 0.009, 0.05, 0.5]) == pytest.approx(
        stats.false_discovery_control([0.005, 0.009, 0.05, 0.5])
    )
    missing = false_discovery_rate([0.01, np.nan, 0.02])
    assert missing[[0, 2]].tolist() == [0.02, 0.02] and np.isnan(missing[1])
    wrong = []
    for _ in range(300):
        p = rng.uniform(size=100)
        p[:30] = stats.norm.sf(rng.normal(3.0, 1.0, size=30))
        counts = false_discovery_rate(p) <= 0.1
        wrong.append(counts[30:].sum() / max(counts.sum(), 1))
    assert np.mean(wrong) == pytest.approx(0.07, abs=0.02)  # alpha times the share of true nulls


def test_selectivity_does_not_depend_on_gains_offsets_names_or_order():
    a, b = crossed(6, 2, 3)
    Y = np.random.default_rng(8).normal(size=(36, 6)) + a[:, None] * np.arange(6) / 2
    found = selectivity(dataset(Y, a=a, b=b), ["a", "b"], n_permutations=100)
    moved = selectivity(
        dataset(Y * [1, 3, 9, 0.1, 70, 2] - 40, a=np.array(["x", "y"])[a], b=9 - 4 * b),
        ["a", "b"],
        n_permutations=100,
    )
    for name in ("f", "partial_variance", "partial_variance_adjusted", "p_value"):
        np.testing.assert_allclose(moved[name], found[name], atol=1e-9)
    order = np.random.default_rng(0).permutation(36)
    mixed = selectivity(dataset(Y[order][:, ::-1], a=a[order], b=b[order]), ["b", "a"], n_permutations=0)
    np.testing.assert_allclose(mixed.f[[1, 0, 2], ::-1], found.f)


def test_units_of_different_sessions_are_tested_on_their_own_trials():
    a, b = crossed(5, 2, 2)
    Y = np.random.default_rng(9).normal(size=(20, 4)) + a[:, None]
    alone = selectivity(dataset(Y, a=a, b=b), ["a", "b"], n_permutations=0)
    both = np.full((40, 9), np.nan)
    both[:20, :4], both[20:, 4:8] = Y, Y
    both[:, 8] = 3.0  # does not vary
    found = selectivity(dataset(both, a=np.tile(a, 2), b=np.tile(b, 2)), ["a", "b"], n_permutations=0)
    np.testing.assert_allclose(found.f[:, :4], alone.f)
    np.testing.assert_allclose(found.f[:, 4:8], alone.f)
    assert found.n_trials.values.tolist() == [20] * 8 + [40]
    assert found.selectivity_class[8] == "undetermined" and found.n_units.values[-1] == 1
    hidden = np.where((a == 1) & (b == 1), np.nan, np.tile(a, 1))  # one cell without trials
    part = selectivity(
        dataset(np.where(np.isnan(hidden)[:, None], np.nan, Y), a=a, b=b),
        ["a", "b"],
        interactions=(),
        n_permutations=0,
    )
    assert np.isfinite(part.f).all() and (part.n_trials == 15).all()
    with pytest.raises(ValueError, match="No unit's trials tell the terms a, b, a x b apart"):
        selectivity(dataset(np.where(np.isnan(hidden)[:, None], np.nan, Y), a=a, b=b), ["a", "b"])


def test_a_network_without_noise_is_explained_wholly():
    a, b = crossed(3, 2, 2)
    Y = np.stack([a + 0.1, a + b, a * b, 0 * a + 1.0], 1)
    found = selectivity(dataset(Y, a=a, b=b), ["a", "b"], n_permutations=300)
    assert found.selectivity_class.values.tolist() == [
        "pure",
        "linear mixed",
        "nonlinear mixed",
        "undetermined",
    ]
    np.testing.assert_allclose(found.partial_variance[:, 0], [1, 0, 0])
    assert found.p_value[1:, 0].values.tolist() == [1, 1]


def test_a_window_takes_its_times_only():
    side = np.repeat([-1, 1], 20)
    values = np.random.default_rng(0).normal(size=(40, 10, 2))
    values[:, 6:8] += 3 * side[:, None, None]
    values[3, 7:] = np.nan
    ds = xr.Dataset(
        {"rate": (("trial", "time", "unit"), values)}, {"time": np.arange(10) * 50.0, "side": ("trial", side)}
    )
    inside = selectivity(ds, "side", window=(300.0, 400.0), n_permutations=0)
    direct = selectivity(dataset(np.nanmean(values[:, 6:8], axis=1), side=side), "side", n_permutations=0)
    np.testing.assert_allclose(inside.f, direct.f)
    assert (selectivity(ds, "side", window=(0.0, 300.0), n_permutations=0).p_value > 0.001).all()
    with pytest.raises(ValueError, match="No time lies in the window"):
        selectivity(ds, "side", window=(900.0, 1000.0))


# --- tuning -----------------------------------------------------------------------------------------------------------


def test_planted_tuning_is_recovered():
    rng = np.random.default_rng(10)
    angle = np.repeat(np.arange(0, 360, 45), 30)
    preferred = rng.uniform(0, 360, 50)
    kappa, base = 0.6, 20.0
    mean = base * (1 + kappa * np.cos(np.deg2rad(angle[:, None] - preferred)))
    ds = dataset(rng.poisson(mean), angle=angle)
    curve = tuning(ds, "angle", period=360.0)
    off = (curve.preferred.values - preferred + 180) % 360 - 180
    expected = np.rad2deg(np.sqrt(2 * base / 240) / (base * kappa))  # of the phase of a Fourier component
    assert off.std() == pytest.approx(expected, rel=0.35) and abs(off.mean()) < 3 * expected / np.sqrt(50)
    assert curve.vector_strength.mean() == pytest.approx(kappa / 2, abs=0.02)
    z = (
        curve.mean_activity - base * (1 + kappa * np.cos(np.deg2rad(curve.level.values[:, None] - preferred)))
    ) / curve.standard_error
    assert z.std() == pytest.approx(1.0, abs=0.12)
    plain = tuning(ds, "angle")
    nearest = (plain.preferred.values - preferred + 180) % 360 - 180
    assert np.abs(nearest).max() < 70


def test_crossed_depth_is_not_fooled_by_noise():
    rng = np.random.default_rng(11)
    level = np.repeat(np.arange(6), 8)
    flat = tuning(dataset(rng.poisson(4.0, size=(48, 500)), level=level), "level", n_splits=20)
    assert flat.depth.mean() > 0.15 and abs(flat.depth_crossed.mean()) < 0.01
    mean = np.array([2.0, 4.0, 6.0, 8.0, 10.0, 14.0])
    deep = tuning(
        dataset(
            rng.poisson(np.repeat(mean, 60)[:, None], size=(360, 100)), level=np.repeat(np.arange(6), 60)
        ),
        "level",
        n_splits=20,
    )
    assert deep.depth_crossed.mean() == pytest.approx((14 - 2) / (14 + 2), abs=0.02)
    assert (deep.preferred == 5).all()
    gain = tuning(dataset(7.5 * rng.poisson(4.0, size=(48, 5)), level=level), "level")
    again = tuning(dataset(rng.poisson(4.0, size=(48, 5)), level=level), "level")
    assert gain.mean_activity.dims == again.mean_activity.dims == ("level", "unit")


def test_depth_does_not_depend_on_the_gain_and_missing_units_have_none():
    rng = np.random.default_rng(12)
    level = np.repeat(["left", "middle", "right"], 10)
    Y = rng.poisson(5.0, size=(30, 3)).astype(float)
    one = tuning(dataset(Y, level=level), "level", n_splits=10)
    two = tuning(dataset(Y * 6.0, level=level), "level", n_splits=10)
    for name in ("depth", "depth_crossed", "preferred"):
        np.testing.assert_array_equal(
            one[name].values, two[name].values
        ) if name == "preferred" else np.testing.assert_allclose(one[name], two[name])
    np.testing.assert_allclose(two["range"], 6 * one["range"])
    Y[:, 1] = np.nan
    gone = tuning(dataset(Y, level=level), "level", n_splits=10)
    assert np.isnan(gone.depth[1]) and gone.preferred[1] == "" and (gone.n_trials[:, 1] == 0).all()
    assert np.isnan(tuning(dataset(Y - 20, level=level), "level").depth).all()


# --- choice probability -----------------------------------------------------------------------------------------------


def test_the_area_is_that_of_mann_and_whitney():
    rng = np.random.default_rng(13)
    one, other = rng.poisson(4.0, size=(12, 5)), rng.poisson(3.0, size=(9, 5))
    area, _ = roc_area(one, other)
    u = stats.mannwhitneyu(one, other, axis=0).statistic
    np.testing.assert_allclose(area, u / (12 * 9))
    np.testing.assert_allclose(roc_area(other, one)[0], 1 - area)
    np.testing.assert_allclose(roc_area(np.exp(one), np.exp(other))[0], area)  # any increasing map


def test_choice_probability_of_a_planted_relation():
    # Two normal distributions d' apart: the area is Phi(d' / sqrt 2).
    rng = np.random.default_rng(14)
    strength, choice = np.repeat([0, 1, 2], 120), np.tile([-1, 1], 180)
    uneven = rng.uniform(size=360) < np.array([1.0, 0.6, 0.3])[strength]
    keep = (choice == 1) | uneven
    d = 0.5
    Y = rng.normal(size=(360, 400)) + 4.0 * strength[:, None] + d * (choice[:, None] == 1)
    ds = dataset(Y[keep], strength=strength[keep], choice=choice[keep])
    truth = stats.norm.cdf(d / np.sqrt(2))
    found = choice_probability(ds, by="strength", n_permutations=0)
    assert found.grand.mean() == pytest.approx(truth, abs=0.006)
    inside = (found.interval[:, 0] < truth) & (truth < found.interval[:, 1])
    assert float(inside.mean()) == pytest.approx(0.95, abs=0.03)
    assert found.choice_probability.dims == ("condition", "unit")
    np.testing.assert_allclose(found.choice_probability.mean("unit"), truth, atol=0.015)
    assert float(found.population_interval[0]) < truth < float(found.population_interval[1])
    assert (
        choice_probability(ds, n_permutations=0).grand.mean() > truth + 0.03
    )  # the stimulus is mistaken for a choice
    sides = np.where(np.arange(400) % 2, 1, -1)
    turned = choice_probability(ds, by="strength", preferred=sides, n_permutations=0)
    np.testing.assert_allclose(turned.grand[1::2], found.grand[1::2])
    np.testing.assert_allclose(turned.grand[::2], 1 - found.grand[::2])
    np.testing.assert_allclose(turned.interval[::2], 1 - found.interval[::2, ::-1])
    assert (turned.n_preferred[:, 0] == found.n_other[:, 0]).all()


def test_choices_that_do_not_matter_are_found_at_the_nominal_rate():
    rng = np.random.default_rng(15)
    strength, choice = np.repeat([0, 1], 25), rng.permutation(np.repeat([-1, 1], [20, 30]))
    Y = rng.poisson(3.0 + 3 * strength[:, None], size=(50, 3000))
    found = choice_probability(
        dataset(Y, strength=strength, choice=choice), by="strength", n_permutations=199
    )
    for alpha in (0.05, 0.2):
        assert float((found.p_value <= alpha).mean()) == pytest.approx(alpha, abs=4 * np.sqrt(alpha / 3000))
    assert float(found.population) == pytest.approx(0.5, abs=0.005)
    covered = (found.interval[:, 0] < 0.5) & (found.interval[:, 1] > 0.5)
    assert float(covered.mean()) == pytest.approx(0.95, abs=0.025)


def test_conditions_with_too_few_choices_are_counted_out():
    choice = np.array([-1] * 10 + [1] * 10 + [-1] * 9 + [1])
    strength = np.repeat([0, 1], [20, 10])
    Y = np.random.default_rng(16).normal(size=(30, 3))
    Y[20:, 2] = np.nan
    found = choice_probability(dataset(Y, strength=strength, choice=choice), by="strength", n_permutations=50)
    assert (found.n_conditions == 1).all() and (found.n_trials == 20).all()
    assert np.isnan(found.choice_probability[1]).all()
    assert found.n_preferred[1].values.tolist() == [1, 1, 0]
    np.testing.assert_allclose(found.grand, roc_area(Y[10:20], Y[:10])[0])
    with pytest.raises(ValueError, match="has 3 values and two are needed"):
        choice_probability(dataset(Y, choice=np.arange(30) % 3))
    with pytest.raises(ValueError, match=r"preferred must be -1 or 1 for each of 3 units"):
        choice_probability(dataset(Y, choice=choice), preferred=[1, 1, 0])


def test_perfect_separation_still_has_an_interval():
    choice = np.repeat([-1, 1], 10)
    found = choice_probability(dataset(choice[:, None] + 0.0, choice=choice), n_permutations=100)
    low, high = found.interval[0].values
    assert float(found.grand[0]) == 1.0 and 0.7 < low < 0.9 and high == 1.0
    assert float(found.p_value[0]) < 0.02


# --- bits per spike ---------------------------------------------------------------------------------------------------


def spikes(mean, seed=0):
    return np.random.default_rng(seed).poisson(mean).astype(float)


def recording(counts, rates, units="1"):
    dims = ("trial", "time", "unit")
    ds = xr.Dataset({"counts": (dims, counts)}, attrs={"dt": 20.0})
    return ds, xr.DataArray(rates, dims=dims, attrs={"units": units})


def test_the_null_model_scores_exactly_nothing():
    counts = spikes(np.random.default_rng(0).gamma(1.0, 0.5, size=(30, 20, 9)))
    counts[::3, 12:] = np.nan
    counts[..., 4] = np.where(np.isnan(counts[..., 4]), np.nan, 0.0)
    gained, n = poisson_bits(counts, null_rates(counts))
    assert (gained == 0).all() and n[4] == 0
    found = bits_per_spike(*recording(counts, null_rates(counts)))
    assert float(found.population) == 0.0 and np.isnan(found.bits_per_spike[4])


def test_bits_are_the_likelihood_ratio_and_are_summed_over_units_with_their_spikes():
    rng = np.random.default_rng(1)
    mean = rng.gamma(2.0, 0.4, size=(40, 25, 5))
    counts = spikes(mean)
    model = mean * rng.uniform(0.7, 1.4, size=mean.shape)
    found = bits_per_spike(*recording(counts, model))
    flat = counts.mean((0, 1))
    ratio = stats.poisson.logpmf(counts, model) - stats.poisson.logpmf(counts, flat)
    np.testing.assert_allclose(found.bits_per_spike, ratio.sum((0, 1)) / counts.sum((0, 1)) / np.log(2))
    assert float(found.population) == pytest.approx(ratio.sum() / counts.sum() / np.log(2))
    assert found.n_spikes.sum() == counts.sum()


def test_the_true_rate_gains_what_theory_says_and_nothing_gains_more():
    mean = np.random.default_rng(2).gamma(1.0, 0.5, size=(60, 50, 20))
    counts = spikes(mean)
    average = mean.mean((0, 1))
    theory = (mean * np.log2(mean / average)).sum() / mean.sum()
    truth = float(bits_per_spike(*recording(counts, mean)).population)
    assert truth == pytest.approx(theory, abs=0.02)
    for worse in (mean * 1.3, mean**1.3, mean[::-1]):
        assert float(bits_per_spike(*recording(counts, worse)).population) < truth
    hz = bits_per_spike(*recording(counts, mean * 50.0, "Hz"))
    assert float(hz.population) == pytest.approx(truth)


def test_the_caller_keeps_his_arrays():
    counts = spikes(np.full((5, 6, 2), 0.4))
    rates = np.zeros((5, 6, 2))
    rates[..., 1] = 0.3
    ds, prediction = recording(counts.copy(), rates.copy())
    raised = bits_per_spike(ds, prediction, least=1e-3)
    np.testing.assert_array_equal(ds.counts, counts)
    np.testing.assert_array_equal(prediction, rates)
    assert raised.n_raised.values.tolist() == [30, 0] and np.isfinite(raised.bits_per_spike).all()
    impossible = bits_per_spike(ds, prediction)
    assert impossible.bits_per_spike[0] == -np.inf
    assert impossible.n_impossible.values.tolist() == [int((counts[..., 0] > 0).sum()), 0]


def test_bits_that_make_no_sense_are_refused():
    counts = spikes(np.full((5, 6, 2), 0.4))
    with pytest.raises(ValueError, match="Rates are no counts"):
        bits_per_spike(*recording(counts + 0.5, counts + 1))
    with pytest.raises(ValueError, match="60 predictions are negative or missing"):
        bits_per_spike(*recording(counts, counts - 9))
    with pytest.raises(ValueError, match="'Hz' or, for spikes per bin, '1': got 'kHz'"):
        bits_per_spike(*recording(counts, counts + 1, "kHz"))
    ds, rates = recording(counts, counts + 1)
    with pytest.raises(ValueError, match="Align them first"):
        bits_per_spike(ds, rates.isel(time=slice(1, None)))
    with pytest.raises(ValueError, match="labelled differently along 'time'"):
        bits_per_spike(ds.assign_coords(time=np.arange(6)), rates.assign_coords(time=np.arange(6) + 1))


def test_arguments_that_make_no_sense_are_refused():
    a, b = crossed(3, 2, 2)
    ds = dataset(np.random.default_rng(0).normal(size=(12, 2)), a=a, b=np.array(["x", "y"])[b])
    with pytest.raises(ValueError, match="'c' is not a variable of the trials"):
        selectivity(ds, ["a", "c"])
    with pytest.raises(ValueError, match="cannot enter as a number"):
        selectivity(ds, ["a", "b"], numeric=["b"])
    with pytest.raises(ValueError, match="An interaction names two or more"):
        selectivity(ds, ["a", "b"], interactions=[("a", "c")])
    with pytest.raises(ValueError, match="alpha is a rate"):
        selectivity(ds, "a", alpha=1.0)
    with pytest.raises(ValueError, match="numeric names 'b'"):
        selectivity(ds, "a", numeric=["b"])
    with pytest.raises(ValueError, match="there is no tuning to it"):
        tuning(ds.isel(trial=a == 0), "a")
    with pytest.raises(ValueError, match="A period needs a variable of numbers"):
        tuning(ds, "b", period=360.0)
