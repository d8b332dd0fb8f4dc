r"""Rotations in population activity: jPCA in closed form, of networks and of recordings alike."""

__all__ = ["fit", "project"]

from collections.abc import Sequence
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis import _linear
from neurornn.analysis._conditions import activity, condition_average
from neurornn.analysis._regression import smooth
from neurornn.analysis.jpca._rotations import fit_dynamics, fit_rotation, planes_of
from neurornn.provenance import provenance

_SOFT_CONSTANT = 5.0  # spikes/s, Churchland et al. (2012)
_EXTENT = 4.0  # standard deviations of a smoothing Gaussian
_SOFT_FRACTION = 0.05  # of the largest range, where activity is not in spikes/s


def fit(
    ds: xr.Dataset,
    *,
    condition: str | Sequence[str],
    variable: str = "rate",
    window: tuple[float, float] | None = None,
    smoothing: float = 0.0,
    n_components: int = 6,
    normalise: bool = True,
    soft_constant: float | None = None,
    remove_mean: bool = True,
    difference: Literal["midpoint", "forward"] = "midpoint",
) -> xr.Dataset:
    r"""Planes in which condition averages rotate, and how much of their motion is rotation.

    Condition averages are divided by their range plus a constant, unit by unit; the average across conditions is
    subtracted at each step; the first :math:`k` principal components :math:`x \in R^k` are kept. Of the two models

    .. math:: \dot x = M x, \qquad \dot x = M_{skew}\, x \quad\text{with}\quad M_{skew} = -M_{skew}^\top

    both are least-squares fits over all conditions and steps. The second has a closed form. With
    :math:`S = \sum x x^\top` and :math:`B = \sum \dot x x^\top` its normal equations

    .. math:: M_{skew}\, S + S\, M_{skew} = B - B^\top

    are solved entry by entry in the eigenvectors of :math:`S`, and their solution is unique. Its eigenvalues
    :math:`\pm i\omega` come in pairs, and the vectors of each pair span a plane that turns with frequency
    :math:`\omega / 2\pi`. The quality of a model is
    :math:`R^2 = 1 - \sum |\dot x - M x|^2 / \sum |\dot x|^2`.

    With ``difference="midpoint"``, :math:`\dot x = (x_{t+1} - x_t)/\Delta t` is paired with
    :math:`(x_{t+1} + x_t)/2`: a rotation then has :math:`R^2 = 1` at any step, and the frequency
    :math:`\arctan(\omega\,\Delta t/2) / (\pi\,\Delta t)` is exact. With ``"forward"`` it is paired with
    :math:`x_t`, the pairing of the first scripts: a rotation sampled at steps that are not small looks partly like
    an expansion.

    Smooth trajectories of any kind turn a little: read :math:`R^2` of the rotation against :math:`R^2` of the
    unconstrained fit, and against surrogates that keep means and covariances over times, units and conditions
    (:func:`neurornn.analysis.surrogates.null`).

    Args:
        ds: Trials, simulated or recorded. Units may come from different sessions.
        condition: Condition variables to average trials by; two conditions or more must occur.
        variable: Variable ``(trial, time, unit)``.
        window: First and last time, in ms, of the motion that is fitted; all if None. The range of a unit is always
            taken over all times.
        smoothing: Standard deviation in ms of a Gaussian that smooths the averages over time, cut off at four standard
            deviations; 0 for none. Derivatives of spike counts need it.
        n_components: Number of principal components, even: each plane takes two.
        normalise: Whether units are divided by their range plus ``soft_constant``.
        soft_constant: In the unit of the variable. If None, 5 spikes/s, and where activity is not in spikes/s (or
            Hz) 5 % of the largest range of a unit.
        remove_mean: Whether the average across conditions is subtracted at each step. If not, the average over
            conditions and steps is.
        difference: How a derivative is paired with a state.

    Returns:
        A dataset with, for each ``plane`` in order of falling frequency, ``frequency`` in Hz and
        ``variance_ratio``, its share of the variance of all units; ``axis_vector (axis, unit)``, two orthonormal
        axes for each plane such that rotation is anticlockwise and the states at the first step spread along the
        first; ``projection (condition, time, axis)``; the matrices ``rotation`` and ``dynamics`` in 1/ms between
        components, with ``r_squared_rotation`` and ``r_squared``; ``component_vector (component, unit)`` with its
        ``explained_variance_ratio``; ``offset`` and ``scale`` as subtracted from and divided out of the units.

    Raises:
        ValueError: If there are fewer than two conditions, steps are missing, or there are fewer dimensions than
            components.

    References:
        Neural population dynamics during reaching (Churchland et al., 2012) https://doi.org/10.1038/nature11129

    Examples:
        Two units that trace a circle four times a second, from four starting points:

        >>> angle = np.arange(4)[:, None] * np.pi / 2 + 2 * np.pi * 4.0 * np.arange(30) * 0.01
        >>> rate = np.stack([np.cos(angle), np.sin(angle)], -1)
        >>> ds = xr.Dataset(
        ...     {"rate": (("trial", "time", "unit"), rate)},
        ...     coords={"time": 10.0 * np.arange(30), "reach": ("trial", np.arange(4))},
        ... )
        >>> found = fit(ds, condition="reach", n_components=2)
        >>> round(float(found.frequency[0]), 9), round(float(found.r_squared_rotation), 9)
        (4.0, 1.0)
    """
    if difference not in {"midpoint", "forward"}:
        raise ValueError(f"difference must be 'midpoint' or 'forward': got '{difference}'.")
    names = _linear.condition_names(condition)
    data, _ = activity(ds, variable)
    dt = _linear.time_step(data, "jPCA")
    mean = condition_average(data, names).transpose("condition", "time", "unit")
    if mean.sizes["condition"] < 2 and remove_mean:
        raise ValueError(
            f"jPCA needs two conditions or more: {' and '.join(names)} take one value only. With "
            "remove_mean=False one condition will do."
        )
    if not 0 <= smoothing < np.inf:
        raise ValueError(f"smoothing must be finite and at least 0 ms: got {smoothing}.")
    mean = mean.copy(data=smooth(mean.values, smoothing, _EXTENT, dt))
    scale, constant = _scale(mean, normalise, soft_constant)
    inside = np.ones(mean.sizes["time"], bool) if window is None else _linear.within(mean, window, "jPCA")
    complete = np.isfinite(mean.values).all((0, 2))
    kept = np.flatnonzero(inside & complete)
    adjacent = np.flatnonzero(np.diff(kept) == 1)
    if not adjacent.size:
        gaps = np.flatnonzero(~np.isfinite(mean.values[:, inside]).all((0, 1)))
        raise ValueError(
            f"Only {kept.size} of {int(inside.sum())} steps have a value in every condition for every unit, and none "
            f"follows another: {gaps.size} of {mean.sizes['unit']} units have gaps, the first at position {gaps[0]}. "
            "Use fewer conditions or wider bins, or leave out the units with few trials."
        )
    scaled = mean.values[:, kept] / scale
    offset = scaled.mean(0) if remove_mean else np.broadcast_to(scaled.mean((0, 1)), scaled.shape[1:])
    centred = scaled - offset
    axes, power = _linear.principal_axes(centred.reshape(-1, centred.shape[2]))
    rank = int((power > 1e-20 * power[0]).sum()) if power[0] > 0 else 0
    if n_components < 2 or n_components % 2 or n_components > rank:
        raise ValueError(
            f"n_components must be even, at least 2, and at most the {rank} dimensions of the condition averages: "
            f"got {n_components}."
        )
    pcs = axes[:n_components]
    states = centred @ pcs.T
    now, later = states[:, adjacent], states[:, adjacent + 1]
    velocity = ((later - now) / dt).reshape(-1, n_components)
    paired = ((later + now) / 2 if difference == "midpoint" else now).reshape(-1, n_components)
    rotation, dynamics = fit_rotation(paired, velocity), fit_dynamics(paired, velocity)
    omega, basis = planes_of(rotation, states[:, 0])
    turns = np.arctan(omega * dt / 2) * 2 / dt if difference == "midpoint" else omega
    vectors = basis @ pcs
    signs = np.sign(vectors[np.arange(0, len(vectors), 2), np.abs(vectors[::2]).argmax(1)])
    vectors = vectors * np.repeat(signs, 2)[:, None]
    projection = centred @ vectors.T
    along = (projection**2).sum((0, 1))
    full = np.full((mean.sizes["time"], mean.sizes["unit"]), np.nan)
    full[kept] = offset * scale
    paths = np.full((*mean.shape[:2], len(vectors)), np.nan)
    paths[:, kept] = projection
    units = str(data.attrs.get("units", "1"))
    out_units = "1" if normalise else units
    n_planes = n_components // 2

    def text(long_name: str, units: str = "1") -> dict[str, str]:
        return {"long_name": long_name, "units": units}

    return xr.Dataset(
        {
            "frequency": ("plane", 1000.0 * turns / (2 * np.pi), text("rotation frequency", "Hz")),
            "variance_ratio": (
                "plane",
                along.reshape(-1, 2).sum(1) / power.sum(),
                text("fraction of variance in plane"),
            ),
            "axis_vector": (("axis", "unit"), vectors, text("weight in axis of plane")),
            "projection": (
                ("condition", "time", "axis"),
                paths,
                text(f"projection of {'normalised ' if normalise else ''}{variable}", out_units),
            ),
            "rotation": (("component", "component_from"), rotation, text("skew-symmetric dynamics", "1/ms")),
            "dynamics": (("component", "component_from"), dynamics, text("unconstrained dynamics", "1/ms")),
            "r_squared_rotation": (
                (),
                _r_squared(paired, velocity, rotation),
                text("variance of change explained by rotation"),
            ),
            "r_squared": (
                (),
                _r_squared(paired, velocity, dynamics),
                text("variance of change explained by linear dynamics"),
            ),
            "component_vector": (("component", "unit"), pcs, text("weight in component")),
            "explained_variance_ratio": (
                "component",
                power[:n_components] / power.sum(),
                text("fraction of variance explained"),
            ),
            "offset": (("time", "unit"), full, text(f"mean {variable} across conditions", units)),
            "scale": ("unit", scale, text("divisor of the unit", units if normalise else "1")),
        },
        coords={
            **{key: value for key, value in mean.coords.items() if "unit" not in value.dims},
            **_linear.unit_coords(mean),
            "component": np.arange(n_components),
            "component_from": np.arange(n_components),
            "plane": np.arange(n_planes),
            "axis": np.arange(2 * n_planes),
            "plane_of_axis": ("axis", np.repeat(np.arange(n_planes), 2)),
        },
        attrs=provenance("neurornn.JPCA/1")
        | {
            "variable": variable,
            "condition": names,
            "normalise": int(normalise),
            "soft_constant": constant,
            "remove_mean": int(remove_mean),
            "difference": difference,
            "smoothing": smoothing,
            "dt": dt,
            "n_steps_excluded": int(inside.sum()) - kept.size,
            "n_trials_excluded": int(mean.attrs["n_trials_excluded"]),
        },
    )


def project(data: xr.Dataset | xr.DataArray, fit: xr.Dataset) -> xr.DataArray:
    """Coordinates of other activity of the same units on fitted planes.

    Args:
        data: Trials, of which the fitted variable is taken, or any array with dimensions ``time`` and ``unit`` at the
            times of the fit, such as averages over other conditions.
        fit: Result of :func:`fit`.

    Returns:
        An array with ``axis`` in place of ``unit``. NaN where a unit has no value and at times that were not fitted.

    Raises:
        ValueError: If the units or the times are not those of the fit.

    Examples:
        >>> angle = np.arange(4)[:, None] * np.pi / 2 + 0.2 * np.arange(30)
        >>> rate = np.stack([np.cos(angle), np.sin(angle)], -1)
        >>> ds = xr.Dataset(
        ...     {"rate": (("trial", "time", "unit"), rate)},
        ...     coords={"time": 10.0 * np.arange(30), "reach": ("trial", np.arange(4))},
        ... )
        >>> found = fit(ds, condition="reach", n_components=2)
        >>> bool(np.allclose(project(ds, found), found.projection))
        True
    """
    array = activity(data, fit.attrs["variable"])[0] if isinstance(data, xr.Dataset) else data
    if "time" not in array.dims or not np.array_equal(array["time"].values, fit["time"].values):
        raise ValueError(
            "The times of the data are not those of the fit, and the average across conditions that was subtracted "
            "has none to offer elsewhere."
        )
    out = _linear.project(array, fit, fit["axis_vector"], offset=fit["offset"], scale=fit["scale"])
    return out.assign_attrs(fit["projection"].attrs)


def _scale(
    mean: xr.DataArray, normalise: bool, soft_constant: float | None
) -> tuple[NDArray[np.float64], float]:
    if not normalise:
        return np.ones(mean.sizes["unit"]), 0.0
    values = mean.values.reshape(-1, mean.sizes["unit"])
    low = np.where(np.isfinite(values), values, np.inf).min(0)
    high = np.where(np.isfinite(values), values, -np.inf).max(0)
    missing = np.flatnonzero(~np.isfinite(high))
    if missing.size:
        raise ValueError(
            f"{missing.size} units have no trial in any condition, the first at position {missing[0]}. Leave them out."
        )
    span = high - low
    if soft_constant is None:
        in_spikes = mean.attrs.get("units") in {"spikes/s", "Hz"}
        soft_constant = _SOFT_CONSTANT if in_spikes else _SOFT_FRACTION * float(span.max())
    if not soft_constant >= 0 or not (span + soft_constant > 0).all():
        raise ValueError(
            f"soft_constant must be at least 0, and above 0 where a unit does not vary: got {soft_constant:g}."
        )
    return span + soft_constant, float(soft_constant)


def _r_squared(state: NDArray[np.float64], velocity: NDArray[np.float64], M: NDArray[np.float64]) -> float:
    total = float((velocity**2).sum())
    return 1 - float(((velocity - state @ M.T) ** 2).sum()) / total if total > 0 else np.nan
