"""Pictures of what is selected, what changes between contexts, and what is amplified."""

__all__ = ["plot_amplification", "plot_change", "plot_mechanism"]

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neurornn.analysis._plotting import axes_or_new, colours, label, legend_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_CURVES = 7
_PART_COLOURS = {
    "by_selection_vector": ("#0072B2", "selection vector"),
    "by_input_direct": ("#E69F00", "input, along the line"),
    "by_input_indirect": ("#D55E00", "input, across the line"),
}


def plot_mechanism(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """How strongly the slow mode takes up each kind of evidence, context by context.

    Bars are the reference points; dots other points, if no rotating pair is slower there. Evidence that counts in a context has
    a solid bar, other evidence a hatched one.

    Args:
        ds: Result of :func:`selection`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    names, evidence = (ds[name].values.astype(str) for name in ("search", "evidence"))
    selected, relevant = 1e3 * ds["selected"].values, ds["relevant"].values.astype(str)
    width = 0.8 / len(names)
    alike = ~ds["rotating"].values.astype(bool)
    for i, (name, colour) in enumerate(zip(names, colours(names), strict=True)):
        place = np.arange(len(evidence)) + (i - (len(names) - 1) / 2) * width
        own = np.flatnonzero((ds["context"].values.astype(str) == name) & alike)
        reference = int(ds["reference"].values[i])
        if reference >= 0:
            bars = axes.bar(place, selected[reference], 0.9 * width, color=colour, edgecolor=colour)
            for bar, each in zip(bars, evidence, strict=True):
                if relevant[i] and each != relevant[i]:
                    bar.set(hatch="///", facecolor="white")
            axes.plot([], [], "s", color=colour, markersize=8, label=name)
        for k in own[own != reference]:
            axes.plot(
                place, selected[k], "o", color=colour, markersize=5, markeredgecolor="black", linestyle="none"
            )
    axes.axhline(0, color="0.3", linewidth=0.8)
    axes.set_xticks(np.arange(len(evidence)), [each.replace("_", " ") for each in evidence])
    axes.set(xlabel="evidence", ylabel="taken up by the slow mode (1/s per unit)")
    axes.margins(x=0.03, y=0.08)
    if axes.get_legend_handles_labels()[0]:
        legend_beside(axes)
    return axes


def plot_change(
    ds: xr.Dataset, *, search: str | None = None, other: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """What the change of selection between two contexts is made of, in each set of coordinates.

    Args:
        ds: Result of :func:`selection`.
        search: First context; the first of the dataset if None.
        other: Second context; the second of the dataset if None.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If there are no two contexts.
    """
    names = [str(name) for name in ds["search"].values]
    if len(names) < 2 and (search is None or other is None):
        raise ValueError(f"A change takes two contexts: got {names}.")
    pair = {"search": search or names[0], "other": other or names[1]}
    between = ds.sel(pair)
    axes = axes_or_new(ax)
    rows = [(e, c) for e in ds["evidence"].values.astype(str) for c in ds["coordinates"].values.astype(str)]
    height = np.arange(len(rows))[::-1].astype(float)
    up, down = np.zeros((2, len(rows)))
    for part, (colour, text) in _PART_COLOURS.items():
        values = 1e3 * np.array([float(between[part].sel(evidence=e, coordinates=c)) for e, c in rows])
        values = np.nan_to_num(values)
        start = np.where(values >= 0, up, down)
        axes.barh(height, values, 0.62, left=start, color=colour, label=text)
        up, down = up + np.maximum(values, 0), down + np.minimum(values, 0)
    total = 1e3 * np.array([float(between["change"].sel(evidence=e, coordinates=c)) for e, c in rows])
    axes.plot(total, height, "D", color="black", markersize=5, linestyle="none", label="total")
    axes.axvline(0, color="0.3", linewidth=0.8)
    axes.set_yticks(height, [f"{e.replace('_', ' ')}\nin the {c}s" for e, c in rows])
    axes.set(xlabel=f"change from {pair['search']} to {pair['other']} (1/s per unit)", ylabel="evidence")
    axes.use_sticky_edges = False
    axes.margins(x=0.06)
    legend_beside(axes)
    return axes


def plot_amplification(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Largest growth of a small perturbation against time, for up to seven points.

    Dashed, in the same colour: the growth that the eigenvalues alone would give.

    Args:
        ds: Result of :func:`linearise` with ``transient=True``, or some of its points.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If the transient was not computed.
    """
    if "propagator_norm" not in ds:
        raise ValueError("There is no curve to draw: linearise with transient=True.")
    axes = axes_or_new(ax)
    shown = ds.isel(fixed_point=slice(_MOST_CURVES))
    lag = ds["lag"].values
    for k, colour in enumerate(colours(np.arange(shown.sizes["fixed_point"]).astype(str))):
        point = shown.isel(fixed_point=k)
        kind = _kind(point)
        name = f"{point['context'].item()}, {kind}" if "context" in point.coords else f"{k}, {kind}"
        axes.plot(lag, point["propagator_norm"], color=colour, label=name)
        with np.errstate(over="ignore"):
            axes.plot(
                lag,
                np.exp(float(point["spectral_abscissa"]) * lag),
                color=colour,
                linestyle="--",
                linewidth=1,
            )
    axes.set_yscale("log")
    axes.set(xlabel=label(ds["lag"]), ylabel=label(ds["propagator_norm"]))
    legend_beside(axes)
    return axes


def _kind(point: xr.Dataset) -> str:
    if "kind" in point and point["kind"].item() == "slow":
        return "slow"
    unstable = int(point["n_unstable"])
    return "stable" if unstable == 0 else "saddle" if unstable == 1 else f"{unstable} unstable"
