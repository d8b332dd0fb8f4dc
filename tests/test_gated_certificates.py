"""Certificates of gated cells: never false beside solutions in forty digits, and bounds that hold in random boxes."""

import mpmath
import numpy as np
import pytest
import torch
from torch import nn

from neurornn.analysis import fixed_points
from neurornn.analysis._system import freeze
from neurornn.analysis.fixed_points import _gated
from neurornn.analysis.fixed_points._certificate import certify
from neurornn.analysis.fixed_points._enclosure import enclosure_of
from neurornn.analysis.systems import StepMap, from_cell

mp = mpmath.mp.clone()
mp.dps = 40
INPUT = (0.2, -0.4)
KINDS = [nn.GRUCell, nn.LSTMCell]
N = {nn.GRUCell: 3, nn.LSTMCell: 2}


def made(kind, n, *, gain=1.0, seed=0, bias=True):
    """A cell with normal weights, as a network that is analysed."""
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng():
        cell = kind(len(INPUT), n, bias=bias).double().requires_grad_(False)
    for each in cell.parameters():
        each.copy_(torch.as_tensor(rng.normal(size=each.shape) * gain / np.sqrt(n)))
    return cell


def remembering(kind, seed=0):
    """A cell with several fixed points: each unit excites its own new state."""
    cell = made(kind, N[kind], gain=0.5, seed=seed)
    n = N[kind]
    new = slice(2 * n, 3 * n)
    cell.weight_hh[new] += 6.0 * torch.eye(n, dtype=torch.float64)
    cell.bias_ih.mul_(0.2)
    return cell


def enclosure(cell, dt=1.0):
    system = from_cell(cell, dt=dt)
    return enclosure_of(freeze(system, system.n_units), torch.tensor(INPUT, dtype=torch.float64))


# --- the same cells in forty digits ---------------------------------------------------------------------------------


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def step(cell, x):
    """One step less the state."""
    n = cell.hidden_size

    def current(name, vector):
        W, b = (getattr(cell, f"{kind}_{name}").numpy() for kind in ("weight", "bias"))
        return [
            mp.mpf(b[i]) + sum(mp.mpf(W[i, j]) * vector[j] for j in range(W.shape[1])) for i in range(len(W))
        ]

    into, back = current("ih", [mp.mpf(u) for u in INPUT]), current("hh", x[:n])
    if isinstance(cell, nn.GRUCell):
        out = []
        for k in range(n):
            r, z = sigmoid(into[k] + back[k]), sigmoid(into[n + k] + back[n + k])
            new = mp.tanh(into[2 * n + k] + r * back[2 * n + k])
            out.append((1 - z) * (new - x[k]))
        return out
    hidden, memory = [], []
    for k in range(n):
        i, f, g, o = (into[m * n + k] + back[m * n + k] for m in range(4))
        c = sigmoid(f) * x[n + k] + sigmoid(i) * mp.tanh(g)
        hidden.append(sigmoid(o) * mp.tanh(c) - x[k])
        memory.append(c - x[n + k])
    return hidden + memory


def solved(cell, start):
    root = mp.findroot(lambda *x: step(cell, list(x)), [mp.mpf(v) for v in start], tol=mp.mpf(10) ** -60)
    return [root[k] for k in range(len(start))]


def roots_of(cell):
    system = from_cell(cell)
    n = system.n_units
    draws = np.random.default_rng(7).uniform(-1, 1, (200, n)) * ([1] * n if n == 3 else [1, 1, 3, 3])
    found = fixed_points.find(system, candidates=draws, inputs=INPUT)
    assert bool(found.certified.all()) and found.certificates.item() == "proved"
    return found, [solved(cell, state) for state in found.state.values]


def distance(x, root):
    return max(abs(mp.mpf(float(a)) - b) for a, b in zip(x, root, strict=True))


@pytest.fixture(scope="module", params=KINDS)
def known(request):
    cell = remembering(request.param)
    found, roots = roots_of(cell)
    assert len(roots) >= 3
    return cell, found, roots


def test_no_certificate_of_three_hundred_is_false(known):
    cell, _, roots = known
    rng = np.random.default_rng(1)
    n = len(roots[0])
    near = np.array([[float(v) for v in roots[k % len(roots)]] for k in range(220)])
    near += 10.0 ** rng.uniform(-15, 0, (220, 1)) * rng.uniform(-1, 1, (220, n))
    states = np.concatenate([near, rng.uniform(-2, 2, (80, n))])
    proved = certify(enclosure(cell), states)
    n_near, n_far = int(proved.certified[:220].sum()), int(proved.certified[220:].sum())
    assert 80 < n_near < 220 and n_far < 5
    for x, existence, uniqueness in zip(states, proved.existence, proved.uniqueness, strict=True):
        if not np.isfinite(existence):
            continue
        gaps = sorted(distance(x, root) for root in roots)
        assert gaps[0] <= existence <= uniqueness
        assert gaps[1] > uniqueness  # no other within the radius of uniqueness
    assert np.nanmin(proved.existence) < 1e-13


def test_every_point_found_is_proved_to_rounding(known):
    _, found, roots = known
    for state, radius, root in zip(found.state.values, found.existence_radius.values, roots, strict=True):
        assert distance(state, root) <= radius < 1e-12
    assert (found.uniqueness_radius > 1e-4).all()


def test_bounds_too_narrow_would_prove_what_is_false(known, monkeypatch):
    """The control: with the box left out of the bounds there are proofs of what is not there."""
    cell, _, roots = known
    full = _gated._Gated._boxes
    monkeypatch.setattr(_gated._Gated, "_boxes", lambda self, x, a, radius: full(self, x, a, 0 * radius))
    states = np.random.default_rng(2).uniform(-2, 2, (100, len(roots[0])))
    proved = certify(enclosure(cell), states)
    wrong = [
        x for x, r in zip(states, proved.existence, strict=True)
        if np.isfinite(r) and min(distance(x, root) for root in roots) > r
    ]  # fmt: skip
    assert len(wrong) >= 3


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("n", [1, 4, 12])
@pytest.mark.parametrize("kind", KINDS)
def test_bounds_hold_for_all_states_of_a_box(kind, n, bias):
    cell = made(kind, n, gain=1.5, seed=n, bias=bias)
    own = enclosure(cell)
    system = freeze(from_cell(cell), from_cell(cell).n_units)
    u, N_state = torch.tensor(INPUT, dtype=torch.float64), system.n_units
    rng = np.random.default_rng(5)
    x = rng.normal(size=(6, N_state))
    J = system.jacobian(torch.as_tensor(x), u).numpy()
    np.testing.assert_allclose(own.jacobian(x), J, rtol=0, atol=1e-13)
    F = np.abs(system.drift(torch.as_tensor(x), u).numpy())
    assert (own.residual(x) >= F * (1 - 1e-14)).all()
    np.testing.assert_allclose(own.residual(x), F, rtol=0, atol=1e-12)
    A = np.linalg.inv(J)
    radius = np.repeat([[0.0, 1e-6, 1e-2, 0.3, 3.0]], len(x), 0)
    bound = own.defect(own.prepare(x, A), radius)
    assert (np.diff(bound, axis=1) >= 0).all() and (bound[:, 0] < 1e-9).all()
    for b in range(radius.shape[1]):
        for draw in range(40):
            corner = rng.choice([-1.0, 1.0], size=x.shape) if draw % 2 else rng.uniform(-1, 1, x.shape)
            there = system.jacobian(torch.as_tensor(x + radius[:, b, None] * corner), u).numpy()
            defect = np.abs(np.eye(N_state) - A @ there).sum(2).max(1)
            assert (defect <= bound[:, b] + 1e-12).all()
    with np.errstate(all="ignore"):
        assert np.isinf(own.defect(own.prepare(x, A), np.full((6, 1), np.inf))).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_bound_is_first_order_in_the_radius(kind):
    own, rng = enclosure(made(kind, 6)), np.random.default_rng(0)
    x = 0.5 * rng.normal(size=(4, 6 if kind is nn.GRUCell else 12))
    prepared = own.prepare(x, np.linalg.inv(own.jacobian(x)))
    radius = np.repeat(10.0 ** -np.arange(2, 7)[None], 4, 0)
    ratio = own.defect(prepared, radius) / radius
    assert ((ratio[:, 1:] / ratio[:, :-1] > 0.8) & (ratio[:, 1:] / ratio[:, :-1] < 1.1)).all()


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_layers_are_cells_and_the_duration_of_a_step_does_not_matter(kind):
    cell = made({nn.GRU: nn.GRUCell, nn.LSTM: nn.LSTMCell}[kind], 5, seed=3)
    with torch.random.fork_rng():
        layer = kind(len(INPUT), 5).double().requires_grad_(False)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(layer, f"{name}_l0").copy_(getattr(cell, name))
    x = np.random.default_rng(0).normal(size=(3, 5 if kind is nn.GRU else 10))
    one, other, slow = enclosure(cell), enclosure(layer), enclosure(cell, dt=25.0)
    for each in (other, slow):
        np.testing.assert_array_equal(one.residual(x), each.residual(x))
        np.testing.assert_array_equal(certify(one, x).existence, certify(each, x).existence)
    found = [
        fixed_points.find(from_cell(cell, dt=dt), candidates=0.3 * x, inputs=INPUT, n_rounds=0)
        for dt in (1.0, 10.0, 100.0)
    ]
    for ds in found:
        assert bool(ds.certified.all()) and ds.certificates.item() == "proved"
        np.testing.assert_allclose(ds.state, found[0].state, rtol=0, atol=1e-10)


def test_a_step_of_ones_own_is_not_taken_for_a_cell():
    cell = made(nn.GRUCell, 3)
    own = StepMap(lambda module, h, u: 0.5 * module(u, h), n_units=3, n_inputs=2, module=cell)
    reason = enclosure_of(freeze(own, 3), torch.tensor(INPUT, dtype=torch.float64))
    assert reason == "none: no bounds on the Jacobian of StepMap are known"


def test_a_gate_open_to_the_last_digit_makes_no_fixed_points_where_none_can_be():
    """Where the keep gate rounds to 1 any state looks at rest; hidden states at rest are averages of values of tanh."""
    with torch.random.fork_rng():
        cell = torch.nn.GRUCell(2, 3).requires_grad_(False)
    for weight in cell.parameters():
        weight.zero_()
    cell.weight_hh[3:6] = 9 * torch.eye(3)  # the keep gate of each unit opens with its own state
    cell.bias_ih[6:] = 0.5  # towards which the unit is drawn
    system = from_cell(cell)
    far = torch.linspace(5, 6, 150).reshape(50, 3)
    assert (system.drift(far, torch.zeros(2)) == 0).all()  # the trap is there
    found = fixed_points.find(system, candidates=torch.cat([far, far - 5]))
    assert found.completeness.item() == "consistent" and float(abs(found.state).max()) <= 1
    assert np.abs(found.state.values - np.tanh(0.5)).max() < 1e-6
    with pytest.raises(ValueError, match="extent needs 2 numbers above 0"):
        StepMap(lambda h, u: h, n_units=2, extent=[1.0])
