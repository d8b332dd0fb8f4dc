"""Links in HDF5 files that lead out of them, and the errors of damaged files."""

__all__ = ["DAMAGE", "damage_named", "first_line", "refuse_links"]

from collections.abc import Iterator
from contextlib import contextmanager

import h5py  # type: ignore[import-untyped, unused-ignore]

DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError, AttributeError)
"""What h5py raises of damaged files."""


def refuse_links(file: h5py.File) -> None:
    """Refuse a file with links to other files.

    Args:
        file: Open file.

    Raises:
        ValueError: If it has one, or its links are damaged.
    """
    outside: list[str] = []
    try:
        file.id.links.visit(lambda name, info: _leads_out(outside, name, info), info=True)
    except DAMAGE as error:
        raise ValueError(f"its links are damaged: {first_line(error)}.") from None
    if outside:
        raise ValueError(
            f"'{outside[0]}' is a link to another file. Files from elsewhere may point at anything on this machine, so "
            "such links are refused: copy what it points at into the file."
        )


@contextmanager
def damage_named() -> Iterator[None]:
    """Turn what h5py raises of damaged objects, wherever they are touched, into errors that say so.

    Raises:
        ValueError: In place of what h5py raises.
    """
    try:
        yield
    except ValueError:
        raise
    except (OSError, RuntimeError, KeyError) as error:
        raise ValueError(f"an object in it is damaged: {first_line(error)}.") from None


def first_line(error: BaseException) -> str:
    """The first line of an error, to be quoted in another."""
    line = (str(error).splitlines() or [type(error).__name__])[0].strip()
    if len(line) > 1 and line[0] == line[-1] and line[0] in "\"'":  # those of a KeyError
        line = line[1:-1]
    return line.rstrip(".")


def _leads_out(found: list[str], name: bytes, info: "h5py.h5l.LinkInfo") -> int | None:
    if info.type == h5py.h5l.TYPE_EXTERNAL or info.type not in (h5py.h5l.TYPE_HARD, h5py.h5l.TYPE_SOFT):
        found.append(name.decode(errors="replace") if isinstance(name, bytes) else str(name))
        return 1
    return None
