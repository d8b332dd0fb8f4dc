"""Arguments that both searches take."""

__all__ = ["held_input", "states_of"]

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from neurornn.analysis._system import plain
from neurornn.analysis.cycles._flow import Array
from neurornn.analysis.systems import HasDrift


def states_of(states: ArrayLike | Tensor, network: HasDrift) -> Array:
    """States to start from, one in each row.

    Args:
        states: States, ``(unit,)`` or ``(candidate, unit)``.
        network: The network.

    Returns:
        States ``(candidate, unit)``.

    Raises:
        ValueError: If they are of another network, or not finite.
    """
    rows, n_units = np.atleast_2d(plain(states)), getattr(network, "n_units", None)
    if rows.ndim != 2 or not rows.size or n_units not in {None, rows.shape[1]}:
        raise ValueError(
            f"states must hold {n_units or 'all'} units, (unit,) or (candidate, unit), at least one: got shape {rows.shape}."
        )
    if not np.isfinite(rows).all():
        raise ValueError("states must be finite: they hold NaN or infinity.")
    return rows


def held_input(input: ArrayLike | Tensor | None, network: HasDrift) -> Array:
    """The input held.

    Args:
        input: One number for each channel, or None for zero.
        network: The network.

    Returns:
        Input ``(input,)``.

    Raises:
        ValueError: If it does not fit the network, or is not finite.
    """
    n_inputs = getattr(network, "n_inputs", None)
    if input is None and n_inputs is None:
        raise ValueError("The network does not say how many inputs it has (n_inputs): pass input.")
    held = plain(np.zeros(n_inputs or 0) if input is None else input)
    if held.ndim != 1 or n_inputs not in {None, held.size} or not np.isfinite(held).all():
        raise ValueError(
            f"input must hold one finite number for each channel, shape ({n_inputs or 'input'},): got {held.tolist()}."
        )
    return held
