"""Poisson clicks: on which side were there more?"""

__all__ = ["PoissonClicks"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, EvidenceWeights, Psychometric
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._events import count_events, event_times
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing, Uniform, as_timing
from neurornn.tasks._two_choice import AbstractTwoChoice, side_of
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class PoissonClicks(AbstractTwoChoice):
    r"""Count clicks from the left and from the right, and choose the side that had more.

    Two Poisson trains play at once, with rates :math:`\lambda_L + \lambda_R = \lambda` and

    .. math:: \log(\lambda_R / \lambda_L) = \gamma

    where :math:`\gamma` is the ``log_ratio`` of the trial and :math:`\lambda` the ``total_rate``. The correct side is
    the one with more clicks, whatever the rates were; a coin settles a tie. The times of the clicks depend on the
    seed and the trial number alone, not on the time step, and so does their weight: each adds ``area`` / ``dt`` to
    its channel in the step in which it falls. The stimulus ends with the go cue, when the fixation input goes off.

    Rates that sum to 40 clicks per second follow Brunton et al. (2013), durations of 100 to 1000 ms Erlich et al.
    (2015). The log ratios, the area of a click and the noise are chosen by us; the stereo click that starts a trial
    of the experiments is left out, because it says nothing.

    Attributes:
        log_ratios: Log ratios of the right to the left rate.
        held_out_log_ratios: Those of the log ratios that training never shows.
        total_rate: Sum of both rates in clicks per second.
        stimulus: Duration of the click trains.
        delay: Duration between the clicks and the go cue.
        area: Integral of the input over a click in ms.

    References:
        Rats and humans can optimally accumulate evidence for decision-making (Brunton, Botvinick & Brody, 2013)
        https://doi.org/10.1126/science.1233912

        Distinct effects of prefrontal and parietal cortex inactivations on an accumulation of evidence task in the
        rat (Erlich et al., 2015) https://doi.org/10.7554/eLife.05457

    Examples:
        >>> trials = PoissonClicks(sigma_in=0.0, dt=20.0, area=20.0).sample(3, seed=0)
        >>> clicks = trials.inputs[..., 1:].sum(1)
        >>> bool((clicks[:, 1] - clicks[:, 0] == torch.as_tensor(trials.conditions["click_difference"])).all())
        True
    """

    name = "poisson-clicks-v1"
    input_names = ("fixation", "clicks_left", "clicks_right")
    output_names = ("choose_left", "choose_right")

    sigma_in: float = 0.05
    log_ratios: tuple[float, ...] = (-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5)
    held_out_log_ratios: tuple[float, ...] = ()
    total_rate: float = 40.0
    stimulus: Timing = Uniform(100.0, 1000.0)  # noqa: RUF009
    delay: Timing = 0.0
    area: float = 20.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        known = len(self.log_ratios) > 0 and all(math.isfinite(ratio) for ratio in self.log_ratios)
        if not known or len(set(self.log_ratios)) < len(self.log_ratios):
            raise ValueError(f"log_ratios needs different finite numbers: got {self.log_ratios}.")
        if not (0 < self.total_rate < math.inf and 0 < self.area < math.inf):
            raise ValueError(
                f"total_rate and area must be finite and above 0: got {self.total_rate} and {self.area}."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        ratio = draws.choice("log_ratio", self.log_ratios, held_out=self.held_out_log_ratios)
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "stimulus": draws.duration("stimulus", self.stimulus),
                "delay": draws.duration("delay", self.delay, optional=True),
                "decision": draws.duration("decision", self.decision),
            },
        )
        start, stop = epochs.start["stimulus"], epochs.stop["stimulus"]
        longest = max(as_timing(self.stimulus).upper, float((stop - start).max() * self.dt))
        counts = {}
        for side, sign in (("left", -1.0), ("right", 1.0)):
            rate = self.total_rate / (1.0 + np.exp(-sign * ratio))
            times = event_times(draws, f"clicks {side}", rate, longest)
            counts[side] = count_events(times, start, epochs.n_steps, self.dt) * epochs.during("stimulus")
        n_left, n_right = (counts[side].sum(axis=1).astype(np.int64) for side in ("left", "right"))
        height = self.area / self.dt
        return self._decide(
            draws,
            epochs,
            inputs={
                "fixation": epochs.before("decision"),
                **{f"clicks_{side}": height * count for side, count in counts.items()},
            },
            correct_choice=side_of((n_right - n_left).astype(np.float64), draws),
            conditions={"n_left": n_left, "n_right": n_right, "click_difference": n_right - n_left},
        )

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=2000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "psychometric": Psychometric("click_difference"),
            "accuracy by log ratio": Accuracy(by="log_ratio"),
            "weight of clicks": EvidenceWeights(
                "clicks_right", "clicks_left", bin_width=100.0, align="end", unit=self.area
            ),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """Between two clicks, and the mean input of even click trains.

        Returns:
            One vector for each.
        """
        mean = self.area * self.total_rate / 2000.0
        return {"silence": torch.tensor([1.0, 0.0, 0.0]), "mean": torch.tensor([1.0, mean, mean])}
