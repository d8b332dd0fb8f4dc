r"""What every measure between two populations shares: its contract, its checks and the folds it is fitted on."""

__all__ = ["INVARIANCES", "AbstractSimilarity", "Folds", "Scores", "condition_folds"]

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neurornn.random import derive_seed, uniform_array

Folds = Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]

INVARIANCES = {
    "unit permutation": "the order of the units",
    "unit scale": "a gain of each unit's own",
    "scale": "one gain for all units",
    "offset": "a constant added to each unit",
    "rotation": "an orthogonal map of unit space",
    "invertible map": "any invertible linear map of unit space",
    "condition permutation": "the order of the conditions, the same on both sides",
    "time permutation": "the order of the time steps, the same on both sides",
}
"""What a measure may be blind to. A name alone holds for both sides; ``"<name> of the model"`` or ``"... of the brain"``
for the first or the second population only."""


class Scores(NamedTuple):
    """What a measure says of two populations.

    Attributes:
        value: The score or the distance.
        per_unit: One score for each unit of the second population, NaN where it is not defined; None where the measure
            has none.
        bound: Where ``value`` comes from a search, a proven limit of how good the optimum can be: a lower bound of a
            distance. None where the value is exact.
    """

    value: float
    per_unit: NDArray[np.float64] | None = None
    bound: float | None = None

    @property
    def verified(self) -> bool:
        """Whether the value is exact, or within a millionth of its proven limit."""
        return self.bound is None or abs(self.value - self.bound) <= 1e-6 * max(1.0, abs(self.value))


class AbstractSimilarity(ABC):
    """A measure between the activity of two populations over the same conditions and times.

    The first population is called the model, the second the brain. A score of a population with itself is 1, and no
    score is larger; a distance of a population to itself is 0.

    Attributes:
        name: Short name, for tables.
        is_distance: Whether smaller is more similar.
        is_metric: Whether it is a distance that is symmetric and obeys the triangle inequality.
        fitted: Whether something is fitted between the two, on the training conditions of each fold, and the score is
            that of the held-out conditions. Chance is then about 0; elsewhere it is not, and a shuffle has to tell it.
        per_unit: Whether it scores every unit of the brain.
        needs_splits: Whether both arrays start with an axis of independent repetitions, ``(split, condition, time,
            unit)``: each split the average over trials of its own.
    """

    name: ClassVar[str]
    is_distance: ClassVar[bool] = False
    is_metric: ClassVar[bool] = False
    fitted: ClassVar[bool] = False
    per_unit: ClassVar[bool] = False
    needs_splits: ClassVar[bool] = False

    @property
    @abstractmethod
    def invariances(self) -> tuple[str, ...]:
        """What the measure is blind to: names of :data:`INVARIANCES`."""

    @property
    def perfect(self) -> float:
        """The value of a population with itself: 0 for a distance, 1 for a score."""
        return 0.0 if self.is_distance else 1.0

    @final
    def score(self, X: ArrayLike, Y: ArrayLike, folds: Folds | None = None) -> Scores:
        """Compare two populations.

        Args:
            X: Activity of the model ``(condition, time, unit)``, finite; with a leading axis of splits where
                ``needs_splits``.
            Y: Activity of the brain, the same conditions and times, units of its own.
            folds: Training and test conditions of each fold, as indices; needed where ``fitted``, and only there.

        Returns:
            The value, the values per unit where defined, and the bound where the value was searched for.

        Raises:
            ValueError: If the arrays do not match, are not finite, do not vary or are too few samples for the measure,
                or the folds are missing, not needed or do not split the conditions.
        """
        model = _checked(X, "X, the model,", self.needs_splits, self.name)
        brain = _checked(Y, "Y, the brain,", self.needs_splits, self.name)
        sides = ("splits", "conditions", "times")[3 - (model.ndim - 1) :]
        for axis, what in enumerate(sides):
            if what != "splits" and model.shape[axis] != brain.shape[axis]:
                raise ValueError(
                    f"Both populations need the same {what}: got {model.shape[axis]} in the model and "
                    f"{brain.shape[axis]} in the brain. Match them first."
                )
        if self.fitted:
            if folds is None:
                raise ValueError(
                    f"'{self.name}' is fitted, so it needs folds of held-out conditions. Pass folds=condition_folds(n_conditions)."
                )
            folds = _checked_folds(folds, model.shape[0])
        elif folds is not None:
            raise ValueError(
                f"'{self.name}' is not fitted across conditions and takes no folds: leave them out."
            )
        return self._score(model, brain, folds or ())

    @abstractmethod
    def _score(self, X: NDArray[np.float64], Y: NDArray[np.float64], folds: Folds) -> Scores:
        """The measure itself, of checked arrays; ``folds`` is empty where nothing is fitted."""


def condition_folds(
    n_conditions: int, *, n_folds: int = 5, seed: int = 0
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Split conditions at random into folds, each of which is held out once.

    Args:
        n_conditions: Number of conditions.
        n_folds: Number of folds, at most one for each condition.
        seed: Seed of the split.

    Returns:
        Training and test conditions of each fold, sorted.

    Raises:
        ValueError: If there are fewer than two folds or fewer conditions than folds.

    Examples:
        >>> folds = condition_folds(6, n_folds=3)
        >>> len(folds), sorted(int(k) for _, test in folds for k in test)
        (3, [0, 1, 2, 3, 4, 5])
    """
    if not 2 <= n_folds <= n_conditions:
        raise ValueError(
            f"n_folds must lie between 2 and the {n_conditions} conditions: got {n_folds}. Every fold holds out whole conditions."
        )
    order = np.argsort(uniform_array(derive_seed(seed, "condition folds"), n_conditions))
    folds = []
    for test in np.array_split(order, n_folds):
        held_out = np.sort(test)
        folds.append((np.setdiff1d(np.arange(n_conditions), held_out), held_out))
    return folds


def _checked(data: ArrayLike, who: str, splits: bool, name: str) -> NDArray[np.float64]:
    array = np.asarray(data, dtype=np.float64)
    dims = "(split, condition, time, unit)" if splits else "(condition, time, unit)"
    if array.ndim != 3 + splits or not array.size:
        raise ValueError(f"'{name}' takes arrays {dims}: {who} has shape {array.shape}.")
    if splits and array.shape[0] < 2:
        raise ValueError(f"'{name}' needs at least 2 independent splits: {who} has {array.shape[0]}.")
    missing = int((~np.isfinite(array)).sum())
    if missing:
        raise ValueError(
            f"{who} has {missing} values that are missing or not finite. Leave out units, conditions or times without data first."
        )
    flat = array.reshape(-1, array.shape[-1])
    if not (np.ptp(flat, axis=0) > 0).any():
        raise ValueError(f"{who} does not vary over conditions and times, so there is nothing to compare.")
    return array


def _checked_folds(folds: Folds, n_conditions: int) -> Folds:
    checked = []
    for k, fold in enumerate(folds):
        train, test = (np.asarray(part) for part in fold)
        for part, what in ((train, "training"), (test, "test")):
            if part.ndim != 1 or not part.size or not np.issubdtype(part.dtype, np.integer):
                raise ValueError(
                    f"Fold {k} needs the indices of its {what} conditions: got {part.dtype} of shape {part.shape}."
                )
            if part.min() < 0 or part.max() >= n_conditions:
                raise ValueError(
                    f"Fold {k} has {what} conditions from {part.min()} to {part.max()}, and there are {n_conditions}, numbered from 0."
                )
            if np.unique(part).size != part.size:
                raise ValueError(f"Fold {k} names a {what} condition twice.")
        shared = np.intersect1d(train, test)
        if shared.size:
            raise ValueError(
                f"Fold {k} has conditions both for training and for test: {', '.join(map(str, shared))}. Held-out conditions must be held out."
            )
        checked.append((train.astype(np.intp), test.astype(np.intp)))
    if not checked:
        raise ValueError("folds is empty: pass the training and test conditions of at least one fold.")
    return checked
