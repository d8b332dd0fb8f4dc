"""What a subject that acts goes through: trials that were made before it acts, or a world that answers."""

__all__ = ["AbstractCourse", "TrialCourse", "World", "WorldCourse"]

import math
from abc import ABC, abstractmethod
from typing import Final, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.networks import Outputs
from neurornn.objective import Objective
from neurornn.trials import Trials

_NOISE_TAU: Final = 100.0  # ms: unit in which tasks give their input noise


class Episodes(Protocol):
    """Episodes of a world that wait for actions."""

    @property
    def done(self) -> bool:
        """Whether the episodes are over."""

    def observe(self) -> Tensor:
        """What the subject sees now, ``(batch, input)``."""

    def act(self, action: Tensor) -> Tensor:
        """Take an action in every episode; the reward of each."""


class World(Protocol):
    """A task whose inputs follow from actions; every reward task of the package is one."""

    @property
    def sigma_in(self) -> float:
        """Strength of the input noise."""

    def play(
        self, n_episodes: int, *, seed: int, first: int = 0, split: Literal["train", "test"]
    ) -> Episodes:
        """Episodes that wait for actions."""

    def edges(self) -> NDArray[np.int64]:
        """Step at which each action starts, and the end."""


class AbstractCourse(ABC):
    """Many trials side by side, step by step.

    Attributes:
        n_trials: Number of trials.
        n_steps: Number of steps.
        judged: Which steps count for a decision, ``(batch, time)``: its values are the mean over them.
        closes: After which steps a decision is taken.
    """

    n_trials: int
    n_steps: int
    judged: Tensor
    closes: Tensor

    @abstractmethod
    def input(self, step: int) -> Tensor:
        """Input of a step, ``(batch, input)``.

        Args:
            step: The step; they come in order.

        Returns:
            The input.
        """

    @abstractmethod
    def act(self, step: int, action: Tensor, acting: Tensor) -> tuple[Tensor, Tensor]:
        """Act after a step.

        Args:
            step: The step.
            action: Number of the action in each trial.
            acting: Which trials act; the others do nothing.

        Returns:
            The reward of each trial, and whether its last action was this.
        """

    @abstractmethod
    def loss(self, objective: Objective, outputs: Tensor | None, start: int, delta: Tensor) -> Tensor:
        """What is told about a stretch of the course.

        Args:
            objective: What training looks at.
            outputs: Outputs of the stretch, ``(batch, time, output)``; None if no step has passed.
            start: Its first step.
            delta: Error of the prediction of reward that ended it.

        Returns:
            A scalar; the stretches add up to the whole.
        """


class TrialCourse(AbstractCourse):
    """Supervised trials as a world: where one target is above all others, that output is the right action.

    Args:
        trials: The trials.
        hold: Name of the output that means to do nothing yet.
        reward: Reward of a right answer.
        hold_reward: Reward of the first decision to hold that is right.
        each_step: Whether each step is a decision; else each stretch of steps with the same right action.

    Raises:
        ValueError: If the trials ask for anything but one of several actions.
    """

    def __init__(
        self, trials: Trials, *, hold: str, reward: float, hold_reward: float, each_step: bool
    ) -> None:
        self.n_trials, self.n_steps, self.trials = trials.n_trials, trials.n_steps, trials
        self.reward, self.hold_reward = reward, hold_reward
        names, targets = trials.info.output_names, trials.targets
        self.hold = names.index(hold) if hold in names else None
        if len(names) < 2:
            raise ValueError(
                f"Task '{trials.info.task}' has one output: nothing can be chosen by acting. Use a task with an output for "
                "each action."
            )
        best = targets.topk(2, -1)
        self.right = best.indices[..., 0]
        self.judged = (trials.mask > 0) & (best.values[..., 0] > best.values[..., 1])
        if bool((self.judged & (best.values[..., 1] > targets.amin(-1))).any()):
            raise ValueError(
                f"The targets of task '{trials.info.task}' are graded, not one action among several. Learn it with a rule that "
                "follows targets, or reward it with a rule that perturbs."
            )
        self.closes = self.judged.clone()
        if not each_step:
            goes_on = self.judged[:, 1:] & (self.right[:, 1:] == self.right[:, :-1])
            self.closes[:, :-1] &= ~goes_on
        steps = torch.arange(self.n_steps, device=targets.device)
        self.last = torch.where(self.closes, steps, -1).amax(1)
        self.held = torch.zeros_like(self.last, dtype=torch.bool)

    @override
    def input(self, step: int) -> Tensor:
        return self.trials.inputs[:, step]

    @override
    def act(self, step: int, action: Tensor, acting: Tensor) -> tuple[Tensor, Tensor]:
        right = self.right[:, step]
        hit, paid = action == right, torch.full_like(self.trials.mask[:, 0], self.reward)
        over = acting & (self.last == step)
        if self.hold is None:
            return torch.where(acting & hit, paid, 0.0), over
        holding = right == self.hold
        first = holding & ~self.held & hit
        self.held |= acting & first
        paid = torch.where(holding, torch.where(first, self.hold_reward, 0.0), paid)
        moved = acting & (action != self.hold)  # an answer, or too early
        return torch.where(acting & hit, paid, 0.0), over | moved

    @override
    def loss(self, objective: Objective, outputs: Tensor | None, start: int, delta: Tensor) -> Tensor:
        if outputs is None:
            return delta.new_zeros(())
        return objective.of_steps(self.trials, Outputs(outputs, outputs[:, -1], None, None), start)


class WorldCourse(AbstractCourse):
    """Episodes of a world: those whose numbers and seed the trials of the task carry.

    Args:
        world: The task.
        trials: Trials of it; what is seen and done in them is not looked at.
        generator: Source of the input noise, if the task has any.

    Raises:
        ValueError: If the episodes do not follow each other.
    """

    def __init__(self, world: World, trials: Trials, generator: torch.Generator | None) -> None:
        self.n_trials, self.n_steps = trials.n_trials, trials.n_steps
        numbers = trials.conditions["episode"].astype(np.int64)
        if np.any(np.diff(numbers) != 1):
            raise ValueError(
                f"Episodes are played in the order of their numbers: got {numbers[:4].tolist()}... Sample the trials at once, "
                "without selecting some."
            )
        split: Literal["train", "test"] = "test" if trials.conditions["world"][0] == "test" else "train"
        self.episodes = world.play(self.n_trials, seed=trials.info.seed, first=int(numbers[0]), split=split)
        self.like = trials.inputs
        edges = world.edges()
        ends = torch.zeros(self.n_steps, dtype=torch.bool, device=self.like.device)
        ends[torch.as_tensor(edges[1:] - 1)] = True
        self.judged, self.closes = trials.mask > 0, ends.expand(self.n_trials, -1)
        self.seen: Tensor | None = None
        self.noise: Tensor | None = None
        if world.sigma_in > 0:
            if generator is None:
                raise ValueError(
                    f"Task '{trials.info.task}' has input noise and noise needs an explicit source. Pass "
                    "generator=torch.Generator().manual_seed(...)."
                )
            scale = world.sigma_in * math.sqrt(2 * _NOISE_TAU / trials.info.dt)
            drawn = torch.randn(self.like.shape, generator=generator, device=generator.device)
            self.noise = scale * drawn.to(self.like)

    @override
    def input(self, step: int) -> Tensor:
        if self.seen is None:
            self.seen = self.episodes.observe().to(self.like)
        return self.seen if self.noise is None else self.seen + self.noise[:, step]

    @override
    def act(self, step: int, action: Tensor, acting: Tensor) -> tuple[Tensor, Tensor]:
        del step
        reward, self.seen = self.episodes.act(action).to(self.like), None
        return reward, acting & self.episodes.done

    @override
    def loss(self, objective: Objective, outputs: Tensor | None, start: int, delta: Tensor) -> Tensor:
        del objective, outputs, start
        return 0.5 * delta.square().mean()
