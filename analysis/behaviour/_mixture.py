r"""Swap errors: responses near the target, near another item, or anywhere."""

__all__ = ["SwapErrors", "plot_swap_errors", "swap_errors"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import i0e, i1e
from typing_extensions import override

from neurornn.analysis._conditions import by_group
from neurornn.analysis._plotting import axes_or_new, is_numeric, label, legend_beside, value_text
from neurornn.analysis.behaviour._choices import percentile_interval
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.analysis.behaviour._mixture_fit import MOST_KAPPA, fit_mixture
from neurornn.provenance import provenance
from neurornn.random import derive_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PARTS = ("p_target", "p_non_target", "p_uniform")
_NAMES = {"p_target": "target", "p_non_target": "non-target", "p_uniform": "uniform"}
_STARTS = ((20.0, 0.8, 0.1, 0.1), (5.0, 0.5, 0.3, 0.2), (50.0, 0.4, 0.2, 0.4), (2.0, 0.3, 0.6, 0.1))
_N_ITERATIONS, _N_AGAIN = 2000, 300


def swap_errors(
    ds: xr.Dataset,
    *,
    response: str = "response_direction",
    target: str = "direction",
    non_targets: Sequence[str] = (),
    by: str | None = "set_size",
    n_bootstrap: int = 200,
    seed: int = 0,
) -> xr.Dataset:
    r"""Mixture model of reports from a memory of several items.

    .. math:: p(\hat\theta) = p_T\, \phi_\kappa(\hat\theta - \theta) +
        p_N \frac1m \sum_{i=1}^m \phi_\kappa(\hat\theta - \theta_i^*) + \frac{p_U}{2\pi}

    where :math:`\hat\theta` is the response, :math:`\theta` the target, :math:`\theta_i^*` the :math:`m` non-targets,
    :math:`\phi_\kappa` the von Mises density and :math:`p_T + p_N + p_U = 1`: the response comes from the memory of the
    target, from that of another item (a swap), or is a guess. Maximum likelihood by expectation-maximisation from
    several starts; intervals are 95 % percentiles over resampled trials.

    Without non-targets, as for a set of one, there is nothing to swap with: ``p_non_target`` is NaN and the other two
    are fitted.

    Args:
        ds: Trials, simulated or recorded.
        response: Name of the response in degrees; NaN (none) is excluded and counted.
        target: Name of the target in degrees.
        non_targets: Names of the non-targets in degrees, NaN where a trial has fewer.
        by: Condition that splits the trials; None takes all together.
        n_bootstrap: Number of bootstrap replicates.
        seed: Their seed.

    Returns:
        A dataset with ``p_target``, ``p_non_target``, ``p_uniform``, ``kappa`` and the circular standard deviation
        ``sd`` in degrees of the von Mises part, each with its ``_interval``; ``at_bound`` where a probability is 0 or
        kappa has reached its largest value; ``log_likelihood`` (of angles in radians), ``converged``, ``n_trials``,
        ``n_excluded``; along ``group`` if ``by`` is given.

    Raises:
        ValueError: If a variable is missing, there are too few trials, or trials with and without non-targets are
            mixed.

    References:
        The precision of visual working memory is set by allocation of a shared resource
        (Bays, Catalao & Husain, 2009) https://doi.org/10.1167/9.10.7

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> target, other = rng.uniform(0.0, 360.0, (2, 2000))
        >>> near = np.where(rng.random(2000) < 0.8, target, other)             # every fifth response is a swap
        >>> response = (near + np.rad2deg(rng.vonmises(0.0, 10.0, 2000))) % 360
        >>> trials = {"direction": ("trial", target), "other": ("trial", other), "response_direction": ("trial", response)}
        >>> found = swap_errors(xr.Dataset(trials), non_targets=["other"], by=None, n_bootstrap=0)
        >>> round(float(found.p_non_target), 1), round(float(found.p_uniform), 1)
        (0.2, 0.0)
    """
    for name in (response, target, *non_targets):
        if name not in ds.variables or ds[name].dims != ("trial",):
            raise ValueError(f"'{name}' is not a variable of the trials.")
    if n_bootstrap < 0:
        raise ValueError(f"n_bootstrap must be at least 0: got {n_bootstrap}.")
    said, items = ds[response].values.astype(np.float64), [target, *non_targets]
    shown = np.stack([ds[name].values.astype(np.float64) for name in items], axis=1)
    cosines = np.cos(np.deg2rad(said[:, None] - shown))
    known = np.isfinite(cosines[:, 0])

    def one(value: object, rows: NDArray[np.bool_]) -> xr.Dataset:
        kept = rows & known
        found = _fit(cosines[kept], n_bootstrap, derive_seed(seed, "swap errors", str(value)))
        return found.assign(n_excluded=int((rows & ~known).sum()))

    result = one("", np.ones(said.size, dtype=bool)) if by is None else by_group(ds, by, one)
    described = {
        "p_target": ("probability of the target", "1"),
        "p_non_target": ("probability of a non-target", "1"),
        "p_uniform": ("probability of a guess", "1"),
        "kappa": ("concentration", "1"),
        "sd": ("standard deviation", "degree"),
        "log_likelihood": ("log-likelihood", "1"),
    }
    for name, (long_name, unit) in described.items():
        result[name].attrs = {"long_name": long_name, "units": unit}
        if f"{name}_interval" in result:
            result[f"{name}_interval"].attrs = {"long_name": f"95 % interval of {long_name}", "units": unit}
    return result.assign_attrs(
        provenance("neurornn.SwapErrors/1")
        | {"n_bootstrap": n_bootstrap, "bootstrap": "trials, 95 % percentiles", "seed": seed}
    )


def plot_swap_errors(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Probabilities of target, non-target and guess with their intervals, for each group.

    Args:
        ds: Result of :func:`swap_errors`.
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
    for j, (name, colour) in enumerate(zip(_PARTS, ("#0072B2", "#D55E00", "#009E73"), strict=True)):
        value = full[name].values
        bars = np.maximum(np.abs(full[f"{name}_interval"].values - value[:, None]).T, 0.0)
        style = f"{'os^'[j]}-" if numeric else "os^"[j]
        here = place + (j - 1) * apart
        axes.errorbar(here, value, bars, fmt=style, color=colour, markersize=5, capsize=3, label=_NAMES[name])
    if grouped:
        axes.set_xlabel(label(ds["group"]))
        if not numeric or place.size <= 8:
            axes.set_xticks(place, [value_text(value) for value in levels.tolist()])
    else:
        axes.set_xticks([])
        axes.set_xlim(-0.6, 0.6)
    axes.set(ylabel="probability", ylim=(-0.03, 1.03))
    legend_beside(axes, title="response to")
    return axes


@dataclass(frozen=True)
class SwapErrors(AbstractMeasure):
    """Mixture of target, non-target and guess (:func:`swap_errors`).

    Attributes:
        non_targets: Conditions with the other items in degrees, NaN where there are fewer.
        response: Behaviour with the angle reported.
        target: Condition with the angle to report.
        by: Condition along the abscissa; None takes all trials together.
    """

    non_targets: tuple[str, ...] = ()
    response: str = "response_direction"
    target: str = "direction"
    by: str | None = "set_size"

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return swap_errors(
            ds, response=self.response, target=self.target, non_targets=self.non_targets, by=self.by
        )

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_swap_errors(result, ax=ax)


def _fit(cosines: NDArray[np.float64], n_bootstrap: int, seed: int) -> xr.Dataset:
    n = len(cosines)
    present = np.isfinite(cosines[:, 1:])
    count = present.sum(1)
    if n < 4:
        raise ValueError(f"A mixture needs at least 4 trials with a response: got {n}.")
    if (count == 0).any() and (count > 0).any():
        raise ValueError("trials with and without non-targets are mixed: split them with by=.")
    swaps = bool((count > 0).any())
    used = np.concatenate([np.ones(1, dtype=bool), present.any(0)])  # items that no trial has cost time
    share = (present / np.maximum(count, 1)[:, None])[:, used[1:]]
    near = np.where(np.isfinite(cosines), cosines, 0.0)[:, used]
    starts = np.array(_STARTS)
    if not swaps:
        starts = np.column_stack([starts[:, 0], starts[:, 1] + starts[:, 2], 0 * starts[:, 2], starts[:, 3]])
    ones = np.ones((len(starts), n))
    fits = fit_mixture(near, share, ones, starts[:, 0], starts[:, 1:], n_iterations=_N_ITERATIONS)
    best = int(fits.log_likelihood.argmax())
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), n_bootstrap).astype(np.float64)
    kappa, weights = fits.kappa[best], fits.weights[best]
    inside = 0.98 * weights + 0.02 * starts[0, 1:]  # a probability of 0 would stay there
    again = fit_mixture(
        near, share, drawn, np.full(n_bootstrap, kappa), np.tile(inside, (n_bootstrap, 1)), n_iterations=_N_AGAIN
    )  # fmt: skip
    p = np.concatenate([weights[None], again.weights])
    if not swaps:
        p[:, 1] = np.nan
    k = np.concatenate([[kappa], again.kappa])
    with np.errstate(divide="ignore"):
        sd = np.rad2deg(np.sqrt(-2 * np.log(i1e(k) / i0e(k))))
    estimates = {"p_target": p[:, 0], "p_non_target": p[:, 1], "p_uniform": p[:, 2], "kappa": k, "sd": sd}
    at_bound = [bool(each[0] < 1e-4) for each in p.T] + [bool(kappa >= MOST_KAPPA)]
    return xr.Dataset(
        {
            **{name: ((), each[0]) for name, each in estimates.items()},
            **{
                f"{name}_interval": ("interval", percentile_interval(each[1:]))
                for name, each in estimates.items()
            },
            "at_bound": ("parameter", np.array(at_bound)),
            "log_likelihood": ((), float(fits.log_likelihood[best])),
            "converged": ((), bool(fits.converged[best])),
            "n_bootstrap_failed": ((), int((~again.converged).sum())),
            "n_trials": ((), n),
        },
        coords={"interval": ["low", "high"], "parameter": [*_PARTS, "kappa"]},
    )
