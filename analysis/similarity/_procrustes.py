r"""The angle that remains between two populations after the best rotation: a metric of shapes."""

__all__ = ["AbstractAlignment", "Procrustes", "best_rotation", "partial_whitening"]

from abc import ABC
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.similarity._base import AbstractSimilarity, Folds, Scores
from neurornn.analysis.similarity._samples import centred, principal


@dataclass(frozen=True)
class AbstractAlignment(AbstractSimilarity, ABC):
    """What measures after a rotation have in common.

    Attributes:
        alpha: 1 rotates; 0 whitens first, so that any invertible map is free.

    Raises:
        ValueError: If alpha lies outside [0, 1].
    """

    alpha: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha must lie in [0, 1]: got {self.alpha}.")

    @property
    @override
    def invariances(self) -> tuple[str, ...]:
        """Rotations, one gain and offsets; with ``alpha=0`` any invertible map."""
        shared = (
            "unit permutation",
            "scale",
            "offset",
            "rotation",
            "condition permutation",
            "time permutation",
        )
        return shared if self.alpha else (*shared, "unit scale", "invertible map")


@final
@dataclass(frozen=True)
class Procrustes(AbstractAlignment):
    r"""Angular distance after the best rotation, from Procrustes (``alpha=1``) to canonical correlation (``alpha=0``).

    .. math:: \theta(X, Y) = \min_{Q^\top Q = I} \arccos
       \frac{\langle \phi(X), \phi(Y) Q \rangle}{\|\phi(X)\| \, \|\phi(Y)\|}, \qquad
       \phi(X) = \hat X \big(\alpha I + (1 - \alpha) (\hat X^\top \hat X)^{-1/2}\big)

    with :math:`\hat X` the centred activity ``(sample, unit)`` divided by its Frobenius norm, a sample being a condition at a
    time, and likewise :math:`Y`; the narrower population is padded with units that are always 0. In radians: 0 if one is a
    rotated copy of the other, at most :math:`\pi / 2`. The optimum is exact, from one singular value decomposition. For
    every :math:`\alpha` it is a metric: symmetric, and no detour through a third population is shorter.

    With :math:`\alpha = 1` dimensions count by their variance, with :math:`\alpha = 0` all alike, and then the samples must
    outnumber the dimensions of both sides together. The rotation is fitted to the samples it is judged by: unrelated
    populations come closer with more units and fewer samples. :class:`HeldOutProcrustes` judges it by other conditions.

    Args:
        alpha: 1 for Procrustes, 0 for canonical correlation, or between.

    Raises:
        ValueError: If ``alpha`` does not lie in [0, 1].

    References:
        Generalized Shape Metrics on Neural Representations (Williams et al., 2021) https://arxiv.org/abs/2110.14739

    Examples:
        A square and a line share one of two dimensions:

        >>> square = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])[:, None]
        >>> line = square[:, :, :1]
        >>> round(float(np.degrees(Procrustes().score(square, line).value)), 6)
        45.0
    """

    name: ClassVar[str] = "Procrustes"
    is_distance: ClassVar[bool] = True
    is_metric: ClassVar[bool] = True

    @override
    def _score(self, X: NDArray[np.float64], Y: NDArray[np.float64], folds: Folds) -> Scores:
        sides, ranks = [], []
        for rows in (centred(X), centred(Y)):
            map_, rank = partial_whitening(rows, self.alpha)
            mapped = rows @ map_
            sides.append(mapped / np.linalg.norm(mapped))
            ranks.append(rank)
        n_samples = len(sides[0])
        if self.alpha < 1 and n_samples <= sum(ranks):
            raise ValueError(
                f"'{self.name}' with alpha={self.alpha:g} equalises the dimensions and needs more samples (conditions x times) than "
                f"both sides have dimensions: got {n_samples} samples for {ranks[0]} + {ranks[1]} dimensions. Use alpha=1, or "
                "principal components."
            )
        wide, narrow = sides if sides[0].shape[1] >= sides[1].shape[1] else sides[::-1]
        left, right = best_rotation(wide, narrow)
        projected = wide @ left
        outside = wide - projected @ left.T
        chord = float(((projected - narrow @ right) ** 2).sum() + (outside**2).sum()) ** 0.5
        return Scores(float(2 * np.arcsin(min(chord / 2, 1.0))))  # exact near 0, where an arc cosine is not


def best_rotation(
    X: NDArray[np.float64], Y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Orthonormal frames ``(unit, dimension)`` of two sides onto which their projections agree best, best first."""
    left, _, right = np.linalg.svd(X.T @ Y, full_matrices=False)
    return np.asarray(left, dtype=np.float64), np.asarray(right.T, dtype=np.float64)


def partial_whitening(rows: NDArray[np.float64], alpha: float) -> tuple[NDArray[np.float64], int]:
    """The map phi of centred rows as a matrix ``(unit, unit)``, and the number of their dimensions."""
    size = np.linalg.norm(rows)
    if size == 0:
        raise ValueError("A population does not vary over the conditions the measure is fitted on.")
    if alpha == 1:
        s = np.linalg.svd(rows, compute_uv=False)
        return np.eye(rows.shape[1]) / size, int((s > s[0] * max(rows.shape) * 1e-14).sum())
    _, s, V = principal(rows / size)
    return (alpha * np.eye(len(V)) + (1 - alpha) * (V / s) @ V.T) / size, s.size
