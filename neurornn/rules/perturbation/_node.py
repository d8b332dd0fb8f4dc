"""Node perturbation: the noise of units and outputs explores, and the reward tells which of it was good."""

__all__ = ["NodePerturbation"]

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor
from typing_extensions import override

from neurornn import kernels
from neurornn._threads import single_threaded
from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.objective import Objective
from neurornn.random import derive_seed
from neurornn.reward import AbstractReward, NegativeLoss
from neurornn.rules._checks import check_size, explicit
from neurornn.rules._hand_over import hand_over, penalise, product
from neurornn.rules._recording import potentials
from neurornn.rules.perturbation._baselines import AbstractBaseline, LeaveOneOut
from neurornn.rules.perturbation._explored import (
    AbstractRewardRule,
    Explored,
    explore,
    rewarded,
)
from neurornn.trials import Trials


@dataclass(frozen=True)
class NodePerturbation(AbstractRewardRule):
    r"""REINFORCE with the noise of units and outputs as exploration.

    .. math::
        \Delta W_{ab} = \frac1B \sum_{b',t} (R_{b'} - \bar R_{b'})\, c_a(t)\, r_b(t-1), \qquad
        c = \begin{cases}
            \alpha\, \xi / s & \text{current form, } s = \sqrt{2\alpha}\,\sigma \\
            \alpha\, \phi'(a)\, \xi / s & \text{rate form, noise on the state, } s = \sqrt{2\alpha}\,\sigma \\
            \xi / s & \text{rate form, noise with the input, } s = \sqrt{2/\alpha}\,\sigma
        \end{cases}

    where :math:`\xi` are the standard normal numbers that moved the units by :math:`s\,\xi`, :math:`r_b` presynaptic rates, :math:`a` the potential,
    :math:`R` the reward of a trial and :math:`\bar R` the baseline. :math:`\sum_t c_a(t) r_b(t-1)` is the derivative of the
    log-probability of what the units did, so the mean over the noise is the gradient of the expected reward, whatever the reward: it need not be
    differentiable. Sums over steps and trials are one product of two matrices; no trace is formed for a synapse. Inputs
    and biases have :math:`u_t` and 1 in place of :math:`r`. Learned time constants and initial states follow likewise.

    **Exploration.** The noise of the network and an added perturbation are of one kind, so they act as one noise of strength
    :math:`\sigma = \sqrt{\sigma_{rec}^2 + \sigma_+^2}`, and the rule uses all of it. Validation and analysis run with
    :math:`\sigma_{rec}` alone.

    **Read-out.** The outputs explore too, in the steps that count (where the mask is not 0): the reward is that of
    :math:`y + \sigma_{out}\,\zeta`, and :math:`\Delta C = \frac1B \sum (R - \bar R)\, \zeta\, r^\top / \sigma_{out}`. No error reaches it. With
    :math:`\sigma_{out} = 0` the read-out does not learn, and the units learn to use it as it is.

    Local: activity and noise of the postsynaptic cell, activity of the presynaptic one, and one number that is broadcast at the end of the trial.
    Dropped: nothing on average. The price is variance: the cosine to the gradient falls with the number of noise terms that the
    reward depends on, and rises with the square root of the number of trials.

    The loss returned is minus the mean reward of the explored trials. A twin run counts as trials: a batch of 8 with
    ``Antithetic()`` or ``Noiseless()`` is 16 trials that are run, and those that do not explore have no part in the loss.

    Attributes:
        reward: What is rewarded; minus the loss of the trial by default.
        sigma: :math:`\sigma_+`, strength of the added perturbation, in the units of ``sigma_rec``; 0 leaves it to the network's own noise.
        sigma_out: :math:`\sigma_{out}`, standard deviation of the noise of the outputs in each step.
        baseline: What rewards are compared with.

    Raises:
        ValueError: If a strength is negative or not finite.

    References:
        Simple statistical gradient-following algorithms for connectionist reinforcement learning (Williams, 1992)
        https://doi.org/10.1007/BF00992696

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> task = tasks.make("perceptual-decision")
        >>> network = CTRNN(task.n_inputs, 20, task.n_outputs)
        >>> noise = torch.Generator().manual_seed(0)
        >>> loss = NodePerturbation().backward(network, task.sample(8, seed=0), generator=noise)
        >>> bool(loss > 0), all(p.grad is not None for p in network.parameters())
        (True, True)
    """

    reward: AbstractReward = field(default_factory=NegativeLoss)
    sigma: float = 0.05
    sigma_out: float = 0.1
    baseline: AbstractBaseline = field(default_factory=LeaveOneOut)

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("sigma", self.sigma)
        check_size("sigma_out", self.sigma_out)

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
        sigma = math.hypot(network.sigma_rec, self.sigma)
        self._check_scored(network, sigma)
        with single_threaded():
            xi, zeta = self._draw(network, trials, generator)
            runs = [
                explore(network, trials, sign * xi, sign * zeta, sigma, self.sigma_out) for sign in self.signs
            ]
            rewards = [rewarded(self.reward, run, objective) for run in runs]
            missed, loss = self.compared(network, trials, rewards)
            live, start = network.circuit(), network.initial_state(trials.n_trials)
            wanted = [live.W_rec, live.W_in, live.bias, live.W_out, live.bias_out, live.alpha, start]
            with torch.no_grad():
                n = len(missed) * trials.n_trials
                scores = [self._scores(run, each / n) for run, each in zip(runs, missed, strict=False)]
                gradients = [torch.stack(each).sum(0) for each in zip(*scores, strict=True)]
            hand_over(list(zip(wanted, gradients, strict=True)))
            return penalise(network, objective) + loss

    def _check_scored(self, network: CTRNN, sigma: float) -> None:
        """Refuse what has no noise, or no density of what the noise does."""
        if sigma == 0:
            raise ValueError(
                "Node perturbation explores by noise of the units, and there is none: the network has sigma_rec=0 and the rule "
                "sigma=0. Raise one."
            )
        learned = [network.start.requires_grad, network.alpha.requires_grad]
        if network.form == "rate" and network.noise == "input" and any(learned):
            raise ValueError(
                "In rate form with noise inside the activation, the state depends on its time constant and on where it started "
                "in ways that the noise does not cover: node perturbation cannot learn them. Build the network with noise='state', or "
                "without LearnedTau and train_initial_state."
            )

    def _draw(
        self, network: CTRNN, trials: Trials, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor]:
        """Normal numbers of units and outputs; those of the units are the ones of the network's own noise."""
        key = network.noise_key(explicit(self, "its noise", generator))
        size, like = (trials.n_trials, trials.n_steps), trials.inputs
        units = kernels.normal_numbers(key, *size, network.n_units, like)
        return units, kernels.normal_numbers(derive_seed(key, "outputs"), *size, network.n_outputs, like)

    def _scores(self, run: Explored, weight: Tensor) -> list[Tensor]:
        """Derivatives of the log-probability of what units and outputs did, each trial with its weight."""
        circuit, xi = run.circuit, run.xi
        alpha, before = circuit.alpha, run.rate[:, :-1]
        told = xi * (run.trials.valid * weight[:, None]).unsqueeze(-1)  # noise after the end told nothing
        slope = None
        if circuit.form == "rate":
            slope = circuit.activation.derivative(potentials(circuit, before, run.trials.inputs))
        inside = circuit.form == "rate" and not bool(run.outside.any())
        if inside:
            credit = told / run.inside
            at_alpha, at_start = torch.zeros_like(alpha), torch.zeros_like(before[:, 0])
        else:
            mean = told / run.outside
            credit = alpha * (mean if slope is None else slope * mean)
            move = (run.state.diff(dim=1) - run.outside * xi) / alpha
            spread = (told * xi - (run.trials.valid * weight[:, None]).unsqueeze(-1)) / (2 * alpha)
            at_alpha = (mean * move + spread).sum((0, 1)).sum_to_size(alpha.shape)
            through = credit[:, 0] @ circuit.W_rec
            if slope is None:
                through = circuit.activation.derivative(run.state[:, 0]) * through
            at_start = (1 - alpha) * mean[:, 0] + through
        out = run.zeta * (weight / self.sigma_out)[:, None, None] if self.sigma_out else run.zeta * 0
        return [
            product(credit, before),
            product(credit, run.trials.inputs),
            credit.sum((0, 1)),
            product(out, run.rate[:, 1:]),
            out.sum((0, 1)),
            at_alpha,
            at_start,
        ]
