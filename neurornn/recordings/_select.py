"""Some trials and units of a recording."""

__all__ = ["select"]

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurornn.recordings._blocks import read, slices
from neurornn.recordings._names import SPIKES


def select(
    ds: xr.Dataset, *, trial: slice | ArrayLike | None = None, unit: slice | ArrayLike | None = None
) -> xr.Dataset:
    """Some of the trials and units, in the order asked for.

    Of binned activity this is ``ds.isel``; of spikes it also drops the spikes of the others and counts positions anew, which
    ``isel`` cannot know to do.

    Args:
        ds: A recording of either form, or simulated trials.
        trial: Which trials: a slice, positions or booleans; all if None.
        unit: Which units.

    Returns:
        A recording of the same form.

    Raises:
        ValueError: If a position does not exist or occurs twice.

    Examples:
        >>> from neurornn.recordings import spikes
        >>> ds = spikes([[[1.0], [2.0]], [[3.0], []]], start=0.0, stop=9.0, conditions={"choice": [1, -1]})
        >>> select(ds, trial=ds.choice == -1).spike_time.values.tolist()
        [3.0]
    """
    rows, columns = _positions(ds, "trial", trial), _positions(ds, "unit", unit)
    if ds.attrs.get("schema") != SPIKES:
        return ds.isel(trial=rows, unit=columns)
    new_row, new_column = _places(rows, ds.sizes["trial"]), _places(columns, ds.sizes["unit"])
    source = str(ds.encoding.get("source", ""))
    parts: list[tuple[NDArray[Any], ...]] = []
    for part in slices(ds.sizes["spike"], 32):
        time, row, column = (read(ds[f"spike_{key}"][part], source) for key in ("time", "trial", "unit"))
        row, column = new_row[row], new_column[column]
        kept = (row >= 0) & (column >= 0)
        parts.append((time[kept], row[kept], column[kept]))
    time, row, column = (
        np.concatenate([each[k] for each in parts]) if parts else np.zeros(0, dtype)
        for k, dtype in enumerate((np.float64, np.int32, np.int32))
    )
    order = np.lexsort((time, column, row))
    rest = ds.drop_dims("spike").isel(trial=rows, unit=columns)
    found = {"spike_time": time, "spike_trial": row, "spike_unit": column}
    return rest.assign({name: ("spike", each[order], ds[name].attrs) for name, each in found.items()})


def _positions(ds: xr.Dataset, dim: str, wanted: slice | ArrayLike | None) -> NDArray[np.int64]:
    size = ds.sizes[dim]
    if wanted is None or isinstance(wanted, slice):
        return np.arange(size)[wanted or slice(None)]
    index = np.asarray(wanted)
    if index.dtype.kind == "b" and index.shape == (size,):
        return np.flatnonzero(index)
    if index.size == 0:
        return np.zeros(0, dtype=np.int64)
    if index.dtype.kind not in "iu" or index.ndim != 1 or index.min() < -size or index.max() >= size:
        raise ValueError(f"{dim} must be positions below {size}, or a boolean for each: got {index!r:.60}.")
    index = index.astype(np.int64) % size
    if np.unique(index).size < index.size:
        raise ValueError(f"{dim} must hold each position once.")
    return index


def _places(kept: NDArray[np.int64], size: int) -> NDArray[np.int32]:
    place = np.full(size, -1, dtype=np.int32)
    place[kept] = np.arange(kept.size)
    return place
