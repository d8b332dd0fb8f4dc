"""Condition averages drawn as paths through two axes, and as courses over time."""

__all__ = ["draw_courses", "draw_paths"]

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis._plotting import axes_or_new, colours, is_numeric, label, legend_beside, value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_COLOURS = 40
_LINE_STYLES = ("-", "--", ":", "-.")


def draw_paths(
    paths: xr.DataArray, *, hue: str | None, style: str | None, ax: "Axes | None", arrows: bool = False
) -> "Axes":
    """One path for each condition: a ring marks the start, a square or an arrow the end.

    Args:
        paths: Array ``(condition, time, axis)`` of two axes, with condition variables as coordinates.
        hue: Condition variable shown by colour.
        style: Condition variable shown by line style.
        ax: Axes, or None.
        arrows: Whether an arrow in the direction of motion marks the end.

    Returns:
        The axes, with a legend beside them.

    Raises:
        ValueError: If a variable is not one of the conditions, or has too many values to tell apart.
    """
    hues, styles = _levels(paths, hue, style)
    palette = colours(hues)
    axes = axes_or_new(ax)
    values = paths.transpose("condition", "time", ...).values
    for k, path in enumerate(values):
        path = path[np.isfinite(path).all(1)]
        if len(path) < 2:
            continue
        colour = palette[int(np.searchsorted(hues, paths[hue].values[k]))] if hue else palette[0]
        line = _LINE_STYLES[int(np.searchsorted(styles, paths[style].values[k]))] if style else "-"
        axes.plot(*path.T, color=colour, linestyle=line, linewidth=1.4)
        axes.plot(
            *path[:1].T, color=colour, marker="o", markerfacecolor="white", linestyle="none", markersize=5
        )
        if arrows:
            axes.annotate(
                "",
                path[-1],
                path[-2],
                arrowprops={"arrowstyle": "-|>", "color": colour, "mutation_scale": 12},
            )
        else:
            axes.plot(*path[-1:].T, color=colour, marker="s", linestyle="none", markersize=5)
    marks = (("start", "o", "white"),) if arrows else (("start", "o", "white"), ("end", "s", "0.3"))
    legend_beside(axes, handles=_entries(paths, hue, hues, palette, style, styles, marks))
    return axes


def draw_courses(courses: xr.DataArray, *, hue: str | None, style: str | None, ax: "Axes | None") -> "Axes":
    """One line over time for each condition.

    Args:
        courses: Array ``(condition, time)``, with condition variables as coordinates.
        hue: Condition variable shown by colour.
        style: Condition variable shown by line style.
        ax: Axes, or None.

    Returns:
        The axes, labelled, with a legend beside them.

    Raises:
        ValueError: If a variable is not one of the conditions, or has too many values to tell apart.
    """
    hues, styles = _levels(courses, hue, style)
    palette = colours(hues)
    axes = axes_or_new(ax)
    timed = "time" in courses.coords
    time = courses["time"].values if timed else np.arange(courses.sizes["time"])
    for k, course in enumerate(courses.transpose("condition", "time").values):
        colour = palette[int(np.searchsorted(hues, courses[hue].values[k]))] if hue else palette[0]
        line = _LINE_STYLES[int(np.searchsorted(styles, courses[style].values[k]))] if style else "-"
        axes.plot(time, course, color=colour, linestyle=line, linewidth=1.4)
    unit = courses["time"].attrs.get("units", "ms") if timed else ""
    axes.set(xlabel=f"time ({unit})" if unit else "step", ylabel=label(courses))
    if hue or style:
        legend_beside(axes, handles=_entries(courses, hue, hues, palette, style, styles, ()))
    return axes


def _levels(
    averages: xr.DataArray, hue: str | None, style: str | None
) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    for name, most in ((hue, _MOST_COLOURS), (style, len(_LINE_STYLES))):
        if name is None:
            continue
        if name not in averages.coords or averages[name].dims != ("condition",):
            known = sorted(str(key) for key in averages.coords if averages[key].dims == ("condition",))
            raise ValueError(f"'{name}' is not a variable of the conditions. They have: {', '.join(known)}.")
        if np.unique(averages[name]).size > most:
            raise ValueError(
                f"'{name}' has {np.unique(averages[name]).size} values and at most {most} can be told apart. Group them "
                "into bins first."
            )
    return (
        np.unique(averages[hue].values) if hue else np.zeros(1),
        np.unique(averages[style].values) if style else np.zeros(1),
    )


def _entries(
    paths: xr.DataArray,
    hue: str | None,
    hues: NDArray[np.generic],
    palette: list[Any],
    style: str | None,
    styles: NDArray[np.generic],
    marks: tuple[tuple[str, str, str], ...],
) -> list[Any]:
    from matplotlib.lines import Line2D

    entries = []
    if hue:
        entries.append(Line2D([], [], linestyle="none", label=label(paths[hue], hue)))
        shown: Any = range(hues.size)
        if hues.size > 12 and is_numeric(hues):
            shown = sorted({int(k) for k in np.linspace(0, hues.size - 1, 7).round()})
        entries += [Line2D([], [], color=palette[k], label=value_text(hues[k])) for k in shown]
    if style and style != hue:
        entries.append(Line2D([], [], linestyle="none", label=label(paths[style], style)))
        entries += [
            Line2D([], [], color="0.3", linestyle=_LINE_STYLES[k], label=value_text(level))
            for k, level in enumerate(styles)
        ]
    entries += [
        Line2D([], [], color="0.3", marker=mark, markerfacecolor=face, linestyle="none", label=name)
        for name, mark, face in marks
    ]
    return entries
