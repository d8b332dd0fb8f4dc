"""Pictures of continuous attractors and of the drift along them."""

__all__ = ["STYLES", "crowd", "kinds_of_points", "plot_attractors", "plot_drift"]

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis._plotting import axes_or_new, label, legend_beside
from neurornn.analysis.landscape._plane import Plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DECADES = 5
_MANY = 50  # markers, that are drawn small
STYLES: dict[str, dict[str, Any]] = {
    "stable": {"marker": "o", "color": "#0072B2"},
    "unstable": {"marker": "o", "color": "#D55E00", "fillstyle": "none", "markeredgewidth": 1.6},
    "marginal": {"marker": "D", "color": "#009E73", "fillstyle": "none", "markeredgewidth": 1.6},
    "slow": {"marker": "x", "color": "0.25", "markeredgewidth": 1.4},
}


def plot_attractors(
    ds: xr.Dataset,
    projection: xr.Dataset | Plane | None = None,
    *,
    context: object = None,
    colorbar: bool = True,
    ax: "Axes | None" = None,
) -> "Axes":
    """Lines, rings and surfaces in two coordinates, coloured by speed, with the fixed and slow points.

    Points that continue a straight line or a plane beyond where it was sampled are left out. A filled point is stable, an open one unstable, a diamond marginal, a cross slow. Speeds more than five
    decades below the fastest share one colour, and so do exact continua.

    Args:
        ds: Result of :func:`find`.
        projection: Principal components of the state, of which the first two are drawn, or a
            :class:`~neurornn.analysis.landscape.Plane`; the principal components of the states drawn if None.
        context: The context to draw; the only one if None.
        colorbar: Whether to draw the colour bar.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If there are several contexts and none is named, or none of that name.
    """
    from matplotlib.collections import LineCollection
    from matplotlib.colors import Normalize

    name = _one_context(ds, context)
    objects = np.flatnonzero(ds["context"].values == name)
    at = np.flatnonzero(ds["point_context"].values == name)
    points = ds["point_state"].transpose("fixed_point", "unit").values[at]
    drawn = [_states(ds, k) for k in objects if str(ds["kind"].values[k]) != "point"]
    plane = Plane.from_pca(projection) if isinstance(projection, xr.Dataset) else projection
    if plane is None:
        plane = _own_plane(np.concatenate([*drawn, points]))
    axes = axes_or_new(ax)
    curves = [k for k in objects if str(ds["kind"].values[k]) != "point"]
    moving = [ds["speed"].values[k] for k in curves if not bool(ds["exact"].values[k])]
    speeds = np.concatenate(moving) if moving else np.ones(1)
    high = float(np.log10(np.nanmax(speeds)))
    low = max(float(np.log10(max(np.nanmin(speeds), 1e-300))), high - _DECADES)
    norm = Normalize(low, high)
    shades: Any = None
    for k, states in zip(curves, drawn, strict=True):
        where = plane.coordinates(states)
        speed = ds["speed"].values[k, : len(states)]
        still = bool(ds["exact"].values[k])  # rounding errors have no colour of their own
        tint = np.full_like(speed, low) if still else np.log10(np.maximum(speed, 10.0**low))
        kind = str(ds["kind"].values[k])
        if kind in {"line", "ring"}:
            if kind == "ring":
                where, tint = np.concatenate([where, where[:1]]), np.append(tint, tint[0])
            pieces = np.stack([where[:-1], where[1:]], axis=1)
            shades = LineCollection(
                [*pieces],
                array=0.5 * (tint[1:] + tint[:-1]),
                cmap="viridis",
                norm=norm,
                linewidths=4,
                zorder=1,
            )
            shades.set_capstyle("round")
            axes.add_collection(shades)
        else:
            _draw_net(ds, k, where, axes)
            shades = axes.scatter(where[:, 0], where[:, 1], c=tint, cmap="viridis", norm=norm, s=18, zorder=1)
    kinds = kinds_of_points(ds)[at]
    seen = ~_beyond(ds, at, points)
    for style, options in STYLES.items():
        chosen = plane.coordinates(points[(kinds == style) & seen])
        if len(chosen):
            text = f"{style} ({len(chosen)})"
            look = {"linestyle": "none", "markersize": 7, "zorder": 3, **options, **crowd(len(chosen))}
            axes.plot(*chosen.T, label=text, **look)
    axes.autoscale_view()
    axes.set(xlabel=plane.names[0], ylabel=plane.names[1])
    axes.set_title(str(ds["verdict"].sel(search=name).item()).split(":")[0], fontsize="medium")
    if moving and colorbar:
        beside = axes.inset_axes((1.03, 0.0, 0.05, 1.0))
        axes.figure.colorbar(shades, cax=beside, label=f"log10 {label(ds['speed'])}", extend="min")
    if len(at):
        legend_beside(axes)
    return axes


def plot_drift(ds: xr.Dataset, *, object: int | None = None, ax: "Axes | None" = None) -> "Axes":
    """Drift along a line or a ring against arc length, with the fixed and slow points on it.

    Where the drift falls through 0 states gather, where it rises through 0 they part.

    Args:
        ds: Result of :func:`find`.
        object: Number of the line or ring; the first if None.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If there is no line or ring, or the object is none.
    """
    curves = np.flatnonzero(np.isin(ds["kind"].values.astype(str), ["line", "ring"]))
    numbers = ds["object"].values
    row = int(curves[0]) if object is None and len(curves) else -1
    if object is not None and object in numbers[curves]:
        row = int(np.flatnonzero(numbers == object)[0])
    if row < 0:
        raise ValueError(
            f"Drift is drawn along a line or a ring: got object={object}; lines and rings are {numbers[curves].tolist()}."
        )
    axes = axes_or_new(ax)
    n = int(ds["n_states"].values[row])
    s, drift = ds["arclength"].values[row, :n], ds["drift"].values[row, :n]
    kind, length = str(ds["kind"].values[row]), float(ds["length"].values[row])
    if kind == "ring":
        s, drift = np.append(s, length), np.append(drift, drift[0])
    axes.axhline(0, color="0.6", linewidth=1, zorder=0)
    axes.plot(s, drift, color="0.2", linewidth=1.5, zorder=1)
    place = ds["point_arclength"].values
    on = (ds["point_object"].values == numbers[row]) & np.isfinite(place)  # and not on its continuation
    kinds = kinds_of_points(ds)
    for style, options in STYLES.items():
        chosen = place[on & (kinds == style)]
        if len(chosen):
            level = np.interp(chosen, s, drift)
            text = f"{style} ({len(chosen)})"
            look = {"linestyle": "none", "markersize": 7, "zorder": 3, **options, **crowd(len(chosen))}
            axes.plot(chosen, level, label=text, **look)
    text = (
        "exact" if bool(ds["exact"].values[row]) else f"traversed in {float(ds['traverse_time'][row]):.3g} ms"
    )
    axes.set_title(f"{kind} in context {ds['context'].values[row]}: {text}", fontsize="medium")
    axes.set(xlabel=f"{label(ds['arclength'])} along the {kind}", ylabel=label(ds["drift"]))
    if bool(ds["exact"].values[row]):
        axes.set_ylim(-1, 1)  # rounding errors are nothing to look at
    if on.any():
        legend_beside(axes)
    return axes


def crowd(n: int) -> dict[str, Any]:
    """How markers differ where there are many of them.

    Args:
        n: Number of markers.

    Returns:
        Options of matplotlib.
    """
    return {"markersize": 2, "markeredgewidth": 0.6} if n > _MANY else {}


def kinds_of_points(ds: xr.Dataset) -> NDArray[np.str_]:
    """Which of the styles each point is drawn in.

    Args:
        ds: Result of :func:`find`.

    Returns:
        A key of the styles for each point.
    """
    fixed = ds["point_kind"].values == "fixed"
    conditions = [~fixed, ds["point_n_unstable"].values > 0, ds["point_stable"].values]
    return np.select(conditions, ["slow", "unstable", "stable"], default="marginal")


def _one_context(ds: xr.Dataset, context: object) -> object:
    names = ds["search"].values.tolist()
    if context is None and len(names) == 1:
        return names[0]
    if context not in names:
        raise ValueError(f"Choose one of the contexts {names}: got context={context!r}.")
    return context


def _states(ds: xr.Dataset, row: int) -> NDArray[np.float64]:
    states = ds["state"].transpose("object", "sample", "unit").values
    return np.asarray(states[row, : int(ds["n_states"].values[row])])


def _beyond(ds: xr.Dataset, at: NDArray[np.int64], points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether points lie on the continuation of an object, farther out than it was sampled."""
    owner = ds["point_object"].values[at]
    beyond = np.zeros(len(at), dtype=bool)
    for number in np.unique(owner[owner >= 0]):
        row = int(np.flatnonzero(ds["object"].values == number)[0])
        if str(ds["kind"].values[row]) in {"line", "plane"}:
            away = np.linalg.norm(points - _states(ds, row).mean(0), axis=1)
            beyond |= (owner == number) & (away > 0.51 * float(ds["extent"].values[row]))
    return beyond


def _draw_net(ds: xr.Dataset, row: int, where: NDArray[np.float64], axes: "Axes") -> None:
    """The edges of the triangles of a surface, faintly."""
    from matplotlib.collections import LineCollection

    if "triangle" not in ds:
        return
    triangles = ds["triangle"].transpose("object", "triangle_number", "corner").values[row]
    triangles = triangles[triangles[:, 0] >= 0]
    edges = np.unique(np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0)
    axes.add_collection(LineCollection([*where[edges]], colors="0.75", linewidths=0.5, zorder=0))


def _own_plane(states: NDArray[np.float64]) -> Plane:
    """The plane of the first two principal components of the states drawn."""
    n = states.shape[1]
    if n < 2:
        raise ValueError("A system of one unit has no plane to draw on: look at plot_drift.")
    centre = states.mean(0)
    axes = np.linalg.svd(np.concatenate([states - centre, 1e-12 * np.eye(n)]), full_matrices=False)[2][:2]
    return Plane(centre, axes, ("PC 1 of the states drawn", "PC 2 of the states drawn"))
