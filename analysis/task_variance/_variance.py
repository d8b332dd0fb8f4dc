r"""How much a unit's activity depends on the stimulus in each task."""

__all__ = ["fractional_variance", "task_variance"]

import math
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis._conditions import activity, groups_of
from neurornn.provenance import provenance


def task_variance(
    datasets: Mapping[str, xr.Dataset],
    *,
    conditions: Sequence[str] = (),
    variable: str = "rate",
    after: str = "fixation",
    threshold: float = 1e-3,
) -> xr.Dataset:
    r"""Variance of each unit over the conditions of a task, averaged over time, for several tasks.

    .. math:: \mathrm{TV}_i(A) = \Big\langle \mathrm{var}_j \langle r_{ij}(t) \rangle_{noise} \Big\rangle_t

    where :math:`r_{ij}(t)` is the rate of unit :math:`i` in condition :math:`j` of task :math:`A`, and time runs from the
    end of an epoch to the end of the trial. Trials with the same ``conditions`` are averaged first; of an average over
    :math:`n` trials, a part :math:`1/n` of the variance of the noise remains. Normalised, the largest value of each unit is 1.

    Args:
        datasets: Trials of each task. Within a task all epochs must last the same, or time would mix with the conditions.
        conditions: Conditions that make up :math:`j`; if empty, each trial is one, as suits trials without noise.
        variable: Activity to measure.
        after: Epoch after whose end to measure.
        threshold: A unit whose variances sum up to less counts as inactive.

    Returns:
        ``variance`` and ``normalised_variance`` ``(rule, unit)``; ``active`` ``(unit)``. The normalised variance of an
        inactive unit is NaN.

    Raises:
        ValueError: If there is no task, a task has fewer than two conditions, epochs differ, or units do.

    References:
        Task representations in neural networks trained to perform many cognitive tasks (Yang et al., 2019)
        https://doi.org/10.1038/s41593-018-0310-2

    Examples:
        >>> rate = xr.DataArray([[[0.0, 1.0]], [[2.0, 1.0]]], dims=("trial", "time", "unit"))
        >>> trials = xr.Dataset({"rate": rate}).assign_coords(epoch_fixation_end=("trial", [0.0, 0.0]))
        >>> task_variance({"a": trials, "b": 2 * trials}).normalised_variance.values
        array([[0.25,  nan],
               [1.  ,  nan]])
    """
    if not datasets:
        raise ValueError("task_variance needs the trials of at least one task: got none.")
    if not 0 <= threshold < math.inf:
        raise ValueError(f"threshold must be finite and at least 0: got {threshold}.")
    rows = [_of_one(name, ds, conditions, variable, after) for name, ds in datasets.items()]
    sizes = {name: row.size for name, row in zip(datasets, rows, strict=True)}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"All tasks must be done by the same units: got {sizes}.")
    variance = np.stack(rows)
    active = variance.sum(0) > threshold
    top = np.where(active, variance.max(0), np.nan)
    first = next(iter(datasets.values()))
    units = first["unit"].values if "unit" in first.coords else np.arange(variance.shape[1])
    dims = ("rule", "unit")
    return xr.Dataset(
        {
            "variance": (dims, variance, {"long_name": "task variance", "units": "1"}),
            "normalised_variance": (
                dims,
                variance / top,
                {"long_name": "normalised task variance", "units": "1"},
            ),
            "active": ("unit", active, {"long_name": "varies in some task", "units": "1"}),
        },
        coords={"rule": list(datasets), "unit": units},
        attrs=provenance("neurornn.TaskVariance/1")
        | {
            "variable": variable,
            "after": after,
            "threshold": float(threshold),
            "conditions": list(conditions),
        },
    )


def fractional_variance(variances: xr.Dataset, first: str, second: str) -> xr.DataArray:
    r"""Whether units work for one task or for the other.

    .. math:: \mathrm{FTV}_i(A, B) = \frac{\mathrm{TV}_i(A) - \mathrm{TV}_i(B)}{\mathrm{TV}_i(A) + \mathrm{TV}_i(B)}

    Args:
        variances: What :func:`task_variance` gave.
        first: Task :math:`A`.
        second: Task :math:`B`.

    Returns:
        Between -1 (only in :math:`B`) and 1 (only in :math:`A`), for each unit; NaN where both variances together stay below
        the threshold of :func:`task_variance`.

    Raises:
        ValueError: If there is no such task.
    """
    known = variances["rule"].values.tolist()
    for name in (first, second):
        if name not in known:
            raise ValueError(f"There is no task '{name}'. There are: {', '.join(known)}.")
    a, b = (variances["variance"].sel(rule=name, drop=True) for name in (first, second))
    ratio = ((a - b) / (a + b).where(a + b > variances.attrs["threshold"])).rename("fractional_variance")
    return ratio.assign_attrs(long_name=f"fractional variance, {first} against {second}", units="1")


def _of_one(
    name: str, ds: xr.Dataset, conditions: Sequence[str], variable: str, after: str
) -> NDArray[np.float64]:
    """Task variance of each unit in one task."""
    edge = f"epoch_{after}_end"
    if edge not in ds:
        raise ValueError(f"The trials of task '{name}' have no epoch '{after}'.")
    for bound in (str(key) for key in ds.coords if str(key).startswith("epoch_")):
        values = ds[bound].values
        if not np.all(values == values[0]):
            raise ValueError(
                f"'{bound.removeprefix('epoch_')}' differs between trials of task '{name}', from {values.min():g} to "
                f"{values.max():g} ms, and time would mix with the conditions. Give every epoch one duration."
            )
    data, _ = activity(ds, variable)
    r = data.values
    if "time" in ds.coords:
        r = r[:, ds["time"].values >= float(ds[edge].values[0])]
    r = r[:, ~np.isnan(r).all((0, 2))]
    if conditions:
        _, member = groups_of(ds, conditions)
        r = np.stack([r[member == k].mean(0) for k in range(member.max() + 1) if (member == k).any()])
    if r.shape[0] < 2 or r.shape[1] == 0:
        raise ValueError(
            f"The variance of task '{name}' needs at least two conditions and some time after '{after}': got "
            f"{r.shape[0]} and {r.shape[1]} steps."
        )
    return np.asarray(r.var(0).mean(0))
