r"""How well one rotation, fitted on some conditions, lays two populations on each other in the others."""

__all__ = ["HeldOutProcrustes"]

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.similarity._base import Folds, Scores
from neurornn.analysis.similarity._procrustes import AbstractAlignment, best_rotation, partial_whitening
from neurornn.analysis.similarity._samples import fold_samples


@final
@dataclass(frozen=True)
class HeldOutProcrustes(AbstractAlignment):
    r"""Cosine between two populations after a rotation fitted on other conditions.

    .. math:: \frac{1}{F} \sum_f \frac{\langle \phi_f(X_f), \phi_f(Y_f)\, Q_f \rangle}{\|\phi_f(X_f)\|\, \|\phi_f(Y_f) Q_f\|}

    where :math:`X_f, Y_f` are the held-out samples of fold :math:`f` of :math:`F`, about the mean of its training samples, and the
    rotation :math:`Q_f` and the map :math:`\phi_f` are those of :class:`Procrustes` on the training samples. It is 1 for
    rotated copies and about 0 for unrelated populations, where the angle of :class:`Procrustes` depends on the number of
    units and samples. The population of
    more dimensions is projected on as many as the other one has, so it may hold more without being marked down for it.

    Args:
        alpha: 1 for Procrustes, 0 for canonical correlation, or between.

    Raises:
        ValueError: If ``alpha`` does not lie in [0, 1].

    References:
        Generalized Shape Metrics on Neural Representations (Williams et al., 2021) https://arxiv.org/abs/2110.14739

    Examples:
        >>> from neurornn.analysis.similarity import condition_folds
        >>> phase = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        >>> X = np.stack([np.cos(phase), np.sin(phase)], -1)[:, None]      # 20 conditions, 1 time, 2 units
        >>> turned = X @ np.array([[0.6, -0.8], [0.8, 0.6]])
        >>> round(HeldOutProcrustes().score(X, turned, condition_folds(20)).value, 6)
        1.0
    """

    name: ClassVar[str] = "held-out Procrustes"
    fitted: ClassVar[bool] = True

    @override
    def _score(self, X: NDArray[np.float64], Y: NDArray[np.float64], folds: Folds) -> Scores:
        values = []
        for k, (train, test) in enumerate(folds):
            (rows_x, test_x), (rows_y, test_y) = fold_samples(X, train, test), fold_samples(Y, train, test)
            map_x, rank_x = partial_whitening(rows_x, self.alpha)
            map_y, rank_y = partial_whitening(rows_y, self.alpha)
            if self.alpha < 1 and len(rows_x) <= rank_x + rank_y:
                raise ValueError(
                    f"'{self.name}' with alpha={self.alpha:g} needs more training samples (conditions x times) than both sides have "
                    f"dimensions: fold {k} has {len(rows_x)} for {rank_x} + {rank_y}. Use alpha=1, or principal components."
                )
            left, right = best_rotation(rows_x @ map_x, rows_y @ map_y)
            shared = min(rank_x, rank_y)
            a, b = test_x @ map_x @ left[:, :shared], test_y @ map_y @ right[:, :shared]
            size = float(np.linalg.norm(a) * np.linalg.norm(b))
            if size == 0:
                raise ValueError(
                    f"A population does not vary over the conditions that fold {k} holds out. Use fewer folds."
                )
            values.append(float((a * b).sum()) / size)
        return Scores(float(np.mean(values)))
