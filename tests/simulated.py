"""Trials of a task with behaviour that no network made: ideal outputs, blurred, some of them of other trials."""

import numpy as np
import torch
import xarray as xr

from neurornn.provenance import provenance
from neurornn.tasks.learning._reward_task import AbstractRewardTask


def labelled(task, trials, output):
    """Outputs in trials as a dataset, in the layout that ``simulate`` gives."""
    coords = {
        "trial": np.arange(trials.n_trials),
        "time": ("time", trials.time, {"units": "ms", "long_name": "time from trial onset"}),
        "input": list(trials.info.input_names),
        "output": list(trials.info.output_names),
    }
    for name, values in [*trials.conditions.items(), *task.behaviour(trials, output).items()]:
        attrs = {"long_name": name.replace("_", " "), "units": trials.info.units.get(name, "1")}
        coords[name] = ("trial", values, attrs)
    for name, bounds in trials.epochs.items():
        for side, edge in enumerate(("start", "end")):
            coords[f"epoch_{name}_{edge}"] = ("trial", bounds[:, side], {"units": "ms"})
    arrays = {
        "inputs": (trials.inputs, "input"),
        "outputs": (output, "output"),
        "targets": (trials.targets, "output"),
    }
    return xr.Dataset(
        {name: (("trial", "time", last), values.numpy()) for name, (values, last) in arrays.items()}
        | {"mask": (("trial", "time"), trials.mask.numpy()), "valid": (("trial", "time"), trials.valid.numpy())},
        coords=coords,
        attrs=provenance("neurornn.Trials/1") | {"task": trials.info.task, "dt": trials.info.dt},
    )  # fmt: skip


def imperfect(task, trials, *, seed=0, swapped=0.15, gain=0.1, noise=0.02):
    """Ideal outputs of which some stand in another trial, each scaled by its own factor, with noise in each step."""
    rng = np.random.default_rng(seed)
    ideal = task.ideal_output(trials).numpy().astype(np.float64)
    rows = np.arange(len(ideal))
    lapse = rng.random(len(ideal)) < swapped
    rows[lapse] = rng.integers(len(ideal), size=int(lapse.sum()))
    size = 1 + gain * rng.standard_normal((len(ideal), 1, 1))
    return torch.from_numpy(
        (size * ideal[rows] + noise * rng.standard_normal(ideal.shape)).astype(np.float32)
    )


def behaving(task, n=300, *, seed=0):
    """A dataset of an imperfect subject, on the grid of conditions where n trials visit it all; of a reward task, decisions."""
    if isinstance(task, AbstractRewardTask):
        trials = task.sample(max(1, n // 20), seed=seed)
        return task.decisions(trials, imperfect(task, trials, seed=seed, swapped=0.0, noise=1.0))
    balanced = task.supports_balanced and task.n_conditions <= n
    trials = task.sample(n, seed=seed, split="all", balanced=balanced)
    return labelled(task, trials, imperfect(task, trials, seed=seed))
