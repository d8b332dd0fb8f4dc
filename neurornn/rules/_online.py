"""Running a leaky network forward in time, with a gradient at every step."""

__all__ = ["AbstractForwardRule"]

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import ClassVar, Final

import torch
from torch import Tensor
from typing_extensions import override

from neurornn import kernels
from neurornn._threads import single_threaded
from neurornn.kernels import Circuit
from neurornn.networks import CTRNN, AbstractNetwork, Trajectory
from neurornn.objective import Objective
from neurornn.rules._base import AbstractOnlineRule
from neurornn.rules._checks import check_steps, explicit, fitting, leaky_only
from neurornn.rules._hand_over import hand_over, penalise
from neurornn.rules._recording import errors_of, placed_noise
from neurornn.rules._steps import AbstractTraces, Columns, Setting, Step
from neurornn.trials import Trials

_BLOCK: Final = 32  # steps whose activity is held at once


class AbstractForwardRule(AbstractOnlineRule):
    """A rule that carries traces forward through a leaky network.

    Read-out weights receive their exact gradient. Penalties on the weights are differentiated exactly, each
    part of a trial by its share of the steps.

    Attributes:
        update_every: Steps between updates; None for one update after the trial.
    """

    _draws: ClassVar[bool] = False
    """Whether the rule needs random numbers of its own."""

    update_every: int | None

    def __post_init__(self) -> None:
        if self.update_every is not None:
            check_steps("update_every", self.update_every, ", or None for one update after the trial")

    @abstractmethod
    def _traces(self, network: CTRNN, setting: Setting) -> AbstractTraces:
        """The traces before the first step."""

    def _learning(self, network: CTRNN) -> AbstractContextManager[None]:
        """Within this context the gradients of a part are handed over."""
        return nullcontext()

    @override
    def parts(
        self,
        network: AbstractNetwork,
        trials: Trials,
        *,
        objective: Objective = Objective(),
        generator: torch.Generator | None = None,
    ) -> Iterator[Tensor]:
        network = leaky_only(self, network)
        trials = fitting(network, trials)
        network.check_inputs(trials.inputs)
        if self._draws:
            generator = explicit(self, "random numbers", generator)
        key = network.noise_key(generator) if self._draws or network.sigma_rec > 0 else None
        circuit = _detached(network.circuit())
        state = network.initial_state(trials.n_trials).detach()
        columns = Columns(
            network.n_units,
            network.n_inputs,
            bias=network.bias is not None,
            alpha=network.time_constant.bounds is not None,
            start=isinstance(network.start, torch.nn.Parameter),
        )
        with torch.no_grad():
            traces = self._traces(network, Setting(columns, circuit, state, key))
        run = _Run(network, trials, objective, columns, key, traces, state)
        every = trials.n_steps if self.update_every is None else self.update_every
        for first in range(0, trials.n_steps, every):
            with self._learning(network):
                part = run.advance(first, min(first + every, trials.n_steps))
            yield part


@dataclass
class _Run:
    """A batch of trials under way."""

    network: CTRNN
    trials: Trials
    objective: Objective
    columns: Columns
    key: int | None
    traces: AbstractTraces
    state: Tensor

    def advance(self, first: int, stop: int) -> Tensor:
        """Some steps further: their gradient is added and their part of the objective returned."""
        with single_threaded():
            live = self.network.circuit()
            circuit = _detached(live)
            gradient = self.state.new_zeros(self.columns.n_units, self.columns.total)
            readout = torch.zeros_like(circuit.W_out)
            offset = readout.new_zeros(readout.shape[0])
            loss = self.state.new_zeros(())
            for block in range(first, stop, _BLOCK):
                part, steps = self._block(circuit, block, min(block + _BLOCK, stop))
                loss += part
                with torch.no_grad():
                    for step in steps:
                        gradient += self.traces.advance(step)
                        of_matrix, of_bias = self.traces.read_out(step)
                        readout += of_matrix
                        offset += of_bias
            self._hand_over(live, gradient, readout, offset)
            return loss + penalise(self.network, self.objective, (stop - first) / self.trials.n_steps)

    def _block(self, circuit: Circuit, first: int, stop: int) -> tuple[Tensor, list[Step]]:
        """The loss of some steps, and the steps."""
        trials, alpha, phi = self.trials, circuit.alpha, circuit.activation
        inputs = trials.inputs[:, first:stop]
        with torch.no_grad():
            drive = torch.nn.functional.linear(inputs, circuit.W_in, circuit.bias)
            inside, kick = self._noise(circuit, first, stop)
            drive = drive if inside is None else drive + inside
            states = kernels.integrate(
                self.state, drive, circuit.W_rec, alpha, activation=phi, form=circuit.form, kick=kick
            )
            before = torch.cat([self.state[:, None], states[:, :-1]], 1)
            current_form = circuit.form == "current"
            rate, rate_before = (phi(states), phi(before)) if current_form else (states, before)
            potential = rate_before @ circuit.W_rec.t() + drive
            if current_form:
                gain, slope, slope_before = (
                    alpha.expand_as(states),
                    phi.derivative(states),
                    phi.derivative(before),
                )
            else:
                gain, slope, slope_before = alpha * phi.derivative(potential), *[torch.ones_like(states)] * 2
            pace = None
            if self.columns.alpha:
                pace = (potential if current_form else phi(potential)) - before
                if inside is not None:
                    pace = pace - gain * inside / (2 * alpha)
                if kick is not None:
                    pace = pace + kick / (2 * alpha)
            ones = [states.new_ones(*states.shape[:2], 1)] if self.columns.bias else []
            presynaptic = torch.cat([rate_before, inputs, *ones], 2)
            self.state = states[:, -1]
        output = torch.nn.functional.linear(rate, circuit.W_out, circuit.bias_out)
        run = Trajectory(states, rate, output, self.state)
        loss, error, direct = errors_of(self.objective, trials, run, first)
        valid = trials.valid
        after = torch.cat([valid[:, 1:], torch.zeros_like(valid[:, :1])], 1)
        ends = valid * (1 - after)
        steps = [
            Step(
                t,
                circuit,
                self.columns,
                gain[:, k],
                slope_before[:, k],
                presynaptic[:, k],
                None if pace is None else pace[:, k],
                drive[:, k],
                None if kick is None else kick[:, k],
                states[:, k],
                slope[:, k],
                rate[:, k],
                trials.targets[:, t],
                error[:, k],
                direct[:, k],
                valid[:, t],
                ends[:, t],
            )
            for k, t in enumerate(range(first, stop))
        ]
        return loss, steps

    def _noise(self, circuit: Circuit, first: int, stop: int) -> tuple[Tensor | None, Tensor | None]:
        """Noise inside the activation and on the state, in the steps asked for."""
        network = self.network
        if network.sigma_rec == 0:
            return None, None
        noise = kernels.Noise(network.sigma_rec, network.noise, self.key, first_step=first)
        numbers = noise.numbers(self.trials.n_trials, stop - first, network.n_units, self.state)
        return placed_noise(network, circuit, numbers)

    def _hand_over(self, live: Circuit, gradient: Tensor, readout: Tensor, offset: Tensor) -> None:
        """Through the effective matrices to the parameters."""
        n, synaptic = self.columns.n_units, self.columns.synaptic
        found: list[tuple[Tensor | None, Tensor]] = [
            (live.W_rec, gradient[:, :n]),
            (live.W_in, gradient[:, n : n + self.columns.n_inputs]),
            (live.W_out, readout),
            (live.bias_out, offset),
        ]
        if self.columns.bias:
            found.append((live.bias, gradient[:, synaptic - 1]))
        if self.columns.alpha:
            found.append((live.alpha, gradient[:, synaptic]))
        if self.columns.start:
            found.append((self.network.start, gradient[:, -1]))
        hand_over([(value, each.contiguous()) for value, each in found])


def _detached(circuit: Circuit) -> Circuit:
    """The same numbers, out of reach of autograd."""
    bias, bias_out = (None if each is None else each.detach() for each in (circuit.bias, circuit.bias_out))
    return circuit._replace(
        W_rec=circuit.W_rec.detach(),
        W_in=circuit.W_in.detach(),
        bias=bias,
        W_out=circuit.W_out.detach(),
        bias_out=bias_out,
        alpha=circuit.alpha.detach(),
    )
