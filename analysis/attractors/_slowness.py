"""What counts as slow, and what a state lacks that does not."""

__all__ = ["Around", "Measure", "Slowness"]

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from neurornn.analysis._system import System
from neurornn.analysis.fixed_points._roots import SINGULAR


@dataclass(frozen=True)
class Slowness:
    r"""When a state lies on a slow manifold of dimension :math:`k`.

    With the eigenvalues :math:`\lambda_i` of the Jacobian there in order of size and the drift :math:`F`,

    .. math::
        |\lambda_k| \le \frac1{T}, \qquad
        \min_{i > k} |\operatorname{Re} \lambda_i| \ge s\,|\lambda_k|, \qquad
        \lVert F \rVert\, T \le d\, L

    where :math:`T` is ``longer_than``, :math:`s` the ``separation``, :math:`d` the ``drift`` and :math:`L` the
    radius of the region searched. The largest such :math:`k` counts.

    Attributes:
        longer_than: Time in ms that memory must outlast: a delay of the task, for instance. If None, 3 time
            constants of the network (3 / ``rate`` of the fixed points).
        separation: Least ratio of time constants along the manifold to those across it.
        drift: Largest distance drifted in ``longer_than``, relative to the radius of the region searched.
        shortest: Least length of a line, or extent of a surface, relative to the same radius; less is a point.

    Raises:
        ValueError: If a number makes no sense.
    """

    longer_than: float | None = None
    separation: float = 3.0
    drift: float = 0.5
    shortest: float = 0.1

    def __post_init__(self) -> None:
        if self.longer_than is not None and not 0 < self.longer_than < float("inf"):
            raise ValueError(f"longer_than is a time in ms, above 0: got {self.longer_than}.")
        if not self.separation > 1:
            raise ValueError(f"separation is a ratio of time constants above 1: got {self.separation}.")
        for name in ("drift", "shortest"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive: got {getattr(self, name)}.")

    def time(self, rate: float) -> float:
        """The time that memory must outlast.

        Args:
            rate: Rate of the network in 1/ms.

        Returns:
            The time in ms.
        """
        return 3 / rate if self.longer_than is None else self.longer_than


class Around(NamedTuple):
    """The linear dynamics around states, as far as slowness is concerned; one row for each state.

    Attributes:
        dimension: Dimension of the slow space, 0 if none.
        n_shown: The dimension, or the number of modes that come closest to the criterion where it is 0.
        slow: The last eigenvalue of so many, in 1/ms.
        across: Least size of the real parts of the other eigenvalues in 1/ms.
        attracting: Whether all other real parts are negative.
        speed: Norm of the drift in 1/ms.
    """

    dimension: Tensor
    n_shown: Tensor
    slow: Tensor
    across: Tensor
    attracting: Tensor
    speed: Tensor


class Measure:
    """The criterion with the scales of one network at one input.

    Args:
        system: The system.
        input: Input held.
        slowness: The criterion.
        rate: Rate of the network in 1/ms.
        centre: Middle of the region searched, ``(unit,)``.
        radius: Its radius.
    """

    def __init__(
        self, system: System, input: Tensor, slowness: Slowness, rate: float, centre: Tensor, radius: float
    ) -> None:
        self.system, self.input, self.slowness, self.rate = system, input, slowness, rate
        self.centre, self.radius, self.time = centre, radius, slowness.time(rate)
        self.floor = SINGULAR * rate  # eigenvalues below it are not told from 0

    def around(self, state: Tensor, dimension: int | None = None) -> Around:
        """Slow modes at states.

        Args:
            state: States, ``(state, unit)``.
            dimension: Take so many modes as slow, whatever the criterion says.

        Returns:
            What is slow there.
        """
        parts = [self._around(part, dimension) for part in state.split(self.system.block)]
        return Around(*(torch.cat(column) for column in zip(*parts, strict=True)))

    def _around(self, state: Tensor, dimension: int | None) -> Around:
        values = torch.linalg.eigvals(self.system.jacobian(state, self.input))
        values = values.gather(1, values.abs().argsort(dim=1, stable=True))
        n = values.shape[1]
        growth = values.real
        beyond = torch.full_like(growth[:, :1], torch.inf)
        across = torch.cat(
            [growth.abs().flip(1).cummin(1).values.flip(1), beyond], 1
        )  # of all modes from i on
        worst = torch.cat([growth.flip(1).cummax(1).values.flip(1), -beyond], 1)
        size = values.abs().clamp(min=self.floor)
        fits = (size <= max(1 / self.time, self.floor)) & (across[:, 1:] >= self.slowness.separation * size)
        number = torch.arange(1, n + 1, device=state.device)
        k = (fits * number).amax(1) if dimension is None else number[dimension - 1].expand(len(state))
        rows = torch.arange(len(state), device=state.device)
        ratio = torch.where(size <= max(1 / self.time, self.floor), across[:, 1:] / size, -torch.inf)
        shown = torch.where(k > 0, k, ratio.argmax(1) + 1)
        return Around(
            k,
            shown,
            values[rows, shown - 1],
            across[rows, shown],
            worst[rows, shown] < 0,
            self.system.drift(state, self.input).norm(dim=1),
        )

    def too_fast(self, speed: Tensor) -> Tensor:
        """Whether states drift too far in the time of memory.

        Args:
            speed: Norm of the drift in 1/ms.

        Returns:
            One answer for each.
        """
        return speed * self.time > self.slowness.drift * self.radius

    def outside(self, state: Tensor) -> Tensor:
        """Whether states lie outside the region searched.

        Args:
            state: States, ``(state, unit)``.

        Returns:
            One answer for each.
        """
        return (state - self.centre).norm(dim=1) > self.radius

    def lacks(self, state: Tensor, dimension: int) -> list[str]:
        """Why states are no part of a slow manifold of this dimension.

        Args:
            state: States, ``(state, unit)``.
            dimension: Dimension of the manifold.

        Returns:
            A reason for each, empty where there is none.
        """
        found = self.around(state)
        far, fast = self.outside(state).tolist(), self.too_fast(found.speed).tolist()
        return [
            "end of the region"
            if far[row]
            else "separation lost"
            if k < dimension
            else "more slow modes"
            if k > dimension
            else "drift too fast"
            if fast[row]
            else ""
            for row, k in enumerate(found.dimension.tolist())
        ]
