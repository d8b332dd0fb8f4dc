r"""Accuracy against the duration of the stimulus: how long evidence is accumulated."""

__all__ = ["AccuracyByDuration", "accuracy_by_duration", "plot_accuracy_by_duration"]

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import chdtri, ndtr, xlog1py, xlogy
from typing_extensions import override

from neurornn.analysis._plotting import axes_or_new, colours, label, legend_beside, value_text
from neurornn.analysis.behaviour._choices import wilson_interval
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOG = logging.getLogger(__name__)
_EXPONENTS = (-1.0, 3.0)
_MOST_LAPSES = 0.4  # a guess in 40 % of the trials: 0.2 at either end of a psychometric curve
_SENSITIVITY = (-12.0, 12.0)  # of its logarithm, at the mean duration and strength
_SECOND = 1000.0  # ms


def accuracy_by_duration(
    ds: xr.Dataset,
    duration: str,
    strength: str,
    *,
    outcome: str = "performance",
    n_bins: int = 8,
) -> xr.Dataset:
    r"""Fraction correct for each strength of the stimulus in bins of its duration, and the law of its growth.

    .. math:: P(\text{correct}) = \frac{\lambda}{2} + (1 - \lambda)\,\Phi\big(k\, |c|\, (T / 1\,\mathrm{s})^{\beta}\big)

    where :math:`c` is the signed strength of the stimulus, :math:`T` its duration, :math:`k` the sensitivity, and
    :math:`\lambda` the rate of guesses, between 0 and 0.4. Perfect accumulation of independent noise gives an exponent
    :math:`\beta` of 1/2; less means a leak or a bound, 0 that time does not help. The fit is one of maximum likelihood
    to the trials as they are, those of strength 0 left out; the interval of the exponent is its profile
    likelihood. Where the data do not pin the exponent between -1 and 3, ``at_bound`` says so.

    Args:
        ds: Trials, simulated or recorded.
        duration: Name of the variable with the duration in ms.
        strength: Name of the variable with the signed strength.
        outcome: Name of a variable that is 1 or True in correct trials, 0 or False in others and NaN where there
            was nothing to get right.
        n_bins: Number of equally filled bins; durations that are fewer are each a bin.

    Returns:
        A dataset with ``accuracy``, ``accuracy_interval`` (Wilson) and ``n`` along ``strength`` and ``duration``, the
        mean of each bin; ``exponent`` with its ``_interval``, ``sensitivity``, ``lapse``, ``log_likelihood``,
        ``at_bound``, ``converged``, the curves ``fitted`` over ``curve``, ``n_trials`` and ``n_excluded``. If all
        trials are correct or all are wrong nothing is fitted, and the parameters are NaN.

    Raises:
        ValueError: If a variable is missing, outcomes are neither 0 nor 1, durations do not vary, or there is no
            stimulus.

    References:
        Bounded integration in parietal cortex underlies decisions even when viewing duration is dictated by the
        environment (Kiani, Hanks & Shadlen, 2008) https://doi.org/10.1523/JNEUROSCI.4761-07.2008

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> time, strength = rng.uniform(100.0, 1000.0, 8000), rng.choice([-0.4, -0.1, 0.1, 0.4], 8000)
        >>> evidence = 5.0 * np.abs(strength) * time / 1000 + np.sqrt(time / 1000) * rng.standard_normal(8000)
        >>> trials = {"time": ("trial", time), "c": ("trial", strength), "performance": ("trial", evidence > 0)}
        >>> round(float(accuracy_by_duration(xr.Dataset(trials), "time", "c").exponent), 1)
        0.5
    """
    for name in (duration, strength, outcome):
        if name not in ds.variables or ds[name].dims != ("trial",):
            raise ValueError(f"'{name}' is not a variable of the trials.")
    if n_bins < 2:
        raise ValueError(f"n_bins must be at least 2: got {n_bins}.")
    T = ds[duration].values.astype(np.float64)
    c = np.round(np.abs(ds[strength].values.astype(np.float64)), 12)
    right = ds[outcome].values.astype(np.float64)
    known = np.isfinite(T) & np.isfinite(c) & np.isfinite(right)
    if not np.isin(right[known], (0.0, 1.0)).all():
        raise ValueError(f"'{outcome}' must be 0 or 1 in each trial to be counted.")
    if (T[known] <= 0).any():
        raise ValueError(f"'{duration}' must be above 0 ms in each trial.")
    fitted = known & (c > 0)
    if not fitted.any() or np.unique(T[fitted]).size < 2:
        raise ValueError(f"A fit needs trials with a stimulus and at least two values of '{duration}'.")
    times, strengths, n, k = _cells(T[known], c[known], right[known], n_bins)
    fit = _fit(T[fitted], c[fitted], right[fitted])
    grid = np.linspace(T[known].min(), T[known].max(), 101)
    fraction = np.divide(k, n, out=np.full(k.shape, np.nan), where=n > 0)
    curve = _probability(np.array([fit["log_k"], fit["exponent"], fit["lapse"]]), grid, strengths[:, None])
    cell = ("strength", "duration")
    result = xr.Dataset(
        {
            "accuracy": (cell, fraction),
            "accuracy_interval": ((*cell, "interval"), wilson_interval(k, n)),
            "n": (cell, n.astype(np.int64)),
            "exponent": ((), fit["exponent"]),
            "exponent_interval": ("interval", [fit["low"], fit["high"]]),
            "sensitivity": ((), math.exp(fit["log_k"])),
            "lapse": ((), fit["lapse"]),
            "log_likelihood": ((), fit["log_likelihood"]),
            "at_bound": ((), bool(fit["at_bound"])),
            "converged": ((), bool(fit["converged"])),
            "fitted": (("strength", "curve"), curve),
            "n_trials": ((), int(fitted.sum())),
            "n_excluded": ((), int((~known).sum())),
        },
        coords={"strength": strengths, "duration": times, "curve": grid, "interval": ["low", "high"]},
    )
    units = str(ds[duration].attrs.get("units", "ms"))
    what = str(ds[strength].attrs.get("long_name", strength)).replace("_", " ")
    long = str(ds[duration].attrs.get("long_name", duration)).replace("_", " ")
    described = {
        "accuracy": ("fraction correct", "1"),
        "accuracy_interval": ("95 % interval of the fraction correct", "1"),
        "fitted": ("fraction correct", "1"),
        "exponent": ("exponent of time", "1"),
        "exponent_interval": ("95 % interval of the exponent of time", "1"),
        "sensitivity": ("sensitivity at 1 s, per unit of strength", "1"),
        "lapse": ("rate of guesses", "1"),
        "log_likelihood": ("log-likelihood", "1"),
        "strength": (f"|{what}|", str(ds[strength].attrs.get("units", "1"))),
        "duration": (f"duration of {long}", units),
        "curve": (f"duration of {long}", units),
        "n": ("trials", "1"),
    }
    for name, (long_name, unit) in described.items():
        result[name].attrs = {"long_name": long_name, "units": unit}
    return result.assign_attrs(
        provenance("neurornn.AccuracyByDuration/1") | {"interval": "profile likelihood, 95 %"}
    )


def plot_accuracy_by_duration(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Fraction correct against duration, a colour for each strength, with the fitted law as lines.

    Args:
        ds: Result of :func:`accuracy_by_duration`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    axes.axhline(0.5, color="0.85", linewidth=0.8, zorder=0)
    for j, colour in enumerate(colours(ds["strength"].values)):
        one = ds.isel(strength=j)
        p, ends = one["accuracy"].values, one["accuracy_interval"].values
        bars = np.nan_to_num(np.maximum(np.stack([p - ends[:, 0], ends[:, 1] - p]), 0.0))
        name = value_text(float(ds["strength"][j]))
        axes.errorbar(
            ds["duration"].values, p, bars, fmt="o", color=colour, markersize=4.5, elinewidth=1, label=name
        )
        axes.plot(ds["curve"].values, one["fitted"].values, color=colour, linewidth=1.4)
    axes.set(xlabel=label(ds["duration"]), ylabel=label(ds["accuracy"]), ylim=(None, 1.03))
    low, high = ds["exponent_interval"].values
    told = f"exponent {float(ds['exponent']):.2f}\n[{low:.2f}, {high:.2f}]\n\n{label(ds['strength'])}"
    legend_beside(axes, title=told)
    return axes


@dataclass(frozen=True)
class AccuracyByDuration(AbstractMeasure):
    """Fraction correct against the duration of the stimulus (:func:`accuracy_by_duration`).

    Attributes:
        duration: Condition with the duration in ms.
        strength: Condition with the signed strength of the stimulus.
    """

    duration: str
    strength: str

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return accuracy_by_duration(ds, self.duration, self.strength)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_accuracy_by_duration(result, ax=ax)


def _cells(
    T: NDArray[np.float64], c: NDArray[np.float64], right: NDArray[np.float64], n_bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Durations, strengths, number of trials and of correct ones."""
    values = np.unique(T)
    edges = (
        (values[1:] + values[:-1]) / 2
        if values.size <= n_bins
        else np.unique(np.quantile(T, np.arange(1, n_bins) / n_bins))
    )
    place = np.digitize(T, edges)
    filled, place = np.unique(place, return_inverse=True)
    strengths, row = np.unique(c, return_inverse=True)
    shape = (strengths.size, filled.size)
    flat = row * shape[1] + place
    n = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)
    k = np.bincount(flat, weights=right, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)
    times = np.bincount(place, weights=T) / np.bincount(place)
    return times, strengths, n, k


def _probability(
    theta: NDArray[np.float64], T: NDArray[np.float64], c: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Probability of a correct choice, of log sensitivity at 1 s, exponent and lapse rate."""
    log_k, exponent, lapse = theta
    return 0.5 * lapse + (1 - lapse) * ndtr(c * np.exp(log_k + exponent * np.log(T / _SECOND)))


def _fit(T: NDArray[np.float64], c: NDArray[np.float64], right: NDArray[np.float64]) -> dict[str, float]:
    """Parameters, the profile interval of the exponent, and what became of the fit."""
    if right.all() or not right.any():
        _LOG.warning(
            "All %d choices are %s: no exponent can be fitted.",
            right.size,
            "right" if right.all() else "wrong",
        )
        names = ("log_k", "exponent", "lapse", "low", "high")
        return dict.fromkeys(names, math.nan) | {"log_likelihood": 0.0, "at_bound": 1.0, "converged": 1.0}
    pairs, cell = np.unique(np.stack([T, c], axis=1), axis=0, return_inverse=True)
    n = np.bincount(cell.reshape(-1)).astype(np.float64)
    k = np.bincount(cell.reshape(-1), weights=right)
    log_t = np.log(pairs[:, 0])
    middle, scale = float(np.average(log_t, weights=n)), float(np.average(pairs[:, 1], weights=n))
    since, size = log_t - middle, pairs[:, 1] / scale

    def loss(theta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        a, exponent, lapse = theta
        reach = size * np.exp(a + exponent * since)
        F = ndtr(reach)
        p = np.clip(0.5 * lapse + (1 - lapse) * F, 1e-12, 1 - 1e-12)
        score = -(k / p - (n - k) / (1 - p))
        slope = (1 - lapse) * np.exp(-0.5 * reach**2) / math.sqrt(2 * math.pi) * reach
        gradient = np.array([(score * slope).sum(), (score * slope * since).sum(), (score * (0.5 - F)).sum()])
        return -float((xlogy(k, p) + xlog1py(n - k, -p)).sum()), gradient

    box = [_SENSITIVITY, _EXPONENTS, (0.0, _MOST_LAPSES)]
    starts = [(a, exponent, lapse) for a in (-1.0, 0.5) for exponent in (0.0, 0.5) for lapse in (0.0, 0.05)]
    found = min((_minimised(loss, start, box) for start in starts), key=lambda each: each[1])
    theta, best, converged = found
    reach = 0.5 * float(chdtri(1, 0.05))

    def excess(exponent: float) -> float:
        held = [box[0], (exponent, exponent), box[2]]
        return _minimised(loss, (theta[0], exponent, theta[2]), held)[1] - best - reach

    low, high = (_edge(excess, float(theta[1]), end) for end in _EXPONENTS)
    log_k = theta[0] - theta[1] * (middle - math.log(_SECOND)) - math.log(scale)
    return {
        "log_k": float(log_k),
        "exponent": float(theta[1]),
        "lapse": float(theta[2]),
        "low": low,
        "high": high,
        "log_likelihood": -best,
        "at_bound": float(low <= _EXPONENTS[0] or high >= _EXPONENTS[1]),
        "converged": float(converged),
    }


def _minimised(
    loss: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]],
    start: tuple[float, float, float],
    box: list[tuple[float, float]],
) -> tuple[NDArray[np.float64], float, bool]:
    found = minimize(loss, np.array(start), jac=True, bounds=box, method="L-BFGS-B", options={"ftol": 1e-12})
    return found.x, float(found.fun), bool(found.success)


def _edge(excess: Callable[[float], float], inside: float, end: float) -> float:
    """Where the profile leaves its interval, between a point inside and a bound; the bound if it does not."""
    step = 0.05 if end > inside else -0.05
    here = inside
    while abs(here + step - inside) < abs(end - inside):
        there = here + step
        if excess(there) > 0:
            return float(brentq(excess, here, there, xtol=1e-4))
        here, step = there, 1.6 * step
    return float(brentq(excess, here, end, xtol=1e-4)) if excess(end) > 0 > excess(here) else end
