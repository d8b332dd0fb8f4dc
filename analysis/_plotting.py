"""What the plots share: axes, labels from attributes, colours anyone can tell apart."""

__all__ = ["axes_or_new", "colours", "component_label", "is_numeric", "label", "legend_beside", "value_text"]

from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito's palette without its yellow, which is lost on white.
_QUALITATIVE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")


def axes_or_new(ax: "Axes | None", *, three_d: bool = False) -> "Axes":
    """The axes given, or those of a new figure.

    Args:
        ax: Axes to draw on, or None.
        three_d: Whether the plot needs three-dimensional axes.

    Returns:
        Axes to draw on.

    Raises:
        ValueError: If the axes given have the wrong number of dimensions.
    """
    if ax is not None:
        if (ax.name == "3d") != three_d:
            needed = "three-dimensional axes: use subplot_kw={'projection': '3d'}" if three_d else "flat axes"
            raise ValueError(f"This plot needs {needed}. Got axes of projection '{ax.name}'.")
        return ax
    import matplotlib.pyplot as plt

    options: dict[str, Any] = {"subplot_kw": {"projection": "3d"}} if three_d else {}
    return plt.subplots(layout="constrained", **options)[1]


def label(data: xr.DataArray, fallback: str = "") -> str:
    """Axis label ``long name (units)`` from the attributes of a variable.

    Args:
        data: A variable.
        fallback: Text if it has neither a long name nor a name.

    Returns:
        The label; units of 1 are left out.
    """
    name = str(data.attrs.get("long_name") or data.name or fallback).replace("_", " ")
    units = str(data.attrs.get("units", ""))
    return f"{name} ({units})" if units not in {"", "1"} else name


def component_label(projected: xr.Dataset | xr.DataArray, k: int) -> str:
    """Axis label of the ``k``-th component of an array or a fit, with the variance it explains."""
    share = float(projected["explained_variance_ratio"][k])
    return f"PC {int(projected['component'][k]) + 1} ({100 * share:.0f} %)"


def is_numeric(values: NDArray[np.generic]) -> bool:
    """Whether levels have an order and distances: numbers, but neither booleans nor text."""
    return bool(np.issubdtype(values.dtype, np.number))


def colours(levels: NDArray[np.generic]) -> list[Any]:
    """One colour for each level: a perceptual scale for numbers, a colour-blind-safe set for labels.

    Args:
        levels: Distinct levels; numbers are placed on the scale by value.

    Returns:
        Colours in the order of the levels.
    """
    from matplotlib import colormaps

    if not is_numeric(levels) or levels.size <= 2:
        return [_QUALITATIVE[k % len(_QUALITATIVE)] for k in range(levels.size)]
    values = levels.astype(np.float64)
    place = (values - values.min()) / (values.max() - values.min())
    return [tuple(row) for row in colormaps["viridis"](0.92 * place)]  # the bright end is lost on white


def value_text(value: object) -> str:
    """A level as it is written in a legend."""
    return f"{value:g}" if isinstance(value, float | np.floating) else str(value)


def legend_beside(ax: "Axes", **options: Any) -> None:  # noqa: ANN401
    """A legend to the right of the axes, where it covers neither data nor colour bar.

    Args:
        ax: Axes.
        options: Options of :meth:`matplotlib.axes.Axes.legend`.
    """
    start = 1.35 if ax.child_axes else 1.02  # a colour bar beside the axes keeps its place
    ax.legend(loc="upper left", bbox_to_anchor=(start, 1.0), borderaxespad=0.0, frameon=False, **options)
