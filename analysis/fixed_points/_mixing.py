r"""Cheap iterations: many candidates share the factors of one Jacobian.

.. math:: x \leftarrow x + P F(x), \qquad P = -J(a)^{-1}

is Newton's method with the Jacobian of one state, the anchor :math:`a`. Anderson mixing of the last few steps, each
candidate with its own weights, turns it into a secant method: it converges to fixed points of any stability, and an
iteration costs two products with a matrix that all candidates share instead of a factorisation for each. Which points
it ends at depends on the anchor and hardly on what lies nearest, so that a change of anchor is a new look.
"""

__all__ = ["Mixed", "mix", "shared_step"]

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from neurornn.analysis._system import System

_MEMORY = 10  # steps that are mixed
_LONGEST = 0.5  # times (1 + |x|): length of a step
_SAFETY = 10.0  # the anchor's Jacobian stands for another one in the estimate of the error
_WORST = 1e6  # condition of the anchor's Jacobian


class Mixed(NamedTuple):
    """Where the candidates are.

    Attributes:
        state: States, ``(batch, unit)``.
        arrived: Whether the drift vanishes there.
        error: Estimated distance to the fixed point, where one has arrived.
    """

    state: Tensor
    arrived: Tensor
    error: Tensor


class _Memory:
    """The last few differences of steps, and of where they lead, one set for each candidate."""

    def __init__(self, n: int, like: Tensor) -> None:
        self.dg = like.new_zeros(n, _MEMORY, like.shape[1])
        self.dy = torch.zeros_like(self.dg)
        self.gram = like.new_zeros(n, _MEMORY, _MEMORY)
        self.count = 0

    def store(self, dx: Tensor, dg: Tensor) -> None:
        slot = self.count % _MEMORY
        self.count += 1
        self.dg[:, slot], self.dy[:, slot] = dg, dx + dg
        row = torch.bmm(self.dg, dg.unsqueeze(2)).squeeze(2)
        self.gram[:, slot], self.gram[:, :, slot] = row, row

    def mixed(self, g: Tensor) -> Tensor:
        """The step that would be shortest if the drift were linear."""
        k = min(self.count, _MEMORY)
        if not k:
            return g
        dg, gram = self.dg[:, :k], self.gram[:, :k, :k].clone()
        size = gram.diagonal(dim1=1, dim2=2)
        size.add_(1e-13 * size.sum(1, keepdim=True) + 1e-300)
        weight = torch.linalg.solve_ex(gram, torch.bmm(dg, g.unsqueeze(2)))[0]
        return g - torch.bmm(weight.mT, self.dy[:, :k]).squeeze(1)

    def keep(self, rows: Tensor) -> None:
        self.dg, self.dy, self.gram = self.dg[rows], self.dy[rows], self.gram[rows]


def mix(
    drift: Callable[[Tensor], Tensor],
    start: Tensor,
    shared: Tensor,
    *,
    rate: float,
    tolerance: float,
    n_iterations: int,
) -> Mixed:
    """Send candidates to zeros of the drift with the Jacobian of one state.

    Args:
        drift: Velocities in 1/ms of states.
        start: Candidates, ``(batch, unit)``.
        shared: The matrix P, as :func:`shared_step` gives it.
        rate: Scale of the drift in 1/ms.
        tolerance: A candidate has arrived when ``|F| <= tolerance * rate * (1 + |x|)``.
        n_iterations: Iterations at most.

    Returns:
        Where they are; those that have not arrived stand anywhere.
    """
    state, error = start.clone(), torch.full_like(start[:, 0], torch.inf)
    arrived = torch.zeros_like(error, dtype=torch.bool)
    rows, x = torch.arange(len(start), device=start.device), start
    memory = _Memory(len(start), start)
    x_before = g_before = x
    for k in range(n_iterations + 1):
        F = drift(x)
        g = F @ shared.T
        size, speed = 1 + x.norm(dim=1), F.norm(dim=1)
        there = speed <= tolerance * rate * size
        gone = there | ~speed.isfinite()
        if k:
            memory.store(x - x_before, g - g_before)
        if gone.any():
            done = rows[there]
            state[done], arrived[done] = x[there], True
            error[done] = _SAFETY * torch.maximum(g[there].norm(dim=1), speed[there] / rate)
            stay = (~gone).nonzero().squeeze(1)
            rows, x, g, size = rows[stay], x[stay], g[stay], size[stay]
            memory.keep(stay)
        if not rows.numel() or k == n_iterations:
            break
        step = memory.mixed(g).nan_to_num()
        step = step * (_LONGEST * size / step.norm(dim=1).clamp(min=1e-300)).clamp(max=1.0).unsqueeze(1)
        x_before, g_before = x, g
        x = x + step
    return Mixed(state, arrived, error)


def shared_step(system: System, input: Tensor, anchor: Tensor, rate: float) -> Tensor:
    """The matrix P of an anchor.

    Args:
        system: The system.
        input: Input held, ``(input,)``.
        anchor: State whose Jacobian is used, ``(unit,)``; where it is almost singular, minus the rate is used instead.
        rate: Scale of the drift in 1/ms.

    Returns:
        Minus the inverse of the Jacobian.
    """
    J = system.jacobian(anchor[None], input)[0]
    inverse, info = torch.linalg.inv_ex(J)
    size = inverse.norm().item() * rate / system.n_units**0.5
    if info.item() != 0 or not size <= _WORST:
        return torch.eye(system.n_units, dtype=anchor.dtype, device=anchor.device) / rate
    return -inverse
