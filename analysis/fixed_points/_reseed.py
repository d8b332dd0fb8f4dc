"""Where to look again: between the points known, and around the candidates."""

__all__ = ["SMALL", "Reseeder"]

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from neurornn.analysis.fixed_points._ambient import Ambient
from neurornn.analysis.fixed_points._roots import Roots
from neurornn.random import derive_seed, normal_array, uniform_array

SMALL = 48
"""Units up to which a factorisation costs so little that no start is spared."""
_MOST_WAVES = 8
_MOST_PAIRS = 4096  # nearest pairs looked at in a round


class Reseeder:
    """Chooses new seeds from what is known; no pair of points is tried twice.

    Args:
        candidates: Candidates of the search, ``(candidate, unit)``.
        reach: Root mean square distance of the candidates from their centre.
        ambient: Draws from the region in which the fixed points of a bounded network lie.
        seed: Seed.
    """

    def __init__(self, candidates: NDArray[np.float64], reach: float, ambient: Ambient, seed: int) -> None:
        self.candidates, self.reach, self.ambient, self.seed = candidates, reach, ambient, seed
        self.tried: set[tuple[int, int]] = set()

    def seeds(self, roots: Roots, round: int, wave: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Midpoints of pairs of points, the centre of all, and states around the candidates and from the ambient box.

        Args:
            roots: Fixed points known; those of earlier rounds in the same rows as then.
            round: Number of the round.
            wave: Number of midpoints, more (two for each known point, but at most eight waves) where many points are
                known; a quarter as many seeds lie around the candidates, and as many in the ambient box (in a small
                network, where seeds cost little, as many as ``wave``).

        Returns:
            States ``(seed, unit)``, and a state whose Jacobian the search from all of them may share.
        """
        key = derive_seed(self.seed, "reseeding", round)
        n_units = self.candidates.shape[1]
        i, j = self._pairs(roots, key, wave)
        first, second = roots.state[i], roots.state[j]
        n_around = max(1, wave // 4)
        kick = normal_array(key, len(i) + n_around, n_units) / n_units**0.5
        distance = np.linalg.norm(first - second, axis=1, keepdims=True)
        middle = 0.5 * (first + second) + 0.02 * distance * kick[: len(i)]
        which, far, anchor = uniform_array(derive_seed(key, "around"), 3, n_around)
        base = self.candidates[(which * len(self.candidates)).astype(np.int64)]
        around = base + 2 * far[:, None] * self.reach * kick[len(i) :]
        centre = roots.state.mean(0, keepdims=True) if len(roots.state) else base[:0]
        seeds = np.concatenate([
            middle,
            centre,
            around,
            self.ambient.draw(wave if n_units <= SMALL else n_around, key),
        ])
        known = roots.state if len(roots.state) else seeds
        return seeds, known[int(anchor[0] * len(known))]

    def _pairs(self, roots: Roots, key: int, wave: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pairs of isolated points not tried yet, best first; pairs on a continuum are drawn at random."""
        isolated, others = np.flatnonzero(roots.isolated), np.flatnonzero(~roots.isolated)
        i, j = (isolated[each] for each in np.triu_indices(len(isolated), 1))
        pairs = zip(i.tolist(), j.tolist(), strict=True)
        new = np.array([pair not in self.tried for pair in pairs], dtype=bool)
        i, j = i[new], j[new]
        n_midpoints = min(max(wave, 2 * len(isolated)), _MOST_WAVES * wave)
        order = _promising(roots, i, j)[:n_midpoints]
        i, j = i[order], j[order]
        self.tried.update(zip(i.tolist(), j.tolist(), strict=True))
        if len(others):
            drawn = uniform_array(derive_seed(key, "continuum"), 2, wave // 4)
            more_i, more_j = others[(drawn * len(others)).astype(np.int64)]
            i, j = np.concatenate([i, more_i]), np.concatenate([j, more_j])
        return i, j


def _promising(roots: Roots, i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.int64]:
    """Order of the pairs: those with no known point between them, then those of equal index, then the nearest."""
    # The index alternates along a path of fixed points: between neighbours of equal index there should be a third.
    distance = np.linalg.norm(roots.state[i] - roots.state[j], axis=1)
    nearest = np.argsort(distance, kind="stable")[:_MOST_PAIRS]
    i, j, distance = i[nearest], j[nearest], distance[nearest]
    occupied = (cdist(0.5 * (roots.state[i] + roots.state[j]), roots.state) < 0.499 * distance[:, None]).any(
        1
    )
    return nearest[np.lexsort((distance, roots.sign[i] * roots.sign[j] < 0, occupied))]
