"""Jacobians of a few small systems, at a fraction of the cost of a vectorised transform."""

__all__ = ["jacobian"]

import torch
from torch import Tensor

from neurornn.analysis._system import System


def jacobian(system: System, state: Tensor, input: Tensor) -> Tensor:
    """Derivative of the drift with respect to the state, by one backward pass for all rows of all matrices.

    Args:
        system: The system.
        state: States, ``(batch, unit)``.
        input: Input held, ``(input,)``.

    Returns:
        One matrix for each state in 1/ms, ``(batch, unit, unit)``.
    """
    if system.analytic is not None or state.numel() * state.shape[1] > 2**20:
        return system.jacobian(state, input)
    n = state.shape[1]
    with (
        torch.enable_grad()
    ):  # states do not meet in a batch: each is repeated once for each row of its matrix
        rows = state.repeat_interleave(n, dim=0).requires_grad_()
        drift = system.drift(rows, input)
        if not drift.requires_grad:
            return state.new_zeros(len(state), n, n)
        pick = torch.eye(n).to(drift).repeat(len(state), 1)
        (J,) = torch.autograd.grad(drift, rows, pick, allow_unused=True)
    return state.new_zeros(len(state), n, n) if J is None else J.reshape(len(state), n, n)
