r"""Power of signal and noise: how much of the variance there is a model could explain."""

__all__ = ["explainable_variance", "normalised_correlation", "signal_power"]

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis._conditions import activity, groups_of
from neurornn.analysis.selectivity._units import BLOCK, checked_members, names_of, per_unit, trials_of


def explainable_variance(ds: xr.Dataset, variable: str = "rate", *, by: str | Sequence[str]) -> xr.Dataset:
    r"""Power of signal and noise of every unit, and the share of variance a perfect model explains.

    See :func:`signal_power` for the estimate. No model can be expected to explain more of the variance of the average
    than ``explainable_variance``, :math:`SP / \mathrm{Var}(m)`, nor more of the variance of single trials than
    ``explainable_variance_of_trials``, :math:`SP / (SP + NP)`. Estimates are free of bias, so those of a unit
    without signal scatter around 0 and can be negative.

    Args:
        ds: Trials, simulated or recorded.
        variable: Activity ``(trial, time, unit)``.
        by: Condition variables to average over.

    Returns:
        A dataset along ``unit``: ``signal_power`` and ``noise_power``, in the squared unit of the variable,
        ``explainable_variance``, ``explainable_variance_of_trials``, ``n_trials`` and ``n_conditions`` that count.

    Raises:
        ValueError: If a name is not a variable of the trials.

    References:
        How linear are auditory cortical responses? (Sahani & Linden, 2003)
        https://proceedings.neurips.cc/paper/2002/hash/7b4773c039d539af17c883eb9283dd14-Abstract.html
    """
    names = names_of(by)
    levels, member = groups_of(ds, names)
    n_conditions = len(levels[names[0]])
    parts, counts = [], []
    size = max(1, BLOCK // max(1, ds.sizes["trial"] * ds.sizes["time"]))
    for first in range(0, ds.sizes["unit"], size):
        values = activity(ds.isel(unit=slice(first, first + size)), variable)[0].values
        parts.append(np.stack(signal_power(values, member)))
        counts.append(trials_of(values, member, n_conditions))
    signal, noise, total = np.concatenate(parts, axis=1)
    count = np.concatenate(counts, axis=1)
    unit = str(ds[variable].attrs.get("units", "1"))
    squared = "1" if unit in ("", "1") else f"({unit})²"

    def share(whole: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.divide(signal, whole, out=np.full(signal.shape, np.nan), where=whole > 0)

    variables: dict[str, tuple[str, NDArray[Any], str]] = {
        "signal_power": (squared, signal, "signal power"),
        "noise_power": (squared, noise, "noise power of a trial"),
        "explainable_variance": ("1", share(total), "explainable variance of the average"),
        "explainable_variance_of_trials": ("1", share(signal + noise), "explainable variance of trials"),
        "n_trials": ("1", np.where(count >= 2, count, 0).sum(0), "trials that count"),
        "n_conditions": ("1", (count >= 2).sum(0), "conditions that count"),
    }
    return per_unit(ds, variables, "neurornn.ExplainableVariance/1").assign_attrs(
        variable=variable,
        by=names,
        n_conditions=n_conditions,
        n_trials_without_condition=int((member < 0).sum()),
    )


def signal_power(
    values: NDArray[np.float64], member: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    r"""Power of signal and noise, without bias, also with unequal numbers of trials.

    .. math:: SP = \mathrm{Var}_{ct}(m) - \overline{s^2_{ct} / n_{ct}} + \widehat{\mathrm{Var}}(\bar m), \qquad
              NP = \overline{s^2_{ct}}

    with :math:`m_{ct}` the average over the :math:`n_{ct}` trials of condition :math:`c` at time :math:`t`,
    :math:`s^2_{ct}` the variance over these trials, bars for means over conditions and times and
    :math:`\bar m` the mean of all averages, whose variance is estimated from the trials. Equal numbers of trials and a
    noise without memory give the estimate of Sahani & Linden.

    Args:
        values: Activity, NaN where there is none.
        member: Condition of each trial, counted from 0; negative for none.

    Returns:
        For each unit the power of the signal, that of the noise of a trial, and the variance of the averages; NaN where
        there are no two conditions or times with two trials each.
    """
    member = checked_members(values, member)
    n_units = values.shape[2]
    mean, spread, error = [], [], []
    drift = np.zeros(n_units)  # variance of the sum of all averages
    for c in range(int(member.max(initial=-1)) + 1):
        rows = values[member == c]
        present = np.isfinite(rows)
        n = present.sum(0)
        filled = np.where(present, rows, 0.0)
        m = filled.sum(0) / np.maximum(n, 1)
        apart = np.where(present, rows - m, 0.0)
        used = n >= 2
        s2 = np.where(used, (apart**2).sum(0) / np.maximum(n - 1, 1), np.nan)
        mean.append(np.where(used, m, np.nan))
        spread.append(s2)
        error.append(s2 / np.maximum(n, 1))
        share = np.where(used, apart / np.maximum(n, 1), 0.0).sum(1)  # of each trial in the sum of averages
        trials = np.where(used[None], present, False).any(1).sum(0)
        drift += (share**2).sum(0) * trials / np.maximum(trials - 1, 1)
    if not mean:
        nothing = np.full(n_units, np.nan)
        return nothing, nothing.copy(), nothing.copy()
    m, s2, e2 = (np.concatenate(each).reshape(-1, n_units) for each in (mean, spread, error))
    n_samples = np.isfinite(m).sum(0)
    enough = n_samples >= 2
    n_samples = np.maximum(n_samples, 1)
    centre = np.nansum(m, 0) / n_samples
    total = np.where(enough, np.nansum((m - centre) ** 2, 0) / n_samples, np.nan)
    signal = total - np.nansum(e2, 0) / n_samples + drift / n_samples**2
    return signal, np.where(enough, np.nansum(s2, 0) / n_samples, np.nan), total


def normalised_correlation(
    prediction: NDArray[np.float64],
    values: NDArray[np.float64],
    member: NDArray[np.intp],
) -> NDArray[np.float64]:
    r"""Correlation of a prediction with the average over trials, divided by the best it could be.

    .. math:: CC_{norm} = \frac{\mathrm{Cov}(p, m)}{\sqrt{\mathrm{Var}(p)\, SP}}

    A perfect model scores 1 on average, whatever the number of trials.

    Args:
        prediction: Prediction of the average of each condition.
        values: Activity, NaN where there is none.
        member: Condition of each trial, counted from 0; negative for none.

    Returns:
        One number for each unit; NaN where the estimated power of the signal is not positive or the prediction does not
        vary.

    Raises:
        ValueError: If the prediction has another shape.

    References:
        Measuring the performance of neural models (Schoppe et al., 2016) https://doi.org/10.3389/fncom.2016.00010
    """
    member = checked_members(values, member)
    n_conditions = int(member.max(initial=-1)) + 1
    wanted = (n_conditions, *values.shape[1:])
    if prediction.shape != wanted:
        raise ValueError(f"prediction has shape {prediction.shape} and the activity needs {wanted}.")
    signal, _, _ = signal_power(values, member)
    counts = np.stack([np.isfinite(values[member == c]).sum(0) for c in range(n_conditions)])
    sums = np.stack([np.nansum(values[member == c], 0) for c in range(n_conditions)])
    used = (counts >= 2) & np.isfinite(prediction)
    m = np.where(used, sums / np.maximum(counts, 1), np.nan).reshape(-1, wanted[-1])
    p = np.where(used, prediction, np.nan).reshape(-1, wanted[-1])
    n = np.maximum(np.isfinite(m).sum(0), 1)
    p = p - np.nansum(p, 0) / n
    m = m - np.nansum(m, 0) / n
    bottom = np.nansum(p**2, 0) / n * signal
    out = np.full(wanted[-1], np.nan)
    np.divide(np.nansum(p * m, 0) / n, np.sqrt(np.where(bottom > 0, bottom, 1.0)), out=out, where=bottom > 0)
    return out
