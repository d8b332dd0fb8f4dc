"""Figures of learning, behaviour and weights."""

__all__ = ["learning_figure", "matrix_figure", "performance_figure", "psychometric_figure"]

import numpy as np
import xarray as xr
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from neurornn.analysis import behaviour
from neurornn.connectivity import spectrum_report
from neurornn.networks import AbstractNetwork
from neurornn.report._dissect import in_order
from neurornn.report._panels import FULL_WIDTH, clean, panels, words

_MOST_FACTORS = 4
_MOST_LEVELS = 24


def learning_figure(history: xr.Dataset, target: float | None = None) -> Figure:
    """Loss and validation performance against the training step.

    Args:
        history: Result of :func:`neurornn.train`.
        target: Performance at which training was to stop.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(FULL_WIDTH, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.semilogy(history["step"], history["loss"], color="0.75", linewidth=0.8, label="each batch")
    left.semilogy(
        history["validation_step"],
        history["validation_loss"],
        color="C0",
        marker="o",
        markersize=3,
        label="validation",
    )
    left.set(xlabel="training step", ylabel="loss")
    left.legend(frameon=False)
    right.plot(history["validation_step"], history["performance"], color="C0", marker="o", markersize=3)
    if target is not None:
        right.axhline(target, color="0.4", linestyle="--", linewidth=1, label=f"target {target:g}")
        right.legend(frameon=False, loc="lower right")
    right.set(xlabel="training step", ylabel="validation performance", ylim=(0, 1.03))
    return clean(figure)


def psychometric_figure(tree: xr.DataTree) -> Figure:
    """Psychometric curves: a row for each context, a column for each stimulus.

    Args:
        tree: Result of :func:`neurornn.report.dissect`.

    Returns:
        The figure.
    """
    stimuli = list(tree["psychometric"].children)
    curves = {stimulus: tree[f"psychometric/{stimulus}"].to_dataset() for stimulus in stimuli}
    first = curves[stimuli[0]]
    groups = in_order(tree, first["group"].values) if "group" in first.dims else [None]
    shown = [(group, stimulus) for group in groups for stimulus in stimuli]
    figure, axes = panels(len(shown), height=3.5, share=False, per_row=min(len(stimuli), 2))
    for ax, (group, stimulus) in zip(axes, shown, strict=True):
        curve = curves[stimulus]
        behaviour.plot_psychometric(curve if group is None else curve.sel(group=group), ax=ax)
        if group is not None:
            ax.set_title(f"{_context(group)}: {words(stimulus)}", fontsize="medium")
    return clean(figure)


def performance_figure(data: xr.Dataset, factors: list[str]) -> Figure | None:
    """Mean performance for each value of the conditions that span the task.

    Args:
        data: Simulated trials.
        factors: Names of conditions; those with one value or with more than 24 are left out, and four are drawn.

    Returns:
        The figure, or None if no condition is left.
    """
    shown = [name for name in factors if name in data.coords and _n_levels(data, name) > 1][:_MOST_FACTORS]
    if not shown:
        return None
    figure, axes = panels(len(shown), height=3.0, share=False)
    for ax, name in zip(axes, shown, strict=True):
        groups = data["performance"].astype(float).groupby(name)
        mean, spread, n = (part.values for part in (groups.mean(), groups.std(ddof=0), groups.count()))
        levels = np.unique(data[name].values)
        numeric = levels.dtype.kind in "if"
        place = levels if numeric else np.arange(levels.size)
        ax.errorbar(place, mean, spread / np.sqrt(np.maximum(n, 1)), fmt="o", color="C0", markersize=4.5)
        if not numeric or levels.size <= 10:
            ax.set_xticks(place, [f"{value:g}" if numeric else str(value) for value in levels])
        units = data[name].attrs.get("units", "1")
        ax.set(
            xlabel=words(name) + ("" if units == "1" else f" ({units})"),
            ylabel="performance",
            ylim=(-0.03, 1.03),
        )
        ax.margins(x=0.1)
    return clean(figure)


def matrix_figure(network: AbstractNetwork) -> Figure:
    """The recurrent matrix sorted by cell type, and its eigenvalues.

    Args:
        network: A network.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(FULL_WIDTH, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    order = np.argsort(network.cell_types, kind="stable")
    W = network.W_rec.detach().cpu().double().numpy()[np.ix_(order, order)]
    most = float(np.quantile(np.abs(W[W != 0]), 0.99)) if (W != 0).any() else 1.0
    image = left.imshow(W, cmap="RdBu_r", norm=TwoSlopeNorm(0.0, -most, most), interpolation="nearest")
    figure.colorbar(image, ax=left, label="weight", extend="both", shrink=0.85)
    n_excitatory = int((network.cell_types == "E").sum())
    if 0 < n_excitatory < network.n_units:
        edge = n_excitatory - 0.5
        left.axhline(edge, color="k", linewidth=0.8)
        left.axvline(edge, color="k", linewidth=0.8)
        places, names = [edge / 2, (edge + network.n_units) / 2], ["E", "I"]
        left.set_xticks(places, names)
        left.set_yticks(places, names)
        left.tick_params(length=0)
    else:
        for axis in (left.xaxis, left.yaxis):
            axis.set_major_locator(MaxNLocator(6, integer=True))
    left.set(xlabel="presynaptic unit", ylabel="postsynaptic unit")

    report = spectrum_report(network)
    angle = np.linspace(0, 2 * np.pi, 200)
    right.axhline(0, color="0.85", linewidth=0.8, zorder=0)
    right.axvline(0, color="0.85", linewidth=0.8, zorder=0)
    right.plot(
        report.bulk_radius * np.cos(angle),
        report.bulk_radius * np.sin(angle),
        color="0.6",
        linestyle="--",
        linewidth=1,
        label="radius of a random matrix of these variances",
    )
    right.plot(
        report.eigenvalues.real, report.eigenvalues.imag, ".", color="C0", markersize=5, label="eigenvalues"
    )
    right.set_aspect("equal", adjustable="datalim")
    right.set(xlabel="real part of the eigenvalue", ylabel="imaginary part")
    figure.legend(
        *right.get_legend_handles_labels(),
        loc="outside upper right",
        ncols=2,
        frameon=False,
        fontsize="small",
    )
    return clean(figure, skip=(left,))


def _n_levels(data: xr.Dataset, name: str) -> int:
    n = np.unique(data[name].values).size
    return n if n <= _MOST_LEVELS else 0


def _context(value: object) -> str:
    return f"{value} context" if isinstance(value, str) else f"context {value}"
