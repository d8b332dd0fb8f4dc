"""Compiled functions that outlive the process."""

__all__ = ["compiled"]

import hashlib
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

_log = logging.getLogger(__name__)


def compiled(function: Callable[..., None]) -> Any:
    """Compile a function for arrays, without the interpreter lock, and keep the result on disk.

    The stored code is used again only while no file of this folder nor the noise has changed: numba by itself looks at the one file
    the function stands in.

    Args:
        function: What to compile.

    Returns:
        The compiled function.

    Raises:
        ImportError: If numba is told not to compile.
    """
    if numba.config.DISABLE_JIT:
        raise ImportError("numba is told not to compile by NUMBA_DISABLE_JIT")
    try:
        dispatcher = numba.njit(nogil=True, cache=True)(function)
    except RuntimeError as problem:  # no folder can be written to
        _log.debug("Compiled code is not kept: %s", problem)
        return numba.njit(nogil=True)(function)
    dispatcher._cache._cache_file._source_stamp = _stamp()
    return dispatcher


@cache
def _stamp() -> str:
    folder = Path(__file__).parent
    sources = [*sorted(folder.glob("*.py")), folder.parent / "_noise.py"]
    return hashlib.blake2b(b"".join(each.read_bytes() for each in sources), digest_size=16).hexdigest()
