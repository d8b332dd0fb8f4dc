"""Surfaces of slow states, sampled evenly by growing outwards from one of them."""

__all__ = ["Grown", "grow", "local_dimension", "outward", "probe"]

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from torch import Tensor

from neurornn.analysis.attractors._correct import Corrected, correct
from neurornn.analysis.attractors._slowness import Measure
from neurornn.analysis.attractors._trace import TOLERANCE

_ENOUGH = 0.95  # share of the local variance that the dimension must explain
_STEPS = ((1.0, 0.7), (0.5, 0.45))  # in units of the spacing: length, and least distance to other states
_BENT = 0.5  # of a step: what leads farther off than this is no step along the surface
_HALVINGS = 7  # of the way to a border
_START = {"", "end of the region"}


class Grown(NamedTuple):
    """A connected surface of slow states.

    Attributes:
        states: Its sample, ``(state, unit)``.
        basis: Orthonormal bases of the slow spaces, ``(state, unit, dimension)``.
        spacing: About the distance of neighbours.
        ends: Why it ends, the most frequent reason first; ``"closed"`` if no step led out of it.
        complete: Whether growth ended by itself and not because there were too many states.
    """

    states: NDArray[np.float64]
    basis: NDArray[np.float64]
    spacing: float
    ends: str
    complete: bool


def grow(measure: Measure, start: Tensor, dimension: int, *, spacing: float, n_most: int) -> Grown:
    """Sample the surface that a state lies on.

    Args:
        measure: The criterion at the input held.
        start: A state with several slow modes, ``(unit,)``.
        dimension: Their number.
        spacing: Distance of neighbours.
        n_most: Most states of the sample.

    Returns:
        The surface.
    """
    front = _first(measure, start, dimension)
    known, bases = front.state, front.basis
    if not front.converged.item() or measure.lacks(front.state, dimension)[0] not in _START:
        return _grown(known, bases, spacing, "no slow surface", True)
    reasons: dict[str, int] = {}
    wheel = _wheel(dimension).to(start)
    while len(front.state) and len(known) < n_most:
        centre = front.state.repeat_interleave(len(wheel), dim=0)
        guess = front.basis.repeat_interleave(len(wheel), dim=0)
        ray = spacing * torch.einsum("fuk,mk->fmu", front.basis, wheel).flatten(0, 1)
        grown: list[Corrected] = []
        for length, room in _STEPS:  # where a whole step leads out, half of one may not
            found, out = _landed(
                measure, known, centre + length * ray, guess, room * spacing, length * spacing, reasons
            )
            found = Corrected(*(column[: n_most - len(known)] for column in found))
            grown.append(found)
            known, bases = torch.cat([known, found.state]), torch.cat([bases, found.basis])
            centre, guess, ray = centre[out], guess[out], ray[out]
        front = Corrected(*(torch.cat(column) for column in zip(*grown, strict=True)))
    complete = len(known) < n_most
    if not complete:
        reasons["more than the sample holds"] = 1
    return _grown(known, bases, spacing, _ranked(reasons), complete)


def outward(measure: Measure, state: Tensor, basis: Tensor, direction: Tensor, reach: Tensor) -> Corrected:
    """Move states of a surface to its border, where the criterion fails, if that is within reach.

    Args:
        measure: The criterion at the input held.
        state: States, ``(batch, unit)``.
        basis: Bases of the slow spaces there, ``(batch, unit, dimension)``.
        direction: Directions of length 1, ``(batch, unit)``.
        reach: How far to go at most, ``(batch,)``.

    Returns:
        The farthest states that meet the criterion; not converged where there was none.
    """
    best = Corrected(state, basis, torch.zeros(len(state), dtype=torch.bool, device=state.device))
    low, high = torch.zeros_like(reach), reach.clone()
    place = high
    for _ in range(_HALVINGS):
        there = state + place[:, None] * direction
        new, reason = probe(measure, there, basis, reach)
        good = torch.tensor([not each for each in reason], device=state.device)
        best = Corrected(
            torch.where(good[:, None], new.state, best.state),
            torch.where(good[:, None, None], new.basis, best.basis),
            best.converged | good,
        )
        low, high = torch.where(good, place, low), torch.where(good, high, place)
        place = 0.5 * (low + high)
    return best


def probe(measure: Measure, predicted: Tensor, guess: Tensor, length: Tensor) -> tuple[Corrected, list[str]]:
    """States of the surface below predicted ones.

    Args:
        measure: The criterion at the input held.
        predicted: States, ``(batch, unit)``.
        guess: Bases of the slow spaces nearby, ``(batch, unit, dimension)``.
        length: Length of the step that led to each; a state half as far off is on another part, ``(batch,)``.

    Returns:
        The states, and what each lacks to be part of the surface.
    """
    if not len(predicted):
        return Corrected(predicted, guess, predicted.new_zeros(0, dtype=torch.bool)), []
    block = measure.system.block
    parts = [
        correct(measure.system, measure.input, x, R, rate=measure.rate, tolerance=TOLERANCE, reach=reach)
        for x, R, reach in zip(predicted.split(block), guess.split(block), length.split(block), strict=True)
    ]
    new = Corrected(*(torch.cat(column) for column in zip(*parts, strict=True)))
    turned = torch.linalg.svdvals(new.basis.mT @ guess).amin(1)
    sound = new.converged & ((new.state - predicted).norm(dim=1) < _BENT * length) & (turned > 0.5)
    lacks = measure.lacks(new.state, guess.shape[2])
    return new, [
        each if good else "no slow surface" for each, good in zip(lacks, sound.tolist(), strict=True)
    ]


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
    """The state to grow from; its first tangent points away from the middle of the region, not anywhere."""
    J = measure.system.jacobian(start[None], measure.input)
    values, vectors = torch.linalg.eig(J[0])
    slow = vectors[:, values.abs().argsort()[:dimension]]
    basis = torch.linalg.svd(torch.cat([slow.real, slow.imag], 1))[0][:, :dimension]
    away = basis.T @ (start - measure.centre)
    if float(away.norm()) > 1e-6 * measure.radius:
        turned = torch.linalg.qr(torch.cat([away[:, None], torch.eye(dimension).to(away)], 1))[0]
        basis = basis @ turned[:, :dimension]
    return correct(
        measure.system, measure.input, start[None], basis[None], rate=measure.rate, tolerance=TOLERANCE
    )


def _wheel(dimension: int) -> Tensor:
    """Directions to step in: to the six neighbours in a plane, both ways along each axis in more dimensions."""
    if dimension == 2:
        angle = torch.arange(6, dtype=torch.float64) * torch.pi / 3
        return torch.stack([angle.cos(), angle.sin()], 1)
    eye = torch.eye(dimension, dtype=torch.float64)
    return torch.cat([eye, -eye])


def _landed(
    measure: Measure,
    known: Tensor,
    predicted: Tensor,
    guess: Tensor,
    room: float,
    length: float,
    reasons: dict[str, int],
) -> tuple[Corrected, list[int]]:
    """States that are new and on the surface, and the rows of the steps that led out of it."""
    if len(predicted):
        rows = (torch.cdist(predicted, known).amin(1) > 0.9 * room).nonzero()[:, 0].tolist()
    else:
        rows = []
    new, reason = probe(measure, predicted[rows], guess[rows], predicted.new_full((len(rows),), length))
    kept: list[int] = []
    out: list[int] = []
    for k, row in enumerate(rows):
        if reason[k]:
            reasons[reason[k]] = reasons.get(reason[k], 0) + 1
            out.append(row)
        elif float((torch.cat([known, new.state[kept]]) - new.state[k]).norm(dim=1).min()) > room:
            kept.append(k)
    return Corrected(*(column[kept] for column in new)), out


def _ranked(reasons: dict[str, int]) -> str:
    return ", ".join(sorted(reasons, key=lambda name: -reasons[name])) or "closed"


def _grown(states: Tensor, basis: Tensor, spacing: float, ends: str, complete: bool) -> Grown:
    return Grown(states.cpu().numpy(), basis.cpu().numpy(), spacing, ends, complete)
