"""Figures of task variance, clusters, transfer and composition."""

__all__ = ["plot_composition", "plot_silhouette", "plot_task_variance", "plot_transfer"]

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neurornn.analysis._plotting import axes_or_new, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_task_variance(variances: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Normalised task variance of each active unit in each task, units in the order of their clusters.

    Args:
        variances: What :func:`task_variance` or :func:`cluster` gave.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    clustered = "cluster" in variances
    group = variances["cluster"].values if clustered else np.where(variances["active"].values, 0, -1)
    shown = variances["normalised_variance"].values
    order = np.lexsort((np.nan_to_num(shown).argmax(0), group))
    order = order[group[order] >= 0]
    image = axes.imshow(
        shown[:, order], aspect="auto", cmap="magma", vmin=0.0, vmax=1.0, interpolation="nearest"
    )
    axes.set_yticks(range(shown.shape[0]), variances["rule"].values.tolist(), fontsize=8)
    axes.set_xticks([])
    axes.set_xlabel(f"{order.size} active units of {shown.shape[1]}")
    if clustered:
        edges = np.flatnonzero(np.diff(group[order])) + 1
        for edge in edges:
            axes.axvline(edge - 0.5, color="white", linewidth=0.8)
        middles = [np.flatnonzero(group[order] == k).mean() for k in range(group.max() + 1)]
        axes.set_xticks(middles, [str(k + 1) for k in range(len(middles))], fontsize=7)
        axes.tick_params(axis="x", length=0)
        axes.set_xlabel(f"{order.size} active units of {shown.shape[1]}, by cluster")
    axes.figure.colorbar(image, ax=axes, label=label(variances["normalised_variance"]))
    return axes


def plot_silhouette(variances: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Silhouette score by number of clusters, with the number that was chosen.

    Args:
        variances: What :func:`cluster` gave.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    numbers, scores = variances["n_clusters"].values, variances["silhouette"].values
    axes.plot(numbers, scores, "o-", color="#0072B2", markersize=3.5)
    best = int(scores.argmax())
    axes.plot(
        numbers[best], scores[best], "o", color="#D55E00", markersize=7, label=f"{numbers[best]} clusters"
    )
    axes.set_xlabel(label(variances["n_clusters"]))
    axes.set_ylabel(label(variances["silhouette"]))
    axes.legend(frameon=False)
    return axes


def plot_transfer(matrix: xr.Dataset, *, variable: str = "performance", ax: "Axes | None" = None) -> "Axes":
    """Transfer as a table of colours: a row for each training, a column for each task.

    Args:
        matrix: What :func:`transfer_matrix` gave.
        variable: ``"performance"`` or ``"gain"``.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If there is no such variable.
    """
    if variable not in matrix or matrix[variable].dims != ("trained", "tested"):
        raise ValueError(
            f"'{variable}' is not in the matrix. Choose 'performance', or 'gain' if it was made with before=."
        )
    axes = axes_or_new(ax)
    values = matrix[variable].values
    signed = variable == "gain"
    image = axes.imshow(
        values, cmap="RdBu_r" if signed else "viridis", vmin=-1.0 if signed else 0.0, vmax=1.0
    )
    for i, j in np.argwhere(np.isfinite(values)):
        dark = abs(values[i, j]) > 0.6 if signed else values[i, j] < 0.6
        axes.text(
            j,
            i,
            f"{values[i, j]:.2f}",
            ha="center",
            va="center",
            fontsize=7,
            color="white" if dark else "black",
        )
    axes.set_xticks(range(values.shape[1]), matrix["tested"].values.tolist(), rotation=90, fontsize=8)
    axes.set_yticks(range(values.shape[0]), matrix["trained"].values.tolist(), fontsize=8)
    axes.set_xlabel("tested on")
    axes.set_ylabel("trained on")
    axes.figure.colorbar(image, ax=axes, label=label(matrix[variable]))
    return axes


def plot_composition(found: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Distance of the composed state to the state of each rule, the target and its parts marked.

    Args:
        found: What :func:`composition` gave.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    order = np.argsort(found["distance"].values)
    names = found["rule"].values[order]
    plus, minus = (list(np.atleast_1d(found.attrs[key])) for key in ("plus", "minus"))
    kinds = {"the target": [found.attrs["target"]], "its parts": [*plus, *minus]}
    shades = {"the target": "#D55E00", "its parts": "#0072B2", "other rules": "#999999"}
    for kind, shade in shades.items():
        inside = [
            k
            for k, name in enumerate(names)
            if kind == next((a for a, b in kinds.items() if name in b), "other rules")
        ]
        axes.barh(inside, found["distance"].values[order][inside], color=shade, label=kind)
    axes.set_yticks(range(names.size), names.tolist(), fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(label(found["distance"]))
    axes.set_title(f"{' + '.join(plus)} − {' − '.join(minus)}" if minus else " + ".join(plus), fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    return axes
