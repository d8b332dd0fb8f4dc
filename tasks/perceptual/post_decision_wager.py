"""Post-decision wagering: a direction for a large reward if it is right, or a small reward for sure."""

__all__ = ["PostDecisionWager"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Psychometric, Wager
from neurornn.tasks._behaviour import check_grace, choice_behaviour, epoch_average
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._registry import register
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Timing, TruncatedExponential, as_timing
from neurornn.tasks._two_choice import side_of
from neurornn.tasks.perceptual._random_dots import check_dots, dots_inputs
from neurornn.trials import Trials

_COHERENCES = (
    -0.512,
    -0.256,
    -0.128,
    -0.064,
    -0.032,
    0.0,
    0.032,
    0.064,
    0.128,
    0.256,
    0.512,
)


@register
@dataclass(frozen=True, kw_only=True)
class PostDecisionWager(AbstractTask):
    r"""Decide which way the dots moved, or in some trials waive the decision for a smaller but sure reward.

    The motion is followed by a delay; in half of the trials a sure option appears ``sure_onset`` after the motion has
    ended and stays on. The fixation input goes off at the go cue, the start of the decision epoch. Two channels carry
    the motion with means :math:`s (1 \mp c) / 2`, where :math:`c` is the signed coherence and :math:`s` the
    ``scale``. A coherence of 0 has a correct side too, by a coin.

    Each output is trained to tell the reward that its choice will bring: 1 or 0 for the two directions, and
    ``sure_reward`` for the sure option where it is offered, 0 where it is not. The best estimate of a reward that
    is not known yet is its mean, so the outputs of a trained network are expected rewards given what it has
    seen, and taking the largest waives the decision when the direction is less likely right than the sure
    reward is large.

    The task is that of Kiani & Shadlen (2009). The times, the coherences and the sure reward are those with which Song
    et al. (2017) modelled it; training by regression on rewards instead of reinforcement is our choice, and so are
    scale and noise.

    Attributes:
        coherences: Signed coherences.
        held_out_coherences: Those of the coherences that training never shows.
        scale: Sum of the means of the two channels.
        sure_reward: Reward of the sure option, relative to that of a correct direction.
        fixation: Duration of the first epoch.
        stimulus: Duration of the motion.
        delay: Duration between the motion and the go cue.
        sure_onset: Time from the end of the motion to the sure option, shorter than the delay.
        decision: Duration of the last epoch.
        grace: Time in ms at the start of the decision epoch that is neither trained nor judged.

    References:
        Representation of confidence associated with a decision by neurons in the parietal cortex (Kiani & Shadlen,
        2009) https://doi.org/10.1126/science.1169405

        Reward-based training of recurrent neural networks for cognitive and value-based tasks (Song, Yang & Wang,
        2017) https://doi.org/10.7554/eLife.21492

    Examples:
        >>> task = PostDecisionWager()
        >>> trials = task.sample(4, seed=0, conditions={"sure_offered": True})
        >>> last = trials.mask[0].nonzero()[-1]
        >>> round(float(trials.targets[0, last, 2]), 6)
        0.7
    """

    name = "post-decision-wager-v1"
    input_names = ("fixation", "motion_left", "motion_right", "sure")
    output_names = ("choose_left", "choose_right", "choose_sure")

    sigma_in: float = 0.1
    coherences: tuple[float, ...] = _COHERENCES
    held_out_coherences: tuple[float, ...] = ()
    scale: float = 2.0
    sure_reward: float = 0.7
    fixation: Timing = 750.0
    stimulus: Timing = TruncatedExponential(180.0, 100.0, 900.0)  # noqa: RUF009
    delay: Timing = TruncatedExponential(1350.0, 1200.0, 1800.0)  # noqa: RUF009
    sure_onset: Timing = TruncatedExponential(575.0, 500.0, 750.0)  # noqa: RUF009
    decision: Timing = 500.0
    grace: float = 100.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_dots(self.coherences, self.scale)
        if not 0 < self.sure_reward < 1:
            raise ValueError(f"sure_reward must lie between 0 and 1: got {self.sure_reward}.")
        if as_timing(self.sure_onset).upper > as_timing(self.delay).lower:
            raise ValueError(
                "The sure option must come before the go cue: let 'sure_onset' be at most as long as the shortest "
                f"'delay', got up to {as_timing(self.sure_onset).upper:g} ms and {as_timing(self.delay).lower:g} ms."
            )
        check_grace(self.grace, self.decision, self.dt, field="decision", epoch="decision epoch")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        coherence = draws.choice("coherence", self.coherences, held_out=self.held_out_coherences)
        offered = np.asarray(draws.choice("sure_offered", (False, True)), dtype=bool)
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "stimulus": draws.duration("stimulus", self.stimulus),
                "delay": draws.duration("delay", self.delay),
                "decision": draws.duration("decision", self.decision),
            },
        )
        sure_from = epochs.stop["stimulus"] + draws.duration("sure_onset", self.sure_onset)
        deciding, judged = epochs.during("decision"), epochs.during("decision", after=self.grace)
        if not epochs.outlasts("decision", self.grace) or (sure_from > epochs.start["decision"]).any():
            raise ValueError(
                f"The decision epoch must outlast the grace period of {self.grace:g} ms and the sure option come "
                "before it: lengthen 'decision' or 'delay'."
            )
        correct = side_of(coherence, draws)
        sure = (offered[:, None] & (epochs.step >= sure_from[:, None])) & epochs.valid
        reward = (correct == -1, correct == 1, self.sure_reward * offered)
        return self._assemble(
            draws,
            epochs,
            inputs={
                "fixation": epochs.before("decision"),
                **dots_inputs(coherence, epochs.during("stimulus"), self.scale),
                "sure": sure,
            },
            targets={
                name: value[:, None] * deciding for name, value in zip(self.output_names, reward, strict=True)
            },
            mask=epochs.during("fixation") | judged,
            conditions={"correct_choice": correct},
            units={"reward": "reward of a correct direction"},
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """The choice is the output that is largest on average in the decision epoch, after the grace period.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"choice"`` of a direction (+1, -1; 0 if the decision was waived or there is no choice), ``"waived"``
            (the sure option was taken where it was offered), ``"reward"``, ``"correct"`` and ``"performance"``: NaN
            where the decision was waived, because nothing was decided; 0 where a sure option was taken that was not
            offered.
        """
        mean = np.nan_to_num(epoch_average(trials, output, "decision", after=self.grace), nan=-np.inf)
        best = mean.max(axis=1, keepdims=True)
        clear = (mean == best).sum(axis=1) == 1
        picked = np.where(clear & np.isfinite(best[:, 0]), mean.argmax(axis=1), -1)
        offered = np.asarray(trials.conditions["sure_offered"], dtype=bool)
        waived = (picked == 2) & offered
        side = np.select([picked == 0, picked == 1], [-1.0, 1.0], 0.0)
        found = choice_behaviour(side, trials.conditions["correct_choice"])
        right = np.asarray(found["correct"], dtype=np.float64)
        return found | {
            "waived": waived,
            "reward": np.where(waived, self.sure_reward, right),
            "performance": np.where(waived, np.nan, right),
        }

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "psychometric": Psychometric("coherence", by="sure_offered"),
            "waived by coherence": Wager("coherence"),
            "accuracy, waived or not": Wager("coherence", accuracy=True),
            "waived by duration": Wager("coherence", duration="stimulus"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The motion at coherence 0, the delay before the sure option, and the delay with it.

        Returns:
            One vector for each.
        """
        half = self.scale / 2
        return {
            "stimulus": torch.tensor([1.0, half, half, 0.0]),
            "delay": torch.tensor([1.0, 0.0, 0.0, 0.0]),
            "delay, sure": torch.tensor([1.0, 0.0, 0.0, 1.0]),
        }
