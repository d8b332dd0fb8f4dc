"""Rotated match: is the test the sample turned by the angle that a cue tells?"""

__all__ = ["RotatedMatch"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, SignalDetection
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing
from neurornn.tasks.memory._sample_test import AbstractSampleTest
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class RotatedMatch(AbstractSampleTest):
    """Say whether a test direction equals the sample turned by an angle: memory has to be manipulated, not only kept.

    The direction sought is the sample plus the ``rotation``, counted counter-clockwise; 0 is a plain match to sample.
    A cue tells the rotation from the start of the trial to the go cue. Half of the trials are matches; in the others
    the test is the direction sought turned by ``non_match_distance``. Choice +1 says match.

    Rotations, directions and times are those of Masse et al. (2019), who train a network for each rotation:
    ``RotatedMatch(rotations=(90.0,))`` is one of theirs.

    Attributes:
        rotations: Rotations in degrees, all equally likely.
        n_directions: Number of directions.
        n_ring: Number of channels of the ring.
        sample_shown: Duration of the sample.
        delay: Duration between sample and test.
        test_shown: Duration of the test.
        held_out_samples: Sample directions that training never shows as samples and a test shows alone.
        held_out_distances: Distances of a non-match that training never shows and a test shows alone.

    References:
        Circuit mechanisms for the maintenance and manipulation of information in working memory
        (Masse et al., 2019) https://doi.org/10.1038/s41593-019-0414-3

    Examples:
        >>> conditions = {"sample": 315.0, "rotation": [0.0, 90.0], "match": True}
        >>> RotatedMatch().sample(2, seed=0, conditions=conditions).conditions["test"].tolist()
        [315.0, 45.0]
    """

    name = "rotated-match-v1"
    output_names = ("non_match", "match")

    fixation: Timing = 500.0
    decision: Timing = 500.0
    rotations: tuple[float, ...] = (0.0, 45.0, 90.0, 180.0)

    @property
    @override
    def cue_names(self) -> tuple[str, ...]:
        return tuple(f"rotation_{angle:g}" for angle in self.rotations)

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        turns = [angle % 360.0 for angle in self.rotations if math.isfinite(angle)]
        if len(turns) < len(self.rotations) or not turns or len(set(turns)) < len(turns):
            raise ValueError(f"rotations needs different finite angles in degrees: got {self.rotations}.")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        sample = self._sample(draws)
        rotation = draws.choice("rotation", self.rotations, unit="degree")
        if not np.isin(rotation, self.rotations).all():
            raise ValueError(f"A rotation has a cue only if it is one of {self.rotations}.")
        sought = (sample + rotation) % 360.0
        match, test = self._test(draws, sought)
        return self._compare(
            draws,
            sample,
            test,
            correct_choice=np.where(match, 1, -1),
            sought=sought,
            cue=one_hot(rotation, self.rotations),
        )

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=2000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "sensitivity and criterion by rotation": SignalDetection(by="rotation"),
            "accuracy by rotation": Accuracy(by="rotation"),
            "accuracy by distance": Accuracy(by="test_distance"),
        }
