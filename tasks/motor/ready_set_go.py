"""Ready-set-go: measure an interval and produce it."""

__all__ = ["ReadySetGo"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, BayesianTiming, ProducedIntervals
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Choice, Timing, to_steps
from neurornn.tasks.motor._production import AbstractProduction, check_pulse
from neurornn.trials import Trials

_INTERVALS = Choice((800.0, 900.0, 1000.0, 1100.0, 1200.0, 1300.0, 1400.0, 1500.0))


@register
@dataclass(frozen=True, kw_only=True)
class ReadySetGo(AbstractProduction):
    r"""Reproduce the interval between two pulses, *ready* and *set*, by the time of a response, *go*.

    The output is a ramp that starts at 0 with the set pulse and reaches the threshold 1 when the interval is over:

    .. math:: y(t) = \frac{t - t_{set}}{g\,(t_{set} - t_{ready})}

    where :math:`g` is the gain. It goes on rising during the epoch ``"overrun"``, so that a noisy output crosses
    the threshold clearly. The produced interval is the time from the set pulse to the first crossing. The loss
    counts every step; before the set pulse the target is 0.

    Jazayeri & Shadlen (2010) give the task. The range of intervals, the width of the pulses and the margin are those
    of NeuroGym's ``ReadySetGo``, with eight intervals instead of a continuum so that conditions repeat. The shape of
    the target is chosen here: a pulse at the right time alone is hard to learn.

    Attributes:
        wait: Duration before the ready pulse.
        interval: Interval from the onset of the ready pulse to the onset of the set pulse.
        pulse: Width of the pulses in ms.
        gain: Ratio of the interval to produce to the interval measured.
        overrun: Duration of the trial after the correct go time.
        margin: Largest relative error of a produced interval that counts as correct.

    References:
        Temporal context calibrates interval timing (Jazayeri & Shadlen, 2010) https://doi.org/10.1038/nn.2590

    Examples:
        >>> task = ReadySetGo()
        >>> trials = task.sample(1, seed=0, conditions={"interval": 1000.0})
        >>> task.behaviour(trials, 0.8 * trials.targets)["produced_interval"].round(2)
        array([1250.])
    """

    name = "ready-set-go-v1"
    input_names = ("ready", "set")

    wait: Timing = 100.0
    interval: Timing = _INTERVALS
    pulse: float = 83.0
    gain: float = 1.0

    @override
    def _check_fields(self) -> None:
        check_pulse(self.pulse, self.dt)
        if not (0 < self.gain < math.inf and 0 < self.margin < math.inf):
            raise ValueError(
                f"gain and margin must be finite and above 0: got gain={self.gain} and margin={self.margin}."
            )
        super()._check_fields()

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        wait = draws.duration("wait", self.wait, optional=True)
        interval = draws.duration("interval", self.interval)
        produced = np.maximum(to_steps(self.gain * interval, 1.0), 1)  # in steps
        overrun = draws.duration("overrun", self.overrun)
        epochs = Epochs(self.dt, {"wait": wait, "measure": interval, "produce": produced, "overrun": overrun})
        return self._produce(
            draws,
            epochs,
            produced * self.dt,
            inputs={
                "ready": epochs.pulse("measure", self.pulse),
                "set": epochs.pulse("produce", self.pulse),
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
            "produced interval": ProducedIntervals(sample="interval"),
            "Bayesian observer": BayesianTiming(gain=self.gain),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """No pulse: the input during both intervals.

        Returns:
            One vector.
        """
        return {"no pulse": torch.zeros(2)}
