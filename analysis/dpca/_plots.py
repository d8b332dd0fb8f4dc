"""Pictures of demixed components."""

__all__ = ["plot_component", "plot_significance", "plot_validation", "plot_variance"]

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neurornn.analysis._paths import draw_courses
from neurornn.analysis._plotting import axes_or_new, colours, label, legend_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_component(
    fit: xr.Dataset,
    *,
    component: int = 0,
    hue: str | None = None,
    style: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Condition averages on one demixed component over time.

    Args:
        fit: Result of :func:`neurornn.analysis.dpca.fit`.
        component: Number of the component, that with most variance being 0.
        hue: Parameter shown by colour.
        style: Parameter shown by line style, at most four levels.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If there is no such component, or no such parameter.
    """
    if not 0 <= component < fit.sizes["component"]:
        raise ValueError(f"component must lie between 0 and {fit.sizes['component'] - 1}: got {component}.")
    axes = draw_courses(fit["projection"].isel(component=component), hue=hue, style=style, ax=ax)
    share = 100 * float(fit["explained_variance_ratio"][component])
    name = str(fit["marginalisation_of"].values[component])
    axes.set_title(f"component {component + 1}: {name} ({share:.1f} %)")
    return axes


def plot_variance(fit: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Variance explained by each component, coloured by what it depends on; a well demixed bar has one colour.

    The names below the bars are the marginalisations the components were fitted to. Shares below 0 are not drawn.

    Args:
        fit: Result of :func:`neurornn.analysis.dpca.fit`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    names = fit["marginalisation"].values.astype(str)
    shares = 100 * np.maximum(fit["explained_variance_by"].values, 0.0)
    whole = 100 * fit["marginal_variance"].values / float(fit["marginal_variance"].sum())
    bottom = np.zeros(len(shares))
    number = np.arange(1, len(shares) + 1)
    for k, (name, colour) in enumerate(zip(names, colours(names), strict=True)):
        axes.bar(number, shares[:, k], bottom=bottom, color=colour, label=f"{name} ({whole[k]:.0f} %)")
        bottom += shares[:, k]
    owners = fit["marginalisation_of"].values.astype(str)
    axes.set_xticks(number, [f"{k}: {owner}" for k, owner in zip(number, owners, strict=True)], rotation=90)
    axes.set(xlabel="component", ylabel="explained variance (%)", xlim=(0.3, len(shares) + 0.7))
    legend_beside(axes, title="depends on (share of all)")
    return axes


def plot_validation(fit: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Error on held-out trials for each penalty; a line marks the penalty used.

    Args:
        fit: Result of :func:`neurornn.analysis.dpca.fit` with several values of ``regularisation``.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If the penalty was given and not chosen.
    """
    if "validation_error" not in fit:
        raise ValueError("The penalty of this fit was given, not chosen: there is no validation to show.")
    axes = axes_or_new(ax)
    errors = fit["validation_error"].transpose("repeat", "grid").values
    grid = fit["grid"].values
    for k, row in enumerate(errors):
        axes.plot(grid, row, color="0.75", linewidth=0.8, label=None if k else "each repeat")
    axes.plot(grid, errors.mean(0), color="#0072B2", marker="o", markersize=4, label="mean")
    axes.axvline(float(fit["regularisation"]), color="#D55E00", linestyle="--", linewidth=1, label="used")
    if (grid > 0).all():
        axes.set_xscale("log")
    axes.set(xlabel=r"penalty $\lambda$", ylabel=label(fit["validation_error"]))
    legend_beside(axes)
    return axes


def plot_significance(
    significance: xr.Dataset, *, component: int = 0, level: float = 0.05, ax: "Axes | None" = None
) -> "Axes":
    """Accuracy on one component of each marginalisation over time; dots mark p below the level.

    Dashed lines are the largest accuracy of any shuffle.

    Args:
        significance: Result of :func:`neurornn.analysis.dpca.significance`.
        component: Number of the component within its marginalisation, from 0.
        level: Steps with a p value below it are marked.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If there is no such component.
    """
    if not 0 <= component < significance.sizes["component"]:
        raise ValueError(
            f"component must lie between 0 and {significance.sizes['component'] - 1}: got {component}."
        )
    axes = axes_or_new(ax)
    timed = "time" in significance.coords
    time = significance["time"].values if timed else np.arange(significance.sizes["time"])
    names = significance["marginalisation"].values.astype(str)
    chosen = significance.isel(component=component)
    for k, (name, colour) in enumerate(zip(names, colours(names), strict=True)):
        accuracy, below = chosen["accuracy"].values[k], chosen["p_value"].values[k] < level
        axes.plot(
            time,
            accuracy,
            color=colour,
            linewidth=1.4,
            label=f"{name} (chance {float(chosen['chance'][k]):.2g})",
        )
        axes.plot(time, chosen["shuffled_accuracy"].values[k], color=colour, linestyle="--", linewidth=0.9)
        axes.plot(time[below], accuracy[below], color=colour, marker="o", markersize=3.5, linestyle="none")
    unit = significance["time"].attrs.get("units", "ms") if timed else ""
    axes.set(
        xlabel=f"time ({unit})" if unit else "step", ylabel="accuracy on held-out trials", ylim=(0, 1.03)
    )
    axes.set_title(f"component {component + 1} of each; dots: p < {level:g}")
    legend_beside(axes)
    return axes
