r"""Kernels that smooth spike trains."""

__all__ = ["AbstractKernel", "Alpha", "Causal", "Gaussian"]

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from typing_extensions import override


class AbstractKernel(ABC):
    r"""A density :math:`K(t)` over the time from a spike to the rate it adds to.

    On bins of width :math:`h` the weight of lag :math:`j` is

    .. math:: w_j = \frac{1}{h^2} \int_0^h \! du \int_{jh}^{(j+1)h} \! dt \; K(t - u)
              = \frac{H((j+1)h) - 2 H(jh) + H((j-1)h)}{h}, \qquad H'' = K,

    the mean of the smoothed rate over a bin when a spike lies anywhere in its own. So the mean delay of the kernel is
    kept whatever the bin width, and a kernel much narrower than a bin does nothing.
    """

    @property
    @abstractmethod
    def reach(self) -> tuple[float, float]:
        """How far the kernel reaches back and forth in time, in ms; what is beyond is below 1e-6 of its mass."""

    @abstractmethod
    def integral(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """The second integral :math:`H(t)`, which vanishes at minus infinity.

        Args:
            t: Times in ms.

        Returns:
            Values in ms.
        """

    def weights(self, bin_width: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The kernel on bins.

        Args:
            bin_width: Width of a bin in ms.

        Returns:
            Lags in bins and their weights, which sum to 1.
        """
        back, forth = self.reach
        first = -math.ceil(back / bin_width) - (1 if back else 0)
        lags = np.arange(first, math.ceil(forth / bin_width) + 2)
        bounds = self.integral(np.arange(first - 1, lags[-1] + 2) * bin_width)
        weights = np.maximum(np.diff(bounds, 2), 0.0)
        return lags, weights / weights.sum()


@dataclass(frozen=True)
class Gaussian(AbstractKernel):
    r"""Normal density, which looks as far ahead as back.

    .. math:: K(t) = \frac{1}{\sqrt{2\pi}\,\sigma} e^{-t^2 / 2\sigma^2}

    Attributes:
        sd_ms: Standard deviation :math:`\sigma` in ms.

    Raises:
        ValueError: If it is not above 0.

    Examples:
        >>> lags, weights = Gaussian(10.0).weights(10.0)
        >>> float(weights[lags == 0][0].round(3)), float(weights[lags == 1][0].round(3))
        (0.369, 0.241)
    """

    sd_ms: float

    def __post_init__(self) -> None:
        _positive("sd_ms", self.sd_ms)

    @property
    @override
    def reach(self) -> tuple[float, float]:
        return 5.0 * self.sd_ms, 5.0 * self.sd_ms

    @override
    def integral(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        z = t / self.sd_ms
        result: NDArray[np.float64] = self.sd_ms * (
            z * ndtr(z) + np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
        )
        return result


@dataclass(frozen=True)
class Causal(AbstractKernel):
    r"""Half of an exponential, which never looks ahead.

    .. math:: K(t) = \frac{1}{\tau} e^{-t/\tau}, \quad t \geq 0

    Attributes:
        tau_ms: Time constant :math:`\tau` in ms, which is also the mean delay.

    Raises:
        ValueError: If it is not above 0.

    Examples:
        >>> lags, weights = Causal(50.0).weights(10.0)
        >>> lags[0].item(), round(float(lags @ weights) * 10.0, 2)   # no look ahead; the mean delay in ms
        (0, 50.0)
    """

    tau_ms: float

    def __post_init__(self) -> None:
        _positive("tau_ms", self.tau_ms)

    @property
    @override
    def reach(self) -> tuple[float, float]:
        return 0.0, 17.0 * self.tau_ms

    @override
    def integral(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        after = np.maximum(t, 0.0)
        result: NDArray[np.float64] = after + self.tau_ms * np.expm1(-after / self.tau_ms)
        return result


@dataclass(frozen=True)
class Alpha(AbstractKernel):
    r"""Alpha function, which never looks ahead and rises before it falls.

    .. math:: K(t) = \frac{t}{\tau^2} e^{-t/\tau}, \quad t \geq 0

    Attributes:
        tau_ms: Time of the peak :math:`\tau` in ms; the mean delay is twice that.

    Raises:
        ValueError: If it is not above 0.

    Examples:
        >>> lags, weights = Alpha(20.0).weights(5.0)
        >>> round(float(lags @ weights) * 5.0, 2)
        40.0
    """

    tau_ms: float

    def __post_init__(self) -> None:
        _positive("tau_ms", self.tau_ms)

    @property
    @override
    def reach(self) -> tuple[float, float]:
        return 0.0, 20.0 * self.tau_ms

    @override
    def integral(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        after = np.maximum(t, 0.0)
        fall = np.exp(-after / self.tau_ms)
        result: NDArray[np.float64] = after - 2 * self.tau_ms + (after + 2 * self.tau_ms) * fall
        return result


def _positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} must be a finite time in ms above 0: got {value}.")
