"""Datasets as the bytes of a netCDF file."""

__all__ = ["to_netcdf"]

import io
from collections.abc import Mapping
from typing import Any, Final

import h5netcdf
import numpy as np
import xarray as xr
from xarray.backends import H5NetCDFStore

_LARGE: Final = 2**20  # bytes from which lossless compression is worth its time


def to_netcdf(groups: Mapping[str, xr.Dataset]) -> bytes:
    """Datasets as one netCDF file in memory, with a checksum on every array of numbers, large ones compressed.

    In memory, because a full disk is then met by plain writing, and reported as what it is.

    Args:
        groups: Datasets by path of their group, parents before children; ``"/"`` is the root.

    Returns:
        The bytes of the file.
    """
    buffer = io.BytesIO()
    with h5netcdf.File(buffer, "w") as file:
        for path, dataset in groups.items():
            group = file if path == "/" else file.create_group(path)
            _safe(dataset).dump_to_store(H5NetCDFStore(group))
    return buffer.getvalue()


def _safe(dataset: xr.Dataset) -> xr.Dataset:
    dataset = dataset.drop_encoding()
    dataset.attrs = _attributes(dataset.attrs, "the dataset")
    for name, variable in dataset.variables.items():
        dataset[name].attrs = _attributes(variable.attrs, f"'{name}'")
        if variable.dtype.kind in "biufc" and variable.size and variable.ndim:
            dataset[name].encoding["fletcher32"] = True
            if variable.nbytes > _LARGE:
                dataset[name].encoding.update(zlib=True, complevel=1, shuffle=True)
    return dataset


def _attributes(attrs: Mapping[Any, Any], of: str) -> dict[str, Any]:
    safe = {}
    for name, value in attrs.items():
        values = value if isinstance(value, list | tuple) else np.atleast_1d(value).tolist()
        if not all(isinstance(each, str | int | float | np.generic) for each in values):
            raise ValueError(
                f"Attribute '{name}' of {of} is {value!r}. netCDF attributes are text, numbers and lists of them."
            )
        safe[str(name)] = int(value) if isinstance(value, bool | np.bool_) else value
    return safe
