"""Values that are shown for a while, kept short: not one number for each step, but one for each trial and when."""

__all__ = ["Channel", "Held", "held", "summed"]

import functools
import operator
from collections.abc import Iterable, Iterator
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike, NDArray

from neurornn.tasks._epochs import repeated


class Held(NDArrayOperatorsMixin):
    """Values shown at some times and another one at all others, as :func:`held` makes them.

    It stands for the array ``(batch, time)`` or ``(batch, time, channel)``: NumPy takes it for one, and indices, ``shape``,
    arithmetic and ``np.asarray`` give what the array gives. A sum of two of them is one again; the array is written out where
    the trials are put together, and nowhere else.

    Args:
        values: One value for each trial ``(batch,)``, or for each trial and channel ``(batch, channel)``, in single precision.
        during: When they are shown, ``(batch, time)``.
        otherwise: Value at all other times.
    """

    __slots__ = ("otherwise", "pieces")

    def __init__(
        self, values: NDArray[np.float32], during: NDArray[np.bool_], otherwise: float = 0.0
    ) -> None:
        self.pieces: tuple[tuple[NDArray[np.float32], NDArray[np.bool_]], ...] = ((values, during),)
        self.otherwise = otherwise

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        values, during = self.pieces[0]
        return (*during.shape, *values.shape[1:])

    @property
    def ndim(self) -> int:
        """Number of its axes."""
        return 1 + self.pieces[0][0].ndim

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """Type of its numbers."""
        return np.dtype(np.float32)

    def __array__(self, dtype: DTypeLike = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("What is held is not an array yet: it cannot be looked at without a copy.")
        out: NDArray[np.float32] = np.full(self.shape, self.otherwise, dtype=np.float32)
        for k, (values, during) in enumerate(self.pieces):
            if values.ndim == 2:
                during = during[..., None]
            if k == 0:
                np.copyto(out, values[:, None], where=during)
            else:
                np.add(out, values[:, None], out=out, where=during)
        return out if dtype is None else out.astype(dtype)

    def __array_ufunc__(
        self,
        ufunc: np.ufunc,
        method: Literal["__call__", "reduce", "reduceat", "accumulate", "outer", "at"],
        *inputs: Any,  # noqa: ANN401
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        if options.get("out", (None,))[0] is inputs[0]:  # x *= 2: from now on x is the array
            del options["out"]
        written = [np.asarray(each) if isinstance(each, Held) else each for each in inputs]
        return getattr(ufunc, method)(*written, **options)

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401
        return np.asarray(self)[index]

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return iter(np.asarray(self))

    def __add__(self, other: Any) -> Any:  # noqa: ANN401
        if not isinstance(other, Held) or self.otherwise or other.otherwise or self.shape != other.shape:
            return np.add(np.asarray(self), other)
        both = Held(*self.pieces[0])
        both.pieces = self.pieces + other.pieces
        return both

    __iadd__ = __add__


Channel: TypeAlias = NDArray[Any] | Held
"""What a channel, or a block of several, may be given as."""


def summed(several: Iterable[Held]) -> Held:
    """The sum of what is held at several times.

    Args:
        several: What is held, at least one.

    Returns:
        The sum.
    """
    return functools.reduce(operator.add, several)


def held(values: NDArray[Any] | float, during: NDArray[np.bool_], otherwise: float = 0.0) -> Held:
    """Values shown at some times and 0 at others, in single precision: as an array, but quicker to make trials of.

    Args:
        values: One value for all trials, one for each ``(batch,)``, or one for each trial and channel ``(batch, channel)``.
        during: When they are shown, ``(batch, time)``.
        otherwise: Value at all other times.

    Returns:
        Channels ``(batch, time)`` or ``(batch, time, channel)``.

    Raises:
        ValueError: If the values or the times have neither shape.

    Examples:
        >>> shown = held(np.array([2.0]), np.array([[False, True, True]]))
        >>> np.asarray(shown + 1.0).tolist()
        [[1.0, 3.0, 3.0]]
    """
    short, when = np.asarray(values, dtype=np.float32), np.asarray(during)
    if short.ndim == 0:
        short = repeated(short[None], len(when))
    if short.ndim not in {1, 2}:
        raise ValueError(f"values must be one number, (batch,) or (batch, channel): got shape {short.shape}.")
    if when.dtype != np.bool_ or when.ndim != 2 or when.shape[0] != short.shape[0]:
        raise ValueError(
            f"during must be booleans (batch, time) for {short.shape[0]} trials: got {when.dtype} of shape {when.shape}."
        )
    return Held(short, when, otherwise)
