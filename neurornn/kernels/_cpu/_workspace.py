"""Large arrays that are used again instead of being asked from the operating system in every step.

A fresh array of many megabytes costs a page fault for each of its pages. Memory lent here comes back by itself when the
last array or tensor that looks at it is gone.
"""

__all__ = ["lend"]

import math
import threading
import weakref
from collections import OrderedDict
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

_ALIGNMENT: Final = 64  # bytes: a register never straddles two cache lines
_SPARES: Final = 4  # idle pieces kept of each size
_SIZES: Final = 16  # sizes kept, the longest unused forgotten first


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
    with _lock:
        spares = _idle.get(n_bytes)
        memory = spares.pop() if spares else None
    if memory is None:
        memory = np.empty(n_bytes + _ALIGNMENT, np.uint8)
    lease = _Lease(memory, shape, kind)
    weakref.finalize(lease, _take_back, n_bytes, memory).atexit = False
    return np.asarray(lease)


class _Lease:
    """Owner of an array: views of it, and tensors on it, keep this object alive."""

    def __init__(self, memory: NDArray[np.uint8], shape: tuple[int, ...], kind: np.dtype[Any]) -> None:
        address = memory.ctypes.data
        self.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "typestr": kind.str,
            "data": (address + -address % _ALIGNMENT, False),
        }


def _take_back(n_bytes: int, memory: NDArray[np.uint8]) -> None:
    with _lock:
        spares = _idle.setdefault(n_bytes, [])
        _idle.move_to_end(n_bytes)
        if len(spares) < _SPARES:
            spares.append(memory)
        while len(_idle) > _SIZES:
            _idle.popitem(last=False)


_idle: OrderedDict[int, list[NDArray[np.uint8]]] = OrderedDict()
_lock = threading.RLock()  # a collection in the middle of it may give another piece back
