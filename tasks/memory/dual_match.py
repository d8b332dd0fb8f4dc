"""Dual match: two samples in memory, and cues say which of them each test is compared with."""

__all__ = ["DualDelayedMatch"]

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, SerialPosition, SignalDetection
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot, ring
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held, summed
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing
from neurornn.tasks.memory._many_choices import AbstractManyChoices
from neurornn.tasks.memory._match import check_ring, ring_names
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class DualDelayedMatch(AbstractManyChoices):
    """Keep two directions, and compare each of two tests with the one that a cue names.

    Both samples are shown at once, on a ring of their own each, and always differ. After a delay the first cue
    names one of them, the first test is shown on a third ring, and an answer is asked for; after a second delay the
    same with a cue of its own, which names the same sample or the other: what was not cued must not be forgotten. Half
    of the tests match the cued sample. Of the others half are the sample that was not cued (``lure_1``, ``lure_2``),
    and half neither. Choice +1 says match; a trial is performed if both answers are right.

    The design is that of Rose et al. (2016). The samples and tests there are faces, words and directions; the
    order of the epochs and 500 ms for each follow NeuroGym's ``DualDelayMatchSample``, with the answer after the test.
    The tests come on a ring of their own so that only the cue tells what they are compared with.

    Attributes:
        n_directions: Number of directions, at least 3.
        n_ring: Number of channels of each ring.
        sample_shown: Duration of the samples.
        delay: Duration before each cue.
        cue_shown: Duration of each cue.
        test_shown: Duration of each test.

    References:
        Reactivation of latent working memories with transcranial magnetic stimulation (Rose et al., 2016)
        https://doi.org/10.1126/science.aah7011

    Examples:
        >>> conditions = {"cue_1": 2, "match_1": True}
        >>> trials = DualDelayedMatch().sample(1, seed=0, conditions=conditions)
        >>> bool(trials.conditions["test_direction_1"][0] == trials.conditions["sample_2"][0])
        True
    """

    name = "dual-delayed-match-v1"
    output_names = ("non_match", "match")

    fixation: Timing = 500.0
    decision: Timing = 500.0
    n_directions: int = 8
    n_ring: int = 16
    sample_shown: Timing = 500.0
    delay: Timing = 500.0
    cue_shown: Timing = 500.0
    test_shown: Timing = 500.0

    @property
    @override
    def n_decisions(self) -> int:
        return 2

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        rings = (name for prefix in ("first", "second", "test") for name in ring_names(prefix, self.n_ring))
        return ("fixation", *rings, "cue_first", "cue_second")

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_ring(self.n_directions, self.n_ring)
        if self.n_directions < 3:
            raise ValueError(
                f"A test that is neither sample needs n_directions >= 3: got {self.n_directions}."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        step = 360.0 / self.n_directions
        cues = [draws.choice(f"cue_{k}", (1, 2)) for k in (1, 2)]
        match = [draws.choice(f"match_{k}", (True, False)) for k in (1, 2)]
        if not np.isin(cues, (1, 2)).all():
            raise ValueError("A cue names sample 1 or sample 2.")
        directions = np.arange(self.n_directions) * step
        first = draws.choice("sample_1", directions, unit="degree", factor=False)
        turns = (
            draws.permutations("directions", self.n_directions - 1) + 1
        ) * step  # all but the first sample
        second = (first + turns[:, 0]) % 360.0
        steps = {
            "fixation": draws.duration("fixation", self.fixation),
            "sample": draws.duration("sample_shown", self.sample_shown),
        }
        delay, cue = draws.duration("delay", self.delay), draws.duration("cue_shown", self.cue_shown)
        test, decision = (
            draws.duration("test_shown", self.test_shown),
            draws.duration("decision", self.decision),
        )
        for k in (1, 2):
            steps |= {f"delay_{k}": delay, f"cue_{k}": cue, f"test_{k}": test, f"decision_{k}": decision}
        epochs = Epochs(self.dt, steps)

        tests, lures = [], []
        for k in range(2):
            sought, other = (np.where(cues[k] == each, first, second) for each in (1, 2))
            lure = (draws.coin(f"lure_{k + 1}") > 0) & ~match[k]
            new = (first + turns[:, min(1 + k, self.n_directions - 2)]) % 360.0
            tests.append(np.where(match[k], sought, np.where(lure, other, new)))
            lures.append(lure)
        shown = epochs.during("sample")
        names = ("sample_2", "test_direction_1", "test_direction_2")
        return self._ask(
            draws,
            epochs,
            inputs={
                "first": held(ring(first, self.n_ring), shown),
                "second": held(ring(second, self.n_ring), shown),
                "test": summed(
                    held(ring(each, self.n_ring), epochs.during(f"test_{k + 1}"))
                    for k, each in enumerate(tests)
                ),
                "cue": summed(
                    held(one_hot(each, (1, 2)), epochs.during(f"cue_{k + 1}")) for k, each in enumerate(cues)
                ),
            },
            asked=np.stack([np.where(each, 1, -1) for each in match], axis=1),
            conditions={
                **dict(zip(names, (second, *tests), strict=True)),
                "lure_1": lures[0],
                "lure_2": lures[1],
                "switch": cues[0] != cues[1],
            },
            units=dict.fromkeys(names, "degree"),
        )

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.9)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "sensitivity and criterion by switch": SignalDetection("switch", "asked_2", "choice_2"),
            "accuracy of both tests by switch": SerialPosition(by="switch"),
            "second test, lure or not": Accuracy(by="lure_2", outcome="correct_2"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The delay: fixation alone; and both cues.

        Returns:
            Three vectors.
        """
        delay = torch.zeros(self.n_inputs)
        delay[0] = 1.0
        first, second = delay.clone(), delay.clone()
        first[-2], second[-1] = 1.0, 1.0
        return {"delay": delay, "cue first": first, "cue second": second}
