r"""Surrogate data that keep the simple features of recordings, so that a finding can be told from their by-product.

Condition averages :math:`X_{tnc}` over times, units and conditions have means and covariances along each of the three.
The distribution of greatest entropy that keeps those of chosen modes in expectation is Gaussian: with :math:`M` the sum
of the grand mean and of the main effects of the modes, :math:`R = X - M`, and :math:`\Sigma_T = \sum_{nc} R_{\cdot nc}
R_{\cdot nc}^\top` with eigenvalues :math:`\lambda^T_i`, likewise for the others,

.. math:: X = M + \sum_{ijk} \frac{z_{ijk}}{\sqrt{a_i + b_j + c_k}}\; u^T_i \otimes u^N_j \otimes u^C_k, \qquad
          \sum_{jk} \frac1{a_i + b_j + c_k} = \lambda^T_i, \;\ldots

along the eigenvectors of the covariances, with standard normal :math:`z`. The multipliers minimise a convex function,
here by Newton's method. What a statistic is in such data is what smooth responses of correlated units give by
themselves.

References:
    Structure in neural population recordings: an expected byproduct of simpler phenomena? (Elsayed & Cunningham, 2017)
    https://pmc.ncbi.nlm.nih.gov/articles/PMC5577566
"""

__all__ = ["MaximumEntropy", "fit", "null", "plot_null"]

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis import _linear
from neurornn.analysis._conditions import activity, condition_average
from neurornn.analysis._entropy import greatest_entropy
from neurornn.analysis._plotting import axes_or_new
from neurornn.provenance import provenance
from neurornn.random import derive_seed, normal_array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_log = logging.getLogger(__name__)
Array = NDArray[np.float64]
MODES: Final = ("time", "unit", "condition")
_NEGLIGIBLE = 1e-10  # of the largest eigenvalue of a covariance: directions below have no variance


@dataclass(frozen=True, eq=False)
class MaximumEntropy:
    """The distribution of surrogates.

    Attributes:
        average: Condition averages that it was fitted to, ``(condition, time, unit)``, with their coordinates.
        names: Condition variables.
        variable: Name of the variable.
        preserve: Modes whose means and covariances are kept.
        mean: Expected data, ``(time, unit, condition)``.
        axes: Axes of each mode in columns.
        power: Variance along each triple of axes.
        error: Largest relative error of a covariance that is kept.
    """

    average: xr.DataArray
    names: tuple[str, ...]
    variable: str
    preserve: tuple[str, ...]
    mean: Array
    axes: tuple[Array, Array, Array]
    power: Array
    error: float

    def draw(self, n: int = 1, *, seed: int = 0, first: int = 0) -> xr.Dataset:
        """Surrogate data sets.

        Args:
            n: How many.
            seed: Seed; draw number ``k`` depends on it and on ``k`` alone.
            first: Number of the first draw.

        Returns:
            A dataset with the variable along ``(draw, trial, time, unit)``, one trial for each condition, labelled as the
            trials were: each draw goes into an analysis in place of the data.

        Raises:
            ValueError: If there is no draw.
        """
        if n < 1:
            raise ValueError(f"n is at least 1: got {n}.")
        values = np.empty((n, *(self.average.sizes[dim] for dim in ("condition", "time", "unit"))))
        for k in range(n):
            key = derive_seed(seed, "maximum entropy surrogate", first + k)
            one = normal_array(key, *self.power.shape) * np.sqrt(self.power)
            for axes in self.axes:  # each turn moves the first mode to the end
                one = np.tensordot(one, axes, axes=(0, 1))
            values[k] = np.moveaxis(self.mean + one, 2, 0)
        return _as_trials(self, values, np.arange(first, first + n)).assign_attrs(seed=int(seed))

    def data(self) -> xr.Dataset:
        """The condition averages themselves, one trial for each condition, as the surrogates are labelled."""
        own = self.average.transpose("condition", "time", "unit").values
        return _as_trials(self, own[None], np.arange(1)).isel(draw=0, drop=True)


def fit(
    ds: xr.Dataset,
    *,
    condition: str | Sequence[str],
    variable: str = "rate",
    window: tuple[float, float] | None = None,
    preserve: Sequence[str] = MODES,
) -> MaximumEntropy:
    r"""Fit the distribution of greatest entropy to condition averages.

    Args:
        ds: Trials, simulated or recorded. Units may come from different sessions.
        condition: Condition variables to average trials by.
        variable: Variable ``(trial, time, unit)``.
        window: First and last time in ms; all if None. Steps without a value in every condition and unit are left out
            at both ends.
        preserve: Modes whose means and covariances are kept: ``"time"``, ``"unit"``, ``"condition"``, or some of them.

    Returns:
        The distribution.

    Raises:
        ValueError: If a mode does not exist, values are missing, or the averages do not vary.

    Examples:
        >>> rate = np.random.default_rng(0).normal(size=(4, 10, 6)).cumsum(1)
        >>> ds = xr.Dataset(
        ...     {"rate": (("trial", "time", "unit"), rate)},
        ...     coords={"time": 10.0 * np.arange(10), "reach": ("trial", np.arange(4))},
        ... )
        >>> found = fit(ds, condition="reach")
        >>> found.draw(3).rate.dims, bool(found.error < 1e-8)
        (('draw', 'trial', 'time', 'unit'), True)
    """
    kept = tuple(mode for mode in MODES if mode in preserve)
    if not kept or set(preserve) != set(kept):
        raise ValueError(
            f"preserve names modes among {', '.join(MODES)}, at least one: got {list(preserve)}."
        )
    names = _linear.condition_names(condition)
    data, _ = activity(ds, variable)
    average = condition_average(data, names).transpose("condition", "time", "unit")
    if window is not None:
        average = average[:, _linear.within(average, window, "a surrogate")]
    steps = np.flatnonzero(np.isfinite(average.values).all((0, 2)))
    if not steps.size or steps.size != np.ptp(steps) + 1:
        raise ValueError(
            f"Surrogates need a value in every condition and unit at steps that follow each other: {steps.size} of "
            f"{average.sizes['time']} steps have one. Use fewer conditions or wider bins, or leave out units with few trials."
        )
    average = average[:, steps]
    X = np.moveaxis(average.values, 0, 2)  # (time, unit, condition)
    mean = _main_effects(X, kept)
    rest = X - mean
    size = float((rest**2).sum())
    if not size > 1e-24 * float((X**2).sum()) or X.size < 2:
        raise ValueError(
            "The averages do not vary beyond their means: there is nothing to draw surrogates of."
        )
    axes, powers = [], []
    for k, mode in enumerate(MODES):
        flat = np.moveaxis(rest, k, 0).reshape(rest.shape[k], -1)
        values, vectors = np.linalg.eigh(flat @ flat.T)
        if mode in kept:
            own = values > _NEGLIGIBLE * values[-1]
            axes.append(vectors[:, own])
            powers.append(values[own] / values[own].sum())
        else:
            axes.append(np.eye(len(values)))
            powers.append(np.zeros(0))
    power, error = greatest_entropy(powers, tuple(each.shape[1] for each in axes))
    _log.info("surrogates: covariances kept to %.2g", error)
    return MaximumEntropy(
        average, tuple(names), variable, kept, mean, (axes[0], axes[1], axes[2]), size * power, error
    )


def null(
    ds: xr.Dataset,
    statistic: Callable[[xr.Dataset], float],
    *,
    condition: str | Sequence[str],
    variable: str = "rate",
    window: tuple[float, float] | None = None,
    preserve: Sequence[str] = MODES,
    n: int = 100,
    seed: int = 0,
) -> xr.Dataset:
    r"""A statistic of condition averages beside the same statistic of surrogates.

    The p value is :math:`(1 + \#\{s_k \ge s\}) / (1 + n)`: how often surrogates reach the value of the data or more.

    Args:
        ds: Trials, simulated or recorded.
        statistic: From a dataset with one trial for each condition to a number, for instance ``lambda each:
            float(jpca.fit(each, condition="reach").r_squared_rotation)``.
        condition: Condition variables to average trials by.
        variable: Variable ``(trial, time, unit)``.
        window: First and last time in ms; all if None.
        preserve: Modes whose means and covariances the surrogates keep.
        n: Number of surrogates.
        seed: Seed of the surrogates.

    Returns:
        A dataset with ``value`` of the data, ``null`` along ``draw``, and ``p_value``.

    Raises:
        ValueError: If a statistic is not finite, or as :func:`fit` does.
    """
    if n < 1:
        raise ValueError(f"n is at least 1: got {n}.")
    found = fit(ds, condition=condition, variable=variable, window=window, preserve=preserve)
    value = _number(statistic(found.data()), "the data")
    draws = [
        _number(statistic(found.draw(1, seed=seed, first=k).isel(draw=0, drop=True)), f"surrogate {k}")
        for k in range(n)
    ]
    reached = int((np.array(draws) >= value).sum())
    return xr.Dataset(
        {
            "value": ((), value, {"long_name": "statistic of the data", "units": "1"}),
            "null": ("draw", np.array(draws), {"long_name": "statistic of surrogates", "units": "1"}),
            "p_value": ((), (1 + reached) / (1 + n), {"long_name": "p value", "units": "1"}),
        },
        coords={"draw": np.arange(n)},
        attrs=provenance("neurornn.SurrogateNull/1")
        | {
            "preserve": list(found.preserve),
            "condition": list(found.names),
            "seed": int(seed),
            "covariance_error": found.error,
        },
    )


def plot_null(ds: xr.Dataset, *, label: str = "statistic", ax: "Axes | None" = None) -> "Axes":
    """The statistic of the data beside its distribution in surrogates.

    Args:
        ds: Result of :func:`null`.
        label: What the statistic is.
        ax: Axes to draw on; new ones if None.

    Returns:
        The axes.
    """
    ax = axes_or_new(ax)
    kept = ", ".join(ds.attrs["preserve"])
    ax.hist(ds["null"].values, bins="auto", color="0.7", label=f"surrogates that keep {kept}")
    ax.axvline(float(ds["value"]), color="C1", lw=2, label=f"data, p = {float(ds['p_value']):.2g}")
    ax.set_xlabel(label)
    ax.set_ylabel("surrogates")
    ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return ax


def _main_effects(X: Array, modes: Sequence[str]) -> Array:
    """The grand mean and what each of the modes adds to it."""
    grand = X.mean()
    effects = [
        X.mean(tuple(j for j in range(3) if j != k), keepdims=True) - grand
        for k, mode in enumerate(MODES)
        if mode in modes
    ]
    return np.broadcast_to(grand + sum(effects), X.shape).copy()


def _as_trials(found: MaximumEntropy, values: Array, draw: NDArray[np.int64]) -> xr.Dataset:
    average = found.average
    coords: dict[Any, Any] = {
        name: (("trial",) if each.dims == ("condition",) else each.dims, each.values, each.attrs)
        for name, each in average.coords.items()
        if "condition" not in each.dims or each.dims == ("condition",)
    }
    coords.pop("n_trials", None)
    attrs = {
        "long_name": str(average.attrs.get("long_name", found.variable)),
        "units": str(average.attrs.get("units", "1")),
    }
    return xr.Dataset(
        {found.variable: (("draw", "trial", "time", "unit"), values, attrs)},
        coords | {"draw": draw, "trial": np.arange(values.shape[1])},
        provenance("neurornn.Surrogates/1")
        | {"preserve": list(found.preserve), "condition": list(found.names), "covariance_error": found.error},
    )


def _number(value: Any, of: str) -> float:  # noqa: ANN401
    number = float(value)
    if not np.isfinite(number):
        raise ValueError(f"The statistic of {of} is {number}. It must be finite in every surrogate.")
    return number
