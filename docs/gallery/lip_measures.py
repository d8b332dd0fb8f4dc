"""Numbers of monkeys, neurons and networks, by the same functions."""

__all__ = ["Behaviour", "Neural", "behaved", "courses", "from_files", "neural", "published"]

from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr
from lip_networks import ANSWER, EVIDENCE, MOTOR, SENSORY, Observed
from numpy.typing import NDArray
from scipy.optimize import curve_fit

from neurornn import recordings
from neurornn.analysis import behaviour
from neurornn.random import normal_array, uniform_array

BY = ["coherence", "choice"]
BIN = 20.0
_N_BOOTSTRAP = 300


class Behaviour(NamedTuple):
    """Behaviour of one monkey or network.

    Attributes:
        curve: Weibull fit of accuracy against coherence.
        times: Reaction times of correct choices and errors.
        shape: Fit of a bounded accumulator to the mean times: bound, sensitivity and non-decision time, with intervals.
        predicted: Mean time in ms that it gives at ``grid``.
        numbers: All numbers by name.
    """

    curve: xr.Dataset
    times: xr.Dataset
    shape: dict[str, tuple[float, float, float]]
    predicted: NDArray[np.float64]
    numbers: dict[str, float]


GRID = np.geomspace(0.8, 60.0, 200)


def accumulator(
    coherence: NDArray[np.float64], bound: float, sensitivity: float, rest: float
) -> NDArray[np.float64]:
    r"""Mean time of a random walk of drift :math:`k c` between bounds :math:`\pm A`, and a constant, in s (Palmer et al., 2005)."""
    drift = np.maximum(sensitivity * np.asarray(coherence), 1e-9)
    return bound / drift * np.tanh(bound * drift) + rest


def behaved(ds: xr.Dataset) -> Behaviour:
    """Psychometric and chronometric function, each with its fit.

    Args:
        ds: Trials with ``coherence`` in %, ``choice``, ``correct`` and ``reaction_time``.

    Returns:
        Fits and numbers. Trials without an answer count nowhere but in ``share_unanswered``.
    """
    answered = ds.isel(trial=np.flatnonzero(ds["choice"].values != 0))
    moving = answered.isel(trial=np.flatnonzero(answered["coherence"].values > 0))
    curve = behaviour.psychometric(
        moving["coherence"], moving["correct"], function=behaviour.Weibull(), lapses=False
    )
    # Without motion no answer is wrong, as in Table 2 of the paper.
    right = answered["correct"].values | (answered["coherence"].values == 0)
    times = behaviour.chronometric(answered.assign(correct=("trial", right)), "coherence")
    correct = times.sel(outcome="correct")
    strength = correct["strength"].values
    mean, sem = correct["mean"].values / 1000, np.maximum(correct["sem"].values / 1000, 1e-4)
    fits = [_accumulates(strength, mean, sem)]
    fits += [
        _accumulates(strength, mean + sem * normal_array(k, mean.size), sem) for k in range(_N_BOOTSTRAP)
    ]
    ends = np.percentile(fits[1:], [2.5, 97.5], axis=0)
    shape = {
        name: (fits[0][k], ends[0, k], ends[1, k]) for k, name in enumerate(("bound", "sensitivity", "rest"))
    }
    low, high = curve["bias_interval"].values
    numbers = {
        "n_trials": float(ds.sizes["trial"]),
        "share_unanswered": float((ds["choice"].values == 0).mean()),
        "weibull_threshold": float(curve["bias"]),
        "weibull_threshold_low": low,
        "weibull_threshold_high": high,
        "weibull_slope": float(curve["slope"]),
        "weibull_slope_low": float(curve["slope_interval"][0]),
        "weibull_slope_high": float(curve["slope_interval"][1]),
        "nondecision_ms": 1000 * shape["rest"][0],
        "nondecision_low": 1000 * shape["rest"][1],
        "nondecision_high": 1000 * shape["rest"][2],
        "longest_decision_ms": 1000 * shape["bound"][0] ** 2,
    }
    for level in strength:
        numbers[f"rt_{level:g}"] = float(correct["mean"].sel(strength=level))
        numbers[f"rt_sd_{level:g}"] = float(correct["sd"].sel(strength=level))
    errors = times.sel(strength=6.4)
    numbers["rt_error_6.4"] = float(errors["mean"].sel(outcome="error"))
    return Behaviour(curve, times, shape, 1000 * accumulator(GRID, *fits[0]), numbers)


def _accumulates(
    strength: NDArray[np.float64], mean: NDArray[np.float64], sem: NDArray[np.float64]
) -> NDArray[np.float64]:
    start = (np.sqrt(np.ptp(mean) + 1e-3), 0.1, mean.min())
    bounds = ([1e-3, 1e-4, -1.0], [5.0, 10.0, 3.0])
    found, _ = curve_fit(accumulator, strength, mean, start, sem, bounds=bounds)
    return np.asarray(found)


def from_files(data: Path) -> xr.Dataset:
    """Spikes of LIP with the events of the study; correct trials, and all of them without motion.

    Args:
        data: Folder that holds ``roitman2002_lip_rdm``, or that folder, or a file in it.

    Returns:
        A recording of spikes.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    places = [data] if data.is_file() else [
        folder / name for folder in (data / "roitman2002_lip_rdm", data) for name in ("T1RT.mat", "roitman2002_lip.npz")
    ]  # fmt: skip
    file = next((each for each in places if each.is_file()), None)
    if file is None:
        raise FileNotFoundError(
            f"No recording of Roitman & Shadlen (2002) in '{data}': T1RT.mat or roitman2002_lip.npz is needed."
        )
    return recordings.load_roitman(file)


def events_of(spikes: xr.Dataset) -> tuple[xr.Dataset, Observed]:
    """The trials that count, with evidence and answer, and their rates around both."""
    spikes = spikes.assign_coords(
        event_evidence=spikes["event_dots_on"] + SENSORY, event_answer=spikes["event_saccade"] - MOTOR
    )
    kept = np.flatnonzero(spikes["correct"].values | (spikes["coherence"].values == 0))
    spikes = recordings.select(spikes, trial=kept)
    evidence = recordings.to_rates(
        spikes, bin_width=BIN, align="evidence", window=EVIDENCE, cut=("answer", 0.0)
    )
    answer = recordings.to_rates(
        spikes, bin_width=BIN, align="answer", window=ANSWER, since=("evidence", 0.0)
    )
    return spikes, Observed(evidence, answer)


class Neural(NamedTuple):
    """Averages of one population.

    Attributes:
        evidence: Averages around the evidence; see :func:`neurornn.recordings.average`.
        answer: Averages around the answer.
        numbers: All numbers by name, in units of the population.
        spread: The same for units drawn again with replacement, ``(sample,)`` each.
    """

    evidence: xr.Dataset
    answer: xr.Dataset
    numbers: dict[str, float]
    spread: dict[str, NDArray[np.float64]]


def neural(observed: Observed, *, n_bootstrap: int = _N_BOOTSTRAP) -> Neural:
    """Averages and numbers of one population, and how they scatter over its units.

    Args:
        observed: Activity around both events.
        n_bootstrap: Samples of units.

    Returns:
        They.
    """
    means = [recordings.average(ds, by=BY) for ds in observed]
    sums = [_sums(mean) for mean in means]
    n = means[0].sizes["unit"]
    numbers = _numbers(*(each.of(np.ones(n)) for each in sums))
    samples: list[dict[str, float]] = []
    for k in range(n_bootstrap):
        weights = np.bincount((uniform_array(k, n) * n).astype(int), minlength=n).astype(float)
        samples.append(_numbers(*(each.of(weights) for each in sums)))
    return Neural(*means, numbers, {name: np.array([each[name] for each in samples]) for name in numbers})


def courses(mean: xr.Dataset) -> xr.DataArray:
    """Rates pooled over all trials of all units where at least half of the trials are still there, ``(condition, time)``.

    Args:
        mean: Averages over trials; see :func:`neurornn.recordings.average`.

    Returns:
        Spikes over the time in which they were counted, NaN where fewer trials are left.
    """
    sums = _sums(mean).of(np.ones(mean.sizes["unit"]))
    enough = sums.seen >= sums.seen.max(1, keepdims=True) / 2
    coords = {"time": mean["time"], **{name: mean[name] for name in BY}}
    return xr.DataArray(np.where(enough, sums.rate, np.nan), coords, ("condition", "time"))


class _Pooled(NamedTuple):
    """Rates pooled over units, ``(condition, time)``."""

    rate: NDArray[np.float64]
    seen: NDArray[np.float64]  # trials of all units
    time: NDArray[np.float64]
    coherence: NDArray[np.float64]
    choice: NDArray[np.int64]

    def between(self, low: float, high: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rate in a window for each condition, and the bins of all trials behind it."""
        here = (self.time >= low) & (self.time < high)
        seen = self.seen[:, here]
        return (np.nan_to_num(self.rate[:, here]) * seen).sum(1) / seen.sum(1), seen.sum(1)


class _Sums(NamedTuple):
    """Sums over trials and their number, ``(condition, time, unit)``."""

    total: NDArray[np.float64]
    seen: NDArray[np.float64]
    time: NDArray[np.float64]
    coherence: NDArray[np.float64]
    choice: NDArray[np.int64]

    def of(self, weights: NDArray[np.float64]) -> _Pooled:
        """Pooled over units, each counted as often as its weight says."""
        seen = self.seen @ weights
        rate = np.divide(self.total @ weights, seen, out=np.full(seen.shape, np.nan), where=seen > 0)
        return _Pooled(rate, seen, self.time, self.coherence, self.choice)


def _sums(mean: xr.Dataset) -> _Sums:
    seen = mean["n_values"].values.astype(np.float64)
    return _Sums(
        np.nan_to_num(mean["rate"].values) * seen, seen, *(mean[name].values for name in ("time", *BY))
    )


def _numbers(evidence: _Pooled, answer: _Pooled) -> dict[str, float]:
    (first, first_seen), (early, _) = evidence.between(0.0, 40.0), evidence.between(180.0, 220.0)
    late, late_seen = answer.between(-40.0, 0.0)
    ramp = (evidence.time >= 0.0) & (evidence.time < 160.0)
    found = {}
    for side, name in ((1, "in"), (-1, "out")):
        rows = evidence.choice == side
        coherence = evidence.coherence[rows]
        found[f"slope_{name}"] = _slope(coherence, early[rows])
        found[f"late_slope_{name}"] = _slope(coherence, late[rows])
        found[f"level_{name}"] = float(np.average(late[rows], weights=late_seen[rows]))
        found[f"start_{name}"] = float(np.average(first[rows], weights=first_seen[rows]))
        for k in np.flatnonzero(rows):
            level = f"{evidence.coherence[k]:g}"
            found[f"early_{name}_{level}"], found[f"late_{name}_{level}"] = float(early[k]), float(late[k])
            line = np.polyfit(evidence.time[ramp], evidence.rate[k, ramp], 1)
            found[f"ramp_{name}_{level}"] = 1000 * float(line[0])  # in units of the rate per second
    return found


def _slope(coherence: NDArray[np.float64], rate: NDArray[np.float64]) -> float:
    """Change of the rate per 100 % of coherence."""
    return 100 * float(np.polyfit(coherence, rate, 1)[0])


def published(spikes: xr.Dataset) -> dict[str, float]:
    """What the paper says of LIP, in its own windows and with its own cut."""
    early = recordings.to_rates(
        spikes, bin_width=1.0, align="dots_on", window=(370.0, 410.0), cut=("saccade", -100.0)
    )
    late = recordings.to_rates(spikes, bin_width=40.0, align="saccade", window=(-70.0, -30.0))
    found: dict[str, float] = {}
    for what, ds in (("slope", early), ("late_slope", late)):
        mean = recordings.average(ds, by=BY)
        sums = _sums(mean).of(np.ones(mean.sizes["unit"]))
        rate, seen = sums.between(-np.inf, np.inf)
        for side, name in ((1, "in"), (-1, "out")):
            rows = sums.choice == side
            found[f"{what}_{name}"] = _slope(sums.coherence[rows], rate[rows])
            found[f"level_{name}"] = float(np.average(rate[rows], weights=seen[rows]))
    return found


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """95 % of a sample."""
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def relative(neural: Neural, name: str) -> tuple[float, float, float]:
    """A number over the population's rate before choices into the response field, with its interval over units, NaN without one."""
    value, samples = neural.numbers[name] / neural.numbers["level_in"], neural.spread[name]
    if not samples.size:
        return value, np.nan, np.nan
    return value, *interval(samples / neural.spread["level_in"])
