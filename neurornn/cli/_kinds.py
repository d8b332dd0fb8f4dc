"""Which family of networks the command line builds, and with which of its options."""

__all__ = ["CTRNN_KIND", "KINDS", "build_kind", "neutral_for"]

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from neurornn._words import did_you_mean
from neurornn.cli._spec import SpecError, parse, value_of
from neurornn.config import FAMILIES, TYPES, decode
from neurornn.networks import AbstractNetwork
from neurornn.tasks import AbstractTask

CTRNN_KIND: Final = "ctrnn"
KINDS: Final[dict[str, type[AbstractNetwork]]] = {
    CTRNN_KIND: FAMILIES["CTRNN"],
    "recollect": FAMILIES["GatedMemory"],
    "reversible": FAMILIES["ReversibleRNN"],
}
_SHARED: Final = ("n_units", "tau", "activation", "form", "sigma_rec", "noise", "train_initial_state")
_SIZES: Final = ("n_inputs", "n_outputs", "dt", "seed", "dtype")
_NEUTRAL: Final[dict[str, Any]] = {
    "excitatory": None,
    "sigma_rec": 0.0,
}  # what an option says that asks for nothing


def family_of(kind: str) -> tuple[str, type[AbstractNetwork], dict[str, str]]:
    """Read what ``--kind`` says.

    Args:
        kind: ``name`` or ``name:option=value,...``.

    Returns:
        The name, the class and its options as text.

    Raises:
        SpecError: If there is no such family.
    """
    name, raw = parse(kind)
    if name not in KINDS:
        raise SpecError(
            f"No kind of network is called '{name}'.{did_you_mean(name, KINDS)} Known: {', '.join(KINDS)}."
        )
    return name, KINDS[name], raw


def neutral_for(kind: str, options: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a network with those that its family does not have switched off.

    Args:
        kind: What ``--kind`` says.
        options: Options of a recipe, by name.
        defaults: What the options say if nobody asks for anything.

    Returns:
        The options.
    """
    _, family, _ = family_of(kind)
    has = {"kind", "dt", *(name for name in _SHARED if name in family.arguments)}
    return {name: value if name in has else {**defaults, **_NEUTRAL}[name] for name, value in options.items()}


def build_kind(
    kind: str,
    options: Any,  # noqa: ANN401
    defaults: Any,  # noqa: ANN401
    task: AbstractTask,
    seed: int,
) -> AbstractNetwork:
    """Build a network of another family than CTRNN.

    Args:
        kind: What ``--kind`` says.
        options: Options of the network, a dataclass.
        defaults: The same dataclass with nothing asked for.
        task: Task that fixes the number of inputs and outputs.
        seed: Seed of the weights.

    Returns:
        The network.

    Raises:
        SpecError: If the family has no such option, or refuses its value.
    """
    name, family, raw = family_of(kind)
    arguments = family.arguments
    for each in fields(options):
        value = getattr(options, each.name)
        idle = _NEUTRAL.get(each.name, getattr(defaults, each.name))
        if each.name not in ("kind", "dt", *arguments) and value != idle:
            raise SpecError(
                f"A network of kind '{name}' has no --{each.name.replace('_', '-')}: got {value}. Leave it out."
            )
    own = [key for key in arguments if key not in (*_SHARED, *_SIZES)]
    values: dict[str, Any] = {key: getattr(options, key) for key in _SHARED if key in arguments}
    for key, text in raw.items():
        if key not in own:
            raise SpecError(
                f"The kind '{name}' has no option '{key}'.{did_you_mean(key, own)} It has: {', '.join(own) or 'none'}."
            )
        try:
            values[key] = decode(value_of(text), arguments[key], TYPES, key)
        except ValueError as error:
            raise SpecError(f"The kind '{name}' cannot have {key}={text}. {error}") from error
    if "seed" in arguments:
        values["seed"] = seed
    try:
        made: Any = family
        network: AbstractNetwork = made(task.n_inputs, n_outputs=task.n_outputs, dt=task.dt, **values)
    except ValueError as error:
        raise SpecError(f"The network '{kind}' cannot be made. {error}") from error
    return network
