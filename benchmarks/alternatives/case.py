"""One size of the benchmark: its data, its weights, and what an alternative must offer."""

__all__ = ["DT", "SIGMA", "TAU", "Alternative", "Case", "given_noise"]

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar
from unittest import mock

import torch
from torch import Tensor

import neurornn
from neurornn.random import derive_seed

N_INPUTS, N_OUTPUTS = 6, 3
DT, TAU, SIGMA = 20.0, 100.0, 0.1  # ms, ms, units of the state


@dataclass(frozen=True)
class Case:
    """A batch of random trials and random weights; the same seed gives the same numbers.

    Attributes:
        batch: Number of trials.
        units: Number of recurrent units.
        steps: Number of time steps.
        dtype: Floating-point type.
    """

    batch: int
    units: int
    steps: int
    dtype: torch.dtype = torch.float32

    def __str__(self) -> str:
        size = f"{self.batch},{self.units},{self.steps}"
        return size if self.dtype == torch.float32 else f"{size},{str(self.dtype).removeprefix('torch.')}"

    @property
    def inputs(self) -> Tensor:
        """Input channels ``(batch, time, input)``."""
        return self._normal("inputs", self.batch, self.steps, N_INPUTS)

    @property
    def targets(self) -> Tensor:
        """Desired outputs ``(batch, time, output)``."""
        return self._normal("targets", self.batch, self.steps, N_OUTPUTS)

    @property
    def noise(self) -> Tensor:
        """Standard normal numbers ``(batch, time, unit)``, for the checks alone: what is timed draws its own."""
        return self._normal("noise", self.batch, self.steps, self.units)

    def parameters(self, dale: neurornn.Dale | None = None) -> dict[str, Tensor]:
        """Effective weights and biases, under Dale's law with balanced columns and an excitatory read-out."""
        W_rec = self._normal("W_rec", self.units, self.units) / self.units**0.5
        W_out = self._normal("W_out", N_OUTPUTS, self.units) / self.units**0.5
        if dale is not None:
            n_excitatory = round(dale.fraction_excitatory * self.units)
            column = torch.full((self.units,), 0.5, dtype=self.dtype)
            column[n_excitatory:] = -0.5 * n_excitatory / (self.units - n_excitatory)
            W_rec = W_rec.abs() * column
            W_out[:, n_excitatory:] = 0.0
        return {
            "W_rec": W_rec,
            "W_in": self._normal("W_in", self.units, N_INPUTS) / N_INPUTS**0.5,
            "W_out": W_out,
            "bias": 0.1 * self._normal("bias", self.units),
            "bias_out": 0.1 * self._normal("bias_out", N_OUTPUTS),
        }

    def _normal(self, name: str, *shape: int) -> Tensor:
        generator = torch.Generator().manual_seed(derive_seed(0, name))
        return torch.randn(*shape, dtype=torch.float64, generator=generator).to(self.dtype)


class Alternative(ABC):
    """One way to compute a training step: forward pass, mean squared error, and the gradients of all weights.

    Attributes:
        equation: Options of :class:`neurornn.CTRNN` under which both compute the same numbers.
        noisy: Whether recurrent noise is part of what is timed.
    """

    equation: ClassVar[Mapping[str, Any]] = {}
    noisy: ClassVar[bool] = True

    @abstractmethod
    def __init__(self, case: Case, parameters: Mapping[str, Tensor]) -> None:
        """Take the data of a case and these weights."""

    @abstractmethod
    def run(self) -> None:
        """One training step with fresh noise: this is what is timed."""

    @abstractmethod
    def gradients(self, noise: Tensor) -> dict[str, Tensor]:
        """The same step with this noise: ``loss``, and the gradient of each of the parameters."""


@contextmanager
def given_noise(noise: Tensor) -> Iterator[None]:
    """Let ``torch.randn_like`` hand out the steps of this noise, so that the very code that is timed is checked.

    Yields:
        Nothing.
    """
    steps = iter(noise.unbind(1))
    with mock.patch.object(torch, "randn_like", side_effect=lambda _: next(steps)):
        yield
    if next(steps, None) is not None:
        raise RuntimeError(
            f"The alternative drew less noise than one number for each of {noise.shape[1]} steps."
        )
