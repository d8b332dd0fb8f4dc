"""Targeted dimensionality reduction: planted axes, an independent regression, order, invariances, missing trials."""

import itertools

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression

from neurornn.analysis import tdr
from neurornn.analysis._regression import smooth

PLAIN = tdr.Recipe(standardise=False, smoothing=0.0)
VARIABLES = ["choice", "motion", "colour"]
TIME = 10.0 * np.arange(40)


def random_rotation(n: int, seed: int) -> NDArray[np.float64]:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


def grid(repeats: int = 1) -> dict[str, NDArray[np.float64]]:
    rows = np.array(list(itertools.product((-1.0, 1.0), (-0.5, -0.1, 0.1, 0.5), (-0.4, 0.4))) * repeats)
    return dict(zip(VARIABLES, rows.T, strict=True))


def courses(time: NDArray[np.float64] = TIME) -> NDArray[np.float64]:
    """How strongly choice, motion and colour are represented over time: a ramp and two bumps."""
    return np.stack([
        time / 400,
        np.exp(-(((time - 150) / 60) ** 2)),
        0.7 * np.exp(-(((time - 250) / 80) ** 2)),
    ])


def dataset(
    rate: NDArray[np.float64], conditions: dict[str, NDArray[np.generic]], time: NDArray[np.float64] = TIME
) -> xr.Dataset:
    return xr.Dataset(
        {"rate": (("trial", "time", "unit"), rate, {"units": "spikes/s"})},
        coords={
            "time": ("time", time, {"units": "ms"}),
            "unit": np.arange(rate.shape[2]),
            **{name: ("trial", values) for name, values in conditions.items()},
        },
    )


def planted(
    axes: NDArray[np.float64],
    *,
    repeats: int = 1,
    noise: float = 0.0,
    seed: int = 0,
    time: NDArray[np.float64] = TIME,
) -> xr.Dataset:
    """Trials that move along three axes, on top of a course all conditions share."""
    conditions = grid(repeats)
    strength = np.stack(list(conditions.values()), 1)[:, None, :] * courses(time).T
    common = 5 + np.sin(time / 100)[:, None] * np.linspace(1, 2, axes.shape[1])
    rng = np.random.default_rng(seed)
    rate = common + strength @ axes
    return dataset(rate + noise * rng.normal(size=rate.shape), conditions, time)


@pytest.mark.parametrize("dt", [5.0, 10.0, 20.0])
@pytest.mark.parametrize(
    "recipe", [tdr.Recipe(standardise=False), PLAIN, tdr.Recipe(standardise=False, n_components=None)]
)
def test_planted_orthogonal_axes_are_recovered_exactly_without_noise(recipe: tdr.Recipe, dt: float) -> None:
    axes = random_rotation(20, 0)[:3]
    ds = planted(axes * np.array([[2.0, 1.0, 0.5]]).T, time=np.arange(0, 400, dt))
    found = tdr.fit(ds, regressors=VARIABLES, recipe=recipe)
    np.testing.assert_allclose(found.axis_vector, axes, atol=1e-10)
    np.testing.assert_allclose(found.angle, 90.0 - 90.0 * np.eye(3), atol=1e-9)
    np.testing.assert_allclose(found.kept, 1.0)
    if recipe.smoothing == 0:
        value = found[VARIABLES[1]].values[:, None] * courses(ds.time.values)[1]
        assert np.ptp(found.projection.sel(axis="motion").values - value, axis=0).max() < 1e-9


def test_planted_axes_are_exact_with_unequal_trials_in_the_conditions() -> None:
    """Conditions with 1 to 5 trials, and units that each saw trials of their own, as in separate sessions."""
    axes = random_rotation(12, 0)[:3]
    ds = planted(axes * np.array([[2.0, 1.0, 0.5]]).T, repeats=5)
    rng = np.random.default_rng(1)
    kept = rng.permutation(ds.sizes["trial"])[: ds.sizes["trial"] // 2]
    assert (
        np.unique(
            np.unique([ds[name].values[kept] for name in VARIABLES], axis=1, return_counts=True)[1]
        ).size
        > 2
    )
    uneven = ds.isel(trial=kept)
    own = uneven.rate.values.copy()
    for unit in range(12):
        own[rng.permutation(kept.size)[: kept.size // 3], :, unit] = np.nan
    for each in (uneven, uneven.assign(rate=(ds.rate.dims, own, ds.rate.attrs))):
        found = tdr.fit(each, regressors=VARIABLES, recipe=PLAIN)
        np.testing.assert_allclose(found.axis_vector, axes, atol=1e-9)


def test_standardised_units_are_weighed_by_their_deviation() -> None:
    axes = np.random.default_rng(1).normal(size=(3, 12)) * np.linspace(0.2, 4, 12)
    ds = planted(axes)
    found = tdr.fit(ds, regressors=VARIABLES, recipe=tdr.Recipe(smoothing=0.0))
    deviation = ds.rate.values.std((0, 1))
    np.testing.assert_allclose(found.scale, deviation)
    np.testing.assert_allclose(found["mean"], ds.rate.values.mean((0, 1)))
    at = courses()[1].max()
    np.testing.assert_allclose(found.raw_axis[1], axes[1] / deviation * 0.5 * at, atol=1e-10)
    Q = np.linalg.qr((axes / deviation).T)[0].T
    np.testing.assert_allclose(np.abs((found.axis_vector.values * Q).sum(1)), 1.0)
    z = (ds.rate.values - ds.rate.values.mean((0, 1))) / deviation
    np.testing.assert_allclose(tdr.project(ds, found), z @ found.axis_vector.values.T, atol=1e-12)


@pytest.mark.parametrize("share_missing", [0.0, 0.3])
def test_coefficients_agree_with_an_independent_regression(share_missing: float) -> None:
    rng = np.random.default_rng(2)
    ds = planted(rng.normal(size=(3, 6)), repeats=4, noise=1.0)
    rate = ds.rate.values.copy()
    gone = rng.random((64, 1, 6)) < share_missing  # whole trials of single units, and some late steps
    gone = gone | ((rng.random((64, 1, 6)) < share_missing) & (np.arange(40) > 30)[None, :, None])
    rate[np.broadcast_to(gone, rate.shape)] = np.nan
    ds = ds.assign(rate=(ds.rate.dims, rate)).isel(time=slice(0, None, 5))
    rate = ds.rate.values
    pairs = [("choice", "motion"), ("colour", "choice")]
    found = tdr.fit(ds, regressors=VARIABLES, interactions=pairs, recipe=tdr.Recipe(smoothing=0.0))
    assert found.regressor.values.tolist() == ["intercept", *VARIABLES, "choice x motion", "colour x choice"]
    choice, motion, colour = ds.choice.values, ds.motion.values / 0.5, ds.colour.values / 0.4
    X = np.stack([choice, motion, colour, choice * motion, colour * choice], 1)
    z = (rate - np.nanmean(rate, (0, 1))) / np.nanstd(rate, (0, 1))
    for unit, step in itertools.product(range(6), range(8)):
        seen = np.isfinite(z[:, step, unit])
        model = LinearRegression().fit(X[seen], z[seen, step, unit])
        expected = np.concatenate([[model.intercept_], model.coef_])
        np.testing.assert_allclose(found.coefficient[:, step, unit], expected, atol=1e-10)


def test_the_first_axis_and_the_span_do_not_depend_on_the_order_and_the_others_do() -> None:
    rng = np.random.default_rng(3)
    axes = rng.normal(size=(3, 15)) + 1.0  # far from orthogonal
    ds = planted(axes)
    found = {
        order: tdr.fit(ds, regressors=VARIABLES, axes=order, recipe=PLAIN)
        for order in itertools.permutations(VARIABLES)
    }
    reference = found[tuple(VARIABLES)].axis_vector.values
    for order, one in found.items():
        vectors = one.axis_vector.values
        raw = one.raw_axis.values
        np.testing.assert_allclose(vectors[0], raw[0] / np.linalg.norm(raw[0]), atol=1e-12)
        np.testing.assert_allclose(vectors.T @ vectors, reference.T @ reference, atol=1e-10)
        left = raw[2] - (raw[2] @ vectors[0]) * vectors[0] - (raw[2] @ vectors[1]) * vectors[1]
        np.testing.assert_allclose(
            vectors[2], left / np.linalg.norm(left), atol=1e-9
        )  # Gram-Schmidt, sign kept
        np.testing.assert_allclose(one.kept[2], np.linalg.norm(left) / np.linalg.norm(raw[2]))
        assert one.axis.values.tolist() == list(order)
    swapped = found["motion", "choice", "colour"]
    for name in VARIABLES:
        np.testing.assert_allclose(
            swapped.raw_axis.sel(axis=name), found[tuple(VARIABLES)].raw_axis.sel(axis=name)
        )
    cosine = swapped.axis_vector.sel(axis="motion").values @ reference[1]
    assert cosine < 0.98
    unit = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    np.testing.assert_allclose(np.cos(np.radians(found[tuple(VARIABLES)].angle)), unit @ unit.T, atol=1e-9)


@pytest.mark.parametrize("n_components", [None, 4])
def test_projections_do_not_change_when_unit_space_is_rotated(n_components: int | None) -> None:
    ds = planted(np.random.default_rng(4).normal(size=(3, 10)), repeats=3, noise=0.5)
    turned = ds.assign(rate=(ds.rate.dims, ds.rate.values @ random_rotation(10, 5).T, ds.rate.attrs))
    recipe = tdr.Recipe(standardise=False, n_components=n_components)
    one, other = (tdr.fit(each, regressors=VARIABLES, recipe=recipe) for each in (ds, turned))
    for name in ("projection", "coefficient_norm", "angle", "variance_ratio", "kept"):
        np.testing.assert_allclose(other[name], one[name], rtol=1e-7, atol=1e-8)
    scaled = (
        tdr.fit(each, regressors=VARIABLES).projection for each in (ds, turned)
    )  # z-scores belong to units: here a rotation must matter
    assert not np.allclose(*scaled, atol=0.1)


def test_units_that_saw_different_trials_make_one_population() -> None:
    axes = np.random.default_rng(6).normal(size=(3, 8))
    ds = planted(axes, repeats=2)
    rate = ds.rate.values.copy()
    rate[:16, :, 4:] = np.nan
    rate[16:, :, :4] = np.nan
    for recipe in (PLAIN, tdr.Recipe()):
        whole = tdr.fit(ds, regressors=VARIABLES, recipe=recipe)
        found = tdr.fit(
            ds.assign(rate=(ds.rate.dims, rate, ds.rate.attrs)), regressors=VARIABLES, recipe=recipe
        )
        for name in ("coefficient", "axis_vector", "projection", "variance_ratio"):
            np.testing.assert_allclose(found[name], whole[name], atol=1e-9)


def test_padding_and_undetermined_steps_have_no_axis_and_are_counted() -> None:
    axes = random_rotation(8, 7)[:3]
    ds = planted(axes, repeats=2)
    rate = ds.rate.values.copy()
    rate[:, 30:] = 99.0
    valid = np.ones((32, 40))
    valid[:, 30:] = 0
    padded = ds.assign(rate=(ds.rate.dims, rate), valid=(("trial", "time"), valid))
    found = tdr.fit(padded, regressors=VARIABLES, recipe=PLAIN)
    clean = tdr.fit(ds.isel(time=slice(30)), regressors=VARIABLES, recipe=PLAIN)
    np.testing.assert_allclose(found.axis_vector, clean.axis_vector, atol=1e-10)
    np.testing.assert_allclose(found.variance_ratio, clean.variance_ratio)
    assert found.n_steps_undetermined == 10 and np.isnan(found.projection[:, 30:]).all()
    rate = ds.rate.values.copy()
    rate[3:, 20:, 2] = np.nan  # unit 2: three trials are left for four coefficients
    found = tdr.fit(ds.assign(rate=(ds.rate.dims, rate)), regressors=VARIABLES, recipe=PLAIN)
    assert found.n_steps_undetermined == 20 and np.isnan(found.coefficient[:, 20:, 2]).all()
    assert (
        np.isfinite(found.coefficient[:, :, 3]).all() and float(found.last_time.sel(axis="choice")) == 190.0
    )
    np.testing.assert_allclose(found.axis_vector, axes, atol=1e-9)
    rate[3:, :, 2] = np.nan
    with pytest.raises(
        ValueError, match=r"At no time are the coefficients of all 8 units .* 1 units have none"
    ):
        tdr.fit(ds.assign(rate=(ds.rate.dims, rate)), regressors=VARIABLES, recipe=PLAIN)


def test_axes_come_from_windows_or_the_time_of_largest_norm() -> None:
    ds = planted(np.random.default_rng(8).normal(size=(3, 10)), repeats=3, noise=0.2)
    found = tdr.fit(ds, regressors=VARIABLES, windows={"colour": (200.0, 300.0)}, recipe=tdr.Recipe())
    peak = int(found.coefficient_norm.sel(axis="motion").argmax("time"))
    np.testing.assert_allclose(found.raw_axis.sel(axis="motion"), found.denoised_coefficient[1, peak])
    assert found.first_time.values[1] == found.last_time.values[1] == TIME[peak]
    assert abs(TIME[peak] - 150) <= 20
    np.testing.assert_allclose(found.raw_axis[2], found.denoised_coefficient[2, 20:31].mean("time"))
    assert (found.first_time.values[2], found.last_time.values[2]) == (200.0, 300.0)


def test_denoising_projects_vectors_on_the_components() -> None:
    axes = random_rotation(40, 9)[:3]
    ds = planted(axes, repeats=8, noise=0.6)
    plain, kept = (
        tdr.fit(ds, regressors=VARIABLES, recipe=tdr.Recipe(standardise=False, n_components=n))
        for n in (None, 5)
    )
    V = kept.component_vector.values
    assert V.shape == (5, 40)
    np.testing.assert_allclose(
        kept.denoised_coefficient.values @ V.T @ V, kept.denoised_coefficient, atol=1e-10
    )
    np.testing.assert_allclose(
        kept.denoised_coefficient, plain.denoised_coefficient.values @ V.T @ V, atol=1e-10
    )
    assert (kept.coefficient_norm < plain.coefficient_norm).all()
    np.testing.assert_array_equal(kept.coefficient, plain.coefficient)
    samples = kept.projection.values.reshape(-1, 3)
    assert (kept.variance_ratio > 0).all() and float(kept.variance_ratio.sum()) < 1
    ratio = samples.var(0) / kept.variance_ratio.values
    np.testing.assert_allclose(ratio, ratio[0])


def test_scale_and_coding_of_regressors() -> None:
    ds = planted(np.random.default_rng(10).normal(size=(3, 6)))
    found = tdr.fit(ds, regressors=VARIABLES)
    other = tdr.fit(ds.assign_coords(motion=ds.motion * 64.0), regressors=VARIABLES)
    np.testing.assert_allclose(other.coefficient, found.coefficient, atol=1e-12)
    labelled = ds.assign_coords(choice=("trial", np.where(ds.choice > 0, "right", "left")))
    words = tdr.fit(labelled, regressors=VARIABLES)
    np.testing.assert_allclose(words.coefficient, found.coefficient, atol=1e-12)
    assert words.codes == ["choice: left = -1, right = 1"]


def test_components_come_from_correct_trials_and_averages_are_split() -> None:
    axes = random_rotation(10, 11)
    ds = planted(axes[:3], repeats=2)
    correct = np.arange(32) < 16
    rate = (
        ds.rate.values
        + np.where(correct, 0.0, 1.0)[:, None, None] * np.sin(TIME / 30)[:, None] * 20 * axes[5]
    )
    ds = ds.assign(rate=(ds.rate.dims, rate)).assign_coords(correct=("trial", correct))
    recipe = tdr.Recipe(standardise=False, n_components=4)
    found = tdr.fit(ds, regressors=VARIABLES, correct="correct", recipe=recipe)
    assert found.sizes["condition"] == 32 and found.correct.values.sum() == 16
    alone = tdr.fit(ds.sel(trial=correct), regressors=VARIABLES, recipe=recipe)
    np.testing.assert_allclose(found.component_vector, alone.component_vector, atol=1e-9)
    assert np.abs(found.component_vector.values @ axes[5]).max() < 0.3
    every = tdr.fit(ds, regressors=VARIABLES, recipe=recipe)
    assert np.abs(every.component_vector.values @ axes[5]).max() > 0.5
    with pytest.raises(ValueError, match="No trial has correct = 1"):
        tdr.fit(ds.sel(trial=~correct), regressors=VARIABLES, correct="correct")


@pytest.mark.parametrize("dt", [1.0, 10.0, 50.0])
def test_smoothing_is_a_cut_gaussian_over_what_exists(dt: float) -> None:
    rng = np.random.default_rng(12)
    values = rng.normal(size=(2, 60, 3))
    values[0, 20:25, 1] = np.nan
    time = dt * np.arange(60)
    weight = np.exp(-((time[:, None] - time) ** 2) / (2 * 40.0**2)) * (np.abs(time[:, None] - time) <= 150.0)
    out = smooth(values, 40.0, 3.75, dt)
    for i, k in itertools.product(range(2), range(3)):
        seen = np.isfinite(values[i, :, k])
        expected = weight[:, seen] @ values[i, seen, k] / weight[:, seen].sum(1)
        np.testing.assert_allclose(out[i, seen, k], expected[seen], atol=1e-12)
        assert np.isnan(out[i, ~seen, k]).all()
    np.testing.assert_allclose(smooth(np.full((1, 60, 1), 3.0), 40.0, 3.75, dt), 3.0)
    assert smooth(values, 0.0, 3.75, dt) is values


def test_a_silent_unit_changes_nothing_and_is_counted() -> None:
    ds = planted(np.random.default_rng(13).normal(size=(3, 6)))
    rate = np.concatenate([ds.rate.values, np.zeros((16, 40, 1)), np.full((16, 40, 1), 7.3)], 2)
    one, other = (
        tdr.fit(each, regressors=VARIABLES)
        for each in (ds, dataset(rate, {name: ds[name].values for name in VARIABLES}))
    )
    np.testing.assert_allclose(other.projection, one.projection, atol=1e-10)
    assert (one.n_units_constant, other.n_units_constant) == (0, 2)
    np.testing.assert_allclose(other.axis_vector[:, 6:], 0, atol=1e-15)


def test_averages_project_to_the_mean_of_projected_trials() -> None:
    ds = planted(np.random.default_rng(14).normal(size=(3, 6)), repeats=3, noise=0.3)
    found = tdr.fit(ds, regressors=VARIABLES, recipe=tdr.Recipe(smoothing=0.0))
    single = tdr.project(ds, found)
    assert single.dims == ("trial", "time", "axis") and single.axis.values.tolist() == VARIABLES
    means = single.groupby(VARIABLES).mean().transpose(*VARIABLES, "time", "axis").values.reshape(16, 40, 3)
    np.testing.assert_allclose(means, found.projection, atol=1e-10)
    points = xr.DataArray(ds.rate.values[0], dims=("fixed_point", "unit"))
    np.testing.assert_allclose(tdr.project(points, found), single[0], atol=1e-12)
    with pytest.raises(ValueError, match="fitted on 6 units but the data has 2"):
        tdr.project(ds.isel(unit=slice(2)), found)


def test_the_data_are_left_as_they_were() -> None:
    ds = planted(random_rotation(6, 18)[:3])
    before = ds.copy(deep=True)
    tdr.project(ds, tdr.fit(ds, regressors=VARIABLES))
    xr.testing.assert_identical(ds, before)


def test_results_survive_netcdf(tmp_path: object) -> None:
    found = tdr.fit(
        planted(random_rotation(6, 15)[:3]), regressors=VARIABLES, interactions=[("choice", "motion")]
    )
    found.to_netcdf(f"{tmp_path}/tdr.nc", engine="h5netcdf")
    with xr.open_dataset(f"{tmp_path}/tdr.nc", engine="h5netcdf") as back:
        xr.testing.assert_equal(back, found)


def test_wrong_requests_are_refused() -> None:
    ds = planted(random_rotation(6, 16)[:3])
    with pytest.raises(
        ValueError, match=r"'speed' is not a variable of the trials. They have: choice, colour, motion"
    ):
        tdr.fit(ds, regressors=["choice", "speed"])
    with pytest.raises(ValueError, match=r"The interaction \(choice, context\) names 'context'"):
        tdr.fit(ds, regressors=VARIABLES, interactions=[("choice", "context")])
    with pytest.raises(ValueError, match=r"'word' has 3 labels and a regressor needs numbers or two labels"):
        tdr.fit(ds.assign_coords(word=("trial", np.resize(["a", "b", "c"], 16))), regressors=["word"])
    with pytest.raises(ValueError, match=r"The regressor 'motion' is 0 in every trial"):
        tdr.fit(ds.assign_coords(motion=ds.motion * 0), regressors=VARIABLES)
    with pytest.raises(
        ValueError, match=r"axes must be one or more of choice, motion, colour.*got \['context'\]"
    ):
        tdr.fit(ds, regressors=VARIABLES, axes=["context"])
    with pytest.raises(ValueError, match=r"windows names context, for which no axis was asked"):
        tdr.fit(ds, regressors=VARIABLES, windows={"context": (0, 1)})
    with pytest.raises(
        ValueError, match=r"No step lies in the window of 'motion', 900 to 950 ms: time runs from 0"
    ):
        tdr.fit(ds, regressors=VARIABLES, windows={"motion": (900.0, 950.0)})
    with pytest.raises(ValueError, match=r"The axis of 'colour' is zero"):
        tdr.fit(planted(random_rotation(6, 16)[:3] * [[1], [1], [0]]), regressors=VARIABLES, recipe=PLAIN)
    same = planted(np.stack([np.ones(6), np.arange(6.0), np.ones(6)]))
    with pytest.raises(ValueError, match=r"'colour' lies in the span of those before it \(choice, motion\)"):
        tdr.fit(same, regressors=VARIABLES, recipe=PLAIN)
    with pytest.raises(ValueError, match=r"1 of 6 units have no value in any trial"):
        tdr.fit(ds.assign(rate=ds.rate.where(ds.unit > 0)), regressors=VARIABLES)
    with pytest.raises(ValueError, match="n_components must be at least 1, or None: got 0"):
        tdr.Recipe(n_components=0)
    with pytest.raises(ValueError, match="smoothing must be finite"):
        tdr.Recipe(smoothing=-1.0)
    with pytest.raises(ValueError, match="Smoothing needs a coordinate 'time' in ms"):
        tdr.fit(ds.drop_vars("time"), regressors=VARIABLES)


def test_pictures() -> None:
    found = tdr.fit(
        planted(np.random.default_rng(17).normal(size=(3, 10)), repeats=3, noise=0.2),
        regressors=VARIABLES,
        windows={"colour": (200.0, 300.0)},
    )
    ax = tdr.plot_trajectories(found, x="choice", y="motion", hue="motion", style="choice")
    paths = [line for line in ax.lines if len(line.get_xdata()) == 40]
    assert len(paths) == 16
    np.testing.assert_allclose(paths[3].get_xdata(), found.projection[3, :, 0])
    np.testing.assert_allclose(paths[3].get_ydata(), found.projection[3, :, 1])
    assert ax.get_xlabel() == f"choice axis ({100 * float(found.variance_ratio[0]):.1f} % of variance)"
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend[0] == "motion" and legend[-2:] == ["start", "end"]
    norms = tdr.plot_norms(found)
    assert norms.get_xlabel() == "time (ms)" and norms.get_ylabel() == "norm of regression vector"
    np.testing.assert_allclose(norms.lines[0].get_ydata(), found.coefficient_norm[0])
    assert len(norms.lines[1].get_xdata()) == 1 and len(norms.lines[5].get_xdata()) == 11
    angles = tdr.plot_angles(found)
    assert [text.get_text() for text in angles.texts][:2] == ["0", f"{float(found.angle[0, 1]):.0f}"]
    with pytest.raises(ValueError, match=r"There is no axis 'context'\. There are: choice, motion, colour"):
        tdr.plot_trajectories(found, x="choice", y="context")
