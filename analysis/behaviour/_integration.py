r"""Error of an integrator against elapsed time: drift and diffusion of the integral."""

__all__ = ["IntegrationError", "integration_error", "plot_integration_error"]

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import chdtri
from typing_extensions import override

from neurornn.analysis._plotting import axes_or_new, label, legend_beside
from neurornn.analysis.behaviour._choices import percentile_interval
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance
from neurornn.random import derive_seed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_N_ITERATIONS, _TOLERANCE = 100, 1e-6  # change of a variance, relative to the mean squared error


def integration_error(
    ds: xr.Dataset,
    *,
    epoch: str = "walk",
    angular: bool = False,
    n_times: int = 12,
    n_bootstrap: int = 200,
    seed: int = 0,
) -> xr.Dataset:
    r"""How the error of an integrator grows with time.

    .. math:: e(t) = b + v\,t + c + \sqrt{2 D}\, B(t) + \eta(t)

    where :math:`e` is output minus target, :math:`b` the ``offset`` and :math:`v` the ``drift``, the same in all trials, :math:`c`
    noise of variance ``initial_variance`` that stays the same within a trial, :math:`B` Brownian motion, so that :math:`D` is
    the ``diffusion`` coefficient, half the growth rate of the variance in each dimension, and :math:`\eta` noise of
    variance ``read_variance`` that is new at each time. All are fitted by maximum likelihood to the errors at ``n_times``
    equally spaced times up to the end of the shortest walk, taken together: the covariance of the errors of a trial is
    that of the model. Dimensions of the output share the variances. Intervals are 95 % percentiles over resampled
    trials.

    Args:
        ds: Trials with ``outputs`` and ``targets``.
        epoch: Epoch of the walk.
        angular: Whether the outputs code a direction, as cosine and sine or as a bump on a ring; errors are then in
            degrees.
        n_times: Number of times, at least 3.
        n_bootstrap: Number of bootstrap replicates.
        seed: Their seed.

    Returns:
        A dataset with ``diffusion``, ``initial_variance``, ``read_variance`` and, along ``dimension``, ``drift`` and
        ``offset``, each with its ``_interval``;
        ``log_likelihood`` and ``converged``; along ``elapsed``, in s, the ``mean_square`` error per dimension with its
        ``mean_square_interval``, the mean error ``bias`` and the ``fitted`` mean square; ``n``, and
        ``n_excluded``, the trials without an answer at some of the times.

    Raises:
        ValueError: If outputs, targets or epoch are missing, or there are too few times or trials.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> walk = np.cumsum(rng.normal(size=(400, 100, 1)), axis=1) * np.sqrt(2 * 0.5 * 0.02)   # D = 0.5 / s
        >>> data = {"outputs": (("trial", "time", "output"), walk), "targets": (("trial", "time", "output"), 0 * walk)}
        >>> ends = {"epoch_walk_start": ("trial", np.zeros(400)), "epoch_walk_end": ("trial", np.full(400, 2000.0))}
        >>> fit = integration_error(xr.Dataset(data, {"time": np.arange(100) * 20.0, **ends}))
        >>> bool(fit.diffusion_interval[0] < 0.5 < fit.diffusion_interval[1])
        True
    """
    errors, time = _errors(ds, epoch, angular, n_times)
    known = np.isfinite(errors).all(axis=(1, 2))
    kept = errors[known]
    if len(kept) < 3:
        raise ValueError(
            f"The growth of an error needs at least three trials with an answer at all times: got {len(kept)}."
        )
    if n_bootstrap < 0:
        raise ValueError(f"n_bootstrap must be at least 0: got {n_bootstrap}.")
    rng = np.random.default_rng(derive_seed(seed, "integration"))
    weight = np.concatenate([
        np.ones((1, len(kept))),
        rng.multinomial(len(kept), np.full(len(kept), 1 / len(kept)), size=n_bootstrap),
    ])
    found = _fit(kept, weight, time)
    squares = (kept**2).mean(axis=2)
    mean_square = squares.mean(axis=0)
    degrees = len(kept) * kept.shape[2]
    ends = np.stack(
        [
            degrees * mean_square / chdtri(degrees, 0.025),
            degrees * mean_square / chdtri(degrees, 0.975),
        ],
        axis=1,
    )
    expected = found.offset[0] + found.drift[0] * time[:, None]
    grown = found.initial[0] + found.noise[0] + 2 * found.diffusion[0] * time
    unit = "degree" if angular else "1"
    per = {"1": "1/s", "degree": "degree/s"}[unit]
    squared = {"1": "1", "degree": "degree^2"}[unit]
    dimensions = ["angle"] if angular else [str(name) for name in ds["output"].values]
    result = xr.Dataset(
        {
            "diffusion": float(found.diffusion[0]),
            "diffusion_interval": ("interval", percentile_interval(found.diffusion[1:])),
            "read_variance": float(found.noise[0]),
            "read_variance_interval": ("interval", percentile_interval(found.noise[1:])),
            "initial_variance": float(found.initial[0]),
            "initial_variance_interval": ("interval", percentile_interval(found.initial[1:])),
            "offset": ("dimension", found.offset[0]),
            "offset_interval": (("dimension", "interval"), percentile_interval(found.offset[1:])),
            "drift": ("dimension", found.drift[0]),
            "drift_interval": (("dimension", "interval"), percentile_interval(found.drift[1:])),
            "mean_square": ("elapsed", mean_square),
            "mean_square_interval": (("elapsed", "interval"), ends),
            "bias": (("elapsed", "dimension"), kept.mean(axis=0)),
            "fitted": ("elapsed", grown + (expected**2).mean(axis=1)),
            "log_likelihood": float(found.log_likelihood[0]),
            "converged": bool(found.converged[0]),
            "n": len(kept),
            "n_excluded": int((~known).sum()),
        },
        coords={
            "elapsed": ("elapsed", time, {"long_name": "time from the start of the walk", "units": "s"}),
            "dimension": dimensions,
            "interval": ["low", "high"],
        },
    )
    described = {
        "diffusion": ("diffusion coefficient", "degree^2/s" if angular else "1/s"),
        "initial_variance": ("variance of the error at the start", squared),
        "read_variance": ("variance of the error that is new at each time", squared),
        "offset": ("offset", unit),
        "drift": ("drift", per),
        "mean_square": ("mean squared error", squared),
    }
    for name, (long_name, units) in described.items():
        result[name].attrs = {"long_name": long_name, "units": units}
        result[f"{name}_interval"].attrs = {"long_name": f"95 % interval of {long_name}", "units": units}
    result["bias"].attrs = {"long_name": "mean error", "units": unit}
    result["fitted"].attrs = dict(result["mean_square"].attrs)
    return result.assign_attrs(
        provenance("neurornn.IntegrationError/1")
        | {"n_bootstrap": n_bootstrap, "bootstrap": "trials, 95 % percentiles", "seed": seed, "epoch": epoch}
    )


def plot_integration_error(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Mean squared error against elapsed time with the interval of a Gaussian, and the fit.

    Args:
        ds: Result of :func:`integration_error`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    x, y = ds["elapsed"].values, ds["mean_square"].values
    bars = np.maximum(np.abs(ds["mean_square_interval"].values - y[:, None]).T, 0.0)
    axes.errorbar(x, y, bars, fmt="o", color="black", markersize=4, elinewidth=1, label="observed")
    axes.plot(x, ds["fitted"].values, color="#0072B2", linewidth=1.6, label="fit")
    low, high = ds["diffusion_interval"].values
    unit = str(ds["diffusion"].attrs["units"]).replace("^2", "²")
    axes.set(xlabel=label(ds["elapsed"]), ylabel=label(ds["mean_square"]).replace("^2", "²"))
    axes.set_xlim(0.0, 1.04 * x[-1])
    axes.set_ylim(bottom=0.0)
    legend_beside(axes, title=f"D = {float(ds['diffusion']):.3g}\n[{low:.3g}, {high:.3g}]\n{unit}")
    return axes


@dataclass(frozen=True)
class IntegrationError(AbstractMeasure):
    """Growth of the error of an integrator (:func:`integration_error`).

    Attributes:
        epoch: Epoch of the walk.
        angular: Whether the outputs code a direction.
    """

    epoch: str = "walk"
    angular: bool = False

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return integration_error(ds, epoch=self.epoch, angular=self.angular)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_integration_error(result, ax=ax)


class _Growth(NamedTuple):
    initial: NDArray[np.float64]
    diffusion: NDArray[np.float64]
    noise: NDArray[np.float64]
    offset: NDArray[np.float64]
    drift: NDArray[np.float64]
    log_likelihood: NDArray[np.float64]
    converged: NDArray[np.bool_]


def _errors(
    ds: xr.Dataset, epoch: str, angular: bool, n_times: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Errors ``(trial, time, dimension)`` at times in s from the start of the walk."""
    needed = {"outputs", "targets", f"epoch_{epoch}_start", f"epoch_{epoch}_end"}
    if not needed <= set(map(str, ds.variables)):
        raise ValueError(f"The dataset lacks {sorted(needed - set(map(str, ds.variables)))}.")
    if n_times < 3:
        raise ValueError(f"n_times must be at least 3: got {n_times}.")
    y, target = (
        ds[name].transpose("trial", "time", "output").values.astype(np.float64)
        for name in ("outputs", "targets")
    )
    dt = float(ds["time"][1] - ds["time"][0])
    start, end = (np.round(ds[f"epoch_{epoch}_{side}"].values / dt).astype(int) for side in ("start", "end"))
    shortest = int((end - start).min())
    if shortest < n_times:
        n_times = shortest
    if n_times < 3:
        raise ValueError(f"The shortest walk has {shortest} steps: at least 3 are needed.")
    place = np.unique(np.round(np.linspace(0, shortest - 1, n_times)).astype(int))
    rows = np.arange(len(y))[:, None]
    at = start[:, None] + place
    if angular:
        gap = np.angle(_phasor(y[rows, at]) * np.conj(_phasor(target[rows, at])))
        return np.rad2deg(gap)[..., None], (place + 1) * dt / 1000.0
    return y[rows, at] - target[rows, at], (place + 1) * dt / 1000.0


def _phasor(activity: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Direction of a cosine and a sine, or of a population vector, on the unit circle; NaN without one."""
    n = activity.shape[-1]
    turn = np.array([1.0, 1j]) if n == 2 else np.exp(2j * np.pi * np.arange(n) / n)
    z = activity @ turn
    size = np.abs(z)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(size > 1e-9 * np.abs(activity).max(axis=-1), z / size, np.nan))


def _fit(errors: NDArray[np.float64], weight: NDArray[np.float64], time: NDArray[np.float64]) -> _Growth:
    """Maximum likelihood for each row of weights by Fisher scoring, variances kept at or above 0."""
    n_trials, n_times, n_dim = errors.shape
    total = weight.sum(axis=1)
    parts = np.stack([np.ones((n_times, n_times)), 2 * np.minimum(time[:, None], time), np.eye(n_times)])
    design = np.stack([np.ones(n_times), time], axis=1)
    mean = (weight @ errors.reshape(n_trials, -1)).reshape(-1, n_times, n_dim) / total[:, None, None]
    outer = np.einsum("nkd,nld->nkl", errors, errors).reshape(n_trials, -1)
    second = (weight @ outer).reshape(-1, n_times, n_times) / total[:, None, None]
    level = max(float(np.trace(second[0])) / n_times / n_dim, 1e-300)
    scale = level / np.array([1.0, 2 * time.mean(), 1.0])
    theta = np.tile(scale / 3.0, (len(weight), 1))
    beta = np.zeros((len(weight), 2, n_dim))
    log_likelihood: NDArray[np.float64] = np.full(len(weight), -np.inf)
    converged = np.zeros(len(weight), dtype=bool)
    for _ in range(_N_ITERATIONS):
        (rows,) = np.nonzero(~converged)
        if not rows.size:
            break
        covariance = np.einsum("fa,akl->fkl", theta[rows], parts) + 1e-9 * level * np.eye(n_times)
        inverse = np.linalg.inv(covariance)
        left = design.T @ inverse
        beta[rows] = np.linalg.solve(left @ design, left @ mean[rows])
        model = design @ beta[rows]
        cross = mean[rows] @ model.transpose(0, 2, 1)
        residual = second[rows] - cross - cross.transpose(0, 2, 1) + model @ model.transpose(0, 2, 1)
        spread = np.linalg.slogdet(covariance)[1] + n_times * np.log(2 * np.pi)
        log_likelihood[rows] = (
            -0.5 * total[rows] * (n_dim * spread + np.einsum("fkl,flk->f", inverse, residual))
        )
        scaled = inverse[:, None] @ parts  # (fit, part, time, time)
        info = np.einsum("fakl,fblk->fab", scaled, scaled)
        seen = np.einsum("fakl,flk->fa", scaled, inverse @ (residual / n_dim))
        found = _non_negative(info * scale[:, None] * scale, seen * scale) * scale
        change = np.abs(found - theta[rows]) / scale
        converged[rows] = change.max(axis=1) < _TOLERANCE
        theta[rows] = found
    return _Growth(theta[:, 0], theta[:, 1], theta[:, 2], beta[:, 0], beta[:, 1], log_likelihood, converged)


def _non_negative(matrix: NDArray[np.float64], vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """The minimum of each quadratic form x'Ax/2 - b'x over x >= 0, the best of those over all sets of free entries."""
    n = matrix.shape[1]
    best: NDArray[np.float64] = np.zeros_like(vector)
    lowest: NDArray[np.float64] = np.zeros(len(vector))
    for chosen in range(1, 2**n):
        free = [k for k in range(n) if chosen >> k & 1]
        block = matrix[:, free][:, :, free] + 1e-12 * np.eye(len(free))
        part = np.linalg.solve(block, vector[:, free, None])[..., 0]
        value = -0.5 * (part * vector[:, free]).sum(axis=1)
        better = (part >= 0).all(axis=1) & (value < lowest)
        candidate = np.zeros_like(vector)
        candidate[:, free] = part
        best = np.where(better[:, None], candidate, best)
        lowest = np.where(better, value, lowest)
    return best
