"""The distribution of greatest entropy with given marginal variances."""

__all__ = ["greatest_entropy"]

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_TOLERANCE = 1e-9
_MOST_ITERATIONS = 300


def greatest_entropy(powers: Sequence[Array], shape: tuple[int, ...]) -> tuple[Array, float]:
    r"""Variances along each triple of axes that have given sums along each mode and otherwise the greatest entropy.

    They are :math:`1 / (a_i + b_j + c_k)`, where the multipliers minimise the convex

    .. math:: \sum_i a_i \lambda^1_i + \sum_j b_j \lambda^2_j + \sum_k c_k \lambda^3_k - \sum_{ijk} \log(a_i + b_j + c_k)

    by Newton's method with a line search. What may be added to one set of multipliers and taken from another is held.

    Args:
        powers: Sums along each of three modes, all with the same total; of size 0 where a mode is free.
        shape: Number of axes of each mode.

    Returns:
        The variances, and the largest relative error of a sum.
    """
    kept = [k for k in range(3) if powers[k].size]
    target = np.concatenate([powers[k] for k in kept])
    ends = np.cumsum([0, *(powers[k].size for k in kept)])
    parts = [slice(a, b) for a, b in pairwise(ends)]
    others = float(np.prod(shape))
    x = np.concatenate([others / powers[k].size / powers[k] / len(kept) for k in kept])
    gauge = np.zeros((len(target), len(kept) - 1))
    for m in range(1, len(kept)):
        gauge[parts[0], m - 1], gauge[parts[m], m - 1] = 1.0, -1.0

    def sums(x: Array) -> Array:
        total: Array = np.zeros((1, 1, 1), dtype=np.float64)
        for k, part in zip(kept, parts, strict=True):
            total = total + x[part].reshape([-1 if j == k else 1 for j in range(3)])
        return np.broadcast_to(total, shape)

    def height(x: Array) -> float:
        all_sums = sums(x)
        return float(x @ target - np.log(all_sums).sum()) if all_sums.min() > 0 else np.inf

    now = height(x)
    for _ in range(_MOST_ITERATIONS):
        power = 1 / sums(x)
        marginal = np.concatenate([power.sum(tuple(j for j in range(3) if j != k)) for k in kept])
        error = float(np.abs(marginal / target - 1).max())
        if error <= _TOLERANCE:
            break
        H = _second_derivatives(power**2, kept, parts, len(target))
        scale = np.sqrt(np.diag(H))
        free = np.linalg.qr(gauge * scale[:, None])[0]  # what changes no sum
        step = (
            np.linalg.solve(H / np.outer(scale, scale) + free @ free.T, (marginal - target) / scale) / scale
        )
        slope = float((target - marginal) @ step)
        size = 1.0
        while size > 1e-12 and not height(x + size * step) <= now + 1e-4 * size * slope + 1e-12 * abs(now):
            size *= 0.5
        x = x + size * step
        now = height(x)
    return 1 / sums(x), error


def _second_derivatives(square: Array, kept: Sequence[int], parts: Sequence[slice], n: int) -> Array:
    H = np.zeros((n, n))
    for k, own in zip(kept, parts, strict=True):
        for m, other in zip(kept, parts, strict=True):
            if k == m:
                H[own, own] = np.diag(square.sum(tuple(j for j in range(3) if j != k)))
            elif k < m:
                (rest,) = {0, 1, 2} - {k, m}
                H[own, other] = square.sum(rest)
                H[other, own] = H[own, other].T
    return H
