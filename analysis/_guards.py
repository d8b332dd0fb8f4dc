"""What every analysis of a network does first: refuse noise, and work on a copy."""

__all__ = ["frozen_double", "held_input", "refuse_noise"]

import copy
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from neurornn.networks import AbstractNetwork

Network = TypeVar("Network", bound=AbstractNetwork)


def refuse_noise(network: AbstractNetwork) -> None:
    """Refuse a network whose noise is on: its state has no velocity, only a distribution of them.

    Args:
        network: Network to analyse.

    Raises:
        ValueError: If the network has recurrent noise.
    """
    if network.sigma_rec != 0:
        raise ValueError(
            f"The network has recurrent noise (sigma_rec={network.sigma_rec:g}) but this analysis is of its "
            "deterministic dynamics. Pass network.noiseless()."
        )


def frozen_double(network: Network) -> Network:
    """A copy in float64 and evaluation mode that wants no gradients; the network itself is not touched.

    Args:
        network: Network to analyse.

    Returns:
        A network with its own copy of the weights, on the same device.
    """
    twin = copy.deepcopy(network).double().eval().requires_grad_(False)
    for parameter in twin.parameters():
        parameter.grad = None
    return twin


def held_input(network: AbstractNetwork, input: ArrayLike | Tensor) -> Tensor:
    """One constant input in float64 on the device of the network.

    Args:
        network: Network to analyse.
        input: One number for each input channel.

    Returns:
        A tensor ``(input,)``.

    Raises:
        ValueError: If the number of channels is wrong or a value is not finite.
    """
    given = input.detach().cpu().numpy() if isinstance(input, Tensor) else input
    values = np.array(given, dtype=np.float64)
    if values.shape != (network.n_inputs,):
        raise ValueError(
            f"input must hold one number for each channel, shape ({network.n_inputs},): got shape {values.shape}."
        )
    if not np.isfinite(values).all():
        raise ValueError(f"input must be finite: got {values.tolist()}.")
    return torch.as_tensor(values, device=next(network.parameters()).device)
