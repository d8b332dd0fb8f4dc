r"""Edge states: the saddles on the boundary between two memories, which decide between them."""

__all__ = ["edge_states"]

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn._threads import single_threaded
from neurornn.analysis.fixed_points._linearise import Modes, linearise
from neurornn.analysis.landscape._basins import about, about_attractors, check_duration, prepare
from neurornn.analysis.landscape._memories import Memories
from neurornn.analysis.landscape._motion import STEPS, AbstractMotion
from neurornn.analysis.landscape._settle import settle
from neurornn.analysis.systems import HasDrift
from neurornn.provenance import provenance
from neurornn.random import derive_seed, normal_array

_log = logging.getLogger(__name__)
_SECTIONS = 16  # parts a bracket is cut into at a time
_PATIENCE = 4  # times longer than states are usually given to arrive
_NARROW = 1e-9  # width of a bracket, relative to the distance of the memories
_WIDE = 1e-5  # separation at which the pair is bracketed anew
_NEAR = 1e-2  # the tracked state is this near the fixed point it is said to go to, in the same unit
_RESTS = 1e-4  # at a point with several unstable directions: a path this near stays there
_KICK = 1e-3  # perturbation off a point with more than one unstable direction, in the same unit
_NUDGE = 1e-4  # and along the unstable direction, to see which memories it separates


def edge_states(
    network: HasDrift,
    *,
    input: ArrayLike | Tensor,
    attractors: xr.Dataset | ArrayLike | Tensor,
    pairs: Sequence[tuple[int, int]] | None = None,
    motion: AbstractMotion = STEPS,
    duration: float | None = None,
    n_rounds: int = 60,
    seed: int = 0,
) -> xr.Dataset:
    r"""Follow the boundary between basins to the saddle on it, for pairs of memories.

    On the line from one memory to the other the end of the first one's basin is bracketed by bisection. The two
    states of the bracket, one on each side of the boundary, are carried forward; they stay together along the
    boundary and part only along the direction that crosses it, and whenever they have, they are bracketed anew. So
    the pair follows a path *within* the boundary, on which only an attractor of the boundary is stable: a saddle with
    one unstable direction, the *edge state*. Newton's method then gives its place to rounding level, provided that
    the path has come near it. What the saddle separates is found by following its unstable direction to both sides,
    independently of the path.

    Where the line meets a third basin, the boundary is that between the first memory and the third; ``memory`` says
    what the edge state separates and ``pair`` what was asked. A path that stays at a point with several unstable
    directions, as it does where the line is one of symmetry, is perturbed and goes on.

    A boundary need not hold a saddle that attracts it: its attractor may be a cycle, or chaos. The edge state then has
    ``converged`` False and the last state of the path is given.

    Args:
        network: A network without noise, or any object with ``drift(state, input)`` in 1/ms and ``dt`` in ms; it is
            left untouched.
        input: Input held, one number for each channel.
        attractors: At least two memories: a result of ``fixed_points.find``, of which the stable points are taken in
            their order, or states ``(attractor, unit)``.
        pairs: Pairs of memories, counted from 0; all of them if None.
        motion: How states move, as in :func:`basins`.
        duration: Time in ms after which a state that has not arrived is given up; four times that of :func:`basins`
            by default, as states leave a boundary slowly.
        n_rounds: How often a pair may be bracketed anew.
        seed: Seed of the perturbations.

    Returns:
        A dataset. Along ``edge``, one for each pair: ``pair`` and ``memory`` ``(edge, side)``, the first memory of the
        pair first (-1: no fixed point); ``edge_state``; ``converged`` (it is a saddle with one unstable direction that
        the path led to and that the first memory lies beside); ``kind`` (``"saddle"``, ``"several unstable
        directions"``, ``"no fixed point"`` or ``"no boundary"``); ``saddle`` (a number common to the edges that found
        the same point, or -1); ``speed`` in 1/ms; ``error_bound``; ``n_unstable``; ``unstable_rate`` in 1/ms;
        ``eigenvalue`` ``(edge, mode)`` in 1/ms; ``unstable_direction`` ``(edge, unit)``, pointing to the first memory;
        ``distance`` ``(edge, side)`` of the memories from it; ``path_distance``, how near the path came; ``n_rounds``.
        Along ``attractor_index`` as in :func:`basins`.

    Raises:
        TypeError: If the network has no drift.
        ValueError: If the network is noisy, a point given is no attractor, or a pair is none.

    References:
        Edge of chaos in a parallel shear flow (Skufca, Yorke & Eckhardt, 2006)
        https://doi.org/10.1103/PhysRevLett.96.174101

    Examples:
        A unit that remembers one bit forgets it at the unstable point between its memories.

        >>> import neurornn
        >>> network = neurornn.CTRNN(1, 1, 1, activation="tanh", bias=False)
        >>> network.W_rec = 2 * torch.eye(1)
        >>> found = edge_states(network, input=[0.0], attractors=[[-1.915], [1.915]])
        >>> abs(found.edge_state.item()) < 1e-12, round(found.unstable_rate.item(), 6)   # (2 - 1) / 100 ms
        (True, 0.01)
        >>> found.memory.values.tolist(), found.distance.values.round(6).tolist()
        ([[0, 1]], [[1.915008, 1.915008]])
    """
    check_duration(duration)
    n_units = getattr(network, "n_units", None)
    if n_units is None:
        known = attractors["state"] if isinstance(attractors, xr.Dataset) else np.atleast_2d(attractors)
        n_units = known.shape[-1]
    with torch.no_grad(), single_threaded():
        sample = np.zeros((1, n_units))
        memories = prepare(network, n_units, input, attractors, motion, sample)
        chosen = _pairs(pairs, len(memories.traps))
        walk = _Walk(memories, chosen, motion, duration, seed)
        walk.run(n_rounds)
        return _dataset(walk, motion, seed)


def _pairs(pairs: Sequence[tuple[int, int]] | None, n: int) -> NDArray[np.int64]:
    if n < 2:
        raise ValueError(f"An edge state lies between two memories: got {n} attractor{'s' * (n != 1)}.")
    chosen = np.array(list(combinations(range(n), 2)) if pairs is None else pairs, dtype=np.int64).reshape(
        -1, 2
    )
    if ((chosen < 0) | (chosen >= n)).any() or (chosen[:, 0] == chosen[:, 1]).any():
        raise ValueError(f"Each pair names two different memories from 0 to {n - 1}: got {chosen.tolist()}.")
    return chosen


@dataclass(eq=False)
class _Walk:
    """Brackets on their way along the boundaries; ``low`` is on the side of the first memory."""

    memories: Memories
    pairs: NDArray[np.int64]
    motion: AbstractMotion
    duration: float | None
    seed: int
    state: NDArray[np.float64] = field(init=False)
    kind: NDArray[np.str_] = field(init=False)

    def __post_init__(self) -> None:
        ends = self.memories.states[self.pairs]
        n = len(self.pairs)
        self.unit = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
        self.low, self.high = ends[:, 0].copy(), ends[:, 1].copy()
        self.state = 0.5 * (self.low + self.high)
        self.kind = np.full(n, "no fixed point", dtype="<U27")
        self.bound, self.path_distance = np.full(n, np.nan), np.full(n, np.nan)
        self.memory = np.full((n, 2), -1)
        self.rounds = np.zeros(n, dtype=np.int64)
        if self.duration is None:  # from a bracket on the boundary it takes long to decide
            self.duration = _PATIENCE * self.memories.patience

    def run(self, n_rounds: int) -> None:
        rows: NDArray[np.int64] = np.arange(len(self.pairs))
        for number in range(n_rounds):
            if not rows.size:
                break
            lost = self.bracket(rows)
            self.kind[rows[lost]] = "no boundary"
            rows = rows[~lost]
            self.rounds[rows] += 1
            self.state[rows] = 0.5 * (self.low[rows] + self.high[rows])
            done = self.examine(rows, number)
            self.carry(rows[~done])
            rows = rows[~done]
            _log.info(
                "round %d: %d of %d edge states are still sought", number + 1, rows.size, len(self.pairs)
            )

    def goes_first(self, states: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which states ``(row, k, unit)`` flow to the first memory of their pair."""
        flat = states.reshape(-1, states.shape[-1])
        label = settle(self.memories, flat, self.motion, duration=self.duration, labels_only=True).label
        return label.reshape(states.shape[:2]) == self.pairs[rows, 0][:, None]

    def bracket(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Narrow the brackets to the first end of the first basin; gives those that hold no boundary."""
        lost = np.zeros(len(rows), dtype=bool)
        share = np.linspace(0, 1, _SECTIONS + 1)
        while True:
            width = np.linalg.norm(self.high[rows] - self.low[rows], axis=1)
            wide = (width > _NARROW * self.unit[rows]) & ~lost
            if not wide.any():
                return lost
            at = rows[wide]
            low, high = self.low[at], self.high[at]
            cuts = low[:, None] + share[:, None] * (high - low)[:, None]
            first = self.goes_first(cuts, at)
            gone = ~first[:, 0] | first.all(1)
            end = np.where(gone, 1, first.argmin(1))
            here = np.arange(len(at))
            self.low[at], self.high[at] = cuts[here, end - 1], cuts[here, end]
            lost[np.flatnonzero(wide)[gone]] = True

    def carry(self, rows: NDArray[np.int64]) -> None:
        """Carry the pairs forward until they part."""
        if not rows.size:
            return
        system, input = self.memories.system, self.memories.input
        each = max(0.25 / self.memories.rate, system.dt if self.motion.discrete else 0.0)
        low, high = (torch.as_tensor(x[rows], device=system.device) for x in (self.low, self.high))
        limit = torch.as_tensor(_WIDE * self.unit[rows], device=system.device)
        for _ in range(400):
            apart = (high - low).norm(dim=1)
            on = apart < limit
            if not bool(on.any()):
                break
            both = torch.cat([low[on], high[on]])
            low[on], high[on] = self.motion.advance(system, input, both, each).chunk(2)
        self.low[rows], self.high[rows] = low.cpu().numpy(), high.cpu().numpy()

    def examine(self, rows: NDArray[np.int64], number: int) -> NDArray[np.bool_]:
        """Which edge states have been found; a path that rests at a point of several unstable directions is kicked."""
        done = np.zeros(len(rows), dtype=bool)
        if not rows.size:
            return done
        self.kind[rows] = "no fixed point"
        start = torch.as_tensor(self.state[rows], device=self.memories.system.device)
        (found, bound), reached = self.memories.polish(start)
        at = np.flatnonzero(reached.cpu().numpy())
        gap = np.linalg.norm(found - self.state[rows[at]], axis=1) / self.unit[rows[at]]
        modes = self.modes(found)
        chosen = np.flatnonzero((gap <= _NEAR) & (modes.n_unstable == 1))
        sides = self.sides(found[chosen], modes.right[chosen, :, 0].real)
        for k, pair in zip(chosen, sides, strict=True):
            row = rows[at[k]]
            if self.pairs[row, 0] not in pair:
                continue
            self.memory[row] = pair if pair[0] == self.pairs[row, 0] else pair[::-1]
            self.state[row], self.bound[row], self.kind[row] = found[k], bound[k], "saddle"
            self.path_distance[row] = gap[k] * self.unit[row]
            done[at[k]] = True
        for k in np.flatnonzero((gap <= _RESTS) & (modes.n_unstable > 1)):
            self.kind[rows[at[k]]] = "several unstable directions"
            self.kick(int(rows[at[k]]), number)
        return done

    def modes(self, states: NDArray[np.float64]) -> Modes:
        return linearise(self.memories.system, self.memories.input, states, rate=self.memories.rate)

    def sides(self, states: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.int64]:
        """Where the two halves of the unstable directions lead, ``(state, side)``."""
        if not len(states):
            return np.empty((0, 2), dtype=np.int64)
        step = (
            _NUDGE * float(self.unit.min()) * directions / np.linalg.norm(directions, axis=1, keepdims=True)
        )
        ends = np.stack([states + step, states - step], axis=1).reshape(-1, states.shape[1])
        found = settle(self.memories, ends, self.motion, duration=self.duration, labels_only=True)
        return found.label.reshape(-1, 2)

    def kick(self, row: int, number: int) -> None:
        """Move a bracket off a point along the boundary, and open it wide enough to hold the boundary again."""
        key = derive_seed(self.seed, "kick", int(row), number)
        offset = normal_array(key, self.state.shape[1])
        offset *= _KICK * self.unit[row] / np.linalg.norm(offset)
        ends = self.memories.states[self.pairs[row]]
        across = (ends[1] - ends[0]) / self.unit[row]
        for factor in (4, 16, 64, 256):
            reach = factor * _KICK * self.unit[row] * across
            low, high = self.state[row] + offset - reach, self.state[row] + offset + reach
            first = self.goes_first(np.stack([low, high])[None], np.array([row]))[0]
            if first[0] and not first[1]:
                self.low[row], self.high[row] = low, high
                return


def _dataset(walk: _Walk, motion: AbstractMotion, seed: int) -> xr.Dataset:
    memories = walk.memories
    states, pairs = walk.state, walk.pairs
    tensor = torch.as_tensor(states, device=memories.system.device)
    speed = memories.system.drift(tensor, memories.input).norm(dim=1).cpu().numpy()
    modes = walk.modes(states)
    saddle = walk.kind == "saddle"
    number = np.full(len(states), -1)
    for k in np.flatnonzero(saddle):
        near = np.linalg.norm(states[:k] - states[k], axis=1) <= 1e-6 * (1 + np.linalg.norm(states[k]))
        same = np.flatnonzero(near & saddle[:k])
        number[k] = number[same[0]] if same.size else number.max() + 1
    beside = np.where(walk.memory >= 0, walk.memory, pairs)
    ends = memories.states[beside]
    distance = np.where(walk.memory >= 0, np.linalg.norm(ends - states[:, None], axis=2), np.nan)
    direction = modes.right[:, :, 0].real.copy()
    beyond = walk.sides(states[saddle], direction[saddle])[:, 0]
    direction[saddle] *= np.where(beyond == walk.memory[saddle, 0], 1.0, -1.0)[:, None]
    direction[~saddle] = np.nan
    edge, side = ("edge",), ("edge", "side")
    return xr.Dataset(
        {
            "pair": (side, pairs, about("memories asked for")),
            "memory": (side, walk.memory, about("memories it separates")),
            "edge_state": (("edge", "unit"), states, about("edge state")),
            "converged": (edge, saddle, about("a saddle was reached")),
            "kind": (edge, walk.kind, about("kind of edge state")),
            "saddle": (edge, number, about("saddle")),
            "speed": (edge, speed, about("speed", "1/ms")),
            "error_bound": (edge, walk.bound, about("bound on the error of the state")),
            "n_unstable": (edge, modes.n_unstable, about("unstable directions")),
            "unstable_rate": (
                edge,
                np.where(saddle, modes.eigenvalue[:, 0].real, np.nan),
                about("rate of leaving the edge state", "1/ms"),
            ),
            "eigenvalue": (("edge", "mode"), modes.eigenvalue, about("eigenvalue", "1/ms")),
            "unstable_direction": (("edge", "unit"), direction, about("unstable direction")),
            "distance": (side, distance, about("distance of the memory")),
            "path_distance": (edge, walk.path_distance, about("distance of the path from the edge state")),
            "n_rounds": (edge, walk.rounds, about("times the pair was bracketed")),
            **about_attractors(memories),
        },
        coords={
            "edge": np.arange(len(pairs)),
            "side": np.arange(2),
            "unit": np.arange(memories.system.n_units),
            "mode": np.arange(memories.system.n_units),
            "attractor_index": np.arange(len(memories.traps)),
        },
        attrs=provenance("neurornn.EdgeStates/1")
        | {
            "n_converged": int(saddle.sum()),
            "n_saddles": int(number.max() + 1),
            "motion": repr(motion),
            "dt": memories.system.dt,
            "seed": seed,
        },
    )
