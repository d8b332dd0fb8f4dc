"""Delayed copy: give a sequence of random patterns back."""

__all__ = ["DelayedCopy"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, MeanBy, SerialPosition
from neurornn.tasks._behaviour import as_array, check_grace, window
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._registry import register
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Timing
from neurornn.tasks.memory._lists import check_lengths, list_epochs, played
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class DelayedCopy(AbstractTask):
    """Give back a sequence of binary patterns in the order shown, after a delay.

    Each of the ``n_patterns`` patterns of a trial is ``n_bits`` signs, +1 or -1, each equally likely, one on each
    channel. The fixation input goes off at the end of the delay; then comes an epoch ``"recall_1"``, ``"recall_2"``, ...
    for each pattern, whose target are its signs. Nothing marks the start of a recall epoch but the first: the network
    keeps time itself. The loss counts every step but the grace period of each recall epoch. ``correct_1``, ... is the
    fraction of the bits of each pattern that are right.

    Graves et al. (2014) give the task, with 8 bits and up to 20 patterns of one step each; bits, lengths and times are
    chosen here for units with a time constant of 100 ms.

    Attributes:
        n_bits: Number of channels.
        lengths: Numbers of patterns, all equally likely.
        fixation: Duration before the first pattern.
        item_shown: Duration of each pattern.
        delay: Duration between the patterns and the recall.
        recall: Duration of the recall of each pattern.
        grace: Time in ms at the start of a recall epoch that is neither trained nor judged.

    References:
        Neural Turing machines (Graves, Wayne & Danihelka, 2014) https://arxiv.org/abs/1410.5401

    Examples:
        >>> task = DelayedCopy(sigma_in=0.0)
        >>> trials = task.sample(1, seed=0, conditions={"n_patterns": 2})
        >>> first, second = (trials.inputs[trials.during(f"item_{k}")][0, 1:] for k in (1, 2))
        >>> bool((trials.targets[trials.during("recall_2")][0] == second).all())
        True
    """

    name = "delayed-copy-v1"

    sigma_in: float = 0.05
    n_bits: int = 4
    lengths: tuple[int, ...] = (1, 2, 3, 4)
    fixation: Timing = 200.0
    item_shown: Timing = 300.0
    delay: Timing = 500.0
    recall: Timing = 300.0
    grace: float = 100.0

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return ("fixation", *(f"bit_{k + 1}" for k in range(self.n_bits)))

    @property
    @override
    def output_names(self) -> tuple[str, ...]:
        return tuple(f"bit_{k + 1}" for k in range(self.n_bits))

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_lengths("lengths", self.lengths)
        if self.n_bits < 1:
            raise ValueError(f"n_bits must be at least 1: got {self.n_bits}.")
        check_grace(self.grace, self.recall, self.dt, field="recall", epoch="recall epochs")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        length = draws.choice("n_patterns", self.lengths)
        longest = max(self.lengths)
        if not np.isin(length, np.arange(1, longest + 1)).all():
            raise ValueError(f"n_patterns is a whole number from 1 to {longest}.")
        length = length.astype(np.int64)
        signs = np.where(draws.uniforms("bits", longest, self.n_bits) < 0.5, -1.0, 1.0)
        epochs = list_epochs(
            draws,
            length,
            longest,
            fixation=self.fixation,
            item_shown=self.item_shown,
            delay=self.delay,
            recall=self.recall,
        )
        slots = [f"recall_{k + 1}" for k in range(longest)]
        recalling = epochs.during(*slots)
        return self._assemble(
            draws,
            epochs,
            inputs={"fixation": ~recalling, "bits": played(epochs, "item", signs)},
            targets={"bits": played(epochs, "recall", signs)},
            mask=~recalling | epochs.during(*slots, after=self.grace),
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """Each bit is the sign of the mean output in its recall epoch, after the grace period.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"correct_1"``, ...: the fraction of right bits of each pattern, NaN beyond the sequence; ``"correct"``,
            whether all are right, and ``"performance"``, the fraction of all bits.
        """
        y, target = as_array(trials, output), as_array(trials, trials.targets)
        longest = max(self.lengths)
        right = np.full((trials.n_trials, longest), np.nan)
        for k in range(longest):
            inside = window(trials, f"recall_{k + 1}", after=self.grace)
            said, asked = (np.sum(each, axis=1, where=inside[..., None]) for each in (y, target))
            fraction = (np.sign(np.nan_to_num(said, nan=0.0)) == np.sign(asked)).mean(axis=1)
            right[:, k] = np.where(inside.any(axis=1), fraction, np.nan)
        return {
            **{f"correct_{k + 1}": right[:, k] for k in range(longest)},
            "correct": ((right == 1) | np.isnan(right)).all(axis=1),
            "performance": np.nansum(right, axis=1) / np.asarray(trials.conditions["n_patterns"]),
        }

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "bits right by position and length": SerialPosition(by="n_patterns"),
            "bits right by length": MeanBy("performance", by="n_patterns"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The delay: fixation alone; and the recall: nothing.

        Returns:
            Two vectors.
        """
        delay = torch.zeros(self.n_inputs)
        delay[0] = 1.0
        return {"delay": delay, "recall": torch.zeros(self.n_inputs)}
