r"""Quasi-potential: minus the logarithm of how often states are visited, with honest errors."""

__all__ = ["agreement", "quasi_potential"]

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurornn.analysis.landscape._plane import Plane
from neurornn.provenance import provenance
from neurornn.random import derive_seed, uniform_array

_NODES = 6  # of the quadrature over a bin, along each axis


def quasi_potential(
    states: xr.DataArray | xr.Dataset,
    projection: Plane | ArrayLike,
    *,
    bins: int = 40,
    limits: tuple[float, float] | tuple[float, float, float, float] | None = None,
    n_permutations: int = 999,
    seed: int = 0,
) -> xr.Dataset:
    r"""Minus the logarithm of the density of states along one or two axes.

    With the share :math:`\hat p_i` of the samples in bin :math:`i`,

    .. math:: \hat\Phi_i = -\log \hat p_i + \max_j \log \hat p_j .

    Samples of one run follow each other and are not independent; runs are. All errors and tests are over runs
    (the trials): the standard error of :math:`\log \hat p_i` is the jackknife over runs, and two exact permutation
    tests ask whether the density is that of an equilibrium. The first compares the two halves of each run, swapping
    halves at random; the second compares runs from different starts, exchanging starts at random. In both the
    statistic is the total variation between the densities. A small p-value says that runs were too short. A large one
    does not prove that they were long enough.

    *When this is an energy.* If the drift is a gradient, :math:`F = -\nabla U`, and the noise is white with intensity
    :math:`D` in all directions, the density in the full space is :math:`e^{-U/D}` (:func:`potential`), with an
    error of the order of the time step. In current form :math:`D = \sigma_{rec}^2/\tau`. For a *linear* network with
    symmetric weights and one time constant, :math:`\tau U` is its energy :math:`E` (:func:`energy`) and the density is
    :math:`e^{-E/\sigma_{rec}^2}`. For units that do not interact :math:`U` is a sum over units and not the energy:
    :math:`\partial E / \partial x_i = \phi'(x_i)\, \tau\, \partial U / \partial x_i`. In every other case detailed
    balance fails: a nonlinear network with symmetric weights has an energy that falls along the noiseless dynamics,
    but with additive noise its density is not a function of it. It would be for dynamics that follow the gradient of
    the energy with respect to the rates, :math:`\dot r = -\nabla_r E / \tau`, with additive noise on :math:`r`. Along
    fewer axes than there are units, :math:`\hat\Phi` is a free energy: what is not shown is integrated over.

    Args:
        states: States over ``(trial, time, unit)`` from :func:`noisy_states`, a simulation or a recording; of a
            dataset the variable ``"state"`` is taken. NaN is passed over. Trials must be independent. A coordinate
            ``start`` of the trials says which started together.
        projection: A :class:`Plane`, or one axis ``(unit,)``, along which :math:`a^\top x` is taken.
        bins: Bins along each axis.
        limits: ``(low, high)``, or ``(x_min, x_max, y_min, y_max)`` on a plane; what the states span if None. States
            outside are counted in ``outside`` and not in the density.
        n_permutations: Permutations drawn for the tests.
        seed: Seed of the permutations.

    Returns:
        A dataset over ``x``, or ``(y, x)`` on a plane: ``quasi_potential`` (NaN in empty bins), ``error`` (standard
        error, infinite where only one run went), ``density`` per unit of the axes, and over ``(trial, [y,] x)``
        ``count``. Attributes: ``p_halves``, ``p_starts`` (NaN with one start), ``variation_halves``,
        ``variation_starts``, ``outside`` (share of the samples).

    Raises:
        ValueError: If there are fewer than 4 runs, no samples, or the projection or limits do not fit.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> noise = xr.DataArray(rng.normal(size=(50, 400, 1)), dims=("trial", "time", "unit"))
        >>> found = quasi_potential(noise, [1.0], bins=5, limits=(-2.5, 2.5))
        >>> found.quasi_potential.round(1).values.tolist()
        [1.9, 0.4, 0.0, 0.4, 1.8]
    """
    data = states["state"] if isinstance(states, xr.Dataset) else states
    if set(data.dims) != {"trial", "time", "unit"}:
        raise ValueError(f"states must be over trial, time and unit: got {data.dims}.")
    values = data.transpose("trial", "time", "unit").values.astype(np.float64)
    if len(values) < 4 or bins < 2:
        raise ValueError(
            f"Errors are taken over runs, of which at least 4 are needed, and bins >= 2: got {len(values)} and {bins}."
        )
    where, names = _coordinates(values, projection)
    edges = _edges(where, bins, limits)
    count = _counts(where, edges)
    n_finite = int(np.isfinite(where).all(-1).sum())
    total = count.sum(axis=(0, 1))
    if not total.sum():
        raise ValueError(f"No state lies within limits={limits}.")
    whole = count.sum(1)
    log_p, error = _log_density(whole)
    area = np.prod([e[1] - e[0] for e in edges])
    key = derive_seed(seed, "permutations of runs")
    p_halves, tv_halves = _halves(count, n_permutations, key)
    group = data["start"].values if "start" in data.coords else np.zeros(len(values))
    p_starts, tv_starts = _starts(whole, group, n_permutations, key)
    dims = ("y", "x")[-len(edges) :]
    centres = {d: 0.5 * (e[1:] + e[:-1]) for d, e in zip(dims[::-1], edges, strict=True)}
    phi = np.where(total > 0, np.nanmax(log_p) - log_p, np.nan)

    def about(long_name: str, units: str = "1") -> dict[str, str]:
        return {"long_name": long_name, "units": units}

    return xr.Dataset(
        {
            "quasi_potential": (dims, phi, about("quasi-potential")),
            "error": (dims, error, about("standard error of the quasi-potential")),
            "density": (dims, total / total.sum() / area, about("density of states")),
            "count": (("trial", *dims), whole, about("samples")),
        },
        coords={d: (d, centres[d], about(name)) for d, name in zip(dims[::-1], names, strict=True)},
        attrs=provenance("neurornn.QuasiPotential/1")
        | {
            "p_halves": p_halves,
            "p_starts": p_starts,
            "variation_halves": tv_halves,
            "variation_starts": tv_starts,
            "outside": float(1 - total.sum() / n_finite),
            "n_runs": len(values),
        },
    )


def agreement(
    ds: xr.Dataset, expected: Callable[[NDArray[np.float64]], ArrayLike], *, min_count: int = 50
) -> xr.Dataset:
    r"""How a quasi-potential compares with one that is expected.

    In a bin :math:`B_i` the expectation is :math:`\Phi_i = -\log \int_{B_i} e^{-\Phi}`. The line
    :math:`\hat\Phi_i = a + b\,\Phi_i` is fitted with the samples of each bin as weights; an exact expectation has the
    slope :math:`b = 1`. Errors are jackknifes over runs.

    Args:
        ds: Result of :func:`quasi_potential`.
        expected: :math:`\Phi`, for instance :math:`U/D`, up to a constant: a function from coordinates ``(..., axis)``
            along the axes of the quasi-potential to numbers ``(...)``.
        min_count: Bins with fewer samples are left out.

    Returns:
        A dataset: ``slope`` and ``slope_error``; over the axes ``deviation`` from the expectation (slope 1) and
        ``z``, the deviation over its error (NaN in bins left out).

    Raises:
        ValueError: If the function returns another shape or fewer than 3 bins have samples enough.
    """
    phi = ds["quasi_potential"]
    exact = _in_bins(ds, expected)
    count = ds["count"].values.reshape(ds.sizes["trial"], -1)
    used = (count.sum(0) >= min_count) & np.isfinite(exact.ravel()) & ((count > 0).sum(0) > 1)
    if used.sum() < 3:
        raise ValueError(
            f"Only {int(used.sum())} bins have {min_count} samples: run longer, or take fewer bins."
        )
    counts, target = count[:, used], exact.ravel()[used]
    total: NDArray[np.float64] = counts.sum(0).astype(np.float64)
    slope, deviation = _fit(total, target, total)
    n = len(counts)
    without = [_fit(np.maximum(total - each, 0.5), target, total) for each in counts]
    slopes = np.array([each[0] for each in without])
    deviations = np.array([each[1] for each in without])
    error = np.sqrt((n - 1) / n * ((deviations - deviations.mean(0)) ** 2).sum(0))
    full, z = np.full(exact.size, np.nan), np.full(exact.size, np.nan)
    full[used], z[used] = deviation, deviation / error
    one = {"long_name": "slope against the expectation", "units": "1"}
    return xr.Dataset(
        {
            "slope": ((), slope, one),
            "slope_error": ((), float(np.sqrt((n - 1) / n * ((slopes - slopes.mean()) ** 2).sum())), one),
            "deviation": (phi.dims, full.reshape(exact.shape), {"long_name": "deviation", "units": "1"}),
            "z": (phi.dims, z.reshape(exact.shape), {"long_name": "deviation over its error", "units": "1"}),
        },
        coords=phi.coords,
        attrs=provenance("neurornn.PotentialAgreement/1")
        | {"n_bins": int(used.sum()), "min_count": min_count},
    )


def _in_bins(ds: xr.Dataset, expected: Callable[[NDArray[np.float64]], ArrayLike]) -> NDArray[np.float64]:
    phi = ds["quasi_potential"]
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    points = []
    for dim in phi.dims[::-1]:  # x first, as coordinates are
        centre = ds[dim].values
        points.append(centre[:, None] + 0.5 * (centre[1] - centre[0]) * nodes)
    if len(points) == 1:
        where, weight = points[0][..., None], np.asarray(weights, dtype=np.float64)
    else:
        x, y = np.broadcast_arrays(points[0][None, :, None, :], points[1][:, None, :, None])
        shape = (*x.shape[:2], _NODES**2)
        where = np.stack([x.reshape(shape), y.reshape(shape)], -1)
        weight = np.asarray(np.outer(weights, weights).ravel(), dtype=np.float64)
    values = np.asarray(expected(where), dtype=np.float64)
    if values.shape != where.shape[:-1]:
        raise ValueError(
            f"expected must map coordinates {where.shape} to numbers {where.shape[:-1]}: got shape {values.shape}."
        )
    low = values.min(-1, keepdims=True)
    return low[..., 0] - np.log(np.exp(low - values) @ weight)


def _fit(
    count: NDArray[np.float64], target: NDArray[np.float64], weight: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    phi = -np.log(count)
    w = weight / weight.sum()
    x, y = target - w @ target, phi - w @ phi
    return float((w * x) @ y / ((w * x) @ x)), y - x


def _coordinates(
    values: NDArray[np.float64], projection: Plane | ArrayLike
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    if isinstance(projection, Plane):
        return projection.coordinates(values), projection.names
    axis = np.asarray(projection, dtype=np.float64)
    if axis.shape != (values.shape[-1],) or not np.isfinite(axis).all() or not axis.any():
        raise ValueError(
            f"projection must be a Plane or one axis of {values.shape[-1]} numbers that are not all 0: got shape {axis.shape}."
        )
    return (values @ axis)[..., None], ("position along the axis",)


def _edges(
    where: NDArray[np.float64], bins: int, limits: tuple[float, ...] | None
) -> list[NDArray[np.float64]]:
    k = where.shape[-1]
    if limits is None:
        finite = where[np.isfinite(where).all(-1)]
        if not len(finite):
            raise ValueError("No state is finite.")
        bounds = np.stack([finite.min(0), finite.max(0)], 1)
        room = 1e-9 * (1 + np.abs(bounds).max())
        bounds = bounds + np.array([-room, room])
    else:
        bounds = np.asarray(limits, dtype=np.float64)
        if bounds.size != 2 * k:
            raise ValueError(f"limits takes {2 * k} numbers for {k} axes: got {limits}.")
        bounds = bounds.reshape(k, 2)
    if not (np.isfinite(bounds).all() and (bounds[:, 0] < bounds[:, 1]).all()):
        raise ValueError(f"limits must have room between them: got {bounds.tolist()}.")
    return [np.linspace(low, high, bins + 1) for low, high in bounds]


def _counts(where: NDArray[np.float64], edges: list[NDArray[np.float64]]) -> NDArray[np.int64]:
    """Samples in ``(trial, half, [y,] x)``."""
    n_trials, n_times, k = where.shape
    size = len(edges[0]) - 1
    cell: NDArray[np.int64] = np.zeros((n_trials, n_times), dtype=np.int64)
    inside = np.isfinite(where).all(-1)
    for axis in range(k - 1, -1, -1):  # y first
        place = np.searchsorted(edges[axis], where[..., axis], side="right") - 1
        inside &= (place >= 0) & (place < size)
        cell = cell * size + np.clip(place, 0, size - 1)
    half = (2 * np.arange(n_times) // n_times)[None]
    n_cells = size**k
    number = (np.arange(n_trials)[:, None] * 2 + half) * n_cells + cell
    count = np.bincount(number[inside], minlength=2 * n_trials * n_cells)
    return count.reshape(n_trials, 2, *[size] * k)


def _log_density(count: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n = len(count)
    total = count.sum(0)
    rest = total - count
    with np.errstate(divide="ignore", invalid="ignore"):
        log_p = np.log(total) - np.log(total.sum())
        each = np.log(rest) - np.log(rest.reshape(n, -1).sum(1)).reshape(n, *[1] * total.ndim)
        error = np.sqrt((n - 1) / n * ((each - each.mean(0)) ** 2).sum(0))
    error = np.where(np.isfinite(each).all(0), error, np.inf)
    return np.where(total > 0, log_p, np.nan), np.where(total > 0, error, np.nan)


def _halves(count: NDArray[np.int64], n_permutations: int, key: int) -> tuple[float, float]:
    flat = count.reshape(len(count), 2, -1).astype(np.float64)
    sizes = np.maximum(flat.sum(2, keepdims=True), 1)
    difference = (flat / sizes)[:, 0] - (flat / sizes)[:, 1]
    found = 0.5 * float(np.abs(difference.mean(0)).sum())
    sign = np.where(uniform_array(key, n_permutations, len(count)) < 0.5, -1.0, 1.0)
    drawn = 0.5 * np.abs(sign @ difference / len(count)).sum(1)
    return float((1 + (drawn >= found * (1 - 1e-12)).sum()) / (1 + n_permutations)), found


def _starts(
    count: NDArray[np.int64], group: NDArray[np.generic], n_permutations: int, key: int
) -> tuple[float, float]:
    labels, code = np.unique(group, return_inverse=True)
    if len(labels) < 2:
        return float("nan"), float("nan")
    flat = count.reshape(len(count), -1).astype(np.float64)
    share = flat / np.maximum(flat.sum(1, keepdims=True), 1)
    share = share - share.mean(0)
    size = np.bincount(code)

    def variation(codes: NDArray[np.int64]) -> float:
        one_hot = np.eye(len(size))[codes]
        return 0.5 * float((np.abs(one_hot.T @ share).sum(1)).sum() / len(codes))

    found = variation(code)
    order = uniform_array(derive_seed(key, "starts"), n_permutations, len(code)).argsort(axis=1)
    drawn = np.array([variation(code[row]) for row in order])
    return float((1 + (drawn >= found * (1 - 1e-12)).sum()) / (1 + n_permutations)), found
