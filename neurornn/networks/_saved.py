"""Whether a saved state fits a network."""

__all__ = ["check_saved"]

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from neurornn.connectivity import SynapticWeights
from neurornn.networks._tau import TimeConstant


def check_saved(network: nn.Module, state: Mapping[str, Any], strict: bool) -> None:
    """Refuse a state that does not fit; nothing is changed.

    Args:
        network: The network.
        state: Saved state.
        strict: Whether the names must match exactly.

    Raises:
        ValueError: If a name, a shape or a declared structure does not match, or a value is not finite.
    """
    own = network.state_dict()
    if strict and set(own) != set(state):
        missing = {name for name in set(own) - set(state) if _twin(name) not in state}
        unknown = {name for name in set(state) - set(own) if _twin(name) not in own}
        if missing or unknown:
            raise ValueError(
                f"The saved state belongs to another network: missing {sorted(missing)}, unknown {sorted(unknown)}."
            )
    for name, value in state.items():
        like = own.get(name, own.get(_twin(name)))
        if like is not None and like.shape != value.shape:
            raise ValueError(
                f"The saved '{name}' has shape {tuple(value.shape)} but the network needs {tuple(like.shape)}."
            )
    for prefix, module in network.named_modules():
        if isinstance(module, SynapticWeights | TimeConstant):
            module.check_state(state, prefix + ".")
    for name, value in state.items():
        finite = torch.isfinite(value) if not name.endswith(".fixed") else ~torch.isinf(value)  # NaN: plastic
        if not bool(finite.all()):
            raise ValueError(f"The saved '{name}' holds values that are not finite.")


def _twin(name: str) -> str:
    """The other name under which a state may hold the same matrix; empty if there is none."""
    stem, _, last = name.rpartition(".")
    return {"raw": f"{stem}.weight", "weight": f"{stem}.raw"}.get(last, "")
