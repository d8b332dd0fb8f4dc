"""Gradients as a graph, for implementations that go back once, with one gradient."""

__all__ = ["differentiable", "needs_graph"]

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from neurornn.kernels._problem import Request
from neurornn.kernels._reference import run_reference


def needs_graph(gradients: Sequence[Tensor | None]) -> bool:
    """Whether the gradients that arrive ask for more than one plain way back.

    Args:
        gradients: What arrives.

    Returns:
        True if what is returned will be differentiated again, or if these are many gradients at once.
    """
    functorch = torch._C._functorch
    return (
        torch.is_grad_enabled()
        or functorch.peek_interpreter_stack() is not None
        or any(each is not None and functorch.is_legacy_batchedtensor(each) for each in gradients)
    )


def differentiable(
    request: Request,
    tensors: Sequence[Tensor | None],
    gradients: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """The gradients of a run as a graph, by running the reference.

    Args:
        request: What the run was asked to do; of its circuit activation and form alone count.
        tensors: ``W_rec, W_in, bias, W_out, bias_out, alpha, inputs, start``.
        gradients: What arrives at output, final state, states, rates and, stacked last, sizes and squares of the rates.

    Returns:
        A gradient for each of the tensors that takes one.
    """
    with torch.enable_grad():
        W_rec, W_in, bias, W_out, bias_out, alpha, inputs, start = (cast(Tensor, each) for each in tensors)
        again = request.circuit._replace(
            W_rec=W_rec, W_in=W_in, bias=bias, W_out=W_out, bias_out=bias_out, alpha=alpha
        )
        run = run_reference(again, inputs, start, request.noise, request.credit, costs=request.costs)
        mean = torch.stack([run.mean_abs_rate, run.mean_square_rate], -1) if request.costs else None  # type: ignore[list-item]
        results = (run.output, run.final, run.state, run.rate, mean)
        pairs = [(y, g) for y, g in zip(results, gradients, strict=True) if y is not None and g is not None]
        wanted = [each for each in tensors if each is not None and each.requires_grad]
        found = iter(
            torch.autograd.grad(
                [y for y, _ in pairs], wanted, [g for _, g in pairs], create_graph=True, allow_unused=True
            )
        )
    return [next(found) if each is not None and each.requires_grad else None for each in tensors]
