r"""Points of a solution curve :math:`G(y) = 0`, its tangents, and the plain linear algebra that finds them."""

__all__ = [
    "Array",
    "Point",
    "correct",
    "hermite",
    "passes",
    "point_at",
    "size_of",
    "tangent",
    "where_between",
]

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from neurornn.analysis.continuation._family import Family

Array = NDArray[np.float64]
_MOST_ITERATIONS = 12
_CONTRACTION = 0.4  # of two Newton steps in a row; near a double root it is 0.5
_ROUNDING = 1e-12
_FROZEN = 1e-2


class Point(NamedTuple):
    """A point of the curve.

    Attributes:
        y: Scaled coordinates.
        t: Unit tangent, in the direction of travel.
        eigenvalue: Eigenvalues of the Jacobian of the drift in 1/ms, the least stable first.
        orientation: Sign of the determinant of the derivatives bordered by the tangent, which changes at branch
            points and nowhere else on a smooth curve.
    """

    y: Array
    t: Array
    eigenvalue: NDArray[np.complex128]
    orientation: float

    @property
    def n_unstable(self) -> int:
        """Number of eigenvalues in the right half plane."""
        return int((self.eigenvalue.real > 0).sum())

    def turned(self) -> "Point":
        """The same point travelled the other way."""
        return self._replace(t=-self.t, orientation=-self.orientation)


def size_of(y: Array) -> float:
    """Length of a vector."""
    return float(np.linalg.norm(y))


def correct(family: Family, guess: Array, normal: Array) -> Array | None:
    """The solution in the plane through a guess, by Newton's method on the bordered system.

    Args:
        family: The equations.
        guess: Where to start.
        normal: Normal of the plane the solution is sought in.

    Returns:
        The solution, or None if the steps do not contract at once or leave the path.
    """
    y, last = guess.copy(), np.inf
    matrix: Array | None = None
    for _ in range(_MOST_ITERATIONS):
        if not -1e-9 <= y[-1] <= 1 + 1e-9:
            return None
        if matrix is None:
            matrix = np.vstack([family.slope(y), normal])
        step = _solve(matrix, -np.append(family.value(y), normal @ (y - guess)))
        if step is None:
            return None
        length, scale = size_of(step), 1 + size_of(y)
        rounding = last < 1e-8 * scale
        if length > _CONTRACTION * last and not rounding:
            return None
        y = y + step
        if length <= _ROUNDING * scale or (rounding and length > 0.1 * last):
            return y
        if length > _FROZEN * last or np.isinf(last):
            matrix = None  # derivatives are kept only while the steps shrink fast
        last = length
    return None


def tangent(slope: Array, reference: Array) -> Array | None:
    """Unit tangent on the side of a reference direction."""
    n = len(slope)
    t = _solve(np.vstack([slope, reference]), np.eye(n + 1)[n])
    return None if t is None else t / np.linalg.norm(t)


def point_at(family: Family, y: Array, reference: Array) -> Point | None:
    """All that is known of a solution.

    Args:
        family: The equations.
        y: The solution.
        reference: A direction the tangent shall agree with.

    Returns:
        The point, or None where there is no tangent.
    """
    slope = family.slope(y)
    t = tangent(slope, reference)
    if t is None:
        return None
    values = np.linalg.eigvals(slope[:, :-1] * (family.rate / family.unit)).astype(np.complex128)
    values = values[np.lexsort((-values.imag, np.abs(values.imag), -values.real))]
    return Point(y, t, values, float(np.linalg.slogdet(np.vstack([slope, t]))[0]))


def hermite(a: Point, b: Point, s: float) -> tuple[Array, Array]:
    """Place and unit direction between two points, by the cubic with their tangents.

    Args:
        a: First point, at ``s = 0``.
        b: Second point, at ``s = 1``.
        s: Where between.

    Returns:
        The place and the direction.
    """
    chord = b.y - a.y
    h = size_of(chord)
    u = 1 - s
    y = a.y + s * s * (3 - 2 * s) * chord + h * s * u * (u * a.t - s * b.t)
    d = 6 * s * u * chord + h * (u * (1 - 3 * s) * a.t + s * (3 * s - 2) * b.t)
    length = size_of(d)
    return y, (d / length if length > 0 else a.t)


def where_between(a: Point, b: Point, y: Array) -> tuple[float, float]:
    """Where a place lies along a chord, from 0 to 1, and how far from it in chord lengths."""
    chord = b.y - a.y
    h = max(size_of(chord), 1e-300)
    s = float((y - a.y) @ chord) / h**2
    return s, size_of(y - a.y - s * chord) / h


def passes(family: Family, a: Point, b: Point, y: Array, tolerance: float) -> bool:
    """Whether the curve between two of its points passes through another solution.

    Args:
        family: The equations.
        a: First point.
        b: Second point.
        y: The solution asked about.
        tolerance: Distance at which two solutions are one.

    Returns:
        Whether it does.
    """
    s, aside = where_between(a, b, y)
    if min(size_of(a.y - y), size_of(b.y - y)) < tolerance:
        return True
    if not 0 <= s <= 1 or aside > 0.2:
        return False
    guess, direction = hermite(a, b, s)
    found = correct(family, guess + direction * (direction @ (y - guess)), direction)
    return found is not None and size_of(found - y) < tolerance


def _solve(A: Array, b: Array) -> Array | None:
    try:
        x = np.linalg.solve(A, b)
    except np.linalg.LinAlgError:
        return None
    return np.asarray(x) if np.isfinite(x).all() else None
