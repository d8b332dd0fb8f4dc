"""Published recordings in the files they were released in."""

__all__ = ["load_mante", "load_roitman", "load_steinmetz"]

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.recordings._mante import StrPath, files_of, load_mante
from neurornn.recordings._matlab import read_matlab
from neurornn.recordings._npz import arrays_in
from neurornn.recordings._spikes import binned, spikes
from neurornn.storage import CorruptFile

# Columns of the trial table of T1RT.mat, from 0 (ColumnNames608.m of the release counts from 1)
_UNIT, _COHERENCE, _DIRECTION, _TARGET, _CORRECT, _DOTS_ON, _SACCADE, _RT, _TRIAL = 0, 2, 3, 4, 5, 6, 7, 8, 30
_N_COLUMNS = 31
_BEFORE_DOTS, _AFTER_SACCADE = 100.0, 301.0  # ms: the released spikes lie from -100 to +300 in whole ms


def load_roitman(path: StrPath) -> xr.Dataset:
    """Neurons of area LIP in the reaction-time random-dots task.

    54 neurons were recorded one at a time, 23 in monkey b and 31 in monkey n, in 6,149 trials: a pseudo-population.

    Args:
        path: ``T1RT.mat`` as released (trial table ``x``, spike times ``s``, file names ``f``), or the same data as npz
            (``spike_time_ms``, ``trial_offset``, ``unit``, ``session``, ``monkey``, ``coherence_pct``,
            ``motion_toward_target``, ``choice_target``, ``correct``, ``dots_on_ms``, ``saccade_ms``, ``rt_ms``,
            ``trial_number``).

    Returns:
        Spikes. Along ``trial``: ``coherence`` in %; ``signed_coherence``, positive towards target 1, which lies in the
        response field; ``choice`` (+1 target 1, -1 target 2); ``correct`` (at 0 % half of the trials, drawn by the authors);
        ``reaction_time``; ``event_dots_on`` and ``event_saccade``; ``trial_number`` and ``file`` of the original. Along
        ``unit``: ``area`` and ``subject``. Spikes were kept from 100 ms before the dots to 300 ms after the saccade,
        which is the span observed. Units that lie in several files are one session here.

    Raises:
        ValueError: If the file does not have this layout.

    References:
        Response of neurons in the lateral intraparietal area during a combined visual discrimination reaction time task
        (Roitman & Shadlen, 2002) https://doi.org/10.1523/JNEUROSCI.22-21-09475.2002
    """
    (file,) = files_of([path], "T1RT.mat")
    made = _roitman_npz(file) if file.suffix.lower() == ".npz" else _roitman_mat(file)
    unit = made["unit"].astype(np.int64)
    direction, target = made["direction"], made["target"]
    for name, values, allowed in (("direction of motion", direction, (0, 1, 2)), ("target", target, (1, 2))):
        if not np.isin(values, allowed).all():
            raise ValueError(f"'{file}': {name} should be one of {allowed} in every trial.")
    ids, which = np.unique(unit, return_inverse=True)
    names = made["file"]
    first = np.array([names[which == k][0] for k in range(ids.size)], dtype=np.str_)
    coherence = np.round(made["coherence"].astype(np.float64), 1)
    ds = spikes(
        made["spike_time"].astype(np.float64),
        trial=made["spike_trial"],
        unit=which[made["spike_trial"]],
        start=made["dots_on"] - _BEFORE_DOTS,
        stop=made["saccade"] + _AFTER_SACCADE,
        conditions={
            "coherence": coherence,
            "signed_coherence": coherence * np.array([0.0, 1.0, -1.0])[direction.astype(np.int64)],
            "choice": np.where(target == 1, 1, -1),
            "correct": made["correct"] == 1,
            "reaction_time": made["reaction_time"].astype(np.float64),
            "trial_number": made["trial_number"].astype(np.int64),
            "monkey": np.array([name[:1] for name in names], dtype=np.str_),
            "file": names,
        },
        events={"dots_on": made["dots_on"], "saccade": made["saccade"]},
        unit_ids=ids,
        about_units={"area": np.full(ids.size, "LIP"), "subject": np.array([each[:1] for each in first])},
        session=unit,
        unit_session=ids,
    )
    for name in ("coherence", "signed_coherence"):
        ds[name].attrs["units"] = "%"
    ds.attrs["source"] = "Roitman & Shadlen (2002)"
    return ds


def load_steinmetz(path: StrPath | Sequence[StrPath]) -> xr.Dataset:
    """Neurons of mouse visual cortex in the task of comparing two contrasts.

    Args:
        path: One session as npz, several, or a folder of them. Each has ``spikes (trial, unit, bin)``, ``time_s (trial,
            bin)`` on the clock of the session, ``bin_s``, ``contrast_left``, ``contrast_right``, ``feedback``, ``mouse`` and
            ``date``.

    Returns:
        Binned counts aligned to ``stimulus``. Bins are taken to start at its onset, which the files do not say.
        Along ``trial``: ``contrast_left``, ``contrast_right``, ``contrast_difference`` (right - left), ``feedback``, ``correct``
        and ``session_time``. Along ``unit``: ``subject`` and ``area`` ("visual cortex": the files do not say which).
        Of several sessions counts are NaN where a unit was not recorded.

    Raises:
        ValueError: If there is no session, the files do not have this layout, or their bins differ.

    References:
        Distributed coding of choice, action and engagement across the mouse brain (Steinmetz et al., 2019)
        https://doi.org/10.1038/s41586-019-1787-x
    """
    files = files_of(path, "*.npz")
    parts = [_steinmetz_session(file) for file in files]
    widths = {(part.counts.shape[1], part.bin_width) for part in parts}
    names = [part.name for part in parts]
    if len(widths) > 1 or len(set(names)) < len(names):
        raise ValueError(
            f"Sessions must differ in name and agree in bins: got {names} with {sorted(widths)}."
        )
    n_trials, n_units = ([part.counts.shape[axis] for part in parts] for axis in (0, 2))
    counts = np.full((sum(n_trials), parts[0].counts.shape[1], sum(n_units)), np.nan, dtype=np.float32)
    row = column = 0
    for part, rows, columns in zip(parts, n_trials, n_units, strict=True):
        counts[row : row + rows, :, column : column + columns] = part.counts
        row, column = row + rows, column + columns
    joined = {key: np.concatenate([part.conditions[key] for part in parts]) for key in parts[0].conditions}
    session = np.repeat(np.arange(len(parts)), n_units)
    ds = binned(
        counts,
        np.arange(counts.shape[1]) * parts[0].bin_width,
        variable="counts",
        aligned_to="stimulus",
        conditions=joined,
        events={"stimulus": np.zeros(sum(n_trials))},
        unit_ids=np.array([f"{part.name} {k}" for part in parts for k in range(part.counts.shape[2])]),
        about_units={
            "area": np.full(sum(n_units), "visual cortex"),
            "subject": np.array([part.name.split()[0] for part in parts])[session],
        },
        session=np.repeat(names, n_trials),
        unit_session=np.array(names)[session],
    )
    ds.attrs["source"] = "Steinmetz et al. (2019), doi 10.6084/m9.figshare.9974357, CC BY 4.0"
    return ds


def _roitman_mat(file: Path) -> dict[str, NDArray[Any]]:
    variables = read_matlab(file, ("x", "s", "f"))
    table, trains, names = (variables.get(name) for name in ("x", "s", "f"))
    if not isinstance(table, np.ndarray) or table.ndim != 2 or table.shape[1] != _N_COLUMNS:
        raise ValueError(f"'{file}' has no trial table x of {_N_COLUMNS} columns: it is not T1RT.mat.")
    n = len(table)
    if not isinstance(trains, list) or not isinstance(names, list) or {len(trains), len(names)} != {n}:
        raise ValueError(f"'{file}' should have cells s and f with one entry for each of {n} trials.")
    names = [each[0] if isinstance(each, list) and len(each) == 1 else each for each in names]
    if not all(isinstance(each, str) for each in names):
        raise ValueError(f"'{file}': f should hold file names.")
    if not all(isinstance(each, np.ndarray) and each.dtype.kind in "iuf" for each in trains):
        raise ValueError(f"'{file}': s should hold spike times.")
    arrays = [each.ravel() for each in trains]
    columns = {
        "unit": _UNIT, "direction": _DIRECTION, "target": _TARGET, "correct": _CORRECT, "dots_on": _DOTS_ON,
        "saccade": _SACCADE, "reaction_time": _RT, "trial_number": _TRIAL,
    }  # fmt: skip
    return {name: table[:, column] for name, column in columns.items()} | {
        "coherence": table[:, _COHERENCE] / 10.0,
        "file": np.array(names, dtype=np.str_),
        "spike_time": np.concatenate([*arrays, np.zeros(0)]),
        "spike_trial": np.repeat(np.arange(n), [each.size for each in arrays]),
    }


def _roitman_npz(file: Path) -> dict[str, NDArray[Any]]:
    wanted = {
        "unit": "unit", "direction": "motion_toward_target", "target": "choice_target", "correct": "correct",
        "dots_on": "dots_on_ms", "saccade": "saccade_ms", "reaction_time": "rt_ms", "trial_number": "trial_number",
        "coherence": "coherence_pct", "file": "session", "offset": "trial_offset", "spike_time": "spike_time_ms",
    }  # fmt: skip
    arrays = _named_arrays(file, wanted.values())
    made = {name: arrays[key] for name, key in wanted.items()}
    offset, spike_time = made.pop("offset").astype(np.int64), made["spike_time"]
    n = made["unit"].size
    sizes = {name: each.shape for name, each in made.items() if name != "spike_time" and each.shape != (n,)}
    if sizes:
        raise ValueError(f"'{file}': one entry for each of {n} trials is needed: got {sizes}.")
    if (
        offset.shape != (n + 1,)
        or offset[0] != 0
        or offset[-1] != spike_time.size
        or (np.diff(offset) < 0).any()
    ):
        raise ValueError(f"'{file}': trial_offset does not divide {spike_time.size} spikes among {n} trials.")
    made["file"] = made["file"].astype(np.str_)
    return made | {"spike_trial": np.repeat(np.arange(n), np.diff(offset))}


def _named_arrays(file: Path, names: Any) -> Mapping[str, NDArray[Any]]:  # noqa: ANN401
    try:
        arrays = arrays_in(file, 2**31)
    except Exception as error:  # whatever zipfile and zlib make of arbitrary bytes
        raise CorruptFile(file, f"it is not a readable npz file ({error})") from error
    lacking = [name for name in names if name not in arrays]
    if lacking:
        raise ValueError(f"'{file}' lacks {', '.join(lacking)}. It has: {', '.join(arrays)}.")
    return arrays


class _Session(NamedTuple):
    name: str
    counts: NDArray[Any]
    bin_width: float
    conditions: dict[str, NDArray[Any]]


def _steinmetz_session(file: Path) -> _Session:
    names = ("spikes", "time_s", "bin_s", "contrast_left", "contrast_right", "feedback", "mouse", "date")
    arrays = _named_arrays(file, names)
    counts, time = arrays["spikes"], arrays["time_s"]
    n = len(counts) if counts.ndim == 3 else -1
    fits = n >= 0 and counts.dtype.kind in "iu" and time.shape == (n, counts.shape[2])
    if not fits or any(
        arrays[name].shape != (n,) for name in ("contrast_left", "contrast_right", "feedback")
    ):
        shapes = {name: arrays[name].shape for name in names}
        raise ValueError(
            f"'{file}' should have whole spikes (trial, unit, bin) and trials that fit: got {shapes}."
        )
    left, right = (arrays[f"contrast_{side}"].astype(np.float64) for side in ("left", "right"))
    return _Session(
        f"{arrays['mouse']} {arrays['date']}",
        counts.transpose(0, 2, 1),
        round(1000.0 * float(arrays["bin_s"]), 6),
        {
            "contrast_left": left,
            "contrast_right": right,
            "contrast_difference": right - left,
            "feedback": arrays["feedback"].astype(np.int64),
            "correct": arrays["feedback"] > 0,
            "session_time": 1000.0 * time[:, 0],
        },
    )
