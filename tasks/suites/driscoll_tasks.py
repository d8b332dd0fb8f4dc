"""The 15 tasks of Driscoll et al. (2024), one class each: those of Yang et al. (2019) without simultaneous stimuli.

Timings, strengths and noise are those of the code published with the paper.
"""

__all__ = [
    "AbstractDriscollTask",
    "DriscollCategoryAnti",
    "DriscollCategoryPro",
    "DriscollContextIntegration1",
    "DriscollContextIntegration2",
    "DriscollDelayAnti",
    "DriscollDelayPro",
    "DriscollIntegration1",
    "DriscollIntegration2",
    "DriscollMatchToSample",
    "DriscollMemoryAnti",
    "DriscollMemoryPro",
    "DriscollMultimodalIntegration",
    "DriscollNonMatchToSample",
    "DriscollReactAnti",
    "DriscollReactPro",
]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.tasks._codes import AbstractDirectionCode, CosineCode
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing, Uniform
from neurornn.tasks.suites._decision import AbstractDelayedDecision
from neurornn.tasks.suites._go import AbstractGoAtOnce, AbstractGoFromMemory, AbstractGoWhileShown
from neurornn.tasks.suites._match import AbstractMatch, same_category
from neurornn.tasks.suites._ring_task import AbstractRingTask


@dataclass(frozen=True, kw_only=True)
class AbstractDriscollTask(AbstractRingTask):
    """Channels, noise and targets of the suite: directions as cosine and sine, in two modalities."""

    simultaneous = False

    sigma_in: float = 0.1
    code: AbstractDirectionCode = CosineCode()  # noqa: RUF009
    fixation_target: float = 0.8
    baseline: float = 0.0


@dataclass(frozen=True, kw_only=True)
class _WhileShown(AbstractDriscollTask, AbstractGoWhileShown):
    """The stimulus stays on; the fixation cue goes off after ``stimulus``."""

    stimulus: Timing = Uniform(200.0, 1500.0)  # noqa: RUF009
    response: Timing = Uniform(300.0, 700.0)  # noqa: RUF009


@dataclass(frozen=True, kw_only=True)
class _AtOnce(AbstractDriscollTask, AbstractGoAtOnce):
    """The stimulus is what calls for the response."""

    response: Timing = Uniform(300.0, 1700.0)  # noqa: RUF009


@dataclass(frozen=True, kw_only=True)
class _FromMemory(AbstractDriscollTask, AbstractGoFromMemory):
    """The stimulus goes off before the delay."""

    fixation: Timing = Uniform(300.0, 700.0)  # noqa: RUF009
    stimulus: Timing = Uniform(200.0, 1600.0)  # noqa: RUF009
    delay: Timing = Uniform(200.0, 1600.0)  # noqa: RUF009
    response: Timing = Uniform(300.0, 700.0)  # noqa: RUF009


@dataclass(frozen=True, kw_only=True)
class _Decision(AbstractDriscollTask, AbstractDelayedDecision):
    """Two successive stimuli of any coherence."""

    coherences: tuple[float, ...] = ()
    coherence_range: tuple[float, ...] = (0.005, 0.8)
    contrast: tuple[float, float] = (0.005, 0.8)
    fixation: Timing = Uniform(200.0, 600.0)  # noqa: RUF009
    stimulus: Timing = Uniform(200.0, 1600.0)  # noqa: RUF009
    delay: Timing = Uniform(200.0, 1600.0)  # noqa: RUF009
    second_stimulus: Timing = Uniform(200.0, 1600.0)  # noqa: RUF009
    response: Timing = Uniform(300.0, 700.0)  # noqa: RUF009


@dataclass(frozen=True, kw_only=True)
class _Match(AbstractDriscollTask, AbstractMatch):
    """Sample, delay and test."""

    fixation: Timing = Uniform(200.0, 600.0)  # noqa: RUF009
    stimulus: Timing = Uniform(200.0, 1600.0)  # noqa: RUF009
    delay: Timing = Uniform(200.0, 1600.0)  # noqa: RUF009
    response: Timing = Uniform(300.0, 700.0)  # noqa: RUF009


@dataclass(frozen=True, kw_only=True)
class _MatchToCategory(_Match):
    """Directions below 180 degrees are one category, the others the other; any direction may be shown."""

    @override
    def _directions(
        self, draws: TrialDraws
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        first = draws.uniform("first_direction", 0.0, 360.0, unit="degree", held_out=self._hidden)
        second = draws.uniform("second_direction", 0.0, 360.0, unit="degree")
        return first, second, same_category(first, second)


@register
@dataclass(frozen=True, kw_only=True)
class DriscollDelayPro(_WhileShown):
    """Respond towards a stimulus that stays on, when the fixation cue goes off."""

    name = "driscoll-delay-pro-v1"


@register
@dataclass(frozen=True, kw_only=True)
class DriscollReactPro(_AtOnce):
    """Respond towards a stimulus as soon as it appears."""

    name = "driscoll-react-pro-v1"


@register
@dataclass(frozen=True, kw_only=True)
class DriscollMemoryPro(_FromMemory):
    """Respond towards a remembered stimulus when the fixation cue goes off."""

    name = "driscoll-memory-pro-v1"


@register
@dataclass(frozen=True, kw_only=True)
class DriscollDelayAnti(_WhileShown):
    """Respond away from a stimulus that stays on, when the fixation cue goes off."""

    name = "driscoll-delay-anti-v1"
    anti = True


@register
@dataclass(frozen=True, kw_only=True)
class DriscollReactAnti(_AtOnce):
    """Respond away from a stimulus as soon as it appears."""

    name = "driscoll-react-anti-v1"
    anti = True


@register
@dataclass(frozen=True, kw_only=True)
class DriscollMemoryAnti(_FromMemory):
    """Respond away from a remembered stimulus when the fixation cue goes off."""

    name = "driscoll-memory-anti-v1"
    anti = True


@register
@dataclass(frozen=True, kw_only=True)
class DriscollIntegration1(_Decision):
    """Respond towards the stronger of two successive stimuli in modality 1."""

    name = "driscoll-integration-modality-1-v1"


@register
@dataclass(frozen=True, kw_only=True)
class DriscollIntegration2(_Decision):
    """Respond towards the stronger of two successive stimuli in modality 2."""

    name = "driscoll-integration-modality-2-v1"
    attended = 2


@register
@dataclass(frozen=True, kw_only=True)
class DriscollContextIntegration1(_Decision):
    """Respond towards the stronger of two successive stimuli in modality 1, whatever the other modality shows."""

    name = "driscoll-context-integration-modality-1-v1"
    both_shown = True


@register
@dataclass(frozen=True, kw_only=True)
class DriscollContextIntegration2(_Decision):
    """Respond towards the stronger of two successive stimuli in modality 2, whatever the other modality shows."""

    name = "driscoll-context-integration-modality-2-v1"
    attended = 2
    both_shown = True


@register
@dataclass(frozen=True, kw_only=True)
class DriscollMultimodalIntegration(_Decision):
    """Respond towards the stronger of two successive stimuli, both modalities together."""

    name = "driscoll-integration-multimodal-v1"
    attended = "both"
    both_shown = True


@register
@dataclass(frozen=True, kw_only=True)
class DriscollMatchToSample(_Match):
    """Respond towards the test if it has the direction of the sample."""

    name = "driscoll-react-match-to-sample-v1"


@register
@dataclass(frozen=True, kw_only=True)
class DriscollNonMatchToSample(_Match):
    """Respond towards the test if it does not have the direction of the sample."""

    name = "driscoll-react-non-match-to-sample-v1"
    respond_to_match = False


@register
@dataclass(frozen=True, kw_only=True)
class DriscollCategoryPro(_MatchToCategory):
    """Respond towards the test if it is of the category of the sample."""

    name = "driscoll-react-category-pro-v1"


@register
@dataclass(frozen=True, kw_only=True)
class DriscollCategoryAnti(_MatchToCategory):
    """Respond towards the test if it is not of the category of the sample."""

    name = "driscoll-react-category-anti-v1"
    respond_to_match = False
