"""Reverse reconstruction: a sequence comes back in reverse order."""

__all__ = ["ReverseReconstruction"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, MeanBy, SerialPosition
from neurornn.random import derive_seed, uniform_array
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._registry import register
from neurornn.tasks.long_range.memorisation import AbstractMemorisation


@register
@dataclass(frozen=True, kw_only=True)
class ReverseReconstruction(AbstractMemorisation):
    """Repeat a one-hot sequence in reverse order, from its end to its start.

    Twenty symbols out of six are shown, then a trigger, and with no further input the sequence is to come back
    backwards. It is the order in which replay hands errors back in time, and what a cache of successive
    patterns recalls. All else is as in :class:`Memorisation5Bit`.

    By default every trial has a new sequence, which must be held in activity. With ``n_lists`` there are only so many, which can
    be learned by heart; ``n_lists=1`` is the one sequence of Cheng & Brown, whose length and symbols these are. That the
    reconstruction is an output, not the activity of the network itself, is our choice.

    Attributes:
        n_lists: Number of different sequences; None for a new one in each trial.
        list_seed: Seed these are drawn from.

    References:
        Replay as a basis for backpropagation through time in the brain (Cheng & Brown, 2025)
        https://direct.mit.edu/neco/article/37/3/403/127434

    Examples:
        >>> trials = ReverseReconstruction(n_items=4).sample(1, seed=0)
        >>> bool((trials.targets[0, 5:, :6].flip(0) == trials.inputs[0, :4, :6]).all())
        True
        >>> ReverseReconstruction(n_lists=2).factor_names
        ('list',)
    """

    name = "reverse-reconstruction-v1"
    backward = True

    delay: int = 1
    n_items: int = 20
    n_letters: int = 6
    n_lists: int | None = None
    list_seed: int = 0

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        if self.n_lists is not None and not (
            isinstance(self.n_lists, int | np.integer) and self.n_lists >= 1
        ):
            raise ValueError(
                f"n_lists must be a whole number, 1 or more, or None for a new list in each trial: got {self.n_lists}."
            )

    @override
    def _draw_items(self, draws: TrialDraws) -> list[NDArray[np.int64]]:
        if self.n_lists is None:
            return super()._draw_items(draws)
        which = draws.choice("list", np.arange(self.n_lists))
        if not np.isin(which, np.arange(self.n_lists)).all():
            raise ValueError(f"A list is a whole number from 0 to {self.n_lists - 1}: got another one.")
        u = uniform_array(derive_seed(self.list_seed, "lists"), self.n_lists, self.n_items)
        return list((u * self.n_letters).astype(np.int64)[which.astype(np.int64)].T)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "serial position": SerialPosition(prefix="recalled"),
            "recall": MeanBy("fraction_recalled", by=None if self.n_lists is None else "list"),
        }
