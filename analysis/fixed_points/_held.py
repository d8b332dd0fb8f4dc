r"""The drift of a known network at one input, in either precision, without what does not change.

.. math::
    \text{current:}\quad F(x) = T^{-1}(-x + W \phi(x) + d), \qquad \text{rate:}\quad F(r) = T^{-1}(-r + \phi(W r + d))

with the held drive :math:`d = W_{in} u + b`.
"""

__all__ = ["Held", "held"]

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from neurornn.analysis._system import System
from neurornn.analysis.fixed_points._enclosure import equations_of


class Held(NamedTuple):
    """A drift that depends on the state alone.

    Attributes:
        drift: Velocities in 1/ms of states ``(batch, unit)``.
        coarse: The same, of states of single precision, where that is known to be safe; ``drift`` otherwise.
        type: What ``coarse`` takes.
        known: Whether the equations are known, so that threads may share the work.
    """

    drift: Callable[[Tensor], Tensor]
    coarse: Callable[[Tensor], Tensor]
    type: torch.dtype
    known: bool


def held(system: System, input: Tensor) -> Held:
    """Hold the input of a system.

    Args:
        system: The system.
        input: Input held, ``(input,)``.

    Returns:
        Its drift.
    """
    equations = equations_of(system, input)
    if equations is None:

        def drift(state: Tensor) -> Tensor:
            return system.drift(state, input)

        return Held(drift, drift, torch.float64, False)

    def of(type: torch.dtype) -> Callable[[Tensor], Tensor]:
        weight, drive, scale = (
            torch.as_tensor(each, dtype=type, device=system.device)
            for each in (equations.weight, equations.drive, equations.scale)
        )
        inward = weight.T
        if equations.form == "current":
            return lambda x: (torch.addmm(drive, equations.activation(x), inward) - x) / scale
        return lambda r: (equations.activation(torch.addmm(drive, r, inward)) - r) / scale

    return Held(of(torch.float64), of(torch.float32), torch.float32, True)
