"""Recordings in MATLAB files: any layout, described by where its parts are."""

__all__ = ["MatlabLayout", "matlab_recording", "read", "read_matlab"]

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.recordings._canary import survives
from neurornn.recordings._mat5 import read_mat5
from neurornn.recordings._mat73 import is_mat73, read_mat73
from neurornn.recordings._nested import MatlabValue
from neurornn.recordings._spikes import binned, spikes

_TIMES = ("start", "stop", "session_time", "reaction_time")


@dataclass(frozen=True)
class MatlabLayout:
    """Where the parts of a recording are in a MATLAB file.

    A path names a variable and its fields, ``"data.trials.coherence"``; through an array of structs it gathers the field
    of all. A column is the number of a column of the trial table as MATLAB counts, from 1, the name of a field if the
    table is a struct, or a path of its own.
    """

    spikes: str | None = None
    """Path of the spike times. A cell with one entry for each trial (see `unit`), or trial x unit; or a matrix with a
    row for each trial, filled up with NaN."""
    rates: str | None = None
    """Path of the firing rates in Hz, trial x time x unit, instead of spikes."""
    counts: str | None = None
    """Path of the spike counts, trial x time x unit, instead of spikes."""
    time: str | None = None
    """Path of the start of each bin of rates or counts."""
    trials: str | None = None
    """Path of the trial table: a matrix trial x column, a struct of columns, or an array of structs."""
    columns: Mapping[str, str | int] = field(default_factory=dict)
    """For each name in the schema the column that holds it, such as ``{"coherence": 3, "event_saccade": 8}``. The names
    ``event_...``, ``start``, ``stop``, ``reaction_time`` and ``session_time`` are times."""
    unit: str | int | None = None
    """Column that says which unit each trial recorded, if units were recorded one after another."""
    session: str | int | None = None
    """Column of the session of each trial, if several were joined: units are then those of `unit_session`."""
    about_units: Mapping[str, str] = field(default_factory=dict)
    """For each name along ``unit``, such as ``area``, the path of its values, one for each unit. The names ``unit``
    and ``unit_session`` give the ids and the sessions."""
    span: tuple[float, float] | None = None
    """Start and stop of observation in every trial in the unit of the file, where no column says it."""
    time_unit: Literal["ms", "s"] = "ms"
    """Unit of all times in the file."""
    aligned_to: str = "trial"
    """Event that the time of rates or counts is counted from; ``"trial"`` is the clock of the trial."""

    def __post_init__(self) -> None:
        given = [name for name in ("spikes", "rates", "counts") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"Give one of spikes, rates and counts: got {given or 'none'}.")
        if given != ["spikes"] and self.time is None:
            raise ValueError(f"{given[0]} needs time, the path of the start of each bin.")
        if self.time_unit not in ("ms", "s"):
            raise ValueError(f"time_unit must be 'ms' or 's': got '{self.time_unit}'.")


def read_matlab(path: str | PathLike[str], names: Collection[str] | None = None) -> dict[str, MatlabValue]:
    """Read a MATLAB file of any version from 5 to 7.3 into plain Python and NumPy.

    The file may come from anywhere: sizes are held against what is stored before anything is allocated, links to other
    files are refused, and so is code (function handles and objects).

    Args:
        path: File.
        names: Variables wanted; all if None.

    Returns:
        Variables by name: arrays in their MATLAB shape; text as str (several rows as a list of str); cells as lists, in
        lists of lists if they have several rows and columns; structs as dicts, arrays of structs as lists of dicts;
        sparse matrices as `scipy.sparse.csc_array`.

    Raises:
        ValueError: If the file is damaged, asks for more than it holds, points out of itself, or holds code.
        CorruptFile: If reading it crashes, does not end or takes too much memory.
        FileNotFoundError: If there is no such file.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"There is no file '{file}'.")
    if is_mat73(file):
        survives(file)
    try:
        return read_mat73(file, names) if is_mat73(file) else read_mat5(file, names)
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"MATLAB file '{file}': {error}") from None


def read(path: str | PathLike[str], layout: MatlabLayout | None = None) -> xr.Dataset:
    """Read a recording from a MATLAB file.

    Args:
        path: File of version 5 to 7.3.
        layout: Where its parts are.

    Returns:
        A recording, in the form of spikes or binned; see `neurornn.recordings.check`.

    Raises:
        ValueError: If the file cannot be read, no layout is given, or the layout does not fit the file.
    """
    if layout is None:
        found = ", ".join(f"{name} ({_described(value)})" for name, value in read_matlab(path).items())
        raise ValueError(
            f"MATLAB file '{path}' does not say where spikes and trials are: pass layout=MatlabLayout(spikes=..., "
            f"trials=..., columns=...). It has: {found or 'nothing'}."
        )
    roots: list[str | int | None] = [layout.spikes, layout.rates, layout.counts, layout.time, layout.trials]
    roots += [*layout.about_units.values(), *layout.columns.values(), layout.unit, layout.session]
    names = {root.split(".")[0] for root in roots if isinstance(root, str)}
    try:
        return matlab_recording(read_matlab(path, names), layout)
    except ValueError as error:
        if str(error).startswith("MATLAB file"):
            raise
        raise ValueError(f"MATLAB file '{path}': {error}") from None


def matlab_recording(variables: Mapping[str, MatlabValue], layout: MatlabLayout) -> xr.Dataset:
    """Make a recording of the variables of a MATLAB file.

    Args:
        variables: Variables, as `read_matlab` gives them.
        layout: Where the parts are.

    Returns:
        A recording, in the form of spikes or binned.

    Raises:
        ValueError: If the layout does not fit the variables.

    Examples:
        >>> import numpy as np
        >>> file = {"s": [np.array([[3.0, 8.0]]), np.empty((0, 0))], "x": np.array([[7.0, 12.8], [7.0, 51.2]])}
        >>> layout = MatlabLayout(spikes="s", trials="x", unit=1, columns={"coherence": 2}, span=(0, 10))
        >>> ds = matlab_recording(file, layout)
        >>> ds.unit.values, ds.coherence.values, ds.spike_time.values
        (array([7]), array([12.8, 51.2]), array([3., 8.]))
    """
    scale = 1000.0 if layout.time_unit == "s" else 1.0
    table = {name: _column(variables, layout, where) for name, where in layout.columns.items()}
    for name in table:
        if _is_time(name):
            table[name] = _times(f"column '{name}'", table[name], scale)
    about = {name: _vector(name, _at(variables, path)) for name, path in layout.about_units.items()}
    shared: dict[str, Any] = {
        "conditions": {
            name: each
            for name, each in table.items()
            if not name.startswith("event_") and name not in ("start", "stop")
        },
        "events": {name[6:]: each for name, each in table.items() if name.startswith("event_")},
        "unit_ids": about.pop("unit", None),
        "unit_session": about.pop("unit_session", None),
        "about_units": about,
    }
    if layout.session is not None:
        shared["session"] = _column(variables, layout, layout.session)
    if layout.spikes is None:
        path = layout.rates or layout.counts or ""
        values = _at(variables, path)
        if not isinstance(values, np.ndarray) or values.ndim not in (2, 3):
            raise ValueError(f"'{path}' must be an array trial x time x unit: it is {_described(values)}.")
        values = values[..., None] if values.ndim == 2 else values  # MATLAB drops a last axis of size 1
        time = _times("time", _vector("time", _at(variables, layout.time or "")), scale)
        variable = "rate" if layout.rates else "counts"
        return binned(values, time, variable=variable, aligned_to=layout.aligned_to, **shared)
    trains = _trains(_at(variables, layout.spikes), layout.spikes, scale)
    for side, k in (("start", 0), ("stop", 1)):
        if side not in table and layout.span is None:
            raise ValueError(f"Say when each trial was observed: a column '{side}', or span=(start, stop).")
        shared[side] = table[side] if side in table else scale * (layout.span or (0.0, 0.0))[k]
    if layout.unit is None:
        rows = [row if isinstance(row, list) else [row] for row in trains]
        return spikes(rows, **shared)
    ids, which = np.unique(_column(variables, layout, layout.unit), return_inverse=True)
    if any(isinstance(row, list) for row in trains):
        raise ValueError(f"'{layout.spikes}' has several units in a trial: leave unit out.")
    if shared["unit_ids"] is None:
        shared["unit_ids"] = ids.astype(np.int64) if ids.dtype.kind == "f" and (ids % 1 == 0).all() else ids
    return spikes(trains, unit=which.reshape(-1), **shared)


def _is_time(name: str) -> bool:
    return name.startswith("event_") or name in _TIMES


def _at(variables: Mapping[str, MatlabValue], path: str) -> MatlabValue:
    value: MatlabValue = variables
    for k, name in enumerate(path.split(".")):
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            if not all(name in each for each in value):
                raise ValueError(f"'{path}': no field '{name}' in the structs.")
            value = [each[name] for each in value]
        elif isinstance(value, Mapping) and name in value:
            value = value[name]
        else:
            have = ", ".join(value) if isinstance(value, Mapping) else _described(value)
            where = ".".join(path.split(".")[:k]) or "the file"
            raise ValueError(f"'{path}' is not there: {where} has {have or 'nothing'}.")
    return value


def _column(variables: Mapping[str, MatlabValue], layout: MatlabLayout, where: str | int) -> NDArray[Any]:
    if isinstance(where, str):
        table = _at(variables, layout.trials) if layout.trials else None
        head = where.split(".")[0]
        first = table[0] if isinstance(table, list) and table else table
        inside = isinstance(first, dict) and head in first
        return _vector(where, _at(variables, f"{layout.trials}.{where}" if inside else where))
    if layout.trials is None:
        raise ValueError(f"Column {where} of which table? Give trials, the path of the trial table.")
    table = _at(variables, layout.trials)
    if not isinstance(table, np.ndarray) or table.ndim != 2:
        raise ValueError(
            f"'{layout.trials}' is {_described(table)}, not a matrix with numbered columns: use names."
        )
    if not 1 <= where <= table.shape[1]:
        raise ValueError(f"'{layout.trials}' has columns 1 to {table.shape[1]}: there is no {where}.")
    return np.asarray(table[:, where - 1])


def _vector(name: str, value: MatlabValue) -> NDArray[Any]:
    """One value for each trial or unit: numbers, NaN where a cell is empty, or text."""
    if isinstance(value, str):
        return np.array([value])
    if isinstance(value, np.ndarray):
        if value.size and sum(n > 1 for n in value.shape) > 1:
            raise ValueError(f"'{name}' should be a vector and has shape {value.shape}.")
        return value.ravel()
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return np.array(value, dtype=np.str_)
    if isinstance(value, list) and all(isinstance(each, np.ndarray) and each.size <= 1 for each in value):
        return np.array([each.item() if each.size else np.nan for each in value])
    raise ValueError(f"'{name}' should be one number or text for each: it is {_described(value)}.")


def _times(name: str, values: NDArray[Any], scale: float) -> NDArray[np.float64]:
    if values.dtype.kind not in "iuf":
        raise ValueError(f"{name} should be times and is {values.dtype}.")
    return np.asarray(values, dtype=np.float64) * scale


def _trains(value: MatlabValue, path: str, scale: float) -> list[Any]:
    if isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype.kind in "iuf":
        rows = _times(path, value, scale)
        return [rows[k][~np.isnan(rows[k])] for k in range(len(rows))]
    if not isinstance(value, list):
        raise ValueError(
            f"'{path}' should be a cell of spike times, one for each trial: it is {_described(value)}."
        )
    out: list[Any] = []
    for trial, each in enumerate(value):
        if isinstance(each, list):
            out.append([_train(one, path, trial, scale) for one in each])
        else:
            out.append(_train(each, path, trial, scale))
    return out


def _train(value: MatlabValue, path: str, trial: int, scale: float) -> NDArray[np.float64]:
    if not isinstance(value, np.ndarray) or (value.size and sum(n > 1 for n in value.shape) > 1):
        raise ValueError(
            f"'{path}' should hold vectors of spike times: that of trial {trial} is {_described(value)}."
        )
    times = _times(f"'{path}' of trial {trial}", value.ravel(), scale)
    return np.asarray(times[~np.isnan(times)])


def _described(value: MatlabValue) -> str:
    if isinstance(value, np.ndarray):
        return f"{' x '.join(map(str, value.shape))} {value.dtype}"
    if isinstance(value, str):
        return f"text of {len(value)} characters"
    if isinstance(value, list):
        return (
            f"cell of {len(value)}"
            if not value or not isinstance(value[0], dict)
            else f"{len(value)} structs"
        )
    if isinstance(value, Mapping):
        return f"struct with {', '.join(list(value)[:6]) or 'no fields'}"
    return type(value).__name__
