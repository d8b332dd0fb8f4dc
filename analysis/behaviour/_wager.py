r"""Confidence from wagers: when is a decision waived, and what does that do to accuracy?"""

__all__ = ["Wager", "plot_wager", "wager"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri
from typing_extensions import override

from neurornn.analysis._plotting import axes_or_new, colours, label, legend_beside, value_text
from neurornn.analysis.behaviour._choices import wilson_interval
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def wager(
    ds: xr.Dataset,
    stimulus: str,
    *,
    duration: str | None = None,
    n_bins: int = 4,
    offered: str = "sure_offered",
    waived: str = "waived",
    outcome: str = "correct",
    choice: str = "choice",
) -> xr.Dataset:
    r"""How often a decision is waived for a sure reward, and the accuracy of the decisions made in spite of it.

    A subject that knows how likely it is to be right waives hard decisions more often, and is then more accurate,
    at the same strength of the stimulus, where it could have waived and did not than where it had to decide.
    ``benefit`` is that difference,

    .. math:: \Delta = \frac{\sum_s W_s (p_s - q_s)}{\sum_s W_s}, \qquad W_s = \frac{n_s m_s}{n_s + m_s}

    where :math:`p_s` and :math:`q_s` are the fractions correct at strength :math:`s` (and duration) among :math:`n_s`
    decisions with the sure option on offer and :math:`m_s` without; its interval is normal with binomial variances,
    those of fractions moved towards a half by one success and one failure, so that a cell without errors has a
    variance too. Proportions have Wilson intervals. Offered trials without a choice and without a waiver are left
    out and counted. Strength 0 is left out of the accuracies if nothing is right there, that is, if the outcome is NaN.

    Args:
        ds: Trials, simulated or recorded.
        stimulus: Name of the signed stimulus; its absolute value is the strength.
        duration: Name of the variable with the duration of the stimulus, to split the trials by it as well.
        n_bins: Number of equally filled bins of duration.
        offered: Name of the variable that says whether the sure option was offered.
        waived: Name of the variable that says whether it was taken.
        outcome: Name of the variable that says whether the decision was correct.
        choice: Name of the choice variable: +1 and -1, 0 or NaN for none.

    Returns:
        A dataset along ``strength`` (and before it ``duration``, the mean of each bin) with ``p_waived``,
        ``accuracy_offered`` and ``accuracy_forced``, each with its ``_interval``, ``n_offered``, ``n_decided`` and
        ``n_forced``; ``benefit`` with its interval, and ``n_excluded``.

    Raises:
        ValueError: If a variable is missing or no trial offers the sure option.

    References:
        Representation of confidence associated with a decision by neurons in the parietal cortex (Kiani & Shadlen,
        2009) https://doi.org/10.1126/science.1169405

    Examples:
        >>> ds = xr.Dataset({
        ...     "coherence": ("trial", [0.1, 0.1, 0.1, 0.1]),
        ...     "sure_offered": ("trial", [True, True, False, False]),
        ...     "waived": ("trial", [True, False, False, False]),
        ...     "correct": ("trial", [False, True, True, False]),
        ...     "choice": ("trial", [0, 1, 1, -1]),
        ... })
        >>> found = wager(ds, "coherence")
        >>> found.p_waived.values.tolist(), found.accuracy_offered.values.tolist(), found.accuracy_forced.values.tolist()
        ([0.5], [1.0], [0.5])
    """
    names = (stimulus, offered, waived, outcome, choice, *(() if duration is None else (duration,)))
    for name in names:
        if name not in ds.variables or ds[name].dims != ("trial",):
            raise ValueError(f"'{name}' is not a variable of the trials.")
    if n_bins < 2:
        raise ValueError(f"n_bins must be at least 2: got {n_bins}.")
    strength = np.round(np.abs(ds[stimulus].values.astype(np.float64)), 12)
    on_offer, taken = (ds[name].values.astype(bool) for name in (offered, waived))
    right = ds[outcome].values.astype(np.float64)
    decided = np.nan_to_num(ds[choice].values.astype(np.float64)) != 0
    if (taken & ~on_offer).any() or (taken & decided).any():
        raise ValueError(
            f"A decision can be waived only where the sure option is offered, and then there is no choice: '{waived}', "
            f"'{offered}' and '{choice}' contradict each other."
        )
    time = np.zeros(strength.size) if duration is None else ds[duration].values.astype(np.float64)
    known = np.isfinite(strength) & np.isfinite(time) & (decided | taken)
    if not (known & on_offer).any():
        raise ValueError("No trial offers the sure option and has a choice.")
    levels = np.unique(strength[known])
    edges = (
        np.zeros(0)
        if duration is None
        else np.unique(np.quantile(time[known], np.arange(1, n_bins) / n_bins))
    )
    place = np.digitize(time, edges)
    filled = np.unique(place[known])
    shape = (filled.size, levels.size)
    cell = np.searchsorted(filled, np.clip(place, filled[0], filled[-1])) * levels.size
    cell = cell + np.searchsorted(levels, np.where(known, strength, levels[0]))

    def count(rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.bincount(cell[rows], minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)

    judged = known & decided & np.isfinite(right)
    n_offered, n_waived = count(known & on_offer), count(known & taken)
    n, k = count(judged & on_offer), count(judged & on_offer & (right == 1))
    m, j = count(judged & ~on_offer), count(judged & ~on_offer & (right == 1))
    benefit, half = _benefit(n, k, m, j)
    cells = {
        "p_waived": _ratio(n_waived, n_offered),
        "p_waived_interval": wilson_interval(n_waived, n_offered),
        "accuracy_offered": _ratio(k, n),
        "accuracy_offered_interval": wilson_interval(k, n),
        "accuracy_forced": _ratio(j, m),
        "accuracy_forced_interval": wilson_interval(j, m),
        "n_offered": n_offered.astype(np.int64),
        "n_decided": n.astype(np.int64),
        "n_forced": m.astype(np.int64),
    }
    dims = ("duration", "strength", "interval")
    coords = {"strength": levels, "interval": ["low", "high"]}
    if duration is not None:
        middle = np.array([time[known & (place == each)].mean() for each in filled])
        coords["duration"] = middle
    result = xr.Dataset(
        {
            **{
                name: (dims[: value.ndim], value)
                if duration is not None
                else (dims[1 : value.ndim], value[0])
                for name, value in cells.items()
            },
            "benefit": ((), benefit),
            "benefit_interval": ("interval", [benefit - half, benefit + half]),
            "n_excluded": ((), int((~known).sum())),
        },
        coords=coords,
    )
    what = str(ds[stimulus].attrs.get("long_name", stimulus)).replace("_", " ")
    described = {
        "p_waived": "P(waived)",
        "accuracy_offered": "fraction correct, sure option declined",
        "accuracy_forced": "fraction correct, no sure option",
        "benefit": "accuracy gained by waiving",
        "n_offered": "trials with the sure option",
        "n_decided": "decisions with the sure option",
        "n_forced": "decisions without the sure option",
    }
    for name, long_name in described.items():
        result[name].attrs = {"long_name": long_name, "units": "1"}
        if f"{name}_interval" in result:
            result[f"{name}_interval"].attrs = {"long_name": f"95 % interval of {long_name}", "units": "1"}
    result["strength"].attrs = {"long_name": f"|{what}|", "units": str(ds[stimulus].attrs.get("units", "1"))}
    if duration is not None:
        result["duration"].attrs = {
            "long_name": f"duration of {str(ds[duration].attrs.get('long_name', duration)).replace('_', ' ')}",
            "units": str(ds[duration].attrs.get("units", "ms")),
        }
    return result.assign_attrs(provenance("neurornn.Wager/1"))


def plot_wager(ds: xr.Dataset, *, accuracy: bool = False, ax: "Axes | None" = None) -> "Axes":
    """How often decisions are waived, or their accuracy with and without the sure option, against strength.

    With bins of duration the abscissa is the duration, with a colour for each strength.

    Args:
        ds: Result of :func:`wager`.
        accuracy: Draw accuracies, filled where the sure option was declined, open where there was none.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    along = "duration" if "duration" in ds.dims else "strength"
    parts = [ds.isel(strength=k) for k in range(ds.sizes["strength"])] if along == "duration" else [ds]
    palette = colours(ds["strength"].values) if along == "duration" else colours(np.zeros(1))
    drawn = (
        (
            ("accuracy_offered", "o-", True, "sure option declined"),
            ("accuracy_forced", "o--", False, "no sure option"),
        )
        if accuracy
        else (("p_waived", "o-", True, None),)
    )
    for part, colour in zip(parts, palette, strict=True):
        for name, style, filled, told in drawn:
            y, ends = part[name].values, part[f"{name}_interval"].values
            bars = np.nan_to_num(np.maximum(np.stack([y - ends[:, 0], ends[:, 1] - y]), 0.0))
            tag = told
            if along == "duration" and filled:
                tag = value_text(float(part["strength"]))
            axes.errorbar(
                ds[along].values, y, bars, fmt=style, color=colour, markerfacecolor=colour if filled else "white",
                markersize=4.5, linewidth=1.2, elinewidth=1, label=tag if along == "strength" or filled else None,
            )  # fmt: skip
    axes.set(
        xlabel=label(ds[along]),
        ylabel="fraction correct" if accuracy else label(ds["p_waived"]),
        ylim=(None, 1.03) if accuracy else (-0.03, 1.03),
    )
    if along == "duration":
        legend_beside(axes, title=label(ds["strength"]))
    elif accuracy:
        low, high = ds["benefit_interval"].values
        legend_beside(axes, title=f"benefit {float(ds['benefit']):.3f}\n[{low:.3f}, {high:.3f}]")
    return axes


@dataclass(frozen=True)
class Wager(AbstractMeasure):
    """How often a decision is waived for a sure reward, and the accuracy with and without the offer (:func:`wager`).

    Attributes:
        stimulus: Condition with the signed strength of the stimulus.
        duration: Condition with the duration of the stimulus; None takes all together.
        accuracy: Draw the accuracies instead of how often decisions are waived.
    """

    stimulus: str
    duration: str | None = None
    accuracy: bool = False

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return wager(ds, self.stimulus, duration=self.duration)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_wager(result, accuracy=self.accuracy, ax=ax)


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def _benefit(
    n: NDArray[np.float64], k: NDArray[np.float64], m: NDArray[np.float64], j: NDArray[np.float64]
) -> tuple[float, float]:
    """Difference of two accuracies within cells, and half its interval."""
    both = (n > 0) & (m > 0)
    if not both.any():
        return float("nan"), float("nan")
    n, k, m, j = (each[both] for each in (n, k, m, j))
    weight = n * m / (n + m)
    weight = weight / weight.sum()
    p, q = (k + 1) / (n + 2), (j + 1) / (m + 2)
    variance = p * (1 - p) / n + q * (1 - q) / m
    return float((weight * (k / n - j / m)).sum()), float(
        ndtri(0.975) * np.sqrt((weight**2 * variance).sum())
    )
