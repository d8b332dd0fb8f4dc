"""Work shared out between threads."""

__all__ = ["share"]

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from neurornn._threads import n_threads

_WORTH: Final = 1.5e5  # nanoseconds of work that justify waking another thread, which takes a third of that
_pools: dict[int, ThreadPoolExecutor] = {}  # by process: threads do not survive a fork
_lock = threading.Lock()


def share(work: Callable[[int, int], None], n_items: int, nanoseconds: float) -> None:
    """Call ``work(first, last)`` for shares that cover ``n_items``, on as many threads as torch may use and it is worth.

    Args:
        work: What to do; compiled code that releases the interpreter lock.
        n_items: Number of items.
        nanoseconds: How long one thread would take, roughly.
    """
    n_shares = max(1, min(n_threads(), n_items, int(nanoseconds / _WORTH)))
    edges = [n_items * i // n_shares for i in range(n_shares + 1)]
    others = []
    if n_shares > 1:
        pool = _pool()
        others = [pool.submit(work, *edges[i : i + 2]) for i in range(1, n_shares)]
    try:
        work(edges[0], edges[1])
    finally:
        for each in others:
            each.result()


def _pool() -> ThreadPoolExecutor:
    with _lock:
        process = os.getpid()
        if process not in _pools:
            _pools.clear()
            _pools[process] = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="neurornn")
        return _pools[process]
