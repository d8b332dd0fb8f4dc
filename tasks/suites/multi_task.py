"""The 20 tasks of Yang et al. (2019) as one task for one network."""

__all__ = ["YANG_WEIGHTS", "MultiTask"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from typing_extensions import override

from neurornn.connectivity import Identity
from neurornn.recipe import Recipe
from neurornn.tasks._registry import register
from neurornn.tasks.suites import yang_tasks as yang
from neurornn.tasks.suites._ring_task import AbstractRingTask
from neurornn.tasks.suites._suite import AbstractSuite

YANG_WEIGHTS = tuple(5.0 if rule in {8, 9} else 1.0 for rule in range(20))
"""How often each of the 20 rules comes in the paper's training, for a :class:`Blocked` schedule."""


@register
@dataclass(frozen=True, kw_only=True)
class MultiTask(AbstractSuite):
    r"""Twenty tasks: go and anti, decisions, delayed decisions, matching to sample and to category.

    The inputs are a fixation cue, two rings of 32 channels and 20 rule cues, the outputs a fixation output and a ring of
    32 channels. Timings, coherences, directions, strengths of stimuli, targets (0.05, plus a bump of height 0.8), the
    grace period of 100 ms and the weight of the response in the loss are those of the paper. The input
    noise is that of the paper, :math:`\sigma_x \sqrt{2/\alpha}` in each step with :math:`\sigma_x = 0.01` and
    :math:`\alpha = dt / 100\,\mathrm{ms}`, which is ``sigma_in = 0.01`` here. In the paper contextdm1 and contextdm2 come
    five times as often as the others, in batches of one task: ``schedule=Blocked(64, YANG_WEIGHTS)``.

    Not as in the paper: timing is drawn for each trial, there for each batch; the fixation output weighs in the loss
    like any other output, there twice; and fixation has to hold in the whole trial, where its published
    code looks at the last time step alone. The code of cosines and sines is our addition.

    Attributes:
        rules: Rules that trials are drawn from; all if empty. There are 20 cues in any case.

    References:
        Task representations in neural networks trained to perform many cognitive tasks (Yang et al., 2019)
        https://doi.org/10.1038/s41593-018-0310-2

    Examples:
        >>> task = MultiTask()
        >>> trials = task.sample(200, seed=0)
        >>> task.n_inputs, task.n_outputs, len(set(trials.conditions["rule"].tolist()))
        (85, 33, 20)
        >>> float(task.performance(trials, trials.targets).mean())
        1.0
    """

    name = "yang-20-v1"

    members: ClassVar[Mapping[str, type[AbstractRingTask]]] = {
        "fdgo": yang.YangGo,
        "reactgo": yang.YangReactGo,
        "delaygo": yang.YangDelayGo,
        "fdanti": yang.YangAnti,
        "reactanti": yang.YangReactAnti,
        "delayanti": yang.YangDelayAnti,
        "dm1": yang.YangDecision1,
        "dm2": yang.YangDecision2,
        "contextdm1": yang.YangContextDecision1,
        "contextdm2": yang.YangContextDecision2,
        "multidm": yang.YangMultisensoryDecision,
        "delaydm1": yang.YangDelayedDecision1,
        "delaydm2": yang.YangDelayedDecision2,
        "contextdelaydm1": yang.YangContextDelayedDecision1,
        "contextdelaydm2": yang.YangContextDelayedDecision2,
        "multidelaydm": yang.YangMultisensoryDelayedDecision,
        "dmsgo": yang.YangMatchToSample,
        "dmsnogo": yang.YangNonMatchToSample,
        "dmcgo": yang.YangMatchToCategory,
        "dmcnogo": yang.YangNonMatchToCategory,
    }

    @property
    @override
    def recipe(self) -> Recipe:
        return Recipe(
            n_units=256,
            excitatory=None,
            form="rate",
            init=Identity(0.5),
            sigma_rec=0.05,
            n_steps=40_000,
            clip_norm=0.3,
            validate_every=1000,
        )
