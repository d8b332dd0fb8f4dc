"""How well averages over trials are known: halves of the trials against each other."""

__all__ = [
    "half_averages",
    "half_correlations",
    "spearman_brown",
    "split_half",
]

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurornn.analysis._conditions import activity, groups_of
from neurornn.analysis.selectivity._units import BLOCK, checked_members, names_of, per_unit, trials_of
from neurornn.random import counter_uniform, derive_seed


def split_half(
    ds: xr.Dataset, variable: str = "rate", *, by: str | Sequence[str], n_splits: int = 100, seed: int = 0
) -> xr.Dataset:
    r"""Reliability of every unit's condition averages, from halves of its trials.

    The trials of each condition are dealt at random to two halves, each half is averaged, and the two averages are
    correlated over conditions and times. With :math:`r` the mean of the correlation over splits,

    .. math:: \rho = \frac{2 r}{1 + r}

    is the reliability of the average over all trials (Spearman-Brown): the squared correlation between that average and
    the true one. No model can be expected to correlate with the average better than the ``ceiling``
    :math:`\sqrt{\max(\rho, 0)}`. A condition with an odd number of trials gives one of the halves a trial more.

    Each unit is split over the trials in which it has a value, so units of different sessions can be mixed; units with the
    same trials are split alike. A condition with fewer than two trials of a unit does not count for that unit, nor
    does a time at which one half has no value.

    Args:
        ds: Trials, simulated or recorded.
        variable: Activity ``(trial, time, unit)``.
        by: Condition variables to average over.
        n_splits: Number of random splits.
        seed: Seed of the splits.

    Returns:
        A dataset along ``unit``: ``half_correlation``, the mean over splits; ``split_sd``, its standard deviation over
        splits (which share their trials: no standard error); ``reliability``, at least -1 and NaN where the correlation
        is not defined; ``ceiling``; ``n_splits_defined``, splits in which both halves vary; ``n_trials`` and ``n_conditions`` that count. Attributes say how many trials lacked a condition.

    Raises:
        ValueError: If a name is not a variable of the trials or there are no splits.

    References:
        Correlation calculated from faulty data (Spearman, 1910) https://doi.org/10.1111/j.2044-8295.1910.tb00206.x

    Examples:
        Two conditions, two trials each; the first unit repeats itself, the second does the opposite:

        >>> rate = np.array([[1, 0], [1, 1], [3, 0], [3, 1]], dtype=float)[:, None, :]
        >>> ds = xr.Dataset({"rate": (("trial", "time", "unit"), rate)}, {"side": ("trial", [0, 0, 1, 1])})
        >>> float(split_half(ds, by="side").reliability[0])
        1.0
    """
    names = names_of(by)
    levels, member = groups_of(ds, names)
    n_conditions = len(levels[names[0]])
    blocks = []
    size = max(1, BLOCK // max(1, ds.sizes["trial"] * ds.sizes["time"]))
    for first in range(0, ds.sizes["unit"], size):
        values = activity(ds.isel(unit=slice(first, first + size)), variable)[0].values
        r = half_correlations(values, member, n_splits=n_splits, seed=seed)
        blocks.append((r, trials_of(values, member, n_conditions)))
    r = np.concatenate([block[0] for block in blocks], axis=1)
    counts = np.concatenate([block[1] for block in blocks], axis=1)
    counted = np.isfinite(r).sum(0)
    with np.errstate(invalid="ignore"):
        mean = np.where(counted > 0, np.nansum(r, 0) / np.maximum(counted, 1), np.nan)
        sd = np.sqrt(np.nansum((r - mean) ** 2, 0) / np.where(counted > 1, counted - 1, np.nan))
    reliability = spearman_brown(mean)
    variables: dict[str, tuple[str, NDArray[Any], str]] = {
        "half_correlation": ("1", mean, "correlation between halves"),
        "split_sd": ("1", sd, "standard deviation over splits"),
        "reliability": ("1", reliability, "reliability of the average"),
        "ceiling": ("1", np.sqrt(np.clip(reliability, 0.0, None)), "noise ceiling of the correlation"),
        "n_splits_defined": ("1", counted, "splits with a correlation"),
        "n_trials": ("1", np.where(counts >= 2, counts, 0).sum(0), "trials that count"),
        "n_conditions": ("1", (counts >= 2).sum(0), "conditions that count"),
    }
    return per_unit(ds, variables, "neurornn.SplitHalf/1").assign_attrs(
        variable=variable,
        by=names,
        n_splits=int(n_splits),
        seed=int(seed),
        n_conditions=n_conditions,
        n_trials_without_condition=int((member < 0).sum()),
    )


def half_averages(
    values: NDArray[np.float64],
    member: NDArray[np.intp],
    *,
    n_splits: int = 100,
    seed: int = 0,
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Condition averages of two random halves of the trials, one split after another.

    Args:
        values: Activity, NaN where there is none.
        member: Condition of each trial, counted from 0; negative for none.
        n_splits: Number of splits.
        seed: Seed. Split ``k`` is the same however many there are.

    Yields:
        Averages ``(condition, time, unit)`` of the two halves; NaN where a half has no value.

    Raises:
        ValueError: If the arrays do not fit together or there are no splits.

    Examples:
        >>> values = np.array([1.0, 2.0, 5.0, 6.0])[:, None, None]
        >>> one, other = next(half_averages(values, np.array([0, 0, 1, 1])))
        >>> (one + other).ravel().tolist()
        [3.0, 11.0]
    """
    member = checked_members(values, member)
    if n_splits < 1:
        raise ValueError(f"n_splits must be at least 1: got {n_splits}.")
    n_conditions = int(member.max(initial=-1)) + 1
    step = max(1, BLOCK // max(1, 2 * n_conditions * values[0].size))
    for first in range(0, n_splits, step):
        numbers = np.arange(first, min(n_splits, first + step))
        yield from zip(*_halves(values, member, numbers, seed), strict=True)


def half_correlations(
    values: NDArray[np.float64],
    member: NDArray[np.intp],
    *,
    n_splits: int = 100,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Correlation of each unit between the two halves of each split, over the conditions and times both have.

    Args:
        values: Activity, NaN where there is none.
        member: Condition of each trial, counted from 0; negative for none.
        n_splits: Number of splits.
        seed: Seed.

    Returns:
        Correlations, not yet corrected; NaN where one of the halves does not vary.
    """
    return np.stack([
        _correlation(one, other) for one, other in half_averages(values, member, n_splits=n_splits, seed=seed)
    ])


def spearman_brown(r: ArrayLike, factor: float = 2.0) -> NDArray[np.float64]:
    r"""Reliability of a measurement ``factor`` times as long, :math:`k r / (1 + (k - 1) r)`.

    Args:
        r: Correlation between two measurements of equal length.
        factor: How many times as long.

    Returns:
        The reliability, not below -1: negative correlations of two halves have no parallel measurement behind them.

    Examples:
        >>> float(spearman_brown(0.5)), float(spearman_brown(1.0))
        (0.6666666666666666, 1.0)
    """
    r = np.asarray(r, dtype=np.float64)
    below = 1 + (factor - 1) * r
    out = np.divide(factor * r, below, out=np.full(r.shape, -1.0), where=~(below <= 0))
    return np.maximum(out, -1.0)


def _halves(
    values: NDArray[np.float64], member: NDArray[np.intp], splits: NDArray[np.intp], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Averages ``(split, condition, time, unit)`` of the two halves."""
    n_trials, n_steps, n_units = values.shape
    n_conditions = int(member.max(initial=-1)) + 1
    present = np.isfinite(values)
    complete = bool((present == present[:, :1]).all())  # a trial has all of its times or none
    here: NDArray[np.bool_] = np.asarray(present.any(1))
    patterns, which = np.unique(here, axis=1, return_inverse=True)
    which = which.reshape(-1)
    key = derive_seed(seed, "split half")
    counter = splits[:, None] * np.uint64(2**32) + np.arange(n_trials + n_conditions, dtype=np.uint64)
    u = counter_uniform(key, counter.astype(np.uint64))
    one = np.full((splits.size, n_conditions, n_steps, n_units), np.nan)
    other = one.copy()
    for k in range(patterns.shape[1]):
        units = np.flatnonzero(which == k)
        for c in range(n_conditions):
            rows = np.flatnonzero((member == c) & patterns[:, k])
            if rows.size < 2:
                continue
            rank = u[:, rows].argsort(1).argsort(1)
            first = rows.size // 2 + (rows.size % 2) * (u[:, n_trials + c, None] < 0.5)
            chosen = (rank < first).astype(np.float64)
            mine = values[rows][..., units]
            if complete:
                sums = np.tensordot(chosen, mine, 1)
                n = first[..., None].astype(np.float64)
                one[:, c][..., units] = sums / n
                other[:, c][..., units] = (mine.sum(0) - sums) / (rows.size - n)
                continue
            there = np.isfinite(mine)
            filled = np.where(there, mine, 0.0)
            for side, out in ((chosen, one), (1 - chosen, other)):
                count = np.tensordot(side, there.astype(np.float64), 1)
                sums = np.tensordot(side, filled, 1)
                out[:, c][..., units] = np.where(count > 0.5, sums / np.maximum(count, 1), np.nan)
    return one, other


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of each unit over the samples both have."""
    both = np.isfinite(one) & np.isfinite(other)
    n = np.maximum(both.sum((0, 1)), 1)
    x, y = (np.where(both, each, 0.0) for each in (one, other))
    scale = np.abs(x).max((0, 1)) + np.abs(y).max((0, 1))
    x = np.where(both, x - x.sum((0, 1)) / n, 0.0)
    y = np.where(both, y - y.sum((0, 1)) / n, 0.0)
    top, xx, yy = (x * y).sum((0, 1)), (x * x).sum((0, 1)), (y * y).sum((0, 1))
    tiny = n * (1e-12 * scale) ** 2  # a constant unit differs from its mean by rounding alone
    fine = (xx > tiny) & (yy > tiny)
    return np.where(fine, top / np.sqrt(np.where(fine, xx * yy, 1.0)), np.nan)
