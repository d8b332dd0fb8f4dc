"""Trials per second, beside neurogym's data set, for tasks that both have with the same epochs and time step.

    python benchmarks/tasks.py
    python benchmarks/tasks.py --repetitions 5 --batch-size 256

Neurogym makes a batch with ``Dataset(env, batch_size, seq_len)``, one call for one batch: its supported way to
supervised trials. A call draws as many time steps as ``batch_size`` mean trials have. Both sides end with arrays of
inputs and targets; neurornn's also hold the loss mask, the conditions and the epochs.
"""

import argparse
import itertools
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import measuring
import numpy as np

from neurornn import tasks

REPETITIONS = 15
DT = 20.0


@dataclass(frozen=True)
class Pair:
    """The same task on both sides.

    Attributes:
        env: Environment of neurogym.
        timing: Its epochs in ms.
        settings: Its other arguments.
        task: Name of the task here.
        fields: Its parameters.
    """

    env: str
    timing: dict[str, float]
    settings: dict[str, Any]
    task: str
    fields: dict[str, Any]

    @property
    def n_steps(self) -> int:
        """Steps of a trial."""
        return round(sum(self.timing.values()) / DT)


PAIRS = [
    Pair(
        "PerceptualDecisionMaking-v0",
        {"fixation": 100.0, "stimulus": 2000.0, "delay": 0.0, "decision": 100.0},
        {},
        "perceptual-decision",
        {"fixation": 100.0, "stimulus": 2000.0, "decision": 100.0, "grace": 0.0},
    ),
    Pair(
        "ContextDecisionMaking-v0",
        {"fixation": 300.0, "stimulus": 760.0, "delay": 600.0, "decision": 100.0},
        {},
        "context-decision",
        {"fixation": 300.0, "stimulus": 760.0, "delay": 600.0, "decision": 100.0, "grace": 0.0},
    ),
    Pair(
        "DelayComparison-v0",
        {"fixation": 500.0, "stimulus1": 500.0, "delay": 1000.0, "stimulus2": 500.0, "decision": 100.0},
        {},
        "delayed-comparison",
        {
            "fixation": 500.0,
            "first": 500.0,
            "delay": 1000.0,
            "second": 500.0,
            "decision": 100.0,
            "grace": 0.0,
        },
    ),
    Pair(
        "GoNogo-v0",
        {"fixation": 0.0, "stimulus": 500.0, "delay": 500.0, "decision": 500.0},
        {},
        "go-nogo",
        {},
    ),
    Pair(
        "DelayMatchSample-v0",
        {"fixation": 300.0, "sample": 500.0, "delay": 1000.0, "test": 500.0, "decision": 900.0},
        {"dim_ring": 32},
        "delayed-match-to-sample",
        {
            "fixation": 300.0,
            "sample_shown": 500.0,
            "delay": 1000.0,
            "test_shown": 500.0,
            "decision": 900.0,
            "sigma_in": 0.1,
        },
    ),
]


def ours(pair: Pair, batch_size: int) -> Callable[[], object]:
    """A call that makes the next batch here."""
    task, batch = tasks.make(pair.task, dt=DT, **pair.fields), itertools.count()
    steps = task.sample(2, seed=0).n_steps
    if steps != pair.n_steps:
        sys.exit(f"{pair.task} has {steps} steps and {pair.env} {pair.n_steps}: they cannot be compared.")
    return lambda: task.sample(batch_size, seed=0, first=batch_size * next(batch))


def theirs(pair: Pair, batch_size: int) -> Callable[[], object]:
    """A call that makes the next batch there."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import neurogym

        data = neurogym.Dataset(
            pair.env,
            env_kwargs={"dt": DT, "timing": pair.timing, **pair.settings},
            batch_size=batch_size,
            seq_len=pair.n_steps,
            cache_len=pair.n_steps,
        )
        inputs, _ = data()
    if np.shape(inputs)[:2] != (pair.n_steps, batch_size):
        sys.exit(f"{pair.env} gave a batch of shape {np.shape(inputs)}.")
    return data


def main(arguments: Sequence[str] | None = None) -> None:
    """Time, print and save."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help="rounds that count")
    parser.add_argument("--batch-size", type=int, default=512, help="trials in a batch")
    parser.add_argument("--results", type=Path, default=measuring.RESULTS, help="folder of tasks.json")
    options = parser.parse_args(arguments)
    rows, lines = [], []
    for pair in PAIRS:
        runs = {
            "neurornn": ours(pair, options.batch_size),
            "neurogym": theirs(pair, options.batch_size),
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            times = measuring.interleaved(runs, options.repetitions)
        found = {name: measuring.summary(each) for name, each in times.items()}
        rate = {name: 1e3 * options.batch_size / each["median"] for name, each in found.items()}
        ratio = rate["neurornn"] / rate["neurogym"]
        rows.append({
            "task": pair.task,
            "environment": pair.env,
            "steps": pair.n_steps,
            "ms": found,
            "trials_per_second": rate,
            "ratio": ratio,
        })
        lines.append(
            f"{pair.task:<26}{pair.n_steps:>6}{rate['neurornn']:>12.0f}{rate['neurogym']:>12.0f}{ratio:>9.0f}"
        )
    head = f"{'trials per second':<26}{'steps':>6}{'neurornn':>12}{'neurogym':>12}{'ratio':>9}"
    here = measuring.machine()
    sys.stdout.write(
        f"Batches of {options.batch_size} at dt {DT:g} ms, {options.repetitions} interleaved repetitions; "
        f"{here['cpu']}, {here['cores']} cores\n\n" + "\n".join([head, "-" * len(head), *lines]) + "\n\n"
    )
    path = measuring.write("tasks", {"batch_size": options.batch_size, "tasks": rows}, options.results)
    sys.stdout.write(f"Saved {path}\n")


if __name__ == "__main__":
    main()
