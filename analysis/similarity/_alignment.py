r"""Does the variance of the brain lie in the courses over conditions and times that dominate the model?"""

__all__ = ["SubspaceAlignment"]

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.similarity._base import AbstractSimilarity, Folds, Scores
from neurornn.analysis.similarity._samples import centred, principal


@final
@dataclass(frozen=True)
class SubspaceAlignment(AbstractSimilarity):
    r"""Alignment index between the leading courses of two populations.

    Two populations share no units, but they share conditions and times. Each population is a cloud of units in the space
    of these samples; its leading axes there are the courses that its principal components take. The value is the
    alignment index of :func:`neurornn.analysis.subspaces.alignment_index` in that space,

    .. math:: A = \frac{\|U_x^\top Y\|_F^2}{\sum_{k \le d} s_k^2}

    where :math:`Y` is the centred activity of the brain ``(sample, unit)``, :math:`s_k` its singular values, and :math:`U_x` the
    first :math:`d` left singular vectors of the centred activity of the model: how much of the variance that any
    :math:`d` courses can hold lies in those of the model. 1 if the leading courses are the same, in whatever order; 0 if
    they are orthogonal. For :math:`n` independent samples unrelated populations score about :math:`d / (n - 1)` times the ratio
    of the total variance to that in the first :math:`d`, more if activity is smooth in time: compare with a shuffle. It is
    not symmetric, and within the :math:`d` courses the variances of the model play no part.

    Args:
        n_components: Number of courses :math:`d`.

    Raises:
        ValueError: If there is no component.

    References:
        Reorganization between preparatory and movement population responses in motor cortex (Elsayed et al., 2016)
        https://doi.org/10.1038/ncomms13239

    Examples:
        The brain has a course of its own that the model has not:

        >>> X = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])[:, None]    # 4 conditions, 1 time, 2 units
        >>> own = np.array([1.0, -1.0, -1.0, 1.0])[:, None, None]
        >>> Y = np.concatenate([X[:, :, :1], own], -1)
        >>> round(SubspaceAlignment(n_components=2).score(X, Y).value, 9)
        0.5
    """

    n_components: int = 10

    name: ClassVar[str] = "subspace alignment"

    def __post_init__(self) -> None:
        if self.n_components < 1:
            raise ValueError(f"n_components must be at least 1: got {self.n_components}.")

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
        rows = centred(Y)
        U, _, _ = principal(centred(X))
        s = np.linalg.svd(rows, compute_uv=False)
        d, n_samples = self.n_components, len(rows)
        rank_y = int((s > s[0] * max(rows.shape) * 1e-14).sum())
        for rank, who in ((U.shape[1], "model"), (rank_y, "brain")):
            if rank < d:
                raise ValueError(
                    f"n_components={d} courses were asked for and the {who} varies along {rank}: the others would be arbitrary. "
                    "Ask for fewer."
                )
        if d >= n_samples - 1:
            raise ValueError(
                f"{d} courses span the whole space of {n_samples} samples (conditions x times), where every population is "
                "aligned. Ask for fewer components."
            )
        return Scores(float(((U[:, :d].T @ rows) ** 2).sum() / (s[:d] ** 2).sum()))
