"""Pictures of what can be decoded when."""

__all__ = ["plot_cross_temporal", "plot_time_course"]

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neurornn.analysis._plotting import axes_or_new, colours, label, legend_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_cross_temporal(ds: xr.Dataset, *, alpha: float = 0.05, ax: "Axes | None" = None) -> "Axes":
    """Score of every pair of training and test times; white is chance.

    Args:
        ds: Result of :func:`cross_temporal`.
        alpha: Where permutations were run, a line surrounds pairs of times with a corrected p value below this.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    score = ds["score"].transpose("train_time", "test_time").values
    chance = float(ds["chance"])
    reach = max(float(np.nanmax(np.abs(score - chance))), 1e-6) if np.isfinite(score).any() else 1.0
    mesh = axes.pcolormesh(
        ds["test_time"],
        ds["train_time"],
        score,
        cmap="RdBu_r",
        vmin=chance - reach,
        vmax=chance + reach,
        shading="nearest",
    )
    if "p_corrected" in ds and bool((ds["p_corrected"] < alpha).any()):
        inside = (ds["p_corrected"].transpose("train_time", "test_time").values < alpha).astype(float)
        if 0 < inside.mean() < 1 and min(inside.shape) > 1:
            axes.contour(ds["test_time"], ds["train_time"], inside, [0.5], colors="black", linewidths=1.2)
    axes.figure.colorbar(mesh, ax=axes, label=label(ds["score"]))
    axes.set(xlabel=label(ds["test_time"]), ylabel=label(ds["train_time"]), aspect="equal")
    return axes


def plot_time_course(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Score of decoders tested at the time they were trained at, with its interval, chance and permutations.

    Args:
        ds: Result of :func:`cross_temporal`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    time = ds["train_time"].values
    same = np.arange(time.size)
    colour = colours(np.zeros(1))[0]
    score = ds["score"].transpose("train_time", "test_time").values[same, same]
    ends = ds["interval"].transpose("train_time", "test_time", "bound").values[same, same]
    share = 100 * ds.attrs["confidence"]
    axes.axhline(float(ds["chance"]), color="0.4", linewidth=1, linestyle="--", label="chance")
    if "null_score" in ds:
        null = ds["null_score"].transpose("permutation", "train_time", "test_time").values[:, same, same]
        band = np.nanquantile(null, [0.025, 0.975], axis=0)
        axes.fill_between(time, *band, color="0.6", alpha=0.35, linewidth=0, label="permuted (95 %)")
    axes.fill_between(
        time, ends[:, 0], ends[:, 1], color=colour, alpha=0.25, linewidth=0, label=f"interval ({share:g} %)"
    )
    axes.plot(time, score, color=colour, linewidth=1.8, label="decoded")
    unit = str(ds["train_time"].attrs.get("units", ""))
    axes.set(xlabel=f"time ({unit})" if unit else "time", ylabel=label(ds["score"]))
    legend_beside(axes)
    return axes
