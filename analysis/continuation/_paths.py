r"""Paths of one number along which a network changes: from input to input, or through a parameter."""

__all__ = ["AbstractPath", "Bound", "InputPath", "ParameterPath"]

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, final

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from typing_extensions import override

from neurornn.analysis._system import System, freeze, plain
from neurornn.analysis.systems import HasDrift


class Bound(NamedTuple):
    """A path with the network it changes.

    Attributes:
        at: The system and the input held at a value of the parameter.
        low: Smallest value of the parameter.
        high: Largest value.
    """

    at: Callable[[float], tuple[System, Tensor]]
    low: float
    high: float


class AbstractPath(ABC):
    """What changes while fixed points are followed, as a function of one number."""

    @property
    @abstractmethod
    def label(self) -> tuple[str, str]:
        """Name of the parameter and its units."""

    @property
    @abstractmethod
    def begin(self) -> float:
        """Value of the parameter where the states to start from rest, unless told otherwise."""

    @abstractmethod
    def bind(self, network: HasDrift, n_units: int) -> Bound:
        """The path of one network.

        Args:
            network: The network, which is left untouched.
            n_units: Dimension of its state.

        Returns:
            Systems and inputs by the value of the parameter.
        """


@final
@dataclass(frozen=True, eq=False)
class InputPath(AbstractPath):
    r"""The straight way from one input held to another, :math:`u(p) = u_0 + p\,(u_1 - u_0)`.

    Attributes:
        start: Input :math:`u_0` at :math:`p = 0`, one number for each channel; for instance that of one context.
        end: Input :math:`u_1` at :math:`p = 1`.
        limits: Smallest and largest :math:`p`.
        name: What :math:`p` is called in the result.

    Raises:
        ValueError: If the inputs do not fit each other, are the same or not finite, or the limits are empty.

    Examples:
        >>> path = InputPath([0.0, 1.0], [0.5, 1.0])
        >>> path.limits, path.label
        ((0.0, 1.0), ('position along the input path', '1'))
    """

    start: ArrayLike | Tensor
    end: ArrayLike | Tensor
    limits: tuple[float, float] = (0.0, 1.0)
    name: str = "position along the input path"

    def __post_init__(self) -> None:
        start, end = plain(self.start), plain(self.end)
        if start.ndim != 1 or start.shape != end.shape:
            raise ValueError(
                f"A path goes between two inputs with the same channels, (input,): got shapes {start.shape} and {end.shape}."
            )
        if not (np.isfinite(start).all() and np.isfinite(end).all()) or (start == end).all():
            raise ValueError(
                f"A path needs two different, finite inputs: got {start.tolist()} and {end.tolist()}."
            )
        _check_limits(*self.limits)

    @property
    @override
    def label(self) -> tuple[str, str]:
        return self.name, "1"

    @property
    @override
    def begin(self) -> float:
        return float(self.limits[0])

    @override
    def bind(self, network: HasDrift, n_units: int) -> Bound:
        start, end = plain(self.start), plain(self.end)
        n_inputs = getattr(network, "n_inputs", None)
        if n_inputs not in {None, start.size}:
            raise ValueError(f"The path has {start.size} input channels but the network has {n_inputs}.")
        system = freeze(network, n_units)
        origin, way = (torch.as_tensor(each, device=system.device) for each in (start, end - start))
        return Bound(lambda p: (system, origin + p * way), *self.limits)


@final
@dataclass(frozen=True, eq=False)
class ParameterPath(AbstractPath):
    """A parameter of the network itself: a gain, a weight, a time constant, anything a function can change.

    Attributes:
        function: ``function(network, value)`` gives the network at a value of the parameter. What it receives is a
            float64 copy of its own, which it may change in place and return; or it builds another. What it returns
            must depend smoothly on the value, in float64.
        start: One end of the range of values.
        end: The other.
        input: Input held all the time; zero if None.
        name: What the parameter is called in the result.
        units: Its units.

    Raises:
        TypeError: If the function cannot be called.
        ValueError: If the range is empty or not finite.

    Examples:
        >>> def gain(network, value):
        ...     network.W_rec = value * network.W_rec
        ...     return network
        >>> ParameterPath(gain, 0.0, 2.0, name="gain of the recurrent weights").label
        ('gain of the recurrent weights', '1')
    """

    function: Callable[..., HasDrift]
    start: float
    end: float
    input: ArrayLike | Tensor | None = None
    name: str = "parameter"
    units: str = "1"

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise TypeError(
                f"A parameter path is made of a function of (network, value): got {type(self.function).__name__}."
            )
        _check_limits(*sorted((self.start, self.end)))

    @property
    @override
    def label(self) -> tuple[str, str]:
        return self.name, self.units

    @property
    @override
    def begin(self) -> float:
        return float(self.start)

    @override
    def bind(self, network: HasDrift, n_units: int) -> Bound:
        device = freeze(network, n_units).device  # and refuses a network with noise
        n_inputs = getattr(network, "n_inputs", None)
        if self.input is None and n_inputs is None:
            raise ValueError(
                "The network does not say how many inputs it has (n_inputs): pass ParameterPath(..., input=...)."
            )
        held = plain(np.zeros(n_inputs or 0) if self.input is None else self.input)
        if held.ndim != 1 or n_inputs not in {None, held.size}:
            raise ValueError(
                f"input must hold one number for each channel, shape ({n_inputs or 'input'},): got shape {held.shape}."
            )
        input = torch.as_tensor(held, device=device)

        base = copy.deepcopy(network)
        if isinstance(base, nn.Module):
            base.double().eval().requires_grad_(False)

        def at(value: float) -> tuple[System, Tensor]:
            twin = copy.deepcopy(base)
            changed = self.function(twin, value)
            if changed is None:
                raise TypeError(
                    f"The function of a parameter path must return the network: got None at {value:g}. "
                    "End it with 'return network'."
                )
            if changed is not twin:
                return freeze(changed, n_units), input
            analytic = getattr(twin, "drift_jacobian", None)
            return System(twin.drift, analytic, n_units, float(twin.dt), False, device), input

        return Bound(at, *sorted((float(self.start), float(self.end))))


def _check_limits(low: float, high: float) -> None:
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(f"The range of a path needs two finite ends, low below high: got {low} to {high}.")
