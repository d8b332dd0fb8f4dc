"""Recordings as netCDF: checksums on every array, large arrays by parts."""

__all__ = ["read", "write"]

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import h5netcdf
import numpy as np
import xarray as xr
from xarray.backends import H5NetCDFStore

from neurornn.recordings import _blocks
from neurornn.recordings._canary import seal, survives
from neurornn.recordings._hdf5 import Reader, opened
from neurornn.recordings._links import first_line
from neurornn.storage import CorruptFile, atomic_write

_CHUNK: Final = 2**20  # bytes
_BY_PARTS: Final = 2**26  # bytes from which an array is written by parts


def write(ds: xr.Dataset, path: Path) -> None:
    """Write a recording.

    Args:
        ds: Its content.
        path: File to write.
    """
    atomic_write(path, lambda temporary: _write(ds, temporary))


def read(path: Path, max_bytes: int) -> xr.Dataset:
    """Read a recording, into memory if it fits.

    Args:
        path: File to read.
        max_bytes: Largest size held in memory. Above it only coordinates are, and they must fit.

    Returns:
        Its content.

    Raises:
        ValueError: If the coordinates do not fit.
        CorruptFile: If it is damaged.
    """
    survives(path)
    try:
        _inspect(path)
        ds = xr.open_dataset(path, engine="h5netcdf", cache=False, decode_times=False)
    except Exception as error:  # whatever HDF5 and xarray make of arbitrary bytes
        raise CorruptFile(path, f"it is not a readable netCDF file ({first_line(error)})") from error
    coords = sum(each.nbytes for each in ds.coords.values())
    if coords > max_bytes:
        ds.close()
        raise ValueError(
            f"The coordinates of '{path}' need {coords} bytes, more than max_bytes={max_bytes}. Raise max_bytes."
        )
    try:
        if ds.nbytes <= max_bytes:
            ds.load()
            ds.close()
        ds = ds.assign_coords({name: _plain_text(each.variable) for name, each in ds.coords.items()})
        ds = ds.assign({
            name: _plain_text(each.variable) for name, each in ds.items() if each.dtype.kind in "OT"
        })
        ds.attrs = _plain_attributes(ds.attrs)
        for each in ds.variables.values():
            each.attrs = _plain_attributes(each.attrs)
    except Exception as error:  # as above
        ds.close()
        raise CorruptFile(path, f"it is not a readable netCDF file ({first_line(error)})") from error
    return ds


def _inspect(path: Path) -> None:
    """Refuse links that lead out of the file and arrays larger than what is stored."""
    with opened(path) as reader:
        for name in reader.names(reader.file):
            _inspect_node(reader, name)


def _inspect_node(reader: Reader, name: str) -> None:
    node = reader.get(reader.file, name)
    if not hasattr(node, "dtype"):
        raise ValueError(f"'{name}' is a group, and a recording has none")
    if node.dtype.kind in "biufc":
        label = node.attrs.get("NAME", b"")
        text = label.decode() if isinstance(label, bytes) else str(label)
        if not text.startswith(
            "This is a netCDF dimension but not"
        ):  # a dimension without coordinate holds nothing and is never read
            reader.shape(node)
    elif node.dtype.kind == "O":
        reader.shape(node)


def _write(ds: xr.Dataset, path: Path) -> None:
    parts = [
        name for name, each in ds.variables.items() if each.nbytes > _BY_PARTS and each.dtype.kind in "iuf"
    ]
    parts = [name for name in parts if name not in ds.indexes]
    rest = ds.drop_vars(parts).drop_encoding()
    rest.attrs = _attributes(rest.attrs, "the dataset")
    for name, each in rest.variables.items():
        rest[name].attrs = _attributes(each.attrs, f"'{name}'")
        if each.dtype.kind in "biuf" and each.size and each.ndim:
            rest[name].encoding["fletcher32"] = True
    lengths = {str(dim): size for dim, size in ds.sizes.items()}
    coords = [str(name) for name in parts if name in ds.coords]
    try:
        with h5netcdf.File(path, "w") as file:
            rest.dump_to_store(H5NetCDFStore(file))
            for dim in lengths.keys() - set(file.dimensions):
                file.dimensions[dim] = lengths[dim]
            for name in parts:
                _write_by_parts(file, str(name), ds[name])
            if coords:
                old = str(file.attrs.get("coordinates", ""))
                file.attrs["coordinates"] = " ".join([*old.split(), *coords])
        seal(path)
    except RuntimeError as error:  # what HDF5 says when it cannot finish a file
        raise OSError(str(error)) from error


def _write_by_parts(file: h5netcdf.File, name: str, array: xr.DataArray) -> None:
    each = max(1, array.dtype.itemsize * int(np.prod(array.shape[1:], dtype=np.int64)))
    rows = min(len(array), max(1, _CHUNK // each))
    options = {"fillvalue": np.array(np.nan, array.dtype)} if array.dtype.kind == "f" else {}
    variable = file.create_variable(
        name,
        tuple(map(str, array.dims)),
        array.dtype,
        chunks=(rows, *array.shape[1:]),
        compression="gzip",
        compression_opts=1,
        shuffle=True,
        fletcher32=True,
        **options,
    )
    for key, value in _attributes(array.attrs, f"'{name}'").items():
        variable.attrs[key] = value
    source = str(array.encoding.get("source", ""))
    for part in _blocks.slices(len(array), each):
        variable[part] = _blocks.read(array[part], source)


def _attributes(attrs: Mapping[Any, Any], of: str) -> dict[str, Any]:
    safe: dict[str, Any] = {}
    for name, value in attrs.items():
        values = value if isinstance(value, list | tuple) else np.atleast_1d(value).tolist()
        if not all(isinstance(each, str | int | float | np.generic) for each in values):
            raise ValueError(
                f"Attribute '{name}' of {of} is {value!r}. netCDF attributes are text, numbers and lists of them."
            )
        safe[str(name)] = int(value) if isinstance(value, bool | np.bool_) else value
    return safe


def _plain_text(variable: xr.Variable) -> xr.Variable:
    """Text of fixed width instead of objects."""
    if variable.dtype.kind not in "OT":
        return variable
    values = variable.values
    if not all(isinstance(each, str) for each in values.flat):
        raise ValueError("it has a variable of objects")
    if values.size * max((len(each) for each in values.flat), default=0) > _BY_PARTS:
        raise ValueError("it has text of many words of which some are very long")
    return xr.Variable(variable.dims, values.astype(np.str_), variable.attrs)


def _plain_attributes(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        str(key): value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        for key, value in attrs.items()
    }
