"""The excitatory-inhibitory model of the ``neuralrnn`` package (0.4.0)."""

__all__ = ["EIModel"]

from collections.abc import Mapping
from typing import ClassVar

import torch
from neuralrnn.models.ctrnn import EIRNNConfig, EIRNNModel
from torch import Tensor, nn

import neurornn
from alternatives.case import DT, N_INPUTS, N_OUTPUTS, SIGMA, TAU, Alternative, Case, given_noise
from neurornn.connectivity import AllToAll


class EIModel(Alternative):
    """Its defaults (relu, ``|W| @ diag(sign)``, excitatory read-out), the same time constants, and noise.

    With its default place of the nonlinearity this is the rate form, and with ``noise_scaling="sqrt_2_over_alpha"`` the
    noise is the same too. It has autapses and no output noise. Its two bias vectors are one here: the second
    is 0, and both have the same gradient.
    """

    equation: ClassVar = {
        "form": "rate",
        "activation": "relu",
        "dale": neurornn.Dale(),
        "connectivity": AllToAll(autapses=True),
    }

    def __init__(self, case: Case, parameters: Mapping[str, Tensor]) -> None:
        self.inputs, self.targets = case.inputs, case.targets
        config = EIRNNConfig(
            input_dim=N_INPUTS,
            latent_dim=case.units,
            output_dim=N_OUTPUTS,
            dt=DT,
            tau=TAU,
            sigma_rec=SIGMA,
            noise_scaling="sqrt_2_over_alpha",
        )
        self.model = EIRNNModel(config).to(case.dtype).train()
        with torch.no_grad():
            self.model.h2h.weight.copy_(parameters["W_rec"].abs())
            self.model.h2h.bias.copy_(parameters["bias"])
            self.model.input2h.weight.copy_(parameters["W_in"])
            self.model.input2h.bias.zero_()
            self.model.readout_layer.weight.copy_(parameters["W_out"][:, : self.model.e_size])
            self.model.readout_layer.bias.copy_(parameters["bias_out"])

    def _backward(self) -> Tensor:
        self.model.zero_grad()
        loss = nn.functional.mse_loss(self.model(self.inputs).outputs, self.targets)
        loss.backward()
        return loss.detach()

    def run(self) -> None:
        """One step; noise from torch's own generator."""
        self._backward()

    def gradients(self, noise: Tensor) -> dict[str, Tensor]:
        """One step with this noise."""
        with given_noise(noise):
            loss = self._backward()
        read_out = self.model.readout_layer.weight.grad
        return {
            "loss": loss,
            "W_rec": self.model.h2h.weight.grad,
            "W_in": self.model.input2h.weight.grad,
            "W_out": nn.functional.pad(read_out, (0, self.model.i_size)),  # inhibitory units are not read
            "bias": self.model.h2h.bias.grad,
            "bias_out": self.model.readout_layer.bias.grad,
        }
