"""MATLAB files of version 7.3, which are HDF5 with MATLAB's classes in attributes."""

__all__ = ["is_mat73", "read_mat73"]

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
from numpy.typing import NDArray

from neurornn.recordings._hdf5 import Node, Reader, opened
from neurornn.recordings._links import damage_named
from neurornn.recordings._nested import EMPTY, MAX_DEPTH, MatlabValue, arranged, sparse, text_rows

_NUMBERS = {
    "double": "f8", "single": "f4", "int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2",
    "int32": "i4", "uint32": "u4", "int64": "i8", "uint64": "u8", "logical": "?",
}  # fmt: skip
_OWN = ("#refs#", "#subsystem#")


def is_mat73(path: Path) -> bool:
    """Whether a file is HDF5, as MATLAB writes it since version 7.3.

    Args:
        path: File.

    Returns:
        True if it has the signature of HDF5 at its beginning or behind the 512 bytes of MATLAB.
    """
    with path.open("rb") as file:
        start = file.read(520)
    return start[:8] == b"\x89HDF\r\n\x1a\n" or start[512:] == b"\x89HDF\r\n\x1a\n"


def read_mat73(path: Path, names: Collection[str] | None = None) -> dict[str, MatlabValue]:
    """Read the variables of a MATLAB file of version 7.3.

    Args:
        path: File.
        names: Variables wanted; all if None.

    Returns:
        Variables by name, as `neurornn.recordings._mat5.read_mat5` gives them.

    Raises:
        ValueError: If the file is not one, is damaged, points out of itself, declares more than it holds, or holds code.
    """
    with opened(path) as reader, damage_named():
        wanted = [
            name
            for name in reader.names(reader.file)
            if name not in _OWN and (names is None or name in names)
        ]
        known: dict[bytes, MatlabValue] = {}
        return {name: _value(reader, reader.get(reader.file, name), 0, known) for name in wanted}


def _value(reader: Reader, node: Node, depth: int, known: dict[Any, MatlabValue]) -> MatlabValue:
    if depth > MAX_DEPTH:
        raise ValueError(f"it nests deeper than {MAX_DEPTH} levels.")
    key = h5py.h5o.get_info(node.id).addr  # one object may be referred to many times: it is read once
    if key not in known:
        known[key] = _fresh(reader, node, depth, known)
    return known[key]


def _fresh(reader: Reader, node: Node, depth: int, known: dict[Any, MatlabValue]) -> MatlabValue:
    attributes = reader.attributes(node)
    kind = str(attributes.get("MATLAB_class", "struct" if isinstance(node, h5py.Group) else ""))
    if "MATLAB_object_decode" in attributes or kind in ("function_handle", "FileWrapper__"):
        raise ValueError(
            f"'{node.name}' is an object of class '{kind}', which is code and not data. Save numbers, text, cells and structs "
            "(struct(x), cellstr(x), table2struct(x))."
        )
    if isinstance(node, h5py.Group):
        if "MATLAB_sparse" in attributes:
            return _sparse(reader, node, attributes)
        if kind != "struct":
            raise ValueError(f"the group '{node.name}' is of the unknown class '{kind}': no MATLAB struct.")
        return _struct(reader, node, depth, known)
    if attributes.get("MATLAB_empty", 0):
        return _empty(reader, node, kind)
    if kind == "cell":
        items = [_value(reader, part, depth + 1, known) for part in reader.references(node)]
        return arranged(items, reader.shape(node)[::-1])
    if kind == "char":
        return _text(reader, node)
    values = reader.numbers(node)
    if kind and kind not in _NUMBERS:
        raise ValueError(f"'{node.name}' is of the unknown class '{kind}'.")
    wanted = np.dtype(_NUMBERS.get(kind, values.dtype.str))
    if values.dtype.kind == "c":
        wanted = np.dtype(np.complex64 if kind == "single" else np.complex128)
    return np.asarray(values.astype(wanted, copy=False).T)


def _struct(reader: Reader, group: h5py.Group, depth: int, known: dict[Any, MatlabValue]) -> MatlabValue:
    members = {name: reader.get(group, name) for name in reader.names(group)}
    tables = [
        node
        for node in members.values()
        if isinstance(node, h5py.Dataset)
        and h5py.check_ref_dtype(node.dtype) is h5py.Reference
        and "MATLAB_class" not in reader.attributes(node)
    ]
    if not members or len(tables) < len(members):
        return {name: _value(reader, node, depth + 1, known) for name, node in members.items()}
    shapes = {reader.shape(node) for node in tables}
    if len(shapes) != 1:
        raise ValueError(f"the fields of the struct array '{group.name}' have different sizes: damaged.")
    columns = {name: reader.references(node) for name, node in members.items()}
    items: list[MatlabValue] = [
        {name: _value(reader, parts[k], depth + 1, known) for name, parts in columns.items()}
        for k in range(len(next(iter(columns.values()))))
    ]
    return arranged(items, next(iter(shapes))[::-1])


def _empty(reader: Reader, node: h5py.Dataset, kind: str) -> MatlabValue:
    if kind in ("cell", "struct"):
        return []
    if kind == "char":
        return ""
    shape = tuple(int(n) for n in reader.numbers(node).ravel())
    if kind not in _NUMBERS or len(shape) > 32 or min(shape, default=0) != 0 or max(shape) > 2**31:
        raise ValueError(f"'{node.name}' says it is empty and has the shape {shape}: damaged.")
    return EMPTY if shape == (0, 0) and kind == "double" else np.empty(shape, _NUMBERS[kind])


def _text(reader: Reader, node: h5py.Dataset) -> MatlabValue:
    codes = reader.numbers(node)
    if codes.dtype.kind not in "iu" or (codes.size and codes.max() > 0xFFFF):
        raise ValueError(f"'{node.name}' should hold text and holds {codes.dtype}.")
    try:
        text = codes.astype("<u2").tobytes().decode("utf-16-le")
    except UnicodeDecodeError:
        raise ValueError(f"'{node.name}' is no valid text: damaged.") from None
    return text_rows(text, codes.shape[::-1]) if codes.ndim > 1 else text


def _sparse(reader: Reader, group: h5py.Group, attributes: Mapping[str, Any]) -> MatlabValue:
    n_rows = int(np.ravel(attributes["MATLAB_sparse"])[0])

    def part(name: str) -> NDArray[Any]:
        node = reader.find(f"{group.name}/{name}", h5py.Dataset)
        return np.empty(0) if node is None else np.ravel(reader.numbers(node))

    starts = part("jc").astype(np.int64)
    values = part("data")
    kind = attributes.get("MATLAB_class")
    return sparse(
        values.astype(bool) if kind == "logical" else values,
        part("ir").astype(np.int64),
        starts,
        (n_rows, starts.size - 1),
    )
