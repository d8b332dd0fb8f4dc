"""Analysis of variance of many units at once: design matrices and tests of their terms."""

__all__ = ["Fit", "design", "fit", "permuted_p"]

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from neurornn.random import counter_uniform, derive_seed

_NOTHING = 1e-20  # of the sum of squares: rounding
_BATCH = 2**23  # numbers of permuted bases held at a time

Term = tuple[str, ...]


class Fit(NamedTuple):
    """Sums of squares of each term and unit, and their tests.

    Attributes:
        squares: Sum of squares of each term beyond all others, ``(term, unit)``.
        residual: Residual sum of squares, ``(unit,)``.
        degrees: Degrees of freedom of each term.
        residual_degrees: Degrees of freedom of the residual.
        f: F statistics ``(term, unit)``.
        p: Their p values under normal noise.
        coefficient: Coefficients of terms of one column, NaN for others, ``(term, unit)``.
    """

    squares: NDArray[np.float64]
    residual: NDArray[np.float64]
    degrees: NDArray[np.intp]
    residual_degrees: int
    f: NDArray[np.float64]
    p: NDArray[np.float64]
    coefficient: NDArray[np.float64]


def design(
    values: Mapping[str, NDArray[Any]], terms: Sequence[Term], numeric: Sequence[str]
) -> list[NDArray[np.float64]]:
    """Columns of each term.

    A factor has one column for each level but the last, 1 at that level and -1 at the last, so that its effect is
    that on the mean over the levels of all others, each of equal weight. A numeric variable has one column, centred. An
    interaction has the products.

    Args:
        values: Variables, one value for each trial.
        terms: Names of the variables of each term.
        numeric: Variables that are numbers rather than factors.

    Returns:
        One matrix ``(trial, column)`` for each term; without columns where a variable does not vary.
    """
    columns: dict[str, NDArray[np.float64]] = {}
    for name, each in values.items():
        if name in numeric:
            centred = each.astype(np.float64) - each.astype(np.float64).mean()
            columns[name] = centred[:, None] if np.ptp(centred) > 0 else np.zeros((each.size, 0))
        else:
            levels, code = np.unique(each, return_inverse=True)
            contrasts = np.vstack([np.eye(levels.size - 1), -np.ones((1, levels.size - 1))])
            columns[name] = contrasts[code.reshape(-1)]
    n = len(next(iter(values.values())))
    out = []
    for term in terms:
        parts = [columns[name].T for name in term]
        made = [np.prod(each, axis=0) for each in product(*parts)]
        out.append(np.stack(made, 1) if made else np.zeros((n, 0)))
    return out


def fit(Y: NDArray[np.float64], columns: Sequence[NDArray[np.float64]]) -> Fit | None:
    """Least squares of all units on the same trials, and an F test of each term beyond all others.

    Args:
        Y: Activity ``(trial, unit)``.
        columns: Columns of each term; an intercept is added.

    Returns:
        The fit; None where the trials do not determine the terms or leave no degree of freedom.
    """
    X = np.concatenate([np.ones((len(Y), 1)), *columns], axis=1)
    n_left = len(Y) - X.shape[1]
    if n_left < 1 or any(each.shape[1] == 0 for each in columns) or np.linalg.matrix_rank(X) < X.shape[1]:
        return None
    beta = np.linalg.lstsq(X, Y, rcond=None)[0]
    total = ((Y - Y.mean(0)) ** 2).sum(0)
    nothing = np.maximum(_NOTHING * total, _NOTHING * (Y**2).sum(0) * 1e-10)
    residual = _cleaned(((Y - X @ beta) ** 2).sum(0), nothing)
    squares = np.stack([
        _cleaned(((own.T @ Y) ** 2).sum(0), nothing)
        for own, _ in (_bases(columns, t) for t in range(len(columns)))
    ])
    degrees: NDArray[np.intp] = np.array([each.shape[1] for each in columns], dtype=np.intp)
    with np.errstate(divide="ignore", invalid="ignore"):
        f = (squares / degrees[:, None]) / (residual / n_left)
    f = np.where(squares > 0, f, 0.0)
    f[:, total <= nothing] = np.nan  # a unit that does not vary
    first = np.cumsum([1, *degrees[:-1]])
    coefficient = np.where((degrees == 1)[:, None], beta[first], np.nan)
    return Fit(squares, residual, degrees, n_left, f, fdtrc(degrees[:, None], n_left, f), coefficient)


def permuted_p(
    Y: NDArray[np.float64],
    columns: Sequence[NDArray[np.float64]],
    fitted: Fit,
    trials: NDArray[np.intp],
    n_permutations: int,
    seed: int,
) -> NDArray[np.float64]:
    r"""P values of the F statistics among those of permuted residuals.

    For each term the residuals of the model without it are permuted among trials, added back to that model's fit, and
    tested like the data.

    Args:
        Y: Activity ``(trial, unit)``.
        columns: Columns of each term.
        fitted: The fit of the same.
        trials: Positions of the trials in the dataset, by which permutations are counted.
        n_permutations: Number of permutations.
        seed: Seed.

    Returns:
        p values ``(term, unit)``, :math:`(1 + \#\{F^* \ge F\}) / (1 + n)`; NaN where F is.

    References:
        A nonstochastic interpretation of reported significance levels (Freedman & Lane, 1983)
        https://doi.org/10.1080/07350015.1983.10509354
    """
    n, n_units = Y.shape
    out = np.full(fitted.f.shape, np.nan)
    key = derive_seed(seed, "permutation")
    for t, degrees in enumerate(fitted.degrees):
        own, rest = _bases(columns, t)
        e = Y - rest @ (rest.T @ Y)
        whole = (e**2).sum(0)
        basis = np.concatenate([own, rest], axis=1)
        above = np.zeros(n_units, dtype=np.int64)
        step = max(1, _BATCH // max(1, basis.size + basis.shape[1] * n_units))
        for begin in range(0, n_permutations, step):
            numbers = np.arange(begin, min(n_permutations, begin + step), dtype=np.uint64)
            counter = (numbers[:, None] << np.uint64(32)) + trials.astype(np.uint64)
            order = counter_uniform(key, counter).argsort(1)
            stacked = basis[order].transpose(0, 2, 1)  # permuting the basis permutes the residuals
            power = (stacked.reshape(-1, n) @ e).reshape(numbers.size, -1, n_units) ** 2
            squares = power[:, :degrees].sum(1)
            left = np.maximum(whole - power.sum(1), 0.0)
            # F* >= F, without dividing by what may be 0
            above += (
                squares * fitted.residual * (1 + 1e-9) + 1e-12 * whole**2 >= fitted.squares[t] * left
            ).sum(0)
        out[t] = np.where(np.isnan(fitted.f[t]), np.nan, (1 + above) / (1 + n_permutations))
    return out


def _bases(columns: Sequence[NDArray[np.float64]], t: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Orthonormal bases of what one term adds to all others, and of the others with the intercept."""
    n = len(columns[0])
    others = [np.ones((n, 1)), *(each for k, each in enumerate(columns) if k != t)]
    rest = np.linalg.qr(np.concatenate(others, axis=1))[0]
    own = columns[t] - rest @ (rest.T @ columns[t])
    return np.linalg.qr(own - rest @ (rest.T @ own))[0], rest


def _cleaned(squares: NDArray[np.float64], nothing: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(squares <= nothing, 0.0, squares)
