"""What stands at a converged point: refined, bounded, and told isolated from continuous."""

__all__ = ["RESOLUTION", "SINGULAR", "Pairs", "Roots", "examine", "indistinct", "joined", "merge", "radius"]

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist
from torch import Tensor

from neurornn.analysis._system import System
from neurornn.analysis.fixed_points import _certificate
from neurornn.analysis.fixed_points._certificate import Certificates, certify
from neurornn.analysis.fixed_points._enclosure import AbstractEnclosure, enclosure_of
from neurornn.analysis.fixed_points._parts import in_parts

SINGULAR = 10 * np.sqrt(np.finfo(np.float64).eps)
"""Singular values and eigenvalues below this, relative to the rate of the network, are not told from 0: at a fold
rounding errors of 1e-16 in the drift move the root by their square root, and its smallest eigenvalue with it."""
RESOLUTION = 1e-8
"""Points closer than this times (1 + |x|) are one point."""
_MOST_STEPS = 60  # to refine a point; at a degenerate root Newton's method gains only a factor a step
_CLOSE = 1e-7  # times (1 + |x|): a step that leaves the factors of the Jacobian good enough for the next one
_NUMBERS = 2**17  # of the matrices of a part
_NANOSECONDS = 0.3  # for each unit to the third power, roughly
_EPS = np.finfo(np.float64).eps


class Roots(NamedTuple):
    """Fixed points and what is known of each; all arrays have one row for each point.

    Attributes:
        state: Position.
        speed: Norm of the drift there in 1/ms.
        bound: First-order bound on the distance to the exact fixed point, or to the continuum it lies on;
            infinite where the Jacobian is singular, or changes so fast that there is no such bound.
        nullity: Number of singular values of the Jacobian that are not told from 0.
        isolated: Whether no continuum of fixed points passes through it.
        smooth: Whether the Jacobian is continuous there.
        sign: Sign of det(-J), the index of the point, or 0 where that is not decided.
        existence: Proved bound on the distance to the exact fixed point in any unit, NaN where there is no proof.
        uniqueness: Proved distance in every unit within which there is no other fixed point.
    """

    state: NDArray[np.float64]
    speed: NDArray[np.float64]
    bound: NDArray[np.float64]
    nullity: NDArray[np.int64]
    isolated: NDArray[np.bool_]
    smooth: NDArray[np.bool_]
    sign: NDArray[np.int64]
    existence: NDArray[np.float64]
    uniqueness: NDArray[np.float64]


class Pairs(NamedTuple):
    """Rows of pairs of points of which more is known than their distance.

    Attributes:
        same: Pairs that are one point.
        apart: Pairs that are proved to be two.
    """

    same: tuple[NDArray[np.int64], NDArray[np.int64]]
    apart: tuple[NDArray[np.int64], NDArray[np.int64]]


def examine(system: System, input: Tensor, state: Tensor, *, rate: float, tolerance: float) -> Roots:
    """Refine converged points to rounding level and describe them.

    Args:
        system: The system.
        input: Input held.
        state: Converged states, ``(batch, unit)``.
        rate: Scale of the drift in 1/ms.
        tolerance: Tolerance they converged to.

    Returns:
        The points, in the same order.
    """
    enclosure = enclosure_of(system, input)
    known = not isinstance(enclosure, str) and enclosure.library
    n = system.n_units
    parts = in_parts(
        lambda part: _examine(system, input, enclosure, state[part], rate, tolerance),
        len(state),
        max(1, min(system.block, _NUMBERS // n**2)),
        len(state) * n**3 * _NANOSECONDS if known else 0.0,
    )
    return Roots(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _examine(
    system: System,
    input: Tensor,
    enclosure: AbstractEnclosure | str,
    state: Tensor,
    rate: float,
    tolerance: float,
) -> Roots:
    x, F = _refined(system, input, state, rate)
    J = system.jacobian(x, input)
    nullity, smallest, inverse, sign = _regularity(J, SINGULAR * rate)
    step = -torch.einsum("bij,bj->bi", inverse, F)
    rows = (nullity > 0).nonzero().squeeze(1)
    step[rows] = _shortest_step(system, input, x[rows], F[rows], SINGULAR * rate)
    if isinstance(enclosure, str):
        proof = Certificates(*np.full((2, len(x)), np.nan))
    else:
        proof = certify(enclosure, x.cpu().numpy(), inverse.cpu().numpy() / enclosure.scale)
    certified = torch.as_tensor(proof.certified, device=x.device)
    noise = 4 * _EPS * rate * (1 + x.norm(dim=1)) * system.n_units**0.5
    bound = 2 * (step.norm(dim=1) + noise / smallest)
    isolated = certified | ~_in_continuum(system, input, x, nullity, rate, tolerance)
    vague = isolated & ~certified
    rows = vague.nonzero().squeeze(1)
    change = (system.jacobian((x + step)[rows], input) - J[rows]).flatten(1).norm(dim=1)
    vague[rows] = (nullity[rows] > 0) | (change > 0.25 * smallest[rows])
    bound = torch.where(vague, torch.inf, bound)
    index = torch.where(vague | ~isolated, 0, sign)
    smooth = _is_smooth(system, input, x, J, rate)
    return Roots(
        x.cpu().numpy(),
        F.norm(dim=1).cpu().numpy(),
        bound.cpu().numpy(),
        nullity.cpu().numpy(),
        isolated.cpu().numpy(),
        smooth.cpu().numpy(),
        index.cpu().numpy(),
        *proof,
    )


def _refined(system: System, input: Tensor, state: Tensor, rate: float) -> tuple[Tensor, Tensor]:
    """States at rounding level, and the drift there."""
    x = state.clone()
    F = system.drift(x, input)

    def improves(rows: Tensor, step: Tensor) -> Tensor:
        trial = x[rows] + step
        F_trial = system.drift(trial, input)
        better = F_trial.norm(dim=1) < 0.5 * F[rows].norm(dim=1)
        x[rows[better]], F[rows[better]] = trial[better], F_trial[better]
        return better

    rows = torch.arange(len(x), device=x.device)
    for _ in range(_MOST_STEPS):
        if not rows.numel():
            break
        step, factors, regular = _newton_step(system, input, x[rows], F[rows], 1e-12 * rate)
        better = improves(rows, step)
        near = better & regular & (step.norm(dim=1) <= _CLOSE * (1 + x[rows].norm(dim=1)))
        again = near.nonzero().squeeze(1)  # the factors still serve here
        while again.numel():
            step = torch.linalg.lu_solve(*(each[again] for each in factors), -F[rows[again], :, None])[..., 0]
            again = again[improves(rows[again], step)]
        rows = rows[better & ~near]
    return x, F


def _regularity(J: Tensor, cut: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Number of singular values up to the cut, a bound below the larger ones, the inverses and the indices.

    The norm of its inverse bounds the smallest singular value of a matrix from below; the singular values are only
    computed where that leaves the question open.

    Args:
        J: Matrices, ``(batch, unit, unit)``.
        cut: Singular values up to this count as 0.

    Returns:
        The number, the bound, the inverse, which is not to be used where the number is not 0, and sign det(-J).
    """
    factors, pivots, info = torch.linalg.lu_factor_ex(J)
    failed = info != 0
    unit = torch.eye(J.shape[-1], dtype=J.dtype, device=J.device)
    inverse = torch.linalg.lu_solve(factors, pivots, unit.expand_as(J))
    inverse[failed] = torch.nan
    swaps = (pivots != torch.arange(1, J.shape[-1] + 1, device=J.device)).sum(1)
    negative = (factors.diagonal(dim1=1, dim2=2) > 0).sum(1) + swaps  # of the factors of -J
    sign = torch.where(failed, 0, 1 - 2 * (negative % 2))
    size = inverse.abs()
    norm = torch.minimum(size.flatten(1).norm(dim=1), (size.sum(1).amax(1) * size.sum(2).amax(1)).sqrt())
    smallest = torch.where(failed, 0.0, 1 / norm).nan_to_num(0.0)
    nullity = torch.zeros(len(J), dtype=torch.long, device=J.device)
    rows = (smallest <= 10 * cut).nonzero().squeeze(1)
    if rows.numel():
        sizes = torch.linalg.svdvals(J[rows].nan_to_num())  # at some kinks there is no Jacobian
        nullity[rows] = (sizes <= cut).sum(1)
        smallest[rows] = torch.where(sizes > cut, sizes, torch.inf).amin(1)
    return nullity, smallest, inverse, sign


def _newton_step(
    system: System, input: Tensor, x: Tensor, F: Tensor, cut: float
) -> tuple[Tensor, tuple[Tensor, Tensor], Tensor]:
    """Newton step; the shortest one where the solution shows that the Jacobian is almost singular.

    Args:
        system: The system.
        input: Input held.
        x: States.
        F: The drift there.
        cut: Singular values up to this count as 0 in the shortest step.

    Returns:
        The step, the factors of the Jacobian, and where they served.
    """
    J = system.jacobian(x, input)
    factors, pivots, info = torch.linalg.lu_factor_ex(J)
    step = torch.linalg.lu_solve(factors, pivots, -F.unsqueeze(2)).squeeze(2)
    size = J.flatten(1).norm(dim=1) / system.n_units**0.5
    regular = (step.norm(dim=1) * size <= 1e3 * F.norm(dim=1)) & (info == 0)
    rows = (~regular).nonzero().squeeze(1)
    if rows.numel():
        step[rows] = _shortest_step(system, input, x[rows], F[rows], cut)
    return step, (factors, pivots), regular


def _shortest_step(system: System, input: Tensor, x: Tensor, F: Tensor, cut: float) -> Tensor:
    """Newton step of least length, without the directions in which the Jacobian is singular."""
    U, sizes, V = torch.linalg.svd(system.jacobian(x, input).nan_to_num())
    inverse = torch.where(sizes > cut, 1 / sizes, 0.0)
    return -torch.einsum("bji,bj->bi", V, inverse * torch.einsum("bij,bi->bj", U, F))


def _in_continuum(
    system: System, input: Tensor, x: Tensor, nullity: Tensor, rate: float, tolerance: float
) -> Tensor:
    """Whether one can walk along the null direction and still find fixed points."""
    answer = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    rows = (nullity > 0).nonzero().squeeze(1)
    if not rows.numel():
        return answer
    start = x[rows]  # at an isolated degenerate root, Newton's method leads back from any point nearby
    direction = torch.linalg.svd(system.jacobian(start, input).nan_to_num())[2][:, -1]
    stride = 1e-2 * (1 + start.norm(dim=1))
    y = start + stride.unsqueeze(1) * direction
    for _ in range(30):
        F = system.drift(y, input)
        found = F.norm(dim=1) <= 10 * tolerance * rate * (1 + y.norm(dim=1))
        if found.all():
            break
        y = y + _shortest_step(system, input, y, F, 1e-5 * rate)
    moved = (y - start).norm(dim=1)
    flat = (
        torch.linalg.svdvals(system.jacobian(y.nan_to_num(), input).nan_to_num())[:, -1]
        <= 10 * SINGULAR * rate
    )
    answer[rows] = found & flat & (moved > 0.3 * stride) & (moved < 3 * stride)
    return answer


def _is_smooth(system: System, input: Tensor, x: Tensor, J: Tensor, rate: float) -> Tensor:
    """Whether the Jacobians a little to either side agree with the one here."""
    sign = torch.ones_like(x)
    sign[:, 1::2] = -1
    offset = 1e-6 * (1 + x.norm(dim=1, keepdim=True)) / system.n_units**0.5 * sign
    change = torch.maximum(
        (system.jacobian(x + offset, input) - J).abs().amax((1, 2)),
        (system.jacobian(x - offset, input) - J).abs().amax((1, 2)),
    )
    return change <= 1e-3 * rate


def merge(
    state: NDArray[np.float64], radius: NDArray[np.float64], known: Pairs | None = None
) -> NDArray[np.int64]:
    """Group points whose distance is below the sum of their radii, and theirs, and so on.

    Connected components do not depend on the order of the points, as a greedy search does.

    Args:
        state: Points, ``(batch, unit)``.
        radius: Radius of each.
        known: Pairs of which more is known; what is proved goes before distances.

    Returns:
        Number of the group of each point.
    """
    n = len(state)
    if not n:
        return np.zeros(0, dtype=np.int64)
    pairs = [] if known is None else [np.stack(known.same)]
    for first in range(0, n, 512):
        part = slice(first, first + 512)
        i, j = np.nonzero(cdist(state[part], state) <= radius[part, None] + radius[None, :])
        pairs.append(np.stack([i + first, j]))
    i, j = np.concatenate(pairs, axis=1)
    if known is not None:
        i, j = np.minimum(i, j), np.maximum(i, j)
        forbidden = np.minimum(*known.apart) * n + np.maximum(*known.apart)
        allowed = ~np.isin(i * n + j, forbidden)
        i, j = i[allowed], j[allowed]
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def joined(known: Roots, fresh: Roots, rows: NDArray[np.int64]) -> Roots:
    """Known points and, below them, some new ones.

    Args:
        known: Known points.
        fresh: New points.
        rows: Rows of the new points to take.

    Returns:
        All of them.
    """
    columns: list[NDArray[Any]] = [
        np.concatenate([old, new[rows]]) for old, new in zip(known, fresh, strict=True)
    ]
    return Roots(*columns)


def radius(roots: Roots) -> NDArray[np.float64]:
    """Distance from each point within which another one is taken for the same, where no proof decides.

    Args:
        roots: The points.

    Returns:
        One radius for each.
    """
    size = 1 + np.linalg.norm(roots.state, axis=1)
    return np.minimum(roots.bound, 1e-6 * size) + 0.5 * RESOLUTION * size


def indistinct(system: System, input: Tensor, roots: Roots, *, rate: float, tolerance: float) -> Pairs:
    """Pairs of roots that are one, or two, for a better reason than their distance.

    A proof decides where there are certificates: two points are one if one's box of existence lies in the other's
    box of uniqueness, and two if no state lies in both boxes of existence.

    Near a fold or a pitchfork the drift stays below the tolerance over a whole segment, and candidates stop
    anywhere in it. Two such points are one if the drift between them never exceeds the tolerance.

    Args:
        system: The system.
        input: Input held.
        roots: Fixed points.
        rate: Scale of the drift in 1/ms.
        tolerance: Tolerance they converged to.

    Returns:
        The pairs.
    """
    vague = np.flatnonzero(roots.isolated & np.isinf(roots.bound))
    i, j = (vague[each] for each in np.triu_indices(len(vague), 1))
    first, second = roots.state[i], roots.state[j]
    close = np.linalg.norm(first - second, axis=1) <= 1e-2 * (1 + np.linalg.norm(first, axis=1))
    for fraction in (0.25, 0.5, 0.75):
        between = (1 - fraction) * first + fraction * second
        speed = system.drift(torch.as_tensor(between, device=system.device), input).norm(dim=1).cpu().numpy()
        close &= speed <= tolerance * rate * (1 + np.linalg.norm(between, axis=1))
    same, apart = _proved(roots)
    return Pairs((np.append(i[close], same[0]), np.append(j[close], same[1])), apart)


def _proved(roots: Roots) -> Pairs:
    """Pairs that certificates decide, among those close enough for the question to arise."""
    rows = np.flatnonzero(np.isfinite(roots.existence))
    x = roots.state[rows]
    near: list[NDArray[np.int64]] = [np.zeros((2, 0), dtype=np.int64)]
    for first in range(0, len(rows), 512):
        part = slice(first, first + 512)
        reach = 1e-4 * (1 + np.linalg.norm(x[part], axis=1))
        i, j = np.nonzero(cdist(x[part], x) <= reach[:, None])
        near.append(np.stack([i + first, j]))
    i, j = np.concatenate(near, axis=1)
    i, j = rows[i[i != j]], rows[j[i != j]]
    one, other = (Certificates(roots.existence[k], roots.uniqueness[k]) for k in (i, j))
    same = _certificate.same(roots.state[i], roots.state[j], one, other)
    apart = _certificate.apart(roots.state[i], roots.state[j], one, other)
    return Pairs((i[same], j[same]), (i[apart], j[apart]))
