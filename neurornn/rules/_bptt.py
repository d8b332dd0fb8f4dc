"""Back-propagation through time, whole and truncated."""

__all__ = ["BPTT", "TruncatedBPTT"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from neurornn._threads import single_threaded
from neurornn.networks import CTRNN, AbstractNetwork, Trajectory
from neurornn.objective import Objective
from neurornn.rules._checks import check_steps, fitting
from neurornn.rules._hand_over import penalise
from neurornn.rules._recording import Recording
from neurornn.rules._recursion import propagate
from neurornn.rules._reverse import AbstractReverseRule
from neurornn.trials import Trials


@dataclass(frozen=True)
class BPTT(AbstractReverseRule):
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
        if self.checkpoint_every is not None:
            check_steps("checkpoint_every", self.checkpoint_every)

    @override
    def backward(
        self,
        network: AbstractNetwork,
        trials: Trials,
        *,
        objective: Objective = Objective(),
        generator: torch.Generator | None = None,
    ) -> Tensor:
        trials = fitting(network, trials)
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

    @override
    def adjoint(self, network: CTRNN, recording: Recording, memory: Mapping[str, Tensor]) -> Tensor:
        return propagate(recording, recording.signal(None), recording.circuit.W_rec)


@dataclass(frozen=True)
class TruncatedBPTT(AbstractReverseRule):
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
        trials = fitting(network, trials)
        self._check_length(trials.n_steps, f" ({trials.n_steps * trials.info.dt:g} ms)")
        key = network.run_key(generator)
        with single_threaded():
            return self._blocks(network, trials, objective, key)

    @override
    def adjoint(self, network: CTRNN, recording: Recording, memory: Mapping[str, Tensor]) -> Tensor:
        n_steps = recording.inputs.shape[1]
        self._check_length(n_steps)
        signal = recording.signal(None)
        total = torch.zeros_like(signal)
        for block in range(0, n_steps, self._block):
            start, end = self._window(block, n_steps)
            window, own = recording.during(start, end + 1), signal[:, start : end + 1].clone()
            own[:, : block - start + 1] = 0
            found = propagate(window, own, recording.circuit.W_rec)
            reached = slice(0 if start == 0 else 1, None)  # a window does not reach the state it starts from
            total[:, start : end + 1][:, reached] += found[:, reached]
        return total

    def _window(self, block: int, n_steps: int) -> tuple[int, int]:
        return max(0, block + self._block - self.depth), min(block + self._block, n_steps)

    def _check_length(self, n_steps: int, duration: str = "") -> None:
        if self.depth > n_steps:
            raise ValueError(
                f"A truncation of {self.depth} steps is longer than the trials of {n_steps} steps{duration}. Use "
                "rules.BPTT(), or a depth within the shortest batch."
            )

    def _blocks(
        self, network: AbstractNetwork, trials: Trials, objective: Objective, key: int | None
    ) -> Tensor:
        total = trials.inputs.new_zeros(())
        at, state = 0, network.initial_state(trials.n_trials)
        for block in range(0, trials.n_steps, self._block):
            start, end = self._window(block, trials.n_steps)
            if start > at:
                with torch.no_grad():
                    state = network.stretch(trials.inputs[:, at:start], state, key, at, record=False).final
            run = network.stretch(
                trials.inputs[:, start:end], state, key, start, record=objective.costs_rates
            )
            tail = run._replace(output=run.output[:, block - start :])
            if isinstance(tail, Trajectory):
                tail = tail._replace(rate=tail.rate[:, block - start :])
            loss = objective.of_steps(trials, tail, start=block)
            loss.backward()
            total += loss.detach()
            at = start
            if self.depth == self._block:
                at, state = end, run.final.detach()
            elif start == 0:
                state = network.initial_state(trials.n_trials)  # its graph was used up
        return total + penalise(network, objective)
