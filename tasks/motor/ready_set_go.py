"""Ready-set-go: measure an interval and produce it."""

__all__ = ["ReadySetGo"]

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.tasks._behaviour import as_array, window
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._registry import register
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Choice, Timing, to_steps
from neurornn.trials import Trials

_INTERVALS = Choice((800.0, 900.0, 1000.0, 1100.0, 1200.0, 1300.0, 1400.0, 1500.0))


@register
@dataclass(frozen=True, kw_only=True)
class ReadySetGo(AbstractTask):
    r"""Reproduce the interval between two pulses, *ready* and *set*, by the time of a response, *go*.

    The output is a ramp that starts at 0 with the set pulse and reaches the threshold 1 when the interval is over:

    .. math:: y(t) = \frac{t - t_{set}}{g\,(t_{set} - t_{ready})}

    where :math:`g` is the gain. It goes on rising during the epoch ``"overrun"``, so that a noisy output crosses
    the threshold clearly. The produced interval is the time from the set pulse to the first crossing. The loss
    counts every step; before the set pulse the target is 0.

    Jazayeri & Shadlen (2010) give the task. The range of intervals, the width of the pulses and the margin are those
    of NeuroGym's ``ReadySetGo``, with eight intervals instead of a continuum so that conditions repeat.

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
    output_names = ("ramp",)

    sigma_in: float = 0.05
    wait: Timing = 100.0
    interval: Timing = _INTERVALS
    pulse: float = 83.0
    gain: float = 1.0
    overrun: Timing = 300.0
    margin: float = 0.2

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not self.dt <= self.pulse < math.inf:
            raise ValueError(
                f"The pulse must be finite, and dt must be at most as long as the pulse: got dt={self.dt:g} ms, pulse={self.pulse} ms."
            )
        if not (0 < self.gain < math.inf and 0 < self.margin < math.inf):
            raise ValueError(
                f"gain and margin must be finite and above 0: got gain={self.gain} and margin={self.margin}."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        wait = draws.duration("wait", self.wait, optional=True)
        interval = draws.duration("interval", self.interval)
        produced = np.maximum(to_steps(self.gain * interval, 1.0), 1)  # in steps
        overrun = draws.duration("overrun", self.overrun)
        epochs = Epochs(self.dt, {"wait": wait, "measure": interval, "produce": produced, "overrun": overrun})
        ramp = epochs.elapsed("produce") / (produced * self.dt)[:, None]
        return self._assemble(
            draws,
            epochs,
            inputs={
                "ready": epochs.pulse("measure", self.pulse),
                "set": epochs.pulse("produce", self.pulse),
            },
            targets={"ramp": np.maximum(ramp, 0.0)},
            mask=epochs.valid,
            conditions={"target_interval": produced * self.dt},
            units={"target_interval": "ms"},
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """When the output first crosses 1 after the set pulse, between steps by linear interpolation.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"produced_interval"`` in ms (NaN if the output never crosses), ``"correct"`` (within the margin) and
            ``"performance"``.
        """
        y = as_array(trials, output)[..., 0]
        above = (window(trials, "produce") | window(trials, "overrun")) & (y >= 1.0)
        rows = np.arange(trials.n_trials)
        first = above.argmax(axis=1)
        dt = trials.info.dt
        since = first - to_steps(trials.epochs["produce"][:, 0], dt)
        now, previous = y[rows, first], y[rows, np.maximum(first - 1, 0)]
        with np.errstate(divide="ignore", invalid="ignore"):
            back = np.where((since > 0) & (previous < 1), (now - 1.0) / (now - previous), 0.0)
        produced = np.where(above.any(axis=1), (since - back) * dt, np.nan)
        target = np.asarray(trials.conditions["target_interval"], dtype=np.float64)
        correct = np.abs(produced - target) <= self.margin * target
        return {
            "produced_interval": produced,
            "correct": correct,
            "performance": correct.astype(np.float64),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """No pulse: the input during both intervals.

        Returns:
            One vector.
        """
        return {"no pulse": torch.zeros(2)}
