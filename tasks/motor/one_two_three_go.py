"""1-2-3-go: three flashes mark two equal intervals, the response marks the third."""

__all__ = ["OneTwoThreeGo"]

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, BayesianTiming, ProducedIntervals
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._recipes import TANH_INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Choice, Timing, Uniform
from neurornn.tasks.motor._production import AbstractProduction, check_pulse
from neurornn.trials import Trials

_INTERVALS = Choice((600.0, 700.0, 800.0, 900.0, 1000.0))
_WAIT = Uniform(100.0, 500.0)


@register
@dataclass(frozen=True, kw_only=True)
class OneTwoThreeGo(AbstractProduction):
    r"""Go one interval after the third of three flashes that are one interval apart.

    All flashes come on one channel, so the flashes have to be counted. The response is due one interval after the
    third one, as if it were the fourth; the target is a ramp from the third flash, :math:`y(t) = (t - t_3) / T`, as
    in :class:`~neurornn.tasks.motor.ReadySetGo`. Both intervals before it can be measured.

    Egger et al. (2019) give the task; intervals, flashes and margin are those of NeuroGym's ``OneTwoThreeGo``. The
    time before the first flash is chosen here.

    Attributes:
        wait: Duration before the first flash.
        interval: Interval from one flash to the next.
        pulse: Width of a flash in ms.

    References:
        Internal models of sensorimotor integration regulate cortical dynamics (Egger, Remington, Chang & Jazayeri, 2019)
        https://doi.org/10.1038/s41593-019-0500-6

    Examples:
        >>> trials = OneTwoThreeGo(sigma_in=0.0).sample(1, seed=0, conditions={"wait": 200.0, "interval": 600.0})
        >>> onsets = trials.inputs[0, :, 0].diff() > 0
        >>> [20 * (k + 1) for k in onsets.nonzero().flatten().tolist()]   # in ms
        [200, 800, 1400]
    """

    name = "one-two-three-go-v1"
    input_names = ("flash",)

    wait: Timing = _WAIT
    interval: Timing = _INTERVALS
    pulse: float = 100.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_pulse(self.pulse, self.dt)

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        wait = draws.duration("wait", self.wait, optional=True)
        interval = draws.duration("interval", self.interval)
        overrun = draws.duration("overrun", self.overrun)
        epochs = Epochs(
            self.dt,
            {
                "wait": wait,
                "first": interval,
                "second": interval,
                "produce": interval,
                "overrun": overrun,
            },
        )
        flashes = [epochs.pulse(name, self.pulse) for name in ("first", "second", "produce")]
        return self._produce(
            draws, epochs, interval * self.dt, inputs={"flash": flashes[0] | flashes[1] | flashes[2]}
        )

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(TANH_INTEGRATORS, criterion=0.95, n_steps=3000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "produced interval": ProducedIntervals(sample="interval"),
            "Bayesian observer": BayesianTiming(),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """No flash.

        Returns:
            One vector.
        """
        return {"no flash": torch.zeros(1)}
