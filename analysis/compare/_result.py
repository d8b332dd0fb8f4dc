"""From the draws of a comparison to one labelled result."""

__all__ = ["Entered", "result_of"]

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from neurornn.analysis.compare._ceiling import corrected, scale_of
from neurornn.analysis.compare._clock import TimeBase
from neurornn.analysis.compare._draws import QUANTITIES, Evaluation, Plan
from neurornn.analysis.compare._match import Conditions
from neurornn.analysis.compare._side import Side
from neurornn.analysis.similarity import AbstractSimilarity
from neurornn.provenance import provenance
from neurornn.random import derive_seed, uniform_array

_N_MEDIANS = 1000  # bootstrap samples of scores per neuron, which cost nothing


class Entered(NamedTuple):
    """What entered the comparison.

    Attributes:
        brain: The recording.
        used: Its units that can be used.
        needed: Trials they needed.
        models: The networks.
        match: Conditions.
        base: Bins.
        n_units: Units of a draw, None for all.
    """

    brain: Side
    used: NDArray[np.intp]
    needed: int
    models: Sequence[Side]
    match: Conditions
    base: TimeBase
    n_units: int | None


class _Summary(NamedTuple):
    """One measure over all draws; the fields are the variables of the result."""

    score: NDArray[np.float64]
    interval: NDArray[np.float64]
    mean: NDArray[np.float64]
    seed_interval: NDArray[np.float64]
    score_draw: NDArray[np.float64]
    ceiling: float
    ceiling_interval: NDArray[np.float64]
    ceiling_limit: NDArray[np.float64]
    is_corrected: bool
    null: NDArray[np.float64]
    null_interval: NDArray[np.float64]
    p_value: NDArray[np.float64]
    unit_score: NDArray[np.float64]
    unit_ceiling: NDArray[np.float64]
    n_unverified: int


def result_of(
    plan: Plan,
    entered: Entered,
    evaluations: Sequence[Mapping[str, Evaluation]],
    reliabilities: NDArray[np.float64],
    *,
    confidence: float,
    settings: Mapping[str, Any],
) -> xr.Dataset:
    """Put everything together.

    Args:
        plan: What was done in every draw.
        entered: What entered.
        evaluations: One for each draw and measure.
        reliabilities: Correlation of each unit between halves and between all trials and a half, over all conditions and
            then within folds, ``(draw, 4, unit)``.
        confidence: Of the intervals.
        settings: Arguments of the comparison.

    Returns:
        The result.

    Raises:
        ValueError: If nothing could be scored.
    """
    problems = _problems(evaluations)
    summaries = {
        label: _summary(
            measure, plan, entered, [each[label] for each in evaluations], reliabilities, confidence
        )
        for label, measure in plan.measures.items()
    }
    if not any(np.isfinite(each.score).any() for each in summaries.values()):
        raise ValueError(f"Nothing could be scored. {problems[0]}")
    dims = {
        "score": ("measure", "quantity", "model"),
        "interval": ("measure", "quantity", "model", "bound"),
        "mean": ("measure", "quantity"),
        "seed_interval": ("measure", "quantity", "bound"),
        "score_draw": ("measure", "quantity", "model", "draw"),
        "ceiling": ("measure",),
        "ceiling_interval": ("measure", "bound"),
        "ceiling_limit": ("measure", "limit"),
        "is_corrected": ("measure",),
        "null": ("measure", "model"),
        "null_interval": ("measure", "model", "bound"),
        "p_value": ("measure", "model"),
        "unit_score": ("measure", "quantity", "model", "unit"),
        "unit_ceiling": ("measure", "unit"),
        "n_unverified": ("measure",),
    }
    variables = {
        name: (of, np.stack([np.asarray(getattr(each, name)) for each in summaries.values()]), _about(name))
        for name, of in dims.items()
    }
    measures = plan.measures.values()
    variables["is_distance"] = (
        ("measure",),
        np.array([each.is_distance for each in measures]),
        _about("is_distance"),
    )
    variables["perfect"] = (("measure",), np.array([each.perfect for each in measures]), _about("perfect"))
    return xr.Dataset(
        variables | _counts(entered),
        _coords(plan, entered, confidence),
        provenance("neurornn.Comparison/1")
        | {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
        | {
            "seed": int(plan.seed),
            "confidence": confidence,
            "complete": int(len(evaluations) == settings["n_subsamples"]),
            "n_draws": len(evaluations),
            "n_shuffles": plan.n_shuffles * len(evaluations),
            "n_bootstrap": plan.n_bootstrap * len(evaluations),
            "aligned_to": entered.base.event,
            "bin_width": entered.base.width,
            "problems": problems,
        },
    )


def _summary(
    measure: AbstractSimilarity,
    plan: Plan,
    entered: Entered,
    found: Sequence[Evaluation],
    reliabilities: NDArray[np.float64],
    confidence: float,
) -> _Summary:
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    draws = np.stack([each.score for each in found], -1)
    per_unit = _mean(np.stack([each.unit_score for each in found], -1))
    n_used = entered.used.size
    n_drawn = n_used if entered.n_units is None else min(entered.n_units, n_used)
    z = norm.ppf(tails) * np.sqrt(n_drawn / n_used)
    key = derive_seed(plan.seed, "medians")
    if measure.per_unit:
        score = _median(per_unit)
        interval = np.array([[_median_interval(row, tails, key) for row in rows] for rows in per_unit])
    else:
        score = _mean(draws)
        interval = score[..., None] + z * _pooled(np.stack([each.spread for each in found]))[..., None]
    scale = scale_of(measure)
    unit_ceiling: NDArray[np.float64] = np.full(n_used, np.nan)
    low, high = (
        float(_mean(np.array([getattr(each, name) for each in found]))) for name in ("cautious", "generous")
    )
    if measure.per_unit and scale is not None:
        pooled = scale == "square"  # a correlation is that within folds, averaged
        r, r_all = (
            _mean(reliabilities.transpose(1, 2, 0))[:2]
            if pooled
            else _mean(reliabilities.transpose(1, 2, 0))[2:]
        )
        power = 2.0 if scale == "square" else 1.0
        known = np.isfinite(r)
        halves = np.where(known, np.clip(r, 0.0, 1.0), np.nan)
        unit_ceiling = corrected(halves**power, scale, lengthened=1.0 if plan.by_trial else 2.0)
        ceiling = float(_median(unit_ceiling))
        ceiling_interval = _median_interval(unit_ceiling, tails, key)
        low, high = float(_median(halves**power)), float(_median(np.clip(r_all, 0.0, 1.0) ** power))
    else:
        ceiling = low if scale is None else float(corrected(np.array(low), scale))
        s = float(_pooled(np.stack([each.ceiling_spread for each in found])))
        ends = low + z * s
        ceiling_interval = np.sort(ends if scale is None else corrected(ends, scale))
        ceiling_interval = np.where(np.isfinite(ends).all(), ceiling_interval, np.nan)
    null = np.concatenate([each.null for each in found], -1)
    trained = score[0]
    return _Summary(
        score,
        interval,
        _mean(score),
        np.array([_student(row, confidence) for row in score]),
        draws,
        ceiling,
        ceiling_interval,
        np.array([low, high]),
        scale is not None,
        _mean(null),
        np.stack([_quantiles(row, tails) for row in null]),
        np.array([_p(value, row, measure.is_distance) for value, row in zip(trained, null, strict=True)]),
        per_unit,
        unit_ceiling,
        int(sum((~each.bound_met).sum() for each in found)),
    )


def _coords(plan: Plan, entered: Entered, confidence: float) -> dict[str, Any]:
    brain, base = entered.brain, entered.base
    return {
        "measure": list(plan.measures),
        "quantity": list(QUANTITIES),
        "model": np.arange(len(entered.models)),
        "bound": ("bound", ["lower", "upper"], {"long_name": f"end of the {100 * confidence:g} % interval"}),
        "limit": ("limit", ["cautious", "generous"]),
        "unit": brain.ids[entered.used],
        "time": (
            "time",
            base.start,
            {
                "units": "ms",
                "long_name": f"time from {base.event.replace('_', ' ')}",
                "aligned_to": base.event,
            },
        ),
        **{name: ("condition", values) for name, values in entered.match.levels.items()},
    }


def _counts(entered: Entered) -> dict[str, Any]:
    brain, match = entered.brain, entered.match
    used = entered.used
    all_units = entered.n_units is None
    numbers = {
        "n_units": (
            used.size if all_units else min(entered.n_units or 0, used.size),
            "units of the recording in each draw",
        ),
        "n_units_recorded": (brain.n_units, "units of the recording"),
        "n_units_excluded": (
            brain.n_units - used.size,
            f"recorded units with fewer than {entered.needed} trials in a condition at a bin",
        ),
        "n_trials": (int(brain.n_trials.sum()), "recorded trials that entered"),
        "n_trials_without_condition": (match.n_unlabelled[-1], "recorded trials that lack a condition"),
        "n_trials_unmatched": (match.n_unmatched[-1], "recorded trials of conditions that a network has not"),
        "n_trials_without_event": (int((~brain.clock.aligned).sum()), "recorded trials without the event"),
        "n_conditions_unmatched": (len(match.unmatched), "conditions that one side lacks"),
        "event_rounding": (
            max(each.rounding for each in entered.base.clocks),
            "largest distance of an event from its bin",
        ),
    }
    least = brain.counts[:, :, used].min(1)
    return {
        name: ((), value, {"long_name": about, "units": "ms" if name == "event_rounding" else "1"})
        for name, (value, about) in numbers.items()
    } | {
        "n_units_of_model": (
            "model",
            np.array([side.n_units for side in entered.models]),
            {"long_name": "units of the network"},
        ),
        "n_trials_of_condition": ("condition", brain.n_trials, {"long_name": "recorded trials"}),
        "n_trials_of_model": (
            ("model", "condition"),
            np.stack([side.n_trials for side in entered.models]),
            {"long_name": "simulated trials"},
        ),
        "n_trials_of_unit": (
            ("condition", "unit"),
            least,
            {"long_name": "trials at the bin that has fewest"},
        ),
    }


def _problems(evaluations: Sequence[Mapping[str, Evaluation]]) -> list[str]:
    every = [text for each in evaluations for one in each.values() for text in one.problems]
    return [f"{text} ({every.count(text)} times)" for text in dict.fromkeys(every)][:20]


def _about(name: str) -> dict[str, str]:
    texts = {
        "score": "score",
        "interval": "interval of the score over recorded units",
        "mean": "mean score over networks",
        "seed_interval": "interval of the mean over networks",
        "score_draw": "score of each draw",
        "ceiling": "noise ceiling",
        "ceiling_interval": "interval of the ceiling over recorded units",
        "ceiling_limit": "half against half, and all trials against a half",
        "is_corrected": "whether the ceiling is corrected for the number of trials",
        "null": "mean score with permuted conditions",
        "null_interval": "range of scores with permuted conditions",
        "p_value": "p value against permuted conditions",
        "unit_score": "score of each recorded unit",
        "unit_ceiling": "noise ceiling of each recorded unit",
        "n_unverified": "scores found by a search that are not proven to be its optimum",
        "is_distance": "whether smaller is more similar",
        "perfect": "value of a population with itself",
    }
    return {"long_name": texts[name], "units": "1"}


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the last axis of what exists."""
    known = np.isfinite(values)
    count = known.sum(-1)
    out = np.full(count.shape, np.nan)
    np.divide(np.where(known, values, 0.0).sum(-1), count, out=out, where=count > 0)
    return out


def _median(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median over the last axis of what exists."""
    flat = values.reshape(-1, values.shape[-1])
    found = [np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.nan for row in flat]
    return np.array(found).reshape(values.shape[:-1])


def _median_interval(
    values: NDArray[np.float64], tails: NDArray[np.float64], key: int
) -> NDArray[np.float64]:
    known = values[np.isfinite(values)]
    if known.size < 2:
        return np.full(2, np.nan)
    rows = (uniform_array(key, _N_MEDIANS, known.size) * known.size).astype(np.intp)
    return np.asarray(np.quantile(np.median(known[rows], axis=1), tails))


def _pooled(spread: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard deviation over the last axis, pooled over the first."""
    known = np.isfinite(spread)
    count = known.sum(-1)
    centre = _mean(spread)[..., None]
    squares = np.where(known, (spread - centre) ** 2, 0.0).sum((0, -1))
    freedom = np.maximum(count - 1, 0).sum(0)
    out = np.full(freedom.shape, np.nan)
    np.divide(squares, freedom, out=out, where=freedom > 0)
    return np.sqrt(out)


def _student(values: NDArray[np.float64], confidence: float) -> NDArray[np.float64]:
    known = values[np.isfinite(values)]
    if known.size < 2:
        return np.full(2, np.nan)
    half = student.ppf((1 + confidence) / 2, known.size - 1) * known.std(ddof=1) / np.sqrt(known.size)
    return known.mean() + np.array([-half, half])


def _quantiles(values: NDArray[np.float64], tails: NDArray[np.float64]) -> NDArray[np.float64]:
    known = values[np.isfinite(values)]
    return np.asarray(np.quantile(known, tails)) if known.size else np.full(2, np.nan)


def _p(score: float, null: NDArray[np.float64], is_distance: bool) -> float:
    known = null[np.isfinite(null)]
    if not known.size or not np.isfinite(score):
        return float("nan")
    as_good = known <= score if is_distance else known >= score
    return float((1 + as_good.sum()) / (1 + known.size))
