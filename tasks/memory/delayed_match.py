"""Delayed match to sample: is the test direction the one held in memory?"""

__all__ = ["DelayedMatchToSample"]

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
class DelayedMatchToSample(AbstractSampleTest):
    """Say whether a test direction equals a sample direction shown before a delay.

    Directions tile the circle and enter as a bump of activity on a ring of channels (:func:`ring`, with the height
    and width of Yang et al. 2019). Half of the trials are matches. In a non-match the test is the sample turned
    by ``non_match_distance``, one of the other directions at random; in matches that condition has no effect. The
    grid of a balanced batch is sample by match. Choice +1 says match. The epochs last as in NeuroGym's
    ``DelayMatchSample``.

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
        >>> trials = DelayedMatchToSample().sample(2, seed=0, conditions={"sample": 90.0, "match": [True, False]})
        >>> trials.conditions["test"][0], bool(trials.conditions["test"][1] == 90.0)
        (np.float64(90.0), False)
    """

    name = "delayed-match-to-sample-v1"
    output_names = ("non_match", "match")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        sample = self._sample(draws)
        match, test = self._test(draws, sample)
        return self._compare(draws, sample, test, correct_choice=np.where(match, 1, -1), sought=sample)

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=2000)
