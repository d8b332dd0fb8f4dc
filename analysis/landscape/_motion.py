r"""How states are carried forward in time: in the network's own steps, or along the differential equation."""

__all__ = ["STEPS", "AbstractMotion", "Ode", "Steps"]

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from neurornn.analysis._system import System


class AbstractMotion(ABC):
    """A rule that carries many states forward, each on its own."""

    @property
    @abstractmethod
    def discrete(self) -> bool:
        """Whether attractors are those of the map ``state + dt * drift`` rather than those of the equation."""

    @abstractmethod
    def stretch(self, system: System, rate: float) -> float:
        """Duration after which arrivals are looked for.

        Args:
            system: The system.
            rate: Scale of its drift in 1/ms.

        Returns:
            Duration in ms.
        """

    @abstractmethod
    def advance(self, system: System, input: Tensor, state: Tensor, duration: float) -> Tensor:
        """Carry states forward.

        Args:
            system: The system.
            input: Input held, ``(input,)``.
            state: States, ``(batch, unit)``.
            duration: For how long, in ms.

        Returns:
            The states at the end, ``(batch, unit)``; not finite where they left for infinity.
        """


@final
@dataclass(frozen=True)
class Steps(AbstractMotion):
    """The network as it runs: ``state + dt * drift(state)``, step by step.

    Attributes:
        n_steps: Steps between two looks for arrivals.

    Raises:
        ValueError: If there is no step between looks.
    """

    n_steps: int = 8

    def __post_init__(self) -> None:
        if self.n_steps < 1:
            raise ValueError(f"There is at least one step between looks: got n_steps={self.n_steps}.")

    @property
    @override
    def discrete(self) -> bool:
        return True

    @override
    def stretch(self, system: System, rate: float) -> float:
        return self.n_steps * system.dt

    @override
    def advance(self, system: System, input: Tensor, state: Tensor, duration: float) -> Tensor:
        for _ in range(max(1, round(duration / system.dt))):
            state = system.step(state, input)
        return state


STEPS = Steps()
"""The network as it runs, looked at after every 8 steps."""


@final
@dataclass(frozen=True)
class Ode(AbstractMotion):
    r"""The differential equation :math:`\dot x = F(x)`, whatever the time step of the network.

    Dormand and Prince's pair of orders 5 and 4. Every state has its own step size, so that its path does not depend
    on the others in the batch.

    Attributes:
        tolerance: Error allowed in a step, relative to 1 + the length of the state.
        shortest: Shortest step, as a fraction of the duration between looks; a state that needs a shorter one is
            given up (NaN).

    Raises:
        ValueError: If the tolerance is not between 1e-13 and 0.1.

    References:
        A family of embedded Runge-Kutta formulae (Dormand & Prince, 1980)
        https://doi.org/10.1016/0771-050X(80)90013-3
    """

    tolerance: float = 1e-9
    shortest: float = 1e-7

    def __post_init__(self) -> None:
        if not 1e-13 <= self.tolerance <= 0.1:
            raise ValueError(f"tolerance must lie in [1e-13, 0.1]: got {self.tolerance}.")

    @property
    @override
    def discrete(self) -> bool:
        return False

    @override
    def stretch(self, system: System, rate: float) -> float:
        return 1.0 / rate

    @override
    def advance(self, system: System, input: Tensor, state: Tensor, duration: float) -> Tensor:
        x = state.clone()
        left = torch.full_like(x[:, 0], duration)
        size = left.clone()
        rows = torch.arange(len(x), device=x.device)
        while rows.numel():
            h = torch.minimum(size[rows], left[rows])
            y, error = _attempt(system, input, x[rows], h)
            ratio = error / (self.tolerance * (1 + x[rows].norm(dim=1)))
            good = ratio <= 1  # False for NaN
            hopeless = ~good & (h < self.shortest * duration)
            keep = rows[good]
            x[keep] = y[good]
            left[keep] -= h[good]
            x[rows[hopeless]] = torch.nan
            growth = (0.9 * ratio.clamp(min=1e-10) ** -0.2).clamp(0.2, 5.0).nan_to_num(0.2)
            size[rows] = h * growth
            rows = rows[(left[rows] > 1e-12 * duration) & ~hopeless]
        return x


def _attempt(system: System, input: Tensor, x: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
    """The state of order 5 after one step, and the length of its difference from that of order 4."""
    step = h.unsqueeze(1)
    slopes: list[Tensor] = []
    point = x
    for row in _STAGES:
        if row:
            point = x + step * sum(a * k for a, k in zip(row, slopes, strict=True))
        slopes.append(system.drift(point, input))
    error = step * sum(e * k for e, k in zip(_ERROR, slopes, strict=True))
    return point, error.norm(dim=1)


# The last stage is evaluated at the new state itself.
_STAGES: tuple[tuple[float, ...], ...] = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
