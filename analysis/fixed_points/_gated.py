r"""True bounds on gated cells, GRU and LSTM, over boxes of states.

The function bounded is one step less the state, :math:`G(x) = \mathrm{step}(x) - x`. Its Jacobian is a sum of fixed
matrices whose rows are scaled by products of gates,

.. math:: J(x) = \sum_m \mathrm{diag}\big(p_m(x)\big)\, M_m - I,

for a GRU with :math:`r, z = \sigma(\cdot)`, :math:`c = W_{hn} h + b_{hn}`, :math:`n = \tanh(x_n + r c)`,

.. math:: p = \big((1 - z)\,n' r,\; (1 - z)\,n' c\, r',\; (h - n)\,z',\; z\big), \qquad
          M = (W_{hn},\; W_{hr},\; W_{hz},\; I),

and likewise for an LSTM, whose state is hidden and cell state one after the other. Interval arithmetic with ends rounded
outwards bounds the factors over a box, so that :math:`J` differs from that at its centre by no more than
:math:`\sum_m \mathrm{diag}(\Delta_m) |M_m|`.
"""

__all__ = ["gated_enclosure"]

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import override

from neurornn.activations import activation
from neurornn.analysis import systems
from neurornn.analysis._system import System
from neurornn.analysis.fixed_points._enclosure import AbstractEnclosure, _array, _gamma, _product
from neurornn.analysis.fixed_points._enclosure import _times as _applied
from neurornn.analysis.fixed_points._enclosure import _up as _raised
from neurornn.analysis.fixed_points._slopes import Slopes, slopes_of

Array = NDArray[np.float64]
Interval = tuple[Array, Array]
_EPS = float(np.finfo(np.float64).eps)
_TINY = 1e-300
_GRU_GATES, _LSTM_GATES = 3, 4


def gated_enclosure(system: System, input: Tensor) -> AbstractEnclosure | None:
    """Bounds on a system made by :func:`neurornn.analysis.systems.from_cell` of a GRU or an LSTM.

    Args:
        system: The frozen system.
        input: Input held, ``(input,)``.

    Returns:
        The bounds, or None if it is something else.
    """
    owner: Any = getattr(system.velocity, "__self__", None)
    if type(owner) is not systems.StepMap:
        return None
    cell, u = owner.module, _array(input)
    if owner.function is systems._gru and isinstance(cell, nn.GRUCell | nn.GRU):
        return _Gru(cell, u, owner.dt)
    if owner.function is systems._lstm and isinstance(cell, nn.LSTMCell | nn.LSTM):
        return _Lstm(cell, u, owner.dt)
    return None


class _Gated(AbstractEnclosure):
    """What both cells share.

    Attributes:
        weight: Recurrent matrix of each gate, ``(gate, unit, unit)``.
        matrices: The matrices :math:`M_m`, ``(factor, state, state)``.
    """

    library = True
    weight: Array
    matrices: Array

    def __init__(self, cell: Any, input: Array, dt: float, n_gates: int) -> None:  # noqa: ANN401
        end = "_l0" if isinstance(cell, nn.RNNBase) else ""
        n = cell.hidden_size

        def gates(name: str) -> Array:
            values = _array(getattr(cell, f"{name}{end}"))
            return values.reshape(n_gates, n, *values.shape[1:])

        self.scale, self.weight, W_in = dt, gates("weight_hh"), gates("weight_ih")
        bias_in = gates("bias_ih") if cell.bias else np.zeros((n_gates, n))
        self.bias: Array = gates("bias_hh") if cell.bias else np.zeros((n_gates, n))
        self.from_input = W_in @ input + bias_in
        size = np.abs(W_in) @ np.abs(input) + np.abs(bias_in)
        self.input_error = _gamma(len(input) + 1) * size + _TINY
        self.reach = _raised(np.abs(self.weight).sum(-1), n)
        sigmoid, tanh = slopes_of(activation("sigmoid")), slopes_of(activation("tanh"))
        if sigmoid is None or tanh is None:
            raise RuntimeError("The bounds of sigmoid and tanh are missing.")
        self.sigmoid, self.tanh = sigmoid, tanh

    def build(self, matrices: list[Array]) -> None:
        """Keep the matrices of the Jacobian and the sums of the sizes in their rows."""
        self.matrices = np.stack(matrices)
        self.row = _raised(np.abs(self.matrices).sum(2), self.matrices.shape[1])

    def hidden(self, state: Array) -> Array:
        """The part of the state that the weights act on."""
        return state[..., : self.weight.shape[1]]

    def currents(self, state: Array) -> tuple[Array, Array]:
        """Recurrent currents with their bias, ``(gate, batch, unit)``, and bounds on their errors."""
        h = self.hidden(state)
        a = np.stack([_product(h, each.T) for each in self.weight]) + self.bias[:, None]
        size = np.stack([_product(np.abs(h), np.abs(each).T) for each in self.weight])
        return a, _raised(_gamma(h.shape[-1] + 2) * (size + np.abs(self.bias)[:, None]), h.shape[-1])

    def around(self, a: Array, error: Array, radius: Array) -> Interval:
        """Recurrent currents in boxes, ``(gate, batch, box, unit)``."""
        reach = self.reach[:, None, None]
        off = _raised(error[:, :, None] + np.where(reach > 0, radius[..., None] * reach, 0.0), 2)
        return _down(a[:, :, None] - off), _up(a[:, :, None] + off)

    def with_input(self, recurrent: Interval, gate: int) -> Interval:
        """The whole current of a gate."""
        value, error = self.from_input[gate], self.input_error[gate]
        return _down(recurrent[0][gate] + _down(value - error)), _up(recurrent[1][gate] + _up(value + error))

    def factors(self, state: Array, recurrent: Interval, radius: Array) -> list[Interval]:
        """Bounds on the factors of the Jacobian in boxes, each ``(batch, box, state)``."""
        raise NotImplementedError

    def moved(self, state: Array, recurrent: Interval) -> Interval:
        """Bounds on a step less the state, ``(batch, 1, state)``."""
        raise NotImplementedError

    @override
    def residual(self, state: Array) -> Array:
        recurrent = self.around(*self.currents(state), np.zeros((len(state), 1)))
        low, high = self.moved(state, recurrent)
        return np.maximum(np.abs(low), np.abs(high))[:, 0]

    @override
    def jacobian(self, state: Array) -> Array:
        return self._nominal(self._boxes(state, self.currents(state), np.zeros((len(state), 1)))[:, 0])

    @override
    def prepare(self, state: Array, inverse: Array) -> Any:
        currents = self.currents(state)
        p = self._boxes(state, currents, np.zeros((len(state), 1)))[:, 0]
        centre = 0.5 * p[..., 0] + 0.5 * p[..., 1]
        centre = np.where(np.isfinite(centre), centre, 0.0)
        J, n, size = self._nominal(p), state.shape[1], np.abs(inverse)
        known = np.abs(np.eye(n) + 0.0 - _product(inverse, J)).sum(2)
        rows = (np.abs(centre) * self.row).sum(1) + 1
        lost = 1 + _applied(size, rows)
        rounding = _gamma(n) + _gamma(len(self.matrices) + 3) + 4 * _EPS
        return state, currents, centre, size, _raised(known + rounding * lost, 2 * n)

    @override
    def defect(self, prepared: Any, radius: Array) -> Array:
        state, currents, centre, size, known = prepared
        p = self._boxes(state, currents, radius)  # (batch, box, factor, state, end)
        spread = np.maximum(p[..., 1] - centre[:, None], centre[:, None] - p[..., 0])
        spread = np.where(np.isnan(spread), np.inf, np.maximum(spread, 0.0)) * (1 + 2 * _EPS) + _TINY
        off = _raised(np.where(self.row > 0, spread * self.row, 0.0).sum(2), len(self.matrices) + 1)
        rows = known[:, None] + _product(off, size.swapaxes(1, 2))
        found = _raised(rows, 2 * state.shape[1]).max(2)
        return np.where(np.isnan(found), np.inf, found)

    def _boxes(self, state: Array, currents: tuple[Array, Array], radius: Array) -> Array:
        found = self.factors(state, self.around(*currents, radius), radius)
        return np.stack([np.stack(np.broadcast_arrays(*each), -1) for each in found], 2)

    def _nominal(self, p: Array) -> Array:
        centre = 0.5 * p[..., 0] + 0.5 * p[..., 1]
        J = np.einsum("bmi,mij->bij", np.where(np.isfinite(centre), centre, 0.0), self.matrices)
        return np.asarray(J - np.eye(J.shape[1]))


class _Gru(_Gated):
    def __init__(self, cell: Any, input: Array, dt: float) -> None:  # noqa: ANN401
        super().__init__(cell, input, dt, _GRU_GATES)
        reset, keep, new = self.weight
        self.build([new, reset, keep, np.eye(len(new))])

    def gates(self, recurrent: Interval) -> tuple[Interval, Interval, Interval, Interval, Interval]:
        """Currents of the reset gate, the keep gate, the gated current, that of the new state, and the reset gate."""
        a_r, a_z = self.with_input(recurrent, 0), self.with_input(recurrent, 1)
        c = recurrent[0][2], recurrent[1][2]
        r = _image(self.sigmoid, a_r)
        inner = _times(r, c)
        value, error = self.from_input[2], self.input_error[2]
        a_n = _down(inner[0] + _down(value - error)), _up(inner[1] + _up(value + error))
        return a_r, a_z, c, a_n, r

    @override
    def factors(self, state: Array, recurrent: Interval, radius: Array) -> list[Interval]:
        a_r, a_z, c, a_n, r = self.gates(recurrent)
        z, n = _image(self.sigmoid, a_z), _image(self.tanh, a_n)
        steep = _times(_minus((np.ones(1), np.ones(1)), z), self.tanh.between(*a_n))
        h = _around(state, radius)
        return [
            _times(steep, r),
            _times(_times(steep, self.sigmoid.between(*a_r)), c),
            _times(_minus(h, n), self.sigmoid.between(*a_z)),
            z,
        ]

    @override
    def moved(self, state: Array, recurrent: Interval) -> Interval:
        _, a_z, _, a_n, _ = self.gates(recurrent)
        here = state[:, None], state[:, None]
        away = _minus(_image(self.tanh, a_n), here)
        return _times(_minus((np.ones(1), np.ones(1)), _image(self.sigmoid, a_z)), away)


class _Lstm(_Gated):
    def __init__(self, cell: Any, input: Array, dt: float) -> None:  # noqa: ANN401
        super().__init__(cell, input, dt, _LSTM_GATES)
        n = cell.hidden_size
        self.n = n
        none, one = np.zeros((n, n)), np.eye(n)
        blocks = [np.block([[each, none], [each, none]]) for each in self.weight]
        self.build([*blocks, np.block([[none, one], [none, one]])])

    def cell_state(self, recurrent: Interval, c: Interval) -> tuple[list[Interval], list[Interval], Interval]:
        """Currents and values of the gates i, f, g, o, and the next cell state."""
        a = [self.with_input(recurrent, k) for k in range(_LSTM_GATES)]
        kinds = (self.sigmoid, self.sigmoid, self.tanh, self.sigmoid)
        v = [_image(kind, each) for kind, each in zip(kinds, a, strict=True)]
        return a, v, _plus(_times(v[1], c), _times(v[0], v[2]))

    @override
    def factors(self, state: Array, recurrent: Interval, radius: Array) -> list[Interval]:
        low, high = _around(state, radius)
        c = low[..., self.n :], high[..., self.n :]
        a, (i, f, g, o), after = self.cell_state(recurrent, c)
        through = _times(o, self.tanh.between(*after))  # what the hidden state hears of the cell state
        cell = [
            _times(g, self.sigmoid.between(*a[0])),
            _times(c, self.sigmoid.between(*a[1])),
            _times(i, self.tanh.between(*a[2])),
            (np.zeros(1), np.zeros(1)),
            f,
        ]
        hidden = [_times(through, each) for each in cell]
        hidden[3] = _times(_image(self.tanh, after), self.sigmoid.between(*a[3]))
        return [_joined(above, below) for above, below in zip(hidden, cell, strict=True)]

    @override
    def moved(self, state: Array, recurrent: Interval) -> Interval:
        h, c = state[:, None, : self.n], state[:, None, self.n :]
        _, v, after = self.cell_state(recurrent, (c, c))
        return _joined(_minus(_times(v[3], _image(self.tanh, after)), (h, h)), _minus(after, (c, c)))


def _down(x: Array) -> Array:
    return np.nextafter(x, -np.inf)


def _up(x: Array) -> Array:
    return np.nextafter(x, np.inf)


def _around(state: Array, radius: Array) -> Interval:
    """Boxes around states, ``(batch, box, state)``."""
    return _down(state[:, None] - radius[..., None]), _up(state[:, None] + radius[..., None])


def _image(function: Slopes, x: Interval) -> Interval:
    """Values of a function that rises."""
    (low, below), (high, above) = function.value(x[0]), function.value(x[1])
    return _down(low - below), _up(high + above)


def _plus(x: Interval, y: Interval) -> Interval:
    return _down(x[0] + y[0]), _up(x[1] + y[1])


def _minus(x: Interval, y: Interval) -> Interval:
    return _down(x[0] - y[1]), _up(x[1] - y[0])


def _times(x: Interval, y: Interval) -> Interval:
    with np.errstate(invalid="ignore"):
        ends = np.stack(np.broadcast_arrays(*(p * q for p in x for q in y)))
    lost = np.isnan(ends).any(0)  # 0 times infinity
    low, high = _down(ends.min(0)), _up(ends.max(0))
    return np.where(lost, -np.inf, low), np.where(lost, np.inf, high)


def _joined(above: Interval, below: Interval) -> Interval:
    shape = np.broadcast_shapes(*(each.shape for each in (*above, *below)))
    low, high = (
        np.concatenate([np.broadcast_to(each, shape) for each in pair], -1)
        for pair in zip(above, below, strict=True)
    )
    return low, high
