"""Observers who remember."""

__all__ = ["STUDIES"]

import numpy as np
import xarray as xr
from scipy.special import i0e, i1e, ndtr

from neurornn.analysis import behaviour
from observers._study import Study, trials

PAIRS = np.array([(18, 10), (22, 14), (26, 18), (30, 22), (34, 26)], dtype=np.float64)
PAIRS = np.concatenate([PAIRS, PAIRS[:, ::-1]])  # of firsts with mean 22
CONTRACTION, NOISE, BIAS = 0.3, 5.0, 0.2
D, V0, MEAN, FIELD, OFFSET = 12.0, 9.0, 2.0, 6.0, 1.0  # degree^2/s, degree^2, degree/s twice, degree
MIXTURE, KAPPA, OTHERS = (0.7, 0.2, 0.1), 12.0, ("a", "b", "c")
POSITIONS = np.array([0.95, 0.85, 0.7, 0.6, 0.65, 0.9])


def _detector(rng: np.random.Generator) -> xr.Dataset:
    signal = np.repeat([1, -1], 60)
    seen = rng.standard_normal(120) + 0.75 * signal
    return trials(correct_choice=signal, choice=np.where(seen > 0.3, 1, -1))


def _higher(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Probability that the second is chosen as higher."""
    return ndtr((second - (1 - CONTRACTION) * first - CONTRACTION * 22.0) / NOISE + BIAS)


def _comparer(rng: np.random.Generator) -> xr.Dataset:
    f1, f2 = np.repeat(PAIRS, 40, axis=0).T
    p = _higher(f1, f2)
    choice = np.where(rng.random(p.size) < p, 1, -1)
    return trials(f1=f1, f2=f2, choice=choice, performance=(choice == np.sign(f2 - f1)).astype(float))


def _right(found: xr.Dataset) -> np.ndarray:
    p = _higher(found["first"].values, found["second"].values)
    return np.where(found["second"].values > found["first"].values, p, 1 - p)


def _drifter(rng: np.random.Generator) -> xr.Dataset:
    seconds, theta = rng.choice([0.2, 0.4, 0.8, 1.6], 500), rng.uniform(0.0, 360.0, 500)
    mean = OFFSET + seconds * _field(theta)
    error = mean + np.sqrt(V0 + 2 * D * seconds) * rng.standard_normal(500)
    ds = trials(angular_error=error, delay=1000 * seconds, direction=theta)
    ds["delay"].attrs["units"] = "ms"
    return ds


def _field(theta: np.ndarray) -> np.ndarray:
    return MEAN + FIELD * np.sin(2 * np.deg2rad(theta))


def _swapper(rng: np.random.Generator) -> xr.Dataset:
    n = 400
    shown = rng.uniform(0.0, 360.0, (n, 4))
    kind, other = rng.choice(3, n, p=MIXTURE), rng.integers(1, 4, n)
    said = np.where(kind == 1, shown[np.arange(n), other], shown[:, 0])
    said = said + np.rad2deg(rng.vonmises(0.0, KAPPA, n))
    said = np.where(kind == 2, rng.uniform(0.0, 360.0, n), said) % 360
    others = dict(zip(OTHERS, shown[:, 1:].T, strict=True))
    return trials(direction=shown[:, 0], response_direction=said, **others)


def _listener(rng: np.random.Generator) -> xr.Dataset:
    right = rng.random((80, POSITIONS.size)) < POSITIONS
    return trials(**{f"correct_{k + 1}": right[:, k].astype(float) for k in range(POSITIONS.size)})


def _graded(rng: np.random.Generator) -> xr.Dataset:
    score = rng.beta(5 * POSITIONS, 5 * (1 - POSITIONS), (80, POSITIONS.size))
    return trials(**{f"correct_{k + 1}": score[:, k] for k in range(POSITIONS.size)})


STUDIES = [
    Study(
        "signal detection",
        ("SignalDetection",),
        _detector,
        lambda ds, seed: behaviour.signal_detection(ds, seed=seed),
        truth={"sensitivity": 1.5, "criterion": 0.3},
    ),
    Study(
        "contraction bias",
        ("ContractionBias",),
        _comparer,
        lambda ds, seed: behaviour.contraction_bias(ds, seed=seed),
        truth={
            "contraction": CONTRACTION,
            "noise": NOISE,
            "bias": BIAS,
            "weight_first": (1 - CONTRACTION) / NOISE,
            "weight_second": 1 / NOISE,
        },
        bands={"proportion": lambda found: _higher(found["first"].values, found["second"].values)},
    ),
    Study(
        "accuracy of pairs",
        ("PairAccuracy",),
        _comparer,
        lambda ds, seed: behaviour.pair_accuracy(ds),
        bands={"accuracy": _right},
    ),
    Study(
        "drift and diffusion",
        ("Diffusion", "DriftField"),
        _drifter,
        lambda ds, seed: behaviour.angular_diffusion(ds, seed=seed),
        truth={"diffusion": D, "initial_variance": V0, "mean_drift": MEAN},
        bands={
            "drift": lambda found: _field(found["direction"].values),
            "bias": OFFSET,
            "variance": lambda found: V0 + 2 * D * found["delay"].values,
            "fitted": lambda found: V0 + 2 * D * found["curve"].values,
        },
    ),
    Study(
        "mixture of target, non-targets and guesses",
        ("SwapErrors",),
        _swapper,
        lambda ds, seed: behaviour.swap_errors(ds, non_targets=OTHERS, by=None, seed=seed),
        truth={
            **dict(zip(("p_target", "p_non_target", "p_uniform"), MIXTURE, strict=True)),
            "kappa": KAPPA,
            "sd": np.rad2deg(np.sqrt(-2 * np.log(i1e(KAPPA) / i0e(KAPPA)))),
        },
    ),
    Study(
        "serial position",
        ("SerialPosition",),
        _listener,
        lambda ds, seed: behaviour.serial_position(ds),
        bands={"accuracy": POSITIONS},
    ),
    Study(
        "serial position, graded",
        ("SerialPosition",),
        _graded,
        lambda ds, seed: behaviour.serial_position(ds),
        bands={"accuracy": POSITIONS},
    ),
]
