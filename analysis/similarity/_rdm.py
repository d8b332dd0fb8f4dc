"""Dissimilarities between patterns as vectors of pairs, and how two such vectors compare."""

__all__ = ["Comparison", "compare_rdms", "pairs", "patterns_of", "squared_distances"]

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
                raise ValueError(
                    "All pairs of patterns are equally dissimilar in one population, so no correlation is defined. "
                    "Use comparison='cosine'."
                )
        a, b = a - a.mean(), b - b.mean()
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    if size == 0:
        raise ValueError("All patterns of one population are the same.")
    return float(a @ b) / size


def _rounded(a: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without the rounding errors that would break ties, for ranks."""
    scale = float(np.abs(a).max()) or 1.0
    return np.round(a / scale, 12)
