"""Reward-modulated Hebbian learning: what a unit did differently than just before, times what it heard, times the surprise."""

__all__ = ["RewardHebbian"]

import math
from dataclasses import dataclass, field
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn import kernels
from neurornn._threads import single_threaded
from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.objective import Objective
from neurornn.random import derive_seed, uniform_array
from neurornn.reward import AbstractReward, NegativeLoss
from neurornn.rules._base import AbstractFinishedRule
from neurornn.rules._checks import check_decay, check_size, explicit
from neurornn.rules._hand_over import hand_over, penalise, product
from neurornn.rules.perturbation._baselines import RunningMean
from neurornn.rules.perturbation._explored import (
    AbstractRewardRule,
    Explored,
    rewarded,
)
from neurornn.trials import Trials


@dataclass(frozen=True)
class RewardHebbian(AbstractRewardRule, AbstractFinishedRule):
    r"""Reward-modulated Hebbian learning of the recurrent weights.

    .. math::
        e_{ab} &= \sum_t \left[ r_b(t-1)\,(x_a(t) - \bar x_a(t-1)) \right]^3, \qquad \bar x(t) = \kappa\, \bar x(t-1) + (1 - \kappa)\, x(t) \\
        \Delta W_{ab} &= \mathrm{clip}\!\left( \eta\, |\bar R|\, (R - \bar R)\, e_{ab},\; \pm \Delta_{max} \right)

    where :math:`x` is the state of a unit, :math:`\bar x` a running mean that forgets almost at once, :math:`r_b` a presynaptic rate, :math:`R` the
    reward of the trial and :math:`\bar R` the running mean for its type. Now and then a unit is pushed: with probability :math:`p\,dt` in
    a step its state jumps by a number between :math:`-A` and :math:`A`. A cube makes these few large deviations count
    for more than the many small ones, so the synapse need not be told which of them were pushes. It stands inside the sum; it is that of each
    factor, so the sum is one product of :math:`(x - \bar x)^3` and :math:`r^3`, and no trace is formed for a synapse.
    Steps are short, 1 ms in the publication: the longer they are, the more a state moves by itself within one, and the less a push stands out.

    The factor :math:`|\bar R|` is meant for rewards that are negative errors, as ``NegativeLoss(AbsoluteError())``: as errors vanish,
    so do the changes.

    The rule makes whole changes of the weights (``finished``): training subtracts them as they are. Only recurrent weights learn. In the
    publication inputs are fixed and the output is the rate of a unit: freeze a read-out that is one, or any other. In a batch, weights
    change by the sum over its trials, at most by :math:`B \Delta_{max}`; the publication has one trial at a time.

    Local: activity of the two cells, and one number that is broadcast at the end of the trial. It is no gradient: it climbs because
    deviations that were followed by more reward than usual are made more likely.

    Attributes:
        reward: What is rewarded.
        frequency: :math:`p`, pushes of a unit in a ms.
        amplitude: :math:`A`, size of the largest push, in units of the state; 16 in the input of the publication, where dt/tau is 1/30.
        learning_rate: :math:`\eta`.
        keep: :math:`\kappa`, what the running mean of the state keeps in a step.
        baseline: Running mean of the rewards; name the conditions that make the type of a trial.
        weighted: Whether the factor :math:`|\bar R|` is there.
        max_change: :math:`\Delta_{max}`, largest change of a weight by a trial; None for any.
        n_first: Number of trials at first that change nothing.
        power: The power inside the sum, an odd number.

    Raises:
        ValueError: If a number makes no sense.

    References:
        Biologically plausible learning in recurrent neural networks reproduces neural dynamics observed during cognitive tasks
        (Miconi, 2017) https://doi.org/10.7554/eLife.20899

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> task = tasks.make("perceptual-decision")
        >>> network, rule = CTRNN(task.n_inputs, 20, task.n_outputs), RewardHebbian(n_first=0)
        >>> pushes = torch.Generator().manual_seed(0)
        >>> for first in (0, 8):
        ...     loss = rule.backward(network, task.sample(8, seed=0, first=first), generator=pushes)
        >>> bool(network.recurrent.raw.grad.any()), network.input.raw.grad is None
        (True, True)
    """

    reward: AbstractReward = field(default_factory=NegativeLoss)
    frequency: float = 0.003
    amplitude: float = 16 / 30
    learning_rate: float = 0.1
    keep: float = 0.05
    baseline: RunningMean = field(default_factory=RunningMean)
    weighted: bool = True
    max_change: float | None = 3e-4
    n_first: int = 100
    power: int = 3

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("frequency", "amplitude", "learning_rate"):
            check_size(name, getattr(self, name))
        check_decay("keep", self.keep)
        if not isinstance(self.baseline, RunningMean):
            raise TypeError(f"The baseline of this rule is a RunningMean(...): got {self.baseline!r}.")
        if self.max_change is not None and not 0 < self.max_change < math.inf:
            raise ValueError(f"max_change must be above 0, or None: got {self.max_change}.")
        if self.n_first < 0 or self.power < 1 or self.power % 2 == 0:
            raise ValueError(
                f"n_first must be at least 0 and power an odd number, so that signs are kept: got {self.n_first} and {self.power}."
            )

    @override
    def initial_memory(self, network: AbstractNetwork) -> dict[str, Tensor]:
        seen = torch.zeros((), dtype=torch.int64, device=next(network.parameters()).device)
        return {**super().initial_memory(network), "seen": seen}

    @override
    def backward(
        self,
        network: AbstractNetwork,
        trials: Trials,
        *,
        objective: Objective = Objective(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        network, trials = self.prepared(network, trials, objective)
        with single_threaded():
            run = self._push(network, trials, generator)
            reward, memory = rewarded(self.reward, run, objective), self.memory(network)
            expected = self.baseline.expected(reward, None, trials, memory)
            learning = torch.arange(trials.n_trials, device=reward.device) + memory["seen"] >= self.n_first
            memory["seen"].add_(trials.n_trials)
            with torch.no_grad():
                factor = expected.abs() if self.weighted else torch.ones_like(expected)
                change = self.learning_rate * self.eligibility(run, learning * factor * (reward - expected))
                if self.max_change is not None:
                    most = self.max_change * trials.n_trials
                    change = change.clamp(-most, most)
            hand_over([(network.recurrent(), -change)])
            return penalise(network, objective) - reward.mean()

    def eligibility(self, run: Explored, weight: Float[Tensor, " batch"]) -> Float[Tensor, "unit unit"]:
        """Sum of the eligibilities of the trials of a batch, each with its weight.

        Args:
            run: What the network did.
            weight: One number for each trial.

        Returns:
            One number for each synapse, ``(post, pre)``.
        """
        deviations = run.state[:, 1:] - self._running_mean(run.state[:, :-1])
        post = deviations**self.power * (run.trials.valid * weight[:, None]).unsqueeze(-1)
        return product(post, run.rate[:, :-1] ** self.power)

    def _running_mean(self, state: Float[Tensor, "batch time unit"]) -> Float[Tensor, "batch time unit"]:
        """The mean after each step; twice as many of the terms at every round, until what is kept of the past is nothing."""
        mean = state * (1 - self.keep)
        mean[:, 0] = state[:, 0]
        shift, kept = 1, self.keep
        while shift < state.shape[1] and kept > 0:
            mean[:, shift:] = mean[:, shift:] + kept * mean[:, :-shift]
            shift, kept = 2 * shift, kept**2
        return mean

    def _push(self, network: CTRNN, trials: Trials, generator: torch.Generator | None) -> Explored:
        """Run a batch with pushes, and with the noise of the network."""
        generator = explicit(self, "its pushes", generator)
        chance = self.frequency * network.dt
        if chance > 1:
            raise ValueError(
                f"frequency={self.frequency:g} per ms is {chance:g} pushes in a step of {network.dt:g} ms: at most 1 is possible."
            )
        key, like = network.noise_key(generator), trials.inputs
        size = trials.n_trials, trials.n_steps, network.n_units
        u = torch.from_numpy(uniform_array(derive_seed(key, "pushes"), 2, *size)).to(like)
        push = self.amplitude * (2 * u[1] - 1) * (u[0] < chance)
        with torch.no_grad():
            circuit, start = network.circuit(), network.initial_state(trials.n_trials)
            state = torch.cat(
                [start.unsqueeze(1), self._states(network, circuit, trials, start, push, key)], 1
            )
            rate = network.rate(state)
            output = network.read_out(rate[:, 1:])
            nothing = torch.zeros_like(output)
            return Explored(trials, push, circuit.alpha, circuit.alpha, state, rate, output, nothing, circuit)

    @staticmethod
    def _states(
        network: CTRNN, circuit: kernels.Circuit, trials: Trials, start: Tensor, push: Tensor, key: int
    ) -> Tensor:
        """States of a run with pushes, which go to the state wherever the noise of the network goes."""
        sigma, xi = network.sigma_rec, None
        inside, outside = kernels.Noise(sigma, network.noise).scales(circuit.alpha, circuit.form)
        if sigma > 0:
            xi = kernels.normal_numbers(key, push.shape[0], push.shape[1], push.shape[2], push)
            push = push + outside * xi
        if xi is None or not bool(inside.any()):  # all of it is noise on the state
            kicks = kernels.Noise(1.0, "state", values=push / torch.sqrt(2 * circuit.alpha))
            return cast(Tensor, kernels.run(circuit, trials.inputs, start, kicks).state)
        drive = torch.nn.functional.linear(trials.inputs, circuit.W_in, circuit.bias) + inside * xi
        form, phi = circuit.form, circuit.activation
        return kernels.integrate(
            start, drive, circuit.W_rec, circuit.alpha, activation=phi, form=form, kick=push
        )
