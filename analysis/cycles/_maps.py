"""Cycles of maps: states that return after some steps."""

__all__ = ["find_map_cycles"]

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn._threads import single_threaded
from neurornn.analysis._system import System, check_drift, freeze
from neurornn.analysis.continuation._jacobian import jacobian
from neurornn.analysis.cycles._checks import held_input, states_of
from neurornn.analysis.cycles._flow import Array
from neurornn.analysis.cycles._shooting import solve_gently
from neurornn.analysis.systems import HasDrift
from neurornn.provenance import provenance

_MOST_ITERATIONS = 30
_UNDECIDED = 1e-7


class _MapCycle(NamedTuple):
    orbit: Array
    multiplier: NDArray[np.complex128]
    residual: float


def find_map_cycles(
    network: HasDrift,
    states: ArrayLike | Tensor,
    *,
    input: ArrayLike | Tensor | None = None,
    n_steps: Sequence[int] = (2, 3, 4, 5, 6, 7, 8),
    n_settle: int = 1000,
) -> xr.Dataset:
    r"""Find the cycles of the map :math:`x \mapsto x + dt\,F(x)`, stable and unstable.

    Newton's method solves :math:`G^p(x) = x` for all states of the cycle at once, from each state and from where
    the map takes it in ``n_settle`` steps. For a network that is a discretised differential equation these cycles
    are as much the work of ``dt`` as of the network; for a :class:`~neurornn.analysis.systems.StepMap` they are its
    own. Multipliers are the eigenvalues of :math:`\partial G^p / \partial x`; the cycle is stable if all are inside
    the unit circle.

    Args:
        network: A network without noise, or any object with ``drift(state, input)`` in 1/ms and ``dt`` in ms.
        states: States to start from, ``(unit,)`` or ``(candidate, unit)``.
        input: Input held, one number for each channel; zero if None.
        n_steps: Lengths of cycles to look for, each at least 2.
        n_settle: Steps taken before the second attempt from each state.

    Returns:
        A dataset. Along ``cycle``, the shortest first: ``n_steps`` (least), ``period``, ``frequency``, ``orbit``
        (also along ``step``; NaN after the last), ``multiplier``, ``n_unstable``, ``stable``, ``residual``. Along
        ``candidate``, ``attempt`` (``"as given"``, ``"settled"``) and ``length``: ``candidate_status`` (``"cycle"``,
        ``"fixed point"``, ``"did not converge"``) and ``candidate_cycle`` (-1 for none).

    Raises:
        TypeError: If the network has no drift, or one of another shape or type than its states.
        ValueError: If the network is noisy or its drift random, or an argument makes no sense.

    Examples:
        The logistic map at r = 3.2 has one cycle of two states, the roots of r^2 x^2 - r (r + 1) x + r + 1.

        >>> from neurornn.analysis.systems import StepMap
        >>> found = find_map_cycles(StepMap(lambda x, u: 3.2 * x * (1 - x), n_units=1), [0.3], n_steps=[2])
        >>> sorted(found.orbit.values.ravel().round(9).tolist()), found.multiplier.values.real.round(9).item()
        ([0.51304451, 0.79945549], 0.16)
    """
    rows = states_of(states, network)
    held = held_input(input, network)
    lengths = [int(each) for each in n_steps]
    if not lengths or min(lengths) < 2 or n_settle < 0:
        raise ValueError(
            f"n_steps holds lengths of at least 2 and n_settle is no negative number: got {lengths} and {n_settle}."
        )
    system = freeze(network, rows.shape[1])
    with torch.no_grad(), single_threaded():
        u = torch.as_tensor(held, device=system.device)
        start = torch.as_tensor(rows, device=system.device)
        check_drift(system, start, u)
        settled = start
        for _ in range(n_settle):
            settled = system.step(settled, u)
        cycles: list[_MapCycle] = []
        ended = [
            [[_follow(system, u, each, p, cycles) for p in lengths] for each in pair]
            for pair in zip(start, settled, strict=True)
        ]
    return _dataset(cycles, ended, lengths, system, held)


def _follow(system: System, u: Tensor, x: Tensor, p: int, cycles: list[_MapCycle]) -> tuple[str, int]:
    found = _solve(system, u, x, p)
    if found is None:
        return "did not converge", -1
    near = 1e-7 * (1 + np.abs(found.orbit).max())
    for d in range(1, p):
        if p % d == 0 and np.abs(found.orbit - np.roll(found.orbit, -d, axis=0)).max() < near:
            if d == 1:
                return "fixed point", -1
            shorter = _solve(system, u, torch.as_tensor(found.orbit[0], device=u.device), d)
            if shorter is None:
                return "did not converge", -1
            found = shorter
            break
    for number, known in enumerate(cycles):
        if known.orbit.shape == found.orbit.shape and any(
            np.abs(known.orbit - np.roll(found.orbit, k, axis=0)).max() < near
            for k in range(len(found.orbit))
        ):
            return "cycle", number
    cycles.append(found)
    return "cycle", len(cycles) - 1


def _solve(system: System, u: Tensor, x: Tensor, p: int) -> _MapCycle | None:
    """Newton's method on all states of a cycle."""
    n = system.n_units
    nodes = [x]
    for _ in range(p - 1):
        nodes.append(system.step(nodes[-1][None], u)[0])
    orbit = torch.stack(nodes)
    limit = 1e3 * (1 + float(orbit.abs().max()))
    last = np.inf
    for _ in range(_MOST_ITERATIONS):
        if not bool(orbit.isfinite().all()) or float(orbit.abs().max()) > limit:
            return None
        steps = np.eye(n) + system.dt * jacobian(system, orbit, u).cpu().numpy()
        gap = (system.step(orbit, u) - orbit.roll(-1, 0)).cpu().numpy()
        A = np.zeros((p * n, p * n))
        for i, step in enumerate(steps):
            rows, after = slice(i * n, (i + 1) * n), (i + 1) % p
            A[rows, rows] += step
            A[rows, after * n : (after + 1) * n] -= np.eye(n)
        move = solve_gently(A, -gap.ravel())
        if move is None:
            return None
        length, size = float(np.linalg.norm(move)), 1 + float(orbit.abs().max())
        if length < 1e-13 * size or (last < 1e-9 * size and length > 0.1 * last):
            product = np.eye(n)
            for step in steps:
                product = step @ product
            values = np.linalg.eigvals(product).astype(np.complex128)
            values = values[np.lexsort((-values.imag, -np.abs(values).round(12)))]
            return _MapCycle(orbit.cpu().numpy(), values, float(np.abs(gap).max()))
        orbit = orbit + torch.as_tensor(move.reshape(p, n), device=u.device)
        last = length
    return None


def _dataset(
    cycles: list[_MapCycle],
    ended: list[list[list[tuple[str, int]]]],
    lengths: list[int],
    system: System,
    held: Array,
) -> xr.Dataset:
    n, longest = system.n_units, max((len(each.orbit) for each in cycles), default=0)
    orbit = np.full((len(cycles), longest, n), np.nan)
    multiplier = np.zeros((len(cycles), n), dtype=np.complex128)
    for k, each in enumerate(cycles):
        orbit[k, : len(each.orbit)], multiplier[k] = each.orbit, each.multiplier
    size = np.abs(multiplier)
    steps = np.array([len(each.orbit) for each in cycles], dtype=np.int64)
    order = np.lexsort(((size > 1).sum(1), steps))
    place = np.append(np.argsort(order), -1)
    period = steps * system.dt

    def column(values: NDArray[np.generic], long_name: str, units: str = "1") -> tuple[object, ...]:
        return ("cycle",), values[order], {"long_name": long_name, "units": units}

    every = ("candidate", "attempt", "length")
    status = np.array([[[text for text, _ in row] for row in pair] for pair in ended])
    number = np.array([[[place[k] for _, k in row] for row in pair] for pair in ended])
    return xr.Dataset(
        {
            "n_steps": column(steps, "steps of the cycle"),
            "period": column(period, "period", "ms"),
            "frequency": column(1e3 / period, "frequency", "Hz"),
            "orbit": (("cycle", "step", "unit"), orbit[order], {"long_name": "state", "units": "1"}),
            "multiplier": (("cycle", "mode"), multiplier[order], {"long_name": "multiplier", "units": "1"}),
            "n_unstable": column((size > 1 + _UNDECIDED).sum(1), "unstable directions"),
            "stable": column(np.asarray((size < 1 - _UNDECIDED).all(1)), "stable"),
            "residual": column(
                np.array([each.residual for each in cycles], dtype=np.float64), "largest gap of the orbit"
            ),
            "inputs": (("input",), held, {"long_name": "input held", "units": "1"}),
            "candidate_status": (every, status, {"long_name": "what became of the guess", "units": "1"}),
            "candidate_cycle": (every, number, {"long_name": "cycle it led to", "units": "1"}),
        },
        coords={
            "step": np.arange(longest),
            "unit": np.arange(n),
            "mode": np.arange(n),
            "attempt": ["as given", "settled"],
            "length": lengths,
        },
        attrs=provenance("neurornn.MapCycles/1") | {"n_cycles": len(cycles), "dt": system.dt},
    )
