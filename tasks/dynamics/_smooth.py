r"""Smooth random signals and walks that are the same functions of time at any time step."""

__all__ = ["SmoothSignal", "folded", "placed"]

import math

import numpy as np
from numpy.typing import NDArray

from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs


class SmoothSignal:
    r"""Stationary Gaussian signals of mean 0 and variance 1, each a sum of sines in continuous time.

    .. math::

        u(t) = \sum_{k=0}^{K} s_k (a_k \cos \omega_k t + b_k \sin \omega_k t), \qquad
        \omega_k = \frac{2\pi k}{P}, \qquad s_k^2 \propto e^{-(\omega_k \ell)^2 / 2}

    with independent standard normal :math:`a_k` and :math:`b_k`. Up to the truncation at :math:`\omega_k \ell = 5` the
    autocovariance is :math:`e^{-\tau^2 / 2\ell^2}` at lags up to half the period :math:`P`. The signal of a trial does
    not depend on the time step: a step is given the mean of the signal over the step, from the integral in closed
    form, so that the steps add up to the same walk at any ``dt``.

    Args:
        draws: Random quantities of the batch.
        name: Name of the stream.
        n_signals: Number of independent signals.
        correlation: Correlation time :math:`\ell` in ms.
        longest: Time in ms that must not repeat itself; the period is longer by eight correlation times.

    Examples:
        >>> draws = TrialDraws(0, np.arange(5), dt=20.0)
        >>> signal = SmoothSignal(draws, "walk", 1, correlation=200.0, longest=1000.0)
        >>> signal.integral(np.array([0.0, 1000.0])).shape
        (5, 2, 1)
    """

    def __init__(
        self, draws: TrialDraws, name: str, n_signals: int, *, correlation: float, longest: float
    ) -> None:
        self.period = float(longest) + 8.0 * correlation
        n = 1 + math.ceil(5.0 * self.period / (2 * math.pi * correlation))
        self.omega = 2 * math.pi * np.arange(n) / self.period
        power = np.exp(-0.5 * (self.omega * correlation) ** 2)
        power[0] /= 2  # the constant has one coefficient, the others have two
        amplitude = np.sqrt(power / power.sum())
        normal = draws.normal(name, 2 * n, n_signals).astype(np.float64)
        self.cosine = amplitude[:, None] * normal[:, ::2]
        self.sine = amplitude[:, None] * normal[:, 1::2]
        self.sine[:, 0] = 0.0

    def value(self, time: NDArray[np.float64]) -> NDArray[np.float64]:
        """The signals at some times.

        Args:
            time: Times in ms, ``(time,)``.

        Returns:
            Values ``(batch, time, signal)``.
        """
        phase = np.asarray(time)[:, None] * self.omega
        return np.cos(phase) @ self.cosine + np.sin(phase) @ self.sine

    def integral(self, time: NDArray[np.float64]) -> NDArray[np.float64]:
        """The integrals of the signals from time 0.

        Args:
            time: Times in ms, ``(time,)``.

        Returns:
            Integrals in ms ``(batch, time, signal)``.
        """
        t = np.asarray(time, dtype=np.float64)
        phase = t[:, None] * self.omega[1:]
        constant = t[:, None] * self.cosine[:, :1]
        along = (np.sin(phase) / self.omega[1:]) @ self.cosine[:, 1:]
        return constant + along + ((1.0 - np.cos(phase)) / self.omega[1:]) @ self.sine[:, 1:]

    def check(self, longest: float) -> None:
        """Refuse a time after which the signal would repeat itself.

        Args:
            longest: Time in ms.

        Raises:
            ValueError: If the time is longer than what the signal was made for.
        """
        if longest > self.period * (1 + 1e-9):
            raise ValueError(
                f"A walk of {longest:g} ms is longer than the task makes walks for, {self.period:g} ms. Lengthen 'walk' of "
                "the task itself."
            )


def folded(position: NDArray[np.float64]) -> NDArray[np.float64]:
    """A path reflected at walls at -1 and 1, however often it meets them.

    Args:
        position: Positions without walls, any shape.

    Returns:
        Positions in [-1, 1].

    Examples:
        >>> folded(np.array([0.5, 1.25, -1.5, 3.0, 5.0])).tolist()
        [0.5, 0.75, -0.5, -1.0, 1.0]
    """
    return np.asarray(1.0 - np.abs((np.asarray(position) + 1.0) % 4.0 - 2.0))


def placed(epochs: Epochs, name: str, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values that count from the start of an epoch, at the steps of each trial; the last one stays, 0 comes before.

    Args:
        epochs: Epochs.
        name: Name of the epoch.
        values: Values at its steps, ``(batch, step, channel)``.

    Returns:
        Values ``(batch, time, channel)``.
    """
    since = epochs.step - epochs.start[name][:, None]
    found = np.take_along_axis(values, np.clip(since, 0, values.shape[1] - 1)[..., None], axis=1)
    return np.where(since[..., None] >= 0, found, 0.0)
