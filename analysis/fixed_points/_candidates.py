"""Where a search for fixed points starts."""

__all__ = ["as_candidates", "candidates_from"]

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn.analysis._conditions import activity
from neurornn.analysis._system import plain
from neurornn.random import derive_seed, normal_array, uniform_array

_DEFAULT_NUMBER = 1024


def candidates_from(
    data: xr.Dataset | xr.DataArray, n: int = _DEFAULT_NUMBER, *, jitter: float = 0.1, seed: int = 0
) -> xr.DataArray:
    """States visited in trials, a little displaced, to start a search from.

    States are drawn without replacement; if there are fewer than ``n``, each is used about equally often.

    Args:
        data: Trials with a variable ``state``, or such a variable, with dimensions ``trial, time, unit``. Padding
            and states that are not finite are passed over.
        n: Number of candidates.
        jitter: Standard deviation of the independent normal displacement of every unit, in units of the spread of
            the states (the root mean square over units of their standard deviation). Fixed points between the
            visited states, saddles above all, are found from displaced candidates.
        seed: Seed of the choice and the displacement.

    Returns:
        Candidates ``(candidate, unit)``.

    Raises:
        ValueError: If ``n`` or ``jitter`` makes no sense, or no state is finite.

    Examples:
        >>> state = xr.DataArray(np.arange(12.0).reshape(2, 3, 2), dims=("trial", "time", "unit"))
        >>> candidates_from(state, 4, jitter=0.0).shape
        (4, 2)
    """
    if n < 1:
        raise ValueError(f"The number of candidates must be positive: got {n}.")
    if not (np.isfinite(jitter) and jitter >= 0):
        raise ValueError(f"jitter is a fraction of the spread of the states, at least 0: got {jitter}.")
    ds = data if isinstance(data, xr.Dataset) else data.to_dataset(name="state")
    states = activity(ds, "state")[0].values.reshape(-1, ds.sizes["unit"])
    states = states[np.isfinite(states).all(1)]
    if not len(states):
        raise ValueError("No state is finite in every unit: there is nothing to start from.")
    order = np.argsort(uniform_array(derive_seed(seed, "candidates"), len(states)), kind="stable")
    chosen = states[order[np.arange(n) % len(states)]]
    spread = np.sqrt(states.var(0).mean())
    noise = normal_array(derive_seed(seed, "jitter"), *chosen.shape)
    return xr.DataArray(
        chosen + jitter * spread * noise,
        dims=("candidate", "unit"),
        name="state",
        attrs={"long_name": "candidate", "units": "1"},
    )


def as_candidates(
    given: ArrayLike | Tensor | xr.Dataset | xr.DataArray, n_units: int | None, *, seed: int
) -> NDArray[np.float64]:
    """Candidates as a plain array, checked.

    Args:
        given: States ``(candidate, unit)``, or trials to draw 1,024 from.
        n_units: Number of units of the network, or None if it does not say.
        seed: Seed of the draw.

    Returns:
        Finite states ``(candidate, unit)``.

    Raises:
        ValueError: If the shape is wrong, there are none, or one is not finite.
    """
    if isinstance(given, xr.Dataset) or (isinstance(given, xr.DataArray) and "trial" in given.dims):
        given = candidates_from(given, seed=seed)
    if isinstance(given, xr.DataArray) and "unit" in given.dims:
        given = given.transpose(..., "unit")
    states = plain(given)
    if states.ndim != 2 or 0 in states.shape or n_units not in {None, states.shape[-1]}:
        raise ValueError(
            f"candidates must be states (candidate, unit) with {n_units or 'at least 1'} units: got shape {states.shape}."
        )
    if not np.isfinite(states).all():
        row = int(np.flatnonzero(~np.isfinite(states).all(1))[0])
        raise ValueError(f"candidates must be finite: candidate {row} is not.")
    return states
