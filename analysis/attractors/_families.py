"""Connected families of slow states at one input."""

__all__ = ["Families", "Family", "families"]

import logging
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from neurornn.analysis.attractors._correct import correct
from neurornn.analysis.attractors._curve import Curve
from neurornn.analysis.attractors._grow import local_dimension
from neurornn.analysis.attractors._slowness import Around, Measure
from neurornn.analysis.attractors._surface import TOO_MANY, Surface, survey
from neurornn.analysis.attractors._trace import TOLERANCE, trace

_log = logging.getLogger(__name__)

_NEAR = 0.01  # of the radius of the region: a point so close to a curve lies on it
_OUTSIDE = "a place outside the region searched"
_FLAT = 0.01  # root mean square distance from the plane, relative to the extent in it
_STRAIGHT = 1e-6  # distance from a line or plane that is continued, relative to that from its middle
_MOST_FAILURES = 4  # candidates with slow modes that lead to no object, before the others are left


class Family(NamedTuple):
    """A point, or states that belong together.

    Attributes:
        kind: ``"point"``, ``"line"``, ``"ring"``, ``"plane"`` or ``"surface"``.
        dimension: Number of slow modes: 0 for a point.
        local_dimension: Dimension of small neighbourhoods of its states.
        states: States, ``(state, unit)``; along a line or a ring in order and evenly.
        basis: Orthonormal tangents, ``(state, unit, dimension)``.
        curve: The curve through the states of a line or a ring.
        surface: The geometry of a plane or a surface.
        ends: Why a line ends, or a surface.
        reason: Why a point is a point.
        members: Rows of the points that belong to it.
        place: Arc length of each of them, NaN if it has none.
        n_reached: Number of candidates that came to rest, or to creep, on it.
    """

    kind: str
    dimension: int
    local_dimension: float
    states: NDArray[np.float64]
    basis: NDArray[np.float64]
    curve: Curve | None
    surface: Surface | None
    ends: tuple[str, str]
    reason: str = ""
    members: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    place: NDArray[np.float64] = np.zeros(0)
    n_reached: int = 0


class Families(NamedTuple):
    """All families at one input.

    Attributes:
        found: Families, surfaces first, then curves, the longest first, and then the points that belong to none.
        n_outside: Number of points on a continuum that lie outside the region and on none of the families.
        n_elsewhere: Number of candidates that came to none of the families.
    """

    found: list[Family]
    n_outside: int
    n_elsewhere: int


def families(
    measure: Measure,
    points: NDArray[np.float64],
    *,
    isolated: NDArray[np.bool_],
    settled: torch.Tensor,
    n_lost: int,
    n_samples: int,
    n_surface: int,
) -> Families:
    """Sort points into families and follow these.

    Args:
        measure: The criterion at the input held.
        points: Fixed and slow points, ``(point, unit)``.
        isolated: Whether each of them is on no continuum.
        settled: Candidates once relaxed, from which families without a point are followed too, ``(candidate, unit)``.
        n_lost: Number of candidates that ran away.
        n_samples: Number of states along a line or a ring.
        n_surface: Number of states of a surface, at most.

    Returns:
        The families.
    """
    starts = torch.cat([torch.as_tensor(points, device=settled.device), settled])
    is_point = np.arange(len(starts)) < len(points)
    around = measure.around(starts)
    dimension = around.dimension.cpu().numpy()
    outside = measure.outside(starts).cpu().numpy()
    hopeless = outside | (dimension == 0) | (~is_point & measure.too_fast(around.speed).cpu().numpy())
    states = starts.cpu().numpy()
    reasons = {row: _OUTSIDE if outside[row] else _why(around, row, measure) for row in range(len(points))}
    free, n_failed = np.ones(len(states), dtype=bool), 0
    found: list[Family] = []
    partial: set[int] = set()
    followed: list[int] = []
    for row in np.lexsort((around.speed.cpu().numpy(), ~is_point, -dimension)).tolist():
        if hopeless[row] or not free[row] or (not is_point[row] and n_failed >= _MOST_FAILURES):
            continue
        k = int(dimension[row])
        if k in partial:
            reasons[row] = f"{k} slow modes, perhaps on a surface of which the sample holds a part"
            continue
        _log.info("following the slow states around a state with %d slow modes", k)
        new = (
            _line(measure, starts[row], n_samples) if k == 1 else _surface(measure, starts[row], k, n_surface)
        )
        if isinstance(new, str):
            reasons[row] = new
            n_failed += not is_point[row]
            continue
        new = _with_members(new, states, free & (is_point | ~hopeless), dimension, outside, measure)
        free[new.members] = False
        free[row] = False
        followed.append(row)
        if new.surface is not None and new.surface.unresolved.startswith(TOO_MANY):
            partial.add(k)
        found.append(new)
    found = _without_doubles(found, measure)
    free = is_point | ~hopeless
    for number, each in enumerate(found):
        found[number] = each = _with_members(each, states, free, dimension, outside, measure)
        free[each.members] = False
    taken = np.zeros(len(states), dtype=bool)
    for number, each in enumerate(found):
        taken[each.members] = True
        own = each.members < len(points)
        found[number] = each._replace(
            members=each.members[own], place=each.place[own], n_reached=int((~own).sum())
        )
    for row in followed:
        if is_point[row] and not taken[row]:
            gap = min(float(cdist(states[row][None], each.states).min()) for each in found)
            reasons[row] = (
                f"the slow states that lead on from it pass it at a distance of {gap:.3g}, {gap / measure.radius:.2g} of "
                "the radius of the region"
            )
    beyond = (outside & (dimension > 0))[: len(points)] & ~isolated
    rest = ~taken[: len(points)]
    found += [_point(points, row, reasons[row]) for row in np.flatnonzero(rest & ~beyond).tolist()]
    n_elsewhere = n_lost + int((~taken[len(points) :]).sum())
    return Families(found, int((rest & beyond).sum()), n_elsewhere)


def _why(around: Around, row: int, measure: Measure) -> str:
    """What a point lacks, with its numbers."""
    slow, across = around.slow[row], float(around.across[row])
    along, n = 1 / max(float(slow.abs()), measure.floor), int(around.n_shown[row])
    return (
        f"{n} slowest mode{'s' if n > 1 else ''} with 1 / |eigenvalue| = {along:.4g} ms, {across * along:.3g} times the "
        f"next time constant ({measure.time:.4g} ms and {measure.slowness.separation:g} times asked for)"
    )


def _line(measure: Measure, start: torch.Tensor, n_samples: int) -> Family | str:
    traced = trace(measure, start)
    short = f"a slow curve shorter than {measure.slowness.shortest:g} of the region ({', '.join(set(traced.ends))})"
    if len(traced.states) < 4:
        return short
    curve = Curve(traced.states, traced.closed)
    if curve.length < measure.slowness.shortest * measure.radius:
        return short
    state, tangent = curve.evenly(n_samples)
    device = start.device
    T = torch.as_tensor(tangent, device=device)[:, :, None]
    settled = correct(
        measure.system,
        measure.input,
        torch.as_tensor(state, device=device),
        T,
        rate=measure.rate,
        tolerance=TOLERANCE,
        fixed=T,
    )
    moved = settled.state.cpu().numpy() - state
    good = settled.converged.cpu().numpy() & (np.linalg.norm(moved, axis=1) < curve.length / n_samples)
    curve = Curve(np.where(good[:, None], state + moved, state), traced.closed)
    return Family(
        "ring" if traced.closed else "line",
        1,
        local_dimension(curve.states, 1, curve.length / n_samples),
        curve.states,
        curve.tangent(curve.arclength)[:, :, None],
        curve,
        None,
        traced.ends,
    )


def _surface(measure: Measure, start: torch.Tensor, dimension: int, n_surface: int) -> Family | str:
    surface = survey(measure, start, dimension, n_surface)
    states = surface.states
    extent = cdist(states, states).max()
    if len(states) < dimension + 2 or extent < measure.slowness.shortest * measure.radius:
        return f"a slow surface smaller than {measure.slowness.shortest:g} of the region ({surface.ends})"
    sizes = np.linalg.svd(states - states.mean(0), compute_uv=False) ** 2
    flat = sizes[dimension:].sum() <= _FLAT**2 * sizes.sum()
    return Family(
        "plane" if flat and dimension == 2 and surface.topology in {"sheet", "unresolved"} else "surface",
        dimension,
        local_dimension(states, dimension, surface.spacing),
        states,
        surface.basis,
        None,
        surface,
        (surface.ends, surface.ends),
    )


def _with_members(
    family: Family,
    states: NDArray[np.float64],
    free: NDArray[np.bool_],
    dimension: NDArray[np.int64],
    outside: NDArray[np.bool_],
    measure: Measure,
) -> Family:
    """The family with the points that lie on it, or beyond its ends if it is straight or flat."""
    rows = np.flatnonzero(free)
    if family.curve is not None:
        distance, place = family.curve.nearest(states[rows])
        on = distance <= _NEAR * measure.radius
    else:
        on, place = _on_surface(family, states[rows], measure), np.full(len(rows), np.nan)
    beyond = ~on & outside[rows] & (dimension[rows] == family.dimension)
    beyond &= _continues(family, states[rows])
    place = np.where(beyond, np.nan, place)
    return family._replace(members=rows[on | beyond], place=place[on | beyond])


def _on_surface(family: Family, states: NDArray[np.float64], measure: Measure) -> NDArray[np.bool_]:
    """Whether Newton's method, from the tangent plane below a state, comes to the state."""
    if family.surface is None or not len(states):
        return np.zeros(len(states), dtype=bool)
    nearest = cdist(states, family.states).argmin(1)
    offset = states - family.states[nearest]
    T = family.basis[nearest]
    inside = np.einsum("pik,pi->pk", T, offset)
    close = np.flatnonzero(np.linalg.norm(offset, axis=1) <= 1.5 * family.surface.spacing)
    foot = family.states[nearest] + np.einsum("pik,pk->pi", T, inside)
    on = np.zeros(len(states), dtype=bool)
    for part in np.array_split(close, 1 + len(close) // measure.system.block):
        x, basis = (torch.as_tensor(each[part], device=measure.centre.device) for each in (foot, T))
        settled = correct(
            measure.system, measure.input, x, basis, rate=measure.rate, tolerance=TOLERANCE, fixed=basis
        )
        gap = np.linalg.norm(settled.state.cpu().numpy() - states[part], axis=1)
        on[part] = settled.converged.cpu().numpy() & (gap <= _NEAR * measure.radius)
    return on


def _continues(family: Family, states: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether states lie on the continuation of a straight line or a plane, to rounding."""
    centre = family.states.mean(0)
    sizes, axes = np.linalg.svd(family.states - centre, full_matrices=False)[1:]
    k = family.dimension
    if len(sizes) > k and sizes[k] > _STRAIGHT * sizes[0]:
        return np.zeros(len(states), dtype=bool)
    offset = states - centre
    off = offset - offset @ axes[:k].T @ axes[:k]
    return np.asarray(np.linalg.norm(off, axis=1) <= _STRAIGHT * np.linalg.norm(offset, axis=1))


def _without_doubles(found: list[Family], measure: Measure) -> list[Family]:
    """Families in order of their size; curves that run mostly along a longer one, or on a surface, are part of it."""
    kept: list[Family] = []
    for each in sorted(found, key=lambda family: -_extent(family)):
        on = [
            other.curve.nearest(each.states)[0] <= _NEAR * measure.radius
            if other.curve is not None
            else _on_surface(other, each.states, measure)
            for other in kept
            if each.curve is not None
        ]
        if not any(each.mean() > 0.5 for each in on):
            kept.append(each)
    return kept


def _extent(family: Family) -> float:
    if family.curve is not None:
        return family.curve.length
    return float(np.linalg.norm(family.states - family.states.mean(0), axis=1).max()) * 1e6  # surfaces first


def _point(points: NDArray[np.float64], row: int, reason: str) -> Family:
    state = points[row : row + 1]
    return Family(
        "point",
        0,
        0.0,
        state,
        np.zeros((1, state.shape[1], 0)),
        None,
        None,
        ("", ""),
        reason,
        np.array([row]),
        np.full(1, np.nan),
    )
