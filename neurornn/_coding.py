"""Objects as JSON and back: only classes on an explicit list, every value checked against its annotation."""

__all__ = ["TYPES", "decode", "decode_fields", "encode", "named", "shown"]

import collections.abc
import inspect
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from neurornn import connectivity, objective, reward, rules
from neurornn._words import did_you_mean
from neurornn.networks import LearnedTau

TYPES: Final[tuple[type, ...]] = (
    LearnedTau,
    connectivity.AllToAll,
    connectivity.Areas,
    connectivity.BalancedGamma,
    connectivity.Dale,
    connectivity.FixedWeights,
    connectivity.Gaussian,
    connectivity.Identity,
    connectivity.Orthogonal,
    connectivity.Projection,
    connectivity.Sparse,
    objective.CrossEntropy,
    objective.Objective,
    objective.SquaredError,
    reward.AbsoluteError,
    reward.AngularReward,
    reward.NegativeLoss,
    reward.PerformanceReward,
    rules.Adaptive,
    rules.AlignedCredit,
    rules.Antithetic,
    rules.BPTT,
    rules.DNI,
    rules.EProp,
    rules.FORCE,
    rules.ExactCredit,
    rules.FeedbackAlignment,
    rules.FullFORCE,
    rules.Given,
    rules.Inverted,
    rules.KHop,
    rules.KeRNL,
    rules.KroneckerRTRL,
    rules.LeaveOneOut,
    rules.MDGL,
    rules.ModProp,
    rules.NoBaseline,
    rules.NodePerturbation,
    rules.Noiseless,
    rules.OnlineEProp,
    rules.OnlineRFLO,
    rules.RECOLLECT,
    rules.RFLO,
    rules.RTRL,
    rules.Ramp,
    rules.Random,
    rules.Recalled,
    rules.Replay,
    rules.ReverseKroneckerRTRL,
    rules.Reversible,
    rules.RewardHebbian,
    rules.RidgeReadout,
    rules.RunningMean,
    rules.SnAp,
    rules.SnAp1,
    rules.SequenceMemory,
    rules.Stored,
    rules.Symmetric,
    rules.TruncatedBPTT,
    rules.UORO,
    rules.WeightPerturbation,
)
"""Every dataclass of the core that a configuration may name."""


def encode(value: Any, types: Iterable[type] = TYPES, where: str = "config") -> Any:  # noqa: ANN401
    """Turn nested frozen dataclasses into what JSON can hold.

    A dataclass becomes a dictionary of all its fields with its class name under ``"type"``; arrays become nested
    lists with null for NaN, and tuples become lists.

    Args:
        value: A dataclass, or anything a field may hold.
        types: Classes that :func:`decode` will know.
        where: Name of the value in error messages.

    Returns:
        Dictionaries, lists, text, numbers, booleans and None.

    Raises:
        ValueError: If a class is not on the list, or a number is not finite.

    Examples:
        >>> encode(connectivity.Sparse({"E->E": 0.1}))
        {'type': 'Sparse', 'density': {'E->E': 0.1}, 'autapses': False}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} must be finite to be written to a file: got {value}.")
        return value
    if isinstance(value, Tensor | np.ndarray):
        return _numbers(np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value), where)
    if is_dataclass(value) and type(value) in tuple(types):
        names = [each.name for each in fields(value) if each.init]
        inner = {name: encode(getattr(value, name), types, f"{where}.{name}") for name in names}
        return {"type": type(value).__name__, **inner}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: encode(each, types, f"{where}.{key}") for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [
            None if isinstance(each, float) and math.isnan(each) else encode(each, types, f"{where}[{i}]")
            for i, each in enumerate(value)
        ]
    raise ValueError(
        f"{where} is {named(value)}, which can be used but not written to a configuration: reading it back needs "
        f"one of {_names(types)}."
    )


def decode(data: Any, kind: Any, types: Iterable[type] = TYPES, where: str = "config") -> Any:  # noqa: ANN401
    """Rebuild what :func:`encode` made, checking every value.

    Nothing is imported and no code is run because a file names it: a class is looked up on the list.

    Args:
        data: What JSON gave.
        kind: Annotation the value must fit: a class, an abstract class, or any annotation of a field.
        types: Classes that may appear.
        where: Name of the value in error messages.

    Returns:
        The object.

    Raises:
        ValueError: If a class is unknown, a key is unknown or missing, or a value has the wrong type.

    Examples:
        >>> decode({"type": "Gaussian", "spectral_radius": 1.2}, connectivity.AbstractInitialiser)
        Gaussian(spectral_radius=1.2)
        >>> decode({"type": "Gaussian", "spectral_radius": "big"}, connectivity.AbstractInitialiser)
        Traceback (most recent call last):
            ...
        ValueError: config.spectral_radius must be a number: got 'big'.
    """
    known = tuple(types)
    options = _options(kind)
    problems = []
    for option in options:
        try:
            return _decode_one(data, option, known, where)
        except _Mismatch:
            continue
        except ValueError as error:  # the right kind of value with something wrong inside
            problems.append(error)
    if problems:
        raise problems[0]
    expected = " or ".join(dict.fromkeys(_wanted(option, known) for option in options))
    raise ValueError(f"{where} must be {expected}: got {shown(data)}.")


class _Mismatch(Exception):
    """The value is not of the kind asked for; perhaps it is of another kind that is allowed."""


_SCALARS: Final[dict[Any, str]] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    type(None): "null",
}


def _decode_one(data: Any, kind: Any, types: tuple[type, ...], where: str) -> Any:  # noqa: ANN401
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return data
    if origin is Literal:
        if data in inner and any(type(data) is type(each) for each in inner):
            return data
        raise _Mismatch
    if kind in _SCALARS:
        if kind is float and type(data) is int:
            return float(data)
        if type(data) is kind:
            return data
        raise _Mismatch
    if kind is np.ndarray or origin is np.ndarray:
        if not isinstance(data, list):
            raise _Mismatch
        try:
            return np.asarray(data, dtype=np.float64)  # null becomes NaN
        except (ValueError, TypeError):
            raise ValueError(f"{where} must be a rectangular array of numbers.") from None
    if origin in (tuple, list, collections.abc.Sequence):
        if not isinstance(data, list):
            raise _Mismatch
        if origin is tuple and not (len(inner) == 2 and inner[1] is Ellipsis):
            if len(data) != len(inner):
                raise ValueError(f"{where} needs {len(inner)} entries: got {len(data)}.")
            return tuple(
                decode(each, part, types, f"{where}[{i}]")
                for i, (each, part) in enumerate(zip(data, inner, strict=True))
            )
        parts = [decode(each, inner[0], types, f"{where}[{i}]") for i, each in enumerate(data)]
        return parts if origin is list else tuple(parts)
    if origin in (dict, collections.abc.Mapping):
        if not isinstance(data, Mapping):
            raise _Mismatch
        return {key: decode(each, inner[1], types, f"{where}.{key}") for key, each in data.items()}
    if isinstance(kind, type):
        return _decode_object(data, kind, types, where)
    raise TypeError(f"{where} is annotated {kind}, which configurations do not support.")


def _decode_object(data: Any, kind: type, types: tuple[type, ...], where: str) -> Any:  # noqa: ANN401
    if not isinstance(data, Mapping) or "type" not in data:
        raise _Mismatch
    allowed = {each.__name__: each for each in types if issubclass(each, kind)}
    name = data["type"]
    if not isinstance(name, str) or name not in allowed:
        raise ValueError(
            f"{where} cannot be of type {shown(name)}.{did_you_mean(name, allowed)} "
            f"Possible: {_names(allowed.values())}."
        )
    made: Any = allowed[name]
    hints = get_type_hints(made)
    wanted = {each.name: hints[each.name] for each in fields(made) if each.init}
    arguments = decode_fields({k: v for k, v in data.items() if k != "type"}, wanted, types, where)
    try:
        return made(**arguments)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def decode_fields(
    data: Mapping[str, Any], wanted: Mapping[str, Any], types: tuple[type, ...], where: str
) -> dict[str, Any]:
    """Decode a dictionary that must hold exactly the wanted keys, each with its annotation."""
    for key in data:
        if key not in wanted:
            hint = did_you_mean(key, wanted)
            raise ValueError(f"{where} has an unknown key '{key}'.{hint} Known: {', '.join(wanted)}.")
    missing = [key for key in wanted if key not in data]
    if missing:
        raise ValueError(f"{where} lacks {', '.join(missing)}. Write the whole configuration.")
    return {key: decode(data[key], kind, types, f"{where}.{key}") for key, kind in wanted.items()}


def _options(kind: Any) -> list[Any]:  # noqa: ANN401
    """The alternatives of a union, arrays before sequences because only arrays can hold NaN."""
    options: list[Any] = list(get_args(kind)) if get_origin(kind) in (Union, UnionType) else [kind]
    array: Any = np.ndarray
    return sorted(options, key=lambda each: get_origin(each) is not array)


def _wanted(kind: Any, types: tuple[type, ...]) -> str:  # noqa: ANN401
    origin = get_origin(kind)
    if origin is Literal:
        return " or ".join(f"'{each}'" for each in get_args(kind))
    if kind in _SCALARS:
        return _SCALARS[kind]
    if kind is np.ndarray or origin in (np.ndarray, tuple, list, collections.abc.Sequence):
        return "a list"
    if origin in (dict, collections.abc.Mapping):
        return "a dictionary"
    return f"a dictionary with a 'type' among {_names(each for each in types if issubclass(each, kind))}"


def _numbers(values: NDArray[Any], where: str) -> Any:  # noqa: ANN401
    if values.dtype.kind not in "biuf" or np.isinf(values).any():
        raise ValueError(f"{where} must hold finite numbers, or NaN for none, to be written to a file.")
    cells = values.astype(object)
    cells[np.isnan(values)] = None
    return cells.tolist()


def named(value: Any) -> str:  # noqa: ANN401
    """Full name of a class or function, or of the class of an object."""
    if inspect.isroutine(value) or isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _names(types: Iterable[type]) -> str:
    return ", ".join(sorted(each.__name__ for each in types))


def shown(data: Any) -> str:  # noqa: ANN401
    """Data in an error message, cut short."""
    text = repr(data)
    return text if len(text) <= 60 else f"{text[:57]}..."
