"""Regression of every unit at every time on the variables of its own trials."""

__all__ = ["design", "regress", "smooth"]

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from neurornn.analysis._plotting import is_numeric

INTERCEPT = "intercept"


def design(
    data: xr.DataArray, regressors: Sequence[str], interactions: Sequence[tuple[str, str]]
) -> tuple[NDArray[np.float64], list[str], list[str]]:
    """Regressors of each trial, each scaled to a largest absolute value of 1, and their products.

    Args:
        data: Activity with variables along ``trial``.
        regressors: Variables: numbers as they are, two labels as -1 and 1 in alphabetical order.
        interactions: Pairs of them.

    Returns:
        The matrix ``(trial, regressor)`` beginning with the intercept, NaN where a trial has no value; the names; and
        how labels were coded.

    Raises:
        ValueError: If a variable does not exist, is 0 everywhere, or has other than two labels.
    """
    columns: list[NDArray[np.float64]] = [np.ones(data.sizes["trial"])]
    names, codes = [INTERCEPT], []
    main: dict[str, NDArray[np.float64]] = {}
    for name in regressors:
        if name not in data.coords or data[name].dims != ("trial",):
            known = sorted(str(key) for key in data.coords if data[key].dims == ("trial",) and key != "trial")
            raise ValueError(f"'{name}' is not a variable of the trials. They have: {', '.join(known)}.")
        values = data[name].values
        if is_numeric(values):
            column = values.astype(np.float64)
        else:
            absent = data[name].isnull().values
            labels = np.unique(values[~absent])
            if labels.size != 2:
                raise ValueError(
                    f"'{name}' has {labels.size} labels and a regressor needs numbers or two labels. Recode it as "
                    "numbers."
                )
            column = np.where(absent, np.nan, np.where(values == labels[1], 1.0, -1.0))
            codes.append(f"{name}: {labels[0]} = -1, {labels[1]} = 1")
        main[name] = _scaled(column, name)
        columns.append(main[name])
        names.append(name)
    for one, other in interactions:
        for part in (one, other):
            if part not in main:
                raise ValueError(
                    f"The interaction ({one}, {other}) names '{part}', which is not a regressor."
                )
        names.append(f"{one} x {other}")
        columns.append(_scaled(main[one] * main[other], names[-1]))
    return np.stack(columns, 1), names, codes


def regress(activity: NDArray[np.float64], design: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ordinary least squares for each unit and step over the trials in which it has a value.

    Args:
        activity: Activity ``(trial, time, unit)``, NaN where there is none.
        design: Regressors ``(trial, regressor)``; trials with a NaN are left out.

    Returns:
        Coefficients ``(regressor, time, unit)``; NaN where the trials do not determine them.
    """
    _, n_steps, n_units = activity.shape
    usable = np.all(np.isfinite(design), axis=1)
    values = activity[usable].reshape(int(usable.sum()), -1)
    X = design[usable]
    present = np.isfinite(values)
    patterns, which = np.unique(np.packbits(present, axis=0), axis=1, return_inverse=True)
    out = np.full((X.shape[1], n_steps * n_units), np.nan)
    columns_of = np.split(
        np.argsort(which.reshape(-1), kind="stable"), np.cumsum(np.bincount(which.reshape(-1)))[:-1]
    )
    for columns in columns_of[: patterns.shape[1]]:
        rows = present[:, columns[0]]
        if rows.sum() < X.shape[1] or np.linalg.matrix_rank(X[rows]) < X.shape[1]:
            continue
        out[:, columns] = np.linalg.lstsq(X[rows], values[np.ix_(rows, columns)], rcond=None)[0]
    return out.reshape(-1, n_steps, n_units)


def smooth(values: NDArray[np.float64], width: float, extent: float, dt: float) -> NDArray[np.float64]:
    r"""Smooth along the second axis with a Gaussian, within what there is.

    Weights are those of a Gaussian cut off at ``extent`` standard deviations, and are scaled to add up to 1 over the
    values that exist: nothing leaks in from beyond the ends or from gaps.

    Args:
        values: Array ``(any, time, any)``, NaN where there is no value.
        width: Standard deviation in ms; 0 for none.
        extent: Where the Gaussian is cut off, in standard deviations.
        dt: Time step in ms.

    Returns:
        The smoothed values, NaN where the values were.
    """
    if width == 0:
        return values
    reach = int(np.floor(extent * width / dt + 1e-9))
    lags = np.arange(-reach, reach + 1) * dt
    kernel = np.exp(-0.5 * (lags / width) ** 2)
    present = np.isfinite(values)
    total = convolve1d(np.where(present, values, 0.0), kernel, axis=1, mode="constant")
    weight = convolve1d(present.astype(np.float64), kernel, axis=1, mode="constant")
    return np.where(present, total / np.where(present, weight, 1.0), np.nan)


def _scaled(column: NDArray[np.float64], name: str) -> NDArray[np.float64]:
    finite = np.abs(column[np.isfinite(column)])
    if not finite.size or not finite.max() > 0:
        raise ValueError(f"The regressor '{name}' is 0 in every trial, or has no value.")
    return column / finite.max()
