"""Periodic output by RFLO with random feedback and by back-propagation: draws murray.png, writes murray.csv.

python docs/gallery/murray.py

After Murray (2019) https://doi.org/10.7554/eLife.43299. Networks in rate form, 50 tanh units, tau = 10 steps, Gaussian
recurrent weights of spectral radius 1.5, no input, no bias, no noise, every rate 0.1 at the start. One output learns one
period of sin + 0.5 sin 2 + 0.25 sin 4 in each trial, trial after trial from the same start. Recurrent and read-out weights
descend the mean squared error by plain gradient descent; the learning rate falls linearly from 0.1 to 0 and gradients
longer than 0.1 are shortened to that, the same for both rules. Finished runs are kept in .cache/ and not done again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from _runs import arguments, save_figure
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from neurornn import CTRNN, TrialInfo, Trials, rules
from neurornn.connectivity import Gaussian

TAU, START, GAIN, RATE, CLIP = 10, 0.1, 1.5, 0.1, 0.1  # TAU in steps of 1 ms
LENGTHS, N_TRIALS = (10, 20, 40, 80, 160), 10_000  # lengths of trials in tau
N_SEEDS_LONG = 3  # at other lengths than the first
COLOURS = {"RFLO": "#D55E00", "BPTT": "#0072B2"}
WORDS = {"RFLO": "RFLO, random feedback", "BPTT": "back-propagation"}


@dataclass(frozen=True)
class Run:
    """One network that learns.

    Attributes:
        rule: RFLO or BPTT.
        length: Length of a trial in units of tau.
        seed: Seed of the network and of the feedback.
        n_trials: Number of trials.
        rate: Learning rate at the start.
        clip: Longest gradient.
    """

    rule: str
    length: int
    seed: int
    n_trials: int = N_TRIALS
    rate: float = RATE
    clip: float = CLIP


def target(n_steps: int) -> NDArray[np.float64]:
    """One period of the signal, at the end of each step."""
    phase = 2 * np.pi * np.arange(1, n_steps + 1) / n_steps
    return np.asarray(np.sin(phase) + 0.5 * np.sin(2 * phase) + 0.25 * np.sin(4 * phase))


def setting(run: Run) -> tuple[CTRNN, Trials]:
    """The network before learning, and its trial."""
    network = CTRNN(
        0, 50, 1, tau=TAU, dt=1.0, form="rate", activation="tanh", init=Gaussian(GAIN), bias=False, seed=run.seed
    )  # fmt: skip
    network.start.fill_(START)
    n_steps = run.length * TAU
    wanted = torch.as_tensor(target(n_steps), dtype=torch.float32)[None, :, None]
    info = TrialInfo("periodic-output", 1.0, run.seed, (), ("y",))
    return network, Trials(torch.zeros(1, n_steps, 0), wanted, torch.ones(1, n_steps), {}, {}, info)


def learn(run: Run) -> dict[str, Any]:
    """Loss and alignment of read-out and feedback during learning; the output after it."""
    torch.set_num_threads(1)
    network, trials = setting(run)
    feedback = rules.Random(run.seed)
    rule = {"RFLO": rules.RFLO(feedback), "BPTT": rules.BPTT()}[run.rule]
    B = feedback.matrix(network, {})
    learning = [each for each in network.parameters() if each.numel()]
    optimizer = torch.optim.SGD(learning, lr=run.rate)
    seen, losses, cosines = [], [], []
    every = max(1, run.n_trials // 100)
    for k in range(run.n_trials + 1):
        optimizer.zero_grad(set_to_none=True)
        loss = float(rule.backward(network, trials))
        if k % every == 0 or k == run.n_trials or not math.isfinite(loss):
            seen.append(k)
            losses.append(loss)
            with torch.no_grad():
                cosines.append(float(torch.nn.functional.cosine_similarity(network.W_out, B)))
        if k == run.n_trials or not math.isfinite(loss):
            break
        torch.nn.utils.clip_grad_norm_(learning, run.clip)
        optimizer.param_groups[0]["lr"] = run.rate * (1 - k / run.n_trials)
        optimizer.step()
    with torch.no_grad():
        output = network.outputs(trials.inputs).output[0, :, 0].tolist()
    return {"trial": seen, "loss": losses, "cosine": cosines, "output": output}


def planned(n_seeds: int) -> list[Run]:
    """The runs of the study, short ones first."""
    return [
        Run(rule, length, seed)
        for length in LENGTHS
        for seed in range(n_seeds if length == LENGTHS[0] else min(n_seeds, N_SEEDS_LONG))
        for rule in COLOURS
    ]


def table(runs: Sequence[Run], results: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row for each network."""
    return pd.DataFrame([
        {
            "rule": run.rule,
            "length_tau": run.length,
            "seed": run.seed,
            "n_trials": found["trial"][-1],
            "loss_untrained": found["loss"][0],
            "loss": found["loss"][-1],
            "cosine_untrained": found["cosine"][0],
            "cosine": found["cosine"][-1],
        }
        for run, found in zip(runs, results, strict=True)
    ])


def findings(rows: pd.DataFrame) -> dict[str, str]:
    """The numbers the study is about."""
    found = {}
    for rule in COLOURS:
        loss = rows[(rows.rule == rule) & (rows.length_tau == LENGTHS[0])].loss
        found[f"{rule}, {LENGTHS[0]} tau: loss below 1e-3"] = (
            f"{int((loss < 1e-3).sum())} of {len(loss)} seeds (median {loss.median():.1e}, highest {loss.max():.1e})"
        )
    medians = rows.pivot_table(index="length_tau", columns="rule", values="loss", aggfunc="median")
    for length, ratio in (medians.RFLO / medians.BPTT).items():
        found[f"loss of RFLO / loss of BPTT, medians, {length} tau"] = f"{ratio:.2g}"
    for rule in COLOURS:
        cosine = rows[(rows.rule == rule) & (rows.length_tau == LENGTHS[0])].cosine
        found[f"{rule}, {LENGTHS[0]} tau: cosine of read-out and feedback at the end"] = (
            f"{cosine.min():.2f} to {cosine.max():.2f}"
        )
    return found


def draw(runs: Sequence[Run], results: Sequence[dict[str, Any]]) -> Figure:
    """The four panels."""
    rows = table(runs, results)
    figure = Figure(figsize=(7.4, 5.0), layout="constrained")
    a, b, c, d = figure.subplots(2, 2).flat
    short = [(run, found) for run, found in zip(runs, results, strict=True) if run.length == LENGTHS[0]]
    for rule, colour in COLOURS.items():
        own = [found for run, found in short if run.rule == rule]
        whole = [found for found in own if found["trial"][-1] == own[0]["trial"][-1]]
        for ax, name in ((a, "loss"), (d, "cosine")):
            band(ax, own[0]["trial"], [found[name] for found in whole], colour, WORDS[rule])
        middle = sorted(own, key=lambda found: found["loss"][-1])[len(own) // 2]
        time = np.arange(1, len(middle["output"]) + 1) / TAU
        b.plot(time, middle["output"], color=colour, linewidth=1.3)
        groups = rows[rows.rule == rule].groupby("length_tau").loss
        middle_loss = groups.median()
        c.plot(middle_loss.index, middle_loss, color=colour, marker="o", markersize=4, linewidth=1.3)
        c.scatter(
            rows[rows.rule == rule].length_tau, rows[rows.rule == rule].loss, s=8, color=colour, alpha=0.5
        )
    b.plot(time, target(len(time)), color="black", linewidth=1.0, linestyle=(0, (4, 2)), label="target")
    b.legend(frameon=False, fontsize=7)
    untrained = rows.groupby("length_tau").loss_untrained.median()
    c.plot(untrained.index, untrained, color="0.55", linewidth=1.0, linestyle=":", label="untrained")
    c.legend(frameon=False, fontsize=7, loc="center left")
    for ax in (a, c):
        ax.set_yscale("log")
        ax.set_ylabel("mean squared error", fontsize=8)
    a.axhline(1e-3, color="0.7", linewidth=0.8, zorder=0)
    c.set_xscale("log")
    c.set_xticks(LENGTHS, [str(length) for length in LENGTHS])
    c.minorticks_off()
    d.axhline(0.0, color="0.85", linewidth=0.7, zorder=0)
    d.set_ylim(-0.25, 1.0)
    b.set_ylabel("output", fontsize=8)
    d.set_ylabel("cosine of read-out and feedback", fontsize=8)
    titles = (
        f"trial ({LENGTHS[0]}τ long)",
        "time (τ)",
        "length of a trial (τ)",
        f"trial ({LENGTHS[0]}τ long)",
    )
    for letter, ax, title in zip("abcd", (a, b, c, d), titles, strict=True):
        ax.set_xlabel(title, fontsize=8)
        ax.set_title(letter, loc="left", fontsize=9, fontweight="bold")
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)
    handles, labels = a.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False, fontsize=8)
    return figure


def band(ax: Axes, x: Sequence[float], lines: Sequence[Sequence[float]], colour: str, text: str) -> None:
    """Median and quartiles over seeds."""
    low, middle, high = np.percentile(np.array(lines), [25, 50, 75], axis=0)
    ax.plot(x, middle, color=colour, linewidth=1.3, label=text)
    ax.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)


def main() -> None:
    """Do what is missing, draw, write."""
    options, place = arguments(__doc__, "murray", n_seeds=5)
    runs = planned(options.seeds)
    results = place.finished(learn, runs)
    rows = table(runs, results)
    rows.to_csv(options.to / "murray.csv", index=False, float_format="%.4g")
    save_figure(draw(runs, results), options.to / "murray.png")
    print("\n".join(f"{what}: {found}" for what, found in findings(rows).items()))


if __name__ == "__main__":
    main()
