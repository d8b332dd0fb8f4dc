"""The points a search knows so far, each of them once."""

__all__ = ["Effort", "Pool"]

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurornn.analysis._system import System
from neurornn.analysis.fixed_points import _newton, _roots
from neurornn.analysis.fixed_points._held import held
from neurornn.analysis.fixed_points._mixing import Mixed, mix, shared_step
from neurornn.analysis.fixed_points._newton import FIXED, LOST, SLOW, Solved
from neurornn.analysis.fixed_points._parts import in_parts
from neurornn.analysis.fixed_points._relaxing import at_rest, relax
from neurornn.analysis.fixed_points._reseed import SMALL
from neurornn.analysis.fixed_points._roots import RESOLUTION, Roots

_SPACING = 0.05  # of the spread of the candidates: distance of the points listed of a continuum
_SMALL = (
    48  # units up to which a factorisation costs so little that every start is granted Newton's method, too
)
_MIXINGS = 60  # cheap iterations of a start
_PART = 256  # starts that two threads share
_NANOSECONDS = (
    0.3  # of the cheap iterations of a start that are worth sharing, for each unit squared, roughly
)


@dataclass(frozen=True)
class Effort:
    """How hard to search.

    Attributes:
        tolerance: Convergence tolerance, relative to rate * (1 + |x|).
        max_iterations: Newton iterations a candidate may spend.
        n_rounds: Rounds of re-seeding.
        wave: Number of candidates, and of new seeds, tried at a time.
        adaptive: Whether to leave candidates unused once nothing new is found.
        seed: Seed of the order of candidates and of the new seeds.

    Raises:
        ValueError: If a number makes no sense.
    """

    tolerance: float
    max_iterations: int
    n_rounds: int
    wave: int
    adaptive: bool
    seed: int

    def __post_init__(self) -> None:
        if not 0 < self.tolerance <= 1e-4:
            raise ValueError(
                f"tolerance must lie in (0, 1e-4]: got {self.tolerance}. Newton's method reaches 1e-10 with ease; what "
                "a looser one accepts are slow points."
            )
        for name, value, least in (
            ("n_rounds", self.n_rounds, 0),
            ("wave", self.wave, 1),
            ("max_iterations", self.max_iterations, 1),
        ):
            if value < least:
                raise ValueError(f"{name} must be at least {least}: got {value}.")


class Pool:
    """The fixed and slow points known so far; their rows never change, new ones are added below.

    Args:
        system: The system.
        input: Input held.
        candidates: Candidates of the search, which set its scales.
        effort: How hard to search.
    """

    def __init__(self, system: System, input: Tensor, candidates: Tensor, effort: Effort) -> None:
        self.system, self.input, self.effort = system, input, effort
        self.held = held(system, input)
        possible = candidates
        if system.extent is not None:
            extent = system.extent.to(candidates.device)
            possible = candidates.clamp(-extent, extent)
        self.rate = _newton.typical_rate(system, input, possible)
        reach = (candidates - candidates.mean(0)).square().sum(1).mean().sqrt().item()
        alone = reach <= 1e-6 * (1 + candidates.norm(dim=1).max().item())
        self.reach = system.n_units**0.5 if alone else reach
        nothing = candidates[:0]
        self.roots = self._examine(nothing)
        self.slow = self._solve(nothing)

    @property
    def n_known(self) -> int:
        """Number of fixed points and slow points."""
        return len(self.roots.state) + len(self.slow.state)

    @property
    def settled(self) -> bool:
        """Whether the index sum gives no reason to search on."""
        return not self.completeness.startswith("incomplete")

    @property
    def completeness(self) -> str:
        """What the index theorem says about the set."""
        if not self.system.bounded:
            return "not applicable: the rates are not known to be bounded"
        if not (self.roots.sign != 0).all() or not self.roots.smooth.all():
            return "undetermined: a fixed point is degenerate"
        return "consistent" if self.roots.sign.sum() == 1 else "incomplete"

    def add(self, start: Tensor, anchor: Tensor, *, follow: bool) -> tuple[Solved, NDArray[np.int64]]:
        """Search from some states, and from where the flow takes them.

        Cheap iterations come first. Newton's method with a Jacobian for each state takes over those that do not
        arrive; in a small network it takes every state, for what else it may find.

        Args:
            start: States, ``(batch, unit)``.
            anchor: State whose Jacobian all the cheap iterations share.
            follow: Whether to follow the flow; a small network needs no such help.

        Returns:
            Where each of them ended, and the row of that point among the fixed or the slow ones, or -1.
        """
        mixed, taken = self._sent(start, anchor, follow and self.system.n_units > SMALL)
        F = self.system.drift(mixed.state, self.input)
        cheap = Solved(
            mixed.state,
            F.norm(dim=1),
            torch.where(mixed.arrived, FIXED, LOST),
            mixed.error,
            torch.zeros_like(mixed.arrived, dtype=torch.long),
        )
        if self.system.n_units <= SMALL:
            solved = self._solve(start)
            self._absorb(cheap)
        else:
            solved = cheap
            rest = (~mixed.arrived).nonzero().squeeze(1)
            for column, fresh in zip(solved, self._solve(start[rest]), strict=True):
                column[rest] = fresh
        label = self._absorb(solved)
        self._absorb(self._solve(self._unknown(at_rest(self.held, taken, rate=self.rate))))
        return solved, label

    def _sent(self, start: Tensor, anchor: Tensor, follow: bool) -> tuple[Mixed, Tensor]:
        """Where cheap iterations, and the flow, take states."""
        shared = shared_step(self.system, self.input, anchor, self.rate)

        def work(part: slice) -> tuple[Mixed, Tensor]:
            mixed = mix(
                self.held.drift,
                start[part],
                shared,
                rate=self.rate,
                tolerance=self.effort.tolerance,
                n_iterations=min(_MIXINGS, self.effort.max_iterations - 1),
            )
            return mixed, relax(self.held, start[part] if follow else start[:0], rate=self.rate)

        n = max(len(start), 1)
        size = -(-n // (2 * -(-n // _PART))) if self.held.known else n  # an even number of parts
        worth = _NANOSECONDS * n * self.system.n_units**2 if self.held.known else 0.0
        mixed, taken = zip(*in_parts(work, len(start), size, worth), strict=True)
        return Mixed(*(torch.cat(column) for column in zip(*mixed, strict=True))), torch.cat(taken)

    def _unknown(self, state: Tensor) -> Tensor:
        """States that lie in no box in which a known point is proved to be the only one."""
        x = state.cpu().numpy()[:, None, :]
        distance = np.abs(x - self.roots.state).max(2, initial=0.0)
        with np.errstate(invalid="ignore"):
            known = (distance <= self.roots.uniqueness).any(1)
        return state[torch.as_tensor(~known, device=state.device)]

    def _absorb(self, solved: Solved) -> NDArray[np.int64]:
        label = np.full(len(solved.state), -1, dtype=np.int64)
        if self.system.extent is not None:
            outside = (solved.state.abs() > self.system.extent.to(solved.state.device)).any(1)
            solved.status[outside] = LOST
        for status, absorb in ((FIXED, self._absorb_fixed), (SLOW, self._absorb_slow)):
            rows = (solved.status == status).nonzero().squeeze(1)
            if rows.numel():
                label[rows.cpu().numpy()] = absorb(Solved(*(column[rows] for column in solved)))
        return label

    def _solve(self, start: Tensor) -> Solved:
        return _newton.solve(
            self.system,
            self.input,
            start,
            rate=self.rate,
            reach=self.reach,
            tolerance=self.effort.tolerance,
            max_iterations=self.effort.max_iterations,
        )

    def _examine(self, state: Tensor) -> Roots:
        return _roots.examine(self.system, self.input, state, rate=self.rate, tolerance=self.effort.tolerance)

    def _absorb_fixed(self, solved: Solved) -> NDArray[np.int64]:
        state, error = solved.state.cpu().numpy(), solved.error.cpu().numpy()
        size = 1 + np.linalg.norm(state, axis=1)
        radius = np.minimum(2 * error, 1e-6 * size) + 0.5 * RESOLUTION * size
        known = self.roots.state
        group = _roots.merge(
            np.concatenate([known, state]), np.concatenate([_roots.radius(self.roots), radius])
        )
        label, first = _match(group, len(known), solved.speed.cpu().numpy())
        if len(first):
            fresh = self._examine(solved.state[torch.as_tensor(first, device=solved.state.device)])
            both = _roots.joined(self.roots, fresh, np.arange(len(fresh.speed)))
            group = _thinned(self._merge(both), both, _SPACING * self.reach)
            renamed, kept = _match(group, len(known), fresh.speed)
            self.roots = _roots.joined(self.roots, fresh, kept)
            new = label >= len(known)
            label[new] = renamed[label[new] - len(known)]
        return label

    def _absorb_slow(self, solved: Solved) -> NDArray[np.int64]:
        both = Solved(*(torch.cat(pair) for pair in zip(self.slow, solved, strict=True)))
        state = both.state.cpu().numpy()
        radius = both.error.cpu().numpy() + 1e-6 * (1 + np.linalg.norm(state, axis=1))
        label, first = _match(_roots.merge(state, radius), len(self.slow.state), solved.speed.cpu().numpy())
        self.slow = Solved(
            *(
                torch.cat([old, new[torch.as_tensor(first, device=new.device)]])
                for old, new in zip(self.slow, solved, strict=True)
            )
        )
        return label

    def _merge(self, roots: Roots) -> NDArray[np.int64]:
        same = _roots.indistinct(
            self.system, self.input, roots, rate=self.rate, tolerance=self.effort.tolerance
        )
        return _roots.merge(roots.state, _roots.radius(roots), same)


def _thinned(group: NDArray[np.int64], roots: Roots, spacing: float) -> NDArray[np.int64]:
    """Let each point of a continuum join an earlier one nearby: a line has no number of points, only a length."""
    group = group.copy()
    kept: list[int] = []
    for row in np.flatnonzero(~roots.isolated):
        distance = np.linalg.norm(roots.state[kept] - roots.state[row], axis=1)
        if kept and distance.min() < spacing:
            group[row] = group[kept[int(distance.argmin())]]
        else:
            kept.append(row)
    return group


def _match(
    group: NDArray[np.int64], n_known: int, residual: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sort new points into groups with known ones.

    Args:
        group: Group of each point, the known ones first.
        n_known: Number of known points.
        residual: Residual of each new point.

    Returns:
        For each new point its row among all, from ``n_known`` on if its group is new; and for each new group the
        new point of least residual, which stands for it.
    """
    name = {g: k for k, g in reversed(list(enumerate(group[:n_known])))}
    first: dict[int, int] = {}
    for row, g in enumerate(group[n_known:]):
        if g not in name and (g not in first or residual[row] < residual[first[g]]):
            first[g] = row
    name.update({g: n_known + k for k, g in enumerate(first)})
    label = np.array([name[g] for g in group[n_known:]], dtype=np.int64)
    return label, np.array(list(first.values()), dtype=np.int64)
