"""What tasks that produce an interval share: a ramp that reaches a threshold."""

__all__ = ["AbstractProduction", "check_pulse"]

import math
from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, ProducedIntervals
from neurornn.tasks._behaviour import as_array
from neurornn.tasks._crossing import crossing_time
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import Channel
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Timing
from neurornn.trials import Trials


@dataclass(frozen=True, kw_only=True)
class AbstractProduction(AbstractTask, ABC):
    r"""Produce an interval: the response is made when the output, a ramp, crosses the threshold 1.

    The target is 0 until the epoch ``"produce"`` and then rises in proportion to time,

    .. math:: y(t) = \frac{t - t_0}{T}

    where :math:`t_0` is the start of the epoch and :math:`T` the interval to produce. It goes on rising during the
    epoch ``"overrun"``, so that a noisy output crosses the threshold clearly. The loss counts every step. The
    produced interval is the time from :math:`t_0` to the first crossing.

    Attributes:
        overrun: Duration of the trial after the correct time of the response.
        margin: Largest relative error of a produced interval that counts as correct.
    """

    output_names = ("ramp",)

    sigma_in: float = 0.05
    overrun: Timing = 300.0
    margin: float = 0.2

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not 0 < self.margin < math.inf:
            raise ValueError(f"margin must be finite and above 0: got margin={self.margin}.")

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """When the output first crosses 1 in the production, between steps by linear interpolation.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"produced_interval"`` in ms (NaN if the output never crosses), ``"correct"`` (within the margin) and
            ``"performance"``.
        """
        y = as_array(trials, output)[..., 0]
        produced = crossing_time(trials, y, ("produce", "overrun"))
        target = np.asarray(trials.conditions["target_interval"], dtype=np.float64)
        correct = np.abs(produced - target) <= self.margin * target
        return {
            "produced_interval": produced,
            "correct": correct,
            "performance": correct.astype(np.float64),
        }

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {"produced interval": ProducedIntervals()}

    def _produce(
        self,
        draws: TrialDraws,
        epochs: Epochs,
        interval: NDArray[Any],
        *,
        inputs: Mapping[str, Channel],
        conditions: Mapping[str, NDArray[Any]] | None = None,
        units: Mapping[str, str] | None = None,
    ) -> Trials:
        """Trials with the ramp as target and every step in the loss.

        Args:
            draws: Random quantities.
            epochs: Epochs, among them ``"produce"`` and ``"overrun"``.
            interval: Interval to produce in ms, one for each trial.
            inputs: Input channels.
            conditions: Further conditions that follow from the drawn ones.
            units: Their units.

        Returns:
            The trials, with the condition ``"target_interval"``.
        """
        ramp = epochs.elapsed("produce") / np.asarray(interval, dtype=np.float64)[:, None]
        return self._assemble(
            draws,
            epochs,
            inputs=inputs,
            targets={"ramp": np.maximum(ramp, 0.0)},
            mask=epochs.valid,
            conditions={"target_interval": interval, **(conditions or {})},
            units={"target_interval": "ms", "produced_interval": "ms", **(units or {})},
        )


def check_pulse(pulse: float, dt: float) -> None:
    """Refuse a pulse that is shorter than a step.

    Args:
        pulse: Its width in ms.
        dt: Time step in ms.

    Raises:
        ValueError: If it is shorter than a step or not finite.
    """
    if not dt <= pulse < math.inf:
        raise ValueError(
            f"The pulse must be finite, and dt must be at most as long as the pulse: got dt={dt:g} ms, pulse={pulse} ms."
        )
