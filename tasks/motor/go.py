"""Go: look at a visible stimulus, or away from it, when the fixation point goes off."""

__all__ = ["Go"]

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

_FIXATION = Uniform(300.0, 700.0)
_STIMULUS = Uniform(500.0, 1500.0)


@register
@dataclass(frozen=True, kw_only=True)
class Go(AbstractSaccade):
    """Look at a stimulus, or to the opposite side, when the fixation input goes off.

    The stimulus comes on during fixation and stays on to the end of the trial, so nothing has to be remembered; the
    response has to wait for the go cue. ``rules=("pro",)`` is the *Go* task and ``rules=("anti",)`` the *Anti* task
    of Yang et al. (2019), whose times and tolerance these are; with both rules a cue says which one counts, as in the
    anti-saccade task that Munoz & Everling (2004) review. Eight directions are chosen here, so that conditions
    repeat.

    Attributes:
        fixation: Duration before the stimulus.
        stimulus: Duration from the stimulus to the go cue.

    References:
        Task representations in neural networks trained to perform many cognitive tasks (Yang et al., 2019)
        https://doi.org/10.1038/s41593-018-0310-2

        Look away: the anti-saccade task and the voluntary control of eye movement (Munoz & Everling, 2004)
        https://doi.org/10.1038/nrn1345

    Examples:
        >>> task = Go()
        >>> trials = task.sample(2, seed=0, conditions={"direction": 45.0, "rule": ["pro", "anti"]})
        >>> trials.conditions["target_direction"].tolist()
        [45.0, 225.0]
    """

    name = "go-v1"

    fixation: Timing = _FIXATION
    stimulus: Timing = _STIMULUS

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "stimulus": draws.duration("stimulus", self.stimulus),
                "response": draws.duration("response", self.response),
            },
        )
        return self._saccade(
            draws,
            epochs,
            fixation=epochs.before("response"),
            shown=epochs.during("stimulus", "response"),
        )

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=2000)
