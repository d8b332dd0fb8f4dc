r"""Reaction times against the strength of the stimulus, of correct choices and of errors."""

__all__ = [
    "Chronometric",
    "QuantileProbability",
    "chronometric",
    "plot_chronometric",
    "plot_quantile_probability",
]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import stdtrit
from typing_extensions import override

from neurornn.analysis._conditions import by_group
from neurornn.analysis._plotting import axes_or_new, colours, label, legend_beside, value_text
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
_OUTCOMES = ("correct", "error")


def chronometric(
    ds: xr.Dataset,
    stimulus: str,
    *,
    reaction_time: str = "reaction_time",
    outcome: str = "correct",
    by: str | None = None,
    quantiles: Sequence[float] = _QUANTILES,
) -> xr.Dataset:
    r"""Mean and quantiles of the reaction time for each strength of the stimulus, correct choices and errors apart.

    .. math:: \bar t \pm t_{0.975, n-1}\, s / \sqrt n

    is the mean with its interval, from the standard deviation :math:`s` and the number :math:`n` of trials. Trials
    without a reaction time are left out and counted. What is correct at strength 0 is as the data have it: a coin in
    the tasks of this package.

    Args:
        ds: Trials, simulated or recorded.
        stimulus: Name of the signed stimulus; its absolute value is the strength.
        reaction_time: Name of the variable with reaction times; NaN where there was no choice.
        outcome: Name of the variable that says whether the choice was correct.
        by: Condition that splits the trials, for instance the side of the choice; None takes all together.
        quantiles: Quantiles between 0 and 1, by linear interpolation.

    Returns:
        A dataset along ``outcome`` (``"correct"``, ``"error"``) and ``strength``, after ``group`` if ``by`` is given,
        with ``mean``, ``mean_interval``, ``sem``, ``sd`` (NaN for fewer than two trials), ``quantile_time`` along
        ``quantile``, ``n``, ``probability`` (share of the answered trials of that strength) and ``n_excluded``.

    Raises:
        ValueError: If a variable is missing, outcomes are neither 0 nor 1, or a quantile is out of range.

    References:
        Response of neurons in the lateral intraparietal area during a combined visual discrimination reaction time
        task (Roitman & Shadlen, 2002) https://doi.org/10.1523/JNEUROSCI.22-21-09475.2002

    Examples:
        >>> ds = xr.Dataset({
        ...     "coherence": ("trial", [0.5, -0.5, 0.5, 0.1]),
        ...     "reaction_time": ("trial", [300.0, 400.0, 500.0, np.nan], {"units": "ms"}),
        ...     "correct": ("trial", [True, True, False, False]),
        ... })
        >>> found = chronometric(ds, "coherence")
        >>> found["mean"].sel(strength=0.5).values.tolist(), int(found.n_excluded)
        ([350.0, 500.0], 1)
    """
    for name in (stimulus, reaction_time, outcome):
        if name not in ds.variables or ds[name].dims != ("trial",):
            raise ValueError(f"'{name}' is not a variable of the trials.")
    asked = np.asarray(quantiles, dtype=np.float64)
    if asked.ndim != 1 or not asked.size or not ((asked >= 0) & (asked <= 1)).all():
        raise ValueError(f"quantiles needs numbers between 0 and 1: got {quantiles}.")
    strength = np.round(np.abs(ds[stimulus].values.astype(np.float64)), 12)
    time = ds[reaction_time].values.astype(np.float64)
    right = ds[outcome].values.astype(np.float64)
    known = np.isfinite(strength) & np.isfinite(time)
    if not np.isin(right[known], (0.0, 1.0)).all():
        raise ValueError(f"'{outcome}' must be 0 or 1 in each trial that has a reaction time.")
    if not known.any():
        raise ValueError(f"No trial has both '{stimulus}' and '{reaction_time}'.")
    levels = np.unique(strength[known])

    def one(_: object, rows: NDArray[np.bool_]) -> xr.Dataset:
        shape = (2, levels.size)
        n, mean, sd = np.zeros(shape, dtype=np.int64), np.full(shape, np.nan), np.full(shape, np.nan)
        spread = np.full((*shape, asked.size), np.nan)
        for i, wanted in enumerate((1.0, 0.0)):
            for j, level in enumerate(levels):
                t = time[rows & known & (strength == level) & (right == wanted)]
                n[i, j] = t.size
                if t.size:
                    mean[i, j], spread[i, j] = t.mean(), np.quantile(t, asked)
                if t.size > 1:
                    sd[i, j] = t.std(ddof=1)
        sem = np.divide(sd, np.sqrt(n), out=np.full(shape, np.nan), where=n > 1)
        half = stdtrit(np.maximum(n - 1, 1), 0.975) * sem
        total = n.sum(axis=0)
        cell = ("outcome", "strength")
        return xr.Dataset(
            {
                "mean": (cell, mean),
                "mean_interval": ((*cell, "interval"), np.stack([mean - half, mean + half], axis=-1)),
                "sem": (cell, sem),
                "sd": (cell, sd),
                "quantile_time": ((*cell, "quantile"), spread),
                "n": (cell, n),
                "probability": (cell, np.divide(n, total, out=np.full(shape, np.nan), where=total > 0)),
                "n_excluded": ((), int((rows & ~known).sum())),
            },
            coords={
                "outcome": list(_OUTCOMES),
                "strength": levels,
                "quantile": asked,
                "interval": ["low", "high"],
            },
        )

    result = one(None, np.ones(time.size, dtype=bool)) if by is None else by_group(ds, by, one)
    units = str(ds[reaction_time].attrs.get("units", "ms"))
    source = ds[stimulus].attrs
    what = str(source.get("long_name", stimulus)).replace("_", " ")
    described = {
        "mean": ("mean reaction time", units),
        "mean_interval": ("95 % interval of the mean reaction time", units),
        "sem": ("standard error of the reaction time", units),
        "sd": ("standard deviation of the reaction time", units),
        "quantile_time": ("quantile of the reaction time", units),
        "n": ("trials", "1"),
        "probability": ("probability of the response", "1"),
        "strength": (f"|{what}|", str(source.get("units", "1"))),
    }
    for name, (long_name, unit) in described.items():
        result[name].attrs = {"long_name": long_name, "units": unit}
    return result.assign_attrs(provenance("neurornn.Chronometric/1") | {"reaction_time": reaction_time})


def plot_chronometric(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Mean reaction times with intervals: filled for correct choices, open and dashed for errors.

    The ordinate ends at 0 and at 1.6 times the longest mean, where intervals of a few trials may be cut.

    Args:
        ds: Result of :func:`chronometric`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    grouped = "group" in ds.dims
    parts = [ds.isel(group=k) for k in range(ds.sizes["group"])] if grouped else [ds]
    palette = colours(ds["group"].values) if grouped else colours(np.zeros(1))
    x = ds["strength"].values
    positive = x[x > 0]
    floor = 0.5 * positive.min() if positive.size else 1.0
    place = np.where(x > 0, x, floor)  # 0 has a place of its own on a logarithmic axis
    for part, colour in zip(parts, palette, strict=True):
        for outcome, style, face in (("correct", "o-", colour), ("error", "o--", "white")):
            cell = part.sel(outcome=outcome)
            mean, ends = cell["mean"].values, cell["mean_interval"].values
            bars = np.nan_to_num(np.maximum(np.stack([mean - ends[:, 0], ends[:, 1] - mean]), 0.0))
            there = np.isfinite(mean)
            if not there.any():
                continue
            name = f"{value_text(part['group'].item())}, {outcome}" if grouped else outcome
            axes.errorbar(
                place[there], mean[there], bars[:, there], fmt=style, color=colour, markerfacecolor=face,
                markersize=4.5, linewidth=1.2, elinewidth=1, capsize=2, label=name,
            )  # fmt: skip
    if positive.size > 1 and positive.max() / positive.min() >= 4:
        axes.set_xscale("log")
        axes.minorticks_off()
        axes.set_xticks(place, [value_text(float(value)) for value in x], rotation=45)
    axes.set(xlabel=label(ds["strength"]), ylabel=label(ds["mean"]))
    low, high = axes.get_ylim()  # the interval of two trials may end below 0 and far above all means
    longest = float(np.nanmax(ds["mean"].values))
    axes.set_ylim(max(low, 0.0), min(high, 1.6 * longest))
    legend_beside(axes, **({"title": label(ds["group"])} if grouped else {}))
    return axes


def plot_quantile_probability(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Quantiles of the reaction time against the probability of the response: errors on the left, a line each.

    Args:
        ds: Result of :func:`chronometric`, not split into groups.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.

    Raises:
        ValueError: If the result is split into groups.
    """
    if "group" in ds.dims:
        raise ValueError("A quantile-probability plot shows one group: pass ds.sel(group=...).")
    axes = axes_or_new(ax)
    p = np.concatenate([ds["probability"].sel(outcome=name).values for name in _OUTCOMES])
    times = np.concatenate([ds["quantile_time"].sel(outcome=name).values for name in _OUTCOMES])
    correct = np.repeat([True, False], ds.sizes["strength"])
    order = np.argsort(p, kind="stable")
    order = order[np.isfinite(times[order]).all(axis=1)]
    for k, colour in enumerate(colours(ds["quantile"].values)):
        axes.plot(p[order], times[order, k], color=colour, linewidth=1.0, zorder=1)
        for rows, face in ((order[correct[order]], colour), (order[~correct[order]], "white")):
            axes.plot(
                p[rows],
                times[rows, k],
                "o",
                color=colour,
                markerfacecolor=face,
                markersize=4.5,
                linestyle="none",
            )
        axes.plot([], [], "o-", color=colour, label=value_text(float(ds["quantile"][k])))
    axes.axvline(0.5, color="0.85", linewidth=0.8, zorder=0)
    axes.set(xlabel=label(ds["probability"]), ylabel=label(ds["quantile_time"]), xlim=(-0.03, 1.03))
    legend_beside(axes, title="quantile\n(errors open)")
    return axes


@dataclass(frozen=True)
class Chronometric(AbstractMeasure):
    """Mean reaction time against the strength of the stimulus (:func:`chronometric`).

    Attributes:
        stimulus: Condition with the signed strength of the stimulus.
        by: Condition that splits the trials; None takes all together.
    """

    stimulus: str
    by: str | None = None

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return chronometric(ds, self.stimulus, by=self.by)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_chronometric(result, ax=ax)


@dataclass(frozen=True)
class QuantileProbability(AbstractMeasure):
    """Quantiles of the reaction time against the probability of the response (:func:`chronometric`).

    Attributes:
        stimulus: Condition with the signed strength of the stimulus.
    """

    stimulus: str

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return chronometric(ds, self.stimulus)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_quantile_probability(result, ax=ax)
