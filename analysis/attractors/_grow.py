"""Surfaces of slow states, sampled evenly by growing outwards from one of them."""

__all__ = ["Grown", "grow", "local_dimension"]

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from torch import Tensor

from neurornn.analysis.attractors._correct import Corrected, correct
from neurornn.analysis.attractors._slowness import Measure
from neurornn.analysis.attractors._trace import TOLERANCE

_SPACING = 0.25  # of the radius of the region
_ENOUGH = 0.95  # share of the local variance that the dimension must explain


class Grown(NamedTuple):
    """A connected surface of slow states.

    Attributes:
        states: Its sample, ``(state, unit)``.
        spacing: About the distance of neighbours.
        ends: Why it ends: reasons and how many states met them.
    """

    states: NDArray[np.float64]
    spacing: float
    ends: str


def grow(measure: Measure, start: Tensor, dimension: int, n_most: int) -> Grown:
    """Sample the surface that a state lies on.

    Args:
        measure: The criterion at the input held.
        start: A state with several slow modes, ``(unit,)``.
        dimension: Their number.
        n_most: Most states of the sample.

    Returns:
        The surface.
    """
    spacing = _SPACING * measure.radius
    front = _first(measure, start, dimension)
    states = front.state.cpu().numpy()
    reasons: dict[str, int] = {}
    if not front.converged.item() or measure.lacks(front.state, dimension)[0] not in {
        "",
        "end of the region",
    }:
        return Grown(states, spacing, "no slow surface")
    while len(front.state) and len(states) < n_most:
        step = spacing * torch.cat([front.basis, -front.basis], 2).mT  # (front, 2k, unit)
        predicted = (front.state[:, None] + step).flatten(0, 1)
        guess = front.basis.repeat_interleave(2 * dimension, dim=0)
        new = correct(measure.system, measure.input, predicted, guess, rate=measure.rate, tolerance=TOLERANCE)
        off = (new.state - predicted).norm(dim=1)
        sound = (new.converged & (off < 0.5 * spacing)).tolist()
        lacks = measure.lacks(new.state, dimension)
        kept: list[int] = []
        for row, place in enumerate(new.state.cpu().numpy()):
            reason = lacks[row] if sound[row] else "no slow surface"
            if reason:
                reasons[reason] = reasons.get(reason, 0) + 1
            elif len(states) < n_most and np.linalg.norm(states - place, axis=1).min() > 0.7 * spacing:
                states = np.concatenate([states, place[None]])
                kept.append(row)
        front = Corrected(*(column[kept] for column in new))
    if len(states) >= n_most:
        reasons["more than the sample holds"] = 1
    ends = ", ".join(sorted(reasons, key=lambda name: -reasons[name])) or "closed"
    return Grown(states, spacing, ends)


def local_dimension(states: NDArray[np.float64], dimension: int, spacing: float) -> float:
    """Dimension of a sample from the principal components of small neighbourhoods.

    Args:
        states: The sample, ``(state, unit)``.
        dimension: Dimension that is expected, which sets how many neighbours make a neighbourhood.
        spacing: About the distance of neighbours.

    Returns:
        The median over neighbourhoods of the number of components that explain 95 % of their variance, NaN if the
        sample is too small to tell.
    """
    distance = cdist(states, states)
    found = []
    for row in distance:
        near = np.flatnonzero(row <= 1.6 * spacing)
        if len(near) < dimension + 2:
            continue
        near = near[np.argsort(row[near], kind="stable")]
        sizes = np.linalg.svd(states[near] - states[near].mean(0), compute_uv=False) ** 2
        if sizes.sum() > 0:
            found.append(1 + int((np.cumsum(sizes) / sizes.sum() < _ENOUGH).sum()))
    return float(np.median(found)) if found else float("nan")


def _first(measure: Measure, start: Tensor, dimension: int) -> Corrected:
    J = measure.system.jacobian(start[None], measure.input)
    values, vectors = torch.linalg.eig(J[0])
    slow = vectors[:, values.abs().argsort()[:dimension]]
    basis = torch.linalg.svd(torch.cat([slow.real, slow.imag], 1))[0][:, :dimension]
    return correct(
        measure.system, measure.input, start[None], basis[None], rate=measure.rate, tolerance=TOLERANCE
    )
