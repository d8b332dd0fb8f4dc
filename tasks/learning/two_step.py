"""Two-step: a choice that leads to a second choice, commonly here and rarely there."""

__all__ = ["TwoStep"]

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, MeanBy, MeanInBins, StayProbability
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._registry import register
from neurornn.tasks.learning._environment import AbstractEnvironment
from neurornn.tasks.learning._inference import DriftingProbabilities, drifting
from neurornn.tasks.learning._observer import AbstractObserver
from neurornn.tasks.learning._reward_task import AbstractRewardTask


class _TwoStages(AbstractEnvironment):
    """A first stage that leads to one of two second stages, each with two options that pay 1 or 0."""

    task: "TwoStep"

    def __init__(self, task: "TwoStep", draws: TrialDraws) -> None:
        super().__init__(task, draws)
        n = task.n_decisions
        start = np.stack(
            [
                draws.uniform(f"probability_{state}{option}", task.low, task.high)
                for state in "AB"
                for option in "12"
            ],
            axis=1,
        )
        if np.any((start < task.low) | (start > task.high)):
            raise ValueError(f"A probability of reward must lie in [{task.low:g}, {task.high:g}].")
        steps = (
            draws.normal("drift", n, 4) * np.float32(task.drift)
            if task.drift > 0
            else np.zeros((draws.n_trials, n, 4), dtype=np.float32)
        )
        self.probability = drifting(start, steps, task.low, task.high).reshape(draws.n_trials, n, 2, 2)
        self._pays = draws.uniforms("payments", n, 4).reshape(self.probability.shape) < self.probability
        self._common = draws.uniforms("transitions", n)[..., 0] < task.p_common
        self.state = np.full((draws.n_trials, n), -1)

    @property
    def now(self) -> NDArray[np.int64]:
        """Where each episode is: 0 at the first stage, 1 or 2 at a second one."""
        decision, stage = divmod(self.n_done, 2)
        if stage == 0:
            return np.zeros(self.n_episodes, dtype=np.int64)
        return 1 + self.state[:, decision]

    @override
    def _cues(self) -> NDArray[np.float64]:
        return np.eye(3)[self.now]

    @override
    def _outcome(self, action: NDArray[np.int64]) -> NDArray[np.float64]:
        decision, stage = divmod(self.n_done, 2)
        if stage == 0:
            self.state[:, decision] = np.where(self._common[:, decision], action, 1 - action)
            return np.zeros(self.n_episodes)
        return self._pays[self._rows, decision, self.state[:, decision], action].astype(np.float64)

    @override
    def _columns(self, n: int) -> dict[str, NDArray[Any]]:
        first, second = self.actions[:, 0 : 2 * n : 2], self.actions[:, 1 : 2 * n : 2]
        value = self.probability[:, :n].max(3)  # of each state, to one who knows
        best = value.argmax(2)
        return {
            "choice": first,
            "second_choice": second,
            "state": np.array(["A", "B"])[self.state[:, :n]],
            "transition": np.where(self._common[:, :n], "common", "rare"),
            "reward": self.rewards[:, 1 : 2 * n : 2],
            "performance": (first == best).astype(np.float64),
            **{
                f"probability_{'AB'[s]}{a + 1}": self.probability[:, :n, s, a]
                for s in range(2)
                for a in range(2)
            },
        }


class _ModelBased(AbstractObserver):
    """Knows how the stages hang together and infers the probabilities of reward."""

    def __init__(self, task: "TwoStep", world: _TwoStages, draws: TrialDraws) -> None:
        self._task, self._world = task, world  # of which it sees where it is
        self._belief = DriftingProbabilities((world.n_episodes, 4), task.low, task.high, task.drift)
        self._taste = 1e-9 * draws.uniforms("taste", 1, 6)[:, 0]

    @override
    def choose(self) -> NDArray[np.int64]:
        value = self._belief.mean + self._taste[:, :4]
        by_state = value.reshape(-1, 2, 2)
        where = self._world.now
        if self._world.n_done % 2:
            return by_state[np.arange(len(where)), where - 1].argmax(1)
        reached = by_state.max(2)
        p = self._task.p_common
        q = p * reached + (1 - p) * reached[:, ::-1] + self._taste[:, 4:]
        return q.argmax(1)

    @override
    def learn(self, action: NDArray[np.int64], reward: NDArray[np.float64]) -> None:
        if self._world.n_done % 2:  # only the first stage is behind it
            return
        state = self._world.state[:, self._world.n_done // 2 - 1]  # seen during the second stage
        self._belief.see(2 * state + action, reward)


@register
@dataclass(frozen=True, kw_only=True)
class TwoStep(AbstractRewardTask):
    r"""Choose at two stages: does the first choice depend on how it came to a reward, or only on the reward?

    At the first stage each of two actions leads commonly (70 %) to its own second stage, A or B, and rarely to the other one. At the second
    stage each of two actions pays 1 with a probability of its own,

    .. math:: p_{t+1} = p_t + 0.025\, \epsilon_t, \qquad 0.25 \le p \le 0.75,

    with walls that reflect the walk. After a rare transition a reward speaks for the *other* first action, to one who knows
    how the stages hang together. An episode has 100 decisions of two actions (201 in the source). The inputs are where one is (first stage, A, B), the last action and its
    reward.

    The ideal observer of :meth:`sample` is model-based: it knows transitions and drift, infers the four
    probabilities exactly (on a grid), takes the better action at the second stage and the first action that leads to
    the larger expected value. It does not explore for the sake of later decisions.

    Attributes:
        p_common: Probability of the common transition.
        low: Least probability of reward.
        high: Largest probability of reward.
        drift: Standard deviation of a step of the probabilities.

    References:
        Model-based influences on humans' choices and striatal prediction errors (Daw et al., 2011)
        https://doi.org/10.1016/j.neuron.2011.02.027

    Examples:
        >>> world = TwoStep(p_common=1.0, n_decisions=5).play(2, seed=0)
        >>> _ = world.act([0, 1])
        >>> world.observe()[:, :3].tolist()  # first stage, A, B
        [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """

    name = "two-step-v1"
    cue_names = ("first_stage", "stage_A", "stage_B")
    output_names = ("first", "second")
    acts_per_decision = 2

    p_common: float = 0.7
    low: float = 0.25
    high: float = 0.75
    drift: float = 0.025

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not 0.5 <= self.p_common <= 1:
            raise ValueError(f"p_common must be a probability, at least a half: got {self.p_common}.")
        if not (0 <= self.low < self.high <= 1 and 0 <= self.drift < math.inf):
            raise ValueError(
                f"low and high must be probabilities, low < high, and drift at least 0: got {self.low}, {self.high} and "
                f"{self.drift}."
            )

    @override
    def environment(self, draws: TrialDraws) -> AbstractEnvironment:
        return _TwoStages(self, draws)

    @override
    def _observer(self, environment: AbstractEnvironment, draws: TrialDraws) -> AbstractObserver:
        if not isinstance(environment, _TwoStages):
            raise TypeError(
                f"The observer needs the environment of this task: got {type(environment).__name__}."
            )
        return _ModelBased(self, environment, draws)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "performance": MeanBy("performance"),
            "stay probability": StayProbability(),
            "better first action by decision": MeanInBins("performance", "decision", n_bins=10),
        }
