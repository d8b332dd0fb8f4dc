"""What must be the same before and after: a network's state, the global generators, the batch of trials."""

__all__ = ["fingerprint", "global_random_state"]

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


def global_random_state() -> tuple[bytes, bytes, int]:
    """State of the global generators of torch, NumPy and Python.

    Returns:
        Something that is equal exactly when none of them was used.
    """
    legacy: Any = np.random.get_state()  # noqa: NPY002
    return (
        torch.random.get_rng_state().numpy().tobytes(),
        np.asarray(legacy[1]).tobytes() + str(legacy[2:]).encode(),
        hash(random.getstate()),
    )


def fingerprint(network: nn.Module) -> dict[str, object]:
    """Everything about a network that running or reading it may not change.

    Args:
        network: A network.

    Returns:
        Its bytes, ``requires_grad``, mode and plain attributes, by name.
    """
    found: dict[str, object] = {
        f"the value of '{name}'": _bytes(value) for name, value in network.state_dict().items()
    }
    for name, parameter in network.named_parameters():
        found[f"requires_grad of '{name}'"] = parameter.requires_grad
    for name, module in network.named_modules():
        found[f"the mode of '{name}'"] = module.training
        plain = {
            key: value for key, value in vars(module).items() if isinstance(value, bool | int | float | str)
        }
        found[f"an attribute of '{name}'"] = plain
    return found


def _bytes(value: Tensor) -> bytes:
    """The bytes of a tensor of any type, also of those NumPy does not have."""
    return value.detach().cpu().flatten().contiguous().view(torch.uint8).numpy().tobytes()
