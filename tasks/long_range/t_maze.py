"""T-maze: a cue at the start of a corridor says where to turn at its end."""

__all__ = ["TMaze"]

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks.long_range._symbols import AbstractSymbolTask, largest, mean_during, whole
from neurornn.trials import Trials

_LEFT, _UP, _RIGHT, _DOWN = range(4)
_CORRIDOR, _CUE_LEFT, _CUE_RIGHT, _JUNCTION, _BRANCH = range(5)


@register
@dataclass(frozen=True, kw_only=True)
class TMaze(AbstractSymbolTask):
    r"""Predict what is done and seen next on the way through a T-maze.

    A trial is a walk of an animal that knows the way: down a corridor whose first places show the cue, on through the
    rest of it, and at the junction left or right, as the cue said, to the reward at the end of that branch. A place takes a symbol. The
    11 inputs are the last action (left, up, right, down), whether there was a reward, and what is seen (corridor, left cue, right
    cue, junction, branch), each one-hot. The targets are the same of the next moment, so the outputs of action
    are a policy. It is judged along the right way: this is imitation, not reward.

    Inputs, lengths and noise are those of the public code of Cheng & Brown: the noise has standard deviation 0.01 in each step of 50
    ms. The first input has the action "up", which is never taken.

    Attributes:
        cue: Fewest and most places with the cue.
        delay: Fewest and most places between cue and junction.
        branch: Fewest and most places from the junction to the reward.

    References:
        Replay as a basis for backpropagation through time in the brain (Cheng & Brown, 2025)
        https://direct.mit.edu/neco/article/37/3/403/127434

    Examples:
        >>> task = TMaze(cue=(1, 1), delay=(2, 2), branch=(2, 2), sigma_in=0.0)
        >>> trials = task.sample(1, seed=0, conditions={"side": "right"})
        >>> ["LURD"[k] for k in trials.targets[0, :, :4].argmax(1)]
        ['D', 'D', 'D', 'R', 'R']
        >>> trials.targets[0, :, 5].tolist()  # the reward
        [0.0, 0.0, 0.0, 0.0, 1.0]
    """

    name = "t-maze-v1"
    input_names = (
        "left",
        "up",
        "right",
        "down",
        "no_reward",
        "reward",
        "see_corridor",
        "see_left_cue",
        "see_right_cue",
        "see_junction",
        "see_branch",
    )
    output_names = input_names

    sigma_in: float = 0.005
    cue: tuple[int, int] = (20, 23)
    delay: tuple[int, int] = (50, 55)
    branch: tuple[int, int] = (20, 25)

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        for name in ("cue", "delay", "branch"):
            value = getattr(self, name)
            fits = len(value) == 2 and all(isinstance(n, int | np.integer) and n >= 1 for n in value)
            if not (fits and value[0] <= value[1]):
                raise ValueError(
                    f"{name} must be the fewest and the most places, whole numbers from 1: got {value}."
                )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        side = draws.choice("side", ("left", "right"))
        cue, delay, branch = (
            whole(name, draws.choice(name, np.arange(low, high + 1)), 1)[:, None]
            for name, (low, high) in (("cue", self.cue), ("delay", self.delay), ("branch", self.branch))
        )
        end = cue + delay + branch  # places: the corridor, the junction, the branch
        left = (side == "left")[:, None]
        t = np.arange(int(end.max()) + 1)
        turn = np.where(left, _LEFT, _RIGHT)
        action = np.where(t > cue + delay, turn, _DOWN)  # that led to place t
        action[:, 0] = _UP
        seen = np.select(
            [t < cue, t < cue + delay, t == cue + delay],
            [np.where(left, _CUE_LEFT, _CUE_RIGHT), _CORRIDOR, _JUNCTION],
            _BRANCH,
        )
        walk = np.concatenate(
            [
                one_hot(action, range(4)),
                one_hot(t == end, (False, True)),
                one_hot(seen, range(5)),
            ],
            axis=2,
        )
        epochs = self._lay_out({"cue": cue[:, 0], "delay": delay[:, 0], "branch": branch[:, 0]})
        return self._assemble(
            draws,
            epochs,
            inputs={"now": self._shown(walk[:, :-1], epochs)},
            targets={"next": self._shown(walk[:, 1:], epochs)},
            mask=epochs.valid,
            units=dict.fromkeys(("cue", "delay", "branch"), "symbols"),
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """What is done is the output of action that is largest on average during each symbol.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"turn_correct"``, whether the turn at the junction is right, ``"fraction_actions"``, the fraction of actions that
            are right, and ``"performance"``, 1 if all are, else 0.
        """
        cue, delay, branch = (trials.conditions[name].astype(np.int64) for name in ("cue", "delay", "branch"))
        end = cue + delay + branch
        said = largest(mean_during(self, trials, output, int(end.max()))[..., :4])
        turn = np.where(trials.conditions["side"] == "left", _LEFT, _RIGHT)
        t = np.arange(said.shape[1])
        due = np.where(t >= (cue + delay)[:, None], turn[:, None], _DOWN)
        right = (said == due) & (t < end[:, None])
        return {
            "turn_correct": right[np.arange(trials.n_trials), cue + delay],
            "fraction_actions": right.sum(1) / end,
            "performance": (right.sum(1) == end).astype(np.float64),
        }

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=3000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "turn by delay": Accuracy(by="delay", outcome="turn_correct"),
            "turn by side": Accuracy(by="side", outcome="turn_correct"),
            "walks without error by delay": Accuracy(by="delay"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """Walking down the corridor after the cue, and standing at the junction.

        Returns:
            Two vectors.
        """
        walking = torch.zeros(self.n_inputs)
        walking[[_DOWN, 4, 6 + _CORRIDOR]] = 1.0
        junction = torch.zeros(self.n_inputs)
        junction[[_DOWN, 4, 6 + _JUNCTION]] = 1.0
        return {"corridor": walking, "junction": junction}
