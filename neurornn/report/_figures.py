"""Figures of the report: panels of the analyses, composed."""

__all__ = [
    "fixed_point_figure",
    "landscape_figure",
    "learning_figure",
    "matrix_figure",
    "psychometric_figure",
    "trajectory_figure",
]

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from neurornn.analysis import behaviour, fixed_points, landscape, pca
from neurornn.connectivity import spectrum_report
from neurornn.networks import CTRNN
from neurornn.report._dissect import in_order


def learning_figure(history: xr.Dataset, target: float | None = None) -> Figure:
    """Loss and validation performance against the training step.

    Args:
        history: Result of :func:`neurornn.train`.
        target: Performance at which training was to stop.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    step, loss = history["step"].values, history["loss"].values
    left.semilogy(step, loss, color="0.75", linewidth=0.8, label="each batch")
    left.semilogy(history["validation_step"], history["validation_loss"], color="C0", label="validation")
    left.set(xlabel="training step", ylabel="loss")
    left.legend(frameon=False)
    right.plot(history["validation_step"], history["performance"], color="C0", marker="o", markersize=3)
    if target is not None:
        right.axhline(target, color="0.4", linestyle="--", linewidth=1)
        right.annotate(
            "target", (step[-1], target), xytext=(0, 3), textcoords="offset points", ha="right", color="0.3"
        )
    right.set(xlabel="training step", ylabel="validation performance", ylim=(0, 1.02))
    return _clean(figure)


def psychometric_figure(tree: xr.DataTree) -> Figure:
    """Psychometric curves: a row for each context, a column for each stimulus.

    Args:
        tree: Result of :func:`neurornn.report.dissect`.

    Returns:
        The figure.
    """
    stimuli = list(tree["psychometric"].children)
    curves = [tree[f"psychometric/{stimulus}"].to_dataset() for stimulus in stimuli]
    grouped = "group" in curves[0].dims
    groups = in_order(tree, curves[0]["group"].values) if grouped else [None]
    figure = Figure(
        figsize=(5.2 * len(stimuli), 3.5 * len(groups)), layout=ConstrainedLayoutEngine(hspace=0.06)
    )
    panels = figure.subplots(len(groups), len(stimuli), squeeze=False, sharey=True)
    for row, group in enumerate(groups):
        for column, (stimulus, curve) in enumerate(zip(stimuli, curves, strict=True)):
            ax = panels[row, column]
            behaviour.plot_psychometric(curve if group is None else curve.sel(group=group), ax=ax)
            title = stimulus.replace("_", " ")
            ax.set_title(title if group is None else f"{group} context: {title}", fontsize="medium")
    return _clean(figure)


def trajectory_figure(data: xr.Dataset, tree: xr.DataTree) -> Figure:
    """Condition averages in the first two components, a panel for each context, coloured by the evidence.

    Args:
        data: Simulated trials.
        tree: Result of :func:`neurornn.report.dissect`.

    Returns:
        The figure.
    """
    projected = pca.project(data["state"].where(data["valid"] > 0), tree["components"].to_dataset())
    stimuli = list(tree["psychometric"].children) if "psychometric" in tree.children else []
    contexts: list[str | None] = (
        in_order(tree, data["context"].values) if "context" in data.coords else [None]
    )
    figure = Figure(figsize=(5.6 * len(contexts), 4.6), layout="constrained")
    panels = figure.subplots(1, len(contexts), squeeze=False, sharex=True, sharey=True)[0]
    for ax, context in zip(panels, contexts, strict=True):
        chosen = projected if context is None else projected.isel(trial=data["context"].values == context)
        hue = _relevant(stimuli, context)
        pca.plot_trajectories(chosen, hue=hue, ax=ax)
        if context is not None:
            ax.set_title(f"{context} context", fontsize="medium")
    return _clean(figure)


def fixed_point_figure(data: xr.Dataset, tree: xr.DataTree) -> Figure:
    """Fixed and slow points over the trajectories, a panel for each situation whose input is held.

    Args:
        data: Simulated trials.
        tree: Result of :func:`neurornn.report.dissect`.

    Returns:
        The figure.
    """
    components = tree["components"].to_dataset()
    points = tree["fixed_points"].to_dataset()
    projected = pca.project(data["state"].where(data["valid"] > 0), components)
    situations = list(tree["landscape"].children)
    figure = Figure(figsize=(5.6 * len(situations), 4.8), layout="constrained")
    panels = figure.subplots(1, len(situations), squeeze=False, sharex=True, sharey=True)[0]
    for ax, name in zip(panels, situations, strict=True):
        here = _trials_of(data, name)
        for path in projected.isel(trial=here[:40]).transpose("trial", "time", "component").values:
            ax.plot(path[:, 0], path[:, 1], color="0.82", linewidth=0.6, zorder=0)
        chosen = points.isel(fixed_point=points["context"].values == name)
        fixed_points.plot_fixed_points(chosen, components, ax=ax)
        ax.set_title(name, fontsize="medium")
    return _clean(figure)


def landscape_figure(tree: xr.DataTree) -> Figure:
    """Speed and flow on the plane of the first two components, side by side on one scale.

    Args:
        tree: Result of :func:`neurornn.report.dissect`.

    Returns:
        The figure.
    """
    names = list(tree["landscape"].children)
    flows = [tree[f"landscape/{name}"].to_dataset() for name in names]
    low, high = landscape.common_limits(*flows)
    components, points = tree["components"].to_dataset(), tree["fixed_points"].to_dataset()
    width = float(flows[0].x[-1] - flows[0].x[0])
    height = 4.6 * min(1.2, max(0.5, float(flows[0].y[-1] - flows[0].y[0]) / width)) + 1.3
    figure = Figure(figsize=(5.2 * len(names) + 0.8, height), layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False, sharex=True, sharey=True)[0]
    marks: dict[str, Any] = {}
    for ax, name, flow in zip(panels, names, flows, strict=True):
        landscape.plot_flow(flow, vmin=low, vmax=high, colorbar=False, ax=ax)
        chosen = points.isel(fixed_point=points["context"].values == name)
        if chosen.sizes["fixed_point"]:
            fixed_points.plot_fixed_points(chosen, components, ax=ax)
            marks |= {
                text.partition(" (")[0]: mark
                for mark, text in zip(*ax.get_legend_handles_labels(), strict=True)
            }
            ax.get_legend().remove()
        for line in ax.lines:
            line.set_path_effects([withStroke(linewidth=3.0, foreground="white")])
        ax.set_title(name, fontsize="medium", loc="left")
        ax.set(xlim=(float(flow.x[0]), float(flow.x[-1])), ylim=(float(flow.y[0]), float(flow.y[-1])))
    figure.colorbar(panels[-1].collections[0], ax=panels, label="log10 speed (1/ms)", shrink=0.9)
    if marks:
        figure.legend(
            marks.values(), marks.keys(), loc="outside lower center", ncols=len(marks), frameon=False
        )
    return figure


def matrix_figure(network: CTRNN) -> Figure:
    """The recurrent matrix sorted by cell type, and its eigenvalues.

    Args:
        network: A network.

    Returns:
        The figure.
    """
    figure = Figure(figsize=(11, 4.6), layout="constrained")
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
    left.set(xlabel="presynaptic unit", ylabel="postsynaptic unit")

    report = spectrum_report(network)
    angle = np.linspace(0, 2 * np.pi, 200)
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
    right.axhline(0, color="0.85", linewidth=0.8, zorder=0)
    right.axvline(0, color="0.85", linewidth=0.8, zorder=0)
    right.set_aspect("equal", adjustable="datalim")
    right.set(xlabel="real part", ylabel="imaginary part")
    right.legend(frameon=False, fontsize="small", loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=1)
    return _clean(figure, skip=(left,))


def _relevant(stimuli: list[str], context: str | None) -> str | None:
    """The stimulus that counts in a context, by its name."""
    matching = [name for name in stimuli if context is not None and name.startswith(context)]
    return next(iter(matching or stimuli), None)


def _trials_of(data: xr.Dataset, situation: str) -> NDArray[np.intp]:
    """Trials whose context a situation is named after; all if it is named after none."""
    contexts = np.unique(data["context"].values) if "context" in data.coords else []
    named = [c for c in contexts if situation.startswith(str(c))]
    return np.flatnonzero(data["context"].values == named[0]) if named else np.arange(data.sizes["trial"])


def _clean(figure: Figure, skip: tuple[object, ...] = ()) -> Figure:
    for ax in figure.axes:
        if ax not in skip and ax.get_label() != "<colorbar>":
            ax.spines[["top", "right"]].set_visible(False)
    return figure
