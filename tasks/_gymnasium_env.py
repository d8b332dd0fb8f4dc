"""The environments behind ``to_gymnasium``; imported only when gymnasium is there."""

__all__ = ["RewardEnv", "TrialEnv"]

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.tasks._draws import Split
from neurornn.tasks._task import AbstractTask
from neurornn.tasks.learning import AbstractEnvironment, AbstractObserver, AbstractRewardTask
from neurornn.trials import Trials

_BLOCK = 32  # trials sampled at a time
_SURVEYED = 64  # trials in which the kind of the targets is looked for


class Alternatives(NamedTuple):
    """How actions stand for outputs.

    Attributes:
        low: Output of what is not chosen.
        high: Output of what is chosen.
        hold: Whether action 0 chooses nothing.
    """

    low: float
    high: float
    hold: bool


class _SeededEnv(gymnasium.Env[Any, Any]):
    """Counts trials from the seed of the last seeded reset."""

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - declared so by gymnasium

    def __init__(self, n_inputs: int) -> None:
        self.observation_space = spaces.Box(-math.inf, math.inf, (n_inputs,), dtype=np.float32)
        self.trial_seed: int | None = None
        self.n_started = 0

    def _begin(self, seed: int | None) -> int:
        """Take in the seed of a reset and tell the number of the next trial."""
        super().reset(seed=seed)
        if seed is not None or self.trial_seed is None:
            self.trial_seed = int(self.np_random.integers(2**62)) if seed is None else int(seed)
            self.n_started = 0
        return self.n_started


class TrialEnv(_SeededEnv):
    """A supervised task, one step of ``dt`` after the other; see :func:`to_gymnasium`."""

    def __init__(
        self,
        task: AbstractTask,
        reward: str,
        trials_per_episode: int,
        split: Split,
        conditions: Mapping[str, Any] | None,
    ) -> None:
        super().__init__(task.n_inputs)
        self.task, self.reward, self.trials_per_episode = task, reward, trials_per_episode
        self._options: dict[str, Any] = {"split": split, "conditions": conditions}
        survey = task.sample(_SURVEYED, seed=0, **self._options)
        self.alternatives = alternatives(survey)
        if self.alternatives is None:
            bound = 2.0 * max(float(survey.targets.abs().max()), 0.5)
            self.action_space: spaces.Space[Any] = spaces.Box(
                -bound, bound, (task.n_outputs,), dtype=np.float32
            )
        else:
            self.action_space = spaces.Discrete(task.n_outputs + self.alternatives.hold)
        self._block: Trials | None = None
        self._block_of: tuple[int | None, int] = (None, -1)
        self._left = 0

    @property
    def ground_truth(self) -> Any:  # noqa: ANN401
        """The right action for the observation at hand."""
        target = self._targets[min(self._step, len(self._targets) - 1)]
        if self.alternatives is None:
            return target.copy()
        if not self.alternatives.hold:
            return int(target.argmax())
        middle = 0.5 * (self.alternatives.low + self.alternatives.high)
        return int(target.argmax()) + 1 if target.max() > middle else 0

    @override
    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        self._start_trial(self._begin(seed))
        self._left = self.trials_per_episode - 1
        return self._inputs[0], {"new_trial": False}

    @override
    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        if self._block is None or self._step >= len(self._inputs):
            raise gymnasium.error.ResetNeeded("The episode is over: call reset() before the next step.")
        right = self.ground_truth
        self._outputs[self._step] = self._as_output(action)
        weight, last = self._weights[self._step], self._step == len(self._inputs) - 1
        if self.reward == "performance":
            gain = self._judged() if last else 0.0
        elif self.alternatives is None:
            gain = -float(weight * np.mean((self._outputs[self._step] - self._targets[self._step]) ** 2))
        else:
            gain = float(weight * (int(action) == right))
        self._step += 1
        terminated = last and self._left == 0
        if last and not terminated:
            self._left -= 1
            self._start_trial(self.n_started)
        seen = np.zeros_like(self._inputs[0]) if terminated else self._inputs[self._step]
        return seen, gain, terminated, False, {"gt": right, "new_trial": last}

    def _start_trial(self, number: int) -> None:
        wanted = (self.trial_seed, number // _BLOCK)
        if self._block is None or self._block_of != wanted:
            seed = 0 if self.trial_seed is None else self.trial_seed
            self._block = self.task.sample(_BLOCK, seed=seed, first=wanted[1] * _BLOCK, **self._options)
            self._block_of = wanted
        row = number % _BLOCK
        n_steps = int(self._block.valid[row].sum())
        self._trial = self._block.select([row])
        self._inputs = self._trial.inputs[0, :n_steps].numpy()
        self._targets = self._trial.targets[0, :n_steps].numpy()
        mask = self._trial.mask[0, :n_steps].double().numpy()
        self._weights = mask / mask.sum()
        self._outputs = np.zeros_like(self._targets)
        self._step, self.n_started = 0, number + 1

    def _as_output(self, action: Any) -> NDArray[np.float32]:  # noqa: ANN401
        """The outputs an action stands for."""
        if self.alternatives is None:
            return np.asarray(action, dtype=np.float32)
        output = np.full(self.task.n_outputs, self.alternatives.low, dtype=np.float32)
        chosen = int(action) - self.alternatives.hold
        if chosen >= 0:
            output[chosen] = self.alternatives.high
        return output

    def _judged(self) -> float:
        output = torch.zeros_like(self._trial.targets)
        output[0, : len(self._outputs)] = torch.from_numpy(self._outputs)
        score = float(self.task.performance(self._trial, output)[0])
        return 0.0 if math.isnan(score) else score


class RewardEnv(_SeededEnv):
    """A reward task, one action after the other; see :func:`to_gymnasium`."""

    def __init__(self, task: AbstractRewardTask, split: Split, conditions: Mapping[str, Any] | None) -> None:
        super().__init__(task.n_inputs)
        self.task = task
        self.action_space = spaces.Discrete(task.n_outputs)
        self._options: dict[str, Any] = {"split": split, "conditions": conditions}
        self.world: AbstractEnvironment | None = None
        self._observer: AbstractObserver | None = None
        self.ground_truth = 0

    @override
    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        number = self._begin(seed)
        world = self.task.play(1, seed=self.trial_seed or 0, first=number, **self._options)
        self.world, self._observer = world, self.task.observer(world)
        self.n_started = number + 1
        self.ground_truth = int(self._observer.choose()[0])
        return world.observe()[0].numpy(), {"new_trial": False}

    @override
    def step(self, action: Any) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        world, observer = self.world, self._observer
        if world is None or observer is None or world.done:
            raise gymnasium.error.ResetNeeded("The episode is over: call reset() before the next step.")
        right, taken = self.ground_truth, np.array([int(action)])
        gain = world.act(taken)
        observer.learn(taken, gain.double().numpy())
        if not world.done:
            self.ground_truth = int(observer.choose()[0])
        ended = world.n_done % self.task.acts_per_decision == 0
        info = {"gt": right, "new_trial": ended}
        return world.observe()[0].numpy(), float(gain[0]), world.done, False, info


def alternatives(trials: Trials) -> Alternatives | None:
    """How actions stand for outputs, or None if the outputs are continuous.

    Args:
        trials: Some trials of a task.

    Returns:
        The two levels of the targets, if they are alternatives.
    """
    if trials.info.loss == "cross_entropy":
        return Alternatives(0.0, 1.0, False)
    target = trials.targets[trials.mask > 0]
    levels = torch.unique(target)
    if target.shape[1] < 2 or levels.numel() != 2 or bool(((target == levels[1]).sum(1) > 1).any()):
        return None
    return Alternatives(float(levels[0]), float(levels[1]), True)
