"""What measures between populations refuse, and how they say it."""

import numpy as np
import pytest

from neurornn.analysis.similarity import (
    CCA,
    RSA,
    SVCCA,
    Crossnobis,
    CrossTemporalDecoding,
    DynamicalSimilarity,
    HeldOutProcrustes,
    LinearCKA,
    LinearPredictivity,
    Procrustes,
    Scores,
    SubspaceAlignment,
    condition_folds,
)

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(10, 4, 5)), RNG.normal(size=(10, 4, 6))
FOLDS = condition_folds(10)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[0], Y, r"\(condition, time, unit\): X, the model, has shape \(4, 5\)"),
        (X, Y[:0], r"Y, the brain, has shape \(0, 4, 6\)"),
        (X[:9], Y, "the same conditions: got 9 in the model and 10 in the brain"),
        (X, Y[:, :3], "the same times: got 4 in the model and 3 in the brain"),
        (np.where(X > 2, np.nan, X), Y, "X, the model, has [0-9]+ values that are missing or not finite"),
        (X, np.where(Y > 2, np.inf, Y), "Y, the brain, has [0-9]+ values that are missing or not finite"),
        (X, np.ones_like(Y), "Y, the brain, does not vary"),
    ],
)
def test_arrays_that_do_not_fit(x, y, message):
    with pytest.raises(ValueError, match=message):
        LinearCKA().score(x, y)


def test_splits():
    splits_x, splits_y = RNG.normal(size=(2, 10, 4, 5)), RNG.normal(size=(3, 10, 4, 6))
    assert np.isfinite(Crossnobis().score(splits_x, splits_y).value)  # as many splits as there are
    with pytest.raises(ValueError, match=r"\(split, condition, time, unit\): X"):
        Crossnobis().score(X, Y)
    with pytest.raises(ValueError, match="at least 2 independent splits: Y, the brain, has 1"):
        Crossnobis().score(splits_x, splits_y[:1])
    with pytest.raises(ValueError, match="the same conditions: got 10 in the model and 9"):
        Crossnobis().score(splits_x, splits_y[:, :9])
    with pytest.raises(ValueError, match="the same times: got 4 in the model and 3"):
        Crossnobis().score(splits_x, splits_y[:, :, :3])


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        (None, "is fitted, so it needs folds"),
        ([], "folds is empty"),
        ([(np.arange(5), np.arange(4, 10))], "Fold 0 has conditions both for training and for test: 4"),
        ([(np.arange(5), np.arange(5, 11))], "Fold 0 has test conditions from 5 to 10, and there are 10"),
        ([(np.arange(5), np.array([-1]))], "from -1 to -1"),
        ([(np.array([1, 1, 2]), np.array([3]))], "Fold 0 names a training condition twice"),
        ([(np.arange(5), np.arange(0))], "Fold 0 needs the indices of its test conditions"),
        (
            [(np.ones(10, bool), np.arange(5))],
            "Fold 0 needs the indices of its training conditions: got bool",
        ),
    ],
)
def test_folds_that_do_not_hold_out(folds, message):
    with pytest.raises(ValueError, match=message):
        LinearPredictivity().score(X, Y, folds)


def test_folds_where_nothing_is_fitted():
    with pytest.raises(ValueError, match="'RSA' is not fitted across conditions and takes no folds"):
        RSA().score(X, Y, FOLDS)


def test_condition_folds_hold_out_each_condition_once():
    folds = condition_folds(11, n_folds=4, seed=3)
    assert sorted(int(k) for _, test in folds for k in test) == list(range(11))
    for train, test in folds:
        assert sorted([*train, *test]) == list(range(11))
    assert {len(test) for _, test in folds} == {2, 3}
    first, again, other = (condition_folds(11, n_folds=4, seed=s)[0][1].tolist() for s in (3, 3, 4))
    assert first == again != other
    for n_folds in (1, 12):
        with pytest.raises(ValueError, match="between 2 and the 11 conditions"):
            condition_folds(11, n_folds=n_folds)


@pytest.mark.parametrize(
    ("measure", "message"),
    [
        (lambda: LinearPredictivity(alphas=()), "alphas must be positive"),
        (lambda: LinearPredictivity(alphas=(0.0,)), "alphas must be positive"),
        (lambda: LinearPredictivity(metric="mse"), "metric is 'r2' or 'correlation': got 'mse'"),
        (lambda: CCA(ridge=-1.0), "ridge must be 0 or more: got -1"),
        (lambda: SVCCA(n_components=0), "n_components must be at least 1: got 0"),
        (lambda: SVCCA(variance=0.0), r"variance must lie in \(0, 1\]: got 0"),
        (lambda: Procrustes(alpha=1.5), r"alpha must lie in \[0, 1\]: got 1.5"),
        (lambda: HeldOutProcrustes(alpha=-0.5), r"alpha must lie in \[0, 1\]: got -0.5"),
        (lambda: RSA(comparison="kendall"), "comparison must be one of .*: got 'kendall'"),
        (lambda: RSA(dissimilarity="cosine"), "dissimilarity must be one of"),
        (lambda: Crossnobis(noise="full"), "noise must be one of .*: got 'full'"),
        (lambda: CrossTemporalDecoding("late"), "times must be one of .*: got 'late'"),
        (lambda: CrossTemporalDecoding(noise="full"), "noise must be one of .*: got 'full'"),
        (lambda: CrossTemporalDecoding(comparison="spearman"), "comparison must be one of"),
        (lambda: SubspaceAlignment(n_components=0), "n_components must be at least 1"),
        (lambda: DynamicalSimilarity(rank=0), "rank must be at least 1: got 0"),
        (lambda: DynamicalSimilarity(metric="wasserstein"), "metric is 'angular' or 'euclidean'"),
    ],
)
def test_parameters_that_mean_nothing(measure, message):
    with pytest.raises(ValueError, match=message):
        measure()


@pytest.mark.parametrize(
    ("measure", "x", "y", "message"),
    [
        (
            CCA(),
            X[:, :1],
            Y[:, :1],
            "'CCA' needs more training samples .* fold 0 has 7 samples for 5 \\+ 6 dimensions",
        ),
        (SVCCA(), X[:, :1], Y[:, :1], "'SVCCA' needs more training samples"),
        (HeldOutProcrustes(alpha=0.0), X[:, :1], Y[:, :1], "fold 0 has 7 for 5 \\+ 6"),
        (CCA(ridge=0.1), X[:, :1], Y[:, :1], "Fold 1 holds out 2 samples .* at least 3"),
        (LinearPredictivity(metric="correlation"), X[:, :1], Y[:, :1], "Fold 1 holds out 2 samples"),
    ],
)
def test_too_few_samples_to_fit(measure, x, y, message):
    three_held_out, two_held_out = (np.arange(7), np.arange(7, 10)), (np.arange(8), np.arange(8, 10))
    with pytest.raises(ValueError, match=message):
        measure.score(x, y, [three_held_out, two_held_out])


@pytest.mark.parametrize(
    ("measure", "x", "y", "message"),
    [
        (Procrustes(alpha=0.0), X[:, :1], Y[:, :1], "got 10 samples for 5 \\+ 6 dimensions"),
        (LinearCKA(debiased=True), X[:3, :1], Y[:3, :1], "at least 4 samples .*: got 3"),
        (RSA(), X[:2, :1], Y[:2, :1], "at least 3 patterns to be compared: got 1 pairs"),
        (RSA("correlation"), X[:, :, :1], Y, "40 of 40 patterns are the same in all units"),
        (SubspaceAlignment(), X, Y, "n_components=10 courses were asked for and the model varies along 5"),
        (SubspaceAlignment(4), X[:5, :1], Y[:5, :1], "4 courses span the whole space of 5 samples"),
        (DynamicalSimilarity(), X, Y, "10 conditions of 4 times give 0 pairs"),
        (DynamicalSimilarity(n_delays=1), X, Y, "rank=10 coordinates were asked for and .* along 5"),
        (DynamicalSimilarity(n_delays=2, rank=5, step=3), X, Y, "give 0 pairs .* 2 delays and step 3"),
        (DynamicalSimilarity(n_delays=1, rank=5), X[:2], Y[:2], "give 6 pairs .* more than 6"),
    ],
)
def test_too_few_samples_or_dimensions(measure, x, y, message):
    with pytest.raises(ValueError, match=message):
        measure.score(x, y)


def test_one_training_condition_leaves_none_to_choose_the_penalty_by():
    with pytest.raises(ValueError, match="Fold 0 trains on 1 condition"):
        LinearPredictivity().score(X, Y, [(np.array([0]), np.array([1, 2]))])


def test_equal_dissimilarities_have_no_correlation_but_a_cosine():
    corners = np.eye(4)[:, None]
    with pytest.raises(ValueError, match="equally dissimilar in one population"):
        RSA().score(corners, RNG.normal(size=(4, 1, 3)))
    assert RSA(comparison="cosine").score(corners, 5 * corners[:, :, ::-1]).value == pytest.approx(1)


def test_decoding_needs_three_conditions_that_differ():
    pairs = np.random.default_rng(0).normal(size=(2, 2, 4, 3, 5))
    with pytest.raises(ValueError, match="needs 3 of them: got 2"):
        CrossTemporalDecoding().score(*pairs[:, :, :2])
    alike = np.broadcast_to(np.linspace(0, 1, 3)[:, None], pairs[0].shape)
    with pytest.raises(ValueError, match="No two conditions of one population differ"):
        CrossTemporalDecoding().score(alike, pairs[1])
    equal = np.broadcast_to(np.eye(4)[:, None], (2, 4, 3, 4))
    with pytest.raises(ValueError, match="All margins of one population are equal"):
        CrossTemporalDecoding(comparison="pearson").score(equal, pairs[1])


def test_copied_units_need_no_covariance_of_full_rank():
    splits = RNG.normal(size=(2, 10, 4, 3))
    copied = np.concatenate([splits, splits], -1)
    assert np.isfinite(Crossnobis().score(copied, splits).value)  # shrinking keeps it invertible


def test_a_brain_that_is_constant_when_held_out():
    flat = np.concatenate([Y[:8], np.zeros((2, 4, 6))])
    flat[8:] = flat[:8].mean((0, 1))
    fold = [(np.arange(8), np.array([8, 9]))]
    with pytest.raises(ValueError, match="No neuron of the brain varies"):
        LinearPredictivity(metric="correlation").score(X, flat, fold)


def test_a_value_is_verified_unless_its_bound_is_apart():
    assert Scores(0.3).verified
    assert Scores(0.3, None, 0.3 - 1e-8).verified
    assert not Scores(0.3, None, 0.29).verified
