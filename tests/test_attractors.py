"""Continuous attractors whose shape, length and drift are known, and networks that have none."""

import copy

import numpy as np
import pytest
import torch
import xarray as xr

import neurornn
from neurornn.analysis import attractors, fixed_points
from neurornn.analysis.attractors import Slowness
from neurornn.analysis.landscape import Plane
from neurornn.analysis.systems import Drift

TAU = 100.0
AMPLITUDE = 2.316343734174  # of the bump of the ring below
N = 64
THETA = 2 * np.pi * np.arange(N) / N
RING = 4 / N * np.cos(THETA[:, None] - THETA)


def normal(*shape, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).standard_normal(shape)


def network(W, *, dt=10.0, activation="tanh", W_out=None):
    net = neurornn.CTRNN(1, len(W), 1, tau=TAU, dt=dt, activation=activation, bias=False, dtype=torch.float64)
    net.W_rec = torch.as_tensor(W)
    net.W_in = torch.zeros(len(W), 1)
    if W_out is not None:
        with torch.no_grad():
            net.W_out.copy_(torch.as_tensor(W_out))
    return net


def bumps(n, seed=0):
    phase = np.random.default_rng(seed).uniform(0, 2 * np.pi, (n, 1))
    return AMPLITUDE * np.cos(THETA - phase) + normal(n, N, scale=0.05, seed=seed)


def searched(net, candidates, **options):
    return attractors.find(net, fixed_points.find(net, candidates=candidates, n_rounds=1), **options)


@pytest.fixture(scope="module")
def chain_ring():
    """A ring of three nodes and three saddles, its points, and the rotation that hides it."""
    system, Q = polar(three)
    return system, fixed_points.find(system, candidates=ring_points(Q, 12), n_rounds=0), Q


def rotation(n, seed=0):
    return torch.as_tensor(np.linalg.qr(normal(n, n, seed=seed))[0])


def polar(turn):
    """A circle of radius 1 that attracts at rate 2, with a slow drift along it, in three dimensions turned somehow."""
    Q = rotation(3)

    def drift(state, input):
        x, y, z = (state @ Q.to(state)).unbind(-1)
        square = x**2 + y**2
        along = turn(x, y)
        back = torch.stack([x * (1 - square) - along * y, y * (1 - square) + along * x, -3 * z], -1)
        return back @ Q.to(state).T

    return Drift(drift, n_units=3), Q.numpy()


def three(x, y):
    """0.02 sin(3 angle) on the circle: three nodes and three saddles."""
    return 0.02 * (3 * x**2 * y - y**3)


def ring_points(Q, n=24):
    angle = 2 * np.pi * np.arange(n) / n + 0.1
    return np.stack([np.cos(angle), np.sin(angle), 0 * angle], 1) @ Q.T


@pytest.mark.parametrize("dt", [100.0, 10.0, 1.0])
def test_a_ring_of_fixed_points_is_one_object_of_known_length(dt):
    found = searched(network(RING, dt=dt), bumps(12))
    assert found.kind.values.tolist() == ["ring"] or found.kind.values.tolist() == ["ring", "point"]
    ring = found.isel(object=0)
    assert found.verdict.item() == "1 ring (exact)" and found.attrs["n_continuous"] == 1
    assert ring.dimension == ring.dimension_local == 1 and ring.exact and ring.attracting
    assert ring.n_fixed >= 8 and ring.n_drift_zeros == -1 and ring.traverse_time == np.inf
    radius = AMPLITUDE * np.sqrt(N / 2)
    assert ring.length.item() == pytest.approx(2 * np.pi * radius, rel=1e-6)
    assert ring.total_curvature.item() == pytest.approx(2 * np.pi, rel=1e-5)
    assert ring.mean_curvature.item() == pytest.approx(1 / radius, rel=1e-5)
    assert ring.straightness == 0 and ring.flatness.item() == pytest.approx(0.5, abs=1e-3)
    assert ring.tangent_agreement.item() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(np.linalg.norm(ring.state, axis=1), radius, rtol=1e-9)
    np.testing.assert_allclose(ring.time_constant_across, TAU / 0.79159, rtol=1e-5)
    assert (ring.time_constant_along == np.inf).all() and ring.max_speed < 1e-12
    np.testing.assert_allclose(np.diff(ring.arclength), ring.length / 65, rtol=1e-5)
    phase = np.unwrap(np.angle(ring.state.values @ np.exp(1j * THETA)))
    assert abs(phase[-1] - phase[0]) == pytest.approx(2 * np.pi * 64 / 65, rel=1e-6)


def test_a_perturbed_ring_is_an_approximate_one_with_the_drift_it_has():
    net = network(RING + normal(N, N, scale=0.02 / 8, seed=2))
    points = fixed_points.find(net, candidates=bumps(20))
    found = attractors.find(net, points)
    ring = found.isel(object=0)
    assert found.verdict.item() == "1 ring (approximate)" and found.kind.values.tolist().count("ring") == 1
    assert not ring.exact and ring.attracting and ring.start == "closed"
    on = found.point_object.values == 0
    fixed = on & (points.kind.values == "fixed")
    assert ring.n_fixed == fixed.sum() == ring.n_drift_zeros == 4 and ring.n_stable == 2
    assert points.isolated.values[fixed].all()
    assert ring.length.item() == pytest.approx(2 * np.pi * AMPLITUDE * np.sqrt(N / 2), rel=2e-3)
    assert 0 < ring.mean_speed < 1e-3 and ring.traverse_time > 1e4
    assert ring.drift_across.max() < 0.02 * ring.max_speed
    assert ring.summary.item().startswith("approximate ring, length 82.")
    assert "4 fixed points on it (2 stable)" in ring.summary.item() and "crossed in" in ring.summary.item()
    order = np.argsort(found.point_arclength.values[fixed])
    alternating = points.n_unstable.values[fixed][order]
    assert (np.abs(np.diff(alternating)) == 1).all()  # a saddle between any two nodes
    # Where the network goes from a state on the ring, and where the drift along it says.
    s = np.append(ring.arclength.values, ring.length.item())
    drift = np.append(ring.drift.values, ring.drift.values[0])
    k = int(np.abs(ring.drift.values[:60]).argmax())
    x, along = torch.as_tensor(ring.state.values[k])[None], s[k]
    for _ in range(200):
        x = x + net.dt * net.drift(x, torch.zeros(1, 1, dtype=torch.float64)).detach()
        along = (along + net.dt * np.interp(along, s, drift)) % s[-1]
    gap = np.linalg.norm(ring.state.values - x.numpy(), axis=1)
    arrived = s[int(gap.argmin())]
    assert abs((arrived - along + s[-1] / 2) % s[-1] - s[-1] / 2) < s[-1] / 60
    assert abs(along - s[k]) > 0.25 * s[-1] / 65


def test_the_drift_along_a_ring_of_nodes_and_saddles(chain_ring):
    epsilon = 0.02
    system, points, Q = chain_ring
    found = attractors.find(system, points, slowness=Slowness(longer_than=8.0))
    ring = found.isel(object=0)
    assert (ring.kind, ring.n_fixed, ring.n_stable, ring.n_drift_zeros) == ("ring", 6, 3, 6)
    assert ring.length.item() == pytest.approx(2 * np.pi, rel=1e-3)
    turned = ring.state.values @ Q
    angle = np.arctan2(turned[:, 1], turned[:, 0])
    np.testing.assert_allclose(np.abs(ring.drift), np.abs(epsilon * np.sin(3 * angle)), atol=0.02 * epsilon)
    np.testing.assert_allclose(ring.time_constant_across, 1 / 2, rtol=0.05)
    at = np.argsort(found.point_arclength.values)[:6]
    np.testing.assert_allclose(np.diff(found.point_arclength.values[at]), 2 * np.pi / 6, rtol=2e-3)


def test_a_ring_without_any_fixed_point_is_found_from_its_slowest_state():
    system, Q = polar(lambda x, y: 0.005 * (1.2 + x))
    points = fixed_points.find(system, candidates=ring_points(Q, 8), n_rounds=0)
    found = attractors.find(system, points, within=ring_points(Q))
    ring = found.isel(object=0)
    assert ring.kind == "ring" and ring.n_fixed == 0 and ring.n_slow >= 1 and ring.n_drift_zeros == -0
    assert ring.mean_speed.item() == pytest.approx(0.005 * 1.2, rel=1e-2)
    assert ring.traverse_time.item() == pytest.approx(ring.length.item() / (0.005 * 1.2), rel=1e-2)


def test_what_is_asked_for_decides_and_what_lacks_is_said(chain_ring):
    system, points, _ = chain_ring
    for slowness in (
        Slowness(longer_than=8.0, drift=0.01),
        Slowness(longer_than=8.0, separation=100.0),
        Slowness(longer_than=100.0),  # the slow modes last 17 ms
    ):
        none = attractors.find(system, points, slowness=slowness)
        assert none.attrs["n_continuous"] == 0 and (none.kind == "point").all()
        assert none.verdict.item().startswith("no continuous attractor")
    assert (
        "1 / |eigenvalue| = 16.67 ms" in none.verdict.item() and "100 ms and 3 times" in none.verdict.item()
    )
    assert none.sizes["object"] == points.sizes["fixed_point"]


def test_a_fixed_point_that_the_search_missed_is_noticed_in_the_drift(chain_ring):
    system, points, _ = chain_ring
    fixed = np.flatnonzero((points.kind == "fixed") & (points.n_unstable == 1))
    fewer = points.isel(fixed_point=np.delete(np.arange(points.sizes["fixed_point"]), fixed[0]))
    ring = attractors.find(system, fewer, slowness=Slowness(longer_than=8.0)).isel(object=0)
    assert ring.n_fixed == 5 and ring.n_drift_zeros == 6
    assert "1 more zero of the drift: points that the search missed" in ring.summary.item()


def test_a_line_of_a_rectified_network_ends_where_its_units_fall_silent():
    net = network(np.full((2, 2), 0.5), activation="relu")
    found = searched(net, [[1.0, 1.0], [2.0, 1.5], [0.5, 0.2]], within=[[3.0, 3.0], [-3.0, -3.0]])
    line = found.isel(object=int(np.flatnonzero(found.kind == "line")[0]))
    assert (
        line.exact
        and line.attracting
        and sorted([line.start.item(), line.end.item()])[0] == "end of the region"
    )
    np.testing.assert_allclose(line.state[:, 0], line.state[:, 1], atol=1e-9)
    assert -0.02 < line.state.min() < 0.05 and line.length.item() == pytest.approx(3 * 1.1 * 2**0.5, rel=0.03)


def singular(n_zero, seed=1, n=8):
    U, sizes, V = np.linalg.svd(np.eye(n) - normal(n, n, scale=0.2, seed=seed))
    return np.eye(n) - (U * np.append(sizes[:-n_zero], np.zeros(n_zero))) @ V, V[-n_zero:]


@pytest.mark.parametrize("dt", [100.0, 10.0, 1.0])
def test_a_singular_linear_network_is_a_line_through_the_region(dt):
    W, V = singular(1)
    found = searched(network(W, dt=dt, activation="identity"), normal(30, 8), within=3 * V * [[-1.0], [1.0]])
    line = found.isel(object=0)
    assert line.kind == "line" and line.exact and line.attracting and line.dimension == 1
    assert line.straightness.item() == pytest.approx(1) and line.total_curvature.item() == pytest.approx(
        0, abs=1e-6
    )
    assert (line.start, line.end) == ("end of the region", "end of the region")
    radius = found.radius.item()
    assert 2 * radius * (1 - 2**-5) < line.length.item() <= 2 * radius
    step = np.diff(line.state.values, axis=0)
    np.testing.assert_allclose(np.abs(step @ V[0]) / np.linalg.norm(step, axis=1), 1.0, atol=1e-9)
    values = np.sort(np.abs((np.linalg.eigvals(W) - 1).real))
    np.testing.assert_allclose(line.time_constant_across, TAU / values[1], rtol=1e-8)


def test_two_zero_modes_make_a_plane():
    W, V = singular(2)
    corners = 3 * np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]) @ V
    found = searched(network(W, activation="identity"), normal(30, 8), within=corners)
    plane = found.isel(object=0)
    assert (plane.kind, plane.dimension, plane.dimension_local) == ("plane", 2, 2)
    assert plane.exact and plane.attracting and plane.flatness.item() == pytest.approx(1)
    assert np.isnan(plane.length) and np.isnan(plane.arclength).all() and plane.n_states > 20
    states = plane.state.values[: int(plane.n_states)]
    np.testing.assert_allclose(states - states @ V.T @ V, 0, atol=1e-8)
    assert plane.extent > 1.2 * found.radius and found.readout_angle.sizes["angle"] == 1


@pytest.mark.parametrize("n_zero", [1, 2])
def test_an_endless_continuum_is_one_object_as_large_as_the_region(n_zero):
    W, V = singular(n_zero)
    net = network(W, activation="identity")
    points = fixed_points.find(net, candidates=normal(120, 8), n_rounds=10 if n_zero == 1 else 3)
    assert points.sizes["fixed_point"] > 100
    data = normal(200, 8, seed=3) @ V.T @ V
    for within in (None, data):
        found = attractors.find(net, points, within=within)
        assert found.kind.values.tolist() == [["line", "plane"][n_zero - 1]] and found.n_outside.item() == 0
        assert (found.point_object == 0).all() and found.n_fixed.item() == points.sizes["fixed_point"]
        radius = found.radius.item()
        size, whole = (found.length, 2 * radius) if n_zero == 1 else (found.area, np.pi * radius**2)
        assert size.item() == pytest.approx(whole, rel=0.04)
        np.testing.assert_allclose(found.extents[0], 2 * radius, rtol=0.04)
    reach = np.linalg.norm(data - data.mean(0), axis=1).max()
    assert radius == pytest.approx(1.1 * reach)  # that of the data, however far the points lie
    beyond = np.linalg.norm(points.state - data.mean(0), axis=1) > 1.01 * radius
    assert beyond.sum() > 5 and np.isnan(found.point_arclength.values[beyond]).all()


def test_a_ring_of_few_units_drifts_as_it_does_when_followed():
    n = 10  # so few that the ring is a chain of nodes and saddles
    theta = 2 * np.pi * np.arange(n) / n
    net = network(4 / n * np.cos(theta[:, None] - theta))
    starts = 2.3 * np.cos(theta - np.linspace(0, 6, 8)[:, None])
    found = attractors.find(net, fixed_points.find(net, candidates=starts, n_rounds=2), candidates=starts)
    ring = found.isel(object=0)
    assert found.verdict.item().startswith("1 ring (approximate)")
    assert ring.topology == "ring" and ring.n_reached == 8
    assert ring.n_drift_zeros == 2 * n

    def velocity(x):
        return net.drift(torch.as_tensor(x)[None], torch.zeros(1, 1, dtype=torch.float64)).detach().numpy()[0]

    x = ring.state.values[int(np.abs(ring.drift.values).argmax())]
    expected = np.linalg.norm(velocity(x))
    assert expected == pytest.approx(ring.max_speed.item(), rel=1e-9)
    phases = []
    for k in range(301):  # in 300 ms transients decay; then the phase is read twice
        if k in {150, 300}:
            phases.append(np.angle(x @ np.exp(1j * theta)))
        x = x + 2.0 * velocity(x)
    measured = abs(phases[1] - phases[0]) / 300.0 * np.linalg.norm(x)
    assert measured == pytest.approx(expected, rel=0.05)
    assert 0 < ring.max_speed < 2e-3


def test_a_slow_point_beside_the_slow_states_is_told_from_them_and_has_no_separation():
    def drift(state, input):
        x, y = state.unbind(-1)  # slow along y = 0; the speed is least elsewhere
        return torch.stack([0.02 + 0.2 * x**2 + y, -y], -1)

    system = Drift(drift, n_units=2)
    points = fixed_points.find(system, candidates=0.2 * normal(10, 2), n_rounds=0)
    assert points.kind.values.tolist() == ["slow"]
    found = attractors.find(
        system, points, slowness=Slowness(longer_than=4.0), within=[[0.5, 0.0], [-0.5, 0.0], [0.0, 0.5]]
    )
    assert found.kind.values.tolist() == ["line", "point"] and found.n_fixed.values.tolist() == [0, 0]
    point = found.isel(object=1)
    assert "pass it at a distance of 0." in point.reason.item()
    assert np.isnan(point.separation) and np.isnan(point.traverse_time)
    np.testing.assert_allclose(points.state.values[0], [0, -0.01], atol=1e-9)
    np.testing.assert_allclose(found.state.values[0, :, 1], 0, atol=1e-9)


def test_four_attractors_on_a_circle_are_a_ring_only_if_the_drift_between_them_is_slow():
    def four(size):
        def turn(x, y):
            return size * 4 * x * y * (x**2 - y**2)  # sin(4 angle)

        system, Q = polar(turn)
        points = fixed_points.find(system, candidates=ring_points(Q, 16), n_rounds=0)
        return system, points

    fast = attractors.find(*four(1.0))
    on = np.linalg.norm(fast.point_state, axis=1) > 0.5
    assert fast.attrs["n_continuous"] == 0 and on.sum() == 8
    assert fast.verdict.item().startswith("no continuous attractor: ")
    assert (fast.point_stable.values[on].sum(), (fast.point_n_unstable.values[on] == 1).sum()) == (4, 4)
    for size in (0.01, 0.04):
        ring = attractors.find(*four(size), slowness=Slowness(longer_than=3.0)).isel(object=0)
        assert ring.kind == "ring" and not ring.exact and (ring.n_fixed, ring.n_stable) == (8, 4)
        assert ring.mean_speed.item() == pytest.approx(size * 2 / np.pi, rel=0.02)
        assert ring.max_speed.item() == pytest.approx(size, rel=0.02)
        assert ring.traverse_time.item() == pytest.approx(np.pi**2 / size, rel=0.02)
        np.testing.assert_allclose(ring.curvature, 1.0, atol=0.05)


def test_a_chain_of_nodes_and_a_saddle_is_a_bent_line():
    Q = rotation(4, seed=3)

    def drift(state, input):
        x, y, z, w = (state @ Q.to(state)).unbind(-1)
        slow = 0.02 * (x - x**3)
        return torch.stack([slow, 0.5 * x**2 - y, -2 * z, -3 * w], -1) @ Q.to(state).T

    system = Drift(drift, n_units=4)
    points = fixed_points.find(system, candidates=normal(20, 4), n_rounds=1)
    found = attractors.find(system, points, slowness=Slowness(longer_than=20.0))
    line = found.isel(object=0)
    assert (line.kind, line.n_fixed, line.n_stable, line.n_drift_zeros) == ("line", 3, 2, 3)
    assert found.verdict.item() == "1 line (approximate)" and not line.exact
    assert found.kind.values.tolist() == ["line"]  # all points lie on it
    x, y = (line.state.values @ Q.numpy())[:, :2].T
    np.testing.assert_allclose(y, 0.5 * x**2, atol=0.03)  # the manifold bends with the drift, by its size
    assert x.min() < -1 and x.max() > 1
    order = np.argsort(found.point_arclength.values)
    assert points.n_unstable.values[order].tolist() == [0, 1, 0]
    half = np.diff(found.point_arclength.values[order])
    expected = 0.5 * (np.sqrt(2) + np.arcsinh(1))  # of the parabola from 0 to 1
    np.testing.assert_allclose(half, expected, rtol=3e-3)
    assert 0.7 < line.straightness < 0.99 and line.total_curvature > 1.5
    assert line.separation >= 3 and line.end.item() in {
        "separation lost",
        "drift too fast",
        "end of the region",
    }


def test_the_read_out_along_a_line():
    W, V = singular(1, n=6)
    cases = {0.0: V[0], 90.0: np.linalg.svd(V)[2][1], 60.0: 0.5 * V[0] + 0.75**0.5 * np.linalg.svd(V)[2][1]}
    for angle, vector in cases.items():
        net = network(W, activation="identity", W_out=2 * vector[None])
        found = searched(net, normal(20, 6), within=3 * V * [[-1.0], [1.0]])
        np.testing.assert_allclose(found.readout_angle[0], angle, atol=1e-5)
        np.testing.assert_allclose(np.abs(found.readout_cosine[0]), np.cos(np.deg2rad(angle)), atol=1e-6)
        np.testing.assert_allclose(found.output[0, :, 0], found.state[0].values @ (2 * vector), atol=1e-9)
    both = searched(
        net, normal(20, 6), within=3 * V * [[-1.0], [1.0]], W_out=np.stack([V[0], np.linalg.svd(V)[2][1]])
    )
    np.testing.assert_allclose(both.readout_cosine[0] ** 2, [[1, 0]] * 65, atol=1e-6)


def test_the_read_out_of_rates_is_seen_through_the_activation():
    W_out = normal(1, N, seed=5)
    found = searched(network(RING, W_out=W_out), bumps(8))
    ring = found.isel(object=0)
    x = ring.state.values
    gradient = W_out * (1 - np.tanh(x) ** 2)
    step = np.roll(x, -1, 0) - np.roll(x, 1, 0)
    cosine = (gradient * step).sum(1) / np.linalg.norm(gradient, axis=1) / np.linalg.norm(step, axis=1)
    np.testing.assert_allclose(ring.readout_cosine[:, 0], cosine, atol=1e-6)
    np.testing.assert_allclose(ring.readout_angle[:, 0], np.degrees(np.arccos(np.abs(cosine))), atol=1e-3)
    assert np.abs(cosine).max() < 0.9 and np.ptp(cosine) > 0.05


def test_isolated_points_are_no_continuum():
    m = 1.5 * 2**0.5 * np.sin(3 * THETA)
    overlap = m @ m / N
    rank_one = searched(
        network(np.outer(m, 2 * m / overlap) / N), normal(30, N) + normal(30, 1, seed=1) * 3 * m
    )
    assert (rank_one.kind == "point").all() and rank_one.sizes["object"] == 3
    assert "126.3 ms, 1.26 times" in rank_one.verdict.item()
    cube = searched(network(2 * np.eye(3)), 1.9 * normal(60, 3))
    assert cube.sizes["object"] == 27 and cube.attrs["n_continuous"] == 0
    assert cube.verdict.item().startswith("no continuous attractor: 27 points")
    assert (cube.n_states == 1).all() and cube.sizes["sample"] == 1
    np.testing.assert_array_equal(np.sort(cube.point_object), np.arange(27))
    random = searched(network(normal(30, 30, scale=0.6 / 30**0.5, seed=4)), normal(20, 30))
    assert random.kind.values.tolist() == ["point"] and random.reason.item().endswith("asked for)")


def test_a_continuum_that_repels_is_said_to():
    found = searched(
        network(np.block([[RING, np.zeros((N, 1))], [np.zeros((1, N)), 2 * np.eye(1)]])),
        np.concatenate([bumps(10), np.zeros((10, 1))], 1),
    )
    kinds = found.kind.values.tolist()
    assert kinds.count("ring") >= 1
    saddle = int(np.abs(found.state.values[: kinds.count("ring"), :, -1]).max(1).argmin())
    assert not found.attracting[saddle] and found.exact[saddle]
    assert "1 ring (exact, not attracting)" in found.verdict.item()


def test_every_context_is_looked_at_by_itself():
    W, V = singular(1)
    W_in = np.linalg.svd(V)[2][1:3].T

    def drift(state, input):
        gate = 1 - input[..., :1]
        return (state @ torch.as_tensor(W).to(state).T * gate - state) / TAU + input[
            ..., 1:
        ] * torch.as_tensor(W_in[:, 0]).to(state)

    system = Drift(drift, n_units=8, n_inputs=2)
    inputs = {"hold": [0.0, 0.0], "forget": [1.0, 0.0]}
    points = fixed_points.find(system, candidates=normal(8, 8), inputs=inputs, n_rounds=0)
    found = attractors.find(system, points, within=3 * V * [[-1.0], [1.0]])
    assert found.search.values.tolist() == ["hold", "forget"]
    assert found.verdict.values[0] == "1 line (exact)" and found.verdict.values[1].startswith("no continuous")
    here = found.isel(object=found.context.values == "forget")
    assert here.kind.values.tolist() == ["point"]


def test_the_network_is_left_untouched_and_the_result_survives_a_file(tmp_path, chain_ring):
    net = neurornn.CTRNN(2, 6, 2, activation="tanh", seed=1).train()
    before = copy.deepcopy(net.state_dict())
    points = fixed_points.find(net, candidates=normal(10, 6))
    found = attractors.find(net, points)
    assert net.training and all(p.requires_grad and p.dtype == torch.float32 for p in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    xr.testing.assert_equal(found, attractors.find(net, points))
    for number, each in enumerate((found, attractors.find(*chain_ring[:2]))):
        path = tmp_path / f"{number}.nc"
        each.to_netcdf(path, engine="h5netcdf")
        xr.testing.assert_equal(xr.load_dataset(path, engine="h5netcdf"), each)
    assert found.time_constant_along.attrs["units"] == "ms"


def test_wrong_requests_are_refused():
    net = network(0.5 * np.eye(3))
    points = fixed_points.find(net, candidates=normal(5, 3))
    with pytest.raises(ValueError, match=r"fixed_points\.find returns: got list"):
        attractors.find(net, [1.0])
    with pytest.raises(ValueError, match=r"got one without .*kind"):
        attractors.find(net, points.drop_vars("kind"))
    with pytest.raises(ValueError, match="no fixed or slow points"):
        attractors.find(net, points.isel(fixed_point=slice(0)))
    with pytest.raises(ValueError, match="have 3 units and the network 4"):
        attractors.find(network(np.eye(4)), points)
    with pytest.raises(ValueError, match=r"W_out must be \(output, unit\) with 3 units: got shape \(1, 4\)"):
        attractors.find(net, points, W_out=np.ones((1, 4)))
    with pytest.raises(ValueError, match="within must be states"):
        attractors.find(net, points, within=np.ones((5, 2)))
    with pytest.raises(ValueError, match="no two different"):
        attractors.find(net, points, within=np.ones((5, 3)))
    with pytest.raises(ValueError, match="candidates must be finite states"):
        attractors.find(net, points, candidates=np.full((2, 3), np.nan))
    with pytest.raises(ValueError, match=r"not known which input is held in \[0\]: pass inputs="):
        attractors.find(net, points.isel(fixed_point=slice(0)), candidates=normal(2, 3))
    with pytest.raises(ValueError, match=r"are those at input \[0\.0\]: got \[1\.0\]"):
        attractors.find(net, points, inputs=[1.0])
    with pytest.raises(ValueError, match=r"1 numbers for each of the contexts \[0\]: got \[1\.0, 2\.0\]"):
        attractors.find(net, points, inputs=[1.0, 2.0])
    with pytest.raises(ValueError, match=r"at least 8 states.*got n_samples=3"):
        attractors.find(net, points, n_samples=3)
    for options, message in (
        ({"longer_than": 0.0}, "longer_than is a time"),
        ({"separation": 1.0}, "ratio of time constants above 1"),
        ({"drift": 0.0}, r"drift must be positive: got 0\.0"),
        ({"shortest": -1.0}, "shortest must be positive"),
    ):
        with pytest.raises(ValueError, match=message):
            Slowness(**options)
    with pytest.raises(ValueError, match="noiseless"):
        attractors.find(neurornn.CTRNN(1, 3, 1, sigma_rec=0.1), points)


def test_plots_show_the_curve_its_drift_and_its_points(chain_ring):
    system, points, Q = chain_ring
    found = attractors.find(system, points, slowness=Slowness(longer_than=8.0))
    plane = Plane(np.zeros(3), Q[:, :2].T)
    axes = attractors.plot_attractors(found, plane)
    pieces = np.stack(axes.collections[0].get_segments())
    np.testing.assert_allclose(np.linalg.norm(pieces, axis=2), 1.0, atol=2e-3)
    assert len(pieces) == 65 and axes.get_xlabel() == plane.names[0]
    shown = axes.collections[0].get_array()
    assert shown.max() <= np.log10(0.0201) and axes.get_title() == "1 ring (approximate)"
    assert axes.child_axes[0].get_ylabel() == "log10 speed (1/ms)"
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts[0] == "stable (3)" and texts[1].startswith("unstable")
    drawn = attractors.plot_drift(found)
    np.testing.assert_allclose(drawn.lines[1].get_ydata()[:-1], found.drift[0])
    assert drawn.get_ylabel() == "drift along the curve (1/ms)" and drawn.get_xlim()[1] > 2 * np.pi
    np.testing.assert_allclose(drawn.lines[2].get_ydata(), 0, atol=2e-4)
    assert attractors.plot_attractors(found).get_xlabel() == "PC 1 of the states drawn"
    with pytest.raises(ValueError, match=r"lines and rings are \[0\]"):
        attractors.plot_drift(found, object=4)
    with pytest.raises(ValueError, match="Choose one of the contexts"):
        attractors.plot_attractors(found, context="colour")
    none = searched(network(0.5 * np.eye(3)), normal(5, 3))
    assert attractors.plot_attractors(none).get_title() == "no continuous attractor"
    with pytest.raises(ValueError, match="got object=None"):
        attractors.plot_drift(none)
