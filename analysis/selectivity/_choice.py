r"""Whether the activity of single units foretells the choice when the stimulus does not."""

__all__ = ["choice_probability", "roc_area"]

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit
from scipy.stats import rankdata

from neurornn.analysis._conditions import groups_of
from neurornn.analysis.selectivity._units import names_of, per_unit, presence, trial_means
from neurornn.random import counter_uniform, derive_seed


def choice_probability(
    ds: xr.Dataset,
    *,
    choice: str = "choice",
    by: str | Sequence[str] = (),
    preferred: ArrayLike | None = None,
    variable: str = "rate",
    window: tuple[float, float] | None = None,
    min_trials: int = 3,
    n_permutations: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    r"""Choice probability of every unit, within each condition and over all of them.

    Within a condition it is the area under the ROC curve: the probability that the activity in a trial with the preferred
    choice exceeds that in a trial with the other one, ties counting half. Over conditions it is their weighted mean

    .. math:: CP = \frac{\sum_c w_c A_c}{\sum_c w_c}, \qquad w_c = \frac{n_c m_c}{n_c + m_c + 1}

    with :math:`n_c` and :math:`m_c` trials of either choice; the weights are those of the least variance where
    there is no relation. Trials of different conditions are never compared, so this "grand" choice probability is
    free of the bias that pooling z-scores has where choices are uneven in different measure.

    Args:
        ds: Trials, simulated or recorded.
        choice: Variable of the trials with two values.
        by: Conditions within which trials are compared, usually all about the stimulus; ``()`` compares all trials.
        preferred: For each unit the choice its activity should favour; None takes the larger of the two values for all.
        variable: Activity ``(trial, time, unit)``.
        window: From and up to, not including, in the units of ``time``; None takes all times.
        min_trials: Trials of either choice a condition needs, at least 2.
        n_permutations: Permutations of the choices within each condition, for the p value; 0 for none.
        confidence: Of the intervals.
        seed: Seed of the permutations.

    Returns:
        A dataset along ``unit``: ``grand`` choice probability with its ``interval`` (from the variance of DeLong et al., on the
        logit scale; NaN where activity does not vary), two-sided ``p_value``, ``n_trials`` and ``n_conditions`` that count; along ``condition`` and ``unit`` the
        ``choice_probability``, and ``n_preferred`` and ``n_other`` trials; and ``population``, the mean over units, with
        ``population_interval`` (t distribution, units as samples).

    Raises:
        ValueError: If there are not two choices, a name is not a variable of the trials, or a number is out of range.

    References:
        Potential confounds in estimating trial-to-trial correlations between neuronal response and behavior using choice
        probabilities (Kang & Maunsell, 2012) https://doi.org/10.1152/jn.00471.2012

    Examples:
        The higher of two rates goes with the second choice in 3 of 4 pairs:

        >>> rate = np.array([1.0, 3.0, 2.0, 4.0])[:, None, None]
        >>> ds = xr.Dataset({"rate": (("trial", "time", "unit"), rate)}, {"choice": ("trial", [-1, -1, 1, 1])})
        >>> float(choice_probability(ds, min_trials=2).grand[0])
        0.75
    """
    names = names_of(by)
    if min_trials < 2 or n_permutations < 0 or not 0 < confidence < 1:
        raise ValueError(
            "min_trials must be at least 2, n_permutations at least 0 and confidence between 0 and 1: "
            f"got {min_trials}, {n_permutations} and {confidence}."
        )
    levels, side = groups_of(ds, [choice])
    if levels[choice].size != 2:
        raise ValueError(
            f"'{choice}' has {levels[choice].size} values and two are needed: "
            f"{', '.join(map(str, levels[choice][:5]))}. Select the trials of two of them."
        )
    groups, member = groups_of(ds, names) if names else ({}, np.zeros(side.size, dtype=np.intp))
    Y = trial_means(ds, variable, window)
    known = (side >= 0) & (member >= 0)
    flipped = _flipped(preferred, levels[choice], Y.shape[1])
    n_conditions = int(member.max()) + 1
    shape = (n_conditions, Y.shape[1])
    area: NDArray[np.float64] = np.full(shape, np.nan)
    variance = area.copy()
    counts: NDArray[np.int64] = np.zeros((2, *shape), dtype=np.int64)
    p = np.full(Y.shape[1], np.nan)
    present = np.isfinite(Y) & known[:, None]
    for rows, units in presence(present):
        strata = []
        for c in range(n_conditions):
            mine = rows[member[rows] == c]
            sizes = np.bincount(side[mine], minlength=2)
            counts[:, c, units] = sizes[:, None]
            if sizes.min() < min_trials:
                continue
            values = Y[np.ix_(mine, units)]
            area[c, units], variance[c, units] = roc_area(values[side[mine] == 1], values[side[mine] == 0])
            strata.append(_Stratum(mine, rankdata(values, axis=0), side[mine] == 1, _weight(*sizes)))
        if strata and n_permutations:
            p[units] = _permuted_p(strata, n_permutations, seed)
    counted = np.isfinite(area)
    weights = np.where(counted, _weight(counts[0], counts[1]), 0.0)
    total = weights.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        grand = np.where(total > 0, 0.5 + np.nansum(weights * (area - 0.5), 0) / total, np.nan)
        spread = np.sqrt(np.nansum(weights**2 * variance, 0)) / total
    n, m = (np.where(counted, each, 0).sum(0) for each in counts)
    interval = _interval(grand, spread, n, m, confidence)
    area, grand = np.where(flipped, 1 - area, area), np.where(flipped, 1 - grand, grand)
    interval = np.where(flipped[:, None], 1 - interval[:, ::-1], interval)
    attrs = {"units": "1", "long_name": "choice probability"}
    out = per_unit(
        ds,
        {
            "grand": ("1", grand, "grand choice probability"),
            "p_value": ("1", p, "p value"),
            "n_trials": ("1", np.where(counted, counts.sum(0), 0).sum(0), "trials that count"),
            "n_conditions": ("1", counted.sum(0), "conditions that count"),
        },
        "neurornn.ChoiceProbability/1",
    ).assign_coords(
        {name: ("condition", groups[name], ds[name].attrs) for name in names} | {"bound": ["lower", "upper"]}
    )
    out["interval"] = (
        ("unit", "bound"),
        interval,
        {"units": "1", "long_name": f"{100 * confidence:g} % interval"},
    )
    out["choice_probability"] = (("condition", "unit"), area, attrs)
    for k, name in enumerate(("n_other", "n_preferred")):
        out[name] = (
            ("condition", "unit"),
            np.where(flipped, counts[1 - k], counts[k]),
            {"long_name": "trials"},
        )
    mean, ends = _mean(grand, confidence)
    out["population"] = ((), mean, {"units": "1", "long_name": "mean choice probability"})
    out["population_interval"] = (
        "bound",
        ends,
        {"units": "1", "long_name": f"{100 * confidence:g} % interval of the mean"},
    )
    return out.assign_attrs(
        choice=choice,
        choices=[str(each) for each in levels[choice].tolist()],
        by=names,
        variable=variable,
        window=list(map(float, window)) if window else [],
        confidence=float(confidence),
        min_trials=int(min_trials),
        n_permutations=int(n_permutations),
        seed=int(seed),
        n_trials_without_choice=int((side < 0).sum()),
        n_trials_without_condition=int((member < 0).sum()),
    )


def roc_area(
    one: NDArray[np.float64], other: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Area under the ROC curve of each unit, and its variance.

    .. math:: A = P(x > y) + \tfrac12 P(x = y)

    Args:
        one: Activity :math:`x`, ``(trial, unit)``.
        other: Activity :math:`y`.

    Returns:
        Areas, and their variances from the placements of every trial among those of the other kind; the latter NaN with fewer
        than two trials of either.

    References:
        Comparing the areas under two or more correlated receiver operating characteristic curves (DeLong et al., 1988)
        https://doi.org/10.2307/2531595

    Examples:
        >>> area, _ = roc_area(np.array([[2.0], [4.0]]), np.array([[1.0], [3.0]]))
        >>> area.tolist()
        [0.75]
    """
    n, m = len(one), len(other)
    both = rankdata(np.concatenate([one, other]), axis=0)
    place_one = (both[:n] - rankdata(one, axis=0)) / m
    place_other = 1 - (both[n:] - rankdata(other, axis=0)) / n
    if min(n, m) < 2:
        variance = np.full(one.shape[1], np.nan)
    else:
        variance = place_one.var(0, ddof=1) / n + place_other.var(0, ddof=1) / m
    return place_one.mean(0), variance


class _Stratum(NamedTuple):
    trials: NDArray[np.intp]
    ranks: NDArray[np.float64]
    chosen: NDArray[np.bool_]
    weight: float


def _weight(n: Any, m: Any) -> Any:  # noqa: ANN401
    return n * m / (n + m + 1)


def _permuted_p(strata: list[_Stratum], n_permutations: int, seed: int) -> NDArray[np.float64]:
    """How often choices permuted within each condition depart as far from one half."""
    key = derive_seed(seed, "choice permutation")
    counter = np.arange(n_permutations, dtype=np.uint64)[:, None] << np.uint64(32)
    null = np.zeros((n_permutations, strata[0].ranks.shape[1]))
    observed = np.zeros(strata[0].ranks.shape[1])
    for each in strata:
        order = counter_uniform(key, counter + each.trials.astype(np.uint64)).argsort(1).argsort(1)
        n = int(each.chosen.sum())
        m = each.chosen.size - n
        chosen = (order < n).astype(np.float64)
        null += each.weight * ((chosen @ each.ranks - n * (n + 1) / 2) / (n * m) - 0.5)
        observed += each.weight * ((each.chosen @ each.ranks - n * (n + 1) / 2) / (n * m) - 0.5)
    return np.asarray((1 + (np.abs(null) >= np.abs(observed) - 1e-9).sum(0)) / (1 + n_permutations))


def _interval(
    grand: NDArray[np.float64],
    spread: NDArray[np.float64],
    n: NDArray[np.int64],
    m: NDArray[np.int64],
    confidence: float,
) -> NDArray[np.float64]:
    """Interval on the logit scale; where one choice exceeds the other throughout, down to what could still give that."""
    z = float(ndtri(0.5 + confidence / 2))
    ends = np.full((grand.size, 2), np.nan)
    usual = spread > 0
    a = grand[usual]
    inside = np.clip(a, 1e-9, 1 - 1e-9)
    half = z * spread[usual] / (inside * (1 - inside))
    centre = np.log(inside / (1 - inside))
    ends[usual] = 1 / (1 + np.exp(-np.stack([centre - half, centre + half], 1)))
    apart = ~usual & ((grand == 0) | (grand == 1))
    least = _least_area(n[apart], m[apart], z)
    top = grand[apart] == 1
    ends[apart] = np.stack([np.where(top, least, 0.0), np.where(top, 1.0, 1 - least)], 1)
    return ends


def _least_area(n: NDArray[np.int64], m: NDArray[np.int64], z: float) -> NDArray[np.float64]:
    """The area that lies z of its own standard errors (Hanley & McNeil) below 1, by bisection."""
    low: NDArray[np.float64] = np.zeros(n.size)
    high: NDArray[np.float64] = np.ones(n.size)
    for _ in range(60):
        a = (low + high) / 2
        others = (n + m) / 2 - 1
        variance = a * (1 - a) * (1 + others * ((1 - a) / (2 - a) + a / (1 + a))) / np.maximum(n * m, 1)
        below = (1 - a) ** 2 > z**2 * variance
        low, high = np.where(below, a, low), np.where(below, high, a)
    return low


def _flipped(preferred: ArrayLike | None, choices: NDArray[Any], n_units: int) -> NDArray[np.bool_]:
    if preferred is None:
        return np.zeros(n_units, dtype=bool)
    values = np.asarray(preferred)
    if values.shape != (n_units,) or not np.isin(values, choices).all():
        raise ValueError(
            f"preferred must be {choices[0]} or {choices[1]} for each of {n_units} units: got shape {values.shape} with "
            f"values {', '.join(map(str, np.unique(values)[:5]))}."
        )
    return np.asarray(values == choices[0])


def _mean(values: NDArray[np.float64], confidence: float) -> tuple[float, NDArray[np.float64]]:
    known = values[np.isfinite(values)]
    if not known.size:
        return np.nan, np.full(2, np.nan)
    mean = float(known.mean())
    if known.size < 2:
        return mean, np.full(2, np.nan)
    half = float(stdtrit(known.size - 1, 0.5 + confidence / 2)) * known.std(ddof=1) / np.sqrt(known.size)
    return mean, np.array([mean - half, mean + half])
