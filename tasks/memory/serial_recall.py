"""Serial recall: give a list back, in the same order or in reverse."""

__all__ = ["SerialRecall"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, MeanBy, SerialPosition
from neurornn.tasks._behaviour import as_array, window
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot
from neurornn.tasks._held import held
from neurornn.tasks._registry import register
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Timing, as_timing, to_steps
from neurornn.tasks.memory._lists import check_lengths, list_epochs, played
from neurornn.trials import Trials

_ORDERS = ("forward", "backward")


@register
@dataclass(frozen=True, kw_only=True)
class SerialRecall(AbstractTask):
    """Give back the items of a list, one after the other, forward or backward as a cue tells.

    A list holds ``list_length`` different items, one-hot. The cue of the order is on through the trial. The fixation
    input goes off at the end of the delay; then comes a recall epoch for each item, ``"recall_1"``, ``"recall_2"``, ...,
    each begun by a pulse on the channel ``next``. Its target is the item: the first one recalled is the first of the
    list forward and the last of the list backward. The outputs are the items and ``wait``, the target until recall;
    they are learned by cross-entropy, where the loss leaves out the grace period of each recall epoch.

    ``correct_1``, ``correct_2``, ... go by the *serial position in the list* (not by the order of recall), so curves of
    both orders can be compared. The performance is the fraction of items given back at their place.

    Botvinick & Plaut (2006) train recurrent networks on immediate serial recall; items, lengths and times are chosen
    here.

    Attributes:
        n_items: Number of different items.
        list_lengths: Lengths, all equally likely.
        orders: Orders that are asked for: ``"forward"``, ``"backward"`` or both.
        fixation: Duration before the list.
        item_shown: Duration of each item.
        delay: Duration between the list and the recall.
        recall: Duration of the recall of each item.
        grace: Time in ms at the start of a recall epoch that is neither trained nor judged.
        pulse: Width of the pulse in ms.

    References:
        Short-term memory for serial order: a recurrent neural network model (Botvinick & Plaut, 2006)
        https://doi.org/10.1037/0033-295X.113.2.201

    Examples:
        >>> task = SerialRecall()
        >>> trials = task.sample(1, seed=0, conditions={"order": "backward", "list_length": 3})
        >>> found = task.behaviour(trials, trials.targets)
        >>> [bool(found[f"recalled_{k}"][0] == trials.conditions[f"shown_{4 - k}"][0]) for k in (1, 2, 3)]
        [True, True, True]
    """

    name = "serial-recall-v1"

    sigma_in: float = 0.05
    n_items: int = 8
    list_lengths: tuple[int, ...] = (2, 3, 4, 5)
    orders: tuple[str, ...] = _ORDERS
    fixation: Timing = 200.0
    item_shown: Timing = 400.0
    delay: Timing = 500.0
    recall: Timing = 400.0
    grace: float = 200.0
    pulse: float = 100.0

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return ("fixation", *(f"item_{k + 1}" for k in range(self.n_items)), *self.orders, "next")

    @property
    @override
    def output_names(self) -> tuple[str, ...]:
        return ("wait", *(f"item_{k + 1}" for k in range(self.n_items)))

    @property
    @override
    def loss(self) -> Literal["cross_entropy"]:
        return "cross_entropy"

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_lengths("list_lengths", self.list_lengths, self.n_items)
        if (
            not self.orders
            or len(set(self.orders)) < len(self.orders)
            or not set(self.orders) <= set(_ORDERS)
        ):
            raise ValueError(f"orders needs some of {_ORDERS}: got {self.orders}.")
        judged = to_steps(as_timing(self.recall).lower, self.dt) - to_steps(self.grace, self.dt)
        if self.grace < 0 or judged < 1 or not self.dt <= self.pulse <= as_timing(self.recall).lower:
            raise ValueError(
                "grace must be at least 0 and leave a step of the recall epochs to judge, and the pulse must last from dt to "
                f"a recall epoch: got grace={self.grace} ms, recall={self.recall}, pulse={self.pulse} ms and dt={self.dt:g} ms."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        order = draws.choice("order", self.orders)
        length = draws.choice("list_length", self.list_lengths)
        longest = max(self.list_lengths)
        if not np.isin(length, np.arange(1, longest + 1)).all():
            raise ValueError(f"list_length is a whole number from 1 to {longest}.")
        length = length.astype(np.int64)
        items = draws.permutations("items", self.n_items)[:, :longest]
        epochs = list_epochs(
            draws,
            length,
            longest,
            fixation=self.fixation,
            item_shown=self.item_shown,
            delay=self.delay,
            recall=self.recall,
        )
        place = _place(order, length, longest)
        asked = one_hot(np.take_along_axis(items, place, axis=1), range(self.n_items))
        answers = played(epochs, "recall", asked)
        slots = [f"recall_{k + 1}" for k in range(longest)]
        recalling = epochs.during(*slots)
        pulses = np.zeros(recalling.shape, dtype=bool)
        for name in slots:
            pulses |= epochs.pulse(name, self.pulse) & epochs.during(name)
        there = np.arange(longest) < length[:, None]
        cue = held(one_hot(order, self.orders), epochs.valid)
        return self._assemble(
            draws,
            epochs,
            inputs={
                "fixation": ~recalling,
                "items": played(epochs, "item", one_hot(items, range(self.n_items))),
                "order": cue,
                "next": pulses,
            },
            targets={"wait": ~recalling, "items": answers},
            mask=~recalling | epochs.during(*slots, after=self.grace),
            conditions={f"shown_{k + 1}": np.where(there[:, k], items[:, k] + 1, 0) for k in range(longest)},
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """The item recalled is the one whose output is largest on average in a recall epoch, after the grace period.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"recalled_1"``, ... in the order of recall (0 where none was asked, or where ``wait`` is largest or nothing
            stands out), ``"correct_1"``, ... by position in the list (1, 0, NaN beyond the list), ``"correct"`` (whether
            all are) and ``"performance"``.
        """
        y = as_array(trials, output)
        longest = max(self.list_lengths)
        said = np.zeros((trials.n_trials, longest), dtype=np.int64)
        for k in range(longest):
            inside = window(trials, f"recall_{k + 1}", after=self.grace)
            total = np.nan_to_num(np.sum(y, axis=1, where=inside[..., None]), nan=-np.inf)
            alone = (total == total.max(axis=1, keepdims=True)).sum(axis=1) == 1
            said[:, k] = np.where(alone & inside.any(axis=1), total.argmax(axis=1), 0)
        length = np.asarray(trials.conditions["list_length"], dtype=np.int64)
        shown = np.stack([trials.conditions[f"shown_{k + 1}"] for k in range(longest)], axis=1)
        place = _place(np.asarray(trials.conditions["order"]), length, longest)
        at = np.take_along_axis(said, place, axis=1)  # reversal is its own inverse
        there = np.arange(longest) < length[:, None]
        right = np.where(there, (at == shown).astype(np.float64), np.nan)
        return {
            **{f"recalled_{k + 1}": said[:, k] for k in range(longest)},
            **{f"correct_{k + 1}": right[:, k] for k in range(longest)},
            "correct": ((right == 1) | ~there).all(axis=1),
            "performance": np.nansum(right, axis=1) / length,
        }

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "accuracy by position and list length": SerialPosition(by="list_length"),
            "accuracy by position and order": SerialPosition(by="order"),
            "accuracy by list length": MeanBy("performance", by="list_length"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The delay and the recall in each order.

        Returns:
            Two vectors for each order.
        """
        probes: dict[str, Tensor] = {}
        for k, order in enumerate(self.orders):
            recall = torch.zeros(self.n_inputs)
            recall[1 + self.n_items + k] = 1.0
            delay = recall.clone()
            delay[0] = 1.0
            probes |= {f"delay, {order}": delay, f"recall, {order}": recall}
        return probes


def _place(order: NDArray[np.generic], length: NDArray[np.int64], longest: int) -> NDArray[np.int64]:
    """Position in the list of each item recalled, ``(batch, longest)``; beyond the list its own number."""
    number = np.broadcast_to(np.arange(longest), (length.size, longest))
    back = (order == "backward")[:, None] & (number < length[:, None])
    return np.where(back, length[:, None] - 1 - number, number)
