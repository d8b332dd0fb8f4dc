"""From a run folder to a run folder: train, simulate, analyse, report."""

__all__ = ["analyze", "report", "simulate", "task_list", "task_page", "train"]

import dataclasses
import inspect
import sys
from pathlib import Path
from typing import Any

import xarray as xr
from tqdm import tqdm

from neurornn import tasks
from neurornn.cli._options import NetworkOptions, ObjectiveOptions, TrainingOptions
from neurornn.config import TYPES, decode, encode, network_to_config
from neurornn.random import derive_seed
from neurornn.report import dissect, metrics_of, write_report
from neurornn.runs import Run
from neurornn.simulation import simulate as simulate_network
from neurornn.tasks import AbstractTask
from neurornn.training import Progress
from neurornn.training import train as train_network


def task_list() -> str:
    """One line for each registered task.

    Returns:
        Text for a terminal.
    """
    known = {name: tasks.make(name) for name in tasks.names()}
    width = max(map(len, known))
    lines = [f"{name:<{width}}  {_summary(task)}" for name, task in known.items()]
    return "\n".join([
        *lines,
        "",
        "neurornn tasks NAME describes one; neurornn train --task NAME trains on it.",
    ])


def task_page(task: AbstractTask) -> str:
    """Channels, conditions, epochs and parameters of a task.

    Args:
        task: The task.

    Returns:
        Text for a terminal.
    """
    trials = task.sample(1, seed=0)
    fields = {each.name: getattr(task, each.name) for each in dataclasses.fields(task)}
    width = max(map(len, fields))
    return "\n".join([
        f"{task.name}: {_summary(task)}",
        "",
        f"inputs      {', '.join(task.input_names)}",
        f"outputs     {', '.join(task.output_names)}",
        f"epochs      {', '.join(trials.epochs)}",
        f"conditions  {', '.join(trials.conditions)}",
        f"grid        {task.n_conditions} balanced conditions: {', '.join(task.factor_names) or 'none'}",
        f"loss        {task.loss}",
        "",
        f"parameters, set as --task {task.name.rpartition('-v')[0]}:name=value,name=value",
        *(f"  {name:<{width}}  {value}" for name, value in fields.items()),
    ])


def train(
    folder: Path,
    task: AbstractTask,
    network_options: NetworkOptions,
    objective_options: ObjectiveOptions,
    options: TrainingOptions,
    seed: int,
) -> Run:
    """Train in a run folder, continuing what is there.

    Args:
        folder: The folder.
        task: Task.
        network_options: The network.
        objective_options: What to minimise.
        options: How to train.
        seed: Seed of everything.

    Returns:
        The run, with weights.
    """
    network = network_options.build(task, seed)
    objective, rule = objective_options.build(), options.build_rule()
    optimizer = options.build_optimizer(network)
    run = Run.create(
        folder,
        {
            "task": {"name": task.name} | encode(task, _types(task)),
            "network": network_to_config(network),
            "rule": encode(rule),
            "objective": encode(objective),
            "training": dataclasses.asdict(options),
            "seed": seed,
        },
        may_change=("training.n_steps", "training.target_performance", "training.checkpoint_every"),
    )
    run.write_environment()
    quiet = not sys.stderr.isatty()
    with tqdm(total=options.n_steps, unit="step", desc=f"training on {task.name}", disable=quiet) as bar:

        def show(progress: Progress) -> None:
            bar.update(progress.step - bar.n)
            bar.set_postfix(
                loss=f"{progress.loss:.3g}", performance=f"{progress.performance:.3f}", refresh=False
            )

        result = train_network(
            network,
            task,
            rule=rule,
            optimizer=optimizer,
            objective=objective,
            n_steps=options.n_steps,
            batch_size=options.batch_size,
            seed=seed,
            clip_norm=options.clip_norm,
            validate_every=options.validate_every,
            target_performance=options.target_performance,
            checkpoint=run.checkpoint_path,
            checkpoint_every=options.checkpoint_every,
            callback=show,
        )
    run.save_weights(network)
    run.save_history(result.history)
    return run


def simulate(run: Run, n_trials: int | None, seed: int | None) -> xr.Dataset:
    """Simulate trials that training never saw.

    Args:
        run: A trained run.
        n_trials: Number of trials; at least ten for every condition if None.
        seed: Seed of trials and noise; one derived from the run's seed, but not used in training, if None.

    Returns:
        The labelled trials, also saved.
    """
    task, network = _task(run), run.load_network()
    if seed is None:
        seed = derive_seed(int(run.config["seed"]), "held-out")
    if n_trials is None:
        n_trials = max(500, 10 * task.n_conditions)
    trials = task.sample(n_trials, seed=seed, balanced=task.supports_balanced)
    data = simulate_network(network, trials, task=task, seed=seed)
    run.save_trials(data)
    return data


def analyze(run: Run, seed: int) -> dict[str, Any]:
    """Dissect the trained network of a run.

    Args:
        run: A run with weights; trials are simulated if there are none yet.
        seed: Seed of candidates and bootstrap.

    Returns:
        The headline numbers, also saved.
    """
    data = run.load_trials() if run.trials_path.exists() else simulate(run, None, None)
    tree = dissect(run.load_network(), _task(run), data, seed=seed)
    run.save_analysis(tree)
    metrics = metrics_of(tree, data, run.load_history())
    run.save_metrics(metrics)
    return metrics


def report(run: Run) -> Path:
    """Write the page of a run; what is missing is computed first.

    Args:
        run: A run with weights.

    Returns:
        Path of the page.
    """
    if not run.analysis_path.exists() or not run.metrics_path.exists():
        analyze(run, 0)
    return write_report(run)


def _types(task: AbstractTask) -> tuple[type, ...]:
    return (*TYPES, tasks.Choice, tasks.Fixed, tasks.TruncatedExponential, tasks.Uniform, type(task))


def _task(run: Run) -> AbstractTask:
    """The task of a run, rebuilt from its configuration."""
    stored = dict(run.config["task"])
    blank = tasks.make(stored.pop("name"))
    task: AbstractTask = decode(stored, type(blank), _types(blank), "config.task")
    return task


def _summary(task: AbstractTask) -> str:
    return (inspect.getdoc(type(task)) or "").partition("\n")[0]
