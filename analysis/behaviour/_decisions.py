"""Decisions that follow each other within episodes: which came before which, and what they brought."""

__all__ = ["Sequence", "decisions_of"]

from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray


class Sequence(NamedTuple):
    """Decisions in the order of the data.

    Attributes:
        choice: Option chosen, as a whole number from 0; -1 for none.
        action: Option that was carried out, and whose reward it is: the choice, unless the data say otherwise.
        options: What the numbers stand for.
        reward: What it brought.
        since: Number of decisions before it in the same episode.
    """

    choice: NDArray[np.int64]
    action: NDArray[np.int64]
    options: NDArray[np.generic]
    reward: NDArray[np.float64]
    since: NDArray[np.int64]

    def before(self, lag: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Action and reward some decisions ago; -1 and 0 where there was none."""
        known = self.since >= lag
        at = np.where(known, np.arange(known.size) - lag, 0)
        return np.where(known, self.action[at], -1), np.where(known, self.reward[at], 0.0)


def decisions_of(ds: xr.Dataset, *, choice: str = "choice", reward: str = "reward") -> Sequence:
    """Read decisions from a dataset.

    Args:
        ds: Decisions along ``trial`` in the order in which they were made, with ``episode`` where there are several
            episodes (sessions). Where it has ``action``, that and not the choice is what was carried out.
        choice: Name of the choice, numbers or text; NaN or an empty text for none.
        reward: Name of the reward.

    Returns:
        The decisions.

    Raises:
        ValueError: If a variable is missing or there is no choice.
    """
    for name in (choice, reward):
        if name not in ds.variables or ds[name].dims != ("trial",):
            raise ValueError(
                f"'{name}' is not a variable of the trials. Decisions are needed, one in each trial: what rollout gives, or a "
                "recorded session with its choices and rewards."
            )
    carried_out = "action" if "action" in ds.variables and ds["action"].dims == ("trial",) else choice
    known = {name: _known(ds[name]) for name in (choice, carried_out)}
    if not known[choice].any():
        raise ValueError(f"No trial has a '{choice}'.")
    found = np.concatenate([ds[name].values[rows] for name, rows in known.items()])
    options = np.unique(found)
    codes = {}
    for name, rows in known.items():
        codes[name] = np.full(rows.size, -1, dtype=np.int64)
        codes[name][rows] = np.searchsorted(options, ds[name].values[rows])
    starts = np.zeros(ds.sizes["trial"], dtype=bool)
    starts[0] = True
    if "episode" in ds.variables:
        starts[1:] = ds["episode"].values[1:] != ds["episode"].values[:-1]
    if "decision" in ds.variables:  # a gap is the end of what can be known of the past
        starts[1:] |= np.diff(ds["decision"].values.astype(np.float64)) != 1
    place = np.arange(starts.size)
    first = np.maximum.accumulate(np.where(starts, place, 0))
    won = ds[reward].values.astype(np.float64)
    return Sequence(codes[choice], codes[carried_out], options, won, place - first)


def _known(values: xr.DataArray) -> NDArray[np.bool_]:
    """Where there is a value: neither NaN nor an empty text."""
    known = ~values.isnull().values
    return known & (values.values != "") if values.dtype.kind in "UO" else known
