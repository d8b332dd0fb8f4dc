"""jPCA: planted rotations, an independent solve, invariances, controls, pictures."""

import itertools

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from scipy.linalg import expm

from neurornn.analysis import jpca
from neurornn.analysis.jpca._rotations import fit_rotation, planes_of


def random_rotation(n: int, seed: int) -> NDArray[np.float64]:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


def blocks(*hz: float) -> NDArray[np.float64]:
    M = np.zeros((2 * len(hz), 2 * len(hz)))
    for k, f in enumerate(hz):
        M[2 * k + 1, 2 * k], M[2 * k, 2 * k + 1] = 2 * np.pi * f / 1000, -2 * np.pi * f / 1000
    return M


def run(
    M: NDArray[np.float64], dt: float, n_steps: int = 40, n_conditions: int = 9, seed: int = 0
) -> NDArray[np.float64]:
    """States (condition, time, latent) of x' = M x, exact at every step; start points add up to 0."""
    start = np.random.default_rng(seed).normal(size=(n_conditions, len(M)))
    start -= start.mean(0)
    return np.stack([start @ expm(M * dt * t).T for t in range(n_steps)], 1)


def dataset(
    rate: NDArray[np.float64], dt: float = 10.0, units: str = "spikes/s", **more: object
) -> xr.Dataset:
    return xr.Dataset(
        {"rate": (("trial", "time", "unit"), rate, {"units": units})},
        coords={
            "time": ("time", dt * np.arange(rate.shape[1]), {"units": "ms"}),
            "unit": np.arange(rate.shape[2]),
            "reach": ("trial", np.arange(len(rate))),
            **more,
        },
    )


@pytest.mark.parametrize("dt", [1.0, 10.0, 25.0])
def test_planted_rotations_are_exact_at_every_step(dt: float) -> None:
    M = blocks(3.0, 1.25, 0.4)
    common = np.random.default_rng(1).normal(size=(1, 40, 12))  # the same in every condition: has to go
    rate = run(M, dt) @ random_rotation(12, 2)[:6] + common
    found = jpca.fit(dataset(rate, dt), condition="reach", normalise=False)
    assert found.r_squared_rotation == pytest.approx(1.0, abs=1e-10)
    assert found.r_squared == pytest.approx(1.0, abs=1e-10)
    np.testing.assert_allclose(found.frequency, [3.0, 1.25, 0.4], rtol=1e-8)
    np.testing.assert_allclose(found.variance_ratio.sum(), 1.0)
    assert found.frequency.attrs["units"] == "Hz"


def test_each_plane_is_the_planted_plane_and_turns_anticlockwise() -> None:
    Q = random_rotation(12, 3)[:4]
    found = jpca.fit(
        dataset(run(blocks(2.0, 0.7), 5.0) @ Q, 5.0), condition="reach", n_components=4, normalise=False
    )
    for plane in (0, 1):
        pair = found.axis_vector.values[2 * plane : 2 * plane + 2]
        overlap = np.linalg.svd(pair @ Q[2 * plane : 2 * plane + 2].T)[1]
        np.testing.assert_allclose(overlap, 1.0, atol=1e-7)
        path = found.projection.values[:, :, 2 * plane : 2 * plane + 2]
        angle = np.diff(np.unwrap(np.arctan2(path[..., 1], path[..., 0]), axis=1), axis=1)
        np.testing.assert_allclose(angle, 2 * np.pi * float(found.frequency[plane]) * 0.005, rtol=1e-6)
        start = path[:, 0] - path[:, 0].mean(0)
        assert start[:, 0].var() >= start[:, 1].var()
        assert abs(start[:, 0] @ start[:, 1]) < 1e-9
    np.testing.assert_allclose(found.axis_vector.values @ found.axis_vector.values.T, np.eye(4), atol=1e-10)
    assert found.plane_of_axis.values.tolist() == [0, 0, 1, 1]


def test_forward_differences_take_a_coarse_rotation_for_an_expansion() -> None:
    rate = run(blocks(3.0, 1.25, 0.4), 25.0) @ random_rotation(12, 2)[:6]
    forward = jpca.fit(dataset(rate, 25.0), condition="reach", normalise=False, difference="forward")
    assert forward.r_squared == pytest.approx(1.0, abs=1e-9)  # some linear map does fit
    assert forward.r_squared_rotation < 0.98


@pytest.mark.parametrize("k", [2, 4, 6])
def test_rotation_is_the_least_squares_solution_over_the_basis_of_skew_matrices(k: int) -> None:
    rng = np.random.default_rng(4)
    state, velocity = rng.normal(size=(50, k)) * 2.0 ** -np.arange(k), rng.normal(size=(50, k))
    basis = []
    for i, j in itertools.combinations(range(k), 2):
        E = np.zeros((k, k))
        E[i, j], E[j, i] = 1, -1
        basis.append(E)
    design = np.stack([(state @ E.T).ravel() for E in basis], 1)
    weights = np.linalg.lstsq(design, velocity.ravel(), rcond=None)[0]
    expected = sum(w * E for w, E in zip(weights, basis, strict=True))
    found = fit_rotation(state, velocity)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    assert (found == -found.T).all()


def test_rotation_is_zero_between_directions_never_visited() -> None:
    state = np.zeros((20, 4))
    state[:, :1] = np.random.default_rng(5).normal(size=(20, 1))
    velocity = state @ blocks(1.0, 2.0).T
    found = fit_rotation(state, velocity)
    np.testing.assert_allclose(found[:2, :2], blocks(1.0), atol=1e-15)
    assert not found[2:].any()


def test_planes_of_equal_or_no_frequency_are_still_orthonormal() -> None:
    Q = random_rotation(6, 6)
    spread = np.random.default_rng(7).normal(size=(10, 6))
    for hz in ((2.0, 2.0, 0.0), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)):
        M = Q.T @ blocks(*hz) @ Q
        omega, basis = planes_of((M - M.T) / 2, spread)
        np.testing.assert_allclose(omega, 2 * np.pi * np.array(hz) / 1000, atol=1e-15)
        np.testing.assert_allclose(basis @ basis.T, np.eye(6), atol=1e-12)
        for k, w in enumerate(omega):
            np.testing.assert_allclose(M @ basis[2 * k], w * basis[2 * k + 1], atol=1e-14)
            np.testing.assert_allclose(M @ basis[2 * k + 1], -w * basis[2 * k], atol=1e-14)


def test_expansion_has_no_rotation() -> None:
    M = np.diag([0.004, 0.003, 0.002, -0.001, -0.003, -0.005])
    found = jpca.fit(
        dataset(run(M, 5.0, n_conditions=60) @ random_rotation(9, 8)[:6]), condition="reach", normalise=False
    )
    assert found.r_squared == pytest.approx(1.0, abs=1e-3) and found.r_squared_rotation < 0.15


def test_rotation_and_expansion_are_told_apart_by_the_two_fits() -> None:
    directions = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    start = np.stack([np.cos(directions), np.sin(directions)], 1)
    M = blocks(2.0) + 0.004 * np.eye(2)
    rate = np.stack([start @ expm(M * t).T for t in range(0, 200, 5)], 1)
    found = jpca.fit(
        dataset(rate @ random_rotation(5, 9)[:2], 5.0), condition="reach", n_components=2, normalise=False
    )
    assert float(found.r_squared) == pytest.approx(1.0)
    assert float(found.r_squared_rotation) == pytest.approx(0.0126**2 / (0.0126**2 + 0.004**2), abs=0.005)
    # the midpoint rule sees the exact generator through tanh: its skew part is the best rotation of isotropic data
    generator = 2 / 5 * (expm(5 * M) - np.eye(2)) @ np.linalg.inv(expm(5 * M) + np.eye(2))
    turns = 1000 * 2 / 5 * np.arctan(generator[1, 0] * 5 / 2) / (2 * np.pi)
    np.testing.assert_allclose(found.frequency, [turns], rtol=1e-10)


def test_results_do_not_change_when_unit_space_is_rotated_or_conditions_are_reordered() -> None:
    rng = np.random.default_rng(10)
    rate = run(blocks(3.0, 1.0, 0.5), 10.0) @ rng.normal(size=(6, 12)) + 0.2 * rng.normal(size=(9, 40, 12))
    plain = jpca.fit(dataset(rate), condition="reach", normalise=False)
    turned = jpca.fit(dataset(rate @ random_rotation(12, 11).T), condition="reach", normalise=False)
    shuffled = jpca.fit(dataset(rate[::-1]), condition="reach", normalise=False)
    for other in (turned, shuffled):
        for name in ("frequency", "variance_ratio", "r_squared", "r_squared_rotation"):
            np.testing.assert_allclose(other[name], plain[name], rtol=1e-8)
    np.testing.assert_allclose(shuffled.axis_vector, plain.axis_vector, atol=1e-8)


def test_soft_normalisation_is_range_plus_constant() -> None:
    rate = run(blocks(3.0, 1.0), 10.0) @ random_rotation(8, 12)[:4] * np.linspace(1, 30, 8)
    span = np.ptp(rate, axis=(0, 1))
    found = jpca.fit(dataset(rate), condition="reach", n_components=4)
    np.testing.assert_allclose(found.scale, span + 5.0)
    assert found.soft_constant == 5.0 and found.projection.attrs["units"] == "1"
    by_hand = jpca.fit(dataset(rate / (span + 5.0)), condition="reach", n_components=4, normalise=False)
    np.testing.assert_allclose(found.frequency, by_hand.frequency)
    np.testing.assert_allclose(found.axis_vector, by_hand.axis_vector, atol=1e-10)
    network = jpca.fit(dataset(rate, units="1"), condition="reach", n_components=4)
    assert network.soft_constant == pytest.approx(0.05 * span.max())
    chosen = jpca.fit(dataset(rate), condition="reach", n_components=4, soft_constant=0.0)
    np.testing.assert_allclose(chosen.scale, span)


def test_units_of_different_sessions_padding_and_windows() -> None:
    rate = run(blocks(3.0, 1.0), 10.0) @ random_rotation(8, 13)[:4]
    whole = jpca.fit(dataset(rate), condition="reach", n_components=4)
    twice = np.concatenate([rate, rate])
    twice[:9, :, 4:] = np.nan
    twice[9:, :, :4] = np.nan
    reach = ("trial", np.tile(np.arange(9), 2))
    found = jpca.fit(dataset(twice, reach=reach), condition="reach", n_components=4)
    xr.testing.assert_allclose(
        found.drop_vars(["n_trials"]).drop_attrs(), whole.drop_vars(["n_trials"]).drop_attrs()
    )
    padded = dataset(np.concatenate([rate, np.full((9, 6, 8), 77.0)], 1))
    valid = np.ones((9, 46))
    valid[:, 40:] = 0
    marked = jpca.fit(padded.assign(valid=(("trial", "time"), valid)), condition="reach", n_components=4)
    np.testing.assert_allclose(marked.frequency, whole.frequency)
    assert marked.n_steps_excluded == 6 and bool(marked.projection[:, 40:].isnull().all())
    windowed = jpca.fit(padded, condition="reach", n_components=4, window=(100.0, 300.0), soft_constant=1.0)
    assert int(windowed.projection.notnull().all(("condition", "axis")).sum()) == 21
    np.testing.assert_allclose(windowed.scale, np.ptp(padded.rate.values, axis=(0, 1)) + 1.0)


def test_smoothing_comes_first_and_keeps_rotations_in_the_interior() -> None:
    rng = np.random.default_rng(18)
    clean = run(blocks(3.0, 1.0), 5.0, n_steps=120) @ random_rotation(8, 13)[:4]
    noisy = clean + 0.3 * rng.normal(size=clean.shape)
    options = {"condition": "reach", "n_components": 4, "normalise": False, "window": (100.0, 495.0)}
    exact = jpca.fit(dataset(clean, 5.0), smoothing=20.0, **options)
    np.testing.assert_allclose(exact.frequency, [3.0, 1.0], rtol=1e-8)  # a Gaussian only shrinks a rotation
    smoothed, raw = (jpca.fit(dataset(noisy, 5.0), smoothing=width, **options) for width in (20.0, 0.0))
    assert float(smoothed.r_squared_rotation) > 0.8 > 0.2 > float(raw.r_squared_rotation)


def test_steps_across_a_gap_are_not_differences() -> None:
    rate = run(blocks(3.0, 1.0), 10.0) @ random_rotation(8, 13)[:4]
    rate[3, 17] = np.nan
    found = jpca.fit(dataset(rate), condition="reach", n_components=4, normalise=False)
    assert found.n_steps_excluded == 1
    np.testing.assert_allclose(found.frequency, [3.0, 1.0], rtol=1e-8)


def test_projection_of_trials_averages_to_the_projection_of_averages() -> None:
    rng = np.random.default_rng(14)
    signal = run(blocks(2.0, 1.0), 10.0, n_conditions=4) @ random_rotation(7, 15)[:4]
    rate = np.tile(signal, (3, 1, 1)) + 0.1 * rng.normal(size=(12, 40, 7))
    ds = dataset(rate, reach=("trial", np.tile(np.arange(4), 3)))
    found = jpca.fit(ds, condition="reach", n_components=4)
    single = jpca.project(ds, found)
    assert single.dims == ("trial", "time", "axis") and single.shape == (12, 40, 4)
    np.testing.assert_allclose(
        single.groupby("reach").mean("trial").transpose("reach", ...), found.projection
    )
    with pytest.raises(ValueError, match="times of the data are not those of the fit"):
        jpca.project(ds.isel(time=slice(5, None)), found)
    with pytest.raises(ValueError, match="fitted on 7 units but the data has 3"):
        jpca.project(ds.isel(unit=slice(3)), found)


def test_the_data_are_left_as_they_were() -> None:
    ds = dataset(run(blocks(2.0, 1.0), 10.0))
    before = ds.copy(deep=True)
    jpca.project(ds, jpca.fit(ds, condition="reach", n_components=4, smoothing=20.0))
    xr.testing.assert_identical(ds, before)


def test_results_survive_netcdf(tmp_path: object) -> None:
    found = jpca.fit(dataset(run(blocks(2.0, 1.0), 10.0)), condition=["reach"], n_components=4)
    found.to_netcdf(f"{tmp_path}/jpca.nc", engine="h5netcdf")
    with xr.open_dataset(f"{tmp_path}/jpca.nc", engine="h5netcdf") as back:
        xr.testing.assert_equal(back, found)


def test_wrong_requests_are_refused() -> None:
    ds = dataset(run(blocks(2.0, 1.0), 10.0))
    with pytest.raises(ValueError, match=r"even, at least 2, and at most the 4 dimensions.*got 6"):
        jpca.fit(ds, condition="reach")
    with pytest.raises(ValueError, match="got 3"):
        jpca.fit(ds, condition="reach", n_components=3)
    with pytest.raises(ValueError, match="two conditions or more"):
        jpca.fit(ds.assign_coords(reach=("trial", np.zeros(9))), condition="reach", n_components=2)
    with pytest.raises(ValueError, match="smoothing must be finite and at least 0 ms: got -1"):
        jpca.fit(ds, condition="reach", smoothing=-1.0)
    with pytest.raises(ValueError, match="'midpoint' or 'forward': got 'central'"):
        jpca.fit(ds, condition="reach", difference="central")
    with pytest.raises(ValueError, match="regular time axis: steps range from 10 to 20 ms"):
        jpca.fit(ds.isel(time=[0, 1, 3, 4]), condition="reach", n_components=2)
    with pytest.raises(ValueError, match="needs time in ms: got 's'"):
        jpca.fit(ds.assign_coords(time=("time", np.arange(40.0), {"units": "s"})), condition="reach")
    with pytest.raises(ValueError, match=r"No step lies in the window.*500 to 600 ms"):
        jpca.fit(ds, condition="reach", window=(500.0, 600.0), n_components=2)
    with pytest.raises(ValueError, match=r"Give one or more condition variables"):
        jpca.fit(ds, condition=[])
    silent = ds.assign(rate=ds.rate.where(ds.unit != 2))
    with pytest.raises(ValueError, match=r"1 units have no trial in any condition, the first at position 2"):
        jpca.fit(silent, condition="reach", n_components=2)
    holes = ds.assign(rate=ds.rate.where((ds.time % 20 == 0) | (ds.reach != 1)))
    with pytest.raises(
        ValueError, match=r"Only 20 of 40 steps .*: 4 of 4 units have gaps, the first at position 0"
    ):
        jpca.fit(holes, condition="reach", n_components=2)
    still = ds.assign(rate=ds.rate.where(ds.unit != 2, 1.0))
    with pytest.raises(ValueError, match=r"above 0 where a unit does not vary: got 0"):
        jpca.fit(still, condition="reach", n_components=2, soft_constant=0.0)


def test_pictures() -> None:
    angle = np.linspace(0, 2 * np.pi, 9, endpoint=False)
    ds = dataset(
        run(blocks(2.0, 1.0), 10.0) @ random_rotation(7, 16)[:4],
        direction=("trial", np.degrees(angle), {"units": "deg"}),
        side=("trial", np.where(np.arange(9) < 5, "left", "right")),
    )
    found = jpca.fit(ds, condition=["direction", "side"], n_components=4)
    ax = jpca.plot_plane(found, hue="direction", style="side")
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("jPC 1", "jPC 2")
    paths = [line for line in ax.lines if len(line.get_xdata()) == 40]
    assert len(paths) == 9 and {line.get_linestyle() for line in paths} == {"-", "--"}
    np.testing.assert_allclose(paths[2].get_ydata(), found.projection[2, :, 1])
    assert "Hz" in ax.get_title()
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend[0] == "direction (deg)" and "right" in legend and legend[-1] == "start"
    second = jpca.plot_plane(found, plane=1)
    assert second.get_xlabel() == "jPC 3"
    with pytest.raises(ValueError, match="plane must lie between 0 and 1: got 2"):
        jpca.plot_plane(found, plane=2)
    with pytest.raises(ValueError, match=r"'reach' is not a variable of the conditions"):
        jpca.plot_plane(found, hue="reach")
    spectrum = jpca.plot_frequencies(found)
    assert spectrum.get_xlabel() == "rotation frequency (Hz)"
    np.testing.assert_allclose(spectrum.lines[0].get_xdata(), found.frequency)
    np.testing.assert_allclose(spectrum.lines[0].get_ydata(), 100 * found.variance_ratio)
