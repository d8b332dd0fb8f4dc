"""Reading back what was written as NWB: every variable from its place, in its type."""

__all__ = ["LABELS", "MODULE", "has_labels", "labelled"]

import json
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends import BackendArray
from xarray.core import indexing

from neurornn.recordings._hdf5 import Reader, opened
from neurornn.storage import CorruptFile

LABELS = "neurornn_labels"
MODULE = "ecephys"
_TABLES = {"trials": "intervals/trials", "units": "units", "scratch": "scratch"}


def has_labels(reader: Reader) -> bool:
    """Whether an NWB file was written by neurornn.

    Args:
        reader: Open file.

    Returns:
        True if it has the labels.
    """
    return reader.find(f"scratch/{LABELS}", h5py.Dataset) is not None


def labelled(reader: Reader, path: Path, max_bytes: int) -> xr.Dataset:
    """The recording that was written.

    Args:
        reader: Open file.
        path: Its path, for activity that is read when needed.
        max_bytes: Size of the activity above which it stays in the file.

    Returns:
        The recording, as it was.

    Raises:
        CorruptFile: If labels and tables do not fit.
    """
    try:
        text = reader.text(reader.find(f"scratch/{LABELS}", h5py.Dataset))
        labels = json.loads(str(text.ravel()[0]))
        flat = _spikes(reader) if any(v["place"] == "spikes" for v in labels["variables"].values()) else {}
        variables: dict[str, xr.Variable] = {}
        coords: dict[str, xr.Variable] = {}
        for name, label in labels["variables"].items():
            dims, attrs = [str(dim) for dim in label["dims"]], _restored(label["attrs"])
            values = _values(reader, path, max_bytes, str(label["place"]), str(label["at"]), flat, labels)
            if isinstance(values, np.ndarray):
                values = _typed(values, np.dtype(str(label["dtype"])))
            (coords if label["coordinate"] else variables)[str(name)] = xr.Variable(dims, values, attrs)
        return xr.Dataset(variables, coords, _restored(labels["attrs"]))
    except CorruptFile:
        raise
    except Exception as error:  # whatever JSON, NumPy and xarray make of arbitrary labels
        raise CorruptFile(path, f"its labels do not fit its tables ({error})") from error


def _values(
    reader: Reader,
    path: Path,
    max_bytes: int,
    place: str,
    at: str,
    flat: dict[str, NDArray[Any]],
    labels: dict[str, Any],
) -> Any:  # noqa: ANN401
    if place == "spikes":
        return flat[at]
    if place == "series":
        name = f"processing/{MODULE}/{at}/data"
        data = reader.find(name, h5py.Dataset)
        if data is None or len(reader.shape(data)) != 2 or data.dtype.kind not in "iuf":
            raise ValueError(f"'{name}' is no table of activity")
        n_trials, n_times = (_size(reader, labels, dim) for dim in ("trial", "time"))
        shape = (n_trials, n_times, data.shape[1])
        if n_trials * n_times != data.shape[0]:
            raise ValueError(f"'{name}' has {data.shape[0]} rows for {n_trials} trials of {n_times} bins")
        if data.size * data.dtype.itemsize > max_bytes:
            return indexing.LazilyIndexedArray(_InFile(path, name, shape, data.dtype))
        return reader.numbers(data).reshape(shape)
    node = reader.find(f"{_TABLES[place]}/{at}", h5py.Dataset)
    if node is None:
        raise ValueError(f"'{_TABLES[place]}/{at}' is missing")
    return reader.text(node) if h5py.check_string_dtype(node.dtype) is not None else reader.numbers(node)


def _size(reader: Reader, labels: dict[str, Any], dim: str) -> int:
    """Length of a dimension, from its coordinate."""
    label = labels["variables"].get(dim)
    if label is None:
        node = reader.find("intervals/trials/id", h5py.Dataset) if dim == "trial" else None
    else:
        node = reader.find(f"{_TABLES[label['place']]}/{label['at']}", h5py.Dataset)
    if node is None:
        raise ValueError(f"the length of '{dim}' is not known")
    return reader.shape(node)[0]


def _spikes(reader: Reader) -> dict[str, NDArray[Any]]:
    """Spikes by trial, unit and time from the ragged columns of the units."""
    found = [reader.find(f"units/{name}", h5py.Dataset) for name in ("spike_time", "spike_trial")]
    index = reader.find("units/spike_time_index", h5py.Dataset)
    if index is None or any(each is None for each in found):
        raise ValueError("the spikes are missing")
    time, trial = (reader.numbers(each) for each in found)
    ends = reader.numbers(index).astype(np.int64)
    n = np.diff(ends, prepend=0)
    if time.shape != trial.shape or time.ndim != 1 or trial.dtype.kind not in "iu" or (n < 0).any():
        raise ValueError("the columns of spikes do not fit together")
    if n.sum() != time.size:
        raise ValueError(f"there are {time.size} spikes and the units have {n.sum()}")
    unit = np.repeat(np.arange(n.size), n)
    order = np.lexsort((unit, trial))
    return {"spike_time": time[order], "spike_trial": trial[order], "spike_unit": unit[order]}


def _typed(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.kind not in "biufcUS" or dtype.itemsize > 2**16:
        raise ValueError(f"the type {dtype} is unknown")
    if dtype.kind == "c":
        return np.asarray(values[..., 0] + 1j * values[..., 1]).astype(dtype)
    if dtype.kind == "S":
        return np.char.encode(values, "latin-1").astype(dtype)
    if dtype.kind == "U":
        if values.dtype.kind != "U" or values.size * dtype.itemsize > 2**30:
            raise ValueError("text is due")
        return values if dtype.itemsize == 0 else values.astype(dtype)
    if values.dtype.kind not in "biuf":
        raise ValueError("numbers are due")
    return values.astype(dtype, copy=False)


def _restored(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, dict):
        if set(value) == {"float"}:
            return float(value["float"])
        return {str(key): _restored(each) for key, each in value.items()}
    return [_restored(each) for each in value] if isinstance(value, list) else value


class _InFile(BackendArray):
    """Activity (trial, time, unit) that lies in a file as (trial and time, unit)."""

    def __init__(self, path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.path, self.name, self.shape, self.dtype = path, name, shape, dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> NDArray[Any]:
        return np.asarray(
            indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.BASIC, self._get)
        )

    def _get(self, key: tuple[int | slice, ...]) -> NDArray[Any]:
        trial, time, unit = key
        wanted = np.arange(self.shape[0])[trial]
        per = self.shape[1]
        if wanted.size == 0:
            first = last = 0
        else:
            first, last = int(wanted.min()), int(wanted.max()) + 1
        try:
            with opened(self.path) as reader:
                data = reader.find(self.name, h5py.Dataset)
                if data is None:
                    raise ValueError(f"'{self.name}' is missing")
                columns = np.arange(self.shape[2])[unit]
                low, high = (int(columns.min()), int(columns.max()) + 1) if columns.size else (0, 0)
                rows = reader.numbers(data, (slice(first * per, last * per), slice(low, high)))
        except ValueError as error:
            raise CorruptFile(self.path, str(error)) from error
        block = rows.reshape(last - first, per, high - low)
        return np.asarray(block[wanted - first][..., time, :][..., columns - low])
