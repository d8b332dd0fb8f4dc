"""Decoders trained in one bin and tested in all, and what their scores say."""

__all__ = ["chance_tests", "corrected_interval", "fold_scores", "seeded"]

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from neurornn.random import derive_seed

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator


def fold_scores(
    decoder: "BaseEstimator",
    train: tuple[NDArray[np.float64], NDArray[np.float64]],
    test: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    classes: int,
) -> NDArray[np.float64]:
    """Train at every time and test at every time.

    Trials that lack a unit at a time do not count at that time.

    Args:
        decoder: Estimator; it is cloned.
        train: Activity ``(trial, bin, unit)`` and targets.
        test: Likewise, of other trials.
        classes: Number of classes; 0 for a continuous target.

    Returns:
        Scores ``(train bin, test bin)``: balanced accuracy or R²; NaN where a class is missing or no two targets differ.
    """
    from sklearn.base import clone

    (X, y), (X_test, y_test) = train, test
    n_bins = X.shape[1]
    scores = np.full((n_bins, n_bins), np.nan)
    has, has_test = np.asarray(np.isfinite(X).all(2)), np.asarray(np.isfinite(X_test).all(2))
    rows, bins = np.nonzero(has_test)
    stacked, truth = X_test[has_test], y_test[rows]
    if not rows.size:
        return scores
    for k in range(n_bins):
        here = has[:, k]
        known = np.unique(y[here]).size
        if known < max(classes, 2):
            continue
        fitted = clone(decoder).fit(X[here, k], y[here])
        found = np.asarray(fitted.predict(stacked), dtype=np.float64)
        scores[k] = (
            _balanced_accuracy(found, truth, bins, n_bins, classes)
            if classes
            else _r2(found, truth, bins, n_bins)
        )
    return scores


def _balanced_accuracy(
    found: NDArray[np.float64], truth: NDArray[np.float64], bins: NDArray[np.intp], n_bins: int, classes: int
) -> NDArray[np.float64]:
    cell = bins * classes + truth.astype(np.intp)
    total = np.bincount(cell, minlength=n_bins * classes).reshape(n_bins, classes)
    right = np.bincount(cell, found == truth, n_bins * classes).reshape(n_bins, classes)
    recall = np.divide(right, total, out=np.full(total.shape, np.nan), where=total > 0)
    return np.asarray(recall.mean(1))


def _r2(
    found: NDArray[np.float64], truth: NDArray[np.float64], bins: NDArray[np.intp], n_bins: int
) -> NDArray[np.float64]:
    count = np.bincount(bins, minlength=n_bins)
    mean = np.bincount(bins, truth, n_bins) / np.maximum(count, 1)
    total = np.bincount(bins, (truth - mean[bins]) ** 2, n_bins)
    error = np.bincount(bins, (truth - found) ** 2, n_bins)
    share = np.divide(error, total, out=np.full(n_bins, np.nan), where=total > 0)
    return np.asarray(1.0 - share)


def corrected_interval(scores: NDArray[np.float64], n_folds: int, confidence: float) -> NDArray[np.float64]:
    r"""Interval of the mean over folds that knows that training sets overlap.

    .. math:: \bar s \pm t_{J-1} \sqrt{\Big(\frac1J + \frac{n_{test}}{n_{train}}\Big) \hat\sigma^2}

    over :math:`J` folds, those of all repeats.

    Args:
        scores: Scores ``(fold, ...)``.
        n_folds: Folds of one repeat: the test set is one part and the training set the other ``n_folds - 1``.
        confidence: Of the interval.

    Returns:
        Lower and upper ends in a last axis of length 2; NaN where a fold has no score.

    References:
        Inference for the generalization error (Nadeau & Bengio, 2003) https://doi.org/10.1023/A:1024068626366
    """
    J = len(scores)
    mean, variance = scores.mean(0), scores.var(0, ddof=1)
    half = stdtrit(J - 1, 0.5 + confidence / 2) * np.sqrt((1 / J + 1 / (n_folds - 1)) * variance)
    return np.stack([mean - half, mean + half], axis=-1)


def chance_tests(
    score: NDArray[np.float64], null: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How often permuted targets score as high at the same two times, and anywhere.

    Args:
        score: Scores ``(train bin, test bin)``.
        null: Those of permuted targets, ``(permutation, train bin, test bin)``.

    Returns:
        p values of each pair of times, and p values corrected for having looked at all of them (by the largest score of
        each permutation); NaN where there is no score.
    """
    n = len(null)
    slack = 1e-12
    alone = (1 + (null >= score - slack).sum(0)) / (1 + n)
    filled = np.where(np.isnan(null), -np.inf, null)
    largest = filled.reshape(n, -1).max(1)
    anywhere = (1 + (largest[:, None, None] >= score - slack).sum(0)) / (1 + n)
    missing = np.isnan(score)
    return np.where(missing, np.nan, alone), np.where(missing, np.nan, anywhere)


def seeded(decoder: "BaseEstimator", seed: int) -> "BaseEstimator":
    """A copy of a decoder that draws from the seed wherever it would draw from the global state.

    Args:
        decoder: Estimator.
        seed: Seed.

    Returns:
        The copy.
    """
    from sklearn.base import clone

    twin = clone(decoder)
    loose = {
        name: derive_seed(seed, "decoder", name) % 2**32
        for name, value in twin.get_params(deep=True).items()
        if name.rpartition("__")[2] == "random_state" and value is None
    }
    return twin.set_params(**loose)
