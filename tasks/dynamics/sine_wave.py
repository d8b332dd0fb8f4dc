"""Sine-wave generation: oscillate at the frequency that a constant input asks for."""

__all__ = ["SineWave"]

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._timing import as_timing
from neurornn.tasks.dynamics._oscillation import AbstractOscillation
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class SineWave(AbstractOscillation):
    r"""Produce a sine wave whose frequency a constant input says.

    In the epoch ``"oscillate"`` the input has the level

    .. math:: u = 0.25 + \frac{f - f_{min}}{f_{max} - f_{min}}

    and the target is :math:`\sin(2 \pi f t)` from its onset on; before it both are 0. The loss counts every step.

    Sussillo & Barak (2013) give the task, with 51 frequencies and this input; the frequencies, fewer so that
    conditions repeat, and the times are chosen here for units with a time constant of 100 ms.

    Attributes:
        frequencies: Frequencies in Hz.
        held_out_frequencies: Those that training never shows.
        wait: Duration before the input comes on.
        oscillate: Duration of the oscillation.

    References:
        Opening the black box: low-dimensional dynamics in high-dimensional recurrent neural networks
        (Sussillo & Barak, 2013) https://doi.org/10.1162/NECO_a_00409

    Examples:
        >>> task = SineWave(dt=10.0)
        >>> trials = task.sample(1, seed=0, conditions={"frequency": 2.0, "oscillate": 2000.0})
        >>> peak = trials.targets[0, :, 0].argmax().item() * task.dt - trials.epochs["oscillate"][0, 0]
        >>> bool(abs(peak % 500.0 - 125.0) <= 10.0)   # a quarter of a period, or a whole number of periods later
        True
    """

    name = "sine-wave-v1"
    input_names = ("frequency",)
    output_names = ("wave",)

    frequencies: tuple[float, ...] = (1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5)
    held_out_frequencies: tuple[float, ...] = ()

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not self.frequencies or not all(math.isfinite(each) for each in self.frequencies):
            raise ValueError(f"frequencies needs finite numbers of Hz: got {self.frequencies}.")
        lowest, highest = min(self.frequencies), max(self.frequencies)
        self._check_frequency(highest, lowest, as_timing(self.oscillate).lower)

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        frequency = draws.choice("frequency", self.frequencies, unit="Hz", held_out=self.held_out_frequencies)
        epochs = Epochs(
            self.dt,
            {
                "wait": draws.duration("wait", self.wait, optional=True),
                "oscillate": draws.duration("oscillate", self.oscillate),
            },
        )
        shown = epochs.during("oscillate")
        turns = frequency[:, None] * np.maximum(epochs.elapsed("oscillate"), 0.0) / 1000.0
        return self._assemble(
            draws,
            epochs,
            inputs={"frequency": held(self._level(frequency), shown)},
            targets={"wave": np.sin(2 * np.pi * turns) * shown},
            mask=epochs.valid,
            units={"produced_frequency": "Hz", "phase_error": "degree"},
        )

    def _level(self, frequency: NDArray[np.float64]) -> NDArray[np.float64]:
        low, high = min(self.frequencies), max(self.frequencies)
        return 0.25 + (np.asarray(frequency) - low) / (high - low if high > low else 1.0)

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.9, n_steps=4000)

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The level of each frequency, and no input.

        Returns:
            One vector for each.
        """
        levels = self._level(np.array(self.frequencies)).tolist()
        found = {
            f"{each:g} Hz": torch.tensor([level])
            for each, level in zip(self.frequencies, levels, strict=True)
        }
        return {**found, "no input": torch.zeros(1)}
