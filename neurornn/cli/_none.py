"""How the command line reads and shows options that may be none."""

__all__ = ["bounds", "optional_float", "optional_int", "optional_text"]

from collections.abc import Callable
from typing import Any

from tyro.constructors import PrimitiveConstructorSpec


def _optional(kind: Callable[[str], Any], wanted: str, metavar: str) -> PrimitiveConstructorSpec[Any]:
    """A number or a word, or ``none`` in any case."""

    def read(words: list[str]) -> Any:  # noqa: ANN401
        if words[0].lower() == "none":
            return None
        try:
            return kind(words[0])
        except ValueError:
            raise ValueError(f"{wanted} or none is needed: got '{words[0]}'") from None

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=read,
        is_instance=lambda value: value is None or isinstance(value, str | int | float),
        str_from_instance=lambda value: ["none" if value is None else str(value)],
    )


def _bounds(words: list[str]) -> tuple[float, float]:
    try:
        low, high = map(float, words)
    except ValueError:
        raise ValueError(f"two numbers are needed: got '{' '.join(words)}'") from None
    return low, high


optional_float = _optional(float, "a number", "FLOAT|none")
"""A float or None."""
optional_int = _optional(int, "a whole number", "INT|none")
"""An int or None."""
optional_text = _optional(str, "a word", "STR|none")
"""Text or None."""
bounds: PrimitiveConstructorSpec[Any] = PrimitiveConstructorSpec(
    nargs=2,
    metavar="LOW HIGH",
    instance_from_str=_bounds,
    is_instance=lambda value: value is None or isinstance(value, tuple),
    str_from_instance=lambda value: ["", ""] if value is None else [str(each) for each in value],
)
"""Two floats, or None by leaving the option out."""
