"""What happens between two neighbouring points of a branch."""

__all__ = ["Special", "events_between", "meeting_between", "predicted_dip"]

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from neurornn.analysis.continuation._curve import (
    Array,
    Point,
    correct,
    hermite,
    point_at,
    size_of,
    where_between,
)
from neurornn.analysis.continuation._extended import solve_crossing, solve_meeting
from neurornn.analysis.continuation._family import Family
from neurornn.analysis.continuation._switch import crossing_directions, directions_around, kernel

_MEET = 1e-10  # largest imperfection of a branch point, relative to the rate of the network
_ASIDE = 1e-7
_SAME = 1e-4  # of an interval: events nearer to each other than that are one


class Special(NamedTuple):
    """A special point.

    Attributes:
        kind: ``"fold"``, ``"hopf"``, ``"pitchfork"``, ``"transcritical"``, ``"branch point"``, ``"kink"`` or
            ``"end"``.
        y: Scaled coordinates.
        omega: Imaginary part of the critical eigenvalue in 1/ms, NaN if there is none.
        error: First-order bound on the error of the scaled parameter.
        place: Where it lies between the two points, from 0 to 1.
        directions: Tangents of the branches that meet there.
        one_sided: Whether each direction is half a branch.
        note: Why a branch ends there.
    """

    kind: str
    y: Array
    omega: float
    error: float
    place: float
    directions: tuple[Array, ...] = ()
    one_sided: bool = False
    note: str = ""


class _Lost(Exception):
    pass


def meeting_between(family: Family, a: Point, b: Point) -> Special | None:
    """The branch point between two points whose orientations differ.

    Args:
        family: The equations.
        a: First point.
        b: Second point.

    Returns:
        The branch point, or None if there is none: the points lie on two branches that do not meet.
    """
    gaps = [np.linalg.svd(np.vstack([family.slope(p.y), p.t]), compute_uv=False)[-1] for p in (a, b)]
    guess, direction = hermite(a, b, float(gaps[0] / max(sum(gaps), 1e-300)))
    found = solve_meeting(family, guess)
    if found is None or abs(found.beta) > _MEET:
        return None
    place, aside = where_between(a, b, found.y)
    if not -0.02 <= place <= 1.02 or aside > 0.1:
        return None
    basis = kernel(family, found.y)
    if basis.shape[1] != 2:
        return _degenerate(family, found.y, found.error, place, basis)
    pair = crossing_directions(family, found.y, found.weight, basis)
    if pair is None:
        return _degenerate(family, found.y, found.error, place, basis)
    here = hermite(a, b, min(max(place, 0.0), 1.0))[1] if place > 0 else direction
    if max(abs(here @ each) for each in pair) < 0.9:
        return None
    flat = [abs(each[-1]) < 1e-6 for each in pair]
    kind = ("transcritical", "pitchfork", "branch point")[sum(flat)]
    return Special(kind, found.y, float("nan"), found.error, place, pair)


def events_between(family: Family, a: Point, b: Point) -> list[Special] | None:
    """Folds, Hopf points and degenerate points between two points of equal orientation.

    The real parts of the eigenvalues in descending order are continuous along the branch, and each of them that
    has changed its sign has a root.

    Args:
        family: The equations.
        a: First point.
        b: Second point.

    Returns:
        The events in their order, or None if they cannot be told apart: the interval is too long.
    """
    try:
        return _events(family, a, b)
    except _Lost:
        return None


def predicted_dip(parts: NDArray[np.float64], margin: float) -> bool:
    """Whether a parabola through three values with one sign comes near 0 between them.

    Args:
        parts: Values at the start, the middle and the end of an interval, ``(3, ...)``.
        margin: How near counts, relative to the largest of the three.

    Returns:
        Whether one of the columns does.
    """
    first, middle, last = parts
    bend = 2 * (first - 2 * middle + last)
    slope = -3 * first + 4 * middle - last
    with np.errstate(divide="ignore", invalid="ignore"):
        s = np.where(bend != 0, -slope / (2 * bend), -1.0)
    extreme = first + slope * s + bend * s**2
    same = (np.sign(first) == np.sign(middle)) & (np.sign(middle) == np.sign(last))
    inside = (s > 0) & (s < 1)
    near = extreme * np.sign(first) < margin * np.abs(parts).max(0)
    return bool((same & inside & near).any())


def _events(family: Family, a: Point, b: Point) -> list[Special]:
    def point(s: float) -> Point:
        if s in (0.0, 1.0):
            return (a, b)[int(s)]
        for aside in (0.0, _ASIDE, -_ASIDE):  # at a branch point itself there is no tangent
            guess, direction = hermite(a, b, s + aside)
            y = correct(family, guess, direction)
            found = None if y is None else point_at(family, y, direction)
            if found is not None:
                return found
        raise _Lost

    low, high = sorted((a.n_unstable, b.n_unstable))

    def growth(j: int) -> Callable[[float], float]:
        return lambda s: float(point(s).eigenvalue[j].real)

    roots = [_root(growth(j)) for j in range(low, high)]
    turn = _root(lambda s: float(point(s).t[-1])) if a.t[-1] * b.t[-1] < 0 else None
    if not roots:
        if turn is not None:
            raise _Lost  # a fold changes an eigenvalue with the direction
        return []
    events = []
    while roots:
        group = [s for s in roots if abs(s - roots[0]) <= _SAME]
        roots = [s for s in roots if abs(s - group[0]) > _SAME]
        place = float(np.mean(group))
        here = point(place)
        events.append(_event(family, a, b, here, len(group), place, turn))
        if events[-1].kind == "fold":
            turn = None
    if turn is not None and not any(each.kind in {"kink", "branch point"} for each in events):
        raise _Lost
    return sorted(events, key=lambda each: each.place)


def _event(
    family: Family, a: Point, b: Point, here: Point, n: int, place: float, turn: float | None
) -> Special:
    nearest = here.eigenvalue[np.argsort(np.abs(here.eigenvalue.real), kind="stable")[:n]]
    if np.abs(nearest.real).max() > 1e-5 * family.rate:
        if n == 1 and size_of(b.y - a.y) < 1e-4:
            return Special("kink", here.y, float("nan"), 1e-12, place)
        raise _Lost
    omega = float(np.abs(nearest.imag).max())
    h = size_of(b.y - a.y)
    if n == 2 and omega > 1e-6 * family.rate:
        exact = solve_crossing(family, here.y, omega / family.rate)
        if exact is None or size_of(exact.y - here.y) > 1e-2 * h:
            raise _Lost
        return Special("hopf", exact.y, abs(exact.omega) * family.rate, exact.error, place)
    if n == 1 and turn is not None and abs(turn - place) <= _SAME:
        exact = solve_crossing(family, here.y, 0.0)
        if exact is None or size_of(exact.y - here.y) > 1e-2 * h:
            raise _Lost
        return Special("fold", exact.y, float("nan"), exact.error, place)
    basis = kernel(family, here.y)
    if n >= 2 and omega <= 1e-6 * family.rate and basis.shape[1] > 1:
        return _degenerate(family, here.y, _ASIDE * h, place, basis)
    raise _Lost


def _degenerate(family: Family, y: Array, error: float, place: float, basis: Array) -> Special:
    directions = tuple(directions_around(family, y, basis))
    return Special("branch point", y, float("nan"), error, place, directions, one_sided=True)


def _root(function: Callable[[float], float]) -> float:
    try:
        return float(brentq(function, 0.0, 1.0, xtol=1e-14, rtol=1e-14))
    except ValueError as error:  # no change of sign: the eigenvalue touches 0
        raise _Lost from error
