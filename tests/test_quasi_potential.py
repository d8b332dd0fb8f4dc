"""Quasi-potential: where it is the exact energy, how a time step bends it, and where no energy gives it."""

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray

import neurornn
from neurornn.analysis.landscape import (
    Plane,
    agreement,
    energy,
    noisy_states,
    plot_quasi_potential,
    potential,
    quasi_potential,
)
from neurornn.analysis.systems import Drift
from neurornn.storage import read_dataset, write_dataset

FLAT = Plane(np.zeros(2), np.eye(2), ("unit 0", "unit 1"))
W = np.array([[0.3, 0.2], [0.2, 0.1]])


def noisy(matrix: ArrayLike, *, dt: float, sigma: float, activation: str = "identity") -> neurornn.CTRNN:
    weights = torch.as_tensor(np.array(matrix, dtype=np.float64))
    network = neurornn.CTRNN(
        1,
        len(weights),
        1,
        tau=100.0,
        dt=dt,
        activation=activation,
        sigma_rec=sigma,
        bias=False,
        dtype=torch.float64,
    )
    network.W_rec = weights
    return network


def normal_runs(
    n_runs: int, n_times: int, n_units: int = 1, seed: int = 0, shift: float = 0.0
) -> xr.DataArray:
    values = np.random.default_rng(seed).normal(size=(n_runs, n_times, n_units))
    values[:, n_times // 2 :] += shift
    return xr.DataArray(values, dims=("trial", "time", "unit"))


@pytest.mark.parametrize("dt", [10.0, 50.0, 100.0])
def test_a_linear_network_is_distributed_by_its_energy_up_to_the_exact_bias_of_its_step(dt: float) -> None:
    r"""p ~ exp(-E/sigma^2) as dt -> 0; at finite dt the covariance is sigma^2 [K (I - alpha K / 2)]^-1, K = I - W."""
    network, K = noisy(W, dt=dt, sigma=0.3), np.eye(2) - W
    states = noisy_states(
        network, input=[0.0], starts=[[0, 0], [1, 1]], duration=40_000, burn_in=2000, every=100, n_runs=80
    )
    found = quasi_potential(states, FLAT, bins=17)

    def by_energy(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return energy(network.noiseless(), x, input=[0.0]).energy.values / 0.3**2

    def stepped(x: NDArray[np.float64]) -> NDArray[np.float64]:
        bent = K @ (np.eye(2) - dt / 200 * K)
        return 0.5 * np.einsum("...i,ij,...j", x, bent, x) / 0.3**2

    exact = agreement(found, stepped)
    assert abs(exact.slope - 1) < 4 * exact.slope_error and exact.slope_error < 0.01
    assert 0.5 < float((exact.z**2).mean()) < 2
    plain = agreement(found, by_energy)
    off = float((1 - plain.slope) / plain.slope_error)
    assert off > 5  # the bias of the step is seen
    assert 0.25 * dt / 100 < 1 - plain.slope < 0.5 * dt / 100  # and is of first order
    assert found.p_halves > 0.01 and found.p_starts > 0.01 and found.outside == pytest.approx(0)


def test_decoupled_curved_units_follow_their_potential_and_not_their_energy() -> None:
    sigma, dt = 0.55, 2.0
    network = noisy(np.diag([1.4, 0.5]), dt=dt, sigma=sigma, activation="tanh")
    states = noisy_states(
        network,
        input=[0.0],
        starts=[[1.3, 0.0], [-1.3, 0.0]],
        duration=40_000,
        burn_in=4000,
        every=50,
        n_runs=60,
    )
    found = quasi_potential(states, FLAT, bins=15)
    assert found.p_halves > 0.01 and found.p_starts > 0.01  # both wells are visited

    def by_potential(x: NDArray[np.float64]) -> NDArray[np.float64]:
        flat = potential(network.noiseless(), x.reshape(-1, 2), input=[0.0]).potential.values
        return flat.reshape(x.shape[:-1]) * 100 / sigma**2  # D = sigma^2 / tau

    def by_energy(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return energy(network.noiseless(), x, input=[0.0]).energy.values / sigma**2

    right, wrong = agreement(found, by_potential, min_count=200), agreement(found, by_energy, min_count=200)
    assert abs(right.slope - 1) < 4 * right.slope_error + dt / 100 and right.slope_error < 0.03
    assert (wrong.slope - 1) > 20 * wrong.slope_error
    assert float((wrong.z**2).mean()) > 5 * float((right.z**2).mean())


def test_motion_down_the_energy_in_rates_is_distributed_by_it() -> None:
    r"""With dr = -grad E(r) / tau dt + noise of intensity D, p(r) ~ exp(-E / (tau D)), coupled and curved as it may be."""
    coupled = np.array([[1.6, -0.5], [-0.5, 1.2]])
    rated = neurornn.CTRNN(
        1, 2, 1, tau=100.0, activation="tanh", form="rate", bias=False, dtype=torch.float64
    )
    rated.W_rec = torch.as_tensor(coupled)
    tau, D = 100.0, 6e-4

    def down(r: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        wall = torch.atanh(r.clamp(-1 + 1e-9, 1 - 1e-9))
        return (r @ torch.as_tensor(coupled) - wall) / tau

    system = Drift(down, n_units=2, dt=0.5)
    starts = [[0.5, -0.5], [-0.5, 0.5]]
    states = noisy_states(
        system, input=[], starts=starts, duration=6000, burn_in=800, every=20, n_runs=150, diffusion=D
    )
    found = quasi_potential(states, FLAT, bins=14, limits=(-0.9, 0.9, -0.9, 0.9))

    def by_energy(r: NDArray[np.float64]) -> NDArray[np.float64]:
        return energy(rated, r, input=[0.0]).energy.values / (tau * D)

    exact = agreement(found, by_energy, min_count=200)
    assert abs(exact.slope - 1) < 4 * exact.slope_error + 0.01 and exact.slope_error < 0.03


def test_a_curved_coupled_network_has_an_energy_but_is_not_distributed_by_it() -> None:
    network = noisy([[1.2, 0.4], [0.4, 0.3]], dt=4.0, sigma=0.6, activation="tanh")
    states = noisy_states(
        network, input=[0.0], starts=[[1, 0], [-1, 0]], duration=60_000, burn_in=2000, every=80, n_runs=60
    )
    found = quasi_potential(states, FLAT, bins=13)
    claimed = agreement(
        found, lambda x: energy(network.noiseless(), x, input=[0.0]).energy.values / 0.6**2, min_count=200
    )
    assert float((claimed.z**2).mean()) > 5 and abs(claimed.slope - 1) > 4 * claimed.slope_error
    with pytest.raises(ValueError, match="no gradient"):
        potential(network.noiseless(), [[1.0, 0.5]], input=[0.0])


def test_a_unit_alone_has_the_closed_form_along_its_axis() -> None:
    network = noisy([[0.0]], dt=50.0, sigma=0.2)
    states = noisy_states(
        network, input=[0.0], starts=[[0.0]], duration=50_000, burn_in=1000, n_runs=60, every=100
    )
    found = quasi_potential(states, [1.0], bins=21)
    variance = 0.2**2 / (1 - 0.5 / 2)
    exact = agreement(found, lambda x: x[..., 0] ** 2 / (2 * variance))
    assert abs(exact.slope - 1) < 4 * exact.slope_error and exact.slope_error < 0.03
    assert float(found.density.sum()) * float(found.x[1] - found.x[0]) == pytest.approx(1)
    assert float(found.quasi_potential.min()) == 0 and found.attrs["n_runs"] == 60
    twice = quasi_potential(states, [2.0], bins=21)
    np.testing.assert_allclose(twice.quasi_potential, found.quasi_potential)
    np.testing.assert_allclose(twice.x, 2 * found.x, atol=1e-8)


def test_errors_over_runs_are_as_large_as_the_spread_of_repetitions() -> None:
    """Also where samples of a run hang together, and a count of samples would be taken for far too many."""
    together = [
        normal_runs(20, 200, seed=k) + 0.7 * normal_runs(20, 1, seed=1000 + k).values for k in range(60)
    ]
    found = [quasi_potential(each, [1.0], bins=6, limits=(-2, 2), n_permutations=9) for each in together]
    logs = np.array([np.log(f.density) for f in found])
    errors = np.array([f.error.values for f in found])
    spread = logs.std(0, ddof=1)
    np.testing.assert_allclose(np.sqrt((errors**2).mean(0)), spread, rtol=0.35)
    naive = 1 / np.sqrt(np.array([f["count"].sum("trial") for f in found]).mean(0))
    assert (spread[[0, -1]] > 2 * naive[[0, -1]]).all()


def test_the_tests_of_equilibrium_keep_their_level_and_notice() -> None:
    rng = np.random.default_rng(5)
    p_halves, p_starts = [], []
    for k in range(150):
        data = normal_runs(12, 40, seed=k) + rng.normal(size=(12, 1, 1))
        found = quasi_potential(
            data.assign_coords(start=("trial", np.arange(12) % 3)), [1.0], bins=5, n_permutations=99, seed=k
        )
        p_halves.append(found.p_halves)
        p_starts.append(found.p_starts)
    for p in (p_halves, p_starts):
        assert 0 < np.mean(np.array(p) <= 0.1) < 0.19 and 0.4 < np.mean(p) < 0.6
    drifting = quasi_potential(normal_runs(20, 100, shift=0.5), [1.0], bins=8)
    assert drifting.p_halves == 0.001 and np.isnan(drifting.p_starts)
    trapped = noisy(np.diag([2.0]), dt=10.0, sigma=0.1, activation="tanh")
    apart = noisy_states(trapped, input=[0.0], starts=[[1.9], [-1.9]], duration=4000, burn_in=1000, n_runs=8)
    caught = quasi_potential(apart, [1.0])
    assert caught.p_starts < 0.01 < caught.p_halves and caught.variation_starts > 0.4


def test_runs_are_reproducible_and_kept_at_the_times_they_say() -> None:
    network = noisy(W, dt=10.0, sigma=0.3)
    options = {"input": [0.0], "starts": [[1.0, 0.0], [0.0, 2.0]], "duration": 200.0, "n_runs": 3}
    one = noisy_states(network, **options)
    xr.testing.assert_identical(one, noisy_states(network, **options))
    assert not np.array_equal(one, noisy_states(network, **options, seed=1))
    assert one.start.values.tolist() == [0, 0, 0, 1, 1, 1] and one.time.values[[0, -1]].tolist() == [
        10.0,
        200.0,
    ]
    sparse = noisy_states(network, **options, every=50.0)
    np.testing.assert_array_equal(sparse, one[:, 4::5])
    np.testing.assert_array_equal(sparse.time, one.time[4::5])
    quiet = Drift(lambda x, _: -x / 100, n_units=2, dt=10.0)
    white = noisy_states(quiet, input=[], starts=options["starts"], duration=200.0, n_runs=3, diffusion=1e-30)
    np.testing.assert_allclose(white[0, :, 0], 0.9 ** np.arange(1, 21), rtol=1e-9)
    burnt = noisy_states(quiet, input=[], starts=[[1.0, 0.0]], duration=50.0, burn_in=100.0, diffusion=1e-30)
    np.testing.assert_allclose(burnt[0, :, 0], 0.9 ** np.arange(11, 16), rtol=1e-9)
    assert burnt.time.values.tolist() == [110.0, 120.0, 130.0, 140.0, 150.0]


def test_white_noise_has_the_intensity_asked_for() -> None:
    still = Drift(lambda x, _: 0 * x, n_units=1, dt=2.0)
    states = noisy_states(still, input=[], starts=[[0.0]], duration=200.0, n_runs=4000, diffusion=0.03)
    np.testing.assert_allclose(states.var("trial")[:, 0], 2 * 0.03 * states.time, rtol=0.12)


def test_padding_is_passed_over_and_what_is_outside_is_told(tmp_path: Path) -> None:
    data = normal_runs(10, 50, n_units=2)
    padded = xr.concat([data, np.nan * data], "time")
    options = {"bins": 6, "limits": (-1.0, 1.0, -2.0, 2.0)}
    whole, found = (quasi_potential(each, FLAT, **options) for each in (data, padded))
    np.testing.assert_array_equal(whole.quasi_potential, found.quasi_potential)
    inside = (np.abs(data.values) < [1.0, 2.0]).all(-1)
    assert found.outside == pytest.approx(1 - inside.mean())
    corner = (data.values[..., 0] < -2 / 3) & (data.values[..., 1] < -4 / 3) & inside
    assert int(found["count"].isel(x=0, y=0).sum()) == corner.sum() > 0
    as_dataset = quasi_potential(data.to_dataset(name="state"), FLAT, **options)
    xr.testing.assert_identical(as_dataset.drop_attrs(), whole.drop_attrs())
    write_dataset(tmp_path / "phi.nc", whole)
    xr.testing.assert_identical(read_dataset(tmp_path / "phi.nc").load().drop_attrs(), whole.drop_attrs())


def test_pictures_leave_out_what_is_not_known() -> None:
    one = quasi_potential(normal_runs(10, 200), [1.0], bins=15)
    axes = plot_quasi_potential(one)
    assert axes.get_xlabel() == "position along the axis" and axes.get_ylabel() == "quasi-potential"
    drawn = np.asarray(axes.lines[0].get_ydata())
    np.testing.assert_array_equal(np.isnan(drawn), ~(one.error <= 3))
    assert "halves p = " in axes.get_title(loc="right")
    flat = quasi_potential(normal_runs(10, 400, n_units=2), FLAT, bins=9)
    axes = plot_quasi_potential(flat)
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("unit 0", "unit 1")
    assert axes.child_axes[0].get_ylabel() == "quasi-potential"


def test_wrong_requests_are_refused() -> None:
    network, data = noisy(W, dt=10.0, sigma=0.3), normal_runs(10, 20)
    quiet = network.noiseless()
    options = {"input": [0.0], "starts": [[0.0, 0.0]], "duration": 100.0}
    with pytest.raises(ValueError, match=r"of one kind.*Got sigma_rec=0 and diffusion=None"):
        noisy_states(quiet, **options)
    with pytest.raises(ValueError, match=r"Got sigma_rec=0.3 and diffusion=1"):
        noisy_states(network, **options, diffusion=1.0)
    with pytest.raises(ValueError, match=r"\(start, unit\) of 2 units: got shape \(1, 3\)"):
        noisy_states(network, input=[0.0], starts=[[0.0] * 3], duration=100.0)
    with pytest.raises(ValueError, match=r"duration >= every >= dt=10 ms.*got duration=100.0, every=1.0"):
        noisy_states(network, **options, every=1.0)
    with pytest.raises(ValueError, match=r"over trial, time and unit: got"):
        quasi_potential(data.rename(unit="neuron"), [1.0])
    with pytest.raises(ValueError, match="at least 4 are needed, and bins >= 2: got 3 and 40"):
        quasi_potential(data[:3], [1.0])
    with pytest.raises(ValueError, match=r"one axis of 1 numbers that are not all 0: got shape \(2,\)"):
        quasi_potential(data, [1.0, 0.0])
    with pytest.raises(ValueError, match=r"limits takes 2 numbers for 1 axes"):
        quasi_potential(data, [1.0], limits=(0.0, 1.0, 0.0, 1.0))
    with pytest.raises(ValueError, match="No state lies within limits"):
        quasi_potential(data, [1.0], limits=(50.0, 60.0))
    found = quasi_potential(data, [1.0], bins=6)
    with pytest.raises(
        ValueError, match=r"must map coordinates \(6, 6, 1\) to numbers \(6, 6\): got shape \(6, 6, 1\)"
    ):
        agreement(found, lambda x: x)
    with pytest.raises(ValueError, match=r"Only 0 bins have 5000 samples"):
        agreement(found, lambda x: x[..., 0] ** 2, min_count=5000)
