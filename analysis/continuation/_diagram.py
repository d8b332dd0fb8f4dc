"""The diagram: all branches connected to the starts, each followed once."""

__all__ = ["Branch", "Diagram", "Start", "complete"]

import logging
from collections import deque
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch

from neurornn.analysis.continuation._curve import (
    Array,
    Point,
    correct,
    hermite,
    passes,
    point_at,
    size_of,
)
from neurornn.analysis.continuation._events import Special
from neurornn.analysis.continuation._extended import solve_meeting
from neurornn.analysis.continuation._family import Family
from neurornn.analysis.continuation._switch import crossing_directions, kernel
from neurornn.analysis.continuation._walk import Effort, Walk, walk
from neurornn.analysis.fixed_points._newton import FIXED, solve

_log = logging.getLogger(__name__)
_SAME = 1e-6  # scaled distance at which two places are one


class Branch(NamedTuple):
    """A branch from one end to the other.

    Attributes:
        points: Its points in order.
        events: Special points, with the number of the point before each.
        reasons: Why it ends where it begins and where it ends.
        closed: Whether it is a closed curve.
    """

    points: list[Point]
    events: list[tuple[int, Special]]
    reasons: tuple[str, str]
    closed: bool


class Start(NamedTuple):
    """What became of a state to start from.

    Attributes:
        y: The fixed point it led to.
        branch: Number of its branch, -1 if there is none.
        note: What happened.
    """

    y: Array
    branch: int
    note: str


class Diagram(NamedTuple):
    """All branches found.

    Attributes:
        branches: The branches.
        starts: What became of the starts.
        n_left: Number of directions at branch points that were not followed because the budget was spent.
    """

    branches: list[Branch]
    starts: list[Start]
    n_left: int


class _Seed(NamedTuple):
    meeting: int
    direction: int


class _Tracer:
    def __init__(self, family: Family, effort: Effort, switch: bool) -> None:
        self.family, self.effort, self.switch = family, effort, switch
        self.branches: list[Branch] = []
        self.meetings: list[Special] = []
        self.covered: set[_Seed] = set()
        self.queue: deque[_Seed] = deque()

    def on_known(self, y: Array) -> int:
        """Number of the branch that passes through a solution, -1 if none does."""
        for number, branch in enumerate(self.branches):
            places = np.stack([p.y for p in branch.points])
            chords = np.diff(places, axis=0)
            lengths = np.maximum((chords**2).sum(1), 1e-300)
            s = ((y - places[:-1]) * chords).sum(1) / lengths
            aside = np.linalg.norm(y - places[:-1] - s[:, None] * chords, axis=1) / lengths**0.5
            for k in np.flatnonzero((s > -0.01) & (s < 1.01) & (aside < 0.1)):
                if passes(self.family, branch.points[k], branch.points[k + 1], y, _SAME):
                    return number
        return -1

    def follow(self, start: Point, *, seed: _Seed | None = None) -> None:
        """Follow the branch through a point both ways, or a half branch away from a branch point."""
        half = seed is not None and self.meetings[seed.meeting].one_sided
        forth = walk(self.family, start, self.effort, from_meeting=seed is not None)
        back = Walk([start], [], "branch point" if half else forth.reason)
        if not half and forth.reason != "closed":
            back = walk(self.family, start.turned(), self.effort, from_meeting=seed is not None)
        m = len(back.points) - 1
        points = [p.turned() for p in back.points[:0:-1]] + forth.points
        events = [(m - 1 - k, each._replace(place=1 - each.place)) for k, each in reversed(back.events)]
        events += [(m + k, each) for k, each in forth.events]
        closed = forth.reason == "closed"
        self.branches.append(Branch(points, events, (back.reason, forth.reason), closed))
        _log.info(
            "branch %d: %d points, %s and %s", len(self.branches), len(points), back.reason, forth.reason
        )
        self._register(points, events)

    def _register(self, points: list[Point], events: list[tuple[int, Special]]) -> None:
        for k, event in events:
            if not event.directions:
                continue
            same = [i for i, known in enumerate(self.meetings) if size_of(known.y - event.y) < 10 * _SAME]
            if not same:
                same = [len(self.meetings)]
                self.meetings.append(event)
                self.queue += [_Seed(same[0], i) for i in range(len(event.directions))]
            known = self.meetings[same[0]]
            here = hermite(points[k], points[k + 1], min(max(event.place, 0.0), 1.0))[1]
            along = np.array([each @ here for each in known.directions])
            if known.one_sided:
                self.covered |= {_Seed(same[0], int(along.argmax())), _Seed(same[0], int(along.argmin()))}
            else:
                self.covered.add(_Seed(same[0], int(np.abs(along).argmax())))

    def switch_branches(self) -> int:
        """Follow all branches that leave known branch points; gives the number of those left."""
        while self.queue:
            if len(self.branches) >= self.effort.max_branches or not self.switch:
                return len([seed for seed in self.queue if seed not in self.covered])
            seed = self.queue.popleft()
            if seed in self.covered:
                continue
            self.covered.add(seed)
            meeting = self.meetings[seed.meeting]
            direction = meeting.directions[seed.direction]
            start = _at_meeting(self.family, meeting.y, direction)
            first = walk(self.family, start, replace(self.effort, max_points=3), from_meeting=True)
            if len(first.points) > 1 and self.on_known(first.points[1].y) >= 0:
                continue
            self.follow(start, seed=seed)
        return 0


def complete(family: Family, states: Array, parameter: float, effort: Effort, *, switch: bool) -> Diagram:
    """Follow the branches of all starts and all branches that meet them.

    Args:
        family: The equations.
        states: States to start from, ``(start, unit)``.
        parameter: Value of the parameter at which they rest.
        effort: How to go.
        switch: Whether to follow the other branches at branch points.

    Returns:
        The diagram.
    """
    tracer = _Tracer(family, effort, switch)
    starts, n_left = [], 0
    for y, found in _settled(family, states, parameter):
        if not found:
            starts.append(Start(y, -1, "no fixed point found from here"))
            continue
        number = tracer.on_known(y)
        if number < 0:
            if len(tracer.branches) >= effort.max_branches:
                starts.append(Start(y, -1, "not followed: max_branches reached"))
                continue
            basis = kernel(family, y)
            number = len(tracer.branches)
            if basis.shape[1] == 1:
                start = point_at(family, y, basis[:, 0] * (1.0 if basis[-1, 0] >= 0 else -1.0))
                if start is None:
                    starts.append(Start(y, -1, "no tangent here"))
                    continue
                tracer.follow(start)
            elif not _from_meeting(tracer, y):
                starts.append(Start(y, -1, "on a continuum of fixed points, or at a degenerate one"))
                continue
            n_left = tracer.switch_branches()
        starts.append(Start(y, number, "followed"))
    return Diagram(tracer.branches, starts, n_left)


def _from_meeting(tracer: _Tracer, y: Array) -> bool:
    """Begin at a branch point that happens to be the start."""
    family = tracer.family
    found = solve_meeting(family, y)
    if found is None or abs(found.beta) > 1e-8 or size_of(found.y - y) > 1e-4:
        return False
    basis = kernel(family, found.y)
    pair = crossing_directions(family, found.y, found.weight, basis) if basis.shape[1] == 2 else None
    if pair is None:
        return False
    tracer.meetings.append(Special("branch point", found.y, float("nan"), found.error, 0.0, pair))
    tracer.queue += [_Seed(len(tracer.meetings) - 1, i) for i in range(2)]
    return True


def _at_meeting(family: Family, y: Array, direction: Array) -> Point:
    """A branch point as the start of a walk; its own eigenvalues."""
    values = np.linalg.eigvals(family.rates(y)).astype(np.complex128)
    return Point(y, direction, values[np.argsort(-values.real, kind="stable")], 0.0)


def _settled(family: Family, states: Array, parameter: float) -> list[tuple[Array, bool]]:
    """Fixed points the states lead to, and whether they do."""
    theta = float(family.y(states[0], parameter)[-1])
    system, input = family.system(theta)
    start = torch.as_tensor(states, device=system.device)
    reach = 0.1 * family.unit
    solved = solve(system, input, start, rate=family.rate, reach=reach, tolerance=1e-10, max_iterations=100)
    settled = []
    for x, status in zip(solved.state.cpu().numpy(), solved.status.tolist(), strict=True):
        y = np.append(x / family.unit, theta)
        better = correct(family, y, np.eye(len(y))[-1])
        settled.append((y if better is None else better, status == FIXED))
    return settled
