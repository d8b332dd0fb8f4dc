"""Temporal order: which of two symbols came where, among distractors."""

__all__ = ["AbstractTemporalOrder", "TemporalOrder", "TemporalOrder3Bit"]

import itertools
import math
from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.analysis.behaviour import AbstractMeasure, Accuracy, MeanInBins
from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._encoders import one_hot
from neurornn.tasks._held import held
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks.long_range._arithmetic import check_length, lengths
from neurornn.tasks.long_range._symbols import AbstractSymbolTask, answered, place_in, whole
from neurornn.trials import Trials

_SYMBOLS = ("a", "b", "c", "d", "X", "Y", "start", "end")
_ORDINALS = ("first", "second", "third")


@dataclass(frozen=True, kw_only=True)
class AbstractTemporalOrder(AbstractSymbolTask, ABC):
    """Name the special symbols of a long sequence in their order.

    Attributes:
        length: Shortest sequence :math:`T`, in symbols.
        stretch: Longest sequence over shortest; the length of a trial is drawn between them.
        windows: Where each special symbol may come, as fractions of the length.
        held_out_lengths: Lengths that training never shows and a test shows alone.
    """

    input_names = _SYMBOLS

    length: int = 50
    stretch: float = 1.1
    windows: tuple[tuple[float, float], ...] = ((0.0, 0.1), (0.4, 0.5))
    held_out_lengths: tuple[int, ...] = ()

    @property
    @override
    def output_names(self) -> tuple[str, ...]:
        return tuple("".join(each) for each in itertools.product("XY", repeat=len(self.windows)))

    @property
    @override
    def loss(self) -> Literal["cross_entropy"]:
        return "cross_entropy"

    @override
    def _check_fields(self) -> None:
        super()._check_fields()
        object.__setattr__(self, "windows", tuple(tuple(each) for each in self.windows))
        edges = [edge for window in self.windows for edge in window]
        ordered = all(a <= b for a, b in itertools.pairwise(edges))
        fits = 1 <= len(self.windows) <= len(_ORDINALS) and all(len(window) == 2 for window in self.windows)
        wide = fits and all(low < high for low, high in self.windows)
        if not (wide and ordered and edges[0] >= 0 and edges[-1] <= 1):
            raise ValueError(
                f"windows must be one to three pairs of rising fractions of the length, apart from each other: got {self.windows}."
            )
        check_length(self.length, self.stretch, self._shortest)

    @property
    def _shortest(self) -> int:
        """Length at which every window holds a symbol between start and end."""
        narrow = min(high - low for low, high in self.windows)
        return math.ceil(1 / narrow - 1e-9) + 2

    @override
    def _generate(self, draws: TrialDraws) -> Trials:
        options = lengths(self.length, self.stretch)
        drawn = draws.choice("length", options, held_out=self.held_out_lengths)
        length = whole("length", drawn, self._shortest)
        row, end = np.arange(draws.n_trials), length - 1
        symbol = draws.integers("distractors", 4, int(length.max()))[..., 0]
        chosen, places = [], {}
        before = np.zeros_like(length)  # of the symbol before: the start is symbol 0
        for (low, high), ordinal in zip(self.windows, _ORDINALS, strict=False):
            which = draws.choice(f"{ordinal}_symbol", ("X", "Y"))
            lowest = np.maximum(np.floor(low * length + 1e-9).astype(np.int64), before + 1)
            highest = np.minimum(np.floor(high * length + 1e-9).astype(np.int64), end - 1)
            place = place_in(draws.uniform(f"{ordinal}_place"), lowest, np.maximum(highest, lowest))
            before = np.maximum(highest, lowest)
            symbol[row, place] = 4 + (which == "Y")
            chosen.append(which == "Y")
            places[ordinal] = place
        symbol[:, 0], symbol[row, end] = _SYMBOLS.index("start"), _SYMBOLS.index("end")
        code = sum(bit.astype(np.int64) << k for k, bit in enumerate(reversed(chosen)))
        epochs = self._lay_out({"sequence": end, "answer": np.ones_like(length)})
        shown = one_hot(self._shown(symbol, epochs), range(len(_SYMBOLS)))
        return self._assemble(
            draws,
            epochs,
            inputs={"symbols": shown},
            targets={"answer": held(one_hot(code, range(self.n_outputs)), epochs.during("answer"))},
            mask=epochs.during("answer"),
            conditions={**places, "lag": end - places["first"]},
            units={name: "symbols" for name in ("length", "lag", *places)},
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
            ``"answer"``, the number of an output or -1 for none, and ``"performance"``, 1 or 0.
        """
        answer = answered(trials, output)
        right = answered(trials, trials.targets)
        return {"answer": answer, "performance": (answer == right).astype(np.float64)}

    @property
    @override
    def measures(self) -> Mapping[str, AbstractMeasure]:
        ordinals = _ORDINALS[: len(self.windows)]
        return {
            "accuracy by length": Accuracy(by="length"),
            "accuracy by lag": MeanInBins("performance", "lag"),
            **{f"accuracy by {each} symbol": Accuracy(by=f"{each}_symbol") for each in ordinals},
        }

    @override
    def probe_inputs(self) -> dict[str, Float[Tensor, " input"]]:
        """A distractor that stays.

        Returns:
            Two vectors, with the mean of the distractors as ``"distractors"`` and the symbol ``a`` alone.
        """
        mean, one = torch.zeros(len(_SYMBOLS)), torch.zeros(len(_SYMBOLS))
        mean[:4], one[0] = 0.25, 1.0
        return {"distractors": mean, "a": one}

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=3000)


@register
@dataclass(frozen=True, kw_only=True)
class TemporalOrder(AbstractTemporalOrder):
    r"""Name the two special symbols of a long sequence in their order: XX, XY, YX or YY.

    A sequence of :math:`T' \in [T, 1.1\,T]` symbols starts with a start symbol and ends with an end symbol. Between them are
    distractors, ``a`` to ``d``, and an X or a Y at each of two places

    .. math:: I \in [1, T'/10], \qquad J \in [4 T'/10, 5 T'/10]

    counted from 0. The answer is due at the end symbol, and that is all the loss counts. The largest output there is the answer.

    The task is that of Sutskever's thesis (section 4.4), with the windows of the generator that its author made public.
    Other generators have others, which is why they are a field: ``windows=((0.1, 0.2), (0.5, 0.6))`` gives those of Hochreiter & Schmidhuber.

    References:
        Training recurrent neural networks (Sutskever, 2013, PhD thesis, University of Toronto)

        Long short-term memory (Hochreiter & Schmidhuber, 1997) https://doi.org/10.1162/neco.1997.9.8.1735

    Examples:
        >>> trials = TemporalOrder().sample(1, seed=0, conditions={"first_symbol": "X", "second_symbol": "Y"})
        >>> trials.info.output_names[trials.targets[0].amax(0).argmax()]
        'XY'
    """

    name = "temporal-order-v1"


@register
@dataclass(frozen=True, kw_only=True)
class TemporalOrder3Bit(AbstractTemporalOrder):
    r"""Name the three special symbols of a long sequence in their order: one of eight answers.

    .. math:: I \in [1, T'/10], \qquad J \in [3 T'/10, 4 T'/10], \qquad K \in [5 T'/10, 6 T'/10]

    All else is as in :class:`TemporalOrder`.

    References:
        Training recurrent neural networks (Sutskever, 2013, PhD thesis, University of Toronto)

    Examples:
        >>> TemporalOrder3Bit().output_names
        ('XXX', 'XXY', 'XYX', 'XYY', 'YXX', 'YXY', 'YYX', 'YYY')
    """

    name = "temporal-order-3-bit-v1"

    windows: tuple[tuple[float, float], ...] = ((0.0, 0.1), (0.3, 0.4), (0.5, 0.6))
