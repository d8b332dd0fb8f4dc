"""All that decides which operations a stretch of the time loop is made of."""

__all__ = ["Backward", "Plan"]

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from neurornn.activations import Activation


@dataclass(frozen=True)
class Backward:
    """What the adjoint of a stretch is asked for.

    Attributes:
        hop: How credit goes back in time: through a matrix, a diagonal or not at all.
        alpha: Whether the gradient of ``alpha`` is wanted.
        inputs: Whether that of the inputs is.
        recorded: Whether gradients with respect to states and rates may arrive.
    """

    hop: Literal["matrix", "diagonal", "none"]
    alpha: bool
    inputs: bool
    recorded: bool


@dataclass(frozen=True)
class Plan:
    """All that decides which operations a stretch is made of.

    Attributes:
        n_steps: Steps of the stretch.
        n_trials: Size of the batch.
        n_inputs: Number of input channels.
        n_units: Number of units.
        n_outputs: Number of outputs.
        form: Form of the network.
        activation: Transfer function.
        noise: Whether there is recurrent noise, and whether its numbers are drawn here or given.
        inside: Whether the noise of the rate form enters with the input.
        costs: Whether sizes and squares of the rates are asked for.
        backward: The adjoint, None if it will not be asked for.
        dtype: Floating-point type.
        device: Device.
    """

    n_steps: int
    n_trials: int
    n_inputs: int
    n_units: int
    n_outputs: int
    form: Literal["current", "rate"]
    activation: Activation
    noise: Literal["none", "drawn", "given"]
    inside: bool
    costs: bool
    backward: Backward | None
    dtype: torch.dtype
    device: torch.device

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of ``W_rec, W_in, bias, W_out, bias_out, alpha``."""
        n, n_outputs = self.n_units, self.n_outputs
        return (n, n), (n, self.n_inputs), (n,), (n_outputs, n), (n_outputs,), (n,)

    def parts(self, gradient: Tensor) -> list[Tensor]:
        """Cut gradients that lie one behind the other.

        Args:
            gradient: Gradients of the circuit, one behind the other.

        Returns:
            Views of those of ``W_rec, W_in, bias, W_out, bias_out, alpha``.
        """
        pieces = gradient.split([math.prod(each) for each in self.shapes])
        return [each.view(shape) for each, shape in zip(pieces, self.shapes, strict=True)]
