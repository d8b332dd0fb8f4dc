"""The slope of the output with respect to the state, of networks and of whatever a user reads out."""

__all__ = ["Readout", "output_and_slope", "rate_slope"]

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from neurornn.analysis._system import plain

Readout = ArrayLike | Tensor | Callable[[Tensor], Tensor]
"""A matrix ``(output, unit)`` applied to the state, or a function from states to outputs."""


def output_and_slope(
    network: Any,  # noqa: ANN401
    readout: Readout | None,
    state: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Outputs at some states and their derivatives with respect to the state.

    Args:
        network: The network; its ``read_out`` of its ``rate`` is used if no read-out is given and it has both.
        readout: A read-out of the state, or None.
        state: States, ``(state, unit)``.

    Returns:
        Outputs ``(state, output)`` and slopes ``(state, output, unit)``; None if nothing is read out.

    Raises:
        ValueError: If the read-out does not fit the states.
    """
    n_units = state.shape[1]
    if readout is None:
        if not (callable(getattr(network, "read_out", None)) and callable(getattr(network, "rate", None))):
            return None
        twin = _twin(network)
        return _values(lambda x: twin.read_out(twin.rate(x)), state)
    if isinstance(readout, nn.Module):
        return _values(_twin(readout), state)
    if callable(readout) and not isinstance(readout, Tensor):
        return _values(readout, state)
    matrix = np.atleast_2d(plain(readout))
    if matrix.ndim != 2 or matrix.shape[1] != n_units or not np.isfinite(matrix).all():
        raise ValueError(
            f"readout must be a finite matrix (output, unit) with {n_units} columns, or a function of the state: got "
            f"shape {matrix.shape}. For a read-out of rates pass a function: lambda state: rate(state) @ W_out.T."
        )
    return state @ matrix.T, np.broadcast_to(matrix, (len(state), *matrix.shape)).copy()


def rate_slope(network: Any, state: NDArray[np.float64]) -> NDArray[np.float64] | None:  # noqa: ANN401
    """Derivative of the firing rates with respect to the state.

    Args:
        network: The network.
        state: States, ``(state, unit)``.

    Returns:
        Matrices ``(state, unit, unit)``; None if the network does not say what its rates are.
    """
    if not callable(getattr(network, "rate", None)):
        return None
    slope = _values(_twin(network).rate, state)[1]
    return slope if slope.shape[1] == slope.shape[2] else None


def _twin(network: Any) -> Any:  # noqa: ANN401
    twin = copy.deepcopy(network)
    return twin.cpu().double().eval().requires_grad_(False) if isinstance(twin, nn.Module) else twin


def _values(
    function: Callable[[Tensor], Tensor], state: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x = torch.as_tensor(state)
    value = function(x)
    if not isinstance(value, Tensor) or value.ndim != 2 or len(value) != len(x):
        found = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(
            f"The read-out must take states {tuple(x.shape)} to outputs ({len(x)}, output): got {found}."
        )
    if not len(x):
        return plain(value), np.zeros((0, value.shape[1], x.shape[1]))
    slope = torch.func.vmap(torch.func.jacrev(lambda each: function(each[None])[0]))(x)
    return plain(value), plain(slope)
