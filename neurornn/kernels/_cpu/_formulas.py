r"""Activations and their slopes as formulas on registers.

All rest on :math:`e^y = 2^n (e^s - 1) + 2^n` with :math:`y = n \ln 2 + s` and :math:`|s| \le \tfrac12 \ln 2`, where
:math:`e^s - 1` is its Taylor series. The exponential keeps its relative accuracy down to the smallest normal numbers,
so the tails of sigmoid and soft-plus do; :math:`e^y - 1 = 2^n (e^s - 1) + (2^n - 1)` keeps its own near 0, and so does
the hyperbolic tangent.
"""

__all__ = ["FORMULAS", "SLOPES"]

import math
from collections.abc import Callable
from typing import Final

from neurornn.kernels._cpu._vector import Vector


def _exp_parts(y: Vector) -> tuple[Vector, Vector]:
    """``2^n`` and ``exp(s) - 1`` for ``y <= 0``, which is held above the smallest normal number's logarithm."""
    magic, shift, bias, lowest, degree = (
        (1.5 * 2.0**52, 52, 1023 << 52, -708.0, 13) if y.wide else (1.5 * 2.0**23, 23, 127 << 23, -87.0, 7)
    )
    high, low = _LN2_PARTS[y.wide]
    y = y.choose("<", lowest, lowest, y)
    shifted = y.fma(1 / math.log(2), magic)  # the rounded quotient, in the low bits
    n = shifted - magic
    s = n.fma(-low, n.fma(-high, y))
    series = s.constant(1 / math.factorial(degree))
    for k in range(degree - 1, 0, -1):
        series = series.fma(s, 1 / math.factorial(k))
    return ((shifted.bits() << shift) + bias).as_float(), series * s


def _exp_negative(y: Vector) -> Vector:
    """``exp(y)`` for ``y <= 0``."""
    power, rest = _exp_parts(y)
    return power.fma(rest, power)


def _expm1_negative(y: Vector) -> Vector:
    """``exp(y) - 1`` for ``y <= 0``."""
    power, rest = _exp_parts(y)
    return power.fma(rest, power - 1.0)


def _log1p_unit(e: Vector) -> Vector:
    """``log(1 + e)`` for ``0 <= e <= 1``, as twice the inverse hyperbolic tangent of ``e / (2 + e)``."""
    s = e / (e + 2.0)
    square = s * s
    last = 17 if e.wide else 8
    series = e.constant(1 / (2 * last + 1))
    for k in range(last - 1, -1, -1):
        series = series.fma(square, 1 / (2 * k + 1))
    return 2.0 * s * series


def _tanh_value(x: Vector) -> Vector:
    m = _expm1_negative(-2.0 * x.abs())
    return (m / (-2.0 - m)).copysign(x)


def _tanh(x: Vector) -> tuple[Vector, Vector]:
    r = _tanh_value(x)
    return r, r.fma(-1.0 * r, 1.0)


def _sigmoid(x: Vector) -> tuple[Vector, Vector]:
    e = _exp_negative(-1.0 * x.abs())
    large = 1.0 / (e + 1.0)
    small = e * large
    return x.choose("<", 0.0, small, large), small * large


def _softplus(x: Vector) -> tuple[Vector, Vector]:
    """With the straight line torch draws above 20."""
    e = _exp_negative(-1.0 * x.abs())
    value = _log1p_unit(e) + x.choose(">", 0.0, x, 0.0)
    slope = x.choose("<", 0.0, e, 1.0) / (e + 1.0)
    return x.choose(">", 20.0, x, value), x.choose(">", 20.0, 1.0, slope)


def _relu(x: Vector) -> tuple[Vector, Vector]:
    return x.choose("<=", 0.0, 0.0, x), x.choose(">", 0.0, 1.0, x.constant(0.0))


def _retanh(x: Vector) -> tuple[Vector, Vector]:
    r, slope = _tanh(x)
    return x.choose("<=", 0.0, 0.0, r), x.choose(">", 0.0, slope, 0.0)


def _square(x: Vector) -> tuple[Vector, Vector]:
    half = x.choose("<=", 0.0, 0.0, x)
    return half * half, half + half


def _identity(x: Vector) -> tuple[Vector, Vector]:
    return x, x.constant(1.0)


_LN2_PARTS: Final = {  # ln 2 as a number with trailing zero bits and a remainder
    False: (0.693359375, -2.12194440e-4),
    True: (6.93147180369123816490e-01, 1.90821492927058770002e-10),
}


def _tanh_slope(r: Vector) -> Vector:
    return r.fma(-1.0 * r, 1.0)


def _sigmoid_slope(r: Vector) -> Vector:
    return r * (1.0 - r)


def _softplus_slope(r: Vector) -> Vector:
    return r.choose(">", 20.0, 1.0, -1.0 * _expm1_negative(-1.0 * r))


def _retanh_slope(r: Vector) -> Vector:
    return r.choose(">", 0.0, _tanh_slope(r), 0.0)


FORMULAS: Final[dict[str, Callable[[Vector], tuple[Vector, Vector]]]] = {
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "relu": _relu,
    "retanh": _retanh,
    "power": _square,
    "identity": _identity,
}

SLOPES: Final[
    dict[str, Callable[[Vector], Vector]]
] = {  # from the rate, where that is quicker than from the potential
    "tanh": _tanh_slope,
    "sigmoid": _sigmoid_slope,
    "softplus": _softplus_slope,
    "retanh": _retanh_slope,
}
