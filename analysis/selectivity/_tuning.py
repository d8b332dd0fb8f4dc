r"""Tuning curves of single units."""

__all__ = ["tuning"]

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis._conditions import groups_of
from neurornn.analysis._plotting import is_numeric
from neurornn.analysis.selectivity._reliability import half_averages
from neurornn.analysis.selectivity._units import per_unit, trial_means


def tuning(
    ds: xr.Dataset,
    by: str,
    *,
    variable: str = "rate",
    window: tuple[float, float] | None = None,
    period: float | None = None,
    n_splits: int = 100,
    seed: int = 0,
) -> xr.Dataset:
    r"""Mean activity of every unit at each value of a condition variable, and what it prefers.

    .. math:: D = \frac{m_{max} - m_{min}}{m_{max} + m_{min}}

    is the ``depth`` of the curve :math:`m`. The largest and smallest of noisy means lie too far apart, so :math:`D` is too large for
    few trials even where there is no tuning. ``depth_crossed`` finds the two values in one half of the trials and measures the
    difference in the other: it scatters around 0 where there is no tuning, and falls short where noise hides the extremes.

    Args:
        ds: Trials, simulated or recorded.
        by: Condition variable.
        variable: Activity ``(trial, time, unit)``.
        window: From and up to, not including, in the units of ``time``; None takes all times.
        period: Of a circular variable, such as 360 for directions in degrees. What is preferred is then the direction of
            the vector sum, and there is a ``vector_strength``.
        n_splits: Random halves of the trials for ``depth_crossed``.
        seed: Seed of the halves.

    Returns:
        A dataset: ``mean_activity`` and ``standard_error`` over ``level`` and ``unit``, with ``n_trials``; along ``unit`` what is
        ``preferred`` (the value of the largest mean, or the direction of the vector sum), ``range`` (largest less smallest mean), ``depth``,
        ``depth_crossed`` and, for a circular variable,
        ``vector_strength`` :math:`|\sum_k m_k e^{i\theta_k}| / \sum_k m_k`. Depths and strengths are NaN where activity is negative.

    Raises:
        ValueError: If the variable does not exist, has one value only, or is no number although there is a period.

    Examples:
        >>> rate = np.array([1.0, 1.0, 3.0, 3.0, 2.0, 2.0])[:, None, None]
        >>> ds = xr.Dataset({"rate": (("trial", "time", "unit"), rate)}, {"size": ("trial", [5, 5, 7, 7, 9, 9])})
        >>> curve = tuning(ds, "size")
        >>> int(curve.preferred[0]), float(curve.depth[0]), float(curve.depth_crossed[0])
        (7, 0.5, 0.5)
    """
    levels, member = groups_of(ds, [by])
    level = levels[by]
    if level.size < 2:
        raise ValueError(f"'{by}' is {level[0]} in all trials: there is no tuning to it.")
    if period is not None and (not is_numeric(level) or not period > 0):
        raise ValueError(
            f"A period needs a variable of numbers and must be above 0: got {level.dtype} and {period}."
        )
    Y = trial_means(ds, variable, window)
    rows = [Y[member == k] for k in range(level.size)]
    n = np.stack([np.isfinite(each).sum(0) for each in rows])
    mean = np.stack([np.where(np.isfinite(each), each, 0.0).sum(0) for each in rows]) / np.where(
        n > 0, n, np.nan
    )
    apart = np.stack([np.nansum((each - m) ** 2, 0) for each, m in zip(rows, mean, strict=True)])
    error = np.sqrt(apart / np.where(n > 1, n - 1, np.nan) / np.where(n > 0, n, np.nan))
    known = np.isfinite(mean).any(0)
    largest = np.where(np.isfinite(mean), mean, -np.inf).argmax(0)
    smallest = np.where(np.isfinite(mean), mean, np.inf).argmin(0)
    unit = np.arange(mean.shape[1])
    high, low = mean[largest, unit], mean[smallest, unit]
    positive = (low >= 0) & (high > 0)
    depth = np.where(positive, (high - low) / np.where(positive, high + low, 1.0), np.nan)
    columns = {
        "range": (str(ds[variable].attrs.get("units", "1")), high - low, "largest less smallest mean"),
        "depth": ("1", depth, "depth of tuning"),
        "depth_crossed": ("1", _crossed(Y, member, n_splits, seed), "depth of tuning, crossed halves"),
    }
    if period is None:
        preferred = level[largest]
        if not known.all():
            preferred = (
                np.where(known, preferred.astype(np.float64), np.nan)
                if is_numeric(level)
                else np.where(known, preferred, "")
            )
    else:
        angle = 2 * np.pi * level.astype(np.float64) / period
        vector = np.where(np.isfinite(mean), mean * np.exp(1j * angle)[:, None], 0.0).sum(0)
        whole = np.nansum(mean, 0)
        found = (np.angle(vector) * period / (2 * np.pi)) % period
        preferred = np.where(np.abs(vector) > 1e-12 * np.abs(whole), found, np.nan)
        strength = np.where(positive, np.abs(vector) / np.where(positive, whole, 1.0), np.nan)
        columns["vector_strength"] = ("1", strength, "vector strength")
    out = per_unit(ds, columns, "neurornn.Tuning/1")
    out["preferred"] = (
        "unit",
        preferred,
        {"long_name": f"preferred {by.replace('_', ' ')}"} | _units(ds, by),
    )
    label = {"long_name": f"mean {ds[variable].attrs.get('long_name', variable)}"} | _units(ds, variable)
    out["mean_activity"] = (("level", "unit"), mean, label)
    out["standard_error"] = (("level", "unit"), error, label | {"long_name": "standard error"})
    out["n_trials"] = (("level", "unit"), n, {"units": "1", "long_name": "trials"})
    about = {"long_name": by.replace("_", " ")} | ds[by].attrs
    return out.assign_coords(level=("level", level, about)).assign_attrs(
        by=by,
        variable=variable,
        window=list(map(float, window)) if window else [],
        period=float(period or 0.0),
        n_splits=int(n_splits),
        seed=int(seed),
        n_trials_without_condition=int((member < 0).sum()),
    )


def _crossed(
    Y: NDArray[np.float64], member: NDArray[np.intp], n_splits: int, seed: int
) -> NDArray[np.float64]:
    """Difference between the values found in one half, measured in the other, over the same of the sum; both ways."""
    top, bottom = np.zeros(Y.shape[1]), np.zeros(Y.shape[1])
    unit = np.arange(Y.shape[1])
    for halves in half_averages(Y[:, None], member, n_splits=n_splits, seed=seed):
        for find, measure in (halves, halves[::-1]):
            both = np.isfinite(find[:, 0]) & np.isfinite(measure[:, 0])
            largest = np.where(both, find[:, 0], -np.inf).argmax(0)
            smallest = np.where(both, find[:, 0], np.inf).argmin(0)
            high, low = measure[largest, 0, unit], measure[smallest, 0, unit]
            top += high - low
            bottom += high + low
    return np.where(bottom > 0, top / np.where(bottom > 0, bottom, 1.0), np.nan)


def _units(ds: xr.Dataset, name: str) -> dict[str, str]:
    return {"units": str(ds[name].attrs.get("units", "1"))}
