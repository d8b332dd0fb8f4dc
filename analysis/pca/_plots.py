"""Pictures of principal components."""

__all__ = ["plot_trajectories", "plot_variance"]

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis._conditions import condition_average
from neurornn.analysis._plotting import (
    axes_or_new,
    colours,
    component_label,
    is_numeric,
    label,
    legend_beside,
    value_text,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_CONDITIONS = 40
_LINE_STYLES = ("-", "--", ":", "-.")


def plot_trajectories(
    projected: xr.DataArray,
    *,
    hue: str | None = None,
    style: str | None = None,
    components: Sequence[int] = (0, 1),
    ax: "Axes | None" = None,
) -> "Axes":
    """Condition-averaged trajectories in two or three components: a ring marks the start and a square the end.

    Args:
        projected: Result of :func:`project` on trials; select a stretch of time with ``projected.sel(time=...)``.
        hue: Condition variable shown by colour: numbers on a perceptual scale, labels in a colour-blind-safe set.
        style: Condition variable shown by line style, at most four levels.
        components: Two components, counted from 0, or three for three-dimensional axes.
        ax: Axes to draw on; of a new figure if None. Three components need three-dimensional axes.

    Returns:
        The axes.

    Raises:
        ValueError: If the array is not of trials, a component does not exist or there are too many conditions to
            tell apart.
    """
    if not {"trial", "time", "component"} <= set(projected.dims):
        raise ValueError(
            f"plot_trajectories needs dimensions trial, time and component: got {projected.dims}."
        )
    if len(components) not in {2, 3} or not all(0 <= k < projected.sizes["component"] for k in components):
        raise ValueError(
            f"components must be two or three of 0 to {projected.sizes['component'] - 1}: got {tuple(components)}."
        )
    names = [name for name in (hue, style) if name is not None]
    chosen = projected.isel(component=list(components)).transpose("trial", "time", "component")
    if names:
        mean = condition_average(chosen, list(dict.fromkeys(names)))
    else:
        everything = chosen.assign_coords(everything=("trial", np.zeros(chosen.sizes["trial"])))
        mean = condition_average(everything, ["everything"])
    hues = np.unique(mean[hue].values) if hue else np.zeros(1)
    styles = np.unique(mean[style].values) if style else np.zeros(1)
    for name, levels, most in ((hue, hues, _MOST_CONDITIONS), (style, styles, len(_LINE_STYLES))):
        if len(levels) > most:
            raise ValueError(
                f"'{name}' has {len(levels)} values and at most {most} can be told apart. Group them into bins first."
            )
    axes = axes_or_new(ax, three_d=len(components) == 3)
    palette = colours(hues)
    for k in range(mean.sizes["condition"]):
        path = mean.values[k]
        path = path[np.isfinite(path).all(1)]
        if not len(path):
            continue
        colour = palette[int(np.searchsorted(hues, mean[hue].values[k]))] if hue else palette[0]
        line = _LINE_STYLES[int(np.searchsorted(styles, mean[style].values[k]))] if style else "-"
        axes.plot(*path.T, color=colour, linestyle=line, linewidth=1.5)
        axes.plot(
            *path[:1].T, color=colour, marker="o", markerfacecolor="white", linestyle="none", markersize=6
        )
        axes.plot(*path[-1:].T, color=colour, marker="s", linestyle="none", markersize=6)
    for which, k in zip("xyz", range(len(components)), strict=False):
        getattr(axes, f"set_{which}label")(component_label(chosen, k))
    _explain(axes, mean, hue, hues, palette, style, styles)
    return axes


def plot_variance(fit: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Variance explained by each component and by all up to it; a line marks the participation ratio.

    Args:
        fit: Result of :func:`fit`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    share = 100 * fit["explained_variance_ratio"].values
    number = np.arange(1, share.size + 1)
    dimension = float(fit["participation_ratio"])
    axes.plot(number, np.cumsum(share), marker="o", markersize=4, color="#D55E00", label="cumulative")
    axes.plot(number, share, marker="o", markersize=4, color="#0072B2", label="each component")
    axes.axvline(
        dimension, color="0.4", linestyle="--", linewidth=1, label=f"participation ratio {dimension:.1f}"
    )
    axes.set(xlabel="principal component", ylabel="explained variance (%)", ylim=(0, 104))
    if share.size <= 12:
        axes.set_xticks(number)
    legend_beside(axes)
    return axes


def _explain(
    axes: "Axes",
    mean: xr.DataArray,
    hue: str | None,
    hues: NDArray[np.generic],
    palette: list[Any],
    style: str | None,
    styles: NDArray[np.generic],
) -> None:
    """Legend beside the axes, title first: levels of hue and style, then what the markers mean."""
    from matplotlib.lines import Line2D

    entries: list[Line2D] = []

    def heading(name: str) -> None:
        entries.append(Line2D([], [], linestyle="none", label=label(mean[name], name)))

    if mean.attrs["n_trials_excluded"]:
        entries.append(
            Line2D(
                [], [], linestyle="none", label=f"trials without a value: {mean.attrs['n_trials_excluded']}"
            )
        )

    if hue:
        heading(hue)
        shown = range(len(hues)) if len(hues) <= 12 or not is_numeric(hues) else _spread(len(hues))
        entries += [Line2D([], [], color=palette[k], label=value_text(hues[k])) for k in shown]
    if style and style != hue:
        heading(style)
        entries += [
            Line2D([], [], color="0.3", linestyle=_LINE_STYLES[k], label=value_text(level))
            for k, level in enumerate(styles)
        ]
    for name, marker, face in (("start", "o", "white"), ("end", "s", "0.3")):
        entries.append(
            Line2D([], [], color="0.3", marker=marker, markerfacecolor=face, linestyle="none", label=name)
        )
    legend_beside(axes, handles=entries)


def _spread(n_levels: int) -> list[int]:
    """Seven levels of many, the first and the last among them."""
    return sorted({int(k) for k in np.linspace(0, n_levels - 1, 7).round()})
