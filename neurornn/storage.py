"""Formats of files: atomic writing, and reading that notices damage."""

__all__ = [
    "CorruptFile",
    "StorageError",
    "atomic_write",
    "make_folder",
    "read_dataset",
    "read_json",
    "read_tensors",
    "read_tree",
    "remove",
    "write_dataset",
    "write_json",
    "write_tensors",
    "write_text",
    "write_tree",
]

import io
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import xarray as xr
from torch import Tensor

from neurornn._files import CorruptFile as CorruptFile
from neurornn._files import StorageError as StorageError
from neurornn._files import atomic_write as atomic_write
from neurornn._files import make_folder as make_folder
from neurornn._files import read_bytes
from neurornn._files import remove as remove
from neurornn._netcdf import to_netcdf
from neurornn._seal import seal, unseal

_T = TypeVar("_T")


def write_text(path: str | Path, text: str) -> None:
    """Write text in UTF-8, atomically.

    Args:
        path: File to write.
        text: Its content.
    """
    atomic_write(path, text.encode())


def write_json(path: str | Path, value: Any) -> None:  # noqa: ANN401
    """Write JSON, atomically. NumPy scalars and arrays become numbers and lists; NaN and infinities become null.

    Args:
        path: File to write.
        value: Dictionaries with text keys, lists, text, numbers, booleans, None and NumPy values.
    """
    write_text(path, json.dumps(_plain(value, Path(path).name), indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path) -> Any:  # noqa: ANN401
    """Read JSON.

    Args:
        path: File to read.

    Returns:
        Its content.

    Raises:
        CorruptFile: If it is truncated or is not JSON.
    """
    path = Path(path)
    try:
        return json.loads(read_bytes(path).decode(), parse_constant=_refuse_constant)
    except ValueError as error:
        raise CorruptFile(path, f"it is not valid JSON ({error})") from error


def write_dataset(path: str | Path, dataset: xr.Dataset) -> None:
    """Write a dataset as netCDF, atomically, with a checksum on every array of numbers.

    Args:
        path: File to write.
        dataset: Its content. Attributes are text, numbers and lists of them; booleans become 0 and 1.
    """
    atomic_write(path, to_netcdf({"/": dataset}))


def read_dataset(path: str | Path) -> xr.Dataset:
    """Read a netCDF file into memory.

    Args:
        path: File to read.

    Returns:
        Its content.

    Raises:
        CorruptFile: If it is truncated, fails a checksum or is not netCDF.
    """
    return _opened(path, lambda content: xr.load_dataset(content, engine="h5netcdf"))


def write_tree(path: str | Path, tree: xr.DataTree) -> None:
    """Write a tree of datasets as netCDF with groups, like :func:`write_dataset`.

    Args:
        path: File to write.
        tree: Its content.
    """
    atomic_write(path, to_netcdf({node.path: node.to_dataset(inherit=False) for node in tree.subtree}))


def read_tree(path: str | Path) -> xr.DataTree:
    """Read a netCDF file with groups into memory.

    Args:
        path: File to read.

    Returns:
        Its content.

    Raises:
        CorruptFile: If it is truncated, fails a checksum or is not netCDF.
    """
    return _opened(path, _loaded_tree)


def write_tensors(
    path: str | Path,
    tensors: Mapping[str, Tensor],
    metadata: Mapping[str, Any],
    *,
    before: Callable[[], None] | None = None,
) -> None:
    """Write tensors as safetensors with JSON metadata, atomically and sealed with the SHA-256 of the file.

    The same content gives the same bytes. The digest is that of the whole file with zeros in place of the digest.

    Args:
        path: File to write.
        tensors: Named tensors.
        metadata: Whatever JSON can hold, floats exactly.
        before: As in :func:`atomic_write`.
    """
    atomic_write(path, seal(tensors, metadata), before=before)


def read_tensors(path: str | Path, *, sealed: bool = True) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what :func:`write_tensors` wrote; no code stored in a file is ever run.

    Args:
        path: File to read.
        sealed: Refuse a file without the seal. If False, a file another program wrote is read without metadata.

    Returns:
        The tensors and the metadata.

    Raises:
        CorruptFile: If a single bit of the file is not what was written.
    """
    path = Path(path)
    content = read_bytes(path)
    try:
        return unseal(content, strict=sealed)
    except ValueError as error:
        raise CorruptFile(path, str(error)) from error


def _opened(path: str | Path, load: Callable[[io.BytesIO], _T]) -> _T:
    """The content of a netCDF file."""
    path = Path(path)
    content = io.BytesIO(read_bytes(path))
    try:
        return load(content)
    except Exception as error:  # whatever HDF5 and xarray make of arbitrary bytes
        raise CorruptFile(path, f"it is not a readable netCDF file ({error})") from error


def _loaded_tree(content: io.BytesIO) -> xr.DataTree:
    with xr.open_datatree(content, engine="h5netcdf") as tree:
        # one by one, as DataTree.load passes over a variable that has the name of a group
        nodes = {node.path: node.to_dataset(inherit=False).load() for node in tree.subtree}
    return xr.DataTree.from_dict(nodes)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _plain(value: Any, where: str) -> Any:  # noqa: ANN401
    if isinstance(value, np.generic | np.ndarray):
        return _plain(value.tolist(), where)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: _plain(each, f"{where}: {key}") for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each, f"{where}[{i}]") for i, each in enumerate(value)]
    raise ValueError(
        f"{where} cannot be written as JSON: got {type(value).__name__}. Use text keys, lists, text and numbers."
    )
