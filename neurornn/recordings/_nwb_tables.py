"""The units and trials of an NWB file as spikes."""

__all__ = ["tables"]

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.recordings._hdf5 import Reader
from neurornn.recordings._spikes import spikes

_SLACK = 1e-6  # s: an interval of observation may miss the edge of a trial by so much
_ELECTRODES = "general/extracellular_ephys/electrodes"
_OWN_OF_UNITS = ("spike_times", "obs_intervals", "electrodes", "electrode_group")


def tables(
    reader: Reader, events: Sequence[str], before: float, after: float, *, obs_intervals: bool
) -> xr.Dataset:
    """Spikes of the units in the trials.

    Args:
        reader: Open file.
        events: Columns of the trials that are times, besides those named ``..._time``.
        before: Observe from so many ms before each trial.
        after: And until so many ms after it.
        obs_intervals: Whether intervals of observation say which unit was recorded in which trial.

    Returns:
        A recording of spikes.

    Raises:
        ValueError: If the tables are missing or do not fit.
    """
    version = reader.attributes(reader.file).get("nwb_version")
    if not str(version or "").startswith("2"):
        raise ValueError(f"it is no NWB 2 file: its attribute nwb_version is {version!r}.")
    trials = reader.find("intervals/trials", h5py.Group)
    units = reader.find("units", h5py.Group)
    if trials is None or units is None:
        lacking = "trials (intervals/trials)" if trials is None else "units (units)"
        raise ValueError(f"it has no table of {lacking}: spikes of single units in trials are read.")
    columns, not_read = _columns(reader, trials, ())
    start, stop = (_seconds(columns, name) for name in ("start_time", "stop_time"))
    there = np.isfinite(start) & np.isfinite(stop)
    backward = np.flatnonzero(there & ~(stop >= start))
    if backward.size:
        raise ValueError(f"{backward.size} trials stop before they start ({_named(backward)}).")
    timed = {name: name.removesuffix("_time") for name in columns if name.endswith("_time")} | {
        name: name.removesuffix("_time") for name in events
    }
    unknown = [name for name in events if name not in columns]
    if unknown:
        raise ValueError(f"its trials have no column {', '.join(unknown)}: they have {', '.join(columns)}.")
    happened = {
        label: 1000.0 * (_seconds(columns, name) - start)
        for name, label in timed.items()
        if name not in ("start_time", "stop_time")
    }
    conditions = {name: each for name, each in columns.items() if name not in timed}
    first = np.where(there, 0.0 - before, np.nan)
    last = np.where(there, 1000.0 * (stop - start) + after, np.nan)
    about, of_units_not_read = _columns(reader, units, _OWN_OF_UNITS)
    time, trial, unit, n_units = _spikes_in(reader, units, start, first, last)
    about |= _places(reader, units, n_units)
    ids = about.pop("id", np.arange(n_units))
    session = _sessions(reader, units, start, stop, n_units) if obs_intervals else None
    conditions.pop("id", None)
    ds = spikes(
        time,
        trial=trial,
        unit=unit,
        start=first,
        stop=last,
        conditions=_renamed(conditions, "trial_") | {"session_time": 1000.0 * start},
        events=happened,
        unit_ids=ids,
        about_units=_renamed(about, "unit_"),
        session=None if session is None else session[0],
        unit_session=None if session is None else session[1],
    )
    ds.attrs["source"] = "NWB"
    left = [f"trials/{name}" for name in not_read] + [f"units/{name}" for name in of_units_not_read]
    if left:
        ds.attrs["not_read"] = sorted(left)
    return ds


def _columns(
    reader: Reader, group: h5py.Group, own: Sequence[str]
) -> tuple[dict[str, NDArray[Any]], list[str]]:
    """Columns with one value for each row, and the names of the others."""
    columns: dict[str, NDArray[Any]] = {}
    not_read: list[str] = []
    names = reader.names(group)
    for name in names:
        if name in own or name.removesuffix("_index") in own:
            continue
        node = reader.get(group, name)
        ragged = f"{name}_index" in names or (
            name.endswith("_index") and name.removesuffix("_index") in names
        )
        if not isinstance(node, h5py.Dataset) or ragged or len(reader.shape(node)) != 1:
            if not name.endswith("_index"):
                not_read.append(name)
        elif h5py.check_string_dtype(node.dtype) is not None:
            columns[name] = reader.text(node)
        elif node.dtype.kind in "biuf":
            columns[name] = reader.numbers(node)
        else:
            not_read.append(name)
    sizes = {name: each.size for name, each in columns.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"the columns of '{group.name}' have different lengths: {sizes}.")
    return columns, not_read


def _seconds(columns: dict[str, NDArray[Any]], name: str) -> NDArray[np.float64]:
    if name not in columns or columns[name].dtype.kind not in "iuf":
        raise ValueError(
            f"its trials have no times '{name}' in s: the columns are {', '.join(columns) or 'none'}."
        )
    return columns[name].astype(np.float64)


def _spikes_in(
    reader: Reader,
    units: h5py.Group,
    start: NDArray[np.float64],
    first: NDArray[np.float64],
    last: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64], int]:
    """Spikes of one unit after another that fall in the span of a trial: time in it, trial, unit."""
    data = reader.find("units/spike_times", h5py.Dataset)
    if data is None or len(reader.shape(data)) != 1:
        raise ValueError("its units have no spike times.")
    edges = _edges(reader, "units/spike_times_index", reader.shape(data)[0])
    lower, upper = start + first / 1000.0, start + last / 1000.0
    there = np.flatnonzero(np.isfinite(lower) & np.isfinite(upper))
    parts: list[tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]] = []
    total = 0
    for k in range(edges.size - 1):
        times = np.sort(reader.numbers(data, (slice(int(edges[k]), int(edges[k + 1])),)).astype(np.float64))
        if not np.isfinite(times).all():
            raise ValueError(f"unit {k} has spike times that are not finite.")
        low, high = np.searchsorted(times, lower[there]), np.searchsorted(times, upper[there])
        n = np.maximum(high - low, 0)
        total += int(n.sum())
        if total > 64 * (reader.size + 2**20):  # trials that overlap without end
            raise ValueError("its trials overlap so much that they hold far more spikes than the file.")
        trial = np.repeat(there, n)
        index = np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n) + np.repeat(low, n)
        inside = np.clip(1000.0 * (times[index] - start[trial]), first[trial], last[trial])
        parts.append((inside, trial, np.full(trial.size, k)))
    if not parts:
        return np.zeros(0), np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 0
    time, trial, unit = (np.concatenate([part[axis] for part in parts]) for axis in range(3))
    return time, trial, unit, len(parts)


def _edges(reader: Reader, name: str, n: int) -> NDArray[np.int64]:
    """Where the rows of a ragged column begin, and its end."""
    node = reader.find(name, h5py.Dataset)
    if node is None:
        raise ValueError(f"'{name}' is missing.")
    ends = reader.numbers(node)
    if ends.ndim != 1 or ends.dtype.kind not in "iu":
        raise ValueError(f"'{name}' should hold positions: damaged.")
    edges = np.concatenate([[0], ends.astype(np.int64)])
    if (np.diff(edges) < 0).any() or edges[-1] > n:
        raise ValueError(f"'{name}' points outside the {n} values of its column: damaged.")
    return edges


def _places(reader: Reader, units: h5py.Group, n_units: int) -> dict[str, NDArray[Any]]:
    """Area and electrode group of each unit, as far as the file tells."""
    found: dict[str, NDArray[Any]] = {}
    node = reader.find("units/electrode_group", h5py.Dataset)
    if node is not None:
        groups = reader.references(node)
        found["electrode_group"] = np.array([str(each.name).rsplit("/", 1)[-1] for each in groups], dtype=str)
        places = [str(reader.attributes(each).get("location", "")) for each in groups]
        if any(places):
            found["area"] = np.array(places, dtype=str)
    electrodes = reader.find("units/electrodes", h5py.Dataset)
    location = reader.find(f"{_ELECTRODES}/location", h5py.Dataset)
    if electrodes is not None and location is not None:
        rows = reader.numbers(electrodes)
        edges = _edges(reader, "units/electrodes_index", rows.size)
        words = reader.text(location)
        if rows.dtype.kind not in "iu" or (rows.size and (rows.min() < 0 or rows.max() >= words.size)):
            raise ValueError("the electrodes of its units are not in the table of electrodes: damaged.")
        pairs = pairwise(edges.tolist())
        found["area"] = np.array([str(words[rows[a]]) if b > a else "" for a, b in pairs], dtype=str)
    for name, values in found.items():
        if values.size != n_units:
            raise ValueError(f"there are {n_units} units and {values.size} values of '{name}': damaged.")
    return found


def _sessions(
    reader: Reader, units: h5py.Group, start: NDArray[np.float64], stop: NDArray[np.float64], n_units: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Sessions, of trials and of units, from the intervals in which units were observed."""
    node = reader.find("units/obs_intervals", h5py.Dataset)
    if node is None:
        return None
    spans = reader.numbers(node).astype(np.float64)
    if spans.ndim != 2 or spans.shape[1] != 2:
        raise ValueError(f"the intervals of observation have shape {spans.shape}, not (interval, 2).")
    edges = _edges(reader, "units/obs_intervals_index", len(spans))
    if edges.size != n_units + 1:
        raise ValueError(f"there are {n_units} units and intervals of observation for {edges.size - 1}.")
    patterns: dict[bytes, int] = {}
    seen = np.zeros(start.size, dtype=np.int64)
    session, of_unit = np.full(start.size, -1), np.full(n_units, -1)
    for k in range(n_units):
        mine = spans[edges[k] : edges[k + 1]]
        covered = _covered(mine[np.argsort(mine[:, 0])], start, stop) | ~np.isfinite(start + stop)
        key = covered.tobytes()
        if key not in patterns:
            patterns[key] = len(patterns)
            seen += covered & np.isfinite(start + stop)
            session[covered & (session < 0)] = patterns[key]
        of_unit[k] = patterns[key]
    if len(patterns) <= 1 and (session >= 0).all():
        return None
    if (seen > 1).any() or not np.isin(of_unit, session).all():
        raise ValueError(
            "units were observed in different trials that are not apart like sessions (or in none). Pass obs_intervals=False to "
            "take them all as recorded in every trial."
        )
    return session, of_unit


def _covered(
    spans: NDArray[np.float64], start: NDArray[np.float64], stop: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Trials that lie in the union of intervals, which are sorted by their start."""
    if not len(spans):
        return np.zeros(start.size, dtype=bool)
    reach = np.maximum.accumulate(spans[:, 1])
    fresh = np.concatenate([[True], spans[1:, 0] > reach[:-1] + _SLACK])  # a gap lies before it
    block = np.cumsum(fresh) - 1
    first = spans[fresh, 0]
    last = np.full(first.size, -np.inf)
    np.maximum.at(last, block, spans[:, 1])
    at = np.searchsorted(first, start + _SLACK, side="right") - 1
    return np.asarray((at >= 0) & (stop <= last[np.maximum(at, 0)] + _SLACK))


def _renamed(columns: dict[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    """Columns whose names the schema keeps for itself, or no file can hold, under others."""
    taken = ("trial", "unit", "time", "spike", "start", "stop", "session", "unit_session", "session_time")
    out: dict[str, NDArray[Any]] = {}
    for name, each in columns.items():
        plain = "_".join(name.replace("/", " ").split()) or "unnamed"
        plain = (
            prefix + plain if plain in taken or plain.startswith(("spike_", "event_", "epoch_")) else plain
        )
        out[plain] = each
    return out


def _named(rows: NDArray[np.integer]) -> str:
    return ", ".join(map(str, rows[:3])) + (" and more" if rows.size > 3 else "")
