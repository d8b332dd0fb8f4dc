"""Credit through the replayed past of a leaky network."""

__all__ = ["fill_leaky"]

import torch

from neurornn.networks import CTRNN
from neurornn.rules._recording import recorded
from neurornn.rules._recursion import fill, propagate
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
        nothing = past.state.new_zeros(())
        recording = recorded(
            network, past.inputs, past.state, past.rate, past.noise, past.errors, past.direct, nothing
        )
        W_out, W_rec = recording.circuit.W_out, recording.circuit.W_rec
        signal = recording.signal(credit.stand_in("readout", W_out))
        adjoint = propagate(recording, signal, credit.stand_in("recurrent", W_rec))
    fill(network, recording, adjoint)
