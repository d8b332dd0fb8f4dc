"""Delayed match to category: do sample and test lie on the same side of a learned boundary?"""

__all__ = ["DelayedMatchToCategory"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, Psychometric, SignalDetection
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks.memory._match import AbstractDelayedMatch
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class DelayedMatchToCategory(AbstractDelayedMatch):
    r"""Say whether a test direction belongs to the category of the sample; a boundary divides the circle in two.

    Directions less than 180 degrees counter-clockwise of the ``boundary`` are category +1, the others -1. One rule
    sorts samples and tests alike. Half of the trials are matches; the test is any direction of the category asked
    for. ``n_directions`` directions tile the circle, none on the boundary, half a step from it at the nearest.
    Choice +1 says match.

    Freedman & Assad (2006) give the task. The number of directions and the boundary are chosen here, and the times are
    those of :class:`DelayedMatchToSample`.

    The subject's category of the sample, ``reported_category``, is that of the test if it says match and the other if
    not; against the distance to the boundary it makes a psychometric curve whose slope is the sharpness.

    Attributes:
        boundary: Direction of the boundary in degrees; the other end lies opposite.
        n_directions: Number of directions, even.
        n_ring: Number of channels of the ring.
        sample_shown: Duration of the sample.
        delay: Duration between sample and test.
        test_shown: Duration of the test.
        held_out_samples: Sample directions that training never shows as samples and a test shows alone.

    References:
        Experience-dependent representation of visual categories in parietal cortex (Freedman & Assad, 2006)
        https://doi.org/10.1038/nature05078

    Examples:
        >>> task = DelayedMatchToCategory()
        >>> task.category(np.array([46.0, 224.0, 226.0, 44.0])).tolist()
        [1, 1, -1, -1]
    """

    name = "delayed-match-to-category-v1"
    output_names = ("non_match", "match")

    n_directions: int = 12
    boundary: float = 45.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if self.n_directions % 2 or not math.isfinite(self.boundary):
            raise ValueError(
                "Two categories of equal size need an even n_directions and a finite boundary: "
                f"got n_directions={self.n_directions} and boundary={self.boundary}."
            )

    @property
    def _offsets(self) -> NDArray[np.float64]:
        """Directions of one category, in degrees past the boundary."""
        return (np.arange(self.n_directions // 2, dtype=np.float64) + 0.5) * (360.0 / self.n_directions)

    @property
    @override
    def _directions(self) -> NDArray[np.float64]:
        past = np.concatenate([self._offsets, self._offsets + 180.0])
        return np.sort((self.boundary + past) % 360.0).astype(np.float64)

    def category(self, direction: NDArray[np.float64]) -> NDArray[np.int64]:
        """The side of the boundary, the same rule for sample and test.

        Args:
            direction: Directions in degrees.

        Returns:
            +1 or -1.

        Raises:
            ValueError: If a direction lies on the boundary.
        """
        past = (np.asarray(direction, dtype=np.float64) - self.boundary) % 360.0
        if np.any(past % 180.0 == 0):
            raise ValueError(
                f"A direction on the boundary ({self.boundary % 180:g} or {self.boundary % 180 + 180:g} degrees) has no category."
            )
        return np.where(past < 180.0, 1, -1)

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        sample = self._sample(draws)
        match = draws.choice("match", (True, False))
        offset = draws.choice("test_offset", self._offsets, unit="degree", factor=False)
        if not ((offset > 0) & (offset < 180)).all():
            raise ValueError(
                "test_offset is the angle from the boundary to the test within its category: above 0 and below 180 degrees."
            )
        of_sample = self.category(sample)
        of_test = np.where(match, of_sample, -of_sample)
        test = (self.boundary + offset + np.where(of_test > 0, 0.0, 180.0)) % 360.0
        past = (sample - self.boundary) % 180.0
        return self._compare(
            draws,
            sample,
            test,
            correct_choice=np.where(match, 1, -1),
            sought=sample,
            conditions={
                "category": of_sample,
                "test_category": of_test,
                "boundary_distance": of_sample * np.minimum(past, 180.0 - past),
            },
            units={"boundary_distance": "degree"},
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """The choice, and the category of the sample that it implies.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            What :class:`AbstractTwoChoice` gives, and ``"reported_category"``: +1, -1, or 0 without a choice.
        """
        found = super().behaviour(trials, output)
        return {
            **found,
            "reported_category": np.where(
                np.asarray(trials.conditions["test_category"]) > 0,
                found["choice"],
                -np.asarray(found["choice"], np.int64),
            ),
        }

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=2000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "category boundary": Psychometric("boundary_distance", choice="reported_category"),
            "sensitivity and criterion": SignalDetection(),
            "accuracy by distance to the boundary": Accuracy(by="boundary_distance"),
        }
