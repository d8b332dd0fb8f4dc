r"""Representational similarity: are the same pairs of conditions alike in both populations?"""

__all__ = ["RSA"]

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.similarity._base import AbstractSimilarity, Folds, Scores
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
class RSA(AbstractSimilarity):
    r"""Correlation of the dissimilarities between patterns.

    .. math:: d_{ij} = \|x_i - x_j\|^2 \qquad\text{or}\qquad d_{ij} = 1 - \mathrm{corr}(x_i, x_j)

    for all pairs of patterns :math:`i < j` of each population; the value is the Pearson or Spearman correlation or the cosine
    between the two lists of :math:`d_{ij}`. A pattern :math:`x_i` is the state in one condition at one time
    (``patterns="state"``) or the whole time course of one condition (``"condition"``), where squared distances add over
    time.

    Correlation distances ignore what all units have in common in a pattern, so they depend on where zero is and change
    when unit space is rotated. Noise adds to every squared distance: with unequal numbers of trials, or where a cosine is
    read as a ratio, use :class:`Crossnobis`. Unrelated populations do not score 0 if neighbouring times are alike in both:
    compare with a shuffle.

    The list of pairs grows with the square of the number of patterns; it is only made for ranks. Pearson correlations and
    cosines follow from unit-by-unit products.

    Args:
        dissimilarity: ``"squared euclidean"`` or ``"correlation"``.
        comparison: ``"pearson"``, ``"spearman"`` or ``"cosine"``.
        patterns: ``"state"`` or ``"condition"``.

    Raises:
        ValueError: If one of the three is something else.

    References:
        Representational similarity analysis - connecting the branches of systems neuroscience
        (Kriegeskorte et al., 2008) https://doi.org/10.3389/neuro.06.004.2008

    Examples:
        Three patterns on a line, at 0, 1 and 3 in one population and at 0, 1 and 2 in the other:

        >>> X, Y = np.array([0.0, 1.0, 3.0]), np.array([0.0, 1.0, 2.0])
        >>> score = RSA(comparison="cosine").score(X[:, None, None], Y[:, None, None])    # (1, 9, 4) and (1, 4, 1)
        >>> round(score.value, 6) == round(41 / (98 * 18) ** 0.5, 6)
        True
    """

    dissimilarity: Literal["squared euclidean", "correlation"] = "squared euclidean"
    comparison: Comparison = "pearson"
    patterns: Literal["state", "condition"] = "state"

    name: ClassVar[str] = "RSA"

    def __post_init__(self) -> None:
        for field, known in (
            ("dissimilarity", ("squared euclidean", "correlation")),
            ("comparison", ("pearson", "spearman", "cosine")),
            ("patterns", ("state", "condition")),
        ):
            if getattr(self, field) not in known:
                raise ValueError(f"{field} must be one of {known}: got {getattr(self, field)!r}.")

    @property
    @override
    def invariances(self) -> tuple[str, ...]:
        """Rotations and offsets for squared distances; neither for correlation distances."""
        shared = ("unit permutation", "scale", "condition permutation", "time permutation")
        return shared if self.dissimilarity == "correlation" else (*shared, "offset", "rotation")

    @override
    def _score(self, X: NDArray[np.float64], Y: NDArray[np.float64], folds: Folds) -> Scores:
        model, brain = self._embedded(X), self._embedded(Y)
        if self.comparison != "spearman":
            return Scores(compare_squared([(1.0, model)], [(1.0, brain)], self.comparison))
        return Scores(
            compare_rdms(pairs(squared_distances(model)), pairs(squared_distances(brain)), self.comparison)
        )

    def _embedded(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Patterns whose squared distances are the dissimilarities, up to one factor."""
        patterns = patterns_of(X, self.patterns)
        if self.dissimilarity == "squared euclidean":
            return patterns - patterns.mean(0)
        about = patterns - patterns.mean(1, keepdims=True)
        size = np.linalg.norm(about, axis=1, keepdims=True)
        flat = int((size <= 1e-12 * np.abs(patterns).max(1, keepdims=True)).sum())
        if flat:
            raise ValueError(
                f"{flat} of {len(patterns)} patterns are the same in all units, so their correlation is not defined. Use "
                "dissimilarity='squared euclidean', or leave those conditions or times out."
            )
        return about / size  # 1 - corr(a, b) is half the squared distance of what is left
