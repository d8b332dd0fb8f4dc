"""Pictures of what single units are tuned to, and of how well that is known."""

__all__ = [
    "plot_bits_per_spike",
    "plot_ceilings",
    "plot_choice_probability",
    "plot_partial_variance",
    "plot_selectivity",
    "plot_tuning",
]

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neurornn.analysis._plotting import axes_or_new, colours, is_numeric, label, legend_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_CURVES = 6
_SHADES = {
    "none": "0.75",
    "pure": "#0072B2",
    "linear mixed": "#E69F00",
    "nonlinear mixed": "#D55E00",
    "undetermined": "0.9",
}


def plot_tuning(ds: xr.Dataset, *, units: Sequence[int] | None = None, ax: "Axes | None" = None) -> "Axes":
    """Tuning curves with their standard errors.

    Args:
        ds: Result of :func:`tuning`.
        units: Positions of the units to draw; None draws the six most deeply tuned.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    if units is None:
        depth = np.nan_to_num(ds["depth_crossed"].values, nan=-np.inf)
        units = [int(k) for k in np.argsort(-depth, kind="stable")[:_MOST_CURVES]]
    level = ds["level"].values
    place = level.astype(np.float64) if is_numeric(level) else np.arange(level.size)
    for k, colour in zip(units, colours(np.array([str(k) for k in units])), strict=True):
        mean = ds["mean_activity"].isel(unit=k).transpose("level").values
        error = ds["standard_error"].isel(unit=k).transpose("level").values
        name = ds["unit"].values[k] if "unit" in ds.coords else k
        axes.errorbar(
            place, mean, error, color=colour, marker="o", markersize=4, linewidth=1.5, label=f"{name}"
        )
    if not is_numeric(level):
        axes.set_xticks(place, [str(each) for each in level])
    axes.set(xlabel=label(ds["level"]), ylabel=label(ds["mean_activity"]))
    legend_beside(axes, title="unit")
    return axes


def plot_selectivity(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Share of units of each class, with intervals.

    Args:
        ds: Result of :func:`selectivity`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    dim = "selectivity_class_name"
    shown = ds.isel({dim: slice(0, 4)})
    names = [str(name) for name in shown[dim].values]
    share = shown["share"].values
    ends = shown["interval"].transpose(dim, "bound").values
    reach = np.maximum(np.abs(ends - share[:, None]).T, 0.0)
    axes.bar([name.replace(" ", "\n") for name in names], share, color=[_SHADES[name] for name in names])
    axes.errorbar(range(4), share, reach, fmt="none", ecolor="0.2", capsize=3)
    for k, count in enumerate(shown["n_units"].values):
        axes.annotate(
            f"{count}", (k, ends[k, 1]), (0, 3), textcoords="offset points", ha="center", fontsize=9
        )
    left_out = int(ds["n_units"].values[4])
    note = f" ({left_out} more undetermined)" if left_out else ""
    axes.set(ylabel="share of units", ylim=(0, min(1.12, 1.15 * ends[:, 1].max() + 0.02)))
    axes.set_xlabel(f"selectivity for {', '.join(ds.attrs['variables'])}{note}".replace("_", " "))
    return axes


def plot_partial_variance(
    ds: xr.Dataset, *, terms: tuple[str, str] | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Variance that one term explains against another, each unit in the colour of its class.

    Args:
        ds: Result of :func:`selectivity`.
        terms: Two of its terms; None takes the first two.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If there are fewer than two terms, or no such term.
    """
    known = [str(term) for term in ds["term"].values]
    chosen = tuple(known[:2]) if terms is None else terms
    if len(chosen) != 2 or not set(chosen) <= set(known):
        raise ValueError(f"Two terms are needed, of: {', '.join(known)}. Got: {', '.join(chosen)}.")
    axes = axes_or_new(ax)
    x, y = (ds["partial_variance_adjusted"].sel(term=term).values for term in chosen)
    for name, colour in _SHADES.items():
        mine = (ds["selectivity_class"].values == name) & np.isfinite(x)
        if mine.any():
            axes.scatter(
                x[mine], y[mine], s=18, color=colour, label=f"{name} ({int(mine.sum())})", linewidth=0
            )
    axes.axhline(0, color="0.8", linewidth=0.8, zorder=0)
    axes.axvline(0, color="0.8", linewidth=0.8, zorder=0)
    named = [term.replace("_", " ") for term in chosen]
    axes.set(xlabel=f"partial variance of {named[0]}", ylabel=f"partial variance of {named[1]}")
    legend_beside(axes)
    return axes


def plot_choice_probability(
    ds: xr.Dataset, *, alpha: float = 0.05, bins: int = 20, ax: "Axes | None" = None
) -> "Axes":
    """Histogram of choice probabilities over units, with their mean and its interval.

    Args:
        ds: Result of :func:`choice_probability`.
        alpha: Where permutations were run, units with a smaller p value are filled.
        bins: Number of bins.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    values = ds["grand"].values
    known = np.isfinite(values)
    far = max(0.1, 1.05 * float(np.abs(values[known] - 0.5).max())) if known.any() else 0.5
    edges = np.linspace(0.5 - min(far, 0.5), 0.5 + min(far, 0.5), bins + 1).tolist()
    colour = colours(np.zeros(1))[0]
    tested = bool(np.isfinite(ds["p_value"].values).any())
    low = known & (ds["p_value"].values < alpha) if tested else np.zeros(known.size, dtype=bool)
    axes.hist(
        values[known], edges, facecolor="white" if tested else colour, edgecolor=colour, label="all units"
    )
    if tested:
        axes.hist(
            values[low], edges, color=colour, edgecolor=colour, label=f"p < {alpha:g} ({int(low.sum())})"
        )
    axes.axvline(0.5, color="0.4", linestyle="--", linewidth=1, label="chance")
    ends = ds["population_interval"].values
    share = 100 * ds.attrs["confidence"]
    if np.isfinite(ends).all():
        axes.axvspan(ends[0], ends[1], color="#D55E00", alpha=0.25, linewidth=0, zorder=0)
    axes.axvline(
        float(ds["population"]), color="#D55E00", linewidth=1.5, label=f"mean and {share:g} % interval"
    )
    axes.set(xlabel=label(ds["grand"]), ylabel="units")
    legend_beside(axes)
    return axes


def plot_ceilings(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Noise ceiling of every unit, from the best known to the least.

    Args:
        ds: Result of :func:`split_half` or of :func:`explainable_variance`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    data = ds["ceiling"] if "ceiling" in ds else ds["explainable_variance"]
    values = np.sort(data.values[np.isfinite(data.values)])[::-1]
    axes.plot(
        np.arange(1, values.size + 1),
        values,
        color=colours(np.zeros(1))[0],
        marker="o",
        markersize=3.5,
        linewidth=1,
    )
    missing = data.size - values.size
    if values.size:
        middle = float(np.median(values))
        axes.axhline(middle, color="0.4", linestyle="--", linewidth=1, label=f"median {middle:.2f}")
        axes.set_ylim(min(0.0, float(values[-1])) - 0.03, max(1.0, float(values[0])) + 0.03)
        legend_beside(axes)
    note = f" ({missing} undefined)" if missing else ""
    axes.set(xlabel=f"units, in order{note}", ylabel=label(data))
    return axes


def plot_bits_per_spike(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Bits per spike of every unit against its number of spikes.

    Args:
        ds: Result of :func:`bits_per_spike`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    values, spikes = ds["bits_per_spike"].values, ds["n_spikes"].values
    shown = np.isfinite(values)
    axes.scatter(
        spikes[shown], values[shown], s=18, color=colours(np.zeros(1))[0], linewidth=0, label="units"
    )
    whole = float(ds["population"])
    if np.isfinite(whole):
        axes.axhline(whole, color="#D55E00", linewidth=1.5, label=f"population {whole:.3f}")
    axes.axhline(0.0, color="0.4", linestyle="--", linewidth=1, label="null model")
    missing = int((~shown).sum())
    note = f" ({missing} units undefined)" if missing else ""
    wide = shown.any() and spikes[shown].max() > 10 * spikes[shown].min()
    axes.set(xscale="log" if wide else "linear", xlabel=f"spikes{note}", ylabel="bits per spike")
    legend_beside(axes)
    return axes
