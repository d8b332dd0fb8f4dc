r"""What a population says about a task variable, and whether it says it in the same way at another time."""

__all__ = ["cross_temporal"]

import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis._conditions import groups_of
from neurornn.analysis.decoding._data import binned, folds_of, presence_patterns, pseudo_trials
from neurornn.analysis.decoding._score import chance_tests, corrected_interval, fold_scores, seeded
from neurornn.provenance import provenance
from neurornn.random import counter_uniform, derive_seed

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

_log = logging.getLogger(__name__)


def cross_temporal(
    ds: xr.Dataset,
    target: str,
    *,
    variable: str = "rate",
    decoder: "BaseEstimator | None" = None,
    bin_width: float | None = None,
    n_folds: int = 5,
    n_repeats: int = 1,
    pseudo: int | None = None,
    n_null: int = 0,
    confidence: float = 0.95,
    seed: int = 0,
) -> xr.Dataset:
    r"""Decode a variable of the trials: train at one time, test at every time.

    Trials are dealt to folds, the same for all times, each with its share of every class (or of every range of values).
    A decoder is trained at time :math:`t` on all folds but one and tested at every time :math:`t'` on the trials of that
    fold, so no trial is ever in both. Classes are scored by balanced accuracy, the mean over classes of the share that is
    recognised (chance is one over the number of classes, however unequal they are), values by
    :math:`R^2` (0 for a decoder that knows the mean). A code that stays the same is decoded at all pairs of times, one that
    changes along the diagonal alone.

    A trial counts at the times at which it has a value for every unit. Units that were not recorded together have no
    such trials; with ``pseudo`` each fold is filled with pseudo-trials, made of one trial of the same class
    from each session and drawn separately for training and test from trials of their own. Units present in the same trials
    are a session and are drawn together. In pseudo-trials correlations between sessions are gone: scores are those of a
    population of independent sessions.

    Args:
        ds: Trials, simulated or recorded.
        target: Variable of the trials to decode. Booleans, whole numbers and text are classes, other numbers are values,
            unless the decoder says otherwise.
        variable: Activity ``(trial, time, unit)``.
        decoder: Estimator of scikit-learn, classifier or regressor. By default, on activity standardised
            within the training trials, logistic regression (L2 penalty of 1, classes weighted equally) for classes,
            and ridge regression with a penalty chosen within the training trials for values.
        bin_width: Average activity in bins of this width first, in the units of ``time``; None takes every step.
        n_folds: Folds.
        n_repeats: How often to deal the folds.
        pseudo: Pseudo-trials of each class in every training set; a test set has its share. None uses the trials
            as they are.
        n_null: Permutations of the target among the trials (of a session) for the null hypothesis.
        confidence: Of the intervals.
        seed: Seed of folds, pseudo-trials, permutations, and of a decoder that draws numbers.

    Returns:
        A dataset with ``score (train_time, test_time)``, the mean over folds; ``fold_score``; the ``interval`` of the mean
        over folds, corrected for their overlap; ``chance``; ``n_trials`` that count at each ``train_time``, of all
        sessions together; with
        permutations ``null_score``, ``p_value`` and ``p_corrected``, which allows for all pairs of times. A score is NaN
        where a fold lacks a class.

    Raises:
        TypeError: If the decoder is no estimator.
        ValueError: If there are too few trials, or an argument makes no sense.

    References:
        Dynamic coding for cognitive control in prefrontal cortex (Stokes et al., 2013)
        https://doi.org/10.1016/j.neuron.2013.01.039

    Examples:
        The sign of a stimulus, in one unit early and in another late:

        >>> side = np.repeat([-1, 1], 10)
        >>> rate = np.zeros((20, 2, 2))
        >>> rate[:, 0, 0] = rate[:, 1, 1] = side
        >>> ds = xr.Dataset({"rate": (("trial", "time", "unit"), rate)}, {"side": ("trial", side)})
        >>> cross_temporal(ds, "side").score.values.tolist()
        [[1.0, 0.5], [0.5, 1.0]]
    """
    _check_numbers(n_folds, n_repeats, pseudo, n_null, confidence)
    levels, member = groups_of(ds, [target])
    classes, y = _target(ds, target, levels[target], member, decoder)
    if pseudo is not None and not classes:
        raise ValueError(
            f"Pseudo-trials are made of trials of the same class, and '{target}' is decoded as a value. Pass a classifier."
        )
    used = seeded(_default(classes) if decoder is None else decoder, seed)
    data = binned(ds, variable, bin_width)
    known = member >= 0
    values, y = data.values[known], y[known]
    present = np.isfinite(values)
    whole: NDArray[np.bool_] = np.asarray(present.all(1))  # (trial, unit)
    complete: NDArray[np.bool_] = np.asarray(present.all(2))  # (trial, bin)
    pattern: NDArray[np.intp] = np.zeros(y.shape, dtype=np.intp)
    if pseudo is None:
        usable = complete.any(1)
    else:
        usable = whole.any(1)
        pattern = presence_patterns(whole)
    values, y, pattern = values[usable], y[usable], pattern[usable]
    whole, counted = whole[usable], complete[usable]
    if pseudo is not None:
        counted = np.ones_like(counted)
    if pseudo is not None and not whole.any(0).all():
        raise ValueError(
            f"{int((~whole.any(0)).sum())} units have no trial with a value in every bin. Select the times at which all "
            "trials have values, or leave these units out."
        )
    _check_counts(y, classes, n_folds, levels[target], ds, target, pseudo)

    def scores(labels: NDArray[np.float64], *path: str | int) -> NDArray[np.float64]:
        found = []
        for repeat in range(n_repeats):
            key = derive_seed(seed, "folds", repeat, *path)
            fold = folds_of(labels, pattern, n_folds, key, classes=bool(classes))
            for k in range(n_folds):
                parts = [(values[rows], labels[rows]) for rows in (fold != k, fold == k)]
                if pseudo is not None:
                    sizes = (pseudo, max(1, round(pseudo / (n_folds - 1))))
                    parts = [
                        pseudo_trials(values, whole, labels, rows, size, derive_seed(key, k, side))
                        for side, (rows, size) in enumerate(zip((fold != k, fold == k), sizes, strict=True))
                    ]
                found.append(fold_scores(used, *parts, classes=classes))
        return np.stack(found)

    observed = scores(y)
    _log.info("decoded '%s' in %d folds", target, len(observed))
    null = []
    for k in range(n_null):
        null.append(scores(_permuted(y, pattern, derive_seed(seed, "permutation", k)), "null", k).mean(0))
        _log.info("permutation %d of %d", k + 1, n_null)
    return _dataset(
        ds, target, variable, classes, observed, null, data.time, counted, n_folds, confidence
    ).assign_attrs(
        n_folds=int(n_folds),
        n_repeats=int(n_repeats),
        n_null=int(n_null),
        pseudo=0 if pseudo is None else int(pseudo),
        seed=int(seed),
        decoder=repr(used),
        classes=[str(level) for level in levels[target].tolist()] if classes else [],
        steps_per_bin=data.n_steps,
        n_steps_left_out=data.n_left,
        n_trials_without_target=int((~known).sum()),
        n_trials_without_value=int((~usable).sum()),
    )


def _default(classes: int) -> "BaseEstimator":
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if classes:
        return make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    return make_pipeline(StandardScaler(), RidgeCV(alphas=tuple(10.0 ** np.arange(-3, 4))))


def _check_numbers(n_folds: int, n_repeats: int, pseudo: int | None, n_null: int, confidence: float) -> None:
    for name, number, least in (
        ("n_folds", n_folds, 2),
        ("n_repeats", n_repeats, 1),
        ("n_null", n_null, 0),
        ("pseudo", 1 if pseudo is None else pseudo, 1),
    ):
        if number < least:
            raise ValueError(f"{name} must be at least {least}: got {number}.")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is a probability between 0 and 1: got {confidence}.")


def _target(
    ds: xr.Dataset,
    target: str,
    levels: NDArray[Any],
    member: NDArray[np.intp],
    decoder: "BaseEstimator | None",
) -> tuple[int, NDArray[np.float64]]:
    """Number of classes, 0 for a continuous target, and the class or value of each trial."""
    if decoder is not None and not (hasattr(decoder, "fit") and hasattr(decoder, "get_params")):
        raise TypeError(f"decoder must be an estimator of scikit-learn, not fitted: got {decoder!r}.")
    if levels.size < 2:
        raise ValueError(f"'{target}' is {levels[0]} in all trials: there is nothing to decode.")
    from sklearn.base import is_classifier

    numeric = levels.dtype.kind in "biuf"
    as_classes = is_classifier(decoder) if decoder is not None else levels.dtype.kind != "f"
    if as_classes:
        return levels.size, member.astype(np.float64)
    if not numeric:
        raise ValueError(f"'{target}' is text and the decoder is a regressor. Pass a classifier.")
    return 0, np.where(member >= 0, levels[member].astype(np.float64), np.nan)


def _check_counts(
    y: NDArray[np.float64],
    classes: int,
    n_folds: int,
    levels: NDArray[Any],
    ds: xr.Dataset,
    target: str,
    pseudo: int | None,
) -> None:
    cure = (
        ""
        if pseudo is not None
        else " Units that were not recorded together need pseudo-trials: pass pseudo=..., the number of each class."
    )
    if not classes:
        if y.size < 2 * n_folds:
            raise ValueError(
                f"Only {y.size} of {ds.sizes['trial']} trials have a value for every unit at any time: {2 * n_folds} are "
                f"needed for n_folds={n_folds}.{cure}"
            )
        return
    counts = np.bincount(y.astype(np.intp), minlength=classes)
    if counts.min() < n_folds:
        raise ValueError(
            f"'{target}' is {levels[counts.argmin()]} in only {counts.min()} trials with a value for every unit at any time: "
            f"each class needs at least n_folds={n_folds}.{cure}"
        )


def _permuted(y: NDArray[np.float64], pattern: NDArray[np.intp], key: int) -> NDArray[np.float64]:
    """Targets permuted among the trials of each pattern of presence."""
    out = y.copy()
    shuffle = counter_uniform(key, np.arange(y.size, dtype=np.uint64))
    for each in np.unique(pattern):
        rows = np.flatnonzero(pattern == each)
        out[rows] = y[rows[np.argsort(shuffle[rows])]]
    return out


def _dataset(
    ds: xr.Dataset,
    target: str,
    variable: str,
    classes: int,
    observed: NDArray[np.float64],
    null: list[NDArray[np.float64]],
    time: NDArray[np.float64],
    complete: NDArray[np.bool_],
    n_folds: int,
    confidence: float,
) -> xr.Dataset:
    name = f"{'balanced accuracy' if classes else 'R²'} of {target.replace('_', ' ')}"
    dims = ("train_time", "test_time")
    score = observed.mean(0)
    one = {"units": "1"}
    variables: dict[str, Any] = {
        "score": (dims, score, {"long_name": name, **one}),
        "fold_score": (("fold", *dims), observed, {"long_name": f"{name}, each fold", **one}),
        "interval": (
            (*dims, "bound"),
            corrected_interval(observed, n_folds, confidence),
            {"long_name": f"{100 * confidence:g} % interval", **one},
        ),
        "chance": ((), 1 / classes if classes else 0.0, {"long_name": "chance", **one}),
        "n_trials": (
            "train_time",
            complete.sum(0),
            {"long_name": "trials that count", **one},
        ),
    }
    if null:
        stacked = np.stack(null)
        alone, anywhere = chance_tests(score, stacked)
        variables |= {
            "null_score": (("permutation", *dims), stacked, {"long_name": f"{name}, permuted", **one}),
            "p_value": (dims, alone, {"long_name": "p value", **one}),
            "p_corrected": (dims, anywhere, {"long_name": "p value corrected for all times", **one}),
        }
    unit = ds["time"].attrs.get("units", "") if "time" in ds.coords else "step"
    coords = {
        "train_time": ("train_time", time, {"long_name": "training time", "units": unit}),
        "test_time": ("test_time", time, {"long_name": "test time", "units": unit}),
        "bound": ["lower", "upper"],
    }
    attrs = {"target": target, "variable": variable, "confidence": float(confidence)}
    return xr.Dataset(variables, coords, provenance("neurornn.CrossTemporal/1") | attrs)
