"""What the statistics of single units share."""

__all__ = ["BLOCK", "checked_members", "names_of", "per_unit", "trials_of"]

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.provenance import provenance

BLOCK: Final = 2**24  # numbers held at a time


def names_of(by: str | Sequence[str]) -> list[str]:
    """Names of condition variables, of which one may be given alone."""
    return [by] if isinstance(by, str) else list(by)


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
