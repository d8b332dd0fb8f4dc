"""Everything random in a batch of trials: its conditions, and streams of numbers."""

__all__ = ["Split", "TrialDraws"]

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neurornn.tasks._epochs import repeated
from neurornn.tasks._given import check_known, replacement
from neurornn.tasks._streams import Split as Split
from neurornn.tasks._streams import Streams
from neurornn.tasks._timing import Choice, Fixed, Timing, as_timing, to_steps


class TrialDraws(Streams):
    """The random quantities of a batch of trials.

    A quantity with one value for each trial (a choice, a duration, a uniform number) is a condition: it is
    recorded under its name, and a value given in ``conditions`` replaces it. In a balanced batch the choices are
    not random: they run through their full cross product, the first one fastest.

    Args:
        seed: Seed of the batch.
        index: Absolute trial numbers.
        dt: Time step in ms.
        task: Name of the task; tasks do not share random numbers.
        split: Which trials: splits do not share random numbers, nor train and test the values held out.
        balanced: Enumerate the choices instead of drawing them.
        conditions: Values to use instead of drawing, one number or one value for each trial.

    Raises:
        ValueError: If a trial number is out of range or there is no such split.

    Examples:
        >>> draws = TrialDraws(0, np.arange(4), dt=20.0, balanced=True)
        >>> draws.choice("side", ("left", "right")).tolist()
        ['left', 'right', 'left', 'right']
        >>> draws.choice("strength", (0.1, 0.5)).tolist()
        [0.1, 0.1, 0.5, 0.5]
        >>> draws.n_cells
        4
    """

    def __init__(
        self,
        seed: int,
        index: NDArray[np.int64],
        *,
        dt: float,
        task: str = "",
        split: Split = "train",
        balanced: bool = False,
        conditions: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(seed, index, task=task, split=split)
        self.dt, self.balanced = float(dt), balanced
        self.given = dict(conditions or {})
        self.conditions: dict[str, NDArray[np.generic]] = {}
        self.units: dict[str, str] = {}
        self.names: list[str] = []
        self.factors: list[str] = []
        self.n_cells = 1

    def uniform(
        self,
        name: str,
        low: float = 0.0,
        high: float = 1.0,
        *,
        unit: str = "",
        held_out: tuple[float, float] | None = None,
    ) -> NDArray[np.float64]:
        """A number between two bounds.

        Args:
            name: Name of the condition.
            low: Lower bound.
            high: Upper bound.
            unit: Unit, if it has one.
            held_out: Interval that training never shows and a test shows alone.

        Returns:
            One number for each trial.

        Raises:
            ValueError: If the held-out interval does not lie within the bounds, or leaves nothing.
        """
        u = self._unit(name)
        if held_out is None or self.split == "all":
            return self._record(name, low + (high - low) * u, unit)
        a, b = held_out
        if not low <= a < b <= high or b - a >= high - low:
            raise ValueError(
                f"The held-out values of '{name}' must be a part of {low} to {high}: got {held_out}."
            )
        if self.split == "test":
            return self._record(name, a + (b - a) * u, unit)
        place = low + (high - low - (b - a)) * u
        return self._record(name, np.where(place < a, place, place + (b - a)), unit)

    def choice(
        self,
        name: str,
        values: Sequence[Any] | NDArray[Any],
        *,
        unit: str = "",
        factor: bool = True,
        held_out: Sequence[Any] = (),
    ) -> NDArray[Any]:
        """One of a few values, all equally likely.

        Args:
            name: Name of the condition.
            values: Values to choose from.
            unit: Unit, if it has one.
            factor: Whether a balanced batch enumerates the values; False leaves a nuisance variable random.
            held_out: Those of the values that training never shows and a test shows alone.

        Returns:
            One value for each trial.

        Raises:
            ValueError: If there is nothing to choose from, or what is held out is not among the values.
        """
        options = np.asarray(values)
        if options.ndim != 1 or options.size == 0:
            raise ValueError(f"'{name}' needs a list of at least one value to choose from: got {values!r}.")
        shown = options
        if len(held_out):
            hidden = np.isin(options, np.asarray(held_out))
            if hidden.sum() != len(set(held_out)) or hidden.all():
                raise ValueError(
                    f"The held-out values of '{name}' must be some, not all, of {options.tolist()}: got {list(held_out)}."
                )
            shown = {"train": options[~hidden], "test": options[hidden], "all": options}[self.split]
        picked = self._pick((name,), shown.size, factor)
        return self._record(name, shown[picked], unit, options)

    def together(
        self, names: Sequence[str], rows: Sequence[Sequence[float]], *, unit: str = ""
    ) -> tuple[NDArray[np.float64], ...]:
        """Several numbers chosen jointly: one row of a table.

        Args:
            names: Name of each column.
            rows: Rows to choose from, all equally likely.
            unit: Unit of all columns, if they have one.

        Returns:
            One array for each column, one number for each trial.

        Raises:
            ValueError: If the rows do not fit the names.
        """
        table = np.asarray(rows, dtype=np.float64)
        if table.ndim != 2 or table.shape[0] == 0 or table.shape[1] != len(names):
            raise ValueError(f"{', '.join(names)} need rows of {len(names)} numbers: got {rows!r}.")
        picked = self._pick(tuple(names), table.shape[0], True)
        return tuple(self._record(name, table[picked, i], unit) for i, name in enumerate(names))

    def duration(self, name: str, timing: Timing, *, optional: bool = False) -> NDArray[np.int64]:
        """Length of an epoch in steps, drawn in ms and then rounded, half a step up.

        Recorded in ms unless it is fixed; a :class:`~neurornn.tasks.Choice` is enumerated in a balanced batch.

        Args:
            name: Name of the epoch.
            timing: Number of ms or distribution.
            optional: Whether the epoch may have length 0.

        Returns:
            A number of steps for each trial; a fixed one is an array to look at and not to write to.

        Raises:
            ValueError: If a duration is shorter than one step or not finite.
        """
        if (
            isinstance(timing, float | int)
            and not isinstance(timing, bool)
            and (self.dt <= timing < math.inf or (optional and timing == 0))
            and name not in self.given
        ):
            steps = _fixed(float(timing), self.dt, self.n_trials)
            self._claim(name)
            self.names.append(name)
            return steps
        timing = as_timing(timing)
        shortest = timing.lower
        if name in self.given:
            shortest = float(replacement(name, self.given[name], np.zeros(self.n_trials)).min())
        if shortest < self.dt and not (optional and shortest == 0):
            raise ValueError(
                f"dt must be at most as long as the shortest epoch: got dt={self.dt:g} ms and '{name}' of {shortest:g} ms. "
                f"Reduce dt or lengthen '{name}'."
            )
        if isinstance(timing, Fixed) and name not in self.given:
            self._claim(name)
            self.names.append(name)
            return _fixed(timing.value, self.dt, self.n_trials)
        if isinstance(timing, Choice):
            ms = np.array(timing.values)[self._pick((name,), len(timing.values), True)]
        else:
            ms = timing.quantile(self._unit(name))
        steps = to_steps(self._record(name, ms, "ms"), self.dt)
        self.conditions[name] = steps * self.dt
        return steps

    def chance(self, name: str, probability: float) -> NDArray[np.bool_]:
        """Whether a rare kind of trial, such as a catch trial, happens. A balanced batch has none.

        Args:
            name: Name of the condition.
            probability: Probability for each trial.

        Returns:
            Booleans, one for each trial.

        Raises:
            ValueError: If the probability is outside [0, 1].
        """
        if not 0 <= probability <= 1:
            raise ValueError(f"The probability of '{name}' must lie in [0, 1]: got {probability}.")
        if self.balanced or probability == 0:
            self._claim(name)
            happens: NDArray[np.bool_] = np.zeros(self.n_trials, dtype=np.bool_)
        else:
            happens = self._unit(name) < probability
        return self._record(name, happens, "", np.array([False, True]))

    def coin(self, name: str) -> NDArray[np.float64]:
        """A fair coin that is no condition, for instance to settle a tie.

        Args:
            name: Name of the stream.

        Returns:
            +1 or -1 for each trial.
        """
        return np.where(self._unit(name) < 0.5, -1.0, 1.0)

    def check_given(self, derived: Iterable[str] = ()) -> None:
        """Refuse conditions that nothing was drawn for.

        Args:
            derived: Names of conditions that follow from others.
        """
        check_known(self.given, self.names, derived, self.task)

    def _pick(self, names: tuple[str, ...], n_options: int, factor: bool) -> NDArray[np.int64]:
        """Index of the option of each trial: a random one, or the digit of a mixed-radix number if balanced."""
        u = self._unit(names[0])
        random = np.minimum((u * n_options).astype(np.int64), n_options - 1)
        if not factor or all(name in self.given for name in names):
            return random
        before = self.n_cells
        self.n_cells *= n_options
        self.factors.extend(names)
        return (self.index // before) % n_options if self.balanced else random

    def _record(
        self, name: str, drawn: NDArray[Any], unit: str, options: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        if name in self.names:
            raise ValueError(f"'{name}' was drawn twice: conditions need different names.")
        self.names.append(name)
        values = replacement(name, self.given[name], drawn, options) if name in self.given else drawn
        self.conditions[name] = values
        if unit:
            self.units[name] = unit
        return values


@functools.lru_cache(maxsize=256)
def _fixed(ms: float, dt: float, n_trials: int) -> NDArray[np.int64]:
    """Steps of a duration that all trials share; asked for in every batch."""
    steps = repeated(np.array([to_steps(ms, dt)]), n_trials)
    steps.flags.writeable = False
    return steps
