"""What training needs of a task, a network and an optimiser, and refuses before it begins."""

__all__ = ["TrainingTask", "check_fit", "check_whole_steps", "describe_optimizer"]

import math
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurornn._record import Plan
from neurornn.config import describe
from neurornn.networks import AbstractNetwork
from neurornn.rules import AbstractRule
from neurornn.trials import Trials


class TrainingTask(Protocol):
    """What training needs of a task; every task of the package has it."""

    @property
    def name(self) -> str:
        """Versioned name."""

    @property
    def dt(self) -> float:
        """Time step in ms."""

    @property
    def n_inputs(self) -> int:
        """Number of input channels."""

    @property
    def n_outputs(self) -> int:
        """Number of output channels."""

    @property
    def n_conditions(self) -> int:
        """Number of conditions a balanced batch visits."""

    @property
    def supports_balanced(self) -> bool:
        """Whether ``sample(balanced=True)`` works."""

    def sample(self, n_trials: int, *, seed: int, first: int = 0, balanced: bool = False) -> Trials:
        """Trials ``first`` to ``first + n_trials - 1`` of a seed, whatever batch they are drawn in."""

    def performance(self, trials: Trials, output: Tensor) -> NDArray[np.float64]:
        """How well each trial was done, between 0 and 1; NaN where there is nothing to get right."""


def check_fit(network: AbstractNetwork, task: TrainingTask) -> None:
    """Refuse a network that was built for another task.

    Args:
        network: The network.
        task: The task.

    Raises:
        ValueError: If inputs, outputs or time steps differ.
    """
    for name, kind in (("n_inputs", "input"), ("n_outputs", "output")):
        wanted, got = getattr(task, name), getattr(network, name)
        if wanted != got:
            raise ValueError(
                f"Task '{task.name}' has {wanted} {kind} channels but the network was built with {name}={got}. "
                f"Build it with {name}=task.{name}."
            )
    if not math.isclose(task.dt, network.dt, rel_tol=1e-6):
        raise ValueError(
            f"Task '{task.name}' steps by dt={task.dt:g} ms but the network by dt={network.dt:g} ms. Make the task "
            f"with dt={network.dt:g}, or use network.rescale_dt({task.dt:g})."
        )


def check_whole_steps(rule: AbstractRule, optimizer: torch.optim.Optimizer, plan: Plan) -> None:
    """A rule that leaves whole changes of the weights in ``.grad`` wants them subtracted as they are.

    Args:
        rule: The rule.
        optimizer: The optimiser.
        plan: What else was decided about the training.

    Raises:
        ValueError: If they would not be.
    """
    name = type(rule).__name__
    plain = {"lr": 1.0, "momentum": 0.0, "weight_decay": 0.0, "maximize": False}
    if not isinstance(optimizer, torch.optim.SGD) or any(
        group[key] != value for group in optimizer.param_groups for key, value in plain.items()
    ):
        raise ValueError(
            f"{name} finds whole changes of the weights, not directions to follow: only plain gradient descent with rate 1 "
            f"makes them. Leave the optimiser out, or use torch.optim.SGD(parameters, lr=1.0): got {_named(optimizer, *plain)}."
        )
    if plan.clip_norm is not None:
        raise ValueError(
            f"{name} finds whole changes of the weights, and clipping would cut them short. Leave clip_norm out, or pass "
            f"None: got {plan.clip_norm}."
        )


def describe_optimizer(network: AbstractNetwork, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """What an optimiser does to which parameters.

    Args:
        network: The network.
        optimizer: The optimiser.

    Returns:
        Its type, and its groups with options and names of parameters.

    Raises:
        ValueError: If training cannot use it, or it moves something else.
    """
    if isinstance(optimizer, torch.optim.LBFGS):
        raise ValueError(
            "LBFGS asks for several gradients in a step, which training does not give. Use torch.optim.Adam or SGD."
        )
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    groups = []
    for group in optimizer.param_groups:
        strangers = sum(id(each) not in names for each in group["params"])
        if strangers:
            raise ValueError(
                f"The optimiser holds {strangers} parameters that do not belong to the network. Build it with "
                "network.parameters() of the network that is trained."
            )
        options = {key: describe(value) for key, value in group.items() if key != "params"}
        groups.append({**options, "parameters": [names[id(each)] for each in group["params"]]})
    return {"type": describe(type(optimizer)), "groups": groups}


def _named(optimizer: torch.optim.Optimizer, *settings: str) -> str:
    """An optimiser and some of its settings in a line."""
    group = optimizer.param_groups[0]
    told = ", ".join(f"{key}={group[key]:g}" for key in settings if key in group)
    return f"{type(optimizer).__name__}({told})"
