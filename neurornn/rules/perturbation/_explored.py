"""What rules that learn from reward share: runs that explore, and what they were rewarded with."""

__all__ = ["AbstractRewardRule", "Explored", "explore", "rewarded"]

import dataclasses
from abc import ABC
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Self, cast

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import override

from neurornn import kernels
from neurornn._threads import single_threaded
from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.objective import Objective
from neurornn.reward import AbstractReward
from neurornn.rules._base import AbstractRule
from neurornn.rules._checks import fitting, leaky
from neurornn.rules.perturbation._baselines import AbstractBaseline
from neurornn.trials import Trials


class AbstractRewardRule(AbstractRule, ABC):
    """A rule that is told one number for each trial, and nothing else of how the trial should have gone.

    The loss it returns is minus the mean reward of the trials as they were explored, plus the penalties of the objective. A
    penalty on rates is paid by each trial out of its own reward; one on weights is differentiated. The loss of the objective
    is not looked at: errors reach the rule through the reward alone.

    Training does not clip what it finds. A score is far longer than the gradient that is its mean, and how long tells how much the
    reward surprised: scaled down to one length, a trial of which nothing is to be learned counts as much as any other.

    Attributes:
        reward: The number.
        baseline: What it is compared with.

    Raises:
        TypeError: If either is something else.
    """

    clip_norm: ClassVar[float | None] = None

    reward: AbstractReward
    baseline: AbstractBaseline

    def __post_init__(self) -> None:
        if not isinstance(self.reward, AbstractReward):
            raise TypeError(
                "reward must be an object such as PerformanceReward() or NegativeLoss() of neurornn.reward: "
                f"got {self.reward!r}."
            )
        if not isinstance(self.baseline, AbstractBaseline):
            raise TypeError(
                f"baseline must be an object such as LeaveOneOut() or Antithetic(): got {self.baseline!r}."
            )

    @override
    def for_task(self, task: Any) -> Self:
        changed: Any = self
        return dataclasses.replace(changed, reward=self.reward.for_task(task))

    @override
    def initial_memory(self, network: AbstractNetwork) -> dict[str, Tensor]:
        return self.baseline.initial_memory(next(network.parameters()))

    def prepared(
        self, network: AbstractNetwork, trials: Trials, objective: Objective
    ) -> tuple[CTRNN, Trials]:
        """Refuse what the rule cannot work with.

        Args:
            network: The network.
            trials: The batch.
            objective: What is descended besides the reward.

        Returns:
            The network, and the trials in its type.

        Raises:
            ValueError: If the objective names a loss: the rule would not see it.
        """
        known = leaky(self, network)
        if objective.loss is not None:
            raise ValueError(
                f"{type(self).__name__} learns from reward and never sees the loss of the objective. Put it into the reward, "
                "reward=NegativeLoss(loss), and leave it out of the objective."
            )
        return known, fitting(known, trials)

    @property
    def signs(self) -> tuple[float, ...]:
        """What the exploration is multiplied by in each run of the same trials, as the baseline asks."""
        twin = self.baseline.twin
        return (1.0,) if twin is None else (1.0, twin)

    def compared(
        self, network: CTRNN, trials: Trials, rewards: Sequence[Float[Tensor, " batch"]]
    ) -> tuple[list[Float[Tensor, " batch"]], Float[Tensor, ""]]:
        """Compare rewards with the baseline, whose memory moves on.

        Args:
            network: The network.
            trials: The trials.
            rewards: Rewards of each run of :attr:`signs`.

        Returns:
            By how much each trial was rewarded less than expected, for each run that explored, the first ones of all; and minus the
            mean reward of these.
        """
        twin = rewards[1] if len(rewards) == 2 else None
        expected = self.baseline.expected(rewards[0], twin, trials, self.memory(network))
        explored = [reward for sign, reward in zip(self.signs, rewards, strict=True) if sign != 0]
        return [expected - reward for reward in explored], -torch.stack(explored).mean()


class Explored(NamedTuple):
    """A run that explored; nothing in it is differentiable.

    States are counted from the one before the first step.

    Attributes:
        trials: The trials.
        xi: Standard normal numbers of the exploration, ``(batch, time, unit)``.
        inside: Their scale inside the activation, or 0.
        outside: Their scale on the state, or 0.
        state: States, ``(batch, time + 1, unit)``.
        rate: Rates, ``(batch, time + 1, unit)``.
        output: Outputs with their own exploration, ``(batch, time, output)``.
        zeta: Exploration of the outputs in units of its standard deviation, 0 where there is none.
        circuit: The network.
    """

    trials: Trials
    xi: Tensor
    inside: Tensor
    outside: Tensor
    state: Tensor
    rate: Tensor
    output: Tensor
    zeta: Tensor
    circuit: kernels.Circuit


def explore(
    network: CTRNN, trials: Trials, xi: Tensor, zeta: Tensor, sigma: float, sigma_out: float
) -> Explored:
    """Run a batch with noise that is known afterwards.

    Args:
        network: The network.
        trials: The batch, in the type of the network.
        xi: Standard normal numbers for the units.
        zeta: Standard normal numbers for the outputs.
        sigma: Strength of the whole noise of the units, as ``sigma_rec``.
        sigma_out: Standard deviation of the noise of the outputs, in the steps that count.

    Returns:
        What happened.
    """
    with single_threaded(), torch.no_grad():
        circuit = network.circuit()
        start = network.initial_state(trials.n_trials)
        noise = kernels.Noise(sigma, network.noise, values=xi)
        run = kernels.run(circuit, trials.inputs, start, noise)
        state = torch.cat([start.unsqueeze(1), cast(Tensor, run.state)], 1)
        zeta = zeta * (trials.mask > 0).unsqueeze(-1)
        output = run.output + sigma_out * zeta
        inside, outside = noise.scales(circuit.alpha, circuit.form)
        return Explored(trials, xi, inside, outside, state, network.rate(state), output, zeta, circuit)


def rewarded(reward: AbstractReward, run: Explored, objective: Objective) -> Tensor:
    """The reward of each trial, less what its rates cost.

    Args:
        reward: The reward.
        run: The trials as they were explored.
        objective: Penalties on rates.

    Returns:
        One number for each trial.

    Raises:
        ValueError: If a reward is not finite.
    """
    trials = run.trials
    with torch.no_grad():
        found = reward(trials, run.output).to(run.output)
        if objective.costs_rates:
            rate = run.rate[:, 1:]
            cost = objective.rate_l1 * rate.abs().mean(-1) + objective.rate_l2 * rate.square().mean(-1)
            found = found - trials.n_trials * (trials.valid * cost).sum(1) / trials.valid.sum()
    if not bool(found.isfinite().all()):
        k = int((~found.isfinite()).nonzero()[0])
        raise ValueError(
            f"The reward of trial {k} of task '{trials.info.task}' is {found[k].item()}: nothing can be learned from it. Correct "
            "the reward, or lower the learning rate if the network has run away."
        )
    return found
