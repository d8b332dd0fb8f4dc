"""Normal numbers of a run, by the fastest means at hand."""

__all__ = ["normal_numbers"]

import numpy as np
import torch
from torch import Tensor

from neurornn.kernels._noise import plain_normals


def normal_numbers(
    key: int, n_trials: int, n_steps: int, n_units: int, like: Tensor, first_step: int = 0
) -> Tensor:
    """Standard normal numbers of a stretch of trials: a pure function of key, trial, step and unit.

    Args:
        key: Key, at least 0 and below 2^63.
        n_trials: Number of trials.
        n_steps: Number of steps.
        n_units: Number of units.
        like: A tensor of the wanted type and device.
        first_step: Number of the first step.

    Returns:
        Numbers ``(trial, step, unit)``.
    """
    try:
        from neurornn.kernels._cpu import drawn_normals  # numba is slow to import
    except ImportError:
        numbers = plain_normals(key, n_trials, n_steps, n_units, first_step)
    else:
        numbers = drawn_normals(key, n_trials, n_steps, n_units, first_step)
    return torch.from_numpy(np.ascontiguousarray(numbers)).to(like)
