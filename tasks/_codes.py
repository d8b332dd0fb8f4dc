"""How a direction enters a network and is read from it: a ring of tuned channels, or a cosine and a sine."""

__all__ = ["AbstractDirectionCode", "CosineCode", "RingCode"]

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.tasks._decoding import angle_of
from neurornn.tasks._encoders import cosine, ring


class AbstractDirectionCode(ABC):
    """A code for directions; the field of a task that takes one chooses its channels."""

    @property
    @abstractmethod
    def n_channels(self) -> int:
        """Number of channels."""

    @abstractmethod
    def names(self, prefix: str) -> tuple[str, ...]:
        """Names of the channels.

        Args:
            prefix: What the direction is of.

        Returns:
            One name for each channel.
        """

    @abstractmethod
    def encode(self, angle: NDArray[np.float64]) -> NDArray[np.float64]:
        """Means of the channels.

        Args:
            angle: Directions in degrees, any shape.

        Returns:
            Values ``(*angle, channel)``.
        """

    def decode(self, activity: NDArray[np.float64]) -> NDArray[np.float64]:
        """The direction that channels stand for (:func:`angle_of`).

        Args:
            activity: Channels along the last axis.

        Returns:
            Directions in degrees, NaN where there is none.
        """
        return angle_of(activity)


@dataclass(frozen=True)
class RingCode(AbstractDirectionCode):
    """A bump of activity over channels that tile the circle (:func:`ring`).

    Attributes:
        n: Number of channels, at least 3.
        height: Peak.
        width: Standard deviation in degrees.

    Raises:
        ValueError: If there are fewer than three channels, or height or width is not positive.

    Examples:
        >>> code = RingCode(8)
        >>> code.names("sample")[1], round(float(code.decode(code.encode(np.array(90.0)))))
        ('sample_45', 90)
    """

    n: int = 32
    height: float = 0.8
    width: float = 22.5

    def __post_init__(self) -> None:
        if self.n < 3 or not self.height > 0 or not self.width > 0:
            raise ValueError(
                f"A ring needs n >= 3, height > 0 and width > 0: got {self.n}, {self.height} and {self.width}."
            )

    @property
    @override
    def n_channels(self) -> int:
        return self.n

    @override
    def names(self, prefix: str) -> tuple[str, ...]:
        return tuple(f"{prefix}_{360 * k / self.n:g}" for k in range(self.n))

    @override
    def encode(self, angle: NDArray[np.float64]) -> NDArray[np.float64]:
        return ring(angle, self.n, height=self.height, width=self.width)


@dataclass(frozen=True)
class CosineCode(AbstractDirectionCode):
    """Cosine and sine of the direction, two channels of either sign (:func:`cosine`).

    Attributes:
        height: Factor of both.

    Examples:
        >>> CosineCode().encode(np.array(90.0)).round(3).tolist()
        [0.0, 1.0]
    """

    height: float = 1.0

    @property
    @override
    def n_channels(self) -> int:
        return 2

    @override
    def names(self, prefix: str) -> tuple[str, ...]:
        return (f"{prefix}_cos", f"{prefix}_sin")

    @override
    def encode(self, angle: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.height * cosine(angle)
