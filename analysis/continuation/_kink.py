"""Across a kink of the drift, where a branch has a corner."""

__all__ = ["over_kink"]

import numpy as np

from neurornn.analysis.continuation._curve import Array, Point, correct, point_at, size_of
from neurornn.analysis.continuation._events import Special
from neurornn.analysis.continuation._family import Family
from neurornn.analysis.continuation._switch import kernel

_REACH = 1e-5  # how far beyond the corner the derivatives are taken
_JUMP = 1e-3  # relative change of the derivatives over that distance: a smooth drift changes by 1e-5


def over_kink(family: Family, a: Point) -> tuple[Point, list[Special]] | None:
    """The first point on the other side of a corner just ahead.

    The direction beyond it is the null direction of the derivatives there. Of its two senses that one is right
    which leads to a solution and keeps the orientation of the curve.

    Args:
        family: The equations.
        a: Last point before the corner.

    Returns:
        The point and, where stability changes, the corner as a special point; None if there is no corner.
    """
    beyond = a.y + _REACH * a.t
    if not 0 <= beyond[-1] <= 1:
        return None
    before, after = family.slope(a.y), family.slope(beyond)
    if not np.isfinite(after).all() or size_of(after - before) < _JUMP * size_of(before):
        return None
    basis = kernel(family, beyond)
    if basis.shape[1] != 1:
        return None
    for sense in (1.0, -1.0):
        direction = sense * basis[:, 0]
        y = correct(family, a.y + _REACH * direction, direction)
        b = None if y is None else point_at(family, y, direction)
        if b is None or b.t @ direction < 0.99 or size_of(b.y - a.y) > 2 * _REACH:
            continue
        if b.orientation == a.orientation and (b.y - a.y) @ a.t > -0.99 * size_of(b.y - a.y):
            changed = b.n_unstable != a.n_unstable
            corner = Special("kink", _corner(a, b), float("nan"), _REACH**2, 0.5)
            return b, [corner] if changed else []
    return None


def _corner(a: Point, b: Point) -> Array:
    """Where the tangents of both sides meet."""
    (forth, _), *_ = np.linalg.lstsq(np.column_stack([a.t, b.t]), b.y - a.y, rcond=None)
    return np.asarray(a.y + forth * a.t)
