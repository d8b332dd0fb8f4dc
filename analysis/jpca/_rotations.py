r"""Least-squares dynamics and rotations, in closed form."""

__all__ = ["fit_dynamics", "fit_rotation", "planes_of"]

import numpy as np
from numpy.typing import NDArray

_ZERO = 1e-12  # frequencies below this share of the largest turn nothing


def fit_dynamics(state: NDArray[np.float64], velocity: NDArray[np.float64]) -> NDArray[np.float64]:
    """The matrix that best maps states to velocities.

    Args:
        state: One state a row.
        velocity: Its velocity.

    Returns:
        The least-squares matrix, of least norm if several are as good.
    """
    return np.ascontiguousarray(np.linalg.lstsq(state, velocity, rcond=None)[0].T)


def fit_rotation(state: NDArray[np.float64], velocity: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""The skew-symmetric matrix that best maps states to velocities.

    The normal equations :math:`M S + S M = B - B^\top` with :math:`S = \sum x x^\top` and
    :math:`B = \sum \dot x x^\top` decouple in the eigenvectors of :math:`S`: entry :math:`(i, j)` is divided by
    :math:`s_i + s_j`.

    Args:
        state: One state a row.
        velocity: Its velocity.

    Returns:
        The matrix, exactly skew-symmetric. Entries between directions in which the state never moved are 0.
    """
    _, singular, rows = np.linalg.svd(np.linalg.qr(state, mode="r"), full_matrices=True)
    s = np.zeros(state.shape[1])
    s[: singular.size] = singular**2
    B = rows @ (velocity.T @ state) @ rows.T
    sums = s[:, None] + s[None, :]
    seen = sums > len(s) * np.finfo(np.float64).eps * s.max()
    found = np.zeros_like(B)
    np.divide(B - B.T, sums, out=found, where=seen)
    turned = rows.T @ found @ rows
    return (turned - turned.T) / 2


def planes_of(
    rotation: NDArray[np.float64], spread: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""The planes a skew-symmetric matrix turns, fastest first.

    Args:
        rotation: Skew-symmetric matrix of even size :math:`k`.
        spread: States, one a row; in each plane the first axis is the direction in which they spread most.

    Returns:
        The angular frequencies :math:`\omega \ge 0` of the :math:`k/2` planes, and two orthonormal axes a plane as
        rows such that :math:`M a_1 = \omega a_2` and :math:`M a_2 = -\omega a_1`: anticlockwise.
    """
    k = len(rotation)
    values, vectors = np.linalg.eigh(1j * rotation)
    order = np.argsort(-values)[: k // 2]
    omega, turning = values[order], vectors[:, order].T
    moving = omega > _ZERO * max(omega[0], np.finfo(np.float64).tiny)
    n_moving = int(moving.sum())
    basis = np.empty((k, k))
    basis[0 : 2 * n_moving : 2] = np.sqrt(2) * turning[:n_moving].real
    basis[1 : 2 * n_moving : 2] = np.sqrt(2) * turning[:n_moving].imag
    if 2 * n_moving < k:  # what does not turn at all: any basis of the rest
        rest = np.linalg.svd(basis[: 2 * n_moving], full_matrices=True)[2] if n_moving else np.eye(k)
        basis[2 * n_moving :] = rest[2 * n_moving :]
        omega[n_moving:] = 0.0
    centred = spread - spread.mean(0)
    for first in range(0, k, 2):
        plane = basis[first : first + 2]
        seen = centred @ plane.T
        angle = 0.5 * np.arctan2(2 * (seen[:, 0] @ seen[:, 1]), (seen[:, 0] ** 2 - seen[:, 1] ** 2).sum())
        cos, sin = np.cos(angle), np.sin(angle)
        basis[first : first + 2] = np.array([[cos, sin], [-sin, cos]]) @ plane
    return omega, basis
