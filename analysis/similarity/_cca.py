r"""Canonical correlation: which pairs of directions of two populations go together, in conditions held out."""

__all__ = ["CCA"]

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.similarity._base import AbstractSimilarity, Folds, Scores
from neurornn.analysis.similarity._canonical import held_out_correlation


@final
@dataclass(frozen=True)
class CCA(AbstractSimilarity):
    r"""Mean canonical correlation on held-out conditions.

    The axes are those of the training conditions,

    .. math:: (a_k, b_k) = \operatorname{argmax}_{a, b}\; a^\top C_{xy}\, b \quad\text{with}\quad
       a^\top (C_{xx} + \lambda_x I)\, a = b^\top (C_{yy} + \lambda_y I)\, b = 1

    and uncorrelated with the pairs before, where :math:`C_{xx}, C_{yy}, C_{xy}` are the covariances within and between the
    model :math:`x` and the brain :math:`y`, and :math:`\lambda_x = \rho \operatorname{tr} C_{xx}`, likewise
    :math:`\lambda_y`, with the ``ridge`` :math:`\rho`. The value is the mean over pairs, as many as the smaller population has
    dimensions, and over folds of :math:`\mathrm{corr}(a_k^\top x, b_k^\top y)` over the held-out samples: 1 for any two
    populations that are linear images of each other, about 0 by chance.

    Every dimension counts alike, however little it varies. Without a ridge, noisy dimensions weigh as much as the signal,
    and the fit needs more samples than both populations have dimensions; :class:`SVCCA` keeps the leading ones.

    Args:
        ridge: :math:`\rho`, in fractions of the total variance of a side. With 0 the measure is blind to any invertible
            map of either population.

    Raises:
        ValueError: If the ridge is negative or not finite.

    References:
        Relations between two sets of variates (Hotelling, 1936) https://doi.org/10.1093/biomet/28.3-4.321

    Examples:
        >>> from neurornn.analysis.similarity import condition_folds
        >>> phase = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        >>> X = np.stack([np.cos(phase), np.sin(phase)], -1)[:, None]      # 20 conditions, 1 time, 2 units
        >>> Y = X @ np.array([[1.0, 2.0], [0.5, 0.0]])
        >>> round(CCA().score(X, Y, condition_folds(20)).value, 6)
        1.0
    """

    ridge: float = 0.0

    name: ClassVar[str] = "CCA"
    fitted: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not (np.isfinite(self.ridge) and self.ridge >= 0):
            raise ValueError(f"ridge must be 0 or more: got {self.ridge}.")

    @property
    @override
    def invariances(self) -> tuple[str, ...]:
        """Any invertible map without a ridge; rotations and gains with one."""
        shared = (
            "unit permutation",
            "scale",
            "offset",
            "rotation",
            "condition permutation",
            "time permutation",
        )
        return shared if self.ridge else (*shared, "unit scale", "invertible map")

    @override
    def _score(self, X: NDArray[np.float64], Y: NDArray[np.float64], folds: Folds) -> Scores:
        return Scores(held_out_correlation(X, Y, folds, name=self.name, ridge=self.ridge))
