r"""Drift and diffusion of a remembered angle over the delay."""

__all__ = ["Diffusion", "DriftField", "angular_diffusion", "plot_diffusion", "plot_drift_field"]

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import chdtri
from typing_extensions import override

from neurornn.analysis._plotting import axes_or_new, label, legend_beside
from neurornn.analysis.behaviour._bias_corrected import bias_corrected_interval
from neurornn.analysis.behaviour._choices import percentile_interval
from neurornn.analysis.behaviour._diffusion_fit import binned, fit_growth, harmonics
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance
from neurornn.random import derive_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_N_CURVE, _FAR = 41, 90.0
_GRID = np.linspace(0.0, 360.0, 72, endpoint=False, dtype=np.float64)


def angular_diffusion(
    ds: xr.Dataset,
    *,
    error: str = "angular_error",
    delay: str = "delay",
    target: str = "direction",
    n_harmonics: int = 2,
    n_bootstrap: int = 400,
    seed: int = 0,
) -> xr.Dataset:
    r"""How fast a remembered angle diffuses, and where it drifts.

    .. math::

        e \sim \mathcal N\big(s(\theta) + T\, d(\theta),\; v_0 + 2 D T\big), \qquad
        d(\theta) = a_0 + \sum_{k=1}^{m} a_k \cos k\theta + b_k \sin k\theta

    where :math:`e` is the error of the response, :math:`\theta` the angle to remember and :math:`T` the delay. The
    diffusion coefficient :math:`D` is half the growth rate of the variance, as for a Brownian particle; :math:`v_0` is
    the variance of encoding and response. The drift field :math:`d` is the systematic motion during the delay at each
    angle, to attractors where it falls through 0; :math:`s` is a bias of the same form that does not grow. All
    are fitted together by maximum likelihood; intervals are 95 % percentiles over resampled trials, those of the numbers
    corrected for bias.

    The model lives on the line. Errors beyond 90 degrees are counted in ``n_far``: where they are more than a few, the
    angle is lost rather than diffused and a mixture (:func:`swap_errors`) describes it better.

    Args:
        ds: Trials, simulated or recorded.
        error: Name of the signed error in degrees; NaN (no response) is excluded and counted.
        delay: Name of the delay, in ms or s as its attribute ``units`` says (ms if there is none).
        target: Name of the angle to remember, in degrees.
        n_harmonics: Number of harmonics :math:`m`; 0 takes drift and bias as the same everywhere.
        n_bootstrap: Number of bootstrap replicates.
        seed: Their seed.

    Returns:
        A dataset with ``diffusion`` in degree^2/s, ``initial_variance`` in degree^2 and ``mean_drift`` :math:`a_0` in
        degree/s, each with its ``_interval``; ``drift`` and ``bias`` over ``direction`` with their bands;
        the observed ``variance`` around the fitted mean at each ``delay`` (in s, at most 12 points) with its interval
        from the chi-squared distribution and ``n``; the ``fitted`` variance over ``curve``; ``at_bound`` where
        :math:`D` or :math:`v_0` is 0; ``log_likelihood``, ``converged``, ``n_far``, ``n_excluded``.

    Raises:
        ValueError: If a variable is missing, there are not two delays, or too few directions for the harmonics.

    References:
        Fundamental limits on persistent activity in networks of noisy neurons (Burak & Fiete, 2012)
        https://doi.org/10.1073/pnas.1117386109

        Error-correcting dynamics in visual working memory (Panichello et al., 2019)
        https://doi.org/10.1038/s41467-019-11298-3

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> delay, direction = rng.choice([500.0, 1000.0, 2000.0], 6000), rng.uniform(0.0, 360.0, 6000)
        >>> error = rng.standard_normal(6000) * np.sqrt(4.0 + 2 * 10.0 * delay / 1000)    # D = 10 degree^2/s
        >>> trials = {"angular_error": ("trial", error), "delay": ("trial", delay), "direction": ("trial", direction)}
        >>> found = angular_diffusion(xr.Dataset(trials), n_bootstrap=50)
        >>> low, high = found.diffusion_interval.values
        >>> bool(low < 10.0 < high)
        True
    """
    for name in (error, delay, target):
        if name not in ds.variables or ds[name].dims != ("trial",):
            raise ValueError(f"'{name}' is not a variable of the trials.")
    if n_harmonics < 0 or n_bootstrap < 0:
        raise ValueError(
            f"n_harmonics and n_bootstrap must be at least 0: got {n_harmonics} and {n_bootstrap}."
        )
    units = str(ds[delay].attrs.get("units", "ms"))
    if units not in {"ms", "s"}:
        raise ValueError(f"'{delay}' must be in ms or s: its units are '{units}'.")
    e, theta = (ds[name].values.astype(np.float64) for name in (error, target))
    time = ds[delay].values.astype(np.float64) * (1e-3 if units == "ms" else 1.0)
    shown = np.isfinite(e) & np.isfinite(theta) & np.isfinite(time)
    if np.unique(time[shown]).size < 2:
        raise ValueError(
            f"Diffusion needs at least two delays: got {np.unique(time[shown]).tolist()} s in {int(shown.sum())} trials with a response."
        )
    result = _fit(
        e[shown], time[shown], theta[shown], n_harmonics, n_bootstrap, derive_seed(seed, "diffusion")
    )
    result["n_excluded"] = int((~shown).sum())
    described = {
        "diffusion": ("diffusion coefficient", "degree^2/s"),
        "initial_variance": ("variance without delay", "degree^2"),
        "mean_drift": ("mean drift", "degree/s"),
        "drift": ("drift", "degree/s"),
        "bias": ("bias without delay", "degree"),
        "variance": ("error variance", "degree^2"),
        "fitted": ("error variance", "degree^2"),
        "delay": ("delay", "s"),
        "curve": ("delay", "s"),
        "direction": (str(ds[target].attrs.get("long_name", target)).replace("_", " "), "degree"),
        "log_likelihood": ("log-likelihood", "1"),
    }
    for name, (long_name, unit) in described.items():
        result[name].attrs = {"long_name": long_name, "units": unit}
        if f"{name}_interval" in result:
            result[f"{name}_interval"].attrs = {"long_name": f"95 % interval of {long_name}", "units": unit}
    return result.assign_attrs(
        provenance("neurornn.AngularDiffusion/1")
        | {"n_harmonics": n_harmonics, "n_bootstrap": n_bootstrap, "bootstrap": "trials, 95 % percentiles"}
        | {"seed": seed}
    )


def plot_diffusion(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Error variance against the delay, observed and fitted.

    Args:
        ds: Result of :func:`angular_diffusion`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    value, (low, high) = float(ds["diffusion"]), ds["diffusion_interval"].values
    told = f"D = {value:.3g} [{low:.3g}, {high:.3g}]\ndegree²/s"
    grid, v = ds["curve"].values, ds["variance"].values
    axes.fill_between(grid, *ds["fitted_interval"].values.T, color="#0072B2", alpha=0.2, linewidth=0)
    axes.plot(grid, ds["fitted"].values, color="#0072B2", linewidth=1.6, label="fit")
    bars = np.maximum(np.abs(ds["variance_interval"].values - v[:, None]).T, 0.0)
    axes.errorbar(ds["delay"].values, v, bars, fmt="o", color="black", markersize=4.5, label="observed")
    axes.set(xlabel=label(ds["delay"]), ylabel=label(ds["variance"]), xlim=(0.0, 1.04 * grid[-1]))
    axes.set_ylim(bottom=0.0)
    legend_beside(axes, title=told)
    return axes


def plot_drift_field(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Drift at each angle with its band: attractors are where it falls through 0.

    Args:
        ds: Result of :func:`angular_diffusion`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    theta = np.append(ds["direction"].values, 360.0)
    around = {
        name: np.concatenate([ds[name].values, ds[name].values[:1]]) for name in ("drift", "drift_interval")
    }
    axes.axhline(0.0, color="0.6", linewidth=0.8)
    axes.fill_between(theta, *around["drift_interval"].T, color="#0072B2", alpha=0.2, linewidth=0)
    axes.plot(theta, around["drift"], color="#0072B2", linewidth=1.6)
    axes.set(xlabel=label(ds["direction"]), ylabel=label(ds["drift"]), xlim=(0.0, 360.0))
    axes.set_xticks(np.arange(0, 361, 90))
    return axes


@dataclass(frozen=True)
class Diffusion(AbstractMeasure):
    """Growth of the error variance with the delay (:func:`angular_diffusion`).

    Attributes:
        error: Behaviour with the signed error in degrees.
        delay: Condition with the delay.
        target: Condition with the angle to remember.
        n_harmonics: Harmonics of drift and bias.
    """

    error: str = "angular_error"
    delay: str = "delay"
    target: str = "direction"
    n_harmonics: int = 2

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return angular_diffusion(
            ds, error=self.error, delay=self.delay, target=self.target, n_harmonics=self.n_harmonics
        )

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_diffusion(result, ax=ax)


@dataclass(frozen=True)
class DriftField(AbstractMeasure):
    """Where a remembered angle drifts (:func:`angular_diffusion`).

    Attributes:
        error: Behaviour with the signed error in degrees.
        delay: Condition with the delay.
        target: Condition with the angle to remember.
        n_harmonics: Harmonics of drift and bias.
    """

    error: str = "angular_error"
    delay: str = "delay"
    target: str = "direction"
    n_harmonics: int = 2

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return Diffusion(self.error, self.delay, self.target, self.n_harmonics).apply(ds)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_drift_field(result, ax=ax)


def _fit(
    e: NDArray[np.float64],
    time: NDArray[np.float64],
    theta: NDArray[np.float64],
    n_harmonics: int,
    n_bootstrap: int,
    seed: int,
) -> xr.Dataset:
    basis = harmonics(theta, n_harmonics)
    width = basis.shape[1]
    design = np.column_stack([basis, basis * time[:, None]])
    if e.size <= design.shape[1] or np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError(
            f"{np.unique(theta).size} directions, {np.unique(time).size} delays and {e.size} trials cannot tell "
            f"{n_harmonics} harmonics of drift and bias apart. Lower n_harmonics."
        )
    drawn = np.random.default_rng(seed).multinomial(e.size, np.full(e.size, 1 / e.size), n_bootstrap)
    fit = fit_growth(e, time, design, np.concatenate([np.ones((1, e.size)), drawn]))
    field = harmonics(_GRID, n_harmonics)
    bias, drift = fit.beta[:, :width] @ field.T, fit.beta[:, width:] @ field.T
    curve = np.linspace(0.0, float(time.max()), _N_CURVE)
    fitted = fit.initial[:, None] + 2 * fit.diffusion[:, None] * curve
    centres, place = binned(time)
    residual = e - design @ fit.beta[0]
    n = np.bincount(place, minlength=centres.size)
    squares = np.bincount(place, weights=residual**2, minlength=centres.size)
    observed = squares / n
    ends = squares[:, None] / chdtri(n[:, None], [0.025, 0.975])
    estimates = {
        "diffusion": fit.diffusion,
        "initial_variance": fit.initial,
        "mean_drift": fit.beta[:, width],
    }
    variables: dict[str, Any] = {name: ((), each[0]) for name, each in estimates.items()}
    variables |= {
        f"{name}_interval": ("interval", bias_corrected_interval(each[0], each[1:]))
        for name, each in estimates.items()
    }
    return xr.Dataset(
        variables
        | {
            "drift": ("direction", drift[0]),
            "drift_interval": (("direction", "interval"), percentile_interval(drift[1:])),
            "bias": ("direction", bias[0]),
            "bias_interval": (("direction", "interval"), percentile_interval(bias[1:])),
            "variance": ("delay", observed),
            "variance_interval": (("delay", "interval"), ends),
            "n": ("delay", n),
            "fitted": ("curve", fitted[0]),
            "fitted_interval": (
                ("curve", "interval"),
                np.stack([bias_corrected_interval(each[0], each[1:]) for each in fitted.T]),
            ),
            "at_bound": ("parameter", np.array([fit.diffusion[0] == 0, fit.initial[0] == 0])),
            "log_likelihood": ((), float(fit.log_likelihood[0])),
            "converged": ((), bool(fit.converged[0])),
            "n_bootstrap_failed": ((), int((~fit.converged[1:]).sum())),
            "n_far": ((), int((np.abs(e) > _FAR).sum())),
            "n_trials": ((), e.size),
        },
        coords={
            "direction": _GRID,
            "delay": centres,
            "curve": curve,
            "interval": ["low", "high"],
            "parameter": ["diffusion", "initial_variance"],
        },
    )
