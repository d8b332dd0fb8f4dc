"""Conditions and times as samples: the small linear algebra the measures share."""

__all__ = ["as_samples", "centred", "fold_samples", "mean_correlation", "pooled_correlation", "principal"]

import numpy as np
from numpy.typing import NDArray


def as_samples(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Every condition at every time as a row ``(sample, unit)``."""
    return X.reshape(-1, X.shape[-1])


def centred(X: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows ``(sample, unit)`` about the mean of each unit."""
    rows = as_samples(X)
    return rows - rows.mean(0)


def fold_samples(
    X: NDArray[np.float64], train: NDArray[np.intp], test: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Training and test rows, both about the mean of the training rows."""
    rows, held_out = as_samples(X[train]), as_samples(X[test])
    mean = rows.mean(0)
    return rows - mean, held_out - mean


def principal(
    rows: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Singular value decomposition of centred rows without the directions along which they do not vary.

    Args:
        rows: Centred samples ``(sample, unit)``.

    Returns:
        ``U (sample, rank)``, ``s (rank,)`` and ``V (unit, rank)``.
    """
    U, s, Vh = np.linalg.svd(rows, full_matrices=False)
    rank = int((s > s[0] * max(rows.shape) * 1e-14).sum()) if s.size and s[0] > 0 else 0
    return (
        np.asarray(U[:, :rank], dtype=np.float64),
        np.asarray(s[:rank], dtype=np.float64),
        np.asarray(Vh[:rank].T, dtype=np.float64),
    )


def pooled_correlation(A: NDArray[np.float64], B: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of each column of one array with the same column of another; NaN where a column is constant."""
    a, b = A - A.mean(0), B - B.mean(0)
    size = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    out: NDArray[np.float64] = np.full(size.shape, np.nan)
    np.divide((a * b).sum(0), size, out=out, where=size > 0)
    return out


def mean_correlation(A: NDArray[np.float64], B: NDArray[np.float64]) -> float:
    """Mean over columns of their correlations; a column that is constant on either side counts as 0."""
    return float(np.nan_to_num(pooled_correlation(A, B)).mean())
