r"""Cross-temporal decoding: are the same conditions told apart, at the same times and by a code that lasts as long?"""

__all__ = ["CrossTemporalDecoding"]

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.similarity._base import AbstractSimilarity, Folds, Scores
from neurornn.analysis.similarity._noise import Noise, whitening


@final
@dataclass(frozen=True)
class CrossTemporalDecoding(AbstractSimilarity):
    r"""Agreement of what linear decoders of the conditions say, trained at one time and tested at another.

    Both arrays start with an axis of splits, ``(split, condition, time, unit)``: averages over separate trials, two halves or
    more. Each population has decoders of its own. For two conditions :math:`i, j` the discriminant of Fisher is trained on one
    split at time :math:`s` and applied to another split at time :math:`t`; its margin is

    .. math:: m_{ij}(s, t) = \frac{1}{M (M - 1)} \sum_{k \ne l}
       \big(x_i^k(s) - x_j^k(s)\big)^\top \Sigma^{-1} \big(x_i^l(t) - x_j^l(t)\big)

    where :math:`x_i^k(s)` is condition :math:`i` at time :math:`s` in split :math:`k` of :math:`M`, and :math:`\Sigma` the covariance of the
    noise, that of the splits about their mean. It is positive where the decoder still works, 0 on average where the code has changed or
    nothing is coded, and negative where the code has turned round; noise of training and of test trials is independent and averages out.
    The value is the cosine or correlation between the margins of the two populations, over all pairs of conditions and of times.

    A population that codes a variable in an unchanging direction and one that passes it from unit to unit have the same margins
    at :math:`s = t` and different ones elsewhere. What all conditions share in time cancels: no ramp makes populations alike. Chance
    is above 0, since margins at equal times are positive in all populations that code anything: compare with a shuffle.

    Args:
        times: ``"all"`` pairs of times; ``"same"``: training and test at the same time, the time course of decoding alone.
        noise: ``"shrunk"``: covariance shrunk towards equal variances by the rule of Ledoit and Wolf; ``"diagonal"``:
            variances only; ``"none"``: the decoder is the difference of the means.
        comparison: ``"cosine"``, which uses that 0 means chance, or ``"pearson"``.

    Raises:
        ValueError: If one of the three is something else.

    References:
        Dynamic coding for cognitive control in prefrontal cortex (Stokes et al., 2013)
        https://doi.org/10.1016/j.neuron.2013.01.039

    Examples:
        Three conditions at two times, in one unit all the time, or in one unit early and in another late:

        >>> level = np.array([-1.0, 0.0, 1.0])
        >>> lasting, passed_on = np.zeros((2, 3, 2, 2)), np.zeros((2, 3, 2, 2))   # 2 splits, 3 conditions, 2 times, 2 units
        >>> lasting[..., 0] = level[:, None]
        >>> passed_on[:, :, 0, 0] = passed_on[:, :, 1, 1] = level
        >>> same, every = CrossTemporalDecoding(times="same"), CrossTemporalDecoding()
        >>> round(same.score(lasting, passed_on).value, 6), round(every.score(lasting, passed_on).value, 3)
        (1.0, 0.707)
    """

    times: Literal["all", "same"] = "all"
    noise: Noise = "shrunk"
    comparison: Literal["cosine", "pearson"] = "cosine"

    name: ClassVar[str] = "cross-temporal decoding"
    needs_splits: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for field, known in (
            ("times", ("all", "same")),
            ("noise", ("shrunk", "diagonal", "none")),
            ("comparison", ("cosine", "pearson")),
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
        n_conditions = X.shape[1]
        if n_conditions < 3:
            raise ValueError(
                f"'{self.name}' compares pairs of conditions and needs 3 of them: got {n_conditions}."
            )
        n, sums, products = 0.0, np.zeros(2), np.zeros((2, 2))
        sides = tuple(each @ whitening(each, self.noise) for each in (X, Y))
        for weight, margins in _margins(*sides, same=self.times == "same"):
            n += weight * margins.shape[1]
            sums += weight * margins.sum(1)
            products += weight * margins @ margins.T
        size = np.diag(products).copy()
        if not (size > 0).all():
            raise ValueError(
                "No two conditions of one population differ at any time: there is nothing to decode."
            )
        if self.comparison == "pearson":
            products -= np.outer(sums, sums) / n
            if (np.diag(products) <= 1e-12 * size).any():
                raise ValueError("All margins of one population are equal: use comparison='cosine'.")
        value = products[0, 1] / (products[0, 0] * products[1, 1]) ** 0.5
        return Scores(float(np.clip(value, -1.0, 1.0)))


def _margins(
    X: NDArray[np.float64], Y: NDArray[np.float64], *, same: bool
) -> Iterator[tuple[float, NDArray[np.float64]]]:
    """Margins of both populations for one pair of times after the other, ``(population, pair of conditions)``, and their weight."""
    n_conditions, n_times = X.shape[1:3]
    upper = np.triu_indices(n_conditions, 1)
    for s in range(n_times):
        for t in range(s, s + 1 if same else n_times):
            both = np.stack([_margin(Z[:, :, s], Z[:, :, t])[upper] for Z in (X, Y)])
            yield (1.0 if s == t else 2.0), both  # training and test change places: the same margins


def _margin(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Margins between all conditions from patterns ``(split, condition, unit)`` at two times."""
    share = 1.0 / (len(a) * (len(a) - 1))
    product = a.sum(0) @ b.sum(0).T - np.einsum("kiu,kju->ij", a, b, optimize=True)
    own = np.diagonal(product)
    return np.asarray(share * (own[:, None] + own - product - product.T), dtype=np.float64)
