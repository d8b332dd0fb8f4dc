"""Pictures of basins, edge states, energies and quasi-potentials."""

__all__ = [
    "basin_colours",
    "plot_basin_fractions",
    "plot_basins",
    "plot_edge_states",
    "plot_energy",
    "plot_quasi_potential",
]

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from neurornn.analysis._plotting import axes_or_new, label, legend_beside
from neurornn.analysis.landscape._plane import Plane

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_GREYS = {"cycle": "0.82", "moving": "0.68", "diverged": "0.54", "undecided": "0.40"}
_UNCERTAIN = 3.0  # standard errors in nats beyond which a bin is not drawn


def basin_colours(n: int) -> list[Any]:
    """One colour for each attractor, light enough to draw on and told apart by the colour-blind for few.

    Args:
        n: Number of attractors.

    Returns:
        Colours; they repeat after 20.
    """
    from matplotlib import colormaps

    few = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#B8B060")
    return list(few[:n]) if n <= len(few) else [colormaps["tab20"](k % 20) for k in range(n)]


def plot_basins(
    ds: xr.Dataset,
    *,
    colours: Sequence[Any] | None = None,
    legend: bool = True,
    ax: "Axes | None" = None,
) -> "Axes":
    """Basins as areas of colour, their boundary in black, attractors as dots.

    An attractor away from the plane is drawn at the point of the plane nearest to it, open. States that reach no
    fixed point are grey.

    Args:
        ds: Result of :func:`basins`.
        colours: One colour for each attractor; :func:`side_by_side` passes those that match between panels.
        legend: Whether to list attractors, with the share of the area of each.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If there are fewer colours than attractors.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    n = ds.sizes["attractor_index"]
    chosen = basin_colours(n) if colours is None else list(colours)
    if len(chosen) < n:
        raise ValueError(f"Every attractor needs a colour: got {len(chosen)} colours for {n} attractors.")
    axes = axes_or_new(ax)
    names = [str(each) for each in ds["outcome_kind"].values]
    table = np.array([to_rgb(c) for c in chosen[:n]] + [to_rgb(_GREYS[name]) for name in names[1:]])
    which = ds["attractor"].values
    kind = np.where(which >= 0, which, n + ds["outcome"].values - 1)
    x, y = ds["x"].values, ds["y"].values
    half_x, half_y = 0.5 * (x[1] - x[0]), 0.5 * (y[1] - y[0])
    axes.imshow(
        table[kind],
        origin="lower",
        extent=(x[0] - half_x, x[-1] + half_x, y[0] - half_y, y[-1] + half_y),
        interpolation="nearest",
    )
    axes.plot(
        ds["boundary_x"].values,
        ds["boundary_y"].values,
        linestyle="none",
        marker=".",
        markersize=2.5,
        color="black",
    )
    size = max(x[-1] - x[0], y[-1] - y[0])
    for k in range(n):
        on = float(ds["distance"][k]) <= 1e-3 * size
        axes.plot(
            ds["attractor_x"].values[k],
            ds["attractor_y"].values[k],
            marker="o",
            markersize=8,
            color=chosen[k] if on else "white",
            markeredgecolor="black",
            linestyle="none",
            clip_on=True,
        )
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), xlabel=label(ds["x"]), ylabel=label(ds["y"]))
    axes.set_aspect("equal")
    if legend:
        shares = [(f"attractor {k}", float(ds["fraction"][k]), chosen[k]) for k in range(n)]
        shares += [
            (name, float(ds["outcome_fraction"].sel(outcome_kind=name)), _GREYS[name]) for name in names[1:]
        ]
        handles = [Patch(facecolor=c, label=f"{name}: {share:.1%}") for name, share, c in shares if share > 0]
        legend_beside(axes, handles=handles)
    return axes


def plot_basin_fractions(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Share of each basin with its interval.

    Args:
        ds: Result of :func:`basin_fractions`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    n = ds.sizes["attractor_index"]
    shown = np.flatnonzero((np.arange(ds.sizes["basin"]) < n) | (ds["count"].values > 0))
    share, low, high = (ds[name].values[shown] for name in ("fraction", "fraction_low", "fraction_high"))
    names = ds["basin_name"].values[shown]
    colour = [*basin_colours(n), *(_GREYS[str(name)] for name in names[n:])]
    where = np.arange(len(shown))
    axes.bar(where, share, color=colour, width=0.7)
    axes.errorbar(where, share, yerr=[share - low, high - share], linestyle="none", color="black", capsize=3)
    axes.set_xticks(
        where, names, rotation=45 if len(shown) > 4 else 0, ha="right" if len(shown) > 4 else "center"
    )
    axes.set(ylabel=label(ds["fraction"]), ylim=(0, min(1.0, 1.15 * float(high.max()))))
    axes.set_title(
        f"{ds.attrs['n']} states, {ds.attrs['sampler']}; {ds.attrs['confidence']:.0%} intervals",
        fontsize="small",
    )
    return axes


def plot_edge_states(ds: xr.Dataset, plane: Plane, *, ax: "Axes | None" = None) -> "Axes":
    """Memories as dots, edge states as crosses, and a line through each edge state between what it separates.

    Args:
        ds: Result of :func:`edge_states`.
        plane: Plane to draw on, for instance that of :func:`plot_flow` or :func:`plot_basins`.
        ax: Axes to draw on, with or without such a picture; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    memory = plane.coordinates(ds["state"].values)
    edge = plane.coordinates(ds["edge_state"].values)
    converged = ds["converged"].values
    for k in np.flatnonzero(converged):
        for side in ds["memory"].values[k]:
            if side >= 0:
                axes.plot(*np.stack([edge[k], memory[side]]).T, color="0.15", linewidth=0.9, zorder=2)
    axes.plot(
        *edge[converged].T,
        linestyle="none",
        marker="X",
        markersize=8,
        color="#D55E00",
        markeredgecolor="white",
        zorder=4,
        label=f"edge state ({ds.attrs['n_saddles']})",
    )
    if (~converged).any():
        axes.plot(
            *edge[~converged].T,
            linestyle="none",
            marker="x",
            color="0.4",
            zorder=4,
            label=f"not found ({(~converged).sum()})",
        )
    axes.plot(
        *memory.T,
        linestyle="none",
        marker="o",
        markersize=8,
        color="#0072B2",
        markeredgecolor="white",
        zorder=4,
        label=f"memory ({len(memory)})",
    )
    axes.set(xlabel=plane.names[0], ylabel=plane.names[1])
    legend_beside(axes)
    return axes


def plot_energy(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Energy along time for each trial, or over the grid of a plane.

    Args:
        ds: Result of :func:`energy` of states over ``(trial, time)``, ``(y, x)``, or one dimension.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If the energy has more than two dimensions.
    """
    E = ds["energy"]
    if E.ndim not in {1, 2}:
        raise ValueError(f"An energy over one or two dimensions can be drawn: got {E.dims}.")
    axes = axes_or_new(ax)
    if set(E.dims) == {"x", "y"}:
        _map(axes, E.transpose("y", "x"), E.transpose("y", "x").values)
        return axes
    along = str(E.dims[-1] if "time" not in E.dims else "time")
    lines = E.transpose(..., along)
    x = ds[along] if along in ds.coords else xr.DataArray(np.arange(E.sizes[along]), dims=along, name=along)
    axes.plot(x.values, np.atleast_2d(lines.values).T, color="#0072B2", alpha=0.6, linewidth=1)
    axes.set(xlabel=label(x, along), ylabel=label(E))
    return axes


def plot_quasi_potential(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Quasi-potential along an axis with its standard error, or on a plane.

    Bins that were visited in one run only, or whose standard error is above 3, are left out.

    Args:
        ds: Result of :func:`quasi_potential`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    phi = ds["quasi_potential"]
    known = np.where(ds["error"].values <= _UNCERTAIN, phi.values, np.nan)
    if phi.ndim == 1:
        x, error = ds["x"].values, ds["error"].values
        axes.fill_between(x, known - error, known + error, color="#56B4E9", alpha=0.5, linewidth=0)
        axes.plot(x, known, color="#0072B2")
        axes.set(xlabel=label(ds["x"]), ylabel=label(phi))
    else:
        _map(axes, phi, known)
    note = f"equilibrium: halves p = {ds.attrs['p_halves']:.2g}"
    if np.isfinite(ds.attrs["p_starts"]):
        note += f", starts p = {ds.attrs['p_starts']:.2g}"
    axes.set_title(note, loc="right", fontsize="x-small")
    return axes


def _map(axes: "Axes", data: xr.DataArray, values: np.ndarray[Any, Any]) -> None:
    x, y = data["x"].values, data["y"].values
    mesh = axes.pcolormesh(x, y, values, cmap="viridis", shading="nearest")
    if np.isfinite(values).sum() > 9:
        axes.contour(x, y, values, levels=10, colors="white", linewidths=0.6, alpha=0.7)
    axes.set(xlabel=label(data["x"]), ylabel=label(data["y"]))
    axes.set_aspect("equal")
    beside = axes.inset_axes((1.03, 0.0, 0.05, 1.0))
    axes.figure.colorbar(mesh, cax=beside, label=label(data))
