"""A test that is the direction sought in half of the trials, and another one in the others."""

__all__ = ["AbstractSampleTest"]

from abc import ABC
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.tasks._draws import TrialDraws
from neurornn.tasks.memory._match import AbstractDelayedMatch


@dataclass(frozen=True, kw_only=True)
class AbstractSampleTest(AbstractDelayedMatch, ABC):
    """The test is the direction sought, or that direction turned.

    Half of the trials are matches. In a non-match the test is the direction sought turned by ``non_match_distance``,
    one of the other directions at random; in matches that condition has no effect.

    Attributes:
        held_out_distances: Distances of a non-match that training never shows and a test shows alone.
    """

    held_out_distances: tuple[float, ...] = ()

    @property
    @override
    def _directions(self) -> NDArray[np.float64]:
        return np.arange(self.n_directions, dtype=np.float64) * (360.0 / self.n_directions)

    def _test(
        self, draws: TrialDraws, sought: NDArray[np.float64]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Whether each trial is a match, and its test direction."""
        match = draws.choice("match", (True, False))
        distance = draws.choice(
            "non_match_distance",
            self._directions[1:],
            unit="degree",
            factor=False,
            held_out=self.held_out_distances,
        )
        if np.any(~match & (distance % 360.0 == 0)):
            raise ValueError("non_match_distance must not be 0: the test would be the sample.")
        return match, np.where(match, sought, (sought + distance) % 360.0)
