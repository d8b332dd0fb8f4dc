"""Entry point: from the words of the user to a command, and from an error to one clear line."""

__all__ = ["main"]

import sys
from collections.abc import Sequence
from typing import Annotated, Union

import tyro

from neurornn.cli._commands import Analyze, Command, Demo, Report, Simulate, Tasks, Train

_DESCRIPTION = """Train recurrent networks on cognitive tasks, dissect them, and look at the result.

A run is a folder. 'neurornn train' makes it, 'simulate', 'analyze' and 'report' add to it, and 'demo' does all four
for the main example. Every command has its own --help."""

_COMMANDS = Union[  # noqa: UP007 (tyro reads the annotations of the members)
    Annotated[Tasks, tyro.conf.subcommand("tasks")],
    Annotated[Train, tyro.conf.subcommand("train")],
    Annotated[Simulate, tyro.conf.subcommand("simulate")],
    Annotated[Analyze, tyro.conf.subcommand("analyze")],
    Annotated[Report, tyro.conf.subcommand("report")],
    Annotated[Demo, tyro.conf.subcommand("demo")],
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Words after ``neurornn``; those of the process if None.

    Returns:
        Exit status: 0, 1 after an error that was explained, 130 after an interruption.
    """
    command: Command = tyro.cli(
        _COMMANDS,
        prog="neurornn",
        description=_DESCRIPTION,
        args=arguments,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.FlagConversionOff),
    )
    try:
        command.run()
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted. The same command continues from the last checkpoint.\n")
        return 130
    except (ImportError, KeyError, OSError, RuntimeError, ValueError) as error:
        sys.stderr.write(f"neurornn: {error}\n")
        return 1
    return 0
