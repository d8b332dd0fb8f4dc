"""Probabilistic reversal: one option pays more often, until the other does."""

__all__ = ["Reversal"]

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.behaviour import (
    AbstractMeasure,
    MeanBy,
    ReversalCurve,
    RewardHistory,
    WinStayLoseShift,
)
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._recipes import TANH_INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks.learning._environment import AbstractEnvironment
from neurornn.tasks.learning._observer import AbstractObserver
from neurornn.tasks.learning._reward_task import AbstractRewardTask


class _Blocks(AbstractEnvironment):
    """Two options, one good and one bad, that change places."""

    task: "Reversal"

    def __init__(self, task: "Reversal", draws: TrialDraws) -> None:
        super().__init__(task, draws)
        first = draws.choice("first_good", (0, 1)).astype(np.int64)
        if not np.isin(first, (0, 1)).all():
            raise ValueError("The first good option is 0 or 1: got another value for 'first_good'.")
        turns = draws.uniforms("reversals", task.n_decisions)[..., 0] < task.hazard
        turns[:, 0] = False
        self.good = (first[:, None] + np.cumsum(turns, axis=1)) % 2
        u = draws.uniforms("payments", task.n_decisions, 2)
        chance = np.where(np.arange(2) == self.good[..., None], task.p_good, task.p_bad)
        self._pays, self._turns = u < chance, turns

    @override
    def _cues(self) -> NDArray[np.float64]:
        return np.zeros((self.n_episodes, 0))

    @override
    def _outcome(self, action: NDArray[np.int64]) -> NDArray[np.float64]:
        return self._pays[self._rows, self.n_done, action].astype(np.float64)

    @override
    def _columns(self, n: int) -> dict[str, NDArray[Any]]:
        choice, good = self.actions[:, :n], self.good[:, :n]
        return {
            "choice": choice,
            "reward": self.rewards[:, :n],
            "performance": (choice == good).astype(np.float64),
            "good_option": good,
            "reversal": self._turns[:, :n],
        }


class _Bayesian(AbstractObserver):
    """Knows the two probabilities and the hazard; takes the option that is more likely the good one."""

    def __init__(self, task: "Reversal", n_episodes: int, draws: TrialDraws) -> None:
        self._task, self._coin = task, draws.coin("taste") > 0
        self.p_second = np.full(n_episodes, 0.5)

    @override
    def choose(self) -> NDArray[np.int64]:
        tie = np.isclose(self.p_second, 0.5, rtol=0.0, atol=1e-12)
        return np.where(tie, self._coin, self.p_second > 0.5).astype(np.int64)

    @override
    def learn(self, action: NDArray[np.int64], reward: NDArray[np.float64]) -> None:
        task, won = self._task, reward > 0.5
        likelihood = [
            np.where(won, p, 1 - p)
            for p in (np.where(action == good, task.p_good, task.p_bad) for good in (0, 1))
        ]
        joint = np.stack([(1 - self.p_second) * likelihood[0], self.p_second * likelihood[1]])
        p = joint[1] / joint.sum(0)
        self.p_second = p * (1 - task.hazard) + (1 - p) * task.hazard


@register
@dataclass(frozen=True, kw_only=True)
class Reversal(AbstractRewardTask):
    r"""Choose between two options, of which one pays more often; they change places without notice.

    .. math:: P(r_t = 1) = \begin{cases} p_{good} & a_t = g_t \\ p_{bad} & \text{else} \end{cases}, \qquad P(g_{t+1} \ne g_t) = h

    The inputs are the last action and its reward. The hazard :math:`h` is the same at every decision, so blocks have
    geometric lengths and the time since the last reversal says nothing of the next. 80 and 20 %, and a reversal in
    25 decisions on average, are chosen by us.

    The ideal observer of :meth:`sample` knows the probabilities and the hazard and holds the exact belief about which option is good:

    .. math:: b' = \frac{b\, L_1}{b\, L_1 + (1 - b)\, L_0}, \qquad b \leftarrow (1 - h)\, b' + h\, (1 - b')

    where :math:`L_g` is the likelihood of the reward if option :math:`g` is good. It takes the option that is more likely good, which is
    optimal, since both options tell equally much when :math:`p_{good} + p_{bad} = 1`.

    Attributes:
        p_good: Probability of reward of the good option.
        p_bad: Probability of reward of the other one.
        hazard: Probability of a reversal before each decision but the first.

    Examples:
        >>> task = Reversal(p_good=1.0, p_bad=0.0, hazard=0.1)
        >>> world = task.play(200, seed=0)
        >>> while not world.done:
        ...     _ = world.act(np.zeros(200, dtype=int))
        >>> bool((world.history()["reward"] == world.history()["performance"]).all())
        True
    """

    name = "reversal-v1"
    cue_names = ()
    output_names = ("first", "second")

    p_good: float = 0.8
    p_bad: float = 0.2
    hazard: float = 0.04

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not 0 <= self.p_bad < self.p_good <= 1:
            raise ValueError(
                f"p_good and p_bad must be probabilities, the good one larger: got {self.p_good} and {self.p_bad}."
            )
        if not 0 <= self.hazard < 0.5:
            raise ValueError(f"hazard must be a probability below a half: got {self.hazard}.")

    @override
    def environment(self, draws: TrialDraws) -> AbstractEnvironment:
        return _Blocks(self, draws)

    @override
    def _observer(self, environment: AbstractEnvironment, draws: TrialDraws) -> AbstractObserver:
        return _Bayesian(self, environment.n_episodes, draws)

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(TANH_INTEGRATORS, criterion=0.97, n_steps=1000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "performance": MeanBy("performance"),
            "around reversals": ReversalCurve(),
            "win-stay, lose-shift": WinStayLoseShift(),
            "reward history": RewardHistory(),
        }
