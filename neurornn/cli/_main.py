"""Entry point: from the words of the user to a command, and from an error to one clear line."""

__all__ = ["main"]

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Union

import tyro
from typing_extensions import override

from neurornn.cli._commands import (
    Analyze,
    Command,
    Compare,
    Demo,
    Report,
    Simulate,
    Tasks,
    Train,
    from_recipe,
)
from neurornn.cli._recipes import named_in
from neurornn.rules import UnsuitableNetwork
from neurornn.tasks import TaskNotFound

_DESCRIPTION = """Train recurrent networks on cognitive tasks, dissect them, and look at the result.

A run is a folder. 'train' makes it; 'simulate', 'analyze' and 'report' add to it; 'demo' does all four.

  neurornn demo                              the main example, about a minute
  neurornn tasks                             what a network can be trained on
  neurornn train runs/a --task flip-flop     train; 'neurornn train --help' has all options
  neurornn report runs/a                     analyse it and write runs/a/report.html
  neurornn compare runs/a rec.nc --by NAME   lay it beside a recording
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Words after ``neurornn``; those of the process if None.

    Returns:
        Exit status: 0, 1 after an error that was explained, 130 after an interruption. Words that are no command
        leave with 2.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    command: Command = tyro.cli(
        _commands(words),
        prog="neurornn",
        description=_DESCRIPTION,
        args=words,
        config=(tyro.conf.OmitArgPrefixes,),
    )
    try:
        with _talking():
            command.run()
        sys.stdout.flush()
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. Files are whole; the same command again goes on from them.\n")
        return 130
    except BrokenPipeError:  # the reader of our output has seen enough, as in 'neurornn tasks | head -1'
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (so that nothing is flushed into the pipe at exit)
        return 0
    except (
        ImportError,
        MemoryError,
        OSError,
        RuntimeError,
        TaskNotFound,
        UnsuitableNetwork,
        ValueError,
    ) as error:
        sys.stderr.write(f"neurornn: {str(error) or type(error).__name__}\n")
        return 1
    return 0


def _commands(words: Sequence[str]) -> Any:  # noqa: ANN401
    """All commands; the defaults of a training are those of the recipe of its task."""
    train = tyro.conf.subcommand("train", default=_training(words))
    return Union[  # noqa: UP007 (tyro reads the annotations of the members)
        Annotated[Tasks, tyro.conf.subcommand("tasks")],
        Annotated[Train, train],
        Annotated[Simulate, tyro.conf.subcommand("simulate")],
        Annotated[Analyze, tyro.conf.subcommand("analyze")],
        Annotated[Report, tyro.conf.subcommand("report")],
        Annotated[Compare, tyro.conf.subcommand("compare")],
        Annotated[Demo, tyro.conf.subcommand("demo")],
    ]


def _training(words: Sequence[str]) -> Train:
    if words[:1] != ["train"]:
        return Train()
    try:
        return from_recipe(
            named_in(words, "--task") or Train.task,
            rule=named_in(words, "--rule"),
            kind=named_in(words, "--kind"),
        )
    except (ImportError, RuntimeError, TaskNotFound, ValueError):
        return Train()  # the command itself tells what is wrong


class _Plain(logging.Formatter):
    """The message alone; a warning says that it is one."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        warned = "warning: " if record.levelno >= logging.WARNING else ""
        return f"neurornn: {warned}{record.getMessage()}"


@contextlib.contextmanager
def _talking() -> Iterator[None]:
    """Say on standard error what is going on."""
    logger = logging.getLogger("neurornn")
    handler, level = logging.StreamHandler(), logger.level
    handler.setFormatter(_Plain())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *_, **__: logger.warning("%s", message)
            yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
