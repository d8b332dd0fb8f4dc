"""Objects written on the command line: ``truncated-bptt:depth=20`` or ``sparse:density=0.1``."""

__all__ = ["SpecError", "build", "parse"]

import difflib
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

_NAME = re.compile(r"[A-Za-z][\w.-]*")


class SpecError(ValueError):
    """A word on the command line that names no object, or an object with wrong options."""


def parse(text: str) -> tuple[str, dict[str, str]]:
    """Split ``name:key=value,key=value`` into its parts; values stay text.

    Commas and colons inside parentheses or brackets belong to the value.

    Args:
        text: What the user wrote.

    Returns:
        The name and its options.

    Raises:
        SpecError: If the text is not of this form.

    Examples:
        >>> parse("perceptual-decision:stimulus=uniform(100, 800),dt=10")
        ('perceptual-decision', {'stimulus': 'uniform(100, 800)', 'dt': '10'})
    """
    name, _, rest = text.strip().partition(":")
    if not _NAME.fullmatch(name):
        raise SpecError(f"'{text}' is not of the form name or name:option=value,option=value.")
    options = {}
    for part in _split(rest):
        key, equals, value = part.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise SpecError(f"'{part}' in '{text}' is not of the form option=value.")
        options[key.strip().replace("-", "_")] = value.strip()
    return name, options


def build(
    text: str,
    known: Mapping[str, Callable[..., Any]],
    *,
    what: str,
    inner: Mapping[str, Callable[..., Any]] | None = None,
) -> Any:  # noqa: ANN401
    """Make the object that a piece of text describes.

    Args:
        text: ``name:option=value,...``.
        known: Name -> class or factory.
        what: What the user was choosing, for the error message: ``"learning rule"``.
        inner: Names that may appear inside a value, as in ``delay=uniform(300, 1200)``.

    Returns:
        The object.

    Raises:
        SpecError: If the name or an option is unknown, or the object refuses its options.

    Examples:
        >>> from neurornn.connectivity import Sparse
        >>> build("sparse:density=0.1", {"sparse": Sparse}, what="connectivity")
        Sparse(density=0.1, autapses=False)
    """
    name, raw = parse(text)
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise SpecError(f"No {what} is called '{name}'.{hint} Known: {', '.join(known)}.")
    factory = known[name]
    parameters = inspect.signature(factory).parameters
    free = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    for key in raw:
        if key not in parameters and not free:
            raise SpecError(
                f"The {what} '{name}' has no option '{key}'. It has: {', '.join(parameters) or 'none'}."
            )
    try:
        return factory(**{key: value_of(value, inner or {}) for key, value in raw.items()})
    except (TypeError, ValueError) as error:
        raise SpecError(f"The {what} '{text}' cannot be made: {error}") from error


def value_of(text: str, inner: Mapping[str, Callable[..., Any]]) -> Any:  # noqa: ANN401
    """Read a value: a number, ``true``, ``false``, ``none``, ``name(arguments)`` or plain text.

    Args:
        text: What the user wrote.
        inner: Names that may be called.

    Returns:
        The value.

    Examples:
        >>> value_of("3", {}), value_of("0.5", {}), value_of("none", {}), value_of("relu", {})
        (3, 0.5, None, 'relu')
    """
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    called = re.fullmatch(r"(\w+)\((.*)\)", text)
    if called and called[1].lower() in inner:
        return inner[called[1].lower()](*(value_of(part, inner) for part in _split(called[2])))
    bracketed = re.fullmatch(r"[\[(](.*)[\])]", text)
    if bracketed:
        return tuple(value_of(part, inner) for part in _split(bracketed[1]))
    return text


def _split(text: str) -> list[str]:
    """Split at commas that are outside parentheses and brackets."""
    parts, depth, start = [], 0, 0
    for i, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [part.strip() for part in [*parts, text[start:]] if part.strip()]
