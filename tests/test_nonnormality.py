"""Non-normality: closed forms, invariances, bounds of the theory, and an independent maximum."""

import numpy as np
import pytest
import torch
from scipy.linalg import expm

import neurornn
from neurornn.analysis.mechanism import linearise, plot_amplification
from neurornn.analysis.mechanism._transient import non_normality, propagator_norm
from neurornn.analysis.systems import Drift


def measure(J, **options):
    return non_normality(J, np.linalg.eigvals(J).astype(complex), **options)


def stable(n, gain, seed=0):
    """A stable matrix that is far from normal: feed-forward above a random diagonal."""
    rng = np.random.default_rng(seed)
    J = np.triu(gain * rng.standard_normal((n, n)) / np.sqrt(n), 1)
    np.fill_diagonal(J, -1 - rng.random(n))
    return J


def orthogonal(n, seed=1):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((n, n)))[0]


@pytest.mark.parametrize("n", [5, 40])
def test_a_normal_matrix_amplifies_nothing(n):
    Q = orthogonal(n)
    found = measure(Q @ np.diag(-np.linspace(0.5, 3, n)) @ Q.T)
    assert found.henrici == 0.0
    assert (found.amplification, found.amplification_time) == (1.0, 0.0)
    assert found.numerical_abscissa == pytest.approx(-0.5) == found.spectral_abscissa
    rotating = measure(np.array([[-1.0, 7.0], [-7.0, -1.0]]))  # normal, though not symmetric
    assert rotating.henrici == 0.0 and rotating.amplification == 1.0


@pytest.mark.parametrize("k", [0.5, 4.0, 40.0])
def test_two_units_in_closed_form(k):
    found = measure(np.array([[-1.0, k], [0.0, -2.0]]))
    assert found.henrici == pytest.approx(k / np.sqrt(5 + k**2), rel=1e-12)
    assert found.numerical_abscissa == pytest.approx(-1.5 + np.sqrt(1 + k**2) / 2, rel=1e-12)
    t = np.linspace(0, 10, 200_001)
    a, b, d = np.exp(-t), k * (np.exp(-t) - np.exp(-2 * t)), np.exp(-2 * t)
    square = a**2 + b**2 + d**2
    norm = np.sqrt((square + np.sqrt(square**2 - 4 * (a * d) ** 2)) / 2)  # largest singular value of 2 x 2
    assert found.amplification == pytest.approx(norm.max(), rel=1e-8)
    assert found.amplification_time == pytest.approx(t[norm.argmax()], abs=2e-4)
    assert (found.amplification > 1) == (found.numerical_abscissa > 0)


@pytest.mark.parametrize(("n", "gain"), [(8, 3.0), (24, 4.0), (60, 4.0)])
def test_the_maximum_is_that_of_a_dense_search(n, gain):
    J = stable(n, gain)
    found = measure(J)
    assert found.amplification > 1.5
    t = np.linspace(0.2, 2.0, 91) * found.amplification_time
    norms = [np.linalg.norm(expm(J * each), 2) for each in t]
    assert found.amplification == pytest.approx(max(norms), rel=1e-5)
    assert found.amplification >= max(norms) * (1 - 1e-9)
    late = [np.linalg.norm(expm(J * each), 2) for each in np.geomspace(2, 60, 40) * found.amplification_time]
    assert max(late) < found.amplification


@pytest.mark.parametrize(("n", "gain"), [(6, 4.0), (40, 1.5)])
def test_rotations_change_nothing_and_slower_units_only_the_time(n, gain):
    J, Q = stable(n, gain), orthogonal(n)
    found, turned, slower = measure(J), measure(Q @ J @ Q.T), measure(J / 100)
    np.testing.assert_allclose(turned[:-1], found[:-1], rtol=1e-5)
    assert slower.kreiss == pytest.approx(found.kreiss, rel=1e-9) == pytest.approx(turned.kreiss, rel=1e-9)
    assert slower.henrici == pytest.approx(found.henrici)
    assert slower.amplification == pytest.approx(found.amplification, rel=1e-8)
    assert slower.amplification_time == pytest.approx(100 * found.amplification_time, rel=1e-4)
    stretched = measure(np.diag(np.arange(1.0, n + 1)) @ J @ np.diag(1 / np.arange(1.0, n + 1)))
    assert stretched.henrici != pytest.approx(found.henrici, rel=0.01)  # control: it is no rotation


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n", [3, 12, 30])
def test_the_kreiss_constant_is_that_of_a_dense_search_and_bounds_the_amplification(n, seed):
    J = stable(n, 4.0, seed)
    found = measure(J)
    z = np.geomspace(1e-2, 30, 60)[:, None] + 1j * np.linspace(0, 4, 41)
    resolvent = np.linalg.norm(np.linalg.inv(z[..., None, None] * np.eye(n) - J), 2, axis=(-2, -1))
    dense = (z.real * resolvent).max()
    assert dense * (1 - 1e-12) <= found.kreiss <= found.kreiss_bound <= found.kreiss * 1.0015
    assert found.kreiss == pytest.approx(dense, rel=0.02)
    assert found.kreiss <= found.amplification * (1 + 1e-6) < np.e * n * found.kreiss_bound
    assert (found.kreiss > 1) == (found.numerical_abscissa > 0)


@pytest.mark.parametrize("b", [0.3, 1.99, 2.001, 3.0, 40.0, 1e5])
@pytest.mark.parametrize("a", [1.0, 0.01])
def test_the_kreiss_constant_of_a_chain_of_two_in_closed_form(a, b):
    """K = b / (4 a) + a / b if b > 2 a, else 1, for one unit that drives another with weight b."""
    found = measure(a * np.array([[-1.0, b], [0.0, -1.0]]))
    exact = b / 4 + 1 / b if b > 2 else 1.0
    assert found.kreiss == pytest.approx(exact, rel=1e-9)
    assert exact * (1 - 1e-9) <= found.kreiss_bound <= exact * 1.0015


@pytest.mark.parametrize("turn", [0.0, 3.0])
def test_of_two_chains_apart_the_larger_constant_counts(turn):
    """Two hills of the half plane, far apart in scale and frequency; the wide one hides the narrow one."""

    def chain(a, b, omega):
        R = np.array([[-a, -omega], [omega, -a]])
        return np.block([[R, b * np.eye(2)], [np.zeros((2, 2)), R]])

    for small, large in ((6.0, 6.3), (6.3, 6.0), (3.0, 12.0)):
        J = np.zeros((8, 8))
        J[:4, :4], J[4:, 4:] = chain(1.0, small, turn), chain(1e-4, 1e-4 * large, 0.7)
        exact = max(b / 4 + 1 / b for b in (small, large))
        Q = orthogonal(8)
        found = measure(Q @ J @ Q.T)
        assert found.kreiss <= exact * (1 + 1e-9) and found.kreiss_bound >= exact * (1 - 1e-9)
        assert found.kreiss == pytest.approx(exact, rel=1e-3)


def test_the_kreiss_constant_of_normal_and_of_unstable_matrices():
    Q = orthogonal(9)
    normal = measure(Q @ np.diag(-np.linspace(0.5, 3, 9)) @ Q.T)
    assert normal.kreiss == normal.kreiss_bound == 1.0
    rotating = measure(np.array([[-1e-3, 7.0], [-7.0, -1e-3]]))
    assert rotating.kreiss == 1.0
    for J in (np.diag([0.1, -1.0]), np.array([[0.0, 3.0], [0.0, -1.0]]), np.zeros((2, 2))):
        found = measure(J, margin=1e-9)
        assert np.isnan(found.kreiss) and np.isnan(found.kreiss_bound)
    assert np.isnan(measure(np.diag([-1.0, -2.0]), transient=False).kreiss)


def test_the_numerical_abscissa_is_the_slope_at_the_start():
    J = stable(30, 3.0)
    step = 1e-6
    slope = (np.linalg.norm(expm(J * step), 2) - 1) / step
    assert slope == pytest.approx(measure(J).numerical_abscissa, rel=1e-4)


def test_growth_without_end_and_growth_to_a_limit():
    saddle = measure(np.diag([0.1, -1.0]))
    assert (saddle.amplification, saddle.amplification_time) == (np.inf, np.inf)
    k = 3.0
    line = measure(np.array([[0.0, k], [0.0, -1.0]]), margin=1e-9)  # tends to [[1, k], [0, 0]]
    assert line.amplification == pytest.approx(np.sqrt(1 + k**2), rel=1e-9)
    assert line.amplification_time == np.inf
    assert np.isnan(measure(np.diag([-1.0, -2.0]), transient=False).amplification)


@pytest.mark.parametrize("n", [4, 40])
def test_the_curve_is_the_norm_of_the_exponential(n):
    J = stable(n, 3.0)
    expected = [np.linalg.norm(expm(J * 0.3 * k), 2) for k in range(15)]
    np.testing.assert_allclose(propagator_norm(J, 0.3, 15), expected, rtol=1e-5)
    assert propagator_norm(np.diag([400.0, -1.0]), 1.0, 3)[1:].tolist() == [np.inf, np.inf]


def test_a_network_is_as_non_normal_at_any_time_step():
    found = []
    for dt in (20.0, 5.0, 0.5):
        network = neurornn.CTRNN(2, 6, 1, tau=100.0, dt=dt, activation="tanh", bias=False)
        network.W_rec = torch.as_tensor(stable(6, 4.0) + np.eye(6), dtype=torch.float32)
        found.append(linearise(network, np.zeros((1, 6))))
    expected = measure(stable(6, 4.0).astype(np.float32).astype(float) / 100)
    for ds in found:
        for name in expected._fields:
            assert ds[name].item() == pytest.approx(getattr(expected, name), rel=1e-3)
            assert ds[name].item() == found[0][name].item()


def test_curves_are_drawn_with_units():
    J = stable(3, 6.0)
    network = Drift(lambda x, u: x @ torch.as_tensor(J / 100).T + u, n_units=3, n_inputs=3)
    ds = linearise(network, np.zeros((1, 3)))
    ax = plot_amplification(ds)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (ms)", "largest growth of a perturbation")
    solid, dashed = ax.lines
    np.testing.assert_array_equal(solid.get_ydata(), ds.propagator_norm.values[0])
    np.testing.assert_allclose(dashed.get_ydata(), np.exp(ds.spectral_abscissa.item() * ds.lag.values))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0, stable"]
    with pytest.raises(ValueError, match="linearise with transient=True"):
        plot_amplification(linearise(network, np.zeros((1, 3)), transient=False))
