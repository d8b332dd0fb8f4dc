"""Trials per second, beside neurogym's data set, for tasks that both have with the same epochs and time step.

    python benchmarks/tasks.py
    python benchmarks/tasks.py --repetitions 5 --batch-size 64 512 2048

Neurogym makes a batch with ``Dataset(env, batch_size, seq_len)``, one call for one batch: its supported way to
supervised trials. Its cache is set such that a call makes each trial that it returns, and no other. Both sides end with
arrays of inputs and targets; neurornn's also hold the loss mask, the conditions and the epochs. Inputs have noise here
where they have it there; there it is on the stimulus channels while the stimulus is shown, here on every channel in every
step. A pair has the same epochs, and the number of channels is printed where it differs.
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
        {"use_expl_context": True},
        "context-decision",
        {"fixation": 300.0, "stimulus": 760.0, "delay": 600.0, "decision": 100.0, "grace": 0.0},
    ),
    Pair(
        "MultiSensoryIntegration-v0",
        {"fixation": 300.0, "stimulus": 760.0, "decision": 100.0},
        {},
        "multisensory-decision",
        {"fixation": 300.0, "stimulus": 760.0, "decision": 100.0, "grace": 0.0},
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
        {"sigma_in": 0.0},
    ),
    Pair(
        "DelayPairedAssociation-v0",
        {
            "fixation": 100.0,
            "stim1": 1000.0,
            "delay_btw_stim": 1000.0,
            "stim2": 1000.0,
            "delay_aft_stim": 1000.0,
            "decision": 500.0,
        },
        {},
        "paired-association",
        {"delay": 1000.0, "sigma_in": 0.0},
    ),
    Pair(
        "AntiReach-v0",
        {"fixation": 500.0, "stimulus": 500.0, "delay": 500.0, "decision": 500.0},
        {},
        "delayed-go",
        {"fixation": 500.0, "stimulus": 500.0, "delay": 500.0, "sigma_in": 0.0},
    ),
    Pair(
        "DelayMatchSample-v0",
        {"fixation": 300.0, "sample": 500.0, "delay": 1000.0, "test": 500.0, "decision": 900.0},
        {"dim_ring": 32},
        "delayed-match-to-sample",
        {
            "fixation": 300.0,
            "n_ring": 32,
            "sample_shown": 500.0,
            "delay": 1000.0,
            "test_shown": 500.0,
            "decision": 900.0,
        },
    ),
]


def ours(pair: Pair, batch_size: int) -> tuple[Callable[[], object], int]:
    """A call that makes the next batch here, and the number of input channels."""
    task, batch = tasks.make(pair.task, dt=DT, **pair.fields), itertools.count()
    steps = task.sample(2, seed=0).n_steps
    if steps != pair.n_steps:
        sys.exit(f"{pair.task} has {steps} steps and {pair.env} {pair.n_steps}: they cannot be compared.")
    return lambda: task.sample(batch_size, seed=0, first=batch_size * next(batch)), task.n_inputs


def theirs(pair: Pair, batch_size: int) -> tuple[Callable[[], object], int]:
    """A call that makes the next batch there, and the number of input channels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import neurogym

        data = neurogym.Dataset(
            pair.env,
            env_kwargs={"dt": DT, "timing": pair.timing, **pair.settings},
            batch_size=batch_size,
            seq_len=pair.n_steps,
            cache_len=1,
        )
        before = sum(env.unwrapped.num_tr for env in data.envs)
        inputs, _ = data()
        made = sum(env.unwrapped.num_tr for env in data.envs) - before
    if np.shape(inputs)[:2] != (pair.n_steps, batch_size) or made != batch_size:
        sys.exit(f"{pair.env} made {made} trials for a batch of shape {np.shape(inputs)}.")
    return data, np.shape(inputs)[2]


def compared(pair: Pair, batch_size: int, repetitions: int) -> dict[str, Any]:
    """Trials per second on both sides."""
    (here, n_here), (there, n_there) = ours(pair, batch_size), theirs(pair, batch_size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        times = measuring.interleaved({"neurornn": here, "neurogym": there}, repetitions)
    found = {name: measuring.summary(each) for name, each in times.items()}
    rate = {name: 1e3 * batch_size / each["median"] for name, each in found.items()}
    return {
        "task": pair.task,
        "environment": pair.env,
        "steps": pair.n_steps,
        "channels": {"neurornn": n_here, "neurogym": n_there},
        "noise": pair.fields.get("sigma_in") != 0.0,
        "batch_size": batch_size,
        "ms": found,
        "trials_per_second": rate,
        "ratio": rate["neurornn"] / rate["neurogym"],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Time, print and save."""
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help="rounds that count")
    parser.add_argument("--batch-size", type=int, nargs="+", default=[512], help="trials in a batch")
    parser.add_argument("--results", type=Path, default=measuring.RESULTS, help="folder of tasks.json")
    options = parser.parse_args(arguments)
    machine, rows = measuring.machine(), []
    sys.stdout.write(
        f"dt {DT:g} ms, {options.repetitions} interleaved repetitions, trials per second; {machine['cpu']}, "
        f"{machine['cores']} cores, {machine['threads']['torch']} threads\n\n"
    )
    head = f"{'':<26}{'batch':>6}{'steps':>7}{'channels':>10}{'noise':>7}{'neurornn':>12}{'neurogym':>12}{'ratio':>8}"
    sys.stdout.write("\n".join([head, "-" * len(head), ""]))
    for batch_size, pair in itertools.product(options.batch_size, PAIRS):
        row = compared(pair, batch_size, options.repetitions)
        n, rate = row["channels"], row["trials_per_second"]
        channels = (
            f"{n['neurornn']}" if n["neurornn"] == n["neurogym"] else f"{n['neurornn']} to {n['neurogym']}"
        )
        sys.stdout.write(
            f"{pair.task:<26}{batch_size:>6}{pair.n_steps:>7}{channels:>10}{'yes' if row['noise'] else 'no':>7}"
            f"{rate['neurornn']:>12.0f}{rate['neurogym']:>12.0f}{row['ratio']:>8.1f}\n"
        )
        sys.stdout.flush()
        rows.append(row)
    path = measuring.write("tasks", {"tasks": rows}, options.results)
    sys.stdout.write(f"\nSaved {path}\n")


if __name__ == "__main__":
    main()
