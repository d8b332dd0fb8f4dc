r"""Two coordinates for the states of a surface, so that it can be drawn without overlap.

A flat piece has its principal components and a bent one its distances along the surface, laid out in a plane. What closes
on itself has angles: around each handle a function of the edges that adds up to a whole number on every closed path is
spread as evenly as it will go, :math:`\min_f \sum_{ij} (\alpha_{ij} - f_j + f_i)^2`, and then :math:`-2 \pi f` is an angle.
"""

__all__ = ["Chart", "chart"]

from collections import deque
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from neurornn.analysis.attractors._mesh import topology


class Chart(NamedTuple):
    """Coordinates of states.

    Attributes:
        place: Coordinates, ``(state, 2)``.
        period: Period of each coordinate, infinite if it has none.
        names: What each coordinate is.
    """

    place: NDArray[np.float64]
    period: tuple[float, float]
    names: tuple[str, str]


def chart(states: NDArray[np.float64], triangles: NDArray[np.int64], flat: bool) -> Chart:
    """Coordinates for the states of a resolved surface.

    Args:
        states: States, ``(state, unit)``.
        triangles: Rows of three states each.
        flat: Whether it lies in a plane.

    Returns:
        The chart.
    """
    shape = topology(triangles)
    centred = states - states.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2]
    turn, never = 2 * np.pi, float("inf")
    if shape.name == "torus":
        angles = turn * np.stack(_reduced(*_circular(triangles, len(states), shape.border)), 1)
        return Chart(np.mod(angles, turn), (turn, turn), ("first angle (rad)", "second angle (rad)"))
    if shape.name == "cylinder":
        (form,) = _circular(triangles, len(states), shape.border)[0]
        height = _height(triangles, len(states), shape.border)
        return Chart(
            np.stack([np.mod(turn * form, turn), height], 1),
            (turn, never),
            ("angle (rad)", "place between the borders (1)"),
        )
    if shape.name == "sphere":
        x, y, z = (centred @ axes[:3].T).T
        angles = np.stack([np.mod(np.arctan2(y, x), turn), np.arctan2(z, np.hypot(x, y))], 1)
        return Chart(angles, (turn, never), ("longitude (rad)", "latitude (rad)"))
    names = ("PC 1 of the surface (1)", "PC 2 of the surface (1)")
    if flat:
        return Chart(centred @ axes[:2].T, (never, never), names)
    edges = _edges(triangles)
    size = np.linalg.norm(states[edges[:, 0]] - states[edges[:, 1]], axis=1)
    graph = coo_array((size, edges.T), shape=(len(states), len(states)))
    distance = dijkstra(graph.tocsr(), directed=False)
    square = distance**2
    inner = -0.5 * (square - square.mean(0) - square.mean(1)[:, None] + square.mean())
    values, vectors = np.linalg.eigh(inner)
    place = vectors[:, :-3:-1] * np.sqrt(np.maximum(values[:-3:-1], 0))
    return Chart(
        place,
        (never, never),
        ("first coordinate along the surface (1)", "second coordinate along the surface (1)"),
    )


def _edges(triangles: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)


def _circular(
    triangles: NDArray[np.int64], n: int, border: NDArray[np.int64]
) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    """Coordinates in turns, one for each independent closed path, and the products of their differences along edges."""
    edges = _edges(triangles)
    number = {(a, b): k for k, (a, b) in enumerate(edges.tolist())}
    tree = _tree(edges, n)
    sides: list[list[int]] = [[] for _ in edges]
    around = [
        [number[min(a, b), max(a, b)] for a, b in ((i, j), (j, k), (k, i))] for i, j, k in triangles.tolist()
    ]
    for face, own in enumerate(around):
        for edge in own:
            sides[edge].append(face)
    outer = len(triangles)
    for a, b in border.tolist():
        sides[number[min(a, b), max(a, b)]].append(outer)
    order, parent = _cotree(sides, tree, outer if len(border) else 0, outer + bool(len(border)))
    crossed = {edge for edge in parent.values() if edge >= 0}
    left = [k for k in range(len(edges)) if k not in tree and k not in crossed]
    L = _laplacian(edges, n)
    coordinates: list[NDArray[np.float64]] = []
    differences: list[NDArray[np.float64]] = []
    for seed in left:
        form = np.zeros(len(edges))
        form[seed] = 1
        for face in reversed(order):
            edge = parent[face]
            if edge < 0:
                continue
            i, j, k = triangles[face].tolist()
            signs = [1 if a < b else -1 for a, b in ((i, j), (j, k), (k, i))]
            total = sum(s * form[e] for s, e in zip(signs, around[face], strict=True) if e != edge)
            form[edge] = -total * signs[around[face].index(edge)]
        divergence = np.zeros(n)
        np.add.at(divergence, edges[:, 1], form)
        np.add.at(divergence, edges[:, 0], -form)
        f = np.asarray(np.linalg.lstsq(L, divergence, rcond=None)[0], dtype=np.float64)
        coordinates.append(-f)
        differences.append(form - f[edges[:, 1]] + f[edges[:, 0]])
    table = np.array(differences)
    return coordinates, np.asarray(table @ table.T)


def _reduced(
    coordinates: list[NDArray[np.float64]], products: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The two shortest independent combinations: closed paths that are as much at right angles as they will go."""
    a, b = coordinates
    (aa, ab), (_, bb) = products.tolist()
    while True:
        if aa > bb:
            a, b, aa, bb = b, a, bb, aa
        times = round(ab / aa)
        if times == 0:
            return a, b
        b = b - times * a
        ab, bb = ab - times * aa, bb - 2 * times * ab + times**2 * aa


def _tree(edges: NDArray[np.int64], n: int) -> set[int]:
    near: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for k, (a, b) in enumerate(edges.tolist()):
        near[a].append((b, k))
        near[b].append((a, k))
    seen, front, found = {0}, deque([0]), set()
    while front:
        for other, k in near[front.popleft()]:
            if other not in seen:
                seen.add(other)
                found.add(k)
                front.append(other)
    return found


def _cotree(sides: list[list[int]], tree: set[int], root: int, n: int) -> tuple[list[int], dict[int, int]]:
    """Faces in the order of a walk over edges that are not in the tree, and the edge by which each was entered."""
    near: list[list[tuple[int, int]]] = [[] for _ in range(n)]
    for k, faces in enumerate(sides):
        if k not in tree and len(faces) == 2:
            near[faces[0]].append((faces[1], k))
            near[faces[1]].append((faces[0], k))
    order, parent, front = [root], {root: -1}, deque([root])
    while front:
        for other, k in near[front.popleft()]:
            if other not in parent:
                parent[other] = k
                order.append(other)
                front.append(other)
    return order, parent


def _laplacian(edges: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    L = np.zeros((n, n))
    for a, b in edges:
        L[a, a] += 1
        L[b, b] += 1
        L[a, b] -= 1
        L[b, a] -= 1
    return L


def _height(triangles: NDArray[np.int64], n: int, border: NDArray[np.int64]) -> NDArray[np.float64]:
    """A function that is 0 on one border and 1 on the other, and the mean of its neighbours in between."""
    follows = dict(border.tolist())
    start = int(border[0, 0])
    one, here = {start}, follows[start]
    while here != start:
        one.add(here)
        here = follows[here]
    fixed = np.unique(border)
    value = np.array([0.0 if int(k) in one else 1.0 for k in fixed])
    L = _laplacian(_edges(triangles), n)
    free = np.setdiff1d(np.arange(n), fixed)
    height = np.zeros(n)
    height[fixed] = value
    if len(free):
        height[free] = np.linalg.solve(L[np.ix_(free, free)], -L[np.ix_(free, fixed)] @ value)
    return height
