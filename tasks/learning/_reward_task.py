"""Tasks whose inputs follow from actions: played for reward, or learned by imitation."""

__all__ = ["AbstractRewardTask"]

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.tasks._behaviour import as_array
from neurornn.tasks._draws import Split, TrialDraws
from neurornn.tasks._encoders import one_hot
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import to_steps
from neurornn.tasks.learning._environment import AbstractEnvironment
from neurornn.tasks.learning._imitation import imitated
from neurornn.tasks.learning._observer import AbstractObserver
from neurornn.trials import Trials


@dataclass(frozen=True, kw_only=True)
class AbstractRewardTask(AbstractTask, ABC):
    """A task in which what is seen follows from what is done.

    An episode is a sequence of decisions. Each action takes ``action`` ms, during which the inputs hold the cues of the moment, the last action (one-hot) and
    its reward. There are two ways to use it:

    * **For reward.** :meth:`play` gives an environment to act in; :func:`rollout` lets a network act and returns what
      happened, one row for each decision. That is what the measures of the task are for.
    * **By imitation.** :meth:`sample` gives trials like those of any task: an ideal observer has acted, its actions and
      rewards are the inputs, and its next choice is the target. A trial is an episode. The performance of a network is the
      fraction of actions in which it agrees with the observer, which is not the reward it would earn. :meth:`decisions`
      gives what it chose in the form that the measures take.

    Attributes:
        n_decisions: Decisions in an episode.
        action: Time for an action in ms.
        grace: Time in ms at the start of each action that is neither trained nor judged.
    """

    acts_per_decision: ClassVar[int] = 1
    """Actions that make up a decision."""

    n_decisions: int = 100
    action: float = 100.0
    grace: float = 50.0

    @property
    @override
    def loss(self) -> Literal["cross_entropy"]:
        return "cross_entropy"

    @property
    @abstractmethod
    def cue_names(self) -> tuple[str, ...]:
        """Input channels other than the last action and its reward."""

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return (*self.cue_names, *(f"last_{name}" for name in self.output_names), "last_reward")

    @property
    def n_acts(self) -> int:
        """Actions in an episode."""
        return self.n_decisions * self.acts_per_decision

    def play(
        self,
        n_episodes: int,
        *,
        seed: int,
        first: int = 0,
        split: Split = "train",
        conditions: Mapping[str, Any] | None = None,
    ) -> AbstractEnvironment:
        """Episodes ``first`` to ``first + n_episodes - 1`` of a seed, waiting for actions.

        Args:
            n_episodes: Number of episodes.
            seed: Seed of the world.
            first: Number of the first episode.
            split: ``"test"`` draws other worlds than ``"train"`` from the same seed.
            conditions: Values of conditions to use instead of drawing them.

        Returns:
            The environment.

        Raises:
            ValueError: If a number is out of range or a condition is unknown.

        Examples:
            >>> from neurornn import tasks
            >>> world = tasks.make("reversal", n_decisions=20).play(8, seed=0)
            >>> while not world.done:
            ...     seen = world.observe()
            ...     reward = world.act(torch.zeros(8, dtype=torch.int64))
            >>> world.history().sizes["trial"]
            160
        """
        if n_episodes < 1 or first < 0:
            raise ValueError(
                f"play needs n_episodes >= 1 and first >= 0: got n_episodes={n_episodes}, first={first}."
            )
        draws = self._draw(n_episodes, seed, first, split, conditions=conditions)
        environment = self.environment(draws)
        draws.check_given()
        return environment

    def observer(self, environment: AbstractEnvironment) -> AbstractObserver:
        """An ideal observer of episodes that are played; tell it what is done, whoever does it.

        Args:
            environment: What :meth:`play` gave, before the first action.

        Returns:
            The observer, which chooses what it would do and learns from what was done.
        """
        return self._observer(environment, environment.draws)

    def edges(self) -> NDArray[np.int64]:
        """Step at which each action starts, and the end of the episode.

        Returns:
            ``n_acts + 1`` numbers.
        """
        return to_steps(np.arange(self.n_acts + 1) * self.action, self.dt)

    def chosen(self, decision_variable: NDArray[np.float64]) -> NDArray[np.int64]:
        """The largest output; -1 if it is not alone or one is not a number.

        Args:
            decision_variable: Outputs along the last axis.

        Returns:
            Numbers of actions.
        """
        best = decision_variable.max(-1, keepdims=True)
        clear = ((decision_variable == best).sum(-1) == 1) & np.isfinite(decision_variable).all(-1)
        return np.where(clear, decision_variable.argmax(-1), -1)

    def column_attrs(self, name: str) -> dict[str, str]:
        """Label and unit of a column of the history.

        Args:
            name: Name of the column.

        Returns:
            Attributes.
        """
        return {"long_name": name.replace("_", " "), "units": "1"}

    @abstractmethod
    def environment(self, draws: TrialDraws) -> AbstractEnvironment:
        """The world that follows from random quantities; :meth:`play` is the way to one.

        Args:
            draws: Random quantities.

        Returns:
            The world, before the first action.
        """

    @abstractmethod
    def _observer(self, environment: AbstractEnvironment, draws: TrialDraws) -> AbstractObserver:
        """An ideal observer, which sees of the world what a subject sees."""

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not (isinstance(self.n_decisions, int | np.integer) and self.n_decisions >= 1):
            raise ValueError(f"n_decisions must be a whole number, 1 or more: got {self.n_decisions}.")
        if not (math.isfinite(self.action) and self.action >= self.dt and self.grace >= 0):
            raise ValueError(
                f"dt must be at most as long as an action, and grace at least 0: got dt={self.dt:g} ms, action={self.action:g} ms "
                f"and grace={self.grace:g} ms."
            )
        if np.diff(self.edges()).min() - to_steps(self.grace, self.dt) < 1:
            raise ValueError(
                f"grace must leave a step of every action to judge: got grace={self.grace:g} ms, action={self.action:g} ms and "
                f"dt={self.dt:g} ms."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        world = self.environment(draws)
        observer = self._observer(world, draws)
        seen = np.zeros((draws.n_trials, self.n_acts, self.n_inputs), dtype=np.float32)
        while not world.done:  # what is seen next depends on what is done now
            seen[:, world.n_done] = world.observe().numpy()
            action = observer.choose()
            reward = world.act(action).numpy().astype(np.float64)
            observer.learn(action, reward)
        edges = self.edges()
        epochs = Epochs(self.dt, {"episode": np.full(draws.n_trials, edges[-1])})
        number = np.searchsorted(edges, np.arange(edges[-1]), side="right") - 1
        judged = np.arange(edges[-1]) - edges[number] >= to_steps(self.grace, self.dt)
        target = one_hot(world.actions, range(self.n_outputs))
        return self._assemble(
            draws,
            epochs,
            inputs={"seen": seen[:, number]},
            targets={"choice": target[:, number]},
            mask=np.broadcast_to(judged, epochs.valid.shape),
            conditions={
                "observer_reward": world.rewards.sum(1) / self.n_decisions,
                "episode": draws.index,
                "world": np.full(draws.n_trials, draws.split, dtype="U5"),
            },
        )

    def decisions(self, trials: Trials, output: Float[Tensor, "batch time output"]) -> xr.Dataset:
        """What a network chose while it was shown the episodes of the ideal observer, one row for each decision.

        Args:
            trials: Trials of this task, sampled from it.
            output: Outputs of a network in these trials.

        Returns:
            The history of the observer's episodes as the measures of the task take it, where ``action`` is what the observer
            did, ``choice`` what the network chose then, and ``performance`` whether they agree. Rewards and
            transitions followed from the action.

        Raises:
            ValueError: If the trials are of another task.
        """
        if trials.info.task != self.name:
            raise ValueError(
                f"The trials are of task '{trials.info.task}' and this is '{self.name}'. Judge them by their own task."
            )
        return imitated(self, trials, output)

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """The choice is the output that is larger on average during an action, after the grace period.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"performance"``, the fraction of actions in which the choice is that of the ideal observer.
        """
        said = self.chosen(self.averages(as_array(trials, output)))
        right = self.averages(as_array(trials, trials.targets)).argmax(-1)
        return {"performance": (said == right).mean(1)}

    def averages(self, y: NDArray[np.float64], first: int = 0) -> NDArray[np.float64]:
        """Mean output during each action, after the grace period.

        Args:
            y: Outputs ``(batch, time, output)`` from the start of an action.
            first: Number of that action.

        Returns:
            Means ``(batch, action, output)``.
        """
        edges = self.edges()[first:] - self.edges()[first]
        edges = edges[edges <= y.shape[1]]
        bounds = np.stack([edges[:-1] + to_steps(self.grace, self.dt), edges[1:]], axis=1)
        total = np.add.reduceat(
            np.concatenate([y, np.zeros_like(y[:, :1])], axis=1), bounds.reshape(-1), axis=1
        )
        return total[:, ::2] / np.diff(bounds, axis=1)

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """Each action after a reward and after none, with the first cue, if there is one.

        Returns:
            Two vectors for each action.
        """
        vectors = {}
        for k, name in enumerate(self.output_names):
            for reward in (0.0, 1.0):
                x = torch.zeros(self.n_inputs)
                if self.cue_names:
                    x[0] = 1.0
                x[len(self.cue_names) + k] = 1.0
                x[-1] = reward
                vectors[f"{name}, {'rewarded' if reward else 'not rewarded'}"] = x
        return vectors
