r"""Maximum likelihood for binomial data with lapses, many data sets at once.

.. math:: p = \gamma + (1 - \gamma - \lambda)\, F(X \beta), \qquad
    -\log L = -\sum_l k_l \log p_l + (n_l - k_l) \log(1 - p_l) + \tfrac12 \sum_j \rho_j \beta_j^2

by projected, Levenberg-damped steps inside a box. The curvature is the part of the Hessian that holds first
derivatives, :math:`\sum_l (k_l/p_l^2 + (n_l - k_l)/(1 - p_l)^2)\, \nabla p_l \nabla p_l^\top`: never negative, and
unlike the expected information it does not explode where a lapse rate nears 0 at a level without errors. Where a steep
curve between many levels lets the coefficients move little, every second step is one of the lapse rates alone, in which
the likelihood is concave. Every row
of a batch is its own problem: the starts of one fit, or the replicates of a bootstrap, run side by side in whole
arrays.
"""

__all__ = ["BinomialFit", "fit_binomial", "probabilities"]

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

_TINY = 1e-100
_N_ITERATIONS = 300
_GRADIENT = 1e-9  # of the mean log-likelihood, parameters being of order one
_EVERY, _STILL = 30, 1e-7  # steps after which the log-likelihood must have risen by so much


class Sigmoid(Protocol):
    """A distribution function on the line with its complement and its density."""

    def cdf(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Distribution function."""

    def sf(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """One minus the distribution function, exact in the upper tail."""

    def pdf(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Density."""


class BinomialFit(NamedTuple):
    """What the fits found, one row for each.

    Attributes:
        theta: Coefficients of the design, then the lower and the upper lapse rate, ``(fit, parameter)``.
        log_likelihood: Sum over trials, without the penalty, ``(fit,)``.
        objective: Negative log-likelihood with the penalty, ``(fit,)``.
        converged: Whether the projected gradient vanished, or the log-likelihood did not rise any more, ``(fit,)``.
    """

    theta: NDArray[np.float64]
    log_likelihood: NDArray[np.float64]
    objective: NDArray[np.float64]
    converged: NDArray[np.bool_]

    def best(self) -> "BinomialFit":
        """The fit with the lowest objective, still as a batch of one."""
        k = slice(best := int(self.objective.argmin()), best + 1)
        return BinomialFit(self.theta[k], self.log_likelihood[k], self.objective[k], self.converged[k])


def fit_binomial(
    design: NDArray[np.float64],
    chosen: NDArray[np.float64],
    total: NDArray[np.float64],
    *,
    sigmoid: Sigmoid,
    start: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    ridge: NDArray[np.float64] | None = None,
) -> BinomialFit:
    """Fit every row of a batch.

    Args:
        design: Regressors of each level, of order one, ``(level, coefficient)``.
        chosen: Successes, ``(fit, level)``.
        total: Trials, ``(fit, level)``.
        sigmoid: The function F.
        start: Where each fit starts, ``(fit, parameter)``.
        lower: Lower bounds, ``(parameter,)``; equal to the upper bound for a fixed parameter.
        upper: Upper bounds, ``(parameter,)``.
        ridge: Penalty of each coefficient, ``(coefficient,)``; none if None.

    Returns:
        The fits, in the order of the starts.
    """
    theta = np.clip(start, lower, upper).astype(np.float64)
    chosen, total = (np.broadcast_to(counts, (len(theta), len(design))) for counts in (chosen, total))
    penalty = np.zeros(theta.shape[1])
    if ridge is not None:
        penalty[: len(ridge)] = ridge
    value, gradient, curvature = _objective(theta, design, chosen, total, sigmoid, penalty)
    damping = np.full(len(theta), 1e-3)
    scale = np.maximum(total.sum(1), 1.0)
    converged = np.zeros(len(theta), dtype=bool)
    last = value.copy()
    is_lapse = np.arange(theta.shape[1]) >= theta.shape[1] - 2
    for iteration in range(1, 1 + _N_ITERATIONS):
        blocked = ((theta <= lower) & (gradient > 0)) | ((theta >= upper) & (gradient < 0))
        slope = np.where(blocked | (lower == upper), 0.0, gradient)
        converged |= np.abs(slope).max(1) < _GRADIENT * scale
        (rows,) = np.nonzero(~converged)
        if not rows.size:
            break
        alone = (damping[rows] > 1.0) & (
            iteration % 2 == 0
        )  # only the lapse rates, whatever holds up the others
        free = (slope[rows] != 0) & (is_lapse | ~alone[:, None])
        step = _damped_step(slope[rows] * free, curvature[rows], free, np.where(alone, 0.0, damping[rows]))
        trial = np.clip(theta[rows] + step, lower, upper)
        found = _objective(trial, design, chosen[rows], total[rows], sigmoid, penalty)
        better = found[0] < value[rows]
        won = rows[better]
        theta[won] = trial[better]
        value[won], gradient[won], curvature[won] = (part[better] for part in found)
        changed = np.where(better, damping[rows] / 5, damping[rows] * 6)
        damping[rows] = np.clip(np.where(alone, damping[rows], changed), 1e-9, None)
        converged[rows] |= damping[rows] > 1e9  # no direction improves any more: at the limit of rounding
        if (
            iteration % _EVERY == 0
        ):  # a step has no steepest slope: ever steeper curves are ever so little better
            converged |= last - value < _STILL
            last = value.copy()
    log_likelihood = 0.5 * (penalty * theta**2).sum(1) - value
    return BinomialFit(theta, log_likelihood, value, converged)


def probabilities(
    theta: NDArray[np.float64], design: NDArray[np.float64], sigmoid: Sigmoid
) -> NDArray[np.float64]:
    """Probability of a success at each level, ``(fit, level)``."""
    low, high = theta[:, -2, None], theta[:, -1, None]
    return low + (1 - low - high) * sigmoid.cdf(theta[:, :-2] @ design.T)


def _objective(
    theta: NDArray[np.float64],
    design: NDArray[np.float64],
    chosen: NDArray[np.float64],
    total: NDArray[np.float64],
    sigmoid: Sigmoid,
    penalty: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Penalised negative log-likelihood, its gradient and its curvature."""
    eta = theta[:, :-2] @ design.T
    low, high = theta[:, -2, None], theta[:, -1, None]
    span = 1 - low - high
    F, S = sigmoid.cdf(eta), sigmoid.sf(eta)
    p, q = np.maximum(low + span * F, _TINY), np.maximum(high + span * S, _TINY)
    value = -(chosen * np.log(p) + (total - chosen) * np.log(q)).sum(1) + 0.5 * (penalty * theta**2).sum(1)
    along = span * sigmoid.pdf(eta)
    parts = [*(along * column for column in design.T), S, -F]
    sensitivity = np.stack(parts, axis=1)  # dp / dtheta, (fit, parameter, level)
    score = chosen / p - (total - chosen) / q
    gradient = penalty * theta - (sensitivity @ score[..., None])[..., 0]
    # k / p^2 and (n - k) / q^2, through square roots, which do not overflow
    weight = np.hypot(np.sqrt(chosen) / p, np.sqrt(total - chosen) / q)
    sensitivity *= weight[:, None]
    curvature = sensitivity @ sensitivity.transpose(0, 2, 1) + np.diag(penalty)
    return value, gradient, curvature


def _damped_step(
    slope: NDArray[np.float64],
    curvature: NDArray[np.float64],
    free: NDArray[np.bool_],
    damping: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Newton step over the free parameters, the others held."""
    n = slope.shape[1]
    held = ~(free[:, :, None] & free[:, None, :])
    matrix = np.where(held, 0.0, curvature)
    diagonal = np.maximum(matrix[:, np.arange(n), np.arange(n)], 1e-12)
    matrix[:, np.arange(n), np.arange(n)] = np.where(free, diagonal * (1 + damping[:, None]), 1.0)
    return -np.linalg.solve(matrix, slope[..., None])[..., 0]
