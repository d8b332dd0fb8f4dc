r"""Onto the slow manifold: where the drift has no fast component.

A state lies on it if the drift is in the span of the slow eigenvectors :math:`R` of the Jacobian there,
:math:`F = R\sigma`: for one slow mode, if velocity and acceleration :math:`JF` are parallel. On a continuum of fixed
points, and at every fixed point, that holds exactly.
"""

__all__ = ["Corrected", "correct", "slow_basis"]

from typing import NamedTuple

import torch
from torch import Tensor

from neurornn.analysis._system import System
from neurornn.analysis.fixed_points._newton import solve_linear

_SHIFT = 1e-9  # of the rate: keeps a singular Jacobian invertible and moves no eigenvector
_MOST_TURNS = 12
_MOST_STEPS = 40
_IDLE = 8  # steps that do not halve what is fast: such a state comes to nothing


class Corrected(NamedTuple):
    """States on the slow manifold; one row for each.

    Attributes:
        state: States, ``(batch, unit)``.
        basis: Orthonormal bases of the slow spaces, ``(batch, unit, k)``.
        converged: Whether the drift has no fast component.
    """

    state: Tensor
    basis: Tensor
    converged: Tensor


def slow_basis(J: Tensor, guess: Tensor, rate: float) -> Tensor:
    """Orthonormal bases of the spaces of the slowest modes, by inverse iteration.

    Args:
        J: Jacobians in 1/ms, ``(batch, unit, unit)``.
        guess: Bases to start from, ``(batch, unit, k)``.
        rate: Rate of the network in 1/ms.

    Returns:
        Bases, ``(batch, unit, k)``, turned as little as possible from the guess.
    """
    eye = torch.eye(J.shape[-1], dtype=J.dtype, device=J.device)
    LU, pivots, _ = torch.linalg.lu_factor_ex(J + _SHIFT * rate * eye)
    basis = guess
    for _ in range(_MOST_TURNS):
        new = torch.linalg.lu_solve(LU, pivots, basis)
        new = torch.linalg.qr(torch.where(new.isfinite(), new, basis))[0]
        change = (new - basis @ (basis.mT @ new)).flatten(1).norm(dim=1)
        basis = new
        if bool((change < 1e-12).all()):
            break
    U, _, V = torch.linalg.svd(basis.mT @ guess)
    return basis @ (U @ V)


def correct(
    system: System,
    input: Tensor,
    predicted: Tensor,
    basis: Tensor,
    *,
    rate: float,
    tolerance: float,
    fixed: Tensor | None = None,
    reach: Tensor | None = None,
) -> Corrected:
    """Move predicted states onto the slow manifold, at right angles to the directions given.

    Newton's method on ``F(x) = R sigma`` and ``T' (x - predicted) = 0``, with the slow space R renewed at every step.

    Args:
        system: The system.
        input: Input held.
        predicted: States, ``(batch, unit)``.
        basis: Guesses of the slow spaces, ``(batch, unit, k)``.
        rate: Rate of the network in 1/ms.
        tolerance: Size of the fast component allowed, relative to rate * (1 + |x|).
        fixed: Directions T not to move in, orthonormal, ``(batch, unit, k)``; the guesses if None.
        reach: Distances from the predicted states at which to give up, ``(batch,)``.

    Returns:
        The states.
    """
    T = basis if fixed is None else fixed
    n, k = basis.shape[1:]
    x, R = predicted.clone(), basis.clone()
    done = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    limit = 10 * (1 + predicted.norm(dim=1)) if reach is None else reach
    origin = torch.zeros_like(predicted) if reach is None else predicted
    rows = torch.arange(len(x), device=x.device)
    least, idle = torch.full_like(limit, torch.inf), torch.zeros_like(rows)
    for _ in range(_MOST_STEPS):
        here = x[rows]
        J, F = system.jacobian(here, input), system.drift(here, input)
        slow = slow_basis(J, R[rows], rate)
        R[rows] = slow
        fast = F - torch.einsum("bik,bjk,bj->bi", slow, slow, F)
        size = fast.norm(dim=1)
        still = size > tolerance * rate * (1 + here.norm(dim=1))
        done[rows[~still]] = True
        idle[rows] = torch.where(size < 0.5 * least[rows], 0, idle[rows] + 1)
        least[rows] = torch.minimum(least[rows], size)
        still &= idle[rows] < _IDLE
        rows, here, J, F, slow = rows[still], here[still], J[still], F[still], slow[still]
        if not len(rows):
            break
        across = T[rows]
        bordered = x.new_zeros(len(rows), n + k, n + k)
        bordered[:, :n, :n], bordered[:, :n, n:] = J / rate, -slow
        bordered[:, n:, :n] = across.mT
        rhs = torch.cat([-F / rate, -torch.einsum("bik,bi->bk", across, here - predicted[rows])], 1)
        there = here + solve_linear(bordered, rhs)[:, :n]
        usable = there.isfinite().all(1) & ((there - origin[rows]).norm(dim=1) < limit[rows])
        rows = rows[usable]
        x[rows] = there[usable]
        if not len(rows):
            break
    return Corrected(x, R, done)
