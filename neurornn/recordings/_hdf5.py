"""HDF5 files read without trust: nothing outside the file is followed, and sizes are held against what is stored."""

__all__ = ["Reader", "opened"]

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
from numpy.typing import NDArray

from neurornn.recordings._heaps import check_heaps
from neurornn.recordings._links import DAMAGE, first_line, refuse_links

Node: TypeAlias = "h5py.Group | h5py.Dataset"
Where: TypeAlias = "tuple[int | slice, ...]"
_Kind = TypeVar("_Kind", h5py.Group, h5py.Dataset)

_FILTERS = {
    1: 1032,
    2: 1,
    3: 1,
    32000: 300,
}  # deflate, shuffle, checksum, lzf: how many times each can shrink
_SMALL = 1 << 20  # bytes that any dataset may hold, whatever is stored: fill values


@contextmanager
def opened(path: Path) -> "Iterator[Reader]":
    """Open an HDF5 file that may come from anywhere.

    Args:
        path: File.

    Yields:
        What reads it.

    Raises:
        ValueError: If it is no HDF5 file, is damaged, or has links that lead out of it.
    """
    try:
        file = h5py.File(path, "r")
    except DAMAGE as error:
        raise ValueError(f"it cannot be opened as HDF5: {first_line(error)}.") from None
    try:
        refuse_links(file)
        yield Reader(file, path)
    finally:
        file.close()


class Reader:
    """Reads what is in one open file, and no more than the file can hold.

    Args:
        file: Open file.
        path: Its path.
    """

    def __init__(self, file: h5py.File, path: Path) -> None:
        self.file = file
        self.path = path
        self.size = path.stat().st_size
        self._left = 1100 * self.size + 64 * _SMALL
        self._heaps_checked = False

    def check_heaps(self) -> None:
        """Look once at where the file keeps text of variable length, on which HDF5 can turn forever if it is damaged.

        Raises:
            ValueError: If it is damaged.
        """
        if not self._heaps_checked:
            check_heaps(self.path)
        self._heaps_checked = True

    def get(self, group: h5py.Group, name: str) -> Node:
        """A member of a group.

        Args:
            group: Group.
            name: Name of the member.

        Returns:
            Group or dataset.

        Raises:
            ValueError: If there is none, or it is neither.
        """
        try:
            node = group[name]
        except DAMAGE as error:
            raise ValueError(f"'{name}' in '{group.name}' cannot be read: {first_line(error)}.") from None
        if not isinstance(node, h5py.Group | h5py.Dataset):
            raise ValueError(f"'{name}' in '{group.name}' is neither a group nor an array.")
        return node

    def find(self, name: str, kind: type[_Kind]) -> _Kind | None:
        """A group or dataset by its path, or None if there is none.

        Args:
            name: Path in the file.
            kind: `h5py.Dataset` or `h5py.Group`.

        Returns:
            It, or None.

        Raises:
            ValueError: If it is of the other kind.
        """
        try:
            there = name in self.file
        except DAMAGE as error:
            raise ValueError(f"'{name}' cannot be read: {first_line(error)}.") from None
        if not there:
            return None
        node = self.get(self.file, name)
        if not isinstance(node, kind):
            raise ValueError(f"'{name}' is not the {kind.__name__.lower()} it should be.")
        return node

    def names(self, group: h5py.Group) -> list[str]:
        """Names of the members of a group.

        Args:
            group: Group.

        Returns:
            Names.

        Raises:
            ValueError: If the group is damaged.
        """
        try:
            return [str(name) for name in group]
        except DAMAGE as error:
            raise ValueError(f"the group '{group.name}' is damaged: {first_line(error)}.") from None

    def attributes(self, node: Node) -> Mapping[str, Any]:
        """Small attributes of a group or dataset; those that are long or hold references are left out.

        Args:
            node: Group or dataset.

        Returns:
            Attributes by name.

        Raises:
            ValueError: If they are damaged.
        """
        found: dict[str, Any] = {}
        try:
            for name in node.attrs:
                shape, dtype = node.attrs.get_id(name).shape, node.attrs.get_id(name).dtype
                known = dtype.kind in "biufS" or h5py.check_string_dtype(dtype) is not None
                known = known or h5py.check_vlen_dtype(dtype) == np.dtype("S1")
                if known and shape is not None and math.prod(shape) * dtype.itemsize <= _SMALL // 16:
                    if dtype.kind == "O":
                        self.check_heaps()
                    value = node.attrs[name]
                    found[str(name)] = value.decode() if isinstance(value, bytes) else value
        except DAMAGE as error:
            raise ValueError(f"the attributes of '{node.name}' are damaged: {first_line(error)}.") from None
        return found

    def shape(self, dataset: h5py.Dataset) -> tuple[int, ...]:
        """Shape of a dataset whose size is plausible.

        Args:
            dataset: Dataset.

        Returns:
            Its shape.

        Raises:
            ValueError: If it declares more than is stored, lies in other files, or is packed in unknown ways.
        """
        try:  # the name is only asked for in errors: of an object found by reference HDF5 searches the file for it
            shape, dtype = dataset.shape, dataset.dtype
            plan = dataset.id.get_create_plist()
            stored = int(dataset.id.get_storage_size())
            layout, n_outside = plan.get_layout(), plan.get_external_count()
            filters = [plan.get_filter(k)[0] for k in range(plan.get_nfilters())]
            chunks = dataset.chunks
        except DAMAGE as error:
            raise ValueError(f"'{dataset.name}' is damaged: {first_line(error)}.") from None
        if n_outside or layout == h5py.h5d.VIRTUAL:
            raise ValueError(
                f"the data of '{dataset.name}' lie in other files, which is refused: copy them into this one."
            )
        if shape is None:
            return ()
        if len(set(filters)) < len(filters) or not set(filters) <= set(_FILTERS):
            raise ValueError(
                f"'{dataset.name}' is packed with the filters {filters}; gzip, shuffle and lzf are read."
            )
        room = stored * math.prod(_FILTERS[code] for code in filters)
        wanted = math.prod(shape) * dtype.itemsize
        if wanted > max(room, _SMALL) or stored > self.size:
            raise ValueError(
                f"'{dataset.name}' declares {wanted} bytes {shape} and stores {stored}: damaged, or never written."
            )
        if chunks is not None and math.prod(chunks) * dtype.itemsize > max(room, 4 * _SMALL):
            raise ValueError(
                f"'{dataset.name}' declares chunks of {chunks} and stores {stored} bytes: damaged."
            )
        return tuple(int(n) for n in shape)

    def numbers(self, dataset: h5py.Dataset, where: Where = ()) -> NDArray[Any]:
        """Read numbers.

        Args:
            dataset: Dataset.
            where: Index of the part wanted.

        Returns:
            The array: real, complex or boolean.

        Raises:
            ValueError: If it holds anything else, is damaged or too large for the file.
        """
        self.shape(dataset)
        dtype = dataset.dtype
        parts = dtype.fields is not None and set(dtype.names) == {"real", "imag"}
        if dtype.kind not in "biufc" and not (
            parts and all(dtype[k].kind in "iuf" for k in ("real", "imag"))
        ):
            raise ValueError(f"'{dataset.name}' should hold numbers and holds {dtype}.")
        values = self._read(dataset, where)
        return np.asarray(values["real"] + 1j * values["imag"]) if parts else values

    def text(self, dataset: h5py.Dataset) -> NDArray[np.str_]:
        """Read text.

        Args:
            dataset: Dataset of strings.

        Returns:
            Array of str.

        Raises:
            ValueError: If it holds anything else, or is damaged.
        """
        shape = self.shape(dataset)
        if h5py.check_string_dtype(dataset.dtype) is None:
            raise ValueError(f"'{dataset.name}' should hold text and holds {dataset.dtype}.")
        self.check_heaps()
        values = self._read(dataset, ())
        try:
            words = [word.decode() if isinstance(word, bytes) else str(word) for word in values.ravel()]
        except DAMAGE:
            raise ValueError(f"'{dataset.name}' holds text that is not UTF-8: damaged.") from None
        width = max(map(len, words), default=0)
        if width * len(words) > 64 * _SMALL + 64 * self.size:
            raise ValueError(f"'{dataset.name}' holds words of up to {width} characters: damaged.")
        return np.array(words, dtype=str).reshape(shape)

    def references(self, dataset: h5py.Dataset) -> list[Node]:
        """Follow the references of a dataset to groups and datasets of the same file.

        Args:
            dataset: Dataset of object references.

        Returns:
            What they point at, first index slowest.

        Raises:
            ValueError: If they are not such references, or one leads nowhere.
        """
        self.shape(dataset)
        if h5py.check_ref_dtype(dataset.dtype) is not h5py.Reference:
            raise ValueError(f"'{dataset.name}' should hold references to objects and holds {dataset.dtype}.")
        found: list[Node] = []
        for reference in self._read(dataset, ()).ravel():
            try:
                node = self.file[reference] if reference else None
            except DAMAGE:
                node = None
            if not isinstance(node, h5py.Group | h5py.Dataset):
                raise ValueError(f"a reference in '{dataset.name}' leads nowhere: damaged.")
            found.append(node)
        return found

    def _read(self, dataset: h5py.Dataset, where: Where) -> NDArray[Any]:
        if dataset.shape is None:
            return np.empty(0, dataset.dtype)
        try:
            values = np.asarray(dataset[where])
        except DAMAGE as error:
            raise ValueError(f"'{dataset.name}' cannot be read: {first_line(error)}.") from None
        self._left -= values.nbytes
        if self._left < 0 and where == ():
            raise ValueError(f"it declares more data than its {self.size} bytes can hold: damaged.")
        return values
