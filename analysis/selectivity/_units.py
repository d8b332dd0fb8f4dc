"""What the statistics of single units share."""

__all__ = ["BLOCK", "checked_members", "names_of", "per_unit", "presence", "trial_means", "trials_of"]

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis._conditions import activity
from neurornn.provenance import provenance

BLOCK: Final = 2**24  # numbers held at a time


def names_of(by: str | Sequence[str]) -> list[str]:
    """Names of condition variables, of which one may be given alone."""
    return [by] if isinstance(by, str) else list(by)


def trial_means(ds: xr.Dataset, variable: str, window: tuple[float, float] | None) -> NDArray[np.float64]:
    """Activity of each unit in each trial, averaged over the times at which it has a value.

    Args:
        ds: Trials, simulated or recorded.
        variable: Activity ``(trial, time, unit)``.
        window: From and up to, not including, in the units of ``time``; None takes all times.

    Returns:
        Averages ``(trial, unit)``; NaN where a unit has no value in the window.

    Raises:
        ValueError: If the window holds no time or a value is infinite.
    """
    if window is not None:
        if "time" not in ds.coords:
            raise ValueError("A window needs the coordinate 'time'.")
        chosen = (ds["time"].values >= window[0]) & (ds["time"].values < window[1])
        if not chosen.any():
            raise ValueError(
                f"No time lies in the window from {window[0]:g} to {window[1]:g}: times run from "
                f"{float(ds['time'][0]):g} to {float(ds['time'][-1]):g}."
            )
        ds = ds.isel(time=np.flatnonzero(chosen))
    step = max(1, BLOCK // max(1, ds.sizes["time"] * ds.sizes["unit"]))
    parts = []
    for first in range(0, ds.sizes["trial"], step):
        values = activity(ds.isel(trial=slice(first, first + step)), variable)[0].values
        present = ~np.isnan(values)
        n = present.sum(1)
        total = np.where(present, values, 0.0).sum(1)
        parts.append(np.divide(total, n, out=np.full(total.shape, np.nan), where=n > 0))
    means = np.concatenate(parts)
    if np.isinf(means).any():
        raise ValueError(f"'{variable}' is infinite in {int(np.isinf(means).any(1).sum())} trials.")
    return means


def presence(present: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Units that have values in the same trials.

    Args:
        present: Whether a unit has a value in a trial, ``(trial, unit)``.

    Yields:
        Trials, and the units that have values in these and no others.
    """
    patterns, which = np.unique(present, axis=1, return_inverse=True)
    for k in range(patterns.shape[1]):
        yield np.flatnonzero(patterns[:, k]), np.flatnonzero(which.reshape(-1) == k)


def checked_members(values: NDArray[np.float64], member: NDArray[np.intp]) -> NDArray[np.intp]:
    """The condition of each trial, or an error if the arrays do not fit together."""
    member = np.asarray(member)
    if values.ndim != 3 or member.shape != values.shape[:1]:
        raise ValueError(
            f"Activity (trial, time, unit) and one condition for each trial are needed: got shapes {values.shape} and {member.shape}."
        )
    return member


def trials_of(values: NDArray[np.float64], member: NDArray[np.intp], n_conditions: int) -> NDArray[np.intp]:
    """Trials of each condition in which a unit has any value, ``(condition, unit)``."""
    present: NDArray[np.bool_] = np.asarray(np.isfinite(values).any(1))
    return np.stack([present[member == c].sum(0) for c in range(n_conditions)])


def per_unit(ds: xr.Dataset, variables: dict[str, tuple[str, NDArray[Any], str]], schema: str) -> xr.Dataset:
    """Results along ``unit``, each given as its units, its values and its long name."""
    coords = {key: value for key, value in ds.coords.items() if value.dims == ("unit",)}
    return xr.Dataset(
        {
            name: ("unit", values, {"units": units, "long_name": text})
            for name, (units, values, text) in variables.items()
        },
        coords,
        provenance(schema),
    )
