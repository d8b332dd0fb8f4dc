"""What the random-dot tasks share: the stimulus, its checks, and trials that end with a go cue."""

__all__ = ["COHERENCES", "AbstractRandomDots", "check_dots", "dots_inputs"]

import math
from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import opposed
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import Held, held
from neurornn.tasks._timing import Timing
from neurornn.tasks._two_choice import AbstractTwoChoice, check_strengths, side_of
from neurornn.trials import Trials

COHERENCES = (-0.512, -0.256, -0.128, -0.064, -0.032, 0.032, 0.064, 0.128, 0.256, 0.512)
"""Signed coherences of Roitman & Shadlen (2002) without 0."""


def check_dots(coherences: tuple[float, ...], scale: float) -> None:
    """Refuse a stimulus that makes no sense.

    Args:
        coherences: Signed coherences.
        scale: Sum of the means of the two channels.

    Raises:
        ValueError: If a coherence is out of range or comes twice, or the scale is not above 0.
    """
    check_strengths("coherences", coherences)
    if not 0 < scale < math.inf:
        raise ValueError(f"scale must be finite and above 0: got {scale}.")


def dots_inputs(
    coherence: NDArray[np.float64],
    shown: NDArray[np.bool_],
    scale: float,
    given: NDArray[np.bool_] | bool = True,
) -> Mapping[str, Held]:
    r"""Two channels that carry the motion, with means :math:`s (1 \mp c) / 2` while it is shown.

    Args:
        coherence: Signed coherence :math:`c` of each trial.
        shown: When the dots are shown, ``(batch, time)``.
        scale: Sum :math:`s` of both means.
        given: Which trials show any.

    Returns:
        The channels ``"motion_left"`` and ``"motion_right"``.
    """
    left, right = opposed(coherence, scale)
    return {"motion_left": held(left * given, shown), "motion_right": held(right * given, shown)}


@dataclass(frozen=True, kw_only=True)
class AbstractRandomDots(AbstractTwoChoice, ABC):
    """Random dots that are answered at a go cue, with catch trials.

    Attributes:
        coherences: Signed coherences.
        held_out_coherences: Those of the coherences that training never shows.
        scale: Sum of the means of the two channels.
        stimulus: Duration of the stimulus.
        delay: Duration between the stimulus and the go cue.
        p_catch: Probability of a catch trial; a balanced batch has none.
    """

    input_names = ("fixation", "motion_left", "motion_right")
    output_names = ("choose_left", "choose_right")

    sigma_in: float = 0.1
    coherences: tuple[float, ...] = COHERENCES
    held_out_coherences: tuple[float, ...] = ()
    scale: float = 2.0
    stimulus: Timing = 800.0
    delay: Timing = 0.0
    p_catch: float = 0.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_dots(self.coherences, self.scale)

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        coherence = draws.choice("coherence", self.coherences, held_out=self.held_out_coherences)
        catch = draws.chance("catch", self.p_catch)
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "stimulus": draws.duration("stimulus", self.stimulus),
                "delay": draws.duration("delay", self.delay, optional=True),
                "decision": draws.duration("decision", self.decision),
            },
        )
        return self._decide(
            draws,
            epochs,
            inputs={
                "fixation": held(1.0, epochs.before("decision")) + held(catch, epochs.during("decision")),
                **dots_inputs(coherence, epochs.during("stimulus"), self.scale, ~catch),
            },
            correct_choice=np.where(catch, 0, side_of(coherence, draws)),
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """The choice is the output that is larger on average in the decision epoch, after the grace period.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"choice"`` (0 in catch trials, where none is asked for), ``"correct"``, ``"performance"``, and the
            difference of the two outputs as ``"decision_variable"``.
        """
        found = super().behaviour(trials, output)
        caught = trials.conditions["correct_choice"] == 0
        return found | {"choice": np.where(caught, 0, found["choice"])}

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The stimulus at coherence 0, where both channels have half the scale, and fixation alone.

        Returns:
            One vector for each.
        """
        return {
            "stimulus": torch.tensor([1.0, self.scale / 2, self.scale / 2]),
            "fixation": torch.tensor([1.0, 0.0, 0.0]),
        }
