r"""Crossings of the axis that undo each other within one step: points are put in between until none can hide.

Between two points of a branch the Jacobian is sampled along the arc. An eigenvalue with left and right eigenvectors
:math:`\ell, r` at the nearer end, :math:`\ell^\top r = 1`, has moved at a sample by

.. math:: \delta = \ell^\top \big(J(s) - J(0)\big) r, \qquad |\delta| \le \lVert \ell \rVert \lVert r \rVert
          \lVert J(s) - J(0) \rVert_F

to first order. Only eigenvalues that this bound lets reach the imaginary axis are looked at; between samples they may
go further by a multiple of the second differences. Where more of them may reach it than the counts of unstable
eigenvalues at both ends explain, or one moves back and forth, the arc is divided at the sample in question.
"""

__all__ = ["divided", "hides"]

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from neurornn.analysis.continuation._curve import Array, Point, correct, hermite, point_at, size_of
from neurornn.analysis.continuation._family import Family

_N_SAMPLES = 8  # of the arc between two points; even: none in the middle
_SAFETY = 1.2  # on the predicted way to the axis
_BETWEEN = 3.0  # how much further than its samples a curve may go, in second differences
_DEPTH = 12  # divisions of one arc
_SHORTEST = 1e-6  # arc that is divided no more


class _Sides(NamedTuple):
    """What the samples on one half of an arc say.

    Attributes:
        n_reaching: Eigenvalues that may reach the axis.
        back: Whether one of them does not move there steadily.
        where: Place along the arc of the sample at which one comes nearest to it, or is furthest beyond.
    """

    n_reaching: int
    back: bool
    where: float


def divided(family: Family, points: list[Point]) -> list[Point] | None:
    """Neighbouring points of a branch with others between them, so that no pair of crossings is hidden.

    Args:
        family: The equations.
        points: Points in their order.

    Returns:
        All points in their order, or None if one that is needed cannot be found: the step is too long.
    """
    result = [points[0]]
    for a, b in pairwise(points):
        inner = _between(family, a, b, 0)
        if inner is None:
            return None
        result += [*inner, b]
    return result


def hides(family: Family, a: Point, b: Point, n_samples: int = _N_SAMPLES) -> float | None:
    """Where two crossings of the axis may be hidden between two points.

    Args:
        family: The equations.
        a: First point.
        b: Second point.
        n_samples: Samples of the arc, an even number.

    Returns:
        A place between 0 and 1, or None if there is none.
    """
    n_known = abs(a.n_unstable - b.n_unstable)
    for side in _sides(family, a, b, n_samples):
        if side.n_reaching > n_known or (side.n_reaching and side.back):
            return side.where
    return None


def _between(family: Family, a: Point, b: Point, depth: int) -> list[Point] | None:
    if depth >= _DEPTH or size_of(b.y - a.y) < _SHORTEST:
        return []
    s = hides(family, a, b)
    if s is None:
        return []
    guess, direction = hermite(a, b, s)
    y = correct(family, guess, direction)
    middle = None if y is None else point_at(family, y, direction)
    if middle is None or middle.orientation != a.orientation or not _in_order(a, middle, b):
        return None
    left, right = _between(family, a, middle, depth + 1), _between(family, middle, b, depth + 1)
    return None if left is None or right is None else [*left, middle, *right]


def _in_order(a: Point, middle: Point, b: Point) -> bool:
    chord = b.y - a.y
    return bool((middle.y - a.y) @ chord > 0 and (b.y - middle.y) @ chord > 0)


def _sides(family: Family, a: Point, b: Point, n_samples: int) -> Iterator[_Sides]:
    """The half of the arc that is nearer to each end, from that end to the middle."""
    half = np.arange(1, n_samples // 2 + 2) / (n_samples + 1)  # the first beyond the middle as well
    for end, places in ((a, half), (b, 1 - half)):
        modes = family.modes(end.y)
        moved = np.stack([family.rates(hermite(a, b, float(s))[0]) for s in places]) - modes.J
        size = float(np.sqrt((moved**2).sum((1, 2)).max()))
        near = np.abs(modes.value.real) <= _SAFETY * (1 + 4 * _BETWEEN) * modes.condition * size
        distance = np.abs(modes.value.real[near])
        shift = ((modes.left[near] @ moved) * modes.right[:, near].T).sum(-1)
        inwards = -shift.real * np.where(modes.value.real[near] > 0, 1.0, -1.0)
        yield _judged(distance, inwards, places)


def _judged(distance: Array, inwards: Array, places: Array) -> _Sides:
    """Count eigenvalues by how far they come, ``inwards`` being ``(sample, mode)``."""
    path = np.vstack([np.zeros(len(distance)), inwards])
    bend = np.abs(np.diff(path, 2, axis=0)).max(0, initial=0.0)
    reaching = (
        (_SAFETY * inwards.max(0, initial=0.0) + _BETWEEN * bend >= distance) if distance.size else bend > 0
    )
    if not reaching.any():
        return _Sides(0, False, 0.5)
    beyond = inwards[:, reaching] - distance[reaching]
    steadily = bool((np.diff(path[:, reaching], axis=0) >= 0).all())
    return _Sides(int(reaching.sum()), not steadily, float(places[int(beyond.max(1).argmax())]))
