r"""Fixed points of piecewise-linear networks, one exact solve for each linear region.

Where all units keep to one piece of the activation, :math:`\phi(z) = S z` with a diagonal S, and a fixed point of
either form has potentials :math:`z = W r + d` with

.. math:: (I - W S)\, z = d

which is one if S is the slope of the activation at z itself. Few units have few regions, and all are solved: the set
is complete. Many units have too many; then walks go from region to region, each to that of its solution, until a
solution lies in its own region.
"""

__all__ = ["Solutions", "add_regions", "solve_regions"]

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linprog
from torch import Tensor

from neurornn.analysis._system import System
from neurornn.analysis.fixed_points import _roots
from neurornn.analysis.fixed_points._enclosure import Equations, equations_of
from neurornn.analysis.fixed_points._newton import solve_linear
from neurornn.analysis.fixed_points._slopes import slopes_of
from neurornn.random import derive_seed, uniform_array

Array = NDArray[np.float64]
Patterns = NDArray[np.bool_]
_EPS = float(np.finfo(np.float64).eps)
_SINGULAR = 1e12  # condition of a region beyond which its solutions are looked for on a line or plane
_MOST_SINGULAR = 1024  # regions of that kind that are looked at
_BLOCK = 2**22  # numbers in a batch of matrices
_WAVE = 32  # walks that start together
_LONGEST = 32  # regions a walk may cross
_SPACING = 0.05  # of the spread of the starts: distance of the points listed of a line
_PATIENCE = 2  # waves that bring nothing before the walking ends


class Solutions(NamedTuple):
    """Fixed points by linear region.

    Attributes:
        state: States that solve the region they lie in, up to rounding, ``(solution, unit)``; some points of each
            line or plane of solutions.
        on_line: Whether they lie on a line or plane of solutions.
        on_line: Whether it lies on a line or plane of solutions.
        n_solved: Number of regions solved.
        complete: Whether these were all regions.
    """

    state: Array
    on_line: NDArray[np.bool_]
    n_solved: int
    complete: bool


def add_regions(
    system: System,
    input: Tensor,
    known: _roots.Roots,
    starts: Array,
    *,
    most: int,
    rate: float,
    tolerance: float,
    seed: int,
) -> tuple[_roots.Roots, Solutions | None]:
    """Add the fixed points of the linear regions to those that are known.

    Args:
        system: The system.
        input: Input held.
        known: Fixed points known; they keep their rows.
        starts: States whose regions walks start from.
        most: Regions to solve at most.
        rate: Scale of the drift in 1/ms.
        tolerance: Tolerance of convergence.
        seed: Seed of the walks.

    Returns:
        All fixed points, and the solutions; None if the network is not known to be piecewise linear.
    """
    equations = equations_of(system, input)
    if equations is None:
        return known, None
    away = np.linalg.norm(np.concatenate([starts, known.state]), axis=1).max()
    spread = float(np.sqrt(np.square(starts - starts.mean(0)).sum(1).mean()))
    spacing = _SPACING * (spread if spread > 1e-6 * (1 + away) else system.n_units**0.5)
    solutions = solve_regions(equations, starts, most=most, reach=float(away), spacing=spacing, seed=seed)
    if solutions is None or not len(solutions.state):
        return known, solutions
    x = torch.as_tensor(solutions.state, device=system.device)
    right = system.drift(x, input).norm(dim=1) <= tolerance * rate * (1 + x.norm(dim=1))
    fresh = _roots.examine(system, input, x[right], rate=rate, tolerance=tolerance)
    on_line = solutions.on_line[right.cpu().numpy()]
    both = _roots.joined(known, fresh, np.arange(len(fresh.speed)))
    group = _roots.merge(
        both.state,
        _roots.radius(both),
        _roots.indistinct(system, input, both, rate=rate, tolerance=tolerance),
    )
    on_line = np.isin(group, group[len(known.speed) :][on_line])  # also where a kink hides it
    both = both._replace(isolated=both.isolated & ~on_line, sign=np.where(on_line, 0, both.sign))
    kept: list[int] = []
    taken, n_known = set(group[: len(known.speed)].tolist()), len(known.speed)
    line = both.state[:n_known][~both.isolated[:n_known]]
    for row in range(n_known, len(group)):
        if group[row] in taken:
            continue
        if not both.isolated[row]:
            if len(line) and np.linalg.norm(line - both.state[row], axis=1).min() < spacing:
                continue
            line = np.append(line, both.state[row : row + 1], axis=0)
        taken.add(group[row])
        kept.append(row)
    rows = np.append(np.arange(n_known), np.array(kept, dtype=np.int64))
    return _roots.Roots(*(column[rows] for column in both)), solutions


def solve_regions(
    equations: Equations, starts: Array, *, most: int, reach: float, spacing: float, seed: int
) -> Solutions | None:
    """Solve the linear regions of a network.

    Args:
        equations: Equations of the network.
        starts: States whose regions walks start from, ``(start, unit)``.
        most: Regions to solve at most; all of them if there are no more.
        reach: Distance from the origin up to which points of a line of fixed points are listed, one at least.
        spacing: Distance between the points listed of a line.
        seed: Seed of the walks.

    Returns:
        The solutions, or None if the activation is not known to be piecewise linear.
    """
    slopes = slopes_of(equations.activation)
    if slopes is None or slopes.kinks is None or most < 1:
        return None
    parts = _Parts(equations, slopes.pieces, reach, spacing)
    n_units = len(equations.weight)
    n_bits = n_units if slopes.kinks else 0
    if n_bits < 62 and 2**n_bits <= most:
        isolated, lines, complete = _enumerate(parts, n_bits)
        n_solved = 2**n_bits
    else:
        isolated, n_solved = _walk(parts, starts, most, seed)
        lines, complete = isolated[:0], False
    state, on_line = _distinct(parts.state(isolated), parts.state(lines))
    return Solutions(state, on_line, n_solved, complete)


class _Parts:
    """A network seen as many linear ones."""

    def __init__(self, equations: Equations, pieces: tuple[float, ...], reach: float, spacing: float) -> None:
        self.equations, self.reach, self.spacing = equations, reach, spacing
        self.low, self.high = pieces[0], pieces[-1]
        self.W, self.d = equations.weight, equations.drive

    def state(self, potential: Array) -> Array:
        """States with these potentials."""
        if self.equations.form == "current":
            return potential
        return np.where(potential > 0, self.high, self.low) * potential

    def pattern(self, state: Array) -> Patterns:
        """Regions of states."""
        current = state if self.equations.form == "current" else state @ self.W.T + self.d
        return np.asarray(current > 0)

    def matrix(self, pattern: Patterns) -> Array:
        """I - W S of each region."""
        slope = np.where(pattern, self.high, self.low)
        return np.asarray(np.eye(len(self.W)) - self.W * slope[:, None, :])

    def lies(self, potential: Array, pattern: Patterns, slack: Array) -> NDArray[np.bool_]:
        """Whether potentials lie in the closed region, up to a slack."""
        if self.low == self.high:
            return np.asarray(np.isfinite(potential).all(1))
        inward = np.where(pattern, potential, -potential)
        return np.asarray((inward >= -slack[:, None]).all(1))


def _enumerate(parts: _Parts, n_bits: int) -> tuple[Array, Array, bool]:
    n = len(parts.W)
    found, singular = [np.zeros((0, n))], []
    block = max(1, _BLOCK // n**2)
    for first in range(0, 2**n_bits, block):
        number = np.arange(first, min(first + block, 2**n_bits))
        pattern = np.zeros((len(number), n), dtype=bool)
        pattern[:, :n_bits] = (number[:, None] >> np.arange(n_bits)) & 1
        M = parts.matrix(pattern)
        with np.errstate(all="ignore"):
            A = torch.linalg.inv_ex(torch.as_tensor(M))[0].numpy()
            z = A @ parts.d
            z = z + (A @ (parts.d - (M @ z[:, :, None])[:, :, 0])[:, :, None])[:, :, 0]
            size = np.abs(A).sum(2).max(1)
            condition = size * np.abs(M).sum(2).max(1)
            slack = 8 * n * _EPS * condition * np.abs(z).max(1) + 2 * size * parts.equations.drive_error.max()
            regular = condition < _SINGULAR
            z = np.where(regular[:, None], z, np.nan)
            inside = regular & parts.lies(z, pattern, slack)
        found.append(z[inside])
        singular.append(pattern[~regular])
    degenerate = np.concatenate(singular)
    lines = [found[0], *(_continuum(parts, each) for each in degenerate[:_MOST_SINGULAR])]
    return np.concatenate(found), np.concatenate(lines), len(degenerate) <= _MOST_SINGULAR


def _continuum(parts: _Parts, pattern: Patterns) -> Array:
    """Points of the line or plane of solutions of a singular region."""
    M, d = parts.matrix(pattern[None])[0], parts.d
    U, sizes, V = np.linalg.svd(M)
    kept = sizes > sizes[0] * len(d) / _SINGULAR
    kept[-1] = False
    null = V[~kept]
    z = V[kept].T @ ((U.T @ d)[kept] / sizes[kept])
    nothing = np.zeros((0, len(d)))
    if np.abs(M @ z - d).max() > 1e-10 * (np.abs(d).max() + np.abs(z).max()):
        return nothing
    centre = z + _inner(parts, pattern, z, null) @ null
    slack = 1e-10 * (1 + np.abs(centre).max(keepdims=True))
    if not parts.lies(centre[None], pattern[None], slack)[0]:
        return nothing
    points = [centre[None]]
    for direction in null:
        low, high = _extent(parts, pattern, centre, direction)
        number = min(int((high - low) / parts.spacing) + 2, 64)
        points.append(centre + np.linspace(low, high, number)[:, None] * direction)
    return np.concatenate(points)


def _inner(parts: _Parts, pattern: Patterns, z: Array, null: Array) -> Array:
    """Which way to go along the null directions to a solution inside the region, if there is one, not far away."""
    if parts.low == parts.high:  # there are no borders
        return np.zeros(len(null))
    sign = np.where(pattern, 1.0, -1.0)
    # sign * (z + t null) >= depth for all units, with t the difference of two positive numbers
    table = np.column_stack([-sign[:, None] * null.T, sign[:, None] * null.T, np.ones(len(z))])
    cost = np.append(np.ones(2 * len(null)), -1e3)
    far, deep = 1e3 * (1 + parts.reach), 1e-3 * (1 + parts.reach)
    limits = [*[(0.0, far)] * (2 * len(null)), (-far, deep)]
    best = linprog(cost, A_ub=table, b_ub=sign * z, bounds=limits)
    if best.status != 0:
        return np.zeros(len(null))
    return np.asarray(best.x[: len(null)] - best.x[len(null) : -1])


def _extent(parts: _Parts, pattern: Patterns, centre: Array, direction: Array) -> tuple[float, float]:
    """How far one can go along a direction without leaving the region or the reach."""
    along = float(centre @ direction)
    far = float(np.sqrt(np.maximum(parts.reach**2 - centre @ centre + along**2, 0.0)))
    low, high = min(-along - far, 0.0), max(-along + far, 0.0)
    if parts.low == parts.high:
        return low, high
    inward, change = np.where(pattern, centre, -centre), np.where(pattern, direction, -direction)
    moving = np.abs(change) > 1e-12
    stops = -inward[moving] / change[moving]
    leaving = change[moving] < 0
    return (
        max(low, float(stops[~leaving].max(initial=-np.inf))),
        min(high, float(stops[leaving].min(initial=np.inf))),
    )


def _walk(parts: _Parts, starts: Array, most: int, seed: int) -> tuple[Array, int]:
    n = len(parts.W)
    regions = np.unique(parts.pattern(starts), axis=0)
    regions = regions[np.argsort(uniform_array(derive_seed(seed, "regions"), len(regions)), kind="stable")]
    seen: set[bytes] = set()
    found, homes = [np.zeros((0, n))], np.zeros((0, n), dtype=bool)
    idle = wave = 0
    while len(seen) < most and idle < _PATIENCE:
        key = derive_seed(seed, "walk", wave)
        given = regions[wave * _WAVE // 2 : (wave + 1) * _WAVE // 2]
        density, chance = uniform_array(key, _WAVE, 1), uniform_array(derive_seed(key, "units"), _WAVE, n)
        drawn = chance < density
        if len(homes):  # some units of a region that holds a fixed point change sides
            which = (uniform_array(derive_seed(key, "homes"), _WAVE // 4) * len(homes)).astype(np.int64)
            drawn[: len(which)] = homes[which] ^ (chance[: len(which)] < 0.5 * density[: len(which)])
        pattern, n_before = np.concatenate([given, drawn])[:_WAVE], len(homes)
        for _ in range(_LONGEST):
            pattern = _unseen(pattern, seen, most)
            if not len(pattern):
                break
            M = torch.as_tensor(parts.matrix(pattern))
            z = solve_linear(M, torch.as_tensor(parts.d).expand(len(M), -1)).numpy()
            usable = np.isfinite(z).all(1)
            pattern, z = pattern[usable], z[usable]
            inside = parts.lies(z, pattern, 1e-13 * np.abs(z).max(1, initial=0.0))
            found.append(z[inside])
            homes = np.concatenate([homes, pattern[inside]])
            pattern = z[~inside] > 0
        idle, wave = (0 if len(homes) > n_before else idle + 1), wave + 1
    return np.concatenate(found), len(seen)


def _unseen(pattern: Patterns, seen: set[bytes], most: int) -> Patterns:
    """The regions not met before; from now on they are."""
    fresh = []
    for row, each in enumerate(pattern):
        name = np.packbits(each).tobytes()
        if name not in seen and len(seen) < most:
            seen.add(name)
            fresh.append(row)
    return pattern[fresh]


def _distinct(isolated: Array, lines: Array) -> tuple[Array, NDArray[np.bool_]]:
    """One of all states that agree to ten digits, for a point on a kink solves several regions; and which are on lines."""
    state = np.concatenate([isolated, lines])
    size = 1 + np.abs(state).max(1, keepdims=True, initial=0.0)
    _, first, name = np.unique((state / size).round(10) + 0.0, axis=0, return_index=True, return_inverse=True)
    on_line = np.zeros(len(first), dtype=bool)
    on_line[name.ravel()[len(isolated) :]] = True
    order = np.argsort(first)
    return state[first[order]], on_line[order]
