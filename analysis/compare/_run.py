r"""Networks beside a recording: scores with ceilings, baselines, nulls and intervals."""

__all__ = ["DEFAULT_MEASURES", "Progress", "prepare", "recorded_variable", "run"]

import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # scikit-learn needs it too

from neurornn.analysis.compare._ceiling import Averages
from neurornn.analysis.compare._clock import Align, TimeBase, time_base
from neurornn.analysis.compare._draws import QUANTITIES, Draw, Evaluation, Plan, evaluate
from neurornn.analysis.compare._match import Conditions, Translation, match_conditions
from neurornn.analysis.compare._models import Candidate, Model, candidates_of
from neurornn.analysis.compare._result import Entered, result_of
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

_log = logging.getLogger(__name__)

DEFAULT_MEASURES: tuple[AbstractSimilarity, ...] = (
    LinearPredictivity(),
    SVCCA(),
    HeldOutProcrustes(),
    LinearCKA(debiased=True),
    RSA(),
)
"""Predictivity, canonical correlation, rotation, covariance and distances: five questions with five answers."""

_EVERY = 10.0  # seconds between messages


@dataclass(frozen=True)
class Progress:
    """How far a comparison is.

    Attributes:
        done: Draws done.
        total: Draws wanted.
        seconds: Time since the first began.
    """

    done: int
    total: int
    seconds: float


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
    labelled = _labels(measures)
    _check(
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
    _check_units(brain, used, needed, match, base)
    for side in sides[:-1]:
        _check_complete(side, match, base)
    counts = [sides[k].n_units for k in quantities["trained"] if k is not None]
    n_units = min(*counts, used.size) if units == "match" else None if units == "all" else int(units)
    plan = Plan(
        labelled,
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
    evaluations, reliabilities = _evaluate(
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


def prepare(
    candidates: Sequence[Candidate],
    recording: xr.Dataset,
    by: Sequence[str],
    *,
    conditions: Mapping[str, Translation],
    drop: bool,
    align: Align | None,
    window: tuple[float, float] | None,
    bin_width: float | None,
    variable: str,
    brain_variable: str,
) -> tuple[list[Side], Conditions, TimeBase, dict[str, list[int | None]]]:
    """Bring everything to the same conditions and bins.

    Args:
        candidates: Networks with their baselines.
        recording: The recording.
        by: Condition variables.
        conditions: Their names and values in the recording.
        drop: Whether unmatched conditions are dropped.
        align: Event at time 0.
        window: First and last edge in ms.
        bin_width: Width of the bins in ms.
        variable: Activity of the networks.
        brain_variable: Activity of the recording.

    Returns:
        The sides, the last of which is the recording; their conditions and bins; and for each quantity the position of the side
        of each network, None where there is none.
    """
    entries: list[tuple[str, xr.Dataset, str]] = []
    quantities: dict[str, list[int | None]] = {quantity: [] for quantity in QUANTITIES}
    for k, candidate in enumerate(candidates):
        who = f"Network {k}"
        for quantity, ds, name, what in (
            ("trained", candidate.trained, variable, who),
            ("untrained", candidate.untrained, variable, f"{who} untrained"),
            (
                "inputs",
                candidate.trained if "inputs" in candidate.trained else None,
                "inputs",
                f"{who} inputs",
            ),
        ):
            quantities[quantity].append(None if ds is None else len(entries))
            if ds is not None:
                entries.append((what, ds, name))
    entries.append(("The recording", recording, brain_variable))
    named = [(who, ds) for who, ds, _ in entries]
    match = match_conditions(named, by, conditions, drop=drop)
    base = time_base(named, align=align, window=window, bin_width=bin_width)
    sides = [
        Side(ds, who, name, member, clock, match.n, base.start.size)
        for (who, ds, name), member, clock in zip(entries, match.members, base.clocks, strict=True)
    ]
    return sides, match, base, quantities


def _evaluate(
    plan: Plan,
    brain: Side,
    used: NDArray[np.intp],
    populations: Mapping[str, Sequence[Averages | None]],
    n_parts: int,
    n_subsamples: int,
    n_splits: int,
    callback: Callable[[Progress], None] | None,
) -> tuple[list[dict[str, Evaluation]], NDArray[np.float64]]:
    """All draws, or those done before an interruption."""
    splits = [number * min(n_splits, n_subsamples) // n_subsamples for number in range(n_subsamples)]
    seeds = [derive_seed(plan.seed, "split", k) for k in range(max(splits) + 1)]
    found: list[dict[str, Evaluation]] = []
    reliabilities: list[NDArray[np.float64]] = []
    began = spoke = time.perf_counter()
    _log.info("comparing with %d units of the recording, %d draws", used.size, n_subsamples)
    try:
        for split, parts in enumerate(brain.parts(used, n_parts, seeds)):
            averages = Averages.of(parts)
            for number in (k for k, of in enumerate(splits) if of == split):
                with threadpool_limits(
                    1, user_api="blas"
                ):  # matrices this small are slower on several threads
                    chosen, reliability, evaluations = evaluate(plan, Draw(number, averages, populations))
                padded = np.full((len(reliability), used.size), np.nan)
                padded[:, chosen] = reliability
                found.append(evaluations)
                reliabilities.append(padded)
                now = time.perf_counter()
                if now - spoke > _EVERY or number == n_subsamples - 1:
                    spoke = now
                    _log.info("draw %d of %d, %.0f s", number + 1, n_subsamples, now - began)
                if callback is not None:
                    callback(Progress(number + 1, n_subsamples, now - began))
    except KeyboardInterrupt:
        if not found:
            raise
        _log.warning("interrupted: the result holds %d of %d draws", len(found), n_subsamples)
    return found[: len(reliabilities)], np.stack(reliabilities)


def _averages(side: Side, four: bool, seed: int) -> Averages:
    """A network's averages, with halves of its trials where a measure needs them."""
    every = np.arange(side.n_units)
    if four and side.whole_units(2).size == side.n_units:
        (parts,) = side.parts(every, 2, [derive_seed(seed, "network split")])
        return Averages.of(parts)
    return Averages(side.mean, (side.mean, side.mean))


def _labels(measures: Sequence[AbstractSimilarity]) -> dict[str, AbstractSimilarity]:
    if not measures or not all(isinstance(each, AbstractSimilarity) for each in measures):
        raise ValueError("measures must be one or more measures of neurornn.analysis.similarity.")
    names = [each.name for each in measures]
    labels = [each.name if names.count(each.name) == 1 else repr(each) for each in measures]
    if len(set(labels)) < len(labels):
        raise ValueError(f"measures names the same measure twice: {', '.join(labels)}.")
    return dict(zip(labels, measures, strict=True))


def recorded_variable(recording: xr.Dataset) -> str:
    """The activity of a recording: its rates, or counts where there are none.

    Args:
        recording: A binned recording.

    Returns:
        The name of the variable.

    Raises:
        ValueError: If it holds neither.
    """
    if "spike" in recording.dims:
        raise ValueError("The recording holds spike times. Bin them first with neurornn.recordings.to_rates.")
    for name in ("rate", "counts"):
        if name in recording:
            return name
    raise ValueError(
        f"The recording has neither 'rate' nor 'counts'. It has: {', '.join(map(str, recording))}."
    )


def _check(
    unmatched: str,
    units: str | int,
    split: str,
    confidence: float,
    n_subsamples: int,
    n_splits: int,
    n_folds: int,
    *counts: int,
) -> None:
    if unmatched not in {"raise", "drop"}:
        raise ValueError(f"unmatched must be 'raise' or 'drop': got '{unmatched}'.")
    if split not in {"condition", "trial"}:
        raise ValueError(f"split must be 'condition' or 'trial': got '{split}'.")
    if not (units in {"match", "all"} or (isinstance(units, int) and units >= 1)):
        raise ValueError(f"units must be 'match', 'all' or a number of at least 1: got {units!r}.")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie in (0, 1): got {confidence}.")
    if n_subsamples < 1 or n_splits < 1 or n_folds < 2 or min(counts) < 0:
        raise ValueError(
            f"n_subsamples and n_splits must be at least 1, n_folds at least 2 and the other counts at least 0: got {n_subsamples}, "
            f"{n_splits}, {n_folds} and {', '.join(map(str, counts))}."
        )


def _check_units(brain: Side, used: NDArray[np.intp], needed: int, match: Conditions, base: TimeBase) -> None:
    if used.size >= 2:
        return
    enough = brain.counts >= needed
    lost_to = {
        f"{name}={values[k]}": int((~enough[k].all(0)).sum())
        for name, values in list(match.levels.items())[:1]
        for k in range(match.n)
    }
    whole = [int(enough[:, : k + 1].all((0, 1)).sum()) for k in range(base.start.size)]
    last = max((k for k, n in enumerate(whole) if n >= 2), default=-1)
    advice = (
        f"Until {base.start[last] + base.width:g} ms {whole[last]} units have them: shorten the window."
        if last >= 0
        else f"Conditions with most units lacking: {', '.join(f'{k} ({n})' for k, n in sorted(lost_to.items(), key=lambda item: -item[1])[:3])}."
    )
    raise ValueError(
        f"Only {used.size} of {brain.n_units} recorded units have {needed} trials or more in every condition at every bin from "
        f"{base.start[0]:g} to {base.start[-1] + base.width:g} ms. {advice} Fewer conditions or a smaller min_trials help as well."
    )


def _check_complete(side: Side, match: Conditions, base: TimeBase) -> None:
    gaps = np.argwhere((side.counts == 0).any(2))
    if not gaps.size:
        return
    k, t = gaps[0]
    condition = ", ".join(f"{name}={values[k]}" for name, values in match.levels.items())
    raise ValueError(
        f"{side.who} has no activity in {len(gaps)} of {side.counts.shape[0] * side.counts.shape[1]} bins of the conditions, the first "
        f"at {base.start[t]:g} ms of {condition}. Choose a window that all its trials cover, or simulate more trials."
    )
