"""Networks and everything they are made of as JSON, and back."""

__all__ = [
    "FAMILIES",
    "TYPES",
    "decode",
    "describe",
    "differences",
    "encode",
    "network_from_config",
    "network_to_config",
]

import inspect
import math
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from neurornn._coding import TYPES as TYPES
from neurornn._coding import decode as decode
from neurornn._coding import decode_fields, named, shown
from neurornn._coding import encode as encode
from neurornn.networks import CTRNN, AbstractNetwork, GatedMemory, ReversibleRNN

FAMILIES: Final[dict[str, type[AbstractNetwork]]] = {
    each.__name__: each for each in (CTRNN, GatedMemory, ReversibleRNN)
}


def network_to_config(network: AbstractNetwork) -> dict[str, Any]:
    """All that the constructor of a network was given, as JSON; weights are not part of it.

    Learned time constants live in the weights: what is written is where they started and their bounds.

    Args:
        network: A network of one of the ``FAMILIES``.

    Returns:
        A dictionary that :func:`network_from_config` understands.

    Raises:
        ValueError: If the network has a part that no configuration can name, for instance an activation of your own.

    Examples:
        >>> from neurornn import connectivity
        >>> config = network_to_config(CTRNN(3, 10, 2, dale=connectivity.Dale()))
        >>> config["n_units"], config["activation"], config["dale"]["fraction_excitatory"]
        (10, 'softplus', 0.8)
    """
    name = type(network).__name__
    if FAMILIES.get(name) is not type(network):
        raise ValueError(
            f"A {name} can be used but not written to a configuration: only {', '.join(FAMILIES)} can be read back."
        )
    values = network.settings()
    return {"type": name, **{key: encode(values[key], where=f"network.{key}") for key in network.arguments}}


def network_from_config(
    config: Mapping[str, Any], *, device: torch.device | str | None = None, where: str = "network"
) -> AbstractNetwork:
    """Build the network a configuration describes, with its initial weights.

    Args:
        config: What :func:`network_to_config` gave.
        device: Device.
        where: Name of the configuration in error messages.

    Returns:
        A network with the same structure; load its trained weights next.

    Raises:
        ValueError: If a key is unknown or missing, or a value has the wrong type or makes no sense.
    """
    name = config.get("type") if isinstance(config, Mapping) else None
    family = FAMILIES.get(name) if isinstance(name, str) else None
    if family is None:
        kinds = " or ".join(f"'{each}'" for each in FAMILIES)
        raise ValueError(f"{where} must be a configuration of type {kinds}: got {shown(config)}.")
    given = {key: value for key, value in config.items() if key != "type"}
    arguments = decode_fields(given, family.arguments, TYPES, where)
    if "dtype" in arguments:
        arguments["dtype"] = getattr(torch, arguments["dtype"])
    try:
        return family(**arguments, device=device)
    except ValueError as error:
        raise ValueError(f"{where} describes no network: {error}") from error


def describe(value: Any) -> Any:  # noqa: ANN401
    """A description of any object that changes when its settings do, for comparison and never for rebuilding.

    Args:
        value: Anything. Dataclasses are described field by field and other objects by their public attributes.

    Returns:
        What JSON can hold.

    Examples:
        >>> from neurornn import rules
        >>> describe(rules.TruncatedBPTT(depth=5))
        {'type': 'neurornn.rules._bptt.TruncatedBPTT', 'depth': 5, 'every': None}
    """
    return _describe(value, True)


def differences(a: Any, b: Any, places: tuple[str, str]) -> str:  # noqa: ANN401
    """Name the settings in which two configurations differ, three at most.

    Args:
        a: One configuration.
        b: The other.
        places: Where each was found, for instance ``("in the checkpoint", "here")``.

    Returns:
        Phrases for an error message; empty if there is no difference.

    Examples:
        >>> differences({"seed": 0, "task": {"dt": 20}}, {"seed": 1, "task": {"dt": 20.0}}, ("there", "here"))
        'seed is 0 there and 1 here'
    """
    found = list(_differences(a, b, places, ""))
    return "; ".join(found[:3]) + ("; ..." if len(found) > 3 else "")


def _differences(a: Any, b: Any, places: tuple[str, str], where: str) -> Iterator[str]:  # noqa: ANN401
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in dict.fromkeys([*a, *b]):
            path = f"{where}.{key}" if where else str(key)
            if key in a and key in b:
                yield from _differences(a[key], b[key], places, path)
            else:
                yield f"{path} is only {places[key in b]}"
    elif isinstance(a, list | tuple) and isinstance(b, list | tuple) and len(a) == len(b):
        for i, (one, other) in enumerate(zip(a, b, strict=True)):
            yield from _differences(one, other, places, f"{where}[{i}]")
    elif a != b or isinstance(a, bool) != isinstance(b, bool):
        yield f"{where} is {shown(a)} {places[0]} and {shown(b)} {places[1]}"


def _describe(value: Any, deeper: bool) -> Any:  # noqa: ANN401
    if isinstance(value, Tensor | np.ndarray | np.generic):
        value = value.tolist()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): _describe(each, deeper) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_describe(each, deeper) for each in value]
    if isinstance(value, AbstractNetwork):
        try:
            return network_to_config(value)
        except ValueError:
            return {"type": named(value), "description": repr(value)}
    if is_dataclass(value) and not isinstance(value, type):
        settings = {each.name: getattr(value, each.name) for each in fields(value)}
        return {"type": named(value), **_describe(settings, deeper)}
    if deeper and hasattr(value, "__dict__") and not isinstance(value, type) and not inspect.isroutine(value):
        settings = {name: each for name, each in vars(value).items() if not name.startswith("_")}
        return {"type": named(value), **_describe(settings, False)}
    return named(value)
