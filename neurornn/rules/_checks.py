"""What rules refuse before they do anything."""

__all__ = ["explicit", "leaky"]

from typing import cast

import torch

from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.rules._base import AbstractRule


def leaky(rule: AbstractRule, network: AbstractNetwork) -> CTRNN:
    """Refuse a network the rule is not derived for.

    Args:
        rule: The rule.
        network: The network.

    Returns:
        The network.

    Raises:
        TypeError: If it is no leaky network.
    """
    if not callable(getattr(network, "circuit", None)):
        raise TypeError(
            f"{type(rule).__name__} is derived for leaky networks such as CTRNN, and {type(network).__name__} is none: it has no "
            "circuit(). Use rules.BPTT(), which differentiates any network."
        )
    return cast(CTRNN, network)


def explicit(rule: AbstractRule, what: str, generator: torch.Generator | None) -> torch.Generator:
    """Refuse to draw random numbers from nowhere.

    Args:
        rule: The rule.
        what: What it draws.
        generator: Where from.

    Returns:
        The generator.

    Raises:
        ValueError: If there is none.
    """
    if generator is None:
        raise ValueError(
            f"{type(rule).__name__} draws {what} from an explicit source. Pass generator=torch.Generator().manual_seed(...)."
        )
    return generator
