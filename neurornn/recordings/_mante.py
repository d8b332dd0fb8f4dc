"""Prefrontal units of the context-dependent decision task, one file each."""

__all__ = ["StrPath", "files_of", "load_mante"]

import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.recordings._matlab import read_matlab
from neurornn.recordings._nested import MatlabValue
from neurornn.recordings._spikes import spikes

StrPath: TypeAlias = str | PathLike[str]

_MANTE_NAME = re.compile(r"(?P<unit>(?P<recording>[a-z]+\d+_\d+)_a?\w+?)_(?P<event>Vstim|Targ|Tsac)_.*\.mat$")
_MANTE_EVENTS = {"Vstim": "stimulus", "Targ": "target", "Tsac": "saccade"}
_MANTE_ANIMALS = {"ar": "A", "fe": "F"}


def load_mante(path: StrPath | Sequence[StrPath]) -> xr.Dataset:
    """Units of prefrontal cortex in the task of deciding on motion or on colour by context.

    The data were released as one MATLAB file for each unit, such as ``ar090313_1_a1_Vstim_100_850_ms.mat``: animal and date,
    recording, unit, event and window. Each holds a struct ``unit`` with ``response (trial, time)``, spikes in bins of 1 ms;
    ``time`` in s from the event; and ``task_variable``, vectors along the trials. This is the layout that the authors'
    analysis code reads; the loader was written from that description and tested on files made after it, not on the
    recordings themselves.

    Args:
        path: Files of the units, or the folder that holds them, all aligned to the same event.

    Returns:
        Spikes on a trial clock that starts at the event. Along ``trial``: ``choice`` (+1 the preferred target, -1 the other),
        ``context`` ("motion" or "colour"), ``motion_coherence`` and ``colour_coherence``, positive towards the
        preferred target, ``correct``, and the other task variables under their names. Units whose files have the same recording
        and the same trials form a session; all others are sessions of their own. A spike gets the time of its bin.

    Raises:
        ValueError: If the files do not have this layout or are aligned to different events.

    References:
        Context-dependent computation by recurrent dynamics in prefrontal cortex (Mante et al., 2013)
        https://doi.org/10.1038/nature12742
    """
    files = files_of(path, "*.mat")
    matches = {file: _MANTE_NAME.match(file.name) for file in files}
    odd = [file.name for file, match in matches.items() if match is None]
    if odd:
        raise ValueError(
            f"'{odd[0]}' is not named like a unit of these data: ar090313_1_a1_Vstim_100_850_ms.mat."
        )
    events = sorted({match["event"] for match in matches.values() if match})
    if len(events) > 1:
        raise ValueError(
            f"The files are aligned to {' and '.join(events)}. Load those of one event at a time."
        )
    trials: list[dict[str, NDArray[Any]]] = []
    rows: dict[tuple[Any, ...], tuple[int, int]] = {}  # trial table -> session and first trial
    parts: list[tuple[NDArray[np.float64], NDArray[np.int64]]] = []
    of_unit: list[int] = []
    spans: list[tuple[float, float]] = []
    for file, match in matches.items():
        time, trial, span, table = _mante_unit(file)
        size = next(iter(table.values())).size
        key = (match["recording"] if match else "", span, *((k, table[k].tobytes()) for k in sorted(table)))
        if key not in rows:
            rows[key] = len(rows), sum(each["choice"].size for each in trials)
            trials.append(table)
            spans += [span] * size
        of_unit.append(rows[key][0])
        parts.append((time, trial + rows[key][1]))
    names = sorted(set.union(*(set(table) for table in trials)))
    joined = {name: np.concatenate([_or_missing(table, name) for table in trials]) for name in names}
    units = [match["unit"] for match in matches.values() if match]
    ds = spikes(
        np.concatenate([time for time, _ in parts]),
        trial=np.concatenate([trial for _, trial in parts]),
        unit=np.repeat(np.arange(len(parts)), [time.size for time, _ in parts]),
        start=[span[0] for span in spans],
        stop=[span[1] for span in spans],
        conditions=joined,
        events={_MANTE_EVENTS[events[0]]: np.zeros(len(spans))},
        unit_ids=units,
        about_units={
            "area": np.full(len(units), "PFC"),
            "subject": np.array([_MANTE_ANIMALS.get(unit[:2], unit[:2]) for unit in units]),
        },
        session=np.repeat(np.arange(len(trials)), [each["choice"].size for each in trials]),
        unit_session=of_unit,
    )
    ds.attrs["source"] = "Mante et al. (2013)"
    return ds


def files_of(path: StrPath | Sequence[StrPath], pattern: str) -> list[Path]:
    """Files that a path names.

    Args:
        path: A file, a folder, or several.
        pattern: Names of the files in a folder.

    Returns:
        The files, those of a folder sorted.

    Raises:
        ValueError: If there are none.
        FileNotFoundError: If one does not exist.
    """
    given = [Path(path)] if isinstance(path, str | PathLike) else [Path(each) for each in path]
    files = [file for each in given for file in (sorted(each.glob(pattern)) if each.is_dir() else [each])]
    if not files:
        raise ValueError(f"No files {pattern} in {', '.join(map(str, given)) or 'an empty list'}.")
    for file in files:
        if not file.is_file():
            raise FileNotFoundError(f"There is no file '{file}'.")
    return files


def _mante_unit(
    file: Path,
) -> tuple[NDArray[np.float64], NDArray[np.int64], tuple[float, float], dict[str, NDArray[Any]]]:
    unit = read_matlab(file, ("unit",)).get("unit")
    if not isinstance(unit, dict) or not {"response", "time", "task_variable"} <= set(unit):
        raise ValueError(f"'{file}' has no struct unit with response, time and task_variable.")
    response, time = unit["response"], unit["time"]
    if not all(isinstance(each, np.ndarray) and each.dtype.kind in "biuf" for each in (response, time)):
        raise ValueError(f"'{file}': response and time should be numbers.")
    time = np.round(1000.0 * time.ravel().astype(np.float64), 6)
    if response.ndim != 2 or time.size < 2 or response.shape[1] != time.size or not (np.diff(time) > 0).all():
        raise ValueError(
            f"'{file}': response {response.shape} should be trial x time, with {time.size} times."
        )
    if not np.isfinite(response).all() or (response < 0).any() or (response % 1).any():
        raise ValueError(
            f"'{file}': response should hold spikes in each bin, whole numbers. Smoothed rates are read by "
            "MatlabLayout(rates=...)."
        )
    if response.size and response.max() > 1000:
        raise ValueError(f"'{file}': response has {response.max()} spikes in one bin.")
    trial, bin_ = np.nonzero(response)
    repeats = response[trial, bin_].astype(np.int64)
    trial, bin_ = np.repeat(trial, repeats), np.repeat(bin_, repeats)
    span = float(time[0]), float(time[-1] + (time[1] - time[0]))
    return time[bin_], trial, span, _mante_table(file, unit["task_variable"], len(response))


def _mante_table(file: Path, variables: MatlabValue, n_trials: int) -> dict[str, NDArray[Any]]:
    if not isinstance(variables, dict):
        raise ValueError(f"'{file}': task_variable should be a struct.")
    table = {}
    for name, values in variables.items():
        if not isinstance(values, np.ndarray) or values.size != n_trials or values.dtype.kind not in "biuf":
            raise ValueError(
                f"'{file}': task_variable.{name} should have one number for each of {n_trials} trials."
            )
        table[name] = values.ravel().astype(np.float64)
    needed = ("targ_dir", "context", "correct", "stim_dir", "stim_col2dir")
    lacking = [name for name in needed if name not in table]
    if lacking:
        raise ValueError(f"'{file}': task_variable lacks {', '.join(lacking)}.")
    if not np.isin(table["targ_dir"], (1, -1)).all() or not np.isin(table["context"], (1, -1)).all():
        raise ValueError(f"'{file}': targ_dir and context should be 1 or -1 in every trial.")
    choice, context, correct, motion, colour = (table.pop(name) for name in needed)
    return {
        "choice": choice.astype(np.int64),
        "context": np.where(context == 1, "motion", "colour"),
        "correct": correct == 1,
        "motion_coherence": motion,
        "colour_coherence": colour,
        **table,
    }


def _or_missing(table: Mapping[str, NDArray[Any]], name: str) -> NDArray[Any]:
    """A task variable, NaN where a file does not have it."""
    return table[name] if name in table else np.full(table["choice"].size, np.nan)
