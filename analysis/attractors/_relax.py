"""States followed until their fast modes are gone."""

__all__ = ["as_starts", "relax"]

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn.analysis._system import System
from neurornn.analysis.fixed_points import candidates_from

_TIME = 20.0  # time constants of the network
_STEP = 0.2  # of a time constant
_FAR = 1e6  # times the size of the candidates: such a state has run away
_MOST = 64  # candidates drawn from trials


def as_starts(
    given: ArrayLike | Tensor | xr.Dataset | xr.DataArray, n_units: int, seed: int
) -> NDArray[np.float64]:
    """States to relax, as a plain array.

    Args:
        given: States ``(candidate, unit)``, or trials to draw 64 from.
        n_units: Number of units of the network.
        seed: Seed of the draw.

    Returns:
        Finite states ``(candidate, unit)``.

    Raises:
        ValueError: If the shape is wrong or one is not finite.
    """
    if isinstance(given, xr.Dataset) or (isinstance(given, xr.DataArray) and "trial" in given.dims):
        given = candidates_from(given, _MOST, jitter=0.0, seed=seed)
    if isinstance(given, xr.DataArray):
        given = given.transpose(..., "unit").values
    states = np.array(given.detach().cpu() if isinstance(given, Tensor) else given, dtype=np.float64)
    if states.ndim != 2 or not len(states) or states.shape[1] != n_units or not np.isfinite(states).all():
        raise ValueError(
            f"candidates must be finite states (candidate, unit) with {n_units} units: got shape {states.shape}"
            f"{'' if np.isfinite(states).all() else ', some not finite'}."
        )
    return states


def relax(system: System, input: Tensor, states: Tensor, rate: float) -> Tensor:
    """Follow the flow for 20 time constants of the network, by steps of fourth order.

    What is slower than that by the factor that slowness asks for is left; Newton's method removes the rest later.

    Args:
        system: The system.
        input: Input held.
        states: States, ``(batch, unit)``.
        rate: Rate of the network in 1/ms.

    Returns:
        Where they are then; those that run away are left out.
    """
    if not len(states):
        return states
    J = system.jacobian(states[:: max(1, len(states) // 8)], input)
    fastest = float(torch.linalg.eigvals(J[J.isfinite().flatten(1).all(1)]).abs().amax())
    h = 1 / max(rate / _STEP, fastest)
    x = states
    for _ in range(int(np.ceil(_TIME / rate / h))):
        one = system.drift(x, input)
        two = system.drift(x + 0.5 * h * one, input)
        three = system.drift(x + 0.5 * h * two, input)
        four = system.drift(x + h * three, input)
        x = x + h / 6 * (one + 2 * two + 2 * three + four)
    return x[x.isfinite().all(1) & (x.norm(dim=1) < _FAR * (1 + states.norm(dim=1).max()))]
