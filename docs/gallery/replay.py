"""Learning from replay, with a memory that recalls trials in reverse: draws replay.png, writes replay.csv.

python docs/gallery/replay.py

After Cheng & Brown (2025) https://direct.mit.edu/neco/article/37/3/403/127434. The memory alone: what it recalls, and how much it
holds. Then networks of 64 tanh units that learn three tasks with Adam: a^n b^n, a T-maze and handwritten digits row by row, the last two
also with delays that are long against the time constant, and there beside the best linear read-out of a random network. Replay runs
in networks of two populations whose steps are undone from the last state, with exact or aligned credit, and with inputs that are recalled by the memory; RFLO with random feedback and a reservoir,
of which the read-out alone learns, in ordinary leaky networks of the same size. Where the delay is long replay also runs in those, from
states that are kept: what is compared is then the rule and nothing else. Finished runs are kept in .cache/ and not done again.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from _runs import arguments, save_figure
from replay_figures import draw
from replay_runs import execute
from replay_settings import SETTINGS, Holding, Learning, Pointing, Reading, planned


def solved(found: dict[str, Any]) -> float:
    """Number of the update from which on every validation is perfect, three at least; infinite if there is none."""
    mistakes = np.flatnonzero(np.array(found["performance"]) < 1)
    first = mistakes[-1] + 1 if len(mistakes) else 0
    return float(found["update"][first]) if first + 2 < len(found["update"]) else math.inf


def late(found: dict[str, Any]) -> float:
    """Mean performance in the validations of the last fifth of the updates."""
    update, performance = np.array(found["update"]), np.array(found["performance"])
    return float(performance[update >= 0.8 * update[-1]].mean())


def table(runs: Sequence[Any], results: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row for each measurement: of memories, of gradients, of networks."""
    rows: list[dict[str, Any]] = []
    for run, found in zip(runs, results, strict=True):
        if isinstance(run, Holding):
            rows += [
                {"what": f"capacity, {run.pace}", "n_units": run.n_units, "length": n, "value": value}
                for n, value in zip(found["n_patterns"], found["in_order"], strict=True)
            ]
        elif isinstance(run, Pointing):
            name = "cosine, broken order" if run.broken else "cosine"
            rows.append({
                "what": name, "n_units": run.n_units, "length": run.n_steps, "seed": run.seed, "value": found["cosine"],
                "mistaken": found["mistaken"],
            })  # fmt: skip
        elif isinstance(run, Reading):
            rows.append({
                "what": run.study,
                "rule": "best read-out",
                "seed": run.seed,
                "value": found["final"],
            })
        elif isinstance(run, Learning):
            rows.append({
                "what": run.study, "rule": run.rule, "seed": run.seed, "value": found["final"], "solved_at": solved(found),
                "late": late(found), "best": max(found["performance"]),
            })  # fmt: skip
    return pd.DataFrame(rows)


def findings(rows: pd.DataFrame) -> dict[str, str]:
    """The numbers the study is about."""
    told = {}
    for (what, n_units), own in rows[rows.what.str.startswith("capacity")].groupby(["what", "n_units"]):
        values = ", ".join(f"{n:.0f}: {v:.2f}" for n, v in zip(own.length, own.value, strict=True))
        told[f"{what}, {n_units:.0f} units, sequences in order"] = values
    for (what, n_units), own in rows[rows.what.str.startswith("cosine")].groupby(["what", "n_units"]):
        lines = own.groupby("length")[["value", "mistaken"]].mean()
        told[f"{what}, {n_units:.0f} units (mistakes)"] = ", ".join(
            f"{n:.0f}: {line.value:.3f} ({line.mistaken:.2f})" for n, line in lines.iterrows()
        )
    for study, own in rows[rows.rule == "best read-out"].groupby("what"):
        told[f"{study}, best read-out"] = f"at the end {own.value.round(3).tolist()}"
    for study, setting in SETTINGS.items():
        for rule in setting.rules:
            own = rows[(rows.what == study) & (rows.rule == rule)]
            told[f"{study}, {rule}"] = (
                f"solved at {own.solved_at.tolist()}, last fifth {own.late.round(2).tolist()}, "
                f"at the end {own.value.round(3).tolist()}"
            )
    return told


def main() -> None:
    """Do what is missing, draw, write."""
    options, place = arguments(__doc__, "replay", n_seeds=5)
    runs = planned(options.seeds)
    results = place.finished(execute, runs)
    rows = table(runs, results)
    rows.to_csv(options.to / "replay.csv", index=False, float_format="%.4g")
    save_figure(draw(rows, runs, results), options.to / "replay.png")
    print("\n".join(f"{what}: {found}" for what, found in findings(rows).items()))


if __name__ == "__main__":
    main()
