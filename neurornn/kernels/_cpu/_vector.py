"""Vectors of machine registers, for formulas that must run at the speed of the hardware.

A :class:`Vector` stands for one register of a compiled function. Arithmetic on it emits the instruction instead of
computing a number, so a formula written once in Python becomes straight machine code for whatever processor is there.
"""

__all__ = ["LANES", "Builder", "Vector", "size_of"]

from typing import Any, Final, Self, TypeAlias

import llvmlite.binding as llvm
from llvmlite import ir

Builder: TypeAlias = Any  # llvmlite.ir.IRBuilder, which has no types


def _register_bytes() -> int:
    features = llvm.get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx2") else 16


LANES: Final = {
    4: _register_bytes() // 4,
    8: _register_bytes() // 8,
}  # numbers in a register, by bytes of a number


class Vector:
    """Numbers side by side in one register.

    Args:
        builder: Where instructions go.
        value: The register.
    """

    def __init__(self, builder: Builder, value: Any) -> None:
        self.builder, self.value = builder, value

    @classmethod
    def load(cls, builder: Builder, address: Any) -> Self:
        """Read a register full of numbers.

        Args:
            builder: Where instructions go.
            address: Address of the first number, aligned to one number.

        Returns:
            The vector.
        """
        element = address.type.pointee
        kind = ir.VectorType(element, LANES[size_of(element)])
        value = builder.load(builder.bitcast(address, kind.as_pointer()))
        value.align = size_of(element)
        return cls(builder, value)

    @classmethod
    def splat(cls, builder: Builder, scalar: Any) -> Self:
        """The same number in every lane.

        Args:
            builder: Where instructions go.
            scalar: The number.

        Returns:
            The vector.
        """
        kind = ir.VectorType(scalar.type, LANES[size_of(scalar.type)])
        nothing = ir.Constant(kind, ir.Undefined)
        one = builder.insert_element(nothing, scalar, ir.Constant(ir.IntType(32), 0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count)
        return cls(builder, builder.shuffle_vector(one, nothing, lanes))

    def store(self, address: Any) -> None:
        """Write the register.

        Args:
            address: Address of the first number.
        """
        where = self.builder.bitcast(address, self.value.type.as_pointer())
        self.builder.store(self.value, where).align = size_of(self.value.type.element)

    def constant(self, number: float) -> Self:
        """A number of the kind of this vector in every lane.

        Args:
            number: The number.

        Returns:
            The vector.
        """
        kind = self.value.type
        return self._new(ir.Constant(kind, [number] * kind.count))

    def __add__(self, other: "Vector | float") -> Self:
        return self._binary(self.builder.fadd, self.builder.add, self, other)

    def __radd__(self, other: float) -> Self:
        return self + other

    def __sub__(self, other: "Vector | float") -> Self:
        return self._binary(self.builder.fsub, self.builder.sub, self, other)

    def __rsub__(self, other: float) -> Self:
        return self._binary(self.builder.fsub, self.builder.sub, other, self)

    def __mul__(self, other: "Vector | float") -> Self:
        return self._binary(self.builder.fmul, self.builder.mul, self, other)

    def __rmul__(self, other: float) -> Self:
        return self * other

    def __truediv__(self, other: "Vector | float") -> Self:
        return self._binary(self.builder.fdiv, None, self, other)

    def __rtruediv__(self, other: float) -> Self:
        return self._binary(self.builder.fdiv, None, other, self)

    def __and__(self, other: "Vector | int") -> Self:
        return self._binary(None, self.builder.and_, self, other)

    def __or__(self, other: "Vector | int") -> Self:
        return self._binary(None, self.builder.or_, self, other)

    def __xor__(self, other: "Vector | int") -> Self:
        return self._binary(None, self.builder.xor, self, other)

    def __lshift__(self, n: int) -> Self:
        return self._binary(None, self.builder.shl, self, n)

    def __rshift__(self, n: int) -> Self:
        """Logical shift: the sign is not kept."""
        return self._binary(None, self.builder.lshr, self, n)

    def fma(self, factor: "Vector | float", term: "Vector | float") -> Self:
        """``self * factor + term``, rounded once.

        Args:
            factor: Factor.
            term: Term.

        Returns:
            The result.
        """
        return self._call("fma", self, self._lift(factor), self._lift(term))

    def sqrt(self) -> Self:
        """Square root."""
        return self._call("sqrt", self)

    def abs(self) -> Self:
        """Absolute value."""
        return self._call("fabs", self)

    def copysign(self, sign: "Vector") -> Self:
        """These magnitudes with other signs.

        Args:
            sign: Where the signs come from.

        Returns:
            The result.
        """
        return self._call("copysign", self, sign)

    def choose(
        self, relation: str, other: "Vector | float", yes: "Vector | float", no: "Vector | float"
    ) -> Self:
        """``yes`` in the lanes where a comparison holds and ``no`` elsewhere; a comparison with NaN does not hold.

        Args:
            relation: ``"<"``, ``">"``, ``"<="``, ``">="`` or ``"=="``.
            other: What this vector is compared with.
            yes: Result where it holds, of the kind of ``no`` or a number.
            no: Result elsewhere.

        Returns:
            The result.
        """
        model = next((each for each in (yes, no) if isinstance(each, Vector)), self)
        compare = self.builder.fcmp_ordered if self._floating else self.builder.icmp_unsigned
        mask = compare(relation, self.value, self._lift(other).value)
        return self._new(self.builder.select(mask, model._lift(yes).value, model._lift(no).value))

    def bits(self) -> Self:
        """The same bits as whole numbers."""
        kind = ir.VectorType(ir.IntType(8 * size_of(self.value.type.element)), self.value.type.count)
        return self._new(self.builder.bitcast(self.value, kind))

    def as_float(self) -> Self:
        """The same bits as floating-point numbers."""
        element = ir.FloatType() if size_of(self.value.type.element) == 4 else ir.DoubleType()
        return self._new(self.builder.bitcast(self.value, ir.VectorType(element, self.value.type.count)))

    def converted(self, signed: bool) -> Self:
        """Whole numbers rounded to single precision.

        Args:
            signed: Whether the whole numbers have a sign.

        Returns:
            The result.
        """
        kind = ir.VectorType(ir.FloatType(), self.value.type.count)
        convert = self.builder.sitofp if signed else self.builder.uitofp
        return self._new(convert(self.value, kind))

    def high_product(self, factor: int) -> Self:
        """Upper half of the product of 32-bit whole numbers.

        Args:
            factor: A 32-bit whole number.

        Returns:
            The upper 32 bits.
        """
        wide = ir.VectorType(ir.IntType(64), self.value.type.count)
        product = self.builder.mul(
            self.builder.zext(self.value, wide), ir.Constant(wide, [factor] * wide.count)
        )
        upper = self.builder.lshr(product, ir.Constant(wide, [32] * wide.count))
        return self._new(self.builder.trunc(upper, self.value.type))

    def narrowed(self) -> "Vector":
        """These words in 32 bits each, which they have."""
        return self

    def to_element(self, element: Any) -> Self:
        """Single-precision numbers in another floating-point type.

        Args:
            element: The type.

        Returns:
            As many numbers of that type.
        """
        if element == self.value.type.element:
            return self
        return self._new(self.builder.fpext(self.value, ir.VectorType(element, self.value.type.count)))

    @property
    def wide(self) -> bool:
        """Whether these are double-precision numbers."""
        return size_of(self.value.type.element) == 8

    @property
    def _floating(self) -> bool:
        return not isinstance(self.value.type.element, ir.IntType)

    def _new(self, value: Any) -> Self:
        return type(self)(self.builder, value)

    def _lift(self, other: "Vector | float") -> "Vector":
        return other if isinstance(other, Vector) else self.constant(other)

    def _binary(self, floating: Any, whole: Any, left: "Vector | float", right: "Vector | float") -> Self:
        emit = floating if self._floating else whole
        return self._new(emit(self._lift(left).value, self._lift(right).value))

    def _call(self, name: str, *operands: "Vector") -> Self:
        kind = self.value.type
        full = f"llvm.{name}.v{kind.count}f{8 * size_of(kind.element)}"
        module = self.builder.module
        function = module.globals.get(full) or ir.Function(
            module, ir.FunctionType(kind, [kind] * len(operands)), full
        )
        return self._new(self.builder.call(function, [each.value for each in operands]))


def size_of(element: Any) -> int:
    """Bytes of a number.

    Args:
        element: Its type.

    Returns:
        The size.
    """
    if isinstance(element, ir.IntType):
        return int(element.width) // 8
    return 4 if isinstance(element, ir.FloatType) else 8
