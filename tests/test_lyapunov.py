"""Lyapunov spectra known in closed form, in the literature, or from a second way to get them."""

import copy

import numpy as np
import pytest
import torch
import xarray as xr

import neurornn
from neurornn.analysis import lyapunov
from neurornn.analysis.lyapunov import EulerMap, RungeKutta
from neurornn.analysis.systems import Drift, StepMap

TAU = 100.0


def network(W, *, dt=10.0, activation="tanh"):
    net = neurornn.CTRNN(1, len(W), 1, tau=TAU, dt=dt, activation=activation, bias=False, dtype=torch.float64)
    net.W_rec = torch.as_tensor(W)
    net.W_in = torch.ones(len(W), 1)
    return net


def normal(*shape, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).standard_normal(shape)


class Lorenz:
    dt, n_units, n_inputs = 1.0, 3, 0

    def drift(self, state, input):
        x, y, z = state.unbind(-1)
        return torch.stack([10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z], -1)

    def drift_jacobian(self, state, input):
        x, y, z = state.unbind(-1)
        one, nil = torch.ones_like(x), torch.zeros_like(x)
        rows = [-10 * one, 10 * one, nil, 28 - z, -one, -x, y, x, -8 / 3 * one]
        return torch.stack(rows, -1).unflatten(-1, (3, 3))


@pytest.mark.parametrize("dt", [4.0, 20.0, 100.0])
def test_a_linear_map_grows_by_the_size_of_its_eigenvalues(dt):
    S = normal(5, 5, scale=0.3)
    W = S + S.T + 0.3 * np.eye(5)  # symmetric: real exponents, distinct
    net = network(W, dt=dt, activation="identity")
    found = lyapunov.spectrum(
        net, start=np.ones(5), duration=64 * TAU, basis_transient=64 * TAU, transient=0.0, every=3
    )
    growth = np.abs(1 + dt * (np.linalg.eigvalsh(W) - 1) / TAU)
    np.testing.assert_allclose(found.exponent[0], np.sort(np.log(growth) / dt)[::-1], atol=2e-6 / TAU * 100)
    assert found.check_passed.all() and found.converged.all()
    np.testing.assert_allclose(found.two_trajectory_exponent, found.exponent[:, 0], atol=1e-6)


@pytest.mark.parametrize("dt", [1.0, 40.0])
def test_the_flow_of_a_network_at_rest_has_the_eigenvalues_of_its_jacobian_whatever_dt(dt):
    W = normal(6, 6, scale=0.3)
    scheme, span = RungeKutta(step=10.0), {"duration": 64 * TAU, "transient": 0.0}
    found = lyapunov.spectrum(network(W, dt=dt), start=np.zeros(6), scheme=scheme, **span)
    expected = np.sort((np.linalg.eigvals(W).real - 1) / TAU)[::-1]
    np.testing.assert_allclose(found.exponent[0], expected, atol=0.02 / TAU)
    assert float(found.exponent.sum()) == pytest.approx(expected.sum(), rel=1e-6)
    other = lyapunov.spectrum(network(W, dt=20.0), start=np.zeros(6), scheme=scheme, **span)
    np.testing.assert_array_equal(found.exponent, other.exponent)


def test_the_two_schemes_differ_as_the_map_and_the_flow_do():
    net = network(np.zeros((2, 2)), dt=25.0)
    as_map = lyapunov.spectrum(net, start=[0.3, 0.1], duration=6400.0)
    as_flow = lyapunov.spectrum(net, start=[0.3, 0.1], duration=6400.0, scheme=RungeKutta(5.0))
    np.testing.assert_allclose(as_map.exponent, np.log(0.75) / 25, rtol=1e-12)
    np.testing.assert_allclose(as_flow.exponent, -1 / TAU, rtol=1e-6)


def test_the_flow_is_of_fourth_order():
    spiral = Drift(lambda x, u: x @ torch.tensor([[-0.2, 1.0], [-1.0, -0.2]]).to(x), n_units=2)

    def error(step):
        found = lyapunov.spectrum(spiral, start=[1.0, 0.0], duration=12.8, scheme=RungeKutta(step))
        return abs(float(found.exponent.mean()) + 0.2)

    assert error(0.2) / error(0.1) == pytest.approx(16, rel=0.1)


def test_the_logistic_map_doubles_differences():
    logistic = StepMap(lambda x, u: 4 * x * (1 - x), n_units=1)
    starts = np.random.default_rng(0).uniform(0.1, 0.9, (200, 1))
    found = lyapunov.spectrum(logistic, start=starts, duration=640.0)
    mean, spread = float(found.exponent.mean()), float(found.exponent.std() / 200**0.5)
    assert mean == pytest.approx(np.log(2), abs=4 * spread) and spread < 5e-4
    z = (found.exponent[:, 0] - np.log(2)) / found.standard_error[:, 0]
    assert float((np.abs(z) < 2).mean()) > 0.7  # the error says how far off it is
    assert (found.sign == 1).all() and found.check_passed.mean() > 0.97
    np.testing.assert_allclose(found.entropy_rate, found.exponent[:, 0])
    np.testing.assert_array_equal(found.kaplan_yorke_dimension, 1.0)


def test_the_spectrum_of_lorenz():
    found = lyapunov.spectrum(
        Lorenz(),
        start=normal(48, 3),
        duration=60.0,
        transient=20.0,
        basis_transient=20.0,
        scheme=RungeKutta(0.02),
    )
    np.testing.assert_allclose(found.exponent.sum("exponent_index"), -(10 + 1 + 8 / 3), atol=2e-3)
    mean = found.exponent.mean("trajectory")
    error = found.exponent.std("trajectory") / 48**0.5
    np.testing.assert_allclose(mean, [0.906, 0.0, -14.572], atol=4 * float(error.max()) + 2e-3)
    assert float(error.max()) < 0.01
    assert (found.sign[:, 0] == 1).all() and (found.sign[:, 2] == -1).all()
    assert float(np.abs(found.kaplan_yorke_dimension - 2.062).max()) < 0.02
    assert found.check_passed.all()


def test_a_cycle_has_one_zero_exponent_and_dimension_one():
    def stuart_landau(state, input):
        shrink = 1 - state.square().sum(-1, keepdim=True)
        return shrink * state + 2 * torch.stack([-state[..., 1], state[..., 0]], -1)

    found = lyapunov.spectrum(
        Drift(stuart_landau, n_units=2), start=[0.5, 0.0], duration=32.0, scheme=RungeKutta(0.05)
    )
    np.testing.assert_allclose(found.exponent[0], [0, -2], atol=1e-5)
    assert found.sign.values.tolist() == [[0, -1]]
    assert found.kaplan_yorke_dimension.item() == 1.0 and found.entropy_rate.item() == 0.0


def test_random_networks_turn_chaotic_when_their_weights_grow():
    W = normal(80, 80, scale=80**-0.5, seed=3)
    start = normal(2, 80, seed=4)
    calm = lyapunov.spectrum(network(0.5 * W), start=start, duration=100 * TAU, n_exponents=10)
    wild = lyapunov.spectrum(network(5 * W), start=start, duration=200 * TAU, n_exponents=30)
    assert (calm.sign == -1).all() and (calm.kaplan_yorke_dimension == 0).all()
    assert (wild.sign[:, 0] == 1).all() and wild.check_passed.all()
    assert (wild.kaplan_yorke_dimension > 2).all() and (wild.entropy_rate >= wild.exponent[:, 0]).all()
    one, other = wild.exponent[:, 0].values  # ergodic: the start does not matter
    assert abs(one - other) < 4 * np.hypot(*wild.standard_error[:, 0].values)


def test_order_matters_for_matrices_that_do_not_commute():
    A = torch.as_tensor(normal(3, 3, 3, seed=5))  # the input says which of three applies
    switch = StepMap(lambda x, u: torch.einsum("...k,kij,...j->...i", u, A.to(x), x), n_units=3, n_inputs=3)
    inputs = np.eye(3)[None]
    found = lyapunov.spectrum(
        switch, start=np.ones(3) * 1e-3, inputs=inputs, duration=64 * 12.0, transient=0.0, every=4
    )
    a, b, c = A.numpy()

    def rates(product):
        return np.sort(np.log(np.abs(np.linalg.eigvals(product))) / 3)[::-1]

    right, transposed = rates(c @ b @ a), rates(c.T @ b.T @ a.T)
    assert np.abs(right - transposed).max() > 0.1
    np.testing.assert_allclose(found.exponent[0], right, atol=0.01)


def test_a_changing_input_is_held_for_dt_by_both_schemes():
    gate = Drift(lambda x, u: -(1 + u) * x, n_units=1, n_inputs=1, dt=0.5)
    inputs = np.array([0.0, 1.0, 4.0])[None, :, None]
    span = {"duration": 0.5 * 3 * 64, "transient": 0.0, "basis_transient": 0.0}
    flow = lyapunov.spectrum(gate, start=[1.0], inputs=inputs, scheme=RungeKutta(0.1), **span)
    assert flow.exponent.item() == pytest.approx(-(1 + 2 + 5) / 3, rel=1e-3)
    as_map = lyapunov.spectrum(
        Drift(lambda x, u: -(1 + u) * x, n_units=1, n_inputs=1, dt=0.125), start=[1.0], inputs=inputs, **span
    )
    assert as_map.exponent.item() == pytest.approx(np.log([7 / 8, 6 / 8, 3 / 8]).mean() / 0.125)
    with pytest.raises(ValueError, match=r"lasts dt=0\.5 ms.*got step=0\.2 ms"):
        lyapunov.spectrum(gate, start=[1.0], inputs=inputs, scheme=RungeKutta(0.2), **span)


def test_starts_and_inputs_go_together_in_batches():
    net = network(normal(7, 7, scale=0.6, seed=6))
    starts, inputs = normal(3, 7, seed=7), np.array([[0.0], [0.5], [2.0]])
    span = {"duration": 40 * TAU, "n_exponents": 3}
    both = lyapunov.spectrum(net, start=starts, inputs=inputs, **span)
    for k in range(3):
        alone = lyapunov.spectrum(net, start=starts[k], inputs=inputs[k], **span)
        np.testing.assert_allclose(alone.exponent[0], both.exponent[k], atol=1e-12)
    one_start = lyapunov.spectrum(net, start=starts[1], inputs=inputs, **span)
    np.testing.assert_allclose(one_start.exponent[1], both.exponent[1], atol=1e-12)
    assert np.ptp(one_start.exponent[:, 0].values) > 1e-4
    with pytest.raises(ValueError, match="got 3 starts and 2 inputs"):
        lyapunov.spectrum(net, start=starts, inputs=inputs[:2], **span)


def test_how_often_the_basis_is_made_orthonormal_does_not_matter_until_it_does():
    net = network(normal(20, 20, scale=2.0 * 20**-0.5, seed=8))
    span = {"start": normal(1, 20, seed=9), "duration": 100 * TAU}
    often, seldom = (lyapunov.spectrum(net, every=k, **span) for k in (1, 16))
    np.testing.assert_allclose(often.exponent, seldom.exponent, atol=1e-10)
    assert often.attrs["every"] == 1 and seldom.attrs["every"] == 16
    assert 1 < often.stretch.item() < seldom.stretch.item() < 1e10
    never = lyapunov.spectrum(network(np.diag([0.9, -8.0])), start=[0.0, 0.0], duration=640.0 * 10, every=64)
    np.testing.assert_allclose(never.exponent[0], np.log([0.99, 0.1]) / 10, rtol=1e-9)
    assert never.attrs["every"] < 64 and never.stretch.item() < 1e10  # it was reduced


def test_a_part_of_the_spectrum_is_the_same_part():
    net = network(normal(12, 12, scale=0.5, seed=10))
    span = {"start": normal(1, 12, seed=11), "duration": 200 * TAU}
    part, whole = lyapunov.spectrum(net, n_exponents=3, **span), lyapunov.spectrum(net, **span)
    np.testing.assert_allclose(part.exponent, whole.exponent[:, :3], atol=3e-4)


def test_the_dimension_interpolates_and_says_when_exponents_are_missing():
    baker = StepMap(lambda x, u: (x * torch.tensor([2.0, 0.3, 0.1]).to(x)) % 1.0, n_units=3)
    full = lyapunov.spectrum(baker, start=[0.3, 0.4, 0.5], duration=640.0)
    assert full.kaplan_yorke_dimension.item() == pytest.approx(1 + np.log(2) / -np.log(0.3))
    assert full.entropy_rate.item() == pytest.approx(np.log(2))
    few = lyapunov.spectrum(baker, start=[0.3, 0.4, 0.5], duration=640.0, n_exponents=1)
    assert np.isnan(few.kaplan_yorke_dimension.item())


def test_a_wrong_jacobian_is_caught_by_the_second_trajectory():
    class Decay:
        dt, n_units, n_inputs, factor = 1.0, 2, 0, 1.0

        def drift(self, state, input):
            return -0.1 * state

        def drift_jacobian(self, state, input):
            return (-0.1 * self.factor * torch.eye(2).to(state)).expand(*state.shape, 2)

    wrong = Decay()
    wrong.factor = 1.05
    assert lyapunov.spectrum(Decay(), start=np.ones(2), duration=64.0).check_passed.all()
    assert not lyapunov.spectrum(wrong, start=np.ones(2), duration=64.0).check_passed.any()


def test_a_trajectory_that_leaves_is_reported_and_the_others_are_not_disturbed():
    escape = StepMap(lambda x, u: x**2, n_units=1)
    both = lyapunov.spectrum(escape, start=[[0.5], [2.0]], duration=128.0, transient=0.0, n_exponents=1)
    assert both.finite.values.tolist() == [True, False]
    assert np.isnan(both.exponent[1]).all() and both.sign[1].item() == 0 and not both.converged[1]
    assert both.exponent[0].item() == -np.inf  # superstable: the derivative at 0 is 0
    tame = lyapunov.spectrum(
        StepMap(lambda x, u: x**2 + 0.2, n_units=1), start=[[0.5], [3.0]], duration=128.0, every=64
    )
    fixed = (1 - 0.2**0.5) / 2
    assert tame.exponent[0].item() == pytest.approx(np.log(2 * fixed)) and not tame.finite[1]
    assert tame.attrs["every"] == 2 or tame.attrs["every"] == 64


def test_the_network_is_left_untouched_and_the_result_survives_a_file(tmp_path):
    net = neurornn.CTRNN(2, 6, 1, seed=1).train()
    before = copy.deepcopy(net.state_dict())
    found = lyapunov.spectrum(net, start=torch.zeros(6), duration=6400.0)
    assert net.training and all(p.requires_grad and p.dtype == torch.float32 for p in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    again = lyapunov.spectrum(net, start=torch.zeros(6), duration=6400.0)
    xr.testing.assert_equal(found, again)
    found.to_netcdf(tmp_path / "spectrum.nc", engine="h5netcdf")
    xr.testing.assert_equal(xr.load_dataset(tmp_path / "spectrum.nc", engine="h5netcdf"), found)
    assert found.exponent.attrs["units"] == "1/ms" and found.attrs["scheme"] == "EulerMap"


def test_wrong_requests_are_refused():
    net = network(np.zeros((3, 3)))
    good = {"start": np.zeros(3), "duration": 6400.0}
    for change, message in (
        ({"start": np.zeros(4)}, r"\(trajectory, unit\) with 3 units: got shape \(1, 4\)"),
        ({"start": [np.nan] * 3}, "start must be finite"),
        ({"inputs": np.zeros(2)}, r"with 1 channels: got shape \(1, 2\)"),
        ({"inputs": np.zeros((1, 0, 1))}, "channels: got shape"),
        ({"duration": 100.0}, r"blocks of at least a step of 10 ms: got 100\.0 ms. Choose 640 ms"),
        ({"duration": np.inf}, "duration must"),
        ({"transient": -1.0}, r"transient is a time in ms, at least 0: got -1\.0"),
        ({"basis_transient": np.nan}, "basis_transient is a time"),
        ({"n_exponents": 4}, "between 1 and 3"),
        ({"every": 0}, "at least 1: got 0"),
        ({"tolerance": 0.0}, "tolerance must be positive"),
    ):
        with pytest.raises(ValueError, match=message):
            lyapunov.spectrum(net, **(good | change))
    with pytest.raises(ValueError, match=r"got step=0"):
        RungeKutta(0.0)
    noisy = neurornn.CTRNN(1, 3, 1, sigma_rec=0.1)
    with pytest.raises(ValueError, match="noiseless"):
        lyapunov.spectrum(noisy, **good)
    with pytest.raises(TypeError, match="got object"):
        lyapunov.spectrum(object(), inputs=[0.0], **good)


def test_plots_show_the_numbers():
    net = network(normal(9, 9, scale=0.5, seed=12))
    found = lyapunov.spectrum(net, start=normal(2, 9), duration=100 * TAU, scheme=EulerMap())
    axes = lyapunov.plot_spectrum(found)
    np.testing.assert_allclose(axes.containers[0].lines[0].get_ydata(), found.exponent[0])
    assert axes.get_ylabel() == "Lyapunov exponent (1/ms)"
    assert len(axes.get_legend().get_texts()) == 2
    axes = lyapunov.plot_convergence(found, trajectory=1, n_exponents=2)
    np.testing.assert_allclose(axes.lines[1].get_ydata(), found.running_exponent[1, :, 1])
    np.testing.assert_allclose(axes.lines[1].get_ydata()[-1], found.exponent[1, 1])
    assert axes.get_xlabel() == "time averaged over (ms)"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "exponent 1",
        "exponent 2",
        "two trajectories",
    ]
    with pytest.raises(ValueError, match="At least one"):
        lyapunov.plot_convergence(found, n_exponents=0)
