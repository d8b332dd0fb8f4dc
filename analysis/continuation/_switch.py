"""Directions in which branches leave a point where they meet."""

__all__ = ["crossing_directions", "directions_around", "kernel"]

import numpy as np

from neurornn.analysis.continuation._curve import Array, size_of
from neurornn.analysis.continuation._family import Family
from neurornn.random import derive_seed, uniform_array

_SINGULAR = 1e-5  # singular values below this, relative to the largest or to the rate of the network, are 0
_RADIUS = 2e-3  # of the sphere searched for branches, in scaled coordinates
_PER_DIMENSION = 60


def kernel(family: Family, y: Array) -> Array:
    """Orthonormal basis of the directions in which the equations do not change to first order.

    Args:
        family: The equations.
        y: A solution.

    Returns:
        Columns of the basis: one on a curve, two where two curves cross, more at degenerate points.
    """
    slope = family.slope(y)
    _, sizes, V = np.linalg.svd(slope)
    n_regular = int((sizes > _SINGULAR * max(sizes[0], family.unit)).sum())
    return V[n_regular:].T


def crossing_directions(family: Family, y: Array, weight: Array, basis: Array) -> tuple[Array, Array] | None:
    r"""Tangents of two branches that cross, from the quadratic form of the second derivatives.

    With :math:`t = \Phi \alpha` they solve :math:`\alpha^\top \Phi^\top \left[\sum_i w_i \nabla^2 G_i\right] \Phi\,
    \alpha = 0`.

    Args:
        family: The equations.
        y: Branch point.
        weight: Left null vector :math:`w`.
        basis: The two columns of :math:`\Phi`.

    Returns:
        Two unit vectors, or None if the form does not have two real zeros.
    """
    form = basis.T @ family.curvature(y, weight) @ basis
    values, axes = np.linalg.eigh(form)
    if not (values[0] < 0 < values[1]) or min(-values[0], values[1]) < 1e-6 * max(-values[0], values[1]):
        return None
    along, across = axes[:, 0] * values[1] ** 0.5, axes[:, 1] * (-values[0]) ** 0.5
    first, second = (basis @ (along + sign * across) for sign in (1, -1))
    return first / np.linalg.norm(first), second / np.linalg.norm(second)


def directions_around(family: Family, y: Array, basis: Array) -> list[Array]:
    """Directions of all branches found by solving the equations on a small sphere around a degenerate point.

    Args:
        family: The equations.
        y: The point.
        basis: Its kernel.

    Returns:
        Unit vectors, one for each half branch.
    """
    k = basis.shape[1]
    draws = 2 * uniform_array(derive_seed(0, f"directions {k}"), _PER_DIMENSION * k, k) - 1
    found: list[Array] = []
    for draw in np.concatenate([np.eye(k), -np.eye(k), draws]):
        if not 0.1 < size_of(draw) < 1.01:
            continue
        z = y + _RADIUS * basis @ (draw / np.linalg.norm(draw))
        direction = _on_sphere(family, y, z)
        if direction is not None and all(direction @ each < 0.99 for each in found):
            found.append(direction)
    return found


def _on_sphere(family: Family, y: Array, z: Array) -> Array | None:
    for _ in range(12):
        gap = z - y
        residual = np.append(family.value(z), 0.5 * (gap @ gap - _RADIUS**2) / _RADIUS)
        try:
            step = np.linalg.solve(np.vstack([family.slope(z), gap / _RADIUS]), -residual)
        except np.linalg.LinAlgError:
            return None
        if not np.isfinite(step).all() or size_of(step) > _RADIUS:
            return None
        z = z + step
        if size_of(step) < 1e-7 * _RADIUS:
            return np.asarray((z - y) / np.linalg.norm(z - y))
    return None
