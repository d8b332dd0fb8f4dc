"""Where the time of a training step goes: trials, time loop, the rest of the learning rule, optimiser.

    python benchmarks/parts.py
    python benchmarks/parts.py --at 64,100,100 --repetitions 50 --threads 1

A step is what `neurornn.train` does: sample a batch of the context-decision task, `rule.backward` with Dale's law,
recurrent noise and a penalty on the rates, gradient norm, Adam. The time loop is the compiled code, forward and backward, alone. Steps
of back-propagation and of the local rules take turns. Prints medians in ms and shares, and saves parts.json.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from itertools import pairwise

import measuring
import torch
from step import case_of

import neurornn
from neurornn import tasks
from neurornn.kernels._cpu import _engine
from neurornn.rules import BPTT, RFLO, AbstractRule, EProp

RULES: dict[str, Callable[[], AbstractRule]] = {"BPTT": BPTT, "RFLO": RFLO, "EProp": EProp}
PARTS = ("trials", "loop", "rule", "norm", "optimiser")
HEADS = ("trials", "time loop", "rest of the rule", "gradient norm", "optimiser")


class Clock:
    """Time spent in the compiled loop, taken where its work is shared out between threads."""

    def __init__(self) -> None:
        self.spent, self._share = 0.0, _engine.share

    def __enter__(self) -> "Clock":
        def share(*arguments) -> None:
            began = time.perf_counter()
            self._share(*arguments)
            self.spent += time.perf_counter() - began

        _engine.share = share
        return self

    def __exit__(self, *problem: object) -> None:
        _engine.share = self._share


class Training:
    """Steps of a training with one rule, each in timed parts."""

    def __init__(self, rule: AbstractRule, batch: int, units: int, steps: int, clock: Clock) -> None:
        self.task = tasks.make("context-decision")
        while (
            self.task.sample(1, seed=0).n_steps < steps
        ):  # longer stimuli, until the trials are as long as asked for
            longer = self.task.stimulus + self.task.dt * (steps - self.task.sample(1, seed=0).n_steps)
            self.task = tasks.make("context-decision", stimulus=longer)
        self.network = neurornn.CTRNN(
            self.task.n_inputs, units, self.task.n_outputs, sigma_rec=0.1, dale=neurornn.Dale(), seed=0
        )
        self.rule, self.batch, self.clock, self.n = rule, batch, clock, 0
        self.objective = neurornn.Objective(rate_l2=0.02)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-4, fused=True)
        self.n_steps = self.task.sample(1, seed=0).n_steps
        self.times: dict[str, list[float]] = {name: [] for name in (*PARTS, "all")}

    def run(self) -> None:
        """One step."""
        generator = torch.Generator().manual_seed(self.n)
        marks = [time.perf_counter()]
        trials = self.task.sample(self.batch, seed=1, first=self.n * self.batch)
        marks.append(time.perf_counter())
        self.clock.spent = 0.0
        self.network.zero_grad()
        self.rule.backward(self.network, trials, objective=self.objective, generator=generator)
        marks.append(time.perf_counter())
        norms = [
            torch.linalg.vector_norm(each.grad, dtype=torch.float64) for each in self.network.parameters()
        ]
        float(torch.linalg.vector_norm(torch.stack(norms)))
        marks.append(time.perf_counter())
        self.optimizer.step()
        marks.append(time.perf_counter())
        trials_, rule, norm, optimiser = (after - before for before, after in pairwise(marks))
        spent = (trials_, self.clock.spent, rule - self.clock.spent, norm, optimiser, marks[-1] - marks[0])
        for name, value in zip(self.times, spent, strict=True):
            self.times[name].append(1e3 * value)
        self.n += 1


def main() -> None:
    """Time, print, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--at", type=case_of, default="64,256,200", help="batch,units,steps")
    parser.add_argument("--repetitions", type=int, default=25)
    parser.add_argument("--threads", type=int, default=None, help="threads; torch's own number if left out")
    options = parser.parse_args()
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    case = options.at
    with Clock() as clock:
        trainings = {
            name: Training(rule(), case.batch, case.units, case.steps, clock) for name, rule in RULES.items()
        }
        measuring.interleaved({name: each.run for name, each in trainings.items()}, options.repetitions)
    found = {
        name: {part: statistics.median(values) for part, values in each.times.items()}
        for name, each in trainings.items()
    }
    n_steps = trainings["BPTT"].n_steps
    lines = [
        f"A step of {case.batch} trials of {n_steps} steps, {case.units} units, {torch.get_num_threads()} threads; medians in ms.",
        "",
        "| rule | step | " + " | ".join(HEADS) + " | outside the loop | step / BPTT | loop / BPTT |",
        "|---" * (5 + len(HEADS)) + "|",
    ]
    for name, times in found.items():
        cells = [f"{times[part]:.2f}" for part in ("all", *PARTS)]
        ratios = [f"{times[key] / found['BPTT'][key]:.3f}" for key in ("all", "loop")]
        lines.append(
            "| " + " | ".join([name, *cells, f"{1 - times['loop'] / times['all']:.1%}", *ratios]) + " |"
        )
    sys.stdout.write("\n".join(lines) + "\n")
    path = measuring.write("parts", {"at": str(case), "n_steps": n_steps, "medians_ms": found})
    sys.stderr.write(f"Saved {path}.\n")


if __name__ == "__main__":
    main()
