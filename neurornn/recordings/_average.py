"""Averages over the trials of each condition, with counts and standard errors."""

__all__ = ["average"]

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.provenance import provenance
from neurornn.recordings._blocks import activity_blocks
from neurornn.recordings._events import variables_along


def average(
    ds: xr.Dataset, *, by: str | Sequence[str], variable: str = "rate", min_trials: int = 1
) -> xr.Dataset:
    r"""Average over the trials of each condition, bin by bin and unit by unit.

    .. math:: \bar r = \frac{1}{n} \sum_{i=1}^n r_i, \qquad
              \mathrm{sem} = \sqrt{\frac{\sum_i (r_i - \bar r)^2}{n (n - 1)}}

    over the :math:`n` trials of the condition that have a value for this unit in this bin. Units recorded in different
    sessions become one pseudo-population: each is averaged over its own trials of the same condition, and a
    condition in which a unit has no trial is NaN. Trials are read some at a time, so that a recording larger than memory can be
    averaged from its file.

    Args:
        ds: A recording in binned form, or simulated trials.
        by: Condition variables; the conditions are the combinations that occur, the first varying slowest.
        variable: Variable to average.
        min_trials: A unit with fewer trials in a condition is NaN there; the counts still say how many there were.

    Returns:
        A dataset over ``(condition, time, unit)``: the average under the name of the variable, ``<variable>_sem``
        (NaN for a single trial), ``n_values``, the trials behind each number; over ``(condition, unit)``
        ``n_trials``, those with any value. The conditions are coordinates. Attributes: ``n_trials_excluded``
        without a condition, ``n_trials_empty`` without a value, ``n_cells_missing``, pairs of condition and unit with fewer
        trials than ``min_trials``, ``n_units_complete``, units with enough trials in all conditions.

    Raises:
        ValueError: If there is no such condition or variable, or no trial has all conditions.

    Examples:
        >>> from neurornn.recordings import binned
        >>> rate = np.array([1.0, 3.0, 7.0]).reshape(3, 1, 1)
        >>> mean = average(binned(rate, [0.0], conditions={"choice": [1, 1, -1]}), by="choice")
        >>> mean.choice.values.tolist(), mean.rate.values.ravel().tolist(), mean.n_trials.values.ravel().tolist()
        ([-1, 1], [7.0, 2.0], [1, 2])
    """
    names = [by] if isinstance(by, str) else list(by)
    if not names or min_trials < 1:
        raise ValueError(
            f"by needs at least one name and min_trials at least 1: got {names} and {min_trials}."
        )
    levels, member = _conditions(ds, names)
    n_conditions = int(member.max()) + 1
    shape = (n_conditions, ds.sizes["time"], ds.sizes["unit"])
    number, mean, scatter = np.zeros(shape, dtype=np.int64), np.zeros(shape), np.zeros(shape)
    n_trials = np.zeros((n_conditions, ds.sizes["unit"]), dtype=np.int64)
    empty = 0
    for rows, values in activity_blocks(ds, variable):
        present = np.isfinite(values)
        empty += int((~present.any((1, 2)) & (member[rows] >= 0)).sum())
        for k in np.unique(member[rows]):
            if k >= 0:
                mine = member[rows] == k
                n_trials[k] += present[mine].any(1).sum(0)
                _merge(number[k], mean[k], scatter[k], values[mine], present[mine])
    enough = (number > 0) & (n_trials >= min_trials)[:, None, :]
    few = number < 2
    sem = np.sqrt(scatter / np.where(few, 1, number * (number - 1.0)))
    attrs = {str(key): value for key, value in ds[variable].attrs.items()}
    long_name = str(attrs.get("long_name", variable))
    dims = ("condition", "time", "unit")
    unit_coords = {
        name: ds[name].variable
        for name in ("unit", "time", *variables_along(ds, "unit"))
        if name in ds.coords
    }
    coords: dict[str, Any] = unit_coords | {
        name: ("condition", level, ds[name].attrs) for name, level in levels.items()
    }
    return xr.Dataset(
        {
            variable: (dims, np.where(enough, mean, np.nan), attrs | {"long_name": f"mean {long_name}"}),
            f"{variable}_sem": (
                dims,
                np.where(enough & ~few, sem, np.nan),
                attrs | {"long_name": f"standard error of {long_name}"},
            ),
            "n_values": (dims, number.astype(np.int32), {"long_name": "trials with a value", "units": "1"}),
            "n_trials": (("condition", "unit"), n_trials, {"long_name": "trials", "units": "1"}),
        },
        coords,
        provenance("neurornn.Averages/1")
        | {
            "by": names,
            "n_trials_excluded": int((member < 0).sum()),
            "n_trials_empty": empty,
            "n_cells_missing": int((n_trials < min_trials).sum()),
            "n_units_complete": int((n_trials >= min_trials).all(0).sum()),
            "min_trials": int(min_trials),
        },
    )


def _merge(
    number: NDArray[np.int64],
    mean: NDArray[np.float64],
    scatter: NDArray[np.float64],
    values: NDArray[np.float64],
    present: NDArray[np.bool_],
) -> None:
    """Take more trials into running means and sums of squared deviations, in place and without cancellation."""
    more = present.sum(0)
    here = np.where(present, values, 0.0).sum(0) / np.maximum(more, 1)
    spread = (np.where(present, values - here, 0.0) ** 2).sum(0)
    total = np.maximum(number + more, 1)
    gap = here - mean
    scatter += np.where(more > 0, spread + gap**2 * number * more / total, 0.0)
    mean += np.where(more > 0, gap * more / total, 0.0)
    number += more


def _conditions(ds: xr.Dataset, names: Sequence[str]) -> tuple[dict[str, NDArray[Any]], NDArray[np.int64]]:
    """Values of each variable in each condition, and the condition of each trial, -1 where one is missing."""
    codes, levels = [], []
    missing = np.zeros(ds.sizes.get("trial", 0), dtype=bool)
    for name in names:
        if name not in ds.variables or ds[name].dims != ("trial",):
            raise ValueError(
                f"'{name}' is not a variable of the trials. They have: {', '.join(variables_along(ds, 'trial'))}."
            )
        absent = ds[name].isnull().values
        level, code = np.unique(ds[name].values[~absent], return_inverse=True)
        full = np.zeros(missing.size, dtype=np.int64)
        full[~absent] = code
        missing |= absent
        codes.append(full)
        levels.append(level)
    if missing.all():
        raise ValueError(f"No trial has a value for {' and '.join(map(repr, names))}.")
    rows, code = np.unique(np.stack(codes, 1)[~missing], axis=0, return_inverse=True)
    member = np.full(missing.size, -1, dtype=np.int64)
    member[~missing] = code.reshape(-1)
    return {
        name: level[rows[:, k]] for k, (name, level) in enumerate(zip(names, levels, strict=True))
    }, member
