"""Legends above the panels of a card, where they take no width."""

__all__ = ["legend_above"]

from collections.abc import Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from neurornn.report._panels import words


def legend_above(
    ax: Axes, title: object = "", *, handles: Sequence[Artist] | None = None, columns: int = 3
) -> None:
    """Move the legend of a panel from beside it to above it, under its title.

    Args:
        ax: The panel.
        title: Its title.
        handles: What the legend lists; what is drawn if None.
        columns: Entries in a row.
    """
    old = ax.get_legend()
    if old is not None:
        old.remove()
    for side in ("left", "right"):
        ax.set_title("", loc=side)
    options: dict[str, Any] = {} if handles is None else {"handles": handles}
    ax.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.01),
        borderaxespad=0.0,
        frameon=False,
        fontsize="small",
        ncols=columns,
        columnspacing=1.2,
        handletextpad=0.5,
        title=words(title) or None,
        title_fontsize="medium",
        **options,
    )
    ax.set_title("")
