"""What commands print."""

__all__ = ["say", "table"]

import sys
from collections.abc import Mapping
from typing import Any

from neurornn.report import flat


def say(text: str) -> None:
    """Print to standard output.

    Args:
        text: What to say.
    """
    sys.stdout.write(text + "\n")


def table(metrics: Mapping[str, Any]) -> None:
    """Print numbers by name.

    Args:
        metrics: The numbers; those in groups are named with the group.
    """
    lines = dict(flat(metrics))
    width = max(map(len, lines))
    say("\n".join(f"  {name:<{width}}  {value}" for name, value in lines.items()))
