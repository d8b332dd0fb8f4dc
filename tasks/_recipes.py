"""Where recipes start: settings that many tasks have in common."""

__all__ = ["INTEGRATORS", "TANH_INTEGRATORS"]

from dataclasses import replace
from typing import Final

from neurornn.connectivity import Identity
from neurornn.recipe import Recipe

INTEGRATORS: Final = Recipe(
    activation="relu",
    excitatory=None,
    sigma_rec=0.02,
    init=Identity(0.95),
    learning_rate=1e-3,
    n_steps=3000,
)
"""Rectified units without Dale's law that start as integrators, each with 0.95 of its rate fed back to itself.

What was seen stays for about 2 s from the first step on, so memories need not be found by chance: with random weights
delayed match to sample stays at chance for thousands of steps, and with these it is learned in 200.
"""

TANH_INTEGRATORS: Final = replace(INTEGRATORS, activation="tanh", init=Identity(1.0))
"""The same with bounded rates: for long episodes, in which rectified units run away while they learn."""
