"""Where states are drawn from when basins are measured: a basin has a size only under a distribution."""

__all__ = ["AbstractSampler", "Box", "Given", "Normal"]

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.random import normal_array, uniform_array


class AbstractSampler(ABC):
    """A distribution of states. State number ``k`` depends on the key and on ``k`` alone."""

    @property
    @abstractmethod
    def n_units(self) -> int:
        """Dimension of the states."""

    @property
    def n_available(self) -> int | None:
        """How many states there are, None if any number can be drawn."""
        return None

    @abstractmethod
    def draw(self, key: int, n: int) -> NDArray[np.float64]:
        """The first ``n`` states.

        Args:
            key: Stream key.
            n: How many.

        Returns:
            States ``(n, unit)``.
        """

    @abstractmethod
    def describe(self) -> str:
        """The distribution in words."""


@final
@dataclass(frozen=True, eq=False)
class Box(AbstractSampler):
    """States spread evenly over a box.

    Attributes:
        low: Lower corner, ``(unit,)``.
        high: Upper corner, ``(unit,)``.

    Raises:
        ValueError: If the corners do not fit together.

    Examples:
        >>> states = Box([-1.0, 0.0], [1.0, 3.0]).draw(7, 1000)
        >>> bool((abs(states - [0.0, 1.5]) < [1.0, 1.5]).all())
        True
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]

    def __post_init__(self) -> None:
        low, high = (np.array(each, dtype=np.float64) for each in (self.low, self.high))
        if (
            low.ndim != 1
            or low.shape != high.shape
            or not np.isfinite(high - low).all()
            or (low > high).any()
        ):
            raise ValueError(
                f"A box has a lower and an upper corner, (unit,) each: got low={low.tolist()} and high={high.tolist()}."
            )
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)

    @property
    @override
    def n_units(self) -> int:
        return self.low.size

    @override
    def draw(self, key: int, n: int) -> NDArray[np.float64]:
        return self.low + (self.high - self.low) * uniform_array(key, n, self.n_units)

    @override
    def describe(self) -> str:
        return f"uniform in a box, sides {(self.high - self.low).min():.3g} to {(self.high - self.low).max():.3g}"


@final
@dataclass(frozen=True, eq=False)
class Normal(AbstractSampler):
    """Normally distributed states.

    Attributes:
        mean: Mean, ``(unit,)``.
        covariance: Covariance ``(unit, unit)``, or a standard deviation common to all units.

    Raises:
        ValueError: If the shapes do not fit or the covariance is none.
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64] | float = 1.0

    def __post_init__(self) -> None:
        mean = np.array(self.mean, dtype=np.float64)
        given = np.array(self.covariance, dtype=np.float64)
        if mean.ndim != 1 or given.shape not in {(), (mean.size, mean.size)}:
            raise ValueError(
                "Normal takes a mean (unit,) and a covariance (unit, unit) or one standard deviation: got shapes "
                f"{mean.shape} and {given.shape}."
            )
        matrix = given if given.ndim else given**2 * np.eye(mean.size)
        finite = np.isfinite(matrix).all() and np.isfinite(mean).all()
        if (
            not finite
            or not np.allclose(matrix, matrix.T)
            or np.linalg.eigvalsh(matrix)[0] < -1e-10 * np.trace(matrix)
        ):
            raise ValueError(
                "A covariance is symmetric, finite and has no negative eigenvalue: this one is not."
            )
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "covariance", matrix)

    @property
    @override
    def n_units(self) -> int:
        return self.mean.size

    @override
    def draw(self, key: int, n: int) -> NDArray[np.float64]:
        values, vectors = np.linalg.eigh(self.covariance)
        spread = vectors * np.sqrt(np.maximum(values, 0.0))
        return self.mean + normal_array(key, n, self.n_units) @ spread.T

    @override
    def describe(self) -> str:
        size = np.sqrt(np.trace(np.atleast_2d(self.covariance)) / self.n_units)
        return f"normal, standard deviation {size:.3g}"


@final
@dataclass(frozen=True, eq=False)
class Given(AbstractSampler):
    """States given one by one, for instance those that trials visited, taken in their order.

    Intervals then speak of the population that the states are an independent sample of. Neighbours in time are no
    independent sample: give one state for each trial.

    Attributes:
        states: States ``(state, unit)``.

    Raises:
        ValueError: If there is no state or one is not finite.
    """

    states: NDArray[np.float64]

    def __post_init__(self) -> None:
        states = np.array(self.states, dtype=np.float64)
        if states.ndim != 2 or not len(states) or not np.isfinite(states).all():
            raise ValueError(f"Given takes finite states (state, unit): got shape {states.shape}.")
        object.__setattr__(self, "states", states)

    @property
    @override
    def n_units(self) -> int:
        return self.states.shape[1]

    @property
    @override
    def n_available(self) -> int | None:
        return len(self.states)

    @override
    def draw(self, key: int, n: int) -> NDArray[np.float64]:
        return self.states[:n]

    @override
    def describe(self) -> str:
        return f"{len(self.states)} states given"
