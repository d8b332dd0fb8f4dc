"""Observers who add up evidence over time."""

__all__ = ["STUDIES"]

import numpy as np
import xarray as xr
from scipy.special import expit, ndtr
from scipy.stats import norm

from neurornn.analysis import behaviour
from observers._study import Study, trials

DT = 10.0
WEIGHTS, OWN = np.linspace(2.0, 0.2, 8), 2.0  # of the accumulator, and its own noise
LEAK = 0.7 * np.exp(-np.arange(5)[::-1] / 2.0)
SHAPES = np.array([-0.9, -0.7, -0.5, -0.3, 0.3, 0.5, 0.7, 0.9])
COHERENCES = np.array([-0.5, -0.2, 0.0, 0.2, 0.5])


def _shown(
    evidence: np.ndarray, choice: np.ndarray, steps: np.ndarray | int, **conditions: np.ndarray
) -> xr.Dataset:
    n = len(evidence)
    return xr.Dataset(
        {"inputs": (("trial", "time", "input"), evidence[..., None]), "choice": ("trial", choice)},
        coords={
            "input": ["x"],
            "epoch_stimulus_start": ("trial", np.zeros(n)),
            "epoch_stimulus_end": ("trial", np.broadcast_to(steps * DT, n)),
            **{name: ("trial", value) for name, value in conditions.items()},
        },
        attrs={"dt": DT},
    )


def _accumulator(rng: np.random.Generator) -> xr.Dataset:
    coherence = rng.choice(COHERENCES, 1500)
    evidence = coherence[:, None] + rng.standard_normal((1500, WEIGHTS.size))
    choice = np.sign(evidence @ WEIGHTS + OWN * rng.standard_normal(1500))
    return _shown(evidence, choice, WEIGHTS.size, coherence=coherence)


def _kernel() -> np.ndarray:
    """What the kernel of the accumulator is: normal evidence, given which side of a bound its sum lies."""
    spread = np.sqrt((WEIGHTS**2).sum() + OWN**2)
    place = COHERENCES * WEIGHTS.sum() / spread
    p = ndtr(place)
    return np.average(norm.pdf(place) / (p * (1 - p)), weights=p * (1 - p)) / spread * WEIGHTS


def _leaky(rng: np.random.Generator) -> xr.Dataset:
    """Clicks of which the last count most, in trials of two to five bins."""
    n, steps = 1000, LEAK.size
    length = rng.integers(2, steps + 1, n)
    clicks = (rng.poisson(1.0, (n, steps)) - rng.poisson(1.0, (n, steps))).astype(float)
    place = length[:, None] - steps + np.arange(steps)
    heard = np.where(place >= 0, np.take_along_axis(clicks, np.clip(place, 0, None), 1), 0.0)
    choice = np.where(rng.random(n) < expit(0.2 + heard @ LEAK), 1, -1)
    return _shown(clicks, choice, length)


def _reasoner(rng: np.random.Generator) -> xr.Dataset:
    x = rng.choice(SHAPES, (1200, 4))
    choice = np.where(rng.random(1200) < 1 / (1 + 10 ** -x.sum(1)), 1, -1)
    return trials(a=x[:, 0], b=x[:, 1], c=x[:, 2], d=x[:, 3], choice=choice)


STUDIES = [
    Study(
        "psychophysical kernel",
        ("PsychophysicalKernel",),
        _accumulator,
        lambda ds, seed: behaviour.psychophysical_kernel(ds, "x", condition="coherence", bin_width=DT),
        truth={"kernel": _kernel()},
    ),
    Study(
        "evidence weights",
        ("EvidenceWeights",),
        _leaky,
        lambda ds, seed: behaviour.evidence_weights(ds, "x", bin_width=DT, align="end", unit=DT, seed=seed),
        truth={"weight": LEAK, "bias": 0.2},
    ),
    Study(
        "shape weights",
        ("ShapeWeights",),
        _reasoner,
        lambda ds, seed: behaviour.shape_weights(ds, ["a", "b", "c", "d"], seed=seed),
        truth={"weight": SHAPES},
    ),
]
