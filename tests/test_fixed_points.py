"""Fixed points whose number, place and stability are known in closed form."""

from itertools import product
from math import comb

import numpy as np
import pytest
import torch
from scipy.optimize import brentq

import neurornn
from neurornn import tasks
from neurornn.analysis import fixed_points

TAU = 100.0
STEPS = [1.0, 0.1, 0.01]  # dt / tau: the dynamics do not depend on it, nor may anything found
FORMS = ["current", "rate"]


def network(W, *, form="current", activation="tanh", alpha=0.1, bias=None, dtype=torch.float64, W_in=None):
    n = len(W)
    n_inputs = 1 if W_in is None else np.shape(W_in)[1]
    net = neurornn.CTRNN(
        n_inputs, n, 1, tau=TAU, dt=alpha * TAU, activation=activation, form=form, dtype=dtype, bias=True
    )
    net.W_rec = torch.as_tensor(W)
    net.W_in = torch.zeros(n, 1) if W_in is None else torch.as_tensor(W_in)
    with torch.no_grad():
        net.bias.copy_(torch.zeros(n) if bias is None else torch.as_tensor(bias))
    return net


def corners(n, size=1.9):
    return size * np.array(np.meshgrid(*[[-1.0, 1.0]] * n)).reshape(n, -1).T


def normal(shape, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("alpha", STEPS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("w", "x", "growth"),
    [
        (1.5, 1.287839454960, -0.605686975),
        (2.0, 1.915008048155, -0.833627912),
        (3.0, 2.984704585358, -0.969487154),
    ],
)
def test_one_unit_with_self_excitation(w, x, growth, form, alpha):
    found = fixed_points.find(network([[w]], form=form, alpha=alpha), candidates=normal((20, 1)))
    x = x if form == "current" else np.tanh(x)
    np.testing.assert_allclose(found.state.values[:, 0], [-x, x, 0.0], atol=1e-12)
    np.testing.assert_allclose(
        TAU * found.eigenvalue.values[:, 0].real, [growth, growth, w - 1], atol=1e-9, rtol=0
    )
    np.testing.assert_array_equal(found.stable_ode, [True, True, False])
    np.testing.assert_array_equal(found.stable_map, [True, True, False])
    np.testing.assert_allclose(
        found.time_constant.values[:, 0], -1 / found.eigenvalue.values[:, 0].real, rtol=1e-15
    )
    assert found.completeness.item() == "consistent" and found.certified.all()
    assert found.index_sum.item() == found.index_expected.item() == 1


def test_the_map_form_of_one_unit():
    found = fixed_points.find(network([[2.0]], form="rate", alpha=1.0), candidates=[[0.9], [-0.9], [0.1]])
    np.testing.assert_allclose(found.state.values[:, 0], [-0.957504024077, 0.957504024077, 0.0], atol=1e-12)
    np.testing.assert_allclose(1 + TAU * found.eigenvalue.values[0, 0].real, 0.166372088, atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n", [2, 3, 4])
def test_a_flip_flop_of_n_bits_has_3_to_the_n_fixed_points_whatever_the_time_step(n, form):
    sets = [
        fixed_points.find(network(2 * np.eye(n), alpha=alpha, form=form), candidates=corners(n, 0.95))
        for alpha in STEPS
    ]
    for found in sets:
        expected = [comb(n, k) * 2 ** (n - k) for k in range(n + 1)]
        assert np.bincount(found.n_unstable).tolist() == expected
        assert found.completeness.item() == "consistent"
        np.testing.assert_array_equal(found.stable_ode, found.n_unstable == 0)
        np.testing.assert_array_equal(found.stable_map, found.stable_ode)
        np.testing.assert_array_equal(found.index, (-1) ** found.n_unstable.values)
        assert not found.marginal.any() and found.isolated.all() and found.smooth.all()
        np.testing.assert_array_equal(found.state, sets[0].state)
        np.testing.assert_array_equal(found.eigenvalue, sets[0].eigenvalue)


@pytest.mark.parametrize("alpha", STEPS)
@pytest.mark.parametrize("form", FORMS)
def test_bits_held_by_groups_of_units(form, alpha):
    M = np.kron(np.eye(3), np.ones((7, 1)))
    found = fixed_points.find(
        network(2 * M @ M.T / 7, form=form, alpha=alpha, dtype=torch.float32),
        candidates=0.5 * corners(3) @ M.T,
    )
    assert np.bincount(found.n_unstable).tolist() == [8, 12, 6, 1]
    assert found.completeness.item() == "consistent"
    x = 1.915008048155 if form == "current" else 0.957504024077
    on_grid = np.stack([found.state.values - s * x for s in (-1, 0, 1)])
    assert np.abs(on_grid).min(0).max() < 1e-6  # the weights are float32, the search is not
    assert found.speed.max() < 1e-15 and found.error_bound.max() < 1e-11


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (2, [((0.957504, -0.957504), 2, 0.166372)]),
        (3, [((0.949796, -0.425502, -0.879894), 2, 1.006406)]),
        (
            4,
            [
                ((0.775516, -0.775516, 0.775516, -0.775516), 2, 0.751559),
                ((0.962892, 0.525235, -0.962892, -0.525235), 2, 1.047430),
                ((0.877263, -0.569696, 0.339745, -0.789648), 4, 1.315957),
            ],
        ),
    ],
)
def test_the_stored_fixed_points_of_an_independent_tool(n, expected):
    W = np.stack([-np.roll(np.linspace(-1, 1, n), -i) for i in range(n)])
    found = fixed_points.find(network(W.T, form="rate", alpha=1.0), candidates=normal((64, n)))
    assert found.attrs["n_fixed"] == 1 + sum(count for _, count, _ in expected)
    radius = np.abs(1 + TAU * found.eigenvalue.values).max(1)
    for state, count, rho in expected:
        like = np.abs(np.sort(np.abs(found.state.values)) - np.sort(np.abs(state))).max(1) < 1e-5
        assert like.sum() == count
        np.testing.assert_allclose(radius[like], rho, atol=1e-6)
        np.testing.assert_array_equal(found.stable_map.values[like], rho < 1)
        assert np.abs(found.state.values - np.array(state)).max(1).min() < 1e-6
    origin = np.abs(found.state.values).max(1) < 1e-12
    assert origin.sum() == 1 and found.index_sum.item() == 1 and found.certified.all()
    np.testing.assert_allclose(radius[origin], np.abs(np.linalg.eigvals(W)).max(), rtol=1e-12)
    assert n != 4 or abs(radius[origin].item() - 1.885618) < 1e-6
    for alpha in STEPS[1:]:  # the same points and the same flow, in other steps
        finer = fixed_points.find(network(W.T, form="rate", alpha=alpha), candidates=normal((64, n)))
        np.testing.assert_array_equal(finer.state, found.state)
        np.testing.assert_array_equal(finer.eigenvalue, found.eigenvalue)


@pytest.fixture(scope="module")
def trained():
    """A network that has learnt to hold three bits, and states it visits doing so."""
    task = tasks.make("flip-flop-v1", dt=50.0, hold=1500.0)
    net = neurornn.CTRNN(3, 24, 3, tau=TAU, dt=50.0, activation="tanh", seed=0)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for step in range(250):
        trials = task.sample(32, seed=step)
        loss = ((net(trials.inputs).output - trials.targets).square() * trials.mask.reshape(32, -1, 1)).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
    with torch.no_grad():
        states = net(task.sample(64, seed=9999).inputs).state.reshape(-1, 24)
    return net, states[:: len(states) // 256]


def test_a_trained_flip_flop_is_a_cube(trained):
    net, visited = trained
    found = fixed_points.find(net, candidates=visited)
    assert found.index_sum.item() == 1 and found.completeness.item() == "consistent"
    assert np.bincount(found.n_unstable).tolist() == [8, 12, 6, 1]
    assert found.certified.all() and found.attrs["n_certified"] == 27
    stable = torch.as_tensor(found.state.values[found.stable_ode.values])
    with torch.no_grad():
        bits = net.double().read_out(net.rate(stable)).round()
    assert sorted(bits.tolist()) == sorted(map(list, product([-1.0, 1.0], repeat=3)))


def test_the_index_sum_convicts_a_partial_list():
    flip_flop, attractors = network(2 * np.eye(3)), corners(3)
    partial = fixed_points.find(flip_flop, candidates=attractors, n_rounds=0)
    assert (partial.attrs["n_fixed"], partial.index_sum.item()) == (8, 8)
    assert partial.completeness.item() == "incomplete"
    assert fixed_points.find(flip_flop, candidates=attractors).attrs["n_fixed"] == 27


@pytest.mark.parametrize("alpha", STEPS)
@pytest.mark.parametrize("form", FORMS)
def test_a_network_of_rank_one(form, alpha):
    N = 64
    m = 1.5 * np.sqrt(2) * np.sin(2 * np.pi * 3 * np.arange(N) / N)
    n = 2 * m / np.mean(m**2)
    net = network(np.outer(m, n) / N, form=form, alpha=alpha)
    start = normal((32, N))
    found = fixed_points.find(net, candidates=start if form == "current" else np.tanh(start))
    along = found.state.values if form == "current" else np.arctanh(found.state.values)
    k = along @ m / (m @ m)
    np.testing.assert_allclose(k, [-1.0919349080, 1.0919349080, 0.0], atol=1e-10)
    np.testing.assert_allclose(along, np.outer(k, m), atol=1e-11)
    np.testing.assert_allclose(np.tanh(np.outer(k, m)) @ n / N, k, atol=1e-12)
    values = TAU * found.eigenvalue.values
    np.testing.assert_allclose(values[:, 0], [-0.7915922228, -0.7915922228, 1.0], atol=1e-9)
    np.testing.assert_allclose(values[:, 1:], -1.0, atol=1e-9)


@pytest.mark.parametrize("alpha", STEPS)
def test_a_ring_is_a_continuum_and_not_a_thousand_points(alpha):
    N = 64
    theta = 2 * np.pi * np.arange(N) / N
    phases = np.random.default_rng(0).uniform(0, 2 * np.pi, (400, 1))
    bumps = 2.0 * np.cos(theta - phases) + normal((400, N), scale=0.05)
    net = network(4 / N * np.cos(theta[:, None] - theta), alpha=alpha)
    found = fixed_points.find(net, candidates=bumps)
    ring = found.isel(fixed_point=~found.isolated.values)
    origin = found.isel(fixed_point=found.isolated.values)
    amplitude = np.abs(ring.state.values @ np.exp(1j * theta)) * 2 / N
    np.testing.assert_allclose(amplitude, 2.316343734174, atol=1e-9)
    values = TAU * ring.eigenvalue.values
    assert np.abs(values[:, 0]).max() < 1e-9
    np.testing.assert_allclose(values[:, 1].real, -0.79159, atol=1e-5)
    assert (ring.nullity == 1).all() and ring.marginal.all()
    assert not ring.stable_ode.any() and (ring.n_unstable == 0).all()
    assert 40 < ring.sizes["fixed_point"] < 200 == found.attrs["n_on_continuum"] + 200 - len(ring.fixed_point)
    assert np.abs(origin.state.values).max() < 1e-9 and origin.n_unstable.item() == 2
    assert found.completeness.item().startswith("undetermined")


@pytest.mark.parametrize("alpha", STEPS)
@pytest.mark.parametrize("form", FORMS)
def test_linear_networks(form, alpha):
    W, b = normal((8, 8), scale=0.25), normal(8, seed=1)
    net = network(W, activation="identity", bias=b, form=form, alpha=alpha)
    found = fixed_points.find(net, candidates=normal((16, 8)))
    np.testing.assert_allclose(found.state.values, np.linalg.solve(np.eye(8) - W, b)[None], atol=1e-12)
    expected = TAU / (1 - np.linalg.eigvals(W).real)
    np.testing.assert_allclose(np.sort(found.time_constant.values[0]), np.sort(expected), rtol=1e-10)
    assert found.completeness.item() == "complete: proved to be the only fixed point"
    assert np.isinf(found.uniqueness_radius.item()) and np.isnan(found.index_expected.item())


def test_a_singular_linear_network_has_a_line_of_fixed_points():
    U, sizes, V = np.linalg.svd(np.eye(8) - normal((8, 8), scale=0.25))
    W = np.eye(8) - (U * np.append(sizes[:-1], 0.0)) @ V
    found = fixed_points.find(network(W, activation="identity"), candidates=normal((100, 8)))
    direction = found.state.values / np.linalg.norm(found.state.values, axis=1, keepdims=True)
    np.testing.assert_allclose(np.abs(direction @ V[-1]), 1.0, atol=1e-9)
    assert not found.isolated.any() and (found.nullity == 1).all() and found.marginal.all()
    assert 10 < found.attrs["n_on_continuum"] < 100
    assert (found.candidate_fixed_point >= 0).all()  # each candidate is assigned to a listed point nearby


def test_without_a_fixed_point_none_is_found():
    W = np.array([[1.0, 0.5], [0.0, 1.0]])  # the second unit drifts at a constant speed
    for alpha in STEPS:
        net = network(W, activation="identity", bias=[0.0, 0.3], alpha=alpha)
        found = fixed_points.find(net, candidates=normal((20, 2)))
        assert found.attrs["n_fixed"] == 0 and found.attrs["n_candidates_fixed"] == 0
        assert found.completeness.item() == "complete: every linear region solved"


@pytest.mark.parametrize("alpha", STEPS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("a", "stable", "marginal"), [(0.9, True, False), (1.0, False, True), (1.1, False, False)]
)
def test_a_hopf_bifurcation(a, stable, marginal, form, alpha):
    b = 2.0
    found = fixed_points.find(network([[a, -b], [b, a]], form=form, alpha=alpha), candidates=normal((30, 2)))
    assert found.attrs["n_fixed"] == 1  # beyond it there is a limit cycle, and still one fixed point
    np.testing.assert_allclose(found.frequency.values[0], 1e3 * b / (2 * np.pi * TAU), rtol=1e-12)
    assert (found.stable_ode.item(), found.marginal.item()) == (stable, marginal)
    assert found.n_unstable.item() == (2 if a > 1 else 0)
    assert found.certified.item()  # the point is certain where its stability is not
    assert found.stable_map.item() == (abs(1 + alpha * (a - 1 + 1j * b)) < 1)


def test_the_ode_and_the_map_may_disagree_and_both_are_named():
    found = fixed_points.find(network([[0.0, -2.0], [2.0, 0.0]], alpha=1.0), candidates=normal((10, 2)))
    assert found.stable_ode.item() and not found.stable_map.item()  # |1 + dt lambda| = |2i|
    finer = fixed_points.find(network([[0.0, -2.0], [2.0, 0.0]], alpha=0.1), candidates=normal((10, 2)))
    assert finer.stable_ode.item() and finer.stable_map.item()


@pytest.mark.parametrize("excess", [-1e-2, -1e-6, 1e-6, 1e-2])
def test_a_fold_leaves_a_slow_point_with_the_speed_that_is_left(excess):
    x_c = np.arccosh(np.sqrt(2.0))
    drive = 2 * np.tanh(x_c) - x_c + excess
    found = fixed_points.find(network([[2.0]], bias=[drive]), candidates=normal((40, 1), scale=2.0))
    fixed, slow = (found.isel(fixed_point=found.kind.values == kind) for kind in ("fixed", "slow"))

    def f(x):
        return -x + 2 * np.tanh(x) + drive

    exact = [brentq(f, 1.0, 5.0, xtol=1e-15)]
    if excess < 0:
        exact += [brentq(f, -5.0, -x_c, xtol=1e-15), brentq(f, -x_c, 0.0, xtol=1e-15)]
    np.testing.assert_allclose(np.sort(fixed.state.values[:, 0]), np.sort(exact), atol=1e-12)
    assert found.index_sum.item() == 1 and found.completeness.item() == "consistent"
    if excess > 0:
        np.testing.assert_allclose(slow.state.values, [[-x_c]], atol=1e-7)
        np.testing.assert_allclose(slow.speed.values, [excess / TAU], rtol=1e-6)
        assert not slow.converged.any() and "slow" in found.candidate_status
    else:
        assert slow.sizes["fixed_point"] == 0


@pytest.mark.parametrize(("activation", "w", "bias"), [("tanh", 1.0, 0.0), ("sigmoid", 4.0, -2.0)])
def test_at_a_bifurcation_nothing_is_claimed(activation, w, bias):
    critical = network([[w]], activation=activation, bias=[bias])
    found = fixed_points.find(critical, candidates=normal((50, 1)))
    assert found.attrs["n_fixed"] == 1 and abs(found.state.item()) < 1e-4
    assert found.isolated.item() and found.nullity.item() == 1 and np.isinf(found.error_bound.item())
    assert found.marginal.item() and not found.stable_ode.item() and found.index.item() == 0
    assert found.completeness.item() == "undetermined: a fixed point is degenerate"
    beyond = network([[w * (1 + 1e-5)]], activation=activation, bias=[bias * (1 + 1e-5)])
    just_beyond = fixed_points.find(beyond, candidates=normal((50, 1)))
    assert just_beyond.attrs["n_fixed"] == 3 and just_beyond.completeness.item() == "consistent"


def test_random_networks_of_two_units_against_an_exhaustive_search():
    for seed in range(6):
        W, b = normal((2, 2), seed=seed, scale=2.5), normal(2, seed=100 + seed, scale=0.3)
        found = fixed_points.find(network(W, bias=b), candidates=normal((32, 2), scale=2.0))
        assert found.completeness.item() == "consistent"
        assert found.attrs["n_fixed"] == _number_of_sign_changes(W, b)


def _number_of_sign_changes(W, b, n=200_001):
    """Fixed points of two units by elimination: x_1 follows from x_0, and one equation in x_0 is left."""
    x0 = np.linspace(-30, 30, n)
    r1 = (x0 - W[0, 0] * np.tanh(x0) - b[0]) / W[0, 1]
    inside = np.abs(r1) < 1
    x1 = np.arctanh(np.where(inside, r1, 0.0))
    rest = -x1 + W[1, 0] * np.tanh(x0) + W[1, 1] * r1 + b[1]
    both = inside[1:] & inside[:-1]
    return int((both & (np.sign(rest[1:]) != np.sign(rest[:-1]))).sum())
