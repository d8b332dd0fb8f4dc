"""Bandit: find the arm that pays best, and notice when another one does."""

__all__ = ["Bandit"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.behaviour import (
    AbstractMeasure,
    MeanBy,
    MeanInBins,
    RewardHistory,
    WinStayLoseShift,
)
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._recipes import TANH_INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks.learning._environment import AbstractEnvironment
from neurornn.tasks.learning._inference import DriftingProbabilities, drifting
from neurornn.tasks.learning._observer import AbstractObserver
from neurornn.tasks.learning._reward_task import AbstractRewardTask


class _Arms(AbstractEnvironment):
    """Arms that pay 1 or 0."""

    task: "Bandit"

    def __init__(self, task: "Bandit", draws: TrialDraws) -> None:
        super().__init__(task, draws)
        n, k = task.n_decisions, task.n_arms
        start = np.stack(
            [draws.uniform(f"probability_{a + 1}", task.low, task.high) for a in range(k)], axis=1
        )
        if np.any((start < task.low) | (start > task.high)):
            raise ValueError(f"A probability of reward must lie in [{task.low:g}, {task.high:g}].")
        steps = (
            draws.normal("drift", n, k) * np.float32(task.drift)
            if task.drift > 0
            else np.zeros((draws.n_trials, n, k), dtype=np.float32)
        )
        self.probability = drifting(start, steps, task.low, task.high)
        self._pays = draws.uniforms("payments", n, k) < self.probability

    @override
    def _cues(self) -> NDArray[np.float64]:
        return np.zeros((self.n_episodes, 0))

    @override
    def _outcome(self, action: NDArray[np.int64]) -> NDArray[np.float64]:
        return self._pays[self._rows, self.n_done, action].astype(np.float64)

    @override
    def _columns(self, n: int) -> dict[str, NDArray[Any]]:
        p, choice = self.probability[:, :n], self.actions[:, :n]
        taken = np.take_along_axis(p, choice[..., None], axis=2)[..., 0]
        best = p.max(2)
        return {
            "choice": choice,
            "reward": self.rewards[:, :n],
            "performance": (taken == best).astype(np.float64),
            "regret": best - taken,
            **{f"probability_{a + 1}": p[..., a] for a in range(p.shape[2])},
        }


class _Upper(AbstractObserver):
    """Takes the arm whose expected payment is largest, with a bonus for what is uncertain."""

    def __init__(self, task: "Bandit", n_episodes: int, draws: TrialDraws) -> None:
        self._belief = DriftingProbabilities((n_episodes, task.n_arms), task.low, task.high, task.drift)
        self._bonus = task.exploration
        self._taste = 1e-9 * draws.uniforms("taste", 1, task.n_arms)[:, 0]  # settles ties

    @override
    def choose(self) -> NDArray[np.int64]:
        return (self._belief.mean + self._bonus * self._belief.sd + self._taste).argmax(1)

    @override
    def learn(self, action: NDArray[np.int64], reward: NDArray[np.float64]) -> None:
        self._belief.see(action, reward)


@register
@dataclass(frozen=True, kw_only=True)
class Bandit(AbstractRewardTask):
    r"""Choose among arms that pay 1 with probabilities of their own, fixed or drifting.

    .. math:: P(r_t = 1 \mid a) = p_{a,t}, \qquad p_{a,0} \sim U(l, h), \qquad p_{a,t+1} = p_{a,t} + \sigma\, \epsilon_t

    with walls at :math:`l` and :math:`h` that reflect the walk. With ``drift=0`` and two arms this is the bandit with independent arms of Wang et al., with 100
    decisions an episode. The inputs are the last action and its reward. With a drift
    it is restless; ``low=0.25, high=0.75, drift=0.025`` are the walks of the two-step task.

    The ideal observer of :meth:`sample` knows the rules and infers the probabilities exactly (on a grid). It takes the arm of
    the largest expected payment plus ``exploration`` standard deviations of its belief, a rule of thumb: the optimal
    policy also counts the decisions that are left. Which of equally good arms it takes is chance, the first choice for one.

    Attributes:
        n_arms: Number of arms.
        low: Least probability of reward.
        high: Largest probability of reward.
        drift: Standard deviation :math:`\sigma` of a step of the probabilities; 0 leaves them fixed.
        exploration: Bonus of the ideal observer for an uncertain arm, in standard deviations.

    References:
        Learning to reinforcement learn (Wang et al., 2016) https://arxiv.org/abs/1611.05763

    Examples:
        >>> task = Bandit(n_arms=2, n_decisions=10)
        >>> world = task.play(3, seed=0, conditions={"probability_1": 1.0, "probability_2": 0.0})
        >>> world.act([0, 1, 0]).tolist()
        [1.0, 0.0, 1.0]
    """

    name = "bandit-v1"
    cue_names = ()

    n_arms: int = 2
    low: float = 0.0
    high: float = 1.0
    drift: float = 0.0
    exploration: float = 1.0

    @property
    @override
    def output_names(self) -> tuple[str, ...]:
        return tuple(f"arm_{a + 1}" for a in range(self.n_arms))

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not (isinstance(self.n_arms, int | np.integer) and self.n_arms >= 2):
            raise ValueError(f"n_arms must be a whole number, 2 or more: got {self.n_arms}.")
        if not 0 <= self.low < self.high <= 1:
            raise ValueError(
                f"low and high must be probabilities, low < high: got {self.low} and {self.high}."
            )
        if not (0 <= self.drift < math.inf and math.isfinite(self.exploration)):
            raise ValueError(
                f"drift must be finite and at least 0, exploration finite: got {self.drift} and {self.exploration}."
            )

    @override
    def environment(self, draws: TrialDraws) -> AbstractEnvironment:
        return _Arms(self, draws)

    @override
    def _observer(self, environment: AbstractEnvironment, draws: TrialDraws) -> AbstractObserver:
        return _Upper(self, environment.n_episodes, draws)

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(TANH_INTEGRATORS, criterion=0.95, n_steps=1000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "performance": MeanBy("performance"),
            "best arm by decision": MeanInBins("performance", "decision", n_bins=10),
            "win-stay, lose-shift": WinStayLoseShift(),
            "reward history": RewardHistory(),
        }
