"""Principal angles and alignment: closed forms, invariances, chance levels, pictures."""

import numpy as np
import pytest
import scipy.linalg
import xarray as xr

from neurornn.analysis import pca, subspaces


def rotation(n, seed):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]


def spread(axes, sizes=None, n_units=8, seed=0, n=400):
    """Activity of exactly known covariance: axes with given standard deviations."""
    axes = np.atleast_2d(axes)
    sizes = np.ones(len(axes)) if sizes is None else np.asarray(sizes, float)
    z = np.random.default_rng(seed).normal(size=(n, len(axes)))
    z -= z.mean(0)
    z = np.linalg.qr(z)[0] * np.sqrt(n - 1) * sizes  # uncorrelated, of these variances exactly
    return xr.Dataset(
        {"rate": (("trial", "time", "unit"), (z @ axes + 5.0).reshape(20, n // 20, n_units))},
        coords={"unit": np.arange(n_units)},
    )


@pytest.mark.parametrize(
    "angles", [[0.0, 20.0, 70.0], [1e-6, 1e-3, 45.0], [90.0, 90.0, 90.0], [0.0, 0.0, 89.999]]
)
def test_angles_that_were_built_in_come_back(angles):
    theta, Q = np.radians(angles), rotation(8, 1)
    first = Q[:3]
    second = np.cos(theta)[:, None] * Q[:3] + np.sin(theta)[:, None] * Q[3:6]
    mix = np.random.default_rng(2).normal(size=(3, 3))  # any basis of the same space
    ds = subspaces.principal_angles(first, mix @ second, n_null=5)
    np.testing.assert_allclose(ds.angle, angles, atol=1e-11 if max(angles) < 80 else 1e-9, rtol=1e-8)
    cosine = (ds.first_vector.values * ds.second_vector.values).sum(1)
    np.testing.assert_allclose(cosine, np.cos(theta), atol=1e-12)
    for vectors, space in ((ds.first_vector.values, first), (ds.second_vector.values, second)):
        np.testing.assert_allclose(vectors @ vectors.T, np.eye(3), atol=1e-12)
        assert np.linalg.matrix_rank(np.concatenate([vectors, space]), tol=1e-9) == 3


def test_angles_agree_with_another_implementation_are_symmetric_and_survive_rotation():
    rng = np.random.default_rng(3)
    A, B, Q = rng.normal(size=(4, 10)), rng.normal(size=(2, 10)), rotation(10, 4)
    found = subspaces.principal_angles(A, B, n_null=5).angle.values
    np.testing.assert_allclose(found, np.degrees(scipy.linalg.subspace_angles(A.T, B.T))[::-1], atol=1e-10)
    np.testing.assert_allclose(found, subspaces.principal_angles(B, A, n_null=5).angle, atol=1e-10)
    np.testing.assert_allclose(found, subspaces.principal_angles(A @ Q, B @ Q, n_null=5).angle, atol=1e-10)


def test_random_subspaces_have_uniform_p_values_and_shared_ones_do_not():
    rng = np.random.default_rng(5)
    p = [
        subspaces.principal_angles(*rng.normal(size=(2, 2, 12)), n_null=99, seed=k).p_value[0]
        for k in range(150)
    ]
    assert 0.4 < np.mean(p) < 0.6 and np.mean(np.array(p) <= 0.1) < 0.18
    A = rng.normal(size=(2, 12))
    near = subspaces.principal_angles(A, A + 0.05 * rng.normal(size=(2, 12)), n_null=99)
    assert (near.p_value == 0.01).all() and (near.null_angle.median("draw") > near.angle).all()


def test_one_axis_in_many_dimensions_is_nearly_orthogonal_to_chance():
    ds = subspaces.principal_angles(np.eye(50)[:1], np.eye(50)[1:2], n_null=2000)
    cosine2 = np.cos(np.radians(ds.null_angle.values)) ** 2
    assert abs(cosine2.mean() - 1 / 50) < 0.002  # beta distribution of mean 1/N


def test_axes_come_from_a_fit():
    ds = spread(np.eye(8)[:3], [3, 2, 1])
    fit = pca.fit(ds, n_components=2)
    found = subspaces.principal_angles(fit, fit.component_vector.isel(component=0), n_null=5)
    assert found.angle.item() < 1e-6 and found.angle.attrs["units"] == "°"


def test_same_orthogonal_and_partly_shared_spaces():
    Q = rotation(8, 6)
    first = spread(Q[:3], [3, 2, 1])
    same = subspaces.alignment_index(first, spread(Q[:3], [1, 2, 3], seed=1), n_components=3, n_null=20)
    np.testing.assert_allclose(same["index"], 1.0, atol=1e-12)
    apart = subspaces.alignment_index(first, spread(Q[3:6], [3, 2, 1], seed=1), n_components=3, n_null=20)
    np.testing.assert_allclose(apart["index"], 0.0, atol=1e-12)
    half = subspaces.alignment_index(
        first, spread(Q[[0, 4, 5]], [2, 2, 5], seed=1), n_components=3, n_null=20
    )
    np.testing.assert_allclose(half["index"], [9 / 14, 4 / 33], atol=1e-12)
    fewer = subspaces.alignment_index(
        first, spread(Q[[0, 4, 5]], [2, 1, 5], seed=1), n_components=2, n_null=20
    )
    np.testing.assert_allclose(fewer["index"], [9 / 13, 4 / 29], atol=1e-12)


def test_alignment_does_not_change_when_both_are_rotated_or_scaled():
    Q = rotation(8, 7)
    a, b = spread(np.eye(8)[:4], [4, 3, 2, 1]), spread(rotation(8, 8)[:4], [4, 3, 2, 1], seed=2)
    plain = subspaces.alignment_index(a, b, n_components=2, n_null=5)
    turn = lambda ds, k: ds.assign(rate=(ds.rate.dims, k * (ds.rate.values @ Q)))
    turned = subspaces.alignment_index(turn(a, 3.0), turn(b, 0.1), n_components=2, n_null=5)
    np.testing.assert_allclose(plain["index"], turned["index"], atol=1e-10)
    assert plain["index"].min() > 0 and plain["index"].max() < 1


def test_chance_is_d_over_n_where_d_axes_hold_all_variance_and_one_where_none_is_special():
    two = spread(np.eye(8)[:2], [3, 1])
    ds = subspaces.alignment_index(two, spread(np.eye(8), seed=1), n_components=2, n_null=50)
    np.testing.assert_allclose(ds.isotropic, [2 / 8, 1.0], atol=1e-12)
    np.testing.assert_allclose(ds.null_index[1], 1.0, atol=1e-9)  # every axis captures the same
    steep = [8, 4, 2, 1, 0.5, 0.25, 0.1, 0.05]
    ds = subspaces.alignment_index(
        spread(np.eye(8), steep), spread(np.eye(8), steep, seed=1), n_components=2, n_null=500
    )
    variance = np.square(steep)
    assert ds.null_index.mean() > 2 * ds.isotropic.mean()  # random axes follow the activity
    free = [
        np.trace(D.T @ np.diag(variance) @ D) / variance[:2].sum()
        for D in (rotation(8, seed)[:, :2] for seed in range(3000))
    ]
    assert np.mean(free) == pytest.approx(float(ds.isotropic[0]), abs=0.02)


def test_the_null_tells_orthogonal_and_aligned_from_chance():
    Q, sizes = rotation(12, 9), [4, 3, 2]
    low = [0.3] * 9
    first = spread(Q, [*sizes, *low], n_units=12)
    apart = spread(Q[[3, 4, 5, 0, 1, 2, 6, 7, 8, 9, 10, 11]], [*sizes, *low], n_units=12, seed=1)
    ds = subspaces.alignment_index(first, apart, n_components=3, n_null=199)
    assert (ds.p_orthogonal == 0.005).all() and (ds.p_aligned > 0.9).all()
    ds = subspaces.alignment_index(
        first, spread(Q, [*sizes, *low], n_units=12, seed=2), n_components=3, n_null=199
    )
    assert (ds.p_aligned == 0.005).all()


def test_padding_and_missing_units_are_left_out_and_sessions_average():
    ds = spread(np.eye(8)[:3], [3, 2, 1])
    wild = ds.copy(deep=True)
    valid = np.ones((20, 20))
    valid[3, 10:] = 0
    wild["rate"][3, 10:] = 1e6
    wild = wild.assign(valid=(("trial", "time"), valid))
    found = subspaces.alignment_index(wild, ds, n_components=2, n_null=5)
    assert found.n_excluded.values.tolist() == [10, 0] and found.n_samples.values.tolist() == [390, 400]
    assert found["index"][0] > 0.9
    sessions = ds.assign_coords(side=("trial", np.arange(20) % 4))
    sessions["rate"] = sessions.rate.where((sessions.unit < 4) == (sessions.trial < 10))
    with pytest.raises(ValueError, match=r"condition=\[...\]"):
        subspaces.alignment_index(sessions, ds, n_components=2)
    assert subspaces.alignment_index(sessions, sessions, n_components=2, condition="side", n_null=5)[
        "index"
    ].values == pytest.approx(1.0)


def test_pictures_and_netcdf(tmp_path):
    rng = np.random.default_rng(0)
    angles = subspaces.principal_angles(rng.normal(size=(4, 20)), rng.normal(size=(5, 20)), n_null=200)
    ax = subspaces.plot_angles(angles)
    assert ax.get_xlabel() == "pair" and ax.get_ylabel() == "principal angle (°)"
    np.testing.assert_allclose(ax.lines[-1].get_ydata(), angles.angle)
    a = subspaces.alignment_index(
        spread(np.eye(8), [4, 3, 2, 1, 1, 1, 1, 1]), spread(rotation(8, 3), [4, 3, 2, 1, 1, 1, 1, 1], seed=1),
        n_components=3, n_null=300,
    )  # fmt: skip
    ax = subspaces.plot_alignment(a)
    assert ax.get_xlabel() == "alignment index" and ax.get_xlim() == (-0.02, 1.02)
    assert [line.get_xdata()[0] for line in ax.lines] == a["index"].values.tolist()
    for k, ds in enumerate((angles, a)):
        ds.to_netcdf(tmp_path / f"{k}.nc", engine="h5netcdf")
        with xr.open_dataset(tmp_path / f"{k}.nc", engine="h5netcdf") as back:
            xr.testing.assert_allclose(back.load(), ds)


def test_nonsense_is_refused_with_a_reason():
    with pytest.raises(ValueError, match="span 1 dimensions"):
        subspaces.principal_angles([[1, 0], [2, 0]], [[1, 0]])
    with pytest.raises(ValueError, match="same units"):
        subspaces.principal_angles(np.eye(3), np.eye(4))
    with pytest.raises(ValueError, match="finite"):
        subspaces.principal_angles([[np.nan, 0]], [[1, 0]])
    with pytest.raises(ValueError, match="component_vector"):
        subspaces.principal_angles(xr.Dataset({"a": ("unit", [1.0])}), [[1.0]])
    with pytest.raises(ValueError, match="dimension 'unit'"):
        subspaces.principal_angles(xr.DataArray([1.0], dims="x"), [[1.0]])
    ds = spread(np.eye(8)[:3])
    for pair, name in (((ds, spread(np.eye(8))), "first"), ((spread(np.eye(8)), ds), "second")):
        with pytest.raises(ValueError, match=f"the {name} activity varies along 3"):
            subspaces.alignment_index(*pair, n_components=4)
    with pytest.raises(ValueError, match="between 1 and 8"):
        subspaces.alignment_index(ds, ds, n_components=9)
    with pytest.raises(ValueError, match="coordinates 'unit' differ"):
        subspaces.alignment_index(ds, ds.assign_coords(unit=np.arange(8) + 1), n_components=2)
    with pytest.raises(ValueError, match="does not vary"):
        subspaces.alignment_index(ds, ds * 0 + 1, n_components=2)
    with pytest.raises(ValueError, match="n_null"):
        subspaces.alignment_index(ds, ds, n_components=2, n_null=0)
