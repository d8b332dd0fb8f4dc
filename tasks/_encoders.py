"""How a stimulus becomes the means of input channels."""

__all__ = ["cosine", "one_hot", "opposed", "ring"]

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def opposed(
    signal: NDArray[np.float64], scale: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""A signed signal in two channels that rise against each other.

    .. math:: u_\mp = s\,\frac{1 \mp c}{2}

    where :math:`c` is the signal and :math:`s` the scale. Their sum does not depend on the signal.

    Args:
        signal: Signed signal, in [-1, 1] if no channel is to be negative.
        scale: Sum of both channels.

    Returns:
        The channel of negative and the channel of positive signals.

    Examples:
        >>> opposed(np.array([0.5]))
        (array([0.25]), array([0.75]))
    """
    return scale * (1.0 - signal) / 2.0, scale * (1.0 + signal) / 2.0


def ring(
    angle: NDArray[np.float64], n_channels: int, *, height: float = 0.8, width: float = 22.5
) -> NDArray[np.float64]:
    r"""A bump of activity over channels whose preferred angles tile the circle.

    .. math:: u_i = h \exp\Big(-\tfrac12 \big(d(\theta, \theta_i) / w\big)^2\Big), \qquad \theta_i = 360 i / n

    where :math:`d` is the distance on the circle, :math:`h` the height and :math:`w` the width.

    Args:
        angle: Angles in degrees, any shape.
        n_channels: Number of channels :math:`n`.
        height: Peak :math:`h`.
        width: Standard deviation :math:`w` in degrees.

    Returns:
        Means of the channels, ``(*angle, n_channels)``.

    References:
        Task representations in neural networks trained to perform many cognitive tasks (Yang et al., 2019)
        https://doi.org/10.1038/s41593-018-0310-2

    Examples:
        >>> ring(np.array([90.0]), 4, height=1.0, width=30.0).round(3)
        array([[0.011, 1.   , 0.011, 0.   ]])
    """
    preferred = np.arange(n_channels) * (360.0 / n_channels)
    distance = np.abs((np.asarray(angle)[..., None] - preferred + 180.0) % 360.0 - 180.0)
    return height * np.exp(-0.5 * (distance / width) ** 2)


def cosine(angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """A direction as its cosine and sine: two channels that may be negative.

    Args:
        angle: Angles in degrees, any shape.

    Returns:
        Channels ``(*angle, 2)``.

    Examples:
        >>> cosine(np.array([90.0])).round(3).tolist()
        [[0.0, 1.0]]
    """
    radians = np.deg2rad(np.asarray(angle, dtype=np.float64))
    return np.stack([np.cos(radians), np.sin(radians)], axis=-1)


def one_hot(label: NDArray[Any], labels: Sequence[Any]) -> NDArray[np.float64]:
    """One channel for each label, 1 where it is the label shown.

    Args:
        label: Labels shown, any shape.
        labels: All labels in channel order.

    Returns:
        Channels ``(*label, len(labels))``.

    Examples:
        >>> one_hot(np.array(["b", "a"]), ("a", "b")).tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    return (np.asarray(label)[..., None] == np.asarray(labels)).astype(np.float64)
