"""Which units, channels, steps and directions an intervention means."""

__all__ = [
    "Channels",
    "Directions",
    "Epoch",
    "Units",
    "active_steps",
    "channels_of",
    "n_units_of",
    "orthonormal",
    "units_of",
]

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn._words import did_you_mean
from neurornn.analysis.interventions._base import Subject
from neurornn.trials import Trials

Units = int | str | Sequence[int] | Sequence[str] | NDArray[Any] | None
Channels = int | str | Sequence[int] | Sequence[str] | NDArray[Any] | None
Epoch = str | tuple[float | None, float | None] | None
Directions = ArrayLike | xr.DataArray

_CELLS = {"E": "E", "I": "I", "excitatory": "E", "inhibitory": "I"}


def units_of(units: Units, network: Subject) -> NDArray[np.bool_]:
    """Units by index, mask, area or cell type.

    Args:
        units: What the user wrote; None means all.
        network: The network whose units are meant.

    Returns:
        A mask ``(unit,)``.

    Raises:
        ValueError: If a name is unknown or means two things, or an index does not exist.
    """
    n_units = n_units_of(network)
    if units is None:
        return np.ones(n_units, dtype=bool)
    values = np.atleast_1d(np.asarray(units))
    if values.dtype.kind != "U":
        return _mask(values, n_units, "units")
    unnamed = np.full(n_units, "")
    areas, cell_types = (np.asarray(getattr(network, name, unnamed)) for name in ("areas", "cell_types"))
    known = {str(name) for name in areas if name}
    chosen = np.zeros(n_units, dtype=bool)
    for name in values.tolist():
        kind = _CELLS.get(name)
        cells = cell_types == kind if kind else np.zeros_like(chosen)
        if name in known and cells.any():
            raise ValueError(
                f"'{name}' is both an area and a cell type of this network. Pass a mask, network.areas == '{name}' or "
                f"network.cell_types == '{kind}'."
            )
        here = areas == name if name in known else cells
        if not here.any():
            types = sorted({str(each) for each in cell_types if each})
            have = ", ".join(sorted(known) + types) or "neither areas nor cell types"
            raise ValueError(
                f"The network has no units called '{name}'.{did_you_mean(name, [*known, *types])} It has: {have}. Units are named by area "
                "or by cell type ('E', 'I'), or given by index or mask."
            )
        chosen |= here
    return chosen


def n_units_of(network: Subject) -> int:
    """Dimension of the state.

    Args:
        network: A network, or an object with a drift.

    Returns:
        The number of units.

    Raises:
        TypeError: If it does not say.
    """
    if not hasattr(network, "n_units"):
        raise TypeError(
            f"{type(network).__name__} does not say how many units it has. Give it an attribute n_units, or wrap it: "
            "systems.Drift(function, n_units=...)."
        )
    return int(network.n_units)


def channels_of(channels: Channels, names: Sequence[str], what: str) -> NDArray[np.bool_]:
    """Input or output channels by index, mask or name.

    Args:
        channels: What the user wrote; None means all.
        names: Names of the channels.
        what: ``"input"`` or ``"output"``.

    Returns:
        A mask ``(channel,)``.

    Raises:
        ValueError: If a name or an index does not exist.
    """
    if channels is None:
        return np.ones(len(names), dtype=bool)
    values = np.atleast_1d(np.asarray(channels))
    if values.dtype.kind != "U":
        return _mask(values, len(names), f"{what} channels")
    for name in values.tolist():
        if name not in names:
            raise ValueError(
                f"There is no {what} channel '{name}'.{did_you_mean(name, names)} There are: {', '.join(names)}."
            )
    return np.isin(np.asarray(names), values)


def active_steps(epoch: Epoch, trials: Trials) -> Tensor:
    """The steps of each trial during which an intervention acts; never the padding.

    Args:
        epoch: Name of an epoch of the trials; start and end in ms from trial onset, None for an open end; or None
            for the whole trial.
        trials: The trials.

    Returns:
        Booleans ``(batch, time)``.

    Raises:
        TypeError: If the epoch is neither a name nor two times.
        ValueError: If no step of any trial lies in the epoch.
    """
    inside = trials.valid > 0
    if isinstance(epoch, str):
        inside = inside & trials.during(epoch)
    elif epoch is not None:
        try:
            start, end = epoch
        except (TypeError, ValueError):
            raise TypeError(
                f"epoch is the name of an epoch, (start, end) in ms, or None for the whole trial: got {epoch!r}."
            ) from None
        slack = 1e-6 * trials.info.dt
        low = -np.inf if start is None else float(start)
        high = np.inf if end is None else float(end)
        steps = (trials.time >= low - slack) & (trials.time < high - slack)
        inside = inside & torch.as_tensor(steps, device=inside.device)
    if not bool(inside.any()):
        known = ", ".join(f"'{name}'" for name in trials.epochs)
        raise ValueError(
            f"The intervention would never act: no step of any trial lies in epoch={epoch!r}. The trials last up to "
            f"{trials.duration.max():g} ms and have the epochs {known}."
        )
    return inside


def orthonormal(directions: Directions, n_units: int) -> NDArray[np.float64]:
    """Orthonormal axes of the space that directions span, in their order (Gram and Schmidt).

    Args:
        directions: One direction ``(unit,)``, or several ``(direction, unit)``; an array with a dimension ``unit`` in
            any place.
        n_units: Number of units.

    Returns:
        Axes ``(direction, unit)``; each has a positive overlap with its direction.

    Raises:
        ValueError: If the shape is wrong, a value is not finite, or the directions do not span as many dimensions.
    """
    if isinstance(directions, xr.DataArray):
        if "unit" not in directions.dims or directions.ndim > 2:
            raise ValueError(
                f"A direction needs the dimension 'unit' and at most one other: got {directions.dims}."
            )
        directions = directions.transpose(..., "unit").values
    rows = np.atleast_2d(np.asarray(directions, dtype=np.float64))
    if rows.ndim != 2 or rows.shape[1] != n_units or not len(rows):
        raise ValueError(
            f"A direction has one number for each of {n_units} units, several are (direction, unit): got shape "
            f"{np.shape(directions)}."
        )
    if not np.isfinite(rows).all():
        raise ValueError("A direction must be finite: it holds NaN or infinity.")
    q, r = np.linalg.qr(rows.T)
    size = np.abs(np.diag(r))
    if len(rows) > n_units or size.min() <= 1e-10 * max(float(np.abs(rows).max()), 1e-300):
        raise ValueError(
            f"The {len(rows)} directions span fewer dimensions: one is zero or a combination of the others. Leave it out."
        )
    return np.asarray((q * np.sign(np.diag(r))).T)


def _mask(values: NDArray[Any], size: int, what: str) -> NDArray[np.bool_]:
    if values.dtype == bool:
        if values.shape != (size,):
            raise ValueError(f"A mask of {what} has {size} values: got shape {values.shape}.")
        return values
    if values.size and values.dtype.kind not in "iu":
        raise ValueError(f"{what} are whole numbers, a mask or names: got {values.tolist()[:5]}.")
    index = values.astype(np.int64)
    if values.ndim != 1 or (index.size and (index.min() < -size or index.max() >= size)):
        raise ValueError(f"There are {size} {what}, 0 to {size - 1}: got {values.tolist()[:8]}.")
    chosen = np.zeros(size, dtype=bool)
    chosen[index] = True
    return chosen
