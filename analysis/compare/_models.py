"""What is compared with a recording: a trained network, the same network before training, and its inputs alone."""

__all__ = ["Candidate", "Model", "candidates_of"]

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import xarray as xr

from neurornn.config import network_from_config, network_to_config
from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.random import derive_seed
from neurornn.simulation import simulate
from neurornn.trials import Trials


class HasTrials(Protocol):
    """Anything trials can be sampled from; every task does."""

    def sample(self, n_trials: int, *, seed: int, balanced: bool = False) -> Trials:
        """Trials of a seed."""


Model = xr.Dataset | tuple[AbstractNetwork, HasTrials]
"""Simulated trials, or a network and the task it is to be run on."""


class Candidate(NamedTuple):
    """A network with its baselines.

    Attributes:
        trained: Its trials.
        untrained: Trials of the same network before training, or None.
    """

    trained: xr.Dataset
    untrained: xr.Dataset | None


def candidates_of(
    models: Sequence[Model],
    untrained: Sequence[xr.Dataset] | bool,
    by: Sequence[str],
    *,
    n_trials: int,
    seed: int,
) -> list[Candidate]:
    """Simulate what has to be simulated.

    Args:
        models: Simulated trials, or networks with their tasks.
        untrained: Trials of each network before training; True: simulated where a network is given; False: none.
        by: Condition variables. Trials of an untrained network belong to the conditions of the same trials of the trained
            one, so that its own choices cannot leave a condition empty.
        n_trials: Trials to simulate.
        seed: Seed of trials and noise.

    Returns:
        One candidate for each model.

    Raises:
        TypeError: If a model is neither.
        ValueError: If there is none, or not one untrained for each.
    """
    if isinstance(models, xr.Dataset) or not models:
        raise ValueError(
            "models must be a list of one or more networks: simulated trials, or pairs (network, task)."
        )
    given = None if isinstance(untrained, bool) else list(untrained)
    if given is not None and len(given) != len(models):
        raise ValueError(
            f"untrained has {len(given)} datasets for {len(models)} models: one for each is needed."
        )
    found = []
    for k, model in enumerate(models):
        if isinstance(model, xr.Dataset):
            found.append(Candidate(model, given[k] if given is not None else None))
            continue
        if not (isinstance(model, tuple) and len(model) == 2 and isinstance(model[0], AbstractNetwork)):
            raise TypeError(
                f"A model is a dataset of simulated trials or a pair (network, task): got {type(model).__name__}."
            )
        network, task = model
        data = _run(network, task, n_trials, seed)
        before = given[k] if given is not None else None
        if untrained is True and type(network) is CTRNN:
            before = _run(network_from_config(network_to_config(network)), task, n_trials, seed)
            before = before.assign_coords({name: data[name] for name in by if name in data.coords})
        found.append(Candidate(data, before))
    return found


def _run(network: AbstractNetwork, task: Any, n_trials: int, seed: int) -> xr.Dataset:  # noqa: ANN401
    balanced = bool(getattr(task, "supports_balanced", False))
    trials = task.sample(n_trials, seed=derive_seed(seed, "trials of the comparison"), balanced=balanced)
    return simulate(network, trials, task=task, seed=derive_seed(seed, "noise of the comparison"))
