"""Figures of state space: trajectories, fixed points, landscapes."""

__all__ = ["fixed_point_figure", "landscape_figure", "trajectory_figure"]

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from neurornn.analysis import fixed_points, landscape, pca
from neurornn.report._dissect import contexts_of, in_order, situations_of
from neurornn.report._panels import clean, panels

_MOST_HUES, _MOST_STYLES = 24, 4
_N_SHOWN = 40  # single trials behind the fixed points; the first ones visit the conditions in turn
_ROOM = 0.4  # around the trajectories, as a fraction of their extent, for points beyond them


def trajectory_figure(data: xr.Dataset, tree: xr.DataTree) -> tuple[Figure, list[str]]:
    """Condition averages in the first two components, a panel for each context, coloured by the evidence.

    Args:
        data: Simulated trials.
        tree: Result of :func:`neurornn.report.dissect`.

    Returns:
        The figure, and the conditions whose trials were averaged.
    """
    projected = _projected(data, tree)
    stimuli = list(tree["psychometric"].children) if "psychometric" in tree.children else []
    contexts: list[Any] = in_order(tree, contexts_of(data)) or [None]
    figure, axes = panels(len(contexts), height=4.6)
    averaged: list[str] = []
    for ax, context in zip(axes, contexts, strict=True):
        chosen = projected if context is None else projected.isel(trial=data["context"].values == context)
        hue, style = _relevant(stimuli, context), None
        if hue is None:
            hue, style = _factors(data, json.loads(tree.attrs["factors"]))
        pca.plot_trajectories(chosen, hue=hue, style=style, ax=ax)
        averaged += [name for name in (hue, style) if name is not None and name not in averaged]
        if context is not None:
            ax.set_title(
                f"{context} context" if isinstance(context, str) else f"context {context}", fontsize="medium"
            )
    return clean(figure), averaged


def fixed_point_figure(data: xr.Dataset, tree: xr.DataTree) -> Figure:
    """Fixed and slow points over the trajectories, a panel for each situation whose input is held.

    Args:
        data: Simulated trials.
        tree: Result of :func:`neurornn.report.dissect`.

    Returns:
        The figure.
    """
    components, points = tree["components"].to_dataset(), tree["fixed_points"].to_dataset()
    projected = _projected(data, tree).transpose("trial", "time", "component").values
    plane = landscape.Plane.from_pca(components)
    situations = situations_of(tree)
    figure, axes = panels(len(situations), height=4.8)
    x_min, x_max, y_min, y_max = plane.extent(data["state"].where(data["valid"] > 0), margin=_ROOM)
    for ax, name in zip(axes, situations, strict=True):
        here = _trials_of(data, name)
        for path in projected[here[:_N_SHOWN]]:
            ax.plot(path[:, 0], path[:, 1], color="0.82", linewidth=0.6, zorder=0)
        chosen = _of_situation(points, name)
        fixed_points.plot_fixed_points(chosen, components, ax=ax)
        beyond = _beyond(plane.coordinates(chosen["state"].values), (x_min, x_max, y_min, y_max))
        ax.set_title(name + beyond, fontsize="medium")
    shown = np.concatenate([_clipped(ax) for ax in axes])
    low, high = np.nanmin(shown, axis=0), np.nanmax(shown, axis=0)
    room = 0.05 * np.where(high > low, high - low, 1.0)
    axes[0].set(
        xlim=(max(x_min, low[0] - room[0]), min(x_max, high[0] + room[0])),
        ylim=(max(y_min, low[1] - room[1]), min(y_max, high[1] + room[1])),
    )
    return clean(figure)


def landscape_figure(tree: xr.DataTree) -> Figure | None:
    """Speed and flow on the plane of the first two components, side by side on one scale.

    Args:
        tree: Result of :func:`neurornn.report.dissect`.

    Returns:
        The figure, or None if there is no landscape.
    """
    if "landscape" not in tree.children:
        return None
    names = [name for name in situations_of(tree) if name in tree["landscape"].children]
    flows = [tree[f"landscape/{name}"].to_dataset() for name in names]
    if not any((flow["speed"] > 0).any() for flow in flows):
        return None
    low, high = landscape.common_limits(*flows)
    components, points = tree["components"].to_dataset(), tree["fixed_points"].to_dataset()
    plane = landscape.Plane.from_pca(components)
    width = float(flows[0].x[-1] - flows[0].x[0])
    shape = float(flows[0].y[-1] - flows[0].y[0]) / width
    figure, axes = panels(len(names), height=4.4 * min(1.1, max(0.45, shape)) + 1.2)
    marks: dict[str, Any] = {}
    for ax, name, flow in zip(axes, names, flows, strict=True):
        landscape.plot_flow(flow, vmin=low, vmax=high, colorbar=False, ax=ax)
        chosen = _of_situation(points, name)
        if chosen.sizes["fixed_point"]:
            fixed_points.plot_fixed_points(chosen, components, ax=ax)
            handles, labels = ax.get_legend_handles_labels()
            marks |= {text.partition(" (")[0]: mark for mark, text in zip(handles, labels, strict=True)}
            legend = ax.get_legend()
            if legend is not None:
                legend.remove()
        for line in ax.lines:
            line.set_path_effects([withStroke(linewidth=3.0, foreground="white")])
        extent = (float(flow.x[0]), float(flow.x[-1]), float(flow.y[0]), float(flow.y[-1]))
        beyond = _beyond(plane.coordinates(chosen["state"].values), extent)
        ax.set_title("", loc="right")
        ax.set_title(
            f"{name}{beyond}\n{flow.attrs['median_out_of_plane']:.0%} of the velocity out of plane (median)",
            fontsize="medium",
        )
        ax.set(xlim=extent[:2], ylim=extent[2:])
    figure.colorbar(axes[-1].collections[0], ax=axes, label="log10 speed (1/ms)", shrink=0.9)
    if marks:
        figure.legend(
            marks.values(), marks.keys(), loc="outside lower center", ncols=len(marks), frameon=False
        )
    return figure


def _projected(data: xr.Dataset, tree: xr.DataTree) -> xr.DataArray:
    return pca.project(data["state"].where(data["valid"] > 0), tree["components"].to_dataset())


def _of_situation(points: xr.Dataset, name: str) -> xr.Dataset:
    return points.isel(fixed_point=points["context"].values == name)


def _clipped(ax: Axes) -> NDArray[np.float64]:
    """Everything drawn on axes, point by point."""
    return np.concatenate([np.asarray(line.get_xydata(), dtype=float).reshape(-1, 2) for line in ax.lines])


def _beyond(where: NDArray[np.float64], extent: tuple[float, float, float, float]) -> str:
    """How many points lie outside a picture, for its title."""
    low, high = np.array(extent[::2]), np.array(extent[1::2])
    n = int((~((where >= low) & (where <= high)).all(1)).sum())
    return "" if n == 0 else f" ({n} point{'s' if n > 1 else ''} outside the picture)"


def _relevant(stimuli: Sequence[str], context: object) -> str | None:
    """The stimulus that counts in a context, by its name; the first if there is no telling."""
    matching = [name for name in stimuli if isinstance(context, str) and name.startswith(context)]
    return next(iter(matching or stimuli), None)


def _factors(data: xr.Dataset, factors: Sequence[str]) -> tuple[str | None, str | None]:
    """Conditions for the colour and for the style of a line: the first two that vary, few levels for the style."""
    levels = {
        name: np.unique(data[name].values).size
        for name in factors
        if name in data.coords and name != "context"
    }
    hue = next((name for name, n in levels.items() if 1 < n <= _MOST_HUES), None)
    style = next((name for name, n in levels.items() if 1 < n <= _MOST_STYLES and name != hue), None)
    return hue, style


def _trials_of(data: xr.Dataset, situation: str) -> NDArray[np.intp]:
    """Trials whose context a situation is named after; all if it is named after none."""
    named = [value for value in contexts_of(data) if situation.startswith(str(value))]
    chosen = data["context"].values == named[0] if named else np.ones(data.sizes["trial"], dtype=bool)
    return np.flatnonzero(chosen)
