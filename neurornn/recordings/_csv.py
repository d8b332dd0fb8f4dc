"""Recordings as tables with one row for each trial."""

__all__ = ["read", "write"]

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.recordings._events import recorded, variables_along
from neurornn.recordings._names import SPIKES
from neurornn.recordings._spikes import spikes
from neurornn.storage import CorruptFile, atomic_write

_COMMENT: Final = "# neurornn "  # what a table cannot hold: the units, and the types of the columns, as JSON
_EXPANSION: Final = 16  # how many times larger a table is in memory
_MISSING: Final = ("", "NA", "NaN", "nan", "null", "None")
_FIELD: Final = 131072  # characters in one field, the limit of the csv module


def write(ds: xr.Dataset, path: Path) -> None:
    """Write spikes as a table.

    Args:
        ds: A recording in the form of spikes.
        path: File to write.

    Raises:
        ValueError: If it is binned, or a trial has too many spikes for one field.
    """
    if ds.attrs["schema"] != SPIKES:
        raise ValueError("A table holds spikes and no binned activity. Save it as netCDF (.nc) or npz.")
    names = variables_along(ds, "trial")
    units = [str(each) for each in ds["unit"].values]
    labels = {
        "unit": {name: ds[name].values.tolist() for name in ["unit", *variables_along(ds, "unit")]},
        "types": {name: ds[name].dtype.kind for name in names},
    }
    buffer = io.StringIO(newline="")
    buffer.write(f"{_COMMENT}{json.dumps(labels)}\n")
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow([*names, *(f"spikes_{each}" for each in units)])
    columns = [ds[name].values for name in names]
    here = recorded(ds)
    time, cell = ds["spike_time"].values, ds["spike_trial"].values.astype(np.int64) * len(units)
    cell = cell + ds["spike_unit"].values
    bound = np.searchsorted(cell, np.arange(here.size + 1))
    for i, row in enumerate(here):
        cells = []
        for j, there in enumerate(row):
            part = time[bound[i * len(units) + j] : bound[i * len(units) + j + 1]].tolist()
            cells.append(" ".join(map(repr, part)) if there else "NA")
        if max(map(len, cells), default=0) > _FIELD:
            raise ValueError(f"Trial {i} has too many spikes for a table. Save it as netCDF (.nc) or npz.")
        table.writerow([*(_field(column[i]) for column in columns), *cells])
    atomic_write(path, buffer.getvalue().encode())


def read(path: Path, max_bytes: int) -> xr.Dataset:
    """Read a table of trials.

    Args:
        path: File to read.
        max_bytes: Most that it may need in memory.

    Returns:
        A recording in the form of spikes; without columns of spikes it has no units.

    Raises:
        ValueError: If the columns make no recording or do not fit.
        CorruptFile: If it is no table.
    """
    size = path.stat().st_size
    if size * _EXPANSION > max_bytes:
        raise ValueError(
            f"'{path}' needs about {size * _EXPANSION} bytes, more than max_bytes={max_bytes}. Raise max_bytes."
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
        labels, columns = _columns(text)
    except (ValueError, csv.Error, RecursionError) as error:
        raise CorruptFile(path, f"it is not a table with one row for each trial ({error})") from error
    try:
        return _recording(labels, columns)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, MemoryError) as error:
        raise ValueError(f"'{path}': {error}") from error


def _columns(text: str) -> tuple[dict[str, Any], dict[str, list[str]]]:
    labels: dict[str, Any] = {}
    stream = io.StringIO(text, newline="")
    while True:
        place = stream.tell()
        line = stream.readline()
        if not line.startswith("#"):
            break
        if line.startswith(_COMMENT):
            labels = json.loads(line.removeprefix(_COMMENT))
            if not isinstance(labels, dict):
                raise ValueError("its first line is not what was written")
    stream.seek(place)
    rows = [row for row in csv.reader(stream, strict=True) if row]
    if not rows:
        raise ValueError("it is empty")
    names = [name.strip() for name in rows[0]]
    if len(set(names)) < len(names) or not all(names):
        raise ValueError("its first row must hold the names of the columns, each once")
    for k, row in enumerate(rows[1:], 2):
        if len(row) != len(names):
            raise ValueError(f"row {k} has {len(row)} fields and not {len(names)}")
    return labels, {name: [row[k].strip() for row in rows[1:]] for k, name in enumerate(names)}


def _recording(labels: dict[str, Any], columns: dict[str, list[str]]) -> xr.Dataset:
    n_trials = len(next(iter(columns.values())))
    ids = [name.removeprefix("spikes_") for name in columns if name.startswith("spikes_")]
    cells = [[_times(each) for each in columns.pop(f"spikes_{one}")] for one in ids]
    alone = [_times(each) for each in columns.pop("spikes")] if "spikes" in columns else None
    types = labels.get("types", {})
    values = {name: _typed(name, column, types.get(name)) for name, column in columns.items()}
    about = {name: np.array(each) for name, each in labels.get("unit", {}).items()}
    options: dict[str, Any] = {
        "events": {name[6:]: values.pop(name) for name in list(values) if name.startswith("event_")},
        "session": values.pop("session", None),
        "unit_session": about.pop("unit_session", None),
    }
    for name in ("start", "stop"):
        if name not in values and (ids or alone is not None):
            raise ValueError(
                f"There are spikes and no column '{name}': when observation of the trial {name}s, in ms."
            )
        options[name] = values.pop(name, np.full(n_trials, np.nan))
    if alone is not None:
        if ids or "unit" not in values:
            raise ValueError("A column 'spikes' needs a column 'unit' and no columns 'spikes_<unit>'.")
        names, which = np.unique(values.pop("unit"), return_inverse=True)
        if options["session"] is not None:
            raise ValueError(
                "With one unit in each trial every unit is a session of its own: drop the column 'session'."
            )
        del options["unit_session"], options["session"]
        times = [np.zeros(0) if each is None else each for each in alone]
        return spikes(times, unit=which, unit_ids=names, conditions=values, **options)
    if "unit" in about and [str(each) for each in about["unit"]] != ids:
        raise ValueError("The units of the first line are not those of the columns.")
    unit_ids = about.pop("unit", np.array(ids))
    rows = [[column[k] for column in cells] for k in range(n_trials)]
    if options["session"] is not None and options["unit_session"] is None:
        options["unit_session"] = _session_of_units(rows, options["session"], ids)
    if not ids:
        empty = np.zeros(0, dtype=np.int64)
        del options["unit_session"]
        return spikes(empty, empty, empty, unit_ids=np.zeros(0, np.str_), conditions=values, **options)
    return spikes(rows, unit_ids=unit_ids, about_units=about, conditions=values, **options)


def _session_of_units(
    rows: Sequence[Sequence[object]], session: NDArray[Any], ids: Sequence[str]
) -> NDArray[Any] | None:
    there = np.array([[cell is not None for cell in row] for row in rows], dtype=bool)
    if there.all():
        return None
    found = []
    for name, column in zip(ids, there.T, strict=True):
        own = np.unique(session[column])
        if own.size != 1:
            raise ValueError(
                f"Unit {name} must be recorded in the trials of one session and is in {own.size}."
            )
        found.append(own[0])
    return np.array(found)


def _times(field: str) -> NDArray[np.float64] | None:
    if field == "NA":
        return None
    return np.array([_number(each) for each in field.split()], dtype=np.float64)


def _typed(name: str, column: Sequence[str], kind: str | None) -> NDArray[Any]:
    """Whole numbers, numbers, booleans or text, whichever holds the whole column."""
    if kind == "U":
        return np.array(column, dtype=np.str_)
    given = [each for each in column if each not in _MISSING]
    if kind in (None, "b") and given and all(each in ("True", "False") for each in given):
        if len(given) < len(column):
            return np.array([
                float(each == "True") if each in ("True", "False") else np.nan for each in column
            ])
        return np.array([each == "True" for each in column])
    try:
        if (
            kind != "f"
            and len(given) == len(column)
            and all(each.lstrip("+-").isdecimal() for each in column)
        ):
            return np.array([int(each) for each in column], dtype=np.int64)
        return np.array([np.nan if each in _MISSING else _number(each) for each in column], dtype=np.float64)
    except (ValueError, OverflowError):
        if name in ("start", "stop") or name.startswith("event_"):
            raise ValueError(f"Column '{name}' must hold times in ms.") from None
        return np.array(column, dtype=np.str_)


def _number(text: str) -> float:
    if "_" in text:  # Python's own digit separator
        raise ValueError(f"'{text}' is no number.")
    return float(text)


def _field(value: Any) -> str:  # noqa: ANN401
    plain = value.item() if isinstance(value, np.generic) else value
    return repr(plain) if isinstance(plain, float) else str(plain)
