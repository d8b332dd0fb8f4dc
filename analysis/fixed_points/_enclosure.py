r"""Networks whose equations are known, and true bounds on the Jacobian over a box of states.

Time constants scale the drift and do not move its zeros: for a network of this library the function bounded is
:math:`G = T F` with :math:`T = \mathrm{diag}\,\tau`,

.. math::
    \text{current:}\quad G(x) = -x + W \phi(x) + d, \qquad \text{rate:}\quad G(r) = -r + \phi(W r + d)

with the held drive :math:`d = W_{in} u + b`. Errors of floating point are bounded a priori: a sum of :math:`n`
products is right to :math:`\gamma_n = n \epsilon / (1 - n \epsilon)` times the sum of their sizes, in any order.
"""

__all__ = ["AbstractEnclosure", "Equations", "enclosure_of", "equations_of"]

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import override

from neurornn.activations import Activation, activation
from neurornn.analysis import systems
from neurornn.analysis._system import System
from neurornn.analysis.fixed_points._slopes import Slopes, slopes_of
from neurornn.networks import CTRNN

Array = NDArray[np.float64]
_EPS = float(np.finfo(np.float64).eps)
_TINY = 1e-300


class Equations(NamedTuple):
    r"""The equations of a leaky network whose input is held.

    Attributes:
        form: ``"current"`` or ``"rate"``.
        weight: Effective recurrent matrix, ``(post, pre)``.
        drive: Input and bias of each unit.
        drive_error: Bound on its rounding error.
        activation: The activation.
        scale: What the drift is multiplied with, :math:`\tau`.
    """

    form: str
    weight: Array
    drive: Array
    drive_error: Array
    activation: Activation
    scale: Array | float = 1.0


def equations_of(system: System, input: Tensor) -> Equations | None:
    """Equations of a network of this library, or of a plain recurrent cell of PyTorch.

    Args:
        system: The frozen system.
        input: Input held, ``(input,)``.

    Returns:
        Its equations, or None if its drift is a function of which nothing is known.
    """
    owner: Any = getattr(system.velocity, "__self__", None)
    u = _array(input)
    if type(owner) is CTRNN:  # a subclass may compute something else
        bias = [] if owner.bias is None else [_array(owner.bias)]
        tau = _array(owner.tau.expand(owner.n_units))
        return _equations(owner.form, owner.W_rec, [(owner.W_in, u)], bias, owner.activation, tau)
    cell = getattr(owner, "module", None)
    if (
        type(owner) is systems.StepMap
        and owner.function is systems._rnn
        and isinstance(cell, nn.RNNCell | nn.RNN)
    ):
        end = "_l0" if isinstance(cell, nn.RNN) else ""
        W, W_in = (getattr(cell, f"weight_{kind}{end}") for kind in ("hh", "ih"))
        bias = [_array(getattr(cell, f"bias_{kind}{end}")) for kind in ("ih", "hh")] if cell.bias else []
        return _equations("rate", W, [(W_in, u)], bias, activation(str(cell.nonlinearity)), owner.dt)
    return None


def _equations(
    form: str,
    weight: Tensor,
    products: list[tuple[Tensor, Array]],
    terms: list[Array],
    function: Activation,
    scale: Array | float,
) -> Equations:
    W = _array(weight)
    drive: Array = np.zeros(len(W))
    size: Array = np.zeros(len(W))
    n_terms = len(terms)
    for matrix, vector in products:
        drive, size = drive + _array(matrix) @ vector, size + np.abs(_array(matrix)) @ np.abs(vector)
        n_terms += len(vector)
    for term in terms:
        drive, size = drive + term, size + np.abs(term)
    return Equations(form, W, drive, _gamma(n_terms) * size + _TINY, function, scale)


class AbstractEnclosure(ABC):
    """A function with the zeros of the drift, bounded from outside.

    Matrices that no bound depends on may be anything; every number returned as a bound is one, rounding included.

    Attributes:
        scale: What the drift is multiplied with, one number or one for each unit.
        library: Whether the system is made of this library or of PyTorch alone, so that threads may share it.
    """

    scale: Array | float = 1.0
    library: bool = False

    @abstractmethod
    def residual(self, state: Array) -> Array:
        """Bound on the absolute value of the function.

        Args:
            state: States, ``(batch, unit)``.

        Returns:
            Bounds, shape of the state.
        """

    @abstractmethod
    def jacobian(self, state: Array) -> Array:
        """A matrix near the Jacobian.

        Args:
            state: States, ``(batch, unit)``.

        Returns:
            Matrices, ``(batch, unit, unit)``.
        """

    @abstractmethod
    def prepare(self, state: Array, inverse: Array) -> Any:  # noqa: ANN401
        """What :meth:`defect` needs again and again.

        Args:
            state: Centres, ``(batch, unit)``.
            inverse: Matrices A near the inverse of the Jacobian there, ``(batch, unit, unit)``.

        Returns:
            Anything.
        """

    @abstractmethod
    def defect(self, prepared: Any, radius: Array) -> Array:  # noqa: ANN401
        r"""Bound on :math:`\lVert I - A J \rVert_\infty` for all Jacobians J in a box.

        Args:
            prepared: Result of :meth:`prepare`.
            radius: Half the sides of boxes around each centre, infinite for all states, ``(batch, box)``.

        Returns:
            One bound for each box, ``(batch, box)``.
        """


def enclosure_of(system: System, input: Tensor) -> AbstractEnclosure | str:
    """Bounds on a system, if any are known.

    Args:
        system: The frozen system.
        input: Input held, ``(input,)``.

    Returns:
        The bounds, or the reason why there are none.
    """
    from neurornn.analysis.fixed_points._gated import gated_enclosure  # which builds on this module

    owner = getattr(system.velocity, "__self__", None)
    if callable(getattr(owner, "drift_bounds", None)):
        return _Declared(owner, input)
    gated = gated_enclosure(system, input)
    if gated is not None:
        return gated
    equations = equations_of(system, input)
    if equations is None:
        return f"none: no bounds on the Jacobian of {type(owner or system.velocity).__name__} are known"
    slopes = slopes_of(equations.activation)
    if slopes is None:
        return f"none: no bounds on the slope of activation '{equations.activation.name}' are known"
    return (_Current if equations.form == "current" else _Rate)(equations, slopes)


class _Known(AbstractEnclosure):
    """What both forms share."""

    library = True

    def __init__(self, equations: Equations, slopes: Slopes) -> None:
        self.form, self.W, self.drive, self.drive_error, self.function, self.scale = equations
        self.slopes = slopes
        self.size = np.abs(self.W)
        self.reach = _up(self.size.sum(1), len(self.W))

    def current(self, rate: Array, error: Array | float = 0.0) -> tuple[Array, Array]:
        """Recurrent and held current of rates known to some error, and a bound on its error."""
        a = _product(rate, self.W.T) + self.drive
        gamma = _gamma(len(self.W) + 2)
        size = _product(np.abs(rate), self.size.T) + np.abs(self.drive)
        spread = _product(error + np.zeros_like(rate), self.size.T)
        return a, _up(gamma * size + spread + self.drive_error, len(self.W))

    def nominal(self, x: Array) -> Array:
        """Slopes close to the true ones; nothing is claimed of them."""
        with torch.no_grad():
            return _array(self.function.derivative(torch.as_tensor(x)))

    def spread(self, x: Array, radius: Array, slope: Array) -> Array:
        """How far slopes may be from the nominal ones within the radius."""
        low, high = self.slopes.between(np.nextafter(x - radius, -np.inf), np.nextafter(x + radius, np.inf))
        return np.maximum(np.maximum(high - slope, slope - low), 0.0) * (1 + 2 * _EPS) + _TINY


class _Current(_Known):
    @override
    def residual(self, state: Array) -> Array:
        a, error = self.current(*self.slopes.value(state))
        return _up(np.abs(a - state) + error, 1)

    @override
    def jacobian(self, state: Array) -> Array:
        J = self.W * self.nominal(state)[:, None, :]
        return np.asarray(J - np.eye(len(self.W)))

    @override
    def prepare(self, state: Array, inverse: Array) -> Any:
        slope, n = self.nominal(state), len(self.W)
        M = _product(inverse, self.W)
        length = np.abs(inverse).sum(2)
        off = inverse - M * slope[:, None, :]
        off.reshape(-1, n * n)[:, :: n + 1] += 1
        M = np.abs(M)
        rounding = 1 + length + _times(M, np.abs(slope))
        lost = length * (np.abs(slope).max(1) * self.reach.max())[:, None]
        known = np.abs(off).sum(2) + 4 * _EPS * rounding + _gamma(n) * lost
        return state, slope, M, length, known

    @override
    def defect(self, prepared: Any, radius: Array) -> Array:
        state, slope, M, length, known = prepared
        D = self.spread(state[:, None], radius[:, :, None], slope[:, None])
        lost = length[:, None] * (D.max(2) * self.reach.max())[:, :, None]
        rows = known[:, None] + _product(D, M.swapaxes(1, 2)) + _gamma(len(self.W)) * lost
        return _up(rows, 2 * len(self.W)).max(2)


class _Rate(_Known):
    @override
    def residual(self, state: Array) -> Array:
        a, error = self.current(state)
        rate, lost = self.slopes.value(a)
        low, high = self.slopes.between(np.nextafter(a - error, -np.inf), np.nextafter(a + error, np.inf))
        steepest = np.maximum(np.abs(low), np.abs(high))
        return _up(np.abs(rate - state) + lost + steepest * error, 4)

    @override
    def jacobian(self, state: Array) -> Array:
        J = self.nominal(self.current(state)[0])[:, :, None] * self.W
        return np.asarray(J - np.eye(len(self.W)))

    @override
    def prepare(self, state: Array, inverse: Array) -> Any:
        a, error = self.current(state)
        slope, n, size = self.nominal(a), len(self.W), np.abs(inverse)
        scaled = inverse * slope[:, None, :]
        M = _product(scaled, self.W)
        known = np.abs(np.eye(n) + inverse - M).sum(2)
        lost = _times(np.abs(scaled), self.reach + np.zeros_like(a))
        rounding = 1 + size.sum(2) + np.abs(M).sum(2) + lost
        return a, error, slope, size, known + 4 * _EPS * rounding + _gamma(n) * lost

    @override
    def defect(self, prepared: Any, radius: Array) -> Array:
        a, error, slope, size, known = prepared
        off = _up(error[:, None] + np.where(self.reach > 0, radius[:, :, None] * self.reach, 0.0), 2)
        D = self.spread(a[:, None], off, slope[:, None])
        rows = known[:, None] + _product(D * self.reach, size.swapaxes(1, 2))
        return _up(rows, 2 * len(self.W)).max(2)


class _Declared(AbstractEnclosure):
    """Bounds that the object analysed provides by itself."""

    def __init__(self, owner: Any, input: Tensor) -> None:  # noqa: ANN401
        self.owner, self.input = owner, input

    def bounds(self, low: Array, high: Array) -> tuple[Array, Array, Array, Array]:
        """Bounds on drift and Jacobian over boxes."""
        each = self.input.expand(len(low), -1)
        with torch.no_grad():
            found = [
                _array(b) for b in self.owner.drift_bounds(torch.as_tensor(low), torch.as_tensor(high), each)
            ]
        n = low.shape[-1]
        if [b.shape[1:] for b in found] != [(n,), (n,), (n, n), (n, n)]:
            raise ValueError(
                "drift_bounds must return four tensors: lower and upper bounds on the drift, (batch, unit), and on its "
                f"Jacobian, (batch, unit, unit): got shapes {[b.shape for b in found]}."
            )
        return found[0], found[1], found[2], found[3]

    @override
    def residual(self, state: Array) -> Array:
        low, high, _, _ = self.bounds(state, state)
        return np.maximum(np.abs(low), np.abs(high))

    @override
    def jacobian(self, state: Array) -> Array:
        _, _, low, high = self.bounds(state, state)
        return 0.5 * low + 0.5 * high

    @override
    def prepare(self, state: Array, inverse: Array) -> Any:
        J, n, size = self.jacobian(state), state.shape[1], np.abs(inverse)
        known = np.abs(np.eye(n) - inverse @ J).sum(2)
        lost = 1 + _times(size, np.abs(J).sum(2))
        return state, J, size, known + (_gamma(n) + 4 * _EPS) * lost

    @override
    def defect(self, prepared: Any, radius: Array) -> Array:
        return np.stack([self._defect(prepared, each) for each in radius.T], 1)

    def _defect(self, prepared: Any, radius: Array) -> Array:  # noqa: ANN401
        state, J, size, known = prepared
        _, _, low, high = self.bounds(
            np.nextafter(state - radius[:, None], -np.inf), np.nextafter(state + radius[:, None], np.inf)
        )
        off = np.maximum(np.abs(high - J), np.abs(low - J)).sum(2)
        return _up(known + _times(size, _up(off, state.shape[1])), 2 * state.shape[1]).max(1)


def _gamma(n: int) -> float:
    return (n + 2) * _EPS / (1 - (n + 2) * _EPS)  # twice the textbook's, whose unit is half of eps


def _up(bound: Array, n: int) -> Array:
    """A bound on the exact value of a sum of n terms, none negative, that was computed with rounding."""
    return np.asarray(bound * (1 + 4 * _gamma(n)) + _TINY)


def _product(left: Array, right: Array) -> Array:
    """Product of matrices, by torch: what it returns does not depend on a second library's threads."""
    return torch.matmul(torch.as_tensor(left), torch.as_tensor(right)).numpy()


def _times(matrix: Array, vector: Array) -> Array:
    return _product(matrix, vector[:, :, None])[:, :, 0]


def _array(values: Tensor) -> Array:
    return np.array(values.detach().cpu().numpy(), dtype=np.float64)
