"""Figures of the LIP study."""

__all__ = ["draw"]

from collections.abc import Mapping
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
import xarray as xr
from lip_measures import BIN, BY, GRID, Behaviour, Neural, courses, interval
from lip_networks import ANSWER, COHERENCES, EVIDENCE
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from neurornn.analysis import compare

if TYPE_CHECKING:
    from lip import Study

NETWORK, LIP_IN, LIP_OUT = "#0072B2", "#000000", "#8a8a8a"
MONKEYS = ("#D55E00", "#CC79A7")
_WIDTH = 11.0


def draw(found: "Study") -> dict[str, Figure]:
    """All figures.

    Args:
        found: Results.

    Returns:
        Figures by name.
    """
    return {
        "behaviour": _behaviour(found.monkeys, found.networks),
        "rates": _rates([*found.populations.values()], found.lip),
        "numbers": _numbers([*found.populations.values()], [*found.untrained.values()], found.lip),
        "similarity": _similarity(found.scores),
        "neurons": _neurons(found.scores),
        "trajectories": _trajectories(found.view),
    }


def _panels(columns: int, height: float, rows: int = 1, **options: object) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    figure.get_layout_engine().set(wspace=0.06, hspace=0.06)  # type: ignore[union-attr, call-arg]
    axes = [*figure.subplots(rows, columns, squeeze=False, **options).ravel()]  # type: ignore[call-overload]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _letters(axes: list[Axes], titles: list[str]) -> None:
    for ax, letter, title in zip(axes, "abcdefgh", titles, strict=False):
        ax.set_title(f"{letter}   {title}", loc="left", fontsize=11)


def _on_log(ax: Axes, *, zero: float | None) -> None:
    """Coherence on a logarithmic axis, on which 0 has a place of its own."""
    ax.set_xscale("log")
    shown = [c for c in COHERENCES if c > 0 or zero is not None]
    ax.set_xticks([c if c > 0 else zero for c in shown], [f"{c:g}" for c in shown])
    ax.minorticks_off()
    ax.set_xlabel("motion coherence (%)")


def _behaviour(monkeys: Mapping[str, Behaviour], networks: Mapping[int, Behaviour]) -> Figure:
    figure, (accuracy, times, spread) = _panels(3, 3.9)
    styles = [(NETWORK, 0.55, 1.0, each) for each in networks.values()]
    styles += [(colour, 1.0, 2.0, each) for colour, each in zip(MONKEYS, monkeys.values(), strict=False)]
    zero = 1.3
    for colour, alpha, width, each in styles:
        network = colour == NETWORK
        curve = each.curve
        line = {"color": colour, "alpha": alpha, "linewidth": width}
        points = {"color": colour, "alpha": alpha, "markersize": 3.0 if network else 5.0, "linestyle": "none"}
        shown = curve["curve"].values >= 2.2
        accuracy.plot(curve["curve"].values[shown], curve["fitted"].values[shown], **line)
        p, ends = curve["proportion"].values, curve["proportion_interval"].values
        x = curve["stimulus"].values
        bars = None if network else np.maximum([p - ends[:, 0], ends[:, 1] - p], 0.0)
        accuracy.errorbar(x, p, bars, fmt="o", elinewidth=1.0, **points)
        right = each.times.sel(outcome="correct")
        x = np.where(right["strength"].values > 0, right["strength"].values, zero)
        mean, ends = right["mean"].values, right["mean_interval"].values
        times.errorbar(
            x,
            mean,
            None if network else [mean - ends[:, 0], ends[:, 1] - mean],
            fmt="o",
            elinewidth=1.0,
            **points,
        )
        grid = GRID >= 2.2
        times.plot(GRID[grid], each.predicted[grid], **line)
        spread.plot(x, right["sd"].values, "o-", markersize=points["markersize"], **line)
    handles = [
        Line2D([], [], color=colour, marker="o", linewidth=2, label=f"monkey {name}")
        for colour, name in zip(MONKEYS, monkeys, strict=False)
    ]
    handles.append(Line2D([], [], color=NETWORK, marker="o", markersize=4, label=f"{len(networks)} networks"))
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False)
    accuracy.set(ylabel="fraction correct", ylim=(0.45, 1.02))
    top = times.get_ylim()[1]
    times.set(ylabel="mean reaction time, correct (ms)", ylim=(0, top))
    spread.set(ylabel="SD of reaction time, correct (ms)", ylim=(0, None))
    _on_log(accuracy, zero=None)
    _on_log(times, zero=zero)
    _on_log(spread, zero=zero)
    _letters([accuracy, times, spread], ["Psychometric function", "Chronometric function", "Spread"])
    return figure


def _colour(coherence: float) -> tuple[float, float, float, float]:
    place = [*COHERENCES].index(round(float(coherence), 1)) / (len(COHERENCES) - 1)
    return matplotlib.colormaps["viridis"](0.92 * place)


def _rates(networks: list[Neural], lip: Neural) -> Figure:
    figure, axes = _panels(2, 6.6, rows=2, width_ratios=(1.0, 1.0))
    ratios = [
        [courses(getattr(each, event)) / each.numbers["level_in"] for each in networks]
        for event in ("evidence", "answer")
    ]
    sides = [
        xr.concat(ratios[0], "network").mean("network", skipna=False),
        courses(lip.evidence),
        xr.concat(ratios[1], "network").mean("network", skipna=False),
        courses(lip.answer),
    ]
    for ax, each in zip(axes, sides, strict=True):
        for k in range(each.sizes["condition"]):
            one = each.isel(condition=k)
            solid = int(one["choice"]) > 0
            ax.plot(
                one["time"] + BIN / 2,
                one,
                color=_colour(float(one["coherence"])),
                linewidth=1.8 if solid else 1.2,
                linestyle="-" if solid else (0, (3, 1.5)),
            )
        ax.axvline(0.0, color="0.75", linewidth=0.8, zorder=0)
    for ax, what in zip(axes, ("evidence", "evidence", "answer", "answer"), strict=True):
        low, high = EVIDENCE if what == "evidence" else ANSWER
        ax.set(xlabel=f"time from the {what} (ms)", xlim=(low, high))
    level = lip.numbers["level_in"]
    for ax in (axes[0], axes[2]):
        ax.set(ylabel="rate (levels)", ylim=(0, 1.32))
    for ax in (axes[1], axes[3]):
        ax.set(ylabel="firing rate (spikes/s)", ylim=(0, 1.32 * level))
    n_units = networks[0].evidence.sizes["unit"]
    _letters(
        axes,
        [
            f"Networks: mean of {len(networks)}, {n_units} units each",
            f"LIP: {lip.evidence.sizes['unit']} neurons",
            "Networks",
            "LIP",
        ],
    )
    handles = [Line2D([], [], color=_colour(c), linewidth=2, label=f"{c:g} %") for c in COHERENCES]
    handles += [
        Line2D([], [], color="0.3", linewidth=1.8, label="into the response field"),
        Line2D([], [], color="0.3", linewidth=1.2, linestyle=(0, (3, 1.5)), label="away from it"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False, fontsize=9)
    return figure


def _numbers(networks: list[Neural], untrained: list[Neural], lip: Neural) -> Figure:
    figure, axes = _panels(3, 3.9)
    x = np.array(COHERENCES)
    level = lip.numbers["level_in"]
    kinds = (
        ("early", "rate 180-220 ms after evidence (levels)"),
        ("late", "rate 40-0 ms before answer (levels)"),
        ("ramp", "slope 0-160 ms after evidence (levels/s)"),
    )
    for ax, (name, text) in zip(axes, kinds, strict=True):
        for side, marker, dashed in (("in", "o", "-"), ("out", "s", "--")):
            keys = [f"{name}_{side}_{c:g}" for c in COHERENCES]
            for each in networks:
                ax.plot(
                    x,
                    [each.numbers[key] / each.numbers["level_in"] for key in keys],
                    dashed,
                    color=NETWORK,
                    alpha=0.55,
                    linewidth=1.0,
                )
            values = np.array([lip.numbers[key] / level for key in keys])
            ends = np.array([interval(lip.spread[key] / lip.spread["level_in"]) for key in keys])
            ax.errorbar(
                x,
                values,
                np.maximum([values - ends[:, 0], ends[:, 1] - values], 0.0),
                fmt=marker + dashed,
                color=LIP_IN if side == "in" else LIP_OUT,
                markersize=4.5,
                elinewidth=1.0,
                linewidth=1.3,
            )
        ax.set(
            xlabel="motion coherence (%)",
            ylabel=text,
            xticks=[0, 12.8, 25.6, 51.2],
            xticklabels=["0", "12.8", "25.6", "51.2"],
        )
    for ax in axes[:2]:
        ax.set_ylim(0, 1.4)
    axes[2].axhline(0.0, color="0.75", linewidth=0.8, zorder=0)
    handles = [
        Line2D([], [], color=LIP_IN, marker="o", label="LIP, into the response field"),
        Line2D([], [], color=LIP_OUT, marker="s", linestyle="--", label="LIP, away from it"),
        Line2D([], [], color=NETWORK, label="networks, into it"),
        Line2D([], [], color=NETWORK, linestyle="--", label="networks, away from it"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False)
    _letters(axes, ["Following coherence", "A common end?", "Build-up"])
    return figure


def _similarity(scores: Mapping[tuple[str, str], xr.Dataset]) -> Figure:
    figure, axes = _panels(2, 7.2, rows=2, sharey=True)
    for ax, result in zip(axes, scores.values(), strict=True):
        compare.plot(result, ax=ax)
        ax.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
    kept = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    for ax in axes:
        ax.get_legend().remove()
        ax.tick_params(axis="x", labelsize=8.5)
        ax.set_ylim(-0.28, 1.05)
    for ax in axes[1::2]:
        ax.set_ylabel("")
    figure.legend(
        kept.values(), kept.keys(), loc="outside upper center", ncols=len(kept), frameon=False, fontsize=9
    )
    named = {"rates": "", "differences": ", shared course removed"}
    _letters(
        axes,
        [
            f"From the {event}{named[part]}, {low:g} to {high:g} ms"
            for (event, part), (low, high) in ((key, _edges(each)) for key, each in scores.items())
        ],
    )
    return figure


def _edges(result: xr.Dataset) -> tuple[float, float]:
    time = result["time"].values
    return float(time[0]), float(time[-1] + result.attrs["bin_width"])


def _neurons(scores: Mapping[tuple[str, str], xr.Dataset]) -> Figure:
    figure, axes = _panels(2, 4.4)
    for ax, event in zip(axes, ("evidence", "answer"), strict=True):
        result = scores[event, "rates"]
        one = result.sel(measure="linear predictivity")
        mean = one["unit_score"].mean("model")
        for quantity, colour, marker, text in (
            ("inputs", "#CC79A7", "^", "inputs alone"),
            ("untrained", "#E69F00", "s", "untrained"),
            ("trained", NETWORK, "o", "networks"),
        ):
            ax.plot(
                one["unit_ceiling"],
                np.maximum(mean.sel(quantity=quantity), -0.3),
                marker,
                color=colour,
                markersize=4.5,
                alpha=0.75,
                label=text,
            )
        ax.axline((0, 0), slope=1, color="#009E73", linewidth=1.2, label="at the ceiling")
        ax.axhline(0.0, color="0.8", linewidth=0.8, zorder=0)
        ax.set(
            xlabel="noise ceiling of the neuron",
            ylabel="linear predictivity",
            xlim=(-0.03, 1.03),
            ylim=(-0.33, 1.03),
        )
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    _letters(axes, ["From the evidence", "From the answer"])
    return figure


def _trajectories(view: tuple[xr.Dataset, xr.Dataset]) -> Figure:
    figure = Figure(figsize=(_WIDTH, 4.4), layout="constrained")
    network, brain = view
    low, high = network["time"].values[0], network["time"].values[-1] + BIN
    compare.plot_side_by_side(
        network.drop_vars("inputs"), brain, view="pca", by=BY, hue="coherence", style="choice",
        window=(float(low), float(high)), bin_width=2 * BIN, min_trials=2, figure=figure,
    )  # fmt: skip
    for ax in figure.axes:
        ax.spines[["top", "right"]].set_visible(False)
    return figure
