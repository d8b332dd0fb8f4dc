"""What a run of a leaky network leaves behind for a backward recursion."""

__all__ = ["Recording", "errors_of", "placed_noise", "potentials", "record", "recorded"]

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neurornn import kernels
from neurornn._threads import single_threaded
from neurornn.networks import CTRNN, Trajectory
from neurornn.objective import Objective
from neurornn.rules._checks import fitting
from neurornn.trials import Trials


class Recording(NamedTuple):
    """What one run left behind for a backward recursion; nothing in it is differentiable.

    States are counted from the one before the first step, so step ``k`` leads from state ``k`` to state ``k + 1``.

    Attributes:
        inputs: Inputs, ``(batch, time, input)``.
        state: States, ``(batch, time + 1, unit)``.
        rate: Rates, ``(batch, time + 1, unit)``.
        slope: Slope of the activation, at the state in current form and at the potential that led to it in rate form,
            ``(batch, time + 1, unit)``.
        errors: Gradient of the objective with respect to the outputs, ``(batch, time, output)``.
        direct: Gradient with respect to the rates that is not by way of the outputs, ``(batch, time, unit)``.
        inside: Noise inside the activation, ``(batch, time, unit)``, or None.
        outside: Noise on the state, or None.
        circuit: The network.
        loss: Value of the objective, penalties on weights aside.
    """

    inputs: Tensor
    state: Tensor
    rate: Tensor
    slope: Tensor
    errors: Tensor
    direct: Tensor
    inside: Tensor | None
    outside: Tensor | None
    circuit: kernels.Circuit
    loss: Tensor

    def signal(self, feedback: Tensor | None) -> Float[Tensor, "batch time+1 unit"]:
        """Learning signal of each unit at each state, 0 before the first step.

        Args:
            feedback: Matrix ``(output, unit)``; None is the read-out.

        Returns:
            The signal.
        """
        B = self.circuit.W_out if feedback is None else feedback
        return torch.nn.functional.pad(self.errors @ B + self.direct, (0, 0, 1, 0))

    def during(self, first: int, stop: int) -> "Recording":
        """The part from one state to another.

        Args:
            first: Number of the first state.
            stop: Number of the state after the last.

        Returns:
            A recording of its steps.
        """
        return self._replace(
            **{name: getattr(self, name)[:, first:stop] for name in ("state", "rate", "slope")},
            **{name: getattr(self, name)[:, first : stop - 1] for name in ("inputs", "errors", "direct")},
        )


def record(
    network: CTRNN, trials: Trials, objective: Objective, generator: torch.Generator | None
) -> Recording:
    """Run a batch and keep what a backward recursion needs.

    Args:
        network: The network.
        trials: The batch.
        objective: What is descended.
        generator: Source of the recurrent noise.

    Returns:
        The recording.
    """
    trials = fitting(network, trials)
    xi = network.draw_noise(trials.n_trials, trials.n_steps, generator)
    with single_threaded(), torch.no_grad():
        run = network(trials.inputs, noise=xi)
        state = torch.cat([network.initial_state(trials.n_trials).unsqueeze(1), run.state], 1)
        loss, errors, direct = errors_of(objective, trials, run)
        return recorded(network, trials.inputs, state, network.rate(state), xi, errors, direct, loss)


def recorded(
    network: CTRNN,
    inputs: Float[Tensor, "batch time input"],
    state: Float[Tensor, "batch time+1 unit"],
    rate: Float[Tensor, "batch time+1 unit"],
    xi: Float[Tensor, "batch time unit"] | None,
    errors: Float[Tensor, "batch time output"],
    direct: Float[Tensor, "batch time unit"],
    loss: Float[Tensor, ""],
) -> Recording:
    """The recording of a run that is known.

    Args:
        network: The network.
        inputs: Its inputs.
        state: Its states, from the one before the first step on.
        rate: Their rates.
        xi: Standard normal numbers of the noise, or None.
        errors: Gradient of the objective with respect to the outputs.
        direct: Gradient with respect to the rates that is not by way of the outputs.
        loss: Value of the objective.

    Returns:
        The recording.
    """
    with torch.no_grad():
        circuit = network.circuit()
        inside, outside = placed_noise(network, circuit, xi)
        if circuit.form == "current":
            slope = circuit.activation.derivative(state)
        else:
            potential = potentials(circuit, rate[:, :-1], inputs)
            if inside is not None:
                potential += inside
            slope = torch.nn.functional.pad(circuit.activation.derivative(potential), (0, 0, 1, 0))
    return Recording(inputs, state, rate, slope, errors, direct, inside, outside, circuit, loss)


def placed_noise(
    network: CTRNN, circuit: kernels.Circuit, xi: Float[Tensor, "batch time unit"] | None
) -> tuple[Float[Tensor, "batch time unit"] | None, Float[Tensor, "batch time unit"] | None]:
    """Noise where it acts: inside the activation or on the state.

    Args:
        network: The network, which says how strong the noise is and where it enters.
        circuit: Its circuit.
        xi: Standard normal numbers, or None.

    Returns:
        Noise inside the activation and noise on the state, at most one of them.
    """
    if xi is None:
        return None, None
    inside, outside = kernels.Noise(network.sigma_rec, network.noise).scales(circuit.alpha, circuit.form)
    if circuit.form == "rate" and network.noise == "input":
        return inside * xi, None
    return None, outside * xi


def potentials(
    circuit: kernels.Circuit,
    before: Float[Tensor, "batch time unit"],
    inputs: Float[Tensor, "batch time input"],
) -> Float[Tensor, "batch time unit"]:
    """What reaches the units in each step, noise aside.

    Args:
        circuit: The network.
        before: Rates before the steps.
        inputs: Inputs.

    Returns:
        The potential of each unit, a tensor of its own.
    """
    found = torch.nn.functional.linear(before, circuit.W_rec, circuit.bias)
    found += inputs @ circuit.W_in.t()
    return found


def errors_of(
    objective: Objective, trials: Trials, run: Trajectory, start: int = 0
) -> tuple[Float[Tensor, ""], Float[Tensor, "batch time output"], Float[Tensor, "batch time unit"]]:
    """What the objective says about some steps.

    Args:
        objective: The objective.
        trials: The trials.
        run: What the network did in these steps.
        start: Number of the first of them.

    Returns:
        Its value, its gradient with respect to the outputs, and that with respect to the rates that is not by way of the outputs.
    """
    with torch.enable_grad():
        output, rate = (each.detach().requires_grad_() for each in (run.output, run.rate))
        loss = objective.of_steps(trials, run._replace(output=output, rate=rate), start=start)
        errors, direct = torch.autograd.grad(loss, [output, rate], allow_unused=True)
    return (
        loss.detach(),
        torch.zeros_like(output) if errors is None else errors,
        rate.new_zeros(()).expand_as(rate) if direct is None else direct,
    )
