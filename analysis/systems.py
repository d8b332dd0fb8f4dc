r"""Dynamical systems of any origin: a user's function, module or recurrent cell, ready for every analysis here.

All analyses of dynamics take a network of this library or an object with ``drift(state, input)`` in 1/ms and ``dt``
in ms. The classes of this module make such objects of what people have.
"""

__all__ = ["Drift", "HasDrift", "StepMap", "from_cell"]

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, final

import torch
from torch import Tensor, nn


class HasDrift(Protocol):
    """All that the analysis of a dynamical system needs.

    ``n_units`` and ``n_inputs`` are used to check shapes where they exist; ``bounded`` says that the drift points
    inwards in all states far away, so that the indices of all fixed points add up to 1.

    Attributes:
        dt: Time step of the map ``state + dt * drift`` in ms.
    """

    dt: float

    def drift(self, state: Tensor, input: Tensor) -> Tensor:
        """Velocity of the state in 1/ms.

        Args:
            state: States, ``(*batch, unit)``.
            input: Inputs held, ``(*batch, input)``.

        Returns:
            Velocities, shape of the state.
        """


class _System(nn.Module):
    """A function of state and input, with the module whose weights it uses."""

    def __init__(
        self,
        function: Callable[..., Tensor],
        *,
        n_units: int,
        n_inputs: int = 0,
        dt: float = 1.0,
        module: nn.Module | None = None,
        bounded: bool = False,
    ) -> None:
        super().__init__()
        if not callable(function):
            raise TypeError(
                f"A system is made of a function of (state, input): got {type(function).__name__}."
            )
        if isinstance(function, nn.Module) and module is None:
            module, function = function, _call
        if n_units < 1 or n_inputs < 0:
            raise ValueError(
                f"A system has at least one unit and no negative number of inputs: got n_units={n_units}, n_inputs={n_inputs}."
            )
        if not dt > 0:
            raise ValueError(f"dt is a time step in ms, above 0: got {dt}.")
        self.n_units, self.n_inputs, self.dt, self.bounded = n_units, n_inputs, float(dt), bounded
        self.function, self.module = function, module

    def evaluate(self, state: Tensor, input: Tensor) -> Tensor:
        """Value of the function, with its module as it is now."""
        return (
            self.function(state, input) if self.module is None else self.function(self.module, state, input)
        )


@final
class Drift(_System):
    r"""An ordinary differential equation :math:`\dot x = F(x, u)` given as a function.

    Args:
        function: ``function(state, input)`` with states ``(*batch, unit)`` and inputs ``(*batch, input)`` giving
            velocities in 1/ms; or, with a ``module``, ``function(module, state, input)``; or a module called as
            ``module(state, input)``.
        n_units: Dimension of the state.
        n_inputs: Number of input channels, 0 if the input is not used.
        dt: Time step in ms, for what is said of the map ``state + dt * drift`` and nowhere else.
        module: Module whose weights the function uses. Weights that a function merely closes over stay in their own
            type; those of a module are analysed in float64, in a copy.
        bounded: Whether the drift points inwards in all states far away, so that indices of fixed points add up to 1.

    Raises:
        TypeError: If the function cannot be called.
        ValueError: If a number makes no sense.

    Examples:
        The oscillator of van der Pol rests in one state only, which repels.

        >>> from neurornn.analysis import fixed_points
        >>> def van_der_pol(state, input):
        ...     x, y = state.unbind(-1)
        ...     return torch.stack([y, (1 - x**2) * y - x], dim=-1)
        >>> points = fixed_points.find(Drift(van_der_pol, n_units=2), candidates=[[0.2, 0.0], [3.0, 0.0]])
        >>> (points.state.values.round(9) + 0.0).tolist(), points.n_unstable.values.tolist()
        ([[0.0, 0.0]], [2])
    """

    def drift(self, state: Tensor, input: Tensor) -> Tensor:
        """Velocity of the state.

        Args:
            state: States, ``(*batch, unit)``.
            input: Inputs held, ``(*batch, input)``.

        Returns:
            Velocities in 1/ms, shape of the state.
        """
        return self.evaluate(state, input)


@final
class StepMap(_System):
    r"""A map :math:`x_{t+1} = G(x_t, u_t)` given as a function, one step lasting ``dt``.

    Its drift is :math:`F = (G(x, u) - x) / dt`: the map and the drift have the same fixed points, an eigenvalue
    :math:`\mu` of the map is :math:`1 + dt\,\lambda`, and ``stable_map`` is the stability of this map.

    Args:
        function: ``function(state, input)`` with states ``(*batch, unit)`` and inputs ``(*batch, input)`` giving the
            next states; or, with a ``module``, ``function(module, state, input)``; or a module called as
            ``module(state, input)``.
        n_units: Dimension of the state.
        n_inputs: Number of input channels, 0 if the input is not used.
        dt: Duration of a step in ms.
        module: Module whose weights the function uses; see :class:`Drift`.
        bounded: Whether the map takes all states far away inwards, so that indices of fixed points add up to 1.
        extent: Largest modulus of each unit that a fixed point can have, if it is known. Beyond it a gate that is
            open to the last digit makes any state look at rest.

    Raises:
        TypeError: If the function cannot be called.
        ValueError: If a number makes no sense.

    Examples:
        >>> from neurornn.analysis import fixed_points
        >>> system = StepMap(lambda h, u: torch.tanh(2 * h + u), n_units=1, n_inputs=1, bounded=True)
        >>> points = fixed_points.find(system, candidates=[[0.9], [-0.9]])
        >>> points.state.values.round(6).ravel().tolist(), points.stable_map.values.tolist()
        ([-0.957504, 0.957504, 0.0], [True, True, False])
    """

    def __init__(
        self,
        function: Callable[..., Tensor],
        *,
        n_units: int,
        n_inputs: int = 0,
        dt: float = 1.0,
        module: nn.Module | None = None,
        bounded: bool = False,
        extent: Sequence[float] | None = None,
    ) -> None:
        super().__init__(function, n_units=n_units, n_inputs=n_inputs, dt=dt, module=module, bounded=bounded)
        self.extent = None if extent is None else torch.tensor(extent, dtype=torch.float64)
        if self.extent is not None and not (
            self.extent.shape == (n_units,) and bool((self.extent > 0).all())
        ):
            raise ValueError(f"extent needs {n_units} numbers above 0: got {extent}.")

    def drift(self, state: Tensor, input: Tensor) -> Tensor:
        """Displacement by one step over its duration.

        Args:
            state: States, ``(*batch, unit)``.
            input: Inputs held, ``(*batch, input)``.

        Returns:
            Velocities in 1/ms, shape of the state.
        """
        return (self.evaluate(state, input) - state) / self.dt


def from_cell(cell: nn.Module, *, dt: float = 1.0) -> StepMap:
    """A recurrent cell or layer of PyTorch as a map of its state.

    Args:
        cell: ``RNNCell``, ``GRUCell`` or ``LSTMCell`` of ``torch.nn``, or an ``RNN``, ``GRU`` or ``LSTM`` of one layer
            and one direction. The state of an LSTM is hidden and cell state one after the other, ``2 * hidden_size``
            units.
        dt: Duration of a step in ms.

    Returns:
        The map. It is bounded except for the ``relu`` kinds.

    Raises:
        TypeError: If it is none of these.
        ValueError: If it has several layers, two directions or a projection.

    Examples:
        >>> from neurornn.analysis import fixed_points
        >>> cell = torch.nn.GRUCell(1, 3).requires_grad_(False)
        >>> for weight in cell.parameters():
        ...     _ = weight.zero_()
        >>> points = fixed_points.find(from_cell(cell), candidates=torch.ones(1, 3))
        >>> (points.state.values + 0.0).tolist(), points.completeness.item()   # h becomes h / 2
        ([[0.0, 0.0, 0.0]], 'consistent')
    """
    layer: Any = cell
    step = next((step for kind, step in _STEPS.items() if isinstance(cell, kind)), None)
    if step is None:
        raise TypeError(
            "from_cell takes RNNCell, GRUCell, LSTMCell, RNN, GRU or LSTM of torch.nn: got "
            f"{type(cell).__name__}. Wrap another module as StepMap(function, module=..., n_units=...)."
        )
    if isinstance(cell, nn.RNNBase) and (layer.num_layers != 1 or layer.bidirectional or layer.proj_size):
        raise ValueError(
            "Only a layer of one level, one direction and without projection is a map of one state: got "
            f"num_layers={layer.num_layers}, bidirectional={layer.bidirectional}, proj_size={layer.proj_size}."
        )
    bounded, n = getattr(cell, "nonlinearity", "tanh") == "tanh", layer.hidden_size
    memory = [math.inf] * n if step is _lstm else []
    return StepMap(
        step,
        n_units=n + len(memory),
        n_inputs=layer.input_size,
        dt=dt,
        module=cell,
        bounded=bounded,
        extent=[1.0] * n + memory if bounded else None,  # hidden states at rest are means of values of tanh
    )


def _call(module: nn.Module, state: Tensor, input: Tensor) -> Tensor:
    return module(state, input)


# The gates are written out: the fused cells of PyTorch have no second derivatives in a batch.


def _rnn(cell: nn.Module, state: Tensor, input: Tensor) -> Tensor:
    current = torch.add(*_currents(cell, state, input))
    return torch.relu(current) if getattr(cell, "nonlinearity", "tanh") == "relu" else torch.tanh(current)


def _gru(cell: nn.Module, state: Tensor, input: Tensor) -> Tensor:
    outer, inner = (current.chunk(3, dim=-1) for current in _currents(cell, state, input))
    reset, keep = torch.sigmoid(outer[0] + inner[0]), torch.sigmoid(outer[1] + inner[1])
    return (1 - keep) * torch.tanh(outer[2] + reset * inner[2]) + keep * state


def _lstm(cell: nn.Module, state: Tensor, input: Tensor) -> Tensor:
    hidden, memory = state.chunk(2, dim=-1)
    i, f, g, o = torch.add(*_currents(cell, hidden, input)).chunk(4, dim=-1)
    memory = torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)
    return torch.cat([torch.sigmoid(o) * torch.tanh(memory), memory], dim=-1)


def _currents(cell: Any, state: Tensor, input: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ANN401
    """Input and recurrent currents of a cell, or of the only level of a layer."""
    end = "_l0" if isinstance(cell, nn.RNNBase) else ""

    def current(x: Tensor, kind: str) -> Tensor:
        bias = getattr(cell, f"bias_{kind}{end}") if cell.bias else None
        return nn.functional.linear(x, getattr(cell, f"weight_{kind}{end}"), bias)

    return current(input, "ih"), current(state, "hh")


_STEPS: dict[type[nn.Module], Callable[..., Tensor]] = {
    nn.RNNCell: _rnn,
    nn.RNN: _rnn,
    nn.GRUCell: _gru,
    nn.GRU: _gru,
    nn.LSTMCell: _lstm,
    nn.LSTM: _lstm,
}
