"""How much a recording holds, and how much of it is missing."""

__all__ = ["describe"]

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.provenance import provenance
from neurornn.recordings._blocks import activity_blocks, read, slices
from neurornn.recordings._events import observed, recorded, variables_along
from neurornn.recordings._names import SPIKES


def describe(ds: xr.Dataset, *, variable: str | None = None) -> xr.Dataset:
    """How much there is of everything, and how much of it is missing.

    Args:
        ds: A recording of either form, or simulated trials.
        variable: Binned variable to count; ``rate`` if there is one and else ``counts``.

    Returns:
        Numbers: ``n_trials``, ``n_units``, ``n_sessions``; ``n_trials_empty`` without any value and
        ``n_trials_ragged`` shorter than the longest; ``n_trials_overlapping`` whose span overlaps the next of
        their session, where ``session_time`` is known; ``n_cells_missing``, pairs of trial and unit without a value
        where the session has the unit; of spikes ``n_spikes``, of bins ``n_times`` and ``n_cells_with_gaps``, pairs
        with fewer values than their trial has bins. Along ``unit`` the trials it was recorded in (``n_trials_of_unit``)
        and ``n_spikes_of_unit`` of spikes; along ``variable`` how many trials lack each condition and event
        (``n_trials_without``).

    Raises:
        ValueError: If a value is infinite.
    """
    if ds.attrs.get("schema") == SPIKES:
        found, per_unit = _describe_spikes(ds)
    else:
        found, per_unit = _describe_bins(ds, variable or ("counts" if "rate" not in ds else "rate"))
    names = variables_along(ds, "trial")
    without = [int(ds[name].isnull().sum()) for name in names]
    found = {
        "n_trials": ds.sizes["trial"],
        "n_units": ds.sizes["unit"],
        "n_sessions": np.unique(ds["session"].values).size if "session" in ds.variables else 1,
        "n_trials_overlapping": _overlapping(ds),
    } | found
    return xr.Dataset(
        {key: ((), value, {"long_name": key[2:].replace("_", " ")}) for key, value in found.items()}
        | {key: ("unit", value, {"long_name": key[2:].replace("_", " ")}) for key, value in per_unit.items()}
        | {
            "n_trials_without": (
                "variable",
                np.array(without, dtype=np.int64),
                {"long_name": "trials without"},
            )
        },
        coords={"unit": ds["unit"].variable, "variable": np.array(names, dtype=np.str_)},
        attrs=provenance("neurornn.Counts/1"),
    )


def _describe_spikes(ds: xr.Dataset) -> tuple[dict[str, int], dict[str, NDArray[np.int64]]]:
    per_unit = np.zeros(ds.sizes["unit"], dtype=np.int64)
    for part in slices(ds.sizes["spike"], 64):
        per_unit += np.bincount(read(ds["spike_unit"][part]), minlength=per_unit.size)
    seen = observed(ds)
    span = np.where(seen, ds["stop"].values - ds["start"].values, 0.0)
    counts = {
        "n_spikes": ds.sizes["spike"],
        "n_trials_empty": int((~seen).sum()),
        "n_trials_ragged": int((seen & (span < span.max(initial=0.0))).sum()),
        "n_cells_missing": int(_trials_of_units(ds, ~seen).sum()),
    }
    of_unit = _trials_of_units(ds, seen)
    return counts, {"n_trials_of_unit": of_unit, "n_spikes_of_unit": per_unit}


def _describe_bins(ds: xr.Dataset, variable: str) -> tuple[dict[str, int], dict[str, NDArray[np.int64]]]:
    bins, cells_missing, gaps = np.zeros(ds.sizes["trial"], dtype=np.int64), 0, 0
    of_unit = np.zeros(ds.sizes["unit"], dtype=np.int64)
    here = recorded(ds)
    for rows, values in activity_blocks(ds, variable):
        if np.isinf(values).any():
            raise ValueError(f"'{variable}' has infinite values. Put NaN where there is none.")
        number = np.isfinite(values).sum(1)  # (trial, unit)
        bins[rows] = np.isfinite(values).any(2).sum(1)
        cells_missing += int((here[rows] & (number == 0)).sum())
        gaps += int(((number > 0) & (number < bins[rows, None])).sum())
        of_unit += (number > 0).sum(0)
    counts = {
        "n_times": ds.sizes["time"],
        "n_trials_empty": int((bins == 0).sum()),
        "n_trials_ragged": int(((bins > 0) & (bins < bins.max(initial=0))).sum()),
        "n_cells_missing": cells_missing,
        "n_cells_with_gaps": gaps,
    }
    return counts, {"n_trials_of_unit": of_unit}


def _trials_of_units(ds: xr.Dataset, among: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many of some trials belong to the session of each unit."""
    if "session" not in ds.variables or "unit_session" not in ds.variables:
        return np.full(ds.sizes["unit"], among.sum(), dtype=np.int64)
    known, number = np.unique(ds["session"].values[among], return_counts=True)
    lookup = dict(zip(known.tolist(), number.tolist(), strict=True))
    return np.array([lookup.get(one, 0) for one in ds["unit_session"].values.tolist()], dtype=np.int64)


def _overlapping(ds: xr.Dataset) -> int:
    """Trials that begin before an earlier one of their session has ended."""
    if any(name not in ds.variables for name in ("session_time", "start", "stop")):
        return 0
    zero = ds["session_time"].values.astype(np.float64)
    start, stop = zero + ds["start"].values, zero + ds["stop"].values
    session = ds["session"].values if "session" in ds.variables else np.zeros(zero.size)
    count = 0
    for one in np.unique(session):
        rows = np.flatnonzero((session == one) & np.isfinite(start) & np.isfinite(stop))
        rows = rows[np.argsort(start[rows], kind="stable")]
        until = np.maximum.accumulate(stop[rows])
        count += int((start[rows][1:] < until[:-1]).sum())
    return count
