"""What compiled functions are put together from: loops over rows of registers, and addresses."""

__all__ = ["INDEX", "compiled_rows", "copy_few", "loop", "pointer", "shift"]

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from neurornn.kernels._cpu._vector import LANES, Builder, Vector, size_of

INDEX: Final = ir.IntType(64)
"""Type of an index."""


@contextmanager
def loop(builder: Builder, stop: Any, step: int) -> Iterator[Any]:
    """A counted loop from 0.

    Args:
        builder: Where instructions go.
        stop: Where to stop.
        step: Increment.

    Yields:
        The counter.
    """
    before, body, after = (
        builder.block,
        builder.append_basic_block("body"),
        builder.append_basic_block("after"),
    )
    zero = ir.Constant(INDEX, 0)
    builder.cbranch(builder.icmp_signed("<", zero, stop), body, after)
    builder.position_at_end(body)
    counter = builder.phi(INDEX)
    counter.add_incoming(zero, before)
    yield counter
    following = builder.add(counter, ir.Constant(INDEX, step))
    counter.add_incoming(following, builder.block)
    builder.cbranch(builder.icmp_signed("<", following, stop), body, after)
    builder.position_at_end(after)


def compiled_rows(
    variants: Sequence[Callable[..., None]], moving: int, fixed: int = 0, scalars: int = 0
) -> Any:
    """A compiled function over rows of numbers, register by register, in several variants.

    Args:
        variants: Each is called once for the code of one register, with the builder, the addresses and the scalars.
        moving: Number of rows it takes, each as the address of its first number; a variant gets the address of the
            first number of the register.
        fixed: Number of further addresses that are the same for every register.
        scalars: Number of scalars that follow, of the type of the numbers.

    Returns:
        A function ``f(variant, *rows, *addresses, *scalars, n)`` for compiled code; ``n`` is a multiple of the lanes.
    """
    n_addresses = moving + fixed

    def typed(first: Any) -> Any:
        return types.void(types.intp, *[first] * n_addresses, *[first.dtype] * scalars, types.intp)

    def code(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        which, *addresses = arguments[: 1 + n_addresses]
        splats = [Vector.splat(builder, each) for each in arguments[1 + n_addresses : -1]]
        lanes = LANES[size_of(addresses[0].type.pointee)]
        after = builder.append_basic_block("after")
        choice = builder.switch(which, after)
        for number, emit in enumerate(variants):
            block = builder.append_basic_block("variant")
            choice.add_case(ir.Constant(INDEX, number), block)
            builder.position_at_end(block)
            with loop(builder, arguments[-1], lanes) as j:
                here = [builder.gep(each, [j]) for each in addresses[:moving]]
                emit(builder, *here, *addresses[moving:], *splats)
            builder.branch(after)
        builder.position_at_end(after)
        return context.get_dummy_value()

    names = ", ".join(f"x{i}" for i in range(n_addresses + scalars + 1))
    scope: dict[str, Any] = {"typed": typed, "code": code}
    exec(
        f"def row_function(typing, which, {names}):\n    return typed(x0), code\n", scope
    )  # an intrinsic needs its arguments spelt out
    return intrinsic(scope["row_function"])


@intrinsic
def pointer(typing: Any, array: Any, offset: Any) -> Any:
    """Address of an element of a contiguous array, counted flat. Compiled code only."""
    signature = types.CPointer(array.dtype)(array, types.intp)

    def code(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.gep(data, [arguments[1]])

    return signature, code


@intrinsic
def copy_few(typing: Any, source: Any, target: Any, n: Any) -> Any:
    """Copy a few numbers from one address to another. Compiled code only."""

    def code(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        source, target, n = arguments
        with loop(builder, n, 1) as j:
            builder.store(builder.load(builder.gep(source, [j])), builder.gep(target, [j]))
        return context.get_dummy_value()

    return types.void(source, source, types.intp), code


@intrinsic
def shift(typing: Any, address: Any, offset: Any) -> Any:
    """Address so many numbers further on. Compiled code only."""

    def code(context: Any, builder: Builder, signature: Any, arguments: Any) -> Any:
        return builder.gep(arguments[0], [arguments[1]])

    return address(address, types.intp), code
