"""How a state and the perturbations around it move on in time."""

__all__ = ["AbstractScheme", "EulerMap", "RungeKutta"]

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from neurornn.analysis._system import System


class AbstractScheme(ABC):
    """One step of the state and of perturbations of it."""

    @abstractmethod
    def length(self, dt: float) -> float:
        """Duration of a step.

        Args:
            dt: Time step of the network in ms.

        Returns:
            The duration in ms.
        """

    @abstractmethod
    def move(self, system: System, state: Tensor, input: Tensor) -> Tensor:
        """States after a step.

        Args:
            system: The system.
            state: States, ``(batch, unit)``.
            input: Inputs held during the step, ``(batch, input)``.

        Returns:
            The next states.
        """

    @abstractmethod
    def carry(self, system: System, state: Tensor, input: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
        """States and perturbations after a step.

        Args:
            system: The system.
            state: States, ``(batch, unit)``.
            input: Inputs held during the step, ``(batch, input)``.
            basis: Perturbations in columns, ``(batch, unit, exponent)``.

        Returns:
            The next states, and the derivative of the step times the perturbations.
        """


@final
@dataclass(frozen=True)
class EulerMap(AbstractScheme):
    r"""The map that is simulated, :math:`x \mapsto x + dt\,F(x, u)`, with derivative :math:`I + dt\,J`.

    Exact for the network as it runs, and for any :class:`~neurornn.analysis.systems.StepMap`. The exponents depend on
    ``dt`` as the map does.
    """

    @override
    def length(self, dt: float) -> float:
        return dt

    @override
    def move(self, system: System, state: Tensor, input: Tensor) -> Tensor:
        return system.step(state, input)

    @override
    def carry(self, system: System, state: Tensor, input: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
        J = system.jacobian(state, input)
        return system.step(state, input), torch.baddbmm(basis, J, basis, alpha=system.dt)


@final
@dataclass(frozen=True)
class RungeKutta(AbstractScheme):
    r"""The differential equation :math:`\dot x = F(x, u)`, its variational equation :math:`\dot Q = J(x, u)\,Q` with it.

    Both are solved together by the classical scheme of fourth order. ``dt`` of the network plays no part except
    that each row of a changing input lasts so long.

    Attributes:
        step: Length of a step in ms.

    Raises:
        ValueError: If the step is not positive.
    """

    step: float

    def __post_init__(self) -> None:
        if not 0 < self.step < float("inf"):
            raise ValueError(f"A step lasts some time in ms, above 0: got step={self.step}.")

    @override
    def length(self, dt: float) -> float:
        return self.step

    @override
    def move(self, system: System, state: Tensor, input: Tensor) -> Tensor:
        total, slope = torch.zeros_like(state), torch.zeros_like(state)
        for fraction, weight in _STAGES:
            slope = system.drift(state + fraction * self.step * slope, input)
            total = total + weight * slope
        return state + self.step * total

    @override
    def carry(self, system: System, state: Tensor, input: Tensor, basis: Tensor) -> tuple[Tensor, Tensor]:
        total, slope = torch.zeros_like(state), torch.zeros_like(state)
        total_basis, slope_basis = torch.zeros_like(basis), torch.zeros_like(basis)
        for fraction, weight in _STAGES:
            x = state + fraction * self.step * slope
            slope_basis = torch.bmm(
                system.jacobian(x, input), torch.add(basis, slope_basis, alpha=fraction * self.step)
            )
            slope = system.drift(x, input)
            total = total + weight * slope
            total_basis.add_(slope_basis, alpha=weight)
        return state + self.step * total, basis + self.step * total_basis


_STAGES = ((0.0, 1 / 6), (0.5, 1 / 3), (0.5, 1 / 3), (1.0, 1 / 6))
"""Where in the step each slope is taken, along the slope before, and what it counts."""
