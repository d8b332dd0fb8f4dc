"""Weights for the way back, found by regression on the way forward."""

__all__ = ["fitted"]

import copy

import torch
from torch import Tensor

from neurornn.networks import ReversibleRNN
from neurornn.rules.replay._sources import Experience


def fitted(network: ReversibleRNN, experience: Experience) -> ReversibleRNN:
    r"""A copy of a network whose recurrent and input weights are those that a run shows.

    .. math::
        \hat W_{AB} = \arg\min \sum_t \left\|\frac{b_t - (1-\alpha)\,b_{t-1}}{\alpha} - W\,\phi(a_t) - b_B\right\|^2

    and the like for the weights onto A, from B and the inputs. Of several solutions it is the smallest.

    Args:
        network: The network.
        experience: A run, all of whose states were kept.

    Returns:
        A network for the way back.
    """
    state = experience.states
    half, rate = network.n_units // 2, network.rate(state)
    alpha = network.alpha.expand(network.n_units)
    current = (state[:, 1:] - (1 - alpha) * state[:, :-1]) / alpha
    given_a = [rate[:, :-1, half:], experience.inputs]
    given_b = [rate[:, 1:, :half]]
    if network.bias is not None:
        for given in (given_a, given_b):
            given.append(torch.ones_like(given[0][..., :1]))
    onto_a = _solved(given_a, current[..., :half])
    onto_b = _solved(given_b, current[..., half:])
    twin = copy.deepcopy(network)
    twin.W_BA, twin.W_AB = onto_a[:, :half], onto_b[:, :half]
    twin.input.assign_(onto_a[:, half : half + network.n_inputs])
    if twin.bias is not None:
        twin.bias.copy_(torch.cat([onto_a[:, -1], onto_b[:, -1]]))
    return twin


def _solved(given: list[Tensor], wanted: Tensor) -> Tensor:
    """Smallest least-squares solution, ``(unit, given)``."""
    X, Y = torch.cat(given, -1).flatten(0, 1).double(), wanted.flatten(0, 1).double()
    return (torch.linalg.pinv(X) @ Y).t().to(wanted)
