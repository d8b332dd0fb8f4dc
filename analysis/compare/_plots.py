"""The result of a comparison as a figure."""

__all__ = ["plot"]

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from neurornn.analysis._plotting import axes_or_new, legend_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLE = {
    "trained": ("#0072B2", "o", "networks"),
    "untrained": ("#E69F00", "s", "untrained"),
    "inputs": ("#CC79A7", "^", "inputs alone"),
}
_PLACES = {"trained": -0.2, "untrained": 0.0, "inputs": 0.2}
_LOWEST = -0.25  # what lies below is drawn at the edge


def plot(result: xr.Dataset, *, ax: "Axes | None" = None) -> "Axes":
    """Scores of networks, of the untrained ones and of the inputs, under the ceiling and over the null.

    Small markers are networks, large ones their mean; bars are its interval over networks, or over units where there is one
    network. The line across is the ceiling, the band around it goes from its cautious to its generous limit, grey is
    the range of scores with permuted conditions. An arrow at the edge stands for a score below it.

    Args:
        result: Result of :func:`neurornn.analysis.compare.run`.
        ax: Axes to draw on; of a new figure if None.

    Returns:
        The axes.
    """
    axes = axes_or_new(ax)
    names = result["measure"].values
    for k, name in enumerate(names):
        one = result.sel(measure=name)
        first = k == 0
        low, high = sorted(one["ceiling_limit"].values)
        if np.isfinite(low) and np.isfinite(high):
            axes.fill_between(
                [k - 0.38, k + 0.38],
                max(low, _LOWEST),
                high,
                color="#009E73",
                alpha=0.18,
                linewidth=0,
                label="ceiling, limits" if first else None,
            )
        axes.hlines(
            float(one["ceiling"]),
            k - 0.38,
            k + 0.38,
            color="#009E73",
            linewidth=2,
            label="noise ceiling" if first else "_",
        )
        ends = one["null_interval"].values
        ends = ends[np.isfinite(ends).all(-1)]
        if len(ends):
            bottom, top = ends.mean(0)
            axes.fill_between(
                [k - 0.38, k + 0.38],
                max(bottom, _LOWEST),
                max(top, _LOWEST),
                color="0.55",
                alpha=0.35,
                linewidth=0,
                label="conditions permuted" if first else None,
            )
        for quantity in _STYLE:
            _draw(axes, one.sel(quantity=quantity), k + _PLACES[quantity], quantity, labelled=first)
    labels = [
        _wrapped(str(name)) + ("\n(distance)" if far else "")
        for name, far in zip(names, result["is_distance"].values, strict=True)
    ]
    axes.set_xticks(np.arange(names.size), labels)
    bottom, top = axes.get_ylim()
    if not result["is_distance"].any():
        top = min(top, 1.05)  # no score is above 1, whatever an interval of few networks says
    axes.set(ylabel="score", xlim=(-0.5, names.size - 0.5), ylim=(max(bottom, _LOWEST - 0.03), top))
    handles, texts = axes.get_legend_handles_labels()
    kept = dict(zip(texts, handles, strict=True))
    legend_beside(axes, handles=list(kept.values()), labels=list(kept))
    return axes


def _draw(axes: "Axes", one: xr.Dataset, x: float, quantity: str, *, labelled: bool) -> None:
    colour, marker, text = _STYLE[quantity]
    scores: NDArray[np.float64] = one["score"].values
    scores = scores[np.isfinite(scores)]
    if not scores.size:
        return
    if scores.size > 1:
        spread = x + np.linspace(-0.05, 0.05, scores.size)
        inside = scores >= _LOWEST
        axes.plot(spread[inside], scores[inside], marker, color=colour, markersize=3, alpha=0.6)
    mean = float(scores.mean())
    ends = one["seed_interval"].values if scores.size > 1 else one["interval"].values.reshape(-1, 2)[0]
    if mean < _LOWEST:
        axes.plot(x, _LOWEST, "v", color=colour, markersize=7, label=text if labelled else None)
        return
    bars = None if not np.isfinite(ends).all() else np.abs(np.array([[mean - ends[0]], [ends[1] - mean]]))
    axes.errorbar(
        x,
        mean,
        bars,
        fmt=marker,
        color=colour,
        markersize=7,
        capsize=0,
        elinewidth=1.8,
        label=text if labelled else None,
    )


def _wrapped(name: str) -> str:
    return name.split("(")[0].replace(" ", "\n", 1)
