"""Searches for all fixed points where their number is known: closed forms, mixed and hidden, and proofs by exhaustion."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import neurornn
from neurornn.analysis import fixed_points

TAU = 100.0


def network(W, b):
    """A tanh network in float64."""
    n = len(W)
    net = neurornn.CTRNN(1, n, 1, tau=TAU, dt=10.0, activation="tanh", dtype=torch.float64)
    net.W_rec = torch.as_tensor(W)
    with torch.no_grad():
        net.bias.copy_(torch.as_tensor(b))
    return net


def number_for_one_unit(w, b):
    x = np.linspace(-10, 10, 200_001)
    sign = np.sign(-x + w * np.tanh(x) + b)
    return int((sign[1:] != sign[:-1]).sum())


def hidden(seed):
    """Units that do not know of each other, or drive others that only follow, behind a rotation of state space."""
    rng = np.random.default_rng(seed)
    n_free, n_driven = rng.integers(2, 5), rng.integers(0, 9)
    n = n_free + n_driven
    w = np.append(rng.uniform(0.3, 3.0, n_free), np.full(n_driven, 0.5))
    b = np.append(rng.uniform(-0.4, 0.4, n_free), np.zeros(n_driven))
    onto = np.zeros((n, n))
    onto[n_free:, :n_free] = 0.5 * rng.standard_normal((n_driven, n_free))
    Q = torch.as_tensor(np.linalg.qr(rng.standard_normal((n, n)))[0])
    weights = torch.as_tensor(onto + np.diag(w))

    def drift(state, input):
        y = state @ Q
        return (-y + torch.tanh(y) @ weights.T + torch.as_tensor(b)) @ Q.T / TAU

    number = np.prod([number_for_one_unit(w[i], b[i]) for i in range(n_free)])
    return SimpleNamespace(drift=drift, dt=10.0, bounded=True, n_inputs=1), n, int(number)


def similar(seed):
    """Groups of units that each hold one bit: the rows and columns of the weights in a random order."""
    rng = np.random.default_rng(seed)
    n_bits, n_each = rng.integers(2, 5), rng.integers(1, 6)
    gain = rng.uniform(0.5, 3.0, n_bits)
    M = np.kron(np.eye(n_bits), np.ones((n_each, 1)))
    order = rng.permutation(n_bits * n_each)
    W = (M * gain / n_each @ M.T)[np.ix_(order, order)]
    number = np.prod([number_for_one_unit(w, 1e-12) for w in gain])
    return network(W, np.zeros(len(W))), len(W), int(number)


def large(seed):
    """More units than have every start searched by Newton's method: one to four bits with biases, in groups."""
    rng = np.random.default_rng(seed)
    n_bits, n_units = rng.integers(1, 5), rng.integers(60, 140)
    gain, bias = rng.uniform(0.5, 3.0, n_bits), rng.uniform(-0.3, 0.3, n_bits)
    M = np.eye(n_bits)[rng.permutation(np.arange(n_units) % n_bits)]
    number = np.prod([number_for_one_unit(w, b) for w, b in zip(gain, bias, strict=True)])
    return network((M * gain / M.sum(0)) @ M.T, M @ bias), n_units, int(number)


def two_units(seed):
    rng = np.random.default_rng(seed)
    W, b = 2.5 * rng.standard_normal((2, 2)), 0.3 * rng.standard_normal(2)
    return network(W, b), 2, exhaust(W, b)


def three_units(seed):
    rng = np.random.default_rng(seed)
    W, b = 3.0 * rng.standard_normal((3, 3)), 0.3 * rng.standard_normal(3)
    return network(W, b), 3, exhaust(W, b)


def symmetric(seed):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((4, 4))
    W, b = A + A.T, 0.2 * rng.standard_normal(4)
    return network(W, b), 4, exhaust(W, b)


def exhaust(W, b):
    """Number of fixed points by bisection of the box in which all lie, a proof in interval arithmetic but for rounding.

    A box is shrunk to the image of its rates; dropped if Newton's method in intervals leads out of it; counted if it
    leads into it and contracts, so that it holds exactly one; and cut in two otherwise.
    """
    identity = np.eye(len(W))
    reach = np.abs(W).sum(1)
    low, high = (b - reach)[None], (b + reach)[None]
    up, down = np.maximum(W, 0.0), np.minimum(W, 0.0)
    found = []
    for _ in range(200):
        rates = np.tanh(low), np.tanh(high)
        low = np.maximum(low, rates[0] @ up.T + rates[1] @ down.T + b - 1e-9)
        high = np.minimum(high, rates[1] @ up.T + rates[0] @ down.T + b + 1e-9)
        there = (low <= high).all(1)
        low, high = low[there], high[there]
        if not len(low):
            return _number_of_different(found, W, b)
        middle, radius = (low + high) / 2, (high - low) / 2
        nearest = np.clip(0.0, low, high)  # where the slope of tanh is greatest
        steepest = np.cosh(nearest) ** -2
        flattest = np.cosh(np.maximum(np.abs(low), np.abs(high))) ** -2
        Y = np.linalg.inv(W * np.cosh(middle)[:, None] ** -2 - identity)
        mean = identity - Y @ (W * ((steepest + flattest) / 2)[:, None] - identity)
        spread = np.abs(mean) + np.abs(Y) @ (np.abs(W) * ((steepest - flattest) / 2)[:, None])
        step = -(Y @ (np.tanh(middle) @ W.T + b - middle)[..., None])[..., 0]
        reaches = (spread @ radius[..., None])[..., 0]
        out = (np.abs(step) > reaches + radius).any(1)
        into = (np.abs(step) + reaches < radius).all(1) & (spread.sum(2).max(1) < 1)
        found.extend((middle + step)[into])
        low, high, middle = (each[~out & ~into] for each in (low, high, middle))
        rows, widest = np.arange(len(low)), (high - low).argmax(1)
        left, right = high.copy(), low.copy()
        left[rows, widest] = right[rows, widest] = middle[rows, widest]
        overlap = 1e-3 * (high - low)[rows, widest]  # a root on the cut lies inside of both halves
        left[rows, widest] += overlap
        right[rows, widest] -= overlap
        low, high = np.concatenate([low, right]), np.concatenate([left, high])
    raise AssertionError(f"{len(low)} boxes are left open.")


def _number_of_different(states, W, b):
    kept = []
    for x in states:
        for _ in range(6):
            x = x - np.linalg.solve(W * np.cosh(x) ** -2 - np.eye(len(W)), W @ np.tanh(x) + b - x)
        if all(np.abs(x - other).max() > 1e-8 for other in kept):
            kept.append(x)
    return len(kept)


FAMILIES = (hidden, similar, two_units, three_units, symmetric)


def search(seed, family, n_candidates=64, **options):
    net, n, number = family(seed)
    start = 1.5 * np.random.default_rng(10**6 + seed).standard_normal((n_candidates, n))
    return fixed_points.find(net, candidates=start, inputs=[0.0], **options), number


def test_of_30_networks_at_least_29_are_complete_and_the_others_say_so():
    complete = 0
    for family in FAMILIES:
        for seed in range(6):
            found, number = search(seed, family)
            assert found.attrs["n_fixed"] <= number
            assert (found.speed[found.converged] < 1e-15).all()
            complete += found.attrs["n_fixed"] == number
            assert found.attrs["n_fixed"] == number or found.completeness.item() == "incomplete"
    assert complete >= 29


def test_large_networks_are_searched_completely():
    complete = 0
    for seed in range(20):
        found, number = search(seed, large, n_candidates=128)
        assert found.attrs["n_fixed"] <= number
        complete += found.attrs["n_fixed"] == number
    assert complete >= 19


def test_stable_points_that_candidates_flow_to_are_never_missed():
    """A search that began in the eight corners of a cube of memories once came back with its centre alone."""
    n_each = 30
    M = np.kron(np.eye(3), np.ones((n_each, 1)))
    corners = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
    for corner in (corners, corners[:1], corners[3:5]):
        found = fixed_points.find(
            network(2 * M @ M.T / n_each, np.zeros(3 * n_each)), candidates=0.95 * corner @ M.T
        )
        stable = found.state.values[found.stable_ode.values]
        nearest = np.abs(stable[None] - 1.915008048155 * (corner @ M.T)[:, None]).max(2).min(1)
        assert (nearest < 1e-9).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_search_without_budget_misses_points_and_says_so(family):
    missed = 0
    for seed in range(20, 28):
        found, number = search(seed, family, n_candidates=2, n_rounds=0)
        missed += found.attrs["n_fixed"] < number
        if found.index_sum.item() != 1:
            assert found.completeness.item() == "incomplete" and found.attrs["n_fixed"] < number
    assert missed > 0


def test_the_exhaustive_count_agrees_with_closed_forms():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        w, b = rng.uniform(0.3, 3.0, 3), rng.uniform(-0.4, 0.4, 3)
        number = np.prod([number_for_one_unit(*each) for each in zip(w, b, strict=True)])
        assert exhaust(np.diag(w), b) == number
    assert exhaust(2.0 * np.eye(3), np.zeros(3)) == 27
