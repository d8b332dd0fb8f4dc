r"""Activity over a full grid of conditions, and its parts that depend on some parameters only."""

__all__ = ["Cells", "cells_of", "condition_coords", "groups_of_terms", "marginalise", "noise_of_marginals"]

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis._conditions import groups_of

Groups = dict[str, list[tuple[str, ...]]]


class Cells(NamedTuple):
    """Trials sorted into a full grid of conditions, at the steps and for the units that have a value everywhere.

    Attributes:
        values: Activity ``(trial, time, unit)``, NaN where there is none.
        member: The condition of each trial, -1 for none.
        n_trials: Trials ``(unit, condition, time)``.
        mean: Their mean, same shape.
        deviation: Sum over trials of squared deviations from it, same shape.
        shape: Number of levels of each parameter.
        levels: The levels of each parameter.
        units: Positions of the units kept.
        steps: Positions of the steps kept.
    """

    values: NDArray[np.float64]
    member: NDArray[np.intp]
    n_trials: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    shape: tuple[int, ...]
    levels: dict[str, NDArray[Any]]
    units: NDArray[np.intp]
    steps: NDArray[np.intp]


def cells_of(data: xr.DataArray, names: Sequence[str], *, drop_units: bool) -> Cells:
    """Sort trials into the grid of all combinations of parameters.

    Steps at which no unit has a trial of some condition (the padding of short trials) are left out. A unit that
    misses a condition at one of the other steps is left out, or an error.

    Args:
        data: Activity ``(trial, time, unit)``.
        names: Parameters.
        drop_units: Whether units with missing conditions are left out.

    Returns:
        The grid.

    Raises:
        ValueError: If a combination has no trial at all, or a unit misses one and must not be left out.
    """
    occurring, member = groups_of(data, names)
    levels = {name: np.unique(values) for name, values in occurring.items()}
    shape = tuple(len(values) for values in levels.values())
    for name, values in levels.items():
        if len(values) < 2:
            raise ValueError(
                f"'{name}' has one value only, {values[0]!s}: it is no parameter of these trials."
            )
    index = [np.searchsorted(levels[name], occurring[name]) for name in names]
    flat = np.ravel_multi_index(index, shape)
    n_conditions = int(np.prod(shape))
    if len(flat) < n_conditions:
        lacking = np.setdiff1d(np.arange(n_conditions), flat)
        at = [
            values[k] for values, k in zip(levels.values(), np.unravel_index(lacking[0], shape), strict=True)
        ]
        example = ", ".join(f"{name}={value}" for name, value in zip(names, at, strict=True))
        raise ValueError(
            f"{lacking.size} of {n_conditions} combinations of {', '.join(names)} have no trial, the first being "
            f"{example}. Demixing needs the full grid: leave out a parameter, or the levels that lack partners."
        )
    member = np.where(member < 0, -1, flat[member])
    values = data.transpose("trial", "time", "unit").values
    present: NDArray[np.bool_] = np.isfinite(values)
    count = np.stack([present[member == k].sum(0) for k in range(n_conditions)])  # condition, time, unit
    seen = np.all(count > 0, axis=0)
    steps = np.flatnonzero((count.sum(2) > 0).all(0))
    units = np.flatnonzero(seen[steps].all(0)) if steps.size else np.zeros(0, np.intp)
    n_missing = values.shape[2] - units.size
    if not units.size or (n_missing and not drop_units):
        first = int(np.flatnonzero(~seen[steps].all(0))[0]) if steps.size else 0
        raise ValueError(
            f"{n_missing} of {values.shape[2]} units have no trial in some condition at some step, the first at "
            f"position {first}. Demixing needs every unit in every condition: use fewer or coarser parameters, a "
            + ("shorter stretch of time." if drop_units else "shorter stretch of time, or missing='drop'.")
        )
    values = values[:, steps][:, :, units]
    count = count[:, steps][:, :, units].astype(np.float64)
    mean, deviation = np.empty_like(count), np.empty_like(count)
    for k in range(n_conditions):
        rows = values[member == k]
        mean[k] = np.where(np.isfinite(rows), rows, 0.0).sum(0) / count[k]
        away = rows - mean[k]
        deviation[k] = (np.where(np.isfinite(away), away, 0.0) ** 2).sum(0)

    def by_unit(array: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.ascontiguousarray(array.transpose(2, 0, 1))

    return Cells(
        values, member, by_unit(count), by_unit(mean), by_unit(deviation), shape, levels, units, steps
    )


def groups_of_terms(names: Sequence[str], combine: Mapping[str, Sequence[Sequence[str]]] | None) -> Groups:
    """Which terms of the decomposition form a marginalisation together.

    By default each combination of parameters is joined with its interaction with time.

    Args:
        names: Parameters, time aside.
        combine: For each marginalisation its terms, each a set of parameters and ``"time"``; None for the default.

    Returns:
        Terms of each marginalisation, their names in a fixed order.

    Raises:
        ValueError: If a term is missing, comes twice, or names something else.
    """
    order = [*names, "time"]
    terms = [term for n in range(1, len(order) + 1) for term in itertools.combinations(order, n)]
    if combine is None:
        groups: Groups = {"time": [("time",)]}
        for term in terms:
            if "time" not in term:
                groups[" x ".join(term)] = [term, (*term, "time")]
        return groups
    found: Groups = {}
    for name, members in combine.items():
        found[name] = []
        for given_term in members:
            as_set = {given_term} if isinstance(given_term, str) else set(given_term)
            if not as_set or not as_set <= set(order):
                raise ValueError(
                    f"A term of '{name}' names {sorted(map(str, as_set))}. The parameters are {', '.join(order)}."
                )
            found[name].append(tuple(part for part in order if part in as_set))
    given = [term for members in found.values() for term in members]
    for term in terms:
        if given.count(term) != 1:
            raise ValueError(
                f"The term {term} must belong to one marginalisation and belongs to {given.count(term)}. Together they "
                "must hold every combination of the parameters and time once."
            )
    return found


def marginalise(
    mean: NDArray[np.float64], names: Sequence[str], groups: Groups
) -> dict[str, NDArray[np.float64]]:
    r"""Split centred activity into parts that depend on some parameters only.

    The part of a term is the average over all other parameters, less the parts of all smaller terms; every cell
    weighs the same. The parts add up to the whole, and so do their sums of squares.

    Args:
        mean: Activity ``(unit, *parameters, time)``.
        names: Parameters, time aside.
        groups: Terms of each marginalisation.

    Returns:
        For each marginalisation its part, in the shape of the activity.
    """
    order = [*names, "time"]

    def part(term: tuple[str, ...]) -> NDArray[np.float64]:
        out = mean
        for axis, name in enumerate(order, start=1):
            average = out.mean(axis, keepdims=True)
            out = out - average if name in term else average
        return np.broadcast_to(out, mean.shape)

    return {key: np.sum([part(term) for term in terms], axis=0) for key, terms in groups.items()}


def noise_of_marginals(cells: Cells, names: Sequence[str], groups: Groups) -> dict[str, float]:
    r"""How much of the sum of squares of each marginalisation is expected from noise of the averages alone.

    The noise of a condition average has the covariance of single trials over the number of trials. Averages and
    deviations over time of the trials themselves carry its correlations in time; over parameters its parts are
    counted by degrees of freedom. The variance of a unit is pooled over conditions.

    Args:
        cells: The grid.
        names: Parameters, time aside.
        groups: Terms of each marginalisation.

    Returns:
        For each marginalisation the expected sum of squares; NaN if some unit has no two whole trials of a
        condition.
    """
    whole: NDArray[np.bool_] = np.all(np.isfinite(cells.values), axis=1)  # trial, unit
    n_conditions, n_steps = int(np.prod(cells.shape)), cells.values.shape[1]
    degrees, slow, fast = (np.zeros(whole.shape[1]) for _ in range(3))
    for k in range(n_conditions):
        rows = whole[cells.member == k]
        trials = np.where(rows[:, None], cells.values[cells.member == k], 0.0)
        n = rows.sum(0)
        away = (trials - trials.sum(0) / np.maximum(n, 1)) * rows[:, None]
        level = away.mean(1)
        degrees += np.maximum(n - 1, 0)
        slow += (level**2).sum(0)
        fast += ((away - level[:, None]) ** 2).sum((0, 1))
    per_trial = {
        True: np.divide(fast, degrees, out=np.full(len(fast), np.nan), where=degrees > 0),
        False: n_steps * np.divide(slow, degrees, out=np.full(len(slow), np.nan), where=degrees > 0),
    }
    inverse = (1 / cells.n_trials.mean(2)).sum(1)  # unit: sum over conditions of 1 / trials
    out = {}
    for key, terms in groups.items():
        total = 0.0
        for term in terms:
            shares = [
                1 - 1 / size if name in term else 1 / size
                for name, size in zip(names, cells.shape, strict=True)
            ]
            total += float((per_trial["time" in term] * inverse).sum() * np.prod(shares))
        out[key] = total
    return out


def condition_coords(
    data: xr.DataArray, levels: dict[str, NDArray[Any]], shape: tuple[int, ...]
) -> dict[str, Any]:
    """The parameters of each cell as coordinates of ``condition``."""
    index = np.indices(shape).reshape(len(shape), -1)
    return {
        name: ("condition", values[row], data[name].attrs)
        for (name, values), row in zip(levels.items(), index, strict=True)
    }
