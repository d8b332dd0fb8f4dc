"""What networks with firing rates and a linear read-out share."""

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


class AbstractRateNetwork(AbstractNetwork):
    """A network whose states have firing rates, of which the outputs are a linear function.

    A subclass holds the read-out matrix as ``W_out``, and gives ``arguments``.

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

    def _derived_settings(self) -> dict[str, Any]:
        """Those of the settings that are not attributes of the same name."""
        dtype: torch.dtype = next(self.parameters()).dtype
        return {"bias": self.bias_out is not None, "dtype": str(dtype).removeprefix("torch.")}
