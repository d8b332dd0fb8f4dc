"""The long run behind a Lyapunov spectrum: states, a basis re-orthonormalised on the way, and a second trajectory."""

__all__ = ["N_BLOCKS", "Course", "Growth", "run", "standard_error"]

import logging
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurornn.analysis._system import System
from neurornn.analysis.lyapunov._schemes import AbstractScheme
from neurornn.random import derive_seed, normal_array

_log = logging.getLogger(__name__)

N_BLOCKS = 64
"""Blocks a run is cut into; their averages give the error."""
_GROUPS = (1, 2, 4, 8)  # blocks taken together: correlations longer than a block show as a larger error
_MOST_STRETCH = (
    1e10  # of the largest to the smallest growth between two QR: beyond it digits of the smallest are lost
)
_OFFSET = 1e-7  # distance of the second trajectory, times (1 + |x|)


@dataclass(frozen=True)
class Course:
    """Numbers of steps of a run.

    Attributes:
        transient: Steps before anything is followed.
        basis_transient: Steps in which the basis turns to its directions.
        block: Steps of each of the blocks that count.
        every: Steps between two QR decompositions, at most.
    """

    transient: int
    basis_transient: int
    block: int
    every: int


class Growth(NamedTuple):
    """What a run gives.

    Attributes:
        exponent: Average growth rates in each block in 1/ms, ``(trajectory, block, exponent)``.
        check: Growth rates of the distance of a second trajectory, ``(trajectory, block)``.
        final: Last states, ``(trajectory, unit)``.
        finite: Whether a trajectory stayed finite.
        stretch: Largest ratio of growths between two QR decompositions.
        every: Most steps between two of them, as far as they had to be reduced.
    """

    exponent: NDArray[np.float64]
    check: NDArray[np.float64]
    final: NDArray[np.float64]
    finite: NDArray[np.bool_]
    stretch: NDArray[np.float64]
    every: NDArray[np.int64]


class _Traveller:
    """States on their way, with the clock that chooses the input of each step."""

    def __init__(
        self, system: System, scheme: AbstractScheme, state: Tensor, inputs: Tensor, repeat: int
    ) -> None:
        self.system, self.scheme, self.inputs, self.repeat = system, scheme, inputs, repeat
        self.state, self.clock = state, 0
        self.alive = torch.ones(len(state), dtype=torch.bool, device=state.device)

    def held(self, clock: int) -> Tensor:
        return self.inputs[:, clock // self.repeat % self.inputs.shape[1]]

    def walk(self, n_steps: int) -> None:
        for _ in range(n_steps):
            self.state = self.scheme.move(self.system, self.state, self.held(self.clock))
            self.clock += 1
        self.bury()

    def bury(self) -> None:
        """Stop the trajectories that have left for infinity."""
        lost = ~self.state.isfinite().all(1)
        self.alive &= ~lost
        self.state = torch.where(lost.unsqueeze(1), 0.0, self.state)


def run(
    system: System,
    scheme: AbstractScheme,
    start: Tensor,
    inputs: Tensor,
    *,
    repeat: int,
    n_exponents: int,
    course: Course,
    seed: int,
) -> Growth:
    """Follow trajectories and the perturbations around them.

    Args:
        system: The system.
        scheme: How it moves.
        start: States to start from, ``(trajectory, unit)``.
        inputs: Inputs, ``(trajectory, time, input)``, begun again when they end.
        repeat: Steps each of them is held.
        n_exponents: Number of perturbations.
        course: How long.
        seed: Seed of the first perturbations.

    Returns:
        What grew how fast.
    """
    way = _Traveller(system, scheme, start, inputs, repeat)
    way.walk(course.transient)
    shape = (system.n_units, n_exponents)
    first = torch.as_tensor(normal_array(derive_seed(seed, "basis"), *shape), device=start.device)
    basis = torch.linalg.qr(first)[0].expand(len(start), *shape).contiguous()
    kick = basis[:, :, 0]
    every, stretch = course.every, torch.ones(len(start), dtype=torch.float64, device=start.device)
    rates, checks = [], []
    for block in range(-1, N_BLOCKS):  # the first is that of the basis
        n_steps = course.basis_transient if block < 0 else course.block
        total = torch.zeros(len(start), n_exponents, dtype=torch.float64, device=start.device)
        total_check = torch.zeros_like(stretch)
        done = 0
        while done < n_steps:
            k = min(every, n_steps - done)
            new, grown, far, offset = _stretch(way, basis, kick, k)
            Q, R = torch.linalg.qr(grown)
            size = R.diagonal(dim1=1, dim2=2).abs()
            ratio = size.amax(1) / size.amin(1)
            dead = ~(way.alive & new.isfinite().all(1) & grown.isfinite().flatten(1).all(1))
            if k > 1 and bool((ratio[~dead] > _MOST_STRETCH).any()):
                every = k // 2  # the directions are no longer told apart: look sooner
                continue
            way.state, way.clock = new, way.clock + k
            way.alive &= ~dead
            way.bury()
            basis = torch.where(dead[:, None, None], basis, Q)
            kick, distance = _unit(far - new, kick)
            stretch = torch.where(dead, stretch, torch.maximum(stretch, ratio))
            total += size.log()
            total_check += (distance / offset).log()
            done += k
        if block >= 0:
            span = n_steps * scheme.length(system.dt)
            rates.append(total / span)
            checks.append(total_check / span)
        if block % 16 == 15:
            _log.info("Lyapunov spectrum: block %d of %d", block + 1, N_BLOCKS)
    alive = way.alive.cpu().numpy()
    return Growth(
        np.where(alive[:, None, None], torch.stack(rates, 1).cpu().numpy(), np.nan),
        np.where(alive[:, None], torch.stack(checks, 1).cpu().numpy(), np.nan),
        way.state.cpu().numpy(),
        alive,
        stretch.cpu().numpy(),
        np.full(len(start), every),
    )


def standard_error(blocks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Standard error of a mean of correlated blocks: the largest over several lengths of block.

    Args:
        blocks: Block averages, ``(..., block)`` with ``N_BLOCKS`` of them.

    Returns:
        Standard errors, ``(...,)``.
    """
    errors = []
    for together in _GROUPS:
        means = blocks.reshape(*blocks.shape[:-1], -1, together).mean(-1)
        n = means.shape[-1]
        with np.errstate(invalid="ignore"):  # a rate of minus infinity has no spread
            spread = np.sqrt(((means - means.mean(-1, keepdims=True)) ** 2).sum(-1) / (n - 1))
        errors.append(spread / np.sqrt(n))
    return np.asarray(np.max(errors, axis=0))


def _stretch(
    way: _Traveller, basis: Tensor, kick: Tensor, n_steps: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Some steps of states, basis and second trajectories; the traveller itself does not move."""
    state, system, scheme = way.state, way.system, way.scheme
    offset = _OFFSET * (1 + state.norm(dim=1))
    far = state + offset.unsqueeze(1) * kick
    offset = (far - state).norm(dim=1)  # as rounded
    for step in range(n_steps):
        held = way.held(way.clock + step)
        far = scheme.move(system, far, held)
        state, basis = scheme.carry(system, state, held, basis)
    return state, basis, far, offset


def _unit(d: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """Directions and lengths; a difference that vanished keeps the direction it had."""
    length = d.norm(dim=1)
    usable = (length > 0) & length.isfinite()
    return torch.where(usable.unsqueeze(1), d / length.unsqueeze(1), before), length
