r"""Credit through the replayed past of two populations that drive each other in turn.

With :math:`\beta_t` and :math:`\gamma_t` the gradients with respect to the states :math:`a_t` and :math:`b_t`,

.. math::
    \gamma_t &= (1-\alpha)\,\gamma_{t+1} + \phi'(b_t)\left[W_{out}^\top e_t + W_{BA}^\top \alpha\,\beta_{t+1}\right] \\
    \beta_t &= (1-\alpha)\,\beta_{t+1} + \phi'(a_t)\left[W_{AB}^\top \alpha\,\gamma_t\right] \\
    \Delta W_{AB} &= \sum_t \alpha\,\gamma_t\,\phi(a_t)^\top, \qquad \Delta W_{BA} = \sum_t \alpha\,\beta_t\,\phi(b_{t-1})^\top

Both recursions carry the gradient of the later step on; without it only the last synapses before the loss would learn.
"""

__all__ = ["fill_pair"]

import torch
from torch import Tensor

from neurornn.networks import ReversibleRNN
from neurornn.rules._hand_over import hand_over, product
from neurornn.rules.replay._credit import AbstractCredit
from neurornn.rules.replay._past import Past


def fill_pair(network: ReversibleRNN, past: Past, credit: AbstractCredit) -> None:
    """Add the gradient to the parameters.

    Args:
        network: The network.
        past: Its past.
        credit: Through which weights credit travels.
    """
    half = network.n_units // 2
    alpha = network.alpha.detach().expand(network.n_units)
    with torch.no_grad():
        adjoint = _adjoint(network, past, credit, alpha)
    onto = alpha * adjoint[:, 1:]
    rate_a, rate_b = past.rate[..., :half], past.rate[..., half:]
    with torch.enable_grad():
        effective = (network.W_AB, network.W_BA, network.input(), network.readout(), network.alpha)
        start = network.initial_state(len(adjoint))
    hand_over([
        (effective[0], product(onto[..., half:], rate_a[:, 1:])),
        (effective[1], product(onto[..., :half], rate_b[:, :-1])),
        (effective[2], product(onto[..., :half], past.inputs)),
        (effective[3], product(past.errors, rate_b[:, 1:])),
        (network.bias, onto.sum((0, 1))),
        (network.bias_out, past.errors.sum((0, 1))),
        (effective[4], _at_alpha(network, past, adjoint, alpha).sum_to_size(network.alpha.shape)),
        (start, adjoint[:, 0]),
    ])


def _adjoint(network: ReversibleRNN, past: Past, credit: AbstractCredit, alpha: Tensor) -> Tensor:
    """Gradient with respect to every state, ``(batch, time + 1, unit)``."""
    half = network.n_units // 2
    V_AB, V_BA = credit.stand_in("a_to_b", network.W_AB), credit.stand_in("b_to_a", network.W_BA)
    reaching = torch.cat(
        [
            past.direct[..., :half],
            past.direct[..., half:] + past.errors @ credit.stand_in("readout", network.readout()),
        ],
        -1,
    )
    reaching = torch.nn.functional.pad(reaching, (0, 0, 1, 0))
    slope = network.activation.derivative(past.state)
    signal, keep = slope * reaching, 1 - alpha
    through_b = alpha[:half, None] * V_BA  # from what reaches A at a step to B before it
    through_a = alpha[half:, None] * V_AB
    signal_a, signal_b = signal[..., :half].unbind(1), signal[..., half:].unbind(1)
    slope_a, slope_b = slope[..., :half].unbind(1), slope[..., half:].unbind(1)
    keep_a, keep_b = keep[:half], keep[half:]
    beta, gamma = torch.zeros_like(signal_a[0]), torch.zeros_like(signal_b[0])
    sequence = []
    for t in range(len(signal_a) - 1, -1, -1):
        gamma = torch.addcmul(torch.addcmul(signal_b[t], keep_b, gamma), slope_b[t], beta @ through_b)
        beta = torch.addcmul(signal_a[t], keep_a, beta)
        if t:  # the state before the first step was not made by one
            beta = torch.addcmul(beta, slope_a[t], gamma @ through_a)
        sequence += [gamma, beta]
    return torch.stack(sequence[::-1], 1).unflatten(1, (len(signal_a), 2)).flatten(2)


def _at_alpha(network: ReversibleRNN, past: Past, adjoint: Tensor, alpha: Tensor) -> Tensor:
    """Gradient of dt / tau of each unit; the scale of the noise depends on it too."""
    move = past.state.diff(dim=1)
    if past.noise is not None:
        move = move - (2 * alpha).sqrt() * network.sigma_rec * past.noise / 2
    return (adjoint[:, 1:] * move / alpha).sum((0, 1))
