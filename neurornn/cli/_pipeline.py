"""From a run folder to a run folder: train, simulate, analyse, report."""

__all__ = ["analyze", "dissected", "report", "simulate", "train"]

import dataclasses
import logging
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import xarray as xr
from tqdm import tqdm

from neurornn.checkpoint import load_checkpoint
from neurornn.cli._options import NetworkOptions, ObjectiveOptions, TrainingOptions
from neurornn.cli._tasks import task_config, task_of
from neurornn.config import encode, network_to_config
from neurornn.random import derive_seed
from neurornn.report import (
    MADE_FROM,
    analysis_origin,
    current_analysis,
    current_trials,
    dissect,
    examinations,
    metrics_of,
    trials_origin,
    write_report,
)
from neurornn.runs import Run
from neurornn.simulation import simulate as simulate_network
from neurornn.storage import CorruptFile, remove
from neurornn.tasks import AbstractTask
from neurornn.training import Progress
from neurornn.training import train as train_network

_log = logging.getLogger(__name__)

_ALWAYS = ("training.n_steps", "training.target_performance", "training.checkpoint_every")
_UNTIL_BEGUN = ("task", "network", "rule", "objective", "training", "seed")
_CHECKPOINT, _WEIGHTS = "checkpoint.safetensors", "weights.safetensors"
_MOST_LINES = 20  # of progress where there is no terminal


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

    Raises:
        ValueError: If the options make no sense, or a run with other settings, or with more steps, is there.
    """
    options.check(seed)
    network = network_options.build(task, seed)
    objective, rule = objective_options.build(), options.build_rule()
    optimizer = options.build_optimizer(network, rule)
    done = _steps_done(folder, options.n_steps)
    if done is None and (folder / _CHECKPOINT).exists():
        remove(folder / _CHECKPOINT)  # of step 0, perhaps with the settings that failed
    run = Run.create(
        folder,
        {
            "task": task_config(task),
            "network": network_to_config(network),
            "rule": encode(rule),
            "objective": encode(objective),
            "training": dataclasses.asdict(options),
            "seed": seed,
        },
        may_change=_UNTIL_BEGUN if done is None else _ALWAYS,
    )
    run.write_environment()
    where = f"from step {done}" if done else f"for up to {options.n_steps} steps"
    _log.info("training on %s %s in %s", task.name, where, run.path)
    quiet = not sys.stderr.isatty()
    every = options.validate_every * math.ceil(options.n_steps / options.validate_every / _MOST_LINES)
    with tqdm(total=options.n_steps, initial=done or 0, unit="step", disable=quiet) as bar:

        def show(progress: Progress) -> None:
            bar.update(progress.step - bar.n)
            bar.set_postfix(
                loss=f"{progress.loss:.3g}", performance=f"{progress.performance:.3f}", refresh=False
            )
            if quiet and progress.step % every == 0:
                _log.info(
                    "step %d of %d: loss %.3g, validation performance %.3f",
                    progress.step,
                    progress.n_steps,
                    progress.loss,
                    progress.performance,
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
    _log.info(
        "%s after %d steps, validation performance %.3f",
        result.stop_reason,
        result.n_steps,
        result.performance,
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

    Raises:
        CorruptFile: If the configuration of the run is damaged.
    """
    task, network = task_of(run), run.load_network()
    if seed is None:
        if type(run.config.get("seed")) is not int:
            raise CorruptFile(run.config_path, "its seed is not a whole number")
        seed = derive_seed(run.config["seed"], "held-out")
    if n_trials is None:
        n_trials = max(500, 10 * task.n_conditions)
    _log.info("simulating %d held-out trials of %s", n_trials, task.name)
    trials = task.sample(n_trials, seed=seed, balanced=task.supports_balanced)
    data = simulate_network(network, trials, task=task, seed=seed)
    data.attrs[MADE_FROM] = trials_origin(run)
    run.save_trials(data)
    return data


def analyze(run: Run, seed: int, also: Sequence[str] = ()) -> dict[str, Any]:
    """Dissect the trained network of a run; trials are simulated if there are none of its weights.

    Further analyses are added to what the run holds if it was dissected with the same seed, and saved one by one.

    Args:
        run: A run with weights.
        seed: Seed of candidates and bootstrap.
        also: Names of further analyses.

    Returns:
        The headline numbers, also saved.
    """
    data = _trials(run)
    tree = current_analysis(run) if also else None
    if tree is None or tree.attrs.get("seed") != seed:
        tree = _dissect(run, data, seed)
    network, task = run.load_network(), task_of(run)
    for name in also:
        tree = examinations.examine(examinations.Subject(network, task, data, tree, seed), name)
        run.save_analysis(tree)
    return _metrics(run, data, tree)


def dissected(run: Run) -> dict[str, Any]:
    """Make sure that a run holds trials and analyses of its weights; what is there and belongs to them is kept.

    Args:
        run: A run with weights.

    Returns:
        The headline numbers, also saved.
    """
    data = _trials(run)
    tree = current_analysis(run)
    return _metrics(run, data, _dissect(run, data, 0) if tree is None else tree)


def report(run: Run) -> Path:
    """Write the page of a run; what is missing or stale is computed first.

    Args:
        run: A run with weights.

    Returns:
        Path of the page.
    """
    dissected(run)
    _log.info("drawing the report")
    return write_report(run, task_of(run))


def _trials(run: Run) -> xr.Dataset:
    run.load_network()  # without weights nothing can be current
    data = current_trials(run)
    if data is None:
        return simulate(run, None, None)
    if MADE_FROM not in data.attrs:
        _log.warning("%s does not say which weights it comes from; it is taken as it is", run.trials_path)
    return data


def _dissect(run: Run, data: xr.Dataset, seed: int) -> xr.DataTree:
    run.load_history()  # what is damaged is told before the long work, not after it
    tree = dissect(run.load_network(), task_of(run), data, seed=seed)
    tree.attrs |= {MADE_FROM: analysis_origin(run), "seed": seed}
    run.save_analysis(tree)
    return tree


def _metrics(run: Run, data: xr.Dataset, tree: xr.DataTree) -> dict[str, Any]:
    metrics = metrics_of(tree, data, run.load_history())
    run.save_metrics(metrics)
    return metrics


def _steps_done(folder: Path, n_steps: int) -> int | None:
    """How far the training in a folder is.

    Args:
        folder: Folder of a run.
        n_steps: Steps wanted.

    Returns:
        Steps done; None if it never began or did not get past its first step, so that nothing is lost.

    Raises:
        ValueError: If it did more steps than are wanted.
    """
    trained = (folder / _WEIGHTS).exists()
    if not (folder / _CHECKPOINT).exists():
        return 0 if trained else None
    done = load_checkpoint(folder / _CHECKPOINT).step
    if done > n_steps:
        raise ValueError(
            f"The training in '{folder}' has done {done} steps and --n-steps {n_steps} are wanted. Ask for at least "
            "as many, or choose another folder."
        )
    if done == 0 and not trained:
        return None
    return done
