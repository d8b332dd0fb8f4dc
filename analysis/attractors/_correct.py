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

    Returns:
        The states.
    """
    T = basis if fixed is None else fixed
    n, k = basis.shape[1:]
    x, R = predicted.clone(), basis.clone()
    done = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    limit = 10 * (1 + predicted.norm(dim=1))
    for _ in range(_MOST_STEPS):
        J = system.jacobian(x, input)
        R = torch.where(done[:, None, None], R, slow_basis(J, R, rate))
        F = system.drift(x, input)
        fast = F - torch.einsum("bik,bjk,bj->bi", R, R, F)
        done |= fast.norm(dim=1) <= tolerance * rate * (1 + x.norm(dim=1))
        if bool(done.all()):
            break
        bordered = x.new_zeros(len(x), n + k, n + k)
        bordered[:, :n, :n], bordered[:, :n, n:] = J / rate, -R
        bordered[:, n:, :n] = T.mT
        rhs = torch.cat([-F / rate, -torch.einsum("bik,bi->bk", T, x - predicted)], 1)
        d = solve_linear(bordered, rhs)[:, :n]
        usable = d.isfinite().all(1) & ~done & ((x + d).norm(dim=1) < limit)
        if not bool(usable.any()):
            break
        x = torch.where(usable.unsqueeze(1), x + d, x)
    return Corrected(x, R, done)
