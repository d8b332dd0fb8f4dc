"""Dissimilarities between patterns as vectors of pairs, and how two such vectors compare."""

__all__ = ["Comparison", "compare_rdms", "compare_squared", "pairs", "patterns_of", "squared_distances"]

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Comparison = Literal["pearson", "spearman", "cosine"]
Patterns = Literal["state", "condition"]


def patterns_of(X: NDArray[np.float64], patterns: Patterns) -> NDArray[np.float64]:
    """Patterns as rows: every condition at every time, or the whole time course of every condition."""
    return X.reshape(-1, X.shape[-1]) if patterns == "state" else X.reshape(len(X), -1)


def squared_distances(A: NDArray[np.float64]) -> NDArray[np.float64]:
    """Squared distances between all pairs of rows."""
    product = A @ A.T
    own = np.diagonal(product)
    return own[:, None] + own - 2 * product


def pairs(square: NDArray[np.float64]) -> NDArray[np.float64]:
    """The upper triangle without the diagonal, row by row."""
    return np.asarray(square[np.triu_indices(len(square), 1)], dtype=np.float64)


def compare_rdms(a: NDArray[np.float64], b: NDArray[np.float64], comparison: Comparison) -> float:
    """Pearson or Spearman correlation, or the cosine, of two vectors of dissimilarities.

    Args:
        a: Dissimilarities of pairs.
        b: Those of the same pairs in the other population.
        comparison: How to compare.

    Returns:
        A number between -1 and 1.

    Raises:
        ValueError: If there are fewer than 3 pairs, or one side has the same dissimilarity for all of them.
    """
    if a.size < 3:
        raise ValueError(f"Dissimilarities need at least 3 patterns to be compared: got {a.size} pairs.")
    if comparison == "spearman":
        a, b = rankdata(_rounded(a)), rankdata(_rounded(b))
    if comparison != "cosine":
        for each in (a, b):
            if np.ptp(each) <= 1e-12 * np.abs(each).max():
                raise ValueError(_CONSTANT)
        a, b = a - a.mean(), b - b.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    if size == 0:
        raise ValueError("All patterns of one population are the same.")
    return float(a @ b) / size


def compare_squared(
    a: Sequence[tuple[float, NDArray[np.float64]]],
    b: Sequence[tuple[float, NDArray[np.float64]]],
    comparison: Literal["pearson", "cosine"],
) -> float:
    r"""The same for weighted sums of squared distances, without ever making a list of pairs.

    With centred rows :math:`x_i, y_i`, of squared lengths :math:`o_i, q_i`,

    .. math:: \sum_{i<j} \|x_i - x_j\|^2 \|y_i - y_j\|^2
       = n \sum_i o_i q_i + \sum_i o_i \sum_i q_i + 2 \|X^\top Y\|_F^2

    Args:
        a: Weights and patterns ``(pattern, unit)``: the dissimilarities are the weighted sum of their squared distances.
        b: Those of the other population.
        comparison: How to compare.

    Returns:
        A number between -1 and 1.

    Raises:
        ValueError: If there are fewer than 3 patterns, or one side has the same dissimilarity for all pairs.
    """
    n = len(a[0][1])
    n_pairs = n * (n - 1) // 2
    if n < 3:
        raise ValueError(f"Dissimilarities need at least 3 patterns to be compared: got {n_pairs} pairs.")
    a, b = ([(weight, rows - rows.mean(0)) for weight, rows in side] for side in (a, b))
    between, within_a, within_b = _product(a, b), _product(a, a), _product(b, b)
    if within_a <= 0 or within_b <= 0:
        raise ValueError("All patterns of one population are the same.")
    if comparison == "pearson":
        mean_a, mean_b = (
            n * sum(w * float((rows**2).sum()) for w, rows in side) / n_pairs for side in (a, b)
        )
        for within, mean in ((within_a, mean_a), (within_b, mean_b)):
            if within - n_pairs * mean**2 <= 1e-12 * within:
                raise ValueError(_CONSTANT)
        between -= n_pairs * mean_a * mean_b
        within_a -= n_pairs * mean_a**2
        within_b -= n_pairs * mean_b**2
    return between / (within_a * within_b) ** 0.5


_CONSTANT = "All pairs of patterns are equally dissimilar in one population, so no correlation is defined. Use comparison='cosine'."


def _product(
    a: Sequence[tuple[float, NDArray[np.float64]]], b: Sequence[tuple[float, NDArray[np.float64]]]
) -> float:
    total = 0.0
    for weight_a, x in a:
        for weight_b, y in b:
            o, q = (x**2).sum(1), (y**2).sum(1)
            one = len(x) * float(o @ q) + float(o.sum() * q.sum()) + 2 * float(((x.T @ y) ** 2).sum())
            total += weight_a * weight_b * one
    return total


def _rounded(a: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without the rounding errors that would break ties, for ranks."""
    scale = float(np.abs(a).max()) or 1.0
    return np.round(a / scale, 12)
