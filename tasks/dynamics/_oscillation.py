"""What tasks that produce an oscillation share: how its frequency, amplitude and phase are judged."""

__all__ = ["AbstractOscillation"]

import math
from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, MeanBy, Oscillations, fit_sinusoid
from neurornn.tasks._behaviour import as_array, window
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Timing
from neurornn.trials import Trials


@dataclass(frozen=True, kw_only=True)
class AbstractOscillation(AbstractTask, ABC):
    """Oscillate in the epoch ``"oscillate"`` at the frequency that is the condition ``"frequency"``, in Hz.

    A sinusoid is fitted to the first output over the epoch, after the grace period
    (:func:`~neurornn.analysis.behaviour.fit_sinusoid`). A trial is correct if its frequency, its amplitude and its
    phase at the middle of the epoch are within their margins of those of the target.

    Attributes:
        wait: Duration before the cue.
        oscillate: Duration of the oscillation.
        grace: Time in ms at the start of the epoch that is not judged, though it is trained.
        frequency_margin: Largest relative error of the frequency.
        amplitude_margin: Largest error of the amplitude; the target has 1.
        phase_margin: Largest error of the phase in degrees.
    """

    sigma_in: float = 0.01
    wait: Timing = 200.0
    oscillate: Timing = 2000.0
    grace: float = 200.0
    frequency_margin: float = 0.1
    amplitude_margin: float = 0.5
    phase_margin: float = 60.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        margins = (self.frequency_margin, self.amplitude_margin, self.phase_margin)
        if not all(0 < margin < math.inf for margin in margins) or not 0 <= self.grace < math.inf:
            raise ValueError(
                f"Margins must be finite and above 0, and grace at least 0: got frequency_margin={self.frequency_margin}, "
                f"amplitude_margin={self.amplitude_margin}, phase_margin={self.phase_margin} and grace={self.grace}."
            )

    def _check_frequency(self, highest: float, lowest: float, shortest: float) -> None:
        """Refuse frequencies that no trial can show."""
        judged = shortest - self.grace
        if not (0 < lowest <= highest < math.inf and 4 * highest * self.dt <= 1000.0):
            raise ValueError(
                f"Frequencies must be above 0, with at least 4 steps in a period: got {lowest:g} to {highest:g} Hz and "
                f"dt={self.dt:g} ms."
            )
        if lowest * judged < 750.0:
            raise ValueError(
                f"A frequency needs three quarters of a period to be judged: {lowest:g} Hz and {judged:g} ms of 'oscillate' "
                "after the grace period. Lengthen 'oscillate'."
            )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """The sinusoid nearest to the first output.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"produced_frequency"`` in Hz, ``"amplitude"``, ``"phase_error"`` in degrees at the middle of what is judged
            (NaN if the output is constant), ``"explained"``, the variance the sinusoid explains, ``"correct"`` and
            ``"performance"``.
        """
        inside = window(trials, "oscillate", after=self.grace)
        asked = np.asarray(trials.conditions["frequency"], dtype=np.float64)
        y, target = (as_array(trials, each)[..., 0] for each in (output, trials.targets))
        made, right = (fit_sinusoid(each, inside, trials.info.dt, near=asked) for each in (y, target))
        phase_error = (made.phase - right.phase + 180.0) % 360.0 - 180.0
        with np.errstate(invalid="ignore"):
            correct = (
                (np.abs(made.frequency - asked) <= self.frequency_margin * asked)
                & (np.abs(made.amplitude - 1.0) <= self.amplitude_margin)
                & (np.abs(phase_error) <= self.phase_margin)
            )
        return {
            "produced_frequency": made.frequency,
            "amplitude": made.amplitude,
            "phase_error": phase_error,
            "explained": made.explained,
            "correct": correct,
            "performance": correct.astype(np.float64),
        }

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "frequency": Oscillations(),
            "amplitude": MeanBy("amplitude", by="frequency"),
            "phase error": MeanBy("phase_error", by="frequency"),
            "performance": MeanBy("performance", by="frequency"),
        }
