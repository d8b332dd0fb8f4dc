"""Conditions set by the user in place of drawn ones."""

__all__ = ["check_known", "replacement"]

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurornn._words import did_you_mean


def replacement(
    name: str,
    given: object,
    drawn: NDArray[Any],
    options: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Values given for a condition, in the type of the drawn ones.

    A name or a truth value must be one of the options; a number may be any, so that a psychometric curve can be
    measured where the network was not trained.

    Args:
        name: Name of the condition.
        given: One value, or one for each trial.
        drawn: Values they replace.
        options: Values allowed for names and truth values.

    Returns:
        One value for each trial.

    Raises:
        ValueError: If the shape or a value does not fit.
    """
    values = np.asarray(given)
    if values.shape not in ((), drawn.shape):
        raise ValueError(
            f"Condition '{name}' has shape {values.shape} for {drawn.size} trials: give one value, or one for each trial."
        )
    kind = drawn.dtype.kind
    if kind in "Ub":
        allowed = [] if options is None else options.tolist()
        strange = [value for value in values.ravel().tolist() if value not in allowed]
        if strange:
            hint = did_you_mean(strange[0], allowed) if kind == "U" else ""
            raise ValueError(f"Condition '{name}' must be one of {allowed}: got {strange[0]!r}.{hint}")
        values = values.astype(drawn.dtype)
    elif values.dtype.kind not in "iufb" or not np.isfinite(values).all():
        raise ValueError(f"Condition '{name}' needs finite numbers: got {given!r}.")
    else:
        values = values.astype(np.result_type(drawn.dtype, values.dtype))
    return np.broadcast_to(values, drawn.shape).copy()


def check_known(given: Iterable[str], known: Collection[str], derived: Iterable[str], task: str) -> None:
    """Refuse conditions that cannot be set.

    Args:
        given: Names given by the user.
        known: Names that can be set.
        derived: Names of conditions that follow from others.
        task: Name of the task.

    Raises:
        ValueError: If a name is unknown or cannot be set.
    """
    listed = ", ".join(known) or "none"
    follows = set(derived)
    for name in given:
        if name in known:
            continue
        if name in follows:
            raise ValueError(
                f"Condition '{name}' follows from the others and cannot be set. These can: {listed}."
            )
        hint = did_you_mean(name, known)
        raise ValueError(f"Task '{task}' has no condition '{name}'.{hint} These can be set: {listed}.")
