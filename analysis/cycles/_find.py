"""The search for limit cycles as users call it."""

__all__ = ["find_cycles"]

import logging

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn._threads import single_threaded
from neurornn.analysis._system import check_drift, freeze
from neurornn.analysis.cycles._checks import held_input, states_of
from neurornn.analysis.cycles._flow import Array, Flow
from neurornn.analysis.cycles._guess import ATTEMPTS, Guess, guesses
from neurornn.analysis.cycles._shooting import Cycle, n_pieces, shoot
from neurornn.analysis.systems import HasDrift
from neurornn.provenance import provenance

_log = logging.getLogger(__name__)
_SAMPLES = 20  # of a trajectory within one over the rate of the network
_DURATIONS = (
    100,
    1000,
)  # over the rate of the network; the second for trajectories that did not return in the first
_UNDECIDED = 1e-6  # distance of a multiplier from the unit circle that is not told from 0


def find_cycles(
    network: HasDrift,
    states: ArrayLike | Tensor,
    *,
    input: ArrayLike | Tensor | None = None,
    duration: float | None = None,
    n_phases: int = 128,
) -> xr.Dataset:
    r"""Find limit cycles of a network while its input is held, stable and unstable, with their Floquet multipliers.

    From every state three guesses are made: the loop its trajectory ends on, the loop to its first return, and the
    loop its trajectory came from when time is run backwards. Multiple shooting solves for the orbit :math:`x(t)` with
    :math:`\dot x = F(x)` and :math:`x(T) = x(0)` and for the period :math:`T` from each guess. The multipliers are the
    eigenvalues of

    .. math:: M = \frac{\partial x(T)}{\partial x(0)}

    by which small perturbations grow in one period. One of them, along the orbit, is 1 in theory: its distance from
    1 says how accurate all are. The cycle is stable if all others are inside the unit circle. Trajectories are
    integrated by a method of order 8 with a relative tolerance of :math:`10^{-11}` a step. Nothing depends on ``dt``.

    Only cycles that a guess led to are found; a search that finds none says what became of each state.

    Args:
        network: A network without noise, or any object with ``drift(state, input)`` in 1/ms and ``dt`` in ms. It is
            left untouched.
        states: States to start from, ``(unit,)`` or ``(candidate, unit)``.
        input: Input held, one number for each channel; zero if None.
        duration: How long trajectories are followed in ms, forwards and backwards. It must hold some periods and,
            for attracting cycles, the approach. If None 100 over the rate of the network, for a leaky network about
            100 time constants, and ten times as long for trajectories that neither came to rest nor returned.
        n_phases: Number of equal phases at which orbits are given, a multiple of 16.

    Returns:
        A dataset. Along ``cycle``, stable cycles first: ``period``, ``frequency``, ``orbit`` (also along ``phase``,
        in fractions of a period), ``multiplier`` (along ``mode``, the trivial one first, then by size),
        ``trivial_error``, ``n_unstable``, ``stable``, ``marginal`` (a multiplier is not told from the unit circle, as
        in a continuum of cycles), ``amplitude`` (largest peak-to-peak range of a unit), ``residual`` (largest gap of
        the orbit). Along ``candidate`` and ``attempt`` (``"forwards"``, ``"nearby"``, ``"backwards"``):
        ``candidate_status``, ``candidate_converged`` and ``candidate_cycle`` (-1 for none). The attribute ``verdict``
        sums up.

    Raises:
        TypeError: If the network has no drift, or one of another shape or type than its states.
        ValueError: If the network is noisy or its drift random, or an argument makes no sense.

    Examples:
        The normal form of the Hopf bifurcation has a cycle of radius 1 with period 2 pi, and its second multiplier
        is exp(-4 pi).

        >>> from neurornn.analysis.systems import Drift
        >>> def normal_form(state, input):
        ...     x, y = state.unbind(-1)
        ...     r = x**2 + y**2
        ...     return torch.stack([x - y - x * r, x + y - y * r], dim=-1)
        >>> found = find_cycles(Drift(normal_form, n_units=2), [0.3, 0.0])
        >>> found.attrs["verdict"], round(found.period.item(), 8), bool(found.stable.item())
        ('1 cycle found, 1 of them stable', 6.28318531, True)
    """
    rows = states_of(states, network)
    held = held_input(input, network)
    if n_phases < 16 or n_phases % 16:
        raise ValueError(f"n_phases must be a multiple of 16: got {n_phases}.")
    if duration is not None and not (np.isfinite(duration) and duration > 0):
        raise ValueError(f"duration is a time in ms, above 0: got {duration}.")
    system = freeze(network, rows.shape[1])
    with torch.no_grad(), single_threaded():
        flow = Flow(system, held, rows)
        check_drift(system, torch.as_tensor(rows, device=system.device), flow.input)
        durations = [each / flow.rate for each in _DURATIONS] if duration is None else [float(duration)]
        search = _Search(flow, n_phases)
        ended: list[list[tuple[str, int]]] = [[] for _ in rows]
        for each in durations:
            open_ = [k for k, row in enumerate(ended) if not row or row[0][0] == "did not return"]
            if open_:
                n_times = int(np.clip(_SAMPLES * each * flow.rate, 500, 20000))
                made = guesses(flow, rows[open_], each, n_times, n_pieces(rows.shape[1]))
                for k, attempts in zip(open_, made, strict=True):
                    ended[k] = [search.follow(guess) for guess in attempts]
    return _dataset(search.cycles, ended, flow, held, durations[-1])


class _Search:
    """Cycles found so far."""

    def __init__(self, flow: Flow, n_phases: int) -> None:
        self.flow, self.n_phases = flow, n_phases
        self.cycles: list[Cycle] = []

    def follow(self, guess: Guess | str) -> tuple[str, int]:
        """What became of a guess, and the number of its cycle."""
        if isinstance(guess, str):
            return guess, -1
        for number, known in enumerate(self.cycles):
            if _is_same(known, guess.nodes[0], guess.period, 1e-4):
                return "cycle", number
        found = shoot(self.flow, guess.nodes, guess.period, self.n_phases)
        if isinstance(found, str):
            return found, -1
        for number, known in enumerate(self.cycles):
            if _is_same(known, found.orbit[0], found.period, 1e-6):
                return "cycle", number
        self.cycles.append(found)
        _log.info("cycle %d: period %.4g ms", len(self.cycles), found.period)
        return "cycle", len(self.cycles) - 1


def _is_same(known: Cycle, state: Array, period: float, tolerance: float) -> bool:
    """Whether a state lies on a known orbit of the same period, whatever its phase."""
    if abs(known.period - period) > tolerance * known.period:
        return False
    ends = np.roll(known.orbit, -1, axis=0)
    chord = ends - known.orbit
    share = ((state - known.orbit) * chord).sum(1) / np.maximum((chord**2).sum(1), 1e-300)
    near = known.orbit + np.clip(share, 0, 1)[:, None] * chord
    return bool(np.linalg.norm(state - near, axis=1).min() < 5e-3 * np.ptp(known.orbit, axis=0).max())


def _dataset(
    cycles: list[Cycle], ended: list[list[tuple[str, int]]], flow: Flow, held: Array, duration: float
) -> xr.Dataset:
    n = flow.system.n_units
    sizes = [np.abs(each.multiplier[1:]) for each in cycles]
    errors = [float(abs(each.multiplier[0] - 1)) for each in cycles]
    unstable = np.array([int((size > 1 + _UNDECIDED).sum()) for size in sizes], dtype=np.int64)
    marginal = np.array([bool((np.abs(size - 1) <= _UNDECIDED).any()) for size in sizes], dtype=bool)
    stable = np.array([bool((size < 1 - _UNDECIDED).all()) for size in sizes], dtype=bool)
    period = np.array([each.period for each in cycles], dtype=np.float64)
    order = np.lexsort((period, unstable, ~stable))
    place = np.append(np.argsort(order), -1)
    n_phases = len(cycles[0].orbit) if cycles else 0
    orbit = np.stack([each.orbit for each in cycles]) if cycles else np.zeros((0, n_phases, n))
    multiplier = (
        np.stack([each.multiplier for each in cycles]) if cycles else np.zeros((0, n), dtype=np.complex128)
    )

    def column(
        values: NDArray[np.generic] | list[float], long_name: str, units: str = "1"
    ) -> tuple[object, ...]:
        return ("cycle",), np.asarray(values)[order], {"long_name": long_name, "units": units}

    status = np.array([[text for text, _ in row] for row in ended])
    number = np.array([[place[k] for _, k in row] for row in ended])
    both = ("candidate", "attempt")
    ds = xr.Dataset(
        {
            "period": column(period, "period", "ms"),
            "frequency": column(1e3 / period, "frequency", "Hz"),
            "orbit": (("cycle", "phase", "unit"), orbit[order], {"long_name": "state", "units": "1"}),
            "multiplier": (
                ("cycle", "mode"),
                multiplier[order],
                {"long_name": "Floquet multiplier", "units": "1"},
            ),
            "trivial_error": column(
                np.array(errors, dtype=np.float64), "distance of the trivial multiplier from 1"
            ),
            "n_unstable": column(unstable, "unstable directions"),
            "stable": column(stable, "stable"),
            "marginal": column(marginal, "a multiplier not told from the unit circle"),
            "amplitude": column(
                np.ptp(orbit, axis=1).max(1) if cycles else np.zeros(0), "largest peak-to-peak range"
            ),
            "residual": column(
                np.array([each.residual for each in cycles], dtype=np.float64), "largest gap of the orbit"
            ),
            "inputs": (("input",), held, {"long_name": "input held", "units": "1"}),
            "candidate_status": (both, status, {"long_name": "what became of the guess", "units": "1"}),
            "candidate_converged": (
                both,
                number >= 0,
                {"long_name": "guess led to a cycle", "units": "1"},
            ),
            "candidate_cycle": (both, number, {"long_name": "cycle it led to", "units": "1"}),
        },
        coords={
            "phase": ("phase", np.arange(n_phases) / max(n_phases, 1), {"long_name": "phase", "units": "1"}),
            "unit": np.arange(n),
            "mode": np.arange(n),
            "attempt": list(ATTEMPTS),
        },
        attrs=provenance("neurornn.LimitCycles/1"),
    )
    return ds.assign_attrs(
        verdict=_verdict(stable, status),
        n_cycles=len(cycles),
        n_candidates=len(ended),
        duration=duration,
        rate=flow.rate,
    )


def _verdict(stable: NDArray[np.bool_], status: NDArray[np.str_]) -> str:
    if len(stable):
        plural = "" if len(stable) == 1 else "s"
        return f"{len(stable)} cycle{plural} found, {stable.sum()} of them stable"
    words, counts = np.unique(status[:, 0], return_counts=True)
    what = ", ".join(f"{n} {word}" for word, n in zip(words, counts, strict=True))
    return f"no cycle found: of {len(status)} trajectories {what}"
