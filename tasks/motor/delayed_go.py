"""Delayed go: look at the place of a stimulus, or away from it, after a delay."""

__all__ = ["DelayedGo"]

from collections.abc import Mapping
from dataclasses import dataclass, replace

from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Diffusion
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Choice, Timing
from neurornn.tasks.motor._saccade import AbstractSaccade
from neurornn.trials import Trials

_FIXATION = Choice((300.0, 500.0, 700.0))
_STIMULUS = Choice((200.0, 400.0, 600.0))
_DELAY = Choice((200.0, 400.0, 800.0, 1600.0))


@register
@dataclass(frozen=True, kw_only=True)
class DelayedGo(AbstractSaccade):
    """Look at the place of a stimulus that is gone, or to the opposite side, when the fixation input goes off.

    ``rules=("pro",)`` is the *Dly Go* task and ``rules=("anti",)`` the *Dly Anti* task of Yang et al. (2019), whose
    times and tolerance these are. Eight directions are chosen here, so that conditions repeat.

    Attributes:
        fixation: Duration before the stimulus.
        stimulus: Duration of the stimulus.
        delay: Duration between the stimulus and the go cue.

    References:
        Task representations in neural networks trained to perform many cognitive tasks (Yang et al., 2019)
        https://doi.org/10.1038/s41593-018-0310-2

    Examples:
        >>> trials = DelayedGo(rules=("anti",)).sample(1, seed=0, conditions={"delay": 800.0})
        >>> (trials.epochs["response"][0, 0] - trials.epochs["stimulus"][0, 1]).item()
        800.0
    """

    name = "delayed-go-v1"

    fixation: Timing = _FIXATION
    stimulus: Timing = _STIMULUS
    delay: Timing = _DELAY

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "stimulus": draws.duration("stimulus", self.stimulus),
                "delay": draws.duration("delay", self.delay),
                "response": draws.duration("response", self.response),
            },
        )
        return self._saccade(
            draws, epochs, fixation=epochs.before("response"), shown=epochs.during("stimulus")
        )

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=2000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        drift = Diffusion(error="direction_error", target="target_direction")
        return {**super().measures, "drift and diffusion": drift}
