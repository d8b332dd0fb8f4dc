"""From outputs that code a direction back to the direction."""

__all__ = ["angle_of", "angular_error"]

import numpy as np
from numpy.typing import NDArray


def angle_of(activity: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Direction read from a ring of channels, or from a cosine and a sine.

    .. math:: \hat\theta = \arg \sum_k y_k\, e^{2 \pi i k / n}

    the population vector; with two channels they are taken as cosine and sine.

    Args:
        activity: Channels along the last axis, two or at least three.

    Returns:
        Directions in degrees in [0, 360); NaN where there is no activity or it has no direction.

    Raises:
        ValueError: If there is only one channel.

    Examples:
        >>> from neurornn.tasks import cosine, ring
        >>> angle_of(np.stack([ring(np.array(50.0), 16), ring(np.array(300.0), 16)])).round(3).tolist()
        [50.0, 300.0]
        >>> angle_of(cosine(np.array(200.0))).round(6).item()
        200.0
    """
    y = np.asarray(activity, dtype=np.float64)
    n = y.shape[-1]
    if n < 2:
        raise ValueError(f"A direction needs at least two channels: got {n}.")
    if n == 2:
        x, z = y[..., 0], y[..., 1]
    else:
        preferred = 2 * np.pi * np.arange(n) / n
        x, z = (y * np.cos(preferred)).sum(-1), (y * np.sin(preferred)).sum(-1)
    length, scale = np.hypot(x, z), np.abs(y).max(-1)
    angle = np.rad2deg(np.arctan2(z, x)) % 360.0
    return np.where(length > 1e-9 * scale, angle, np.nan)


def angular_error(angle: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Signed distance on the circle from a target to an angle.

    Args:
        angle: Angles in degrees.
        target: Angles they should have.

    Returns:
        Degrees in [-180, 180).

    Examples:
        >>> angular_error(np.array([10.0]), np.array([350.0])).item()
        20.0
    """
    return (np.asarray(angle) - np.asarray(target) + 180.0) % 360.0 - 180.0
