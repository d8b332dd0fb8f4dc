"""Connected families of slow states at one input."""

__all__ = ["Family", "families"]

import logging
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from neurornn.analysis.attractors._correct import correct
from neurornn.analysis.attractors._curve import Curve
from neurornn.analysis.attractors._grow import grow, local_dimension
from neurornn.analysis.attractors._slowness import Around, Measure
from neurornn.analysis.attractors._trace import TOLERANCE, trace

_log = logging.getLogger(__name__)

_NEAR = 0.01  # of the radius of the region: a point so close to a curve lies on it
_OUTSIDE = "a place outside the region searched"
_FLAT = 0.01  # root mean square distance from the plane, relative to the extent in it


class Family(NamedTuple):
    """A point, or states that belong together.

    Attributes:
        kind: ``"point"``, ``"line"``, ``"ring"``, ``"plane"`` or ``"surface"``.
        dimension: Number of slow modes: 0 for a point.
        local_dimension: Dimension of small neighbourhoods of its states.
        states: States, ``(state, unit)``; along a line or a ring in order and evenly.
        basis: Orthonormal tangents, ``(state, unit, dimension)``.
        curve: The curve through the states of a line or a ring.
        members: Rows of the points that belong to it.
        place: Arc length of each of them, NaN if it has none.
        ends: Why a line ends, or a surface.
        reason: Why a point is a point.
    """

    kind: str
    dimension: int
    local_dimension: float
    states: NDArray[np.float64]
    basis: NDArray[np.float64]
    curve: Curve | None
    members: NDArray[np.int64]
    place: NDArray[np.float64]
    ends: tuple[str, str]
    reason: str


def families(measure: Measure, points: NDArray[np.float64], n_samples: int) -> list[Family]:
    """Sort points into families and follow these.

    Args:
        measure: The criterion at the input held.
        points: Fixed and slow points, ``(point, unit)``.
        n_samples: Number of states along a line or a ring, and at most of a surface.

    Returns:
        The families, the longest first, and then the points that belong to none.
    """
    device = measure.centre.device
    around = measure.around(torch.as_tensor(points, device=device))
    dimension = around.dimension.cpu().numpy()
    free = np.ones(len(points), dtype=bool)
    outside = measure.outside(torch.as_tensor(points, device=device)).cpu().numpy()
    reasons = [_OUTSIDE if outside[row] else _why(around, row, measure) for row in range(len(points))]
    found: list[Family] = []
    for row in np.lexsort((around.speed.cpu().numpy(), -dimension)):
        if not free[row] or dimension[row] == 0 or outside[row]:
            continue
        start = torch.as_tensor(points[row], device=device)
        _log.info("following the slow states around point %d (%d slow modes)", row, dimension[row])
        new = (
            _line(measure, start, n_samples)
            if dimension[row] == 1
            else _surface(measure, start, int(dimension[row]), n_samples)
        )
        if isinstance(new, str):
            reasons[row] = new
            continue
        new = _with_members(new, points, free, measure)
        free[new.members] = False
        free[row] = False
        found.append(new)
    found = _without_doubles(found, points, measure)
    found.sort(key=lambda each: -_extent(each))
    taken = np.concatenate([each.members for each in found]) if found else np.zeros(0, dtype=np.int64)
    for row in np.setdiff1d(np.arange(len(points)), taken):
        found.append(_point(points, int(row), reasons[row]))
    return found


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
        np.zeros(0, dtype=np.int64),
        np.zeros(0),
        traced.ends,
        "",
    )


def _surface(measure: Measure, start: torch.Tensor, dimension: int, n_samples: int) -> Family | str:
    grown = grow(measure, start, dimension, n_samples)
    states = grown.states
    extent = cdist(states, states).max()
    if len(states) < dimension + 2 or extent < measure.slowness.shortest * measure.radius:
        return f"a slow surface smaller than {measure.slowness.shortest:g} of the region ({grown.ends})"
    sizes = np.linalg.svd(states - states.mean(0), compute_uv=False) ** 2
    flat = sizes[dimension:].sum() <= _FLAT**2 * sizes.sum()
    x = torch.as_tensor(states, device=start.device)
    J = measure.system.jacobian(x, measure.input)
    values, vectors = torch.linalg.eig(J)
    order = values.abs().argsort(dim=1)[:, :dimension]
    slow = vectors.gather(2, order[:, None].expand(-1, x.shape[1], -1))
    basis = torch.linalg.svd(torch.cat([slow.real, slow.imag], 2), full_matrices=False)[0][:, :, :dimension]
    return Family(
        "plane" if flat and dimension == 2 else "surface",
        dimension,
        local_dimension(states, dimension, grown.spacing),
        states,
        basis.cpu().numpy(),
        None,
        np.zeros(0, dtype=np.int64),
        np.zeros(0),
        (grown.ends, grown.ends),
        "",
    )


def _with_members(
    family: Family, points: NDArray[np.float64], free: NDArray[np.bool_], measure: Measure
) -> Family:
    """The family with the points that lie on it."""
    rows = np.flatnonzero(free)
    if family.curve is not None:
        distance, place = family.curve.nearest(points[rows])
        on = distance <= _NEAR * measure.radius
    else:
        nearest = cdist(points[rows], family.states).argmin(1)
        offset = points[rows] - family.states[nearest]
        inside = np.einsum("pik,pi->pk", family.basis[nearest], offset)
        gap = np.sqrt(np.maximum((offset**2).sum(1) - (inside**2).sum(1), 0))
        close = 2 * _neighbour(family.states)
        on = (np.linalg.norm(offset, axis=1) <= close) & (gap <= 0.25 * close)
        place = np.full(len(rows), np.nan)
    return family._replace(members=rows[on], place=place[on])


def _neighbour(states: NDArray[np.float64]) -> float:
    distance = cdist(states, states)
    np.fill_diagonal(distance, np.inf)
    return float(np.median(distance.min(1)))


def _without_doubles(found: list[Family], points: NDArray[np.float64], measure: Measure) -> list[Family]:
    """Curves that run mostly along a longer one are part of it."""
    kept: list[Family] = []
    for each in sorted(found, key=lambda family: -_extent(family)):
        doubled = each.curve is not None and any(
            other.curve is not None
            and (other.curve.nearest(each.states)[0] <= _NEAR * measure.radius).mean() > 0.5
            for other in kept
        )
        if not doubled:
            kept.append(each)
    if len(kept) == len(found):
        return kept
    free = np.ones(len(points), dtype=bool)
    again = []
    for each in kept:
        again.append(_with_members(each, points, free, measure))
        free[again[-1].members] = False
    return again


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
        np.array([row]),
        np.full(1, np.nan),
        ("", ""),
        reason,
    )
