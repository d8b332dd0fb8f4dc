"""The search for all fixed points at one input: waves of candidates, re-seeding, and the index sum."""

__all__ = ["UNUSED", "Outcome", "search"]

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurornn.analysis._system import System
from neurornn.analysis.fixed_points._ambient import Ambient
from neurornn.analysis.fixed_points._pool import Effort, Pool
from neurornn.analysis.fixed_points._reseed import Reseeder
from neurornn.analysis.fixed_points._roots import Roots
from neurornn.random import counter_uniform, derive_seed, uniform_array

UNUSED = 3
_FOLLOWED = 3  # waves of candidates, and rounds of seeds, that the flow is followed from
_FIRST = 64  # candidates of the first wave; each later one is twice as large, up to that of the effort


class Outcome(NamedTuple):
    """What a search found; the candidates' columns are in the order they were given in.

    Attributes:
        roots: Fixed points.
        slow_state: Minima of the speed.
        slow_speed: Their speed in 1/ms.
        slow_error: Estimated distance to the exact minimum.
        status: ``FIXED``, ``SLOW``, ``LOST`` or ``UNUSED`` for each candidate.
        speed: Speed where it ended, NaN if unused.
        label: Row of ``roots`` or of the slow points it ended at, or -1.
        n_iterations: Newton iterations it spent.
        rate: Scale of the drift in 1/ms.
        n_rounds: Rounds of re-seeding made.
        n_seeds: Seeds tried in them.
        index_sum: Sum of the indices of the fixed points.
        completeness: The verdict, in words.
    """

    roots: Roots
    slow_state: NDArray[np.float64]
    slow_speed: NDArray[np.float64]
    slow_error: NDArray[np.float64]
    status: NDArray[np.int64]
    speed: NDArray[np.float64]
    label: NDArray[np.int64]
    n_iterations: NDArray[np.int64]
    rate: float
    n_rounds: int
    n_seeds: int
    index_sum: int
    completeness: str


def search(system: System, input: Tensor, candidates: Tensor, effort: Effort) -> Outcome:
    """Find the fixed and slow points at one input.

    Args:
        system: The system.
        input: Input held, ``(input,)``.
        candidates: Where to start, ``(candidate, unit)``.
        effort: How hard to search.

    Returns:
        All that was found, and what became of every candidate.
    """
    n = len(candidates)
    order = _shuffled(candidates, effort.seed)
    shuffled = candidates[order]
    pool = Pool(system, input, shuffled, effort)
    reseeder = Reseeder(shuffled.cpu().numpy(), pool.reach, Ambient(system, input), effort.seed)
    status, label = np.full(n, UNUSED), np.full(n, -1)
    speed, n_iterations = np.full(n, np.nan), np.zeros(n, dtype=np.int64)
    first = n_waves = n_rounds = n_seeds = 0
    seeded_with = -1
    wave = min(_FIRST, effort.wave) if effort.adaptive else n
    while True:
        n_known = pool.n_known
        if first < n:
            rows, batch = order[first : first + wave], shuffled[first : first + wave]
            anchor = batch[0] if n_waves % 2 else batch.mean(0)  # the Jacobian of each decides what is found
            solved, label[rows] = pool.add(batch, anchor, follow=n_waves < _FOLLOWED)
            n_waves += 1
            status[rows], speed[rows] = solved.status.cpu(), solved.speed.cpu()
            n_iterations[rows] = solved.n_iterations.cpu()
            first += wave
        if n_rounds < effort.n_rounds and (pool.n_known > seeded_with or not pool.settled):
            seeded_with = pool.n_known
            seeds, known = reseeder.seeds(pool.roots, n_rounds, min(wave, effort.wave))
            device = candidates.device
            start, anchor = (torch.as_tensor(each, device=device) for each in (seeds, known))
            pool.add(start, anchor, follow=n_rounds < _FOLLOWED)
            n_rounds, n_seeds = n_rounds + 1, n_seeds + len(seeds)
        done = pool.settled and pool.n_known == n_known
        if done and effort.adaptive and n_known > 0:
            break
        if first >= n and (done or n_rounds >= effort.n_rounds):
            break
        wave = min(2 * wave, max(wave, effort.wave))
    return Outcome(
        pool.roots,
        pool.slow.state.cpu().numpy(),
        pool.slow.speed.cpu().numpy(),
        pool.slow.error.cpu().numpy(),
        status,
        speed,
        label,
        n_iterations,
        pool.rate,
        n_rounds,
        n_seeds,
        int(pool.roots.sign.sum()),
        pool.completeness,
    )


def _shuffled(candidates: Tensor, seed: int) -> NDArray[np.int64]:
    """An order that depends on the candidates and not on the order they came in."""
    bits = np.ascontiguousarray(candidates.cpu().numpy()).view(np.uint64)
    factor = (2.0**52 * uniform_array(derive_seed(seed, "columns"), bits.shape[1])).astype(np.uint64)
    bits = bits ^ (bits >> np.uint64(32))
    key = (bits * (2 * factor + 1)).sum(1, dtype=np.uint64)
    return np.argsort(
        counter_uniform(derive_seed(seed, "order"), key ^ (key >> np.uint64(29))), kind="stable"
    )
