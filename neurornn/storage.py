"""Files that are whole or absent: atomic writing, and reading that notices damage."""

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

import contextlib
import errno
import glob
import io
import json
import math
import os
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from torch import Tensor

from neurornn._netcdf import to_netcdf
from neurornn._seal import seal, unseal

_ADVICE: Final = {
    errno.ENOSPC: "The disk is full. Free some space, or choose another folder.",
    errno.EDQUOT: "Your disk quota is used up. Free some space, or choose another folder.",
    errno.EFBIG: "The file is larger than this file system or your limits allow. Choose another folder.",
    errno.EROFS: "The file system is read-only. Choose a folder that can be written.",
    errno.EACCES: "You have no permission there. Choose another folder, or change its permissions.",
    errno.EPERM: "You have no permission there. Choose another folder, or change its permissions.",
    errno.ENOENT: "The folder does not exist. Create it first.",
    errno.ENOTDIR: "A part of the path is a file and not a folder. Choose another path.",
    errno.EEXIST: "A file is already there. Choose another path.",
    errno.EISDIR: "A folder is already there. Choose another path.",
}


class StorageError(OSError):
    """A file or folder could not be written or read.

    Args:
        path: The file or folder.
        error: What the system said.
        action: What was tried, for instance ``"write"``.

    Attributes:
        path: The file or folder.
        reason: What the system said.
        advice: What to do about it.
    """

    def __init__(self, path: Path, error: OSError, action: str = "write") -> None:
        self.path = path
        self.reason = error.strerror or str(error)
        self.advice = _ADVICE.get(error.errno or 0, "Check the disk and the path.")
        kept = " The file that is there is whole." if action == "write" and path.is_file() else ""
        super().__init__(f"Cannot {action} '{path}': {self.reason}. {self.advice}{kept}")
        self.errno = error.errno


class CorruptFile(ValueError):
    """A file does not hold what was once written to it.

    Args:
        path: The file.
        reason: What is wrong with it.
        advice: What to do about it.

    Attributes:
        path: The file.
        reason: What is wrong with it.
        advice: What to do about it.
    """

    def __init__(
        self, path: Path, reason: str, advice: str = "Restore it from a copy, or make it again."
    ) -> None:
        self.path, self.reason, self.advice = path, reason, advice
        super().__init__(f"'{path}' is damaged: {reason}. {advice}")


def atomic_write(
    path: str | Path, content: bytes | Callable[[Path], None], *, before: Callable[[], None] | None = None
) -> None:
    """Write a file so that at every moment the old or the new one is there, whole.

    The content goes to a temporary file in the same folder, is flushed to the disk and renamed. What a killed
    process left behind is removed by the next write of the same file.

    Args:
        path: File to write.
        content: Its bytes, or a function that writes them to the path it is given.
        before: Called when the new content is safe on the disk and before it takes the place of the old.

    Raises:
        StorageError: If it cannot be written. Nothing is left behind and a file that was there stays.

    Examples:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "note.txt"
        >>> atomic_write(path, b"whole")
        >>> path.read_bytes(), [each.name for each in path.parent.iterdir()]
        (b'whole', ['note.txt'])
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_native_id()}.part")
    try:
        try:
            _remove_leftovers(path)
            if callable(content):
                content(temporary)
            else:
                temporary.write_bytes(content)
            with temporary.open("r+b") as file:
                os.fsync(file.fileno())
            if before is not None:
                before()
            os.replace(temporary, path)
            _sync_folder(path.parent)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(path, error) from error


def make_folder(path: str | Path) -> None:
    """Create a folder and its parents if they are not there.

    Args:
        path: Folder.

    Raises:
        StorageError: If it cannot be created.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(Path(path), error, "create the folder") from error


def remove(path: str | Path) -> None:
    """Remove a file if it is there.

    Args:
        path: File.

    Raises:
        StorageError: If it cannot be removed.
    """
    try:
        Path(path).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(Path(path), error, "remove") from error


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
        return json.loads(_read(path).decode(), parse_constant=_refuse_constant)
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
    path = Path(path)
    content = io.BytesIO(_read(path))
    try:
        return xr.load_dataset(content, engine="h5netcdf")
    except Exception as error:  # whatever HDF5 and xarray make of arbitrary bytes
        raise CorruptFile(path, f"it is not a readable netCDF file ({error})") from error


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
    path = Path(path)
    content = io.BytesIO(_read(path))
    try:
        with xr.open_datatree(content, engine="h5netcdf") as tree:
            # one by one, as DataTree.load passes over a variable that has the name of a group
            nodes = {node.path: node.to_dataset(inherit=False).load() for node in tree.subtree}
        return xr.DataTree.from_dict(nodes)
    except Exception as error:  # as above
        raise CorruptFile(path, f"it is not a readable netCDF file ({error})") from error


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
    content = _read(path)
    try:
        return unseal(content, strict=sealed)
    except ValueError as error:
        raise CorruptFile(path, str(error)) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "There is no such file", str(path)) from error
    except OSError as error:
        raise StorageError(path, error, "read") from error


def _remove_leftovers(path: Path) -> None:
    """Remove temporary files of processes that no longer run."""
    for each in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        pid = each.name.removeprefix(f".{path.name}.").split(".")[0]
        if pid.isdecimal() and not _runs(int(pid)):
            each.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    if os.name != "posix":  # elsewhere signal 0 is not a harmless question
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _sync_folder(folder: Path) -> None:
    """Make the renaming itself durable, where the system can."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


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
