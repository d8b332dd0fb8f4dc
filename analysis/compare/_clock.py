"""One time base for networks and a recording: an event, a window and bins, or an error that says what differs."""

__all__ = ["Align", "Clock", "TimeBase", "place", "time_base"]

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.recordings._events import TRIAL_CLOCK, event_times

Align = str | tuple[str, str] | None
"""The event at time 0: of one name on both sides, or its name in the networks and in the recording; None for time as it is."""

_TOLERANCE = 1e-6  # of a step


class Clock(NamedTuple):
    """Where the bins of one side lie on its own time axis.

    Attributes:
        first: Position of the first step for each trial; it may lie outside the axis. -1 where ``aligned`` is false.
        aligned: Whether the trial has the event.
        per_bin: Steps in a bin.
        rounding: Largest distance in ms between an event and the edge of a step.
    """

    first: NDArray[np.intp]
    aligned: NDArray[np.bool_]
    per_bin: int
    rounding: float


class TimeBase(NamedTuple):
    """Bins that all sides share.

    Attributes:
        start: Start of each bin in ms.
        width: Their width in ms.
        event: What time is counted from, in the words of the networks.
        clocks: One for each side.
    """

    start: NDArray[np.float64]
    width: float
    event: str
    clocks: list[Clock]


def time_base(
    sides: Sequence[tuple[str, xr.Dataset]],
    *,
    align: Align,
    window: tuple[float, float] | None,
    bin_width: float | None,
) -> TimeBase:
    """The bins all sides are brought to.

    A bin holds the steps that start in it. Where an event does not fall on the edge of a step, the nearest edge counts.

    Args:
        sides: Name and trials of each side; the last is the recording.
        align: The event at time 0.
        window: First and last edge in ms; what all sides cover if None.
        bin_width: Width of a bin in ms, a multiple of the steps of every side; None if the steps are equal.

    Returns:
        The bins.

    Raises:
        ValueError: If steps differ, the windows do not overlap, or an event is missing.
    """
    names = align if isinstance(align, tuple) else (align, align)
    steps, events, offsets = [], [], []
    for k, (who, ds) in enumerate(sides):
        dt, time = _step(ds, who)
        wanted = names[1] if k == len(sides) - 1 else names[0]
        has = str(ds["time"].attrs.get("aligned_to", TRIAL_CLOCK))
        try:
            shift = (
                np.zeros(ds.sizes["trial"])
                if wanted in (None, has)
                else event_times(ds, str(wanted)) - event_times(ds, has)
            )
        except ValueError as error:
            raise ValueError(f"{who} cannot be aligned to '{wanted}': {error}") from error
        if not np.isfinite(shift).any():
            raise ValueError(f"{who} has no trial in which '{wanted}' happened.")
        steps.append((dt, time))
        events.append(has if wanted is None else str(wanted))
        offsets.append(shift)
    if align is None and len(set(events)) > 1:
        pairs = ", ".join(f"{who} from '{event}'" for (who, _), event in zip(sides, events, strict=True))
        raise ValueError(
            f"Time is not counted from the same event: {pairs}. Pass align=(event of the networks, event of the recording)."
        )
    width = _width(sides, [dt for dt, _ in steps], bin_width)
    spans = [
        (time[0] - np.nanmax(shift), time[-1] + dt - np.nanmin(shift))
        for (dt, time), shift in zip(steps, offsets, strict=True)
    ]
    low, high = max(span[0] for span in spans), min(span[1] for span in spans)
    if window is None:
        first = np.ceil(low / width - _TOLERANCE) * width
        n = int(np.floor((high - first) / width + _TOLERANCE))
    else:
        first, n = float(window[0]), round((window[1] - window[0]) / width)
        if n < 1 or abs(n * width - (window[1] - window[0])) > _TOLERANCE * width:
            raise ValueError(
                f"window must hold a whole number of bins of {width:g} ms: got {window[0]:g} to {window[1]:g} ms."
            )
    if n < 1 or first < low - _TOLERANCE * width or first + n * width > high + _TOLERANCE * width:
        covered = "; ".join(
            f"{who} covers {a:g} to {b:g} ms" for (who, _), (a, b) in zip(sides, spans, strict=True)
        )
        wanted_window = (
            "" if window is None else f" The window asked for is {window[0]:g} to {window[1]:g} ms."
        )
        raise ValueError(
            f"The time bases do not overlap as needed: {covered}.{wanted_window} Choose a window inside all of them, or another "
            "event with align."
        )
    clocks = []
    for (dt, time), shift in zip(steps, offsets, strict=True):
        position = (first + shift - time[0]) / dt
        known = np.isfinite(position)
        whole = np.rint(np.where(known, position, -1.0))
        rounding = float(np.abs(position - whole)[known].max() * dt)
        clocks.append(
            Clock(
                whole.astype(np.intp),
                known,
                round(width / dt),
                rounding if rounding > _TOLERANCE * dt else 0.0,
            )
        )
    return TimeBase(first + width * np.arange(n), width, events[0], clocks)


def place(
    values: NDArray[np.float64], clock: Clock, rows: slice, n_bins: int, offset: int
) -> NDArray[np.float64]:
    """Activity in the common bins, NaN where a bin is not whole.

    Args:
        values: Activity ``(trial, step, unit)`` of some trials.
        clock: Where the bins lie.
        rows: Which trials these are.
        n_bins: Number of bins.
        offset: Position of the first step that ``values`` holds.

    Returns:
        Activity ``(trial, bin, unit)``, a new array.
    """
    first = clock.first[rows] - offset
    n = n_bins * clock.per_bin
    if (first == first[0]).all() and first[0] >= 0 and first[0] + n <= values.shape[1]:
        moved = values[:, first[0] : first[0] + n].copy()
    else:
        index = first[:, None] + np.arange(n)
        inside = (index >= 0) & (index < values.shape[1])
        moved = values[np.arange(len(values))[:, None], np.clip(index, 0, values.shape[1] - 1)]
        moved[~inside] = np.nan
    if clock.per_bin > 1:
        moved = moved.reshape(len(values), n_bins, clock.per_bin, -1).mean(2)
    return moved


def _step(ds: xr.Dataset, who: str) -> tuple[float, NDArray[np.float64]]:
    if "time" not in ds.coords:
        raise ValueError(f"{who} has no coordinate 'time' in ms.")
    time = ds["time"].values.astype(np.float64)
    units = ds["time"].attrs.get("units", "ms")
    if units != "ms":
        raise ValueError(f"{who} has time in '{units}', and ms is needed.")
    if time.size < 2:
        if "dt" not in ds.attrs:
            raise ValueError(f"{who} has one time step only and attrs['dt'] does not say how long it is.")
        return float(ds.attrs["dt"]), time
    steps = np.diff(time)
    dt = float((time[-1] - time[0]) / (time.size - 1))
    if not dt > 0 or np.abs(steps - dt).max() > _TOLERANCE * dt:
        raise ValueError(
            f"{who} has no regular time axis: steps range from {steps.min():g} to {steps.max():g} ms. Bin it first."
        )
    return dt, time


def _width(sides: Sequence[tuple[str, xr.Dataset]], steps: Sequence[float], bin_width: float | None) -> float:
    if bin_width is None:
        if max(steps) - min(steps) > _TOLERANCE * min(steps):
            found = ", ".join(f"{who} {dt:g} ms" for (who, _), dt in zip(sides, steps, strict=True))
            raise ValueError(
                f"The time steps differ: {found}. Nothing is resampled unless asked: pass bin_width, a multiple of all of them."
            )
        return steps[0]
    for (who, _), dt in zip(sides, steps, strict=True):
        ratio = bin_width / dt
        if not ratio > 1 - _TOLERANCE or abs(ratio - round(ratio)) > _TOLERANCE * ratio:
            raise ValueError(
                f"bin_width must be a multiple of every time step: got {bin_width:g} ms, and {who} has steps of {dt:g} ms."
            )
    return float(bin_width)
