"""Delayed non-match to sample: respond to what is new."""

__all__ = ["DelayedNonMatchToSample"]

from dataclasses import dataclass, replace

import numpy as np
from typing_extensions import override

from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks.memory._sample_test import AbstractSampleTest
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class DelayedNonMatchToSample(AbstractSampleTest):
    """Respond if a test direction differs from a sample direction shown before a delay; withhold if it is the same.

    The trials are those of :class:`DelayedMatchToSample`; the outputs are ``"withhold"`` and ``"respond"``, and choice
    +1 responds. So a hit is a response to a non-match, a false alarm a response to a match. The rule is that of
    the task "dnms" of Yang et al. (2019); times and directions are those of :class:`DelayedMatchToSample`.

    Attributes:
        n_directions: Number of directions.
        n_ring: Number of channels of the ring.
        sample_shown: Duration of the sample.
        delay: Duration between sample and test.
        test_shown: Duration of the test.
        held_out_samples: Sample directions that training never shows as samples and a test shows alone.
        held_out_distances: Distances of a non-match that training never shows and a test shows alone.

    References:
        Task representations in neural networks trained to perform many cognitive tasks (Yang et al., 2019)
        https://doi.org/10.1038/s41593-018-0310-2

    Examples:
        >>> trials = DelayedNonMatchToSample().sample(2, seed=0, conditions={"match": [True, False]})
        >>> trials.conditions["correct_choice"].tolist()
        [-1, 1]
    """

    name = "delayed-non-match-to-sample-v1"
    output_names = ("withhold", "respond")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        sample = self._sample(draws)
        match, test = self._test(draws, sample)
        return self._compare(draws, sample, test, correct_choice=np.where(match, -1, 1), sought=sample)

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=2000)
