"""A recurrent matrix of given rank fitted to the activity of a network: first guess and descent."""

__all__ = ["descend", "regressed"]

import logging
import math
from collections.abc import Callable
from typing import Any, Final

import torch
from torch import Tensor

from neurornn._threads import single_threaded
from neurornn.analysis.low_rank._parts import Free, Parts, Target, parts_of, truncated

_log = logging.getLogger(__name__)
_CHUNK: Final = 10  # iterations between looks at the progress
_FLOOR: Final = 1e-10  # a loss below which nothing is left to explain


def regressed(target: Target, rank: int, free: Free) -> Parts:
    r"""The matrix of given rank that comes closest to the recurrent input in the trials, in closed form.

    .. math:: \min_{\mathrm{rank} \hat W = k} \sum_t |(W - \hat W)\,\tilde r_t|^2
        \quad\Rightarrow\quad \hat W = U_k U_k^\top W, \qquad W \tilde C^{1/2} = U S V^\top

    (the truncated matrix for a network that does not say what its rates are), where :math:`\tilde r` are the rates, less what inputs and biases explain of them where these are free, and
    :math:`\tilde C` is their second moment. The part of the recurrent input that inputs and biases explain is given to
    them.

    Args:
        target: What is to be reproduced.
        rank: The rank.
        free: What may change beside the matrix.

    Returns:
        The parameters.
    """
    W = target.network.W_rec
    rate_of: Any = getattr(target.network, "rate", None)
    if not callable(rate_of):
        return truncated(target.network, rank)
    before = torch.cat([rate_of(target.start)[:, None], target.rate[:, :-1]], 1)
    inside = target.inside[..., 0] > 0
    r, u = before[inside], target.inputs[inside]
    columns = [u] * free.inputs + [torch.ones_like(r[:, :1])] * free.bias
    known = torch.cat(columns, 1) if columns else r.new_zeros(len(r), 0)
    explained = _least_squares(known, r)  # (covariate, unit)
    rest = r - known @ explained
    variance, axes = torch.linalg.eigh(rest.T @ rest / len(r))
    U = torch.linalg.svd(W @ (axes * variance.clamp(min=0.0).sqrt()), full_matrices=False)[0][:, :rank]
    parts = parts_of(target.network, U, W.T @ U)
    moved = explained @ (W - parts.W_rec).T  # (covariate, unit)
    n_inputs = u.shape[1] if free.inputs else 0
    if free.inputs:
        parts = parts._replace(W_in=parts.W_in + moved[:n_inputs].T)
    if free.bias:
        parts = parts._replace(bias=parts.bias + moved[n_inputs])
    return parts


def descend(
    target: Target,
    start: Parts,
    free: Free,
    *,
    output_weight: float,
    n_iterations: int,
    tolerance: float,
    callback: Callable[[int, float], None] | None = None,
) -> tuple[Parts, list[float], bool]:
    r"""Lower the loss :math:`(1 - R^2_{rate}) + \lambda (1 - R^2_{output})` by L-BFGS.

    Args:
        target: What is to be reproduced.
        start: Parameters to start from.
        free: What may change beside the recurrent matrix.
        output_weight: :math:`\lambda`.
        n_iterations: Iterations at most.
        tolerance: The descent has converged when ten iterations lower the loss by less than this share, or 1e-10 is
            all that is left of it.
        callback: Told the number of iterations done and the loss.

    Returns:
        The best parameters, the loss every ten iterations, the first before any, and whether the descent converged; one of no iterations has nothing to converge.
    """
    moving = {"left", "right"} | ({"W_in"} if free.inputs else set()) | ({"bias"} if free.bias else set())
    moving |= {"W_out", "bias_out"} if free.readout else set()
    values = {name: each.detach().clone() for name, each in start._asdict().items()}
    leaves = [
        values[name].requires_grad_() for name in Parts._fields if name in moving and values[name].numel()
    ]

    def loss_of() -> Tensor:
        rate, output = target.unexplained(Parts(**values))
        return rate + output_weight * output

    with torch.no_grad(), single_threaded():
        history = [loss_of().item()]
    best, kept = history[0], [each.detach().clone() for each in leaves]
    converged = history[0] <= _FLOOR or not leaves or n_iterations == 0
    optimizer = torch.optim.LBFGS(
        leaves or [torch.zeros(1)],
        max_iter=_CHUNK,
        history_size=20,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        with torch.enable_grad():
            loss = loss_of()
            loss.backward()
        return loss

    done = 0
    while not converged and done < n_iterations:
        with single_threaded():
            optimizer.step(closure)
            with torch.no_grad():
                loss = loss_of().item()
        done += _CHUNK
        history.append(loss)
        _log.info("low rank %d: iteration %d, loss %.3g", start.left.shape[1], done, loss)
        if callback is not None:
            callback(done, loss)
        if not math.isfinite(loss):
            break
        gained = best - loss
        if loss < best:
            best, kept = loss, [each.detach().clone() for each in leaves]
        converged = best <= _FLOOR or gained <= tolerance * best
    with torch.no_grad():
        for each, value in zip(leaves, kept, strict=True):
            each.copy_(value)
    return Parts(**{name: each.detach() for name, each in values.items()}), history, converged


def _least_squares(known: Tensor, r: Tensor) -> Tensor:
    if known.shape[1] == 0:
        return r.new_zeros(0, r.shape[1])
    found = torch.linalg.lstsq(known.cpu(), r.cpu(), driver="gelsd")  # inputs may be collinear or silent
    return found.solution.to(r)
