"""What a reduction refuses before it does anything."""

__all__ = ["check_network", "whole_rank"]

import operator

from neurornn.networks import CTRNN


def check_network(network: CTRNN) -> None:
    """Refuse what has no recurrent matrix to reduce.

    Args:
        network: A network.

    Raises:
        TypeError: If it is not a CTRNN.
    """
    if not isinstance(network, CTRNN):
        raise TypeError(f"Only a CTRNN has one recurrent matrix to reduce: got {type(network).__name__}.")


def whole_rank(rank: int, network: CTRNN) -> int:
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
