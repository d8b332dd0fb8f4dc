"""A simulated observer with known parameters, and the fit that should find them."""

__all__ = ["Study", "covered", "digest", "trials"]

import hashlib
import inspect
import re
import sys
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from neurornn.analysis import behaviour

_IMPORTED = re.compile(r"^from (neurornn\.analysis\.behaviour\.\w+) import", flags=re.MULTILINE)


@dataclass(frozen=True)
class Study:
    """One fit and the observer it is tried on.

    Attributes:
        name: Row of the table.
        measures: Classes of :mod:`neurornn.analysis.behaviour` whose intervals these are.
        draw: A data set of the observer.
        fit: The fit with its intervals, of a data set and a seed.
        truth: Value of each parameter: a number, an array in the shape of the estimate, or a function of the result.
            Each entry of an array is a parameter of its own.
        bands: Likewise, of what is shown along an axis: the entries of an array are taken together.
        fixed: Parameters that are not estimated, whose interval is a point.
    """

    name: str
    measures: tuple[str, ...]
    draw: Callable[[np.random.Generator], xr.Dataset]
    fit: Callable[[xr.Dataset, int], xr.Dataset]
    truth: Mapping[str, Any] = field(default_factory=dict)
    bands: Mapping[str, Any] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()


def covered(study: Study, number: int) -> dict[str, float]:
    """Which intervals of one data set hold the truth.

    Args:
        study: Observer and fit.
        number: Number of the data set, which is also the seed of the fit.

    Returns:
        1 or 0 for each parameter, and the fraction for each band. An interval that is NaN holds nothing.

    Raises:
        ValueError: If the fit gives intervals the study does not know.
    """
    rng = np.random.default_rng([zlib.crc32(study.name.encode()), number])
    result = study.fit(study.draw(rng), number)
    given = {str(name).removesuffix("_interval") for name in result if str(name).endswith("_interval")}
    known = {*study.truth, *study.bands, *study.fixed}
    if given != known:
        raise ValueError(f"'{study.name}' gives intervals of {sorted(given)} and knows {sorted(known)}.")
    found: dict[str, float] = {}
    for name, wanted in {**study.truth, **study.bands}.items():
        truth = np.asarray(wanted(result) if callable(wanted) else wanted, dtype=np.float64)
        interval = result[f"{name}_interval"].transpose(..., "interval")
        ends = interval.values
        hit = (ends[..., 0] <= truth) & (truth <= ends[..., 1])
        if name in study.bands:
            found[name] = float(hit.mean())
        elif hit.ndim == 0:
            found[name] = float(hit)
        else:
            for place, each in np.ndenumerate(hit):
                labels = [_told(interval, dim, k) for dim, k in zip(interval.dims[:-1], place, strict=True)]
                found[f"{name} [{', '.join(labels)}]"] = float(each)
    return found


def digest(study: Study) -> str:
    """What the code of a study and of its fit is, so that kept results are of this code."""
    waiting = [sys.modules[study.draw.__module__], sys.modules[Study.__module__]]
    waiting += [sys.modules[getattr(behaviour, name).__module__] for name in study.measures]
    seen: dict[str, bytes] = {}
    while waiting:
        module = waiting.pop()
        if module.__name__ not in seen:
            source = Path(inspect.getfile(module)).read_bytes()
            seen[module.__name__] = source
            waiting += [sys.modules[name] for name in _IMPORTED.findall(source.decode())]
    return hashlib.sha256(b"".join(seen[name] for name in sorted(seen))).hexdigest()[:16]


def trials(**columns: Any) -> xr.Dataset:
    """Trials with these variables."""
    return xr.Dataset({name: ("trial", np.asarray(values)) for name, values in columns.items()})


def _told(interval: xr.DataArray, dim: Any, k: int) -> str:
    if dim not in interval.coords:
        return str(k)
    value = interval[dim].values[k]
    return f"{value:g}" if isinstance(value, np.floating) else str(value)
