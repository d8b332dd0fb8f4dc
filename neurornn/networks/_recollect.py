"""Memory units whose single gate depends on the input alone."""

__all__ = ["GatedMemory"]

import math
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from neurornn._threads import single_threaded
from neurornn.networks._checks import check_kinds, whole
from neurornn.networks._rates import AbstractRateNetwork
from neurornn.networks._settings import CTRNN_ARGUMENTS
from neurornn.networks._trajectory import Trajectory
from neurornn.random import derive_seed, uniform_array


class Gates(NamedTuple):
    """What an input does to the memory units.

    Attributes:
        keep: How much of the memory is kept, between 0 and 1, ``(*batch, unit)``.
        candidate: What takes the place of the rest, likewise.
    """

    keep: Tensor
    candidate: Tensor


class GatedMemory(AbstractRateNetwork):
    r"""The network of RECOLLECT: units that keep or overwrite what they hold as the input says.

    .. math::
        g_t &= \sigma(s\,(W_g u_t + b_g) - \theta), \qquad c_t = \sigma(s\,(W_c u_t + b_c) - \theta) \\
        m_t &= g_t \odot m_{t-1} + (1 - g_t) \odot c_t, \qquad q_t = W_o m_t + b_o

    with the logistic function :math:`\sigma`. No gate reads the memory, and no unit another one: the derivative of a memory with
    respect to its own weights is a trace at each synapse that needs nothing from anywhere else, which is what
    :class:`~neurornn.rules.RECOLLECT` builds on. Outputs are linear, and stand for the values of actions there.

    A step is one application of the gates, however long it lasts: the drift :math:`(1 - g)(c - m) / dt` is that of a leaky
    unit whose time constant :math:`dt / (1 - g)` is set by the input. State and rate are both :math:`m`, between 0 and 1. There
    is no recurrent noise and no synapse between units: :attr:`W_rec` is 0. The derivative of the drift with respect to the state is
    :math:`-\mathrm{diag}(1 - g) / dt`, and with respect to the input

    .. math:: \frac{s}{dt}\left[\mathrm{diag}\big((1-g)\,c\,(1-c)\big) W_c + \mathrm{diag}\big((m-c)\,g\,(1-g)\big) W_g\right].

    Defaults are those of the published model; with them units keep
    next to nothing at first, and the published example for saccades, like the studies of this library, takes ``threshold=0, slope=2``.

    Args:
        n_inputs: Number of input channels.
        n_units: Number of memory units.
        n_outputs: Number of outputs.
        dt: Duration of a step in ms.
        threshold: :math:`\theta`.
        slope: :math:`s`.
        spread: Initial weights and biases are uniform between minus and plus this.
        bias: Whether gates, candidates and outputs have a bias.
        seed: Seed of all initial weights.
        dtype: Floating-point type.
        device: Device.

    Raises:
        TypeError: If an option is of another kind than listed.
        ValueError: If a size or a number makes no sense.

    References:
        Biologically plausible gated recurrent neural networks for working memory and learning-to-learn (van den Berg,
        Roelfsema & Bohte, 2024) https://doi.org/10.1371/journal.pone.0316453

    Examples:
        >>> network = GatedMemory(4, 7, 3, dt=100.0)
        >>> run = network(torch.zeros(2, 50, 4))
        >>> tuple(run.output.shape), bool(((run.state > 0) & (run.state < 1)).all())
        ((2, 50, 3), True)
    """

    arguments: ClassVar[Mapping[str, Any]] = {
        name: CTRNN_ARGUMENTS[name]
        for name in ("n_inputs", "n_units", "n_outputs", "dt", "bias", "seed", "dtype")
    } | {"threshold": float, "slope": float, "spread": float}

    def __init__(
        self,
        n_inputs: int,
        n_units: int,
        n_outputs: int,
        *,
        dt: float = 20.0,
        threshold: float = 2.5,
        slope: float = 1.0,
        spread: float = 0.25,
        bias: bool = True,
        seed: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        check_kinds(None, None, None, dtype)
        self.n_inputs, self.n_units = whole("n_inputs", n_inputs, 1), whole("n_units", n_units, 1)
        self.n_outputs, self.seed = whole("n_outputs", n_outputs, 1), whole("seed", seed)
        for name, value, least in (("dt", dt, 0.0), ("slope", slope, 0.0), ("threshold", threshold, None)):
            if not math.isfinite(value) or (least is not None and value <= least):
                raise ValueError(
                    f"{name} must be finite{'' if least is None else ' and above 0'}: got {value}."
                )
        if not 0 <= spread < math.inf:
            raise ValueError(f"spread must be finite and at least 0: got {spread}.")
        self.dt, self.sigma_rec = float(dt), 0.0
        self.threshold, self.slope, self.spread = float(threshold), float(slope), float(spread)

        def drawn(name: str, *shape: int) -> nn.Parameter:
            u = uniform_array(derive_seed(self.seed, f"gated memory {name}"), *shape)
            return nn.Parameter(torch.as_tensor(self.spread * (2 * u - 1)).to(device=device, dtype=kind))

        kind = torch.get_default_dtype() if dtype is None else dtype
        self.W_gate = drawn("gate", self.n_units, self.n_inputs)
        self.W_candidate = drawn("candidate", self.n_units, self.n_inputs)
        self.W_out = drawn("readout", self.n_outputs, self.n_units)
        self.b_gate = drawn("gate bias", self.n_units) if bias else None
        self.b_candidate = drawn("candidate bias", self.n_units) if bias else None
        self.bias_out = drawn("readout bias", self.n_outputs) if bias else None

    @property
    @override
    def W_rec(self) -> Float[Tensor, "unit unit"]:
        """Zeros: units do not contact each other, and what a unit keeps of itself depends on the input."""
        return self.W_gate.new_zeros(self.n_units, self.n_units)

    @property
    @override
    def slowest(self) -> float:
        """Longest :math:`dt / (1 - g)` of any unit in ms, without input and with one channel at 1."""
        with torch.no_grad():
            eye = torch.eye(self.n_inputs, dtype=self.W_gate.dtype, device=self.W_gate.device)
            keep = self.gates(torch.cat([torch.zeros_like(eye[:1]), eye])).keep.double()
        return self.dt / max(1.0 - float(keep.max()), 1e-9)

    def gates(self, input: Float[Tensor, "*batch input"]) -> Gates:
        """What an input does to the units, whatever they hold.

        Args:
            input: Inputs.

        Returns:
            Gates and candidates.
        """
        keep = self.slope * nn.functional.linear(input, self.W_gate, self.b_gate) - self.threshold
        new = self.slope * nn.functional.linear(input, self.W_candidate, self.b_candidate) - self.threshold
        return Gates(torch.sigmoid(keep), torch.sigmoid(new))

    @override
    def rate(self, state: Float[Tensor, "*batch unit"]) -> Tensor:
        """Firing rates of a state: the state itself.

        Args:
            state: States.

        Returns:
            The states.
        """
        return state

    @override
    def forward(
        self,
        inputs: Float[Tensor, "batch time input"],
        state: Float[Tensor, "batch unit"] | None = None,
        *,
        generator: torch.Generator | None = None,
        noise: Float[Tensor, "batch time unit"] | None = None,
    ) -> Trajectory:
        m = self._begin(inputs, state, noise)
        with single_threaded():
            keep, candidate = self.gates(inputs)
            taken, states = (1 - keep) * candidate, []
            for g, new in zip(keep.unbind(1), taken.unbind(1), strict=True):
                m = g * m + new
                states.append(m)
            held = torch.stack(states, 1)
            return Trajectory(held, held, self.read_out(held), m)

    @override
    def extra_repr(self) -> str:
        return (
            f"n_inputs={self.n_inputs}, n_units={self.n_units}, n_outputs={self.n_outputs}, dt={self.dt:g} ms, "
            f"threshold={self.threshold:g}, slope={self.slope:g}"
        )

    @override
    def _drift(self, state: Tensor, input: Tensor) -> Tensor:
        keep, candidate = self.gates(input)
        return (1 - keep) * (candidate - state) / self.dt

    @override
    def _drift_jacobian(self, state: Tensor, input: Tensor) -> Tensor:
        shape = torch.broadcast_shapes(state.shape[:-1], input.shape[:-1])
        leak = (1 - self.gates(input).keep) / self.dt
        return torch.diag_embed(-leak.expand(*shape, self.n_units))

    @override
    def _input_jacobian(self, state: Tensor, input: Tensor) -> Tensor:
        keep, c = self.gates(input)
        through_candidate = ((1 - keep) * c * (1 - c)).unsqueeze(-1) * self.W_candidate
        through_gate = ((state - c) * keep * (1 - keep)).unsqueeze(-1) * self.W_gate
        return self.slope / self.dt * (through_candidate + through_gate)

    @override
    def _step(self, state: Tensor, input: Tensor, noise: Tensor | None) -> Tensor:
        keep, candidate = self.gates(input)
        return keep * state + (1 - keep) * candidate
