"""Behaviour along a condition with many values: means in bins."""

__all__ = ["MeanInBins", "mean_in_bins"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from typing_extensions import override

from neurornn.analysis._plotting import axes_or_new, label
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.analysis.behaviour._summary import mean_by

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def mean_in_bins(ds: xr.Dataset, variable: str, by: str, *, n_bins: int = 6) -> xr.Dataset:
    """Mean of a behavioural variable in bins of a condition with as many trials each, as far as ties allow.

    Args:
        ds: Trials, simulated or recorded.
        variable: Variable with one value for each trial; NaN leaves a trial out.
        by: Condition with many values; trials without one are counted in ``n_trials_without_group``.
        n_bins: Number of bins; values that are no more are each a bin, and fewer come out where many trials share one.

    Returns:
        What :func:`mean_by` gives, with ``group`` the mean of the condition in each bin, and ``bin_edges``.

    Raises:
        ValueError: If a variable is missing, or there is no bin to make.

    Examples:
        >>> ds = xr.Dataset({"right": ("trial", [1.0, 1.0, 0.0, 0.0]), "lag": ("trial", [1.0, 3.0, 6.0, 8.0])})
        >>> found = mean_in_bins(ds, "right", "lag", n_bins=2)
        >>> found["group"].values.tolist(), found["mean"].values.tolist()
        ([2.0, 7.0], [1.0, 0.0])
    """
    if by not in ds.variables or ds[by].dims != ("trial",):
        raise ValueError(f"'{by}' is not a variable of the trials.")
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1: got {n_bins}.")
    x = ds[by].values.astype(np.float64)
    known = np.isfinite(x)
    if not known.any():
        raise ValueError(f"No trial has a finite value of '{by}'.")
    levels = np.unique(x[known])
    if levels.size <= n_bins:
        edges, code = np.stack([levels, levels], axis=1), np.searchsorted(levels, x)
    else:
        cuts = np.unique(np.quantile(x[known], np.linspace(0, 1, n_bins + 1)))
        edges = np.stack([cuts[:-1], cuts[1:]], axis=1)
        code = np.clip(np.searchsorted(cuts, x, side="right") - 1, 0, len(edges) - 1)
    found, member = np.unique(code[known], return_inverse=True)
    centre = np.full(x.size, np.nan)
    centre[known] = (np.bincount(member, x[known]) / np.bincount(member))[member]
    binned = ds.assign({by: ("trial", centre, ds[by].attrs)})
    attrs = {"long_name": f"bins of {by.replace('_', ' ')}"} | ds[by].attrs
    return mean_by(binned, variable, by=by).assign(bin_edges=(("group", "interval"), edges[found], attrs))


@dataclass(frozen=True)
class MeanInBins(AbstractMeasure):
    """The mean of a behavioural variable in bins of a condition (:func:`mean_in_bins`).

    Attributes:
        variable: What is averaged.
        by: Condition with many values.
        n_bins: Number of bins.
    """

    variable: str
    by: str
    n_bins: int = 6

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return mean_in_bins(ds, self.variable, self.by, n_bins=self.n_bins)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        axes = axes_or_new(ax)
        mean, ends = result["mean"].values, result["mean_interval"].values
        if np.all((mean >= 0) & (mean <= 1)):  # an interval of a fraction ends at 0 and 1
            ends = np.clip(ends, 0.0, 1.0)
            axes.set_ylim(-0.03, 1.03)
        bars = np.maximum(np.abs(ends - mean[:, None]).T, 0.0)
        axes.errorbar(result["group"].values, mean, bars, fmt="o-", color="C0", markersize=4.5, capsize=2)
        axes.set(xlabel=label(result["group"]), ylabel=label(result["mean"]))
        return axes
