"""Tasks with one stimulus: respond towards it or away from it, when told, at once or from memory."""

__all__ = ["AbstractGo", "AbstractGoAtOnce", "AbstractGoFromMemory", "AbstractGoWhileShown"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._timing import Choice, Timing, Uniform
from neurornn.tasks.suites._plan import Item, Plan
from neurornn.tasks.suites._ring_task import AbstractRingTask


@dataclass(frozen=True, kw_only=True)
class AbstractGo(AbstractRingTask):
    """Respond towards a stimulus in either modality, or in an anti task to the opposite direction.

    Attributes:
        fixation: Duration before the stimulus.
        response: Duration of the response.
    """

    anti: ClassVar[bool] = False

    fixation: Timing = Uniform(300.0, 700.0)  # noqa: RUF009
    response: Timing = 500.0

    def _go(
        self, draws: TrialDraws, steps: Mapping[str, NDArray[np.int64]], shown: tuple[str, str], go_cue: bool
    ) -> Plan:
        direction = draws.uniform("direction", 0.0, 360.0, unit="degree", held_out=self._hidden)
        modality = draws.choice("modality", (1, 2))
        return Plan.of(
            steps,
            [Item(direction, 1.0, modality, shown)],
            response=(direction + 180.0 * self.anti) % 360.0,
            go_cue=go_cue,
            conditions=draws.conditions,
            units=draws.units,
        )

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {"accuracy by modality": Accuracy("modality")}


@dataclass(frozen=True, kw_only=True)
class AbstractGoWhileShown(AbstractGo):
    """The stimulus stays on; the fixation cue goes off after ``stimulus``.

    Attributes:
        stimulus: Duration from the stimulus to the go cue.
    """

    stimulus: Timing = Uniform(500.0, 1500.0)  # noqa: RUF009

    epoch_names = ("fixation", "stimulus", "response")

    @override
    def plan(self, draws: TrialDraws) -> Plan:
        steps = {name: draws.duration(name, getattr(self, name)) for name in self.epoch_names}
        return self._go(draws, steps, ("stimulus", "response"), True)


@dataclass(frozen=True, kw_only=True)
class AbstractGoAtOnce(AbstractGo):
    """The stimulus is what calls for the response; the fixation cue stays on."""

    fixation: Timing = Uniform(500.0, 2500.0)  # noqa: RUF009

    epoch_names = ("fixation", "response")

    @override
    def plan(self, draws: TrialDraws) -> Plan:
        steps = {name: draws.duration(name, getattr(self, name)) for name in self.epoch_names}
        return self._go(draws, steps, ("response", "response"), False)


@dataclass(frozen=True, kw_only=True)
class AbstractGoFromMemory(AbstractGo):
    """The stimulus goes off before the delay.

    Attributes:
        stimulus: Duration of the stimulus.
        delay: Duration from there to the go cue.
    """

    fixation: Timing = Choice((300.0, 500.0, 700.0))  # noqa: RUF009
    stimulus: Timing = Choice((200.0, 400.0, 600.0))  # noqa: RUF009
    delay: Timing = Choice((200.0, 400.0, 800.0, 1600.0))  # noqa: RUF009

    epoch_names = ("fixation", "stimulus", "delay", "response")

    @override
    def plan(self, draws: TrialDraws) -> Plan:
        steps = {name: draws.duration(name, getattr(self, name)) for name in self.epoch_names}
        return self._go(draws, steps, ("stimulus", "stimulus"), True)
