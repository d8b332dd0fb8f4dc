r"""Shapes of psychometric functions."""

__all__ = ["AbstractPsychometricFunction", "CumulativeGaussian", "Logistic", "Weibull"]

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr
from typing_extensions import override


class AbstractPsychometricFunction(ABC):
    r"""A sigmoid :math:`F(\eta)` of a line :math:`\eta = a + b\,u` in the, possibly transformed, stimulus :math:`u`.

    Attributes:
        bias_name: What the location of the function is called.
        two_sided: Whether the stimulus takes both signs and the slope either direction.
    """

    bias_name: ClassVar[str]
    two_sided: ClassVar[bool]

    @property
    @abstractmethod
    def lower_asymptote(self) -> float | None:
        """Probability without any stimulus, if the function fixes it; None if it is a free lapse rate."""

    @abstractmethod
    def cdf(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sigmoid F.

        Args:
            eta: Any shape.

        Returns:
            Numbers between 0 and 1.
        """

    @abstractmethod
    def sf(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """One minus the sigmoid, exact in the upper tail.

        Args:
            eta: Any shape.

        Returns:
            Numbers between 0 and 1.
        """

    @abstractmethod
    def pdf(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Derivative of the sigmoid.

        Args:
            eta: Any shape.

        Returns:
            Numbers of at least 0.
        """

    def transform(self, stimulus: NDArray[np.float64]) -> NDArray[np.float64]:
        """The axis on which the function is a sigmoid; the stimulus itself unless a family says otherwise.

        Args:
            stimulus: Stimuli.

        Returns:
            Transformed stimuli.
        """
        return stimulus

    def untransform(self, position: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inverse of :meth:`transform`.

        Args:
            position: Transformed stimuli.

        Returns:
            Stimuli.
        """
        return position


@dataclass(frozen=True)
class Logistic(AbstractPsychometricFunction):
    r""":math:`F = 1 / (1 + e^{-\eta})`, :math:`\eta = \text{slope}\,(x - \text{bias})`.

    Examples:
        >>> Logistic().cdf(np.array([0.0, np.log(3.0)])).tolist()
        [0.5, 0.75]
    """

    bias_name: ClassVar[str] = "bias"
    two_sided: ClassVar[bool] = True

    @property
    @override
    def lower_asymptote(self) -> None:
        return None

    @override
    def cdf(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        return expit(eta)

    @override
    def sf(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        return expit(-eta)

    @override
    def pdf(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        return expit(eta) * expit(-eta)


@dataclass(frozen=True)
class CumulativeGaussian(AbstractPsychometricFunction):
    r""":math:`F = \Phi(\eta)`, :math:`\eta = \text{slope}\,(x - \text{bias})`.

    One over the slope is the standard deviation of the noise on the stimulus.

    Examples:
        >>> CumulativeGaussian().cdf(np.array([0.0])).tolist()
        [0.5]
    """

    bias_name: ClassVar[str] = "bias"
    two_sided: ClassVar[bool] = True

    @property
    @override
    def lower_asymptote(self) -> None:
        return None

    @override
    def cdf(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        return ndtr(eta)

    @override
    def sf(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        return ndtr(-eta)

    @override
    def pdf(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.exp(-0.5 * eta**2) / np.sqrt(2 * np.pi)


@dataclass(frozen=True)
class Weibull(AbstractPsychometricFunction):
    r""":math:`F = 1 - \exp(-(x / \text{threshold})^{\text{slope}})` for a stimulus strength :math:`x \ge 0`.

    For the probability of a correct answer: at :math:`x = 0` it is ``guess``, and where the strength equals the
    threshold it has come 63 % of the way to the upper asymptote.

    Attributes:
        guess: Probability of a correct guess, one over the number of alternatives.

    Raises:
        ValueError: If the guess rate is not in [0, 1).

    Examples:
        >>> w = Weibull()
        >>> eta = 1.5 * (w.transform(np.array([0.0, 2.0])) - np.log(2.0))   # threshold 2, slope 1.5
        >>> w.cdf(eta).round(4).tolist()
        [0.0, 0.6321]
    """

    guess: float = 0.5

    bias_name: ClassVar[str] = "threshold"
    two_sided: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not 0 <= self.guess < 1:
            raise ValueError(f"guess must lie in [0, 1): got {self.guess}.")

    @property
    @override
    def lower_asymptote(self) -> float:
        return self.guess

    @override
    def cdf(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        return -np.expm1(-np.exp(np.minimum(eta, 50.0)))

    @override
    def sf(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.exp(-np.exp(np.minimum(eta, 50.0)))

    @override
    def pdf(self, eta: NDArray[np.float64]) -> NDArray[np.float64]:
        rate = np.exp(np.minimum(eta, 50.0))
        return rate * np.exp(-rate)

    @override
    def transform(self, stimulus: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.log(np.maximum(stimulus, 1e-300))

    @override
    def untransform(self, position: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.exp(position)
