r"""Distribution of angular errors."""

__all__ = ["ErrorHistogram", "error_histogram", "plot_error_histogram"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis._conditions import by_group
from neurornn.analysis._plotting import axes_or_new, colours, label, legend_beside, value_text
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def error_histogram(
    ds: xr.Dataset, *, error: str = "angular_error", by: str | None = None, n_bins: int = 72
) -> xr.Dataset:
    r"""Distribution of signed errors on the circle, its centre and its spread.

    .. math:: R e^{i \bar e} = \frac1n \sum_j e^{i e_j}, \qquad s = \sqrt{-2 \ln R}

    where :math:`\bar e` is the circular mean and :math:`s` the circular standard deviation, that of the normal
    distribution which, wrapped around the circle, has the same resultant length :math:`R`.

    Args:
        ds: Trials, simulated or recorded.
        error: Name of the signed error in degrees; NaN (no response) is excluded and counted.
        by: Condition that splits the trials; None takes all together.
        n_bins: Number of bins between -180 and 180 degrees.

    Returns:
        A dataset with ``density`` along ``bin`` (its centre) in 1/degree, which integrates to 1, the ``mean`` and
        ``sd`` in degrees, ``n`` and ``n_excluded``; along ``group`` if ``by`` is given.

    Raises:
        ValueError: If the variable is missing or there is no bin.

    Examples:
        >>> ds = xr.Dataset({"angular_error": ("trial", [-5.0, 5.0, 175.0, 185.0])})
        >>> found = error_histogram(ds, n_bins=4)
        >>> found.density.values.tolist(), float(found["density"].sum() * 90)
        ([0.00277..., 0.00277..., 0.00277..., 0.00277...], 1.0)
    """
    if error not in ds.variables or ds[error].dims != ("trial",):
        raise ValueError(f"'{error}' is not a variable of the trials.")
    if n_bins < 1:
        raise ValueError(f"A histogram needs n_bins >= 1: got {n_bins}.")
    e = (ds[error].values.astype(np.float64) + 180.0) % 360.0 - 180.0
    edges = np.linspace(-180.0, 180.0, n_bins + 1)
    width = 360.0 / n_bins

    def one(_: object, rows: NDArray[np.bool_]) -> xr.Dataset:
        kept = e[rows & np.isfinite(e)]
        n = max(kept.size, 1)
        resultant = np.exp(1j * np.deg2rad(kept)).sum() / n
        length = min(float(np.abs(resultant)), 1.0)
        empty = kept.size == 0
        sd = np.sqrt(-2 * np.log(length)) if length > 0 else np.inf
        return xr.Dataset(
            {
                "density": ("bin", np.histogram(kept, edges)[0] / (n * width) if not empty else np.full(n_bins, np.nan)),
                "mean": ((), np.nan if empty else np.rad2deg(np.angle(resultant))),
                "sd": ((), np.nan if empty else np.rad2deg(sd)),
                "n": ((), kept.size),
                "n_excluded": ((), int((rows & ~np.isfinite(e)).sum())),
            },
            coords={"bin": edges[:-1] + width / 2},
        )  # fmt: skip

    result = one(None, np.ones(e.size, dtype=bool)) if by is None else by_group(ds, by, one)
    long_name = str(ds[error].attrs.get("long_name", error)).replace("_", " ")
    described = {
        "bin": (long_name, "degree"),
        "density": ("density", "1/degree"),
        "mean": (f"mean of {long_name}", "degree"),
        "sd": (f"circular standard deviation of {long_name}", "degree"),
        "n": ("trials", "1"),
    }
    for name, (name_of, unit) in described.items():
        result[name].attrs = {"long_name": name_of, "units": unit}
    return result.assign_attrs(provenance("neurornn.ErrorHistogram/1") | {"variable": error})


def plot_error_histogram(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """The distribution as steps, a colour for each group.

    Args:
        ds: Result of :func:`error_histogram`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    grouped = "group" in ds.dims
    curves = [ds.isel(group=k) for k in range(ds.sizes["group"])] if grouped else [ds]
    palette = colours(ds["group"].values) if grouped else colours(np.zeros(1))
    width = 360.0 / ds.sizes["bin"]
    edges = np.append(ds["bin"].values - width / 2, 180.0)
    axes.axvline(0.0, color="0.85", linewidth=0.8, zorder=0)
    for curve, colour in zip(curves, palette, strict=True):
        name = f"{value_text(curve['group'].item())} (sd {float(curve['sd']):.3g}°)" if grouped else None
        axes.stairs(curve["density"].values, edges, color=colour, linewidth=1.4, label=name)
    filled = (np.nan_to_num(ds["density"].values) > 0).reshape(-1, ds.sizes["bin"]).any(axis=0)
    reach = np.abs(ds["bin"].values[filled]).max(initial=0.0) + width
    limit = next(each for each in (30.0, 60.0, 90.0, 180.0) if reach <= each or each == 180.0)
    axes.set(xlabel=label(ds["bin"]), ylabel=label(ds["density"]), xlim=(-limit, limit))
    axes.set_ylim(bottom=0.0)
    axes.set_xticks(np.linspace(-limit, limit, 5))
    if grouped:
        legend_beside(axes, title=label(ds["group"]))
    else:
        axes.text(0.98, 0.95, f"sd {float(ds['sd']):.3g}°", transform=axes.transAxes, ha="right", va="top")
    return axes


@dataclass(frozen=True)
class ErrorHistogram(AbstractMeasure):
    """Distribution of angular errors (:func:`error_histogram`).

    Attributes:
        error: Behaviour with the signed error in degrees.
        by: Condition that splits the trials; None takes all together.
    """

    error: str = "angular_error"
    by: str | None = None

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return error_histogram(ds, error=self.error, by=self.by)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_error_histogram(result, ax=ax)
