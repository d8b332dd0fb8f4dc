"""Work shared out between threads."""

__all__ = ["share"]

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from neurornn._threads import n_threads

_pools: dict[int, ThreadPoolExecutor] = {}  # by process: threads do not survive a fork
_lock = threading.Lock()


def share(work: Callable[[int, int], None], n_items: int) -> None:
    """Call ``work(first, last)`` for shares that cover ``n_items``, one for each thread torch may use.

    Args:
        work: What to do; compiled code that releases the interpreter lock.
        n_items: Number of items.
    """
    n_shares = max(1, min(n_threads(), n_items))
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
