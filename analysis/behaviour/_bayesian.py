r"""The Bayesian observer of time intervals."""

__all__ = ["BayesianTiming", "bayesian_timing", "plot_bayesian_timing"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis._conditions import by_group
from neurornn.analysis._plotting import axes_or_new, colours, label, legend_beside, value_text
from neurornn.analysis.behaviour._bayesian_fit import estimates, fit_timing
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DESCRIBED = {
    "w_m": ("Weber fraction of measuring", "1"),
    "w_p": ("Weber fraction of producing", "1"),
    "offset": ("offset of produced intervals", "ms"),
}
_N_CURVE, _FEWEST = 41, 10


def bayesian_timing(
    ds: xr.Dataset,
    *,
    sample: str = "interval",
    produced: str = "produced_interval",
    gain: str | float = 1.0,
    by: str | None = None,
    prior: tuple[float, float] | None = None,
) -> xr.Dataset:
    r"""Fit the observer who measures an interval, takes the mean of the posterior, and produces it.

    .. math::

        t_m \sim \mathcal N(t_s, (w_m t_s)^2), \qquad
        t_e = \frac{\int t\, p(t_m \mid t)\, \pi(t)\, dt}{\int p(t_m \mid t)\, \pi(t)\, dt}, \qquad
        t_p \sim \mathcal N\big(g\, t_e + b, (w_p\, g\, t_e)^2\big)

    with the sample interval :math:`t_s`, its measurement :math:`t_m`, the estimate :math:`t_e` that has the least mean squared
    error under a uniform prior :math:`\pi`, the produced interval :math:`t_p`, the gain :math:`g` and an offset :math:`b`. The
    more a subject relies on the prior, that is the larger :math:`w_m`, the more the produced intervals regress to the mean.

    By maximum likelihood over the measurement, which nobody sees; intervals are 95 % profile-likelihood intervals.
    Weber fractions are sought between 0.005 and 1; ``at_bound`` says where one ends there, as it does for a network without
    noise.

    Args:
        ds: Trials, simulated or recorded.
        sample: Name of the sample interval in ms.
        produced: Name of the produced interval in ms; NaN (no response) or 0 is excluded and counted.
        gain: Ratio of the interval to produce to the sample interval, or the name of the condition that holds it.
        by: Condition that splits the trials, for instance the prior; None takes all together.
        prior: Shortest and longest interval of the prior in ms; None takes those of the samples of each group.

    Returns:
        A dataset with ``w_m``, ``w_p`` and ``offset``, each with its ``_interval`` and ``at_bound``; ``log_likelihood``,
        ``converged``, ``n`` and ``n_excluded``; ``mean``, ``sd`` and ``n_sample`` of the produced intervals of each
        ``sample``, and the mean ``predicted`` over ``curve``; along ``group`` if ``by`` is given.

    Raises:
        ValueError: If a variable is missing, an interval or gain is not positive, the prior is empty, or there are
            fewer than ten responses or two sample intervals.

    References:
        Temporal context calibrates interval timing (Jazayeri & Shadlen, 2010) https://doi.org/10.1038/nn.2590

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> sample = np.repeat([600.0, 700.0, 800.0, 900.0, 1000.0], 100)
        >>> produced = sample * (1 + 0.05 * rng.normal(size=500))   # nothing but noise of production
        >>> columns = {"interval": ("trial", sample), "produced_interval": ("trial", produced)}
        >>> fit = bayesian_timing(xr.Dataset(columns))
        >>> bool(fit.w_m < 0.03), bool(abs(fit.w_p - 0.05) < 0.01)
        (True, True)
    """
    names = [sample, produced, *([gain] if isinstance(gain, str) else [])]
    for name in names:
        if name not in ds.variables or ds[name].dims != ("trial",):
            raise ValueError(f"'{name}' is not a variable of the trials.")
    shown, made = (ds[name].values.astype(np.float64) for name in (sample, produced))
    ratio = ds[gain].values.astype(np.float64) if isinstance(gain, str) else np.full(shown.shape, float(gain))
    known = np.isfinite(shown) & np.isfinite(made) & np.isfinite(ratio) & (made > 0)
    if (shown[known] <= 0).any() or (ratio[known] <= 0).any():
        raise ValueError("Sample intervals and gains must be above 0.")
    if prior is not None and not 0 < prior[0] < prior[1] < np.inf:
        raise ValueError(f"The prior needs a shortest and a longer interval in ms: got {prior}.")
    levels = np.unique(shown[known])
    if levels.size > 24:
        levels = np.unique(np.quantile(shown[known], (np.arange(9) + 0.5) / 9))
    if levels.size < 2:
        raise ValueError(f"The fit needs at least two sample intervals: got {levels.tolist()}.")
    grid = np.linspace(levels[0], levels[-1], _N_CURVE)

    def one(_: object, rows: NDArray[np.bool_]) -> xr.Dataset:
        kept = rows & known
        if kept.sum() < _FEWEST or np.unique(shown[kept]).size < 2:
            raise ValueError(
                f"The fit needs at least {_FEWEST} responses and two sample intervals: got {kept.sum()} and "
                f"{np.unique(shown[kept]).size}."
            )
        bounds = (float(shown[kept].min()), float(shown[kept].max())) if prior is None else prior
        part = _fit(shown[kept], made[kept], ratio[kept], bounds, levels, grid)
        return part.assign(n_excluded=int((rows & ~known).sum()))

    result = one(None, np.ones(shown.size, dtype=bool)) if by is None else by_group(ds, by, one)
    for name, (long_name, units) in _DESCRIBED.items():
        result[name].attrs = {"long_name": long_name, "units": units}
        result[f"{name}_interval"].attrs = {"long_name": f"95 % interval of {long_name}", "units": units}
    for name in ("mean", "predicted"):
        result[name].attrs = {"long_name": "produced interval", "units": "ms"}
    result["sd"].attrs = {"long_name": "standard deviation of the produced interval", "units": "ms"}
    for name in ("sample", "curve"):
        result[name].attrs = {"long_name": "sample interval", "units": "ms"}
    return result.assign_attrs(
        provenance("neurornn.BayesianTiming/1")
        | {"observer": "least squares, uniform prior", "intervals": "profile likelihood"}
    )


def plot_bayesian_timing(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Mean produced interval and its standard deviation at each sample interval, and what the observer predicts.

    Args:
        ds: Result of :func:`bayesian_timing`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    grouped = "group" in ds.dims
    full = ds if grouped else ds.expand_dims("group")
    levels = full["group"].values if grouped else np.zeros(1)
    x, grid = ds["sample"].values, ds["curve"].values
    axes.plot(grid, grid, color="0.7", linewidth=1, linestyle="--", zorder=0)
    for k, colour in enumerate(colours(levels)):
        part = full.isel(group=k)
        seen = part["n_sample"].values > 0
        told = f"$w_m$ {float(part['w_m']):.3f}, $w_p$ {float(part['w_p']):.3f}"
        name = f"{value_text(levels[k].item())}\n{told}" if grouped else told
        axes.errorbar(
            x[seen], part["mean"].values[seen], part["sd"].values[seen], fmt="o", color=colour, markersize=4.5, capsize=2
        )  # fmt: skip
        axes.plot(grid, part["predicted"].values, color=colour, linewidth=1.6, label=name)
    axes.set(xlabel=label(ds["sample"]), ylabel=label(ds["mean"]))
    legend_beside(axes, title=label(ds["group"]) if grouped else "observer")
    return axes


@dataclass(frozen=True)
class BayesianTiming(AbstractMeasure):
    """The Bayesian observer of time intervals (:func:`bayesian_timing`).

    Attributes:
        sample: Interval that was shown.
        produced: Interval that was produced.
        gain: Ratio of the interval to produce to the sample interval, or the condition that holds it.
        by: Condition that splits the trials; None takes all together.
    """

    sample: str = "interval"
    produced: str = "produced_interval"
    gain: str | float = 1.0
    by: str | None = None

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return bayesian_timing(ds, sample=self.sample, produced=self.produced, gain=self.gain, by=self.by)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_bayesian_timing(result, ax=ax)


def _fit(
    shown: NDArray[np.float64],
    made: NDArray[np.float64],
    ratio: NDArray[np.float64],
    prior: tuple[float, float],
    levels: NDArray[np.float64],
    grid: NDArray[np.float64],
) -> xr.Dataset:
    """The fit of one group, and what it predicts."""
    found = fit_timing(shown, made, ratio, prior=prior)
    edges = 0.5 * (levels[1:] + levels[:-1])
    member = np.searchsorted(edges, shown)
    n = np.bincount(member, minlength=levels.size)
    some = np.where(n > 0, n, 1)
    mean = np.where(n > 0, np.bincount(member, made, levels.size) / some, np.nan)
    spread = np.bincount(member, (made - mean[member]) ** 2, levels.size)
    sd = np.sqrt(np.divide(spread, n - 1, out=np.full(levels.size, np.nan), where=n > 1))
    z = np.linspace(-4.0, 4.0, 61)
    weight = np.exp(-0.5 * z**2)
    t_e = estimates(grid[:, None] * (1.0 + found.theta[0] * z), float(found.theta[0]), *prior)
    predicted = ratio.mean() * (t_e @ weight) / weight.sum() + found.theta[2]
    inside = (grid >= shown.min() - 1e-9) & (grid <= shown.max() + 1e-9)
    result = xr.Dataset(
        {
            "mean": ("sample", mean),
            "sd": ("sample", sd),
            "n_sample": ("sample", n),
            "predicted": ("curve", np.where(inside, predicted, np.nan)),
            "at_bound": ("parameter", found.at_bound),
            "log_likelihood": found.log_likelihood,
            "converged": found.converged,
            "n": len(shown),
        },
        coords={
            "sample": levels,
            "curve": grid,
            "interval": ["low", "high"],
            "parameter": list(_DESCRIBED),
        },
    )
    for k, name in enumerate(_DESCRIBED):
        result[name] = float(found.theta[k])
        result[f"{name}_interval"] = ("interval", found.interval[k])
    return result
