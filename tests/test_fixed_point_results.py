"""What a search for fixed points hands back: modes, errors, files, candidates and pictures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import xarray as xr

import neurornn
from neurornn.analysis import fixed_points, pca
from neurornn.analysis._system import freeze
from neurornn.analysis.fixed_points._linearise import linearise, spectrum
from neurornn.analysis.landscape import Plane
from neurornn.analysis.systems import Drift

TAU = 100.0


def normal(shape, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).standard_normal(shape)


def random_network(n=12, seed=3):
    net = neurornn.CTRNN(2, n, 1, tau=TAU, dt=20.0, activation="tanh", dtype=torch.float64)
    net.W_rec = torch.as_tensor(normal((n, n), seed=seed, scale=2.5 / np.sqrt(n)))
    return net


@pytest.fixture(scope="module")
def found():
    return fixed_points.find(
        random_network(),
        candidates=normal((300, 12)),
        inputs={"rest": [0.0, 0.0], "driven": [0.3, 0.0]},
        eigenvectors=True,
    )


def trials(n_trials=6, n_steps=9, n_units=5):
    state = normal((n_trials, n_steps, n_units)) + 10 * np.arange(n_units)
    valid = np.ones((n_trials, n_steps))
    valid[0, 5:] = 0
    state[0, 5:] = 1e6
    state[1, 2, 3] = np.nan
    return xr.Dataset(
        {"state": (("trial", "time", "unit"), state), "valid": (("trial", "time"), valid)},
        coords={"unit": np.arange(n_units)},
    )


def test_left_and_right_eigenvectors_diagonalise_the_jacobian(found):
    net = random_network()
    J = net.drift_jacobian(torch.as_tensor(found.state.values), torch.as_tensor(found.inputs.values)).detach()
    R, L = found.eigenvector.values, found.left_eigenvector.values
    values = found.eigenvalue.values
    assert np.abs(values.imag).max() > 0
    np.testing.assert_allclose(J.numpy() @ R, R * values[:, None, :], atol=1e-12)
    np.testing.assert_allclose(
        L.swapaxes(1, 2) @ R, np.broadcast_to(np.eye(12), (len(R), 12, 12)), atol=1e-10
    )
    np.testing.assert_allclose((R * values[:, None]) @ L.swapaxes(1, 2), J.numpy(), atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(R, axis=1), 1.0)
    assert (found.eigenvalue_condition >= 1 - 1e-9).all()
    assert (np.diff(values.real, axis=1) < 1e-9 / TAU).all()
    np.testing.assert_allclose(found.time_constant, -1 / values.real)


def test_a_normal_jacobian_has_conditions_of_one():
    net = neurornn.CTRNN(1, 2, 1, tau=TAU, activation="tanh", bias=False, dtype=torch.float64)
    net.W_rec = torch.tensor([[0.5, -2.0], [2.0, 0.5]])
    point = fixed_points.find(net, candidates=normal((5, 2)), eigenvectors=True)
    np.testing.assert_allclose(point.eigenvalue_condition, 1.0, atol=1e-12)
    feedforward = net.rescale_dt(1.0)
    feedforward.W_rec = torch.tensor([[0.0, 0.0], [9.0, 0.5]])
    skewed = fixed_points.find(feedforward, candidates=normal((5, 2)), eigenvectors=True)
    assert (skewed.eigenvalue_condition > 10).all() and skewed.stable_ode.all()


@pytest.mark.parametrize("dt", [1.0, 20.0, 100.0])
def test_eigenvalues_alone_tell_the_same_stability(dt):
    net = neurornn.CTRNN(2, 60, 1, tau=TAU, dt=dt, activation="tanh", dtype=torch.float64)
    net.W_rec = torch.as_tensor(normal((60, 60), seed=3, scale=1.6 / np.sqrt(60)))
    brief, full = (
        fixed_points.find(net, candidates=normal((64, 60)), eigenvectors=each) for each in (False, True)
    )
    assert brief.sizes["fixed_point"] > 1 and "eigenvector" in full
    assert not {"eigenvector", "left_eigenvector", "eigenvalue_condition"} & set(brief)
    np.testing.assert_allclose(brief.eigenvalue, full.eigenvalue, atol=1e-12 / TAU)
    for name in set(brief) - {"eigenvalue", "time_constant", "frequency"}:
        np.testing.assert_array_equal(brief[name], full[name], err_msg=name)


def test_where_rounding_may_move_eigenvalues_anywhere_nothing_is_claimed():
    """A chain is stable whatever its gain, but 1e-16 more in one corner would make a long and strong one unstable."""
    n = 100
    Q = np.linalg.qr(normal((n, n)))[0]

    def stability(way, gain):
        W = torch.as_tensor(Q @ (gain * np.eye(n, k=1)) @ Q.T)
        chain = freeze(Drift(lambda x, u: (x @ W.T - x) / TAU, n_units=n), n)
        found = way(chain, torch.zeros(0), np.zeros((2, n)), rate=1 / TAU)
        assert (found.n_unstable == 0).all()
        return found.stable_ode.tolist(), found.marginal.tolist()

    nothing = ([False] * 2, [True] * 2)
    assert stability(spectrum, 0.5) == ([True] * 2, [False] * 2)
    assert stability(spectrum, 2.0) == nothing and stability(linearise, 2.0) == nothing


def test_the_error_bound_holds_against_extended_precision():
    for w in (1.01, 1.5, 3.0):
        net = neurornn.CTRNN(1, 1, 1, activation="tanh", bias=False, dtype=torch.float64)
        net.W_rec = torch.tensor([[w]], dtype=torch.float64)
        points = fixed_points.find(net, candidates=[[2.0], [-2.0]])
        x = np.longdouble(points.state.values[1, 0])
        for _ in range(5):
            x -= (-x + np.longdouble(w) * np.tanh(x)) / (-1 + np.longdouble(w) / np.cosh(x) ** 2)
        error = float(abs(points.state.values[1, 0] - x))
        assert error <= points.error_bound.values[1] < 1e-12


def test_the_dataset_survives_netcdf_and_carries_units(found, tmp_path):
    found.to_netcdf(tmp_path / "points.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "points.nc", engine="h5netcdf") as read:
        assert read.load().identical(found)
    assert found.attrs["schema"] == "neurornn.FixedPoints/1"
    assert all({"long_name", "units"} <= set(v.attrs) for v in found.data_vars.values())
    assert found.eigenvalue.attrs["units"] == found.speed.attrs["units"] == "1/ms"
    counts = [found.attrs[f"n_candidates_{s}"] for s in ("fixed", "slow", "unconverged", "unused")]
    assert sum(counts) == found.attrs["n_candidates"] == found.sizes["candidate"] == 600
    assert found.attrs["n_fixed"] + found.attrs["n_slow"] == found.sizes["fixed_point"]


def test_what_is_proved_is_in_the_dataset(found):
    assert found.certified.dtype == bool and found.certified.any()
    assert found.attrs["n_certified"] == found.certified.sum() and (found.certificates == "proved").all()
    for name in ("existence_radius", "uniqueness_radius"):
        np.testing.assert_array_equal(np.isnan(found[name]), ~found.certified)
        assert found[name].attrs["units"] == "1" and "proved" in found[name].attrs["long_name"]
    slow = found.kind.values == "slow"
    assert not found.certified.values[slow].any()
    proved = found.isel(fixed_point=found.certified.values)
    assert (proved.existence_radius <= proved.uniqueness_radius).all()
    assert found.n_regions.values.tolist() == [0, 0]


def test_inputs_come_in_every_shape():
    net, start = random_network(4), normal((20, 4))
    rows = np.array([[0.0, 0.0], [0.3, 0.0]])
    found = fixed_points.find(net, candidates=start, inputs={"rest": [0.0, 0.0], "driven": [0.3, 0.0]})
    labelled = xr.DataArray(rows, dims=("context", "input"), coords={"context": ["rest", "driven"]})
    for inputs in (
        labelled,
        labelled.T,
        labelled.rename(context="phase"),
        dict(zip(["rest", "driven"], rows, strict=True)),
    ):
        assert fixed_points.find(net, candidates=start, inputs=inputs).equals(found)
    plain = [rows, rows.tolist(), torch.as_tensor(rows), xr.DataArray(rows, dims=("context", "input"))]
    numbered = [fixed_points.find(net, candidates=start, inputs=inputs) for inputs in plain]
    for each in numbered:
        assert each.search.values.tolist() == [0, 1] and each.equals(numbered[0])
        np.testing.assert_array_equal(each.state, found.state)
    driven = found.isel(fixed_point=found.context.values == "driven")
    for one in (rows[1], rows[1].tolist(), torch.as_tensor(rows[1]), labelled[1], labelled[1:]):
        alone = fixed_points.find(net, candidates=start, inputs=one)
        np.testing.assert_array_equal(alone.state, driven.state)
    by_strength = xr.DataArray(rows, dims=("coherence", "input"), coords={"coherence": [-0.5, 0.5]})
    swept = fixed_points.find(net, candidates=start, inputs=by_strength)
    assert swept.search.values.tolist() == [-0.5, 0.5] and set(swept.context.values) == {-0.5, 0.5}
    with pytest.raises(ValueError, match=r"names of their own: got \['a', 'a'\]"):
        fixed_points.find(net, candidates=start, inputs=labelled.assign_coords(context=["a", "a"]))
    with pytest.raises(ValueError, match=r"each of the 2 input channels.*got shape \(2, 3\)"):
        fixed_points.find(
            net, candidates=start, inputs=xr.DataArray(np.zeros((2, 3)), dims=("context", "input"))
        )


def test_candidates_come_from_the_states_inside_trials():
    ds = trials()
    still = fixed_points.candidates_from(ds, 49, jitter=0.0, seed=1)
    inside = ds.state.where(ds.valid > 0).values.reshape(-1, 5)
    inside = inside[np.isfinite(inside).all(1)]
    assert still.dims == ("candidate", "unit") and len(inside) == 49
    np.testing.assert_array_equal(np.sort(still.values, axis=0), np.sort(inside, axis=0))  # each of them once
    many = fixed_points.candidates_from(ds, 98, jitter=0.0, seed=1)
    np.testing.assert_array_equal(np.sort(many.values, axis=0), np.sort(np.repeat(inside, 2, axis=0), axis=0))
    moved = fixed_points.candidates_from(ds, 4000, jitter=0.5, seed=1) - np.resize(still.values, (4000, 5))
    np.testing.assert_allclose(moved.std(), 0.5 * np.sqrt(inside.var(0).mean()), rtol=0.03)
    again = fixed_points.candidates_from(ds, 20, seed=1)
    np.testing.assert_array_equal(again, fixed_points.candidates_from(ds, 20, seed=1))
    assert (again.values != fixed_points.candidates_from(ds, 20, seed=2).values).any()
    np.testing.assert_array_equal(
        fixed_points.candidates_from(ds.state.where(ds.valid > 0), 20, seed=1), again
    )


def test_candidates_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="must be positive: got 0"):
        fixed_points.candidates_from(trials(), 0)
    with pytest.raises(ValueError, match="at least 0: got -1"):
        fixed_points.candidates_from(trials(), 5, jitter=-1)
    with pytest.raises(ValueError, match="No state is finite"):
        fixed_points.candidates_from(trials() * np.nan, 5)


def test_trials_can_be_given_as_candidates():
    net = random_network(5)
    ds = trials() - 10 * xr.DataArray(np.arange(5), dims="unit")
    ds["valid"] = trials().valid
    direct = fixed_points.find(net, candidates=ds, seed=4)
    chosen = fixed_points.find(net, candidates=fixed_points.candidates_from(ds, 1024, seed=4), seed=4)
    assert direct.sizes["candidate"] == 1024
    np.testing.assert_array_equal(direct.state, chosen.state)


def test_points_are_drawn_by_kind_in_components_of_the_state(found):
    rng = np.random.default_rng(0)
    ds = xr.Dataset(
        {"state": (("trial", "time", "unit"), rng.normal(size=(5, 20, 12)))}, coords={"unit": np.arange(12)}
    )
    components = pca.fit(ds, variable="state", n_components=3)
    here = found.isel(fixed_point=found.context.values == "rest")
    ax = fixed_points.plot_fixed_points(here, components)
    assert ax.get_xlabel().startswith("PC 1 (") and ax.get_ylabel().startswith("PC 2 (")
    drawn = {line.get_label().split(" (")[0]: line for line in ax.lines}
    where = pca.project(here.state, components).values[:, :2]
    stable = here.stable_ode.values & here.converged.values
    unstable = (here.n_unstable.values > 0) & here.converged.values
    assert stable.any() and unstable.any()
    np.testing.assert_allclose(drawn["stable"].get_xydata(), where[stable])
    np.testing.assert_allclose(drawn["unstable"].get_xydata(), where[unstable])
    assert drawn["stable"].get_fillstyle() == "full" and drawn["unstable"].get_fillstyle() == "none"
    plane = Plane(np.zeros(12), np.eye(12)[:2], ("first unit", "second unit"))
    given = plt.subplots()[1]
    assert fixed_points.plot_fixed_points(here, plane, ax=given) is given
    assert given.get_xlabel() == "first unit"
    free = fixed_points.plot_fixed_points(here, lambda states: states[:, 3:5])
    np.testing.assert_allclose(
        np.sort(np.concatenate([line.get_xdata() for line in free.lines])), np.sort(here.state.values[:, 3])
    )
    with pytest.raises(ValueError, match=r"two coordinates for each of .* got shape \(\d+, 3\)"):
        fixed_points.plot_fixed_points(here, lambda states: states[:, :3])
    assert not fixed_points.plot_fixed_points(here.isel(fixed_point=[]), components).lines


def test_the_spectrum_is_drawn_with_both_borders(found):
    one = found.isel(fixed_point=[0])
    ax = fixed_points.plot_spectrum(one)
    assert ax.get_xlabel() == "real part of the eigenvalue (1/ms)"
    points = next(line for line in ax.lines if line.get_label() in {"stable", "unstable"})
    np.testing.assert_array_equal(points.get_xdata(), one.eigenvalue.values[0].real)
    np.testing.assert_array_equal(points.get_ydata(), one.eigenvalue.values[0].imag)
    circle = next(line for line in ax.lines if "dt = 20 ms" in line.get_label()).get_xydata()
    np.testing.assert_allclose(np.abs(1 + 20.0 * (circle[:, 0] + 1j * circle[:, 1])), 1.0)
    assert ax.get_xlim()[0] > -0.1  # the circle does not set the scale
