"""Recordings in Neurodata Without Borders files."""

__all__ = ["read", "write"]

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import xarray as xr

from neurornn.recordings._canary import survives
from neurornn.recordings._hdf5 import opened
from neurornn.recordings._links import damage_named
from neurornn.recordings._nwb_labels import has_labels, labelled
from neurornn.recordings._nwb_tables import tables
from neurornn.recordings._schema import check, check_structure
from neurornn.storage import CorruptFile


def read(
    path: str | PathLike[str],
    *,
    events: Sequence[str] = (),
    before: float = 0.0,
    after: float = 0.0,
    obs_intervals: bool = True,
    max_bytes: int = 2**30,
) -> xr.Dataset:
    """Read a recording from an NWB 2 file (HDF5): its units table and its trials table, or what `write` made.

    The clock of each trial starts at its ``start_time``. Along ``trial`` come the columns of the trials table: those in
    s on the clock of the session (`events`, and all whose name ends in ``_time``) as ``event_...``, others under their names;
    and ``session_time``. Along ``unit`` the columns of the units table, with ``area`` from the location of the first
    electrode (or of the electrode group) and ``electrode_group``. A spike belongs to every trial whose span holds it,
    its end left out. Units without ``obs_intervals`` in a trial were not recorded there, which makes sessions. A trial
    without start or stop has no span, and no unit has a value in it. Columns that are no vector of numbers or text stay in the
    file; the attribute ``not_read`` names them.

    Nothing outside the file is followed, and sizes are held against what is stored. Extensions of the format do not
    matter: only the two tables and the electrodes are read, unit by unit.

    Args:
        path: File.
        events: Further columns of the trials table that are times in s on the clock of the session.
        before: Begin to observe so many ms before the start of each trial.
        after: Go on so many ms after its end.
        obs_intervals: Whether intervals of observation say which unit was recorded in which trial.
        max_bytes: Size in memory above which the activity of a binned recording stays in the file and is read when needed.

    Returns:
        A recording: spikes, or binned if it was written so.

    Raises:
        ValueError: If there are no units with spike times or no trials, the tables do not fit, or the recording does not
            follow the schema.
        CorruptFile: If the file is damaged.
        FileNotFoundError: If there is no such file.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"There is no file '{file}'.")
    survives(file)
    try:
        with opened(file) as reader, damage_named():
            if has_labels(reader):
                ds = labelled(reader, file, max_bytes)
                check_structure(ds)
            else:
                ds = tables(reader, events, before, after, obs_intervals=obs_intervals)
            if "spike" in ds.sizes:
                check(ds)
    except CorruptFile:
        raise
    except (ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"NWB file '{file}': {error}") from None
    return ds


def write(ds: xr.Dataset, path: str | PathLike[str]) -> None:
    """Write a recording as NWB 2, so that `read` gives it back as it was and other tools find the usual tables.

    Trials are laid on the clock of a session: where ``session_time`` says, if it does for all trials of one session and
    they do not overlap, and else one after another, 1 s apart. The trials table has every variable along ``trial``, and
    ``<event>_time`` in s for every event; the units table those along ``unit``, ``spike_times`` in s and
    ``obs_intervals``; activity in bins is a TimeSeries (trial and time, unit) in the module ``ecephys``. What NWB has no place for
    (times on the trial clock, attributes, types) is written beside them: in the ragged columns ``spike_trial`` and
    ``spike_time`` of the units, and in the scratch space.

    Args:
        ds: A recording of either form, or simulated trials.
        path: File to write; it is replaced if it exists.

    Raises:
        ImportError: If pynwb is not installed.
        ValueError: If it does not follow the schema.
    """
    try:
        import pynwb  # noqa: F401
    except ImportError:
        raise ImportError(
            "Writing NWB files needs pynwb. Install it with: pip install 'neurornn[nwb]'"
        ) from None
    from neurornn.recordings._nwb_write import write_file

    check_structure(ds)
    write_file(ds, Path(path))
