"""The 15 tasks of Driscoll et al. (2024) as one task for one network."""

__all__ = ["DriscollTasks"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from neurornn.recipe import Recipe
from neurornn.tasks._registry import register
from neurornn.tasks.suites import driscoll_tasks as driscoll
from neurornn.tasks.suites._ring_task import AbstractRingTask
from neurornn.tasks.suites._suite import AbstractSuite


@register
@dataclass(frozen=True, kw_only=True)
class DriscollTasks(driscoll.AbstractDriscollTask, AbstractSuite):
    r"""Fifteen tasks whose directions are given as cosine and sine in two modalities.

    The inputs are a fixation cue, cosine and sine in each modality, and 15 rule cues; the outputs are a fixation output
    (0.8 while fixating, else 0), a cosine and a sine. The tasks are those of Yang et al. (2019) that never show two
    directions at once in a modality. Their timings, coherences (any between 0.005 and 0.8) and input noise
    (:math:`\sigma_x = 0.1`, the same as ``sigma_in`` here) are those of the code published with the paper. Which rules
    are drawn how often, the tolerance of a response and the reading of its last 100 ms are as in :class:`MultiTask`.

    References:
        Flexible multitask computation in recurrent networks utilizes shared dynamical motifs (Driscoll et al., 2024)
        https://doi.org/10.1038/s41593-024-01668-6

    Examples:
        >>> task = DriscollTasks()
        >>> trials = task.sample(150, seed=0)
        >>> task.n_inputs, task.n_outputs, len(set(trials.conditions["rule"].tolist()))
        (20, 3, 15)
        >>> float(task.performance(trials, trials.targets).mean())
        1.0
    """

    name = "driscoll-15-v1"

    members: ClassVar[Mapping[str, type[AbstractRingTask]]] = {
        "delay-pro": driscoll.DriscollDelayPro,
        "react-pro": driscoll.DriscollReactPro,
        "memory-pro": driscoll.DriscollMemoryPro,
        "delay-anti": driscoll.DriscollDelayAnti,
        "react-anti": driscoll.DriscollReactAnti,
        "memory-anti": driscoll.DriscollMemoryAnti,
        "integration-modality-1": driscoll.DriscollIntegration1,
        "integration-modality-2": driscoll.DriscollIntegration2,
        "context-integration-modality-1": driscoll.DriscollContextIntegration1,
        "context-integration-modality-2": driscoll.DriscollContextIntegration2,
        "integration-multimodal": driscoll.DriscollMultimodalIntegration,
        "react-match-to-sample": driscoll.DriscollMatchToSample,
        "react-non-match-to-sample": driscoll.DriscollNonMatchToSample,
        "react-category-pro": driscoll.DriscollCategoryPro,
        "react-category-anti": driscoll.DriscollCategoryAnti,
    }

    @property
    @override
    def recipe(self) -> Recipe:
        return Recipe(
            n_units=128, excitatory=None, form="rate", sigma_rec=0.05, n_steps=40_000, validate_every=1000
        )
