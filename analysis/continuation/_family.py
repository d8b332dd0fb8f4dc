r"""The drift as a function of state and parameter together, in scaled coordinates.

The unknowns are :math:`y = (x / \sqrt N, \theta)` with :math:`\theta` running from 0 to 1 along the path, and the
equations :math:`G(y) = F(x, p) / \rho` with the rate :math:`\rho` of the network: neither units of time nor of the
parameter matter to what follows.
"""

__all__ = ["Family", "Modes"]

from collections import OrderedDict
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from neurornn.analysis._system import System, check_drift
from neurornn.analysis.continuation._jacobian import jacobian
from neurornn.analysis.continuation._paths import Bound
from neurornn.analysis.fixed_points._newton import typical_rate

Array = NDArray[np.float64]
_CACHE = 16  # networks kept, one for each recent value of the parameter
_KEPT = 4  # decompositions kept
_STEP = float(np.finfo(np.float64).eps ** (1 / 3))  # of central differences


class Modes(NamedTuple):
    """The Jacobian of the drift at a place and its modes, all in 1/ms.

    Attributes:
        J: The Jacobian.
        value: Eigenvalues.
        right: Right eigenvectors of length 1, in columns.
        left: Left eigenvectors in rows, with product 1 with their right ones.
        condition: Most that an eigenvalue moves per unit of change of the Jacobian, infinite at defective ones.
    """

    J: Array
    value: NDArray[np.complex128]
    right: NDArray[np.complex128]
    left: NDArray[np.complex128]
    condition: Array


class Family:
    """One-parameter family of drifts in scaled coordinates.

    Args:
        bound: The path with its network.
        state: States of reference, ``(state, unit)``.
        parameter: Value of the parameter to measure the rate of the network at.

    Raises:
        ValueError: If the drift is no smooth function of the parameter.
    """

    def __init__(self, bound: Bound, state: Array, parameter: float) -> None:
        self.n_units = state.shape[1]
        self.low, self.span = bound.low, bound.high - bound.low
        self.unit = self.n_units**0.5  # length of the state in units of y
        self._at = bound.at
        self._known: OrderedDict[float, tuple[System, Tensor]] = OrderedDict()
        self._modes: OrderedDict[bytes, Modes] = OrderedDict()
        system, input = self.system((parameter - self.low) / self.span)
        rows = torch.as_tensor(state, device=system.device)
        check_drift(system, rows, input)
        self.dt = system.dt
        self.rate = max(typical_rate(*self._with_rows(theta, rows)) for theta in (0.0, 0.5, 1.0))
        self._check_smooth(state[0], (parameter - self.low) / self.span)

    def y(self, state: Array, parameter: float) -> Array:
        """Scaled coordinates of a state and a parameter."""
        return np.append(state / self.unit, (parameter - self.low) / self.span)

    def state(self, y: Array) -> Array:
        """States of scaled coordinates, ``(..., unit)``."""
        return y[..., :-1] * self.unit

    def parameter(self, y: Array) -> Array:
        """Parameters of scaled coordinates."""
        return np.asarray(self.low + self.span * y[..., -1])

    def system(self, theta: float) -> tuple[System, Tensor]:
        """The system and its input at a place along the path."""
        if theta not in self._known:
            self._known[theta] = self._at(self.low + self.span * theta)
            if len(self._known) > _CACHE:
                self._known.popitem(last=False)
        self._known.move_to_end(theta)
        return self._known[theta]

    def value(self, y: Array) -> Array:
        """Scaled drift, ``(unit,)``."""
        return self._drift(y, float(y[-1]))

    def rates(self, y: Array) -> Array:
        """Jacobian of the drift itself in 1/ms, ``(unit, unit)``."""
        system, input = self.system(float(y[-1]))
        x = torch.as_tensor(self.state(y)[None], device=system.device)
        return jacobian(system, x, input)[0].cpu().numpy()

    def modes(self, y: Array) -> Modes:
        """Jacobian and modes of the drift itself; the last few are remembered."""
        key = y.tobytes()
        if key not in self._modes:
            J = self.rates(y)
            value, right = np.linalg.eig(J)
            left = np.linalg.pinv(right) if _defective(right) else np.linalg.inv(right)
            self._modes[key] = Modes(
                J, value.astype(complex), right.astype(complex), left, np.linalg.norm(left, axis=1)
            )
            if len(self._modes) > _KEPT:
                self._modes.popitem(last=False)
        return self._modes[key]

    def slope(self, y: Array) -> Array:
        """All first derivatives, ``(unit, unit + 1)``; those along the path by central differences."""
        before, after = self._around(float(y[-1]), _STEP)
        along = (self._drift(y, after) - self._drift(y, before)) / (after - before)
        return np.column_stack([self.rates(y) * (self.unit / self.rate), along])

    def curvature(self, y: Array, weight: Array) -> Array:
        r"""Weighted second derivatives :math:`\sum_i w_i \nabla^2 G_i`, ``(unit + 1, unit + 1)``."""
        theta, n = float(y[-1]), self.n_units
        system, input = self.system(theta)
        x = torch.as_tensor(self.state(y)[None], device=system.device)
        w = torch.as_tensor(weight[None], device=system.device)
        H = np.zeros((n + 1, n + 1))
        H[:n, :n] = system.curvature(x, input, w)[0].cpu().numpy() * (self.unit**2 / self.rate)
        before, after = self._around(theta, 10 * _STEP)
        pull = [weight @ self.rates(np.append(y[:-1], each)) for each in (before, after)]
        H[:n, n] = H[n, :n] = (pull[1] - pull[0]) / (after - before) * (self.unit / self.rate)
        before, after = self._around(theta, 1e-3)
        if np.isclose(after - theta, theta - before):  # not at an end of the path
            bend = self._drift(y, after) - 2 * self._drift(y, theta) + self._drift(y, before)
            H[n, n] = weight @ bend / (after - theta) ** 2
        return H

    def _with_rows(self, theta: float, rows: Tensor) -> tuple[System, Tensor, Tensor]:
        return *self.system(theta), rows

    def _drift(self, y: Array, theta: float) -> Array:
        system, input = self.system(theta)
        x = torch.as_tensor(self.state(y)[None], device=system.device)
        return system.drift(x, input)[0].cpu().numpy() / self.rate

    def _around(self, theta: float, step: float) -> tuple[float, float]:
        """Two places that lie on the path, on both sides where there is room."""
        return max(theta - step, min(0.0, theta)), min(theta + step, max(1.0, theta))

    def _check_smooth(self, state: Array, theta: float) -> None:
        """A float32 staircase has second differences of 1e-8 over steps of 1e-6, a smooth drift 1e-12."""
        y = np.append(state / self.unit, 0.0)
        centre = min(max(theta, 0.1), 0.9)
        steps = centre + 1e-6 * np.arange(-4, 5)
        values = np.stack([self._drift(y, float(each)) for each in steps])
        bend = np.abs(np.diff(values, 2, axis=0)).max()
        if bend > 1e-9 * (1 + np.abs(values).max()):
            raise ValueError(
                f"The drift is no smooth function of the parameter: its second differences over steps of {1e-6 * self.span:g} "
                f"are {bend:.2g}. Compute what depends on the parameter in float64, as from network.double()."
            )


def _defective(right: NDArray[np.complex128]) -> bool:
    return bool(np.linalg.svd(right, compute_uv=False)[-1] < 1e-12)
