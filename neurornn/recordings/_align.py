"""Binned activity moved to the time of another event."""

__all__ = ["align"]

from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.recordings._blocks import read, slices
from neurornn.recordings._events import TRIAL_CLOCK, event_times
from neurornn.recordings._spikes import time_attributes

_TOLERANCE: Final = 1e-6  # of a bin
_MOST: Final = 16  # how many times longer the time axis may become before a window must be given


def align(
    ds: xr.Dataset, event: str, *, window: tuple[float, float] | None = None, interpolate: bool = False
) -> xr.Dataset:
    r"""Count time from another event, trial by trial.

    Bin :math:`k` of a trial whose event comes :math:`\Delta` ms after the one its time is counted from goes to
    :math:`t_k - \Delta`. Without interpolation :math:`\Delta` must be a whole number of bins and the values are moved as
    they are. Otherwise they are interpolated linearly between the two bins on either side, which smooths, and is NaN
    where either of them is. From spikes, :func:`to_rates` aligns exactly and needs neither.

    Args:
        ds: A recording in binned form, or simulated trials.
        event: Event at time 0, such as ``"saccade"``, or ``"stimulus_start"`` of simulated trials; ``"trial"`` is
            the trial clock.
        window: First and last edge in ms from the event; None keeps every bin of every trial.
        interpolate: Whether to interpolate where bins do not fit.

    Returns:
        The dataset with all variables over ``trial`` and ``time`` moved, and NaN where a trial has no bin; ``valid``
        and ``mask`` are 0 there. Events stay on the trial clock. The attribute ``n_trials_without_event`` counts the trials
        that are NaN because the event is missing.

    Raises:
        ValueError: If bins do not fit, time is not evenly spaced, there is no such event, or a variable has no place.

    Examples:
        >>> from neurornn.recordings import binned
        >>> ds = binned(np.arange(6.0).reshape(2, 3, 1), [0.0, 10.0, 20.0], events={"go": [10.0, 20.0]})
        >>> moved = align(ds, "go")
        >>> moved.time.values.tolist()
        [-20.0, -10.0, 0.0, 10.0]
        >>> moved.rate.values[..., 0].tolist()
        [[nan, 0.0, 1.0, 2.0], [3.0, 4.0, 5.0, nan]]
    """
    if "trial" not in ds.sizes or "time" not in ds.sizes or ds.sizes["time"] < 2:
        raise ValueError(
            "Only binned activity (trial, time, unit) can be aligned. From spikes use to_rates(align=...)."
        )
    time = ds["time"].values.astype(np.float64)
    dt = (time[-1] - time[0]) / (time.size - 1)
    if not dt > 0 or np.abs(np.diff(time) - dt).max() > _TOLERANCE * dt:
        raise ValueError("time must be evenly spaced to be aligned.")
    old = str(ds["time"].attrs.get("aligned_to", TRIAL_CLOCK))
    shift = (event_times(ds, event) - event_times(ds, old)) / dt  # in bins
    known = np.isfinite(shift)
    if not known.any():
        raise ValueError(f"No trial has the events '{event}' and '{old}'.")
    first, n = _axis(window, time, dt, shift[known], interpolate)
    source = (
        np.where(known, shift, 0.0)[:, None] + first + np.arange(n)
    )  # position on the old axis, (trial, time)
    apart = np.abs(source - np.rint(source)) > _TOLERANCE
    if apart[known].any() and not interpolate:
        one = int(np.flatnonzero(apart.any(1) & known)[0])
        raise ValueError(
            f"The bins do not fit: in trial {one} '{event}' comes {shift[one] * dt:g} ms after '{old}', which is no "
            f"whole number of bins of {dt:g} ms. Bin the spikes again with to_rates(align='{event}'), or pass "
            "interpolate=True."
        )
    source = np.where(apart, source, np.rint(source))
    source[~known] = -2.0  # outside
    result = {}
    for name, each in ds.variables.items():
        if name == "time":
            continue
        if "time" not in each.dims:
            result[name] = each
        elif "trial" in each.dims:
            result[name] = _moved(ds[name], source)
        else:
            raise ValueError(
                f"'{name}' runs along time without trials and has no place once they move. Drop it first."
            )
    axis = time[0] + (first + np.arange(n)) * dt
    result["time"] = xr.Variable("time", axis, ds["time"].attrs | time_attributes(event))
    moved = xr.Dataset({name: each for name, each in result.items() if name in ds.data_vars}, attrs=ds.attrs)
    moved = moved.assign_coords({name: each for name, each in result.items() if name not in ds.data_vars})
    return moved.assign_attrs(n_trials_without_event=int((~known).sum()))


def _axis(
    window: tuple[float, float] | None,
    time: NDArray[np.float64],
    dt: float,
    shift: NDArray[np.float64],
    interpolate: bool,
) -> tuple[float, int]:
    """First bin of the new axis, counted on the old one, and the number of bins."""
    if window is None:
        low, high = -np.floor(shift.max() + _TOLERANCE), time.size - np.ceil(shift.min() - _TOLERANCE)
        if high - low > _MOST * time.size:
            raise ValueError(
                f"The events are so far apart that time would have {high - low:.0f} bins instead of {time.size}. "
                "Give a window."
            )
        return float(low), int(high - low)
    first, n = (window[0] - time[0]) / dt, (window[1] - window[0]) / dt
    if not (np.isfinite(n) and round(n) >= 1 and abs(n - round(n)) < _TOLERANCE):
        raise ValueError(
            f"window must hold a whole number of bins of {dt:g} ms: got {window[0]:g} to {window[1]:g} ms."
        )
    if abs(first - round(first)) > _TOLERANCE and not interpolate:
        raise ValueError(
            f"The bins do not fit: window starts at {window[0]:g} ms and bins of {dt:g} ms at {time[0]:g} ms. Start "
            "it on a bin, or pass interpolate=True."
        )
    return (float(round(first)) if abs(first - round(first)) <= _TOLERANCE else float(first)), round(n)


def _moved(array: xr.DataArray, source: NDArray[np.float64]) -> xr.Variable:
    dims = ("trial", "time", *(dim for dim in array.dims if dim not in ("trial", "time")))
    n_old, rest = array.sizes["time"], [array.sizes[dim] for dim in dims[2:]]
    zero = array.name in ("valid", "mask")
    dtype: Any = (
        np.result_type(array.dtype, np.float32) if array.dtype.kind in "iuf" and not zero else array.dtype
    )
    if array.dtype.kind not in "iufb" or (array.dtype.kind == "b" and not zero):
        raise ValueError(
            f"'{array.name}' of type {array.dtype} cannot be NaN where a trial has no bin. Drop it first."
        )
    out = np.full((*source.shape, *rest), 0 if zero else np.nan, dtype=dtype)
    below = np.floor(source).astype(np.int64)
    part = (source - below)[(...,) + (None,) * len(rest)]
    above = below + (source > below)
    inside = (below >= 0) & (above < n_old)
    file = str(array.encoding.get("source", ""))
    for rows in slices(source.shape[0], 8 * n_old * int(np.prod(rest, initial=1))):
        values = read(array.isel(trial=rows).transpose(*dims), file)
        index = np.arange(values.shape[0])[:, None]
        moved = values[index, np.clip(below[rows], 0, n_old - 1)]
        if (part[rows] > 0).any():
            later = values[index, np.clip(above[rows], 0, n_old - 1)]
            moved = np.where(part[rows] > 0, (1 - part[rows]) * moved + part[rows] * later, moved)
            if array.name == "valid":
                moved = np.where(moved > 1 - _TOLERANCE, 1, 0)
        kept = inside[rows]
        block = out[rows]
        block[kept] = moved[kept]
    return xr.Variable(dims, out, array.attrs).transpose(*array.dims)
