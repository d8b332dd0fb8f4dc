"""Multi-item ring memory: several directions at once, and a probe says which to report."""

__all__ = ["MultiItemMemory"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, ErrorHistogram, SwapErrors
from neurornn.tasks._codes import AbstractDirectionCode, RingCode
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held
from neurornn.tasks._registry import register
from neurornn.tasks._timing import Timing
from neurornn.tasks.memory._ring_response import AbstractRingResponse
from neurornn.trials import Trials

_CODE = RingCode(16)


@register
@dataclass(frozen=True, kw_only=True)
class MultiItemMemory(AbstractRingResponse):
    """Keep the directions of several items, each at a place of its own, and report the one whose place is probed.

    ``set_size`` items are shown at once at random places; each place has its own channels. Directions are
    independent and anywhere on the circle. After the delay a probe names the place of one item for as long as
    ``probe``; then the fixation input goes off, and the response is the direction of that item, the condition
    ``direction``. The directions of the other items are ``non_target_1``, ``non_target_2``, ..., NaN beyond the set.
    A report of one of them is a swap (:func:`~neurornn.analysis.behaviour.swap_errors`).

    Bays et al. (2009) give the task, with colours at places. Number of places, set sizes and times are chosen here.

    Attributes:
        n_places: Number of places.
        set_sizes: Numbers of items, all equally likely.
        fixation: Duration before the items.
        stimulus: Duration of the items.
        delay: Duration between items and probe.
        probe: Duration of the probe before the go cue.

    References:
        The precision of visual working memory is set by allocation of a shared resource
        (Bays, Catalao & Husain, 2009) https://doi.org/10.1167/9.10.7

    Examples:
        >>> trials = MultiItemMemory().sample(1, seed=0, conditions={"set_size": 2})
        >>> [bool(np.isnan(trials.conditions[f"non_target_{k}"][0])) for k in (1, 2, 3)]
        [False, True, True]
    """

    name = "multi-item-memory-v1"

    code: AbstractDirectionCode = _CODE
    n_places: int = 4
    set_sizes: tuple[int, ...] = (1, 2, 3, 4)
    fixation: Timing = 300.0
    stimulus: Timing = 500.0
    delay: Timing = 1000.0
    probe: Timing = 500.0

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        places = range(1, self.n_places + 1)
        items = (name for k in places for name in self.code.names(f"place_{k}"))
        return ("fixation", *items, *(f"probe_{k}" for k in places))

    @property
    def non_target_names(self) -> tuple[str, ...]:
        """Names of the conditions with the directions of the other items."""
        return tuple(f"non_target_{k}" for k in range(1, max(self.set_sizes)))

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        sizes = self.set_sizes
        if not sizes or len(set(sizes)) < len(sizes) or not 1 <= min(sizes) <= max(sizes) <= self.n_places:
            raise ValueError(
                f"set_sizes needs different numbers from 1 to n_places={self.n_places}: got {sizes}."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        size = draws.choice("set_size", self.set_sizes)
        if not np.isin(size, np.arange(1, max(self.set_sizes) + 1)).all():
            raise ValueError(f"set_size is a whole number from 1 to {max(self.set_sizes)}.")
        direction = draws.uniform("direction", 0.0, 360.0, unit="degree")
        others = 360.0 * draws.uniforms("others", max(self.set_sizes))[..., 0][:, :-1]
        directions = np.concatenate([direction[:, None], others], axis=1)
        place = draws.permutations("places", self.n_places)  # of each item; the first is the target
        epochs = Epochs(
            self.dt,
            {
                "fixation": draws.duration("fixation", self.fixation),
                "stimulus": draws.duration("stimulus", self.stimulus),
                "delay": draws.duration("delay", self.delay, optional=True),
                "probe": draws.duration("probe", self.probe),
                "response": draws.duration("response", self.response),
            },
        )
        there = np.arange(directions.shape[1]) < size[:, None]
        bumps = self.code.encode(directions) * there[..., None]  # (batch, item, channel)
        items = np.zeros((draws.n_trials, self.n_places, self.code.n_channels))
        np.put_along_axis(items, place[:, : bumps.shape[1], None], bumps, axis=1)
        target = one_hot(place[:, 0], range(self.n_places))
        return self._point(
            draws,
            epochs,
            inputs={
                "items": items.reshape(draws.n_trials, 1, -1) * epochs.during("stimulus")[..., None],
                "probe": held(target, epochs.during("probe")),
            },
            direction=direction,
            conditions={
                "target_place": place[:, 0] + 1,
                **{
                    name: np.where(there[:, k + 1], others[:, k], np.nan)
                    for k, name in enumerate(self.non_target_names)
                },
            },
            units=dict.fromkeys(self.non_target_names, "degree"),
        )

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "swap errors by set size": SwapErrors(self.non_target_names),
            "errors by set size": ErrorHistogram(by="set_size"),
            "accuracy by set size": Accuracy(by="set_size"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The delay: fixation alone; and the probe of each place.

        Returns:
            One vector for each.
        """
        delay = torch.zeros(self.n_inputs)
        delay[0] = 1.0
        probes = {"delay": delay}
        for k in range(self.n_places):
            probes[f"probe {k + 1}"] = vector = delay.clone()
            vector[k - self.n_places] = 1.0
        return probes
