r"""Sensitivity and criterion of yes-no decisions."""

__all__ = ["SignalDetection", "plot_signal_detection", "signal_detection"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri, xlogy
from typing_extensions import override

from neurornn.analysis._conditions import by_group
from neurornn.analysis._plotting import axes_or_new, is_numeric, label, legend_beside, value_text
from neurornn.analysis.behaviour._choices import percentile_interval
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance
from neurornn.random import derive_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DESCRIBED = {
    "sensitivity": "sensitivity d'",
    "criterion": "criterion c",
    "hit_rate": "hit rate",
    "false_alarm_rate": "false-alarm rate",
}


def signal_detection(
    ds: xr.Dataset,
    *,
    signal: str | Sequence[str] = "correct_choice",
    choice: str | Sequence[str] = "choice",
    by: str | None = None,
    n_bootstrap: int = 400,
    seed: int = 0,
) -> xr.Dataset:
    r"""Sensitivity and criterion of the equal-variance Gaussian observer.

    .. math:: d' = \Phi^{-1}(H) - \Phi^{-1}(F), \qquad c = -\tfrac12 \big(\Phi^{-1}(H) + \Phi^{-1}(F)\big)

    where :math:`H` is the rate of positive choices in trials that ask for one (hits) and :math:`F` that in the other
    trials (false alarms). A positive criterion means that the subject is reluctant to choose the positive side. Both
    rates carry the log-linear correction

    .. math:: H = \frac{h + 1/2}{n_s + 1}, \qquad F = \frac{f + 1/2}{n_n + 1}

    of :math:`h` hits in :math:`n_s` signal trials and :math:`f` false alarms in :math:`n_n` noise trials, always and
    not only where a rate is 0 or 1; there, ``at_bound`` says that the data set no limit and d' is that of the
    correction. Intervals are 95 % percentiles of a parametric bootstrap with the same correction.

    Args:
        ds: Trials, simulated or recorded.
        signal: Name of what the trial asks for: +1, -1, or 0 and NaN for nothing. Several names, one for each
            decision within a trial, are taken together.
        choice: Name of the choice, in the same code; a decision without a choice is excluded and counted. As many
            names as for ``signal``.
        by: Condition that splits the trials; None takes all together.
        n_bootstrap: Number of bootstrap replicates.
        seed: Their seed.

    Returns:
        A dataset with ``sensitivity`` and ``criterion``, each with its ``_interval``, ``hit_rate`` and
        ``false_alarm_rate`` without correction, ``at_bound``, ``log_likelihood`` of both rates, ``n_signal``,
        ``n_noise`` and ``n_excluded``; along ``group`` if ``by`` is given.

    Raises:
        ValueError: If a variable is missing or coded in another way, or there is no signal or no noise trial.

    References:
        Corrections for extreme proportions and their biasing effects on estimated values of d' (Hautus, 1995)
        https://doi.org/10.3758/BF03203619

    Examples:
        >>> signal = np.repeat([1, -1], 50)
        >>> choice = np.where(np.arange(100) % 50 < np.where(signal > 0, 42, 8), 1, -1)   # rates 0.84 and 0.16
        >>> found = signal_detection(xr.Dataset({"correct_choice": ("trial", signal), "choice": ("trial", choice)}))
        >>> round(float(found.sensitivity), 2), abs(round(float(found.criterion), 2)), bool(found.at_bound)
        (1.93, 0.0, False)
    """
    asked, answered = _decisions(ds, signal), _decisions(ds, choice)
    if asked.shape != answered.shape:
        raise ValueError(
            f"signal and choice need as many names: got {asked.shape[1]} and {answered.shape[1]}."
        )
    if n_bootstrap < 0:
        raise ValueError(f"n_bootstrap must be at least 0: got {n_bootstrap}.")

    def one(value: object, rows: NDArray[np.bool_]) -> xr.Dataset:
        return _detect(asked[rows], answered[rows], n_bootstrap, derive_seed(seed, "detection", str(value)))

    result = one("", np.ones(len(asked), dtype=bool)) if by is None else by_group(ds, by, one)
    for name, long_name in _DESCRIBED.items():
        result[name].attrs = {"long_name": long_name, "units": "1"}
        if f"{name}_interval" in result:
            result[f"{name}_interval"].attrs = {"long_name": f"95 % interval of {long_name}", "units": "1"}
    return result.assign_attrs(
        provenance("neurornn.SignalDetection/1")
        | {
            "correction": "log-linear",
            "n_bootstrap": n_bootstrap,
            "bootstrap": "parametric, 95 % percentiles",
        }
        | {"seed": seed}
    )


def plot_signal_detection(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Sensitivity and criterion with their intervals, for each group.

    Args:
        ds: Result of :func:`signal_detection`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    grouped = "group" in ds.dims
    full = ds if grouped else ds.expand_dims("group")
    levels = full["group"].values if grouped else np.zeros(1)
    numeric = grouped and is_numeric(levels)
    place = levels.astype(np.float64) if numeric else np.arange(levels.size, dtype=np.float64)
    apart = 0.04 * (np.diff(place).min() if place.size > 1 else 1.0)
    axes.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
    for name, colour, marker, side in (("sensitivity", "#0072B2", "o", -1), ("criterion", "#D55E00", "s", 1)):
        value, ends = full[name].values, full[f"{name}_interval"].values
        bars = np.maximum(np.abs(ends - value[:, None]).T, 0.0)
        style = f"{marker}-" if numeric else marker
        axes.errorbar(
            place + side * apart, value, bars, fmt=style, color=colour, markersize=5, capsize=3,
            label=label(ds[name]),
        )  # fmt: skip
    if grouped:
        axes.set_xlabel(label(ds["group"]))
        if not numeric or place.size <= 8:
            axes.set_xticks(place, [value_text(value) for value in levels.tolist()])
    else:
        axes.set_xticks([])
        axes.set_xlim(-0.6, 0.6)
    axes.set_ylabel("standard deviations of the noise")
    legend_beside(axes)
    return axes


@dataclass(frozen=True)
class SignalDetection(AbstractMeasure):
    """Sensitivity d' and criterion (:func:`signal_detection`).

    Attributes:
        by: Condition along the abscissa; None takes all trials together.
        signal: What the trial asks for: one name, or one for each decision within a trial.
        choice: What was chosen, likewise.
    """

    by: str | None = None
    signal: str | tuple[str, ...] = "correct_choice"
    choice: str | tuple[str, ...] = "choice"

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return signal_detection(ds, signal=self.signal, choice=self.choice, by=self.by)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_signal_detection(result, ax=ax)


def _decisions(ds: xr.Dataset, names: str | Sequence[str]) -> NDArray[np.int64]:
    """+1, -1 and 0 for each trial and decision."""
    columns = []
    for name in [names] if isinstance(names, str) else list(names):
        if name not in ds.variables or ds[name].dims != ("trial",):
            raise ValueError(f"'{name}' is not a variable of the trials.")
        values = ds[name].values
        if values.dtype == bool:
            columns.append(np.where(values, 1, -1))
            continue
        codes = np.nan_to_num(values.astype(np.float64), nan=0.0)
        if not np.isin(codes, (-1.0, 0.0, 1.0)).all():
            raise ValueError(
                f"'{name}' must be +1 or -1 (0 or NaN: none) or boolean: got {np.unique(codes)[:6].tolist()}."
            )
        columns.append(codes.astype(np.int64))
    if not columns:
        raise ValueError("signal and choice need at least one name.")
    return np.stack(columns, axis=1)


def _detect(asked: NDArray[np.int64], answered: NDArray[np.int64], n_bootstrap: int, seed: int) -> xr.Dataset:
    known = (asked != 0) & (answered != 0)
    positive = answered == 1
    n = np.array([(known & (asked == sign)).sum() for sign in (1, -1)])
    if (n == 0).any():
        raise ValueError(
            f"d' needs decisions that ask for a positive choice and others that do not: got {n[0]} and {n[1]} with a choice."
        )
    k = np.array([(known & positive & (asked == sign)).sum() for sign in (1, -1)])
    drawn = np.random.default_rng(seed).binomial(n, (k + 0.5) / (n + 1), (n_bootstrap, 2))
    z = ndtri((np.concatenate([k[None], drawn]) + 0.5) / (n + 1))
    d, c = z[:, 0] - z[:, 1], -0.5 * (z[:, 0] + z[:, 1])
    rate = k / n
    return xr.Dataset(
        {
            "sensitivity": ((), d[0]),
            "sensitivity_interval": ("interval", percentile_interval(d[1:])),
            "criterion": ((), c[0]),
            "criterion_interval": ("interval", percentile_interval(c[1:])),
            "hit_rate": ((), rate[0]),
            "false_alarm_rate": ((), rate[1]),
            "at_bound": ((), bool(((k == 0) | (k == n)).any())),
            "log_likelihood": ((), float((xlogy(k, rate) + xlogy(n - k, 1 - rate)).sum())),
            "n_signal": ((), int(n[0])),
            "n_noise": ((), int(n[1])),
            "n_excluded": ((), int(((asked != 0) & (answered == 0)).sum())),
        },
        coords={"interval": ["low", "high"]},
    )
