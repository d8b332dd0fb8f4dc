"""What happens in each trial of a ring task, in a few numbers: epochs, stimuli, and where to respond."""

__all__ = ["EPOCHS", "Item", "Plan"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurornn.tasks._epochs import Epochs

EPOCHS = ("fixation", "stimulus", "delay", "second_stimulus", "second_delay", "response")
"""All epochs a ring task may have, in their order; a task that lacks one gives it no time."""

N_ITEMS = 4  # two stimuli in each of two modalities


@dataclass(frozen=True)
class Item:
    """A stimulus of each trial.

    Attributes:
        angle: Direction in degrees, one for each trial.
        strength: Factor of its bump.
        modality: 1 or 2.
        epochs: Epochs during which it is on: the first and the last of them.
        place: 0, or 1 for the second of two stimuli that are on at the same time in the same modality.
    """

    angle: NDArray[np.float64]
    strength: NDArray[np.float64] | float
    modality: NDArray[Any] | int
    epochs: tuple[str, str]
    place: int = 0


@dataclass
class Plan:
    """Trials before they become arrays over time.

    Attributes:
        steps: Length of each of :data:`EPOCHS` in steps, ``(trial, epoch)``.
        angle: Directions of the stimuli, ``(trial, item)``.
        strength: Their strengths, 0 where there is none.
        modality: Their modality, 0 or 1.
        place: Their place within the modality.
        first: Number of the epoch that a stimulus starts with.
        last: Number of the epoch that it ends with.
        go_cue: Whether the fixation input goes off when the response is due.
        response: Direction to respond to, NaN where fixation has to go on.
        conditions: What is known about each trial.
        units: Units of the conditions.
    """

    steps: NDArray[np.int64]
    angle: NDArray[np.float64]
    strength: NDArray[np.float64]
    modality: NDArray[np.int64]
    place: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    go_cue: NDArray[np.bool_]
    response: NDArray[np.float64]
    conditions: dict[str, NDArray[Any]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)

    @classmethod
    def empty(cls, n_trials: int) -> "Plan":
        """Trials in which nothing happens, to be filled in.

        Args:
            n_trials: Number of trials.

        Returns:
            The plan.
        """
        items = (n_trials, N_ITEMS)
        return cls(
            steps=np.zeros((n_trials, len(EPOCHS)), dtype=np.int64),
            angle=np.zeros(items),
            strength=np.zeros(items),
            modality=np.zeros(items, dtype=np.int64),
            place=np.zeros(items, dtype=np.int64),
            first=np.zeros(items, dtype=np.int64),
            last=np.zeros(items, dtype=np.int64),
            go_cue=np.zeros(n_trials, dtype=bool),
            response=np.full(n_trials, np.nan),
        )

    @classmethod
    def of(
        cls,
        steps: Mapping[str, NDArray[np.int64]],
        items: Sequence[Item],
        *,
        response: NDArray[np.float64],
        go_cue: bool,
        conditions: Mapping[str, NDArray[Any]],
        units: Mapping[str, str],
    ) -> "Plan":
        """The plan of the trials of one task.

        Args:
            steps: Length of its epochs in steps.
            items: Stimuli, at most four.
            response: Direction to respond to, NaN where fixation has to go on.
            go_cue: Whether the fixation input goes off when the response is due.
            conditions: What is known about each trial.
            units: Units of the conditions.

        Returns:
            The plan.
        """
        plan = cls.empty(response.size)
        for name, each in steps.items():
            plan.steps[:, EPOCHS.index(name)] = each
        for i, item in enumerate(items):
            plan.angle[:, i], plan.strength[:, i] = item.angle, item.strength
            plan.modality[:, i], plan.place[:, i] = np.asarray(item.modality) - 1, item.place
            plan.first[:, i], plan.last[:, i] = (EPOCHS.index(name) for name in item.epochs)
        plan.response[:], plan.go_cue[:] = response, go_cue
        plan.conditions, plan.units = dict(conditions), dict(units)
        return plan

    def put(self, rows: NDArray[np.intp], other: "Plan") -> None:
        """Fill in some trials; a condition that others do not have is NaN in these.

        Args:
            rows: Which trials.
            other: Their plan.
        """
        for name in (
            "steps",
            "angle",
            "strength",
            "modality",
            "place",
            "first",
            "last",
            "go_cue",
            "response",
        ):
            getattr(self, name)[rows] = getattr(other, name)
        for name, values in other.conditions.items():
            column = self.conditions.setdefault(name, np.full(self.response.size, np.nan))
            column[rows] = values
        self.units.update(other.units)

    def epochs(self, dt: float, names: Sequence[str]) -> Epochs:
        """The epochs.

        Args:
            dt: Time step in ms.
            names: Those of :data:`EPOCHS` that the task has.

        Returns:
            Epochs with these names; the others take no time.
        """
        return Epochs(dt, {name: self.steps[:, EPOCHS.index(name)] for name in names})

    def shown(self, n_steps: int) -> NDArray[np.float32]:
        """When each stimulus is on.

        Args:
            n_steps: Number of steps.

        Returns:
            1 or 0, ``(trial, time, item)``.
        """
        stop = np.cumsum(self.steps, axis=1)
        start = np.take_along_axis(stop - self.steps, self.first, axis=1)[:, None]
        end = np.take_along_axis(stop, self.last, axis=1)[:, None]
        step = np.arange(n_steps)[None, :, None]
        return ((step >= start) & (step < end)).astype(np.float32)
