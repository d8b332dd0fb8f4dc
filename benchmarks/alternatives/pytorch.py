"""PyTorch alone: the loop as everybody writes it, and the fused vanilla network for scale."""

__all__ = ["PlainLoop", "TorchRNN"]

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from alternatives.case import DT, N_INPUTS, N_OUTPUTS, SIGMA, TAU, Alternative, Case, given_noise


class PlainLoop(Alternative):
    """Linear layers, a Python loop over time, fresh noise in every step, and ``loss.backward()``."""

    equation: ClassVar = {"form": "current", "activation": "tanh"}

    def __init__(self, case: Case, parameters: Mapping[str, Tensor]) -> None:
        self.inputs, self.targets = case.inputs, case.targets
        self.alpha = DT / TAU
        like = {"dtype": case.dtype}
        self.recurrent = nn.Linear(case.units, case.units, **like)
        self.input = nn.Linear(N_INPUTS, case.units, bias=False, **like)
        self.readout = nn.Linear(case.units, N_OUTPUTS, **like)
        self.layers = nn.ModuleList([self.recurrent, self.input, self.readout])
        with torch.no_grad():
            self.recurrent.weight.copy_(parameters["W_rec"])
            self.recurrent.bias.copy_(parameters["bias"])
            self.input.weight.copy_(parameters["W_in"])
            self.readout.weight.copy_(parameters["W_out"])
            self.readout.bias.copy_(parameters["bias_out"])

    def _backward(self) -> Tensor:
        self.layers.zero_grad()
        kick = (2 * self.alpha) ** 0.5 * SIGMA
        x = self.inputs.new_zeros(self.inputs.shape[0], self.recurrent.in_features)
        rate, rates = torch.tanh(x), []
        for t in range(self.inputs.shape[1]):
            current = self.recurrent(rate) + self.input(self.inputs[:, t])
            x = (1 - self.alpha) * x + self.alpha * current + kick * torch.randn_like(x)
            rate = torch.tanh(x)
            rates.append(rate)
        loss = nn.functional.mse_loss(self.readout(torch.stack(rates, 1)), self.targets)
        loss.backward()
        return loss.detach()

    def run(self) -> None:
        """One step; noise from torch's own generator."""
        self._backward()

    def gradients(self, noise: Tensor) -> dict[str, Tensor]:
        """One step with this noise."""
        with given_noise(noise):
            loss = self._backward()
        return {
            "loss": loss,
            "W_rec": self.recurrent.weight.grad,
            "W_in": self.input.weight.grad,
            "W_out": self.readout.weight.grad,
            "bias": self.recurrent.bias.grad,
            "bias_out": self.readout.bias.grad,
        }


class TorchRNN(Alternative):
    """``torch.nn.RNN`` with a linear read-out, for scale: another model, without leak and without noise.

    It is the rate form with ``tau = dt``, where the leak is gone, and that is what it is checked against.
    """

    equation: ClassVar = {"form": "rate", "activation": "tanh", "tau": DT, "sigma_rec": 0.0}
    noisy = False

    def __init__(self, case: Case, parameters: Mapping[str, Tensor]) -> None:
        self.inputs, self.targets = case.inputs, case.targets
        self.cell = nn.RNN(N_INPUTS, case.units, batch_first=True, dtype=case.dtype)
        self.readout = nn.Linear(case.units, N_OUTPUTS, dtype=case.dtype)
        self.layers = nn.ModuleList([self.cell, self.readout])
        with torch.no_grad():
            self.cell.weight_hh_l0.copy_(parameters["W_rec"])
            self.cell.weight_ih_l0.copy_(parameters["W_in"])
            self.cell.bias_hh_l0.copy_(parameters["bias"])
            self.cell.bias_ih_l0.zero_()
            self.readout.weight.copy_(parameters["W_out"])
            self.readout.bias.copy_(parameters["bias_out"])

    def _backward(self) -> Tensor:
        self.layers.zero_grad()
        rates, _ = self.cell(self.inputs)
        loss = nn.functional.mse_loss(self.readout(rates), self.targets)
        loss.backward()
        return loss.detach()

    def run(self) -> None:
        """One step."""
        self._backward()

    def gradients(self, noise: Tensor) -> dict[str, Tensor]:
        """One step; there is no noise to take."""
        loss = self._backward()
        return {
            "loss": loss,
            "W_rec": self.cell.weight_hh_l0.grad,
            "W_in": self.cell.weight_ih_l0.grad,
            "W_out": self.readout.weight.grad,
            "bias": self.cell.bias_hh_l0.grad,
            "bias_out": self.readout.bias.grad,
        }
