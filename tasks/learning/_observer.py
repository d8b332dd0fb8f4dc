"""What acts in a reward task and learns from what comes of it."""

__all__ = ["AbstractObserver"]

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray


class AbstractObserver(ABC):
    """A subject that knows the rules of a task and infers the rest from what it sees."""

    @abstractmethod
    def choose(self) -> NDArray[np.int64]:
        """The next action in each episode.

        Returns:
            Numbers of actions.
        """

    @abstractmethod
    def learn(self, action: NDArray[np.int64], reward: NDArray[np.float64]) -> None:
        """Take in what an action has brought.

        Args:
            action: What was done in each episode.
            reward: What it brought.
        """
