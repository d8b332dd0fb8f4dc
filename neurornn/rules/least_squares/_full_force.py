"""full-FORCE: a second network that is told the answer shows every unit what to do."""

__all__ = ["FullFORCE"]

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from typing_extensions import override

from neurornn._threads import single_threaded
from neurornn.networks import CTRNN, AbstractNetwork, Outputs
from neurornn.objective import Objective
from neurornn.random import derive_seed, normal_array, torch_generator, uniform_array
from neurornn.rules._base import AbstractFinishedRule
from neurornn.rules._checks import fitting, leaky_only
from neurornn.rules._hand_over import hand_over
from neurornn.rules.least_squares._checks import (
    check_number,
    check_objective,
    check_share,
    check_weights,
)
from neurornn.rules.least_squares._hints import AbstractHint
from neurornn.rules.least_squares._rls import fold, inverse_correlation
from neurornn.rules.least_squares._units import Drive, Units, times
from neurornn.trials import Trials


@dataclass(frozen=True)
class FullFORCE(AbstractFinishedRule):
    r"""Recursive least squares on every recurrent and read-out weight, with targets for every unit.

    A second network of as many units, with fixed random recurrent weights :math:`J_d \sim N(0, g^2/N)`, gets the inputs through the
    same :math:`W_{in}` and is driven by the targets :math:`f`, and by hints :math:`h` if there are any:

    .. math:: c_d = J_d\, r_d + U f + V h, \qquad U, V \sim \mathrm{uniform}(-s, s)

    The learner has to produce this current by itself, and the targets from its own rates :math:`r`. With one inverse correlation
    :math:`P` of these rates for both,

    .. math::
        W_{rec} \leftarrow W_{rec} - (W_{rec}\, r + b - c_d)\, (P r)^\top, \qquad W_{out} \leftarrow W_{out} - (W_{out}\, r + b_{out} - f)\, (P r)^\top

    after :math:`P` has been updated as in :class:`FORCE`. Because each unit has a target, the whole matrix is used: fewer units do,
    and noise disturbs them less. Biases that are trained are weights of a constant regressor. The teacher gets the targets of
    every step of a trial, so every step counts, whatever the mask says; the mask rules the loss that is returned. The
    weights move within the trial, inside the rule, and what is left in ``.grad`` is the whole change of the batch.

    Recurrent weights start where the network has them; the source starts at 0 (``init=Gaussian(spectral_radius=0.0)``).

    Attributes:
        alpha: Weight of a ridge penalty on the change of the weights.
        gain: :math:`g`.
        scale: :math:`s`.
        update_probability: Probability of an update in each step, in (0, 1].
        hint: What else the teacher is told; None for nothing.
        exponential: Step the teacher by exponential Euler, exact for constant input, and not by Euler as the learner.
        forgetting: What the past counts for at each update, in (0, 1].
        seed: Seed of the teacher.

    Raises:
        TypeError: If the hint is no hint.
        ValueError: If a number makes no sense.

    References:
        full-FORCE: A target-based method for training recurrent networks (DePasquale et al., 2018)
        https://doi.org/10.1371/journal.pone.0191527

    Examples:
        >>> from neurornn import CTRNN, tasks, train
        >>> task = tasks.make("sine-wave", oscillate=1000.0)
        >>> result = train(CTRNN(1, 50, 1, activation="tanh"), task, rule=FullFORCE(), n_steps=2, batch_size=2, n_validation=7)
        >>> result.stop_reason
        'steps done'
    """

    alpha: float = 1.0
    gain: float = 1.5
    scale: float = 1.0
    update_probability: float = 1.0
    hint: AbstractHint | None = None
    exponential: bool = False
    forgetting: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha)
        check_number("gain", self.gain, zero=True)
        check_number("scale", self.scale)
        check_share("update_probability", self.update_probability)
        check_share("forgetting", self.forgetting)
        derive_seed(self.seed)
        if self.hint is not None and not isinstance(self.hint, AbstractHint):
            raise TypeError(
                f"hint must be an object such as rules.Ramp('delay'), or None: got {self.hint!r}."
            )

    @override
    def initial_memory(self, network: AbstractNetwork) -> dict[str, Tensor]:
        network = leaky_only(self, network)
        return {
            "P": inverse_correlation(network.n_units + _constant(network), self.alpha, network.readout.raw)
        }

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
        _check_network(self, network)
        trials = fitting(network, trials)
        network.check_inputs(trials.inputs)
        key = network.run_key(generator)
        due = self._due(trials.n_steps, generator)
        with single_threaded():
            with torch.no_grad():
                output, final, change = self._run(network, trials, key, due)
                loss = objective.of_steps(trials, Outputs(output, final, None, None))
            n = network.n_units
            constant = change[:, n] if _constant(network) else None
            hand_over([
                (network.W_rec, change[:n, :n]),
                (network.W_out, change[n:, :n]),
                (network.bias, None if constant is None else constant[:n]),
                (network.bias_out, None if constant is None else constant[n:]),
            ])
        return loss

    def teacher(self, network: CTRNN, n_hints: int = 0) -> "Teacher":
        """The fixed weights of the target-generating network.

        Args:
            network: The learner.
            n_hints: Number of hint channels.

        Returns:
            Its weights, functions of the seed and of the sizes.
        """
        n, like = network.n_units, network.readout.raw

        def uniform(purpose: str, n_channels: int) -> Tensor:
            numbers = uniform_array(derive_seed(self.seed, "full-FORCE", purpose), n, n_channels)
            return torch.as_tensor(self.scale * (2 * numbers - 1)).to(like)

        J = normal_array(derive_seed(self.seed, "full-FORCE", "teacher"), n, n) * (self.gain / n**0.5)
        return Teacher(
            torch.as_tensor(J).to(like), uniform("targets", network.n_outputs), uniform("hints", n_hints)
        )

    def _due(self, n_steps: int, generator: torch.Generator | None) -> list[bool]:
        if self.update_probability == 1:
            return [True] * n_steps
        if generator is None:
            raise ValueError(
                f"FullFORCE with update_probability={self.update_probability:g} draws the steps of its updates, and that needs "
                "an explicit source. Pass generator=torch.Generator().manual_seed(...)."
            )
        key = int(torch.randint(2**63 - 1, (), generator=generator, device=generator.device))
        drawn = torch.rand(n_steps, generator=torch_generator(key, "updates")) < self.update_probability
        found: list[bool] = drawn.tolist()
        return found

    def _run(
        self, network: CTRNN, trials: Trials, key: int | None, due: list[bool]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs before each update, the last state, and what the weights have to lose."""
        P, circuit, n = self.memory(network)["P"], network.circuit(), network.n_units
        told = (
            trials.targets if self.hint is None else torch.cat([trials.targets, self.hint.signal(trials)], 2)
        )
        teacher = self.teacher(network, told.shape[2] - network.n_outputs)
        drives = told.transpose(0, 1) @ torch.cat([teacher.targets, teacher.hints], 1).t()
        start = network.initial_state(trials.n_trials)
        learner = Units(circuit, start, network.rate(start), circuit.alpha)
        pace = 1 - torch.exp(-circuit.alpha) if self.exponential else circuit.alpha
        driven = Units(circuit, start, network.rate(start), pace)
        before = torch.cat([circuit.W_rec, circuit.W_out])
        offsets, constant = circuit.bias, _constant(network)
        if offsets is not None and circuit.bias_out is not None:
            offsets = torch.cat([offsets, circuit.bias_out])
            if constant:
                before = torch.cat([before, offsets[:, None]], 1)
                offsets = None
        W = before.to(P).clone()
        ones = P.new_ones(trials.n_trials, 1)
        valid = trials.valid.t().to(P)
        whole = valid.bool().all(1).tolist()

        def own(rate: Tensor) -> tuple[Tensor, Tensor]:
            row = torch.cat([rate.to(P), ones], 1) if constant else rate.to(P)
            both = times(row, W)
            return row, both if offsets is None else both + offsets.to(P)

        c_d = times(driven.rate, teacher.J)
        _, both = own(learner.rate)
        outputs = []
        for t, (calm, noisy, kick) in enumerate(Drive(network, circuit, trials, key)):
            learner.advance(noisy + both[:, :n].to(noisy), kick)
            c_d = times(driven.advance(calm + c_d), teacher.J).add_(drives[t])
            row, both = own(learner.rate)
            outputs.append(both[:, n:].to(noisy))
            if due[t]:
                wanted = torch.cat([c_d, trials.targets[:, t]], 1).to(P)
                inside = row if whole[t] else row * valid[t][:, None]
                gain = fold(P, inside, self.forgetting)
                errors = both - wanted if whole[t] else (both - wanted) * valid[t][:, None]
                W.addmm_(errors.t(), gain, alpha=-1)
                both = both - (row @ gain.t()) @ errors
        return torch.stack(outputs, 1), learner.state, before.to(P) - W


class Teacher(NamedTuple):
    """Weights of a target-generating network.

    Attributes:
        J: Recurrent matrix ``(unit, unit)``.
        targets: Weights of the targets ``(unit, output)``.
        hints: Weights of the hints ``(unit, hint)``.
    """

    J: Tensor
    targets: Tensor
    hints: Tensor


def _constant(network: CTRNN) -> bool:
    """Whether units and outputs have biases that are trained."""
    return network.bias is not None and network.bias.requires_grad


def _check_network(rule: FullFORCE, network: CTRNN) -> None:
    check_weights(rule, network.recurrent, "the recurrent matrix", whole=True)
    check_weights(rule, network.readout, "the read-out", whole=True)
    if network.W_fb is not None:
        raise ValueError(
            "FullFORCE trains every recurrent weight, what comes back from the outputs included: build the network without "
            "output_feedback, or use rules.FORCE()."
        )
    biases = (network.bias, network.bias_out)
    if len({each.requires_grad for each in biases if each is not None}) > 1:
        raise ValueError(
            "FullFORCE trains the biases of units and outputs together, and one of them is frozen. Freeze both or none."
        )
