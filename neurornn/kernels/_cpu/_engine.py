"""One run of the compiled loop and its adjoint, on arrays."""

__all__ = ["Adjoint", "Arriving", "Forward"]

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurornn._share import share
from neurornn.kernels._cpu._backward import STEPS, backward, backward_space
from neurornn.kernels._cpu._forward import forward, forward_space
from neurornn.kernels._cpu._product import pack
from neurornn.kernels._cpu._rows import rated, variant
from neurornn.kernels._cpu._vector import LANES
from neurornn.kernels._cpu._workspace import lend

_Array = NDArray[Any]
_BLOCK: Final = 16  # rows of the batch whose gradients are summed together, at most


class Matrices(NamedTuple):
    """A circuit in arrays; ``alpha`` and the noise scales have one number for each unit."""

    W_rec: _Array
    W_in: _Array
    bias: _Array | None
    W_out: _Array
    bias_out: _Array | None
    alpha: _Array
    inside: _Array
    outside: _Array


@dataclass
class Arriving:
    """Gradients with respect to what a run gave; None where there is none."""

    output: _Array | None
    costs: _Array | None
    state: _Array | None
    rate: _Array | None
    final: _Array | None


@dataclass
class Adjoint:
    """Gradients with respect to what a run was given."""

    W_rec: _Array
    W_in: _Array
    bias: _Array
    W_out: _Array
    bias_out: _Array
    alpha: _Array | None
    inputs: _Array | None
    start: _Array


class Forward:
    """A run: it fills its arrays when it is made, and keeps what the adjoint needs.

    Args:
        matrices: The circuit.
        form: ``"current"`` or ``"rate"``.
        activation: Name of the activation.
        inputs: Inputs ``(batch, time, input)``.
        start: States before the first step ``(batch, unit)``.
        noise: Given normal numbers, the key of numbers to draw, or None.
        first_step: Number of the first step.
        record: Whether states and rates are recorded.
        costs: Whether sizes and squares of the rates are summed.
        keep: Whether the adjoint will be asked for.
        states: Whether it needs the states themselves, as the gradient of ``alpha`` does; it may do with rates otherwise.
        checkpoint_every: Keep no activity but the states so many steps apart.
    """

    def __init__(
        self,
        matrices: Matrices,
        form: str,
        activation: str,
        inputs: _Array,
        start: _Array,
        noise: _Array | int | None,
        first_step: int,
        *,
        record: bool = False,
        costs: bool = False,
        keep: bool = False,
        states: bool = False,
        checkpoint_every: int | None = None,
    ) -> None:
        self.matrices, self.inputs, self.code = matrices, inputs, variant(form, activation)
        self.rated = -1 if record or states or not keep else rated(form, activation)
        self.kind = inputs.dtype
        self.n_trials, self.n_steps, self.n_inputs = inputs.shape
        self.n_outputs, self.n_units = matrices.W_out.shape
        self.lanes = LANES[self.kind.itemsize]
        self.width = -(-self.n_units // self.lanes) * self.lanes
        given, key = (noise, 0) if isinstance(noise, np.ndarray) else (self._nothing(3), noise or 0)
        self.noise = (given, np.uint32(key & 0xFFFFFFFF), np.uint32(key >> 32))
        self.first_step = first_step if isinstance(noise, int) else -1 - self.n_steps
        self.units = self._units()
        n, width = self.n_units, self.width
        recurrent = self._blank(width + 1 + self.n_inputs, width)
        recurrent[:n, :n], recurrent[width + 1 :, :n] = matrices.W_rec.T, matrices.W_in.T
        readout = self._blank(width + 1, -(-self.n_outputs // self.lanes) * self.lanes)
        readout[:n, : self.n_outputs] = matrices.W_out.T
        if matrices.bias is not None:
            recurrent[width, :n] = matrices.bias
        if matrices.bias_out is not None:
            readout[width, : self.n_outputs] = matrices.bias_out
        self.recurrent, self.readout = self._packed(recurrent), self._packed(readout)

        padded = lend((self.n_trials, width), self.kind)
        padded[:, :n], padded[:, n:] = start, 0
        self.starts = [padded]
        self.output = lend((self.n_trials, self.n_steps, self.n_outputs), self.kind)
        shape = (self.n_trials, self.n_steps, width)
        rate_form = self.code % 2 == 1
        whole = (record and not rate_form) or (keep and checkpoint_every is None)
        self.every = self.n_steps if whole else min(checkpoint_every or self.n_steps, self.n_steps)
        self.kept = lend(shape, self.kind) if whole else self._nothing(3)
        self.rates = lend(shape, self.kind) if record else self._nothing(3)
        self.costs = lend((self.n_trials, self.n_steps, 2), self.kind) if costs else self._nothing(3)
        self.anchors = self._anchors(self.n_steps) if keep and whole else self._nothing(3)
        state = padded.copy()
        for begins in range(0, self.n_steps, self.every):
            if begins:
                self.starts.append(state.copy())
            n_steps = min(self.every, self.n_steps - begins)
            self._run(begins, n_steps, state, self.kept, self.rates, self.anchors, self.output, self.costs)
        self.final = state[:, :n]
        self.states = self.rates if rate_form else self.kept

    def forget(self) -> None:
        """Let go of all that was recorded: the adjoint is given what it needs of it."""
        self.output = self.final = self.rates = self.states = self.costs = self.kept = self._nothing(3)

    def adjoint(
        self,
        activity: _Array,
        arriving: Arriving,
        hop: _Array | None,
        feedback: _Array,
        *,
        alpha: bool,
        inputs: bool,
    ) -> Adjoint:
        """Gradients of everything that went in.

        Args:
            activity: What the run kept.
            arriving: Gradients of what came out.
            hop: Matrix ``(post, pre)`` or diagonal through which credit goes back in time, or None.
            feedback: Matrix ``(output, unit)`` that carries the errors of the outputs to the units.
            alpha: Whether the gradient of ``alpha`` is wanted.
            inputs: Whether that of the inputs is.

        Returns:
            The gradients.
        """
        n, width, n_outputs = self.n_units, self.width, self.n_outputs
        weights = self._blank((width if hop is not None and hop.ndim == 2 else 0) + n_outputs, width)
        weights[-n_outputs:, :n] = feedback
        diagonal: _Array = np.zeros(width, self.kind)
        if hop is not None and hop.ndim == 2:
            weights[:n, :n] = hop
        elif hop is not None:
            diagonal[:n] = hop
        packed, to_inputs = self._packed(weights), self._nothing(1)
        if inputs and self.n_inputs:
            matrix = self._blank(width, -(-self.n_inputs // self.lanes) * self.lanes)
            matrix[:n, : self.n_inputs] = self.matrices.W_in
            to_inputs = self._packed(matrix)
        bounds = self._blocks()
        n_blocks, q_width = len(bounds) - 1, -(-(width + n_outputs) // self.lanes) * self.lanes
        rows = int(np.diff(bounds).max(initial=0))
        space = backward_space(width, self.n_inputs, n_outputs, self.lanes, rows)
        errors = (
            np.zeros((self.n_trials, self.n_steps, n_outputs), self.kind)
            if arriving.output is None
            else arriving.output
        )
        others = [
            self._nothing(2 if name == "final" else 3) if array is None else array
            for name, array in vars(arriving).items()
            if name != "output"
        ]
        carried = [self._blank(self.n_trials, width) for _ in range(2)]
        gradient = self._blank(n_blocks, width + n_outputs, width)
        beside = self._blank(n_blocks, 1 + self.n_inputs, q_width)
        at_alpha = np.zeros((n_blocks, n) if alpha else (0, 0), self.kind)
        at_inputs = np.zeros(self.inputs.shape, self.kind) if inputs else self._nothing(3)
        last = len(self.starts) - 1
        for segment in range(last, -1, -1):
            begins = segment * self.every
            n_steps = min(self.every, self.n_steps - begins)
            kept, anchors = activity, self.anchors
            if kept.shape[0] == 0:
                kept, anchors = lend((self.n_trials, n_steps, width), self.kind), self._anchors(n_steps)
                no = self._nothing(3)
                silent = np.zeros((0, 0, n_outputs), self.kind)
                self._run(begins, n_steps, self.starts[segment].copy(), kept, no, anchors, silent, no)

            def work(first: int, stop: int) -> None:
                backward(
                    first, stop, bounds, self.code, self.rated, self.lanes, lend((space,), self.kind),
                    0 if hop is None else 1 if hop.ndim == 2 else 2, packed, diagonal, to_inputs, self.units,
                    self.inputs, kept, self.starts[segment], anchors, begins, *self.noise, self.first_step,  # noqa: B023
                    errors, *others, *carried, gradient, beside, at_alpha, at_inputs,
                )  # fmt: skip

            share(work, n_blocks, 2 * self._nanoseconds(n_steps))
        total, rest = (each[0] if n_blocks == 1 else each.sum(0) for each in (gradient, beside))
        return Adjoint(
            W_rec=total[:n, :n],
            W_in=rest[1:, :n].T,
            bias=rest[0, :n],
            W_out=total[width:, :n],
            bias_out=rest[0, width : width + n_outputs],
            alpha=at_alpha.sum(0) if alpha else None,
            inputs=at_inputs if inputs else None,
            start=carried[0][:, :n],
        )

    def _run(
        self,
        begins: int,
        n_steps: int,
        state: _Array,
        kept: _Array,
        rates: _Array,
        anchors: _Array,
        output: _Array,
        costs: _Array,
    ) -> None:
        def work(first: int, last: int) -> None:
            scratch = lend((forward_space(self.width, self.n_inputs, self.n_outputs, self.lanes),), self.kind)
            forward(
                first, last, self.code, self.rated, self.lanes, scratch, self.recurrent, self.readout, self.units,
                self.inputs, begins, n_steps, state, *self.noise, self.first_step,
                kept, rates, anchors, STEPS, output, costs,
            )  # fmt: skip

        share(work, self.n_trials, self._nanoseconds(n_steps))

    def _units(self) -> _Array:
        units = self._blank(5, self.width)
        units[0, : self.n_units] = self.matrices.alpha
        np.subtract(1, units[0], out=units[1])
        units[2, : self.n_units], units[3, : self.n_units] = self.matrices.inside, self.matrices.outside
        units[4, : self.n_units] = 1
        return units

    def _blank(self, *shape: int) -> _Array:
        blank = lend(shape, self.kind)
        blank.fill(0)
        return blank

    def _packed(self, matrix: _Array) -> _Array:
        packed = lend((matrix.size,), self.kind)
        pack(matrix, packed, self.lanes)
        return packed

    def _anchors(self, n_steps: int) -> _Array:
        return (
            lend((self.n_trials, n_steps // STEPS, self.width), self.kind)
            if self.code % 2
            else self._nothing(3)
        )

    def _blocks(self) -> _Array:
        """Bounds of the blocks of the batch: an even number of them, fewer where their sums would outgrow the activity."""
        size = (self.width + self.n_outputs) * (self.width + self.n_inputs + self.lanes)
        n_blocks = min(self.n_trials, -(-self.n_trials // (2 * _BLOCK)) * 2)
        while n_blocks > 2 and n_blocks * size > self.n_trials * self.n_steps * self.width:
            n_blocks -= 2
        return np.array([self.n_trials * i // max(1, n_blocks) for i in range(n_blocks + 1)], np.int64)

    def _nanoseconds(self, n_steps: int) -> float:
        """How long the forward loop takes on one thread, roughly."""
        return self.n_trials * n_steps * (20 + self.width + self.width**2 / 200)

    def _nothing(self, ndim: int) -> _Array:
        return np.zeros((0,) * ndim, self.kind)
