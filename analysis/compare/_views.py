"""One analysis of networks and recordings by the same call, drawn side by side."""

__all__ = ["VIEWS", "View", "plot_side_by_side"]

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import xarray as xr

from neurornn.analysis import decoding, dpca, jpca, pca, tdr
from neurornn.analysis._conditions import condition_average
from neurornn.analysis._paths import draw_courses
from neurornn.analysis._plotting import label
from neurornn.analysis.compare._aligned import aligned
from neurornn.analysis.compare._clock import Align
from neurornn.analysis.compare._match import Translation
from neurornn.analysis.compare._models import Model

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_STYLES = 4
_OF_AVERAGES = ("psth", "pca", "jpca")  # views that need no single trials

View = Literal["psth", "pca", "tdr", "dpca", "jpca", "decoding"]


def plot_side_by_side(
    model: Model,
    recording: xr.Dataset,
    *,
    view: View,
    by: str | Sequence[str],
    hue: str | None = None,
    style: str | None = None,
    conditions: Mapping[str, Translation] | None = None,
    unmatched: Literal["raise", "drop"] = "raise",
    align: Align | None = None,
    window: tuple[float, float] | None = None,
    bin_width: float | None = None,
    min_trials: int = 1,
    variable: str = "rate",
    n_trials: int = 500,
    seed: int = 0,
    figure: "Figure | None" = None,
    **options: Any,  # noqa: ANN401
) -> "Figure":
    """Draw the same view of a network and of a recording: network left, recording right.

    Both sides are brought to the same conditions and bins by :func:`aligned`, then analysed by the same call with the same
    options.

    ============  ==========================================================================================
    ``psth``      condition averages of the unit that differs most between conditions (``unit=`` takes a position,
                  or ``"mean"`` the average of all units)
    ``pca``       condition averages in two components (:mod:`neurornn.analysis.pca`)
    ``tdr``       on the axes of the first two variables (:mod:`neurornn.analysis.tdr`); of one variable over time
    ``dpca``      the leading demixed component of the first variable (:mod:`neurornn.analysis.dpca`)
    ``jpca``      in the fastest plane of rotation (:mod:`neurornn.analysis.jpca`)
    ``decoding``  accuracy or R² of the first variable, trained at one time and tested at another
                  (:mod:`neurornn.analysis.decoding`); R² below -1 has the colour of -1
    ============  ==========================================================================================

    Args:
        model: Simulated trials, or a pair ``(network, task)``.
        recording: Binned recording.
        view: What to draw.
        by: Condition variables, as the network has them.
        hue: Condition variable shown by colour; the first if None.
        style: Condition variable shown by line style; the second if both are None and it has at most four values.
        conditions: What the recording calls them, as in :func:`neurornn.analysis.compare.run`.
        unmatched: Conditions that one side lacks are an error or dropped.
        align: Event at time 0.
        window: First and last edge in ms.
        bin_width: Width of the bins in ms.
        min_trials: Trials a unit needs in every condition at every bin.
        variable: Activity of the network.
        n_trials: Trials simulated where a pair is given.
        seed: Seed of trials and noise.
        figure: Figure to draw on; a new one if None.
        options: Options of the analysis, the same for both sides.

    Returns:
        The figure, with two panels.

    Raises:
        ValueError: If there is no such view, or the two sides do not match.
    """
    names = [by] if isinstance(by, str) else list(by)
    if view not in VIEWS:
        raise ValueError(f"There is no view '{view}'. There are: {', '.join(VIEWS)}.")
    sides = aligned(
        model,
        recording,
        by=names,
        conditions=conditions,
        unmatched=unmatched,
        align=align,
        window=window,
        bin_width=bin_width,
        min_trials=min_trials,
        variable=variable,
        n_trials=n_trials,
        seed=seed,
        averaged=view in _OF_AVERAGES,
    )
    if figure is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=(12, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    colour = names[0] if hue is None else hue
    if (
        style is None
        and hue is None
        and len(names) > 1
        and np.unique(sides[0][names[1]]).size <= _MOST_STYLES
    ):
        style = names[1]
    for ax, ds, who in ((left, sides[0], "network"), (right, sides[1], "recording")):
        note = VIEWS[view](ds, names, colour, style, ax, dict(options))
        ax.set_title(f"{who}: {ds.sizes['unit']} units{note}", fontsize="medium")
    if view == "decoding":
        _share_colours([left, right])
    else:
        legend = left.get_legend()  # the same as on the right
        if legend is not None and _entries(left) == _entries(right):
            legend.remove()
    return figure


def _psth(
    ds: xr.Dataset, names: list[str], hue: str, style: str | None, ax: "Axes", options: dict[str, Any]
) -> str:
    unit = options.pop("unit", None)
    _none_left(options)
    mean = condition_average(ds["rate"].astype(np.float64), names)
    if unit == "mean":
        courses, note = mean.mean("unit", keep_attrs=True), ", their mean"
    else:
        if unit is None:
            unit = int(mean.var("condition").mean("time").values.argmax())
        courses, note = mean.isel(unit=unit), f", unit {ds['unit'].values[unit]}"
    draw_courses(courses, hue=hue, style=style, ax=ax)
    ax.set_xlabel(label(ds["time"]))
    return note


def _pca(
    ds: xr.Dataset, names: list[str], hue: str, style: str | None, ax: "Axes", options: dict[str, Any]
) -> str:
    fit = pca.fit(ds, condition=names, **options)
    pca.plot_trajectories(pca.project(ds, fit), hue=hue, style=style, ax=ax)
    return ""


def _tdr(
    ds: xr.Dataset, names: list[str], hue: str, style: str | None, ax: "Axes", options: dict[str, Any]
) -> str:
    fit = tdr.fit(ds, regressors=names, **options)
    if len(names) > 1:
        tdr.plot_trajectories(fit, x=names[0], y=names[1], hue=hue, style=style, ax=ax)
        return ""
    draw_courses(fit["projection"].isel(axis=0), hue=hue, style=style, ax=ax)
    ax.set_ylabel(f"{names[0].replace('_', ' ')} axis")
    return ""


def _dpca(
    ds: xr.Dataset, names: list[str], hue: str, style: str | None, ax: "Axes", options: dict[str, Any]
) -> str:
    fit = dpca.fit(ds, parameters=names, **options)
    of = fit["marginalisation_of"].values.tolist()
    component = of.index(names[0]) if names[0] in of else 0
    dpca.plot_component(fit, component=component, hue=hue, style=style, ax=ax)
    return ""


def _jpca(
    ds: xr.Dataset, names: list[str], hue: str, style: str | None, ax: "Axes", options: dict[str, Any]
) -> str:
    fit = jpca.fit(ds, condition=names, **options)
    jpca.plot_plane(fit, hue=hue, style=style, ax=ax)
    r, free = float(fit["r_squared_rotation"]), float(fit["r_squared"])
    return f", R² {r:.2f} rotation, {free:.2f} any"


def _decoding(
    ds: xr.Dataset, names: list[str], hue: str, style: str | None, ax: "Axes", options: dict[str, Any]
) -> str:
    found = decoding.cross_temporal(ds, names[0], **options)
    decoding.plot_cross_temporal(found, ax=ax)
    return f", {names[0].replace('_', ' ')}"


VIEWS: Final[dict[str, Callable[[xr.Dataset, list[str], str, str | None, "Axes", dict[str, Any]], str]]] = {
    "psth": _psth,
    "pca": _pca,
    "tdr": _tdr,
    "dpca": _dpca,
    "jpca": _jpca,
    "decoding": _decoding,
}
"""What can be drawn side by side."""


def _none_left(options: dict[str, Any]) -> None:
    if options:
        raise ValueError(f"The view 'psth' has no option '{next(iter(options))}'. It has: unit.")


def _entries(ax: "Axes") -> list[str]:
    legend = ax.get_legend()
    return [] if legend is None else [text.get_text() for text in legend.get_texts()]


def _share_colours(panels: Sequence["Axes"]) -> None:
    """Both images on one scale."""
    images = [
        image
        for ax in panels
        for image in (*ax.get_images(), *ax.collections)
        if image.get_array() is not None
    ]
    if not images:
        return
    low = min(image.norm.vmin or 0.0 for image in images)
    high = max(image.norm.vmax or 0.0 for image in images)
    if low < -1:  # R² of a decoder that misleads has no end, and its size means nothing
        low, high = -1.0, 1.0
    for image in images:
        image.set_clim(low, high)
