"""Recordings as NumPy arrays in a zip file."""

__all__ = ["arrays_in", "from_arrays", "read", "write"]

import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.lib.format
import xarray as xr
from numpy.typing import NDArray

from neurornn.recordings._nc import _attributes
from neurornn.recordings._spikes import binned, spikes
from neurornn.storage import CorruptFile, atomic_write

_LABELS: Final = "neurornn"  # dimensions and attributes, as JSON
_OF_UNITS: Final = ("unit", "area", "subject", "cell_type")
npy: Any = numpy.lib.format  # without types


def write(ds: xr.Dataset, path: Path) -> None:
    """Write a recording.

    Args:
        ds: Its content.
        path: File to write.

    Raises:
        ValueError: If a variable has the name of the labels.
    """
    if _LABELS in ds.variables:
        raise ValueError(f"A variable named '{_LABELS}' cannot be written to npz. Rename it.")
    labels = {
        "attrs": _attributes(ds.attrs, "the dataset"),
        "variables": {
            str(name): {
                "dims": list(each.dims),
                "attrs": _attributes(each.attrs, f"'{name}'"),
                "coordinate": name in ds.coords,
            }
            for name, each in ds.variables.items()
        },
    }
    arrays = {str(name): _text(each.values) for name, each in ds.variables.items()}
    packed = np.frombuffer(json.dumps(_json(labels)).encode(), dtype=np.uint8)

    def to_file(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **{_LABELS: packed}, **arrays)

    atomic_write(path, to_file)


def read(path: Path, max_bytes: int) -> xr.Dataset:
    """Read a recording, or arrays under the names of the schema.

    Args:
        path: File to read.
        max_bytes: Largest size of all arrays together.

    Returns:
        Its content.

    Raises:
        ValueError: If the arrays make no recording or do not fit.
        CorruptFile: If it is damaged.
    """
    try:
        arrays = arrays_in(path, max_bytes)
    except _Refused as error:
        raise ValueError(f"'{path}': {error}") from error
    except Exception as error:  # whatever zipfile and zlib make of arbitrary bytes
        raise CorruptFile(path, f"it is not a readable npz file ({error})") from error
    if _LABELS not in arrays:
        try:
            return from_arrays(arrays)
        except (ValueError, TypeError, IndexError, MemoryError) as error:
            raise ValueError(f"'{path}': {error}") from error
    try:
        return _labelled(arrays)
    except Exception as error:
        raise CorruptFile(path, f"its labels do not fit its arrays ({error})") from error


def arrays_in(path: Path, max_bytes: int) -> dict[str, NDArray[Any]]:
    """The arrays of an npz file.

    Args:
        path: File to read.
        max_bytes: Largest size of all arrays together.

    Returns:
        The arrays by name: numbers, booleans and text.

    Raises:
        _Refused: If they do not fit, or are neither numbers nor text.
        ValueError: If the file is damaged; zipfile and zlib have errors of their own for arbitrary bytes.
    """
    with zipfile.ZipFile(path) as file:
        members = file.infolist()
        total = sum(each.file_size for each in members)
        if total > max_bytes:
            raise _Refused(
                f"its arrays need {total} bytes, more than max_bytes={max_bytes}. Raise max_bytes, or save it as netCDF, "
                "which is read by parts."
            )
        names = [each.filename for each in members]
        if len(set(names)) < len(names):
            raise ValueError("an array occurs twice")
        return {each.filename.removesuffix(".npy"): _array(file, each) for each in members}


def from_arrays(arrays: Mapping[str, NDArray[Any]]) -> xr.Dataset:
    """A recording from arrays under the names of the schema, without dimensions or attributes.

    Args:
        arrays: Either ``rate`` or ``counts`` and ``time``; or ``spike_time``, ``spike_trial``, ``spike_unit``, ``start``
            and ``stop``. ``unit``, ``area``, ``subject``, ``cell_type`` and ``unit_...`` lie along the units, all
            others along the trials.

    Returns:
        A recording of either form.

    Raises:
        ValueError: If they make no recording.
    """
    rest = {name: array[()] if array.ndim == 0 else array for name, array in arrays.items()}
    common: dict[str, Any] = {
        "session": rest.pop("session", None),
        "unit_session": rest.pop("unit_session", None),
        "unit_ids": rest.pop("unit", None),
        "about_units": {
            name: rest.pop(name) for name in list(rest) if name.startswith("unit_") or name in _OF_UNITS
        },
        "events": {name[6:]: rest.pop(name) for name in list(rest) if name.startswith("event_")},
    }
    names = [name for name in ("rate", "counts") if name in rest]
    if names and "time" in rest:
        values, time = rest.pop(names[0]), rest.pop("time")
        aligned = str(rest.pop("aligned_to", "trial"))
        return binned(values, time, variable=names[0], aligned_to=aligned, conditions=rest, **common)
    needed = ("spike_time", "spike_trial", "spike_unit", "start", "stop")
    lacking = [name for name in needed if name not in rest]
    if lacking:
        raise ValueError(
            f"The arrays make no recording: spikes need {', '.join(needed)} ({', '.join(lacking)} missing) and binned "
            f"activity needs rate or counts and time. There are: {', '.join(arrays) or 'none'}."
        )
    time, trial, unit, start, stop = (rest.pop(name) for name in needed)
    return spikes(time, trial, unit, start=start, stop=stop, conditions=rest, **common)


class _Refused(ValueError):
    """The file is whole and still not read."""


def _array(file: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    name = member.filename.removesuffix(".npy")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"'{name}' is packed in a way NumPy does not use")
    with file.open(member) as stream:
        version = npy.read_magic(stream)
        if version == (1, 0):
            shape, _, dtype = npy.read_array_header_1_0(stream)
        elif version == (2, 0):
            shape, _, dtype = npy.read_array_header_2_0(stream)
        else:
            raise ValueError(f"'{name}' is of version {version}")
        if dtype.hasobject:
            raise _Refused(
                f"'{name}' holds Python objects, which may run code. Save numbers and text instead."
            )
        if dtype.kind not in "biufUS":
            raise _Refused(f"'{name}' is of type {dtype}. Save numbers and text instead.")
        if (
            any(size < 0 for size in shape)
            or math.prod(shape) * dtype.itemsize != member.file_size - stream.tell()
        ):
            raise ValueError(f"'{name}' says shape {shape} of {dtype} and has {member.file_size} bytes")
    with file.open(member) as stream:
        return np.asarray(npy.read_array(stream, allow_pickle=False))


def _labelled(arrays: dict[str, NDArray[Any]]) -> xr.Dataset:
    labels = json.loads(arrays.pop(_LABELS).tobytes())
    if set(labels["variables"]) != set(arrays):
        raise ValueError("some arrays have no labels")
    made = {name: (each["dims"], arrays[name], each["attrs"]) for name, each in labels["variables"].items()}
    coordinate = {name for name, each in labels["variables"].items() if each["coordinate"]}
    return xr.Dataset(
        {name: each for name, each in made.items() if name not in coordinate},
        {name: each for name, each in made.items() if name in coordinate},
        labels["attrs"],
    )


def _text(values: NDArray[Any]) -> NDArray[Any]:
    return values.astype(np.str_) if values.dtype.kind in "OT" else values


def _json(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, np.ndarray | np.generic):
        return _json(value.tolist())
    if isinstance(value, dict):
        return {key: _json(each) for key, each in value.items()}
    return [_json(each) for each in value] if isinstance(value, list | tuple) else value
