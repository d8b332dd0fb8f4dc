"""The leaky continuous-time network, in current and in rate form."""

__all__ = ["CTRNN"]

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import override

from neurornn import kernels
from neurornn.activations import Activation
from neurornn.activations import activation as find_activation
from neurornn.connectivity import (
    AbstractConnectivity,
    AbstractInitialiser,
    AllToAll,
    BalancedGamma,
    Dale,
    Gaussian,
)
from neurornn.networks._checks import check_choices, check_kinds, whole
from neurornn.networks._circuit import AbstractCircuitNetwork
from neurornn.networks._output_feedback import closed_loop, feedback_weights, open_loop
from neurornn.networks._settings import CTRNN_ARGUMENTS
from neurornn.networks._synapses import grown
from neurornn.networks._tau import LearnedTau, TimeConstant


class CTRNN(AbstractCircuitNetwork):
    r"""A leaky recurrent network with noise, Dale's law and a linear read-out.

    .. math::
        \text{current:}\quad \tau \dot x &= -x + W_{rec}\,\phi(x) + W_{in} u + b + \text{noise}, \quad r = \phi(x) \\
        \text{rate:}\quad \tau \dot r &= -r + \phi(W_{rec}\, r + W_{in} u + b + \text{noise}) \\
        y &= W_{out}\, r + b_{out}, \qquad W_{rec} = W_{syn} + W_{fb} W_{out}

    where :math:`W_{syn}` are the synapses between units, ``network.recurrent()``, and :math:`W_{fb}` returns the outputs to
    the units if ``output_feedback`` asks for it; without it :math:`W_{rec} = W_{syn}`. What comes back is
    :math:`W_{out} r`: a constant :math:`b_{out}` would do no more than :math:`b` does. Everything that looks at
    :math:`W_{rec}`, analyses and penalties included, sees the matrix that the dynamics uses.

    The derivative of the drift with respect to the state, :meth:`drift_jacobian`, is

    .. math::
        \text{current:}\quad J = T^{-1}(-I + W_{rec}\,\mathrm{diag}\,\phi'(x)), \qquad
        \text{rate:}\quad J = T^{-1}(-I + \mathrm{diag}\,\phi'(a)\,W_{rec})

    with :math:`T = \mathrm{diag}\,\tau` and :math:`a = W_{rec} r + W_{in} u + b`.

    The equations are stepped by Euler-Maruyama with :math:`\alpha = dt/\tau`. Noise that enters with the ``"input"`` is
    :math:`\sqrt{2/\alpha}\,\sigma_{rec}\,\xi_t` beside :math:`W_{in} u`; noise on the ``"state"`` adds
    :math:`\sqrt{2\alpha}\,\sigma_{rec}\,\xi_t` to the state itself. In current form the two are the same equation;
    in rate form the first passes through :math:`\phi` and the second does not. A lone linear unit
    has stationary variance :math:`\sigma_{rec}^2 / (1 - \alpha/2)`, which tends to :math:`\sigma_{rec}^2` as
    ``dt`` shrinks. In rate form noise with the input grows without bound inside a curved :math:`\phi` as ``dt``
    shrinks: there the mean rates depend on ``dt``, and only noise on the state has a limit.

    Args:
        n_inputs: Number of input channels.
        n_units: Number of recurrent units.
        n_outputs: Number of outputs.
        tau: Time constant in ms: one number, one for each unit, or :class:`LearnedTau`.
        dt: Time step in ms, at most ``tau``.
        activation: Name or :class:`~neurornn.Activation`.
        form: ``"current"`` or ``"rate"``.
        sigma_rec: Recurrent noise, in units of the state.
        noise: Where the noise enters: with the ``"input"`` or on the ``"state"``.
        dale: Dale's law, or None for free signs.
        connectivity: Which recurrent synapses exist; by default all, without autapses under Dale's law.
        init: Initial recurrent weights; by default :class:`~neurornn.connectivity.BalancedGamma` under Dale's
            law and :class:`~neurornn.connectivity.Gaussian` otherwise.
        bias: Whether units and outputs have a trained bias.
        train_initial_state: Whether the state before the first step is trained; it is 0 otherwise.
        output_feedback: The outputs return to the units through fixed weights, uniform between minus and plus this
            scale; 0 for no feedback. Not with Dale's law.
        seed: Seed of the wiring and of all initial weights.
        dtype: Floating-point type.
        device: Device.

    Raises:
        TypeError: If an option is of another kind than listed.
        ValueError: If a size, ``dt``, a name or the combination of options makes no sense.

    References:
        Context-dependent computation by recurrent dynamics in prefrontal cortex (Mante et al., 2013)
        https://doi.org/10.1038/nature12742

        Training excitatory-inhibitory recurrent neural networks for cognitive tasks (Song, Yang & Wang, 2016)
        https://doi.org/10.1371/journal.pcbi.1004792

        Task representations in neural networks trained to perform many cognitive tasks (Yang et al., 2019), for the
        rate form https://doi.org/10.1038/s41593-018-0310-2

    Examples:
        >>> network = CTRNN(3, 10, 2, tau=100.0, dt=20.0, dale=Dale(), sigma_rec=0.1)
        >>> trajectory = network(torch.zeros(4, 50, 3), generator=torch.Generator().manual_seed(0))
        >>> tuple(trajectory.output.shape), "".join(network.cell_types)
        ((4, 50, 2), 'EEEEEEEEII')
    """

    arguments: ClassVar[Mapping[str, Any]] = CTRNN_ARGUMENTS

    def __init__(
        self,
        n_inputs: int,
        n_units: int,
        n_outputs: int,
        *,
        tau: float | Sequence[float] | NDArray[np.float64] | Tensor | LearnedTau = 100.0,
        dt: float = 20.0,
        activation: str | Activation = "softplus",
        form: Literal["current", "rate"] = "current",
        sigma_rec: float = 0.0,
        noise: Literal["input", "state"] = "input",
        dale: Dale | None = None,
        connectivity: AbstractConnectivity | None = None,
        init: AbstractInitialiser | None = None,
        bias: bool = True,
        train_initial_state: bool = False,
        output_feedback: float = 0.0,
        seed: int = 0,
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        check_kinds(dale, connectivity, init, dtype)
        check_choices(form, noise, sigma_rec)
        n_inputs, n_units = whole("n_inputs", n_inputs, 0), whole("n_units", n_units, 1)
        n_outputs, seed = whole("n_outputs", n_outputs, 1), whole("seed", seed)
        dtype = torch.get_default_dtype() if dtype is None else dtype
        place: dict[str, Any] = {"dtype": dtype, "device": device}
        self.n_inputs, self.n_units, self.n_outputs = n_inputs, n_units, n_outputs
        self.dt, self.form, self.sigma_rec, self.noise = float(dt), form, float(sigma_rec), noise
        self.activation = find_activation(activation)
        self.dale = dale
        self.connectivity = AllToAll(autapses=dale is None) if connectivity is None else connectivity
        self.init = (Gaussian() if dale is None else BalancedGamma()) if init is None else init
        self.seed = seed
        W_fb = feedback_weights(n_units, n_outputs, output_feedback, dale, seed)
        self.output_feedback = float(output_feedback)
        self.W_fb: Tensor | None
        self.register_buffer("W_fb", None if W_fb is None else W_fb.to(**place))
        self.time_constant = TimeConstant(tau, n_units, self.dt, dtype, device)

        self.areas = self.connectivity.areas(n_units)
        self._cell_types = np.full(n_units, "", dtype="<U1") if dale is None else dale.cell_types(self.areas)
        self.recurrent, self.input, self.readout = grown(
            n_inputs,
            n_outputs,
            self._cell_types,
            dale=dale,
            connectivity=self.connectivity,
            init=self.init,
            seed=seed,
            place=place,
        )
        self._add_offsets(bias, torch.zeros(n_units, **place), train_initial_state)

    @property
    @override
    def cell_types(self) -> NDArray[np.str_]:
        return self._cell_types

    @property
    def W_rec(self) -> Float[Tensor, "unit unit"]:
        """Effective recurrent matrix ``(post, pre)``, the way through fed back outputs included.

        Assign a matrix to set it; one that breaks Dale's law is refused. With feedback of the outputs the synapses are set so that
        together with the read-out of this moment they make the matrix.
        """
        synapses: Tensor = self.recurrent()
        return synapses if self.W_fb is None else closed_loop(synapses, self.W_fb, self.W_out)

    @W_rec.setter
    def W_rec(self, weight: Tensor) -> None:
        if self.W_fb is not None:
            weight = open_loop(
                torch.as_tensor(weight).detach(), self.W_fb, self.W_out.detach(), self.recurrent.mask
            )
        self.recurrent.assign_(weight)

    @property
    def W_in(self) -> Float[Tensor, "unit input"]:
        """Effective input matrix; can be assigned."""
        return self.input()

    @W_in.setter
    def W_in(self, weight: Tensor) -> None:
        self.input.assign_(weight)

    @property
    def W_out(self) -> Float[Tensor, "output unit"]:
        """Effective read-out matrix; can be assigned. Where outputs return to the units, that changes ``W_rec`` too."""
        return self.readout()

    @W_out.setter
    def W_out(self, weight: Tensor) -> None:
        self.readout.assign_(weight)

    @override
    def rate(self, state: Float[Tensor, "*batch unit"]) -> Tensor:
        """Firing rates of a state.

        Args:
            state: States.

        Returns:
            Rates: the activation of the state in current form, the state itself in rate form.
        """
        return self.activation(state) if self.form == "current" else state

    @override
    def circuit(self) -> kernels.Circuit:
        return kernels.Circuit(
            self.W_rec,
            self.W_in,
            self.bias,
            self.W_out,
            self.bias_out,
            self.alpha,
            self.activation,
            self.form,
        )

    def rescale_dt(self, dt: float) -> Self:
        """A copy of the same continuous-time network stepped more finely or coarsely.

        ``tau``, ``sigma_rec`` and all weights stay: only the discretisation changes.

        Args:
            dt: New time step in ms.

        Returns:
            A network with its own copy of the weights.

        Raises:
            ValueError: If ``dt`` is not in (0, tau].

        Warns:
            UserWarning: If the noise of this network has no limit as ``dt`` shrinks.
        """
        self.time_constant.check_dt(dt)
        if (
            self.form == "rate"
            and self.noise == "input"
            and self.sigma_rec
            and self.activation.name != "identity"
        ):
            warnings.warn(
                "Noise inside the activation of a rate-form network grows as 1/sqrt(dt), so the "
                f"mean rates at dt={dt:g} ms differ from those at dt={self.dt:g} ms. Noise on the state (noise='state') has "
                "a limit.",
                stacklevel=2,
            )
        twin = copy.deepcopy(self)
        twin.dt = float(dt)
        return twin

    @override
    def extra_repr(self) -> str:
        alpha = self.alpha.detach().flatten()
        spread = (
            f"{alpha[0].item():.3g}"
            if bool((alpha == alpha[0]).all())
            else f"{alpha.min():.3g} to {alpha.max():.3g}"
        )
        cells = ""
        if self.dale is not None:
            n_e = int((self.cell_types == "E").sum())
            cells = f", dale={n_e}E/{self.n_units - n_e}I ({self.dale.rectifier})"
        places = f", areas={list(dict.fromkeys(self.areas.tolist()))}" if self.areas[0] else ""
        returning = f", output_feedback={self.output_feedback:g}" if self.output_feedback else ""
        return (
            f"n_inputs={self.n_inputs}, n_units={self.n_units}, n_outputs={self.n_outputs}, form={self.form}, "
            f"tau={self.time_constant.describe()}, dt={self.dt:g} ms, alpha={spread}, activation={self.activation.name}, "
            f"sigma_rec={self.sigma_rec:g} (on the {self.noise}){cells}{places}{returning}"
        )

    @override
    def _drift(self, state: Tensor, input: Tensor) -> Tensor:
        current = self._current(self.rate(state), input)
        target = current if self.form == "current" else self.activation(current)
        return (target - state) / self.tau

    @override
    def _drift_jacobian(self, state: Tensor, input: Tensor) -> Tensor:
        J = self._recurrent_gain(state, input)
        J.diagonal(dim1=-2, dim2=-1).sub_(1.0)
        return J / self.tau.expand(self.n_units)[:, None]

    @override
    def _input_jacobian(self, state: Tensor, input: Tensor) -> Tensor:
        B = self.W_in / self.tau.expand(self.n_units)[:, None]
        if self.form == "current":
            return B.expand(*torch.broadcast_shapes(state.shape[:-1], input.shape[:-1]), *B.shape)
        return self.activation.derivative(self._current(state, input)).unsqueeze(-1) * B

    def _current(self, rate: Tensor, input: Tensor) -> Tensor:
        return nn.functional.linear(rate, self.W_rec) + nn.functional.linear(input, self.W_in, self.bias)

    def _recurrent_gain(self, state: Tensor, input: Tensor) -> Tensor:
        if self.form == "rate":
            return self.activation.derivative(self._current(state, input)).unsqueeze(-1) * self.W_rec
        shape = torch.broadcast_shapes(state.shape[:-1], input.shape[:-1])
        return self.W_rec * self.activation.derivative(state).expand(*shape, self.n_units).unsqueeze(-2)

    @override
    def _step(self, state: Tensor, input: Tensor, noise: Tensor | None) -> Tensor:
        alpha, kick = self.alpha, None
        drive = nn.functional.linear(input, self.W_in, self.bias)
        if noise is not None and self.sigma_rec > 0:
            inside, outside = kernels.Noise(self.sigma_rec, self.noise).scales(alpha, self.form)
            drive = drive + inside * noise
            kick = (outside * noise).unsqueeze(1)
        return kernels.integrate(
            state,
            drive.unsqueeze(1),
            self.W_rec,
            alpha,
            activation=self.activation,
            form=self.form,
            kick=kick,
        )[:, 0]
