r"""Logistic regression with a small ridge, and its bootstrap, in whole arrays.

.. math:: \log \frac{p}{1-p} = X \beta, \qquad
    -\log L = -\sum_l k_l \log p_l + (n_l - k_l) \log(1-p_l) + \tfrac12 \sum_j \rho_j \beta_j^2

where :math:`n_l` trials share a row :math:`l` of the design and :math:`k_l` of them have the positive choice. All bootstrap
replicates take their Newton steps side by side. The problem is convex: a step that does not improve is halved.
"""

__all__ = ["LogisticFit", "column_intervals", "fit_logistic"]

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from neurornn.analysis.behaviour._choices import percentile_interval

_N_STEPS = 100
_GRADIENT = 1e-7  # of the mean log-likelihood, coefficients being of order one


class LogisticFit(NamedTuple):
    """A regression and its bootstrap replicates.

    Attributes:
        coefficients: ``(1 + replicate, column)``, the fit first; NaN for a column that does not vary.
        log_likelihood: Sum over trials, without the penalty.
        converged: Whether the gradient of the fit vanished.
        separated: Whether the columns predict every choice, so that only the ridge limits the coefficients.
        n_bootstrap_failed: Replicates that did not converge or drew one choice only; their coefficients are NaN.
    """

    coefficients: NDArray[np.float64]
    log_likelihood: float
    converged: bool
    separated: bool
    n_bootstrap_failed: int


def fit_logistic(
    X: NDArray[np.float64],
    positive: NDArray[np.bool_],
    *,
    intercept: bool,
    ridge: float,
    n_bootstrap: int,
    seed: int,
) -> LogisticFit:
    """Regress a choice on columns and bootstrap over trials.

    Args:
        X: Columns, ``(trial, column)``.
        positive: Choice of each trial.
        intercept: Whether to fit a bias, which is then the first coefficient; it is not penalised.
        ridge: Penalty on the square of a coefficient times the root mean square of its column.
        n_bootstrap: Number of replicates.
        seed: Their seed.

    Returns:
        The fit.

    Raises:
        ValueError: If there are no trials, or no column varies.
    """
    if not len(X):
        raise ValueError("No trial has a choice and its evidence.")
    varies = np.ptp(X, axis=0) > 0
    if not varies.any():
        raise ValueError("The evidence is the same in all trials, so no weight can be fitted.")
    columns = X[:, varies]
    middle = columns.mean(axis=0) if intercept else np.zeros(columns.shape[1])
    spread = np.sqrt(np.square(columns - middle).mean(axis=0))
    design = (columns - middle) / spread
    penalty = np.full(design.shape[1], float(ridge))
    if intercept:
        design = np.column_stack([np.ones(len(design)), design])
        penalty = np.concatenate([[0.0], penalty])
    full = np.full((1 + n_bootstrap, X.shape[1] + intercept), np.nan)
    if positive.all() or not positive.any():
        return LogisticFit(full, 0.0, True, True, n_bootstrap)
    levels, level = np.unique(design, axis=0, return_inverse=True)
    n = np.bincount(level.reshape(-1)).astype(np.float64)
    k = np.bincount(level.reshape(-1), weights=positive).astype(np.float64)
    theta, value, converged = _newton(levels, k[None], n[None], penalty, np.zeros((1, len(penalty))))
    eta = levels @ theta[0]
    separated = bool((k == np.where(eta > 0, n, 0.0)).all())
    cells = np.concatenate([k, n - k])  # resampling trials is resampling these counts
    drawn = np.random.default_rng(seed).multinomial(len(X), cells / len(X), n_bootstrap).astype(np.float64)
    again_k, again_n = drawn[:, : k.size], drawn[:, : k.size] + drawn[:, k.size :]
    again, _, well = _newton(levels, again_k, again_n, penalty, np.repeat(theta, n_bootstrap, axis=0))
    total = again_k.sum(axis=1)
    well &= (total > 0) & (total < len(X))
    again[~well] = np.nan
    theta = np.concatenate([theta, again])
    kept = np.concatenate([np.ones(int(intercept), dtype=bool), varies])
    slopes = theta[:, int(intercept) :] / spread
    full[:, kept] = np.column_stack([theta[:, 0] - slopes @ middle, slopes]) if intercept else slopes
    log_likelihood = float(0.5 * (penalty * theta[0] ** 2).sum() - value[0])
    return LogisticFit(full, log_likelihood, bool(converged[0]), separated, int((~well).sum()))


def column_intervals(replicates: NDArray[np.float64]) -> NDArray[np.float64]:
    """95 % percentile interval of each column, so that one that is NaN takes no other with it.

    Args:
        replicates: Coefficients, ``(replicate, column)``.

    Returns:
        Low and high ends, ``(column, 2)``.
    """
    return np.stack([percentile_interval(column) for column in replicates.T])


def _newton(
    X: NDArray[np.float64],
    k: NDArray[np.float64],
    n: NDArray[np.float64],
    penalty: NDArray[np.float64],
    start: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Coefficients, objective and convergence of each row of ``k`` and ``n``."""
    p = X.shape[1]
    upper = np.triu_indices(p)
    products = X[:, upper[0]] * X[:, upper[1]]  # the curvature of all replicates is one matrix product
    theta = start.copy()
    value = _objective(theta, X, k, n, penalty)
    converged = np.zeros(len(theta), dtype=bool)
    rows = np.arange(len(theta))
    for _ in range(_N_STEPS):
        probability = expit(theta[rows] @ X.T)
        gradient = (n[rows] * probability - k[rows]) @ X + penalty * theta[rows]
        done = np.abs(gradient).max(axis=1) < _GRADIENT * n[rows].sum(axis=1)
        converged[rows[done]] = True
        rows, gradient, probability = rows[~done], gradient[~done], probability[~done]
        if not rows.size:
            break
        hessian = np.zeros((rows.size, p, p))
        hessian[:, upper[0], upper[1]] = (n[rows] * probability * (1 - probability)) @ products
        hessian = hessian + np.triu(hessian, 1).transpose(0, 2, 1)
        hessian[:, np.arange(p), np.arange(p)] += penalty + 1e-12 * n.sum(axis=1).max()
        step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
        size = np.ones(rows.size)
        waiting = np.ones(rows.size, dtype=bool)
        while waiting.any() and size.min() > 1e-10:
            trial = theta[rows[waiting]] - size[waiting, None] * step[waiting]
            found = _objective(trial, X, k[rows[waiting]], n[rows[waiting]], penalty)
            better = found <= value[rows[waiting]] + 1e-9
            moved = rows[waiting][better]
            theta[moved], value[moved] = trial[better], found[better]
            left = np.flatnonzero(waiting)
            waiting[left[better]] = False
            size[left[~better]] *= 0.5
        if waiting.all():
            break
    return theta, value, converged


def _objective(
    theta: NDArray[np.float64],
    X: NDArray[np.float64],
    k: NDArray[np.float64],
    n: NDArray[np.float64],
    penalty: NDArray[np.float64],
) -> NDArray[np.float64]:
    eta = theta @ X.T
    loss = n * np.logaddexp(0.0, eta) - k * eta
    return loss.sum(axis=1) + 0.5 * (penalty * theta**2).sum(axis=1)
