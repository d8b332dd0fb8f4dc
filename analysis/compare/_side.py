"""Condition averages of one side, and of random parts of its trials, read some trials at a time."""

__all__ = ["Parts", "Side"]

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis.compare._clock import Clock, place
from neurornn.random import counter_uniform, derive_seed
from neurornn.recordings._blocks import read, slices

_MOST_SUMS = 2**28  # bytes of sums over parts of trials that are held at a time


@dataclass(frozen=True, eq=False)
class Parts:
    """Averages over separate parts of the trials of every condition.

    Attributes:
        sums: Sums over trials ``(part, condition, bin, unit)``.
        counts: Their number.
    """

    sums: NDArray[np.float64]
    counts: NDArray[np.float64]

    def mean(self, *parts: int) -> NDArray[np.float64]:
        """Average over some parts together, NaN where they have no trial; over all if none is named."""
        chosen = list(parts) or slice(None)
        count = self.counts[chosen].sum(0)
        out: NDArray[np.float64] = np.full(count.shape, np.nan)
        np.divide(self.sums[chosen].sum(0), count, out=out, where=count > 0)
        return out

    def select(self, units: NDArray[np.intp]) -> "Parts":
        """The same of some units."""
        return Parts(self.sums[..., units], self.counts[..., units])


class Side:
    """Trials of one network or of the recording, in the common conditions and bins.

    Args:
        ds: Trials.
        who: What they are, for messages.
        variable: Activity.
        member: Condition of each trial, -1 for none.
        clock: Where the bins lie.
        n_conditions: Number of conditions.
        n_bins: Number of bins.

    Attributes:
        order: Units sorted by their ids: what is drawn at random does not depend on the order they come in.
        counts: Trials with a value ``(condition, bin, unit)``, units in that order.
        mean: Averages over them, NaN where there is none.
    """

    def __init__(
        self,
        ds: xr.Dataset,
        who: str,
        variable: str,
        member: NDArray[np.intp],
        clock: Clock,
        n_conditions: int,
        n_bins: int,
    ) -> None:
        self.ds, self.who, self.variable, self.clock, self.n_bins = ds, who, variable, clock, n_bins
        self.member = np.where(clock.aligned, member, -1)
        self.n_conditions = n_conditions
        self.dim = _activity_dims(ds, who, variable)
        self.scale = _to_hz(ds, variable)
        ids = ds[self.dim].values if self.dim in ds.coords else np.arange(ds.sizes[self.dim])
        self.order = np.argsort(ids, kind="stable")
        self.ids = ids[self.order]
        trials = ds["trial"].values if "trial" in ds.coords else np.arange(ds.sizes["trial"])
        self.rank = np.empty(trials.size, dtype=np.uint64)
        self.rank[np.argsort(trials, kind="stable")] = np.arange(trials.size, dtype=np.uint64)
        self._survey()

    @property
    def n_units(self) -> int:
        """Number of units."""
        return self.order.size

    def whole_units(self, n_trials: int) -> NDArray[np.intp]:
        """Units that have so many trials in every condition at every bin, as positions in the sorted order."""
        return np.flatnonzero((self.counts >= n_trials).all((0, 1)))

    def parts(self, units: NDArray[np.intp], n_parts: int, seeds: Sequence[int]) -> Iterator[Parts]:
        """Split the trials of every condition into parts at random, once for each seed.

        Each unit is split over its own trials: those with most bins first, dealt in turn, each turn in random order. Parts are
        then equally large for every unit whatever trials it was recorded in, and units with the same trials are split alike.

        Args:
            units: Units wanted, as positions in the sorted order.
            n_parts: Number of parts.
            seeds: Seed of each split.

        Yields:
            The parts of one split after the other.
        """
        each = 2 * 8 * n_parts * self.n_conditions * self.n_bins * max(1, units.size)
        step = max(1, _MOST_SUMS // each)
        whole = Parts(self.sums[None], self.counts[None].astype(np.float64)).select(units)
        for first in range(0, len(seeds), step):
            chosen = [self._assignment(units, n_parts, seed) for seed in seeds[first : first + step]]
            shape = (n_parts, self.n_conditions, self.n_bins, units.size)
            found = [Parts(np.zeros(shape), np.zeros(shape)) for _ in chosen]
            for rows, values in self.blocks(self.order[units]):
                self._add(found, chosen, rows, values)
            for parts in found:
                parts.sums[-1] = whole.sums[0] - parts.sums[:-1].sum(0)
                parts.counts[-1] = whole.counts[0] - parts.counts[:-1].sum(0)
                yield parts

    def _add(
        self,
        found: list[Parts],
        chosen: list[NDArray[np.int8]],
        rows: NDArray[np.intp],
        values: NDArray[np.float64],
    ) -> None:
        """Add the trials of a block to all parts but the last, which is what remains."""
        for c in np.unique(self.member[rows]):
            here = self.member[rows] == c
            block = values[here]
            finite = np.isfinite(block)
            whole = bool(finite.all())
            filled = block if whole else np.where(finite, block, 0.0)
            for parts, assignment in zip(found, chosen, strict=True):
                mine = assignment[rows[here]]
                for p in range(len(parts.sums) - 1):
                    weight = (mine == p).astype(np.float64)
                    parts.sums[p, c] += np.einsum("rtu,ru->tu", filled, weight)
                    parts.counts[p, c] += weight.sum(0) if whole else np.einsum("rtu,ru->tu", finite, weight)

    def _survey(self) -> None:
        """Sums, counts, and how many bins each unit has in each trial, in one pass."""
        shape = (self.n_conditions, self.n_bins, self.n_units)
        self.sums, self.counts = np.zeros(shape), np.zeros(shape, dtype=np.int32)
        self.bins = np.zeros((self.member.size, self.n_units), dtype=np.int32)
        for rows, values in self.blocks(self.order):
            finite = np.isfinite(values)
            self.bins[rows] = finite.sum(1)
            np.copyto(values, 0.0, where=~finite)
            for c in np.unique(self.member[rows]):
                here = self.member[rows] == c
                self.sums[c] += values[here].sum(0)
                self.counts[c] += finite[here].sum(0)
        self.mean = Parts(self.sums[None], self.counts[None].astype(np.float64)).mean()
        self.n_trials = np.bincount(
            self.member[(self.member >= 0) & (self.bins > 0).any(1)], minlength=self.n_conditions
        )

    def blocks(self, units: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64]]]:
        """Trials that count and their activity ``(trial, bin, unit)``, one block at a time."""
        used = self.member >= 0
        if not used.any():
            return
        first, last = self.clock.first[used].min(), self.clock.first[used].max()
        n_steps = self.ds.sizes["time"]
        low = int(np.clip(first, 0, n_steps - 1))
        high = int(np.clip(last + self.n_bins * self.clock.per_bin, low + 1, n_steps))
        source = str(self.ds.encoding.get("source", ""))
        everything = units.size == self.n_units and bool((units == np.arange(self.n_units)).all())
        for rows in slices(self.member.size, 8 * max(high - low, self.n_bins) * self.n_units):
            mine = used[rows]
            if not mine.any():
                continue
            part = self.ds[self.variable].isel(trial=rows, time=slice(low, high))
            values = read(part.transpose("trial", "time", self.dim), source)
            if not everything:
                values = values[..., units]
            values = values.astype(np.float64)
            if "valid" in self.ds:
                valid = self.ds["valid"].isel(trial=rows, time=slice(low, high)).transpose("trial", "time")
                values[~(read(valid, source) > 0)] = np.nan
            if np.isinf(values).any():
                raise ValueError(f"{self.who} has infinite values in '{self.variable}'.")
            if self.scale != 1.0:
                values *= self.scale
            index = np.arange(rows.start, rows.stop)
            yield index[mine], place(values, self.clock, rows, self.n_bins, low)[mine]

    def _assignment(self, units: NDArray[np.intp], n_parts: int, seed: int) -> NDArray[np.int8]:
        """Part of each trial for each unit ``(trial, unit)``."""
        patterns, of_unit = np.unique(self.bins[:, units], axis=1, return_inverse=True)
        of_unit = of_unit.reshape(-1)
        u = counter_uniform(derive_seed(seed, "trial"), self.rank)
        out = np.zeros(patterns.shape, dtype=np.int8)
        for c in range(self.n_conditions):
            rows = np.flatnonzero(self.member == c)
            order = np.argsort(u[rows][:, None] - patterns[rows], axis=0)
            turns = -(-rows.size // n_parts)
            draws = counter_uniform(derive_seed(seed, "turn", c), np.arange(turns * n_parts, dtype=np.uint64))
            dealt = np.argsort(draws.reshape(turns, n_parts), axis=1).reshape(-1)[: rows.size].astype(np.int8)
            mine = np.empty((rows.size, patterns.shape[1]), dtype=np.int8)
            np.put_along_axis(mine, order, np.broadcast_to(dealt[:, None], mine.shape), axis=0)
            out[rows] = mine
        return out[:, of_unit]


def _activity_dims(ds: xr.Dataset, who: str, variable: str) -> str:
    if variable not in ds:
        raise ValueError(f"{who} has no variable '{variable}'. It has: {', '.join(map(str, ds))}.")
    dims: set[Any] = set(ds[variable].dims) - {"trial", "time"}
    if not {"trial", "time"} <= set(ds[variable].dims) or len(dims) != 1:
        raise ValueError(
            f"'{variable}' of {who} must have dimensions (trial, time, unit): got {ds[variable].dims}."
        )
    return str(dims.pop())


def _to_hz(ds: xr.Dataset, variable: str) -> float:
    """What counts are multiplied by to be rates."""
    if variable != "counts":
        return 1.0
    time = ds["time"].values
    step = float(time[1] - time[0]) if time.size > 1 else float(ds.attrs.get("dt", 1000.0))
    return 1000.0 / step
