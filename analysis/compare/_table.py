"""The result of a comparison as text."""

__all__ = ["table"]

import numpy as np
import xarray as xr
from numpy.typing import NDArray

_COLUMNS = (
    "measure",
    "networks",
    "over units",
    "over networks",
    "ceiling",
    "untrained",
    "inputs",
    "null",
    "p",
)


def table(result: xr.Dataset) -> str:
    """One line for each measure: means over networks, intervals, ceiling, baselines and null.

    Args:
        result: Result of :func:`neurornn.analysis.compare.run`.

    Returns:
        Lines of text of equal width, a heading first. ``-`` stands for what does not exist, ``*`` marks a ceiling that is not
        corrected for the number of trials, ``~`` a score found by a search of which some values are not proven to be the
        optimum, and ``p`` is the largest of the networks.

    Raises:
        ValueError: If it is no such result.
    """
    if "score" not in result:
        raise ValueError("A result of compare.run is needed: the dataset has no 'score'.")
    rows = [_COLUMNS, *(_row(result.sel(measure=name)) for name in result["measure"].values)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if k == 0 else text.rjust(width)
            for k, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def _row(one: xr.Dataset) -> tuple[str, ...]:
    mean, trained = one["mean"], one["interval"].sel(quantity="trained").values
    over_units = _mean_ends(trained)
    null = _mean_ends(one["null_interval"].values)
    mark = "" if bool(one["is_corrected"]) else "*"
    searched = "~" if int(one["n_unverified"]) else ""
    name = str(one["measure"].values) + (" (distance)" if bool(one["is_distance"]) else "")
    return (
        name,
        _number(float(mean.sel(quantity="trained"))) + searched,
        _ends(over_units),
        _ends(one["seed_interval"].sel(quantity="trained").values),
        _number(float(one["ceiling"])) + mark,
        _number(float(mean.sel(quantity="untrained"))),
        _number(float(mean.sel(quantity="inputs"))),
        _ends(null),
        _p(one["p_value"].values),
    )


def _mean_ends(ends: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ends[np.isfinite(ends).all(-1)]
    return known.mean(0) if len(known) else np.full(2, np.nan)


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "-"


def _ends(ends: NDArray[np.float64]) -> str:
    return f"{ends[0]:.3f} to {ends[1]:.3f}" if np.isfinite(ends).all() else "-"


def _p(values: NDArray[np.float64]) -> str:
    known = values[np.isfinite(values)]
    return f"{known.max():.3f}" if known.size else "-"
