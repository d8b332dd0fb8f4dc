r"""A network seen through an electrode: spikes simulated from its rates."""

__all__ = ["observe", "observe_counts"]

import math
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.provenance import provenance
from neurornn.random import derive_seed
from neurornn.recordings._names import BINNED, SPIKES
from neurornn.recordings._observation import AbstractObservation, GainDrift, Poisson, Sessions
from neurornn.recordings._plan import Plan, plan, rate_blocks, scale_for
from neurornn.recordings._process import Keys, draw
from neurornn.recordings._spikes import ACTIVITY, time_attributes

_POISSON: Final = Poisson()


def observe(
    ds: xr.Dataset,
    *,
    n_units: int | None = None,
    observation: AbstractObservation = _POISSON,
    rate_scale: float | None = None,
    mean_rate: float | None = None,
    baseline: float = 0.0,
    min_rate: float = 0.0,
    sessions: Sessions | None = None,
    drift: GainDrift | None = None,
    seed: int = 0,
) -> xr.Dataset:
    r"""Spikes of some units of a network, as a recording would hold them.

    Unit :math:`i` fires in trial :math:`k` as a Poisson process of rate

    .. math:: \lambda_{ki}(t) = g_{ki}\, d_{ki} \max(s\, r_{ki}(t) + b, \lambda_{min})

    with :math:`r` the rate of the network, constant within a step and exact there (a step can hold several spikes); :math:`s` the ``rate_scale``, :math:`b` the ``baseline``, :math:`\lambda_{min}` the ``min_rate``, all three
    in Hz; :math:`g` the gain of the ``observation`` and :math:`d` that of the ``drift``, both with mean 1. Given the rates,
    trials and units are independent. Each has its own randomness, counted by the numbers in the coordinates ``trial`` and
    ``unit``: a trial observed alone gives the spikes it gives among others, unless ``mean_rate`` or ``sessions`` look
    at the whole.

    Args:
        ds: Simulated trials, from :func:`neurornn.simulate`.
        n_units: Units observed, drawn uniformly among all; None observes all of them. Fewer are a part of more.
        observation: Variability of the counts: :class:`Poisson` or :class:`NegativeBinomial`.
        rate_scale: Hz for each unit of the network's rate.
        mean_rate: Alternatively the mean rate in Hz over trials, times and observed units; the scale follows from it.
        baseline: Added to every rate, in Hz; what a network with negative rates needs.
        min_rate: No rate is below this, in Hz.
        sessions: Units recorded one session after another, each with its own units and its own trials, in random order: a
            pseudo-population. None records all units in all trials.
        drift: Gains that wander over the trials of a session; None for none. Without sessions the number of a trial is its
            label in the coordinate ``trial``.
        seed: Seed of everything drawn.

    Returns:
        A recording in the form of spikes: ``spike_time`` in ms on the trial clock. Conditions,
        behaviour and epoch bounds are those of the trials, ``cell_type`` and ``area`` those of the units. ``unit`` says which
        unit of the network it was. With sessions there are ``session`` along trial and
        ``unit_session`` along unit. Attributes say the scale that was used and the share of rates that were raised to ``min_rate``.

    Raises:
        ValueError: If neither or both of ``rate_scale`` and ``mean_rate`` are given, a number is out of range, there are not
            enough units or trials, or the rates are not finite.

    Examples:
        Half a second at 40 Hz, 200 times:

        >>> rate = xr.DataArray(np.ones((200, 50, 3)), dims=("trial", "time", "unit"))
        >>> ds = xr.Dataset({"rate": rate}, {"time": np.arange(50) * 10.0})
        >>> spikes = observe(ds, n_units=2, rate_scale=40.0)
        >>> spikes.sizes["unit"], bool(abs(spikes.sizes["spike"] / 400 - 20.0) < 1.0)
        (2, True)
    """
    which = plan(ds, n_units, sessions, seed)
    rates = _rates(which, rate_scale, mean_rate, baseline, min_rate)
    tally: NDArray[np.int64] = np.zeros(2, dtype=np.int64)
    parts = []
    for rows, units, expected, keys in _expected(which, rates, observation, drift, seed, tally):
        cell, step, within = draw(expected, keys)
        begin, end = which.time[step], which.time[step] + which.dt
        time = np.minimum(begin + within * which.dt, np.nextafter(end, -np.inf))
        trial, unit = rows[cell // units.size], units[cell % units.size]
        parts.append((time, trial.astype(np.int32), unit.astype(np.int32)))
    time, trial, unit = (np.concatenate([part[k] for part in parts]) for k in range(3))
    coords = which.coords
    for name, values in (("start", which.start), ("stop", which.stop)):
        coords[name] = ("trial", values, {"units": "ms", "long_name": f"{name} of observation"})
    return xr.Dataset(
        {
            "spike_time": ("spike", time, {"units": "ms", "long_name": "time of spike"}),
            "spike_trial": ("spike", trial, {"long_name": "trial of spike"}),
            "spike_unit": ("spike", unit, {"long_name": "unit of spike"}),
        },
        coords,
        provenance(SPIKES) | _attributes(which, rates, observation, drift, sessions, seed, tally),
    )


def observe_counts(
    ds: xr.Dataset,
    *,
    bin_width: float | None = None,
    n_units: int | None = None,
    observation: AbstractObservation = _POISSON,
    rate_scale: float | None = None,
    mean_rate: float | None = None,
    baseline: float = 0.0,
    min_rate: float = 0.0,
    sessions: Sessions | None = None,
    drift: GainDrift | None = None,
    seed: int = 0,
) -> xr.Dataset:
    """Counts of the spikes of :func:`observe` in bins, without keeping the spikes: the same numbers for the same seed.

    Args:
        ds: Simulated trials.
        bin_width: Width of a bin in ms, a whole number of steps; None for one step. Steps at the end that fill no bin
            are left out.
        n_units: As in :func:`observe`, like all that follow.
        observation: Variability of the counts.
        rate_scale: Hz for each unit of the network's rate.
        mean_rate: Mean rate in Hz.
        baseline: Added to every rate, in Hz.
        min_rate: No rate is below this, in Hz.
        sessions: Units recorded one session after another.
        drift: Gains that wander.
        seed: Seed of everything drawn.

    Returns:
        A recording in binned form: ``counts (trial, time, unit)``, NaN where a unit was not recorded or a bin is not wholly
        inside its trial.

    Raises:
        ValueError: As :func:`observe`; or if the bin is no whole number of steps.
    """
    which = plan(ds, n_units, sessions, seed)
    rates = _rates(which, rate_scale, mean_rate, baseline, min_rate)
    tally: NDArray[np.int64] = np.zeros(2, dtype=np.int64)
    width = which.dt if bin_width is None else bin_width
    steps = round(width / which.dt)
    if steps < 1 or abs(steps * which.dt - width) > 1e-6 * which.dt:
        raise ValueError(f"bin_width must be a whole number of steps of {which.dt:g} ms: got {width:g} ms.")
    n_bins = which.time.size // steps
    edges = which.time[: n_bins * steps : steps]
    out = np.full((which.trials.size, n_bins, which.units.size), np.nan, dtype=np.float32)
    tolerance = 1e-6 * which.dt
    for rows, units, expected, keys in _expected(which, rates, observation, drift, seed, tally):
        cell, step, _ = draw(expected, keys)
        size = (rows.size, units.size, n_bins)
        bin_of = step // steps
        inside = bin_of < n_bins
        flat = np.bincount(cell[inside] * n_bins + bin_of[inside], minlength=rows.size * units.size * n_bins)
        counts = flat.reshape(size).transpose(0, 2, 1).astype(np.float32)
        start, stop = which.start[rows, None], which.stop[rows, None]
        counts[~((edges >= start - tolerance) & (edges + width <= stop + tolerance))] = np.nan
        out[rows[:, None, None], np.arange(n_bins)[:, None], units] = counts
    coords = which.coords | {"time": ("time", edges, time_attributes("trial"))}
    attrs = (
        provenance(BINNED)
        | _attributes(which, rates, observation, drift, sessions, seed, tally)
        | {"dt": float(width)}
    )
    return xr.Dataset({"counts": (("trial", "time", "unit"), out, ACTIVITY["counts"])}, coords, attrs)


def _expected(
    which: Plan,
    rates: tuple[float, float, float],
    observation: AbstractObservation,
    drift: GainDrift | None,
    seed: int,
    tally: NDArray[np.int64],
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64], Keys]]:
    """Expected spikes in each step, some trials of one session at a time; counts rates and those raised to the least."""
    scale, baseline, least = rates
    for k, rows, units, r in rate_blocks(which):
        keys = Keys(seed, which.trial_numbers[rows], which.unit_numbers[units])
        r *= scale
        r += baseline
        tally += np.isfinite(r).sum(), (r < least).sum()
        np.maximum(r, least, out=r)
        np.nan_to_num(r, copy=False)  # no spikes outside the trial
        gains = observation.gains(keys.uniform("gain"))
        if drift is not None:
            number = rows - which.sessions[k][0][0] if "session" in which.coords else keys.trials
            gains = gains * drift.gains(number, keys.units, derive_seed(seed, "session", k))
        r *= gains[:, None] * (which.dt / 1000.0)
        yield rows, units, r, keys


def _rates(
    which: Plan, rate_scale: float | None, mean_rate: float | None, baseline: float, min_rate: float
) -> tuple[float, float, float]:
    if (rate_scale is None) == (mean_rate is None):
        raise ValueError(
            "Give rate_scale, the Hz for each unit of the network's rate, or mean_rate, the mean rate in Hz: "
            f"got {'neither' if rate_scale is None else 'both'}."
        )
    for name, value in (("rate_scale", rate_scale), ("mean_rate", mean_rate)):
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name} must be finite and above 0: got {value}.")
    if not 0 <= min_rate < math.inf:
        raise ValueError(f"min_rate must be finite and at least 0 Hz: got {min_rate}.")
    if not math.isfinite(baseline):
        raise ValueError(f"baseline must be finite: got {baseline}.")
    if mean_rate is not None:
        rate_scale = scale_for(which, mean_rate, baseline, min_rate)
    return float(rate_scale or 0.0), float(baseline), float(min_rate)


def _attributes(
    which: Plan,
    rates: tuple[float, float, float],
    observation: AbstractObservation,
    drift: GainDrift | None,
    sessions: Sessions | None,
    seed: int,
    tally: NDArray[np.int64],
) -> dict[str, Any]:
    source = which.source.attrs
    return {key: source[key] for key in ("task", "trial_seed", "noise_seed", "epochs") if key in source} | {
        "observation": repr(observation),
        "drift": repr(drift) if drift else "none",
        "sessions": repr(sessions) if sessions else "none",
        "rate_scale": float(rates[0]),
        "baseline": float(rates[1]),
        "min_rate": float(rates[2]),
        "share_at_min_rate": float(tally[1] / max(1, tally[0])),
        "n_units_of_network": which.source.sizes["unit"],
        "n_trials_of_network": which.source.sizes["trial"],
        "seed": int(seed),
    }
