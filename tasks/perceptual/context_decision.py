"""Context-dependent decision: one of two noisy stimuli counts, and a cue says which."""

__all__ = ["ContextDecision"]

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, ChoiceWeights, Psychometric
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import opposed
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing
from neurornn.tasks._two_choice import AbstractTwoChoice, check_strengths, side_of
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class ContextDecision(AbstractTwoChoice):
    r"""Decide by motion in one context and by colour in the other.

    Both stimuli are shown at once. Each is carried by two channels with means :math:`s (1 \mp c) / 2`, where
    :math:`c` is the signed coherence (positive: right, red) and :math:`s` the ``scale``, plus white noise. The
    context cue is on with the stimuli. The fixation input goes off at the go cue, the start of the decision
    epoch. The correct choice is right if the coherence that counts is positive, left if it is negative, and a
    coin's if it is 0.

    Six coherences for each stimulus and two contexts give 72 conditions, the grid of Mante et al. (2013). Fixation,
    stimulus and decision times follow Song et al. (2016). Coherences, scale and noise are chosen for units
    with a time constant of 100 ms, such that a trained network errs at the smallest coherence.

    Attributes:
        motion_coherences: Signed motion coherences.
        colour_coherences: Signed colour coherences.
        scale: Sum of the means of the two channels of a stimulus.
        stimulus: Duration of the stimuli and of the context cue.
        delay: Duration between the stimuli and the go cue.

    References:
        Context-dependent computation by recurrent dynamics in prefrontal cortex (Mante et al., 2013)
        https://doi.org/10.1038/nature12742

        Training excitatory-inhibitory recurrent neural networks for cognitive tasks (Song, Yang & Wang, 2016)
        https://doi.org/10.1371/journal.pcbi.1004792

    Examples:
        >>> task = ContextDecision(dt=20.0)
        >>> trials = task.sample(task.n_conditions, seed=0, balanced=True)
        >>> tuple(trials.inputs.shape), sorted(trials.epochs)
        ((72, 60, 7), ['decision', 'delay', 'fixation', 'stimulus'])
        >>> float(task.performance(trials, trials.targets).mean())
        1.0
    """

    name = "context-decision-v1"
    input_names = (
        "fixation",
        "motion_left",
        "motion_right",
        "colour_green",
        "colour_red",
        "context_motion",
        "context_colour",
    )
    output_names = ("choose_left", "choose_right")

    sigma_in: float = 0.1
    motion_coherences: tuple[float, ...] = (-0.5, -0.15, -0.05, 0.05, 0.15, 0.5)
    colour_coherences: tuple[float, ...] = (-0.5, -0.15, -0.05, 0.05, 0.15, 0.5)
    scale: float = 2.0
    stimulus: Timing = 800.0
    delay: Timing = 0.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_strengths("motion_coherences", self.motion_coherences)
        check_strengths("colour_coherences", self.colour_coherences)
        if not 0 < self.scale < math.inf:
            raise ValueError(f"scale must be finite and above 0: got {self.scale}.")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        context = draws.choice("context", ("motion", "colour"))
        motion = draws.choice("motion_coherence", self.motion_coherences)
        colour = draws.choice("colour_coherence", self.colour_coherences)
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "stimulus": draws.duration("stimulus", self.stimulus),
                "delay": draws.duration("delay", self.delay, optional=True),
                "decision": draws.duration("decision", self.decision),
            },
        )
        shown = epochs.during("stimulus")
        left, right = opposed(motion, self.scale)
        green, red = opposed(colour, self.scale)
        by_motion = context == "motion"
        return self._decide(
            draws,
            epochs,
            inputs={
                "fixation": epochs.before("decision"),
                "motion_left": held(left, shown),
                "motion_right": held(right, shown),
                "colour_green": held(green, shown),
                "colour_red": held(red, shown),
                "context_motion": held(by_motion, shown),
                "context_colour": held(~by_motion, shown),
            },
            correct_choice=side_of(np.where(by_motion, motion, colour), draws),
            conditions={"congruent": motion * colour > 0},
        )

    @property
    @override
    def recipe(self) -> Recipe:
        return Recipe(criterion=0.95, learning_rate=5e-3, n_steps=1200, rate_l2=0.02)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "psychometric of motion": Psychometric("motion_coherence", by="context"),
            "psychometric of colour": Psychometric("colour_coherence", by="context"),
            "choice weights": ChoiceWeights(("motion_coherence", "colour_coherence"), by="context"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """Both contexts while the stimuli are on with coherence 0: each evidence channel at half the scale.

        Returns:
            One vector for each context.
        """
        half = self.scale / 2
        return {
            "motion context": torch.tensor([1.0, half, half, half, half, 1.0, 0.0]),
            "colour context": torch.tensor([1.0, half, half, half, half, 0.0, 1.0]),
        }
