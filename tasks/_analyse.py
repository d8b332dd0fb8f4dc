"""The measures of a task applied to trials, and their figure."""

__all__ = ["drawn", "measured"]

import math
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import xarray as xr

from neurornn.analysis.behaviour import AbstractMeasure
from neurornn.provenance import provenance

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PANEL = (4.2, 3.4)  # inches
_LETTERS = 48  # in a line of small print as wide as a panel


def measured(task: str, measures: Mapping[str, AbstractMeasure], dataset: xr.Dataset) -> xr.DataTree:
    """Apply every measure.

    Args:
        task: Name of the task.
        measures: Measures by title.
        dataset: Trials.

    Returns:
        A node for each; empty, with the attribute ``failed``, where one could not be computed.

    Raises:
        ValueError: If the trials are of another task.
    """
    of = dataset.attrs.get("task", task)
    if of != task:
        raise ValueError(
            f"The trials are of task '{of}' and this is '{task}'. Analyse them by their own task."
        )
    nodes = {}
    for title, measure in measures.items():
        try:
            nodes[title] = measure.apply(dataset)
        except ValueError as error:
            nodes[title] = xr.Dataset(attrs={"failed": str(error)})
    tree = xr.DataTree.from_dict(nodes)
    tree.attrs = provenance("neurornn.Behaviour/1") | {"task": task}
    return tree


def drawn(measures: Mapping[str, AbstractMeasure], results: xr.DataTree) -> "Figure":
    """A panel for each measure, at most three in a row.

    Args:
        measures: Measures by title.
        results: What :func:`measured` gave.

    Returns:
        The figure.

    Raises:
        ValueError: If the results are of other measures.
    """
    from matplotlib.figure import Figure  # only when something is drawn

    titles = list(results.children)
    if not titles or not set(titles) <= set(measures):
        raise ValueError(
            f"The results must be what analyse gave, with nodes among {list(measures)}: got {titles}."
        )
    columns = min(3, len(titles))
    rows = math.ceil(len(titles) / columns)
    size = (_PANEL[0] * columns, _PANEL[1] * rows)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax, title in zip(axes.flat, titles, strict=False):
        result = results[title].to_dataset()
        if "failed" in result.attrs:
            why = textwrap.fill(str(result.attrs["failed"]), _LETTERS)
            ax.text(0.5, 0.5, why, ha="center", va="center", fontsize=8, transform=ax.transAxes)
            ax.set_axis_off()
        else:
            measures[title].plot(result, ax=ax)
        ax.set_title(title[:1].upper() + title[1:])
    for ax in axes.flat[len(titles) :]:
        ax.remove()
    return figure
