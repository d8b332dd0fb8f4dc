"""Binary choices, and intervals of what is estimated from them."""

__all__ = ["as_choices", "percentile_interval", "wilson_interval"]

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri


def as_choices(choice: ArrayLike | xr.DataArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which trials have the positive choice, and which have a choice at all.

    Args:
        choice: +1 and -1, where 0 and NaN mean none; or booleans.

    Returns:
        Two arrays of booleans, one value for each trial.

    Raises:
        ValueError: If the choices are coded in another way or there is none.
    """
    values = np.asarray(choice)
    if values.ndim != 1:
        raise ValueError(f"choice needs one value for each trial: got shape {values.shape}.")
    if values.dtype == bool:
        return values, np.ones(values.shape, dtype=bool)
    if not np.issubdtype(values.dtype, np.number):
        raise ValueError(
            f"choice must be +1 or -1 (0 or NaN: none) or boolean: got {np.unique(values)[:4].tolist()}. "
            "Pass, for instance, choice == 'right'."
        )
    known = np.isfinite(values) & (values != 0)
    found = np.unique(values[np.isfinite(values)])
    if not set(found.tolist()) <= {-1, 0, 1}:
        raise ValueError(
            f"choice must be +1 or -1 (0 or NaN: none) or boolean: got {found[:6].tolist()}. Pass, for instance, choice > 0."
        )
    if 0 in found and -1 not in found:
        raise ValueError(
            f"choice holds {found.tolist()} and no -1, so 0 could mean the other choice or none. Pass choice == 1 if it "
            "is the other choice; drop those trials if it is none."
        )
    if not known.any():
        raise ValueError("No trial has a choice.")
    return values == 1, known


def wilson_interval(chosen: ArrayLike, total: ArrayLike, *, confidence: float = 0.95) -> NDArray[np.float64]:
    r"""Wilson's score interval of a proportion :math:`\hat p = k / n`.

    .. math:: \frac{\hat p + z^2/2n \pm z \sqrt{\hat p (1 - \hat p)/n + z^2/4n^2}}{1 + z^2/n}

    where :math:`z` is the normal quantile of the confidence. Unlike :math:`\hat p \pm z\,s.e.` it stays inside
    [0, 1] and has a width when all trials agree.

    Args:
        chosen: Successes :math:`k`.
        total: Trials :math:`n`.
        confidence: Probability that the interval holds the proportion.

    Returns:
        Low and high ends in a last axis of length 2; NaN without trials.

    Raises:
        ValueError: If there are more successes than trials or fewer than 0, or the confidence is no probability.

    References:
        Probable inference, the law of succession, and statistical inference (Wilson, 1927)
        https://doi.org/10.1080/01621459.1927.10502953

    Examples:
        >>> wilson_interval(5, 10).round(4).tolist()
        [0.2366, 0.7634]
    """
    k, n = np.asarray(chosen, dtype=np.float64), np.asarray(total, dtype=np.float64)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is a probability between 0 and 1: got {confidence}.")
    if np.any((k < 0) | (k > n)):
        raise ValueError(f"Of n trials 0 to n can be successes: got {chosen!r} of {total!r}.")
    z = ndtri(0.5 + confidence / 2)
    known = np.where(n > 0, n, np.nan)
    p = k / known
    centre = p + z**2 / (2 * known)
    half = z * np.sqrt(p * (1 - p) / known + z**2 / (4 * known**2))
    ends = np.stack([centre - half, centre + half], axis=-1) / (1 + z**2 / known)[..., None]
    return np.clip(ends, 0.0, 1.0)  # rounding at 0 and 1


def percentile_interval(replicates: NDArray[np.float64]) -> NDArray[np.float64]:
    """95 % percentile interval over bootstrap replicates, those with NaN left out.

    Args:
        replicates: Estimates, ``(replicate, ...)``; infinite ones count.

    Returns:
        Low and high ends in a last axis of length 2; NaN if there is no replicate.
    """
    kept = (
        replicates[~np.isnan(replicates).reshape(len(replicates), -1).any(1)]
        if len(replicates)
        else replicates
    )
    if not len(kept):
        return np.full((*replicates.shape[1:], 2), np.nan)
    ends = np.quantile(kept, [0.025, 0.975], axis=0, method="closest_observation")  # no inf - inf between two
    return np.moveaxis(ends, 0, -1)
