"""What integrators in a space with coordinates share: the distance of the output from the target."""

__all__ = ["AbstractSpaceIntegration"]

import math
from abc import ABC
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.tasks._behaviour import as_array
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks.dynamics._integration import AbstractIntegration
from neurornn.tasks.dynamics._smooth import placed
from neurornn.trials import Trials


@dataclass(frozen=True, kw_only=True)
class AbstractSpaceIntegration(AbstractIntegration, ABC):
    """Coordinates as outputs; the error is the distance.

    Attributes:
        unit: Time in ms in which an input of 1 moves the output by 1.
    """

    unit: float = 1000.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not 0 < self.unit < math.inf:
            raise ValueError(f"unit must be finite and above 0 ms: got unit={self.unit}.")

    @override
    def _error(self, trials: Trials, output: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.linalg.norm(output - as_array(trials, trials.targets), axis=-1))

    def _free(self, draws: TrialDraws, n_dimensions: int) -> Trials:
        """Trials without walls that start at the origin."""
        epochs, integral = self._walk(draws, {}, n_dimensions)
        velocity = placed(epochs, "walk", np.diff(integral, axis=1) / self.dt)
        position = placed(epochs, "walk", integral[:, 1:] / self.unit)
        return self._assemble(
            draws,
            epochs,
            inputs={"velocity": velocity},
            targets={"position": position},
            mask=epochs.during("walk"),
        )
