"""The page of a comparison of networks with a recording."""

__all__ = ["comparison_page", "comparison_summary"]

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from neurornn import __version__
from neurornn.analysis import compare
from neurornn.report._page import Section, page
from neurornn.report._panels import FULL_WIDTH, clean, panels, words

_VIEWS = {
    "psth": (
        "Condition averages of one unit",
        "Firing rates of the unit that differs most between conditions: a unit of the first network left, a recorded one right.",
    ),
    "pca": (
        "Population trajectories",
        "Condition averages in the first two principal components of each side. Ring: start. Square: end.",
    ),
}


def comparison_summary(result: xr.Dataset) -> dict[str, Any]:
    """The headline numbers of a comparison, for JSON.

    Args:
        result: Result of :func:`neurornn.analysis.compare.run`.

    Returns:
        What entered, and for each measure scores, ceiling, baselines and null.
    """
    measures = {}
    for name in result["measure"].values:
        one = result.sel(measure=name)
        of = one.sel(quantity="trained")
        measures[str(name)] = {
            "score": of["mean"].item(),
            "score_of_network": of["score"].values,
            "interval_over_units": of["interval"].values,
            "interval_over_networks": of["seed_interval"].values,
            "ceiling": one["ceiling"].item(),
            "ceiling_interval": one["ceiling_interval"].values,
            "ceiling_limits": one["ceiling_limit"].values,
            "ceiling_is_corrected": bool(one["is_corrected"]),
            "untrained": one.sel(quantity="untrained")["mean"].item(),
            "inputs": one.sel(quantity="inputs")["mean"].item(),
            "null": one["null"].values,
            "null_range": one["null_interval"].values,
            "p_value": one["p_value"].values,
            "is_distance": bool(one["is_distance"]),
        }
    entered = {
        str(name): each.values
        for name, each in result.data_vars.items()
        if str(name).startswith("n_") and not each.dims
    }
    return {
        "complete": bool(result.attrs["complete"]),
        "n_networks": result.sizes["model"],
        "n_conditions": result.sizes["condition"],
        **entered,
        "n_units_of_network": result["n_units_of_model"].values,
        "measures": measures,
        "problems": result.attrs["problems"],
    }


def comparison_page(
    result: xr.Dataset, *, title: str, views: Mapping[str, Figure | str], sources: Sequence[str]
) -> str:
    """Lay out a comparison.

    Args:
        result: Result of :func:`neurornn.analysis.compare.run`.
        title: Title.
        views: Figures side by side by the name of the view, or why there is none.
        sources: Files the networks and the recording come from.

    Returns:
        A whole HTML document.
    """
    first = result.isel(measure=0)
    name = str(first["measure"].values)
    excluded, recorded = int(result["n_units_excluded"]), int(result["n_units_recorded"])
    subtitle = (
        f"{result.sizes['model']} network{'s' * (result.sizes['model'] > 1)} beside {recorded - excluded} of {recorded} recorded "
        f"units, {result.sizes['condition']} conditions of {' and '.join(map(words, _listed(result.attrs['by'])))}, "
        f"{result.sizes['time']} bins of {result.attrs['bin_width']:g} ms"
    )
    partial = (
        ""
        if result.attrs["complete"]
        else f" Interrupted: {result.attrs['n_draws']} of {result.attrs['n_subsamples']} draws."
    )
    return page(
        title,
        subtitle + partial,
        numbers={
            f"{name}, mean over networks": f"{float(first['mean'].sel(quantity='trained')):.3f}",
            f"{name}, noise ceiling": f"{float(first['ceiling']):.3f}",
            f"{name}, untrained": _number(float(first["mean"].sel(quantity="untrained"))),
            "units in each draw": str(int(result["n_units"])),
            "recorded trials": str(int(result["n_trials"])),
        },
        sections=[
            _scores(result),
            *_neurons(result),
            *_views(views),
            _entered(result),
            _made(result, sources),
        ],
        footer=f"neurornn {__version__}. All data: the files of the same name ending .nc and .json.",
    )


def _scores(result: xr.Dataset) -> Section:
    figure = Figure(figsize=(FULL_WIDTH, 4.2), layout="constrained")
    compare.plot(result, ax=figure.subplots())
    starred = (
        ""
        if result["is_corrected"].all()
        else " A star marks a ceiling that is half of the trials against the other half, uncorrected: too low."
    )
    problems = result.attrs["problems"]
    notes = "\n".join(["", "Not scored:", *_listed(problems)]) if len(problems) else ""
    return Section(
        "Scores",
        clean(figure),
        "Scores of each measure with noise ceiling, baselines and null.",
        "Small markers: networks. Large: their mean, with its interval over networks, or over units where there is one network. "
        "Green: noise ceiling from halves of the trials, and its limits. Grey: scores with the conditions of the network "
        f"permuted. Untrained: the same networks with their initial weights.{starred}",
        text=compare.table(result) + notes,
    )


def _neurons(result: xr.Dataset) -> list[Section]:
    known = [
        name
        for name in result["measure"].values
        if np.isfinite(result["unit_ceiling"].sel(measure=name)).any()
    ]
    if not known:
        return []
    figure, axes = panels(len(known), height=4.0, share=False)
    for ax, name in zip(axes, known, strict=True):
        one = result.sel(measure=name)
        ceiling = one["unit_ceiling"].values
        scores = one["unit_score"].mean("model")
        for quantity, colour, text in (
            ("untrained", "#E69F00", "untrained"),
            ("trained", "#0072B2", "networks"),
        ):
            ax.plot(
                ceiling,
                np.maximum(scores.sel(quantity=quantity), -0.25),
                "o",
                color=colour,
                markersize=4,
                alpha=0.7,
                label=text,
            )
        ax.axline((0, 0), slope=1, color="#009E73", linewidth=1.2, label="at its ceiling")
        ax.set(xlabel="noise ceiling of the neuron", ylabel=str(name), xlim=(-0.03, 1.03), ylim=(-0.28, 1.03))
        ax.legend(frameon=False, loc="upper left")
    return [
        Section(
            "Neuron by neuron",
            clean(figure),
            "Score of each recorded neuron against its noise ceiling.",
            "Each recorded neuron, mean over networks, against what a perfect model could reach given its trials. Scores below "
            "-0.25 are drawn there.",
        )
    ]


def _views(views: Mapping[str, Figure | str]) -> list[Section]:
    found = []
    for name, view in views.items():
        heading, caption = _VIEWS[name]
        if isinstance(view, str):
            found.append(Section(heading, caption="There is no figure.", text=f"Not shown: {view}"))
        else:
            found.append(Section(heading, clean(view), f"{heading}: network left, recording right.", caption))
    return found


def _entered(result: xr.Dataset) -> Section:
    numbers = {
        str(each.attrs["long_name"]): f"{each.item():g}"
        for name, each in result.data_vars.items()
        if not each.dims and (str(name).startswith("n_") or (name == "event_rounding" and each.item()))
    }
    numbers["units of each network"] = ", ".join(map(str, result["n_units_of_model"].values))
    least = result["n_trials_of_condition"].values
    numbers["recorded trials of a condition"] = f"{least.min()} to {least.max()}"
    simulated = result["n_trials_of_model"].values
    numbers["simulated trials of a condition"] = f"{simulated.min()} to {simulated.max()}"
    return Section("What entered", caption="Nothing is left out without being counted here.", table=numbers)


def _made(result: xr.Dataset, sources: Sequence[str]) -> Section:
    shown = (
        "by",
        "aligned_to",
        "bin_width",
        "units",
        "split",
        "n_draws",
        "n_splits",
        "n_folds",
        "n_shuffles",
        "n_bootstrap",
        "confidence",
        "seed",
        "created_at",
    )
    settings = {words(name): ", ".join(map(str, _listed(result.attrs[name]))) for name in shown}
    times = result["time"].values
    settings["window"] = f"{times[0]:g} to {times[-1] + result.attrs['bin_width']:g} ms"
    return Section(
        "How it was made", table=settings | {"networks": ", ".join(sources[:-1]), "recording": sources[-1]}
    )


def _listed(value: Any) -> list[Any]:  # noqa: ANN401
    """An attribute that may be one value or several."""
    return list(value) if isinstance(value, list | tuple | np.ndarray) else [value]


def _number(value: float) -> str:
    return f"{value:.3f}" if np.isfinite(value) else "none"
