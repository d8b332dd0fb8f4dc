"""Pairs of crossings within one step of the continuation: constructed diagrams in which plain steps see nothing."""

from itertools import pairwise

import numpy as np
import pytest
import torch

import neurornn
from neurornn.analysis.continuation import InputPath, ParameterPath, trace
from neurornn.analysis.continuation._curve import correct, point_at
from neurornn.analysis.continuation._family import Family
from neurornn.analysis.continuation._hidden import divided, hides
from neurornn.analysis.systems import Drift

CENTRES = [0.31, 0.45, 0.52, 0.68]


def follow(function, n_units, start, *, low=0.0, high=1.0, **options):
    base = Drift(lambda x, u: -x, n_units=n_units)
    path = ParameterPath(
        lambda _, p: Drift(lambda x, u: function(x, float(p)), n_units=n_units), low, high, name="p"
    )
    return trace(base, path, start, **options)


def bump(p, centre, width, top, floor=-0.4):
    """Growth rate that is ``floor`` far away and ``top`` at the centre."""
    return floor + (top - floor) * float(np.exp(-(((p - centre) / width) ** 2)))


def edges(centre, width, top, floor=-0.4):
    half = width * np.sqrt(np.log((top - floor) / -floor))
    return [centre - half, centre + half]


def spiral(centre, width, top):
    def drift(x, p):
        a = bump(p, centre, width, top)
        return torch.stack([a * x[..., 0] - 2 * x[..., 1], 2 * x[..., 0] + a * x[..., 1]], -1)

    return drift


@pytest.mark.parametrize("width", [0.012, 0.006])
@pytest.mark.parametrize("centre", CENTRES)
def test_a_spiral_that_is_unstable_for_a_moment(centre: float, width: float) -> None:
    ds = follow(spiral(centre, width, 0.05), 2, [0.0, 0.0])
    assert ds.special_kind.values.tolist() == ["end", "hopf", "hopf", "end"]
    np.testing.assert_allclose(
        ds.special_parameter.values[1:3], edges(centre, width, 0.05), rtol=0, atol=1e-10
    )
    np.testing.assert_allclose(ds.special_frequency.values[1:3], 1e3 / np.pi, rtol=1e-10)
    inside = np.diff(edges(centre, width, 0.05))[0]
    assert inside < 0.1 / 5 and ds.max_step == 0.1  # far less than a step, and points do lie inside now
    assert (ds.n_unstable.values == 2).any()


@pytest.mark.parametrize("centre", CENTRES)
def test_a_spiral_that_comes_near_is_none(centre: float) -> None:
    ds = follow(spiral(centre, 0.01, -1e-3), 2, [0.0, 0.0])
    assert ds.special_kind.values.tolist() == ["end", "end"] and ds.stable.values.all()
    growth = ds.eigenvalue.values[:, 0].real
    assert growth.max() > -0.1  # it was looked at from near


@pytest.mark.parametrize(("amplitude", "width"), [(1.1, 0.004), (1.1, 0.003), (1.06, 0.004)])
@pytest.mark.parametrize("centre", [-0.3, -0.1, 0.2])
def test_a_crease_smaller_than_a_step_folds_twice(amplitude: float, width: float, centre: float) -> None:
    ds = follow(
        lambda x, p: p - x + amplitude * width * torch.tanh((x - centre) / width),
        1,
        [-1.0],
        low=-1.0,
        high=1.0,
    )
    assert ds.special_kind.values.tolist() == ["end", "fold", "fold", "end"]
    x = width * np.arccosh(np.sqrt(amplitude)) * np.array([-1, 1])
    exact = centre + x - amplitude * width * np.tanh(x / width)
    np.testing.assert_allclose(ds.special_parameter.values[1:3], exact, rtol=0, atol=1e-10)
    assert np.ptp(exact) < 1e-3  # which is why a step does not notice


@pytest.mark.parametrize("centre", [0.35, 0.6])
def test_a_pair_in_a_network_of_forty_units(centre: float) -> None:
    n, width, top, floor = 40, 0.01, 0.06, -0.5
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.normal(size=(n, n)))[0]
    rest = 0.9 * rng.normal(size=(n - 2, n - 2)) / np.sqrt(n - 2) - 1.2 * np.eye(n - 2)

    def drift(x, p):
        J = np.zeros((n, n))
        J[2:, 2:], J[0, 2:] = rest, 0.3
        J[:2, :2] = bump(p, centre, width, top, floor) * np.eye(2) + np.array([[0, -3], [3, 0]])
        return torch.tanh(x) @ torch.as_tensor(Q @ J @ Q.T).T

    ds = follow(drift, n, np.zeros(n))
    assert ds.special_kind.values.tolist() == ["end", "hopf", "hopf", "end"]
    exact = edges(centre, width, top, floor)
    np.testing.assert_allclose(ds.special_parameter.values[1:3], exact, rtol=0, atol=1e-9)


@pytest.mark.parametrize("gap", [0.03, 0.004])
def test_a_pair_beside_a_lone_crossing_in_the_same_step(gap: float) -> None:
    """The counts at both ends differ by one: that does not explain three changes."""
    cross = 0.5

    def drift(x, p):
        a = bump(p, cross + gap, 0.006, 0.05)
        slow = (p - cross) * x[..., 2] - x[..., 2] ** 3
        return torch.stack([a * x[..., 0] - 2 * x[..., 1], 2 * x[..., 0] + a * x[..., 1], slow], -1)

    ds = follow(drift, 3, [0.0, 0.0, 0.0], switch=False)
    kinds = ds.special_kind.values
    assert sorted(kinds) == ["end", "end", "hopf", "hopf", "pitchfork"]
    np.testing.assert_allclose(
        ds.special_parameter.values[kinds == "hopf"], edges(cross + gap, 0.006, 0.05), rtol=0, atol=1e-9
    )
    assert ds.special_parameter.values[kinds == "pitchfork"] == pytest.approx([cross], abs=1e-10)


def test_each_change_of_stability_has_its_special_point() -> None:
    ds = follow(spiral(0.52, 0.006, 0.05), 2, [0.0, 0.0])
    places = ds.special_arclength.values[ds.special_kind.values == "hopf"]
    for k, (before, after) in enumerate(pairwise(ds.n_unstable.values)):
        between = (places > ds.arclength.values[k]) & (places < ds.arclength.values[k + 1])
        assert abs(int(after) - int(before)) == 2 * between.sum()


def curve(function, *parameters):
    """Points of the trunk x = 0 of a family, in the direction of the parameter."""
    base = Drift(lambda x, u: -x, n_units=2)
    path = ParameterPath(lambda _, p: Drift(lambda x, u: function(x, float(p)), n_units=2), 0.0, 1.0)
    family = Family(path.bind(base, 2), np.zeros((1, 2)), 0.0)
    ahead = np.array([0.0, 0.0, 1.0])
    points = []
    for p in parameters:
        y = correct(family, np.array([0.0, 0.0, p]), ahead)
        assert y is not None
        points.append(point_at(family, y, ahead))
    return family, points


def test_what_is_smooth_and_far_from_the_axis_is_not_divided() -> None:
    family, points = curve(spiral(0.5, 0.006, 0.05), 0.1, 0.2)
    assert hides(family, *points) is None and divided(family, points) == points
    family, points = curve(spiral(0.5, 0.006, 0.05), 0.48, 0.52)
    where = hides(family, *points)
    assert where is not None and abs(where - 0.5) < 0.1
    more = divided(family, points)
    assert more is not None and len(more) > 2
    assert [p.y[-1] for p in more] == sorted(p.y[-1] for p in more)
    counts = [p.n_unstable for p in more]
    assert counts[0] == counts[-1] == 0 and max(counts) == 2


def test_a_lone_crossing_needs_no_further_points() -> None:
    def drift(x, p):
        a = p - 0.5
        return torch.stack([a * x[..., 0] - 2 * x[..., 1], 2 * x[..., 0] + a * x[..., 1]], -1)

    family, points = curve(drift, 0.45, 0.55)
    assert [p.n_unstable for p in points] == [0, 2]
    assert divided(family, points) == points


def test_time_constants_and_time_steps_change_no_point() -> None:
    found = []
    for dt in (1.0, 10.0, 50.0):
        network = neurornn.CTRNN(1, 3, 1, tau=100.0, dt=dt, activation="tanh", bias=False, seed=4)
        ds = trace(network, InputPath([-1.0], [1.0]), np.zeros(3), at=0.5)
        found.append(ds.state.values)
    for other in found[1:]:
        np.testing.assert_array_equal(found[0], other)
