"""Work shared out between threads.

All that threads wait for here is made of C alone: Python's own pools can be left locked for good by an interrupt.
"""

__all__ = ["share"]

import os
import threading
from collections.abc import Callable
from itertools import pairwise
from queue import SimpleQueue
from typing import Final, TypeAlias

from neurornn._threads import n_threads

_Work: TypeAlias = Callable[[int, int], None]
_Answers: TypeAlias = "SimpleQueue[BaseException | None]"
_Tasks: TypeAlias = "SimpleQueue[tuple[_Work, int, int, _Answers]]"

_WORTH: Final = 3e5  # nanoseconds of work that justify waking another thread, unless the caller knows better
_helpers: dict[int, tuple[_Tasks, list[threading.Thread]]] = {}  # by process: threads do not survive a fork
_lock = threading.Lock()


def share(work: _Work, n_items: int, nanoseconds: float, worth: float | None = None) -> None:
    """Call ``work(first, last)`` for shares that cover ``n_items``, on as many threads as torch may use and it is worth.

    Args:
        work: What to do; compiled code that releases the interpreter lock.
        n_items: Number of items.
        nanoseconds: How long one thread would take, roughly.
        worth: Nanoseconds of work that are worth another thread; None for what long work is.
    """
    n_shares = max(1, min(n_threads(), n_items, int(nanoseconds / (worth or _WORTH))))
    if n_shares == 1:
        return work(0, n_items)
    edges = [n_items * i // n_shares for i in range(n_shares + 1)]
    tasks, answers = _queue(n_shares - 1), SimpleQueue()  # type: ignore[var-annotated]
    for first, last in pairwise(edges[1:]):
        tasks.put((work, first, last, answers))
    try:
        work(0, edges[1])
    finally:
        problems = [answers.get() for _ in range(n_shares - 1)]
    for problem in problems:
        if problem is not None:
            raise problem


def _queue(n: int) -> _Tasks:
    """Where tasks are put for at least ``n`` helpers, or as many as there are processors."""
    process = os.getpid()
    with _lock:
        if process not in _helpers:
            _helpers.clear()
            _helpers[process] = (SimpleQueue(), [])
        tasks, threads = _helpers[process]
        while len(threads) < min(n, os.cpu_count() or 1):
            thread = threading.Thread(target=_help, args=(tasks,), name="neurornn", daemon=True)
            thread.start()
            threads.append(thread)
    return tasks


def _help(tasks: _Tasks) -> None:
    while True:
        work, first, last, answers = tasks.get()
        problem = None
        try:
            work(first, last)
        except BaseException as error:
            problem = error
        del work  # and with it the memory it holds, before anyone goes on
        answers.put(problem)
        del answers, problem
