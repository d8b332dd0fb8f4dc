"""Principal components: invariances, closed forms, padding, missing values, pictures."""

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis import pca


def labelled(
    rate: NDArray[np.float64], valid: NDArray[np.float64] | None = None, **conditions: NDArray[np.generic]
) -> xr.Dataset:
    _, n_steps, n_units = rate.shape
    ds = xr.Dataset(
        {"rate": (("trial", "time", "unit"), rate, {"long_name": "firing rate", "units": "spikes/s"})},
        coords={
            "time": ("time", 20.0 * np.arange(n_steps), {"units": "ms"}),
            "unit": np.arange(n_units),
            "cell_type": ("unit", np.where(np.arange(n_units) % 2, "I", "E")),
            **{name: ("trial", values, {"units": "1"}) for name, values in conditions.items()},
        },
    )
    return ds if valid is None else ds.assign(valid=(("trial", "time"), valid))


def random_rates(seed: int, n_trials: int = 12, n_steps: int = 15, n_units: int = 6) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(n_trials, n_steps, n_units)) * 2.0 ** -np.arange(n_units)
    return 3.0 + latent @ rng.normal(size=(n_units, n_units))


def rotation(n: int, seed: int) -> NDArray[np.float64]:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


@pytest.mark.parametrize("condition", [None, "context"])
def test_spectrum_does_not_change_when_unit_space_is_rotated(condition: str | None) -> None:
    context = np.arange(12) % 3
    rate, Q = random_rates(0), rotation(6, 1)
    plain = pca.fit(labelled(rate, context=context), condition=condition)
    turned = pca.fit(labelled(rate @ Q.T, context=context), condition=condition)
    np.testing.assert_allclose(turned.explained_variance, plain.explained_variance, rtol=1e-10)
    np.testing.assert_allclose(turned.participation_ratio, plain.participation_ratio, rtol=1e-10)
    assert not np.allclose(turned.component_vector, plain.component_vector)
    overlap = np.abs(turned.component_vector.values @ Q @ plain.component_vector.values.T)
    np.testing.assert_allclose(overlap, np.eye(6), atol=1e-8)


def test_variances_are_the_eigenvalues_of_the_covariance() -> None:
    rate = random_rates(2)
    flat = rate.reshape(-1, 6)
    result = pca.fit(labelled(rate))
    expected = np.linalg.eigvalsh(np.cov(flat.T))[::-1]
    np.testing.assert_allclose(result.explained_variance, expected, rtol=1e-10)
    np.testing.assert_allclose(result.explained_variance_ratio, expected / expected.sum(), rtol=1e-10)
    np.testing.assert_allclose(result.participation_ratio, expected.sum() ** 2 / (expected**2).sum())
    np.testing.assert_allclose(result["mean"], flat.mean(0))
    assert result.explained_variance.attrs["units"] == "(spikes/s)^2"
    assert result["mean"].attrs["units"] == "spikes/s"
    assert result.cell_type.dims == ("unit",)


@pytest.mark.parametrize("k", [1, 3, 5])
def test_participation_ratio_of_k_equal_variances_is_k(k: int) -> None:
    axes = rotation(8, 4)[:k]
    rate = np.concatenate([axes, -axes])[None] * 17.0 + 4.0
    assert pca.participation_ratio(labelled(rate)) == pytest.approx(k, rel=1e-12)
    assert pca.fit(labelled(rate), n_components=1).participation_ratio == pytest.approx(k, rel=1e-12)


def test_participation_ratio_agrees_whichever_side_of_the_data_is_longer() -> None:
    wide = random_rates(3, n_trials=1, n_steps=4, n_units=6)
    spectrum = pca.fit(labelled(wide)).explained_variance.values
    assert pca.participation_ratio(labelled(wide)) == pytest.approx(spectrum.sum() ** 2 / (spectrum**2).sum())


def test_projection_is_centred_data_times_vectors_and_all_components_bring_it_back() -> None:
    rate = random_rates(5)
    ds = labelled(rate, coherence=np.linspace(-1, 1, 12))
    result = pca.fit(ds)
    projected = pca.project(ds, result)
    assert projected.dims == ("trial", "time", "component")
    np.testing.assert_allclose(
        projected, (rate - rate.mean((0, 1))) @ result.component_vector.values.T, atol=1e-12
    )
    back = projected.values @ result.component_vector.values + result["mean"].values
    np.testing.assert_allclose(back, rate, atol=1e-12)
    np.testing.assert_allclose(projected.var(("trial", "time"), ddof=1), result.explained_variance)
    assert "coherence" in projected.coords and "cell_type" not in projected.coords
    points = xr.DataArray(rate[0], dims=("fixed_point", "unit"))
    np.testing.assert_allclose(pca.project(points, result), projected[0], atol=1e-12)


def test_padding_has_no_effect_and_would_have_one_unmarked() -> None:
    rate = random_rates(6)
    valid = np.ones((12, 20))
    valid[:, 15:] = 0
    padded = np.concatenate([rate, np.full((12, 5, 6), 50.0)], axis=1)
    clean, marked = pca.fit(labelled(rate)), pca.fit(labelled(padded, valid))
    np.testing.assert_allclose(marked.explained_variance, clean.explained_variance)
    np.testing.assert_allclose(marked.component_vector, clean.component_vector, atol=1e-12)
    assert (marked.n_samples, marked.n_padding_excluded) == (180, 60)
    unmarked = pca.fit(labelled(padded))
    assert unmarked.explained_variance[0] > 2 * clean.explained_variance[0]
    projected = pca.project(labelled(padded, valid), marked)
    assert bool(projected.isel(time=slice(15, None)).isnull().all())
    assert bool(projected.isel(time=slice(15)).notnull().all())


def test_padding_does_not_enter_condition_averages() -> None:
    rate = random_rates(7)
    valid = np.ones((12, 15))
    valid[::2, 10:] = 0
    spoiled = np.where(valid[..., None] > 0, rate, 99.0)
    context = np.repeat(["colour", "motion"], 6)
    found = pca.fit(labelled(spoiled, valid, context=context), condition="context")
    means = []
    for half in (slice(6), slice(6, 12)):
        short = rate[half]
        means.append(np.concatenate([short[:, :10].mean(0), short[1::2, 10:].mean(0)]))
    expected = np.linalg.eigvalsh(np.cov(np.concatenate(means).T))[::-1]
    np.testing.assert_allclose(found.explained_variance, expected, rtol=1e-9)


def test_missing_samples_are_left_out_and_counted() -> None:
    rate = random_rates(8)
    rate[2, 3, 1] = np.nan
    result = pca.fit(labelled(rate))
    kept = rate.reshape(-1, 6)
    kept = kept[np.isfinite(kept).all(1)]
    assert (result.n_samples, result.n_missing_excluded) == (179, 1)
    np.testing.assert_allclose(result["mean"], kept.mean(0))


def test_units_of_different_sessions_become_one_population_by_condition() -> None:
    coherence = np.tile([-0.5, 0.0, 0.5], 4)
    signal = coherence[:, None, None] * np.linspace(0, 1, 10)[None, :, None] * np.array([1.0, -2.0, 3.0, 0.5])
    rate = signal.copy()
    rate[:6, :, 2:] = np.nan  # session one saw two units, session two the others
    rate[6:, :, :2] = np.nan
    ds = labelled(rate, coherence=coherence)
    with pytest.raises(ValueError, match=r"Only 0 of 120 samples.*condition=\[...\]"):
        pca.fit(ds)
    whole = pca.fit(labelled(signal, coherence=coherence), condition=["coherence"])
    found = pca.fit(ds, condition=["coherence"])
    np.testing.assert_allclose(found.explained_variance, whole.explained_variance, atol=1e-12)
    assert found.participation_ratio == pytest.approx(1.0)
    np.testing.assert_allclose(
        found.component_vector[0], np.array([1.0, -2.0, 3.0, 0.5]) / np.sqrt(14.25), atol=1e-12
    )


def test_averaging_removes_noise_that_single_trials_have() -> None:
    rng = np.random.default_rng(9)
    choice = np.repeat([-1.0, 1.0], 100)
    signal = choice[:, None, None] * np.linspace(0, 1, 10)[None, :, None] * np.ones(5)
    ds = labelled(signal + 0.5 * rng.normal(size=(200, 10, 5)), choice=choice)
    assert pca.participation_ratio(ds, condition="choice") < 1.05 < 1.5 < pca.participation_ratio(ds)


def test_trials_without_a_condition_are_counted() -> None:
    choice = np.array([1.0, -1.0, np.nan] * 4)
    rate = random_rates(10)
    result = pca.fit(labelled(rate, choice=choice), condition="choice")
    assert (result.n_trials_excluded, result.n_samples) == (4, 30)
    kept = np.isfinite(choice)
    other = pca.fit(labelled(rate[kept], choice=choice[kept]), condition="choice")
    np.testing.assert_allclose(result.explained_variance, other.explained_variance)


def test_signs_are_a_convention_and_results_repeat() -> None:
    rate = random_rates(11)
    first, again, mirrored = (pca.fit(labelled(values)) for values in (rate, rate, -rate))
    xr.testing.assert_identical(first.drop_attrs(), again.drop_attrs())
    np.testing.assert_allclose(mirrored.component_vector, first.component_vector, atol=1e-12)
    vectors = first.component_vector.values
    assert (vectors[np.arange(6), np.abs(vectors).argmax(1)] > 0).all()


def test_order_of_dimensions_does_not_matter() -> None:
    ds = labelled(random_rates(12), np.ones((12, 15)))
    xr.testing.assert_allclose(
        pca.fit(ds.transpose("unit", "time", "trial")).explained_variance, pca.fit(ds).explained_variance
    )


def test_results_survive_netcdf(tmp_path: object) -> None:
    result = pca.fit(labelled(random_rates(13), context=np.arange(12) % 2), condition=["context"])
    result.to_netcdf(f"{tmp_path}/pca.nc", engine="h5netcdf")
    with xr.open_dataset(f"{tmp_path}/pca.nc", engine="h5netcdf") as back:
        xr.testing.assert_equal(back, result)
        assert back.attrs["variable"] == "rate"


def test_wrong_requests_are_refused() -> None:
    ds = labelled(random_rates(14), context=np.arange(12) % 2)
    with pytest.raises(ValueError, match=r"no variable 'state'\. It has: rate"):
        pca.fit(ds, variable="state")
    with pytest.raises(ValueError, match=r"between 1 and 6.*got 7"):
        pca.fit(ds, n_components=7)
    with pytest.raises(ValueError, match="does not vary"):
        pca.fit(labelled(np.ones((3, 4, 2))))
    with pytest.raises(ValueError, match=r"'colour' is not a variable of the trials. They have: context"):
        pca.fit(ds, condition="colour")
    with pytest.raises(ValueError, match=r"must have dimensions \(trial, time, unit\)"):
        pca.fit(ds.isel(trial=0))
    result = pca.fit(ds)
    with pytest.raises(ValueError, match="fitted on 6 units but the data has 4"):
        pca.project(ds.isel(unit=slice(4)), result)
    with pytest.raises(ValueError, match="another order"):
        pca.project(ds.isel(unit=slice(None, None, -1)), result)
    with pytest.raises(ValueError, match="dimension 'unit'"):
        pca.project(xr.DataArray(np.zeros(3), dims="time"), result)


def spiral(levels: NDArray[np.generic]) -> xr.Dataset:
    """Two contexts by several coherences, each a curve of its own in three of eight units."""
    rng = np.random.default_rng(15)
    coherence, context = np.tile(levels, 8), np.repeat(["colour", "motion"], 4 * len(levels))
    time = np.linspace(0, 1, 30)[None, :]
    side = np.where(context == "motion", 1.0, -1.0)[:, None]
    latent = np.stack(
        [coherence[:, None] * time, side * np.sin(2 * time), np.broadcast_to(time**2, (len(side), 30))], -1
    )
    noise = 0.05 * rng.normal(size=(len(side), 30, 8))
    return labelled(latent @ rng.normal(size=(3, 8)) + noise, coherence=coherence, context=context)


def test_trajectories_are_the_condition_averages() -> None:
    ds = spiral(np.array([-0.5, 0.0, 0.5]))
    projected = pca.project(ds, pca.fit(ds, n_components=3))
    ax = pca.plot_trajectories(projected, hue="coherence", style="context")
    curves = [line for line in ax.lines if len(line.get_xdata()) == 30]
    assert len(curves) == 6 and {line.get_linestyle() for line in curves} == {"-", "--"}
    assert len({line.get_color() for line in curves}) == 3
    chosen = projected.where((ds.coherence == -0.5) & (ds.context == "colour"), drop=True).mean("trial")
    np.testing.assert_allclose(curves[0].get_xdata(), chosen[:, 0])
    np.testing.assert_allclose(curves[0].get_ydata(), chosen[:, 1])
    starts = [line for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(starts[0].get_xdata(), chosen[:1, 0])
    share = 100 * float(projected.explained_variance_ratio[1])
    assert ax.get_ylabel() == f"PC 2 ({share:.0f} %)"
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["coherence", "-0.5", "0", "0.5", "context", "colour", "motion", "start", "end"]


def test_trajectories_stop_where_trials_end_and_say_what_is_left_out() -> None:
    ds = spiral(np.array([-0.5, 0.5]))
    valid = np.ones((16, 30))
    valid[:, 20:] = 0
    choice = np.where(np.arange(16) == 3, np.nan, ds.coherence.values)
    ds = ds.assign(valid=(("trial", "time"), valid)).assign_coords(choice=("trial", choice))
    ax = pca.plot_trajectories(pca.project(ds, pca.fit(ds)), hue="choice")
    assert sorted({len(line.get_xdata()) for line in ax.lines}) == [1, 20]
    assert "trials without a value: 1" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_trajectories_in_three_dimensions_and_on_given_axes() -> None:
    import matplotlib.pyplot as plt

    ds = spiral(np.linspace(-1, 1, 15))
    projected = pca.project(ds, pca.fit(ds))
    solid = pca.plot_trajectories(projected, hue="coherence", components=(0, 1, 2))
    assert solid.name == "3d" and solid.get_zlabel().startswith("PC 3 (")
    _, flat = plt.subplots()
    assert pca.plot_trajectories(projected, components=(2, 0), ax=flat) is flat
    assert flat.get_xlabel().startswith("PC 3 (") and flat.get_ylabel().startswith("PC 1 (")
    with pytest.raises(ValueError, match="three-dimensional axes"):
        pca.plot_trajectories(projected, components=(0, 1, 2), ax=flat)
    with pytest.raises(ValueError, match="two or three of 0 to 7"):
        pca.plot_trajectories(projected, components=(0, 8))
    with pytest.raises(ValueError, match=r"'coherence' has 15 values and at most 4"):
        pca.plot_trajectories(projected, style="coherence")
    with pytest.raises(ValueError, match="needs dimensions trial, time and component"):
        pca.plot_trajectories(projected.mean("trial"))


def test_variance_plot_shows_each_and_all() -> None:
    result = pca.fit(spiral(np.array([-0.5, 0.5])))
    ax = pca.plot_variance(result)
    total, each = ax.lines[0], ax.lines[1]
    np.testing.assert_allclose(each.get_ydata(), 100 * result.explained_variance_ratio)
    np.testing.assert_allclose(total.get_ydata(), 100 * result.explained_variance_ratio.cumsum())
    assert ax.get_ylabel() == "explained variance (%)"
    assert ax.lines[2].get_xdata()[0] == pytest.approx(float(result.participation_ratio))
