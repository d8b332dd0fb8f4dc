"""How the noise of a population is weighed, by splits of its trials."""

__all__ = ["Noise", "whitening"]

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf

Noise = Literal["shrunk", "diagonal", "none"]


def whitening(X: NDArray[np.float64], noise: Noise) -> NDArray[np.float64]:
    """A square root of the inverse covariance of the noise of a population.

    Args:
        X: Averages over separate trials ``(split, condition, time, unit)``.
        noise: ``"shrunk"``: covariance of the splits about their mean, shrunk towards equal variances; ``"diagonal"``: variances
            only; ``"none"``: no weighting.

    Returns:
        Weights ``(unit, unit)``; the identity where the splits do not differ.

    Raises:
        ValueError: If the covariance cannot be inverted.
    """
    n_splits, n_units = len(X), X.shape[-1]
    residual = (X - X.mean(0)).reshape(-1, n_units)
    if noise == "none" or np.abs(residual).max() <= 1e-12 * np.abs(X).max():
        return np.eye(n_units)
    residual = residual * (n_splits / (n_splits - 1)) ** 0.5  # the mean took one degree of freedom of n
    if noise == "diagonal":
        variance = (residual**2).mean(0)
        silent = int((variance == 0).sum())
        if silent:
            raise ValueError(
                f"{silent} units are the same in all splits and others are not: their noise has no variance to divide by. "
                "Leave them out, or use noise='shrunk'."
            )
        return np.diag(variance**-0.5)
    values, vectors = np.linalg.eigh(ledoit_wolf(residual, assume_centered=True)[0])
    if values[0] <= 1e-12 * values[-1]:
        raise ValueError(
            "The covariance of the noise is singular even after shrinking: units copy each other. Leave the copies out."
        )
    return np.asarray((vectors / np.sqrt(values)) @ vectors.T, dtype=np.float64)
