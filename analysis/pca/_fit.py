r"""Principal components of population activity, of networks and of recordings alike."""

__all__ = ["fit", "participation_ratio", "project"]

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis._conditions import activity, condition_average
from neurornn.provenance import provenance


def fit(
    ds: xr.Dataset,
    *,
    variable: str = "rate",
    n_components: int | None = None,
    condition: str | Sequence[str] | None = None,
) -> xr.Dataset:
    r"""Principal components across units.

    Every step of every trial, or of every condition average, is one sample :math:`x \in R^N`. With the covariance

    .. math:: C = \langle (x - \bar x)(x - \bar x)^\top \rangle = \sum_i \lambda_i v_i v_i^\top

    the components are the :math:`v_i` in order of falling variance :math:`\lambda_i` (sums over samples are divided by
    one less than their number). Padding never counts, and
    neither does a sample that misses a unit; the attributes say how many there were of each.

    Args:
        ds: Trials, simulated or recorded.
        variable: Variable ``(trial, time, unit)`` to decompose. To place a plane for
            :func:`neurornn.analysis.landscape.flow` it must be ``"state"``.
        n_components: Number of components kept; all if None.
        condition: Condition variables to average over trials by before the decomposition; None takes single trials.
            Averaging is what makes one population of units recorded in different sessions.

    Returns:
        A dataset with ``component_vector (component, unit)``, orthonormal and with its largest entry positive,
        ``mean (unit)``, ``explained_variance`` and ``explained_variance_ratio`` of each component, and the
        ``participation_ratio`` of the full spectrum.

    Raises:
        ValueError: If nothing is left to decompose, it does not vary, or more components are asked for than exist.

    Examples:
        Two units that vary independently, the first with twice the amplitude of the second:

        >>> rate = np.array([[[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]])
        >>> result = fit(xr.Dataset({"rate": (("trial", "time", "unit"), rate)}))
        >>> result.explained_variance_ratio.values.round(12).tolist()
        [0.8, 0.2]
        >>> result.component_vector.values.tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    samples, data, counts = _samples(ds, variable, condition)
    most = min(samples.shape)
    if n_components is not None and not 1 <= n_components <= most:
        raise ValueError(
            f"n_components must lie between 1 and {most}, the smaller of {samples.shape[0]} samples and "
            f"{samples.shape[1]} units: got {n_components}."
        )
    from sklearn.decomposition import PCA

    found = PCA(n_components=n_components, svd_solver="full").fit(samples)
    vectors = found.components_
    largest = np.abs(vectors).argmax(1)
    vectors = vectors * np.sign(vectors[np.arange(len(vectors)), largest])[:, None]
    units = str(data.attrs.get("units", "1"))
    squared = units if units == "1" else f"({units})^2"
    return xr.Dataset(
        {
            "component_vector": (
                ("component", "unit"),
                vectors,
                {"long_name": "weight in component", "units": "1"},
            ),
            "mean": ("unit", found.mean_, {"long_name": f"mean {variable}", "units": units}),
            "explained_variance": (
                "component",
                found.explained_variance_,
                {"long_name": "explained variance", "units": squared},
            ),
            "explained_variance_ratio": (
                "component",
                found.explained_variance_ratio_,
                {"long_name": "fraction of variance explained", "units": "1"},
            ),
            "participation_ratio": (
                (),
                _participation_ratio(samples),
                {"long_name": "participation ratio", "units": "1"},
            ),
        },
        coords={"component": np.arange(len(vectors)), **_unit_coords(data)},
        attrs=provenance("neurornn.PCA/1") | {"variable": variable} | counts,
    )


def participation_ratio(
    ds: xr.Dataset, *, variable: str = "rate", condition: str | Sequence[str] | None = None
) -> float:
    r"""Effective dimension of population activity.

    .. math:: \mathrm{PR} = \Big(\sum_i \lambda_i\Big)^2 \Big/ \sum_i \lambda_i^2

    where :math:`\lambda_i` are the eigenvalues of the covariance across units: :math:`k` equal variances give
    :math:`k`. Independent noise in single trials raises it; average over conditions to ask about the signal.

    Args:
        ds: Trials, simulated or recorded.
        variable: Variable ``(trial, time, unit)``; its unit does not matter.
        condition: Condition variables to average by first, as in :func:`fit`.

    Returns:
        A number between 1 (one axis) and the number of units (isotropic).

    References:
        A theory of multineuronal dimensionality, dynamics and measurement (Gao et al., 2017)
        https://doi.org/10.1101/214262

    Examples:
        >>> rate = np.concatenate([np.eye(3), -np.eye(3)])[None]   # three axes, equal variance
        >>> round(participation_ratio(xr.Dataset({"rate": (("trial", "time", "unit"), rate)})), 12)
        3.0
    """
    return _participation_ratio(_samples(ds, variable, condition)[0])


def project(data: xr.Dataset | xr.DataArray, fit: xr.Dataset) -> xr.DataArray:
    r"""Coordinates :math:`y_i = v_i^\top (x - \bar x)` of activity on fitted components.

    Args:
        data: Trials, of which the fitted variable is taken; or any array with a dimension ``unit``, such as the
            states of fixed points.
        fit: Result of :func:`fit`; it may come from other trials of the same units.

    Returns:
        An array with ``component`` in place of ``unit`` and all coordinates but those of the units. Padding is NaN.

    Raises:
        ValueError: If the units are not those of the fit.

    Examples:
        >>> rate = np.array([[[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]]])
        >>> ds = xr.Dataset({"rate": (("trial", "time", "unit"), rate)})
        >>> project(ds, fit(ds, n_components=1)).values.tolist()
        [[[2.0], [-2.0], [0.0], [0.0]]]
    """
    array = activity(data, fit.attrs["variable"])[0] if isinstance(data, xr.Dataset) else data
    if "unit" not in array.dims:
        raise ValueError(f"Only an array with a dimension 'unit' can be projected: got {array.dims}.")
    if array.sizes["unit"] != fit.sizes["unit"]:
        raise ValueError(
            f"The components were fitted on {fit.sizes['unit']} units but the data has {array.sizes['unit']}."
        )
    if "unit" in array.coords and "unit" in fit.coords and not array["unit"].equals(fit["unit"]):
        raise ValueError("The units of the data are not those of the fit, or come in another order.")
    array = array.transpose(..., "unit")
    values = (array.values.astype(np.float64) - fit["mean"].values) @ fit["component_vector"].values.T
    coords: dict[Any, Any] = {key: value for key, value in array.coords.items() if "unit" not in value.dims}
    coords["component"] = fit["component"]
    coords["explained_variance_ratio"] = fit["explained_variance_ratio"]
    attrs = {"long_name": f"projection of {fit.attrs['variable']}", "units": fit["mean"].attrs["units"]}
    return xr.DataArray(values, coords, (*array.dims[:-1], "component"), "projection", attrs)


def _samples(
    ds: xr.Dataset, variable: str, condition: str | Sequence[str] | None
) -> tuple[NDArray[np.float64], xr.DataArray, dict[str, Any]]:
    data, n_padding = activity(ds, variable)
    names = [condition] if isinstance(condition, str) else list(condition or ())
    n_inside = data.sizes["trial"] * data.sizes["time"] - n_padding
    if names:
        data = condition_average(data, names)
        n_inside = data.sizes["condition"] * data.sizes["time"]
    flat = data.values.reshape(-1, data.sizes["unit"])
    kept = flat[np.isfinite(flat).all(1)]
    if len(kept) < 2:
        cure = (
            ""
            if names
            else " If units come from different sessions, average them by condition: condition=[...]."
        )
        raise ValueError(
            f"Only {len(kept)} of {n_inside} samples have a value for every unit: 2 are needed.{cure}"
        )
    if not float(np.ptp(kept, axis=0).max()) > 0:
        raise ValueError(f"'{variable}' does not vary over trials and time: it has no components.")
    counts = {
        "condition": names,
        "n_trials_excluded": int(data.attrs.get("n_trials_excluded", 0)),
        "n_samples": len(kept),
        "n_padding_excluded": n_padding,
        "n_missing_excluded": n_inside - len(kept),
    }
    return kept, data, counts


def _participation_ratio(samples: NDArray[np.float64]) -> float:
    centred = samples - samples.mean(0)
    scaled = centred / np.abs(centred).max()
    small = scaled.T @ scaled if scaled.shape[1] <= scaled.shape[0] else scaled @ scaled.T
    return float(np.trace(small) ** 2 / (small**2).sum())


def _unit_coords(data: xr.DataArray) -> dict[Any, Any]:
    return {key: value for key, value in data.coords.items() if value.dims == ("unit",)}
