"""Which units of a network are recorded in which trials, and at what rates."""

__all__ = ["Plan", "plan", "rate_blocks", "scale_for"]

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.random import counter_uniform, derive_seed
from neurornn.recordings._blocks import activity_blocks
from neurornn.recordings._events import variables_along
from neurornn.recordings._observation import Sessions
from neurornn.recordings._process import Keys

_SHOWN = 3  # trials named in an error
_MOST_PASSES = 100


class Plan(NamedTuple):
    """What is recorded.

    Attributes:
        source: The network's trials.
        trials: Position in the source of each trial of the recording.
        units: Position in the source of each unit of the recording.
        sessions: Trials and units of each session, as positions in the recording.
        trial_numbers: What the randomness of each trial is counted by.
        unit_numbers: What the randomness of each unit is counted by.
        time: Start of each step in ms.
        dt: Length of a step in ms.
        start: Where each trial starts in ms.
        stop: Where it ends.
        coords: Coordinates along ``trial`` and ``unit``.
    """

    source: xr.Dataset
    trials: NDArray[np.intp]
    units: NDArray[np.intp]
    sessions: list[tuple[NDArray[np.intp], NDArray[np.intp]]]
    trial_numbers: NDArray[np.int64]
    unit_numbers: NDArray[np.int64]
    time: NDArray[np.float64]
    dt: float
    start: NDArray[np.float64]
    stop: NDArray[np.float64]
    coords: dict[str, Any]


def plan(ds: xr.Dataset, n_units: int | None, sessions: Sessions | None, seed: int) -> Plan:
    """Draw the units and the trials of each session.

    Args:
        ds: Simulated trials.
        n_units: Units observed; None for all.
        sessions: Sessions; None for one with all trials.
        seed: Seed.

    Returns:
        The plan.

    Raises:
        ValueError: If there are not enough units or trials, or the trials are not what :func:`neurornn.simulate` makes.
    """
    _check_source(ds)
    numbers = {dim: _numbers(ds, dim) for dim in ("trial", "unit")}
    Keys(seed, numbers["trial"], numbers["unit"]).check()
    n_trials, n_all = ds.sizes["trial"], ds.sizes["unit"]
    if sessions is not None:
        if n_units is not None:
            raise ValueError(
                "Give n_units or sessions, not both: sessions say how many units there are in each."
            )
        for name, wanted, there in (
            ("units", sessions.n * sessions.units_per_session, n_all),
            ("trials", sessions.n * sessions.trials_per_session, n_trials),
        ):
            if wanted > there:
                raise ValueError(
                    f"{sessions} needs {wanted} {name} and there are {there}: none is used twice. "
                    + ("Simulate more trials." if name == "trials" else "Ask for fewer sessions or units.")
                )
        count = sessions.n * sessions.units_per_session
    else:
        count = n_all if n_units is None else n_units
        if not 1 <= count <= n_all:
            raise ValueError(f"n_units must lie between 1 and the {n_all} units of the network: got {count}.")
    units = _order(numbers["unit"], derive_seed(seed, "units"))[:count]
    trials: NDArray[np.intp] = np.arange(n_trials)
    parts: list[tuple[NDArray[np.intp], NDArray[np.intp]]]
    if sessions is None:
        units = np.sort(units)
        parts = [(trials, np.arange(count))]
    else:
        k = sessions.units_per_session
        units = np.sort(units.reshape(sessions.n, k), axis=1).reshape(-1)
        trials = _order(numbers["trial"], derive_seed(seed, "trials"))
        trials = trials[: sessions.n * sessions.trials_per_session]
        parts = [
            (
                np.arange(s * sessions.trials_per_session, (s + 1) * sessions.trials_per_session),
                np.arange(s * k, (s + 1) * k),
            )
            for s in range(sessions.n)
        ]
    time = ds["time"].values.astype(np.float64)
    dt = float(ds.attrs["dt"] if time.size == 1 else time[1] - time[0])
    start, stop = _span(ds, time, dt)
    coords = _coords(ds, trials, units)
    if sessions is not None:
        of_trial = np.repeat(np.arange(sessions.n), sessions.trials_per_session)
        coords["session"] = ("trial", of_trial, {"long_name": "session"})
        of_unit = np.repeat(np.arange(sessions.n), sessions.units_per_session)
        coords["unit_session"] = ("unit", of_unit, {"long_name": "session of unit"})
    return Plan(
        ds,
        trials,
        units,
        parts,
        numbers["trial"][trials],
        numbers["unit"][units],
        time,
        dt,
        start[trials],
        stop[trials],
        coords,
    )


def rate_blocks(
    which: Plan,
) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]]:
    """Rates of the network, some trials of one session at a time.

    Args:
        which: The plan.

    Yields:
        The session, its trials and its units as positions in the recording, and the network's rates
        ``(trial, step, unit)``, NaN outside the trial.

    Raises:
        ValueError: If a rate inside a trial is not finite.
    """
    needed = which.source[["rate", "valid"] if "valid" in which.source else ["rate"]]
    for k, (rows, units) in enumerate(which.sessions):
        mine = needed.isel(unit=which.units[units])
        if "session" in which.coords:
            mine = mine.isel(trial=which.trials[rows])
        for part, values in activity_blocks(mine, "rate"):
            first, last = (edge[rows[part], None] - which.dt / 2 for edge in (which.start, which.stop))
            inside = (which.time >= first) & (which.time < last)
            wrong = (~np.isfinite(values) & inside[..., None]).any((1, 2))
            if wrong.any():
                named = ", ".join(map(str, which.trial_numbers[rows[part]][wrong][:_SHOWN]))
                raise ValueError(
                    f"The rates of {int(wrong.sum())} trials are not finite, such as trial {named}."
                )
            yield k, rows[part], units, values


def scale_for(which: Plan, mean_rate: float, baseline: float, min_rate: float) -> float:
    r"""The scale at which rates have a given mean.

    The mean of :math:`\max(s r + b, \lambda_{min})` is a convex function of :math:`s`, piecewise linear: Newton's method from
    above the solution comes down to it without passing it.

    Args:
        which: The plan.
        mean_rate: Wanted mean in Hz, over trials, times and units.
        baseline: :math:`b` in Hz.
        min_rate: :math:`\lambda_{min}` in Hz.

    Returns:
        The scale in Hz for each unit of the network's rate.

    Raises:
        ValueError: If no scale gives this mean.
    """
    positive = sum(np.nansum(np.maximum(r, 0.0)) for *_, r in rate_blocks(which))
    n = sum(int(np.isfinite(r).sum()) for *_, r in rate_blocks(which))
    if not positive > 0:
        raise ValueError("No rate of the network is above 0, so no scale gives a mean rate. Use baseline.")
    floor = max(baseline, min_rate)
    if mean_rate <= floor:
        raise ValueError(
            f"mean_rate must exceed baseline and min_rate: got {mean_rate:g} Hz and {floor:g} Hz."
        )
    scale = (mean_rate - min(baseline, 0.0)) * n / positive
    for _ in range(_MOST_PASSES if baseline or min_rate else 0):
        total, slope = 0.0, 0.0
        for *_, r in rate_blocks(which):
            above = scale * r + baseline > min_rate  # never true of NaN
            slope += float(r[above].sum())
            total += float((scale * r[above] + baseline).sum()) + min_rate * float(
                (np.isfinite(r) & ~above).sum()
            )
        step = (total / n - mean_rate) / (slope / n)
        scale -= step
        if abs(step) <= 1e-12 * scale:
            break
    return float(scale)


def _check_source(ds: xr.Dataset) -> None:
    if "rate" not in ds or set(ds["rate"].dims) != {"trial", "time", "unit"}:
        got = ds["rate"].dims if "rate" in ds else f"variables {', '.join(map(str, ds))}"
        raise ValueError(
            f"A network's 'rate' (trial, time, unit) is needed, as simulate returns it: got {got}."
        )
    if "time" not in ds.coords:
        raise ValueError("The trials have no coordinate 'time': the start of each step in ms.")
    time = ds["time"].values.astype(np.float64)
    steps = np.diff(time)
    if time.size == 1 and "dt" not in ds.attrs:
        raise ValueError("A single step has no length. Put it in ms into ds.attrs['dt'].")
    if steps.size and not (steps[0] > 0 and np.allclose(steps, steps[0], rtol=1e-6)):
        raise ValueError("The steps of 'time' must all have the same length in ms.")


def _numbers(ds: xr.Dataset, dim: str) -> NDArray[np.int64]:
    """Labels where they are whole numbers, otherwise positions."""
    if dim in ds.coords and ds[dim].dtype.kind in "iu":
        return ds[dim].values.astype(np.int64)
    return np.arange(ds.sizes[dim], dtype=np.int64)


def _order(numbers: NDArray[np.int64], key: int) -> NDArray[np.intp]:
    """A uniform random order in which each number keeps its place relative to every other, whatever else there is."""
    return np.argsort(counter_uniform(key, numbers.astype(np.uint64)), kind="stable")


def _span(
    ds: xr.Dataset, time: NDArray[np.float64], dt: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    n = ds.sizes["trial"]
    if "valid" not in ds:
        return np.full(n, time[0]), np.full(n, time[-1] + dt)
    inside = ds["valid"].transpose("trial", "time").values > 0
    broken = (np.diff(inside.astype(np.int8), axis=1, prepend=0) == 1).sum(1) > 1
    if broken.any():
        raise ValueError(f"'valid' of {int(broken.sum())} trials is not one stretch of time.")
    some = inside.any(1)
    last = inside.shape[1] - 1 - inside[:, ::-1].argmax(1)
    return np.where(some, time[inside.argmax(1)], np.nan), np.where(some, time[last] + dt, np.nan)


def _coords(ds: xr.Dataset, trials: NDArray[np.intp], units: NDArray[np.intp]) -> dict[str, Any]:
    coords: dict[str, Any] = {}
    for dim, rows in (("trial", trials), ("unit", units)):
        labels = ds[dim].values if dim in ds.coords else np.arange(ds.sizes[dim])
        coords[dim] = (dim, labels[rows], ds[dim].attrs)
        for name in variables_along(ds, dim):
            if name in ("start", "stop", "session", "unit_session"):
                raise ValueError(
                    f"The trials have a variable '{name}', which recordings use themselves. Rename it."
                )
            coords[name] = (dim, ds[name].values[rows], ds[name].attrs)
    return coords
