"""Tasks with two stimuli, at once or one after the other: respond to the stronger one."""

__all__ = ["AbstractDecision", "AbstractDelayedDecision"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Psychometric
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._timing import Choice, Timing, Uniform
from neurornn.tasks.suites._plan import Item, Plan
from neurornn.tasks.suites._ring_task import AbstractRingTask

Attended = Literal[1, 2, "both"]


class _Strengths:
    """How strong two stimuli are in one modality: mean plus and minus a coherence, and which is the stronger."""

    def __init__(self, draws: TrialDraws, coherence: NDArray[np.float64], suffix: str) -> None:
        mean = draws.uniform(f"mean_strength{suffix}", 0.8, 1.2)
        stronger = draws.choice(f"stronger{suffix}", (1, 2))
        self.signed = np.where(stronger == 1, coherence, -coherence)
        self.first, self.second = mean + self.signed, mean - self.signed


@dataclass(frozen=True, kw_only=True)
class _AbstractTwoStimuli(AbstractRingTask):
    r"""Respond towards the stronger of two stimuli.

    Their directions are at least 90 degrees apart. In a modality they have the strengths :math:`\gamma \pm c`,
    where the mean :math:`\gamma` is drawn from [0.8, 1.2] and :math:`c` is the coherence. If both modalities
    are shown, a task attends to one of them, or to the sum of both: then each stimulus is made stronger in one modality and
    weaker in the other by half of ``contrast`` times its strength.

    Attributes:
        coherences: Coherences to choose from; empty if ``coherence_range`` is given.
        coherence_range: Two bounds to draw the coherence between; empty if ``coherences`` are given.
        contrast: Bounds of the relative difference between modalities where both count.
        fixation: Duration before the stimuli.
        stimulus: Duration of the stimuli.
        response: Duration of the response.
    """

    attended: ClassVar[Attended] = 1
    both_shown: ClassVar[bool] = False

    coherences: tuple[float, ...] = (0.01, 0.02, 0.04, 0.08)
    coherence_range: tuple[float, ...] = ()
    contrast: tuple[float, float] = (0.2, 0.8)
    fixation: Timing = Uniform(100.0, 400.0)  # noqa: RUF009
    stimulus: Timing = Choice((400.0, 800.0, 1600.0))  # noqa: RUF009
    response: Timing = 500.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        one_of, low_high = self.coherences, self.coherence_range
        if bool(one_of) == bool(low_high) or len(low_high) not in {0, 2}:
            raise ValueError(
                "Give either coherences or the two bounds of coherence_range, and leave the other empty: "
                f"got {one_of} and {low_high}."
            )
        if not all(0 < value <= 0.8 for value in (*one_of, *low_high)):
            raise ValueError(
                "Coherences must lie above 0 and at most at 0.8, beyond which a strength could become negative: "
                f"got {one_of or low_high}."
            )
        low, high = self.contrast
        if not 0 <= low <= high < 2:
            raise ValueError(f"contrast needs 0 <= low <= high < 2: got {self.contrast}.")

    @override
    def plan(self, draws: TrialDraws) -> Plan:
        steps = {name: draws.duration(name, getattr(self, name)) for name in self.epoch_names}
        return self._decide(
            draws, steps, "stimulus", "second_stimulus" if "second_stimulus" in steps else "stimulus"
        )

    def _coherence(self, draws: TrialDraws, suffix: str = "") -> NDArray[np.float64]:
        if self.coherence_range:
            return draws.uniform(f"coherence{suffix}", *self.coherence_range)
        return draws.choice(f"coherence{suffix}", self.coherences)

    def _decide(
        self, draws: TrialDraws, steps: Mapping[str, NDArray[np.int64]], when_1: str, when_2: str
    ) -> Plan:
        first = draws.uniform("first_direction", 0.0, 360.0, unit="degree", held_out=self._hidden)
        separation = draws.uniform("separation", 90.0, 270.0, unit="degree")
        second = (first + separation) % 360.0
        strengths, evidence, more = self._evidence(draws)
        place = int(when_1 == when_2)
        items = []
        for modality, (one, two) in strengths.items():
            items += [
                Item(first, one, modality, (when_1, when_1)),
                Item(second, two, modality, (when_2, when_2), place),
            ]
        towards_first = np.where(evidence == 0, draws.coin("tie") > 0, evidence > 0)
        return Plan.of(
            steps,
            items,
            response=np.where(towards_first, first, second),
            go_cue=True,
            conditions={**draws.conditions, **more, "second_direction": second, "signed_coherence": evidence},
            units={**draws.units, "second_direction": "degree"},
        )

    def _evidence(
        self, draws: TrialDraws
    ) -> tuple[dict[int, tuple[Any, Any]], NDArray[np.float64], dict[str, NDArray[Any]]]:
        """Strengths of both stimuli in each modality, the coherence that counts, and further conditions."""
        if not self.both_shown:
            pair = _Strengths(draws, self._coherence(draws), "")
            return {int(self.attended): (pair.first, pair.second)}, pair.signed, {}
        if self.attended == "both":
            pair = _Strengths(draws, self._coherence(draws), "")
            first = self._divided(draws, pair.first, "1")
            second = self._divided(draws, pair.second, "2")
            return {1: (first[0], second[0]), 2: (first[1], second[1])}, pair.signed, {}
        pairs = {m: _Strengths(draws, self._coherence(draws, f"_{m}"), f"_{m}") for m in (1, 2)}
        more = {f"signed_coherence_{m}": pair.signed for m, pair in pairs.items()}
        return (
            {m: (pair.first, pair.second) for m, pair in pairs.items()},
            pairs[int(self.attended)].signed,
            more,
        )

    def _divided(
        self, draws: TrialDraws, strength: NDArray[np.float64], which: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The strengths of a stimulus in both modalities, whose mean is ``strength``."""
        size = draws.uniform(f"contrast_{which}", *self.contrast)
        sign = 3 - 2 * draws.choice(f"favoured_{which}", (1, 2), factor=False)
        return strength * (1 + sign * size / 2), strength * (1 - sign * size / 2)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {"psychometric": Psychometric("signed_coherence")}


@dataclass(frozen=True, kw_only=True)
class AbstractDecision(_AbstractTwoStimuli):
    """Respond towards the stronger of two stimuli that are shown at once."""

    epoch_names = ("fixation", "stimulus", "response")


@dataclass(frozen=True, kw_only=True)
class AbstractDelayedDecision(_AbstractTwoStimuli):
    """Respond towards the stronger of two stimuli that are shown one after the other.

    Attributes:
        stimulus: Duration of the first stimulus.
        delay: Duration between the stimuli.
        second_stimulus: Duration of the second stimulus.
        second_delay: Duration between the second stimulus and the go cue.
    """

    coherences: tuple[float, ...] = (0.08, 0.16, 0.32)
    fixation: Timing = Choice((200.0, 400.0, 600.0))  # noqa: RUF009
    stimulus: Timing = Choice((200.0, 400.0, 600.0))  # noqa: RUF009
    delay: Timing = Choice((200.0, 400.0, 800.0, 1600.0))  # noqa: RUF009
    second_stimulus: Timing = Choice((200.0, 400.0, 600.0))  # noqa: RUF009
    second_delay: Timing = Uniform(100.0, 300.0)  # noqa: RUF009

    epoch_names = ("fixation", "stimulus", "delay", "second_stimulus", "second_delay", "response")
