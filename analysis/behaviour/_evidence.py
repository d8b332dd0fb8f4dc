"""The evidence that was shown, noise and all, in bins of time."""

__all__ = ["Align", "binned_evidence"]

from typing import Literal, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Align = Literal["start", "end"]
"""Whether time is counted from the start of an epoch, or back from its end."""


class BinnedEvidence(NamedTuple):
    """Evidence in bins.

    Attributes:
        total: Integral over the part of each bin that lies in the epoch, in input times ms, ``(trial, bin)``.
        covered: Fraction of each bin that lies in the epoch, ``(trial, bin)``.
        middle: Middle of each bin in ms from the start of the epoch, or (negative) from its end.
        width: Width of the bins in ms, a whole number of steps.
    """

    total: NDArray[np.float64]
    covered: NDArray[np.float64]
    middle: NDArray[np.float64]
    width: float


def binned_evidence(
    ds: xr.Dataset, positive: str, negative: str | None, *, epoch: str, bin_width: float, align: Align
) -> BinnedEvidence:
    """Difference of two input channels, noise included, in bins of an epoch.

    Args:
        ds: Trials with their ``inputs``.
        positive: Channel that speaks for the positive choice.
        negative: Channel that speaks against it; None if there is none.
        epoch: Epoch.
        bin_width: Width of the bins in ms, rounded to whole steps.
        align: From which end of the epoch the bins are counted.

    Returns:
        The evidence.

    Raises:
        ValueError: If the dataset lacks the inputs, a channel or the epoch, or the bins are too narrow.
    """
    if "inputs" not in ds or set(ds["inputs"].dims) != {"trial", "time", "input"}:
        raise ValueError("The dataset needs the 'inputs' of the trials, along trial, time and input.")
    if align not in {"start", "end"}:
        raise ValueError(f"align must be 'start' or 'end': got {align!r}.")
    names = [str(name) for name in ds["input"].values]
    for name in (positive,) if negative is None else (positive, negative):
        if name not in names:
            raise ValueError(f"There is no input '{name}'. The inputs are: {', '.join(names)}.")
    edges = [f"epoch_{epoch}_{side}" for side in ("start", "end")]
    if any(edge not in ds.variables for edge in edges):
        raise ValueError(f"The trials have no epoch '{epoch}': {edges[0]} and {edges[1]} are missing.")
    if "dt" not in ds.attrs:
        raise ValueError("The dataset needs its time step in ms as attribute 'dt'.")
    dt = float(ds.attrs["dt"])
    per_bin = round(bin_width / dt)
    if per_bin < 1:
        raise ValueError(f"bin_width must be at least a step of {dt:g} ms: got {bin_width}.")
    inputs = ds["inputs"].transpose("trial", "time", "input").values.astype(np.float64)
    evidence = inputs[..., names.index(positive)]
    if negative is not None:
        evidence = evidence - inputs[..., names.index(negative)]
    start, stop = (np.rint(ds[edge].values.astype(np.float64) / dt).astype(np.int64) for edge in edges)
    longest = int((stop - start).max(initial=0))
    if longest < 1:
        raise ValueError(f"Epoch '{epoch}' has no step in any trial.")
    n_bins = -(-longest // per_bin)
    offset = np.arange(n_bins * per_bin)
    place = start[:, None] + offset if align == "start" else stop[:, None] - offset[::-1] - 1
    inside = (place >= start[:, None]) & (place < stop[:, None])
    shown = np.take_along_axis(evidence, np.clip(place, 0, evidence.shape[1] - 1), axis=1)
    shape = (len(evidence), n_bins, per_bin)
    total = np.where(inside, shown, 0.0).reshape(shape).sum(axis=2) * dt
    covered = inside.reshape(shape).mean(axis=2).astype(np.float64)
    middle = (np.arange(n_bins, dtype=np.float64) + 0.5) * (per_bin * dt)
    return BinnedEvidence(
        total, covered, middle if align == "start" else middle - n_bins * per_bin * dt, per_bin * dt
    )
