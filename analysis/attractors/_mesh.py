r"""A surface given by states on it, as triangles, and its topology.

Around each state the cell of points in its tangent plane that are closer to it than to any other state is cut out; three
states whose cells meet form a triangle. Far from degenerate cases neighbours agree about their triangles. Where they do
not, distances are weighted a little differently at random until they do.
"""

__all__ = ["Mesh", "Topology", "circumradius", "is_manifold", "topology", "triangulate"]

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from neurornn.random import derive_seed, uniform_array

WIDEST = 1.25
"""Largest radius of the circle around a triangle, in units of the spacing; what is wider is a hole."""
_WEIGHT = 0.3  # of the spacing, squared: largest weight
_MOST_ROUNDS = 60
_NAMES = {
    (True, 2, 0): "sphere",
    (True, 0, 0): "torus",
    (False, 1, 0): "projective plane",
    (False, 0, 0): "Klein bottle",
    (True, 1, 1): "sheet",
    (True, 0, 2): "cylinder",
    (False, 0, 1): "Moebius strip",
}


class Mesh(NamedTuple):
    """Triangles between states.

    Attributes:
        triangles: Rows of three states each, ``(triangle, corner)``.
        sound: Whether every neighbourhood is a disc, or half a disc at a border.
    """

    triangles: NDArray[np.int64]
    sound: bool


class Topology(NamedTuple):
    """What no bending changes.

    Attributes:
        name: ``"sheet"`` (a disc), ``"cylinder"``, ``"sphere"``, ``"torus"``, ``"Moebius strip"``, ``"Klein bottle"``,
            ``"projective plane"`` or a description.
        euler: Euler characteristic: states less edges plus triangles.
        n_borders: Number of closed curves that bound it.
        border: Edges on them, in the direction of their triangle, ``(edge, end)``.
    """

    name: str
    euler: int
    n_borders: int
    border: NDArray[np.int64]


def triangulate(states: NDArray[np.float64], basis: NDArray[np.float64], spacing: float) -> Mesh:
    """Triangles between neighbouring states of a surface.

    Args:
        states: States about equally far apart, ``(state, unit)``.
        basis: Orthonormal tangents at each, ``(state, unit, 2)``.
        spacing: About the distance of neighbours.

    Returns:
        The triangles.
    """
    near = cKDTree(states).query_ball_point(states, 2 * (WIDEST + 0.05) * spacing)
    cells = []
    for row, others in enumerate(near):
        them = np.array([each for each in sorted(others) if each != row], dtype=np.int64)
        offset = states[them] - states[row]
        cells.append((them, offset @ basis[row], (offset**2).sum(1)))
    weight = np.zeros(len(states))
    stars = [_star(*each, weight, row, spacing) for row, each in enumerate(cells)]
    small: dict[tuple[int, int, int], bool] = {}
    for attempt in range(_MOST_ROUNDS):
        disputed = _disputed(stars, states, spacing, small)
        if not disputed:
            break
        rows = np.array(sorted({corner for each in disputed for corner in each}))
        seed = derive_seed(0, f"weights of the mesh {attempt}")
        weight[rows] = (_WEIGHT * spacing) ** 2 * uniform_array(seed, len(states))[rows]
        for row in sorted({int(k) for each in rows for k in near[each]}):
            stars[row] = _star(*cells[row], weight, row, spacing)
    disputed = _disputed(stars, states, spacing, small)
    agreed = {
        each
        for star in stars
        for each in star
        if small[each] and all(each in stars[corner] for corner in each)
    }
    triangles = np.array(sorted(agreed), dtype=np.int64).reshape(-1, 3)
    return Mesh(triangles, not disputed and is_manifold(triangles))


def topology(triangles: NDArray[np.int64]) -> Topology:
    """Topology of a sound mesh.

    Args:
        triangles: Rows of three states each.

    Returns:
        The topology.
    """
    facing, orientable = _oriented(triangles)
    n_edges = len({frozenset(edge) for each in triangles.tolist() for edge in _edges(each)})
    euler = len(np.unique(triangles)) - n_edges + len(triangles)
    count = Counter(frozenset(edge) for each in facing for edge in _edges(each))
    border = [edge for each in facing for edge in _edges(each) if count[frozenset(edge)] == 1]
    n_borders = _n_loops(border)
    name = _NAMES.get((orientable, euler, n_borders), "")
    if not name:
        handles = (2 - euler - n_borders) // 2 if orientable else 2 - euler - n_borders
        what = f"{handles} handle{'s' if handles != 1 else ''}" if orientable else f"{handles} cross-caps"
        name = f"surface with {what} and {n_borders} border{'s' if n_borders != 1 else ''}"
    return Topology(name, euler, n_borders, np.array(border, dtype=np.int64).reshape(-1, 2))


def circumradius(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Radii of the circles through the corners of triangles.

    Args:
        corners: Corners, ``(..., 3, unit)``.

    Returns:
        Radii, infinite for three states on a line.
    """
    a, b, c = (
        np.linalg.norm(corners[..., i, :] - corners[..., j, :], axis=-1) for i, j in ((1, 2), (2, 0), (0, 1))
    )
    half = (a + b + c) / 2
    square = half * (half - a) * (half - b) * (half - c)
    area = np.sqrt(np.maximum(square, 0))
    return np.asarray(np.divide(a * b * c, 4 * area, out=np.full_like(a, np.inf), where=area > 0))


def is_manifold(triangles: NDArray[np.int64]) -> bool:
    """Whether the triangles around each state form one fan, and all hang together.

    Args:
        triangles: Rows of three states each.

    Returns:
        The answer; no if there are none.
    """
    if not len(triangles):
        return False
    opposite: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for a, b, c in triangles.tolist():
        opposite[a].append((b, c))
        opposite[b].append((c, a))
        opposite[c].append((a, b))
    for link in opposite.values():
        degree = Counter(end for edge in link for end in edge)
        odd = sum(count == 1 for count in degree.values())
        if max(degree.values()) > 2 or odd not in {0, 2} or _n_components(link) > 1:
            return False
    return _n_components([edge for each in triangles.tolist() for edge in _edges(each)]) == 1


def _star(
    them: NDArray[np.int64],
    place: NDArray[np.float64],
    square: NDArray[np.float64],
    weight: NDArray[np.float64],
    row: int,
    spacing: float,
) -> set[tuple[int, int, int]]:
    """Triangles that one state sees: the corners of its cell."""
    half = (WIDEST + 0.05) * spacing
    cell = [(-half, -half), (half, -half), (half, half), (-half, half)]
    labels = [-1] * 4
    level = 0.5 * (square - weight[them] + weight[row])
    for k in np.argsort(level / np.sqrt(square), kind="stable").tolist():
        nx, ny = place[k].tolist()
        cell, labels = _cut(cell, labels, nx, ny, float(level[k]), int(them[k]))
    corners = [tuple(sorted((row, labels[k - 1], labels[k]))) for k in range(len(labels))]
    return {(a, b, c) for a, b, c in corners if a >= 0}


def _cut(
    cell: list[tuple[float, float]], labels: list[int], nx: float, ny: float, level: float, label: int
) -> tuple[list[tuple[float, float]], list[int]]:
    """The part of a convex polygon on one side of a line; labels name the edges that start at its corners."""
    side = [nx * x + ny * y - level for x, y in cell]
    if max(side) <= 0:
        return cell, labels
    corners, names = [], []
    for k, here in enumerate(side):
        m = (k + 1) % len(side)
        there = side[m]
        if here <= 0:
            corners.append(cell[k])
            names.append(labels[k])
        if (here <= 0) != (there <= 0):
            t = here / (here - there)
            corners.append((
                cell[k][0] + t * (cell[m][0] - cell[k][0]),
                cell[k][1] + t * (cell[m][1] - cell[k][1]),
            ))
            names.append(label if here <= 0 else labels[k])
    return corners, names


def _disputed(
    stars: list[set[tuple[int, int, int]]],
    states: NDArray[np.float64],
    spacing: float,
    small: dict[tuple[int, int, int], bool],
) -> list[tuple[int, int, int]]:
    """Triangles, not too wide, that not all their corners see."""
    found = []
    for star in stars:
        for each in star:
            if each not in small:
                small[each] = circumradius(states[list(each)]).item() <= WIDEST * spacing
            if small[each] and not all(each in stars[corner] for corner in each):
                found.append(each)
    return found


def _edges(triangle: Iterable[int]) -> list[tuple[int, int]]:
    a, b, c = triangle
    return [(a, b), (b, c), (c, a)]


def _n_components(edges: Iterable[tuple[int, int]]) -> int:
    parent: dict[int, int] = {}

    def root(k: int) -> int:
        parent.setdefault(k, k)
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    for a, b in edges:
        parent[root(a)] = root(b)
    return sum(k == root(k) for k in list(parent))


def _n_loops(border: list[tuple[int, int]]) -> int:
    return _n_components(border) if border else 0


def _oriented(triangles: NDArray[np.int64]) -> tuple[list[tuple[int, int, int]], bool]:
    """Triangles turned to face the way their neighbours do, and whether that is possible for all."""
    rows: list[tuple[int, int, int]] = [(a, b, c) for a, b, c in triangles.tolist()]
    owners: dict[frozenset[int], list[int]] = defaultdict(list)
    for k, each in enumerate(rows):
        for edge in _edges(each):
            owners[frozenset(edge)].append(k)
    seen, orientable = {0}, True
    front = [0]
    while front:
        k = front.pop()
        for edge in _edges(rows[k]):
            for other in owners[frozenset(edge)]:
                if other == k:
                    continue
                against = edge in _edges(rows[other])
                if other not in seen:
                    if against:
                        a, b, c = rows[other]
                        rows[other] = (a, c, b)
                    seen.add(other)
                    front.append(other)
                elif against:
                    orientable = False
    return rows, orientable
