r"""What each synapse of a gated memory remembers: a trace of its own influence, and a tag of what was done with it."""

__all__ = ["Tags", "Traces"]

from typing import NamedTuple, Self

import torch
from torch import Tensor

from neurornn.networks import GatedMemory
from neurornn.rules._hand_over import hand_over


class Traces(NamedTuple):
    r"""How far the memory of a unit depends on each of its own weights; the biases come first.

    .. math::
        T^c_t &= g_t T^c_{t-1} + (1 - g_t)\, s\, c_t (1 - c_t)\, x_t \\
        T^g_t &= g_t T^g_{t-1} + (m_{t-1} - c_t)\, s\, g_t (1 - g_t)\, x_t, \qquad x_t = [1, u_t]

    With weights that rest these are the derivatives :math:`\partial m_t / \partial W`, exactly: no gate reads a memory, so no other
    path leads from a weight to a unit.

    Attributes:
        candidate: Of the weights onto the candidate, ``(batch, unit, 1 + input)``.
        gate: Of the weights onto the gate.
    """

    candidate: Tensor
    gate: Tensor

    @classmethod
    def silent(cls, network: GatedMemory, n_trials: int) -> Self:
        """Before the first step.

        Args:
            network: The network.
            n_trials: Number of trials.

        Returns:
            Zeros.
        """
        zero = network.W_gate.detach().new_zeros(n_trials, network.n_units, 1 + network.n_inputs)
        return cls(zero, zero.clone())

    def advanced(self, network: GatedMemory, memory: Tensor, input: Tensor) -> tuple["Traces", Tensor]:
        """One step of the traces and of the memory.

        Args:
            network: The network.
            memory: Memory before, ``(batch, unit)``.
            input: Input, ``(batch, input)``.

        Returns:
            The traces and the memory after.
        """
        g, c = network.gates(input)
        x = torch.cat([torch.ones_like(input[:, :1]), input], 1)[:, None]
        taken = (network.slope * (1 - g) * c * (1 - c))[..., None] * x
        gated = (network.slope * (memory - c) * g * (1 - g))[..., None] * x
        kept = g[..., None]
        after = Traces(kept * self.candidate + taken, kept * self.gate + gated)
        return after, g * memory + (1 - g) * c


class Tags(NamedTuple):
    r"""Which synapses had a part in what was done: what a reward that comes later strengthens.

    .. math::
        S^o \leftarrow \gamma\lambda\, S^o + 1_a [1, m]^T, \qquad S^{c,g} \leftarrow \gamma\lambda\, S^{c,g} + W_o[a] \odot T^{c,g}

    Attributes:
        candidate: Of the weights onto the candidate, ``(batch, unit, 1 + input)``.
        gate: Of the weights onto the gate.
        readout: Of the read-out, ``(batch, output, 1 + unit)``.
    """

    candidate: Tensor
    gate: Tensor
    readout: Tensor

    @classmethod
    def blank(cls, network: GatedMemory, n_trials: int) -> Self:
        """Before the first action.

        Args:
            network: The network.
            n_trials: Number of trials.

        Returns:
            Zeros.
        """
        zero = network.W_gate.detach().new_zeros(n_trials, network.n_units, 1 + network.n_inputs)
        return cls(zero, zero.clone(), zero.new_zeros(n_trials, network.n_outputs, 1 + network.n_units))

    def marked(
        self,
        network: GatedMemory,
        traces: Traces,
        memory: Tensor,
        action: Tensor,
        acting: Tensor,
        fade: float,
    ) -> "Tags":
        r"""After an action in some of the trials; the others keep what they have.

        Args:
            network: The network.
            traces: Traces behind the decision.
            memory: Memory behind it.
            action: Number of the action in each trial.
            acting: Which trials act.
            fade: :math:`\gamma\lambda`.

        Returns:
            The tags.
        """
        feedback = network.W_out.detach()[action][..., None]  # (batch, unit, 1)
        chosen = torch.nn.functional.one_hot(action, network.n_outputs).to(memory)[..., None]
        read = torch.cat([torch.ones_like(memory[:, :1]), memory], 1)[:, None]
        new = (traces.candidate * feedback, traces.gate * feedback, chosen * read)
        here = acting[:, None, None]
        return Tags(*(torch.where(here, fade * old + add, old) for old, add in zip(self, new, strict=True)))

    def fill(self, network: GatedMemory, delta: Tensor, gate_rate: float) -> None:
        """Add the change that an error asks for to ``.grad``, averaged over the trials, as something to descend.

        Args:
            network: The network.
            delta: Error of each trial; 0 in those that learn nothing now.
            gate_rate: Factor of the weights onto the gates.
        """
        weight = -delta / len(delta)
        candidate, gate, readout = (torch.tensordot(weight, each, 1) for each in self)
        changes = (
            (network.W_candidate, network.b_candidate, candidate),
            (network.W_gate, network.b_gate, gate_rate * gate),
            (network.W_out, network.bias_out, readout),
        )
        hand_over([(weights, change[:, 1:]) for weights, _, change in changes])
        hand_over([(bias, change[:, 0]) for _, bias, change in changes])
