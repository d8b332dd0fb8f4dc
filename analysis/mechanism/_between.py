"""What changes between contexts: the line, the selection vector, or the input."""

__all__ = ["between_contexts"]

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

_PARTS = ("change", "by_selection_vector", "by_input_direct", "by_input_indirect")
_LONG = {
    "change": "change of the selected evidence",
    "by_selection_vector": "change by the selection vector",
    "by_input_direct": "change by the input along the line",
    "by_input_indirect": "change by the input across the line",
}


def between_contexts(ds: xr.Dataset, rate_slope: NDArray[np.float64] | None) -> dict[str, Any]:
    """Compare the reference points of every pair of contexts.

    Args:
        ds: Result of the selection so far.
        rate_slope: Slope of the rates at each point, ``(fixed_point, unit, unit)``, or None.

    Returns:
        Angles and parts of the change, as variables.
    """
    reference = ds["reference"].values
    n, n_evidence = len(reference), ds.sizes["evidence"]
    kinds = ["state"] if rate_slope is None else ["state", "rate"]
    angles = np.full((2, n, n), np.nan)
    input_angle = np.full((n, n, n_evidence), np.nan)
    parts = np.full((len(_PARTS), n, n, n_evidence, len(kinds)), np.nan)
    frames = [[_frame(ds, int(k), slope) for k in reference] for slope in (None, rate_slope)[: len(kinds)]]
    for i in range(n):
        for j in range(n):
            one, two = frames[0][i], frames[0][j]
            if one is None or two is None:
                continue
            angles[:, i, j] = _angle(one[0], two[0]), _angle(one[1], two[1])
            input_angle[i, j] = [_angle(*pair) for pair in zip(one[2], two[2], strict=True)]
            for k, frame in enumerate(frames):
                here, there = frame[i], frame[j]
                if here is not None and there is not None:
                    parts[:, i, j, :, k] = _parts(here, there)
    pair = ("search", "other")
    degrees = {"units": "degrees"}
    found: dict[str, Any] = {
        "other": ("other", ds["search"].values),
        "coordinates": ("coordinates", kinds),
        "selection_angle": (pair, angles[0], degrees | {"long_name": "angle between selection vectors"}),
        "line_angle": (pair, angles[1], degrees | {"long_name": "angle between lines"}),
        "input_angle": (
            (*pair, "evidence"),
            input_angle,
            degrees | {"long_name": "angle between input directions"},
        ),
    }
    for name, values in zip(_PARTS, parts, strict=True):
        found[name] = (
            (*pair, "evidence", "coordinates"),
            values,
            {"long_name": _LONG[name], "units": "1/ms"},
        )
    return found


_Frame = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


def _frame(ds: xr.Dataset, place: int, slope: NDArray[np.float64] | None) -> _Frame | None:
    """Selection vector, line of length 1, and drive of each evidence, in the state or in the rates."""
    if place < 0:
        return None
    left, line, drive = (ds[name].values[place] for name in ("selection_vector", "line", "evidence_drive"))
    if slope is None:
        return left, line, drive
    G = slope[place]
    if np.linalg.cond(G) > 1e8:  # silent units have no rate coordinates
        return None
    length = float(np.linalg.norm(G @ line))
    return np.linalg.solve(G.T, left) * length, G @ line / length, drive @ G.T


def _parts(one: _Frame, two: _Frame) -> NDArray[np.float64]:
    middle, step = (one[0] + two[0]) / 2, two[0] - one[0]
    line = one[1] + two[1]
    line = line / max(float(np.linalg.norm(line)), float(np.finfo(np.float64).tiny))
    b, db = (one[2] + two[2]) / 2, two[2] - one[2]
    direct = (middle @ line) * (db @ line)
    through_input = db @ middle
    return np.stack([two[2] @ two[0] - one[2] @ one[0], b @ step, direct, through_input - direct])


def _angle(one: NDArray[np.float64], two: NDArray[np.float64]) -> float:
    """Angle in degrees, exact also for vectors that are almost parallel."""
    first, second = float(np.linalg.norm(one)), float(np.linalg.norm(two))
    if not (0 < first < np.inf and 0 < second < np.inf):
        return np.nan
    a, b = one / first, two / second
    return float(np.degrees(2 * np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b))))
