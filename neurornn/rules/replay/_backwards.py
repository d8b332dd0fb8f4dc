"""Running a network backwards from its last state, checked step by step."""

__all__ = ["AbstractInversion", "InversionError", "check_undoes"]

import warnings
from abc import abstractmethod
from collections.abc import Iterable
from typing import Literal, NoReturn

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn.networks import CTRNN, AbstractNetwork, ReversibleRNN
from neurornn.rules._base import UnsuitableNetwork
from neurornn.rules._checks import check_steps
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


def check_undoes(
    source: AbstractSource,
    network: AbstractNetwork,
    family: type[CTRNN] | type[ReversibleRNN],
    called: str,
    otherwise: str,
) -> None:
    """Refuse a network whose steps a source cannot undo.

    Args:
        source: The source.
        network: The network.
        family: The networks whose steps it undoes.
        called: What these are called.
        otherwise: What to use for others.

    Raises:
        UnsuitableNetwork: If the network is of another family.
    """
    if not isinstance(network, family):
        raise UnsuitableNetwork(
            f"{type(source).__name__}() undoes the steps of a {called}: got {type(network).__name__}. Use Stored(), or {otherwise}."
        )
    network.check_undoable()


def _redone(network: AbstractNetwork, before: Tensor, inputs: Tensor, noise: Tensor | None) -> Tensor:
    """All steps of a stretch forward again, each from the state that was recovered."""
    flat = network.step(
        before.flatten(0, 1), inputs.flatten(0, 1), None if noise is None else noise.flatten(0, 1)
    )
    return flat.view_as(before)
