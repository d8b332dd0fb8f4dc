r"""One walk along a branch: predict along the tangent, correct in the plane across it, and trust nothing.

A step is accepted if

* Newton's method contracts from its first step on, and does not move far from the prediction;
* the tangent has turned by little;
* the solution midway lies where the cubic through both ends says: between two branches it does not;
* the orientation is the same at both ends, or there is an exact branch point between them: a small gap that was
  jumped over has an imperfection that is not 0;
* every eigenvalue that changed sides is accounted for by a fold, a Hopf point or a branch point;
* no eigenvalue can have crossed the axis and come back: points are put in between until none can, see
  :mod:`neurornn.analysis.continuation._hidden`.

Otherwise the step is halved.
"""

__all__ = ["Effort", "Walk", "walk"]

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from neurornn.analysis.continuation._curve import (
    Point,
    correct,
    hermite,
    passes,
    point_at,
    size_of,
)
from neurornn.analysis.continuation._events import Special, events_between, meeting_between, predicted_dip
from neurornn.analysis.continuation._family import Family
from neurornn.analysis.continuation._hidden import divided, hides
from neurornn.analysis.continuation._kink import over_kink

_CLOSED = 1e-6  # distance at which a branch is back where it began
_STRAIGHT, _SHARP = 0.9, 1e-6  # cosine between tangents; below this step a turn is a kink
_CORNER = 1e-7  # step at which a corner of the branch is looked for
_TURN = 0.2  # radians a step should turn by
_FINE = 2e-3  # steps up to this are not asked for what they may hide over a branch point
_APART = 1e-5  # a branch point and another special point nearer to each other than this are one
_OVER = 16  # samples of a step over a branch point, which is not divided
_FIRST = 1e-3  # first step away from a branch point


@dataclass(frozen=True)
class Effort:
    """How branches are followed, in scaled coordinates.

    Attributes:
        max_step: Longest step.
        min_step: Shortest step.
        max_points: Points of a branch, at most.
        max_state: Largest root mean square of a state.
        max_branches: Branches, at most.

    Raises:
        ValueError: If a number makes no sense.
    """

    max_step: float
    min_step: float
    max_points: int
    max_state: float
    max_branches: int

    def __post_init__(self) -> None:
        if not 0 < self.min_step < self.max_step:
            raise ValueError(
                f"Steps need 0 < min_step < max_step: got min_step={self.min_step:g} and max_step={self.max_step:g}."
            )
        if self.max_points < 3 or self.max_branches < 1 or not self.max_state > 0:
            raise ValueError(
                "A branch needs at least 3 points, a diagram at least one branch, and max_state must be above 0: got "
                f"max_points={self.max_points}, max_branches={self.max_branches}, max_state={self.max_state:g}."
            )


class Walk(NamedTuple):
    """A walk in one direction.

    Attributes:
        points: Points, the first of them the start.
        events: Special points, with the number of the point before each.
        reason: Why the walk ended: ``"closed"`` or in words.
    """

    points: list[Point]
    events: list[tuple[int, Special]]
    reason: str


class _Step(NamedTuple):
    points: list[Point]
    events: list[tuple[int, Special]]
    last: bool


def walk(family: Family, start: Point, effort: Effort, *, from_meeting: bool = False) -> Walk:
    """Follow a branch in the direction of the tangent of a point.

    Args:
        family: The equations.
        start: Where to begin.
        effort: How to go.
        from_meeting: Whether the start is a branch point, where the linear algebra is singular.

    Returns:
        The walk.
    """
    points = [start]
    events: list[tuple[int, Special]] = []
    length = _FIRST if from_meeting else 0.2 * effort.max_step
    while True:
        a = points[-1]
        if _outward(a):
            return Walk(points, events, "left the range")
        if size_of(a.y[:-1]) > effort.max_state:
            return Walk(points, events, "state too large")
        if len(points) >= effort.max_points:
            return Walk(points, events, "budget spent")
        fresh = from_meeting and len(points) == 1
        step = None
        while step is None:
            step = _advance(family, a, length, fresh)
            if step is None:
                if length < _CORNER <= 2 * length and not fresh:
                    over = over_kink(family, a)
                    if over is not None:
                        step = _Step([over[0]], [(0, each) for each in over[1]], False)
                        break
                length *= 0.5
                if length < effort.min_step:
                    return Walk(points, events, "step too small")
        if len(points) > 2:
            home = _home(family, [a, *step.points], start, [each for _, each in step.events], from_meeting)
            if home is not None:
                points.append(home)
                return Walk(points, events, "closed")
        events += [(len(points) - 1 + k, each) for k, each in step.events]
        points += step.points
        turned = float(np.arccos(np.clip(a.t @ points[-1].t, -1.0, 1.0)))
        length = min(length * float(np.clip(_TURN / max(turned, 1e-3), 0.5, 2.0)), effort.max_step)
        if step.last:
            return Walk(points, events, "left the range")


def _outward(a: Point) -> bool:
    return bool((a.y[-1] <= 0 and a.t[-1] < 0) or (a.y[-1] >= 1 and a.t[-1] > 0))


def _advance(family: Family, a: Point, length: float, fresh: bool) -> _Step | None:
    """One step with all its tests, or None if it failed one."""
    guess, last = a.y + length * a.t, False
    y = correct(family, guess, a.t) if 0 < guess[-1] < 1 else None
    if y is None or not 0 < y[-1] < 1:
        limit = float(a.t[-1] > 0)
        to_limit = (limit - a.y[-1]) / a.t[-1] if a.t[-1] != 0 else np.inf
        if to_limit > 1.5 * length:
            return None
        guess, last = a.y + to_limit * a.t, True
        guess[-1] = limit
        y = correct(family, guess, np.eye(len(guess))[-1])
        if y is None:
            return None
        y[-1] = limit
    miss = size_of(y - guess)
    b = point_at(family, y, a.t)
    if b is None or miss > 0.3 * length:
        return None
    chord = y - a.y
    h = size_of(chord)
    if b.t @ a.t < (_STRAIGHT if h > _SHARP else 0.0) or chord @ a.t < 0.5 * h:
        return None
    if not fresh and a.orientation != b.orientation:
        return _over_meeting(family, a, b, h, last)
    return _with_middle(family, a, b, miss, last, fresh)


def _over_meeting(family: Family, a: Point, b: Point, h: float, last: bool) -> _Step | None:
    change = abs(a.n_unstable - b.n_unstable)
    usual = change in {0, 2} if a.t[-1] * b.t[-1] < 0 else change == 1
    if not usual and change < 3 and h > 1e-3:
        return None  # something else happens nearby
    if h > _FINE and hides(family, a, b, _OVER) is not None:
        return None
    found = meeting_between(family, a, b)
    if found is not None and not found.one_sided and not usual and h > _APART:
        return None  # two branches that cross do not explain the rest
    events = [found] if found is not None else events_between(family, a, b) if change > 1 else None
    return None if events is None else _Step([b], [(0, each) for each in events], last)


def _with_middle(family: Family, a: Point, b: Point, miss: float, last: bool, fresh: bool) -> _Step | None:
    guess, direction = hermite(a, b, 0.5)
    h = size_of(b.y - a.y)
    y = correct(family, guess, direction)
    if y is None or size_of(y - guess) > min(0.1 * miss, 1e-2 * h) + 1e-9:
        return None
    middle = point_at(family, y, direction)
    if middle is None or middle.orientation != b.orientation:
        return None
    if fresh:
        return _Step([middle, b], [], last)
    parts = np.stack([np.append(p.eigenvalue.real / family.rate, p.t[-1]) for p in (a, middle, b)])
    if h > 1e-6 and predicted_dip(parts, 0.05 if h > 2e-3 else 0.0):
        return None
    points = divided(family, [a, middle, b])
    if points is None:
        return None
    events: list[tuple[int, Special]] = []
    for k, (first, second) in enumerate(pairwise(points)):
        found = events_between(family, first, second)
        if found is None:
            return None
        events += [(k, each) for each in found]
    return _Step(points[1:], events, last)


def _home(
    family: Family, points: list[Point], start: Point, events: list[Special], from_meeting: bool
) -> Point | None:
    """The start, if the walk has come back to it in the direction it left in."""
    for a, b in pairwise(points):
        if b.t @ start.t < 0.7:
            continue
        if from_meeting:
            if any(size_of(each.y - start.y) < _CLOSED for each in events):
                return start
            continue
        if passes(family, a, b, start.y, _CLOSED):
            return start
    return None
