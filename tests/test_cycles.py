"""Limit cycles: closed forms, agreement with plain simulation, unstable ones, and searches that find none."""

import copy

import numpy as np
import pytest
import torch
import xarray as xr
from scipy.integrate import solve_ivp

import neurornn
from neurornn.analysis._system import freeze
from neurornn.analysis.cycles import find_cycles, find_map_cycles, plot_cycles
from neurornn.analysis.cycles._flow import Flow
from neurornn.analysis.cycles._shooting import shoot
from neurornn.analysis.systems import Drift, StepMap


def rotor(growth, omega: float = 1.0, *, dt: float = 1.0) -> Drift:
    """A rotation whose radius changes by growth(radius squared) times the radius."""

    def drift(state: torch.Tensor, input: torch.Tensor) -> torch.Tensor:
        x, y = state.unbind(-1)
        g = growth(x**2 + y**2)
        return torch.stack([g * x - omega * y, omega * x + g * y], -1)

    return Drift(drift, n_units=2, dt=dt)


def van_der_pol(mu: float) -> Drift:
    def drift(state: torch.Tensor, input: torch.Tensor) -> torch.Tensor:
        x, y = state.unbind(-1)
        return torch.stack([y, mu * (1 - x**2) * y - x], -1)

    return Drift(drift, n_units=2)


def oscillator() -> neurornn.CTRNN:
    """An excitatory and an inhibitory unit."""
    network = neurornn.CTRNN(1, 2, 1, tau=20.0, dt=1.0, activation="tanh", bias=False, dtype=torch.float64)
    network.W_rec = torch.tensor([[3.0, -4.0], [4.0, 1.0]], dtype=torch.float64)
    return network


def simulated_period(network, start: list[float], n: int, longest: float) -> float:
    """Time between upward passes of the first unit through 0, by scipy alone."""

    def slope(t: float, x: np.ndarray) -> np.ndarray:
        u = torch.zeros(1, network.n_inputs, dtype=torch.float64)
        return network.drift(torch.as_tensor(x)[None], u)[0].detach().numpy()

    upward = lambda t, x: x[0]
    upward.direction = 1.0
    run = solve_ivp(slope, (0, longest), start, method="DOP853", rtol=1e-11, atol=1e-12, events=upward)
    passes = run.t_events[0]
    return (passes[-1] - passes[-1 - n]) / n


@pytest.mark.parametrize(("mu", "omega", "steps"), [(1.0, 1.0, (0.1, 1.0, 7.0)), (0.25, 3.0, (1.0,))])
def test_the_normal_form_of_the_hopf_bifurcation(mu: float, omega: float, steps: tuple[float, ...]) -> None:
    results = []
    for dt in steps:
        found = find_cycles(rotor(lambda s: mu - s, omega, dt=dt), [[0.6, 0.0], [0.0, -1.0]])
        assert found.n_cycles == 1 and found.attrs["verdict"] == "1 cycle found, 1 of them stable"
        period = 2 * np.pi / omega
        assert found.period.item() == pytest.approx(period, rel=1e-11)
        assert found.frequency.item() == pytest.approx(1e3 / period, rel=1e-11)
        np.testing.assert_allclose(np.linalg.norm(found.orbit[0], axis=-1), np.sqrt(mu), rtol=1e-10)
        angle = np.unwrap(np.arctan2(*found.orbit.values[0].T[::-1]))
        np.testing.assert_allclose(np.diff(angle), 2 * np.pi / 128, rtol=1e-8)
        np.testing.assert_allclose(found.multiplier.values[0], [1, np.exp(-2 * mu * period)], atol=1e-10)
        assert found.trivial_error.item() < 1e-10 and found.residual.item() < 1e-9
        results.append(found.drop_attrs())
    for other in results[1:]:
        xr.testing.assert_identical(results[0], other)  # the flow knows no dt


def test_the_oscillator_of_van_der_pol_agrees_with_plain_integration() -> None:
    network = van_der_pol(1.0)
    found = find_cycles(network, [1.0, 0.5])
    expected = simulated_period(network, [2.0, 0.0], 5, 100.0)
    assert found.period.item() == pytest.approx(expected, rel=1e-8)
    assert found.period.item() == pytest.approx(6.66328686, abs=1e-8)
    x = found.orbit.values[0, :, 0]  # a second way: the multiplier is exp of the integral of the divergence
    assert found.multiplier.values[0, 1].real == pytest.approx(
        np.exp(found.period.item() * (1 - x**2).mean()), rel=1e-6
    )
    assert x.max() == pytest.approx(2.0086, abs=1e-3)


def test_an_excitatory_inhibitory_pair_agrees_with_a_long_simulation() -> None:
    network = oscillator()
    found = find_cycles(network, [0.3, 0.0], input=[0.0])
    assert found.period.item() == pytest.approx(simulated_period(network, [0.3, 0.0], 10, 2500.0), rel=1e-8)
    slopes = 1 / np.cosh(found.orbit.values[0]) ** 2
    divergence = (slopes @ [3.0, 1.0] - 2) / 20
    expected = np.exp(found.period.item() * divergence.mean())
    assert found.multiplier.values[0, 1].real == pytest.approx(expected, rel=1e-8)
    assert found.stable.item() and found.frequency.item() == pytest.approx(1e3 / found.period.item())


def test_unstable_cycles_are_found_beside_stable_ones() -> None:
    found = find_cycles(rotor(lambda s: -0.1 + s - s**2, 2.0), [[0.3, 0.0], [0.4, 0.0], [1.0, 0.0]])
    square = (1 + np.array([1, -1]) * np.sqrt(0.6)) / 2
    radius = np.linalg.norm(found.orbit.values, axis=-1)
    assert found.stable.values.tolist() == [True, False] and found.n_unstable.values.tolist() == [0, 1]
    np.testing.assert_allclose(radius.mean(1), np.sqrt(square), rtol=1e-9)
    np.testing.assert_allclose(
        found.multiplier.values[:, 1].real, np.exp(2 * np.pi * square * (1 - 2 * square)), rtol=1e-8
    )
    alone = find_cycles(rotor(lambda s: s - 0.25), [0.45, 0.0])  # subcritical: nothing stable around
    assert alone.attrs["verdict"] == "1 cycle found, 0 of them stable"
    assert np.linalg.norm(alone.orbit.values, axis=-1) == pytest.approx(0.5, abs=1e-9)
    assert alone.multiplier.values[0, 1].real == pytest.approx(np.exp(np.pi), rel=1e-8)


def test_a_saddle_cycle_and_a_very_unstable_one() -> None:
    flat = rotor(lambda s: 1 - s)

    def drift(state: torch.Tensor, input: torch.Tensor) -> torch.Tensor:
        z = state[..., 2:]
        return torch.cat([flat.drift(state[..., :2], input), 2 * z], -1)

    found = find_cycles(Drift(drift, n_units=3), [0.99, 0.0, 1e-6])
    assert found.n_unstable.values.tolist() == [1] and not found.stable.item()
    trivial, growing, shrinking = found.multiplier.values[0]
    assert growing.real == pytest.approx(np.exp(4 * np.pi), rel=1e-7)  # 2.9e5 in one period
    assert trivial.real == pytest.approx(1, abs=1e-6) and abs(shrinking) < 1e-4


def test_where_there_is_no_cycle_the_search_says_so() -> None:
    found = find_cycles(rotor(lambda s: -1 - s), [[1.0, 0.0], [0.0, 2.0]])
    assert found.n_cycles == 0 and found.sizes["cycle"] == 0
    assert found.attrs["verdict"] == "no cycle found: of 2 trajectories 2 came to rest"
    assert not found.candidate_converged.values.any() and (found.candidate_cycle == -1).all()
    away = find_cycles(rotor(lambda s: 1 + 0 * s), [1.0, 0.0])
    assert away.attrs["verdict"] == "no cycle found: of 1 trajectories 1 ran away"


def test_a_continuum_of_cycles_is_marginal() -> None:
    found = find_cycles(rotor(lambda s: 0 * s), [0.3, 0.0])
    assert found.marginal.values.all() and not found.stable.values.any()
    assert found.period.values[0] == pytest.approx(2 * np.pi, rel=1e-9)


def test_a_loop_run_through_twice_is_given_its_least_period() -> None:
    system = rotor(lambda s: 1 - s)
    flow = Flow(freeze(system, 2), np.zeros(0), np.ones((1, 2)))
    turns = 2 * np.arange(16) * 2 * np.pi / 16
    twice = shoot(flow, np.stack([np.cos(turns), np.sin(turns)], 1), 4 * np.pi, 128)
    assert not isinstance(twice, str) and twice.period == pytest.approx(2 * np.pi, rel=1e-9)


def test_the_network_is_left_untouched() -> None:
    network = oscillator()
    before = copy.deepcopy(network.state_dict())
    find_cycles(network, [0.3, 0.0])
    assert all(torch.equal(each, before[name]) for name, each in network.state_dict().items())
    assert network.training and all(p.requires_grad for p in network.parameters())


def test_cycles_of_the_logistic_map() -> None:
    r = 3.5
    found = find_map_cycles(StepMap(lambda x, u: r * x * (1 - x), n_units=1, dt=5.0), [[0.3], [0.4]])
    two, four = found.isel(cycle=0), found.isel(cycle=1)
    assert found.n_steps.values[:2].tolist() == [2, 4] and found.period.values[:2].tolist() == [10.0, 20.0]
    exact = np.sort(np.roots([r**2, -r * (r + 1), r + 1]))
    np.testing.assert_allclose(np.sort(two.orbit.values.ravel()[:2]), exact, atol=1e-12)
    assert np.isnan(two.orbit.values.ravel()[2:]).all()
    assert two.multiplier.item().real == pytest.approx(4 + 2 * r - r**2, abs=1e-10)
    assert not two.stable.item() and four.stable.item()
    x = 0.3
    for _ in range(5000):
        x = r * x * (1 - x)
    assert np.abs(four.orbit.values[:4, 0] - x).min() < 1e-10
    assert (found.residual.values < 1e-12).all()
    text = found.candidate_status.values
    assert set(text.ravel()) <= {"cycle", "fixed point", "did not converge"}


def test_a_step_that_is_too_long_makes_a_cycle_of_the_map_alone() -> None:
    def leak(dt: float) -> Drift:
        return Drift(lambda x, u: -x - torch.tanh(x), n_units=1, dt=dt)

    found = find_map_cycles(leak(1.5), [0.7], n_steps=[2])
    a, b = found.orbit.values[0, :, 0]
    assert found.stable.item() and a == pytest.approx(-b) and abs(a) > 0.1
    assert abs(a) == pytest.approx(1.5 * (abs(a) + np.tanh(abs(a))) - abs(a), abs=1e-10)
    short = find_map_cycles(leak(0.1), [0.7], n_steps=[2])
    assert short.n_cycles == 0 and (short.candidate_status == "fixed point").any()


def test_what_makes_no_sense_is_refused() -> None:
    network = oscillator()
    with pytest.raises(ValueError, match=r"must hold 2 units.*got shape \(1, 3\)"):
        find_cycles(network, [0.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="one finite number for each channel"):
        find_cycles(network, [0.1, 0.0], input=[1.0, 2.0])
    with pytest.raises(ValueError, match="a multiple of 16: got 20"):
        find_cycles(network, [0.1, 0.0], n_phases=20)
    with pytest.raises(ValueError, match="a time in ms, above 0: got -1"):
        find_cycles(network, [0.1, 0.0], duration=-1.0)
    with pytest.raises(ValueError, match="noiseless"):
        find_cycles(neurornn.CTRNN(1, 2, 1, sigma_rec=0.1), [0.1, 0.0])
    with pytest.raises(ValueError, match="lengths of at least 2"):
        find_map_cycles(network, [0.1, 0.0], n_steps=[1])


@pytest.mark.parametrize("n", [0, 1])
def test_results_survive_a_file_and_can_be_drawn(n: int, tmp_path) -> None:
    found = find_cycles(rotor(lambda s: (1 if n else -1) - s), [0.6, 0.0])
    found.to_netcdf(tmp_path / "cycles.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "cycles.nc", engine="h5netcdf") as again:
        xr.testing.assert_equal(found, again.load())
    ax = plot_cycles(found)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("state of unit 0", "state of unit 1")
    assert len(ax.get_lines()) == n
    if n:
        assert ax.get_lines()[0].get_linestyle() == "-"
        assert [each.get_text() for each in ax.get_legend().get_texts()] == ["stable, 6.283 ms"]
        with pytest.raises(ValueError, match="two units from 0 to 1"):
            plot_cycles(found, projection=(0, 5))
    else:
        assert ax.get_title() == "no cycle found"
