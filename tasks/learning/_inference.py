"""Exact inference of probabilities that drift, on a grid."""

__all__ = ["DriftingProbabilities", "drifting"]

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

_N_GRID = 40
_N_IMAGES = 3  # reflections on either side; more matter only for steps wider than the range


def drifting(
    start: NDArray[np.float64], steps: NDArray[np.float32], low: float, high: float
) -> NDArray[np.float64]:
    r"""A Gaussian walk between two walls that reflect it.

    Folding a free walk at the walls gives the reflected one: :math:`p_t = f(p_0 + \sum_{s \le t} \epsilon_s)`.

    Args:
        start: Where each starts, ``(batch, walk)``.
        steps: Steps of the free walk, ``(batch, time, walk)``, that come after each moment.
        low: Lower wall.
        high: Upper wall.

    Returns:
        Positions ``(batch, time, walk)``, the first of which is the start.

    Examples:
        >>> drifting(np.array([[0.5]]), np.full((1, 4, 1), 0.2, dtype=np.float32), 0.0, 1.0)[0, :, 0].round(2).tolist()
        [0.5, 0.7, 0.9, 0.9]
    """
    free = np.cumsum(np.concatenate([start[:, None], steps[:, :-1].astype(np.float64)], axis=1), axis=1)
    width = high - low
    if width == 0:
        return np.full(free.shape, low)
    place = (free - low) % (2 * width)
    return low + np.minimum(place, 2 * width - place)


class DriftingProbabilities:
    r"""Belief about the probabilities of reward of several options, each on its own grid.

    .. math:: b_{t+1}(p') = \int K(p' \mid p)\, b_t(p)\, p^{r_t} (1 - p)^{1 - r_t}\, dp

    where :math:`K` is a Gaussian step with reflecting walls. Options that were not tried drift without being seen.

    Args:
        shape: Episodes and options.
        low: Least probability.
        high: Largest probability.
        drift: Standard deviation of a step.
    """

    def __init__(self, shape: tuple[int, int], low: float, high: float, drift: float) -> None:
        edges = np.linspace(low, high, _N_GRID + 1, dtype=np.float64)
        self.p: NDArray[np.float64] = 0.5 * (edges[1:] + edges[:-1])
        self.belief: NDArray[np.float64] = np.full((*shape, _N_GRID), 1.0 / _N_GRID)
        self.kernel = (
            _kernel(self.p, np.asarray(edges, dtype=np.float64), drift) if drift > 0 and high > low else None
        )
        self._rows = np.arange(shape[0])

    @property
    def mean(self) -> NDArray[np.float64]:
        """Expected probability of each option, ``(episode, option)``."""
        return self.belief @ self.p

    @property
    def sd(self) -> NDArray[np.float64]:
        """Standard deviation of the belief about each option, ``(episode, option)``."""
        return np.sqrt(np.maximum(self.belief @ self.p**2 - self.mean**2, 0.0))

    def see(self, option: NDArray[np.int64], reward: NDArray[np.float64]) -> None:
        """Take in an outcome in each episode, and let all options drift.

        Args:
            option: Option tried in each episode.
            reward: 1 or 0.
        """
        seen = self.belief[self._rows, option] * np.where(reward[:, None] > 0.5, self.p, 1 - self.p)
        self.belief[self._rows, option] = seen / seen.sum(1, keepdims=True)
        if self.kernel is not None:
            self.belief = self.belief @ self.kernel


def _kernel(p: NDArray[np.float64], edges: NDArray[np.float64], drift: float) -> NDArray[np.float64]:
    """Probability of stepping from each point of the grid into each bin, ``(from, to)``."""
    width = edges[-1] - edges[0]
    images = []
    for k in range(-_N_IMAGES, _N_IMAGES + 1):
        images += [p + 2 * k * width, 2 * edges[0] - p + 2 * k * width]
    masses = [np.diff(ndtr((edges[None] - each[:, None]) / drift), axis=1) for each in images]
    total = np.sum(masses, axis=0)
    return total / total.sum(1, keepdims=True)
