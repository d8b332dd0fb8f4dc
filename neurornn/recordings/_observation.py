r"""What stands between a firing rate and the spikes an experimenter sees: variability, drift, sessions."""

__all__ = ["AbstractObservation", "GainDrift", "NegativeBinomial", "Poisson", "Sessions"]

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.special import gammaincinv
from typing_extensions import override

from neurornn.random import counter_normal, derive_seed


class AbstractObservation(ABC):
    """How counts vary from trial to trial when the rate of a unit does not."""

    @abstractmethod
    def gains(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Factor on the rate of a unit in a trial, with mean 1.

        Args:
            u: Uniform numbers on (0, 1), one for each trial and unit.

        Returns:
            Gains, same shape.
        """


@dataclass(frozen=True)
class Poisson(AbstractObservation):
    """Spikes that know of nothing but the rate: counts with a variance equal to their mean (Fano factor 1)."""

    @override
    def gains(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.ones_like(u)


@dataclass(frozen=True)
class NegativeBinomial(AbstractObservation):
    r"""Poisson spikes whose rate is multiplied by a random gain in each trial of each unit.

    The gain follows a gamma distribution with mean 1 and variance :math:`1/k`, with :math:`k` the ``dispersion``. The
    count in any window of a trial is then negative binomial, with mean :math:`\mu` and

    .. math:: \mathrm{Var} = \mu + \frac{\mu^2}{k}, \qquad F = 1 + \frac{\mu}{k}

    Large :math:`k` approaches a Poisson process. Counts of the same unit in two windows of a trial are correlated, those of
    two units are not.

    Attributes:
        dispersion: :math:`k`, above 0 and finite.

    Raises:
        ValueError: If the dispersion is not a finite number above 0.

    References:
        Partitioning neuronal variability (Goris, Movshon & Simoncelli, 2014) https://doi.org/10.1038/nn.3711
    """

    dispersion: float

    def __post_init__(self) -> None:
        if not 0 < self.dispersion < math.inf:
            raise ValueError(
                f"dispersion must be a finite number above 0: got {self.dispersion}. The Fano factor is 1 + mean count / "
                "dispersion; for a factor of 1 use Poisson()."
            )

    @override
    def gains(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(gammaincinv(self.dispersion, u) / self.dispersion)


@dataclass(frozen=True)
class GainDrift:
    r"""A gain of each unit that wanders from trial to trial.

    .. math:: g_k = e^{z_k - \sigma^2/2}, \qquad z_k = \rho z_{k-1} + \sigma \sqrt{1 - \rho^2}\, \xi_k, \qquad
              \rho = e^{-1/\tau}

    with :math:`k` the number of the trial in its session, :math:`\sigma` the ``sd`` of the log gain, :math:`\tau` the
    ``timescale`` in trials. The mean gain is 1 and the process is stationary from the first trial on.

    Attributes:
        sd: Standard deviation of the log gain, at least 0.
        timescale: Trials after which the autocorrelation of the log gain has fallen to 1/e, above 0.

    Raises:
        ValueError: If a number is out of range.
    """

    sd: float
    timescale: float

    def __post_init__(self) -> None:
        if not 0 <= self.sd < math.inf:
            raise ValueError(f"sd of the log gain must be finite and at least 0: got {self.sd}.")
        if not 0 < self.timescale < math.inf:
            raise ValueError(f"timescale must be a finite number of trials above 0: got {self.timescale}.")

    def gains(self, trials: NDArray[np.int64], units: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
        """Gains at some trials of a session.

        Args:
            trials: Numbers of the trials in their session.
            units: Numbers of the units; each has a course of its own.
            seed: Seed of the session.

        Returns:
            Gains ``(trial, unit)``; those of one trial do not depend on which others are asked for.
        """
        n = int(trials.max(initial=-1)) + 1
        counter = units.astype(np.uint64)[:, None] << np.uint64(32)
        noise = counter_normal(derive_seed(seed, "drift"), counter + np.arange(n, dtype=np.uint64))
        rho = math.exp(-1 / self.timescale)
        noise[:, 1:] *= math.sqrt(1 - rho**2)
        z = self.sd * lfilter([1.0], [1.0, -rho], noise, axis=1) if n else noise
        return np.exp(z[:, trials] - self.sd**2 / 2).T


@dataclass(frozen=True)
class Sessions:
    """Units recorded one session after another, each session with trials of its own.

    Attributes:
        n: Number of sessions.
        units_per_session: Units recorded together; 1 is the classic single electrode. No unit is recorded twice.
        trials_per_session: Trials of each session; no trial is used twice.

    Raises:
        ValueError: If a number is below 1.
    """

    n: int
    units_per_session: int
    trials_per_session: int

    def __post_init__(self) -> None:
        for name in ("n", "units_per_session", "trials_per_session"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1: got {getattr(self, name)}.")
