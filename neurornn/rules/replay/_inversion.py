"""Sources that run the network backwards from its last state."""

__all__ = ["Inverted", "Reversible"]

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn import kernels
from neurornn.networks import CTRNN, AbstractNetwork, ReversibleRNN
from neurornn.rules._recording import placed_noise
from neurornn.rules.replay._backwards import AbstractInversion, check_undoes
from neurornn.rules.replay._fitted import fitted
from neurornn.rules.replay._sources import Experience


@dataclass(frozen=True)
class Inverted(AbstractInversion):
    r"""The steps of an ordinary leaky network undone by iteration.

    .. math::
        \text{current:}\quad x \leftarrow \frac{x_t - \xi_t - \alpha\,[W_{rec}\,\phi(x) + W_{in} u_t + b]}{1 - \alpha}, \qquad
        \text{rate:}\quad r \leftarrow \frac{r_t - \xi_t - \alpha\,\phi(W_{rec}\, r + W_{in} u_t + b)}{1 - \alpha}

    starting from the later state. The iteration finds the one state before if :math:`\alpha\,\max\phi'\,\|W_{rec}\|_2 < 1 - \alpha`.
    Beyond, there may be none or several, and the residuals tell. Rounding errors grow by about
    :math:`1/(1-\alpha)` and more in each step; the inputs and the noise are known, the noise because its numbers are drawn again.

    Attributes:
        tolerance: Largest relative error that passes.
        max_iterations: Iterations for each step at most; they end earlier when nothing moves any more.
        on_failure: What happens to trials beyond the tolerance: ``"refuse"`` or ``"recompute"``.
        checkpoint_every: Keep a state so many steps apart; None keeps none.

    Raises:
        ValueError: If a number makes no sense.
    """

    tolerance: float = 1e-3
    max_iterations: int = 100
    on_failure: Literal["refuse", "recompute"] = "refuse"
    checkpoint_every: int | None = None

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.max_iterations >= 1:
            raise ValueError(f"max_iterations must be at least 1: got {self.max_iterations}.")

    @override
    def check(self, network: AbstractNetwork) -> None:
        check_undoes(self, network, CTRNN, "leaky network such as CTRNN", "Reversible() for a ReversibleRNN")

    @override
    def rewind(
        self, network: AbstractNetwork, final: Tensor, inputs: Tensor, noise: Tensor | None
    ) -> Float[Tensor, "batch time unit"]:
        network = cast(CTRNN, network)
        circuit, here, states = network.circuit(), final, []
        drive = torch.nn.functional.linear(inputs, circuit.W_in, circuit.bias)
        inside, kick = placed_noise(network, circuit, noise)
        drive = drive if inside is None else drive + inside
        for k in range(inputs.shape[1] - 1, -1, -1):
            here = self._undo(circuit, here if kick is None else here - kick[:, k], drive[:, k], here)
            states.append(here)
        return torch.stack(states[::-1], 1)

    def _undo(self, circuit: kernels.Circuit, moved: Tensor, drive: Tensor, guess: Tensor) -> Tensor:
        keep, current, phi = 1 - circuit.alpha, circuit.form == "current", circuit.activation
        still = 4 * torch.finfo(guess.dtype).eps
        W = circuit.W_rec.t()
        for i in range(1, self.max_iterations + 1):
            potential = torch.addmm(drive, phi(guess) if current else guess, W)
            before, guess = guess, (moved - circuit.alpha * (potential if current else phi(potential))) / keep
            if i % 4 == 0:  # looking costs as much as an iteration
                change = float(torch.max((guess - before).abs() / (1 + guess.abs())))
                if change <= still or not math.isfinite(change):
                    break
        return guess


@dataclass(frozen=True)
class Reversible(AbstractInversion):
    """The steps of a :class:`~neurornn.networks.ReversibleRNN` undone exactly, but for rounding.

    See :meth:`~neurornn.networks.ReversibleRNN.invert`. No equation has to be solved, whatever the weights. Rounding errors grow
    from step to step all the same.

    The way back takes away what the way forward has added, through synapses of the same strength. A brain has to find those: with
    ``weights="fitted"`` they are the least-squares solution of the current into each unit, as it was during the run, on the
    rates and inputs the unit receives, for each batch anew. Where the run explores too little they are not the forward weights, and they are good
    for this run alone. With recurrent noise, which such a regression cannot tell from current, they are wrong, and the checks say how much.

    Attributes:
        tolerance: Largest relative error that passes.
        on_failure: What happens to trials beyond the tolerance: ``"refuse"`` or ``"recompute"``.
        checkpoint_every: Keep a state so many steps apart; None keeps none.
        weights: ``"own"`` runs backwards through the weights of the network, ``"fitted"`` through others that a regression finds.

    Raises:
        ValueError: If a number or a name makes no sense.
    """

    tolerance: float = 1e-3
    on_failure: Literal["refuse", "recompute"] = "refuse"
    checkpoint_every: int | None = None
    weights: Literal["own", "fitted"] = "own"

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights not in ("own", "fitted"):
            raise ValueError(f"weights must be 'own' or 'fitted': got {self.weights!r}.")

    @override
    def keeps(self, n_steps: int) -> Iterable[int]:
        """With fitted weights every state: the regression sees each of them once, and the replay does not."""
        return self.checkpoints(n_steps) if self.weights == "own" else range(n_steps + 1)

    @override
    def runner(self, network: AbstractNetwork, experience: Experience) -> AbstractNetwork:
        pair = cast(ReversibleRNN, network)
        return pair if self.weights == "own" else fitted(pair, experience)

    @override
    def check(self, network: AbstractNetwork) -> None:
        check_undoes(self, network, ReversibleRNN, "ReversibleRNN", "Inverted() for a CTRNN")

    @override
    def rewind(
        self, network: AbstractNetwork, final: Tensor, inputs: Tensor, noise: Tensor | None
    ) -> Float[Tensor, "batch time unit"]:
        return cast(ReversibleRNN, network).rewind(final, inputs, noise)
