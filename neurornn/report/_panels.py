"""Figures of one width on the page, with one or two panels in a row."""

__all__ = ["FULL_WIDTH", "clean", "panels", "words"]

from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

FULL_WIDTH: Final = 11.0
"""Width in inches of a figure that fills a column of the page."""
_HALF_WIDTH: Final = 6.4


def panels(n: int, *, height: float, share: bool = True, per_row: int = 2) -> tuple[Figure, list[Axes]]:
    """A figure with panels, at most two in a row, so that text has the same size whatever their number.

    Args:
        n: Number of panels.
        height: Height of a row in inches.
        share: Whether all panels have the same limits.
        per_row: Panels in a row.

    Returns:
        The figure and its panels, row by row.
    """
    columns = min(n, per_row)
    rows = -(-n // columns)
    width = FULL_WIDTH if columns > 1 else _HALF_WIDTH
    figure = Figure(figsize=(width, height * rows), layout=ConstrainedLayoutEngine(hspace=0.06))
    grid = figure.subplots(rows, columns, squeeze=False, sharex=share, sharey=share)
    every = list(grid.ravel())
    for unused in every[n:]:
        unused.remove()
    if len(every) > n:  # what hid the labels above it is gone
        for ax in grid[-2, n % columns :]:
            ax.tick_params(labelbottom=True)
    return figure, every[:n]


def clean(figure: Figure, *, skip: tuple[Axes, ...] = ()) -> Figure:
    """Remove the frame at the top and on the right.

    Args:
        figure: A figure.
        skip: Axes that keep theirs.

    Returns:
        The figure.
    """
    for ax in figure.axes:
        if ax not in skip and ax.get_label() != "<colorbar>":
            ax.spines[["top", "right"]].set_visible(False)
    return figure


def words(name: object) -> str:
    """A name of a variable as it is read."""
    return str(name).replace("_", " ")
