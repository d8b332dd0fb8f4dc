"""What tasks that integrate a signal share: a smooth random input, its integral, and the error against time."""

__all__ = ["AbstractIntegration", "Walk"]

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, IntegrationError, MeanBy
from neurornn.tasks._behaviour import as_array, window
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Timing, as_timing
from neurornn.tasks.dynamics._smooth import SmoothSignal
from neurornn.trials import Trials


class Walk(NamedTuple):
    """Integrals of smooth signals at the edges of the steps.

    Attributes:
        epochs: The epochs of the trials.
        integral: Integral of each signal in ms from the start of the walk, ``(batch, step + 1, signal)``.
    """

    epochs: Epochs
    integral: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class AbstractIntegration(AbstractTask, ABC):
    r"""Integrate a smooth random signal in the epoch ``"walk"``.

    The signal is Gaussian with the autocovariance :math:`e^{-\tau^2 / 2\ell^2}`. It is a function of
    continuous time: an input holds its mean over each step, and the target is the integral at the end of the
    step, so that neither depends on the time step. The loss counts every step of the walk.

    Attributes:
        walk: Duration of the walk.
        correlation: Correlation time :math:`\ell` of the signal in ms.
        tolerance: Largest error that counts as correct.
    """

    sigma_in: float = 0.01
    walk: Timing = 2000.0
    correlation: float = 200.0
    tolerance: float = 0.2

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        for name in ("correlation", "tolerance"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be finite and above 0: got {name}={getattr(self, name)}.")

    def _walk(self, draws: TrialDraws, before: Mapping[str, NDArray[np.int64]], n_signals: int) -> Walk:
        """Epochs, the last one ``"walk"``, and the integrals of the signals."""
        epochs = Epochs(self.dt, {**before, "walk": draws.duration("walk", self.walk)})
        n_steps = int((epochs.stop["walk"] - epochs.start["walk"]).max())
        signal = SmoothSignal(
            draws,
            "signal",
            n_signals,
            correlation=self.correlation,
            longest=2.0 * as_timing(self.walk).upper,
        )
        signal.check(n_steps * self.dt)
        return Walk(epochs, signal.integral(np.arange(n_steps + 1, dtype=np.float64) * float(self.dt)))

    @abstractmethod
    def _error(self, trials: Trials, output: NDArray[np.float64]) -> NDArray[np.float64]:
        """Size of the error at each step, ``(batch, time)``, NaN without an answer."""

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """How far the output is from the integral.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"mean_error"`` and ``"final_error"``, the size of the error on average over the walk and at its end
            (NaN without an answer), ``"correct"``, whether the final error is within the tolerance, and ``"performance"``,
            the fraction of the walk in which it is.
        """
        inside = window(trials, "walk")
        error = self._error(trials, as_array(trials, output))
        count = inside.sum(axis=1)
        near = inside & (np.nan_to_num(error, nan=np.inf) <= self.tolerance)
        last = inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
        final = error[np.arange(len(error)), last]
        return {
            "mean_error": np.sum(error, axis=1, where=inside) / count,
            "final_error": final,
            "correct": np.nan_to_num(final, nan=np.inf) <= self.tolerance,
            "performance": near.sum(axis=1) / count,
        }

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {"error against time": IntegrationError(), "performance": MeanBy("performance")}

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """No motion.

        Returns:
            One vector.
        """
        return {"no motion": torch.zeros(self.n_inputs)}
