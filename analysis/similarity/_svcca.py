r"""Canonical correlation within the leading principal components of each population."""

__all__ = ["SVCCA"]

from dataclasses import dataclass
from typing import ClassVar, final

from numpy import float64
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.similarity._base import AbstractSimilarity, Folds, Scores
from neurornn.analysis.similarity._canonical import held_out_correlation


@final
@dataclass(frozen=True)
class SVCCA(AbstractSimilarity):
    r"""Mean canonical correlation of the leading principal components, on held-out conditions.

    Each population is first projected on the leading principal components of its training conditions, the fewest that
    reach the fraction ``variance`` of the variance and at most ``n_components``; the axes are then those of :class:`CCA`
    without a ridge in that space,

    .. math:: \frac{1}{K} \sum_{k=1}^{K} \mathrm{corr}\big(a_k^\top P_x x,\; b_k^\top P_y y\big)

    with :math:`P_x, P_y` the projections, :math:`a_k, b_k` the canonical axes, :math:`K` the smaller number of components, and
    the correlation over held-out samples, averaged over folds. A component that does not vary at all is not kept.

    What lies outside the leading components is not seen, and within them every one counts alike.

    Args:
        n_components: Most components kept on either side.
        variance: Fraction of the variance that is enough.

    Raises:
        ValueError: If there is no component, or the fraction does not lie in (0, 1].

    References:
        SVCCA: Singular Vector Canonical Correlation Analysis for Deep Learning Dynamics and Interpretability
        (Raghu et al., 2017) https://arxiv.org/abs/1706.05806

    Examples:
        >>> import numpy as np
        >>> from neurornn.analysis.similarity import condition_folds
        >>> phase = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        >>> X = np.stack([np.cos(phase), np.sin(phase)], -1)[:, None]      # 20 conditions, 1 time, 2 units
        >>> Y = np.concatenate([X, -X, 0.1 * X], -1)
        >>> round(SVCCA(n_components=2).score(X, Y, condition_folds(20)).value, 6)
        1.0
    """

    n_components: int = 10
    variance: float = 1.0

    name: ClassVar[str] = "SVCCA"
    fitted: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.n_components < 1:
            raise ValueError(f"n_components must be at least 1: got {self.n_components}.")
        if not 0 < self.variance <= 1:
            raise ValueError(f"variance must lie in (0, 1]: got {self.variance}.")

    @property
    @override
    def invariances(self) -> tuple[str, ...]:
        """Rotations and gains: what leaves the leading components the same."""
        return (
            "unit permutation",
            "scale",
            "offset",
            "rotation",
            "condition permutation",
            "time permutation",
        )

    @override
    def _score(self, X: NDArray[float64], Y: NDArray[float64], folds: Folds) -> Scores:
        value = held_out_correlation(
            X, Y, folds, name=self.name, n_components=self.n_components, variance=self.variance
        )
        return Scores(value)
