"""Perceptual decision that is answered after a delay."""

__all__ = ["PerceptualDecisionDelayed"]

from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, Psychometric, PsychophysicalKernel
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Choice, Timing
from neurornn.tasks.perceptual._random_dots import AbstractRandomDots


@register
@dataclass(frozen=True, kw_only=True)
class PerceptualDecisionDelayed(AbstractRandomDots):
    r"""Random dots whose direction must be remembered until the go cue.

    The task of :class:`PerceptualDecision` with a delay of one of eight lengths between the stimulus and the go cue;
    each is a condition, and accuracy against delay shows what the memory loses. In catch trials there is neither
    stimulus nor go cue, and both outputs must stay low.

    The delays, 300 to 4000 ms, are those of ``PerceptualDecisionMakingDelayResponse`` of neurogym; the rate of catch
    trials, about one over one more than the number of coherences, follows Song et al. (2016).

    References:
        Training excitatory-inhibitory recurrent neural networks for cognitive tasks (Song, Yang & Wang, 2016)
        https://doi.org/10.1371/journal.pcbi.1004792

    Examples:
        >>> task = PerceptualDecisionDelayed()
        >>> task.factor_names, task.n_conditions
        (('coherence', 'delay'), 80)
    """

    name = "perceptual-decision-delayed-v1"

    delay: Timing = Choice((300.0, 500.0, 700.0, 900.0, 1200.0, 2000.0, 3200.0, 4000.0))  # noqa: RUF009
    p_catch: float = 0.09

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "psychometric": Psychometric("coherence"),
            "accuracy by delay": Accuracy(by="delay"),
            "psychophysical kernel": PsychophysicalKernel(
                "motion_right", "motion_left", condition="coherence"
            ),
        }
