"""Uniform numbers in compiled code."""

__all__ = ["drawn_uniforms"]

from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurornn.kernels._cpu._compile import compiled


def drawn_uniforms(key: int, counter: NDArray[np.uint64]) -> NDArray[np.float64]:
    """The numbers of :func:`neurornn.random.counter_uniform`, bit by bit, from compiled code.

    Args:
        key: Stream key.
        counter: Counters, any shape.

    Returns:
        Numbers on (0, 1), same shape.
    """
    out = np.empty(counter.shape)
    _uniforms(np.uint64(key), counter.reshape(-1), out.reshape(-1))
    return out


@compiled
def _uniforms(key: Any, counter: Any, out: Any) -> None:
    for i in range(counter.size):
        z = counter[i] * np.uint64(0x9E3779B97F4A7C15) + key
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = (z ^ (z >> np.uint64(31))) >> np.uint64(12)
        out[i] = (np.float64(z) + 0.5) * 2.0**-52
