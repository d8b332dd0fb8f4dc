"""ABCA: find the match among tests that are all different."""

__all__ = ["MatchABCA"]

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks.memory._sequence_match import AbstractSequenceMatch


@register
@dataclass(frozen=True, kw_only=True)
class MatchABCA(AbstractSequenceMatch):
    """Say of each test whether it is the sample, where no distractor comes twice.

    As :class:`MatchABBA`, without repeats: A-B-C-A. Here the match is the only direction that comes again, so to notice
    a repetition is enough.

    Attributes:
        n_tests: Largest number of tests.
        n_directions: Number of directions.
        n_ring: Number of channels of the ring.
        sample_shown: Duration of the sample.
        delay: Duration between the sample and the first test.
        test_shown: Duration of each test; the next one follows after the decision epoch.

    References:
        Neural mechanisms of visual working memory in prefrontal cortex of the macaque
        (Miller, Erickson & Desimone, 1996) https://doi.org/10.1523/JNEUROSCI.16-16-05154.1996

        Circuit mechanisms for the maintenance and manipulation of information in working memory
        (Masse et al., 2019) https://doi.org/10.1038/s41593-019-0414-3

    Examples:
        >>> trials = MatchABCA().sample(400, seed=0)
        >>> bool(trials.conditions["repeated"].any())
        False
    """

    name = "match-abca-v1"

    @override
    def _repeats(self, draws: TrialDraws) -> NDArray[np.bool_]:
        return np.zeros(draws.n_trials, dtype=bool)

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=2000)
