"""The stable fixed points that states may flow to: those given, and those met on the way."""

__all__ = ["Memories", "as_attractors", "remember"]

from dataclasses import dataclass, field

import numpy as np
import torch
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from neurornn.analysis._system import System, check_drift, freeze, plain
from neurornn.analysis.fixed_points._newton import FIXED, solve, typical_rate
from neurornn.analysis.fixed_points._roots import examine
from neurornn.analysis.landscape._held import with_weights_held
from neurornn.analysis.landscape._trap import Trap, inside, trap
from neurornn.analysis.systems import HasDrift

_TOLERANCE = 1e-10
_SAME = 1e-6  # fixed points closer than this times (1 + |x|) are one


@dataclass(eq=False)
class Memories:
    """Attractors of a system at one input.

    Attributes:
        network: The system analysed, as it was given.
        system: Its frozen copy.
        input: Input held, ``(input,)``.
        discrete: Whether attractors of the map are meant.
        rate: Scale of the drift in 1/ms.
        traps: One neighbourhood for each attractor known.
        n_given: How many of them were given; the others were met on the way.
    """

    network: HasDrift
    system: System
    input: Tensor
    discrete: bool
    rate: float
    traps: list[Trap] = field(default_factory=list)
    n_given: int = 0

    @property
    def states(self) -> NDArray[np.float64]:
        """Positions, ``(attractor, unit)``."""
        return np.array([each.state for each in self.traps]).reshape(-1, self.system.n_units)

    @property
    def patience(self) -> float:
        """Time in ms that states are given to arrive: 100 time scales of the network, 20 of the slowest attractor."""
        slowest = max((each.time_constant for each in self.traps), default=0.0)
        return max(100 / self.rate, 20 * slowest)

    def place(self, state: Tensor) -> Tensor:
        """The attractor in whose trap each state is, or -1."""
        label = torch.full((len(state),), -1, dtype=torch.long, device=state.device)
        for k, each in enumerate(self.traps):
            label[inside(each, state)] = k
        return label

    def add(self, states: NDArray[np.float64]) -> int:
        """Add the fixed points among these that are stable and new; gives their number."""
        before = len(self.traps)
        for state in states:
            known = self.states
            gap = np.linalg.norm(known - state, axis=1).min() if len(known) else np.inf
            if gap <= _SAME * (1 + np.linalg.norm(state)):
                continue
            found = trap(self.network, self.system, self.input, state, rate=self.rate, discrete=self.discrete)
            if found.radius > 0:
                self.traps.append(found)
        return len(self.traps) - before

    def look_around(self, states: Tensor) -> int:
        """Add stable fixed points that Newton's method reaches from these states; gives their number."""
        return self.add(self.polish(states)[0][0]) if len(states) else 0

    def polish(self, states: Tensor) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], Tensor]:
        """Fixed points that Newton's method reaches, with error bounds, and for which of the states it did."""
        rows = states.isfinite().all(1)
        reach = max(1e-3, float(states[rows].std()) if int(rows.sum()) > 1 else 1e-3)
        solved = solve(
            self.system,
            self.input,
            states.nan_to_num(),
            rate=self.rate,
            reach=reach,
            tolerance=_TOLERANCE,
            max_iterations=60,
        )
        reached = (solved.status == FIXED) & rows
        if not bool(reached.any()):
            return (np.empty((0, self.system.n_units)), np.empty(0)), reached
        roots = examine(self.system, self.input, solved.state[reached], rate=self.rate, tolerance=_TOLERANCE)
        return (roots.state, roots.bound), reached


def remember(
    network: HasDrift,
    n_units: int,
    input: NDArray[np.float64],
    attractors: NDArray[np.float64] | None,
    *,
    discrete: bool,
    sample: NDArray[np.float64],
) -> Memories:
    """Freeze a network and verify the attractors given.

    Args:
        network: Network without noise.
        n_units: Dimension of its state.
        input: Input held.
        attractors: States of stable fixed points, or None.
        discrete: Whether attractors of the map are meant.
        sample: Some states, to tell the scale of the drift.

    Returns:
        The attractors, each with a trap.

    Raises:
        ValueError: If one of those given is no stable fixed point.
    """
    system = with_weights_held(freeze(network, n_units))
    held = torch.as_tensor(input, device=system.device)
    some = torch.as_tensor(sample[:64], device=system.device)
    check_drift(system, some, held)
    memories = Memories(network, system, held, discrete, typical_rate(system, held, some))
    for k, state in enumerate([] if attractors is None else attractors):
        (found, _), reached = memories.polish(torch.as_tensor(state, device=system.device)[None])
        gap = float(np.linalg.norm(found[0] - state)) if bool(reached.any()) else np.inf
        if gap > 1e-2 * (1 + np.linalg.norm(state)):
            near = "none is near" if gap == np.inf else f"the nearest found is {gap:.3g} away"
            raise ValueError(
                f"attractors[{k}] is no fixed point at this input: {near}. Find them at the input that is held, or pass None."
            )
        n_known = len(memories.traps)
        if memories.add(found) == 0 and _is_new(found[0], memories.states[:n_known]):
            kind = "the map with its time step" if discrete else "the differential equation"
            raise ValueError(
                f"attractors[{k}] is a fixed point but no attractor of {kind}: a mode grows or does not decay. "
                "Pass stable points only, or a dataset of fixed_points.find, of which the stable ones are taken."
            )
    memories.n_given = len(memories.traps)
    return memories


def as_attractors(
    attractors: xr.Dataset | ArrayLike | Tensor | None,
    n_units: int,
    input: NDArray[np.float64],
    discrete: bool,
) -> NDArray[np.float64] | None:
    """States of attractors, ``(attractor, unit)``, from what a user gives.

    Args:
        attractors: Result of ``fixed_points.find``, states, or None.
        n_units: Dimension of the state.
        input: Input held; of a dataset only the points found at this input are taken.
        discrete: Whether points must be stable for the map, rather than for the differential equation.

    Returns:
        The states, or None.

    Raises:
        ValueError: If the shape is wrong or the dataset has no points at this input.
    """
    if attractors is None:
        return None
    if isinstance(attractors, xr.Dataset):
        rows = attractors["inputs"].values
        here = np.all(rows == input, axis=1) if rows.shape[1] == input.size else np.zeros(len(rows), bool)
        if not here.any():
            raise ValueError(
                f"The fixed points given were found at the inputs {np.unique(rows, axis=0).tolist()}, none of them "
                f"the one held: {input.tolist()}. Find them at this input, or pass attractors=None."
            )
        stable = (
            attractors["stable_map" if discrete else "stable_ode"].values & attractors["converged"].values
        )
        values = attractors["state"].transpose("fixed_point", "unit").values[here & stable]
    else:
        values = np.atleast_2d(plain(attractors))
    if values.ndim != 2 or values.shape[1] != n_units or not np.isfinite(values).all():
        raise ValueError(
            f"attractors must be finite states of {n_units} units, (attractor, unit): got shape {values.shape}."
        )
    return values


def _is_new(state: NDArray[np.float64], known: NDArray[np.float64]) -> bool:
    gaps = np.linalg.norm(known - state, axis=1)
    return not bool((gaps <= _SAME * (1 + np.linalg.norm(state))).any())
