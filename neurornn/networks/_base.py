"""What every network family gives: a drift, a step, a trajectory."""

__all__ = ["AbstractNetwork"]

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from neurornn import kernels
from neurornn.networks._checks import check_inputs, check_start
from neurornn.networks._evolve import evolve
from neurornn.networks._saved import check_saved
from neurornn.networks._trajectory import Outputs, Trajectory
from neurornn.trials import Trials


class AbstractNetwork(nn.Module, ABC):
    """A recurrent network with three levels of time.

    ``drift`` is the deterministic velocity, in 1/ms, and all that analysis uses; ``step`` advances by ``dt``;
    ``forward`` runs a batch of trials. Inside ``step`` and ``forward`` noise is explicit and nowhere else.

    Attributes:
        n_inputs: Number of input channels.
        n_units: Number of units.
        n_outputs: Number of outputs.
        dt: Time step in ms.
        sigma_rec: Strength of the recurrent noise; 0 is a deterministic network.
        arguments: What the constructor takes, by name, with the type of each. Families that give it, and :meth:`settings`, can be
            written to a run folder and trained from the command line.
    """

    arguments: ClassVar[Mapping[str, Any]] = {}
    n_inputs: int
    n_units: int
    n_outputs: int
    dt: float
    sigma_rec: float

    @abstractmethod
    def drift(self, state: Float[Tensor, "*batch unit"], input: Float[Tensor, "*batch input"]) -> Tensor:
        """Deterministic velocity of the state, in 1/ms.

        Args:
            state: States.
            input: Inputs held, broadcast against the states.

        Returns:
            Velocities, shape of the state.
        """

    @abstractmethod
    def step(
        self,
        state: Float[Tensor, "batch unit"],
        input: Float[Tensor, "batch input"],
        noise: Tensor | None = None,
    ) -> Tensor:
        """One time step.

        Args:
            state: States before.
            input: Inputs during the step.
            noise: Standard normal numbers, shape of the state; None for the deterministic step.

        Returns:
            States after.
        """

    @abstractmethod
    def forward(
        self,
        inputs: Float[Tensor, "batch time input"],
        state: Float[Tensor, "batch unit"] | None = None,
        *,
        generator: torch.Generator | None = None,
        noise: Float[Tensor, "batch time unit"] | None = None,
    ) -> Trajectory:
        """Run a batch of trials.

        Args:
            inputs: Input channels.
            state: State to start from; the network's initial state if None.
            generator: Source of the recurrent noise; required if ``sigma_rec`` is not 0 and no noise is given.
            noise: Standard normal numbers to use instead of drawing them.

        Returns:
            The trajectory.
        """

    def outputs(
        self,
        inputs: Float[Tensor, "batch time input"],
        state: Float[Tensor, "batch unit"] | None = None,
        *,
        generator: torch.Generator | None = None,
        costs: bool = False,
        credit: kernels.Credit = kernels.Credit(),
        checkpoint_every: int | None = None,
    ) -> Outputs:
        """Run a batch of trials for its outputs alone, in less memory than :meth:`forward`.

        Args:
            inputs: Input channels.
            state: State to start from; the network's initial state if None.
            generator: Source of the recurrent noise.
            costs: Whether the sizes and squares of the rates are wanted, for penalties.
            credit: How the backward pass hands credit back; by default exactly.
            checkpoint_every: Keep only the states so many steps apart for the backward pass, and compute the rest again.

        Returns:
            The outputs.

        Raises:
            ValueError: If the family can do no other than exact credit with all activity kept.
        """
        if checkpoint_every is not None or not credit.exact:
            raise ValueError(
                f"{type(self).__name__} differentiates by autograd alone: it offers neither checkpoint_every nor another "
                "credit. Leave both out, or use a CTRNN."
            )
        run = self(inputs, state, generator=generator)
        sizes = (run.mean_abs_rate, run.mean_square_rate) if costs else (None, None)
        return Outputs(run.output, run.final, *sizes)

    def evolve(
        self,
        inputs: Float[Tensor, "batch input"] | Float[Tensor, "batch time input"],
        n_steps: int | None = None,
        state: Float[Tensor, "batch unit"] | None = None,
        *,
        generator: torch.Generator | None = None,
        record_every: int | None = None,
    ) -> Trajectory:
        """Run forward only, for as long as you like: memory grows with what is recorded and with nothing else.

        The states are those of :meth:`forward` with the same generator, to the last bit.

        Args:
            inputs: Inputs held all the time, ``(batch, input)``, or changing, ``(batch, time, input)``.
            n_steps: Number of steps; needed if the inputs are held.
            state: State to start from; the network's initial state if None.
            generator: Source of the recurrent noise.
            record_every: Record the state after every so many steps; None records nothing but the final state.

        Returns:
            A trajectory of the recorded steps, the first of them number ``record_every`` counted from 1. It carries no gradient.

        Raises:
            ValueError: If a held input comes without a number of steps, or inputs and number disagree.

        Examples:
            >>> import neurornn
            >>> network = neurornn.CTRNN(2, 10, 1)
            >>> run = network.evolve(torch.ones(4, 2), 1000, record_every=100)
            >>> tuple(run.rate.shape), tuple(run.final.shape)
            ((4, 10, 10), (4, 10))
        """
        return evolve(self, inputs, n_steps, state, generator, record_every)

    def stretch(
        self, inputs: Tensor, state: Tensor, key: int | None, first: int, *, record: bool
    ) -> Trajectory | Outputs:
        """Part of a long run.

        Args:
            inputs: Inputs of the part, ``(batch, time, input)``.
            state: State before it.
            key: Key of the noise of the whole run, or None.
            first: Number of its first step in the whole run.
            record: Whether states and rates are wanted.

        Returns:
            What the part gives.
        """
        noise = None
        if key is not None:
            noise = kernels.normal_numbers(key, inputs.shape[0], inputs.shape[1], self.n_units, inputs, first)
        return self(inputs, state, noise=noise)

    def settings(self) -> dict[str, Any]:
        """What the constructor was given, a value for each of ``arguments``; the type of the weights by its name.

        Raises:
            ValueError: If the network has a part that no configuration can name.
        """
        raise ValueError(
            f"A {type(self).__name__} can be used but not written to a configuration: it does not give its settings."
        )

    @property
    def slowest(self) -> float:
        """Longest time constant in ms, by which analyses measure how long is long."""
        return self.dt

    @property
    @abstractmethod
    def cell_types(self) -> NDArray[np.str_]:
        """``"E"`` or ``"I"`` for each unit; empty strings without Dale's law."""

    @property
    @abstractmethod
    def W_rec(self) -> Tensor:
        """Effective recurrent matrix ``(post, pre)``."""

    def initial_state(self, batch_size: int) -> Float[Tensor, "batch unit"]:
        """State before the first step, one row for each trial.

        Args:
            batch_size: Number of trials.

        Returns:
            Zeros, unless the family has something better.
        """
        like = next(self.parameters())
        return torch.zeros(batch_size, self.n_units, dtype=like.dtype, device=like.device)

    def draw_noise(self, n_trials: int, n_steps: int, generator: torch.Generator | None) -> Tensor | None:
        """Standard normal numbers for a batch of trials.

        Args:
            n_trials: Number of trials.
            n_steps: Number of steps.
            generator: Their source.

        Returns:
            Numbers ``(batch, time, unit)``, or None for a network without noise.

        Raises:
            ValueError: If the network is noisy and there is no generator.
        """
        if self.sigma_rec == 0:
            return None
        like = next(self.parameters())
        return kernels.normal_numbers(self.noise_key(generator), n_trials, n_steps, self.n_units, like)

    def noise_key(self, generator: torch.Generator | None) -> int:
        """Key of the recurrent noise of one run: all its numbers follow from it.

        Args:
            generator: Source of the key.

        Returns:
            The key.

        Raises:
            ValueError: If there is no generator.
        """
        if generator is None:
            raise ValueError(
                f"The network has recurrent noise (sigma_rec={self.sigma_rec:g}) and noise needs an explicit source. "
                "Pass generator=torch.Generator().manual_seed(...), or run network.noiseless()."
            )
        return int(torch.randint(2**63 - 1, (), generator=generator, device=generator.device))

    def run_key(self, generator: torch.Generator | None) -> int | None:
        """Key of the recurrent noise of one run; a network without noise needs none.

        Args:
            generator: Source of the key.

        Returns:
            The key, None without noise.
        """
        return None if self.sigma_rec == 0 else self.noise_key(generator)

    def noiseless(self) -> Self:
        """A copy without recurrent noise, for analysis; its weights are copies too.

        Returns:
            A deterministic network.
        """
        twin = copy.deepcopy(self)
        twin.sigma_rec = 0.0
        return twin

    def check_inputs(self, inputs: Tensor) -> None:
        """Refuse inputs the network cannot take.

        Args:
            inputs: Input channels, ``(batch, time, input)``.

        Raises:
            TypeError: If they are no tensor of the network's floating-point type.
            ValueError: If the shape is wrong or a value is not finite.
        """
        check_inputs(inputs, next(self.parameters()), self.n_inputs)

    def check_trials(self, trials: Trials) -> None:
        """Refuse trials the network cannot run.

        Args:
            trials: Trials.

        Raises:
            ValueError: If they were sampled with another time step: each step would last another time than the task meant.
        """
        if not math.isclose(trials.info.dt, self.dt, rel_tol=1e-6):
            raise ValueError(
                f"Task '{trials.info.task}' was sampled with dt={trials.info.dt:g} ms but the network steps by "
                f"dt={self.dt:g} ms. Make the task with dt={self.dt:g}, or use network.rescale_dt({trials.info.dt:g})."
            )

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:  # noqa: ANN401
        """Load weights; a state that does not fit is refused before anything is changed.

        Args:
            state_dict: Saved state.
            strict: Whether the names must match exactly.
            assign: As in torch.

        Returns:
            Missing and unexpected names, as in torch.

        Raises:
            ValueError: If a name, a shape or a declared structure does not match, or a value is not finite.
        """
        check_saved(self, state_dict, strict)
        return super().load_state_dict(state_dict, strict=strict, assign=assign)

    def _begin(self, inputs: Tensor, state: Tensor | None, noise: Tensor | None) -> Tensor:
        """The state to start from; refuses what does not fit together."""
        self.check_inputs(inputs)
        start = self.initial_state(inputs.shape[0]) if state is None else state
        check_start(start, inputs, noise, self.n_units)
        return start
