"""Perceptual decision with a stimulus of variable duration."""

__all__ = ["PerceptualDecisionVariable"]

from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import override

from neurornn.analysis.behaviour import (
    AbstractMeasure,
    AccuracyByDuration,
    Psychometric,
    PsychophysicalKernel,
)
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing, TruncatedExponential
from neurornn.tasks.perceptual._random_dots import AbstractRandomDots


@register
@dataclass(frozen=True, kw_only=True)
class PerceptualDecisionVariable(AbstractRandomDots):
    r"""Random dots whose duration cannot be foreseen, so that all of them must be used.

    The task of :class:`PerceptualDecision`, but the stimulus lasts a truncated exponential time: the hazard of its
    end is nearly flat, and a subject that waits loses evidence. In catch trials there is neither stimulus nor go
    cue, and both outputs must stay low.

    Durations, with a scale of 330 ms between 80 and 1500 ms, and the rate of catch trials, about one over one more
    than the number of coherences, follow Song et al. (2016).

    References:
        Training excitatory-inhibitory recurrent neural networks for cognitive tasks (Song, Yang & Wang, 2016)
        https://doi.org/10.1371/journal.pcbi.1004792

        Bounded integration in parietal cortex underlies decisions even when viewing duration is dictated by the
        environment (Kiani, Hanks & Shadlen, 2008) https://doi.org/10.1523/JNEUROSCI.4761-07.2008

    Examples:
        >>> trials = PerceptualDecisionVariable().sample(500, seed=0)
        >>> float(trials.conditions["stimulus"].min()), bool(trials.conditions["stimulus"].max() <= 1500)
        (80.0, True)
    """

    name = "perceptual-decision-variable-v1"

    stimulus: Timing = TruncatedExponential(330.0, 80.0, 1500.0)  # noqa: RUF009
    p_catch: float = 0.09

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "psychometric": Psychometric("coherence"),
            "accuracy by duration": AccuracyByDuration("stimulus", "coherence"),
            "psychophysical kernel": PsychophysicalKernel(
                "motion_right", "motion_left", condition="coherence"
            ),
        }
