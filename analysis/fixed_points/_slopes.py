r"""True bounds on activations: their values, and their slopes over whole intervals, rounding included.

Every slope here rises, falls, or rises and falls once, so that its extremes over an interval are found at the ends
or at 0. The elementary functions of NumPy are taken to be right to 8 units in the last place.
"""

__all__ = ["Slopes", "slopes_of"]

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from neurornn.activations import Activation, activation, power

Array = NDArray[np.float64]
_EPS = float(np.finfo(np.float64).eps)
_TINY = 1e-300  # covers what underflows
_RELATIVE = 32 * _EPS  # of a few elementary functions and operations in a row
_SOFTPLUS_BECOMES_LINEAR = 20.0  # the threshold of torch.nn.functional.softplus
_POWER = power().function.func  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Slopes:
    r"""Bounds on one activation :math:`\phi`.

    Attributes:
        value: Gives :math:`\phi(x)` as computed, and a bound on its error.
        between: Gives bounds on :math:`(\phi(y) - \phi(x)) / (y - x)` for all different x and y in an interval
            ``[low, high]``, which may be infinite.
        kinks: Where the slope jumps, if the function is linear everywhere else; None if it is not.
        pieces: Slope of each linear piece, one more than there are kinks; the function is 0 at 0.
    """

    value: Callable[[Array], tuple[Array, Array]]
    between: Callable[[Array, Array], tuple[Array, Array]]
    kinks: tuple[float, ...] | None = None
    pieces: tuple[float, ...] = ()


def slopes_of(function: Activation) -> Slopes | None:
    """Bounds on an activation of this library.

    Args:
        function: The activation.

    Returns:
        The bounds, or None for a user's own activation, of which nothing is known but values.
    """
    name = function.name
    if name in _SLOPES and function == activation(name):
        return _SLOPES[name]
    if isinstance(function.function, partial) and function.function.func is _POWER:
        return _power(**function.function.keywords)
    return None


def _linear(low_slope: float, high_slope: float) -> Slopes:
    """A function through 0 of slope ``low_slope`` below 0 and ``high_slope`` above."""

    def value(x: Array) -> tuple[Array, Array]:
        v = np.where(x < 0, low_slope * x, high_slope * x)
        return v, _EPS * np.abs(v) * (not {low_slope, high_slope} <= {0.0, 1.0})

    def between(low: Array, high: Array) -> tuple[Array, Array]:
        below, above = np.where(high < 0, low_slope, high_slope), np.where(low > 0, high_slope, low_slope)
        return np.minimum(below, above), np.maximum(below, above)

    if low_slope == high_slope:
        return Slopes(value, between, (), (high_slope,))
    return Slopes(value, between, (0.0,), (low_slope, high_slope))


def _bell(peak: float) -> Callable[[Array], Array]:
    r""":math:`4p\,e^{-|z|} / (1 + e^{-|z|})^2`, the slope of a sigmoid of its own argument z."""

    def slope(z: Array) -> Array:
        e = np.exp(-np.abs(z))
        return np.asarray(4 * peak * e / (1 + e) ** 2)

    return slope


_LOGISTIC_BELL, _TANH_BELL = _bell(0.25), _bell(1.0)


def _between_bell(slope: Callable[[Array], Array], low: Array, high: Array) -> tuple[Array, Array]:
    nearest = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
    farthest = np.maximum(np.abs(low), np.abs(high))
    return _wider(slope(farthest), slope(nearest))


def _tanh_between(low: Array, high: Array) -> tuple[Array, Array]:
    return _between_bell(_TANH_BELL, 2 * low, 2 * high)


def _logistic_between(low: Array, high: Array) -> tuple[Array, Array]:
    return _between_bell(_LOGISTIC_BELL, low, high)


def _retanh_between(low: Array, high: Array) -> tuple[Array, Array]:
    least, most = _tanh_between(np.maximum(low, 0.0), np.maximum(high, 0.0))
    return np.where(low <= 0, 0.0, least), np.where(high < 0, 0.0, most)


def _softplus_between(low: Array, high: Array) -> tuple[Array, Array]:
    least, most = _wider(_logistic(low), _logistic(high))
    linear = low > _SOFTPLUS_BECOMES_LINEAR
    jumps = ~linear & (high > _SOFTPLUS_BECOMES_LINEAR)  # as computed, softplus falls by 2e-9 there
    return np.where(linear, 1.0, np.where(jumps, -np.inf, least)), np.where(
        linear, 1.0, np.where(jumps, np.inf, most)
    )


def _wider(low: Array, high: Array) -> tuple[Array, Array]:
    return np.maximum(low * (1 - _RELATIVE) - _TINY, 0.0), high * (1 + _RELATIVE) + _TINY


def _logistic(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1.0, e) / (1 + e))


def _tanh_value(x: Array) -> tuple[Array, Array]:
    v = np.tanh(x)
    return v, _RELATIVE * np.abs(v) + _TINY


def _retanh_value(x: Array) -> tuple[Array, Array]:
    return _tanh_value(np.maximum(x, 0.0))


def _logistic_value(x: Array) -> tuple[Array, Array]:
    v = _logistic(x)
    return v, _RELATIVE * v + _TINY


def _softplus_value(x: Array) -> tuple[Array, Array]:
    linear = x > _SOFTPLUS_BECOMES_LINEAR
    v = np.where(linear, x, np.log1p(np.exp(np.minimum(x, _SOFTPLUS_BECOMES_LINEAR))))
    return v, np.where(linear, 0.0, _RELATIVE * v + _TINY)


def _power(exponent: float, gain: float) -> Slopes:
    if exponent == 1:
        return _linear(0.0, gain)

    def value(x: Array) -> tuple[Array, Array]:
        v = gain * np.maximum(x, 0.0) ** exponent
        return v, _RELATIVE * v + _TINY

    def between(low: Array, high: Array) -> tuple[Array, Array]:
        least, most = (gain * exponent * np.maximum(end, 0.0) ** (exponent - 1) for end in (low, high))
        return _wider(least, most)

    return Slopes(value, between)


_SLOPES = {
    "relu": _linear(0.0, 1.0),
    "identity": _linear(1.0, 1.0),
    "tanh": Slopes(_tanh_value, _tanh_between),
    "retanh": Slopes(_retanh_value, _retanh_between),
    "sigmoid": Slopes(_logistic_value, _logistic_between),
    "softplus": Slopes(_softplus_value, _softplus_between),
}
