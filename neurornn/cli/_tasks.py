"""Tasks on the command line and in the configuration of a run: by name, with options, and described."""

__all__ = ["make_task", "task_config", "task_list", "task_of", "task_page"]

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Mapping
from typing import Any

from neurornn import tasks
from neurornn.cli._spec import SpecError, fields_of, parse, value_of
from neurornn.config import TYPES, decode, encode
from neurornn.recipe import Recipe
from neurornn.runs import Run
from neurornn.storage import CorruptFile
from neurornn.tasks import AbstractTask, NeurogymTask, TaskNotFound

PARTS: dict[str, type] = {
    "fixed": tasks.Fixed,
    "uniform": tasks.Uniform,
    "exponential": tasks.TruncatedExponential,
    "choice": tasks.Choice,
    "ring": tasks.RingCode,
    "cosine": tasks.CosineCode,
    "interleaved": tasks.Interleaved,
    "blocked": tasks.Blocked,
    "sequential": tasks.Sequential,
}
_WIDTH = 100


def make_task(text: str, dt: float | None = None) -> AbstractTask:
    """The task a piece of text describes, at a time step.

    Args:
        text: Name of a task, or ``name:option=value,...``; ``neurogym:env=NAME,...`` for an environment of neurogym.
        dt: Time step in ms; that of the task if None.

    Returns:
        The task.

    Raises:
        SpecError: If an option is unknown or has a value of the wrong type.
        TaskNotFound: If there is no such task.

    Examples:
        >>> make_task("perceptual-decision:stimulus=uniform(100, 800)", dt=10.0).stimulus
        Uniform(low=100.0, high=800.0)
    """
    name, raw = parse(text)
    if "dt" in raw:
        raise SpecError(f"The time step of task and network is an option of its own: --dt {raw['dt']}.")
    step: dict[str, Any] = {} if dt is None else {"dt": dt}
    if name == "neurogym":
        if "env" not in raw:
            raise SpecError("Say which environment: neurogym:env=PerceptualDecisionMaking-v0.")
        settings = {key: value_of(value) for key, value in raw.items() if key != "env"}
        return tasks.from_neurogym(raw["env"], **step, **settings)
    try:
        blank = tasks.make(name)
    except TaskNotFound as error:
        raise TaskNotFound(str(error).replace("neurornn.tasks.names()", "'neurornn tasks'")) from None
    return tasks.make(name, **step, **fields_of(type(blank), raw, what=f"Task '{blank.name}'", calls=PARTS))


def task_config(task: AbstractTask) -> dict[str, Any]:
    """A task as JSON, for the configuration of a run.

    Args:
        task: The task.

    Returns:
        Its name, its class and its parameters.
    """
    return {"name": task.name} | encode(task, _types(task), "task")


def task_of(run: Run) -> AbstractTask:
    """The task of a run, rebuilt from its configuration.

    Args:
        run: The run.

    Returns:
        The task.

    Raises:
        CorruptFile: If the configuration describes none.
    """
    stored = run.config.get("task")
    if not isinstance(stored, Mapping) or not isinstance(stored.get("name"), str):
        raise CorruptFile(run.config_path, "it describes no task")
    name = stored["name"]
    cls = NeurogymTask if name.startswith("neurogym.") else type(tasks.make(name))
    rest = {key: value for key, value in stored.items() if key != "name"}
    task: AbstractTask = decode(rest, cls, (*_types(), cls), f"{run.config_path}: task")
    return task


def task_list() -> str:
    """One line for each registered task.

    Returns:
        Text for a terminal.
    """
    known = {name: _summary(type(tasks.make(name))) for name in tasks.names()}
    width = max(map(len, known))
    return "\n".join([
        *(f"{name:<{width}}  {summary}" for name, summary in known.items()),
        f"{'neurogym:env=NAME':<{width}}  An environment of neurogym, if that is installed.",
        "",
        "neurornn tasks NAME describes one; neurornn train --task NAME trains on it.",
    ])


def task_page(task: AbstractTask) -> str:
    """Channels, conditions, epochs and parameters of a task.

    Args:
        task: The task.

    Returns:
        Text for a terminal.
    """
    trials = task.sample(1, seed=0)
    about = _documented(type(task))
    values = {each.name: getattr(task, each.name) for each in dataclasses.fields(task) if each.name != "dt"}
    factors = ", ".join(task.factor_names)
    grid = f"{task.n_conditions} combinations of {factors}" if factors else "none: conditions are random"
    facts = {
        "inputs": ", ".join(task.input_names),
        "outputs": ", ".join(task.output_names),
        "epochs": ", ".join(trials.epochs),
        "conditions": ", ".join(trials.conditions),
        "grid": grid,
        "loss": task.loss.replace("_", " "),
        "measures": ", ".join(task.measures),
        "recipe": _recipe(task),
    }
    lines = [f"{task.name}: {_summary(type(task))}", ""]
    for name, text in facts.items():
        lines += _wrapped(text, first=f"{name:<12}", indent=12)
    lines += ["", "parameters and their values (times in ms)"]
    for name, value in values.items():
        lines += _wrapped(f"{name}={_written(value)}", first="  ", indent=6)
        lines += _wrapped(about[name], first=" " * 6, indent=6) if name in about else []
    if isinstance(task, NeurogymTask):
        example = f"'neurogym:env={task.env},fix_go_cue=true'"
        return "\n".join([
            *lines,
            "",
            f"Set them after a colon: neurornn train --task {example}.",
            "Other names are arguments of the environment. The time step is an option of its own: --dt.",
        ])
    base = task.name.rpartition("-v")[0]
    return "\n".join([
        *lines,
        "",
        f"Set them after a colon: neurornn train --task '{base}:sigma_in=0.2'. A time may be a distribution,",
        "in quotes because of the brackets: uniform(LOW,HIGH), exponential(SCALE,LOW,HIGH), choice(TIME,TIME,...).",
        "The time step is an option of its own: --dt.",
    ])


def _recipe(task: AbstractTask) -> str:
    recipe, usual = task.recipe, Recipe()
    if recipe == usual:
        return "none of its own"
    changed = {
        each.name: getattr(recipe, each.name)
        for each in dataclasses.fields(recipe)
        if getattr(recipe, each.name) != getattr(usual, each.name)
    }
    return ", ".join(f"{name.replace('_', ' ')} {_written(value)}" for name, value in changed.items())


def _types(*more: AbstractTask) -> tuple[type, ...]:
    return (*TYPES, *PARTS.values(), *(type(task) for task in more))


def _written(value: Any) -> str:  # noqa: ANN401
    """A value as it is written on the command line."""
    for name, kind in PARTS.items():
        if type(value) is kind:
            inner = [getattr(value, each.name) for each in dataclasses.fields(kind)]
            if kind is tasks.Choice:
                (inner,) = inner
            return f"{name}({','.join(map(_written, inner))})"
    if isinstance(value, tuple):
        return f"[{','.join(map(_written, value))}]"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return str(value)


def _wrapped(text: str, *, first: str, indent: int) -> list[str]:
    wrapper = textwrap.TextWrapper(
        _WIDTH,
        initial_indent=first,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return wrapper.wrap(text) or [first.rstrip()]


def _summary(cls: type) -> str:
    return _plain((inspect.getdoc(cls) or "").partition("\n")[0])


def _documented(cls: type) -> dict[str, str]:
    """What the docstrings of a class and its bases say about each field."""
    found = {}
    for each in reversed(cls.__mro__):
        _, _, section = inspect.cleandoc(vars(each).get("__doc__") or "").partition("\nAttributes:\n")
        section = re.split(r"\n(?=\S)", section)[0]
        for name, text in re.findall(r"^ {4}(\w+): (.+(?:\n {5,}.+)*)", section, re.MULTILINE):
            found[name] = _plain(" ".join(text.split()))
    return found


def _plain(text: str) -> str:
    """Text of a docstring without its mark-up."""
    text = re.sub(r":\w+:`~?(?:[\w.]*\.)?(.+?)`", r"\1", text)
    return re.sub(r"``(.+?)``|\*(.+?)\*", lambda match: match[1] or match[2], text)
