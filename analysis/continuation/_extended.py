r"""Special points as solutions of regular systems of equations, by Newton's method to rounding level.

A fold or a Hopf point solves :math:`G(y) = 0, \; g(y, \omega) = 0` where

.. math:: \begin{pmatrix} G_x - i \omega & b \\ c^\dagger & 0 \end{pmatrix}
          \begin{pmatrix} q \\ g \end{pmatrix} = \begin{pmatrix} 0 \\ 1 \end{pmatrix}

so that :math:`g = 0` exactly if :math:`i \omega` is an eigenvalue. A simple branch point solves

.. math:: G(y) + \beta b = 0, \quad G_y^\top w = 0, \quad b^\top w = 1

with :math:`\beta = 0`. Where branches come near each other but do not meet, the same equations have a solution
with :math:`\beta \ne 0`, and that tells the two cases apart.
"""

__all__ = ["Crossing", "Meeting", "solve_crossing", "solve_meeting"]

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurornn.analysis.continuation._curve import Array, size_of
from neurornn.analysis.continuation._family import Family

_MOST_ITERATIONS = 15
_EPS = np.finfo(np.float64).eps


class Crossing(NamedTuple):
    """Where an eigenvalue is on the imaginary axis.

    Attributes:
        y: The place.
        omega: Imaginary part of the scaled eigenvalue; 0 at a fold.
        error: First-order bound on the error of the scaled parameter.
    """

    y: Array
    omega: float
    error: float


class Meeting(NamedTuple):
    """Where two branches meet, or come nearest.

    Attributes:
        y: The place.
        beta: Imperfection: 0 to rounding if they meet.
        weight: Left null vector of the derivatives.
        error: First-order bound on the error of the scaled parameter.
    """

    y: Array
    beta: float
    weight: Array
    error: float


def solve_crossing(family: Family, y: Array, omega: float) -> Crossing | None:
    """Newton's method for a fold (``omega = 0``) or a Hopf point.

    Args:
        family: The equations.
        y: A place nearby.
        omega: Imaginary part of the scaled eigenvalue there.

    Returns:
        The exact point, or None if the iteration does not converge.
    """
    n, hopf = family.n_units, omega != 0
    scale = family.unit  # slope[:, :n] is G_x times the unit: eigenvalues are measured likewise
    z = np.append(y, omega * scale) if hopf else y.copy()
    shifted = family.slope(y)[:, :n] - 1j * (omega * scale if hopf else 0.0) * np.eye(n)
    left, _, right = np.linalg.svd(shifted)
    b, c = left[:, -1], right[-1].conj()
    last = np.inf
    for _ in range(_MOST_ITERATIONS):
        place, w0 = z[: n + 1], (z[-1] if hopf else 0.0)
        slope = family.slope(place)
        A = np.block([[slope[:, :n] - 1j * w0 * np.eye(n), b[:, None]], [c.conj()[None], np.zeros((1, 1))]])
        unit = np.eye(n + 1)[n]
        try:
            right_solution, left_solution = np.linalg.solve(A, unit), np.linalg.solve(A.T, unit)
        except np.linalg.LinAlgError:
            return None
        q, g, w = right_solution[:n], right_solution[n], left_solution[:n]
        bend = family.curvature(place, w.real) + 1j * family.curvature(place, w.imag)
        dg: NDArray[np.complex128] = -(bend[:, :n] @ q)
        value = family.value(place)
        if hopf:
            B = np.vstack([np.column_stack([slope, np.zeros(n)]), *_parts(np.append(dg, 1j * (w @ q)))])
            residual = np.concatenate([value, [g.real, g.imag]])
        else:
            B, residual = np.vstack([slope, dg.real]), np.append(value, g.real)
        done = _newton_step(B, residual, z, last)
        if done is None:
            return None
        z, last, arrived = done
        if arrived:
            return Crossing(z[: n + 1], z[-1] / scale if hopf else 0.0, _error(B, n, z))
    return None


def solve_meeting(family: Family, y: Array) -> Meeting | None:
    """Newton's method for a simple branch point, or for the place where two branches come nearest.

    Args:
        family: The equations.
        y: A place nearby.

    Returns:
        The exact point, or None if the iteration does not converge.
    """
    n = family.n_units
    b = np.linalg.svd(family.slope(y))[0][:, -1]
    z, last = np.concatenate([y, [0.0], b]), np.inf
    for _ in range(_MOST_ITERATIONS):
        place, beta, w = z[: n + 1], z[n + 1], z[n + 2 :]
        slope = family.slope(place)
        residual = np.concatenate([family.value(place) + beta * b, slope.T @ w, [b @ w - 1]])
        B = np.block([
            [slope, b[:, None], np.zeros((n, n))],
            [family.curvature(place, w), np.zeros((n + 1, 1)), slope.T],
            [np.zeros((1, n + 2)), b[None]],
        ])
        done = _newton_step(B, residual, z, last)
        if done is None:
            return None
        z, last, arrived = done
        if arrived:
            return Meeting(z[: n + 1], float(z[n + 1]), z[n + 2 :], _error(B, n, z))
    return None


def _newton_step(B: Array, residual: Array, z: Array, last: float) -> tuple[Array, float, bool] | None:
    """The next iterate, the length of the step, and whether it is the last."""
    try:
        step: Array = np.asarray(np.linalg.solve(B, -residual), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    length, scale = size_of(step), 1 + size_of(z)
    if not np.isfinite(length) or (length > 2 * last and last > 1e-9 * scale) or length > scale:
        return None
    arrived = length <= 1e-13 * scale or (last < 1e-8 * scale and length > 0.1 * last)
    return z + step, length, arrived


def _parts(row: NDArray[np.complex128]) -> tuple[Array, Array]:
    return row.real, row.imag


def _error(B: Array, column: int, z: Array) -> float:
    """How far rounding errors in the equations move one unknown, to first order."""
    try:
        row: Array = np.asarray(np.linalg.solve(B.T, np.eye(len(B))[column]), dtype=np.float64)
    except np.linalg.LinAlgError:
        return float("inf")
    return float(4 * _EPS * (size_of(row) * (1 + size_of(z)) + abs(float(z[column]))))
