r"""What happens to one row of units in one step, beside the matrix product.

Each function runs over a row register by register. ``p`` is the product, ``alpha`` and ``keep`` are :math:`\alpha` and
:math:`1 - \alpha`, ``xi`` holds normal numbers and ``z`` the rates that enter the next product. The first argument of
each is :func:`variant`, which names the form and the activation.
"""

__all__ = [
    "add_cost",
    "back",
    "back_from_rate",
    "begin",
    "fetch",
    "once_more",
    "rated",
    "step",
    "step_to_rate",
    "variant",
]

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from llvmlite import ir

from neurornn.kernels._cpu._emit import INDEX, compiled_rows
from neurornn.kernels._cpu._formulas import FORMULAS, SLOPES
from neurornn.kernels._cpu._vector import Builder, Vector

_FORMS: Final = ("current", "rate")
_Formula = Callable[[Vector], tuple[Vector, Vector]]
_Slope = Callable[[Vector], Vector]


def variant(form: str, activation: str) -> int:
    """Number of a form and an activation.

    Args:
        form: ``"current"`` or ``"rate"``.
        activation: Name of the activation.

    Returns:
        The number; odd for the rate form.
    """
    return 2 * list(FORMULAS).index(activation) + _FORMS.index(form)


def rated(form: str, activation: str) -> int:
    """Number of an activation whose slope follows from the rate, in a form that may keep rates; -1 if it is none.

    Args:
        form: ``"current"`` or ``"rate"``.
        activation: Name of the activation.

    Returns:
        The number.
    """
    return list(SLOPES).index(activation) if form == "current" and activation in SLOPES else -1


def _load(builder: Builder, *addresses: Any) -> list[Vector]:
    return [Vector.load(builder, each) for each in addresses]


def _begin(form: str, phi: _Formula, builder: Builder, state: Any, z: Any) -> None:
    (x,) = _load(builder, state)
    (phi(x)[0] if form == "current" else x).store(z)


def _relaxed(
    phi: _Formula, r: Vector, a: Vector, xi: Vector, alpha: Vector, keep: Vector, outside: Vector
) -> Vector:
    return keep.fma(r, alpha.fma(phi(a)[0], outside * xi))


def _step(
    form: str, phi: _Formula, builder: Builder, p: Any, x: Any, xi: Any, alpha: Any, keep: Any, inside: Any, outside: Any, z: Any, kept: Any
) -> None:  # fmt: skip
    product, state, noise, a, k, s_in, s_out = _load(builder, p, x, xi, alpha, keep, inside, outside)
    if form == "current":
        state = k.fma(state, a.fma(product, s_out * noise))
        potential, rate = state, phi(state)[0]
    else:
        potential = s_in.fma(noise, product)
        rate = state = _relaxed(phi, state, potential, noise, a, k, s_out)
    state.store(x)
    potential.store(kept)
    rate.store(z)


def _step_to_rate(
    phi: _Formula, builder: Builder, p: Any, x: Any, xi: Any, alpha: Any, keep: Any, outside: Any, z: Any, kept: Any
) -> None:  # fmt: skip
    """The current form, of which the rate is kept."""
    product, state, noise, a, k, s_out = _load(builder, p, x, xi, alpha, keep, outside)
    state = k.fma(state, a.fma(product, s_out * noise))
    rate = phi(state)[0]
    state.store(x)
    rate.store(z)
    rate.store(kept)


def _once_more(
    form: str,
    phi: _Formula,
    builder: Builder,
    before: Any,
    kept: Any,
    xi: Any,
    alpha: Any,
    keep: Any,
    outside: Any,
    z: Any,
) -> None:
    _relaxed(phi, *_load(builder, before, kept, xi, alpha, keep, outside)).store(z)


def _back(
    form: str, phi: _Formula, builder: Builder, p: Any, kept: Any, adjoint: Any, direct: Any, alpha: Any, keep: Any, z: Any, credit: Any, size: Vector, square: Vector
) -> None:  # fmt: skip
    product, potential, later, given, a, k = _load(builder, p, kept, adjoint, direct, alpha, keep)
    value, slope = phi(potential)
    rate = value if form == "current" else Vector.load(builder, z)
    signal = _costly(product, rate, size, square)
    if form == "current":
        now = slope.fma(signal, k.fma(later, given))
        rate.store(z)
        (a * now).store(credit)
    else:
        now = k.fma(later, signal + given)
        (a * slope * now).store(credit)
    now.store(adjoint)


def _back_from_rate(
    slope: _Slope, builder: Builder, p: Any, kept: Any, adjoint: Any, direct: Any, alpha: Any, keep: Any, z: Any, credit: Any, size: Vector, square: Vector
) -> None:  # fmt: skip
    """The current form, of which the rate was kept."""
    product, rate, later, given, a, k = _load(builder, p, kept, adjoint, direct, alpha, keep)
    now = slope(rate).fma(_costly(product, rate, size, square), k.fma(later, given))
    rate.store(z)
    (a * now).store(credit)
    now.store(adjoint)


def _costly(product: Vector, rate: Vector, size: Vector, square: Vector) -> Vector:
    """What reaches a rate: through the matrices, and from its penalties."""
    sign = rate.choose(">", 0.0, 1.0, rate.choose("<", 0.0, -1.0, rate.constant(0.0)))
    return product + size * sign + square * rate


def _add_cost(builder: Builder, z: Any, live: Any, sums: Any) -> None:
    rate, real = _load(builder, z, live)
    second = builder.gep(sums, [ir.Constant(INDEX, rate.value.type.count)])
    rate.abs().fma(real, Vector.load(builder, sums)).store(sums)
    (rate * real).fma(rate, Vector.load(builder, second)).store(second)


def _fetch(builder: Builder, row: Any) -> None:
    kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer(), *[ir.IntType(32)] * 3])
    name = "llvm.prefetch.p0"
    function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
    options = [ir.Constant(ir.IntType(32), each) for each in (0, 3, 1)]  # to read, to stay, data and not code
    builder.call(function, [builder.bitcast(row, ir.IntType(8).as_pointer()), *options])


def _variants(emit: Callable[..., None]) -> list[Callable[..., None]]:
    return [partial(emit, form, phi) for phi in FORMULAS.values() for form in _FORMS]


begin = compiled_rows(_variants(_begin), 2)  # rates of a state: (state, z)
step = compiled_rows(
    _variants(_step), 9
)  # (p, x, xi, alpha, keep, inside, outside, z, kept): kept is the potential
step_to_rate = compiled_rows([partial(_step_to_rate, FORMULAS[name]) for name in SLOPES], 8)
once_more = compiled_rows(
    _variants(_once_more), 7
)  # rates after a step of the rate form, from its potential and the rates before
back = compiled_rows(
    _variants(_back), 8, scalars=2
)  # the adjoint: (p, kept, adjoint, direct, alpha, keep, z, credit)
back_from_rate = compiled_rows([partial(_back_from_rate, slope) for slope in SLOPES.values()], 8, scalars=2)
add_cost = compiled_rows(
    [_add_cost], 2, fixed=1
)  # sizes and squares of the rates of units that are `live`, lane by lane
fetch = compiled_rows([_fetch], 1)  # ask for a row of memory some time before it is read
