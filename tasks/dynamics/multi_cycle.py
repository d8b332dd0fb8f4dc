"""Multi-cycle: a brief cue chooses which of several oscillations goes on by itself."""

__all__ = ["MultiCycle"]

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import cosine, one_hot
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._timing import as_timing
from neurornn.tasks.dynamics._oscillation import AbstractOscillation
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class MultiCycle(AbstractOscillation):
    r"""Go round the unit circle at one of several frequencies, the one that a pulse has chosen.

    There is a channel for each frequency. The pulse, at the start of the epoch ``"oscillate"``, comes on one of them;
    from then on there is no input, and the two targets are

    .. math:: y(t) = (\cos 2 \pi f t, \; \sin 2 \pi f t)

    from the onset of the pulse on: the network needs a stable cycle for each frequency. Before it the targets
    are 0. The loss counts every step. Frequencies and times are chosen here, for units with a time constant
    of 100 ms.

    Attributes:
        frequencies: Frequencies in Hz, one for each cycle.
        pulse: Width of the pulse in ms.
        wait: Duration before the pulse.
        oscillate: Duration of the oscillation.

    Examples:
        >>> task = MultiCycle(sigma_in=0.0)
        >>> trials = task.sample(3, seed=0, balanced=True)
        >>> trials.inputs[:, 10].tolist()   # 200 ms: one channel each
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
        >>> trials.inputs[:, 20:].abs().max().item()
        0.0
    """

    name = "multi-cycle-v1"
    output_names = ("x", "y")

    frequencies: tuple[float, ...] = (1.0, 1.5, 2.25)
    pulse: float = 100.0

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return tuple(f"cue_{each:g}_Hz" for each in self.frequencies)

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if not self.frequencies or not all(math.isfinite(each) for each in self.frequencies):
            raise ValueError(f"frequencies needs finite numbers of Hz: got {self.frequencies}.")
        if len({f"{each:g}" for each in self.frequencies}) < len(self.frequencies):
            raise ValueError(f"Each cycle needs a frequency of its own: got {self.frequencies}.")
        if not self.dt <= self.pulse < math.inf:
            raise ValueError(
                f"The pulse must be finite and at least one step long: got pulse={self.pulse} ms and dt={self.dt:g} ms."
            )
        shortest = as_timing(self.oscillate).lower
        self._check_frequency(max(self.frequencies), min(self.frequencies), shortest)

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        frequency = draws.choice("frequency", self.frequencies, unit="Hz")
        cue = one_hot(frequency, self.frequencies)
        if not cue.any(axis=1).all():
            raise ValueError(
                f"A frequency must be one that has a cue, {self.frequencies}: got {np.unique(frequency).tolist()}."
            )
        epochs = Epochs(
            self.dt,
            {
                "wait": draws.duration("wait", self.wait, optional=True),
                "oscillate": draws.duration("oscillate", self.oscillate),
            },
        )
        angle = 360.0 * frequency[:, None] * epochs.elapsed("oscillate") / 1000.0
        return self._assemble(
            draws,
            epochs,
            inputs={"cues": held(cue, epochs.pulse("oscillate", self.pulse))},
            targets={"cycle": cosine(angle) * epochs.during("oscillate")[..., None]},
            mask=epochs.valid,
            units={"produced_frequency": "Hz", "phase_error": "degree"},
        )

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95)

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """No pulse: the input in which the cycles live.

        Returns:
            One vector.
        """
        return {"no pulse": torch.zeros(self.n_inputs)}
