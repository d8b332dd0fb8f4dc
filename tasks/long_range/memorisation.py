"""Noiseless memorisation: a short list comes back after a long empty delay."""

__all__ = ["AbstractMemorisation", "Memorisation5Bit", "Memorisation20Bit"]

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, MeanBy, SerialPosition
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot
from neurornn.tasks._registry import register
from neurornn.tasks.long_range._symbols import AbstractSymbolTask, largest, mean_during, whole
from neurornn.trials import Trials

_LARGEST_GRID = 4096  # lists that a balanced batch enumerates


@dataclass(frozen=True, kw_only=True)
class AbstractMemorisation(AbstractSymbolTask, ABC):
    """Repeat a list after a delay that ends with a trigger.

    Attributes:
        delay: Symbols between the list and its recall, the last of which is the trigger.
        n_items: Length of the list.
        n_letters: Number of different items.
        only_recall: Whether the loss counts the recall alone; else also that the output is blank before.
    """

    backward: ClassVar[bool] = False
    """Whether the list is to be repeated from its end."""

    delay: int = 50
    n_items: int = 5
    n_letters: int = 2
    only_recall: bool = False

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return (*self._letters, "blank", "trigger")

    @property
    @override
    def output_names(self) -> tuple[str, ...]:
        return (*self._letters, "blank")

    @property
    @override
    def loss(self) -> Literal["cross_entropy"]:
        return "cross_entropy"

    @property
    def _letters(self) -> tuple[str, ...]:
        return tuple(f"letter_{k + 1}" for k in range(self.n_letters))

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        for name, lowest in (("delay", 1), ("n_items", 1), ("n_letters", 2)):
            value = getattr(self, name)
            if not (isinstance(value, int | np.integer) and value >= lowest):
                raise ValueError(f"{name} must be a whole number, {lowest} or more: got {value}.")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        delay = whole("delay", draws.choice("delay", (self.delay,), factor=False), 1)
        items = self._draw_items(draws)
        n, row = self.n_items, np.arange(draws.n_trials)
        length = 2 * n + delay
        shown = np.full((draws.n_trials, int(length.max())), self.n_letters)  # blank
        wanted = shown.copy()
        for k, item in enumerate(items):
            shown[:, k] = wanted[row, n + delay + self._place(k)] = item
        shown[row, n + delay - 1] = self.n_letters + 1
        every = np.full_like(delay, n)
        epochs = self._lay_out({"list": every, "delay": delay, "recall": every})
        return self._assemble(
            draws,
            epochs,
            inputs={"symbols": one_hot(self._shown(shown, epochs), range(self.n_letters + 2))},
            targets={"symbols": one_hot(self._shown(wanted, epochs), range(self.n_letters + 1))},
            mask=epochs.during("recall") if self.only_recall else epochs.valid,
            conditions={f"item_{k + 1}": item for k, item in enumerate(items)},
            units={"delay": "symbols"},
        )

    def _draw_items(self, draws: TrialDraws) -> list[NDArray[np.int64]]:
        """The items of the list, each an array with one number for each trial."""
        listed = self.n_letters**self.n_items <= _LARGEST_GRID
        options = np.arange(self.n_letters)
        items = [
            draws.choice(f"item_{k + 1}", options, factor=listed).astype(np.int64)
            for k in range(self.n_items)
        ]
        if not np.isin(items, options).all():
            raise ValueError(f"An item is a whole number from 0 to {self.n_letters - 1}: got another one.")
        return items

    def _place(self, item: int) -> int:
        """Place in the recall of an item of the list, both counted from 0."""
        return self.n_items - 1 - item if self.backward else item

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """What is recalled is the output that is largest on average during each symbol of the recall.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"recalled_1"`` and so on, whether each item is right; ``"fraction_recalled"``; ``"n_blank_errors"``, symbols
            before the recall that are not blank; and ``"performance"``, 1 if every item is right, else 0.
        """
        n, row = self.n_items, np.arange(trials.n_trials)
        delay = trials.conditions["delay"].astype(np.int64)
        said = largest(mean_during(self, trials, output, int(2 * n + delay.max())))
        right = {
            f"recalled_{k + 1}": said[row, n + delay + self._place(k)] == trials.conditions[f"item_{k + 1}"]
            for k in range(n)
        }
        before = np.arange(said.shape[1]) < (n + delay)[:, None]
        table = np.stack(list(right.values()))
        return {
            **right,
            "fraction_recalled": table.mean(0),
            "n_blank_errors": (before & (said != self.n_letters)).sum(1),
            "performance": table.all(0).astype(np.float64),
        }

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "serial position": SerialPosition(prefix="recalled"),
            "recall by delay": MeanBy("fraction_recalled", by="delay"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The delay, and the trigger that ends it.

        Returns:
            Two vectors.
        """
        eye = torch.eye(self.n_inputs)
        return {"delay": eye[self.n_letters], "trigger": eye[self.n_letters + 1]}


@register
@dataclass(frozen=True, kw_only=True)
class Memorisation5Bit(AbstractMemorisation):
    """Repeat a list of five bits after a long delay: the 5-bit noiseless memorisation problem.

    A trial of :math:`T + 10` symbols shows five letters out of two, then :math:`T - 1` blanks and a trigger, and again five blanks, during
    which the list is to be repeated in its order. Before that the output is to be blank. There is no noise; the 32 lists are the
    conditions, and a balanced batch of 32 is the whole problem. A trial is right if all five letters are.

    As in Sutskever's thesis (section 4.4), where :math:`T` is up to 200.

    References:
        Training recurrent neural networks (Sutskever, 2013, PhD thesis, University of Toronto)

    Examples:
        >>> trials = Memorisation5Bit(delay=20).sample(32, seed=0, balanced=True)
        >>> trials.n_steps, bool((trials.inputs[:, :5, :2] == trials.targets[:, -5:, :2]).all())
        (30, True)
        >>> trials.inputs[0].argmax(1).tolist().index(3)  # the trigger, symbol T + 5
        24
    """

    name = "memorisation-5-bit-v1"


@register
@dataclass(frozen=True, kw_only=True)
class Memorisation20Bit(AbstractMemorisation):
    """Repeat a list of ten letters out of five after a long delay: the 20-bit noiseless memorisation problem.

    All is as in :class:`Memorisation5Bit`, with :math:`T + 20` symbols in a trial. The nearly ten million lists are drawn at
    random.

    References:
        Training recurrent neural networks (Sutskever, 2013, PhD thesis, University of Toronto)

    Examples:
        >>> Memorisation20Bit(delay=30).sample(1, seed=0).n_steps
        50
    """

    name = "memorisation-20-bit-v1"

    n_items: int = 10
    n_letters: int = 5
