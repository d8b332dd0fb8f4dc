r"""How a sequence memory moves from pattern to pattern.

The matrices are never built: a sum of :math:`n` products of patterns acts on a state at a cost of :math:`nN` instead of :math:`N^2`.
"""

__all__ = ["Traces", "clocked", "self_paced"]

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class Traces(NamedTuple):
    """The two matrices of each trial as sums of products of patterns.

    Attributes:
        centred: Patterns less the mean of a pattern, ``(batch, pattern, unit)``.
        gate: Gate of each pair of successive patterns, ``(batch, pattern - 1)``.
        background: What both matrices held before, ``(unit, unit)``; None for nothing.
        backwards: Whether of each pair the earlier pattern is the attractor.
    """

    centred: Tensor
    gate: Tensor
    background: Tensor | None
    backwards: bool

    def drive(
        self, sign: Float[Tensor, "batch unit"], share: Float[Tensor, "batch 2"]
    ) -> Float[Tensor, "batch unit"]:
        """A mixture of both matrices times a state.

        Args:
            sign: State.
            share: Weight of either matrix.

        Returns:
            Current into each unit.
        """
        overlap = torch.einsum("bpn,bn->bp", self.centred, sign) / sign.shape[1]
        turns = torch.arange(self.gate.shape[1], device=sign.device) % 2
        weight = self.gate * share[:, turns] * (overlap[:, :-1] + overlap[:, 1:])
        attractors = self.centred[:, :-1] if self.backwards else self.centred[:, 1:]
        current = torch.einsum("bp,bpn->bn", weight, attractors)
        return current if self.background is None else current + sign @ self.background.t()

    def matrices(self) -> Float[Tensor, "batch 2 unit unit"]:
        """The two matrices, ``(post, pre)``.

        Returns:
            A pair for each trial.
        """
        pairs = self.centred[:, :-1] + self.centred[:, 1:]
        attractors = self.centred[:, :-1] if self.backwards else self.centred[:, 1:]
        n_units = self.centred.shape[2]
        both = [
            torch.einsum("bp,bpi,bpj->bij", self.gate[:, k::2], attractors[:, k::2], pairs[:, k::2]) / n_units
            for k in (0, 1)
        ]
        W = torch.stack(both, 1)
        return W if self.background is None else W + self.background


def self_paced(
    traces: Traces, h: Tensor, first: int, n: int, tau: float, patience: int
) -> tuple[
    Float[Tensor, "batch recalled unit"], Int[Tensor, "batch recalled"], Bool[Tensor, "batch recalled"]
]:
    """One matrix acts until the signs are at rest, then the other; each trial at its own pace.

    Args:
        traces: The matrices.
        h: State at the start, ``(batch, unit)``.
        first: Matrix that acts first, 0 or 1.
        n: Patterns to recall.
        tau: Time constant in steps.
        patience: Steps after which the other matrix takes over in any case.

    Returns:
        Recalled patterns, the step at which each was reached, and whether the state was then at rest.
    """
    n_trials, n_units = h.shape
    pattern = h.new_zeros(n_trials, n, n_units)
    step = torch.zeros(n_trials, n, dtype=torch.int64, device=h.device)
    settled = torch.zeros(n_trials, n, dtype=torch.bool, device=h.device)
    turn = torch.full((n_trials,), first, device=h.device)
    n_done, waited = torch.zeros_like(turn), torch.zeros_like(turn)
    now = 0
    while n and bool((n_done < n).any()):
        sign = h.sign()
        drive = traces.drive(sign, torch.nn.functional.one_hot(turn, 2).to(h))
        at_rest = (drive * sign >= 0).all(1) & (waited > 0)
        over = (at_rest | (waited >= patience)) & (n_done < n)
        which = over.nonzero()[:, 0]
        pattern[which, n_done[which]] = sign[which]
        step[which, n_done[which]] = now
        settled[which, n_done[which]] = at_rest[which]
        n_done, turn = n_done + over, torch.where(over, 1 - turn, turn)
        waited = torch.where(over, 0, waited + 1)
        h, now = torch.lerp(h, drive, 1 / tau), now + 1
    return pattern, step, settled


def clocked(
    traces: Traces, h: Tensor, first: int, n: int, tau: float, half_period: int
) -> tuple[
    Float[Tensor, "batch recalled unit"], Int[Tensor, "batch recalled"], Bool[Tensor, "batch recalled"]
]:
    """The matrices act in proportions that follow a cosine; all trials at the same pace.

    Args:
        traces: The matrices.
        h: State at the start, ``(batch, unit)``.
        first: Matrix that is strongest at the start, 0 or 1.
        n: Patterns to recall.
        tau: Time constant in steps.
        half_period: Steps from one matrix at its strongest to the other.

    Returns:
        Recalled patterns, the step at which each was read, and whether the signs then changed no more.
    """
    read = {round((k + 0.25) * half_period): k for k in range(n)}
    pattern = h.new_zeros(len(h), n, h.shape[1])
    settled = torch.zeros(len(h), n, dtype=torch.bool, device=h.device)
    sign = h.sign()
    for now in range(max(read, default=-1) + 1):
        own = 0.5 + 0.5 * math.cos(math.pi * now / half_period)
        share = h.new_tensor([own, 1 - own] if first == 0 else [1 - own, own])
        before = sign
        h = torch.lerp(h, traces.drive(sign, share.expand(len(h), 2)), 1 / tau)
        sign = h.sign()
        if now in read:
            pattern[:, read[now]] = sign
            settled[:, read[now]] = (sign == before).all(1)
    steps = torch.tensor(list(read), dtype=torch.int64, device=h.device) + 1
    return pattern, steps.expand(len(h), n).clone(), settled
