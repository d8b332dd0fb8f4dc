"""Ring memory: the oculomotor delayed response, point to where a stimulus was."""

__all__ = ["RingMemory"]

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, Diffusion, DriftField, ErrorHistogram
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Choice, Timing
from neurornn.tasks.memory._ring_response import AbstractRingResponse
from neurornn.trials import Trials

_FIXATION = Choice((300.0, 500.0, 700.0))
_STIMULUS = Choice((200.0, 400.0, 600.0))
_DELAY = Choice((200.0, 400.0, 800.0, 1600.0))


@register
@dataclass(frozen=True, kw_only=True)
class RingMemory(AbstractRingResponse):
    """Fixate, keep the direction of a stimulus over a delay, and point there when the fixation input goes off.

    The direction is any on the circle. It enters and leaves by the same ``code``: 32 channels on a ring, or a cosine
    and a sine with ``code=CosineCode()``. A trial is performed if the fixation output stays high until the go cue,
    then falls, and the response lies within ``margin`` of the direction.

    Funahashi et al. (1989) give the task. Times, encoding, targets, grace period and margin (a tenth of the
    circle) are those of the task "delaygo" of Yang et al. (2019), who judge the last step where this task judges the
    mean after the grace period. For the diffusion of the memory longer delays tell more, for instance
    ``delay=Choice((1000.0, 2000.0, 4000.0, 8000.0))``.

    Attributes:
        fixation: Duration before the stimulus.
        stimulus: Duration of the stimulus.
        delay: Duration between the stimulus and the go cue.
        held_out_directions: Interval of directions in degrees that training never shows and a test shows alone.

    References:
        Mnemonic coding of visual space in the monkey's dorsolateral prefrontal cortex (Funahashi et al., 1989)
        https://doi.org/10.1152/jn.1989.61.2.331

        Task representations in neural networks trained to perform many cognitive tasks (Yang et al., 2019)
        https://doi.org/10.1038/s41593-018-0310-2

    Examples:
        >>> from neurornn.tasks import CosineCode
        >>> task = RingMemory(code=CosineCode())
        >>> task.input_names
        ('fixation', 'stimulus_cos', 'stimulus_sin')
        >>> trials = task.sample(1, seed=0, conditions={"direction": 90.0})
        >>> task.behaviour(trials, trials.targets)["response_direction"].round(3)
        array([90.])
    """

    name = "ring-memory-v1"

    fixation: Timing = _FIXATION
    stimulus: Timing = _STIMULUS
    delay: Timing = _DELAY
    held_out_directions: tuple[float, float] | None = None

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return ("fixation", *self.code.names("stimulus"))

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        direction = draws.uniform("direction", 0.0, 360.0, unit="degree", held_out=self.held_out_directions)
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "stimulus": draws.duration("stimulus", self.stimulus),
                "delay": draws.duration("delay", self.delay, optional=True),
                "response": draws.duration("response", self.response),
            },
        )
        shown = held(self.code.encode(direction), epochs.during("stimulus"))
        return self._point(draws, epochs, inputs={"stimulus": shown}, direction=direction)

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=2000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "diffusion": Diffusion(),
            "drift": DriftField(),
            "errors by delay": ErrorHistogram(by="delay"),
            "accuracy by delay": Accuracy(by="delay"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The delay: fixation alone; and the response: nothing.

        Returns:
            Two vectors.
        """
        delay = torch.zeros(self.n_inputs)
        delay[0] = 1.0
        return {"delay": delay, "response": torch.zeros(self.n_inputs)}
