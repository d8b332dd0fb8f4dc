"""Counting: the language a^n b^n, one symbol at a time."""

__all__ = ["CountingLanguage"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot
from neurornn.tasks._registry import register
from neurornn.tasks.long_range._symbols import AbstractSymbolTask, largest, mean_during, whole
from neurornn.trials import Trials

_A, _B, _BREAK = range(3)


@register
@dataclass(frozen=True, kw_only=True)
class CountingLanguage(AbstractSymbolTask):
    r"""Predict the next symbol of :math:`a^n \,|\, b^n \,|`: after the break, as many b as there were a, then another break.

    .. math:: s_0 \dots s_{n-1} = a, \quad s_n = |, \quad s_{n+1} \dots s_{2n} = b, \quad s_{2n+1} = |

    The network sees :math:`s_t` and predicts :math:`s_{t+1}`, for :math:`t = 0 \dots 2n`. When the a end cannot be known, so one
    wrong prediction is allowed: a trial is right if at most one is wrong. What can be known is the number of b, and whether
    that is right is ``"counted"``.

    Symbols, counts 1 to 4 and 6 to 9, loss and criterion are those of the public code of Cheng & Brown, who train on each range
    alone; here a network trains on the first and ``split="test"`` shows the second.

    Attributes:
        counts: Values of :math:`n`.
        held_out_counts: Values of :math:`n` that training never shows and a test shows alone.

    References:
        Replay as a basis for backpropagation through time in the brain (Cheng & Brown, 2025)
        https://direct.mit.edu/neco/article/37/3/403/127434

    Examples:
        >>> task = CountingLanguage()
        >>> trials = task.sample(1, seed=0, conditions={"n": 2})
        >>> "".join("ab|"[k] for k in trials.inputs[0].argmax(1)), "".join("ab|"[k] for k in trials.targets[0].argmax(1))
        ('aa|bb', 'a|bb|')
        >>> int(task.sample(50, seed=0).conditions["n"].max()), int(task.sample(50, seed=0, split="test").conditions["n"].min())
        (4, 6)
    """

    name = "counting-language-v1"
    input_names = ("a", "b", "break")
    output_names = ("a", "b", "break")

    counts: tuple[int, ...] = (1, 2, 3, 4)
    held_out_counts: tuple[int, ...] = (6, 7, 8, 9)

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        every = (*self.counts, *self.held_out_counts)
        whole_ones = all(isinstance(n, int | np.integer) and n >= 1 for n in every)
        if not (self.counts and whole_ones and len(set(every)) == len(every)):
            raise ValueError(
                f"counts and held_out_counts must be different whole numbers, 1 or more: got {self.counts} and {self.held_out_counts}."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        options = (*self.counts, *self.held_out_counts)
        n = whole("n", draws.choice("n", options, held_out=self.held_out_counts), 1)
        epochs = self._lay_out({"count": n, "recount": n + 1})
        k, first = np.arange(2 * int(n.max()) + 2), n[:, None]
        symbol = np.where(k < first, _A, np.where((k > first) & (k <= 2 * first), _B, _BREAK))
        return self._assemble(
            draws,
            epochs,
            inputs={"symbol": one_hot(self._shown(symbol[:, :-1], epochs), range(3))},
            targets={"next": one_hot(self._shown(symbol[:, 1:], epochs), range(3))},
            mask=epochs.valid,
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """What is predicted is the output that is largest on average during each symbol.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"n_wrong"``, the number of wrong predictions; ``"counted"``, whether all from the break on are right; and
            ``"performance"``, 1 if at most one is wrong, else 0.
        """
        n = trials.conditions["n"].astype(np.int64)[:, None]
        n_symbols = int(2 * n.max() + 1)
        said = largest(mean_during(self, trials, output, n_symbols))
        right = largest(mean_during(self, trials, trials.targets, n_symbols))
        k = np.arange(n_symbols)
        wrong = (said != right) & (k <= 2 * n)
        n_wrong = wrong.sum(1)
        return {
            "n_wrong": n_wrong,
            "counted": ~(wrong & (k >= n)).any(1),
            "performance": (n_wrong <= 1).astype(np.float64),
        }

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "accuracy by count": Accuracy(by="n"),
            "b counted, by count": Accuracy(by="n", outcome="counted"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """Each symbol, held.

        Returns:
            Two vectors: while the a are counted, and while the b are.
        """
        eye = torch.eye(3)
        return {"a": eye[_A], "b": eye[_B]}
