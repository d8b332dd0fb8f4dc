"""What addition, multiplication and XOR share: two marked numbers among many, and an answer at the end."""

__all__ = ["AbstractArithmetic", "AbstractRealArithmetic", "check_length", "lengths"]

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, MeanInBins
from neurornn.tasks._behaviour import epoch_average
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._held import held
from neurornn.tasks.long_range._symbols import AbstractSymbolTask, place_in, whole
from neurornn.trials import Trials

_TOLERANCE = 0.04
_SHORTEST = 10  # symbols: the first window, a tenth of the sequence, must hold one


@dataclass(frozen=True, kw_only=True)
class AbstractArithmetic(AbstractSymbolTask, ABC):
    """Combine two marked numbers of a long sequence.

    Attributes:
        length: Shortest sequence :math:`T`, in symbols.
        stretch: Longest sequence over shortest; the length of a trial is drawn between them.
        held_out_lengths: Lengths that training never shows and a test shows alone.
    """

    input_names = ("number", "mark")

    length: int = 50
    stretch: float = 1.1
    held_out_lengths: tuple[int, ...] = ()

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        check_length(self.length, self.stretch, _SHORTEST)

    @abstractmethod
    def _operands(self, draws: TrialDraws) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The two numbers that count, recorded as ``first_value`` and ``second_value``."""

    @abstractmethod
    def _others(self, draws: TrialDraws, n_symbols: int) -> NDArray[np.float64]:
        """The numbers that do not count, ``(batch, n_symbols)``."""

    @abstractmethod
    def _answer(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        """Targets at the end, ``(batch, output)``."""

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        options = lengths(self.length, self.stretch)
        length = whole("length", draws.choice("length", options, held_out=self.held_out_lengths), _SHORTEST)
        a, b = self._operands(draws)
        one = np.ones_like(length)
        first = place_in(draws.uniform("first_place"), one, length // 10)
        second = place_in(draws.uniform("second_place"), length // 10 + 1, length // 2)
        epochs = self._lay_out({"sequence": length - 1, "answer": one})
        n_symbols, row = int(length.max()), np.arange(draws.n_trials)
        number, mark = self._others(draws, n_symbols), np.zeros((draws.n_trials, n_symbols))
        number[row, first], number[row, second] = a, b
        mark[row, first] = mark[row, second] = 1.0
        mark[:, 0] = mark[row, length - 1] = -1.0
        answer = self._answer(a, b)
        return self._assemble(
            draws,
            epochs,
            inputs={
                name: self._shown(each, epochs) * epochs.valid
                for name, each in (("number", number), ("mark", mark))
            },
            targets={"answer": held(answer, epochs.during("answer"))},
            mask=epochs.during("answer"),
            conditions={"first": first, "second": second, "lag": length - 1 - first},
            units={name: "symbols" for name in ("length", "first", "second", "lag")},
        )

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        return {
            "accuracy by length": Accuracy(by="length"),
            "accuracy by lag": MeanInBins("performance", "lag"),
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """Between the marks, at the middle of the numbers.

        Returns:
            One vector.
        """
        return {"unmarked": torch.tensor([0.5, 0.0])}


@dataclass(frozen=True, kw_only=True)
class AbstractRealArithmetic(AbstractArithmetic, ABC):
    """Numbers uniform on [0, 1], and an answer that is right within 0.04."""

    @override
    def _operands(self, draws: TrialDraws) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return draws.uniform("first_value"), draws.uniform("second_value")

    @override
    def _others(self, draws: TrialDraws, n_symbols: int) -> NDArray[np.float64]:
        return draws.uniforms("numbers", n_symbols)[..., 0]

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """The answer is the mean output during the last symbol; it is right if it is off by at most 0.04.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"answer"``, ``"error"`` (the answer minus the right one) and ``"performance"``, 1 or 0.
        """
        answer = epoch_average(trials, output, "answer")[:, 0]
        error = answer - epoch_average(trials, trials.targets, "answer")[:, 0]
        return {
            "answer": answer,
            "error": error,
            "performance": (np.abs(error) <= _TOLERANCE).astype(np.float64),
        }


def lengths(length: int, stretch: float) -> NDArray[np.int64]:
    """Lengths from the shortest to the longest, in symbols.

    Args:
        length: Shortest.
        stretch: Longest over shortest.

    Returns:
        All whole numbers between them.

    Examples:
        >>> lengths(30, 1.1).tolist()
        [30, 31, 32, 33]
    """
    return np.arange(length, math.floor(length * stretch + 1e-9) + 1)


def check_length(length: int, stretch: float, shortest: int) -> None:
    """Refuse lengths that are not whole or too short.

    Args:
        length: Shortest sequence in symbols.
        stretch: Longest over shortest.
        shortest: What is needed at least.

    Raises:
        ValueError: If they make no sense.
    """
    if not (isinstance(length, int | np.integer) and length >= shortest and 1 <= stretch < math.inf):
        raise ValueError(
            f"length must be a whole number of symbols, {shortest} or more, and stretch at least 1: "
            f"got length={length} and stretch={stretch}."
        )
