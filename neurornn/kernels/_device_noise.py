"""The normal numbers of :mod:`neurornn.kernels._noise` as tensor operations, bit by bit the same on whatever device.

A word is held in a 64-bit integer, and what an operation puts above its 32 bits is cut off. Nothing is read back from
the device, so the operations can be recorded once and replayed with another key.
"""

__all__ = ["device_normals", "key_words", "normals_at"]

from collections.abc import Callable
from typing import Any, Final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from neurornn.kernels._noise import normals

_WORD: Final = 0xFFFFFFFF
_SIGN: Final = 0x80000000
_TOGETHER: Final = 2**22  # numbers drawn at a time, at most: their words take 16 times the memory


def device_normals(
    key: int,
    n_trials: int,
    n_steps: int,
    n_units: int,
    device: torch.device | str,
    first_step: int = 0,
) -> Float[Tensor, "trial step unit"]:
    """The numbers of :func:`neurornn.kernels._noise.plain_normals`, drawn where they are used.

    Args:
        key: Key, at least 0 and below 2^63.
        n_trials: Number of trials.
        n_steps: Number of steps.
        n_units: Number of units.
        device: Device to draw on.
        first_step: Number of the first step.

    Returns:
        Single-precision numbers ``(trial, step, unit)``.

    Examples:
        >>> from neurornn.kernels._noise import plain_normals
        >>> device_normals(7, 2, 5, 3, "cpu").tolist() == plain_normals(7, 2, 5, 3).tolist()
        True
    """
    numbers = torch.empty(n_trials, n_steps, n_units, device=device)
    together = max(1, _TOGETHER // max(1, n_trials * n_units))
    words = torch.empty(3, dtype=torch.int64, device=device)
    for first in range(0, n_steps, together):
        stop = min(first + together, n_steps)
        key_words(words, key, first_step + first)
        numbers[:, first:stop] = normals_at(words, stop - first, n_trials, n_units).transpose(0, 1)
    return numbers


def key_words(words: Int[Tensor, "3"], key: int, first_step: int) -> None:
    """Write a key and the number of a first step where :func:`normals_at` reads them.

    Args:
        words: Where to write.
        key: Key.
        first_step: Number of the first step.
    """
    for place, word in enumerate((key & _WORD, key >> 32, first_step & _WORD)):
        words[place].fill_(word)


def normals_at(
    words: Int[Tensor, "3"], n_steps: int, n_trials: int, n_units: int
) -> Float[Tensor, "step trial unit"]:
    """Normal numbers of a key that is on the device already.

    Args:
        words: The two words of the key and the number of the first step.
        n_steps: Number of steps.
        n_trials: Number of trials.
        n_units: Number of units.

    Returns:
        Single-precision numbers, steps first.
    """
    groups = -(-n_units // 64)
    low, high, first = (_Tensor(each) for each in words.unbind())
    place, step, trial = (
        _Tensor(torch.arange(n, device=words.device)) for n in (groups * 16, n_steps, n_trials)
    )
    step = _Tensor((step + first).values[:, None, None])
    trial = _Tensor(trial.values[:, None])
    counter = (place, step, trial, _Tensor(torch.zeros_like(words[0])))
    four: tuple[_Tensor, ...] = normals(counter, (low, high))  # type: ignore[type-var]
    shape = (n_steps, n_trials, groups, 16)
    numbers = torch.stack([each.values.view(shape) for each in four], 3)
    return numbers.view(n_steps, n_trials, groups * 64)[:, :, :n_units]


class _Tensor:
    """32-bit words in 64-bit integers, or single-precision numbers."""

    def __init__(self, values: Tensor) -> None:
        self.values = values

    def _with(self, operation: Callable[[Any, Any], Tensor], other: "_Tensor | float") -> "_Tensor":
        result = operation(self.values, other.values if isinstance(other, _Tensor) else other)
        return _Tensor(result if result.is_floating_point() else result & _WORD)

    def __add__(self, other: "_Tensor | float") -> "_Tensor":
        return self._with(torch.add, other)

    def __sub__(self, other: "_Tensor | float") -> "_Tensor":
        return self._with(torch.sub, other)

    def __mul__(self, other: "_Tensor | float") -> "_Tensor":
        return self._with(torch.mul, other)

    def __truediv__(self, other: "_Tensor") -> "_Tensor":
        return _Tensor(self.values / other.values)

    def __and__(self, other: int) -> "_Tensor":
        return _Tensor(self.values & other)

    def __xor__(self, other: "_Tensor | int") -> "_Tensor":
        return _Tensor(self.values ^ (other.values if isinstance(other, _Tensor) else other))

    def __lshift__(self, n: int) -> "_Tensor":
        return self._with(torch.bitwise_left_shift, n)

    def __rshift__(self, n: int) -> "_Tensor":
        return _Tensor(self.values >> n)

    def high_product(self, factor: int) -> "_Tensor":
        return _Tensor(
            (self.values * factor >> 32) & _WORD
        )  # the low 64 bits of the product are all its bits

    def converted(self, signed: bool) -> "_Tensor":
        return _Tensor((self._signed() if signed else self.values).to(torch.float32))

    def narrowed(self) -> "_Tensor":
        return self

    def bits(self) -> "_Tensor":
        return _Tensor(self.values.view(torch.int32).to(torch.int64) & _WORD)

    def as_float(self) -> "_Tensor":
        return _Tensor(self._signed().to(torch.int32).view(torch.float32))

    def sqrt(self) -> "_Tensor":
        return _Tensor(
            self.values.double().sqrt().float()
        )  # the root in single precision is not always the nearest

    def choose(self, relation: str, other: float, yes: "_Tensor", no: "_Tensor") -> "_Tensor":
        return _Tensor(torch.where(self.values == other, yes.values, no.values))  # the one the formulas use

    def _signed(self) -> Tensor:
        return (self.values ^ _SIGN) - _SIGN
