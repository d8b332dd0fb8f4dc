"""Observers who measure time, move, and integrate."""

__all__ = ["STUDIES"]

import numpy as np
import xarray as xr

from neurornn.analysis import behaviour
from observers._study import Study, trials

TARGETS = np.linspace(600.0, 1000.0, 7)
SLOPE, INTERCEPT, WEBER = 0.7, 240.0, 0.08
W_M, W_P, OFFSET = 0.12, 0.07, 20.0
DIFFUSION, READ, INITIAL = 0.5, 0.04, 0.1
DRIFT, START = np.array([0.2, -0.1]), 0.1
DT = 20.0


def _producer(rng: np.random.Generator) -> xr.Dataset:
    t = np.repeat(TARGETS, 30)
    made = INTERCEPT + SLOPE * t + WEBER * t * rng.standard_normal(t.size)
    return trials(target_interval=t, produced_interval=made)


def _bayesian(rng: np.random.Generator) -> xr.Dataset:
    """The estimate is the mean of the posterior, by brute force on a table."""
    sample = np.repeat(TARGETS, 60)
    table = np.linspace(TARGETS[0] * (1 - 5 * W_M), TARGETS[-1] * (1 + 5 * W_M), 400)
    t = np.linspace(TARGETS[0], TARGETS[-1], 2001)
    likelihood = np.exp(-0.5 * ((table[:, None] - t) / (W_M * t)) ** 2) / t
    measured = sample * (1 + W_M * rng.standard_normal(sample.size))
    estimate = np.interp(measured, table, (likelihood @ t) / likelihood.sum(1))
    made = estimate * (1 + W_P * rng.standard_normal(sample.size)) + OFFSET
    return trials(interval=sample, produced_interval=made)


def _traces(output: np.ndarray, epoch: str, names: list[str], dt: float = DT) -> xr.Dataset:
    n, steps, _ = output.shape
    dims = ("trial", "time", "output")
    coords = {
        "time": ("time", np.arange(steps) * dt, {"units": "ms"}),
        "output": names,
        f"epoch_{epoch}_start": ("trial", np.zeros(n)),
        f"epoch_{epoch}_end": ("trial", np.full(n, steps * dt)),
    }
    return xr.Dataset({"outputs": (dims, output), "targets": (dims, np.zeros_like(output))}, coords)


def _walker(rng: np.random.Generator) -> xr.Dataset:
    n, time = 200, (np.arange(100) + 1) * DT / 1000
    error = np.cumsum(rng.normal(size=(n, 100, 2)), axis=1) * np.sqrt(2 * DIFFUSION * DT / 1000)
    error += np.sqrt(INITIAL) * rng.normal(size=(n, 1, 2)) + np.sqrt(READ) * rng.normal(size=(n, 100, 2))
    return _traces(error + START + DRIFT * time[:, None], "walk", ["x", "y"])


def _mean_square(found: xr.Dataset) -> np.ndarray:
    time = found["elapsed"].values
    mean = START + DRIFT * time[:, None]
    return INITIAL + READ + 2 * DIFFUSION * time + np.square(mean).mean(1)


def _reach() -> np.ndarray:
    """A minimum-jerk reach of length 1 in half a second, in steps of 5 ms."""
    tau = np.linspace(0, 1, 101)
    along = 10 * tau**3 - 15 * tau**4 + 6 * tau**5
    return np.stack([along, np.zeros_like(along)], axis=1)


def _reacher(rng: np.random.Generator) -> xr.Dataset:
    size = 1 + 0.1 * rng.standard_normal(40)
    return _traces(size[:, None, None] * _reach(), "response", ["x", "y"], dt=5.0)


def _oscillator(rng: np.random.Generator) -> xr.Dataset:
    asked = np.repeat([1.0, 2.0, 3.0], 40)
    return trials(frequency=asked, produced_frequency=1.05 * asked + 0.1 * asked * rng.standard_normal(120))


def _memory_of_bits(rng: np.random.Generator) -> xr.Dataset:
    """Two bits: four trials of ten are perfect, in the others a bit is right in 8 steps of 10."""
    perfect = rng.random((80, 1, 1)) < 0.4
    right = perfect | (rng.random((80, 50, 2)) < 0.8)
    ds = _traces(np.where(right, 1.0, -1.0), "hold", ["bit_1", "bit_2"])
    return ds.assign(targets=xr.ones_like(ds["targets"]))


_ERROR = INTERCEPT + (SLOPE - 1) * TARGETS

STUDIES = [
    Study(
        "produced intervals",
        ("ProducedIntervals",),
        _producer,
        lambda ds, seed: behaviour.produced_intervals(ds, seed=seed),
        truth={
            "slope": SLOPE,
            "intercept": INTERCEPT,
            "indifference": INTERCEPT / (1 - SLOPE),
            "bias": np.sqrt(np.mean(_ERROR**2)),
            "variability": np.sqrt(np.mean((WEBER * TARGETS) ** 2)),
            "weber": WEBER,
            "gain": np.mean(SLOPE + INTERCEPT / TARGETS),
        },
    ),
    Study(
        "Bayesian timing",
        ("BayesianTiming",),
        _bayesian,
        lambda ds, seed: behaviour.bayesian_timing(ds),
        truth={"w_m": W_M, "w_p": W_P, "offset": OFFSET},
    ),
    Study(
        "error of integration",
        ("IntegrationError",),
        _walker,
        lambda ds, seed: behaviour.integration_error(ds, seed=seed),
        truth={
            "diffusion": DIFFUSION,
            "read_variance": READ,
            "initial_variance": INITIAL,
            "drift": DRIFT,
            "offset": [START, START],
        },
        bands={"mean_square": _mean_square},
    ),
    Study(
        "speed of reaches",
        ("SpeedProfile",),
        _reacher,
        lambda ds, seed: behaviour.speed_profile(ds),
        bands={"speed": np.linalg.norm(np.diff(_reach(), axis=0), axis=1) * 200.0},
    ),
    Study(
        "produced frequencies",
        ("Oscillations",),
        _oscillator,
        lambda ds, seed: behaviour.produced_frequencies(ds),
        bands={"mean": 1.05 * np.array([1.0, 2.0, 3.0])},
    ),
    Study(
        "accuracy of bits",
        ("BitAccuracy",),
        _memory_of_bits,
        lambda ds, seed: behaviour.bit_accuracy(ds, grace=0.0),
        truth={"accuracy": [0.88, 0.88], "all_right": 0.4},
    ),
]
