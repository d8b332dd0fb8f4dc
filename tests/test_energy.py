"""Energy and potential: closed forms, gradients by autograd, and what they may not be used for."""

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.integrate import quad

import neurornn
from neurornn.activations import _ACTIVATIONS
from neurornn.analysis import fixed_points
from neurornn.analysis._system import freeze
from neurornn.analysis.landscape import Ode, energy, energy_function, plot_energy, potential
from neurornn.analysis.landscape._integrals import integral, inverse
from neurornn.analysis.systems import Drift
from neurornn.storage import read_dataset, write_dataset

SOFTSIGN = neurornn.Activation(
    "softsign", lambda x: x / (1 + x.abs()), lambda x: (1 + x.abs()) ** -2, -1.0, 1.0
)
ACTIVATIONS = [*_ACTIVATIONS.values(), SOFTSIGN]
U = [0.3, -0.2]


def symmetric(
    activation: str | neurornn.Activation,
    form: str,
    *,
    n: int = 5,
    scale: float = 0.3,
    skew: float = 0.0,
    dt: float = 20.0,
    seed: int = 0,
) -> neurornn.CTRNN:
    rng = np.random.default_rng(seed)
    network = neurornn.CTRNN(
        2,
        n,
        1,
        tau=torch.linspace(50.0, 150.0, n),
        dt=dt,
        activation=activation,
        form=form,
        dtype=torch.float64,
    )
    W = rng.normal(size=(n, n))
    network.W_rec = torch.as_tensor(scale * (W + W.T) + skew * (W - W.T))
    with torch.no_grad():
        network.bias.copy_(torch.linspace(-0.5, 0.5, n))
    return network


def some_states(form: str, n: int = 5, count: int = 7, seed: int = 1) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return rng.uniform(0.05, 0.9, size=(count, n)) if form == "rate" else 1.5 * rng.normal(size=(count, n))


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda each: each.name)
def test_integrals_and_inverses_are_those_of_the_activation(activation: neurornn.Activation) -> None:
    x = torch.tensor([-30.0, -3.3, -0.4, 0.0, 0.7, 2.9, 25.0], dtype=torch.float64)

    def phi(s: float) -> float:
        return activation(torch.tensor(s, dtype=torch.float64)).item()

    expected = [quad(phi, 0, each, epsabs=1e-12, limit=200)[0] for each in x.tolist()]
    np.testing.assert_allclose(integral(activation, x), expected, rtol=1e-9, atol=1e-11)
    y = torch.tensor([0.02, 0.3, 1.9], dtype=torch.float64)
    np.testing.assert_allclose(inverse(activation, activation(y)), y, rtol=1e-9)
    if activation.lower > -np.inf:
        assert inverse(activation, torch.tensor([activation.lower - 0.1])).isnan().all()


@pytest.mark.parametrize("form", ["current", "rate"])
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda each: each.name)
def test_the_gradient_is_the_drift_and_its_product_with_it_the_rate_of_change(
    activation: neurornn.Activation, form: str
) -> None:
    network, states = symmetric(activation, form), some_states(form)
    found = energy(network, states, input=U)
    x = torch.as_tensor(states).requires_grad_(True)
    E = energy_function(network, input=U)(x)
    (slope,) = torch.autograd.grad(E.sum(), x)
    x = x.detach()
    with torch.no_grad():
        v = network.drift(x, torch.tensor(U, dtype=torch.float64).expand(len(x), 2))
    np.testing.assert_allclose(found.energy, E.detach(), rtol=1e-13)
    if form == "current":  # dE/dr = -tau x', and dr/dx = phi'
        expected = -network.tau.detach() * v * activation.derivative(x)
        np.testing.assert_allclose(slope, expected, atol=1e-12)
    np.testing.assert_allclose(found.energy_rate, (slope * v).sum(1), rtol=1e-9, atol=1e-14)
    assert (found.energy_rate < 0).all() and found.defined.all()
    assert found.energy.attrs["units"] == "1" and found.energy_rate.attrs["units"] == "1/ms"


@pytest.mark.parametrize("form", ["current", "rate"])
def test_the_energy_falls_along_the_equation_at_the_rate_it_says(form: str) -> None:
    network, states = symmetric("tanh", form, scale=0.8), some_states(form)
    system, held = freeze(network, 5), torch.tensor(U, dtype=torch.float64)
    x, h = torch.as_tensor(states), 4.0
    path = [x]
    with torch.no_grad():
        for _ in range(40):
            path.append(Ode(1e-12).advance(system, held, path[-1], h))
    E = energy(network, torch.stack(path), input=U)
    values = E.energy.values
    assert (np.diff(values, axis=0) < 0).all()
    slope = (values[2:] - values[:-2]) / (2 * h)
    np.testing.assert_allclose(slope, E.energy_rate.values[1:-1], rtol=0.03, atol=1e-6)
    middle = (values[4:] - 8 * values[3:-1] + 8 * values[1:-3] - values[:-4]) / (-12 * h)
    error = [np.abs(each - E.energy_rate.values[k:-k]).max() for k, each in ((1, slope), (2, middle))]
    assert error[1] < 0.2 * error[0]


def test_without_symmetry_the_same_formula_rises_somewhere() -> None:
    network = symmetric("tanh", "current", scale=0.3, skew=1.5)
    system, held = freeze(network, 5), torch.tensor(U, dtype=torch.float64)
    x = torch.as_tensor(some_states("current"))
    values = []
    with torch.no_grad():
        for _ in range(100):
            values.append(energy(network, x, input=U, tolerance=10.0).energy.values)
            x = Ode().advance(system, held, x, 10.0)
    assert (np.diff(values, axis=0) > 1e-3).any()
    with pytest.raises(
        ValueError, match=r"W_rec\[\d, \d\]=.* differ by .* of the largest weight, more than tolerance"
    ):
        energy(network, x, input=U)


@pytest.mark.parametrize("dt", [1.0, 20.0, 50.0])
@pytest.mark.parametrize("form", ["current", "rate"])
def test_the_energy_rests_at_fixed_points_and_nowhere_else(form: str, dt: float) -> None:
    network = symmetric("tanh", form, scale=0.9, n=4, dt=dt)
    candidates = np.clip(some_states("current", 4, 100), -0.99, 0.99)
    points = fixed_points.find(network, candidates=candidates, inputs=U)
    at = energy(network, points.state, input=U)
    assert at.energy.dims == ("fixed_point",) and np.abs(at.energy_rate).max() < 1e-25
    assert points.sizes["fixed_point"] >= 3 and (points.n_unstable > 0).any()
    rest, E = points.state.values, at.energy.values
    lowest = E.argmin()
    assert points.stable_ode.values[lowest]
    size = 0.01 if form == "current" else 0.1 * (1 - np.abs(rest))  # rates stay below 1
    noise = size * np.random.default_rng(2).uniform(-1, 1, size=(50, *rest.shape))
    beside = energy(network, rest + noise, input=U)
    assert (beside.energy_rate < -1e-12).all()
    stable = points.stable_ode.values
    assert (beside.energy.values[:, stable] > E[stable]).all()  # each memory is a minimum
    assert (beside.energy.values[:, ~stable] < E[~stable]).any(0).all()  # and no saddle is


def test_a_linear_network_has_the_quadratic_energy() -> None:
    network, states = symmetric("identity", "current"), some_states("current")
    W = network.W_rec.detach().numpy()
    drive = (network.W_in @ torch.tensor(U, dtype=torch.float64) + network.bias).detach().numpy()
    expected = 0.5 * np.einsum("bi,ij,bj->b", states, np.eye(5) - W, states) - states @ drive
    np.testing.assert_allclose(energy(network, states, input=U).energy, expected, rtol=1e-12)
    rate = symmetric("identity", "rate")
    rate.W_in = network.W_in.detach()
    np.testing.assert_allclose(energy(rate, states, input=U).energy, expected, rtol=1e-12)


def test_rates_the_activation_never_takes_have_no_energy() -> None:
    network = symmetric("sigmoid", "rate")
    states = some_states("rate")
    states[2, 1] = 1.2
    found = energy(network, states, input=U)
    assert found.defined.values.tolist() == [True, True, False, True, True, True, True]
    assert np.isnan(found.energy[2]) and np.isfinite(found.energy[3])


def test_labels_are_kept_and_results_survive_netcdf(tmp_path: Path) -> None:
    network = symmetric("tanh", "current")
    values = np.random.default_rng(3).normal(size=(5, 3, 4))
    coords = {"time": ("time", [0.0, 10.0, 20.0, 30.0], {"units": "ms"}), "choice": ("trial", [0, 1, 1])}
    states = xr.DataArray(values, dims=("unit", "trial", "time"), coords=coords)
    found = energy(network, states, input=U)
    assert found.energy.dims == ("trial", "time") and found.choice.values.tolist() == [0, 1, 1]
    one = energy(network, values[:, 1, 2], input=U)
    assert one.energy.ndim == 0 and one.energy.item() == pytest.approx(found.energy.values[1, 2], rel=1e-14)
    write_dataset(tmp_path / "energy.nc", found)
    xr.testing.assert_identical(read_dataset(tmp_path / "energy.nc").load().drop_attrs(), found.drop_attrs())
    axes = plot_energy(found)
    assert axes.get_xlabel() == "time (ms)" and axes.get_ylabel() == "energy" and len(axes.lines) == 3
    np.testing.assert_allclose(axes.lines[1].get_ydata(), found.energy[1])
    with pytest.raises(ValueError, match="one or two dimensions can be drawn"):
        plot_energy(one)


def test_single_precision_of_symmetric_weights_passes() -> None:
    network = symmetric("tanh", "current").float()
    assert np.isfinite(energy(network, some_states("current"), input=U).energy).all()


def test_there_is_no_energy_for_everything() -> None:
    network = symmetric("tanh", "current")
    with pytest.raises(TypeError, match=r"known for neurornn\.CTRNN: got Drift"):
        energy(Drift(lambda x, _: -x, n_units=1), [[0.0]], input=[])
    with pytest.raises(ValueError, match=r"Pass network\.noiseless\(\)"):
        energy(neurornn.CTRNN(1, 2, 1, sigma_rec=0.1), [[0.0, 0.0]], input=[0.0])
    with pytest.raises(ValueError, match=r"\(\.\.\., unit\) with 5 units: got shape \(2, 3\)"):
        energy(network, np.zeros((2, 3)), input=U)
    with pytest.raises(ValueError, match=r"one number for each channel, shape \(2,\)"):
        energy(network, np.zeros((2, 5)), input=[0.0])
    bump = neurornn.Activation(
        "bump", lambda x: torch.exp(-(x**2)), lambda x: -2 * x * torch.exp(-(x**2)), 0, 1
    )
    with pytest.raises(ValueError, match="never decreases: 'bump' has slope -"):
        energy(symmetric(bump, "current"), np.zeros((1, 5)), input=U)


def test_the_potential_of_a_gradient_system_is_found_by_its_drift_alone() -> None:
    A = np.array([[1.0, 0.3], [0.3, 2.0]])

    def well(x: torch.Tensor) -> torch.Tensor:
        return 0.25 * (x**4).sum(-1) + 0.5 * torch.einsum("...i,ij,...j", x, torch.as_tensor(A), x)

    system = Drift(lambda x, _: -(x**3) - x @ torch.as_tensor(A), n_units=2)
    states = np.random.default_rng(4).normal(size=(20, 2))
    found = potential(system, states, input=[])
    np.testing.assert_allclose(found.potential, well(torch.as_tensor(states)), rtol=1e-12)
    moved = potential(system, states, input=[], origin=[1.0, -1.0])
    np.testing.assert_allclose(
        moved.potential - found.potential, -well(torch.tensor([1.0, -1.0], dtype=torch.float64)), rtol=1e-12
    )


def test_of_networks_only_linear_and_decoupled_ones_follow_a_potential() -> None:
    states = some_states("current", 3)
    network = neurornn.CTRNN(1, 3, 1, tau=80.0, activation="identity", dtype=torch.float64)
    W = np.array([[0.2, 0.3, 0.0], [0.3, -0.1, 0.1], [0.0, 0.1, 0.3]])
    network.W_rec = torch.as_tensor(W)
    U_linear = potential(network, states, input=[0.4]).potential
    E = energy(network, np.concatenate([states, np.zeros((1, 3))]), input=[0.4]).energy
    np.testing.assert_allclose(80.0 * U_linear, E[:-1] - E[-1], rtol=1e-10)
    curved = neurornn.CTRNN(1, 3, 1, tau=80.0, activation="tanh", dtype=torch.float64)
    curved.W_rec = torch.as_tensor(W)
    with pytest.raises(
        ValueError, match=r"no gradient: its Jacobian has .* of its largest entry\. There is no potential"
    ):
        potential(curved, states, input=[0.4])
    curved.W_rec = torch.as_tensor(np.diag([1.5, 2.0, 0.5]))
    alone = potential(curved, states, input=[0.4]).potential.values
    I = (curved.W_in[:, 0] * 0.4 + curved.bias).detach().numpy()
    closed = (0.5 * states**2 - np.array([1.5, 2.0, 0.5]) * np.log(np.cosh(states)) - I * states).sum(1) / 80
    np.testing.assert_allclose(alone, closed, rtol=1e-9)
    with pytest.raises(ValueError, match=r"origin \(unit,\) with 3 units: got shapes \(7, 3\) and \(2,\)"):
        potential(curved, states, input=[0.4], origin=[0.0, 0.0])
