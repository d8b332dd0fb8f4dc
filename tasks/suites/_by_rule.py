"""How well each rule of a suite is done."""

__all__ = ["ByRule"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, accuracy

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class ByRule(AbstractMeasure):
    """Fraction of correct trials of each rule with Wilson intervals, rules from top to bottom.

    Attributes:
        rules: All rules in the order of the plot.
    """

    rules: tuple[str, ...]

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        found = accuracy(ds, by="rule")
        return found.sel(group=[rule for rule in self.rules if rule in found["group"].values])

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.subplots(layout="constrained")[1]
        values, ends = result["accuracy"].values, result["accuracy_interval"].values
        place = np.arange(values.size)
        ax.errorbar(values, place, xerr=np.abs(ends - values[:, None]).T, fmt="o", color="C0", markersize=4)
        ax.set_yticks(place, result["group"].values.tolist(), fontsize=7)
        ax.invert_yaxis()
        ax.set(xlabel="fraction correct", xlim=(-0.03, 1.03))
        return ax
