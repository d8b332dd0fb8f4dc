"""What a training step of neurornn costs as units, trials and time steps grow, each alone.

    python benchmarks/scaling.py
    python benchmarks/scaling.py --around 64,256,100 --factors 0.5 1 2 --repetitions 5

The slope on double-logarithmic axes is the power of the cost: 1 in trials and steps once fixed costs no longer count,
2 in units once the products dominate. It is fitted to all points and to the three largest. Prints a table, and saves
scaling.json, scaling.png and scaling.pdf.
"""

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import measuring
import numpy as np
from alternatives import Case, Floor, Library
from step import case_of

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

AROUND, FACTORS, REPETITIONS = "64,128,100", [0.25, 0.5, 1.0, 2.0, 4.0], 10
AXES = {"units": "Recurrent units", "batch": "Trials in a batch", "steps": "Time steps"}
WORDS = {"units": "units", "batch": "trials", "steps": "steps"}
BLUE, GREY = "#0072B2", "#7F7F7F"


def measure(around: Case, factors: Sequence[float], repetitions: int) -> dict[str, list[dict[str, Any]]]:
    """Time neurornn and the bare matrix products at all sizes, interleaved.

    Args:
        around: The size that is varied.
        factors: What one of its numbers is multiplied with.
        repetitions: Rounds that count.

    Returns:
        For each axis a list of sizes with their times in ms.
    """
    grid = {
        axis: [
            replace(around, **{axis: value})
            for value in sorted({max(1, round(factor * getattr(around, axis))) for factor in factors})
        ]
        for axis in AXES
    }
    runs = {}
    for case in {case for cases in grid.values() for case in cases}:
        runs[case, "neurornn"] = Library(case, case.parameters()).run
        runs[case, "products"] = Floor(case).run
    times = measuring.interleaved(runs, repetitions)
    return {
        axis: [
            {
                "size": getattr(case, axis),
                **{kind: measuring.summary(times[case, kind]) for kind in ("neurornn", "products")},
            }
            for case in cases
        ]
        for axis, cases in grid.items()
    }


def slope(points: Sequence[Mapping[str, Any]], kind: str) -> dict[str, float]:
    """Least squares through the logarithms of the medians.

    Args:
        points: Sizes and times of one axis.
        kind: ``"neurornn"`` or ``"products"``.

    Returns:
        The slope, its standard error (NaN with fewer than three points), and the fitted ms at size 1.
    """
    x = np.log([point["size"] for point in points])
    y = np.log([point[kind]["median"] for point in points])
    power, offset = np.polyfit(x, y, 1)
    free, residual = len(x) - 2, y - (power * x + offset)
    error = math.sqrt((residual @ residual) / free / np.sum((x - x.mean()) ** 2)) if free > 0 else math.nan
    return {"slope": float(power), "standard_error": float(error), "ms_at_1": float(np.exp(offset))}


def plot(points: Mapping[str, Sequence[Mapping[str, Any]]], around: Case) -> Figure:
    """One panel for each axis: medians with quartiles, the fit through all of them, and the bare products.

    Args:
        points: What :func:`measure` returned.
        around: The size that was varied.

    Returns:
        The figure.
    """
    style = {"font.size": 8, "axes.spines.top": False, "axes.spines.right": False, "pdf.fonttype": 42}
    with plt.rc_context(style):
        figure, panels = plt.subplots(1, len(AXES), figsize=(7.2, 2.7), sharey=True, layout="constrained")
        for panel, (axis, label) in zip(panels, AXES.items(), strict=True):
            sizes = np.array([point["size"] for point in points[axis]], dtype=float)
            for kind, colour, marker in (("products", GREY, "s"), ("neurornn", BLUE, "o")):
                middle, low, high = (
                    np.array([point[kind][key] for point in points[axis]])
                    for key in ("median", "lower_quartile", "upper_quartile")
                )
                fit = slope(points[axis], kind)
                panel.plot(
                    sizes, fit["ms_at_1"] * sizes ** fit["slope"], color=colour, linewidth=1, alpha=0.6
                )
                panel.errorbar(
                    sizes,
                    middle,
                    yerr=[middle - low, high - middle],
                    fmt=marker,
                    color=colour,
                    markersize=4,
                    linewidth=1,
                    label=f"{'training step' if kind == 'neurornn' else 'its matrix products'}: slope {fit['slope']:.2f}",
                )
            panel.set_xscale("log")
            panel.set_yscale("log")
            panel.set_xticks(sizes, [f"{size:g}" for size in sizes])
            panel.minorticks_off()
            panel.set_xlabel(label)
            fixed = (f"{getattr(around, other)} {word}" for other, word in WORDS.items() if other != axis)
            panel.set_title(", ".join(fixed), fontsize=8, color="0.35")
        top = panels[0].get_ylim()[1]
        panels[0].set_ylim(top=6 * top)  # room for the legends
        panels[0].set_ylabel("Time (ms)")
        for panel in panels:
            panel.yaxis.set_major_formatter("{x:g}")
            panel.legend(frameon=False, loc="upper left", fontsize=7, reverse=True, handletextpad=0.4)
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Time, print and save."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--around", type=case_of, default=case_of(AROUND), metavar="B,N,T[,float64]")
    parser.add_argument("--factors", type=float, nargs="+", default=FACTORS, help="sizes of each axis")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help="rounds that count")
    parser.add_argument("--results", type=Path, default=measuring.RESULTS, help="folder of the results")
    options = parser.parse_args(arguments)
    if options.repetitions < 1 or len(set(options.factors)) < 2 or min(options.factors) <= 0:
        parser.error("at least 1 repetition and 2 different positive factors are needed.")

    points = measure(options.around, options.factors, options.repetitions)
    slopes = {
        axis: {
            kind: {"all": slope(found, kind), "largest_three": slope(found[-3:], kind)}
            for kind in ("neurornn", "products")
        }
        for axis, found in points.items()
    }
    sys.stdout.write(f"Median ms of one training step around batch,units,steps = {options.around}\n\n")
    for axis, found in points.items():
        sys.stdout.write(f"{axis:<10}" + "".join(f"{point['size']:>10}" for point in found) + "\n")
        for kind in ("neurornn", "products"):
            fits = slopes[axis][kind]
            sys.stdout.write(
                f"{kind:<10}"
                + "".join(f"{point[kind]['median']:>10.2f}" for point in found)
                + f"   slope {fits['all']['slope']:.2f}, of the largest three {fits['largest_three']['slope']:.2f}\n"
            )
    content = {"repetitions": options.repetitions, "around": str(options.around), "points": points}
    path = measuring.write("scaling", {**content, "slopes": _finite(slopes)}, options.results)
    figure = plot(points, options.around)
    for ending in ("png", "pdf"):
        figure.savefig(path.with_suffix(f".{ending}"), dpi=300)
    plt.close(figure)
    sys.stdout.write(f"\nSaved {path}, .png and .pdf\n")


def _finite(tree: Any) -> Any:
    """NaN as None, which JSON has."""
    if isinstance(tree, Mapping):
        return {key: _finite(value) for key, value in tree.items()}
    return None if isinstance(tree, float) and not math.isfinite(tree) else tree


if __name__ == "__main__":
    main()
