"""The command line: ``neurornn tasks | train | simulate | analyze | report | demo``."""

__all__ = ["main"]

from neurornn.cli._main import main as main
