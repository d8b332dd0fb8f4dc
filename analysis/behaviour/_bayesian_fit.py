r"""The likelihood of the Bayesian least-squares observer of intervals, and its fit."""

__all__ = ["TimingFit", "estimates", "fit_timing"]

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_N_NODES, _N_PRIOR, _REACH = 61, 32, 4.0
_QUADRATURE = np.linspace(-_REACH, _REACH, _N_NODES)
_WEIGHTS = np.exp(-0.5 * _QUADRATURE**2)
_WEIGHTS /= _WEIGHTS.sum()
_DEVIANCE = 3.841458820694124  # 95 % quantile of chi-squared with one degree of freedom
_SMALLEST = 0.005  # of a Weber fraction: below it the measurement is exact for the quadrature
_LARGEST = 1.0
_N_NEWTON, _N_PROFILE = 60, 8


class TimingFit(NamedTuple):
    """What the fit found.

    Attributes:
        theta: Weber fraction of measuring and of producing, and offset in ms.
        interval: Ends of the profile-likelihood interval of each, ``(parameter, 2)``.
        log_likelihood: Of the data at the maximum.
        at_bound: Whether a Weber fraction lies at the smallest or largest value considered.
        converged: Whether the search ended at a maximum.
    """

    theta: NDArray[np.float64]
    interval: NDArray[np.float64]
    log_likelihood: float
    at_bound: NDArray[np.bool_]
    converged: bool


class _Data(NamedTuple):
    samples: NDArray[np.float64]  # distinct sample intervals
    member: NDArray[np.intp]  # which of them each trial has
    made: NDArray[np.float64]
    gain: NDArray[np.float64]
    low: float
    high: float
    known: dict[float, NDArray[np.float64]]  # estimates at the measurements of each sample, by w_m


def estimates(measured: NDArray[np.float64], w_m: float, low: float, high: float) -> NDArray[np.float64]:
    r"""The mean of the posterior of an interval, given its noisy measurement and a uniform prior.

    Args:
        measured: Measurements in ms, any shape.
        w_m: Weber fraction of the measurement.
        low: Shortest interval of the prior in ms.
        high: Longest interval of the prior.

    Returns:
        Estimates in ms, same shape.
    """
    if not high > low:
        return np.full(np.shape(measured), low)
    node, weight = np.polynomial.legendre.leggauss(_N_PRIOR)
    # the likelihood of an interval is narrow where w_m is small: nodes follow it inside the prior
    x = np.asarray(measured, dtype=np.float64)[..., None]
    centre = np.clip(x[..., 0] / (1.0 + w_m**2), low, high)
    reach = 6.0 * w_m * centre
    a, b = np.maximum(centre - reach, low)[..., None], np.minimum(centre + reach, high)[..., None]
    t = 0.5 * (a + b) + 0.5 * (b - a) * node
    log_p = -0.5 * ((x - t) / (w_m * t)) ** 2 - np.log(t)
    p = weight * np.exp(log_p - log_p.max(axis=-1, keepdims=True))
    return np.asarray((p * t).sum(axis=-1) / p.sum(axis=-1))


def fit_timing(
    sample: NDArray[np.float64],
    produced: NDArray[np.float64],
    gain: NDArray[np.float64],
    *,
    prior: tuple[float, float],
) -> TimingFit:
    """Maximum likelihood by damped Newton steps in the logarithms of the Weber fractions and the offset.

    Args:
        sample: Sample intervals in ms.
        produced: Produced intervals in ms.
        gain: Ratio of the interval to produce to the sample interval.
        prior: Shortest and longest interval of the prior in ms.

    Returns:
        The fit.
    """
    samples, member = np.unique(sample, return_inverse=True)
    data = _Data(samples, member, produced, gain, *prior, {})
    scale = float(sample.mean())
    cv = max(float(np.std(produced / (gain * sample))), 0.02)
    best: NDArray[np.float64] | None = None
    lowest = np.inf
    starts = [
        np.array([np.log(share * cv), np.log(other * cv), 0.0])
        for share, other in ((0.7, 0.7), (1.2, 0.5), (0.3, 1.0))
    ]
    start = min(starts, key=lambda each: _cost(each, data, scale))
    best, lowest, hessian, converged = _newton(start, data, scale)
    theta = _natural(best, scale)
    ends = np.array([_profile(k, best, lowest, hessian, data, scale) for k in range(3)])
    for k in range(2):
        ends[k] = np.exp(ends[k])
    ends[2] *= scale
    weber = theta[:2]
    at_bound = np.append((weber < _SMALLEST * 1.01) | (weber > _LARGEST * 0.99), False)
    return TimingFit(theta, ends, -lowest, at_bound, converged)


def _natural(z: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    return np.array([np.exp(z[0]), np.exp(z[1]), z[2] * scale])


def _cost(z: NDArray[np.float64], data: _Data, scale: float) -> float:
    """Negative log-likelihood."""
    w_m, w_p, offset = _natural(z, scale)
    if w_m not in data.known:
        measured = data.samples[:, None] * (1.0 + w_m * _QUADRATURE)
        data.known[w_m] = estimates(measured, w_m, data.low, data.high)
    t_e = data.known[w_m]
    weights = _WEIGHTS / t_e
    with np.errstate(divide="ignore"):
        made = (data.made - offset) / data.gain
        z_p = made[:, None] / t_e[data.member]
        z_p -= 1.0
        z_p *= z_p
        z_p *= -0.5 / w_p**2
        top = z_p.max(axis=1)
        z_p -= top[:, None]
        density = np.einsum("ij,ij->i", np.exp(z_p, out=z_p), weights[data.member])
        log_p = top + np.log(density)
    n = len(top)
    return float(-log_p.sum() + np.log(data.gain).sum() + n * (np.log(w_p) + 0.5 * np.log(2 * np.pi)))


def _clip(z: NDArray[np.float64]) -> NDArray[np.float64]:
    low = np.array([np.log(_SMALLEST), np.log(_SMALLEST), -1.0])
    high = np.array([np.log(_LARGEST), np.log(_LARGEST), 1.0])
    return np.asarray(np.clip(z, low, high))


def _derivatives(
    z: NDArray[np.float64], data: _Data, scale: float, free: list[int], value: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gradient and Hessian over the free parameters by central differences."""
    step = np.array([2e-3, 2e-3, 2e-4])
    n = len(free)
    gradient, hessian = np.zeros(n), np.zeros((n, n))
    move = [np.eye(3)[k] * step[k] for k in free]
    ahead = [_cost(z + each, data, scale) for each in move]
    behind = [_cost(z - each, data, scale) for each in move]
    for i in range(n):
        h = step[free[i]]
        gradient[i] = (ahead[i] - behind[i]) / (2 * h)
        hessian[i, i] = (ahead[i] - 2 * value + behind[i]) / h**2
        for j in range(i):
            both = _cost(z + move[i] + move[j], data, scale)
            mixed = both - ahead[i] - ahead[j] + value
            hessian[i, j] = hessian[j, i] = mixed / (h * step[free[j]])
    return gradient, hessian


def _newton(
    z: NDArray[np.float64], data: _Data, scale: float
) -> tuple[NDArray[np.float64], float, NDArray[np.float64], bool]:
    """The minimum of the cost, its value and the Hessian there."""
    value, free = _cost(z, data, scale), [0, 1, 2]
    hessian = np.eye(3)
    for _ in range(_N_NEWTON):
        gradient, hessian = _derivatives(z, data, scale, free, value)
        blocked = (_clip(z - 1e-6 * np.sign(gradient)) == z) & (gradient != 0)
        gradient = np.where(blocked, 0.0, gradient)
        curve, vectors = np.linalg.eigh(hessian)
        safe = np.maximum(np.abs(curve), 1e-3 * np.abs(curve).max() + 1e-6)
        step = -(vectors @ ((vectors.T @ gradient) / safe))
        step *= min(1.0, 0.7 / max(np.abs(step[:2]).max(), 1e-12))
        if np.abs(gradient @ step) < 1e-7:
            return z, value, hessian, True
        for _halving in range(12):
            trial = _clip(z + step)
            found = _cost(trial, data, scale)
            if found < value:
                break
            step = 0.4 * step
        else:
            return z, value, hessian, True  # at the limit of rounding
        z, value = trial, found
    return z, value, hessian, False


def _profile(
    k: int,
    best: NDArray[np.float64],
    lowest: float,
    hessian: NDArray[np.float64],
    data: _Data,
    scale: float,
) -> NDArray[np.float64]:
    """Where the deviance, minimised over the other parameters, reaches its 95 % quantile on either side."""
    others = [j for j in range(3) if j != k]
    block = hessian[np.ix_(others, others)]
    curve, vectors = np.linalg.eigh(block)
    inverse = vectors @ np.diag(1.0 / np.maximum(curve, 1e-3 * np.abs(curve).max() + 1e-6)) @ vectors.T
    slide = -inverse @ hessian[others, k]  # how the others move with this one
    stiffness = max(float(hessian[k, k] + hessian[k, others] @ slide), 1e-6)
    half = np.sqrt(_DEVIANCE / stiffness)
    bounds = _clip(np.array([-np.inf, -np.inf, -np.inf])), _clip(np.array([np.inf, np.inf, np.inf]))
    ends = []
    for side in (-1.0, 1.0):
        limit = bounds[0][k] if side < 0 else bounds[1][k]
        size, found, previous = min(half, 0.7), np.nan, (0.0, 0.0)
        for _ in range(_N_PROFILE):
            at = best[k] + side * size
            past = (at - limit) * side >= 0
            at = limit if past else at
            trial = best.copy()
            trial[others] = best[others] + slide * (at - best[k])
            trial[k] = at
            _, deviance = _settle(_clip(trial), others, inverse, lowest, data, scale)
            root = np.sqrt(max(deviance, 1e-12))
            if past and deviance < _DEVIANCE:
                found = at
                break
            found = at
            if abs(root - np.sqrt(_DEVIANCE)) < 0.03:
                break
            size_now = abs(at - best[k])
            rate = (root - previous[1]) / max(size_now - previous[0], 1e-9)
            rate = rate if rate > 0.1 * root / max(size_now, 1e-9) else root / max(size_now, 1e-9)
            previous = (size_now, root)
            size = float(
                np.clip(size_now + (np.sqrt(_DEVIANCE) - root) / rate, 0.2 * size_now, 2.0 * size_now)
            )
        ends.append(found)
    return np.array(ends)


def _settle(
    z: NDArray[np.float64],
    others: list[int],
    inverse: NDArray[np.float64],
    lowest: float,
    data: _Data,
    scale: float,
) -> tuple[NDArray[np.float64], float]:
    """The other parameters at their best, by a few quasi-Newton steps, and the deviance there."""
    value = _cost(z, data, scale)
    step_size = np.array([2e-3, 2e-3, 2e-4])
    for _ in range(3):
        gradient = np.array([
            (_cost(z + np.eye(3)[j] * step_size[j], data, scale) - value) / step_size[j] for j in others
        ])
        step = -inverse @ gradient
        gain = 0.5 * float(gradient @ -step)
        if gain < 0.01:
            break
        trial = z.copy()
        trial[others] += step
        trial = _clip(trial)
        found = _cost(trial, data, scale)
        if found >= value:
            trial = z.copy()
            trial[others] += 0.3 * step
            trial = _clip(trial)
            found = _cost(trial, data, scale)
            if found >= value:
                break
        z, value = trial, found
    return z, 2.0 * (value - lowest)
