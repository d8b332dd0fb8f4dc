"""One network learns the 20 tasks of Yang et al. (2019): writes yang20.csv and draws yang20.png.

python docs/gallery/yang20.py

After Yang et al. (2019) https://doi.org/10.1038/s41593-018-0310-2. 256 softplus units in rate form, time constant
100 ms, steps of 20 ms, recurrent noise 0.05, recurrent weights half the identity at the start, as there. Each batch of 64
trials mixes the tasks; contextdm1 and contextdm2 come five times as often as the others, as there. Adam, its learning rate
3e-3 and halved every 10 000 steps, not below 1e-4; gradients longer than 0.3 are shortened to that. Training stops when
every task is done correctly in at least 92 % of 200 trials each, and is then measured in 1000 new trials of each task. It
prints how far it is, can be stopped at any moment, and goes on from .cache/ when it is started again.
"""

import argparse
import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import xarray as xr
from _runs import save_figure
from matplotlib.figure import Figure
from tqdm import tqdm

from neurornn import CTRNN, Progress, simulate, train
from neurornn.analysis import task_variance
from neurornn.analysis.behaviour import wilson_interval
from neurornn.connectivity import Identity
from neurornn.random import torch_generator
from neurornn.tasks.suites import YANG_WEIGHTS, Interleaved, MultiTask

HERE = Path(__file__).parent
RATE, HALVED_EVERY, LOWEST = 3e-3, 10_000, 1e-4  # learning rate
CHECKED_EVERY, N_CHECK, N_TEST, N_STILL = 1000, 200, 1000, 100  # steps; trials of each rule
CRITERION, MARGIN = 0.9, 0.02


def optimiser(network: CTRNN) -> torch.optim.Optimizer:
    """Adam with a learning rate that follows from the number of steps it has done."""
    adam = torch.optim.Adam(network.parameters(), lr=RATE)

    def slow_down(_: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        done = [state["step"].item() for state in adam.state.values() if "step" in state]
        for group in adam.param_groups:
            group["lr"] = max(RATE * 0.5 ** (max(done, default=0.0) / HALVED_EVERY), LOWEST)

    adam.register_step_pre_hook(slow_down)
    return adam


def by_rule(network: CTRNN, task: MultiTask, n_trials: int, seed: int) -> Mapping[str, float]:
    """Fraction of correct trials of each rule."""
    correct = {}
    for rule in task.members:
        trials = task.sample(n_trials, seed=seed, split="test", conditions={"rule": rule})
        with torch.no_grad():
            run = network.outputs(trials.inputs, generator=torch_generator(seed, "measured", rule))
        correct[rule] = float(task.performance(trials, run.output).mean())
    return correct


def learn(network: CTRNN, task: MultiTask, n_steps: int, folder: Path) -> pd.DataFrame:
    """Train until every rule is learned, and tell how far it is."""
    table = folder / "progress.csv"
    progress = pd.read_csv(table) if table.exists() else pd.DataFrame({"step": [0]})
    with tqdm(total=n_steps, unit="step", mininterval=10) as bar:

        def tell(now: Progress) -> None:
            bar.update(now.step - bar.n)

        def train_to(step: int) -> None:
            train(
                network,
                task,
                optimizer=optimiser(network),
                n_steps=step,
                batch_size=64,
                clip_norm=0.3,
                validate_every=CHECKED_EVERY // 4,
                n_validation=200,
                checkpoint=folder / "checkpoint.safetensors",
                callback=tell,
            )

        done = int(progress["step"].max())
        if done and (learned(progress) or done >= n_steps):
            train_to(done)  # nothing is left to do but to load the weights
        while done < n_steps and not learned(progress):
            done += CHECKED_EVERY
            train_to(done)
            correct = by_rule(network, task, N_CHECK, seed=1)
            row = pd.DataFrame([{"step": done, "mean": np.mean(list(correct.values())), **correct}])
            progress = pd.concat([progress[progress["step"] > 0], row])
            progress.to_csv(table, index=False, float_format="%.3f")
            worst = sorted(correct, key=correct.__getitem__)[:4]
            bar.write(
                f"{done} steps: mean {np.mean(list(correct.values())):.3f}, worst "
                + ", ".join(f"{rule} {correct[rule]:.2f}" for rule in worst)
            )
    return progress


def learned(progress: pd.DataFrame) -> bool:
    """Whether every rule was done well enough when it was last looked at."""
    rules = [name for name in progress if name not in {"step", "mean"}]
    return bool(rules) and bool((progress.iloc[-1][rules] >= CRITERION + MARGIN).all())


def measured(network: CTRNN, task: MultiTask) -> pd.DataFrame:
    """Performance of each rule in new trials, with its 95 % interval."""
    correct = by_rule(network, task, N_TEST, seed=2)
    ends = wilson_interval([round(each * N_TEST) for each in correct.values()], N_TEST)
    return pd.DataFrame(
        {"rule": list(correct), "performance": list(correct.values()), "low": ends[:, 0], "high": ends[:, 1], "n_trials": N_TEST}
    )  # fmt: skip


def without_noise(network: CTRNN, task: MultiTask) -> dict[str, xr.Dataset]:
    """Trials of each rule with one timing, without any noise."""
    quiet, still = copy.deepcopy(network), replace(task, sigma_in=0.0)
    quiet.sigma_rec = 0.0
    return {
        rule: simulate(
            quiet, still.sample(N_STILL, seed=3, conditions={"rule": rule, **task.fixed_timing(rule)})
        )
        for rule in task.members
    }


def draw(progress: pd.DataFrame, table: pd.DataFrame, datasets: Mapping[str, xr.Dataset], path: Path) -> None:
    """Learning curves, performance, task variance and a composed rule."""
    figure = Figure(figsize=(11.0, 8.4), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(1.0, 1.25), height_ratios=(1.0, 1.1))
    curves, bars, map_, sums = (figure.add_subplot(grid[k // 2, k % 2]) for k in (0, 1, 3, 2))
    rules = table["rule"].tolist()
    curves.plot(progress["step"], progress[rules], color="#bbbbbb", linewidth=0.7)
    curves.plot(progress["step"], progress[rules].mean(axis=1), color="#0072B2", label="mean of 20 tasks")
    curves.plot(progress["step"], progress[rules].min(axis=1), color="#D55E00", label="worst task")
    curves.axhline(CRITERION, color="black", linewidth=0.8, linestyle=":")
    curves.set(
        xlabel="training step",
        xticks=range(0, int(progress["step"].max()) + 1, 10_000),
        ylabel="fraction correct",
        ylim=(0.0, 1.02),
    )
    curves.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    place = np.arange(len(rules))
    ends = np.abs(table[["low", "high"]].to_numpy().T - table["performance"].to_numpy())
    bars.errorbar(place, table["performance"], ends, fmt="o", color="#0072B2", markersize=4, capsize=2)
    bars.axhline(CRITERION, color="black", linewidth=0.8, linestyle=":")
    bars.set_xticks(place, rules, rotation=90, fontsize=8)
    bars.set(ylabel="fraction correct, new trials", ylim=(min(0.8, table["low"].min() - 0.02), 1.01))
    variances = task_variance.cluster(task_variance.task_variance(datasets))
    task_variance.plot_task_variance(variances, ax=map_)
    states = task_variance.rule_states(datasets, epoch="stimulus")
    found = task_variance.composition(states, "delayanti", plus=("delaygo", "fdanti"), minus=("fdgo",))
    task_variance.plot_composition(found, ax=sums)
    for letter, axes in zip("abcd", (curves, bars, sums, map_), strict=True):
        axes.set_title(letter, loc="left", fontweight="bold")
    save_figure(figure, path)


def main() -> None:
    """Train, measure, draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=60_000, help="training steps at most")
    parser.add_argument("--to", type=Path, default=HERE, help="folder of figure and table")
    parser.add_argument(
        "--cache", type=Path, default=HERE / ".cache" / "yang20", help="folder of the training"
    )
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    task = MultiTask(schedule=Interleaved(YANG_WEIGHTS))
    network = CTRNN(
        task.n_inputs, 256, task.n_outputs, form="rate", sigma_rec=0.05, init=Identity(0.5), seed=0
    )  # fmt: skip
    progress = learn(network, task, options.steps, options.cache)
    table = measured(network, task)
    table.to_csv(options.to / "yang20.csv", index=False, float_format="%.4f")
    draw(progress, table, without_noise(network, task), options.to / "yang20.png")
    print(table.to_string(index=False, float_format="%.3f"))
    print(f"{(table['performance'] >= CRITERION).sum()} of {len(table)} tasks at {CRITERION} or above")


if __name__ == "__main__":
    main()
