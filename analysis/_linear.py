"""What the linear reductions share: time steps, projections, coordinates, signs."""

__all__ = ["condition_names", "principal_axes", "project", "squared", "time_step", "unit_coords", "within"]

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray


def condition_names(condition: str | Sequence[str]) -> list[str]:
    """Names of condition variables, each once.

    Args:
        condition: One name or several.

    Returns:
        The names.

    Raises:
        ValueError: If there is none, or one comes twice.
    """
    names = [condition] if isinstance(condition, str) else list(condition)
    if not names or len(set(names)) < len(names):
        raise ValueError(f"Give one or more condition variables, each once: got {names}.")
    return names


def time_step(data: xr.DataArray, purpose: str) -> float:
    """The step of a regular time axis.

    Args:
        data: Activity with a coordinate ``time`` in ms.
        purpose: What needs it, for the message.

    Returns:
        The step in ms.

    Raises:
        ValueError: If there is no such coordinate, it is not in ms, or its steps differ.
    """
    if "time" not in data.coords or data.sizes["time"] < 2:
        raise ValueError(f"{purpose} needs a coordinate 'time' in ms with two steps or more.")
    units = data["time"].attrs.get("units", "ms")
    if units != "ms":
        raise ValueError(f"{purpose} needs time in ms: got '{units}'. Convert the coordinate first.")
    steps = np.diff(data["time"].values.astype(np.float64))
    if not (steps > 0).all() or np.ptp(steps) > 1e-6 * steps.mean():
        raise ValueError(
            f"{purpose} needs a regular time axis: steps range from {steps.min():g} to {steps.max():g} ms. "
            "Bin the data first."
        )
    return float(steps.mean())


def within(data: xr.DataArray, window: tuple[float, float], name: str) -> NDArray[np.bool_]:
    """Which steps lie in a window, ends included.

    Args:
        data: Activity with a coordinate ``time``.
        window: Start and end in ms.
        name: What the window belongs to, for the message.

    Returns:
        One truth value for each step.

    Raises:
        ValueError: If no step lies inside.
    """
    if "time" not in data.coords:
        raise ValueError(
            f"The window of '{name}' needs a coordinate 'time' in ms, which the data does not have."
        )
    time = data["time"].values.astype(np.float64)
    inside = (time >= window[0]) & (time <= window[1])
    if not inside.any():
        raise ValueError(
            f"No step lies in the window of '{name}', {window[0]:g} to {window[1]:g} ms: time runs from "
            f"{time[0]:g} to {time[-1]:g} ms."
        )
    return inside


def unit_coords(data: xr.DataArray) -> dict[Any, Any]:
    """The coordinates that describe units."""
    return {key: value for key, value in data.coords.items() if value.dims == ("unit",)}


def squared(units: str) -> str:
    """The unit of a variance."""
    return units if units == "1" else f"({units})^2"


def principal_axes(samples: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Principal axes of centred samples, largest entry of each positive.

    Args:
        samples: One sample a row; what is to be removed has been removed.

    Returns:
        Axes as rows, and the sum of squares along each, falling.
    """
    _, singular, axes = np.linalg.svd(samples, full_matrices=False)
    largest = np.abs(axes).argmax(1)
    return axes * np.sign(axes[np.arange(len(axes)), largest])[:, None], singular**2


def project(
    array: xr.DataArray,
    fit: xr.Dataset,
    axes: xr.DataArray,
    *,
    offset: xr.DataArray,
    scale: xr.DataArray | None = None,
) -> xr.DataArray:
    r"""Coordinates :math:`a_i^\top ((x - \text{offset}) / \text{scale})` of activity on fitted axes.

    Args:
        array: Anything with a dimension ``unit``.
        fit: The result the axes come from.
        axes: Axes, one dimension of them and ``unit``.
        offset: What is subtracted.
        scale: What is divided by; 1 if None.

    Returns:
        The array with the dimension of the axes in place of ``unit``; NaN where a unit has no value.

    Raises:
        ValueError: If the units are not those of the fit.
    """
    if "unit" not in array.dims:
        raise ValueError(f"Only an array with a dimension 'unit' can be projected: got {array.dims}.")
    if array.sizes["unit"] != fit.sizes["unit"]:
        raise ValueError(
            f"The axes were fitted on {fit.sizes['unit']} units but the data has {array.sizes['unit']}."
        )
    if "unit" in array.coords and "unit" in fit.coords and not array["unit"].equals(fit["unit"]):
        raise ValueError("The units of the data are not those of the fit, or come in another order.")
    (dim,) = (name for name in axes.dims if name != "unit")
    centred = array.astype(np.float64).drop_vars(unit_coords(array)) - offset.drop_vars(unit_coords(offset))
    if scale is not None:
        centred = centred / scale.drop_vars(unit_coords(scale))
    centred = centred.transpose(*array.dims)
    values = centred.transpose(..., "unit").values @ axes.transpose(dim, "unit").values.T
    dims = (*(name for name in array.dims if name != "unit"), dim)
    coords: dict[Any, Any] = {
        key: value for key, value in array.coords.items() if "unit" not in value.dims
    } | {key: value for key, value in axes.coords.items() if value.dims == (dim,)}
    return xr.DataArray(values, coords, dims, "projection")
