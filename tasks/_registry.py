"""Tasks by name."""

__all__ = ["TaskNotFound", "make", "names", "register"]

import dataclasses
import re
from typing import Any, TypeVar

from neurornn._words import did_you_mean
from neurornn.tasks._task import AbstractTask

_CLASSES: dict[str, type[AbstractTask]] = {}
_ID = re.compile(r"(?P<base>[a-z0-9]+(?:-[a-z0-9]+)*)-v(?P<version>[1-9][0-9]*)")

_Task = TypeVar("_Task", bound=type[AbstractTask])


class TaskNotFound(KeyError):
    """No task has that name."""

    def __str__(self) -> str:
        return str(self.args[0])


def register(cls: _Task) -> _Task:
    """Make a task class known under its ``name``; usable as a decorator.

    Args:
        cls: A subclass of :class:`AbstractTask` whose class attribute ``name`` reads like ``"my-task-v1"``.

    Returns:
        The class.

    Raises:
        ValueError: If the name is malformed or taken by another class.
    """
    name = cls.name
    if not isinstance(name, str) or _ID.fullmatch(name) is None:
        raise ValueError(
            f"{cls.__name__} needs a class attribute name like 'my-task-v1' (lower case, hyphens, a version): got {name!r}."
        )
    if name in _CLASSES and _CLASSES[name] is not cls:
        raise ValueError(
            f"Task '{name}' is already registered by {_CLASSES[name].__name__}. Choose another name, or raise the version."
        )
    _CLASSES[name] = cls
    return cls


def names() -> list[str]:
    """Versioned names of all registered tasks.

    Returns:
        The names, sorted.
    """
    return sorted(_CLASSES, key=_order)


def make(name: str, **fields: Any) -> AbstractTask:  # noqa: ANN401
    """Make a task by name.

    Args:
        name: Versioned name such as ``"context-decision-v1"``; without a version, the newest.
        fields: Parameters of the task, for instance ``dt=10.0``.

    Returns:
        The task.

    Raises:
        TaskNotFound: If there is no such task.
        ValueError: If the task has no such parameter.

    Examples:
        >>> make("context-decision", dt=10.0).dt
        10.0
    """
    cls = _find(name)
    if cls is None:
        raise TaskNotFound(_unknown(name))
    allowed = [field.name for field in dataclasses.fields(cls) if field.init]
    for field in fields:
        if field not in allowed:
            raise ValueError(
                f"Task '{cls.name}' has no parameter '{field}'.{did_you_mean(field, allowed)} It has: {', '.join(allowed)}."
            )
    return cls(**fields)


def _find(name: str) -> type[AbstractTask] | None:
    same = [each for each in _CLASSES if _order(each)[0] == name]
    return _CLASSES.get(max(same, key=_order) if same else name)


def _unknown(name: str) -> str:
    match = _ID.fullmatch(str(name))
    siblings = [each for each in names() if match and _order(each)[0] == match["base"]]
    if siblings:
        return f"Task '{name}' doesn't exist in that version. There is {', '.join(siblings)}."
    hint = did_you_mean(name, [*_CLASSES, *(_order(each)[0] for each in _CLASSES)])
    return f"Task '{name}' doesn't exist.{hint} neurornn.tasks.names() lists them all."


def _order(name: str) -> tuple[str, int]:
    base, _, version = name.rpartition("-v")
    return base, int(version)
