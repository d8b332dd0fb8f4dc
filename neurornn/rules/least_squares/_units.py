"""The units of a leaky network, stepped one by one while their weights change."""

__all__ = ["Drive", "Units", "times"]

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from neurornn import kernels
from neurornn.networks import CTRNN
from neurornn.rules._recording import placed_noise
from neurornn.trials import Trials

_BLOCK: Final = 256  # steps whose inputs are held at once


@dataclass
class Units:
    """Leaky units.

    Attributes:
        circuit: The network, out of reach of autograd.
        state: States ``(batch, unit)``.
        rate: Their rates.
        alpha: Share of the way to its target that a state goes in a step.
    """

    circuit: kernels.Circuit
    state: Tensor
    rate: Tensor
    alpha: Tensor

    def advance(self, current: Tensor, kick: Tensor | None = None) -> Tensor:
        """One step.

        Args:
            current: Everything that reaches the units.
            kick: Noise on the state, or None.

        Returns:
            The rates after it.
        """
        phi, form = self.circuit.activation, self.circuit.form
        self.state = torch.lerp(self.state, current if form == "current" else phi(current), self.alpha)
        if kick is not None:
            self.state = self.state + kick
        self.rate = phi(self.state) if form == "current" else self.state
        return self.rate


@dataclass(frozen=True)
class Drive:
    """What reaches the units from outside, noise included, step by step.

    Attributes:
        network: The network.
        circuit: Its circuit.
        trials: The trials.
        key: Key of the recurrent noise, or None.
    """

    network: CTRNN
    circuit: kernels.Circuit
    trials: Trials
    key: int | None

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """For each step the drive without and with noise inside the activation, and the noise on the state."""
        circuit, trials = self.circuit, self.trials
        for first in range(0, trials.n_steps, _BLOCK):
            inputs = trials.inputs[:, first : first + _BLOCK].transpose(0, 1)
            calm = torch.nn.functional.linear(inputs, circuit.W_in)
            xi = None
            if self.key is not None:
                noise = kernels.Noise(self.network.sigma_rec, self.network.noise, self.key, first_step=first)
                xi = noise.numbers(trials.n_trials, len(inputs), self.network.n_units, calm).transpose(0, 1)
            inside, kicks = placed_noise(self.network, circuit, xi)
            noisy = calm if inside is None else calm + inside
            for k in range(len(inputs)):
                yield calm[k], noisy[k], None if kicks is None else kicks[k]


def times(rows: Tensor, matrix: Tensor) -> Tensor:
    """A matrix applied to each row; to a single row as to a vector, which is several times faster.

    Args:
        rows: Rows ``(row, n)``.
        matrix: Matrix ``(m, n)``.

    Returns:
        Products ``(row, m)``.
    """
    return torch.mv(matrix, rows[0])[None] if len(rows) == 1 else rows @ matrix.t()
