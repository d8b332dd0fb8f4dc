"""Along a line or a ring, step by step, until it closes or ends."""

__all__ = ["TOLERANCE", "Traced", "trace"]

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurornn.analysis.attractors._correct import Corrected, correct
from neurornn.analysis.attractors._slowness import Measure

TOLERANCE = 1e-12
"""Size of the drift across the manifold that is allowed, relative to rate * (1 + |x|)."""
_STEP = 0.05  # of the radius of the region
_SHORTEST = 2.0**-6  # of the step: the end of a line is found this precisely
_COS_TURN = np.cos(np.deg2rad(10))  # a sharper turn asks for a shorter step
_MOST_STATES = 2000


class Traced(NamedTuple):
    """A curve on the slow manifold.

    Attributes:
        states: States along it, in order, ``(state, unit)``.
        closed: Whether the last state is followed by the first.
        ends: Why it ends, at the first state and at the last.
    """

    states: NDArray[np.float64]
    closed: bool
    ends: tuple[str, str]


def trace(measure: Measure, start: Tensor) -> Traced:
    """Follow the slow direction both ways.

    Args:
        measure: The criterion at the input held.
        start: A state with one slow mode, ``(unit,)``.

    Returns:
        The curve; a single state if there is none.
    """
    first = _first(measure, start)
    if not first.converged.item():
        return Traced(start[None].cpu().numpy(), False, ("no slow curve", "no slow curve"))
    reason = measure.lacks(first.state, 1)[0]
    if reason:
        return Traced(first.state.cpu().numpy(), False, (reason, reason))
    forward, end, closed = _walk(measure, first, 1.0)
    if closed:
        return Traced(torch.cat([first.state, *forward]).cpu().numpy(), True, ("closed", "closed"))
    backward, begin, _ = _walk(measure, first, -1.0)
    return Traced(torch.cat([*backward[::-1], first.state, *forward]).cpu().numpy(), False, (begin, end))


def _first(measure: Measure, start: Tensor) -> Corrected:
    J = measure.system.jacobian(start[None], measure.input)
    values, vectors = torch.linalg.eig(J[0])
    slowest = vectors[:, values.abs().argmin()].real  # a lone slow eigenvalue is real
    guess = (slowest / slowest.norm())[None, :, None]
    return correct(measure.system, measure.input, start[None], guess, rate=measure.rate, tolerance=TOLERANCE)


def _walk(measure: Measure, first: Corrected, sign: float) -> tuple[list[Tensor], str, bool]:
    """States after the first, why there are no more, and whether the first was met again."""
    longest = _STEP * measure.radius
    states: list[Tensor] = []
    x, t, h = first.state, sign * first.basis, longest
    origin, heading = first.state[0], sign * first.basis[0, :, 0]
    gone = 0.0
    while len(states) < _MOST_STATES:
        predicted = x + h * t[:, :, 0]
        new = correct(measure.system, measure.input, predicted, t, rate=measure.rate, tolerance=TOLERANCE)
        cosine = float((new.basis * t).sum().abs())
        off = float((new.state - predicted).norm())
        reason = "" if new.converged.item() and off < 0.5 * h and cosine > _COS_TURN else "no slow curve"
        if not reason:
            reason = measure.lacks(new.state, 1)[0]
        if reason:
            h /= 2
            if h < _SHORTEST * longest:
                return states, reason, False
            continue
        ahead = new.basis * torch.sign((new.basis * t).sum())
        if gone > 2 * h and _passes(x[0], new.state[0], origin) and float(heading @ ahead[0, :, 0]) > 0.9:
            return states, "closed", True
        gone += float((new.state - x).norm())
        states.append(new.state)
        x, t = new.state, ahead
        h = min(longest, 1.5 * h)
    return states, "too long to follow", False


def _passes(a: Tensor, b: Tensor, point: Tensor) -> bool:
    """Whether the way from a to b passes a point, closely for its length."""
    d = b - a
    length = float(d.norm())
    along = float((point - a) @ d) / length**2
    return 0 <= along <= 1 and float((point - a - along * d).norm()) < 0.25 * length
