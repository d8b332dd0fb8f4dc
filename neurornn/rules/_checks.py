"""What rules refuse before they do anything."""

__all__ = [
    "check_decay",
    "check_positive",
    "check_size",
    "check_steps",
    "explicit",
    "fitting",
    "leaky",
    "leaky_only",
]

import math
from typing import cast

import numpy as np
import torch

from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.rules._base import AbstractRule, UnsuitableNetwork
from neurornn.trials import Trials


def leaky(rule: AbstractRule, network: AbstractNetwork) -> CTRNN:
    """Refuse a network the rule is not derived for.

    Args:
        rule: The rule.
        network: The network.

    Returns:
        The network.

    Raises:
        UnsuitableNetwork: If it is no leaky network.
    """
    if not callable(getattr(network, "circuit", None)):
        raise UnsuitableNetwork(
            f"{type(rule).__name__} is derived for leaky networks such as CTRNN, and {type(network).__name__} is none: it has no "
            "circuit(). Use rules.BPTT(), which differentiates any network."
        )
    return cast(CTRNN, network)


def leaky_only(rule: AbstractRule, network: AbstractNetwork) -> CTRNN:
    """Refuse a network that is no CTRNN.

    Args:
        rule: The rule.
        network: The network.

    Returns:
        The network.

    Raises:
        UnsuitableNetwork: If it is of another family.
    """
    if not isinstance(network, CTRNN):
        raise UnsuitableNetwork(
            f"{type(rule).__name__} is derived for the leaky network CTRNN: got a {type(network).__name__}. Use rules.BPTT()."
        )
    return network


def fitting(network: AbstractNetwork, trials: Trials) -> Trials:
    """Refuse trials that do not suit a network, and bring others to its type and device.

    Args:
        network: The network.
        trials: The trials.

    Returns:
        The trials.
    """
    network.check_trials(trials)
    return trials.to(next(network.parameters()))


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


def check_size(name: str, value: float) -> None:
    """Refuse a number that is no size.

    Args:
        name: What it is called.
        value: The number.

    Raises:
        ValueError: If it is negative or not finite.
    """
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} must be finite and at least 0: got {value}.")


def check_positive(name: str, value: float) -> None:
    """Refuse a number that is not above 0.

    Args:
        name: What it is called.
        value: The number.

    Raises:
        ValueError: If it is 0, negative or not finite.
    """
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be finite and above 0: got {value}.")


def check_steps(name: str, value: int, otherwise: str = "") -> None:
    """Refuse a number of steps that is none.

    Args:
        name: What it is called.
        value: The number.
        otherwise: What else would do, for the message.

    Raises:
        ValueError: If it is no whole number, or below 1.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be a whole number of steps, at least 1{otherwise}: got {value!r}.")


def check_decay(name: str, value: float) -> None:
    """Refuse a share that cannot be what is kept in a step.

    Args:
        name: What it is called.
        value: The share.

    Raises:
        ValueError: If it lies outside [0, 1).
    """
    if not 0 <= value < 1:
        raise ValueError(
            f"{name} must lie in [0, 1): got {value}. It is what is kept in a step, exp(-dt/tau) for a time constant tau."
        )
