"""Basins and edge states: closed forms, two independent ways, and states that reach no fixed point."""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import chi2

import neurornn
from neurornn.analysis import fixed_points, landscape
from neurornn.analysis._system import freeze
from neurornn.analysis.landscape import Box, Given, Normal, Ode, Plane, Steps, _basins
from neurornn.analysis.landscape._fractions import _precise, clopper_pearson
from neurornn.analysis.landscape._held import with_weights_held
from neurornn.analysis.landscape._trap import inside, trap
from neurornn.analysis.systems import Drift, StepMap
from neurornn.storage import read_dataset, write_dataset

FLAT = Plane(np.zeros(2), np.eye(2))
OUTCOMES = ["fixed point", "cycle", "moving", "diverged", "undecided"]


def network_of(
    W: NDArray[np.float64] | list[list[float]],
    bias: list[float] | float = 0.0,
    *,
    dt: float = 20.0,
    activation: str = "tanh",
    form: str = "current",
) -> neurornn.CTRNN:
    matrix = torch.as_tensor(np.array(W, dtype=np.float64))
    network = neurornn.CTRNN(
        1, len(matrix), 1, tau=100.0, dt=dt, activation=activation, form=form, dtype=torch.float64
    )
    network.W_rec = matrix
    with torch.no_grad():
        network.bias.copy_(torch.as_tensor(bias).expand(len(matrix)))
    return network


def threshold(w: float, b: float) -> float:
    """The unstable fixed point of a lone unit, between its two folds."""
    fold = np.arccosh(np.sqrt(w))
    return float(brentq(lambda x: w * np.tanh(x) - x + b, -fold, fold, xtol=1e-14))


def cloud(n_units: int, n: int = 200, size: float = 2.0) -> NDArray[np.float64]:
    return size * np.random.default_rng(0).normal(size=(n, n_units))


@pytest.mark.parametrize(("motion", "dt"), [(Steps(), 2.0), (Steps(), 20.0), (Steps(), 100.0), (Ode(), 20.0)])
def test_boundaries_lie_at_the_unstable_roots_whatever_the_time_step(motion: Steps | Ode, dt: float) -> None:
    network = network_of(2 * np.eye(2), [0.2, -0.3], dt=dt)
    n, extent = (5, 21)[dt > 2 and motion.discrete], (-2.0, 2.0, -2.0, 2.0)
    found = landscape.basins(network, FLAT, input=[0.0], extent=extent, n=n, motion=motion, n_bisections=14)
    roots = [threshold(2, 0.2), threshold(2, -0.3)]
    place = np.stack([found.boundary_x, found.boundary_y], 1)
    off = np.abs(place - roots)
    assert len(place) == 2 * n
    assert (off.min(1) <= found.boundary_error.values * 1.0001).all()
    assert found.boundary_error.max() < 1e-4
    share = [(2 - roots[0]) / 4, (2 - roots[1]) / 4]
    exact = {(1, 1): share[0] * share[1], (0, 1): (1 - share[0]) * share[1]}
    exact |= {(1, 0): share[0] * (1 - share[1]), (0, 0): (1 - share[0]) * (1 - share[1])}
    for k, state in enumerate(found.state.values):
        one = found.isel(attractor_index=k)
        value = exact[tuple((state > 0).astype(int))]
        assert one.fraction_low - 1e-12 <= value <= one.fraction_high + 1e-12
        assert one.fraction_low < one.fraction < one.fraction_high
    assert (found.neighbourhood == "certified").all() and not found.given.any()
    assert float(found.outcome_fraction.sel(outcome_kind="fixed point")) == pytest.approx(1)


def test_the_boundary_of_a_winner_take_all_circuit_is_its_diagonal() -> None:
    network = network_of([[1.2, -1.5], [-1.5, 1.2]], 0.3)
    found = landscape.basins(network, FLAT, input=[0.0], extent=(-2.1, 2, -2, 2.1), n=16)
    assert found.sizes["attractor_index"] == 2
    np.testing.assert_allclose(found.boundary_x, found.boundary_y, atol=2 * float(found.boundary_error.max()))
    np.testing.assert_allclose(found.state.values[0], found.state.values[1, ::-1], atol=1e-9)
    biased = network_of([[1.2, -1.5], [-1.5, 1.2]], [0.3, 0.2])  # and the diagonal is nothing special
    other = landscape.basins(biased, FLAT, input=[0.0], extent=(-2.1, 2, -2, 2.1), n=16)
    assert np.abs(other.boundary_x - other.boundary_y).min() > 0.01


def test_three_independent_bits_have_basins_of_an_eighth() -> None:
    network, box = network_of(2 * np.eye(3)), Box(-2 * np.ones(3), 2 * np.ones(3))
    found = landscape.basin_fractions(network, box, input=[0.0], n=1500, seed=1)
    assert found.sizes["attractor_index"] == 8
    octant = (found.start.values > 0) @ [4, 2, 1]
    of_attractor = (found.state.values > 0) @ [4, 2, 1]
    np.testing.assert_array_equal(of_attractor[found.basin_of_sample.values], octant)

    def distance(shares: NDArray[np.float64]) -> float:
        off = (found.fraction.values - shares)[:7]  # the last of 8 follows from the others
        return float(off @ np.linalg.solve(found.covariance.values[:7, :7], off))

    assert distance(np.r_[np.full(8, 1 / 8), np.zeros(4)]) < chi2.ppf(0.999, 7)
    up = np.where(found.state.values > 0, 0.55, 0.45).prod(1)  # boundaries moved by a twentieth of the box
    assert distance(np.r_[up, np.zeros(4)]) > chi2.ppf(0.999, 7)
    assert (found.fraction_low < 1 / 8).sum() >= 7
    assert found.unseen_below == pytest.approx(1 - 0.05 ** (1 / 1500))
    np.testing.assert_allclose(found.covariance.sum(), 0, atol=1e-15)


def test_the_area_on_a_grid_is_the_share_of_independent_states() -> None:
    W = [[1.9, -0.2], [0.15, 2.1]]
    network, extent = network_of(W, [0.15, -0.1]), (-2.0, 2.0, -2.0, 2.0)
    grid = landscape.basins(network, FLAT, input=[0.0], extent=extent, n=61, n_bisections=0)
    drawn = landscape.basin_fractions(
        network, Box([-2, -2], [2, 2]), input=[0.0], attractors=grid.state.values, n=3000, seed=2
    )
    n = grid.sizes["attractor_index"]
    assert n >= 3 and drawn.given.all()
    low, high = drawn.fraction_low.values[:n], drawn.fraction_high.values[:n]
    inside_interval = (low <= grid.fraction) & (grid.fraction <= high)
    assert inside_interval.all()
    wrong = network_of(W, [0.3, -0.1])
    moved = landscape.basins(wrong, FLAT, input=[0.0], extent=extent, n=61, n_bisections=0)
    where = [int(np.linalg.norm(moved.state.values - s, axis=1).argmin()) for s in grid.state.values]
    share = moved.fraction.values[where]
    assert not ((low <= share) & (share <= high)).all()


def test_the_distribution_is_part_of_the_answer() -> None:
    network = network_of(2 * np.eye(1), 0.2)
    root = threshold(2, 0.2)
    from scipy.stats import norm

    for sampler, exact in (
        (Box([-1.0], [3.0]), (root + 1) / 4),
        (Normal([0.5], 0.7), norm.cdf((root - 0.5) / 0.7)),
        (Normal([0.5], [[0.49]]), norm.cdf((root - 0.5) / 0.7)),
        (Given([[-1.0], [-0.5], [0.0], [2.0]]), 0.5),
    ):
        found = landscape.basin_fractions(network, sampler, input=[0.0], attractors=[[-1.66], [2.15]])
        assert found.fraction_low[0] < exact < found.fraction_high[0]
        assert found.n == (4 if isinstance(sampler, Given) else 2048)


def test_clopper_pearson_is_never_too_narrow_nor_is_stopping_early() -> None:
    low, high = clopper_pearson(np.array([0, 5, 10]), 10, 0.95)
    np.testing.assert_allclose([low[0], high[2]], [0, 1])
    np.testing.assert_allclose([low[1], high[1]], [0.187086, 0.812914], atol=1e-6)
    rng = np.random.default_rng(3)
    for p in (0.02, 0.125, 0.5):
        hits = 0
        for _ in range(1000):
            x = rng.random(4096) < p
            for n in (256, 512, 1024, 2048, 4096):
                count = np.array([x[:n].sum(), n - x[:n].sum()])
                if _precise(count, 0.02, 0.95):
                    break
            a, b = clopper_pearson(count[:1], n, 0.95)
            hits += bool(a[0] <= p <= b[0])
        assert hits >= 930, p


def test_no_more_states_are_drawn_than_needed_and_they_are_the_same_ones() -> None:
    network, box = network_of(2 * np.eye(2)), Box([-2, -2], [2, 2])
    few = landscape.basin_fractions(network, box, input=[0.0], n=4096, precision=0.05)
    many = landscape.basin_fractions(network, box, input=[0.0], n=4096, precision=0.03)
    assert few.n == 512 and many.n == 1024
    reach = np.maximum(many.fraction_high - many.fraction, many.fraction - many.fraction_low)
    assert float(reach.max()) <= 0.03
    np.testing.assert_array_equal(few.start, many.start[:512])
    again = landscape.basin_fractions(network, box, input=[0.0], n=4096, precision=0.05)
    xr.testing.assert_identical(few.drop_attrs(), again.drop_attrs())
    other = landscape.basin_fractions(network, box, input=[0.0], n=256, seed=5)
    assert not np.array_equal(other.start, few.start)


@pytest.mark.parametrize("discrete", [False, True])
@pytest.mark.parametrize("form", ["current", "rate"])
@pytest.mark.parametrize("known", [True, False])
@torch.no_grad()
def test_all_states_of_a_neighbourhood_approach_the_fixed_point(
    discrete: bool, form: str, known: bool
) -> None:
    rng = np.random.default_rng(4)
    W = 2 * np.eye(3) + 0.3 * rng.normal(size=(3, 3))
    network = network_of(W, 0.1, dt=50.0, form=form)
    source = network if known else Drift(network.drift, n_units=3, n_inputs=1, dt=50.0)
    points = fixed_points.find(network, candidates=cloud(3))
    stable = points.state.values[points.stable_ode.values]
    system, held = freeze(source, 3), torch.zeros(1, dtype=torch.float64)
    move = Steps() if discrete else Ode()
    for state in stable[:3]:
        found = trap(source, system, held, state, rate=0.01, discrete=discrete)
        assert found.kind == ("certified" if known else "probed") and found.radius > 0
        directions = rng.normal(size=(200, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        shell = torch.as_tensor(state + found.radius * np.linalg.solve(found.root, directions.T).T * 0.999)
        assert (
            inside(found, shell).all() and (shell - torch.as_tensor(state)).norm(dim=1).max() <= found.reach
        )

        def sizes(x: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
            return ((x - of) @ torch.as_tensor(found.root).T).norm(dim=1)  # noqa: B023

        later = move.advance(system, held, shell, 50.0)
        centre = torch.as_tensor(state)
        assert (sizes(later, centre) < sizes(shell, centre)).all()
        assert (sizes(later, later.roll(1, 0)) < sizes(shell, shell.roll(1, 0))).all()
    unstable = points.state.values[points.n_unstable.values == 1][0]
    assert trap(source, system, held, unstable, rate=0.01, discrete=discrete).kind == "none"


def test_a_point_on_a_kink_has_no_neighbourhood_and_is_said_to_have_none() -> None:
    W = np.array([[0.0, -0.5], [0.4, 0.0]])
    states = Given(cloud(2, 20))
    on = landscape.basin_fractions(network_of(W, activation="relu"), states, input=[0.0])
    assert on.neighbourhood.values.tolist() == ["proximity"] and float(on.reach[0]) == pytest.approx(1e-9)
    assert on["count"][0] == 20
    off = landscape.basin_fractions(network_of(W, 0.3, activation="relu"), states, input=[0.0])
    assert off.neighbourhood.values.tolist() == ["certified"] and float(off.reach[0]) > 0.01
    assert off["count"][0] == 20 and float(off.arrival_time.max()) < float(on.arrival_time.max())


def test_a_neighbourhood_is_not_the_nearest_point() -> None:
    """A state beside a memory, but beyond the threshold, goes to the other one."""
    network = network_of(2 * np.eye(1), 0.5)  # near the fold at 0.5328: threshold and memory are close
    root = threshold(2, 0.5)
    beside = Given([[root - 0.01], [root + 0.01]])
    found = landscape.basin_fractions(network, beside, input=[0.0])
    states = found.state.values[:, 0]
    near = min(states, key=lambda s: abs(s - root))
    went = states[found.basin_of_sample.values]
    assert went[0] < root < went[1] and abs(root - near) < abs(went[1] - root)
    assert float(found.reach[int(np.argmin(states))]) < root - states.min()


def test_attractors_that_were_not_given_are_found_and_said_to_be() -> None:
    network = network_of(2 * np.eye(2))
    one = [[1.915008, 1.915008]]
    found = landscape.basins(network, FLAT, input=[0.0], extent=(-2, 2, -2, 2), n=8, attractors=one)
    assert found.given.values.tolist() == [True, False, False, False]
    np.testing.assert_allclose(found.fraction, 0.25)
    points = fixed_points.find(network, candidates=cloud(2))
    all_given = landscape.basins(network, FLAT, input=[0.0], extent=(-2, 2, -2, 2), n=8, attractors=points)
    assert all_given.given.all() and all_given.sizes["attractor_index"] == 4


def outcomes(
    system: Drift | StepMap, motion: Steps | Ode, *, size: float = 1.5, **options: float
) -> xr.Dataset:
    n = system.n_units
    box = Box(-size * np.ones(n) + 0.01, size * np.ones(n))
    return landscape.basin_fractions(system, box, input=[], n=12, motion=motion, **options)


def counts(found: xr.Dataset) -> dict[str, int]:
    n = found.sizes["attractor_index"]
    named = {name: int(c) for name, c in zip(OUTCOMES[1:], found["count"].values[n:], strict=True)}
    return {"fixed point": int(found["count"].values[:n].sum())} | named


def test_cycles_chaos_escape_and_continua_are_no_fixed_points() -> None:
    def round_and_round(x: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        a, b = x.unbind(-1)
        r = a**2 + b**2
        return torch.stack([a * (1 - r) - 2 * b, b * (1 - r) + 2 * a], -1) / 20

    cycle = outcomes(Drift(round_and_round, n_units=2), Ode(1e-6), duration=200.0)
    assert counts(cycle)["cycle"] == 12 and cycle.sizes["attractor_index"] == 0

    def lorenz(x: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        a, b, c = x.unbind(-1)
        return torch.stack([10 * (b - a), a * (28 - c) - b, a * b - 8 / 3 * c], -1) / 50

    assert counts(outcomes(Drift(lorenz, n_units=3, dt=0.1), Ode(1e-6), duration=50.0))["moving"] >= 11
    away = outcomes(Drift(lambda x, _: x / 10, n_units=2, dt=1.0), Steps())
    assert counts(away)["diverged"] == 12
    line = Drift(lambda x, _: torch.stack([torch.zeros_like(x[..., 0]), -x[..., 1]], -1) / 10, n_units=2)
    assert counts(outcomes(line, Ode(), duration=300.0))["undecided"] == 12
    settled = outcomes(Drift(lambda x, _: -x / 10, n_units=2), Ode())
    assert counts(settled)["fixed point"] == 12


def test_the_period_of_a_cycle_is_that_of_its_closed_form() -> None:
    def around(x: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        a, b = x.unbind(-1)
        r = a**2 + b**2
        return torch.stack([a * (1 - r) - 2 * b, b * (1 - r) + 2 * a], -1) / 20

    found = landscape.basins(
        Drift(around, n_units=2, dt=0.5),
        FLAT,
        input=[],
        extent=(-1.1, 1, -1, 1.1),
        n=2,
        motion=Ode(1e-6),
        duration=200.0,
    )
    np.testing.assert_allclose(found.period, 2 * np.pi / 2 * 20, rtol=1e-3)
    stepped = landscape.basins(
        Drift(around, n_units=2, dt=0.5), FLAT, input=[], extent=(-1.1, 1, -1, 1.1), n=2, duration=200.0
    )
    np.testing.assert_allclose(stepped.period, 2 * np.pi / 2 * 20, rtol=0.01)
    logistic = StepMap(lambda x, _: 3.2 * x * (1 - x), n_units=1, dt=7.0)
    two = landscape.basin_fractions(logistic, Box([0.1], [0.9]), input=[], n=8)
    assert two["count"].sel(basin=two.basin_name.values.tolist().index("cycle")) == 8


def test_a_map_and_its_equation_have_attractors_of_their_own() -> None:
    fast = Drift(
        lambda x, _: -x * 0.25, n_units=1, dt=10.0
    )  # stable, but its map with this dt is x -> -1.5 x
    assert counts(outcomes(fast, Ode()))["fixed point"] == 12
    assert counts(outcomes(fast, Steps()))["diverged"] == 12


def test_one_path_does_not_depend_on_the_others() -> None:
    network, states = network_of([[1.7, -0.6], [0.3, 1.9]], 0.1), cloud(2, 40)
    known = landscape.basin_fractions(network, Given(states), input=[0.0], motion=Ode())
    few = landscape.basin_fractions(
        network, Given(states[7:9]), input=[0.0], motion=Ode(), attractors=known.state.values
    )
    np.testing.assert_array_equal(few.basin_of_sample, known.basin_of_sample[7:9])


def test_the_equation_is_solved_to_its_tolerance() -> None:
    system = freeze(Drift(lambda x, _: torch.stack([x[..., 1], -x[..., 0]], -1), n_units=2), 2)
    start = torch.tensor([[1.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    none = torch.zeros(0, dtype=torch.float64)
    turned = [Ode(tolerance).advance(system, none, start, 2 * np.pi) for tolerance in (1e-5, 1e-11)]
    errors = [float((x - start).norm()) for x in turned]
    assert errors[1] < 1e-9 < errors[0] < 1e-3


def test_edge_states_of_three_bits_are_the_twelve_saddles_on_edges() -> None:
    network = network_of(2 * np.eye(3))
    points = fixed_points.find(network, candidates=cloud(3))
    saddles = points.state.values[points.n_unstable.values == 1]
    assert len(saddles) == 12
    found = landscape.edge_states(network, input=[0.0], attractors=points)
    assert found.converged.all() and found.sizes["edge"] == 28 and found.n_saddles == 12
    gap = np.linalg.norm(found.edge_state.values[:, None] - saddles, axis=2)
    assert gap.min(1).max() < 1e-9 and len(set(gap.argmin(1))) == 12
    bits = found.state.values > 0
    first, second = bits[found.memory.values[:, 0]], bits[found.memory.values[:, 1]]
    assert ((first != second).sum(1) == 1).all()  # an edge of the cube joins memories that differ in one bit
    np.testing.assert_array_equal(found.memory[:, 0], found.pair[:, 0])
    np.testing.assert_allclose(found.unstable_rate, 0.01, rtol=1e-9)
    np.testing.assert_allclose(found.distance, 1.915008048155, rtol=1e-9)
    to_first = found.state.values[found.memory.values[:, 0]] - found.edge_state.values
    along = (to_first * found.unstable_direction.values).sum(1)
    np.testing.assert_allclose(along, 1.915008048155, rtol=1e-6)


@pytest.mark.parametrize("motion", [Steps(), Ode()])
def test_edge_states_are_saddles_that_the_search_for_fixed_points_finds(motion: Steps | Ode) -> None:
    rng = np.random.default_rng(6)
    network = network_of(2 * np.eye(4) + 0.25 * rng.normal(size=(4, 4)), list(0.1 * rng.normal(size=4)))
    points = fixed_points.find(network, candidates=cloud(4))
    pairs = [(0, 1), (0, 2), (3, 1)]
    found = landscape.edge_states(network, input=[0.0], attractors=points, pairs=pairs, motion=motion)
    assert found.converged.all() and (found.n_unstable == 1).all()
    saddles = points.state.values[points.n_unstable.values == 1]
    gap = np.linalg.norm(found.edge_state.values[:, None] - saddles, axis=2).min(1)
    assert gap.max() < 1e-9 and float(found.speed.max()) < 1e-15
    assert (
        found.path_distance < 0.05 * np.linalg.norm(np.diff(found.state.values[pairs], axis=1), axis=-1)[:, 0]
    ).all()
    side = [found.edge_state.values + sign * 1e-4 * found.unstable_direction.values for sign in (1, -1)]
    for k, states in enumerate(side):
        went = landscape.basin_fractions(
            network, Given(states), input=[0.0], attractors=found.state.values, motion=motion
        )
        np.testing.assert_array_equal(went.basin_of_sample, found.memory[:, k])


def test_an_edge_that_is_a_cycle_is_no_fixed_point() -> None:
    def drift(x: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        a, b, c = x.unbind(-1)
        pull = 0.5 - a**2 - (b**2 + c**2)
        return torch.stack([a - a**3, pull * b - 2 * c, pull * c + 2 * b], -1) / 20

    system = Drift(drift, n_units=3, dt=1.0)
    found = landscape.edge_states(
        system, input=[], attractors=[[-1.0, 0, 0], [1.0, 0, 0]], n_rounds=10, duration=1500.0
    )
    assert not found.converged.any() and found.kind.item() == "no fixed point" and found.n_saddles == 0
    assert np.isnan(found.unstable_rate).all() and found.memory.values.tolist() == [[-1, -1]]
    state = found.edge_state.values[0]
    assert abs(state[0]) < 1e-6 and np.hypot(state[1], state[2]) == pytest.approx(np.sqrt(0.5), abs=0.08)


def test_the_network_is_left_untouched() -> None:
    network = neurornn.CTRNN(2, 5, 1, dale=neurornn.Dale(), activation="tanh", seed=6).train()
    network(torch.ones(1, 3, 2)).output.sum().backward()
    before = copy.deepcopy(network.state_dict())
    gradients = [None if p.grad is None else p.grad.clone() for p in network.parameters()]
    random = torch.get_rng_state()
    landscape.basin_fractions(network, Normal(np.zeros(5)), input=[0.0, 0.0], n=8)
    assert torch.equal(random, torch.get_rng_state())
    assert network.training and all(
        p.requires_grad and p.dtype == torch.float32 for p in network.parameters()
    )
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    for parameter, gradient in zip(network.parameters(), gradients, strict=True):
        assert gradient is None or torch.equal(parameter.grad, gradient)


def test_results_survive_netcdf(tmp_path: Path) -> None:
    network = network_of(2 * np.eye(2))
    known = 1.915008 * np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]])
    for k, ds in enumerate((
        landscape.basins(network, FLAT, input=[0.0], extent=(-2, 2, -2, 2), n=4),
        landscape.basin_fractions(network, Box([-1, -1], [1, 1]), input=[0.0], n=16),
        landscape.edge_states(network, input=[0.0], attractors=known),
    )):
        write_dataset(tmp_path / f"{k}.nc", ds)
        back = read_dataset(tmp_path / f"{k}.nc")
        xr.testing.assert_identical(back.load().drop_attrs(), ds.drop_attrs())
        assert back.attrs["motion"] == "Steps(n_steps=8)" and back.attrs["schema"] == ds.attrs["schema"]


def test_wrong_requests_are_refused() -> None:
    network, box = network_of(2 * np.eye(2)), Box([-1, -1], [1, 1])
    with pytest.raises(ValueError, match=r"attractors\[0\] is no fixed point at this input: .* Find them"):
        landscape.basin_fractions(network, box, input=[0.0], attractors=[[1.0, 1.0]])
    with pytest.raises(ValueError, match=r"attractors\[1\] is a fixed point but no attractor of the map"):
        landscape.basin_fractions(network, box, input=[0.0], attractors=[[1.915, 1.915], [0.0, 1.915]])
    points = fixed_points.find(network, candidates=cloud(2), inputs=[1.0])
    with pytest.raises(
        ValueError, match=r"found at the inputs \[\[1\.0\]\], none of them the one held: \[0\.0\]"
    ):
        landscape.basin_fractions(network, box, input=[0.0], attractors=points)
    with pytest.raises(TypeError, match=r"got ndarray\. Use Box"):
        landscape.basin_fractions(network, np.zeros((3, 2)), input=[0.0])
    with pytest.raises(ValueError, match="space of 3 units but the network has 2"):
        landscape.basin_fractions(network, Box(-np.ones(3), np.ones(3)), input=[0.0])
    with pytest.raises(ValueError, match="confidence is a probability"):
        landscape.basin_fractions(network, box, input=[0.0], confidence=95)
    with pytest.raises(ValueError, match="n=0 and precision=None"):
        landscape.basin_fractions(network, box, input=[0.0], n=0)
    with pytest.raises(ValueError, match="duration is a time in ms above 0: got 0"):
        landscape.basins(network, FLAT, input=[0.0], extent=(-1, 1, -1, 1), duration=0.0)
    with pytest.raises(ValueError, match="got n=1 and n_bisections=12"):
        landscape.basins(network, FLAT, input=[0.0], extent=(-1, 1, -1, 1), n=1)
    with pytest.raises(ValueError, match="between two memories: got 1 attractor"):
        landscape.edge_states(network, input=[0.0], attractors=[[1.915, 1.915]])
    with pytest.raises(ValueError, match=r"from 0 to 1: got \[\[0, 2\]\]"):
        landscape.edge_states(
            network, input=[0.0], attractors=[[1.915, 1.915], [-1.915, 1.915]], pairs=[(0, 2)]
        )
    noisy = neurornn.CTRNN(1, 2, 1, sigma_rec=0.1)
    with pytest.raises(ValueError, match=r"Pass network\.noiseless\(\)"):
        landscape.basin_fractions(noisy, box, input=[0.0])
    with pytest.raises(ValueError, match="lower and an upper corner"):
        Box([1.0], [0.0])
    with pytest.raises(ValueError, match="no negative eigenvalue"):
        Normal([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(ValueError, match=r"finite states \(state, unit\): got shape \(3,\)"):
        Given([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match="n_steps=0"):
        Steps(0)
    with pytest.raises(ValueError, match=r"tolerance must lie in \[1e-13, 0.1\]: got 1"):
        Ode(1.0)


@pytest.mark.parametrize("form", ["current", "rate"])
def test_weights_worked_out_once_give_the_same_drift_to_the_last_bit(form: str) -> None:
    network = neurornn.CTRNN(2, 12, 1, form=form, dale=neurornn.Dale(), tau=np.linspace(20, 200, 12))
    system = freeze(network, 12)
    held = with_weights_held(system)
    assert held is not system and held.velocity != system.velocity
    x, u = torch.as_tensor(cloud(12, 30)), torch.tensor([0.3, -1.0], dtype=torch.float64)
    assert torch.equal(held.drift(x, u), system.drift(x, u))
    torch.testing.assert_close(held.curvature(x, u, x), system.curvature(x, u, x))
    user = freeze(Drift(lambda x, u: -x, n_units=12), 12)
    assert with_weights_held(user) is user

    class Other(neurornn.CTRNN):
        def drift(self, state: torch.Tensor, input: torch.Tensor) -> torch.Tensor:
            return 2 * super().drift(state, input)

    other = freeze(Other(2, 12, 1), 12)
    assert with_weights_held(other) is other


@pytest.mark.parametrize("n_bisections", [0, 1, 5, 8])
def test_halvings_followed_together_are_those_one_by_one(
    n_bisections: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = network_of([[2.0, -0.1], [0.1, 1.8]], [0.1, -0.05])
    found = []
    for at_once in (1, 2, 3):
        monkeypatch.setattr(_basins, "_AT_ONCE", at_once)
        found.append(
            landscape.basins(
                network, FLAT, input=[0.0], extent=(-2, 2, -2, 2), n=9, n_bisections=n_bisections
            ).drop_attrs()
        )
    assert found[0].sizes["crossing"] > 4
    widest = float(found[0].boundary_error.max())
    assert widest == pytest.approx(0.25 / 2**n_bisections)
    for other in found[1:]:
        xr.testing.assert_identical(found[0], other)
