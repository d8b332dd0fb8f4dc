r"""The Kreiss constant of a matrix, with an upper bound that holds over the whole half plane.

.. math:: K(A) = \sup_{\operatorname{Re} z > 0} \operatorname{Re} z\, \lVert (z - A)^{-1} \rVert_2
          = \sup_{x > 0} x\, h(x), \qquad h(x) = \max_y \lVert (x + iy - A)^{-1} \rVert_2

For one :math:`x`, :math:`\sigma` is a singular value of :math:`x + iy - A` for some :math:`y` exactly if :math:`iy` is
an eigenvalue of

.. math:: \begin{pmatrix} A - x & \sigma \\ -\sigma & x - A^\top \end{pmatrix},

so eigenvalues tell whether :math:`h(x) > 1/\sigma` anywhere on the line. Between two lines :math:`\log h` lies below
its chord, by Hadamard's three lines theorem; beyond the numerical abscissa :math:`\omega`, :math:`h(x) \le 1 / (x -
\omega)`; and :math:`x\,h(x) \le x\,h(0)` near the axis. Intervals are divided until these bounds agree with the
largest value seen.
"""

__all__ = ["kreiss"]

from itertools import pairwise
from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy.optimize import minimize

Array = NDArray[np.float64]
_GAP = 1e-3  # between the value and its upper bound, relative
_LEVEL = 1e-4  # how far above the largest value seen a line is tested for more
_NEAR = 1e-5  # of the size of the matrix: eigenvalues this close to the axis are looked at
_MOST_LINES = 400
_ROUNDS = 30
_EPS = np.finfo(np.float64).eps


class _Line(NamedTuple):
    """One line of the half plane.

    Attributes:
        x: Its real part.
        y: Where the resolvent is largest, as far as seen.
        low: Logarithm of the resolvent there.
        high: Upper bound on the logarithm of the resolvent on the line.
    """

    x: float
    y: float
    low: float
    high: float


def kreiss(J: Array, eigenvalue: NDArray[np.complex128]) -> tuple[float, float]:
    r"""Kreiss constant of a stable matrix.

    Args:
        J: A square matrix whose eigenvalues have negative real parts.
        eigenvalue: Its eigenvalues.

    Returns:
        The value, attained at some :math:`z`, and an upper bound. Both are 1 if :math:`\omega \le 0`, when nothing
        grows, and NaN if the matrix is not stable or too close to it for a numerical answer.

    References:
        Computing the Kreiss constant of a matrix (Mitchell, 2020), for the problem and other ways to its solution
        https://arxiv.org/abs/1907.06537
    """
    size = float(np.linalg.norm(J, 2))
    if not size > 0 or eigenvalue.real.max() >= -_EPS * size * len(J):
        return np.nan, np.nan
    omega = float(np.linalg.eigvalsh((J + J.T) / 2)[-1])
    if omega <= 4 * _EPS * size:
        return 1.0, 1.0
    search = _Search(J / size, eigenvalue.imag / size, omega / size)
    return search.run()


class _Search:
    """Branch and bound over lines, for a matrix of norm 1."""

    def __init__(self, A: Array, imaginary: Array, omega: float) -> None:
        self.A, self.omega = A, omega
        self.T, self.Q = scipy.linalg.schur(A.astype(complex), output="complex")
        self.frequencies = np.unique(np.abs(imaginary))
        self.best = 0.0  # logarithm of the largest x |resolvent|
        self.at = (omega, 0.0)

    def run(self) -> tuple[float, float]:
        """The constant and its upper bound."""
        first = self.line(0.0, ())
        start = self.line(max(self.omega, 1e-3), (first.y,))
        self.climb()
        far = self.line(self.far(), (start.y,))
        lines = sorted([first, self.line(self.at[0], (self.at[1],)), start, far], key=lambda each: each.x)
        while len(lines) < _MOST_LINES:
            bounds = [_bound(a, b) for a, b in pairwise(lines)]
            worst = int(np.argmax([value for value, _ in bounds]))
            if bounds[worst][0] <= self.best + _GAP:
                break
            a, b = lines[worst], lines[worst + 1]
            before = self.best
            lines.insert(worst + 1, self.line(bounds[worst][1], (a.y, b.y)))
            if self.best > before:
                self.climb()
        tail = np.log(far.x / (far.x - self.omega))
        upper = max(tail, self.best, *(_bound(a, b)[0] for a, b in pairwise(lines)))
        return float(np.exp(self.best)), float(np.exp(upper))

    def far(self) -> float:
        """A line beyond which nothing can be larger than what is known."""
        known = np.exp(self.best + 0.5 * _GAP)
        return float(self.omega * known / (known - 1))

    def line(self, x: float, near: tuple[float, ...]) -> _Line:
        """The largest resolvent on a line, with an upper bound."""
        n = len(self.A)
        spread = self.frequencies[:: max(1, len(self.frequencies) // 4)]
        y, low = max(((y, self.resolvent(x, y)) for y in {0.0, *near, *spread.tolist()}), key=lambda e: e[1])
        level = _LEVEL
        B = self.A - x * np.eye(n)
        for _ in range(_ROUNDS):
            sigma = float(np.exp(-low - level)) * np.eye(n)
            values = np.linalg.eigvals(np.block([[B, sigma], [-sigma, -B.T]]))
            close = np.unique(np.abs(values.imag[np.abs(values.real) <= _NEAR * max(1.0, x)]))
            tried = np.concatenate([close, 0.5 * (close[1:] + close[:-1]), 0.5 * close[:1]])
            found = [self.resolvent(x, float(each)) for each in tried]
            if not found or max(found) <= low + level * (1 - 1e-6):
                break
            y, low = float(tried[int(np.argmax(found))]), max(found)
        else:
            level = np.inf
        if x > 0 and np.log(x) + low > self.best:
            self.best, self.at = float(np.log(x) + low), (x, y)
        return _Line(x, y, low, low + level)

    def resolvent(self, x: float, y: float) -> float:
        """Logarithm of the norm of the resolvent."""
        smallest = float(scipy.linalg.svdvals((x + 1j * y) * np.eye(len(self.A)) - self.T)[-1])
        return float(-np.log(max(smallest, 1e-300)))

    def climb(self) -> None:
        """To the top of the hill that the largest value seen stands on."""
        start = np.array([np.log(self.at[0]), self.at[1]])
        found = minimize(self._value, start, jac=True, method="BFGS", options={"gtol": 1e-9, "maxiter": 60})
        if -found.fun > self.best and np.isfinite(found.fun):
            self.best, self.at = float(-found.fun), (float(np.exp(found.x[0])), float(abs(found.x[1])))

    def _value(self, place: Array) -> tuple[float, Array]:
        """The negative of log x - log sigma, and its derivatives with respect to log x and y."""
        x = float(np.exp(np.clip(place[0], -600, 600)))
        U, S, Vh = scipy.linalg.svd((x + 1j * place[1]) * np.eye(len(self.A)) - self.T)
        smallest = max(float(S[-1]), 1e-300)
        turn = complex(U[:, -1].conj() @ Vh[-1].conj())
        slope = np.array([1 - x * turn.real / smallest, turn.imag / smallest])
        return float(np.log(smallest)) - float(place[0]), -slope


def _bound(a: _Line, b: _Line) -> tuple[float, float]:
    """The most that log x + log h can be between two lines, and where the interval is to be divided."""
    if a.x <= 0:
        if not np.isfinite(a.high):
            return np.inf, 0.25 * b.x
        slope = (b.high - a.high) / b.x
        top = min(b.x, -1 / slope) if slope < 0 else b.x
        return float(np.log(top) + a.high + slope * top), 0.25 * b.x
    slope = (b.high - a.high) / (b.x - a.x)
    top = float(np.clip(-1 / slope, a.x, b.x)) if slope < 0 else b.x
    value = float(np.log(top) + a.high + slope * (top - a.x))
    inner = np.sqrt(a.x * b.x) if b.x > 4 * a.x else 0.5 * (a.x + b.x)
    return value, float(top if 1.02 * a.x < top < b.x / 1.02 else inner)
