"""Channels of a batch of trials, written where they stay: what is shown, the noise on it, and nothing after the end."""

__all__ = ["Block", "Noise", "Shown", "write_channels"]

import contextlib
import sys
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

_FEW: Final = 2**14  # numbers that are written before a compiler is imported


class Shown(NamedTuple):
    """Values that some neighbouring channels have at some times.

    Attributes:
        at: First channel.
        values: One value for each trial and channel, ``(batch, channel)``.
        during: When, ``(batch, time)``, or ``(1, time)`` for all trials alike.
        otherwise: Value at all other times; None adds to what the channels hold already.
    """

    at: int
    values: NDArray[np.float32]
    during: NDArray[np.bool_]
    otherwise: float | None = 0.0


class Block(NamedTuple):
    """Channels side by side, and what is shown on them.

    Attributes:
        out: Where they are written, ``(batch, time, channel)``, contiguous.
        shown: What is shown, in order. Channels on which nothing is shown keep what they hold.
    """

    out: NDArray[np.float32]
    shown: Sequence[Shown] = ()


class Noise(NamedTuple):
    """White noise on every channel: the numbers of :func:`neurornn.random.normal_traces`, times a scale.

    Attributes:
        key: Stream key.
        trials: Number of each trial.
        scale: What the numbers are multiplied by.
    """

    key: int
    trials: NDArray[np.int64]
    scale: np.float32


def write_channels(
    blocks: Sequence[Block], noise: Noise | None = None, ends: NDArray[np.int64] | None = None
) -> None:
    """Write what is shown, add noise to the first block, and put 0 after the end of each trial.

    Args:
        blocks: Up to three blocks, of the same trials and steps.
        noise: Noise, if there is any.
        ends: Number of steps of each trial, if they differ.
    """
    write = _plain
    if sum(each.out.size for each in blocks) >= _FEW or "neurornn.kernels._cpu" in sys.modules:
        with contextlib.suppress(ImportError):
            from neurornn.kernels._cpu import written_channels as write  # the compiler is slow to import
    write(blocks, noise, ends)


def _plain(blocks: Sequence[Block], noise: Noise | None, ends: NDArray[np.int64] | None) -> None:
    """The same in NumPy, bit by bit."""
    for out, shown in blocks:
        for at, values, during, otherwise in shown:
            here, when = out[..., at : at + values.shape[1]], during[..., None]
            if otherwise is None:
                np.add(here, values[:, None], out=here, where=when)
            else:
                here[...] = np.where(when, values[:, None], np.float32(otherwise))
    if noise is not None:
        _add_noise(blocks[0].out, noise)
    if ends is not None:
        for each in blocks:
            each.out[np.arange(each.out.shape[1]) >= ends[:, None]] = 0.0


def _add_noise(out: NDArray[np.float32], noise: Noise) -> None:
    from neurornn.kernels import host_normals  # which imports torch

    breaks = np.flatnonzero(np.diff(noise.trials) != 1) + 1
    for each in np.split(np.arange(len(out)), breaks):  # one, unless trials were reordered
        first = int(noise.trials[each[0]])
        drawn = host_normals(noise.key, each.size, out.shape[2], out.shape[1], first_trial=first)
        drawn *= noise.scale
        out[each[0] : each[-1] + 1] += drawn.transpose(0, 2, 1)
