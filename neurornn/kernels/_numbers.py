"""Normal numbers of a run, by the fastest means at hand."""

__all__ = ["host_normals", "normal_numbers"]

import contextlib
import sys
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurornn.kernels._device_noise import device_normals
from neurornn.kernels._noise import plain_normals

_FEW: Final = 2**14  # numbers that are drawn before a compiler is imported


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
    if like.device.type == "cuda":
        return device_normals(key, n_trials, n_steps, n_units, like.device, first_step).to(like)
    return torch.from_numpy(host_normals(key, n_trials, n_steps, n_units, first_step)).to(like)


def host_normals(
    key: int, n_trials: int, n_steps: int, n_units: int, first_step: int = 0, first_trial: int = 0
) -> NDArray[np.float32]:
    """The same numbers as an array, from compiled code or, bit by bit the same, from NumPy.

    Args:
        key: Key, at least 0 and below 2^63.
        n_trials: Number of trials.
        n_steps: Number of steps.
        n_units: Number of units.
        first_step: Number of the first step.
        first_trial: Number of the first trial.

    Returns:
        Numbers ``(trial, step, unit)``.
    """
    numbers = n_trials * n_steps * n_units
    draw = plain_normals
    if numbers >= _FEW or "neurornn.kernels._cpu" in sys.modules:
        with contextlib.suppress(ImportError):
            from neurornn.kernels._cpu import drawn_normals as draw  # the compiler is slow to import
    return np.ascontiguousarray(draw(key, n_trials, n_steps, n_units, first_step, first_trial))
