"""All learning rules on one task, accuracy against what a synapse would have to know: draws all_rules.png, writes all_rules.csv.

python docs/gallery/all_rules.py

One task, the context decision of the library (100 ms fixation, 800 ms of both noisy stimuli, 300 ms decision, dt = 20 ms; the target
is shown, and the loss counts, from 100 ms after stimulus onset; choices are judged where the task judges them). One network
wherever the rule allows it: 32 tanh units in current form, tau = 100 ms, Gaussian recurrent weights of spectral radius 1.5, recurrent
noise 0.1. Replay runs on two populations of 16 units that can be undone, in double precision; RECOLLECT on 32 of its gated memory
units; FORCE with outputs that return to the units; full-FORCE from recurrent weights of 0.

Batches of 32 trials, 1,000 of them for most rules and 200 for least squares. Rules that are told whether the choice was right, and nothing else, are also
given five times as many trials. Rules that give a direction take steps of Adam, 0.005 for the read-out and 0.001 for the rest; perturbation takes
one rate for both (0.001 for nodes, 0.002 for weights), chosen with its strengths on seed 0. Others bring their own optimiser.
Accuracy: 1,440 new balanced trials with noise. Finished runs are kept in .cache and used again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from _runs import arguments, save_figure
from context_rules import Spoken
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import neurornn
from neurornn import CTRNN, rules
from neurornn.connectivity import Gaussian
from neurornn.networks import AbstractNetwork, GatedMemory, ReversibleRNN
from neurornn.reward import PerformanceReward

N_UNITS, BATCH, N_STEPS, LONG = 32, 32, 1000, 5
GAIN = 1.5

NEEDS = {
    "E": "errors of the outputs",
    "T": "transposed weights",
    "S": "credit through synapses",
    "B": "time run backwards",
    "M": "matrix over all units",
}
"""What a rule asks for beyond the activity of two cells and one broadcast number."""


@dataclass(frozen=True)
class Entry:
    """A rule of the figure.

    Attributes:
        make: The rule, from a seed.
        needs: Letters of NEEDS.
        family: Group, for the colour.
        rate: Factor on the learning rates of Adam; None for the rule's own optimiser.
        network: Kind of network.
        n_steps: Batches.
        batch: Trials in each.
        frozen: Whether only the read-out learns.
    """

    make: Callable[[int], rules.AbstractRule]
    needs: str
    family: str
    rate: float | None = 1.0
    network: str = "ctrnn"
    n_steps: int = N_STEPS
    batch: int = BATCH
    frozen: bool = False


COLOURS = {
    "exact": "black",
    "truncated": "#0072B2",
    "local, with an error": "#009E73",
    "estimates": "#8c6d31",
    "replay": "#CC79A7",
    "reward alone": "#D55E00",
    "least squares": "#6a51a3",
    "control": "0.6",
}
RULES: dict[str, Entry] = {
    "BPTT": Entry(lambda s: rules.BPTT(), "ETSB", "exact"),
    "RTRL": Entry(lambda s: rules.RTRL(), "ETSM", "exact"),
    "truncated BPTT": Entry(lambda s: rules.TruncatedBPTT(10), "ETSB", "truncated"),
    "2 hops": Entry(lambda s: rules.KHop(2), "ETSB", "truncated"),
    "1 hop": Entry(lambda s: rules.KHop(1), "ETSB", "truncated"),
    "ModProp": Entry(lambda s: rules.ModProp(), "ETS", "truncated"),
    "MDGL": Entry(lambda s: rules.MDGL(), "ETS", "truncated"),
    "feedback alignment": Entry(
        lambda s: rules.FeedbackAlignment(rules.Random(s, 0.1), gain=0.8, seed=s), "ESB", "truncated"
    ),
    "RFLO": Entry(lambda s: rules.RFLO(rules.Random(s, 0.1)), "E", "local, with an error"),
    "RFLO, adaptive": Entry(
        lambda s: rules.RFLO(rules.Adaptive(rate=0.1, decay=0.01, seed=s, scale=0.1)),
        "E",
        "local, with an error",
    ),
    "e-prop": Entry(lambda s: rules.EProp(), "ET", "local, with an error"),
    "SnAp-1": Entry(lambda s: rules.SnAp1(), "ET", "local, with an error"),
    "KeRNL": Entry(lambda s: rules.KeRNL(), "ET", "local, with an error"),
    "UORO": Entry(lambda s: rules.UORO(), "ETS", "estimates", 0.3),
    "KF-RTRL": Entry(lambda s: rules.KroneckerRTRL(), "ETSM", "estimates"),
    "r-KF-RTRL": Entry(lambda s: rules.ReverseKroneckerRTRL(), "ETSM", "estimates"),
    "DNI": Entry(lambda s: rules.DNI(), "ETS", "estimates"),
    "replay": Entry(
        lambda s: rules.Replay(rules.Reversible(checkpoint_every=20)), "ETSB", "replay", network="reversible"
    ),
    "replay, aligned": Entry(
        lambda s: rules.Replay(rules.Reversible(checkpoint_every=20), rules.AlignedCredit(seed=s)),
        "ESB",
        "replay",
        network="reversible",
    ),
    "node perturbation": Entry(lambda s: node(), "", "reward alone", 1.0),
    "node perturbation, 5x": Entry(lambda s: node(), "", "reward alone", 1.0, n_steps=LONG * N_STEPS),
    "weight perturbation": Entry(lambda s: weight(), "", "reward alone", 2.0),
    "weight perturbation, 5x": Entry(lambda s: weight(), "", "reward alone", 2.0, n_steps=LONG * N_STEPS),
    "reward-Hebbian": Entry(lambda s: rules.RewardHebbian(PerformanceReward()), "", "reward alone", None),
    "reward-Hebbian, 5x": Entry(
        lambda s: rules.RewardHebbian(PerformanceReward()), "", "reward alone", None, n_steps=LONG * N_STEPS
    ),
    "RECOLLECT": Entry(lambda s: acting(), "T", "reward alone", None, "recollect"),
    "RECOLLECT, 5x": Entry(
        lambda s: acting(), "T", "reward alone", None, "recollect", n_steps=LONG * N_STEPS
    ),
    "FORCE": Entry(lambda s: rules.FORCE(), "EM", "least squares", None, "feedback", n_steps=200),
    "full-FORCE": Entry(
        lambda s: rules.FullFORCE(seed=s), "EM", "least squares", None, "silent", n_steps=200
    ),
    "ridge read-out": Entry(
        lambda s: rules.RidgeReadout(alpha=1e-3), "EMB", "least squares", None, n_steps=200
    ),
    "read-out alone": Entry(lambda s: rules.BPTT(), "E", "control", frozen=True),
}


@dataclass(frozen=True)
class Run:
    """One network to train."""

    rule: str
    seed: int


def node() -> rules.NodePerturbation:
    """Told whether the choice was right."""
    return rules.NodePerturbation(PerformanceReward(), sigma=0.1, sigma_out=0.2)


def weight() -> rules.WeightPerturbation:
    """Told whether the choice was right."""
    return rules.WeightPerturbation(PerformanceReward(), sigma=0.03)


def acting() -> rules.RECOLLECT:
    """Gates learn as fast as the read-out."""
    return rules.RECOLLECT(rate=0.3, gate_rate=1.0)


def build(kind: str, task: Spoken, seed: int) -> AbstractNetwork:
    """The untrained network."""
    if kind == "reversible":
        return ReversibleRNN(
            task.n_inputs,
            N_UNITS,
            task.n_outputs,
            tau=100.0,
            dt=task.dt,
            sigma_rec=0.1,
            seed=seed,
            dtype=torch.float64,
        )
    if kind == "recollect":
        return GatedMemory(
            task.n_inputs, N_UNITS, task.n_outputs, dt=task.dt, threshold=0.0, slope=2.0, seed=seed
        )
    return CTRNN(
        task.n_inputs, N_UNITS, task.n_outputs, tau=100.0, dt=task.dt, activation="tanh", sigma_rec=0.1,
        init=Gaussian(0.0 if kind == "silent" else GAIN), output_feedback=1.0 if kind == "feedback" else 0.0, seed=seed,
    )  # fmt: skip


def optimiser(network: AbstractNetwork, entry: Entry) -> torch.optim.Optimizer | None:
    """Two rates: that of the read-out, where its gradient is exact, and that of the rest."""
    if entry.rate is None:
        return None
    named = dict(network.named_parameters())
    readout = [value for name, value in named.items() if name.startswith(("readout", "bias_out"))]
    rest = [value for name, value in named.items() if not name.startswith(("readout", "bias_out"))]
    if entry.frozen:
        for each in rest:
            each.requires_grad_(False)
    faster = 1.0 if entry.family == "reward alone" else 5.0
    return torch.optim.Adam([
        {"params": readout, "lr": 1e-3 * faster * entry.rate},
        {"params": rest, "lr": 1e-3 * entry.rate},
    ])


def execute(run: Run) -> dict[str, Any]:
    """Train one network and test it."""
    entry, task, seed = RULES[run.rule], Spoken(), run.seed
    network = build(entry.network, task, seed)
    try:
        n_steps = neurornn.train(
            network,
            task,
            rule=entry.make(seed),
            optimizer=optimiser(network, entry),
            n_steps=entry.n_steps,
            batch_size=entry.batch,
            seed=seed,
            validate_every=entry.n_steps // 10,
            n_validation=72,
        ).n_steps
        diverged = False
    except neurornn.TrainingDiverged as failure:
        n_steps, diverged = failure.result.n_steps, True
    trials = task.sample(1440, seed=20_000 + seed, balanced=True)
    data = neurornn.simulate(network, trials, task=task, seed=seed)
    return {
        "rule": run.rule, "seed": seed, "needs": entry.needs, "family": entry.family, "trials": n_steps * entry.batch,
        "diverged": diverged, "accuracy": float(data.performance.mean()),
    }  # fmt: skip


def draw(table: pd.DataFrame) -> Figure:
    """What each rule needs, what it reaches, and one against the other."""
    order = sorted(
        RULES,
        key=lambda rule: (len(RULES[rule].needs), [*COLOURS].index(RULES[rule].family), rule.split(",")[0]),
    )
    figure = Figure(figsize=(10.4, 7.0), layout="constrained")
    needs, reached, against = figure.subplots(1, 3, width_ratios=[0.55, 1.2, 1.3])
    for y, rule in enumerate(order):
        entry, colour = RULES[rule], COLOURS[RULES[rule].family]
        mine = table[table.rule == rule].accuracy.to_numpy(dtype=float)
        for x, letter in enumerate(NEEDS):
            needs.plot(x, y, "o", markersize=6, color=colour if letter in entry.needs else "0.92")
        reached.plot(
            mine,
            y + np.linspace(-0.18, 0.18, len(mine)),
            "o",
            color=colour,
            markersize=3.8,
            alpha=0.8,
            markeredgewidth=0,
        )
        reached.plot([np.median(mine)] * 2, [y - 0.36, y + 0.36], color=colour, linewidth=2.2)
    needs.set_yticks(range(len(order)), order, fontsize=8)
    needs.set_xticks(range(len(NEEDS)), [*NEEDS.values()], rotation=90, fontsize=7)
    needs.xaxis.tick_top()
    needs.tick_params(length=0)
    needs.spines[:].set_visible(False)
    needs.set_xlim(-0.6, len(NEEDS) - 0.4)
    reached.set_yticks([])
    for ax in (needs, reached):
        ax.set_ylim(len(order) - 0.4, -0.6)
        steps = np.flatnonzero(np.diff([len(RULES[rule].needs) for rule in order])) + 0.5
        for y in steps:
            ax.axhline(y, color="0.85", linewidth=0.8)
    reached.set(xlim=(0.45, 1.0), xlabel="accuracy in new trials")
    reached.axvline(0.5, color="0.7", linewidth=0.8, linestyle="--")
    scatter(against, table)
    for ax, letter in ((needs, "a"), (reached, "b"), (against, "c")):
        ax.set_title(letter, loc="left", x=-0.08, fontweight="bold", fontsize=10)
    for ax in (reached, against):
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def scatter(ax: Axes, table: pd.DataFrame) -> None:
    """Median accuracy against the number of things a rule needs."""
    groups: dict[int, list[tuple[float, str]]] = {}
    for rule, entry in RULES.items():
        median = float(table[table.rule == rule].accuracy.median())
        groups.setdefault(len(entry.needs), []).append((median, rule))
    for x, members in groups.items():
        shifts = np.linspace(-0.3, 0.3, len(members)) if len(members) > 1 else [0.0]
        for shift, (median, rule) in zip(shifts, sorted(members), strict=True):
            ax.plot(
                x + shift, median, "o", color=COLOURS[RULES[rule].family], markersize=6, markeredgewidth=0
            )
    for family, colour in COLOURS.items():
        ax.plot([], [], "o", color=colour, label=family)
    ax.axhline(0.5, color="0.7", linewidth=0.8, linestyle="--")
    ax.set(xlabel="things needed, of the five in a", ylabel="median accuracy", ylim=(0.45, 1.0))
    ax.set_xticks(sorted(groups))
    ax.invert_xaxis()
    ax.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def main() -> None:
    """Run, draw, write."""
    options, runs = arguments(__doc__, "all_rules", n_seeds=3)
    wanted = [Run(rule, seed) for seed in range(options.seeds) for rule in RULES]
    table = pd.DataFrame(runs.finished(execute, wanted))
    table.to_csv(options.to / "all_rules.csv", index=False, float_format="%.5g")
    save_figure(draw(table), options.to / "all_rules.png")


if __name__ == "__main__":
    main()
