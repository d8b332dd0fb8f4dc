"""Addition, multiplication and XOR of two marked numbers far back in a sequence."""

__all__ = ["Addition", "Multiplication", "Xor"]

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from neurornn.recipe import Recipe
from neurornn.tasks._draws import TrialDraws
from neurornn.tasks._recipes import INTEGRATORS
from neurornn.tasks._registry import register
from neurornn.tasks.long_range._arithmetic import AbstractArithmetic, AbstractRealArithmetic
from neurornn.tasks.long_range._symbols import answered
from neurornn.trials import Trials


@register
@dataclass(frozen=True, kw_only=True)
class Addition(AbstractRealArithmetic):
    r"""Say the mean of two marked numbers at the end of a long sequence.

    .. math:: y^*(T') = \tfrac12 (u_I + u_J), \qquad T' \in [T, 1.1\,T],\quad I \in [1, T'/10],\quad J \in [T'/10, T'/2]

    where :math:`u_t` are numbers uniform on [0, 1] and :math:`T'` is the length of the trial in symbols, counted from 0. The second
    input is 1 at :math:`I` and :math:`J`, -1 at the first and the last symbol, 0 elsewhere. The answer is due at the last
    symbol, and that is all the loss counts. It is right if it is off by at most 0.04, the zero-one criterion of the source.

    Lengths, positions and the criterion are those of Sutskever's thesis (section 4.4), with lengths 30, 50, 100 and 200; the
    -1 at both ends is that of Hochreiter & Schmidhuber. Guessing 1/2 is right in about 15 % of trials.

    References:
        Training recurrent neural networks (Sutskever, 2013, PhD thesis, University of Toronto)

        Long short-term memory (Hochreiter & Schmidhuber, 1997) https://doi.org/10.1162/neco.1997.9.8.1735

    Examples:
        >>> trials = Addition(length=30).sample(1, seed=0, conditions={"first_value": 0.2, "second_value": 0.6})
        >>> round(trials.targets[0].max().item(), 6), trials.inputs[0, :, 1].sum().item()  # 1 + 1 - 1 - 1
        (0.4, 0.0)
    """

    name = "addition-v1"
    output_names = ("sum",)

    @override
    def _answer(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        return (0.5 * (first + second))[:, None]


@register
@dataclass(frozen=True, kw_only=True)
class Multiplication(AbstractRealArithmetic):
    r"""Say the product of two marked numbers at the end of a long sequence.

    .. math:: y^*(T') = u_I\, u_J

    All else is as in :class:`Addition`.

    References:
        Training recurrent neural networks (Sutskever, 2013, PhD thesis, University of Toronto)

        Long short-term memory (Hochreiter & Schmidhuber, 1997) https://doi.org/10.1162/neco.1997.9.8.1735

    Examples:
        >>> trials = Multiplication().sample(1, seed=0, conditions={"first_value": 0.2, "second_value": 0.6})
        >>> round(trials.targets[0].max().item(), 6)
        0.12
    """

    name = "multiplication-v1"
    output_names = ("product",)

    @override
    def _answer(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        return (first * second)[:, None]


@register
@dataclass(frozen=True, kw_only=True)
class Xor(AbstractArithmetic):
    r"""Say whether two marked bits differ at the end of a long sequence of bits.

    .. math:: y^*(T') = u_I \oplus u_J, \qquad u_t \in \{0, 1\}

    Lengths and positions are those of :class:`Addition`. Neither bit alone says anything about the answer, so there is
    nothing to learn from either of them first. The logistic output of the source is here the soft-max of two outputs, which
    is the same function of their difference. The larger output at the last symbol is the answer.

    References:
        Training recurrent neural networks (Sutskever, 2013, PhD thesis, University of Toronto)

    Examples:
        >>> trials = Xor().sample(4, seed=0, conditions={"first_value": [0, 0, 1, 1], "second_value": [0, 1, 0, 1]})
        >>> trials.targets[..., 1].amax(1).tolist()
        [0.0, 1.0, 1.0, 0.0]
    """

    name = "xor-v1"
    output_names = ("same", "different")

    @property
    @override
    def loss(self) -> Literal["cross_entropy"]:
        return "cross_entropy"

    @override
    def _operands(self, draws: TrialDraws) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        bits = draws.choice("first_value", (0, 1)), draws.choice("second_value", (0, 1))
        if not np.isin(np.stack(bits), (0, 1)).all():
            raise ValueError("A bit is 0 or 1: got another number for 'first_value' or 'second_value'.")
        return bits

    @override
    def _others(self, draws: TrialDraws, n_symbols: int) -> NDArray[np.float64]:
        return (draws.uniforms("numbers", n_symbols)[..., 0] < 0.5).astype(np.float64)

    @override
    def _answer(self, first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
        differ = first != second
        return np.stack([~differ, differ], axis=1).astype(np.float64)

    @override
    def behaviour(
        self, trials: Trials, output: Float[Tensor, "batch time output"]
    ) -> dict[str, NDArray[np.generic]]:
        """The answer is the output that is larger on average during the last symbol.

        Args:
            trials: Trials of this task.
            output: Outputs of a network in these trials.

        Returns:
            ``"answer"``: 0 for the same, 1 for different, -1 for neither; and ``"performance"``, 1 or 0.
        """
        answer = answered(trials, output)
        right = answered(trials, trials.targets)
        return {"answer": answer, "performance": (answer == right).astype(np.float64)}

    @property
    @override
    def recipe(self) -> Recipe:
        return replace(INTEGRATORS, criterion=0.95, n_steps=5000)
