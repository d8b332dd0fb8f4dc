r"""One step of a leaky network as the rules that run forward in time see it: its Jacobian, what it teaches.

One step of a leaky network, in either form, is

.. math::
    s_t = F(s_{t-1}), \qquad
    J_t = \frac{\partial s_t}{\partial s_{t-1}}
        = \mathrm{diag}(1 - \alpha) + \mathrm{diag}(h_t)\, W_{rec}\, \mathrm{diag}(d_{t-1})

with :math:`h = \alpha,\ d = \phi'(x)` in current form and :math:`h = \alpha\,\phi'(a),\ d = 1` in rate form. The
parameters of unit :math:`a` (its row of :math:`W_{rec}` and :math:`W_{in}`, its bias, its :math:`\alpha`) reach only
:math:`s_a` at once: the immediate influence is :math:`\delta_{ia} I_{ab}`, one row ``[r_{t-1}, u_t, 1]`` times
:math:`h_a` for each unit.
"""

__all__ = ["AbstractTraces", "Columns", "Setting", "Step"]

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neurornn.kernels import Circuit


class Columns(NamedTuple):
    """The parameters of one unit side by side: recurrent and input weights, bias, alpha, start.

    Attributes:
        n_units: Number of units, and of recurrent weights onto each.
        n_inputs: Number of input weights onto each.
        bias: Whether units have a bias.
        alpha: Whether time constants are learned.
        start: Whether the state before the first step is trained.
    """

    n_units: int
    n_inputs: int
    bias: bool
    alpha: bool
    start: bool

    @property
    def synaptic(self) -> int:
        """Number of columns that a presynaptic value multiplies, the bias among them."""
        return self.n_units + self.n_inputs + self.bias

    @property
    def total(self) -> int:
        """Number of columns."""
        return self.synaptic + self.alpha + self.start


class Setting(NamedTuple):
    """What is known when the trials start.

    Attributes:
        columns: Parameters of one unit.
        circuit: The network.
        state: State before the first step, ``(batch, unit)``.
        key: Key of all random numbers of the run; None if it needs none.
    """

    columns: Columns
    circuit: Circuit
    state: Tensor
    key: int | None

    @property
    def n_trials(self) -> int:
        """Number of trials."""
        return self.state.shape[0]

    def zeros(self, *shape: int) -> Tensor:
        """Zeros for each trial.

        Args:
            shape: Shape apart from the trials.

        Returns:
            A tensor ``(batch, *shape)``.
        """
        return self.state.new_zeros(self.n_trials, *shape)

    def first_traces(self, value: Tensor | float = 1.0) -> Float[Tensor, "batch unit column"]:
        """Traces of each unit's own parameters before the first step: only the start has had an influence.

        Args:
            value: The influence of the start.

        Returns:
            Zeros, apart from the column of the start.
        """
        traces = self.zeros(self.columns.n_units, self.columns.total)
        if self.columns.start:
            traces[..., -1] = value
        return traces


class Step(NamedTuple):
    r"""One step of a batch of trials.

    Attributes:
        t: Number of the step.
        circuit: The network, with the weights of this step.
        columns: Parameters of one unit.
        gain: :math:`h_t`, ``(batch, unit)``.
        slope_before: :math:`d_{t-1}`, ``(batch, unit)``.
        presynaptic: ``[r_{t-1}, u_t, 1]``, ``(batch, column)``.
        pace: Derivative of the state with respect to the unit's own alpha, ``(batch, unit)``; None unless learned.
        drive: Everything that reaches the units but the recurrent input, ``(batch, unit)``.
        kick: Noise on the state, ``(batch, unit)``, or None.
        state: :math:`s_t`, ``(batch, unit)``.
        slope: Derivative of the rates with respect to the state, ``(batch, unit)``.
        rate: Rates, ``(batch, unit)``.
        target: What the output should be, ``(batch, output)``.
        error: Derivative of the loss of this step with respect to the outputs, ``(batch, output)``.
        direct: Derivative of the loss of this step with respect to the rates, outputs apart, ``(batch, unit)``.
        valid: 1 inside the trial and 0 in its padding, ``(batch,)``.
        ends: 1 in the last step of a trial, ``(batch,)``.
    """

    t: int
    circuit: Circuit
    columns: Columns
    gain: Tensor
    slope_before: Tensor
    presynaptic: Tensor
    pace: Tensor | None
    drive: Tensor
    kick: Tensor | None
    state: Tensor
    slope: Tensor
    rate: Tensor
    target: Tensor
    error: Tensor
    direct: Tensor
    valid: Tensor
    ends: Tensor

    @property
    def keep(self) -> Tensor:
        r""":math:`1 - \alpha`, one number or ``(unit,)``."""
        return 1 - self.circuit.alpha

    @property
    def signal(self) -> Float[Tensor, "batch unit"]:
        """Derivative of the loss of this step with respect to the state."""
        return self.slope * (self.error @ self.circuit.W_out + self.direct)

    @property
    def local(self) -> Float[Tensor, "batch unit column"]:
        """Immediate influence of each unit's parameters on its own state."""
        blocks = [self.gain[:, :, None] * self.presynaptic[:, None, :]]
        if self.pace is not None:
            blocks.append(self.pace[:, :, None])
        if self.columns.start:
            blocks.append(torch.zeros_like(self.gain)[:, :, None])
        return torch.cat(blocks, 2)

    @property
    def jacobian(self) -> Float[Tensor, "batch unit unit"]:
        """Derivative of the state with respect to the one before, ``[post, pre]``."""
        J = self.gain[:, :, None] * self.circuit.W_rec * self.slope_before[:, None, :]
        J.diagonal(dim1=1, dim2=2).add_(self.keep)
        return J

    def push(self, change: Float[Tensor, "batch unit"]) -> Float[Tensor, "batch unit"]:
        """What a change of the state before does to the state: the Jacobian times a vector.

        Args:
            change: Changes of the state before.

        Returns:
            Changes of the state.
        """
        return self.keep * change + self.gain * ((self.slope_before * change) @ self.circuit.W_rec.t())

    def pull(self, credit: Float[Tensor, "batch unit"]) -> Float[Tensor, "batch unit"]:
        """What credit of the state means for the state before: the transposed Jacobian times a vector.

        Args:
            credit: Derivatives with respect to the state.

        Returns:
            Derivatives with respect to the state before.
        """
        return self.keep * credit + self.slope_before * ((self.gain * credit) @ self.circuit.W_rec)


class AbstractTraces(ABC):
    """What a rule carries from step to step within a batch of trials."""

    @abstractmethod
    def advance(self, step: Step) -> Float[Tensor, "unit column"]:
        """Take one step.

        Args:
            step: The step.

        Returns:
            Gradient of the loss of this step with respect to the parameters of each unit, summed over trials.
        """

    def read_out(self, step: Step) -> tuple[Float[Tensor, "output unit"], Float[Tensor, " output"]]:
        """Gradient of the loss of this step with respect to the read-out, exact unless a rule says otherwise.

        Args:
            step: The step, after :meth:`advance`.

        Returns:
            Gradients of the matrix and of the bias, summed over trials.
        """
        return step.error.t() @ step.rate, step.error.sum(0)
