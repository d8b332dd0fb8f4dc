"""Surfaces of slow states whose area, topology and drift are known."""

import numpy as np
import pytest
import torch
import xarray as xr

import neurornn
from neurornn.analysis import attractors, fixed_points
from neurornn.analysis.attractors._chart import chart
from neurornn.analysis.attractors._mesh import topology, triangulate
from neurornn.analysis.systems import Drift

N = 16  # units of a ring; so few that the symmetry is not exact
THETA = 2 * np.pi * np.arange(N) / N
RING = 4 / N * np.cos(THETA[:, None] - THETA)


def normal(*shape, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).standard_normal(shape)


def network(W, dt=10.0):
    net = neurornn.CTRNN(1, len(W), 1, tau=100.0, dt=dt, activation="tanh", bias=False, dtype=torch.float64)
    net.W_rec, net.W_in = torch.as_tensor(W), torch.zeros(len(W), 1)
    return net


def bumps(n, seed=0):
    phase = np.random.default_rng(seed).uniform(0, 2 * np.pi, (n, 1))
    return 2.3 * np.cos(THETA - phase)


def two_rings(**options):
    return network(np.block([[RING, 0 * RING], [0 * RING, RING]]), **options)


def nothing(system, start=None):
    """A search that found no point."""
    candidates = np.zeros((1, system.n_units)) if start is None else start
    return fixed_points.find(system, candidates=candidates, n_rounds=0).isel(fixed_point=slice(0))


def searched(system, candidates, **options):
    return attractors.find(
        system, nothing(system), candidates=candidates, inputs=[0.0] * system.n_inputs, **options
    )


def sphere(epsilon=0.0, n=3, Q=None, rate=1.0, dt=1.0):
    """A sphere of radius 1 that attracts at rate 2, and turns around its poles; further dimensions decay."""
    Q = torch.eye(n, dtype=torch.float64) if Q is None else torch.as_tensor(Q)

    def drift(state, input):
        x = state @ Q.to(state)
        ball, rest = x[..., :3], x[..., 3:]
        turn = torch.stack([-ball[..., 1], ball[..., 0], 0 * ball[..., 0]], -1)
        back = ball * (1 - ball.square().sum(-1, keepdim=True)) + epsilon * turn
        return rate * torch.cat([back, -2 * rest], -1) @ Q.to(state).T

    return Drift(drift, n_units=n, dt=dt)


def on_sphere(n=12, units=3, seed=1):
    x = normal(n, units, seed=seed)
    return x / np.linalg.norm(x[:, :3], axis=1, keepdims=True)


def flat(project, n=6, seed=2):
    """A plane of which the states that ``project`` leaves where they are rest, and others are drawn towards them."""
    Q = torch.as_tensor(np.linalg.qr(normal(n, n, seed=seed))[0])

    def drift(state, input):
        x = state @ Q.to(state)
        return torch.cat([project(x[..., :2]) - x[..., :2], -x[..., 2:]], -1) @ Q.to(state).T

    return Drift(drift, n_units=n), Q.numpy()


# ---------------------------------------------------------------------------------------------- triangles


def swept(name, n_long=26, n_wide=9):
    """States of a strip or a tube, staggered, and its tangents by differences."""

    def place(a, b):
        if name == "Moebius strip":
            b = 0.6 * (b / np.pi - 1)
            r = 1 + b * np.cos(a / 2)
            return np.stack([r * np.cos(a), r * np.sin(a), b * np.sin(a / 2)], -1)
        r = 1 + 0.35 * np.cos(b)  # a Klein bottle in four dimensions
        return np.stack(
            [
                r * np.cos(a),
                r * np.sin(a),
                0.35 * np.sin(b) * np.cos(a / 2),
                0.35 * np.sin(b) * np.sin(a / 2),
            ],
            -1,
        )

    closed = name == "Klein bottle"
    b, a = np.meshgrid(
        np.linspace(0, 2 * np.pi, n_wide, endpoint=not closed),
        np.linspace(0, 2 * np.pi, n_long, endpoint=False),
    )
    a, b = a.ravel() + 0.03 * normal(a.size), b.ravel()
    slopes = [(place(a + da, b + db) - place(a - da, b - db)) / 2e-5 for da, db in ((1e-5, 0), (0, 1e-5))]
    return place(a, b), np.linalg.qr(np.stack(slopes, -1))[0]


@pytest.mark.parametrize(("name", "euler", "n_borders"), [("Moebius strip", 0, 1), ("Klein bottle", 0, 0)])
def test_one_sided_surfaces_are_recognised(name, euler, n_borders):
    mesh = triangulate(*swept(name), 0.28)
    assert mesh.sound and topology(mesh.triangles)[:3] == (name, euler, n_borders)


def test_a_tetrahedron_is_a_sphere_and_a_torn_one_a_sheet():
    faces = np.array([[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]])
    assert topology(faces)[:3] == ("sphere", 2, 0)
    assert topology(faces[:3])[:3] == ("sheet", 1, 1)
    assert len(topology(faces[:3]).border) == 3


def test_a_square_lattice_which_has_no_preferred_triangles_becomes_a_torus():
    angle = np.arange(18) / 18 * 2 * np.pi
    a, b = (each.ravel() for each in np.meshgrid(angle, angle))
    zero = 0 * a
    x = np.stack([np.cos(a), np.sin(a), np.cos(b), np.sin(b)], 1)
    T = np.stack(
        [np.stack([-np.sin(a), np.cos(a), zero, zero], 1), np.stack([zero, zero, -np.sin(b), np.cos(b)], 1)],
        2,
    )
    mesh = triangulate(x, T, 0.36)
    assert (
        mesh.sound and topology(mesh.triangles)[:3] == ("torus", 0, 0) and len(mesh.triangles) == 2 * len(x)
    )
    laid = chart(x, mesh.triangles, False)
    # each angle of the chart is one of the two angles, to a sign and a shift
    turns = [np.exp(1j * np.stack([sign * each for sign in (1, -1) for each in (a, b)])) for _ in range(2)]
    for k in range(2):
        aligned = np.abs((turns[k] * np.exp(-1j * laid.place[:, k])).mean(1))
        assert aligned.max() > 0.99 and np.sort(aligned)[-2] < 0.1


# ---------------------------------------------------------------------------------------------- torus


@pytest.fixture(scope="module")
def torus():
    net = two_rings()
    candidates = np.concatenate([bumps(12, 1), bumps(12, 2)], 1)
    return net, attractors.find(net, nothing(net), candidates=candidates, inputs=[0.0])


def test_two_independent_rings_make_a_torus_found_from_states_that_relax_onto_it(torus):
    found = torus[1]
    torus = found.isel(object=0)
    assert found.verdict.item() == "1 torus (approximate)" and found.kind.values.tolist() == ["surface"]
    assert (torus.topology, torus.euler, torus.n_borders) == ("torus", 0, 0) and torus.resolved
    assert (torus.dimension, torus.dimension_local, torus.start) == (2, 2, "closed")
    assert (torus.n_reached, found.n_elsewhere.item(), torus.n_fixed) == (12, 0, 0)
    alone = network(RING)
    one = attractors.find(alone, nothing(alone), candidates=bumps(8), inputs=[0.0], n_samples=513).isel(
        object=0
    )
    assert torus.area.item() == pytest.approx(one.length.item() ** 2, rel=1e-4)
    assert abs(torus.area.item() - one.length.item() ** 2) < torus.area_error
    radius = one.length.item() / (2 * np.pi)
    assert torus.mean_curvature.item() == pytest.approx(0.5 * np.sqrt(2) / radius, rel=0.03)
    assert abs(torus.total_gaussian_curvature.item()) < 0.02 * 4 * np.pi
    # The drift is that of the two rings, each by itself.
    n = int(torus.n_states)
    x, F = torus.state.values[:n], torus.velocity.values[:n]
    phase = np.angle(one.state.values @ np.exp(1j * THETA))
    order = np.argsort(phase)
    sense = np.sign(np.diff(np.unwrap(phase))[0])
    for part in (slice(0, N), slice(N, None)):
        angle = np.angle(x[:, part] @ np.exp(1j * THETA))
        expected = np.interp(angle, phase[order], sense * one.drift.values[order], period=2 * np.pi)
        x_turn = np.imag((F[:, part] @ np.exp(1j * THETA)) / (x[:, part] @ np.exp(1j * THETA))) * radius
        np.testing.assert_allclose(x_turn, expected, atol=0.02 * one.max_speed.item())
    assert torus.drift_across.max() < 0.01 * torus.max_speed
    assert 1e-6 < torus.mean_speed < 2**0.5 * one.max_speed < 2e-5


def test_the_time_step_does_not_matter(torus):
    candidates = np.concatenate([bumps(12, 1), bumps(12, 2)], 1)
    again = attractors.find(two_rings(dt=100.0), nothing(two_rings()), candidates=candidates, inputs=[0.0])
    xr.testing.assert_equal(again.drop_attrs(), torus[1].drop_attrs())


def test_the_order_of_the_units_does_not_matter_nor_does_a_finer_step(torus):
    order = np.random.default_rng(3).permutation(2 * N)
    W = two_rings().W_rec.detach().numpy()[np.ix_(order, order)]
    candidates = np.concatenate([bumps(12, 1), bumps(12, 2)], 1)[:, order]
    found = attractors.find(network(W, dt=1.0), nothing(network(W)), candidates=candidates, inputs=[0.0])
    assert found.verdict.item() == torus[1].verdict.item()
    for name, tolerance in (("area", 1e-4), ("max_speed", 0.02), ("mean_speed", 0.05), ("extent", 0.02)):
        np.testing.assert_allclose(found[name], torus[1][name], rtol=tolerance, err_msg=name)


def test_the_drift_on_a_torus_grows_with_the_perturbation():
    speeds, noise = [], normal(2 * N, 2 * N, scale=(2 * N) ** -0.5, seed=4)
    for size in (0.01, 0.02):
        net = network(two_rings().W_rec.detach().numpy() + size * noise)
        found = attractors.find(
            net, nothing(net), candidates=np.concatenate([bumps(12, 1), bumps(12, 2)], 1), inputs=[0.0]
        )
        assert found.verdict.item() == "1 torus (approximate)"
        speeds.append(found.mean_speed.item())
    assert speeds[1] / speeds[0] == pytest.approx(2, rel=0.1)


# ---------------------------------------------------------------------------------------------- sphere


def test_a_sphere_of_fixed_points_has_its_area_and_curvature_however_it_is_turned():
    Q = np.linalg.qr(normal(5, 5))[0]
    plain, turned = sphere(n=5), sphere(n=5, Q=Q)
    found = [
        searched(system, on_sphere(units=5) @ (np.eye(5) if k == 0 else Q.T))
        for k, system in enumerate((plain, turned))
    ]
    for ds in found:
        ball = ds.isel(object=0)
        assert ds.verdict.item() == "1 sphere (exact)" and (ball.euler, ball.n_borders) == (2, 0)
        assert ball.area.item() == pytest.approx(4 * np.pi, rel=3e-4)
        assert abs(ball.area.item() - 4 * np.pi) < ball.area_error
        assert ball.mean_curvature.item() == pytest.approx(1, rel=0.02)
        assert ball.total_gaussian_curvature.item() == pytest.approx(4 * np.pi, rel=0.04)
        assert ball.max_speed < 1e-10 and ball.traverse_time == np.inf
        np.testing.assert_allclose(np.linalg.norm(ball.state[: int(ball.n_states)], axis=1), 1, rtol=1e-9)
    assert found[0].area.values[0] == pytest.approx(found[1].area.values[0], rel=3e-4)


def test_the_drift_on_a_sphere_is_measured_and_follows_the_knob():
    for epsilon in (0.01, 0.03):
        ball = searched(sphere(epsilon), on_sphere()).isel(object=0)
        n = int(ball.n_states)
        z = ball.state.values[:n, 2]
        np.testing.assert_allclose(ball.speed[:n], epsilon * np.sqrt(1 - z**2), atol=1e-3 * epsilon)
        assert ball.mean_speed.item() == pytest.approx(epsilon * np.pi / 4, rel=0.01)
        assert ball.drift_across.max() < 0.02 * epsilon and not ball.exact
    assert searched(sphere(1.0), on_sphere()).attrs["n_continuous"] == 0  # too fast to keep anything


def test_what_the_sample_cannot_hold_is_said_to_be_unresolved():
    few = searched(sphere(), on_sphere(), n_surface=30)
    ball = few.isel(object=0)
    assert ball.dimension == 2 and not ball.resolved and few.attrs["n_unresolved"] == 1
    assert ball.topology == "unresolved" and np.isnan(ball.area) and ball.euler == -99
    assert few.verdict.item() == "1 surface (exact, unresolved)"
    assert "unresolved (more states than the sample holds)" in ball.summary.item()
    with pytest.raises(ValueError, match=r"whose shape is resolved.*they are \[\]"):
        attractors.plot_surface(few)
    three = Drift(lambda x, u: torch.cat([0 * x[..., :3], -x[..., 3:]], -1), n_units=4)
    block = searched(three, normal(6, 4)).isel(object=0)
    assert block.dimension == 3 and not block.resolved
    assert "3 dimensions are sampled and not measured" in block.unresolved.item()


# ---------------------------------------------------------------------------------------------- borders


def test_a_saturating_integrator_of_two_numbers_is_a_plane_of_known_size():
    system, Q = flat(lambda z: z.clamp(-1, 1))
    corners = np.concatenate([2 * np.eye(6)[:2], -2 * np.eye(6)[:2]]) @ Q.T
    found = searched(system, normal(12, 6), within=corners)
    plane = found.isel(object=0)
    assert (plane.kind, plane.topology, plane.euler, plane.n_borders) == ("plane", "sheet", 1, 1)
    assert plane.exact and plane.area.item() == pytest.approx(4, rel=0.02)
    sample = plane.state.values[: int(plane.n_states)] @ Q
    np.testing.assert_allclose(np.ptp(sample[:, :2], axis=0), 2, rtol=0.01)
    np.testing.assert_allclose(sample[:, 2:], 0, atol=1e-9)
    assert "separation lost" in plane.end.item() and plane.flatness.item() == pytest.approx(1)
    assert plane.mean_curvature.item() < 1e-9


def test_a_plane_with_a_hole_has_two_borders():
    def ring(z):
        r = z.norm(dim=-1, keepdim=True).clamp(min=1e-9)
        return z / r * r.clamp(0.8, 2)

    system, Q = flat(ring)
    angle = np.linspace(0, 6, 8)
    starts = np.concatenate([1.3 * np.stack([np.cos(angle), np.sin(angle)], 1), np.zeros((8, 4))], 1) @ Q.T
    found = attractors.find(system, nothing(system, starts[:1]), candidates=starts, within=2.5 * starts)
    band = found.isel(object=0)
    assert (band.topology, band.euler, band.n_borders) == ("cylinder", 0, 2)
    assert band.area.item() == pytest.approx(np.pi * (2**2 - 0.8**2), rel=0.02)


def test_a_ring_times_a_segment_is_a_cylinder():
    def drift(state, input):
        x, y, z = state.unbind(-1)
        back = 1 - x**2 - y**2
        return torch.stack([x * back - 0.01 * y * z, y * back + 0.01 * x * z, z.clamp(-1, 1) - z], -1)

    starts = np.concatenate([on_sphere(12)[:, :2], np.linspace(-0.9, 0.9, 12)[:, None]], 1)
    found = searched(Drift(drift, n_units=3), starts, within=1.5 * starts)
    tube = found.isel(object=0)
    assert found.verdict.item().startswith("1 cylinder (approximate)")
    assert tube.area.item() == pytest.approx(4 * np.pi, rel=0.01) and tube.n_borders == 2
    n = int(tube.n_states)
    np.testing.assert_allclose(tube.speed[:n], 0.01 * np.abs(tube.state[:n, 2]), atol=1e-5)
    assert tube.max_speed.item() == pytest.approx(0.01, rel=0.02)
    axes = attractors.plot_surface(found)
    assert axes.get_xlim() == (0, 2 * np.pi) and axes.get_xlabel() == "angle (rad)"
    height = np.asarray(axes.collections[1].get_offsets())[:, 1]
    assert np.corrcoef(height, tube.state[:n, 2])[0, 1] ** 2 > 0.99


# ---------------------------------------------------------------------------------------------- figures


def test_a_torus_is_laid_out_by_its_two_angles(torus):
    axes = attractors.plot_surface(torus[1])
    assert axes.get_xlim() == axes.get_ylim() == (0, 2 * np.pi)
    assert axes.get_title().startswith("approximate torus, area 169")
    assert axes.child_axes[0].get_ylabel() == "log10 speed (1/ms)"
    n = int(torus[1].n_states[0])
    place = np.asarray(axes.collections[1].get_offsets())
    assert len(place) == n
    x = torus[1].state.values[0, :n]
    angles = [np.angle(x[:, part] @ np.exp(1j * THETA)) for part in (slice(0, N), slice(N, None))]
    for k in range(2):
        turned = [abs(np.exp(1j * (place[:, k] + sign * each)).mean()) for each in angles for sign in (1, -1)]
        assert max(turned) > 0.99
    overview = attractors.plot_attractors(torus[1])
    assert (
        overview.get_title() == "1 torus (approximate)"
        and len(overview.collections[0].get_segments()) > 2 * n
    )
    with pytest.raises(ValueError, match=r"got object=3; they are \[0\]"):
        attractors.plot_surface(torus[1], object=3)


def test_surfaces_survive_a_file(torus, tmp_path):
    path = tmp_path / "torus.nc"
    torus[1].to_netcdf(path, engine="h5netcdf")
    again = xr.load_dataset(path, engine="h5netcdf")
    xr.testing.assert_equal(again, torus[1])
    assert attractors.plot_surface(again).get_title() == attractors.plot_surface(torus[1]).get_title()
