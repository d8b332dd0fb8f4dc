"""From what a rule has found for effective weights to the parameters behind them."""

__all__ = ["hand_over", "penalise", "product"]

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from neurornn.networks import AbstractNetwork
from neurornn.objective import Objective


def product(
    post: Float[Tensor, "batch time post"], pre: Float[Tensor, "batch time pre"]
) -> Float[Tensor, "post pre"]:
    """Sum of outer products over trials and steps, as one product.

    Args:
        post: What reaches the postsynaptic units.
        pre: What the presynaptic units do.

    Returns:
        One matrix.
    """
    return post.flatten(0, 1).t() @ pre.flatten(0, 1)


def hand_over(found: Sequence[tuple[Tensor | None, Tensor | None]]) -> None:
    """Give gradients of effective values, or changes to be subtracted from them, to the parameters behind them.

    Args:
        found: Effective values, differentiable where they are trained, with their gradients; either may be None.
    """
    wanted = [
        (value, gradient.to(value))
        for value, gradient in found
        if value is not None and gradient is not None and value.requires_grad
    ]
    if wanted:
        torch.autograd.backward([value for value, _ in wanted], [gradient for _, gradient in wanted])


def penalise(network: AbstractNetwork, objective: Objective, share: float = 1.0) -> Tensor:
    """Add the gradient of the penalties on weights.

    Args:
        network: The network.
        objective: The penalties.
        share: The part of them that is due.

    Returns:
        Their value, detached.
    """
    with torch.enable_grad():
        weights = objective.of_weights(network) * share
        if weights.requires_grad:
            weights.backward()
    return weights.detach()
