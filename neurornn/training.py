"""The training loop: batches in, gradients from a rule, steps of an optimiser, and nothing lost on the way."""

__all__ = ["Progress", "TrainingDiverged", "TrainingResult", "TrainingTask", "train"]

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import torch
import xarray as xr

from neurornn._record import Plan, StopReason
from neurornn._session import Diverged, Session
from neurornn._training_setup import TrainingTask as TrainingTask
from neurornn.networks import AbstractNetwork
from neurornn.objective import Objective
from neurornn.rules import BPTT, AbstractRule

_MIN_VALIDATION: Final = 200  # trials: the standard error of a proportion is then at most 0.035


@dataclass(frozen=True)
class Progress:
    """How far a training is, told after every step.

    Attributes:
        step: Steps done.
        n_steps: Steps to do at most.
        loss: Objective of this step's batch before the step.
        gradient_norm: Norm of its gradient before clipping.
        validation_loss: Objective at the last validation.
        performance: Mean performance at the last validation.
    """

    step: int
    n_steps: int
    loss: float
    gradient_norm: float
    validation_loss: float
    performance: float


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What a training did.

    Attributes:
        history: ``loss`` and ``gradient_norm`` (before clipping) for each ``step``; ``validation_loss`` and
            ``performance`` for each ``validation_step``, the number of steps done before that validation.
        n_steps: Steps done.
        performance: Mean performance at the last validation.
        stop_reason: Why it ended.
    """

    history: xr.Dataset
    n_steps: int
    performance: float
    stop_reason: StopReason


class TrainingDiverged(RuntimeError):
    """The loss or the gradient is not finite any more, or the loss has exploded.

    Attributes:
        step: Step that failed, counted from 1; 0 if the network could not be validated before the first.
        loss: Its loss.
        kept: Number of steps behind the weights the network was given back.
        result: What was recorded until then.
    """

    def __init__(self, failure: Diverged, kept: int, result: TrainingResult) -> None:
        self.step, self.loss, self.kept, self.result = failure.step, failure.loss, kept, result
        super().__init__(
            f"Training diverged at step {self.step}: {failure.problem}. The network has its last good weights back, "
            f"those after {kept} steps. Lower the learning rate, clip the gradient harder, or start from a smaller "
            "spectral radius."
        )


def train(
    network: AbstractNetwork,
    task: TrainingTask,
    *,
    rule: AbstractRule = BPTT(),
    optimizer: torch.optim.Optimizer | None = None,
    objective: Objective = Objective(),
    n_steps: int = 1000,
    batch_size: int = 64,
    seed: int = 0,
    clip_norm: float | Literal["rule"] | None = "rule",
    validate_every: int = 50,
    n_validation: int | None = None,
    target_performance: float | None = None,
    checkpoint: str | Path | None = None,
    checkpoint_every: int | None = None,
    callback: Callable[[Progress], None] | None = None,
) -> TrainingResult:
    """Train a network in place.

    Step ``k`` draws trials ``k * batch_size`` onwards of the training seed and noise of its own, so nothing depends
    on what happened before but the weights and the optimiser. A checkpoint holds both: if the file exists the
    training continues from it, and ends with the same bytes as one that never stopped. It can be killed at any
    moment. A finished one returns at once; a larger ``n_steps`` or another target takes it further.

    Weights are validated on trials of a seed of their own, with recurrent noise on, before the first step, every
    ``validate_every`` steps and after the last.

    Args:
        network: Network to train.
        task: Task to train it on.
        rule: How gradients are made.
        optimizer: Optimiser of the network's parameters. None for the rule's own, which is ``torch.optim.Adam`` with
            learning rate 0.001 unless the rule was made for another.
        objective: What to minimise.
        n_steps: Number of steps at most.
        batch_size: Trials in a step.
        seed: Seed of training trials, validation trials and recurrent noise.
        clip_norm: Scale a gradient with a larger norm down to this; None never does. By default what the rule says: 1
            for most, None for those that are hurt by it.
        validate_every: Steps between validations.
        n_validation: Validation trials. By default at least 200, every condition equally often; 200 random ones
            if the task has no balanced conditions.
        target_performance: Stop at a validation whose mean performance reaches this.
        checkpoint: File to continue from and to write to.
        checkpoint_every: Steps between checkpoints, a multiple of ``validate_every`` and by default equal to it,
            so that every checkpoint holds weights that work.
        callback: Called after every step.

    Returns:
        What happened. The network holds the weights of the last step.

    Raises:
        TypeError: If the rule, the objective, the optimiser or the task is no such object.
        ValueError: If network, task, optimiser and numbers do not fit together, or the checkpoint belongs to a
            training with other settings.
        TrainingDiverged: If loss or gradient is not finite or the loss exceeds a million times its first value
            (or 1, if that is larger). The network gets the weights of the last validation or checkpoint back.
        KeyboardInterrupt: If the user interrupts, after a checkpoint of the last whole step is written.

    Examples:
        >>> import neurornn.tasks
        >>> task = neurornn.tasks.make("context-decision")
        >>> network = neurornn.CTRNN(task.n_inputs, 20, task.n_outputs, dale=neurornn.Dale(), sigma_rec=0.1)
        >>> result = train(network, task, n_steps=4, batch_size=16, validate_every=2)
        >>> result.stop_reason, result.history.loss.shape, result.history.validation_step.values.tolist()
        ('steps done', (4,), [0, 2, 4])
    """
    _check_kinds(network, task, rule, objective, optimizer)
    session = Session(
        network,
        task,
        rule,
        objective,
        optimizer,
        Plan(
            n_steps=n_steps,
            batch_size=batch_size,
            seed=seed,
            clip_norm=rule.clip_norm if clip_norm == "rule" else clip_norm,
            validate_every=validate_every,
            n_validation=_n_validation(task) if n_validation is None else n_validation,
            target_performance=target_performance,
            checkpoint_every=checkpoint_every,
        ),
        None if checkpoint is None else Path(checkpoint),
    )

    def result(reason: StopReason) -> TrainingResult:
        history = session.record.dataset(task.name, session.plan, reason)
        return TrainingResult(history, len(session.record.steps), session.record.performance, reason)

    try:
        reason = session.check()
        while reason is None:
            session.advance()
            reason = session.check()
            if callback is not None:
                record = session.record
                callback(
                    Progress(
                        len(record.steps),
                        n_steps,
                        *record.steps[-1],
                        record.validation_loss,
                        record.performance,
                    )
                )
    except Diverged as failure:
        session.restore()
        raise TrainingDiverged(failure, session.kept, result("diverged")) from None
    except KeyboardInterrupt:
        session.save_interrupted()
        raise
    network.zero_grad(set_to_none=True)
    return result(reason)


def _check_kinds(network: object, task: object, rule: object, objective: object, optimizer: object) -> None:
    for name, part, kind in (
        ("network", network, AbstractNetwork),
        ("rule", rule, AbstractRule),
        ("objective", objective, Objective),
        ("optimizer", optimizer, torch.optim.Optimizer | None),
    ):
        if not isinstance(part, kind):
            wanted = getattr(kind, "__name__", "torch.optim.Optimizer, or None for Adam")
            raise TypeError(f"{name} must be an object of class {wanted}: got {part!r}.")
    if isinstance(task, str):
        raise TypeError(
            f"task must be a task object: got {task!r}. Make it with neurornn.tasks.make({task!r})."
        )
    if isinstance(network, torch.nn.Module) and not any(each.requires_grad for each in network.parameters()):
        raise ValueError("No parameter of the network wants a gradient: there is nothing to train.")


def _n_validation(task: TrainingTask) -> int:
    cells = task.n_conditions if task.supports_balanced else 1
    return cells * math.ceil(_MIN_VALIDATION / cells)
