"""A world that answers actions with rewards, many episodes side by side."""

__all__ = ["AbstractEnvironment"]

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn.provenance import provenance
from neurornn.tasks._draws import TrialDraws

if TYPE_CHECKING:
    from neurornn.tasks.learning._reward_task import AbstractRewardTask


class AbstractEnvironment(ABC):
    """Episodes of a reward task that wait for actions.

    Everything random in a world is a function of (task, seed, split, episode number) and was decided before the first
    action: what each action would bring at each moment is written in a table, of which the subject sees the row it chose.
    So the same seed is the same world, whatever is done in it and however the episodes are split into batches.

    ``observe``, then ``act``, until ``done``. Made by :meth:`AbstractRewardTask.play`.

    Args:
        task: The task.
        draws: Its random quantities.

    Attributes:
        task: The task.
        n_episodes: Number of episodes.
        draws: Its random quantities.
        n_done: Number of actions taken so far in each.
        actions: Actions taken, ``(episode, action)``; -1 for those to come.
        rewards: What they brought.
    """

    def __init__(self, task: "AbstractRewardTask", draws: TrialDraws) -> None:
        self.task, self.n_episodes, self.n_done = task, draws.n_trials, 0
        self.actions = np.full((self.n_episodes, task.n_acts), -1, dtype=np.int64)
        self.rewards = np.zeros((self.n_episodes, task.n_acts))
        self.draws = draws
        self._rows = np.arange(self.n_episodes)

    @property
    def done(self) -> bool:
        """Whether the episodes are over; all have the same number of decisions."""
        return self.n_done == self.task.n_acts

    def observe(self) -> Float[Tensor, "batch input"]:
        """What the subject sees now: the cues of the moment, what it did last, and the reward that brought.

        Returns:
            Observations in the order of the ``input_names`` of the task.
        """
        seen = np.zeros((self.n_episodes, self.task.n_inputs), dtype=np.float32)
        cues = self._cues()
        n_cues, n_actions = cues.shape[1], self.task.n_outputs
        seen[:, :n_cues] = cues
        if self.n_done > 0:
            seen[self._rows, n_cues + self.actions[:, self.n_done - 1]] = 1.0
            seen[:, n_cues + n_actions] = self.rewards[:, self.n_done - 1]
        return torch.from_numpy(seen)

    def act(self, action: ArrayLike | Tensor) -> Float[Tensor, " batch"]:
        """Take an action in every episode.

        Args:
            action: Number of the action for each episode, from 0.

        Returns:
            The reward of each.

        Raises:
            ValueError: If the episodes are over, or there is no such action.
        """
        if self.done:
            raise ValueError(
                f"The episodes are over after {self.task.n_acts} actions. Play new ones with task.play(...)."
            )
        chosen = np.asarray(action.detach().cpu() if isinstance(action, Tensor) else action)
        n = self.task.n_outputs
        fits = chosen.shape == (self.n_episodes,) and chosen.dtype.kind in "iu"
        if not fits or np.any((chosen < 0) | (chosen >= n)):
            raise ValueError(
                f"act needs one whole number from 0 to {n - 1} for each of {self.n_episodes} episodes: "
                f"got shape {chosen.shape} of {chosen.dtype}, values {chosen.reshape(-1)[:4].tolist()}."
            )
        reward = self._outcome(chosen.astype(np.int64))
        self.actions[:, self.n_done], self.rewards[:, self.n_done] = chosen, reward
        self.n_done += 1
        return torch.from_numpy(reward.astype(np.float32))

    def history(self) -> xr.Dataset:
        """What happened so far, one row for each complete decision; the rows of an episode follow each other.

        Returns:
            A dataset along ``trial`` with ``episode``, ``decision`` (from 1), ``choice``, ``reward``, ``performance`` (1
            if the choice was the best one, else 0) and what else the task tells.
        """
        n = self.n_done // self.task.acts_per_decision
        decision = np.broadcast_to(np.arange(1, n + 1), (self.n_episodes, n))
        episode = np.broadcast_to(self.draws.index[:, None], decision.shape)
        columns: dict[str, NDArray[Any]] = {"episode": episode, "decision": decision, **self._columns(n)}
        coords = {
            name: ("trial", np.ascontiguousarray(values).reshape(-1), self.task.column_attrs(name))
            for name, values in columns.items()
        }
        return xr.Dataset(
            coords={"trial": np.arange(self.n_episodes * n), **coords},
            attrs=provenance("neurornn.Decisions/1")
            | {
                "task": self.task.name,
                "world_seed": self.draws.seed,
                "split": self.draws.split,
                "actions": list(self.task.output_names),
            },
        )

    @abstractmethod
    def _cues(self) -> NDArray[np.float64]:
        """Cue channels of the moment, ``(episode, cue)``."""

    @abstractmethod
    def _outcome(self, action: NDArray[np.int64]) -> NDArray[np.float64]:
        """Reward of each action, and whatever else it changes."""

    @abstractmethod
    def _columns(self, n: int) -> dict[str, NDArray[Any]]:
        """Columns of the first ``n`` decisions, ``(episode, n)``, among them choice, reward and performance."""
