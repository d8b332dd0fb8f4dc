"""Pictures of targeted dimensionality reduction."""

__all__ = ["plot_angles", "plot_norms", "plot_trajectories"]

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neurornn.analysis._paths import draw_paths
from neurornn.analysis._plotting import axes_or_new, colours, label, legend_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_trajectories(
    fit: xr.Dataset,
    *,
    x: str,
    y: str,
    hue: str | None = None,
    style: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Condition averages on two axes: a ring marks the start, a square the end.

    Args:
        fit: Result of :func:`neurornn.analysis.tdr.fit`; select a stretch of time with ``fit.sel(time=...)`` and
            conditions with ``fit.sel(condition=...)``.
        x: Name of the horizontal axis.
        y: Name of the vertical axis.
        hue: Condition variable shown by colour.
        style: Condition variable shown by line style, at most four levels.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If there is no such axis, or no such condition variable.
    """
    known = fit["axis"].values.astype(str).tolist()
    for name in (x, y):
        if name not in known:
            raise ValueError(f"There is no axis '{name}'. There are: {', '.join(known)}.")
    order = [known.index(x), known.index(y)]
    axes = draw_paths(fit["projection"].isel(axis=order), hue=hue, style=style, ax=ax)
    share = 100 * fit["variance_ratio"].values
    axes.set(
        xlabel=f"{x.replace('_', ' ')} axis ({share[order[0]]:.1f} % of variance)",
        ylabel=f"{y.replace('_', ' ')} axis ({share[order[1]]:.1f} % of variance)",
    )
    return axes


def plot_norms(fit: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Norm of each regression vector over time; thick where its axis was taken.

    Args:
        fit: Result of :func:`neurornn.analysis.tdr.fit`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    timed = "time" in fit.coords
    time = fit["time"].values if timed else np.arange(fit.sizes["time"])
    names = fit["axis"].values.astype(str)
    for k, (name, colour) in enumerate(zip(names, colours(names), strict=True)):
        norm = fit["coefficient_norm"].values[k]
        taken = (time >= float(fit["first_time"][k])) & (time <= float(fit["last_time"][k]))
        axes.plot(time, norm, color=colour, linewidth=1.3, label=name.replace("_", " "))
        one = int(taken.sum()) == 1
        axes.plot(
            time[taken],
            norm[taken],
            color=colour,
            linewidth=4,
            alpha=0.6,
            marker="o" if one else "",
            linestyle="none" if one else "-",
        )
    unit = fit["time"].attrs.get("units", "ms") if timed else ""
    axes.set(xlabel=f"time ({unit})" if unit else "step", ylabel=label(fit["coefficient_norm"]))
    axes.set_ylim(bottom=0)
    legend_beside(axes)
    return axes


def plot_angles(fit: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Angles between the raw axes; away from 90 degrees the order of orthogonalisation matters.

    Args:
        fit: Result of :func:`neurornn.analysis.tdr.fit`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    angle = fit["angle"].values
    image = axes.imshow(angle, cmap="RdBu", vmin=0, vmax=180)
    names = [name.replace("_", " ") for name in fit["axis"].values.astype(str)]
    for (i, j), value in np.ndenumerate(angle):
        dark = abs(value - 90) > 55
        axes.text(j, i, f"{value:.0f}", ha="center", va="center", color="white" if dark else "black")
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.figure.colorbar(image, ax=axes, label=label(fit["angle"]))
    return axes
