"""A picture of a surface of slow states laid out in two coordinates."""

__all__ = ["plot_surface"]

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from neurornn.analysis._plotting import axes_or_new, label, legend_beside
from neurornn.analysis.attractors._chart import Chart, chart
from neurornn.analysis.attractors._plots import STYLES, crowd, kinds_of_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DECADES = 3
_ARROW = 0.07  # of the width, for the fastest


def plot_surface(
    ds: xr.Dataset, *, object: int | None = None, colorbar: bool = True, ax: "Axes | None" = None
) -> "Axes":
    """A plane or a surface laid out flat: speed as colour, drift along it as arrows, and the points on it.

    A plane is drawn in its principal components, a bent sheet by distances along it, a cylinder and a torus by
    angles (what leaves on one side enters on the other), a sphere by longitude and latitude. The length of an arrow
    grows with the speed. On an exact continuum there is no drift and nothing to colour.

    Args:
        ds: Result of :func:`find`.
        object: Number of the plane or surface; the first that is resolved if None.
        colorbar: Whether to draw the colour bar.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If there is no resolved surface, or the object is none.
    """
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import Normalize

    row = _row(ds, object)
    n = int(ds["n_states"].values[row])
    states = ds["state"].transpose("object", "sample", "unit").values[row, :n]
    triangles = ds["triangle"].transpose("object", "triangle_number", "corner").values[row]
    triangles = triangles[triangles[:, 0] >= 0]
    flat = chart(states, triangles, str(ds["kind"].values[row]) == "plane")
    axes = axes_or_new(ax)
    exact = bool(ds["exact"].values[row])
    speed = ds["speed"].values[row, :n]
    corners, owner = _copies(flat, triangles)
    patches = PolyCollection([*corners], closed=True, linewidths=0.4, edgecolors="0.85", zorder=0)
    if exact:
        patches.set_facecolor("#CBDDEB")
    else:
        tint = np.log10(np.maximum(speed[triangles].mean(1), speed.max() * 10.0**-_DECADES))
        patches.set(array=tint[owner], cmap="viridis", norm=Normalize(tint.min(), tint.max()))
    axes.add_collection(patches)
    if not exact:
        velocity = ds["velocity"].transpose("object", "sample", "unit").values[row, :n]
        arrows = _pushed(flat, states, triangles, velocity)
        width = [
            period if np.isfinite(period) else np.ptp(flat.place[:, k])
            for k, period in enumerate(flat.period)
        ]
        length = np.hypot(*(arrows / width).T).max()  # as shares of the axes
        axes.quiver(*flat.place.T, *arrows.T, color="white", edgecolor="0.2", linewidth=0.4, angles="xy",
                    scale_units="xy", scale=length / _ARROW, width=0.005, zorder=2)  # fmt: skip
        if colorbar:
            beside = axes.inset_axes((1.03, 0.0, 0.05, 1.0))
            axes.figure.colorbar(patches, cax=beside, label=f"log10 {label(ds['speed'])}")
    shown = _points(ds, axes, row, flat, states, triangles)
    axes.autoscale_view()
    if np.isfinite(flat.period[0]):
        axes.set_xlim(0, flat.period[0])
    if np.isfinite(flat.period[1]):
        axes.set_ylim(0, flat.period[1])
    if not np.isfinite(flat.period).any():
        axes.set_aspect("equal")
    name = ds["topology"].values[row] if str(ds["kind"].values[row]) == "surface" else ds["kind"].values[row]
    axes.set(xlabel=flat.names[0], ylabel=flat.names[1])
    axes.set_title(
        f"{'exact' if exact else 'approximate'} {name}, area {float(ds['area'].values[row]):.4g}",
        fontsize="medium",
    )
    if shown:
        legend_beside(axes)
    return axes


def _row(ds: xr.Dataset, object: int | None) -> int:
    numbers = ds["object"].values
    drawable = np.isin(ds["kind"].values.astype(str), ["plane", "surface"]) & ds["resolved"].values
    rows = np.flatnonzero(drawable & np.isfinite(ds["area"].values))
    if object is None and len(rows):
        return int(rows[0])
    if object is not None and object in numbers[rows]:
        return int(np.flatnonzero(numbers == object)[0])
    raise ValueError(
        f"Planes and surfaces whose shape is resolved can be laid out: got object={object}; they are {numbers[rows].tolist()}."
    )


def _near(flat: Chart, place: NDArray[np.float64], to: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coordinates turned by whole periods to be close to others."""
    moved = place.copy()
    for k, period in enumerate(flat.period):
        if np.isfinite(period):
            moved[..., k] -= period * np.round((place[..., k] - to[..., k]) / period)
    return moved


def _copies(flat: Chart, triangles: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Corners of the triangles, those across a seam on both sides, and the number of the triangle of each."""
    corners = flat.place[triangles]
    corners = _near(flat, corners, corners[:, :1])
    shifts = [[-p, 0.0, p] if np.isfinite(p) else [0.0] for p in flat.period]
    found, owner = [], []
    for dx in shifts[0]:
        for dy in shifts[1]:
            moved = corners + np.array([dx, dy])
            seen = np.ones(len(moved), dtype=bool)
            for k, period in enumerate(flat.period):
                if np.isfinite(period):
                    seen &= (moved[..., k].max(1) > 0) & (moved[..., k].min(1) < period)
            found.append(moved[seen])
            owner.append(np.flatnonzero(seen))
    return np.concatenate(found), np.concatenate(owner)


def _pushed(
    flat: Chart, states: NDArray[np.float64], triangles: NDArray[np.int64], velocity: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Velocities in the coordinates of the chart, from those of the neighbours of each state."""
    found = np.zeros((len(states), 2))
    for row in np.unique(triangles):
        near = np.setdiff1d(triangles[(triangles == row).any(1)], [row])
        step = states[near] - states[row]
        turn = _near(flat, flat.place[near], flat.place[row]) - flat.place[row]
        slope = np.linalg.lstsq(step, turn, rcond=1e-2)[0]
        found[row] = velocity[row] @ slope
    return found


def _points(
    ds: xr.Dataset,
    axes: "Axes",
    row: int,
    flat: Chart,
    states: NDArray[np.float64],
    triangles: NDArray[np.int64],
) -> bool:
    """Draw the points that lie on the surface, where the nearest state and its neighbours say."""
    on = np.flatnonzero(ds["point_object"].values == ds["object"].values[row])
    points = ds["point_state"].transpose("fixed_point", "unit").values[on]
    spacing = np.linalg.norm(states[triangles] - states[np.roll(triangles, 1, axis=1)], axis=2).max()
    inside = (
        cdist(points, states).min(1, initial=np.inf) <= 0.6 * spacing
    )  # and not beyond, where a plane goes on
    on, points = on[inside], points[inside]
    place = np.empty((len(points), 2))
    for k, point in enumerate(points):
        nearest = int(np.linalg.norm(states - point, axis=1).argmin())
        one = np.full((1, states.shape[1]), point - states[nearest])
        velocity = np.zeros_like(states)
        velocity[nearest] = one
        around = triangles[(triangles == nearest).any(1)]
        place[k] = flat.place[nearest] + _pushed(flat, states, around, velocity)[nearest]
    for k, period in enumerate(flat.period):
        if np.isfinite(period):
            place[:, k] %= period
    kinds = kinds_of_points(ds)[on]
    for style, options in STYLES.items():
        chosen = place[kinds == style]
        if len(chosen):
            style_of = {"linestyle": "none", "markersize": 6, "zorder": 3, **options, **crowd(len(chosen))}
            axes.plot(*chosen.T, label=f"{style} ({len(chosen)})", **style_of)
    return bool(len(points))
