"""Delayed non-match to sample from reward alone: draws reward.png, writes reward.csv.

python docs/gallery/reward.py

After Miconi (2017) https://doi.org/10.7554/eLife.20899: two stimuli, each one of two, 200 ms each with 200 ms between them; say
in the last 200 of 1000 ms whether they differed. The rate of one unit is the answer, and recurrent weights alone learn. Rules are told
one number for each trial, minus its squared error, the Hebbian rule minus its absolute error. Trials are counted one by one, and errors
are those of the trials that are learned from, with their exploration. Finished runs are kept in .cache/ and not done again.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import torch
from _runs import arguments, save_figure
from matplotlib.figure import Figure
from torch import Tensor
from typing_extensions import override

from neurornn import CTRNN, rules, tasks
from neurornn.connectivity import FixedWeights, Gaussian
from neurornn.objective import SquaredError
from neurornn.random import torch_generator
from neurornn.reward import AbsoluteError, AbstractReward, NegativeLoss
from neurornn.trials import Trials

FIRST_SEED = 40  # the settings were found with networks 100 to 109
N_TRIALS = 3000
LIMIT, WINDOW, SHARE = 0.5, 100, 0.95  # criterion: errors below 0.5 in 95 % of the last 100 trials
N_UNITS, STIMULUS = 200, 0.8  # the height of a stimulus of the task; it is 1 in the publication
CONSTANT = {1: 1.0, 2: 1.0, 3: -1.0}  # units held at a state: their weights are the biases of the others
PUBLISHED = (("dt", 1.0), ("tau", 30.0), ("gain", 1.5))
SETTINGS: dict[str, tuple[tuple[str, float], ...]] = {
    "node": (("sigma", 0.05), ("rate", 3e-4)),
    "shuffled": (("sigma", 0.05), ("rate", 3e-4)),
    "weight": (("sigma", 0.01), ("rate", 6e-4)),
    "hebbian": PUBLISHED,
}
TYPES = ("sample", "match")
COLOURS = {"node": "#0072B2", "shuffled": "0.55", "weight": "#009E73", "hebbian": "#D55E00"}
WORDS = {
    "node": "node perturbation",
    "shuffled": "rewards of other trials",
    "weight": "weight perturbation",
    "hebbian": "reward-modulated Hebbian",
}
SHORT = {"node": "node", "shuffled": "other's\nreward", "weight": "weight", "hebbian": "Hebbian"}


@dataclass(frozen=True)
class Run:
    """One network that learns.

    Attributes:
        rule: node, shuffled, weight or hebbian.
        seed: Seed of everything.
        n_trials: Number of trials, a multiple of 120.
        settings: What differs from the settings of the rule.
    """

    rule: str
    seed: int
    n_trials: int
    settings: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class Shuffled(AbstractReward):
    """The control: each trial of a batch is given the reward of another."""

    inner: AbstractReward = field(default_factory=NegativeLoss)

    @override
    def __call__(self, trials: Trials, output: Tensor) -> Tensor:
        return self.inner(trials, output).roll(1)


@dataclass(frozen=True)
class Recorded(AbstractReward):
    """Takes down the absolute error of each trial in the last 200 ms, and rewards as it would have been."""

    inner: AbstractReward
    errors: list[float] = field(default_factory=list, compare=False)

    @override
    def __call__(self, trials: Trials, output: Tensor) -> Tensor:
        late = trials.during("decision") * trials.mask
        wrong = (output - trials.targets).abs().mean(-1)
        self.errors.extend(((wrong * late).sum(1) / late.sum(1)).tolist())
        return self.inner(trials, output)


def task_of(run: Run) -> tasks.DelayedNonMatchToSample:
    """The trials of the publication; nothing in them is random but their order."""
    dt = dict(run.settings).get("dt", 20.0)
    return tasks.DelayedNonMatchToSample(
        dt=dt, n_directions=2, n_ring=2, sigma_in=0.0, fixation=dt, sample_shown=200.0, delay=200.0, test_shown=200.0,
        decision=400.0 - dt, grace=200.0 - dt, high=0.98, low=-0.98,
    )  # fmt: skip


def network_of(run: Run, task: tasks.DelayedNonMatchToSample) -> CTRNN:
    """The network of the publication before learning: one output is the rate of unit 0, the other its negative."""
    settings, held = dict(run.settings), list(CONSTANT)
    fixed, taus = np.full((N_UNITS, N_UNITS), np.nan), np.full(N_UNITS, settings.get("tau", 60.0))
    fixed[held], taus[held] = 0.0, task.dt  # they hear nothing, and a push is over in one step
    network = CTRNN(
        task.n_inputs,
        N_UNITS,
        task.n_outputs,
        tau=taus,
        dt=task.dt,
        activation="tanh",
        connectivity=FixedWeights(fixed),
        init=Gaussian(settings.get("gain", 1.7)),
        seed=run.seed,
    )
    W_in = (2 * torch.rand(network.W_in.shape, generator=torch_generator(run.seed, "inputs")) - 1) / STIMULUS
    W_in[:, 0], W_in[held] = 0.0, 0.0  # there is no fixation in the publication
    network.W_in = W_in
    W_out = torch.zeros_like(network.W_out)
    W_out[0, 0], W_out[1, 0] = -1.0, 1.0
    network.W_out = W_out
    with torch.no_grad():
        network.bias[held] = torch.tensor(list(CONSTANT.values()))
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name == "recurrent.raw")
    return network


def rule_of(run: Run) -> tuple[rules.AbstractRule, int, list[float]]:
    """The rule, how many trials it has at a time, and where it takes errors down."""
    settings, mean = dict(run.settings), rules.RunningMean(0.25, TYPES)
    if run.rule == "hebbian":
        kept = Recorded(NegativeLoss(AbsoluteError()))
        return rules.RewardHebbian(kept, baseline=mean), 1, kept.errors
    kept = Recorded(NegativeLoss(SquaredError()))
    if run.rule == "weight":
        return rules.WeightPerturbation(kept, settings["sigma"], baseline=mean), 4, kept.errors
    reward = Shuffled(kept) if run.rule == "shuffled" else kept
    return rules.NodePerturbation(reward, settings["sigma"], 0.0, mean), 4, kept.errors


def learn(run: Run) -> dict[str, Any]:
    """Errors of all trials, and choices in tests of the four types of trials, as learning goes on."""
    torch.set_num_threads(1)
    task = task_of(run)
    network, (rule, n_batch, errors) = network_of(run, task), rule_of(run)
    learning = [each for each in network.parameters() if each.requires_grad]
    optimizer = rule.optimizer(network)
    if not rule.finished:
        optimizer = torch.optim.Adam(learning, lr=dict(run.settings)["rate"])
    test = task.sample(task.n_conditions, seed=run.seed, balanced=True)
    tested, correct = [], []
    for k in range(run.n_trials // n_batch):
        optimizer.zero_grad(set_to_none=True)
        trials = task.sample(n_batch, seed=run.seed, first=k * n_batch)
        rule.backward(network, trials, generator=torch_generator(run.seed, "exploration", k))
        optimizer.step()
        if (k + 1) * n_batch % 120 == 0:
            with torch.no_grad():
                output = network.outputs(test.inputs).output
            tested.append((k + 1) * n_batch)
            correct.append(float(np.mean(task.performance(test, output))))
    shown = {0.0: "A", 180.0: "B"}
    pairs = zip(test.conditions["sample"], test.conditions["test"], strict=True)
    said = {
        f"{shown[first]}, {shown[second]}": ((line[:, 1] - line[:, 0]) / 2).tolist()
        for (first, second), line in zip(pairs, output, strict=True)
    }
    return {"trial": tested, "correct": correct, "errors": np.round(errors, 4).tolist(), "output": said}


def chosen(found: dict[str, Any]) -> int | None:
    """Trials until the choice is right in all four types in five tests in a row; None if that never happens."""
    right = np.convolve(np.array(found["correct"]) == 1, np.ones(5), "valid") == 5
    return int(found["trial"][int(np.argmax(right))]) if right.any() else None


def reached(found: dict[str, Any]) -> int | None:
    """Trials until errors are below the limit in 95 of the last 100 trials; None if that never happens."""
    share = np.convolve(np.array(found["errors"]) < LIMIT, np.ones(WINDOW), "valid") / WINDOW
    good = share >= SHARE - 1e-9
    return WINDOW + int(np.argmax(good)) if good.any() else None


def planned(n_seeds: int) -> list[Run]:
    """The runs of the study."""
    seeds = range(FIRST_SEED, FIRST_SEED + n_seeds)
    return [Run(rule, seed, N_TRIALS, settings) for rule, settings in SETTINGS.items() for seed in seeds]


def table(runs: Sequence[Run], results: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row for each network."""
    return pd.DataFrame([
        {
            "rule": run.rule,
            "seed": run.seed,
            "n_trials": len(found["errors"]),
            "trials_to_right_choices": chosen(found),
            "trials_to_small_errors": reached(found),
            "error_first": np.mean(found["errors"][:WINDOW]),
            "error_last": np.mean(found["errors"][-WINDOW:]),
            "small_last": np.mean(np.array(found["errors"][-WINDOW:]) < LIMIT),
            "correct_last": np.mean(found["correct"][-5:]),
        }
        for run, found in zip(runs, results, strict=True)
    ])


def findings(rows: pd.DataFrame) -> dict[str, str]:
    """The numbers the study is about."""
    found = {}
    for rule, own in rows.groupby("rule", sort=False):
        for column, what in (
            ("right_choices", "choices right"),
            ("small_errors", "95 % of errors below 0.5"),
        ):
            there = own[f"trials_to_{column}"].dropna()
            when = f", after {there.min():.0f} to {there.max():.0f} trials" if len(there) else ""
            found[f"{WORDS[str(rule)]}: {what}"] = f"{len(there)} of {len(own)} networks{when}"
        found[f"{WORDS[str(rule)]}: at the end"] = (
            f"error {own.error_last.median():.2f} ({own.error_last.min():.2f} to {own.error_last.max():.2f}), "
            f"in the first trials {own.error_first.median():.2f}; below 0.5 in {own.small_last.min():.2f} to {own.small_last.max():.2f}; "
            f"choices right in {own.correct_last.min():.2f} to {own.correct_last.max():.2f}"
        )
    return found


def draw(runs: Sequence[Run], results: Sequence[dict[str, Any]]) -> Figure:
    """The three panels."""
    figure = Figure(figsize=(7.4, 2.9), layout="constrained")
    a, b, c = figure.subplots(1, 3, width_ratios=(1.25, 1, 1))
    for rule, colour in COLOURS.items():
        own = [found for run, found in zip(runs, results, strict=True) if run.rule == rule]
        lines = np.array([np.reshape(found["errors"], (-1, 60)).mean(1) for found in own])
        trial = 60 * np.arange(1, lines.shape[1] + 1) - 30
        for line in lines:
            a.plot(trial, line, color=colour, linewidth=0.5, alpha=0.35)
        a.plot(trial, np.median(lines, 0), color=colour, linewidth=1.6, label=WORDS[rule])
    a.set_ylim(0, 1.5)
    a.axhline(LIMIT, color="0.7", linewidth=0.8, linestyle=":", zorder=0)
    a.set_xlabel("trial", fontsize=8)
    a.set_ylabel("absolute error", fontsize=8)

    never = 1.6 * max(run.n_trials for run in runs)
    for k, (rule, colour) in enumerate(COLOURS.items()):
        own = [found for run, found in zip(runs, results, strict=True) if run.rule == rule]
        for side, criterion, filling in ((-0.2, chosen, "none"), (0.2, reached, colour)):
            for x, found in zip(side + np.linspace(-0.12, 0.12, len(own)), own, strict=True):
                trials = criterion(found)
                marker = "o" if trials else "x"
                b.plot(
                    k + x, trials or never, marker=marker, color=colour, markerfacecolor=filling, markersize=4
                )
    b.set_yscale("log")
    b.axhline(3000, color="0.7", linewidth=0.8, linestyle=":", zorder=0)
    b.set_yticks([300, 1000, 3000, never], ["300", "1,000", "3,000", "never"])
    b.minorticks_off()
    b.set_xticks(range(len(COLOURS)), [SHORT[rule] for rule in COLOURS], fontsize=7)
    b.set_xlim(-0.6, len(COLOURS) - 0.4)
    b.set_ylabel("trials to criterion", fontsize=8)

    shown = [found for run, found in zip(runs, results, strict=True) if run.rule == "hebbian"]
    middle = sorted(shown, key=lambda found: np.mean(found["errors"][-WINDOW:]))[len(shown) // 2]
    for name, values in middle["output"].items():
        time = 1000.0 * np.arange(1, len(values) + 1) / len(values)
        match = name[0] == name[-1]
        c.plot(
            time,
            values,
            color="#CC79A7" if match else "#0072B2",
            linewidth=1.3,
            linestyle="-" if name[0] == "A" else "--",
            label=name,
        )
    for first in (0.0, 400.0):
        c.axvspan(first, first + 200, color="0.92", linewidth=0)
    c.axvspan(800, 1000, color="#FFF2CC", linewidth=0)
    c.set_xlabel("time (ms)", fontsize=8)
    c.set_ylabel("(respond - withhold) / 2", fontsize=8)
    c.set_ylim(-1.7, 1.1)
    c.legend(frameon=False, fontsize=7, ncols=2, loc="lower left")
    for letter, ax in zip("abc", (a, b, c), strict=True):
        ax.set_title(letter, loc="left", fontsize=9, fontweight="bold")
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)
    handles, labels = a.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False, fontsize=8)
    return figure


def main() -> None:
    """Do what is missing, draw, write."""
    options, place = arguments(__doc__, "reward", n_seeds=10)
    runs = planned(options.seeds)
    results = place.finished(learn, runs)
    rows = table(runs, results)
    rows.to_csv(options.to / "reward.csv", index=False, float_format="%.4g")
    save_figure(draw(runs, results), options.to / "reward.png")
    print("\n".join(f"{what}: {found}" for what, found in findings(rows).items()))


if __name__ == "__main__":
    main()
