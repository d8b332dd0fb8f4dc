"""What tasks that ask for a direction share: fixate, then point."""

__all__ = ["AbstractRingResponse"]

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.tasks._behaviour import as_array, check_grace, epoch_average
from neurornn.tasks._codes import AbstractDirectionCode, RingCode
from neurornn.tasks._decoding import angular_error
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import Channel
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Timing, to_steps
from neurornn.trials import Trials

_CODE = RingCode(32)


@dataclass(frozen=True, kw_only=True)
class AbstractRingResponse(AbstractTask, ABC):
    """A direction given by the output channels in the epoch ``"response"``, after the fixation input has gone off.

    The fixation output is high until the response and low in it; the response channels carry the code of the
    direction in the response and are at rest before. The loss counts every step but those of the grace period.

    Attributes:
        code: How directions enter and leave: :class:`RingCode` or :class:`CosineCode`.
        response: Duration of the last epoch.
        grace: Time in ms at the start of the response that is neither trained nor judged.
        high: Target of the fixation output before the response.
        low: Target of the fixation output in the response, and of the channels of a ring at rest.
        margin: Largest error in degrees of a correct response.
        threshold: Fixation output above which the subject fixates.
    """

    sigma_in: float = 0.01
    code: AbstractDirectionCode = _CODE
    response: Timing = 500.0
    grace: float = 100.0
    high: float = 0.85
    low: float = 0.05
    margin: float = 36.0
    threshold: float = 0.5

    @property
    @override
    def output_names(self) -> tuple[str, ...]:
        return ("fixation", *self.code.names("response"))

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not isinstance(self.code, AbstractDirectionCode):
            raise ValueError(f"code must be RingCode(...) or CosineCode(...): got {self.code!r}.")
        check_grace(self.grace, self.response, self.dt, field="response", epoch="response epoch")
        if not (self.low < self.threshold < self.high and 0 < self.margin <= 180):
            raise ValueError(
                "The threshold must lie between low and high, and the margin be above 0 and at most 180 degrees: got "
                f"low={self.low}, threshold={self.threshold}, high={self.high}, margin={self.margin}."
            )

    def _point(
        self,
        draws: TrialDraws,
        epochs: Epochs,
        *,
        inputs: Mapping[str, Channel],
        direction: NDArray[np.float64],
        conditions: Mapping[str, NDArray[Any]] | None = None,
        units: Mapping[str, str] | None = None,
    ) -> Trials:
        """Trials that ask for a direction, the condition ``direction``.

        Args:
            draws: Random quantities.
            epochs: Epochs, the last of them ``"response"``.
            inputs: Input channels after the fixation.
            direction: Directions in degrees.
            conditions: Further conditions that follow from the drawn ones.
            units: Their units.

        Returns:
            The trials.

        Raises:
            ValueError: If a response epoch is not longer than the grace period.
        """
        pointing, judged = epochs.during("response"), epochs.during("response", after=self.grace)
        if not epochs.outlasts("response", self.grace):
            raise ValueError(
                f"Every response epoch must outlast the grace period of {self.grace:g} ms: lengthen 'response'."
            )
        rest = self.low if self.code.n_channels > 2 else 0.0  # a cosine and a sine have no baseline
        channels = self.code.encode(direction)[:, None] * pointing[..., None] + rest
        return self._assemble(
            draws,
            epochs,
            inputs={"fixation": ~pointing, **inputs},
            targets={"fixation": np.where(pointing, self.low, self.high), "response": channels},
            mask=epochs.valid & (~pointing | judged),
            conditions=conditions,
            units={"response_direction": "degree", "angular_error": "degree", **(units or {})},
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """The direction of the mean response, of trials that fixate until the go cue and then no more.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"fixated"`` (the fixation output was above the threshold on average before the response),
            ``"responded"`` (and below it in the response, after the grace period), ``"response_direction"`` and
            ``"angular_error"`` in degrees (NaN without a valid response), ``"correct"`` and ``"performance"``.
        """
        mean = epoch_average(trials, output, "response", after=self.grace)
        start = to_steps(trials.epochs["response"][:, :1], trials.info.dt)
        before = np.arange(trials.n_steps) < start
        held = np.sum(as_array(trials, output)[..., 0], axis=1, where=before) / start[:, 0]
        fixated = held > self.threshold
        responded = fixated & (mean[:, 0] < self.threshold)
        angle = np.where(responded, self.code.decode(np.nan_to_num(mean[:, 1:], nan=0.0)), np.nan)
        error = angular_error(angle, np.asarray(trials.conditions["direction"], dtype=np.float64))
        correct = np.abs(error) < self.margin  # False where there is none
        return {
            "fixated": fixated,
            "responded": responded,
            "response_direction": angle,
            "angular_error": error,
            "correct": correct,
            "performance": correct.astype(np.float64),
        }
