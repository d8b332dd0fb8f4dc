"""Pictures of rotations."""

__all__ = ["plot_frequencies", "plot_plane"]

from typing import TYPE_CHECKING

import xarray as xr

from neurornn.analysis._paths import draw_paths
from neurornn.analysis._plotting import axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_plane(
    fit: xr.Dataset,
    *,
    plane: int = 0,
    hue: str | None = None,
    style: str | None = None,
    ax: "Axes | None" = None,
) -> "Axes":
    """Condition averages in a plane of rotation: a ring marks the start, an arrow the direction at the end.

    Args:
        fit: Result of :func:`neurornn.analysis.jpca.fit`.
        plane: Number of the plane, the fastest being 0.
        hue: Condition variable shown by colour.
        style: Condition variable shown by line style, at most four levels.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If there is no such plane, or no such condition variable.
    """
    if not 0 <= plane < fit.sizes["plane"]:
        raise ValueError(f"plane must lie between 0 and {fit.sizes['plane'] - 1}: got {plane}.")
    axes = draw_paths(
        fit["projection"].isel(axis=[2 * plane, 2 * plane + 1]), hue=hue, style=style, ax=ax, arrows=True
    )
    share = 100 * float(fit["variance_ratio"][plane])
    axes.set(
        xlabel=f"jPC {2 * plane + 1}",
        ylabel=f"jPC {2 * plane + 2}",
        title=f"{float(fit['frequency'][plane]):.2g} Hz, {share:.0f} % of variance",
    )
    axes.set_aspect("equal", adjustable="datalim")
    return axes


def plot_frequencies(fit: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    r"""Frequency of each plane against the variance it holds, with :math:`R^2` of both models in the title.

    Args:
        fit: Result of :func:`neurornn.analysis.jpca.fit`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    share, frequency = 100 * fit["variance_ratio"].values, fit["frequency"].values
    axes.vlines(frequency, 0, share, color="#0072B2", linewidth=1.5)
    axes.plot(frequency, share, marker="o", linestyle="none", color="#0072B2")
    for k, (x, y) in enumerate(zip(frequency, share, strict=True)):
        axes.annotate(f"plane {k + 1}", (x, y), xytext=(0, 6), textcoords="offset points", ha="center")
    axes.set(
        xlabel="rotation frequency (Hz)",
        ylabel="variance in plane (%)",
        xlim=(0, 1.15 * float(frequency.max()) or 1.0),
        ylim=(0, 1.2 * float(share.max())),
        title=f"$R^2$ of rotation {float(fit['r_squared_rotation']):.2f}, "
        f"of any linear dynamics {float(fit['r_squared']):.2f}",
    )
    return axes
