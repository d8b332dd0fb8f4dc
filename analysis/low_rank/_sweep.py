"""Reductions of every rank beside each other."""

__all__ = ["sweep"]

import logging
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from neurornn.analysis.low_rank._checks import check_network, freedom, whole_rank
from neurornn.analysis.low_rank._parts import Free
from neurornn.analysis.low_rank._reduce import LowRank, fit, truncate
from neurornn.networks import AbstractNetwork
from neurornn.provenance import provenance
from neurornn.random import derive_seed
from neurornn.simulation import simulate
from neurornn.trials import Trials

_log = logging.getLogger(__name__)
Method = Literal["fitted", "regressed", "truncated"]
_METHODS: tuple[Method, ...] = ("fitted", "regressed", "truncated")


class HasTrials(Protocol):
    """What a sweep needs of a task; every task of the package has it."""

    @property
    def name(self) -> str:
        """Versioned name."""

    def sample(self, n_trials: int, *, seed: int) -> Trials:
        """Trials of a seed."""

    def behaviour(self, trials: Trials, output: Tensor) -> dict[str, NDArray[Any]]:
        """Behavioural variables, among them ``"performance"``."""


def sweep(
    network: AbstractNetwork,
    task: HasTrials,
    *,
    ranks: Sequence[int] = (1, 2, 3, 4, 5),
    methods: Sequence[Method] = _METHODS,
    n_trials: int = 128,
    n_test: int = 256,
    free: Free | None = None,
    output_weight: float = 1.0,
    n_iterations: int = 500,
    tolerance: float = 1e-3,
    margin: float = 0.05,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> xr.Dataset:
    """How well networks of each rank reproduce a network and do its task.

    Three ways to a rank are laid side by side: ``"fitted"`` is :func:`fit`, ``"regressed"`` the closed form it starts
    from, ``"truncated"`` is :func:`truncate`. Each fit is done twice, from the regression and from the fit of the next
    lower rank, and the one with the lower loss is kept, so more rank never fits worse. Fits are judged in trials they have not seen: activity without recurrent
    noise, performance with the noise of the network, the same numbers for every network.

    Args:
        network: Network to reduce; it is left untouched.
        task: Its task.
        ranks: Ranks.
        methods: Which ways.
        n_trials: Trials of the fit.
        n_test: Held-out trials.
        free: What is fitted beside the recurrent matrix: inputs and biases of a :class:`~neurornn.CTRNN` if None, and of
            other networks nothing.
        output_weight: Weight of the outputs in the loss.
        n_iterations: Iterations at most for each fit.
        tolerance: As in :func:`fit`.
        margin: A rank suffices if its mean performance is at most this much below that of the network.
        seed: Seed of trials and noise.
        dtype: Floating-point type of the fits.

    Returns:
        A dataset with, for each ``reduction`` and ``rank``, ``rate_r2`` and ``output_r2`` in held-out trials, ``loss`` in the
        trials of the fit, ``performance (reduction, rank, trial)`` and its mean, ``converged``; the
        ``network_performance`` of each trial; and for each method the ``required_rank``, -1 if no rank suffices.

    Raises:
        TypeError: If the network has no single recurrent matrix.
        ValueError: If a rank or a method does not exist.
    """
    check_network(network)
    wanted = sorted({whole_rank(rank, network) for rank in ranks})
    unknown = [method for method in methods if method not in _METHODS]
    if not wanted or not methods or unknown:
        raise ValueError(
            f"sweep needs at least one rank and methods among {', '.join(_METHODS)}: got ranks={list(ranks)} and "
            f"methods={list(methods)}."
        )
    free = freedom(free, network)
    trials = task.sample(n_trials, seed=derive_seed(seed, "low-rank fit"))
    test = task.sample(n_test, seed=derive_seed(seed, "low-rank test"))
    options: dict[str, Any] = {"test": test, "free": free, "output_weight": output_weight, "tolerance": tolerance,
                               "seed": seed, "dtype": dtype}  # fmt: skip
    own = _performance(network, test, task, seed)
    rows: dict[str, list[dict[str, Any]]] = {method: [] for method in methods}
    last: LowRank | None = None
    for rank in wanted:
        for method in methods:
            if method == "truncated":
                reduced = truncate(network, trials, rank=rank, test=test, dtype=dtype)
            elif method == "regressed":
                reduced = fit(network, trials, rank=rank, n_iterations=0, **options)
            else:
                starts = [None] if last is None else [None, last]
                fits = [
                    fit(network, trials, rank=rank, start=each, n_iterations=n_iterations, **options)
                    for each in starts
                ]
                reduced = last = min(fits, key=lambda each: float(each.result.loss.min()))
            done = _performance(reduced.network, test, task, seed)
            scores = reduced.result.sel(trials="held out")
            row = {name: scores[name].item() for name in ("rate_r2", "output_r2", "converged")}
            rows[method].append(row | {"loss": float(reduced.result.loss.min()), "performance": done})
            _log.info(
                "%s, rank %d: R2 of rates %.4f, of outputs %.4f, performance %.3f (the network: %.3f)",
                method, rank, row["rate_r2"], row["output_r2"], np.nanmean(done), np.nanmean(own),
            )  # fmt: skip
    return _swept(network, task, rows, wanted, own, margin, seed, (n_trials, n_test))


def _performance(network: AbstractNetwork, trials: Trials, task: HasTrials, seed: int) -> NDArray[np.float64]:
    ds = simulate(network, trials, task=task, seed=seed)
    return np.asarray(ds["performance"].values, dtype=np.float64)


def _swept(
    network: AbstractNetwork,
    task: HasTrials,
    rows: dict[str, list[dict[str, Any]]],
    ranks: list[int],
    own: NDArray[np.float64],
    margin: float,
    seed: int,
    counts: tuple[int, int],
) -> xr.Dataset:
    dims, units = ("reduction", "rank"), {"units": "1"}
    names = {
        "rate_r2": "R² of rates",
        "output_r2": "R² of outputs",
        "loss": "loss in the trials of the fit",
        "converged": "the fit converged",
    }
    table = {
        key: np.array([[cell[key] for cell in row] for row in rows.values()])
        for key in (*names, "performance")
    }
    mean = np.nanmean(table["performance"], axis=-1)
    enough = mean >= np.nanmean(own) - margin
    required = [ranks[int(good.argmax())] if good.any() else -1 for good in enough]
    variables: dict[str, Any] = {
        key: (dims, table[key], {"long_name": text, **units}) for key, text in names.items()
    }
    variables |= {
        "performance": ((*dims, "trial"), table["performance"], {"long_name": "performance", **units}),
        "mean_performance": (dims, mean, {"long_name": "mean performance", **units}),
        "network_performance": ("trial", own, {"long_name": "performance of the network", **units}),
        "required_rank": ("reduction", required, {"long_name": "rank the task needs", **units}),
    }
    coords = {
        "reduction": list(rows),
        "rank": ("rank", ranks, {"long_name": "rank", **units}),
        "trial": np.arange(own.size),
    }
    attrs = {"task": task.name, "margin": float(margin), "seed": int(seed), "n_units": network.n_units,
             "n_trials": int(counts[0]), "n_test": int(counts[1])}  # fmt: skip
    return xr.Dataset(variables, coords, provenance("neurornn.LowRankSweep/1") | attrs)
