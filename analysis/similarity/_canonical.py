r"""Canonical correlations on held-out conditions, shared by the measures that use them."""

__all__ = ["canonical_axes", "held_out_correlation"]

import numpy as np
from numpy.typing import NDArray

from neurornn.analysis.similarity._base import Folds
from neurornn.analysis.similarity._samples import fold_samples, mean_correlation, principal

Decomposition = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def canonical_axes(
    X: Decomposition, Y: Decomposition, ridge: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pairs of canonical axes ``(unit, pair)``, the best correlated first.

    Args:
        X: Singular value decomposition of the centred samples of the one side.
        Y: That of the other.
        ridge: Variance added to every unit, as a fraction of the total variance of its side.

    Returns:
        The axes of both sides, as many as the lower of the two ranks.
    """
    (U_x, s_x, V_x), (U_y, s_y, V_y) = X, Y
    size_x = np.sqrt(s_x**2 + ridge * (s_x**2).sum())
    size_y = np.sqrt(s_y**2 + ridge * (s_y**2).sum())
    left, _, right = np.linalg.svd(((U_x * (s_x / size_x)).T @ U_y) * (s_y / size_y), full_matrices=False)
    return (V_x / size_x) @ left, (V_y / size_y) @ right.T


def held_out_correlation(
    X: NDArray[np.float64],
    Y: NDArray[np.float64],
    folds: Folds,
    *,
    name: str,
    ridge: float = 0.0,
    n_components: int | None = None,
    variance: float = 1.0,
) -> float:
    """Mean over folds and pairs of the correlation between canonical projections of held-out conditions.

    Args:
        X: Model ``(condition, time, unit)``.
        Y: Brain.
        folds: Training and test conditions.
        name: Name of the measure, for errors.
        ridge: Penalty, in fractions of the total variance.
        n_components: Most principal components kept on either side; None keeps all.
        variance: Fraction of the variance the kept components reach at least, if that takes fewer.

    Returns:
        The mean correlation.

    Raises:
        ValueError: If a fold has too few samples.
    """
    values = []
    for k, (train, test) in enumerate(folds):
        if len(test) * X.shape[1] < 3:
            raise ValueError(
                f"Fold {k} holds out {len(test) * X.shape[1]} samples (conditions x times) and a correlation needs at least 3. "
                "Use fewer folds."
            )
        (rows_x, test_x), (rows_y, test_y) = fold_samples(X, train, test), fold_samples(Y, train, test)
        kept_x = _leading(principal(rows_x), n_components, variance)
        kept_y = _leading(principal(rows_y), n_components, variance)
        rank_x, rank_y = kept_x[1].size, kept_y[1].size
        if not rank_x or not rank_y:
            raise ValueError(f"One side does not vary over the training conditions of fold {k}.")
        if ridge == 0 and len(rows_x) <= rank_x + rank_y:
            raise ValueError(
                f"'{name}' needs more training samples (conditions x times) than the dimensions of both sides together: fold {k} "
                f"has {len(rows_x)} samples for {rank_x} + {rank_y} dimensions, and any two populations would correlate there. "
                "Use SVCCA with fewer components, CCA with a ridge, or more conditions."
            )
        axes_x, axes_y = canonical_axes(kept_x, kept_y, ridge)
        values.append(mean_correlation(test_x @ axes_x, test_y @ axes_y))
    return float(np.mean(values))


def _leading(side: Decomposition, n_components: int | None, variance: float) -> Decomposition:
    U, s, V = side
    keep = s.size if n_components is None else min(n_components, s.size)
    if variance < 1 and s.size:
        share = np.cumsum(s**2) / (s**2).sum()
        keep = min(keep, int(np.searchsorted(share, variance - 1e-12)) + 1)
    return U[:, :keep], s[:keep], V[:, :keep]
