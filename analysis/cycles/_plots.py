"""Pictures of limit cycles."""

__all__ = ["plot_cycles"]

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurornn.analysis._plotting import axes_or_new, colours, legend_beside
from neurornn.analysis.landscape._plane import Plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_cycles(
    ds: xr.Dataset,
    *,
    projection: tuple[int, int] | xr.Dataset | Plane | Callable[[NDArray[np.float64]], ArrayLike] = (0, 1),
    ax: "Axes | None" = None,
) -> "Axes":
    """Orbits in two coordinates: solid if stable, dashed if not, with an arrow in the direction of time.

    Args:
        ds: Result of :func:`find_cycles`.
        projection: Two units by number; principal components of the state, of which the first two are drawn; a
            :class:`~neurornn.analysis.landscape.Plane`; or a function from states ``(state, unit)`` to coordinates
            ``(state, 2)``.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If the projection does not give two coordinates for each state.
    """
    orbits = ds["orbit"].transpose("cycle", "phase", "unit").values
    axes = axes_or_new(ax)
    names = ("coordinate 1", "coordinate 2")
    for number, (orbit, colour) in enumerate(
        zip(orbits, colours(np.arange(len(orbits)).astype(str)), strict=True)
    ):
        closed = np.concatenate([orbit, orbit[:1]])
        where, names = _coordinates(closed, projection)
        stable = bool(ds["stable"].values[number])
        text = f"{'stable' if stable else 'marginal' if ds['marginal'].values[number] else 'unstable'}, {ds['period'].values[number]:.4g} ms"
        axes.plot(*where.T, linestyle="-" if stable else "--", color=colour, label=text)
        steps = np.linalg.norm(np.diff(where, axis=0), axis=1)
        k = int(steps.argmax())
        axes.annotate(
            "",
            where[k + 1],
            where[k],
            arrowprops={"arrowstyle": "-|>", "color": colour, "mutation_scale": 18},
        )
    if not len(orbits):
        names = _coordinates(np.zeros((1, ds.sizes["unit"])), projection)[1]
        axes.set_title("no cycle found", fontsize="medium")
    else:
        legend_beside(axes)
    axes.set(xlabel=names[0], ylabel=names[1])
    return axes


def _coordinates(
    states: NDArray[np.float64],
    projection: tuple[int, int] | xr.Dataset | Plane | Callable[[NDArray[np.float64]], ArrayLike],
) -> tuple[NDArray[np.float64], tuple[str, str]]:
    plane = Plane.from_pca(projection) if isinstance(projection, xr.Dataset) else projection
    if isinstance(plane, Plane):
        return plane.coordinates(states), plane.names
    if callable(plane):
        where, names = np.asarray(plane(states), dtype=np.float64), ("coordinate 1", "coordinate 2")
    else:
        if len(plane) != 2 or not all(0 <= k < states.shape[1] for k in plane):
            raise ValueError(f"projection names two units from 0 to {states.shape[1] - 1}: got {plane}.")
        where, names = states[:, list(plane)], (f"state of unit {plane[0]}", f"state of unit {plane[1]}")
    if where.shape != (len(states), 2):
        raise ValueError(
            f"The projection must give two coordinates for each of {len(states)} states: got shape {where.shape}."
        )
    return where, names
