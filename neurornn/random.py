r"""Randomness as a pure function of a seed, a stream name and a counter.

Two needs of this package are not served by a sequential generator: trial number 812 must be the same trial
whatever batch it is drawn in, and a checkpoint must continue to the same bytes without storing generator
states. Both follow when every number is *computed* from (seed, stream, counter) and nothing is consumed.
"""

__all__ = [
    "counter_normal",
    "counter_uniform",
    "derive_seed",
    "normal_array",
    "normal_traces",
    "torch_generator",
    "uniform_array",
]

import contextlib
import hashlib
import math
import operator
import sys

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtri

_WEYL = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_FEW = 2**14  # numbers that are drawn before a compiler is imported


def derive_seed(seed: int, *path: str | int) -> int:
    """Child seed for a named purpose, independent of every other purpose.

    Args:
        seed: Parent seed, any integer.
        path: Names and whole numbers that identify the purpose, for instance ``("noise", step)``.

    Returns:
        An integer in ``[0, 2^63)``, the same on every machine and in every version.

    Raises:
        TypeError: If the seed is not a whole number.

    Examples:
        >>> derive_seed(0, "noise", 3) == derive_seed(0, "noise", 3)
        True
        >>> derive_seed(0, "noise", 3) == derive_seed(0, "noise", 4)
        False
    """
    try:
        whole = operator.index(seed)
    except TypeError:
        raise TypeError(f"A seed is a whole number: got {seed!r}.") from None
    parts = (f"str:{part}" if isinstance(part, str) else f"int:{int(part)}" for part in path)
    text = "/".join([str(whole), *parts])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def torch_generator(seed: int, *path: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A torch generator seeded for a named purpose; the global state is not touched.

    Args:
        seed: Parent seed.
        path: Purpose, as in :func:`derive_seed`.
        device: Device the generator draws on.

    Returns:
        A fresh generator.
    """
    return torch.Generator(device=device).manual_seed(derive_seed(seed, *path))


def counter_uniform(key: int, counter: NDArray[np.uint64]) -> NDArray[np.float64]:
    r"""Uniform numbers on the open interval (0, 1), one for each counter.

    The SplitMix64 output function applied to the Weyl sequence ``key + counter * golden ratio``.

    Args:
        key: Stream key, usually from :func:`derive_seed`.
        counter: Counters, any shape.

    Returns:
        Float64 numbers with 52 random bits, same shape as ``counter``.

    References:
        Fast splittable pseudorandom number generators (Steele, Lea & Flood, 2014)
        https://doi.org/10.1145/2660193.2660195

    Examples:
        >>> u = counter_uniform(7, np.arange(100_000, dtype=np.uint64))
        >>> bool(abs(u.mean() - 0.5) < 0.005)
        True
    """
    if counter.size >= _FEW or "neurornn.kernels._cpu" in sys.modules:
        with contextlib.suppress(ImportError):
            from neurornn.kernels._cpu import drawn_uniforms  # the compiler is slow to import

            return drawn_uniforms(key, np.asarray(counter, dtype=np.uint64))
    return _plain_uniforms(key, counter)


def counter_normal(key: int, counter: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Standard normal numbers, one for each counter, by inversion (exact tails to 8.2 standard deviations).

    Args:
        key: Stream key.
        counter: Counters, any shape.

    Returns:
        Float64 numbers, same shape as ``counter``.
    """
    u = counter_uniform(key, counter)
    return np.asarray(ndtri(u, out=u))


def normal_traces(key: int, first: int, n_trials: int, n_rows: int, n: int) -> NDArray[np.float32]:
    """Rows of standard normal numbers for each trial, quickly: the generator of the recurrent noise, in single precision.

    Args:
        key: Stream key.
        first: Number of the first trial.
        n_trials: Number of trials.
        n_rows: Rows for each trial.
        n: Numbers in a row.

    Returns:
        Numbers ``(n_trials, n_rows, n)``; number ``[i, j, k]`` is a function of the key, ``first + i``, ``j`` and ``k``.

    Examples:
        >>> traces = normal_traces(7, 0, 4, 2, 100)
        >>> bool((normal_traces(7, 3, 1, 1, 50) == traces[3:, :1, :50]).all())
        True
    """
    from neurornn.kernels import host_normals  # which use this module

    return host_normals(key, n_trials, n_rows, n, first_trial=first)


def uniform_array(key: int, *shape: int) -> NDArray[np.float64]:
    """An array of uniform numbers on (0, 1), counted from 0 in C order.

    Args:
        key: Stream key.
        shape: Its shape.

    Returns:
        Float64 numbers. A larger array with the same last axes starts with the smaller one.

    Examples:
        >>> bool((uniform_array(7, 5, 2)[:3] == uniform_array(7, 3, 2)).all())
        True
    """
    return counter_uniform(key, _counters(shape))


def normal_array(key: int, *shape: int) -> NDArray[np.float64]:
    """An array of standard normal numbers, counted from 0 in C order.

    Args:
        key: Stream key.
        shape: Its shape.

    Returns:
        Float64 numbers. A larger array with the same last axes starts with the smaller one.
    """
    return counter_normal(key, _counters(shape))


def _counters(shape: tuple[int, ...]) -> NDArray[np.uint64]:
    return np.arange(math.prod(shape), dtype=np.uint64).reshape(shape)


def _plain_uniforms(key: int, counter: NDArray[np.uint64]) -> NDArray[np.float64]:
    """The same in NumPy, bit by bit."""
    z = np.multiply(counter, _WEYL, dtype=np.uint64)
    z += np.uint64(key)
    z ^= z >> np.uint64(30)
    z *= _MIX_1
    z ^= z >> np.uint64(27)
    z *= _MIX_2
    z ^= z >> np.uint64(31)
    z >>= np.uint64(12)  # with one bit more, adding a half would round the largest number up to 1
    u = z.astype(np.float64)
    u += 0.5
    u *= 2.0**-52
    return u
