"""Integrator on a ring: from angular velocity to a direction."""

__all__ = ["RingIntegrator"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, IntegrationError, MeanBy
from neurornn.recipe import Recipe
from neurornn.tasks._behaviour import as_array
from neurornn.tasks._codes import AbstractDirectionCode, CosineCode
from neurornn.tasks._decoding import angular_error
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing
from neurornn.tasks.dynamics._integration import AbstractIntegration
from neurornn.tasks.dynamics._smooth import placed
from neurornn.trials import Trials

_CODE = CosineCode()


@register
@dataclass(frozen=True, kw_only=True)
class RingIntegrator(AbstractIntegration):
    r"""Integrate an angular velocity, as a compass of heading does.

    .. math:: \theta(t) = \theta_0 + c \int_0^t u(t')\,dt'

    with the input :math:`u`, a smooth signal of variance 1, and the ``speed`` :math:`c`. The direction
    :math:`\theta_0` is shown in the epoch ``"start"``, in which there is no motion; the target from then on is the
    direction, as a cosine and a sine or as a bump on a ring. Times, speed and tolerance are chosen here.

    Attributes:
        code: How directions enter and leave the network.
        start: Duration of the first epoch, in which the first direction is shown.
        speed: Angular velocity that an input of 1 stands for, in degrees per second.
        walk: Duration of the walk.
        correlation: Correlation time of the velocity in ms.
        tolerance: Largest error in degrees that counts as correct.

    Examples:
        >>> trials = RingIntegrator().sample(1, seed=0, conditions={"start_direction": 90.0})
        >>> trials.targets[0, 0].round(decimals=3).tolist()   # cosine and sine
        [0.0, 1.0]
    """

    name = "ring-integrator-v1"

    code: AbstractDirectionCode = _CODE
    start: Timing = 200.0
    speed: float = 180.0
    tolerance: float = 20.0

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return ("velocity", *self.code.names("start"))

    @property
    @override
    def output_names(self) -> tuple[str, ...]:
        return self.code.names("direction")

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not 0 < self.speed < math.inf or self.tolerance >= 180:
            raise ValueError(
                f"speed must be finite and above 0, and tolerance below 180 degrees: got speed={self.speed} and "
                f"tolerance={self.tolerance}."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        first = draws.uniform("start_direction", 0.0, 360.0, unit="degree")
        epochs, integral = self._walk(draws, {"start": draws.duration("start", self.start)}, 1)
        velocity = placed(epochs, "walk", np.diff(integral, axis=1) / self.dt)
        turned = placed(epochs, "walk", integral[:, 1:] * (self.speed / 1000.0))[..., 0]
        showing = epochs.during("start")[..., None]
        return self._assemble(
            draws,
            epochs,
            inputs={"velocity": velocity, "start": self.code.encode(first)[:, None] * showing},
            targets={"direction": self.code.encode((first[:, None] + turned) % 360.0)},
            mask=epochs.valid,
            units={"mean_error": "degree", "final_error": "degree"},
        )

    @override
    def _error(self, trials: Trials, output: NDArray[np.float64]) -> NDArray[np.float64]:
        asked = self.code.decode(as_array(trials, trials.targets))
        return np.asarray(np.abs(angular_error(self.code.decode(output), asked)))

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.97)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {"error against time": IntegrationError(angular=True), "performance": MeanBy("performance")}
