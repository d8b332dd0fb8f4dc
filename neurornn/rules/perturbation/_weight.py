"""Weight perturbation: try other weights, and keep what was rewarded."""

__all__ = ["WeightPerturbation"]

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor
from typing_extensions import override

from neurornn import kernels
from neurornn._threads import single_threaded
from neurornn.connectivity import SynapticWeights
from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.objective import Objective
from neurornn.random import derive_seed
from neurornn.reward import AbstractReward, NegativeLoss
from neurornn.rules._checks import check_size, explicit
from neurornn.rules._hand_over import hand_over, penalise
from neurornn.rules.perturbation._baselines import AbstractBaseline, Antithetic, LeaveOneOut, RunningMean
from neurornn.rules.perturbation._explored import (
    AbstractRewardRule,
    Explored,
    rewarded,
)
from neurornn.trials import Trials


@dataclass(frozen=True)
class WeightPerturbation(AbstractRewardRule):
    r"""Try weights :math:`\theta + \sigma \varepsilon` and go where the reward was.

    .. math:: \Delta \theta = \frac{1}{B} \sum_b (R_b - \bar R_b)\, \frac{\varepsilon_b}{\sigma}

    with standard normal :math:`\varepsilon`, drawn anew for each trial or once for a batch. The mean is the gradient of the reward expected of such
    weights. With ``Antithetic()`` each trial is run with :math:`+\varepsilon` and with :math:`-\varepsilon`, with ``Noiseless()`` also with the
    weights as they are; noise of the network is the same in both.

    What is perturbed are effective values of everything that is trained: recurrent, input and read-out weights that exist
    and learn, biases and a trained initial state. Under Dale's law a weak synapse may change its sign while it is tried out, never
    for good. Learned time constants are refused.

    Local: each synapse needs its own perturbation, and one number that is broadcast at the end of the trial. Dropped: nothing on average. The
    price is variance, that of as many perturbations as there are weights: in a single step about N times that of :class:`NodePerturbation` with its N units. Over time the
    comparison changes: the noise of units is drawn anew in each step, and that of weights stays.

    The loss returned is minus the mean reward of the trials with perturbed weights.

    Attributes:
        reward: What is rewarded; minus the loss of the trial by default.
        sigma: :math:`\sigma`, above 0.
        draw: Whether each ``"trial"`` tries other weights, or all of a ``"batch"`` the same.
        baseline: What rewards are compared with.

    Raises:
        ValueError: If the strength is not above 0, or the baseline compares trials of a batch that try the same weights.

    References:
        Weight versus node perturbation learning in temporally extended tasks: weight perturbation often performs similarly
        or better (Züge, Klos & Memmesheimer, 2023)
        https://doi.org/10.1103/PhysRevX.13.021006

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> task = tasks.make("perceptual-decision")
        >>> network = CTRNN(task.n_inputs, 20, task.n_outputs)
        >>> numbers = torch.Generator().manual_seed(0)
        >>> loss = WeightPerturbation().backward(network, task.sample(8, seed=0), generator=numbers)
        >>> bool(loss > 0), all(p.grad is not None for p in network.parameters())
        (True, True)
    """

    reward: AbstractReward = field(default_factory=NegativeLoss)
    sigma: float = 0.01
    draw: Literal["trial", "batch"] = "trial"
    baseline: AbstractBaseline = field(default_factory=Antithetic)

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("sigma", self.sigma)
        if self.sigma == 0:
            raise ValueError("sigma must be above 0: weights that are not perturbed tell nothing.")
        if self.draw not in ("trial", "batch"):
            raise ValueError(f"draw must be 'trial' or 'batch': got {self.draw!r}.")
        if self.draw == "batch" and isinstance(self.baseline, LeaveOneOut | RunningMean):
            raise ValueError(
                f"With draw='batch' all trials try the same weights, and {type(self.baseline).__name__} compares them with each other: "
                "what was good about the weights cancels. Use Antithetic(), Noiseless() or NoBaseline(), or draw='trial'."
            )

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
        key = network.noise_key(explicit(self, "its weights", generator))
        with single_threaded():
            live = _values(network, trials.n_trials)
            epsilon = self._draw(live, _plastic(network), derive_seed(key, "weights"), trials)
            xi = None
            if network.sigma_rec > 0:
                xi = kernels.normal_numbers(
                    key, trials.n_trials, trials.n_steps, network.n_units, trials.inputs
                )
            rewards = []
            for sign in self.signs:
                with torch.no_grad():
                    tried = {
                        name: value.detach() + sign * self.sigma * epsilon[name]
                        if name in epsilon
                        else value.detach()
                        for name, value in live.items()
                    }
                    rewards.append(rewarded(self.reward, _run(network, trials, tried, xi), objective))
            missed, loss = self.compared(network, trials, rewards)
            with torch.no_grad():
                signed = [sign * each for sign, each in zip(self.signs, missed, strict=False)]
                weight = torch.stack(signed).mean(0) / (self.sigma * trials.n_trials)
                found = [(live[name], _weighted(name, weight, each)) for name, each in epsilon.items()]
            hand_over(found)
            return penalise(network, objective) + loss

    def _draw(
        self, live: Mapping[str, Tensor], plastic: Mapping[str, Tensor], key: int, trials: Trials
    ) -> dict[str, Tensor]:
        """Perturbations of everything that is trained, ``(trial, *shape)``, one trial for a batch that shares them."""
        found = {}
        for name, value in live.items():
            if not value.requires_grad:
                continue
            if name == "alpha":
                raise ValueError(
                    "WeightPerturbation does not perturb time constants. Build the network with a fixed tau, or use "
                    "NodePerturbation."
                )
            size = value.shape[1:] if name == "start" else value.shape
            rows, columns = (size[0], size[1]) if len(size) == 2 else (1, size[0])
            n = trials.n_trials if self.draw == "trial" else 1
            numbers = kernels.normal_numbers(derive_seed(key, name), n, rows, columns, value.detach())
            found[name] = numbers.reshape(n, *size) * plastic.get(name, 1.0)
        return found


def _values(network: CTRNN, n_trials: int) -> dict[str, Tensor]:
    """Effective values, differentiable; the recurrent matrix without what outputs that are fed back add to it."""
    circuit = network.circuit()
    every = {
        "W_rec": network.recurrent(),
        "W_in": circuit.W_in,
        "bias": circuit.bias,
        "W_out": circuit.W_out,
        "bias_out": circuit.bias_out,
        "alpha": circuit.alpha,
        "start": network.initial_state(n_trials),
    }
    return {name: value for name, value in every.items() if value is not None}


def _plastic(network: CTRNN) -> dict[str, Tensor]:
    """1 where there is a synapse that learns and 0 elsewhere."""

    def of(weights: SynapticWeights) -> Tensor:
        there = torch.ones_like(weights.raw) if weights.mask is None else weights.mask.to(weights.raw)
        return there.detach() if weights.fixed is None else there.detach() * weights.fixed.isnan()

    return {"W_rec": of(network.recurrent), "W_in": of(network.input), "W_out": of(network.readout)}


def _run(network: CTRNN, trials: Trials, tried: Mapping[str, Tensor], xi: Tensor | None) -> Explored:
    """Run a batch in which each trial may have weights of its own."""
    with torch.no_grad():
        circuit = network.circuit()
        alpha, activation, current = circuit.alpha, circuit.activation, circuit.form == "current"
        drive = _linear(trials.inputs, tried["W_in"], tried.get("bias"))
        inside = outside = torch.zeros_like(alpha)
        if xi is not None:
            inside, outside = kernels.Noise(network.sigma_rec, network.noise).scales(alpha, circuit.form)
            drive = drive + inside * xi
        W = tried["W_rec"] if network.W_fb is None else tried["W_rec"] + network.W_fb @ tried["W_out"]
        state, states = tried["start"], [tried["start"]]
        for t, d in enumerate(drive.unbind(1)):
            rate = activation(state) if current else state
            potential = d + _linear(rate.unsqueeze(1), W)[:, 0]
            state = (1 - alpha) * state + alpha * (potential if current else activation(potential))
            if xi is not None:
                state = state + outside * xi[:, t]
            states.append(state)
        path = torch.stack(states, 1)
        rate = network.rate(path)
        output = _linear(rate[:, 1:], tried["W_out"], tried.get("bias_out"))
        noise = torch.zeros_like(path[:, 1:]) if xi is None else xi
        return Explored(trials, noise, inside, outside, path, rate, output, torch.zeros_like(output), circuit)


def _linear(x: Tensor, W: Tensor, b: Tensor | None = None) -> Tensor:
    """A linear map of ``(batch, time, pre)`` with one matrix, or with one for each trial."""
    y = x @ W.transpose(-1, -2)
    return y if b is None else y + (b if b.ndim == 1 else b.unsqueeze(1))


def _weighted(name: str, weight: Tensor, epsilon: Tensor) -> Tensor:
    """Perturbations with their weights: summed over trials as one product, but for what each trial has for itself."""
    if name == "start":
        return weight[:, None] * epsilon
    shared = len(epsilon) == 1
    total = weight.sum().reshape(1) if shared else weight
    return (total @ epsilon.flatten(1)).reshape(epsilon.shape[1:])
