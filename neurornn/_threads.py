"""Results that do not depend on the number of threads."""

__all__ = ["single_threaded"]

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def single_threaded() -> Iterator[None]:
    """Run torch's own operations on one thread, and give the threads back afterwards.

    A product or a sum that torch splits between threads rounds differently for another number of threads, and so
    do transcendental functions at the edges of each share. What must be the same bytes on every machine setting
    runs in here.

    Yields:
        Nothing.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(n_threads)
