"""The loops in plain tensor operations as one node of the autograd graph."""

__all__ = ["run_loops"]

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor

from neurornn.kernels._problem import Circuit, Credit, Noise, Run, run_of
from neurornn.kernels._twice import differentiable, needs_graph
from neurornn.kernels._unrolled import Arriving, CutRequest, Lender, Unrolled, fresh

_NUMBERS: Final = 2**21  # of one tensor of a stretch, at most: a few megabytes
_STEPS: Final = 512  # of a stretch, at most


def run_loops(
    circuit: Circuit,
    inputs: Tensor,
    start: Tensor,
    noise: Noise | None,
    credit: Credit = Credit(),
    *,
    record: bool = True,
    costs: bool = False,
    checkpoint_every: int | None = None,
    lend: Lender = fresh,
    longest: int | None = None,
) -> Run:
    """A run in plain tensor operations with a hand-derived adjoint.

    Args:
        circuit: The network.
        inputs: Inputs ``(batch, time, input)``.
        start: States before the first step ``(batch, unit)``.
        noise: Recurrent noise, or None.
        credit: How gradients are handed back.
        record: Whether states and rates are wanted.
        costs: Whether the sizes and squares of the rates are.
        checkpoint_every: Keep no activity for the backward pass but the states so many steps apart, rounded up to
            whole stretches, and compute the rest again.
        lend: Where stretches come from.
        longest: Steps of a stretch; by default as many as keep its tensors small.

    Returns:
        The run; every array is differentiable once, and twice through the reference.
    """
    n_trials, n_steps, _ = inputs.shape
    size = max(1, n_trials * circuit.W_rec.shape[0])
    request = CutRequest(
        circuit,
        noise,
        credit,
        record,
        costs,
        checkpoint_every,
        lend=lend,
        longest=min(n_steps, longest or max(1, min(_STEPS, _NUMBERS // size))),
    )
    return run_of(_Loop.apply(request, *request.tensors(inputs, start)))  # type: ignore[no-untyped-call]


class _Loop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, request: CutRequest, *tensors: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        ctx.set_materialize_grads(False)
        keep = request.watched and any(ctx.needs_input_grad)  # parameters ask for gradients under no_grad too
        loop = _unrolled(request, tensors, ctx.needs_input_grad[1:] if keep else None)
        with _undisturbed():
            results = loop.forward()
        if keep:
            values = None if request.noise is None else request.noise.values
            ctx.request, ctx.n_starts = request, len(loop.starts)
            # torch refuses to go back if one of these was changed, and lets go of them afterwards
            ctx.save_for_backward(*tensors, values, *loop.starts, *loop.kept)
        return results

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        request, saved = ctx.request, ctx.saved_tensors
        tensors, activity = saved[:8], saved[9:]
        if needs_graph(gradients):
            return None, *differentiable(request, tensors, gradients)
        needed = ctx.needs_input_grad[1:]
        loop = _unrolled(request, tensors, needed)
        loop.starts, loop.kept = list(activity[: ctx.n_starts]), list(activity[ctx.n_starts :])
        with _undisturbed():
            found = loop.backward(Arriving(*gradients))
        return None, *(each if wanted else None for each, wanted in zip(found, needed, strict=True))


def _unrolled(request: CutRequest, tensors: tuple[Tensor, ...], needed: tuple[bool, ...] | None) -> Unrolled:
    *circuit, inputs, start = tensors
    return Unrolled(request, circuit, inputs, start, needed)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Neither autograd nor inference mode meddles with tensors that outlive the call."""
    with torch.inference_mode(False), torch.no_grad():
        yield
