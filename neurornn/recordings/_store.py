"""Recordings as files, whatever their format."""

__all__ = ["load", "save"]

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import xarray as xr

from neurornn.recordings._schema import check_structure
from neurornn.storage import CorruptFile

_READERS: Final = {
    ".nc": "_nc",
    ".npz": "_npz",
    ".csv": "_csv",
    ".mat": "_matlab",
    ".nwb": "_nwb",
}
_OTHERS: Final = (".mat", ".nwb")  # formats of others: what is wrong with a file may be no damage
_WRITERS: Final = {key: value for key, value in _READERS.items() if key != ".mat"}


def load(path: str | Path, *, max_bytes: int = 2**30, **options: Any) -> xr.Dataset:  # noqa: ANN401
    """Read a recording; the suffix of the file says how.

    Files are not trusted: no pickle is read, nothing outside the file is followed, and what an array says of its size is held
    against the file before memory is taken for it.

    ======== =============================================================================================
    ``.nc``  netCDF, as :func:`save` writes it. Above ``max_bytes`` large arrays stay in the file and are read when needed
    ``.npz`` NumPy arrays under the names of the schema, see :func:`check`; ``unit``, ``area``, ``subject`` and
             names that start with ``unit_`` lie along the units, all others along the trials
    ``.csv`` one row for each trial: conditions, ``event_<name>``, ``session``, ``start`` and ``stop``; spike times in
             ms separated by blanks, in columns ``spikes_<unit>`` (``NA`` where a unit was not recorded), or in one column
             ``spikes`` beside a column ``unit``, or nowhere
    ``.mat`` MATLAB, with ``layout=`` a :class:`MatlabLayout` that says where its parts are
    ``.nwb`` Neurodata Without Borders: the tables of units and trials
    ======== =============================================================================================

    Args:
        path: File to read.
        max_bytes: Most that is held in memory; above it netCDF is read by parts and other formats are refused, but for MATLAB
            files, which are held against what they store.
        options: Options of the formats ``.mat`` and ``.nwb``.

    Returns:
        A recording of either form.

    Raises:
        ValueError: If the format is unknown or the recording does not follow the schema.
        FileNotFoundError: If there is no such file.
        CorruptFile: If it is damaged.

    Examples:
        >>> import tempfile
        >>> from neurornn.recordings import spikes
        >>> path = Path(tempfile.mkdtemp()) / "session.npz"
        >>> save(spikes([[[10.0, 30.0]]], start=0.0, stop=50.0), path)
        >>> load(path).spike_time.values.tolist()
        [10.0, 30.0]
    """
    path = Path(path)
    read = _function(path, _READERS, "read")
    if not path.is_file():
        raise FileNotFoundError(f"There is no file '{path}'.")
    if path.suffix.lower() in _OTHERS:
        limit = {"max_bytes": max_bytes} if path.suffix.lower() == ".nwb" else {}
        return read(path, **limit, **options)
    if options:
        raise ValueError(f"Files ending in '{path.suffix}' have no options: got {', '.join(options)}.")
    ds = read(path, max_bytes)
    try:
        check_structure(ds)
    except ValueError as error:
        raise ValueError(f"'{path}': {error}") from error
    except (OSError, RuntimeError) as error:
        raise CorruptFile(path, str(error)) from error
    return ds


def save(ds: xr.Dataset, path: str | Path) -> None:
    """Write a recording; the suffix of the file says how.

    netCDF (``.nc``) and ``.npz`` hold everything and give it back as it was. ``.csv`` holds spikes. Files are
    written whole or not at all, and netCDF by parts, so that a recording may be larger than memory.

    Args:
        ds: A recording of either form, or simulated trials.
        path: File to write.

    Raises:
        ValueError: If the format cannot hold it, or it does not follow the schema.
    """
    path = Path(path)
    write = _function(path, _WRITERS, "write")
    check_structure(ds)
    write(ds, path)


def _function(path: Path, known: dict[str, str], action: str) -> Callable[..., Any]:
    suffix = path.suffix.lower()
    if suffix not in known:
        raise ValueError(
            f"Cannot {action} '{path}': files ending in '{path.suffix}' are not known. Known are {', '.join(known)}."
        )
    function: Callable[..., Any] = getattr(import_module(f"neurornn.recordings.{known[suffix]}"), action)
    return function
