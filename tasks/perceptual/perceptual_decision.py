"""Perceptual decision: which way do the random dots move?"""

__all__ = ["PerceptualDecision"]

from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, Psychometric, PsychophysicalKernel
from neurornn.tasks._registry import register
from neurornn.tasks.perceptual._random_dots import AbstractRandomDots


@register
@dataclass(frozen=True, kw_only=True)
class PerceptualDecision(AbstractRandomDots):
    r"""Decide whether noisy motion goes left or right, and answer at the go cue.

    Two channels carry the motion with means :math:`s (1 \mp c) / 2`, where :math:`c` is the signed coherence
    (positive: right) and :math:`s` the ``scale``, plus white noise. The fixation input goes off at the go cue, the
    start of the decision epoch. A coherence of 0 is allowed: a coin then says which choice is correct.

    The stimulus lasts a fixed time; :class:`PerceptualDecisionVariable` varies it and
    :class:`PerceptualDecisionDelayed` has the answer wait. In catch trials there is neither stimulus nor go cue,
    and both outputs must stay low.

    The coherences are those of Roitman & Shadlen (2002) without 0; fixation, stimulus and decision times follow
    Song et al. (2016). Scale and noise are chosen for units with a time constant of 100 ms.

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

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "psychometric": Psychometric("coherence"),
            "accuracy": Accuracy(by="coherence"),
            "psychophysical kernel": PsychophysicalKernel(
                "motion_right", "motion_left", condition="coherence"
            ),
        }
