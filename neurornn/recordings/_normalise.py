"""Units brought to one scale, with parameters that can be applied to held-out data."""

__all__ = ["soft_normalise", "zscore"]

from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.recordings._blocks import activity_blocks


def zscore(ds: xr.Dataset, *, variable: str = "rate", like: xr.Dataset | None = None) -> xr.Dataset:
    r"""Mean 0 and standard deviation 1 for every unit.

    .. math:: z = \frac{r - \mu}{\sigma}

    with mean :math:`\mu` and standard deviation :math:`\sigma` of the unit over all its values, of all trials (or conditions) and
    bins.

    Args:
        ds: A recording in binned form, simulated trials, or averages.
        variable: Variable to normalise.
        like: Result of an earlier call, whose parameters are used instead, for held-out data.

    Returns:
        The dataset with the variable replaced, and ``<variable>_center`` and ``<variable>_scale`` along ``unit``. A unit that
        does not vary has scale 1 and becomes 0; the attribute ``n_units_constant`` counts them.

    Raises:
        ValueError: If there is no such variable, or ``like`` has other units.

    Examples:
        >>> from neurornn.recordings import binned
        >>> train = binned(np.array([2.0, 4.0]).reshape(2, 1, 1), [0.0])
        >>> test = binned(np.array([6.0]).reshape(1, 1, 1), [0.0])
        >>> z = zscore(train)
        >>> z.rate.values.ravel().tolist(), zscore(test, like=z).rate.values.ravel().tolist()
        ([-1.0, 1.0], [3.0])
    """
    if like is not None:
        return _applied(ds, variable, like)
    number, mean, scatter = _moments(values for _, values in activity_blocks(ds, variable))
    sd = np.sqrt(scatter / np.maximum(number, 1))
    constant = (number > 0) & ~(sd > 1e-12 * np.maximum(np.abs(mean), 1e-300))
    center = np.where(number > 0, mean, np.nan)
    return _applied(ds, variable, _parameters(ds, variable, center, np.where(constant, 1.0, sd), constant))


def soft_normalise(
    ds: xr.Dataset, *, variable: str = "rate", constant: float = 5.0, like: xr.Dataset | None = None
) -> xr.Dataset:
    r"""Units of different rates on nearly the same scale, quiet ones less so.

    .. math:: z = \frac{r}{\max r - \min r + c}

    with the range of the unit over all its values and a constant :math:`c`, so that noise of units that hardly fire is not
    blown up. Usually applied to averages.

    Args:
        ds: A recording in binned form, simulated trials, or averages.
        variable: Variable to normalise.
        constant: The constant :math:`c` in the unit of the variable, at least 0.
        like: Result of an earlier call, whose parameters are used instead, for held-out data.

    Returns:
        The dataset with the variable replaced, and ``<variable>_center`` (0) and ``<variable>_scale`` along ``unit``.

    Raises:
        ValueError: If there is no such variable, ``like`` has other units, or the constant is negative.

    References:
        Neural population dynamics during reaching (Churchland et al., 2012) https://doi.org/10.1038/nature11129

    Examples:
        >>> from neurornn.recordings import binned
        >>> ds = binned(np.array([0.0, 15.0]).reshape(2, 1, 1), [0.0])
        >>> soft_normalise(ds).rate.values.ravel().tolist()
        [0.0, 0.75]
    """
    if like is not None:
        return _applied(ds, variable, like)
    if not constant >= 0:
        raise ValueError(f"constant must be at least 0: got {constant}.")
    low = np.full(ds.sizes["unit"], np.inf)
    high = -low
    for _, values in activity_blocks(ds, variable):
        present = np.isfinite(values)
        low = np.minimum(low, np.where(present, values, np.inf).min((0, 1)))
        high = np.maximum(high, np.where(present, values, -np.inf).max((0, 1)))
    any_value = high >= low
    span = np.full(low.size, np.nan)
    np.subtract(high, low, out=span, where=any_value)
    still = span == 0
    scale = np.where(still & (constant == 0), 1.0, span + constant)
    return _applied(ds, variable, _parameters(ds, variable, np.zeros(low.size), scale, still))


def _moments(
    blocks: Iterable[NDArray[np.float64]],
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Number of values, mean and sum of squared deviations of each unit."""
    number: Any = 0
    mean: Any = 0.0
    scatter: Any = 0.0
    for values in blocks:
        present = np.isfinite(values)
        more = present.sum((0, 1))
        here = np.where(present, values, 0.0).sum((0, 1)) / np.maximum(more, 1)
        spread = (np.where(present, values - here, 0.0) ** 2).sum((0, 1))
        total = np.maximum(number + more, 1)
        gap = here - mean
        scatter = scatter + np.where(more > 0, spread + gap**2 * number * more / total, 0.0)
        mean = mean + np.where(more > 0, gap * more / total, 0.0)
        number = number + more
    return number, mean, scatter


def _parameters(
    ds: xr.Dataset,
    variable: str,
    center: NDArray[np.float64],
    scale: NDArray[np.float64],
    constant: NDArray[np.bool_],
) -> xr.Dataset:
    units = str(ds[variable].attrs.get("units", "1"))
    found = xr.Dataset(
        {
            f"{variable}_center": (
                "unit",
                center,
                {"units": units, "long_name": f"subtracted from {variable}"},
            ),
            f"{variable}_scale": ("unit", scale, {"units": units, "long_name": f"divides {variable}"}),
        },
        attrs={"n_units_constant": int(constant.sum())},
    )
    return found.assign_coords(unit=ds["unit"].variable) if "unit" in ds.coords else found


def _applied(ds: xr.Dataset, variable: str, like: xr.Dataset) -> xr.Dataset:
    names = [f"{variable}_center", f"{variable}_scale"]
    lacking = [name for name in names if name not in like]
    if lacking:
        raise ValueError(
            f"like has no '{lacking[0]}'. Pass the result of an earlier normalisation of '{variable}'."
        )
    if like.sizes["unit"] != ds.sizes["unit"] or (
        "unit" in like.coords
        and "unit" in ds.coords
        and not np.array_equal(like["unit"].values, ds["unit"].values)
    ):
        raise ValueError(
            f"The units of like ({like.sizes['unit']}) are not those of the data ({ds.sizes['unit']}), or come in "
            "another order."
        )
    center, scale = (like[name].values for name in names)
    first = "condition" if variable in ds and "condition" in ds[variable].dims else "trial"
    out: NDArray[np.float64] | None = None
    for rows, values in activity_blocks(ds, variable):
        if out is None:
            kind = ds[variable].dtype if ds[variable].dtype.kind == "f" else np.dtype(np.float32)
            out = np.empty((ds.sizes[first], *values.shape[1:]), dtype=kind)
        out[rows] = (values - center) / scale
    dims = (first, "time", "unit")
    attrs = ds[variable].attrs | {
        "units": "1",
        "long_name": f"normalised {ds[variable].attrs.get('long_name', variable)}",
    }
    result = ds.assign({variable: (dims, out, attrs)})
    for name in names:
        result[name] = like[name].variable
    return result.assign_attrs(n_units_constant=int(like.attrs.get("n_units_constant", 0)))
