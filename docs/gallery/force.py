"""FORCE, full-FORCE and the memory of reservoirs: draws force.png, writes force.csv.

python docs/gallery/force.py

Sum of sines after Sussillo & Abbott (2009) https://doi.org/10.1016/j.neuron.2009.07.018: networks in current form, tanh units, tau = 10 steps,
recurrent weights of spectral radius 1.5, outputs fed back by weights in (-1, 1). Two trials of 12 periods (1200 steps each), an update every 2
steps, alpha = 1. Oscillation of changing frequency after DePasquale et al. (2018)
https://doi.org/10.1371/journal.pone.0191527: a period of 2 s, tau = 10 ms, dt = 1 ms, a pulse of 50 ms at the start of each; 100 periods of learning.
After learning, 5 periods in which the target is put in place of what the network says, then 20 periods by itself, all of which count. Finished runs are kept in .cache/ and not done again.
"""

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
from torch import Tensor

from neurornn import CTRNN, TrialInfo, Trials, kernels, rules
from neurornn.connectivity import Gaussian, Sparse
from neurornn.networks import reservoir

PERIOD, TRAINED = 1200, 12  # of the sines: steps, periods in each of two trials
CHIRP, ROUNDS = 2000, 50  # learning comes in two trials of ROUNDS periods
TOLD, ALONE = 5, 20
FULL, FORCE, OPEN = "full-FORCE", "FORCE", "FORCE, no feedback"
COLOURS = {FULL: "#0072B2", FORCE: "#D55E00", OPEN: "0.6", "identity": "#009E73", "tanh": "#CC79A7"}
RADII, N_RESERVOIR, WEAK = (0.2, 0.5, 0.8, 0.95, 0.99), 100, 1e-20


@dataclass(frozen=True)
class Run:
    """One network.

    Attributes:
        task: "sines", "chirp" or "memory".
        rule: Who learns; the activation in reservoirs.
        n_units: Number of units.
        seed: Seed of everything.
        spectral_radius: Of the recurrent weights at the start.
        alpha: Penalty of the read-out of reservoirs.
    """

    task: str
    rule: str
    n_units: int
    seed: int
    spectral_radius: float = 1.5
    alpha: float | None = None


def planned(n_seeds: int) -> list[Run]:
    """The runs of the study."""
    seeds = range(n_seeds)
    return [
        *(Run("chirp", FULL, 300, seed, 0.0) for seed in seeds),
        *(Run("chirp", FORCE, 300, seed) for seed in seeds),
        *(Run("sines", FORCE, 1000, seed) for seed in seeds),
        *(Run("sines", rule, 500, seed) for rule in (FORCE, OPEN) for seed in seeds),
        *(Run("sines", FORCE, n, seed) for n in (250, 100) for seed in seeds),
        *(Run("chirp", FULL, 200, seed, 0.0) for seed in seeds),
        *(
            Run("memory", activation, N_RESERVOIR, seed, radius, WEAK)
            for activation in ("identity", "tanh")
            for radius in RADII
            for seed in seeds
        ),
        *(Run("memory", "identity", n, seed, 0.95, WEAK) for n in (50, 200) for seed in seeds),
        *(
            Run("memory", "identity", N_RESERVOIR, seed, 0.95, alpha)
            for alpha in (1e-10, 1.0)
            for seed in seeds
        ),
    ]


def execute(run: Run) -> dict[str, Any]:
    """One run."""
    torch.set_num_threads(1)
    return {"sines": sines, "chirp": chirp, "memory": memory}[run.task](run)


def sines(run: Run) -> dict[str, Any]:
    """Learn a sum of four sines, then go on alone."""
    network = generator(run, n_inputs=0, feedback=0.0 if run.rule == OPEN else 1.0)
    signal = four_sines(TRAINED)
    loss = learn(network, rules.FORCE(update_every=2), [one_trial(np.zeros((len(signal), 0)), signal)] * 2)
    told, after = (one_trial(np.zeros((n * PERIOD, 0)), four_sines(n)) for n in (TOLD, ALONE))
    W_fb = torch.zeros(run.n_units, 1) if network.W_fb is None else network.W_fb
    state = told_state(network, network.recurrent(), W_fb, told)
    return {"loss": loss, **judged(network, after, state, 2 * PERIOD)}


def chirp(run: Run) -> dict[str, Any]:
    """Learn an oscillation whose frequency changes, then go on with nothing but the pulses."""
    network = generator(run, n_inputs=1, feedback=0.0 if run.rule == FULL else 1.0)
    full = rules.FullFORCE(update_probability=0.5, exponential=True, seed=run.seed)
    loss = learn(network, full if run.rule == FULL else rules.FORCE(update_every=2), [chirps(ROUNDS)] * 2)
    told, trials = chirps(TOLD), chirps(ALONE)
    if network.W_fb is None:  # the state of the teacher is what the units have learned to follow
        teacher = full.teacher(network)
        state = told_state(network, teacher.J, teacher.targets, told)
    else:
        state = told_state(network, network.recurrent(), network.W_fb, told)
    return {"loss": loss, **judged(network, trials, state, CHIRP)}


def memory(run: Run) -> dict[str, Any]:
    """How much of each past input a reservoir still holds, in new data."""
    n, n_steps, washout = run.n_units, 6600, 600
    delays = np.arange(1, 2 * n + 1)
    network = reservoir(
        1, n, len(delays), spectral_radius=run.spectral_radius, input_scale=0.1, activation=run.rule,
        dt=1.0, seed=run.seed, dtype=torch.float64,
    )  # fmt: skip
    rng = np.random.default_rng(run.seed)
    found = []
    for _ in range(2):
        u = rng.uniform(-1, 1, n_steps)
        past = np.stack([np.roll(u, delay) for delay in delays], 1)
        found.append(one_trial(u[:, None], past, torch.float64))
    rules.RidgeReadout(alpha=run.alpha or 0.0, washout=washout).fit(network, found[0])
    with torch.no_grad():
        said = network(found[1].inputs).output[0, washout:].numpy()
    wanted = found[1].targets[0, washout:].numpy()
    r = [np.corrcoef(a, b)[0, 1] for a, b in zip(said.T, wanted.T, strict=True)]
    kept = np.square(r)
    return {"capacity": float(kept.sum()), "kept": kept.tolist()}


def generator(run: Run, n_inputs: int, feedback: float) -> CTRNN:
    """A network before learning: its read-out is 0."""
    n = run.n_units
    network = CTRNN(
        n_inputs, n, 1, tau=10.0, dt=1.0, activation="tanh", bias=False, output_feedback=feedback,
        connectivity=Sparse(0.1) if run.task == "sines" else None, init=Gaussian(run.spectral_radius), seed=run.seed,
    )  # fmt: skip
    rng = np.random.default_rng(run.seed)
    network.W_in = torch.as_tensor(rng.uniform(-1, 1, (n, n_inputs)))
    network.W_out = torch.zeros(1, n)
    network.start.copy_(torch.as_tensor(0.5 * rng.standard_normal(n)))
    return network


def learn(network: CTRNN, rule: rules.AbstractRule, batches: Sequence[Trials]) -> float:
    """Whole steps; the loss of the last."""
    loss = np.nan
    for k, trials in enumerate(batches):
        network.zero_grad()
        loss = float(rule.backward(network, trials, generator=torch.Generator().manual_seed(k)))
        rule.optimizer(network).step()
    return loss


def told_state(network: CTRNN, W: Tensor, W_told: Tensor, trials: Trials) -> Tensor:
    """The last state of units that get the target, a step late, through given weights."""
    late = torch.nn.functional.pad(trials.targets, (0, 0, 1, 0))[:, :-1]
    told = network.circuit()._replace(W_rec=W, W_in=torch.cat([network.W_in, W_told], 1))
    with torch.no_grad():
        inputs = torch.cat([trials.inputs, late], 2)
        return kernels.run(told, inputs, network.initial_state(1), None, record=False).final


def judged(network: CTRNN, trials: Trials, state: Tensor, shown: int) -> dict[str, Any]:
    """What the network says when nothing learns, the end of it for a figure, and its mean squared error over the variance of the target."""
    with torch.no_grad():
        said = network.evolve(trials.inputs, state=state, record_every=1).output[0, :, 0].double().numpy()
    wanted = trials.targets[0, :, 0].double().numpy()
    error = float(np.mean((said - wanted) ** 2) / np.var(wanted))
    return {"error": error, "output": said[-shown::5].tolist(), "target": wanted[-shown::5].tolist()}


def four_sines(n_periods: int) -> NDArray[np.float64]:
    """The signal at the end of each step."""
    phase = 2 * np.pi * np.arange(1, n_periods * PERIOD + 1) / PERIOD
    parts = [a * np.sin(k * phase) for k, a in ((1, 1.0), (2, 1 / 2), (3, 1 / 6), (4, 1 / 3))]
    return np.asarray(1.3 / 1.5 * np.sum(parts, 0))


def chirps(n_periods: int) -> Trials:
    """Oscillations that speed up and slow down again, with a pulse at the start of each."""
    half = CHIRP // 2
    rise = np.sin(2 * np.pi * np.linspace(1, 3, half) * np.arange(half) / 1000)
    pulse = np.r_[np.ones(50), np.zeros(CHIRP - 50)]
    wanted = np.tile(np.r_[rise, -rise[::-1]], n_periods)
    return one_trial(np.tile(pulse, n_periods)[:, None], wanted)


def one_trial(
    inputs: NDArray[np.float64], targets: NDArray[np.float64], dtype: torch.dtype = torch.float32
) -> Trials:
    """A batch of one."""
    n_steps, n_inputs = inputs.shape
    y = torch.as_tensor(targets.reshape(1, n_steps, -1), dtype=dtype)
    info = TrialInfo("signal", 1.0, 0, ("pulse",) * n_inputs, tuple(f"y{k}" for k in range(y.shape[2])))
    u = torch.as_tensor(inputs[None], dtype=dtype)
    return Trials(u, y, torch.ones(1, n_steps, dtype=dtype), {}, {}, info)


def table(runs: Sequence[Run], results: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """One row for each network."""
    return pd.DataFrame([
        {
            "task": run.task,
            "rule": run.rule if run.task != "memory" else "RidgeReadout",
            "activation": run.rule if run.task == "memory" else "tanh",
            "n_units": run.n_units,
            "spectral_radius": run.spectral_radius,
            "alpha": run.alpha,
            "seed": run.seed,
            **{name: found.get(name) for name in ("loss", "error", "capacity")},
        }
        for run, found in zip(runs, results, strict=True)
    ])


def findings(rows: pd.DataFrame) -> dict[str, str]:
    """The numbers the study is about."""
    found = {}
    for (task, rule, n), group in rows[rows.task != "memory"].groupby(["task", "rule", "n_units"]):
        each = ", ".join(f"{value:.2g}" for value in group.error)
        found[f"{task}, {rule}, {n} units: error / variance with nothing learning"] = each
    names = ["activation", "n_units", "spectral_radius", "alpha"]
    for (activation, n, radius, alpha), group in rows[rows.task == "memory"].groupby(names):
        share = group.capacity / n
        found[f"memory capacity / N, {activation}, {n} units, radius {radius}, alpha {alpha:g}"] = (
            f"{share.min():.2f} to {share.max():.2f}"
        )
    return found


def draw(runs: Sequence[Run], results: Sequence[dict[str, Any]]) -> Figure:
    """The six panels."""
    rows = table(runs, results)
    done = dict(zip(runs, results, strict=True))
    figure = Figure(figsize=(7.6, 4.6), layout="constrained")
    a, c, e, b, d, f = figure.subplots(2, 3).flat
    traces(a, done, [Run("sines", FORCE, 1000, 0)], 5 / 1000)
    errors(b, rows[rows.task == "sines"])
    traces(c, done, [Run("chirp", FORCE, 300, 0), Run("chirp", FULL, 300, 0, 0.0)], 5 / 1000)
    errors(d, rows[rows.task == "chirp"])
    for activation in ("identity", "tanh"):
        kept = np.array([
            found["kept"]
            for run, found in done.items()
            if (run.rule, run.n_units, run.spectral_radius, run.alpha)
            == (activation, N_RESERVOIR, 0.95, WEAK)
        ])
        e.plot(
            np.arange(1, kept.shape[1] + 1),
            kept.mean(0),
            color=COLOURS[activation],
            linewidth=1.3,
            label=activation,
        )
        own = rows[(rows.task == "memory") & (rows.activation == activation)]
        own = own[(own.n_units == N_RESERVOIR) & (own.alpha == WEAK)]
        f.scatter(own.spectral_radius, own.capacity / N_RESERVOIR, s=8, color=COLOURS[activation], alpha=0.6)
        middle = own.groupby("spectral_radius").capacity.median() / N_RESERVOIR
        f.plot(middle.index, middle, color=COLOURS[activation], linewidth=1.3)
    e.legend(frameon=False, fontsize=7)
    e.set(xlim=(0, 2 * N_RESERVOIR), ylim=(0, 1.05))
    f.axhline(1.0, color="0.7", linewidth=0.8, linestyle=":")
    f.set_ylim(0, 1.08)
    words = [
        (a, "a", "time (s)", "output, 1000 units"),
        (b, "b", "units", "error / variance"),
        (c, "c", "time (s)", "output, 300 units"),
        (d, "d", "units", "error / variance"),
        (e, "e", "delay (steps)", "memory, $R^2$"),
        (f, "f", "spectral radius", "capacity / units"),
    ]
    for ax, letter, x, y in words:
        ax.set_xlabel(x, fontsize=8)
        ax.set_ylabel(y, fontsize=8)
        ax.set_title(letter, loc="left", fontsize=9, fontweight="bold")
        ax.tick_params(labelsize=7)
        ax.spines[["top", "right"]].set_visible(False)
    return figure


def traces(ax: Axes, done: dict[Run, dict[str, Any]], runs: Sequence[Run], step: float) -> None:
    """Outputs beside the target."""
    for run in runs:
        output = done[run]["output"]
        ax.plot(np.arange(len(output)) * step, output, color=COLOURS[run.rule], linewidth=1.3, label=run.rule)
    target = done[runs[0]]["target"]
    ax.plot(
        np.arange(len(target)) * step,
        target,
        color="black",
        linewidth=1.0,
        linestyle=(0, (4, 2)),
        label="target",
    )
    ax.set_ylim(-1.6, 2.1)
    ax.legend(frameon=False, fontsize=6.5, ncols=3, loc="upper center", columnspacing=0.8, handlelength=1.5)


def errors(ax: Axes, rows: pd.DataFrame) -> None:
    """Each network, and the median."""
    for rule, own in rows.groupby("rule"):
        middle = own.groupby("n_units").error.median()
        ax.plot(
            middle.index, middle, color=COLOURS[rule], marker="_", markersize=10, linewidth=1.0, label=rule
        )
        ax.scatter(own.n_units, own.error, s=9, color=COLOURS[rule], alpha=0.7)
    ax.axhline(1e-2, color="0.8", linewidth=0.8, zorder=0)
    ax.set_yscale("log")
    ax.set_xlim(0, 1.08 * rows.n_units.max())
    ax.legend(frameon=False, fontsize=6.5)


def main() -> None:
    """Do what is missing, draw, write."""
    options, place = arguments(__doc__, "force", n_seeds=3)
    runs = planned(options.seeds)
    results = place.finished(execute, runs)
    rows = table(runs, results)
    rows.to_csv(options.to / "force.csv", index=False, float_format="%.4g")
    save_figure(draw(runs, results), options.to / "force.png")
    print("\n".join(f"{what}: {found}" for what, found in findings(rows).items()))


if __name__ == "__main__":
    main()
