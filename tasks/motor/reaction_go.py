"""Reaction-time go: look at a stimulus, or away from it, as soon as it appears."""

__all__ = ["ReactionGo"]

from dataclasses import dataclass, replace

from typing_extensions import override

from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing, Uniform
from neurornn.tasks.motor._saccade import AbstractSaccade
from neurornn.trials import Trials

_FIXATION = Uniform(500.0, 2500.0)


@register
@dataclass(frozen=True, kw_only=True)
class ReactionGo(AbstractSaccade):
    """Look at a stimulus, or to the opposite side, as soon as it appears.

    The stimulus itself is the go cue: the fixation input stays on to the end of the trial, and the time of the
    stimulus cannot be predicted. ``rules=("pro",)`` is the *RT Go* task and ``rules=("anti",)`` the *RT Anti* task of
    Yang et al. (2019), whose times and tolerance these are. Eight directions are chosen here, so that conditions
    repeat.

    Attributes:
        fixation: Duration before the stimulus.

    References:
        Task representations in neural networks trained to perform many cognitive tasks (Yang et al., 2019)
        https://doi.org/10.1038/s41593-018-0310-2

    Examples:
        >>> trials = ReactionGo(sigma_in=0.0).sample(1, seed=0)
        >>> bool((trials.inputs[..., 0] == 1).all())   # fixation input
        True
    """

    name = "reaction-go-v1"

    fixation: Timing = _FIXATION

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "response": draws.duration("response", self.response),
            },
        )
        return self._saccade(draws, epochs, fixation=epochs.valid, shown=epochs.during("response"))

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=2000)
