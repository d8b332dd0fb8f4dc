"""Choices around reversals: how long the old option is kept, how soon the new one is found."""

__all__ = ["ReversalCurve", "plot_reversal_curve", "reversal_curve"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from typing_extensions import override

from neurornn.analysis._plotting import axes_or_new, label
from neurornn.analysis.behaviour._choices import wilson_interval
from neurornn.analysis.behaviour._decisions import decisions_of
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def reversal_curve(
    ds: xr.Dataset,
    *,
    before: int = 5,
    after: int = 15,
    choice: str = "choice",
    good: str = "good_option",
    reward: str = "reward",
) -> xr.Dataset:
    """Probability of choosing the new good option around each reversal, with Wilson intervals.

    A reversal is where the good option differs from that of the decision before in the same episode. Decisions that belong to another
    block, before the last reversal or after the next, are left out.

    ``perseveration`` is the mean number of decisions from a reversal until the new option is first chosen. Reversals at which
    it never was before the next reversal or the end of the episode are counted in ``n_never`` and not averaged.

    Args:
        ds: Decisions in order, with ``episode`` if there are several.
        before: Decisions shown before a reversal.
        after: Decisions shown from a reversal on.
        choice: Name of the choice.
        good: Name of the option that is good at each decision, coded as the choice is.
        reward: Name of the reward.

    Returns:
        A dataset with ``probability (lag)``, ``probability_interval`` and ``n``, where lag 0 is the first decision after a
        reversal; ``perseveration`` with its ``perseveration_sd``, ``n_reversals`` and ``n_never``.

    Raises:
        ValueError: If a variable is missing, or there is no reversal.

    Examples:
        >>> ds = xr.Dataset({"choice": ("trial", [0, 0, 0, 0, 1, 1]), "good_option": ("trial", [0, 0, 0, 1, 1, 1])})
        >>> found = reversal_curve(ds.assign(reward=ds["choice"]), before=2, after=3)
        >>> found.probability.values.tolist(), float(found.perseveration)
        ([0.0, 0.0, 0.0, 1.0, 1.0], 1.0)
    """
    if before < 0 or after < 1:
        raise ValueError(f"before must be at least 0 and after at least 1: got {before} and {after}.")
    sequence = decisions_of(ds, choice=choice, reward=reward)
    if good not in ds.variables or ds[good].dims != ("trial",):
        raise ValueError(f"'{good}' is not a variable of the trials.")
    which, size = ds[good].values, sequence.choice.size
    same = np.zeros(size, dtype=bool)
    same[1:] = (sequence.since[1:] > 0) & (which[1:] == which[:-1])
    reversals = np.flatnonzero((sequence.since > 0) & ~same)
    if not reversals.size:
        raise ValueError(f"'{good}' never changes within an episode: there is no reversal.")
    block = np.cumsum(~same)
    chosen = ds[choice].values
    lags = np.arange(-before, after)
    at = reversals[:, None] + lags
    inside = (at >= 0) & (at < size)
    at = np.clip(at, 0, size - 1)
    own = np.where(lags < 0, block[reversals, None] - 1, block[reversals, None])
    counted = inside & (block[at] == own) & (sequence.choice[at] >= 0)
    new = counted & (chosen[at] == which[reversals, None])
    k, n = new.sum(0).astype(np.float64), counted.sum(0).astype(np.float64)
    hit = np.where((chosen == which) & (sequence.choice >= 0), np.arange(size), size)
    soonest = np.minimum.accumulate(hit[::-1])[::-1][reversals]  # the next choice of what is good then
    found = (soonest < size) & (block[np.minimum(soonest, size - 1)] == block[reversals])
    waits = (soonest - reversals)[found].astype(np.float64)
    p = np.divide(k, n, out=np.full(n.shape, np.nan), where=n > 0)
    kept = {"long_name": "decisions until the new option is chosen", "units": "1"}
    return xr.Dataset(
        {
            "probability": ("lag", p, {"long_name": "probability of the new option", "units": "1"}),
            "probability_interval": (("lag", "interval"), wilson_interval(k, n)),
            "n": ("lag", n.astype(np.int64)),
            "perseveration": ((), waits.mean() if waits.size else np.nan, kept),
            "perseveration_sd": ((), waits.std(ddof=1) if waits.size > 1 else np.nan, kept),
            "n_reversals": ((), reversals.size),
            "n_never": ((), int((~found).sum())),
        },
        coords={
            "lag": ("lag", lags, {"long_name": "decisions from the reversal", "units": "1"}),
            "interval": ["low", "high"],
        },
        attrs=provenance("neurornn.ReversalCurve/1"),
    )


def plot_reversal_curve(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """The curve with its intervals, and a line at the reversal.

    Args:
        ds: Result of :func:`reversal_curve`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    lag, p = ds["lag"].values, ds["probability"].values
    axes.axvline(-0.5, color="0.4", linewidth=0.8, linestyle="--")
    axes.axhline(0.5, color="0.85", linewidth=0.8, zorder=0)
    axes.fill_between(lag, *ds["probability_interval"].values.T, color="C0", alpha=0.2, linewidth=0)
    axes.plot(lag, p, "o-", color="C0", markersize=4)
    axes.set(ylim=(-0.03, 1.03), xlabel=label(ds["lag"]), ylabel=label(ds["probability"]))
    return axes


@dataclass(frozen=True)
class ReversalCurve(AbstractMeasure):
    """Choices around reversals (:func:`reversal_curve`).

    Attributes:
        before: Decisions shown before a reversal.
        after: Decisions shown from a reversal on.
    """

    before: int = 5
    after: int = 15

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return reversal_curve(ds, before=self.before, after=self.after)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_reversal_curve(result, ax=ax)
