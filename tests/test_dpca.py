"""Demixed PCA: decomposition, optimality, reductions, planted components, unequal trials, pictures."""

import itertools
from collections.abc import Mapping

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import minimize

from neurornn.analysis import dpca
from neurornn.analysis.dpca._demixing import Regression, noise_covariance
from neurornn.analysis.dpca._marginal import cells_of, groups_of_terms, marginalise

TERMS = [("a",), ("b",), ("time",), ("a", "b"), ("a", "time"), ("b", "time"), ("a", "b", "time")]


def dataset(rate: NDArray[np.float64], **conditions: NDArray[np.generic]) -> xr.Dataset:
    return xr.Dataset(
        {"rate": (("trial", "time", "unit"), rate, {"long_name": "firing rate", "units": "spikes/s"})},
        coords={
            "time": ("time", 10.0 * np.arange(rate.shape[1]), {"units": "ms"}),
            "unit": np.arange(rate.shape[2]),
            **{name: ("trial", values) for name, values in conditions.items()},
        },
    )


def random_rotation(n: int, seed: int) -> NDArray[np.float64]:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


def latents(n_a: int = 3, n_b: int = 2, n_steps: int = 12) -> dict[str, NDArray[np.float64]]:
    """One course (a, b, time) for each default marginalisation, pure and centred."""
    a = np.linspace(-1, 1, n_a)[:, None, None]
    b = np.linspace(-1, 1, n_b)[None, :, None]
    t = np.linspace(0, 1, n_steps)[None, None, :]
    shape = np.zeros((n_a, n_b, n_steps))
    wave = np.sin(4 * t) + shape
    return {
        "time": 3 * (wave - wave.mean()),
        "a": 2 * a * (1 + t) + shape,
        "b": 1.5 * b * np.cos(3 * t) + shape,
        "a x b": a * b * t**2 + shape,
    }


def noisy(seed: int, counts: NDArray[np.int64] | int = 5, sd: float = 0.5, n_units: int = 10) -> xr.Dataset:
    """Trials of the planted courses, mixed into units at random, with unit-specific noise."""
    rng = np.random.default_rng(seed)
    mix = np.random.default_rng(99).normal(size=(4, n_units))
    signal = np.moveaxis(np.stack(list(latents().values())), 0, -1) @ mix  # a, b, time, unit
    counts = np.broadcast_to(counts, (3, 2))
    rows, a, b = [], [], []
    for i, j in itertools.product(range(3), range(2)):
        for _ in range(counts[i, j]):
            rows.append(signal[i, j] + sd * rng.normal(size=signal.shape[2:]) * np.linspace(0.5, 2, n_units))
            a.append(i)
            b.append(f"b{j}")
    return dataset(np.array(rows) + 4.0, a=np.array(a), b=np.array(b))


def loss(
    F: NDArray[np.float64],
    D: NDArray[np.float64],
    X: NDArray[np.float64],
    Y: NDArray[np.float64],
    N: NDArray[np.float64],
) -> float:
    return float(((Y - F @ D @ X) ** 2).sum() + np.trace(F @ D @ N @ D.T @ F.T))


@pytest.mark.parametrize(
    "combine", [None, {"a": [["a"]], "rest": TERMS[1:]}, {str(term): [term] for term in TERMS}]
)
def test_marginalisations_add_up_and_so_do_their_sums_of_squares(
    combine: Mapping[str, list[tuple[str, ...]]] | None,
) -> None:
    X = np.random.default_rng(0).normal(size=(6, 3, 4, 5))
    X -= X.mean((1, 2, 3), keepdims=True)
    parts = marginalise(X, ["a", "b"], groups_of_terms(["a", "b"], combine))
    np.testing.assert_allclose(sum(parts.values()), X, atol=1e-12)
    assert sum((part**2).sum() for part in parts.values()) == pytest.approx((X**2).sum())
    for one, other in itertools.combinations(parts.values(), 2):
        np.testing.assert_allclose(one.reshape(6, -1) @ other.reshape(6, -1).T, 0, atol=1e-11)


def test_parts_are_averages_over_everything_else() -> None:
    X = np.random.default_rng(1).normal(size=(2, 3, 4, 5))
    X -= X.mean((1, 2, 3), keepdims=True)
    parts = marginalise(X, ["a", "b"], groups_of_terms(["a", "b"], None))
    time = X.mean((1, 2), keepdims=True)
    a = X.mean(2, keepdims=True) - time
    b = X.mean(1, keepdims=True) - time
    for name, expected in (("time", time), ("a", a), ("b", b), ("a x b", X - time - a - b)):
        np.testing.assert_allclose(parts[name], np.broadcast_to(expected, X.shape), atol=1e-12)


def test_with_one_marginalisation_and_no_noise_it_is_pca() -> None:
    ds = noisy(0)
    found = dpca.fit(
        ds, parameters=["a", "b"], combine={"all": TERMS}, regularisation=0.0, noise="none", n_components=5
    )
    mean = ds.rate.groupby(["a", "b"]).mean().transpose("unit", "a", "b", "time").values.reshape(10, -1)
    X = mean - mean.mean(1, keepdims=True)
    vectors, singular, _ = np.linalg.svd(X)
    np.testing.assert_allclose(np.abs(found.encoder.values @ vectors[:, :5]), np.eye(5), atol=1e-9)
    np.testing.assert_allclose(found.decoder, found.encoder, atol=1e-10)
    np.testing.assert_allclose(found.explained_variance_ratio, singular[:5] ** 2 / (singular**2).sum())
    np.testing.assert_allclose(found.cumulative_variance_ratio, found.pca_variance_ratio)


@pytest.mark.parametrize(("penalty", "seed"), [(0.0, 0), (3.0, 1), (30.0, 2)])
def test_no_descent_finds_a_lower_loss_than_the_closed_form(penalty: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(5, 40)) * np.array([[3.0, 2.0, 1.0, 0.6, 0.3]]).T
    Y = random_rotation(5, seed) @ X * 0.5 + rng.normal(size=(5, 40))
    half = rng.normal(size=(5, 5))
    C = half @ half.T
    F, D = Regression(X, C, {"y": Y}).solve("y", 2, penalty)
    N = C + penalty * np.eye(5)
    best = loss(F, D, X, Y, N)

    def flat(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        f, d = values[:10].reshape(5, 2), values[10:].reshape(2, 5)
        residual = f @ d @ X - Y
        left = residual @ X.T + f @ d @ N
        return loss(f, d, X, Y, N), 2 * np.concatenate([(left @ d.T).ravel(), (f.T @ left).ravel()])

    reached = [
        minimize(flat, rng.normal(size=20), jac=True, options={"gtol": 1e-9, "maxiter": 2000}).fun
        for _ in range(6)
    ]
    assert min(reached) >= best * (1 - 1e-10)
    assert min(reached) == pytest.approx(best, rel=1e-7)
    unpenalised = Regression(X, 0 * C, {"y": Y}).solve("y", 2, 0.0)
    assert loss(*unpenalised, X, Y, N) > best * 1.001
    A = (
        Y @ X.T @ np.linalg.inv(X @ X.T + N)
    )  # components of the fitted activity, without its noise, are no minimum
    U = np.linalg.svd(A @ X)[0][:, :2]
    assert loss(U, U.T @ A, X, Y, N) > best * (1 + 1e-6)


def test_penalised_loss_is_the_mean_loss_over_single_trials() -> None:
    ds = noisy(3, counts=4)
    cells = cells_of(ds.rate, ["a", "b"], drop_units=False)
    flat = cells.mean.reshape(10, -1)
    X = flat - flat.mean(1, keepdims=True)
    parts = marginalise(X.reshape(10, 3, 2, 12), ["a", "b"], groups_of_terms(["a", "b"], None))
    Y = parts["a"].reshape(10, -1)
    rng = np.random.default_rng(4)
    F, D = rng.normal(size=(10, 2)), rng.normal(size=(2, 10))
    single = 0.0
    for k in range(4):
        trial = np.stack([cells.values[cells.member == c][k].T for c in range(6)], 1).reshape(10, -1)
        single += ((Y - F @ D @ (trial - flat.mean(1, keepdims=True))) ** 2).sum() / 4
    C = noise_covariance(cells, "full")
    assert loss(F, D, X, Y, C * 3 / 4) == pytest.approx(single)  # C counts degrees of freedom, n - 1 of n
    np.testing.assert_allclose(np.diag(noise_covariance(cells, "diagonal")), np.diag(C))
    assert not np.allclose(C, np.diag(np.diag(C)))


def test_planted_components_are_demixed_even_if_they_are_not_orthogonal() -> None:
    mix = np.random.default_rng(5).normal(size=(4, 10))
    rate = (np.moveaxis(np.stack(list(latents().values())), 0, -1) @ mix).reshape(6, 12, 10)
    a, b = np.repeat(np.arange(3), 2), np.tile(np.arange(2), 3)
    found = dpca.fit(dataset(rate, a=a, b=b), parameters=["a", "b"], regularisation=0.0, noise="none")
    assert sorted(found.marginalisation_of.values) == ["a", "a x b", "b", "time"]
    for k, name in enumerate(found.marginalisation_of.values):
        row = list(latents()).index(name)
        expected = mix[row] / np.linalg.norm(mix[row])
        assert abs(found.encoder[k].values @ expected) == pytest.approx(1.0, abs=1e-9)
        course = latents()[name].reshape(6, 12) * np.linalg.norm(mix[row])
        sign = np.sign(found.encoder[k].values @ expected)
        np.testing.assert_allclose(found.projection[..., k] * sign, course, atol=1e-8)
        others = found.marginalisation.values != name
        np.testing.assert_allclose(found.explained_variance_by[k, others], 0, atol=1e-12)
    np.testing.assert_allclose(found.decoder.values @ found.encoder.values.T, np.eye(4), atol=1e-9)
    assert found.cumulative_variance_ratio[-1] == pytest.approx(1.0)
    assert (found.cumulative_variance_ratio <= found.pca_variance_ratio + 1e-12).all()
    largest = np.abs(mix @ mix.T / np.outer(*[np.linalg.norm(mix, axis=1)] * 2) - np.eye(4)).max()
    assert largest > 0.2  # the planted axes are far from orthogonal


def test_explained_variance_follows_the_formula() -> None:
    ds = noisy(6)
    found = dpca.fit(ds, parameters=["a", "b"], regularisation=0.05, n_components=3)
    mean = ds.rate.groupby(["a", "b"]).mean().transpose("unit", "a", "b", "time").values
    X = mean - mean.mean((1, 2, 3), keepdims=True)
    parts = marginalise(X, ["a", "b"], groups_of_terms(["a", "b"], None))
    X, total = X.reshape(10, -1), (X**2).sum()
    F, D = found.encoder.values.T, found.decoder.values
    for k in range(found.sizes["component"]):
        left = ((X - F[:, k : k + 1] @ D[k : k + 1] @ X) ** 2).sum()
        assert found.explained_variance_ratio[k] == pytest.approx((total - left) / total)
        left = ((X - F[:, : k + 1] @ D[: k + 1] @ X) ** 2).sum()
        assert found.cumulative_variance_ratio[k] == pytest.approx((total - left) / total)
        for name, part in parts.items():
            Y = part.reshape(10, -1)
            share = ((Y**2).sum() - ((Y - F[:, k : k + 1] @ D[k : k + 1] @ Y) ** 2).sum()) / total
            assert found.explained_variance_by.sel(marginalisation=name)[k] == pytest.approx(share)
    np.testing.assert_allclose(
        found.explained_variance_by.sum("marginalisation"), found.explained_variance_ratio
    )
    assert float(found.marginal_variance.sum()) == pytest.approx(total)
    captured = ((D @ X) ** 2).sum(1) / total
    assert np.abs(captured - found.explained_variance_ratio.values).max() > 1e-3  # another quantity
    assert (np.diff(found.explained_variance_ratio) <= 0).all()


def test_expected_noise_of_marginalisations_is_right_with_correlated_noise_and_unequal_trials() -> None:
    rng = np.random.default_rng(7)
    counts = rng.integers(2, 9, size=6)
    a = np.repeat(np.repeat(np.arange(3), 2), counts)
    b = np.repeat(np.tile(np.arange(2), 3), counts)
    observed, expected = [], []
    for _ in range(200):
        white = rng.normal(size=(len(a), 12, 5))
        walk = np.cumsum(white, axis=1) * np.linspace(0.2, 1, 5)  # noise with memory: slow parts dominate
        found = dpca.fit(dataset(walk, a=a, b=b), parameters=["a", "b"], regularisation=1.0, n_components=1)
        observed.append(found.marginal_variance.values)
        expected.append(found.noise_variance.values)
    ratio = np.mean(observed, 0) / np.mean(expected, 0)
    np.testing.assert_allclose(ratio, 1.0, atol=0.12)
    by_degrees_of_freedom = np.array([11, 24, 12, 24]) / 71 * np.mean(observed, 0).sum()
    assert np.abs(by_degrees_of_freedom / np.mean(observed, 0) - 1).max() > 0.5  # what white noise would give


def test_signal_variance_is_that_of_noiseless_activity() -> None:
    truth = dpca.fit(noisy(0, sd=0.0), parameters=["a", "b"], regularisation=0.1, noise="none")
    found = [
        dpca.fit(noisy(seed, counts=3, sd=1.0), parameters=["a", "b"], regularisation=0.1)
        for seed in range(30)
    ]
    mean = np.mean([one.signal_variance.values for one in found], 0)
    raw = np.mean([one.marginal_variance.values for one in found], 0)
    np.testing.assert_allclose(mean, truth.marginal_variance, rtol=0.12)
    assert (raw > truth.marginal_variance.values).all() and raw[-1] > 1.5 * float(truth.marginal_variance[-1])


@pytest.mark.parametrize("noise", ["none", "full"])
def test_projections_do_not_change_when_unit_space_is_rotated(noise: str) -> None:
    ds = noisy(8)
    turned = ds.assign(rate=(ds.rate.dims, ds.rate.values @ random_rotation(10, 9).T, ds.rate.attrs))
    one, other = (
        dpca.fit(each, parameters=["a", "b"], regularisation=0.02, noise=noise, n_components=2)
        for each in (ds, turned)
    )
    np.testing.assert_allclose(other.explained_variance_ratio, one.explained_variance_ratio, rtol=1e-8)
    signs = np.sign((one.projection * other.projection).sum(("condition", "time")))
    np.testing.assert_allclose(other.projection * signs, one.projection, atol=1e-7)


def test_units_of_different_sessions_with_unequal_trials_make_one_population() -> None:
    rng = np.random.default_rng(10)
    first = noisy(11, counts=rng.integers(2, 6, (3, 2))).isel(unit=slice(0, 6))
    second = noisy(12, counts=rng.integers(2, 6, (3, 2))).isel(unit=slice(6, 10))
    both = xr.concat([first, second], "trial", join="outer")
    assert bool(both.rate.isnull().any())
    found = dpca.fit(both, parameters=["a", "b"], n_components=2, n_repeats=3)
    means = [
        each.rate.groupby(["a", "b"]).mean().transpose("unit", "a", "b", "time") for each in (first, second)
    ]
    mean = np.concatenate(means).reshape(10, -1)
    np.testing.assert_allclose(found["mean"], mean.mean(1))
    np.testing.assert_allclose(
        found.projection.transpose("component", "condition", "time").values.reshape(
            found.sizes["component"], -1
        ),
        found.decoder.values @ (mean - mean.mean(1, keepdims=True)),
        atol=1e-10,
    )
    assert np.isfinite(found.validation_error).all() and np.isfinite(found.noise_variance).all()
    assert set(found.marginalisation_of.values[:3]) == {"time", "a", "b"}
    with pytest.raises(ValueError, match=r"Units of different sessions have no covariance"):
        dpca.fit(both, parameters=["a", "b"], noise="full")


def test_a_unit_that_misses_a_condition_is_refused_or_left_out_and_padding_goes_first() -> None:
    ds = noisy(13)
    rate = ds.rate.values.copy()
    rate[(ds.a == 1) & (ds.b == "b0"), :, 3] = np.nan
    gap = ds.assign(rate=(ds.rate.dims, rate, ds.rate.attrs))
    with pytest.raises(
        ValueError, match=r"1 of 10 units have no trial in some condition.*position 3.*missing='drop'"
    ):
        dpca.fit(gap, parameters=["a", "b"])
    found = dpca.fit(gap, parameters=["a", "b"], missing="drop", regularisation=0.01)
    rest = dpca.fit(ds.isel(unit=found.used.values), parameters=["a", "b"], regularisation=0.01)
    assert found.used.values.tolist() == [k != 3 for k in range(10)] and found.n_units_excluded == 1
    assert np.isnan(found.decoder[:, 3]).all()
    np.testing.assert_allclose(found.decoder[:, found.used.values], rest.decoder)
    np.testing.assert_allclose(dpca.project(gap, found), dpca.project(ds.isel(unit=found.used.values), rest))
    padded = ds.pad(time=(0, 3), constant_values=50.0).assign_coords(time=10.0 * np.arange(15))
    valid = np.ones((30, 15))
    valid[:, 12:] = 0
    marked = dpca.fit(
        padded.assign(valid=(("trial", "time"), valid)), parameters=["a", "b"], regularisation=0.01
    )
    whole = dpca.fit(ds, parameters=["a", "b"], regularisation=0.01)
    np.testing.assert_allclose(marked.decoder, whole.decoder)
    assert marked.n_steps_excluded == 3 and bool(marked.projection[:, 12:].isnull().all())


def test_penalty_is_chosen_by_held_out_trials() -> None:
    ds = noisy(14, counts=2, sd=4.0, n_units=40)
    found = dpca.fit(ds, parameters=["a", "b"], n_components=3, noise="none", seed=1)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    again = dpca.fit(ds, parameters=["a", "b"], n_components=3, noise="none", seed=1)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    xr.testing.assert_identical(found.drop_attrs(), again.drop_attrs())
    other = dpca.fit(ds, parameters=["a", "b"], n_components=3, noise="none", seed=2)
    assert not np.array_equal(other.validation_error, found.validation_error)
    assert found.validation_error.shape == (10, len(dpca.DEFAULT_GRID))
    error = found.validation_error.mean("repeat").values
    assert float(found.regularisation) == float(found.grid[int(error.argmin())]) > 1e-4
    assert error.min() < 0.8 * error[0] and not bool(found.at_edge)
    without = dpca.fit(ds, parameters=["a", "b"], n_components=3, noise="none", regularisation=0.0)
    assert error_on_new_trials(found) < 0.7 * error_on_new_trials(without)


def error_on_new_trials(found: xr.Dataset) -> float:
    """How far the true marginalisations are from what new single trials say of them."""

    def centred(ds: xr.Dataset) -> NDArray[np.float64]:
        values = ds.rate.transpose("unit", "trial", "time").values.reshape(40, 3, 2, 12)
        return values - values.mean((1, 2, 3), keepdims=True)

    truth = marginalise(
        centred(noisy(0, counts=1, sd=0.0, n_units=40)), ["a", "b"], groups_of_terms(["a", "b"], None)
    )
    seen = centred(noisy(100, counts=1, sd=4.0, n_units=40)).reshape(40, -1)
    total = 0.0
    for name, part in truth.items():
        own = (found.marginalisation_of == name).values
        F, D = found.encoder.values[own].T, found.decoder.values[own]
        total += ((part.reshape(40, -1) - F @ (D @ seen)) ** 2).sum()
    return total


def test_held_out_error_is_zero_for_trials_without_noise_and_grows_with_the_penalty() -> None:
    found = dpca.fit(noisy(0, counts=2, sd=0.0), parameters=["a", "b"], regularisation=(1e-6, 0.1, 1.0))
    error = found.validation_error.mean("repeat").values
    assert error[0] < 1e-8 < error[1] < error[2] and bool(found.at_edge)


def test_scatter_of_trials_takes_weight_from_a_unit_even_if_its_average_is_unchanged() -> None:
    ds = noisy(16, counts=4, sd=0.1)
    rate = ds.rate.values.copy()
    rate[:, :, 0] += np.tile(
        [[30.0], [-30.0]], (12, 1)
    )  # four trials of each condition: no change of averages
    scattered = ds.assign(rate=(ds.rate.dims, rate, ds.rate.attrs))
    options = {"parameters": ["a", "b"], "regularisation": 0.0, "n_components": 1}
    before, after = (dpca.fit(each, noise="diagonal", **options) for each in (ds, scattered))
    assert np.abs(after.decoder[:, 0]).max() < 0.05 * np.abs(before.decoder[:, 0]).max()
    before, after = (dpca.fit(each, noise="none", **options) for each in (ds, scattered))
    np.testing.assert_allclose(after.decoder, before.decoder, atol=1e-8)


def test_projection_of_trials_averages_to_the_projection_of_conditions() -> None:
    ds = noisy(17)
    found = dpca.fit(
        ds, parameters=["a", "b"], regularisation=0.01, n_components={"time": 1, "a": 2, "b": 1, "a x b": 0}
    )
    assert sorted(found.marginalisation_of.values) == ["a", "a", "b", "time"]
    single = dpca.project(ds, found)
    assert single.dims == ("trial", "time", "component") and "marginalisation_of" in single.coords
    means = single.groupby(["a", "b"]).mean().transpose("a", "b", "time", "component").values
    np.testing.assert_allclose(means.reshape(6, 12, 4), found.projection, atol=1e-10)
    with pytest.raises(ValueError, match="fitted on 10 units but the data has 4"):
        dpca.project(ds.isel(unit=slice(4)), found)


def test_single_trials_are_told_apart_where_there_is_a_difference_and_nowhere_else() -> None:
    rng = np.random.default_rng(21)
    a, b = np.tile([0, 1], 20), np.repeat([0, 1], 20)
    late = (np.arange(12) >= 6)[None, :, None]
    rate = 2.0 * (a[:, None, None] * 2 - 1) * late * rng.normal(size=8) + rng.normal(size=(40, 12, 8))
    ds = dataset(rate, a=a, b=b)
    options = {
        "parameters": ["a", "b"],
        "regularisation": 0.03,
        "n_components": 1,
        "n_repeats": 10,
        "n_shuffles": 60,
    }
    found = dpca.significance(ds, **options)
    assert found.marginalisation.values.tolist() == ["a", "b", "a x b"]
    np.testing.assert_allclose(found.chance, [0.5, 0.5, 0.25])
    own = found.sel(marginalisation="a", component=0)
    assert (own.accuracy[6:] > 0.9).all() and (own.p_value[6:] == 1 / 61).all()
    assert (own.shuffled_accuracy[6:] < own.accuracy[6:]).all()
    null = np.concatenate([own.p_value[:6], found.p_value[1, 0]])  # nothing to decode: p values all over
    assert null.mean() > 0.25 and (null < 0.05).mean() < 0.2
    xr.testing.assert_identical(dpca.significance(ds, **options).drop_attrs(), found.drop_attrs())
    both = dataset(np.concatenate([rate, rate + 1.0]), a=np.tile(a, 2), b=np.tile(b, 2))
    both.rate[:40, :, :4] = np.nan
    both.rate[40:, :, 4:] = np.nan
    across = dpca.significance(both, **options | {"n_shuffles": 20}).sel(marginalisation="a", component=0)
    assert (across.p_value[6:] == 1 / 21).all()
    ax = dpca.plot_significance(found)
    assert ax.get_xlabel() == "time (ms)" and ax.get_ylabel() == "accuracy on held-out trials"
    np.testing.assert_allclose(ax.lines[0].get_ydata(), own.accuracy)
    assert set(ds.time.values[6:]) <= set(ax.lines[2].get_xdata())
    with pytest.raises(ValueError, match="component must lie between 0 and 0: got 1"):
        dpca.plot_significance(found, component=1)
    with pytest.raises(ValueError, match=r"n_shuffles must be at least 1: got 0"):
        dpca.significance(ds, **options | {"n_shuffles": 0})
    with pytest.raises(ValueError, match=r"4 of 8 units have fewer than two of some condition"):
        few = both.isel(trial=np.r_[0:40, 40:42, 60:62])
        dpca.significance(few, **options)
    with pytest.raises(ValueError, match=r"noise must be 'diagonal' or 'none'.*got 'full'"):
        dpca.significance(ds, noise="full", **options)


def test_the_data_are_left_as_they_were() -> None:
    ds = noisy(22)
    before = ds.copy(deep=True)
    dpca.project(ds, dpca.fit(ds, parameters=["a", "b"], n_repeats=2))
    xr.testing.assert_identical(ds, before)


def test_results_survive_netcdf(tmp_path: object) -> None:
    found = dpca.fit(noisy(18), parameters=["a", "b"], n_repeats=2)
    found.to_netcdf(f"{tmp_path}/dpca.nc", engine="h5netcdf")
    with xr.open_dataset(f"{tmp_path}/dpca.nc", engine="h5netcdf") as back:
        xr.testing.assert_equal(back, found)


def test_wrong_requests_are_refused() -> None:
    ds = noisy(19)
    with pytest.raises(
        ValueError, match=r"1 of 6 combinations of a, b have no trial, the first being a=2, b=b1"
    ):
        dpca.fit(ds.sel(trial=~((ds.a == 2) & (ds.b == "b1"))), parameters=["a", "b"])
    with pytest.raises(ValueError, match=r"'a' has one value only, 0"):
        dpca.fit(ds.sel(trial=ds.a == 0), parameters=["a", "b"])
    with pytest.raises(ValueError, match=r"The term \('a', 'b', 'time'\) must belong to one .* belongs to 0"):
        dpca.fit(ds, parameters=["a", "b"], combine={"all": TERMS[:-1]})
    with pytest.raises(ValueError, match=r"A term of 'x' names \['c'\]\. The parameters are a, b, time"):
        dpca.fit(ds, parameters=["a", "b"], combine={"x": [["c"]]})
    with pytest.raises(ValueError, match=r"Time is always a parameter"):
        dpca.fit(ds, parameters=["a", "time"])
    with pytest.raises(ValueError, match=r"regularisation must be finite and at least 0: got \[-1.0\]"):
        dpca.fit(ds, parameters="a", regularisation=-1.0)
    with pytest.raises(ValueError, match=r"noise must be .* got 'white'"):
        dpca.fit(ds, parameters="a", noise="white")
    with pytest.raises(ValueError, match=r"one of at least 0 for each of time, a: got"):
        dpca.fit(ds, parameters="a", n_components={"a": 2})
    with pytest.raises(ValueError, match=r"holds out one whole trial.*10 of 10 units have fewer than two"):
        dpca.fit(noisy(0, counts=1), parameters=["a", "b"], noise="none")
    with pytest.raises(ValueError, match=r"10 of 10 units have no condition with two trials"):
        dpca.fit(noisy(0, counts=1), parameters=["a", "b"], regularisation=0.1)
    with pytest.raises(ValueError, match=r"do not vary"):
        dpca.fit(ds.assign(rate=ds.rate * 0 + 3.0), parameters="a", regularisation=0.1)
    with pytest.raises(ValueError, match="No component was asked for"):
        dpca.fit(ds, parameters="a", n_components=0, regularisation=0.1)


def test_pictures() -> None:
    found = dpca.fit(noisy(20, sd=0.3), parameters=["a", "b"], n_components=3, n_repeats=3)
    ax = dpca.plot_component(found, component=1, hue="a", style="b")
    assert (
        len(ax.lines) == 6 and ax.get_xlabel() == "time (ms)" and ax.get_ylabel() == "demixed rate (spikes/s)"
    )
    np.testing.assert_allclose(ax.lines[2].get_ydata(), found.projection[2, :, 1])
    assert ax.get_title().startswith(f"component 2: {found.marginalisation_of.values[1]} (")
    bars = dpca.plot_variance(found)
    assert bars.get_ylabel() == "explained variance (%)"
    assert bars.get_xticklabels()[0].get_text() == f"1: {found.marginalisation_of.values[0]}"
    heights = sum(container[0].get_height() for container in bars.containers)
    assert heights == pytest.approx(100 * np.maximum(found.explained_variance_by[0], 0).sum())
    legend = [text.get_text() for text in bars.get_legend().get_texts()]
    assert [entry.split(" (")[0] for entry in legend] == ["time", "a", "b", "a x b"]
    curve = dpca.plot_validation(found)
    assert curve.get_xscale() == "log" and curve.get_ylabel() == "error on held-out trials"
    np.testing.assert_allclose(curve.lines[3].get_ydata(), found.validation_error.mean("repeat"))
    with pytest.raises(ValueError, match="component must lie between 0"):
        dpca.plot_component(found, component=50)
    with pytest.raises(ValueError, match=r"'c' is not a variable of the conditions\. They have: a, b"):
        dpca.plot_component(found, hue="c")
    with pytest.raises(ValueError, match="given, not chosen"):
        dpca.plot_validation(dpca.fit(noisy(20), parameters="a", regularisation=0.1))
