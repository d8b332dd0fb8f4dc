"""The weights a leaky network begins with: which synapses exist, with which signs and strengths."""

__all__ = ["Synapses", "grown"]

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from neurornn.connectivity import AbstractConnectivity, AbstractInitialiser, Dale, SynapticWeights
from neurornn.connectivity._initialise import fan_in_normal
from neurornn.random import derive_seed


class Synapses(NamedTuple):
    """All weights of a leaky network.

    Attributes:
        recurrent: From unit to unit.
        input: From the inputs to the units.
        readout: From the units to the outputs.
    """

    recurrent: SynapticWeights
    input: SynapticWeights
    readout: SynapticWeights


def grown(
    n_inputs: int,
    n_outputs: int,
    cell_types: NDArray[np.str_],
    *,
    dale: Dale | None,
    connectivity: AbstractConnectivity,
    init: AbstractInitialiser,
    seed: int,
    place: dict[str, Any],
) -> Synapses:
    """Weights as the options of a network ask for them.

    Args:
        n_inputs: Number of input channels.
        n_outputs: Number of outputs.
        cell_types: ``"E"`` or ``"I"`` for each unit; empty strings without Dale's law.
        dale: Dale's law, or None for free signs.
        connectivity: Which recurrent synapses exist.
        init: Initial recurrent weights.
        seed: Seed of the wiring and of all weights.
        place: Type and device.

    Returns:
        The weights.

    Raises:
        ValueError: If the output is read from excitatory units and there are none.
    """
    n_units = cell_types.size
    wiring = connectivity.wiring(cell_types, seed)
    sign = None if dale is None else np.where(cell_types == "E", 1.0, -1.0)
    excitatory = torch.as_tensor(cell_types == "E")
    if dale is not None and dale.excitatory_readout and not bool(excitatory.any()):
        raise ValueError(
            f"The output is read from excitatory units and there are none among n_units={n_units} with "
            f"fraction_excitatory={dale.fraction_excitatory:g}. Raise either, or set excitatory_readout=False."
        )
    place = {**place, "rectifier": "abs" if dale is None else dale.rectifier}
    synapses = Synapses(
        SynapticWeights(
            n_units,
            n_units,
            sign=None if sign is None else torch.as_tensor(sign),
            mask=torch.as_tensor(wiring.mask),
            fixed=None if wiring.fixed is None else torch.as_tensor(wiring.fixed),
            **place,
        ),
        SynapticWeights(
            n_units,
            n_inputs,
            sign=torch.ones(n_inputs) if dale is not None and dale.nonnegative_inputs else None,
            **place,
        ),
        SynapticWeights(
            n_outputs,
            n_units,
            sign=torch.ones(n_units) if dale is not None and dale.nonnegative_readout else None,
            mask=excitatory.expand(n_outputs, n_units)
            if dale is not None and dale.excitatory_readout
            else None,
            **place,
        ),
    )
    synapses.recurrent.assign_(torch.as_tensor(init.matrix(wiring, sign, seed)))
    for name in ("input", "readout"):
        weights: SynapticWeights = getattr(synapses, name)
        weights.assign_(fan_in_normal(weights, derive_seed(seed, f"{name} weights")))
    return synapses
