"""Sternberg's item recognition: was the probe in the list?"""

__all__ = ["Sternberg"]

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, MeanBy, SignalDetection
from neurornn.recipe import Recipe
from neurornn.tasks._behaviour import as_array, window
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing, to_steps
from neurornn.tasks._two_choice import AbstractTwoChoice
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class Sternberg(AbstractTwoChoice):
    """Say whether a probe digit was among a list of digits shown one after the other.

    A list holds ``set_size`` different digits, one-hot, each for ``item_shown``. After the delay the probe comes on and
    the fixation input goes off: the decision epoch starts with the probe. In half of the trials the probe is an item
    of the list, at a random ``position`` (0: in none). Choice +1 says present. The reaction time is the time from the
    probe until the outputs differ by half the distance between their targets.

    Ten digits, one to six of them, 1.2 s each and 2 s of delay are those of Sternberg (1966); the duration of the
    decision epoch is chosen here.

    Attributes:
        n_items: Number of different items.
        set_sizes: Lengths of the list, all equally likely.
        item_shown: Duration of each item.
        delay: Duration between the list and the probe.

    References:
        High-speed scanning in human memory (Sternberg, 1966) https://doi.org/10.1126/science.153.3736.652

    Examples:
        >>> trials = Sternberg().sample(1, seed=0, conditions={"set_size": 3, "present": True})
        >>> position = int(trials.conditions["position"][0])
        >>> bool(trials.conditions[f"item_{position}"][0] == trials.conditions["probe"][0])
        True
    """

    name = "sternberg-v1"
    output_names = ("absent", "present")

    sigma_in: float = 0.05
    decision: Timing = 1000.0
    grace: float = 200.0
    n_items: int = 10
    set_sizes: tuple[int, ...] = (1, 2, 3, 4, 5, 6)
    item_shown: Timing = 1200.0
    delay: Timing = 2000.0

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return ("fixation", *(f"digit_{k}" for k in range(self.n_items)))

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        sizes = self.set_sizes
        if not sizes or len(set(sizes)) < len(sizes) or not 1 <= min(sizes) <= max(sizes) < self.n_items:
            raise ValueError(
                f"set_sizes needs different numbers from 1 to below n_items={self.n_items}: got {sizes}."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        size = draws.choice("set_size", self.set_sizes)
        present = draws.choice("present", (True, False))
        longest = max(self.set_sizes)
        if not np.isin(size, np.arange(1, longest + 1)).all():
            raise ValueError(f"set_size is a whole number from 1 to {longest}.")
        size = size.astype(np.int64)
        items = draws.permutations("items", self.n_items)
        position = np.minimum((size * draws.uniforms("position", 1)[:, 0, 0]).astype(np.int64), size - 1)
        place = np.where(present, position, size)[
            :, None
        ]  # the first that is not in the list, or one that is
        probe = np.take_along_axis(items, place, axis=1)[:, 0]
        shown = draws.duration("item_shown", self.item_shown)
        number = np.arange(longest)
        there = number < size[:, None]
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                **{f"item_{k + 1}": np.where(there[:, k], shown, 0) for k in range(longest)},
                "delay": draws.duration("delay", self.delay, optional=True),
                "decision": draws.duration("decision", self.decision),
            },
        )
        digits = range(self.n_items)
        channels = held(one_hot(probe, digits), epochs.during("decision"))
        for k in range(longest):
            channels += held(one_hot(items[:, k], digits), epochs.during(f"item_{k + 1}"))
        return self._decide(
            draws,
            epochs,
            inputs={"fixation": epochs.before("decision"), "digits": channels},
            correct_choice=np.where(present, 1, -1),
            conditions={
                "probe": probe,
                "position": np.where(present, position + 1, 0),
                **{f"item_{k + 1}": np.where(there[:, k], items[:, k], -1) for k in range(longest)},
            },
            units={"reaction_time": "ms"},
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """The choice, and when the outputs came apart.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            What :class:`AbstractTwoChoice` gives, and ``"reaction_time"`` in ms from the probe: the end of the first
            step in which the outputs differ by half of ``high - low``; NaN if they never do.
        """
        y = as_array(trials, output)
        apart = window(trials, "decision") & (np.abs(y[..., 1] - y[..., 0]) >= 0.5 * (self.high - self.low))
        first = apart.argmax(axis=1) + 1 - to_steps(trials.epochs["decision"][:, 0], trials.info.dt)
        found = super().behaviour(trials, output)
        return {**found, "reaction_time": np.where(apart.any(axis=1), first * trials.info.dt, np.nan)}

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=4000)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "accuracy by set size": Accuracy(by="set_size"),
            "reaction time by set size": MeanBy("reaction_time", by="set_size"),
            "sensitivity and criterion by set size": SignalDetection(by="set_size"),
            "accuracy by position of the probe": Accuracy(by="position"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The delay: fixation alone.

        Returns:
            One vector.
        """
        delay = torch.zeros(self.n_inputs)
        delay[0] = 1.0
        return {"delay": delay}
