r"""Representational similarity from distances that noise does not inflate."""

__all__ = ["Crossnobis"]

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.similarity._base import AbstractSimilarity, Folds, Scores
from neurornn.analysis.similarity._noise import Noise, whitening
from neurornn.analysis.similarity._rdm import (
    Comparison,
    compare_rdms,
    compare_squared,
    pairs,
    patterns_of,
    squared_distances,
)


@final
@dataclass(frozen=True)
class Crossnobis(AbstractSimilarity):
    r"""Correlation of cross-validated Mahalanobis distances.

    Both arrays start with an axis of splits, ``(split, condition, time, unit)``: averages over separate trials, two halves or
    more. The distance multiplies differences of different splits, so that their independent noise averages out,

    .. math:: d_{ij} = \frac{1}{M (M - 1)} \sum_{m \ne l} (x_i^m - x_j^m)^\top \Sigma^{-1} (x_i^l - x_j^l)

    where :math:`x_i^m` is pattern :math:`i` in split :math:`m` of :math:`M` and :math:`\Sigma` is the covariance of the noise, that of the
    splits about their mean. Without any difference between two patterns :math:`d_{ij}` is 0 on average; single values can be
    negative and stay so. The value is the cosine or correlation between the :math:`d_{ij}` of the two populations.
    A population with identical splits, such as a network without noise, has no :math:`\Sigma`: its distances are plain
    squared distances.

    Args:
        noise: ``"shrunk"``: covariance shrunk towards equal variances by the rule of Ledoit and Wolf; ``"diagonal"``:
            variances only; ``"none"``: no weighting, the cross-validated squared distance.
        comparison: ``"cosine"``, which uses that 0 means no difference, ``"pearson"`` or ``"spearman"``.
        patterns: ``"state"``: one condition at one time; ``"condition"``: the time course of a condition, distances added
            over time.

    Raises:
        ValueError: If one of the three is something else.

    References:
        On the distribution of cross-validated Mahalanobis distances (Diedrichsen et al., 2016)
        https://arxiv.org/abs/1607.01371
        A well-conditioned estimator for large-dimensional covariance matrices (Ledoit & Wolf, 2004)
        https://doi.org/10.1016/S0047-259X(03)00096-4

    Examples:
        Two halves of four conditions, one of which is what the other is in another population:

        >>> signal = np.array([0.0, 1.0, 2.0, 4.0])[:, None, None]              # 4 conditions, 1 time, 1 unit
        >>> halves = np.stack([signal, signal + [[[0.1]], [[-0.1]], [[0.1]], [[-0.1]]]])
        >>> round(Crossnobis().score(halves, 3.0 * halves).value, 6)
        1.0
    """

    noise: Noise = "shrunk"
    comparison: Comparison = "cosine"
    patterns: Literal["state", "condition"] = "state"

    name: ClassVar[str] = "crossnobis RSA"
    needs_splits: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for field, known in (
            ("noise", ("shrunk", "diagonal", "none")),
            ("comparison", ("pearson", "spearman", "cosine")),
            ("patterns", ("state", "condition")),
        ):
            if getattr(self, field) not in known:
                raise ValueError(f"{field} must be one of {known}: got {getattr(self, field)!r}.")

    @property
    @override
    def invariances(self) -> tuple[str, ...]:
        """Rotations and one gain, or with ``noise="diagonal"`` the gain of every unit."""
        shared = ("unit permutation", "scale", "offset", "condition permutation", "time permutation")
        return (*shared, "unit scale") if self.noise == "diagonal" else (*shared, "rotation")

    @override
    def _score(self, X: NDArray[np.float64], Y: NDArray[np.float64], folds: Folds) -> Scores:
        model, brain = (self._parts(each) for each in (X, Y))
        if self.comparison != "spearman":
            return Scores(compare_squared(model, brain, self.comparison))
        return Scores(compare_rdms(_distances(model), _distances(brain), self.comparison))

    def _parts(self, X: NDArray[np.float64]) -> list[tuple[float, NDArray[np.float64]]]:
        """The distances as a weighted sum of squared ones: those of the sum of all splits less those of each."""
        weighted = X @ whitening(X, self.noise)
        splits = [patterns_of(each - each.mean((0, 1)), self.patterns) for each in weighted]
        share = 1.0 / (len(splits) * (len(splits) - 1))
        return [(share, np.sum(splits, axis=0)), *((-share, each) for each in splits)]


def _distances(parts: list[tuple[float, NDArray[np.float64]]]) -> NDArray[np.float64]:
    return pairs(np.sum([weight * squared_distances(rows) for weight, rows in parts], axis=0))
