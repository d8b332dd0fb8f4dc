r"""Mixture of a target, non-targets and guesses on the circle, by expectation-maximisation, many data sets at once.

Every row of weights is a data set of its own, such as a bootstrap replicate; all rows run side by side.
"""

__all__ = ["MOST_KAPPA", "MixtureFit", "fit_mixture"]

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0e, i1e

MOST_KAPPA = 1e5  # a standard deviation of 0.18 degrees
_LEAST_KAPPA = 1e-3
_TOLERANCE = 1e-7  # of the mean log-likelihood
_N_NEWTON = 3


class MixtureFit(NamedTuple):
    """What the fits found, one row for each.

    Attributes:
        kappa: Concentration of target and non-targets, ``(fit,)``.
        weights: Probabilities of target, non-target and guess, ``(fit, 3)``.
        log_likelihood: Weighted sum over observations, of angles in radians, ``(fit,)``.
        converged: Whether the likelihood stopped rising, ``(fit,)``.
    """

    kappa: NDArray[np.float64]
    weights: NDArray[np.float64]
    log_likelihood: NDArray[np.float64]
    converged: NDArray[np.bool_]


def fit_mixture(
    cosines: NDArray[np.float64],
    share: NDArray[np.float64],
    weight: NDArray[np.float64],
    kappa: NDArray[np.float64],
    weights: NDArray[np.float64],
    *,
    n_iterations: int,
) -> MixtureFit:
    """Fit every row of weights.

    Args:
        cosines: Cosine of the distance from the response to the target and to each non-target,
            ``(observation, 1 + non-target)``.
        share: How the non-target probability is split, ``(observation, non-target)``: rows that sum to 1, or to 0.
        weight: How often each observation counts, ``(fit, observation)``.
        kappa: Where each fit starts.
        weights: Where each fit starts; what is 0 stays 0.
        n_iterations: Iterations at most.

    Returns:
        The fits.
    """
    kappa, weights = kappa.astype(np.float64).copy(), weights.astype(np.float64).copy()
    total = weight.sum(1)
    last = np.full(len(weight), -np.inf)
    converged = np.zeros(len(weight), dtype=bool)
    part = np.concatenate([np.ones((len(cosines), 1)), share], axis=1)
    for _ in range(n_iterations):
        (rows,) = np.nonzero(~converged)
        if not rows.size:
            break
        w = weight[rows]
        near, density = _densities(cosines, part, kappa[rows], weights[rows])
        log_likelihood = (w * np.log(density)).sum(1)
        converged[rows] = log_likelihood - last[rows] < _TOLERANCE * total[rows]
        last[rows] = log_likelihood
        posterior = near * (w / density)[..., None]
        mass = posterior.sum(1)  # (fit, 1 + non-target)
        target, others = mass[:, 0], mass[:, 1:].sum(1)
        length = np.einsum("rnk,nk->r", posterior, cosines) / np.maximum(target + others, 1e-300)
        kappa[rows] = _concentration(length, kappa[rows])
        shares = np.stack([target, others], axis=1) / total[rows, None]
        weights[rows, :2] = shares
        weights[rows, 2] = np.where(weights[rows, 2] > 0, np.maximum(1 - shares.sum(1), 0.0), 0.0)
    _, density = _densities(cosines, part, kappa, weights)
    return MixtureFit(kappa, weights, (weight * np.log(density)).sum(1), converged)


def _densities(
    cosines: NDArray[np.float64],
    part: NDArray[np.float64],
    kappa: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Density of target and non-targets ``(fit, observation, component)``, and of the mixture."""
    height = weights[:, :1] / (2 * np.pi * i0e(kappa))[:, None]
    swap = weights[:, 1:2] / (2 * np.pi * i0e(kappa))[:, None]
    near = np.exp(kappa[:, None, None] * (cosines - 1.0)) * part
    near[..., :1] *= height[..., None]
    near[..., 1:] *= swap[..., None]
    return near, np.maximum(near.sum(2) + weights[:, 2:] / (2 * np.pi), 1e-300)


def _concentration(length: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Concentration with a given mean resultant length, by Newton's method from an approximation."""
    r = np.clip(length, 0.0, 1 - 1e-12)
    kappa = np.clip(r * (2 - r**2) / (1 - r**2), _LEAST_KAPPA, MOST_KAPPA)
    for _ in range(_N_NEWTON):
        a = i1e(kappa) / i0e(kappa)
        slope = np.maximum(1 - a / kappa - a**2, 1e-300)
        kappa = np.clip(kappa - (a - r) / slope, kappa / 2, 2 * kappa)
        kappa = np.clip(kappa, _LEAST_KAPPA, MOST_KAPPA)
    return np.where(np.isfinite(kappa), kappa, start)
