r"""What a choice depends on, and how often it is right."""

__all__ = ["accuracy", "choice_weights"]

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis._conditions import by_group
from neurornn.analysis.behaviour._binomial_fit import BinomialFit, fit_binomial
from neurornn.analysis.behaviour._choices import as_choices, percentile_interval, wilson_interval
from neurornn.analysis.behaviour._psychometric_functions import Logistic
from neurornn.provenance import provenance
from neurornn.random import derive_seed

_LOG = logging.getLogger(__name__)
_FARTHEST = 1e3  # bound of weights and bias per standard deviation; the ridge keeps them well inside


def choice_weights(
    ds: xr.Dataset,
    regressors: Sequence[str],
    *,
    choice: str = "choice",
    by: str | None = None,
    relevant: Mapping[Any, str] | None = None,
    ridge: float = 1e-3,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> xr.Dataset:
    r"""Logistic regression of the choice on several stimuli, for each context on its own.

    .. math:: \log \frac{P(\text{positive choice})}{P(\text{negative choice})} = \text{bias} + \sum_j w_j x_j

    In a context where one stimulus counts, ``ratio`` is the absolute weight of the relevant stimulus over the
    largest absolute weight of an irrelevant one: 1 is no selection. Intervals are 95 % percentiles over resampled
    trials.

    If all choices of a group are the same its weights are NaN. If the stimuli predict every choice, the likelihood
    has no maximum: ``separated`` says so, and the size of the weights is then set by the penalty
    :math:`\tfrac12 \rho \sum_j (w_j s_j)^2`, with :math:`s_j` the standard deviation of a stimulus and :math:`\rho`
    the ``ridge``. Otherwise the default of 0.001 hardly matters.

    Args:
        ds: Trials, simulated or recorded.
        regressors: Names of the stimuli, in the same units if their weights are to be compared.
        choice: Name of the choice variable: +1 and -1 (0 or NaN: none, excluded and counted), or booleans.
        by: Name of the context variable; None takes all trials together.
        relevant: Which regressor counts in each context. By default the one whose name contains the name of the
            context, such as ``motion_coherence`` in context ``motion``; without one there is no ``ratio``.
        ridge: Penalty, at least 0.
        n_bootstrap: Number of bootstrap replicates.
        seed: Their seed.

    Returns:
        A dataset with ``weight (group, regressor)`` and ``bias (group)``, each with its ``_interval``,
        ``separated``, ``n_trials``, ``n_excluded``, and ``ratio (group)`` with its interval and the name of the
        ``relevant`` regressor where it is known. Without ``by`` there is no dimension ``group`` and no ratio.

    Raises:
        ValueError: If a variable is missing, a regressor does not vary or repeats another, the units differ, or the
            choices are separated without a ridge.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> motion, colour = rng.normal(size=(2, 4000))
        >>> choice = np.where(rng.logistic(size=4000) < 3 * motion + 0.5 * colour, 1, -1)
        >>> trials = {"motion": ("trial", motion), "colour": ("trial", colour), "choice": ("trial", choice)}
        >>> choice_weights(xr.Dataset(trials), ["motion", "colour"]).weight.values.round(1).tolist()
        [3.0, 0.4]
    """
    names = list(regressors)
    for name in (*names, choice):
        if name not in ds.variables or ds[name].dims != ("trial",):
            raise ValueError(f"'{name}' is not a variable of the trials.")
    if len(names) == 0 or len(set(names)) < len(names):
        raise ValueError(f"regressors must be different names: got {names}.")
    if not ridge >= 0 or n_bootstrap < 0:
        raise ValueError(f"ridge and n_bootstrap must be at least 0: got {ridge} and {n_bootstrap}.")
    units = {str(ds[name].attrs.get("units", "1")) for name in names}
    if len(units) > 1:
        raise ValueError(f"The regressors have different units, {sorted(units)}: bring them to one first.")
    X = np.stack([ds[name].values.astype(np.float64) for name in names], axis=1)
    positive, known = as_choices(ds[choice])
    shown = known & np.isfinite(X).all(1)
    counts = _relevance(ds, by, names, relevant)

    def one(value: object, rows: NDArray[np.bool_]) -> xr.Dataset:
        kept = shown & rows
        child = derive_seed(seed, "choice weights", str(value))
        which = None if counts is None else counts[value]
        result = _regress(X[kept], positive[kept], names, which, ridge, n_bootstrap, child)
        return result.assign(n_excluded=int((rows & ~shown).sum()))

    result = one("", np.ones(len(shown), dtype=bool)) if by is None else by_group(ds, by, one)
    units_x = units.pop()
    per_unit = "1" if units_x == "1" else f"1/({units_x})"
    described = {
        "weight": ("weight on the choice", per_unit),
        "bias": ("bias", "1"),
        "ratio": ("relevant : irrelevant weight", "1"),
    }
    for name, (long_name, unit) in described.items():
        if name in result:
            result[name].attrs = {"long_name": long_name, "units": unit}
            result[f"{name}_interval"].attrs = {"long_name": f"95 % interval of {long_name}", "units": unit}
    return result.assign_attrs(
        provenance("neurornn.ChoiceWeights/1")
        | {"ridge": ridge, "n_bootstrap": n_bootstrap, "bootstrap": "trials, 95 % percentiles", "seed": seed}
    )


def accuracy(ds: xr.Dataset, *, by: str | None = None, outcome: str = "performance") -> xr.Dataset:
    """Fraction of correct trials with its 95 % Wilson interval.

    Args:
        ds: Trials, simulated or recorded.
        by: Name of a condition variable to split the trials by; None takes all together.
        outcome: Name of a variable that is 1 or True in correct trials, 0 or False in others and NaN where there
            was nothing to get right.

    Returns:
        A dataset with ``accuracy``, ``accuracy_interval``, the number of trials ``n`` and of those excluded
        because they have no outcome, ``n_excluded``; along ``group`` if ``by`` is given.

    Raises:
        ValueError: If there is no such variable or it has other values.

    Examples:
        >>> ds = xr.Dataset({"performance": ("trial", [1.0, 1.0, 0.0, np.nan])})
        >>> found = accuracy(ds)
        >>> round(float(found.accuracy), 3), int(found.n), int(found.n_excluded)
        (0.667, 3, 1)
    """
    if outcome not in ds.variables or ds[outcome].dims != ("trial",):
        raise ValueError(f"'{outcome}' is not a variable of the trials.")
    right = ds[outcome].values.astype(np.float64)
    known = np.isfinite(right)
    if not np.isin(right[known], (0.0, 1.0)).all():
        raise ValueError(
            f"'{outcome}' must be 0 or 1 in each trial to be counted: it has other values, such as "
            f"{right[known & ~np.isin(right, (0.0, 1.0))][0]:g}. Average graded scores with ds['{outcome}'].mean()."
        )

    def one(_: object, rows: NDArray[np.bool_]) -> xr.Dataset:
        kept = rows & known
        n, k = int(kept.sum()), float(right[kept].sum())
        return xr.Dataset(
            {
                "accuracy": ((), k / n if n else np.nan, {"long_name": "fraction correct", "units": "1"}),
                "accuracy_interval": ("interval", wilson_interval(k, n)),
                "n": ((), n, {"long_name": "trials", "units": "1"}),
                "n_excluded": ((), int((rows & ~known).sum())),
            },
            coords={"interval": ["low", "high"]},
        )

    result = one(None, np.ones(len(right), dtype=bool)) if by is None else by_group(ds, by, one)
    return result.assign_attrs(provenance("neurornn.Accuracy/1"))


def _relevance(
    ds: xr.Dataset, by: str | None, names: list[str], relevant: Mapping[Any, str] | None
) -> dict[Any, int] | None:
    """Position of the relevant regressor in each group, or None if it is not known."""
    if by is None:
        if relevant is not None:
            raise ValueError("relevant says which regressor counts in each context: pass by= too.")
        return None
    present = ds[by].values[~ds[by].isnull().values] if by in ds.variables else np.zeros(0)
    values = np.unique(present).tolist()
    if relevant is None:
        if len(names) < 2:
            return None
        matches = {value: [k for k, name in enumerate(names) if str(value) in name] for value in values}
        known = present.dtype.kind in "UOT" and all(len(found) == 1 for found in matches.values())
        return {value: found[0] for value, found in matches.items()} if known else None
    for value in values:
        if relevant.get(value) not in names:
            raise ValueError(
                f"relevant must name one of {names} for each {by}: for {value!r} it says {relevant.get(value)!r}."
            )
    if len(names) < 2:
        raise ValueError("A ratio needs two regressors at least: leave relevant out or add one.")
    return {value: names.index(relevant[value]) for value in values}


def _regress(
    X: NDArray[np.float64],
    positive: NDArray[np.bool_],
    names: list[str],
    relevant: int | None,
    ridge: float,
    n_bootstrap: int,
    seed: int,
) -> xr.Dataset:
    if not len(X):
        raise ValueError("no trial has a choice and a value of every regressor.")
    middle, spread = X.mean(0), X.std(0)
    levels, level = np.unique((X - middle) / np.where(spread > 0, spread, 1.0), axis=0, return_inverse=True)
    if np.linalg.matrix_rank(levels) < len(names):
        raise ValueError(
            f"the regressors {names} do not vary independently of each other: leave one out or vary both."
        )
    n = np.bincount(level.reshape(-1)).astype(np.float64)
    k = np.bincount(level.reshape(-1), weights=positive).astype(np.float64)
    design = np.column_stack([np.ones(len(levels)), levels])
    theta, log_likelihood, converged, separated = _fit(design, k, n, ridge, n_bootstrap, seed)
    weight = theta[:, 1:] / spread
    bias = theta[:, 0] - weight @ middle
    variables: dict[str, Any] = {
        "weight": ("regressor", weight[0]),
        "weight_interval": (("regressor", "interval"), percentile_interval(weight[1:])),
        "bias": ((), bias[0]),
        "bias_interval": ("interval", percentile_interval(bias[1:])),
        "log_likelihood": ((), log_likelihood),
        "converged": ((), converged),
        "separated": ((), separated),
        "n_trials": ((), len(X)),
    }
    if relevant is not None:
        size = np.abs(weight)
        with np.errstate(divide="ignore"):
            ratio = size[:, relevant] / np.delete(size, relevant, axis=1).max(1)
        variables["ratio"] = ((), ratio[0])
        variables["ratio_interval"] = ("interval", percentile_interval(ratio[1:]))
        variables["relevant"] = ((), names[relevant])
    return xr.Dataset(variables, coords={"regressor": names, "interval": ["low", "high"]})


def _fit(
    design: NDArray[np.float64],
    k: NDArray[np.float64],
    n: NDArray[np.float64],
    ridge: float,
    n_bootstrap: int,
    seed: int,
) -> tuple[NDArray[np.float64], float, bool, bool]:
    """Coefficients of the fit and of its replicates, log-likelihood, convergence, separation."""
    n_trials = int(n.sum())
    if k.sum() in {0, n_trials}:
        _LOG.warning("All %d choices are the same: no weight can be fitted.", n_trials)
        return np.full((1 + n_bootstrap, design.shape[1]), np.nan), 0.0, True, True
    fit = _logistic(design, k[None], n[None], np.zeros((1, design.shape[1])), ridge)
    eta = design @ fit.theta[0, :-2]
    separated = bool((k == np.where(eta > 0, n, 0.0)).all())
    if separated and ridge == 0:
        raise ValueError(
            "the stimuli predict every choice, so the likelihood has no maximum at finite weights. Keep the ridge."
        )
    cells = np.concatenate([k, n - k])  # resampling trials is resampling these counts
    drawn = (
        np.random.default_rng(seed).multinomial(n_trials, cells / n_trials, n_bootstrap).astype(np.float64)
    )
    again_k, again_n = drawn[:, : k.size], drawn[:, : k.size] + drawn[:, k.size :]
    again = _logistic(design, again_k, again_n, np.repeat(fit.theta[:, :-2], n_bootstrap, axis=0), ridge)
    theta = np.concatenate([fit.theta, again.theta])[:, :-2]
    return theta, float(fit.log_likelihood[0]), bool(fit.converged[0]), separated


def _logistic(
    design: NDArray[np.float64],
    k: NDArray[np.float64],
    n: NDArray[np.float64],
    start: NDArray[np.float64],
    ridge: float,
) -> BinomialFit:
    """Logistic regressions without lapses; the bias is not penalised."""
    n_coefficients = design.shape[1]
    bounds = np.concatenate([np.full(n_coefficients, _FARTHEST), [0.0, 0.0]])
    penalty = np.concatenate([[0.0], np.full(n_coefficients - 1, ridge)])
    return fit_binomial(
        design,
        k,
        n,
        sigmoid=Logistic(),
        start=np.column_stack([start, np.zeros((len(start), 2))]),
        lower=-bounds,
        upper=bounds,
        ridge=penalty,
    )
