"""How long an epoch lasts: a fixed time or a distribution of times, in ms."""

__all__ = [
    "AbstractTiming",
    "Choice",
    "Fixed",
    "Timing",
    "TruncatedExponential",
    "Uniform",
    "as_timing",
    "to_steps",
]

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override


class AbstractTiming(ABC):
    """A distribution of durations in ms, given by its inverse cumulative distribution.

    A duration is the quantile of one uniform number, so it does not depend on the time step.
    """

    @abstractmethod
    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inverse of the cumulative distribution.

        Args:
            u: Probabilities in (0, 1), any shape.

        Returns:
            Durations in ms, same shape.
        """

    @property
    @abstractmethod
    def mean(self) -> float:
        """Mean in ms."""

    @property
    @abstractmethod
    def lower(self) -> float:
        """Shortest duration in ms."""

    @property
    @abstractmethod
    def upper(self) -> float:
        """Longest duration in ms."""


Timing = float | AbstractTiming
"""What a task accepts as the duration of an epoch: a number of ms or a distribution."""


@dataclass(frozen=True)
class Fixed(AbstractTiming):
    """Always the same duration.

    Attributes:
        value: Duration in ms, at least 0.

    Raises:
        ValueError: If the duration is negative or not finite.
    """

    value: float

    def __post_init__(self) -> None:
        _check_ordered("Fixed", self.value)

    @override
    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.full(np.shape(u), float(self.value))

    @property
    @override
    def mean(self) -> float:
        return float(self.value)

    @property
    @override
    def lower(self) -> float:
        return float(self.value)

    @property
    @override
    def upper(self) -> float:
        return float(self.value)


@dataclass(frozen=True)
class Uniform(AbstractTiming):
    """Any duration between two bounds, all equally likely.

    Attributes:
        low: Shortest duration in ms.
        high: Longest duration in ms.

    Raises:
        ValueError: If the bounds are negative, not finite or in the wrong order.

    Examples:
        >>> Uniform(200.0, 600.0).quantile(np.array([0.25]))
        array([300.])
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_ordered("Uniform", self.low, self.high)

    @override
    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.low + (self.high - self.low) * np.asarray(u)

    @property
    @override
    def mean(self) -> float:
        return 0.5 * (self.low + self.high)

    @property
    @override
    def lower(self) -> float:
        return float(self.low)

    @property
    @override
    def upper(self) -> float:
        return float(self.high)


@dataclass(frozen=True)
class TruncatedExponential(AbstractTiming):
    r"""Exponential durations kept between two bounds: the hazard is nearly flat until the upper bound.

    .. math:: p(t) \propto e^{-t / s}, \qquad t \in [a, b]

    where :math:`s` is the ``scale``, :math:`a` is ``low`` and :math:`b` is ``high``. This is what redrawing from
    an exponential of mean :math:`s` until the value falls between the bounds gives.

    Attributes:
        scale: Decay constant in ms. The mean of the truncated distribution is the property ``mean``.
        low: Shortest duration in ms.
        high: Longest duration in ms.

    Raises:
        ValueError: If the scale is not positive or the bounds are negative, not finite or in the wrong order.

    Examples:
        >>> round(TruncatedExponential(330.0, 80.0, 1500.0).mean, 1)
        390.5
    """

    scale: float
    low: float
    high: float

    def __post_init__(self) -> None:
        _check_ordered("TruncatedExponential", self.low, self.high)
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise ValueError(f"TruncatedExponential needs a finite scale above 0 ms: got {self.scale}.")

    @override
    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        inside = -math.expm1(-(self.high - self.low) / self.scale)
        return np.minimum(self.low - self.scale * np.log1p(-inside * np.asarray(u)), self.high)

    @property
    @override
    def mean(self) -> float:
        width = (self.high - self.low) / self.scale
        lost = 0.0 if width > 700 else (width / math.expm1(width) if width > 0 else 1.0)
        return self.low + self.scale * (1.0 - lost)

    @property
    @override
    def lower(self) -> float:
        return float(self.low)

    @property
    @override
    def upper(self) -> float:
        return float(self.high)


@dataclass(frozen=True)
class Choice(AbstractTiming):
    """One of a few durations, all equally likely; each is a condition of a balanced batch.

    Attributes:
        values: Durations in ms.

    Raises:
        ValueError: If there are none, or one is negative or not finite.
    """

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", tuple(float(value) for value in self.values))
        if not self.values:
            raise ValueError("Choice needs at least one duration: got none.")
        _check_ordered("Choice", *sorted(self.values))

    @override
    def quantile(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array(self.values)[np.floor(np.asarray(u) * len(self.values)).astype(np.int64)]

    @property
    @override
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    @override
    def lower(self) -> float:
        return min(self.values)

    @property
    @override
    def upper(self) -> float:
        return max(self.values)


def as_timing(value: Timing) -> AbstractTiming:
    """A number of ms as a :class:`Fixed` timing; a distribution passes through.

    Args:
        value: Number of ms or distribution.

    Returns:
        A distribution.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(value, AbstractTiming):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise ValueError(
            f"A duration is a number of ms or a distribution (Fixed, Uniform, TruncatedExponential, Choice): got {value!r}."
        )
    return Fixed(float(value))


def to_steps(ms: NDArray[np.floating[Any]] | float, dt: float) -> NDArray[np.int64]:
    """Number of time steps nearest to a duration; half a step rounds up.

    Args:
        ms: Durations in ms.
        dt: Time step in ms.

    Returns:
        Whole numbers of steps, shape of ``ms``.

    Examples:
        >>> to_steps(np.array([100.0, 110.0, 109.0]), 20.0).tolist()
        [5, 6, 5]
    """
    return np.floor(np.asarray(ms, dtype=np.float64) / dt + (0.5 + 1e-9)).astype(np.int64)


def _check_ordered(name: str, *bounds: float) -> None:
    finite = all(math.isfinite(bound) and bound >= 0 for bound in bounds)
    if not finite or any(a > b for a, b in pairwise(bounds)):
        raise ValueError(f"{name} needs durations in ms, finite, at least 0 and low <= high: got {bounds}.")
