"""Delayed match to sample: is the test direction the one held in memory?"""

__all__ = ["DelayedMatchToSample"]

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import ring
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing
from neurornn.tasks._two_choice import AbstractTwoChoice
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class DelayedMatchToSample(AbstractTwoChoice):
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

    sigma_in: float = 0.05
    fixation: Timing = 300.0
    decision: Timing = 900.0
    n_directions: int = 8
    n_ring: int = 16
    sample_shown: Timing = 500.0
    delay: Timing = 1000.0
    test_shown: Timing = 500.0

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return ("fixation", *(f"ring_{360 * i / self.n_ring:g}" for i in range(self.n_ring)))

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not all(isinstance(n, int | np.integer) and n >= 2 for n in (self.n_directions, self.n_ring)):
            raise ValueError(
                "A match can only be told from a non-match with two directions and two channels or more: "
                f"got n_directions={self.n_directions} and n_ring={self.n_ring}."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        directions = np.arange(self.n_directions) * (360.0 / self.n_directions)
        sample = draws.choice("sample", directions, unit="degree")
        match = draws.choice("match", (True, False))
        distance = draws.choice("non_match_distance", directions[1:], unit="degree", factor=False)
        if np.any(~match & (distance % 360.0 == 0)):
            raise ValueError("non_match_distance must not be 0: the test would be the sample.")
        test = np.where(match, sample, (sample + distance) % 360.0)
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "sample": draws.duration("sample_shown", self.sample_shown),
                "delay": draws.duration("delay", self.delay, optional=True),
                "test": draws.duration("test_shown", self.test_shown),
                "decision": draws.duration("decision", self.decision),
            },
        )
        bumps = (
            ring(sample, self.n_ring)[:, None] * epochs.during("sample")[..., None]
            + ring(test, self.n_ring)[:, None] * epochs.during("test")[..., None]
        )
        return self._decide(
            draws,
            epochs,
            inputs={"fixation": epochs.before("decision"), "ring": bumps},
            correct_choice=np.where(match, 1, -1),
            conditions={"test": test},
            units={"test": "degree"},
        )

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The delay: fixation alone.

        Returns:
            One vector.
        """
        delay = torch.zeros(self.n_inputs)
        delay[0] = 1.0
        return {"delay": delay}
