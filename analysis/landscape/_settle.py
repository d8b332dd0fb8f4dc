r"""Where states go: to which attractor, round a cycle, away, or nowhere within the time given."""

__all__ = ["OUTCOMES", "Settled", "settle"]

import logging
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurornn.analysis.landscape._memories import Memories
from neurornn.analysis.landscape._motion import AbstractMotion

_log = logging.getLogger(__name__)

OUTCOMES = ("fixed point", "cycle", "moving", "diverged", "undecided")
FIXED, CYCLE, MOVING, DIVERGED, UNDECIDED = range(5)
_CHUNK = 2**22  # numbers of a batch that run together
_CURIOUS = 24  # states from which unknown fixed points are looked for at a time
_RUNAWAY = 1e6  # times the size of the start: such a state is leaving for infinity
_WINDOW = 512  # looks at states that did not settle, to tell a cycle
_CLOSED = 1e-3  # how closely a cycle returns, relative to its size


class Settled(NamedTuple):
    """What became of each state.

    Attributes:
        label: The attractor it went to, or -1.
        outcome: Row of ``OUTCOMES``.
        time: Time in ms at which it was first seen in the neighbourhood of its attractor, NaN without.
        period: Period in ms of a cycle, NaN without.
        state: Last state, ``(batch, unit)``.
    """

    label: NDArray[np.int64]
    outcome: NDArray[np.int64]
    time: NDArray[np.float64]
    period: NDArray[np.float64]
    state: NDArray[np.float64]


def settle(
    memories: Memories,
    start: NDArray[np.float64],
    motion: AbstractMotion,
    *,
    duration: float | None,
    labels_only: bool = False,
    search_late: bool = False,
) -> Settled:
    """Carry states forward until each is in the neighbourhood of an attractor.

    Args:
        memories: Attractors known; those met on the way are added.
        start: States, ``(batch, unit)``.
        motion: How they move.
        duration: Time in ms after which those still under way are given up; as long as seems enough if None.
        labels_only: Whether to leave out the search for unknown attractors and for cycles: what reaches none of those
            known is ``"undecided"``.
        search_late: Whether to look for unknown attractors only once the time is up, from the states that are left: for states
            among which others have been searched before.

    Returns:
        What became of each.
    """
    size = max(1, _CHUNK // start.shape[1])
    parts = []
    for first in range(0, len(start), size):
        parts.append(
            _settle(memories, start[first : first + size], motion, duration, labels_only, search_late)
        )
        if len(start) > size:
            _log.info(
                "%d of %d states have settled or been given up", first + len(parts[-1].label), len(start)
            )
    if not parts:
        empty = np.empty(0)
        return Settled(empty.astype(np.int64), empty.astype(np.int64), empty, empty, start)
    return Settled(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _settle(
    memories: Memories,
    start: NDArray[np.float64],
    motion: AbstractMotion,
    duration: float | None,
    labels_only: bool,
    search_late: bool,
) -> Settled:
    system, input = memories.system, memories.input
    n = len(start)
    x = torch.as_tensor(start, device=system.device).clone()
    label = torch.full((n,), -1, dtype=torch.long, device=x.device)
    outcome = torch.full((n,), UNDECIDED, dtype=torch.long, device=x.device)
    arrived = torch.full((n,), torch.nan, dtype=x.dtype, device=x.device)
    limit = _RUNAWAY * (1 + x.norm(dim=1).max())
    stretch = motion.stretch(system, memories.rate)
    rows = torch.arange(n, device=x.device)
    looks, elapsed, budget = 0, 0.0, duration or memories.patience
    while True:
        place = memories.place(x[rows])
        lost = ~(x[rows].norm(dim=1) <= limit)
        label[rows] = place
        outcome[rows[place >= 0]], outcome[rows[lost]] = FIXED, DIVERGED
        arrived[rows[place >= 0]] = elapsed
        rows = rows[(place < 0) & ~lost]
        last = elapsed >= budget
        due = last or (not search_late and looks >= 4 and looks & (looks - 1) == 0)
        curious = not labels_only and rows.numel() and due
        if curious and memories.look_around(x[_slowest(memories, x, rows)]):
            budget = max(budget, duration or memories.patience)
            continue
        if last or not rows.numel():
            break
        x[rows] = motion.advance(system, input, x[rows], stretch)
        looks, elapsed = looks + 1, elapsed + stretch
    period = torch.full_like(arrived, torch.nan)
    if rows.numel() and not labels_only:
        outcome[rows], period[rows] = _restless(memories, x[rows], motion, float(limit))
    return Settled(*(each.cpu().numpy() for each in (label, outcome, arrived, period, x)))


def _slowest(memories: Memories, x: Tensor, rows: Tensor) -> Tensor:
    speed = memories.system.drift(x[rows], memories.input).norm(dim=1).nan_to_num(torch.inf)
    return rows[speed.argsort(stable=True)[:_CURIOUS]]


def _restless(memories: Memories, x: Tensor, motion: AbstractMotion, limit: float) -> tuple[Tensor, Tensor]:
    """Outcome and period of states that reached no fixed point, from a window of their future.

    A state goes round a cycle if its path, after leaving the place where the window starts, passes that place again:
    through the plane across its first velocity, in the same sense, closer than a thousandth of the size of the path.
    It moves on if it covers at least half as much way in the last quarter of the window as in the first.

    Args:
        memories: The system and its attractors.
        x: States that did not settle.
        motion: How they move.
        limit: Size beyond which a state has left for infinity.

    Returns:
        Outcomes, and periods in ms where the outcome is a cycle.
    """
    system, input = memories.system, memories.input
    each = 1 / (8 * memories.rate)
    if motion.discrete:
        each = system.dt * max(1, round(each / system.dt))
    origin = x.clone()
    before, v_before = torch.zeros_like(x), system.drift(x, input)
    ahead = v_before.clone()
    far = torch.zeros_like(x[:, 0])
    way = torch.zeros(4, len(x), dtype=x.dtype, device=x.device)
    period = torch.full_like(far, torch.nan)
    for k in range(_WINDOW):
        x = motion.advance(system, input, x, each)
        now, v_now = x - origin, system.drift(x, input)
        way[4 * k // _WINDOW] += (now - before).norm(dim=1)
        far = torch.maximum(far, now.norm(dim=1))
        upward = ((before * ahead).sum(1) < 0) & ((now * ahead).sum(1) >= 0)
        gap, when = now.norm(dim=1), torch.full_like(far, k + 1.0)  # for cycles of the map in a few steps
        rows = upward.nonzero().squeeze(1)
        if rows.numel():
            ends = [part[rows] for part in (before, each * v_before, now, each * v_now, ahead)]
            share, gap[rows] = _crossing(*ends)
            when[rows] = k + share
        closed = (gap <= _CLOSED * far) & period.isnan() & (k > 0)
        period[closed] = each * when[closed]
        if not bool(period.isnan().any()):
            break
        before, v_before = now, v_now
    outcome = torch.full_like(far, MOVING).long()
    outcome[~((way[3] >= 0.5 * way[0]) & (way[3] > 0))] = (
        UNDECIDED  # it slows down: on its way to rest, but not there
    )
    outcome[~period.isnan()] = CYCLE
    outcome[far <= 1e-6 * (1 + origin.norm(dim=1))] = UNDECIDED
    outcome[~(x.norm(dim=1) <= limit)] = DIVERGED
    period[outcome != CYCLE] = torch.nan
    return outcome, period


def _crossing(a: Tensor, v_a: Tensor, b: Tensor, v_b: Tensor, ahead: Tensor) -> tuple[Tensor, Tensor]:
    """Where on the cubic from ``a`` to ``b`` the plane across ``ahead`` is crossed, and its distance from 0 there."""
    heights = [(each * ahead).sum(1) for each in (a, v_a, b, v_b)]
    low, high = torch.zeros_like(heights[0]), torch.ones_like(heights[0])
    for _ in range(40):
        s = 0.5 * (low + high)
        below = torch.stack([w * h for w, h in zip(_hermite(s), heights, strict=True)]).sum(0) < 0
        low, high = torch.where(below, s, low), torch.where(below, high, s)
    state = sum(w.unsqueeze(1) * e for w, e in zip(_hermite(high), (a, v_a, b, v_b), strict=True))
    return high, torch.as_tensor(state).norm(dim=1)


def _hermite(s: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return (1 + 2 * s) * (1 - s) ** 2, s * (1 - s) ** 2, s**2 * (3 - 2 * s), s**2 * (s - 1)
