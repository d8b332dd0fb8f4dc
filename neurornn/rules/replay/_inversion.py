"""Sources that run the network backwards from its last state."""

__all__ = ["AbstractInversion", "InversionError", "Inverted", "Reversible"]

import math
import warnings
from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NoReturn, cast

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn import kernels
from neurornn.networks import CTRNN, AbstractNetwork, ReversibleRNN
from neurornn.rules._checks import check_steps
from neurornn.rules.replay._fitted import fitted
from neurornn.rules.replay._sources import AbstractSource, Experience, Replayed, distance


class InversionError(ValueError):
    """The past could not be recovered well enough."""


class AbstractInversion(AbstractSource):
    """A source that undoes one step after the other and checks where it arrives.

    Attributes:
        tolerance: Largest relative error, of a step that is redone or on arrival at a known state, that passes.
        on_failure: What happens to a trial beyond it: ``"refuse"`` raises, ``"recompute"`` runs it forward again from the
            state it should have arrived at, keeps the states and warns.
        checkpoint_every: Keep a state so many steps apart: errors grow from one to the next only. None keeps none.
    """

    tolerance: float
    on_failure: Literal["refuse", "recompute"]
    checkpoint_every: int | None

    def __post_init__(self) -> None:
        name = type(self).__name__
        if not self.tolerance > 0:
            raise ValueError(f"{name} needs a tolerance above 0: got {self.tolerance}.")
        if self.on_failure not in ("refuse", "recompute"):
            raise ValueError(f"on_failure must be 'refuse' or 'recompute': got {self.on_failure!r}.")
        if self.checkpoint_every is not None:
            check_steps("checkpoint_every", self.checkpoint_every, ", or None")

    @abstractmethod
    def rewind(
        self, network: AbstractNetwork, final: Tensor, inputs: Tensor, noise: Tensor | None
    ) -> Float[Tensor, "batch time unit"]:
        """Undo a stretch of steps.

        Args:
            network: The network.
            final: State after the last of them, ``(batch, unit)``.
            inputs: Inputs during them, ``(batch, time, input)``.
            noise: Standard normal numbers that acted, ``(batch, time, unit)``, or None.

        Returns:
            The state before each step.
        """

    def checkpoints(self, n_steps: int) -> Iterable[int]:
        """States that the replay starts anew from.

        Args:
            n_steps: Number of steps of the run.

        Returns:
            Their numbers.
        """
        return (
            ()
            if self.checkpoint_every is None
            else range(self.checkpoint_every, n_steps, self.checkpoint_every)
        )

    def runner(self, network: AbstractNetwork, experience: Experience) -> AbstractNetwork:
        """The network that is run backwards.

        Args:
            network: The network.
            experience: What its run left behind.

        Returns:
            The network itself, unless the way back has synapses of its own.
        """
        del experience
        return network

    @override
    def keeps(self, n_steps: int) -> Iterable[int]:
        return self.checkpoints(n_steps)

    @override
    def replay(self, network: AbstractNetwork, experience: Experience) -> Replayed:
        inputs, n_steps = experience.inputs, experience.n_steps
        start = network.initial_state(len(inputs)).detach()
        known = {0: start} | {k: experience.kept[k] for k in self.checkpoints(n_steps)}
        backwards = self.runner(network, experience)
        marks, here, stop = sorted(known, reverse=True), experience.final, n_steps
        states, residuals, arrivals = [here[:, None]], [], []
        recomputed = torch.zeros(len(inputs), dtype=torch.bool, device=inputs.device)
        for first in marks:
            during, noise = inputs[:, first:stop], experience.noise(network, first, stop)
            before = self.rewind(backwards, here, during, noise)
            after = torch.cat([before[:, 1:], here[:, None]], 1)
            residual = distance(_redone(network, before, during, noise), after)
            arrival = distance(before[:, 0], known[first])
            failed = (residual.amax(1) > self.tolerance) | (arrival > self.tolerance)
            if bool(failed.any()):
                if self.on_failure == "refuse":
                    self._refuse(residual, arrival, first, stop)
                forward = network.stretch(during, known[first], experience.key, first, record=True)
                again = torch.cat([known[first][:, None], forward.state[:, :-1]], 1)  # type: ignore[union-attr]
                before = torch.where(failed[:, None, None], again, before)
                recomputed |= failed
            before[:, 0] = known[first]
            states.append(before)
            residuals.append(residual)
            arrivals.append(arrival)
            here, stop = known[first], first
        if bool(recomputed.any()):
            warnings.warn(
                "Running the network backwards was not accurate enough in some trials, whose states were computed again forwards. "
                "See neurornn.rules.Replay on the range in which it is, or set checkpoint_every.",
                stacklevel=2,
            )
        return Replayed(
            inputs,
            torch.cat(states[::-1], 1),
            torch.cat(residuals[::-1], 1),
            torch.stack(arrivals, 1),
            tuple(marks),
            recomputed,
        )

    def _refuse(self, residual: Tensor, arrival: Tensor, first: int, stop: int) -> NoReturn:
        worst = torch.maximum(residual.amax(1), arrival)
        trial = int(worst.argmax())
        raise InversionError(
            f"Running the network backwards from state {stop} to state {first} failed in "
            f"{int((worst > self.tolerance).sum())} of {len(worst)} trials: in trial {trial} it misses the known state {first} "
            f"by {arrival[trial].item():.3g} and a step by up to {residual[trial].max().item():.3g}, relative to the "
            f"state, and tolerance={self.tolerance:g}. Use float64, shorter trials, a smaller dt/tau or checkpoint_every, or let "
            "on_failure='recompute' run such trials forward again."
        )


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
        if not isinstance(network, CTRNN):
            raise TypeError(
                f"Inverted() undoes the steps of a leaky network such as CTRNN: got {type(network).__name__}. Use Stored(), or "
                "Reversible() for a ReversibleRNN."
            )
        _check_remembers(network)

    @override
    def rewind(
        self, network: AbstractNetwork, final: Tensor, inputs: Tensor, noise: Tensor | None
    ) -> Float[Tensor, "batch time unit"]:
        network = cast(CTRNN, network)
        circuit, here, states = network.circuit(), final, []
        drive = torch.nn.functional.linear(inputs, circuit.W_in, circuit.bias)
        kick = None
        if noise is not None:
            inside, outside = kernels.Noise(network.sigma_rec, network.noise).scales(
                circuit.alpha, circuit.form
            )
            drive, kick = drive + inside * noise, outside * noise
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
        if not isinstance(network, ReversibleRNN):
            raise TypeError(
                f"Reversible() undoes the steps of a ReversibleRNN: got {type(network).__name__}. Use Stored(), or Inverted() for a "
                "CTRNN."
            )
        _check_remembers(network)

    @override
    def rewind(
        self, network: AbstractNetwork, final: Tensor, inputs: Tensor, noise: Tensor | None
    ) -> Float[Tensor, "batch time unit"]:
        return cast(ReversibleRNN, network).rewind(final, inputs, noise)


def _check_remembers(network: CTRNN | ReversibleRNN) -> None:
    if bool((network.alpha >= 1).any()):
        raise ValueError(
            f"A step can be undone if dt is less than tau: here dt={network.dt:g} ms and tau={network.time_constant.describe()}, so "
            "that nothing is left of the state before. Use a smaller dt or slower units."
        )


def _redone(network: AbstractNetwork, before: Tensor, inputs: Tensor, noise: Tensor | None) -> Tensor:
    """All steps of a stretch forward again, each from the state that was recovered."""
    flat = network.step(
        before.flatten(0, 1), inputs.flatten(0, 1), None if noise is None else noise.flatten(0, 1)
    )
    return flat.view_as(before)
