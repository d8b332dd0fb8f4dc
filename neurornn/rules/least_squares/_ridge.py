"""The read-out of an echo state network: ridge regression on what the reservoir did."""

__all__ = ["RidgeReadout"]

import operator
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from neurornn import kernels
from neurornn._threads import single_threaded
from neurornn.networks import CTRNN, AbstractNetwork, Outputs
from neurornn.objective import Objective
from neurornn.rules._base import AbstractFinishedRule
from neurornn.rules._checks import fitting, leaky_only
from neurornn.rules._hand_over import hand_over
from neurornn.rules.least_squares._checks import (
    check_number,
    check_objective,
    check_weights,
)
from neurornn.rules.least_squares._factor import add_rows, empty_factor, ridge
from neurornn.trials import Trials


@dataclass(frozen=True)
class RidgeReadout(AbstractFinishedRule):
    r"""Solve for the read-out and leave everything else as it is.

    .. math:: \min_{W_{out},\, b_{out}} \; \sum_k m_k \lVert W_{out}\, r_k + b_{out} - y_k \rVert^2 + \alpha \lVert W_{out} \rVert^2

    over all steps :math:`k` of all trials so far, weighted by the mask, the first ``washout`` steps of each trial left out. The
    intercept is not penalised. What is left in ``.grad`` is :math:`W_{out}` minus the solution, so that after one step of gradient descent
    with rate 1 the read-out is the solution for all data so far; batches add to a triangular factor of the rates in the memory of
    the rule. Their products are never formed, so weak but faithful directions count down to the rounding of the rates.

    In a network whose outputs return to the units, the targets return in their place while data are collected (teacher
    forcing): the outputs still to be learned would drive the units somewhere else. The bias of the outputs, which is
    not fed back, then stays as it is.

    Attributes:
        alpha: :math:`\alpha`, at least 0.
        washout: Steps at the start of each trial that do not count.

    Raises:
        TypeError: If ``washout`` is no whole number.
        ValueError: If a number makes no sense.

    References:
        Harnessing nonlinearity: predicting chaotic systems and saving energy in wireless communication (Jaeger & Haas, 2004)
        https://doi.org/10.1126/science.1091277

    Examples:
        >>> from neurornn import tasks
        >>> from neurornn.networks import reservoir
        >>> task = tasks.make("perceptual-decision")
        >>> network, trials = reservoir(task.n_inputs, 100, task.n_outputs), task.sample(200, seed=0)
        >>> before = Objective()(network, trials, network(trials.inputs))
        >>> after = RidgeReadout(alpha=1e-3).fit(network, trials)
        >>> bool(after < before / 2)
        True
    """

    alpha: float = 1e-6
    washout: int = 0

    def __post_init__(self) -> None:
        check_number("alpha", self.alpha, zero=True)
        try:
            washout = operator.index(self.washout)
        except TypeError:
            raise TypeError(f"washout must be a whole number of steps: got {self.washout!r}.") from None
        if isinstance(self.washout, bool) or washout < 0:
            raise ValueError(f"washout must be a number of steps, at least 0: got {self.washout!r}.")

    @override
    def initial_memory(self, network: AbstractNetwork) -> dict[str, Tensor]:
        network = leaky_only(self, network)
        return empty_factor(network.n_units, network.n_outputs, network.readout.raw.device)

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
        loss, W, b = self._solve(network, trials, objective, generator, self.memory(network))
        with single_threaded():
            change = network.W_out.detach() - W
            shift = None if network.bias_out is None else network.bias_out.detach() - b
            hand_over([(network.W_out, change), (network.bias_out, shift)])
        return loss

    def fit(
        self, network: AbstractNetwork, trials: Trials, *, generator: torch.Generator | None = None
    ) -> Tensor:
        """Set the read-out of a network to the solution for some trials alone.

        Args:
            network: The network, changed in place.
            trials: The trials.
            generator: Source of the recurrent noise.

        Returns:
            The mean squared error that is left in these trials, as :class:`~neurornn.Objective` weighs it, washout included.
        """
        network = leaky_only(self, network)
        own = self.initial_memory(network)
        state = None if generator is None else generator.get_state()
        _, W, b = self._solve(network, trials, Objective(), generator, own)
        with torch.no_grad():
            network.W_out = W
            if network.bias_out is not None and network.bias_out.requires_grad:
                network.bias_out.copy_(b)
        if generator is not None and state is not None:
            generator.set_state(state)  # the same noise once more
        loss, _, _ = self._solve(network, trials, Objective(), generator, None)
        return loss

    def _solve(
        self,
        network: CTRNN,
        trials: Trials,
        objective: Objective,
        generator: torch.Generator | None,
        factor: Mapping[str, Tensor] | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The loss of the read-out as it is, and the solution for these trials and those before them."""
        check_objective(self, objective, trials)
        check_weights(self, network.readout, "the read-out", whole=False)
        trials = fitting(network, trials)
        network.check_inputs(trials.inputs)
        if self.washout >= trials.n_steps:
            raise ValueError(
                f"washout={self.washout} leaves nothing of trials of {trials.n_steps} steps. Lower it."
            )
        with single_threaded(), torch.no_grad():
            run = _reservoir_states(network, trials, generator)
            output = network.read_out(run)
            loss = objective.of_steps(trials, Outputs(output, run[:, -1], None, None))
            if factor is None:
                return loss, network.W_out.detach(), torch.zeros(())
            exists = network.readout.mask
            rates = run if exists is None else run * exists[0]
            counted = slice(self.washout, None)
            intercept = _intercept(network)
            wanted = trials.targets
            if network.bias_out is not None and not intercept:
                wanted = wanted - network.bias_out
            rows = [each[:, counted].flatten(0, 1) for each in (rates, wanted, trials.mask)]
            add_rows(factor, *rows)
            units = None if exists is None else exists[0].nonzero()[:, 0]
            W, b = ridge(factor, self.alpha, intercept=intercept, units=units)
            if network.bias_out is not None and not intercept:
                b = network.bias_out.detach().double()
        return loss, W.to(output), b.to(output)


def _intercept(network: CTRNN) -> bool:
    return network.bias_out is not None and network.bias_out.requires_grad and network.W_fb is None


def _reservoir_states(network: CTRNN, trials: Trials, generator: torch.Generator | None) -> Tensor:
    """Rates in every step; where outputs return to the units, with the targets in their place."""
    if network.W_fb is None:
        return network(trials.inputs, generator=generator).rate
    circuit, start = network.circuit(), network.initial_state(trials.n_trials)
    shift = 0.0 if network.bias_out is None else network.bias_out
    first = network.rate(start) @ network.W_out.t()
    taught = torch.cat([first[:, None], (trials.targets - shift)[:, :-1]], 1)
    forced = circuit._replace(W_rec=network.recurrent(), W_in=torch.cat([network.W_in, network.W_fb], 1))
    noise = None
    if network.sigma_rec > 0:
        noise = kernels.Noise(network.sigma_rec, network.noise, network.noise_key(generator))
    run = kernels.run(forced, torch.cat([trials.inputs, taught], 2), start, noise, record=True)
    if run.rate is None:
        raise RuntimeError("The time loop recorded nothing.")
    return run.rate
