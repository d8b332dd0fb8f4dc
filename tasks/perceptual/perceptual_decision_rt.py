"""Perceptual decision in reaction time: answer as soon as you know."""

__all__ = ["PerceptualDecisionRT"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import (
    AbstractMeasure,
    Chronometric,
    Psychometric,
    QuantileProbability,
)
from neurornn.recipe import Recipe
from neurornn.tasks._behaviour import choice_behaviour
from neurornn.tasks._crossing import first_crossing
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Timing, as_timing, to_steps
from neurornn.tasks._two_choice import side_of
from neurornn.tasks.perceptual._random_dots import COHERENCES, check_dots, dots_inputs
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class PerceptualDecisionRT(AbstractTask):
    r"""Decide whether noisy motion goes left or right, and answer as soon as you know.

    Two channels carry the motion with means :math:`s (1 \mp c) / 2`, where :math:`c` is the signed coherence
    (positive: right) and :math:`s` the ``scale``, plus white noise. The fixation input goes off when the motion
    appears: that is the go cue. The first output to cross the ``threshold`` is the choice, and the time since the
    onset of the motion is the reaction time. A crossing before the motion is premature: the trial is lost. A
    coherence of 0 is allowed: a coin then says which choice is correct.

    The target of the correct output is high from the onset of the motion, but the first ``grace`` ms are not
    trained. So nothing is won by waiting, and little by haste. In catch trials there is no stimulus, the fixation
    input stays on and both outputs must stay low.

    The coherences are those of Roitman & Shadlen (2002) without 0. Fixation and stimulus times, the grace period
    and the target of 1.2 that a threshold of 1 needs follow Song et al. (2016).

    Attributes:
        coherences: Signed coherences.
        held_out_coherences: Those of the coherences that training never shows.
        scale: Sum of the means of the two channels.
        fixation: Duration of the first epoch.
        stimulus: Duration of the motion, the time within which to answer.
        grace: Time in ms after the onset of the motion that is not trained; an answer in it counts.
        threshold: Output that is an answer.
        high: Target of the correct output.
        low: Target of the other one, and of both before the motion.
        p_catch: Probability of a catch trial; a balanced batch has none.

    References:
        Response of neurons in the lateral intraparietal area during a combined visual discrimination reaction time
        task (Roitman & Shadlen, 2002) https://doi.org/10.1523/JNEUROSCI.22-21-09475.2002

        Training excitatory-inhibitory recurrent neural networks for cognitive tasks (Song, Yang & Wang, 2016)
        https://doi.org/10.1371/journal.pcbi.1004792

    Examples:
        The left output reaches the threshold 400 ms after the motion appeared.

        >>> task = PerceptualDecisionRT(dt=20.0)
        >>> trials = task.sample(1, seed=0, conditions={"coherence": -0.512})
        >>> output = torch.zeros_like(trials.targets)
        >>> output[0, 15 + 20 :, 0] = 1.0
        >>> found = task.behaviour(trials, output)
        >>> int(found["choice"][0]), float(found["reaction_time"][0]), float(found["performance"][0])
        (-1, 400.0, 1.0)
    """

    name = "perceptual-decision-rt-v1"
    input_names = ("fixation", "motion_left", "motion_right")
    output_names = ("choose_left", "choose_right")

    sigma_in: float = 0.1
    coherences: tuple[float, ...] = COHERENCES
    held_out_coherences: tuple[float, ...] = ()
    scale: float = 2.0
    fixation: Timing = 300.0
    stimulus: Timing = 1500.0
    grace: float = 300.0
    threshold: float = 1.0
    high: float = 1.2
    low: float = 0.2
    p_catch: float = 0.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_dots(self.coherences, self.scale)
        trained = to_steps(as_timing(self.stimulus).lower, self.dt) - to_steps(self.grace, self.dt)
        if not 0 <= self.grace < math.inf or trained < 1:
            raise ValueError(
                f"grace must be at least 0 and leave a step of the stimulus to train: got grace={self.grace} ms, "
                f"stimulus={self.stimulus} and dt={self.dt:g} ms."
            )
        if not 0 <= self.low < self.threshold <= self.high < math.inf:
            raise ValueError(
                "The targets must lie on either side of the threshold, 0 <= low < threshold <= high: got "
                f"low={self.low}, threshold={self.threshold} and high={self.high}."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        coherence = draws.choice("coherence", self.coherences, held_out=self.held_out_coherences)
        catch = draws.chance("catch", self.p_catch)
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "stimulus": draws.duration("stimulus", self.stimulus),
            },
        )
        deciding, trained = epochs.during("stimulus"), epochs.during("stimulus", after=self.grace)
        if not epochs.outlasts("stimulus", self.grace):
            raise ValueError(
                f"Every stimulus must outlast the grace period of {self.grace:g} ms: lengthen 'stimulus'."
            )
        correct = np.where(catch, 0, side_of(coherence, draws))
        return self._assemble(
            draws,
            epochs,
            inputs={
                "fixation": epochs.before("stimulus") | catch[:, None],
                **dots_inputs(coherence, deciding & ~catch[:, None], self.scale),
            },
            targets={
                name: np.where(deciding & (correct == side)[:, None], self.high, self.low)
                for name, side in zip(self.output_names, (-1, 1), strict=True)
            },
            mask=epochs.during("fixation") | trained | catch[:, None],
            conditions={"correct_choice": correct},
            units={"reaction_time": "ms"},
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """The first output to cross the threshold, between steps by linear interpolation.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"choice"`` (0 without one, or if it was premature), ``"reaction_time"`` in ms since the onset of the
            motion (NaN without a choice), ``"premature"`` (an answer before the motion, or any in a catch trial),
            ``"correct"`` and ``"performance"``.
        """
        early, _ = first_crossing(trials, output, "fixation", self.threshold)
        place, time = first_crossing(trials, output, "stimulus", self.threshold)
        caught = trials.conditions["correct_choice"] == 0
        premature = (early >= 0) | (caught & (place >= 0))
        side = np.where(premature | (place < 0), 0, 2 * place - 1)
        behaviour = choice_behaviour(side.astype(np.float64), trials.conditions["correct_choice"])
        return {
            **behaviour,
            "reaction_time": np.where(behaviour["choice"] != 0, time, np.nan),
            "premature": premature,
        }

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.93, n_steps=2000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "psychometric": Psychometric("coherence"),
            "chronometric": Chronometric("coherence"),
            "quantile probability": QuantileProbability("coherence"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The motion at coherence 0, where both channels have half the scale, and fixation alone.

        Returns:
            One vector for each.
        """
        return {
            "stimulus": torch.tensor([0.0, self.scale / 2, self.scale / 2]),
            "fixation": torch.tensor([1.0, 0.0, 0.0]),
        }
