"""Ready-set-go in two contexts: two gains, or two priors."""

__all__ = ["ReadySetGoGains", "ReadySetGoPriors"]

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, BayesianTiming, ProducedIntervals
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Choice, Timing, to_steps
from neurornn.tasks.motor._production import AbstractProduction, check_pulse
from neurornn.trials import Trials

_INTERVALS = Choice((500.0, 600.0, 700.0, 800.0, 900.0, 1000.0))


@register
@dataclass(frozen=True, kw_only=True)
class ReadySetGoGains(AbstractProduction):
    r"""Ready-set-go with a cue that says how much longer than the sample the produced interval is to be.

    A context cue, one channel for each gain, is on throughout the trial. The target is the ramp of
    :class:`~neurornn.tasks.motor.ReadySetGo`, :math:`y(t) = (t - t_{set}) / (g\,t_s)`, with the sample interval
    :math:`t_s` and the gain :math:`g` of the context.

    Remington et al. (2018) give the task with a gain of 1 and one of 1.5. The sample intervals are chosen here, in
    the same range of times; pulses and margin are those of NeuroGym's ``ReadySetGo``.

    Attributes:
        gains: Ratio of the interval to produce to the interval measured, in each context.
        wait: Duration before the ready pulse.
        interval: Interval from the onset of the ready pulse to the onset of the set pulse.
        pulse: Width of the pulses in ms.

    References:
        Flexible sensorimotor computations through rapid reconfiguration of cortical dynamics
        (Remington, Narain, Hosseini & Jazayeri, 2018) https://doi.org/10.1016/j.neuron.2018.05.020

    Examples:
        >>> trials = ReadySetGoGains().sample(1, seed=0, conditions={"gain": 1.5, "interval": 800.0})
        >>> trials.conditions["target_interval"].tolist()
        [1200.0]
    """

    name = "ready-set-go-gains-v1"
    n_roundings = 3  # the produced interval is rounded after a rounded interval was scaled

    gains: tuple[float, ...] = (1.0, 1.5)
    wait: Timing = 500.0
    interval: Timing = _INTERVALS
    pulse: float = 83.0

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return ("ready", "set", *(f"gain_{gain:g}" for gain in self.gains))

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_pulse(self.pulse, self.dt)
        if len(set(self.gains)) < max(len(self.gains), 1) or not all(0 < g < math.inf for g in self.gains):
            raise ValueError(f"gains needs different finite numbers above 0: got {self.gains}.")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        gain = draws.choice("gain", self.gains)
        wait = draws.duration("wait", self.wait)
        interval = draws.duration("interval", self.interval)
        produced = np.maximum(to_steps(gain * interval, 1.0), 1)  # in steps
        overrun = draws.duration("overrun", self.overrun)
        epochs = Epochs(self.dt, {"wait": wait, "measure": interval, "produce": produced, "overrun": overrun})
        cue = one_hot(gain, self.gains)
        if not cue.any(axis=1).all():
            raise ValueError(
                f"A gain must be one that has a cue, {self.gains}: got {np.unique(gain).tolist()}."
            )
        return self._produce(
            draws,
            epochs,
            produced * self.dt,
            inputs={
                "ready": epochs.pulse("measure", self.pulse),
                "set": epochs.pulse("produce", self.pulse),
                "gains": held(cue, epochs.valid),
            },
        )

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "produced interval": ProducedIntervals(sample="interval", by="gain"),
            "Bayesian observer": BayesianTiming(by="gain", gain="gain"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """Each context without a pulse.

        Returns:
            One vector for each gain.
        """
        return _contexts([f"gain {gain:g}" for gain in self.gains])


@register
@dataclass(frozen=True, kw_only=True)
class ReadySetGoPriors(AbstractProduction):
    """Ready-set-go with a cue that says from which of two ranges the sample interval comes.

    A context cue, one channel for each prior, is on throughout the trial; within a prior all intervals are equally
    likely. The target is the ramp of :class:`~neurornn.tasks.motor.ReadySetGo` with gain 1. Where the priors meet,
    the same interval is reproduced in both contexts: an observer who uses the prior reproduces it too short in the
    short context and too long in the long one.

    The intervals are those of Sohn et al. (2019), 800 ms in both contexts; pulses and margin are those of NeuroGym's
    ``ReadySetGo``.

    Attributes:
        short: Intervals of the short prior in ms.
        long: Intervals of the long prior, as many.
        wait: Duration before the ready pulse.
        pulse: Width of the pulses in ms.

    References:
        Bayesian computation through cortical latent dynamics (Sohn, Narain, Meirhaeghe & Jazayeri, 2019)
        https://doi.org/10.1016/j.neuron.2019.06.012

    Examples:
        >>> trials = ReadySetGoPriors().sample(10, seed=0, balanced=True)
        >>> trials.conditions["interval"][trials.conditions["prior"] == "short"].tolist()
        [480.0, 560.0, 640.0, 720.0, 800.0]
    """

    name = "ready-set-go-priors-v1"
    input_names = ("ready", "set", "prior_short", "prior_long")

    short: tuple[float, ...] = (480.0, 560.0, 640.0, 720.0, 800.0)
    long: tuple[float, ...] = (800.0, 900.0, 1000.0, 1100.0, 1200.0)
    wait: Timing = 500.0
    pulse: float = 83.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_pulse(self.pulse, self.dt)
        if len(self.short) != len(self.long) or not self.short:
            raise ValueError(
                f"Both priors need the same number of intervals, at least one: got {self.short} and {self.long}."
            )
        if not all(self.dt <= each < math.inf for each in (*self.short, *self.long)):
            raise ValueError(
                f"An interval lasts at least one step of {self.dt:g} ms: got {self.short} and {self.long}."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        prior = draws.choice("prior", ("short", "long"))
        rank = draws.choice("rank", range(len(self.short)))
        if not np.isin(rank, range(len(self.short))).all():
            raise ValueError(
                f"rank counts the intervals of a prior from 0 to {len(self.short) - 1}: got {np.unique(rank).tolist()}."
            )
        table = np.array([self.short, self.long])
        interval = to_steps(table[(prior == "long").astype(int), rank.astype(int)], self.dt)
        epochs = Epochs(
            self.dt,
            {
                "wait": draws.duration("wait", self.wait),
                "measure": interval,
                "produce": interval,
                "overrun": draws.duration("overrun", self.overrun),
            },
        )
        cue: NDArray[np.float64] = one_hot(prior, ("short", "long"))
        return self._produce(
            draws,
            epochs,
            interval * self.dt,
            inputs={
                "ready": epochs.pulse("measure", self.pulse),
                "set": epochs.pulse("produce", self.pulse),
                "priors": held(cue, epochs.valid),
            },
            conditions={"interval": interval * self.dt},
            units={"interval": "ms"},
        )

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "produced interval": ProducedIntervals(sample="interval", by="prior"),
            "Bayesian observer": BayesianTiming(by="prior"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """Each context without a pulse.

        Returns:
            One vector for each prior.
        """
        return _contexts(["short prior", "long prior"])


def _contexts(names: list[str]) -> dict[str, Tensor]:
    """Inputs without a pulse: one cue after another is on."""
    vectors = torch.cat([torch.zeros(len(names), 2), torch.eye(len(names))], dim=1)
    return dict(zip(names, vectors, strict=True))
