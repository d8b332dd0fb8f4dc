"""ABBA: find the match among tests of which one is repeated and yet no match."""

__all__ = ["MatchABBA"]

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks.memory._sequence_match import AbstractSequenceMatch
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class MatchABBA(AbstractSequenceMatch):
    """Say of each test whether it is the sample, where a distractor may come twice in a row.

    After the sample come up to ``n_tests`` tests; the trial ends with the decision about the match, which is the
    test number ``match_position`` (0: none of them, so that the last test is no match for sure). All distractors
    differ from the sample and from each other, unless the trial has a repeat: then the last two distractors before
    the match are the same, as in A-B-B-A. So a repetition alone says nothing, and the sample has to be remembered.
    A repeat needs two distractors; ``repeated`` says whether there is one. After each test, while the fixation input
    is off, choice +1 says match. A trial is performed if all its decisions are right.

    The task is that of Miller et al. (1996). Times and number of tests follow Masse et al. (2019), with the answer
    in the 400 ms after a test. That all positions of the match are equally likely, and that half of the trials repeat
    where they can, is chosen here.

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
        >>> trials = MatchABBA().sample(1, seed=0, conditions={"match_position": 3, "repeat": True})
        >>> a, b, c, d = (float(trials.conditions[name][0]) for name in
        ...               ("sample", "test_direction_1", "test_direction_2", "test_direction_3"))
        >>> a == d, b == c, a == b
        (True, True, False)
    """

    name = "match-abba-v1"

    @override
    def _repeats(self, draws: TrialDraws) -> NDArray[np.bool_]:
        return np.asarray(draws.choice("repeat", (False, True)), dtype=bool)

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """Each choice, and whether the second of two distractors was let pass.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            What :class:`AbstractManyChoices` gives, and ``"second_rejected"``: whether the last of two or more
            distractors was called a non-match, NaN with fewer.
        """
        found = super().behaviour(trials, output)
        scores = np.stack([found[f"correct_{k + 1}"] for k in range(self.n_tests)], axis=1)
        last = np.asarray(trials.conditions["n_distractors"], dtype=np.int64)
        there = np.take_along_axis(scores, np.maximum(last - 1, 0)[:, None], axis=1)[:, 0]
        return {**found, "second_rejected": np.where(last >= 2, there, np.nan)}

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=2000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            **super().measures,
            "distractors rejected, new or repeated": Accuracy(by="repeated", outcome="second_rejected"),
        }
