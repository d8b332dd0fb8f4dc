"""The two ends of the scale: neurornn, and the matrix products that no implementation can do without."""

__all__ = ["Floor", "Library"]

from collections.abc import Mapping

import torch
from torch import Tensor

import neurornn
from alternatives.case import DT, N_INPUTS, N_OUTPUTS, SIGMA, TAU, Alternative, Case


class Floor:
    """The products of one step: each time step forward and back, and each weight gradient once."""

    def __init__(self, case: Case) -> None:
        batch, units, self.steps, like = case.batch, case.units, case.steps, {"dtype": case.dtype}
        generator = torch.Generator().manual_seed(0)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, **like)

        self.W, self.r, self.out = (
            normal(units, units),
            normal(batch, units),
            torch.empty(batch, units, **like),
        )
        self.everything, self.inputs = normal(batch * self.steps, units), normal(batch * self.steps, N_INPUTS)
        self.W_in, self.W_out = normal(units, N_INPUTS), normal(N_OUTPUTS, units)

    def run(self) -> None:
        """The products, on torch's threads."""
        everything, inputs = self.everything, self.inputs
        for _ in range(2 * self.steps):
            torch.mm(self.r, self.W, out=self.out)
        errors = everything @ self.W_out.t()
        _ = inputs @ self.W_in.t(), errors @ self.W_out, errors.t() @ everything
        _ = everything.t() @ everything, everything.t() @ inputs


class Library(Alternative):
    """neurornn through its public interface, with recurrent noise.

    Args:
        case: Size, type and data.
        parameters: Weights and biases.
        options: Options of the network beyond the size; by default current form and tanh.
    """

    def __init__(self, case: Case, parameters: Mapping[str, Tensor], **options) -> None:
        options = {"activation": "tanh", "tau": TAU, "sigma_rec": SIGMA, **options}
        self.network = neurornn.CTRNN(N_INPUTS, case.units, N_OUTPUTS, dt=DT, dtype=case.dtype, **options)
        self.network.W_rec, self.network.W_in = parameters["W_rec"], parameters["W_in"]
        self.network.W_out = parameters["W_out"]
        with torch.no_grad():
            self.network.bias.copy_(parameters["bias"])
            self.network.bias_out.copy_(parameters["bias_out"])
        self.trials = neurornn.Trials(
            inputs=case.inputs,
            targets=case.targets,
            mask=torch.ones(case.batch, case.steps, dtype=case.dtype),
            conditions={},
            epochs={},
            info=neurornn.TrialInfo("benchmark", DT, 0, ("u",) * N_INPUTS, ("y",) * N_OUTPUTS),
        )
        self.rule, self.generator = neurornn.rules.BPTT(), torch.Generator().manual_seed(0)

    def run(self) -> None:
        """One call of the learning rule."""
        self.network.zero_grad()
        self.rule.backward(self.network, self.trials, generator=self.generator)

    def noiseless_gradients(self) -> dict[str, Tensor]:
        """Loss and gradients of the call that is timed, on the network without its noise."""
        network = self.network.noiseless()
        network.zero_grad()
        return _collected(network, self.rule.backward(network, self.trials))

    def gradients(self, noise: Tensor) -> dict[str, Tensor]:
        """Loss and gradients under this noise."""
        self.network.zero_grad()
        trajectory = self.network(self.trials.inputs, noise=noise)
        loss = neurornn.Objective()(self.network, self.trials, trajectory)
        loss.backward()
        return _collected(self.network, loss.detach())


def _collected(network: neurornn.CTRNN, loss: Tensor) -> dict[str, Tensor]:
    """Under Dale's law the gradient of a weight is that of its magnitude, which is what both sides train."""
    return {
        "loss": loss,
        "W_rec": network.recurrent.raw.grad,
        "W_in": network.input.raw.grad,
        "W_out": network.readout.raw.grad,
        "bias": network.bias.grad,
        "bias_out": network.bias_out.grad,
    }
