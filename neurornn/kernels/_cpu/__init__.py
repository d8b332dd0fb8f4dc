"""The time loop compiled for the processor at hand."""

__all__ = ["drawn_normals", "drawn_uniforms", "prepare", "run_compiled", "written_channels"]

import numpy as np
from numpy.typing import NDArray

from neurornn._share import share
from neurornn.kernels._cpu._channels import written_channels as written_channels
from neurornn.kernels._cpu._function import run_compiled as run_compiled
from neurornn.kernels._cpu._normal import fill
from neurornn.kernels._cpu._prepare import prepare as prepare
from neurornn.kernels._cpu._uniform import drawn_uniforms as drawn_uniforms
from neurornn.kernels._cpu._workspace import lend


def drawn_normals(
    key: int, n_trials: int, n_steps: int, n_units: int, first_step: int = 0, first_trial: int = 0
) -> NDArray[np.float32]:
    """The numbers of :func:`neurornn.kernels._noise.plain_normals`, bit by bit, from compiled code.

    Args:
        key: Key.
        n_trials: Number of trials.
        n_steps: Number of steps.
        n_units: Number of units.
        first_step: Number of the first step.
        first_trial: Number of the first trial.

    Returns:
        Numbers ``(trial, step, unit)``.
    """
    numbers = lend((n_trials, n_steps, -(-n_units // 64) * 64), np.float32)
    low, high = np.uint32(key & 0xFFFFFFFF), np.uint32(key >> 32)
    share(
        lambda first, last: fill(numbers, first, last, first_step, first_trial, low, high),
        n_trials,
        0.7 * numbers.size,
    )
    return numbers[:, :, :n_units]
