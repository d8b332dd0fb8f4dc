"""What a MATLAB file becomes: plain Python and NumPy, the same from both of its formats."""

__all__ = ["EMPTY", "MAX_DEPTH", "MatlabValue", "arranged", "sparse", "text_rows"]

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array

MatlabValue: TypeAlias = Any  # array, sparse array, str, or dict and list of these
MAX_DEPTH = 64
EMPTY = np.empty((0, 0))
EMPTY.flags.writeable = False


def arranged(items: list[MatlabValue], shape: tuple[int, ...]) -> list[MatlabValue]:
    """Lay out cells: a row or a column as one list, more dimensions as lists of lists.

    Args:
        items: Cells, first index fastest.
        shape: MATLAB shape.

    Returns:
        The list; empty if any size is 0.
    """
    if not items or sum(n > 1 for n in shape) <= 1:
        return items
    rows = shape[0]
    return [arranged(items[row::rows], shape[1:]) for row in range(rows)]


def text_rows(text: str, shape: tuple[int, ...]) -> str | list[str]:
    """Text of a char array: a str, or one for each row.

    Args:
        text: Characters, first index fastest.
        shape: MATLAB shape.

    Returns:
        The text; rows keep the blanks that fill them.

    Raises:
        ValueError: If the number of characters is not that of the shape.
    """
    if shape[0] == 1 and len(shape) == 2:
        return text  # its length may differ where a character takes two units
    if len(shape) != 2 or len(text) != shape[0] * shape[1]:
        raise ValueError(f"text of shape {shape} has {len(text)} characters: damaged.")
    return [text[row :: shape[0]] for row in range(shape[0])]


def sparse(
    values: NDArray[Any], rows: NDArray[np.int64], starts: NDArray[np.int64], shape: tuple[int, ...]
) -> csc_array:
    """A sparse matrix from its columns, checked.

    Args:
        values: Entries, column by column.
        rows: Their rows.
        starts: Where each column begins, and the end.
        shape: Rows and columns.

    Returns:
        The matrix.

    Raises:
        ValueError: If the columns do not fit together.
    """
    fits = starts.size == shape[1] + 1 and starts[0] == 0 and bool((np.diff(starts) >= 0).all())
    fits = fits and starts[-1] == rows.size == values.size
    if not fits or (rows.size and (rows.min() < 0 or rows.max() >= shape[0])):
        raise ValueError("the columns of a sparse matrix do not fit together: damaged.")
    native = values.astype(values.dtype.newbyteorder("="))
    if native.dtype.kind not in "bc":
        native = native.astype(np.float64)
    return csc_array((native, rows, starts), shape=shape)
