"""Tasks with a sample, a delay and a test: respond to the test if it matches, or if it does not."""

__all__ = ["AbstractMatch", "AbstractMatchToCategory", "same_category"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, MeanInBins
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._timing import Choice, Timing
from neurornn.tasks.suites._plan import Item, Plan
from neurornn.tasks.suites._ring_task import AbstractRingTask


@dataclass(frozen=True, kw_only=True)
class AbstractMatch(AbstractRingTask):
    """Respond towards a test stimulus if it matches the sample before the delay, or if it does not; else fixate.

    Sample and test come in either modality, independently. The fixation input stays on: the test itself is what
    calls for the response.

    Attributes:
        fixation: Duration before the sample.
        stimulus: Duration of the sample.
        delay: Duration between sample and test.
        response: Duration of the test, in which the response is due.
    """

    respond_to_match: ClassVar[bool] = True

    fixation: Timing = Choice((200.0, 400.0, 600.0))  # noqa: RUF009
    stimulus: Timing = Choice((200.0, 400.0, 600.0))  # noqa: RUF009
    delay: Timing = Choice((200.0, 400.0, 800.0, 1600.0))  # noqa: RUF009
    response: Timing = 500.0

    epoch_names = ("fixation", "stimulus", "delay", "response")

    @override
    def plan(self, draws: TrialDraws) -> Plan:
        steps = {name: draws.duration(name, getattr(self, name)) for name in self.epoch_names}
        modality = draws.choice("modality", (1, 2))
        second_modality = draws.choice("second_modality", (1, 2))
        first, second, matches = self._directions(draws)
        shown = Item(first, 1.0, modality, ("stimulus", "stimulus"))
        test = Item(second, 1.0, second_modality, ("response", "response"))
        derived = {"second_direction": second, "is_match": matches}
        return Plan.of(
            steps,
            [shown, test],
            response=np.where(matches == self.respond_to_match, second, np.nan),
            go_cue=False,
            conditions={**derived, **draws.conditions},
            units={"second_direction": "degree", **draws.units},
        )

    def _directions(
        self, draws: TrialDraws
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Sample, test, and whether they match: the test is the sample or lies 20 to 340 degrees from it."""
        first = draws.uniform("first_direction", 0.0, 360.0, unit="degree", held_out=self._hidden)
        matches = draws.choice("is_match", (True, False))
        separation = draws.uniform("separation", 20.0, 340.0, unit="degree")
        return first, np.where(matches, first, (first + separation) % 360.0), matches

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {"accuracy": Accuracy("is_match"), "performance by delay": MeanInBins("performance", "delay")}


@dataclass(frozen=True, kw_only=True)
class AbstractMatchToCategory(AbstractMatch):
    """Directions below 180 degrees are one category, the others the other.

    Attributes:
        directions: Directions of sample and test.
    """

    response: Timing = Choice((200.0, 400.0, 600.0))  # noqa: RUF009
    directions: tuple[float, ...] = (18.0, 54.0, 90.0, 126.0, 162.0, 198.0, 234.0, 270.0, 306.0, 342.0)

    @override
    def _directions(
        self, draws: TrialDraws
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        hidden = []
        if self.held_out_directions:
            low, high = self.held_out_directions
            hidden = [each for each in self.directions if low <= each <= high]
            if not hidden:
                raise ValueError(
                    f"None of the directions of '{self.name}' lies in held_out_directions={self.held_out_directions}: "
                    f"{self.directions}."
                )
        first = draws.choice("first_direction", self.directions, unit="degree", held_out=hidden)
        second = draws.choice("second_direction", self.directions, unit="degree")
        return first, second, same_category(first, second)


def same_category(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether two directions lie on the same side: from 0 to below 180 degrees, or from 180 to below 360.

    Args:
        first: Directions in degrees.
        second: Directions in degrees.

    Returns:
        Booleans.
    """
    return np.asarray((first % 360.0 < 180.0) == (second % 360.0 < 180.0))
