r"""Weights of symbols on a choice, beside the weights they were given."""

__all__ = ["ShapeWeights", "plot_shape_weights", "shape_weights"]

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from typing_extensions import override

from neurornn.analysis._plotting import axes_or_new, label, legend_beside, value_text
from neurornn.analysis.behaviour._choices import as_choices
from neurornn.analysis.behaviour._logistic_regression import column_intervals, fit_logistic
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance
from neurornn.random import derive_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def shape_weights(
    ds: xr.Dataset,
    shown: Sequence[str],
    *,
    choice: str = "choice",
    ridge: float = 1e-3,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> xr.Dataset:
    r"""Logistic regression of the choice on how often each shape was shown.

    .. math:: \log_{10} \frac{P(\text{positive choice})}{P(\text{negative choice})} = \sum_s N_s w_s

    where :math:`N_s` counts shape :math:`s` in the trial and :math:`w_s` is its weight in units of log10, as the
    assigned ones are. The counts of a trial sum to the number of shapes shown, so there is no bias apart from the
    weights: one would shift them all. Intervals are 95 % percentiles over resampled trials.

    A shape that decides the choice alone has no finite weight: where the shapes predict every choice ``separated``
    says so. The size of such weights is set by the penalty :math:`\tfrac12 \rho \sum_s (w_s \log(10)\, m_s)^2`, with
    :math:`m_s` the root mean square of the count and :math:`\rho` the ``ridge``.

    Args:
        ds: Trials, simulated or recorded.
        shown: Variables that hold the assigned weight of each shape of a trial.
        choice: Name of the choice variable: +1 and -1 (0 or NaN: none, excluded and counted), or booleans.
        ridge: Penalty, at least 0.
        n_bootstrap: Number of bootstrap replicates.
        seed: Their seed.

    Returns:
        A dataset along ``shape``, the assigned weight, with ``weight`` and its ``_interval``, ``n`` (times shown),
        ``log_likelihood``, ``separated``, ``converged``, ``n_trials``, ``n_excluded`` and ``n_bootstrap_failed``.

    Raises:
        ValueError: If a variable is missing or a number is out of range.

    References:
        Probabilistic reasoning by neurons (Yang & Shadlen, 2007) https://doi.org/10.1038/nature05852

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> weights = rng.choice([-0.9, -0.3, 0.3, 0.9], (8000, 2))
        >>> choice = np.where(rng.random(8000) < 1 / (1 + 10 ** -weights.sum(1)), 1, -1)
        >>> ds = xr.Dataset({"a": ("trial", weights[:, 0]), "b": ("trial", weights[:, 1]), "choice": ("trial", choice)})
        >>> shape_weights(ds, ["a", "b"]).weight.values.round(1).tolist()
        [-0.9, -0.3, 0.3, 0.9]
    """
    names = list(shown)
    for name in (*names, choice):
        if name not in ds.variables or ds[name].dims != ("trial",):
            raise ValueError(f"'{name}' is not a variable of the trials.")
    if not names or not ridge >= 0 or n_bootstrap < 0:
        raise ValueError(
            f"shape_weights needs shapes, and ridge and n_bootstrap of at least 0: got {names}, {ridge} and {n_bootstrap}."
        )
    assigned = np.stack([ds[name].values.astype(np.float64) for name in names], axis=1)
    up, known = as_choices(ds[choice])
    kept = known & np.isfinite(assigned).all(axis=1)
    if not kept.any():
        raise ValueError("No trial has both its shapes and a choice.")
    shapes = np.unique(assigned[kept])
    counts = (assigned[kept][:, :, None] == shapes).sum(axis=1).astype(np.float64)
    fit = fit_logistic(
        counts,
        up[kept],
        intercept=False,
        ridge=ridge,
        n_bootstrap=n_bootstrap,
        seed=derive_seed(seed, "shape weights"),
    )
    weights = fit.coefficients / math.log(10.0)
    result = xr.Dataset(
        {
            "weight": ("shape", weights[0]),
            "weight_interval": (("shape", "interval"), column_intervals(weights[1:])),
            "n": ("shape", counts.sum(axis=0).astype(np.int64)),
            "log_likelihood": ((), fit.log_likelihood),
            "separated": ((), fit.separated),
            "converged": ((), fit.converged),
            "n_trials": ((), int(kept.sum())),
            "n_excluded": ((), int((~kept).sum())),
            "n_bootstrap_failed": ((), fit.n_bootstrap_failed),
        },
        coords={"shape": shapes, "interval": ["low", "high"]},
    )
    described = {
        "weight": ("weight on the choice", "log10 unit"),
        "weight_interval": ("95 % interval of the weight", "log10 unit"),
        "shape": ("assigned weight", "log10 unit"),
        "n": ("times shown", "1"),
        "log_likelihood": ("log-likelihood", "1"),
    }
    for name, (long_name, units) in described.items():
        result[name].attrs = {"long_name": long_name, "units": units}
    return result.assign_attrs(
        provenance("neurornn.ShapeWeights/1")
        | {"ridge": ridge, "n_bootstrap": n_bootstrap, "bootstrap": "trials, 95 % percentiles", "seed": seed}
    )


def plot_shape_weights(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Weights on the choice beside the assigned ones, in their order.

    The ordinate ends where graded weights end; one that means certainty is marked by an arrow at the edge.

    Args:
        ds: Result of :func:`shape_weights`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    assigned, weight, ends = ds["shape"].values, ds["weight"].values, ds["weight_interval"].values
    place = np.arange(assigned.size)
    graded = np.abs(assigned) < 5.0
    seen = np.concatenate([assigned[graded], ends[graded].ravel(), weight[graded], [0.5, -0.5]])
    edge = 1.2 * float(np.nanmax(np.abs(seen)))
    axes.axhline(0.0, color="0.6", linewidth=0.8, zorder=0)
    bars = np.maximum(np.stack([weight - ends[:, 0], ends[:, 1] - weight]), 0.0)
    axes.errorbar(
        place, weight, bars, fmt="o", color="#0072B2", markersize=5, capsize=2, label="on the choice"
    )
    inside = np.abs(assigned) <= edge
    axes.plot(place[inside], assigned[inside], "_", color="black", markersize=14, label="assigned")
    beyond = np.abs(weight) > edge
    for up, marker in ((True, "^"), (False, "v")):
        rows = beyond & ((weight > 0) == up)
        at = (0.96 if up else -0.96) * edge
        axes.plot(place[rows], np.full(int(rows.sum()), at), marker, color="#0072B2", linestyle="none")
    axes.set_xticks(place, [value_text(float(value)) for value in assigned], rotation=45)
    axes.set(xlabel=label(ds["shape"]), ylabel=label(ds["weight"]), ylim=(-edge, edge))
    legend_beside(axes)
    return axes


@dataclass(frozen=True)
class ShapeWeights(AbstractMeasure):
    """Weights of symbols on the choice beside those assigned (:func:`shape_weights`).

    Attributes:
        shown: Conditions that hold the assigned weight of each shape of a trial.
    """

    shown: tuple[str, ...]

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return shape_weights(ds, self.shown)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_shape_weights(result, ax=ax)
