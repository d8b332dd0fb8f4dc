"""Pictures of Lyapunov spectra and of how they settle."""

__all__ = ["plot_convergence", "plot_spectrum"]

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neurornn.analysis._plotting import axes_or_new, colours, label, legend_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_NAMED = 12  # trajectories that a legend can name


def plot_spectrum(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Exponents in order with their standard errors, one line for each trajectory.

    Args:
        ds: Result of :func:`spectrum`, or some of its trajectories: ``ds.isel(trajectory=[0])``.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    axes.axhline(0, color="0.6", linewidth=1, zorder=0)
    names = np.atleast_1d(ds["trajectory"].values)
    for colour, name in zip(colours(names), names, strict=True):
        one = ds.sel(trajectory=name)
        dimension = float(one["kaplan_yorke_dimension"])
        text = f"{name}: dimension {dimension:.2f}" if np.isfinite(dimension) else f"{name}"
        axes.errorbar(
            one["exponent_index"].values + 1,
            one["exponent"].values,
            yerr=one["standard_error"].values,
            color=colour,
            marker=".",
            linewidth=1,
            capsize=2,
            label=text if len(names) <= _MOST_NAMED else None,
        )
    axes.set(xlabel="number of the exponent", ylabel=label(ds["exponent"]))
    if len(names) <= _MOST_NAMED:
        legend_beside(axes, title="trajectory (Kaplan-Yorke)")
    return axes


def plot_convergence(
    ds: xr.Dataset, *, trajectory: int = 0, n_exponents: int = 5, ax: "Axes | None" = None
) -> "Axes":
    """Averages up to a time against that time, with the final standard error, and the two-trajectory check dashed.

    Args:
        ds: Result of :func:`spectrum`.
        trajectory: Which trajectory, by number.
        n_exponents: How many of the leading exponents.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If no exponent is asked for.
    """
    if n_exponents < 1:
        raise ValueError(f"At least one exponent is drawn: got n_exponents={n_exponents}.")
    axes = axes_or_new(ax)
    one = ds.sel(trajectory=trajectory).isel(exponent_index=slice(n_exponents))
    time = one["time"].values
    for k, colour in enumerate(colours(np.array([f"{i}" for i in one["exponent_index"].values]))):
        value, error = float(one["exponent"][k]), float(one["standard_error"][k])
        axes.plot(time, one["running_exponent"][:, k].values, color=colour, label=f"exponent {k + 1}")
        axes.fill_between(time, value - error, value + error, color=colour, alpha=0.2, linewidth=0)
    check = one["running_two_trajectory_exponent"].values
    axes.plot(time, check, color="0.2", linestyle="--", linewidth=1, label="two trajectories")
    axes.axhline(0, color="0.6", linewidth=1, zorder=0)
    axes.set(xlabel=label(ds["time"]), ylabel=label(ds["running_exponent"]))
    legend_beside(axes)
    return axes
