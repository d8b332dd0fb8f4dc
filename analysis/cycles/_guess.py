"""Guesses of cycles from recurrences of trajectories."""

__all__ = ["ATTEMPTS", "Guess", "guesses"]

from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline

from neurornn.analysis.cycles._flow import Array, Flow

ATTEMPTS = ("forwards", "nearby", "backwards")
_BLOCK = 2**23  # numbers of the trajectories held at a time
_REST = 1e-7  # speed at which a trajectory has come to rest, relative to the rate of the network


class Guess(NamedTuple):
    """A loop that nearly closes.

    Attributes:
        nodes: States at equal phases, ``(piece, unit)``.
        period: Its duration in ms.
    """

    nodes: Array
    period: float


def guesses(
    flow: Flow, state: Array, duration: float, n_times: int, n_pieces: int
) -> list[tuple[Guess | str, ...]]:
    """Three attempts from each state.

    The attracting cycle that the trajectory ends on; the cycle nearest to the state itself, whether it attracts or
    not, from the first return; and the repelling cycle that the trajectory came from, by running time backwards.

    Args:
        flow: The flow.
        state: Where to start, ``(state, unit)``.
        duration: How long to run in ms.
        n_times: Number of times to look at.
        n_pieces: Number of states along the loop.

    Returns:
        For each state a guess, or in words why there is none, for each of ``ATTEMPTS``.
    """
    block = max(1, _BLOCK // (n_times * state.shape[1]))
    found: list[tuple[Guess | str, ...]] = []
    for first in range(0, len(state), block):
        part = state[first : first + block]
        forth = flow.run(part, duration, n_times, tolerance=1e-8)
        back = flow.run(part, -duration, n_times, tolerance=1e-8)
        found += [
            (
                _settled(flow, ahead, duration, n_pieces),
                _first_return(flow, ahead, duration, n_pieces),
                _settled(flow, behind, duration, n_pieces, backwards=True),
            )
            for ahead, behind in zip(forth, back, strict=True)
        ]
    return found


def _settled(
    flow: Flow, path: Array, duration: float, n_pieces: int, *, backwards: bool = False
) -> Guess | str:
    """The last loop of a trajectory, or of one along which time ran backwards."""
    end = path[-1]
    if not np.isfinite(path).all():
        return "too stiff to follow"
    if flow.ran_away(end):
        return "ran away"
    speed = flow.velocity(end[None])[0] * (-1.0 if backwards else 1.0)
    if np.linalg.norm(speed) < _REST * flow.rate * flow.size:
        return "came to rest"
    loop = _return(path[::-1], -speed, duration)  # seen from the end
    if loop is None:
        return "did not return"
    states, period = loop
    return _cut(states if backwards else states[::-1], period, n_pieces)


def _first_return(flow: Flow, path: Array, duration: float, n_pieces: int) -> Guess | str:
    if not np.isfinite(path).all():
        return "too stiff to follow"
    speed = flow.velocity(path[:1])[0]
    if np.linalg.norm(speed) < _REST * flow.rate * flow.size:
        return "came to rest"
    loop = _return(path, speed, duration)
    return "did not return" if loop is None else _cut(*loop, n_pieces)


def _return(path: Array, speed: Array, duration: float) -> tuple[Array, float] | None:
    """The stretch of a path from its first state until it passes that again in the same direction."""
    ahead = (path - path[0]) @ speed
    passes = np.flatnonzero((ahead[1:-1] < 0) & (ahead[2:] >= 0)) + 1
    if not len(passes):
        return None
    share = ahead[passes] / (ahead[passes] - ahead[passes + 1])
    there = path[passes] + share[:, None] * (path[passes + 1] - path[passes])
    gap = np.linalg.norm(there - path[0], axis=1)
    width = np.array([np.linalg.norm(np.ptp(path[: k + 2], axis=0)) for k in passes])
    good = (gap < 0.5 * width) & (gap <= 1.5 * gap.min() + 1e-3 * width)
    if not good.any():
        return None
    best = int(np.flatnonzero(good)[0])
    k = int(passes[best])
    period = (k + share[best]) * duration / (len(path) - 1)
    return np.concatenate([path[: k + 1], there[best, None]]), float(period)


def _cut(states: Array, period: float, n_pieces: int) -> Guess:
    """States at equal phases of a loop, roughly: one of its intervals is shorter than the others."""
    places = np.linspace(0.0, 1.0, len(states))
    return Guess(CubicSpline(places, states)(np.arange(n_pieces) / n_pieces), period)
