r"""Memories of a sign, such as those of a flip-flop: how often they are right and how fast they switch."""

__all__ = [
    "BitAccuracy",
    "TransitionTimes",
    "bit_accuracy",
    "plot_bit_accuracy",
    "plot_transition_times",
    "transition_times",
]

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis._plotting import axes_or_new, label, legend_beside
from neurornn.analysis.behaviour._choices import wilson_interval
from neurornn.analysis.behaviour._measure import AbstractMeasure
from neurornn.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def bit_accuracy(ds: xr.Dataset, *, epoch: str = "hold", grace: float = 200.0) -> xr.Dataset:
    """Fraction of time in which each output has the sign of its target, a grace period after each switch left out.

    The interval is a percentile of means over resampled trials, 400 times, as the steps of a trial are not independent.

    Args:
        ds: Trials with ``outputs`` and ``targets`` of -1 and +1.
        epoch: Epoch that is judged.
        grace: Time in ms after a switch of a target in which its bit is not judged.

    Returns:
        A dataset with ``accuracy`` and ``accuracy_interval`` along ``bit``; and ``all_right``, the fraction of trials in
        which every bit is right at all times, with Wilson's interval.

    Raises:
        ValueError: If outputs, targets or epoch are missing, or nothing is left to judge.

    Examples:
        >>> target = np.array([[[1.0], [1.0], [-1.0], [-1.0]]])
        >>> data = {"targets": (("trial", "time", "output"), target), "outputs": (("trial", "time", "output"), 0 * target + 1)}
        >>> ends = {"epoch_hold_start": ("trial", [0.0]), "epoch_hold_end": ("trial", [40.0])}
        >>> ds = xr.Dataset(data, {"time": np.arange(4) * 10.0, "output": ["bit_1"], **ends})
        >>> bit_accuracy(ds, grace=10.0).accuracy.values.round(3).tolist()   # right twice, one step spared, wrong once
        [0.667]
    """
    y, target, inside, dt = _traces(ds, epoch)
    if not 0 <= grace < np.inf:
        raise ValueError(f"grace must be finite and at least 0 ms: got {grace}.")
    spared = int(np.floor(grace / dt + 0.5 + 1e-9))
    changed = np.zeros(target.shape, dtype=np.int64)
    changed[:, 1:] = target[:, 1:] != target[:, :-1]
    total = np.cumsum(changed, axis=1)
    before = np.zeros_like(total)
    before[:, spared:] = total[:, : total.shape[1] - spared]
    judged = inside[..., None] & (total == before)
    right = judged & (np.sign(y) == np.sign(target))
    count, won = judged.sum(axis=1), right.sum(axis=1)
    if not count.any(axis=0).all():
        raise ValueError("Nothing is left to judge: shorten grace.")
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(y), (400, len(y)))
    with np.errstate(invalid="ignore", divide="ignore"):
        replicates = won[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    ends = np.moveaxis(np.nanquantile(replicates, [0.025, 0.975], axis=0), 0, -1)
    perfect = (won == count).all(axis=1)
    return xr.Dataset(
        {
            "accuracy": (
                "bit",
                won.sum(axis=0) / count.sum(axis=0),
                {"long_name": "fraction of time right", "units": "1"},
            ),
            "accuracy_interval": (("bit", "interval"), ends),
            "all_right": (
                (),
                float(perfect.mean()),
                {"long_name": "fraction of trials without error", "units": "1"},
            ),
            "all_right_interval": ("interval", wilson_interval(perfect.sum(), len(perfect))),
            "n": ((), len(y)),
        },
        coords={"bit": _names(ds), "interval": ["low", "high"]},
        attrs=provenance("neurornn.BitAccuracy/1") | {"grace": float(grace), "epoch": epoch},
    )


def transition_times(ds: xr.Dataset, *, epoch: str = "hold", threshold: float = 0.5) -> xr.Dataset:
    r"""How long an output takes to follow when its target switches sign.

    The time from the switch of the target to the first step at which the output times the new sign is at least the
    threshold, :math:`s\,y \ge` ``threshold``. A switch that the next switch of the same bit, or the end of the trial, overtakes is
    missed.

    Args:
        ds: Trials with ``outputs`` and ``targets`` of -1 and +1.
        epoch: Epoch whose switches are counted.
        threshold: Level that counts as switched.

    Returns:
        A dataset with the ``time`` of each ``switch`` in ms (NaN if missed), its ``bit`` number from 0, its new ``sign`` and
        its ``trial_index``; ``median`` and ``missed``, the fraction missed, along ``bit_name``, with ``n_switches``.

    Raises:
        ValueError: If outputs, targets or epoch are missing, or no target switches.

    Examples:
        >>> target = np.array([[[-1.0], [1.0], [1.0], [1.0]]])
        >>> output = np.array([[[-1.0], [-0.5], [0.2], [0.9]]])
        >>> data = {"targets": (("trial", "time", "output"), target), "outputs": (("trial", "time", "output"), output)}
        >>> ends = {"epoch_hold_start": ("trial", [0.0]), "epoch_hold_end": ("trial", [40.0])}
        >>> ds = xr.Dataset(data, {"time": np.arange(4) * 10.0, "output": ["bit_1"], **ends})
        >>> transition_times(ds).time.values.tolist()
        [20.0]
    """
    y, target, inside, dt = _traces(ds, epoch)
    n_steps = y.shape[1]
    switched = np.zeros(target.shape, dtype=bool)
    switched[:, 1:] = (np.sign(target[:, 1:]) != np.sign(target[:, :-1])) & inside[:, 1:, None]
    end = np.where(inside.any(axis=1), n_steps - inside[:, ::-1].argmax(axis=1), 0)
    step = np.arange(n_steps)[None, :, None]
    there = (y * np.sign(target) >= threshold) & inside[..., None]
    reached = _next(np.where(there, step, n_steps))
    later = np.concatenate([switched[:, 1:], np.zeros_like(switched[:, :1])], axis=1)
    after = _next(np.where(later, step + 1, n_steps))  # the first switch after each step
    trial, when, bit = np.nonzero(switched)
    if not trial.size:
        raise ValueError(f"No target switches in '{epoch}': there is no transition to time.")
    limit = np.minimum(after[trial, when, bit], end[trial])
    first = reached[trial, when, bit]
    time = np.where(first < limit, (first - when) * dt, np.nan)
    names = _names(ds)
    median = np.full(len(names), np.nan)
    for k in range(len(names)):
        found = time[(bit == k) & np.isfinite(time)]
        median[k] = np.median(found) if found.size else np.nan
    n = np.bincount(bit, minlength=len(names))
    lost = np.bincount(bit, np.isnan(time), len(names))
    return xr.Dataset(
        {
            "time": ("switch", time, {"long_name": "transition time", "units": "ms"}),
            "bit": ("switch", bit),
            "sign": ("switch", np.sign(target[trial, when, bit])),
            "trial_index": ("switch", trial),
            "median": ("bit_name", median, {"long_name": "median transition time", "units": "ms"}),
            "missed": (
                "bit_name",
                np.divide(lost, n, out=np.full(len(names), np.nan), where=n > 0),
                {"long_name": "fraction of switches missed", "units": "1"},
            ),
            "n_switches": ("bit_name", n),
        },
        coords={"bit_name": names},
        attrs=provenance("neurornn.TransitionTimes/1")
        | {"threshold": float(threshold), "epoch": epoch, "dt": dt},
    )


def plot_bit_accuracy(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Accuracy of each bit with its interval.

    Args:
        ds: Result of :func:`bit_accuracy`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    value = ds["accuracy"].values
    bars = np.maximum(np.abs(ds["accuracy_interval"].values - value[:, None]).T, 0.0)
    place = np.arange(value.size)
    axes.axhline(0.5, color="0.8", linewidth=0.8, zorder=0)
    axes.errorbar(place, value, bars, fmt="o", color="#0072B2", markersize=5, capsize=3)
    axes.set_xticks(place, [str(name).replace("_", " ") for name in ds["bit"].values])
    axes.set(xlim=(-0.6, value.size - 0.4), ylim=(-0.03, 1.03), ylabel=label(ds["accuracy"]))
    return axes


def plot_transition_times(ds: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Cumulative distribution of transition times, a curve for each direction; what lacks to 1 was missed.

    Args:
        ds: Result of :func:`transition_times`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    time, sign = ds["time"].values, ds["sign"].values
    longest = float(np.nanmax(time, initial=0.0)) + float(ds.attrs["dt"])
    for value, colour, name in ((1.0, "#0072B2", "to +1"), (-1.0, "#D55E00", "to -1")):
        here = time[sign == value]
        if not here.size:
            continue
        x = np.sort(here[np.isfinite(here)])
        level = np.arange(1, x.size + 1) / here.size
        axes.step(
            np.concatenate([[0.0], x, [longest]]),
            np.concatenate([[0.0], level, level[-1:] if x.size else [0.0]]),
            where="post",
            color=colour,
            linewidth=1.6,
            label=name,
        )
    axes.set(xlabel=label(ds["time"]), ylabel="fraction of switches", ylim=(-0.03, 1.03), xlim=(0.0, longest))
    legend_beside(axes, title=f"{100 * float(np.isnan(time).mean()):.2g} % missed")
    return axes


@dataclass(frozen=True)
class BitAccuracy(AbstractMeasure):
    """Fraction of time in which each bit is right (:func:`bit_accuracy`).

    Attributes:
        epoch: Epoch that is judged.
        grace: Time in ms after a switch that is not judged.
    """

    epoch: str = "hold"
    grace: float = 200.0

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return bit_accuracy(ds, epoch=self.epoch, grace=self.grace)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_bit_accuracy(result, ax=ax)


@dataclass(frozen=True)
class TransitionTimes(AbstractMeasure):
    """How long bits take to switch (:func:`transition_times`).

    Attributes:
        epoch: Epoch whose switches are counted.
        threshold: Level that counts as switched.
    """

    epoch: str = "hold"
    threshold: float = 0.5

    @override
    def apply(self, ds: xr.Dataset) -> xr.Dataset:
        return transition_times(ds, epoch=self.epoch, threshold=self.threshold)

    @override
    def plot(self, result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
        return plot_transition_times(result, ax=ax)


def _traces(
    ds: xr.Dataset, epoch: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], float]:
    """Outputs and targets ``(trial, time, bit)``, which steps are in the epoch, and the time step in ms."""
    needed = {"outputs", "targets", f"epoch_{epoch}_start", f"epoch_{epoch}_end"}
    if not needed <= set(map(str, ds.variables)):
        raise ValueError(f"The dataset lacks {sorted(needed - set(map(str, ds.variables)))}.")
    y, target = (
        ds[name].transpose("trial", "time", "output").values.astype(np.float64)
        for name in ("outputs", "targets")
    )
    time = ds["time"].values
    dt = float(time[1] - time[0])
    start, end = (ds[f"epoch_{epoch}_{side}"].values[:, None] for side in ("start", "end"))
    inside = (time >= start - 1e-6 * dt) & (time < end - 1e-6 * dt)
    return y, target, inside, dt


def _next(step: NDArray[np.int64]) -> NDArray[np.int64]:
    """The smallest entry from each step on, along time."""
    return np.asarray(np.minimum.accumulate(step[:, ::-1], axis=1)[:, ::-1])


def _names(ds: xr.Dataset) -> list[str]:
    if "output" in ds.coords:
        return [str(name) for name in ds["output"].values]
    return [f"bit_{k + 1}" for k in range(ds.sizes["output"])]
