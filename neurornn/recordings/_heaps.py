"""Where HDF5 keeps text of variable length, looked at before HDF5 walks it."""

__all__ = ["check_heaps"]

from pathlib import Path

_SCAN = 1 << 24  # bytes looked through at a time
_HEAP = 4096  # bytes a collection has at least


def check_heaps(path: Path) -> None:
    """Walk all collections of the global heap of an HDF5 file: each object must end inside and the next lie beyond it.

    HDF5 itself adds up sizes without looking, and a size of 0 or of nearly 2^64 keeps it in the same place forever.

    Args:
        path: File.

    Raises:
        ValueError: If one is damaged.
    """
    mark, n_bytes = b"GCOL\x01", path.stat().st_size
    with path.open("rb") as file:
        first = 0
        while first < n_bytes:
            file.seek(first)
            block = file.read(_SCAN + len(mark) - 1)
            at = block.find(mark)
            while at >= 0:
                file.seek(first + at)
                header = file.read(16)
                size = int.from_bytes(header[8:16], "little")
                if _HEAP <= size <= n_bytes - first - at and not _walks(file.read(size - 16)):
                    raise ValueError(f"the text at byte {first + at} is damaged.")
                at = block.find(mark, at + 1)
            first += _SCAN


def _walks(objects: bytes) -> bool:
    """Whether the objects of one collection follow each other to its end."""
    at = 0
    while at + 16 <= len(objects):
        index = int.from_bytes(objects[at : at + 2], "little")
        size = int.from_bytes(objects[at + 8 : at + 16], "little")
        step = 16 + -(-size // 8) * 8 if index else size
        if step < 16 or step > len(objects) - at + (0 if index == 0 else 7):
            return False
        at += step
    return True
