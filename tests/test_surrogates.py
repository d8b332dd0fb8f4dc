"""Surrogates: exact marginal features, greatest entropy, an independent solution, and a null that tells."""

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import minimize

from neurornn.analysis import jpca, pca, surrogates
from neurornn.analysis.surrogates import MODES
from neurornn.storage import read_dataset, write_dataset


def recording(C=5, T=12, N=7, seed=0, n_trials=1):
    """Smooth responses of correlated units, with means of all kinds and single-trial noise."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(N, N)) * np.exp(-np.arange(N) / 2.0)
    X = 0.3 * np.cumsum(rng.normal(size=(C, T, N)) @ mix.T, 1)
    X += rng.normal(size=(1, T, 1)) + 4 * rng.normal(size=(1, 1, N)) + rng.normal(size=(C, 1, 1))
    X = np.repeat(X, n_trials, 0) + (0.1 * rng.normal(size=(C * n_trials, T, N)) if n_trials > 1 else 0)
    return as_trials(X, np.repeat(np.arange(C), n_trials))


def as_trials(X, reach):
    attrs = {"units": "spikes/s", "long_name": "firing rate"}
    return xr.Dataset(
        {"rate": (("trial", "time", "unit"), X, attrs)},
        coords={"time": ("time", 10.0 * np.arange(X.shape[1]), {"units": "ms"}), "reach": ("trial", reach)},
    )


def tensor(ds):
    return np.moveaxis(ds.rate.values, -3, -1)  # (..., time, unit, condition)


def features(X, mean):
    """Marginal means and covariances around an expected tensor."""
    rest = X - mean
    means = [X.mean(tuple(j for j in range(3) if j != k)) for k in range(3)]
    flat = [np.moveaxis(rest, k, 0).reshape(rest.shape[k], -1) for k in range(3)]
    return means, [each @ each.T for each in flat]


def expected_covariances(found):
    for k in range(3):
        variance = found.power.sum(tuple(j for j in range(3) if j != k))
        yield (found.axes[k] * variance) @ found.axes[k].T


@pytest.mark.parametrize("shape", [(5, 12, 7), (2, 9, 30), (12, 4, 3), (3, 25, 25)])
def test_means_and_covariances_are_kept_exactly_in_expectation(shape):
    ds = recording(*shape)
    found = surrogates.fit(ds, condition="reach")
    means, covariances = features(tensor(ds), found.mean)
    own, _ = features(found.mean, found.mean)
    assert found.error < 1e-9 and found.preserve == MODES
    for here, there in zip(means, own, strict=True):
        np.testing.assert_allclose(there, here, rtol=0, atol=1e-12)
    for here, there in zip(covariances, expected_covariances(found), strict=True):
        np.testing.assert_allclose(there, here, rtol=0, atol=1e-8 * np.trace(here))
    assert (found.power > 0).all()


def test_draws_have_these_features_on_average_and_nothing_else():
    ds = recording()
    found = surrogates.fit(ds, condition="reach")
    draws = tensor(found.draw(600, seed=3))
    assert np.abs(draws.mean(0) - found.mean).max() < 6 * np.sqrt((draws.var(0) / 600).max())
    _, wanted = features(tensor(ds), found.mean)
    for k in range(3):
        each = np.stack([features(one, found.mean)[1][k] for one in draws])
        error = each.std(0) / np.sqrt(len(draws))
        z = (each.mean(0) - wanted[k]) / error
        assert np.abs(z).max() < 5 and 0.5 < np.sqrt((z**2).mean()) < 1.5
    kurtosis = ((draws - found.mean) ** 4).mean(0) / draws.var(0) ** 2
    assert kurtosis.mean() == pytest.approx(3.0, abs=0.15)  # Gaussian
    alike = [
        np.corrcoef((one - found.mean).ravel(), (tensor(ds) - found.mean).ravel())[0, 1] for one in draws
    ]
    assert abs(np.mean(alike)) < 0.02  # no copy of the data


def test_the_multipliers_are_those_of_a_general_optimiser():
    ds = recording(3, 4, 3)
    found = surrogates.fit(ds, condition="reach")
    powers = [found.power.sum(tuple(j for j in range(3) if j != k)) for k in range(3)]
    cuts = np.cumsum([each.size for each in powers])[:-1]
    size = found.power.sum()

    def height(x):
        a, b, c = np.split(x, cuts)
        total = a[:, None, None] + b[:, None] + c
        if total.min() <= 0:
            return np.inf
        return sum(each @ p / size for each, p in zip((a, b, c), powers, strict=True)) - np.log(total).sum()

    start = np.concatenate([found.power.size / each.size * size / each / 3 for each in powers])
    best = minimize(
        height,
        start,
        method="Nelder-Mead",
        options={"maxiter": 40_000, "maxfev": 40_000, "xatol": 1e-9, "fatol": 1e-13, "adaptive": True},
    )
    sums = size / found.power
    own = float((sums * found.power / size).sum() - np.log(sums).sum())
    assert own <= best.fun + 1e-9
    assert own == pytest.approx(best.fun, abs=1e-3)


def test_no_other_distribution_with_these_features_has_more_entropy():
    found = surrogates.fit(recording(), condition="reach")
    powers = [found.power.sum(tuple(j for j in range(3) if j != k)) for k in range(3)]
    product = np.einsum("i,j,k->ijk", *powers) / found.power.sum() ** 2  # the same marginal sums
    for k in range(3):
        np.testing.assert_allclose(product.sum(tuple(j for j in range(3) if j != k)), powers[k])
    assert np.log(found.power).sum() > np.log(product).sum() + 1.0
    rng = np.random.default_rng(0)
    for _ in range(20):
        move = rng.normal(size=found.power.shape)
        for k in range(3):  # a change that no marginal sum feels
            move -= move.mean(k, keepdims=True)
        move *= 0.3 * (found.power / np.abs(move)).min()
        assert np.log(found.power + move).sum() < np.log(found.power).sum()


def test_one_mode_in_closed_form():
    ds = recording()
    found = surrogates.fit(ds, condition="reach", preserve=["time"])
    X = tensor(ds)
    rest = X - X.mean((1, 2), keepdims=True)
    flat = rest.reshape(X.shape[0], -1)
    values = np.linalg.eigvalsh(flat @ flat.T)
    expected = np.broadcast_to(values[:, None, None] / (X.shape[1] * X.shape[2]), found.power.shape)
    np.testing.assert_allclose(found.power, expected, rtol=1e-9)
    np.testing.assert_allclose(found.mean, np.broadcast_to(X.mean((1, 2), keepdims=True), X.shape))
    both = surrogates.fit(ds, condition="reach", preserve=["unit", "time"])
    assert both.preserve == ("time", "unit")
    unit = list(expected_covariances(both))[1]
    np.testing.assert_allclose(unit, features(X, both.mean)[1][1], atol=1e-8 * np.trace(unit))
    apart = list(expected_covariances(found))[1]
    assert np.abs(apart - features(X, found.mean)[1][1]).max() > 0.05 * np.trace(
        apart
    )  # control: it is not kept


def test_units_of_measurement_and_the_order_of_units_go_through():
    ds = recording()
    found = surrogates.fit(ds, condition="reach")
    scaled = surrogates.fit(ds.assign(rate=1e3 * ds.rate), condition="reach")
    np.testing.assert_allclose(np.sort(scaled.power, None), 1e6 * np.sort(found.power, None), rtol=1e-7)
    mixed = surrogates.fit(ds.isel(unit=[3, 1, 6, 0, 2, 5, 4]), condition="reach")
    np.testing.assert_allclose(np.sort(mixed.power, None), np.sort(found.power, None), rtol=1e-7)
    assert found.power.sum() == pytest.approx(((tensor(ds) - found.mean) ** 2).sum())


def test_draws_depend_on_seed_and_number_alone_and_fit_every_analysis(tmp_path):
    ds = recording(n_trials=4)
    found = surrogates.fit(ds, condition="reach", window=(20.0, 90.0))
    draws = found.draw(3, seed=5)
    xr.testing.assert_equal(found.draw(1, seed=5, first=2).isel(draw=0), draws.isel(draw=2))
    assert not draws.rate[0].equals(draws.rate[1]) and not draws.rate.equals(found.draw(3, seed=6).rate)
    assert draws.rate.dims == ("draw", "trial", "time", "unit") and draws.rate.attrs["units"] == "spikes/s"
    assert draws.time.values.tolist() == list(np.arange(20.0, 91.0, 10.0)) and draws.reach.dims == ("trial",)
    one = draws.isel(draw=0)
    assert jpca.fit(one, condition="reach", n_components=2).sizes["plane"] == 1
    assert pca.fit(one, n_components=2).sizes["component"] == 2
    write_dataset(tmp_path / "draws.nc", draws)
    back = read_dataset(tmp_path / "draws.nc")
    assert back.attrs["preserve"] == ["time", "unit", "condition"] and back.attrs["covariance_error"] < 1e-9
    own = found.data()
    averages = ds.rate.sel(time=slice(20, 90)).groupby("reach").mean().transpose("reach", "time", "unit")
    np.testing.assert_allclose(own.rate, averages)


def rotating(seed, n_units=12, n_conditions=8, n_steps=25, noise=0.01):
    """Rotations in two planes, the phase set by the condition, mixed into many units."""
    rng = np.random.default_rng(seed)
    phase = 2 * np.pi * np.arange(n_conditions)[:, None] / n_conditions
    angle = phase + 2 * np.pi * 3.0 * 0.01 * np.arange(n_steps)
    other = 2 * phase + 2 * np.pi * 1.5 * 0.01 * np.arange(n_steps)
    planes = np.stack([np.cos(angle), np.sin(angle), 0.6 * np.cos(other), 0.6 * np.sin(other)], -1)
    X = planes @ np.linalg.qr(rng.normal(size=(n_units, 4)))[0].T + noise * rng.normal(
        size=(n_conditions, n_steps, n_units)
    )
    return as_trials(X, np.arange(n_conditions))


def rotation(ds):
    return float(jpca.fit(ds, condition="reach", n_components=4, normalise=False).r_squared_rotation)


def test_a_planted_rotation_stands_out_and_a_surrogate_does_not():
    ds = rotating(0)
    found = surrogates.null(ds, rotation, condition="reach", n=39, seed=1)
    assert float(found.value) > 0.9 and float(found.p_value) == 1 / 40
    assert float(found.null.max()) < float(found.value)
    fitted = surrogates.fit(ds, condition="reach")
    own = [
        float(surrogates.null(fitted.draw(1, seed=s).isel(draw=0), rotation, condition="reach", n=19).p_value)
        for s in range(12)
    ]
    assert np.mean(own) > 0.25 and max(own) > 0.5  # data that are surrogates are not significant
    weaker = surrogates.null(ds, rotation, condition="reach", n=39, seed=1, preserve=["time"])
    assert abs(float(weaker.null.mean()) - float(found.null.mean())) > 0.01  # what is kept matters


def test_a_statistic_of_what_is_kept_is_no_finding():
    def spread(ds):
        X = tensor(ds)
        return float(((X - fitted.mean) ** 2).sum())

    ds = recording()
    fitted = surrogates.fit(ds, condition="reach")
    found = surrogates.null(ds, spread, condition="reach", n=800)
    assert 0.2 < float(found.p_value) < 0.8
    assert float(found.null.mean()) == pytest.approx(float(found.value), rel=0.1)


def test_the_picture_shows_data_and_surrogates():
    found = surrogates.null(rotating(1), rotation, condition="reach", n=30)
    ax = surrogates.plot_null(found, label="R² of the rotation")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("R² of the rotation", "surrogates")
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), 2 * [found.value.item()])
    assert sum(patch.get_height() for patch in ax.patches) == 30
    texts = [each.get_text() for each in ax.get_legend().get_texts()]
    assert texts == ["surrogates that keep time, unit, condition", "data, p = 0.032"]


def test_nonsense_is_refused():
    ds = recording()
    with pytest.raises(ValueError, match="preserve names modes among time, unit, condition"):
        surrogates.fit(ds, condition="reach", preserve=["neuron"])
    with pytest.raises(ValueError, match="preserve names modes"):
        surrogates.fit(ds, condition="reach", preserve=[])
    with pytest.raises(ValueError, match="'go' is not a variable of the trials"):
        surrogates.fit(ds, condition="go")
    flat = ds.assign(rate=0 * ds.rate + ds.rate.mean(("trial", "time")))
    with pytest.raises(ValueError, match="do not vary beyond their means"):
        surrogates.fit(flat, condition="reach")
    gap = ds.assign(rate=ds.rate.where(ds.time != 50.0))
    with pytest.raises(ValueError, match="11 of 12 steps have one"):
        surrogates.fit(gap, condition="reach")
    with pytest.raises(ValueError, match="n is at least 1"):
        surrogates.fit(ds, condition="reach").draw(0)
    with pytest.raises(ValueError, match="n is at least 1"):
        surrogates.null(ds, rotation, condition="reach", n=0)
    with pytest.raises(ValueError, match="statistic of surrogate 0 is nan"):
        first = []
        surrogates.null(
            ds, lambda each: float("nan") if first or first.append(1) else 0.0, condition="reach", n=3
        )
