"""Flow on a plane: closed forms of linear networks, what the plane hides, an untouched network."""

import copy

import numpy as np
import pytest
import torch
import xarray as xr
from numpy.typing import NDArray

import neurornn
from neurornn.analysis import landscape, pca
from neurornn.analysis._system import freeze
from neurornn.analysis.landscape import Plane


def linear(W: NDArray[np.float64], *, tau: float = 100.0, sigma_rec: float = 0.0) -> neurornn.CTRNN:
    """A linear network with two input channels and known weights."""
    n = len(W)
    network = neurornn.CTRNN(
        2, n, 1, tau=tau, activation="identity", sigma_rec=sigma_rec, dtype=torch.float64
    )
    network.W_rec = torch.as_tensor(W)
    with torch.no_grad():
        network.bias.copy_(torch.linspace(-0.2, 0.3, n))
    return network


def some_plane(n_units: int, seed: int = 0) -> Plane:
    rng = np.random.default_rng(seed)
    return Plane(rng.normal(size=n_units), np.linalg.qr(rng.normal(size=(n_units, 2)))[0].T)


def test_flow_of_a_linear_network_is_its_drift_by_hand() -> None:
    W = 0.4 * np.random.default_rng(1).normal(size=(5, 5))
    network, plane, u = linear(W, tau=80.0), some_plane(5), np.array([0.3, -1.0])
    found = landscape.flow(network, plane, input=u, extent=(-1.0, 2.0, -3.0, 0.5), n=7)
    W_in, b = network.W_in.detach().numpy(), network.bias.detach().numpy()
    for i, y in enumerate(np.linspace(-3.0, 0.5, 7)):
        for j, x in enumerate(np.linspace(-1.0, 2.0, 7)):
            state = plane.origin + x * plane.axes[0] + y * plane.axes[1]
            v = (W @ state - state + W_in @ u + b) / 80.0
            here = found.isel(x=j, y=i)
            assert (here.x.item(), here.y.item()) == (pytest.approx(x), pytest.approx(y))
            np.testing.assert_allclose(here.speed, np.linalg.norm(v), rtol=1e-12)
            np.testing.assert_allclose(here.q, 0.5 * v @ v, rtol=1e-12)
            np.testing.assert_allclose([here.flow_x, here.flow_y], plane.axes @ v, atol=1e-14)
            out = v - plane.axes.T @ (plane.axes @ v)
            np.testing.assert_allclose(here.out_of_plane, np.linalg.norm(out) / np.linalg.norm(v), rtol=1e-9)
    assert found.speed.attrs["units"] == "1/ms" and found.q.attrs["units"] == "1/ms^2"
    np.testing.assert_allclose(found.inputs, u)


def test_speed_is_zero_at_the_fixed_point_and_nowhere_else_on_the_grid() -> None:
    W, u = 0.4 * np.random.default_rng(2).normal(size=(5, 5)), np.array([1.0, 0.5])
    network = linear(W)
    drive = (network.W_in @ torch.as_tensor(u) + network.bias).detach().numpy()
    fixed = np.linalg.solve(np.eye(5) - W, drive)
    plane = Plane(fixed, some_plane(5).axes)
    found = landscape.flow(network, plane, input=u, extent=(-1, 1, -1, 1), n=11)
    assert found.speed.sel(x=0.0, y=0.0) < 1e-16
    assert int((found.speed < 1e-5).sum()) == 1
    other = landscape.flow(network, plane, input=-u, extent=(-1, 1, -1, 1), n=11)
    assert float(other.speed.sel(x=0.0, y=0.0)) > 1e-4


def test_a_plane_that_holds_the_dynamics_hides_nothing() -> None:
    rng = np.random.default_rng(3)
    axes = np.linalg.qr(rng.normal(size=(6, 2)))[0].T
    W = axes.T @ np.array([[0.5, -0.8], [0.8, 0.5]]) @ axes
    network = linear(W)
    with torch.no_grad():
        network.bias.zero_()
    inside = landscape.flow(network, Plane(np.zeros(6), axes), input=[0, 0], extent=(-1, 1, -1, 1), n=6)
    assert float(inside.out_of_plane.max()) < 1e-12
    np.testing.assert_allclose(np.hypot(inside.flow_x, inside.flow_y), inside.speed, rtol=1e-12)
    np.testing.assert_allclose(inside.speed, np.hypot(0.5, 0.8) / 100 * np.hypot(inside.x, inside.y).T)
    across = landscape.flow(network, some_plane(6), input=[0, 0], extent=(-1, 1, -1, 1), n=6)
    assert float(across.out_of_plane.min()) > 0.05
    assert across.median_out_of_plane == pytest.approx(float(across.out_of_plane.median()))
    share = np.hypot(across.flow_x, across.flow_y) / across.speed
    np.testing.assert_allclose(share**2 + across.out_of_plane**2, 1.0, rtol=1e-10)


def test_out_of_plane_velocity_is_all_of_it_where_the_flow_is_orthogonal() -> None:
    plane = Plane(np.array([0.0, 0.0, 1.0]), np.eye(3)[:2])
    network = linear(np.diag([1.0, 1.0, 0.0]))  # only the third unit moves
    with torch.no_grad():
        network.bias.zero_()
    found = landscape.flow(network, plane, input=[0, 0], extent=(-1, 1, -1, 1), n=4)
    np.testing.assert_allclose(found.out_of_plane, 1.0)
    np.testing.assert_allclose(found.speed, 0.01)
    still = landscape.flow(network, Plane(np.zeros(3), np.eye(3)[:2]), input=[0, 0], extent=(-1, 1, -1, 1))
    np.testing.assert_array_equal(still.out_of_plane, 0.0)
    with pytest.raises(ValueError, match="speed is 0 everywhere"):
        landscape.plot_flow(still)


def test_flow_does_not_depend_on_the_time_step_and_scales_with_tau() -> None:
    W, plane = 0.4 * np.random.default_rng(4).normal(size=(4, 4)), some_plane(4)
    extent = (-1.0, 1.0, -1.0, 1.0)
    network = linear(W)
    fine = landscape.flow(network.rescale_dt(1.0), plane, input=[0, 1], extent=extent)
    coarse = landscape.flow(network, plane, input=[0, 1], extent=extent)
    np.testing.assert_array_equal(fine.speed, coarse.speed)
    slow = linear(W, tau=300.0)
    slow.W_in = network.W_in.detach()
    np.testing.assert_allclose(
        3 * landscape.flow(slow, plane, input=[0, 1], extent=extent).speed, coarse.speed
    )


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    network = neurornn.CTRNN(2, 9, 1, activation="tanh", seed=5)
    whole = landscape.flow(network, some_plane(9), input=[0, 1], extent=(-2, 2, -2, 2), n=9)
    monkeypatch.setattr("neurornn.analysis.landscape._flow._CHUNK", 7)
    pieces = landscape.flow(network, some_plane(9), input=[0, 1], extent=(-2, 2, -2, 2), n=9)
    xr.testing.assert_allclose(whole, pieces, rtol=1e-12)


def test_the_network_is_left_untouched() -> None:
    network = neurornn.CTRNN(2, 9, 1, dale=neurornn.Dale(), seed=6).train()
    network(torch.ones(1, 3, 2)).output.sum().backward()
    before = copy.deepcopy(network.state_dict())
    gradients = [None if p.grad is None else p.grad.clone() for p in network.parameters()]
    landscape.flow(network, some_plane(9), input=torch.ones(2), extent=(-1, 1, -1, 1), n=5)
    assert network.training and all(p.requires_grad for p in network.parameters())
    assert all(p.dtype == torch.float32 for p in network.parameters())
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    for parameter, gradient in zip(network.parameters(), gradients, strict=True):
        assert gradient is None or torch.equal(parameter.grad, gradient)
    twin = freeze(network, 9).velocity.__self__
    assert not twin.training and not any(p.requires_grad for p in twin.parameters())
    assert all(p.grad is None and p.dtype == torch.float64 for p in twin.parameters())
    assert {p.data_ptr() for p in twin.parameters()}.isdisjoint(p.data_ptr() for p in network.parameters())


def test_noise_is_refused_and_its_removal_accepted() -> None:
    network = linear(np.zeros((3, 3)), sigma_rec=0.2)
    with pytest.raises(ValueError, match=r"sigma_rec=0\.2.*Pass network\.noiseless\(\)"):
        landscape.flow(network, some_plane(3), input=[0, 0], extent=(-1, 1, -1, 1))
    landscape.flow(network.noiseless(), some_plane(3), input=[0, 0], extent=(-1, 1, -1, 1), n=3)


def test_any_object_with_a_drift_has_a_flow() -> None:
    class Saddle:
        dt = 1.0

        def drift(self, state: torch.Tensor, input: torch.Tensor) -> torch.Tensor:
            return torch.stack([state[..., 0] + input[..., 0], -2 * state[..., 1]], -1) / 50.0

    found = landscape.flow(Saddle(), Plane(np.zeros(2), np.eye(2)), input=[3.0], extent=(-1, 1, -1, 1), n=3)
    here = found.sel(x=1.0, y=-1.0)
    np.testing.assert_allclose([here.flow_x, here.flow_y], [4 / 50, 2 / 50], rtol=1e-12)
    with pytest.raises(TypeError, match="got object"):
        landscape.flow(object(), some_plane(2), input=[0.0], extent=(-1, 1, -1, 1))


def test_wrong_requests_are_refused() -> None:
    network, plane = linear(np.zeros((3, 3))), some_plane(3)
    box = (-1.0, 1.0, -1.0, 1.0)
    with pytest.raises(ValueError, match=r"one number for each channel, shape \(2,\): got shape \(3,\)"):
        landscape.flow(network, plane, input=[0, 0, 0], extent=box)
    with pytest.raises(ValueError, match="input must be finite"):
        landscape.flow(network, plane, input=[0, np.nan], extent=box)
    with pytest.raises(ValueError, match="space of 4 units but the network has 3"):
        landscape.flow(network, some_plane(4), input=[0, 0], extent=box)
    with pytest.raises(ValueError, match="with room between them"):
        landscape.flow(network, plane, input=[0, 0], extent=(1.0, -1.0, -1.0, 1.0))
    with pytest.raises(ValueError, match="got n=1"):
        landscape.flow(network, plane, input=[0, 0], extent=box, n=1)
    steep = neurornn.CTRNN(2, 3, 1, activation=neurornn.activations.power(3.0), seed=0)
    with pytest.raises(ValueError, match="not finite in states as large as"):
        landscape.flow(steep, plane, input=[0, 0], extent=(-1e200, 1e200, -1e200, 1e200), n=3)


def test_plane_coordinates_round_trip_and_distance_is_what_is_left() -> None:
    plane = some_plane(7)
    st = np.random.default_rng(7).normal(size=(4, 5, 2))
    np.testing.assert_allclose(plane.coordinates(plane.embed(st)), st, atol=1e-12)
    np.testing.assert_allclose(plane.distance(plane.embed(st)), 0, atol=1e-12)
    states = np.random.default_rng(8).normal(size=(6, 7))
    away = states - plane.embed(plane.coordinates(states))
    np.testing.assert_allclose(away @ plane.axes.T, 0, atol=1e-12)
    np.testing.assert_allclose(plane.distance(states), np.linalg.norm(away, axis=1))


def test_plane_through_three_states_holds_them() -> None:
    points = np.random.default_rng(9).normal(size=(3, 6))
    plane = Plane.through(points)
    np.testing.assert_allclose(plane.distance(points), 0, atol=1e-12)
    where = plane.coordinates(points)
    np.testing.assert_allclose(where[0], 0, atol=1e-12)
    assert where[1, 1] == pytest.approx(0, abs=1e-12) and where[2, 1] > 0
    with pytest.raises(ValueError, match="lie on a line"):
        Plane.through([points[0], points[1], 0.3 * points[0] + 0.7 * points[1]])
    with pytest.raises(ValueError, match="lie on a line"):
        Plane.through([points[0], points[0], points[1]])
    with pytest.raises(ValueError, match=r"three states, \(3, unit\)"):
        Plane.through(points[:2])


def states_and_fit() -> tuple[xr.Dataset, xr.Dataset]:
    rng = np.random.default_rng(10)
    state = rng.normal(size=(8, 20, 6)) * 1.5 ** -np.arange(6) + rng.normal(size=6)
    ds = xr.Dataset({"state": (("trial", "time", "unit"), state), "rate": (("trial", "time", "unit"), state)})
    return ds, pca.fit(ds, variable="state")


def test_plane_of_components_has_the_coordinates_of_the_projection() -> None:
    ds, fit = states_and_fit()
    projected = pca.project(ds, fit).values
    np.testing.assert_allclose(Plane.from_pca(fit).coordinates(ds.state), projected[..., :2], atol=1e-12)
    swapped = Plane.from_pca(fit, (2, 0))
    np.testing.assert_allclose(swapped.coordinates(ds.state), projected[..., [2, 0]], atol=1e-12)
    assert swapped.names[0].startswith("PC 3 (") and swapped.names[1].startswith("PC 1 (")
    fixed = ds.state.values[3, 4] + 1.0
    moved = Plane.from_pca(fit, origin=fixed)
    assert moved.distance(fixed) == pytest.approx(0, abs=1e-12)
    assert Plane.from_pca(fit).distance(fixed) > 0.1
    np.testing.assert_allclose(moved.coordinates(ds.state), projected[..., :2], atol=1e-12)


def test_extent_surrounds_states_and_passes_over_padding() -> None:
    plane = Plane(np.zeros(3), np.eye(3)[:2])
    states = np.array([[0.0, 1.0, 9.0], [2.0, 5.0, -9.0], [np.nan] * 3])
    assert plane.extent(states, margin=0.5) == (-1.0, 3.0, -1.0, 7.0)
    assert plane.extent(states[:1]) == (-0.15, 0.15, 0.85, 1.15)
    with pytest.raises(ValueError, match="No state is finite"):
        plane.extent(states[2:])


def test_planes_that_are_none_are_refused() -> None:
    ds, fit = states_and_fit()
    with pytest.raises(ValueError, match=r"components are of 'rate'.*variable='state'"):
        Plane.from_pca(pca.fit(ds))
    with pytest.raises(ValueError, match="two of 0 to 5"):
        Plane.from_pca(fit, (0, 6))
    with pytest.raises(ValueError, match="space of 6 units"):
        Plane.from_pca(fit, origin=np.zeros(5))
    with pytest.raises(ValueError, match="must be orthonormal"):
        Plane(np.zeros(3), np.array([[1.0, 0, 0], [1.0, 1.0, 0]]))
    with pytest.raises(ValueError, match=r"axes \(2, unit\)"):
        Plane(np.zeros(3), np.eye(3))
    with pytest.raises(ValueError, match="finite"):
        Plane(np.array([np.nan, 0, 0]), np.eye(3)[:2])


def test_plot_shows_speed_on_the_scale_asked_for() -> None:
    import matplotlib.pyplot as plt

    ds, fit = states_and_fit()
    plane = Plane.from_pca(fit)
    network = neurornn.CTRNN(1, 6, 1, activation="tanh", seed=1).double()
    extent = plane.extent(ds.state)
    flows = [landscape.flow(network, plane, input=[u], extent=extent, n=15) for u in (0.0, 2.0)]
    low, high = landscape.common_limits(*flows)
    speeds = np.stack([found.speed for found in flows])
    assert (low, high) == (pytest.approx(np.log10(speeds.min())), pytest.approx(np.log10(speeds.max())))
    _, (left, right) = plt.subplots(1, 2)
    assert landscape.plot_flow(flows[0], vmin=low, vmax=high, colorbar=False, ax=left) is left
    landscape.plot_flow(flows[1], vmin=low, vmax=high, ax=right)
    assert left.collections[0].get_clim() == right.collections[0].get_clim() == (low, high)
    np.testing.assert_allclose(left.collections[0].get_array().ravel(), np.log10(speeds[0].ravel()))
    assert left.get_xlabel() == plane.names[0] and left.get_xlim() == pytest.approx(extent[:2])
    assert not left.child_axes
    assert right.child_axes[0].get_ylabel() == "log10 speed (1/ms)"
    assert left.get_title(loc="right").endswith("of the velocity out of plane (median)")


def test_a_grid_point_on_a_fixed_point_does_not_take_all_the_colours() -> None:
    network = linear(np.zeros((3, 3)))
    with torch.no_grad():
        network.bias.zero_()
    plane = Plane(np.zeros(3), np.eye(3)[:2])
    found = landscape.flow(network, plane, input=[0, 0], extent=(-1, 1, -1, 1), n=5)
    assert float(found.speed.min()) == 0
    low, high = landscape.common_limits(found)
    assert high - low == pytest.approx(5)
    shown = landscape.plot_flow(found).collections[0].get_array()
    assert np.isfinite(shown).all() and shown.min() == pytest.approx(low)


def test_contexts_side_by_side_share_limits_and_one_colour_bar() -> None:
    network = neurornn.CTRNN(1, 2, 1, activation="tanh", seed=1).double()
    plane, extent = Plane(np.zeros(2), np.eye(2)), (-1.0, 1.0, -1.0, 1.0)
    flows = {
        name: landscape.flow(network, plane, input=[u], extent=extent, n=9)
        for name, u in {"off": 0.0, "on": 3.0}.items()
    }
    panels = landscape.side_by_side(flows)
    limits = landscape.common_limits(*flows.values())
    assert [ax.get_title(loc="left") for ax in panels] == ["off", "on"]
    assert all(ax.collections[0].get_clim() == limits for ax in panels)
    assert [len(ax.child_axes) for ax in panels] == [0, 1] and panels[1].get_ylabel() == ""
    moved = landscape.flow(network, plane, input=[0.0], extent=(-1, 2, -1, 1), n=9)
    with pytest.raises(ValueError, match="'other' shows another than 'off'"):
        landscape.side_by_side({"off": flows["off"], "other": moved})
    with pytest.raises(ValueError, match="axes of its own: got 1 for 2"):
        landscape.side_by_side(flows, axes=panels[:1])
    with pytest.raises(ValueError, match="all of one kind: got none"):
        landscape.side_by_side({})
    found = landscape.basins(network, plane, input=[0.0], extent=extent, n=9)
    with pytest.raises(ValueError, match="all of one kind: got"):
        landscape.side_by_side({"off": flows["off"], "on": found})


def flip_flop(bias: float = 0.0) -> neurornn.CTRNN:
    network = neurornn.CTRNN(1, 2, 1, activation="tanh", dtype=torch.float64)
    network.W_rec = 2 * torch.eye(2)
    network.W_in = torch.tensor([[1.0], [0.0]])
    with torch.no_grad():
        network.bias.fill_(bias)
    return network


def test_a_memory_keeps_its_colour_from_context_to_context() -> None:
    """At input 0.7 the first bit is set whatever the state: two of four memories are left, moved a little."""
    plane, extent = Plane(np.zeros(2), np.eye(2)), (-3.0, 3.0, -3.0, 3.0)
    found = {
        name: landscape.basins(flip_flop(), plane, input=[u], extent=extent, n=12, attractors=known)
        for name, u, known in (("free", 0.0, None), ("set", 0.7, None), ("again", 0.1, None))
    }
    assert [each.sizes["attractor_index"] for each in found.values()] == [4, 2, 4]
    panels = landscape.side_by_side(found)

    def colour(panel: int, x: float, y: float) -> tuple[float, ...]:
        ds = list(found.values())[panel]
        column, row = int(np.abs(ds.x.values - x).argmin()), int(np.abs(ds.y.values - y).argmin())
        return tuple(np.asarray(panels[panel].images[0].get_array())[row, column])

    for y in (-2.0, 2.0):
        assert colour(0, 2.0, y) == colour(1, 2.0, y) == colour(1, -2.0, y) == colour(2, 2.0, y)
        assert colour(0, -2.0, y) == colour(2, -2.0, y) != colour(0, 2.0, y)
    assert colour(0, 2.0, 2.0) != colour(0, 2.0, -2.0)
    assert panels[1].get_title(loc="right") == "basins 50% / 50%"


def test_basins_are_drawn_where_they_are_and_their_shares_listed() -> None:
    plane, extent = Plane(np.zeros(2), np.eye(2), ("unit 0", "unit 1")), (-3.0, 3.0, -3.0, 3.0)
    found = landscape.basins(flip_flop(0.2), plane, input=[0.0], extent=extent, n=12)
    axes = landscape.plot_basins(found)
    image = np.asarray(axes.images[0].get_array())
    assert len(np.unique(image.reshape(-1, 3), axis=0)) == 4
    for k in range(4):
        assert len(np.unique(image[found.attractor.values == k], axis=0)) == 1
    np.testing.assert_allclose(axes.lines[0].get_xdata(), found.boundary_x)
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_xlim()) == ("unit 0", "unit 1", (-3.0, 3.0))
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == [f"attractor {k}: {float(share):.1%}" for k, share in enumerate(found.fraction)]
    with pytest.raises(ValueError, match="got 1 colours for 4 attractors"):
        landscape.plot_basins(found, colours=["red"])


def test_fractions_and_edges_are_drawn_with_what_is_known_of_them() -> None:
    network, plane = flip_flop(), Plane(np.zeros(2), np.eye(2))
    shares = landscape.basin_fractions(network, landscape.Box([-2, -2], [2, 2]), input=[0.0], n=64)
    axes = landscape.plot_basin_fractions(shares)
    np.testing.assert_allclose([bar.get_height() for bar in axes.patches], shares.fraction[:4])
    assert axes.get_ylabel() == "basin fraction" and "64 states, uniform in a box" in axes.get_title()
    edges = landscape.edge_states(network, input=[0.0], attractors=shares.state.values)
    axes = landscape.plot_edge_states(edges, plane)
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["edge state (4)", "memory (4)"]
    crosses = next(line for line in axes.lines if line.get_marker() == "X")
    np.testing.assert_allclose(np.sort(np.abs(crosses.get_xydata()), axis=1)[:, 1], 1.915008048, rtol=1e-8)
