r"""Produced against sample intervals: regression to the mean, bias, scalar variability."""

__all__ = ["ProducedIntervals", "plot_produced_intervals", "produced_intervals"]

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis._conditions import by_group
from neurornn.analysis._plotting import axes_or_new, colours, label, value_text
from neurornn.analysis.behaviour._bias_corrected import bias_corrected_interval
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance
from neurornn.random import derive_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_LEVELS, _N_BINS = 16, 8
_DESCRIBED = {
    "slope": ("slope of produced against target interval", "1"),
    "intercept": ("intercept", "ms"),
    "indifference": ("interval produced without bias", "ms"),
    "bias": ("root mean square bias", "ms"),
    "variability": ("root mean variance", "ms"),
    "weber": ("Weber fraction", "1"),
    "gain": ("mean ratio of produced to sample interval", "1"),
}


def produced_intervals(
    ds: xr.Dataset,
    *,
    sample: str = "target_interval",
    target: str = "target_interval",
    produced: str = "produced_interval",
    by: str | None = None,
    n_bootstrap: int = 400,
    seed: int = 0,
) -> xr.Dataset:
    r"""How produced intervals depend on those asked for.

    .. math:: t_p = a + b\,t + \varepsilon, \qquad \mathrm{sd}(\varepsilon) = w\,t

    by maximum likelihood, that is by least squares weighted with :math:`1/t^2`, where :math:`t` is the target interval.
    A ``slope`` :math:`b` below 1 is regression to the mean; the interval produced without bias, ``indifference``, is
    :math:`a / (1 - b)`. The Weber fraction :math:`w` is that of the residuals, with two degrees of freedom fewer than trials.
    At each target, ``mean``, ``sd`` and the coefficient of variation ``cv`` are those of the trials; ``bias`` is the
    root of the squared bias of a target and ``variability`` that of its variance, both averaged over trials, so that the
    mean squared error is the sum of their squares. The ``gain`` is the mean of produced over sample interval. Intervals are 95 %
    bias-corrected percentiles over trials resampled within each target.

    Args:
        ds: Trials, simulated or recorded.
        sample: Name of the interval that was shown, in ms.
        target: Name of the interval to produce, in ms.
        produced: Name of the produced interval; NaN (no response) is excluded and counted.
        by: Condition that splits the trials; None takes all together.
        n_bootstrap: Number of bootstrap replicates.
        seed: Their seed.

    Returns:
        A dataset with ``slope``, ``intercept``, ``indifference``, ``bias``, ``variability``, ``weber`` and ``gain``, each with its
        ``_interval``; ``mean``, ``sd``, ``cv`` and ``n`` over ``interval_asked``; ``log_likelihood`` and ``n_excluded``;
        along ``group`` if ``by`` is given. More than 16 targets are taken in 8 equally filled bins for what is
        shown; the regression uses each as it is.

    Raises:
        ValueError: If a variable is missing, an interval is not positive, or there are fewer than two targets or
            fewer than three responses.

    References:
        Temporal context calibrates interval timing (Jazayeri & Shadlen, 2010) https://doi.org/10.1038/nn.2590

    Examples:
        >>> target = np.repeat([600.0, 800.0, 1000.0], 2)
        >>> produced = 400.0 + 0.5 * target + np.tile([-0.1, 0.1], 3) * target   # 0.1 sqrt(6 / 4)
        >>> columns = {"target_interval": ("trial", target), "produced_interval": ("trial", produced)}
        >>> found = produced_intervals(xr.Dataset(columns))
        >>> round(float(found.slope), 6), round(float(found.weber), 6), round(float(found.indifference), 3)
        (0.5, 0.122474, 800.0)
    """
    for name in (sample, target, produced):
        if name not in ds.variables or ds[name].dims != ("trial",):
            raise ValueError(f"'{name}' is not a variable of the trials.")
    asked, shown, made = (ds[name].values.astype(np.float64) for name in (target, sample, produced))
    known = np.isfinite(asked) & np.isfinite(shown) & np.isfinite(made)
    if (asked[known] <= 0).any() or (shown[known] <= 0).any():
        raise ValueError("Intervals must be above 0 ms.")
    if n_bootstrap < 0:
        raise ValueError(f"n_bootstrap must be at least 0: got {n_bootstrap}.")
    code, levels = _levels(asked[known])
    member = np.full(asked.size, -1)
    member[known] = code

    def one(value: object, rows: NDArray[np.bool_]) -> xr.Dataset:
        kept = rows & known
        number = derive_seed(seed, "intervals", str(value))
        part = _regress(
            asked[kept], made[kept] / shown[kept], made[kept], member[kept], levels, n_bootstrap, number
        )
        return part.assign(n_excluded=int((rows & ~known).sum()))

    result = one("", np.ones(asked.size, dtype=bool)) if by is None else by_group(ds, by, one)
    for name, (long_name, units) in _DESCRIBED.items():
        result[name].attrs = {"long_name": long_name, "units": units}
        result[f"{name}_interval"].attrs = {"long_name": f"95 % interval of {long_name}", "units": units}
    for name, long_name in (("mean", "produced interval"), ("sd", "standard deviation"), ("cv", "coefficient of variation")):  # fmt: skip
        result[name].attrs = {"long_name": long_name, "units": "1" if name == "cv" else "ms"}
    result["interval_asked"].attrs = {"long_name": "interval to produce", "units": "ms"}
    result["n"].attrs = {"long_name": "trials", "units": "1"}
    return result.assign_attrs(
        provenance("neurornn.ProducedIntervals/1")
        | {
            "n_bootstrap": n_bootstrap,
            "bootstrap": "trials within targets, 95 % bias-corrected percentiles",
            "seed": seed,
        }
    )


def plot_produced_intervals(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Mean produced interval and its standard deviation at each target, and the regression; the diagonal is no bias.

    Args:
        ds: Result of :func:`produced_intervals`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    grouped = "group" in ds.dims
    full = ds if grouped else ds.expand_dims("group")
    levels = full["group"].values if grouped else np.zeros(1)
    x = ds["interval_asked"].values
    ends = np.array([x.min(), x.max()])
    axes.plot(ends, ends, color="0.7", linewidth=1, linestyle="--", zorder=0)
    for k, colour in enumerate(colours(levels)):
        part = full.isel(group=k)
        seen = part["n"].values > 0
        here = x[seen]
        slope, weber = float(part["slope"]), float(part["weber"])
        told = f"slope {slope:.2f}, Weber {weber:.3f}"
        name = f"{value_text(levels[k].item())}: {told}" if grouped else told
        axes.errorbar(
            here,
            part["mean"].values[seen],
            part["sd"].values[seen],
            fmt="o",
            color=colour,
            markersize=4.5,
            capsize=2,
        )
        span = np.array([here.min(), here.max()])
        axes.plot(span, float(part["intercept"]) + slope * span, color=colour, linewidth=1.6, label=name)
    axes.set(xlabel=label(ds["interval_asked"]), ylabel=label(ds["mean"]))
    title = label(ds["group"]) if grouped else None
    axes.legend(loc="upper left", frameon=False, fontsize=8, title=title, title_fontsize=8)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + (0.12 + 0.08 * levels.size) * (high - low))  # room for the legend
    return axes


@dataclass(frozen=True)
class ProducedIntervals(AbstractMeasure):
    """Produced against target intervals (:func:`produced_intervals`).

    Attributes:
        sample: Interval that was shown.
        target: Interval to produce.
        produced: Interval that was produced.
        by: Condition that splits the trials; None takes all together.
    """

    sample: str = "target_interval"
    target: str = "target_interval"
    produced: str = "produced_interval"
    by: str | None = None

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return produced_intervals(
            ds, sample=self.sample, target=self.target, produced=self.produced, by=self.by
        )

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_produced_intervals(result, ax=ax)


def _levels(asked: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """To which of the targets, or bins of targets, each trial belongs, and where they lie."""
    values, code = np.unique(asked, return_inverse=True)
    if values.size <= _MOST_LEVELS:
        return code, values
    edges = np.quantile(asked, np.linspace(0, 1, _N_BINS + 1)[1:-1])
    code = np.searchsorted(edges, asked, side="right")
    return code, np.bincount(code, asked, _N_BINS) / np.maximum(np.bincount(code, minlength=_N_BINS), 1)


def _regress(
    asked: NDArray[np.float64],
    ratio: NDArray[np.float64],
    made: NDArray[np.float64],
    member: NDArray[np.intp],
    levels: NDArray[np.float64],
    n_bootstrap: int,
    seed: int,
) -> xr.Dataset:
    """The regression, the means and the bootstrap of one group."""
    if asked.size < 3 or np.unique(asked).size < 2:
        raise ValueError(
            f"A slope needs at least two target intervals and three responses: got {np.unique(asked).size} and {asked.size}."
        )
    order = np.argsort(member, kind="stable")
    asked, ratio, made, member = asked[order], ratio[order], made[order], member[order]
    start, count = np.searchsorted(member, member), np.bincount(member, minlength=levels.size)
    rng = np.random.default_rng(seed)
    drawn = start + np.floor(rng.random((n_bootstrap, asked.size)) * count[member]).astype(np.intp)
    index = np.concatenate([np.arange(asked.size)[None], drawn])
    estimates = _estimates(asked[index], ratio[index], made[index], member, count)
    n = np.where(count > 0, count, 1)
    mean = np.where(count > 0, np.bincount(member, made, levels.size) / n, np.nan)
    spread = np.bincount(member, (made - mean[member]) ** 2, levels.size)
    sd = np.sqrt(np.divide(spread, count - 1, out=np.full(levels.size, np.nan), where=count > 1))
    result = xr.Dataset(
        {
            "mean": ("interval_asked", mean),
            "sd": ("interval_asked", sd),
            "cv": ("interval_asked", sd / mean),
            "n": ("interval_asked", count),
        },
        coords={"interval_asked": levels, "interval": ["low", "high"]},
    )
    for name, values in estimates.items():
        result[name] = float(values[0])
        result[f"{name}_interval"] = ("interval", bias_corrected_interval(values[0], values[1:]))
    residual = (made - float(result["intercept"]) - float(result["slope"]) * asked) / asked
    scale = max(float(np.sqrt(np.mean(residual**2))), 1e-300)
    result["log_likelihood"] = float(
        -asked.size * (0.5 + 0.5 * np.log(2 * np.pi) + np.log(scale)) - np.log(asked).sum()
    )
    return result


def _estimates(
    asked: NDArray[np.float64],
    ratio: NDArray[np.float64],
    made: NDArray[np.float64],
    member: NDArray[np.intp],
    count: NDArray[np.intp],
) -> dict[str, NDArray[np.float64]]:
    """All estimates for each row of resampled trials; the trials of a target keep their columns."""
    y, u = made / asked, 1.0 / asked  # weighted with 1/t: y = b + a u
    u0, y0 = u.mean(axis=1, keepdims=True), y.mean(axis=1, keepdims=True)
    spread = ((u - u0) ** 2).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        intercept = ((u - u0) * (y - y0)).sum(axis=1) / spread
        slope = y0[:, 0] - intercept * u0[:, 0]
        residual = y - slope[:, None] - intercept[:, None] * u
        indifference = np.where(np.abs(1 - slope) > 1e-9, intercept / (1 - slope), np.nan)
    used = np.flatnonzero(count)
    cut = np.searchsorted(member, used)
    n = count[used]
    error = made - asked
    mean = np.add.reduceat(error, cut, axis=1) / n
    square = np.add.reduceat(error**2, cut, axis=1) / n
    weight = n / n.sum()
    degrees = max(asked.shape[1] - 2, 1)
    return {
        "slope": slope,
        "intercept": intercept,
        "indifference": indifference,
        "bias": np.sqrt((weight * mean**2).sum(axis=1)),
        "variability": np.sqrt(np.maximum((weight * (square - mean**2)).sum(axis=1), 0.0)),
        "weber": np.sqrt((residual**2).sum(axis=1) / degrees),
        "gain": ratio.mean(axis=1),
    }
