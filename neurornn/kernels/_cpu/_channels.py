"""Channels of trials in compiled code: one pass over each trial while it is in the fastest memory."""

__all__ = ["written_channels"]

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from neurornn._channels import Block, Noise
from neurornn._share import share
from neurornn.kernels._cpu._compile import compiled
from neurornn.kernels._cpu._emit import pointer
from neurornn.kernels._cpu._normal import draw_few

_BLOCKS: Final = 3
_NONE: Final = np.zeros(0, np.float32)
_NOTHING: Final = np.zeros(0, np.int64)
_WORTH: Final = 1e5  # nanoseconds of work for another thread: these are short, and end together
_DRAWN, _WRITTEN, _SHOWN = 0.8, 0.2, 0.05  # nanoseconds for a number, roughly


def written_channels(blocks: Sequence[Block], noise: Noise | None, ends: NDArray[np.int64] | None) -> None:
    """What :func:`neurornn._channels.write_channels` asks for.

    Args:
        blocks: Up to three blocks.
        noise: Noise of the first, if there is any.
        ends: Number of steps of each trial, if they differ.
    """
    n_trials, n_steps = blocks[0].out.shape[:2]
    table: list[int] = []
    levels, values, rows = [], [], []
    places: dict[int, tuple[int, int]] = {}
    at_value = at_time = 0
    nanoseconds = 0.0
    for number, (out, shown) in enumerate(blocks):
        nanoseconds += _WRITTEN * out.size
        for at, value, during, level in shown:
            place = places.get(id(during))
            if place is None:
                alike = len(during) == 1 or during.strides[0] == 0
                row = during[0] if alike else during.reshape(-1)
                place = places[id(during)] = at_time, 0 if alike else n_steps
                rows.append(row)
                at_time += row.size
            width = value.shape[1]
            table += (number, at, width, at_value, *place, level is None)
            levels.append(level or 0.0)
            values.append(value)
            at_value += width
            nanoseconds += _SHOWN * width * n_trials * n_steps
    what, otherwise = _as_arrays(tuple(table), tuple(levels))
    held = np.concatenate(values, axis=1).reshape(-1) if values else _NONE
    when = np.concatenate(rows) if rows else np.zeros(0, np.bool_)
    outs = (*(each.out.reshape(-1) for each in blocks), *[_NONE] * (_BLOCKS - len(blocks)))
    widths = [each.out.shape[2] for each in blocks] + [0] * (_BLOCKS - len(blocks))
    sizes = np.array([n_steps, at_value, *widths], np.uint64)
    key, trials, scale = noise or (0, _NOTHING, np.float32(0.0))
    low, high = np.uint32(key & 0xFFFFFFFF), np.uint32(key >> 32)
    stops = _NOTHING if ends is None else np.ascontiguousarray(ends, dtype=np.int64)
    if noise is not None:
        nanoseconds += _DRAWN * blocks[0].out.size

    pieces, drawn = (what, held, when, otherwise), (trials, scale, low, high)

    def work(first: int, last: int) -> None:
        _write(outs, sizes, first, last, pieces, drawn, stops)

    share(work, n_trials, nanoseconds, worth=_WORTH)


@lru_cache(maxsize=256)
def _as_arrays(
    table: tuple[int, ...], levels: tuple[float, ...]
) -> tuple[NDArray[np.uint64], NDArray[np.float32]]:
    """What is shown where, in the arrays that compiled code takes; the same in every batch of most tasks."""
    return np.array(table, np.uint64).reshape(-1, 7), np.array(levels, np.float32)


@compiled
def _write(outs: Any, sizes: Any, first: int, last: int, pieces: Any, drawn: Any, stops: Any) -> None:
    trials, scale, low, high = drawn
    silent = trials[:0], scale, low, high
    _write_block(outs[0], 0, sizes, first, last, pieces, drawn, stops)
    _write_block(outs[1], 1, sizes, first, last, pieces, silent, stops)
    _write_block(outs[2], 2, sizes, first, last, pieces, silent, stops)


@compiled
def _write_block(
    out: Any, number: int, sizes: Any, first: int, last: int, pieces: Any, noise: Any, stops: Any
) -> None:
    what, held, when, otherwise = pieces
    trials, scale, low, high = noise
    # Whole numbers without a sign, and no slices: neither looks for indices from the end, nor counts who looks at an array.
    n_steps, n_values, n_channels = sizes[0], sizes[1], sizes[2 + number]
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    row = (n_steps + np.uint64(63)) // np.uint64(64) * np.uint64(64)
    lines = np.empty(n_channels * row, np.float32)  # of one trial, channel by channel
    drawn = np.empty(row, np.float32)
    fresh = np.zeros(n_channels, np.bool_)
    begin, end = np.uint64(0), np.uint64(0)
    for piece in range(what.shape[0]):
        if what[piece, 0] < np.uint64(number):
            begin += one
        if what[piece, 0] <= np.uint64(number):
            end += one
    for piece in range(begin, end):
        for k in range(what[piece, 2]):
            fresh[what[piece, 1] + k] = True
    few = (n_channels == 2 or n_channels == 3) and fresh.all()
    for trial in range(np.uint64(first), np.uint64(last)):
        for piece in range(begin, end):
            start, level = what[piece, 4] + trial * what[piece, 5], otherwise[piece]
            for k in range(what[piece, 2]):
                line = (what[piece, 1] + k) * row
                value = held[trial * n_values + what[piece, 3] + k]
                if what[piece, 6]:
                    for step in range(n_steps):
                        before = lines[line + step]
                        lines[line + step] = before + value if when[start + step] else before
                else:
                    for step in range(n_steps):
                        lines[line + step] = value if when[start + step] else level
        for channel in range(n_channels):
            line, target = channel * row, trial * n_steps * n_channels + channel
            if trials.size:
                draw_few(pointer(drawn, 0), n_steps, channel, trials[trial], low, high)
                if fresh[channel]:
                    for step in range(n_steps):
                        lines[line + step] += scale * drawn[step]
                else:
                    for step in range(n_steps):
                        out[target + step * n_channels] += scale * drawn[step]
            if fresh[channel] and not few:
                for step in range(n_steps):
                    out[target + step * n_channels] = lines[line + step]
        target = trial * n_steps * n_channels
        if few and n_channels == 2:  # a number that is spelt out lets whole registers be shuffled
            for step in range(n_steps):
                out[target + two * step] = lines[step]
                out[target + two * step + one] = lines[row + step]
        elif few and n_channels == 3:
            for step in range(n_steps):
                out[target + three * step] = lines[step]
                out[target + three * step + one] = lines[row + step]
                out[target + three * step + two] = lines[two * row + step]
        if stops.size:
            for at in range(target + np.uint64(stops[trial]) * n_channels, target + n_steps * n_channels):
                out[at] = 0.0
