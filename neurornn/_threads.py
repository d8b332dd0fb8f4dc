"""Results that do not depend on the number of threads."""

__all__ = ["n_threads", "single_threaded"]

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_outside = threading.local()


@contextmanager
def single_threaded() -> Iterator[None]:
    """Run torch's own operations on one thread, and give the threads back afterwards.

    A product or a sum that torch splits between threads rounds differently for another number of threads, and so
    do transcendental functions at the edges of each share. What must be the same bytes on every machine setting
    runs in here.

    Yields:
        Nothing.
    """
    before, known = torch.get_num_threads(), getattr(_outside, "n_threads", None)
    _outside.n_threads = known or before
    if before != 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        _outside.n_threads = known
        if before != 1:
            torch.set_num_threads(before)


def n_threads() -> int:
    """Number of threads torch may use, :func:`single_threaded` aside."""
    return getattr(_outside, "n_threads", None) or torch.get_num_threads()
