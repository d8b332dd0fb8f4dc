r"""Centred kernel alignment: do two populations have the same covariance across conditions and times?"""

__all__ = ["LinearCKA"]

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.similarity._base import AbstractSimilarity, Folds, Scores
from neurornn.analysis.similarity._samples import centred


@final
@dataclass(frozen=True)
class LinearCKA(AbstractSimilarity):
    r"""Linear centred kernel alignment, from unit-by-unit products only.

    .. math:: \mathrm{CKA}(X, Y) = \frac{\|Y^\top X\|_F^2}{\|X^\top X\|_F\, \|Y^\top Y\|_F}

    with the centred activity :math:`X, Y` ``(sample, unit)``, a sample being a condition at a time. Few samples and many
    units push it up: two unrelated populations score far above 0. ``debiased`` replaces each :math:`\|A^\top B\|_F^2` by the
    unbiased estimate without the pairs of a sample with itself,

    .. math:: \frac{1}{n (n - 3)} \Big[ \operatorname{tr} \tilde K \tilde L + \frac{1^\top \tilde K 1\; 1^\top \tilde L 1}
       {(n - 1)(n - 2)} - \frac{2}{n - 2} 1^\top \tilde K \tilde L 1 \Big]

    where :math:`\tilde K, \tilde L` are :math:`A A^\top` and :math:`B B^\top` with their diagonals set to 0 and :math:`n` is the
    number of samples; then unrelated populations score 0 on average, and a little below as often as above. That holds for
    independent samples: neighbouring times are not.

    Large-variance dimensions count as the square of their variance, so that the leading component can decide alone.

    Args:
        debiased: Whether to use the unbiased estimates.

    References:
        Similarity of Neural Network Representations Revisited (Kornblith et al., 2019) https://arxiv.org/abs/1905.00414
        Feature Selection via Dependence Maximization (Song et al., 2012)
        https://www.jmlr.org/papers/v13/song12a.html

    Examples:
        Two uncorrelated dimensions against the first of them:

        >>> X = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])[:, None]    # 4 conditions, 1 time, 2 units
        >>> round(LinearCKA().score(X, X[:, :, :1]).value ** 2, 9)
        0.5
    """

    debiased: bool = False

    name: ClassVar[str] = "linear CKA"

    @property
    @override
    def invariances(self) -> tuple[str, ...]:
        """Rotations, one gain and offsets."""
        return (
            "unit permutation",
            "scale",
            "offset",
            "rotation",
            "condition permutation",
            "time permutation",
        )

    @override
    def _score(self, X: NDArray[np.float64], Y: NDArray[np.float64], folds: Folds) -> Scores:
        x, y = centred(X), centred(Y)
        if self.debiased and len(x) < 4:
            raise ValueError(f"The debiased CKA needs at least 4 samples (conditions x times): got {len(x)}.")
        product = _unbiased if self.debiased else _plain
        between, within_x, within_y = product(x, y), product(x, x), product(y, y)
        if within_x <= 0 or within_y <= 0:
            raise ValueError(
                "The debiased size of one population is not positive: its samples are no more alike than noise. Use more "
                "conditions or times."
            )
        return Scores(between / (within_x * within_y) ** 0.5)


def _plain(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    return float(((x.T @ y) ** 2).sum())


def _unbiased(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    n = len(x)
    own_x, own_y = (x**2).sum(1), (y**2).sum(1)
    row_x, row_y = x @ x.sum(0) - own_x, y @ y.sum(0) - own_y  # sums of the rows without their diagonals
    trace = _plain(x, y) - float(own_x @ own_y)
    means = float(row_x.sum() * row_y.sum()) / ((n - 1) * (n - 2))
    return (trace + means - 2 / (n - 2) * float(row_x @ row_y)) / (n * (n - 3))
