"""The compiled loop as one node of the autograd graph."""

__all__ = ["run_compiled"]

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurornn.kernels._cpu._engine import Arriving, Forward, Matrices
from neurornn.kernels._problem import Credit, DiagonalHop, ExactHop, FixedHop, Request, Run, run_of
from neurornn.kernels._twice import differentiable, needs_graph


def run_compiled(request: Request, inputs: Tensor, start: Tensor) -> Run:
    """A run in compiled code.

    Args:
        request: What is wanted, of a network in single or double precision on the CPU.
        inputs: Inputs ``(batch, time, input)``.
        start: States before the first step ``(batch, unit)``.

    Returns:
        The run; every array is differentiable once, and twice through the reference.
    """
    return run_of(_Loop.apply(request, *request.tensors(inputs, start)))


class _Loop(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, request: Request, *tensors: Tensor | None) -> tuple[Tensor | None, ...]:
        circuit, noise = request.circuit, request.noise
        W_rec, W_in, bias, W_out, bias_out, alpha, inputs, start = (_array(each) for each in tensors)
        inside, outside = (
            (torch.zeros_like(tensors[5]),) * 2  # type: ignore[arg-type]
            if noise is None
            else noise.scales(tensors[5].detach(), circuit.form)  # type: ignore[union-attr]
        )
        keep = request.watched and any(ctx.needs_input_grad)  # which say the same under no_grad
        run = Forward(
            Matrices(W_rec, W_in, bias, W_out, bias_out, alpha, inside.numpy(), outside.numpy()),
            circuit.form,
            circuit.activation.name,
            np.ascontiguousarray(inputs),
            start,
            None
            if noise is None
            else noise.key or 0
            if noise.values is None
            else np.ascontiguousarray(_array(noise.values)),
            0 if noise is None else noise.first_step,
            record=request.record,
            costs=request.costs,
            keep=keep,
            states=ctx.needs_input_grad[6],
            checkpoint_every=request.checkpoint_every,
        )
        ctx.set_materialize_grads(False)
        n, kept = run.n_units, torch.from_numpy(run.kept)
        states = rates = None
        if request.record:
            rates = torch.from_numpy(run.rates)[:, :, :n]
            states = rates if run.states is run.rates else kept[:, :, :n]
        results = (
            torch.from_numpy(run.output),
            torch.from_numpy(np.ascontiguousarray(run.final)),
            states,
            None if states is rates else rates,
            torch.from_numpy(run.costs / n) if request.costs else None,
        )
        if keep:  # torch refuses to go back if one of these was changed, and lets go of them afterwards
            ctx.save_for_backward(*tensors, kept, None if noise is None else noise.values)
            run.forget()
            ctx.run, ctx.request = run, request
        return results

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        *tensors, kept, _ = ctx.saved_tensors
        run, request = ctx.run, ctx.request
        credit = request.credit
        if needs_graph(gradients):
            return None, *differentiable(request, tensors, gradients)
        at_output, at_final, at_state, at_rate, at_mean = (_contiguous(each) for each in gradients)
        if at_mean is not None:
            at_mean = at_mean / run.n_units * np.array([1, 2], at_mean.dtype)
        feedback = tensors[3] if credit.feedback is None else credit.feedback
        needed = ctx.needs_input_grad[1:]
        found = run.adjoint(
            kept.numpy(),
            Arriving(at_output, at_mean, at_state, at_rate, at_final),
            _hop(tensors[0], credit),
            _array(feedback),
            alpha=needed[5],
            inputs=needed[6],
        )
        order = (
            found.W_rec,
            found.W_in,
            found.bias,
            found.W_out,
            found.bias_out,
            found.alpha,
            found.inputs,
            found.start,
        )
        return None, *(
            torch.from_numpy(np.ascontiguousarray(each)) if wanted else None
            for each, wanted in zip(order, needed, strict=True)
        )


def _hop(W_rec: Tensor, credit: Credit) -> NDArray[Any] | None:
    match credit.hop:
        case ExactHop():
            return _array(W_rec)
        case DiagonalHop():
            return _array(W_rec.diagonal())
        case FixedHop(matrix):
            return _array(matrix)
    return None


def _array(tensor: Tensor | None) -> Any:
    return None if tensor is None else tensor.detach().numpy()


def _contiguous(tensor: Tensor | None) -> Any:
    return None if tensor is None else np.ascontiguousarray(_array(tensor))
