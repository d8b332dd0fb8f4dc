"""Staying with a choice: after a reward, after none, after a common and after a rare transition."""

__all__ = [
    "StayProbability",
    "WinStayLoseShift",
    "plot_stay_probability",
    "plot_win_stay",
    "stay_probability",
    "win_stay_lose_shift",
]

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis._plotting import axes_or_new, colours, label, legend_beside
from neurornn.analysis.behaviour._choices import percentile_interval, wilson_interval
from neurornn.analysis.behaviour._decisions import decisions_of
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.analysis.behaviour._weights import _fit
from neurornn.provenance import provenance
from neurornn.random import derive_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_REWARDS, _TRANSITIONS = ("rewarded", "unrewarded"), ("common", "rare")
_TERMS = ("intercept", "reward", "transition", "reward x transition")
_DESIGN = np.array([[1, r, t, r * t] for r in (1, -1) for t in (1, -1)], dtype=np.float64)


def stay_probability(
    ds: xr.Dataset,
    *,
    choice: str = "choice",
    reward: str = "reward",
    transition: str = "transition",
    ridge: float = 1e-3,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> xr.Dataset:
    r"""Probability of repeating the first choice of a two-step task, given what the last decision brought and how.

    .. math:: \log \frac{P(\text{stay})}{P(\text{shift})} = \beta_0 + \beta_r\, r + \beta_t\, t + \beta_{rt}\, r t

    with :math:`r = \pm 1` for a reward or none and :math:`t = \pm 1` for a common or a rare transition, in the decision before. A model-free
    subject has :math:`\beta_r > 0` alone, a model-based one :math:`\beta_{rt} > 0`. Intervals are 95 %: Wilson's of the
    probabilities, percentiles over resampled decisions of the weights.

    If a kind of decision is always followed by staying, or never, the likelihood has no maximum: ``separated`` says so, and
    the size of the weights is then set by the penalty :math:`\tfrac12 \rho \sum \beta^2` on all but the intercept.

    Args:
        ds: Decisions in order, with ``episode`` if there are several; what :func:`~neurornn.tasks.learning.rollout` gives, or a recording.
        choice: Name of the first choice.
        reward: Name of the reward; above 0 counts as rewarded.
        transition: Name of the transition, ``"common"`` or ``"rare"``.
        ridge: Penalty :math:`\rho`, at least 0.
        n_bootstrap: Number of bootstrap replicates.
        seed: Their seed.

    Returns:
        A dataset with ``stay (reward, transition)``, its ``stay_interval`` and ``n``; ``weight (term)`` with ``weight_interval``;
        ``log_likelihood``, ``converged``, ``separated`` and ``n_excluded``, decisions without a predecessor or a choice.

    Raises:
        ValueError: If a variable is missing, a transition has another name, or a kind of decision never happens.

    References:
        Model-based influences on humans' choices and striatal prediction errors (Daw et al., 2011)
        https://doi.org/10.1016/j.neuron.2011.02.027

    Examples:
        >>> kinds = {"reward": [1, 1, 0, 0], "transition": ["common", "rare", "common", "rare"]}
        >>> ds = xr.Dataset({name: ("trial", np.tile(each, 100)) for name, each in kinds.items()})
        >>> ds["choice"] = "trial", (np.arange(400) // 4) % 2  # stays but after the fourth kind
        >>> stay_probability(ds).stay.values.tolist()
        [[1.0, 1.0], [1.0, 0.0]]
    """
    if not ridge >= 0 or n_bootstrap < 0:
        raise ValueError(f"ridge and n_bootstrap must be at least 0: got {ridge} and {n_bootstrap}.")
    sequence = decisions_of(ds, choice=choice, reward=reward)
    if transition not in ds.variables or ds[transition].dims != ("trial",):
        raise ValueError(f"'{transition}' is not a variable of the trials.")
    named = ds[transition].values
    if not np.isin(named, _TRANSITIONS).all():
        raise ValueError(
            f"'{transition}' must be 'common' or 'rare': got {np.unique(named.astype(str))[:4].tolist()}."
        )
    last, won = sequence.before(1)
    known = (last >= 0) & (sequence.choice >= 0) & np.isfinite(won)
    rare = np.concatenate([[False], named[:-1] == "rare"])
    kind = 2 * (won <= 0) + rare
    n = np.bincount(kind[known], minlength=4).astype(np.float64)
    stayed = (sequence.choice == last)[known].astype(np.float64)
    k = np.bincount(kind[known], weights=stayed, minlength=4).astype(np.float64)
    if np.any(n == 0):
        missing = [f"{_REWARDS[i // 2]} and {_TRANSITIONS[i % 2]}" for i in np.flatnonzero(n == 0)]
        raise ValueError(
            f"No decision follows one that was {', or '.join(missing)}: more decisions are needed."
        )
    child = derive_seed(seed, "stay probability")
    theta, log_likelihood, converged, _ = _fit(_DESIGN, k, n, ridge, n_bootstrap, child)
    separated = bool(np.any((k == 0) | (k == n)))
    square = (2, 2)
    return xr.Dataset(
        {
            "stay": (
                ("outcome", "transition"),
                (k / n).reshape(square),
                {"long_name": "probability of staying", "units": "1"},
            ),
            "stay_interval": (("outcome", "transition", "interval"), wilson_interval(k, n).reshape(2, 2, 2)),
            "n": (("outcome", "transition"), n.reshape(square).astype(np.int64)),
            "weight": ("term", theta[0], {"long_name": "weight on staying", "units": "1"}),
            "weight_interval": (("term", "interval"), percentile_interval(theta[1:])),
            "log_likelihood": ((), log_likelihood),
            "converged": ((), converged),
            "separated": ((), separated),
            "n_excluded": ((), int((~known).sum())),
        },
        coords={
            "outcome": list(_REWARDS),
            "transition": list(_TRANSITIONS),
            "term": list(_TERMS),
            "interval": ["low", "high"],
        },
        attrs=provenance("neurornn.StayProbability/1")
        | {"ridge": ridge, "n_bootstrap": n_bootstrap, "seed": seed},
    )


def win_stay_lose_shift(ds: xr.Dataset, *, choice: str = "choice", reward: str = "reward") -> xr.Dataset:
    """Probability of repeating a choice after a reward, and of leaving it after none, with Wilson intervals.

    Args:
        ds: Decisions in order, with ``episode`` if there are several.
        choice: Name of the choice.
        reward: Name of the reward; above 0 counts as a win.

    Returns:
        A dataset with ``probability (strategy)``, ``probability_interval`` and ``n``, for ``"win-stay"`` and ``"lose-shift"``, and
        ``n_excluded``, decisions without a predecessor or a choice.

    Raises:
        ValueError: If a variable is missing.

    Examples:
        >>> ds = xr.Dataset({"choice": ("trial", [0, 0, 1, 1]), "reward": ("trial", [1, 0, 1, 0])})
        >>> win_stay_lose_shift(ds).probability.values.tolist()
        [1.0, 1.0]
    """
    sequence = decisions_of(ds, choice=choice, reward=reward)
    last, won = sequence.before(1)
    known = (last >= 0) & (sequence.choice >= 0) & np.isfinite(won)
    stay, win = sequence.choice == last, won > 0
    counts = [
        ((known & win & stay).sum(), (known & win).sum()),
        ((known & ~win & ~stay).sum(), (known & ~win).sum()),
    ]
    k, n = np.array(counts, dtype=np.float64).T
    p = np.divide(k, n, out=np.full(2, np.nan), where=n > 0)
    return xr.Dataset(
        {
            "probability": ("strategy", p, {"long_name": "probability", "units": "1"}),
            "probability_interval": (("strategy", "interval"), wilson_interval(k, n)),
            "n": ("strategy", n.astype(np.int64)),
            "n_excluded": ((), int((~known).sum())),
        },
        coords={"strategy": ["win-stay", "lose-shift"], "interval": ["low", "high"]},
        attrs=provenance("neurornn.WinStayLoseShift/1"),
    )


def plot_stay_probability(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Probability of staying after each outcome, side by side for common and rare transitions.

    Args:
        ds: Result of :func:`stay_probability`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    place: NDArray[np.float64] = np.arange(ds.sizes["outcome"]).astype(np.float64)
    names = [str(each) for each in ds["transition"].values]
    for j, (name, colour) in enumerate(zip(names, colours(np.array(names)), strict=True)):
        p = ds["stay"].sel(transition=name).values
        ends = ds["stay_interval"].sel(transition=name).values
        _bars(axes, place + (j - 0.5) * 0.38, p, ends, 0.36, colour, name)
    axes.set_xticks(place, [str(each) for each in ds["outcome"].values])
    low = float(np.nanmin(ds["stay_interval"].values))
    axes.set(ylim=(0.5 if low >= 0.55 else 0.0, 1.03), ylabel=label(ds["stay"]), xlabel="last decision")
    legend_beside(axes, title="transition")
    return axes


def plot_win_stay(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Two bars with their intervals, and a line at a half.

    Args:
        ds: Result of :func:`win_stay_lose_shift`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    place: NDArray[np.float64] = np.arange(2).astype(np.float64)
    axes.axhline(0.5, color="0.85", linewidth=0.8, zorder=0)
    _bars(axes, place, ds["probability"].values, ds["probability_interval"].values, 0.6, "C0", None)
    axes.set_xticks(place, [str(each) for each in ds["strategy"].values])
    axes.set(ylim=(0.0, 1.03), xlim=(-0.6, 1.6), ylabel=label(ds["probability"]))
    return axes


@dataclass(frozen=True)
class StayProbability(AbstractMeasure):
    """Staying by outcome and transition of the last decision (:func:`stay_probability`).

    Attributes:
        choice: Name of the first choice.
        reward: Name of the reward.
        transition: Name of the transition.
    """

    choice: str = "choice"
    reward: str = "reward"
    transition: str = "transition"

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return stay_probability(ds, choice=self.choice, reward=self.reward, transition=self.transition)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_stay_probability(result, ax=ax)


@dataclass(frozen=True)
class WinStayLoseShift(AbstractMeasure):
    """Staying after a reward and shifting after none (:func:`win_stay_lose_shift`).

    Attributes:
        choice: Name of the choice.
        reward: Name of the reward.
    """

    choice: str = "choice"
    reward: str = "reward"

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return win_stay_lose_shift(ds, choice=self.choice, reward=self.reward)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_win_stay(result, ax=ax)


def _bars(
    axes: "Axes",
    place: NDArray[np.float64],
    p: NDArray[np.float64],
    ends: NDArray[np.float64],
    width: float,
    colour: Any,  # noqa: ANN401
    name: str | None,
) -> None:
    shown = np.maximum(np.abs(ends - p[:, None]).T, 0.0)
    axes.bar(place, p, width, color=colour, label=name)
    axes.errorbar(place, p, shown, fmt="none", ecolor="black", elinewidth=1.2, capsize=3)
