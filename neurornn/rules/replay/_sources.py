r"""Where a replay takes the past from: the contract, and states that were kept.

A trial is run forward once. Then a source gives its past back, from the last state to the first, and the rule runs
credit through what it was given. A source says before the run which states have to be kept on the way, and afterwards
sees those, the last state, and what was experienced; the less it needs, the more a brain could do it.
"""

__all__ = ["AbstractSource", "Experience", "Replayed", "Stored", "distance"]

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from typing_extensions import override

from neurornn import kernels
from neurornn.networks import AbstractNetwork


class Experience(NamedTuple):
    """What one run of a batch leaves behind; nothing in it is differentiable.

    States are counted from the one before the first step, so step ``k`` leads from state ``k`` to state ``k + 1``.

    Attributes:
        inputs: Inputs as they came, ``(batch, time, input)``. A source that has to remember them may look at them to
            store them and must then replay what it remembers.
        final: State after the last step, ``(batch, unit)``.
        kept: States that the source asked to be kept, ``(batch, unit)`` each, by number. State 0 is always known: every trial
            starts from the initial state of the network.
        key: Key of the recurrent noise: all its numbers can be drawn again. None without noise.
    """

    inputs: Tensor
    final: Tensor
    kept: Mapping[int, Tensor]
    key: int | None

    @property
    def n_steps(self) -> int:
        """Number of steps."""
        return self.inputs.shape[1]

    @property
    def states(self) -> Float[Tensor, "batch time+1 unit"]:
        """All states, where all were kept."""
        return torch.stack([self.kept[k] for k in range(self.n_steps + 1)], 1)

    def noise(
        self, network: AbstractNetwork, first: int, stop: int
    ) -> Float[Tensor, "batch time unit"] | None:
        """The standard normal numbers that acted during some steps, drawn again.

        Args:
            network: The network.
            first: Number of the first step.
            stop: Number of the step after the last.

        Returns:
            The numbers, or None for a run without noise.
        """
        if self.key is None:
            return None
        return kernels.normal_numbers(
            self.key, self.inputs.shape[0], stop - first, network.n_units, self.inputs, first
        )


class Replayed(NamedTuple):
    r"""The past as a source gives it back.

    What is wrong with it can be told without knowing the truth. Each step is redone forward from the state that was
    recovered, :math:`\|F(\hat s_k, \hat u_k) - \hat s_{k+1}\| / \|\hat s_{k+1}\|`: that is the residual, and it grows where a
    step could not be undone. It does not see errors that grow from step to step, as each step may be undone well
    from a state that is already wrong. Those are seen on arrival: at a state that is known anyway, the initial
    state above all, :math:`\|\hat s_k - s_k\| / \|s_k\|`.

    Attributes:
        inputs: Inputs, ``(batch, time, input)``.
        state: States, ``(batch, time + 1, unit)``.
        residual: Relative error of each step when it is redone, ``(batch, time)``; see :func:`distance`.
        arrival: Relative error on arrival at each known state, ``(batch, known state)``, the latest first and state 0 last.
        known: Numbers of those states.
        recomputed: Whether the source gave up inverting and took the states of a trial from a second run forward, ``(batch,)``.
    """

    inputs: Tensor
    state: Tensor
    residual: Float[Tensor, "batch time"]
    arrival: Float[Tensor, "batch known"]
    known: tuple[int, ...]
    recomputed: Bool[Tensor, " batch"]


class AbstractSource(ABC):
    """Gives the past of a batch of trials back. Final subclasses are frozen dataclasses.

    Sources compose: one that recalls inputs can hand ``experience._replace(inputs=recalled)`` to one that finds the
    states that go with them.
    """

    @abstractmethod
    def check(self, network: AbstractNetwork) -> None:
        """Refuse a network whose past the source cannot give back.

        Args:
            network: The network.

        Raises:
            TypeError: If it is of another family.
            ValueError: If a setting of it stands in the way.
        """

    @abstractmethod
    def keeps(self, n_steps: int) -> Iterable[int]:
        """Which states the run has to keep for this source.

        Args:
            n_steps: Number of steps of the run.

        Returns:
            Numbers of states, 0 for the one before the first step.
        """

    @abstractmethod
    def replay(self, network: AbstractNetwork, experience: Experience) -> Replayed:
        """Give the past back.

        Args:
            network: The network, as it was during the run.
            experience: What the run left behind.

        Returns:
            The past. Called without gradients.
        """


@dataclass(frozen=True)
class Stored(AbstractSource):
    """Every state was kept: what back-propagation through time does, and no brain.

    The replay is exact, in memory that grows with the length of the trial.
    """

    @override
    def check(self, network: AbstractNetwork) -> None:
        return

    @override
    def keeps(self, n_steps: int) -> Iterable[int]:
        return range(n_steps + 1)

    @override
    def replay(self, network: AbstractNetwork, experience: Experience) -> Replayed:
        state = experience.states
        nothing = state.new_zeros(state.shape[:2])
        return Replayed(
            experience.inputs,
            state,
            nothing[:, 1:],
            nothing[:, :1],
            (0,),
            torch.zeros(len(state), dtype=torch.bool, device=state.device),
        )


def distance(
    found: Float[Tensor, "*batch unit"], true: Float[Tensor, "*batch unit"]
) -> Float[Tensor, "*batch"]:
    r"""Root mean square difference over units, relative to the root mean square of what it should be, or to 1 if that is more.

    .. math:: \frac{\|\hat s - s\|}{\max(\|s\|, \sqrt N)}

    so that a state at rest, which is 0, is no problem: states of rate networks are of the order of 1.

    Args:
        found: States.
        true: What they should be.

    Returns:
        One number for each state; infinite where a state is not finite.
    """
    n_units = true.shape[-1]
    error = torch.linalg.vector_norm(found - true, dim=-1)
    size = torch.linalg.vector_norm(true, dim=-1).clamp(min=n_units**0.5)
    return torch.nan_to_num(error / size, nan=torch.inf, posinf=torch.inf)
