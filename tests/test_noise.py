"""Recurrent noise: closed forms of a linear unit, scaling with dt, and where the noise enters."""

import math

import numpy as np
import pytest
import torch

from neurornn import CTRNN
from neurornn.connectivity import Gaussian

TAU, SIGMA = 100.0, 0.7
N_TRIALS, N_UNITS = 1000, 100
N_SAMPLES = N_TRIALS * N_UNITS
SITES = [("current", "input"), ("current", "state"), ("rate", "state"), ("rate", "input")]


def lone_units(form, noise, dt, *, activation="identity", n_units=N_UNITS, sigma_rec=SIGMA, **options):
    """Units that hear nothing but their own noise."""
    return CTRNN(
        1,
        n_units,
        1,
        tau=TAU,
        dt=dt,
        form=form,
        noise=noise,
        activation=activation,
        sigma_rec=sigma_rec,
        init=Gaussian(spectral_radius=0.0),
        dtype=torch.float64,
        **options,
    )


def closed_form(dt, lag=0, sigma=SIGMA):
    alpha = dt / TAU
    return sigma**2 / (1 - alpha / 2) * (1 - alpha) ** lag


@pytest.mark.parametrize(("form", "noise"), SITES)
@pytest.mark.parametrize("dt", [10.0, 20.0, 50.0, 100.0])
def test_variance_and_autocovariance_of_a_linear_unit(form, noise, dt):
    """Stationary variance ``sigma^2 / (1 - alpha/2)``, autocovariance falling as ``(1 - alpha)^k``."""
    lags = (0, 1, 2, 5)
    burn_in = math.ceil(8 * TAU / dt)  # the memory of the start is below exp(-16) of the variance
    inputs = torch.zeros(N_TRIALS, burn_in + max(lags), 1, dtype=torch.float64)
    with torch.no_grad():
        x = lone_units(form, noise, dt)(inputs, generator=torch.Generator().manual_seed(int(dt))).state
    variance = closed_form(dt)
    now = x[:, burn_in - 1]
    assert abs(now.mean()) < 4 * math.sqrt(variance / N_SAMPLES)
    for lag in lags:
        expected = closed_form(dt, lag)
        found = (now * x[:, burn_in - 1 + lag]).mean().item()
        error = math.sqrt((variance**2 + expected**2) / N_SAMPLES)  # of the product of two Gaussian variables
        assert abs(found - expected) < 4 * error, (lag, found, expected, error)


def test_the_error_bars_would_see_a_wrong_scale():
    """At dt = 20 ms the law and its limit for small dt differ by many standard errors of the test above."""
    distance = closed_form(20.0) - SIGMA**2
    assert distance > 20 * closed_form(20.0) * math.sqrt(2 / N_SAMPLES)


def test_the_transient_from_zero_has_the_closed_form_variance():
    """After k steps the variance is ``(1 - (1 - alpha)^(2k))`` of the stationary one."""
    dt, steps = 20.0, 8
    inputs = torch.zeros(N_TRIALS, steps, 1, dtype=torch.float64)
    with torch.no_grad():
        x = lone_units("current", "input", dt)(inputs, generator=torch.Generator().manual_seed(1)).state
    for k in (1, 2, 4, 8):
        expected = closed_form(dt) * (1 - (1 - dt / TAU) ** (2 * k))
        found = x[:, k - 1].square().mean().item()
        assert abs(found - expected) < 4 * expected * math.sqrt(2 / N_SAMPLES), k


def test_each_unit_follows_its_own_time_constant():
    tau = torch.tensor([20.0, 50.0, 200.0], dtype=torch.float64)
    network = CTRNN(
        1,
        3,
        1,
        tau=tau,
        dt=20.0,
        activation="identity",
        sigma_rec=SIGMA,
        init=Gaussian(0.0),
        dtype=torch.float64,
    )
    n = 40_000
    with torch.no_grad():
        x = network(
            torch.zeros(n, 80, 1, dtype=torch.float64), generator=torch.Generator().manual_seed(2)
        ).final
    expected = SIGMA**2 / (1 - 10.0 / tau)
    assert (abs(x.var(0) - expected) < 4 * expected * math.sqrt(2 / n)).all()
    correlation = torch.corrcoef(x.T) - torch.eye(3, dtype=torch.float64)
    assert correlation.abs().max() < 4 / math.sqrt(n)


@pytest.mark.parametrize("activation", ["tanh", "softplus"])
def test_both_sites_are_one_equation_in_current_form(activation):
    noise = torch.randn(4, 30, 10, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    inputs = torch.zeros(4, 30, 1, dtype=torch.float64)
    runs = [
        CTRNN(
            1,
            10,
            1,
            noise=site,
            activation=activation,
            sigma_rec=0.5,
            tau=[20.0, 200.0] * 5,
            dtype=torch.float64,
        )(inputs, noise=noise).state
        for site in ("input", "state")
    ]
    torch.testing.assert_close(*runs, rtol=1e-12, atol=1e-12)


def test_input_noise_passes_through_the_activation_in_rate_form_and_state_noise_does_not():
    dt, alpha = 20.0, 0.2
    xi = torch.randn(50, 1, N_UNITS, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    inputs = torch.zeros(50, 1, 1, dtype=torch.float64)
    inside = lone_units("rate", "input", dt, activation="relu")(inputs, noise=xi).rate
    beside = lone_units("rate", "state", dt, activation="relu")(inputs, noise=xi).rate
    torch.testing.assert_close(inside, alpha * torch.relu(math.sqrt(2 / alpha) * SIGMA * xi))
    torch.testing.assert_close(beside, math.sqrt(2 * alpha) * SIGMA * xi)
    assert (inside >= 0).all()
    assert (beside < 0).any()


def test_noise_strength_is_linear_in_sigma():
    noise = torch.randn(2, 20, 5, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    inputs = torch.zeros(2, 20, 1, dtype=torch.float64)
    one, three = (
        lone_units("current", "input", 20.0, n_units=5, sigma_rec=sigma)(inputs, noise=noise).state
        for sigma in (0.1, 0.3)
    )
    torch.testing.assert_close(three, 3 * one)


@pytest.mark.parametrize(("activation", "moment"), [("relu", torch.mean), ("tanh", torch.std)])
def test_rate_noise_with_the_input_has_no_limit_so_rescaling_it_warns(activation, moment):
    """Inside a curved activation the noise grows as ``1 / sqrt(dt)`` and the statistics change with it."""
    found = {}
    for dt in (50.0, 3.125):
        network = lone_units("rate", "input", dt, activation=activation)
        inputs = torch.zeros(100, math.ceil(5 * TAU / dt), 1, dtype=torch.float64)
        with torch.no_grad():
            found[dt] = moment(network(inputs, generator=torch.Generator().manual_seed(6)).final).item()
    if (
        activation == "relu"
    ):  # the mean of a rectified normal variable is proportional to its standard deviation
        assert found[3.125] / found[50.0] == pytest.approx(math.sqrt(50 / 3.125), rel=0.05)
    else:  # a saturated tanh passes ever less of it
        assert found[3.125] < 0.5 * found[50.0]
    network = lone_units("rate", "input", 20.0, activation=activation)
    with pytest.warns(UserWarning, match=r"grows as 1/sqrt\(dt\).*at dt=10 ms differ from those at dt=20 ms"):
        network.rescale_dt(10.0)
    assert network.noiseless().rescale_dt(10.0).dt == 10.0  # no warning: it would be an error here
    assert lone_units("rate", "state", 20.0, activation=activation).rescale_dt(10.0).sigma_rec == SIGMA


def test_noise_needs_an_explicit_source():
    network = lone_units("current", "input", 20.0)
    with pytest.raises(ValueError, match=r"sigma_rec=0\.7\).*Pass generator=torch\.Generator"):
        network(torch.zeros(1, 3, 1, dtype=torch.float64))


def test_noise_of_another_shape_is_refused_before_it_broadcasts():
    network = lone_units("current", "input", 20.0, n_units=4)
    with pytest.raises(
        ValueError, match=r"noise must be \(batch, time, unit\) = \(2, 3, 4\): got \(1, 3, 4\)"
    ):
        network(torch.zeros(2, 3, 1, dtype=torch.float64), noise=torch.zeros(1, 3, 4, dtype=torch.float64))


def test_noiseless_is_the_deterministic_network_and_leaves_the_original_noisy():
    network = CTRNN(2, 6, 1, sigma_rec=0.3, seed=1)
    quiet = network.noiseless()
    inputs = torch.ones(3, 10, 2)
    zero = torch.zeros(3, 10, 6)
    assert torch.equal(quiet(inputs).state, network(inputs, noise=zero).state)
    assert network.sigma_rec == 0.3
    with torch.no_grad():
        quiet.recurrent.raw.zero_()
    assert network.recurrent.raw.any()


def test_a_seed_gives_one_trajectory_and_another_seed_another():
    network, inputs = CTRNN(2, 6, 1, sigma_rec=0.3), torch.zeros(3, 10, 2)
    first, again, other = (
        network(inputs, generator=torch.Generator().manual_seed(s)).state for s in (0, 0, 1)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_drift_never_contains_noise():
    noisy = CTRNN(2, 6, 1, sigma_rec=0.3)
    state, u = torch.ones(6), torch.ones(2)
    assert torch.equal(noisy.drift(state, u), noisy.noiseless().drift(state, u))


def test_correlations_across_units_come_from_the_weights():
    """Stationary covariance of a linear network solves ``C = A C A' + 2 alpha sigma^2 I``."""
    alpha, n = 0.2, 60_000
    W = torch.tensor([[0.2, 0.8], [0.3, 0.1]], dtype=torch.float64)
    network = CTRNN(1, 2, 1, activation="identity", sigma_rec=SIGMA, dtype=torch.float64)
    network.W_rec = W
    with torch.no_grad():
        x = network(
            torch.zeros(n, 80, 1, dtype=torch.float64), generator=torch.Generator().manual_seed(7)
        ).final
    A = np.eye(2) * (1 - alpha) + alpha * W.numpy()
    kick = 2 * alpha * SIGMA**2 * np.eye(2)
    C = np.linalg.solve(np.eye(4) - np.kron(A, A), kick.ravel()).reshape(2, 2)
    error = np.sqrt((np.outer(np.diag(C), np.diag(C)) + C**2) / n)
    assert (np.abs(np.cov(x.T.numpy()) - C) < 4 * error).all()
    assert abs(C[0, 1]) > 4 * error[0, 1]
