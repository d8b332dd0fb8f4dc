"""The figure of the study of replay."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from replay_settings import SIZES, Learning, Recalling

COLOURS = {
    "exact": "#0072B2",
    "undone": "#56B4E9",
    "aligned": "#009E73",
    "recalled": "#CC79A7",
    "RFLO": "#D55E00",
    "reservoir": "0.45",
}
WORDS = {
    "exact": "replay, exact credit",
    "undone": "exact, two populations (k, m)",
    "aligned": "replay, aligned credit",
    "recalled": "recalled inputs, aligned",
    "RFLO": "RFLO, random feedback",
    "reservoir": "read-out alone",
}
TITLES = {
    "counting": "n = 1–4, small weights",
    "counting, default weights": "n = 1–4, default weights",
    "longer counting, small weights": "n = 6–9, small weights",
    "longer counting, falling rate": "the same, falling rate",
    "longer counting": "n = 6–9, default weights",
    "maze": "T-maze",
    "rows": "digits by rows",
    "long maze": "T-maze, long delay",
    "long maze, falling rate": "the same, falling rate",
    "rows and a delay": "digits, 16 blank rows",
}


def draw(rows: pd.DataFrame, runs: Sequence[Any], results: Sequence[dict[str, Any]]) -> Figure:
    """The thirteen panels, and what the colours are."""
    figure = Figure(figsize=(17.0, 5.6), layout="constrained")
    panels = figure.subplots(2, 7)
    recall(panels[0, 0], next(f for run, f in zip(runs, results, strict=True) if isinstance(run, Recalling)))
    hold(panels[0, 1], rows)
    aim(panels[0, 2], rows)
    for ax, study in zip(panels.flat[3:13], TITLES, strict=True):
        curves(ax, study, runs, results)
    for letter, ax in zip("abcdefghijklm", panels.flat[:13], strict=True):
        ax.set_title(letter, loc="left", fontsize=9, fontweight="bold")
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)
    handles = [
        panels[0, 3].plot([], [], color=colour, label=WORDS[rule])[0] for rule, colour in COLOURS.items()
    ]
    panels[1, 6].legend(handles=handles, loc="center", frameon=False, fontsize=8)
    panels[1, 6].set_axis_off()
    return figure


def recall(ax: Axes, found: dict[str, Any]) -> None:
    """Overlap of every recalled state with every stored pattern."""
    edges = np.array([0, *found["step"]])
    mesh = ax.pcolormesh(
        edges, np.arange(21) + 0.5, np.array(found["overlap"]).T, cmap="viridis", vmin=0, vmax=1
    )
    bar = ax.figure.colorbar(mesh, ax=ax, pad=0.02)
    bar.set_label("overlap", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    ax.set_xlabel("steps of the memory", fontsize=8)
    ax.set_ylabel("stored pattern", fontsize=8)
    ax.set_yticks([1, 5, 10, 15, 20])


def hold(ax: Axes, rows: pd.DataFrame) -> None:
    """Capacity."""
    shades = dict(zip(SIZES, ("#9ecae1", "#4292c6", "#08306b"), strict=True))
    for (what, n_units), own in rows[rows.what.str.startswith("capacity")].groupby(["what", "n_units"]):
        clock = "clock" in what
        ax.plot(
            own.length, own.value, color="#D55E00" if clock else shades[int(n_units)], marker="o", markersize=3,
            linewidth=1.2, linestyle="--" if clock else "-", label=f"{n_units:.0f}{', clock' if clock else ''}",
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_xticks([5, 10, 20, 50, 100], ["5", "10", "20", "50", "100"])
    ax.minorticks_off()
    ax.set_xlim(4.5, 600)  # room for the legend
    ax.set_xlabel("patterns in a sequence", fontsize=8)
    ax.set_ylabel("sequences in exact order", fontsize=8)
    ax.legend(title="units", frameon=False, fontsize=6.5, title_fontsize=6.5, loc="upper right")


def aim(ax: Axes, rows: pd.DataFrame) -> None:
    """Cosine of the gradient from recalled inputs."""
    looks = {("cosine", 250): ("#4292c6", "250"), ("cosine", 500): ("#08306b", "500")} | {
        ("cosine, broken order", 500): ("0.3", "500, broken order")
    }
    for (what, n_units), (colour, text) in looks.items():
        own = rows[(rows.what == what) & (rows.n_units == n_units)]
        ax.scatter(own.length, own.value, s=6, color=colour, alpha=0.5, linewidths=0)
        middle = own.groupby("length").value.mean()
        ax.plot(middle.index, middle, color=colour, linewidth=1.2, label=text)
    ax.axhline(0, color="0.85", linewidth=0.7, zorder=0)
    ax.set_ylim(-1.05, 1.05)
    ax.set_xlabel("steps in a trial", fontsize=8)
    ax.set_ylabel("cosine to the exact gradient", fontsize=8)
    ax.legend(title="units of the memory", frameon=False, fontsize=6.5, title_fontsize=6.5, loc="lower left")


def curves(ax: Axes, study: str, runs: Sequence[Any], results: Sequence[dict[str, Any]]) -> None:
    """Performance during learning: each network, and means."""
    for rule, colour in reversed(COLOURS.items()):
        own = [
            found
            for run, found in zip(runs, results, strict=True)
            if isinstance(run, Learning) and (run.study, run.rule) == (study, rule)
        ]
        for found in own:
            ax.plot(found["update"], found["performance"], color=colour, linewidth=0.5, alpha=0.35)
        if own:
            middle = np.mean([found["performance"] for found in own], axis=0)
            ax.plot(own[0]["update"], middle, color=colour, linewidth=1.5)
    ax.set_ylim(-0.03, 1.03)
    ax.set_xlabel("update", fontsize=8)
    ax.set_ylabel("fraction of trials right", fontsize=8)
    ax.set_title(TITLES[study], fontsize=8)
