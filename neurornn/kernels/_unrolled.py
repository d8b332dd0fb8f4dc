"""A run cut into stretches: what is carried from one to the next, forwards and back."""

__all__ = ["Arriving", "CutRequest", "Lender", "Unrolled", "fresh"]

import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from neurornn.kernels._device_noise import key_words
from neurornn.kernels._loops import Stretch
from neurornn.kernels._plan import Backward, Plan
from neurornn.kernels._problem import DiagonalHop, ExactHop, FixedHop, Request


class Lender(Protocol):
    """Where stretches come from."""

    def __call__(self, plan: Plan, *, back: bool) -> AbstractContextManager[Stretch]:
        """A stretch for the body of a ``with``, whose tensors hold arbitrary numbers.

        Args:
            plan: What it is made of.
            back: Whether it is asked for on the way back.
        """


@contextmanager
def fresh(plan: Plan, *, back: bool) -> Iterator[Stretch]:
    """A stretch of its own for whoever asks, whose operations are carried out as Python comes to them.

    Args:
        plan: What it is made of.
        back: Makes no difference.

    Yields:
        The stretch.
    """
    yield Stretch(plan)


@dataclass(frozen=True, eq=False, kw_only=True)
class CutRequest(Request):
    """A request, and how the run is cut into stretches.

    Attributes:
        lend: Where stretches come from.
        longest: Steps of a stretch.
    """

    lend: Lender
    longest: int


class Arriving(NamedTuple):
    """Gradients with respect to what a run gave; None where there is none."""

    output: Tensor | None
    final: Tensor | None
    state: Tensor | None
    rate: Tensor | None
    mean: Tensor | None


class Unrolled:
    """A run from its first stretch to the last and back.

    Attributes:
        starts: States before the stretches, as far as they are kept.
        kept: Activity of the stretches, as far as it is kept.

    Args:
        request: What it is asked to do.
        circuit: ``W_rec, W_in, bias, W_out, bias_out, alpha``.
        inputs: Inputs ``(batch, time, input)``.
        start: States before the first step ``(batch, unit)``.
        needed: Which of all these need a gradient; None if there will be no way back.
    """

    def __init__(
        self,
        request: CutRequest,
        circuit: Sequence[Tensor | None],
        inputs: Tensor,
        start: Tensor,
        needed: Sequence[bool] | None,
    ) -> None:
        self.request, self.circuit, self.inputs, self.start = request, circuit, inputs, start
        n_steps, step = inputs.shape[1], max(1, request.longest)
        self.bounds = [(first, min(first + step, n_steps)) for first in range(0, n_steps, step)]
        every = request.checkpoint_every
        self.group = max(1, len(self.bounds) if every is None else -(-every // step))
        self.starts: list[Tensor] = []
        self.kept: list[Tensor] = []
        hop = request.credit.hop
        self.backward_plan = None
        if needed is not None:
            kind = "matrix" if isinstance(hop, ExactHop | FixedHop) else "none"
            self.backward_plan = Backward(
                "diagonal" if isinstance(hop, DiagonalHop) else kind,  # type: ignore[arg-type]
                alpha=needed[5],
                inputs=needed[6],
                recorded=request.record,
            )

    def forward(self) -> tuple[Tensor | None, ...]:
        """Run to the end.

        Returns:
            Output, final state, states, rates unless they are the states, and the mean sizes and squares of the rates.
        """
        inputs, request = self.inputs, self.request
        n_trials, n_steps, _ = inputs.shape
        n_outputs, n_units = request.circuit.W_out.shape
        output = inputs.new_empty(n_trials, n_steps, n_outputs)
        mean = inputs.new_empty(n_trials, n_steps, 2) if request.costs else None
        shape, current = (n_trials, n_steps, n_units), request.circuit.form == "current"
        states = inputs.new_empty(shape) if request.record else None
        rates = inputs.new_empty(shape) if request.record and current else None
        state = self.start.clone()
        for index, (first, stop) in enumerate(self.bounds):
            with self._stretch(first, stop, state, back=False) as stretch:
                stretch.forward()
                if self.backward_plan is not None:
                    self._remember(index, state, stretch)
                output[:, first:stop] = stretch.output.transpose(0, 1)
                if states is not None:
                    states[:, first:stop] = stretch.states.transpose(0, 1)
                if rates is not None:
                    rates[:, first:stop] = stretch.rates[1:].transpose(0, 1)
                if mean is not None:
                    mean[:, first:stop] = stretch.sizes.permute(2, 1, 0)
                state = stretch.states[-1].clone()
        return output, state, states, rates, mean

    def backward(self, arriving: Arriving) -> list[Tensor | None]:
        """Run back to the start.

        Args:
            arriving: Gradients of what :meth:`forward` gave.

        Returns:
            Gradients of the circuit, the inputs (None if they are not needed) and the start.
        """
        plan = self._plan(1)
        total = self.inputs.new_zeros(sum(map(math.prod, plan.shapes)))
        at_inputs = (
            torch.empty_like(self.inputs) if self.backward_plan and self.backward_plan.inputs else None
        )
        at_start, later = arriving.final, None
        for head in range((len(self.bounds) - 1) // self.group * self.group, -1, -self.group):
            starts, kept = self._activity(head)
            for index in range(head + len(kept) - 1, head - 1, -1):
                first, stop = self.bounds[index]
                with self._stretch(first, stop, starts[index - head], back=True) as stretch:
                    stretch.kept.copy_(kept[index - head])
                    self._arrive(stretch, slice(first, stop), arriving, later)
                    stretch.backward()
                    later, at_start = [each.clone() for each in stretch.earlier], stretch.at_start.clone()
                    total += stretch.gradient
                    if at_inputs is not None:
                        at_inputs[:, first:stop] = stretch.at_inputs.transpose(0, 1)
        return [*plan.parts(total), at_inputs, at_start]

    def _remember(self, index: int, state: Tensor, stretch: Stretch) -> None:
        whole = self.request.checkpoint_every is None
        if whole or index % self.group == 0:
            self.starts.append(state)
        if whole:
            self.kept.append(stretch.kept.clone())

    def _plan(self, n_steps: int) -> Plan:
        request, noise = self.request, self.request.noise
        n_trials, _, n_inputs = self.inputs.shape
        n_outputs, n_units = request.circuit.W_out.shape
        return Plan(
            n_steps,
            n_trials,
            n_inputs,
            n_units,
            n_outputs,
            form=request.circuit.form,
            activation=request.circuit.activation,
            noise="none" if noise is None else "drawn" if noise.values is None else "given",
            inside=noise is not None and noise.place == "input",
            costs=request.costs,
            backward=self.backward_plan,
            dtype=self.inputs.dtype,
            device=self.inputs.device,
        )

    @contextmanager
    def _stretch(self, first: int, stop: int, state: Tensor, *, back: bool) -> Iterator[Stretch]:
        """A stretch with everything written in that the way forwards and the way back both need."""
        noise = self.request.noise
        W_rec, W_in, bias, W_out, bias_out, alpha = self.circuit
        with self.request.lend(self._plan(stop - first), back=back) as stretch:
            for place, value in (
                (stretch.W_rec, W_rec),
                (stretch.W_in, W_in),
                (stretch.bias, bias),
                (stretch.W_out, W_out),
                (stretch.bias_out, bias_out),
                (stretch.alpha, alpha),
                (stretch.inputs, self.inputs[:, first:stop].transpose(0, 1)),
                (stretch.start, state),
            ):
                _fill(place, value)
            if noise is not None:
                torch.mul(torch.sqrt(2 / stretch.alpha), noise.sigma, out=stretch.loud)
                if noise.values is None:
                    key_words(stretch.words, noise.key or 0, noise.first_step + first)
                else:
                    stretch.xi.copy_(noise.values[:, first:stop].transpose(0, 1))
            yield stretch

    def _activity(self, head: int) -> tuple[list[Tensor], list[Tensor]]:
        """States before the stretches of a group and their activity, computed again if it was not kept."""
        if self.request.checkpoint_every is None:
            return self.starts, self.kept
        starts, kept = [self.starts[head // self.group]], []
        for first, stop in self.bounds[head : head + self.group]:
            with self._stretch(first, stop, starts[-1], back=True) as stretch:
                stretch.forward()
                kept.append(stretch.kept.clone())
                starts.append(stretch.states[-1].clone())
        return starts, kept

    def _arrive(
        self, stretch: Stretch, steps: slice, arriving: Arriving, later: Sequence[Tensor] | None
    ) -> None:
        """Write in what only the way back needs."""
        credit, (W_rec, _, _, W_out, *_) = self.request.credit, self.circuit
        match credit.hop:
            case ExactHop():
                _fill(stretch.hop, W_rec)
            case FixedHop(matrix):
                _fill(stretch.hop, matrix)
            case DiagonalHop():
                _fill(stretch.hop, self.request.circuit.W_rec.detach().diagonal())
        _fill(stretch.feedback, W_out if credit.feedback is None else credit.feedback)
        _fill(stretch.at_output, _steps_first(arriving.output, steps))
        if self.request.record:
            at_rate = _steps_first(arriving.rate, steps)
            at_state = _steps_first(arriving.state, steps)
            if stretch.current:
                _fill(stretch.at_state, at_state)
                _fill(stretch.at_rate, at_rate)
            else:  # the states are the rates
                _fill(stretch.at_rate, at_state)
        if self.request.costs:
            _fill(
                stretch.at_sizes, None if arriving.mean is None else arriving.mean[:, steps].permute(2, 1, 0)
            )
        _fill(stretch.at_last, arriving.final if later is None else None)
        for number, place in enumerate(stretch.later):
            _fill(place, None if later is None else later[number])


def _steps_first(gradient: Tensor | None, steps: slice) -> Tensor | None:
    return None if gradient is None else gradient[:, steps].transpose(0, 1)


def _fill(place: Tensor, value: Tensor | None) -> None:
    if value is None:
        place.zero_()
    else:
        place.copy_(value)
