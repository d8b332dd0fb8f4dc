r"""Spikes in bins: counts and rates."""

__all__ = ["to_counts", "to_rates"]

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from neurornn.provenance import provenance
from neurornn.recordings._blocks import read, slices
from neurornn.recordings._events import TRIAL_CLOCK, event_times
from neurornn.recordings._kernels import AbstractKernel
from neurornn.recordings._names import BINNED, SPIKES
from neurornn.recordings._schema import check_structure
from neurornn.recordings._spikes import ACTIVITY, time_attributes

_TOLERANCE: Final = 1e-6  # of a bin: a span that ends where a bin does holds it whatever the rounding
_MOST_BINS: Final = 100_000  # when no window is given


class Bins(NamedTuple):
    """Where the bins of every trial are, those beyond the window that a kernel needs included."""

    edges: NDArray[np.float64]  # ms from the event
    event: NDArray[np.float64]  # (trial,) ms on the trial clock
    low: NDArray[np.float64]  # (trial,) observed from, ms from the event
    high: NDArray[np.float64]
    inner: slice  # the bins of the window
    width: float


def to_rates(
    spikes: xr.Dataset,
    *,
    bin_width: float = 10.0,
    align: str | None = None,
    window: tuple[float, float] | None = None,
    kernel: AbstractKernel | None = None,
    cut: tuple[str, float] | None = None,
    since: tuple[str, float] | None = None,
) -> xr.Dataset:
    r"""Firing rates in bins.

    Bin :math:`k` holds the spikes with :math:`e_k \le t - t_\mathrm{event} < e_k + h`, where
    :math:`e_k = \mathrm{window}_0 + k h` is its coordinate ``time`` and :math:`h` the bin width. With :math:`n_k` spikes

    .. math:: r_k = \frac{1}{h} \frac{\sum_j w_j\, o_{k-j}\, n_{k-j}}{\sum_j w_j\, o_{k-j}}

    where :math:`w_j` are the weights of the kernel (1 at lag 0 without one) and :math:`o_k` is 1 where bin :math:`k` was
    observed as a whole and 0 elsewhere. The denominator is the correction at the edges of the observed span: a
    constant rate stays constant there, and nothing from beyond a cut reaches what comes before it. Spikes outside the
    window but inside the kernel's reach take part.

    A bin is NaN where the trial was not observed throughout, after the cut, before ``since``, where the event is
    missing, and for units recorded in another session. Beside the result only blocks of 64 MiB are in memory, also
    when the spikes are still in a file.

    Args:
        spikes: A recording in the form of spikes.
        bin_width: Width :math:`h` in ms.
        align: Event at time 0; None is the trial clock.
        window: First edge and last edge in ms from the event, a whole number of bins apart; None is the whole
            observed span of all trials.
        kernel: :class:`Gaussian`, :class:`Causal` or :class:`Alpha`; None counts spikes.
        cut: Event and an offset in ms from which on a trial does not count, such as ``("saccade", 0.0)``. A trial
            without this event is not cut.
        since: Event and an offset in ms before which a trial does not count. A trial without it is all NaN.

    Returns:
        A recording in binned form with ``rate (trial, time, unit)`` in Hz, float32. Its attributes count the spikes
        in the window's observed bins (``n_spikes``), all others (``n_spikes_outside``), and the trials without the
        event (``n_trials_without_event``) and without the cut (``n_trials_without_cut``).

    Raises:
        ValueError: If this is no recording of spikes, there is no such event, or the window is no whole number of bins.

    Examples:
        >>> from neurornn.recordings import spikes
        >>> ds = spikes([[[12.0, 29.9, 30.0]]], start=0.0, stop=50.0, events={"go": [10.0]})
        >>> rates = to_rates(ds, bin_width=10.0, align="go", window=(-20.0, 40.0))
        >>> rates.time.values.tolist()
        [-20.0, -10.0, 0.0, 10.0, 20.0, 30.0]
        >>> rates.rate.values[0, :, 0].tolist()
        [nan, 0.0, 100.0, 100.0, 100.0, 0.0]
    """
    out, coords, attrs = _binned(spikes, bin_width, align, window, kernel, cut, since)
    attrs["kernel"] = repr(kernel) if kernel else "none"
    return xr.Dataset({"rate": (("trial", "time", "unit"), out, ACTIVITY["rate"])}, coords, attrs)


def to_counts(
    spikes: xr.Dataset,
    *,
    bin_width: float = 10.0,
    align: str | None = None,
    window: tuple[float, float] | None = None,
    cut: tuple[str, float] | None = None,
    since: tuple[str, float] | None = None,
) -> xr.Dataset:
    """Numbers of spikes in bins; like :func:`to_rates` without a kernel and without dividing by the bin width.

    Args:
        spikes: A recording in the form of spikes.
        bin_width: Width of a bin in ms.
        align: Event at time 0; None is the trial clock.
        window: First and last edge in ms from the event; None is the whole observed span.
        cut: Event and an offset in ms from which on a trial does not count.
        since: Event and an offset in ms before which a trial does not count.

    Returns:
        A recording in binned form with ``counts (trial, time, unit)``, NaN where nothing was observed.

    Raises:
        ValueError: As :func:`to_rates`.

    Examples:
        >>> from neurornn.recordings import spikes
        >>> to_counts(spikes([[[1.0, 2.0]]], start=0.0, stop=20.0)).counts.values.ravel().tolist()
        [2.0, 0.0]
    """
    out, coords, attrs = _binned(spikes, bin_width, align, window, None, cut, since)
    np.multiply(out, bin_width / 1000.0, out=out)
    np.rint(out, out=out)
    return xr.Dataset({"counts": (("trial", "time", "unit"), out, ACTIVITY["counts"])}, coords, attrs)


def _binned(
    spikes: xr.Dataset,
    bin_width: float,
    align: str | None,
    window: tuple[float, float] | None,
    kernel: AbstractKernel | None,
    cut: tuple[str, float] | None,
    since: tuple[str, float] | None,
) -> tuple[NDArray[np.float32], dict[str, Any], dict[str, Any]]:
    check_structure(spikes)
    if spikes.attrs["schema"] != SPIKES:
        raise ValueError("Only spikes can be binned, and this recording has bins already. See align.")
    if not 0 < bin_width < math.inf:
        raise ValueError(f"bin_width must be a finite time in ms above 0: got {bin_width}.")
    lags, weights = kernel.weights(bin_width) if kernel else (np.zeros(1, dtype=np.int64), np.ones(1))
    bins, without = _layout(spikes, bin_width, align, window, cut, since, lags)
    n_times = len(bins.edges[:-1][bins.inner])
    shape = (spikes.sizes["trial"], n_times, spikes.sizes["unit"])
    out = np.full(shape, np.nan, dtype=np.float32)
    reach = int(np.abs(lags).max())
    full = np.zeros(2 * reach + 1)
    full[lags + reach] = weights
    inside = 0
    for rows, units, counts, observed in _blocks(spikes, bins):
        inside += int(counts[:, bins.inner].sum())
        if kernel:
            counts = convolve1d(counts, full, axis=1, mode="constant")
            share = convolve1d(observed.astype(np.float64), full, axis=1, mode="constant")
            np.divide(counts, share[:, :, None], out=counts, where=observed[:, :, None])
        counts[~observed] = np.nan
        out[rows.start : rows.stop, :, units] = counts[:, bins.inner] * (1000.0 / bin_width)
    coords: dict[str, Any] = {
        str(key): each.variable for key, each in spikes.coords.items() if each.dims in (("trial",), ("unit",))
    }
    for name in ("start", "stop"):  # variables or coordinates
        coords[name] = spikes[name].variable
    name = align or TRIAL_CLOCK
    coords["time"] = ("time", bins.edges[:-1][bins.inner], time_attributes(name))
    attrs = provenance(BINNED) | {
        "dt": float(bin_width),
        "n_spikes": inside,
        "n_spikes_outside": spikes.sizes["spike"] - inside,
        "n_trials_without_event": int(np.isnan(bins.event).sum()),
        "n_trials_without_cut": without,
    }
    return out, coords, attrs


def _layout(
    spikes: xr.Dataset,
    width: float,
    align: str | None,
    window: tuple[float, float] | None,
    cut: tuple[str, float] | None,
    since: tuple[str, float] | None,
    lags: NDArray[np.int64],
) -> tuple[Bins, int]:
    event = event_times(spikes, align or TRIAL_CLOCK)
    low = spikes["start"].values.astype(np.float64) - event
    high = spikes["stop"].values.astype(np.float64) - event
    without = 0
    if cut is not None:
        end = event_times(spikes, cut[0]) + cut[1] - event
        without = int(np.isnan(event_times(spikes, cut[0])).sum())
        high = np.where(np.isnan(end), high, np.minimum(high, end))
    if since is not None:
        low = np.maximum(low, event_times(spikes, since[0]) + since[1] - event)  # NaN stays NaN
    if window is None:
        known = low < high
        if not known.any():
            raise ValueError("No trial was observed at all: give a window.")
        window = (
            math.ceil(low[known].min() / width - _TOLERANCE) * width,
            math.floor(high[known].max() / width + _TOLERANCE) * width,
        )
        if not (window[1] - window[0]) / width <= _MOST_BINS:
            raise ValueError(
                f"The trials span {window[0]:g} to {window[1]:g} ms, which is too long: give a window."
            )
    n = (window[1] - window[0]) / width
    if not (math.isfinite(n) and round(n) >= 1 and abs(n - round(n)) < _TOLERANCE):
        raise ValueError(
            f"window must hold a whole number of bins: {window[0]:g} to {window[1]:g} ms holds {n:g} of {width:g} ms."
        )
    before, after = max(0, int(lags.max())), max(0, -int(lags.min()))
    edges = (window[0] + np.arange(-before, round(n) + after + 1) * width).astype(np.float64)
    return Bins(edges, event, low, high, slice(before, before + round(n)), width), without


def _blocks(
    spikes: xr.Dataset, bins: Bins
) -> Iterator[tuple[slice, NDArray[np.intp], NDArray[np.float64], NDArray[np.bool_]]]:
    """Counts of spikes in all bins: some trials of one session at a time, and only the units of that session."""
    source = str(spikes.encoding.get("source", ""))
    offset = _offsets(spikes, source)
    n_bins, n_units = bins.edges.size - 1, spikes.sizes["unit"]
    slack = _TOLERANCE * bins.width
    for trials, units in _sessions(spikes):
        place = np.full(n_units, -1, dtype=np.intp)
        place[units] = np.arange(units.size)
        for rows in slices(trials.stop, 8 * n_bins * max(1, units.size), trials.start):
            observed = (bins.edges[:-1] >= bins.low[rows, None] - slack) & (
                bins.edges[1:] <= bins.high[rows, None] + slack
            )
            n_rows = rows.stop - rows.start
            counts = np.zeros(n_rows * n_bins * units.size)
            for part in slices(int(offset[rows.stop]), 64, int(offset[rows.start])):
                time, trial, unit = (
                    read(spikes[f"spike_{key}"][part], source) for key in ("time", "trial", "unit")
                )
                found = np.searchsorted(bins.edges, time - bins.event[trial], side="right") - 1
                row, column = trial.astype(np.int64) - rows.start, place[_inside(unit, n_units)]
                if (column < 0).any():
                    raise ValueError(_unrecorded(spikes, unit[column < 0]))
                found[~np.isfinite(bins.event[trial])] = -1
                kept = (found >= 0) & (found < n_bins)
                flat = (row[kept] * n_bins + found[kept]) * units.size + column[kept]
                np.add.at(counts, flat, 1.0)
            counts = counts.reshape(n_rows, n_bins, units.size)
            counts[~observed] = 0.0
            yield rows, units, counts, observed


def _sessions(spikes: xr.Dataset) -> Iterator[tuple[slice, NDArray[np.intp]]]:
    """Runs of trials of one session, and its units."""
    if "session" not in spikes.variables or "unit_session" not in spikes.variables:
        yield slice(0, spikes.sizes["trial"]), np.arange(spikes.sizes["unit"])
        return
    session, of_unit = spikes["session"].values, spikes["unit_session"].values
    starts = [0, *(np.flatnonzero(session[1:] != session[:-1]) + 1), session.size]
    for first, last in pairwise(starts):
        if last > first:
            yield slice(int(first), int(last)), np.flatnonzero(of_unit == session[first])


def _offsets(spikes: xr.Dataset, source: str) -> NDArray[np.int64]:
    """Where the spikes of each trial begin, without holding them all."""
    n_trials = spikes.sizes["trial"]
    number = np.zeros(n_trials, dtype=np.int64)
    last = 0
    for part in slices(spikes.sizes["spike"], 16, 0):
        trial = _inside(read(spikes["spike_trial"][part], source), n_trials)
        if trial[0] < last or (np.diff(trial) < 0).any():
            raise ValueError(
                "The spikes are not sorted by trial. Build the recording with recordings.spikes."
            )
        last = int(trial[-1])
        number += np.bincount(trial, minlength=n_trials)
    return np.concatenate([[0], np.cumsum(number)])


def _inside(index: NDArray[np.integer], size: int) -> NDArray[np.int64]:
    if index.size and (index.min() < 0 or index.max() >= size):
        raise ValueError(
            f"A spike points at position {index.min()} or {index.max()} of {size}. Run recordings.check."
        )
    return index.astype(np.int64)


def _unrecorded(spikes: xr.Dataset, units: NDArray[np.integer]) -> str:
    return f"Unit {spikes['unit'].values[units[0]]} has spikes in trials of another session. Run recordings.check."
