"""What a run of a network gives."""

__all__ = ["Outputs", "Trajectory"]

from typing import NamedTuple

from torch import Tensor


class Trajectory(NamedTuple):
    """What a network did; step ``k`` holds the values after input ``k`` has acted.

    Attributes:
        state: Dynamical variable (potential in current form, rate in rate form), ``(batch, time, unit)``.
        rate: Firing rates, ``(batch, time, unit)``.
        output: Read-out, ``(batch, time, output)``.
        final: State to resume with, ``(batch, unit)``.
    """

    state: Tensor
    rate: Tensor
    output: Tensor
    final: Tensor

    @property
    def mean_abs_rate(self) -> Tensor:
        """Mean size of the rates in each step, ``(batch, time)``."""
        return self.rate.abs().mean(-1)

    @property
    def mean_square_rate(self) -> Tensor:
        """Mean square of the rates in each step, ``(batch, time)``."""
        return self.rate.square().mean(-1)


class Outputs(NamedTuple):
    """What training needs of a run, without its activity.

    Attributes:
        output: Read-out, ``(batch, time, output)``.
        final: State to resume with, ``(batch, unit)``.
        mean_abs_rate: Mean size of the rates in each step, ``(batch, time)``; None unless asked for.
        mean_square_rate: Mean square of the rates in each step, ``(batch, time)``; None unless asked for.
    """

    output: Tensor
    final: Tensor
    mean_abs_rate: Tensor | None
    mean_square_rate: Tensor | None
