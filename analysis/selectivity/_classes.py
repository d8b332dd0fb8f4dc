r"""Which variables each unit is selective for, alone, together and beyond the sum."""

__all__ = ["CLASSES", "false_discovery_rate", "selectivity"]

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from neurornn.analysis._plotting import is_numeric
from neurornn.analysis.selectivity._design import Term, design, fit, permuted_p
from neurornn.analysis.selectivity._units import names_of, per_unit, presence, trial_means

CLASSES: Final = ("none", "pure", "linear mixed", "nonlinear mixed", "undetermined")


def selectivity(
    ds: xr.Dataset,
    variables: str | Sequence[str],
    *,
    interactions: Sequence[Sequence[str]] | None = None,
    numeric: Sequence[str] = (),
    variable: str = "rate",
    window: tuple[float, float] | None = None,
    n_permutations: int = 1000,
    alpha: float = 0.05,
    seed: int = 0,
) -> xr.Dataset:
    r"""Analysis of variance of every unit over condition variables and their interactions.

    The activity of a unit in a trial, averaged over the window, is explained by factors, numbers and products of
    them. Each term is tested beyond all others, with factors coded so that their levels weigh the same however many trials
    they have (sums of squares of type III). With :math:`SS_t` the sum of squares of a term on :math:`d_t` degrees of freedom and
    :math:`SS_e` the residual on :math:`d_e`,

    .. math:: F = \frac{SS_t / d_t}{SS_e / d_e}, \qquad \eta^2 = \frac{SS_t}{SS_t + SS_e}, \qquad
              \epsilon^2 = \frac{SS_t - d_t\, SS_e / d_e}{SS_t + SS_e}

    are its F, the share of variance it explains of what the other terms leave, and the same without the part that noise
    explains by chance. p values come from permuting the residuals of the model without the term, which needs no
    normal noise, and are corrected over units by the false discovery rate.

    A unit is *pure* if only one variable has an effect, *linear mixed* if several have and *nonlinear mixed* if any interaction
    does. Each unit is tested on the trials it was recorded in.

    Args:
        ds: Trials, simulated or recorded.
        variables: Condition variables.
        interactions: Groups of variables that interact; None takes all pairs, ``()`` none.
        numeric: Those of the variables that enter as numbers, with one slope, rather than as factors.
        variable: Activity ``(trial, time, unit)``.
        window: From and up to, not including, in the units of ``time``; None takes all times.
        n_permutations: Permutations; 0 takes the p values of the F distribution instead.
        alpha: False discovery rate up to which an effect counts.
        seed: Seed of the permutations.

    Returns:
        A dataset along ``term`` and ``unit``: ``f``, ``degrees``, ``partial_variance`` :math:`\eta^2`,
        ``partial_variance_adjusted`` :math:`\epsilon^2`, ``p_normal`` of the F distribution, ``p_value``, ``q_value`` and
        ``significant``; ``coefficient`` of terms with one column. Along ``unit`` the ``selectivity_class`` and ``n_trials``. Along
        ``selectivity_class_name`` the ``n_units`` of each class, their ``share`` of the determined units, and its ``interval``
        (Wilson, 95 %). A unit is undetermined if its trials do not tell the terms apart or it does not vary.

    Raises:
        ValueError: If a name is not a variable of the trials, a number is asked of labels, or nothing can be tested.

    References:
        The importance of mixed selectivity in complex cognitive tasks (Rigotti et al., 2013)
        https://doi.org/10.1038/nature12160

    Examples:
        One unit for the side alone, one for the side in one context and its reverse in the other:

        >>> side, context = np.tile([-1, 1], 20), np.repeat([0, 1], 20)
        >>> noise = 0.1 * np.sin(np.arange(40) ** 2)
        >>> rate = np.stack([side + noise, side * (2 * context - 1) + noise], 1)[:, None]
        >>> ds = xr.Dataset({"rate": (("trial", "time", "unit"), rate)},
        ...                 {"side": ("trial", side), "context": ("trial", context)})
        >>> selectivity(ds, ["side", "context"], n_permutations=200).selectivity_class.values.tolist()
        ['pure', 'nonlinear mixed']
    """
    names = names_of(variables)
    terms = _terms(names, interactions)
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is a rate between 0 and 1: got {alpha}.")
    if n_permutations < 0:
        raise ValueError(f"n_permutations must be at least 0: got {n_permutations}.")
    known, values = _variables(ds, names, numeric)
    Y = trial_means(ds, variable, window)
    n_units = Y.shape[1]
    present = np.isfinite(Y) & known[:, None]
    empty = np.full((len(terms), n_units), np.nan)
    found = {
        key: empty.copy() for key in ("f", "degrees", "eta", "epsilon", "p_normal", "p_value", "coefficient")
    }
    for rows, units in presence(present):
        if not rows.size:
            continue
        columns = design({name: each[rows] for name, each in values.items()}, terms, numeric)
        mine = Y[np.ix_(rows, units)]
        fitted = fit(mine, columns)
        if fitted is None:
            continue
        whole = fitted.squares + fitted.residual
        chance = fitted.degrees[:, None] * fitted.residual / fitted.residual_degrees
        varies = ~np.isnan(fitted.f)
        for key, each in (("eta", fitted.squares), ("epsilon", fitted.squares - chance)):
            share = np.divide(each, whole, out=np.zeros(whole.shape), where=whole > 0)
            found[key][:, units] = np.where(varies, share, np.nan)
        found["f"][:, units] = fitted.f
        found["degrees"][:, units] = fitted.degrees[:, None]
        found["p_normal"][:, units] = fitted.p
        found["coefficient"][:, units] = fitted.coefficient
        found["p_value"][:, units] = (
            permuted_p(mine, columns, fitted, rows, n_permutations, seed) if n_permutations else fitted.p
        )
    if np.isnan(found["f"]).all():
        raise ValueError(
            f"No unit's trials tell the terms {', '.join(map(_written, terms))} apart. Some combinations of values have no trials, "
            "or there are as many terms as trials: use fewer variables or interactions."
        )
    q = np.stack([false_discovery_rate(p) for p in found["p_value"]])
    classes = _classes(q <= alpha, terms, ~np.isnan(found["f"]).any(0))
    label = {
        "f": ("1", "F statistic"),
        "degrees": ("1", "degrees of freedom"),
        "eta": ("1", "partial variance explained"),
        "epsilon": ("1", "partial variance explained, adjusted"),
        "p_normal": ("1", "p value of the F distribution"),
        "p_value": ("1", "p value"),
        "coefficient": (str(ds[variable].attrs.get("units", "1")), "coefficient"),
    }
    renamed = {"eta": "partial_variance", "epsilon": "partial_variance_adjusted"}
    out = per_unit(
        ds,
        {
            "selectivity_class": ("1", classes, "selectivity"),
            "n_trials": ("1", present.sum(0), "trials that count"),
        },
        "neurornn.Selectivity/1",
    )
    for key, each in found.items():
        attrs = {"units": label[key][0], "long_name": label[key][1]}
        out[renamed.get(key, key)] = (("term", "unit"), each, attrs)
    out["q_value"] = (("term", "unit"), q, {"units": "1", "long_name": "false discovery rate"})
    out["significant"] = (("term", "unit"), q <= alpha, {"long_name": f"q at most {alpha:g}"})
    out = out.assign_coords(term=[_written(term) for term in terms])
    return _with_shares(out, classes).assign_attrs(
        variable=variable,
        variables=names,
        numeric=list(numeric),
        window=list(map(float, window)) if window else [],
        n_permutations=int(n_permutations),
        alpha=float(alpha),
        seed=int(seed),
        n_trials_without_condition=int((~known).sum()),
    )


def false_discovery_rate(p: ArrayLike) -> NDArray[np.float64]:
    r"""Smallest false discovery rate at which each of many p values counts, by Benjamini and Hochberg.

    .. math:: q_{(i)} = \min_{j \ge i} \frac{n\, p_{(j)}}{j}

    Args:
        p: p values; NaN where there was no test, which does not count.

    Returns:
        Values of the same shape, NaN where p is.

    References:
        Controlling the false discovery rate (Benjamini & Hochberg, 1995) https://doi.org/10.1111/j.2517-6161.1995.tb02031.x

    Examples:
        >>> false_discovery_rate([0.01, 0.04, 0.03, 0.5]).round(4).tolist()
        [0.04, 0.0533, 0.0533, 0.5]
    """
    p = np.asarray(p, dtype=np.float64)
    flat = p.reshape(-1)
    out = np.full(flat.size, np.nan)
    tested = np.flatnonzero(np.isfinite(flat))
    order = tested[np.argsort(flat[tested])]
    scaled = flat[order] * order.size / np.arange(1, order.size + 1)
    out[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return out.reshape(p.shape)


def _terms(names: list[str], interactions: Sequence[Sequence[str]] | None) -> list[Term]:
    if not names or len(set(names)) < len(names):
        raise ValueError(f"variables must be names, each once: got {names}.")
    pairs = list(combinations(names, 2)) if interactions is None else [tuple(each) for each in interactions]
    for each in pairs:
        if len(each) < 2 or len(set(each)) < len(each) or not set(each) <= set(names):
            raise ValueError(
                f"An interaction names two or more of the variables {', '.join(names)}: got {each}."
            )
    return [*((name,) for name in names), *pairs]


def _written(term: Term) -> str:
    return " x ".join(term)


def _variables(
    ds: xr.Dataset, names: list[str], numeric: Sequence[str]
) -> tuple[NDArray[np.bool_], dict[str, NDArray[Any]]]:
    """Which trials have all variables, and their values."""
    for name in numeric:
        if name not in names:
            raise ValueError(f"numeric names '{name}', which is not one of the variables {', '.join(names)}.")
    known = np.ones(ds.sizes["trial"], dtype=bool)
    values = {}
    for name in names:
        if name not in ds.variables or ds[name].dims != ("trial",):
            there = sorted(str(key) for key in ds.variables if ds[key].dims == ("trial",) and key != "trial")
            raise ValueError(f"'{name}' is not a variable of the trials. They have: {', '.join(there)}.")
        values[name] = ds[name].values
        if name in numeric and not is_numeric(values[name]):
            raise ValueError(
                f"'{name}' is of type {values[name].dtype} and cannot enter as a number. Leave it out of numeric."
            )
        known &= ~ds[name].isnull().values
    return known, values


def _classes(
    significant: NDArray[np.bool_], terms: list[Term], tested: NDArray[np.bool_]
) -> NDArray[np.str_]:
    main = np.array([len(term) == 1 for term in terms])
    n_main, n_beyond = significant[main].sum(0), significant[~main].sum(0)
    out = np.full(tested.size, CLASSES[0], dtype="<U15")
    out[n_main == 1] = CLASSES[1]
    out[n_main > 1] = CLASSES[2]
    out[n_beyond > 0] = CLASSES[3]
    out[~tested] = CLASSES[4]
    return out


def _with_shares(out: xr.Dataset, classes: NDArray[np.str_]) -> xr.Dataset:
    counts = np.array([(classes == name).sum() for name in CLASSES])
    n = max(1, counts[:-1].sum())
    share = np.append(counts[:-1] / n, np.nan)
    z = float(ndtri(0.975))
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    dim = "selectivity_class_name"
    out = out.assign_coords({dim: list(CLASSES), "bound": ["lower", "upper"]})
    out["n_units"] = (dim, counts, {"units": "1", "long_name": "units"})
    out["share"] = (dim, share, {"units": "1", "long_name": "share of units"})
    interval = np.stack([np.maximum(middle - half, 0), np.minimum(middle + half, 1)], 1)
    out["interval"] = ((dim, "bound"), interval, {"units": "1", "long_name": "95 % interval of the share"})
    return out
