"""All draws of a comparison one after the other, with progress, and what is done when it is interrupted."""

__all__ = ["Progress", "evaluate_all"]

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # scikit-learn needs it too

from neurornn.analysis.compare._ceiling import Averages
from neurornn.analysis.compare._draws import Draw, Evaluation, Plan, evaluate
from neurornn.analysis.compare._side import Side
from neurornn.random import derive_seed

_log = logging.getLogger(__name__)

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


def evaluate_all(
    plan: Plan,
    brain: Side,
    used: NDArray[np.intp],
    populations: Mapping[str, Sequence[Averages | None]],
    n_parts: int,
    n_subsamples: int,
    n_splits: int,
    callback: Callable[[Progress], None] | None,
) -> tuple[list[dict[str, Evaluation]], NDArray[np.float64]]:
    """All draws, or those done before an interruption.

    Args:
        plan: What is done in every draw.
        brain: The recording.
        used: Its units that can be used.
        populations: For each quantity the networks; None where there is none.
        n_parts: Parts of the trials in each split, two or four.
        n_subsamples: Number of draws.
        n_splits: Splits of the trials, which the draws take in turn.
        callback: Called after every draw.

    Returns:
        The evaluations of each draw by label, and the reliabilities of all units that can be used, ``(draw, 4, unit)``.

    Raises:
        KeyboardInterrupt: If interrupted before the first draw was done.
    """
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
