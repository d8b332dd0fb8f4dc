"""MATLAB files of version 5 to 7, read without trust: every size is held against the bytes that are there.

A file is data from elsewhere. `scipy.io.loadmat` allocates what a header asks for and then looks whether the data
follow; here the order is the other way round, compressed parts are never inflated beyond what they declare, and code
(function handles, objects) is refused. The format is public: https://www.mathworks.com/help/pdf_doc/matlab/matfile_format.pdf
"""

__all__ = ["read_mat5"]

import math
import mmap
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

from neurornn.recordings._nested import EMPTY, MAX_DEPTH, MatlabValue, arranged, sparse, text_rows

_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXT = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _CHAR, _SPARSE = 1, 2, 4, 5
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8"}
_CODE = {3: "an object", 16: "a function handle", 17: "an object of a MATLAB class"}
_DEFLATE = 1040  # deflate shrinks at most 1032 times


class _Element(NamedTuple):
    kind: int
    data: memoryview
    end: int


class _Matrix(NamedTuple):
    name: str
    kind: int
    is_complex: bool
    is_logical: bool
    shape: tuple[int, ...]
    data: memoryview  # what follows the name


def read_mat5(path: Path, names: Collection[str] | None = None) -> dict[str, MatlabValue]:
    """Read the variables of a MATLAB file of version 5, 6 or 7.

    Args:
        path: File.
        names: Variables wanted; all if None. The others are not inflated.

    Returns:
        Variables by name: arrays in their MATLAB shape, text as str (a list of str if it has several rows), cells as
        lists, structs as dicts, arrays of structs as lists of dicts, sparse matrices as `scipy.sparse.csc_array`.

    Raises:
        ValueError: If the file is not one, is cut off or damaged, declares more than it holds, or holds code.
    """
    if path.stat().st_size < 128:
        raise ValueError("it is shorter than the header of a MATLAB file (128 bytes).")
    with path.open("rb") as file:
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    mark = bytes(view[126:128])
    if mark not in (b"IM", b"MI"):
        raise ValueError("it is no MATLAB file of version 5 to 7. Save it in MATLAB with save(..., '-v7').")
    order = "<" if mark == b"IM" else ">"
    values: dict[str, MatlabValue] = {}
    at = 128
    while at < len(view):
        element = _element(view, at, order, padded=True)
        at = element.end
        if element.kind == _COMPRESSED:
            if names is not None and _peek(element.data, order) not in names:
                continue
            element = _element(_inflate(element.data, order), 0, order, padded=False)
        if element.kind != _MATRIX:
            raise ValueError(f"it holds an element of type {element.kind} where a variable is due: damaged.")
        if not len(element.data):
            continue
        matrix = _matrix(element.data, order)
        if not matrix.name or (names is not None and matrix.name not in names):
            continue  # without a name: MATLAB's own workspace of functions
        values[matrix.name] = _value(matrix, order, 0)
    return values


def _element(view: memoryview, at: int, order: str, *, padded: bool) -> _Element:
    """One element: its type, its bytes, and where the next begins."""
    if at + 8 > len(view):
        raise ValueError("it is cut off inside a tag.")
    first, second = (int(number) for number in np.frombuffer(view[at : at + 8], dtype=f"{order}u4"))
    if first >> 16:  # small: length and type share four bytes, the data the other four
        length, kind = first >> 16, first & 0xFFFF
        if length > 4:
            raise ValueError(f"a small element declares {length} bytes of at most 4: damaged.")
        return _Element(kind, view[at + 4 : at + 4 + length], at + 8)
    if at + 8 + second > len(view):
        raise ValueError(
            f"an element declares {second} bytes and {len(view) - at - 8} are there: cut off or damaged."
        )
    pad = -second % 8 if first != _COMPRESSED else 0
    end = at + 8 + second + pad
    return _Element(first, view[at + 8 : at + 8 + second], min(end, len(view)) if padded else end)


def _peek(data: memoryview, order: str) -> str | None:
    """Name of a compressed variable, from its first bytes; None if they do not tell."""
    head = zlib.decompressobj()
    try:
        start = memoryview(head.decompress(data, 4096))
        return _head(start[8:], order).name if len(start) > 8 else None
    except (zlib.error, ValueError):
        return None


def _inflate(data: memoryview, order: str) -> memoryview:
    stream = zlib.decompressobj()
    try:
        tag = stream.decompress(data, 8)
        if len(tag) < 8:
            raise ValueError("a compressed variable is cut off.")
        length = int(np.frombuffer(tag, dtype=f"{order}u4")[1])
        if length > _DEFLATE * len(data):
            raise ValueError(
                f"a compressed variable declares {length} bytes, more than its {len(data)} can hold."
            )
        body = stream.decompress(stream.unconsumed_tail, length) if length else b""
    except zlib.error as error:
        raise ValueError(f"a compressed variable is damaged: {error}.") from None
    if len(body) < length:
        raise ValueError(f"a compressed variable declares {length} bytes and holds {len(body)}: cut off.")
    return memoryview(tag + body)


def _head(view: memoryview, order: str) -> _Matrix:
    flags = _element(view, 0, order, padded=False)
    if flags.kind != 6 or len(flags.data) != 8:
        raise ValueError("an array has no flags: damaged.")
    word = int(np.frombuffer(flags.data[:4], dtype=f"{order}u4")[0])
    kind = word & 0xFF
    if kind in _CODE:
        raise ValueError(
            f"it holds {_CODE[kind]}, which is code and not data. Save numbers, text, cells and structs (struct(x), "
            "cellstr(x), table2struct(x))."
        )
    dims = _element(view, flags.end, order, padded=False)
    shape = tuple(int(n) for n in _raw(dims, order))
    if dims.kind != 5 or len(shape) < 2 or len(shape) > 32 or min(shape) < 0:
        raise ValueError(f"an array has the impossible shape {shape}: damaged.")
    name = _element(view, dims.end, order, padded=False)
    label = bytes(name.data).decode("latin-1")
    return _Matrix(label, kind, bool(word & 0x800), bool(word & 0x200), shape, view[name.end :])


def _matrix(view: memoryview, order: str) -> _Matrix:
    matrix = _head(view, order)
    n = math.prod(matrix.shape)
    if matrix.kind != _SPARSE and n > len(matrix.data):  # every value takes a byte, every cell eight
        raise ValueError(
            f"variable '{matrix.name}' declares {n} values ({matrix.shape}) in {len(matrix.data)} bytes: damaged."
        )
    return matrix


def _raw(element: _Element, order: str) -> NDArray[Any]:
    """The numbers of an element as they are stored."""
    if element.kind not in _NUMBERS:
        raise ValueError(f"an element of type {element.kind} stands where numbers are due: damaged.")
    dtype = np.dtype(order + _NUMBERS[element.kind])
    if len(element.data) % dtype.itemsize:
        raise ValueError("an element ends inside a number: damaged.")
    return np.frombuffer(element.data, dtype=dtype)


def _value(matrix: _Matrix, order: str, depth: int) -> MatlabValue:
    if depth > MAX_DEPTH:
        raise ValueError(f"it nests deeper than {MAX_DEPTH} levels.")
    if matrix.kind == _CELL:
        return _cells(matrix, order, depth)
    if matrix.kind == _STRUCT:
        return _structs(matrix, order, depth)
    if matrix.kind == _SPARSE:
        return _sparse(matrix, order)
    if matrix.kind == _CHAR:
        return _text(matrix, order)
    if matrix.kind not in _CLASSES:
        raise ValueError(f"variable '{matrix.name}' is of the unknown class {matrix.kind}: damaged.")
    values, at = _numbers(matrix, 0, order)
    if matrix.is_complex:
        values = values + 1j * _numbers(matrix, at, order)[0]
    wanted = np.dtype(bool if matrix.is_logical else _CLASSES[matrix.kind])
    if matrix.is_complex:
        wanted = np.dtype(np.complex64 if wanted.itemsize == 4 and wanted.kind == "f" else np.complex128)
    return np.array(values, dtype=wanted).reshape(matrix.shape, order="F")


def _numbers(matrix: _Matrix, at: int, order: str) -> tuple[NDArray[Any], int]:
    element = _element(matrix.data, at, order, padded=True)
    values = _raw(element, order)
    if values.size != math.prod(matrix.shape):
        raise ValueError(
            f"variable '{matrix.name}' has the shape {matrix.shape} and {values.size} values: damaged."
        )
    return values, element.end


def _child(view: memoryview, at: int, order: str, depth: int) -> tuple[MatlabValue, int]:
    element = _element(view, at, order, padded=True)
    if element.kind != _MATRIX:
        raise ValueError(f"an element of type {element.kind} stands where an array is due: damaged.")
    if not len(element.data):
        return EMPTY, element.end
    return _value(_matrix(element.data, order), order, depth + 1), element.end


def _cells(matrix: _Matrix, order: str, depth: int) -> MatlabValue:
    n, at = math.prod(matrix.shape), 0
    if 8 * n > len(matrix.data):
        raise ValueError(f"a cell declares {n} entries in {len(matrix.data)} bytes: damaged.")
    items = []
    for _ in range(n):
        item, at = _child(matrix.data, at, order, depth)
        items.append(item)
    return arranged(items, matrix.shape)


def _structs(matrix: _Matrix, order: str, depth: int) -> MatlabValue:
    lengths = _element(matrix.data, 0, order, padded=True)
    width = int(_raw(lengths, order)[0]) if len(lengths.data) == 4 else 0
    names = _element(matrix.data, lengths.end, order, padded=True)
    if width < 1 or len(names.data) % width:
        raise ValueError("the fields of a struct have no names: damaged.")
    labels = [
        bytes(names.data[k : k + width]).split(b"\0")[0].decode("latin-1")
        for k in range(0, len(names.data), width)
    ]
    if len(set(labels)) < len(labels):
        raise ValueError("two fields of a struct have the same name: damaged.")
    n, at = math.prod(matrix.shape), names.end
    if 8 * n * len(labels) > len(matrix.data):
        raise ValueError(
            f"a struct declares {n} x {len(labels)} fields in {len(matrix.data)} bytes: damaged."
        )
    items: list[MatlabValue] = []
    for _ in range(n):
        item: dict[str, MatlabValue] = {}
        for label in labels:
            item[label], at = _child(matrix.data, at, order, depth)
        items.append(item)
    return items[0] if matrix.shape == (1, 1) else arranged(items, matrix.shape)


def _text(matrix: _Matrix, order: str) -> MatlabValue:
    n = math.prod(matrix.shape)
    if not n:
        return ""
    element = _element(matrix.data, 0, order, padded=True)
    if element.kind not in _TEXT:
        raise ValueError(f"text is stored as type {element.kind}: damaged.")
    codec = _TEXT[element.kind]
    wide = codec in ("utf-16", "utf-32")
    try:
        text = bytes(element.data).decode(codec + ("-le" if order == "<" else "-be") if wide else codec)
    except UnicodeDecodeError:
        raise ValueError(f"variable '{matrix.name}' is no valid {codec} text: damaged.") from None
    return text_rows(text, matrix.shape)


def _sparse(matrix: _Matrix, order: str) -> csc_array:
    if len(matrix.shape) != 2:
        raise ValueError("a sparse matrix has two dimensions: damaged.")
    rows = _element(matrix.data, 0, order, padded=True)
    columns = _element(matrix.data, rows.end, order, padded=True)
    real = _element(matrix.data, columns.end, order, padded=True)
    starts = _raw(columns, order).astype(np.int64)
    if starts.size != matrix.shape[1] + 1:
        raise ValueError(
            f"a sparse matrix of {matrix.shape[1]} columns has {starts.size} column starts: damaged."
        )
    n = int(starts[-1])
    index, values = _raw(rows, order).astype(np.int64)[: max(n, 0)], _raw(real, order)[: max(n, 0)]
    if matrix.is_complex:
        imaginary = _raw(_element(matrix.data, real.end, order, padded=True), order)[: max(n, 0)]
        if imaginary.size != values.size:
            raise ValueError("a sparse matrix lacks imaginary parts: damaged.")
        values = values + 1j * imaginary
    return sparse(values.astype(bool) if matrix.is_logical else values, index, starts, matrix.shape)
