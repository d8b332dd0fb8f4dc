"""What networks that leak with time constants of their own share."""

__all__ = ["AbstractLeakyNetwork"]

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from typing_extensions import override

from neurornn.activations import Activation
from neurornn.networks._rates import AbstractRateNetwork
from neurornn.networks._settings import activation_name, tau_setting
from neurornn.networks._tau import TimeConstant


class AbstractLeakyNetwork(AbstractRateNetwork):
    r"""A network whose units forget with time constants :math:`\tau`, stepped with :math:`\alpha = dt/\tau`.

    Attributes:
        time_constant: The time constants.
        activation: From potential to firing rate.
        bias: Bias of the units, or None.
        start: State before the first step.
    """

    time_constant: TimeConstant
    activation: Activation
    bias: nn.Parameter | None
    start: Tensor

    @property
    @override
    def slowest(self) -> float:
        return float(self.tau.detach().max())

    @property
    def tau(self) -> Tensor:
        """Time constants in ms, one number or ``(unit,)``."""
        return self.time_constant()

    @property
    def alpha(self) -> Tensor:
        r""":math:`dt/\tau`, one number or ``(unit,)``."""
        return self.dt / self.time_constant()

    @override
    def initial_state(self, batch_size: int) -> Float[Tensor, "batch unit"]:
        return self.start.expand(batch_size, self.n_units)

    def check_undoable(self) -> None:
        """Refuse to undo steps that leave nothing of the state before.

        Raises:
            ValueError: If a time constant is as short as a step.
        """
        if bool((self.alpha >= 1).any()):
            raise ValueError(
                f"A step can be undone if dt is less than tau: here dt={self.dt:g} ms and tau={self.time_constant.describe()}, so "
                "that nothing is left of the state before. Use a smaller dt or slower units."
            )

    def _add_offsets(self, bias: bool, start: Tensor, train_initial_state: bool) -> None:
        """Biases of units and outputs, at first 0, and the state before the first step."""
        self.bias = nn.Parameter(torch.zeros_like(start)) if bias else None
        self.bias_out = nn.Parameter(start.new_zeros(self.n_outputs)) if bias else None
        if train_initial_state:
            self.start = nn.Parameter(start)
        else:
            self.register_buffer("start", start)

    @override
    def _derived_settings(self) -> dict[str, Any]:
        return {
            **super()._derived_settings(),
            "tau": tau_setting(self.time_constant),
            "activation": activation_name(self.activation),
            "train_initial_state": isinstance(self.start, nn.Parameter),
        }
