"""Cue-set-go: produce the interval that a cue stands for."""

__all__ = ["CueSetGo"]

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, ProducedIntervals
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Choice, Timing, Uniform, as_timing
from neurornn.tasks.motor._production import AbstractProduction, check_pulse
from neurornn.trials import Trials

_INTERVALS = Choice((800.0, 1500.0))
_CUE = Uniform(1000.0, 3000.0)


@register
@dataclass(frozen=True, kw_only=True)
class CueSetGo(AbstractProduction):
    r"""Produce an interval that is known beforehand, from a set pulse on.

    The level of a cue, on from the epoch ``"cue"`` to the end of the trial, says which interval:

    .. math:: c = c_0 + (c_1 - c_0)\,\frac{T - T_{min}}{T_{max} - T_{min}}

    so that intervals between those trained can be asked for (``conditions={"interval": 1100.0}``). After a time
    that cannot be predicted the set pulse comes on; the target is a ramp from there on, as in
    :class:`~neurornn.tasks.motor.ReadySetGo`, that reaches 1 at the interval :math:`T`.

    Wang et al. (2018) give the task; intervals, cue and pulse times are those of NeuroGym's ``MotorTiming``, also
    the 500 ms before the cue, which it calls not specified. A cue whose level stands for the interval follows their
    network models; the levels are chosen here.

    Attributes:
        wait: Duration before the cue.
        cue: Duration from the cue to the set pulse.
        interval: Interval to produce.
        pulse: Width of the set pulse in ms.
        levels: Levels of the cue for the shortest and the longest interval.

    References:
        Flexible timing by temporal scaling of cortical responses (Wang, Narain, Hosseini & Jazayeri, 2018)
        https://doi.org/10.1038/s41593-017-0028-6

    Examples:
        >>> trials = CueSetGo(dt=10.0, sigma_in=0.0).sample(3, seed=0, conditions={"interval": [800.0, 1150.0, 1500.0]})
        >>> trials.inputs[:, 60, 0].tolist()
        [0.5, 0.75, 1.0]
    """

    name = "cue-set-go-v1"
    input_names = ("cue", "set")

    wait: Timing = 500.0
    cue: Timing = _CUE
    interval: Timing = _INTERVALS
    pulse: float = 50.0
    levels: tuple[float, float] = (0.5, 1.0)

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_pulse(self.pulse, self.dt)
        if len(self.levels) != 2 or not all(math.isfinite(level) for level in self.levels):
            raise ValueError(f"levels needs two finite numbers: got {self.levels}.")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        wait = draws.duration("wait", self.wait, optional=True)
        cue = draws.duration("cue", self.cue)
        interval = draws.duration("interval", self.interval)
        overrun = draws.duration("overrun", self.overrun)
        epochs = Epochs(self.dt, {"wait": wait, "cue": cue, "produce": interval, "overrun": overrun})
        shortest, longest = as_timing(self.interval).lower, as_timing(self.interval).upper
        place = (interval * self.dt - shortest) / max(longest - shortest, 1.0)
        level = self.levels[0] + (self.levels[1] - self.levels[0]) * place
        shown = epochs.during("cue", "produce", "overrun")
        return self._produce(
            draws,
            epochs,
            interval * self.dt,
            inputs={"cue": held(level, shown), "set": epochs.pulse("produce", self.pulse)},
        )

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {"produced interval": ProducedIntervals(sample="interval")}

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The cue of the shortest, of the longest and of the interval in between.

        Returns:
            One vector for each level.
        """
        low, high = self.levels
        names = {"shortest interval": low, "middle interval": 0.5 * (low + high), "longest interval": high}
        return {name: torch.tensor([level, 0.0]) for name, level in names.items()}
