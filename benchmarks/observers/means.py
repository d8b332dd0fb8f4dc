"""Means and proportions."""

__all__ = ["STUDIES"]

import numpy as np
import xarray as xr

from neurornn.analysis import behaviour
from observers._study import Study, trials

MEANS = np.array([-2.0, 0.5, 7.0])
RATES = np.array([0.55, 0.8, 0.95])
RIGHT = np.array([0.7, 0.85, 0.95])
CORRECT, ERROR = np.array([700.0, 600.0, 500.0]), np.array([800.0, 750.0, 700.0])


def _normal(rng: np.random.Generator) -> xr.Dataset:
    kind = np.repeat(np.arange(3), 25)
    return trials(kind=kind, y=MEANS[kind] + (1 + kind) * rng.standard_normal(75))


def _line(rng: np.random.Generator) -> xr.Dataset:
    x = rng.uniform(0.0, 10.0, 300)
    return trials(x=x, y=2.0 * x + rng.standard_normal(300))


def _answers(rng: np.random.Generator) -> xr.Dataset:
    kind = np.repeat(np.arange(3), 80)
    return trials(kind=kind, performance=(rng.random(240) < RATES[kind]).astype(float))


def _reactions(rng: np.random.Generator) -> xr.Dataset:
    """Reaction times with a long tail: 300 ms and a gamma distribution of shape 6."""
    kind = np.repeat(np.arange(3), 400)
    correct = rng.random(1200) < RIGHT[kind]
    mean = np.where(correct, CORRECT[kind], ERROR[kind])
    time = 300.0 + (mean - 300.0) * rng.gamma(6.0, 1 / 6.0, 1200)
    c = np.array([0.05, 0.2, 0.5])[kind] * rng.choice([-1, 1], 1200)
    return trials(c=c, reaction_time=time, correct=correct)


STUDIES = [
    Study(
        "means",
        ("MeanBy",),
        _normal,
        lambda ds, seed: behaviour.mean_by(ds, "y", by="kind"),
        truth={"mean": MEANS},
    ),
    Study(
        "means in bins",
        ("MeanInBins",),
        _line,
        lambda ds, seed: behaviour.mean_in_bins(ds, "y", "x"),
        bands={"mean": lambda found: 2.0 * found["group"].values},
    ),
    Study(
        "accuracy",
        ("Accuracy",),
        _answers,
        lambda ds, seed: behaviour.accuracy(ds, by="kind"),
        truth={"accuracy": RATES},
    ),
    Study(
        "reaction times",
        ("Chronometric", "QuantileProbability"),
        _reactions,
        lambda ds, seed: behaviour.chronometric(ds, "c"),
        truth={"mean": np.stack([CORRECT, ERROR])},
    ),
]
