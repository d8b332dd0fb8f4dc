"""Large arrays that are used again instead of being asked from the operating system in every step.

A fresh array of many megabytes costs a page fault for each of its pages. Memory lent here comes back by itself when the
last array or tensor that looks at it is gone.
"""

__all__ = ["lend"]

import math
import threading
from collections import OrderedDict
from typing import Any, Final

import numpy as np
from numpy.typing import DTypeLike, NDArray

_ALIGNMENT: Final = 64  # bytes: a register never straddles two cache lines
_SPARES: Final = 4  # idle pieces kept of each size
_SIZES: Final = 16  # sizes kept, the longest unused forgotten first


_idle: OrderedDict[int, list[NDArray[np.uint8]]] = OrderedDict()
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
    with _lock:
        spares = _idle.get(n_bytes)
        memory = spares.pop() if spares else None
    if memory is None:
        memory = np.empty(n_bytes + _ALIGNMENT, np.uint8)
    return np.asarray(_Lease(memory, n_bytes, shape, kind.str))


class _Lease:
    """Owner of an array: views of it, and tensors on it, keep this object alive."""

    __slots__ = ("__array_interface__", "_memory", "_n_bytes")

    def __init__(self, memory: NDArray[np.uint8], n_bytes: int, shape: tuple[int, ...], kind: str) -> None:
        self._memory, self._n_bytes = memory, n_bytes
        address = memory.__array_interface__["data"][0]
        self.__array_interface__ = {
            "version": 3,
            "shape": shape,
            "typestr": kind,
            "data": (address + -address % _ALIGNMENT, False),
        }

    def __del__(self) -> None:
        with _lock:
            spares = _idle.setdefault(self._n_bytes, [])
            _idle.move_to_end(self._n_bytes)
            if len(spares) < _SPARES:
                spares.append(self._memory)
            while len(_idle) > _SIZES:
                _idle.popitem(last=False)
