"""Pulse accumulation: more flashes on the left or on the right, a few bins long?"""

__all__ = ["PulseAccumulation"]

import math
import operator
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, EvidenceWeights, Psychometric
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing, to_steps
from neurornn.tasks._two_choice import AbstractTwoChoice, side_of
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class PulseAccumulation(AbstractTwoChoice):
    r"""Count flashes that come in bins, and choose the side that had more.

    Every bin may hold one pulse on each side, at its start: with probability ``p_more`` on the side the trial
    favours and ``p_less`` on the other. The correct side is the one with more pulses, whichever was favoured; a coin
    settles a tie. The integral of the input over a pulse is ``pulse`` ms at any time step. The fixation input goes
    off at the go cue, the start of the decision epoch.

    Two sides, bins of 250 ms and the rule follow Scott et al. (2015); six bins with probabilities of 0.7 and 0.3 and
    the times of fixation and decision follow ``PulseDecisionMaking`` of neurogym. A pulse lasts 50 ms instead of
    their 10, so that a time step of 50 ms sees it.

    Attributes:
        n_bins: Number of bins.
        p_more: Probability of a pulse in a bin on the favoured side.
        p_less: Probability on the other side.
        bin_width: Duration of a bin in ms.
        pulse: Duration of a pulse in ms.
        delay: Duration between the last bin and the go cue.

    References:
        Sources of noise during accumulation of evidence in unrestrained and voluntarily head-restrained rats (Scott
        et al., 2015) https://doi.org/10.7554/eLife.11308

    Examples:
        >>> trials = PulseAccumulation(p_more=1.0, p_less=0.0).sample(2, seed=0, conditions={"favoured": 1})
        >>> trials.conditions["n_right"].tolist(), trials.conditions["n_left"].tolist()
        ([6, 6], [0, 0])
    """

    name = "pulse-accumulation-v1"
    input_names = ("fixation", "pulses_left", "pulses_right")
    output_names = ("choose_left", "choose_right")

    sigma_in: float = 0.05
    n_bins: int = 6
    p_more: float = 0.7
    p_less: float = 0.3
    bin_width: float = 250.0
    pulse: float = 50.0
    fixation: Timing = 500.0
    delay: Timing = 0.0
    decision: Timing = 500.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not isinstance(self.n_bins, int) or self.n_bins < 1:
            raise ValueError(f"n_bins must be a whole number of at least 1: got {self.n_bins}.")
        if not 0 <= self.p_less < self.p_more <= 1:
            raise ValueError(
                f"The probabilities must be 0 <= p_less < p_more <= 1: got {self.p_less} and {self.p_more}."
            )
        if not self.dt <= self.pulse <= self.bin_width < math.inf:
            raise ValueError(
                "A pulse must last a step at least and fit into its bin: got "
                f"dt={self.dt:g}, pulse={self.pulse} and bin_width={self.bin_width} ms."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        favoured = draws.choice("favoured", (-1, 1))
        n_bins = operator.index(self.n_bins)
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "stimulus": draws.duration("stimulus", n_bins * self.bin_width),
                "delay": draws.duration("delay", self.delay, optional=True),
                "decision": draws.duration("decision", self.decision),
            },
        )
        u = draws.uniforms("pulses", n_bins, 2)
        more = favoured[:, None, None] == np.array([-1, 1])
        there = u < np.where(more, self.p_more, self.p_less)
        onset = to_steps(np.arange(n_bins) * self.bin_width, self.dt)
        length = int(to_steps(self.pulse, self.dt))
        since = epochs.step - epochs.start["stimulus"][:, None]  # (batch, time)
        place = np.clip(np.searchsorted(onset, since, side="right") - 1, 0, None)
        on = epochs.during("stimulus") & (since - onset[place] < length)
        strength = self.pulse / (length * self.dt)
        shown = np.take_along_axis(there, place[..., None], axis=1) * on[..., None] * strength
        n_left, n_right = (there[..., side].sum(axis=1) for side in (0, 1))
        return self._decide(
            draws,
            epochs,
            inputs={
                "fixation": epochs.before("decision"),
                "pulses_left": shown[..., 0],
                "pulses_right": shown[..., 1],
            },
            correct_choice=side_of((n_right - n_left).astype(np.float64), draws),
            conditions={"n_left": n_left, "n_right": n_right, "pulse_difference": n_right - n_left},
        )

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.92)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "psychometric": Psychometric("pulse_difference"),
            "weight of pulses": EvidenceWeights(
                "pulses_right", "pulses_left", bin_width=self.bin_width, unit=self.pulse
            ),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """Between two pulses.

        Returns:
            One vector.
        """
        return {"no pulse": torch.tensor([1.0, 0.0, 0.0])}
