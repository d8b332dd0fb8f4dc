"""Laws every measure between two populations must obey, and agreement with independent formulas."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import pdist
from scipy.stats import pearsonr, spearmanr
from sklearn.cross_decomposition import CCA as SklearnCCA
from sklearn.linear_model import Ridge

from neurornn.analysis.similarity import (
    CCA,
    INVARIANCES,
    RSA,
    SVCCA,
    Crossnobis,
    CrossTemporalDecoding,
    DynamicalSimilarity,
    HeldOutProcrustes,
    LinearCKA,
    LinearPredictivity,
    Procrustes,
    SubspaceAlignment,
    condition_folds,
)
from neurornn.analysis.similarity._crossnobis import _distances
from neurornn.analysis.similarity._rdm import compare_rdms

N_CONDITIONS, N_TIMES = 20, 8
MEASURES = [
    LinearPredictivity(),
    LinearPredictivity(metric="correlation"),
    CCA(),
    CCA(ridge=0.1),
    SVCCA(n_components=3),
    SVCCA(variance=0.8),
    Procrustes(),
    Procrustes(alpha=0.5),
    Procrustes(alpha=0.0),
    HeldOutProcrustes(),
    HeldOutProcrustes(alpha=0.5),
    HeldOutProcrustes(alpha=0.0),
    LinearCKA(),
    LinearCKA(debiased=True),
    RSA(),
    RSA(comparison="spearman"),
    RSA(comparison="cosine"),
    RSA(patterns="condition"),
    RSA(dissimilarity="correlation"),
    Crossnobis(),
    Crossnobis(noise="diagonal"),
    Crossnobis(noise="none", comparison="pearson", patterns="condition"),
    CrossTemporalDecoding(),
    CrossTemporalDecoding(times="same", noise="diagonal"),
    CrossTemporalDecoding(noise="none", comparison="pearson"),
    SubspaceAlignment(n_components=3),
    DynamicalSimilarity(n_delays=2, rank=3),
    DynamicalSimilarity(n_delays=2, rank=3, metric="euclidean"),
]
METRICS = [
    *(measure for measure in MEASURES if isinstance(measure, Procrustes)),
    DynamicalSimilarity(n_delays=2, rank=3, n_starts=3),
    DynamicalSimilarity(n_delays=2, rank=2, metric="euclidean"),
]
FITTED = [measure for measure in MEASURES if measure.fitted]


def each(measures):
    return pytest.mark.parametrize("measure", measures, ids=str)


def latents(seed, n_conditions=N_CONDITIONS, n_times=N_TIMES, rank=4):
    """Turning and decaying courses, from a random state of each condition."""
    rng = np.random.default_rng(seed)
    A = np.zeros((rank, rank))
    for k in range(0, rank, 2):
        angle, size = 0.3 + 0.4 * k, 0.97 - 0.03 * k
        A[k : k + 2, k : k + 2] = size * np.array([
            [np.cos(angle), -np.sin(angle)],
            [np.sin(angle), np.cos(angle)],
        ])
    x = rng.normal(size=(n_conditions, rank)) * np.linspace(1.5, 0.7, rank)
    course = []
    for _ in range(n_times):
        course.append(x)
        x = x @ A.T + 0.15 * rng.normal(size=x.shape)
    return np.stack(course, 1)


def populations(measure, seed=0, noise=0.4, n_model=6, n_brain=7, shuffle=False):
    """A model and a brain that mix the same courses, with noise of their own."""
    rng = np.random.default_rng(seed + 1000)
    z = latents(seed)
    out = []
    for n_units in (n_model, n_brain):
        clean = z @ rng.normal(size=(z.shape[-1], n_units)) + 2 * rng.normal(size=n_units)
        if measure.needs_splits:
            clean = clean + noise * rng.normal(size=(3, *clean.shape))
        else:
            clean = clean + noise * rng.normal(size=clean.shape)
        out.append(clean)
    if shuffle:
        out[1] = np.take(out[1], rng.permutation(N_CONDITIONS), axis=-3)
    return out


def folds_for(measure, seed=0):
    return condition_folds(N_CONDITIONS, seed=seed) if measure.fitted else None


def value(measure, X, Y):
    return measure.score(X, Y, folds_for(measure)).value


def transformed(kind, X, rng):
    n = X.shape[-1]
    if kind == "unit permutation":
        return X[..., rng.permutation(n)]
    if kind == "unit scale":
        return X * rng.uniform(0.3, 3.0, n)
    if kind == "scale":
        return 2.7 * X
    if kind == "offset":
        return X + 3 * rng.normal(size=n)
    if kind == "rotation":
        return X @ np.linalg.qr(rng.normal(size=(n, n)))[0]
    assert kind == "invertible map"
    return X @ (np.eye(n) + rng.normal(size=(n, n)))


def is_blind(measure, kind, side):
    listed = measure.invariances
    if kind in listed or f"{kind} of the {side}" in listed:
        return True
    return kind == "unit permutation" and is_blind(measure, "rotation", side)


@each(MEASURES)
@pytest.mark.parametrize("side", ["model", "brain"])
@pytest.mark.parametrize(
    "kind", ["unit permutation", "unit scale", "scale", "offset", "rotation", "invertible map"]
)
def test_it_is_blind_to_what_it_lists_and_to_nothing_else(measure, kind, side):
    rng = np.random.default_rng(5)
    X, Y = populations(measure)
    before = value(measure, X, Y)
    after = (
        value(measure, transformed(kind, X, rng), Y)
        if side == "model"
        else value(measure, X, transformed(kind, Y, rng))
    )
    if is_blind(measure, kind, side):
        assert after == pytest.approx(before, abs=1e-7)
    else:
        assert abs(after - before) > 1e-5


@each(MEASURES)
def test_the_order_of_conditions_and_times(measure):
    rng = np.random.default_rng(6)
    X, Y = populations(measure)
    before = value(measure, X, Y)
    order, times = rng.permutation(N_CONDITIONS), rng.permutation(N_TIMES)
    back = np.argsort(order)
    folds = folds_for(measure)
    moved = folds and [(np.sort(back[train]), np.sort(back[test])) for train, test in folds]
    after = measure.score(np.take(X, order, -3), np.take(Y, order, -3), moved).value
    assert "condition permutation" in measure.invariances
    assert after == pytest.approx(before, abs=1e-9)
    after = value(measure, np.take(X, times, -2), np.take(Y, times, -2))
    if "time permutation" in measure.invariances:
        assert after == pytest.approx(before, abs=1e-9)
    else:
        assert abs(after - before) > 1e-3
    if not isinstance(measure, DynamicalSimilarity):  # one side alone: the correspondence is lost
        assert abs(value(measure, X, np.take(Y, order, -3)) - before) > 1e-2


@each(MEASURES)
def test_names_of_invariances_are_known(measure):
    assert measure.is_metric == (type(measure) in {type(metric) for metric in METRICS})
    known = {*INVARIANCES, *(f"{kind} of the {side}" for kind in INVARIANCES for side in ("model", "brain"))}
    assert set(measure.invariances) <= known
    assert len(set(measure.invariances)) == len(measure.invariances)


@each(MEASURES)
def test_a_population_is_perfectly_similar_to_itself(measure):
    X, _ = populations(measure)
    assert value(measure, X, X) == pytest.approx(measure.perfect, abs=1e-6)
    assert measure.perfect == (0.0 if measure.is_distance else 1.0)


@each(MEASURES)
def test_noise_makes_populations_less_similar(measure):
    rng = np.random.default_rng(7)
    X, _ = populations(measure, noise=0.05)
    turned = X @ np.linalg.qr(rng.normal(size=(X.shape[-1],) * 2))[0]
    draws = rng.normal(size=(6, *X.shape))
    values = [
        np.mean([value(measure, X, turned + level * np.std(X) * draw) for draw in draws])
        for level in (0.0, 0.15, 0.5, 1.5)
    ]
    worse = np.diff(values) if measure.is_distance else -np.diff(values)
    assert (worse > 5e-4).all()


@each(FITTED)
def test_chance_is_about_0_for_what_is_fitted(measure):
    values = []
    for seed in range(25):
        X, Y = populations(measure, seed=seed, shuffle=True)
        values.append(measure.score(X, Y, folds_for(measure, seed)).value)
    assert abs(np.mean(values)) < 0.12
    assert value(measure, *populations(measure)) > 0.5


@each(METRICS)
def test_metrics_are_symmetric_and_take_no_shorter_way_round(measure):
    rng = np.random.default_rng(8)
    slack = []
    for _ in range(100):
        X, Y, Z = (
            latents(rng.integers(1 << 30), n_conditions=8) @ rng.normal(size=(4, n_units))
            + 0.3 * rng.normal(size=(8, N_TIMES, n_units))
            for n_units in (4, 6, 5)
        )
        xy, yz, xz = measure.score(X, Y), measure.score(Y, Z), measure.score(X, Z)
        slack.append(xy.value + yz.value - xz.value)
        slack.append(xy.value + xz.value - yz.value)
        slack.append(yz.value + xz.value - xy.value)
    assert min(slack) > -1e-9
    assert measure.score(Y, X).value == pytest.approx(xy.value, abs=1e-7)


@each(MEASURES)
def test_units_that_say_nothing_change_nothing(measure):
    X, Y = populations(measure)
    silent = np.concatenate([X, np.zeros((*X.shape[:-1], 3))], -1)
    if getattr(measure, "noise", "none") == "diagonal":
        with pytest.raises(ValueError, match="3 units are the same in all splits"):
            value(measure, silent, Y)
    elif measure in (Crossnobis(), CrossTemporalDecoding(), RSA(dissimilarity="correlation")):
        assert value(measure, silent, Y) != value(
            measure, X, Y
        )  # the mean over units, or over variances, knows them
    else:
        assert value(measure, silent, Y) == pytest.approx(value(measure, X, Y), abs=1e-7)


@each(MEASURES)
def test_integers_and_single_precision_are_computed_in_double(measure):
    X, Y = (np.round(10 * side) for side in populations(measure))
    exact = value(measure, X, Y)
    assert isinstance(exact, float)
    assert value(measure, X.astype(np.float32), Y.astype(np.int64)) == exact


@each(MEASURES)
def test_inputs_are_left_alone(measure):
    X, Y = populations(measure)
    copies = X.copy(), Y.copy()
    value(measure, X, Y)
    np.testing.assert_array_equal(X, copies[0])
    np.testing.assert_array_equal(Y, copies[1])


# what each is, by another way


def rows(X):
    return X.reshape(-1, X.shape[-1])


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


def distances(measure, X):
    return _distances(measure._parts(X))


def test_crossnobis_distances_are_products_of_different_splits():
    X, _ = populations(Crossnobis())
    measure = Crossnobis(noise="none")
    flat = X.reshape(3, -1, X.shape[-1])
    n = flat.shape[1]
    expected = [
        np.mean([
            (a[i] - a[j]) @ (b[i] - b[j]) for p, a in enumerate(flat) for q, b in enumerate(flat) if p != q
        ])
        for i in range(0, n, 40)
        for j in range(i + 1, n)
    ]
    square = np.zeros((n, n))
    square[np.triu_indices(n, 1)] = distances(measure, X)
    np.testing.assert_allclose(
        [square[i, j] for i in range(0, n, 40) for j in range(i + 1, n)], expected, atol=1e-9
    )


@pytest.mark.parametrize("comparison", ["pearson", "spearman", "cosine"])
@pytest.mark.parametrize("patterns", ["state", "condition"])
def test_crossnobis_compares_the_list_of_its_distances(comparison, patterns):
    measure = Crossnobis(comparison=comparison, patterns=patterns)
    X, Y = populations(measure)
    expected = compare_rdms(distances(measure, X), distances(measure, Y), comparison)
    assert measure.score(X, Y).value == pytest.approx(expected, abs=1e-9)


def test_crossnobis_weighs_by_the_noise():
    rng = np.random.default_rng(9)
    clean, spread = rng.normal(size=(40, 1, 4)), np.array([0.1, 0.5, 1.0, 2.0])
    X = clean + spread * rng.normal(size=(200, 40, 1, 4))
    expected = pdist(rows(clean / spread), "sqeuclidean")
    for noise in ("diagonal", "shrunk"):
        found = distances(Crossnobis(noise=noise), X)
        assert pearsonr(found, expected)[0] > 0.99
        assert found.sum() == pytest.approx(expected.sum(), rel=0.1)
    assert pearsonr(distances(Crossnobis(noise="none"), X), expected)[0] < 0.9


def test_noise_inflates_distances_but_not_crossnobis_distances():
    rng = np.random.default_rng(10)
    same = rng.normal(size=(60, 2, 6, 1, 5))  # nothing but noise: all conditions are alike
    crossed = np.mean([distances(Crossnobis(noise="none"), X).mean() for X in same])
    plain = np.mean([pdist(rows(X.mean(0)), "sqeuclidean").mean() for X in same])
    assert plain == pytest.approx(5.0, rel=0.1)
    assert abs(crossed) < 0.25


@pytest.mark.parametrize("times", ["all", "same"])
@pytest.mark.parametrize("comparison", ["cosine", "pearson"])
def test_margins_are_those_of_decoders_trained_on_one_split_and_tested_on_another(times, comparison):
    """The discriminant of scikit-learn between two conditions, for every pair of times and of splits."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    measure = CrossTemporalDecoding(times, "none", comparison)
    X, Y = (side[:, :5, :3] for side in populations(measure, n_model=3, n_brain=4))
    margins = []
    for Z in (X, Y):
        found = []
        identity = np.eye(Z.shape[-1])
        for i in range(5):
            for j in range(i):
                for s in range(3):
                    for t in range(3) if times == "all" else (s,):
                        said = []
                        for k in range(3):
                            lda = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Identity())
                            lda.fit(np.repeat(Z[k, (j, i), s], 2, 0), [0, 0, 1, 1])
                            np.testing.assert_allclose(lda.covariance_, identity)
                            for m in range(3):
                                if m != k:
                                    said.append(-np.diff(lda.decision_function(Z[m, (i, j), t])).item())
                        found.append(np.mean(said))
        margins.append(found)
    expected = compare_rdms(*map(np.array, margins), comparison)
    assert measure.score(X, Y).value == pytest.approx(expected, abs=1e-9)


class Identity:
    """A covariance that is known."""

    def fit(self, X):
        self.covariance_ = np.eye(X.shape[1])
        return self


def test_what_all_conditions_share_cannot_be_decoded():
    rng = np.random.default_rng(11)
    for measure in (CrossTemporalDecoding(), CrossTemporalDecoding("same", "diagonal")):
        X, Y = populations(measure)
        ramp = np.linspace(0, 20, N_TIMES)[:, None] * rng.normal(size=X.shape[-1])
        assert value(measure, X + ramp, Y) == pytest.approx(value(measure, X, Y), abs=1e-8)
    assert abs(value(Crossnobis(), X + ramp, Y) - value(Crossnobis(), X, Y)) > 0.1


def test_a_code_that_moves_and_one_that_stays_differ_between_times_only():
    rng = np.random.default_rng(12)
    level = rng.normal(size=(12, 1, 2))
    staying = level @ rng.normal(size=(2, 9)) * np.ones((6, 1))
    moving = np.stack([(level @ np.linalg.qr(rng.normal(size=(9, 2)))[0].T)[:, 0] for _ in range(6)], 1)
    moving_elsewhere = np.concatenate([moving[..., ::-1], 0 * moving], -1)
    noisy = [Z + 0.05 * rng.normal(size=(2, *Z.shape)) for Z in (staying, moving, moving_elsewhere)]
    same, every = (CrossTemporalDecoding(times, "none") for times in ("same", "all"))
    assert same.score(noisy[0], noisy[1]).value > 0.9
    assert every.score(noisy[0], noisy[1]).value < 0.7
    assert every.score(noisy[2], noisy[1]).value > 0.98


def test_noise_alone_decodes_nothing():
    rng = np.random.default_rng(13)
    values = [
        CrossTemporalDecoding(noise="none").score(*rng.normal(size=(2, 2, 8, 3, 5))).value for _ in range(200)
    ]
    assert abs(np.mean(values)) < 0.03


def test_a_population_without_noise_has_plain_distances():
    X, Y = populations(RSA())
    score = Crossnobis(comparison="pearson").score(np.stack([X, X]), np.stack([Y, Y])).value
    assert score == pytest.approx(RSA().score(X, Y).value, abs=1e-9)


def test_subspace_alignment_is_the_alignment_index_with_units_for_samples():
    import xarray as xr

    from neurornn.analysis.subspaces import alignment_index

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


def test_the_guide_lists_the_same_invariances():
    page = (Path(__file__).resolve().parents[1] / "docs" / "similarity.md").read_text()
    table = page.split("## What each is blind to")[1].split("None of them")[0]
    columns = [
        "unit permutation",
        "unit scale",
        "scale",
        "offset",
        "rotation",
        "invertible map",
        "time permutation",
    ]
    known = {type(measure).__name__: type(measure) for measure in MEASURES}
    checked = set()
    for line in table.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        calls = re.findall(r"`([^`]+)`", cells[0])
        if cells[0] == "the same with `alpha=0`":
            calls = ["Procrustes(alpha=0)", "HeldOutProcrustes(alpha=0)"]
        for call in calls:
            measure = eval(call if "(" in call else f"{call}()", dict(known))
            for column, cell in zip(columns, cells[1:], strict=True):
                sides = {"✓": {"model", "brain"}, "": set()}.get(cell, {cell})
                assert {side for side in ("model", "brain") if is_blind(measure, column, side)} == sides
            checked.add(type(measure).__name__)
    assert checked == set(known)
