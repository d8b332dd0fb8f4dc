r"""Standard normal numbers as a pure function of a key, a trial, a step and a unit.

The counter-based generator Philox 4x32-10 turns a counter into four random words, and two Box-Muller transforms turn
them into four normal numbers

.. math:: \sqrt{-2 \ln u_1}\,\cos 2\pi u_2, \qquad \sqrt{-2 \ln u_1}\,\sin 2\pi u_2

in single precision, with tails that reach to 6.7 standard deviations. No fused operation is used, so the same formulas give the same bits in NumPy
and in compiled code, on every processor, whatever the number of threads and however trials and steps are cut up.

Unit ``n`` of trial ``b`` at step ``t`` takes word ``n % 64 // 16`` of counter ``(n // 64 * 16 + n % 16, t, b % 2^32, b // 2^32)``.

References:
    Parallel random numbers: as easy as 1, 2, 3 (Salmon et al., 2011) https://doi.org/10.1145/2063384.2063405

    A note on the generation of random normal deviates (Box & Muller, 1958)
    https://doi.org/10.1214/aoms/1177706645
"""

__all__ = ["Words", "normals", "philox", "plain_normals"]

import math
from typing import Any, Final, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

_MULTIPLIERS: Final = (0xD2511F53, 0xCD9E8D57)
_WEYL: Final = (0x9E3779B9, 0xBB67AE85)
_ROUNDS: Final = 10
_SQRT_HALF: Final = 0x3F3504F3  # bits of the single-precision number
_ONE: Final = 0x3F800000


class Words(Protocol):
    """32-bit words or single-precision numbers side by side, on whatever hardware."""

    def __add__(self, other: "Self | float") -> Self: ...
    def __sub__(self, other: "Self | float") -> Self: ...
    def __mul__(self, other: "Self | float") -> Self: ...
    def __truediv__(self, other: "Self | float") -> Self: ...
    def __and__(self, other: int) -> Self: ...
    def __xor__(self, other: "Self | int") -> Self: ...
    def __lshift__(self, n: int) -> Self: ...
    def __rshift__(self, n: int) -> Self: ...
    def high_product(self, factor: int) -> Self:
        """Upper half of a product of words."""

    def converted(self, signed: bool) -> Self:
        """Words rounded to numbers."""

    def bits(self) -> Self:
        """Numbers as words."""

    def as_float(self) -> Self:
        """Words as numbers."""

    def sqrt(self) -> Self:
        """Square roots."""

    def choose(self, relation: str, other: float, yes: Self, no: Self) -> Self:
        """One or the other."""

    def narrowed(self) -> Any:  # noqa: ANN401
        """Words that stand in more room than they need, without it."""


_W = TypeVar("_W", bound=Words)


def philox(counter: tuple[_W, _W, _W, _W], key: tuple[_W, _W]) -> tuple[_W, _W, _W, _W]:
    """Four random words for each counter.

    Args:
        counter: Four words.
        key: Two words.

    Returns:
        The words.
    """
    a, b, c, d = counter
    k, l = key
    for turn in range(_ROUNDS):
        if turn:
            k, l = k + _WEYL[0], l + _WEYL[1]
        a, b, c, d = (
            c.high_product(_MULTIPLIERS[1]) ^ b ^ k,
            c * _MULTIPLIERS[1],
            a.high_product(_MULTIPLIERS[0]) ^ d ^ l,
            a * _MULTIPLIERS[0],
        )
    return a, b, c, d


def normals(counter: tuple[_W, _W, _W, _W], key: tuple[_W, _W]) -> tuple[_W, _W, _W, _W]:
    """Four standard normal numbers for each counter.

    Args:
        counter: Four words.
        key: Two words.

    Returns:
        Single-precision numbers.
    """
    a, b, c, d = (each.narrowed() for each in philox(counter, key))
    return *_box_muller(a, b), *_box_muller(c, d)


def plain_normals(
    key: int, n_trials: int, n_steps: int, n_units: int, first_step: int = 0, first_trial: int = 0
) -> NDArray[np.float32]:
    """The normal numbers of a stretch of trials, in NumPy.

    Args:
        key: Key, at least 0 and below 2^63.
        n_trials: Number of trials.
        n_steps: Number of steps.
        n_units: Number of units.
        first_step: Number of the first step.
        first_trial: Number of the first trial.

    Returns:
        Numbers ``(trial, step, unit)``.

    Examples:
        >>> plain_normals(7, 2, 5, 3)[:, 2:].tolist() == plain_normals(7, 2, 3, 3, first_step=2).tolist()
        True
    """
    groups = -(-n_units // 64)
    shape = (n_trials, n_steps, groups * 16)
    place, step = np.arange(shape[2]), np.arange(n_steps)[:, None] + first_step
    trial = np.arange(n_trials, dtype=np.uint64)[:, None, None] + np.uint64(first_trial)
    words = [np.broadcast_to(each, shape) for each in (place, step, trial, trial >> np.uint64(32))]
    counter = tuple(_Array(each.astype(np.uint32)) for each in words)
    halves = tuple(_Array(np.full(shape, half, np.uint32)) for half in (key & 0xFFFFFFFF, key >> 32))
    four: tuple[_Array, ...] = normals(counter, halves)  # type: ignore[arg-type]
    numbers = np.stack([each.values.reshape(n_trials, n_steps, groups, 16) for each in four], 3)
    return np.ascontiguousarray(numbers.reshape(n_trials, n_steps, groups * 64)[:, :, :n_units])


def _box_muller(first: _W, second: _W) -> tuple[_W, _W]:
    u = first.converted(signed=False) * 2.0**-32 + 2.0**-33
    radius = (_log(u) * -2.0).sqrt()
    quadrant = (second + (1 << 29)) >> 30
    sine, cosine = _sine_cosine((second - (quadrant << 30)).converted(signed=True) * (2 * math.pi / 2**32))
    odd = quadrant & 1
    real, imaginary = odd.choose("==", 0, cosine, sine), odd.choose("==", 0, sine, cosine)
    real_sign, imaginary_sign = ((quadrant + 1) & 2) << 30, (quadrant & 2) << 30
    return radius * (real.bits() ^ real_sign).as_float(), radius * (
        imaginary.bits() ^ imaginary_sign
    ).as_float()


def _log(u: _W) -> _W:
    """Natural logarithm on (0, 1]."""
    shifted = u.bits() + (_ONE - _SQRT_HALF)
    exponent = (shifted >> 23).converted(signed=True) + -127.0
    f = (
        (shifted & 0x7FFFFF) + _SQRT_HALF
    ).as_float() + -1.0  # the mantissa, between sqrt(1/2) and sqrt(2), less 1
    s = f / (f + 2.0)
    z = s * s
    series = (((z * (1 / 9) + 1 / 7) * z + 1 / 5) * z + 1 / 3) * z * s
    return exponent * math.log(2) + (s + series) * 2.0


def _sine_cosine(angle: _W) -> tuple[_W, _W]:
    """On the eighth of a circle to either side of 0."""
    z = angle * angle
    sine = (((z * (1 / 362880) + -1 / 5040) * z + 1 / 120) * z + -1 / 6) * z * angle + angle
    cosine = ((((z * (-1 / 3628800) + 1 / 40320) * z + -1 / 720) * z + 1 / 24) * z + -1 / 2) * z + 1.0
    return sine, cosine


class _Array:
    """The same operations in NumPy."""

    def __init__(self, values: NDArray[np.uint32] | NDArray[np.float32]) -> None:
        self.values = values

    def _with(self, operation: np.ufunc, other: "_Array | float") -> "_Array":
        value = other.values if isinstance(other, _Array) else self.values.dtype.type(other)
        return _Array(operation(self.values, value))

    def __add__(self, other: "_Array | float") -> "_Array":
        return self._with(np.add, other)

    def __sub__(self, other: "_Array | float") -> "_Array":
        return self._with(np.subtract, other)

    def __mul__(self, other: "_Array | float") -> "_Array":
        return self._with(np.multiply, other)

    def __truediv__(self, other: "_Array | float") -> "_Array":
        return self._with(np.divide, other)

    def __and__(self, other: int) -> "_Array":
        return self._with(np.bitwise_and, other)

    def __xor__(self, other: "_Array | int") -> "_Array":
        return self._with(np.bitwise_xor, other)

    def __lshift__(self, n: int) -> "_Array":
        return self._with(np.left_shift, n)

    def __rshift__(self, n: int) -> "_Array":
        return self._with(np.right_shift, n)

    def high_product(self, factor: int) -> "_Array":
        return _Array((self.values.astype(np.uint64) * np.uint64(factor) >> np.uint64(32)).astype(np.uint32))

    def converted(self, signed: bool) -> "_Array":
        return _Array((self.values.view(np.int32) if signed else self.values).astype(np.float32))

    def bits(self) -> "_Array":
        return _Array(self.values.view(np.uint32))

    def as_float(self) -> "_Array":
        return _Array(self.values.view(np.float32))

    def sqrt(self) -> "_Array":
        return _Array(np.sqrt(self.values))

    def narrowed(self) -> "_Array":
        return self

    def choose(self, relation: str, other: float, yes: "_Array", no: "_Array") -> "_Array":
        return _Array(
            np.where(self.values == other, yes.values, no.values)
        )  # the one relation the formulas use
