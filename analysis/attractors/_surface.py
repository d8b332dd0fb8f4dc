r"""What is measured of a surface: area, curvature, tangents, borders and topology.

Between the states of a sample lie triangles. Their area, and that of the four triangles that each becomes when the
middles of its edges are moved onto the surface, give the area by extrapolation, with an error of fourth order in the
spacing. Around each state the surface is a quadratic function of two coordinates in its tangent plane,

.. math:: x(a) = x + T a + \tfrac12 \sum_{mn} B_{mn} a_m a_n + \dots,

whose second fundamental form :math:`B`, normal to the surface, gives the mean curvature :math:`|B_{11} + B_{22}| / 2` and
the Gaussian curvature :math:`B_{11} \cdot B_{22} - B_{12} \cdot B_{12}`.
"""

__all__ = ["TOO_MANY", "Surface", "survey"]

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from neurornn.analysis.attractors._correct import correct
from neurornn.analysis.attractors._grow import Grown, grow, outward, probe
from neurornn.analysis.attractors._mesh import Mesh, circumradius, is_manifold, topology, triangulate
from neurornn.analysis.attractors._slowness import Measure
from neurornn.analysis.attractors._trace import TOLERANCE

TOO_MANY = "more states than the sample holds"
"""Why a surface is unresolved of which only a part is known."""
_SPACING = 0.25  # of the radius of the region
_FINER, _MOST_TIMES = (0.35, 0.8), 4  # the spacing shrinks by this, so often at most
_FEW = 120  # states: a surface of fewer is sampled again, more finely
_MOST_TURN = 35.0  # degrees: tangent planes of neighbours that differ by more are too far apart
_AIM = 0.8  # of that
_WIDE = 0.62  # of the spacing: radius of the circle around a triangle that may hide a hole; 0.58 is the least
_REACH = 0.8  # of the spacing: so far beyond its last state a surface may go on
_NEIGHBOURS = 12  # states, or middles of edges, that curvature is measured by


class Surface(NamedTuple):
    """A surface of slow states and its geometry.

    Attributes:
        states: States on it, ``(state, unit)``.
        basis: Orthonormal tangents, ``(state, unit, dimension)``.
        triangles: Rows of three states each, ``(triangle, corner)``; none where unresolved.
        spacing: About the distance of neighbours.
        ends: Why it ends.
        unresolved: Why there is no more to say, empty if there is.
        topology: Its name, ``"unresolved"`` where unresolved.
        euler: Euler characteristic, -99 where unresolved.
        n_borders: Number of borders, -1 where unresolved.
        area: Area, NaN where unresolved.
        area_error: Change of the area by the last refinement.
        mean_curvature: Mean curvature at each state, in 1 per unit of the state.
        gaussian_curvature: Gaussian curvature at each state.
        share: Area of each state, a third of that of its triangles.
    """

    states: NDArray[np.float64]
    basis: NDArray[np.float64]
    triangles: NDArray[np.int64]
    spacing: float
    ends: str
    unresolved: str
    topology: str
    euler: int
    n_borders: int
    area: float
    area_error: float
    mean_curvature: NDArray[np.float64]
    gaussian_curvature: NDArray[np.float64]
    share: NDArray[np.float64]


def survey(measure: Measure, start: torch.Tensor, dimension: int, n_most: int) -> Surface:
    """Sample the surface that a state lies on, as finely as its curvature asks for, and measure it.

    Args:
        measure: The criterion at the input held.
        start: A state with several slow modes, ``(unit,)``.
        dimension: Their number; more than 2 are sampled and not measured.
        n_most: Most states of the sample.

    Returns:
        The surface.
    """
    spacing = _SPACING * measure.radius
    grown = grow(measure, start, dimension, spacing=spacing, n_most=n_most)
    if dimension != 2:
        text = "" if grown.complete else TOO_MANY
        return _unmeasured(grown, text or f"surfaces of {dimension} dimensions are sampled and not measured")
    mesh, problem, turn = _meshed(measure, grown)
    best = None if problem else (grown, mesh)
    for _ in range(_MOST_TIMES):
        few = best is None or len(best[0].states) < _FEW
        if not grown.complete or not few:
            break
        finer = _AIM * _MOST_TURN / turn if problem else (0.7 * len(grown.states) / _FEW) ** 0.5
        again = grow(
            measure, start, dimension, spacing=float(np.clip(finer, *_FINER)) * grown.spacing, n_most=n_most
        )
        if not again.complete:
            problem += f", and {n_most} states are not enough to do better"
            break
        grown = again
        mesh, problem, turn = _meshed(measure, grown)
        best = best if problem else (grown, mesh)
    return _unmeasured(grown, problem) if best is None else _measured(measure, *best)


def _meshed(measure: Measure, grown: Grown) -> tuple[Mesh, str, float]:
    """The mesh of a sample, why it cannot be trusted, and by how many degrees tangent planes of neighbours differ."""
    nothing = Mesh(np.zeros((0, 3), dtype=np.int64), False)
    if not grown.complete:
        return nothing, TOO_MANY, _MOST_TURN
    mesh = triangulate(grown.states, grown.basis, grown.spacing)
    mesh = _without_gaps(measure, grown, mesh)
    if not len(mesh.triangles):
        return mesh, "too few states", _MOST_TURN
    first, second = _edges(mesh.triangles).T
    common = np.linalg.svd(grown.basis[first].transpose(0, 2, 1) @ grown.basis[second], compute_uv=False)
    turn = float(np.degrees(np.arccos(min(common.min(), 1.0))))
    if turn > _MOST_TURN:
        return mesh, f"tangent planes of neighbours differ by up to {turn:.0f} degrees", turn
    return mesh, "" if mesh.sound else "neighbours do not agree about their triangles", _MOST_TURN


def _without_gaps(measure: Measure, grown: Grown, mesh: Mesh) -> Mesh:
    """The mesh without triangles, among wide ones, over places that are not slow."""
    corners = grown.states[mesh.triangles]
    wide = np.flatnonzero(circumradius(corners) > _WIDE * grown.spacing)
    device = measure.centre.device
    _, reason = probe(
        measure,
        torch.as_tensor(corners[wide].mean(1), device=device),
        torch.as_tensor(grown.basis[mesh.triangles[wide, 0]], device=device),
        torch.full((len(wide),), grown.spacing, dtype=torch.float64, device=device),
    )
    lost = wide[[bool(each) for each in reason]]
    if not len(lost):
        return mesh
    rest = np.delete(mesh.triangles, lost, axis=0)
    return Mesh(rest, mesh.sound and is_manifold(rest))


def _measured(measure: Measure, grown: Grown, mesh: Mesh) -> Surface:
    used = np.unique(mesh.triangles)
    place = np.full(len(grown.states), -1)
    place[used] = np.arange(len(used))
    triangles = place[mesh.triangles]
    shape = topology(triangles)
    x = torch.as_tensor(grown.states[used], device=measure.centre.device)
    basis = torch.as_tensor(grown.basis[used], device=x.device)
    if len(shape.border):
        x, basis = _to_border(measure, x, basis, triangles, shape.border, grown.spacing)
    states = x.cpu().numpy()
    edges = _edges(triangles)
    middle = _middles(measure, x, basis, triangles, edges, shape.border)
    coarse = _areas(states[triangles])
    number = {(a, b): len(states) + k for k, (a, b) in enumerate(edges.tolist())}
    parts = np.array([_quarters(each, number) for each in triangles.tolist()])
    finer = _areas(np.concatenate([states, middle])[parts]).sum(1)
    total, fine = float(coarse.sum()), float(finer.sum())
    share = np.zeros(len(states))
    np.add.at(share, triangles, finer[:, None] / 3)
    tangent, mean, gaussian = _bending(states, basis.cpu().numpy(), middle, grown.spacing)
    return Surface(
        states=states,
        basis=tangent,
        triangles=triangles,
        spacing=grown.spacing,
        ends=grown.ends if len(shape.border) else "closed",
        unresolved="",
        topology=shape.name,
        euler=shape.euler,
        n_borders=shape.n_borders,
        area=(4 * fine - total) / 3,
        area_error=abs(fine - total) / 3,
        mean_curvature=mean,
        gaussian_curvature=gaussian,
        share=share,
    )


def _unmeasured(grown: Grown, why: str) -> Surface:
    nan = np.full(len(grown.states), np.nan)
    return Surface(
        grown.states, grown.basis, np.zeros((0, 3), dtype=np.int64), grown.spacing, grown.ends, why,
        "unresolved", -99, -1, np.nan, np.nan, nan, nan, nan,
    )  # fmt: skip


def _edges(triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every edge once, its ends in order."""
    return np.unique(np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)


def _outwards(
    x: NDArray[np.float64], triangles: NDArray[np.int64], border: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Normals of the edges of a border, away from their triangles."""
    third: dict[frozenset[int], int] = {}
    for a, b, c in triangles.tolist():
        third |= {frozenset((a, b)): c, frozenset((b, c)): a, frozenset((c, a)): b}
    along = x[border[:, 1]] - x[border[:, 0]]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    away = x[border[:, 0]] - x[np.array([third[frozenset(each)] for each in border.tolist()])]
    away -= (away * along).sum(1, keepdims=True) * along
    return np.asarray(away / np.linalg.norm(away, axis=1, keepdims=True))


def _to_border(
    measure: Measure,
    x: torch.Tensor,
    basis: torch.Tensor,
    triangles: NDArray[np.int64],
    border: NDArray[np.int64],
    spacing: float,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The states at a border, moved to where the criterion fails."""
    normal = _outwards(x.cpu().numpy(), triangles, border)
    total = np.zeros(x.shape)
    np.add.at(total, border, normal[:, None])
    rows = np.unique(border)
    direction = total[rows] / np.linalg.norm(total[rows], axis=1, keepdims=True)
    d = torch.as_tensor(direction, device=x.device)
    moved = outward(measure, x[rows], basis[rows], d, x.new_full((len(rows),), _REACH * spacing))
    x, basis = x.clone(), basis.clone()
    good = moved.converged
    x[rows[good.cpu().numpy()]], basis[rows[good.cpu().numpy()]] = moved.state[good], moved.basis[good]
    return x, basis


def _middles(
    measure: Measure,
    x: torch.Tensor,
    basis: torch.Tensor,
    triangles: NDArray[np.int64],
    edges: NDArray[np.int64],
    border: NDArray[np.int64],
) -> NDArray[np.float64]:
    """The middles of edges, moved onto the surface, and at a border to it."""
    a, b = edges.T
    middle, guess = 0.5 * (x[a] + x[b]), basis[a]
    found = []
    for part in range(0, len(a), measure.system.block):
        these = slice(part, part + measure.system.block)
        new = correct(
            measure.system, measure.input, middle[these], guess[these], rate=measure.rate, tolerance=TOLERANCE
        )
        found.append(torch.where(new.converged[:, None], new.state, middle[these]))
    y = torch.cat(found)
    if len(border):
        order = {edge: k for k, edge in enumerate(map(tuple, edges.tolist()))}
        rows = np.array([order[min(i, j), max(i, j)] for i, j in border.tolist()])
        normal = torch.as_tensor(_outwards(x.cpu().numpy(), triangles, border), device=x.device)
        size = (x[border[:, 1]] - x[border[:, 0]]).norm(dim=1)
        moved = outward(measure, y[rows], guess[rows], normal, 0.4 * size)
        y[rows] = torch.where(moved.converged[:, None], moved.state, y[rows])
    return y.cpu().numpy()


def _areas(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Areas of triangles ``(..., corner, unit)``."""
    u, v = corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :]
    square = (u**2).sum(-1) * (v**2).sum(-1) - (u * v).sum(-1) ** 2
    return np.asarray(0.5 * np.sqrt(np.maximum(square, 0)))


def _quarters(corners: list[int], middle: dict[tuple[int, int], int]) -> list[tuple[int, int, int]]:
    a, b, c = corners
    ab, bc, ca = (middle[min(i, j), max(i, j)] for i, j in ((a, b), (b, c), (c, a)))
    return [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]


def _bending(
    states: NDArray[np.float64], basis: NDArray[np.float64], middle: NDArray[np.float64], spacing: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Tangents, mean curvature and Gaussian curvature from a quadratic function of what is near each state."""
    tangent, everything = basis.copy(), np.concatenate([states, middle])
    mean, gaussian = np.full((2, len(states)), np.nan)
    for row, (state, T) in enumerate(zip(states, basis, strict=True)):
        offset = everything - state
        distance = np.linalg.norm(offset, axis=1)
        near = np.argsort(distance, kind="stable")[1 : 1 + _NEIGHBOURS]
        near = near[distance[near] < 1.5 * spacing]
        if len(near) < 6:
            continue
        for _ in range(2):  # once more with the tangents of the first time
            a = offset[near] @ T
            terms = np.column_stack([a, 0.5 * a[:, 0] ** 2, a[:, 0] * a[:, 1], 0.5 * a[:, 1] ** 2])
            weight = np.exp(-0.5 * (2 * distance[near] / spacing) ** 2)[:, None]
            rest = offset[near] - a @ T.T
            fit = np.linalg.lstsq(weight * terms, weight * rest, rcond=1e-8)[0]
            T = np.linalg.qr(T + fit[:2].T)[0]
        B = fit[2:] - (fit[2:] @ T) @ T.T
        tangent[row] = T
        mean[row] = 0.5 * np.linalg.norm(B[0] + B[2])
        gaussian[row] = B[0] @ B[2] - B[1] @ B[1]
    return tangent, mean, gaussian
