"""A network reduced to a given rank, by a fit or by truncation."""

__all__ = ["LowRank", "fit", "truncate"]

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr

from neurornn.analysis.low_rank._checks import check_network, freedom, whole_rank
from neurornn.analysis.low_rank._descend import descend, regressed
from neurornn.analysis.low_rank._parts import Free, Parts, Target, padded, rebuilt, target_of, truncated
from neurornn.networks import CTRNN, AbstractNetwork
from neurornn.provenance import provenance
from neurornn.random import derive_seed, uniform_array
from neurornn.trials import Trials

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class LowRank:
    """A reduced network.

    Attributes:
        network: The network itself, fit for every analysis; its ``W_rec`` has the rank asked for.
        result: ``left`` and ``right`` vectors ``(component, unit)``, orthogonal and of equal length left and right,
            the strongest first; the ``loss`` in the course of the fit; ``rate_r2`` and ``output_r2`` in the trials of the
            fit and in held-out trials (``trials``); ``converged``.
    """

    network: AbstractNetwork
    result: xr.Dataset

    @property
    def rank(self) -> int:
        """The rank."""
        return int(self.result.sizes["component"])


def fit(
    network: AbstractNetwork,
    trials: Trials,
    *,
    rank: int,
    test: Trials | None = None,
    free: Free | None = None,
    start: LowRank | None = None,
    output_weight: float = 1.0,
    n_iterations: int = 500,
    tolerance: float = 1e-3,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    callback: Callable[[int, float], None] | None = None,
) -> LowRank:
    r"""Fit a network of given rank to the rates and outputs of another one, in trials without recurrent noise.

    .. math:: L = \frac{\sum |\hat r - r|^2}{\sum |r - \bar r|^2}
              + \lambda \frac{\sum |\hat y - y|^2}{\sum |y - \bar y|^2}

    over all steps inside the trials, that is :math:`(1 - R^2_{rate}) + \lambda (1 - R^2_{output})`, by L-BFGS through
    time. The descent starts from the matrix of that rank which is closest to the recurrent input in these trials
    (a reduced-rank regression, in closed form); where the network has that rank itself, this is the network.
    Form, activation, time constants, noise, time step and initial state are those of the network. Of a network that is no
    CTRNN the matrix is replaced in a copy, and everything else stays.

    Args:
        network: Network to reduce: a CTRNN, or one whose ``W_rec`` is one of its parameters; it is left untouched.
        trials: Trials of the fit.
        rank: Rank of the recurrent matrix; 0 for none at all.
        test: Held-out trials; a quarter of ``trials``, drawn by the seed, if None.
        free: What is fitted beside the recurrent matrix: inputs and biases of a :class:`~neurornn.CTRNN` if None, and of
            other networks nothing.
        start: Reduced network of the same rank or a lower one to start from instead.
        output_weight: :math:`\lambda`.
        n_iterations: Iterations of L-BFGS at most; 0 keeps the start.
        tolerance: Smallest gain in ten iterations, as a share of the loss, that goes on.
        seed: Seed of the held-out trials and of what fills up a start of lower rank.
        dtype: Floating-point type of the fit.
        callback: Told the number of iterations and the loss every ten iterations.

    Returns:
        The reduced network and how good it is.

    Raises:
        TypeError: If the network has no single recurrent matrix.
        ValueError: If the rank or another number is out of range, or the activity does not vary.

    Examples:
        >>> from neurornn import CTRNN, tasks
        >>> from neurornn.analysis.low_rank import fit
        >>> task = tasks.make("perceptual-decision")
        >>> network = CTRNN(task.n_inputs, 20, task.n_outputs, activation="tanh")
        >>> U, S, Vh = torch.linalg.svd(network.W_rec.detach())
        >>> network.W_rec = (U[:, :2] * S[:2]) @ Vh[:2]
        >>> reduced = fit(network, task.sample(16, seed=0), rank=2)
        >>> bool(reduced.result.rate_r2.sel(trials="held out") > 1 - 1e-9)
        True
    """
    check_network(network)
    rank, free = whole_rank(rank, network), freedom(free, network)
    if start is not None and start.rank > rank:
        raise ValueError(f"start has rank {start.rank}: a fit of rank {rank} cannot start from more.")
    if n_iterations < 0 or not output_weight >= 0 or not tolerance > 0:
        raise ValueError(
            "n_iterations and output_weight must be at least 0 and tolerance above 0: got "
            f"{n_iterations}, {output_weight} and {tolerance}."
        )
    if test is None:
        trials, test = _split(trials, seed)
    for each in (trials, test):
        network.check_trials(each)
    target = target_of(network, trials, dtype)
    held_out = target_of(network, test, dtype)
    parts = regressed(target, rank, free) if start is None else padded(_parts_of(start, target), rank, seed)
    found, history, converged = descend(
        target,
        parts,
        free,
        output_weight=output_weight,
        n_iterations=n_iterations,
        tolerance=tolerance,
        callback=callback,
    )
    result = _result(network, found.canonical(), target, held_out, history, converged)
    return LowRank(
        result[0],
        result[1].assign_attrs(
            reduction="fitted" if n_iterations else "start", output_weight=float(output_weight)
        ),
    )


def truncate(
    network: AbstractNetwork,
    trials: Trials,
    *,
    rank: int,
    test: Trials | None = None,
    dtype: torch.dtype = torch.float64,
) -> LowRank:
    """Keep the leading singular vectors of the recurrent matrix and nothing else changed.

    The singular values do not know which directions the activity visits: this is what a fit has to beat.

    Args:
        network: Network to reduce: a CTRNN, or one whose ``W_rec`` is one of its parameters; it is left untouched.
        trials: Trials in which to compare the two.
        rank: Rank of the recurrent matrix.
        test: Further trials for the comparison; the same ones if None.
        dtype: Floating-point type of the comparison.

    Returns:
        The reduced network and how good it is.

    Raises:
        TypeError: If the network has no single recurrent matrix.
        ValueError: If the rank is out of range.
    """
    check_network(network)
    held = trials if test is None else test
    for each in (trials, held):
        network.check_trials(each)
    target = target_of(network, trials, dtype)
    held_out = target_of(network, held, dtype)
    parts = truncated(target.network, whole_rank(rank, network))
    loss = [float(sum(target.unexplained(parts)))]
    twin, result = _result(network, parts, target, held_out, loss, True)
    return LowRank(twin, result.assign_attrs(reduction="truncated"))


def _split(trials: Trials, seed: int) -> tuple[Trials, Trials]:
    """Three quarters of the trials for the fit and one for the test."""
    if trials.n_trials < 2:
        raise ValueError("One trial cannot be split: pass more, or held-out trials with test=...")
    order = np.argsort(uniform_array(derive_seed(seed, "held out"), trials.n_trials))
    n_test = max(1, trials.n_trials // 4)
    return trials.select(np.sort(order[n_test:])), trials.select(np.sort(order[:n_test]))


def _parts_of(start: LowRank, target: Target) -> Parts:
    like = target.inputs
    left, right = (torch.as_tensor(start.result[name].values.T).to(like) for name in ("left", "right"))
    own: Any = start.network
    if left.shape[0] != target.network.n_units or own.n_inputs != target.network.n_inputs:
        raise ValueError(
            f"start has {left.shape[0]} units and {own.n_inputs} inputs, the network {target.network.n_units} and "
            f"{target.network.n_inputs}: start from a reduction of the same network."
        )
    if not isinstance(own, CTRNN):
        return Parts(left, right, *(like.new_zeros(0) for _ in range(4)))
    rest = (own.W_in, own.bias, own.W_out, own.bias_out)
    sizes = (0, own.n_units, 0, own.n_outputs)
    W_in, bias, W_out, bias_out = (
        like.new_zeros(size) if each is None else each.detach().to(like)
        for each, size in zip(rest, sizes, strict=True)
    )
    return Parts(left, right, W_in, bias, W_out, bias_out)


def _result(
    network: AbstractNetwork,
    parts: Parts,
    target: Target,
    held_out: Target,
    history: list[float],
    converged: bool,
) -> tuple[AbstractNetwork, xr.Dataset]:
    with torch.no_grad():
        scores = np.array([
            [1 - each.item() for each in one.unexplained(parts)] for one in (target, held_out)
        ])
    variables = {
        name: (
            ("component", "unit"),
            getattr(parts, name).T.cpu().numpy(),
            {"long_name": f"{name} vector", "units": "1"},
        )
        for name in ("left", "right")
    }
    result = xr.Dataset(
        {
            **variables,
            "loss": ("iteration", history, {"long_name": "loss", "units": "1"}),
            "rate_r2": ("trials", scores[:, 0], {"long_name": "R² of rates", "units": "1"}),
            "output_r2": ("trials", scores[:, 1], {"long_name": "R² of outputs", "units": "1"}),
            "converged": ((), converged, {"long_name": "the fit converged", "units": "1"}),
        },
        {
            "component": np.arange(parts.left.shape[1]),
            "unit": np.arange(network.n_units),
            "iteration": ("iteration", 10 * np.arange(len(history)), {"units": "1"}),
            "trials": ["fit", "held out"],
        },
        provenance("neurornn.LowRank/1") | {"rank": parts.left.shape[1]},
    )
    return rebuilt(network, parts), result
