"""Activity as samples and as condition averages, padding and missing values kept apart."""

__all__ = ["activity", "by_group", "condition_average", "groups_of"]

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis._plotting import value_text


def activity(ds: xr.Dataset, variable: str) -> tuple[xr.DataArray, int]:
    """A variable over trials, time and units in float64, with NaN in the padding.

    Args:
        ds: Trials, simulated or recorded.
        variable: Name of the variable.

    Returns:
        The activity ``(trial, time, unit)`` and the number of padded steps. Where the dataset has no ``valid``
        every step counts as inside its trial.

    Raises:
        ValueError: If there is no such variable, or it has other dimensions.
    """
    if variable not in ds:
        raise ValueError(f"The dataset has no variable '{variable}'. It has: {', '.join(map(str, ds))}.")
    data = ds[variable]
    if set(data.dims) != {"trial", "time", "unit"}:
        raise ValueError(f"'{variable}' must have dimensions (trial, time, unit): got {data.dims}.")
    data = data.transpose("trial", "time", "unit").astype(np.float64)
    if "valid" not in ds:
        return data, 0
    inside = ds["valid"].transpose("trial", "time") > 0
    return data.where(inside), int((~inside).sum())


def groups_of(
    data: xr.Dataset | xr.DataArray, names: Sequence[str]
) -> tuple[dict[str, Any], NDArray[np.intp]]:
    """The conditions that occur, and to which of them each trial belongs.

    Args:
        data: Anything with condition variables along ``trial``.
        names: Names of the condition variables; the first varies slowest.

    Returns:
        For each name its value in every condition; and the condition of each trial, -1 where a value is missing.

    Raises:
        ValueError: If a name is not a variable of the trials, or no trial has all of them.
    """
    inverse, levels, missing = [], [], np.zeros(data.sizes["trial"], dtype=bool)
    for name in names:
        known = data.variables if isinstance(data, xr.Dataset) else data.coords
        if name not in known or data[name].dims != ("trial",):
            per_trial = sorted(str(key) for key in known if data[key].dims == ("trial",) and key != "trial")
            raise ValueError(f"'{name}' is not a variable of the trials. They have: {', '.join(per_trial)}.")
        absent = data[name].isnull().values
        values = data[name].values
        level, code = np.unique(values[~absent], return_inverse=True)
        codes = np.zeros(values.size, dtype=np.intp)
        codes[~absent] = code
        missing |= absent
        levels.append(level)
        inverse.append(codes)
    if missing.all():
        raise ValueError(f"No trial has a value for {' and '.join(repr(name) for name in names)}.")
    rows, code = np.unique(np.stack(inverse, 1)[~missing], axis=0, return_inverse=True)
    member = np.full(missing.size, -1, dtype=np.intp)
    member[~missing] = code.reshape(-1)
    return {
        name: level[rows[:, k]] for k, (name, level) in enumerate(zip(names, levels, strict=True))
    }, member


def by_group(ds: xr.Dataset, by: str, analyse: Callable[[Any, NDArray[np.bool_]], xr.Dataset]) -> xr.Dataset:
    """An analysis of the trials of each group, stacked along a dimension ``group``.

    Args:
        ds: Trials.
        by: Condition variable whose values are the groups.
        analyse: From the value of a group and which trials are its own to a dataset of fixed shape.

    Returns:
        The results, with the values as coordinate ``group``.

    Raises:
        ValueError: As the analysis does, naming the group.
    """
    levels, member = groups_of(ds, [by])
    parts = []
    for k, value in enumerate(levels[by]):
        try:
            parts.append(analyse(value, member == k))
        except ValueError as error:
            raise ValueError(f"With {by}={value_text(value)}: {error}") from error
    index = xr.DataArray(
        levels[by], dims="group", name="group", attrs={"long_name": by.replace("_", " ")} | ds[by].attrs
    )
    joined = xr.concat(parts, dim=index, data_vars="all", coords="minimal", compat="override", join="exact")
    return joined.assign_attrs(by=by, n_trials_without_group=int((member < 0).sum()))


def condition_average(data: xr.DataArray, names: Sequence[str]) -> xr.DataArray:
    """Average over the trials of each condition, step by step and unit by unit, over the values that exist.

    Units recorded in different sessions, each with its own trials and NaN in those of the others, average into one
    pseudo-population.

    Args:
        data: Activity with a dimension ``trial``, NaN where there is none.
        names: Condition variables.

    Returns:
        The same array with ``condition`` in place of ``trial``; NaN where no trial has a value. Its coordinate
        ``n_trials`` counts the trials of each condition and its attribute ``n_trials_excluded`` those without one.
    """
    levels, member = groups_of(data, names)
    data = data.transpose("trial", ...)
    values, present = data.values, np.isfinite(data.values)
    n_conditions = len(next(iter(levels.values())))
    out = np.full((n_conditions, *values.shape[1:]), np.nan)
    for k in range(n_conditions):
        rows = member == k
        count = present[rows].sum(0)
        total = np.where(present[rows], values[rows], 0.0).sum(0)
        np.divide(total, count, out=out[k], where=count > 0)
    kept = {
        key: value for key, value in data.coords.items() if "trial" not in value.dims and key not in levels
    }
    coords: dict[Any, Any] = {
        **kept,
        **{name: ("condition", level, data[name].attrs) for name, level in levels.items()},
        "n_trials": ("condition", np.bincount(member[member >= 0], minlength=n_conditions)),
    }
    attrs = data.attrs | {"n_trials_excluded": int((member < 0).sum())}
    return xr.DataArray(out, coords, ("condition", *data.dims[1:]), data.name, attrs)
