"""Normal numbers in compiled code, drawn where they are used."""

__all__ = ["draw", "draw_few", "fill"]

from typing import Any, Final, Self

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from neurornn.kernels._cpu._compile import compiled
from neurornn.kernels._cpu._emit import INDEX, loop, pointer
from neurornn.kernels._cpu._vector import LANES, Builder, Vector
from neurornn.kernels._noise import normals

_LANES: Final = LANES[4]
_WORD = ir.IntType(32)


class _Wide(Vector):
    """Words in the lower halves of lanes of 64 bits: a whole product fits, and what stands above a word is ignored."""

    @classmethod
    def of(cls, words: Vector) -> Self:
        """The words of a vector of 32 bits."""
        kind = ir.VectorType(ir.IntType(64), words.value.type.count)
        return cls(words.builder, words.builder.zext(words.value, kind))

    def __mul__(self, factor: "Vector | float") -> Self:
        return Vector.__mul__(self & 0xFFFFFFFF, factor)

    def high_product(self, factor: int) -> Self:
        return (self * factor) >> 32

    def narrowed(self) -> Vector:
        kind = ir.VectorType(_WORD, self.value.type.count)
        return Vector(self.builder, self.builder.trunc(self.value, kind))


@intrinsic
def draw(typing: Any, out: Any, n_groups: Any, step: Any, trial: Any, low: Any, high: Any) -> Any:
    """Write ``64 * n_groups`` numbers of one trial and step to an address."""
    signature = types.void(out, types.intp, types.intp, types.intp, types.uint32, types.uint32)

    def code(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        address, groups, *counter = arguments
        _groups(builder, address, ir.Constant(INDEX, 0), groups, *counter)
        return context.get_dummy_value()

    return signature, code


@intrinsic
def draw_few(typing: Any, out: Any, n: Any, step: Any, trial: Any, low: Any, high: Any) -> Any:
    """Write ``n`` numbers of one trial and step to an address, and more up to the next multiple of 32."""
    signature = types.void(out, types.intp, types.intp, types.intp, types.uint32, types.uint32)

    def code(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        address, n, step, trial, low, high = arguments
        groups = builder.sdiv(builder.add(n, ir.Constant(INDEX, 31)), ir.Constant(INDEX, 64))
        rest = builder.sub(n, builder.mul(groups, ir.Constant(INDEX, 64)))
        half = builder.zext(builder.icmp_signed(">", rest, ir.Constant(INDEX, 0)), INDEX)
        _groups(builder, address, ir.Constant(INDEX, 0), groups, step, trial, low, high)
        _groups(builder, address, groups, half, step, trial, low, high, words=2)
        return context.get_dummy_value()

    return signature, code


def _groups(
    builder: Builder,
    address: Any,
    before: Any,
    n: Any,
    step: Any,
    trial: Any,
    low: Any,
    high: Any,
    words: int = 4,
) -> None:
    """Code that writes the first words of ``n`` groups, with so many before them."""
    upper = builder.lshr(trial, ir.Constant(INDEX, 32))
    step, trial, upper = (Vector.splat(builder, builder.trunc(each, _WORD)) for each in (step, trial, upper))
    low, high = Vector.splat(builder, low), Vector.splat(builder, high)
    sixteen = ir.Constant(INDEX, 16)
    first = builder.mul(before, sixteen)
    with loop(builder, builder.mul(n, sixteen), _LANES) as counted:
        j = builder.add(first, counted)
        place = Vector.splat(builder, builder.trunc(j, _WORD))
        place += Vector(builder, ir.Constant(place.value.type, list(range(_LANES))))
        a, b, c, d, *key = (_Wide.of(each) for each in (place, step, trial, upper, low, high))
        within = builder.and_(j, ir.Constant(INDEX, 15))
        start = builder.add(builder.mul(builder.sub(j, within), ir.Constant(INDEX, 4)), within)
        for word, numbers in enumerate(normals((a, b, c, d), (key[0], key[1]))[:words]):
            at = builder.add(start, ir.Constant(INDEX, 16 * word))
            numbers.to_element(address.type.pointee).store(builder.gep(address, [at]))


@compiled
def fill(out: Any, first: int, last: int, first_step: int, first_trial: int, low: Any, high: Any) -> None:
    """Numbers of trials ``first`` to ``last - 1`` into ``out``, whose last axis holds whole groups of 64."""
    _, n_steps, width = out.shape
    for trial in range(first, last):
        for step in range(n_steps):
            draw(
                pointer(out, (trial * n_steps + step) * width),
                width // 64,
                first_step + step,
                first_trial + trial,
                low,
                high,
            )
