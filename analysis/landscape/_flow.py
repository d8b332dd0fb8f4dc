r"""Speed and flow on a plane of state space, with a measure of what the plane hides."""

__all__ = ["common_limits", "flow", "held_input", "plot_flow"]

from typing import TYPE_CHECKING

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn.analysis._plotting import axes_or_new, label
from neurornn.analysis._system import System, freeze, plain
from neurornn.analysis.landscape._plane import Plane
from neurornn.analysis.systems import HasDrift
from neurornn.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DECADES = 5
_CHUNK = 4096  # states whose velocity is computed at once


def flow(
    network: HasDrift,
    plane: Plane,
    *,
    input: ArrayLike | Tensor,
    extent: tuple[float, float, float, float],
    n: int = 41,
) -> xr.Dataset:
    r"""Velocity of the deterministic dynamics at the points of a grid on a plane, the input held.

    With :math:`v = \dot x` at the state :math:`x` of a grid point and the axes :math:`a_1, a_2` of the plane,

    .. math::
        \text{speed} = \lVert v \rVert, \qquad q = \tfrac12 \lVert v \rVert^2, \qquad
        \text{flow} = (a_1^\top v,\; a_2^\top v), \qquad
        \text{out of plane} = \frac{\lVert v - a_1 a_1^\top v - a_2 a_2^\top v \rVert}{\lVert v \rVert}.

    A minimum of the speed on a plane need not be a minimum in the full space, and arrows on it are no trajectories
    where the flow leaves it: read them beside ``out_of_plane``, which is 0 where the plane tells everything and 1
    where it tells nothing.

    Args:
        network: A network without noise, or any object with ``drift(state, input)`` in 1/ms and ``dt`` in ms; it is
            left untouched.
        plane: Where to look. From principal components: ``Plane.from_pca(fit, origin=fixed_point)``.
        input: Input held, one number for each channel.
        extent: ``(x_min, x_max, y_min, y_max)`` in coordinates of the plane; ``plane.extent(states)`` surrounds
            states.
        n: Grid points along each side.

    Returns:
        A dataset over ``(y, x)``: ``speed`` and the in-plane components ``flow_x`` and ``flow_y`` in 1/ms, ``q`` in
        1/ms^2 and the fraction ``out_of_plane`` (0 at a state that rests); and the input held.

    Raises:
        TypeError: If the network has no drift.
        ValueError: If the network is noisy, the plane or the input is of another network, the extent is empty or
            the velocity is not finite somewhere.

    References:
        Opening the black box: low-dimensional dynamics in high-dimensional recurrent neural networks (Sussillo &
        Barak, 2013) https://doi.org/10.1162/NECO_a_00409

    Examples:
        A lone leaky unit beside another: both decay to 0 with tau = 50 ms.

        >>> import neurornn
        >>> network = neurornn.CTRNN(1, 2, 1, tau=50.0, activation="identity", bias=False)
        >>> network.W_rec = torch.zeros(2, 2)
        >>> plane = Plane(np.zeros(2), np.eye(2))
        >>> found = flow(network, plane, input=[0.0], extent=(-1.0, 1.0, -1.0, 1.0), n=3)
        >>> found.flow_x.sel(x=1.0).values.tolist(), found.speed.sel(x=0.0, y=1.0).item()
        ([-0.02, -0.02, -0.02], 0.02)
    """
    system = freeze(network, plane.origin.size)
    n_units = getattr(network, "n_units", system.n_units)
    if system.n_units != n_units:
        raise ValueError(
            f"The plane lies in a space of {system.n_units} units but the network has {n_units}."
        )
    x_min, x_max, y_min, y_max = extent
    if not (np.isfinite(extent).all() and x_min < x_max and y_min < y_max):
        raise ValueError(f"extent must be (x_min, x_max, y_min, y_max) with room between them: got {extent}.")
    if n < 2:
        raise ValueError(f"A grid needs at least 2 points along each side: got n={n}.")
    x, y = np.linspace(x_min, x_max, n), np.linspace(y_min, y_max, n)
    held = held_input(input, getattr(network, "n_inputs", None))
    states = plane.embed(np.stack(np.meshgrid(x, y), axis=-1)).reshape(n * n, -1)
    v = _velocity(system, states, held)
    if not np.isfinite(v).all():
        worst = np.abs(states[~np.isfinite(v).all(1)]).max()
        raise ValueError(
            f"The velocity is not finite in states as large as {worst:.3g}. Reduce the extent: {extent}."
        )
    in_plane = v @ plane.axes.T
    speed = np.linalg.norm(v, axis=1)
    left = np.linalg.norm(v - in_plane @ plane.axes, axis=1)
    out = np.divide(left, speed, out=np.zeros_like(speed), where=speed > 0)

    def grid(values: NDArray[np.float64], long_name: str, units: str) -> xr.Variable:
        return xr.Variable(("y", "x"), values.reshape(n, n), {"long_name": long_name, "units": units})

    return xr.Dataset(
        {
            "speed": grid(speed, "speed", "1/ms"),
            "flow_x": grid(in_plane[:, 0], f"flow along {plane.names[0]}", "1/ms"),
            "flow_y": grid(in_plane[:, 1], f"flow along {plane.names[1]}", "1/ms"),
            "q": grid(0.5 * speed**2, "q", "1/ms^2"),
            "out_of_plane": grid(np.minimum(out, 1.0), "fraction of velocity out of the plane", "1"),
            "inputs": ("input", held, {"long_name": "input held", "units": "1"}),
        },
        coords={
            "x": ("x", x, {"long_name": plane.names[0], "units": "1"}),
            "y": ("y", y, {"long_name": plane.names[1], "units": "1"}),
        },
        attrs=provenance("neurornn.Flow/1") | {"median_out_of_plane": float(np.median(out))},
    )


def common_limits(*flows: xr.Dataset) -> tuple[float, float]:
    """Colour limits that make several flows comparable side by side.

    Args:
        flows: Results of :func:`flow`.

    Returns:
        ``(vmin, vmax)`` for :func:`plot_flow`: log10 of the slowest speed, but at most five decades below the
        fastest (a grid point that hits a fixed point would take all the colours), and of the fastest.

    Raises:
        ValueError: If nothing moves anywhere.
    """
    speeds = np.concatenate([found["speed"].values.ravel() for found in flows])
    fastest = float(speeds.max())
    if fastest == 0:
        raise ValueError("The speed is 0 everywhere: there is no scale to draw it on.")
    return float(np.log10(max(speeds.min(), fastest * 10.0**-_DECADES))), float(np.log10(fastest))


def plot_flow(
    ds: xr.Dataset,
    *,
    vmin: float | None = None,
    vmax: float | None = None,
    colorbar: bool = True,
    ax: "Axes | None" = None,
) -> "Axes":
    """Speed as colour and the in-plane flow as streamlines, thinner where more of the velocity leaves the plane.

    Args:
        ds: Result of :func:`flow`.
        vmin: Lower colour limit, log10 of a speed in 1/ms; as in :func:`common_limits` if None. Panels that
            share a scale need the same limits.
        vmax: Upper colour limit, likewise.
        colorbar: Whether to draw the colour bar; in a row of panels with common limits one is enough.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    low, high = common_limits(ds)
    low, high = low if vmin is None else vmin, high if vmax is None else vmax
    axes = axes_or_new(ax)
    shown = np.log10(np.maximum(ds["speed"].values, 10.0**low))
    x, y = ds["x"].values, ds["y"].values
    mesh = axes.pcolormesh(x, y, shown, cmap="viridis", vmin=low, vmax=high, shading="gouraud")
    width = 0.25 + 1.25 * np.sqrt(1 - ds["out_of_plane"].values ** 2)  # the in-plane share of the velocity
    axes.streamplot(
        x,
        y,
        ds["flow_x"].values,
        ds["flow_y"].values,
        color=(1.0, 1.0, 1.0, 0.7),
        linewidth=width,
        density=0.9,
        arrowsize=0.8,
    )
    axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), xlabel=label(ds["x"]), ylabel=label(ds["y"]))
    axes.set_aspect("equal")
    axes.set_title(
        f"{ds.attrs['median_out_of_plane']:.0%} of the velocity out of plane (median)",
        loc="right",
        fontsize="x-small",
    )
    if colorbar:
        beside = axes.inset_axes((1.03, 0.0, 0.05, 1.0))  # as tall as the axes, whatever their aspect
        axes.figure.colorbar(mesh, cax=beside, label=f"log10 {label(ds['speed'])}")
    return axes


def held_input(input: ArrayLike | Tensor, n_inputs: int | None) -> NDArray[np.float64]:
    """An input held, checked.

    Args:
        input: One number for each channel.
        n_inputs: How many channels there are, None if that is not known.

    Returns:
        The input, ``(input,)``.

    Raises:
        ValueError: If it has another shape or is not finite.
    """
    held = plain(input)
    if held.ndim != 1 or n_inputs not in {None, held.size}:
        raise ValueError(
            f"input must hold one number for each channel, shape ({n_inputs or 'input'},): got shape {held.shape}."
        )
    if not np.isfinite(held).all():
        raise ValueError(f"input must be finite: got {held.tolist()}.")
    return held


def _velocity(system: System, states: NDArray[np.float64], held: NDArray[np.float64]) -> NDArray[np.float64]:
    input = torch.as_tensor(held, device=system.device)
    with torch.no_grad():
        rows = torch.as_tensor(states, device=system.device).split(_CHUNK)
        return torch.cat([system.drift(chunk, input) for chunk in rows]).cpu().numpy()
