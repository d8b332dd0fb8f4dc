"""Accuracy for each pair of magnitudes."""

__all__ = ["PairAccuracy", "pair_accuracy", "plot_pair_accuracy"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from typing_extensions import override

from neurornn.analysis._plotting import axes_or_new, label
from neurornn.analysis.behaviour._choices import wilson_interval
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROOM = 0.12  # of the range of the magnitudes, around them


def pair_accuracy(
    ds: xr.Dataset, *, first: str = "f1", second: str = "f2", outcome: str = "performance"
) -> xr.Dataset:
    """Fraction of correct trials for each pair of magnitudes, with its 95 % Wilson interval.

    Args:
        ds: Trials, simulated or recorded.
        first: Name of the first magnitude.
        second: Name of the second one.
        outcome: Name of a variable that is 1 in correct trials, 0 in others and NaN where there is nothing to get right.

    Returns:
        A dataset with ``accuracy``, ``accuracy_interval`` and ``n`` along ``pair``, whose coordinates ``first`` and
        ``second`` are the magnitudes; ``n_excluded`` counts the trials without an outcome or a magnitude.

    Raises:
        ValueError: If a variable is missing, the outcome has other values, or no trial has one.

    Examples:
        >>> columns = {"f1": [10.0, 10.0, 18.0], "f2": [18.0, 18.0, 10.0], "performance": [1.0, 0.0, 1.0]}
        >>> pair_accuracy(xr.Dataset({name: ("trial", each) for name, each in columns.items()})).accuracy.values
        array([0.5, 1. ])
    """
    for name in (first, second, outcome):
        if name not in ds.variables or ds[name].dims != ("trial",):
            raise ValueError(f"'{name}' is not a variable of the trials.")
    f = np.stack([ds[name].values.astype(np.float64) for name in (first, second)], axis=1)
    right = ds[outcome].values.astype(np.float64)
    known = np.isfinite(right) & np.isfinite(f).all(axis=1)
    if not known.any():
        raise ValueError("No trial has both magnitudes and an outcome.")
    if not np.isin(right[known], (0.0, 1.0)).all():
        raise ValueError(f"'{outcome}' must be 0 or 1 in each trial to be counted.")
    pairs, place = np.unique(f[known], axis=0, return_inverse=True)
    n = np.bincount(place.reshape(-1))
    k = np.bincount(place.reshape(-1), weights=right[known])
    magnitudes = {
        side: ("pair", pairs[:, j], {"long_name": name, "units": "1"} | ds[name].attrs)
        for j, (side, name) in enumerate((("first", first), ("second", second)))
    }
    return xr.Dataset(
        {
            "accuracy": ("pair", k / n, {"long_name": "fraction correct", "units": "1"}),
            "accuracy_interval": (("pair", "interval"), wilson_interval(k, n)),
            "n": ("pair", n, {"long_name": "trials", "units": "1"}),
            "n_excluded": ((), int((~known).sum())),
        },
        coords={**magnitudes, "interval": ["low", "high"]},
        attrs=provenance("neurornn.PairAccuracy/1"),
    )


def plot_pair_accuracy(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Per cent correct, written and coloured, at the place of each pair.

    Args:
        ds: Result of :func:`pair_accuracy`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    x, y, p = ds["first"].values, ds["second"].values, ds["accuracy"].values
    low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
    room = _ROOM * max(high - low, 1e-9)
    span = [low - room, high + room]
    axes.plot(span, span, color="0.8", linewidth=0.8, zorder=0)
    drawn = axes.scatter(x, y, c=p, s=420, marker="s", cmap="viridis", vmin=0.5, vmax=1.0)
    for a, b, each in zip(x, y, p, strict=True):
        ink = "black" if each > 0.8 else "white"
        axes.text(a, b, f"{100 * each:.0f}", ha="center", va="center", fontsize=8, color=ink)
    axes.figure.colorbar(drawn, ax=axes, label=label(ds["accuracy"]), extend="min")
    axes.set(xlabel=label(ds["first"]), ylabel=label(ds["second"]), xlim=span, ylim=span)
    return axes


@dataclass(frozen=True)
class PairAccuracy(AbstractMeasure):
    """Accuracy for each pair of magnitudes (:func:`pair_accuracy`).

    Attributes:
        first: Condition with the first magnitude.
        second: Condition with the second one.
        outcome: What is 1 in correct trials, 0 in others and NaN where there is nothing to get right.
    """

    first: str = "f1"
    second: str = "f2"
    outcome: str = "performance"

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return pair_accuracy(ds, first=self.first, second=self.second, outcome=self.outcome)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_pair_accuracy(result, ax=ax)
