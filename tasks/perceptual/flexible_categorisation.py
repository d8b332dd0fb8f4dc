"""Flexible categorisation: a cue says whether the motion or the colour of a stimulus is to be sorted."""

__all__ = ["FlexibleCategorisation"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, ChoiceWeights, Psychometric
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot, opposed
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing
from neurornn.tasks._two_choice import AbstractTwoChoice, side_of
from neurornn.trials import Trials

_CUES = ("motion_1", "motion_2", "colour_1", "colour_2")


@register
@dataclass(frozen=True, kw_only=True)
class FlexibleCategorisation(AbstractTwoChoice):
    r"""Sort a coloured, moving stimulus by the direction of its motion or by its colour, whichever was cued.

    A cue comes first, one of two shapes for each feature, so that what the cue looks like can be told from what it
    means. Then the stimulus appears: motion between downward and upward, colour between green and red, each an angle
    :math:`\theta` from the boundary between its two categories, shown in two channels with means
    :math:`s (1 \mp \sin\theta) / 2`, where :math:`s` is the ``scale``. The correct choice is right (+1) for upward
    motion or red colour. The stimulus itself is the go cue: the fixation input goes off when it appears, and it stays
    on while the subject answers. On the boundary a coin decides.

    Features, two cues for each, two values in each category and a fixed mapping to left and right follow Siegel et
    al. (2015) and Brincat et al. (2018). The angles, which side a category means, the noise and the times are chosen
    by us, with an answer after 300 to 1000 ms where the experiment allowed 3 s.

    Attributes:
        motion_angles: Directions of motion in degrees above (upward) or below the boundary.
        colour_angles: Colours in degrees towards red (positive) or green.
        scale: Sum of the means of the two channels of a feature.
        cue: Duration of the cue.
        delay: Duration between the cue and the stimulus.

    References:
        Cortical information flow during flexible sensorimotor decisions (Siegel, Buschman & Miller, 2015)
        https://doi.org/10.1126/science.aab0551

        Gradual progression from sensory to task-related processing in cerebral cortex (Brincat, Siegel, von Nicolai
        & Miller, 2018) https://doi.org/10.1073/pnas.1717075115

    Examples:
        >>> shown = {"cue": ["motion_2", "colour_1"], "motion_angle": 90.0, "colour_angle": -30.0}
        >>> FlexibleCategorisation().sample(2, seed=0, conditions=shown).conditions["correct_choice"].tolist()
        [1, -1]
    """

    name = "flexible-categorisation-v1"
    input_names = (
        "fixation",
        "cue_motion_1",
        "cue_motion_2",
        "cue_colour_1",
        "cue_colour_2",
        "motion_down",
        "motion_up",
        "colour_green",
        "colour_red",
    )
    output_names = ("choose_left", "choose_right")

    sigma_in: float = 0.1
    motion_angles: tuple[float, ...] = (-90.0, -30.0, 30.0, 90.0)
    colour_angles: tuple[float, ...] = (-90.0, -30.0, 30.0, 90.0)
    scale: float = 1.0
    fixation: Timing = 500.0
    cue: Timing = 1000.0
    delay: Timing = 0.0
    decision: Timing = 1000.0
    grace: float = 300.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        for name in ("motion_angles", "colour_angles"):
            angles = getattr(self, name)
            inside = len(angles) > 0 and all(math.isfinite(angle) and abs(angle) <= 90 for angle in angles)
            if not inside or len(set(angles)) < len(angles):
                raise ValueError(f"{name} needs different angles within 90 degrees: got {angles}.")
        if not 0 < self.scale < math.inf:
            raise ValueError(f"scale must be finite and above 0: got {self.scale}.")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        cue = draws.choice("cue", _CUES)
        motion = draws.choice("motion_angle", self.motion_angles, unit="degree")
        colour = draws.choice("colour_angle", self.colour_angles, unit="degree")
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "cue": draws.duration("cue_shown", self.cue),
                "delay": draws.duration("delay", self.delay, optional=True),
                "decision": draws.duration("decision", self.decision),
            },
        )
        shown = epochs.during("decision")
        by_motion = np.char.startswith(cue, "motion")
        features = {}
        for names, angle in (
            (("motion_down", "motion_up"), motion),
            (("colour_green", "colour_red"), colour),
        ):
            for name, mean in zip(names, opposed(np.sin(np.deg2rad(angle)), self.scale), strict=True):
                features[name] = held(mean, shown)
        return self._decide(
            draws,
            epochs,
            inputs={
                "fixation": epochs.before("decision"),
                "cues": held(one_hot(cue, _CUES), epochs.during("cue")),
                **features,
            },
            correct_choice=side_of(np.where(by_motion, motion, colour), draws),
            conditions={
                "feature": np.where(by_motion, "motion", "colour"),
                "congruent": motion * colour > 0,
            },
        )

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=2000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "psychometric, motion": Psychometric("motion_angle", by="feature"),
            "psychometric, colour": Psychometric("colour_angle", by="feature"),
            "choice weights": ChoiceWeights(("motion_angle", "colour_angle"), by="feature"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """A stimulus on both boundaries, and each cue.

        Returns:
            One vector for each.
        """
        half = self.scale / 2
        rows = {"stimulus": torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0, half, half, half, half])}
        for k, name in enumerate(_CUES):
            row = torch.zeros(self.n_inputs)
            row[0], row[1 + k] = 1.0, 1.0
            rows[f"cue {name}"] = row
        return rows
