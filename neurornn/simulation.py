"""Run a network over trials and label everything it did."""

__all__ = ["simulate"]

import json
from typing import Any, Protocol

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from neurornn.networks import AbstractNetwork
from neurornn.provenance import provenance
from neurornn.random import torch_generator
from neurornn.trials import Trials

_VARIABLES = ("inputs", "state", "rate", "outputs", "targets", "mask", "valid")


class HasBehaviour(Protocol):
    """Anything that turns outputs into behaviour; every task does."""

    def behaviour(self, trials: Trials, output: Tensor) -> dict[str, NDArray[Any]]:
        """Behavioural variables, one value for each trial."""


def simulate(
    network: AbstractNetwork, trials: Trials, *, task: HasBehaviour | None = None, seed: int = 0
) -> xr.Dataset:
    """Run trials and return everything in one labelled container, the schema recordings share.

    Args:
        network: Network to run; it is left untouched.
        trials: Trials to run.
        task: If given, its behaviour (choice, correct, ...) is added to the trial coordinates.
        seed: Seed of the recurrent noise.

    Returns:
        A dataset with dimensions ``trial, time, unit, input, output``: variables ``inputs``, ``state``, ``rate``,
        ``outputs``, ``targets``, ``mask`` and ``valid`` (1 inside the trial, 0 in its padding), the conditions and
        epoch bounds as coordinates of ``trial``, cell types and areas as coordinates of ``unit``, channel names as
        coordinates of ``input`` and ``output``.

    Raises:
        ValueError: If the trials have another time step or other outputs, belong to another task, or a condition has
            the name of something else.

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> task = tasks.make("context-decision")
        >>> ds = simulate(CTRNN(task.n_inputs, 20, task.n_outputs), task.sample(4, seed=0), task=task)
        >>> ds.rate.dims, ds.time.attrs["units"], ds.choice.dims
        (('trial', 'time', 'unit'), 'ms', ('trial',))
    """
    network.check_trials(trials)
    if network.n_outputs != len(trials.info.output_names):
        raise ValueError(
            f"Task '{trials.info.task}' has {len(trials.info.output_names)} outputs but the network was built with "
            f"n_outputs={network.n_outputs}. Build it with n_outputs=task.n_outputs."
        )
    wanted = trials.info.task if task is None else getattr(task, "name", trials.info.task)
    if wanted != trials.info.task:
        raise ValueError(
            f"The trials are of task '{trials.info.task}' and their behaviour was asked of '{wanted}'. Pass the task "
            "they were sampled from."
        )
    like = next(network.parameters())
    with torch.no_grad():
        run = network(
            trials.to(like).inputs, generator=torch_generator(seed, "simulation", device=like.device)
        )
    behaviour = {} if task is None else task.behaviour(trials, run.output.to(trials.inputs))
    units = trials.info.units
    coords: dict[str, Any] = {
        "trial": np.arange(trials.n_trials),
        "time": ("time", trials.time, {"units": "ms", "long_name": "time from trial onset"}),
        "unit": np.arange(network.n_units),
        "input": list(trials.info.input_names),
        "output": list(trials.info.output_names),
        "cell_type": ("unit", network.cell_types),
    }
    if hasattr(network, "areas"):
        coords["area"] = ("unit", network.areas)
    for name, values in [*trials.conditions.items(), *behaviour.items()]:
        if name in coords or name in _VARIABLES:
            raise ValueError(
                f"Task '{trials.info.task}' has a condition or behaviour '{name}', and the dataset already has one "
                "of that name. Rename it in the task."
            )
        coords[name] = ("trial", values, {"long_name": name.replace("_", " "), "units": units.get(name, "1")})
    for name, bounds in trials.epochs.items():
        for side, edge in enumerate(("start", "end")):
            label = {"units": "ms", "long_name": f"{edge} of {name}"}
            coords[f"epoch_{name}_{edge}"] = ("trial", bounds[:, side], label)

    def array(
        values: Tensor, last: str, long_name: str
    ) -> tuple[tuple[str, ...], NDArray[Any], dict[str, str]]:
        dims = ("trial", "time", last) if last else ("trial", "time")
        numbers = values.float() if values.dtype == torch.bfloat16 else values  # a type NumPy does not have
        return dims, numbers.cpu().numpy(), {"long_name": long_name, "units": "1"}

    return xr.Dataset(
        {
            "inputs": array(trials.inputs, "input", "input"),
            "state": array(run.state, "unit", "state"),
            "rate": array(run.rate, "unit", "firing rate"),
            "outputs": array(run.output, "output", "output"),
            "targets": array(trials.targets, "output", "target"),
            "mask": array(trials.mask, "", "weight in the loss"),
            "valid": array(trials.valid, "", "inside the trial"),
        },
        coords=coords,
        attrs=provenance("neurornn.Trials/1")
        | {
            "task": trials.info.task,
            "dt": trials.info.dt,
            "trial_seed": trials.info.seed,
            "noise_seed": int(seed),
            "sigma_rec": network.sigma_rec,
            "epochs": json.dumps(list(trials.epochs)),
        },
    )
