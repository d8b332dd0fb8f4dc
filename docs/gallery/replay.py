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
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from _runs import arguments, save_figure
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from typing_extensions import override

from neurornn import CTRNN, TrialInfo, Trials, rules, tasks, training
from neurornn.connectivity import Gaussian
from neurornn.networks import ReversibleRNN
from neurornn.rules.replay import Imprint, Recalled, SequenceMemory, capacity

SIZES = (125, 250, 500)  # of memories
LENGTHS = (5, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100, 120)  # of stored sequences
STEPS = (5, 10, 20, 30, 40)  # of trials whose gradient is taken
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


@dataclass(frozen=True)
class Setting:
    """How a task is learned.

    Attributes:
        task: Name of the task and what is not by default.
        tau: Time constant in steps.
        rate: Learning rate of Adam.
        n_updates: Number of updates.
        batch_size: Trials for each.
        scale: Of the initial input and read-out weights, in units of the default.
        gain: Of the random matrices of aligned credit.
        rules: What learns.
        n_seeds: Number of networks for each at most.
        falling: Whether the learning rate falls to 0, by the same amount in each update.
    """

    task: tuple[str, tuple[tuple[str, Any], ...]]
    tau: float
    rate: float
    n_updates: int
    batch_size: int
    scale: float = 1.0
    gain: float = 1.0
    rules: tuple[str, ...] = field(default=("exact", "aligned", "recalled", "RFLO", "reservoir"), repr=False)
    n_seeds: int = field(default=5, repr=False)
    falling: bool = False


@dataclass(frozen=True)
class Same(Setting):
    """Leaky networks for every rule, and for each rule a rate of its own.

    "exact" and "aligned" replay states that were kept. "undone" is exact replay in two populations.

    Attributes:
        network_gain: Of the recurrent weights before learning.
        checkpoint_every: Steps between kept states where steps are undone.
        rates: Rates of the rules that take another.
        first_seed: Seed of the first network.
    """

    network_gain: float = 0.8
    checkpoint_every: int | None = None
    rates: tuple[tuple[str, float], ...] = field(default=(), repr=False)
    first_seed: int = field(default=10, repr=False)

    def of(self, rule: str) -> "Same":
        """How one rule learns."""
        return replace(self, rate=dict(self.rates).get(rule, self.rate))


LONGER = (("counts", (6, 7, 8, 9)), ("held_out_counts", (11, 12, 13, 14)))
SHORTER = (("cue", (3, 4)), ("delay", (18, 20)), ("branch", (3, 4)))
LONG = (("cue", (3, 4)), ("delay", (40, 44)), ("branch", (3, 4)))
MATCHED = ("exact", "undone", "aligned", "RFLO", "reservoir")
ALL_BUT_MEMORY = ("exact", "aligned", "RFLO", "reservoir")
SETTINGS = {
    "counting": Setting(("counting-language", ()), 10.0, 0.01, 1500, 16, 0.1),
    "counting, default weights": Setting(
        ("counting-language", ()), 10.0, 0.01, 1500, 16, rules=("exact", "RFLO", "reservoir")
    ),
    "longer counting, small weights": Setting(
        ("counting-language", LONGER), 10.0, 0.01, 2500, 16, 0.1, rules=ALL_BUT_MEMORY
    ),
    "longer counting, falling rate": Setting(
        ("counting-language", LONGER), 10.0, 0.01, 2500, 16, 0.1, rules=ALL_BUT_MEMORY, falling=True
    ),
    "longer counting": Setting(("counting-language", LONGER), 5.0, 0.005, 2500, 16, rules=ALL_BUT_MEMORY),
    "maze": Setting(("t-maze", SHORTER), 5.0, 0.005, 2500, 16, gain=1.5, rules=ALL_BUT_MEMORY, n_seeds=2),
    "rows": Setting(("row-images", ()), 5.0, 0.005, 1500, 32, rules=ALL_BUT_MEMORY, n_seeds=2),
    "long maze": Same(
        ("t-maze", LONG),
        5.0,
        0.005,
        2400,
        16,
        gain=1.2,
        rules=MATCHED,
        rates=(("undone", 0.01), ("aligned", 0.002)),
    ),
    "long maze, falling rate": Same(
        ("t-maze", LONG),
        5.0,
        0.005,
        3600,
        16,
        gain=1.2,
        falling=True,
        rules=ALL_BUT_MEMORY,
        n_seeds=3,
        rates=(("aligned", 0.002), ("RFLO", 0.01), ("reservoir", 0.03)),
    ),
    "rows and a delay": Same(
        ("row-images", (("blank_rows", 16),)),
        2.0,
        0.01,
        1500,
        32,
        gain=1.2,
        falling=True,
        rules=MATCHED,
        n_seeds=3,
        rates=(("aligned", 0.002), ("RFLO", 0.002), ("reservoir", 0.03)),
        checkpoint_every=8,
    ),
}
FEW = {"recalled": 2, "undone": 2}  # networks at most: these take the longest
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


@dataclass(frozen=True)
class Learning:
    """One network that learns.

    Attributes:
        study: Which of the tasks.
        rule: What learns.
        seed: Seed of the network, the feedback and the trials.
        setting: How.
    """

    study: str
    rule: str
    seed: int
    setting: Setting


@dataclass(frozen=True)
class Holding:
    """How much a memory holds.

    Attributes:
        n_units: Its size.
        pace: Its pace.
        background: Its background.
    """

    n_units: int
    pace: str
    background: float


@dataclass(frozen=True)
class Pointing:
    """Where the gradient of learning from recall points.

    Attributes:
        n_units: Size of the memory.
        n_steps: Length of the trials.
        broken: Whether the pairs of patterns are shuffled.
        seed: Seed of network and trials.
    """

    n_units: int
    n_steps: int
    broken: bool
    seed: int


@dataclass(frozen=True)
class Reading:
    """What the best linear read-out finds in a network that has not learned.

    Attributes:
        study: Which of the tasks.
        seed: Seed of the network.
        setting: How the task is learned.
    """

    study: str
    seed: int
    setting: Same


@dataclass(frozen=True)
class Recalling:
    """One sequence of twenty patterns of 500 units, recalled.

    Attributes:
        pace: Pace of the memory.
        background: Its background.
    """

    pace: str = "self"
    background: float = 2.5


@dataclass(frozen=True)
class Broken(SequenceMemory):
    """A memory that stores the patterns in another order, but for the last, which is the cue: the control."""

    @override
    def store(self, patterns: Tensor, gate: float | Tensor = 1.0) -> Imprint:
        n = patterns.shape[1]
        order = [*torch.randperm(n - 1, generator=torch.Generator().manual_seed(1)).tolist(), n - 1]
        shuffled = super().store(patterns[:, order], gate)
        return Imprint(patterns, shuffled.gate, shuffled.traces)


class Falling(torch.optim.Adam):
    """Adam whose rate falls to 0 in a number of updates."""

    def __init__(self, parameters: Any, lr: float, n_updates: int) -> None:
        super().__init__(parameters, lr=lr)
        self.rates = iter(np.linspace(lr, 0, n_updates, endpoint=False).tolist())

    @override
    def step(self, closure: Any = None) -> Any:
        rate = next(self.rates)
        for group in self.param_groups:
            group["lr"] = rate
        return super().step(closure)


def execute(run: Learning | Holding | Pointing | Reading | Recalling) -> dict[str, Any]:
    """Do one run of any kind."""
    torch.set_num_threads(1)
    if isinstance(run, Learning):
        return learn(run)
    if isinstance(run, Reading):
        return read(run)
    if isinstance(run, Holding):
        memory = SequenceMemory(run.n_units, pace=run.pace, background=run.background)  # type: ignore[arg-type]
        lengths = [n for n in LENGTHS if n <= run.n_units // 5]
        found = capacity(memory, lengths, n_sequences=20)
        return {"n_patterns": lengths, "in_order": found.in_order.values.tolist()}
    if isinstance(run, Recalling):
        memory = SequenceMemory(500, pace=run.pace, background=run.background)  # type: ignore[arg-type]
        recalled = memory.recall(memory.store(memory.draw(20)))
        return {"step": recalled.step[0].tolist(), "overlap": recalled.overlap[0].tolist()}
    return point(run)


def point(run: Pointing) -> dict[str, Any]:
    """Cosine of the gradient of the input weights with the exact one, and mistakes of the memory.

    The inputs of a trial sum to 0, so that what counts is what came when, and targets are due in the first half, so that the last
    input, the cue of the recall, earns no credit. They are what the memory can store without rounding.
    """
    generator = torch.Generator().manual_seed(run.seed)
    inputs, targets = torch.randn(8, run.n_steps, 22, generator=generator, dtype=torch.float64).split(
        (20, 2), 2
    )
    mask = (torch.arange(run.n_steps) < run.n_steps // 2).double().expand(8, -1)
    info = TrialInfo("random", 10.0, run.seed, tuple(map(str, range(20))), ("y", "z"))
    trials = Trials(
        ((inputs - inputs.mean(1, keepdim=True)) * 4096).round() / 4096, targets, mask, {}, {}, info
    )
    kind = Broken if run.broken else SequenceMemory
    source = Recalled(
        kind(run.n_units, background=0.0), rules.Reversible(tolerance=math.inf), on_mistake="use"
    )
    found = []
    for rule in (rules.BPTT(), rules.Replay(source)):
        network = ReversibleRNN(20, 40, 2, tau=100.0, dt=10.0, seed=run.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # mistakes are counted below
            rule.backward(network, trials)
        grad = network.input.raw.grad
        assert grad is not None
        found.append(grad.flatten())
    exact, recalled = found
    cosine = float(exact @ recalled / (exact.norm() * recalled.norm()))
    return {
        "cosine": cosine,
        "mistaken": float(source.remember(trials.inputs).mistaken.double().mean()),
    }


def learn(run: Learning) -> dict[str, Any]:
    """Performance during learning."""
    setting = run.setting
    task = tasks.make(setting.task[0], **dict(setting.task[1]))
    network, rule = learner(run, task)
    learning = [each for each in network.parameters() if each.requires_grad]
    few = task.name.startswith("counting")  # four sentences are all there are
    optimizer = (
        Falling(learning, setting.rate, setting.n_updates)
        if setting.falling
        else torch.optim.Adam(learning, lr=setting.rate)
    )
    history = training.train(
        network,
        task,
        rule=rule,
        optimizer=optimizer,
        n_steps=setting.n_updates,
        batch_size=setting.batch_size,
        seed=run.seed,
        validate_every=max(1, setting.n_updates // 30),
        n_validation=4 if few else 100,
    ).history
    split: Literal["train", "test"] = "test" if run.study.startswith("rows") else "train"
    test = task.sample(4 if few else 400, seed=1000 + run.seed, balanced=few, split=split)
    with torch.no_grad():
        output = network.outputs(test.inputs.to(next(network.parameters()))).output
    return {
        "update": history.validation_step.values.tolist(),
        "performance": history.performance.values.tolist(),
        "final": float(task.behaviour(test, output)["performance"].mean()),
    }


def read(run: Reading) -> dict[str, Any]:
    """Fraction right of a logistic regression on standardised rates, where the answer is due, in trials it was not fitted to."""
    task = tasks.make(run.setting.task[0], **dict(run.setting.task[1]))
    network, _ = learner(Learning(run.study, "reservoir", run.seed, run.setting), task)
    parts = []
    for split, n_trials in (("train", 3000), ("test", 400)):
        trials = task.sample(n_trials, seed=2000 + run.seed, split=split)  # type: ignore[arg-type]
        due, answer = trials.mask.argmax(1).numpy(), trials.conditions.get("label")
        if answer is None:  # at the junction
            cue, delay = (trials.conditions[name].astype(np.int64) for name in ("cue", "delay"))
            due = cue + delay
            answer = trials.conditions["side"]
        with torch.no_grad():
            rate = network(trials.inputs.to(next(network.parameters()))).rate
        parts.append((rate[np.arange(n_trials), due].double().numpy(), answer))
    reader = make_pipeline(StandardScaler(), LogisticRegression(C=10, max_iter=3000)).fit(*parts[0])
    return {"final": float(reader.score(*parts[1]))}


def learner(run: Learning, task: tasks.AbstractTask) -> tuple[CTRNN | ReversibleRNN, rules.AbstractRule]:
    """The network before learning, and the rule."""
    setting = run.setting
    sizes: dict[str, Any] = {"tau": setting.tau * task.dt, "dt": task.dt, "seed": run.seed}
    leaky, gain, checkpoint_every = run.rule in ("RFLO", "reservoir"), 1.5, None
    if isinstance(setting, Same):
        leaky, gain, checkpoint_every = run.rule != "undone", setting.network_gain, setting.checkpoint_every
    network: CTRNN | ReversibleRNN
    if leaky:
        network = CTRNN(task.n_inputs, 64, task.n_outputs, activation="tanh", init=Gaussian(gain), **sizes)
    else:
        network = ReversibleRNN(task.n_inputs, 64, task.n_outputs, gain=gain, **sizes)
    with torch.no_grad():
        network.input.raw.mul_(setting.scale)
        network.readout.raw.mul_(setting.scale)
    if run.rule == "reservoir":
        for name, each in network.named_parameters():
            each.requires_grad_(name.startswith("readout") or name == "bias_out")
        return network, rules.BPTT()
    if run.rule == "RFLO":
        return network, rules.RFLO(rules.Random(run.seed))
    exact = run.rule in ("exact", "undone")
    credit = rules.ExactCredit() if exact else rules.AlignedCredit(run.seed, setting.gain)
    if leaky:
        return network, rules.Replay(rules.Stored(), credit)
    states = rules.Reversible(checkpoint_every=checkpoint_every)
    source = Recalled(SequenceMemory(400, background=0.0), states) if run.rule == "recalled" else states
    return network, rules.Replay(source, credit)


def planned(n_seeds: int) -> list[Learning | Holding | Pointing | Reading | Recalling]:
    """The runs of the study."""
    return [
        Recalling(),
        *(Holding(n_units, "self", 2.5) for n_units in SIZES),
        Holding(500, "clock", 3.5),
        *(
            Pointing(n_units, n_steps, broken, seed)
            for seed in range(min(n_seeds, 2))
            for n_units, broken in ((250, False), (500, False), (500, True))
            for n_steps in STEPS
        ),
        *(
            Reading(study, setting.first_seed + seed, setting)
            for seed in range(n_seeds)
            for study, setting in SETTINGS.items()
            if isinstance(setting, Same) and seed < setting.n_seeds and study != "long maze, falling rate"
        ),
        *(
            Learning(study, rule, setting.first_seed + seed, setting.of(rule))
            if isinstance(setting, Same)
            else Learning(study, rule, seed, setting)
            for seed in range(n_seeds)
            for study, setting in SETTINGS.items()
            if seed < setting.n_seeds
            for rule in setting.rules
            if rule not in FEW or seed < FEW[rule]
        ),
    ]


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


def draw(runs: Sequence[Any], results: Sequence[dict[str, Any]]) -> Figure:
    """The thirteen panels, and what the colours are."""
    rows = table(runs, results)
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


def main() -> None:
    """Do what is missing, draw, write."""
    options, place = arguments(__doc__, "replay", n_seeds=5)
    runs = planned(options.seeds)
    results = place.finished(execute, runs)
    rows = table(runs, results)
    rows.to_csv(options.to / "replay.csv", index=False, float_format="%.4g")
    save_figure(draw(runs, results), options.to / "replay.png")
    print("\n".join(f"{what}: {found}" for what, found in findings(rows).items()))


if __name__ == "__main__":
    main()
