"""FORCE: the read-out learns within the trial, and what it says returns to the units."""

__all__ = ["FORCE"]

from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from neurornn._threads import single_threaded
from neurornn.networks import CTRNN, AbstractNetwork, Outputs
from neurornn.objective import Objective
from neurornn.rules._base import AbstractFinishedRule
from neurornn.rules._checks import check_steps, fitting, leaky_only
from neurornn.rules._hand_over import hand_over
from neurornn.rules.least_squares._checks import (
    check_number,
    check_objective,
    check_share,
    check_weights,
)
from neurornn.rules.least_squares._rls import fold, inverse_correlation
from neurornn.rules.least_squares._units import Drive, Units, times
from neurornn.trials import Trials


@dataclass(frozen=True)
class FORCE(AbstractFinishedRule):
    r"""First-order reduced and controlled error: recursive least squares on the read-out while the network runs.

    Every ``update_every`` steps, with the error :math:`e^-` before the update and :math:`P` the inverse correlation of all
    rates so far,

    .. math::
        P \leftarrow \frac{1}{\lambda} \left( P - \frac{P r r^\top P}{\lambda + r^\top P r} \right), \qquad
        W_{out} \leftarrow W_{out} - e^-\, (P r)^\top, \qquad P(0) = I / \alpha.

    Errors are small from the first updates on. In a network whose outputs return to the units
    (``CTRNN(output_feedback=1.0)``) the read-out thereby becomes a part of the recurrence, :math:`W_{rec} = W_{syn} + W_{fb} W_{out}`, and
    learning stabilises trajectories that it produces itself: a chaotic network comes to oscillate. Without feedback it is online
    regression, with :math:`\lambda = 1` equal to ridge regression with penalty :math:`\alpha`.

    The trials of a batch run side by side and share the weights; their rows are folded together, in any order. Steps count by
    the mask. An output bias that is trained is the weight of a constant regressor. The weights move within the trial, inside the
    rule; what is left in ``.grad`` is the whole change of the batch, so the optimiser is gradient descent with rate 1, and the
    loss that is returned is that of the outputs before each update. :math:`P` is kept from batch to batch in the memory of the rule.

    Time is :math:`T(BN^2 + N^2)`, memory :math:`N^2`. :math:`P` is no local quantity: each synapse needs the activity of all units.

    Attributes:
        alpha: :math:`\alpha`. Small values learn fast, and let go of a good start.
        update_every: Steps from one update to the next.
        forgetting: :math:`\lambda`, what the past counts for at each update, in (0, 1]. Below 1, :math:`P` grows in directions
            that the rates no longer visit.

    Raises:
        ValueError: If a number makes no sense.

    References:
        Generating coherent patterns of activity from chaotic neural networks (Sussillo & Abbott, 2009)
        https://doi.org/10.1016/j.neuron.2009.07.018

    Examples:
        >>> from neurornn import CTRNN, tasks, train
        >>> task = tasks.make("sine-wave", oscillate=1000.0)
        >>> network = CTRNN(1, 50, 1, activation="tanh", output_feedback=1.0)
        >>> result = train(network, task, rule=FORCE(), n_steps=2, batch_size=2, n_validation=7)
        >>> result.stop_reason
        'steps done'
    """

    alpha: float = 1.0
    update_every: int = 1
    forgetting: float = 1.0

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha)
        check_share("forgetting", self.forgetting)
        check_steps("update_every", self.update_every)

    @override
    def initial_memory(self, network: AbstractNetwork) -> dict[str, Tensor]:
        network = leaky_only(self, network)
        P = inverse_correlation(network.n_units + _constant(network), self.alpha, network.readout.raw)
        return {"P": P}

    @override
    def backward(
        self,
        network: AbstractNetwork,
        trials: Trials,
        *,
        objective: Objective = Objective(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        network = leaky_only(self, network)
        check_objective(self, objective, trials)
        check_weights(self, network.readout, "the read-out", whole=False)
        trials = fitting(network, trials)
        network.check_inputs(trials.inputs)
        key = network.run_key(generator)
        with single_threaded():
            with torch.no_grad():
                output, final, change = self._run(network, trials, key)
                loss = objective.of_steps(trials, Outputs(output, final, None, None))
            hand_over([
                (network.W_out, change[:, : network.n_units]),
                (network.bias_out, _bias_of(network, change)),
            ])
        return loss

    def _run(self, network: CTRNN, trials: Trials, key: int | None) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs before each update, the last state, and what the read-out has to lose."""
        P, circuit = self.memory(network)["P"], network.circuit()
        constant = _constant(network)
        n = network.n_units
        start = network.initial_state(trials.n_trials)
        units = Units(circuit, start, network.rate(start), circuit.alpha)
        # the columns of the read-out are those of P: the units, and the constant if its weight is trained
        before = (
            circuit.W_out
            if circuit.bias_out is None or not constant
            else _joined(circuit.W_out, circuit.bias_out)
        )
        W = before.to(P).clone()
        fixed = circuit.bias_out if not constant else None
        exists = None if network.readout.mask is None else network.readout.mask[0].to(P)
        ones = P.new_ones(trials.n_trials, 1)
        synapses, bias = network.recurrent(), circuit.bias
        outputs = []
        counts = trials.mask.t().sqrt().to(P)
        due = (trials.mask.sum(0) > 0).tolist()
        for t, (_, drive, kick) in enumerate(Drive(network, circuit, trials, key)):
            current = times(units.rate, synapses).add_(drive if bias is None else drive + bias)
            if network.W_fb is not None:
                current += times(units.rate, W[:, :n].to(units.rate)) @ network.W_fb.t()
            rate = units.advance(current, kick)
            row = torch.cat([rate.to(P), ones], 1) if constant else rate.to(P)
            if exists is not None:
                row = torch.cat([row[:, :n] * exists, row[:, n:]], 1)
            z = times(row, W)
            output = z.to(rate) if fixed is None else z.to(rate) + fixed
            outputs.append(output)
            if (t + 1) % self.update_every == 0 and due[t]:
                weight = counts[t][:, None]
                gain = fold(P, row * weight, self.forgetting)
                W.addmm_(((output - trials.targets[:, t]).to(P) * weight).t(), gain, alpha=-1)
        return torch.stack(outputs, 1), units.state, before.to(P) - W


def _constant(network: CTRNN) -> bool:
    """Whether the output has a bias that is trained."""
    return network.bias_out is not None and network.bias_out.requires_grad


def _joined(weights: Tensor, bias: Tensor) -> Tensor:
    return torch.cat([weights, bias[:, None]], 1)


def _bias_of(network: CTRNN, change: Tensor) -> Tensor | None:
    return change[:, -1] if _constant(network) else None
