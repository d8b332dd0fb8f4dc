"""Means, spreads and intervals of scores of which some are missing."""

__all__ = [
    "mean",
    "median",
    "median_interval",
    "p_value",
    "pooled_deviation",
    "quantiles",
    "student_interval",
]

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from neurornn.random import uniform_array

_N_MEDIANS = 1000  # bootstrap samples of scores per neuron, which cost nothing


def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the last axis of what exists."""
    known = np.isfinite(values)
    count = known.sum(-1)
    out = np.full(count.shape, np.nan)
    np.divide(np.where(known, values, 0.0).sum(-1), count, out=out, where=count > 0)
    return out


def median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median over the last axis of what exists."""
    flat = values.reshape(-1, values.shape[-1])
    found = [np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.nan for row in flat]
    return np.array(found).reshape(values.shape[:-1])


def median_interval(values: NDArray[np.float64], tails: NDArray[np.float64], key: int) -> NDArray[np.float64]:
    """Percentile interval of the median of what exists, entries drawn again with replacement; NaN of fewer than two."""
    known = values[np.isfinite(values)]
    if known.size < 2:
        return np.full(2, np.nan)
    rows = (uniform_array(key, _N_MEDIANS, known.size) * known.size).astype(np.intp)
    return np.asarray(np.quantile(np.median(known[rows], axis=1), tails))


def pooled_deviation(spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation over the last axis, pooled over the first."""
    known = np.isfinite(spread)
    count = known.sum(-1)
    centre = mean(spread)[..., None]
    squares = np.where(known, (spread - centre) ** 2, 0.0).sum((0, -1))
    freedom = np.maximum(count - 1, 0).sum(0)
    out = np.full(freedom.shape, np.nan)
    np.divide(squares, freedom, out=out, where=freedom > 0)
    return np.sqrt(out)


def student_interval(values: NDArray[np.float64], confidence: float) -> NDArray[np.float64]:
    """Student's interval of the mean of what exists; NaN of fewer than two."""
    known = values[np.isfinite(values)]
    if known.size < 2:
        return np.full(2, np.nan)
    half = student.ppf((1 + confidence) / 2, known.size - 1) * known.std(ddof=1) / np.sqrt(known.size)
    return known.mean() + np.array([-half, half])


def quantiles(values: NDArray[np.float64], tails: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantiles of what exists."""
    known = values[np.isfinite(values)]
    return np.asarray(np.quantile(known, tails)) if known.size else np.full(2, np.nan)


def p_value(score: float, null: NDArray[np.float64], is_distance: bool) -> float:
    """Share of the null that is as good as a score, which counts as one of them."""
    known = null[np.isfinite(null)]
    if not known.size or not np.isfinite(score):
        return float("nan")
    as_good = known <= score if is_distance else known >= score
    return float((1 + as_good.sum()) / (1 + known.size))
