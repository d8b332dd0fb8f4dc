"""The integrator approaches the differential equation at the order its theory says."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from neurornn import CTRNN, LearnedTau

DURATION = 320.0
INPUT = torch.tensor([0.8, -0.5], dtype=torch.float64)


def make_network(form, *, activation="tanh", dt=20.0, **options):
    options = {"noise": "state"} | options
    network = CTRNN(2, 6, 1, form=form, activation=activation, dt=dt, seed=3, dtype=torch.float64, **options)
    network.W_rec = 1.5 * network.W_rec
    return network


def order(steps, errors):
    """Slope of log error against log dt."""
    return np.polyfit(np.log(steps), np.log(errors), 1)[0]


def run_to_the_end(network, n_trials=1, noise=None):
    n_steps = round(DURATION / network.dt)
    start = torch.full((n_trials, network.n_units), 0.3, dtype=torch.float64)
    with torch.no_grad():
        return network(INPUT.expand(n_trials, n_steps, 2), start, noise=noise).final


@pytest.mark.parametrize("form", ["current", "rate"])
@pytest.mark.parametrize("tau", [100.0, [20.0, 30.0, 50.0, 80.0, 150.0, 400.0]])
@pytest.mark.parametrize("activation", ["tanh", "softplus"])
def test_the_drift_is_integrated_at_order_one(form, tau, activation):
    """Against an eighth-order adaptive solution of the drift alone."""
    network = make_network(form, tau=tau, activation=activation)

    def velocity(t, state):
        with torch.no_grad():
            return network.drift(torch.as_tensor(state), INPUT).numpy()

    exact = solve_ivp(velocity, (0, DURATION), np.full(6, 0.3), method="DOP853", rtol=1e-11, atol=1e-11).y[
        :, -1
    ]
    steps = [5.0, 2.5, 1.25, 0.625]
    errors = [np.linalg.norm(run_to_the_end(network.rescale_dt(dt)).numpy() - exact) for dt in steps]
    assert order(steps, errors) == pytest.approx(1, abs=0.06)
    assert np.all(np.diff(errors) < 0)


def test_a_linear_network_approaches_the_matrix_exponential():
    network = make_network("current", activation="identity")
    A = (network.W_rec.detach().numpy() - np.eye(6)) / 100.0
    drive = (network.W_in.detach().numpy() @ INPUT.numpy()) / 100.0
    fixed_point = -np.linalg.solve(A, drive)
    exact = fixed_point + expm(A * DURATION) @ (0.3 - fixed_point)
    steps = [5.0, 2.5, 1.25, 0.625]
    errors = [np.linalg.norm(run_to_the_end(network.rescale_dt(dt)).numpy() - exact) for dt in steps]
    assert order(steps, errors) == pytest.approx(1, abs=0.06)


@pytest.mark.parametrize(
    ("form", "noise", "activation"),
    [
        ("current", "input", "tanh"),
        ("current", "state", "tanh"),
        ("rate", "state", "tanh"),
        ("current", "input", "relu"),
    ],
)
def test_the_noise_is_integrated_at_strong_order_one(form, noise, activation):
    """One Brownian path for every dt: coarse increments are sums of fine ones. Additive noise has order one."""
    n_trials, finest = 100, 0.15625
    network = make_network(form, noise=noise, activation=activation, sigma_rec=0.3)
    n_fine = round(DURATION / finest)
    fine = torch.randn(n_trials, n_fine, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    exact = run_to_the_end(network.rescale_dt(finest), n_trials, fine)

    steps, errors = [20.0, 10.0, 5.0, 2.5], []
    for dt in steps:
        ratio = round(dt / finest)
        coarse = fine.unflatten(1, (-1, ratio)).sum(2) / math.sqrt(ratio)  # standard normal again
        final = run_to_the_end(network.rescale_dt(dt), n_trials, coarse)
        errors.append((final - exact).norm(dim=1).mean().item())
    assert order(steps, errors) == pytest.approx(1, abs=0.12)

    spread = exact.std(0).mean().item()
    assert errors[0] < 0.5 * spread  # the paths agree where the noise alone would not make them
    independent = torch.randn(fine.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    other = run_to_the_end(network.rescale_dt(finest), n_trials, independent)
    assert (other - exact).norm(dim=1).mean() > 5 * errors[-1]


def test_rescaling_keeps_the_continuous_network():
    network = make_network("current", sigma_rec=0.2, tau=[50.0] * 6)
    fine = network.rescale_dt(1.0)
    state, u = torch.randn(5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64), INPUT
    assert torch.equal(fine.drift(state, u), network.drift(state, u))
    assert torch.equal(fine.tau, network.tau)
    assert (fine.dt, network.dt, fine.sigma_rec) == (1.0, 20.0, 0.2)
    for name, value in network.state_dict().items():
        assert torch.equal(fine.state_dict()[name], value), name
    with torch.no_grad():
        fine.recurrent.raw.zero_()
    assert network.recurrent.raw.any()


def test_a_network_rescaled_twice_is_the_network_rescaled_once():
    network = make_network("current")
    torch.testing.assert_close(
        run_to_the_end(network.rescale_dt(1.0).rescale_dt(10.0)),
        run_to_the_end(network.rescale_dt(10.0)),
        rtol=0,
        atol=0,
    )


@pytest.mark.parametrize(
    ("tau", "dt", "fastest"),
    [
        (100.0, 200.0, "100"),
        ([100.0, 100.0, 100.0, 100.0, 100.0, 10.0], 20.0, "10"),
        (LearnedTau(bounds=(15.0, 500.0)), 20.0, "15"),
        (100.0, 0.0, "100"),
        (100.0, -1.0, "100"),
        (100.0, math.nan, "100"),
    ],
)
def test_a_step_longer_than_the_fastest_unit_is_refused(tau, dt, fastest):
    message = rf"dt must lie in \(0, tau\]: got dt=.* ms and tau={fastest} ms\. Reduce dt or use slower units"
    with pytest.raises(ValueError, match=message):
        CTRNN(2, 6, 1, tau=tau, dt=dt)
    network = CTRNN(2, 6, 1, tau=tau, dt=10.0)
    with pytest.raises(ValueError, match=message):
        network.rescale_dt(dt)


def test_dt_may_equal_tau():
    network = CTRNN(1, 3, 1, tau=0.1, dt=0.1, activation="tanh")
    x, u = torch.ones(1, 3), torch.ones(1, 1)
    torch.testing.assert_close(network.step(x, u), torch.tanh(x) @ network.W_rec.T + u @ network.W_in.T)


@pytest.mark.parametrize(
    ("tau", "message"),
    [
        ([100.0, 100.0], r"one number or n_units=6 of them: got shape \(2,\)"),
        (math.inf, "tau must be finite: got inf"),
        ([math.nan] * 6, "tau must be finite: got nan"),
        (-5.0, "tau=-5 ms"),
    ],
)
def test_impossible_time_constants_are_refused(tau, message):
    with pytest.raises(ValueError, match=message):
        CTRNN(2, 6, 1, tau=tau)


@pytest.mark.parametrize(
    ("initial", "bounds"), [(10.0, (20.0, 500.0)), (20.0, (20.0, 500.0)), (30.0, (20.0, math.inf))]
)
def test_learned_time_constants_start_inside_finite_bounds(initial, bounds):
    with pytest.raises(ValueError, match="0 < lower < initial < upper, all finite"):
        LearnedTau(initial, bounds)


def test_learned_time_constants_stay_within_bounds_whatever_the_optimiser_does():
    network = CTRNN(2, 6, 1, tau=LearnedTau(60.0, (30.0, 200.0)), dt=20.0, dtype=torch.float64)
    torch.testing.assert_close(network.tau, torch.full((6,), 60.0, dtype=torch.float64))
    with torch.no_grad():
        network.time_constant.raw.copy_(torch.tensor([-1e3, -3.0, 0.0, 1.0, 3.0, 1e3]))
    assert network.tau.min() >= 30.0
    assert network.tau.max() <= 200.0
    assert network.tau[2].item() == pytest.approx(115.0)
