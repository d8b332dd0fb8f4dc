"""The state of a training between two steps, and the moves that change it."""

__all__ = ["Diverged", "Session"]

import contextlib
import math
import signal
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from neurornn._record import Plan, Record, StopReason
from neurornn._threads import single_threaded
from neurornn._training_setup import TrainingTask, check_fit, check_whole_steps, describe_optimizer
from neurornn.checkpoint import Checkpoint, check_settings, load_checkpoint, save_checkpoint
from neurornn.config import describe
from neurornn.networks import AbstractNetwork
from neurornn.objective import Objective
from neurornn.random import derive_seed, torch_generator
from neurornn.rules import AbstractRule
from neurornn.storage import make_folder

_EXPLODED: Final = 1e6  # times the first loss, or times 1 if that is smaller


class Diverged(Exception):
    """A step or a validation failed."""

    def __init__(self, step: int, loss: float, problem: str) -> None:
        super().__init__(problem)
        self.step, self.loss, self.problem = step, loss, problem


class Session:
    """A training between two steps."""

    def __init__(
        self,
        network: AbstractNetwork,
        task: TrainingTask,
        rule: AbstractRule,
        objective: Objective,
        optimizer: torch.optim.Optimizer | None,
        plan: Plan,
        path: Path | None,
    ) -> None:
        check_fit(network, task)
        if optimizer is None:
            optimizer = rule.optimizer(network)
        if rule.finished:
            check_whole_steps(rule, optimizer, plan)
        self.network, self.task, self.rule, self.objective = network, task, rule.for_task(task), objective
        self.optimizer, self.plan, self.path = optimizer, plan, path
        self.parameters: list[nn.Parameter] = [
            each for group in optimizer.param_groups for each in group["params"]
        ]
        self.like = next(network.parameters())
        self.settings = {
            "network": describe(network),
            "task": describe(task),
            "rule": describe(rule),
            "objective": describe(objective),
            "optimizer": describe_optimizer(network, optimizer),
            **{
                name: getattr(plan, name)
                for name in ("batch_size", "seed", "clip_norm", "validate_every", "n_validation")
            },
        }
        self.record = Record()
        if path is not None:
            make_folder(path.parent)
            if path.exists():
                self._resume(path)
        self.trials = task.sample(
            plan.n_validation, seed=derive_seed(plan.seed, "validation"), balanced=task.supports_balanced
        )
        self._keep()

    @property
    def step(self) -> int:
        """Number of steps done."""
        return len(self.record.steps)

    def check(self) -> StopReason | None:
        """Validate and write a checkpoint if it is time to.

        Returns:
            Why the training ends here, or None if it goes on.
        """
        plan, record = self.plan, self.record
        done = self.step >= plan.n_steps
        due = (done or self.step % plan.validate_every == 0) and record.validated != self.step
        if due:
            self._validate()
            self._keep()
        reached = (
            plan.target_performance is not None
            and record.validated == self.step
            and record.performance >= plan.target_performance
        )
        if due and (done or reached or self.step % plan.saves_every == 0):
            self.save()
        return "target reached" if reached else "steps done" if done else None

    def advance(self) -> None:
        """One step: a batch, its gradient in one part or several, a move of the optimiser for each."""
        plan = self.plan
        trials = self.task.sample(
            plan.batch_size, seed=derive_seed(plan.seed, "train"), first=self.step * plan.batch_size
        )
        noise = torch_generator(plan.seed, "noise", self.step, device=self.like.device)
        self.network.zero_grad(set_to_none=True)
        losses = 0.0
        squares: list[float] = []
        with contextlib.ExitStack() as held:
            for part in self.rule.parts(self.network, trials, objective=self.objective, generator=noise):
                losses += float(part)
                with single_threaded():
                    norm = self._gradient_norm()
                self._refuse_divergence(self.step + 1, losses, norm, "loss")
                if plan.clip_norm is not None and norm > plan.clip_norm:
                    for each in self.parameters:
                        if each.grad is not None:
                            each.grad.mul_(plan.clip_norm / norm)
                if not squares:
                    held.enter_context(_uninterrupted())  # weights, optimiser and record move together
                with single_threaded():
                    self.optimizer.step()
                squares.append(norm**2)
                self.network.zero_grad(set_to_none=True)
            self.record.steps.append((losses, math.sqrt(sum(squares) / len(squares))))

    def save(self) -> None:
        """Write a checkpoint, if there is a place for it."""
        if self.path is not None:
            save_checkpoint(
                self.path,
                Checkpoint(
                    step=self.step,
                    network=self.network.state_dict(),
                    optimizer=self.optimizer.state_dict(),
                    history=self.record.arrays(),
                    settings=self.settings,
                    rule=self.rule.memory(self.network),
                ),
            )

    def save_interrupted(self) -> None:
        """Write a checkpoint of weights that were not validated, if they are numbers at all."""
        if all(bool(each.isfinite().all()) for each in self.network.parameters()):
            self.save()

    def restore(self) -> None:
        """Give the network its last good weights back."""
        self.network.load_state_dict(self.good)
        self._recall(self.good_memory)
        self.network.zero_grad(set_to_none=True)

    def _keep(self) -> None:
        self.good = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.good_memory = {name: value.clone() for name, value in self.rule.memory(self.network).items()}
        self.kept = self.step

    def _recall(self, memory: Mapping[str, Tensor]) -> None:
        """Give the rule a memory back, in place."""
        own = self.rule.memory(self.network)
        if {name: each.shape for name, each in own.items()} != {
            name: each.shape for name, each in memory.items()
        }:
            raise ValueError(
                f"The saved memory of the rule holds {sorted(memory)} and {self.rule!r} needs {sorted(own)}, of the "
                "shapes of this network. Use another path to train anew."
            )
        for name, value in memory.items():
            own[name].copy_(value)

    def _resume(self, path: Path) -> None:
        saved = load_checkpoint(path)
        check_settings(path, saved.settings, self.settings)
        if saved.step > self.plan.n_steps:
            raise ValueError(
                f"The checkpoint '{path}' holds {saved.step} steps and n_steps={self.plan.n_steps} are wanted. Ask for "
                "at least as many, or use another path to train anew."
            )
        self.network.load_state_dict(saved.network)
        self.optimizer.load_state_dict(dict(saved.optimizer))
        self._recall(saved.rule)
        self.record = Record.of(saved.history)
        if (
            saved.step < self.plan.n_steps
        ):  # a shorter plan ended with a validation that a longer one does not have
            every = self.plan.validate_every
            self.record.validations = [each for each in self.record.validations if each[0] % every == 0]

    def _validate(self) -> None:
        noise = torch_generator(self.plan.seed, "validation noise", device=self.like.device)
        trials = self.trials.to(self.like)
        with torch.no_grad(), single_threaded():
            run = self.network.outputs(trials.inputs, generator=noise, costs=self.objective.costs_rates)
            loss = float(self.objective(self.network, trials, run))
        self._refuse_divergence(self.step, loss, 0.0, "validation loss")
        each = np.asarray(self.task.performance(self.trials, run.output.to(self.trials.inputs)), dtype=float)
        if np.isnan(each).all():
            raise ValueError(
                f"Task '{self.task.name}' gives no performance: it is NaN in all {each.size} validation trials. "
                "Correct its behaviour, or validate on more trials with n_validation."
            )
        self.record.validations.append((self.step, loss, float(np.nanmean(each))))

    def _gradient_norm(self) -> float:
        norms = [
            torch.linalg.vector_norm(each.grad, dtype=torch.float64)
            for each in self.parameters
            if each.grad is not None
        ]
        if not norms:
            raise ValueError(
                f"{type(self.rule).__name__} left no gradient on any parameter of the optimiser. Give the optimiser "
                "parameters that the rule trains."
            )
        return float(torch.linalg.vector_norm(torch.stack(norms)))

    def _refuse_divergence(self, step: int, loss: float, norm: float, what: str) -> None:
        first = self.record.steps[0][0] if self.record.steps else loss
        if not math.isfinite(loss):
            raise Diverged(step, loss, f"the {what} is {loss}")
        if not math.isfinite(norm):
            raise Diverged(step, loss, f"the norm of the gradient is {norm} (the loss is {loss:.4g})")
        if loss > _EXPLODED * max(1.0, first):
            raise Diverged(step, loss, f"the {what} is {loss:.4g} and was {first:.4g} in the first step")


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back for a moment. Signals reach the main thread alone."""
    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or previous is None:
        yield
        return
    held: list[Any] = []
    signal.signal(signal.SIGINT, lambda *signal_and_frame: held.append(signal_and_frame))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
    if held and callable(previous):
        previous(*held[0])
