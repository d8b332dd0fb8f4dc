r"""Whether two senses are combined as well as they could be."""

__all__ = ["OptimalCombination", "optimal_combination", "plot_combination"]

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtr
from typing_extensions import override

from neurornn.analysis._plotting import axes_or_new, colours, label, legend_beside
from neurornn.analysis.behaviour._bias_corrected import bias_corrected_interval
from neurornn.analysis.behaviour._choices import as_choices, wilson_interval
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.analysis.behaviour._psychometric_fit import Curve, fit_curve
from neurornn.analysis.behaviour._psychometric_functions import CumulativeGaussian
from neurornn.provenance import provenance
from neurornn.random import derive_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOG = logging.getLogger(__name__)


def optimal_combination(
    ds: xr.Dataset,
    stimulus: str,
    modality: str,
    *,
    single: tuple[str, str] = ("visual", "auditory"),
    both: str = "both",
    choice: str = "choice",
    lapses: bool = True,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> xr.Dataset:
    r"""Psychometric curves of two senses and of both, and what both would be if they were combined optimally.

    .. math:: \frac{1}{\hat\sigma_{va}^2} = \frac{1}{\sigma_v^2} + \frac{1}{\sigma_a^2}

    where :math:`\sigma` is the standard deviation of the cumulative Gaussian fitted to the choices with one sense, one
    over its slope, and :math:`\hat\sigma_{va}` the prediction for both. ``difference`` is observed minus predicted: 0 is
    optimal, above 0 less precise than possible. Intervals are 95 % bias-corrected percentiles of a parametric bootstrap, in
    which the three curves vary independently of each other.

    Where a curve has no slope that the data pin, because all choices are the same or the curve is a step or falls, what
    depends on it is NaN, and ``at_bound`` says which.

    Args:
        ds: Trials, simulated or recorded.
        stimulus: Name of the stimulus variable.
        modality: Name of the variable that says which senses were given.
        single: Its values for one sense and for the other.
        both: Its value for both.
        choice: Name of the choice variable: +1 and -1 (0 or NaN: none, excluded and counted), or booleans.
        lapses: Whether lapse rates are fitted.
        n_bootstrap: Number of bootstrap replicates.
        seed: Their seed.

    Returns:
        A dataset with ``sd`` and ``bias`` along ``modality``, ``predicted_sd`` and ``difference``, each with its
        ``_interval``; ``at_bound``, ``log_likelihood`` and ``n_trials`` along ``modality``; the observed
        ``proportion`` along ``stimulus`` with its Wilson interval, the curves ``fitted`` over ``curve``, the
        ``predicted`` curve, and ``n_excluded``.

    Raises:
        ValueError: If a variable is missing, a modality does not occur, or a stimulus does not vary.

    References:
        Humans integrate visual and haptic information in a statistically optimal fashion (Ernst & Banks, 2002)
        https://doi.org/10.1038/415429a

        A category-free neural population supports evolving demands during decision-making (Raposo, Kaufman &
        Churchland, 2014) https://doi.org/10.1038/nn.3865

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> x = np.tile(np.linspace(-3.0, 3.0, 9), 3000)
        >>> modality = np.repeat(["visual", "auditory", "both"], 9000)
        >>> sd = np.repeat([2.0, 1.5, 1.2], 9000)
        >>> choice = np.where(x + sd * rng.standard_normal(27000) > 0, 1, -1)
        >>> ds = xr.Dataset({"x": ("trial", x), "modality": ("trial", modality), "choice": ("trial", choice)})
        >>> found = optimal_combination(ds, "x", "modality", lapses=False, n_bootstrap=0)
        >>> found.sd.values.round(1).tolist(), round(float(found.predicted_sd), 1)
        ([2.0, 1.5, 1.2], 1.2)
    """
    for name in (stimulus, modality, choice):
        if name not in ds.variables or ds[name].dims != ("trial",):
            raise ValueError(f"'{name}' is not a variable of the trials.")
    if n_bootstrap < 0:
        raise ValueError(f"n_bootstrap must be at least 0: got {n_bootstrap}.")
    x = ds[stimulus].values.astype(np.float64)
    up, known = as_choices(ds[choice])
    given = ds[modality].values
    shown = known & np.isfinite(x)
    order = (*single, both)
    levels = np.unique(x[shown])
    grid = np.linspace(x[shown].min(), x[shown].max(), 121)
    curves: list[Curve] = []
    n, k = np.zeros((3, levels.size)), np.zeros((3, levels.size))
    for i, name in enumerate(order):
        rows = shown & (given == name)
        if not rows.any():
            raise ValueError(
                f"No trial has {modality}={name!r} and a choice: found {np.unique(given).tolist()}."
            )
        place = np.searchsorted(levels, x[rows])
        n[i] = np.bincount(place, minlength=levels.size)
        k[i] = np.bincount(place, weights=up[rows], minlength=levels.size)
        curves.append(
            fit_curve(
                x[rows],
                up[rows],
                grid,
                function=CumulativeGaussian(),
                lapses=lapses,
                n_bootstrap=n_bootstrap,
                seed=derive_seed(seed, "combination", str(name)),
            )
        )
    sd = np.stack([_sd(curve) for curve in curves])  # (modality, 1 + replicate)
    bias = np.stack([curve.parameters[:, 0] for curve in curves])
    predicted = 1.0 / np.sqrt((1.0 / sd[:2] ** 2).sum(axis=0))
    difference = sd[2] - predicted
    if np.isnan(sd[:, 0]).any():
        _LOG.warning("A psychometric curve has no slope that the data pin: there is no prediction for both.")
    weight = 1.0 / sd[:2, 0] ** 2
    middle = (weight * bias[:2, 0]).sum() / weight.sum()
    result = xr.Dataset(
        {
            "sd": ("modality", sd[:, 0]),
            "sd_interval": (
                ("modality", "interval"),
                np.stack([bias_corrected_interval(row[0], row[1:]) for row in sd]),
            ),
            "bias": ("modality", bias[:, 0]),
            "bias_interval": (
                ("modality", "interval"),
                np.stack([bias_corrected_interval(row[0], row[1:]) for row in bias]),
            ),
            "predicted_sd": ((), predicted[0]),
            "predicted_sd_interval": ("interval", bias_corrected_interval(predicted[0], predicted[1:])),
            "difference": ((), difference[0]),
            "difference_interval": ("interval", bias_corrected_interval(difference[0], difference[1:])),
            "at_bound": ("modality", np.isnan(sd[:, 0])),
            "log_likelihood": ("modality", [curve.log_likelihood for curve in curves]),
            "converged": ("modality", [curve.converged for curve in curves]),
            "n_trials": ("modality", n.sum(axis=1).astype(np.int64)),
            "n_bootstrap_failed": ((), int(np.isnan(difference[1:]).sum())),
            "proportion": (
                ("modality", "stimulus"),
                np.divide(k, n, out=np.full(k.shape, np.nan), where=n > 0),
            ),
            "proportion_interval": (("modality", "stimulus", "interval"), wilson_interval(k, n)),
            "fitted": (("modality", "curve"), np.stack([curve.fitted[0] for curve in curves])),
            "predicted": ("curve", ndtr((grid - middle) / predicted[0])),
            "n_excluded": ((), int((~(shown & np.isin(given, order))).sum())),
        },
        coords={"modality": list(order), "stimulus": levels, "curve": grid, "interval": ["low", "high"]},
    )
    units = str(ds[stimulus].attrs.get("units", "1"))
    name = str(ds[stimulus].attrs.get("long_name", stimulus))
    described = {
        "sd": ("standard deviation", units),
        "bias": ("bias", units),
        "predicted_sd": ("predicted standard deviation of both", units),
        "difference": ("observed - predicted standard deviation", units),
        "proportion": ("P(choice = +1)", "1"),
        "fitted": ("P(choice = +1)", "1"),
        "stimulus": (name, units),
        "curve": (name, units),
        "modality": (modality, "1"),
        "log_likelihood": ("log-likelihood", "1"),
    }
    for key, (long_name, unit) in described.items():
        result[key].attrs = {"long_name": long_name, "units": unit}
        if f"{key}_interval" in result:
            result[f"{key}_interval"].attrs = {"long_name": f"95 % interval of {long_name}", "units": unit}
    return result.assign_attrs(
        provenance("neurornn.OptimalCombination/1")
        | {
            "lapses": int(lapses),
            "n_bootstrap": n_bootstrap,
            "bootstrap": "parametric, 95 % bias-corrected percentiles",
            "seed": seed,
        }
    )


def plot_combination(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """The three psychometric curves, and as a dashed line what optimal combination predicts for both.

    Args:
        ds: Result of :func:`optimal_combination`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    x, grid = ds["stimulus"].values, ds["curve"].values
    axes.axhline(0.5, color="0.85", linewidth=0.8, zorder=0)
    for name, colour in zip(ds["modality"].values, colours(ds["modality"].values), strict=True):
        one = ds.sel(modality=name)
        p, ends = one["proportion"].values, one["proportion_interval"].values
        bars = np.maximum(np.stack([p - ends[:, 0], ends[:, 1] - p]), 0.0)
        axes.plot(
            grid, one["fitted"].values, color=colour, linewidth=1.6, label=f"{name}, {_told(one['sd'])}"
        )
        axes.errorbar(x, p, bars, fmt="o", color=colour, markersize=4.5, elinewidth=1, capsize=0)
    if np.isfinite(ds["predicted_sd"]):
        told = f"both, predicted, {_told(ds['predicted_sd'])}"
        axes.plot(grid, ds["predicted"].values, color="black", linestyle="--", linewidth=1.4, label=told)
    axes.set(xlabel=label(ds["stimulus"]), ylabel=label(ds["proportion"]), ylim=(-0.03, 1.03))
    units = str(ds["sd"].attrs["units"])
    title = f"sd{'' if units == '1' else f' ({units})'}; " + _compared(ds)
    legend_beside(axes, title=title)
    return axes


@dataclass(frozen=True)
class OptimalCombination(AbstractMeasure):
    """Whether two senses are combined as well as they could be (:func:`optimal_combination`).

    Attributes:
        stimulus: Condition with the strength of the stimulus.
        modality: Condition that says which senses were given.
        single: Its values for one sense and for the other.
        both: Its value for both.
    """

    stimulus: str
    modality: str
    single: tuple[str, str] = ("visual", "auditory")
    both: str = "both"

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return optimal_combination(ds, self.stimulus, self.modality, single=self.single, both=self.both)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_combination(result, ax=ax)


def _sd(curve: Curve) -> NDArray[np.float64]:
    """One over the slope of the fit and its replicates; NaN where the data do not pin it or the curve falls."""
    slope = curve.parameters[:, 1]
    sd = np.full(slope.shape, np.nan)
    rising = slope > 0
    sd[rising] = 1.0 / slope[rising]
    if curve.at_bound[1]:
        sd[:] = np.nan
    return sd


def _told(sd: xr.DataArray) -> str:
    return f"{float(sd):.2g}" if np.isfinite(sd) else "no slope found"


def _compared(ds: xr.Dataset) -> str:
    """How far the curve for both lies from the prediction, in words where there is no number."""
    if not np.isfinite(ds["difference"]):
        return "nothing to\ncompare without all slopes"
    low, high = ds["difference_interval"].values
    interval = f"[{low:.2g}, {high:.2g}]" if np.isfinite([low, high]).all() else "(no interval)"
    return f"observed -\npredicted {float(ds['difference']):.2g} {interval}"
