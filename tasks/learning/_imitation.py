"""Imitated episodes as decisions."""

__all__ = ["imitated"]

from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from neurornn.tasks._behaviour import as_array
from neurornn.tasks._draws import TrialDraws
from neurornn.trials import Trials

if TYPE_CHECKING:
    from neurornn.tasks.learning._reward_task import AbstractRewardTask


def imitated(
    task: "AbstractRewardTask", trials: Trials, output: Float[Tensor, "batch time output"]
) -> xr.Dataset:
    """What a network chose while it was shown the episodes of the ideal observer.

    The worlds are made again from what the trials say about themselves, and the observer's actions played in them.

    Args:
        task: The task.
        trials: Trials of the task.
        output: Outputs of a network in these trials.

    Returns:
        The history of the observer's episodes, with ``action``, and with the network's ``choice`` and ``performance``.
    """
    said = task.chosen(task.averages(as_array(trials, output)))
    done = task.averages(as_array(trials, trials.targets)).argmax(-1)
    draws = TrialDraws(
        trials.info.seed,
        trials.conditions["episode"].astype(np.int64),
        dt=task.dt,
        task=task.name,
        split=trials.conditions["world"][0],
        conditions={name: trials.conditions[name] for name in task.condition_names},
    )
    world = task.environment(draws)
    while not world.done:
        world.act(done[:, world.n_done])
    ds, per, label = world.history(), task.acts_per_decision, task.column_attrs
    choice = said[:, ::per].reshape(-1)
    agree = (said == done).reshape(len(choice), per).all(1)
    return ds.assign_coords(
        action=("trial", ds["choice"].values, label("action")),
        choice=("trial", np.where(choice < 0, np.nan, choice), label("choice")),
        performance=("trial", agree.astype(np.float64), label("performance")),
    )
