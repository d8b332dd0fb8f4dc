r"""Limit cycles by multiple shooting.

A cycle is cut into :math:`m` pieces of duration :math:`T / m` that begin at :math:`x_0, \dots, x_{m-1}`. Newton's
method solves

.. math:: \varphi_{T/m}(x_k) = x_{k+1}, \qquad F(x_0)^\top \delta x_0 = 0

for all :math:`x_k` and the period :math:`T` at once, whether the cycle attracts or repels.
"""

__all__ = ["Cycle", "n_pieces", "shoot", "solve_gently"]

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurornn.analysis.cycles._flow import Array, Flow

_MOST_ITERATIONS = 15
_MOST_UNKNOWNS = 1600
_SMALL = 300  # unknowns up to which singular equations are solved as well
_SINGULAR = 1e-9
_ARRIVED = 1e-9  # residual, relative to the size of the states
_POINT = 1e-3  # amplitude below which a cycle is taken for a fixed point, relative to the size of the states


class Cycle(NamedTuple):
    """A periodic solution.

    Attributes:
        period: Its period in ms.
        orbit: States at equal phases, ``(phase, unit)``.
        multiplier: Floquet multipliers, the trivial one first, then by size.
        residual: Largest gap between the pieces.
        n_iterations: Newton steps spent.
    """

    period: float
    orbit: Array
    multiplier: NDArray[np.complex128]
    residual: float
    n_iterations: int


def n_pieces(n_units: int) -> int:
    """Number of pieces a cycle is cut into: a power of two that keeps the equations small."""
    return int(2 ** np.clip(np.floor(np.log2(max(_MOST_UNKNOWNS / n_units, 1))), 0, 4))


def shoot(flow: Flow, nodes: Array, period: float, n_phases: int) -> Cycle | str:
    """Newton's method from a guess.

    Args:
        flow: The flow.
        nodes: States at the beginnings of the pieces, ``(piece, unit)``.
        period: Period in ms.
        n_phases: Number of phases of the orbit, a multiple of the number of pieces.

    Returns:
        The cycle, with its least period, or in words why there is none.
    """
    found = _newton(flow, nodes, period)
    if isinstance(found, str):
        return found
    nodes, period, spent = found
    orbit = _orbit(flow, nodes, period, n_phases)
    if not np.isfinite(orbit).all():
        return "too stiff to follow"
    size = flow.size + float(np.abs(orbit).max())
    for k in (5, 3, 2):
        back = flow.run(nodes[:1], period / k, 1)[0, -1]
        while np.linalg.norm(back - nodes[0]) < 1e-6 * np.ptp(orbit, axis=0).max():
            period /= k
            again = flow.run(nodes[:1], period, len(nodes))[0, :-1]
            found = _newton(flow, again, period)
            if isinstance(found, str):
                return found
            nodes, period, spent = found[0], found[1], spent + found[2]
            orbit = _orbit(flow, nodes, period, n_phases)
            back = flow.run(nodes[:1], period / k, 1)[0, -1]
    if np.ptp(orbit, axis=0).max() < _POINT * size:
        return "shrank to a fixed point"
    ends, pieces = flow.run_with_derivatives(nodes, period / len(nodes))
    gap = float(np.abs(ends - np.roll(nodes, -1, axis=0)).max())
    product = np.eye(nodes.shape[1])
    for piece in pieces:
        product = piece @ product
    values = np.linalg.eigvals(product).astype(np.complex128)
    trivial = int(np.abs(values - 1).argmin())
    others = np.delete(values, trivial)
    others = others[np.lexsort((-others.imag, -np.abs(others).round(12)))]
    return Cycle(period, orbit, np.concatenate([values[trivial, None], others]), gap, spent)


def _newton(flow: Flow, nodes: Array, period: float) -> tuple[Array, float, int] | str:
    m, n = nodes.shape
    residual, pieces, ends = _residual(flow, nodes, period)
    for k in range(_MOST_ITERATIONS):
        size = flow.size + float(np.abs(nodes).max())
        error = float(np.linalg.norm(residual))
        if not np.isfinite(error):
            return "did not converge"
        A = np.zeros((m * n + 1, m * n + 1))
        for i, piece in enumerate(pieces):
            rows, after = slice(i * n, (i + 1) * n), (i + 1) % m
            A[rows, rows] += piece
            A[rows, after * n : (after + 1) * n] -= np.eye(n)
        A[:-1, -1] = flow.velocity(ends).ravel() / m * period
        speed = flow.velocity(nodes[:1])[0]
        A[-1, :n] = speed / max(float(np.linalg.norm(speed)), 1e-300)
        step = solve_gently(A, np.append(-residual.ravel(), 0.0))
        if step is None:
            return "did not converge"
        if error <= _ARRIVED * size and np.linalg.norm(step[:-1]) <= 1e-7 * size and abs(step[-1]) <= 1e-7:
            return nodes + step[:-1].reshape(m, n), period * (1 + float(step[-1])), k + 1
        taken = _damped(flow, nodes, period, step, error)
        if taken is None:
            return "did not converge"
        nodes, period, (residual, pieces, ends) = taken
        if np.ptp(nodes, axis=0).max() < 1e-6 * size and m > 1:
            return "shrank to a fixed point"
    return "did not converge"


def solve_gently(A: Array, b: Array) -> Array | None:
    """The solution, the shortest of them where there is a continuum; None if there is none.

    Args:
        A: Square matrix.
        b: Right-hand side.

    Returns:
        The solution.
    """
    if not np.isfinite(A).all():
        return None
    try:
        if len(b) > _SMALL:
            return np.asarray(np.linalg.solve(A, b), dtype=np.float64)
        return np.asarray(np.linalg.lstsq(A, b, rcond=_SINGULAR)[0], dtype=np.float64)
    except np.linalg.LinAlgError:
        return None


def _damped(
    flow: Flow, nodes: Array, period: float, step: Array, error: float
) -> tuple[Array, float, tuple[Array, Array, Array]] | None:
    """A step short enough that the gaps shrink and the period changes by less than a half."""
    share = min(1.0, 0.5 / max(abs(float(step[-1])), 1e-300))
    for _ in range(4):
        trial = nodes + share * step[:-1].reshape(nodes.shape)
        longer = period * (1 + share * float(step[-1]))
        found = _residual(flow, trial, longer)
        if np.linalg.norm(found[0]) < (1 - 0.1 * share) * error or error < 1e-8 * flow.size:
            return trial, longer, found
        share *= 0.5
    return None


def _residual(flow: Flow, nodes: Array, period: float) -> tuple[Array, Array, Array]:
    ends, pieces = flow.run_with_derivatives(nodes, period / len(nodes))
    return ends - np.roll(nodes, -1, axis=0), pieces, ends


def _orbit(flow: Flow, nodes: Array, period: float, n_phases: int) -> Array:
    """States at equal phases; each piece is run from its own beginning."""
    m = len(nodes)
    return flow.run(nodes, period / m, n_phases // m)[:, :-1].reshape(n_phases, -1)
