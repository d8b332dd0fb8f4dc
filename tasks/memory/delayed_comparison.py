"""Delayed comparison: which of two vibrations, seconds apart, was faster?"""

__all__ = ["DelayedComparison"]

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, ContractionBias, PairAccuracy
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing
from neurornn.tasks._two_choice import AbstractTwoChoice, side_of
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class DelayedComparison(AbstractTwoChoice):
    r"""Compare the frequency of a vibration with that of one felt seconds before.

    One channel rises and one falls with the frequency :math:`f`, as the two kinds of somatosensory neurons do:

    .. math:: u_\pm = 0.8 \pm 0.4 \Big(2\,\frac{f - f_{min}}{f_{max} - f_{min}} - 1\Big)

    where :math:`f_{min}` and :math:`f_{max}` are the lowest and highest frequency of all pairs. Each pair is
    shown in both orders. Choice +1 says that the second frequency is higher. Pairs, encoding and times follow
    Song et al. (2016). They train with a delay that varies, ``delay=Uniform(2500.0, 3500.0)``, without which a network
    learns to bridge 3 s and nothing else.

    Attributes:
        pairs: Pairs of frequencies in Hz.
        first: Duration of the first vibration.
        delay: Duration between the vibrations.
        second: Duration of the second vibration.

    References:
        Neuronal correlates of parametric working memory in the prefrontal cortex (Romo et al., 1999)
        https://doi.org/10.1038/20939

        Training excitatory-inhibitory recurrent neural networks for cognitive tasks (Song, Yang & Wang, 2016)
        https://doi.org/10.1371/journal.pcbi.1004792

    Examples:
        >>> trials = DelayedComparison().sample(2, seed=0, conditions={"f1": 18.0, "f2": [10.0, 26.0]})
        >>> trials.conditions["correct_choice"].tolist()
        [-1, 1]
    """

    name = "delayed-comparison-v1"
    input_names = ("fixation", "frequency_up", "frequency_down")
    output_names = ("first_higher", "second_higher")

    sigma_in: float = 0.05
    pairs: tuple[tuple[float, float], ...] = ((18, 10), (22, 14), (26, 18), (30, 22), (34, 26))
    first: Timing = 500.0
    delay: Timing = 3000.0
    second: Timing = 500.0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if len(self.pairs) == 0 or any(
            len(pair) != 2 or pair[0] == pair[1] or not np.isfinite(pair).all() for pair in self.pairs
        ):
            raise ValueError(f"pairs needs pairs of two different frequencies in Hz: got {self.pairs}.")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        both_orders = [order for a, b in self.pairs for order in ((a, b), (b, a))]
        f1, f2 = draws.together(("f1", "f2"), both_orders, unit="Hz")
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "first": draws.duration("first", self.first),
                "delay": draws.duration("delay", self.delay, optional=True),
                "second": draws.duration("second", self.second),
                "decision": draws.duration("decision", self.decision),
            },
        )
        first, second = epochs.during("first"), epochs.during("second")
        rise, later = 0.4 * self._contrast(f1), 0.4 * self._contrast(f2)
        return self._decide(
            draws,
            epochs,
            inputs={
                "fixation": epochs.before("decision"),
                "frequency_up": held(0.8 + rise, first) + held(0.8 + later, second),
                "frequency_down": held(0.8 - rise, first) + held(0.8 - later, second),
            },
            correct_choice=side_of(f2 - f1, draws),
        )

    def _contrast(self, frequency: NDArray[np.float64]) -> NDArray[np.float64]:
        """-1 for the lowest and +1 for the highest frequency of all pairs."""
        low, high = np.min(self.pairs), np.max(self.pairs)
        return 2 * (frequency - low) / (high - low) - 1

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=2000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {"contraction bias": ContractionBias(), "accuracy by pair": PairAccuracy()}

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The delay: fixation alone.

        Returns:
            One vector.
        """
        return {"delay": torch.tensor([1.0, 0.0, 0.0])}
