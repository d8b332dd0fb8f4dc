"""Fixed points of piecewise-linear networks: every linear region solved, or walked through."""

from itertools import product

import numpy as np
import pytest
import torch

import neurornn
from neurornn.activations import power
from neurornn.analysis import fixed_points
from neurornn.analysis.fixed_points import _regions
from neurornn.analysis.fixed_points._enclosure import Equations

FORMS = ["current", "rate"]
ALL = "complete: every linear region solved"


def normal(shape, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).standard_normal(shape)


def network(W, drive, *, form="current", activation="relu", dt=10.0):
    n = len(W)
    net = neurornn.CTRNN(1, n, 1, tau=100.0, dt=dt, activation=activation, form=form, dtype=torch.float64)
    net.W_rec, net.W_in = torch.as_tensor(W), torch.zeros(n, 1)
    with torch.no_grad():
        net.bias.copy_(torch.as_tensor(drive))
    return net


def by_hand(W, d):
    """Potentials of all fixed points of a relu network: the active units alone, in every combination."""
    found = []
    for on in product([False, True], repeat=len(d)):
        active = np.array(on)
        z = np.zeros(len(d))
        z[active] = np.linalg.solve(np.eye(active.sum()) - W[np.ix_(active, active)], d[active])
        z[~active] = W[np.ix_(~active, active)] @ z[active] + d[~active]
        if (z[active] > 0).all() and (z[~active] < 0).all():
            found.append(z)
    return np.array(found).reshape(-1, len(d))


def in_order(states):
    return states[np.lexsort(states.round(9).T)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n", [2, 3, 4, 5, 6])
def test_random_networks_against_an_enumeration_by_hand(n, form):
    numbers = []
    for seed in range(4):
        W = normal((n, n), seed=10 * n + seed, scale=1.2) - 0.8
        d = normal(n, seed=100 + 10 * n + seed) + 1.0
        found = fixed_points.find(network(W, d, form=form), candidates=normal((2, n)), n_rounds=0)
        z = by_hand(W, d)
        expected = z if form == "current" else np.maximum(z, 0)
        np.testing.assert_allclose(
            in_order(found.state.values[found.converged.values]), in_order(expected), atol=1e-10
        )
        assert found.completeness.item().startswith("complete") and found.n_regions.item() == 2**n
        assert found.certified.values[found.converged.values].all()
        numbers.append(len(z))
    assert max(numbers) > (1 if 2 < n < 6 else 0)


@pytest.mark.parametrize("alpha", [1.0, 0.1, 0.01])
def test_units_that_inhibit_each_other_in_closed_form(alpha):
    """Winner takes all: with inhibition w > 1 and drive d, k active units share d / (1 + (k - 1) w) each."""
    n, w, d = 4, 2.0, 1.0
    W = -w * (1 - np.eye(n))
    found = fixed_points.find(
        network(W, d * np.ones(n), form="rate", dt=100 * alpha), candidates=normal((2, n))
    )
    rates = found.state.values
    assert found.attrs["n_fixed"] == 2**n - 1 and found.completeness.item() == ALL
    active = (rates > 1e-9).sum(1)
    assert np.bincount(active).tolist() == [0, 4, 6, 4, 1]
    for rate, k in zip(rates, active, strict=True):
        np.testing.assert_allclose(rate[rate > 1e-9], d / (1 + (k - 1) * w), atol=1e-14)
    np.testing.assert_array_equal(found.n_unstable, active - 1)  # k - 1 differences grow at (w - 1) / tau
    growth = found.eigenvalue.values[active == 4].real
    np.testing.assert_allclose(growth, [[(w - 1) / 100] * 3 + [-(1 + 3 * w) / 100]], atol=1e-14)
    assert found.index_sum.item() == 1


def test_newton_alone_misses_points_that_regions_find():
    W, d = -2.0 * (1 - np.eye(5)), np.ones(5)
    net, start = network(W, d), np.full((1, 5), 2.0)
    alone = fixed_points.find(net, candidates=start, n_regions=0, n_rounds=0)
    assert alone.attrs["n_fixed"] < 31 and alone.n_regions.item() == 0
    assert alone.completeness.item().startswith("not applicable")
    found = fixed_points.find(net, candidates=start, n_rounds=0)
    assert found.attrs["n_fixed"] == 31 and found.completeness.item() == ALL
    labels = found.candidate_fixed_point.values  # the candidates are told of the points they ended at
    ended = found.state.values[labels[labels >= 0]]
    np.testing.assert_array_equal(ended, alone.state.values[alone.candidate_fixed_point.values[labels >= 0]])


@pytest.mark.parametrize("form", FORMS)
def test_walks_find_what_enumeration_finds(form):
    missed = total = 0
    for seed in range(3):
        n = 9
        W, d = normal((n, n), seed=seed, scale=1.5) - 1.0, normal(n, seed=50 + seed, scale=0.5) + 1.0
        net = network(W, d, form=form)
        complete = fixed_points.find(net, candidates=normal((4, n)), n_rounds=0)
        walked = fixed_points.find(net, candidates=normal((4, n)), n_rounds=0, n_regions=2**n - 1)
        alone = fixed_points.find(net, candidates=normal((4, n)), n_rounds=0, n_regions=0)
        assert complete.completeness.item() == ALL
        assert walked.completeness.item().startswith("not applicable") and 0 < walked.n_regions.item() < 2**n
        fixed = walked.converged.values
        distance = np.abs(walked.state.values[fixed][:, None] - complete.state.values[None]).max(2)
        assert (distance.min(1, initial=np.inf)[: fixed.sum()] < 1e-9).all()  # nothing that is not there
        missed, total = missed + complete.attrs["n_fixed"] - fixed.sum(), total + complete.attrs["n_fixed"]
        assert walked.attrs["n_fixed"] >= alone.attrs["n_fixed"]
    assert total > 3 and missed <= total // 4


def test_walks_of_a_large_network_and_their_seed():
    n = 40
    W = -1.2 * (
        np.kron(np.eye(n // 2), np.ones((2, 2))) - np.eye(n)
    )  # pairs of which either may win, or neither
    net, start = network(W, np.ones(n), form="rate"), normal((8, n))
    found, again, other = (
        fixed_points.find(net, candidates=start, n_rounds=0, n_regions=2000, seed=seed) for seed in (1, 1, 2)
    )
    assert (
        found.attrs["n_fixed"]
        > fixed_points.find(net, candidates=start, n_rounds=0, n_regions=0).attrs["n_fixed"]
    )
    np.testing.assert_array_equal(found.state, again.state)
    assert other.attrs["n_fixed"] > 8 and found.n_regions.item() <= 2000
    np.testing.assert_allclose(np.maximum(W @ found.state.values.T + 1, 0).T, found.state.values, atol=1e-12)
    turned = fixed_points.find(net, candidates=start[::-1], n_rounds=0, n_regions=2000, seed=1)
    np.testing.assert_array_equal(found.state, turned.state)


def test_the_index_sum_does_not_depend_on_the_drive():
    """The degree of z - W relu(z) is set by what happens at infinity."""
    for seed in range(5):
        W = normal((5, 5), seed=seed, scale=1.5)
        sums = [
            fixed_points.find(
                network(W, normal(5, seed=100 * seed + k)), candidates=normal((2, 5)), n_rounds=0
            )
            for k in range(3)
        ]
        assert len({each.index_sum.item() for each in sums}) == 1
        assert all(each.completeness.item().startswith("complete") for each in sums)


# --- degenerate regions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_a_line_attractor_of_finite_length(form):
    """Two units that keep their sum: z1 + z2 = 1 solves all, as long as both are active."""
    W, d = np.array([[0.0, -1.0], [-1.0, 0.0]]), np.ones(2)
    found = fixed_points.find(network(W, d, form=form), candidates=[[0.3, 0.8], [0.9, 0.0]], n_rounds=0)
    state = found.state.values
    np.testing.assert_allclose(state.sum(1), 1.0, atol=1e-12)
    assert (state > -1e-9).all() and state[:, 0].max() > 0.9 and state[:, 0].min() < 0.1
    inside = (state > 1e-3).all(1)
    assert (
        inside.sum() > 3
        and not found.isolated.values[inside].any()
        and (found.nullity.values[inside] == 1).all()
    )
    assert not found.certified.values[inside].any() and found.completeness.item() == ALL


def test_a_line_that_no_candidate_comes_near_is_found():
    """Beyond z > 1 the gain of a chain of two units is exactly 1, and only there."""
    W = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.5]])
    solutions = _regions.solve_regions(
        Equations(
            "current", W, np.array([1.0, -1.0, -3.0]), np.zeros(3), neurornn.activations.activation("relu")
        ),
        np.zeros((1, 3)),
        most=8,
        reach=10.0,
        spacing=0.5,
        seed=0,
    )
    assert solutions is not None and solutions.complete and solutions.n_solved == 8
    z = solutions.state
    line = z[z[:, 1] > 0.1]
    np.testing.assert_allclose(line[:, 0] - line[:, 1], 1.0, atol=1e-9)
    np.testing.assert_allclose(line[:, 2], -3.0, atol=1e-9)
    assert len(line) > 5 and line[:, 1].max() > 5.0  # the half line, up to the reach
    assert np.linalg.norm(line, axis=1).max() < 10.5


def test_a_singular_region_without_solutions_holds_none():
    W = np.array([[0.0, 1.0], [1.0, 0.0]])  # both active: z1 - z2 = 1 and z2 - z1 = 1
    found = fixed_points.find(network(W, np.ones(2)), candidates=normal((4, 2)), n_rounds=0)
    assert found.attrs["n_fixed"] == 0 and found.completeness.item() == ALL


def test_a_plane_of_fixed_points():
    found = fixed_points.find(
        network(np.eye(2), np.zeros(2), form="rate"), candidates=[[1.0, 2.0], [0.5, 0.1]]
    )
    assert (found.state.values > -1e-9).all() and not found.isolated.any()
    assert found.nullity.max() == 2 and found.completeness.item() == ALL


def test_more_singular_regions_than_are_looked_at_make_the_set_incomplete(monkeypatch):
    net = network(np.eye(3), np.zeros(3), form="rate")
    assert fixed_points.find(net, candidates=np.ones((2, 3)), n_rounds=0).completeness.item() == ALL
    monkeypatch.setattr(_regions, "_MOST_SINGULAR", 2)
    partial = fixed_points.find(net, candidates=np.ones((2, 3)), n_rounds=0)
    assert partial.completeness.item().startswith("not applicable")


def test_a_fixed_point_on_every_border_is_one_point():
    found = fixed_points.find(
        network(normal((6, 6), scale=0.8), np.zeros(6)), candidates=normal((4, 6)), n_rounds=0
    )
    at_rest = np.abs(found.state.values).max(1) < 1e-9
    assert at_rest.sum() == 1 and not found.smooth.values[at_rest].any()


# --- which networks -------------------------------------------------------------------------------------------------


def test_a_threshold_with_gain_is_piecewise_linear_and_others_are_not():
    W, d = normal((3, 3), seed=2, scale=1.5), normal(3, seed=3)
    gained = fixed_points.find(network(W / 2, d, activation=power(1.0, gain=2.0)), candidates=normal((2, 3)))
    plain = fixed_points.find(network(W, d), candidates=normal((2, 3)))
    np.testing.assert_allclose(in_order(gained.state.values), in_order(plain.state.values), atol=1e-12)
    assert gained.completeness.item() == ALL
    for activation in ("tanh", "retanh", "softplus", "power"):
        other = fixed_points.find(network(0.3 * W, d, activation=activation), candidates=normal((2, 3)))
        assert other.n_regions.item() == 0


def test_a_linear_network_is_one_region_whatever_its_size():
    W = normal((30, 30), scale=1.5 / np.sqrt(30))
    found = fixed_points.find(network(W, normal(30), activation="identity"), candidates=normal((2, 30)))
    assert found.n_regions.item() == 1 and found.completeness.item().startswith("complete")


def test_each_context_has_regions_of_its_own():
    net = neurornn.CTRNN(1, 3, 1, activation="relu", bias=False, dtype=torch.float64)
    net.W_rec, net.W_in = torch.as_tensor(-2.0 * (1 - np.eye(3))), torch.ones(3, 1)
    found = fixed_points.find(
        net, candidates=np.ones((1, 3)), inputs={"on": [1.0], "off": [-1.0]}, n_rounds=0
    )
    assert [(found.context == name).sum().item() for name in ("on", "off")] == [7, 1]
    assert found.completeness.values.tolist() == [ALL, "complete: every linear region solved"]


def test_a_negative_number_of_regions_is_refused():
    with pytest.raises(ValueError, match="n_regions must be at least 0: got -1"):
        fixed_points.find(network(np.eye(1), [1.0]), candidates=[[0.0]], n_regions=-1)
