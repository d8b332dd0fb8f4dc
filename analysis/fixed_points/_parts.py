"""Rows of a batch in parts of a fixed size, on as many threads as there are: the same numbers on one as on many."""

__all__ = ["in_parts"]

from collections.abc import Callable
from typing import TypeVar

import torch

from neurornn._share import share
from neurornn._threads import single_threaded

_Part = TypeVar("_Part")


def in_parts(work: Callable[[slice], _Part], n_rows: int, size: int, nanoseconds: float) -> list[_Part]:
    """Call ``work`` on parts of a batch.

    A product of matrices rounds differently for another number of rows. The parts are therefore the same however many
    threads share them, and each is worked on by one.

    Args:
        work: What to do with the rows of a slice; it must be safe to call on several threads if these are worth it.
        n_rows: Number of rows; there is one empty part if there are none.
        size: Number of rows of a part.
        nanoseconds: How long one thread would take for all, roughly; 0 keeps all on the calling thread.

    Returns:
        The result of each part, in order.
    """
    parts = [slice(first, min(first + size, n_rows)) for first in range(0, max(n_rows, 1), size)]
    found: dict[int, _Part] = {}

    def some(first: int, stop: int) -> None:
        if torch.get_num_threads() != 1:  # a thread that was used before
            torch.set_num_threads(1)
        with torch.no_grad():
            for k in range(first, stop):
                found[k] = work(parts[k])

    with single_threaded():
        share(some, len(parts), nanoseconds)
    return [found[k] for k in range(len(parts))]
