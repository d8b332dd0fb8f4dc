"""Observers who choose by the strength of a stimulus."""

__all__ = ["STUDIES"]

import numpy as np
import xarray as xr
from scipy.special import expit, ndtr

from neurornn.analysis import behaviour
from observers._study import Study, trials

LEVELS = np.array([-0.5, -0.25, -0.1, -0.05, 0.05, 0.1, 0.25, 0.5])
COHERENCES = np.array([0.016, 0.032, 0.064, 0.128, 0.256, 0.512])
RATES = np.arange(-7.0, 7.5)
OFFERS = np.array([(1, 0), (3, 1), (2, 1), (1, 1), (1, 2), (1, 3), (1, 4), (1, 6), (0, 2)])
CURVE = {"bias": 0.03, "slope": 12.0, "lapse_low": 0.04, "lapse_high": 0.07}
WEIBULL = {"bias": 0.1, "slope": 1.4}
WEIGHTS = {"motion": (12.0, 1.5), "colour": (-1.0, 9.0)}
SENSES = {"visual": 2.0, "auditory": 1.5, "both": 1.2}


def _signs(rng: np.random.Generator, p: np.ndarray) -> np.ndarray:
    return np.where(rng.random(p.shape) < p, 1, -1)


def _curve(function: behaviour.AbstractPsychometricFunction, *, lapses: bool) -> Study:
    """A psychometric curve of 8 stimuli, 60 trials each, or 150 where lapses are fitted too."""
    low, high = (CURVE["lapse_low"], CURVE["lapse_high"]) if lapses else (0.0, 0.0)

    def p(x: np.ndarray) -> np.ndarray:
        return low + (1 - low - high) * function.cdf(CURVE["slope"] * (x - CURVE["bias"]))

    def draw(rng: np.random.Generator) -> xr.Dataset:
        x = np.repeat(LEVELS, 150 if lapses else 60)
        return trials(x=x, choice=_signs(rng, p(x)))

    def fit(ds: xr.Dataset, seed: int) -> xr.Dataset:
        return behaviour.psychometric(ds["x"], ds["choice"], function=function, lapses=lapses, seed=seed)

    free = CURVE if lapses else {name: CURVE[name] for name in ("bias", "slope")}
    return Study(
        f"{type(function).__name__}, {'with' if lapses else 'without'} lapses",
        ("Psychometric",),
        draw,
        fit,
        truth=free,
        bands={"proportion": lambda found: p(found["stimulus"].values), "fitted": lambda found: p(found["curve"].values)},
        fixed=() if lapses else ("lapse_low", "lapse_high"),
    )  # fmt: skip


def _weibull(*, lapses: bool) -> Study:
    """Fraction correct against strength, the lower asymptote a half."""
    lapse = 0.04 if lapses else 0.0

    def p(c: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):
            return 0.5 + (0.5 - lapse) * (1 - np.exp(-((c / WEIBULL["bias"]) ** WEIBULL["slope"])))

    def draw(rng: np.random.Generator) -> xr.Dataset:
        c = np.repeat(COHERENCES, 200)
        return trials(c=c, right=rng.random(c.size) < p(c))

    def fit(ds: xr.Dataset, seed: int) -> xr.Dataset:
        return behaviour.psychometric(
            ds["c"], ds["right"], function=behaviour.Weibull(), lapses=lapses, seed=seed
        )

    return Study(
        f"Weibull, {'with' if lapses else 'without'} lapses",
        ("Psychometric",),
        draw,
        fit,
        truth=WEIBULL | ({"lapse_high": lapse} if lapses else {}),
        bands={"proportion": lambda found: p(found["stimulus"].values), "fitted": lambda found: p(found["curve"].values)},
        fixed=("lapse_low",) if lapses else ("lapse_low", "lapse_high"),
    )  # fmt: skip


def _two_contexts(rng: np.random.Generator) -> xr.Dataset:
    motion, colour = rng.choice([-0.4, -0.15, -0.05, 0.05, 0.15, 0.4], (2, 1200))
    context = np.repeat(list(WEIGHTS), 600)
    weight = np.array([WEIGHTS[each] for each in context])
    p = expit(weight[:, 0] * motion + weight[:, 1] * colour + 0.3)
    return trials(motion_coherence=motion, colour_coherence=colour, context=context, choice=_signs(rng, p))


def _juices(rng: np.random.Generator) -> xr.Dataset:
    a, b = OFFERS[rng.integers(0, len(OFFERS), 600)].T
    with np.errstate(divide="ignore"):
        place = np.log(b.astype(float)) - np.log(a.astype(float))
    return trials(a=a, b=b, juice=_signs(rng, ndtr(3.0 * (place - np.log(2.2)))))


def _waiting(rng: np.random.Generator) -> xr.Dataset:
    time = rng.choice(np.linspace(100.0, 1500.0, 8), 1500)
    c = rng.choice([0.05, 0.1, 0.2, 0.4], time.size) * rng.choice([-1, 1], time.size)
    return trials(
        time=time, c=c, performance=(rng.random(time.size) < _in_time(np.abs(c), time)).astype(float)
    )


def _in_time(c: np.ndarray, time: np.ndarray) -> np.ndarray:
    return 0.02 + 0.96 * ndtr(4.0 * c * np.sqrt(time / 1000))


def _senses(rng: np.random.Generator) -> xr.Dataset:
    x = np.tile(RATES, 3 * 100)
    modality = np.repeat(list(SENSES), RATES.size * 100)
    return trials(x=x, modality=modality, choice=_signs(rng, _sensed(x, modality)))


def _sensed(x: np.ndarray, modality: np.ndarray) -> np.ndarray:
    sd = np.array([SENSES[str(each)] for each in modality])
    return 0.03 + 0.94 * ndtr((x - 0.3) / sd)


def _wagerer(rng: np.random.Generator) -> xr.Dataset:
    """One who waives hard decisions more often, and is right more often, by 0.08, where it could have waived."""
    kind, offered = rng.integers(0, 4, 1600), rng.random(1600) < 0.5
    waived = offered & (rng.random(1600) < WAIVED[kind])
    correct = rng.random(1600) < RIGHT[kind] + 0.08 * offered
    choice = np.where(waived, 0, rng.choice([-1, 1], 1600))
    c = np.array([0.05, 0.1, 0.2, 0.4])[kind] * rng.choice([-1, 1], 1600)
    return trials(c=c, sure_offered=offered, waived=waived, correct=correct, choice=choice)


WAIVED, RIGHT = np.array([0.6, 0.5, 0.3, 0.1]), np.array([0.55, 0.62, 0.75, 0.86])

STUDIES = [
    _curve(behaviour.Logistic(), lapses=False),
    _curve(behaviour.Logistic(), lapses=True),
    _curve(behaviour.CumulativeGaussian(), lapses=False),
    _curve(behaviour.CumulativeGaussian(), lapses=True),
    _weibull(lapses=False),
    _weibull(lapses=True),
    Study(
        "choice weights",
        ("ChoiceWeights",),
        _two_contexts,
        lambda ds, seed: behaviour.choice_weights(
            ds, ["motion_coherence", "colour_coherence"], by="context", seed=seed
        ),
        truth={"weight": [WEIGHTS["colour"], WEIGHTS["motion"]], "bias": [0.3, 0.3], "ratio": [9.0, 8.0]},
    ),
    Study(
        "relative value",
        ("RelativeValue",),
        _juices,
        lambda ds, seed: behaviour.relative_value(ds, "a", "b", "juice", seed=seed),
        truth={"relative_value": 2.2, "bias": np.log(2.2), "slope": 3.0},
        bands={
            "proportion": lambda found: ndtr(3.0 * (found["stimulus"].values - np.log(2.2))),
            "fitted": lambda found: ndtr(3.0 * (found["curve"].values - np.log(2.2))),
        },
        fixed=("lapse_low", "lapse_high"),
    ),
    Study(
        "accuracy by duration",
        ("AccuracyByDuration",),
        _waiting,
        lambda ds, seed: behaviour.accuracy_by_duration(ds, "time", "c"),
        truth={"exponent": 0.5},
        bands={
            "accuracy": lambda found: _in_time(found["strength"].values[:, None], found["duration"].values)
        },
    ),
    Study(
        "optimal combination",
        ("OptimalCombination",),
        _senses,
        lambda ds, seed: behaviour.optimal_combination(ds, "x", "modality", seed=seed),
        truth={"sd": list(SENSES.values()), "bias": [0.3, 0.3, 0.3], "predicted_sd": 1.2, "difference": 0.0},
        bands={
            "proportion": lambda found: np.stack([
                _sensed(found["stimulus"].values, np.repeat(each, RATES.size)) for each in SENSES
            ])
        },
    ),
    Study(
        "wager",
        ("Wager",),
        _wagerer,
        lambda ds, seed: behaviour.wager(ds, "c"),
        truth={"benefit": 0.08},
        bands={"p_waived": WAIVED, "accuracy_offered": RIGHT + 0.08, "accuracy_forced": RIGHT},
    ),
]
