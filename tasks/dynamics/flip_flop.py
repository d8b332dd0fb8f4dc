"""N-bit flip-flop: each output remembers the sign of the last pulse on its input."""

__all__ = ["FlipFlop"]

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, BitAccuracy, TransitionTimes
from neurornn.recipe import Recipe
from neurornn.tasks._behaviour import as_array, window
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Timing, TruncatedExponential, as_timing, to_steps
from neurornn.trials import Trials

_GAP = TruncatedExponential(400.0, 200.0, 1600.0)


@register
@dataclass(frozen=True, kw_only=True)
class FlipFlop(AbstractTask):
    """Hold the sign of the last pulse of each channel: memories as discrete attractors.

    A trial starts with a pulse of either sign on every channel, in the epoch ``"set"``. In the epoch ``"hold"``
    each channel receives further pulses, independent of the others, of either sign. The target of each output is
    the sign of the last pulse, from its onset. The loss counts the hold epoch. The signs that are set first are
    the conditions: a balanced batch visits all ``2 ** n_bits``.

    Sussillo & Barak (2013) give the task; the times here are chosen for units with a time constant of 100 ms.

    Attributes:
        n_bits: Number of channels.
        pulse: Width of a pulse in ms.
        gap: Time between the end of a pulse and the onset of the next one on the same channel.
        hold: Duration of the hold epoch.
        grace: Time in ms after a target has changed in which a bit is not judged.

    References:
        Opening the black box: low-dimensional dynamics in high-dimensional recurrent neural networks
        (Sussillo & Barak, 2013) https://doi.org/10.1162/NECO_a_00409

    Examples:
        >>> task = FlipFlop(n_bits=2)
        >>> trials = task.sample(4, seed=0, balanced=True)
        >>> trials.targets[:, 0].tolist()
        [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]
    """

    name = "flip-flop-v1"

    sigma_in: float = 0.05
    n_bits: int = 3
    pulse: float = 100.0
    gap: Timing = _GAP
    hold: Timing = 2000.0
    grace: float = 200.0

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return tuple(f"pulse_{i + 1}" for i in range(self.n_bits))

    @property
    @override
    def output_names(self) -> tuple[str, ...]:
        return tuple(f"bit_{i + 1}" for i in range(self.n_bits))

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if self.n_bits < 1:
            raise ValueError(f"n_bits must be at least 1: got {self.n_bits}.")
        shortest = min(self.pulse, as_timing(self.gap).lower)
        if not (shortest >= self.dt and self.pulse < math.inf):
            raise ValueError(
                f"The pulse must be finite, and dt must be at most as long as the pulse and the shortest gap: got dt={self.dt:g} ms and {shortest:g} ms."
            )
        if not 0 <= self.grace < as_timing(self.hold).lower:
            raise ValueError(
                f"grace must be at least 0 and shorter than hold: got grace={self.grace} ms and hold={self.hold}."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        start = [draws.choice(f"start_{i + 1}", (-1, 1)) for i in range(self.n_bits)]
        if not np.isin(start, (-1, 1)).all():
            raise ValueError("A bit starts at -1 or +1: got another value for a condition 'start_...'.")
        width = int(to_steps(self.pulse, self.dt))
        epochs = Epochs(
            self.dt,
            {
                "set": np.full(draws.n_trials, width),
                "hold": draws.duration("hold", self.hold),
            },
        )
        gap = as_timing(self.gap)
        n_pulses = 2 + math.ceil(epochs.n_steps * self.dt / (self.pulse + gap.lower))
        apart = self.pulse + gap.quantile(draws.uniforms("gaps", n_pulses, self.n_bits))
        signs = np.where(draws.uniforms("signs", n_pulses, self.n_bits) < 0.5, -1.0, 1.0)
        signs[:, 0] = np.stack(start, axis=1)
        onset = to_steps(np.cumsum(apart, axis=1) - apart[:, :1], self.dt)

        begins = np.zeros((draws.n_trials, epochs.n_steps + 1, self.n_bits), dtype=np.int64)
        np.put_along_axis(begins, np.minimum(onset, epochs.n_steps), 1, axis=1)  # the last row is no step
        latest = np.cumsum(begins[:, :-1], axis=1) - 1
        bits = np.take_along_axis(signs, latest, axis=1)
        since = epochs.step[..., None] - np.take_along_axis(onset, latest, axis=1)
        return self._assemble(
            draws,
            epochs,
            inputs={"pulses": bits * (since < width)},
            targets={"bits": bits},
            mask=epochs.during("hold"),
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """How much of the hold epoch the bits have the right sign, the grace after each change left out.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"performance"``, the fraction of steps and bits that are right, and ``"correct"``, whether all are.
        """
        target = as_array(trials, trials.targets)
        changes = np.zeros(target.shape, dtype=np.int64)
        changes[:, 1:] = target[:, 1:] != target[:, :-1]
        changes = np.cumsum(changes, axis=1)
        grace = int(to_steps(self.grace, trials.info.dt))
        before = np.zeros_like(changes)
        before[:, grace:] = changes[:, : changes.shape[1] - grace]
        judged = window(trials, "hold")[..., None] & (changes == before)
        right = (judged & (np.sign(as_array(trials, output)) == target)).sum((1, 2))
        count = judged.sum((1, 2))
        performance = np.divide(right, count, out=np.full(count.shape, np.nan), where=count > 0)
        return {"performance": performance, "correct": (right == count) & (count > 0)}

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.99, n_steps=2000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {"bit accuracy": BitAccuracy(grace=self.grace), "transition times": TransitionTimes()}

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """No pulse on any channel.

        Returns:
            One vector.
        """
        return {"no pulse": torch.zeros(self.n_inputs)}
