r"""Psychometric curves with lapses, by maximum likelihood."""

__all__ = ["psychometric", "psychometric_by"]

import logging
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurornn.analysis._conditions import by_group
from neurornn.analysis.behaviour._choices import as_choices, percentile_interval, wilson_interval
from neurornn.analysis.behaviour._psychometric_fit import fit_curve
from neurornn.analysis.behaviour._psychometric_functions import AbstractPsychometricFunction, Logistic
from neurornn.provenance import provenance
from neurornn.random import derive_seed

_LOG = logging.getLogger(__name__)

_PARAMETERS = ("bias", "slope", "lapse_low", "lapse_high")
_MOST_POINTS, _N_BINS, _N_CURVE = 24, 12, 121


class _Options(NamedTuple):
    """How to fit."""

    function: AbstractPsychometricFunction
    lapses: bool
    n_bootstrap: int


class _Display(NamedTuple):
    """Points at which observed proportions are shown, and the grid of the curve."""

    centres: NDArray[np.float64]
    edges: NDArray[np.float64]  # inner edges between the points
    grid: NDArray[np.float64]


def psychometric(
    stimulus: ArrayLike | xr.DataArray,
    choice: ArrayLike | xr.DataArray,
    *,
    function: AbstractPsychometricFunction | None = None,
    lapses: bool = True,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> xr.Dataset:
    r"""Fit a psychometric curve.

    .. math:: P(\text{positive choice} \mid x) = \gamma + (1 - \gamma - \lambda)\, F(\text{slope}\,(x - \text{bias}))

    by maximum likelihood, with lapse rates :math:`\gamma` (low end) and :math:`\lambda` (high end) between 0 and
    0.2. The slope may be negative. Intervals are 95 % percentiles of a parametric bootstrap: choices are drawn anew
    from the fitted curve at the stimuli of the experiment and the curve is fitted again.

    Where the data do not pin a parameter, ``at_bound`` says so: for ``slope`` if the best curve is a step between
    two neighbouring stimuli (perfect separation), for ``bias`` if it lies outside the stimuli shown, for a lapse
    rate if it reaches 0.2. If all choices are the same, nothing can be fitted: the parameters are NaN and all are
    at their bound.

    Args:
        stimulus: Signed strength of the stimulus, one value for each trial; its unit is taken from its attributes.
        choice: +1 and -1 (0 or NaN: none, excluded and counted), or booleans.
        function: Shape of the curve; :class:`Logistic` if None. With :class:`Weibull` the lower asymptote is
            fixed and the choice is whether the answer was correct.
        lapses: Whether lapse rates are fitted; they are 0 if not, and the slope then has to explain errors
            that no stimulus strength can prevent.
        n_bootstrap: Number of bootstrap replicates.
        seed: Seed of the bootstrap.

    Returns:
        A dataset with ``bias``, ``slope``, ``lapse_low`` and ``lapse_high``, each with its ``_interval``;
        ``at_bound`` and ``log_likelihood`` (sum over trials); the observed ``proportion`` at each ``stimulus`` with
        its Wilson interval and number of trials ``n``; the curve ``fitted`` over ``curve`` with its band. More than
        24 distinct stimuli are shown in 12 equally filled bins; the fit uses each as it is.

    Raises:
        ValueError: If the arrays do not fit together, the stimulus has one level only or is outside the domain
            of the function, or there is no choice.

    References:
        The psychometric function: I. Fitting, sampling, and goodness of fit (Wichmann & Hill, 2001)
        https://doi.org/10.3758/BF03194544

        The psychometric function: II. Bootstrap-based confidence intervals and sampling (Wichmann & Hill, 2001)
        https://doi.org/10.3758/BF03194545

    Examples:
        Half of the choices are positive at 0, three quarters at 1: the logistic slope is log 3.

        >>> stimulus = np.repeat([-1.0, 0.0, 1.0], 4)
        >>> choice = np.array([1, -1, -1, -1, 1, 1, -1, -1, 1, 1, 1, -1])
        >>> curve = psychometric(stimulus, choice, lapses=False)
        >>> bool(abs(curve.bias) < 1e-6), bool(abs(curve.slope - np.log(3)) < 1e-6)
        (True, True)
    """
    options = _options(function, lapses, n_bootstrap)
    strength, positive, shown = _checked(stimulus, choice, options.function)
    result = _fit(
        strength[shown],
        positive[shown],
        _display(strength[shown]),
        options,
        derive_seed(seed, "psychometric"),
    )
    result["n_excluded"] = int((~shown).sum())
    return _labelled(result, stimulus, choice, options, seed)


def psychometric_by(
    ds: xr.Dataset,
    stimulus: str,
    *,
    choice: str = "choice",
    by: str | None,
    function: AbstractPsychometricFunction | None = None,
    lapses: bool = True,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> xr.Dataset:
    """Fit one psychometric curve for each value of a condition variable.

    Args:
        ds: Trials, simulated or recorded.
        stimulus: Name of the stimulus variable.
        choice: Name of the choice variable.
        by: Name of the condition variable, for instance ``"context"``; None fits one curve to all trials.
        function: As in :func:`psychometric`.
        lapses: As in :func:`psychometric`.
        n_bootstrap: As in :func:`psychometric`.
        seed: As in :func:`psychometric`.

    Returns:
        The variables of :func:`psychometric` with a further dimension ``group``, unless ``by`` is None; all curves
        share the points at which they are shown.

    Raises:
        ValueError: As in :func:`psychometric`, naming the group.
    """
    for name in (stimulus, choice):
        if name not in ds.variables:
            raise ValueError(f"The dataset has no variable '{name}'.")
    if by is None:
        return psychometric(
            ds[stimulus], ds[choice], function=function, lapses=lapses, n_bootstrap=n_bootstrap, seed=seed
        )
    options = _options(function, lapses, n_bootstrap)
    strength, positive, shown = _checked(ds[stimulus], ds[choice], options.function)
    display = _display(strength[shown])

    def one(value: object, rows: NDArray[np.bool_]) -> xr.Dataset:
        kept = shown & rows
        result = _fit(strength[kept], positive[kept], display, options, derive_seed(seed, by, str(value)))
        return result.assign(n_excluded=int((rows & ~shown).sum()))

    return _labelled(by_group(ds, by, one), ds[stimulus], ds[choice], options, seed)


def _options(function: AbstractPsychometricFunction | None, lapses: bool, n_bootstrap: int) -> _Options:
    if n_bootstrap < 0:
        raise ValueError(f"n_bootstrap must be at least 0: got {n_bootstrap}.")
    return _Options(Logistic() if function is None else function, lapses, n_bootstrap)


def _checked(
    stimulus: ArrayLike | xr.DataArray,
    choice: ArrayLike | xr.DataArray,
    function: AbstractPsychometricFunction,
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Strengths, positive choices, and which trials have both."""
    strength = np.asarray(stimulus, dtype=np.float64)
    positive, known = as_choices(choice)
    if strength.shape != positive.shape:
        raise ValueError(
            f"stimulus and choice need one value for each trial: got shapes {strength.shape} and {positive.shape}."
        )
    if np.isinf(strength).any():
        raise ValueError("stimulus must be finite (NaN where there was none): got infinity.")
    if not function.two_sided and (strength < 0).any():
        raise ValueError(
            f"{type(function).__name__} takes stimulus strengths of at least 0: got {np.nanmin(strength):g}. "
            "Pass abs(stimulus) and whether the answer was correct, or use Logistic()."
        )
    shown = known & np.isfinite(strength)
    if not shown.any():
        raise ValueError(
            f"None of the {shown.size} trials has both a stimulus and a choice: there is nothing to fit."
        )
    return strength, positive, shown


def _display(strength: NDArray[np.float64]) -> _Display:
    centres = np.unique(strength)
    if centres.size > _MOST_POINTS:
        edges = np.unique(np.quantile(strength, np.arange(1, _N_BINS) / _N_BINS))
        place = np.digitize(strength, edges)
        filled = np.unique(place)
        centres = np.array([strength[place == k].mean() for k in filled])
        edges = edges[filled[1:] - 1]
    else:
        edges = (centres[1:] + centres[:-1]) / 2
    return _Display(centres, edges, np.linspace(strength.min(), strength.max(), _N_CURVE))


def _fit(
    strength: NDArray[np.float64],
    positive: NDArray[np.bool_],
    display: _Display,
    options: _Options,
    seed: int,
) -> xr.Dataset:
    """One curve, without attributes."""
    curve = fit_curve(strength, positive, display.grid, seed=seed, **options._asdict())
    place = np.digitize(strength, display.edges)
    total = np.bincount(place, minlength=display.centres.size)
    count = np.bincount(place, weights=positive, minlength=display.centres.size)
    observed = np.divide(count, total, out=np.full(count.shape, np.nan), where=total > 0)
    scalars: dict[str, Any] = dict(zip(_PARAMETERS, curve.parameters[0], strict=True)) | {
        "log_likelihood": curve.log_likelihood,
        "converged": curve.converged,
        "n_trials": strength.size,
        "n_bootstrap_failed": int(np.isnan(curve.fitted[1:]).any(1).sum()),
    }
    intervals = percentile_interval(curve.parameters[1:])
    return xr.Dataset(
        {
            **{name: ((), value) for name, value in scalars.items()},
            **{f"{name}_interval": ("interval", intervals[i]) for i, name in enumerate(_PARAMETERS)},
            "at_bound": ("parameter", curve.at_bound),
            "proportion": ("stimulus", observed),
            "proportion_interval": (("stimulus", "interval"), wilson_interval(count, total)),
            "n": ("stimulus", total),
            "fitted": ("curve", curve.fitted[0]),
            "fitted_interval": (("curve", "interval"), percentile_interval(curve.fitted[1:])),
        },
        coords={
            "stimulus": display.centres,
            "curve": display.grid,
            "interval": ["low", "high"],
            "parameter": list(_PARAMETERS),
        },
    )


def _labelled(
    result: xr.Dataset,
    stimulus: ArrayLike | xr.DataArray,
    choice: ArrayLike | xr.DataArray,
    options: _Options,
    seed: int,
) -> xr.Dataset:
    """The result with units, names and how it was made."""
    function = options.function
    source = stimulus if isinstance(stimulus, xr.DataArray) else xr.DataArray(0.0, name="stimulus")
    units = str(source.attrs.get("units", "1"))
    per_unit = "1" if units == "1" or not function.two_sided else f"1/({units})"
    chosen = choice if isinstance(choice, xr.DataArray) else xr.DataArray(0, name="choice")
    event = str(chosen.attrs.get("long_name", chosen.name)) + (
        "" if np.asarray(choice).dtype == bool else " = +1"
    )
    described = {
        "stimulus": (str(source.attrs.get("long_name", source.name)), units),
        "curve": (str(source.attrs.get("long_name", source.name)), units),
        "proportion": (f"P({event})", "1"),
        "fitted": (f"P({event})", "1"),
        "n": ("trials", "1"),
        "bias": (function.bias_name, units),
        "slope": ("slope", per_unit),
        "lapse_low": ("lapse rate at the low end", "1"),
        "lapse_high": ("lapse rate at the high end", "1"),
        "log_likelihood": ("log-likelihood", "1"),
    }
    for name, (long_name, unit) in described.items():
        result[name].attrs = {"long_name": long_name, "units": unit}
        if f"{name}_interval" in result:
            result[f"{name}_interval"].attrs = {"long_name": f"95 % interval of {long_name}", "units": unit}
    n_same = int(
        (result["log_likelihood"].notnull() & result["bias"].isnull() & result["slope"].isnull()).sum()
    )
    if n_same:
        _LOG.warning(
            "In %d of the psychometric curves all choices are the same: there is nothing to fit.", n_same
        )
    result.attrs |= provenance("neurornn.Psychometric/1") | {
        "function": repr(function),
        "lapses": int(options.lapses),
        "n_bootstrap": options.n_bootstrap,
        "bootstrap": "parametric, 95 % percentiles",
        "seed": seed,
    }
    return result
