"""Certificates of fixed points: what is proved holds in forty digits, and what does not hold is not proved."""

from itertools import pairwise

import mpmath
import numpy as np
import pytest
import torch
from torch import nn

import neurornn
from neurornn.analysis import fixed_points, systems
from neurornn.analysis._system import freeze
from neurornn.analysis.fixed_points import _certificate, _enclosure, _roots
from neurornn.analysis.fixed_points._certificate import Certificates, certify
from neurornn.analysis.fixed_points._enclosure import enclosure_of, equations_of
from neurornn.analysis.fixed_points._slopes import slopes_of

KINDS = ["tanh", "sigmoid", "softplus", "retanh", "relu", "identity", "power"]
FORMS = ["current", "rate"]


def normal(shape, seed=0, scale=1.0):
    return scale * np.random.default_rng(seed).standard_normal(shape)


def network(n, activation="tanh", form="current", *, gain=1.5, seed=0, **options):
    net = neurornn.CTRNN(
        2,
        n,
        1,
        tau=list(50.0 + 10 * np.arange(n)),
        activation=activation,
        form=form,
        dtype=torch.float64,
        **options,
    )
    if net.dale is None:
        net.W_rec = torch.as_tensor(normal((n, n), seed=seed, scale=gain / np.sqrt(n)))
    with torch.no_grad():
        net.bias.copy_(torch.as_tensor(normal(n, seed=seed + 1, scale=0.3)))
    return net


def bounds(net, input=(0.2, -0.1)):
    return enclosure_of(freeze(net, net.n_units), torch.tensor(input, dtype=torch.float64))


# --- the same network in forty digits -------------------------------------------------------------------------------

mp = mpmath.mp.clone()
mp.dps = 40


def phi(name, x):
    if name in {"relu", "retanh", "power"} and x < 0:
        return mp.mpf(0)
    return {
        "tanh": mp.tanh,
        "retanh": mp.tanh,
        "sigmoid": lambda z: 1 / (1 + mp.exp(-z)),
        "softplus": lambda z: z if z > 20 else mp.log1p(mp.exp(z)),
        "relu": lambda z: z,
        "identity": lambda z: z,
        "power": lambda z: z**2,
    }[name](x)


def slope(name, x):
    if name in {"relu", "retanh", "power"} and x < 0:
        return mp.mpf(0)
    return {
        "tanh": lambda z: 1 - mp.tanh(z) ** 2,
        "retanh": lambda z: 1 - mp.tanh(z) ** 2,
        "sigmoid": lambda z: mp.exp(-z) / (1 + mp.exp(-z)) ** 2,
        "softplus": lambda z: mp.mpf(1) if z > 20 else 1 / (1 + mp.exp(-z)),
        "relu": lambda z: mp.mpf(1),
        "identity": lambda z: mp.mpf(1),
        "power": lambda z: 2 * z,
    }[name](x)


class Exact:
    """The equations of a network in multiple precision, from the numbers it holds in memory."""

    def __init__(self, net, input=(0.2, -0.1)):
        self.name, self.form, self.n = net.activation.name, net.form, net.n_units
        self.W = mp.matrix(net.W_rec.detach().tolist())
        u = mp.matrix([float(each) for each in input])
        self.d = mp.matrix(net.W_in.detach().tolist()) * u + mp.matrix(net.bias.detach().tolist())

    def value(self, x):
        if self.form == "current":
            return self.W * mp.matrix([phi(self.name, each) for each in x]) + self.d - x
        return mp.matrix([phi(self.name, each) for each in self.W * x + self.d]) - x

    def jacobian(self, x):
        if self.form == "current":
            return self.W * mp.diag([slope(self.name, each) for each in x]) - mp.eye(self.n)
        return mp.diag([slope(self.name, each) for each in self.W * x + self.d]) * self.W - mp.eye(self.n)

    def root_near(self, x):
        """Zero that Newton's method reaches from a state, to thirty digits, or None."""
        y = mp.matrix([mp.mpf(float(each)) for each in x])
        for _ in range(30):
            try:
                step = mp.lu_solve(self.jacobian(y), self.value(y))
            except ZeroDivisionError:
                return None
            y -= step
            if mp.norm(step, mp.inf) < mp.mpf(10) ** -30 * (1 + mp.norm(y, mp.inf)):
                return (
                    y
                    if mp.norm(self.value(y), mp.inf) < mp.mpf(10) ** -30 * (1 + mp.norm(y, mp.inf))
                    else None
                )
            if mp.norm(y, mp.inf) > 1e12:
                return None
        return None


def distance(x, root):
    return max(abs(mp.mpf(float(each)) - exact) for each, exact in zip(x, root, strict=True))


def test_certificates_are_never_false_in_a_thousand_states_near_and_far_from_fixed_points():
    n_states = n_near = n_proved_near = n_far = n_proved_far = 0
    for case in range(40):
        kind, form = KINDS[case % 7], FORMS[case // 7 % 2]
        gain = 0.8 if kind in {"relu", "softplus", "power"} else 2.0
        net = network(2 + case % 3, kind, form, seed=case, gain=gain)
        exact, enclosure, n = Exact(net), bounds(net), net.n_units
        found = fixed_points.find(net, candidates=normal((16, n), seed=case), inputs=[0.2, -0.1], n_rounds=1)
        at = found.state.values[found.converged.values][:3]
        scales = np.repeat([0.0, 1e-13, 1e-9, 1e-5, 1e-2], len(at))[:, None]
        states = np.concatenate([
            np.tile(at, (5, 1)) + scales * normal((5 * len(at), n), seed=case),
            normal((25, n)),
        ])[:25]
        proof, roots = certify(enclosure, states), [exact.root_near(x) for x in states]
        near, far = np.arange(25) < 3 * len(at), np.arange(25) >= 5 * len(at)
        n_states, n_near, n_far = n_states + 25, n_near + near.sum(), n_far + far.sum()
        n_proved_near += (proof.certified & near).sum()
        n_proved_far += (proof.certified & far).sum()
        for row in np.flatnonzero(proof.certified):
            x, own = states[row], roots[row]
            assert own is not None and distance(x, own) <= proof.existence[row] <= proof.uniqueness[row]
            others = [each for each in roots if each is not None and mp.norm(each - own, mp.inf) > 1e-25]
            assert all(distance(x, each) > proof.uniqueness[row] for each in others)
        assert np.isnan(proof.uniqueness[~proof.certified]).all()
    assert n_states == 1000 and n_near > 150 and n_far > 500
    assert n_proved_near > 0.9 * n_near and n_proved_far < 0.5 * n_far


def near_a_fold(excess):
    """One unit with a slow point, or two fixed points, where the Jacobian vanishes; a state close by."""
    x_c = float(np.arccosh(np.sqrt(2.0)))
    net = neurornn.CTRNN(2, 1, 1, activation="tanh", dtype=torch.float64)
    net.W_rec = torch.full((1, 1), 2.0)
    with torch.no_grad():
        net.bias.fill_(2 * np.tanh(x_c) - x_c + excess)
    return net, np.array([[-x_c - 1e-4]])


def test_without_the_bound_on_curvature_a_slow_point_is_certified(monkeypatch):
    net, x = near_a_fold(1e-9)
    assert bounds(net, (0.0, 0.0)).residual(x) < 1e-7
    root = Exact(net, (0.0, 0.0)).root_near([3.0])
    assert distance(x[0], root) > 1  # the only fixed point there is
    assert not certify(bounds(net, (0.0, 0.0)), x).certified.any()
    monkeypatch.setattr(_enclosure._Known, "spread", lambda self, x, radius, slope: np.zeros_like(x))
    assert certify(bounds(net, (0.0, 0.0)), x).certified.all()  # a falsehood


def test_without_the_bounds_on_rounding_the_radius_is_too_small(monkeypatch):
    def misses():
        n_missed = 0
        for seed in range(8):
            net = network(3, seed=seed)
            found = fixed_points.find(net, candidates=normal((8, 3)), inputs=[0.2, -0.1], n_rounds=0)
            exact, x = Exact(net), found.state.values[found.converged.values]
            proof = certify(bounds(net), x)
            n_missed += sum(
                distance(each, exact.root_near(each)) > radius
                for each, radius in zip(x, proof.existence, strict=True)
            )
        return n_missed

    assert misses() == 0
    monkeypatch.setattr(_enclosure, "_gamma", lambda n: 0.0)
    monkeypatch.setattr("neurornn.analysis.fixed_points._slopes._RELATIVE", 0.0)
    assert misses() > 0


@pytest.mark.parametrize("kind", [*KINDS, "power(1.5, gain=2)", "power(1, gain=3)"])
def test_values_and_slopes_of_activations_are_bounded(kind):
    function = neurornn.activations.power(1.5, 2.0) if "1.5" in kind else neurornn.activations.power(1.0, 3.0)
    function = function if "(" in kind else neurornn.activations.activation(kind)
    exponent = {"power": 2, "power(1.5, gain=2)": mp.mpf("1.5"), "power(1, gain=3)": 1}.get(kind)
    gain = {"power(1.5, gain=2)": 2, "power(1, gain=3)": 3}.get(kind, 1)

    def exact(x):
        if exponent is None:
            return phi(kind, x)
        return gain * x**exponent if x > 0 else mp.mpf(0)

    known = slopes_of(function)
    scale = np.repeat([1e-8, 0.3, 3.0, 30.0], 60)
    low = np.append(normal(240) * scale, [19.9, 20.1, 0.0, -1.0, -700.0])
    high = np.append(low[:-5] + np.abs(normal(240, seed=1)) * scale, [20.05, 20.2, 1.0, 0.0, 700.0])
    for x in (low, high):
        value, error = known.value(x)
        assert all(
            abs(mp.mpf(float(v)) - exact(mp.mpf(float(each)))) <= e
            for each, v, e in zip(x, value, error, strict=True)
        )
    least, most = known.between(low, high)
    assert np.median(most - least) < 2  # bounds that say something
    for a, b, bottom, top in zip(low, high, least, most, strict=True):
        points = [mp.mpf(float(a)) + k * (mp.mpf(float(b)) - mp.mpf(float(a))) / 4 for k in range(5)]
        chords = [(exact(q) - exact(p)) / (q - p) for p, q in pairwise(points)]
        assert bottom - 1e-25 <= min(chords) and max(chords) <= top + 1e-25


def test_softplus_is_taken_as_it_is_computed():
    """Above 20 torch leaves it to the identity: a jump of 2e-9 over which nothing is proved."""
    x = torch.tensor([20.0, 20.0 + 1e-12], dtype=torch.float64)
    assert torch.nn.functional.softplus(x).diff() < 0
    net = neurornn.CTRNN(2, 1, 1, activation="softplus", dtype=torch.float64)
    net.W_rec = torch.full((1, 1), 0.5)
    for x, proved in ((10.0, True), (24.0, True), (20.0, False)):
        with torch.no_grad():
            net.bias.fill_(x - 0.5 * np.logaddexp(0, x))
        proof = certify(bounds(net, (0.0, 0.0)), np.array([[x]]))
        assert proof.certified.item() == proved
        assert not proved or proof.uniqueness.item() <= abs(x - 20)


@pytest.mark.parametrize("form", FORMS)
def test_points_of_a_large_network_are_certified(form):
    M = np.kron(np.eye(3), np.ones((40, 1)))
    net = neurornn.CTRNN(1, 120, 1, activation="tanh", form=form, bias=False)  # in single precision
    net.W_rec = torch.as_tensor(2 * M @ M.T / 40)
    corners = np.array(np.meshgrid(*[[-1.0, 1.0]] * 3)).reshape(3, -1).T
    found = fixed_points.find(net, candidates=1.5 * corners @ M.T)
    assert found.attrs["n_fixed"] == found.attrs["n_certified"] == 27 and found.certified.dtype == bool
    assert found.existence_radius.max() < 1e-11 and found.uniqueness_radius.min() > 1e-4
    assert (found.certificates == "proved").all()
    apart = np.abs(found.state.values[:, None] - found.state.values).max(2) + 10 * np.eye(27)
    assert (apart.min(1) > found.uniqueness_radius.values).all()


def test_certificates_know_nothing_of_time():
    nets = [
        neurornn.CTRNN(1, 5, 1, tau=tau, dt=dt, activation="tanh", bias=False, seed=2, dtype=torch.float64)
        for tau, dt in ((100.0, 100.0), (100.0, 1.0), ([10.0, 20.0, 40.0, 80.0, 160.0], 1.0))
    ]
    at = normal((3, 5), scale=1e-3)
    proofs = [certify(bounds(net, (0.0,)), at) for net in nets]
    for proof in proofs:
        assert proof.certified.all()
        np.testing.assert_array_equal(proof.existence, proofs[0].existence)
        np.testing.assert_array_equal(proof.uniqueness, proofs[0].uniqueness)


def test_dales_law_and_any_activation_of_the_library():
    for kind in KINDS:
        net = network(10, kind, dale=neurornn.Dale(), seed=1)
        with torch.no_grad():
            net.W_rec = 0.3 * net.W_rec
        found = fixed_points.find(net, candidates=normal((32, 10)))
        assert found.attrs["n_certified"] == found.attrs["n_fixed"] > 0, kind


def test_a_contraction_has_one_fixed_point_and_that_is_a_proof():
    weak = network(6, gain=0.3)
    found = fixed_points.find(weak, candidates=normal((8, 6)))
    assert np.isinf(found.uniqueness_radius.item())
    assert found.completeness.item() == "complete: proved to be the only fixed point"
    strong = fixed_points.find(network(6, gain=3.0), candidates=normal((64, 6)))
    assert np.isfinite(strong.uniqueness_radius).all() and strong.completeness.item() == "consistent"


def test_a_tiny_slope_is_told_from_none_by_proof():
    """A line attractor whose time constant is 1e9 tau is one point all the same."""
    U, sizes, V = np.linalg.svd(np.eye(5) - normal((5, 5), scale=0.25))

    def found(smallest):
        net = neurornn.CTRNN(1, 5, 1, activation="identity", bias=False, dtype=torch.float64)
        net.W_rec = torch.as_tensor(np.eye(5) - (U * np.append(sizes[:-1], smallest)) @ V)
        return fixed_points.find(net, candidates=normal((40, 5)))

    assert found(1e-9).attrs["n_fixed"] == 1 and found(1e-9).certified.all() and found(1e-9).isolated.all()
    line = found(0.0)
    assert line.attrs["n_fixed"] > 5 and not line.certified.any() and not line.isolated.any()
    assert np.isnan(line.existence_radius).all() and np.isnan(line.uniqueness_radius).all()


# --- systems of other origin ----------------------------------------------------------------------------------------


def test_what_cannot_be_bounded_is_not_certified_and_the_reason_is_given():
    softsign = neurornn.Activation(
        "softsign", lambda x: x / (1 + x.abs()), lambda x: (1 + x.abs()) ** -2, -1.0, 1.0
    )
    impostor = neurornn.Activation(
        "tanh", lambda x: torch.tanh(2 * x), lambda x: 2 * (1 - torch.tanh(2 * x) ** 2)
    )
    for system, reason in (
        (network(3, softsign), "none: no bounds on the slope of activation 'softsign' are known"),
        (network(3, impostor), "none: no bounds on the slope of activation 'tanh' are known"),
        (
            systems.StepMap(lambda x, u: torch.tanh(2 * x), n_units=3),
            "none: no bounds on the Jacobian of StepMap are known",
        ),
    ):
        found = fixed_points.find(system, candidates=normal((16, 3)))
        assert found.attrs["n_fixed"] > 0 and not found.certified.any()
        assert np.isnan(found.existence_radius).all() and np.isnan(found.uniqueness_radius).all()
        assert found.certificates.item() == reason

    class Other(neurornn.CTRNN):
        def drift(self, state, input):
            return 2 * super().drift(state, input)

    other = Other(1, 2, 1, activation="tanh")
    assert fixed_points.find(other, candidates=normal((4, 2))).certificates.item().endswith("Other are known")


@pytest.mark.parametrize("kind", ["tanh", "relu"])
@pytest.mark.parametrize("make", [nn.RNNCell, nn.RNN])
def test_a_plain_cell_of_torch_is_certified(make, kind):
    with torch.random.fork_rng():
        cell = make(2, 4, nonlinearity=kind).requires_grad_(False)
    for seed, weight in enumerate(cell.parameters()):
        weight.copy_(torch.as_tensor(normal(weight.shape, seed=seed, scale=0.4)))
    found = fixed_points.find(systems.from_cell(cell), candidates=normal((16, 4)), inputs=[0.5, -1.0])
    assert found.attrs["n_certified"] == found.attrs["n_fixed"] == 1
    h = torch.as_tensor(found.state.values, dtype=torch.float32)
    step = (
        cell(torch.tensor([[0.5, -1.0]]), h)
        if make is nn.RNNCell
        else cell(torch.tensor([[[0.5, -1.0]]]), h[None])[0][0]
    )
    np.testing.assert_allclose(step.detach(), h, atol=1e-6)
    assert equations_of(freeze(systems.StepMap(_tanh_of, n_units=1, module=cell), 1), torch.zeros(2)) is None


def _tanh_of(cell, state, input):
    return torch.tanh(2 * state)


class Cubic:
    """dx/dt = x - x^3, with bounds of its own."""

    dt, n_units, n_inputs = 1.0, 1, 0

    def drift(self, state, input):
        return state - state**3

    def drift_bounds(self, low, high, input):
        ends = torch.stack([low**3, high**3])
        biggest = torch.maximum(low.abs(), high.abs())
        smallest = torch.where((low <= 0) & (high >= 0), 0.0, torch.minimum(low.abs(), high.abs()))
        slack = 1e-15 * (1 + biggest + biggest**3)
        slopes = [1 - 3 * each**2 for each in (biggest, smallest)]
        wide = 1e-15 * (1 + 3 * biggest**2)
        return (
            low - ends[1] - slack,
            high - ends[0] + slack,
            (slopes[0] - wide).unsqueeze(-1),
            (slopes[1] + wide).unsqueeze(-1),
        )


def test_an_object_may_bring_bounds_of_its_own():
    found = fixed_points.find(Cubic(), candidates=[[0.3], [2.0], [-2.0], [0.7]])
    assert sorted(found.state.values[:, 0].round(9) + 0.0) == [-1.0, 0.0, 1.0] and found.certified.all()
    error = np.abs(found.state.values[:, 0] - found.state.values[:, 0].round())
    assert (error <= found.existence_radius).all() and found.existence_radius.max() < 1e-14
    # injective while 1 - 3 x^2 keeps its sign, and provably so while it varies by less than its value at the centre
    np.testing.assert_allclose(
        np.sort(found.uniqueness_radius), [np.sqrt(5 / 3) - 1] * 2 + [np.sqrt(1 / 3)], rtol=0.2
    )
    wrong = Cubic()
    wrong.drift_bounds = lambda low, high, input: (low, high, low, high)
    with pytest.raises(ValueError, match=r"four tensors.*got shapes"):
        fixed_points.find(wrong, candidates=[[0.3]])


# --- merging --------------------------------------------------------------------------------------------------------


def roots_at(states, existence, uniqueness):
    n = len(states)
    zeros = np.zeros(n)
    return _roots.Roots(
        np.array(states),
        zeros,
        np.full(n, 1e-7),
        np.zeros(n, dtype=np.int64),
        np.ones(n, dtype=bool),
        np.ones(n, dtype=bool),
        np.ones(n, dtype=np.int64),
        np.array(existence),
        np.array(uniqueness),
    )


def grouped(roots):
    net = network(1)
    system = freeze(net, 1)
    known = _roots.indistinct(system, torch.zeros(2, dtype=torch.float64), roots, rate=0.01, tolerance=1e-10)
    group = _roots.merge(roots.state, _roots.radius(roots), known)
    return [np.flatnonzero(group == g).tolist() for g in np.unique(group)]


def test_points_are_merged_by_proof_before_any_distance():
    nan = np.nan
    # closer than their error bounds, and proved to be two
    assert grouped(roots_at([[0.0], [5e-9]], [1e-12, 1e-12], [1e-9, 1e-9])) == [[0], [1]]
    # without a proof they are one
    assert grouped(roots_at([[0.0], [5e-9]], [nan, nan], [nan, nan])) == [[0, 1]]
    # farther apart than any bound, and proved to be one
    assert grouped(roots_at([[0.0], [2e-5]], [3e-5, 1e-12], [1e-4, 1e-9])) == [[0, 1]]
    assert grouped(roots_at([[0.0], [2e-5]], [nan, nan], [nan, nan])) == [[0], [1]]
    # one without proof does not chain together two that are proved apart, unless it is near both
    assert grouped(roots_at([[0.0], [1.0], [1.0 + 5e-9]], [1e-12, 1e-12, nan], [1e-9, 1e-9, nan])) == [
        [0],
        [1, 2],
    ]


def test_same_and_apart_are_never_both_claimed():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(-1, 1, (2, 500, 2))
    e, f = (Certificates(0.3 * r, 0.3 * r + 0.8 * s) for r, s in rng.uniform(0, 1, (2, 2, 500)))
    one, two = _certificate.same(x, y, e, f), _certificate.apart(x, y, e, f)
    assert one.any() and two.any() and (~one & ~two).any()
    for k in np.flatnonzero(one & two):  # then the certificates contradict each other
        gap = np.abs(x[k] - y[k]).max()
        assert gap > e.existence[k] + f.existence[k]
