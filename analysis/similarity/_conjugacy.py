r"""The rotation that brings one square matrix closest to another, with a proof of how close that can be."""

__all__ = ["Conjugacy", "closest_conjugate"]

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurornn.analysis.similarity._duality import proof_limit, relaxed_limit
from neurornn.random import derive_seed, normal_array

Matrix = NDArray[np.float64]


class Conjugacy(NamedTuple):
    r"""A maximum of :math:`\langle A, C B C^\top \rangle` over orthogonal :math:`C`.

    Attributes:
        C: The orthogonal matrix, of determinant 1 or -1.
        overlap: Its value, the best that was found.
        limit: A proven upper limit of the maximum.
        n_starts: Starting points that were used.
    """

    C: Matrix
    overlap: float
    limit: float
    n_starts: int


def closest_conjugate(A: Matrix, B: Matrix, *, n_starts: int, seed: int, tolerance: float) -> Conjugacy:
    r"""Maximise :math:`\langle A, C B C^\top \rangle` over orthogonal :math:`C`, and bound the maximum from above.

    Local maxima are found by Newton steps on the orthogonal group, first from frames in which covariant symmetric matrices
    of both are diagonal, then from random ones. The limit is the lowest of three: the sorted eigenvalues of the symmetric
    and the sorted singular values of the skew parts; the sorted singular values of the matrices; and the Lagrangian dual
    with multipliers for both :math:`C C^\top = I` and :math:`C^\top C = I`, started at the maximum found.

    Args:
        A: Square matrix.
        B: Square matrix of the same size.
        n_starts: Random starts at most; fewer if the limit is reached before.
        seed: Seed of the random starts.
        tolerance: Gap to the limit, relative to :math:`\|A\| \|B\|`, that counts as none.

    Returns:
        The maximum and its limit.
    """
    # a multiple of the identity stays what it is under any C: only the rest has to be matched
    n = len(A)
    shift = float(np.trace(A) * np.trace(B)) / n
    A, B = (np.asarray(M - np.trace(M) / n * np.eye(n), dtype=np.float64) for M in (A, B))
    scale = float(np.linalg.norm(A) * np.linalg.norm(B))
    if scale == 0:
        return Conjugacy(np.eye(n), shift, shift, 0)
    limit = _spectral_limit(A, B)
    best, value, used, proven = np.eye(n), -np.inf, 0, -np.inf
    starts = _spectral_starts(A, B)
    for k in range(len(starts) + n_starts):
        if k < len(starts):
            start = starts[k]
        else:
            draw = normal_array(derive_seed(seed, "conjugacy", k - len(starts)), n, n)
            start = np.asarray(np.linalg.qr(draw)[0], dtype=np.float64)
            if k % 2:  # turns and reflections are not connected
                start[:, 0] *= -1
        C, overlap = _climb(A, B, start, scale)
        used += 1
        if overlap > value:
            best, value = C, overlap
        if limit - value <= tolerance * scale:
            break
        if k >= len(starts) - 1 and value > proven + 1e-9 * scale:
            proven = value  # a new candidate, after the cheap starts: can it be proven best?
            limit = min(limit, proof_limit(A, best @ B @ best.T, value, scale, tolerance))
            if limit - value <= tolerance * scale:
                break
    if limit - value > tolerance * scale:  # not proven: say how far off it can be
        limit = min(limit, relaxed_limit(A, best @ B @ best.T, value, scale))
    return Conjugacy(best, shift + value, shift + max(limit, value), used)


def _climb(A: Matrix, B: Matrix, C: Matrix, scale: float) -> tuple[Matrix, float]:
    """A local maximum near ``C``, by Newton steps whose curvatures are made negative."""
    n = len(A)
    i, j = np.triu_indices(n, 1)
    moved = C @ B @ C.T
    value = float((A * moved).sum())
    if not i.size:
        return C, value
    for _ in range(200):
        G = moved @ A.T - A.T @ moved
        gradient = G[j, i] - G[i, j]
        curvature, axes = np.linalg.eigh(_hessian(A, moved, i, j))
        along = axes.T @ gradient
        if np.linalg.norm(gradient) <= 1e-12 * scale:
            if curvature[-1] <= 1e-8 * scale:
                break
            along[-1] = 0.1 * curvature[-1]  # leave a saddle
        step = axes @ (along / np.maximum(np.abs(curvature), 1e-6 * scale))
        step *= min(1.0, 1.0 / float(np.linalg.norm(step)))
        improved = False
        for _ in range(30):
            skew = np.zeros((n, n))
            skew[i, j], skew[j, i] = step, -step
            turn = np.linalg.solve(np.eye(n) - skew / 2, np.eye(n) + skew / 2)
            trial = turn @ moved @ turn.T
            reached = float((A * trial).sum())
            if reached > value:
                improved = True
                break
            step = step / 2
        if not improved:
            break
        C = np.asarray(turn @ C, dtype=np.float64)
        moved = np.asarray(trial, dtype=np.float64)
        gain, value = reached - value, reached
        if gain <= 1e-15 * scale and np.linalg.norm(gradient) <= 1e-9 * scale:
            break
    U, _, Vh = np.linalg.svd(C)  # rounding has made it a little less orthogonal
    C = np.asarray(U @ Vh, dtype=np.float64)
    return C, float((A * (C @ B @ C.T)).sum())


def _hessian(A: Matrix, B: Matrix, i: NDArray[np.intp], j: NDArray[np.intp]) -> Matrix:
    """Second derivatives of the overlap in the plane rotations ``(i, j)`` at the identity."""
    n = len(A)
    N, one = B @ A.T + A.T @ B, np.eye(n)
    K = np.kron(B, A) + np.kron(A.T, B.T) - (np.kron(one, N.T) + np.kron(N, one)) / 2
    up, down = i * n + j, j * n + i
    rows = K[up] - K[down]
    H = rows[:, up] - rows[:, down]
    return np.asarray((H + H.T) / 2, dtype=np.float64)


def _spectral_starts(A: Matrix, B: Matrix) -> list[Matrix]:
    """Frames in which a symmetric matrix made of each is diagonal, with the signs that agree best."""
    starts = []
    for make in _COVARIANT:
        frame_a, frame_b = np.linalg.eigh(make(A))[1], np.linalg.eigh(make(B))[1]
        agree = (frame_a.T @ A @ frame_a) * (frame_b.T @ B @ frame_b)
        leading = np.linalg.eigh(agree + agree.T)[1][:, -1]
        starts.append(np.asarray((frame_a * np.where(leading < 0, -1.0, 1.0)) @ frame_b.T, dtype=np.float64))
    return starts


_COVARIANT: tuple[Callable[[Matrix], Matrix], ...] = (
    lambda M: M + M.T,
    lambda M: M @ M.T,
    lambda M: M.T @ M,
    lambda M: M @ M + (M @ M).T,
    lambda M: M @ M.T + M.T @ M + M + M.T,
    lambda M: (M - M.T) @ (M.T - M),
)


def _spectral_limit(A: Matrix, B: Matrix) -> float:
    symmetric = float(np.linalg.eigvalsh(A + A.T) @ np.linalg.eigvalsh(B + B.T)) / 4
    skew = float(np.linalg.svd(A - A.T, compute_uv=False) @ np.linalg.svd(B - B.T, compute_uv=False)) / 4
    whole = float(np.linalg.svd(A, compute_uv=False) @ np.linalg.svd(B, compute_uv=False))
    return min(symmetric + skew, whole)
