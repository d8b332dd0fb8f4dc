"""The Add task by every rule that learns online, against what can be known: draws marschall.png, writes marschall.csv.

python docs/gallery/marschall.py

After Marschall, Cho & Savin (2020) https://arxiv.org/abs/1907.02649. Networks in rate form, 32 tanh units, alpha = dt / tau = 1,
orthogonal recurrent weights, no noise. Each input is a coin and the target the probability 1/2 + x(t - 3)/2 - x(t - 5)/4,
taught by cross-entropy in every step. 16 streams of coins run side by side and are cut into stretches of 105 steps, of which
the first 5 do not count. Weights move after every step, by plain gradient descent with the learning rate 0.01 on the mean
over streams; back-propagation moves them once after each stretch, at the same rate for each step. Cross-entropy is that of
100 held-out trials of 105 steps. An untrained network remembers coins too: what the best linear read-out makes of it, found by
L-BFGS on 300 trials, is one more line to fall below. Finished runs are kept in .cache/ and not done again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from _runs import arguments, save_figure
from matplotlib.figure import Figure
from torch import Tensor

from neurornn import CTRNN, Objective, Trials, rules
from neurornn.connectivity import Orthogonal
from neurornn.networks import Outputs
from neurornn.random import torch_generator
from neurornn.tasks.long_range import Add

DT, FILL, COUNTED, N_STREAMS = 20.0, 5, 100, 16  # ms; steps that do not count and that do; trials at a time
RATE, N_STRETCHES, EVERY = 0.01, 150, 5
COLOURS = {
    "BPTT": "0.5",
    "truncated BPTT": "0.75",
    "RTRL": "black",
    "UORO": "#56B4E9",
    "KF-RTRL": "#003F6B",
    "r-KF-RTRL": "#0072B2",
    "SnAp-1": "#D55E00",
    "KeRNL": "#8C3B00",
    "DNI": "#009E73",
    "RFLO, symmetric": "#E69F00",
    "RFLO, random": "#F0C97A",
    "read-out only": "#CC79A7",
}  # exact in black and grey, random estimates in blue, without the paths through other units in orange
BEST = "best read-out, untrained"
FLOORS = {"none": "no coin", "first": "coin 3 steps ago", "both": "both coins"}


@dataclass(frozen=True)
class Run:
    """One network that learns.

    Attributes:
        rule: One of the rules of the study, or the best read-out of an untrained network.
        seed: Seed of the network, its coins and the numbers the rule draws.
        n_stretches: Number of stretches of 105 steps.
        rate: Learning rate for each step.
    """

    rule: str
    seed: int
    n_stretches: int = N_STRETCHES
    rate: float = RATE


def compared(seed: int) -> dict[str, rules.AbstractRule]:
    """The rules, by name."""
    return {
        "BPTT": rules.BPTT(),
        "truncated BPTT": rules.TruncatedBPTT(depth=5, every=1),
        "RTRL": rules.RTRL(update_every=1),
        "SnAp-1": rules.SnAp(n=1, update_every=1),
        "UORO": rules.UORO(update_every=1),
        "KF-RTRL": rules.KroneckerRTRL(update_every=1),
        "r-KF-RTRL": rules.ReverseKroneckerRTRL(update_every=1),
        "KeRNL": rules.KeRNL(update_every=1),
        "DNI": rules.DNI(update_every=1),
        "RFLO, symmetric": rules.OnlineRFLO(rules.Symmetric(), update_every=1),
        "RFLO, random": rules.OnlineRFLO(rules.Random(seed), update_every=1),
        "read-out only": rules.OnlineRFLO(rules.Symmetric(), update_every=1),
    }


def coins() -> Add:
    """The task: coins 3 and 5 steps back."""
    return Add(dt=DT, first_lag=3 * DT, second_lag=5 * DT, report=COUNTED * DT)


def network_of(run: Run) -> CTRNN:
    """The network before learning; all but its read-out is frozen where only that may learn."""
    network = CTRNN(
        2, 32, 2, tau=DT, dt=DT, form="rate", activation="tanh", init=Orthogonal(), seed=run.seed
    )  # fmt: skip
    if run.rule == "read-out only":
        for each in (network.recurrent.raw, network.input.raw, network.bias):
            if each is not None:
                each.requires_grad_(False)
    return network


def learn(run: Run) -> dict[str, Any]:
    """Cross-entropy of held-out trials during learning."""
    torch.set_num_threads(1)
    if run.rule == BEST:
        return {"step": [0], "nats": [best_read_out(run)]}
    task, network, rule = coins(), network_of(run), compared(run.seed)[run.rule]
    held_out = task.sample(100, seed=10_000)
    learning = [each for each in network.parameters() if each.requires_grad]
    optimizer = torch.optim.SGD(
        learning, lr=run.rate * COUNTED
    )  # the loss is a mean over the steps that count
    steps, nats = [], []
    for k in range(run.n_stretches + 1):
        if k % EVERY == 0 or k == run.n_stretches:
            with torch.no_grad():
                found = float(Objective()(network, held_out, network.outputs(held_out.inputs)))
            steps.append(k * (FILL + COUNTED))
            nats.append(found)
            if k == run.n_stretches or not math.isfinite(found):
                break
        trials = task.sample(N_STREAMS, seed=run.seed, first=k * N_STREAMS)
        for _ in rule.parts(network, trials, generator=torch_generator(run.seed, "signs", k)):
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    return {"step": steps, "nats": nats}


def best_read_out(run: Run) -> float:
    """Cross-entropy of held-out trials with the read-out that suits an untrained network best."""
    task, network = coins(), network_of(run)
    trials, held_out = task.sample(300, seed=run.seed), task.sample(100, seed=10_000)
    with torch.no_grad():
        known, new = (network(each.inputs).rate for each in (trials, held_out))
    network.requires_grad_(False)
    learning = [each.requires_grad_() for each in (network.readout.raw, network.bias_out) if each is not None]
    optimizer = torch.optim.LBFGS(learning, max_iter=300, line_search_fn="strong_wolfe")

    def nats(trials: Trials, rate: Tensor) -> Tensor:
        output = network.read_out(rate)
        return Objective().of_steps(trials, Outputs(output, rate[:, -1], None, None))

    def closure() -> float:
        optimizer.zero_grad()
        loss = nats(trials, known)
        loss.backward()
        return float(loss.detach())

    optimizer.step(closure)
    with torch.no_grad():
        return float(nats(held_out, new))


def planned(n_seeds: int) -> list[Run]:
    """The runs of the study, seed by seed."""
    known = [Run(BEST, seed, 0) for seed in range(n_seeds)]
    return [Run(rule, seed) for seed in range(n_seeds) for rule in COLOURS] + known


def table(runs: Sequence[Run], results: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row for each network, with the highest floor it is not above."""
    floors = coins().floors()
    rows = []
    for run, found in zip(runs, results, strict=True):
        final = found["nats"][-1]
        over = [FLOORS[name] for name in FLOORS if final < floors[name]]
        rows.append({
            "rule": run.rule,
            "seed": run.seed,
            "n_steps": found["step"][-1],
            "nats_untrained": found["nats"][0],
            "nats": final,
            "below_floor_of": over[-1] if over else "",
        })
    return pd.DataFrame(rows)


def findings(rows: pd.DataFrame) -> dict[str, str]:
    """Cross-entropy at the end of each rule, the best first."""
    groups = rows.groupby("rule").nats.agg(["median", "min", "max"]).sort_values("median")
    return {
        str(rule): f"{row['median']:.4f} nats ({row['min']:.4f} to {row['max']:.4f})"
        for rule, row in groups.iterrows()
    }


def draw(runs: Sequence[Run], results: Sequence[dict[str, Any]]) -> Figure:
    """Learning curves, and where they end."""
    rows = table(runs, results)
    figure = Figure(figsize=(7.4, 3.9), layout="constrained")
    a, b = figure.subplots(1, 2, width_ratios=(1.25, 1.0))
    medians = rows.groupby("rule").nats.median().sort_values(ascending=False)
    names = [str(name) for name in medians.index if name != BEST]
    by_rule = {
        name: [found for run, found in zip(runs, results, strict=True) if run.rule == name] for name in names
    }
    for name, own in by_rule.items():
        whole = [found for found in own if found["step"] == max((each["step"] for each in own), key=len)]
        middle = np.median([found["nats"] for found in whole], axis=0)
        a.plot(whole[0]["step"][1:], middle[1:], color=COLOURS[name], linewidth=1.3)
    for place, name in enumerate(names):
        values = rows[rows.rule == name].nats
        b.scatter(values, np.full(len(values), place), s=14, color=COLOURS[name], alpha=0.6, linewidth=0)
        b.plot([values.median()] * 2, [place - 0.35, place + 0.35], color=COLOURS[name], linewidth=2)
    b.set_yticks(range(len(names)), names)
    for name, nats in coins().floors().items():
        if name in FLOORS:
            a.axhline(nats, color="0.3", linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
            b.axvline(nats, color="0.3", linewidth=0.8, linestyle=(0, (4, 2)), zorder=0)
            a.annotate(
                f"{FLOORS[name]} known", (1.0, nats), (0, -2 if name == "both" else 2), xycoords=("axes fraction", "data"),
                textcoords="offset points", ha="right", va="top" if name == "both" else "bottom", fontsize=6.5, color="0.3",
            )  # fmt: skip
    b.axvline(medians[BEST], color="0.3", linewidth=0.8, linestyle=":", zorder=0)
    b.annotate(
        "best read-out,\nuntrained", (medians[BEST], 1.0), (2, -1), xycoords=("data", "axes fraction"),
        textcoords="offset points", va="top", fontsize=6.5, color="0.3",
    )  # fmt: skip
    a.set_xscale("log")
    a.set_ylim(0.445, 0.68)
    b.set_xlim(0.445, max(0.53, rows.nats.max() + 0.01))
    a.set_xlabel("steps learned", fontsize=8)
    a.set_ylabel("cross-entropy (nats)", fontsize=8)
    b.set_xlabel("cross-entropy at the end (nats)", fontsize=8)
    for letter, ax in (("a", a), ("b", b)):
        ax.set_title(letter, loc="left", fontsize=9, fontweight="bold")
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def main() -> None:
    """Do what is missing, draw, write."""
    options, place = arguments(__doc__, "marschall", n_seeds=3)
    runs = planned(options.seeds)
    results = place.finished(learn, runs)
    rows = table(runs, results)
    rows.to_csv(options.to / "marschall.csv", index=False, float_format="%.4f")
    save_figure(draw(runs, results), options.to / "marschall.png")
    floors = {name: round(nats, 4) for name, nats in coins().floors().items() if name in FLOORS}
    print(f"floors: {floors}")
    print("\n".join(f"{what}: {found}" for what, found in findings(rows).items()))


if __name__ == "__main__":
    main()
