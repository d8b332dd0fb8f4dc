"""Pictures of reduced networks."""

__all__ = ["plot_fit", "plot_ranks"]

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neurornn.analysis._plotting import axes_or_new, colours, label, legend_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = ("o", "s", "^")


def plot_ranks(ds: xr.Dataset, *, variable: str = "mean_performance", ax: "Axes | None" = None) -> "Axes":
    """A score against the rank, a colour for each method; for performance with the network's own as a line.

    Args:
        ds: Result of :func:`sweep`.
        variable: ``"mean_performance"``, ``"rate_r2"``, ``"output_r2"`` or ``"loss"``. An R² below -1 is drawn at -1.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If there is no such score.
    """
    scores = [str(name) for name in ds if ds[name].dims == ("reduction", "rank")]
    if variable not in scores:
        raise ValueError(f"There is no score '{variable}'. There are: {', '.join(scores)}.")
    axes = axes_or_new(ax)
    methods = ds["reduction"].values
    floor = -1.0 if variable.endswith("r2") else -np.inf
    if variable == "mean_performance":
        own = float(np.nanmean(ds["network_performance"]))
        axes.axhline(own, color="0.4", linewidth=1.2, linestyle="--", label="full network", zorder=1)
    for k, (method, colour) in enumerate(zip(methods, colours(methods), strict=True)):
        values = ds[variable].sel(reduction=method).values.astype(np.float64)
        axes.plot(
            ds["rank"],
            np.maximum(values, floor),
            color=colour,
            marker=_MARKERS[k % 3],
            linewidth=1.6,
            label=str(method),
        )
    axes.set(xlabel=label(ds["rank"]), ylabel=label(ds[variable]))
    axes.set_xticks(ds["rank"].values)
    if variable != "loss":
        axes.set_ylim(top=1.05)
    legend_beside(axes)
    return axes


def plot_fit(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """The loss in the course of a fit.

    Args:
        ds: ``result`` of a reduced network.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    axes.plot(ds["iteration"], ds["loss"], color=colours(np.zeros(1))[0], marker=".", linewidth=1.6)
    if bool((ds["loss"] > 0).all()):
        axes.set_yscale("log")
    axes.set(xlabel="iteration", ylabel=label(ds["loss"]))
    return axes
