"""Pictures of fixed points and of the modes around them."""

__all__ = ["plot_fixed_points", "plot_spectrum"]

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurornn.analysis._plotting import axes_or_new, label, legend_beside
from neurornn.analysis.landscape._plane import Plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLES: dict[str, dict[str, Any]] = {
    "stable": {"marker": "o", "color": "#0072B2", "markersize": 8},
    "unstable": {
        "marker": "o",
        "color": "#D55E00",
        "markersize": 8,
        "fillstyle": "none",
        "markeredgewidth": 1.6,
    },
    "marginal": {
        "marker": "D",
        "color": "#009E73",
        "markersize": 6,
        "fillstyle": "none",
        "markeredgewidth": 1.6,
    },
    "slow": {"marker": "x", "color": "0.25", "markersize": 5, "markeredgewidth": 1.2},
}


def plot_fixed_points(
    ds: xr.Dataset,
    projection: xr.Dataset | Plane | Callable[[NDArray[np.float64]], ArrayLike],
    *,
    ax: "Axes | None" = None,
) -> "Axes":
    """Fixed points in two coordinates: filled if stable, open if unstable, diamonds if marginal, crosses if slow.

    Stability is that of continuous time. Points of all contexts in the dataset are drawn; choose one with
    ``ds.isel(fixed_point=ds.context.values == "motion")``.

    Args:
        ds: Result of :func:`find`.
        projection: Principal components of the state, of which the first two are drawn; or a
            :class:`~neurornn.analysis.landscape.Plane`; or a function from states ``(fixed_point, unit)`` to
            coordinates ``(fixed_point, 2)``.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If the projection does not give two coordinates for each point.
    """
    plane = Plane.from_pca(projection) if isinstance(projection, xr.Dataset) else projection
    states = ds["state"].transpose("fixed_point", "unit").values
    if isinstance(plane, Plane):
        where, names = plane.coordinates(states), plane.names
    else:
        where, names = np.asarray(plane(states), dtype=np.float64), ("coordinate 1", "coordinate 2")
    if where.shape != (len(states), 2):
        raise ValueError(
            f"The projection must give two coordinates for each of {len(states)} points: got shape {where.shape}."
        )
    axes = axes_or_new(ax)
    kinds = _kinds(ds)
    for name in reversed(_STYLES):
        chosen = where[kinds == name]
        if len(chosen):
            axes.plot(*chosen.T, linestyle="none", zorder=3, label=f"{name} ({len(chosen)})", **_STYLES[name])
    axes.set(xlabel=names[0], ylabel=names[1])
    if len(states):
        legend_beside(axes)
    return axes


def plot_spectrum(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Eigenvalues around the points in the complex plane, with the borders of stability of the ODE and of the map.

    Args:
        ds: Result of :func:`find`, or some of its points: ``ds.isel(fixed_point=[0])``.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    kinds = _kinds(ds)
    values = ds["eigenvalue"].transpose("fixed_point", "mode").values
    axes.axvline(0, color="0.4", linewidth=1, label="border of the ODE")
    for name in reversed(_STYLES):
        chosen = values[kinds == name].ravel()
        if len(chosen):
            style = _STYLES[name] | {"markersize": 5}
            axes.plot(chosen.real, chosen.imag, linestyle="none", label=name, **style)
    if values.size:
        limits = axes.get_xlim(), axes.get_ylim()
        angle = np.linspace(0, 2 * np.pi, 721)
        radius = 1 / ds.attrs["dt"]
        axes.plot(
            radius * (np.cos(angle) - 1),
            radius * np.sin(angle),
            color="0.4",
            linewidth=1,
            linestyle="--",
            label=f"border of the map, dt = {ds.attrs['dt']:g} ms",
        )
        axes.set(xlim=limits[0], ylim=limits[1])
    unit = ds["eigenvalue"].attrs["units"]
    axes.set(xlabel=f"real part of the {label(ds['eigenvalue'])}", ylabel=f"imaginary part ({unit})")
    legend_beside(axes)
    return axes


def _kinds(ds: xr.Dataset) -> NDArray[np.str_]:
    fixed = ds["kind"].values == "fixed"
    conditions = [~fixed, ds["n_unstable"].values > 0, ds["stable_ode"].values]
    return np.select(conditions, ["slow", "unstable", "stable"], default="marginal")
