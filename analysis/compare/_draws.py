"""One random draw: which units, which halves, which folds, and what every measure says of it."""

__all__ = ["QUANTITIES", "Draw", "Evaluation", "Plan", "evaluate"]

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurornn.analysis.compare._ceiling import Averages, arrays_of, cautious, generous, half_correlation
from neurornn.analysis.similarity import AbstractSimilarity, Folds, Scores, condition_folds
from neurornn.random import derive_seed, uniform_array

QUANTITIES: Final = ("trained", "untrained", "inputs")


class Plan(NamedTuple):
    """What is done in every draw.

    Attributes:
        measures: Measures by label.
        n_units: Most units of a population; None for all.
        by_trial: Whether fitted measures hold out trials instead of conditions.
        n_folds: Folds of held-out conditions.
        n_shuffles: Permutations of the conditions.
        n_bootstrap: Bootstrap samples of the units.
        seed: Seed of everything.
    """

    measures: Mapping[str, AbstractSimilarity]
    n_units: int | None
    by_trial: bool
    n_folds: int
    n_shuffles: int
    n_bootstrap: int
    seed: int


class Draw(NamedTuple):
    """Populations of one draw.

    Attributes:
        number: Which draw.
        brain: The recording in one split of its trials, all units that can be used.
        models: For each quantity the networks; None where there is none.
    """

    number: int
    brain: Averages
    models: Mapping[str, Sequence[Averages | None]]


class Evaluation(NamedTuple):
    """What one measure says of one draw; NaN where it says nothing.

    Attributes:
        score: ``(quantity, model)``.
        null: With permuted conditions, ``(model, shuffle)``.
        spread: With units drawn again with replacement, ``(quantity, model, bootstrap)``.
        unit_score: ``(quantity, model, unit)``.
        cautious: Half of the recording against the other half.
        generous: The recording against one half of itself.
        ceiling_spread: The cautious one, with units drawn again with replacement.
        bound_met: ``(quantity, model)``: whether the value is exact or as good as its proven limit.
        problems: What went wrong.
    """

    score: NDArray[np.float64]
    null: NDArray[np.float64]
    spread: NDArray[np.float64]
    unit_score: NDArray[np.float64]
    cautious: float
    generous: float
    ceiling_spread: NDArray[np.float64]
    bound_met: NDArray[np.bool_]
    problems: list[str]


def evaluate(plan: Plan, draw: Draw) -> tuple[NDArray[np.intp], NDArray[np.float64], dict[str, Evaluation]]:
    """Apply every measure to one draw.

    Args:
        plan: What to do.
        draw: The populations.

    Returns:
        The units of the recording that were drawn; the correlation of each between the halves and between all trials and a
        half, over all conditions and then averaged over folds of them, ``(4, unit)``; and the evaluations by label.
    """
    n_conditions, _, n_brain = draw.brain.full.shape
    chosen = _some(n_brain, plan.n_units, derive_seed(plan.seed, "units", draw.number))
    brain = draw.brain.at(chosen)
    models = {
        quantity: [
            None
            if each is None
            else each.at(
                _some(each.full.shape[-1], plan.n_units, derive_seed(plan.seed, "model units", draw.number))
            )
            for each in found
        ]
        for quantity, found in draw.models.items()
    }
    tests: list[NDArray[np.intp]] = [np.arange(n_conditions)]
    if not plan.by_trial:
        tests = [test for _, test in _condition_folds(plan, draw.number, n_conditions)]
    pairs = (brain.halves, (brain.full, brain.halves[0]))
    pooled = [half_correlation(*pair) for pair in pairs]
    within = [np.mean([half_correlation(pair[0][k], pair[1][k]) for k in tests], axis=0) for pair in pairs]
    reliability = np.stack([*pooled, *within])
    orders = [
        np.argsort(uniform_array(derive_seed(plan.seed, "shuffle", draw.number, k), n_conditions))
        for k in range(plan.n_shuffles)
    ]
    again = [
        (
            uniform_array(derive_seed(plan.seed, "bootstrap", draw.number, k), chosen.size) * chosen.size
        ).astype(np.intp)
        for k in range(plan.n_bootstrap)
    ]
    found = {
        label: _one(measure, label, plan, draw.number, brain, models, orders, again, n_brain, chosen)
        for label, measure in plan.measures.items()
    }
    return chosen, reliability, found


def _one(
    measure: AbstractSimilarity,
    label: str,
    plan: Plan,
    number: int,
    brain: Averages,
    models: Mapping[str, Sequence[Averages | None]],
    orders: Sequence[NDArray[np.intp]],
    again: Sequence[NDArray[np.intp]],
    n_brain: int,
    chosen: NDArray[np.intp],
) -> Evaluation:
    n_models = len(models["trained"])
    n_conditions = len(brain.full)
    folds = _folds(measure, plan, number, n_conditions)
    shape = (len(QUANTITIES), n_models)
    score, met = np.full(shape, np.nan), np.ones(shape, dtype=bool)
    null = np.full((n_models, len(orders)), np.nan)
    spread = np.full((*shape, 0 if measure.per_unit else len(again)), np.nan)
    unit_score = np.full((*shape, n_brain), np.nan)
    problems: list[str] = []

    def value(X: Averages, Y: Averages, what: str) -> Scores:
        try:
            return measure.score(
                arrays_of(measure, X, by_trial=plan.by_trial),
                arrays_of(measure, Y, by_trial=plan.by_trial),
                folds,
            )
        except ValueError as error:
            problems.append(f"{label}, {what}: {error}")
            return Scores(np.nan)

    for q, quantity in enumerate(QUANTITIES):
        for m, X in enumerate(models[quantity]):
            if X is None:
                continue
            found = value(X, brain, quantity)
            score[q, m] = found.value
            met[q, m] = found.verified
            if found.per_unit is not None:
                unit_score[q, m, chosen] = found.per_unit
            if np.isnan(found.value):
                continue
            for k in range(spread.shape[2] if quantity == "trained" else 0):
                spread[q, m, k] = value(X, brain.at(again[k]), f"{quantity}, bootstrap").value
            if quantity == "trained":
                for k, order in enumerate(orders):
                    null[m, k] = value(X.at_conditions(order), brain, "null").value
    low = value(*cautious(brain), "ceiling").value
    high = value(*generous(brain), "ceiling").value
    ceiling_spread = np.array([
        value(*cautious(brain.at(units)), "ceiling, bootstrap").value for units in again[: spread.shape[2]]
    ])
    return Evaluation(score, null, spread, unit_score, low, high, ceiling_spread, met, problems)


def _folds(measure: AbstractSimilarity, plan: Plan, number: int, n_conditions: int) -> Folds | None:
    if not measure.fitted:
        return None
    if plan.by_trial:  # the halves come one after the other
        first, second = np.arange(n_conditions), np.arange(n_conditions, 2 * n_conditions)
        return [(first, second), (second, first)]
    return _condition_folds(plan, number, n_conditions)


def _condition_folds(plan: Plan, number: int, n_conditions: int) -> Folds:
    return condition_folds(
        n_conditions, n_folds=min(plan.n_folds, n_conditions), seed=derive_seed(plan.seed, "folds", number)
    )


def _some(n: int, wanted: int | None, key: int) -> NDArray[np.intp]:
    if wanted is None or n <= wanted:
        return np.arange(n)
    return np.sort(np.argsort(uniform_array(key, n))[:wanted])
