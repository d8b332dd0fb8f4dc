"""Pictures of how subspaces lie to each other."""

__all__ = ["plot_alignment", "plot_angles"]

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neurornn.analysis._plotting import axes_or_new, colours, label, legend_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_angles(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Principal angles over the range in which 95 % of random subspaces lie.

    Args:
        ds: Result of :func:`principal_angles`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    pair = ds["pair"].values
    low, middle, high = np.quantile(ds["null_angle"].values, [0.025, 0.5, 0.975], axis=0)
    bars = np.stack([middle - low, high - middle])
    axes.errorbar(
        pair, middle, bars, fmt="_", color="0.6", elinewidth=7, alpha=0.6, markersize=9, label="random (95 %)"
    )
    axes.plot(pair, ds["angle"], "o", color=colours(np.zeros(1))[0], markersize=6, label="observed")
    axes.set(xlabel=label(ds["pair"]), ylabel=label(ds["angle"]), ylim=(-4, 94), xlim=(0.5, pair[-1] + 0.5))
    axes.set_xticks(pair[:: max(1, pair.size // 10)])
    axes.set_yticks(np.arange(0, 91, 15))
    legend_beside(axes)
    return axes


def plot_alignment(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Alignment indices as lines over the distribution of those of random axes, a colour for each direction.

    Args:
        ds: Result of :func:`alignment_index`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    captured = ds["captured"].values
    edges = np.linspace(0.0, 1.0, 41)
    other = {"first": "second", "second": "first"}
    for k, (name, colour) in enumerate(zip(captured, colours(captured), strict=True)):
        null = ds["null_index"][k].values
        axes.hist(null, edges.tolist(), weights=np.full(null.size, 1 / null.size), color=colour, alpha=0.35)
        axes.axvline(
            float(ds["index"][k]),
            color=colour,
            linewidth=2,
            label=f"variance of the {name}\nin axes of the {other[str(name)]}",
        )
    axes.set(xlabel=label(ds["index"]), ylabel="share of random axes", xlim=(-0.02, 1.02))
    legend_beside(axes)
    return axes
