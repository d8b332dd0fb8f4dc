r"""Oscillations: frequency, amplitude and phase of an output."""

__all__ = ["Oscillations", "Sinusoid", "fit_sinusoid", "plot_oscillations", "produced_frequencies"]

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import stdtrit
from typing_extensions import override

from neurornn.analysis._plotting import axes_or_new, label
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_N_ITERATIONS, _FLAT = 25, 1e-12


class Sinusoid(NamedTuple):
    """The sinusoid nearest to each signal.

    Attributes:
        frequency: Frequency in Hz, ``(trial,)``; NaN if the signal is constant.
        amplitude: Amplitude, at least 0; 0 if the signal is constant.
        phase: Phase in degrees at the middle of the window, that of a sine; NaN if the signal is constant.
        offset: Mean about which it oscillates.
        explained: Fraction of the variance in the window that it explains.
    """

    frequency: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    phase: NDArray[np.float64]
    offset: NDArray[np.float64]
    explained: NDArray[np.float64]


def fit_sinusoid(
    signal: NDArray[np.float64],
    inside: NDArray[np.bool_],
    dt: float,
    *,
    near: NDArray[np.float64] | None = None,
) -> Sinusoid:
    r"""Fit a sinusoid to each signal by least squares, all at once.

    .. math:: y(t) = o + A \sin(2 \pi f (t - t_m) + \varphi)

    where :math:`t_m` is the middle of the window. The search starts at the peak of the power spectrum, between half a
    period in the window and a quarter of the sampling rate, and goes on by Gauss-Newton steps: maximum likelihood
    under white Gaussian noise.

    Args:
        signal: Signals ``(trial, time)``.
        inside: Steps of the window of each trial, one stretch.
        dt: Time step in ms.
        near: Frequencies to start from where they explain more than the peak, one for each trial in Hz.

    Returns:
        The sinusoids.

    Examples:
        >>> time = np.arange(100) * 20.0   # 2 s
        >>> wave = 0.5 + 2.0 * np.sin(2 * np.pi * 1.7 * time / 1000.0)
        >>> found = fit_sinusoid(wave[None], np.ones((1, 100), dtype=bool), 20.0)
        >>> [round(float(each[0]), 6) for each in (found.frequency, found.amplitude, found.offset, found.explained)]
        [1.7, 2.0, 0.5, 1.0]
    """
    y = np.where(inside, signal, 0.0)
    count = inside.sum(axis=1)
    step = np.arange(inside.shape[1])
    middle = (np.sum(step * inside, axis=1)) / np.maximum(count, 1)
    time = (step - middle[:, None]) * (dt / 1000.0)
    mean = y.sum(axis=1) / np.maximum(count, 1)
    centred = np.where(inside, signal - mean[:, None], 0.0)
    power = (centred**2).sum(axis=1)
    flat = ~(power > _FLAT * (1.0 + mean**2) * count) | (count < 5) | ~np.isfinite(power)
    centred = np.where(flat[:, None], 0.0, centred)

    longest = float(count.max(initial=5)) * dt / 1000.0
    n_fft = 1 << int(np.ceil(np.log2(8 * max(int(count.max(initial=5)), signal.shape[1]))))
    grid = np.fft.rfftfreq(n_fft, dt / 1000.0)
    allowed = (grid >= 0.5 / longest) & (grid <= 250.0 / dt)
    spectrum = np.abs(np.fft.rfft(centred, n_fft, axis=1)) * allowed
    frequency = grid[spectrum.argmax(axis=1)]
    if near is not None:
        other = np.asarray(near, dtype=np.float64)
        better = _explained(centred, inside, time, other) > _explained(centred, inside, time, frequency)
        frequency = np.where(better, other, frequency)
    best = _explained(centred, inside, time, frequency)
    for _ in range(_N_ITERATIONS):
        change = _gauss_newton(centred, inside, time, frequency)
        change = np.clip(change, -0.05 / longest, 0.05 / longest)
        trial = np.maximum(frequency + change, 0.25 / longest)
        found = _explained(centred, inside, time, trial)
        won = found > best
        frequency, best = np.where(won, trial, frequency), np.where(won, found, best)
        if not won.any():
            break
    coefficient = _coefficients(centred, inside, time, frequency)
    nan = np.where(flat, np.nan, 0.0)
    return Sinusoid(
        frequency + nan,
        np.where(flat, 0.0, np.hypot(coefficient[:, 1], coefficient[:, 2])),
        np.rad2deg(np.arctan2(coefficient[:, 1], coefficient[:, 2])) + nan,
        mean + coefficient[:, 0],
        np.where(flat, 0.0, best / np.where(flat, 1.0, power)),
    )


def produced_frequencies(
    ds: xr.Dataset, *, asked: str = "frequency", produced: str = "produced_frequency"
) -> xr.Dataset:
    r"""Produced against asked frequency: mean, spread and error at each frequency.

    Args:
        ds: Trials, simulated or recorded.
        asked: Name of the frequency asked for, in Hz.
        produced: Name of the produced frequency; NaN (no oscillation) is excluded and counted.

    Returns:
        A dataset with ``mean``, its 95 % ``mean_interval`` from Student's t, ``sd`` and ``n`` along ``frequency``; ``error``, the mean
        absolute relative error over all trials, and ``n_excluded``.

    Raises:
        ValueError: If a variable is missing or no trial oscillates.
    """
    for name in (asked, produced):
        if name not in ds.variables or ds[name].dims != ("trial",):
            raise ValueError(f"'{name}' is not a variable of the trials.")
    want, made = (ds[name].values.astype(np.float64) for name in (asked, produced))
    known = np.isfinite(want) & np.isfinite(made) & (want > 0)
    if not known.any():
        raise ValueError("No trial has an oscillation.")
    levels, member = np.unique(want[known], return_inverse=True)
    n = np.bincount(member)
    mean = np.bincount(member, made[known]) / n
    spread = np.bincount(member, (made[known] - mean[member]) ** 2)
    sd = np.sqrt(np.divide(spread, n - 1, out=np.full(levels.size, np.nan), where=n > 1))
    half = stdtrit(np.maximum(n - 1, 1), 0.975) * sd / np.sqrt(n)
    attrs = {"long_name": "produced frequency", "units": "Hz"}
    return xr.Dataset(
        {
            "mean": ("frequency", mean, attrs),
            "mean_interval": (("frequency", "interval"), np.stack([mean - half, mean + half], 1), attrs),
            "sd": ("frequency", sd, {"long_name": "standard deviation", "units": "Hz"}),
            "n": ("frequency", n, {"long_name": "trials", "units": "1"}),
            "error": (
                (),
                float(np.mean(np.abs(made[known] / want[known] - 1.0))),
                {"long_name": "mean relative error of the frequency", "units": "1"},
            ),
            "n_excluded": ((), int((~known).sum())),
        },
        coords={
            "frequency": ("frequency", levels, {"long_name": "frequency asked for", "units": "Hz"}),
            "interval": ["low", "high"],
        },
        attrs=provenance("neurornn.Oscillations/1"),
    )


def plot_oscillations(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Mean produced frequency and its standard deviation against the frequency asked for; the diagonal is no error.

    Args:
        ds: Result of :func:`produced_frequencies`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    x = ds["frequency"].values
    ends = np.array([0.9 * x.min(), 1.1 * x.max()])
    axes.plot(ends, ends, color="0.7", linewidth=1, linestyle="--", zorder=0)
    axes.errorbar(
        x,
        ds["mean"].values,
        np.nan_to_num(ds["sd"].values),
        fmt="o",
        color="#0072B2",
        markersize=4.5,
        capsize=3,
    )
    axes.set(xlabel=label(ds["frequency"]), ylabel=label(ds["mean"]))
    told = f"mean error {100 * float(ds['error']):.2g} %"
    if int(ds["n_excluded"]):
        told += f"\n{int(ds['n_excluded'])} trials without oscillation"
    axes.text(0.03, 0.97, told, transform=axes.transAxes, va="top", fontsize=8)
    return axes


@dataclass(frozen=True)
class Oscillations(AbstractMeasure):
    """Produced against asked frequency (:func:`produced_frequencies`).

    Attributes:
        asked: Frequency asked for, in Hz.
        produced: Produced frequency.
    """

    asked: str = "frequency"
    produced: str = "produced_frequency"

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return produced_frequencies(ds, asked=self.asked, produced=self.produced)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_oscillations(result, ax=ax)


def _basis(
    inside: NDArray[np.bool_], time: NDArray[np.float64], frequency: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Constant, cosine and sine of each trial, ``(trial, 3, time)``, 0 outside the window."""
    angle = 2 * np.pi * frequency[:, None] * time
    return np.where(inside[:, None], np.stack([np.ones_like(angle), np.cos(angle), np.sin(angle)], 1), 0.0)


def _solve(basis: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    gram = basis @ basis.transpose(0, 2, 1)
    gram += 1e-10 * (np.trace(gram, axis1=1, axis2=2) + 1e-300)[:, None, None] * np.eye(basis.shape[1])
    return np.asarray(np.linalg.solve(gram, basis @ y[..., None])[..., 0])


def _coefficients(
    y: NDArray[np.float64],
    inside: NDArray[np.bool_],
    time: NDArray[np.float64],
    frequency: NDArray[np.float64],
) -> NDArray[np.float64]:
    return _solve(_basis(inside, time, frequency), y)


def _explained(
    y: NDArray[np.float64],
    inside: NDArray[np.bool_],
    time: NDArray[np.float64],
    frequency: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Sum of squares that the best sinusoid of a frequency explains."""
    basis = _basis(inside, time, frequency)
    coefficient = _solve(basis, y)
    residual = y - (coefficient[:, None] @ basis)[:, 0]
    return np.asarray((y**2 - residual**2).sum(axis=1))


def _gauss_newton(
    y: NDArray[np.float64],
    inside: NDArray[np.bool_],
    time: NDArray[np.float64],
    frequency: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Change of each frequency that the linearised model asks for."""
    basis = _basis(inside, time, frequency)
    coefficient = _solve(basis, y)
    slope = 2 * np.pi * time * (coefficient[:, 2:] * basis[:, 1] - coefficient[:, 1:2] * basis[:, 2])
    full = np.concatenate([basis, slope[:, None]], axis=1)
    return _solve(full, y - (coefficient[:, None] @ basis)[:, 0])[:, 3]
