r"""Targeted dimensionality reduction: axes of task variables, of networks and of recordings alike."""

__all__ = ["fit", "project"]

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from neurornn.analysis import _linear
from neurornn.analysis._conditions import activity
from neurornn.analysis._regression import design, regress, smooth
from neurornn.analysis.tdr import _targeted
from neurornn.analysis.tdr._targeted import Recipe
from neurornn.provenance import provenance

_MANTE = Recipe()


def fit(
    ds: xr.Dataset,
    *,
    regressors: str | Sequence[str],
    interactions: Sequence[tuple[str, str]] = (),
    axes: Sequence[str] | None = None,
    windows: Mapping[str, tuple[float, float]] | None = None,
    condition: str | Sequence[str] | None = None,
    correct: str | None = None,
    variable: str = "rate",
    recipe: Recipe = _MANTE,
) -> xr.Dataset:
    r"""Find one axis for each task variable and project condition averages on them.

    1. Activity of each unit is z-scored over all its trials and times.
    2. For each unit :math:`i` and time :math:`t`, over the trials :math:`k` of that unit, by ordinary least squares

       .. math:: r_{it}(k) = \beta_{it0} + \sum_v \beta_{itv}\, c_v(k) + \sum_{(v, w)} \beta_{itvw}\, c_v(k)\, c_w(k)

       with every variable :math:`c_v` (and product) scaled to a largest absolute value of 1.
    3. Condition averages are smoothed in time and z-scored; their first 12 principal components span a subspace.
    4. The vectors :math:`\beta_{tv}` across units are projected on that subspace and smoothed in time.
    5. The axis of a variable is the mean of its vectors over a window, or its vector at the time of largest norm.
    6. The axes are orthogonalised in the order given (QR), and condition averages are projected on them.

    **The order matters.** The first axis stays what it was; each later one loses what it shares with those before.
    Read ``angle`` between the raw axes first: near 90 degrees nothing depends on the order. ``kept`` is the cosine
    between each axis before and after.

    Bin spikes first (Mante et al. used 50 ms). Units recorded in different sessions are each regressed on their own
    trials. Where the trials of a unit do not determine its coefficients (too few trials, conditions that never
    vary), they are NaN; such times have no regression vector, and ``n_steps_undetermined`` counts them.

    Args:
        ds: Trials, simulated or recorded, with the variables along ``trial``.
        regressors: Variables: numbers, or two labels (coded -1 and 1 in alphabetical order, see ``attrs["codes"]``).
        interactions: Pairs of regressors whose product is one more regressor, named ``"a x b"``.
        axes: Regressors that get an axis, in the order of orthogonalisation; those of ``regressors`` if None.
        windows: First and last time, in ms, over which an axis is averaged. A variable without one takes the time of
            largest norm.
        condition: Variables to average trials by; those of ``regressors`` if None.
        correct: A variable that is 1 (or true) for correct trials. Averages are then split by it, and the components
            of step 3 are those of correct trials.
        variable: Variable ``(trial, time, unit)``.
        recipe: Everything else that can be chosen.

    Returns:
        A dataset with ``coefficient (regressor, time, unit)``; ``denoised_coefficient`` and ``coefficient_norm`` of
        each ``axis`` over time; ``raw_axis`` and the orthonormal ``axis_vector (axis, unit)``; ``angle`` in degrees
        between raw axes; ``kept``; the time or window of each axis; ``projection (condition, time, axis)`` and
        ``variance_ratio``, the share of the variance of the averages along each axis; the components and their
        variance; ``mean`` and ``scale`` of single trials, ``average_mean`` and ``average_scale`` of averages.

    Raises:
        ValueError: If a variable does not exist or cannot be a regressor, coefficients are determined at no time for
            all units, or an axis lies in the span of those before it.

    References:
        Context-dependent computation by recurrent dynamics in prefrontal cortex (Mante et al., 2013)
        https://doi.org/10.1038/nature12742

    Examples:
        Two units, of which one follows the choice and the other the motion:

        >>> choice, motion = np.array([-1.0, -1.0, 1.0, 1.0]), np.array([-0.5, 0.5, -0.5, 0.5])
        >>> rate = np.stack([3 + choice, 5 + 8 * motion], -1)[:, None] * np.ones((4, 3, 1))
        >>> ds = xr.Dataset(
        ...     {"rate": (("trial", "time", "unit"), rate)},
        ...     coords={"choice": ("trial", choice), "motion": ("trial", motion)},
        ... )
        >>> found = fit(ds, regressors=["choice", "motion"], recipe=Recipe(standardise=False, smoothing=0.0))
        >>> (found.coefficient.isel(time=0).values.round(9) + 0).tolist()   # baseline, choice, motion at its largest
        [[3.0, 5.0], [1.0, 0.0], [0.0, 4.0]]
        >>> (found.axis_vector.values.round(9) + 0).tolist(), found.angle.values[0, 1].round(9).item()
        ([[1.0, 0.0], [0.0, 1.0]], 90.0)
    """
    names = _linear.condition_names(regressors)
    data, _ = activity(ds, variable)
    X, columns, codes = design(data, names, interactions)
    wanted = columns[1 : len(names) + 1] if axes is None else list(axes)
    _targeted.check_axes(wanted, columns, windows or {})
    dt = _linear.time_step(data, "Smoothing") if recipe.smoothing > 0 else 1.0
    values = data.values
    mean, scale, n_constant = _targeted.location(values, recipe.standardise)
    coefficient = regress((values - mean) / scale, X)
    if not recipe.standardise:
        coefficient[0] += mean  # the intercept in the unit of the data
    averages = _targeted.average(
        data, names if condition is None else _linear.condition_names(condition), correct, recipe, dt
    )
    components, power, n_samples = _targeted.components_of(averages)
    kept_components = (
        len(components) if recipe.n_components is None else min(recipe.n_components, len(components))
    )
    basis = components[:kept_components]
    chosen = coefficient[[columns.index(name) for name in wanted]]
    determined = np.all(np.isfinite(chosen), axis=(0, 2))
    if not determined.any():
        never = int((~np.isfinite(chosen)).any(0).all(0).sum())
        raise ValueError(
            f"At no time are the coefficients of all {values.shape[2]} units determined by their trials; {never} units "
            "have none at all. Use fewer regressors or interactions, or leave out the units with few trials."
        )
    vectors = np.where(determined[:, None], chosen, np.nan)
    if recipe.n_components is not None:
        vectors = (vectors @ basis.T) @ basis
    vectors = smooth(vectors, recipe.smoothing, recipe.smoothing_extent, dt)
    norm = np.linalg.norm(vectors, axis=2)
    raw, first, last = _targeted.raw_axes(data, vectors, norm, wanted, windows or {})
    orthogonal, kept = _targeted.orthogonalise(raw, wanted)
    angle = _targeted.angles(raw)
    projection = averages.array.values @ orthogonal.T
    complete = np.isfinite(projection).all(2)
    total = averages.array.values[complete].var(0).sum()

    def text(long_name: str, units: str = "1") -> dict[str, str]:
        return {"long_name": long_name, "units": units}

    own = str(data.attrs.get("units", "1"))
    units = "1" if recipe.standardise else own
    coords: dict[Any, Any] = {
        **{key: value for key, value in averages.array.coords.items() if "unit" not in value.dims},
        **_linear.unit_coords(data),
        "regressor": columns,
        "axis": wanted,
        "axis_other": wanted,
        "component": np.arange(kept_components),
        "first_time": ("axis", first, text("start of the window of the axis", "ms")),
        "last_time": ("axis", last, text("end of the window of the axis", "ms")),
    }
    at = ("axis", "time", "unit")
    return xr.Dataset(
        {
            "coefficient": (
                ("regressor", "time", "unit"),
                coefficient,
                text("regression coefficient", units),
            ),
            "denoised_coefficient": (at, vectors, text("denoised regression coefficient", units)),
            "coefficient_norm": (at[:2], norm, text("norm of regression vector", units)),
            "raw_axis": (("axis", "unit"), raw, text("axis before orthogonalisation", units)),
            "axis_vector": (("axis", "unit"), orthogonal, text("weight in axis")),
            "angle": (("axis", "axis_other"), angle, text("angle between raw axes", "degrees")),
            "kept": ("axis", kept, text("cosine between axis before and after orthogonalisation")),
            "projection": (
                ("condition", "time", "axis"),
                projection,
                text(f"projection of {variable}", units),
            ),
            "variance_ratio": (
                "axis",
                projection[complete].var(0) / total,
                text("fraction of variance along axis"),
            ),
            "component_vector": (("component", "unit"), basis, text("weight in component")),
            "explained_variance_ratio": (
                "component",
                power[:kept_components] / power.sum(),
                text("fraction of variance explained"),
            ),
            "mean": ("unit", mean, text(f"mean {variable} of single trials", own)),
            "scale": ("unit", scale, text("divisor of single trials", own if recipe.standardise else "1")),
            "average_mean": ("unit", averages.mean, text(f"mean {variable} of condition averages", own)),
            "average_scale": (
                "unit",
                averages.scale,
                text("divisor of condition averages", own if recipe.standardise else "1"),
            ),
        },
        coords=coords,
        attrs=provenance("neurornn.TDR/1")
        | {
            "variable": variable,
            "codes": codes,
            "standardise": int(recipe.standardise),
            "denoised": int(recipe.n_components is not None),
            "smoothing": recipe.smoothing,
            "smoothing_extent": recipe.smoothing_extent,
            "n_trials_without_regressors": int((~np.isfinite(X)).any(1).sum()),
            "n_trials_excluded": int(averages.array.attrs["n_trials_excluded"]),
            "n_steps_undetermined": int((~determined).sum()),
            "n_samples": n_samples,
            "n_units_constant": n_constant,
        },
    )


def project(data: xr.Dataset | xr.DataArray, fit: xr.Dataset) -> xr.DataArray:
    """Coordinates of other activity of the same units on fitted axes, centred and scaled as the averages were.

    Args:
        data: Trials, of which the fitted variable is taken; or any array with a dimension ``unit``, such as fixed
            points. Nothing is smoothed.
        fit: Result of :func:`fit`.

    Returns:
        An array with ``axis`` in place of ``unit``; NaN where a unit has no value.

    Raises:
        ValueError: If the units are not those of the fit.

    Examples:
        >>> choice = np.array([-1.0, 1.0])
        >>> rate = choice[:, None, None] * np.ones((2, 3, 2))
        >>> ds = xr.Dataset({"rate": (("trial", "time", "unit"), rate)}, coords={"choice": ("trial", choice)})
        >>> found = fit(ds, regressors="choice", recipe=Recipe(smoothing=0.0))
        >>> project(ds, found).isel(time=0, axis=0).values.round(9).tolist()   # 2 units at z-score 1
        [-1.414213562, 1.414213562]
    """
    array = activity(data, fit.attrs["variable"])[0] if isinstance(data, xr.Dataset) else data
    out = _linear.project(
        array, fit, fit["axis_vector"], offset=fit["average_mean"], scale=fit["average_scale"]
    )
    return out.assign_attrs(fit["projection"].attrs)
