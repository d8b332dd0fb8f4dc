"""What a reduction refuses before it does anything."""

__all__ = ["check_network", "freedom", "whole_rank"]

import operator

from neurornn.analysis.low_rank._parts import Free, name_of_matrix
from neurornn.networks import CTRNN, AbstractNetwork


def check_network(network: AbstractNetwork) -> None:
    """Refuse what has no recurrent matrix to reduce.

    Args:
        network: A network.

    Raises:
        TypeError: If it is no network, or its recurrent matrix is not one of its parameters.
    """
    if isinstance(network, CTRNN):
        return
    if not isinstance(network, AbstractNetwork):
        raise TypeError(
            f"Only a network has one recurrent matrix to reduce: got {type(network).__name__}, which is no CTRNN and no other "
            "AbstractNetwork."
        )
    name_of_matrix(network)


def freedom(free: Free | None, network: AbstractNetwork) -> Free:
    """What is fitted beside the recurrent matrix.

    Args:
        free: What the user asked for, or None.
        network: The network.

    Returns:
        Inputs and biases of a CTRNN by default, nothing of another network.

    Raises:
        ValueError: If something is to be fitted that only a CTRNN is known to have.
    """
    if isinstance(network, CTRNN):
        return Free() if free is None else free
    if free is not None and (free.inputs or free.bias or free.readout):
        raise ValueError(
            f"Only the recurrent matrix of {type(network).__name__} can be fitted: got {free}. Leave free out."
        )
    return Free(inputs=False, bias=False, readout=False)


def whole_rank(rank: int, network: AbstractNetwork) -> int:
    """A rank as a plain int.

    Args:
        rank: The rank asked for.
        network: The network to reduce.

    Returns:
        The rank.

    Raises:
        ValueError: If it is not a whole number between 0 and the number of units.
    """
    try:
        whole = operator.index(rank)
    except TypeError:
        raise ValueError(f"rank must be a whole number: got {rank!r}.") from None
    if not 0 <= whole <= network.n_units:
        raise ValueError(f"rank must lie between 0 and n_units={network.n_units}: got {whole}.")
    return whole
