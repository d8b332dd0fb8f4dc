"""Associative retrieval: which digit came with this letter?"""

__all__ = ["AssociativeRetrieval"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy
from neurornn.tasks._behaviour import check_grace, epoch_average
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot
from neurornn.tasks._epochs import Epochs
from neurornn.tasks._held import held
from neurornn.tasks._registry import register
from neurornn.tasks._task import AbstractTask
from neurornn.tasks._timing import Timing
from neurornn.tasks.memory._lists import check_lengths
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class AssociativeRetrieval(AbstractTask):
    """Name the digit that came with a letter, in a stream such as ``c 9 k 8 j 3 f 1 ? ? c``: 9.

    A trial shows ``n_pairs`` letters, all different, each followed by a digit, then two question marks and one of the
    letters again. While the fixation input is off, in the epoch ``"decision"``, the target is its digit, learned by
    cross-entropy over the digits; only the decision after the grace period counts. All symbols are one-hot. The
    associations last for one trial, so they must be held in the state, or in weights that change fast.
    ``lag`` is the number of pairs between the pair asked for and the question, 0 for the last.

    Ba et al. (2016) give the task and the example, one symbol a step; the numbers of pairs and the times are chosen here.

    Attributes:
        numbers_of_pairs: Numbers of pairs, all equally likely.
        n_letters: Number of letters.
        n_digits: Number of digits.
        symbol: Duration of each symbol.
        decision: Duration of the last epoch.
        grace: Time in ms at the start of the decision epoch that is neither trained nor judged.

    References:
        Using fast weights to attend to the recent past (Ba et al., 2016) https://arxiv.org/abs/1610.06258

    Examples:
        >>> task = AssociativeRetrieval(numbers_of_pairs=(4,))
        >>> trials = task.sample(1, seed=0)
        >>> asked = 4 - int(trials.conditions["lag"][0])
        >>> bool(trials.conditions["answer"][0] == trials.conditions[f"digit_{asked}"][0])
        True
    """

    name = "associative-retrieval-v1"

    sigma_in: float = 0.05
    numbers_of_pairs: tuple[int, ...] = (2, 4, 8)
    n_letters: int = 26
    n_digits: int = 10
    symbol: Timing = 100.0
    decision: Timing = 300.0
    grace: float = 100.0

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        letters = (f"letter_{k + 1}" for k in range(self.n_letters))
        return ("fixation", *letters, *self._digits, "question")

    @property
    @override
    def output_names(self) -> tuple[str, ...]:
        return self._digits

    @property
    def _digits(self) -> tuple[str, ...]:
        return tuple(f"digit_{k}" for k in range(self.n_digits))

    @property
    @override
    def loss(self) -> Literal["cross_entropy"]:
        return "cross_entropy"

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_lengths("numbers_of_pairs", self.numbers_of_pairs, self.n_letters)
        if self.n_digits < 2:
            raise ValueError(f"There is nothing to retrieve with fewer than two digits: got {self.n_digits}.")
        check_grace(self.grace, self.decision, self.dt, field="decision", epoch="decision epoch")

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        n = draws.choice("n_pairs", self.numbers_of_pairs)
        longest = max(self.numbers_of_pairs)
        if not np.isin(n, np.arange(1, longest + 1)).all():
            raise ValueError(f"n_pairs is a whole number from 1 to {longest}.")
        n = n.astype(np.int64)
        letters = draws.permutations("letters", self.n_letters)[:, :longest]
        digits = draws.integers("digits", self.n_digits, longest)[..., 0]
        asked = np.minimum((n * draws.uniforms("asked", 1)[:, 0, 0]).astype(np.int64), n - 1)
        query, answer = (np.take_along_axis(each, asked[:, None], axis=1)[:, 0] for each in (letters, digits))
        symbol = draws.duration("symbol", self.symbol)
        there = np.arange(longest) < n[:, None]
        steps: dict[str, NDArray[np.int64]] = {}
        for k in range(longest):
            steps |= {f"letter_{k + 1}": np.where(there[:, k], symbol, 0)}
            steps |= {f"digit_{k + 1}": np.where(there[:, k], symbol, 0)}
        decision = draws.duration("decision", self.decision)
        epochs = Epochs(self.dt, {**steps, "question": 2 * symbol, "query": symbol, "decision": decision})
        alphabet, numerals = range(self.n_letters), range(self.n_digits)
        shown = held(one_hot(query, alphabet), epochs.during("query"))
        counted = np.zeros((*shown.shape[:2], self.n_digits))
        for k in range(longest):
            shown += held(one_hot(letters[:, k], alphabet), epochs.during(f"letter_{k + 1}"))
            counted += held(one_hot(digits[:, k], numerals), epochs.during(f"digit_{k + 1}"))
        judged = epochs.during("decision", after=self.grace)
        if not epochs.outlasts("decision", self.grace):
            raise ValueError(
                f"Every decision epoch must outlast the grace period of {self.grace:g} ms: lengthen 'decision'."
            )
        return self._assemble(
            draws,
            epochs,
            inputs={
                "fixation": epochs.before("decision"),
                "letters": shown,
                "digits": counted,
                "question": epochs.during("question"),
            },
            targets={"digits": held(one_hot(answer, numerals), epochs.during("decision"))},
            mask=judged,
            conditions={
                "lag": n - 1 - asked,
                "query": query + 1,
                "answer": answer,
                **{f"digit_{k + 1}": np.where(there[:, k], digits[:, k], -1) for k in range(longest)},
            },
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """The digit whose output is largest on average in the decision epoch, after the grace period.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"retrieved"`` (-1 where none stands out), ``"correct"`` and ``"performance"``.
        """
        mean = np.nan_to_num(epoch_average(trials, output, "decision", after=self.grace), nan=-np.inf)
        alone = (mean == mean.max(axis=1, keepdims=True)).sum(axis=1) == 1
        retrieved = np.where(alone, mean.argmax(axis=1), -1)
        correct = retrieved == trials.conditions["answer"]
        return {"retrieved": retrieved, "correct": correct, "performance": correct.astype(np.float64)}

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {"accuracy by number of pairs": Accuracy(by="n_pairs"), "accuracy by lag": Accuracy(by="lag")}

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """No symbol: fixation alone; and the decision: nothing.

        Returns:
            Two vectors.
        """
        wait = torch.zeros(self.n_inputs)
        wait[0] = 1.0
        return {"wait": wait, "decision": torch.zeros(self.n_inputs)}
