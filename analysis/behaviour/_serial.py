"""Accuracy at each position of a list."""

__all__ = ["SerialPosition", "plot_serial_position", "serial_position"]

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import stdtrit
from typing_extensions import override

from neurornn.analysis._conditions import by_group
from neurornn.analysis._plotting import axes_or_new, colours, label, legend_beside, value_text
from neurornn.analysis.behaviour._choices import wilson_interval
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def serial_position(ds: xr.Dataset, *, prefix: str = "correct", by: str | None = None) -> xr.Dataset:
    """Accuracy at each position of a list, from variables ``correct_1``, ``correct_2``, and so on.

    Intervals are Wilson's where every value is 0 or 1, Student's t of the mean where positions have graded scores.

    Args:
        ds: Trials, simulated or recorded.
        prefix: Variables ``prefix_1`` to ``prefix_n`` hold how well each position was done, between 0 and 1; NaN where
            a trial has no such position.
        by: Condition that splits the trials, for instance the length of the list; None takes all together.

    Returns:
        A dataset with ``accuracy``, ``accuracy_interval`` and the number of trials ``n`` along ``position``, NaN and 0
        where there is none; along ``group`` if ``by`` is given.

    Raises:
        ValueError: If there is no such variable, or a value lies outside 0 to 1.

    Examples:
        >>> ds = xr.Dataset({"correct_1": ("trial", [1.0, 1.0]), "correct_2": ("trial", [1.0, np.nan])})
        >>> found = serial_position(ds)
        >>> found.accuracy.values.tolist(), found.n.values.tolist()
        ([1.0, 1.0], [2, 1])
    """
    names = {
        int(match[1]): str(name)
        for name in ds.variables
        if (match := re.fullmatch(rf"{re.escape(prefix)}_([0-9]+)", str(name)))
        and ds[name].dims == ("trial",)
    }
    if not names:
        raise ValueError(f"The trials have no variables '{prefix}_1', '{prefix}_2', ...")
    positions = sorted(names)
    score = np.stack([ds[names[k]].values.astype(np.float64) for k in positions], axis=1)
    known = np.isfinite(score)
    if ((score[known] < 0) | (score[known] > 1)).any():
        raise ValueError(f"'{prefix}_...' must lie between 0 and 1 (NaN: no such position).")
    binary = bool(np.isin(score[known], (0.0, 1.0)).all())

    def one(_: object, rows: NDArray[np.bool_]) -> xr.Dataset:
        count = known[rows].sum(0)
        total = np.where(known[rows], score[rows], 0.0).sum(0)
        mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        if binary:
            ends = wilson_interval(total, count)
        else:
            squares = np.where(known[rows], (score[rows] - mean) ** 2, 0.0).sum(0)
            n = np.where(count > 1, count, np.nan)
            half = stdtrit(n - 1, 0.975) * np.sqrt(squares / (n - 1) / n)
            ends = np.stack([mean - half, mean + half], axis=1)
        return xr.Dataset(
            {
                "accuracy": ("position", mean, {"long_name": "fraction correct", "units": "1"}),
                "accuracy_interval": (("position", "interval"), ends),
                "n": ("position", count, {"long_name": "trials", "units": "1"}),
            },
            coords={
                "position": ("position", positions, {"long_name": "position", "units": "1"}),
                "interval": ["low", "high"],
            },
        )

    result = one(None, np.ones(len(score), dtype=bool)) if by is None else by_group(ds, by, one)
    interval = "Wilson" if binary else "Student's t"
    return result.assign_attrs(
        provenance("neurornn.SerialPosition/1") | {"prefix": prefix, "interval": interval}
    )


def plot_serial_position(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Accuracy against position with intervals, a colour for each group.

    Args:
        ds: Result of :func:`serial_position`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    grouped = "group" in ds.dims
    curves = [ds.isel(group=k) for k in range(ds.sizes["group"])] if grouped else [ds]
    palette = colours(ds["group"].values) if grouped else colours(np.zeros(1))
    place = ds["position"].values
    for curve, colour in zip(curves, palette, strict=True):
        p = curve["accuracy"].values
        bars = np.maximum(np.abs(curve["accuracy_interval"].values - p[:, None]).T, 0.0)
        name = value_text(curve["group"].item()) if grouped else None
        axes.errorbar(place, p, bars, fmt="o-", color=colour, markersize=4.5, capsize=2, label=name)
    axes.set(xlabel=label(ds["position"]), ylabel=label(ds["accuracy"]), ylim=(-0.03, 1.03))
    axes.set_xticks(place)
    if grouped:
        legend_beside(axes, title=label(ds["group"]))
    return axes


@dataclass(frozen=True)
class SerialPosition(AbstractMeasure):
    """Accuracy at each position of a list (:func:`serial_position`).

    Attributes:
        by: Condition that splits the trials; None takes all together.
        prefix: Behaviours ``prefix_1``, ``prefix_2``, ... hold how well each position was done.
    """

    by: str | None = None
    prefix: str = "correct"

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return serial_position(ds, prefix=self.prefix, by=self.by)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_serial_position(result, ax=ax)
