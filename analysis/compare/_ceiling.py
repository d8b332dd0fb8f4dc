r"""How well a perfect model would score: half of the trials against the other half, corrected for half the data."""

__all__ = ["Averages", "arrays_of", "cautious", "corrected", "generous", "half_correlation", "scale_of"]

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurornn.analysis.compare._side import Parts
from neurornn.analysis.similarity import AbstractSimilarity

Scale = Literal["correlation", "square"]

_CORRELATIONS = {
    "cross-temporal decoding",
    "crossnobis RSA",
    "held-out Procrustes",
    "linear CKA",
    "RSA",
}  # 1 for equal populations, and independent noise on either side multiplies it by a factor of that side


class Averages(NamedTuple):
    """One population in one split of its trials: ``(condition, bin, unit)`` each.

    Attributes:
        full: Over all trials.
        halves: Over two halves of them.
        quarters: Over four quarters, the first two of which make the first half; empty if not needed.
    """

    full: NDArray[np.float64]
    halves: tuple[NDArray[np.float64], NDArray[np.float64]]
    quarters: tuple[NDArray[np.float64], ...] = ()

    @classmethod
    def of(cls, parts: Parts) -> "Averages":
        """Averages of two or four parts."""
        if len(parts.sums) == 2:
            return cls(parts.mean(), (parts.mean(0), parts.mean(1)))
        quarters = tuple(parts.mean(k) for k in range(4))
        return cls(parts.mean(), (parts.mean(0, 1), parts.mean(2, 3)), quarters)

    def at(self, units: NDArray[np.intp]) -> "Averages":
        """The same of some units."""
        first, second = self.halves
        return Averages(
            self.full[..., units],
            (first[..., units], second[..., units]),
            tuple(q[..., units] for q in self.quarters),
        )

    def at_conditions(self, order: NDArray[np.intp]) -> "Averages":
        """The same in another order of conditions."""
        first, second = self.halves
        return Averages(
            self.full[order], (first[order], second[order]), tuple(q[order] for q in self.quarters)
        )


def arrays_of(measure: AbstractSimilarity, averages: Averages, *, by_trial: bool) -> NDArray[np.float64]:
    """What a measure takes of a population.

    Args:
        measure: The measure.
        averages: The population.
        by_trial: Whether a fitted measure is fitted on one half of the trials and judged by the other.

    Returns:
        The average; the two halves stacked where the measure needs splits; the halves one after the other, as so many
        more conditions, where it is fitted by trial.
    """
    if measure.needs_splits:
        return np.stack(averages.halves)
    if measure.fitted and by_trial:
        return np.concatenate(averages.halves)
    return averages.full


def cautious(averages: Averages) -> tuple[Averages, Averages]:
    """Two populations that share no trial: the halves of one. A measure between them is too low a ceiling: both are noisy."""
    one, other = averages.halves
    if not averages.quarters:
        return Averages(one, (one, one)), Averages(other, (other, other))
    a, b, c, d = averages.quarters
    return Averages(one, (a, b)), Averages(other, (c, d))


def generous(averages: Averages) -> tuple[Averages, Averages]:
    """All trials against one half of the same: too high a ceiling, since the noise of the half is in both."""
    one = averages.halves[0]
    parts = (averages.quarters[0], averages.quarters[2]) if averages.quarters else (one, one)
    return averages, Averages(one, parts)


def scale_of(measure: AbstractSimilarity) -> Scale | None:
    """How noise lowers a measure: as it lowers a correlation or the square of one; None if that is not known."""
    if measure.name == "linear predictivity":
        return "square" if getattr(measure, "metric", "r2") == "r2" else "correlation"
    return "correlation" if measure.name in _CORRELATIONS else None


def corrected(value: NDArray[np.float64], scale: Scale, *, lengthened: float = 2.0) -> NDArray[np.float64]:
    r"""From the score of half against half to that of a perfect model against all trials.

    With the correlation :math:`r` between two averages that share their signal and not their noise, an average over
    :math:`k` times as many trials has the reliability

    .. math:: \rho = \frac{k\,r}{1 + (k - 1)\,r}

    (Spearman and Brown), and a model without noise has a squared correlation of :math:`\rho` with it.

    Args:
        value: Scores of half against half, on the scale of the measure.
        scale: That scale.
        lengthened: :math:`k`, 2 for all trials.

    Returns:
        The ceiling on the same scale; that of :math:`r = 0` where halves agree less than by chance.
    """
    r = np.sqrt(np.maximum(value, 0.0)) if scale == "square" else value
    r = np.clip(r, 0.0, 1.0)
    rho = lengthened * r / (1.0 + (lengthened - 1.0) * r)
    return np.asarray(rho if scale == "square" else np.sqrt(rho))


def half_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of each unit between two averages, over conditions and bins; NaN for a unit that does not vary."""
    a, b = (each.reshape(-1, each.shape[-1]) for each in (one, other))
    a, b = a - a.mean(0), b - b.mean(0)
    size = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    out: NDArray[np.float64] = np.full(size.shape, np.nan)
    np.divide((a * b).sum(0), size, out=out, where=size > 0)
    return out
