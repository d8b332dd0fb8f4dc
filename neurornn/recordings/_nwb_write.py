"""A recording laid out as NWB tables, and beside them what NWB has no place for."""

__all__ = ["write_file"]

import json
import math
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import h5py  # type: ignore[import-untyped, unused-ignore]
import numpy as np
import xarray as xr
from hdmf.backends.hdf5.h5_utils import H5DataIO  # type: ignore[import-untyped, import-not-found, unused-ignore]
from hdmf.common import ElementIdentifiers, VectorData, VectorIndex  # type: ignore[import-untyped, import-not-found, unused-ignore]
from hdmf.data_utils import GenericDataChunkIterator  # type: ignore[import-untyped, import-not-found, unused-ignore]
from numpy.typing import NDArray
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.core import ScratchData
from pynwb.epoch import TimeIntervals
from pynwb.misc import Units

from neurornn.recordings._events import event_times, recorded, variables_along
from neurornn.recordings._names import SPIKES
from neurornn.recordings._nwb_labels import LABELS, MODULE
from neurornn.storage import atomic_write

_BY_PARTS = 2**26  # bytes of activity from which it is written some trials at a time
_GAP = 1.0  # s between trials that are laid one after another
_TAKEN = frozenset([
    "id",
    "name",
    "description",
    "colnames",
    "columns",
    "parent",
    "children",
    "object_id",
    "namespace",
    "data_type",
    "fields",
    "modified",
    "start_time",
    "stop_time",
    "tags",
    "timeseries",
    "spike_times",
    "obs_intervals",
    "electrodes",
    "electrode_group",
    "waveforms",
    "waveform_mean",
    "waveform_sd",
    "waveform_rate",
    "waveform_unit",
    "resolution",
    "spike_trial",
    "spike_time",
    "source_script",
    "hdf5",
    "container_source",
    "category_tables",
    "all_children",
    "data_type_attr",
    "neurodata_type",
    "read_io",
    "target_tables",
    "meanings_tables",
    "units",
    "trials",
])


def write_file(ds: xr.Dataset, path: Path) -> None:
    """Write a recording as NWB.

    Args:
        ds: A recording that follows the schema.
        path: File to write.
    """
    nwb = NWBFile(
        session_description=str(ds.attrs.get("source", "a recording")) or "a recording",
        identifier=str(uuid4()),
        session_start_time=datetime(1970, 1, 1, tzinfo=UTC),  # not known; the clock starts at 0
    )
    labels: dict[str, Any] = {"attrs": _plain(ds.attrs), "variables": {}}
    zero = _session_clock(ds)
    trial_columns: dict[str, NDArray[Any]] = {}
    unit_columns: dict[str, NDArray[Any]] = {}
    spiking = ds.attrs["schema"] == SPIKES
    for key, variable in ds.variables.items():
        name = str(key)
        label = {
            "dims": [str(dim) for dim in variable.dims],
            "dtype": variable.dtype.str if variable.dtype.kind not in "OT" else "U",
            "attrs": _plain(variable.attrs),
            "coordinate": key in ds.coords,
        }
        if spiking and name in ("spike_time", "spike_trial", "spike_unit"):
            label |= {"place": "spikes", "at": name}
        elif variable.dims == ("trial",):
            label |= {"place": "trials", "at": _column(name)}
            trial_columns[label["at"]] = _stored(variable.values)
        elif variable.dims == ("unit",):
            label |= {"place": "units", "at": _column(name)}
            unit_columns[label["at"]] = _stored(variable.values)
        elif variable.dims == ("trial", "time", "unit") and variable.dtype.kind in "iuf":
            label |= {"place": "series", "at": _column(name)}
            _add_series(nwb, ds, name, label["at"], zero)
        else:
            label |= {"place": "scratch", "at": f"values_{len(labels['variables'])}"}
            note = f"'{name}' {tuple(variable.dims)}"
            nwb.add_scratch(ScratchData(name=label["at"], data=_stored(variable.values), description=note))
        labels["variables"][name] = label
    nwb.trials = _trials(ds, zero, trial_columns)
    nwb.units = _units(ds, zero, unit_columns, spiking=spiking)
    text = np.array([json.dumps(labels)], dtype=object)
    nwb.add_scratch(
        ScratchData(name=LABELS, data=text, description="types, attributes and places of variables")
    )

    def to_file(temporary: Path) -> None:
        with h5py.File(temporary, "w") as file, NWBHDF5IO(file=file, mode="w") as io:
            io.write(nwb)

    atomic_write(path, to_file)


def _session_clock(ds: xr.Dataset) -> NDArray[np.float64]:
    """Where the clock of each trial starts on the clock of the session, in s."""
    n = ds.sizes["trial"]
    if ds.attrs["schema"] == SPIKES:
        start, stop = (ds[name].values.astype(np.float64) / 1000.0 for name in ("start", "stop"))
        start, stop = np.nan_to_num(start), np.nan_to_num(stop)
    else:
        time = ds["time"].values.astype(np.float64) / 1000.0
        width = float(ds.attrs.get("dt", 0.0)) / 1000.0
        event = np.nan_to_num(_aligned(ds))
        start, stop = event + min(time, default=0.0), event + max(time, default=0.0) + width
    if "session_time" in ds.variables and ("session" not in ds.variables or _one(ds["session"].values)):
        known = ds["session_time"].values.astype(np.float64) / 1000.0
        order = np.argsort(known + start)
        if np.isfinite(known).all() and ((known + start)[order][1:] >= (known + stop)[order][:-1]).all():
            return np.asarray(known)
    length = np.maximum(stop - start, 0.0) + _GAP
    return np.asarray(np.cumsum(length) - length - start) if n else np.zeros(0)


def _aligned(ds: xr.Dataset) -> NDArray[np.float64]:
    """Time of the event that bins are counted from, in s on the clock of the trial."""
    return event_times(ds, str(ds["time"].attrs.get("aligned_to", "trial"))) / 1000.0


def _one(values: NDArray[Any]) -> bool:
    return np.unique(values).size <= 1


def _trials(ds: xr.Dataset, zero: NDArray[np.float64], columns: dict[str, NDArray[Any]]) -> TimeIntervals:
    if ds.attrs["schema"] == SPIKES:
        start, stop = (zero + np.nan_to_num(ds[name].values / 1000.0) for name in ("start", "stop"))
    else:
        time = ds["time"].values.astype(np.float64) / 1000.0
        event = np.nan_to_num(_aligned(ds))
        start = zero + event + min(time, default=0.0)
        stop = zero + event + max(time, default=0.0) + float(ds.attrs.get("dt", 0.0)) / 1000.0
    table = [
        VectorData(name="start_time", description="start of the trial, s", data=start),
        VectorData(name="stop_time", description="end of the trial, s", data=stop),
    ]
    for name in variables_along(ds, "trial"):
        if name.startswith("event_") and f"{name[6:]}_time" not in columns and re.fullmatch(r"\w+", name):
            seconds = zero + ds[name].values / 1000.0
            table.append(
                VectorData(name=f"{name[6:]}_time", description=f"{name[6:]}, s on this clock", data=seconds)
            )
    table += [VectorData(name=name, description=name, data=data) for name, data in columns.items()]
    ids = ElementIdentifiers(name="id", data=np.arange(ds.sizes["trial"]))
    return TimeIntervals(name="trials", description="trials", id=ids, columns=table)


def _units(
    ds: xr.Dataset, zero: NDArray[np.float64], columns: dict[str, NDArray[Any]], *, spiking: bool
) -> Units:
    n = ds.sizes["unit"]
    table = [VectorData(name=name, description=name, data=data) for name, data in columns.items()]
    if spiking:
        unit, trial = ds["spike_unit"].values, ds["spike_trial"].values.astype(np.int64)
        order = np.argsort(unit, kind="stable")
        ends = np.cumsum(np.bincount(unit, minlength=n)).astype(np.uint64)
        time = ds["spike_time"].values[order]
        trial = trial[order]
        for name, data, note in (
            ("spike_times", zero[trial] + time / 1000.0, "spike times, s, trial after trial"),
            ("spike_time", time, "spike times on the clock of the trial, ms"),
            ("spike_trial", trial, "row of the trial of each spike"),
        ):
            column = VectorData(name=name, description=note, data=data)
            table += [column, VectorIndex(name=f"{name}_index", target=column, data=ends)]
        if "unit_session" in ds.variables:
            table += _intervals(ds, zero)
    ids = ElementIdentifiers(name="id", data=np.arange(n))
    return Units(name="units", description="units", id=ids, columns=table)


def _intervals(ds: xr.Dataset, zero: NDArray[np.float64]) -> list[VectorData]:
    """The trials in which each unit was recorded, as intervals of observation."""
    start, stop = (zero + ds[name].values / 1000.0 for name in ("start", "stop"))
    here = recorded(ds).T & np.isfinite(start + stop)
    unit, trial = np.nonzero(here)
    spans = np.stack([start[trial], stop[trial]], axis=1)
    column = VectorData(
        name="obs_intervals", description="trials in which the unit was recorded, s", data=spans
    )
    ends = np.cumsum(np.bincount(unit, minlength=ds.sizes["unit"])).astype(np.uint64)
    return [column, VectorIndex(name="obs_intervals_index", target=column, data=ends)]


def _add_series(nwb: NWBFile, ds: xr.Dataset, name: str, at: str, zero: NDArray[np.float64]) -> None:
    array = ds[name]
    n_rows = array.sizes["trial"] * array.sizes["time"]
    since = zero + np.nan_to_num(_aligned(ds))
    times = since[:, None] + ds["time"].values.astype(np.float64) / 1000.0
    data: Any = array.values.reshape(n_rows, -1) if array.nbytes <= _BY_PARTS else _Rows(array)
    if MODULE not in nwb.processing:
        nwb.create_processing_module(MODULE, "activity in bins")
    nwb.processing[MODULE].add(
        TimeSeries(
            name=at,
            data=H5DataIO(data, compression="gzip", shuffle=True) if n_rows and array.size else data,
            timestamps=times.reshape(-1),
            unit=str(array.attrs.get("units", "1")),
            description=f"'{name}': trial after trial, all bins of each; columns are units, NaN where not recorded",
        )
    )


class _Rows(GenericDataChunkIterator):  # type: ignore[misc]
    """Rows (trial and time, unit) of an array that need not fit in memory."""

    def __init__(self, array: xr.DataArray) -> None:
        self._array = array
        shape = self._get_maxshape()
        chunk = (min(shape[0], 4096), min(shape[1], 64))
        buffer = (max(chunk[0], min(shape[0], _BY_PARTS // (4 * shape[1]) // chunk[0] * chunk[0])), shape[1])
        super().__init__(buffer_shape=buffer, chunk_shape=chunk)

    def _get_data(self, selection: tuple[slice, ...]) -> NDArray[Any]:
        rows, columns = selection
        per = self._array.sizes["time"]
        first, last = rows.start // per, -(-rows.stop // per)
        block = self._array.isel(trial=slice(first, last), unit=columns).values
        flat = block.reshape(-1, block.shape[2])
        return np.asarray(flat[rows.start - first * per : rows.stop - first * per])

    def _get_maxshape(self) -> tuple[int, int]:
        return self._array.sizes["trial"] * self._array.sizes["time"], self._array.sizes["unit"]

    def _get_dtype(self) -> np.dtype[Any]:
        return self._array.dtype


def _column(name: str) -> str:
    """Name of a column that does not clash with one of NWB's own."""
    return f"neurornn_{name}" if name in _TAKEN or not re.fullmatch(r"\w+", name) else name


def _stored(values: NDArray[Any]) -> NDArray[Any]:
    """Values in types that NWB has: complex numbers as pairs, text as str."""
    if values.dtype.kind == "c":
        return np.stack([values.real, values.imag], axis=-1)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "latin-1")
    return values.astype(object) if values.dtype.kind in "UTO" else values


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Attributes as JSON has them; floats that are not finite as text."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    return value
