"""What the saccade tasks share: a direction, a rule, and a response on a ring."""

__all__ = ["AbstractSaccade"]

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, ErrorHistogram, MeanBy
from neurornn.tasks._behaviour import as_array, check_grace, epoch_average, window
from neurornn.tasks._codes import AbstractDirectionCode, RingCode
from neurornn.tasks._crossing import crossing_time
from neurornn.tasks._decoding import angular_error
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot
from neurornn.tasks._epochs import Epochs, either
from neurornn.tasks._held import Channel, held
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Timing
from neurornn.trials import Trials

_CODE = RingCode(32)
_FIXATING = 0.5  # of the fixation output
_RULES = ("pro", "anti")


@dataclass(frozen=True, kw_only=True)
class AbstractSaccade(AbstractTask, ABC):
    """Look at a stimulus (rule *pro*) or to the opposite side (rule *anti*).

    Until the epoch ``"response"`` the fixation output is to be 1 and the saccade outputs 0; in the response epoch
    the fixation output is to be 0 and the saccade outputs code the direction. The loss counts every step but the
    grace period at the start of the response epoch. If there are two rules, each has a cue that is on throughout the
    trial.

    A trial is correct if the fixation output stays above 0.5 on average until the response epoch and is below it in
    the response epoch, and the direction that the saccade outputs code there, on average, is within the tolerance of
    the right one; both averages leave the grace period out.

    Attributes:
        directions: Directions of the stimulus in degrees.
        held_out_directions: Those that training never shows.
        rules: Rules, ``"pro"`` or ``"anti"`` or both.
        code: How directions enter and leave the network: a ring of channels, or a cosine and a sine.
        response: Duration of the response epoch.
        grace: Time in ms at the start of the response epoch that is neither trained nor judged.
        tolerance: Largest error of the direction in degrees that counts as correct.
    """

    sigma_in: float = 0.05
    directions: tuple[float, ...] = (0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0)
    held_out_directions: tuple[float, ...] = ()
    rules: tuple[str, ...] = _RULES
    code: AbstractDirectionCode = _CODE
    response: Timing = 500.0
    grace: float = 100.0
    tolerance: float = 36.0

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        cues = tuple(f"rule_{rule}" for rule in self.rules) if len(self.rules) > 1 else ()
        return ("fixation", *self.code.names("stimulus"), *cues)

    @property
    @override
    def output_names(self) -> tuple[str, ...]:
        return ("fixation", *self.code.names("saccade"))

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not self.rules or len(set(self.rules)) < len(self.rules) or not set(self.rules) <= set(_RULES):
            raise ValueError(f"rules must be 'pro', 'anti' or both: got {self.rules}.")
        if not 0 < self.tolerance < 180:
            raise ValueError(f"tolerance must lie between 0 and 180 degrees: got tolerance={self.tolerance}.")
        check_grace(self.grace, self.response, self.dt, field="response", epoch="response epoch")

    def _saccade(
        self,
        draws: TrialDraws,
        epochs: Epochs,
        *,
        fixation: NDArray[np.bool_],
        shown: NDArray[np.bool_],
    ) -> Trials:
        """The trials, from when the fixation input is on and when the stimulus is shown.

        Args:
            draws: Random quantities; the epochs have been drawn from them.
            epochs: Epochs, the last one ``"response"``.
            fixation: When the fixation input is on, ``(batch, time)``.
            shown: When the stimulus is shown.

        Returns:
            The trials.

        Raises:
            ValueError: If a response epoch is not longer than the grace period.
        """
        rule = draws.choice("rule", self.rules)
        stimulus = draws.choice(
            "direction", self.directions, unit="degree", held_out=self.held_out_directions
        )
        target = np.where(rule == "anti", stimulus + 180.0, stimulus) % 360.0
        answering, judged = epochs.during("response"), epochs.during("response", after=self.grace)
        if not epochs.outlasts("response", self.grace):
            raise ValueError(
                f"Every response epoch must outlast the grace period of {self.grace:g} ms: lengthen 'response'."
            )
        inputs: dict[str, Channel] = {
            "fixation": fixation,
            "stimulus": held(self.code.encode(stimulus), shown),
        }
        if len(self.rules) > 1:
            inputs["rules"] = held(one_hot(rule, self.rules), epochs.valid)
        return self._assemble(
            draws,
            epochs,
            inputs=inputs,
            targets={
                "fixation": epochs.before("response"),
                "saccade": held(self.code.encode(target), answering),
            },
            mask=either(epochs.before("response"), judged),
            conditions={"target_direction": target},
            units={
                "target_direction": "degree",
                "saccade_direction": "degree",
                "direction_error": "degree",
                "reaction_time": "ms",
            },
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """Where and when the eye went.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"saccade_direction"`` and its signed ``"direction_error"`` in degrees (NaN without a direction),
            ``"reaction_time"`` in ms from the start of the response epoch until the fixation output falls below 0.5
            (NaN if it never does), ``"premature"``, ``"correct"`` and ``"performance"``.
        """
        y = as_array(trials, output)
        held = np.zeros(y.shape[:2], dtype=bool)
        for name in trials.epochs:
            held |= window(trials, name) & (name != "response")
        before = np.sum(y[..., 0], axis=1, where=held) / held.sum(axis=1)
        mean = epoch_average(trials, output, "response", after=self.grace)
        direction = self.code.decode(mean[:, 1:])
        asked = np.asarray(trials.conditions["target_direction"], dtype=np.float64)
        error = angular_error(direction, asked)
        premature = before < _FIXATING
        correct = ~premature & (mean[:, 0] < _FIXATING) & (np.abs(error) <= self.tolerance)
        left = crossing_time(trials, 1.0 - y[..., 0], ("response",), threshold=1.0 - _FIXATING)
        return {
            "saccade_direction": direction,
            "direction_error": error,
            "reaction_time": np.where(premature, np.nan, left),
            "premature": premature,
            "correct": correct,
            "performance": correct.astype(np.float64),
        }

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        by = "rule" if len(self.rules) > 1 else None
        return {
            "direction error": ErrorHistogram(error="direction_error", by=by),
            "reaction time": MeanBy("reaction_time", by=by),
            "accuracy": Accuracy(by=by),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """Fixation without a stimulus under each rule, and no input but the rule.

        Returns:
            Two vectors for each rule.
        """
        found = {}
        n_code = self.code.n_channels
        for k, rule in enumerate(self.rules):
            cue = torch.eye(len(self.rules))[k] if len(self.rules) > 1 else torch.zeros(0)
            for name, fixation in (("fixation", 1.0), ("response", 0.0)):
                found[f"{name}, {rule}"] = torch.cat([torch.tensor([fixation]), torch.zeros(n_code), cue])
        return found
