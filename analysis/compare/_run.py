r"""Networks beside a recording: scores with ceilings, baselines, nulls and intervals."""

__all__ = ["DEFAULT_MEASURES", "run"]

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
import xarray as xr

from neurornn.analysis.compare._arguments import check_arguments, labelled
from neurornn.analysis.compare._ceiling import Averages
from neurornn.analysis.compare._clock import Align
from neurornn.analysis.compare._draws import Plan
from neurornn.analysis.compare._entered import Entered
from neurornn.analysis.compare._loop import Progress, evaluate_all
from neurornn.analysis.compare._match import Translation
from neurornn.analysis.compare._models import Model, candidates_of
from neurornn.analysis.compare._prepare import check_complete, check_units, prepare, recorded_variable
from neurornn.analysis.compare._result import result_of
from neurornn.analysis.compare._side import Side
from neurornn.analysis.similarity import (
    RSA,
    SVCCA,
    AbstractSimilarity,
    HeldOutProcrustes,
    LinearCKA,
    LinearPredictivity,
)
from neurornn.random import derive_seed

DEFAULT_MEASURES: tuple[AbstractSimilarity, ...] = (
    LinearPredictivity(),
    SVCCA(),
    HeldOutProcrustes(),
    LinearCKA(debiased=True),
    RSA(),
)
"""Predictivity, canonical correlation, rotation, covariance and distances: five questions with five answers."""


def run(
    models: Sequence[Model],
    recording: xr.Dataset,
    *,
    by: str | Sequence[str],
    measures: Sequence[AbstractSimilarity] = DEFAULT_MEASURES,
    conditions: Mapping[str, Translation] | None = None,
    unmatched: Literal["raise", "drop"] = "raise",
    align: Align | None = None,
    window: tuple[float, float] | None = None,
    bin_width: float | None = None,
    units: Literal["match", "all"] | int = "match",
    split: Literal["condition", "trial"] = "condition",
    n_subsamples: int = 10,
    n_splits: int = 10,
    n_folds: int = 5,
    n_shuffles: int = 50,
    n_bootstrap: int = 40,
    min_trials: int = 2,
    untrained: Sequence[xr.Dataset] | bool = True,
    n_trials: int = 500,
    variable: str = "rate",
    confidence: float = 0.95,
    seed: int = 0,
    callback: Callable[[Progress], None] | None = None,
) -> xr.Dataset:
    r"""Compare networks with a recording.

    1. Trials of both sides are sorted into the same **conditions** and brought to the same **bins**: time is counted from
       the same event, and nothing is resampled, renamed or left out unless asked.
    2. Both sides are averaged over the trials of each condition. The recording is read some trials at a time, so it may be
       larger than memory. A unit enters if it has ``min_trials`` trials in every condition at every bin.
    3. ``n_subsamples`` times, as many units of each side are **drawn** at random as the smallest of them has: most measures
       favour the larger population. Every measure is applied to the same draws.
    4. **Ceiling**: the trials of each condition are split at random into halves and each half is compared with the
       other. With :math:`r` what they share, a noise-free model can reach the reliability :math:`\rho = 2 r / (1 + r)` of all
       trials (Spearman-Brown) where a measure counts shared variance, and :math:`\sqrt\rho` where it is a correlation. ``linear predictivity`` has a ceiling for each neuron. ``ceiling_limit`` holds two scores
       with wrong amounts of noise, half against half (cautious) and all trials against a half of them (generous). For measures
       of which it is not known how noise lowers them the cautious one stands for the ceiling, and ``is_corrected`` is 0.
       Measures that reward the noise both halves have in common, such as the plain CKA of many units, have no cautious
       limit in this sense.
    5. **Baselines**: the same network before training, and its input channels as if they were units. **Null**: conditions
       of the network permuted as wholes, so that what all conditions share in time stays.
    6. **Intervals** over units: units of the recording are drawn again with replacement. With scores per neuron it is the
       percentile interval of their median; else :math:`\pm z\,s \sqrt{n/N}` with :math:`s` the spread of the score
       of :math:`n` of :math:`N` units. Over networks: Student's interval of the mean over ``models``, a seed each.

    The ceiling is that of a model with the *same* units without noise. A model that is right but of which other units
    are seen, as when both sides are subsampled, can remain below it.

    Args:
        models: Networks, one a seed: what :func:`neurornn.simulate` gives, or pairs ``(network, task)`` that are simulated here.
        recording: Binned recording, trials by time by unit, possibly on disk. Bin spikes with
            :func:`neurornn.recordings.to_rates` first.
        by: Condition variables, as the networks have them.
        measures: Measures of :mod:`neurornn.analysis.similarity`.
        conditions: What the recording calls a condition, ``{"coherence": "coherence_pct"}``, or also how its values become those
            of the networks, ``{"coherence": ("coherence_pct", lambda value: value / 100)}`` or a dictionary in place of
            the function. Values that become None are left out.
        unmatched: Conditions that one side lacks are an error, or dropped and counted.
        align: Event at time 0, of one name on both sides or ``(in the networks, in the recording)``, such as
            ``("stimulus_start", "dots_on")``; time as it is if None.
        window: First and last edge in ms; what all sides cover if None.
        bin_width: Average in bins of so many ms; a multiple of the steps of every side. None if they are equal.
        units: ``"match"``: as many as the smallest side has; a number; or ``"all"``, which favours larger populations.
        split: Whether measures that are fitted hold out conditions or trials.
        n_subsamples: Draws of units.
        n_splits: Splits of the trials into halves; draws take them in turn.
        n_folds: Folds of held-out conditions.
        n_shuffles: Permutations of the conditions in all.
        n_bootstrap: Samples of units with replacement in all.
        min_trials: Trials a unit needs in every condition at every bin.
        untrained: Trials of each network before training. True simulates them where a pair is given: the same architecture
            and seed with its initial weights. Their trials are labelled with the conditions of the trained network.
        n_trials: Trials simulated of each network given as a pair.
        variable: Activity of the networks; of the recording it is ``rate``, or ``counts`` where there is no rate.
        confidence: Of all intervals.
        seed: Seed of everything that is random. Nothing depends on the order of units, trials or conditions.
        callback: Called after every draw. Ctrl-C, or a ``KeyboardInterrupt`` raised here, ends the comparison with the draws done
            so far (``attrs["complete"]`` is 0).

    Returns:
        A dataset along ``measure``, ``model`` and ``quantity`` (trained, untrained, inputs): ``score`` with its ``interval`` (of trained networks, and of all where a neuron has a score) over
        units; ``mean`` with ``seed_interval`` over models; ``ceiling`` with ``ceiling_interval`` and ``ceiling_limit``;
        ``null`` with ``null_interval`` and ``p_value`` of the trained network; ``unit_score`` and ``unit_ceiling`` along
        ``unit``; ``score_draw`` of every draw; ``condition`` coordinates with the trials that entered on each side; and the
        numbers of units and trials that did not, each with its reason. ``attrs["problems"]`` says what could not be scored.

    Raises:
        TypeError: If a model is neither a dataset nor a pair.
        ValueError: If conditions, times or units do not match, or an argument makes no sense.
        KeyboardInterrupt: If interrupted before the first draw was done.

    Examples:
        Eight units on a circle, noisy, and a network with the same circle in other units:

        >>> import numpy as np, xarray as xr
        >>> from neurornn.analysis import compare
        >>> from neurornn.analysis.similarity import LinearCKA
        >>> from neurornn.random import normal_array
        >>> angle = np.tile(np.arange(8) * np.pi / 4, 20)
        >>> def population(n, noise, key):
        ...     tuning = np.cos(angle[:, None, None] - 2 * np.pi * np.arange(n) / n) * np.array([0.5, 1.0])[:, None]
        ...     rate = 5 + tuning + noise * normal_array(key, *tuning.shape)
        ...     time = ("time", [0.0, 10.0], {"units": "ms"})
        ...     return xr.Dataset({"rate": (("trial", "time", "unit"), rate)}, {"time": time, "angle": ("trial", angle)})
        >>> found = compare.run([population(12, 0.0, 1)], population(8, 1.0, 2), by="angle", measures=[LinearCKA(debiased=True)])
        >>> bool(abs(found.score.sel(quantity="trained") - found.ceiling).squeeze() < 0.05)
        True
    """
    names = [by] if isinstance(by, str) else list(by)
    labels = labelled(measures)
    check_arguments(
        unmatched,
        units,
        split,
        confidence,
        n_subsamples,
        n_splits,
        n_folds,
        n_shuffles,
        n_bootstrap,
        min_trials,
    )
    candidates = candidates_of(models, untrained, names, n_trials=n_trials, seed=seed)
    brain_variable = recorded_variable(recording)
    four = any(each.needs_splits or (each.fitted and split == "trial") for each in measures)
    sides, match, base, quantities = prepare(
        candidates,
        recording,
        names,
        conditions=conditions or {},
        drop=unmatched == "drop",
        align=align,
        window=window,
        bin_width=bin_width,
        variable=variable,
        brain_variable=brain_variable,
    )
    brain = sides[-1]
    needed = max(min_trials, 4 if four else 2)
    used = brain.whole_units(needed)
    check_units(brain, used, needed, match, base)
    for side in sides[:-1]:
        check_complete(side, match, base)
    counts = [sides[k].n_units for k in quantities["trained"] if k is not None]
    n_units = min(*counts, used.size) if units == "match" else None if units == "all" else int(units)
    plan = Plan(
        labels,
        n_units,
        split == "trial",
        n_folds,
        math.ceil(n_shuffles / n_subsamples),
        max(2, math.ceil(n_bootstrap / n_subsamples)) if n_bootstrap else 0,
        seed,
    )
    entered = Entered(
        brain=brain,
        used=used,
        needed=needed,
        models=[sides[k] for k in quantities["trained"] if k is not None],
        match=match,
        base=base,
        n_units=n_units,
    )
    populations = {
        quantity: [None if k is None else _averages(sides[k], four, seed) for k in places]
        for quantity, places in quantities.items()
    }
    evaluations, reliabilities = evaluate_all(
        plan, brain, used, populations, 4 if four else 2, n_subsamples, n_splits, callback
    )
    return result_of(
        plan,
        entered,
        evaluations,
        reliabilities,
        confidence=confidence,
        settings={
            "by": names,
            "units": str(units),
            "split": split,
            "n_subsamples": n_subsamples,
            "n_splits": n_splits,
            "n_folds": n_folds,
            "min_trials": needed,
            "variable": variable,
            "recorded_variable": brain_variable,
        },
    )


def _averages(side: Side, four: bool, seed: int) -> Averages:
    """A network's averages, with halves of its trials where a measure needs them."""
    every = np.arange(side.n_units)
    if four and side.whole_units(2).size == side.n_units:
        (parts,) = side.parts(every, 2, [derive_seed(seed, "network split")])
        return Averages.of(parts)
    return Averages(side.mean, (side.mean, side.mean))
