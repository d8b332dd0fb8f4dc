"""Measures that multiply separate trials: what noise does to them, and the same by another way."""

import numpy as np
import pytest
from pairs import N_TIMES, populations, rows, value
from scipy.spatial.distance import pdist
from scipy.stats import pearsonr
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from neurornn.analysis.similarity import RSA, Crossnobis, CrossTemporalDecoding
from neurornn.analysis.similarity._crossnobis import _distances
from neurornn.analysis.similarity._rdm import compare_rdms


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
