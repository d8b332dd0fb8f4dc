"""Files that are whole or absent, and what can go wrong with them."""

__all__ = ["CorruptFile", "StorageError", "atomic_write", "make_folder", "read_bytes", "remove"]

import contextlib
import errno
import glob
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

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


def read_bytes(path: Path) -> bytes:
    """Read a file.

    Args:
        path: File.

    Returns:
        Its content.

    Raises:
        FileNotFoundError: If there is none.
        StorageError: If it cannot be read.
    """
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
