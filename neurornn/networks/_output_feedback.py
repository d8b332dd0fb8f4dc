"""Outputs that return to the units through fixed weights."""

__all__ = ["closed_loop", "feedback_weights", "open_loop"]

import math
from numbers import Real

import torch
from torch import Tensor

from neurornn.connectivity import Dale
from neurornn.random import derive_seed, uniform_array


def feedback_weights(
    n_units: int, n_outputs: int, scale: float, dale: Dale | None, seed: int
) -> Tensor | None:
    """Uniform weights from the outputs back to the units.

    Args:
        n_units: Number of units.
        n_outputs: Number of outputs.
        scale: The weights lie between minus and plus this; 0 for no feedback.
        dale: Dale's law of the network.
        seed: Seed of the network.

    Returns:
        A matrix ``(unit, output)``, or None without feedback.

    Raises:
        TypeError: If the scale is no number.
        ValueError: If it makes no sense, or Dale's law is asked for too.
    """
    if not isinstance(scale, Real) or isinstance(scale, bool):
        raise TypeError(
            f"output_feedback must be a number, the scale of the feedback weights: got {scale!r}."
        )
    if not 0 <= scale < math.inf:
        raise ValueError(f"output_feedback must be finite and at least 0: got {scale}.")
    if scale == 0:
        return None
    if dale is not None:
        raise ValueError(
            "Outputs that return to the units add W_fb W_out to the recurrent matrix, whatever its signs, so Dale's law would "
            "not hold. Leave out dale or output_feedback."
        )
    numbers = uniform_array(derive_seed(seed, "feedback weights"), n_units, n_outputs)
    return torch.from_numpy(scale * (2 * numbers - 1))


def closed_loop(synapses: Tensor, W_fb: Tensor, W_out: Tensor) -> Tensor:
    """The recurrent matrix of the dynamics: the synapses, and the way through the outputs.

    Args:
        synapses: Matrix of the synapses between units.
        W_fb: Feedback weights.
        W_out: Read-out.

    Returns:
        The matrix ``(post, pre)``, differentiable with respect to synapses and read-out.
    """
    return torch.addmm(synapses, W_fb, W_out)


def open_loop(whole: Tensor, W_fb: Tensor, W_out: Tensor, mask: Tensor | None) -> Tensor:
    """The synapses that make a given matrix of the dynamics.

    Args:
        whole: The matrix that is wanted.
        W_fb: Feedback weights.
        W_out: Read-out.
        mask: 1 where a synapse exists, or None if all do. What is left elsewhere by rounding is 0.

    Returns:
        The matrix of the synapses.
    """
    way = W_fb @ W_out
    synapses = whole.to(way) - way
    if mask is None:
        return synapses
    rounding = 8 * torch.finfo(way.dtype).eps * (whole.to(way).abs() + way.abs())
    return torch.where((mask == 0) & (synapses.abs() <= rounding), torch.zeros_like(synapses), synapses)
