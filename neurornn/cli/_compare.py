"""From run folders and a recording to a comparison and its page."""

__all__ = ["MEASURES", "compare_runs", "conditions_of"]

import logging
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

import xarray as xr
from matplotlib.figure import Figure
from tqdm import tqdm

from neurornn import recordings, storage
from neurornn.analysis import compare, similarity
from neurornn.analysis.similarity import AbstractSimilarity
from neurornn.cli._compare_command import Compare
from neurornn.cli._tasks import task_of
from neurornn.networks import AbstractNetwork
from neurornn.report._comparison import comparison_page, comparison_summary
from neurornn.report._panels import FULL_WIDTH
from neurornn.runs import Run
from neurornn.tasks import AbstractTask

_log = logging.getLogger(__name__)

_CONDITION = re.compile(r"(?P<name>\w+)(?:=(?P<there>\w+)(?:\*(?P<factor>[-+0-9.eE]+))?)?")
_FEWEST = 10  # trials of a condition that a network is run on


def _by_name() -> dict[str, AbstractSimilarity]:
    found = {each.name: each for each in compare.DEFAULT_MEASURES}
    for name in similarity.__all__:
        kind = getattr(similarity, name)
        if isinstance(kind, type) and issubclass(kind, AbstractSimilarity) and kind is not AbstractSimilarity:
            found.setdefault(kind.name, kind())
    return {name.lower().replace(" ", "-"): each for name, each in found.items()}


MEASURES: Final = _by_name()
"""Measures of the command line, by name, with their default options."""


def compare_runs(settings: Compare) -> tuple[xr.Dataset, Path]:
    """Compare trained networks with a recording and write the result as netCDF, JSON and a page.

    Args:
        settings: What with what, and how. The other two files lie beside the page.

    Returns:
        The result and the path of the page.

    Raises:
        ValueError: If an option makes no sense or the sides do not match.
    """
    *folders, recording = settings.paths
    out = settings.out
    names, translations = conditions_of(settings.by)
    measures = _measures(settings.measures)
    units = _units(settings.units)
    here, there = _align(settings.align)
    if out.suffix.lower() not in ("", ".html"):
        raise ValueError(f"--out is the page to write and ends in .html: got '{out}'.")
    runs = [Run.open(folder) for folder in folders]
    pairs: list[tuple[AbstractNetwork, AbstractTask]] = [(run.load_network(), task_of(run)) for run in runs]
    data = _binned(recordings.load(recording), there, settings, pairs[0][0].dt)
    n_trials = settings.n_trials or max(500, *(_FEWEST * task.n_conditions for _, task in pairs))
    both: dict[str, Any] = {
        "by": names,
        "conditions": translations,
        "unmatched": "drop" if settings.drop_unmatched else "raise",
        "align": None if here is None else (here, there),
        "window": settings.window,
        "bin_width": settings.bin_width,
        "min_trials": settings.min_trials,
        "n_trials": n_trials,
        "seed": settings.seed,
    }
    with tqdm(total=settings.n_subsamples, unit="draw", disable=not sys.stderr.isatty()) as bar:
        result = compare.run(
            pairs,
            data,
            measures=measures,
            units=units,
            split=settings.split,
            n_subsamples=settings.n_subsamples,
            callback=lambda progress: bar.update(progress.done - bar.n),
            **both,
        )
    _log.info("drawing the page")
    shown: tuple[compare.View, ...] = ("psth", "pca")
    views: dict[str, Figure | str] = {name: _view(name, pairs[0], data, both) for name in shown}
    sources = [*map(str, folders), str(recording)]
    html = comparison_page(
        result, title=f"{pairs[0][1].name} beside {recording.name}", views=views, sources=sources
    )
    target = out.with_suffix(".html")
    storage.write_dataset(out.with_suffix(".nc"), result.assign_attrs(sources=sources))
    storage.write_json(out.with_suffix(".json"), comparison_summary(result) | {"sources": sources})
    storage.write_text(target, html)
    return result, target


def conditions_of(by: Sequence[str]) -> tuple[list[str], dict[str, compare.Translation]]:
    """Names of conditions and what the recording calls them, from the words of the command line.

    Args:
        by: Words like ``coherence``, ``coherence=coherence_pct`` or ``coherence=coherence_pct*0.01``.

    Returns:
        The names, and the translations of those that have one.

    Raises:
        ValueError: If a word is none of the three.
    """
    names, translations = [], dict[str, compare.Translation]()
    for word in by:
        found = _CONDITION.fullmatch(word)
        if found is None:
            raise ValueError(
                f"--by takes NAME, NAME=NAME_IN_RECORDING or NAME=NAME_IN_RECORDING*FACTOR: got '{word}'."
            )
        name, there, factor = found["name"], found["there"], found["factor"]
        names.append(name)
        if factor is not None:
            translations[name] = (there, _times(_factor(factor, word)))
        elif there is not None:
            translations[name] = there
    return names, translations


def _factor(text: str, word: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"--by: '{text}' in '{word}' is no number.") from None


def _times(factor: float) -> Callable[[float], float]:
    return lambda value: value * factor


def _measures(names: Sequence[str]) -> Sequence[AbstractSimilarity]:
    if not names:
        return compare.DEFAULT_MEASURES
    unknown = [name for name in names if name not in MEASURES]
    if unknown:
        raise ValueError(f"There is no measure '{unknown[0]}'. There are: {', '.join(MEASURES)}.")
    return [MEASURES[name] for name in dict.fromkeys(names)]


def _units(text: str) -> Literal["match", "all"] | int:
    if text == "match":
        return "match"
    if text == "all":
        return "all"
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    raise ValueError(f"--units is match, all or a number of at least 1: got '{text}'.")


def _align(text: str | None) -> tuple[str | None, str | None]:
    if text is None:
        return None, None
    here, equals, there = text.partition("=")
    if not here or (equals and not there):
        raise ValueError(f"--align takes EVENT or EVENT=EVENT_IN_RECORDING: got '{text}'.")
    return here, there or here


def _binned(data: xr.Dataset, event: str | None, settings: Compare, dt: float) -> xr.Dataset:
    """Bins of the recording; spikes are binned in bins of the networks' steps unless another width was asked for."""
    if "spike" not in data.dims:
        return data
    return recordings.to_rates(data, bin_width=settings.bin_width or dt, align=event, window=settings.window)


def _view(
    name: compare.View, pair: tuple[AbstractNetwork, AbstractTask], data: xr.Dataset, both: Mapping[str, Any]
) -> Figure | str:
    """The first network beside the recording, or why there is no figure."""
    figure = Figure(figsize=(FULL_WIDTH, 4.4), layout="constrained")
    try:
        return compare.plot_side_by_side(pair, data, view=name, figure=figure, **both)
    except ValueError as error:
        return str(error)
