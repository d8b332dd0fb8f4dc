"""A network held still for analysis: a float64 copy of which only the drift is used."""

__all__ = ["System", "check_drift", "freeze", "plain"]

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from neurornn.analysis.systems import HasDrift
from neurornn.networks import CTRNN

_BLOCK = 2**26  # bytes of one batch of Jacobians


@dataclass(frozen=True, eq=False)
class System:
    r"""The velocity field :math:`F(x) = \dot x` of a frozen network and its derivatives.

    Attributes:
        velocity: The drift of the frozen network.
        analytic: Its Jacobian, if the network knows it; automatic differentiation is used otherwise.
        n_units: Dimension of the state.
        dt: Time step in ms, used for the stability of the map and nowhere else.
        bounded: Whether the drift points inwards far away, in the sense of :func:`freeze`.
        device: Where it is evaluated.
        extent: Largest modulus of each unit at a fixed point, if it is known.
    """

    velocity: Callable[[Tensor, Tensor], Tensor]
    analytic: Callable[[Tensor, Tensor], Tensor] | None
    n_units: int
    dt: float
    bounded: bool
    device: torch.device
    extent: Tensor | None = None

    @property
    def block(self) -> int:
        """Number of states whose Jacobians are held in memory at a time."""
        return max(1, _BLOCK // (8 * self.n_units**2))

    def drift(self, state: Tensor, input: Tensor) -> Tensor:
        """Velocities in 1/ms.

        Args:
            state: States, ``(batch, unit)``.
            input: One input, ``(input,)``, or one for each state, ``(batch, input)``.

        Returns:
            Velocities, ``(batch, unit)``.
        """
        return self.velocity(state, input.expand(*state.shape[:-1], -1))

    def step(self, state: Tensor, input: Tensor) -> Tensor:
        """One step of the map, ``state + dt * drift``.

        Args:
            state: States, ``(batch, unit)``.
            input: One input, ``(input,)``, or one for each state, ``(batch, input)``.

        Returns:
            The next states, ``(batch, unit)``.
        """
        return state + self.dt * self.drift(state, input)

    def jacobian(self, state: Tensor, input: Tensor) -> Tensor:
        """Derivative of the drift with respect to the state in 1/ms.

        Args:
            state: States, ``(batch, unit)``.
            input: One input, ``(input,)``, or one for each state, ``(batch, input)``.

        Returns:
            One matrix for each state, ``(batch, unit, unit)``.
        """
        if not len(state):
            return state.new_zeros(0, self.n_units, self.n_units)
        each = input.expand(*state.shape[:-1], -1)
        if self.analytic is not None:
            return self.analytic(state, each)
        return torch.func.vmap(torch.func.jacrev(self.velocity))(state, each)

    def input_jacobian(self, state: Tensor, input: Tensor) -> Tensor:
        """Derivative of the drift with respect to the input, in 1/ms per unit of input.

        Args:
            state: States, ``(batch, unit)``.
            input: One input, ``(input,)``, or one for each state, ``(batch, input)``.

        Returns:
            One matrix for each state, ``(batch, unit, input)``.
        """
        each = input.expand(*state.shape[:-1], -1)
        if not each.numel():
            return state.new_zeros(len(state), self.n_units, each.shape[-1])
        return torch.func.vmap(torch.func.jacrev(self.velocity, argnums=1))(state, each)

    def curvature(self, state: Tensor, input: Tensor, weight: Tensor) -> Tensor:
        r"""Weighted second derivatives :math:`\sum_i w_i \nabla^2 F_i(x)`.

        Args:
            state: States, ``(batch, unit)``.
            input: One input, ``(input,)``.
            weight: :math:`w`, one vector for each state.

        Returns:
            One symmetric matrix for each state, ``(batch, unit, unit)``.
        """
        if not len(state):
            return state.new_zeros(0, self.n_units, self.n_units)

        def pull(x: Tensor, w: Tensor) -> Tensor:
            return (self.velocity(x, input) * w).sum()

        return torch.func.vmap(torch.func.jacrev(torch.func.grad(pull)))(state, weight)


def freeze(network: HasDrift, n_units: int, *, bounded: bool | None = None) -> System:
    """Copy a network into float64 and evaluation mode.

    Args:
        network: Any object with ``drift(state, input)`` and ``dt``.
        n_units: Dimension of its state.
        bounded: Whether the drift points inwards far away in every direction, so that the signs of its fixed points
            add up to 1. By default this is known for :class:`~neurornn.CTRNN` with a bounded activation (a leak
            and bounded rates); otherwise what the object's ``bounded`` says, False if it has none.

    Returns:
        The frozen system; the network itself is not touched.

    Raises:
        TypeError: If there is no drift or no ``dt``.
        ValueError: If the network is noisy.
    """
    if not callable(getattr(network, "drift", None)) or not hasattr(network, "dt"):
        raise TypeError(
            "Dynamics are analysed of an object with a method drift(state, input), in 1/ms, and a time step dt, "
            f"in ms: got {type(network).__name__}."
        )
    noise = float(getattr(network, "sigma_rec", 0.0))
    if noise != 0:
        raise ValueError(
            f"A state of a network with recurrent noise has no velocity, only a distribution of them: got sigma_rec={noise:g}. "
            "Pass network.noiseless(), its deterministic part."
        )
    twin: Any = copy.deepcopy(network)
    device = torch.device("cpu")
    if isinstance(twin, nn.Module):
        tensors = [*twin.parameters(), *twin.buffers()]
        if tensors and tensors[0].device.type != "mps":  # which has no float64
            device = tensors[0].device
        twin.to(device).double().eval().requires_grad_(False)
        for parameter in twin.parameters():
            parameter.grad = None
    if bounded is None:
        known = isinstance(network, CTRNN) and network.activation.bounded
        bounded = bool(getattr(network, "bounded", known))
    return System(
        velocity=twin.drift,
        analytic=getattr(twin, "drift_jacobian", None),
        n_units=n_units,
        dt=float(network.dt),
        bounded=bounded,
        device=device,
        extent=getattr(twin, "extent", None),
    )


def plain(values: ArrayLike | Tensor) -> NDArray[np.float64]:
    """Numbers of any origin, on any device, as a float64 array of their own."""
    return np.array(values.detach().cpu().numpy() if isinstance(values, Tensor) else values, dtype=np.float64)


def check_drift(system: System, state: Tensor, input: Tensor) -> None:
    """Make sure that the drift is a function of the state, in float64.

    Args:
        system: The system.
        state: States to try it on, ``(batch, unit)``.
        input: Input to try it with, ``(input,)``.

    Raises:
        TypeError: If it returns another shape or type than the states have.
        ValueError: If it differs between two evaluations, or is finite nowhere.
    """
    once, again = system.drift(state, input), system.drift(state, input)
    if once.shape != state.shape or once.dtype != state.dtype:
        raise TypeError(
            f"drift must return {tuple(state.shape)} in {state.dtype}, like the states it is given: got "
            f"{tuple(once.shape)} in {once.dtype}. Let it compute in the type of its arguments."
        )
    if not torch.equal(once.nan_to_num(), again.nan_to_num()):
        raise ValueError(
            "drift is not a function of the state: two evaluations of the same states differ by up to "
            f"{(once - again).abs().max().item():.3g} /ms. Remove from it what is random or remembers earlier calls."
        )
    if not bool(once.isfinite().all(1).any()):
        raise ValueError(
            f"drift is not finite at any of the {len(state)} candidates. Check the weights, or choose other candidates."
        )
