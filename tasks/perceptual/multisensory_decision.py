"""Multisensory decision: is the rate of flashes, clicks or both high or low?"""

__all__ = ["MultisensoryDecision"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, OptimalCombination
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing
from neurornn.tasks._two_choice import AbstractTwoChoice, side_of
from neurornn.trials import Trials

_MODALITIES = ("visual", "auditory", "both")


@register
@dataclass(frozen=True, kw_only=True)
class MultisensoryDecision(AbstractTwoChoice):
    r"""Decide whether an event rate is above or below a boundary, by eye, by ear, or by both.

    Each modality has a channel that rises and one that falls with the rate :math:`f`:

    .. math:: u_\pm = 0.8 \pm 0.4 \Big(2\,\frac{f - f_{min}}{f_{max} - f_{min}} - 1\Big)

    where :math:`f_{min}` and :math:`f_{max}` are the lowest and highest rate. The channels of a modality that is
    not given stay at 0 but for their noise. The noise of all channels is independent, so a subject that uses both
    modalities can be better than with either alone. The fixation input goes off at the go cue, the start of the
    decision epoch. Choice +1 says that the rate is high; a coin settles a rate at the boundary.

    The rates around a boundary of 12.5 events per second are those of Raposo et al. (2014). Channels and times
    follow Song et al. (2016); the noise is chosen such that a subject that averages one modality over the stimulus
    has a standard deviation of about 0.8 events per second.

    Attributes:
        rates: Rates in events per second.
        held_out_rates: Those of the rates that training never shows.
        boundary: Boundary between low and high rates in events per second.
        stimulus: Duration of the stimulus.
        delay: Duration between the stimulus and the go cue.

    References:
        A category-free neural population supports evolving demands during decision-making (Raposo, Kaufman &
        Churchland, 2014) https://doi.org/10.1038/nn.3865

        Training excitatory-inhibitory recurrent neural networks for cognitive tasks (Song, Yang & Wang, 2016)
        https://doi.org/10.1371/journal.pcbi.1004792

    Examples:
        >>> task = MultisensoryDecision()
        >>> task.n_conditions, task.sample(1, seed=0, conditions={"event_rate": 9.0}).conditions["correct_choice"].tolist()
        (24, [-1])
    """

    name = "multisensory-decision-v1"
    input_names = ("fixation", "visual_up", "visual_down", "auditory_up", "auditory_down")
    output_names = ("choose_low", "choose_high")

    sigma_in: float = 0.3
    rates: tuple[float, ...] = (9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0)
    held_out_rates: tuple[float, ...] = ()
    boundary: float = 12.5
    fixation: Timing = 500.0
    stimulus: Timing = 1000.0
    delay: Timing = 0.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        known = len(self.rates) > 1 and all(math.isfinite(rate) and rate >= 0 for rate in self.rates)
        if not known or len(set(self.rates)) < len(self.rates):
            raise ValueError(
                f"rates needs at least two different rates in events per second: got {self.rates}."
            )
        if not min(self.rates) < self.boundary < max(self.rates):
            raise ValueError(
                f"boundary must lie between the lowest and the highest rate: got {self.boundary} and {self.rates}."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        modality = draws.choice("modality", _MODALITIES)
        rate = draws.choice("event_rate", self.rates, unit="Hz", held_out=self.held_out_rates)
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
        up, down = self._channels(rate)
        channels = {}
        for name in ("visual", "auditory"):
            given = np.isin(modality, (name, "both"))
            channels[f"{name}_up"], channels[f"{name}_down"] = (
                held(up * given, shown),
                held(down * given, shown),
            )
        return self._decide(
            draws,
            epochs,
            inputs={"fixation": epochs.before("decision"), **channels},
            correct_choice=side_of(rate - self.boundary, draws),
        )

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.9, n_steps=2000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "optimal combination": OptimalCombination("event_rate", "modality"),
            "accuracy by modality": Accuracy(by="modality"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The rate at the boundary in each modality and in both.

        Returns:
            One vector for each.
        """
        up, down = (float(each[0]) for each in self._channels(np.array([self.boundary])))
        return {
            "visual": torch.tensor([1.0, up, down, 0.0, 0.0]),
            "auditory": torch.tensor([1.0, 0.0, 0.0, up, down]),
            "both": torch.tensor([1.0, up, down, up, down]),
        }

    def _channels(self, rate: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        place = 2.0 * (rate - min(self.rates)) / (max(self.rates) - min(self.rates)) - 1.0
        return 0.8 + 0.4 * place, 0.8 - 0.4 * place
