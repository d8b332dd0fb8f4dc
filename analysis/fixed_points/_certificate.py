r"""Proofs that a fixed point exists near a state and that there is no other.

With any matrix A near the inverse of the Jacobian at x the map :math:`K(y) = y - A\,G(y)` has the zeros of G as its
fixed points. If

.. math:: \lVert I - A\,J(y) \rVert_\infty \le k < 1 \quad\text{and}\quad \lVert A\,G(x) \rVert_\infty \le (1 - k)\,R

for all states y of the box of half side R around x, then K contracts the box into itself: there is a zero within
:math:`\lVert A\,G(x) \rVert_\infty / (1 - k)` of x. In every box where the first inequality holds there is at most
one zero, because G maps no two of its states to one. (Newton, Kantorovich and Krawczyk; the norm is the largest
absolute value of a unit.) All bounds hold for the numbers in memory, errors of rounding included.
"""

__all__ = ["Certificates", "apart", "certify", "same"]

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from neurornn.analysis.fixed_points._enclosure import AbstractEnclosure

Array = NDArray[np.float64]
_TRIED = (1.0625, 2.0, 16.0, 256.0)  # half sides of the box for existence, in units of the first Newton step
_WIDEST = 2.0**40  # half side in units of 1 + |x| beyond which only all of space is tried
_CUTS, _PASSES = (
    15,
    3,
)  # of the interval that holds the logarithm of the radius of uniqueness, again and again


class Certificates(NamedTuple):
    """What is proved of each state; not a number where nothing is.

    Attributes:
        existence: The fixed point differs from the state by no more than this in any unit.
        uniqueness: No other state that differs by no more than this in every unit is a fixed point; infinite if
            there is none anywhere.
    """

    existence: Array
    uniqueness: Array

    @property
    def certified(self) -> NDArray[np.bool_]:
        """Where there is a proof."""
        return np.isfinite(self.existence)


def certify(enclosure: AbstractEnclosure, state: Array, inverse: Array | None = None) -> Certificates:
    """Prove fixed points near states, where possible.

    Args:
        enclosure: Bounds on the system.
        state: States, ``(batch, unit)``.
        inverse: Matrices near the inverses of the Jacobians there; computed if None. What is proved holds for any.

    Returns:
        What was proved.
    """
    with np.errstate(all="ignore"):  # where a bound is infinite there is no proof
        A = _finite(_inverses(enclosure.jacobian(state)) if inverse is None else inverse)
        prepared = enclosure.prepare(state, A)
        n = state.shape[1]
        step = np.matmul(np.abs(A), enclosure.residual(state)[:, :, None])[:, :, 0].max(1)
        step = step * (1 + 8 * n * np.finfo(np.float64).eps) + 1e-300
        tried = step[:, None] * np.array([*_TRIED, np.inf])
        k = enclosure.defect(prepared, tried)
        radius = step[:, None] / (1 - k) * (1 + 1e-14)
        proved = (k < 1) & (radius <= tried)
        everywhere, proved[:, -1] = k[:, -1] < 1, False
        existence = np.where(proved, radius, np.inf).min(1)
        existence = np.where(np.isfinite(existence), existence, np.nan)
        low, high = np.log2(existence), np.log2(_WIDEST * (1 + np.abs(state).max(1)))
        for _ in range(_PASSES):
            cuts = low[:, None] + (high - low)[:, None] * np.arange(_CUTS + 2) / (_CUTS + 1)
            holds = enclosure.defect(prepared, np.exp2(cuts[:, 1:-1])) < 1
            last = np.logical_and.accumulate(holds, axis=1).sum(1)
            low, high = (np.take_along_axis(cuts, (last + each)[:, None], 1)[:, 0] for each in (0, 1))
        uniqueness = np.where(low > np.log2(existence), np.exp2(low) * (1 - 1e-12), existence)
        uniqueness = np.where(everywhere & np.isfinite(existence), np.inf, uniqueness)
    return Certificates(existence, uniqueness)


def same(first: Array, second: Array, one: Certificates, other: Certificates) -> NDArray[np.bool_]:
    """Whether two states are proved to stand for one fixed point.

    Args:
        first: States, ``(pair, unit)``.
        second: States they are compared with.
        one: What is known of the first.
        other: What is known of the second.

    Returns:
        True where all states that may be the fixed point of one lie where that of the other is the only one.
    """
    distance = _distance(first, second)
    with np.errstate(invalid="ignore"):
        return np.asarray(
            (distance + one.existence <= other.uniqueness) | (distance + other.existence <= one.uniqueness)
        ) & (one.certified & other.certified)


def apart(first: Array, second: Array, one: Certificates, other: Certificates) -> NDArray[np.bool_]:
    """Whether two states are proved to stand for two fixed points.

    Args:
        first: States, ``(pair, unit)``.
        second: States they are compared with.
        one: What is known of the first.
        other: What is known of the second.

    Returns:
        True where no state may be the fixed point of both.
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(_distance(first, second) * (1 - 1e-12) > one.existence + other.existence)


def _distance(first: Array, second: Array) -> Array:
    return np.asarray(np.abs(first - second).max(-1, initial=0.0) * (1 + 1e-12))


def _inverses(J: Array) -> Array:
    return torch.linalg.inv_ex(torch.as_tensor(J))[0].numpy()


def _finite(A: Array) -> Array:
    return np.where(np.isfinite(A).all((1, 2), keepdims=True), A, np.inf)
