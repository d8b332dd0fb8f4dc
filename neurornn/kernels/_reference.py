"""The time loop in plain PyTorch: slow, differentiable by autograd, and the oracle of every faster one."""

__all__ = ["integrate"]

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from neurornn.activations import Activation


def integrate(
    state: Float[Tensor, "batch unit"],
    drive: Float[Tensor, "batch time unit"],
    W_rec: Float[Tensor, "unit unit"],
    alpha: Float[Tensor, "*unit"],
    *,
    activation: Activation,
    form: Literal["current", "rate"],
    kick: Float[Tensor, "batch time unit"] | None = None,
) -> Float[Tensor, "batch time unit"]:
    r"""Run a leaky network through time.

    .. math::
        \text{current:}\quad x_t &= (1-\alpha)\,x_{t-1} + \alpha\,(W \phi(x_{t-1}) + d_t) + k_t \\
        \text{rate:}\quad r_t &= (1-\alpha)\,r_{t-1} + \alpha\,\phi(W r_{t-1} + d_t) + k_t

    Args:
        state: State before the first step.
        drive: :math:`d_t`, everything that reaches the units but the recurrent input.
        W_rec: Effective recurrent matrix, rows postsynaptic.
        alpha: :math:`dt/\tau`, one number or one for each unit.
        activation: :math:`\phi`.
        form: Which of the two equations.
        kick: :math:`k_t`, noise added to the state, or None.

    Returns:
        The state after every step.
    """
    states = []
    keep = 1 - alpha
    W = W_rec.t()
    steps = drive.unbind(1)
    kicks = None if kick is None else kick.unbind(1)
    for t, d in enumerate(steps):
        if form == "current":
            state = keep * state + alpha * torch.addmm(d, activation(state), W)
        else:
            state = keep * state + alpha * activation(torch.addmm(d, state, W))
        if kicks is not None:
            state = state + kicks[t]
        states.append(state)
    return torch.stack(states, 1)
