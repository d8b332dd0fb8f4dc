"""A past with what the objective says about it."""

__all__ = ["Past", "judged"]

from typing import NamedTuple

import torch
from torch import Tensor

from neurornn.networks import CTRNN, ReversibleRNN, Trajectory
from neurornn.objective import Objective
from neurornn.rules._recording import errors_of
from neurornn.rules.replay._sources import Replayed
from neurornn.trials import Trials


class Past(NamedTuple):
    """A replayed past, judged.

    Attributes:
        inputs: Inputs, ``(batch, time, input)``.
        state: States, ``(batch, time + 1, unit)``.
        rate: Rates, ``(batch, time + 1, unit)``.
        noise: Standard normal numbers that acted, ``(batch, time, unit)``, or None.
        errors: Gradient of the objective with respect to the outputs, ``(batch, time, output)``.
        direct: Gradient with respect to the rates that is not by way of the outputs, ``(batch, time, unit)``.
    """

    inputs: Tensor
    state: Tensor
    rate: Tensor
    noise: Tensor | None
    errors: Tensor
    direct: Tensor


def judged(
    network: CTRNN | ReversibleRNN,
    trials: Trials,
    objective: Objective,
    replayed: Replayed,
    noise: Tensor | None,
) -> Past:
    """What the objective says about a past, from its replayed states alone.

    Args:
        network: The network.
        trials: The batch.
        objective: What is descended.
        replayed: The past.
        noise: Standard normal numbers that acted.

    Returns:
        The past with its errors.
    """
    with torch.no_grad():
        rate = network.rate(replayed.state)
        output = network.read_out(rate[:, 1:])
    run = Trajectory(replayed.state[:, 1:], rate[:, 1:], output, replayed.state[:, -1])
    _, errors, direct = errors_of(objective, trials, run)
    return Past(replayed.inputs, replayed.state, rate, noise, errors, direct)
