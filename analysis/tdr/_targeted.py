r"""Steps of targeted dimensionality reduction."""

__all__ = [
    "Averages",
    "Recipe",
    "angles",
    "average",
    "check_axes",
    "components_of",
    "location",
    "orthogonalise",
    "raw_axes",
]

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis import _linear
from neurornn.analysis._conditions import condition_average
from neurornn.analysis._regression import smooth


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Choices of targeted dimensionality reduction; the defaults are those of Mante et al. (2013).

    Attributes:
        standardise: Whether each unit is z-scored: single trials before the regression (over trials and times), and
            condition averages before they are projected (over conditions and times). A unit that never varies is only
            centred.
        n_components: Principal components of the condition averages in which regression vectors are kept
            ("denoised"); all if there are fewer. None keeps the vectors as they are.
        smoothing: Standard deviation in ms of the Gaussian that smooths condition averages and regression vectors
            over time; 0 for none.
        smoothing_extent: Where that Gaussian is cut off, in standard deviations.
    """

    standardise: bool = True
    n_components: int | None = 12
    smoothing: float = 40.0
    smoothing_extent: float = 3.75

    def __post_init__(self) -> None:
        if self.n_components is not None and self.n_components < 1:
            raise ValueError(f"n_components must be at least 1, or None: got {self.n_components}.")
        if not 0 <= self.smoothing < math.inf:
            raise ValueError(f"smoothing must be finite and at least 0 ms: got {self.smoothing}.")
        if not 0 < self.smoothing_extent < math.inf:
            raise ValueError(f"smoothing_extent must be finite and above 0: got {self.smoothing_extent}.")


class Averages(NamedTuple):
    """Condition averages ready to be projected, and how they became so."""

    array: xr.DataArray
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    for_components: NDArray[np.bool_]


def check_axes(wanted: list[str], columns: list[str], windows: Mapping[str, tuple[float, float]]) -> None:
    if not wanted or len(set(wanted)) < len(wanted) or not set(wanted) <= set(columns[1:]):
        raise ValueError(f"axes must be one or more of {', '.join(columns[1:])}, each once: got {wanted}.")
    stray = sorted(set(windows) - set(wanted))
    if stray:
        raise ValueError(
            f"windows names {', '.join(stray)}, for which no axis was asked: {', '.join(wanted)}."
        )


def location(
    values: NDArray[np.float64], standardise: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Mean and standard deviation of each unit over the first two dimensions.

    Args:
        values: Activity ``(any, any, unit)``, NaN where there is none.
        standardise: Whether the deviation is wanted; 1 if not.

    Returns:
        The mean; the deviation, 1 where a unit does not vary; the number of units that do not.

    Raises:
        ValueError: If a unit has no value.
    """
    present = np.isfinite(values)
    n = present.sum((0, 1))
    if not n.all():
        raise ValueError(
            f"{int((n == 0).sum())} of {n.size} units have no value in any trial. Leave them out."
        )
    mean = np.where(present, values, 0.0).sum((0, 1)) / n
    spread = np.sqrt((np.where(present, values - mean, 0.0) ** 2).sum((0, 1)) / n)
    varies = spread > 1e-12 * np.maximum(np.abs(mean), np.finfo(np.float64).tiny)
    scale = np.where(varies, spread, 1.0) if standardise else np.ones(n.size)
    return mean, scale, int((~varies).sum())


def average(data: xr.DataArray, names: list[str], correct: str | None, recipe: Recipe, dt: float) -> Averages:
    """Condition averages, smoothed and standardised.

    Args:
        data: Activity ``(trial, time, unit)``.
        names: Condition variables.
        correct: Variable that is 1 for correct trials, or None.
        recipe: Choices.
        dt: Time step in ms.

    Returns:
        The averages.

    Raises:
        ValueError: If there are no correct trials.
    """
    split = [*names, correct] if correct is not None and correct not in names else names
    mean = condition_average(data, split).transpose("condition", "time", "unit")
    use = np.ones(mean.sizes["condition"], bool)
    if correct is not None:
        use = mean[correct].values.astype(np.float64) == 1
        if not use.any():
            raise ValueError(
                f"No trial has {correct} = 1: there are no correct trials to take components from."
            )
    values = smooth(mean.values, recipe.smoothing, recipe.smoothing_extent, dt)
    centre, scale, _ = location(values, recipe.standardise)
    return Averages(mean.copy(data=(values - centre) / scale), centre, scale, use)


def components_of(averages: Averages) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Principal components of condition averages.

    Args:
        averages: The averages.

    Returns:
        The components that vary, as rows; the sum of squares along all; the number of samples without a gap.

    Raises:
        ValueError: If fewer than two samples are left, or they do not vary.
    """
    samples = averages.array.values[averages.for_components]
    samples = samples.reshape(-1, samples.shape[2])
    samples = samples[np.isfinite(samples).all(1)]
    if len(samples) < 2:
        raise ValueError(
            f"Only {len(samples)} of the condition averages have a value for every unit: 2 are needed. Use fewer "
            "conditions, or leave out the units with few trials."
        )
    axes, power = _linear.principal_axes(samples - samples.mean(0))
    if not power[0] > 0:
        raise ValueError("The condition averages do not vary over conditions and time.")
    rank = int((power > 1e-20 * power[0]).sum())
    return axes[:rank], power, len(samples)


def raw_axes(
    data: xr.DataArray,
    vectors: NDArray[np.float64],
    norm: NDArray[np.float64],
    wanted: list[str],
    windows: Mapping[str, tuple[float, float]],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The regression vector of each axis at one time or over a window.

    Args:
        data: Activity, for its times.
        vectors: Regression vectors ``(axis, time, unit)``, NaN at times that have none.
        norm: Their norms.
        wanted: Names of the axes.
        windows: Windows in ms of those that have one.

    Returns:
        The vectors ``(axis, unit)``, and the first and last time each was taken from.

    Raises:
        ValueError: If a window holds no time with a vector.
    """
    time = data["time"].values.astype(np.float64) if "time" in data.coords else np.arange(norm.shape[1]) * 1.0
    raw, first, last = np.empty((len(wanted), vectors.shape[2])), np.empty(len(wanted)), np.empty(len(wanted))
    for k, name in enumerate(wanted):
        if name in windows:
            inside = _linear.within(data, windows[name], name) & np.isfinite(norm[k])
            if not inside.any():
                raise ValueError(
                    f"In the window of '{name}' the coefficients of some units are undetermined at every step."
                )
            raw[k] = vectors[k, inside].mean(0)
            first[k], last[k] = time[inside][[0, -1]]
        else:
            at = int(np.nanargmax(norm[k]))
            raw[k] = vectors[k, at]
            first[k] = last[k] = time[at]
    return raw, first, last


def orthogonalise(
    raw: NDArray[np.float64], wanted: list[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Orthonormal axes, in order.

    Args:
        raw: Axes as rows.
        wanted: Their names.

    Returns:
        The axes, each on the side of the raw one; and the cosine between the two.

    Raises:
        ValueError: If an axis is zero or lies in the span of those before it.
    """
    length = np.linalg.norm(raw, axis=1)
    if len(raw) > raw.shape[1]:
        raise ValueError(f"{len(raw)} axes do not fit in {raw.shape[1]} units.")
    Q, R = np.linalg.qr(raw.T)
    own = np.diag(R)
    zero = length <= 1e-9 * length.max()
    kept = np.abs(own) / np.where(zero, 1.0, length)
    lost = zero | (kept < 1e-9)
    if lost.any():
        k = int(lost.argmax())
        reason = "is zero" if zero[k] else f"lies in the span of those before it ({', '.join(wanted[:k])})"
        raise ValueError(f"The axis of '{wanted[k]}' {reason}. Leave it out, or choose another window.")
    return (Q * np.sign(own)).T, kept


def angles(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles in degrees between axes, exact where they are parallel.

    Args:
        raw: Axes as rows.

    Returns:
        The angles, 0 to 180.
    """
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    apart = np.linalg.norm(unit[:, None] - unit[None, :], axis=2)
    together = np.linalg.norm(unit[:, None] + unit[None, :], axis=2)
    return np.degrees(2 * np.arctan2(apart, together))
