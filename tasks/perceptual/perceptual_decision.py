"""Perceptual decision: which way do the random dots move?"""

__all__ = ["PerceptualDecision"]

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, Psychometric
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import opposed
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing
from neurornn.tasks._two_choice import AbstractTwoChoice, check_strengths, side_of
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class PerceptualDecision(AbstractTwoChoice):
    r"""Decide whether noisy motion goes left or right, and answer at the go cue.

    Two channels carry the motion with means :math:`s (1 \mp c) / 2`, where :math:`c` is the signed coherence
    (positive: right) and :math:`s` the ``scale``, plus white noise. The fixation input goes off at the go cue, the
    start of the decision epoch. A coherence of 0 is allowed: a coin then says which choice is correct.

    The stimulus lasts a fixed time; for the variable-duration task of Song et al. (2016) give
    ``stimulus=TruncatedExponential(330.0, 80.0, 1500.0)``. In catch trials there is neither stimulus nor go cue,
    and both outputs must stay low.

    The coherences are those of Roitman & Shadlen (2002) without 0; fixation, stimulus and decision times follow
    Song et al. (2016). Scale and noise are chosen for units with a time constant of 100 ms.

    Attributes:
        coherences: Signed coherences.
        scale: Sum of the means of the two channels.
        stimulus: Duration of the stimulus.
        delay: Duration between the stimulus and the go cue.
        p_catch: Probability of a catch trial; a balanced batch has none.

    References:
        Response of neurons in the lateral intraparietal area during a combined visual discrimination reaction time
        task (Roitman & Shadlen, 2002) https://doi.org/10.1523/JNEUROSCI.22-21-09475.2002

        Training excitatory-inhibitory recurrent neural networks for cognitive tasks (Song, Yang & Wang, 2016)
        https://doi.org/10.1371/journal.pcbi.1004792

    Examples:
        >>> trials = PerceptualDecision(p_catch=0.2).sample(500, seed=0)
        >>> bool(abs(trials.conditions["catch"].mean() - 0.2) < 0.06)
        True
    """

    name = "perceptual-decision-v1"
    input_names = ("fixation", "motion_left", "motion_right")
    output_names = ("choose_left", "choose_right")

    sigma_in: float = 0.1
    coherences: tuple[float, ...] = (
        -0.512,
        -0.256,
        -0.128,
        -0.064,
        -0.032,
        0.032,
        0.064,
        0.128,
        0.256,
        0.512,
    )
    scale: float = 2.0
    stimulus: Timing = 800.0
    delay: Timing = 0.0
    p_catch: float = 0.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_strengths("coherences", self.coherences)
        if not 0 < self.scale < math.inf:
            raise ValueError(f"scale must be finite and above 0: got {self.scale}.")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        coherence = draws.choice("coherence", self.coherences)
        catch = draws.chance("catch", self.p_catch)
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "stimulus": draws.duration("stimulus", self.stimulus),
                "delay": draws.duration("delay", self.delay, optional=True),
                "decision": draws.duration("decision", self.decision),
            },
        )
        shown = epochs.during("stimulus") & ~catch[:, None]
        left, right = opposed(coherence[:, None], self.scale)
        return self._decide(
            draws,
            epochs,
            inputs={
                "fixation": epochs.before("decision") | catch[:, None],
                "motion_left": left * shown,
                "motion_right": right * shown,
            },
            correct_choice=np.where(catch, 0, side_of(coherence, draws.coin("tie"))),
        )

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {"psychometric": Psychometric("coherence"), "accuracy": Accuracy(by="coherence")}

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The stimulus at coherence 0, where both channels have half the scale, and fixation alone.

        Returns:
            One vector for each.
        """
        return {
            "stimulus": torch.tensor([1.0, self.scale / 2, self.scale / 2]),
            "fixation": torch.tensor([1.0, 0.0, 0.0]),
        }
