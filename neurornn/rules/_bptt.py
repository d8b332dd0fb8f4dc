"""Back-propagation through time, whole and truncated."""

__all__ = ["BPTT", "TruncatedBPTT"]

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from neurornn._threads import single_threaded
from neurornn.networks import AbstractNetwork
from neurornn.objective import Objective
from neurornn.rules._base import AbstractRule
from neurornn.trials import Trials


@dataclass(frozen=True)
class BPTT(AbstractRule):
    r"""Back-propagation through time: the exact gradient of the objective.

    Attributes:
        checkpoint_every: For long trials: keep only the states so many steps apart and compute the activity between
            them again in the backward pass. The gradient is the same to the last bit, in less memory and more time.

    Raises:
        ValueError: If the number of steps is not positive.

    References:
        Backpropagation through time: what it does and how to do it (Werbos, 1990)
        https://doi.org/10.1109/5.58337

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> task = tasks.make("context-decision")
        >>> network = CTRNN(task.n_inputs, 20, task.n_outputs)
        >>> loss = BPTT().backward(network, task.sample(8, seed=0))
        >>> bool(loss > 0), all(p.grad is not None for p in network.parameters())
        (True, True)
    """

    checkpoint_every: int | None = None

    def __post_init__(self) -> None:
        if self.checkpoint_every is not None and (
            not isinstance(self.checkpoint_every, int | np.integer) or self.checkpoint_every < 1
        ):
            raise ValueError(
                f"checkpoint_every must be a whole number of steps, at least 1: got {self.checkpoint_every}."
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
        network.check_trials(trials)
        trials = trials.to(next(network.parameters()))
        with single_threaded():
            run = network.outputs(
                trials.inputs,
                generator=generator,
                costs=objective.costs_rates,
                checkpoint_every=self.checkpoint_every,
            )
            loss = objective(network, trials, run)
            loss.backward()
        return loss.detach()


@dataclass(frozen=True)
class TruncatedBPTT(AbstractRule):
    r"""Truncated back-propagation: every ``every`` steps the loss of those steps travels ``depth`` steps back.

    Trials are cut into blocks of ``every`` steps. The loss of a block is back-propagated through the block and
    through the ``depth - every`` steps before it, along the trajectory that the whole forward pass visited.
    With ``every = depth`` the blocks are independent windows; with ``depth`` equal to the trial length and one block,
    or blocks of one step, the gradient is exact. The padding of a trial changes nothing.

    Attributes:
        depth: Number of steps (not ms) gradients travel back, the block included.
        every: Number of steps in a block; None means ``depth``.

    Raises:
        ValueError: If the lengths are not positive, a block is longer than the depth, or the depth exceeds the longest
            trial of a batch: such a truncation would be none.

    References:
        An efficient gradient-based algorithm for on-line training of recurrent network trajectories
        (Williams & Peng, 1990) https://doi.org/10.1162/neco.1990.2.4.490
    """

    depth: int
    every: int | None = None

    def __post_init__(self) -> None:
        if (
            not all(isinstance(n, int | np.integer) for n in (self.depth, self._block))
            or self.depth < 1
            or not 1 <= self._block <= self.depth
        ):
            raise ValueError(
                f"TruncatedBPTT needs whole numbers 1 <= every <= depth: got depth={self.depth} and every={self.every}."
            )

    @property
    def _block(self) -> int:
        return self.depth if self.every is None else self.every

    @override
    def backward(
        self,
        network: AbstractNetwork,
        trials: Trials,
        *,
        objective: Objective = Objective(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        network.check_trials(trials)
        if self.depth > trials.n_steps:
            raise ValueError(
                f"A truncation of {self.depth} steps is longer than the trials of {trials.n_steps} steps "
                f"({trials.n_steps * trials.info.dt:g} ms). Use rules.BPTT(), or a depth within the shortest batch."
            )
        trials = trials.to(next(network.parameters()))
        noise = network.draw_noise(trials.n_trials, trials.n_steps, generator)
        with single_threaded():
            return self._blocks(network, trials, objective, noise)

    def _blocks(
        self, network: AbstractNetwork, trials: Trials, objective: Objective, noise: Tensor | None
    ) -> Tensor:
        n_steps = trials.n_steps
        with torch.no_grad():
            states = network(trials.inputs, noise=noise).state
        total = states.new_zeros(())
        for block in range(0, n_steps, self._block):
            end = min(block + self._block, n_steps)
            start = max(0, block + self._block - self.depth)
            run = network(
                trials.inputs[:, start:end],
                None if start == 0 else states[:, start - 1],
                noise=None if noise is None else noise[:, start:end],
            )
            tail = run._replace(output=run.output[:, block - start :], rate=run.rate[:, block - start :])
            loss = objective.of_steps(trials, tail, start=block)
            loss.backward()
            total += loss.detach()
        weights = objective.of_weights(network)
        if weights.requires_grad:
            weights.backward()
        return total + weights.detach()
