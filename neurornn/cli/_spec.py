"""Objects written on the command line: ``truncated-bptt:depth=20`` or ``sparse:density=0.1``."""

__all__ = ["SpecError", "build", "fields_of", "parse", "value_of"]

import dataclasses
import re
from collections.abc import Mapping
from typing import Any, get_type_hints

from neurornn._words import did_you_mean
from neurornn.config import decode, encode

_NAME = re.compile(r"[A-Za-z][\w.-]*")
_OPTION = re.compile(r"[A-Za-z]\w*")
_CALL = re.compile(r"([A-Za-z]\w*)\s*\((.*)\)", re.DOTALL)
_WORDS = {"true": True, "false": False, "none": None}
_PAIRS = {"(": ")", "[": "]"}
_DEEPEST = 16  # brackets inside brackets


class SpecError(ValueError):
    """A word on the command line that names no object, or an object with wrong options."""


def parse(text: str) -> tuple[str, dict[str, str]]:
    """Split ``name:key=value,key=value`` into its parts; values stay text.

    Commas, colons and equals signs inside parentheses or brackets belong to the value. A hyphen in a key is an
    underscore.

    Args:
        text: What the user wrote.

    Returns:
        The name and its options.

    Raises:
        SpecError: If the text is not of this form, or gives an option twice.

    Examples:
        >>> parse("perceptual-decision:stimulus=uniform(100, 800),sigma-in=0.2")
        ('perceptual-decision', {'stimulus': 'uniform(100, 800)', 'sigma_in': '0.2'})
    """
    name, colon, rest = (part.strip() for part in text.partition(":"))
    if not _NAME.fullmatch(name) or bool(colon) != bool(rest):
        raise SpecError(f"'{text}' is not of the form name or name:option=value,option=value.")
    options: dict[str, str] = {}
    for part in _split(rest):
        key, _, value = (side.strip() for side in part.partition("="))
        key = key.replace("-", "_")
        if not _OPTION.fullmatch(key) or not value:
            raise SpecError(f"'{part}' in '{text}' is not of the form option=value.")
        if key in options:
            raise SpecError(f"'{text}' gives '{key}' twice. Keep one.")
        options[key] = value
    return name, options


def value_of(text: str, calls: Mapping[str, type] | None = None) -> Any:  # noqa: ANN401
    """Read a value as what JSON can hold: number, truth value, none, text, list or object.

    Args:
        text: What the user wrote.
        calls: Dataclasses that may be written ``name(value, value)``, ``name(option=value)`` or, if they need no value,
            ``name``, by name.

    Returns:
        The value; a call becomes a dictionary that :func:`neurornn.config.decode` understands.

    Raises:
        SpecError: If brackets do not match, or a call has too many, too few or unknown values.

    Examples:
        >>> [value_of(text) for text in ("3", "0.5", "none", "true", "relu", "[1, [2, 3]]")]
        [3, 0.5, None, True, 'relu', [1, [2, 3]]]
    """
    text = text.strip()
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    inside = _split(text[1:-1]) if text[:1] in _PAIRS and text.endswith(_PAIRS[text[0]]) else None
    if inside is not None:
        return [value_of(part, calls) for part in inside]
    call = _CALL.fullmatch(text)
    if call is None and calls is not None and text.lower() in calls and not _needed(calls[text.lower()]):
        return _call(calls[text.lower()], text, [], calls)
    if call is None or calls is None:
        _split(text)
        return text
    if call[1].lower() not in calls:
        raise SpecError(
            f"'{text}' is not known.{did_you_mean(call[1].lower(), calls)} Known: {', '.join(calls)}."
        )
    return _call(calls[call[1].lower()], text, _split(call[2]), calls)


def build(
    text: str,
    known: Mapping[str, type],
    *,
    what: str,
    calls: Mapping[str, type] | None = None,
) -> Any:  # noqa: ANN401
    """Make the dataclass that a piece of text describes; every value is checked against its annotation.

    Args:
        text: ``name:option=value,...``.
        known: Dataclasses by name.
        what: What the user was choosing, for the error message: ``"learning rule"``.
        calls: Dataclasses that may appear inside a value, as in ``delay=uniform(300, 1200)``.

    Returns:
        The object.

    Raises:
        SpecError: If the name or an option is unknown, a value has the wrong type, or the object refuses it.

    Examples:
        >>> from neurornn.connectivity import Sparse
        >>> build("sparse:density=0.1", {"sparse": Sparse}, what="connectivity")
        Sparse(density=0.1, autapses=False)
    """
    name, raw = parse(text)
    if name not in known:
        raise SpecError(
            f"No {what} is called '{name}'.{did_you_mean(name, known)} Known: {', '.join(known)}."
        )
    try:
        values = fields_of(known[name], raw, what=f"The {what} '{name}'", calls=calls)
        return known[name](**values)
    except SpecError:
        raise
    except ValueError as error:
        raise SpecError(f"The {what} '{text}' cannot be made. {error}") from error


def fields_of(
    cls: type,
    raw: Mapping[str, str],
    *,
    what: str,
    calls: Mapping[str, type] | None = None,
) -> dict[str, Any]:
    """Arguments of a dataclass from text.

    Args:
        cls: The dataclass.
        raw: Values as text, by name of the field.
        what: The object, for the error message.
        calls: As in :func:`build`.

    Returns:
        Checked values, by name of the field.

    Raises:
        SpecError: If an option is unknown or missing, or a value has the wrong type.
    """
    hints = get_type_hints(cls)
    allowed = {each.name: each for each in dataclasses.fields(cls) if each.init}
    for key in raw:
        if key not in allowed:
            raise SpecError(
                f"{what} has no option '{key}'.{did_you_mean(key, allowed)} It has: {', '.join(allowed) or 'none'}."
            )
    missing = [name for name in _needed(cls) if name not in raw]
    if missing:
        raise SpecError(f"{what} needs {' and '.join(f'{name}=...' for name in missing)} after a colon.")
    types = tuple((calls or {}).values())
    values = {}
    for key, text in raw.items():
        try:
            values[key] = decode(value_of(text, calls), hints[key], types, key)
        except SpecError:
            raise
        except ValueError as error:
            raise SpecError(f"{what} cannot have {key}={text}. {_plainly(str(error), calls)}") from error
    return values


def _needed(cls: type) -> list[str]:
    """Fields without a default."""
    return [
        each.name
        for each in dataclasses.fields(cls)
        if each.init and each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    ]


def _call(cls: type, text: str, parts: list[str], calls: Mapping[str, type]) -> dict[str, Any]:
    names = [each.name for each in dataclasses.fields(cls) if each.init]
    if names == ["values"]:  # one field that takes them all, as in choice(800, 900)
        return {"type": cls.__name__, "values": [value_of(part, calls) for part in parts]}
    name, given, needed = text.partition("(")[0].strip(), dict[str, Any](), _needed(cls)
    wanted = f"{len(names)}" if len(needed) == len(names) else f"{len(needed)} to {len(names)}"
    wrong = SpecError(
        f"'{text}' has {len(parts)} values and {wanted} are needed: {name}({', '.join(names)})."
    )
    if len(parts) > len(names):
        raise wrong
    for place, part in enumerate(parts):
        option, equals, value = (side.strip() for side in part.partition("="))
        key = option.replace("-", "_") if equals else names[place]
        if key not in names:
            raise SpecError(
                f"'{name}' has no option '{key}'.{did_you_mean(key, names)} It has: {', '.join(names)}."
            )
        if key in given:
            raise SpecError(f"'{text}' gives '{key}' twice. Keep one.")
        given[key] = value_of(value if equals else part, calls)
    if not given.keys() >= set(needed):
        raise wrong
    return {"type": cls.__name__, **_defaults(cls), **given}


def _defaults(cls: type) -> dict[str, Any]:
    made = {}
    for each in dataclasses.fields(cls):
        if each.default is not dataclasses.MISSING:
            made[each.name] = encode(each.default)
        elif each.default_factory is not dataclasses.MISSING:
            made[each.name] = encode(each.default_factory())
    return made


def _plainly(message: str, calls: Mapping[str, type] | None) -> str:
    """A message about a configuration in the words of the command line."""

    def named(match: re.Match[str]) -> str:
        names = [name for name, cls in (calls or {}).items() if cls.__name__ in match[1].split(", ")]
        return f"one of {', '.join(names)}"

    message = re.sub(r"a dictionary with a 'type' among ([\w, ]+)", named, message)
    return message.replace("must be a list", "must be a list like [0.1,0.2]").replace("null", "none")


def _split(text: str) -> list[str]:
    """Split at commas that are outside parentheses and brackets.

    Args:
        text: Text with commas.

    Returns:
        The parts, without blanks around them.

    Raises:
        SpecError: If they do not match, or there is nothing between two commas.
    """
    if not text.strip():
        return []
    parts, open_, start = [], [], 0
    for i, character in enumerate(text):
        if character in _PAIRS:
            open_.append(_PAIRS[character])
        elif character in _PAIRS.values() and (not open_ or character != open_.pop()):
            raise SpecError(f"A bracket in '{text}' closes what was not opened.")
        elif character == "," and not open_:
            parts.append(text[start:i].strip())
            start = i + 1
        if len(open_) > _DEEPEST:
            raise SpecError(f"There are more than {_DEEPEST} brackets inside each other in '{text[:60]}'.")
    if open_:
        raise SpecError(f"'{open_[-1]}' is missing in '{text}'.")
    parts.append(text[start:].strip())
    if not all(parts):
        raise SpecError(f"There is nothing between two commas in '{text}'.")
    return parts
