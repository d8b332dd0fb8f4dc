"""Recordings from arrays: spike times, or activity already in bins."""

__all__ = ["binned", "spikes"]

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from neurornn.provenance import provenance
from neurornn.recordings._events import TRIAL_CLOCK
from neurornn.recordings._lists import from_lists, joined, times_of
from neurornn.recordings._names import BINNED, SPIKES
from neurornn.recordings._schema import check, check_structure

_MOST = 10_000_000  # trials, or units
_UNITS = {"reaction_time": "ms", "session_time": "ms"}  # the behaviour that has one


def spikes(
    times: ArrayLike | Sequence[Any],
    trial: ArrayLike | None = None,
    unit: ArrayLike | None = None,
    *,
    start: ArrayLike,
    stop: ArrayLike,
    conditions: Mapping[str, ArrayLike] | None = None,
    events: Mapping[str, ArrayLike] | None = None,
    unit_ids: ArrayLike | None = None,
    about_units: Mapping[str, ArrayLike] | None = None,
    session: ArrayLike | None = None,
    unit_session: ArrayLike | None = None,
) -> xr.Dataset:
    """A recording of spikes from arrays.

    The spikes come in one of three ways:

    * flat: ``times``, ``trial`` and ``unit`` with one entry for each spike, the latter two counted from 0;
    * in lists: ``times[trial][unit]`` holds the spike times of a unit in a trial, None where it was not recorded;
    * one unit at a time: ``times[trial]`` holds those of the only unit of the trial, and ``unit`` says which it is,
      one entry for each trial. Each unit is then a session of its own unless sessions are given.

    Args:
        times: Spike times in ms on the trial clock.
        trial: Trial of each spike, only if flat.
        unit: Unit of each spike, or of each trial.
        start: Where observation starts in each trial, in ms on the trial clock; one number serves all.
        stop: Where it ends.
        conditions: Conditions and behaviour, one value for each trial.
        events: Events, each a time in ms on the trial clock for each trial, NaN where it did not happen.
        unit_ids: Unique ids; the positions if None.
        about_units: Area, subject and the like, one value for each unit.
        session: Session of each trial.
        unit_session: Session of each unit: it was recorded in the trials of that session.

    Returns:
        A recording in the form of spikes; see :func:`check`.

    Raises:
        ValueError: If the arrays do not fit together or spikes lie outside their trials.

    Examples:
        >>> ds = spikes([5.0, 1.0, 3.0], trial=[0, 0, 1], unit=[0, 0, 1], start=0.0, stop=[10.0, 10.0])
        >>> ds.spike_time.values.tolist(), ds.spike_unit.values.tolist()
        ([1.0, 5.0, 3.0], [0, 0, 1])
    """
    given = [np.size(each) for each in (start, stop, session) if each is not None and np.ndim(each)]
    given += [np.size(each) for each in [*(conditions or {}).values(), *(events or {}).values()]]
    if trial is not None:
        if unit is None:
            raise ValueError("Flat spikes need the unit of each as well as its trial.")
        time, of_trial, of_unit = (
            times_of("times", times),
            _positions("trial", trial),
            _positions("unit", unit),
        )
        if not time.shape == of_trial.shape == of_unit.shape:
            raise ValueError(
                f"times, trial and unit must have one entry for each spike: got {time.size}, {of_trial.size}, "
                f"{of_unit.size}."
            )
        n_trials = given[0] if given else int(of_trial.max(initial=-1)) + 1
        n_units = np.size(unit_ids) if unit_ids is not None else int(of_unit.max(initial=-1)) + 1
        if unit_ids is None:
            n_units = max([n_units, *(np.size(each) for each in (about_units or {}).values())])
    elif unit is not None:
        which = _positions("unit", unit)
        n_trials = len(times)  # type: ignore[arg-type]
        if which.size != n_trials:
            raise ValueError(
                f"There are {n_trials} trials and {which.size} units: one for each trial is needed."
            )
        time, of_trial = joined(times)
        of_unit = which[of_trial]
        n_units = np.size(unit_ids) if unit_ids is not None else int(which.max(initial=-1)) + 1
        if session is None and unit_session is None:
            session, unit_session = which, np.arange(n_units)
    else:
        time, of_trial, of_unit, session, unit_session, n_units = from_lists(times, session, unit_session)
        n_trials = len(times)  # type: ignore[arg-type]
    if max(n_trials, n_units) > max(_MOST, time.size):
        raise ValueError(
            f"The positions of the spikes ask for {n_trials} trials and {n_units} units, which cannot be. Check them."
        )
    order = np.lexsort((time, of_unit, of_trial))
    ids = np.arange(n_units) if unit_ids is None else np.asarray(unit_ids)
    coords = _trial_coords(n_trials, conditions, events, session) | _unit_coords(
        ids, about_units, unit_session
    )
    for name, values in (("start", start), ("stop", stop)):
        label = {"units": "ms", "long_name": f"{name} of observation"}
        full = (
            np.broadcast_to(times_of(name, values), n_trials)
            if np.size(values) == 1
            else times_of(name, values)
        )
        coords[name] = ("trial", full.copy(), label)
    _check_sizes(coords, n_trials, ids.size)
    ds = xr.Dataset(
        {
            "spike_time": ("spike", time[order], {"units": "ms", "long_name": "time of spike"}),
            "spike_trial": ("spike", of_trial[order].astype(np.int32), {"long_name": "trial of spike"}),
            "spike_unit": ("spike", of_unit[order].astype(np.int32), {"long_name": "unit of spike"}),
        },
        coords,
        provenance(SPIKES),
    )
    check(ds)
    return ds


def binned(
    values: ArrayLike,
    time: ArrayLike,
    *,
    variable: str = "rate",
    aligned_to: str = TRIAL_CLOCK,
    conditions: Mapping[str, ArrayLike] | None = None,
    events: Mapping[str, ArrayLike] | None = None,
    unit_ids: ArrayLike | None = None,
    about_units: Mapping[str, ArrayLike] | None = None,
    session: ArrayLike | None = None,
    unit_session: ArrayLike | None = None,
) -> xr.Dataset:
    """A recording of binned activity from arrays.

    Args:
        values: Activity ``(trial, time, unit)``, NaN where there is none.
        time: Start of each bin in ms.
        variable: ``"rate"`` in Hz, or ``"counts"`` of spikes.
        aligned_to: Event that time is counted from; ``"trial"`` is the clock of the trial.
        conditions: Conditions and behaviour, one value for each trial.
        events: Events, each a time in ms on the trial clock for each trial, NaN where it did not happen.
        unit_ids: Unique ids; the positions if None.
        about_units: Area, subject and the like, one value for each unit.
        session: Session of each trial.
        unit_session: Session of each unit.

    Returns:
        A recording in binned form; see :func:`check`.

    Raises:
        ValueError: If the arrays do not fit together.

    Examples:
        >>> ds = binned(np.ones((2, 5, 3)), np.arange(5) * 10.0, conditions={"choice": [1, -1]})
        >>> ds.rate.dims, ds.attrs["dt"]
        (('trial', 'time', 'unit'), 10.0)
    """
    array = np.asarray(values)
    if array.ndim != 3 or array.dtype.kind not in "iuf":
        raise ValueError(
            f"values must be numbers (trial, time, unit): got {array.dtype} of shape {array.shape}."
        )
    if variable not in ("rate", "counts"):
        raise ValueError(f"variable must be 'rate' or 'counts': got '{variable}'.")
    start = times_of("time", time)
    if start.shape != array.shape[1:2]:
        raise ValueError(
            f"values has {array.shape[1]} bins and time {start.size}: one start of each is needed."
        )
    ids = np.arange(array.shape[2]) if unit_ids is None else np.asarray(unit_ids)
    coords = _trial_coords(len(array), conditions, events, session) | _unit_coords(
        ids, about_units, unit_session
    )
    _check_sizes(coords, len(array), array.shape[2])
    coords["time"] = ("time", start, time_attributes(aligned_to))
    ds = xr.Dataset(
        {variable: (("trial", "time", "unit"), array, ACTIVITY[variable])}, coords, provenance(BINNED)
    )
    if start.size > 1:
        ds.attrs["dt"] = float(start[1] - start[0])
    check_structure(ds)
    return ds


ACTIVITY = {
    "rate": {"units": "Hz", "long_name": "firing rate"},
    "counts": {"units": "1", "long_name": "spikes in bin"},
}


def time_attributes(aligned_to: str) -> dict[str, str]:
    """Attributes of the time axis."""
    since = "trial onset" if aligned_to == TRIAL_CLOCK else aligned_to.replace("_", " ")
    return {"units": "ms", "long_name": f"time from {since}", "aligned_to": aligned_to}


def _trial_coords(
    n_trials: int,
    conditions: Mapping[str, ArrayLike] | None,
    events: Mapping[str, ArrayLike] | None,
    session: ArrayLike | None,
) -> dict[str, Any]:
    coords: dict[str, Any] = {"trial": np.arange(n_trials)}
    for name, values in (conditions or {}).items():
        label = {"long_name": name.replace("_", " "), "units": _UNITS.get(name, "1")}
        coords[name] = ("trial", np.asarray(values), label)
    for name, values in (events or {}).items():
        label = {"units": "ms", "long_name": f"time of {name.replace('_', ' ')}"}
        coords[f"event_{name}"] = ("trial", times_of(f"event '{name}'", values), label)
    if session is not None:
        coords["session"] = ("trial", np.asarray(session), {"long_name": "session"})
    return coords


def _unit_coords(
    ids: NDArray[Any], about: Mapping[str, ArrayLike] | None, unit_session: ArrayLike | None
) -> dict[str, Any]:
    coords: dict[str, Any] = {"unit": ids}
    for name, values in (about or {}).items():
        coords[name] = ("unit", np.asarray(values), {"long_name": name.replace("_", " ")})
    if unit_session is not None:
        coords["unit_session"] = ("unit", np.asarray(unit_session), {"long_name": "session of unit"})
    return coords


def _check_sizes(coords: Mapping[str, Any], n_trials: int, n_units: int) -> None:
    for name, value in coords.items():
        dim, values = value[:2] if isinstance(value, tuple) else (name, value)
        size = n_trials if dim == "trial" else n_units
        if np.shape(values) != (size,):
            raise ValueError(
                f"'{name}' has shape {np.shape(values)}: one value for each of {size} {dim}s is needed."
            )
        if np.asarray(values).dtype.kind == "O":
            raise ValueError(
                f"'{name}' mixes types: {values!r:.60}. Use numbers (NaN where missing) or text."
            )


def _positions(name: str, values: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise ValueError(f"{name} must be positions, whole numbers from 0: got {array.dtype}.")
    return array.astype(np.int64).reshape(-1)
