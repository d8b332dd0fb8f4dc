r"""The backward recursion in plain PyTorch: the general form of every rule that is a filter and one product.

With :math:`q_t = L_t + V^\top A_{t+1}`, what reaches the rate of a unit from the outputs and through the recurrent matrix
:math:`V` of the rule,

.. math::
    \text{current:}\quad m_t &= (1-\alpha)\, m_{t+1} + \phi'(x_t)\, q_t, & A_t &= \alpha\, m_t \\
    \text{rate:}\quad m_t &= (1-\alpha)\, m_{t+1} + q_t, & A_t &= \alpha\, \phi'(a_t)\, m_t

where :math:`a_t` is the noisy potential. The credit :math:`A_t` of the current into a unit gives
:math:`\Delta W_{rec} = \sum_t A_t r_{t-1}^\top`, :math:`\Delta W_{in} = \sum_t A_t u_t^\top` and :math:`\Delta b = \sum_t A_t`.
"""

__all__ = ["credit_of", "fill", "modulated", "propagate"]

import torch
from jaxtyping import Float
from torch import Tensor

from neurornn.networks import CTRNN
from neurornn.rules._hand_over import hand_over, product
from neurornn.rules._recording import Recording


def propagate(
    recording: Recording,
    signal: Float[Tensor, "batch time+1 unit"],
    matrix: Float[Tensor, "unit unit"] | None,
    n_hops: int | None = None,
) -> Float[Tensor, "batch time+1 unit"]:
    r"""The recursion from the last state to the first.

    With a limit of :math:`k` crossings there is one adjoint for each number of crossings allowed, and what crosses a synapse comes from
    the one with a crossing less: :math:`q^{(j)}_t = L_t + V^\top A^{(j-1)}_{t+1}`, :math:`q^{(0)}_t = L_t`.

    Args:
        recording: What the network did.
        signal: :math:`L`.
        matrix: :math:`V`, ``(post, pre)``; None lets no credit through the recurrent synapses.
        n_hops: :math:`k`, how often credit may cross a recurrent synapse; None for as often as it takes.

    Returns:
        The adjoint of each state, :math:`m`.
    """
    current, alpha = recording.circuit.form == "current", recording.circuit.alpha
    layers = 1 if n_hops is None else n_hops + 1
    slopes, keep = recording.slope.unbind(1), 1 - alpha
    m = torch.zeros_like(signal[:, 0]).repeat(layers, 1, 1)
    sequence: list[Tensor] = []
    for t in range(signal.shape[1] - 1, -1, -1):
        reaching = signal[:, t].expand_as(m)
        if matrix is not None and sequence:
            through = alpha * (m if current else slopes[t + 1] * m) @ matrix
            if n_hops is not None:
                through = torch.cat([torch.zeros_like(m[:1]), through[:-1]])
            reaching = reaching + through
        m = keep * m + (slopes[t] * reaching if current else reaching)
        sequence.append(m[-1])
    return torch.stack(sequence[::-1], 1)


def credit_of(
    recording: Recording, adjoint: Float[Tensor, "batch time+1 unit"]
) -> Float[Tensor, "batch time unit"]:
    r"""Credit of the current into each unit at each step, :math:`A`.

    Args:
        recording: What the network did.
        adjoint: Adjoint of its states.

    Returns:
        The credit.
    """
    m = recording.circuit.alpha * adjoint[:, 1:]
    return m if recording.circuit.form == "current" else recording.slope[:, 1:] * m


def modulated(
    signal: Float[Tensor, "batch time+1 unit"],
    credit: Float[Tensor, "batch time unit"],
    matrix: Float[Tensor, "unit unit"],
) -> Float[Tensor, "batch time+1 unit"]:
    r"""A learning signal with what the recurrent synapses add to it: :math:`L_t + V^\top A_{t+1}`.

    Args:
        signal: :math:`L`.
        credit: :math:`A`.
        matrix: :math:`V`, ``(post, pre)``.

    Returns:
        The signal of each unit at each state.
    """
    return signal + torch.nn.functional.pad(credit @ matrix, (0, 0, 0, 1))


def fill(network: CTRNN, recording: Recording, adjoint: Float[Tensor, "batch time+1 unit"]) -> None:
    """Hand the gradients that follow from the adjoint to the parameters, through their effective values.

    Args:
        network: The network.
        recording: What it did.
        adjoint: Adjoint of its states.
    """
    credit, before = credit_of(recording, adjoint), recording.rate[:, :-1]
    with torch.enable_grad():
        circuit, start = network.circuit(), network.initial_state(len(adjoint))
    hand_over([
        (circuit.W_rec, product(credit, before)),
        (circuit.W_in, product(credit, recording.inputs)),
        (circuit.bias, credit.sum((0, 1))),
        (circuit.W_out, product(recording.errors, recording.rate[:, 1:])),
        (circuit.bias_out, recording.errors.sum((0, 1))),
        (circuit.alpha, _at_alpha(recording, adjoint, credit)),
        (start, adjoint[:, 0]),
    ])


def _at_alpha(recording: Recording, adjoint: Tensor, credit: Tensor) -> Tensor:
    r"""Gradient of :math:`dt/\tau`; the scales of the noise depend on it too."""
    alpha = recording.circuit.alpha
    move = recording.state.diff(dim=1)
    if recording.outside is not None:
        move = move - recording.outside / 2
    total = adjoint[:, 1:] * move / alpha
    if recording.inside is not None:
        total = total - credit * recording.inside / (2 * alpha)
    return total.sum((0, 1)).sum_to_size(alpha.shape)
