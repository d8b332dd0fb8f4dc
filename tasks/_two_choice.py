"""What tasks with two alternatives share: a fixation, a go cue, a decision."""

__all__ = ["AbstractTwoChoice", "check_strengths", "side_of"]

import math
from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.tasks._behaviour import check_grace, check_levels, choice_behaviour, epoch_average
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs, either
from neurornn.tasks._held import Channel, held
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Timing
from neurornn.trials import Trials


@dataclass(frozen=True, kw_only=True)
class AbstractTwoChoice(AbstractTask, ABC):
    """A choice between two outputs in the epoch ``"decision"``, after the fixation input has gone off.

    The first output stands for choice -1, the second for +1. Both are low during fixation; in the decision epoch
    the correct one is high. The loss counts the fixation epoch and, after the grace period, the decision epoch.

    Attributes:
        fixation: Duration of the first epoch.
        decision: Duration of the last epoch.
        grace: Time in ms at the start of the decision epoch that is neither trained nor judged.
        high: Target of the chosen output.
        low: Target of the other one.
    """

    fixation: Timing = 100.0
    decision: Timing = 300.0
    grace: float = 100.0
    high: float = 1.0
    low: float = 0.2

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_grace(self.grace, self.decision, self.dt, field="decision", epoch="decision epoch")
        check_levels(self.high, self.low)

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """The choice is the output that is larger on average in the decision epoch, after the grace period.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"choice"``, ``"correct"``, ``"performance"``, and the difference of the two outputs as
            ``"decision_variable"``.
        """
        mean = epoch_average(trials, output, "decision", after=self.grace)
        difference = mean[:, 1] - mean[:, 0]
        return {
            **choice_behaviour(difference, trials.conditions["correct_choice"]),
            "decision_variable": difference,
        }

    def _decide(
        self,
        draws: TrialDraws,
        epochs: Epochs,
        *,
        inputs: Mapping[str, Channel],
        correct_choice: NDArray[np.int64],
        conditions: Mapping[str, NDArray[Any]] | None = None,
        units: Mapping[str, str] | None = None,
    ) -> Trials:
        """Trials with the targets, the mask and the ``correct_choice`` of a binary choice.

        Args:
            draws: Random quantities.
            epochs: Epochs, among them ``"fixation"`` and ``"decision"``.
            inputs: Input channels.
            correct_choice: +1, -1, or 0 in catch trials, where both outputs stay low and every step counts.
            conditions: Further conditions that follow from the drawn ones.
            units: Their units.

        Returns:
            The trials.

        Raises:
            ValueError: If a decision epoch is not longer than the grace period.
        """
        deciding = epochs.during("decision")
        if not epochs.outlasts("decision", self.grace):
            raise ValueError(
                f"Every decision epoch must outlast the grace period of {self.grace:g} ms: lengthen 'decision'."
            )
        mask = either(epochs.during("fixation"), epochs.during("decision", after=self.grace))
        if not correct_choice.all():
            mask = mask | (correct_choice == 0)[:, None]
        return self._assemble(
            draws,
            epochs,
            inputs=inputs,
            targets={
                name: held(np.where(correct_choice == side, self.high, self.low), deciding, self.low)
                for name, side in zip(self.output_names, (-1, 1), strict=True)
            },
            mask=mask,
            conditions={"correct_choice": correct_choice, **(conditions or {})},
            units=units,
        )


def side_of(signal: NDArray[np.float64], draws: TrialDraws) -> NDArray[np.int64]:
    """Side of a signed signal; a signal of 0 goes to the side of a coin.

    Args:
        signal: Signed signal.
        draws: Random quantities, among them the coin.

    Returns:
        +1 or -1 for each trial.
    """
    side = np.sign(signal).astype(np.int64)
    tied = side == 0
    return np.where(tied, draws.coin("tie"), side).astype(np.int64) if tied.any() else side


def check_strengths(name: str, values: Sequence[float]) -> None:
    """Refuse signed strengths outside [-1, 1].

    Args:
        name: Name of the parameter.
        values: Strengths.

    Raises:
        ValueError: If there are none, one is out of range, or one comes twice.
    """
    if (
        len(values) == 0
        or len(set(values)) < len(values)
        or not all(math.isfinite(value) and abs(value) <= 1 for value in values)
    ):
        raise ValueError(f"{name} needs different signed strengths in [-1, 1]: got {values}.")
