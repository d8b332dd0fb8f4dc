"""Credit through the replayed past of a leaky network."""

__all__ = ["fill_leaky"]

import torch

from neurornn import kernels
from neurornn.networks import CTRNN
from neurornn.rules._recursion import Recording, _fill, propagate
from neurornn.rules.replay._credit import AbstractCredit
from neurornn.rules.replay._past import Past


def fill_leaky(network: CTRNN, past: Past, credit: AbstractCredit) -> None:
    """Add the gradient to the parameters.

    Args:
        network: The network.
        past: Its past.
        credit: Through which weights credit travels.
    """
    with torch.no_grad():
        circuit = network.circuit()
        inside = outside = None
        if past.noise is not None:
            scales = kernels.Noise(network.sigma_rec, network.noise).scales(circuit.alpha, circuit.form)
            inside, outside = (scale * past.noise for scale in scales)
        if circuit.form == "current":
            slope = circuit.activation.derivative(past.state)
        else:
            potential = torch.nn.functional.linear(past.rate[:, :-1], circuit.W_rec, circuit.bias)
            potential += past.inputs @ circuit.W_in.t()
            if inside is not None:
                potential += inside
            slope = torch.nn.functional.pad(circuit.activation.derivative(potential), (0, 0, 1, 0))
        recording = Recording(
            past.inputs,
            past.state,
            past.rate,
            slope,
            past.errors,
            past.direct,
            inside,
            outside,
            circuit,
            past.state.new_zeros(()),
        )
        signal = recording.signal(credit.stand_in("readout", circuit.W_out))
        adjoint = propagate(recording, signal, credit.stand_in("recurrent", circuit.W_rec))
    _fill(network, recording, adjoint)
