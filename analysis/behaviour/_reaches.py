r"""Movements of a hand in the plane: endpoints, straightness, speed."""

__all__ = [
    "Endpoints",
    "SpeedProfile",
    "plot_endpoints",
    "plot_speed_profile",
    "reach_kinematics",
    "speed_profile",
]

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import stdtrit
from typing_extensions import override

from neurornn.analysis._conditions import by_group
from neurornn.analysis._plotting import axes_or_new, colours, label, legend_beside, value_text
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOVING = 0.1  # of the peak speed


def reach_kinematics(
    position: NDArray[np.float64], inside: NDArray[np.bool_], dt: float
) -> dict[str, NDArray[np.float64]]:
    r"""How each movement ran, whatever its direction.

    With the path :math:`p_k`, :math:`k = 0 \dots n`, the ``path_ratio`` is its length over the distance between its ends,

    .. math:: \sum_k |p_{k+1} - p_k| \,/\, |p_n - p_0| \ge 1

    the ``deviation`` is the largest distance of the path from the straight line between its ends, over their
    distance. The speed is :math:`|p_{k+1} - p_k| / dt`; the movement lasts from the first to the last step
    faster than a tenth of the ``peak_speed``.

    Args:
        position: Positions ``(trial, time, 2)``.
        inside: Which steps belong to the movement, one stretch in each trial.
        dt: Time step in ms.

    Returns:
        One value for each trial: ``"path_ratio"`` and ``"deviation"`` (NaN if the hand ends where it began),
        ``"peak_speed"`` in units of the position per second, and, in ms from the start of the stretch,
        ``"time_to_peak"``, ``"reaction_time"`` (start of the movement) and ``"movement_time"`` (its duration); these
        are NaN if the hand does not move.

    Examples:
        >>> path = np.array([[[0.0, 0.0], [3.0, 0.0], [3.0, 4.0]]])   # two sides of a triangle
        >>> found = reach_kinematics(path, np.ones((1, 3), dtype=bool), 10.0)
        >>> round(float(found["path_ratio"][0]), 3), round(float(found["deviation"][0]), 3)   # 7/5, and 2.4/5
        (1.4, 0.48)
    """
    pairs = inside[:, 1:] & inside[:, :-1]
    moves = np.where(pairs[..., None], np.diff(position, axis=1), 0.0)
    steps = np.linalg.norm(moves, axis=-1)
    rows = np.arange(len(position))
    first = inside.argmax(axis=1)
    last = inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
    start, chord = position[rows, first], position[rows, last] - position[rows, first]
    length = np.linalg.norm(chord, axis=1)
    some = np.where(length > 0, length, np.nan)
    away = np.where(inside[..., None], position - start[:, None], 0.0)
    across = np.abs(away[..., 0] * chord[:, None, 1] - away[..., 1] * chord[:, None, 0]).max(axis=1)
    peak = steps.max(axis=1)
    fast = steps > _MOVING * peak[:, None]
    moved = peak > 0
    begin, end = fast.argmax(axis=1), steps.shape[1] - fast[:, ::-1].argmax(axis=1)
    return {
        "path_ratio": steps.sum(axis=1) / some,
        "deviation": across / some**2,
        "peak_speed": peak * (1000.0 / dt),
        "time_to_peak": np.where(moved, (steps.argmax(axis=1) + 0.5 - first) * dt, np.nan),
        "reaction_time": np.where(moved, (begin - first) * dt, np.nan),
        "movement_time": np.where(moved, (end - begin) * dt, np.nan),
    }


def speed_profile(ds: xr.Dataset, *, epoch: str = "response", by: str | None = None) -> xr.Dataset:
    r"""Mean speed at each time of a movement, with its 95 % interval from Student's t over trials.

    Args:
        ds: Trials whose ``outputs`` are two positions, or two velocities per second if their names begin with "v".
        epoch: Epoch of the movement.
        by: Condition that splits the trials; None takes all together.

    Returns:
        A dataset with ``speed`` and ``speed_interval`` over ``elapsed``, the time from the start of the epoch, and
        ``n``, the number of trials that last so long; along ``group`` if ``by`` is given.

    Raises:
        ValueError: If there are not two outputs or no such epoch.
    """
    if "outputs" not in ds or ds.sizes.get("output") != 2 or f"epoch_{epoch}_start" not in ds.variables:
        raise ValueError(
            f"Speed needs two outputs and the epoch '{epoch}'. There are {ds.sizes.get('output', 0)} outputs and the "
            f"epochs {ds.attrs.get('epochs', json.dumps([]))}."
        )
    y = ds["outputs"].transpose("trial", "time", "output").values.astype(np.float64)
    time = ds["time"].values
    dt = float(time[1] - time[0])
    velocities = all(str(name).startswith("v") for name in ds["output"].values)
    steps = y[:, :-1] if velocities else np.diff(y, axis=1) * (1000.0 / dt)
    speed = np.linalg.norm(steps, axis=-1)
    start, end = (ds[f"epoch_{epoch}_{side}"].values for side in ("start", "end"))
    n_steps = int(np.ceil((end - start).max() / dt - 1e-6)) - 1  # the last step has no next position
    at = np.round(start / dt).astype(int)[:, None] + np.arange(n_steps)
    known = (at + 1) * dt < end[:, None] - 1e-6 * dt
    known &= at < speed.shape[1]
    aligned = np.where(known, np.take_along_axis(speed, np.minimum(at, speed.shape[1] - 1), axis=1), np.nan)
    attrs = {"long_name": "speed", "units": "1/s"}

    def one(_: object, rows: NDArray[np.bool_]) -> xr.Dataset:
        here = aligned[rows]
        n = np.isfinite(here).sum(axis=0)
        total = np.nansum(here, axis=0)
        mean = np.divide(total, n, out=np.full(n_steps, np.nan), where=n > 0)
        spread = np.nansum((here - mean) ** 2, axis=0)
        variance = np.divide(spread, n - 1, out=np.full(n_steps, np.nan), where=n > 1)
        half = stdtrit(np.maximum(n - 1, 1), 0.975) * np.sqrt(variance / np.maximum(n, 1))
        return xr.Dataset(
            {
                "speed": ("elapsed", mean, attrs),
                "speed_interval": (("elapsed", "interval"), np.stack([mean - half, mean + half], 1), attrs),
                "n": ("elapsed", n, {"long_name": "trials", "units": "1"}),
            },
            coords={
                "elapsed": (
                    "elapsed",
                    np.arange(n_steps) * dt,
                    {"long_name": f"time from the start of {epoch}", "units": "ms"},
                ),
                "interval": ["low", "high"],
            },
        )

    result = one(None, np.ones(len(y), dtype=bool)) if by is None else by_group(ds, by, one)
    return result.assign_attrs(provenance("neurornn.SpeedProfile/1") | {"epoch": epoch})


def plot_speed_profile(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Mean speed against time with its band, a colour for each group.

    Args:
        ds: Result of :func:`speed_profile`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    grouped = "group" in ds.dims
    full = ds if grouped else ds.expand_dims("group")
    levels = full["group"].values if grouped else np.zeros(1)
    for k, colour in enumerate(colours(levels)):
        curve = full.isel(group=k)
        name = value_text(levels[k].item()) if grouped else None
        axes.fill_between(
            ds["elapsed"], *curve["speed_interval"].values.T, color=colour, alpha=0.2, linewidth=0
        )
        axes.plot(ds["elapsed"], curve["speed"], color=colour, linewidth=1.6, label=name)
    axes.set(xlabel=label(ds["elapsed"]), ylabel=label(ds["speed"]))
    axes.set_ylim(bottom=0)
    if grouped:
        legend_beside(axes, title=label(ds["group"]))
    return axes


def plot_endpoints(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Where each movement ended, coloured by direction, with a ring around each target.

    Args:
        ds: What :class:`Endpoints` gave.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    from matplotlib import colormaps
    from matplotlib.patches import Circle

    angle = ds["direction"].values
    axes.scatter(
        ds["endpoint_x"],
        ds["endpoint_y"],
        s=10,
        color=colormaps["twilight"]((angle % 360.0) / 360.0),
        zorder=2,
    )
    for target in np.unique(angle):
        centre = ds.attrs["distance"] * np.array([np.cos(np.deg2rad(target)), np.sin(np.deg2rad(target))])
        axes.add_patch(
            Circle((float(centre[0]), float(centre[1])), 0.05 * ds.attrs["distance"], fill=False, color="0.3")
        )
    axes.plot([0], [0], "+", color="0.3")
    axes.set_aspect("equal")
    reach = 1.25 * ds.attrs["distance"]
    ends = np.abs(np.concatenate([ds["endpoint_x"].values, ds["endpoint_y"].values]))
    reach = max(reach, 1.1 * float(np.nanmax(ends, initial=0.0)))
    axes.set(
        xlabel=label(ds["endpoint_x"]),
        ylabel=label(ds["endpoint_y"]),
        xlim=(-reach, reach),
        ylim=(-reach, reach),
    )
    axes.text(
        0.02,
        0.98,
        f"mean error {float(ds['mean_error']):.3g}",
        transform=axes.transAxes,
        va="top",
        fontsize=8,
    )
    return axes


@dataclass(frozen=True)
class SpeedProfile(AbstractMeasure):
    """Mean speed at each time of a movement (:func:`speed_profile`).

    Attributes:
        epoch: Epoch of the movement.
        by: Condition that splits the trials; None takes all together.
    """

    epoch: str = "response"
    by: str | None = None

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return speed_profile(ds, epoch=self.epoch, by=self.by)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_speed_profile(result, ax=ax)


@dataclass(frozen=True)
class Endpoints(AbstractMeasure):
    """Where movements ended, and the mean distance from their targets.

    Attributes:
        direction: Direction of the target in degrees.
        distance: Its distance from the centre.
    """

    direction: str = "direction"
    distance: float = 1.0

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        for name in (self.direction, "endpoint_x", "endpoint_y", "endpoint_error"):
            if name not in ds.variables or ds[name].dims != ("trial",):
                raise ValueError(f"'{name}' is not a variable of the trials.")
        error = ds["endpoint_error"].values.astype(np.float64)
        found = {
            name: ("trial", ds[source].values.astype(np.float64), dict(ds[source].attrs))
            for name, source in (
                ("endpoint_x", "endpoint_x"),
                ("endpoint_y", "endpoint_y"),
                ("endpoint_error", "endpoint_error"),
                ("direction", self.direction),
            )
        }
        result = xr.Dataset(found).assign(
            mean_error=float(np.nanmean(error)) if np.isfinite(error).any() else np.nan
        )
        result["mean_error"].attrs = {"long_name": "mean endpoint error", "units": "1"}
        return result.assign_attrs(provenance("neurornn.Endpoints/1") | {"distance": self.distance})

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_endpoints(result, ax=ax)
