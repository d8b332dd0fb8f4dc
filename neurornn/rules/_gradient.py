"""The gradient of a rule, taken from a copy of the network so that nothing of the network changes."""

__all__ = ["Contributions", "contributions", "feedback_cosine", "gradient", "names"]

import copy
import math
from typing import Any, Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.objective import Objective
from neurornn.random import torch_generator
from neurornn.rules._base import _MEMORIES, AbstractRule
from neurornn.rules._feedback import AbstractFeedback
from neurornn.rules._reverse import AbstractReverseRule, credit_sequence
from neurornn.trials import Trials

_EFFECTIVE: Final = {"recurrent.raw": "W_rec", "input.raw": "W_in", "readout.raw": "W_out"}


def names(network: AbstractNetwork) -> dict[str, str]:
    """Trained parameters, and what they are called in equations.

    Args:
        network: A network.

    Returns:
        Names by the name of the parameter, the matrices first.
    """
    trained = {name: name for name, parameter in network.named_parameters() if parameter.requires_grad}
    return {name: called for name, called in _EFFECTIVE.items() if name in trained} | {
        name: called for name, called in trained.items() if name not in _EFFECTIVE
    }


def gradient(
    rule: AbstractRule, network: AbstractNetwork, trials: Trials, objective: Objective, seed: int
) -> dict[str, Float[Tensor, " entry"]]:
    """What a rule would add to ``.grad``, in float64.

    Args:
        rule: The rule.
        network: The network; it is left untouched.
        trials: One batch.
        objective: What the gradient is of.
        seed: Seed of the noise: the same seed is the same noise for every rule.

    Returns:
        The flattened gradient of each trained parameter, 0 where the rule gives none.
    """
    twin = _twin(rule, network)
    with torch.enable_grad():
        rule.backward(twin, trials, objective=objective, generator=_generator(seed, network))
    found = {}
    for name, called in names(network).items():
        parameter = twin.get_parameter(name)
        grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        found[called] = grad.detach().double().flatten()
    return found


class Contributions(NamedTuple):
    """What each step adds to the gradient of the recurrent matrix, made when it is asked for.

    Attributes:
        credit: Credit of the current into each unit, ``(batch, time, unit)``.
        rates: Rates before each step, ``(batch, time, unit)``.
        slope: Derivative of the effective matrix with respect to the trained one, ``(unit, unit)``.
    """

    credit: Tensor
    rates: Tensor
    slope: Tensor

    def at(self, t: int) -> Float[Tensor, " entry"]:
        """The contribution of a step.

        Args:
            t: Number of the step.

        Returns:
            The flattened matrix in float64.
        """
        return (self.slope * (self.credit[:, t].t() @ self.rates[:, t])).double().flatten()


def contributions(
    rule: AbstractRule, network: AbstractNetwork, trials: Trials, objective: Objective, seed: int
) -> Contributions | None:
    """What each step adds to the gradient of the recurrent matrix.

    Args:
        rule: The rule.
        network: The network; it is left untouched.
        trials: One batch.
        objective: What the gradient is of.
        seed: Seed of the noise.

    Returns:
        The contributions, or None if rule or network know no credit of single steps.
    """
    if not isinstance(rule, AbstractReverseRule) or not isinstance(network, CTRNN):
        return None
    twin = _twin(rule, network)
    raw = twin.recurrent.raw.requires_grad_()
    credit, rates, _ = credit_sequence(rule, twin, trials, objective, _generator(seed, network))
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(twin.W_rec.sum(), raw)  # 0 where no synapse learns
    return Contributions(credit, rates, slope)


def feedback_cosine(rule: AbstractRule, network: AbstractNetwork) -> float:
    """Cosine between the read-out matrix and the matrix through which a rule feeds errors back.

    Args:
        rule: The rule.
        network: The network.

    Returns:
        A number between -1 and 1; NaN if the rule has no such matrix. Synapses that the read-out lacks do not count.
    """
    feedback = getattr(rule, "feedback", None)
    if not isinstance(feedback, AbstractFeedback) or not isinstance(network, CTRNN):
        return math.nan
    twin = _twin(rule, network)
    with torch.no_grad():
        W = twin.W_out.detach()
        B = feedback.matrix(twin, rule.memory(twin))
    B = W if B is None else B
    if twin.readout.mask is not None:
        B = B * twin.readout.mask
    return float(torch.cosine_similarity(B.double().flatten(), W.double().flatten(), dim=0))


def _twin(rule: AbstractRule, network: AbstractNetwork) -> Any:  # noqa: ANN401
    """A copy without gradients, of which the rule remembers what it remembers of the network."""
    twin = copy.deepcopy(network)
    twin.zero_grad(set_to_none=True)
    held = _MEMORIES.get(network, {}).get(rule)
    if held is not None:
        _MEMORIES.setdefault(twin, {})[rule] = {name: value.clone() for name, value in held.items()}
    return twin


def _generator(seed: int, network: AbstractNetwork) -> torch.Generator:
    return torch_generator(seed, "alignment", device=next(network.parameters()).device)
