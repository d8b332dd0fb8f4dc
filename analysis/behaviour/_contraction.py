r"""Contraction bias: how far a remembered magnitude is drawn to the mean of those seen before."""

__all__ = ["ContractionBias", "contraction_bias", "plot_contraction_bias"]

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtr
from typing_extensions import override

from neurornn.analysis._plotting import axes_or_new, label, legend_beside
from neurornn.analysis.behaviour._bias_corrected import bias_corrected_interval
from neurornn.analysis.behaviour._binomial_fit import BinomialFit, fit_binomial
from neurornn.analysis.behaviour._choices import as_choices, wilson_interval
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.analysis.behaviour._psychometric_functions import CumulativeGaussian
from neurornn.provenance import provenance
from neurornn.random import derive_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOG = logging.getLogger(__name__)
_FARTHEST = 50.0  # bound of weights and bias per standard deviation of the stimuli
_PARAMETERS = ("weight_first", "weight_second", "bias", "contraction", "noise")


def contraction_bias(
    ds: xr.Dataset,
    *,
    first: str = "f1",
    second: str = "f2",
    choice: str = "choice",
    prior_mean: float | None = None,
    n_bootstrap: int = 400,
    seed: int = 0,
) -> xr.Dataset:
    r"""Probit regression of a comparison on both magnitudes and on the mean of the first.

    The subject compares the second magnitude :math:`f_2` with a memory of the first that is drawn to the prior mean
    :math:`\mu`, both blurred by Gaussian noise of standard deviation :math:`\sigma`:

    .. math::

        \hat f_1 = (1 - \lambda) f_1 + \lambda \mu, \qquad
        P(\text{second higher}) = \Phi\Big(\frac{f_2 - \hat f_1}{\sigma} + b\Big)
        = \Phi\big(b - w_1 (f_1 - \mu) + w_2 (f_2 - \mu)\big)

    so that the contraction is :math:`\lambda = 1 - w_1 / w_2`: 0 for a faithful memory, 1 for a subject that compares
    with the mean alone. Intervals are 95 % bias-corrected percentiles of a parametric bootstrap.

    If both magnitudes predict every choice, as those of a faultless network, the likelihood has no maximum:
    ``separated`` is True and the parameters are NaN.

    Args:
        ds: Trials, simulated or recorded.
        first: Name of the first magnitude.
        second: Name of the second one, in the same units.
        choice: Name of the choice: +1 for second higher, -1 (0 or NaN: none, excluded and counted), or booleans.
        prior_mean: The mean :math:`\mu`; that of the first magnitudes of the trials if None.
        n_bootstrap: Number of bootstrap replicates.
        seed: Their seed.

    Returns:
        A dataset with ``weight_first`` (:math:`w_1`), ``weight_second``, ``bias``, ``contraction`` and ``noise``
        (:math:`\sigma`), each with its ``_interval``; ``prior_mean``, ``log_likelihood``, ``separated`` and
        ``converged``; and for each ``pair`` of magnitudes the ``proportion`` of choices of the second with its Wilson
        interval, the number of trials ``n`` and the ``fitted`` probability.

    Raises:
        ValueError: If a variable is missing, the units differ, no trial has a choice, or the magnitudes do not vary
            independently.

    References:
        Bayesian inference underlies the contraction bias in delayed comparison tasks (Ashourian & Loewenstein, 2011)
        https://doi.org/10.1371/journal.pone.0019551

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> f1, f2 = rng.uniform(10.0, 34.0, (2, 4000))
        >>> memory = 0.7 * f1 + 0.3 * 22.0
        >>> choice = np.where(f2 - memory + 2.0 * rng.standard_normal(4000) > 0, 1, -1)
        >>> trials = {"f1": ("trial", f1), "f2": ("trial", f2), "choice": ("trial", choice)}
        >>> round(float(contraction_bias(xr.Dataset(trials), n_bootstrap=0).contraction), 1)
        0.3
    """
    for name in (first, second, choice):
        if name not in ds.variables or ds[name].dims != ("trial",):
            raise ValueError(f"'{name}' is not a variable of the trials.")
    units = [str(ds[name].attrs.get("units", "1")) for name in (first, second)]
    if units[0] != units[1]:
        raise ValueError(f"'{first}' and '{second}' have different units, {units}: bring them to one first.")
    if n_bootstrap < 0:
        raise ValueError(f"n_bootstrap must be at least 0: got {n_bootstrap}.")
    f = np.stack([ds[name].values.astype(np.float64) for name in (first, second)], axis=1)
    positive, known = as_choices(ds[choice])
    shown = known & np.isfinite(f).all(1)
    if not shown.any():
        raise ValueError("No trial has both magnitudes and a choice.")
    mean = float(f[np.isfinite(f[:, 0]), 0].mean()) if prior_mean is None else float(prior_mean)
    result = _fit(f[shown], positive[shown], mean, n_bootstrap, derive_seed(seed, "contraction"))
    result["n_excluded"] = int((~shown).sum())
    per_unit = "1" if units[0] == "1" else f"1/({units[0]})"
    described = {
        "weight_first": ("weight of the first magnitude", per_unit),
        "weight_second": ("weight of the second magnitude", per_unit),
        "bias": ("bias to the second", "1"),
        "contraction": ("contraction to the mean", "1"),
        "noise": ("noise of the comparison", units[0]),
        "prior_mean": ("prior mean", units[0]),
        "first": (str(ds[first].attrs.get("long_name", first)), units[0]),
        "second": (str(ds[second].attrs.get("long_name", second)), units[0]),
        "proportion": (f"P({second} chosen as higher)", "1"),
        "fitted": (f"P({second} chosen as higher)", "1"),
        "log_likelihood": ("log-likelihood", "1"),
    }
    for name, (long_name, unit) in described.items():
        result[name].attrs = {"long_name": long_name, "units": unit}
        if f"{name}_interval" in result:
            result[f"{name}_interval"].attrs = {"long_name": f"95 % interval of {long_name}", "units": unit}
    return result.assign_attrs(
        provenance("neurornn.ContractionBias/1")
        | {
            "n_bootstrap": n_bootstrap,
            "bootstrap": "parametric, 95 % bias-corrected percentiles",
            "seed": seed,
        }
    )


def plot_contraction_bias(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Choices of the second magnitude against the first: a colour for each order, the fit as lines.

    Args:
        ds: Result of :func:`contraction_bias`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    f1, f2 = ds["first"].values, ds["second"].values
    axes.axhline(0.5, color="0.85", linewidth=0.8, zorder=0)
    axes.axvline(float(ds["prior_mean"]), color="0.6", linewidth=1.0, linestyle=":", label="prior mean")
    for sign, colour, marker, name in (
        (1, "#0072B2", "o", "second higher"),
        (-1, "#D55E00", "s", "first higher"),
    ):
        rows = np.flatnonzero(np.sign(f2 - f1) == sign)
        rows = rows[np.argsort(f1[rows], kind="stable")]
        if not rows.size:
            continue
        p, ends = ds["proportion"].values[rows], ds["proportion_interval"].values[rows]
        bars = np.maximum(np.abs(ends - p[:, None]).T, 0.0)
        axes.errorbar(f1[rows], p, bars, fmt=marker, color=colour, markersize=5, capsize=2, label=name)
        if rows.size <= 24:
            axes.plot(f1[rows], ds["fitted"].values[rows], color=colour, linewidth=1.4)
    axes.set(xlabel=label(ds["first"]), ylabel=label(ds["proportion"]), ylim=(-0.03, 1.03))
    value, (low, high) = float(ds["contraction"]), ds["contraction_interval"].values
    told = "choices all predicted" if bool(ds["separated"]) else f"{value:.2f} [{low:.2f}, {high:.2f}]"
    legend_beside(axes, title=f"contraction\n{told}")
    return axes


@dataclass(frozen=True)
class ContractionBias(AbstractMeasure):
    """How far a comparison is drawn to the mean of the first magnitudes (:func:`contraction_bias`).

    Attributes:
        first: Condition with the first magnitude.
        second: Condition with the second one.
        choice: Behaviour that is explained: +1 for second higher.
    """

    first: str = "f1"
    second: str = "f2"
    choice: str = "choice"

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return contraction_bias(ds, first=self.first, second=self.second, choice=self.choice)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_contraction_bias(result, ax=ax)


def _fit(
    f: NDArray[np.float64], positive: NDArray[np.bool_], mean: float, n_bootstrap: int, seed: int
) -> xr.Dataset:
    pairs, level = np.unique(f, axis=0, return_inverse=True)
    n = np.bincount(level.reshape(-1)).astype(np.float64)
    k = np.bincount(level.reshape(-1), weights=positive).astype(np.float64)
    scale = max(float(f.std()), 1e-300)
    design = np.column_stack([np.ones(len(pairs)), (pairs - mean) / scale])
    if np.linalg.matrix_rank(design) < 3:
        raise ValueError(
            "The two magnitudes do not vary independently of each other, so their weights cannot be told apart."
        )
    fit = _probit(design, k[None], n, np.array([[0.0, -1.0, 1.0]]))
    eta = design @ fit.theta[0, :3]
    separated = bool((k == np.where(eta > 0, n, 0.0)).all()) or k.sum() in {0, n.sum()}
    values: NDArray[np.float64] = np.full((1 + n_bootstrap, 5), np.nan)
    fitted, at_bound = np.full(len(pairs), np.nan), 0
    if separated:
        _LOG.warning("The magnitudes predict all %d choices: no weight can be fitted.", int(n.sum()))
    else:
        fitted = ndtr(eta)
        drawn = np.random.default_rng(seed).binomial(n.astype(np.int64), fitted, (n_bootstrap, n.size))
        start = np.repeat(fit.theta[:, :3], n_bootstrap, axis=0)
        again = _probit(design, drawn.astype(np.float64), n, start)
        theta = np.concatenate([fit.theta, again.theta])[:, :3]
        at_bound = int((np.abs(again.theta[:, :3]) >= _FARTHEST).any(1).sum())
        w1, w2 = -theta[:, 1] / scale, theta[:, 2] / scale
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.stack([w1, w2, theta[:, 0], 1 - w1 / w2, 1 / w2], axis=1)
    intervals = [bias_corrected_interval(each[0], each[1:]) for each in values.T]
    variables: dict[str, Any] = {name: ((), values[0, i]) for i, name in enumerate(_PARAMETERS)}
    variables |= {f"{name}_interval": ("interval", intervals[i]) for i, name in enumerate(_PARAMETERS)}
    return xr.Dataset(
        variables
        | {
            "prior_mean": ((), mean),
            "log_likelihood": ((), float(fit.log_likelihood[0])),
            "separated": ((), separated),
            "converged": ((), bool(fit.converged[0])),
            "n_bootstrap_at_bound": ((), at_bound),
            "n_trials": ((), int(n.sum())),
            "proportion": ("pair", k / n),
            "proportion_interval": (("pair", "interval"), wilson_interval(k, n)),
            "n": ("pair", n.astype(np.int64)),
            "fitted": ("pair", fitted),
        },
        coords={
            "first": ("pair", pairs[:, 0]),
            "second": ("pair", pairs[:, 1]),
            "interval": ["low", "high"],
        },
    )


def _probit(
    design: NDArray[np.float64], k: NDArray[np.float64], n: NDArray[np.float64], start: NDArray[np.float64]
) -> BinomialFit:
    """Probit regressions without lapses."""
    bound = np.array([_FARTHEST, _FARTHEST, _FARTHEST, 0.0, 0.0])
    return fit_binomial(
        design,
        k,
        np.broadcast_to(n, k.shape),
        sigmoid=CumulativeGaussian(),
        start=np.column_stack([start, np.zeros((len(start), 2))]),
        lower=-bound,
        upper=bound,
    )
