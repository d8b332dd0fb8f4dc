"""Pictures of what interventions do."""

__all__ = ["plot_effects"]

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from neurornn.analysis._plotting import axes_or_new, colours, legend_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_effects(
    ds: xr.Dataset, *, outcome: str | None = None, groups: bool = False, ax: "Axes | None" = None
) -> "Axes":
    """Effects with their intervals, one row for each intervention, a colour for each group.

    Args:
        ds: Result of :func:`compare`.
        outcome: Outcome to draw; ``"performance"`` if there is one, else the first.
        groups: Whether to draw the groups of ``by`` beside the effect over all trials.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If there is no such outcome, or no groups.
    """
    known = [str(name) for name in ds["outcome"].values]
    chosen = outcome if outcome is not None else "performance" if "performance" in known else known[0]
    if chosen not in known:
        raise ValueError(f"There is no outcome '{chosen}'. There are: {', '.join(known)}.")
    if groups and "group" not in ds.dims:
        raise ValueError("The comparison has no groups. Call compare with by=...")
    axes = axes_or_new(ax)
    part = ds.sel(outcome=chosen)
    rows = [("all trials", part["effect"], part["interval"])]
    if groups:
        rows += [
            (str(name), part["group_effect"][:, k], part["group_interval"][:, k])
            for k, name in enumerate(ds["group"].values)
        ]
    place = np.arange(ds.sizes["intervention"], dtype=float)
    palette = ["black", *colours(ds["group"].values)] if groups else ["black"]
    step = 0.7 / len(rows)
    axes.axvline(0.0, color="0.7", linewidth=1.0, zorder=0)
    for j, ((name, effect, interval), colour) in enumerate(zip(rows, palette, strict=True)):
        ends = interval.transpose("intervention", "bound").values
        here = place + (j - (len(rows) - 1) / 2) * step
        size = 6 if name == "all trials" else 4
        axes.hlines(here, ends[:, 0], ends[:, 1], color=colour, linewidth=1.5)
        axes.plot(effect.values, here, "o", color=colour, markersize=size, label=name)
    axes.set_yticks(place, [str(name).replace("_", " ") for name in ds["intervention"].values])
    axes.set(
        ylim=(len(place) - 0.5, -0.5),
        xlabel=f"effect on {chosen.replace('_', ' ')} ({100 * ds.attrs['confidence']:g} % interval)",
    )
    if groups:
        legend_beside(axes)
    return axes
