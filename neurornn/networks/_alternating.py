"""The time loop of two populations that move in turn, forwards and back."""

__all__ = ["Alternating"]

from dataclasses import dataclass

import torch
from torch import Tensor

from neurornn.activations import Activation


@dataclass(frozen=True, eq=False)
class Alternating:
    """Many steps of a network of two populations, A and B, with what does not change from step to step computed once.

    Attributes:
        activation: From potential to firing rate.
        alphas: ``dt / tau`` of the units of A and of B.
        W_AB: Weights from A to B.
        W_BA: Weights from B to A.
        drive: What reaches A apart from B, ``(batch, time, half)``.
        own_b: What reaches B apart from A, ``(half,)``.
        kicks: What noise adds to the states of A and of B, ``(batch, time, half)``; 0 without noise.
    """

    activation: Activation
    alphas: tuple[Tensor, Tensor]
    W_AB: Tensor
    W_BA: Tensor
    drive: Tensor
    own_b: Tensor
    kicks: tuple[Tensor | float, Tensor | float]

    def forward(self, start: Tensor) -> Tensor:
        """Do the steps.

        Args:
            start: States before the first, ``(batch, unit)``.

        Returns:
            The state after each step, ``(batch, time, unit)``.
        """
        phi, half, n_steps = self.activation, self.own_b.shape[0], self.drive.shape[1]
        (alpha_a, alpha_b), W_AB, W_BA = self.alphas, self.W_AB, self.W_BA
        drive = self.drive.unbind(1)
        kick_a, kick_b = (each.unbind(1) if isinstance(each, Tensor) else None for each in self.kicks)
        a, b = start[:, :half], start[:, half:]
        rate_b, states = phi(b), []
        for t in range(n_steps):
            a = torch.lerp(a, torch.addmm(drive[t], rate_b, W_BA.t()), alpha_a)
            a = a if kick_a is None else a + kick_a[t]
            b = torch.lerp(b, torch.nn.functional.linear(phi(a), W_AB, self.own_b), alpha_b)
            b = b if kick_b is None else b + kick_b[t]
            rate_b = phi(b)
            states += [a, b]
        return _woven(states, n_steps)

    def back(self, end: Tensor) -> Tensor:
        """Undo the steps, from the last to the first.

        Args:
            end: States after the last, ``(batch, unit)``.

        Returns:
            The state before each step, ``(batch, time, unit)``.
        """
        phi, half, n_steps = self.activation, self.own_b.shape[0], self.drive.shape[1]
        (alpha_a, alpha_b), (kick_a, kick_b) = self.alphas, self.kicks
        W_AB, W_BA = self.W_AB.t(), self.W_BA.t()
        # a' = (1 - alpha) a + alpha (W r + d) + kick, solved for a
        from_b, from_a = -W_BA * (alpha_a / (1 - alpha_a)), -W_AB * (alpha_b / (1 - alpha_b))
        given_a = ((alpha_a * self.drive + kick_a) / (alpha_a - 1)).unbind(1)
        given_b = ((alpha_b * self.own_b + kick_b) / (alpha_b - 1)).expand_as(self.drive).unbind(1)
        back_a, back_b = 1 / (1 - alpha_a), 1 / (1 - alpha_b)
        a, b, states = end[:, :half], end[:, half:], []
        for t in range(n_steps - 1, -1, -1):
            b = torch.addcmul(torch.addmm(given_b[t], phi(a), from_a), b, back_b)
            a = torch.addcmul(torch.addmm(given_a[t], phi(b), from_b), a, back_a)
            states += [b, a]
        return _woven(states[::-1], n_steps)


def _woven(states: list[Tensor], n_steps: int) -> Tensor:
    """States ``a, b, a, b, ...`` as ``(batch, time, unit)``."""
    return torch.stack(states, 1).unflatten(1, (n_steps, 2)).flatten(2)
