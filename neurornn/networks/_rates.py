"""What networks with firing rates, a linear read-out and derivatives in closed form share."""

__all__ = ["AbstractRateNetwork"]

from abc import abstractmethod
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from typing_extensions import override

from neurornn.networks._base import AbstractNetwork
from neurornn.networks._checks import check_point


class AbstractRateNetwork(AbstractNetwork):
    """A network whose states have firing rates, of which the outputs are a linear function.

    The drift has its derivatives in closed form. A subclass holds the read-out matrix as ``W_out``, and gives ``arguments``.

    Attributes:
        bias_out: Bias of the outputs, or None.
    """

    bias_out: nn.Parameter | None

    @override
    def settings(self) -> dict[str, Any]:
        derived = self._derived_settings()
        return {name: derived[name] if name in derived else getattr(self, name) for name in self.arguments}

    @property
    @override
    def cell_types(self) -> NDArray[np.str_]:
        return np.full(self.n_units, "", dtype="<U1")

    @override
    def drift(self, state: Float[Tensor, "*batch unit"], input: Float[Tensor, "*batch input"]) -> Tensor:
        check_point(state, input, self.n_units, self.n_inputs)
        return self._drift(state, input)

    def drift_jacobian(
        self, state: Float[Tensor, "*batch unit"], input: Float[Tensor, "*batch input"]
    ) -> Float[Tensor, "*batch unit unit"]:
        """Derivative of the drift with respect to the state, in 1/ms.

        Args:
            state: States.
            input: Inputs held, broadcast against the states.

        Returns:
            One matrix for each state; entry ``[i, j]`` is the effect of unit ``j`` on the velocity of unit ``i``.
        """
        check_point(state, input, self.n_units, self.n_inputs)
        return self._drift_jacobian(state, input)

    def input_jacobian(
        self, state: Float[Tensor, "*batch unit"], input: Float[Tensor, "*batch input"]
    ) -> Float[Tensor, "*batch unit input"]:
        """Derivative of the drift with respect to the input, in 1/ms.

        Args:
            state: States.
            input: Inputs held, broadcast against the states.

        Returns:
            One matrix for each state.
        """
        check_point(state, input, self.n_units, self.n_inputs)
        return self._input_jacobian(state, input)

    @override
    def step(
        self,
        state: Float[Tensor, "batch unit"],
        input: Float[Tensor, "batch input"],
        noise: Tensor | None = None,
    ) -> Tensor:
        check_point(state, input, self.n_units, self.n_inputs)
        return self._step(state, input, noise)

    @abstractmethod
    def rate(self, state: Float[Tensor, "*batch unit"]) -> Tensor:
        """Firing rates of a state.

        Args:
            state: States.

        Returns:
            Rates.
        """

    def read_out(self, rate: Float[Tensor, "*batch unit"]) -> Tensor:
        """Linear read-out of firing rates.

        Args:
            rate: Rates.

        Returns:
            Outputs ``(*batch, output)``.
        """
        return nn.functional.linear(rate, cast(Tensor, self.W_out), self.bias_out)

    @abstractmethod
    def _drift(self, state: Tensor, input: Tensor) -> Tensor:
        """:meth:`drift` of states that fit."""

    @abstractmethod
    def _drift_jacobian(self, state: Tensor, input: Tensor) -> Tensor:
        """:meth:`drift_jacobian` of states that fit."""

    @abstractmethod
    def _input_jacobian(self, state: Tensor, input: Tensor) -> Tensor:
        """:meth:`input_jacobian` of states that fit."""

    @abstractmethod
    def _step(self, state: Tensor, input: Tensor, noise: Tensor | None) -> Tensor:
        """:meth:`step` of states that fit."""

    def _derived_settings(self) -> dict[str, Any]:
        """Those of the settings that are not attributes of the same name."""
        dtype: torch.dtype = next(self.parameters()).dtype
        return {"bias": self.bias_out is not None, "dtype": str(dtype).removeprefix("torch.")}
