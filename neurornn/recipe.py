"""Settings under which a task is known to be learned."""

__all__ = ["Recipe"]

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import torch

from neurornn.connectivity import AbstractInitialiser, Dale
from neurornn.networks import CTRNN
from neurornn.objective import Objective
from neurornn.training import Progress, TrainingResult, TrainingTask, train


class _Sized(TrainingTask, Protocol):
    @property
    def dt(self) -> float: ...
    @property
    def n_inputs(self) -> int: ...
    @property
    def n_outputs(self) -> int: ...


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A network and a training that are known to learn a task, and how well.

    The defaults are also those of the command line. A task ships its own as ``task.recipe``; the command
    ``neurornn train --task NAME`` starts from it, and any option given there replaces its value.

    Attributes:
        criterion: Mean performance in validation trials at which the task counts as learned and training stops; None
            does all steps.
        n_units: Number of recurrent units.
        tau: Time constant of the units in ms.
        activation: From potential to firing rate.
        form: What leaks: the potential (current) or the firing rate (rate).
        sigma_rec: Recurrent noise, in units of the state.
        excitatory: Fraction of excitatory units; None lets every weight take any sign.
        init: Initial recurrent weights; None for the network's own choice.
        train_initial_state: Whether the state before the first step is learned.
        learning_rate: Learning rate of Adam.
        n_steps: Training steps at most.
        batch_size: Trials in a step.
        clip_norm: Scale gradients with a larger norm down to this; None never does.
        validate_every: Steps between validations.
        rate_l2: Weight of a penalty on the mean squared firing rate.

    Examples:
        >>> from neurornn import tasks
        >>> task = tasks.make("perceptual-decision")
        >>> recipe = Recipe(criterion=0.8, n_units=20, n_steps=2)
        >>> network = recipe.network(task)
        >>> recipe.train(network, task).n_steps
        2
    """

    criterion: float | None = None
    n_units: int = 100
    tau: float = 100.0
    activation: str = "softplus"
    form: Literal["current", "rate"] = "current"
    sigma_rec: float = 0.1
    excitatory: float | None = 0.8
    init: AbstractInitialiser | None = None
    train_initial_state: bool = False
    learning_rate: float = 1e-3
    n_steps: int = 2000
    batch_size: int = 64
    clip_norm: float | None = 1.0
    validate_every: int = 50
    rate_l2: float = 0.0

    def network(self, task: _Sized, *, seed: int = 0) -> CTRNN:
        """The untrained network.

        Args:
            task: Task that fixes the number of inputs and outputs and the time step.
            seed: Seed of wiring and weights.

        Returns:
            The network.
        """
        return CTRNN(
            task.n_inputs,
            self.n_units,
            task.n_outputs,
            tau=self.tau,
            dt=task.dt,
            activation=self.activation,
            form=self.form,
            sigma_rec=self.sigma_rec,
            dale=None if self.excitatory is None else Dale(self.excitatory),
            init=self.init,
            train_initial_state=self.train_initial_state,
            seed=seed,
        )

    def train(
        self,
        network: CTRNN,
        task: _Sized,
        *,
        seed: int = 0,
        checkpoint: str | Path | None = None,
        callback: Callable[[Progress], None] | None = None,
    ) -> TrainingResult:
        """Train a network in place until the criterion is reached or the steps are done.

        Args:
            network: What :meth:`network` built.
            task: The task.
            seed: Seed of trials and noise.
            checkpoint: File to continue from and to write to.
            callback: Called after every step.

        Returns:
            What happened; ``stop_reason`` says whether the criterion was reached.
        """
        return train(
            network,
            task,
            optimizer=torch.optim.Adam(network.parameters(), lr=self.learning_rate, fused=True),
            objective=Objective(rate_l2=self.rate_l2),
            n_steps=self.n_steps,
            batch_size=self.batch_size,
            seed=seed,
            clip_norm=self.clip_norm,
            validate_every=self.validate_every,
            target_performance=self.criterion,
            checkpoint=checkpoint,
            callback=callback,
        )
