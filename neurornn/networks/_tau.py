"""Membrane time constants: fixed, per unit, or learned within bounds."""

__all__ = ["LearnedTau", "TimeConstant"]

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


@dataclass(frozen=True)
class LearnedTau:
    r"""One learned time constant for each unit.

    .. math:: \tau_i = \tau_{\min} + (\tau_{\max} - \tau_{\min})\, \sigma(\theta_i)

    Attributes:
        initial: Time constant all units start with, in ms, strictly inside the bounds.
        bounds: :math:`(\tau_{\min}, \tau_{\max})` in ms.

    Raises:
        ValueError: If the bounds are not ordered around the initial value.
    """

    initial: float = 100.0
    bounds: tuple[float, float] = (20.0, 500.0)

    def __post_init__(self) -> None:
        low, high = self.bounds
        if not 0 < low < self.initial < high < math.inf:
            raise ValueError(
                f"LearnedTau needs 0 < lower < initial < upper, all finite: got bounds={self.bounds} ms and initial={self.initial} ms."
            )


class TimeConstant(nn.Module):
    """Holds the time constants of a network; calling it gives ``tau`` in ms, one number or ``(unit,)``.

    Args:
        tau: A number, one for each unit, or :class:`LearnedTau`.
        n_units: Number of units.
        dt: Time step in ms; no unit may be faster.
        dtype: Floating-point type.
        device: Device.

    Raises:
        ValueError: If ``dt`` does not lie in (0, tau] for every unit, or the count is wrong.
    """

    value: Tensor

    def __init__(
        self,
        tau: float | Sequence[float] | NDArray[np.float64] | Tensor | LearnedTau,
        n_units: int,
        dt: float,
        dtype: torch.dtype,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        self.bounds: tuple[float, float] | None = None
        if isinstance(tau, LearnedTau):
            low, high = self.bounds = tau.bounds
            self.initial = tau.initial
            start = torch.tensor((tau.initial - low) / (high - low), dtype=torch.float64).logit()
            self.raw = nn.Parameter(torch.full((n_units,), start.item(), dtype=dtype, device=device))
        else:
            try:
                value = torch.as_tensor(tau, dtype=dtype, device=device)
            except (TypeError, ValueError, RuntimeError):
                raise TypeError(
                    f"tau must be a number in ms, one for each unit, or a LearnedTau object: got {tau!r}."
                ) from None
            if value.shape not in ((), (n_units,)):
                raise ValueError(
                    f"tau must be one number or n_units={n_units} of them: got shape {tuple(value.shape)}."
                )
            self.register_buffer("value", value.detach().clone())
        self.check_dt(dt)

    def forward(self) -> Tensor:
        """Time constants in ms."""
        if self.bounds is None:
            return self.value
        low, high = self.bounds
        return low + (high - low) * torch.sigmoid(self.raw)

    def check_dt(self, dt: float) -> None:
        """Refuse a time step that no stable Euler scheme allows.

        Args:
            dt: Time step in ms.

        Raises:
            ValueError: If ``dt`` is not in (0, tau] for every unit, or a unit never moves.
        """
        fastest, slowest = self.bounds or (float(self.value.min()), float(self.value.max()))
        if not slowest < math.inf:
            raise ValueError(f"tau must be finite: got {slowest:g} ms.")
        if not 0 < dt <= fastest * (1 + 1e-6):
            raise ValueError(
                f"dt must lie in (0, tau]: got dt={dt:g} ms and tau={fastest:g} ms. Reduce dt or use slower units."
            )

    def check_state(self, state: Mapping[str, Any], prefix: str) -> None:
        """Refuse a saved state with other fixed time constants than the declared ones; nothing is changed.

        Args:
            state: A state dictionary.
            prefix: Prefix of this module's keys.

        Raises:
            ValueError: If they differ.
        """
        stored = state.get(prefix + "value")
        if stored is not None and not torch.allclose(stored.to(self.value), self.value, rtol=1e-6):
            raise ValueError(
                f"The saved time constants ({_range(stored)}) are not those this network declares ({self.describe()}). "
                "Build the network with the tau the weights were saved with."
            )

    def describe(self) -> str:
        """One short phrase for the network's ``repr``."""
        with torch.no_grad():
            tau = self()
        return _range(tau) + ("" if self.bounds is None else f", learned in {list(self.bounds)} ms")


def _range(tau: Tensor) -> str:
    low, high = tau.min().item(), tau.max().item()
    return f"{low:g} ms" if low == high else f"{low:g} to {high:g} ms"
