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
        options: What the numbers stand for.
        reward: What it brought.
        since: Number of decisions before it in the same episode.
    """

    choice: NDArray[np.int64]
    options: NDArray[np.generic]
    reward: NDArray[np.float64]
    since: NDArray[np.int64]

    def before(self, lag: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Choice and reward some decisions ago; -1 and 0 where there was none."""
        known = self.since >= lag
        at = np.where(known, np.arange(known.size) - lag, 0)
        return np.where(known, self.choice[at], -1), np.where(known, self.reward[at], 0.0)


def decisions_of(ds: xr.Dataset, *, choice: str = "choice", reward: str = "reward") -> Sequence:
    """Read decisions from a dataset.

    Args:
        ds: Decisions along ``trial`` in the order in which they were made, with ``episode`` where there are several
            episodes (sessions).
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
    values = ds[choice].values
    known = ~ds[choice].isnull().values
    if values.dtype.kind in "UO":
        known &= values != ""
    if not known.any():
        raise ValueError(f"No trial has a '{choice}'.")
    options, code = np.unique(values[known], return_inverse=True)
    number = np.full(values.size, -1, dtype=np.int64)
    number[known] = code
    starts = np.zeros(values.size, dtype=bool)
    starts[0] = True
    if "episode" in ds.variables:
        starts[1:] = ds["episode"].values[1:] != ds["episode"].values[:-1]
    if "decision" in ds.variables:  # a gap is the end of what can be known of the past
        starts[1:] |= np.diff(ds["decision"].values.astype(np.float64)) != 1
    place = np.arange(values.size)
    first = np.maximum.accumulate(np.where(starts, place, 0))
    return Sequence(number, options, ds[reward].values.astype(np.float64), place - first)
