"""Initial weights and their spectrum: exact on the matrix that the network uses."""

import math

import numpy as np
import pytest
import torch

from neurornn import CTRNN, Dale, spectrum_report
from neurornn.connectivity import (
    AllToAll,
    Areas,
    BalancedGamma,
    FixedWeights,
    Gaussian,
    Identity,
    Orthogonal,
    Projection,
    Sparse,
)

N = 200


def make_network(init, *, dale=None, connectivity=None, n_units=N, seed=0):
    return CTRNN(
        2, n_units, 1, init=init, dale=dale, connectivity=connectivity, seed=seed, dtype=torch.float64
    )


def effective(network):
    return network.W_rec.detach().numpy()


def radius(W):
    return np.abs(np.linalg.eigvals(W)).max()


def some_fixed(n, value=0.02):
    weights = np.full((n, n), np.nan)
    weights[: n // 2, : n // 2] = value
    return FixedWeights(weights)


# Spectral radius


@pytest.mark.parametrize("wanted", [0.1, 1.0, 1.5, 10.0])
@pytest.mark.parametrize(
    ("init", "dale", "connectivity"),
    [
        (Gaussian, None, None),
        (Gaussian, None, Sparse(0.1)),
        (Gaussian, Dale(), None),
        (Gaussian, Dale(rectifier="relu"), Sparse({"E->E": 0.1, "I->I": 0.0})),
        (BalancedGamma, Dale(), None),
        (BalancedGamma, Dale(fraction_excitatory=0.5), Sparse(0.2)),
        (BalancedGamma, Dale(), Areas({"A": 30, "B": 20}, {"A->B": Projection(sources="E")}, within=0.5)),
    ],
)
def test_the_spectral_radius_is_set_on_the_effective_matrix(init, dale, connectivity, wanted):
    network = make_network(init(spectral_radius=wanted), dale=dale, connectivity=connectivity, n_units=50)
    assert radius(effective(network)) == pytest.approx(wanted, rel=1e-10)


@pytest.mark.parametrize(("init", "dale"), [(Gaussian, None), (Gaussian, Dale()), (BalancedGamma, Dale())])
def test_the_spectral_radius_counts_fixed_weights(init, dale):
    plan = some_fixed(50)
    network = make_network(init(spectral_radius=1.4), dale=dale, connectivity=plan, n_units=50)
    W, fixed = effective(network), ~np.isnan(plan.weights)
    assert radius(W) == pytest.approx(1.4, rel=1e-10)
    assert np.array_equal(W[fixed], plan.weights[fixed])
    assert W[~fixed].any()


def test_a_radius_below_that_of_the_fixed_weights_is_refused():
    with pytest.raises(ValueError, match=r"spectral_radius=0\.3: the fixed weights alone have 0\.5"):
        make_network(Gaussian(spectral_radius=0.3), connectivity=some_fixed(50), n_units=50)


def test_a_network_without_loops_has_no_spectral_radius():
    plan = Areas({"A": 5, "B": 5}, {"A->B": Projection()}, within=0.0)
    with pytest.raises(ValueError, match="no loops, so its eigenvalues are all 0"):
        make_network(Gaussian(), connectivity=plan, n_units=10)
    assert not effective(make_network(Gaussian(0.0), connectivity=plan, n_units=10)).any()


@pytest.mark.parametrize(("init", "dale"), [(Gaussian, None), (BalancedGamma, Dale())])
def test_a_negative_radius_is_refused(init, dale):
    with pytest.raises(ValueError, match="spectral_radius must be finite and at least 0: got -1"):
        make_network(init(spectral_radius=-1.0), dale=dale, n_units=5)


# Distributions


def test_gaussian_weights_are_normal_with_the_circular_law():
    W = effective(make_network(Gaussian(spectral_radius=1.0), n_units=400))
    flat = W.ravel() / W.std()
    assert abs(flat.mean()) < 4 / 400
    assert abs((flat**4).mean() - 3) < 4 * math.sqrt(96) / 400
    assert W.std() * math.sqrt(400) == pytest.approx(1.0, abs=0.1)  # radius = std * sqrt(n) for large n
    inside = np.abs(np.linalg.eigvals(W)) < math.sqrt(0.5)
    assert inside.mean() == pytest.approx(0.5, abs=0.05)  # uniform on the disc


def test_balanced_rows_cancel_and_magnitudes_are_gamma():
    network = make_network(BalancedGamma(shape=2.0), dale=Dale(), n_units=400)
    W, types = effective(network), network.cell_types
    assert np.abs(W.sum(1)).max() < 1e-12 * np.abs(W).sum(1).max()
    excitatory = W[:, types == "E"]
    excitatory = excitatory[excitatory > 0]
    ratio = excitatory.var() / excitatory.mean() ** 2  # 1 / shape for a gamma distribution
    assert ratio == pytest.approx(0.5, rel=0.03)
    skewness = ((excitatory - excitatory.mean()) ** 3).mean() / excitatory.std() ** 3
    assert skewness == pytest.approx(2 / math.sqrt(2.0), rel=0.05)


@pytest.mark.parametrize(
    "connectivity", [Sparse(0.2), Areas({"A": 30, "B": 20}, {"A->B": Projection(sources="E")})]
)
def test_rows_cancel_under_a_mask_wherever_both_kinds_arrive(connectivity):
    W = effective(make_network(BalancedGamma(), dale=Dale(), connectivity=connectivity, n_units=50))
    both = (W > 0).any(1) & (W < 0).any(1)
    assert both.sum() > 30
    assert np.abs(W.sum(1))[both].max() < 1e-12


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
def test_an_orthogonal_matrix_is_orthogonal(gain):
    W = effective(make_network(Orthogonal(gain), n_units=50))
    np.testing.assert_allclose(W.T @ W, gain**2 * np.eye(50), atol=1e-12)
    np.testing.assert_allclose(np.abs(np.linalg.eigvals(W)), gain, atol=1e-12)
    other = effective(make_network(Orthogonal(gain), n_units=50, seed=1))
    assert np.abs(W - other).max() > 0.01 * gain


def test_orthogonal_matrices_have_no_preferred_direction():
    """The trace of a Haar-distributed matrix has mean 0 and variance 1 (a bare QR has not)."""
    traces = [np.trace(effective(make_network(Orthogonal(), n_units=10, seed=seed))) for seed in range(300)]
    assert abs(np.mean(traces)) < 4 / math.sqrt(300)
    assert abs(np.var(traces) - 1) < 4 * math.sqrt(2 / 300)


def test_the_identity_is_the_identity():
    assert np.array_equal(effective(make_network(Identity(0.7), n_units=5)), 0.7 * np.eye(5))


@pytest.mark.parametrize("init", [Orthogonal(), Identity()])
def test_structure_that_constraints_would_destroy_is_refused(init):
    name = type(init).__name__
    with pytest.raises(ValueError, match=f"{name} does not survive Dale's law"):
        make_network(init, dale=Dale(), n_units=5)
    with pytest.raises(
        ValueError, match=f"{name} needs every synapse, autapses included.* here 5 are missing"
    ):
        make_network(init, connectivity=AllToAll(), n_units=5)
    with pytest.raises(ValueError, match=f"{name} needs every synapse.*some are fixed"):
        make_network(init, connectivity=FixedWeights(np.diag([1.0] * 5), AllToAll(autapses=True)), n_units=5)


@pytest.mark.parametrize(
    ("dale", "found"),
    [(None, "no cell types"), (Dale(fraction_excitatory=1.0), "5 excitatory, 0 inhibitory")],
)
def test_balance_needs_both_cell_types(dale, found):
    with pytest.raises(ValueError, match=f"needs units of both types: got {found}"):
        make_network(BalancedGamma(), dale=dale, n_units=5)


# The report


def test_balance_removes_the_outlier_that_dales_law_makes():
    unbalanced = spectrum_report(make_network(Gaussian(spectral_radius=1.5), dale=Dale()))
    balanced = spectrum_report(make_network(BalancedGamma(spectral_radius=1.5), dale=Dale()))
    assert unbalanced.outliers.size == 1
    assert unbalanced.outlier.real == pytest.approx(1.5)  # it carries the whole radius
    assert unbalanced.bulk_radius < 0.3
    assert np.abs(unbalanced.eigenvalues[1]) < 1.2 * unbalanced.bulk_radius
    assert balanced.outliers.size == 0
    assert math.isnan(balanced.outlier.real)
    assert 1.25 < balanced.bulk_radius < 1.5  # the edge of a finite random matrix lies a little outside
    assert np.abs(balanced.ei_balance).max() < 1e-12
    assert np.median(unbalanced.ei_balance) == pytest.approx(0.6, abs=0.05)  # (160 - 40) / 200


def test_the_outlier_is_where_theory_puts_it():
    """A rank-one mean ``m u v'`` adds one eigenvalue near ``m n`` to a bulk that stays where it was."""
    rng = np.random.default_rng(0)
    network = make_network(Gaussian(0.0))
    network.W_rec = torch.as_tensor(rng.standard_normal((N, N)) / math.sqrt(N) + 5.0 / N)
    report = spectrum_report(network)
    assert report.outliers.size == 1
    assert report.outlier.real == pytest.approx(5.0, abs=0.5)
    assert report.bulk_radius == pytest.approx(1.0, rel=0.02)
    assert report.spectral_radius == abs(report.outlier)


@pytest.mark.parametrize("n_units", [50, 100])
def test_random_matrices_rarely_show_outliers(n_units):
    """Whatever their size: a small matrix has a blurred edge, not structure."""
    reports = [
        spectrum_report(make_network(BalancedGamma(), dale=Dale(), n_units=n_units, seed=s))
        for s in range(30)
    ]
    assert sum(report.outliers.size > 0 for report in reports) <= 5


def test_the_report_in_closed_form():
    network = CTRNN(1, 4, 1, dale=Dale(fraction_excitatory=0.5), dtype=torch.float64)
    network.W_rec = torch.tensor(
        [[0.0, 3.0, -1.0, 0.0], [2.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, -4.0], [0.0, 0.0, 0.0, 0.0]],
        dtype=torch.float64,
    )
    report = spectrum_report(network)
    np.testing.assert_allclose(
        np.sort(report.eigenvalues.real), [-math.sqrt(6), 0, 0, math.sqrt(6)], atol=1e-7
    )
    assert report.spectral_radius == pytest.approx(math.sqrt(6))
    assert report.ei_balance[:3].tolist() == [0.5, 1.0, -1.0]  # (3 - 1) / (3 + 1), only E, only I
    assert math.isnan(report.ei_balance[3])  # nothing arrives
    excitatory, inhibitory = [0, 2, 0, 0, 3, 0, 0, 0], [-1, 0, 0, 0, 0, 0, -4, 0]
    assert report.bulk_radius == pytest.approx(math.sqrt(2 * np.var(excitatory) + 2 * np.var(inhibitory)))
    assert str(report).startswith("spectral radius 2.449, bulk radius ")
    assert str(report).endswith("E/I balance +0.167")  # of those that something arrives at
    network.W_rec = torch.zeros(4, 4)
    assert str(spectrum_report(network)).endswith("0 outliers (largest: none), no recurrent input")


def test_the_report_leaves_the_network_untouched():
    network = make_network(BalancedGamma(), dale=Dale(), n_units=20)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    report = spectrum_report(network)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    assert np.all(np.diff(np.abs(report.eigenvalues)) <= 1e-12)
