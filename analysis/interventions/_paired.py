"""Paired differences over trials with intervals."""

__all__ = ["Paired", "newcombe_interval", "paired_difference"]

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from neurornn.analysis.behaviour._choices import wilson_interval
from neurornn.random import derive_seed, uniform_array


class Paired(NamedTuple):
    """A mean paired difference.

    Attributes:
        effect: Mean of the differences; NaN without pairs.
        interval: Its ends, ``(2,)``.
        p_value: Probability of a difference so large or larger if the intervention did nothing.
        n_pairs: Pairs in which both values exist.
        n_changed: Pairs that differ.
        method: ``"newcombe"`` or ``"bootstrap"``.
    """

    effect: float
    interval: NDArray[np.float64]
    p_value: float
    n_pairs: int
    n_changed: int
    method: str


def paired_difference(
    control: NDArray[np.float64],
    treated: NDArray[np.float64],
    *,
    binary: bool,
    confidence: float,
    n_resamples: int,
    key: int,
) -> Paired:
    r"""Mean of ``treated - control`` over the pairs in which both exist.

    Values that are all 0 or 1 get Newcombe's interval and McNemar's exact test; others the percentile bootstrap over
    pairs and the test that flips the signs of the differences at random.

    Args:
        control: Values without the intervention.
        treated: Values of the same trials with it.
        binary: Whether the values are 0 and 1.
        confidence: Of the interval.
        n_resamples: Bootstrap replicates and sign flips.
        key: Key of their random numbers.

    Returns:
        The difference.
    """
    known = ~(np.isnan(control) | np.isnan(treated))
    before, after = control[known], treated[known]
    difference = after - before
    n, changed = difference.size, int((difference != 0).sum())
    method = "newcombe" if binary else "bootstrap"
    if n == 0:
        return Paired(np.nan, np.full(2, np.nan), np.nan, 0, 0, method)
    if binary:
        gained, lost = int((difference > 0).sum()), int((difference < 0).sum())
        both = int(((before == 1) & (after == 1)).sum())
        interval = newcombe_interval(both, gained, lost, n - both - gained - lost, confidence=confidence)
        p = min(1.0, 2 * float(bdtr(min(gained, lost), changed, 0.5)))  # a fair coin for each that changed
        return Paired((gained - lost) / n, interval, p, n, changed, method)
    tail = (1 - confidence) / 2
    means = _resampled(difference, n_resamples, key)
    interval = np.asarray(np.quantile(means, [tail, 1 - tail]), dtype=np.float64)
    flipped = _flipped(difference, n_resamples, key + 1)
    observed = abs(difference.mean())
    at_least = (np.abs(flipped) >= observed * (1 - 1e-12)).sum()
    return Paired(
        float(difference.mean()), interval, float((1 + at_least) / (1 + n_resamples)), n, changed, method
    )


def newcombe_interval(
    both: int, gained: int, lost: int, neither: int, *, confidence: float = 0.95
) -> NDArray[np.float64]:
    r"""Interval of a difference of two proportions in the same trials.

    With Wilson's intervals :math:`(l_1, u_1)` of the proportion :math:`p_1` with and :math:`(l_2, u_2)` of :math:`p_2`
    without the intervention,

    .. math::
        p_1 - p_2 - \sqrt{(p_1 - l_1)^2 - 2\phi (p_1 - l_1)(u_2 - p_2) + (u_2 - p_2)^2}

    is the lower end, and the upper one likewise; :math:`\phi` is the correlation of the two outcomes, corrected for
    continuity.

    Args:
        both: Trials with a success in both cases.
        gained: Successes with the intervention alone.
        lost: Successes without it alone.
        neither: Trials without a success.
        confidence: Probability that the interval holds the difference.

    Returns:
        Lower and upper end.

    References:
        Improved confidence intervals for the difference between binomial proportions based on paired data
        (Newcombe, 1998), method 10

    Examples:
        >>> newcombe_interval(14, 5, 0, 22).round(3).tolist()
        [0.011, 0.226]
    """
    n = both + gained + lost + neither
    k = np.array([both + gained, both + lost])
    p = k / n
    (l1, u1), (l2, u2) = wilson_interval(k, n, confidence=confidence)
    spread = float(np.prod(k.astype(float)) * np.prod(n - k.astype(float)))
    excess = float(both * neither - gained * lost)
    if excess > 0:
        excess = max(excess - n / 2, 0.0)
    phi = excess / np.sqrt(spread) if spread > 0 else 0.0
    ends = []
    for near, far in ((p[0] - l1, u2 - p[1]), (u1 - p[0], p[1] - l2)):
        ends.append(np.sqrt(max(near**2 - 2 * phi * near * far + far**2, 0.0)))
    difference = p[0] - p[1]
    return np.array([difference - ends[0], difference + ends[1]])


def _resampled(difference: NDArray[np.float64], n_resamples: int, key: int) -> NDArray[np.float64]:
    """Means over pairs drawn with replacement."""
    n = difference.size
    return np.array([
        difference[(row * n).astype(np.intp)].mean() for row in _uniform_rows(key, n_resamples, n)
    ])


def _flipped(difference: NDArray[np.float64], n_resamples: int, key: int) -> NDArray[np.float64]:
    """Means with the sign of each difference drawn by a coin."""
    rows = _uniform_rows(key, n_resamples, difference.size)
    return np.array([np.where(row < 0.5, -difference, difference).mean() for row in rows])


def _uniform_rows(key: int, n_rows: int, n: int) -> Iterator[NDArray[np.float64]]:
    for row in range(n_rows):
        yield uniform_array(derive_seed(key, row), n)
