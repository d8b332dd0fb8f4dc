"""RECOLLECT learns to remember, and learns to learn: draws recollect.png, writes recollect.csv.

python docs/gallery/recollect.py

After van den Berg, Roelfsema & Bohte (2024) https://doi.org/10.1371/journal.pone.0316453. Gated memories learn by acting, from
reward alone: pro- and anti-saccades after a delay that grows, and a bandit whose two arms change places. Finished runs are kept
in .cache/ and not done again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from _runs import arguments, save_figure
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn import Progress, Trials, rules, tasks, train
from neurornn.networks import GatedMemory
from neurornn.tasks._behaviour import as_array
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._task import AbstractTask
from neurornn.tasks.learning import Reversal, rollout

STEP, DELAYS, BATCH = 100.0, (1, 2, 4, 8), 32  # ms; steps; trials side by side
MOST, CHECK = 2000, 50  # batches for each delay, and between tests
CONTROLS = {"forgetful": "gates that keep nothing", "shuffled": "reward of another trial"}
SACCADE = rules.RECOLLECT(rate=0.3, gate_rate=0.6, decay=0.4, each_step=True)
BANDIT = rules.RECOLLECT(rate=0.1, gate_rate=0.6, decay=0.4, discount=0.5)
PUBLISHED = rules.RECOLLECT()  # played by networks with the published gates, too
N_BANDIT, EVERY, N_EPISODES, LAGS = 800, 100, 400, np.arange(-5, 16)
N_BANDIT_SEEDS, N_CONTROL_SEEDS = 3, 2
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"]


@dataclass(frozen=True, kw_only=True)
class ProAnti(AbstractTask):
    """Look to the side of a cue or to the other one, as the fixation mark said, once the mark has gone.

    A step with the mark (pro or anti), one with mark and cue, a delay with the mark, then three steps with nothing in which to
    answer. Right: fixation in every step until the mark goes, and then the right side before any other.

    Attributes:
        delay: Steps between the cue and the end of the mark.
        shuffled: Whether what is rewarded is the answer of another trial.
    """

    name = "pro-anti-v1"
    input_names = ("pro", "anti", "left", "right")
    output_names = ("fixation", "left", "right")

    dt: float = STEP
    delay: int = 1
    shuffled: bool = False

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        rule, cue = draws.choice("rule", ("pro", "anti")), draws.choice("cue", ("left", "right"))
        side = np.where((rule == "pro") == (cue == "left"), 1, 2)
        paid = np.where(draws.coin("paid") > 0, 1, 2) if self.shuffled else side
        one = np.ones(draws.n_trials, dtype=np.int64)
        epochs = Epochs(self.dt, {"mark": one, "cue": one, "delay": self.delay * one, "go": 3 * one})
        mark, shown, go = epochs.before("go"), epochs.during("cue"), epochs.during("go")
        return self._assemble(
            draws,
            epochs,
            inputs={name: mark & (rule == name)[:, None] for name in ("pro", "anti")}
            | {name: shown & (cue == name)[:, None] for name in ("left", "right")},
            targets={"fixation": mark, "left": go & (paid == 1)[:, None], "right": go & (paid == 2)[:, None]},
            mask=epochs.valid,
            conditions={"side": side},
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        action, n = as_array(trials, output).argmax(-1), 2 + self.delay
        held, after = (action[:, :n] == 0).all(1), action[:, n:]
        answer = np.take_along_axis(after, (after > 0).argmax(1)[:, None], 1)[:, 0]
        return {"performance": (held & (answer == trials.conditions["side"])).astype(np.float64)}

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        return {"delay, pro": torch.eye(4)[0], "delay, anti": torch.eye(4)[1], "go": torch.zeros(4)}


@dataclass(frozen=True)
class Run:
    """One network that learns.

    Attributes:
        what: saccade, bandit, bandit with the published constants, or a control.
        seed: Seed of the network, the trials and the actions.
        settings: The rule and the longest training.
    """

    what: str
    seed: int
    settings: str


def learn(run: Run) -> dict[str, Any]:
    """What a network did while it learned, and after."""
    torch.set_num_threads(1)
    return learn_bandit(run) if run.what in {"bandit", "published"} else learn_saccades(run)


def learn_saccades(run: Run) -> dict[str, Any]:
    """Trials until all four kinds are right without exploration, delay by delay; gates and memories after the last."""
    network = GatedMemory(4, 7, 3, dt=STEP, threshold=0.0, slope=2.0, seed=run.seed)
    if run.what == "forgetful":
        with torch.no_grad():
            network.b_gate.fill_(-1e3)
        network.W_gate.requires_grad_(False)
        network.b_gate.requires_grad_(False)
    n_trials, performance = [], []
    for delay in DELAYS if run.what == "saccade" else DELAYS[:1]:
        task = ProAnti(delay=delay, shuffled=run.what == "shuffled")
        found = train(
            network, task, rule=SACCADE, n_steps=MOST if run.what == "saccade" else MOST // 2, batch_size=BATCH,
            seed=run.seed, validate_every=CHECK, n_validation=8, target_performance=1.0,
        )  # fmt: skip
        n_trials.append(found.n_steps * BATCH)
        performance.append(found.performance)
        if found.performance < 1:
            break
    trials = ProAnti(delay=8).grid()
    with torch.no_grad():
        trace = network(trials.inputs)
        keep = network.gates(trials.inputs).keep
    return {
        "n_trials": n_trials,
        "performance": performance,
        "keep": keep.tolist(),
        "memory": trace.state.tolist(),
        "value": trace.output.tolist(),
        "rule": trials.conditions["rule"].tolist(),
        "cue": trials.conditions["cue"].tolist(),
    }


def learn_bandit(run: Run) -> dict[str, Any]:
    """Best choices in new worlds during learning; choices around reversals with the weights at rest."""
    task = bandit()
    rule, threshold, slope = (PUBLISHED, 2.5, 1.0) if run.what == "published" else (BANDIT, 0.0, 2.0)
    network = GatedMemory(
        task.n_inputs, 8, task.n_outputs, dt=STEP, threshold=threshold, slope=slope, seed=run.seed
    )
    seen, best = [0], [float(played(network, task).performance.mean())]

    def look(progress: Progress) -> None:
        if progress.step % EVERY == 0:
            seen.append(progress.step * BATCH)
            best.append(float(played(network, task).performance.mean()))

    train(
        network, task, rule=rule, n_steps=N_BANDIT, batch_size=BATCH, seed=run.seed, validate_every=N_BANDIT,
        n_validation=20, callback=look,
    )  # fmt: skip
    history = played(network, task)
    return {
        "trial": seen,
        "best": best,
        "around": around(history),
        "reward": float(history.reward.mean()),
        **stays(history),
    }


def bandit() -> Reversal:
    """Two arms that pay in 80 and 20 % and change places in 1 of 25 decisions; one step for a decision."""
    made = tasks.make("reversal", dt=STEP, grace=0.0, n_decisions=50)
    if not isinstance(made, Reversal):
        raise TypeError(f"The task is {type(made).__name__}.")
    return made


def played(network: GatedMemory, task: Reversal) -> xr.Dataset:
    """New worlds, the largest output taken."""
    return rollout(network, task, N_EPISODES, seed=1, record=False)


def observed(task: Reversal) -> xr.Dataset:
    """The same worlds, played by the ideal observer."""
    world = task.play(N_EPISODES, seed=1, split="test")
    observer = task.observer(world)
    while not world.done:
        action = observer.choose()
        observer.learn(action, world.act(action).double().numpy())
    return world.history()


def shifted(task: Reversal) -> xr.Dataset:
    """The same worlds, played without a memory of more than the last choice: stay after a reward, else change."""
    world, action = task.play(N_EPISODES, seed=1, split="test"), np.zeros(N_EPISODES, dtype=np.int64)
    while not world.done:
        action = np.where(world.act(action).numpy() > 0, action, 1 - action)
    return world.history()


def around(history: xr.Dataset) -> list[float]:
    """Share of choices of the arm that is good after a reversal, by decisions since, no other reversal in between."""
    size = (N_EPISODES, -1)
    choice, good, turn = (
        history[name].values.reshape(size) for name in ("choice", "good_option", "reversal")
    )
    rows = []
    for episode, at in zip(*np.nonzero(turn), strict=True):
        window = at + LAGS
        if window[0] >= 0 and window[-1] < turn.shape[1] and turn[episode, window].sum() == 1:
            rows.append(choice[episode, window] == good[episode, at])
    return np.asarray(np.mean(rows, axis=0)).tolist()


def stays(history: xr.Dataset) -> dict[str, float]:
    """How often a choice is repeated after a reward and after none."""
    choice, reward = (history[name].values.reshape(N_EPISODES, -1) for name in ("choice", "reward"))
    same, won = choice[:, 1:] == choice[:, :-1], reward[:, :-1] > 0
    return {"stay after reward": float(same[won].mean()), "stay after none": float(same[~won].mean())}


def planned(n_seeds: int) -> list[Run]:
    """The runs of the study."""
    saccade, other = f"{SACCADE} {DELAYS} {BATCH} {MOST}", f"{BANDIT} {BATCH} {N_BANDIT}"
    published = f"{PUBLISHED} {BATCH} {N_BANDIT}"
    runs = []
    for seed in range(n_seeds):
        if seed < N_BANDIT_SEEDS:
            runs += [Run("bandit", seed, other), Run("published", seed, published)]
        runs += [Run("saccade", seed, saccade)]
        runs += [Run(control, seed, saccade) for control in CONTROLS] if seed < N_CONTROL_SEEDS else []
    return runs


def table(runs: Sequence[Run], results: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row for each network and delay, or for each network that played the bandit."""
    rows: list[dict[str, Any]] = []
    for run, found in zip(runs, results, strict=True):
        own = {"what": run.what, "seed": run.seed}
        if run.what in {"bandit", "published"}:
            rows.append(
                own
                | {"trials": found["trial"][-1], "performance": found["best"][-1], "reward": found["reward"]}
                | {name.replace(" ", "_"): found[name] for name in ("stay after reward", "stay after none")}
            )
            continue
        pairs = zip(DELAYS, found["n_trials"], found["performance"], strict=False)
        rows += [own | {"delay": d, "trials": n, "performance": p} for d, n, p in pairs]
    return pd.DataFrame(rows)


def findings(runs: Sequence[Run], results: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The numbers the study is about."""
    rows, found = table(runs, results), {}
    saccade = rows[rows.what == "saccade"]
    for delay in DELAYS:
        own = saccade[saccade.delay == delay]
        done = own[own.performance == 1.0]
        found[f"saccades, delay {delay}"] = (
            f"{len(done)} of {saccade.seed.nunique()} seeds, median {done.trials.median():.0f} further trials"
        )
    total = saccade.groupby("seed").trials.sum()
    found["saccades, all delays"] = f"{total.min()} to {total.max()} trials, median {total.median():.0f}"
    for control, text in CONTROLS.items():
        own = rows[rows.what == control]
        found[text] = ", ".join(
            f"{p:.3f} after {n}" for p, n in zip(own.performance, own.trials, strict=True)
        )
    kept = [gates(each) for run, each in zip(runs, results, strict=True) if run.what == "saccade"]
    found["gate of the most lasting unit in the delay"] = (
        f"{min(max(d) for _, d in kept):.3f} to {max(max(d) for _, d in kept):.3f}"
    )
    task = bandit()
    ideal = observed(task)
    found["ideal observer"] = (
        f"best {float(ideal.performance.mean()):.3f}, reward {float(ideal.reward.mean()):.3f}, {stays(ideal)}"
    )
    found["win-stay, lose-shift"] = f"best {float(shifted(task).performance.mean()):.3f}"
    found["ideal observer around reversals"] = str(np.round(around(ideal), 2).tolist())
    for run, each in zip(runs, results, strict=True):
        if run.what in {"bandit", "published"}:
            found[f"{run.what}, seed {run.seed}"] = (
                f"best {each['best'][0]:.3f} before, {each['best'][-1]:.3f} after; reward {each['reward']:.3f}; stays "
                f"{each['stay after reward']:.2f} and {each['stay after none']:.2f}; around {np.round(each['around'], 2).tolist()}"
            )
    return found


def gates(found: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """Mean gate of each unit while the cue is on and in the delay, over the four kinds of trials."""
    keep = np.array(found["keep"])
    return keep[:, 1].mean(0).tolist(), keep[:, 2:10].mean((0, 1)).tolist()


def draw(runs: Sequence[Run], results: Sequence[Mapping[str, Any]]) -> Figure:
    """The six panels."""
    figure = Figure(figsize=(8.6, 5.2), layout="constrained")
    a, b, c, d, e, f = figure.subplots(2, 3).flat
    by = {what: [each for run, each in zip(runs, results, strict=True) if run.what == what] for what in (*CONTROLS, "saccade", "bandit", "published")}  # fmt: skip
    for k, found in enumerate(by["saccade"]):
        total = np.cumsum(found["n_trials"]) / 1000
        a.plot(range(len(total)), total, color=COLOURS[k % 5], marker="o", markersize=3.5, linewidth=1.0)
    a.set_xticks(range(len(DELAYS)), [str(each) for each in DELAYS])
    a.set_ylim(bottom=0)
    label(a, "a", "delay (steps)", "trials so far (thousands)")
    learned = next((each for each in by["saccade"] if each["performance"][-1] == 1.0), by["saccade"][0])
    draw_trial(b, c, learned)
    for k, found in enumerate(by["saccade"]):
        cue, delay = gates(found)
        d.scatter(cue, delay, s=12, color=COLOURS[k % 5])
    d.plot([0, 1], [0, 1], color="0.8", linewidth=0.8, zorder=0)
    label(d, "d", "gate while the cue is on", "gate in the delay")
    ideal = observed(bandit())
    for found in by["published"]:
        e.plot(np.array(found["trial"]) / 1000, found["best"], color="0.75", linewidth=1.0)
    for k, found in enumerate(by["bandit"]):
        e.plot(np.array(found["trial"]) / 1000, found["best"], color=COLOURS[k], linewidth=1.2)
        f.plot(LAGS, found["around"], color=COLOURS[k], linewidth=1.2)
    e.axhline(float(ideal.performance.mean()), color="black", linewidth=1.0, linestyle=(0, (4, 2)))
    e.axhline(float(shifted(bandit()).performance.mean()), color="0.5", linewidth=0.9, linestyle=":")
    label(e, "e", "episodes of learning (thousands)", "best choices in new worlds")
    f.plot(LAGS, around(ideal), color="black", linewidth=1.0, linestyle=(0, (4, 2)), label="ideal observer")
    f.axvline(0, color="0.8", linewidth=0.8, zorder=0)
    f.legend(frameon=False, fontsize=7, loc="lower right")
    f.set_ylim(0, 1)
    label(f, "f", "decisions since the reversal", "choices of the newly good arm")
    return figure


def draw_trial(b: Axes, c: Axes, found: Mapping[str, Any]) -> None:
    """Memory that tells the sides apart best, and the values of the two answers, in the four kinds of trials."""
    memory, value = np.array(found["memory"]), np.array(found["value"])
    rule, cue = np.array(found["rule"]), np.array(found["cue"])
    left = (rule == "pro") == (cue == "left")
    apart = np.abs(memory[left].mean(0) - memory[~left].mean(0))[2:10].mean(0)
    unit, steps = int(apart.argmax()), np.arange(memory.shape[1])
    for k in range(len(rule)):
        style = {
            "color": COLOURS[0] if left[k] else COLOURS[1],
            "linestyle": "-" if rule[k] == "pro" else "--",
        }
        b.plot(steps, memory[k, :, unit], linewidth=1.2, label=f"{rule[k]}, cue {cue[k]}", **style)
        c.plot(steps, value[k, :, 1] - value[k, :, 2], linewidth=1.2, **style)
    for ax in (b, c):
        ax.axvspan(0.5, 1.5, color="0.92", zorder=0)
        ax.axvline(9.5, color="0.7", linewidth=0.8, zorder=0)
    b.set_ylim(0, 1)
    b.legend(frameon=False, fontsize=6.5, loc="best")
    label(b, "b", "step", "memory of one unit")
    label(c, "c", "step", "value of left minus right")


def label(ax: Axes, letter: str, x: str, y: str) -> None:
    """Letter and axes."""
    ax.set_title(letter, loc="left", fontsize=9, fontweight="bold")
    ax.set_xlabel(x, fontsize=8)
    ax.set_ylabel(y, fontsize=8)
    ax.tick_params(labelsize=7)
    ax.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Do what is missing, draw, write."""
    options, place = arguments(__doc__, "recollect", n_seeds=5)
    runs = planned(options.seeds)
    results = place.finished(learn, runs)
    table(runs, results).to_csv(options.to / "recollect.csv", index=False, float_format="%.4g")
    save_figure(draw(runs, results), options.to / "recollect.png")
    print("\n".join(f"{what}: {found}" for what, found in findings(runs, results).items()))


if __name__ == "__main__":
    main()
