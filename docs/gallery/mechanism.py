"""The mechanism of the demo's network, for several seeds: draws mechanism.png, writes mechanism.csv.

python docs/gallery/mechanism.py

Each network is that of `neurornn demo --seed SEED`: 80 excitatory and 20 inhibitory softplus units with recurrent noise, trained on
the library's context decision until 95 % of the validation trials are correct. Its fixed and slow points are found while a
context cue is on and both stimuli have coherence 0; the slow mode, its selection vector and its line are those of the report.
Controls are networks after a single training step. Finished runs are kept in .cache/ and not done again.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from _runs import arguments, save_figure
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurornn.cli import _pipeline as pipeline
from neurornn.cli._commands import from_recipe
from neurornn.report import current_analysis

TASK = "context-decision"
CONTEXTS = {"motion": "#0072B2", "colour": "#D55E00"}
PARTS = {
    "by_selection_vector": ("#0072B2", "selection vector"),
    "by_input_direct": ("#E69F00", "input, along the line"),
    "by_input_indirect": ("#CC79A7", "input, across the line"),
}


@dataclass(frozen=True)
class Run:
    """One network.

    Attributes:
        seed: Seed of everything.
        n_steps: Training steps at most.
    """

    seed: int
    n_steps: int = from_recipe(TASK).training.n_steps


def dissect(run: Run) -> dict[str, Any]:
    """Train and dissect a network as the demo does; its numbers."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        demo = from_recipe(TASK, folder=Path(folder) / "run", seed=run.seed)
        trained = replace(demo, training=replace(demo.training, n_steps=run.n_steps)).train()
        metrics = pipeline.dissected(trained)
        tree = current_analysis(trained)
        ds = tree["mechanism"].to_dataset()
    return {"metrics": metrics, "contexts": [*_contexts(ds, metrics)], "change": _change(ds)}


def _contexts(ds: Any, metrics: dict[str, Any]) -> Any:
    for context in CONTEXTS:
        name = f"{context} context"
        here = ds.sel(search=name)
        row = {
            "context": context,
            **{key: int(here[key]) for key in ("n_stable", "n_saddle", "n_repelling", "n_slow")},
            **metrics["mechanism"][name],
            "choice_weight_ratio": metrics["choice_weight_ratio"][context],
            "choice_weight_interval": metrics["choice_weight_ratio_interval"][context],
        }
        if (place := int(here["reference"])) >= 0:
            point = ds.isel(fixed_point=place)
            row["next_mode_ms"] = float(point["next_time_constant"])
            for evidence in CONTEXTS:
                row[f"{evidence}_per_s"] = 1e3 * float(
                    point["selected"].sel(evidence=f"{evidence}_coherence")
                )
        yield row


def _change(ds: Any) -> dict[str, list[list[float]]]:
    """Parts of the change, in 1/s, for each set of coordinates and each evidence."""
    between = ds.sel(search="motion context", other="colour context")
    return {
        part: (1e3 * between[part].transpose("coordinates", "evidence").values).tolist()
        for part in ("change", *PARTS)
    }


def table(runs: Sequence[Run], results: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row for each network in each context."""
    rows = []
    for run, found in zip(runs, results, strict=True):
        metrics = found["metrics"]
        for here in found["contexts"]:
            low, high = here["choice_weight_interval"]
            rows.append({
                "seed": run.seed,
                "trained": run.n_steps > 1,
                "context": here["context"],
                "accuracy": metrics["accuracy_by_context"][here["context"]],
                "verdict": here["verdict"],
                **{key: here[key] for key in ("n_stable", "n_saddle", "n_repelling", "n_slow")},
                **{
                    key: here.get(key, np.nan)
                    for key in ("slow_mode_ms", "passage_ms", "next_mode_ms", "line_length", "line_drift_ms", "separation",
                                "alignment", "motion_per_s", "colour_per_s", "selection_ratio", "response_ratio",
                                "choice_weight_ratio")
                },
                "choice_weight_low": low,
                "choice_weight_high": high,
                "selection_vector_angle": metrics.get("selection_vector_angle", np.nan),
                "line_angle": metrics.get("line_angle", np.nan),
                "by_selection_vector_rates": metrics.get("change_by_selection_vector", {}).get("rate", np.nan),
            })  # fmt: skip
    return pd.DataFrame(rows)


def markdown(rows: pd.DataFrame) -> str:
    """The table of the page."""
    lines = [
        "| seed | context | correct | what there is | slow mode, or bottleneck | next mode | line: length, drift | motion, colour (1/s) | slow mode | all modes | choices |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for _, row in rows.iterrows():
        slow = (
            f"{abs(row.slow_mode_ms):.0f} ms, {'grows' if row.slow_mode_ms < 0 else 'decays'}"
            if np.isfinite(row.slow_mode_ms)
            else f"passed in {row.passage_ms / 1e3:.1f} s"
        )
        counts = (
            (row.n_stable, "stable"),
            (row.n_saddle, "saddle"),
            (row.n_repelling, "repelling"),
            (row.n_slow, "slow"),
        )
        there = ", ".join(f"{n} {kind}" for n, kind in counts if n)
        line = (
            "none" if np.isnan(row.line_length) else f"{row.line_length:.1f}, {row.line_drift_ms / 1e3:.1f} s"
        )
        lines.append(
            f"| {row.seed} | {row.context} | {row.accuracy:.3f} | {there} | {slow} | {row.next_mode_ms:.0f} ms | {line} | "
            f"{row.motion_per_s:+.0f}, {row.colour_per_s:+.0f} | {row.selection_ratio:.1f} | {row.response_ratio:.1f} | {row.choice_weight_ratio:.0f} |"
        )
    return "\n".join(lines)


def findings(rows: pd.DataFrame) -> dict[str, str]:
    """The numbers the study is about."""
    ratio, n = rows.selection_ratio, len(rows)
    slow = np.where(rows.slow_mode_ms.notna(), rows.slow_mode_ms.abs(), rows.passage_ms / np.pi)
    one = rows.drop_duplicates("seed")
    verdicts = rows.verdict.value_counts()
    return {
        "verdicts": ", ".join(f"{verdict}: {count} of {n}" for verdict, count in verdicts.items()),
        "relevant : irrelevant evidence taken up": f"{ratio.min():.1f} to {ratio.max():.1f}, median {ratio.median():.1f}",
        "relevant : irrelevant response of all modes": (
            f"{rows.response_ratio.min():.1f} to {rows.response_ratio.max():.1f}, median {rows.response_ratio.median():.1f}"
        ),
        "relevant : irrelevant weight in the choices": (
            f"{rows.choice_weight_ratio.min():.1f} to {rows.choice_weight_ratio.max():.1f}, median "
            f"{rows.choice_weight_ratio.median():.1f}"
        ),
        "within the 95 % interval of the choices: slow mode, all modes": (
            f"{_inside(rows, rows.selection_ratio)} and {_inside(rows, rows.response_ratio)} of {n}"
        ),
        "rank correlation with the choices: slow mode, all modes": (
            f"{rows.selection_ratio.corr(rows.choice_weight_ratio, method='spearman'):.2f}, "
            f"{rows.response_ratio.corr(rows.choice_weight_ratio, method='spearman'):.2f}"
        ),
        "slow mode (or passage / pi)": f"{slow.min():.0f} to {slow.max():.0f} ms",
        "next mode": f"{rows.next_mode_ms.min():.0f} to {rows.next_mode_ms.max():.0f} ms",
        "time to drift along the line": f"{rows.line_drift_ms.min():.0f} to {rows.line_drift_ms.max():.0f} ms",
        "selection vector turns by": f"{one.selection_vector_angle.min():.0f} to {one.selection_vector_angle.max():.0f} degrees",
        "line turns by": f"{one.line_angle.min():.0f} to {one.line_angle.max():.0f} degrees",
        "share of the selection vector, rates as coordinates": (
            f"{one.by_selection_vector_rates.min():.0%} to {one.by_selection_vector_rates.max():.0%}"
        ),
        "cosine of line and read-out": f"{rows.alignment.min():.2f} to {rows.alignment.max():.2f}",
    }


def _inside(rows: pd.DataFrame, ratio: pd.Series) -> int:
    return int(((rows.choice_weight_low <= ratio) & (ratio <= rows.choice_weight_high)).sum())


def draw(runs: Sequence[Run], results: Sequence[dict[str, Any]]) -> Figure:
    """The four panels."""
    rows = table(runs, results)
    figure = Figure(figsize=(7.4, 6.0), layout="constrained")
    a, b, c, d = figure.subplots(2, 2).flat
    uptake(a, rows)
    time_scales(b, rows)
    shares(c, runs, results)
    behaviour(d, rows)
    for letter, ax in zip("abcd", (a, b, c, d), strict=True):
        ax.set_title(letter, loc="left", fontsize=9, fontweight="bold")
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def uptake(ax: Axes, rows: pd.DataFrame) -> None:
    """What enters the slow mode in each context, in the plane of both kinds of evidence."""
    ax.axhline(0, color="0.85", linewidth=0.8, zorder=0)
    ax.axvline(0, color="0.85", linewidth=0.8, zorder=0)
    for context, colour in CONTEXTS.items():
        own = rows[rows.context == context]
        for x, y in zip(own.motion_per_s, own.colour_per_s, strict=True):
            ax.annotate(
                "",
                (x, y),
                (0, 0),
                arrowprops={
                    "arrowstyle": "-|>",
                    "color": colour,
                    "linewidth": 1.2,
                    "shrinkA": 0,
                    "shrinkB": 0,
                },
            )
        ax.plot(own.motion_per_s, own.colour_per_s, "o", color=colour, markersize=1)
        ax.plot([], [], color=colour, label=f"{context} context")
    ax.set_xlabel("motion taken up by the slow mode (1/s)", fontsize=8)
    ax.set_ylabel("colour taken up by the slow mode (1/s)", fontsize=8)
    ax.margins(0.08)
    ax.legend(frameon=False, fontsize=7)


def time_scales(ax: Axes, rows: pd.DataFrame) -> None:
    """The slow mode and the next one, network by network."""
    for context, colour in CONTEXTS.items():
        own = rows[rows.context == context]
        place = own.seed + (-0.12 if context == "motion" else 0.12)
        bottleneck = own.slow_mode_ms.isna()
        slow = np.where(bottleneck, own.passage_ms / np.pi, own.slow_mode_ms.abs())
        ax.vlines(place, own.next_mode_ms, slow, color=colour, linewidth=0.8)
        ax.plot(place, own.next_mode_ms, "_", color=colour, markersize=7)
        ax.plot(place[~bottleneck], slow[~bottleneck], "o", color=colour, markersize=4.5)
        ax.plot(place[bottleneck], slow[bottleneck], "s", color=colour, markersize=4.5)
    ax.plot([], [], "ok", markersize=4.5, label="slow mode, at a saddle")
    ax.plot([], [], "sk", markersize=4.5, label="bottleneck (time to pass / π)")
    ax.plot([], [], "_k", markersize=7, label="next mode")
    ax.axhline(100, color="0.6", linestyle="--", linewidth=0.8)
    ax.set_yscale("log")
    ax.set_xticks(sorted(set(rows.seed)))
    ax.set_xlabel("seed", fontsize=8)
    ax.set_ylabel("time constant (ms)", fontsize=8)
    ax.set_ylim(80, 3e4)
    ax.legend(frameon=False, fontsize=7, loc="upper left")


def shares(ax: Axes, runs: Sequence[Run], results: Sequence[dict[str, Any]]) -> None:
    """Of what the change between contexts is made, with the rates as coordinates."""
    start = np.zeros(len(runs))
    for part, (colour, text) in PARTS.items():
        values = []
        for found in results:
            change, made = (np.array(found["change"][name][-1]) for name in ("change", part))
            values.append((np.sign(change) * made).sum() / np.abs(change).sum())
        ax.bar([run.seed for run in runs], values, 0.7, bottom=start, color=colour, label=text)
        start = start + values
    ax.set_xticks([run.seed for run in runs])
    ax.set_xlabel("seed", fontsize=8)
    ax.set_ylabel("share of the change, in the rates", fontsize=8)
    ax.set_ylim(0, 1.45)
    ax.set_yticks([0, 0.5, 1])
    ax.legend(frameon=False, fontsize=7, loc="upper center")


def behaviour(ax: Axes, rows: pd.DataFrame) -> None:
    """Selection in the linear dynamics, of the slow mode and of all modes, beside selection in the choices."""
    for context, colour in CONTEXTS.items():
        own = rows[rows.context == context]
        error = [
            own.choice_weight_ratio - own.choice_weight_low,
            own.choice_weight_high - own.choice_weight_ratio,
        ]
        ax.hlines(
            own.choice_weight_ratio,
            own.selection_ratio,
            own.response_ratio,
            color=colour,
            linewidth=0.8,
            alpha=0.5,
        )
        ax.errorbar(
            own.response_ratio,
            own.choice_weight_ratio,
            np.maximum(error, 0),
            fmt="o",
            color=colour,
            markersize=4.5,
            linewidth=0.8,
        )
        ax.plot(
            own.selection_ratio, own.choice_weight_ratio, "o", color=colour, markersize=4, fillstyle="none"
        )
    ax.plot([], [], "ok", markersize=4, fillstyle="none", label="slow mode alone")
    ax.plot([], [], "ok", markersize=4.5, label="all modes, 800 ms")
    ax.axline((1, 1), (10, 10), color="0.7", linewidth=0.8, linestyle="--", zorder=0)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlim(1, 1000)
    ax.set_ylim(1, 3000)
    ax.set_xlabel("relevant : irrelevant, linear dynamics", fontsize=8)
    ax.set_ylabel("relevant : irrelevant, choices", fontsize=8)
    ax.legend(frameon=False, fontsize=7, loc="lower right")


def planned(n_seeds: int) -> list[Run]:
    """The runs of the study: trained networks, and controls after a single step."""
    return [Run(seed, **options) for options in ({}, {"n_steps": 1}) for seed in range(n_seeds)]


def main() -> None:
    """Do what is missing, draw, write."""
    options, place = arguments(__doc__, "mechanism", n_seeds=5)
    runs = planned(options.seeds)
    results = place.finished(dissect, runs)
    rows = table(runs, results)
    rows.to_csv(options.to / "mechanism.csv", index=False, float_format="%.4g")
    n = options.seeds
    save_figure(draw(runs[:n], results[:n]), options.to / "mechanism.png")
    print(markdown(rows[rows.trained]))
    print("\n".join(f"{what}: {found}" for what, found in findings(rows[rows.trained]).items()))
    control = rows[~rows.trained]
    print(
        "controls:", ", ".join(f"{each}: {count}" for each, count in control.verdict.value_counts().items())
    )
    for name in ("separation", "selection_ratio", "response_ratio", "alignment"):
        print(
            f"controls, {name}: {control[name].min():.2f} to {control[name].max():.2f}, median {control[name].median():.2f}"
        )


if __name__ == "__main__":
    main()
