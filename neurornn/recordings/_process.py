r"""Inhomogeneous Poisson processes of piecewise-constant rate, drawn exactly and all at once."""

__all__ = ["Keys", "draw"]

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtr, pdtrik

from neurornn.random import counter_uniform, derive_seed

_MOST_TRIALS = 2**24
_MOST_UNITS = 2**16
_MOST_SPIKES = 2**24


class Keys(NamedTuple):
    """Streams of random numbers of a recording, and what they are counted by.

    Attributes:
        seed: Seed.
        trials: Number of each trial.
        units: Number of each unit.
    """

    seed: int
    trials: NDArray[np.int64]
    units: NDArray[np.int64]

    def uniform(self, stream: str) -> NDArray[np.float64]:
        """One number for each trial and unit, ``(trial, unit)``."""
        return counter_uniform(derive_seed(self.seed, stream), self._cells())

    def spike_uniform(self, cell: NDArray[np.intp], number: NDArray[np.int64]) -> NDArray[np.float64]:
        """One number for each spike, from its trial and unit and its number among theirs."""
        counter = self._cells().reshape(-1)[cell] + number.astype(np.uint64)
        return counter_uniform(derive_seed(self.seed, "spike"), counter)

    def check(self) -> None:
        """Refuse numbers that would not fit beside each other in a counter.

        Raises:
            ValueError: If a number is negative, too large or occurs twice.
        """
        for name, numbers, most in (
            ("trial", self.trials, _MOST_TRIALS),
            ("unit", self.units, _MOST_UNITS),
        ):
            if numbers.size and (numbers.min() < 0 or numbers.max() >= most):
                raise ValueError(
                    f"The {name}s are numbered from {numbers.min()} to {numbers.max()}: numbers from 0 to {most - 1} are "
                    f"needed. Renumber them: ds.assign_coords({name}=range(ds.sizes['{name}']))."
                )
            if np.unique(numbers).size < numbers.size:
                raise ValueError(
                    f"Two {name}s have the same number and would get the same randomness. Renumber them: "
                    f"ds.assign_coords({name}=range(ds.sizes['{name}']))."
                )

    def _cells(self) -> NDArray[np.uint64]:
        trials, units = self.trials.astype(np.uint64), self.units.astype(np.uint64)
        cells: NDArray[np.uint64] = (trials[:, None] << np.uint64(40)) + (units[None] << np.uint64(24))
        return cells


def draw(
    expected: NDArray[np.float64], keys: Keys
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    r"""Spikes of every trial and unit.

    The number of spikes follows from one uniform number by inversion of the Poisson distribution with mean
    :math:`\Lambda_T`; given their number, spikes of a Poisson process are independent and each lies where
    the cumulative rate reaches :math:`u \Lambda_T`.

    Args:
        expected: Expected spikes in each step, at least 0, ``(trial, step, unit)``.
        keys: Streams of random numbers.

    Returns:
        For each spike its cell (``trial * n_units + unit``), its step, and where in the step it lies, in [0, 1);
        sorted by cell and time.

    Raises:
        ValueError: If a trial of a unit is expected to have millions of spikes.
    """
    n_trials, n_steps, n_units = expected.shape
    reached = np.cumsum(expected.transpose(0, 2, 1).reshape(-1, n_steps), axis=1)
    total = reached[:, -1] if n_steps else np.zeros(n_trials * n_units)
    if total.size and total.max() > _MOST_SPIKES / 2:
        raise ValueError(
            f"A unit is expected to fire {total.max():.3g} spikes in a trial. Reduce the rate scale."
        )
    number = _poisson(total, keys.uniform("count").reshape(-1))
    cell = np.repeat(np.arange(total.size), number)
    first = np.cumsum(number) - number
    u = keys.spike_uniform(cell, np.arange(cell.size) - first[cell])
    u = u[np.lexsort((u, cell))]
    target = np.minimum(u * total[cell], np.nextafter(total[cell], 0.0))
    step = _first_above(reached, cell, target)
    end = reached[cell, step]
    begin = np.where(step > 0, reached[cell, step - 1], 0.0)
    within = (target - begin) / (end - begin)
    return cell, step, np.clip(within, 0.0, np.nextafter(1.0, 0.0))


def _poisson(mean: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.int64]:
    """The smallest count whose cumulative probability reaches ``u``."""
    count: NDArray[np.int64] = np.zeros(mean.shape, dtype=np.int64)
    active = u > np.exp(-mean)
    m, v = mean[active], u[active]
    k = np.ceil(pdtrik(v, m)) if m.size else m
    k -= (k > 0) & (pdtr(k - 1, m) >= v)  # the inverse is off by rounding where it is a whole number
    count[active] = np.maximum(k, 1)
    return count


def _first_above(
    reached: NDArray[np.float64], row: NDArray[np.intp], target: NDArray[np.float64]
) -> NDArray[np.intp]:
    """For each target the first column of its row that lies above it, by bisection of all at once."""
    low: NDArray[np.intp] = np.zeros(row.size, dtype=np.intp)
    high: NDArray[np.intp] = np.full(row.size, reached.shape[1] - 1, dtype=np.intp)
    for _ in range(max(0, reached.shape[1] - 1).bit_length()):
        middle = (low + high) // 2
        above = reached[row, middle] > target
        high = np.where(above, middle, high)
        low = np.where(above, low, np.minimum(middle + 1, high))
    return low
