"""Balanced grids of conditions."""

__all__ = ["grid_of"]

import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from neurornn.tasks._draws import TrialDraws
from neurornn.trials import Trials

if TYPE_CHECKING:
    from neurornn.tasks._task import AbstractTask


def grid_of(task: "AbstractTask", n_repeats: int, seed: int, levels: Mapping[str, Any]) -> Trials:
    """Every combination of given levels and of the factors that are not given.

    Args:
        task: Task.
        n_repeats: Trials for each combination.
        seed: Seed.
        levels: Values by condition, one or a list.

    Returns:
        The trials; the factors of the task run fastest, the levels that were given after them.

    Raises:
        ValueError: If there is nothing to repeat, a condition is given no value, or the task has no grid.
    """
    n_repeats = operator.index(n_repeats)
    if n_repeats < 1:
        raise ValueError(f"A grid needs n_repeats >= 1: got {n_repeats}.")
    if not task.supports_balanced:
        raise ValueError(
            f"Task '{task.name}' has no balanced condition grid. Use sample(..., conditions={{...}})."
        )
    values = {name: np.atleast_1d(np.asarray(each)) for name, each in levels.items()}
    for name, each in values.items():
        if each.ndim != 1 or each.size == 0:
            raise ValueError(f"'{name}' needs a list of at least one value: got {levels[name]!r}.")
    n_given = int(np.prod([each.size for each in values.values()]))
    n_own = n_cells_of(task, {name: each[:1] for name, each in values.items()})
    index = np.arange(n_own * n_given * n_repeats)
    place, conditions = index // n_own, {}
    for name, each in values.items():
        conditions[name] = each[place % each.size]
        place //= each.size
    return task.sample(index.size, seed=seed, split="all", balanced=True, conditions=conditions)


def n_cells_of(task: "AbstractTask", given: Mapping[str, Any]) -> int:
    """Number of combinations of the factors that are not given."""
    draws = TrialDraws(
        0, np.zeros(1, dtype=np.int64), dt=task.dt, task=task.name, split="all", conditions=given
    )
    trials = task._generate(draws)
    draws.check_given(trials.conditions)
    return draws.n_cells
