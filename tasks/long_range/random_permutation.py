"""Random permutation: the first symbol of a sequence comes back at its end, all between is noise."""

__all__ = ["RandomPermutation"]

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks.long_range._arithmetic import check_length
from neurornn.tasks.long_range._symbols import AbstractSymbolTask, answered, whole
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class RandomPermutation(AbstractSymbolTask):
    r"""Predict the next symbol of a random sequence whose last symbol is its first.

    Of ``n_symbols`` symbols the first two are special: one of them opens the sequence, at random. The other :math:`T - 1` symbols
    are drawn anew from the rest, so that nothing can be predicted but the one after the last, which is the first again:

    .. math:: s_T = s_0 \in \{0, 1\}, \qquad s_1 \dots s_{T-1} \in \{2, \dots, N - 1\}

    The network sees :math:`s_t` and predicts :math:`s_{t+1}` at every step. The loss counts all predictions, so a gradient
    from :math:`T - 1` that say nothing drowns the one that matters; the performance counts the last alone.

    As in Sutskever's thesis (section 4.4), with 100 symbols. In spite of its name the sequence is no permutation there either:
    symbols may repeat.

    Attributes:
        length: Length :math:`T` of a trial in symbols, and the lag that must be bridged.
        n_symbols: Number of symbols :math:`N`, at least 3.

    References:
        Training recurrent neural networks (Sutskever, 2013, PhD thesis, University of Toronto)

    Examples:
        >>> trials = RandomPermutation(length=30).sample(2, seed=0)
        >>> bool((trials.inputs[:, 1:] == trials.targets[:, :-1]).all()), bool((trials.inputs[:, 0] == trials.targets[:, -1]).all())
        (True, True)
    """

    name = "random-permutation-v1"

    length: int = 50
    n_symbols: int = 100

    @property
    @override
    def input_names(self) -> tuple[str, ...]:
        return tuple(f"symbol_{k}" for k in range(self.n_symbols))

    @property
    @override
    def output_names(self) -> tuple[str, ...]:
        return self.input_names

    @property
    @override
    def loss(self) -> Literal["cross_entropy"]:
        return "cross_entropy"

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_length(self.length, 1.0, 2)
        if not (isinstance(self.n_symbols, int | np.integer) and self.n_symbols >= 3):
            raise ValueError(
                f"n_symbols must be a whole number, 3 or more: two to remember and the rest. Got {self.n_symbols}."
            )

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        first = draws.choice("first_symbol", (0, 1))
        if not np.isin(first, (0, 1)).all():
            raise ValueError("The first symbol is 0 or 1: got another value for 'first_symbol'.")
        length = whole("length", draws.choice("length", (self.length,)), 2)
        row = np.arange(draws.n_trials)
        symbol = 2 + draws.integers("symbols", self.n_symbols - 2, int(length.max()) + 1)[..., 0]
        symbol[:, 0] = symbol[row, length] = first
        epochs = self._lay_out({"sequence": length - 1, "answer": np.ones_like(length)})
        code = range(self.n_symbols)
        return self._assemble(
            draws,
            epochs,
            inputs={"symbols": one_hot(self._shown(symbol[:, :-1], epochs), code)},
            targets={"next": one_hot(self._shown(symbol[:, 1:], epochs), code)},
            mask=epochs.valid,
            units={"length": "symbols"},
        )

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """The answer is the output that is largest on average during the last symbol.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"answer"``, the number of a symbol or -1 for none, and ``"performance"``, 1 or 0.
        """
        answer = answered(trials, output)
        right = answer == trials.conditions["first_symbol"]
        return {"answer": answer, "performance": right.astype(np.float64)}

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95)

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "accuracy by length": Accuracy(by="length"),
            "accuracy by symbol": Accuracy(by="first_symbol"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """The mean of the symbols that say nothing.

        Returns:
            One vector.
        """
        mean = torch.full((self.n_symbols,), 1.0 / (self.n_symbols - 2))
        mean[:2] = 0.0
        return {"noise": mean}
