"""Pictures of behaviour."""

__all__ = ["plot_choice_weights", "plot_psychometric"]

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neurornn.analysis._plotting import axes_or_new, colours, label, legend_beside, value_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_psychometric(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Observed proportions with Wilson intervals, the fitted curve and its bootstrap band, a colour for each group.

    Args:
        ds: Result of :func:`psychometric` or :func:`psychometric_by`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    grouped = "group" in ds.dims
    curves = [ds.isel(group=k) for k in range(ds.sizes["group"])] if grouped else [ds]
    palette = colours(ds["group"].values) if grouped else colours(np.zeros(1))
    x, grid = ds["stimulus"].values, ds["curve"].values
    axes.axhline(0.5, color="0.85", linewidth=0.8, zorder=0)
    if grid[0] < 0 < grid[-1]:
        axes.axvline(0.0, color="0.85", linewidth=0.8, zorder=0)
    for curve, colour in zip(curves, palette, strict=True):
        p, ends = curve["proportion"].values, curve["proportion_interval"].values
        name = value_text(curve["group"].item()) if grouped else None
        axes.fill_between(grid, *curve["fitted_interval"].values.T, color=colour, alpha=0.2, linewidth=0)
        axes.plot(grid, curve["fitted"].values, color=colour, linewidth=1.6, label=name)
        bars = np.maximum(np.stack([p - ends[:, 0], ends[:, 1] - p]), 0.0)
        axes.errorbar(x, p, bars, fmt="o", color=colour, markersize=4.5, elinewidth=1, capsize=0)
    axes.set(xlabel=label(ds["stimulus"]), ylabel=label(ds["proportion"]), ylim=(-0.03, 1.03))
    if grouped:
        legend_beside(axes, title=label(ds["group"]))
    return axes


def plot_choice_weights(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Weights with bootstrap intervals, a colour for each regressor, side by side for each group.

    Args:
        ds: Result of :func:`choice_weights`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    full = ds if "group" in ds.dims else ds.expand_dims("group")
    names = [str(name) for name in full["regressor"].values]
    place = np.arange(full.sizes["group"])
    width = 0.8 / len(names)
    axes.axhline(0.0, color="0.4", linewidth=0.8)
    for j, (name, colour) in enumerate(zip(names, colours(np.array(names)), strict=True)):
        w = full["weight"].sel(regressor=name).values
        ends = full["weight_interval"].sel(regressor=name).values
        bars = np.maximum(np.stack([w - ends[:, 0], ends[:, 1] - w]), 0.0)
        here = place + (j - (len(names) - 1) / 2) * width
        axes.bar(here, w, 0.9 * width, color=colour, label=name.replace("_", " "))
        axes.errorbar(here, w, bars, fmt="none", ecolor="black", elinewidth=1.2, capsize=3)
    ticks = [""] * len(place)
    if "group" in ds.dims:
        ticks = [value_text(value) for value in ds["group"].values.tolist()]
        axes.set_xlabel(label(ds["group"]))
    if "ratio" in full:
        ticks = [
            f"{tick}\nratio {ratio:.3g}" for tick, ratio in zip(ticks, full["ratio"].values, strict=True)
        ]
    axes.set_xticks(place if any(ticks) else [], ticks if any(ticks) else [])
    axes.set(xlim=(-0.6, len(place) - 0.4), ylabel=label(ds["weight"]))
    legend_beside(axes)
    return axes
