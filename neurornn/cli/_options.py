"""What a run is made of, as frozen dataclasses: defaults, help and checks live here and nowhere else."""

__all__ = ["NetworkOptions", "ObjectiveOptions", "TrainingOptions", "make_task"]

from dataclasses import dataclass
from typing import Any, Literal

import torch

from neurornn import connectivity as wiring
from neurornn import rules, tasks
from neurornn.cli._spec import build, parse, value_of
from neurornn.networks import CTRNN, LearnedTau
from neurornn.objective import CrossEntropy, Objective, SquaredError
from neurornn.tasks import AbstractTask

RULES = {"bptt": rules.BPTT, "truncated-bptt": rules.TruncatedBPTT}
OPTIMIZERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}
CONNECTIVITY = {"all-to-all": wiring.AllToAll, "sparse": wiring.Sparse}
INITIALISERS = {
    "balanced-gamma": wiring.BalancedGamma,
    "gaussian": wiring.Gaussian,
    "identity": wiring.Identity,
    "orthogonal": wiring.Orthogonal,
}
_TIMES = {kind.__name__.lower(): kind for kind in (tasks.Fixed, tasks.Uniform, tasks.TruncatedExponential)}


def make_task(text: str, dt: float) -> AbstractTask:
    """The task a piece of text describes, at a time step.

    Args:
        text: Name of a task, or ``name:option=value,...``.
        dt: Time step in ms, unless the text gives one.

    Returns:
        The task.
    """
    name, raw = parse(text)
    times: dict[str, Any] = _TIMES | {"choice": lambda *values: tasks.Choice(values)}
    return tasks.make(name, **{"dt": dt} | {key: value_of(value, times) for key, value in raw.items()})


@dataclass(frozen=True)
class NetworkOptions:
    """The network to train.

    Attributes:
        n_units: Number of recurrent units.
        tau: Time constant in ms.
        tau_bounds: Learn one time constant for each unit between these bounds, in ms.
        dt: Time step in ms, of the network and of the task.
        activation: relu, softplus, tanh, sigmoid, retanh, power or identity.
        form: Leaky potentials (current) or leaky rates (rate).
        sigma_rec: Strength of the recurrent noise, in units of the state.
        noise: Whether the noise enters with the input or on the state.
        excitatory: Fraction of excitatory units under Dale's law; None lets every weight take any sign.
        rectifier: How Dale's law is parametrised.
        connectivity: all-to-all, or sparse with options: sparse:density=0.1.
        init: Initial recurrent weights: balanced-gamma, gaussian, orthogonal or identity, with options:
            gaussian:spectral_radius=1.2. The default suits the signs.
        train_initial_state: Learn the state before the first step.
    """

    n_units: int = 100
    tau: float = 100.0
    tau_bounds: tuple[float, float] | None = None
    dt: float = 20.0
    activation: str = "softplus"
    form: Literal["current", "rate"] = "current"
    sigma_rec: float = 0.1
    noise: Literal["input", "state"] = "input"
    excitatory: float | None = 0.8
    rectifier: Literal["abs", "relu"] = "abs"
    connectivity: str | None = None
    init: str | None = None
    train_initial_state: bool = False

    def build(self, task: AbstractTask, seed: int) -> CTRNN:
        """The untrained network for a task.

        Args:
            task: Task that fixes the number of inputs and outputs.
            seed: Seed of wiring and weights.

        Returns:
            The network.
        """
        return CTRNN(
            task.n_inputs,
            self.n_units,
            task.n_outputs,
            tau=self.tau if self.tau_bounds is None else LearnedTau(self.tau, self.tau_bounds),
            dt=task.dt,
            activation=self.activation,
            form=self.form,
            sigma_rec=self.sigma_rec,
            noise=self.noise,
            dale=None if self.excitatory is None else wiring.Dale(self.excitatory, self.rectifier),
            connectivity=_optional(self.connectivity, CONNECTIVITY, "connectivity"),
            init=_optional(self.init, INITIALISERS, "initialisation"),
            train_initial_state=self.train_initial_state,
            seed=seed,
        )


@dataclass(frozen=True)
class ObjectiveOptions:
    """What training minimises.

    Attributes:
        loss: Error of each step; task takes the one the task declares.
        rate_l1: Penalty on mean firing.
        rate_l2: Penalty on mean squared firing.
        weight_l1: Penalty on mean absolute recurrent weight.
        weight_l2: Penalty on mean squared recurrent weight.
    """

    loss: Literal["task", "squared-error", "cross-entropy"] = "task"
    rate_l1: float = 0.0
    rate_l2: float = 0.0
    weight_l1: float = 0.0
    weight_l2: float = 0.0

    def build(self) -> Objective:
        """The objective.

        Returns:
            What a learning rule descends.
        """
        loss = {"task": None, "squared-error": SquaredError(), "cross-entropy": CrossEntropy()}[self.loss]
        return Objective(loss, self.rate_l1, self.rate_l2, self.weight_l1, self.weight_l2)


@dataclass(frozen=True)
class TrainingOptions:
    """How it is trained.

    Attributes:
        rule: Learning rule: bptt, or truncated-bptt:depth=20,every=10.
        optimizer: adam, adamw, rmsprop or sgd, with options: adam:lr=0.003.
        n_steps: Number of optimiser steps at most.
        batch_size: Trials in a step.
        clip_norm: Largest norm of the gradient; None does not clip.
        validate_every: Steps between validations.
        target_performance: Stop when the validation performance reaches this.
        checkpoint_every: Steps between checkpoints, a multiple of validate_every; an interrupted run continues from
            the last one. The default is validate_every.
    """

    rule: str = "bptt"
    optimizer: str = "adam:lr=0.001"
    n_steps: int = 2000
    batch_size: int = 64
    clip_norm: float | None = 1.0
    validate_every: int = 50
    target_performance: float | None = None
    checkpoint_every: int | None = None

    def build_rule(self) -> rules.AbstractRule:
        """The learning rule.

        Returns:
            The rule.
        """
        rule: rules.AbstractRule = build(self.rule, RULES, what="learning rule")
        return rule

    def build_optimizer(self, network: CTRNN) -> torch.optim.Optimizer:
        """The optimiser of a network's parameters.

        Args:
            network: Network to train.

        Returns:
            The optimiser.
        """
        parameters = list(network.parameters())
        makers = {name: _with_parameters(kind, parameters) for name, kind in OPTIMIZERS.items()}
        optimizer: torch.optim.Optimizer = build(self.optimizer, makers, what="optimiser")
        return optimizer


def _with_parameters(kind: type[torch.optim.Optimizer], parameters: list[torch.nn.Parameter]) -> Any:  # noqa: ANN401
    return lambda **options: kind(parameters, **options)


def _optional(text: str | None, known: dict[str, Any], what: str) -> Any:  # noqa: ANN401
    return None if text is None else build(text, known, what=what)
