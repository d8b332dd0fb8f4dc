"""What each measure is, by another way: independent formulas and the tools of SciPy and scikit-learn."""

import numpy as np
import pytest
import xarray as xr
from pairs import N_CONDITIONS, N_TIMES, populations, rows
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import pdist
from scipy.stats import pearsonr, spearmanr
from sklearn.cross_decomposition import CCA as SklearnCCA
from sklearn.linear_model import Ridge

from neurornn.analysis.similarity import (
    CCA,
    RSA,
    SVCCA,
    HeldOutProcrustes,
    LinearCKA,
    LinearPredictivity,
    Procrustes,
    SubspaceAlignment,
    condition_folds,
)
from neurornn.analysis.subspaces import alignment_index


def test_predictivity_is_the_ridge_of_scikit_learn_in_held_out_conditions():
    X, Y = populations(LinearPredictivity())
    folds = condition_folds(N_CONDITIONS)
    error, total = 0.0, 0.0
    for train, test in folds:
        x, y = rows(X[train]), rows(Y[train])
        ridge = Ridge(alpha=0.03 * ((x - x.mean(0)) ** 2).sum()).fit(x, y)
        error = error + ((rows(Y[test]) - ridge.predict(rows(X[test]))) ** 2).sum(0)
        total = total + ((rows(Y[test]) - y.mean(0)) ** 2).sum(0)
    scores = LinearPredictivity(alphas=(0.03,)).score(X, Y, folds)
    np.testing.assert_allclose(scores.per_unit, 1 - error / total, atol=1e-12)
    assert scores.value == np.median(scores.per_unit)


@pytest.mark.parametrize("shape", [(10, 3, 6), (6, 20, 4), (12, 1, 30)])
def test_each_neuron_gets_the_penalty_that_refitting_would_choose(shape):
    rng = np.random.default_rng(0)
    X = rng.normal(size=shape)
    Y = X @ rng.normal(size=(shape[2], 3)) + np.array([0.1, 3.0, 30.0]) * rng.normal(size=(*shape[:2], 3))
    alphas = (1e-6, 1e-3, 1e-1, 10.0)
    train, test = np.arange(2, shape[0]), np.array([0, 1])
    whole = rows(X[train]) - rows(X[train]).mean(0)
    penalties = np.array(alphas) * (whole**2).sum()
    loss = np.zeros((4, 3))
    for held_out in train:
        rest = train[train != held_out]
        for k, penalty in enumerate(penalties):
            ridge = Ridge(alpha=penalty).fit(rows(X[rest]), rows(Y[rest]))
            loss[k] += ((ridge.predict(X[held_out]) - Y[held_out]) ** 2).sum(0)
    best = penalties[loss.argmin(0)]
    assert len(set(best)) > 1  # clean and noisy neurons do not want the same
    scores = LinearPredictivity(alphas=alphas[::-1]).score(X, Y, [(train, test)])
    for j in range(3):
        ridge = Ridge(alpha=best[j]).fit(rows(X[train]), rows(Y[train])[:, j])
        truth = rows(Y[test])[:, j]
        error = ((truth - ridge.predict(rows(X[test]))) ** 2).sum()
        expected = 1 - error / ((truth - rows(Y[train])[:, j].mean()) ** 2).sum()
        assert scores.per_unit[j] == pytest.approx(expected, abs=1e-9)


def test_predictivity_is_judged_by_conditions_it_was_not_fitted_on():
    X, _ = populations(LinearPredictivity())
    Y = X.copy()
    Y[:4] = -X[:4] + 2 * X[4:].mean((0, 1))
    fold = [(np.arange(4, N_CONDITIONS), np.arange(4))]
    assert LinearPredictivity().score(X, Y, fold).value < -0.5
    assert LinearPredictivity(metric="correlation").score(X, Y, fold).value == pytest.approx(-1, abs=1e-4)


def test_a_neuron_that_does_not_vary_has_no_score_and_does_not_count():
    X, Y = populations(LinearPredictivity())
    folds = condition_folds(N_CONDITIONS)
    for metric in ("r2", "correlation"):
        measure = LinearPredictivity(metric=metric)
        flat = np.concatenate([Y, np.full((*Y.shape[:2], 1), 7.0)], -1)
        scores = measure.score(X, flat, folds)
        assert np.isnan(scores.per_unit[-1])
        assert np.isfinite(scores.per_unit[:-1]).all()
        assert scores.value == measure.score(X, Y, folds).value


def test_cca_has_the_axes_of_scikit_learn():
    X, Y = populations(CCA(), n_model=3, n_brain=5)
    folds = condition_folds(N_CONDITIONS)
    values = []
    for train, test in folds:
        fit = SklearnCCA(n_components=3, scale=False, max_iter=20_000, tol=1e-14).fit(
            rows(X[train]), rows(Y[train])
        )
        a, b = fit.transform(rows(X[test]), rows(Y[test]))
        values.append(np.mean([pearsonr(a[:, k], b[:, k])[0] for k in range(3)]))
    assert CCA().score(X, Y, folds).value == pytest.approx(np.mean(values), abs=1e-5)


def test_svcca_of_all_components_is_cca_and_of_few_is_cca_of_these():
    X, Y = populations(CCA())
    folds = condition_folds(N_CONDITIONS)
    assert SVCCA(n_components=100).score(X, Y, folds).value == pytest.approx(CCA().score(X, Y, folds).value)
    train, test = folds[0]

    def leading(Z, k):
        mean = rows(Z[train]).mean(0)
        return (Z - mean) @ np.linalg.svd(rows(Z[train]) - mean)[2][:k].T

    few = CCA().score(leading(X, 3), leading(Y, 3), [(train, test)]).value
    assert SVCCA(n_components=3).score(X, Y, [(train, test)]).value == pytest.approx(few, abs=1e-9)
    spectrum = np.linalg.svd(rows(X[train]) - rows(X[train]).mean(0))[1] ** 2
    share = np.cumsum(spectrum) / spectrum.sum()
    enough = SVCCA(variance=float(share[1]) - 1e-6).score(X, X, [(train, test)]).value
    assert enough == pytest.approx(1.0)


def test_procrustes_is_the_angle_after_the_rotation_of_scipy():
    X, Y = populations(Procrustes())
    x, y = (rows(Z) - rows(Z).mean(0) for Z in (X, Y))
    x = np.concatenate([x, np.zeros((len(x), 1))], -1)  # 6 units against 7
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    Q, overlap = orthogonal_procrustes(y, x)
    assert Procrustes().score(X, Y).value == pytest.approx(np.arccos(overlap), abs=1e-9)
    assert np.arccos((x * (y @ Q)).sum()) == pytest.approx(np.arccos(overlap))


def test_procrustes_of_alpha_0_is_the_angle_of_the_canonical_correlations():
    X, Y = populations(Procrustes())
    q_x, q_y = (np.linalg.qr(rows(Z) - rows(Z).mean(0))[0] for Z in (X, Y))
    correlations = np.linalg.svd(q_x.T @ q_y, compute_uv=False)
    expected = np.arccos(correlations.sum() / (6 * 7) ** 0.5)
    assert Procrustes(alpha=0.0).score(X, Y).value == pytest.approx(expected, abs=1e-9)


def test_in_sample_alignment_of_unrelated_populations_improves_with_units_and_held_out_does_not():
    rng = np.random.default_rng(3)
    found = {}
    for n_units in (5, 80):
        pairs = [rng.normal(size=(2, 40, 1, n_units)) for _ in range(10)]
        found[n_units] = (
            np.mean([Procrustes().score(*pair).value for pair in pairs]),
            np.mean([HeldOutProcrustes().score(*pair, condition_folds(40)).value for pair in pairs]),
        )
    assert found[80][0] < found[5][0] - 0.3
    assert abs(found[5][1]) < 0.1
    assert abs(found[80][1]) < 0.1


def test_cka_is_that_of_the_kernels():
    X, Y = populations(LinearCKA())
    n = N_CONDITIONS * N_TIMES
    H = np.eye(n) - 1 / n
    K, L = (H @ rows(Z) @ rows(Z).T @ H for Z in (X, Y))
    expected = (K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum())
    assert LinearCKA().score(X, Y).value == pytest.approx(expected, abs=1e-12)

    def hsic(K, L):
        K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
        means = K.sum() * L.sum() / ((n - 1) * (n - 2))
        return ((K * L).sum() + means - 2 / (n - 2) * K.sum(0) @ L.sum(0)) / (n * (n - 3))

    K, L = (rows(Z) @ rows(Z).T for Z in (X, Y))
    expected = hsic(K, L) / np.sqrt(hsic(K, K) * hsic(L, L))
    assert LinearCKA(debiased=True).score(X, Y).value == pytest.approx(expected, abs=1e-10)


def test_only_the_debiased_cka_of_unrelated_populations_is_0():
    rng = np.random.default_rng(4)
    pairs = [rng.normal(size=(2, 40, 1, 30)) for _ in range(100)]
    plain = np.mean([LinearCKA().score(*pair).value for pair in pairs])
    debiased = np.mean([LinearCKA(debiased=True).score(*pair).value for pair in pairs])
    assert plain > 0.3
    assert abs(debiased) < 0.02


@pytest.mark.parametrize("dissimilarity", ["squared euclidean", "correlation"])
def test_rsa_is_that_of_scipy(dissimilarity):
    X, Y = populations(RSA())
    name = {"squared euclidean": "sqeuclidean"}.get(dissimilarity, dissimilarity)
    for patterns, flat in (("state", rows), ("condition", lambda Z: Z.reshape(len(Z), -1))):
        a, b = pdist(flat(X), name), pdist(flat(Y), name)
        expected = {
            "pearson": pearsonr(a, b)[0],
            "spearman": spearmanr(a, b)[0],
            "cosine": a @ b / np.linalg.norm(a) / np.linalg.norm(b),
        }
        for comparison, reference in expected.items():
            measure = RSA(dissimilarity, comparison, patterns)
            assert measure.score(X, Y).value == pytest.approx(reference, abs=1e-8)


def test_subspace_alignment_is_the_alignment_index_with_units_for_samples():
    X, Y = populations(SubspaceAlignment())
    sides = []
    for Z in (Y, X):
        z = rows(Z) - rows(Z).mean(0)
        both = np.concatenate([z, -z], 1).T[None]  # about 0 over units
        sides.append(xr.Dataset({"rate": (("trial", "time", "unit"), both)}))
    expected = alignment_index(*sides, n_components=3, n_null=1)["index"][0]
    assert SubspaceAlignment(n_components=3).score(X, Y).value == pytest.approx(float(expected), abs=1e-9)


def test_orthogonal_courses_are_not_aligned():
    signs = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1.0]])
    X, Y = signs[1:3].T[:, None], signs[3:].T[:, None]
    assert SubspaceAlignment(n_components=1).score(X, Y).value == pytest.approx(0, abs=1e-12)
