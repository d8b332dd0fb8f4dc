"""Two populations that drive each other in turn, whose every step can be undone exactly."""

__all__ = ["ReversibleRNN"]

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import override

from neurornn._threads import single_threaded
from neurornn.activations import Activation
from neurornn.activations import activation as find_activation
from neurornn.connectivity import SynapticWeights
from neurornn.connectivity._initialise import fan_in_normal
from neurornn.networks._alternating import Alternating
from neurornn.networks._checks import check_choices, check_kinds, check_point, check_start, whole
from neurornn.networks._leaky import AbstractLeakyNetwork
from neurornn.networks._settings import CTRNN_ARGUMENTS
from neurornn.networks._tau import LearnedTau, TimeConstant
from neurornn.networks._trajectory import Trajectory
from neurornn.random import derive_seed

_TAKEN: Final = (
    "n_inputs", "n_units", "n_outputs", "tau", "dt", "activation", "sigma_rec", "bias", "train_initial_state", "seed", "dtype"
)  # fmt: skip


class ReversibleRNN(AbstractLeakyNetwork):
    r"""A leaky network of two populations, A and B, updated one after the other, that can run backwards.

    .. math::
        a_t &= (1-\alpha)\, a_{t-1} + \alpha\left[W_{BA}\,\phi(b_{t-1}) + W_{in} u_t + b_A\right] + \sqrt{2\alpha}\,\sigma_{rec}\,\xi_t \\
        b_t &= (1-\alpha)\, b_{t-1} + \alpha\left[W_{AB}\,\phi(a_t) + b_B\right] + \sqrt{2\alpha}\,\sigma_{rec}\,\xi'_t \\
        y_t &= W_{out}\,\phi(b_t) + b_{out}, \qquad \alpha = dt/\tau

    A has the inputs, B the read-out, and neither population contacts itself. What is added to :math:`b` is a function
    of :math:`a_t` alone and what is added to :math:`a` a function of :math:`b_{t-1}` and the input, so the step can be undone
    without solving an equation, see :meth:`invert`. Undoing divides by :math:`1-\alpha` in each step and so amplifies
    rounding errors: :class:`~neurornn.rules.Replay` measures by how much.

    As ``dt`` shrinks this is a leaky network in current form whose recurrent matrix has two empty blocks; at a finite ``dt`` the
    drift is that of the sequential step, so that it depends on ``dt``, while its fixed points do not. Its derivative with respect to the
    state, :meth:`drift_jacobian`, is

    .. math::
        J_a = T_A^{-1}\left[-I,\ W_{BA}\,\mathrm{diag}\,\phi'(b)\right], \qquad
        J_b = T_B^{-1}\left(W_{AB}\,\mathrm{diag}\,\phi'(a_{next})\,([I, 0] + dt\, J_a) - [0, I]\right)

    Args:
        n_inputs: Number of input channels.
        n_units: Number of units, an even number: the first half is A.
        n_outputs: Number of outputs.
        tau: Time constant in ms: one number, one for each unit, or :class:`LearnedTau`.
        dt: Time step in ms, at most ``tau``; a step can be undone if it is less.
        activation: Name or :class:`~neurornn.Activation`.
        sigma_rec: Recurrent noise, in units of the state.
        gain: Initial weights from one population to the other are normal with variance ``gain**2`` over the number of
            their afferents.
        initial: State of every unit before the first step.
        bias: Whether units and outputs have a trained bias.
        train_initial_state: Whether the state before the first step is trained.
        seed: Seed of all initial weights.
        dtype: Floating-point type; double precision unless said otherwise, as running backwards needs it.
        device: Device.

    Attributes:
        areas: ``"A"`` or ``"B"`` for each unit.

    Raises:
        TypeError: If an option is of another kind than listed.
        ValueError: If a size, ``dt`` or a name makes no sense.

    References:
        Replay as a basis for backpropagation through time in the brain (Cheng & Brown, 2025)
        https://direct.mit.edu/neco/article/37/3/403/127434

    Examples:
        >>> network = ReversibleRNN(3, 20, 2, tau=100.0, dt=10.0)
        >>> u, before = torch.ones(5, 3, dtype=torch.float64), network.initial_state(5)
        >>> after = network.step(before, u)
        >>> torch.allclose(network.invert(after, u), before, rtol=1e-12)
        True
    """

    arguments: ClassVar[Mapping[str, Any]] = {name: CTRNN_ARGUMENTS[name] for name in _TAKEN} | {
        "gain": float,
        "initial": float,
    }

    def __init__(
        self,
        n_inputs: int,
        n_units: int,
        n_outputs: int,
        *,
        tau: float | Sequence[float] | NDArray[np.float64] | Tensor | LearnedTau = 100.0,
        dt: float = 20.0,
        activation: str | Activation = "tanh",
        sigma_rec: float = 0.0,
        gain: float = 1.5,
        initial: float = 0.2,
        bias: bool = True,
        train_initial_state: bool = False,
        seed: int = 0,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        check_kinds(None, None, None, dtype)
        check_choices("current", "state", sigma_rec)
        for name, value in (("gain", gain), ("initial", initial)):
            if not math.isfinite(value):
                raise ValueError(f"{name} must be finite: got {value}.")
        self.n_inputs, self.n_units = whole("n_inputs", n_inputs, 0), whole("n_units", n_units, 2)
        self.n_outputs, self.seed = whole("n_outputs", n_outputs, 1), whole("seed", seed)
        if self.n_units % 2:
            raise ValueError(f"n_units must be even, half of them for each population: got {n_units}.")
        place: dict[str, Any] = {"dtype": dtype, "device": device}
        self.dt, self.sigma_rec, self.gain, self.initial = (
            float(dt),
            float(sigma_rec),
            float(gain),
            float(initial),
        )
        self.activation = find_activation(activation)
        self.time_constant = TimeConstant(tau, self.n_units, self.dt, dtype, device)
        half = self.n_units // 2
        self.areas = np.repeat(["A", "B"], half)
        self.a_to_b = SynapticWeights(half, half, **place)
        self.b_to_a = SynapticWeights(half, half, **place)
        self.input = SynapticWeights(half, self.n_inputs, **place)
        self.readout = SynapticWeights(self.n_outputs, half, **place)
        start = torch.full((self.n_units,), self.initial, **place)
        self._add_offsets(bias, start, train_initial_state)
        for name, scale in (("a_to_b", gain), ("b_to_a", gain), ("input", 1.0), ("readout", 1.0)):
            weights: SynapticWeights = getattr(self, name)
            weights.assign_(scale * fan_in_normal(weights, derive_seed(self.seed, f"{name} weights")))

    @property
    def W_AB(self) -> Float[Tensor, "half half"]:
        """Weights from A to B, ``(post, pre)``. Assign a matrix to set them."""
        return self.a_to_b()

    @W_AB.setter
    def W_AB(self, weight: Tensor) -> None:
        self.a_to_b.assign_(weight)

    @property
    def W_BA(self) -> Float[Tensor, "half half"]:
        """Weights from B to A, ``(post, pre)``; can be assigned."""
        return self.b_to_a()

    @W_BA.setter
    def W_BA(self, weight: Tensor) -> None:
        self.b_to_a.assign_(weight)

    @property
    @override
    def W_rec(self) -> Float[Tensor, "unit unit"]:
        """Recurrent matrix of all units ``(post, pre)``: 0 within each population."""
        nothing = torch.zeros_like(self.W_AB)
        return torch.cat([torch.cat([nothing, self.W_BA], 1), torch.cat([self.W_AB, nothing], 1)])

    @property
    def W_in(self) -> Float[Tensor, "unit input"]:
        """Input matrix of all units: 0 for B."""
        return nn.functional.pad(self.input(), (0, 0, 0, self.n_units // 2))

    @property
    def W_out(self) -> Float[Tensor, "output unit"]:
        """Read-out matrix of all units: 0 for A."""
        return nn.functional.pad(self.readout(), (self.n_units // 2, 0))

    @override
    def rate(self, state: Float[Tensor, "*batch unit"]) -> Tensor:
        return self.activation(state)

    @override
    def read_out(self, rate: Float[Tensor, "*batch unit"]) -> Tensor:
        return nn.functional.linear(rate[..., self.n_units // 2 :], self.readout(), self.bias_out)

    def invert(
        self,
        state: Float[Tensor, "batch unit"],
        input: Float[Tensor, "batch input"],
        noise: Tensor | None = None,
    ) -> Tensor:
        r"""Undo a step: the state before, given the state after, the input and the noise that acted.

        .. math::
            b_{t-1} &= \left(b_t - \alpha\left[W_{AB}\,\phi(a_t) + b_B\right]\right) / (1 - \alpha) \\
            a_{t-1} &= \left(a_t - \alpha\left[W_{BA}\,\phi(b_{t-1}) + W_{in} u_t + b_A\right]\right) / (1 - \alpha)

        Args:
            state: States after the step.
            input: Inputs during the step.
            noise: The standard normal numbers that acted, shape of the state; None if none did.

        Returns:
            States before the step, up to rounding.
        """
        check_point(state, input, self.n_units, self.n_inputs)
        (alpha_a, alpha_b), (kick_a, kick_b) = self._alphas(), self._kicks(noise)
        self.check_undoable()
        a, b = state.chunk(2, -1)
        b = (b - alpha_b * self._onto_b(a) - kick_b) / (1 - alpha_b)
        a = (a - alpha_a * self._onto_a(b, input) - kick_a) / (1 - alpha_a)
        return torch.cat([a, b], -1)

    def rewind(
        self,
        state: Float[Tensor, "batch unit"],
        inputs: Float[Tensor, "batch time input"],
        noise: Float[Tensor, "batch time unit"] | None = None,
    ) -> Float[Tensor, "batch time unit"]:
        """Undo steps one after the other, see :meth:`invert`.

        Args:
            state: States after the last step.
            inputs: Inputs during the steps.
            noise: The standard normal numbers that acted, or None.

        Returns:
            The state before each step.
        """
        self.check_inputs(inputs)
        check_start(state, inputs, None, self.n_units)
        self.check_undoable()
        return self._steps(inputs, noise).back(state)

    @override
    def forward(
        self,
        inputs: Float[Tensor, "batch time input"],
        state: Float[Tensor, "batch unit"] | None = None,
        *,
        generator: torch.Generator | None = None,
        noise: Float[Tensor, "batch time unit"] | None = None,
    ) -> Trajectory:
        start = self._begin(inputs, state, noise)
        if noise is None:
            noise = self.draw_noise(inputs.shape[0], inputs.shape[1], generator)
        with single_threaded():
            states = self._steps(inputs, noise).forward(start)
            rate = self.rate(states)
            return Trajectory(states, rate, self.read_out(rate), states[:, -1])

    @override
    def extra_repr(self) -> str:
        return (
            f"n_inputs={self.n_inputs}, n_units={self.n_units // 2} + {self.n_units // 2}, n_outputs={self.n_outputs}, "
            f"tau={self.time_constant.describe()}, dt={self.dt:g} ms, activation={self.activation.name}, "
            f"sigma_rec={self.sigma_rec:g}"
        )

    @override
    def _drift(self, state: Tensor, input: Tensor) -> Tensor:
        a, b = state.chunk(2, -1)
        tau_a, tau_b = self.tau.expand(self.n_units).chunk(2)
        slope_a = (self._onto_a(b, input) - a) / tau_a
        slope_b = (self._onto_b(a + self.dt * slope_a) - b) / tau_b
        return torch.cat([slope_a, slope_b], -1)

    @override
    def _drift_jacobian(self, state: Tensor, input: Tensor) -> Tensor:
        half, (tau_a, tau_b) = self.n_units // 2, self.tau.expand(self.n_units)[:, None].chunk(2)
        b, after = state[..., half:], self._next_a(state, input)
        eye = torch.eye(half, dtype=state.dtype, device=state.device).expand(*after.shape, half)
        from_b = self.W_BA * self.activation.derivative(b).expand_as(after)[..., None, :]
        J_a = torch.cat([-eye, from_b], -1) / tau_a
        from_a = self.W_AB * self.activation.derivative(after)[..., None, :]
        moved = torch.cat([eye, torch.zeros_like(eye)], -1) + self.dt * J_a
        J_b = (from_a @ moved - torch.cat([torch.zeros_like(eye), eye], -1)) / tau_b
        return torch.cat([J_a, J_b], -2)

    @override
    def _input_jacobian(self, state: Tensor, input: Tensor) -> Tensor:
        tau_a, tau_b = self.tau.expand(self.n_units)[:, None].chunk(2)
        after = self._next_a(state, input)
        B_a = self.input() / tau_a
        B_b = (self.W_AB * self.activation.derivative(after)[..., None, :]) @ (self.dt * B_a) / tau_b
        return torch.cat([B_a.expand_as(B_b), B_b], -2)

    @override
    def _step(self, state: Tensor, input: Tensor, noise: Tensor | None) -> Tensor:
        a, b = state.chunk(2, -1)
        (alpha_a, alpha_b), (kick_a, kick_b) = self._alphas(), self._kicks(noise)
        a = (1 - alpha_a) * a + alpha_a * self._onto_a(b, input) + kick_a
        b = (1 - alpha_b) * b + alpha_b * self._onto_b(a) + kick_b
        return torch.cat([a, b], -1)

    def _onto_a(self, b: Tensor, input: Tensor) -> Tensor:
        """Current into A."""
        own = None if self.bias is None else self.bias[: self.n_units // 2]
        driven = nn.functional.linear(input, self.input(), own)
        return nn.functional.linear(self.activation(b), self.W_BA) + driven

    def _onto_b(self, a: Tensor) -> Tensor:
        """Current into B."""
        own = None if self.bias is None else self.bias[self.n_units // 2 :]
        return nn.functional.linear(self.activation(a), self.W_AB, own)

    def _next_a(self, state: Tensor, input: Tensor) -> Tensor:
        a, b = state.chunk(2, -1)
        alpha, _ = self._alphas()
        return (1 - alpha) * a + alpha * self._onto_a(b, input)

    def _steps(self, inputs: Tensor, noise: Tensor | None) -> Alternating:
        half = self.n_units // 2
        zeros = torch.zeros(self.n_units, dtype=inputs.dtype, device=inputs.device)
        own = zeros if self.bias is None else self.bias
        drive = nn.functional.linear(inputs, self.input(), own[:half])
        return Alternating(
            self.activation, self._alphas(), self.W_AB, self.W_BA, drive, own[half:], self._kicks(noise)
        )

    def _alphas(self) -> tuple[Tensor, Tensor]:
        alpha = self.alpha.expand(self.n_units)
        return alpha[: self.n_units // 2], alpha[self.n_units // 2 :]

    def _kicks(self, noise: Tensor | None) -> tuple[Tensor | float, Tensor | float]:
        """What the noise adds to the state of either population."""
        if noise is None or self.sigma_rec == 0:
            return 0.0, 0.0
        kick = (2 * self.alpha).sqrt() * self.sigma_rec * noise
        return kick[..., : self.n_units // 2], kick[..., self.n_units // 2 :]
