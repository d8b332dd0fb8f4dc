"""Interval discrimination: which of two stimuli lasted longer."""

__all__ = ["IntervalDiscrimination"]

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, ChoiceWeights, Psychometric
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing, Uniform
from neurornn.tasks._two_choice import AbstractTwoChoice, side_of
from neurornn.trials import Trials

_STIMULUS = Uniform(300.0, 600.0)
_DELAY = Uniform(800.0, 1500.0)


@register
@dataclass(frozen=True, kw_only=True)
class IntervalDiscrimination(AbstractTwoChoice):
    """Compare the durations of two stimuli that are separated by a delay.

    Each stimulus has a channel of its own that is 1 while it lasts. The fixation input goes off at the go cue, the
    start of the decision epoch. The correct choice is -1 if the first stimulus lasted longer, +1 if the second did,
    and a coin's if they lasted equally many time steps.

    The times are those of NeuroGym's ``IntervalDiscrimination``, after Genovesio, Tsujimoto & Wise (2009); the grace
    period is chosen here.

    Attributes:
        stimulus: Duration of either stimulus.
        delay: Duration between them.
        wait: Duration between the second stimulus and the go cue.

    Examples:
        >>> task = IntervalDiscrimination()
        >>> trials = task.sample(2, seed=0, conditions={"first": [300.0, 500.0], "second": 400.0})
        >>> trials.conditions["difference"].tolist(), trials.conditions["correct_choice"].tolist()
        ([100.0, -100.0], [1, -1])
    """

    name = "interval-discrimination-v1"
    input_names = ("fixation", "stimulus_1", "stimulus_2")
    output_names = ("choose_first", "choose_second")

    sigma_in: float = 0.05
    fixation: Timing = 300.0
    stimulus: Timing = _STIMULUS
    delay: Timing = _DELAY
    wait: Timing = 500.0
    decision: Timing = 300.0

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        fixation = draws.duration("fixation", self.fixation)
        first, second = draws.duration("first", self.stimulus), draws.duration("second", self.stimulus)
        epochs = Epochs(
            self.dt,
            {
                "fixation": fixation,
                "first": first,
                "delay": draws.duration("delay", self.delay),
                "second": second,
                "wait": draws.duration("wait", self.wait, optional=True),
                "decision": draws.duration("decision", self.decision),
            },
        )
        longer = (second - first).astype(float)
        return self._decide(
            draws,
            epochs,
            inputs={
                "fixation": epochs.before("decision"),
                "stimulus_1": epochs.during("first"),
                "stimulus_2": epochs.during("second"),
            },
            correct_choice=side_of(longer, draws),
            conditions={"difference": longer * self.dt},
            units={"difference": "ms"},
        )

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "psychometric": Psychometric("difference"),
            "choice weights": ChoiceWeights(("first", "second")),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The delay, and each stimulus.

        Returns:
            One vector for each.
        """
        return {
            "delay": torch.tensor([1.0, 0.0, 0.0]),
            "first stimulus": torch.tensor([1.0, 1.0, 0.0]),
            "second stimulus": torch.tensor([1.0, 0.0, 1.0]),
        }
