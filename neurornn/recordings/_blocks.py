"""Large arrays, some trials at a time."""

__all__ = ["BLOCK", "activity_blocks", "read", "slices"]

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.storage import CorruptFile

BLOCK: Final = 2**26  # bytes of one block; what is in memory at a time is a small multiple of it


def slices(n: int, bytes_each: int, start: int = 0) -> Iterator[slice]:
    """Consecutive slices of at most one block.

    Args:
        n: Where the last slice ends.
        bytes_each: Size of one element.
        start: Where the first begins.

    Yields:
        Slices of at least one element.
    """
    step = max(1, BLOCK // max(1, bytes_each))
    for first in range(start, n, step):
        yield slice(first, min(n, first + step))


def read(array: xr.DataArray | xr.Variable, source: str = "") -> NDArray[Any]:
    """Values of an array that may still lie in a file.

    Args:
        array: Array, usually a part of a larger one.
        source: The file.

    Returns:
        Its values.

    Raises:
        CorruptFile: If the file holds something else than was written.
    """
    try:
        return np.asarray(array.values)
    except (OSError, RuntimeError) as error:  # what HDF5 says of a failed checksum or a broken chunk
        raise CorruptFile(
            Path(source), f"'{getattr(array, 'name', 'an array')}' cannot be read ({error})"
        ) from error


def activity_blocks(ds: xr.Dataset, variable: str) -> Iterator[tuple[slice, NDArray[np.float64]]]:
    """Activity of some trials at a time, with NaN in the padding.

    Args:
        ds: Trials, simulated or recorded.
        variable: Name of the variable.

    Yields:
        Which trials, and their activity ``(trial, time, unit)``.

    Raises:
        ValueError: If there is no such variable, or it has other dimensions.
    """
    if variable not in ds:
        raise ValueError(f"The dataset has no variable '{variable}'. It has: {', '.join(map(str, ds))}.")
    first = "condition" if "condition" in ds[variable].dims else "trial"
    dims = (first, "time", "unit")
    if set(ds[variable].dims) != set(dims):
        raise ValueError(f"'{variable}' must have dimensions (trial, time, unit): got {ds[variable].dims}.")
    source = str(ds.encoding.get("source", ""))
    for rows in slices(ds.sizes[first], 8 * ds.sizes["time"] * ds.sizes["unit"]):
        values = read(ds[variable].isel({first: rows}).transpose(*dims), source).astype(np.float64)
        if "valid" in ds and first == "trial":
            inside = read(ds["valid"].isel(trial=rows).transpose("trial", "time"), source) > 0
            values[~inside] = np.nan
        yield rows, values
