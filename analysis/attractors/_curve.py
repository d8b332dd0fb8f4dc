"""Length, tangent and curvature of lines and rings given by states along them."""

__all__ = ["Curve"]

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid
from scipy.interpolate import CubicSpline

_GAUSS = np.polynomial.legendre.leggauss(5)


class Curve:
    """A smooth curve through states, in terms of its arc length.

    Args:
        states: States in order, ``(state, unit)``; the first is not repeated at the end of a closed curve.
        closed: Whether it returns to the first.
    """

    def __init__(self, states: NDArray[np.float64], closed: bool) -> None:
        self.states, self.closed = states, closed
        through = np.concatenate([states, states[:1]]) if closed else states
        chord = np.append(0.0, np.linalg.norm(np.diff(through, axis=0), axis=1).cumsum())
        kind = "periodic" if closed and len(states) > 2 else "not-a-knot"
        spline = CubicSpline(chord, through, bc_type=kind)
        for _ in range(2):  # from the length of the chords to the length of the spline
            chord = np.append(0.0, _lengths(spline).cumsum())
            spline = CubicSpline(chord, through, bc_type=kind)
        self.spline, self.length = spline, float(chord[-1])
        self.arclength = chord[: len(states)]

    def evenly(self, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """States and unit tangents at equal distances.

        Args:
            n: Number of states.

        Returns:
            States and tangents, ``(n, unit)``.
        """
        s = np.linspace(0, self.length, n, endpoint=not self.closed)
        return np.asarray(self.spline(s)), self.tangent(s)

    def tangent(self, arclength: NDArray[np.floating]) -> NDArray[np.float64]:
        """Unit tangents.

        Args:
            arclength: Places along the curve.

        Returns:
            Tangents, ``(place, unit)``.
        """
        slope = self.spline(arclength, 1)
        return np.asarray(slope / np.linalg.norm(slope, axis=1, keepdims=True))

    def curvature(self, arclength: NDArray[np.floating]) -> NDArray[np.float64]:
        """Curvature, one over the radius.

        Args:
            arclength: Places along the curve.

        Returns:
            Curvatures in 1 per unit of the state.
        """
        first, second = self.spline(arclength, 1), self.spline(arclength, 2)
        speed = np.linalg.norm(first, axis=1)
        across = second - first * ((first * second).sum(1) / speed**2)[:, None]
        return np.asarray(np.linalg.norm(across, axis=1) / speed**2)

    @property
    def total_curvature(self) -> float:
        """Angle turned along the whole curve in radians."""
        s = np.linspace(0, self.length, 40 * len(self.states) + 1)
        return float(trapezoid(self.curvature(s), s))

    def nearest(self, states: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where states come closest to the curve.

        Args:
            states: States, ``(state, unit)``.

        Returns:
            Distances, and places along the curve.
        """
        s = np.linspace(0, self.length, 20 * len(self.states) + 1)
        where = self.spline(s)
        d = np.diff(where, axis=0)
        size = (d**2).sum(1)
        distance, place = np.empty(len(states)), np.empty(len(states))
        for row, state in enumerate(states):
            along = (((state - where[:-1]) * d).sum(1) / size).clip(0, 1)
            gap = np.linalg.norm(where[:-1] + along[:, None] * d - state, axis=1)
            best = int(gap.argmin())
            distance[row], place[row] = gap[best], s[best] + along[best] * (s[1] - s[0])
        return distance, place


def _lengths(spline: CubicSpline) -> NDArray[np.float64]:
    """Lengths of the pieces of a spline."""
    nodes, weights = _GAUSS
    left, right = spline.x[:-1], spline.x[1:]
    t = 0.5 * (left + right)[:, None] + 0.5 * (right - left)[:, None] * nodes
    speed = np.linalg.norm(spline(t, 1), axis=-1)
    return np.asarray(0.5 * (right - left) * (speed @ weights))
