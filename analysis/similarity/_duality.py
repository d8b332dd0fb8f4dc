r"""Upper limits of the overlap of two matrices in the best common frame, from Lagrangian duality.

Let :math:`c = \mathrm{vec}(C)`, row by row. The overlap :math:`\langle A, C B C^\top \rangle` is :math:`c^\top M c` with
:math:`M = (A^\top \otimes B^\top + A \otimes B) / 2`. For orthogonal :math:`C` of side :math:`n` and symmetric :math:`L, R`,
:math:`c^\top (L \otimes I) c = \operatorname{tr} L`, :math:`c^\top (I \otimes R) c = \operatorname{tr} R` and :math:`c^\top c = n`, so

.. math:: \langle A, C B C^\top \rangle \le \operatorname{tr} L + \operatorname{tr} R
   + n\, \lambda_{\max}(M - L \otimes I - I \otimes R)

for all :math:`L` and :math:`R`; the best limit is convex in them. At a maximum, moved to :math:`C = I`, a limit that meets it must have
:math:`L + R = G`, the symmetric part of :math:`(A B^\top + A^\top B) / 2`, and then :math:`\operatorname{tr} L + \operatorname{tr} R` is the
overlap itself: what remains to be found is their difference.

References:
    On Lagrangian Relaxation of Quadratic Matrix Constraints (Anstreicher & Wolkowicz, 2000)
    https://doi.org/10.1137/S0895479898340299
"""

__all__ = ["proof_limit", "relaxed_limit"]

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

Matrix = NDArray[np.float64]


def proof_limit(A: Matrix, B: Matrix, value: float, scale: float, tolerance: float) -> float:
    """The lowest limit with ``L + R`` as a proof needs it: equal to ``value`` if the proof exists.

    Args:
        A: Matrix.
        B: The other one, turned so that the maximum to be proven is at the identity.
        value: The overlap there.
        scale: Product of the norms.
        tolerance: Gap, relative to ``scale``, at which to stop.

    Returns:
        An upper limit of the overlap over all frames.
    """
    n = len(A)
    one = np.eye(n)
    base = _slack(A, B)
    found = one.reshape(-1, 1) / n**0.5
    lowest = np.inf

    def smoothed(d: NDArray[np.float64], width: float) -> tuple[float, NDArray[np.float64]]:
        nonlocal lowest
        D = _symmetric(d, n)
        whole = base - np.kron(D, one) + np.kron(one, D)
        # the found point itself has eigenvalue 0 whatever D is: look at what is perpendicular to it
        inside = whole - found @ (found.T @ whole)
        inside = inside - (inside @ found) @ found.T - 4 * scale * found @ found.T
        top, smooth, left, right = _largest((inside + inside.T) / 2, n, width)
        leak = float(np.linalg.norm(whole @ found))  # 0 at an exact stationary point
        lowest = min(lowest, max(top, 0.0) + 2 * leak)
        if lowest * n <= tolerance * scale / 2:
            raise _ProvenError
        return smooth, _slope(left - right)

    d: NDArray[np.float64] = np.zeros(n * (n + 1) // 2)
    try:
        for width in (0.03, 0.003):
            d = minimize(smoothed, d, (width * scale / n,), "L-BFGS-B", jac=True, options={"maxiter": 100}).x
    except _ProvenError:
        pass
    return value + n * lowest


def relaxed_limit(A: Matrix, B: Matrix, value: float, scale: float) -> float:
    """A low limit over all ``L`` and ``R``, for a maximum that could not be proven.

    Args:
        A: Matrix.
        B: The other one, turned as for :func:`proof_limit`.
        value: The overlap at the identity.
        scale: Product of the norms.

    Returns:
        An upper limit of the overlap over all frames.
    """
    n = len(A)
    one, base, half = np.eye(n), _slack(A, B), n * (n + 1) // 2
    lowest = np.inf

    def smoothed(d: NDArray[np.float64], width: float) -> tuple[float, NDArray[np.float64]]:
        nonlocal lowest
        D, E = _symmetric(d[:half], n), _symmetric(d[half:], n)
        top, smooth, left, right = _largest(base - np.kron(E + D, one) - np.kron(one, E - D), n, width)
        added = 2 * float(np.trace(E))
        lowest = min(lowest, added + n * top)
        return added + n * smooth, np.concatenate([
            _slope(n * (left - right)),
            _slope(2 * one - n * (left + right)),
        ])

    d: NDArray[np.float64] = np.zeros(2 * half)
    for width in (0.03, 0.006):
        d = minimize(smoothed, d, (width * scale / n,), "L-BFGS-B", jac=True, options={"maxiter": 40}).x
    return value + lowest


class _ProvenError(Exception):
    """The limit is reached; no need to go on."""


def _slack(A: Matrix, B: Matrix) -> Matrix:
    """``M - L x I - I x R`` with ``L = R = G / 2``."""
    one = np.eye(len(A))
    G = (A @ B.T + A.T @ B) / 2
    half = (G + G.T) / 4
    M = (np.kron(A.T, B.T) + np.kron(A, B)) / 2
    return np.asarray(M - np.kron(half, one) - np.kron(one, half), dtype=np.float64)


def _largest(W: Matrix, n: int, width: float) -> tuple[float, float, Matrix, Matrix]:
    """The largest eigenvalue, a smooth estimate from above, and ``V'V`` and ``VV'`` of its eigenvectors, which give slopes."""
    values, vectors = np.linalg.eigh(W)
    weight = np.exp((values - values[-1]) / width)
    smooth = float(values[-1]) + width * float(np.log(weight.sum()))
    V = (vectors * np.sqrt(weight / weight.sum())).T.reshape(-1, n, n)
    left = np.einsum("kai,kaj->ij", V, V, optimize=True)
    right = np.einsum("kia,kja->ij", V, V, optimize=True)
    return float(values[-1]), smooth, left, right


def _symmetric(d: NDArray[np.float64], n: int) -> Matrix:
    D: Matrix = np.zeros((n, n))
    D[np.triu_indices(n)] = d
    return D + D.T


def _slope(S: Matrix) -> NDArray[np.float64]:
    return np.asarray(2 * S[np.triu_indices(len(S))], dtype=np.float64)
