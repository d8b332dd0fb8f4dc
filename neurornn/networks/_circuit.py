"""Networks that the compiled time loop runs."""

__all__ = ["AbstractCircuitNetwork"]

from abc import abstractmethod
from typing import Any, Literal, cast

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn import kernels
from neurornn._threads import single_threaded
from neurornn.networks._checks import whole
from neurornn.networks._leaky import AbstractLeakyNetwork
from neurornn.networks._trajectory import Outputs, Trajectory


class AbstractCircuitNetwork(AbstractLeakyNetwork):
    """A leaky network that tells the time loop what it is by a circuit of effective weights, and leaves running it to the loop.

    Attributes:
        noise: Where the noise enters: with the ``"input"`` or on the ``"state"``.
    """

    noise: Literal["input", "state"]

    @abstractmethod
    def circuit(self) -> kernels.Circuit:
        """The network as the time loop sees it: effective weights, differentiable with respect to the parameters."""

    @override
    def forward(
        self,
        inputs: Float[Tensor, "batch time input"],
        state: Float[Tensor, "batch unit"] | None = None,
        *,
        generator: torch.Generator | None = None,
        noise: Float[Tensor, "batch time unit"] | None = None,
    ) -> Trajectory:
        run = self._run(inputs, state, generator, noise)
        return Trajectory(cast(Tensor, run.state), cast(Tensor, run.rate), run.output, run.final)

    @override
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
        run = self._run(
            inputs,
            state,
            generator,
            credit=credit,
            record=False,
            costs=costs,
            checkpoint_every=None
            if checkpoint_every is None
            else whole("checkpoint_every", checkpoint_every, 1),
        )
        return Outputs(run.output, run.final, run.mean_abs_rate, run.mean_square_rate)

    @override
    def stretch(
        self, inputs: Tensor, state: Tensor, key: int | None, first: int, *, record: bool
    ) -> Trajectory | Outputs:
        self.check_inputs(inputs)
        noise = None if key is None else kernels.Noise(self.sigma_rec, self.noise, key, first_step=first)
        with single_threaded():
            run = kernels.run(self.circuit(), inputs, state, noise, record=record)
        if run.state is None or run.rate is None:
            return Outputs(run.output, run.final, None, None)
        return Trajectory(run.state, run.rate, run.output, run.final)

    def _run(
        self,
        inputs: Tensor,
        state: Tensor | None,
        generator: torch.Generator | None,
        values: Tensor | None = None,
        **options: Any,  # noqa: ANN401
    ) -> kernels.Run:
        start = self._begin(inputs, state, values)
        noise = None
        if self.sigma_rec > 0:
            key = None if values is not None else self.noise_key(generator)
            noise = kernels.Noise(self.sigma_rec, self.noise, key, values)
        with single_threaded():
            return kernels.run(self.circuit(), inputs, start, noise, **options)
