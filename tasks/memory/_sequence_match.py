"""What matches among several tests share: ABBA and ABCA."""

__all__ = ["AbstractSequenceMatch"]

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, SerialPosition, SignalDetection
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import ring
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held
from neurornn.tasks._timing import Timing
from neurornn.tasks.memory._many_choices import AbstractManyChoices
from neurornn.tasks.memory._match import check_ring, ring_names
from neurornn.trials import Trials


@dataclass(frozen=True, kw_only=True)
class AbstractSequenceMatch(AbstractManyChoices, ABC):
    """A sample, then tests one after the other until one of them matches.

    Attributes:
        n_tests: Largest number of tests.
        n_directions: Number of directions.
        n_ring: Number of channels of the ring.
        sample_shown: Duration of the sample.
        delay: Duration between the sample and the first test.
        test_shown: Duration of each test; the next one follows after the decision epoch.
    """

    fixation: Timing = 500.0
    n_tests: int = 3
    n_directions: int = 8
    n_ring: int = 16
    sample_shown: Timing = 400.0
    delay: Timing = 400.0
    test_shown: Timing = 400.0

    output_names = ("non_match", "match")

    @property
    @override
    def n_decisions(self) -> int:
        return self.n_tests

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return ("fixation", *ring_names("ring", self.n_ring))

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_ring(self.n_directions, self.n_ring)
        if not 1 <= self.n_tests < self.n_directions:
            raise ValueError(
                f"n_tests must be at least 1 and below n_directions, for all distractors to differ: got {self.n_tests} and {self.n_directions}."
            )

    @abstractmethod
    def _repeats(self, draws: TrialDraws) -> NDArray[np.bool_]:
        """Whether each trial repeats a distractor."""

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        step = 360.0 / self.n_directions
        sample = draws.choice("sample", np.arange(self.n_directions) * step, unit="degree")
        position = draws.choice("match_position", tuple(range(self.n_tests + 1)))
        if not np.isin(position, np.arange(self.n_tests + 1)).all():
            raise ValueError(
                f"match_position is a whole number from 0 (no match) to n_tests={self.n_tests}: got {np.unique(position).tolist()}."
            )
        turns = (draws.permutations("distractors", self.n_directions - 1)[:, : self.n_tests] + 1) * step
        n_distractors = np.where(position == 0, self.n_tests, position - 1).astype(np.int64)
        repeated = self._repeats(draws) & (n_distractors >= 2)
        last = np.maximum(n_distractors - 1, 1)[:, None]
        before = np.take_along_axis(turns, last - 1, axis=1)
        number = np.arange(self.n_tests)
        turns = np.where(repeated[:, None] & (number == last), before, turns)
        matches = number + 1 == position[:, None]
        reached = (number < position[:, None]) | (position == 0)[:, None]
        tests = np.where(matches, sample[:, None], (sample[:, None] + turns) % 360.0)

        shown, decision = (
            draws.duration("test_shown", self.test_shown),
            draws.duration("decision", self.decision),
        )
        steps = {
            "fixation": draws.duration("fixation", self.fixation),
            "sample": draws.duration("sample_shown", self.sample_shown),
            "delay": draws.duration("delay", self.delay, optional=True),
        }
        for k in range(self.n_tests):
            steps[f"test_{k + 1}"] = np.where(reached[:, k], shown, 0)
            steps[f"decision_{k + 1}"] = np.where(reached[:, k], decision, 0)
        epochs = Epochs(self.dt, steps)
        bumps = held(ring(sample, self.n_ring), epochs.during("sample"))
        for k in range(self.n_tests):
            bumps += held(ring(tests[:, k], self.n_ring), epochs.during(f"test_{k + 1}"))
        names = [f"test_direction_{k + 1}" for k in range(self.n_tests)]
        return self._ask(
            draws,
            epochs,
            inputs={"ring": bumps},
            asked=np.where(reached, np.where(matches, 1, -1), 0),
            conditions={
                "repeated": repeated,
                "n_distractors": n_distractors,
                **{name: np.where(reached[:, k], tests[:, k], np.nan) for k, name in enumerate(names)},
            },
            units=dict.fromkeys(names, "degree"),
        )

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "sensitivity and criterion": SignalDetection(signal=self.asked_names, choice=self.choice_names),
            "accuracy by number of distractors": Accuracy(by="n_distractors"),
            "accuracy at each test": SerialPosition(by="match_position"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The delay: fixation alone.

        Returns:
            One vector.
        """
        delay = torch.zeros(self.n_inputs)
        delay[0] = 1.0
        return {"delay": delay}
