"""What tasks that ask several times in a trial share."""

__all__ = ["AbstractManyChoices"]

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.tasks._behaviour import as_array, check_grace, check_levels, window
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import Channel
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Timing
from neurornn.trials import Trials


@dataclass(frozen=True, kw_only=True)
class AbstractManyChoices(AbstractTask, ABC):
    """A choice between two outputs in each of the epochs ``"decision_1"``, ``"decision_2"``, ...

    The fixation input goes off in a decision epoch in which an answer is asked for, and only there: that is the go
    cue. The first output stands for choice -1, the second for +1; the correct one is high while an answer is asked
    for, both are low otherwise. The loss counts every step but those of the grace periods. What is asked in each
    decision is in the conditions ``asked_1``, ``asked_2``, ...: +1, -1, or 0 for nothing.

    Attributes:
        fixation: Duration of the first epoch.
        decision: Duration of each decision epoch.
        grace: Time in ms at the start of a decision epoch that is neither trained nor judged.
        high: Target of the chosen output.
        low: Target of the other one.
    """

    sigma_in: float = 0.05
    fixation: Timing = 300.0
    decision: Timing = 400.0
    grace: float = 100.0
    high: float = 1.0
    low: float = 0.2

    @property
    @abstractmethod
    def n_decisions(self) -> int:
        """Number of decision epochs."""

    @property
    def asked_names(self) -> tuple[str, ...]:
        """Names of the conditions that say what is asked."""
        return tuple(f"asked_{k + 1}" for k in range(self.n_decisions))

    @property
    def choice_names(self) -> tuple[str, ...]:
        """Names of the choices."""
        return tuple(f"choice_{k + 1}" for k in range(self.n_decisions))

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_grace(self.grace, self.decision, self.dt, field="decision", epoch="decision epochs")
        check_levels(self.high, self.low)

    def _ask(
        self,
        draws: TrialDraws,
        epochs: Epochs,
        *,
        inputs: Mapping[str, Channel],
        asked: NDArray[np.int64],
        conditions: Mapping[str, NDArray[Any]] | None = None,
        units: Mapping[str, str] | None = None,
    ) -> Trials:
        """Trials with fixation, targets and mask.

        Args:
            draws: Random quantities.
            epochs: Epochs, among them the decisions; those that ask nothing may have length 0.
            inputs: Input channels after the fixation.
            asked: +1, -1 or 0 for each decision, ``(batch, decision)``.
            conditions: Further conditions that follow from the drawn ones.
            units: Their units.

        Returns:
            The trials.

        Raises:
            ValueError: If a decision epoch is not longer than the grace period.
        """
        shape = (epochs.n_trials, epochs.n_steps)
        side: NDArray[np.int64] = np.zeros(shape, dtype=np.int64)
        graced = np.zeros(shape, dtype=bool)
        for k in range(self.n_decisions):
            name = f"decision_{k + 1}"
            deciding = epochs.during(name) & (asked[:, k] != 0)[:, None]
            judged = epochs.during(name, after=self.grace)
            if not (judged.any(axis=1) | (asked[:, k] == 0)).all():
                raise ValueError(
                    f"Every decision epoch must outlast the grace period of {self.grace:g} ms: lengthen 'decision'."
                )
            side = np.where(deciding, asked[:, k : k + 1], side)
            graced |= deciding & ~judged
        told = {name: asked[:, k] for k, name in enumerate(self.asked_names)}
        return self._assemble(
            draws,
            epochs,
            inputs={"fixation": side == 0, **inputs},
            targets={
                name: np.where(side == each, self.high, self.low)
                for name, each in zip(self.output_names, (-1, 1), strict=True)
            },
            mask=~graced,
            conditions={**told, **(conditions or {})},
            units=units,
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """Each choice is the output that is larger on average in its decision epoch, after the grace period.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"choice_1"``, ``"choice_2"``, ... (+1, -1, or 0 where nothing was asked or chosen), ``"correct_1"``, ...
            (1, 0, or NaN where nothing was asked), ``"correct"`` (whether all are right) and ``"performance"``.
        """
        y = as_array(trials, output)
        difference = y[..., 1] - y[..., 0]
        choices, right = [], []
        for k, name in enumerate(self.asked_names):
            asked = np.asarray(trials.conditions[name])
            inside = window(trials, f"decision_{k + 1}", after=self.grace) & (asked != 0)[:, None]
            total = np.sum(difference, axis=1, where=inside)
            choice = np.sign(np.nan_to_num(total, nan=0.0)).astype(np.int64)
            choices.append(choice)
            right.append(np.where(asked != 0, (choice == asked).astype(np.float64), np.nan))
        scores = np.stack(right, axis=1)
        correct = ((scores == 1) | np.isnan(scores)).all(axis=1)
        return {
            **dict(zip(self.choice_names, choices, strict=True)),
            **{f"correct_{k + 1}": each for k, each in enumerate(right)},
            "correct": correct,
            "performance": self._score(scores, correct),
        }

    def _score(self, scores: NDArray[np.float64], correct: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Performance of each trial: whether all decisions are right, unless a task says otherwise."""
        return correct.astype(np.float64)
