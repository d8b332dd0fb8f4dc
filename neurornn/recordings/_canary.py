"""Files of unknown origin are first read in a process of its own, with little time and memory.

Damaged HDF5 can crash the library that reads it, keep it busy forever or make it ask for gigabytes.
"""

__all__ = ["seal", "survives"]

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Final

from neurornn.recordings._heaps import check_heaps
from neurornn.storage import CorruptFile

_MARK: Final = b"\nneurornn sha256 "
_LENGTH: Final = len(_MARK) + 64
_PATIENCE: Final = 60  # seconds
_ALLOWANCE: Final = 2**28  # bytes that reading any file may take,
_TIMES: Final = 64  # and times its size
_GREEDY: Final = 3  # exit status of a process that ran out of its memory
_CANARY: Final = """
import os, sys
import h5py
path, allowance, greedy = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
try:
    import resource
    with open("/proc/self/statm") as file:
        most = int(file.read().split()[0]) * resource.getpagesize() + allowance
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except (ImportError, ValueError, OSError):
    pass
def failed(error):
    if isinstance(error, MemoryError) or "alloc" in str(error).replace(path, ""):
        os._exit(greedy)
def look(node):
    for name in list(node.attrs):
        try:
            node.attrs[name]
        except Exception as error:
            failed(error)
    if not isinstance(node, h5py.Dataset):
        for name in list(node):
            try:
                if isinstance(node.get(name, getlink=True), h5py.HardLink):
                    look(node[name])
            except Exception as error:
                failed(error)
        return
    if node.is_virtual or node.external:
        return
    node.chunks, node.id.get_storage_size()
    whole = node.nbytes <= min(2**26, 1100 * node.id.get_storage_size() + 2**20)
    node[...] if whole else node[(slice(0, 1),) * node.ndim]
try:
    with h5py.File(path, "r") as file:
        look(file)
except BaseException as error:
    failed(error)
"""


def seal(path: Path) -> None:
    """Append the SHA-256 digest of a file to it, behind what HDF5 reads.

    Args:
        path: File just written.
    """
    digest = _digest(path, path.stat().st_size)
    with path.open("ab") as file:
        file.write(_MARK + digest)


def survives(path: Path) -> None:
    """Return only if a file can be opened without harm.

    A sealed file is compared with its digest. Any other is read in another process, which may crash, hang or run out of the
    memory it has: 256 MiB and 64 times the size of the file.

    Args:
        path: File to be opened.

    Raises:
        CorruptFile: If it is not what was sealed, or reading it crashes, does not end or takes too much memory.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _LENGTH))
        end = file.read()
    if end.startswith(_MARK) and len(end) == _LENGTH:
        if _digest(path, size - _LENGTH) != end.removeprefix(_MARK):
            raise CorruptFile(path, "its content does not match its SHA-256 digest")
        return
    try:
        check_heaps(path)
    except ValueError as error:
        raise CorruptFile(path, str(error).rstrip(".")) from None
    if not sys.executable:
        return
    words = [str(path.resolve()), str(_ALLOWANCE + _TIMES * size), str(_GREEDY)]
    try:
        code = subprocess.run(
            [sys.executable, "-I", "-c", _CANARY, *words],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
        ).returncode
    except subprocess.TimeoutExpired:
        raise CorruptFile(path, f"reading it does not end within {_PATIENCE} s") from None
    if code == _GREEDY:
        raise CorruptFile(
            path, f"reading it takes more than {_ALLOWANCE >> 20} MiB and {_TIMES} times its {size} bytes"
        )
    if code != 0:
        raise CorruptFile(path, f"reading it crashes the HDF5 library (exit {code})")


def _digest(path: Path, size: int) -> bytes:
    """Hexadecimal SHA-256 of the first bytes of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size > 0:
            part = file.read(min(size, 2**20))
            if not part:
                break
            digest.update(part)
            size -= len(part)
    return digest.hexdigest().encode()
