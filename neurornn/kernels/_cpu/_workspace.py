"""Large arrays that are used again instead of being asked from the operating system in every step.

A fresh array of many megabytes costs a page fault for each of its pages. Memory lent here comes back by itself when the
last array or tensor that looks at it is gone.
"""

__all__ = ["lend"]

import math
import threading
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

_ALIGNMENT: Final = 64  # bytes: a register never straddles two cache lines
_SPARES: Final = 4  # idle pieces kept of each size
_SIZES: Final = 32  # sizes kept, the oldest forgotten first


_idle: dict[int, list[tuple[NDArray[np.uint8], int]]] = {}  # by size: memory and its first aligned address
_lock = threading.RLock()  # a collection in the middle of it may give another piece back


def lend(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """An array whose numbers are arbitrary.

    Args:
        shape: Its shape.
        dtype: Its type.

    Returns:
        A contiguous, aligned array.
    """
    kind = np.dtype(dtype)
    n_bytes = max(1, math.prod(shape)) * kind.itemsize
    spares = _idle.get(n_bytes)
    try:
        piece = spares.pop() if spares else None
    except IndexError:  # another thread was quicker
        piece = None
    if piece is None:
        memory = np.empty(n_bytes + _ALIGNMENT, np.uint8)
        piece = memory, memory.ctypes.data + -memory.ctypes.data % _ALIGNMENT
    return np.asarray(_Lease(piece, n_bytes, shape, kind.str))


class _Lease:
    """Owner of an array: views of it, and tensors on it, keep this object alive."""

    __slots__ = ("__array_interface__", "_n_bytes", "_piece")

    def __init__(
        self, piece: tuple[NDArray[np.uint8], int], n_bytes: int, shape: tuple[int, ...], kind: str
    ) -> None:
        self._piece, self._n_bytes = piece, n_bytes
        self.__array_interface__ = {"version": 3, "shape": shape, "typestr": kind, "data": (piece[1], False)}

    def __del__(self) -> None:
        spares = _idle.get(self._n_bytes)
        if spares is None:
            spares = _keep(self._n_bytes)
        if len(spares) < _SPARES:
            spares.append(self._piece)


def _keep(n_bytes: int) -> list[tuple[NDArray[np.uint8], int]]:
    """A place for pieces of a new size; the oldest size is forgotten."""
    with _lock:
        while len(_idle) >= _SIZES:
            _idle.pop(next(iter(_idle)))
        return _idle.setdefault(n_bytes, [])
