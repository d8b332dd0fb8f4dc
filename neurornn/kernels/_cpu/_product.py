"""The matrix product of a few rows, by tiles that stay in registers.

Every element of a result is one chain of fused multiply-adds over the inner index in ascending order, whatever the
tiling. So results do not depend on how rows are shared out between threads, nor on the width of the registers.
"""

__all__ = ["accumulate", "multiply", "pack"]

from typing import Any, Final

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from neurornn.kernels._cpu._compile import compiled
from neurornn.kernels._cpu._emit import INDEX, shift
from neurornn.kernels._cpu._vector import LANES, Builder, Vector

_HEIGHT: Final = (
    6 if LANES[4] == 8 else 8
)  # rows of a tile: its sums must fit the registers, 16 with AVX2 and 32 elsewhere
_WIDTH: Final = 2  # registers side by side in a tile


@compiled
def pack(matrix: Any, packed: Any, lanes: int) -> None:
    """Lay a matrix in panels one tile wide, each contiguous, for :func:`multiply`."""
    inner, columns = matrix.shape
    panel = _WIDTH * lanes
    at = 0
    for first in range(0, columns, panel):
        last = min(first + panel, columns)
        for k in range(inner):
            for j in range(first, last):
                packed[at] = matrix[k, j]
                at += 1


@numba.njit(nogil=True)
def multiply(left, left_row, packed, inner, columns, out, out_row, n_rows, lanes):
    """``out = left @ matrix`` for addresses: rows of ``left`` against a packed matrix ``(inner, columns)``."""
    panel = _WIDTH * lanes
    for first in range(0, columns, panel):
        wide = columns - first >= panel
        width = panel if wide else lanes
        _panel(
            left,
            left_row,
            1,
            shift(packed, first * inner),
            width,
            shift(out, first),
            out_row,
            n_rows,
            inner,
            wide,
            False,
        )


@numba.njit(nogil=True)
def accumulate(left, left_inner, right, right_inner, inner, columns, out, out_row, n_rows, lanes):
    """``out += left.T @ right`` for addresses, both stored ``(inner, ...)``."""
    panel = _WIDTH * lanes
    for first in range(0, columns, panel):
        wide = columns - first >= panel
        _panel(
            left,
            1,
            left_inner,
            shift(right, first),
            right_inner,
            shift(out, first),
            out_row,
            n_rows,
            inner,
            wide,
            True,
        )


@numba.njit(nogil=True)
def _panel(left, left_row, left_inner, right, right_inner, out, out_row, n_rows, inner, wide, add):
    n_tiles = (n_rows + _HEIGHT - 1) // _HEIGHT
    first = 0
    for tile in range(n_tiles):
        height = (n_rows - first + n_tiles - tile - 1) // (n_tiles - tile)
        _tile(
            2 * height + (1 if wide else 0),
            shift(left, first * left_row),
            left_row,
            left_inner,
            right,
            right_inner,
            shift(out, first * out_row),
            out_row,
            inner,
            add,
        )
        first += height


@intrinsic
def _tile(
    typing,
    shape,
    left,
    left_row,
    left_inner,
    right,
    right_inner,
    out,
    out_row,
    inner,
    add,
) -> Any:
    """One tile; ``shape`` is twice its height, plus 1 if it is two registers wide."""
    i = types.intp
    signature = types.void(i, left, i, i, left, i, left, i, i, types.boolean)

    def code(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        after = builder.append_basic_block("after")
        choice = builder.switch(arguments[0], after)
        for height in range(1, _HEIGHT + 1):
            for wide in range(2):
                block = builder.append_basic_block("tile")
                choice.add_case(ir.Constant(INDEX, 2 * height + wide), block)
                builder.position_at_end(block)
                _emit(builder, arguments[1:], height, 1 + wide)
                builder.branch(after)
        builder.position_at_end(after)
        return context.get_dummy_value()

    return signature, code


def _emit(builder: Builder, arguments: Any, height: int, width: int) -> None:
    left, left_row, left_inner, right, right_inner, out, out_row, inner, add = arguments
    element = left.type.pointee
    kind = ir.VectorType(element, LANES[4 if isinstance(element, ir.FloatType) else 8])
    cells = [(i, j) for i in range(height) for j in range(width)]
    at = lambda address, *offset: builder.gep(
        address, [builder.add(*offset) if len(offset) == 2 else offset[0]]
    )
    whole = lambda number: ir.Constant(INDEX, number)
    lines = [at(left, builder.mul(left_row, whole(i))) for i in range(height)]
    targets = {(i, j): at(out, builder.mul(out_row, whole(i)), whole(j * kind.count)) for i, j in cells}

    before, reading, ready = (
        builder.block,
        builder.append_basic_block("reading"),
        builder.append_basic_block("ready"),
    )
    builder.cbranch(add, reading, ready)
    builder.position_at_end(reading)
    old = {cell: Vector.load(builder, targets[cell]).value for cell in cells}
    builder.branch(ready)
    builder.position_at_end(ready)
    start = {cell: builder.phi(kind) for cell in cells}
    for cell, value in start.items():
        value.add_incoming(ir.Constant(kind, [0.0] * kind.count), before)
        value.add_incoming(old[cell], reading)

    body, done = builder.append_basic_block("inner"), builder.append_basic_block("done")
    builder.branch(body)
    builder.position_at_end(body)
    k = builder.phi(INDEX)
    sums = {cell: builder.phi(kind) for cell in cells}
    line = at(right, builder.mul(k, right_inner))
    columns = [Vector.load(builder, at(line, whole(j * kind.count))) for j in range(width)]
    place = builder.mul(k, left_inner)
    after = {}
    for i in range(height):
        factor = Vector.splat(builder, builder.load(at(lines[i], place)))
        for j in range(width):
            after[i, j] = factor.fma(columns[j], Vector(builder, sums[i, j]))
    following = builder.add(k, whole(1))
    k.add_incoming(whole(0), ready)
    k.add_incoming(following, body)
    for cell in cells:
        sums[cell].add_incoming(start[cell], ready)
        sums[cell].add_incoming(after[cell].value, body)
    builder.cbranch(builder.icmp_signed("<", following, inner), body, done)
    builder.position_at_end(done)
    for cell in cells:
        after[cell].store(targets[cell])
