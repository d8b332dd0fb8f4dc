r"""A Gaussian whose mean and variance both grow with time, by maximum likelihood, many data sets at once.

.. math:: e_i \sim \mathcal N\big(x_i^\top \beta,\; v_0 + 2 D T_i\big), \qquad v_0 \ge 0,\; D \ge 0

by turns: weighted least squares for :math:`\beta` given the variances, and for :math:`(v_0, D)` the scoring step,
which is least squares of the squared residuals weighted by one over the squared variance, kept at or above 0. Each row
of weights is a data set of its own, such as a bootstrap replicate.
"""

__all__ = ["GrowthFit", "binned", "fit_growth", "harmonics"]

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_N_ITERATIONS = 200
_TOLERANCE = 1e-7  # relative change of the variances
_MOST_POINTS, _N_BINS = 12, 8


class GrowthFit(NamedTuple):
    """What the fits found, one row for each.

    Attributes:
        beta: Coefficients of the mean, ``(fit, coefficient)``.
        initial: Variance at time 0, ``(fit,)``.
        diffusion: Half the growth of the variance, ``(fit,)``.
        log_likelihood: Weighted sum over observations, ``(fit,)``.
        converged: Whether the variances stopped changing, ``(fit,)``.
    """

    beta: NDArray[np.float64]
    initial: NDArray[np.float64]
    diffusion: NDArray[np.float64]
    log_likelihood: NDArray[np.float64]
    converged: NDArray[np.bool_]


def fit_growth(
    error: NDArray[np.float64],
    time: NDArray[np.float64],
    design: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> GrowthFit:
    """Fit every row of weights.

    Args:
        error: Observations, ``(observation,)``.
        time: Time each took, ``(observation,)``.
        design: Regressors of the mean, ``(observation, coefficient)``.
        weight: How often each observation counts, ``(fit, observation)``.

    Returns:
        The fits.
    """
    n_fits, p = len(weight), design.shape[1]
    outer = (design[:, :, None] * design[:, None, :]).reshape(len(design), p * p)
    floor = 1e-9 * max(float(error.var()), 1e-12)
    grow = 2 * time
    variance = np.full(weight.shape, max(float(error.var()), floor))
    theta = np.stack([variance[:, 0], np.zeros(n_fits)], axis=1)
    beta = np.zeros((n_fits, p))
    converged = np.zeros(n_fits, dtype=bool)
    for _ in range(_N_ITERATIONS):
        (rows,) = np.nonzero(~converged)
        if not rows.size:
            break
        w = weight[rows]
        scaled = w / variance[rows]
        moment = (scaled @ outer).reshape(rows.size, p, p) + 1e-12 * np.eye(p) * scaled.sum(1)[:, None, None]
        beta[rows] = np.linalg.solve(moment, (scaled @ (design * error[:, None]))[..., None])[..., 0]
        squared = (error - beta[rows] @ design.T) ** 2
        found = _line(squared, grow, w / variance[rows] ** 2)
        change = np.abs(found - theta[rows]) @ np.array([1.0, grow.mean()])
        converged[rows] = change < _TOLERANCE * (found @ np.array([1.0, grow.mean()]) + floor)
        theta[rows] = found
        variance[rows] = np.maximum(found[:, :1] + found[:, 1:] * grow, floor)
    squared = (error - beta @ design.T) ** 2
    log_likelihood = -0.5 * (weight * (np.log(2 * np.pi * variance) + squared / variance)).sum(1)
    return GrowthFit(beta, theta[:, 0], theta[:, 1], log_likelihood, converged)


def harmonics(theta: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """1, cos, sin, cos 2, sin 2, ... of angles.

    Args:
        theta: Angles in degrees, ``(angle,)``.
        n: Number of harmonics.

    Returns:
        Columns ``(angle, 1 + 2 n)``.
    """
    phase = np.deg2rad(theta)[:, None] * np.arange(1, n + 1)
    pairs = np.stack([np.cos(phase), np.sin(phase)], axis=2).reshape(theta.size, 2 * n)
    return np.column_stack([np.ones(theta.size), pairs])


def binned(time: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Times at which something is shown, and the one each observation belongs to.

    Args:
        time: Times, ``(observation,)``.

    Returns:
        The times that occur, or the means of eight equally filled bins if they are more than twelve; and for each
        observation the number of its own.
    """
    values, place = np.unique(time, return_inverse=True)
    if values.size <= _MOST_POINTS:
        return values, place.reshape(-1)
    edges = np.quantile(time, np.arange(1, _N_BINS) / _N_BINS)
    _, place = np.unique(np.digitize(time, edges), return_inverse=True)
    return np.bincount(place, weights=time) / np.bincount(place), place


def _line(y: NDArray[np.float64], x: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted least squares of ``y`` on a line in ``x`` with intercept and slope of at least 0, ``(fit, 2)``."""
    s0, sx, sxx = weight.sum(1), weight @ x, weight @ x**2
    sy, sxy = (weight * y).sum(1), (weight * y) @ x
    determinant = np.maximum(s0 * sxx - sx**2, 1e-300)
    intercept = (sxx * sy - sx * sxy) / determinant
    slope = (s0 * sxy - sx * sy) / determinant
    through = np.maximum(sxy / np.maximum(sxx, 1e-300), 0.0)  # intercept at 0
    flat = np.maximum(sy / np.maximum(s0, 1e-300), 0.0)  # slope at 0
    intercept, slope = (
        np.where(slope < 0, flat, np.where(intercept < 0, 0.0, intercept)),
        np.where(slope < 0, 0.0, np.where(intercept < 0, through, slope)),
    )
    return np.stack([intercept, slope], axis=1)
