"""From the draws of a comparison to one labelled result."""

__all__ = ["result_of"]

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import norm

from neurornn.analysis.compare._ceiling import corrected, scale_of
from neurornn.analysis.compare._draws import Evaluation, Plan
from neurornn.analysis.compare._entered import Entered, coordinates, counts
from neurornn.analysis.compare._statistics import (
    mean,
    median,
    median_interval,
    p_value,
    pooled_deviation,
    quantiles,
    student_interval,
)
from neurornn.analysis.similarity import AbstractSimilarity
from neurornn.provenance import provenance
from neurornn.random import derive_seed


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
        variables | counts(entered),
        coordinates(plan, entered, confidence),
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
    per_unit = mean(np.stack([each.unit_score for each in found], -1))
    n_used = entered.used.size
    n_drawn = n_used if entered.n_units is None else min(entered.n_units, n_used)
    z = norm.ppf(tails) * np.sqrt(n_drawn / n_used)
    key = derive_seed(plan.seed, "medians")
    if measure.per_unit:
        score = median(per_unit)
        interval = np.array([[median_interval(row, tails, key) for row in rows] for rows in per_unit])
    else:
        score = mean(draws)
        interval = (
            score[..., None] + z * pooled_deviation(np.stack([each.spread for each in found]))[..., None]
        )
    scale = scale_of(measure)
    unit_ceiling: NDArray[np.float64] = np.full(n_used, np.nan)
    low, high = (
        float(mean(np.array([getattr(each, name) for each in found]))) for name in ("cautious", "generous")
    )
    if measure.per_unit and scale is not None:
        pooled = scale == "square"  # a correlation is that within folds, averaged
        r, r_all = (
            mean(reliabilities.transpose(1, 2, 0))[:2]
            if pooled
            else mean(reliabilities.transpose(1, 2, 0))[2:]
        )
        power = 2.0 if scale == "square" else 1.0
        known = np.isfinite(r)
        halves = np.where(known, np.clip(r, 0.0, 1.0), np.nan)
        unit_ceiling = corrected(halves**power, scale, lengthened=1.0 if plan.by_trial else 2.0)
        ceiling = float(median(unit_ceiling))
        ceiling_interval = median_interval(unit_ceiling, tails, key)
        low, high = float(median(halves**power)), float(median(np.clip(r_all, 0.0, 1.0) ** power))
    else:
        ceiling = low if scale is None else float(corrected(np.array(low), scale))
        s = float(pooled_deviation(np.stack([each.ceiling_spread for each in found])))
        ends = low + z * s
        ceiling_interval = np.sort(ends if scale is None else corrected(ends, scale))
        ceiling_interval = np.where(np.isfinite(ends).all(), ceiling_interval, np.nan)
    null = np.concatenate([each.null for each in found], -1)
    trained = score[0]
    return _Summary(
        score,
        interval,
        mean(score),
        np.array([student_interval(row, confidence) for row in score]),
        draws,
        ceiling,
        ceiling_interval,
        np.array([low, high]),
        scale is not None,
        mean(null),
        np.stack([quantiles(row, tails) for row in null]),
        np.array([
            p_value(value, row, measure.is_distance) for value, row in zip(trained, null, strict=True)
        ]),
        per_unit,
        unit_ceiling,
        int(sum((~each.bound_met).sum() for each in found)),
    )


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
