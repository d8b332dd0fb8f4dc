"""What a recording is, said by the function that refuses what is none."""

__all__ = ["check", "check_structure"]

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.recordings._blocks import read, slices
from neurornn.recordings._describe import describe
from neurornn.recordings._events import TRIAL_CLOCK, event_times, observed, variables_along
from neurornn.recordings._names import BINNED, SPIKES, TRIALS

_SHOWN: Final = 3  # trials or units named in an error


def check(ds: xr.Dataset, *, events: Sequence[str] = (), variable: str | None = None) -> xr.Dataset:
    """Refuse what does not follow the schema, and count what is missing from what does.

    A recording comes in two forms. **Spikes** (``attrs["schema"] = "neurornn.Spikes/1"``): ``spike_time`` in ms on
    the trial clock, ``spike_trial`` and ``spike_unit`` (positions along ``trial`` and ``unit``) along ``spike``,
    sorted by trial, unit and time; ``start`` and ``stop`` along ``trial``, the span observed in ms, NaN for a trial
    without any. **Binned** (``"neurornn.Recording/1"``, or ``"neurornn.Trials/1"`` of
    :func:`neurornn.simulate`): ``rate`` in Hz or ``counts`` over ``(trial, time, unit)``, NaN where there is no
    value; ``time`` in ms is the start of each bin, ``time.attrs["aligned_to"]`` the event it is counted from.

    Both have ``unit`` (unique ids); along ``trial`` any conditions and behaviour, and ``event_<name>`` in ms on
    the trial clock, NaN where it did not happen; along ``unit`` anything such as ``area`` or ``subject``. Units
    recorded in different sessions have ``session`` along ``trial`` and ``unit_session`` along ``unit``: a unit was
    recorded in the trials of its own session. ``session_time`` along ``trial``, if known, is where the trial clock
    starts on the clock of the session, in ms.

    Args:
        ds: A recording of either form, or simulated trials.
        events: Events every trial must have, in the order in which they must happen.
        variable: Binned variable to count; ``rate`` if there is one and else ``counts``.

    Returns:
        The counts of :func:`describe`.

    Raises:
        ValueError: If anything does not follow the schema; the message names all of it.

    Examples:
        >>> from neurornn.recordings import spikes
        >>> ds = spikes([[[10.0, 30.0]], [[20.0]]], start=0.0, stop=[50.0, 40.0], events={"go": [5.0, np.nan]})
        >>> counts = check(ds)
        >>> int(counts.n_spikes), int(counts.n_trials_without.sel(variable="event_go"))
        (3, 1)
        >>> check(ds, events=["go"])
        Traceback (most recent call last):
        ...
        ValueError: The recording does not follow the schema: event 'go' is missing in 1 of 2 trials (1).
    """
    problems = [*_structure(ds), *_order(ds, events)]
    if not problems and ds.attrs["schema"] == SPIKES:
        problems = [*_spike_arrays(ds)]
    _refuse(problems)
    return describe(ds, variable=variable)


def check_structure(ds: xr.Dataset) -> None:
    """The part of :func:`check` that does not read large arrays.

    Args:
        ds: A recording of either form.
    """
    _refuse(list(_structure(ds)))


def _refuse(problems: list[str]) -> None:
    if problems:
        raise ValueError(f"The recording does not follow the schema: {'; '.join(problems)}.")


def _structure(ds: xr.Dataset) -> Iterator[str]:
    schema = ds.attrs.get("schema")
    if schema not in (SPIKES, BINNED, TRIALS):
        yield f"attrs['schema'] must be '{BINNED}' or '{SPIKES}': got {schema!r}"
        return
    wanted = ("spike", "trial", "unit") if schema == SPIKES else ("trial", "time", "unit")
    lacking = [dim for dim in wanted if dim not in ds.sizes]
    if lacking:
        yield f"it has no dimension {' and '.join(map(repr, lacking))}, only {', '.join(map(str, ds.sizes))}"
        return
    for name in map(str, ds.variables):
        if not name or any(each.isspace() or each == "/" for each in name):
            yield f"the name {name!r} is empty or has a space or a slash, which no file can hold: rename it"
    for key, each in ds.variables.items():
        if each.dtype.kind not in "biufcUSTO" or (
            each.dtype.kind == "O" and not all(isinstance(one, str) for one in each.values.flat)
        ):
            yield f"'{key}' is of type {each.dtype}: numbers, text and booleans only"
    yield from _ids(ds)
    yield from _sessions(ds)
    yield from _clock(ds)
    yield from _spike_layout(ds) if schema == SPIKES else _bin_layout(ds)


def _ids(ds: xr.Dataset) -> Iterator[str]:
    if "unit" not in ds.variables:
        yield "the units are missing: give each an id in the coordinate 'unit'"
        return
    ids, count = np.unique(ds["unit"].values.astype(np.str_), return_counts=True)
    if (count > 1).any():
        yield f"unit ids must be unique: {_named(ids[count > 1])} occur more than once"


def _sessions(ds: xr.Dataset) -> Iterator[str]:
    pair = [("session", "trial"), ("unit_session", "unit")]
    there = [name for name, _ in pair if name in ds.variables]
    for name, dim in pair:
        if name in there and ds[name].dims != (dim,):
            yield f"'{name}' must lie along {dim}: got {ds[name].dims}"
            return
    if there == ["unit_session"]:
        yield "'unit_session' needs 'session' along trial, the session of each trial"
    if len(there) == 2:
        alone = ~np.isin(ds["unit_session"].values, ds["session"].values)
        if alone.any():
            yield f"no trial belongs to the session of unit {_named(_unit_ids(ds)[alone])}"


def _clock(ds: xr.Dataset) -> Iterator[str]:
    for name in variables_along(ds, "trial"):
        numeric = ds[name].dtype.kind in "iuf"
        if name.startswith(("event_", "epoch_")) or name in ("start", "stop", "session_time"):
            if not numeric:
                yield f"'{name}' must be a time in ms for each trial: got {ds[name].dtype}"
            elif np.isinf(ds[name].values.astype(np.float64)).any():
                yield f"'{name}' is infinite in some trials: put NaN where it is missing"
            elif name.startswith("epoch_") and name.endswith("_end"):
                first = f"{name.removesuffix('_end')}_start"
                if first in ds.variables and ds[first].dims == ("trial",):
                    wrong = np.flatnonzero(ds[name].values < ds[first].values)
                    if wrong.size:
                        yield f"'{name}' comes before '{first}' in {_trials(wrong, ds)}"
    for key, each in ds.variables.items():
        if str(key).startswith("event_") and each.dims != ("trial",):
            yield f"'{key}' must be one time for each trial: got dimensions {each.dims}"


def _spike_layout(ds: xr.Dataset) -> Iterator[str]:
    for name in ("spike_time", "spike_trial", "spike_unit"):
        if name not in ds.variables or ds[name].dims != ("spike",):
            yield f"'{name}' along spike is missing"
        elif name != "spike_time" and ds[name].dtype.kind not in "iu":
            yield f"'{name}' must be whole numbers, positions along {name[6:]}: got {ds[name].dtype}"
        elif ds[name].dtype.kind not in "iuf":
            yield f"'{name}' must be numbers in ms: got {ds[name].dtype}"
    for name in ("start", "stop"):
        if name not in ds.variables or ds[name].dims != ("trial",):
            yield f"'{name}' along trial is missing: the span observed, in ms on the trial clock"
            return
    if ds["start"].dtype.kind in "iuf" and ds["stop"].dtype.kind in "iuf":
        backward = np.flatnonzero(~(ds["start"].values < ds["stop"].values) & observed(ds))
        if backward.size:
            yield f"'stop' does not come after 'start' in {_trials(backward, ds)}"


def _bin_layout(ds: xr.Dataset) -> Iterator[str]:
    names = [name for name in ("rate", "counts") if name in ds]
    if not names:
        yield "it has neither 'rate' nor 'counts'"
    for name in names:
        if set(ds[name].dims) != {"trial", "time", "unit"}:
            yield f"'{name}' must have dimensions (trial, time, unit): got {ds[name].dims}"
        elif ds[name].dtype.kind not in "iuf":
            yield f"'{name}' must be numbers: got {ds[name].dtype}"
    if "time" not in ds.variables:
        yield "the coordinate 'time' is missing"
        return
    time = ds["time"].values
    if time.dtype.kind not in "iuf" or not np.isfinite(time).all() or not (np.diff(time) > 0).all():
        yield "'time' must be finite and increase"
    if ds["time"].attrs.get("units") != "ms":
        yield f"'time' must be in ms and say so: its attribute units is {ds['time'].attrs.get('units')!r}"
    aligned = ds["time"].attrs.get("aligned_to", TRIAL_CLOCK)
    try:
        event_times(ds, str(aligned))
    except ValueError:
        yield f"time is aligned to '{aligned}', which is no event of the trials"


def _order(ds: xr.Dataset, events: Sequence[str]) -> Iterator[str]:
    times = {}
    for name in [events] if isinstance(events, str) else events:
        try:
            times[name] = event_times(ds, name)
        except ValueError as error:
            yield str(error).rstrip(".")
            continue
        missing = np.flatnonzero(np.isnan(times[name]))
        if missing.size:
            yield f"event '{name}' is missing in {_trials(missing, ds)}"
    names = list(times)
    for first, second in pairwise(names):
        wrong = np.flatnonzero(times[second] < times[first])
        if wrong.size:
            yield f"event '{second}' comes before '{first}' in {_trials(wrong, ds)}"


def _spike_arrays(ds: xr.Dataset) -> Iterator[str]:
    """Spikes in order, of units and trials that exist, inside the span; some at a time."""
    trials, units = ds.sizes["trial"], ds.sizes["unit"]
    start, stop = ds["start"].values, ds["stop"].values
    session, own = (ds[name].values if name in ds.variables else None for name in ("session", "unit_session"))
    outside: list[NDArray[np.int64]] = []
    unrecorded: list[NDArray[np.int64]] = []
    last: tuple[int, float] = (-1, -np.inf)
    source = str(ds.encoding.get("source", ""))
    for part in slices(ds.sizes["spike"], 64):
        time, trial, unit = (read(ds[f"spike_{key}"][part], source) for key in ("time", "trial", "unit"))
        for name, index, size in (("spike_trial", trial, trials), ("spike_unit", unit, units)):
            if index.min() < 0 or index.max() >= size:
                yield f"'{name}' points outside the {size} {name[6:]}s: {index.min()} to {index.max()}"
                return
        if not np.isfinite(time).all():
            yield f"'spike_time' is not finite in {int((~np.isfinite(time)).sum())} spikes"
            return
        cell = trial.astype(np.int64) * units + unit
        step = np.diff(cell, prepend=last[0])
        if (step < 0).any() or ((step == 0) & (np.diff(time, prepend=last[1]) < 0)).any():
            yield "the spikes are not sorted by trial, unit and time"
            return
        last = int(cell[-1]), float(time[-1])
        outside.append(np.unique(trial[~((time >= start[trial]) & (time <= stop[trial]))]))
        if session is not None and own is not None:
            unrecorded.append(np.unique(unit[session[trial] != own[unit]]))
    if any(each.size for each in outside):
        yield f"spikes lie outside the observed span of {_trials(np.unique(np.concatenate(outside)), ds)}"
    if any(each.size for each in unrecorded):
        names = _named(_unit_ids(ds)[np.unique(np.concatenate(unrecorded))])
        yield f"unit {names} has spikes in trials of another session"


def _unit_ids(ds: xr.Dataset) -> NDArray[np.str_]:
    ids = ds["unit"].values if "unit" in ds.variables else np.arange(ds.sizes["unit"])
    return ids.astype(np.str_)


def _trials(rows: NDArray[np.integer], ds: xr.Dataset) -> str:
    return f"{rows.size} of {ds.sizes['trial']} trials ({_named(rows)})"


def _named(values: NDArray[np.generic]) -> str:
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(map(str, values[:_SHOWN])) + more
